# Kubernetes, built once, into a cache: no package of a registry has an API server. 1.20 is built
# from Debian's source package, later ones from Go modules, those of hack/kubernetes/. Sourced by
# hack/cluster.
# shellcheck shell=bash

KUBERNETES_PROGRAMS="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy"

kubernetes_known() { (cd "$HACK_DIR/kubernetes" && echo 1.20 *); }

# use_kubernetes 1.34: sets the variables that everything else reads.
use_kubernetes() {
  KUBERNETES=$1
  case " $(kubernetes_known) " in
    *" $1 "*) ;;
    *) die "no such Kubernetes: $1; there are $(kubernetes_known)" ;;
  esac
  KUBERNETES_MINOR=${1#1.}
  KUBERNETES_MODULES=$HACK_DIR/kubernetes/$1
  KUBERNETES_VERSION=1.20.2
  [ "$1" = 1.20 ] ||
    KUBERNETES_VERSION=$(sed -n 's,^require k8s.io/kubernetes v,,p' "$KUBERNETES_MODULES/go.mod")
  KUBERNETES_CACHE=$CACHE_ROOT/kubernetes-$KUBERNETES_VERSION
}

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

# kubernetes_build PROGRAM...: an interrupted build continues where it stopped.
kubernetes_build() {
  local work=$KUBERNETES_CACHE/build program start from=modules
  local log=$KUBERNETES_CACHE/build.log
  start=$(now_ms)
  [ "$KUBERNETES" != 1.20 ] || from=debian
  say "building Kubernetes $KUBERNETES_VERSION ($*) from source;"
  say "  some minutes, once; kept in $KUBERNETES_CACHE; log: $log"
  mkdir -p "$work"
  "${from}_prepare" "$work" "$log"
  for program in "$@"; do
    step "$program built" "${from}_compile" "$work" "$program" "$log"
  done
  # Sources and Go's cache take 3 GB: dropped once nothing is left to build.
  # shellcheck disable=SC2086
  [ -n "$(kubernetes_missing $KUBERNETES_PROGRAMS)" ] || rm -rf "$work"
  say "Kubernetes built in $(since "$start")"
}

# kubernetes_flags PACKAGE...: for the linker. Without these, /version would say v0.0.0 and clients would not know the
# server.
kubernetes_flags() {
  local package
  for package in "$@"; do
    printf ' -X %s.%s' "$package" "gitVersion=v$KUBERNETES_VERSION" "$package" gitMajor=1 \
      "$package" "gitMinor=$KUBERNETES_MINOR" "$package" gitTreeState=clean \
      "$package" gitCommit=local "$package" buildDate=1970-01-01T00:00:00Z
  done
}

modules_prepare() { "$HACK_DIR/deps" go; }

# modules_compile WORK PROGRAM LOG
modules_compile() {
  local flags
  flags=$(kubernetes_flags k8s.io/component-base/version k8s.io/client-go/pkg/version)
  go_build "$1" "$KUBERNETES_MODULES" "$KUBERNETES_CACHE/bin/$2" "k8s.io/kubernetes/cmd/$2" "$flags" >>"$3" 2>&1 ||
    die "building $2 failed: see $3"
}
