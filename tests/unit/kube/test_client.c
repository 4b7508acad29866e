/* The client against a server that answers well, wrongly, late, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "client_fixture.h"
#include "doc/doc.h"
#include "net/loop.h"

/* --- requests and answers --- */

static const struct server_answer good[] = {{"/", NULL, OK(7, "{hello}")}, {0}};

static void check_sent(struct fixture *f, struct net_request r, const char *line, const char *header, const char *body)
{
    struct buf answer = BUF_INIT;
    struct err e;
    int status;

    assert_int_equal(net_client_wait(f->client, &r, &answer, &status, &e), 0);
    assert_int_equal(status, 200);
    assert_string_equal(buf_str(&answer), "{hello}");
    assert_true(str_starts(buf_str(&f->server.last), line));
    assert_non_null(strstr(buf_str(&f->server.last), header));
    assert_true(str_ends(buf_str(&f->server.last), body));
    buf_release(&answer);
}

static void test_requests(void **state)
{
    static const struct kube_kind pods = {.kind = "Pod", .plural = "pods", .group = "", .namespaced = true};
    struct fixture f;

    (void)state;
    fixture_start(&f, good, NULL);
    check_sent(&f, kube_request_get(&pods, "v1", "default", "a"), "GET /api/v1/namespaces/default/pods/a HTTP/1.1\r\n",
               "\r\nAccept: application/json\r\n", "\r\n\r\n");
    assert_non_null(strstr(buf_str(&f.server.last), "\r\nUser-Agent: "));
    assert_null(strstr(buf_str(&f.server.last), "Authorization"));
    check_sent(&f, kube_request_create(&pods, "v1", "default", "{\"a\":1}"),
               "POST /api/v1/namespaces/default/pods HTTP/1.1\r\n", "\r\nContent-Type: application/json\r\n",
               "\r\n\r\n{\"a\":1}");
    check_sent(&f, kube_request_update(&pods, "v1", "default", "a", "{}"),
               "PUT /api/v1/namespaces/default/pods/a HTTP/1.1\r\n", "\r\nContent-Type: application/json\r\n",
               "\r\n\r\n{}");
    check_sent(&f, kube_request_merge_patch(&pods, "v1", "default", "a", NULL, "{}"),
               "PATCH /api/v1/namespaces/default/pods/a HTTP/1.1\r\n",
               "\r\nContent-Type: application/merge-patch+json\r\n", "\r\n\r\n{}");
    check_sent(&f, kube_request_delete(&pods, "v1", "default", "a", NULL, NULL),
               "DELETE /api/v1/namespaces/default/pods/a HTTP/1.1\r\n", "\r\nContent-Type: application/json\r\n",
               "\"propagationPolicy\":\"Background\"}");
    assert_int_equal(net_client_stats(f.client)->requests, 5);
    assert_int_equal(net_client_stats(f.client)->connections, 1);
    assert_int_equal(net_client_stats(f.client)->latency_count, 5);
    assert_int_equal(net_client_stats(f.client)->errors, 0);
    assert_int_equal(net_client_stats(f.client)->bytes_received, 35);
    fixture_stop(&f);
}

#define STATUS_BODY(reason, message) "{\"kind\":\"Status\",\"reason\":\"" reason "\",\"message\":\"" message "\"}"

struct failure {
    const char *bytes;
    bool secret;
    enum err_class class;
    const char *text;
    msec_t retry_after;
};

