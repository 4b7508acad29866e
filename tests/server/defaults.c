#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "server_impl.h"

/* Sets what is absent; takes over `value`. */
static void fill(json_t *map, const char *key, json_t *value)
{
    if (json_is_object(map) && !json_object_get(map, key))
        json_object_set_new(map, key, value);
    else
        json_decref(value);
}

static void fill_text(json_t *map, const char *key, const char *value)
{
    fill(map, key, json_string(value));
}

/* --- Pods and what makes them --- */

static void probe(json_t *p)
{
    if (!p)
        return;
    fill(p, "failureThreshold", json_integer(3));
    fill(p, "periodSeconds", json_integer(10));
    fill(p, "successThreshold", json_integer(1));
    fill(p, "timeoutSeconds", json_integer(1));
    if (doc_at(p, "httpGet"))
        fill_text(doc_at(p, "httpGet"), "scheme", "HTTP");
}

/* Quantities are kept in their shortest form. */
static void shorten_quantities(json_t *quantities)
{
    const char *memory = doc_string(quantities, "memory");
    int64_t n;

    if (!memory || !str_ends(memory, "Mi"))
        return;
    {
        _cleanup_free_ char *number = str_dup_n(memory, strlen(memory) - 2);
        if (str_to_int64(number, &n) && n % 1024 == 0)
            json_object_set_new(quantities, "memory", json_sprintf("%" PRId64 "Gi", n / 1024));
    }
}

static void container(json_t *c)
{
    json_t *item;
    size_t i;

    fill_text(c, "imagePullPolicy", "IfNotPresent");
    fill_text(c, "terminationMessagePath", "/dev/termination-log");
    fill_text(c, "terminationMessagePolicy", "File");
    fill(c, "resources", json_object());
    probe(doc_at(c, "livenessProbe"));
    probe(doc_at(c, "readinessProbe"));
    shorten_quantities(doc_at(c, "resources", "requests"));
    shorten_quantities(doc_at(c, "resources", "limits"));
    json_array_foreach(doc_at(c, "ports"), i, item)
        fill_text(item, "protocol", "TCP");
    json_array_foreach(doc_at(c, "env"), i, item) {
        if (doc_at(item, "valueFrom", "fieldRef"))
            fill_text(doc_at(item, "valueFrom", "fieldRef"), "apiVersion", "v1");
        /* Empty strings are omitted. */
        if (str_eq(doc_string(item, "value"), ""))
            json_object_del(item, "value");
    }
}

static void pod(json_t *spec)
{
    json_t *item;
    size_t i;

    fill_text(spec, "restartPolicy", "Always");
    fill_text(spec, "dnsPolicy", "ClusterFirst");
    fill_text(spec, "schedulerName", "default-scheduler");
    fill(spec, "securityContext", json_object());
    fill(spec, "terminationGracePeriodSeconds", json_integer(30));
    if (doc_string(spec, "serviceAccountName"))
        json_object_set(spec, "serviceAccount", json_object_get(spec, "serviceAccountName"));
    json_array_foreach(doc_at(spec, "containers"), i, item)
        container(item);
    json_array_foreach(doc_at(spec, "volumes"), i, item) {
        fill(doc_at(item, "configMap"), "defaultMode", json_integer(420));
        fill(doc_at(item, "secret"), "defaultMode", json_integer(420));
    }
}

static void pod_alone(struct server *s, json_t *o)
{
    (void)s;
    if (doc_at(o, "spec"))
        pod(doc_at(o, "spec"));
    fill_text(doc_make(o, "status"), "phase", "Pending");
}

static void deployment(struct server *s, json_t *o)
{
    json_t *spec = doc_make(o, "spec");

    (void)s;
    fill(spec, "replicas", json_integer(1));
    fill(spec, "progressDeadlineSeconds", json_integer(600));
    fill(spec, "revisionHistoryLimit", json_integer(10));
    fill(spec, "strategy", json_object());
    fill_text(doc_at(spec, "strategy"), "type", "RollingUpdate");
    if (str_eq(doc_string(spec, "strategy", "type"), "RollingUpdate")) {
        fill(doc_at(spec, "strategy"), "rollingUpdate", json_object());
        fill_text(doc_at(spec, "strategy", "rollingUpdate"), "maxSurge", "25%");
        fill_text(doc_at(spec, "strategy", "rollingUpdate"), "maxUnavailable", "25%");
    }
    fill(doc_make(spec, "template", "metadata"), "creationTimestamp", json_null());
    pod(doc_make(spec, "template", "spec"));
}

