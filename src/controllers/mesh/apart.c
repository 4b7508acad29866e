#include "controllers/mesh/apart.h"

#include <stdlib.h>

#include "base/str.h"
#include "mesh/kinds.h"
#include "reconcile/objects.h"

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

    if (!set->len || (!in->preview && apart_missing_namespace(r, set)))
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

const char *apart_missing_namespace(const struct reconcile *r, const struct desired_set *set)
{
    const struct plan_input *in = r->world->central;

    for (size_t i = 0; i < set->len; i++) {
        const char *ns = set->items[i].ns;
        const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns);
        if (!str_eq(ns, r->object->ns) && (!o || o->deleting))
            return ns;
    }
    return NULL;
}
