/* Plain requests to a server that is no API server: the client against the operator's own HTTP server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <string.h>

#include "base/str.h"
#include "net/client.h"
#include "net/http_server.h"
#include "net/io.h"
#include "net/loop.h"
#include "outcome.h"

#define TEXT "Accept: text/plain"
#define LIMIT 100

struct fixture {
    struct event_base *loop;
    struct http_server *server;
    struct net_client *client;
    struct http_exchange *kept; /* of /silent */
    char *url;
};

/* Answers with the request's method, path and body; a path of a number with that status. */
static void handle(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    _cleanup_free_ char *path = str_dup_n(request->path.at, request->path.len);
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct fixture *f = context;
    int64_t status;

    if (str_eq(path, "/silent")) {
        f->kept = exchange;
        return;
    }
    if (str_eq(path, "/large"))
        while (text.len <= LIMIT)
            buf_add_str(&text, "0123456789");
    if (str_eq(path, "/query"))
        buf_add_str(&text, "{\"status\":\"success\"}");
    if (!text.len)
        buf_printf(
            &text,
            "%.*s %s %.*s",
            (int)request->method.len,
            request->method.at,
            path,
            (int)request->body_len,
            request->body);
    http_answer(exchange, str_to_int64(path + 1, &status) ? (int)status : 200, "text/plain", buf_str(&text), text.len);
}

static void start(struct fixture *f)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0", .body_max = 1000, .handle = handle, .context = f};
    struct net_server server = {0};
    struct err e;

    *f = (struct fixture){.loop = event_base_new()};
    if (http_server_new(f->loop, &options, &f->server, &e) < 0)
        fail_msg("%s", e.text);
    server.url = f->url = str_printf("http://127.0.0.1:%d", http_server_port(f->server));
    if (net_client_new(f->loop, &server, &(struct net_client_options){.max_body = LIMIT}, NULL, &f->client, &e) < 0)
        fail_msg("%s", e.text);
}

static void stop(struct fixture *f)
{
    net_client_free(f->client);
    http_server_free(f->server);
    if (f->kept)
        http_answer_text(f->kept, 200, "");
    /* What was deferred. */
    event_base_loop(f->loop, EVLOOP_NONBLOCK);
    loop_free(f->loop);
    free(f->url);
}

/* For outcome_release(). */
static struct outcome send_and_wait(struct fixture *f, struct net_request request)
{
    struct net_io *io = net_io_new(f->loop, f->client);
    struct outcome o = {0};

    io->send(io, &request, NULL, outcome_done, &o);
    while (!o.over)
        event_base_loop(f->loop, EVLOOP_ONCE);
    net_io_free(io);
    return o;
}

static struct outcome get(struct fixture *f, const char *path, const char *accept)
{
    struct net_request request = net_request_new(NET_GET, path, NULL);

    request.accept = accept;
    return send_and_wait(f, request);
}

static void a_plain_request_is_answered(void **state)
{
    struct fixture f;
    struct outcome json, text, post;
    struct net_request request = net_request_new(NET_POST, "/echo", "asked");

    (void)state;
    start(&f);
    json = get(&f, "/query?query=up", NULL);
    assert_int_equal(json.e.class, ERR_NONE);
    assert_int_equal(json.status, 200);
    text = get(&f, "/echo", TEXT);
    assert_int_equal(text.e.class, ERR_NONE);
    assert_string_equal(buf_str(&text.body), "GET /echo ");
    request.accept = TEXT;
    post = send_and_wait(&f, request);
    assert_string_equal(buf_str(&post.body), "POST /echo asked");
    outcome_release(&json);
    outcome_release(&text);
    outcome_release(&post);
    stop(&f);
}

static void what_a_server_answers_is_limited(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    start(&f);
    o = get(&f, "/large", TEXT);
    assert_int_equal(o.e.class, ERR_LIMIT);
    assert_non_null(strstr(o.e.text, f.url));
    assert_non_null(strstr(o.e.text, "100 bytes"));
    assert_int_equal(o.body.len, 0);
    stop(&f);
}

/* Speaks for itself: the answer begins, and then ends or does not. */
struct half {
    struct evconnlistener *listener;
    struct bufferevent *connection;
    const char *answer;
    bool hangs_up;
};

static void on_half_read(struct bufferevent *connection, void *context)
{
    struct half *h = context;
    struct evbuffer *request = bufferevent_get_input(connection);

    if (evbuffer_search(request, "{}", 2, NULL).pos < 0)
        return;
    evbuffer_drain(request, SIZE_MAX);
    bufferevent_write(connection, h->answer, strlen(h->answer));
}

static void on_half_written(struct bufferevent *connection, void *context)
{
    struct half *h = context;

    if (!h->hangs_up)
        return;
    bufferevent_free(connection);
    h->connection = NULL;
}

static void
on_half_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len, void *context)
{
    struct half *h = context;

    (void)address;
    (void)len;
    h->connection = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(h->connection, on_half_read, on_half_written, NULL, h);
    bufferevent_enable(h->connection, EV_READ);
}

