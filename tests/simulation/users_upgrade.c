/* What users do while the version of a mesh of Istio 1.0 or 1.1 changes: they ask for others, and end the mesh. */
#include <string.h>

#include "../server/controllers.h"
#include "api/istio.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/marks.h"
#include "users_impl.h"

static const char *const versions[] = {"1.0.5", "1.0.6", "1.1.0", "1.1.17"};

static const char *any_version(struct users *p)
{
    return versions[rng_below(p->rng, ARRAY_LEN(versions))];
}

static json_t *a_spec(struct users *p)
{
    return OBJECT(
        STRING("version", any_version(p)),
        OPT(rng_chance(p->rng, 500), STRINGS("autoInjectionNamespaces", "default", "team")),
        OPT(rng_chance(p->rng, 300), BOOL("mtls", true)),
        OPT(rng_chance(p->rng, 300), MAP("gateways", MAP("egress", BOOL("enabled", rng_chance(p->rng, 500))))));
}

static void create_again(struct users *p)
{
    users_create(p, server_find(p->server, API_GROUP, "istios"), MESH_NS,
                 OBJECT(MAP("metadata", STRING("name", MESH_NAME)), VALUE("spec", a_spec(p))));
}

static void change_version(struct users *p)
{
    struct pick x = users_mesh(p);

    if (x.object) {
        json_object_set_new(doc_make(x.object, "spec"), "version", json_string(any_version(p)));
        users_put(p, &x);
        json_decref(x.object);
    } else {
        create_again(p);
    }
}

static const char *const patches[] = {
    "{\"mtls\": true}",     "{\"mtls\": null}",
    "{\"pause\": true}",    "{\"pause\": false}",
    "{\"pause\": false}",   "{\"gateways\": {\"egress\": {\"enabled\": true}}}",
    "{\"gateways\": null}", "{\"pilot\": {\"replicaCount\": 2, \"minReplicas\": 2, \"maxReplicas\": 2}}",
    "{\"pilot\": null}",
};

static void change_field(struct users *p)
{
    struct pick x = users_mesh(p);

    if (!x.object)
        return;
    users_patch_spec(p, x.object, patches, ARRAY_LEN(patches));
    users_put(p, &x);
    json_decref(x.object);
}

static void delete_and_mostly_create(struct users *p)
{
    users_delete_mesh(p);
    if (rng_chance(p->rng, 500))
        create_again(p);
}

static bool is_component(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->plural, "deployments") && doc_string(o, "metadata", "labels", MARK_OWNER);
}

static void crash_component(struct users *p)
{
    struct pick x = users_pick(p, is_component);

    if (!x.object)
        return;
    json_object_set_new(doc_make(x.object, "status"), "availableReplicas", json_integer(0));
    users_put_status(p, &x);
    json_decref(x.object);
}

/* A release that ends as soon as it has started, or that was mended. */
static void break_or_mend_component(struct users *p)
{
    struct pick x = users_pick(p, is_component);
    json_t *annotations;

    if (!x.object)
        return;
    annotations = doc_make(x.object, "metadata", "annotations");
    if (json_object_del(annotations, CONTROLLERS_BROKEN) < 0)
        json_object_set_new(annotations, CONTROLLERS_BROKEN, json_string(any_version(p)));
    users_put(p, &x);
    json_decref(x.object);
}

static const struct users_deed deeds[] = {
    {"another version is asked for", 60, change_version},
    {"a field of the resource is changed", 15, change_field},
    {"a component crashes", 15, crash_component},
    {"a release of a component ends as soon as it starts, or is mended", 15, break_or_mend_component},
    {"the resource is deleted", 10, delete_and_mostly_create},
};

void users_act_in_upgrades(struct users *p)
{
    users_act_by_weight(p, deeds, ARRAY_LEN(deeds));
}

void users_begin_upgrades(struct users *p)
{
    struct pick x;

    users_unignore(p);
    x = users_mesh(p);
    if (x.object) {
        json_object_set_new(x.object, "spec", a_spec(p));
        users_put(p, &x);
        json_decref(x.object);
    } else {
        create_again(p);
    }
}

/* Whether all that is there runs in this version. */
static bool runs(struct users *p, const char *version)
{
    struct collection *kind = server_find(p->server, "apps", "deployments");
    void *o;

    for (size_t i = 0; map_next(kind->objects, &i, NULL, &o);)
        if (str_eq(doc_string(o, "metadata", "annotations", CONTROLLERS_BROKEN), version))
            return false;
    return true;
}

static bool is_broken(const struct collection *kind, const json_t *o)
{
    return is_component(kind, o) && doc_string(o, "metadata", "annotations", CONTROLLERS_BROKEN);
}

static void mend_all(struct users *p)
{
    size_t most = map_len(server_find(p->server, "apps", "deployments")->objects);
    struct pick x;

    for (; most && (x = users_pick(p, is_broken)).object; most--) {
        json_object_del(doc_at(x.object, "metadata", "annotations"), CONTROLLERS_BROKEN);
        users_put(p, &x);
        json_decref(x.object);
    }
}

/* Nobody waits for a release that does not run: it is mended, or another one is asked for, as on the way back. */
void users_end_upgrades(struct users *p)
{
    const char *version = rng_chance(p->rng, 700) ? any_version(p) : NULL;
    struct pick x;

    if (!version || !runs(p, version))
        mend_all(p);
    x = users_mesh(p);
    if (!x.object)
        return;
    json_object_del(json_object_get(x.object, "spec"), "pause");
    if (version)
        json_object_set_new(doc_make(x.object, "spec"), "version", json_string(version));
    users_put(p, &x);
    json_decref(x.object);
}
