# A cluster, the operator in it, and a mesh that becomes available: what hack/demo and hack/demo-canary begin with. Sourced
# by both, after demo.sh.
# shellcheck shell=bash

CLUSTER=${DEMO_CLUSTER:-demo}
SAMPLE_TODAY=config/samples/istio_v1beta1_istio_today.yaml

# After a demo KUBECONFIG often names its own cluster, which may be gone by now.
is_local() {
  local state=${ISTIO_OPERATOR_STATE:-/var/tmp/istio-operator-clusters}
  [ -z "${KUBECONFIG:-}" ] || [ "$KUBECONFIG" = "$state/$CLUSTER/kubeconfig" ]
}

# Sets VERSION, and LINE, which is empty for Istio 1.0. A cluster of the user's gets the newest release for its Kubernetes,
# which the operator chooses where VERSION is empty.
choose_istio() {
  local known
  VERSION=${ISTIO:-}
  if [ -z "$VERSION" ] && is_local; then VERSION=$(sed -n 's/^  version: //p' "$SAMPLE_TODAY"); fi
  case $VERSION in
    1.0.*) LINE="" ;;
    "") if is_old_server; then LINE=""; else LINE=newest; fi ;;
    *) LINE=$(cut -d. -f1,2 <<<"$VERSION") ;;
  esac
  if [ -n "$LINE" ]; then RESOURCE=$SAMPLE_TODAY; else RESOURCE=$SAMPLE; fi
  if [ -n "$LINE" ] && is_local; then
    known=$(hack/istio version "$LINE")
    [[ $VERSION == "$LINE" || $VERSION == "$known" ]] ||
      die "of Istio $LINE there is $known here: ISTIO=$known make demo"
    VERSION=$known
  fi
}

# Where Istio 1.0 runs.
is_old_server() {
  local version
  version=$(server_version) || exit 1
  [ "$(cut -d. -f2 <<<"$version")" -le 21 ]
}

prepare_cluster() {
  if is_local; then
    [ "$(id -u)" = 0 ] || die "the local cluster needs root: run it with sudo, or name your cluster in KUBECONFIG"
    unset KUBECONFIG
    if [ -n "$LINE" ]; then
      hack/cluster up --name "$CLUSTER" --kubernetes 1.34 --istio "$LINE"
    else
      hack/cluster up --name "$CLUSTER" --standins
    fi
    KUBECONFIG=$(hack/cluster kubeconfig --path --name "$CLUSTER")
    export KUBECONFIG
    step "operator's image made and loaded" load_image "$CLUSTER"
  else
    say "using the cluster of KUBECONFIG=$KUBECONFIG"
    [ -n "$IMAGE" ] ||
      die "name the operator's image: make docker-push IMG=name:tag, make demo IMG=name:tag; without KUBECONFIG a local cluster is used"
  fi
}

# resource_patch: what the demo changes in the sample. The proxies of a local cluster count for its Prometheus; with the
# Envoy of the images that are made here nothing may ask for the filter that counts in Istio's own.
resource_patch() {
  local images=""
  ! is_local || [ -z "$LINE" ] || images=$(images_choice "$LINE")
  jq -n --arg version "$VERSION" --arg images "$images" --slurpfile mesh hack/prometheus/mesh-config.json '
    ($mesh[0] | if $images == "built" then . else del(.defaultProviders) end) as $config |
    {spec: ({version: (if $version == "" then null else $version end)}
      + (if $images != "" then {autoInjectionNamespaces: ["default", "shop"], meshConfig: $config} else {} end))}'
}

# apply_resource: the sample with the patch; shows what it applies.
apply_resource() {
  local file=build/demo-istio.yaml
  kubectl patch --local -f "$RESOURCE" --type merge -p "$(resource_patch)" -o yaml >"$file"
  say "The resource ($file):"
  sed 's/^/    /' "$file"
  k apply -f "$file"
}

where_to_look() {
  warn "what helps to see why:
  export KUBECONFIG=$KUBECONFIG
  kubectl -n istio-system describe istio istio
  kubectl -n istio-system logs istio-operator-controller-manager-0
  kubectl -n istio-system get pods"
}

# start_mesh [IMAGE]: from nothing, or from what an earlier demo left.
start_mesh() {
  IMAGE=${1:-}
  mkdir -p build
  step "packages there" hack/deps build test
  choose_istio
  step "operator built" quietly build build_program
  prepare_cluster
  step "operator deployed" quietly deploy hack/deploy "$IMAGE"
  apply_resource
  trap where_to_look EXIT
  step "mesh available" wait_available istio istio k
}

# create_shop FILE: the namespace, and the users' objects in it.
create_shop() {
  kubectl create namespace shop --dry-run=client -o yaml | quietly namespace kubectl apply -f -
  step "namespace labelled" wait_for "$PATIENCE" "the label of namespace shop" shop_is_labelled
  step "services created" wait_for "$PATIENCE" "istiod to take the users' objects" apply_workloads "$1"
}

shop_is_labelled() { [ "$(kubectl get namespace shop -o 'jsonpath={.metadata.labels.istio-injection}')" = enabled ]; }

apply_workloads() { sed "s/ISTIO_VERSION/$VERSION/" "$1" | kubectl apply -f -; }