static const struct failure failures[] = {
    {STATUS(400, STATUS_BODY("BadRequest", "no")), false, ERR_INVALID, "no (GET /x)"},
    {STATUS(401, STATUS_BODY("Unauthorized", "who")), false, ERR_UNAUTHORIZED, "who (GET /x)"},
    {STATUS(403, STATUS_BODY("Forbidden", "never")), false, ERR_FORBIDDEN, "never (GET /x)"},
    {STATUS(404, STATUS_BODY("NotFound", "pods \\\"a\\\" not found")), false, ERR_NOT_FOUND,
     "pods \"a\" not found (GET /x)"},
    {STATUS(409, STATUS_BODY("AlreadyExists", "there")), false, ERR_ALREADY_EXISTS, "there (GET /x)"},
    {STATUS(409, STATUS_BODY("Conflict", "changed")), false, ERR_CONFLICT, "changed (GET /x)"},
    {STATUS(410, STATUS_BODY("Gone", "old")), false, ERR_GONE, "old (GET /x)"},
    {STATUS(410, STATUS_BODY("Expired", "older")), false, ERR_GONE, "older (GET /x)"},
    {STATUS(422, STATUS_BODY("Invalid", "bad")), false, ERR_INVALID, "bad (GET /x)"},
    {STATUS(422, STATUS_BODY("Invalid", "two\\nlines\\u001b[31m")), false, ERR_INVALID, "two lines [31m (GET /x)"},
    {STATUS(504, STATUS_BODY("Timeout", "slow")), false, ERR_TIMEOUT, "slow (GET /x)"},
    {STATUS(500, STATUS_BODY("InternalError", "etcd")), false, ERR_UNAVAILABLE, "etcd (GET /x)"},
    {STATUS(429, "{\"kind\":\"Status\",\"message\":\"busy\",\"details\":{\"retryAfterSeconds\":7}}"), false,
     ERR_THROTTLED, "busy (GET /x)", SECONDS(7)},
    {"HTTP/1.1 429 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", false, ERR_THROTTLED, "HTTP 429 (GET /x)",
     SECONDS(2)},
    {"HTTP/1.1 503 X\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n", false, ERR_UNAVAILABLE,
     "HTTP 503 (GET /x)", SECONDS(3600)},
    /* Proxies explain themselves in a line of text, in pages, or in bytes. */
    {STATUS(502, "upstream connect error\n and more"), false, ERR_UNAVAILABLE,
     "HTTP 502: upstream connect error (GET /x)"},
    {STATUS(502, "<html>"), false, ERR_UNAVAILABLE, "HTTP 502 (GET /x)"},
    {STATUS(502, "{\"a\":\"b\"}"), false, ERR_UNAVAILABLE, "HTTP 502 (GET /x)"},
    {STATUS(502, "\x01\x02"), false, ERR_UNAVAILABLE, "HTTP 502 (GET /x)"},
    {STATUS(302, ""), false, ERR_UNAVAILABLE, "HTTP 302: redirections are not followed (GET /x)"},
    /* The server may quote what it was sent. */
    {STATUS(422, STATUS_BODY("Invalid", "bad value: hunter2")), true, ERR_INVALID, "HTTP 422 Invalid (GET /x)"},
    {STATUS(502, "hunter2"), true, ERR_UNAVAILABLE, "HTTP 502 (GET /x)"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        const struct server_answer answers[] = {{"/x", NULL, failures[i].bytes, .close = true}, {0}};
        struct net_request r = net_request_new(NET_GET, "/x?limit=1", NULL);
        struct outcome o = {0};
        struct fixture f;

        fixture_start(&f, answers, NULL);
        r.secret = failures[i].secret;
        net_client_send(f.client, &r, NULL, outcome_done, &o);
        fixture_wait_over(&f, &o);
        assert_string_equal(o.e.text, failures[i].text);
        assert_int_equal(o.e.class, failures[i].class);
        assert_int_equal(o.retry_after, failures[i].retry_after);
        assert_int_equal(net_client_stats(f.client)->errors, 1);
        outcome_release(&o);
        fixture_stop(&f);
    }
}

/* --- what goes wrong on the way --- */

static void test_limit(void **state)
{
    static const struct server_answer answers[] = {
        {"/just", NULL, OK(8, "{345678}")}, {"/more", NULL, OK(9, "{3456789}")}, {0}};
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_start(&f, answers, &(struct net_client_options){.max_body = 8});
    o = fixture_get(&f, "/just");
    assert_string_equal(buf_str(&o.body), "{345678}");
    outcome_release(&o);
    o = fixture_get(&f, "/more");
    assert_int_equal(o.e.class, ERR_LIMIT);
    assert_non_null(strstr(o.e.text, f.config.server));
    assert_non_null(strstr(o.e.text, ": answer of more than 8 bytes, which is the limit (GET /more)"));
    assert_int_equal(o.body.len, 0);
    outcome_release(&o);
    fixture_stop(&f);
}

