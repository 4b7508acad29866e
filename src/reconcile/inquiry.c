#include "reconcile/inquiry.h"

#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/str.h"

/* From one sending of a key, or its answer, to the next sending, whatever its URL is. */
#define INTERVAL_LEAST SECONDS(1)

/* A query, while plans ask it. */
struct asked {
    TAILQ_ENTRY(asked) link;
    struct inquiry *inquiry;
    struct query query;      /* an owned copy */
    struct query_call *call; /* NULL: none is under way */
    int tries;               /* that came to nothing since the last answer */
    bool answered, failed;   /* `failed`: there is no answer, as `error` says */
    struct err error;
    int status;
    char *body;
    size_t body_len;
    msec_t at;                 /* wall: of the answer */
    msec_t sent, arrived, due; /* monotonic: the last sending and its answer; when to send it */
};

struct inquiry {
    struct net_io *io;
    const struct query_sender *sender, *dry_runs;
    const struct kube_gate *gate;
    void (*answered)(void *context);
    void *context;
    TAILQ_HEAD(, asked) all;
    struct net_timer *timer;
    bool tells; /* the timer has to say that there is an answer */
    struct query_answer answers[QUERIES_MAX];
};

void query_is_over(query_done_fn done, void *context, const struct net_response *response, const struct err *e)
{
    if (response)
        done(context, response->status, response->body, response->body_len, NULL);
    else
        done(context, 0, NULL, 0, e);
}

static const struct query_sender *sender_of(const struct asked *a)
{
    return a->query.create ? a->inquiry->dry_runs : a->inquiry->sender;
}

static void cancel(struct asked *a)
{
    const struct query_sender *sender = sender_of(a);

    if (a->call)
        sender->cancel(sender->context, a->call);
    a->call = NULL;
}

static void asked_free(struct asked *a)
{
    cancel(a);
    TAILQ_REMOVE(&a->inquiry->all, a, link);
    query_release(&a->query);
    free(a->body);
    free(a);
}

static void arm(struct inquiry *i)
{
    msec_t due = i->tells ? i->io->now(i->io) : MSEC_NEVER;
    const struct asked *a;

    TAILQ_FOREACH(a, &i->all, link)
    if (!a->call && a->due < due)
        due = a->due;
    i->io->timer_set(i->io, i->timer, due);
}

/* When an answer, or failure, is too old. */
static msec_t expiry(const struct asked *a)
{
    msec_t age = a->query.max_age > INTERVAL_LEAST ? a->query.max_age : INTERVAL_LEAST;

    return age >= MSEC_NEVER - a->arrived ? MSEC_NEVER : a->arrived + age;
}

static void note(struct asked *a, int status, const char *body, size_t body_len, const struct err *e)
{
    struct net_io *io = a->inquiry->io;

    free(a->body);
    a->body = body ? str_dup_n(body, body_len) : NULL;
    a->body_len = body ? body_len : 0;
    a->status = status;
    a->answered = true;
    a->failed = e;
    if (e)
        a->error = *e;
    a->at = io->wall(io);
    a->arrived = io->now(io);
    a->due = expiry(a);
}

/* What came may be otherwise soon: then it is sent again, and is no answer yet. */
static bool tries_again(struct asked *a, int status, const struct err *e)
{
    bool may_change = e || status == 429 || status >= 500;

    if (!may_change || a->tries >= a->query.retries) {
        a->tries = 0;
        return false;
    }
    a->due = a->inquiry->io->now(a->inquiry->io) + (INTERVAL_LEAST << a->tries++);
    return true;
}

static void on_done(void *context, int status, const char *body, size_t body_len, const struct err *e)
{
    struct asked *a = context;
    struct inquiry *i = a->inquiry;

    a->call = NULL;
    if (tries_again(a, status, e)) {
        arm(i);
        return;
    }
    note(a, status, body, body_len, e);
    arm(i);
    i->answered(i->context);
}

/* What is known or under way does not answer another question. When the key was sent stays known. */
static void forget_answer(struct asked *a)
{
    cancel(a);
    free(a->body);
    a->body = NULL;
    a->body_len = 0;
    a->tries = 0;
    a->answered = a->failed = false;
    a->due = a->sent + INTERVAL_LEAST;
}

