/*
 * What the tables of all lines share, of Istio and of RemoteIstio: rows, tables and rules. Only for files that hold
 * tables.
 *
 * OWNER is the line's struct, and `in` where its struct istio_spec lies, which is its first member: `common.`. Tables
 * of members of struct istio_spec are the same for each of them: GROUP(istio_proxy_table).
 */
#ifndef API_ISTIO_PARTS_H
#define API_ISTIO_PARTS_H

#include "api/component_rows.h"
#include "api/istio.h"

/* Of members of struct istio_spec. */
extern const struct field_table istio_proxy_table, istio_disruption_budget_table, istio_sidecars_table,
    istio_upgrade_table, istio_sidecar_renewal_table, istio_monitoring_table, istio_kiali_table;

/* Elements of lists. */
extern const struct field istio_overlay, istio_namespace_name, istio_secret_name, istio_service_port, istio_annotation;

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
/* What is done with the mesh as a whole. */
#define ISTIO_LIFE_ROWS(in)                                                                                            \
    {"pause", FLAG_AT(in pause), .otherwise = "false",                                                                 \
     .doc = "Writes nothing to the mesh; the status lists what the operator would change."},                           \
    {"removeCRDs", FLAG_AT(in remove_crds), .otherwise = "false",                                                      \
     .doc = "Removes Istio's own CustomResourceDefinitions, and with them every user's Istio configuration, when "     \
            "this resource is deleted."}
#define ISTIO_VERSION_ROW(in)                                                                                          \
    {"version", TEXT_AT(in version, format_version), .implied = "the installed one, or the newest that runs", \
     .doc = "The version of Istio."}
#define ISTIO_UPGRADE_ROW()                                                                                            \
    {"upgrade", GROUP(istio_upgrade_table), .doc = "How the version is changed."}
#define ISTIO_MTLS_ROW(in)                                                                                             \
    {"mtls", FLAG_AT(in mtls), .otherwise = "false", .doc = "Encrypts the traffic inside the mesh with mutual TLS."}
#define ISTIO_DISRUPTION_BUDGET_ROW()                                                                                  \
    {"defaultPodDisruptionBudget", GROUP(istio_disruption_budget_table), .doc = "PodDisruptionBudgets."}
#define ISTIO_PROXY_ROW() {"proxy", GROUP(istio_proxy_table), .doc = "The sidecars."}
#define ISTIO_SIDECARS_ROW()                                                                                           \
    {"sidecars", GROUP(istio_sidecars_table), .doc = "What the status tells about the sidecars."},                     \
    {"sidecarRenewal", GROUP(istio_sidecar_renewal_table),                                                             \
     .doc = "Restarts of workloads whose pods have an outdated sidecar."}

/* Of an Istio alone: what a remote cluster has is scraped by what its users have there. */
#define ISTIO_MONITORING_ROW()                                                                                         \
    {"monitoring", GROUP(istio_monitoring_table), .doc = "What watches the mesh, and is there already."}
#define ISTIO_KIALI_ROW()                                                                                              \
    {"kiali", GROUP(istio_kiali_table), .doc = "Kiali, which draws the mesh."}

/* Of a struct gateway_spec, OWNER. */
#define ISTIO_GATEWAY_ROWS()                                                                                           \
    COMPONENT_ROWS(component., COMPONENT_AUTOSCALED),                                                                  \
    {"serviceType", CHOICE_AT(service_type, "ClusterIP", "NodePort", "LoadBalancer"),                                  \
     .implied = GATEWAY_INGRESS_TYPE " for ingress, " GATEWAY_EGRESS_TYPE " for egress",                               \
     .doc = "The type of its Service."},                                                                               \
    {"serviceAnnotations", MAP_AT(service_annotations, format_label_key, istio_annotation, 64), .implied = "none",     \
     .doc = "Annotations of its Service, such as those by which clouds make internal load balancers."},              \
    {"serviceLabels", MAP_AT(service_labels, format_label_key, component_label_value, 64), .implied = "none",          \
     .doc = "Labels of its Service besides `app` and `istio`."},                                                       \
    {"loadBalancerIP", TEXT_AT(load_balancer_ip, format_ip_or_empty), .implied = "the cloud's choice",                 \
     .doc = "The address of its load balancer, where the cloud lets one choose."},                                     \
    {"ports", LIST_AT(ports, istio_service_port, 0, 100), .implied = "as in Istio's Helm chart",                       \
     .doc = "All ports of its Service and pods; they replace the default as a whole, unless the list is empty."}
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
#define ISTIO_VERSION_RULES                                                                                            \
    {"`version` is one that this operator knows. A resource without it keeps the version that its status has; a "      \
     "new one gets " ISTIO_VERSION_DEFAULT " where the cluster's Kubernetes runs that, and else the newest that "      \
     "it runs. A patch that this operator does not know is installed with the objects of the newest known patch of "   \
     "its minor release that is older; it is refused where there is none.",                                            \
     istio_check_version},                                                                                             \
    {                                                                                                                  \
        "That version runs on the cluster's Kubernetes.", istio_check_kubernetes                                       \
    }
#define ISTIO_PLACE_RULE                                                                                               \
    {                                                                                                                  \
        "A warning: the namespace of the resource is the control plane's, and `default` is seldom meant.",             \
            istio_check_place                                                                                          \
    }
#define ISTIO_GATEWAYS_RULE                                                                                            \
    {                                                                                                                  \
        "The `ports` of a gateway have each name once, and each port and node port once for a protocol, and node "     \
        "ports only where its Service is "                                                                             \
        "not of type ClusterIP; its labels and annotations leave out what the operator sets.",                         \
            istio_check_gateways                                                                                       \
    }
#define ISTIO_KIALI_RULE                                                                                               \
    {                                                                                                                  \
        "A `kiali` that everybody may use is view only. A warning: without `monitoring.prometheus.url` it shows no "   \
        "traffic.",                                                                                                    \
            istio_check_kiali                                                                                          \
    }
/* The check reads the components of the resource. */
#define ISTIO_IMAGES_RULE(check)                                                                                       \
    {                                                                                                                  \
        "A warning: images that name a release name one of the minor release that `version` says.", check              \
    }
#define ISTIO_REPLICAS_RULE(check)                                                                                     \
    {                                                                                                                  \
        "`minReplicas` is at most `maxReplicas`, and `replicaCount` lies between them.", check                         \
    }

void istio_check_namespaces(const struct api_check *c);
void istio_check_overlays(const struct api_check *c);
void istio_check_ranges(const struct api_check *c);
void istio_check_version(const struct api_check *c);
void istio_check_kubernetes(const struct api_check *c);
void istio_check_place(const struct api_check *c);
/* Whether the image at `path` (NULL: none) names a release of another minor release. */
void istio_check_image(const struct api_check *c, const char *path, const char *image);
void istio_check_gateways(const struct api_check *c);
/* One that only a line has; `default_type` is that of its Service where the resource does not say. */
void istio_check_gateway(const struct api_check *c, const struct gateway_spec *gateway, const char *path,
                         const char *default_type);
void istio_check_kiali(const struct api_check *c);

/* A resource that names no version has that of its edition. */
void istio_version_complete(struct istio_spec *spec, const char *version);
/* For all of a list that ends with a NULL path, of the line's struct at `spec`. */
void istio_components_complete(const struct istio_component *components, void *spec);
void istio_components_check(const struct istio_component *components, const struct api_check *c);
void istio_components_check_images(const struct istio_component *components, const struct api_check *c);
/* A gateway is disabled where all are. */
void istio_gateways_complete(struct istio_spec *spec);

#endif