static void test_limit_of_values(void **state)
{
    static const struct server_answer answers[] = {
        {"/just", NULL, OK(7, "[1,2,3]")}, {"/more", NULL, OK(9, "[1,2,3,4]")}, {0}};
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_start(&f, answers, &(struct net_client_options){.max_values = 4});
    o = fixture_get(&f, "/just");
    assert_string_equal(buf_str(&o.body), "[1,2,3]");
    outcome_release(&o);
    o = fixture_get(&f, "/more");
    assert_int_equal(o.e.class, ERR_LIMIT);
    assert_string_equal(o.e.text, "GET /more: JSON of 5 values, at most 4 are read");
    assert_int_equal(o.body.len, 0);
    outcome_release(&o);
    fixture_stop(&f);
}

static void test_limit_of_all_together(void **state)
{
    static const struct server_answer answers[] = {
        {"/stuck", NULL, OK(100, "12345")}, {"/fits", NULL, OK(3, "{2}")}, {"/more", NULL, OK(4, "{23}")}, {0}};
    struct outcome stuck = {0}, o;
    struct fixture f;

    (void)state;
    fixture_start(&f, answers, &(struct net_client_options){.max_bodies = 8});
    fixture_send_get(&f, &stuck, "/stuck", false, 0);
    fixture_turn(&f, 100);
    for (int i = 0; i < 3; i++) {
        o = fixture_get(&f, "/fits");
        assert_string_equal(buf_str(&o.body), "{2}");
        outcome_release(&o);
    }
    o = fixture_get(&f, "/more");
    assert_int_equal(o.e.class, ERR_LIMIT);
    assert_non_null(
        strstr(o.e.text, ": answers under way of more than 8 bytes together, which is the limit (GET /more)"));
    outcome_release(&o);
    net_call_cancel(stuck.call);
    o = fixture_get(&f, "/more");
    assert_string_equal(buf_str(&o.body), "{23}");
    outcome_release(&o);
    outcome_release(&stuck);
    fixture_stop(&f);
}

/* Something in front of the server answers: whatever the request, the message tells which server and which request. */
static void test_answers_that_are_no_json(void **state)
{
    static const char *const answers[] = {
        OK(15, "<!doctype html>"),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n \n<html></html",
        OK(0, ""),
        "HTTP/1.1 204 No Content\r\n\r\n",
        OK(4, "k8s\n"),
        OK(2, "ok"),
        OK(3, " \r\n"),
        "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnull",
    };
    static const enum net_method methods[] = {NET_GET, NET_POST, NET_PUT, NET_PATCH, NET_DELETE};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        for (size_t k = 0; k < ARRAY_LEN(methods); k++) {
            const struct server_answer rows[] = {{"/", NULL, answers[i], .close = true}, {0}};
            struct net_request r = net_request_new(methods[k], "/version?a=b", NULL);
            _cleanup_free_ char *text = NULL;
            _cleanup_buf_ struct buf body = BUF_INIT;
            struct fixture f;
            struct err e;
            fixture_start(&f, rows, NULL);
            text =
                str_printf("%s: the answer to %s /version is not JSON", f.config.server, net_method_name(methods[k]));
            assert_int_equal(net_client_wait(f.client, &r, &body, NULL, &e), -1);
            assert_string_equal(e.text, text);
            assert_int_equal(e.class, ERR_UNAVAILABLE);
            assert_int_equal(body.len, 0);
            fixture_stop(&f);
        }
}

/* /readyz and /metrics answer with text. */
static void test_who_asks_for_text_gets_it(void **state)
{
    static const char *const bodies[] = {"ok", "", "up 1\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        _cleanup_free_ char *answer =
            str_printf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(bodies[i]), bodies[i]);
        const struct server_answer rows[] = {{"/", NULL, answer, .close = true}, {0}};
        struct net_request r = net_request_new(NET_GET, "/readyz", NULL);
        struct buf body = BUF_INIT;
        struct fixture f;
        struct err e;
        r.accept = "text/plain";
        fixture_start(&f, rows, NULL);
        assert_int_equal(net_client_wait(f.client, &r, &body, NULL, &e), 0);
        assert_string_equal(buf_str(&body), bodies[i]);
        buf_release(&body);
        fixture_stop(&f);
    }
}

