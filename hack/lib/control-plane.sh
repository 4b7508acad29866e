# etcd, the API server, the controllers and the scheduler. Sourced by hack/cluster.
# shellcheck shell=bash

# program NAME: KUBEBUILDER_ASSETS wins, as in envtest; then the cache; then PATH.
program() {
  local dir
  for dir in "${KUBEBUILDER_ASSETS:-}" "$KUBERNETES_CACHE/bin"; do
    if [ -n "$dir" ] && [ -x "$dir/$1" ]; then
      echo "$dir/$1"
      return
    fi
  done
  command -v "$1" || die "no program '$1': run hack/deps cluster and hack/cluster build"
}

# In a kube-apiserver test binary set, as of envtest, there may be no controllers.
has_controllers() {
  [ "$CONTROLLERS" = yes ] || return 1
  [ -z "${KUBEBUILDER_ASSETS:-}" ] || [ -x "$KUBEBUILDER_ASSETS/kube-controller-manager" ] ||
    [ -x "$KUBERNETES_CACHE/bin/kube-controller-manager" ]
}

control_plane_programs() {
  [ -n "${KUBEBUILDER_ASSETS:-}" ] || echo kube-apiserver
  [ -n "${KUBEBUILDER_ASSETS:-}" ] || [ "$CONTROLLERS" = no ] || echo kube-controller-manager
}

define_etcd() {
  component_define etcd "$(program etcd)" --name default --data-dir "$STATE/etcd" \
    --listen-client-urls "http://$LOCAL_IP:2379" --advertise-client-urls "http://$LOCAL_IP:2379" \
    --listen-peer-urls "http://$LOCAL_IP:2380" --initial-advertise-peer-urls "http://$LOCAL_IP:2380" \
    --initial-cluster "default=http://$LOCAL_IP:2380" --unsafe-no-fsync --logger zap --log-level warn
}

audit_policy() {
  cat >"$STATE/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
YAML
}

define_apiserver() {
  # shellcheck disable=SC2054  # the commas belong to the values
  local flags=(
    --etcd-servers="http://$LOCAL_IP:2379"
    --bind-address="$API_IP" --secure-port=6443
    --service-cluster-ip-range="$SERVICE_CIDR"
    --tls-cert-file="$STATE/pki/apiserver.crt" --tls-private-key-file="$STATE/pki/apiserver.key"
    --client-ca-file="$STATE/pki/ca.crt" --token-auth-file="$STATE/pki/tokens.csv"
    --service-account-key-file="$STATE/pki/sa.pub"
    --service-account-signing-key-file="$STATE/pki/sa.key"
    --service-account-issuer=https://kubernetes.default.svc
    --authorization-mode=Node,RBAC --allow-privileged=true
    --kubelet-client-certificate="$STATE/pki/admin.crt" --kubelet-client-key="$STATE/pki/admin.key"
    --kubelet-preferred-address-types=InternalIP
  )
  if [ "$MODE" = full ]; then
    flags+=(--advertise-address="$API_IP" --enable-admission-plugins=NodeRestriction)
  else
    # Endpoints may not name a loopback address, and nobody here reads them.
    flags+=(--advertise-address="10.99.$INDEX.2" --endpoint-reconciler-type=none)
  fi
  # Without the controllers no namespace gets its ServiceAccount: do not wait for it.
  has_controllers || flags+=(--disable-admission-plugins=ServiceAccount)
  if [ -n "$AUDIT_LOG" ]; then
    audit_policy
    # In megabytes: a file begun again would hide what was asked before.
    flags+=(--audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$AUDIT_LOG" --audit-log-maxsize=100000)
  fi
  component_define kube-apiserver "$(program kube-apiserver)" "${flags[@]}"
}

# no_insecure_port: the flag that closes it, where there is one.
no_insecure_port() { [ "$KUBERNETES_MINOR" -ge 24 ] || echo --port=0; }

define_controllers() {
  # shellcheck disable=SC2046
  component_define kube-controller-manager "$(program kube-controller-manager)" \
    --kubeconfig="$STATE/pki/controllers.kubeconfig" --leader-elect=false \
    --bind-address="$LOCAL_IP" --secure-port=10257 $(no_insecure_port) --cert-dir="$STATE/pki" \
    --service-account-private-key-file="$STATE/pki/sa.key" --root-ca-file="$STATE/pki/trust.crt" \
    --cluster-signing-cert-file="$STATE/pki/ca.crt" --cluster-signing-key-file="$STATE/pki/ca.key" \
    --node-monitor-period=1s --kube-api-qps=100 --kube-api-burst=200
}

define_scheduler() {
  # shellcheck disable=SC2046
  component_define kube-scheduler "$(program kube-scheduler)" \
    --kubeconfig="$STATE/pki/scheduler.kubeconfig" --leader-elect=false \
    --bind-address="$LOCAL_IP" --secure-port=10259 $(no_insecure_port) --cert-dir="$STATE/pki"
}

kubectl_admin() { kubectl --kubeconfig "$STATE/kubeconfig" "$@"; }

api_ready() {
  component_alive kube-apiserver || return 2
  [ "$(curl -s -m 2 --cacert "$STATE/pki/trust.crt" --cert "$STATE/pki/admin.crt" \
    --key "$STATE/pki/admin.key" "https://$API_IP:6443/readyz")" = ok ]
}

# Controllers are at work when they made the default namespace's ServiceAccount.
controllers_ready() {
  curl -sf -m 2 --cacert "$STATE/pki/trust.crt" --cert "$STATE/pki/admin.crt" --key "$STATE/pki/admin.key" \
    "https://$API_IP:6443/api/v1/namespaces/default/serviceaccounts/default"
}

start_api() {
  define_etcd
  define_apiserver
  component_start etcd
  component_start kube-apiserver
  wait_for 90 "the API server" api_ready || give_up kube-apiserver "the API server did not become ready"
}

start_controllers() {
  define_controllers
  component_start kube-controller-manager
  wait_for 30 "the ServiceAccount of the namespace default" controllers_ready ||
    give_up kube-controller-manager "the controllers do not work"
}
