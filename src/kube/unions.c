#include "kube/unions.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/kind.h"
#include "kube/quantity.h"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define VARIANTS(...) ((const struct kube_variant[]){__VA_ARGS__, {NULL, NULL}})
#define ONE_OF(...) .variants = VARIANTS(__VA_ARGS__)
#define FIELDS(...)                                                                                                    \
    {                                                                                                                  \
        NULL, NAMES(__VA_ARGS__)                                                                                       \
    }
#define WHEN(value, ...)                                                                                               \
    {                                                                                                                  \
        value, NAMES(__VA_ARGS__)                                                                                      \
    }
#define ALONE(value)                                                                                                   \
    {                                                                                                                  \
        value, NULL                                                                                                    \
    }

#define PROBE ONE_OF(FIELDS("exec"), FIELDS("httpGet"), FIELDS("tcpSocket"), FIELDS("grpc"))
#define ROLLING                                                                                                        \
    .discriminator = "type", ONE_OF(WHEN("RollingUpdate", "rollingUpdate"), ALONE("Recreate"), ALONE("OnDelete"))
#define OPERATORS                                                                                                      \
    .discriminator = "operator", ONE_OF(WHEN("In", "values"), WHEN("NotIn", "values"), WHEN("Gt", "values"),           \
                                        WHEN("Lt", "values"), ALONE("Exists"), ALONE("DoesNotExist"))
#define TARGETS ONE_OF(FIELDS("targetAverageUtilization"), FIELDS("targetAverageValue"))
#define BACKEND ONE_OF(FIELDS("service"), FIELDS("resource"), FIELDS("serviceName", "servicePort"))
#define HAS_ADDRESS "selector", "clusterIP", "clusterIPs", "ipFamily", "ipFamilies", "ipFamilyPolicy"
#define HAS_BALANCER                                                                                                   \
    HAS_ADDRESS, "healthCheckNodePort", "loadBalancerIP", "loadBalancerSourceRanges", "loadBalancerClass",             \
        "allocateLoadBalancerNodePorts"

