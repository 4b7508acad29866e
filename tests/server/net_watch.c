/* What a watch brings, and what becomes of it on the way. */
#include <string.h>

#include "base/str.h"
#include "net_impl.h"

static const msec_t BOOKMARK_EVERY = SECONDS(60);

/* Some bytes of the stream, in one piece or two. False: the call is gone. */
static bool give(struct net_call *call, const char *data, size_t len)
{
    struct net *n = call->net;
    size_t first = len > 1 && rng_chance(n->o.rng, 100) ? (size_t)rng_between(n->o.rng, 1, (int64_t)len - 1) : len;

    for (size_t from = 0, part; from < len; from += part) {
        part = from ? len - from : first;
        if (call->data(call->context, data + from, part) < 0) {
            call->ending = (struct ending){.class = ERR_CANCELLED, .text = "ended by its reader"};
            net_finish(call);
            return false;
        }
    }
    return true;
}

static void add_disturbed(struct net_call *call, const char *line, size_t len, struct buf *out)
{
    const struct faults *f = call->net->o.faults;
    _cleanup_free_ char *odd = net_odd_line(call, line, len);
    bool bookmark = strstr(line, "\"type\":\"BOOKMARK\"") && strstr(line, "\"type\":\"BOOKMARK\"") < line + len;

    if (bookmark && net_chance(call->net, f->bookmark_lost))
        return;
    if (net_chance(call->net, f->watch_garbage))
        buf_add_str(out, rng_chance(call->net->o.rng, 500) ? "{\"type\":\"ADDED\",\"obj\n" : "<html>\n");
    if (net_chance(call->net, f->watch_error))
        buf_add_str(out,
                    rng_chance(call->net->o.rng, 700)
                        ? "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Gone\"}}\n"
                        : "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}\n");
    if (odd) {
        line = odd;
        len = strlen(odd);
    }
    buf_add(out, line, len);
    if (net_chance(call->net, f->watch_doubled))
        buf_add(out, line, len);
    if (call->last_line && net_chance(call->net, f->watch_repeated))
        buf_add_str(out, call->last_line);
    if (!bookmark && (!call->last_line || rng_chance(call->net->o.rng, 300))) {
        free(call->last_line);
        call->last_line = str_dup_n(line, len);
    }
}

static void disturb(struct net_call *call, struct buf *out)
{
    for (size_t from = 0, len; from < call->lines.len; from += len) {
        len = strcspn(call->lines.data + from, "\n") + 1;
        add_disturbed(call, call->lines.data + from, len, out);
    }
    buf_reset(&call->lines);
}

static void schedule_delivery(struct net_call *call);

static void on_delivery(void *context)
{
    struct net_call *call = context;
    struct net *n = call->net;
    const struct faults *f = n->o.faults;
    _cleanup_buf_ struct buf out = BUF_INIT;

    if (net_is_stopped(n)) {
        call->job = net_later(n, on_delivery, call);
        return;
    }
    call->job = NULL;
    if (!call->begun) {
        call->begun = true;
        (void)call->data(call->context, "", 0);
        schedule_delivery(call);
        return;
    }
    if (!call->ends && !stream_read(call->stream, &call->lines))
        call->ends = true;
    if (net_chance(n, f->watch_silent)) {
        call->silent = true;
        net_time_out(call);
        return;
    }
    disturb(call, &out);
    if (out.len && net_chance(n, f->watch_cut)) {
        if (!give(call, out.data, (size_t)rng_between(n->o.rng, 0, (int64_t)out.len)))
            return;
        if (rng_chance(n->o.rng, 700))
            net_lose(call);
        else
            net_end_at(call, net_in(n, 0, 50), (struct ending){.status = 200});
        return;
    }
    if (out.len && !give(call, out.data, out.len))
        return;
    if (call->ends || net_chance(n, f->watch_closed))
        net_end_at(call, net_in(n, 0, 20), (struct ending){.status = 200});
    else
        schedule_delivery(call);
}

static void schedule_delivery(struct net_call *call)
{
    struct net *n = call->net;
    bool has_more = !call->begun || call->ends || call->lines.len || stream_has_more(call->stream);

    if (call->job || call->silent || !has_more)
        return;
    call->job = sched_at(n->o.sched, net_in(n, 1, net_chance(n, n->o.faults->watch_late) ? SECONDS(10) : net_way(n)),
                         on_delivery, call);
}

static void on_bookmark(void *context)
{
    struct net_call *call = context;
    struct net *n = call->net;

    /* Older servers send one near the end only, which makes no difference here but the number. */
    stream_bookmark(call->stream, &call->lines);
    schedule_delivery(call);
    call->bookmark = sched_at(n->o.sched, sched_now(n->o.sched) + BOOKMARK_EVERY, on_bookmark, call);
}

static void on_close(void *context)
{
    struct net_call *call = context;

    call->close = NULL;
    call->ends = true;
    schedule_delivery(call);
}

static bool refuse_watch(struct net *n, struct answer *ret)
{
    static const struct {
        int status;
        const char *reason;
    } refusals[] = {{410, "Expired"}, {429, "TooManyRequests"}, {503, "ServiceUnavailable"}};
    size_t which;

    if (!net_chance(n, n->o.faults->watch_refused))
        return false;
    which = rng_below(n->o.rng, ARRAY_LEN(refusals));
    *ret = server_refusal(refusals[which].status, refusals[which].reason, "simulated", which ? 1 : 0);
    return true;
}

void net_open_watch(struct net_call *call, const struct net_request *request)
{
    struct net *n = call->net;
    struct answer refusal;
    int seconds;

    if (!refuse_watch(n, &refusal))
        call->stream = stream_open(n->o.server, request, &refusal);
    if (!call->stream) {
        net_end_at(call, net_in(n, 1, net_way(n)), (struct ending){.status = refusal.status, .body = refusal.body});
        return;
    }
    seconds = stream_seconds(call->stream);
    if (seconds)
        call->close = sched_at(n->o.sched, sched_now(n->o.sched) + SECONDS(seconds), on_close, call);
    call->bookmark =
        sched_at(n->o.sched, sched_now(n->o.sched) + rng_between(n->o.rng, 1, BOOKMARK_EVERY), on_bookmark, call);
    schedule_delivery(call);
}

bool net_is_behind(const struct net *n)
{
    const struct net_call *call;

    LIST_FOREACH(call, &n->calls, link)
        if (call->silent)
            return true;
    return false;
}

void net_poke(struct net *n)
{
    struct net_call *call;

    LIST_FOREACH(call, &n->calls, link)
        if (call->stream)
            schedule_delivery(call);
}

size_t net_watches(const struct net *n)
{
    const struct net_call *call;
    size_t count = 0;

    LIST_FOREACH(call, &n->calls, link)
        count += call->stream && !call->ends;
    return count;
}
