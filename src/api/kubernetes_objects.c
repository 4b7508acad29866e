/* Objects by kind. */
#include <string.h>

#include "api/kubernetes_impl.h"

#include "base/str.h"
#include "doc/doc.h"

/* A row is a field, in the order of their names. */
/* clang-format off */

/* What every object has at its top. */
#define TOP                                                                                                            \
    {"apiVersion", TEXT(format_any), REQUIRED},                                                                        \
    {"kind", TEXT(format_any), REQUIRED},                                                                              \
    {"metadata", DOCUMENT(kubernetes_metadata), REQUIRED}

static const struct field local_object_reference_rows[] = {
    {"name", TEXT(format_any)},
};
TABLE(local_object_reference, "LocalObjectReference");

static const struct field rolling_update_deployment_rows[] = {
    {"maxSurge", INT_OR_TEXT(0, INT32_MAX, format_percent)},
    {"maxUnavailable", INT_OR_TEXT(0, INT32_MAX, format_percent)},
};
TABLE(rolling_update_deployment, "RollingUpdateDeployment");

static const struct field deployment_strategy_rows[] = {
    {"rollingUpdate", DOCUMENT(rolling_update_deployment)},
    {"type", CHOICE("Recreate", "RollingUpdate")},
};
TABLE(deployment_strategy, "DeploymentStrategy", .check = kubernetes_check_strategy);

static const struct field deployment_spec_rows[] = {
    {"minReadySeconds", INTEGER(0, INT32_MAX)},
    {"paused", FLAG},
    {"progressDeadlineSeconds", INTEGER(0, INT32_MAX)},
    {"replicas", INTEGER(0, INT32_MAX)},
    {"revisionHistoryLimit", INTEGER(0, INT32_MAX)},
    {"selector", DOCUMENT(kubernetes_label_selector), REQUIRED},
    {"strategy", DOCUMENT(deployment_strategy)},
    {"template", DOCUMENT(kubernetes_pod_template), REQUIRED},
};
TABLE(deployment_spec, "DeploymentSpec", .check = kubernetes_check_deployment);

static const struct field rolling_update_daemon_set_rows[] = {
    {"maxSurge", INT_OR_TEXT(0, INT32_MAX, format_percent), .since = 21},
    {"maxUnavailable", INT_OR_TEXT(0, INT32_MAX, format_percent)},
};
TABLE(rolling_update_daemon_set, "RollingUpdateDaemonSet");

static const struct field daemon_set_strategy_rows[] = {
    {"rollingUpdate", DOCUMENT(rolling_update_daemon_set)},
    {"type", CHOICE("RollingUpdate", "OnDelete")},
};
TABLE(daemon_set_strategy, "DaemonSetUpdateStrategy", .check = kubernetes_check_daemon_set_strategy);

static const struct field daemon_set_spec_rows[] = {
    {"minReadySeconds", INTEGER(0, INT32_MAX)},
    {"revisionHistoryLimit", INTEGER(0, INT32_MAX)},
    {"selector", DOCUMENT(kubernetes_label_selector), REQUIRED},
    {"template", DOCUMENT(kubernetes_pod_template), REQUIRED},
    {"updateStrategy", DOCUMENT(daemon_set_strategy)},
};
TABLE(daemon_set_spec, "DaemonSetSpec", .check = kubernetes_check_daemon_set);

static const struct field service_port_rows[] = {
    {"appProtocol", TEXT(format_label_key), NOT_EMPTY, .since = 18},
    {"name", TEXT(format_dns_label)},
    {"nodePort", INTEGER(0, 65535)},
    {"port", INTEGER(1, 65535), REQUIRED},
    {"protocol", CHOICE("TCP", "UDP", "SCTP")},
    {"targetPort", INT_OR_TEXT(0, 65535, format_port_name)},
};
TABLE(service_port, "ServicePort");

static const struct field client_ip_config_rows[] = {
    {"timeoutSeconds", INTEGER(1, 86400)},
};
TABLE(client_ip_config, "ClientIPConfig");

static const struct field session_affinity_config_rows[] = {
    {"clientIP", DOCUMENT(client_ip_config)},
};
TABLE(session_affinity_config, "SessionAffinityConfig");