static const struct kube_union unions[] = {
    /* Pods */
    {.at = "env[]", ONE_OF(FIELDS("value"), FIELDS("valueFrom"))},
    {.at = "env[].valueFrom"},
    {.at = "envFrom[]", ONE_OF(FIELDS("configMapRef"), FIELDS("secretRef"))},
    {.at = "volumes[]", .besides = NAMES("name")},
    {.at = "projected.sources[]"},
    {.at = "downwardAPI.items[]", ONE_OF(FIELDS("fieldRef"), FIELDS("resourceFieldRef"))},
    {.at = "volumeMounts[]", ONE_OF(FIELDS("subPath"), FIELDS("subPathExpr"))},
    {.at = "livenessProbe", PROBE},
    {.at = "readinessProbe", PROBE},
    {.at = "startupProbe", PROBE},
    {.at = "lifecycle.postStart"},
    {.at = "lifecycle.preStop"},
    {.at = "seccompProfile",
     .discriminator = "type",
     ONE_OF(WHEN("Localhost", "localhostProfile"), ALONE("RuntimeDefault"), ALONE("Unconfined"))},
    {.at = "appArmorProfile",
     .discriminator = "type",
     ONE_OF(WHEN("Localhost", "localhostProfile"), ALONE("RuntimeDefault"), ALONE("Unconfined"))},
    {.at = "matchExpressions[]", OPERATORS},
    {.at = "matchFields[]", OPERATORS},
    {.at = "tolerations[]", .whole = true},
    /* Workloads */
    {.kind = "Deployment", .at = "spec.strategy", ROLLING},
    {.kind = "DaemonSet", .at = "spec.updateStrategy", ROLLING},
    {.kind = "StatefulSet", .at = "spec.updateStrategy", ROLLING},
    {.kind = "PodDisruptionBudget", .at = "spec", ONE_OF(FIELDS("minAvailable"), FIELDS("maxUnavailable"))},
    /* Other managers' labels would leave Pods without their budget. */
    {.kind = "PodDisruptionBudget", .at = "spec.selector", .whole = true},
    {.kind = "PodDisruptionBudget", .at = "spec.selector.matchLabels", .whole = true},
    /* Autoscalers: v2 and v2beta2 have a target, v2beta1 has its fields in the source. */
    {.kind = "HorizontalPodAutoscaler", .at = "metrics[]", .besides = NAMES("type")},
    {.kind = "HorizontalPodAutoscaler",
     .at = "target",
     ONE_OF(FIELDS("value"), FIELDS("averageValue"), FIELDS("averageUtilization"))},
    {.kind = "HorizontalPodAutoscaler", .at = "metrics[].resource", TARGETS},
    {.kind = "HorizontalPodAutoscaler", .at = "metrics[].containerResource", TARGETS},
    {.kind = "HorizontalPodAutoscaler",
     .at = "metrics[].external",
     ONE_OF(FIELDS("targetValue"), FIELDS("targetAverageValue"))},
    {.kind = "HorizontalPodAutoscaler",
     .at = "metrics[].object",
     ONE_OF(FIELDS("targetValue"), FIELDS("averageValue"))},
    /* Networks */
    {.kind = "Service",
     .at = "spec",
     .discriminator = "type",
     ONE_OF(WHEN("ClusterIP", HAS_ADDRESS), WHEN("NodePort", HAS_ADDRESS), WHEN("LoadBalancer", HAS_BALANCER),
            WHEN("ExternalName", "externalName"))},
    {.kind = "Service",
     .at = "spec",
     .discriminator = "externalTrafficPolicy",
     ONE_OF(WHEN("Local", "healthCheckNodePort"), WHEN("Cluster", "topologyKeys"))},
    {.kind = "Service",
     .at = "spec",
     .discriminator = "sessionAffinity",
     ONE_OF(WHEN("ClientIP", "sessionAffinityConfig"), ALONE("None"))},
    /* Other managers' labels would leave the Service without Pods. */
    {.kind = "Service", .at = "spec.selector", .whole = true},
    {.kind = "Endpoints", .at = "subsets[]", .whole = true},
    {.kind = "NetworkPolicy", .at = "from[]", .whole = true},
    {.kind = "NetworkPolicy", .at = "to[]", .whole = true},
    {.kind = "NetworkPolicy", .at = "spec.podSelector", .whole = true},
    {.kind = "NetworkPolicy", .at = "spec.podSelector.matchLabels", .whole = true},
    {.kind = "Ingress", .at = "backend", BACKEND},
    {.kind = "Ingress", .at = "defaultBackend", BACKEND},
    {.kind = "Ingress", .at = "service.port", ONE_OF(FIELDS("name"), FIELDS("number"))},
    /* Rights: a rule is what it lists, no more and no less; the controller sets the rules of an aggregated role. */
    {.kind = "ClusterRole", .at = "", ONE_OF(FIELDS("rules"), FIELDS("aggregationRule"))},
    {.kind = "ClusterRole", .at = "rules[]", .whole = true},
    {.kind = "Role", .at = "rules[]", .whole = true},
    {.at = "subjects[]",
     .discriminator = "kind",
     ONE_OF(WHEN("User", "apiGroup"), WHEN("Group", "apiGroup"), WHEN("ServiceAccount", "namespace"))},
    /* Extensions of the API */
    {.at = "webhooks[].clientConfig", ONE_OF(FIELDS("url"), FIELDS("service"))},
    {.kind = "CustomResourceDefinition", .at = "clientConfig", ONE_OF(FIELDS("url"), FIELDS("service"))},
    {.kind = "CustomResourceDefinition", .at = "webhookClientConfig", ONE_OF(FIELDS("url"), FIELDS("service"))},
    {.kind = "CustomResourceDefinition",
     .at = "spec.conversion",
     .discriminator = "strategy",
     ONE_OF(ALONE("None"), WHEN("Webhook", "webhook", "webhookClientConfig", "conversionReviewVersions"))},
    {.at = NULL},
};

/* --- maps: which variant --- */

static bool has(const json_t *map, const char *field)
{
    const json_t *value = json_object_get(map, field);

    return value && !json_is_null(value);
}

static bool is_named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (str_eq(*names, name))
            return true;
    return false;
}

static bool is_end(const struct kube_variant *v)
{
    return !v->when && !v->fields;
}

