#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/client.h"
#include "net_impl.h"

static const msec_t TIMEOUT = SECONDS(30);
/* On the way to the server, and in the hands of a client that has no connection yet. */
static const msec_t WAY_MOST = SECONDS(2), HELD_MOST = SECONDS(14);

struct net_timer {
    void (*run)(void *context);
    void *context;
    struct job *job;
    struct net *net;
};

static struct net *net_of(struct net_io *io)
{
    return (struct net *)((char *)io - offsetof(struct net, io));
}

static void trace(const struct net *n, const char *what, const struct net_call *call, const char *more)
{
    _cleanup_free_ char *text = NULL;

    if (!n->o.trace)
        return;
    text = str_printf("%s %s %s%s%s", n->o.name, what, call->title, *more ? ": " : "", more);
    n->o.trace(n->o.context, text);
}

bool net_chance(struct net *n, unsigned permille)
{
    bool happens = rng_chance(n->o.rng, permille);

    n->faults += happens;
    return happens;
}

msec_t net_in(const struct net *n, msec_t least, msec_t most)
{
    return sched_now(n->o.sched) + rng_between(n->o.rng, least, most);
}

msec_t net_way(const struct net *n)
{
    return n->o.way_most ? *n->o.way_most : 20;
}

/* --- the end of a call --- */

static void call_free(struct net_call *call)
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
void net_finish(struct net_call *call)
{
    struct ending end = call->ending;
    struct net_response response = {.status = end.status, .body = str_or(end.body, "")};
    net_done_fn done = call->done;
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
        err_set(&e, kube_answer_class(end.status, status), "%s (%s)",
                str_or(doc_string(status, "message"), "HTTP error"), call->title);
    }
    trace(call->net, "<-", call, end.status ? (end.status < 300 ? "ok" : e.text) : e.text);
    call->ending.body = NULL;
    call_free(call);
    done(context, end.status ? &response : NULL, end.status && end.status < 300 ? NULL : &e);
}

/* A process that stands still hears of nothing until it goes on. */
bool net_is_stopped(const struct net *n)
{
    return sched_now(n->o.sched) < *n->o.stopped_until;
}

struct job *net_later(const struct net *n, void (*run)(void *context), void *context)
{
    return sched_at(n->o.sched, *n->o.stopped_until, run, context);
}

static void on_end(void *context)
{
    struct net_call *call = context;

    if (net_is_stopped(call->net)) {
        call->job = net_later(call->net, on_end, call);
        return;
    }
    call->job = NULL;
    net_finish(call);
}

void net_end_at(struct net_call *call, msec_t at, struct ending ending)
{
    free(call->ending.body);
    call->ending = ending;
    sched_drop(call->net->o.sched, call->job);
    call->job = sched_at(call->net->o.sched, at, on_end, call);
}

static void end_without_answer(struct net_call *call, msec_t at, enum err_class class, const char *text)
{
    net_end_at(call, at, (struct ending){.class = class, .text = text});
}

void net_time_out(struct net_call *call)
{
    end_without_answer(call, sched_now(call->net->o.sched) + call->timeout, ERR_TIMEOUT, "Operation timed out");
}

static void packet_free(struct packet *p)
{
    LIST_REMOVE(p, link);
    sched_drop(p->net->o.sched, p->job);
    net_request_release(&p->request);
    free(p->sender);
    free(p);
}

/* Nobody waits any more. What has left may arrive all the same. */
static void drop_packet(struct net_call *call)
{
    struct packet *p = call->packet;

    call->packet = NULL;
    if (p && (p->held || rng_chance(call->net->o.rng, 500)))
        packet_free(p);
    else if (p)
        p->call = NULL;
}

/* The request's own time is over. */
static void on_late(void *context)
{
    struct net_call *call = context;

    if (net_is_stopped(call->net)) {
        call->late = net_later(call->net, on_late, call);
        return;
    }
    call->late = NULL;
    drop_packet(call);
    end_without_answer(call, sched_now(call->net->o.sched), ERR_CANCELLED, "its time is over");
}

void net_lose(struct net_call *call)
{
    end_without_answer(call, net_in(call->net, 0, 50), ERR_UNAVAILABLE, "Connection reset by peer");
}

/* --- requests --- */

