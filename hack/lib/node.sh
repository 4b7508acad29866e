# The node of one cluster: its namespaces, containerd, kubelet, kube-proxy. Sourced
# by hack/cluster. Everything of a cluster with a node, control plane included, runs
# in one network and one mount namespace; a sleeping process, the holder, keeps them.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of use_cluster and addresses

# More than most machines have: Istio's pods ask for 2.5 cores in sum.
NODE_CPUS=${ISTIO_OPERATOR_NODE_CPUS:-8}

# Folders that containerd, kubelet and CNI plugins take for their own wherever they run. Each
# node sees its own in their place, and they go with the namespace.
NODE_FOLDERS="/var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers /run/containerd /etc/cni /opt/cni"

in_node() {
  local holder
  holder=$(component_pid holder) || return 1
  nsenter -t "$holder" -m -n -- "$@"
}

node_namespaces() {
  modprobe -qa veth overlay nf_conntrack 2>/dev/null || true
  ip netns add "$NETNS" ||
    die "cannot make network namespace $NETNS: either it is left from a lost state folder (ip netns del $NETNS), or this container lacks CAP_SYS_ADMIN"
  component_define holder nsenter --net="/run/netns/$NETNS" \
    unshare --mount --propagation private sleep infinity
  component_start holder
  # nsenter and unshare become sleep, in the new namespaces, a moment later.
  wait_for 5 "a mount namespace" holder_ready || die "cannot make a mount namespace: see $STATE/logs/holder.log"
  stat -Lc %i "/proc/$(component_pid holder)/ns/mnt" >"$STATE/run/mount-namespace"
  node_network
  node_mounts
}

holder_ready() {
  local pid
  pid=$(component_pid holder) &&
    [ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] &&
    [ "$(cat "/proc/$pid/comm")" = sleep ]
}

# The host reaches the API server, the pods and the Services through one link.
node_network() {
  ip link add "$HOST_LINK" type veth peer name host netns "$NETNS"
  ip addr add "$HOST_IP/30" dev "$HOST_LINK"
  ip link set "$HOST_LINK" up
  ip -n "$NETNS" link set lo up
  ip -n "$NETNS" addr add "$API_IP/30" dev host
  ip -n "$NETNS" link set host up
  # No default route: nothing in a cluster has business outside, and whoever tries
  # (the kubelet looks for a cloud) hears so immediately instead of waiting.
  # The API server calls webhooks by Service: a socket wants a route before kube-proxy's
  # rules give the packet another address. Only for what starts on the node.
  ip -n "$NETNS" route add "$SERVICE_CIDR" dev host src "$API_IP" table 100
  ip -n "$NETNS" rule add iif lo to "$SERVICE_CIDR" lookup 100
  ip route add "$POD_CIDR" via "$API_IP"
  ip route add "$SERVICE_CIDR" via "$API_IP"
}

node_mounts() {
  local folder own
  for folder in $NODE_FOLDERS; do
    own=$STATE/node$folder
    # What is made here stays, empty: to remove a folder on the machine would take away
    # what other nodes have mounted on it in their namespaces.
    mkdir -p "$own" "$folder"
    in_node mount --bind "$own" "$folder"
  done
  # Pods' network namespaces are mounted here; as a tmpfs they go with the node.
  in_node mount -t tmpfs tmpfs /run/netns
  # The kubelet makes the machine's settings its own taste. Let it find that taste.
  node_fake /proc/sys/vm/overcommit_memory 1
  node_fake /proc/sys/vm/panic_on_oom 0
  node_fake /proc/sys/kernel/panic 10
  node_fake /proc/sys/kernel/panic_on_oops 1
  node_fake /proc/sys/kernel/keys/root_maxkeys 1000000
  node_fake /proc/sys/kernel/keys/root_maxbytes 25000000
  node_cpus
  # Programs in Pods enter the node's network by its first process: that is the holder, and not the machine's.
  in_node mount --bind "/proc/$(component_pid holder)" /proc/1
  # Volumes with mount propagation need a shared root: shared in here only.
  in_node mount --make-rshared /
}

# node_fake FILE TEXT: inside the node the file reads as TEXT.
node_fake() {
  local own=$STATE/node$1
  mkdir -p "${own%/*}"
  echo "$2" >"$own"
  in_node mount --bind "$own" "$1"
}

# The kubelet counts cores in /sys and has no flag for it. Quotas and shares work
# as ever; the pods only have more to ask for than there is.
node_cpus() {
  local cpus=$STATE/node/cpus online=0-$((NODE_CPUS - 1)) i
  # Later kubelets write the list of those online into a cgroup, but still count the folders.
  [ "$KUBERNETES_MINOR" -lt 34 ] || online=$(cat /sys/devices/system/cpu/online)
  for ((i = 0; i < NODE_CPUS; i++)); do
    mkdir -p "$cpus/cpu$i/topology"
    echo "$i" >"$cpus/cpu$i/topology/core_id"
    echo 0 >"$cpus/cpu$i/topology/physical_package_id"
    echo 1 >"$cpus/cpu$i/online"
  done
  echo "$online" | tee "$cpus/online" "$cpus/possible" >"$cpus/present"
  mkdir -p "$STATE/node/empty"
  in_node mount --bind "$cpus" /sys/devices/system/cpu
  # With no NUMA nodes to be seen, the list of CPUs is what counts.
  [ ! -d /sys/devices/system/node ] ||
    in_node mount --bind "$STATE/node/empty" /sys/devices/system/node
}

