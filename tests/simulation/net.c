#include "net.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>

#include "base/str.h"
#include "json/doc.h"

static const msec_t TIMEOUT = SECONDS(30), BOOKMARK_EVERY = SECONDS(60);

struct kube_timer {
    void (*run)(void *context);
    void *context;
    struct job *job;
    struct net *net;
};

/* How a call ends. */
struct ending {
    int status; /* 0: without an answer */
    char *body;
    enum err_class class; /* where there is no answer */
    const char *text;
};

/* A request on its way; it arrives even where nobody waits for it any more. */
struct packet {
    LIST_ENTRY(packet) link;
    struct net *net;
    struct kube_request request;
    struct kube_call *call; /* NULL: nobody waits */
    struct job *job;
};

struct kube_call {
    LIST_ENTRY(kube_call) link;
    struct net *net;
    char *title; /* "GET /version" */
    kube_data_fn data;
    kube_done_fn done;
    void *context;
    msec_t timeout;
    struct packet *packet; /* until it has arrived */
    struct job *late;      /* the time behind which nobody waits for it */
    struct job *job;       /* the end, or the next delivery of a stream */
    struct ending ending;
    /* a watch */
    struct stream *stream;
    struct job *bookmark, *close;
    struct buf lines; /* of the server, not delivered yet */
    char *last_line;
    bool silent, ends;
};

struct net {
    struct kube_io io;
    struct net_options o;
    LIST_HEAD(, kube_call) calls;
    LIST_HEAD(, packet) packets;
    uint64_t requests, writes, faults;
};

static struct net *net_of(struct kube_io *io)
{
    return (struct net *)((char *)io - offsetof(struct net, io));
}

static void trace(const struct net *n, const char *what, const struct kube_call *call, const char *more)
{
    _cleanup_free_ char *text = NULL;

    if (!n->o.trace)
        return;
    text = str_printf("%s %s %s%s%s", n->o.name, what, call->title, *more ? ": " : "", more);
    n->o.trace(n->o.context, text);
}

static bool chance(struct net *n, unsigned permille)
{
    bool happens = rng_chance(n->o.rng, permille);

    n->faults += happens;
    return happens;
}

static msec_t in(const struct net *n, msec_t least, msec_t most)
{
    return sched_now(n->o.sched) + rng_between(n->o.rng, least, most);
}

/* --- the end of a call --- */

static void call_free(struct kube_call *call)
{
    struct net *n = call->net;

    LIST_REMOVE(call, link);
    sched_drop(n->o.sched, call->job);
    sched_drop(n->o.sched, call->late);
    sched_drop(n->o.sched, call->bookmark);
    sched_drop(n->o.sched, call->close);
    if (call->packet)
        call->packet->call = NULL;
    stream_free(call->stream);
    buf_release(&call->lines);
    free(call->last_line);
    free(call->ending.body);
    free(call->title);
    free(call);
}

static msec_t retry_after(const json_t *status)
{
    return SECONDS(doc_int(doc_at(status, "details", "retryAfterSeconds"), 0));
}

/* Tells the owner; the call is gone before he hears of it. */
static void finish(struct kube_call *call)
{
    struct ending end = call->ending;
    struct kube_response response = {.status = end.status, .body = str_or(end.body, "")};
    kube_done_fn done = call->done;
    void *context = call->context;
    _cleanup_json_ json_t *status = NULL;
    _cleanup_free_ char *body = end.body;
    struct err e;

    response.body_len = strlen(response.body);
    if (!end.status) {
        err_set(&e, end.class, "%s (%s)", end.text, call->title);
    } else if (end.status >= 300) {
        (void)doc_parse(response.body, response.body_len, SIZE_MAX, &status, NULL);
        if (end.status == 429 || end.status == 503)
            response.retry_after = retry_after(status);
        err_set(&e, kube_answer_class(end.status, doc_string(status, "reason")), "%s (%s)",
                str_or(doc_string(status, "message"), "HTTP error"), call->title);
    }
    trace(call->net, "<-", call, end.status ? (end.status < 300 ? "ok" : e.text) : e.text);
    call->ending.body = NULL;
    call_free(call);
    done(context, end.status ? &response : NULL, end.status && end.status < 300 ? NULL : &e);
}