static void daemon_set(struct server *s, json_t *o)
{
    json_t *spec = doc_make(o, "spec");

    (void)s;
    fill(spec, "revisionHistoryLimit", json_integer(10));
    fill(spec, "updateStrategy", json_object());
    fill_text(doc_at(spec, "updateStrategy"), "type", "RollingUpdate");
    if (str_eq(doc_string(spec, "updateStrategy", "type"), "RollingUpdate")) {
        fill(doc_at(spec, "updateStrategy"), "rollingUpdate", json_object());
        fill(doc_at(spec, "updateStrategy", "rollingUpdate"), "maxSurge", json_integer(0));
        fill(doc_at(spec, "updateStrategy", "rollingUpdate"), "maxUnavailable", json_integer(1));
    }
    fill(doc_make(spec, "template", "metadata"), "creationTimestamp", json_null());
    pod(doc_make(spec, "template", "spec"));
}

/* --- others --- */

static bool takes_node_ports(const char *type)
{
    return str_eq(type, "LoadBalancer") || str_eq(type, "NodePort");
}

/* Source: Kubernetes 1.34, as it answers. */
static bool is_reached_from_outside(const json_t *spec)
{
    return takes_node_ports(doc_string(spec, "type")) || json_array_size(doc_at(spec, "externalIPs"));
}

static void service(struct server *s, json_t *o)
{
    json_t *spec = doc_make(o, "spec"), *port;
    size_t i;

    fill_text(spec, "type", "ClusterIP");
    fill_text(spec, "sessionAffinity", "None");
    fill(spec, "clusterIP", json_sprintf("10.96.%d.%d", (int)rng_below(s->rng, 256), (int)rng_below(s->rng, 256)));
    if (s->minor >= 20)
        fill(spec, "clusterIPs", ARRAY(ITEM_STRING(doc_string(spec, "clusterIP"))));
    if (is_reached_from_outside(spec))
        fill_text(spec, "externalTrafficPolicy", "Cluster");
    json_array_foreach(doc_at(spec, "ports"), i, port) {
        fill_text(port, "protocol", "TCP");
        fill(port, "targetPort", json_incref(json_object_get(port, "port")));
        if (takes_node_ports(doc_string(spec, "type")))
            fill(port, "nodePort", json_integer(30000 + (json_int_t)rng_below(s->rng, 2768)));
    }
}

static void endpoints(struct server *s, json_t *o)
{
    json_t *subset, *port;
    size_t i, k;

    (void)s;
    json_array_foreach(doc_at(o, "subsets"), i, subset) {
        json_array_foreach(doc_at(subset, "ports"), k, port)
            fill_text(port, "protocol", "TCP");
    }
}

static void secret(struct server *s, json_t *o)
{
    json_t *texts = json_object_get(o, "stringData"), *value;
    const char *key;

    (void)s;
    fill_text(o, "type", "Opaque");
    json_object_foreach(texts, key, value) {
        _cleanup_free_ char *encoded = base64_encode(json_string_value(value), json_string_length(value));
        json_object_set_new(doc_make(o, "data"), key, json_string(encoded));
    }
    json_object_del(o, "stringData");
}

static void webhooks(struct server *s, json_t *o)
{
    json_t *webhook, *rule;
    size_t i, k;

    json_array_foreach(doc_at(o, "webhooks"), i, webhook) {
        if (s->minor >= 22) { /* v1 alone */
            fill_text(webhook, "failurePolicy", "Fail");
            fill_text(webhook, "matchPolicy", "Equivalent");
            fill(webhook, "timeoutSeconds", json_integer(10));
        }
        fill_text(webhook, "failurePolicy", "Ignore");
        fill(webhook, "namespaceSelector", json_object());
        if (s->minor >= 15) {
            fill(webhook, "objectSelector", json_object());
            fill_text(webhook, "matchPolicy", "Exact");
            fill_text(webhook, "reinvocationPolicy", "Never");
        }
        if (s->minor >= 13) {
            fill_text(webhook, "sideEffects", "Unknown");
            fill(webhook, "timeoutSeconds", json_integer(30));
            fill(webhook, "admissionReviewVersions", ARRAY(ITEM_STRING("v1beta1")));
            fill(doc_at(webhook, "clientConfig", "service"), "port", json_integer(443));
        }
        json_array_foreach(doc_at(webhook, "rules"), k, rule)
            if (s->minor >= 14)
                fill_text(rule, "scope", "*");
    }
}

