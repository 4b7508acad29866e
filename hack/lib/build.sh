# Programs that are built once, into a cache, for all clusters. Sourced, after common.sh and go.sh.
# shellcheck shell=bash

# build_missing CACHE PROGRAM...: prints those that it lacks.
build_missing() {
  local cache=$1 program
  shift
  for program in "$@"; do
    [ -x "$cache/bin/$program" ] || echo "$program"
  done
}

# build_once NAME CACHE RECIPE PROGRAM...: builds into CACHE/bin what it lacks of the programs. RECIPE_prepare WORK LOG is
# called first, then RECIPE_compile WORK PROGRAM LOG for each; RECIPE_programs prints all there are. Of several callers one
# builds, the others wait for it.
build_once() {
  local name=$1 cache=$2 recipe=$3 missing lock
  shift 3
  [ -n "$(build_missing "$cache" "$@")" ] || return 0
  mkdir -p "$cache/bin"
  exec {lock}>"$cache/lock"
  if ! flock -n "$lock"; then
    say "waiting for another build of $name to end ..."
    flock "$lock"
  fi
  mapfile -t missing < <(build_missing "$cache" "$@")
  # The lock belongs to this function: children that live on must not hold it.
  [ ${#missing[@]} = 0 ] || with_go_caches build_programs "$name" "$cache" "$recipe" "${missing[@]}" {lock}>&-
  exec {lock}>&-
}

# build_programs NAME CACHE RECIPE PROGRAM...: each is whole or missing, so an interrupted build continues where it was.
build_programs() {
  local name=$1 cache=$2 recipe=$3 work=$2/build log=$2/build.log program start
  shift 3
  start=$(now_ms)
  say "building $name ($*);"
  say "  some minutes, once; kept in $cache; log: $log"
  mkdir -p "$work"
  "${recipe}_prepare" "$work" "$log"
  for program in "$@"; do
    step "$program built" "${recipe}_compile" "$work" "$program" "$log"
  done
  # It may have sources: dropped once nothing is left to build.
  # shellcheck disable=SC2046
  [ -n "$(build_missing "$cache" $("${recipe}_programs"))" ] || rm -rf "$work"
  say "$name built in $(since "$start")"
}

# build_failed WHAT LOG
build_failed() {
  tail -n 5 "$2" >&2
  die "building $1 failed: see $2"
}
