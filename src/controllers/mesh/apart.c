#include "controllers/mesh/apart.h"

#include <stdlib.h>

#include "api/status.h"
#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/objects.h"

/* --- kinds of others --- */

static bool is_served(const struct plan_input *in, enum mesh_kind_id definition)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(definition), &i));)
        if (*o->text)
            return true;
    return false;
}

/* Whether the server has all of them. */
static bool are_served(const struct plan_input *in, const struct apart_kinds *kinds)
{
    if (!(in->synced & kinds->served))
        return false;
    for (const enum mesh_kind_id *d = kinds->definitions; *d != KIND_COUNT; d++)
        if (!is_served(in, *d))
            return false;
    return true;
}

bool apart_is_remembered(const struct reconcile *r, const struct apart_kinds *kinds)
{
    return doc_bool(doc_at(r->resource, "status", STATUS_FIELD_MONITORING, kinds->remembered), false);
}

unsigned apart_watches(const struct reconcile *r, const struct apart_kinds *kinds, bool asked)
{
    if (!asked && !apart_is_remembered(r, kinds))
        return 0;
    return kinds->served | (are_served(r->world->central, kinds) ? kinds->watched : 0);
}

void apart_ask(struct reconcile *r, const struct apart_kinds *kinds, bool asked)
{
    const unsigned watches = apart_watches(r, kinds, asked);

    r->plan->central.watch |= watches;
    if (!asked)
        return;
    r->is_news = r->is_news || !apart_is_remembered(r, kinds);
    reconcile_await_lists(r, watches);
}

bool apart_can_plan(const struct reconcile *r, const struct apart_kinds *kinds)
{
    const struct plan_input *in = r->world->central;

    if (!in->preview)
        return are_served(in, kinds) && (in->synced & kinds->watched) && apart_is_remembered(r, kinds);
    for (const enum mesh_kind_id *kind = kinds->kinds; *kind != KIND_COUNT; kind++)
        if (!kube_server_version(in->server, mesh_kind(*kind)))
            return false;
    return true;
}

bool apart_has_left(const struct reconcile *r, const struct apart_kinds *kinds)
{
    const struct plan_input *in = r->world->central;
    const struct kube_object *o;

    if (!apart_is_remembered(r, kinds))
        return false;
    if (!(in->synced & kinds->served) || (are_served(in, kinds) && !(in->synced & kinds->watched)))
        return true;
    for (const enum mesh_kind_id *kind = kinds->kinds; *kind != KIND_COUNT; kind++)
        for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(*kind), &i));)
            if (str_eq(o->owner, r->object->uid))
                return true;
    return false;
}

bool apart_is_served(const struct reconcile *r, const struct apart_kinds *kinds, struct finding *finding)
{
    const struct plan_input *in = r->world->central;

    if (in->failing & apart_watches(r, kinds, true)) {
        finding_say(finding, false, "NotReadable");
        buf_printf(
            &finding->text,
            "what belongs to %s cannot be listed: the operator may lack the rights of today's config/operator.yaml",
            kinds->product);
    } else if (!(in->synced & kinds->served) || (are_served(in, kinds) && !apart_can_plan(r, kinds))) {
        finding->waits = true;
    } else if (!are_served(in, kinds)) {
        finding_say(finding, false, "DefinitionsMissing");
        buf_add_str(&finding->text, kinds->missing);
    } else {
        return true;
    }
    return false;
}

/* --- the objects --- */

/* The first namespace that does not exist, or is being deleted; borrowed from the set. NULL: none. */
static const char *missing_namespace(const struct reconcile *r, const struct desired_set *set)
{
    const struct plan_input *in = r->world->central;

    for (size_t i = 0; i < set->len; i++) {
        const char *ns = set->items[i].ns;
        const struct kube_object *o = ns ? kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns) : NULL;
        if (ns && !str_eq(ns, r->object->ns) && (!o || o->deleting))
            return ns;
    }
    return NULL;
}

static bool failed(const struct drift *drift)
{
    return drift->cause == DRIFT_FAILED || drift->cause == DRIFT_REFUSED;
}

char *apart_plan(const struct reconcile *r, const struct desired_set *set, struct plan *plan)
{
    const struct plan_input *in = r->world->central;
    const struct objects_input objects = {.plan = in, .desired = {set}};
    struct plan own = {0};
    char *unwritten = NULL;

    if (!set->len || (!in->preview && missing_namespace(r, set)))
        return NULL;
    objects_plan(&objects, &own);
    for (size_t i = 0; i < own.len; i++)
        plan_add(plan, in, own.actions[i]);
    own.len = 0;
    for (size_t i = 0; i < own.drift_len && !unwritten; i++)
        if (failed(&own.drifts[i]))
            unwritten = str_printf("%s: %s", own.drifts[i].object, own.drifts[i].text);
    plan_release(&own);
    return unwritten;
}

bool apart_is_written(
    const struct reconcile *r, const struct desired_set *set, const char *field, const char *unwritten,
    struct finding *finding)
{
    const char *missing = missing_namespace(r, set);

    if (missing) {
        finding_say(finding, false, "NamespaceMissing");
        buf_printf(&finding->text, "namespace %s does not exist: create it, or name another one in %s", missing, field);
    } else if (unwritten) {
        finding_say(finding, false, "NotWritten");
        buf_add_str(&finding->text, unwritten);
    } else {
        return true;
    }
    return false;
}
