# Small helpers of the scripts in hack/. Sourced, never run.
# shellcheck shell=bash

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

# step TEXT COMMAND...: runs a command, then says what was done and how long it took.
step() {
  local text=$1 start
  shift
  start=$(now_ms)
  "$@"
  printf '  %-44s %s\n' "$text" "$(since "$start")"
}

# wait_for SECONDS COMMAND...: polls quietly until the command succeeds. A command
# that returns 2 says that it never will.
wait_for() {
  local end=$(($(now_ms) + $1 * 1000)) result
  shift
  while :; do
    result=0
    "$@" >/dev/null 2>&1 || result=$?
    [ $result != 0 ] || return 0
    [ $result != 2 ] || return 1
    [ "$(now_ms)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# server_version: of the cluster that kubectl speaks to, as "v1.20.2".
server_version() {
  local version
  version=$(kubectl get --raw /version | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p')
  [ -n "$version" ] || die "the cluster does not tell its version: kubectl get --raw /version"
  echo "$version"
}

require_root() {
  [ "$(id -u)" = 0 ] ||
    die "this needs root (processes, network namespaces, mounts, packages): run it with sudo"
}