/* The reader of a watch sees nothing of it, and a watch may end before anything came. */
static void test_streams_that_are_no_json(void **state)
{
    static const struct server_answer answers[] = {
        {"/page", NULL, CHUNKED "6\r\n\n<html\r\n0\r\n\r\n"},
        {"/late", NULL, CHUNKED "1\r\n\n\r\n", "5\r\nlogin\r\n", .repeat = 1},
        {"/none", NULL, CHUNKED "0\r\n\r\n"},
        {0},
    };
    static const char *const pages[] = {"/page", "/late"};
    struct outcome o = {0};
    struct fixture f;

    (void)state;
    fixture_start(&f, answers, NULL);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        _cleanup_free_ char *text = str_printf("%s: the answer to GET %s is not JSON", f.config.server, pages[i]);
        fixture_send_get(&f, &o, pages[i], true, 1000);
        fixture_wait_over(&f, &o);
        assert_string_equal(o.e.text, text);
        assert_int_equal(o.e.class, ERR_UNAVAILABLE);
        assert_true(o.streamed.len <= 1);
        outcome_release(&o);
        o = (struct outcome){0};
    }
    fixture_send_get(&f, &o, "/none", true, 1000);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_NONE);
    assert_int_equal(o.status, 200);
    outcome_release(&o);
    fixture_stop(&f);
}

