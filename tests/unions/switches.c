#include "switches.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A union, from the API reference of the kind. */
struct place {
    const char *kind;                /* NULL: any */
    const char *version;             /* of the API; NULL: any */
    const char *at;                  /* the end of the map's path */
    const char *const *members;      /* of which only desired ones may be there */
    const char *type, *by_default;   /* a discriminator, and what the server makes of none; may be NULL */
    const char *const *alternatives; /* JSON with single quotes: what takes the place of all that; null takes away */
};

#define SOURCES                                                                                                        \
    "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi",          \
        "glusterfs", "persistentVolumeClaim", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "downwardAPI", "fc", \
        "azureFile", "configMap", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "projected",        \
        "portworxVolume", "scaleIO", "storageos", "csi", "ephemeral"
#define HANDLERS LIST("exec", "httpGet", "tcpSocket", "grpc")
#define OTHER_HANDLERS                                                                                                 \
    LIST("{'exec': {'command': ['foreign']}}", "{'httpGet': {'port': 8, 'path': '/foreign'}}",                         \
         "{'tcpSocket': {'port': 8}}")
#define METRIC                                                                                                         \
    .kind = "HorizontalPodAutoscaler", .at = "metrics[]", .type = "type",                                              \
    .members = LIST("resource", "pods", "object", "external", "containerResource")

