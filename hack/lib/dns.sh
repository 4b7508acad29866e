# CoreDNS, which today's Istio needs: its proxies look for istiod by name. Sourced by hack/cluster.
# shellcheck shell=bash
# shellcheck disable=SC2153

DNS_IMAGE=istio-operator.local/coredns:1

has_dns() { [ "$MODE_WANTED" = full ] && [ "$KUBERNETES_MINOR" -ge 34 ]; }

# dns_archive: the path of the archive with the image, under the digest of its sources.
dns_archive() {
  echo "$CACHE_ROOT/images-coredns-$(cat "$HACK_DIR"/coredns/{go.mod,main.go} | sha256sum | cut -c1-16).tar"
}

# dns_ensure: builds the archive where there is none.
dns_ensure() {
  local archive lock
  archive=$(dns_archive)
  [ ! -e "$archive" ] || return 0
  mkdir -p "$CACHE_ROOT"
  exec {lock}>"$CACHE_ROOT/coredns.lock"
  flock "$lock"
  [ -e "$archive" ] || step "CoreDNS built" with_go_caches dns_build "$archive" {lock}>&-
  exec {lock}>&-
}

dns_build() {
  local work=$CACHE_ROOT/coredns-build log=$CACHE_ROOT/coredns-build.log
  "$HACK_DIR/deps" go
  mkdir -p "$work"/{root,image}
  go_build "$work" "$HACK_DIR/coredns" "$work/root/coredns" . "" >"$log" 2>&1 || build_failed CoreDNS "$log"
  image_layer "$work/root" "$work/image"
  image_config "$work/image" coredns '{"Entrypoint": ["/coredns"]}'
  rm -f "$CACHE_ROOT"/images-coredns-*.tar
  image_manifest coredns "$DNS_IMAGE" | image_archive "$work/image" "$1"
  rm -rf "$work"
}

dns_start() {
  images_import "$(dns_archive)"
  sed "s,CLUSTER_DNS,${SERVICE_API%.*}.10,; s,IMAGE,$DNS_IMAGE," "$HACK_DIR/coredns/coredns.yaml" |
    kubectl_admin apply -f - >>"$STATE/logs/coredns.log" 2>&1 || die "CoreDNS is refused: see $STATE/logs/coredns.log"
  wait_for 60 "CoreDNS to be ready" dns_ready || die "CoreDNS does not become ready"
}

dns_ready() {
  local ready
  ready=$(kubectl_admin -n kube-system get deployment coredns -o 'jsonpath={.status.readyReplicas}')
  [ "$ready" = 1 ]
}
