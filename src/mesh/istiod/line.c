#include "mesh/istiod/istiod.h"

#include "base/str.h"
#include "doc/doc.h"
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

static const struct rollout_workload istiod_workloads[] = {{KIND_DEPLOYMENT, "istiod"}, {0, NULL}};
static const struct rollout_workload ingress_workloads[] = {{KIND_DEPLOYMENT, "istio-ingressgateway"}, {0, NULL}};
static const struct rollout_workload egress_workloads[] = {{KIND_DEPLOYMENT, "istio-egressgateway"}, {0, NULL}};

static const struct mesh_component central[] = {
    {"pilot", istiod_workloads, pilot, istiod_control_plane},
    {"gateways.ingress", ingress_workloads, ingress, istiod_ingress_gateway, .shared = true},
    {"gateways.egress", egress_workloads, egress, istiod_egress_gateway, .shared = true},
    {NULL},
};

static const mesh_part_fn central_shared[] = {istiod_peer_authentication, NULL};

/*
 * What istiod creates in its own namespace. Source: Istio 1.31, pilot/pkg/features/experimental.go (the certificates),
 * pilot/pkg/leaderelection/leaderelection.go (who of several acts). A later mesh has another root certificate: Pods
 * that mount the former one trust no istiod until the kubelet has the new one, a minute or more later. Secret
 * istio-ca-secret with the key is as Citadel's (in the table of Istio 1.0, and so deleted with every mesh). The
 * certificates in other namespaces stay: the next istiod replaces them before it injects Pods there. Leases stay.
 */
static const struct mesh_made central_made[] = {
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-ca-root-cert"},
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-ca-crl"},
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-leader"},
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-namespace-controller-election"},
    {"pilot", .kind = KIND_CONFIG_MAP_KEYS, .name = "istio-ip-autoallocate"},
    {NULL},
};

static const struct mesh_made nothing_made[] = {{NULL}};

/* No other cluster can join yet. */
static const struct mesh_component no_components[] = {{NULL}};
static const mesh_part_fn nothing_shared[] = {NULL};

/* One, with the name that the resource gives it. */
static bool plane(const struct istio_spec *spec, size_t i, struct mesh_plane *ret)
{
    ret->revision = istiod_of(spec)->revision;
    return i == 0;
}

static const char *plane_of(const json_t *deployment)
{
    const json_t *labels = doc_at(deployment, "metadata", "labels");
    const char *revision = doc_string(labels, LABEL_REVISION);

    if (!revision || !str_eq(doc_string(labels, "app"), "istiod"))
        return NULL;
    return str_eq(revision, ISTIOD_REVISION_DEFAULT) ? "" : revision;
}

const struct mesh_line istiod_line = {
    .form = &istiod_form,
    .plane = plane,
    .plane_of = plane_of,
    .definitions = istiod_definitions,
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
        },
};