static bool has_any(const json_t *map, const char *const *fields)
{
    for (; fields && *fields; fields++)
        if (has(map, *fields))
            return true;
    return false;
}

static bool is_chosen(const struct kube_union *u, const struct kube_variant *v, const json_t *desired)
{
    if (u->discriminator && has(desired, u->discriminator))
        return str_eq(v->when, json_string_value(json_object_get(desired, u->discriminator)));
    return has_any(desired, v->fields);
}

/* Whether what is desired chooses among the variants, and chooses none that has this field. */
static bool other_variant(const struct kube_union *u, const json_t *desired, const char *field, const json_t *value)
{
    bool is_discriminator = str_eq(field, u->discriminator), belongs = is_discriminator, chosen = false;

    for (const struct kube_variant *v = u->variants; !is_end(v); v++) {
        bool has_it = is_discriminator ? str_eq(v->when, json_string_value(value)) : is_named(v->fields, field);
        belongs = belongs || has_it;
        if (!is_chosen(u, v, desired))
            continue;
        if (has_it)
            return false;
        chosen = true;
    }
    return chosen && belongs;
}

static bool is_member(const struct kube_union *u, const char *field)
{
    return !is_named(u->besides, field);
}

static bool other_member(const struct kube_union *u, const json_t *desired, const char *field)
{
    const char *key;
    json_t *value;

    if (!is_member(u, field))
        return false;
    json_object_foreach((json_t *)desired, key, value)
        if (is_member(u, key) && !json_is_null(value))
            return true;
    return false;
}

static bool excluded(const struct kube_union *u, const json_t *desired, const char *field, const json_t *value)
{
    if (u->whole)
        return true;
    return u->variants ? other_variant(u, desired, field, value) : other_member(u, desired, field);
}

/* --- what no table says: called for fields of a map, and elements of a sequence (`field` NULL) --- */

/* What is desired of the map or sequence this many levels around this one. */
static const json_t *desired_around(const struct merge_place *in, int levels)
{
    while (in && levels-- > 0)
        in = in->around;
    return in ? in->desired : NULL;
}

/* Whether one of the desired elements has this value in this field. */
static bool desired_has(const json_t *elements, const char *field, const json_t *value)
{
    json_t *element;
    size_t i;

    json_array_foreach((json_t *)elements, i, element)
        if (value && doc_equal(json_object_get(element, field), value))
            return true;
    return false;
}

static enum merge_fate goes_if(bool excluded)
{
    return excluded ? MERGE_GOES : MERGE_STAYS;
}

/* A key of a ConfigMap is either text or binary. */
static enum merge_fate config_map(const struct merge_place *in, const char *field, const json_t *value)
{
    (void)in;
    (void)value;
    return str_eq(field, "data") || str_eq(field, "binaryData") ? MERGE_LOOK_WITHIN : MERGE_STAYS;
}

static enum merge_fate text(const struct merge_place *in, const char *field, const json_t *value)
{
    (void)value;
    return goes_if(has(json_object_get(desired_around(in, 1), "binaryData"), field));
}

static enum merge_fate binary(const struct merge_place *in, const char *field, const json_t *value)
{
    (void)value;
    return goes_if(has(json_object_get(desired_around(in, 1), "data"), field));
}

/* One of the elements at most has this flag: the controller of the owners, the version that is stored. */
static enum merge_fate one_flag(const struct merge_place *in, const char *field, const json_t *value, const char *flag)
{
    if (!field)
        return MERGE_LOOK_WITHIN;
    return goes_if(str_eq(field, flag) && json_is_true(value) && desired_has(desired_around(in, 1), flag, value));
}

static enum merge_fate owner(const struct merge_place *in, const char *field, const json_t *value)
{
    return one_flag(in, field, value, "controller");
}

static enum merge_fate crd_version(const struct merge_place *in, const char *field, const json_t *value)
{
    return one_flag(in, field, value, "storage");
}

static enum merge_fate resources(const struct merge_place *in, const char *field, const json_t *value)
{
    (void)in;
    (void)value;
    return str_eq(field, "limits") || str_eq(field, "requests") ? MERGE_LOOK_WITHIN : MERGE_STAYS;
}

