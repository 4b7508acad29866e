#include "mesh/istiod/istiod.h"

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/common/dashboards.h"
#include "mesh/common/scrapes.h"
#include "mesh/istiod/definitions/definitions.h"

static const struct component_spec *pilot(const struct istio_spec *spec)
{
    return &spec->pilot;
}

static const struct component_spec *ingress(const struct istio_spec *spec)
{
    return &spec->gateways.ingress.component;
}

static const struct component_spec *egress(const struct istio_spec *spec)
{
    return &spec->gateways.egress.component;
}

static const struct component_spec *east_west(const struct istio_spec *spec)
{
    return &istiod_of(spec)->federation.gateway.component;
}

static const struct component_spec *cni(const struct istio_spec *spec)
{
    return &istiod_of(spec)->cni.component;
}

static bool asks_for_platform(const struct istio_spec *spec)
{
    return str_eq(istiod_of(spec)->cni.platform, ISTIOD_CNI_AUTO) &&
           str_eq(istiod_of(spec)->platform, ISTIOD_ANY_PLATFORM);
}

static const struct rollout_workload istiod_workloads[] = {{KIND_DEPLOYMENT, "istiod"}, {0, NULL}};
static const struct rollout_workload ingress_workloads[] = {{KIND_DEPLOYMENT, "istio-ingressgateway"}, {0, NULL}};
static const struct rollout_workload egress_workloads[] = {{KIND_DEPLOYMENT, "istio-egressgateway"}, {0, NULL}};
static const struct rollout_workload east_west_workloads[] = {{KIND_DEPLOYMENT, ISTIOD_EAST_WEST}, {0, NULL}};

static const struct rollout_workload cni_workloads[] = {{KIND_DAEMON_SET, ISTIOD_CNI_DAEMON_SET}, {0, NULL}};

enum { CNI };

static const struct mesh_component central[] = {
    [CNI] = {"cni", cni_workloads, cni, NULL, .shared = true},
    {"pilot", istiod_workloads, pilot, istiod_control_plane},
    {"gateways.ingress",
     ingress_workloads,
     ingress,
     istiod_ingress_gateway,
     .service = "istio-ingressgateway",
     .shared = true},
    {"gateways.egress",
     egress_workloads,
     egress,
     istiod_egress_gateway,
     .service = "istio-egressgateway",
     .shared = true},
    {"gateways.eastWest",
     east_west_workloads,
     east_west,
     istiod_east_west_gateway,
     .service = ISTIOD_EAST_WEST,
     .shared = true},
    {NULL},
};

static const mesh_part_fn central_shared[] = {
    istiod_cni_plugin,
    istiod_peer_authentication,
    istiod_cross_network_gateway,
    istiod_telemetry,
    mesh_scrapes,
    mesh_dashboards,
    istiod_kiali,
    NULL};

/*
 * What istiod creates. Source: Istio 1.31, pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go (the
 * certificates, in all namespaces; their label is in watches.c), pilot/pkg/leaderelection/leaderelection.go (who of
 * several acts; the names of Leases end in the revision), pilot/pkg/config/kube/gatewaycommon/gatewayclass.go (classes
 * of Gateway API, where they are missing: pilot.env names the default one, so that no name says whose it is). A later
 * mesh has another root certificate: Pods that mount the former one trust no istiod until the kubelet has the new one,
 * a minute or more later. Secret istio-ca-secret with the key is as Citadel's (in the table of Istio 1.0, and so
 * deleted with every mesh).
 */
#define MADE(kind_, name_)                                                                                             \
    {                                                                                                                  \
        "pilot", .kind = kind_, .name = name_, .shared = true                                                          \
    }
#define MADE_EVERYWHERE(name_)                                                                                         \
    {                                                                                                                  \
        "pilot", .kind = KIND_MADE_CONFIG_MAP, .name = name_, .everywhere = true, .shared = true                       \
    }
static const struct mesh_made central_made[] = {
    /* Without an istiod to ask, the API server refuses Pods in the namespaces of a revision tag. */
    {"pilot", .kind = KIND_MADE_INJECTOR, .name = "istio-revision-tag-*", .calls_here = true, .harmful_alone = true},
    MADE_EVERYWHERE("istio-ca-root-cert"),
    MADE_EVERYWHERE("istio-ca-crl"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-leader"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-namespace-controller-election"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-serviceexport-controller-election"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-gateway-status-leader"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-analyze-leader"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-node-untaint"),
    MADE(KIND_CONFIG_MAP_KEYS, "istio-ip-autoallocate"),
    MADE(KIND_MADE_LEASE, "istio-gateway-status-leader-*"),
    MADE(KIND_MADE_LEASE, "istio-gateway-deployment-*"),
    MADE(KIND_MADE_LEASE, "istio-gateway-inferencepool-*"),
    MADE(KIND_MADE_LEASE, "istio-clustertrustbundle-controller-election"),
    {"pilot",
     .kind = KIND_MADE_GATEWAY_CLASS,
     .writer = "pilot-discovery",
     .served_by = KIND_GATEWAY_CLASS_DEFINITION,
     .shared = true},
    {NULL},
};

