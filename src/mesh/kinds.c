#include "base/mem.h"
#include "mesh/mesh.h"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/*
 * The minor versions of Kubernetes that serve a version are from the "Deprecated API Migration Guide" and the API
 * references in the Kubernetes documentation.
 */
#define VERSION(name) .versions = {{name, 0, 0}}

/* Webhooks go first, so that the API server never asks one that is not there. */
enum { REMOVE_WEBHOOKS, REMOVE_WORKLOADS, REMOVE_REST };

#define OURS .watch = KUBE_WATCH_OURS, .pruned = true
#define RBAC .group = "rbac.authorization.k8s.io", .versions = {{"v1", 8, 0}, {"v1beta1", 6, 21}}
#define WEBHOOKS                                                                                                       \
    .group = "admissionregistration.k8s.io", .versions = {{"v1", 16, 0}, {"v1beta1", 9, 21}},                          \
    .foreign = NAMES("webhooks[].clientConfig.caBundle"), .removal = REMOVE_WEBHOOKS
#define ISTIO(name, names, api_group, version)                                                                         \
    {                                                                                                                  \
        .kind = name, .plural = names, .group = api_group, VERSION(version), .namespaced = true, OURS, .custom = true, \
        .removal = REMOVE_REST                                                                                         \
    }
#define MIXER(name, names) ISTIO(name, names, "config.istio.io", "v1alpha2")

/* Enough to know an object and to remove it. */
#define IDENTITY                                                                                                       \
    "metadata.name", "metadata.namespace", "metadata.uid", "metadata.resourceVersion", "metadata.deletionTimestamp",   \
        "metadata.labels"

/* In the order in which objects are rendered. */
static const struct kube_kind rows[] = {
    {.kind = "Namespace",
     .plural = "namespaces",
     .group = "",
     VERSION("v1"),
     .watch = KUBE_WATCH_ALL,
     .keep = NAMES(IDENTITY),
     .removal = REMOVE_REST},
    /* Not pruned: the users' own resources hang on the definitions. */
    {.kind = "CustomResourceDefinition",
     .plural = "customresourcedefinitions",
     .group = "apiextensions.k8s.io",
     .versions = {{"v1", 16, 0}, {"v1beta1", 7, 21}},
     .watch = KUBE_WATCH_OURS,
     .removal = REMOVE_REST},
    {.kind = "ServiceAccount",
     .plural = "serviceaccounts",
     .group = "",
     VERSION("v1"),
     .namespaced = true,
     OURS,
     .removal = REMOVE_REST},
    {.kind = "ClusterRole", .plural = "clusterroles", RBAC, OURS, .removal = REMOVE_REST},
    {.kind = "ClusterRoleBinding", .plural = "clusterrolebindings", RBAC, OURS, .removal = REMOVE_REST},
    {.kind = "ConfigMap",
     .plural = "configmaps",
     .group = "",
     VERSION("v1"),
     .namespaced = true,
     OURS,
     .removal = REMOVE_REST},
    {.kind = "Service",
     .plural = "services",
     .group = "",
     VERSION("v1"),
     .namespaced = true,
     OURS,
     .removal = REMOVE_REST},
    {.kind = "Deployment",
     .plural = "deployments",
     .group = "apps",
     .versions = {{"v1", 9, 0}},
     .namespaced = true,
     OURS,
     .after = NAMES("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ConfigMap"),
     .removal = REMOVE_WORKLOADS},
    {.kind = "HorizontalPodAutoscaler",
     .plural = "horizontalpodautoscalers",
     .group = "autoscaling",
     .versions = {{"v2", 23, 0}, {"v2beta2", 12, 25}, {"v2beta1", 8, 24}},
     .namespaced = true,
     OURS,
     .removal = REMOVE_WORKLOADS},
    {.kind = "PodDisruptionBudget",
     .plural = "poddisruptionbudgets",
     .group = "policy",
     .versions = {{"v1", 21, 0}, {"v1beta1", 5, 24}},
     .namespaced = true,
     OURS,
     .removal = REMOVE_WORKLOADS},
    {.kind = "MeshPolicy",
     .plural = "meshpolicies",
     .group = "authentication.istio.io",
     VERSION("v1alpha1"),
     OURS,
     .custom = true,
     .removal = REMOVE_REST},
    ISTIO("DestinationRule", "destinationrules", "networking.istio.io", "v1alpha3"),
    ISTIO("Gateway", "gateways", "networking.istio.io", "v1alpha3"),
    MIXER("attributemanifest", "attributemanifests"),
    MIXER("kubernetes", "kuberneteses"),
    MIXER("kubernetesenv", "kubernetesenvs"),
    MIXER("logentry", "logentries"),
    MIXER("metric", "metrics"),
    MIXER("prometheus", "prometheuses"),
    MIXER("stdio", "stdios"),
    MIXER("rule", "rules"),
    {.kind = "MutatingWebhookConfiguration",
     .plural = "mutatingwebhookconfigurations",
     WEBHOOKS,
     OURS,
     .after = NAMES("Service", "Deployment")},
    /* Galley registers it for itself; it is here to be removed with the mesh. */
    {.kind = "ValidatingWebhookConfiguration",
     .plural = "validatingwebhookconfigurations",
     WEBHOOKS,
     .watch = KUBE_WATCH_NONE,
     .keep = NAMES(IDENTITY)},
    /* Looked at while a Deployment is not available, to say why. */
    {.kind = "Pod",
     .plural = "pods",
     .group = "",
     VERSION("v1"),
     .namespaced = true,
     .watch = KUBE_WATCH_NONE,
     .keep = NAMES(
         IDENTITY, "metadata.ownerReferences", "metadata.creationTimestamp", "status.phase", "status.reason",
         "status.message", "status.conditions", "status.initContainerStatuses", "status.containerStatuses"),
     .removal = REMOVE_REST},
    /* Citadel's key-and-cert Secrets go with the mesh; what they hold is never kept. */
    {.kind = "Secret",
     .plural = "secrets",
     .group = "",
     VERSION("v1"),
     .namespaced = true,
     .watch = KUBE_WATCH_NONE,
     .keep = NAMES(IDENTITY, "type"),
     .removal = REMOVE_REST},
    {.kind = "Istio",
     .plural = "istios",
     .group = API_GROUP,
     VERSION(API_VERSION),
     .namespaced = true,
     .watch = KUBE_WATCH_ALL,
     .custom = true,
     .removal = REMOVE_REST},
};

_Static_assert(ARRAY_LEN(rows) <= MESH_KINDS_MAX, "MESH_KINDS_MAX is too small");

const struct kube_kind_table mesh_kinds = {rows, ARRAY_LEN(rows)};

void mesh_versions_for(int minor, const char *ret_versions[MESH_KINDS_MAX])
{
    for (size_t i = 0; i < mesh_kinds.len; i++)
        ret_versions[i] = kube_kind_version_for(&mesh_kinds.rows[i], minor);
}