/* What cannot be overcommitted has one number for both (IsOvercommitAllowed() in Kubernetes' core/v1/helper). */
static bool can_be_overcommitted(const char *resource)
{
    return (!strchr(resource, '/') || strstr(resource, "kubernetes.io/")) && !str_starts(resource, "hugepages-");
}

/* A live limit (sign 1) below the desired request, a live request (sign -1) above the desired limit. */
static enum merge_fate bound(const json_t *desired, const char *resource, const json_t *live, int sign)
{
    char number[2][KUBE_QUANTITY_NUMBER];
    const char *here = kube_quantity_text(live, number[0]);
    const char *there = kube_quantity_text(json_object_get(desired, resource), number[1]);
    int order;

    if (!here || !there || !kube_quantity_compare(here, there, KUBE_MILLI, &order))
        return MERGE_STAYS;
    return goes_if(order * sign < 0 || (order && !can_be_overcommitted(resource)));
}

static enum merge_fate limit(const struct merge_place *in, const char *field, const json_t *value)
{
    return bound(json_object_get(desired_around(in, 1), "requests"), field, value, 1);
}

static enum merge_fate request(const struct merge_place *in, const char *field, const json_t *value)
{
    return bound(json_object_get(desired_around(in, 1), "limits"), field, value, -1);
}

/* No container has the name of another one of the Pod, whichever list that is in. */
static enum merge_fate container(const struct merge_place *in, const char *field, const json_t *value)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};

    if (field)
        return str_eq(field, "volumeMounts") ? MERGE_LOOK_WITHIN : MERGE_STAYS;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (desired_has(json_object_get(desired_around(in, 1), lists[i]), "name", json_object_get(value, "name")))
            return MERGE_GOES;
    return MERGE_LOOK_WITHIN;
}

/* A mount needs its volume: mounts of an owned volume are removed with it. */
static enum merge_fate mount(const struct merge_place *in, const char *field, const json_t *value)
{
    const struct merge_place *pod = in->around && in->around->around ? in->around->around->around : NULL;
    const char *volume = doc_string(value, "name");

    return goes_if(!field && pod && volume && doc_find(doc_at(pod->last, "volumes"), "name", volume) &&
                   !doc_find(doc_at(pod->desired, "volumes"), "name", volume));
}

static enum merge_fate pod(const struct merge_place *in, const char *field, const json_t *value)
{
    if (str_eq(field, "initContainers") || str_eq(field, "ephemeralContainers"))
        return MERGE_LOOK_WITHIN;
    if (str_eq(field, "hostPID"))
        return goes_if(json_is_true(value) && json_is_true(json_object_get(in->desired, "shareProcessNamespace")));
    if (str_eq(field, "shareProcessNamespace"))
        return goes_if(json_is_true(value) && json_is_true(json_object_get(in->desired, "hostPID")));
    return MERGE_STAYS;
}

static enum merge_fate security(const struct merge_place *in, const char *field, const json_t *value)
{
    if (str_eq(field, "capabilities"))
        return MERGE_LOOK_WITHIN;
    if (str_eq(field, "privileged"))
        return goes_if(json_is_true(value) && json_is_false(json_object_get(in->desired, "allowPrivilegeEscalation")));
    if (str_eq(field, "allowPrivilegeEscalation"))
        return goes_if(json_is_false(value) && json_is_true(json_object_get(in->desired, "privileged")));
    return MERGE_STAYS;
}

static enum merge_fate capabilities(const struct merge_place *in, const char *field, const json_t *value)
{
    bool admin = false;
    json_t *name;
    size_t i;

    json_array_foreach((json_t *)value, i, name)
        admin = admin || str_eq(json_string_value(name), "CAP_SYS_ADMIN");
    return goes_if(admin && str_eq(field, "add") &&
                   json_is_false(json_object_get(desired_around(in, 1), "allowPrivilegeEscalation")));
}

static const char *protocol(const json_t *a_port)
{
    return str_or(doc_string(a_port, "protocol"), "TCP");
}

/* Whether one of the desired ports has this number in this field, for the same protocol. */
static bool desired_number(const json_t *ports, const json_t *of, const char *field, const json_t *value)
{
    json_t *desired;
    size_t i;

    json_array_foreach((json_t *)ports, i, desired)
        if (str_eq(protocol(desired), protocol(of)) && doc_equal(json_object_get(desired, field), value))
            return true;
    return false;
}

