/* What users do with a mesh of today's Istio: workloads, nodes, revisions, and what istiod and newer programs write. */
#include <string.h>

#include "../server/controllers.h"
#include "api/istio.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "users_impl.h"

#define WORKLOAD "workload"
#define WORKLOADS_MAX 12
#define NODES_MAX 4

const char *const users_patches_today[] = {
    "{\"mtls\": true}",
    "{\"mtls\": false}",
    "{\"autoInjectionNamespaces\": []}",
    "{\"autoInjectionNamespaces\": [\"default\"]}",
    "{\"autoInjectionNamespaces\": [\"default\", \"team\", \"missing\"]}",
    "{\"revision\": \"canary\"}",
    "{\"revision\": \"stable\"}",
    "{\"revision\": \"stable\"}",
    "{\"revision\": null}",
    "{\"upgrade\": {\"formerGracePeriod\": \"0s\"}}",
    "{\"upgrade\": {\"formerGracePeriod\": \"1m\"}}",
    "{\"version\": \"1.31.1\"}",
    "{\"version\": \"1.30.4\"}",
    "{\"version\": \"1.30.4\", \"revision\": \"canary\"}",
    "{\"version\": \"9.9.9\"}",
    "{\"version\": \"1.0.6\"}",
    "{\"version\": null}",
    "{\"cni\": {\"enabled\": true}}",
    "{\"cni\": {\"enabled\": true}}",
    "{\"cni\": {\"enabled\": true, \"logLevel\": \"debug\"}}",
    "{\"cni\": null}",
    "{\"gateways\": {\"egress\": {\"enabled\": true}}}",
    "{\"gateways\": {\"ingress\": {\"enabled\": false}}}",
    "{\"gateways\": {\"ingress\": {\"serviceType\": \"ClusterIP\", \"terminationGracePeriodSeconds\": 90}}}",
    "{\"gateways\": null}",
    "{\"pilot\": {\"replicaCount\": 2, \"minReplicas\": 2, \"maxReplicas\": 2}}",
    "{\"pilot\": {\"replicaCount\": null, \"minReplicas\": 1, \"maxReplicas\": 4}}",
    "{\"pilot\": {\"env\": {\"PILOT_ENABLE_STATUS\": \"true\"}}}",
    "{\"pilot\": {\"env\": null}}",
    "{\"pilot\": {\"enabled\": false}}",
    "{\"pilot\": {\"enabled\": true}}",
    "{\"pilot\": null}",
    "{\"meshConfig\": {\"accessLogFile\": \"/dev/stdout\", \"defaultConfig\": {\"holdApplicationUntilProxyStarts\": "
    "true}}}",
    "{\"meshConfig\": null}",
    "{\"proxy\": {\"logLevel\": \"info\"}}",
    "{\"proxy\": null}",
    "{\"platform\": \"OpenShift\"}",
    "{\"platform\": null}",
    "{\"pause\": true}",
    "{\"pause\": false}",
    "{\"removeCRDs\": true}",
    "{\"removeCRDs\": false}",
    "{\"defaultPodDisruptionBudget\": {\"enabled\": true}}",
    "{\"defaultPodDisruptionBudget\": {\"enabled\": false}}",
    "{\"imageHub\": \"registry.example.com/istio\"}",
    "{\"sidecars\": {\"count\": true}}",
    "{\"sidecars\": {\"count\": true}}",
    "{\"sidecars\": null}",
    "{\"overlays\": [{\"kind\": \"ConfigMap\", \"name\": \"istio\", \"patches\": [{\"op\": \"add\", "
    "\"path\": \"/metadata/labels/overlaid\", \"value\": \"yes\"}]}]}",
    "{\"overlays\": null}",
};
const size_t users_patches_today_count = ARRAY_LEN(users_patches_today);

const char *users_version_today(struct users *p)
{
    static const char *const versions[] = {"1.31.1", "1.30.4", NULL};

    return versions[rng_below(p->rng, ARRAY_LEN(versions))];
}

/* --- workloads --- */

static bool any_workload(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->plural, "pods") && str_starts(str_or(doc_string(o, "metadata", "name"), ""), WORKLOAD);
}

