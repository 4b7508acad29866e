# What the demos share: quiet steps, the operator's image, waiting with progress. Sourced
# by hack/demo and hack/demo-federation, in the repository's folder.
# shellcheck shell=bash

PROGRAM=build/istio-operator
# The parts use each other's variables, which a look at one file cannot see.
# shellcheck disable=SC2034
SAMPLE=config/samples/istio_v1beta1_istio.yaml
PATIENCE=600

# In the cluster of KUBECONFIG.
k() { kubectl -n istio-system "$@"; }

# quietly LOG COMMAND...: what it prints matters only if it fails.
quietly() {
  local log=build/demo-$1.log
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "this failed: $* (all of it: $log)"
  }
}

build_program() {
  [ -f build/build.ninja ] || meson setup build || return
  ninja -C build istio-operator
}

# load_image CLUSTER: sets IMAGE. A tag that follows from the content: a new program is a
# new image to Kubernetes.
load_image() {
  local archive=build/demo-image.tar
  IMAGE=istio-operator.local/istio-operator:$(sha256sum "$PROGRAM" | cut -c1-12)
  quietly image hack/image --archive-only --archive "$archive" "$IMAGE"
  quietly load hack/cluster load --name "$1" "$archive"
}

# resource_state KIND NAME KUBECTL: three lines: the status, its message, and the
# Deployments, asked for with KUBECTL, that are not available yet.
resource_state() {
  # By a pipe: with an older kubectl's managed fields it is more than an argument may hold.
  { k get "$1" "$2" -o json && "$3" get deployments -o json; } | jq -rn '
    input as {$status, $metadata} | input as $deployments |
    (if $status.observedGeneration == $metadata.generation then $status.Status // "" else "" end) as $word |
    [$deployments.items[] | select((.status.availableReplicas // 0) < (.spec.replicas // 1)) | .metadata.name] as $late |
    $word, ($status.ErrorMessage // ""), ($late | join(" "))'
}

# wait_available KIND NAME KUBECTL: shows each state on the way there.
wait_available() {
  SHOW_WAITS=1 wait_for "$PATIENCE" "$1 $2 to be Available" is_available "$@"
}

is_available() {
  local word="" message="" late=""
  { read -r word; read -r message; read -r late; } < <(resource_state "$@") || true
  [ ${#message} -le 150 ] || message="${message:0:150} ..."
  echo "${word:-not seen yet}${message:+: $message}${late:+; not running yet: $late}"
  [ "$word" = Available ]
}

# images_choice [LINE]: as hack/cluster notes it; without a line that of Istio 1.0. In the local cluster of KUBECONFIG.
images_choice() { cat "${KUBECONFIG%/*}/istio-images${1:+-$1}"; }

# images_kind [LINE]: what carries the name of Istio's images there.
images_kind() {
  case $(images_choice "$@") in
    real) echo "the real ones" ;;
    built) echo "made here, of Istio's own programs and upstream's Envoy (docs/local-cluster.md)" ;;
    *) echo "stand-ins, which start and answer probes, but carry no traffic (docs/local-cluster.md)" ;;
  esac
}
