#include "kube/queue.h"

#include <string.h>
#include <sys/queue.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/request.h"

#define ANSWER_MAX ((size_t)64 * 1024 * 1024)

struct flight {
    TAILQ_ENTRY(flight) link;
    struct kube_queue *queue;
    const struct kube_action *action; /* the schedule's */
    struct net_call *call;
};

struct kube_queue {
    struct net_io *io;
    struct kube_schedule *schedule;
    struct kube_gate gate;
    struct net_timer *timer;
    TAILQ_HEAD(, flight) flights;
    kube_action_done_fn done;
    kube_queue_wake_fn wake;
    void *context;
};

static struct net_request request_of(const struct kube_action *a)
{
    struct net_request r = {0};

    switch (a->verb) {
    case KUBE_CREATE:
        r = kube_request_create(a->kind, a->version, a->ns, a->body);
        break;
    case KUBE_UPDATE:
        r = kube_request_update(a->kind, a->version, a->ns, a->name, a->body);
        break;
    case KUBE_UPDATE_STATUS:
        r = kube_request_update_status(a->kind, a->version, a->ns, a->name, a->body);
        break;
    case KUBE_MERGE_PATCH:
        r = kube_request_merge_patch(a->kind, a->version, a->ns, a->name, NULL, a->body);
        break;
    case KUBE_REMOVE:
        r = kube_request_delete(a->kind, a->version, a->ns, a->name, a->uid, a->resource_version);
        break;
    }
    r.secret = r.secret || a->kind->is_secret;
    return r;
}

/*
 * The object in an answer of success, NULL where a removal's says that it was deleted: that answers with the object as
 * it was, or with a Status. What a proxy in between answered is neither, and says nothing of the write.
 */
static int read_answer(const struct kube_action *a, const struct net_response *response, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *answer = NULL;
    bool is_object;

    if (doc_parse_lenient(response->body, response->body_len, ANSWER_MAX, DOC_ALONE, &answer, NULL) < 0)
        return err_set(e, ERR_UNAVAILABLE, "the answer to a write cannot be read (%s %s)", a->kind->kind, a->name);
    is_object = str_eq(doc_string(answer, "kind"), a->kind->kind) && doc_string(answer, "metadata", "name");
    if (!is_object && (a->verb != KUBE_REMOVE || !str_eq(doc_string(answer, "kind"), "Status")))
        return err_set(e, ERR_UNAVAILABLE, "the answer to a write is about something else (%s %s)", a->kind->kind,
                       a->name);
    if (is_object && (a->verb != KUBE_REMOVE || doc_string(answer, "metadata", "deletionTimestamp")))
        *ret = TAKE_PTR(answer);
    return 0;
}

static void pump(struct kube_queue *q);

static void on_answer(void *context, const struct net_response *response, const struct err *e)
{
    struct flight *f = context;
    struct kube_queue *q = f->queue;
    struct kube_action action;
    _cleanup_json_ json_t *object = NULL;
    struct err unread;

    /* For a custom kind it may mean that the kind is not served, by a server that starts up. */
    if (e && f->action->verb == KUBE_REMOVE && e->class == ERR_NOT_FOUND && !f->action->kind->custom)
        e = NULL;
    else if (!e && read_answer(f->action, response, &object, &unread) < 0)
        e = &unread;
    action = kube_schedule_finish(q->schedule, q->io->now(q->io), q->io->random(q->io), f->action,
                                  e ? e->class : ERR_NONE, response ? response->retry_after : 0);
    TAILQ_REMOVE(&q->flights, f, link);
    free(f);
    q->done(q->context, &action, object, e);
    kube_action_release(&action);
    pump(q);
}

static void pump(struct kube_queue *q)
{
    const struct kube_action *action;
    msec_t not_after;

    while (kube_gate_is_open(&q->gate, &not_after) && (action = kube_schedule_next(q->schedule, q->io->now(q->io)))) {
        struct net_request request = request_of(action);
        struct flight *f = NEW(struct flight);
        request.not_after = not_after;
        *f = (struct flight){.queue = q, .action = action};
        TAILQ_INSERT_TAIL(&q->flights, f, link);
        f->call = q->io->send(q->io, &request, NULL, on_answer, f);
    }
    if (!kube_gate_is_open(&q->gate, &not_after))
        kube_schedule_drop_waiting(q->schedule, NULL);
    q->io->timer_set(q->io, q->timer, kube_schedule_due(q->schedule));
}

static void on_timer(void *context)
{
    struct kube_queue *q = context;

    if (kube_schedule_wake(q->schedule, q->io->now(q->io)))
        q->wake(q->context);
    pump(q);
}

struct kube_queue *kube_queue_new(struct net_io *io, const struct kube_queue_options *options, kube_action_done_fn done,
                                  kube_queue_wake_fn wake, void *context)
{
    struct kube_queue *q = NEW(struct kube_queue);

    *q = (struct kube_queue){.io = io, .done = done, .wake = wake, .context = context};
    q->schedule = kube_schedule_new(options);
    q->gate = options->gate;
    q->timer = io->timer_new(io, on_timer, q);
    TAILQ_INIT(&q->flights);
    return q;
}

void kube_queue_free(struct kube_queue *q)
{
    struct flight *f;

    if (!q)
        return;
    while ((f = TAILQ_FIRST(&q->flights))) {
        TAILQ_REMOVE(&q->flights, f, link);
        q->io->cancel(q->io, f->call);
        free(f);
    }
    q->io->timer_free(q->io, q->timer);
    kube_schedule_free(q->schedule);
    free(q);
}

bool kube_queue_put(struct kube_queue *q, struct kube_action *action)
{
    bool taken = kube_schedule_put(q->schedule, q->io->now(q->io), action);
    msec_t not_after;

    pump(q);
    return taken && kube_gate_is_open(&q->gate, &not_after);
}

bool kube_queue_busy(const struct kube_queue *q, const struct kube_kind *kind, const char *ns, const char *name)
{
    return kube_schedule_busy(q->schedule, q->io->now(q->io), kind, ns, name);
}

bool kube_queue_is_under_way(const struct kube_queue *q, const struct kube_kind *kind, const char *ns, const char *name)
{
    return kube_schedule_is_under_way(q->schedule, kind, ns, name);
}

bool kube_queue_is_creating(const struct kube_queue *q, const void *owner)
{
    return kube_schedule_is_creating(q->schedule, owner);
}

bool kube_queue_holds(const struct kube_queue *q, const struct kube_action *action)
{
    return kube_schedule_holds(q->schedule, q->io->now(q->io), action);
}

void kube_queue_hold(struct kube_queue *q, bool held)
{
    kube_schedule_hold(q->schedule, held);
    pump(q);
}

bool kube_queue_is_stopped(const struct kube_queue *q)
{
    return kube_schedule_is_stopped(q->schedule, q->io->now(q->io));
}

void kube_queue_drop_waiting(struct kube_queue *q, const void *owner)
{
    kube_schedule_drop_waiting(q->schedule, owner);
}

void kube_queue_disown(struct kube_queue *q, const void *owner)
{
    kube_schedule_disown(q->schedule, owner);
}

void kube_queue_reset_backoff(struct kube_queue *q)
{
    kube_schedule_reset_backoff(q->schedule);
    pump(q);
}

size_t kube_queue_in_flight(const struct kube_queue *q)
{
    return kube_schedule_in_flight(q->schedule);
}

size_t kube_queue_waiting(const struct kube_queue *q)
{
    return kube_schedule_waiting(q->schedule);
}