/* A process that stands still hears of nothing until it goes on. */
static bool is_stopped(const struct net *n)
{
    return sched_now(n->o.sched) < *n->o.stopped_until;
}

static struct job *later(const struct net *n, void (*run)(void *context), void *context)
{
    return sched_at(n->o.sched, *n->o.stopped_until, run, context);
}

static void on_end(void *context)
{
    struct kube_call *call = context;

    if (is_stopped(call->net)) {
        call->job = later(call->net, on_end, call);
        return;
    }
    call->job = NULL;
    finish(call);
}

static void end_at(struct kube_call *call, msec_t at, struct ending ending)
{
    free(call->ending.body);
    call->ending = ending;
    sched_drop(call->net->o.sched, call->job);
    call->job = sched_at(call->net->o.sched, at, on_end, call);
}

static void end_without_answer(struct kube_call *call, msec_t at, enum err_class class, const char *text)
{
    end_at(call, at, (struct ending){.class = class, .text = text});
}

static void time_out(struct kube_call *call)
{
    end_without_answer(call, sched_now(call->net->o.sched) + call->timeout, ERR_TIMEOUT, "Operation timed out");
}

/* The request's own time is over; what was sent may arrive all the same. */
static void on_late(void *context)
{
    struct kube_call *call = context;

    call->late = NULL;
    end_without_answer(call, sched_now(call->net->o.sched), ERR_CANCELLED, "its time is over");
}

static void lose(struct kube_call *call)
{
    end_without_answer(call, in(call->net, 0, 50), ERR_UNAVAILABLE, "Connection reset by peer");
}

/* --- watches --- */

/* Some bytes of the stream, in one piece or two. False: the call is gone. */
static bool give(struct kube_call *call, const char *data, size_t len)
{
    struct net *n = call->net;
    size_t first = len > 1 && rng_chance(n->o.rng, 100) ? (size_t)rng_between(n->o.rng, 1, (int64_t)len - 1) : len;

    for (size_t from = 0, part; from < len; from += part) {
        part = from ? len - from : first;
        if (call->data(call->context, data + from, part) < 0) {
            call->ending = (struct ending){.class = ERR_CANCELLED, .text = "ended by its reader"};
            finish(call);
            return false;
        }
    }
    return true;
}

static void add_disturbed(struct kube_call *call, const char *line, size_t len, struct buf *out)
{
    const struct faults *f = call->net->o.faults;
    bool bookmark = strstr(line, "\"type\":\"BOOKMARK\"") && strstr(line, "\"type\":\"BOOKMARK\"") < line + len;

    if (bookmark && chance(call->net, f->bookmark_lost))
        return;
    if (chance(call->net, f->watch_garbage))
        buf_add_str(out, rng_chance(call->net->o.rng, 500) ? "{\"type\":\"ADDED\",\"obj\n" : "<html>\n");
    if (chance(call->net, f->watch_error))
        buf_add_str(out,
                    rng_chance(call->net->o.rng, 700)
                        ? "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Gone\"}}\n"
                        : "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}\n");
    buf_add(out, line, len);
    if (chance(call->net, f->watch_doubled))
        buf_add(out, line, len);
    if (call->last_line && chance(call->net, f->watch_repeated))
        buf_add_str(out, call->last_line);
    if (!bookmark && (!call->last_line || rng_chance(call->net->o.rng, 300))) {
        free(call->last_line);
        call->last_line = str_dup_n(line, len);
    }
}

static void disturb(struct kube_call *call, struct buf *out)
{
    for (size_t from = 0, len; from < call->lines.len; from += len) {
        len = strcspn(call->lines.data + from, "\n") + 1;
        add_disturbed(call, call->lines.data + from, len, out);
    }
    buf_reset(&call->lines);
}

