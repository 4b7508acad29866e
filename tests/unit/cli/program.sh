# shellcheck shell=bash
# The program as its users call it, for tests: they are called with PROGRAM and SOURCE_FOLDER, source this, run check
# in a folder of their own, and end with `finish`.
set -uo pipefail

program=$(realpath "$1")
# shellcheck disable=SC2034 # for those who source this
samples=$(realpath "$2")/config/samples
faults=0 passed=0

# check CODE STDOUT STDERR ARGUMENTS...: the outputs are patterns of bash for the whole of them.
check() {
  local code=$1 out=$2 err=$3 got before=$faults
  shift 3
  "$program" "$@" >out 2>err
  got=$?
  [ "$got" = "$code" ] || fail "exit code $got, not $code" "$@"
  # shellcheck disable=SC2053 # patterns they are
  [[ $(<out) == $out ]] || fail "standard output is: $(head -c 1000 out)" "$@"
  # shellcheck disable=SC2053
  [[ $(<err) == $err ]] || fail "standard error is: $(head -c 1000 err)" "$@"
  [ "$faults" != "$before" ] || passed=$((passed + 1))
}

fail() {
  local what=$1
  shift
  echo "istio-operator $*: $what"
  faults=$((faults + 1))
}

# resource NAME: an Istio resource with standard input as its spec
resource() {
  printf 'apiVersion: istio.banzaicloud.io/v1beta1\nkind: Istio\nmetadata:\n  name: istio\nspec:\n' >"$1"
  sed 's/^/  /' >>"$1"
}

# In cmocka's words, which hack/test counts.
finish() {
  echo "[  PASSED  ] $passed test(s)."
  [ "$faults" = 0 ] || { echo "[  FAILED  ] $faults test(s)."; exit 1; }
  exit 0
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset KUBECONFIG
