#include "reconcile/actor.h"

#include "api/resource.h"
#include "api/status.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

struct actor {
    struct kube_cluster *cluster;
    struct events *events;
    void *context;
    char *where;
    char *kind, *ns, *name, *uid; /* of the resource */
    struct map *failures;         /* failure_key() -> struct plan_failure */
    struct plan_failure *listed;  /* for one plan */
    char *status_word;            /* reported last */
    struct actor_stats stats;
};

static void failure_free(void *p)
{
    struct plan_failure *f = p;

    free(f->object);
    free(f->text);
    free(f);
}

struct actor *actor_new(struct kube_cluster *cluster, struct events *events, const char *where, void *context)
{
    struct actor *a = NEW(struct actor);

    *a = (struct actor){.cluster = cluster, .events = events, .where = str_dup(where), .context = context};
    a->failures = map_new(failure_free);
    return a;
}

void actor_free(struct actor *a)
{
    if (!a)
        return;
    map_free(a->failures);
    free(a->listed);
    free(a->where);
    free(a->kind);
    free(a->ns);
    free(a->name);
    free(a->uid);
    free(a->status_word);
    free(a);
}

void *actor_context(const struct actor *a)
{
    return a->context;
}

bool actor_has_failures(const struct actor *a)
{
    return map_len(a->failures) > 0;
}

void actor_set_subject(struct actor *a, const struct kube_object *resource)
{
    if (str_eq(a->uid, resource->uid))
        return;
    str_replace(&a->kind, resource->kind->kind);
    str_replace(&a->ns, resource->ns);
    str_replace(&a->name, resource->name);
    str_replace(&a->uid, resource->uid);
}

static bool is_busy(const void *context, const struct kube_kind *kind, const char *ns, const char *name)
{
    const struct actor *a = context;

    return kube_queue_is_under_way(kube_cluster_queue(a->cluster), kind, ns, name);
}

static bool is_held(const void *context, const struct kube_action *action)
{
    const struct actor *a = context;

    return kube_queue_holds(kube_cluster_queue(a->cluster), action);
}

static bool is_creating(const void *context)
{
    const struct actor *a = context;

    return kube_queue_is_creating(kube_cluster_queue(a->cluster), a);
}

void actor_fill_input(struct actor *a, struct plan_input *input)
{
    struct kube_queue *queue = kube_cluster_queue(a->cluster);
    void *value;

    /*
     * An action that could not be sent was decided by what was known then. It is decided again, and not sent as it was.
     * The actions of other resources in the same queue stay.
     */
    if (kube_queue_is_stopped(queue))
        kube_queue_drop_waiting(queue, a);
    free(a->listed);
    a->listed = map_len(a->failures) ? NEW_ARRAY(struct plan_failure, map_len(a->failures)) : NULL;
    input->failure_count = 0;
    for (size_t i = 0; map_next(a->failures, &i, NULL, &value);)
        a->listed[input->failure_count++] = *(struct plan_failure *)value;
    input->failures = a->listed;
    input->busy = is_busy;
    input->held = is_held;
    input->creating = is_creating;
    input->queue_context = a;
}

void actor_send(struct actor *a, struct plan *plan)
{
    if (plan->drift == 0)
        map_clear(a->failures);
    for (size_t i = 0; i < plan->len; i++) {
        struct kube_action action = plan->actions[i];
        plan->actions[i] = (struct kube_action){0};
        action.owner = a;
        kube_queue_put(kube_cluster_queue(a->cluster), &action);
    }
    plan->len = 0;
    a->stats.plans++;
    a->stats.managed = plan->managed;
    a->stats.drift = plan->drift;
}

void actor_event(struct actor *a, const char *reason, bool warning, const char *object, const char *text)
{
    const struct event_subject subject = {API_GROUP_VERSION, a->kind, a->ns, a->name, a->uid};

    if (a->uid)
        events_note(a->events, &subject, reason, warning, object, text);
}

/* The words of the status that get an Event. */
static void tell_status(struct actor *a, const char *key, const json_t *resource)
{
    const char *word = doc_string(resource, "status", STATUS_FIELD_STATUS);
    const char *text = str_or(doc_string(resource, "status", STATUS_FIELD_ERROR_MESSAGE), "");

    if (!word || str_eq(word, a->status_word))
        return;
    str_replace(&a->status_word, word);
    log_info("status", "resource", key, "status", word, "message", text, NULL);
    if (str_eq(word, STATUS_AVAILABLE))
        actor_event(a, word, false, key, "everything is in place and every Deployment is available");
    else if (str_eq(word, STATUS_RECONCILE_FAILED) || str_eq(word, STATUS_UNREACHABLE))
        actor_event(a, word, true, key, text);
}

