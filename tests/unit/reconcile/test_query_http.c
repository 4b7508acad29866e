/* Queries over HTTP, against the program's own server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "reconcile/query_http.h"

struct bench {
    struct event_base *loop;
    struct http_server *server;
    struct query_sender sender;
    char *path, *method, *authorization, *sent; /* of the last request */
    struct http_exchange *silent;               /* not answered; NULL: none */
    int over, status;
    struct buf body;
    struct err e;
};

static void forget_request(struct bench *b)
{
    free(b->path);
    free(b->method);
    free(b->authorization);
    free(b->sent);
}

/* /silent is not answered, /large is larger than asked for, /missing is not there. */
static void on_request(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    static char large[200000];
    struct bench *b = context;

    forget_request(b);
    b->path = str_dup_n(request->path.at, request->path.len);
    b->method = str_dup_n(request->method.at, request->method.len);
    b->authorization = str_dup_n(request->authorization.at, request->authorization.len);
    b->sent = str_dup_n(request->body, request->body_len);
    if (str_starts(b->path, "/silent")) {
        b->silent = exchange;
        return;
    }
    memset(large, 'x', sizeof(large));
    if (str_eq(b->path, "/large"))
        http_answer(exchange, 200, "text/plain", large, sizeof(large));
    else
        http_answer(exchange, str_eq(b->path, "/missing") ? 404 : 200, "text/plain", "words", 5);
}

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);
    const struct http_server_options options = {
        .address = "127.0.0.1:0", .body_max = 1000, .handle = on_request, .context = b};

    b->loop = event_base_new();
    b->sender = query_http(b->loop);
    assert_int_equal(http_server_new(b->loop, &options, &b->server, &b->e), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    http_server_free(b->server);
    if (b->silent)
        http_answer_text(b->silent, 200, "late");
    loop_free(b->loop);
    buf_release(&b->body);
    forget_request(b);
    free(b);
    return 0;
}

static void on_done(void *context, int status, const char *body, size_t body_len, const struct err *e)
{
    struct bench *b = context;

    b->over++;
    b->status = status;
    buf_reset(&b->body);
    if (body)
        buf_add(&b->body, body, body_len);
    if (e)
        b->e = *e;
    event_base_loopbreak(b->loop);
}

/* A query to a path of the server. */
static void ask_with(struct bench *b, const char *path, struct query query)
{
    _cleanup_free_ char *url = str_printf("http://127.0.0.1:%d%s", http_server_port(b->server), path);
    struct query_call *call;

    query.key = "q";
    query.url = url;
    b->over = 0;
    b->e.text[0] = '\0';
    assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), 0);
    assert_int_equal(b->over, 0);
    while (!b->over)
        assert_int_equal(event_base_loop(b->loop, EVLOOP_ONCE), 0);
    assert_int_equal(b->over, 1);
}

static void ask(struct bench *b, const char *path, msec_t timeout)
{
    ask_with(b, path, (struct query){.timeout = timeout});
}

static void an_answer_arrives_whole(void **state)
{
    struct bench *b = *state;

    ask(b, "/v1/words", 0);
    assert_int_equal(b->status, 200);
    assert_string_equal(buf_str(&b->body), "words");
    assert_string_equal(b->path, "/v1/words");
    ask(b, "", 0);
    assert_string_equal(b->path, "/");
}

static void an_answer_that_says_no_is_an_answer(void **state)
{
    struct bench *b = *state;

    ask(b, "/missing", 0);
    assert_int_equal(b->status, 404);
    assert_string_equal(buf_str(&b->body), "words");
    assert_string_equal(b->e.text, "");
}

static void an_answer_has_a_limit_and_a_time(void **state)
{
    struct bench *b = *state;

    ask(b, "/large", 0);
    assert_int_equal(b->status, 0);
    assert_int_equal(b->e.class, ERR_LIMIT);
    ask_with(b, "/large", (struct query){.post = "{}"}); /* of a post only the status counts */
    assert_int_equal(b->status, 200);
    ask(b, "/silent", 100);
    assert_int_equal(b->status, 0);
    assert_int_equal(b->e.class, ERR_TIMEOUT);
}

static void what_is_no_url_is_refused(void **state)
{
    static const char *const urls[] = {"", "words", "http://", "http://[::1"};
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const struct query query = {.key = "q", .url = urls[i]};
        struct query_call *call;
        assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), -1);
        assert_non_null(strstr(b->e.text, "is no URL"));
    }
}