static void schedule_delivery(struct kube_call *call);

static void on_delivery(void *context)
{
    struct kube_call *call = context;
    struct net *n = call->net;
    const struct faults *f = n->o.faults;
    _cleanup_buf_ struct buf out = BUF_INIT;

    if (is_stopped(n)) {
        call->job = later(n, on_delivery, call);
        return;
    }
    call->job = NULL;
    if (!call->ends && !stream_read(call->stream, &call->lines))
        call->ends = true;
    if (chance(n, f->watch_silent)) {
        call->silent = true;
        time_out(call);
        return;
    }
    disturb(call, &out);
    if (out.len && chance(n, f->watch_cut)) {
        if (!give(call, out.data, (size_t)rng_between(n->o.rng, 0, (int64_t)out.len)))
            return;
        if (rng_chance(n->o.rng, 700))
            lose(call);
        else
            end_at(call, in(n, 0, 50), (struct ending){.status = 200});
        return;
    }
    if (out.len && !give(call, out.data, out.len))
        return;
    if (call->ends || chance(n, f->watch_closed))
        end_at(call, in(n, 0, 20), (struct ending){.status = 200});
    else
        schedule_delivery(call);
}

static void schedule_delivery(struct kube_call *call)
{
    struct net *n = call->net;

    if (call->job || call->silent || (!call->ends && !call->lines.len && !stream_has_more(call->stream)))
        return;
    call->job =
        sched_at(n->o.sched, in(n, 1, chance(n, n->o.faults->watch_late) ? SECONDS(10) : 20), on_delivery, call);
}

static void on_bookmark(void *context)
{
    struct kube_call *call = context;
    struct net *n = call->net;

    /* Older servers send one near the end only, which makes no difference here but the number. */
    stream_bookmark(call->stream, &call->lines);
    schedule_delivery(call);
    call->bookmark = sched_at(n->o.sched, sched_now(n->o.sched) + BOOKMARK_EVERY, on_bookmark, call);
}

static void on_close(void *context)
{
    struct kube_call *call = context;

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

    if (!chance(n, n->o.faults->watch_refused))
        return false;
    which = rng_below(n->o.rng, ARRAY_LEN(refusals));
    *ret = server_refusal(refusals[which].status, refusals[which].reason, "simulated", which ? 1 : 0);
    return true;
}

static void open_watch(struct kube_call *call, const struct kube_request *request)
{
    struct net *n = call->net;
    struct answer refusal;
    int seconds;

    if (!refuse_watch(n, &refusal))
        call->stream = stream_open(n->o.server, request, &refusal);
    if (!call->stream) {
        end_at(call, in(n, 1, 20), (struct ending){.status = refusal.status, .body = refusal.body});
        return;
    }
    seconds = stream_seconds(call->stream);
    if (seconds)
        call->close = sched_at(n->o.sched, sched_now(n->o.sched) + SECONDS(seconds), on_close, call);
    call->bookmark =
        sched_at(n->o.sched, sched_now(n->o.sched) + rng_between(n->o.rng, 1, BOOKMARK_EVERY), on_bookmark, call);
    schedule_delivery(call);
}

void net_poke(struct net *n)
{
    struct kube_call *call;

    LIST_FOREACH(call, &n->calls, link)
        if (call->stream)
            schedule_delivery(call);
}

/* --- requests --- */

/* Answers of the server, or of something before it, that do not carry the request out. */
static bool refuse(struct net *n, const struct kube_request *request, struct answer *ret)
{
    const struct faults *f = n->o.faults;
    int seconds = (int)rng_between(n->o.rng, 1, 10);

    if (chance(n, f->throttled))
        *ret = server_refusal(429, "TooManyRequests", "too many requests", seconds);
    else if (request->method != KUBE_GET && chance(n, f->conflict))
        *ret = server_refusal(409, "Conflict", "simulated conflict", 0);
    else if (chance(n, f->broken))
        *ret = server_refusal(500, "InternalError", "etcdserver: leader changed", 0);
    else if (chance(n, f->unavailable))
        *ret = server_refusal(503, "ServiceUnavailable", "apiserver not ready", seconds);
    else
        return false;
    return true;
}