/* Answers of the server, or of something before it, that do not carry the request out. */
static bool refuse(struct net *n, const struct net_request *request, struct answer *ret)
{
    const struct faults *f = n->o.faults;
    int seconds = (int)rng_between(n->o.rng, 1, 10);

    if (net_chance(n, f->throttled))
        *ret = server_refusal(429, "TooManyRequests", "too many requests", seconds);
    else if (request->method != NET_GET && net_chance(n, f->conflict))
        *ret = server_refusal(409, "Conflict", "simulated conflict", 0);
    else if (net_chance(n, f->broken))
        *ret = server_refusal(500, "InternalError", "etcdserver: leader changed", 0);
    else if (net_chance(n, f->unavailable))
        *ret = server_refusal(503, "ServiceUnavailable", "apiserver not ready", seconds);
    else
        return false;
    return true;
}

static void deliver(struct net_call *call, struct answer answer)
{
    struct net *n = call->net;
    const struct faults *f = n->o.faults;
    msec_t at = net_in(n, 1, net_chance(n, f->slow) ? SECONDS(20) : net_way(n));

    if (net_chance(n, f->too_late)) {
        free(answer.body);
        answer = server_refusal(504, "Timeout", "request did not complete within the allotted timeout", 0);
    }
    answer.body = net_odd_body(call, answer.body);
    if (net_chance(n, f->answer_cut))
        answer.body[rng_below(n->o.rng, strlen(answer.body) + 1)] = '\0';
    if (net_chance(n, f->answer_garbage)) {
        free(answer.body);
        answer.body = str_dup(rng_chance(n->o.rng, 500) ? "<html>502 bad gateway</html>" : "[1, {\"metadata\": 7}]");
    }
    if (net_chance(n, f->answer_lost)) {
        free(answer.body);
        net_lose(call);
    } else if (net_chance(n, f->answer_silent)) {
        free(answer.body);
        net_time_out(call);
    } else {
        net_end_at(call, at, (struct ending){.status = answer.status, .body = answer.body});
    }
}

static struct answer carry_out(struct net *n, const struct packet *p)
{
    const struct net_request *request = &p->request;
    struct answer answer;

    if (refuse(n, request, &answer))
        return answer;
    if (n->o.arrived)
        n->o.arrived(n->o.context, p->sender, request);
    answer = server_handle(n->o.server, request, WHO_OPERATOR);
    if (net_chance(n, n->o.faults->doubled)) {
        free(answer.body);
        answer = server_handle(n->o.server, request, WHO_OPERATOR);
    }
    return answer;
}

static bool is_unknown(const struct net *n)
{
    return n->o.accepted && *n->o.accepted != n->o.token;
}

static void on_arrival(void *context)
{
    struct packet *p = context;
    struct net *n = p->net;
    struct net_call *call = p->call;
    struct answer answer;

    p->job = NULL;
    if (call)
        call->packet = NULL;
    if (*n->o.down) {
        if (call)
            end_without_answer(call, net_in(n, 0, 5), ERR_UNAVAILABLE, "Connection refused");
    } else if (is_unknown(n)) {
        answer = server_refusal(401, "Unauthorized", "Unauthorized", 0);
        if (call)
            net_end_at(call, net_in(n, 1, net_way(n)), (struct ending){.status = answer.status, .body = answer.body});
        else
            free(answer.body);
    } else if (n->o.intercept && n->o.intercept(n->o.context, &p->request, &answer)) {
        if (call)
            deliver(call, answer);
        else
            free(answer.body);
    } else if (call && call->data) {
        net_open_watch(call, &p->request);
    } else if (!server_is_watch(&p->request)) {
        answer = carry_out(n, p);
        if (call)
            deliver(call, answer);
        else
            free(answer.body);
    }
    packet_free(p);
}

static void depart(struct packet *p)
{
    struct net *n = p->net;

    p->job = sched_at(n->o.sched, net_in(n, 1, net_chance(n, n->o.faults->request_slow) ? WAY_MOST : net_way(n)),
                      on_arrival, p);
}

/* A client looks at the time before it sends; a call whose time is over ends by itself. */
static void on_departure(void *context)
{
    struct packet *p = context;
    struct net *n = p->net;
    msec_t not_after = p->request.not_after;

    if (net_is_stopped(n)) {
        p->job = net_later(n, on_departure, p);
        return;
    }
    p->job = NULL;
    if (not_after && sched_now(n->o.sched) >= not_after)
        return;
    p->held = false;
    depart(p);
}