static const struct place places[] = {
    {.at = "env[]",
     .members = LIST("value", "valueFrom"),
     .alternatives = LIST("{'value': 'foreign'}", "{'valueFrom': {'fieldRef': {'fieldPath': 'spec.nodeName'}}}",
                          "{'valueFrom': {'resourceFieldRef': {'resource': 'limits.cpu', 'divisor': '1m'}}}",
                          "{'valueFrom': {'configMapKeyRef': {'name': 'foreign', 'key': 'k', 'optional': true}}}",
                          "{'valueFrom': {'secretKeyRef': {'name': 'foreign', 'key': 'k', 'optional': true}}}")},
    {.at = "env[].valueFrom", .members = LIST("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")},
    {.at = "volumes[]",
     .members = LIST(SOURCES),
     .alternatives = LIST(
         "{'hostPath': {'path': '/foreign'}}", "{'emptyDir': {'medium': 'Memory', 'sizeLimit': '1Mi'}}",
         "{'gcePersistentDisk': {'pdName': 'foreign', 'readOnly': true}}",
         "{'awsElasticBlockStore': {'volumeID': 'foreign'}}", "{'gitRepo': {'repository': 'foreign'}}",
         "{'secret': {'secretName': 'foreign', 'optional': true}}", "{'nfs': {'server': 'foreign', 'path': '/'}}",
         "{'iscsi': {'targetPortal': '10.0.0.1', 'iqn': 'iqn.2001-04.com.example:storage', 'lun': 1}}",
         "{'glusterfs': {'endpoints': 'foreign', 'path': 'p'}}", "{'persistentVolumeClaim': {'claimName': 'foreign'}}",
         "{'rbd': {'monitors': ['m'], 'image': 'i'}}", "{'flexVolume': {'driver': 'example.com/foreign'}}",
         "{'cinder': {'volumeID': 'foreign'}}", "{'cephfs': {'monitors': ['m']}}",
         "{'flocker': {'datasetName': 'foreign'}}",
         "{'downwardAPI': {'items': [{'path': 'p', 'fieldRef': {'fieldPath': 'metadata.labels'}}]}}",
         "{'fc': {'targetWWNs': ['w'], 'lun': 1}}", "{'azureFile': {'secretName': 'foreign', 'shareName': 's'}}",
         "{'configMap': {'name': 'foreign', 'optional': true}}", "{'vsphereVolume': {'volumePath': 'foreign'}}",
         "{'quobyte': {'registry': 'foreign:1', 'volume': 'v'}}",
         "{'azureDisk': {'diskName': 'd', 'diskURI': 'https://example.blob.core.windows.net/v'}}",
         "{'photonPersistentDisk': {'pdID': 'foreign'}}",
         "{'projected': {'sources': [{'secret': {'name': 'foreign', 'optional': true}}, {'serviceAccountToken': "
         "{'path': "
         "'t'}}]}}",
         "{'portworxVolume': {'volumeID': 'foreign'}}",
         "{'scaleIO': {'gateway': 'g', 'system': 's', 'volumeName': 'v', 'secretRef': {'name': 'x'}}}",
         "{'storageos': {'volumeName': 'v', 'volumeNamespace': 'n'}}", "{'csi': {'driver': 'foreign.example.com'}}")},
    {.at = "livenessProbe", .members = HANDLERS, .alternatives = OTHER_HANDLERS},
    {.at = "readinessProbe", .members = HANDLERS, .alternatives = OTHER_HANDLERS},
    {.at = "postStart", .members = HANDLERS, .alternatives = OTHER_HANDLERS},
    {.at = "preStop", .members = HANDLERS, .alternatives = OTHER_HANDLERS},
    {.at = "matchExpressions[]",
     .members = LIST("values"),
     .type = "operator",
     .alternatives =
         LIST("{'operator': 'Exists'}", "{'operator': 'DoesNotExist'}", "{'operator': 'NotIn', 'values': ['f']}")},
    {.at = "tolerations[]",
     .members = LIST("key", "value", "effect", "tolerationSeconds"),
     .type = "operator",
     .by_default = "Equal",
     .alternatives = LIST("{'operator': 'Exists', 'key': 'foreign', 'effect': 'NoExecute', 'tolerationSeconds': 5}",
                          "{'operator': 'Equal', 'key': 'foreign', 'value': 'f'}", "{'operator': 'Exists'}")},
    {.kind = "Deployment",
     .at = "spec.strategy",
     .members = LIST("rollingUpdate"),
     .type = "type",
     .by_default = "RollingUpdate",
     .alternatives = LIST("{'type': 'Recreate'}",
                          "{'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': '10%', 'maxUnavailable': 2}}")},
    {.kind = "PodDisruptionBudget",
     .at = "spec",
     .members = LIST("minAvailable", "maxUnavailable"),
     .alternatives = LIST("{'maxUnavailable': 1}", "{'maxUnavailable': '50%'}", "{'minAvailable': '50%'}")},
    {METRIC, .version = "autoscaling/v2beta1",
     .alternatives = LIST("{'type': 'Pods', 'pods': {'metricName': 'm', 'targetAverageValue': '1'}}",
                          "{'type': 'Resource', 'resource': {'name': 'cpu', 'targetAverageValue': '100m'}}",
                          "{'type': 'External', 'external': {'metricName': 'm', 'targetValue': '1'}}",
                          "{'type': 'Object', 'object': {'metricName': 'm', 'targetValue': '1', 'target': {'kind': "
                          "'K', 'name': 'n'}}}")},
    {METRIC, .version = "autoscaling/v2beta2",
     .alternatives = LIST(
         "{'type': 'Pods', 'pods': {'metric': {'name': 'm'}, 'target': {'type': 'AverageValue', 'averageValue': '1'}}}",
         "{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'AverageValue', 'averageValue': "
         "'100m'}}}",
         "{'type': 'External', 'external': {'metric': {'name': 'm'}, 'target': {'type': 'Value', 'value': '1'}}}",
         "{'type': 'Object', 'object': {'metric': {'name': 'm'}, 'target': {'type': 'Value', 'value': '1'}, "
         "'describedObject': {'kind': 'K', 'name': 'n'}}}")},
    {METRIC, .version = "autoscaling/v2",
     .alternatives =
         LIST("{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'AverageValue', 'averageValue': "
              "'100m'}}}",
              "{'type': 'ContainerResource', 'containerResource': {'name': 'cpu', 'container': 'c', 'target': {'type': "
              "'Utilization', 'averageUtilization': 5}}}")},
    {.kind = "HorizontalPodAutoscaler",
     .at = "resource.target",
     .members = LIST("averageUtilization", "averageValue", "value"),
     .type = "type"},
    {.kind = "HorizontalPodAutoscaler",
     .version = "autoscaling/v2beta1",
     .at = "metrics[].resource",
     .members = LIST("targetAverageUtilization", "targetAverageValue")},
    {.kind = "Service",
     .at = "spec",
     .members = LIST("externalName"),
     .type = "type",
     .alternatives =
         LIST("{'type': 'ExternalName', 'externalName': 'example.com', 'clusterIP': null, 'clusterIPs': null, "
              "'externalTrafficPolicy': null, 'healthCheckNodePort': null, 'ports': null, 'selector': null}",
              "{'type': 'ExternalName', 'externalName': 'example.com', 'clusterIP': null, 'clusterIPs': null, "
              "'externalTrafficPolicy': null, 'healthCheckNodePort': null, 'ports': null}")},
    {.kind = "ClusterRole",
     .at = "rules[]",
     .members = LIST("apiGroups", "resources", "resourceNames", "nonResourceURLs"),
     .alternatives = LIST("{'nonResourceURLs': ['/foreign'], 'verbs': ['get']}",
                          "{'apiGroups': [''], 'resources': ['pods'], 'resourceNames': ['foreign']}")},
    {.at = "subjects[]",
     .members = LIST("name", "namespace", "apiGroup"),
     .type = "kind",
     .alternatives = LIST("{'kind': 'User', 'name': 'foreign', 'apiGroup': 'rbac.authorization.k8s.io'}",
                          "{'kind': 'Group', 'name': 'foreign', 'apiGroup': 'rbac.authorization.k8s.io'}")},
    {.at = "webhooks[].clientConfig",
     .members = LIST("url", "service"),
     .alternatives = LIST("{'url': 'https://foreign.example.com/'}")},
    /* Istio's own */
    {.kind = "MeshPolicy",
     .at = "peers[]",
     .members = LIST("mtls", "jwt"),
     .alternatives = LIST("{'jwt': {'issuer': 'foreign'}}")},
    {.kind = "MeshPolicy",
     .at = "spec",
     .members = LIST("peers", "peerIsOptional", "targets"),
     .alternatives = LIST("{'peers': [{'mtls': {'mode': 'PERMISSIVE'}}], 'peerIsOptional': true}")},
    {.kind = "PeerAuthentication",
     .at = "spec",
     .members = LIST("mtls", "selector", "portLevelMtls"),
     .alternatives = LIST("{'mtls': {'mode': 'STRICT'}, 'selector': {'matchLabels': {'foreign': 'f'}}}",
                          "{'mtls': {'mode': 'STRICT'}, 'selector': {'matchLabels': {'foreign': 'f'}}, "
                          "'portLevelMtls': {'80': {'mode': 'DISABLE'}}}")},
    {.kind = "Gateway",
     .at = "spec.selector",
     .members = LIST("istio", "foreign"),
     .alternatives = LIST("{'istio': 'foreign', 'foreign': 'f'}")},
    {.kind = "DestinationRule",
     .at = "portLevelSettings[].port",
     .members = LIST("number", "name"),
     .alternatives = LIST("{'name': 'foreign'}")},
    {.kind = "DestinationRule",
     .at = "tls",
     .members = LIST("clientCertificate", "privateKey", "caCertificates"),
     .type = "mode",
     .alternatives = LIST("{'mode': 'MUTUAL', 'clientCertificate': '/c', 'privateKey': '/k', 'caCertificates': '/a'}",
                          "{'mode': 'SIMPLE', 'caCertificates': '/a'}")},
    {.kind = "prometheus",
     .at = "buckets",
     .members = LIST("explicit_buckets", "exponential_buckets", "linear_buckets", "explicitBuckets",
                     "exponentialBuckets", "linearBuckets"),
     .alternatives = LIST("{'linearBuckets': {'numFiniteBuckets': 2, 'width': 1, 'offset': 0}}",
                          "{'explicit_buckets': {'bounds': [1]}}")},
};

