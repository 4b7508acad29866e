# Two clusters of today's Istio, each with a network of its own, in one mesh over gateways. Sourced by
# hack/demo-federation, after demo-mesh.sh.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of choose_istio

WORKLOADS=tests/cluster/today.yaml
AUTHORITY=build/demo-authority
ANSWERS=build/demo-answers
ECHO=http://echo.shop.svc.cluster.local/
REQUESTS=40
# A request that takes longer waited for the other cluster; kubectl's own start is among it.
SLOW_MS=800

# Of a member of the mesh, "east" or "west", that of hack/cluster.
cluster_of() { echo "${DEMO_CLUSTER:-demo}-$1"; }

# in_member MEMBER COMMAND...: CLUSTER and KUBECONFIG, which all else reads, are the member's.
in_member() {
  local CLUSTER
  local -x KUBECONFIG
  CLUSTER=$(cluster_of "$1")
  KUBECONFIG=$(hack/cluster kubeconfig --path --name "$CLUSTER")
  shift
  "$@"
}

# each COMMAND...: in both; the command gets the member as its last argument.
each() {
  local member
  for member in east west; do
    in_member "$member" "$@" "$member"
  done
}

# --- the clusters ---

start_members() {
  local east
  quietly east hack/cluster up --name "$(cluster_of east)" --kubernetes 1.34 --istio "$LINE" &
  east=$!
  quietly west hack/cluster up --name "$(cluster_of west)" --kubernetes 1.34 --istio "$LINE" || { wait "$east" || true; return 1; }
  wait "$east" || return
  link_between nodes
}

node_address() { kubectl get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'; }

load_operator() { load_image "$CLUSTER"; }

deploy_operator() { quietly "deploy-$1" hack/deploy "$IMAGE"; }

# --- trust ---

# certificate NAME ARGUMENT...: a key and its certificate, of the authority.
certificate() {
  local name=$1
  shift
  openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj "/O=demo/CN=$name" \
    -keyout "$AUTHORITY/$name.key" -out "$AUTHORITY/$name.crt" "$@" 2>>"$AUTHORITY/openssl.log" ||
    die "openssl failed: see $AUTHORITY/openssl.log"
}

make_root() {
  rm -rf "$AUTHORITY"
  (umask 077 && mkdir -p "$AUTHORITY")
  certificate root -days 3650
}

# make_intermediate MEMBER: what its istiod signs by.
make_intermediate() {
  certificate "$1" -days 365 -CA "$AUTHORITY/root.crt" -CAkey "$AUTHORITY/root.key" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -addext subjectAltName=DNS:istiod.istio-system.svc
  cat "$AUTHORITY/$1.crt" "$AUTHORITY/root.crt" >"$AUTHORITY/$1.chain"
  k create secret generic cacerts --dry-run=client -o yaml --from-file=ca-cert.pem="$AUTHORITY/$1.crt" \
    --from-file=ca-key.pem="$AUTHORITY/$1.key" --from-file=root-cert.pem="$AUTHORITY/root.crt" \
    --from-file=cert-chain.pem="$AUTHORITY/$1.chain" | quietly "cacerts-$1" k apply -f -
}

# An istiod that runs keeps the authority with which it began.
make_trust() {
  make_root
  each make_intermediate
}

# --- the mesh ---

# There is no load balancer: other clusters reach the gateway at the node's address, which kube-proxy serves.
member_patch() {
  resource_patch | jq --arg member "$1" --arg address "$(node_address)" '.spec += {
    autoInjectionNamespaces: ["shop"], gateways: {ingress: {enabled: false}},
    meshID: "demo", clusterName: $member, networkName: "network-\($member)",
    gatewayFederation: {enabled: true, addresses: [$address]}}'
}

apply_member() {
  local file=build/demo-istio-$1.yaml
  kubectl patch --local -f "$RESOURCE" --type merge -p "$(member_patch "$1")" -o yaml >"$file"
  quietly "istio-$1" k apply -f "$file"
}

member_available() { wait_available istio istio k; }

# --- remote secrets ---

# reads READER READ: the istiod of the one sees Services and Pods of the other.
reads() {
  local secret
  secret=$(in_member "$2" "$ISTIOCTL" create-remote-secret --name "$2")
  in_member "$1" quietly "secret-$2" k apply -f - <<<"$secret"
}

# --- requests ---

deploy_workloads() {
  kubectl create namespace shop --dry-run=client -o yaml | quietly "namespace-$1" kubectl apply -f -
  wait_for "$PATIENCE" "the label of namespace shop" shop_is_labelled
  wait_for "$PATIENCE" "istiod to take the users' objects" apply_workloads "$WORKLOADS"
}

workloads_ready() {
  quietly "workloads-$1" kubectl -n shop rollout status deployment echo --timeout="${PATIENCE}s"
  quietly "workloads-$1" kubectl -n shop wait --for=condition=Ready pod --all --timeout="${PATIENCE}s"
}

# pods MEMBER: the names of those that answer, a line each.
pods() { in_member "$1" kubectl -n shop get pods -l app=echo -o json | jq -r '.items[].metadata.name'; }

