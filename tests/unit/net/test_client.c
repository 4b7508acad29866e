/* Plain requests to a server that is no API server: the client against the operator's own HTTP server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
        cmocka_unit_test(a_silent_server_is_waited_for_so_long),
        cmocka_unit_test(errors_name_the_server_and_what_it_says),
        cmocka_unit_test(an_unreachable_server_is_named),
        cmocka_unit_test(an_address_that_is_no_url_is_refused),
    };

    return cmocka_run_group_tests_name("net client", tests, NULL, NULL);
}