static const struct field service_spec_rows[] = {
    {"allocateLoadBalancerNodePorts", FLAG, .since = 20},
    {"clusterIP", TEXT(format_cluster_ip)},
    {"clusterIPs", SEQUENCE(ITEM_OF(TEXT(format_cluster_ip)), 0, 2), .since = 20},
    {"externalIPs", TEXTS(format_ip, 0)},
    {"externalName", TEXT(format_dns_subdomain)},
    {"externalTrafficPolicy", CHOICE("Cluster", "Local")},
    {"healthCheckNodePort", INTEGER(0, 65535)},
    {"internalTrafficPolicy", CHOICE("Cluster", "Local"), .since = 21},
    {"ipFamilies", SEQUENCE(ITEM_OF(CHOICE("IPv4", "IPv6")), 0, 2), .since = 20},
    {"ipFamily", CHOICE("IPv4", "IPv6"), .since = 16, .until = 19},
    {"ipFamilyPolicy", CHOICE("SingleStack", "PreferDualStack", "RequireDualStack"), NOT_EMPTY, .since = 20},
    {"loadBalancerClass", TEXT(format_label_key), .since = 21},
    {"loadBalancerIP", TEXT(format_any)},
    {"loadBalancerSourceRanges", TEXTS(format_range, 0)},
    {"ports", LIST_OF(service_port, 0)},
    {"publishNotReadyAddresses", FLAG},
    {"selector", MAP_OF(format_label_key, format_label_value)},
    {"sessionAffinity", CHOICE("ClientIP", "None")},
    {"sessionAffinityConfig", DOCUMENT(session_affinity_config)},
    {"topologyKeys", TEXTS(format_any, 0), .since = 17, .until = 21},
    {"trafficDistribution", TEXT(format_any), .since = 30},
    {"type", CHOICE("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")},
};
TABLE(service_spec, "ServiceSpec", .check = kubernetes_check_service);

static const struct field object_reference_rows[] = {
    {"apiVersion", TEXT(format_any)},
    {"fieldPath", TEXT(format_any)},
    {"kind", TEXT(format_any)},
    {"name", TEXT(format_any)},
    {"namespace", TEXT(format_any)},
    {"resourceVersion", TEXT(format_any)},
    {"uid", TEXT(format_any)},
};
TABLE(object_reference, "ObjectReference");

static const struct field service_account_rows[] = {
    TOP,
    {"automountServiceAccountToken", FLAG},
    {"imagePullSecrets", LIST_OF(local_object_reference, 0)},
    {"secrets", LIST_OF(object_reference, 0)},
};
TABLE(service_account, "ServiceAccount");

static const struct field aggregation_rule_rows[] = {
    {"clusterRoleSelectors", LIST_OF(kubernetes_label_selector, 1), REQUIRED},
};
TABLE(aggregation_rule, "AggregationRule");

static const struct field policy_rule_rows[] = {
    {"apiGroups", TEXTS(format_any, 0)},
    {"nonResourceURLs", TEXTS(format_any, 0)},
    {"resourceNames", TEXTS(format_any, 0)},
    {"resources", TEXTS(format_any, 0)},
    {"verbs", TEXTS(format_any, 1), REQUIRED},
};
TABLE(policy_rule, "PolicyRule", .check = kubernetes_check_rule);

static const struct field cluster_role_rows[] = {
    TOP,
    {"aggregationRule", DOCUMENT(aggregation_rule)},
    {"rules", LIST_OF(policy_rule, 0)},
};
TABLE(cluster_role, "ClusterRole");

static const struct field_table namespaced_rule =
    TABLE_OF("PolicyRule", policy_rule_rows, .check = kubernetes_check_namespaced_rule);

static const struct field role_rows[] = {
    TOP,
    {"rules", LIST_OF(namespaced_rule, 0)},
};
TABLE(role, "Role");

static const struct field role_ref_rows[] = {
    {"apiGroup", CHOICE("rbac.authorization.k8s.io")},
    {"kind", CHOICE("ClusterRole"), REQUIRED},
    {"name", TEXT(format_object_name), REQUIRED},
};
TABLE(role_ref, "RoleRef");