static const struct mesh_made nothing_made[] = {{NULL}};

/* A plugged-in one is taken where there is one. */
static const struct kube_object *authority(const struct kube_cache *observed, const char *ns)
{
    const struct kube_object *o =
        kube_cache_get(observed, mesh_kind(KIND_PLUGGED_IN_AUTHORITY), ns, MESH_PLUGGED_IN_AUTHORITY);

    return o ? o : kube_cache_get(observed, mesh_kind(KIND_SELF_SIGNED_AUTHORITY), ns, MESH_SELF_SIGNED_AUTHORITY);
}

/* No other cluster can join yet. */
static const struct mesh_component no_components[] = {{NULL}};
static const mesh_part_fn nothing_shared[] = {NULL};

/* One, with the name that the resource gives it. */
static bool plane(const struct istio_spec *spec, size_t i, struct mesh_plane *ret)
{
    ret->revision = istiod_of(spec)->revision;
    return i == 0;
}

static const char *network(const struct istio_spec *spec)
{
    return istiod_of(spec)->federation.network;
}

static const char *plane_of(const json_t *object)
{
    const json_t *labels = doc_at(object, "metadata", "labels");
    const char *revision = doc_string(labels, LABEL_REVISION);

    if (!revision || !str_eq(doc_string(labels, "app"), "istiod"))
        return NULL;
    return str_eq(revision, ISTIOD_REVISION_DEFAULT) ? "" : revision;
}

/* Source: Kubernetes' Pod Security Standards: capabilities and privileged containers. */
static const char *refused_for(const struct istio_spec *spec, bool cni)
{
    if (spec->proxy.enable_core_dump)
        return "the init container of spec.proxy.enableCoreDump is privileged";
    if (spec->proxy.privileged)
        return "the containers of spec.proxy.privileged are privileged";
    return cni ? NULL : "their init container istio-init adds the capabilities NET_ADMIN and NET_RAW";
}

static const struct mesh_cni plugin = {
    .component = &central[CNI],
    .asks_for_platform = asks_for_platform,
    .platform_of_node = istiod_cni_platform_of_node,
    .is_in = istiod_cni_is_in,
};

/* Source: Istio, manifests/helm-profiles/compatibility-version-1.28.yaml to -1.30.yaml. */
static const struct mesh_changed_default changed[] = {
    {"1.29.0", "spec.pilot.env.DISABLE_TRACK_REMAINING_CB_METRICS", "\"false\"", "\"true\""},
    {"1.30.0", "spec.pilot.env.PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE", "\"false\"", "\"true\""},
    {"1.31.0", "spec.pilot.env.PILOT_ENABLE_STRICT_GATEWAY_MERGING", "\"false\"", "\"true\""},
    {"1.31.0", "spec.pilot.env.PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS", "\"false\"", "\"true\""},
    {NULL},
};

/*
 * Variables that istiod read before. Source: Istio's branches release-1.30 and release-1.31 as of August 2026,
 * env.Register() in pilot/pkg and pkg.
 */
static const struct mesh_dropped_setting dropped[] = {
    {"1.31.0", "spec.pilot.env.PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY"},
    {"1.31.0", "spec.pilot.env.UNSAFE_PILOT_ENABLE_DELTA_TEST"},
    {NULL},
};

/*
 * Proxies declare Envoy's own port. The agent's serves the same with what it has itself and, where Pods have
 * annotations prometheus.io/..., the metrics of the application. Both are left out of the redirection of traffic.
 */
static const struct mesh_scrape scrapes[] = {
    {"istiod", "istiod|istiod-.+", "http-monitoring"},
    {"envoy-stats", NULL, "http-envoy-prom", "/stats/prometheus", 15090, 15020},
    {NULL},
};

const struct mesh_line istiod_line = {
    .scrapes = scrapes,
    .metrics = MESH_METRICS_TODAY,
    .dropped = dropped,
    .changed = changed,
    .form = &istiod_form,
    .plane = plane,
    .plane_of = plane_of,
    .validator = ISTIOD_VALIDATOR,
    .definitions = istiod_definitions,
    .cni = &plugin,
    .central = {central, central_shared, central_made},
    .remote = {no_components, nothing_shared, nothing_made},
    .injection =
        {
            .label = LABEL_INJECTION,
            .enabled = "enabled",
            .revision = ISTIOD_REVISION_DEFAULT,
            .config_map = ISTIOD_INJECTION_CONFIG,
            .version_of_pod = istiod_sidecar_version_of_pod,
            .version_of_config = istiod_sidecar_version_of_config,
            .release_of_config = istiod_release_of_config,
            .settles_within = SECONDS(10), /* it is watched */
            .refused_for = refused_for,
        },
    .authority = authority,
    .webhooks_count = true,
    .network = network,
    .traces_to_ports = true,
};