/* --- places --- */

static json_t *json_of(const char *text)
{
    _cleanup_free_ char *json = str_dup(text);
    json_t *ret;

    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    if (doc_parse(json, strlen(json), SIZE_MAX, &ret, NULL) < 0)
        abort(); /* the table above */
    return ret;
}

/* The object, where in it, and what is to be done or was found. */
struct walk {
    const char *kind, *version;
    struct buf path;
    unsigned turn;
    const json_t *owner;
    json_t *seen;
    size_t switched;
    struct buf *why; /* NULL: switch, else check */
};

static bool is_at(const struct walk *w, const char *at)
{
    const char *path = buf_str(&w->path);
    size_t len = strlen(path), end = strlen(at);

    return str_ends(path, at) && (len == end || path[len - end - 1] == '.');
}

static bool is_place(const struct walk *w, const struct place *p)
{
    return (!p->kind || str_eq(p->kind, w->kind)) && (!p->version || str_eq(p->version, w->version)) && is_at(w, p->at);
}

static bool is_desired(const struct place *p, const json_t *desired)
{
    for (const char *const *m = p->members; *m; m++)
        if (json_object_get(desired, *m))
            return true;
    return p->type && json_object_get(desired, p->type);
}

static void count(struct walk *w, const char *what)
{
    w->switched++;
    if (w->seen)
        json_object_set_new(w->seen, what, json_integer(doc_int(json_object_get(w->seen, what), 0) + 1));
}