static const struct field subject_rows[] = {
    {"apiGroup", TEXT(format_any)},
    {"kind", CHOICE("ServiceAccount", "User", "Group"), REQUIRED},
    {"name", TEXT(format_any), REQUIRED},
    {"namespace", TEXT(format_any)},
};
TABLE(subject, "Subject", .check = kubernetes_check_subject);

static const struct field cluster_role_binding_rows[] = {
    TOP,
    {"roleRef", DOCUMENT(role_ref), REQUIRED},
    {"subjects", LIST_OF(subject, 0)},
};
TABLE(cluster_role_binding, "ClusterRoleBinding");

static const struct field namespaced_role_ref_rows[] = {
    {"apiGroup", CHOICE("rbac.authorization.k8s.io")},
    {"kind", CHOICE("Role", "ClusterRole"), REQUIRED},
    {"name", TEXT(format_object_name), REQUIRED},
};
TABLE(namespaced_role_ref, "RoleRef");

static const struct field_table namespaced_subject =
    TABLE_OF("Subject", subject_rows, .check = kubernetes_check_namespaced_subject);

static const struct field role_binding_rows[] = {
    TOP,
    {"roleRef", DOCUMENT(namespaced_role_ref), REQUIRED},
    {"subjects", LIST_OF(namespaced_subject, 0)},
};
TABLE(role_binding, "RoleBinding");

static const struct field config_map_rows[] = {
    TOP,
    {"binaryData", MAP_OF(format_config_key, format_base64)},
    {"data", MAP_OF(format_config_key, format_any)},
    {"immutable", FLAG, .since = 18},
};
TABLE(config_map, "ConfigMap", .check = kubernetes_check_data);

static const struct field secret_rows[] = {
    TOP,
    {"data", MAP_OF(format_config_key, format_base64)},
    {"immutable", FLAG, .since = 18},
    {"stringData", MAP_OF(format_config_key, format_any)},
    {"type", TEXT(format_any)},
};
TABLE(secret, "Secret", .check = kubernetes_check_data);

static const struct field scaling_policy_rows[] = {
    {"periodSeconds", INTEGER(1, 1800), REQUIRED},
    {"type", CHOICE("Pods", "Percent"), REQUIRED},
    {"value", INTEGER(1, INT32_MAX), REQUIRED},
};
TABLE(scaling_policy, "HPAScalingPolicy");

static const struct field scaling_rules_rows[] = {
    {"policies", LIST_OF(scaling_policy, 1)},
    {"selectPolicy", CHOICE("Max", "Min", "Disabled"), NOT_EMPTY},
    {"stabilizationWindowSeconds", INTEGER(0, 3600)},
    {"tolerance", QUANTITY, .since = 33},
};
TABLE(scaling_rules, "HPAScalingRules");

static const struct field autoscaler_behavior_rows[] = {
    {"scaleDown", DOCUMENT(scaling_rules)},
    {"scaleUp", DOCUMENT(scaling_rules)},
};
TABLE(autoscaler_behavior, "HorizontalPodAutoscalerBehavior");

static const struct field metric_target_rows[] = {
    {"averageUtilization", INTEGER(1, INT32_MAX)},
    {"averageValue", QUANTITY},
    {"type", CHOICE("Utilization", "Value", "AverageValue"), REQUIRED},
    {"value", QUANTITY},
};
TABLE(metric_target, "MetricTarget", .check = kubernetes_check_metric_target);

static const struct field container_resource_metric_source_rows[] = {
    {"container", TEXT(format_dns_label), REQUIRED},
    {"name", TEXT(format_any), REQUIRED},
    {"target", DOCUMENT(metric_target), REQUIRED},
};
TABLE(container_resource_metric_source, "ContainerResourceMetricSource");

static const struct field metric_identifier_rows[] = {
    {"name", TEXT(format_object_name), REQUIRED},
    {"selector", DOCUMENT(kubernetes_label_selector)},
};
TABLE(metric_identifier, "MetricIdentifier");

static const struct field external_metric_source_rows[] = {
    {"metric", DOCUMENT(metric_identifier), REQUIRED},
    {"target", DOCUMENT(metric_target), REQUIRED},
};
TABLE(external_metric_source, "ExternalMetricSource");

