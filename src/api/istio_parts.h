/*
 * What the tables of Istio and of RemoteIstio share: rows, tables and rules. Only for files that hold tables.
 *
 * The macros for rows take where the members lie: nothing where OWNER is struct istio_spec, `mesh.` where OWNER has a
 * struct istio_spec of that name.
 */
#ifndef API_ISTIO_PARTS_H
#define API_ISTIO_PARTS_H

#include "api/istio.h"
#include "api/rows.h"

/* Of members of struct istio_spec. */
extern const struct field_table istio_proxy_table, istio_proxy_init_table, istio_disruption_budget_table,
    istio_tracing_table, istio_injector_table;
/* Of a struct component_spec. */
extern const struct field_table istio_citadel_table;

/* Elements of lists. */
extern const struct field istio_overlay, istio_namespace_name, istio_secret_name;

/* clang-format off */
#define ISTIO_TRAFFIC_ROWS(in)                                                                                         \
    {"includeIPRanges", TEXT_AT(in include_ip_ranges, format_ranges_or_all), .otherwise = "*",                         \
     .doc = "Outbound traffic to these ranges goes through the sidecar; \"*\" is all of it."},                         \
    {"excludeIPRanges", TEXT_AT(in exclude_ip_ranges, format_ranges), .otherwise = "",                                 \
     .doc = "Outbound traffic to these ranges does not."},                                                             \
    {"autoInjectionNamespaces", LIST_AT(in auto_injection_namespaces, istio_namespace_name, 0, 5000), .unique = true,  \
     .otherwise = "[]", .doc = "Namespaces whose new pods get a sidecar, also those that do not exist yet."}

#define ISTIO_IMAGE_ROWS(in, hub_default, tag_default, policy_default, secrets_default)                                \
    {"imageHub", TEXT_AT(in image_hub, format_image_hub), hub_default, .floating = true,                               \
     .doc = "Where Istio's images are pulled from."},                                                                  \
    {"imageTag", TEXT_AT(in image_tag, format_image_tag), tag_default, .doc = "The tag of Istio's images."},           \
    {"imagePullPolicy", CHOICE_AT(in image_pull_policy, "Always", "IfNotPresent", "Never"), policy_default,            \
     .doc = "When images are pulled."},                                                                                \
    {"imagePullSecrets", LIST_AT(in image_pull_secrets, istio_secret_name, 0, 64), .unique = true, secrets_default,    \
     .doc = "Names of Secrets with credentials for registries."}

#define ISTIO_OVERLAYS_ROW(in)                                                                                         \
    {"overlays", LIST_AT(in overlays, istio_overlay, 0, 200), .implied = "none",                                       \
     .doc = "JSON patches on single objects, applied in this order."}

#define ISTIO_DEFAULT_RESOURCES_ROW(in)                                                                                \
    {"defaultResources", DOCUMENT_AT(in default_resources, container_resources_table),                                 \
     .implied = "as in Istio's Helm chart", .doc = "Compute resources of the components that have none of their own."}
#define ISTIO_CITADEL_ROW(in)                                                                                          \
    {"citadel", STRUCT_AT(in citadel, istio_citadel_table), .doc = "Signs the certificates of workloads."}
/* The rows of its table are of the whole struct istio_spec, which is the first of OWNER or OWNER itself. */
#define ISTIO_INJECTOR_ROW()                                                                                           \
    {"sidecarInjector", GROUP(istio_injector_table), .doc = "Puts the sidecar into new pods."}
/* clang-format on */

/* Rows of rules whose check reads a struct istio_spec alone, which may be the first member of another struct. */
#define ISTIO_NAMESPACES_RULE                                                                                          \
    {                                                                                                                  \
        "`autoInjectionNamespaces` has neither the control plane's own namespace nor kube-system, kube-public or "     \
        "kube-node-lease.",                                                                                            \
            istio_check_namespaces                                                                                     \
    }
#define ISTIO_OVERLAYS_RULE                                                                                            \
    {                                                                                                                  \
        "`overlays` are JSON patches that leave alone apiVersion, kind and status, and in metadata all but labels, "   \
        "annotations and finalizers.",                                                                                 \
            istio_check_overlays                                                                                       \
    }
#define ISTIO_RANGES_RULE                                                                                              \
    {                                                                                                                  \
        "A warning: with `includeIPRanges` empty no outbound traffic goes through the sidecars.", istio_check_ranges   \
    }
#define ISTIO_INJECTOR_RULE                                                                                            \
    {                                                                                                                  \
        "A warning: `autoInjectionNamespaces` has no effect without the sidecar injector.", istio_check_injector       \
    }
/* The check reads the components of the resource. */
#define ISTIO_REPLICAS_RULE(check)                                                                                     \
    {                                                                                                                  \
        "`minReplicas` is at most `maxReplicas`, and `replicaCount` lies between them.", check                         \
    }

void istio_check_namespaces(const struct api_check *c);
void istio_check_overlays(const struct api_check *c);
void istio_check_ranges(const struct api_check *c);
void istio_check_injector(const struct api_check *c);
void istio_check_gateways(const struct api_check *c);

/* For all of a list that ends with a NULL path, of the struct istio_spec at `spec`. */
void istio_components_complete(const struct istio_component *components, void *spec);
void istio_components_check(const struct istio_component *components, const struct api_check *c);

#endif
