/*
 * What the last plan of a Canary depended on, where it found all in place and waits for nothing but time: has any of it
 * changed? Asked of every Canary at every change of the cluster, so that it looks at as little as it can.
 */
#include "controllers/canary/canary_impl.h"

/* One object each, by its name. */
static const enum mesh_kind_id named[SEEN_NAMED] = {
    [SEEN_TARGET] = KIND_TARGET_DEPLOYMENT,
    [SEEN_APEX] = KIND_TARGET_SERVICE,
    [SEEN_ROUTE] = KIND_VIRTUAL_SERVICE,
    [SEEN_SCALER] = KIND_TARGET_AUTOSCALER,
    [SEEN_PRIMARY_ENDPOINTS] = KIND_HALF_ENDPOINTS,
    [SEEN_CANARY_ENDPOINTS] = KIND_HALF_ENDPOINTS,
    [SEEN_PRIMARY_SET] = KIND_TARGET_REPLICA_SET,
};
/* All of them that belong to the Canary. */
static const enum mesh_kind_id owned[SEEN_OWNED] = {
    KIND_DEPLOYMENT, KIND_SERVICE, KIND_CONFIG_MAP, KIND_DESTINATION_RULE};

static const struct kube_object *
find(const struct plan_input *in, enum mesh_kind_id kind, const char *ns, const char *name)
{
    return name ? kube_cache_get(in->observed, mesh_kind(kind), ns, name) : NULL;
}

static const char *version_of(const struct kube_object *o)
{
    return o ? o->resource_version : NULL;
}

void canary_forget_seen(struct canary_seen *seen)
{
    for (size_t i = 0; i < SEEN_NAMED; i++) {
        free(seen->named[i].name);
        free(seen->named[i].version);
    }
    free(seen->ns);
    free(seen->uid);
    *seen = (struct canary_seen){0};
}

static void note_named(const struct canary *c, struct canary_seen *seen)
{
    _cleanup_free_ char *set = *c->primary_hash ? str_printf("%s-%s", c->primary_name, c->primary_hash) : NULL;
    const char *const names[SEEN_NAMED] = {
        [SEEN_TARGET] = c->spec->target.name,
        [SEEN_APEX] = c->service,
        [SEEN_ROUTE] = c->route_name,
        [SEEN_SCALER] = canary_scaler_name(c),
        [SEEN_PRIMARY_ENDPOINTS] = c->primary_service,
        [SEEN_CANARY_ENDPOINTS] = c->canary_service,
        [SEEN_PRIMARY_SET] = set,
    };

    for (size_t i = 0; i < SEEN_NAMED; i++) {
        seen->named[i].name = str_dup(names[i]);
        seen->named[i].version = str_dup(version_of(find(c->in, named[i], c->ns, names[i])));
        seen->named[i].changes = kube_cache_changes(c->in->observed, mesh_kind(named[i]));
    }
}

/* The kind's version that the server speaks, as a number. */
static uint64_t spoken(const struct plan_input *in)
{
    uint64_t sum = (uint64_t)in->server->minor;

    for (size_t i = 0; i < SEEN_OWNED; i++)
        sum = sum * 2 + (kube_server_version(in->server, mesh_kind(owned[i])) != NULL);
    return sum;
}

void canary_note_seen(struct canary *c, struct canary_seen *seen)
{
    const struct plan_input *in = c->in;

    canary_forget_seen(seen);
    seen->ns = str_dup(c->ns);
    seen->uid = str_dup(c->re->object->uid);
    note_named(c, seen);
    for (size_t i = 0; i < SEEN_OWNED; i++)
        seen->owned[i] = kube_cache_changes(in->observed, mesh_kind(owned[i]));
    seen->meshes = kube_cache_changes(in->observed, mesh_kind(KIND_ISTIO));
    seen->routes = kube_cache_changes(in->observed, mesh_kind(KIND_VIRTUAL_SERVICE));
    seen->sets = kube_cache_changes(in->observed, mesh_kind(KIND_TARGET_REPLICA_SET));
    seen->hosts = canary_route_hosts(c);
    seen->has_conflict = c->conflict;
    seen->synced = in->synced;
    seen->failing = in->failing;
    seen->spoken = spoken(in);
}

/* --- what changed since --- */

static bool named_differs(struct canary_seen *seen, const struct plan_input *in, size_t i)
{
    uint64_t changes = kube_cache_changes(in->observed, mesh_kind(named[i]));

    if (!seen->named[i].name || changes == seen->named[i].changes)
        return false;
    seen->named[i].changes = changes;
    return !str_eq(seen->named[i].version, version_of(find(in, named[i], seen->ns, seen->named[i].name)));
}

static bool owned_differs(struct canary_seen *seen, const struct plan_input *in, size_t i)
{
    const struct kube_kind *kind = mesh_kind(owned[i]);
    const struct kube_object *o = NULL;

    if (kube_cache_changes(in->observed, kind) == seen->owned[i])
        return false;
    if (kube_cache_lost_since(in->observed, kind, seen->owned[i]))
        return true;
    while ((o = kube_cache_next_changed(in->observed, kind, seen->owned[i], o)))
        if (str_eq(o->owner, seen->uid))
            return true;
    seen->owned[i] = kube_cache_changes(in->observed, kind);
    return false;
}

/* One of a new template, or the one that is looked for, is there: of the target or the primary. */
static bool sets_differ(struct canary_seen *seen, const struct plan_input *in)
{
    const struct kube_kind *kind = mesh_kind(KIND_TARGET_REPLICA_SET);
    const struct kube_object *o = NULL;

    while ((o = kube_cache_next_changed(in->observed, kind, seen->sets, o)))
        if (str_eq(o->ns, seen->ns) && str_starts(o->name, seen->named[SEEN_TARGET].name))
            return true;
    seen->sets = kube_cache_changes(in->observed, kind);
    return false;
}

/* One of another client may have a host of the Canary now. Where one had it, any change may end that. */
static bool routes_differ(struct canary_seen *seen, const struct plan_input *in)
{
    const struct kube_kind *kind = mesh_kind(KIND_VIRTUAL_SERVICE);
    struct kube_object *o = NULL;

    if (kube_cache_changes(in->observed, kind) == seen->routes)
        return false;
    if (seen->has_conflict)
        return true;
    while ((o = kube_cache_next_changed(in->observed, kind, seen->routes, o)))
        if (canary_may_have_host(o, seen->hosts) &&
            !(str_eq(o->ns, seen->ns) && str_eq(o->name, seen->named[SEEN_ROUTE].name)))
            return true;
    seen->routes = kube_cache_changes(in->observed, kind);
    return false;
}

bool canary_is_concerned(void *m, const struct plan_input *in)
{
    struct canary_memo *memo = m;
    struct canary_seen *seen = &memo->seen;
    bool differs = !seen->ns || in->synced != seen->synced || in->failing != seen->failing ||
                   spoken(in) != seen->spoken ||
                   kube_cache_changes(in->observed, mesh_kind(KIND_ISTIO)) != seen->meshes;

    for (size_t i = 0; i < SEEN_NAMED && !differs; i++)
        differs = named_differs(seen, in, i);
    for (size_t i = 0; i < SEEN_OWNED && !differs; i++)
        differs = owned_differs(seen, in, i);
    differs = differs || sets_differ(seen, in) || routes_differ(seen, in);
    if (differs)
        canary_forget_seen(seen);
    return differs;
}
