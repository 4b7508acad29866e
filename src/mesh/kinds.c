#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/discovery.h"
#include "mesh/authority.h"
#include "mesh/capacity.h"
#include "mesh/gateway_api.h"
#include "mesh/mesh.h"
#include "mesh/spans.h"
#include "mesh/workloads.h"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NEEDS(...)                                                                                                     \
    .needs = (const struct kube_need[])                                                                                \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

/*
 * The minor versions of Kubernetes that serve a version are from the "Deprecated API Migration Guide" and the API
 * references in the Kubernetes documentation.
 */
#define VERSION(name) .versions = {{name, 0, 0}}

#define VERBS(...) .verbs = NAMES(__VA_ARGS__)
#define BOTH .roles = MESH_CENTRAL | MESH_REMOTE
#define CENTRAL .roles = MESH_CENTRAL
#define REMOTE .roles = MESH_REMOTE
#define OWNED .watch = KUBE_WATCH_OWNED, .pruned = true, VERBS("get", "list", "watch", "create", "update", "delete")
/* Read while a plan asks for it, and never written as such. */
#define ON_DEMAND .watch = KUBE_WATCH_NONE, VERBS("list", "watch")
/* What runs Pods of Istio's. */
#define WORKLOAD                                                                                                       \
    .versions = {{"v1", 9, 0}}, .namespaced = true, OWNED,                                                             \
    .after =                                                                                                           \
        NAMES("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap", "Secret"),    \
    NEEDS(                                                                                                             \
        {"ServiceAccount", "spec.template.spec.serviceAccountName"},                                                   \
        {"ConfigMap", "spec.template.spec.volumes[].configMap.name"},                                                  \
        {"Secret", "spec.template.spec.volumes[].secret.secretName"})
#define RBAC .group = "rbac.authorization.k8s.io", .versions = {{"v1", 8, 0}, {"v1beta1", 6, 21}}
#define WEBHOOKS                                                                                                       \
    .group = "admissionregistration.k8s.io", .versions = {{"v1", 16, 0}, {"v1beta1", 9, 21}},                          \
    .foreign = NAMES("webhooks[].clientConfig.caBundle")
#define ISTIO(name, names, api_group, version)                                                                         \
    {                                                                                                                  \
        .kind = name, .plural = names, .group = api_group, VERSION(version), .namespaced = true, CENTRAL, OWNED,       \
        .custom = true, .unions = oneofs                                                                               \
    }
#define LEFT(view_)                                                                                                    \
    .view = view_, CENTRAL, .watch = KUBE_WATCH_NONE, .pruned = true, VERBS("list", "watch", "delete"),                \
    .owner_kind = "Istio"
#define LEFT_ALONE(view_)                                                                                              \
    LEFT(view_), .owned_alone = true, .metadata_only = true, .keep = NAMES(IDENTITY, "metadata.annotations.*")
#define MADE_WEBHOOKS(kind_, view_, plural_)                                                                           \
    .kind = kind_, .view = view_, .plural = plural_, WEBHOOKS, CENTRAL, ON_DEMAND,                                     \
    .keep = NAMES(IDENTITY, "webhooks[].name", "webhooks[].clientConfig.service.namespace")
#define AUTHORITY(view_)                                                                                               \
    .kind = "Secret", .is_secret = true, .view = view_, .plural = "secrets", .group = "", VERSION("v1"),               \
    .namespaced = true, CENTRAL, ON_DEMAND, .digest = mesh_authority_digest
/* What runs Pods with a sidecar, and is restarted by its template alone. */
#define RUNNING(kind_, view_, plural_, digest_)                                                                        \
    .kind = kind_, .view = view_, .plural = plural_, .group = "apps", .versions = {{"v1", 9, 0}}, .namespaced = true,  \
    CENTRAL, .watch = KUBE_WATCH_NONE, VERBS("list", "watch", "patch"), .digest = digest_
/* Pods of all namespaces, of which a digest is kept. */
#define DIGESTED_PODS(view_, digest_)                                                                                  \
    .kind = "Pod", .view = view_, .plural = "pods", .group = "", VERSION("v1"), .namespaced = true, CENTRAL,           \
    ON_DEMAND, .digest = digest_
/* Its definition is another product's: read, and WRITTEN_APART where the operator writes it, while a plan asks for it.
 */