/* Takes over `labels`. A webhook that does not answer may have it refused. */
static void create_workload(struct users *p, const char *ns, const char *name, json_t *labels)
{
    struct collection *kind = server_find(p->server, "", "pods");
    json_t *pod = OBJECT(MAP("metadata", STRING("name", name), VALUE("labels", labels)),
                         MAP("spec", SEQ("containers", ITEM(STRING("name", "app"), STRING("image", "app:1")))));
    struct pick made = {.kind = kind};

    if (server_get(kind, ns, name) || !controllers_admit(p->controllers, ns, pod)) {
        json_decref(pod);
        return;
    }
    users_create(p, kind, ns, pod);
    if (!server_get(kind, ns, name))
        return; /* its namespace ends, or is not there */
    made.object = doc_copy(server_get(kind, ns, name));
    json_object_set_new(doc_make(made.object, "status"), "phase", json_string("Running"));
    users_put_status(p, &made);
    json_decref(made.object);
}

static void start_workload(struct users *p)
{
    static const char *const namespaces[] = {"default", "team"};
    static const char *const revisions[] = {"canary", "stable", "default"};
    _cleanup_free_ char *name = str_printf(WORKLOAD "-%d", (int)rng_below(p->rng, WORKLOADS_MAX));
    json_t *labels = OBJECT(
        OPT(rng_chance(p->rng, 150), STRING("sidecar.istio.io/inject", rng_chance(p->rng, 700) ? "true" : "false")),
        OPT(rng_chance(p->rng, 150), STRING("istio.io/rev", revisions[rng_below(p->rng, ARRAY_LEN(revisions))])));

    create_workload(p, namespaces[rng_below(p->rng, ARRAY_LEN(namespaces))], name, labels);
}

static void end_workload(struct users *p, struct pick *x)
{
    json_object_set_new(doc_make(x->object, "status"), "phase",
                        json_string(rng_chance(p->rng, 500) ? "Succeeded" : "Failed"));
    users_put_status(p, x);
}

void change_workload(struct users *p)
{
    struct pick x = users_pick(p, any_workload);

    if (!x.object || rng_chance(p->rng, 500))
        start_workload(p);
    else if (rng_chance(p->rng, 250))
        end_workload(p, &x);
    else
        users_remove(p, &x);
    json_decref(x.object);
}

/* Another revision, with the CNI plugin or without it, while workloads run. */
void users_move_on(struct users *p)
{
    struct collection *kind = server_find(p->server, API_GROUP, "istios");
    const json_t *mesh = server_get(kind, MESH_NS, MESH_NAME);
    struct pick x = {.kind = kind, .object = mesh ? doc_copy(mesh) : NULL};
    json_t *spec = x.object ? doc_make(x.object, "spec") : NULL;
    bool enabled = doc_bool(doc_at(spec, "cni", "enabled"), false);

    for (int n = 0; n < 4; n++)
        start_workload(p);
    if (!x.object)
        return;
    if (rng_chance(p->rng, 700))
        json_object_set_new(spec, "revision",
                            json_string(str_eq(doc_string(spec, "revision"), "canary") ? "stable" : "canary"));
    if (rng_chance(p->rng, 700))
        json_object_set_new(doc_make(spec, "cni"), "enabled", json_boolean(!enabled));
    users_put(p, &x);
    json_decref(x.object);
}

void users_restart_workloads(struct users *p)
{
    restart_workloads(p);
}

void restart_workloads(struct users *p)
{
    struct collection *kind = server_find(p->server, "", "pods");
    _cleanup_json_ json_t *all = json_array();
    json_t *pod;
    void *o;
    size_t k;

    for (size_t i = 0; map_next(kind->objects, &i, NULL, &o);)
        if (any_workload(kind, o))
            json_array_append(all, o);
    json_array_foreach(all, k, pod) {
        struct pick x = {kind, pod};
        users_remove(p, &x);
        create_workload(p, doc_string(pod, "metadata", "namespace"), doc_string(pod, "metadata", "name"),
                        doc_copy(doc_at(pod, "metadata", "labels")));
    }
}

/* --- nodes --- */

