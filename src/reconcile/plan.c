#include "reconcile/plan.h"

#include "base/str.h"

static const struct {
    const char *reason, *word;
} meanings[] = {
#define X(id, reason, word) [PLAN_##id] = {reason, word},
    PLAN_MEANINGS(X)
#undef X
};

const char *plan_meaning_reason(enum plan_meaning meaning)
{
    return meanings[meaning].reason;
}

const char *plan_meaning_word(enum plan_meaning meaning)
{
    return meanings[meaning].word;
}

void plan_add(struct plan *plan, struct kube_action action)
{
    ARRAY_RESERVE_ONE(plan->actions, plan->len, plan->cap);
    plan->actions[plan->len++] = action;
}

bool plan_is_busy(const struct plan_input *in, const struct kube_object *o)
{
    return in->busy && in->busy(in->busy_context, o->kind, o->ns, o->name);
}

void plan_remove(struct plan *plan, const struct plan_input *in, const struct kube_object *o, const char *reason)
{
    if (o->deleting || plan_is_busy(in, o))
        return;
    plan_add(
        plan,
        (struct kube_action){
            .verb = KUBE_REMOVE,
            .kind = o->kind,
            .version = str_dup(kube_server_version(in->server, o->kind)),
            .ns = str_dup(o->ns),
            .name = str_dup(o->name),
            .uid = str_dup(o->uid),
            .reason = str_dup(reason),
            .tag = PLAN_REMOVED,
        });
}

bool plan_is_listed_anew(const struct plan_input *in, struct plan *plan)
{
    plan->watch |= PLAN_LISTED_ANEW;
    return in->synced & PLAN_LISTED_ANEW;
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++)
        kube_action_release(&plan->actions[i]);
    free(plan->actions);
    free(plan->ns);
    *plan = (struct plan){0};
}
