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
  local holder
  component_stop containerd TERM
  holder=$(component_pid holder) || holder=""
  wait_for 2 "the end of the node's processes" node_is_empty "${holder:-none}" || true
  component_stop holder KILL
  ip link del "$HOST_LINK" 2>/dev/null || true
  ip netns del "$NETNS" 2>/dev/null || true
  cgroups_remove
}

# node_is_empty HOLDER: kills what runs there but for that process; true when there was nothing.
node_is_empty() {
  local pids
  mapfile -t pids < <(node_processes | sort -u | grep -vx "$1" || true)
  [ ${#pids[@]} -gt 0 ] || return 0
  kill -KILL "${pids[@]}" 2>/dev/null || true
  return 1
}

cgroups_remove() {
  wait_for 1 "the cgroups of '$NAME' to be unused: /sys/fs/cgroup/*/istio-op-$NAME" cgroups_are_removed || true
}

cgroups_are_removed() {
  local dir
  for dir in $(cgroup_roots); do
    [ ! -d "$dir/istio-op-$NAME" ] ||
      find "$dir/istio-op-$NAME" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  ! compgen -G "/sys/fs/cgroup/*/istio-op-$NAME" >/dev/null && [ ! -d "/sys/fs/cgroup/istio-op-$NAME" ]
}