static void deliver(struct kube_call *call, struct answer answer)
{
    struct net *n = call->net;
    const struct faults *f = n->o.faults;
    msec_t at = in(n, 1, chance(n, f->slow) ? SECONDS(20) : 20);

    if (chance(n, f->too_late)) {
        free(answer.body);
        answer = server_refusal(504, "Timeout", "request did not complete within the allotted timeout", 0);
    }
    if (chance(n, f->answer_cut))
        answer.body[rng_below(n->o.rng, strlen(answer.body) + 1)] = '\0';
    if (chance(n, f->answer_garbage)) {
        free(answer.body);
        answer.body = str_dup(rng_chance(n->o.rng, 500) ? "<html>502 bad gateway</html>" : "[1, {\"metadata\": 7}]");
    }
    if (chance(n, f->answer_lost)) {
        free(answer.body);
        lose(call);
    } else if (chance(n, f->answer_silent)) {
        free(answer.body);
        time_out(call);
    } else {
        end_at(call, at, (struct ending){.status = answer.status, .body = answer.body});
    }
}

static struct answer carry_out(struct net *n, const struct kube_request *request)
{
    struct answer answer;

    if (refuse(n, request, &answer))
        return answer;
    answer = server_handle(n->o.server, request, WHO_OPERATOR);
    if (chance(n, n->o.faults->doubled)) {
        free(answer.body);
        answer = server_handle(n->o.server, request, WHO_OPERATOR);
    }
    return answer;
}

static void packet_free(struct packet *p)
{
    LIST_REMOVE(p, link);
    sched_drop(p->net->o.sched, p->job);
    kube_request_release(&p->request);
    free(p);
}

static void on_arrival(void *context)
{
    struct packet *p = context;
    struct net *n = p->net;
    struct kube_call *call = p->call;
    struct answer answer;

    p->job = NULL;
    if (call)
        call->packet = NULL;
    if (*n->o.down) {
        if (call)
            end_without_answer(call, in(n, 0, 5), ERR_UNAVAILABLE, "Connection refused");
    } else if (call && call->data) {
        open_watch(call, &p->request);
    } else if (!server_is_watch(&p->request)) {
        answer = carry_out(n, &p->request);
        if (call)
            deliver(call, answer);
        else
            free(answer.body);
    }
    packet_free(p);
}

static struct packet *post(struct kube_call *call, struct kube_request *request)
{
    struct net *n = call->net;
    struct packet *p = NEW(struct packet);

    *p = (struct packet){.net = n, .request = *request, .call = call};
    LIST_INSERT_HEAD(&n->packets, p, link);
    p->job = sched_at(n->o.sched, in(n, 1, 20), on_arrival, p);
    return p;
}

bool net_is_write(const struct kube_request *request)
{
    return request->method != KUBE_GET && !strstr(request->path, "/events") && !strstr(request->path, "/leases");
}

static struct kube_call *send_request(struct kube_io *io, struct kube_request *request, kube_data_fn data,
                                      kube_done_fn done, void *context)
{
    struct net *n = net_of(io);
    const struct faults *f = n->o.faults;
    struct kube_call *call = NEW(struct kube_call);

    *call = (struct kube_call){.net = n, .data = data, .done = done, .context = context};
    call->timeout = request->timeout ? request->timeout : TIMEOUT;
    call->title = str_printf("%s %s", kube_method_name(request->method), request->path);
    if (request->not_after)
        call->late = sched_at(n->o.sched, request->not_after, on_late, call);
    LIST_INSERT_HEAD(&n->calls, call, link);
    n->requests++;
    n->writes += net_is_write(request);
    if (n->o.sent)
        n->o.sent(n->o.context, request);
    trace(n, "->", call, request->method == KUBE_GET ? "" : str_or(request->body, ""));
    if (chance(n, f->request_lost)) {
        lose(call);
        kube_request_release(request);
    } else if (chance(n, f->request_silent)) {
        time_out(call);
        kube_request_release(request);
    } else {
        call->packet = post(call, request);
    }
    *request = (struct kube_request){0};
    return call;
}