static const struct field scale_target_rows[] = {
    {"apiVersion", TEXT(format_any)},
    {"kind", TEXT(format_object_name), REQUIRED},
    {"name", TEXT(format_object_name), REQUIRED},
};
TABLE(scale_target, "CrossVersionObjectReference");

static const struct field object_metric_source_rows[] = {
    {"describedObject", DOCUMENT(scale_target), REQUIRED},
    {"metric", DOCUMENT(metric_identifier), REQUIRED},
    {"target", DOCUMENT(metric_target), REQUIRED},
};
TABLE(object_metric_source, "ObjectMetricSource");

static const struct field pods_metric_source_rows[] = {
    {"metric", DOCUMENT(metric_identifier), REQUIRED},
    {"target", DOCUMENT(metric_target), REQUIRED},
};
TABLE(pods_metric_source, "PodsMetricSource");

static const struct field resource_metric_source_rows[] = {
    {"name", TEXT(format_any), REQUIRED},
    {"target", DOCUMENT(metric_target), REQUIRED},
};
TABLE(resource_metric_source, "ResourceMetricSource");

static const struct field metric_spec_rows[] = {
    {"containerResource", DOCUMENT(container_resource_metric_source), .since = 20},
    {"external", DOCUMENT(external_metric_source)},
    {"object", DOCUMENT(object_metric_source)},
    {"pods", DOCUMENT(pods_metric_source)},
    {"resource", DOCUMENT(resource_metric_source)},
    {"type", CHOICE("Object", "Pods", "Resource", "ContainerResource", "External"), REQUIRED},
};
TABLE(metric_spec, "MetricSpec", .check = kubernetes_check_metric);

static const struct field autoscaler_rows[] = {
    {"behavior", DOCUMENT(autoscaler_behavior), .since = 18},
    {"maxReplicas", INTEGER(1, INT32_MAX), REQUIRED},
    {"metrics", LIST_OF(metric_spec, 0)},
    {"minReplicas", INTEGER(1, INT32_MAX)},
    {"scaleTargetRef", DOCUMENT(scale_target), REQUIRED},
};
TABLE(autoscaler, "HorizontalPodAutoscalerSpec", .check = kubernetes_check_autoscaler);

static const struct field container_resource_metric_source_v2beta1_rows[] = {
    {"container", TEXT(format_dns_label), REQUIRED},
    {"name", TEXT(format_any), REQUIRED},
    {"targetAverageUtilization", INTEGER(1, INT32_MAX)},
    {"targetAverageValue", QUANTITY},
};
TABLE(container_resource_metric_source_v2beta1, "ContainerResourceMetricSource", .check = kubernetes_check_metric_source);

static const struct field external_metric_source_v2beta1_rows[] = {
    {"metricName", TEXT(format_object_name), REQUIRED},
    {"metricSelector", DOCUMENT(kubernetes_label_selector)},
    {"targetAverageValue", QUANTITY},
    {"targetValue", QUANTITY},
};
TABLE(external_metric_source_v2beta1, "ExternalMetricSource", .check = kubernetes_check_metric_source);

static const struct field scale_target_v2beta1_rows[] = {
    {"apiVersion", TEXT(format_any)},
    {"kind", TEXT(format_object_name), REQUIRED},
    {"name", TEXT(format_object_name), REQUIRED},
};
TABLE(scale_target_v2beta1, "CrossVersionObjectReference");

static const struct field object_metric_source_v2beta1_rows[] = {
    {"averageValue", QUANTITY, .since = 12},
    {"metricName", TEXT(format_object_name), REQUIRED},
    {"selector", DOCUMENT(kubernetes_label_selector), .since = 12},
    {"target", DOCUMENT(scale_target_v2beta1), REQUIRED},
    {"targetValue", QUANTITY, REQUIRED},
};
TABLE(object_metric_source_v2beta1, "ObjectMetricSource", .check = kubernetes_check_metric_source);

static const struct field pods_metric_source_v2beta1_rows[] = {
    {"metricName", TEXT(format_object_name), REQUIRED},
    {"selector", DOCUMENT(kubernetes_label_selector), .since = 12},
    {"targetAverageValue", QUANTITY, REQUIRED},
};
TABLE(pods_metric_source_v2beta1, "PodsMetricSource", .check = kubernetes_check_metric_source);