#define OTHERS(kind_, plural_, group_, version_)                                                                       \
    .kind = kind_, .plural = plural_, .group = group_, VERSION(version_), .namespaced = true, CENTRAL,                 \
    .watch = KUBE_WATCH_NONE, .custom = true
#define WRITTEN_APART .pruned = true, VERBS("get", "list", "watch", "create", "update", "delete")
#define MONITORING(kind_, plural_) OTHERS(kind_, plural_, "monitoring.coreos.com", "v1")
#define DEFINITION                                                                                                     \
    .kind = "CustomResourceDefinition", .plural = "customresourcedefinitions", .group = "apiextensions.k8s.io",        \
    .versions = {{"v1", 16, 0}, {"v1beta1", 7, 21}}
#define AUTOSCALER                                                                                                     \
    .kind = "HorizontalPodAutoscaler", .plural = "horizontalpodautoscalers", .group = "autoscaling",                   \
    .versions = {{"v2", 23, 0}, {"v2beta2", 12, 25}, {"v2beta1", 8, 24}}, .namespaced = true
#define SERVED_DEFINITION(view_) DEFINITION, .view = view_, CENTRAL, ON_DEMAND, .digest = digest_of_served
/* Services of all namespaces, of which a digest is kept. */
#define DIGESTED_SERVICES(view_, digest_)                                                                              \
    .kind = "Service", .view = view_, .plural = "services", .group = "", VERSION("v1"), .namespaced = true, CENTRAL,   \
    ON_DEMAND, .digest = digest_
#define MIXER(name, names) ISTIO(name, names, "config.istio.io", "v1alpha2")

#define VARIANT(...)                                                                                                   \
    {                                                                                                                  \
        NULL, NAMES(__VA_ARGS__)                                                                                       \
    }
#define MODE(name, ...)                                                                                                \
    {                                                                                                                  \
        name, NAMES(__VA_ARGS__)                                                                                       \
    }
#define VARIANTS(...)                                                                                                  \
    .variants = (const struct kube_variant[])                                                                          \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            NULL, NULL                                                                                                 \
        }                                                                                                              \
    }
#define CA "caCertificates", "subjectAltNames", "sni"

/*
 * The oneofs of Istio's API (networking/v1alpha3, authentication/v1alpha1, Mixer's config of adapters), and the fields
 * that belong to a single mode of TLS. Its definitions have no schema that says so: Istio itself refuses such a
 * resource, or uses one of the two. And what cancels mutual TLS in the mesh: a selector, ports or a mode besides.
 */
static const struct kube_union oneofs[] = {
    {.at = "loadBalancer", VARIANTS(VARIANT("simple"), VARIANT("consistentHash"))},
    {.at = "consistentHash", .besides = NAMES("minimumRingSize")},
    {.at = "portLevelSettings[].port"},
    {.kind = "DestinationRule",
     .at = "tls",
     .discriminator = "mode",
     VARIANTS(
         {"DISABLE", NULL}, MODE("SIMPLE", CA), MODE("MUTUAL", CA, "clientCertificate", "privateKey"),
         MODE("ISTIO_MUTUAL", "subjectAltNames", "sni"))},
    {.kind = "MeshPolicy", .at = "spec", .whole = true},
    {.kind = "MeshPolicy", .at = "peers[]"},
    {.kind = "MeshPolicy", .at = "mtls", .whole = true},
    {.kind = "PeerAuthentication", .at = "spec", .whole = true},
    /* Other managers' labels would leave the Gateway without Pods. */
    {.kind = "Gateway", .at = "spec.selector", .whole = true},
    {.kind = "prometheus", .at = "buckets"},
    {.kind = "handler", .at = "buckets"},
    {.at = NULL},
};

/* Enough to know an object and to remove it. */
#define IDENTITY                                                                                                       \
    "metadata.name", "metadata.namespace", "metadata.uid", "metadata.resourceVersion", "metadata.deletionTimestamp",   \
        "metadata.labels", "metadata.finalizers"

static char *digest_of_served(const json_t *definition)
{
    static const enum mesh_kind_id kinds[] = {
        KIND_MADE_GATEWAY_CLASS,
        KIND_SERVICE_MONITOR,
        KIND_POD_MONITOR,
        KIND_PROMETHEUS_RULE,
        KIND_PROMETHEUS,
        KIND_GRAFANA_DASHBOARD,
        KIND_KIALI};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kube_definition_version(definition, mesh_kind(kinds[i])))
            return str_dup("served");
    return str_dup("");
}

