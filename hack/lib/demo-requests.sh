# Two services in the demo's mesh, and requests that are answered or refused. Sourced by hack/demo, after demo-mesh.sh.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of choose_istio

# Users' objects: an echo server with its client in namespace shop, and a client without a sidecar in outside.
WORKLOADS=tests/cluster/today.yaml
ANSWER=build/demo-answer

show_requests() {
  local address ask=(-- echo-client --count 1 --timeout 3s http://echo.shop.svc.cluster.local/)
  say ""
  say "1. Two services in namespace shop, which the resource lists, and a client in one that it does not list"
  create_shop "$WORKLOADS"
  step "services ready" quietly workloads workloads_ready
  say "    Pods and their containers:"
  kubectl get pods -A -l app -o json | jq -r '.items[] | select(.metadata.namespace | IN("shop", "outside")) |
    "      \(.metadata.namespace)/\(.metadata.name): \([(.spec.initContainers // [])[], .spec.containers[]] | map(.name) | join(", "))"'

  address=$(k get service istio-ingressgateway -o 'jsonpath={.spec.clusterIP}')
  say "2. A request from outside of the mesh, through the ingress gateway"
  show answered curl -s -m 5 -H "Host:echo.example.com" "http://$address/"
  say "3. A request from one service to the other: the sidecars prove who they are (mutual TLS)"
  show answered kubectl -n shop exec client -c client "${ask[@]}"
  say "4. The same request in plain text, from the Pod without a sidecar"
  show refused kubectl -n outside exec client "${ask[@]}"
}

workloads_ready() {
  kubectl -n shop wait --for=condition=Ready pod --all --timeout="${PATIENCE}s"
  kubectl -n outside wait --for=condition=Ready pod --all --timeout="${PATIENCE}s"
}

# show answered|refused COMMAND...: repeats it until that is what happens, and shows what tells so.
show() {
  local expected=$1
  shift
  say "    \$ $*"
  step "$expected" wait_for "$PATIENCE" "the request to be $expected" "$expected" "$@"
  sed -nE -e 's/^(\[0 body\] )?Hostname=/    answered by Pod /p' -e 's/.*first error: (.*)/    \1/p' \
    -e 's/.*X-Forwarded-Client-Cert:By=([^;]*);.*URI=(.*)/    caller \2, server \1/p' "$ANSWER"
}

answered() { "$@" >"$ANSWER" 2>&1 && grep -q 'Hostname=' "$ANSWER"; }

# By the sidecar, which ends the connection: not by a missing name or route.
refused() { ! answered "$@" && grep -q 'connection reset' "$ANSWER"; }
