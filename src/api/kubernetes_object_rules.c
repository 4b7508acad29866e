/* What API servers check between the fields of objects, Pods aside. */
#include <stdlib.h>
#include <string.h>

#include "api/kubernetes_impl.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/quantity.h"

/* The data of a ConfigMap or a Secret together: the API server's MaxSecretSize. */
#define DATA_MAX_BYTES (1024 * 1024)

static bool is(const json_t *object, const char *field, const char *value)
{
    return str_eq(doc_string(object, field), value);
}

static json_int_t number(const json_t *object, const char *field, json_int_t otherwise)
{
    return doc_int(json_object_get(object, field), otherwise);
}

/* --- workloads --- */

static bool is_zero(const json_t *portion)
{
    const char *text = json_string_value(portion);

    return text ? strspn(text, "0%") == strlen(text) : json_is_integer(portion) && !json_integer_value(portion);
}

static void check_percent(const json_t *portion, const char *field, const char *path, struct problems *problems)
{
    const char *text = json_string_value(portion);

    if (text && strtol(text, NULL, 10) > 100)
        problems_refuse(problems, path, field, "must be at most 100%%, but is %s", text);
}

void kubernetes_check_strategy(const json_t *strategy, const char *path, struct problems *problems)
{
    const json_t *most = doc_at(strategy, "rollingUpdate", "maxUnavailable");

    if (is(strategy, "type", "Recreate") && kubernetes_has(strategy, "rollingUpdate"))
        problems_refuse(problems, path, "rollingUpdate", "must be left out with type Recreate");
    else if (is_zero(most) && is_zero(doc_at(strategy, "rollingUpdate", "maxSurge")))
        problems_refuse(problems, path, "rollingUpdate.maxUnavailable", "must not be 0 where maxSurge is 0");
    else
        check_percent(most, "rollingUpdate.maxUnavailable", path, problems);
}

static bool matches(const json_t *requirement, const char *label)
{
    const char *operator= doc_string(requirement, "operator");
    bool listed = false;
    json_t *value;
    size_t i;

    json_array_foreach(json_object_get(requirement, "values"), i, value)
        listed |= str_eq(json_string_value(value), label);
    if (str_eq(operator, "In"))
        return label && listed;
    if (str_eq(operator, "NotIn"))
        return !label || !listed;
    return str_eq(operator, "Exists") == (label != NULL);
}

static bool selects(const json_t *selector, const json_t *labels)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(json_object_get(selector, "matchLabels"), key, value)
        if (!str_eq(json_string_value(value), doc_string(labels, key)))
            return false;
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, value)
        if (!matches(value, doc_string(labels, doc_string(value, "key"))))
            return false;
    return true;
}

static void check_workload(const json_t *spec, const char *kind, const char *path, struct problems *problems)
{
    const json_t *selector = json_object_get(spec, "selector"), *pod = doc_at(spec, "template", "spec");

    if (!json_object_size(json_object_get(selector, "matchLabels")) &&
        !json_array_size(json_object_get(selector, "matchExpressions")))
        problems_refuse(problems, path, "selector", "must not be empty");
    else if (!selects(selector, doc_at(spec, "template", "metadata", "labels")))
        problems_refuse(problems, path, "template.metadata.labels", "must match the selector");
    if (kubernetes_has(pod, "restartPolicy") && !is(pod, "restartPolicy", "Always"))
        problems_refuse(problems, path, "template.spec.restartPolicy", "must be Always in a %s", kind);
    if (kubernetes_has(pod, "activeDeadlineSeconds"))
        problems_refuse(problems, path, "template.spec.activeDeadlineSeconds", "must be left out in a %s", kind);
}

void kubernetes_check_deployment(const json_t *spec, const char *path, struct problems *problems)
{
    json_int_t ready = number(spec, "minReadySeconds", 0);

    check_workload(spec, "Deployment", path, problems);
    if (number(spec, "progressDeadlineSeconds", 600) <= ready)
        problems_refuse(problems, path, "progressDeadlineSeconds",
                        "must be more than minReadySeconds, which is %" JSON_INTEGER_FORMAT, ready);
}

void kubernetes_check_daemon_set(const json_t *spec, const char *path, struct problems *problems)
{
    check_workload(spec, "DaemonSet", path, problems);
}

