#include "api/status.h"
#include "mesh/v1/line_parts.h"
#include "mesh/v1_0/v1_0.h"

static const struct mesh_component central[] = {
    V1_COMPONENTS,
    {NULL},
};

static const mesh_part_fn central_shared[] = {
    v1_mesh_config,
    v1_mixer_identity,
    v1_statsd_bridge,
    v1_mixer_config,
    v1_security_config,
    mesh_scrapes,
    mesh_dashboards,
    v1_servicegraph,
    NULL,
};

static const struct mesh_scrape scrapes[] = {V1_SCRAPES, {NULL}};

static const struct mesh_component remote[] = {
    V1_REMOTE_COMPONENTS,
    {NULL},
};

static const mesh_part_fn remote_shared[] = {v1_mesh_config, NULL};

/*
 * From Istio's sources, all that its programs create: Galley its webhook (galley/pkg/crd/validation/config.go), Citadel
 * a Secret for every ServiceAccount (security/pkg/pki/ca/controller/secret.go) and the one with its own key
 * (security/pkg/pki/ca/ca.go), Pilot the ConfigMap to elect who writes the status of Ingresses, named by the mesh
 * configuration's ingressClass (pilot/pkg/config/kube/ingress/status.go). Pilot also creates missing definitions, under
 * the same names as the operator's (pilot/pkg/config/kube/crd/client.go); Mixer and the injector create nothing.
 */
#define KEYS_AND_CERTIFICATES                                                                                          \
    {                                                                                                                  \
        "citadel", .kind = KIND_KEY_AND_CERT_SECRET, .everywhere = true                                                \
    }
static const struct mesh_made central_made[] = {
    /* Without a Galley to ask, the API server refuses every change of Istio's configuration. */
    {"galley", .kind = KIND_MADE_WEBHOOK, .name = "istio-galley", .calls_here = true, .harmful_alone = true},
    KEYS_AND_CERTIFICATES,
    {"citadel", .kind = KIND_SECRET_KEYS, .name = "istio-ca-secret", .type = "istio.io/ca-root"},
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-ingress-controller-leader-*"},
    {NULL},
};

/* There Citadel signs with the certificate that it is given, and creates none of its own. */
static const struct mesh_made remote_made[] = {KEYS_AND_CERTIFICATES, {NULL}};

static bool has_mixer(const struct istio_spec *spec)
{
    return v1_of(spec)->policy.enabled || v1_of(spec)->telemetry.enabled;
}

/*
 * Mixer's adapter kubernetesenv is not ready before it has listed ReplicaSets in all three APIs that it knows
 * (mixer/adapter/kubernetesenv/cache.go, HasSynced), and Mixer's configuration waits for its adapters
 * (mixer/pkg/runtime/handler/table.go). Istio 1.1 looks first which of them the server has.
 */
static const struct mesh_limitation limitations[] = {
    {CONDITION_WORKLOAD_ATTRIBUTES,
     "ReplicaSetsNotServed",
     16,
     has_mixer,
     "Mixer lists ReplicaSets in apps/v1beta2 and extensions/v1beta1, which Kubernetes 1.%d does not serve: telemetry "
     "has no workload attributes, and rules of Mixer may not take effect"},
    {NULL},
};

static const struct mesh_joining joining = {V1_JOINING(v1_0_remote_form)};

static const struct mesh_ignored ignored[] = {
    {KIND_CLUSTER_RBAC_CONFIG,
     "clusterrbacconfigs.rbac.istio.io",
     "ClusterRbacConfigs:",
     "requests would be allowed that they deny; write a RbacConfig instead and delete it, or write "
     "spec.upgrade.preflight: Warn"},
    {.what = NULL},
};

const struct mesh_line v1_0_line = {
    .ignored = ignored,
    .form = &v1_0_form,
    .definitions = v1_crds,
    .scrapes = scrapes,
    .metrics = MESH_METRICS_1_0,
    .central = {central, central_shared, central_made},
    .remote = {remote, remote_shared, remote_made},
    .injection = V1_INJECTION,
    .joining = &joining,
    .limitations = limitations,
    .authority = v1_authority,
};