static void test_an_answer_is_parsed(void **state)
{
    static const struct server_answer answers[] = {
        {"/good", NULL, OK(7, "{\"a\":1}")}, {"/cut", NULL, OK(6, "{\"a\":1")}, {0}};
    struct net_request whole = net_request_new(NET_GET, "/good", NULL);
    struct net_request large = net_request_new(NET_GET, "/good", NULL);
    struct net_request cut = net_request_new(NET_GET, "/cut", NULL);
    _cleanup_json_ json_t *value = NULL, *none = NULL;
    _cleanup_free_ char *text = NULL;
    struct fixture f;
    struct err e;

    (void)state;
    fixture_start(&f, answers, NULL);
    assert_int_equal(net_client_wait_json(f.client, &whole, 7, &value, &e), 0);
    assert_int_equal(json_integer_value(json_object_get(value, "a")), 1);
    assert_int_equal(net_client_wait_json(f.client, &large, 6, &none, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_int_equal(net_client_wait_json(f.client, &cut, 7, &none, &e), -1);
    assert_int_equal(e.class, ERR_UNAVAILABLE);
    text = str_printf("%s: the answer to GET /cut is not JSON: ", f.config.server);
    assert_true(str_starts(e.text, text));
    fixture_stop(&f);
}

static void test_broken_answers(void **state)
{
    static const struct server_answer answers[] = {
        {"/short", NULL, OK(100, "12345"), .close = true},
        {"/chunk", NULL, CHUNKED "5\r\n123", .close = true},
        {"/none", NULL, "", .close = true},
        {"/junk", NULL, "SSH-2.0-x\r\n\r\n", .close = true},
        {0},
    };
    static const char *const paths[] = {"/short", "/chunk", "/junk"};
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_start(&f, answers, NULL);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        o = fixture_get(&f, paths[i]);
        assert_int_not_equal(o.e.class, ERR_NONE);
        assert_true(err_class_retries(o.e.class));
        assert_true(str_starts(o.e.text, f.config.server));
        outcome_release(&o);
    }
    fixture_stop(&f);
}

static void test_nobody_there(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_start(&f, good, NULL);
    server_stop(&f.server);
    o = fixture_get(&f, "/x");
    assert_int_equal(o.e.class, ERR_UNAVAILABLE);
    assert_true(str_starts(o.e.text, f.config.server));
    /* In the same words each time: "... after 3 ms" would be another text the next time. */
    assert_non_null(strstr(o.e.text, "Failed to connect"));
    assert_null(strstr(o.e.text, " ms"));
    assert_int_equal(o.status, 0);
    outcome_release(&o);
    net_client_free(f.client);
    loop_free(f.loop);
    free(f.config.server);
}

static void test_time_out(void **state)
{
    static const struct server_answer answers[] = {{"/silent"}, {"/slow", NULL, OK(100, "1"), "2", .repeat = 50}, {0}};
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_start(&f, answers, &(struct net_client_options){.timeout = 60});
    o = fixture_get(&f, "/silent");
    assert_int_equal(o.e.class, ERR_TIMEOUT);
    outcome_release(&o);
    /* Of a whole answer, however busily it dribbles. */
    o = fixture_get(&f, "/slow");
    assert_int_equal(o.e.class, ERR_TIMEOUT);
    assert_non_null(strstr(o.e.text, "no whole answer from http://127.0.0.1:"));
    outcome_release(&o);
    fixture_stop(&f);
}

/* The process was stopped between the two: libcurl has the request, and the socket has nothing of it. */
static void test_late_request_is_not_sent(void **state)
{
    struct outcome o = {0};
    struct fixture f;

    (void)state;
    fixture_start(&f, good, NULL);
    fixture_send_before(&f, &o, "/late", clock_now_monotonic() + 20);
    usleep(40000);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    fixture_turn(&f, 50);
    assert_int_equal(f.server.requests, 0);
    outcome_release(&o);
    o = (struct outcome){0};
    fixture_send_before(&f, &o, "/past", clock_now_monotonic() - 1);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    assert_int_equal(f.server.requests, 0);
    outcome_release(&o);
    o = (struct outcome){0};
    fixture_send_before(&f, &o, "/in-time", clock_now_monotonic() + SECONDS(60));
    fixture_wait_over(&f, &o);
    assert_int_equal(o.status, 200);
    outcome_release(&o);
    fixture_stop(&f);
}

static void test_request_ends_at_its_time(void **state)
{
    static const struct server_answer answers[] = {{"/silent"}, {0}};
    struct outcome o = {0};
    struct fixture f;

    (void)state;
    fixture_start(&f, answers, NULL);
    fixture_send_before(&f, &o, "/silent", clock_now_monotonic() + 300);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    assert_int_equal(f.server.requests, 1);
    outcome_release(&o);
    fixture_stop(&f);
}

/* --- what is sent when its time is over --- */

/* A server that takes a connection and then does nothing. */
static int listen_only(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* All that comes until the connection ends. */
static size_t drain(int fd)
{
    char bytes[65536];
    size_t sum = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        sum += (size_t)n;
    return sum;
}

static struct net_request large_post(void)
{
    enum { LARGE = 16 * 1024 * 1024 };
    _cleanup_free_ char *body = malloc(LARGE + 1);

    memset(body, ' ', LARGE);
    body[LARGE] = '\0';
    return net_request_new(NET_POST, "/large", body);
}

/* Half of the request lies in libcurl and in the kernel when its time is over, and the server reads only then. */
static void test_nothing_is_sent_after_its_time(void **state)
{
    struct fixture f = {.loop = event_base_new()};
    struct net_request r = large_post();
    struct outcome o = {.fixture = &f};
    int port, listener = listen_only(&port), connection, arrived;

    (void)state;
    f.config.server = str_printf("http://127.0.0.1:%d", port);
    f.config.source = (char *)"test";
    fixture_connect(&f, NULL);
    r.not_after = clock_now_monotonic() + 300;
    net_client_send(f.client, &r, NULL, outcome_done, &o);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    connection = accept(listener, NULL, NULL);
    assert_int_equal(ioctl(connection, FIONREAD, &arrived), 0);
    assert_true(arrived > 0);
    assert_int_equal(drain(connection), arrived);
    close(connection);
    close(listener);
    outcome_release(&o);
    net_client_free(f.client);
    loop_free(f.loop);
    free(f.config.server);
}

/* The process stands still for so long in the middle of libcurl's next send but one. */
static msec_t stopped_for;
static int sends;

/* In place of the C library's, also for libcurl. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
    if (stopped_for && ++sends == 2) {
        usleep((useconds_t)stopped_for * 1000);
        stopped_for = 0;
    }
    return sendto(fd, data, len, flags, NULL, 0);
}

/* In libcurl, between the end of the handshake and the request, where nobody else could look at the clock. */
static void test_nothing_is_sent_that_was_stopped_while_it_was_sent(void **state)
{
    struct certs certs = certs_make("kube.example");
    struct outcome o = {0};
    struct fixture f;

    (void)state;
    fixture_serve(&f, good, &certs);
    f.config.ca_pem = certs.cert;
    fixture_connect(&f, NULL);
    stopped_for = 1000;
    fixture_send_before(&f, &o, "/late", clock_now_monotonic() + 800);
    fixture_wait_over(&f, &o);
    assert_int_equal(stopped_for, 0);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    fixture_turn(&f, 50);
    assert_int_equal(f.server.requests, 0);
    outcome_release(&o);
    fixture_stop(&f);
    certs_release(&certs);
}

/* The client goes on, on another connection; what was on the ended one is reported. */
static void test_late_call_ends_its_connection(void **state)
{
    static const struct server_answer answers[] = {
        {"/silent"}, {"/watch", NULL, CHUNKED, "3\r\n{b}\r\n", .repeat = 1}, {"/good", NULL, OK(2, "{}")}, {0}};
    struct outcome late = {0}, watch = {0}, next;
    struct fixture f;

    (void)state;
    fixture_start(&f, answers, NULL);
    fixture_send_get(&f, &watch, "/watch", true, 0);
    fixture_send_before(&f, &late, "/silent", clock_now_monotonic() + 200);
    fixture_wait_over(&f, &late);
    assert_int_equal(late.e.class, ERR_CANCELLED);
    fixture_wait_over(&f, &watch);
    assert_int_equal(watch.e.class, ERR_UNAVAILABLE);
    next = fixture_get(&f, "/good");
    assert_int_equal(next.status, 200);
    outcome_release(&late);
    outcome_release(&watch);
    outcome_release(&next);
    fixture_stop(&f);
}

/* --- streams --- */

static void test_stream(void **state)
{
    static const struct server_answer answers[] = {
        {"/end", NULL, CHUNKED "2\r\n{}\r\n0\r\n\r\n"},
        {"/watch", NULL, CHUNKED, "3\r\n{b}\r\n", .repeat = 8},
        {"/gone", NULL, STATUS(410, STATUS_BODY("Expired", "too old")), .close = true},
        {"/quiet", NULL, CHUNKED},
        {0},
    };
    struct fixture f;
    struct outcome o = {0};

    (void)state;
    fixture_start(&f, answers, NULL);
    fixture_send_get(&f, &o, "/end", true, 0);
    fixture_wait_over(&f, &o);
    assert_string_equal(buf_str(&o.streamed), "{}");
    assert_int_equal(o.body.len, 0);
    assert_int_equal(o.status, 200);
    assert_int_equal(o.e.class, ERR_NONE);
    outcome_release(&o);

    /* It may last: only silence ends it. Eight parts, each after 20 ms, then nothing. */
    o = (struct outcome){0};
    fixture_send_get(&f, &o, "/watch", true, 100);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.streamed.len, 24);
    assert_int_equal(o.e.class, ERR_TIMEOUT);
    assert_non_null(strstr(o.e.text, "nothing heard from"));
    outcome_release(&o);

    /* An error is no stream. */
    o = (struct outcome){0};
    fixture_send_get(&f, &o, "/gone", true, 0);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.begun, 0);
    assert_int_equal(o.streamed.len, 0);
    assert_int_equal(o.e.class, ERR_GONE);
    assert_int_equal(o.status, 410);
    outcome_release(&o);
    /* That it begins is reported before it brings anything. */
    o = (struct outcome){0};
    fixture_send_get(&f, &o, "/quiet", true, 100);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.begun, 1);
    assert_int_equal(o.streamed.len, 0);
    assert_int_equal(o.e.class, ERR_TIMEOUT);
    outcome_release(&o);
    /* Streams are no latency. */
    assert_int_equal(net_client_stats(f.client)->latency_count, 0);
    fixture_stop(&f);
}