static bool fail_at(struct walk *w, const char *field, const char *what)
{
    buf_printf(w->why, "%s %s.%s %s", w->kind, buf_str(&w->path), field, what);
    return false;
}

static void switch_place(struct walk *w, const struct place *p, json_t *live)
{
    _cleanup_json_ json_t *other = NULL;
    size_t n = 0;
    const char *key;
    json_t *value;

    while (p->alternatives[n])
        n++;
    other = json_of(p->alternatives[(w->turn + w->switched) % n]);
    for (const char *const *m = p->members; *m; m++)
        json_object_del(live, *m);
    if (p->type)
        json_object_del(live, p->type);
    json_object_foreach(other, key, value) {
        if (json_is_null(value))
            json_object_del(live, key);
        else
            json_object_set(live, key, value);
    }
    count(w, p->at);
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_object(value) && !json_object_size(value)) ||
           (json_is_array(value) && !json_array_size(value)) || (json_is_string(value) && !json_string_length(value));
}

static bool check_place(struct walk *w, const struct place *p, const json_t *desired, const json_t *live)
{
    for (const char *const *m = p->members; *m; m++) {
        const json_t *is = json_object_get(live, *m);
        if (!json_object_get(desired, *m) && is && !json_is_null(is))
            return fail_at(w, *m, "excludes what is desired");
        /* Of a union nothing is there although it is empty. */
        if (json_is_object(json_object_get(desired, *m)) && !json_is_object(is))
            return fail_at(w, *m, "is missing");
    }
    if (p->type && p->by_default && !json_object_get(desired, p->type) && json_object_get(live, p->type) &&
        !str_eq(doc_string(live, p->type), p->by_default))
        return fail_at(w, p->type, "excludes what is desired");
    return true;
}

/* --- what is no union of fields --- */

static const char *protocol(const json_t *port)
{
    const char *name = doc_string(port, "protocol");

    return name ? name : "TCP";
}

/* Another number under the same name, and the node ports of each other. */
static void switch_ports(struct walk *w, const json_t *desired, json_t *live)
{
    const char *number = json_object_get(json_array_get(desired, 0), "port") ? "port" : "containerPort";
    json_t *port, *first_node_port = NULL, *last = NULL;
    size_t i;

    json_array_foreach(live, i, port) {
        if (json_object_get(port, "name") && (w->turn + i) % 2 == 0)
            json_object_set_new(port, number, json_integer(doc_int(json_object_get(port, number), 0) + 1000));
        if (!json_object_get(port, "nodePort"))
            continue;
        if (last)
            json_object_set(last, "nodePort", json_object_get(port, "nodePort"));
        else
            first_node_port = json_incref(json_object_get(port, "nodePort"));
        last = port;
    }
    if (last)
        json_object_set_new(last, "nodePort", first_node_port);
    count(w, number);
}

static bool check_ports(struct walk *w, const json_t *live)
{
    static const char *const fields[] = {"name", "nodePort", "port"};
    json_t *a, *b;
    size_t i, k;

    json_array_foreach(live, i, a)
        json_array_foreach(live, k, b)
            for (size_t f = 0; f < ARRAY_LEN(fields) && k < i; f++)
                if (json_object_get(a, fields[f]) && (!f || str_eq(protocol(a), protocol(b))) &&
                    doc_equal(json_object_get(a, fields[f]), json_object_get(b, fields[f])))
                    return fail_at(w, fields[f], "is there twice");
    return true;
}