/* More than this many are still retried, but the status does not say why they failed. */
#define FAILURES_MAX 256

/* A written status says nothing about the object's other writes. */
static char *failure_key(const struct kube_action *action)
{
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);

    return str_printf("%s%s", key, action->verb == KUBE_UPDATE_STATUS ? " status" : "");
}

/* True where it is said of the object already. */
static bool remember_failure(struct actor *a, const struct kube_action *action, enum err_class class, const char *text)
{
    _cleanup_free_ char *key = failure_key(action);
    const struct plan_failure *before = map_get(a->failures, key);
    bool known = before && str_eq(before->text, text);
    struct plan_failure *failure;

    if (!before && map_len(a->failures) >= FAILURES_MAX)
        return false;
    failure = NEW(struct plan_failure);
    *failure = (struct plan_failure){
        .class = class,
        .verb = action->verb,
        .object = object_key(action->kind, action->ns, action->name),
        .text = str_dup(text),
    };
    map_put(a->failures, key, failure);
    return known;
}

/* Once, when it begins to be held back; the status continues to say it. */
static void tell_undone(struct actor *a, const struct kube_action *action, const char *key)
{
    static const char text[] = "another client undoes this write each time: it is repeated more slowly from now on";

    remember_failure(a, action, ERR_CONFLICT, text);
    if (action->repeats > KUBE_REPEATS_AT_ONCE + 1)
        return;
    log_warning(text, "object", key, a->where ? "cluster" : NULL, a->where, NULL);
    actor_event(a, "Undone", true, key, text);
}

static void on_success(struct actor *a, const struct kube_action *action, const char *key, const json_t *object)
{
    enum plan_meaning meaning = (enum plan_meaning)action->tag;
    _cleanup_free_ char *failure = failure_key(action);

    map_remove(a->failures, failure);
    a->stats.written[meaning]++;
    if (action->repeats > KUBE_REPEATS_AT_ONCE)
        tell_undone(a, action, key);
    if (action->verb == KUBE_UPDATE_STATUS)
        tell_status(a, key, object);
    if (meaning == PLAN_BOOKKEEPING)
        return;
    log_info(
        plan_meaning_word(meaning),
        "object",
        key,
        "reason",
        action->reason,
        a->where ? "cluster" : NULL,
        a->where,
        NULL);
    if (meaning != PLAN_FOLLOWED)
        actor_event(a, plan_meaning_reason(meaning), false, key, action->reason);
}

/* The observed object was not the server's: the cluster reads it, and the next plan sees the new one. */
static bool is_misjudged(const struct err *e)
{
    return e->class == ERR_CONFLICT || e->class == ERR_ALREADY_EXISTS || e->class == ERR_NOT_FOUND;
}

/* What an object that was deleted just now held, such as a Service's ports, is free in a moment. */
static bool may_be_over_soon(const struct kube_action *action, const struct err *e)
{
    return e->class == ERR_INVALID && action->verb == KUBE_CREATE && action->failures == 1;
}

static void on_failure(struct actor *a, const struct kube_action *action, const char *key, const struct err *e)
{
    if (e->class == ERR_CANCELLED || is_misjudged(e) || may_be_over_soon(action, e))
        return;
    a->stats.failed++;
    /* It is retried again and again, and reported once. */
    if (remember_failure(a, action, e->class, e->text))
        return;
    log_warning(
        "write failed",
        "object",
        key,
        "reason",
        action->reason,
        "error",
        e->text,
        a->where ? "cluster" : NULL,
        a->where,
        NULL);
    if (e->class == ERR_FORBIDDEN || !err_class_retries(e->class))
        actor_event(a, "Refused", true, key, e->text);
}

void actor_done(struct actor *a, const struct kube_action *action, const json_t *object, const struct err *e)
{
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);

    if (e)
        on_failure(a, action, key, e);
    else
        on_success(a, action, key, object);
}

const struct actor_stats *actor_stats(const struct actor *a)
{
    return &a->stats;
}
