
#include <string.h>

#include "api/crd.h"
#include "api/istio.h"
#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "odd.h"
#include "reconcile/marks.h"
#include "users_impl.h"

static bool is_foreign(const json_t *o)
{
    return str_starts(str_or(doc_string(o, "metadata", "name"), ""), "foreign-");
}

static bool is_owned(const json_t *o)
{
    return doc_string(o, "metadata", "labels", MARK_OWNER) && !is_foreign(o);
}

static bool is_definition(const struct collection *kind)
{
    return str_eq(kind->plural, "customresourcedefinitions");
}

struct pick users_pick(struct users *p, bool (*accept)(const struct collection *kind, const json_t *o))
{
    struct collection *kind;
    struct pick chosen = {0};
    uint64_t seen = 0;
    void *o;

    for (size_t i = 0; (kind = server_next_kind(p->server, &i));) {
        for (size_t k = 0; map_next(kind->objects, &k, NULL, &o);)
            if (accept(kind, o) && rng_below(p->rng, ++seen) == 0)
                chosen = (struct pick){.kind = kind, .object = o};
    }
    chosen.object = chosen.object ? doc_copy(chosen.object) : NULL;
    return chosen;
}

static bool any_owned(const struct collection *kind, const json_t *o)
{
    return is_owned(o) && !is_definition(kind);
}

static bool owned_definition(const struct collection *kind, const json_t *o)
{
    return is_owned(o) && is_definition(kind);
}

static bool any_deployment(const struct collection *kind, const json_t *o)
{
    (void)o;
    return str_eq(kind->plural, "deployments");
}

static bool any_namespace(const struct collection *kind, const json_t *o)
{
    (void)o;
    return str_eq(kind->plural, "namespaces");
}

static bool any_foreign(const struct collection *kind, const json_t *o)
{
    return is_foreign(o) && !str_eq(kind->plural, "namespaces");
}

static const char *ns_of(const struct pick *x)
{
    return doc_string(x->object, "metadata", "namespace");
}

static const char *name_of(const struct pick *x)
{
    return doc_string(x->object, "metadata", "name");
}

void users_put(struct users *p, const struct pick *x)
{
    _cleanup_outcome_ struct outcome o =
        server_update(p->server, WHO_HUMAN, x->kind, ns_of(x), name_of(x), NULL, x->object);
}

void users_put_status(struct users *p, const struct pick *x)
{
    _cleanup_outcome_ struct outcome o =
        server_update(p->server, WHO_CLUSTER, x->kind, ns_of(x), name_of(x), "status", x->object);
}

void users_remove(struct users *p, const struct pick *x)
{
    _cleanup_outcome_ struct outcome o = server_delete(p->server, WHO_HUMAN, x->kind, ns_of(x), name_of(x), NULL);
}

void users_create(struct users *p, struct collection *kind, const char *ns, json_t *object)
{
    _cleanup_outcome_ struct outcome o = {0};

    if (kind)
        o = server_create(p->server, WHO_HUMAN, kind, ns, object);
    json_decref(object);
}

void users_act_by_weight(struct users *p, const struct users_deed *deeds, size_t count)
{
    uint64_t sum = 0, at;

    for (size_t i = 0; i < count; i++)
        sum += deeds[i].weight;
    at = rng_below(p->rng, sum);
    for (size_t i = 0; i < count; i++) {
        if (at < deeds[i].weight) {
            p->did = deeds[i].name;
            deeds[i].act(p);
            return;
        }
        at -= deeds[i].weight;
    }
}

/* --- objects of the mesh --- */