/* By default it is 1 that may be missing, and none that is surplus. */
void kubernetes_check_daemon_set_strategy(const json_t *strategy, const char *path, struct problems *problems)
{
    const json_t *most = doc_at(strategy, "rollingUpdate", "maxUnavailable");
    const json_t *surge = doc_at(strategy, "rollingUpdate", "maxSurge");
    bool has_surge = surge && !json_is_null(surge) && !is_zero(surge);

    if (is(strategy, "type", "OnDelete"))
        return;
    if (is_zero(most) && !has_surge)
        problems_refuse(problems, path, "rollingUpdate.maxUnavailable", "must not be 0 where maxSurge is 0");
    else if (has_surge && !is_zero(most))
        problems_refuse(problems, path, "rollingUpdate.maxSurge", "must be 0 unless maxUnavailable is 0");
    check_percent(most, "rollingUpdate.maxUnavailable", path, problems);
    check_percent(surge, "rollingUpdate.maxSurge", path, problems);
}

/* --- Services --- */

static void check_service_ports(const json_t *spec, const char *path, struct problems *problems)
{
    const json_t *ports = json_object_get(spec, "ports");
    bool inside = !kubernetes_has(spec, "type") || is(spec, "type", "ClusterIP");
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *port;
    size_t i;

    json_array_foreach(ports, i, port) {
        const char *protocol = kubernetes_has(port, "protocol") ? doc_string(port, "protocol") : "TCP",
                   *name = doc_string(port, "name");
        json_int_t node_port = number(port, "nodePort", 0);
        _cleanup_free_ char *at = str_printf("%s.ports[%zu]", path, i);
        _cleanup_free_ char *own = str_printf("port %s %" JSON_INTEGER_FORMAT, protocol, number(port, "port", 0));
        _cleanup_free_ char *on_node = str_printf("node %s %" JSON_INTEGER_FORMAT, protocol, node_port);
        _cleanup_free_ char *named = str_printf("name %s", str_or(name, ""));
        if (!kubernetes_has(port, "name") && json_array_size(ports) > 1)
            problems_refuse(problems, at, "name", "is required where there are several ports");
        if (map_has(seen, own))
            problems_refuse(problems, at, "port", "must be in the list once for each protocol");
        if (kubernetes_has(port, "name") && map_has(seen, named))
            problems_refuse(problems, at, "name", "must be in the list once, but %s is there before", name);
        if (node_port && map_has(seen, on_node))
            problems_refuse(problems, at, "nodePort", "must be in the list once for each protocol");
        if (node_port && inside)
            problems_refuse(problems, at, "nodePort", "must be left out with type ClusterIP");
        if (is(spec, "type", "LoadBalancer") && number(port, "port", 0) == 10250)
            problems_refuse(problems, at, "port", "must not be 10250, the kubelet's, with type LoadBalancer");
        map_put(seen, own, port);
        map_put(seen, on_node, port);
        map_put(seen, named, port);
    }
}

/* From 1.24 on API servers take it; in 1.20 to 1.23 it is a feature that is off. */
static void check_one_protocol(const json_t *spec, const char *path, struct problems *problems)
{
    const char *first = NULL;
    json_t *port;
    size_t i;

    json_array_foreach(json_object_get(spec, "ports"), i, port) {
        const char *protocol = kubernetes_has(port, "protocol") ? doc_string(port, "protocol") : "TCP";
        _cleanup_free_ char *at = str_printf("%s.ports[%zu]", path, i);
        first = first ? first : protocol;
        if (!str_eq(protocol, first))
            problems_refuse(problems, at, "protocol", "must be the same for all ports with type LoadBalancer");
    }
}

