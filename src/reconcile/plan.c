#include "reconcile/plan.h"

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define FINALIZERS_NAMED 3

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

void plan_append(struct plan *plan, struct plan *part)
{
    for (size_t i = 0; i < part->len; i++)
        append(plan, part->actions[i]);
    part->len = 0;
    plan->drift += part->drift;
    for (size_t i = 0; i <= DRIFT_CAUSE_LAST; i++)
        plan->causes[i] += part->causes[i];
    for (size_t i = 0; i < part->drift_len; i++) {
        ARRAY_RESERVE_ONE(plan->drifts, plan->drift_len, plan->drift_cap);
        plan->drifts[plan->drift_len++] = part->drifts[i];
    }
    part->drift_len = 0;
    plan->unseen += part->unseen;
    plan->ignored += part->ignored;
    plan->newer += part->newer;
    if (!plan->newest)
        plan->newest = TAKE_PTR(part->newest);
    plan->inherited += part->inherited;
    if (!plan->heir)
        plan->heir = TAKE_PTR(part->heir);
    plan->definitions += part->definitions;
    plan->managed += part->managed;
    plan->users += part->users;
    plan->watch |= part->watch;
    plan_release(part);
}

bool plan_is_busy(const struct plan_input *in, const struct kube_object *o)
{
    return in->busy && in->busy(in->queue_context, o->kind, o->ns, o->name);
}

const struct plan_failure *plan_failure_of(
    const struct plan_input *in, enum kube_verb verb, const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = in->failure ? object_key(kind, ns, name) : NULL;

    return key ? in->failure(in->queue_context, verb, key) : NULL;
}

bool plan_failure_lasts(const struct plan_failure *failure)
{
    return failure->class == ERR_FORBIDDEN || !err_class_retries(failure->class);
}

/* True where it is stuck. Takes over `object`. */
static bool note(struct plan *plan, enum drift_cause cause, char *object, const char *text)
{
    plan->drift++;
    if (plan->causes[cause]++ < DRIFT_NAMED_MAX) {
        ARRAY_RESERVE_ONE(plan->drifts, plan->drift_len, plan->drift_cap);
        plan->drifts[plan->drift_len++] = (struct drift){cause, object, str_dup(text)};
    } else {
        free(object);
    }
    return cause != DRIFT_WAITS;
}

bool plan_note_drift(
    struct plan *plan, const struct plan_input *in, enum kube_verb verb, const struct kube_kind *kind, const char *ns,
    const char *name, const char *text)
{
    const struct plan_failure *failure = plan_failure_of(in, verb, kind, ns, name);
    enum drift_cause cause = !failure ? DRIFT_WAITS : plan_failure_lasts(failure) ? DRIFT_REFUSED : DRIFT_FAILED;

    return note(plan, cause, object_key(kind, ns, name), failure ? failure->text : text);
}

bool plan_note_need(
    struct plan *plan, const struct kube_kind *kind, const char *ns, const char *name,
    const struct kube_kind *stuck_kind, const char *stuck_ns, const char *stuck_name)
{
    _cleanup_free_ char *stuck = object_key(stuck_kind, stuck_ns, stuck_name);
    _cleanup_free_ char *text = str_printf("waits for %s", stuck);

    return note(plan, DRIFT_NEEDS, object_key(kind, ns, name), text);
}

bool plan_note_refusal(struct plan *plan, const struct kube_object *o, const char *text)
{
    return note(plan, DRIFT_REFUSED, object_key(o->kind, o->ns, o->name), text);
}

/* The garbage collector removes its own finalizers itself. */
static bool holds(const char *finalizer)
{
    return finalizer && !str_eq(finalizer, "foregroundDeletion") && !str_eq(finalizer, "orphan");
}

char *plan_holders(const json_t *object)
{
    struct buf text = BUF_INIT;
    size_t i, held = 0;
    json_t *item;

    json_array_foreach(doc_at(object, "metadata", "finalizers"), i, item) {
        const char *name = json_string_value(item);
        if (holds(name) && held++ < FINALIZERS_NAMED)
            buf_printf(&text, "%s %s", held == 1 ? "held by the finalizer" : ",", name);
    }
    if (held > FINALIZERS_NAMED)
        buf_printf(&text, ", and %zu more", held - FINALIZERS_NAMED);
    return held ? buf_take(&text) : NULL;
}

bool plan_note_deletion(struct plan *plan, const struct kube_object *o)
{
    _cleanup_json_ json_t *object = o->kind->digest ? NULL : kube_object_parse(o);
    _cleanup_free_ char *holders = plan_holders(object);
    _cleanup_free_ char *text = str_printf("is being deleted%s%s", holders ? ", " : "", str_or(holders, ""));

    return note(plan, holders ? DRIFT_HELD : DRIFT_WAITS, object_key(o->kind, o->ns, o->name), text);
}

bool plan_is_moving(const struct plan *plan)
{
    return plan->causes[DRIFT_WAITS] > 0;
}

struct kube_action plan_action_on(const struct plan_input *in, enum kube_verb verb, const struct kube_object *o)
{
    return (struct kube_action){
        .verb = verb,
        .kind = o->kind,
        .version = str_dup(kube_server_version(in->server, o->kind)),
        .ns = str_dup(o->ns),
        .name = str_dup(o->name),
        .uid = str_dup(o->uid),
    };
}

void plan_remove(struct plan *plan, const struct plan_input *in, const struct kube_object *o, const char *reason)
{
    struct kube_action action;

    if (o->deleting) {
        plan_note_deletion(plan, o);
        return;
    }
    plan_note_drift(plan, in, KUBE_REMOVE, o->kind, o->ns, o->name, reason);
    if (plan_is_busy(in, o))
        return;
    action = plan_action_on(in, KUBE_REMOVE, o);
    action.reason = str_dup(reason);
    action.tag = PLAN_REMOVED;
    plan_add(plan, in, action);
}

void plan_patch_metadata(
    struct plan *plan, const struct plan_input *in, const struct kube_object *o, json_t *metadata, const char *reason,
    enum plan_meaning meaning)
{
    _cleanup_json_ json_t *body = OBJECT(VALUE("metadata", metadata));
    struct kube_action action = plan_action_on(in, KUBE_MERGE_PATCH, o);

    action.content = doc_hash(metadata) | 1;
    json_object_set_new(metadata, "resourceVersion", json_string(o->resource_version));
    action.body = doc_text(body);
    action.reason = str_dup(reason);
    action.tag = meaning;
    plan_add(plan, in, action);
}

bool plan_is_relisted(const struct plan_input *in, struct plan *plan)
{
    if (in->creating && in->creating(in->queue_context))
        return false;
    plan->watch |= PLAN_RELISTED;
    return in->synced & PLAN_RELISTED;
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++)
        kube_action_release(&plan->actions[i]);
    free(plan->actions);
    for (size_t i = 0; i < plan->drift_len; i++) {
        free(plan->drifts[i].object);
        free(plan->drifts[i].text);
    }
    free(plan->drifts);
    free(plan->newest);
    free(plan->heir);
    *plan = (struct plan){0};
}
