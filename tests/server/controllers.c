#include <inttypes.h>

#include "controllers_impl.h"

static const msec_t SOONEST = 20, LATEST = SECONDS(2);

/* --- definitions --- */

static json_t *condition(const char *type)
{
    return OBJECT(STRING("type", type), STRING("status", "True"), STRING("reason", "simulated"));
}

static bool is_established(const json_t *definition)
{
    return doc_find(doc_at(definition, "status", "conditions"), "type", "Established") != NULL;
}

static void establish(struct controllers *c, struct collection *definitions, const json_t *definition)
{
    _cleanup_json_ json_t *o = doc_copy(definition);

    json_object_set_new(
        o, "status",
        OBJECT(SEQ("conditions", ITEM_VALUE(condition("NamesAccepted")), ITEM_VALUE(condition("Established"))),
               VALUE("acceptedNames", doc_copy(doc_at(definition, "spec", "names")))));
    update(c, definitions, "status", o);
}

static void serve(struct controllers *c, const json_t *definition)
{
    const json_t *versions = doc_at(definition, "spec", "versions");
    _cleanup_free_ const char **names = NEW_ARRAY(const char *, json_array_size(versions) + 2);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(versions); i++)
        if (doc_string(json_array_get(versions, i), "name"))
            names[count++] = doc_string(json_array_get(versions, i), "name");
    if (!count)
        names[count] = doc_string(definition, "spec", "version");
    /* One that was written from something odd; a real server refuses it. */
    if (!names[0] || !doc_string(definition, "spec", "group") || !doc_string(definition, "spec", "names", "plural"))
        return;
    server_serve(c->server, definition, names);
}

/* Its objects go first; those with finalizers keep it waiting. */
static void end_definition(struct controllers *c, struct collection *definitions, const json_t *definition)
{
    const char *group = doc_string(definition, "spec", "group"),
               *plural = doc_string(definition, "spec", "names", "plural");
    struct collection *kind = kind_of(c, group, plural);
    _cleanup_json_ json_t *objects = objects_of(kind), *o = NULL;
    json_t *object;
    size_t i;

    json_array_foreach(objects, i, object)
        if (!is_deleting(object))
            remove_object(c, kind, object);
    if (kind && map_len(kind->objects))
        return;
    server_unserve(c->server, group, plural);
    o = doc_copy(definition);
    json_object_set_new(json_object_get(o, "metadata"), "finalizers", json_array());
    update(c, definitions, NULL, o);
}

void controllers_settle_definitions(struct controllers *c)
{
    struct collection *kind = kind_of(c, "apiextensions.k8s.io", "customresourcedefinitions");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        bool served = kind_of(c, doc_string(o, "spec", "group"), doc_string(o, "spec", "names", "plural"));
        if (is_deleting(o)) {
            if (now(c, 300))
                end_definition(c, kind, o);
            continue;
        }
        /* Either may come first. */
        if (!is_established(o) && now(c, 500))
            establish(c, kind, o);
        if (!served && now(c, 500))
            serve(c, o);
    }
}

/* --- what ends with something else --- */

static struct map *living_uids(struct controllers *c)
{
    struct map *uids = map_new(NULL);
    struct collection *kind;
    void *o;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));)
        for (size_t k = 0; map_next(kind->objects, &k, NULL, &o);)
            map_put(uids, doc_string(o, "metadata", "uid"), kind);
    return uids;
}

static bool is_garbage(const json_t *o, const struct map *uids)
{
    const json_t *owners = doc_at(o, "metadata", "ownerReferences");

    for (size_t i = 0; i < json_array_size(owners); i++)
        if (map_has(uids, str_or(doc_string(json_array_get(owners, i), "uid"), "")))
            return false;
    return json_array_size(owners) > 0;
}

static void garbage(struct controllers *c)
{
    _cleanup_map_ struct map *uids = living_uids(c);
    struct collection *kind;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));) {
        _cleanup_json_ json_t *list = objects_of(kind);
        json_t *o;
        size_t k;
        json_array_foreach(list, k, o)
            if (is_garbage(o, uids) && !is_deleting(o) && now(c, 300))
                remove_object(c, kind, o);
    }
}