void kubernetes_check_service(const json_t *spec, const char *path, struct problems *problems)
{
    bool headless = is(spec, "clusterIP", "None"), balanced = is(spec, "type", "LoadBalancer");
    bool outside = balanced || is(spec, "type", "NodePort"), named = is(spec, "type", "ExternalName");

    if (!json_array_size(json_object_get(spec, "ports")) && !headless && !named)
        problems_refuse(problems, path, "ports", "is required");
    if (headless && outside)
        problems_refuse(problems, path, "clusterIP", "must not be None with type %s", doc_string(spec, "type"));
    if (named && !kubernetes_has(spec, "externalName"))
        problems_refuse(problems, path, "externalName", "is required with type ExternalName");
    if (named && kubernetes_has(spec, "clusterIP"))
        problems_refuse(problems, path, "clusterIP", "must be left out with type ExternalName");
    check_service_ports(spec, path, problems);
    if (balanced)
        check_one_protocol(spec, path, problems);
    if (kubernetes_has(spec, "sessionAffinityConfig") && !is(spec, "sessionAffinity", "ClientIP"))
        problems_refuse(problems, path, "sessionAffinityConfig", "must be left out unless sessionAffinity is ClientIP");
    if (kubernetes_has(spec, "externalTrafficPolicy") && !outside)
        problems_refuse(problems, path, "externalTrafficPolicy",
                        "must be left out unless type is NodePort or LoadBalancer");
    if (number(spec, "healthCheckNodePort", 0) && !(balanced && is(spec, "externalTrafficPolicy", "Local")))
        problems_refuse(problems, path, "healthCheckNodePort",
                        "must be left out unless type is LoadBalancer and externalTrafficPolicy is Local");
    if (json_array_size(json_object_get(spec, "loadBalancerSourceRanges")) && !balanced)
        problems_refuse(problems, path, "loadBalancerSourceRanges", "must be left out unless type is LoadBalancer");
    if (json_is_boolean(json_object_get(spec, "allocateLoadBalancerNodePorts")) && !balanced)
        problems_refuse(problems, path, "allocateLoadBalancerNodePorts",
                        "must be left out unless type is LoadBalancer");
}

/* --- rights --- */

void kubernetes_check_rule(const json_t *rule, const char *path, struct problems *problems)
{
    bool urls = json_array_size(json_object_get(rule, "nonResourceURLs")) > 0;
    bool groups = json_array_size(json_object_get(rule, "apiGroups")) > 0;
    bool resources = json_array_size(json_object_get(rule, "resources")) > 0;

    if (urls && (groups || resources || json_array_size(json_object_get(rule, "resourceNames"))))
        problems_refuse(problems, path, "nonResourceURLs", "must be left out of a rule with resources");
    else if (!urls && (!groups || !resources))
        problems_refuse(problems, path, groups ? "resources" : "apiGroups", "must have entries");
}

void kubernetes_check_namespaced_rule(const json_t *rule, const char *path, struct problems *problems)
{
    if (json_array_size(json_object_get(rule, "nonResourceURLs")))
        problems_refuse(problems, path, "nonResourceURLs", "must be left out of a Role");
    else
        kubernetes_check_rule(rule, path, problems);
}

void kubernetes_check_namespaced_subject(const json_t *subject, const char *path, struct problems *problems)
{
    bool account = is(subject, "kind", "ServiceAccount");
    const char *group = doc_string(subject, "apiGroup");

    _cleanup_buf_ struct buf why = BUF_INIT;

    if (account && !format_matches(&format_dns_subdomain, doc_string(subject, "name"), &why))
        problems_refuse(problems, path, "name", "must be %s, but is %s", format_dns_subdomain.words,
                        doc_string(subject, "name"));
    if (kubernetes_has(subject, "apiGroup") && (account || !str_eq(group, "rbac.authorization.k8s.io")))
        problems_refuse(problems, path, "apiGroup", "must be %s, but is %s",
                        account ? "left out of a ServiceAccount" : "rbac.authorization.k8s.io", group);
}

void kubernetes_check_subject(const json_t *subject, const char *path, struct problems *problems)
{
    kubernetes_check_namespaced_subject(subject, path, problems);
    if (is(subject, "kind", "ServiceAccount") && !kubernetes_has(subject, "namespace"))
        problems_refuse(problems, path, "namespace", "is required of a ServiceAccount");
}

/* --- ConfigMaps and Secrets --- */

static size_t count_bytes(const json_t *map, size_t numerator, size_t denominator)
{
    size_t bytes = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value)
        bytes += json_string_length(value) / denominator * numerator;
    return bytes;
}

