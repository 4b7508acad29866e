# Kubernetes 1.20 from Debian's source package. Sourced by hack/cluster.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of use_kubernetes

# The Go that still builds it.
DEBIAN_GO=/usr/lib/go-1.19/bin/go

debian_programs() { kubernetes_programs; }

# debian_prepare WORK LOG: each step leaves a stamp behind.
debian_prepare() {
  "$HACK_DIR/deps" kubernetes
  [ -e "$1/unpacked" ] || step "source fetched and unpacked" debian_source "$1" "$2"
  [ -e "$1/generated" ] || step "OpenAPI definitions generated" debian_openapi "$1" "$2"
}

# Debian's default sources list no source packages. apt gets lists of its own in
# the build folder, made from the machine's: the machine's stay as they are.
debian_apt() {
  local apt=$1
  shift
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache::srcpkgcache="" \
    -o Dir::Cache::pkgcache="" -o APT::Sandbox::User=root "$@"
}

debian_apt_lists() {
  local apt=$1 file
  mkdir -p "$apt/parts" "$apt/lists/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -s "$file" ] || continue
    sed -n 's/^deb\(-src\)\?\([[:space:]]\)/deb-src\2/p' "$file" >"$apt/parts/$(basename "${file%.list}").list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -s "$file" ] || continue
    sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/$(basename "$file")"
  done
}

debian_source() {
  local work=$1 log=$2 version gopath=$1/go
  debian_apt_lists "$work/apt"
  # One broken foreign source must not stop Debian's: what counts is the lookup.
  debian_apt "$work/apt" update >>"$log" 2>&1 || true
  version=$(debian_apt "$work/apt" --only-source --print-uris source kubernetes 2>>"$log" |
    sed -n "s/.* kubernetes_\(.*\)\.dsc .*/\1/p")
  case $version in
    "$KUBERNETES_VERSION"* | *really"$KUBERNETES_VERSION"*) ;;
    "") die "apt finds no source package 'kubernetes'; its words are in $log. Is a Debian mirror in /etc/apt reachable?" ;;
    *) die "the source package 'kubernetes' here is $version; $KUBERNETES_VERSION is needed, which Debian 12 (bookworm) has" ;;
  esac
  rm -rf "$work/kubernetes-"* "$gopath"
  (cd "$work" && debian_apt "$work/apt" --only-source source kubernetes >>"$log" 2>&1) ||
    die "fetching the source package failed: see $log"
  mkdir -p "$gopath/src/k8s.io"
  mv "$work"/kubernetes-*/ "$gopath/src/k8s.io/kubernetes"
  # The vendored reflect2 1.0.1 crashes whatever Go 1.18 or later builds with it.
  local reflect2=$gopath/src/k8s.io/kubernetes/vendor/github.com/modern-go/reflect2
  rm -rf "$reflect2"
  cp -RL /usr/share/gocode/src/github.com/modern-go/reflect2 "$reflect2"
  rm -rf "$work/apt" "$work"/kubernetes_*
  touch "$work/unpacked"
}

# debian_go WORK ARGUMENT...: Go over the unpacked tree and nothing else.
debian_go() {
  local work=$1
  shift
  (cd "$work/go/src/k8s.io/kubernetes" &&
    env -u GOROOT -u GOFLAGS GOPATH="$work/go" GOCACHE="$work/cache" GO111MODULE=off \
      CGO_ENABLED=0 "$DEBIAN_GO" "$@")
}

# Debian's tarball leaves out the generated OpenAPI definitions.
debian_openapi() {
  local work=$1 log=$2 tree=$1/go/src/k8s.io/kubernetes dirs
  debian_go "$work" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen >>"$log" 2>&1 ||
    build_failed openapi-gen "$log"
  dirs=$(cd "$tree" && grep -rl --include='*.go' '^// +k8s:openapi-gen=' pkg cmd plugin staging/src |
    xargs -n1 dirname | sort -u | sed 's,^staging/src/,vendor/,; s,^,k8s.io/kubernetes/,' | paste -sd,)
  (cd "$tree" && GOPATH=$work/go GO111MODULE=off GOCACHE=$work/cache PATH=${DEBIAN_GO%/*}:$PATH \
    "$work/openapi-gen" -O zz_generated.openapi -h hack/boilerplate/boilerplate.generatego.txt \
    -p k8s.io/kubernetes/pkg/generated/openapi --input-dirs "$dirs" -r "$work/violations" \
    >>"$log" 2>&1) || die "generating the OpenAPI definitions failed: see $log"
  touch "$work/generated"
}

# debian_compile WORK PROGRAM LOG
debian_compile() {
  local work=$1 program=$2 log=$3 flags
  flags="-s -w $(kubernetes_flags k8s.io/component-base/version k8s.io/client-go/pkg/version \
    k8s.io/kubernetes/vendor/k8s.io/component-base/version k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version)"
  debian_go "$work" build -trimpath -ldflags "$flags" -o "$work/$program" "./cmd/$program" >>"$log" 2>&1 ||
    build_failed "$program" "$log"
  # Whole or not at all: the cache never holds half a program.
  mv "$work/$program" "$KUBERNETES_CACHE/bin/$program"
}