/*
 * Ports have names and node ports of their own. Those of a Service that is desired to be reached within the cluster
 * alone have no node ports. A load balancer had one protocol before Kubernetes 1.24: a Service that is to become one
 * again keeps that of the desired ports.
 */
static enum merge_fate port(const struct merge_place *in, const char *field, const json_t *value)
{
    const struct merge_place *list = field ? in->around : in;
    const char *type = doc_string(desired_around(list, 1), "type");

    if (field)
        return goes_if((str_eq(field, "nodePort") || str_eq(field, "hostPort")) &&
                       (desired_number(list->desired, in->live, field, value) ||
                        (str_eq(field, "nodePort") && (str_eq(type, "ClusterIP") || str_eq(type, "ExternalName")))));
    if (desired_has(list->desired, "name", json_object_get(value, "name")))
        return MERGE_GOES;
    if (str_eq(type, "LoadBalancer") && !str_eq(doc_string(list->around->live, "type"), type) &&
        !str_eq(protocol(value), protocol(json_array_get(list->desired, 0))))
        return MERGE_GOES;
    return MERGE_LOOK_WITHIN;
}

/* An annotation that is an older form of a field of load balancers. */
static enum merge_fate service_annotation(const struct merge_place *in, const char *field, const json_t *value)
{
    const char *type = doc_string(desired_around(in, 2), "spec", "type");

    (void)value;
    return goes_if(str_eq(field, "service.beta.kubernetes.io/load-balancer-source-ranges") && type &&
                   !str_eq(type, "LoadBalancer"));
}

/* Annotations that are an older form of a desired field, and would have to say the same. */
static enum merge_fate pod_annotation(const struct merge_place *in, const char *field, const json_t *value)
{
    static const char prefix[] = "container.seccomp.security.alpha.kubernetes.io/";
    const json_t *desired = doc_at(desired_around(in, 2), "spec");

    (void)value;
    if (str_eq(field, "seccomp.security.alpha.kubernetes.io/pod"))
        return goes_if(doc_at(desired, "securityContext", "seccompProfile"));
    return goes_if(str_starts(field, prefix) &&
                   doc_at(doc_find(doc_at(desired, "containers"), "name", field + strlen(prefix)), "securityContext",
                          "seccompProfile"));
}

/*
 * Without a selector the Endpoints are the desired ones, and no controller's. Servers give a policy for traffic from
 * outside to a Service of type ClusterIP, too, where it has externalIPs; one of another type may leave it behind.
 */
static enum merge_fate service(const struct merge_place *in, const char *field, const json_t *value)
{
    const char *type = doc_string(in->desired, "type");

    (void)value;
    if (str_eq(field, "externalTrafficPolicy"))
        return goes_if(str_eq(type, "ExternalName") ||
                       (str_eq(type, "ClusterIP") && !str_eq(doc_string(in->live, "type"), type)));
    return goes_if(str_eq(field, "selector") && json_is_object(in->desired));
}

static double number(const json_t *map, const char *field)
{
    return json_number_value(json_object_get(map, field));
}

static enum merge_fate autoscaler(const struct merge_place *in, const char *field, const json_t *value)
{
    return goes_if(str_eq(field, "minReplicas") && has(in->desired, "maxReplicas") &&
                   json_number_value(value) > number(in->desired, "maxReplicas"));
}

/* A Deployment has to make progress after a Pod can be available. */
static enum merge_fate deployment(const struct merge_place *in, const char *field, const json_t *value)
{
    if (str_eq(field, "progressDeadlineSeconds"))
        return goes_if(json_number_value(value) <= number(in->desired, "minReadySeconds"));
    if (str_eq(field, "minReadySeconds"))
        return goes_if(has(in->desired, "progressDeadlineSeconds") &&
                       json_number_value(value) >= number(in->desired, "progressDeadlineSeconds"));
    return MERGE_STAYS;
}

static bool is_none(const json_t *number_or_percentage)
{
    return json_is_string(number_or_percentage) ? strtod(json_string_value(number_or_percentage), NULL) == 0
                                                : json_number_value(number_or_percentage) == 0;
}