/* What is in base64 counts decoded. */
void kubernetes_check_data(const json_t *object, const char *path, struct problems *problems)
{
    bool secret = is(object, "kind", "Secret");
    const json_t *plain = json_object_get(object, secret ? "stringData" : "data");
    const json_t *encoded = json_object_get(object, secret ? "data" : "binaryData");
    size_t bytes = count_bytes(plain, 1, 1) + count_bytes(encoded, 3, 4);
    const char *key;
    json_t *value;

    if (bytes > DATA_MAX_BYTES)
        problems_refuse(problems, path, "data", "must have at most %d bytes in all, but has %zu", DATA_MAX_BYTES,
                        bytes);
    json_object_foreach(secret ? NULL : (json_t *)encoded, key, value)
        if (json_object_get(plain, key))
            problems_refuse(problems, path, "binaryData", "must not have the key %s, which is in data", key);
}

/* --- autoscalers and budgets --- */

void kubernetes_check_autoscaler(const json_t *spec, const char *path, struct problems *problems)
{
    json_int_t least = number(spec, "minReplicas", 1), most = number(spec, "maxReplicas", 1);
    const json_t *target = json_object_get(spec, "scaleTargetRef");
    const char *slash = strchr(str_or(doc_string(target, "apiVersion"), ""), '/');

    /* Older servers take it, and find no such target. */
    if ((!slash || strchr(slash + 1, '/')) && !is(target, "kind", "ReplicationController"))
        problems_refuse(problems, path, "scaleTargetRef.apiVersion", "must be a group and a version such as apps/v1");
    if (least > most)
        problems_refuse(problems, path, "maxReplicas",
                        "must not be below minReplicas, which is %" JSON_INTEGER_FORMAT
                        ", but is %" JSON_INTEGER_FORMAT,
                        least, most);
}

/* The source that goes with the type, and no other. */
void kubernetes_check_metric(const json_t *metric, const char *path, struct problems *problems)
{
    static const struct {
        const char *type, *field;
    } sources[] = {{"Object", "object"},
                   {"Pods", "pods"},
                   {"Resource", "resource"},
                   {"ContainerResource", "containerResource"},
                   {"External", "external"}};

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (is(metric, "type", sources[i].type) != kubernetes_has(metric, sources[i].field))
            problems_refuse(problems, path, sources[i].field, "must be there with type %s, and only with it",
                            sources[i].type);
}

/* What is aimed at is more than nothing. */
static void check_positive(const json_t *object, const char *field, const char *path, struct problems *problems)
{
    char number[KUBE_QUANTITY_NUMBER];
    const char *quantity = kube_quantity_text(json_object_get(object, field), number);
    int order;

    if (quantity && kube_quantity_compare(quantity, "0", KUBE_NANO, &order) && order <= 0)
        problems_refuse(problems, path, field, "must be above 0, but is %s", quantity);
}

/* In autoscaling/v2beta1 a source has its target itself. */
void kubernetes_check_metric_source(const json_t *source, const char *path, struct problems *problems)
{
    static const char *const targets[] = {"targetAverageValue", "targetValue", "averageValue"};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        check_positive(source, targets[i], path, problems);
    if (!kubernetes_has(source, "target"))
        kubernetes_check_one_of(source, ONE_OF("targetAverageUtilization", "targetAverageValue", "targetValue"), true,
                                path, problems);
}

void kubernetes_check_metric_target(const json_t *target, const char *path, struct problems *problems)
{
    check_positive(target, "averageValue", path, problems);
    check_positive(target, "value", path, problems);
    kubernetes_check_one_of(target, ONE_OF("averageUtilization", "averageValue", "value"), true, path, problems);
}

void kubernetes_check_budget(const json_t *spec, const char *path, struct problems *problems)
{
    static const char *const fields[] = {"minAvailable", "maxUnavailable"};

    kubernetes_check_one_of(spec, ONE_OF("minAvailable", "maxUnavailable"), false, path, problems);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        check_percent(json_object_get(spec, fields[i]), fields[i], path, problems);
}

/* --- quotas --- */

static bool is_named_in(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (str_eq(name, *names))
            return true;
    return false;
}