/* --- the end of a call, from wherever --- */

static const struct server_answer streams[] = {
    {"/watch", NULL, CHUNKED, "3\r\n{b}\r\n", .repeat = 100}, {"/never"}, {"/", NULL, OK(7, "{hello}")}, {0}};

static int cancel_itself(struct outcome *o)
{
    net_call_cancel(o->call);
    return 0;
}

static int refuse(struct outcome *o)
{
    (void)o;
    return -1;
}

static int cancel_other(struct outcome *o)
{
    net_call_cancel(TAKE_PTR(o->other));
    return 0;
}

static int free_client(struct outcome *o)
{
    net_client_free(TAKE_PTR(o->fixture->client));
    return 0;
}

static void free_client_done(struct outcome *o)
{
    free_client(o);
}

static void cancel_done(struct outcome *o)
{
    net_call_cancel(o->call);
}

static void send_again(struct outcome *o)
{
    if (o->over < 3) {
        struct net_request r = net_request_new(NET_GET, "/again", NULL);
        net_client_send(o->fixture->client, &r, NULL, outcome_done, o);
    }
}

static void test_cancel(void **state)
{
    struct outcome o = {.on_data = cancel_itself}, never = {0};
    struct fixture f;

    (void)state;
    fixture_start(&f, streams, NULL);
    fixture_send_get(&f, &o, "/watch", true, 0);
    fixture_turn(&f, 60);
    assert_int_equal(o.streamed.len, 3);
    assert_int_equal(o.over, 0);
    outcome_release(&o);

    o = (struct outcome){.on_data = refuse};
    fixture_send_get(&f, &o, "/watch", true, 0);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.streamed.len, 3);
    assert_int_equal(o.e.class, ERR_CANCELLED);
    outcome_release(&o);

    o = (struct outcome){.on_data = cancel_other};
    fixture_send_get(&f, &never, "/never", false, 0);
    o.other = never.call;
    fixture_send_get(&f, &o, "/watch", true, 0);
    for (int i = 0; o.other && i < 1000; i++)
        fixture_turn(&f, 1);
    assert_null(o.other);
    assert_int_equal(never.over, 0);
    net_call_cancel(o.call);
    outcome_release(&o);

    /* Before anything was sent. */
    o = (struct outcome){0};
    fixture_send_get(&f, &o, "/x", false, 0);
    net_call_cancel(o.call);
    net_call_cancel(NULL);
    fixture_turn(&f, 20);
    assert_int_equal(o.over, 0);
    fixture_stop(&f);
}

