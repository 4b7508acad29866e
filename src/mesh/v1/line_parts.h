/* What the tables of the lines with Mixer share. Only for files that hold a struct mesh_line of theirs. */
#ifndef MESH_V1_LINE_PARTS_H
#define MESH_V1_LINE_PARTS_H

#include "mesh/common/dashboards.h"
#include "mesh/common/scrapes.h"
#include "mesh/v1/v1.h"

/* An accessor to a component. */
#define V1_SPEC_OF(name, field)                                                                                        \
    static const struct component_spec *name(const struct istio_spec *spec)                                            \
    {                                                                                                                  \
        return &v1_of(spec)->field;                                                                                    \
    }
V1_SPEC_OF(citadel, citadel)
V1_SPEC_OF(galley, galley)
V1_SPEC_OF(pilot, common.pilot)
V1_SPEC_OF(policy, policy)
V1_SPEC_OF(telemetry, telemetry)
V1_SPEC_OF(sidecar_injector, sidecar_injector)
V1_SPEC_OF(ingress, common.gateways.ingress.component)
V1_SPEC_OF(egress, common.gateways.egress.component)

/* The workload that a component is. */
#define V1_WORKLOAD(kind, name)                                                                                        \
    (const struct rollout_workload[])                                                                                  \
    {                                                                                                                  \
        {kind, name},                                                                                                  \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

#define V1_DEPLOYMENT(name) V1_WORKLOAD(KIND_DEPLOYMENT, name)

/* Those of Istio 1.0, which Istio 1.1 has as well. */
#define V1_COMPONENTS                                                                                                  \
    {"citadel", V1_DEPLOYMENT("istio-citadel"), citadel, v1_citadel},                                                  \
        {"galley", V1_DEPLOYMENT("istio-galley"), galley, v1_galley},                                                  \
        {"pilot", V1_DEPLOYMENT("istio-pilot"), pilot, v1_pilot},                                                      \
        {"policy", V1_DEPLOYMENT("istio-policy"), policy, v1_policy},                                                  \
        {"telemetry", V1_DEPLOYMENT("istio-telemetry"), telemetry, v1_telemetry},                                      \
        {"sidecarInjector", V1_DEPLOYMENT("istio-sidecar-injector"), sidecar_injector, v1_sidecar_injector},           \
        {"gateways.ingress",                                                                                           \
         V1_DEPLOYMENT("istio-ingressgateway"),                                                                        \
         ingress,                                                                                                      \
         v1_ingress_gateway,                                                                                           \
         .service = "istio-ingressgateway"},                                                                           \
    {                                                                                                                  \
        "gateways.egress", V1_DEPLOYMENT("istio-egressgateway"), egress, v1_egress_gateway,                            \
            .service = "istio-egressgateway"                                                                           \
    }

enum { V1_COMPONENT_COUNT = 8 };

/* By the names that the jobs of Istio's chart have. */
#define V1_SCRAPES                                                                                                     \
    {"istio-mesh", "istio-telemetry", "prometheus"}, {"istio-policy", "istio-policy", "http-monitoring"},              \
        {"istio-telemetry", "istio-telemetry", "http-monitoring"}, {"pilot", "istio-pilot", "http-monitoring"},        \
    {                                                                                                                  \
        "galley", "istio-galley", "http-monitoring"                                                                    \
    }

/* The rest of the control plane, and all of Istio's configuration, is in the central cluster. */
#define V1_REMOTE_COMPONENTS                                                                                           \
    {"citadel", V1_DEPLOYMENT("istio-citadel"), citadel, v1_citadel},                                                  \
    {                                                                                                                  \
        "sidecarInjector", V1_DEPLOYMENT("istio-sidecar-injector"), sidecar_injector, v1_sidecar_injector              \
    }

#define V1_JOINING(remote_form)                                                                                        \
    .form = &(remote_form), .follow = v1_follow, .kubeconfig_label = V1_KUBECONFIG_LABEL, .signing = v1_signing,       \
    .waits_for_signing = "waiting for the certificate that the central Citadel signs with",                            \
    .notice = v1_joining_notice

/* Its configuration is mounted: the kubelet syncs a Pod once in 60 to 90 s, and caches ConfigMaps for 60 s. */
#define V1_INJECTION                                                                                                   \
    {                                                                                                                  \
        .label = LABEL_INJECTION, .enabled = "enabled", .config_map = V1_INJECTION_CONFIG,                             \
        .version_of_pod = v1_sidecar_version_of_pod, .version_of_config = v1_sidecar_version_of_config,                \
        .settles_within = SECONDS(150),                                                                                \
    }

#endif