static void delete_owned(struct users *p)
{
    struct pick x = users_pick(p, any_owned);

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

static json_t *altered(const json_t *value)
{
    json_t *other = odd_other(value);

    return other ? other : json_null();
}

/* Down a random way, and there something is changed or taken away. */
static void edit_somewhere(struct users *p, json_t *value)
{
    size_t size = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    size_t chosen = rng_below(p->rng, size);
    json_t *child;
    void *at;

    if (!size)
        return;
    if (json_is_array(value)) {
        child = json_array_get(value, chosen);
        if (rng_chance(p->rng, 50))
            json_array_remove(value, chosen);
        else if (json_is_object(child) || json_is_array(child))
            edit_somewhere(p, child);
        else
            json_array_set_new(value, chosen, altered(child));
        return;
    }
    at = json_object_iter(value);
    while (chosen--)
        at = json_object_iter_next(value, at);
    child = json_object_iter_value(at);
    if (rng_chance(p->rng, 50))
        json_object_del(value, json_object_iter_key(at));
    else if (json_is_object(child) || json_is_array(child))
        edit_somewhere(p, child);
    else
        json_object_iter_set_new(value, at, altered(child));
}

static void edit_owned(struct users *p)
{
    static const char *const parts[] = {"spec", "data", "rules", "webhooks", "subjects", "subsets"};
    struct pick x = users_pick(p, any_owned);
    json_t *part = json_object_get(x.object, parts[rng_below(p->rng, ARRAY_LEN(parts))]);

    if (!part)
        part = json_object_get(x.object, "spec");
    if (part) {
        edit_somewhere(p, part);
        users_put(p, &x);
    }
    json_decref(x.object);
}

static void label_owned(struct users *p)
{
    struct pick x = users_pick(p, any_owned);

    if (x.object) {
        json_t *labels = doc_make(x.object, "metadata", "labels");
        json_object_set_new(labels, "team", json_sprintf("t%d", (int)rng_below(p->rng, 5)));
        json_object_set_new(doc_make(x.object, "metadata", "annotations"), "note", json_string("by hand"));
        if (rng_chance(p->rng, 300))
            json_object_set_new(labels, "app", json_string("another-client"));
        users_put(p, &x);
    }
    json_decref(x.object);
}

static void unmark(struct users *p)
{
    struct pick x = users_pick(p, any_owned);

    if (x.object) {
        json_t *annotations = doc_make(x.object, "metadata", "annotations");
        switch (rng_below(p->rng, 4)) {
        case 0:
            json_object_del(doc_make(x.object, "metadata", "labels"), MARK_OWNER);
            break;
        case 1:
            json_object_set_new(doc_make(x.object, "metadata", "labels"), MARK_OWNER, json_string("another-client"));
            break;
        case 2:
            json_object_del(annotations, MARK_APPLIED);
            break;
        default:
            json_object_set_new(annotations, MARK_APPLIED, json_string("{\"hash\": 7"));
        }
        users_put(p, &x);
    }
    json_decref(x.object);
}

/* What is theirs from now on is to outlive the mesh. */
static void take_over(struct users *p)
{
    for (int n = (int)rng_between(p->rng, 1, 20); n > 0; n--) {
        struct pick x = users_pick(p, any_owned);
        if (x.object) {
            json_object_del(doc_make(x.object, "metadata", "labels"), MARK_OWNER);
            json_object_del(doc_make(x.object, "metadata"), "ownerReferences");
            users_put(p, &x);
        }
        json_decref(x.object);
    }
    users_delete_mesh(p);
}

static void ignore(struct users *p)
{
    struct pick x = users_pick(p, any_owned);

    if (x.object) {
        json_t *annotations = doc_make(x.object, "metadata", "annotations");
        if (json_object_get(annotations, MARK_IGNORE))
            json_object_del(annotations, MARK_IGNORE);
        else
            json_object_set_new(annotations, MARK_IGNORE, json_string("true"));
        users_put(p, &x);
    }
    json_decref(x.object);
}

static bool is_left_alone(const struct collection *kind, const json_t *o)
{
    (void)kind;
    return doc_at(o, "metadata", "annotations", MARK_IGNORE);
}

void users_unignore(struct users *p)
{
    struct pick x;

    while ((x = users_pick(p, is_left_alone)).object) {
        json_object_del(doc_make(x.object, "metadata", "annotations"), MARK_IGNORE);
        users_put(p, &x);
        json_decref(x.object);
    }
}

static void replace(struct users *p)
{
    struct pick x = users_pick(p, any_owned);
    _cleanup_free_ char *ns = str_dup(ns_of(&x)), *name = str_dup(name_of(&x));

    if (x.object) {
        users_remove(p, &x);
        json_object_set_new(x.object, "metadata", OBJECT(STRING("name", name)));
        users_create(p, x.kind, ns, json_incref(x.object));
    }
    json_decref(x.object);
}

static void crash(struct users *p)
{
    struct pick x = users_pick(p, any_deployment);

    if (x.object) {
        json_object_set_new(doc_make(x.object, "status"), "availableReplicas", json_integer(0));
        users_put_status(p, &x);
    }
    json_decref(x.object);
}

/* --- what the operator does not own --- */

static void create_foreign(struct users *p)
{
    static const struct {
        const char *group, *plural, *ns;
    } places[] = {
        {"", "configmaps", MESH_NS},
        {"", "configmaps", "default"},
        {"", "serviceaccounts", MESH_NS},
        {"rbac.authorization.k8s.io", "clusterroles", NULL},
        {"config.istio.io", "rules", MESH_NS},
        {"networking.istio.io", "gateways", "default"},
        {"networking.istio.io", "destinationrules", MESH_NS},
        /* Today's Istio alone. */
        {"security.istio.io", "peerauthentications", MESH_NS},
        {"rbac.authorization.k8s.io", "roles", MESH_NS},
    };
    size_t i = rng_below(p->rng, ARRAY_LEN(places) - (p->today ? 0 : 2));

    users_create(p, server_find(p->server, places[i].group, places[i].plural), places[i].ns,
                 OBJECT(MAP("metadata", FORMAT("name", "foreign-%d", (int)rng_below(p->rng, 20)),
                            OPT(rng_chance(p->rng, 500),
                                MAP("labels", STRING("app", "istio-pilot"), STRING(MARK_OWNER, "another-client"))))));
}

static void foreign(struct users *p)
{
    struct pick x = users_pick(p, any_foreign);

    if (!x.object || rng_chance(p->rng, 500)) {
        create_foreign(p);
    } else if (rng_chance(p->rng, 500)) {
        users_remove(p, &x);
    } else {
        json_object_set_new(doc_make(x.object, "metadata", "labels"), "edited", json_string("yes"));
        users_put(p, &x);
    }
    json_decref(x.object);
}

/* --- the resource --- */

static struct collection *meshes(struct users *p)
{
    return server_find(p->server, API_GROUP, "istios");
}

struct pick users_mesh(struct users *p)
{
    struct collection *kind = meshes(p);
    const json_t *o = server_get(kind, MESH_NS, MESH_NAME);

    return (struct pick){.kind = kind, .object = o ? doc_copy(o) : NULL};
}

/* One change of a spec, as a merge patch. */
static const char *const patches[] = {
    "{\"mtls\": true}",
    "{\"mtls\": false}",
    "{\"controlPlaneSecurityEnabled\": true}",
    "{\"controlPlaneSecurityEnabled\": false}",
    "{\"policy\": {\"enabled\": false}, \"telemetry\": {\"enabled\": false}}",
    "{\"policy\": {\"enabled\": true}, \"telemetry\": {\"enabled\": true}}",
    "{\"gateways\": {\"egress\": {\"enabled\": false}}}",
    "{\"gateways\": {\"egress\": {\"enabled\": true}, \"ingress\": {\"enabled\": false}}}",
    "{\"gateways\": {\"ingress\": {\"enabled\": true}}}",
    "{\"galley\": {\"enabled\": false}}",
    "{\"galley\": {\"enabled\": true}}",
    "{\"sidecarInjector\": {\"enabled\": false}}",
    "{\"sidecarInjector\": {\"enabled\": true}}",
    "{\"pilot\": {\"replicaCount\": 2, \"minReplicas\": 2, \"maxReplicas\": 2}}",
    "{\"pilot\": {\"replicaCount\": null, \"minReplicas\": 1, \"maxReplicas\": 3}}",
    "{\"pilot\": null}",
    "{\"autoInjectionNamespaces\": []}",
    "{\"autoInjectionNamespaces\": [\"default\"]}",
    "{\"autoInjectionNamespaces\": [\"default\", \"team\", \"missing\"]}",
    "{\"version\": \"1.0.6\"}",
    "{\"version\": \"1.0.5\"}",
    "{\"version\": \"1.1.0\"}",
    "{\"version\": \"1.1.17\"}",
    "{\"version\": \"9.9.9\"}",
    "{\"version\": null}",
    "{\"pause\": true}",
    "{\"pause\": false}",
    "{\"removeCRDs\": true}",
    "{\"removeCRDs\": false}",
    "{\"defaultPodDisruptionBudget\": {\"enabled\": true}}",
    "{\"defaultPodDisruptionBudget\": {\"enabled\": false}}",
    "{\"imageHub\": \"registry.example.com/istio\"}",
    "{\"sidecars\": {\"count\": true}}",
    "{\"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istio-pilot\", \"patches\": [{\"op\": \"add\", "
    "\"path\": \"/metadata/labels/overlaid\", \"value\": \"yes\"}]}]}",
    "{\"overlays\": null}",
};

void users_patch_spec(struct users *p, json_t *resource, const char *const *from, size_t count)
{
    const char *text = from[rng_below(p->rng, count)];
    _cleanup_json_ json_t *patch = NULL;

    if (doc_parse(text, strlen(text), SIZE_MAX, &patch, NULL) < 0)
        abort();
    server_merge_patch(doc_make(resource, "spec"), patch);
}

static void change_spec(struct users *p, json_t *mesh)
{
    if (p->today)
        users_patch_spec(p, mesh, users_patches_today, users_patches_today_count);
    else
        users_patch_spec(p, mesh, patches, ARRAY_LEN(patches));
    /* Who pauses a mesh, or asks for what there is not, seldom does so for long. */
    if (rng_chance(p->rng, 300)) {
        json_object_del(json_object_get(mesh, "spec"), "pause");
        json_object_del(json_object_get(mesh, "spec"), "version");
    }
}

static void change_mesh(struct users *p)
{
    struct pick x = users_mesh(p);

    if (x.object) {
        change_spec(p, x.object);
        users_put(p, &x);
    }
    json_decref(x.object);
}

void users_delete_mesh(struct users *p)
{
    struct pick x = users_mesh(p);

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

static void delete_mesh(struct users *p)
{
    users_delete_mesh(p);
}

void users_settle_galley(struct users *p)
{
    struct pick mesh = users_mesh(p), galley = {.kind = server_find(p->server, "apps", "deployments")};
    const json_t *kept = server_get(galley.kind, MESH_NS, "istio-galley");

    galley.object = kept ? doc_copy(kept) : NULL;
    if (kept && !doc_bool(doc_at(mesh.object, "spec", "galley", "enabled"), true))
        users_remove(p, &galley);
    json_decref(mesh.object);
    json_decref(galley.object);
}

void users_create_mesh(struct users *p)
{
    json_t *o = OBJECT(MAP("metadata", STRING("name", MESH_NAME)),
                       MAP("spec", OPT(rng_chance(p->rng, 500), STRINGS("autoInjectionNamespaces", "default", "team")),
                           OPT(p->today, STRING("version", users_version_today(p)))));

    for (int n = (int)rng_below(p->rng, 4); n > 0; n--)
        change_spec(p, o);
    users_create(p, meshes(p), MESH_NS, o);
}

static void create_mesh(struct users *p)
{
    if (!server_get(meshes(p), MESH_NS, MESH_NAME))
        users_create_mesh(p);
}

static void second_mesh(struct users *p)
{
    struct pick x = {.kind = meshes(p)};

    x.object = x.kind ? json_deep_copy(server_get(x.kind, "default", "second")) : NULL;
    if (x.object)
        users_remove(p, &x);
    else
        users_create(p, x.kind, "default", OBJECT(MAP("metadata", STRING("name", "second")), MAP("spec")));
    json_decref(x.object);
}

static void force_mesh(struct users *p)
{
    struct pick x = users_mesh(p);

    if (x.object) {
        json_object_del(json_object_get(x.object, "metadata"), "finalizers");
        users_put(p, &x);
        p->forced = true;
    }
    json_decref(x.object);
}

/* --- definitions and namespaces --- */

static struct collection *definitions(struct users *p)
{
    return server_find(p->server, "apiextensions.k8s.io", "customresourcedefinitions");
}

static void delete_definition(struct users *p)
{
    struct pick x = users_pick(p, owned_definition);

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

static void delete_named_definition(struct users *p, const char *name)
{
    const json_t *o = server_get(definitions(p), NULL, name);
    struct pick x = {.kind = definitions(p), .object = o ? doc_copy(o) : NULL};

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

static void delete_own_definition(struct users *p)
{
    delete_named_definition(p, "istios." API_GROUP);
}

static void delete_remote_definition(struct users *p)
{
    delete_named_definition(p, "remoteistios." API_GROUP);
}

static void create_own_definition(struct users *p)
{
    const char *version = server_minor(p->server) >= 16 ? "v1" : "v1beta1";

    users_create(p, definitions(p), NULL, api_crd(&api_resource_istio, version));
    if (p->remotes)
        users_create(p, definitions(p), NULL, api_crd(&api_resource_remote_istio, version));
}

static void delete_namespace(struct users *p)
{
    _cleanup_outcome_ struct outcome o =
        server_delete(p->server, WHO_HUMAN, server_find(p->server, "", "namespaces"), NULL, MESH_NS, NULL);
}

static void create_namespace(struct users *p)
{
    static const char *const names[] = {MESH_NS, "default", "team", "kube-system"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        users_create(p, server_find(p->server, "", "namespaces"), NULL,
                     OBJECT(MAP("metadata", STRING("name", names[i]))));
}

static void label_namespace(struct users *p)
{
    struct pick x = users_pick(p, any_namespace);
    json_t *labels = x.object ? doc_make(x.object, "metadata", "labels") : NULL;

    if (p->today && rng_chance(p->rng, 300)) {
        const char *const revisions[] = {"canary", "stable", "prod"};
        if (rng_chance(p->rng, 500))
            json_object_del(labels, LABEL_REVISION);
        else
            json_object_set_new(labels, LABEL_REVISION,
                                json_string(revisions[rng_below(p->rng, ARRAY_LEN(revisions))]));
    }
    switch (rng_below(p->rng, 4)) {
    case 0:
        json_object_set_new(labels, LABEL_INJECTION, json_string("disabled"));
        break;
    case 1:
        json_object_set_new(labels, LABEL_INJECTION, json_string("enabled"));
        break;
    case 2:
        json_object_del(labels, LABEL_INJECTION);
        break;
    default:
        json_object_del(labels, LABEL_INJECTION_MANAGED);
    }
    if (x.object)
        users_put(p, &x);
    json_decref(x.object);
}

static const struct {
    const char *name;
    unsigned weight;
    void (*act)(struct users *);
} deeds[] = {
#define X(name, weight, text) {#name, weight, name},
    DEEDS(X)
#undef X
};

void users_act(struct users *p)
{
    uint64_t sum = 0, at;

    for (size_t i = 0; i < DEED_COUNT; i++)
        sum += p->enabled >> i & 1 ? deeds[i].weight : 0;
    at = rng_below(p->rng, sum);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        uint64_t weight = p->enabled >> i & 1 ? deeds[i].weight : 0;
        if (at < weight) {
            p->did = deeds[i].name;
            deeds[i].act(p);
            return;
        }
        at -= weight;
    }
}

void users_prepare(struct users *p)
{
    create_namespace(p);
    if (p->today)
        users_add_nodes(p);
    /* A remote cluster gets it from the operator. */
    if (p->remotes)
        create_own_definition(p);
}