/* Source: Istio 1.0, the annotation auth.istio.io/PORT of a Service: "NONE" or "MUTUAL_TLS". */
static char *digest_of_auth(const json_t *service)
{
    const char *key;
    json_t *value;

    json_object_foreach(doc_at(service, "metadata", "annotations"), key, value)
        if (str_starts(key, "auth.istio.io/"))
            return str_dup("annotated");
    return NULL;
}

/* Source: Istio, pilot/pkg/model/telemetry.go: one that selects nothing. */
static char *digest_of_wide(const json_t *telemetry)
{
    const json_t *spec = doc_at(telemetry, "spec");

    return json_object_size(doc_at(spec, "selector", "matchLabels")) || json_array_size(doc_at(spec, "targetRefs")) ||
                   json_is_object(doc_at(spec, "targetRef"))
               ? NULL
               : str_dup("wide");
}

/* Source: Kubernetes, apiserver/pkg/storage/names/generate.go: a Pod is named after its ReplicaSet, and these. */
enum { RANDOM_LETTERS = 5, GENERATED_BASE_MAX = 58 };

char *mesh_pods_base(const char *replica_set)
{
    char *base = str_printf("%s-", replica_set);

    if (strlen(base) > GENERATED_BASE_MAX)
        base[GENERATED_BASE_MAX] = '\0';
    return base;
}

static void count_addresses(const json_t *subset, json_t *counts)
{
    json_t *address;
    size_t i;

    json_array_foreach(doc_at(subset, "addresses"), i, address) {
        const char *name = str_or(doc_string(address, "targetRef", "name"), "");
        size_t len = strlen(name);
        _cleanup_free_ char *base = str_dup_n(name, len > RANDOM_LETTERS ? len - RANDOM_LETTERS : 0);
        json_object_set_new(counts, base, json_integer(doc_int(json_object_get(counts, base), 0) + 1));
    }
}

/* How many addresses are ready, by the names of their Pods: each once, although it may be in several subsets. */
static char *digest_of_endpoints(const json_t *endpoints)
{
    _cleanup_json_ json_t *most = json_object();
    json_t *subset, *count;
    const char *base;
    size_t i;

    json_array_foreach(doc_at(endpoints, "subsets"), i, subset) {
        _cleanup_json_ json_t *counts = json_object();
        count_addresses(subset, counts);
        json_object_foreach(counts, base, count)
            if (doc_int(count, 0) > doc_int(json_object_get(most, base), 0))
                json_object_set(most, base, count);
    }
    return doc_text(most);
}

/* Of the operator's own kinds. */
#define RESOURCE_ROW(id, name, kind_, plural_, singular, roles_)                                                       \
    [KIND_##id] = {                                                                                                    \
        .kind = kind_,                                                                                                 \
        .plural = plural_,                                                                                             \
        .group = API_GROUP,                                                                                            \
        VERSION(API_VERSION),                                                                                          \
        .namespaced = true,                                                                                            \
        .roles = roles_,                                                                                               \
        .watch = KUBE_WATCH_ALL,                                                                                       \
        VERBS("get", "list", "watch", "patch", "update/status"),                                                       \
        .custom = true}