static void definition(struct server *s, json_t *o)
{
    json_t *spec = doc_make(o, "spec");
    const char *kind = doc_string(spec, "names", "kind");
    _cleanup_free_ char *list_kind = str_printf("%sList", str_or(kind, ""));

    fill_text(doc_make(spec, "names"), "listKind", list_kind);
    if (s->minor >= 13) {
        fill(spec, "conversion", json_object());
        fill_text(doc_at(spec, "conversion"), "strategy", "None");
    }
    if (doc_string(spec, "version") && s->minor >= 11)
        fill(spec, "versions",
             ARRAY(ITEM(STRING("name", doc_string(spec, "version")), BOOL("served", true), BOOL("storage", true))));
}

static void role_binding(struct server *s, json_t *o)
{
    json_t *subject;
    size_t i;

    (void)s;
    json_array_foreach(doc_at(o, "subjects"), i, subject)
        if (!str_eq(doc_string(subject, "kind"), "ServiceAccount"))
            fill_text(subject, "apiGroup", "rbac.authorization.k8s.io");
    fill_text(doc_make(o, "roleRef"), "apiGroup", "rbac.authorization.k8s.io");
}

static void autoscaler(struct server *s, json_t *o)
{
    (void)s;
    fill(doc_make(o, "spec"), "minReplicas", json_integer(1));
}

static void namespace(struct server *s, json_t *o)
{
    (void)s;
    if (!doc_at(o, "metadata", "deletionTimestamp"))
        fill(doc_make(o, "spec"), "finalizers", ARRAY(ITEM_STRING("kubernetes")));
    json_object_set_new(doc_make(o, "status"), "phase",
                        json_string(doc_at(o, "metadata", "deletionTimestamp") ? "Terminating" : "Active"));
}

/* --- custom kinds, by their schema --- */

static void by_schema(const json_t *schema, json_t *value);

static void map_by_schema(const json_t *schema, json_t *map)
{
    json_t *properties = json_object_get(schema, "properties"), *row, *value;
    bool open = doc_bool(doc_at(schema, "x-kubernetes-preserve-unknown-fields"), false) ||
                doc_at(schema, "additionalProperties");
    const char *key;
    void *next;

    json_object_foreach_safe(map, next, key, value) if (!open && properties && !json_object_get(properties, key))
        json_object_del(map, key);
    json_object_foreach(properties, key, row) {
        if (!json_object_get(map, key) && json_object_get(row, "default"))
            json_object_set_new(map, key, doc_copy(json_object_get(row, "default")));
        by_schema(row, json_object_get(map, key));
    }
}

static void by_schema(const json_t *schema, json_t *value)
{
    json_t *item;
    size_t i;

    if (json_is_object(value))
        map_by_schema(schema, value);
    json_array_foreach(value, i, item)
        by_schema(json_object_get(schema, "items"), item);
}

static void custom(const struct collection *kind, json_t *o)
{
    json_t *rows = json_object_get(kind->schema, "properties"), *row;
    const char *key;

    /* The metadata has no schema of its own. */
    json_object_foreach(rows, key, row)
        if (!str_eq(key, "metadata"))
            by_schema(row, json_object_get(o, key));
}

static const struct {
    const char *plural;
    bool generations;
    void (*apply)(struct server *s, json_t *o);
} rows[] = {
    {"deployments", true, deployment},
    {"daemonsets", true, daemon_set},
    {"statefulsets", true, NULL},
    {"endpoints", false, endpoints},
    {"pods", false, pod_alone},
    {"secrets", false, secret},
    {"services", false, service},
    {"customresourcedefinitions", true, definition},
    {"mutatingwebhookconfigurations", true, webhooks},
    {"validatingwebhookconfigurations", true, webhooks},
    {"clusterrolebindings", false, role_binding},
    {"rolebindings", false, role_binding},
    {"horizontalpodautoscalers", false, autoscaler},
    {"poddisruptionbudgets", true, NULL},
    {"namespaces", false, namespace},
};

bool defaults_counts_generations(const struct collection *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].plural, kind->plural))
            return rows[i].generations;
    return kind->custom;
}

void defaults_apply(struct server *s, const struct collection *kind, json_t *object)
{
    if (kind->custom)
        custom(kind, object);
    for (size_t i = 0; !kind->custom && i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].plural, kind->plural) && rows[i].apply)
            rows[i].apply(s, object);
}