/* What a server that answers so makes of a post. */
static struct outcome post_to_half(const char *answer, bool hangs_up, bool status_only)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct fixture f = {.loop = event_base_new()};
    struct half half = {.answer = answer, .hangs_up = hangs_up};
    struct net_request request = net_request_new(NET_POST, "/hook", "{}");
    struct net_server server = {0};
    struct outcome o;
    struct err e;

    half.listener = evconnlistener_new_bind(
        f.loop, on_half_accepted, &half, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&address, sizeof(address));
    assert_non_null(half.listener);
    getsockname(evconnlistener_get_fd(half.listener), (struct sockaddr *)&address, &len);
    server.url = f.url = str_printf("http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(
        net_client_new(f.loop, &server, &(struct net_client_options){.max_body = LIMIT}, NULL, &f.client, &e), 0);
    request.accept = "Accept: */*";
    request.timeout = 300;
    request.status_only = status_only;
    o = send_and_wait(&f, request);
    if (half.connection)
        bufferevent_free(half.connection);
    evconnlistener_free(half.listener);
    stop(&f);
    return o;
}

/* Where the status alone counts, nothing that is wrong with the body takes it away. */
static void the_status_is_an_answer_where_it_is_enough(void **state)
{
    static const struct {
        const char *answer;
        bool hangs_up;
        int status;
        enum err_class without; /* where the whole answer counts */
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", true, 200, ERR_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", false, 200, ERR_TIMEOUT},
        {"HTTP/1.1 403 No\r\nContent-Length: 50\r\n\r\n", true, 403, ERR_UNAVAILABLE},
        {"HTTP/1.1 100 Continue\r\n\r\n", true, 0, ERR_UNAVAILABLE},
    };
    struct net_request large = net_request_new(NET_POST, "/large", "{}");
    struct fixture f;
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        o = post_to_half(cases[i].answer, cases[i].hangs_up, true);
        assert_int_equal(o.status, cases[i].status);
        assert_int_equal(o.e.class != ERR_NONE, cases[i].status != 200);
        outcome_release(&o);
        o = post_to_half(cases[i].answer, cases[i].hangs_up, false);
        assert_int_equal(o.status, 0);
        assert_int_equal(o.e.class, cases[i].without);
        outcome_release(&o);
    }
    start(&f);
    large.accept = TEXT;
    large.status_only = true;
    o = send_and_wait(&f, large);
    assert_int_equal(o.e.class, ERR_NONE);
    assert_int_equal(o.status, 200);
    assert_true(o.body.len <= LIMIT);
    outcome_release(&o);
    stop(&f);
}

static void a_silent_server_is_waited_for_so_long(void **state)
{
    struct net_request request = net_request_new(NET_GET, "/silent", NULL);
    msec_t began = clock_now_monotonic();
    struct fixture f;
    struct outcome o;

    (void)state;
    start(&f);
    request.timeout = 200;
    o = send_and_wait(&f, request);
    assert_int_equal(o.e.class, ERR_TIMEOUT);
    assert_non_null(strstr(o.e.text, f.url));
    assert_true(clock_now_monotonic() - began >= 200);
    stop(&f);
}

static void errors_name_the_server_and_what_it_says(void **state)
{
    static const struct {
        const char *path, *accept, *says;
        int status;
        enum err_class class;
    } cases[] = {
        {"/401", TEXT, "HTTP 401: GET /401  (GET /401)", 401, ERR_UNAUTHORIZED},
        {"/404?a=b", TEXT, "HTTP 404: GET /404  (GET /404)", 404, ERR_NOT_FOUND},
        {"/429", TEXT, "HTTP 429", 429, ERR_THROTTLED},
        {"/503", TEXT, "HTTP 503", 503, ERR_UNAVAILABLE},
        {"/302", TEXT, "HTTP 302: redirections are not followed", 302, ERR_UNAVAILABLE},
        {"/echo", NULL, "the answer to GET /echo is not JSON", 0, ERR_UNAVAILABLE},
    };
    struct fixture f;

    (void)state;
    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = get(&f, cases[i].path, cases[i].accept);
        _cleanup_free_ char *begin = str_printf("%s: %s", f.url, cases[i].says);
        if (!str_starts(o.e.text, begin))
            fail_msg("%s: %s", cases[i].path, o.e.text);
        assert_int_equal(o.status, cases[i].status);
        assert_int_equal(o.e.class, cases[i].class);
        outcome_release(&o);
    }
    stop(&f);
}

static void an_unreachable_server_is_named(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    start(&f);
    http_server_free(f.server);
    f.server = NULL;
    event_base_loop(f.loop, EVLOOP_NONBLOCK);
    o = get(&f, "/echo", TEXT);
    assert_int_equal(o.e.class, ERR_UNAVAILABLE);
    assert_int_equal(o.status, 0);
    assert_true(str_starts(o.e.text, f.url));
    stop(&f);
}

static void an_address_that_is_no_url_is_refused(void **state)
{
    const struct net_server server = {.url = "http://[::1"};
    struct event_base *loop = event_base_new();
    struct net_client *client;
    struct err e;

    (void)state;
    assert_int_equal(net_client_new(loop, &server, NULL, NULL, &client, &e), -1);
    assert_int_equal(e.class, ERR_INVALID);
    assert_non_null(strstr(e.text, server.url));
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_is_answered),
        cmocka_unit_test(what_a_server_answers_is_limited),
        cmocka_unit_test(the_status_is_an_answer_where_it_is_enough),
        cmocka_unit_test(a_silent_server_is_waited_for_so_long),
        cmocka_unit_test(errors_name_the_server_and_what_it_says),
        cmocka_unit_test(an_unreachable_server_is_named),
        cmocka_unit_test(an_address_that_is_no_url_is_refused),
    };

    return cmocka_run_group_tests_name("net client", tests, NULL, NULL);
}