/* What was sent may arrive all the same. */
static void cancel(struct kube_io *io, struct kube_call *call)
{
    struct net *n = net_of(io);

    trace(n, "x-", call, "");
    if (call->packet && rng_chance(n->o.rng, 500)) {
        packet_free(call->packet);
        call->packet = NULL;
    }
    call_free(call);
}

void net_hang_up(struct net *n)
{
    while (!LIST_EMPTY(&n->calls))
        cancel(&n->io, LIST_FIRST(&n->calls));
}

void net_break(struct net *n)
{
    struct kube_call *call;

    LIST_FOREACH(call, &n->calls, link) {
        if (call->packet) {
            if (rng_chance(n->o.rng, 500))
                packet_free(call->packet);
            else
                call->packet->call = NULL;
            call->packet = NULL;
        }
        stream_free(call->stream);
        call->stream = NULL;
        sched_drop(n->o.sched, call->bookmark);
        sched_drop(n->o.sched, call->close);
        call->bookmark = call->close = NULL;
        lose(call);
    }
}

/* --- time and chance --- */

static msec_t now(struct kube_io *io)
{
    return sched_now(net_of(io)->o.sched);
}

static msec_t wall(struct kube_io *io)
{
    return sched_now(net_of(io)->o.sched) + *net_of(io)->o.wall;
}

static uint32_t random_number(struct kube_io *io)
{
    return (uint32_t)rng_next(net_of(io)->o.rng);
}

static struct kube_timer *timer_new(struct kube_io *io, void (*run)(void *context), void *context)
{
    struct kube_timer *timer = NEW(struct kube_timer);

    *timer = (struct kube_timer){.run = run, .context = context, .net = net_of(io)};
    return timer;
}

static void on_timer(void *context)
{
    struct kube_timer *timer = context;

    if (is_stopped(timer->net)) {
        timer->job = later(timer->net, on_timer, timer);
        return;
    }
    timer->job = NULL;
    timer->run(timer->context);
}

static void timer_set(struct kube_io *io, struct kube_timer *timer, msec_t at)
{
    struct sched *sched = net_of(io)->o.sched;

    sched_drop(sched, timer->job);
    timer->job = at == MSEC_NEVER ? NULL : sched_at(sched, at, on_timer, timer);
}

static void timer_free(struct kube_io *io, struct kube_timer *timer)
{
    if (!timer)
        return;
    sched_drop(net_of(io)->o.sched, timer->job);
    free(timer);
}

struct net *net_new(const struct net_options *options)
{
    struct net *n = NEW(struct net);

    n->o = *options;
    n->io = (struct kube_io){.now = now,
                             .wall = wall,
                             .random = random_number,
                             .send = send_request,
                             .cancel = cancel,
                             .timer_new = timer_new,
                             .timer_set = timer_set,
                             .timer_free = timer_free};
    LIST_INIT(&n->calls);
    LIST_INIT(&n->packets);
    return n;
}

void net_free(struct net *n)
{
    if (!n)
        return;
    while (!LIST_EMPTY(&n->calls))
        call_free(LIST_FIRST(&n->calls));
    while (!LIST_EMPTY(&n->packets))
        packet_free(LIST_FIRST(&n->packets));
    free(n);
}

struct kube_io *net_io(struct net *n)
{
    return &n->io;
}

uint64_t net_requests(const struct net *n)
{
    return n->requests;
}

uint64_t net_writes(const struct net *n)
{
    return n->writes;
}

uint64_t net_faults(const struct net *n)
{
    return n->faults;
}
