#include "hooks.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

struct hooks {
    struct hooks_options o;
    uint64_t asked;
};

struct query_call {
    struct hooks *hooks;
    json_t *document;          /* NULL: the call is for the sender behind */
    struct query_call *behind; /* its call */
    query_done_fn done;
    void *context;
    struct job *job;
};

static void call_free(struct query_call *call)
{
    json_decref(call->document);
    free(call);
}

static void on_done_behind(void *context, int status, const char *body, size_t body_len, const struct err *e)
{
    struct query_call *call = context, over = *call;

    call_free(call);
    over.done(over.context, status, body, body_len, e);
}

static void fail(struct query_call *call, enum err_class class, const char *text)
{
    struct err e;

    err_set(&e, class, "%s", text);
    on_done_behind(call, 0, NULL, 0, &e);
}

static void answer(void *context)
{
    struct query_call *call = context;
    const struct hooks_options *o = &call->hooks->o;
    static const char rubbish[] = "<html>Welcome</html>";

    call->job = NULL;
    if (o->trace) {
        _cleanup_free_ char *document = doc_text(call->document);
        _cleanup_free_ char *text = str_printf("webhooks in state %d: %s", *o->state, document);
        o->trace(o->context, text);
    }
    switch (*o->state) {
    case HOOKS_NEVER:
        fail(call, ERR_TIMEOUT, "no whole answer in time");
        return;
    case HOOKS_DOWN:
        fail(call, ERR_UNAVAILABLE, "Connection refused");
        return;
    case HOOKS_NO:
        on_done_behind(call, 403, "", 0, NULL);
        return;
    case HOOKS_RUBBISH:
        on_done_behind(call, rng_chance(o->rng, 500) ? 302 : 500, rubbish, strlen(rubbish), NULL);
        return;
    default:
        o->agreed(o->context, call->document);
        on_done_behind(call, rng_chance(o->rng, 500) ? 200 : 204, "", 0, NULL);
    }
}

/* How long an answer is under way; never longer than it may. */
static msec_t way_of(struct hooks *h, msec_t timeout)
{
    if (*h->o.state == HOOKS_NEVER)
        return timeout;
    return *h->o.state == HOOKS_LATE ? rng_between(h->o.rng, SECONDS(1), timeout - 1) : rng_between(h->o.rng, 1, 40);
}

static int send_query(void *context, const struct query *query, query_done_fn done, void *done_context,
                      struct query_call **ret, struct err *e)
{
    struct hooks *h = context;
    struct query_call *call = NEW(struct query_call);

    *call = (struct query_call){.hooks = h, .done = done, .context = done_context};
    *ret = call;
    if (!str_starts(query->url, HOOKS_URL)) {
        if (h->o.behind.send(h->o.behind.context, query, on_done_behind, call, &call->behind, e) == 0)
            return 0;
        free(call);
        return -1;
    }
    call->document = json_loads(query->post, 0, NULL);
    h->asked++;
    h->o.asked(h->o.context, call->document);
    call->job = sched_at(h->o.sched, sched_now(h->o.sched) + way_of(h, query->timeout), answer, call);
    return 0;
}

static void cancel(void *context, struct query_call *call)
{
    struct hooks *h = context;

    if (call->behind)
        h->o.behind.cancel(h->o.behind.context, call->behind);
    else
        sched_drop(h->o.sched, call->job);
    call_free(call);
}

struct query_sender hooks_sender(struct hooks *h)
{
    return (struct query_sender){send_query, cancel, h};
}

uint64_t hooks_asked(const struct hooks *h)
{
    return h->asked;
}

struct hooks *hooks_new(const struct hooks_options *options)
{
    struct hooks *h = NEW(struct hooks);

    *h = (struct hooks){.o = *options};
    return h;
}

void hooks_free(struct hooks *h)
{
    free(h);
}
