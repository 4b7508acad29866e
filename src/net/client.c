#include "net/client.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "net/client_impl.h"

enum { MAX_BODY = 64 * 1024 * 1024, LOST_ANSWERS_MAX = 10 };
static const msec_t DEFAULT_TIMEOUT = SECONDS(30), DEFAULT_CONNECT_TIMEOUT = SECONDS(10);

static void start(struct net_call *call);

static struct net_call_list *list_of(struct net_call *call)
{
    switch (call->state) {
    case CALL_WAITING:
        return &call->client->waiting;
    case CALL_RUNNING:
        return &call->client->running;
    case CALL_ENDED:
        return &call->client->ended;
    default:
        return NULL;
    }
}

static void move(struct net_call *call, __typeof__(((struct net_call *)0)->state) state)
{
    if (list_of(call))
        TAILQ_REMOVE(list_of(call), call, link);
    call->state = state;
    if (list_of(call))
        TAILQ_INSERT_TAIL(list_of(call), call, link);
}

void net_credentials_unref(struct net_credentials *c)
{
    if (!c || --c->refs)
        return;
    str_free_secret(c->authorization);
    str_free_secret(c->key_pem);
    free(c->cert_pem);
    free(c->ca_pem);
    free(c);
}

static void set_fed(struct net_call *call, bool fed)
{
    if (call->fed == fed)
        return;
    call->fed = fed;
    if (fed)
        TAILQ_INSERT_TAIL(&call->client->fed, call, fed_link);
    else
        TAILQ_REMOVE(&call->client->fed, call, fed_link);
}

static void drop_body(struct net_call *call)
{
    call->client->held -= call->body.len;
    if (call->request.secret)
        buf_release_secret(&call->body);
    else
        buf_release(&call->body);
}

static void stop(struct net_call *call)
{
    net_transport_stop(call);
    set_fed(call, false);
    if (call->deadline)
        event_del(call->deadline);
}

static void call_free(struct net_call *call)
{
    stop(call);
    move(call, CALL_OVER);
    if (call->deadline)
        event_free(call->deadline);
    drop_body(call);
    net_credentials_unref(call->credentials);
    net_request_release(&call->request);
    free(call->content_type);
    free(call->failure);
    free(call);
}

/* The call is over with `e`; its owner is notified from the loop. */
static void end(struct net_call *call, const struct err *e)
{
    stop(call);
    free(call->failure);
    call->failure = mem_dup(e, sizeof(*e));
    move(call, CALL_ENDED);
    event_active(call->client->deferred, EV_TIMEOUT, 0);
}

static int too_late(const struct net_call *call, struct err *e)
{
    char name[256];

    net_request_name(&call->request, name, sizeof(name));
    return err_set(e, ERR_CANCELLED, "no answer before its time was over (%s)", name);
}

static void end_late_call(struct net_call *call)
{
    struct err e;

    too_late(call, &e);
    if (call->state == CALL_RUNNING)
        net_transport_cut(call->client);
    end(call, &e);
}

/* Whether it must not be under way any more. */
static bool is_late(const struct net_call *call, msec_t now)
{
    return call->request.not_after && now >= call->request.not_after;
}

static bool has_late(const struct net_client *c)
{
    msec_t now = clock_now_monotonic();
    const struct net_call *call;

    if (now < c->not_after)
        return false;
    TAILQ_FOREACH(call, &c->running, link)
    if (is_late(call, now))
        return true;
    return false;
}

static void end_late(struct net_client *c)
{
    msec_t now = clock_now_monotonic(), earliest = MSEC_NEVER;
    struct net_call *call, *next;

    if (now < c->not_after)
        return;
    for (call = TAILQ_FIRST(&c->running); call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (is_late(call, now))
            end_late_call(call);
        else if (call->request.not_after && call->request.not_after < earliest)
            earliest = call->request.not_after;
    }
    c->not_after = earliest;
}

static msec_t call_timeout(const struct net_call *call)
{
    return call->request.timeout ? call->request.timeout : call->client->options.timeout;
}

