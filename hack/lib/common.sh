# Small helpers of the scripts in hack/. Sourced, never run.
# shellcheck shell=bash

# What is built or fetched once, for all clusters.
# shellcheck disable=SC2034
CACHE_ROOT=${ISTIO_OPERATOR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/istio-operator}

say() { printf '%s\n' "$*"; }

warn() { printf 'hack/%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  warn "$*"
  exit 1
}

# Milliseconds since the machine started: no clock change spoils a measurement.
now_ms() {
  local up _
  read -r up _ </proc/uptime
  echo $((10#${up%.*} * 1000 + 10#${up#*.} * 10))
}

# since START_MS: the time passed, as "12.3 s".
since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# step TEXT COMMAND...: runs a command, then says what was done and how long it took; while it runs, every half a minute
# that it does.
step() {
  local text=$1 start ticker self=$BASHPID
  shift
  start=$(now_ms)
  step_ticks "$text" "$start" "$self" &
  ticker=$!
  "$@"
  { kill "$ticker" && wait "$ticker"; } 2>/dev/null || true
  printf '  %-44s %s\n' "$text" "$(since "$start")"
}

# step_ticks TEXT START_MS PARENT: until it is killed, or its parent has ended. It starts no program: that would outlive
# it, and keep open what its output goes to.
step_ticks() {
  local never ticks parent
  exec {never}<> <(:)
  for ((ticks = 1; ; ticks++)); do
    read -rt 1 -u "$never" || true
    read -r _ _ _ parent _ <"/proc/$BASHPID/stat"
    [ "$parent" = "$3" ] || return 0
    [ $((ticks % 30)) != 0 ] || printf '    %7s  not yet: %s\n' "$(since "$2")" "$1"
  done
}

# wait_for SECONDS WHAT COMMAND...: polls until the command succeeds; no other loop waits. A command that returns 2 says
# that it never will. After a failure a warning says WHAT was waited for, how long, and the last line that the command
# printed. A new last line is shown on the way where SHOW_WAITS is set.
wait_for() {
  local start end=$(($(now_ms) + $1 * 1000)) what=$2 result seen last=""
  shift 2
  start=$(now_ms)
  while :; do
    result=0
    seen=$("$@" 2>&1) || result=$?
    [ $result != 0 ] || return 0
    seen=${seen##*$'\n'}
    [ -z "${SHOW_WAITS:-}" ] || [ "$seen" = "$last" ] || printf '    %7s  %s\n' "$(since "$start")" "$seen"
    last=$seen
    if [ $result = 2 ] || [ "$(now_ms)" -ge "$end" ]; then break; fi
    sleep 0.1
  done
  warn "waited $(since "$start") for $what${last:+; seen last: $last}"
  return 1
}

# server_version: of the cluster that kubectl speaks to, as "v1.20.2".
server_version() {
  local version
  version=$(kubectl get --raw /version | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p') || true
  [ -n "$version" ] || die "the cluster${KUBECONFIG:+ of KUBECONFIG=$KUBECONFIG} does not tell its version: kubectl get --raw /version"
  echo "$version"
}

require_root() {
  [ "$(id -u)" = 0 ] ||
    die "this needs root (processes, network namespaces, mounts, packages): run it with sudo"
}