/* What is left of a URL that is none may be a password, too: "/" ends the host. */
static void a_user_or_password_is_refused_and_not_told(void **state)
{
    static const struct {
        const char *url, *problem;
    } cases[] = {
        {"http://alice:hidden@127.0.0.1:1/v1", "must not contain a user or password"},
        {"http://alice@127.0.0.1:1?q=1", "must not contain a user or password"},
        {"http://:hidden@127.0.0.1:1", "must not contain a user or password"},
        {"http://alice:hidden@[::1", "is no URL"},
        {"http://alice:hidden/x@127.0.0.1:1", "is no URL"},
        {"alice:hidden@127.0.0.1", "is no URL"},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct query query = {.key = "q", .url = cases[i].url};
        struct query_call *call;
        assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), -1);
        assert_int_equal(b->e.class, ERR_INVALID);
        assert_non_null(strstr(b->e.text, cases[i].problem));
        assert_null(strstr(b->e.text, "hidden"));
        assert_null(strstr(b->e.text, "alice"));
    }
    ask(b, "/v1/a@b", 0);
    assert_int_equal(b->status, 200);
}

/* Whoever knows the path of a webhook may post to it. */
static void an_error_of_a_post_names_the_server_and_no_path(void **state)
{
    static const char url[] = "http://127.0.0.1:1/services/T0/hidden";
    struct bench *b = *state;
    struct query_call *call;
    struct query query = {.key = "q", .url = url, .post = "{}"};

    for (int i = 0; i < 2; i++) {
        b->over = 0;
        assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), 0);
        while (!b->over)
            assert_int_equal(event_base_loop(b->loop, EVLOOP_ONCE), 0);
        assert_non_null(strstr(b->e.text, "127.0.0.1:1"));
        assert_int_equal(strstr(b->e.text, "/services") != NULL, i); /* what is read is told as a whole */
        query.post = NULL;
    }
    ask_with(b, "/silent/hidden", (struct query){.post = "{}", .timeout = 100});
    assert_int_equal(b->e.class, ERR_TIMEOUT);
    assert_non_null(strstr(b->e.text, "127.0.0.1"));
    assert_null(strstr(b->e.text, "silent"));
}

static void a_cancelled_query_is_not_answered(void **state)
{
    struct bench *b = *state;
    _cleanup_free_ char *url = str_printf("http://127.0.0.1:%d/silent", http_server_port(b->server));
    const struct query query = {.key = "q", .url = url};
    struct query_call *call;

    assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), 0);
    while (!b->path)
        assert_int_equal(event_base_loop(b->loop, EVLOOP_ONCE), 0);
    b->sender.cancel(b->sender.context, call);
    ask(b, "/v1/words", 0);
    assert_int_equal(b->over, 1);
}

static void a_document_is_posted_with_credentials(void **state)
{
    struct bench *b = *state;

    ask_with(b, "/hook", (struct query){.post = "{\"a\":1}", .authorization = "Bearer hidden"});
    assert_int_equal(b->status, 200);
    assert_string_equal(b->method, "POST");
    assert_string_equal(b->sent, "{\"a\":1}");
    assert_string_equal(b->authorization, "Bearer hidden");
    ask(b, "/hook", 0);
    assert_string_equal(b->method, "GET");
    assert_string_equal(b->sent, "");
    assert_string_equal(b->authorization, "");
}

/* Neither is it sent as a header of its own, nor told. */
static void credentials_of_several_lines_are_refused(void **state)
{
    struct bench *b = *state;
    const struct query query = {.key = "q", .url = "http://127.0.0.1:1/", .authorization = "Bearer hidden\r\nX: y"};
    struct query_call *call;

    assert_int_equal(b->sender.send(b->sender.context, &query, on_done, b, &call, &b->e), -1);
    assert_int_equal(b->e.class, ERR_INVALID);
    assert_null(strstr(b->e.text, "hidden"));
}

/* The server is not asked later than that, and one that is slow is not waited for. */
static void what_is_posted_is_over_at_its_time(void **state)
{
    struct bench *b = *state;
    msec_t begun = clock_now_monotonic();

    ask_with(b, "/hook", (struct query){.post = "{}", .not_after = begun});
    assert_int_equal(b->e.class, ERR_CANCELLED);
    assert_null(b->path);
    ask_with(b, "/silent", (struct query){.post = "{}", .timeout = SECONDS(30), .not_after = begun + 500});
    assert_int_equal(b->e.class, ERR_CANCELLED);
    assert_string_equal(b->path, "/silent");
    assert_true(clock_now_monotonic() < begun + SECONDS(20));
    ask_with(b, "/hook", (struct query){.post = "{}", .not_after = clock_now_monotonic() + SECONDS(30)});
    assert_int_equal(b->status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_says_no_is_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_has_a_limit_and_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_url_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_or_password_is_refused_and_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_document_is_posted_with_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(credentials_of_several_lines_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_of_a_post_names_the_server_and_no_path, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_query_is_not_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_posted_is_over_at_its_time, setup, teardown),
    };

    return cmocka_run_group_tests_name("unit reconcile query_http", tests, NULL, NULL);
}
