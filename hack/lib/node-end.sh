# cgroups of a node, and how everything of it ends. Sourced by hack/cluster.
# shellcheck shell=bash
# shellcheck disable=SC2153

# Every pod's group lies below one of the cluster's own, in every hierarchy: two
# kubelets with the same root would remove each other's.
node_cgroups() {
  local dir
  for dir in $(cgroup_roots); do
    mkdir -p "$dir/istio-op-$NAME" 2>/dev/null || true
  done
}

cgroup_roots() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo /sys/fs/cgroup
  else
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
  fi
}

# node_processes: whatever lives in the node's namespaces (kubelet, containerd, shims)
# or below its cgroups (containers).
node_processes() {
  local dir mount net
  for dir in $(cgroup_roots); do
    [ ! -d "$dir/istio-op-$NAME" ] ||
      find "$dir/istio-op-$NAME" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done
  # The network namespace has a name and cannot be another's by now; with it the
  # number of the mount namespace tells our processes from a person's shell in there.
  net=$(stat -Lc %i "/run/netns/$NETNS" 2>/dev/null) || return 0
  mount=$(cat "$STATE/run/mount-namespace" 2>/dev/null) || return 0
  stat -Lc "%n %i" /proc/[0-9]*/ns/{mnt,net} 2>/dev/null |
    awk -F "[/ ]" -v mount="$mount" -v net="$net" '
      $5 == "mnt" && $6 == mount { ours[$3] = 1 }
      $5 == "net" && $6 == net && ours[$3] { print $3 }'
}

node_destroy() {
  local pids round holder
  component_stop containerd TERM
  holder=$(component_pid holder) || holder=""
  for round in 1 2 3 4 5 6 7 8 9 10; do
    mapfile -t pids < <(node_processes | sort -u | grep -vx "${holder:-none}" || true)
    [ ${#pids[@]} -gt 0 ] || break
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.0$round
  done
  component_stop holder KILL
  ip link del "$HOST_LINK" 2>/dev/null || true
  ip netns del "$NETNS" 2>/dev/null || true
  cgroups_remove
}

cgroups_remove() {
  local dir round
  for round in 1 2 3 4 5; do
    for dir in $(cgroup_roots); do
      [ ! -d "$dir/istio-op-$NAME" ] ||
        find "$dir/istio-op-$NAME" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    compgen -G "/sys/fs/cgroup/*/istio-op-$NAME" >/dev/null || [ -d "/sys/fs/cgroup/istio-op-$NAME" ] || return 0
    sleep 0.1
  done
  warn "cgroups of '$NAME' are still in use: /sys/fs/cgroup/*/istio-op-$NAME"
}