static const struct field resource_metric_source_v2beta1_rows[] = {
    {"name", TEXT(format_any), REQUIRED},
    {"targetAverageUtilization", INTEGER(1, INT32_MAX)},
    {"targetAverageValue", QUANTITY},
};
TABLE(resource_metric_source_v2beta1, "ResourceMetricSource", .check = kubernetes_check_metric_source);

static const struct field metric_spec_v2beta1_rows[] = {
    {"containerResource", DOCUMENT(container_resource_metric_source_v2beta1), .since = 20},
    {"external", DOCUMENT(external_metric_source_v2beta1)},
    {"object", DOCUMENT(object_metric_source_v2beta1)},
    {"pods", DOCUMENT(pods_metric_source_v2beta1)},
    {"resource", DOCUMENT(resource_metric_source_v2beta1)},
    {"type", CHOICE("Object", "Pods", "Resource", "ContainerResource", "External"), REQUIRED},
};
TABLE(metric_spec_v2beta1, "MetricSpec", .check = kubernetes_check_metric);

static const struct field autoscaler_v2beta1_rows[] = {
    {"maxReplicas", INTEGER(1, INT32_MAX), REQUIRED},
    {"metrics", LIST_OF(metric_spec_v2beta1, 0)},
    {"minReplicas", INTEGER(1, INT32_MAX)},
    {"scaleTargetRef", DOCUMENT(scale_target_v2beta1), REQUIRED},
};
TABLE(autoscaler_v2beta1, "HorizontalPodAutoscalerSpec", .check = kubernetes_check_autoscaler);

static const struct field budget_rows[] = {
    {"maxUnavailable", INT_OR_TEXT(0, INT32_MAX, format_percent)},
    {"minAvailable", INT_OR_TEXT(0, INT32_MAX, format_percent)},
    {"selector", DOCUMENT(kubernetes_label_selector)},
    {"unhealthyPodEvictionPolicy", CHOICE("IfHealthyBudget", "AlwaysAllow"), .since = 26},
};
TABLE(budget, "PodDisruptionBudgetSpec", .check = kubernetes_check_budget);

#define SCOPES                                                                                                         \
    CHOICE("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity", \
           "VolumeAttributesClass")

static const struct field scope_requirement_rows[] = {
    {"operator", CHOICE("In", "NotIn", "Exists", "DoesNotExist"), REQUIRED},
    {"scopeName", SCOPES, REQUIRED},
    {"values", TEXTS(format_any, 0)},
};
TABLE(scope_requirement, "ScopedResourceSelectorRequirement", .check = kubernetes_check_scope_requirement);

static const struct field scope_selector_rows[] = {
    {"matchExpressions", LIST_OF(scope_requirement, 0)},
};
TABLE(scope_selector, "ScopeSelector");

static const struct field quota_rows[] = {
    {"hard", QUANTITIES(format_resource_name)},
    {"scopeSelector", DOCUMENT(scope_selector)},
    {"scopes", SEQUENCE(ITEM_OF(SCOPES), 0, INT_MAX)},
};
TABLE(quota, "ResourceQuotaSpec", .check = kubernetes_check_quota);

static const struct field service_reference_rows[] = {
    {"name", TEXT(format_service_name), REQUIRED},
    {"namespace", TEXT(format_dns_label), REQUIRED},
    {"path", TEXT(format_any)},
    {"port", INTEGER(1, 65535)},
};
TABLE(service_reference, "ServiceReference");

static const struct field webhook_client_config_rows[] = {
    {"caBundle", TEXT(format_base64)},
    {"service", DOCUMENT(service_reference)},
    {"url", TEXT(format_any)},
};
TABLE(webhook_client_config, "WebhookClientConfig", .check = kubernetes_check_webhook_client);

static const struct field match_condition_rows[] = {
    {"expression", TEXT(format_any), REQUIRED},
    {"name", TEXT(format_label_key), REQUIRED},
};
TABLE(match_condition, "MatchCondition");