/* In the order in which objects are rendered. */
static const struct kube_kind rows[KIND_COUNT] = {
    [KIND_NAMESPACE] =
        {.kind = "Namespace",
         .plural = "namespaces",
         .group = "",
         VERSION("v1"),
         BOTH,
         .watch = KUBE_WATCH_ALL,
         VERBS("list", "watch", "patch"),
         .keep = NAMES(IDENTITY, "metadata.annotations." SIDECAR_RENEWAL_ANNOTATION)},
    /* Not pruned: the users' own resources depend on the definitions. */
    [KIND_DEFINITION] =
        {DEFINITION,
         .is_definition = true,
         BOTH,
         .watch = KUBE_WATCH_OWNED,
         VERBS("get", "list", "watch", "create", "update", "delete")},
    [KIND_SERVICE_ACCOUNT] =
        {.kind = "ServiceAccount",
         .plural = "serviceaccounts",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         BOTH,
         OWNED},
    [KIND_CLUSTER_ROLE] = {.kind = "ClusterRole", .plural = "clusterroles", RBAC, BOTH, OWNED},
    /*
     * After ClusterRoles: the server lets the operator bind no rights that it does not hold, and another manager may
     * have added such to a role.
     */
    [KIND_CLUSTER_ROLE_BINDING] =
        {.kind = "ClusterRoleBinding",
         .plural = "clusterrolebindings",
         RBAC,
         BOTH,
         OWNED,
         .after = NAMES("ClusterRole")},
    [KIND_ROLE] = {.kind = "Role", .plural = "roles", RBAC, .namespaced = true, CENTRAL, OWNED},
    [KIND_ROLE_BINDING] =
        {.kind = "RoleBinding",
         .plural = "rolebindings",
         RBAC,
         .namespaced = true,
         CENTRAL,
         OWNED,
         .after = NAMES("Role")},
    [KIND_CONFIG_MAP] =
        {.kind = "ConfigMap", .plural = "configmaps", .group = "", VERSION("v1"), .namespaced = true, BOTH, OWNED},
    /* Citadel's signing certificate. In the central cluster Citadel creates its own, or the users do. */
    [KIND_SECRET] =
        {.kind = "Secret",
         .is_secret = true,
         .plural = "secrets",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         REMOTE,
         OWNED},
    [KIND_RESOURCE_QUOTA] =
        {.kind = "ResourceQuota",
         .plural = "resourcequotas",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         OWNED},
    [KIND_SERVICE] =
        {.kind = "Service", .plural = "services", .group = "", VERSION("v1"), .namespaced = true, BOTH, OWNED},
    /*
     * After Services: Kubernetes deletes Endpoints that have no Service. Its endpoints controller creates those of
     * Services with a selector, with the Service's labels.
     */
    [KIND_ENDPOINTS] =
        {.kind = "Endpoints",
         .plural = "endpoints",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         REMOTE,
         OWNED,
         .copies_labels = true,
         /*
          * The server refuses a second port of another client beside the operator's, which has no name: the operator
          * writes all ports.
          */
         .unkeyed = true,
         .after = NAMES("Service"),
         NEEDS({"Service", "metadata.name"})},
    [KIND_DEPLOYMENT] = {.kind = "Deployment", .plural = "deployments", .group = "apps", WORKLOAD, BOTH},
    [KIND_DAEMON_SET] = {.kind = "DaemonSet", .plural = "daemonsets", .group = "apps", WORKLOAD, CENTRAL},
    /* Of no line yet, so that no cluster has them: a line whose components are such gives them their roles. */
    [KIND_STATEFUL_SET] = {.kind = "StatefulSet", .plural = "statefulsets", .group = "apps", WORKLOAD},
    [KIND_AUTOSCALER] = {AUTOSCALER, BOTH, OWNED},
    [KIND_DISRUPTION_BUDGET] =
        {.kind = "PodDisruptionBudget",
         .plural = "poddisruptionbudgets",
         .group = "policy",
         .versions = {{"v1", 21, 0}, {"v1beta1", 5, 24}},
         .namespaced = true,
         BOTH,
         OWNED},
    [KIND_DESTINATION_RULE] = ISTIO("DestinationRule", "destinationrules", "networking.istio.io", "v1alpha3"),
    /* What routes requests is the users': it is watched while there is a Canary, and those of Canaries are deleted
       with their owner. */
    [KIND_VIRTUAL_SERVICE] =
        {.kind = "VirtualService",
         .plural = "virtualservices",
         .group = "networking.istio.io",
         VERSION("v1alpha3"),
         .namespaced = true,
         CENTRAL,
         .watch = KUBE_WATCH_NONE,
         VERBS("list", "watch", "create", "patch", "delete"),
         .custom = true},
    [KIND_GATEWAY] = ISTIO("Gateway", "gateways", "networking.istio.io", "v1alpha3"),
    [KIND_MESH_POLICY] =
        {.kind = "MeshPolicy",
         .plural = "meshpolicies",
         .group = "authentication.istio.io",
         VERSION("v1alpha1"),
         CENTRAL,
         OWNED,
         .custom = true,
         .unions = oneofs,
         /* Clients first: a server that demands mutual TLS refuses clients without a rule for it. */
         .after = NAMES("DestinationRule"),
         NEEDS({"DestinationRule", NULL})},
    [KIND_PEER_AUTHENTICATION] =
        {.kind = "PeerAuthentication",
         .plural = "peerauthentications",
         .group = "security.istio.io",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         OWNED,
         .custom = true,
         .unions = oneofs},
    [KIND_TELEMETRY] = ISTIO("Telemetry", "telemetries", "telemetry.istio.io", "v1"),
    [KIND_MIXER_ATTRIBUTEMANIFEST] = MIXER("attributemanifest", "attributemanifests"),
    [KIND_MIXER_HANDLER] = MIXER("handler", "handlers"),
    [KIND_MIXER_KUBERNETES] = MIXER("kubernetes", "kuberneteses"),
    [KIND_MIXER_KUBERNETESENV] = MIXER("kubernetesenv", "kubernetesenvs"),
    [KIND_MIXER_LOGENTRY] = MIXER("logentry", "logentries"),
    [KIND_MIXER_METRIC] = MIXER("metric", "metrics"),
    [KIND_MIXER_PROMETHEUS] = MIXER("prometheus", "prometheuses"),
    [KIND_MIXER_STDIO] = MIXER("stdio", "stdios"),
    /*
     * Mixer 1.1 ends where a rule names a handler that is not there: new handlers and instances first, and the old ones
     * go when no rule names them any more.
     */
    [KIND_MIXER_RULE] =
        {.kind = "rule",
         .plural = "rules",
         .group = "config.istio.io",
         VERSION("v1alpha2"),
         .namespaced = true,
         CENTRAL,
         OWNED,
         .custom = true,
         .unions = oneofs,
         .after = NAMES("handler", "kubernetes", "kubernetesenv", "logentry", "metric", "prometheus", "stdio")},
    [KIND_SERVICE_MONITOR] = {MONITORING("ServiceMonitor", "servicemonitors"), WRITTEN_APART},
    [KIND_POD_MONITOR] = {MONITORING("PodMonitor", "podmonitors"), WRITTEN_APART},
    [KIND_PROMETHEUS_RULE] = {MONITORING("PrometheusRule", "prometheusrules"), WRITTEN_APART},
    /* Which of these it selects. */
    [KIND_PROMETHEUS] =
        {MONITORING("Prometheus", "prometheuses"),
         VERBS("list", "watch"),
         .keep = NAMES(
             IDENTITY, "spec.serviceMonitorSelector", "spec.serviceMonitorNamespaceSelector", "spec.podMonitorSelector",
             "spec.podMonitorNamespaceSelector", "spec.ruleSelector", "spec.ruleNamespaceSelector")},
    [KIND_GRAFANA_DASHBOARD] =
        {OTHERS("GrafanaDashboard", "grafanadashboards", "grafana.integreatly.org", "v1beta1"), WRITTEN_APART},
    [KIND_KIALI] = {OTHERS("Kiali", "kialis", "kiali.io", "v1alpha1"), WRITTEN_APART},
    [KIND_MUTATING_WEBHOOK] =
        {.kind = "MutatingWebhookConfiguration",
         .plural = "mutatingwebhookconfigurations",
         WEBHOOKS,
         /* By these `istioctl tag set default` switches an injector off, which `istioctl install` calls as well. */
         .excluded = NAMES(
             "webhooks[].namespaceSelector.matchLabels.istio.io/deactivated",
             "webhooks[].objectSelector.matchLabels.istio.io/deactivated"),
         BOTH,
         OWNED,
         .after = NAMES("Service", "Deployment"),
         /* Istio's Deployments are called as their Services. */
         NEEDS(
             {"Service", "webhooks[].clientConfig.service.name"},
             {"Deployment", "webhooks[].clientConfig.service.name"})},
    [KIND_VALIDATING_WEBHOOK] =
        {.kind = "ValidatingWebhookConfiguration",
         .plural = "validatingwebhookconfigurations",
         .group = "admissionregistration.k8s.io",
         .versions = {{"v1", 16, 0}, {"v1beta1", 9, 21}},
         /* istiod sets the policy when it finds itself validating. */
         .foreign = NAMES("webhooks[].clientConfig.caBundle", "webhooks[].failurePolicy"),
         CENTRAL,
         OWNED,
         .after = NAMES("Service", "Deployment"),
         NEEDS(
             {"Service", "webhooks[].clientConfig.service.name"},
             {"Deployment", "webhooks[].clientConfig.service.name"})},
    /* Galley registers it for itself (struct mesh_made). */
    [KIND_MADE_WEBHOOK] = {MADE_WEBHOOKS(
        "ValidatingWebhookConfiguration", "made-webhooks", "validatingwebhookconfigurations")},
    /* Revision tags, which istioctl and Helm create (struct mesh_made). */
    [KIND_MADE_INJECTOR] = {MADE_WEBHOOKS(
        "MutatingWebhookConfiguration", "made-injectors", "mutatingwebhookconfigurations")},
    /* What runs the nodes. */
    [KIND_NODE] =
        {.kind = "Node",
         .plural = "nodes",
         .group = "",
         VERSION("v1"),
         CENTRAL,
         ON_DEMAND,
         .digest = mesh_platform_of_node},
    /* Whether there is room for one Pod more. */
    [KIND_ROOM_NODE] =
        {.kind = "Node",
         .view = "room-nodes",
         .plural = "nodes",
         .group = "",
         VERSION("v1"),
         CENTRAL,
         ON_DEMAND,
         .digest = mesh_node_room_digest},
    [KIND_ROOM_POD] = {DIGESTED_PODS("room-pods", mesh_pod_room_digest)},
    [KIND_ROOM_QUOTA] =
        {.kind = "ResourceQuota",
         .view = "room-quotas",
         .plural = "resourcequotas",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .digest = mesh_quota_room_digest},
    /* Why a Deployment is not available; the addresses of the services that remote clusters use. */
    [KIND_POD] =
        {.kind = "Pod",
         .plural = "pods",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         BOTH,
         ON_DEMAND,
         .keep = NAMES(
             IDENTITY, "metadata.ownerReferences", "metadata.creationTimestamp", "spec.volumes[].name",
             "spec.volumes[].secret", "spec.volumes[].configMap", "spec.volumes[].projected", "status.phase",
             "status.reason", "status.message", "status.conditions", "status.initContainerStatuses",
             "status.containerStatuses", "status.podIP", "status.podIPs", "spec.nodeName",
             "spec.affinity.nodeAffinity")},
    /* How many sidecars are of an older configuration, and of which version; in all namespaces, while asked for. */
    [KIND_SIDECAR_POD] = {DIGESTED_PODS("sidecars", mesh_sidecar_digest)},
    /* Which of them may have slipped through the CNI plugin. */
    [KIND_RELIANT_POD] = {DIGESTED_PODS("reliant", mesh_reliant_digest)},
    /* What runs them, and which disruptions it allows. */
    [KIND_RUNNING_DEPLOYMENT] = {RUNNING("Deployment", "running-deployments", "deployments", mesh_deployment_digest)},
    [KIND_RUNNING_STATEFUL_SET] = {RUNNING(
        "StatefulSet", "running-stateful-sets", "statefulsets", mesh_stateful_set_digest)},
    [KIND_RUNNING_DAEMON_SET] = {RUNNING("DaemonSet", "running-daemon-sets", "daemonsets", mesh_daemon_set_digest)},
    [KIND_RUNNING_BUDGET] =
        {.kind = "PodDisruptionBudget",
         .view = "running-budgets",
         .plural = "poddisruptionbudgets",
         .group = "policy",
         .versions = {{"v1", 21, 0}, {"v1beta1", 5, 24}},
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .digest = mesh_budget_digest},
    /* Citadel creates them for itself (struct mesh_made); their content is never kept. */
    [KIND_KEY_AND_CERT_SECRET] =
        {.kind = "Secret",
         .is_secret = true,
         .view = "key-and-cert",
         .plural = "secrets",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         BOTH,
         ON_DEMAND,
         .keep = NAMES(IDENTITY, "type")},
    /* How remote clusters are reached, and the certificate by which the mesh trusts; with what they hold. */
    [KIND_CREDENTIALS_SECRET] =
        {.kind = "Secret",
         .is_secret = true,
         .view = "credentials",
         .plural = "secrets",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         .watch = KUBE_WATCH_NONE,
         VERBS("list", "watch", "patch")},
    /* What Pods mount, and what Istio's programs create for themselves. */
    [KIND_SECRET_KEYS] =
        {.kind = "Secret",
         .is_secret = true,
         .view = "secret-keys",
         .plural = "secrets",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         BOTH,
         ON_DEMAND,
         .keep = NAMES(IDENTITY, "type", "data.*")},
    [KIND_CONFIG_MAP_KEYS] =
        {.kind = "ConfigMap",
         .view = "config-map-keys",
         .plural = "configmaps",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         BOTH,
         ON_DEMAND,
         .keep = NAMES(IDENTITY, "metadata.creationTimestamp", "data.*", "binaryData.*")},
    /* istiod creates them in all namespaces (struct mesh_made); what else there is of ConfigMaps is never read. */
    [KIND_MADE_CONFIG_MAP] =
        {.kind = "ConfigMap",
         .view = "made-config-maps",
         .plural = "configmaps",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .metadata_only = true,
         .keep = NAMES(IDENTITY, "metadata.creationTimestamp")},
    /* Which of several istiods acts. */
    [KIND_MADE_LEASE] =
        {.kind = "Lease",
         .view = "made-leases",
         .plural = "leases",
         .group = "coordination.k8s.io",
         .versions = {{"v1", 14, 0}},
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .metadata_only = true,
         .keep = NAMES(IDENTITY, "metadata.creationTimestamp")},
    /* Which of Gateway API's classes istiod created. */
    [KIND_MADE_GATEWAY_CLASS] =
        {.kind = "GatewayClass",
         .view = "made-gateway-classes",
         .plural = "gatewayclasses",
         .group = "gateway.networking.k8s.io",
         .versions = {{"v1", 0, 0}, {"v1beta1", 0, 0}},
         CENTRAL,
         ON_DEMAND,
         .custom = true,
         .metadata_only = true,
         .keep = NAMES(IDENTITY, "metadata.creationTimestamp", "metadata.managedFields[].manager")},
    [KIND_GATEWAY_CLASS_DEFINITION] = {SERVED_DEFINITION("gateway-class-definition")},
    [KIND_SERVICE_MONITOR_DEFINITION] = {SERVED_DEFINITION("service-monitor-definition")},
    [KIND_POD_MONITOR_DEFINITION] = {SERVED_DEFINITION("pod-monitor-definition")},
    [KIND_PROMETHEUS_RULE_DEFINITION] = {SERVED_DEFINITION("prometheus-rule-definition")},
    [KIND_PROMETHEUS_DEFINITION] = {SERVED_DEFINITION("prometheus-definition")},
    [KIND_GRAFANA_DASHBOARD_DEFINITION] = {SERVED_DEFINITION("grafana-dashboard-definition")},
    [KIND_KIALI_DEFINITION] = {SERVED_DEFINITION("kiali-definition")},
    /* When the certificates end that all others follow from: of what the Secrets hold nothing else is kept. */
    [KIND_SELF_SIGNED_AUTHORITY] = {AUTHORITY("self-signed-authority")},
    [KIND_PLUGGED_IN_AUTHORITY] = {AUTHORITY("plugged-in-authority")},
    /* Whether istiod answers as a webhook. Only today's Istio is asked for it: Kubernetes before 1.21 has none. */
    [KIND_ENDPOINT_SLICE] =
        {.kind = "EndpointSlice",
         .view = "endpoint-slices",
         .plural = "endpointslices",
         .group = "discovery.k8s.io",
         .versions = {{"v1", 21, 0}},
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .keep = NAMES(IDENTITY, "endpoints[].conditions")},
    /* Gateway API is the users'; istiod follows some versions of it. */
    [KIND_GATEWAY_API] =
        {DEFINITION,
         .view = "gateway-api",
         CENTRAL,
         ON_DEMAND,
         .metadata_only = true,
         .digest = mesh_gateway_api_digest},
    [KIND_CLUSTER_RBAC_CONFIG] =
        {.kind = "ClusterRbacConfig",
         .view = "cluster-rbac-configs",
         .plural = "clusterrbacconfigs",
         .group = "rbac.istio.io",
         VERSION("v1alpha1"),
         CENTRAL,
         ON_DEMAND,
         .custom = true,
         .metadata_only = true,
         .keep = NAMES(IDENTITY)},
    /* Whether there is one that receives spans. */
    [KIND_SERVICE_PORTS] = {DIGESTED_SERVICES("service-ports", mesh_ports_digest)},
    [KIND_WIDE_TELEMETRY] =
        {.kind = "Telemetry",
         .view = "wide-telemetries",
         .plural = "telemetries",
         .group = "telemetry.istio.io",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .custom = true,
         .digest = digest_of_wide},
    [KIND_SERVICE_WITH_AUTH] = {DIGESTED_SERVICES("services-with-auth", digest_of_auth), .metadata_only = true},
    /* What an earlier operator left behind; the order is as above. */
    [KIND_LEFT_ROLE] = {.kind = "ClusterRole", .plural = "clusterroles", RBAC, LEFT_ALONE("left-roles")},
    [KIND_LEFT_BINDING] =
        {.kind = "ClusterRoleBinding", .plural = "clusterrolebindings", RBAC, LEFT_ALONE("left-bindings")},
    [KIND_LEFT_SERVICE] =
        {.kind = "Service",
         .plural = "services",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         LEFT_ALONE("left-services")},
    [KIND_LEFT_DEPLOYMENT] =
        {.kind = "Deployment",
         .plural = "deployments",
         .group = "apps",
         .versions = {{"v1", 9, 0}},
         .namespaced = true,
         LEFT_ALONE("left-deployments"),
         .after = NAMES("ClusterRole", "ClusterRoleBinding")},
    [KIND_LEFT_AUTOSCALER] =
        {AUTOSCALER,
         LEFT("left-autoscalers"),
         .keep = NAMES(IDENTITY, "metadata.annotations.*", "spec.scaleTargetRef")},
    [KIND_LEFT_WEBHOOK] =
        {.kind = "MutatingWebhookConfiguration",
         .plural = "mutatingwebhookconfigurations",
         WEBHOOKS,
         LEFT_ALONE("left-webhooks"),
         .after = NAMES("Service", "Deployment")},
    [KIND_TARGET_DEPLOYMENT] =
        {.kind = "Deployment",
         .view = "target-deployments",
         .plural = "deployments",
         .group = "apps",
         .versions = {{"v1", 9, 0}},
         .namespaced = true,
         CENTRAL,
         .watch = KUBE_WATCH_NONE,
         VERBS("list", "watch", "patch"),
         .keep = NAMES(IDENTITY, "metadata.annotations." DEPLOYMENT_REVISION, "spec", "status")},
    [KIND_TARGET_REPLICA_SET] =
        {.kind = "ReplicaSet",
         .view = "target-replica-sets",
         .plural = "replicasets",
         .group = "apps",
         .versions = {{"v1", 9, 0}},
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .metadata_only = true,
         .keep = NAMES(IDENTITY, "metadata.ownerReferences", "metadata.annotations." DEPLOYMENT_REVISION)},
    [KIND_TARGET_SERVICE] =
        {.kind = "Service",
         .view = "target-services",
         .plural = "services",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         .watch = KUBE_WATCH_NONE,
         VERBS("list", "watch", "patch"),
         .keep = NAMES(IDENTITY, "spec.selector", "spec.ports", "spec.clusterIP")},
    [KIND_TARGET_AUTOSCALER] =
        {AUTOSCALER,
         .view = "target-autoscalers",
         CENTRAL,
         .watch = KUBE_WATCH_NONE,
         VERBS("list", "watch", "patch"),
         .keep = NAMES(IDENTITY, "spec", "status.conditions")},
    [KIND_HALF_ENDPOINTS] =
        {.kind = "Endpoints",
         .view = "half-endpoints",
         .plural = "endpoints",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         ON_DEMAND,
         .digest = digest_of_endpoints},
    [KIND_CANARY_SECRET] =
        {.kind = "Secret",
         .is_secret = true,
         .view = "canary-secret",
         .plural = "secrets",
         .group = "",
         VERSION("v1"),
         .namespaced = true,
         CENTRAL,
         ON_DEMAND},
    MESH_RESOURCES(RESOURCE_ROW),
};

const struct kube_kind_table mesh_kinds = {rows, ARRAY_LEN(rows)};

void mesh_versions_for(int minor, const char **ret_versions)
{
    for (size_t i = 0; i < mesh_kinds.len; i++)
        ret_versions[i] = kube_kind_version_for(&mesh_kinds.rows[i], minor);
}
