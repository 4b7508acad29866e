# Builds Kubernetes from Debian's source package, once, into a cache. Sourced by
# hack/cluster. Why from source: Debian has no package of the API server, and no
# binary may come from anywhere but Debian.
# shellcheck shell=bash

KUBERNETES_VERSION=1.20.2
KUBERNETES_PROGRAMS="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy"
KUBERNETES_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/istio-operator/kubernetes-$KUBERNETES_VERSION
KUBERNETES_CACHE=${ISTIO_OPERATOR_KUBERNETES_CACHE:-$KUBERNETES_CACHE}
KUBERNETES_GO=/usr/lib/go-1.19/bin/go

# kubernetes_missing PROGRAM...: prints those that the cache lacks.
kubernetes_missing() {
  local program
  for program in "$@"; do
    [ -x "$KUBERNETES_CACHE/bin/$program" ] || echo "$program"
  done
}

# kubernetes_ensure PROGRAM...: builds what the cache lacks. Several immediately are
# fine: one builds, the others wait for it.
kubernetes_ensure() {
  local missing lock
  [ -n "$(kubernetes_missing "$@")" ] || return 0
  require_root
  mkdir -p "$KUBERNETES_CACHE/bin"
  exec {lock}>"$KUBERNETES_CACHE/lock"
  if ! flock -n "$lock"; then
    say "waiting for another build of Kubernetes to end ..."
    flock "$lock"
  fi
  mapfile -t missing < <(kubernetes_missing "$@")
  # The lock belongs to this function: children that live on must not hold it.
  [ ${#missing[@]} = 0 ] || kubernetes_build "${missing[@]}" {lock}>&-
  exec {lock}>&-
}

# kubernetes_build PROGRAM...: every stage leaves a stamp or a program behind, so
# an interrupted build goes on where it stopped.
kubernetes_build() {
  local work=$KUBERNETES_CACHE/build program start
  local log=$KUBERNETES_CACHE/build.log
  start=$(now_ms)
  say "building Kubernetes $KUBERNETES_VERSION ($*) from Debian's source package;"
  say "  some minutes, once; kept in $KUBERNETES_CACHE; log: $log"
  "$HACK_DIR/deps" kubernetes
  mkdir -p "$work"
  [ -e "$work/unpacked" ] || step "source fetched and unpacked" kubernetes_source "$work" "$log"
  [ -e "$work/generated" ] || step "OpenAPI definitions generated" kubernetes_openapi "$work" "$log"
  for program in "$@"; do
    step "$program built" kubernetes_compile "$work" "$program" "$log"
  done
  # The tree and Go's cache take 3 GB: dropped once nothing is left to build.
  # shellcheck disable=SC2086
  [ -n "$(kubernetes_missing $KUBERNETES_PROGRAMS)" ] || rm -rf "$work"
  say "Kubernetes built in $(since "$start")"
}

# Debian's default sources list no source packages. apt gets lists of its own in
# the build folder, made from the machine's: the machine's stay as they are.
kubernetes_apt() {
  local apt=$1
  shift
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache::srcpkgcache="" \
    -o Dir::Cache::pkgcache="" -o APT::Sandbox::User=root "$@"
}

kubernetes_apt_lists() {
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

kubernetes_source() {
  local work=$1 log=$2 version gopath=$1/go
  kubernetes_apt_lists "$work/apt"
  # One broken foreign source must not stop Debian's: what counts is the lookup.
  kubernetes_apt "$work/apt" update >>"$log" 2>&1 || true
  version=$(kubernetes_apt "$work/apt" --only-source --print-uris source kubernetes 2>>"$log" |
    sed -n "s/.* kubernetes_\(.*\)\.dsc .*/\1/p")
  case $version in
    "$KUBERNETES_VERSION"* | *really"$KUBERNETES_VERSION"*) ;;
    "") die "apt finds no source package 'kubernetes'; its words are in $log. Is a Debian mirror in /etc/apt reachable?" ;;
    *) die "the source package 'kubernetes' here is $version; $KUBERNETES_VERSION is needed, which Debian 12 (bookworm) has" ;;
  esac
  rm -rf "$work/kubernetes-"* "$gopath"
  (cd "$work" && kubernetes_apt "$work/apt" --only-source source kubernetes >>"$log" 2>&1) ||
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

# kubernetes_go WORK ARGUMENT...: Go over the unpacked tree and nothing else.
kubernetes_go() {
  local work=$1
  shift
  (cd "$work/go/src/k8s.io/kubernetes" &&
    env -u GOROOT -u GOFLAGS GOPATH="$work/go" GOCACHE="$work/cache" GO111MODULE=off \
      CGO_ENABLED=0 "$KUBERNETES_GO" "$@")
}

# Debian's tarball leaves out the generated OpenAPI definitions.
kubernetes_openapi() {
  local work=$1 log=$2 tree=$1/go/src/k8s.io/kubernetes dirs
  kubernetes_go "$work" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen >>"$log" 2>&1 ||
    die "building openapi-gen failed: see $log"
  dirs=$(cd "$tree" && grep -rl --include='*.go' '^// +k8s:openapi-gen=' pkg cmd plugin staging/src |
    xargs -n1 dirname | sort -u | sed 's,^staging/src/,vendor/,; s,^,k8s.io/kubernetes/,' | paste -sd,)
  (cd "$tree" && GOPATH=$work/go GO111MODULE=off GOCACHE=$work/cache PATH=${KUBERNETES_GO%/*}:$PATH \
    "$work/openapi-gen" -O zz_generated.openapi -h hack/boilerplate/boilerplate.generatego.txt \
    -p k8s.io/kubernetes/pkg/generated/openapi --input-dirs "$dirs" -r "$work/violations" \
    >>"$log" 2>&1) || die "generating the OpenAPI definitions failed: see $log"
  touch "$work/generated"
}

kubernetes_compile() {
  local work=$1 program=$2 log=$3 flags="-s -w" package
  # Without these, /version would say v0.0.0 and clients would not know the server.
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version \
    k8s.io/kubernetes/vendor/k8s.io/component-base/version k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=v$KUBERNETES_VERSION -X $package.gitMajor=1"
    flags+=" -X $package.gitMinor=20 -X $package.gitTreeState=clean"
    flags+=" -X $package.gitCommit=debian -X $package.buildDate=2021-01-13T00:00:00Z"
  done
  kubernetes_go "$work" build -trimpath -ldflags "$flags" -o "$work/$program" "./cmd/$program" >>"$log" 2>&1 ||
    die "building $program failed: see $log"
  # Whole or not at all: the cache never holds half a program.
  mv "$work/$program" "$KUBERNETES_CACHE/bin/$program"
}