static const struct field rule_with_operations_rows[] = {
    {"apiGroups", TEXTS(format_any, 1), REQUIRED},
    {"apiVersions", TEXTS(format_not_empty, 1), REQUIRED},
    {"operations", SEQUENCE(ITEM_OF(CHOICE("*", "CREATE", "UPDATE", "DELETE", "CONNECT")), 1, INT_MAX), REQUIRED},
    {"resources", TEXTS(format_not_empty, 1), REQUIRED},
    {"scope", CHOICE("*", "Namespaced", "Cluster"), NOT_EMPTY},
};
TABLE(rule_with_operations, "RuleWithOperations");

/* With rows of its own kind alone, each followed by a comma. */
#define WEBHOOK_ROWS(...)                                                                                              \
    {"admissionReviewVersions", TEXTS(format_service_name, 0), .unique = true},                                        \
    {"clientConfig", DOCUMENT(webhook_client_config), REQUIRED},                                                       \
    {"failurePolicy", CHOICE("Ignore", "Fail"), NOT_EMPTY},                                                            \
    {"matchConditions", LIST_OF(match_condition, 0), .since = 27},                                                     \
    {"matchPolicy", CHOICE("Exact", "Equivalent"), NOT_EMPTY},                                                         \
    {"name", TEXT(format_webhook_name), REQUIRED},                                                                     \
    {"namespaceSelector", DOCUMENT(kubernetes_label_selector)},                                                        \
    {"objectSelector", DOCUMENT(kubernetes_label_selector)},                                                           \
    __VA_ARGS__                                                                                                        \
    {"rules", LIST_OF(rule_with_operations, 0)},                                                                       \
    {"sideEffects", CHOICE("None", "NoneOnDryRun", "Some", "Unknown"), NOT_EMPTY},                                     \
    {"timeoutSeconds", INTEGER(1, 30)}

static const struct field mutating_webhook_rows[] = {
    WEBHOOK_ROWS({"reinvocationPolicy", CHOICE("Never", "IfNeeded"), NOT_EMPTY}, ),
};
TABLE(mutating_webhook, "MutatingWebhook", .check = kubernetes_check_webhook);

static const struct field validating_webhook_rows[] = {WEBHOOK_ROWS()};
TABLE(validating_webhook, "ValidatingWebhook", .check = kubernetes_check_webhook);

static const struct field crd_names_rows[] = {
    {"categories", TEXTS(format_dns_label, 0), .since = 10},
    {"kind", TEXT(format_kind), REQUIRED},
    {"listKind", TEXT(format_kind)},
    {"plural", TEXT(format_dns_label), REQUIRED},
    {"shortNames", TEXTS(format_dns_label, 0)},
    {"singular", TEXT(format_dns_label)},
};
TABLE(crd_names, "CustomResourceDefinitionNames");

static const struct field crd_version_rows[] = {
    {"additionalPrinterColumns", LIST_OF(kubernetes_anything, 0)},
    {"deprecated", FLAG, .since = 19},
    {"deprecationWarning", TEXT(format_any), .since = 19},
    {"name", TEXT(format_dns_label), REQUIRED},
    {"schema", DOCUMENT(kubernetes_anything)},
    {"selectableFields", LIST_OF(kubernetes_anything, 0), .since = 30},
    {"served", FLAG},
    {"storage", FLAG},
    {"subresources", DOCUMENT(kubernetes_anything)},
};
TABLE(crd_version, "CustomResourceDefinitionVersion");

/* Those that v1 has no more are refused in it by the server. */
static const struct field crd_rows[] = {
    {"additionalPrinterColumns", LIST_OF(kubernetes_anything, 0)},
    {"conversion", DOCUMENT(kubernetes_anything)},
    {"group", TEXT(format_dns_subdomain), REQUIRED},
    {"names", DOCUMENT(crd_names), REQUIRED},
    {"preserveUnknownFields", FLAG},
    {"scope", CHOICE("Namespaced", "Cluster"), REQUIRED},
    {"subresources", DOCUMENT(kubernetes_anything)},
    {"validation", DOCUMENT(kubernetes_anything)},
    {"version", TEXT(format_dns_label)},
    {"versions", LIST_OF(crd_version, 0)},
};
TABLE(crd, "CustomResourceDefinitionSpec");

