# What a cluster is on this machine: a folder, an index from which its addresses
# follow, and one process for each component. Sourced by hack/cluster.
# shellcheck shell=bash

# The parts use each other's variables, which a look at one file cannot see.
# shellcheck disable=SC2034
STATE_ROOT=${ISTIO_OPERATOR_STATE:-/var/tmp/istio-operator-clusters}
LOCKS=/run/lock/istio-operator

# use_cluster NAME: sets the variables that everything else reads.
use_cluster() {
  NAME=$1
  [[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
    die "bad name '$NAME': 1 to 20 lower-case letters, digits and dashes are allowed"
  STATE=$STATE_ROOT/$NAME
  # A unix socket's path holds 107 bytes.
  [ ${#STATE} -le 64 ] || die "the state folder's path is too long: $STATE; set ISTIO_OPERATOR_STATE to a shorter one"
  INDEX="" MODE="" KUBERNETES=$KUBERNETES_WANTED
  # shellcheck source=/dev/null
  [ ! -e "$STATE/settings" ] || . "$STATE/settings"
  use_kubernetes "$KUBERNETES"
  addresses
}

# Every address follows from the index, so clusters never meet by chance.
addresses() {
  [ -n "$INDEX" ] || return 0
  NETNS=istio-op-$NAME
  HOST_LINK=iop$INDEX
  POD_CIDR=10.100.$INDEX.0/24
  SERVICE_CIDR=10.101.$INDEX.0/24
  SERVICE_API=10.101.$INDEX.1
  if [ "$MODE" = full ]; then
    HOST_IP=10.99.$INDEX.1
    API_IP=10.99.$INDEX.2
    LOCAL_IP=127.0.0.1
  else
    # Standard ports on a loopback address of the cluster's own.
    API_IP=127.77.$INDEX.1
    LOCAL_IP=$API_IP
  fi
}

# index_taken N: another state root may hold clusters as well, so look at the
# machine and not only at the folders.
index_taken() {
  grep -qsx "INDEX=$1" "$STATE_ROOT"/*/settings && return 0
  [ -e "/sys/class/net/iop$1" ] && return 0
  (exec 3<>"/dev/tcp/127.77.$1.1/2379") 2>/dev/null
}

# new_cluster MODE: takes a free index and makes the state folder.
new_cluster() {
  local lock i
  MODE=$1
  mkdir -p "$STATE_ROOT" "$LOCKS"
  chmod 755 "$STATE_ROOT"
  exec {lock}>"$LOCKS/index"
  flock "$lock"
  for ((i = 1; i < 250; i++)); do
    index_taken "$i" || break
  done
  INDEX=$i
  mkdir -p "$STATE"/{logs,run,pki}
  chmod 700 "$STATE"
  printf 'INDEX=%s\nMODE=%s\nKUBERNETES=%s\n' "$INDEX" "$MODE" "$KUBERNETES" >"$STATE/settings"
  exec {lock}>&-
  addresses
}

cluster_lock() {
  mkdir -p "$LOCKS"
  exec {CLUSTER_LOCK}>"$LOCKS/cluster-$NAME"
  flock -w 600 "$CLUSTER_LOCK" || die "another hack/cluster has been at work on '$NAME' for 10 minutes"
}

cluster_unlock() { exec {CLUSTER_LOCK}>&-; }

cluster_names() {
  local dir
  for dir in "$STATE_ROOT"/*/settings; do
    [ ! -e "$dir" ] || basename "$(dirname "$dir")"
  done
}

# start_time PID: when the kernel started it, in ticks; empty if there is none.
# With it a process id that came round again is never taken for ours.
# A process that is dead counts as gone once its last thread is: until then it may
# hold its sockets.
start_time() {
  local stat threads
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  threads=$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)
  # The name, in brackets, may hold spaces: count from behind it.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  { [ "$1" = Z ] && [ "$threads" -le 1 ]; } || echo "${20}"
}

# component_pid NAME: its process id if it is alive and still the one we started.
component_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$STATE/run/$1.pid" || return 1
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

component_alive() { component_pid "$1" >/dev/null; }

# component_define NAME COMMAND ARGUMENT...: how to start it, now and after a kill.
component_define() {
  local name=$1
  shift
  printf '%s\0' "$@" >"$STATE/run/$name.cmd"
}

# component_start NAME: in a session of its own, inside the node's namespaces where
# there are such. setsid and nsenter replace themselves, so $! is the component.
component_start() {
  local name=$1 command=() prefix=() holder pid
  component_alive "$name" && return 0
  [ -e "$STATE/run/$name.cmd" ] || die "cluster '$NAME' has no component '$name'"
  mapfile -d '' -t command <"$STATE/run/$name.cmd"
  if [ "$MODE" = full ] && [ "$name" != holder ]; then
    holder=$(component_pid holder) || die "the namespaces of '$NAME' are gone: run hack/cluster down and up"
    prefix=(nsenter -t "$holder" -m -n --)
  fi
  (
    # None of the script's locks may live on in the component.
    [ -z "${CLUSTER_LOCK:-}" ] || exec {CLUSTER_LOCK}>&-
    cd /
    exec setsid "${prefix[@]}" "${command[@]}" </dev/null >>"$STATE/logs/$name.log" 2>&1
  ) &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$STATE/run/$name.pid"
}

# component_stop NAME SIGNAL: returns when the process is gone; KILL after 10 s.
component_stop() {
  local pid
  pid=$(component_pid "$1") || return 0
  kill "-$2" "$pid" 2>/dev/null || true
  wait_for 10 "the end of $1" component_gone "$1" || kill -KILL "$pid" 2>/dev/null || true
  wait_for 5 "the end of $1 (process $pid)" component_gone "$1" || true
}

component_gone() { ! component_alive "$1"; }

# component_names: all that were defined, in the order in which they started.
component_names() {
  local name
  for name in holder etcd kube-apiserver kube-controller-manager kube-scheduler \
    containerd kubelet kube-proxy prometheus; do
    [ ! -e "$STATE/run/$name.cmd" ] || echo "$name"
  done
}

# give_up NAME TEXT: dies with the last words of a component that did not do its part.
give_up() {
  component_alive "$1" || warn "$1 of cluster '$NAME' ended"
  warn "the last lines of $STATE/logs/$1.log:"
  tail -n 5 "$STATE/logs/$1.log" | cut -c1-300 >&2
  die "$2"
}