/*
 * What is posted has an effect: a replica that does not act looks again later whether it does. An answer that is too
 * old by then is none.
 */
static bool may_send(struct asked *a, msec_t now)
{
    if (!a->query.post || kube_gate_is_open(a->inquiry->gate, &a->query.not_after))
        return true;
    forget_answer(a);
    a->due = now + INTERVAL_LEAST;
    return false;
}

static void send_due(struct inquiry *i)
{
    struct asked *a;

    TAILQ_FOREACH(a, &i->all, link)
    {
        const struct query_sender *sender = sender_of(a);
        struct err e;
        if (a->call || a->due > i->io->now(i->io) || !may_send(a, i->io->now(i->io)))
            continue;
        a->sent = i->io->now(i->io);
        if (sender->send(sender->context, &a->query, on_done, a, &a->call, &e) < 0) {
            note(a, 0, NULL, 0, &e);
            i->tells = true;
        }
    }
    arm(i);
}

static void on_timer(void *context)
{
    struct inquiry *i = context;
    bool tells = i->tells;

    i->tells = false;
    send_due(i);
    if (tells)
        i->answered(i->context);
}

struct inquiry *inquiry_new(
    struct net_io *io, const struct query_sender *sender, const struct query_sender *dry_runs,
    const struct kube_gate *gate, void (*answered)(void *context), void *context)
{
    struct inquiry *i = NEW(struct inquiry);

    *i = (struct inquiry){
        .io = io,
        .sender = sender,
        .dry_runs = dry_runs,
        .gate = gate,
        .answered = answered,
        .context = context,
    };
    TAILQ_INIT(&i->all);
    i->timer = io->timer_new(io, on_timer, i);
    return i;
}

void inquiry_free(struct inquiry *i)
{
    struct asked *a;

    if (!i)
        return;
    while ((a = TAILQ_FIRST(&i->all)))
        asked_free(a);
    i->io->timer_free(i->io, i->timer);
    free(i);
}

static struct asked *find(const struct inquiry *i, const char *key)
{
    struct asked *a;

    TAILQ_FOREACH(a, &i->all, link)
    if (str_eq(a->query.key, key))
        return a;
    return NULL;
}

/* Adds the query, or takes over what it says of one that is asked already. */
static void add(struct inquiry *i, const struct query *query)
{
    struct asked *a = find(i, query->key);

    if (!a) {
        a = NEW(struct asked);
        a->inquiry = i;
        a->query = query_copy(query);
        TAILQ_INSERT_TAIL(&i->all, a, link);
        return;
    }
    if (!query_asks_same(&a->query, query)) {
        forget_answer(a);
        query_release(&a->query);
        a->query = query_copy(query);
    }
    a->query.timeout = query->timeout;
    a->query.retries = query->retries;
    a->query.body_max = query->body_max;
    a->query.max_age = query->max_age;
    if (a->answered)
        a->due = expiry(a);
}

void inquiry_follow(struct inquiry *i, const struct queries *queries)
{
    struct asked *a, *next;

    for (a = TAILQ_FIRST(&i->all); a; a = next) {
        next = TAILQ_NEXT(a, link);
        if (!queries_find(queries, a->query.key))
            asked_free(a);
    }
    for (size_t k = 0; k < queries->len; k++)
        add(i, &queries->items[k]);
    send_due(i);
}

void inquiry_forget_posts(struct inquiry *i)
{
    struct asked *a, *next;

    for (a = TAILQ_FIRST(&i->all); a; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->query.post)
            asked_free(a);
    }
}

struct query_answers inquiry_answers(struct inquiry *i)
{
    struct query_answers all = {.items = i->answers};
    const struct asked *a;
    msec_t not_after;
    bool acts = kube_gate_is_open(i->gate, &not_after);

    TAILQ_FOREACH(a, &i->all, link)
    if (a->answered && (acts || !a->query.post))
        i->answers[all.len++] = (struct query_answer){
            .key = a->query.key,
            .error = a->failed ? a->error.text : NULL,
            .status = a->status,
            .body = str_or(a->body, ""),
            .body_len = a->body_len,
            .at = a->at,
        };
    return all;
}
