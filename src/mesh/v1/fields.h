/*
 * What the tables of Istio and of RemoteIstio share in releases with Mixer. Only for files that hold tables; OWNER is
 * struct v1_spec.
 */
#ifndef MESH_V1_FIELDS_H
#define MESH_V1_FIELDS_H

#include "api/istio_parts.h"
#include "mesh/v1/v1.h"

extern const struct field_table v1_citadel_table, v1_pilot_table, v1_mixer_table, v1_tracing_table, v1_proxy_init_table,
    v1_servicegraph_table;

/* clang-format off */
#define V1_CITADEL_ROW()                                                                                               \
    {"citadel", STRUCT_AT(citadel, v1_citadel_table), .doc = "Signs the certificates of workloads."}
/* Its table is each line's own. */
#define V1_INJECTOR_ROW(table)                                                                                         \
    {"sidecarInjector", GROUP(table), .doc = "Puts the sidecar into new pods."}
#define V1_INJECTOR_ROWS()                                                                                             \
    COMPONENT_ROWS(sidecar_injector., COMPONENT_FIXED),                                                                \
    {"autoInjectionPolicyEnabled", FLAG_AT(auto_injection_policy), .otherwise = "true",                                \
     .doc = "Whether pods in autoInjectionNamespaces get a sidecar unless their annotation sidecar.istio.io/inject "   \
            "says \"false\"; else only those get one whose annotation says \"true\"."}
#define V1_SECURITY_ROW(default)                                                                                       \
    {"controlPlaneSecurityEnabled", FLAG_AT(control_plane_security_enabled), default,                                  \
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."}
#define V1_PROXY_INIT_DOC .doc = "The init container of injected pods."

#define V1_ONE_NETWORK                                                                                                 \
    "with Istio 1.0 and 1.1 a RemoteIstio joins clusters whose pods reach each other by their addresses, and names "   \
    "them; gateways between networks need today's Istio"

/* All but components and what only one of the lines has, as far as both have the same. */
#define V1_WHOLE_ROWS()                                                                                                \
    ISTIO_VERSION_ROW(common.),                                                                                        \
    ISTIO_MTLS_ROW(common.),                                                                                           \
    V1_SECURITY_ROW(.otherwise = "false"),                                                                             \
    ISTIO_TRAFFIC_ROWS(common.),                                                                                       \
    ISTIO_IMAGE_ROWS(common., .otherwise = "docker.io/istio", .implied = "the version", .otherwise = "IfNotPresent",   \
                     .implied = "none"),                                                                               \
    ISTIO_LIFE_ROWS(common.),                                                                                          \
    ISTIO_UPGRADE_ROW(),                                                                                               \
    {"watchOneNamespace", FLAG_AT(watch_one_namespace), .otherwise = "false",                                          \
     .doc = "Pilot looks at Services, Pods and configuration of its own namespace alone."},                            \
    ISTIO_DEFAULT_RESOURCES_ROW(common.),                                                                              \
    ISTIO_DISRUPTION_BUDGET_ROW(),                                                                                     \
    ISTIO_OVERLAYS_ROW(common.),                                                                                       \
    {"tracing", GROUP(v1_tracing_table), .doc = "Distributed tracing."},                                               \
    ISTIO_PROXY_ROW(),                                                                                                 \
    ISTIO_SIDECARS_ROW(),                                                                                              \
    ISTIO_MONITORING_ROW(),                                                                                            \
    {"servicegraph", GROUP(v1_servicegraph_table), .doc = "Servicegraph, which draws the mesh."},                      \
    {"kiali", UNSUPPORTED("{\"mode\":\"None\"}"), .refused = true,                                                     \
     .instead = "the Kiali of its time reads Deployments by an API that Kubernetes 1.16 removed; write `servicegraph.enabled`"},                                   \
    {"meshID", UNSUPPORTED("\"\""), .refused = true, .instead = V1_ONE_NETWORK},                                       \
    {"clusterName", UNSUPPORTED("\"\""), .refused = true, .instead = V1_ONE_NETWORK},                                  \
    {"networkName", UNSUPPORTED("\"\""), .refused = true, .instead = V1_ONE_NETWORK},                                  \
    {"gatewayFederation", UNSUPPORTED("{\"enabled\":false}"), .refused = true, .instead = V1_ONE_NETWORK},             \
    {"proxyInit", GROUP(v1_proxy_init_table), V1_PROXY_INIT_DOC}

/* Of `gateways`, by the line's table of a gateway. */
#define V1_GATEWAYS_ROWS(table)                                                                                        \
    {"enabled", FLAG_AT(common.gateways.enabled), .otherwise = "true", .floating = true,                               \
     .doc = "Whether there are gateways; false switches off both, whatever they say."},                                \
    {"ingress", STRUCT_AT(common.gateways.ingress, table), .doc = "The gateway for traffic into the mesh."},           \
    {"egress", STRUCT_AT(common.gateways.egress, table), .doc = "The gateway for traffic out of the mesh."},           \
    {"replicaCount", INTEGER(1, COMPONENT_REPLICAS_MAX),                                                               \
     ALIAS("gateways.ingress.replicaCount", "gateways.egress.replicaCount")},                                          \
    {"minReplicas", INTEGER(1, COMPONENT_REPLICAS_MAX),                                                                \
     ALIAS("gateways.ingress.minReplicas", "gateways.egress.minReplicas")},                                            \
    {"maxReplicas", INTEGER(1, COMPONENT_REPLICAS_MAX),                                                                \
     ALIAS("gateways.ingress.maxReplicas", "gateways.egress.maxReplicas")}
/* clang-format on */

#define V1_INJECTOR_RULE                                                                                               \
    {                                                                                                                  \
        "A warning: `autoInjectionNamespaces` has no effect without the sidecar injector.", v1_check_injector          \
    }
/* Of an Istio. */
#define V1_RULES                                                                                                       \
    ISTIO_VERSION_RULES, ISTIO_NAMESPACES_RULE, ISTIO_PLACE_RULE, ISTIO_REPLICAS_RULE(v1_check_replicas),              \
        ISTIO_OVERLAYS_RULE, ISTIO_GATEWAYS_RULE, ISTIO_IMAGES_RULE(v1_check_images),                                  \
        {"A warning: `mtls` and `controlPlaneSecurityEnabled` need certificates, which Citadel makes.",                \
         v1_check_citadel},                                                                                            \
        ISTIO_RANGES_RULE, V1_INJECTOR_RULE,                                                                           \
    {                                                                                                                  \
        "A warning: gateways and sidecars get no configuration without Pilot.", v1_check_pilot                         \
    }
void v1_check_replicas(const struct api_check *c);
void v1_check_images(const struct api_check *c);
void v1_check_citadel(const struct api_check *c);
void v1_check_injector(const struct api_check *c);
void v1_check_pilot(const struct api_check *c);

/* api_form.complete of an Istio. */
void v1_complete(void *spec, const char *version);

#endif