/* `how` is REQUIRED, or that a spec may be absent. */
#define OBJECT_WITH_SPEC(id, title, spec_table, how)                                                                   \
    static const struct field id##_object_rows[] = {TOP, {"spec", DOCUMENT(spec_table), how}};                         \
    TABLE(id##_object, title)

OBJECT_WITH_SPEC(crd, "CustomResourceDefinition", crd, REQUIRED);
OBJECT_WITH_SPEC(service, "Service", service_spec, REQUIRED);
OBJECT_WITH_SPEC(deployment, "Deployment", deployment_spec, REQUIRED);
OBJECT_WITH_SPEC(autoscaler, "HorizontalPodAutoscaler", autoscaler, REQUIRED);
OBJECT_WITH_SPEC(autoscaler_v2beta1, "HorizontalPodAutoscaler", autoscaler_v2beta1, REQUIRED);
OBJECT_WITH_SPEC(budget, "PodDisruptionBudget", budget, .required = false);

OBJECT_WITH_SPEC(daemon_set, "DaemonSet", daemon_set_spec, REQUIRED);
OBJECT_WITH_SPEC(quota, "ResourceQuota", quota, .required = false);

static const struct field mutating_webhooks_rows[] = {TOP, {"webhooks", LIST_OF(mutating_webhook, 0)}};
TABLE(mutating_webhooks, "MutatingWebhookConfiguration", .check = kubernetes_check_webhooks);

static const struct field validating_webhooks_rows[] = {TOP, {"webhooks", LIST_OF(validating_webhook, 0)}};
TABLE(validating_webhooks, "ValidatingWebhookConfiguration", .check = kubernetes_check_webhooks);

/* clang-format on */

static const struct {
    const char *api_version; /* NULL: any */
    const char *kind;
    const struct field_table *table;
} objects[] = {
    {"autoscaling/v2beta1", "HorizontalPodAutoscaler", &autoscaler_v2beta1_object},
    {NULL, "HorizontalPodAutoscaler", &autoscaler_object},
    {NULL, "ClusterRole", &cluster_role},
    {NULL, "ClusterRoleBinding", &cluster_role_binding},
    {NULL, "ConfigMap", &config_map},
    {NULL, "CustomResourceDefinition", &crd_object},
    {NULL, "DaemonSet", &daemon_set_object},
    {NULL, "Deployment", &deployment_object},
    {NULL, "MutatingWebhookConfiguration", &mutating_webhooks},
    {NULL, "PodDisruptionBudget", &budget_object},
    {NULL, "ResourceQuota", &quota_object},
    {NULL, "Role", &role},
    {NULL, "RoleBinding", &role_binding},
    {NULL, "Secret", &secret},
    {NULL, "Service", &service_object},
    {NULL, "ServiceAccount", &service_account},
    {NULL, "ValidatingWebhookConfiguration", &validating_webhooks},
};

const struct field_table *kubernetes_find(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        if (str_eq(objects[i].kind, kind) && (!objects[i].api_version || str_eq(objects[i].api_version, api_version)))
            return objects[i].table;
    return NULL;
}

/* A custom kind. */
static const struct field custom_rows[] = {{"metadata", DOCUMENT(kubernetes_metadata), REQUIRED}};
static const struct field_table custom_object = {.name = "Object", FIELD_ROWS(custom_rows), .open = true};

/* Kubernetes' own kinds have the few old finalizers, and others only with a domain. */
static void check_finalizers(const json_t *object, struct problems *problems)
{
    static const char *const known[] = {"kubernetes", "orphan", "foregroundDeletion"};
    json_t *finalizer;
    size_t i;

    json_array_foreach(doc_at(object, "metadata", "finalizers"), i, finalizer) {
        const char *name = json_string_value(finalizer);
        bool valid = !name || strchr(name, '/');
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            valid |= str_eq(name, known[k]);
        if (!valid)
            problems_refuse(problems, "metadata", "finalizers", "must have domains as in example.com/%s", name);
    }
}

void kubernetes_check(const json_t *object, int minor, struct problems *problems)
{
    const struct field_table *table = kubernetes_find(doc_string(object, "apiVersion"), doc_string(object, "kind"));

    field_check(table ? table : &custom_object, object, minor, problems);
    if (table)
        check_finalizers(object, problems);
}
