#include "mesh/v1/line_parts.h"
#include "mesh/v1_1/v1_1.h"

V1_SPEC_OF(cni_plugin, cni.component)
V1_SPEC_OF(node_agent, node_agent)

enum { CNI = V1_COMPONENT_COUNT, NODE_AGENT, END };

static const struct mesh_component central[] = {
    V1_COMPONENTS,
    /* It stays until no new Pod is injected for it, so that its objects are those of a part. */
    [CNI] = {"cni", V1_WORKLOAD(KIND_DAEMON_SET, V1_CNI_DAEMON_SET), cni_plugin, NULL},
    [NODE_AGENT] = {"nodeAgent", V1_WORKLOAD(KIND_DAEMON_SET, V1_NODE_AGENT), node_agent, v1_node_agent},
    [END] = {NULL},
};

static const mesh_part_fn central_shared[] = {
    v1_mesh_config,
    v1_mixer_identity,
    v1_mixer_config,
    v1_security_config,
    v1_cni_plugin,
    mesh_scrapes,
    mesh_dashboards,
    v1_servicegraph,
    NULL,
};

static const struct mesh_scrape scrapes[] = {
    V1_SCRAPES,
    {"citadel", "istio-citadel", "http-monitoring"},
    {"envoy-stats", NULL, "http-envoy-prom", "/stats/prometheus"},
    {NULL},
};

/*
 * What Istio 1.1 creates besides what Istio 1.0 does, whose line has the rest: Citadel its root certificate for clients
 * outside the mesh (security/pkg/k8s/configmap/controller.go).
 */
static const struct mesh_made made[] = {
    {"citadel", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-security"},
    {NULL},
};

static const struct mesh_component remote[] = {
    V1_REMOTE_COMPONENTS,
    {NULL},
};

static const mesh_part_fn remote_shared[] = {v1_mesh_config, NULL};

/* As in its chart. */
static const struct field_default remote_defaults[] = {
    {"spec.proxy.concurrency", "2"},
    {"spec.defaultPodDisruptionBudget.enabled", "true"},
    {NULL, NULL},
};

static const struct mesh_joining joining = {V1_JOINING(v1_1_remote_form), .defaults = remote_defaults};

static bool asks_for_platform(const struct istio_spec *spec)
{
    (void)spec;
    return false;
}

static const struct mesh_cni cni = {
    .component = &central[CNI],
    .asks_for_platform = asks_for_platform,
    .is_in = v1_cni_is_in,
    .relies = v1_cni_relies,
    .excludes = v1_cni_excludes,
};

/* Source: Istio 1.0.5 and 1.1.17, install/kubernetes/helm/istio: values.yaml and the ConfigMap istio. */
static const struct mesh_changed_default changed[] = {
    {"1.1.0", "spec.policy.checks", "true", "false"},
    {"1.1.0", "spec.outboundTrafficPolicy.mode", "\"REGISTRY_ONLY\"", "\"ALLOW_ANY\""},
    {"1.1.0", "spec.accessLogFile", "\"/dev/stdout\"", "\"\""},
    {"1.1.0", "spec.proxy.concurrency", "0", "2"},
    {"1.1.0", "spec.gateways.egress.enabled", "true", "false"},
    {"1.1.0", "spec.defaultPodDisruptionBudget.enabled", "false", "true"},
    {NULL},
};

/* Source: Istio 1.1's upgrade notes. */
static const struct mesh_ignored ignored[] = {
    {KIND_SERVICE_WITH_AUTH,
     NULL,
     "annotations auth.istio.io/PORT of Services:",
     "their ports would have the mutual TLS of all others; write a Policy and a DestinationRule instead and remove "
     "them, or write spec.upgrade.preflight: Warn"},
    {.what = NULL},
};

const struct mesh_line v1_1_line = {
    .ignored = ignored,
    .changed = changed,
    .form = &v1_1_form,
    .definitions = v1_crds,
    .scrapes = scrapes,
    .metrics = MESH_METRICS_1_1,
    .central = {central, central_shared, made},
    .remote = {remote, remote_shared, made},
    .injection = V1_INJECTION,
    .cni = &cni,
    .joining = &joining,
    .authority = v1_authority,
};