/* A limit below each desired request, and a request above each desired limit. */
static void switch_resources(struct walk *w, const json_t *desired, json_t *live)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(desired, "requests"), name, value) {
        json_object_set_new(doc_make(live, "requests"), name, json_string("1m"));
        json_object_set_new(doc_make(live, "limits"), name, json_string("2m"));
    }
    json_object_foreach(json_object_get(desired, "limits"), name, value) {
        if (json_object_get(json_object_get(desired, "requests"), name))
            continue;
        json_object_set_new(doc_make(live, "limits"), name, json_string("3E"));
        json_object_set_new(doc_make(live, "requests"), name, json_string("2E"));
    }
    count(w, "resources");
}

static bool check_resources(struct walk *w, const json_t *desired, const json_t *live)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(desired, "requests"), name, value)
        if (!doc_at(desired, "limits", name) && doc_at(live, "limits", name))
            return fail_at(w, "limits", "is below the desired request");
    json_object_foreach(json_object_get(desired, "limits"), name, value)
        if (!doc_at(desired, "requests", name) && str_eq(doc_string(live, "requests", name), "2E"))
            return fail_at(w, "requests", "is above the desired limit");
    return true;
}

static void switch_data(struct walk *w, const json_t *desired, json_t *live)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(desired, "data"), key, value) {
        json_object_del(json_object_get(live, "data"), key);
        json_object_set_new(doc_make(live, "binaryData"), key, json_string("Zm9yZWlnbg=="));
        count(w, "data");
    }
}

static bool check_data(struct walk *w, const json_t *desired, const json_t *live)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(desired, "data"), key, value)
        if (doc_at(live, "binaryData", key))
            return fail_at(w, "binaryData", "excludes what is desired");
    return true;
}

/* Another one, told apart by `key` (taken over), has the flag which only one may have; it comes first. */
static void switch_flag(struct walk *w, json_t *list, const char *key, const char *flag, json_t *other)
{
    size_t i, is_there = 0;
    json_t *element;

    json_object_set_new(other, flag, json_true());
    json_array_foreach(list, i, element) {
        bool same = doc_equal(json_object_get(element, key), json_object_get(other, key));
        json_object_set_new(element, flag, json_boolean(same));
        is_there += same;
    }
    if (is_there)
        json_decref(other);
    else
        json_array_insert_new(list, 0, other);
    count(w, flag);
}

static bool check_flag(struct walk *w, const json_t *list, const char *flag)
{
    size_t set = 0, i;
    json_t *element;

    json_array_foreach((json_t *)list, i, element)
        set += json_is_true(json_object_get(element, flag));
    return set <= 1 || fail_at(w, flag, "is there twice");
}

static void switch_versions(struct walk *w, const json_t *desired, json_t *list)
{
    json_t *other = doc_copy(json_array_get(desired, 0));

    json_object_set_new(other, "name", json_string("v9alpha9"));
    switch_flag(w, list, "name", "storage", other);
}

static void switch_owner(struct walk *w, json_t *live)
{
    json_t *metadata = json_object_get(live, "metadata");

    if (!json_is_array(json_object_get(metadata, "ownerReferences")))
        json_object_set_new(metadata, "ownerReferences", json_array());
    switch_flag(w, json_object_get(metadata, "ownerReferences"), "uid", "controller", doc_copy(w->owner));
}

static bool is_selector(const struct walk *w)
{
    return (str_eq(w->kind, "Service") && str_eq(buf_str(&w->path), "spec.selector")) ||
           (str_eq(w->kind, "PodDisruptionBudget") && str_eq(buf_str(&w->path), "spec.selector.matchLabels"));
}

/* Both documents have a map here. */
static void switch_map(struct walk *w, const json_t *desired, json_t *live)
{
    if (is_selector(w)) {
        json_object_set_new(live, "foreign", json_string("label"));
        count(w, "selector");
    }
    if (is_at(w, "resources"))
        switch_resources(w, desired, live);
    if (str_eq(w->kind, "ConfigMap") && !w->path.len)
        switch_data(w, desired, live);
    if (w->owner && !w->path.len)
        switch_owner(w, live);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i].alternatives && is_place(w, &places[i]) && is_desired(&places[i], desired))
            switch_place(w, &places[i], live);
}

