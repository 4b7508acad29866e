# Kubernetes, built once, into a cache: no package of a registry has an API server. 1.20 is built
# from Debian's source package, later ones from Go modules, those of hack/kubernetes/. Sourced by
# hack/cluster, after build.sh.
# shellcheck shell=bash

kubernetes_programs() { echo kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; }

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

# kubernetes_ensure PROGRAM...: builds what the cache lacks.
kubernetes_ensure() {
  local recipe=modules
  [ "$KUBERNETES" != 1.20 ] || recipe=debian
  build_once "Kubernetes $KUBERNETES_VERSION" "$KUBERNETES_CACHE" "$recipe" "$@"
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

modules_programs() { kubernetes_programs; }

modules_prepare() { "$HACK_DIR/deps" go; }

# modules_compile WORK PROGRAM LOG
modules_compile() {
  local flags
  flags=$(kubernetes_flags k8s.io/component-base/version k8s.io/client-go/pkg/version)
  go_build "$1" "$KUBERNETES_MODULES" "$KUBERNETES_CACHE/bin/$2" "k8s.io/kubernetes/cmd/$2" "$flags" >>"$3" 2>&1 ||
    build_failed "$2" "$3"
}
