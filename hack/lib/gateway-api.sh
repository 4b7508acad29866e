# The definitions of the Gateway API, which are the users' and not Istio's: for tests. Sourced by hack/istio, after
# istio.sh.
# shellcheck shell=bash

# gateway_api: prints the path of a file with them, in the version that Istio's sources name; fetched once.
gateway_api() {
  local file=$ISTIO_CACHE/gateway-api.yaml
  [ -e "$file" ] || gateway_api_fetch "$file" >&2
  echo "$file"
}

# gateway_api_fetch FILE: from the Go module, which go.sum has the digest of.
gateway_api_fetch() {
  local work go folder log=$ISTIO_CACHE/gateway-api.log
  "$HACK_DIR/deps" go
  go=$(go_program)
  mkdir -p "$ISTIO_CACHE"
  work=$(mktemp -d -p "$ISTIO_CACHE")
  cp "$ISTIO_SOURCES/$ISTIO_LINE"/go.{mod,sum} "$work"
  folder=$(cd "$work" && env -u GOROOT -u GOWORK GOTOOLCHAIN=local GOMODCACHE="$work/modules" GOFLAGS=-modcacherw \
    "$go" mod download -json sigs.k8s.io/gateway-api 2>"$log" | jq -r '.Dir // ""') || folder=""
  [ -n "$folder" ] || die "the Gateway API cannot be fetched: see $log"
  sed -s '1i---' "$folder"/config/crd/standard/*.yaml >"$1.new"
  mv "$1.new" "$1"
  rm -rf "$work"
}
