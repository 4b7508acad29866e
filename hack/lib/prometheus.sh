# Prometheus for a local cluster, which counts what the proxies of today's Istio answered. Sourced by hack/cluster.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of use_cluster and addresses

PROMETHEUS_FOLDER=$CACHE_ROOT/prometheus

# PATH's, else the one of Debian's package, of which nothing is installed: that would start a service of the machine's.
prometheus_program() { command -v prometheus || echo "$PROMETHEUS_FOLDER/bin/prometheus"; }

prometheus_ensure() {
  [ -x "$(prometheus_program)" ] || build_once Prometheus "$PROMETHEUS_FOLDER" prometheus prometheus
}

prometheus_programs() { echo prometheus; }

prometheus_prepare() { apt-get -q -o DPkg::Lock::Timeout=300 update >>"$2" 2>&1; }

# prometheus_compile WORK PROGRAM LOG
prometheus_compile() {
  local work=$1 log=$3
  { (cd "$work" && apt-get -q -o APT::Sandbox::User=root download prometheus) &&
    dpkg-deb -x "$work"/prometheus_*.deb "$work/root" &&
    mv "$work/root/usr/bin/prometheus" "$PROMETHEUS_FOLDER/bin/"; } >>"$log" 2>&1 || build_failed "$2" "$log"
}

# prometheus_start: in the node's network, where the cluster's Pods and this machine reach it; with what it counted before.
prometheus_start() {
  local folder=$STATE/prometheus address=$API_IP:9090
  [ "$MODE" = full ] || die "cluster '$NAME' has no node, and so no proxies"
  prometheus_ensure >&2
  mkdir -p "$folder"
  cp "$HACK_DIR/prometheus/prometheus.yaml" "$folder"
  component_define prometheus "$HACK_DIR/prometheus/run" "$(prometheus_program)" "$folder" "$address" "$STATE/kubeconfig"
  component_start prometheus
  wait_for 30 "Prometheus" prometheus_ready "$address" || give_up prometheus "Prometheus did not become ready"
  say "http://$address"
}

prometheus_ready() {
  component_alive prometheus || return 2
  curl -sf -m 2 "http://$1/-/ready"
}