static void add_node(struct users *p)
{
    users_create(p, server_find(p->server, "", "nodes"), NULL,
                 OBJECT(MAP("metadata", FORMAT("name", "node-%d", (int)rng_below(p->rng, NODES_MAX)))));
}

static bool any_node(const struct collection *kind, const json_t *o)
{
    (void)o;
    return str_eq(kind->plural, "nodes");
}

void change_node(struct users *p)
{
    struct pick x = users_pick(p, any_node);

    if (!x.object || rng_chance(p->rng, 500))
        add_node(p);
    else
        users_remove(p, &x);
    json_decref(x.object);
}

void users_add_nodes(struct users *p)
{
    for (int64_t n = rng_between(p->rng, 1, 3); n > 0; n--)
        add_node(p);
}

/* --- webhooks --- */

static bool any_webhooks(const struct collection *kind, const json_t *o)
{
    return str_ends(kind->plural, "webhookconfigurations") && json_array_size(doc_at(o, "webhooks"));
}

void break_webhook(struct users *p)
{
    struct pick x = users_pick(p, any_webhooks);
    json_t *webhooks = doc_at(x.object, "webhooks"), *webhook;

    if (!x.object)
        return;
    webhook = json_array_get(webhooks, rng_below(p->rng, json_array_size(webhooks)));
    switch (rng_below(p->rng, 3)) {
    case 0:
        json_object_del(doc_at(webhook, "clientConfig"), "caBundle");
        break;
    case 1:
        json_object_set_new(doc_make(webhook, "clientConfig"), "caBundle", json_string("b3RoZXI="));
        break;
    default:
        json_object_set_new(webhook, "failurePolicy", json_string("Ignore"));
    }
    users_put(p, &x);
    json_decref(x.object);
}

static bool has_injector(const struct collection *webhooks)
{
    const char *key;

    for (size_t i = 0; map_next(webhooks->objects, &i, &key, NULL);)
        if (strstr(key, "istio-sidecar-injector"))
            return true;
    return false;
}

/* istioctl tags what it finds: a revision that has an injector. */
void tag_revision(struct users *p)
{
    struct collection *kind = server_find(p->server, "admissionregistration.k8s.io", "mutatingwebhookconfigurations");
    const json_t *there = server_get(kind, NULL, "istio-revision-tag-prod");
    struct pick x = {.kind = kind, .object = there ? doc_copy(there) : NULL};

    if (x.object)
        users_remove(p, &x);
    else if (has_injector(kind))
        users_create(
            p, kind, NULL,
            OBJECT(MAP("metadata", STRING("name", "istio-revision-tag-prod"),
                       MAP("labels", STRING("istio.io/rev", "canary"), STRING("istio.io/tag", "prod"))),
                   SEQ("webhooks",
                       ITEM(STRING("name", "rev.namespace.sidecar-injector.istio.io"),
                            MAP("clientConfig", MAP("service", STRING("name", "istiod-canary"),
                                                    STRING("namespace", MESH_NS), STRING("path", "/inject"))),
                            MAP("namespaceSelector",
                                SEQ("matchExpressions", ITEM(STRING("key", "istio.io/rev"), STRING("operator", "In"),
                                                             STRINGS("values", "prod")))),
                            STRING("sideEffects", "None"), STRINGS("admissionReviewVersions", "v1")))));
    json_decref(x.object);
}

/* --- definitions of a newer release --- */

static bool definition_of_istio(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->plural, "customresourcedefinitions") &&
           str_ends(str_or(doc_string(o, "spec", "group"), ""), ".istio.io");
}

void renew_definition(struct users *p)
{
    struct pick x = users_pick(p, definition_of_istio);
    json_t *schema = x.object ? doc_at(json_array_get(doc_at(x.object, "spec", "versions"), 0), "schema",
                                       "openAPIV3Schema", "properties", "spec", "properties")
                              : NULL;

    if (!x.object)
        return;
    if (rng_chance(p->rng, 500))
        json_object_set_new(doc_make(x.object, "metadata", "labels"), USERS_LABEL_RELEASE,
                            json_string(USERS_NEWER_RELEASE));
    if (schema)
        json_object_set_new(schema, USERS_NEWER_FIELD, OBJECT(STRING("type", "string")));
    users_put(p, &x);
    json_decref(x.object);
}