/* How many objects a namespace still has; those that may go are removed. */
static size_t empty_namespace(struct controllers *c, const char *ns)
{
    struct collection *kind;
    size_t left = 0;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));) {
        _cleanup_json_ json_t *list = kind->namespaced ? objects_of(kind) : NULL;
        json_t *o;
        size_t k;
        json_array_foreach(list, k, o) {
            if (!str_eq(ns_of(o), ns))
                continue;
            left++;
            if (!is_deleting(o) && now(c, 500))
                remove_object(c, kind, o);
        }
    }
    return left;
}

static void namespaces(struct controllers *c)
{
    struct collection *kind = kind_of(c, "", "namespaces");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *ended = NULL;
        if (!is_deleting(o) || empty_namespace(c, name_of(o)) || !now(c, 500))
            continue;
        ended = doc_copy(o);
        json_object_set_new(json_object_get(ended, "spec"), "finalizers", json_array());
        update(c, kind, NULL, ended);
    }
}

static void tokens(struct controllers *c)
{
    struct collection *kind = kind_of(c, "", "serviceaccounts");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *with = NULL;
        if (doc_at(o, "secrets") || is_deleting(o) || !now(c, 500))
            continue;
        with = doc_copy(o);
        json_object_set_new(with, "secrets", ARRAY(ITEM(FORMAT("name", "%s-token", name_of(o)))));
        update(c, kind, NULL, with);
    }
}

static void act(struct controllers *c, void (*const all[])(struct controllers *), size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (*c->eager || rng_chance(c->rng, 800))
            all[i](c);
        else
            c->unfinished = true;
}

static void turn(void *context)
{
    static void (*const all[])(struct controllers *) = {controllers_settle_definitions,
                                                        controllers_deployments,
                                                        controllers_autoscalers,
                                                        garbage,
                                                        namespaces,
                                                        controllers_injector,
                                                        controllers_galley,
                                                        controllers_citadel,
                                                        controllers_endpoints,
                                                        tokens};
    static void (*const bare[])(struct controllers *) = {controllers_settle_definitions, garbage, namespaces, tokens};
    static void (*const today[])(struct controllers *) = {controllers_daemon_sets, controllers_endpoint_slices,
                                                          controllers_load_balancers, controllers_istiod};
    struct controllers *c = context;
    int64_t before = server_version(c->server);

    c->job = NULL;
    c->unfinished = false;
    if (c->leaves_workloads)
        act(c, bare, ARRAY_LEN(bare));
    else
        act(c, all, ARRAY_LEN(all));
    if (!c->leaves_workloads && controllers_are_todays(c))
        act(c, today, ARRAY_LEN(today)), controllers_apps(c);
    if (c->unfinished || server_version(c->server) != before)
        controllers_poke(c);
}

static bool admit(void *context, const char *ns, json_t *pod)
{
    return controllers_admit(context, ns, pod);
}

struct controllers *controllers_new(struct sched *sched, struct server *server, struct rng *rng, const bool *eager)
{
    struct controllers *c = NEW(struct controllers);

    *c = (struct controllers){.sched = sched, .server = server, .rng = rng, .eager = eager};
    server_set_admission(server, admit, c);
    return c;
}

void controllers_leave_workloads(struct controllers *c)
{
    c->leaves_workloads = true;
}

void controllers_read_configuration(struct controllers *c, bool reads)
{
    c->reads_configuration = reads;
}

void controllers_free(struct controllers *c)
{
    if (!c)
        return;
    server_set_admission(c->server, NULL, NULL);
    sched_drop(c->sched, c->job);
    free(c);
}

void controllers_poke(struct controllers *c)
{
    if (!c->job)
        c->job = sched_at(c->sched, sched_now(c->sched) + rng_between(c->rng, SOONEST, LATEST), turn, c);
}
