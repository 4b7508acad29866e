#include "reconcile/actor.h"

#include <string.h>

#include "api/resource.h"
#include "api/status.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "kube/backoff.h"

struct actor {
    struct kube_cluster *cluster;
    struct events *events;
    void *context;
    char *where;
    char *kind, *ns, *name, *uid; /* of the resource */
    struct map *failures;         /* failure_key() -> struct failure */
    char *status_word;            /* reported last */
    /* The last written status that came back as another one, and the resource's version with that; 0: none did. */
    uint64_t unkept_status;
    char *unkept_version;
    struct actor_stats stats;
};

/* What plans see of it; and of a write that changed nothing: which one, how often in a row, when to repeat it. */
struct failure {
    struct plan_failure told;
    uint64_t unkept; /* 0: it is another failure */
    unsigned times;
    msec_t until; /* monotonic */
};

static void failure_free(void *p)
{
    struct failure *f = p;

    free(f->told.object);
    free(f->told.text);
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
    free(a->where);
    free(a->kind);
    free(a->ns);
    free(a->name);
    free(a->uid);
    free(a->status_word);
    free(a->unkept_version);
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

/* A written status says nothing about the object's other writes. */
static char *key_of(enum kube_verb verb, const char *object)
{
    return str_printf("%s%s", object, verb == KUBE_UPDATE_STATUS ? " status" : "");
}

static char *failure_key(const struct kube_action *action)
{
    _cleanup_free_ char *object = object_key(action->kind, action->ns, action->name);

    return key_of(action->verb, object);
}

static const struct plan_failure *failure_of(const void *context, enum kube_verb verb, const char *object)
{
    const struct actor *a = context;
    _cleanup_free_ char *key = key_of(verb, object);
    const struct failure *failure = map_get(a->failures, key);

    return failure && failure->told.verb == verb ? &failure->told : NULL;
}

static msec_t now(const struct actor *a)
{
    struct net_io *io = kube_cluster_io(a->cluster);

    return io->now(io);
}

msec_t actor_again_at(const struct actor *a)
{
    msec_t at = MSEC_NEVER;
    void *value;

    for (size_t i = 0; map_next(a->failures, &i, NULL, &value);) {
        const struct failure *failure = value;
        if (failure->unkept && failure->until > now(a) && failure->until < at)
            at = failure->until;
    }
    return at;
}

/* Whether a write is of this version of its object. */
static bool has_version(const struct kube_action *action, const char *version)
{
    _cleanup_free_ char *sent = version ? str_printf("\"resourceVersion\":\"%s\"", version) : NULL;

    return sent && action->body && strstr(action->body, sent);
}

/* What a write asks of the object as it is; a patch has the object's version in its body. */
static uint64_t write_digest(const struct kube_action *action)
{
    return action->verb == KUBE_UPDATE ? action->content : str_hash(action->body, strlen(action->body)) | 1;
}

/* The patch that removes the finalizer of a deleted resource is answered with the resource as it was. */
static bool can_be_unkept(const struct kube_action *action)
{
    return (action->verb == KUBE_UPDATE && action->content) ||
           (action->verb == KUBE_MERGE_PATCH && action->tag != PLAN_BOOKKEEPING);
}

/* The same write of the same object changed nothing a while ago. */
static bool is_unkept(const struct actor *a, const struct kube_action *action)
{
    _cleanup_free_ char *key = map_len(a->failures) && can_be_unkept(action) ? failure_key(action) : NULL;
    const struct failure *failure = key ? map_get(a->failures, key) : NULL;

    return failure && failure->unkept && failure->unkept == write_digest(action) && now(a) < failure->until;
}

/*
 * Whether the server did not keep this status, of the resource as it is: an older definition has not all fields of a
 * status, and prunes the others.
 */
static bool is_unkept_status(const struct actor *a, const struct kube_action *action)
{
    return action->verb == KUBE_UPDATE_STATUS && a->unkept_status && a->unkept_status == action->content &&
           has_version(action, a->unkept_version);
}

static bool is_held(const void *context, const struct kube_action *action)
{
    const struct actor *a = context;

    return kube_queue_holds(kube_cluster_queue(a->cluster), action) || is_unkept(a, action) ||
           is_unkept_status(a, action);
}

static bool is_creating(const void *context)
{
    const struct actor *a = context;

    return kube_queue_is_creating(kube_cluster_queue(a->cluster), a);
}

void actor_fill_input(struct actor *a, struct plan_input *input)
{
    struct kube_queue *queue = kube_cluster_queue(a->cluster);

    /*
     * An action that could not be sent was decided by what was known then. It is decided again, and not sent as it was.
     * The actions of other resources in the same queue stay.
     */
    if (kube_queue_is_stopped(queue))
        kube_queue_drop_waiting(queue, a);
    input->failure = map_len(a->failures) ? failure_of : NULL;
    input->busy = is_busy;
    input->held = is_held;
    input->creating = is_creating;
    input->queue_context = a;
}

void actor_send(struct actor *a, struct plan *plan)
{
    if (plan->drift == 0 && plan->users == 0)
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

#define FIELDS_NAMED 3

static const msec_t UNKEPT_FIRST = SECONDS(10), UNKEPT_MOST = SECONDS(15 * 60);

/* More than there are objects of a mesh and namespaces to label. What is beyond is retried without being counted. */
#define FAILURES_MAX 16384
/* Of more than this many the status does not say why. */
#define FAILURES_TOLD_MAX 256

/* True where it is said of the object already. */
static bool remember_failure(struct actor *a, const struct kube_action *action, enum err_class class, const char *text)
{
    _cleanup_free_ char *key = failure_key(action);
    const struct failure *before = map_get(a->failures, key);
    bool told = before ? *before->told.text : map_len(a->failures) < FAILURES_TOLD_MAX;
    bool known = before && (!told || str_eq(before->told.text, text));
    struct failure *failure;

    if (!before && map_len(a->failures) >= FAILURES_MAX)
        return false;
    failure = NEW(struct failure);
    failure->told = (struct plan_failure){
        .class = class,
        .verb = action->verb,
        .object = object_key(action->kind, action->ns, action->name),
        .text = str_dup(told ? text : ""),
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

/* What is left of a custom object for a comparison of what was sent with the answer; owned by the caller. */
static json_t *without_servers_own(const json_t *object)
{
    json_t *rest = json_copy((json_t *)object), *metadata = json_copy(json_object_get(object, "metadata"));

    json_object_del(metadata, "managedFields");
    json_object_set_new(rest, "metadata", metadata);
    json_object_del(rest, "status");
    return rest;
}

/* It had all fields before, and the cluster showed it without some: by a definition that was replaced since. */
static bool had_all_fields(const struct kube_action *action, const json_t *answer)
{
    _cleanup_json_ json_t *body = NULL, *sent = NULL, *kept = NULL;

    if (!action->kind->custom || action->verb != KUBE_UPDATE ||
        doc_parse(action->body, strlen(action->body), SIZE_MAX, &body, NULL) < 0)
        return false;
    sent = without_servers_own(body);
    kept = without_servers_own(answer);
    return doc_equal(sent, kept);
}

/* The answer has the version that was sent: the object is as it was before. */
static bool changed_nothing(const struct kube_action *action, const json_t *answer)
{
    return can_be_unkept(action) && has_version(action, doc_string(answer, "metadata", "resourceVersion")) &&
           !had_all_fields(action, answer);
}

static void note_status(struct actor *a, const struct kube_action *action, const char *key, const json_t *resource)
{
    bool was_kept = !a->unkept_status;

    a->unkept_status = doc_hash(doc_at(resource, "status")) == action->content ? 0 : action->content;
    str_replace(&a->unkept_version, a->unkept_status ? doc_string(resource, "metadata", "resourceVersion") : NULL);
    if (a->unkept_status && was_kept)
        log_warning(
            "the server did not keep all of the status: its definition of the resource may be of another version than "
            "this operator",
            "resource",
            key,
            NULL);
}

/* The fields that were sent and are not in the answer; for users. */
static char *unkept_text(const struct kube_action *action, const json_t *answer)
{
    _cleanup_json_ json_t *body = doc_parse_own(action->body);
    struct buf text = BUF_INIT;
    struct kube_merge how;
    struct merge merge;

    kube_merge_init(action->kind, NULL, &how);
    merge_three_way(NULL, body, answer, &how.rules, &merge);
    buf_add_str(&text, "the API server accepted the write and did not keep it: ");
    for (size_t i = 0; i < merge.change_count && i < FIELDS_NAMED; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", merge.changes[i].path);
    if (merge.change_count > FIELDS_NAMED)
        buf_printf(&text, " and %zu more", merge.change_count - FIELDS_NAMED);
    if (merge.change_count == 0)
        buf_add_str(&text, action->reason);
    buf_add_str(&text, "; it does not know the field, or an admission webhook changes it");
    merge_release(&merge);
    return buf_take(&text);
}

/*
 * A write that was accepted and changed nothing would change nothing again: it is repeated immediately where something
 * else is asked for or the object changes, and else more and more slowly, because a definition or a webhook may change.
 */
static void on_unkept(struct actor *a, const struct kube_action *action, const char *key, const char *text)
{
    _cleanup_free_ char *failure_name = failure_key(action);
    const struct failure *before = map_get(a->failures, failure_name);
    unsigned times = before && before->unkept ? before->times + 1 : 1;
    bool known = remember_failure(a, action, ERR_INVALID, text);
    struct failure *failure = map_get(a->failures, failure_name);
    struct net_io *io = kube_cluster_io(a->cluster);

    a->stats.failed++;
    if (!failure)
        return;
    failure->unkept = write_digest(action);
    failure->times = times;
    failure->until = now(a) + kube_backoff(UNKEPT_FIRST, UNKEPT_MOST, times, io->random(io));
    if (known)
        return;
    log_warning("write not kept", "object", key, "reason", text, a->where ? "cluster" : NULL, a->where, NULL);
    actor_event(a, "NotKept", true, key, text);
}

static void on_success(struct actor *a, const struct kube_action *action, const char *key, const json_t *object)
{
    enum plan_meaning meaning = (enum plan_meaning)action->tag;
    _cleanup_free_ char *failure = failure_key(action), *unkept = NULL;

    if (changed_nothing(action, object)) {
        unkept = unkept_text(action, object);
        on_unkept(a, action, key, unkept);
        return;
    }
    map_remove(a->failures, failure);
    a->stats.written[meaning]++;
    if (action->repeats > KUBE_REPEATS_AT_ONCE)
        tell_undone(a, action, key);
    if (action->verb == KUBE_UPDATE_STATUS) {
        note_status(a, action, key, object);
        tell_status(a, key, object);
    }
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