static void test_from_callbacks(void **state)
{
    struct outcome o = {.on_done = send_again}, other = {0};
    struct fixture f;

    (void)state;
    fixture_start(&f, streams, NULL);
    fixture_send_get(&f, &o, "/x", false, 0);
    for (int i = 0; o.over < 3 && i < 1000; i++)
        fixture_turn(&f, 1);
    assert_int_equal(o.over, 3);
    assert_string_equal(buf_str(&o.body), "{hello}{hello}{hello}");
    outcome_release(&o);

    o = (struct outcome){.on_done = cancel_done};
    fixture_send_get(&f, &o, "/x", false, 0);
    fixture_wait_over(&f, &o);
    outcome_release(&o);

    o = (struct outcome){.on_data = free_client};
    fixture_send_get(&f, &other, "/never", false, 0);
    fixture_send_get(&f, &o, "/watch", true, 0);
    for (int i = 0; f.client && i < 1000; i++)
        fixture_turn(&f, 10);
    assert_null(f.client);
    assert_int_equal(o.over + other.over, 0);
    outcome_release(&o);

    fixture_connect(&f, NULL);
    o = (struct outcome){.on_done = free_client_done};
    fixture_send_get(&f, &other, "/never", false, 0);
    fixture_send_get(&f, &o, "/x", false, 0);
    fixture_wait_over(&f, &o);
    assert_null(f.client);
    assert_int_equal(other.over, 0);
    outcome_release(&o);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_of_values),
        cmocka_unit_test(test_limit_of_all_together),
        cmocka_unit_test(test_answers_that_are_no_json),
        cmocka_unit_test(test_streams_that_are_no_json),
        cmocka_unit_test(test_who_asks_for_text_gets_it),
        cmocka_unit_test(test_an_answer_is_parsed),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_late_request_is_not_sent),
        cmocka_unit_test(test_request_ends_at_its_time),
        cmocka_unit_test(test_nothing_is_sent_after_its_time),
        cmocka_unit_test(test_nothing_is_sent_that_was_stopped_while_it_was_sent),
        cmocka_unit_test(test_late_call_ends_its_connection),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_from_callbacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