static struct packet *post(struct net_call *call, struct net_request *request)
{
    struct net *n = call->net;
    struct packet *p = NEW(struct packet);

    *p = (struct packet){.net = n, .request = *request, .call = call};
    p->sender = n->o.sender ? str_dup(n->o.sender) : NULL;
    LIST_INSERT_HEAD(&n->packets, p, link);
    if (net_chance(n, n->o.faults->request_held)) {
        p->held = true;
        p->job = sched_at(n->o.sched, net_in(n, 1, HELD_MOST), on_departure, p);
    } else {
        depart(p);
    }
    return p;
}

bool net_is_write(const struct net_request *request)
{
    return request->method != NET_GET && !strstr(request->path, "/events") && !strstr(request->path, "/leases");
}

static struct net_call *send_request(struct net_io *io, struct net_request *request, net_data_fn data, net_done_fn done,
                                     void *context)
{
    struct net *n = net_of(io);
    const struct faults *f = n->o.faults;
    struct net_call *call = NEW(struct net_call);

    *call = (struct net_call){.net = n, .data = data, .done = done, .context = context};
    call->timeout = request->timeout ? request->timeout : TIMEOUT;
    call->title = str_printf("%s %s", net_method_name(request->method), request->path);
    if (request->not_after)
        call->late = sched_at(n->o.sched, request->not_after, on_late, call);
    LIST_INSERT_HEAD(&n->calls, call, link);
    n->requests++;
    n->writes += net_is_write(request);
    if (n->o.sent)
        n->o.sent(n->o.context, request);
    trace(n, "->", call, request->method == NET_GET ? "" : str_or(request->body, ""));
    if (net_chance(n, f->request_lost)) {
        net_lose(call);
        net_request_release(request);
    } else if (net_chance(n, f->request_silent)) {
        net_time_out(call);
        net_request_release(request);
    } else {
        call->packet = post(call, request);
    }
    *request = (struct net_request){0};
    return call;
}

/* What was sent may arrive all the same. */
static void cancel(struct net_io *io, struct net_call *call)
{
    struct net *n = net_of(io);

    trace(n, "x-", call, "");
    drop_packet(call);
    call_free(call);
}

void net_hang_up(struct net *n)
{
    while (!LIST_EMPTY(&n->calls))
        cancel(&n->io, LIST_FIRST(&n->calls));
}

void net_break(struct net *n)
{
    struct net_call *call;

    LIST_FOREACH(call, &n->calls, link) {
        drop_packet(call);
        stream_free(call->stream);
        call->stream = NULL;
        sched_drop(n->o.sched, call->bookmark);
        sched_drop(n->o.sched, call->close);
        call->bookmark = call->close = NULL;
        net_lose(call);
    }
}

/* --- time and chance --- */

static msec_t now(struct net_io *io)
{
    return sched_now(net_of(io)->o.sched);
}

static msec_t wall(struct net_io *io)
{
    return sched_now(net_of(io)->o.sched) + *net_of(io)->o.wall;
}

static uint32_t random_number(struct net_io *io)
{
    return (uint32_t)rng_next(net_of(io)->o.rng);
}

static struct net_timer *timer_new(struct net_io *io, void (*run)(void *context), void *context)
{
    struct net_timer *timer = NEW(struct net_timer);

    *timer = (struct net_timer){.run = run, .context = context, .net = net_of(io)};
    return timer;
}

static void on_timer(void *context)
{
    struct net_timer *timer = context;

    if (net_is_stopped(timer->net)) {
        timer->job = net_later(timer->net, on_timer, timer);
        return;
    }
    timer->job = NULL;
    timer->run(timer->context);
}

static void timer_set(struct net_io *io, struct net_timer *timer, msec_t at)
{
    struct sched *sched = net_of(io)->o.sched;

    sched_drop(sched, timer->job);
    timer->job = at == MSEC_NEVER ? NULL : sched_at(sched, at, on_timer, timer);
}

static void timer_free(struct net_io *io, struct net_timer *timer)
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
    n->io = (struct net_io){.now = now,
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

struct net_io *net_io(struct net *n)
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
