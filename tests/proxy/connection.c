#include "connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define HEAD_MOST (64 * 1024)
#define WAITING_MOST (256 * 1024) /* bytes towards one side before the other is read no further */
#define NO_LIMIT INT64_MAX

struct connection {
    struct surroundings *s;
    struct connection *next, **link;
    evutil_socket_t fd; /* while it is parked; else -1 */
    bool for_good;
    SSL_CTX *tls;
    struct bufferevent *client, *server; /* NULL until they are needed */
    struct event *timer;
    int64_t cut_left;    /* of both directions */
    int64_t answer_left; /* of this answer */
    uint64_t body_left;  /* of this request */
    struct rule rule;    /* of this request where the proxy answers itself; without its texts */
    bool ruled;          /* until that request's body is read */
    bool swallow;        /* the request's body is not forwarded */
    bool orderly;        /* how the connection ends after `answer_left` */
    bool held;           /* the answer waits for the timer */
    bool ending;         /* as soon as everything is written */
    bool endless;
};

static void set_reset(struct bufferevent *side)
{
    const struct linger at_once = {.l_onoff = 1};

    if (side)
        (void)setsockopt(bufferevent_getfd(side), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void connection_free(struct connection *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    if (c->client)
        bufferevent_free(c->client);
    if (c->server)
        bufferevent_free(c->server);
    if (c->fd >= 0)
        close(c->fd);
    if (c->timer)
        event_free(c->timer);
    free(c);
}

static void connection_reset(struct connection *c)
{
    const struct linger at_once = {.l_onoff = 1};

    set_reset(c->client);
    set_reset(c->server);
    if (c->fd >= 0)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    connection_free(c);
}

static void end_now(struct connection *c)
{
    if (c->orderly)
        connection_free(c);
    else
        connection_reset(c);
}

static bool is_written(struct bufferevent *side)
{
    return evbuffer_get_length(bufferevent_get_output(side)) == 0;
}

static void end_when_written(struct connection *c, bool orderly)
{
    c->ending = true;
    c->orderly = orderly;
    if (is_written(c->client))
        end_now(c);
}

/*
 * Moves what has come from one side to the other, up to `limit` bytes and up to the cut. Returns how many; below zero
 * where the connection is gone.
 */
static int64_t move(struct connection *c, struct bufferevent *from, struct bufferevent *to, int64_t limit)
{
    struct evbuffer *input = bufferevent_get_input(from), *output = bufferevent_get_output(to);
    int64_t len = (int64_t)evbuffer_get_length(input);

    len = len > limit ? limit : len;
    len = len > c->cut_left ? c->cut_left : len;
    evbuffer_remove_buffer(input, output, (size_t)len);
    if (c->cut_left != NO_LIMIT)
        c->cut_left -= len;
    if (c->cut_left == 0) {
        connection_reset(c);
        return -1;
    }
    if (evbuffer_get_length(output) > WAITING_MOST)
        bufferevent_disable(from, EV_READ);
    return len;
}

static void forward_answer(struct connection *c)
{
    int64_t moved;

    if (c->held || c->ending || !c->server || !evbuffer_get_length(bufferevent_get_input(c->server)))
        return;
    moved = move(c, c->server, c->client, c->answer_left);
    if (moved < 0 || c->answer_left == NO_LIMIT)
        return;
    c->answer_left -= moved;
    if (c->answer_left == 0)
        end_when_written(c, c->orderly);
}

static void on_server_read(struct bufferevent *side, void *context)
{
    (void)side;
    forward_answer(context);
}

static void on_server_event(struct bufferevent *side, short what, void *context)
{
    struct connection *c = context;

    (void)side;
    if (what & BEV_EVENT_CONNECTED)
        return;
    if (!(what & BEV_EVENT_EOF)) {
        connection_reset(c);
        return;
    }
    c->held = false;
    evbuffer_add_buffer(bufferevent_get_output(c->client), bufferevent_get_input(c->server));
    end_when_written(c, true);
}

/* The other side had to wait for this one. */
static void on_server_written(struct bufferevent *side, void *context)
{
    struct connection *c = context;

    (void)side;
    bufferevent_enable(c->client, EV_READ);
}

static bool connect_server(struct connection *c)
{
    struct surroundings *s = c->s;

    if (c->server)
        return true;
    if (c->tls) {
        SSL *ssl = SSL_new(s->client_tls);
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), s->host);
        c->server = bufferevent_openssl_socket_new(s->loop, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    } else {
        c->server = bufferevent_socket_new(s->loop, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    bufferevent_setcb(c->server, on_server_read, on_server_written, on_server_event, c);
    bufferevent_enable(c->server, EV_READ | EV_WRITE);
    return bufferevent_socket_connect(c->server, (struct sockaddr *)&s->upstream, sizeof(s->upstream)) == 0;
}

static void answer_text(struct connection *c, const char *headers, const char *body)
{
    evbuffer_add_printf(bufferevent_get_output(c->client), "HTTP/1.1 %sContent-Length: %zu\r\n\r\n%s", headers,
                        strlen(body), body);
}

static void answer_error(struct connection *c, const struct rule *r)
{
    _cleanup_free_ char *retry =
        r->retry_after ? str_printf("Retry-After: %lld\r\n", (long long)r->retry_after) : str_dup("");
    _cleanup_free_ char *headers =
        str_printf("%lld Fault\r\n%sContent-Type: application/json\r\n", (long long)r->code, retry);
    _cleanup_free_ char *body = str_printf("{\"kind\": \"Status\", \"apiVersion\": \"v1\", \"status\": \"Failure\", "
                                           "\"message\": \"a fault by rule: %lld\", "
                                           "\"code\": %lld}",
                                           (long long)r->code, (long long)r->code);

    answer_text(c, headers, body);
}

static void add_chunk(struct connection *c, const char *text)
{
    evbuffer_add_printf(bufferevent_get_output(c->client), "%zx\r\n%s\r\n", strlen(text), text);
}

static void add_endless(struct connection *c)
{
    while (evbuffer_get_length(bufferevent_get_output(c->client)) < WAITING_MOST)
        add_chunk(c, "{\"metadata\": {\"name\": \"again\"}},");
}

/* The request was read whole, and is not for the server. */
static void answer_by_rule(struct connection *c)
{
    c->ruled = false;
    c->swallow = false;
    switch (c->rule.fault) {
    case FAULT_ANSWER:
        answer_error(c, &c->rule);
        break;
    case FAULT_GARBAGE:
        evbuffer_add(bufferevent_get_output(c->client), "\x00\xff\x16SSH-2.0-\r\n\r\n\x7f{]", 18);
        end_when_written(c, true);
        break;
    case FAULT_BROKEN_JSON:
        answer_text(c, "200 OK\r\nContent-Type: application/json\r\n",
                    "{\"kind\": \"List\", \"items\": [{\"metadata\": ]}");
        break;
    case FAULT_ENDLESS_JSON:
        evbuffer_add_printf(bufferevent_get_output(c->client),
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        add_chunk(c, "{\"kind\": \"List\", \"items\": [");
        c->endless = true;
        add_endless(c);
        break;
    default: /* it hangs */
        break;
    }
}

/* The value of a header in a request's head; below zero: there is none, or nonsense. */
static int64_t header_number(const char *head, const char *name)
{
    size_t len = strlen(name);
    int64_t number = -1;

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        _cleanup_free_ char *value = NULL;
        line += 2;
        if (strncasecmp(line, name, len) != 0)
            continue;
        value = str_dup_n(line + len, strcspn(line + len, "\r"));
        if (!str_to_int64(value + strspn(value, " "), &number))
            return -1;
    }
    return number;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;

    (void)fd;
    (void)what;
    c->held = false;
    forward_answer(c);
}

static void hold(struct connection *c, int64_t ms)
{
    const struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    c->held = true;
    if (!c->timer)
        c->timer = evtimer_new(c->s->loop, on_timer, c);
    evtimer_add(c->timer, &delay);
}

/* What the rules say to a request; below zero where the connection is gone. */
static int judge_request(struct connection *c, const char *head)
{
    const char *path = strchr(head, ' '), *end = path ? strchr(path + 1, ' ') : NULL;
    _cleanup_free_ char *method = NULL, *target = NULL;
    const struct rule *r;

    if (!end) {
        connection_reset(c);
        return -1;
    }
    method = str_dup_n(head, (size_t)(path - head));
    target = str_dup_n(path + 1, (size_t)(end - path - 1));
    c->s->stats.requests++;
    c->answer_left = NO_LIMIT;
    r = rules_choose(&c->s->rules, RULE_REQUEST, method, target);
    if (!r)
        return 0;
    switch (r->fault) {
    case FAULT_RESET:
        connection_reset(c);
        return -1;
    case FAULT_LOSE:
    case FAULT_TRUNCATE:
        c->answer_left = r->bytes;
        c->orderly = r->fault == FAULT_TRUNCATE;
        return 0;
    case FAULT_DELAY:
        hold(c, r->ms);
        return 0;
    default:
        c->rule = *r;
        c->ruled = true;
        c->swallow = true;
        return 0;
    }
}

/* A whole head: judged, and forwarded if it is to be. Below zero: there is none yet, or the connection is gone. */
static int take_head(struct connection *c)
{
    struct evbuffer *input = bufferevent_get_input(c->client);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    size_t len = (size_t)end.pos + 4;
    _cleanup_free_ char *head = NULL;
    int64_t body;

    if (end.pos < 0) {
        if (evbuffer_get_length(input) > HEAD_MOST)
            connection_reset(c);
        return -1;
    }
    head = mem_new0(len + 1, 1);
    evbuffer_remove(input, head, len);
    body = header_number(head, "Content-Length:");
    c->body_left = body > 0 ? (uint64_t)body : 0;
    if (judge_request(c, head) < 0)
        return -1;
    if (c->swallow)
        return 0;
    if (!connect_server(c)) {
        connection_reset(c);
        return -1;
    }
    evbuffer_add(bufferevent_get_output(c->server), head, len);
    return 0;
}

/* Below zero: there is more to come, or the connection is gone. */
static int take_body(struct connection *c)
{
    struct evbuffer *input = bufferevent_get_input(c->client);
    uint64_t len = evbuffer_get_length(input);

    len = len < c->body_left ? len : c->body_left;
    if (c->swallow)
        evbuffer_drain(input, (size_t)len);
    else if (len && move(c, c->client, c->server, (int64_t)len) < 0)
        return -1;
    c->body_left -= len;
    return c->body_left ? -1 : 0;
}

static void on_client_read(struct bufferevent *side, void *context)
{
    struct connection *c = context;

    if (!c->tls) {
        move(c, c->client, c->server, NO_LIMIT);
        return;
    }
    for (;;) {
        if (c->body_left && take_body(c) < 0)
            return;
        if (c->ruled) {
            bool last = c->rule.fault == FAULT_GARBAGE;
            answer_by_rule(c);
            if (last)
                return;
        }
        if (!evbuffer_get_length(bufferevent_get_input(side)) || take_head(c) < 0)
            return;
    }
}

static void on_client_written(struct bufferevent *side, void *context)
{
    struct connection *c = context;

    (void)side;
    if (c->ending)
        end_now(c);
    else if (c->endless)
        add_endless(c);
    else if (c->server)
        bufferevent_enable(c->server, EV_READ);
}

static void on_client_event(struct bufferevent *side, short what, void *context)
{
    (void)side;
    if (!(what & BEV_EVENT_CONNECTED))
        connection_free(context);
}

static void serve(struct connection *c)
{
    struct surroundings *s = c->s;

    c->client = c->tls ? bufferevent_openssl_socket_new(s->loop, c->fd, SSL_new(c->tls), BUFFEREVENT_SSL_ACCEPTING,
                                                        BEV_OPT_CLOSE_ON_FREE)
                       : bufferevent_socket_new(s->loop, c->fd, BEV_OPT_CLOSE_ON_FREE);
    c->fd = -1;
    bufferevent_setcb(c->client, on_client_read, on_client_written, on_client_event, c);
    if (!c->tls && !connect_server(c)) {
        connection_reset(c);
        return;
    }
    bufferevent_enable(c->client, EV_READ | EV_WRITE);
}

void connection_new(struct surroundings *s, evutil_socket_t fd, SSL_CTX *tls, int64_t cut, bool parked, bool for_good)
{
    struct connection *c = NEW(struct connection);

    c->s = s;
    c->fd = fd;
    c->tls = tls;
    c->for_good = for_good;
    c->cut_left = cut < 0 ? NO_LIMIT : cut;
    c->answer_left = NO_LIMIT;
    c->next = s->first;
    c->link = &s->first;
    if (c->next)
        c->next->link = &c->next;
    s->first = c;
    if (!parked)
        serve(c);
}

void connections_reset(struct surroundings *s)
{
    while (s->first)
        connection_reset(s->first);
}

void connections_pause(struct surroundings *s)
{
    for (struct connection *c = s->first; c; c = c->next) {
        if (c->client)
            bufferevent_disable(c->client, EV_READ | EV_WRITE);
        if (c->server)
            bufferevent_disable(c->server, EV_READ | EV_WRITE);
    }
}

void connections_resume(struct surroundings *s)
{
    for (struct connection *c = s->first, *next; c; c = next) {
        next = c->next;
        if (c->server)
            bufferevent_enable(c->server, EV_READ | EV_WRITE);
        if (c->client)
            bufferevent_enable(c->client, EV_READ | EV_WRITE);
        else if (!c->for_good)
            serve(c);
    }
}