# ask MEMBER COUNT TIMEOUT: of a client there, which has a sidecar; what answers is in $ANSWERS.
ask() {
  in_member "$1" kubectl -n shop exec client -c client -- \
    echo-client --count "$2" --timeout "$3" "$ECHO" >"$ANSWERS" 2>&1
}

# answered_by MEMBER: how many of those answers are of its Pods.
answered_by() {
  grep 'Hostname=' "$ANSWERS" | grep -cFf <(pods "$1") || true
}

# Neither has a sidecar, so that nothing but the network is between them.
show_networks() {
  local address member
  address=$(in_member west k get pods -l app=istiod -o 'jsonpath={.items[0].status.podIP}')
  say "  istiod's Pod of west at $address, asked by"
  for member in west east; do
    if in_member "$member" kubectl -n outside exec client -- \
      echo-client --count 1 --timeout 3s "http://$address:15014/version" >"$ANSWERS" 2>&1; then
      say "    a Pod of $member: it answers"
      [ "$member" = west ] || die "the networks are not apart"
    else
      say "    a Pod of $member: $(grep -o 'dial tcp.*\|first error.*' "$ANSWERS" | head -n 1 | cut -c1-100)"
      [ "$member" = east ] || die "the Pod of west does not answer in its own network"
    fi
  done
}

both_answer() {
  ask "$1" "$REQUESTS" 3s
  [ "$(answered_by east)" -gt 0 ] && [ "$(answered_by west)" -gt 0 ] &&
    [ $(($(answered_by east) + $(answered_by west))) = "$REQUESTS" ]
}

# show_answers MEMBER: that both clusters answer its client, and where its sidecar sends what it asks.
show_answers() {
  step "both clusters answer" wait_for "$PATIENCE" "answers of both clusters" both_answer "$1"
  say "    $REQUESTS requests of a client in $1: $(answered_by east) answered by east, $(answered_by west) by west"
  in_member "$1" "$ISTIOCTL" proxy-config endpoints client.shop \
    --cluster 'outbound|80||echo.shop.svc.cluster.local' | awk '{print "    " $1, $2}'
}

# probe COUNT: requests of a client in east, one after the other.
probe() {
  local i start ms answered=0 slow=0 lost=0 longest=0
  for ((i = 0; i < $1; i++)); do
    start=$(now_ms)
    if ask east 1 40s && grep -q 'Hostname=' "$ANSWERS"; then answered=$((answered + 1)); else lost=$((lost + 1)); fi
    ms=$(($(now_ms) - start))
    [ $ms -le $SLOW_MS ] || slow=$((slow + 1))
    [ $ms -le $longest ] || longest=$ms
  done
  say "    $1 requests: $answered answered, $lost lost, $slow slower than $SLOW_MS ms, the longest $longest ms"
}

# What a user gives a service whose other half may be cut off.
protect() {
  kubectl -n shop apply -f - <<'YAML'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec:
  host: echo
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 1s}}
    outlierDetection:
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 1
      interval: 1s
      baseEjectionTime: 10s
      maxEjectionPercent: 100
YAML
}

link_between() { hack/cluster link "$1" "$(cluster_of west)" --name "$(cluster_of east)"; }

where_to_look_in_members() {
  local member
  for member in east west; do
    warn "what helps to see why, in $member:
  export KUBECONFIG=$(hack/cluster kubeconfig --path --name "$(cluster_of "$member")")
  kubectl -n istio-system describe istio istio
  kubectl -n istio-system get pods,services"
  done
}

gateways_up() {
  local start
  start=$(now_ms)
  require_root
  unset KUBECONFIG
  mkdir -p build
  step "packages there" hack/deps build test cluster
  step "operator built" quietly build build_program
  step "istioctl there" quietly istioctl hack/istio build "$LINE" istioctl
  ISTIOCTL=$(hack/istio path "$LINE" istioctl)

  say "1. Two clusters, whose Pods do not reach each other"
  step "both are up, with a link between their nodes" start_members
  step "operator's image made and loaded" each load_operator
  trap where_to_look_in_members EXIT
  step "operator deployed into both" each deploy_operator

  say "2. One root of trust, and a mesh in each with an east-west gateway"
  step "an intermediate certificate for each" make_trust
  step "resources applied" each apply_member
  sed 's/^/    /' build/demo-istio-east.yaml
  step "both meshes available" each member_available
  step "services created" each deploy_workloads
  step "services ready" each workloads_ready
  show_networks

  say "3. Each istiod reads the other cluster"
  step "remote secrets given" quietly secrets give_secrets
  show_answers east
  show_answers west

  say "4. The link is cut, and comes back; the service has a DestinationRule for that"
  quietly protect in_member east protect
  probe 20
  link_between off
  say "  cut:"
  probe 20
  link_between nodes
  say "  back:"
  show_answers east
  trap - EXIT
  say ""
  say "All of it took $(since "$start")."
  say "Istio images: $(in_member east images_kind "$LINE")"
}

give_secrets() {
  reads east west
  reads west east
}

gateways_down() {
  hack/cluster down --name "$(cluster_of east)"
  hack/cluster down --name "$(cluster_of west)"
}