static bool check_map(struct walk *w, const json_t *desired, const json_t *live)
{
    if (is_selector(w) && !doc_equal(desired, live))
        return fail_at(w, "*", "is another one");
    if (is_at(w, "resources") && !check_resources(w, desired, live))
        return false;
    if (str_eq(w->kind, "ConfigMap") && !w->path.len && !check_data(w, desired, live))
        return false;
    if (str_eq(w->kind, "ClusterRole") && json_object_get(live, "aggregationRule"))
        return fail_at(w, "aggregationRule", "excludes what is desired");
    if (!w->path.len && !check_flag(w, doc_at(live, "metadata", "ownerReferences"), "controller"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (is_place(w, &places[i]) && is_desired(&places[i], desired) && !check_place(w, &places[i], desired, live))
            return false;
    return true;
}

static void switch_list(struct walk *w, const json_t *desired, json_t *live)
{
    if (is_at(w, "ports") && json_object_get(json_array_get(desired, 0), "name") && !str_eq(w->kind, "Endpoints"))
        switch_ports(w, desired, live);
    if (str_eq(w->kind, "CustomResourceDefinition") && is_at(w, "spec.versions"))
        switch_versions(w, desired, live);
}

static bool check_list(struct walk *w, const json_t *live)
{
    if (is_at(w, "ports") && !check_ports(w, live))
        return false;
    return !str_eq(w->kind, "CustomResourceDefinition") || !is_at(w, "spec.versions") || check_flag(w, live, "storage");
}

/* --- walking through both documents --- */

static bool same_element(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"name", "containerPort", "port", "uid", "mountPath"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_object_get(a, keys[i]))
            return doc_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])) &&
                   str_eq(protocol(a), protocol(b));
    return false;
}

static json_t *element_like(const json_t *list, const json_t *like, size_t index)
{
    json_t *element;
    size_t i;

    json_array_foreach((json_t *)list, i, element)
        if (same_element(like, element))
            return element;
    return json_array_get(list, index);
}

static bool walk_value(struct walk *w, const json_t *desired, json_t *live);

static bool walk_map(struct walk *w, const json_t *desired, json_t *live)
{
    size_t back = w->path.len;
    const char *key;
    json_t *value;

    if (w->why && !check_map(w, desired, live))
        return false;
    json_object_foreach((json_t *)desired, key, value) {
        json_t *there = json_object_get(live, key);
        if (w->why && is_empty(value) && is_empty(there))
            continue;
        if (!there && w->why)
            return fail_at(w, key, "is missing");
        if (!there)
            continue;
        buf_printf(&w->path, "%s%s", back ? "." : "", key);
        if (!walk_value(w, value, there))
            return false;
        buf_truncate(&w->path, back);
    }
    if (!w->why)
        switch_map(w, desired, live);
    return true;
}

static bool walk_list(struct walk *w, const json_t *desired, json_t *live)
{
    size_t back = w->path.len, i;
    json_t *element;

    if (w->why && !check_list(w, live))
        return false;
    json_array_foreach((json_t *)desired, i, element) {
        json_t *there = element_like(live, element, i);
        if (!there && w->why)
            return fail_at(w, "[]", "is missing");
        if (!there)
            continue;
        buf_add_str(&w->path, "[]");
        if (!walk_value(w, element, there))
            return false;
        buf_truncate(&w->path, back);
    }
    if (!w->why)
        switch_list(w, desired, live);
    return true;
}

static bool walk_value(struct walk *w, const json_t *desired, json_t *live)
{
    if (json_is_object(desired) && json_is_object(live))
        return walk_map(w, desired, live);
    if (json_is_array(desired) && json_is_array(live))
        return walk_list(w, desired, live);
    if (w->why && !doc_equal(desired, live))
        return fail_at(w, "", "is another one");
    return true;
}

size_t switches_make(const json_t *desired, json_t *live, unsigned turn, const json_t *owner, json_t *seen)
{
    struct walk w = {
        .kind = doc_string(desired, "kind"),
        .version = doc_string(desired, "apiVersion"),
        .turn = turn,
        .owner = owner,
        .seen = seen,
    };

    walk_value(&w, desired, live);
    buf_release(&w.path);
    return w.switched;
}

bool switches_are_undone(const json_t *desired, const json_t *live, struct buf *why)
{
    struct walk w = {.kind = doc_string(desired, "kind"), .version = doc_string(desired, "apiVersion"), .why = why};
    bool undone = walk_value(&w, desired, (json_t *)live);

    buf_release(&w.path);
    return undone;
}