/* From 1.22 on, and in the last releases of 1.20 and 1.21, a Service keeps its addresses and node ports. */
void defaults_carry(const struct server *s, const struct collection *kind, const json_t *before, json_t *after)
{
    json_t *spec = doc_at(after, "spec"), *port;
    const json_t *old_ports = doc_at(before, "spec", "ports");
    size_t i;

    if (s->minor < 22 || !str_eq(kind->plural, "services") || kind->custom)
        return;
    fill(spec, "clusterIP", doc_copy(doc_at(before, "spec", "clusterIP")));
    fill(spec, "clusterIPs", doc_copy(doc_at(before, "spec", "clusterIPs")));
    json_array_foreach(doc_at(spec, "ports"), i, port)
        for (size_t k = 0; takes_node_ports(doc_string(spec, "type")) && k < json_array_size(old_ports); k++) {
            const json_t *old = json_array_get(old_ports, k);
            if (doc_at(old, "nodePort") && json_equal(doc_at(old, "port"), doc_at(port, "port")) &&
                str_eq(doc_string(old, "protocol"), str_or(doc_string(port, "protocol"), "TCP")))
                fill(port, "nodePort", doc_copy(doc_at(old, "nodePort")));
        }
}

/* Fields that stay as they were created. */
static const struct {
    const char *plural, *field[3];
    int until; /* the last minor version that has it so; 0: all do */
} immutable[] = {
    {"deployments", {"spec", "selector"}, 0}, {"services", {"spec", "clusterIP"}, 0},
    {"clusterrolebindings", {"roleRef"}, 0},  {"secrets", {"type"}, 0},
    {"poddisruptionbudgets", {"spec"}, 14},   {"daemonsets", {"spec", "selector"}, 0},
    {"rolebindings", {"roleRef"}, 0},
};

/* A DNS subdomain (RFC 1123), but for RBAC, whose names are any that fit into a path. */
bool defaults_may_be_named(const struct collection *kind, const char *name)
{
    size_t len = strlen(name);

    if (str_eq(kind->group, "rbac.authorization.k8s.io"))
        return !strpbrk(name, "/%");
    return len > 0 && len <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len &&
           !strchr("-.", name[0]) && !strchr("-.", name[len - 1]);
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return text && (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1);
}

static bool has_bad_data(const json_t *secret)
{
    const char *key;
    json_t *value;
    bool bad = false;

    json_object_foreach(json_object_get(secret, "data"), key, value) {
        _cleanup_free_ char *bytes = NULL;
        size_t len;
        bad = bad || !json_is_string(value) ||
              !base64_decode(json_string_value(value), json_string_length(value), &bytes, &len);
    }
    return bad;
}

bool defaults_can_be_read(const struct collection *kind, const json_t *object)
{
    return !str_eq(kind->plural, "secrets") || !has_bad_data(object);
}

static bool has_bad_address(const json_t *endpoints)
{
    const json_t *subsets = doc_at(endpoints, "subsets");

    for (size_t i = 0; i < json_array_size(subsets); i++) {
        const json_t *addresses = doc_at(json_array_get(subsets, i), "addresses");
        for (size_t k = 0; k < json_array_size(addresses); k++)
            if (!is_address(doc_string(json_array_get(addresses, k), "ip")))
                return true;
    }
    return false;
}

const char *defaults_refuse(const struct server *s, const struct collection *kind, const json_t *before,
                            const json_t *after)
{
    for (size_t i = 0; before && i < ARRAY_LEN(immutable); i++)
        if (str_eq(immutable[i].plural, kind->plural) && (!immutable[i].until || s->minor <= immutable[i].until) &&
            !json_equal(doc_at_(before, immutable[i].field), doc_at_(after, immutable[i].field)))
            return "field is immutable";
    if ((str_eq(kind->plural, "deployments") || str_eq(kind->plural, "daemonsets")) &&
        !json_array_size(doc_at(after, "spec", "template", "spec", "containers")))
        return "spec.template.spec.containers: Required value";
    if (str_eq(kind->plural, "services") && !json_array_size(doc_at(after, "spec", "ports")) &&
        !str_eq(doc_string(after, "spec", "clusterIP"), "None"))
        return "spec.ports: Required value";
    if (str_eq(kind->plural, "endpoints") && has_bad_address(after))
        return "subsets.addresses.ip: must be a valid IP address";
    return NULL;
}