static void arm(struct net_call *call, msec_t ms)
{
    event_add(call->deadline, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

/* Data moves only last_heard, not the timer: the time that is left is checked when the timer runs out. */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct net_call *call = context;
    msec_t now = clock_now_monotonic(), timeout = call_timeout(call), left = call->last_heard + timeout - now;
    char name[256];
    struct err e;

    (void)fd;
    (void)what;
    if (is_late(call, now)) {
        end_late_call(call);
        return;
    }
    if (call->request.not_after && call->request.not_after - now < left)
        left = call->request.not_after - now;
    if (left > 0) {
        arm(call, left);
        return;
    }
    net_request_name(&call->request, name, sizeof(name));
    err_set(
        &e,
        ERR_TIMEOUT,
        "%s from %s within %.1f s (%s)",
        call->data ? "nothing heard" : "no whole answer",
        call->client->url,
        (double)timeout / 1000,
        name);
    end(call, &e);
}

static void start_transfer(struct net_call *call)
{
    msec_t now = clock_now_monotonic(), most = call_timeout(call), not_after = call->request.not_after;
    struct err e;

    if (is_late(call, now)) {
        end_late_call(call);
        return;
    }
    if (net_transport_start(call, &e) < 0) {
        end(call, &e);
        return;
    }
    move(call, CALL_RUNNING);
    call->last_heard = now;
    arm(call, not_after && not_after - now < most ? not_after - now : most);
    if (not_after && not_after < call->client->not_after)
        call->client->not_after = not_after;
}

/* As the hook. */
static int get_credentials(struct net_client *c, struct net_credentials **ret, struct err *e)
{
    if (c->hooks.credentials)
        return c->hooks.credentials(c->hooks.context, ret, e);
    c->none->refs++;
    *ret = c->none;
    return 1;
}

static void start(struct net_call *call)
{
    struct err e;
    int r;

    net_credentials_unref(TAKE_PTR(call->credentials));
    r = get_credentials(call->client, &call->credentials, &e);
    if (r < 0)
        end(call, &e);
    else if (r == 0)
        move(call, CALL_WAITING);
    else
        start_transfer(call);
}

void net_client_resume(struct net_client *c)
{
    struct net_call_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
    struct net_call *call;

    TAILQ_CONCAT(&waiting, &c->waiting, link);
    while ((call = TAILQ_FIRST(&waiting))) {
        TAILQ_REMOVE(&waiting, call, link);
        call->state = CALL_OVER; /* in no list, until start() puts it into one */
        start(call);
    }
}

static msec_t retry_after(const struct net_call *call)
{
    curl_off_t seconds = 0;

    if (curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
        return 0;
    return seconds < NET_RETRY_AFTER_MOST / 1000 ? SECONDS(seconds) : NET_RETRY_AFTER_MOST;
}

static int status_of(const struct net_call *call)
{
    long status = 0;

    if (call->easy)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* A server that sends much, or never ends, is held to what one answer may have, and all of them together. */
static int keep(struct net_call *call, const char *data, size_t len)
{
    struct net_client *c = call->client;
    size_t together = c->options.max_bodies;
    bool fits = !together || c->held + len <= together;
    char name[256];

    call->body.limit = c->options.max_body;
    if (fits && buf_add(&call->body, data, len) == 0) {
        c->held += len;
        return 0;
    }
    if (call->head_status)
        return 0;
    net_request_name(&call->request, name, sizeof(name));
    call->failure = NEW(struct err);
    if (fits || call->body.len + len > c->options.max_body)
        return err_set(
            call->failure,
            ERR_LIMIT,
            "%s: answer of more than %zu bytes, which is the limit (%s)",
            c->url,
            c->options.max_body,
            name);
    return err_set(
        call->failure,
        ERR_LIMIT,
        "%s: answers under way of more than %zu bytes together, which is the limit (%s)",
        c->url,
        together,
        name);
}

/* What the request accepts. */
static bool must_be_json(const struct net_call *call)
{
    return !call->request.accept || strstr(call->request.accept, "json");
}

/*
 * A page, text or protobuf in place of JSON is of something in front of the server: it is reported as what it is, and
 * the reader of a stream sees nothing of it. Space alone says nothing yet.
 */
static bool begins_as_json(struct net_call *call)
{
    size_t space = strspn(buf_str(&call->body), " \t\r\n");
    char first = space < call->body.len ? call->body.data[space] : ' ';

    call->is_json |= first == '{' || first == '[' || !must_be_json(call);
    return call->is_json || first == ' ';
}

static void begin_answer(struct net_call *call)
{
    int status = status_of(call);

    if (call->request.status_only && status >= 200)
        call->head_status = status;
    if (call->data && status >= 200 && status < 300)
        set_fed(call, true);
}

static int receive(struct net_call *call, const char *data, size_t len)
{
    int status = status_of(call);

    call->client->stats.bytes_received += len;
    if (keep(call, data, len) < 0)
        return -1;
    if (!call->data)
        return 0;
    call->last_heard = clock_now_monotonic();
    if (status < 200 || status >= 300)
        return 0;
    if (!begins_as_json(call)) {
        call->failure = NEW(struct err);
        return net_error_of_no_json(call, call->failure);
    }
    set_fed(call, true);
    return 0;
}

/* False if the call was freed. */
static bool hand_out(struct net_call *call)
{
    struct net_client *c = call->client;
    struct buf part = call->body;
    int r;

    if (!call->fed)
        return true;
    set_fed(call, false);
    if (!begins_as_json(call))
        return true;
    c->held -= part.len;
    call->body = (struct buf)BUF_INIT;
    call->in_callback = true;
    r = call->data(call->context, buf_str(&part), part.len);
    call->in_callback = false;
    if (call->request.secret)
        buf_release_secret(&part);
    else
        buf_release(&part);
    if (c->freed)
        return false;
    if (call->cancelled) {
        call_free(call);
        return false;
    }
    if (r < 0) {
        struct err e;
        err_set(&e, ERR_CANCELLED, "ended by its reader");
        end(call, &e);
        return false;
    }
    return true;
}

static void count_latency(struct net_client_stats *stats, int64_t usec)
{
    static const int bounds[] = {5, 10, 25, 50, 100, 250, 1000};
    ARRAY_COVERS(stats->latency_buckets, ARRAY_LEN(bounds)); /* one more, for what is above all of them */
    size_t i = 0;

    while (i < ARRAY_LEN(bounds) && usec > INT64_C(1000) * bounds[i])
        i++;
    stats->latency_buckets[i]++;
    stats->latency_count++;
    stats->latency_usec_sum += (uint64_t)usec;
}

/* Notifies the owner; the call is freed afterwards. */
static void finish(struct net_call *call, const struct net_response *response, const struct err *e)
{
    struct net_client *c = call->client;
    const struct net_response head = {call->head_status, buf_str(&call->body), call->body.len, 0};

    if (!response && call->head_status) {
        response = &head;
        e = head.status < 300 ? NULL : e;
    }
    if (e)
        c->stats.errors++;
    if (!call->data)
        count_latency(&c->stats, clock_now_usec() - call->sent);
    stop(call);
    move(call, CALL_OVER);
    call->in_callback = true;
    call->done(call->context, response, e);
    call_free(call);
}

static void send_again(struct net_call *call)
{
    stop(call);
    drop_body(call);
    call->head_status = 0;
    start(call);
}

/*
 * The server did not know the credentials, or the TLS handshake failed, which other credentials may correct. What may
 * have been sent is sent again only where that changes nothing.
 */
static bool try_again(struct net_call *call, int status, CURLcode code)
{
    const struct net_client_hooks *hooks = &call->client->hooks;
    enum net_handshake failure = net_handshake_of_transfer(call, code);

    if (!hooks->rejected || (!failure && (status != 401 || code != CURLE_OK)))
        return false;
    if (!hooks->rejected(hooks->context, call->credentials, failure == NET_HANDSHAKE_BY_CLIENT) || call->retried)
        return false;
    if (failure && call->request.method != NET_GET && net_transport_sent_all(call))
        return false;
    call->retried = true;
    send_again(call);
    return true;
}

/* The hook's word on a failure that other credentials might have prevented. */
static void add_remark(const struct net_call *call, struct err *e)
{
    const struct net_client_hooks *hooks = &call->client->hooks;

    if (hooks->failed)
        hooks->failed(hooks->context, e);
}

static void explain_refusal(const struct net_call *call, struct net_response *r, struct err *e)
{
    const struct net_client *c = call->client;

    if (r->status == 429 || r->status == 503)
        r->retry_after = retry_after(call);
    if (c->hooks.refused)
        c->hooks.refused(c->hooks.context, &call->request, r, e);
    else
        net_error_of_answer(c, &call->request, r, e);
    if (r->status == 401)
        add_remark(call, e);
}

/*
 * A server that needs no body to say no (401, 404, 429) says it and ends the stream. Where that comes between the
 * request's head and its body, libcurl 7.88 fails to send the body and loses the answer. Nothing was carried out, so
 * the server is asked again.
 */
static bool ask_again(struct net_call *call, CURLcode code)
{
    if (code != CURLE_HTTP2_STREAM || net_transport_sent_all(call) || call->lost_answers == LOST_ANSWERS_MAX)
        return false;
    call->lost_answers++;
    send_again(call);
    return true;
}

/* Parsed, an answer takes many times its text. */
static int check_values(const struct net_call *call, struct err *e)
{
    size_t most = call->client->options.max_values;
    char name[256];

    if (!most || doc_limit_values(buf_str(&call->body), call->body.len, most, e) == 0)
        return 0;
    net_request_name(&call->request, name, sizeof(name));
    return err_wrap(e, "%s", name);
}

static void transfer_over(struct net_call *call, CURLcode code)
{
    struct net_response r = {.status = status_of(call)};
    struct err e;

    if (!hand_out(call))
        return;
    if (call->failure) {
        finish(call, NULL, call->failure);
        return;
    }
    if (ask_again(call, code) || try_again(call, r.status, code))
        return;
    if (code != CURLE_OK) {
        if (is_late(call, clock_now_monotonic()))
            too_late(call, &e);
        else
            net_error_of_transfer(call, code, &e);
        add_remark(call, &e);
        finish(call, NULL, &e);
        return;
    }
    if (check_values(call, &e) < 0) {
        finish(call, NULL, &e);
        return;
    }
    r.body = buf_str(&call->body);
    r.body_len = call->body.len;
    if (r.status >= 300) {
        explain_refusal(call, &r, &e);
        finish(call, &r, &e);
        return;
    }
    begins_as_json(call);
    if (!call->data && !call->is_json) {
        net_error_of_no_json(call, &e);
        finish(call, NULL, &e);
        return;
    }
    finish(call, &r, NULL);
}

/* What ends during these callbacks waits for the loop's next turn, so that a turn ends. */
static void tell_ended(struct net_client *c)
{
    struct net_call *call;
    size_t count = 0;

    TAILQ_FOREACH(call, &c->ended, link)
    count++;
    while (count-- && !c->freed && (call = TAILQ_FIRST(&c->ended)))
        finish(call, NULL, call->failure);
}

static void destroy(struct net_client *c)
{
    struct net_call_list *lists[] = {&c->waiting, &c->running, &c->ended};
    struct net_call *call;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while ((call = TAILQ_FIRST(lists[i])))
            call_free(call);
    net_transport_release(c);
    if (c->hooks.release)
        c->hooks.release(c->hooks.context);
    net_credentials_unref(c->none);
    if (c->deferred)
        event_free(c->deferred);
    free(c->url);
    free(c);
}

static void dispatch(struct net_client *c)
{
    struct net_call *call;
    CURLcode code;

    c->dispatching = true;
    while (!c->freed && (call = TAILQ_FIRST(&c->fed)))
        hand_out(call);
    while (!c->freed && (call = net_transport_next_done(c, &code)))
        transfer_over(call, code);
    c->dispatching = false;
    if (c->freed)
        destroy(c);
}

static void on_deferred(evutil_socket_t fd, short what, void *context)
{
    struct net_client *c = context;

    (void)fd;
    (void)what;
    c->dispatching = true;
    tell_ended(c);
    c->dispatching = false;
    if (c->freed)
        destroy(c);
}

static int client_init(struct net_client *c, const struct net_server *server, struct err *e)
{
    static const struct net_transport_events events = {
        .before = end_late,
        .is_late = has_late,
        .after = dispatch,
        .begun = begin_answer,
        .received = receive,
    };

    c->deferred = event_new(c->loop, -1, 0, on_deferred, c);
    if (!c->deferred)
        return err_set(e, ERR_INTERNAL, "libevent takes no more events");
    return net_transport_init(c, server, &events, e);
}

int net_client_new(
    struct event_base *loop, const struct net_server *server, const struct net_client_options *options,
    const struct net_client_hooks *hooks, struct net_client **ret, struct err *e)
{
    struct net_client *c = NEW(struct net_client);

    c->loop = loop;
    c->url = str_dup(server->url);
    c->none = NEW(struct net_credentials);
    c->none->refs = 1;
    if (options)
        c->options = *options;
    if (hooks)
        c->hooks = *hooks;
    if (!c->options.max_body)
        c->options.max_body = MAX_BODY;
    if (!c->options.timeout)
        c->options.timeout = DEFAULT_TIMEOUT;
    if (!c->options.connect_timeout)
        c->options.connect_timeout = DEFAULT_CONNECT_TIMEOUT;
    c->not_after = MSEC_NEVER;
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->running);
    TAILQ_INIT(&c->ended);
    TAILQ_INIT(&c->fed);
    if (client_init(c, server, e) < 0) {
        destroy(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void net_client_free(struct net_client *c)
{
    if (!c)
        return;
    c->freed = true;
    if (!c->dispatching)
        destroy(c);
}

struct net_call *
net_client_send(struct net_client *c, struct net_request *request, net_data_fn data, net_done_fn done, void *context)
{
    struct net_call *call = NEW(struct net_call);

    call->client = c;
    call->request = *request;
    *request = (struct net_request){0};
    call->data = data;
    call->done = done;
    call->context = context;
    call->state = CALL_OVER;
    call->deadline = evtimer_new(c->loop, on_deadline, call);
    call->sent = clock_now_usec();
    c->stats.requests++;
    start(call);
    return call;
}

void net_call_cancel(struct net_call *call)
{
    if (!call)
        return;
    if (call->in_callback)
        call->cancelled = true;
    else
        call_free(call);
}

const struct net_client_stats *net_client_stats(const struct net_client *c)
{
    return &c->stats;
}

struct wait {
    struct event_base *loop;
    bool over;
    struct buf *body;
    int status;
    struct err *e;
    int r;
};

static void wait_done(void *context, const struct net_response *response, const struct err *e)
{
    struct wait *w = context;

    w->over = true;
    if (response) {
        w->status = response->status;
        buf_add(w->body, response->body, response->body_len);
    }
    if (e) {
        w->r = -1;
        if (w->e)
            *w->e = *e;
    }
}

int net_client_wait(
    struct net_client *c, struct net_request *request, struct buf *ret_body, int *ret_status, struct err *e)
{
    struct buf body = BUF_INIT;
    struct wait w = {.body = &body, .e = e};
    struct net_call *call = net_client_send(c, request, NULL, wait_done, &w);

    while (!w.over)
        if (event_base_loop(c->loop, EVLOOP_ONCE) < 0 || event_base_got_exit(c->loop) || event_base_got_break(c->loop))
            break;
    if (!w.over) {
        net_call_cancel(call);
        w.r = err_set(e, ERR_CANCELLED, "interrupted");
    }
    if (ret_status)
        *ret_status = w.status;
    if (ret_body && body.len)
        buf_add(ret_body, body.data, body.len);
    buf_release_secret(&body);
    return w.r;
}

int net_client_wait_json(
    struct net_client *c, struct net_request *request, size_t max_bytes, json_t **ret, struct err *e)
{
    char name[256];
    _cleanup_buf_ struct buf body = BUF_INIT;
    struct err why;

    net_request_name(request, name, sizeof(name));
    if (net_client_wait(c, request, &body, NULL, e) < 0)
        return -1;
    if (doc_parse_lenient(buf_str(&body), body.len, max_bytes, DOC_IN_LIST, ret, &why) == 0)
        return 0;
    return err_set(
        e,
        why.class == ERR_LIMIT ? ERR_LIMIT : ERR_UNAVAILABLE,
        "%s: the answer to %s is not JSON: %s",
        c->url,
        name,
        why.text);
}