/* What is counted has no fractions. */
void kubernetes_check_quota(const json_t *spec, const char *path, struct problems *problems)
{
    static const char *const counted[] = {
        "pods",       "resourcequotas",         "services",           "replicationcontrollers", "secrets",
        "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", NULL};
    static const char *const measured[] = {"cpu",
                                           "memory",
                                           "ephemeral-storage",
                                           "requests.cpu",
                                           "requests.memory",
                                           "requests.storage",
                                           "requests.ephemeral-storage",
                                           "limits.cpu",
                                           "limits.memory",
                                           "limits.ephemeral-storage",
                                           NULL};
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(spec, "hard"), key, value) {
        char number[KUBE_QUANTITY_NUMBER];
        const char *quantity = kube_quantity_text(value, number);
        bool is_counted = is_named_in(key, counted);
        bool known = is_counted || is_named_in(key, measured) || strchr(key, '/') || strstr(key, "hugepages-");
        _cleanup_free_ char *at = STR_JOIN('.', "hard", key);
        if (!known)
            problems_refuse(problems, path, at, "must be a resource that quotas know, such as pods or limits.memory");
        else if (is_counted && quantity && !kube_quantity_is_whole(quantity))
            problems_refuse(problems, path, at, "must be a whole number, but is %s", quantity);
    }
}

/* Of most scopes a Pod either is or is not. */
void kubernetes_check_scope_requirement(const json_t *requirement, const char *path, struct problems *problems)
{
    bool exists = is(requirement, "operator", "Exists"),
         without = exists || is(requirement, "operator", "DoesNotExist");
    bool valued =
        is(requirement, "scopeName", "PriorityClass") || is(requirement, "scopeName", "VolumeAttributesClass");
    bool values = json_array_size(json_object_get(requirement, "values")) > 0;

    if (!valued && !exists)
        problems_refuse(problems, path, "operator", "must be Exists for this scope");
    else if (without == values)
        problems_refuse(problems, path, "values", "must have entries with In and NotIn, and only with them");
}

/* --- webhooks --- */

void kubernetes_check_webhook_client(const json_t *client, const char *path, struct problems *problems)
{
    const char *url = doc_string(client, "url"), *at = doc_string(client, "service", "path");

    kubernetes_check_one_of(client, ONE_OF("service", "url"), true, path, problems);
    if (url && (!str_starts(url, "https://") || strpbrk(url, "?#@")))
        problems_refuse(problems, path, "url",
                        "must be https://HOST/PATH, without a user, a query and a fragment, but is %s", url);
    if (at && *at && *at != '/')
        problems_refuse(problems, path, "service.path", "must begin with \"/\", but is %s", at);
}

void kubernetes_check_webhook(const json_t *webhook, const char *path, struct problems *problems)
{
    json_t *rule, *value;
    size_t i, k;

    json_array_foreach(json_object_get(webhook, "rules"), i, rule) {
        static const char *const lists[] = {"apiGroups", "apiVersions", "operations"};
        for (size_t n = 0; n < ARRAY_LEN(lists); n++) {
            const json_t *list = json_object_get(rule, lists[n]);
            _cleanup_free_ char *at = str_printf("%s.rules[%zu].%s", path, i, lists[n]);
            json_array_foreach(list, k, value)
                if (str_eq(json_string_value(value), "*") && json_array_size(list) > 1)
                    problems_refuse(problems, at, NULL, "must have nothing beside \"*\"");
        }
    }
}

/* v1 has no defaults for what v1beta1 has. */
static void check_webhook_v1(const json_t *webhook, const char *path, struct problems *problems)
{
    const json_t *versions = json_object_get(webhook, "admissionReviewVersions");
    bool known = false;
    json_t *version;
    size_t i;

    json_array_foreach(versions, i, version)
        known |= str_eq(json_string_value(version), "v1") || str_eq(json_string_value(version), "v1beta1");
    if (!known)
        problems_refuse(problems, path, "admissionReviewVersions", "must have v1 or v1beta1");
    if (!is(webhook, "sideEffects", "None") && !is(webhook, "sideEffects", "NoneOnDryRun"))
        problems_refuse(problems, path, "sideEffects", "must be None or NoneOnDryRun");
}

void kubernetes_check_webhooks(const json_t *configuration, const char *path, struct problems *problems)
{
    const json_t *webhooks = json_object_get(configuration, "webhooks");
    bool v1 = str_ends(doc_string(configuration, "apiVersion"), "/v1");
    json_t *webhook;
    size_t i;

    (void)path;
    if (v1)
        kubernetes_check_distinct(webhooks, "name", "webhooks", problems);
    json_array_foreach(webhooks, i, webhook) {
        _cleanup_free_ char *at = str_printf("webhooks[%zu]", i);
        if (v1)
            check_webhook_v1(webhook, at, problems);
    }
}
