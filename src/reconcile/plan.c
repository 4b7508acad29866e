#include "reconcile/plan.h"

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

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

static void append(struct plan *plan, struct kube_action action)
{
    ARRAY_RESERVE_ONE(plan->actions, plan->len, plan->cap);
    plan->actions[plan->len++] = action;
}

void plan_add(struct plan *plan, const struct plan_input *in, struct kube_action action)
{
    if (in->held && in->held(in->queue_context, &action)) {
        kube_action_release(&action);
        return;
    }
    append(plan, action);
}

static void append_stuck(struct plan *plan, struct plan_failure stuck)
{
    ARRAY_RESERVE_ONE(plan->stuck, plan->stuck_count, plan->stuck_cap);
    plan->stuck[plan->stuck_count++] = stuck;
}

void plan_stuck(struct plan *plan, const struct kube_object *o, char *text)
{
    append_stuck(plan, (struct plan_failure){ERR_INVALID, object_key(o->kind, o->ns, o->name), text});
}

void plan_append(struct plan *plan, struct plan *part)
{
    for (size_t i = 0; i < part->len; i++)
        append(plan, part->actions[i]);
    for (size_t i = 0; i < part->stuck_count; i++)
        append_stuck(plan, part->stuck[i]);
    part->len = part->stuck_count = 0;
    plan->drift += part->drift;
    plan->unseen += part->unseen;
    plan->ignored += part->ignored;
    plan->managed += part->managed;
    plan->watch |= part->watch;
    plan_release(part);
}

bool plan_is_busy(const struct plan_input *in, const struct kube_object *o)
{
    return in->busy && in->busy(in->queue_context, o->kind, o->ns, o->name);
}

void plan_remove(struct plan *plan, const struct plan_input *in, const struct kube_object *o, const char *reason)
{
    if (o->deleting || plan_is_busy(in, o))
        return;
    plan_add(
        plan,
        in,
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

void plan_patch_metadata(
    struct plan *plan, const struct plan_input *in, const struct kube_object *o, json_t *metadata, const char *reason,
    enum plan_meaning meaning)
{
    _cleanup_json_ json_t *body = OBJECT(V("metadata", metadata));
    uint64_t content = doc_hash(metadata) | 1;

    json_object_set_new(metadata, "resourceVersion", json_string(o->resource_version));
    plan_add(
        plan,
        in,
        (struct kube_action){
            .verb = KUBE_MERGE_PATCH,
            .kind = o->kind,
            .version = str_dup(kube_server_version(in->server, o->kind)),
            .ns = str_dup(o->ns),
            .name = str_dup(o->name),
            .uid = str_dup(o->uid),
            .body = doc_text(body),
            .content = content,
            .reason = str_dup(reason),
            .tag = meaning,
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
    for (size_t i = 0; i < plan->stuck_count; i++) {
        free(plan->stuck[i].object);
        free(plan->stuck[i].text);
    }
    free(plan->stuck);
    *plan = (struct plan){0};
}