# As the host sees it; in the node it is where cAdvisor looks for it.
containerd_socket() { echo "$STATE/node/run/containerd/containerd.sock"; }

containerd_config() {
  local cni=$STATE/node/etc/cni/net.d plugins=$STATE/node/opt/cni/bin
  # A folder of the node's own, to which a Pod may add its plugin.
  mkdir -p "$cni" "$plugins"
  ln -s /usr/lib/cni/* "$plugins"
  # ptp, not bridge: every packet between pods is routed, so Services work between
  # pods of one node without the kernel's br_netfilter.
  cat >"$cni/10-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "istio-op-$NAME", "plugins": [
  {"type": "ptp", "ipMasq": false, "mtu": 1500,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  # Lowering a process's OOM score needs a capability that containers often lack;
  # with restrict_oom_score_adj containerd does not try.
  cat >"$STATE/containerd.toml" <<TOML
version = 2
root = "$STATE/node/containerd"
state = "/run/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${ISTIO_OPERATOR_SNAPSHOTTER:-overlayfs}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
TOML
}

start_containerd() {
  containerd_config
  component_define containerd "$(program containerd)" --config "$STATE/containerd.toml" --log-level info
  component_start containerd
}

containerd_ready() {
  component_alive containerd || return 2
  ctr -a "$(containerd_socket)" --timeout 2s version
}

kubelet_config() {
  # Status is computed every second but written only when it changes.
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $API_IP
healthzBindAddress: 127.0.0.1
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $STATE/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $STATE/pki/kubelet.crt
tlsPrivateKeyFile: $STATE/pki/kubelet.key
cgroupDriver: cgroupfs
cgroupRoot: /istio-op-$NAME
failSwapOn: false
oomScoreAdj: 0
nodeStatusUpdateFrequency: 1s
nodeStatusReportFrequency: 5m
# The disk of a developer's machine is often fuller than a node's may be.
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 200
# CoreDNS's, or nobody's: without an address every Pod would get a warning.
clusterDNS: [${SERVICE_API%.*}.10]
clusterDomain: cluster.local
resolvConf: /dev/null
# The defaults (5 a second) make many pods that start together wait for their secrets.
kubeAPIQPS: 100
kubeAPIBurst: 200
YAML
  [ "$KUBERNETES_MINOR" -lt 34 ] || echo "failCgroupV1: false" >>"$STATE/kubelet.yaml"
}

define_node() {
  local old=()
  kubelet_config
  [ "$KUBERNETES_MINOR" -ge 27 ] || old=(--container-runtime remote --runtime-cgroups /)
  # It would ask a cloud, found or not, for registry credentials.
  component_define kubelet env AWS_EC2_METADATA_DISABLED=true "$(program kubelet)" --config "$STATE/kubelet.yaml" \
    --kubeconfig "$STATE/pki/kubelet.kubeconfig" --hostname-override "$NAME" --node-ip "$API_IP" \
    --container-runtime-endpoint unix:///run/containerd/containerd.sock --register-node=true "${old[@]}"
  cat >"$STATE/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $STATE/pki/proxy.kubeconfig}
mode: iptables
hostnameOverride: $NAME
bindAddress: $API_IP
clusterCIDR: $POD_CIDR
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
oomScoreAdj: 0
# Conntrack's limits are the machine's, not the namespace's: leave them.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 0s, syncPeriod: 30s}
YAML
  component_define kube-proxy "$(program kube-proxy)" --config "$STATE/kube-proxy.yaml"
}

# One of 1.34 ends where containerd does not answer yet.
start_kubelet() {
  define_node
  node_cgroups
  wait_for 30 "containerd" containerd_ready || give_up containerd "containerd did not start"
  component_start kubelet
}

start_node() {
  component_start kube-proxy
  images_load_pause
  wait_for 60 "the node to be Ready" node_ready || give_up kubelet "the node did not become Ready"
}

node_ready() {
  component_alive kubelet || return 2
  component_alive kube-proxy || return 2
  curl -sf -m 2 --cacert "$STATE/pki/trust.crt" --cert "$STATE/pki/admin.crt" --key "$STATE/pki/admin.key" \
    "https://$API_IP:6443/api/v1/nodes/$NAME" |
    jq -e '(.status.conditions[] | select(.type == "Ready").status == "True")
           and (.spec.taints // [] | length == 0)'
}