static const json_t *other_bound(const struct merge_place *in, const char *field)
{
    if (str_eq(field, "maxSurge"))
        return json_object_get(in->desired, "maxUnavailable");
    return str_eq(field, "maxUnavailable") ? json_object_get(in->desired, "maxSurge") : NULL;
}

/* A rollout needs room above or below. */
static enum merge_fate rollout(const struct merge_place *in, const char *field, const json_t *value)
{
    const json_t *other = other_bound(in, field);

    return goes_if(other && is_none(other) && is_none(value));
}

/* That of a DaemonSet has one of both. */
static enum merge_fate daemon_rollout(const struct merge_place *in, const char *field, const json_t *value)
{
    const json_t *other = other_bound(in, field);

    return goes_if(other && is_none(other) == is_none(value));
}

static const struct bounds {
    const char *kind, *at; /* as in struct kube_union */
    enum merge_fate (*fate)(const struct merge_place *in, const char *field, const json_t *value);
} bounds[] = {
    {NULL, "metadata.ownerReferences[]", owner},
    {NULL, "resources", resources},
    {NULL, "resources.limits", limit},
    {NULL, "resources.requests", request},
    {NULL, "template.metadata.annotations", pod_annotation},
    {NULL, "template.spec", pod},
    {NULL, "template.spec.containers[]", container},
    {NULL, "template.spec.initContainers[]", container},
    {NULL, "template.spec.ephemeralContainers[]", container},
    {NULL, "volumeMounts[]", mount},
    {NULL, "securityContext", security},
    {NULL, "securityContext.capabilities", capabilities},
    {NULL, "ports[]", port},
    {"ConfigMap", "", config_map},
    {"ConfigMap", "data", text},
    {"ConfigMap", "binaryData", binary},
    {"CustomResourceDefinition", "spec.versions[]", crd_version},
    {"DaemonSet", "spec.updateStrategy.rollingUpdate", daemon_rollout},
    {"Deployment", "spec", deployment},
    {"Deployment", "spec.strategy.rollingUpdate", rollout},
    {"HorizontalPodAutoscaler", "spec", autoscaler},
    {"Service", "metadata.annotations", service_annotation},
    {"Service", "spec", service},
};

/* Whether the first `len` bytes of the path end in `at`, from the beginning of a name on. */
static bool is_at(const char *path, size_t len, const char *at)
{
    size_t end = strlen(at);

    if (!end)
        return !len;
    return end <= len && memcmp(path + len - end, at, end) == 0 && (end == len || path[len - end - 1] == '.');
}

static bool applies(const char *to, const struct kube_kind *kind)
{
    return !to || str_eq(to, kind->kind);
}

enum merge_fate kube_unions_fate(const struct kube_kind *kind, const char *path, const struct merge_place *in,
                                 const char *field, const json_t *value)
{
    size_t len = strlen(path), name = field ? strlen(field) : 0;
    const struct kube_union *table = kind->custom ? kind->unions : unions;
    enum merge_fate fate = MERGE_STAYS;

    if (field)
        len = len > name ? len - name - 1 : 0;
    for (size_t i = 0; i < ARRAY_LEN(bounds) && fate != MERGE_GOES; i++) {
        enum merge_fate here;
        if (kind->custom && bounds[i].fate != owner)
            continue;
        if (!applies(bounds[i].kind, kind) || !is_at(path, len, bounds[i].at))
            continue;
        here = bounds[i].fate(in, field, value);
        if (here != MERGE_STAYS)
            fate = here;
    }
    if (!field || !json_is_object(in->desired))
        return fate;
    for (const struct kube_union *u = table; u && u->at && fate != MERGE_GOES; u++)
        if (applies(u->kind, kind) && is_at(path, len, u->at) && excluded(u, in->desired, field, value))
            fate = MERGE_GOES;
    return fate;
}

bool kube_unions_empty_counts(const struct kube_kind *kind, const char *path)
{
    static const struct {
        const char *kind, *at;
    } members[] = {
        {NULL, "volumes[].emptyDir"},
        {"PodDisruptionBudget", "spec.minAvailable"},
        {"PodDisruptionBudget", "spec.maxUnavailable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (applies(members[i].kind, kind) && is_at(path, strlen(path), members[i].at))
            return true;
    return false;
}
