/* Who may read the metrics: an API server is played by the HTTP server of the operator itself. */
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "serve/access.h"

struct fixture {
    struct event_base *loop;
    struct http_server *api;
    struct net_client *client;
    struct access *access;
    int token_reviews, access_reviews;
    bool broken, senseless;
    char *asked_about; /* of the last SubjectAccessReview, JSON */
    /* The answer. */
    int answers, status;
};

static void answer_json(struct http_exchange *exchange, json_t *document)
{
    _cleanup_free_ char *text = doc_text(document);

    http_answer(exchange, 200, "application/json", text, strlen(text));
    json_decref(document);
}

static void play_token_review(struct fixture *f, struct http_exchange *exchange, const json_t *review)
{
    const char *token = doc_string(review, "spec", "token");

    f->token_reviews++;
    if (!str_eq(token, "reader") && !str_eq(token, "stranger"))
        answer_json(exchange, OBJECT(MAP("status", STRING("error", "who is that?"))));
    else
        answer_json(
            exchange,
            OBJECT(
                MAP("status",
                    BOOL("authenticated", true),
                    MAP("user",
                        STRING("username", token),
                        SEQ("groups", ITEM_STRING("users")),
                        MAP("extra", SEQ("scopes", ITEM_STRING("a")))))));
}

static void play_access_review(struct fixture *f, struct http_exchange *exchange, const json_t *review)
{
    f->access_reviews++;
    free(f->asked_about);
    f->asked_about = doc_text(doc_at(review, "spec"));
    answer_json(
        exchange,
        OBJECT(
            MAP("status",
                BOOL(
                    "allowed",
                    str_eq(doc_string(review, "spec", "user"), "reader") &&
                        str_eq(doc_string(review, "spec", "nonResourceAttributes", "path"), "/metrics")))));
}

static void play_api_server(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    _cleanup_json_ json_t *review = NULL;
    struct fixture *f = context;
    struct err e;

    if (f->broken) {
        http_answer_text(exchange, 503, "not now");
        return;
    }
    if (f->senseless) {
        http_answer_text(exchange, 200, "{");
        return;
    }
    assert_int_equal(doc_parse(request->body, request->body_len, SIZE_MAX, &review, &e), 0);
    if (http_span_is(request->path, "/apis/authentication.k8s.io/v1/tokenreviews"))
        play_token_review(f, exchange, review);
    else if (http_span_is(request->path, "/apis/authorization.k8s.io/v1/subjectaccessreviews"))
        play_access_review(f, exchange, review);
    else
        http_answer_text(exchange, 404, "no");
}

static void start(struct fixture *f)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0", .body_max = 100000, .handle = play_api_server, .context = f};
    _cleanup_free_ char *server = NULL;
    struct kube_config config = {.namespace = (char *)"default"};
    struct err e;

    *f = (struct fixture){.loop = event_base_new()};
    if (http_server_new(f->loop, &options, &f->api, &e) < 0)
        fail_msg("%s", e.text);
    config.server = server = str_printf("http://127.0.0.1:%d", http_server_port(f->api));
    if (kube_client_new(f->loop, &config, &(struct net_client_options){0}, &f->client, &e) < 0)
        fail_msg("%s", e.text);
    f->access = access_new(f->client);
}

static void stop(struct fixture *f)
{
    access_free(f->access);
    net_client_free(f->client);
    http_server_free(f->api);
    event_base_loop(f->loop, EVLOOP_NONBLOCK);
    loop_free(f->loop);
    free(f->asked_about);
}

static void on_answer(void *context, int status, const char *why)
{
    struct fixture *f = context;

    f->answers++;
    f->status = status;
    assert_int_equal(*why == '\0', status == 200);
}

static int ask(struct fixture *f, const char *authorization, const char *path)
{
    int before = f->answers;

    access_check(
        f->access, (struct http_span){authorization, authorization ? strlen(authorization) : 0}, path, on_answer, f);
    while (f->answers == before)
        event_base_loop(f->loop, EVLOOP_ONCE);
    assert_int_equal(f->answers, before + 1);
    return f->status;
}

static void test_who_may_read(void **state)
{
    static const struct {
        const char *authorization;
        const char *path;
        int status;
        int reviews; /* how many the API server was asked for */
    } cases[] = {
        {NULL, "/metrics", 401, 0},
        {"", "/metrics", 401, 0},
        {"Bearer ", "/metrics", 401, 0},
        {"Basic cmVhZGVyOng=", "/metrics", 401, 0},
        {"Bearer a\"b", "/metrics", 401, 0},
        {"Bearer a\xff", "/metrics", 401, 0},
        {"Bearer nobody", "/metrics", 401, 1},
        {"Bearer stranger", "/metrics", 403, 2},
        {"Bearer reader", "/other", 403, 2},
        {"bearer reader", "/metrics", 200, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        start(&f);
        assert_int_equal(ask(&f, cases[i].authorization, cases[i].path), cases[i].status);
        assert_int_equal(f.token_reviews + f.access_reviews, cases[i].reviews);
        stop(&f);
    }
}

static void test_the_whole_user_is_asked_about(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 200);
    assert_string_equal(
        f.asked_about,
        "{\"extra\":{\"scopes\":[\"a\"]},\"groups\":[\"users\"],"
        "\"nonResourceAttributes\":{\"path\":\"/metrics\",\"verb\":\"get\"},"
        "\"user\":\"reader\"}");
    stop(&f);
}

static void test_answers_are_kept(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 200);
        assert_int_equal(ask(&f, "Bearer stranger", "/metrics"), 403);
        assert_int_equal(ask(&f, "Bearer nobody", "/metrics"), 401);
    }
    assert_int_equal(f.token_reviews, 3);
    assert_int_equal(f.access_reviews, 2);
    /* For one path, and not for another. */
    assert_int_equal(ask(&f, "Bearer reader", "/other"), 403);
    stop(&f);
}

/* Whoever sends tokens by the thousand gets answers, and pushes out others, but nothing grows. */
static void test_what_is_kept_is_bounded(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 200);
    for (int i = 0; i < 300; i++) {
        _cleanup_free_ char *authorization = str_printf("Bearer made-up-%d", i);
        assert_int_equal(ask(&f, authorization, "/metrics"), 401);
    }
    /* A yes is kept longer, so that a flood of nonsense does not cost those who may read. */
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 200);
    assert_int_equal(f.token_reviews, 301);
    stop(&f);
}

static void test_no_answer_is_no_yes(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.broken = true;
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 503);
    f.broken = false;
    f.senseless = true;
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 503);
    /* It was not kept. */
    f.senseless = false;
    assert_int_equal(ask(&f, "Bearer reader", "/metrics"), 200);
    stop(&f);
}

static void test_questions_under_way_are_bounded(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    for (int i = 0; i < 40; i++)
        access_check(f.access, (struct http_span){"Bearer reader", 13}, "/metrics", on_answer, &f);
    /* Those beyond the limit are answered immediately. */
    assert_int_equal(f.answers, 24);
    assert_int_equal(f.status, 503);
    while (f.answers < 40)
        event_base_loop(f.loop, EVLOOP_ONCE);
    assert_int_equal(f.status, 200);
    stop(&f);
}

static void test_the_end_answers_all_clients(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    access_check(f.access, (struct http_span){"Bearer reader", 13}, "/metrics", on_answer, &f);
    assert_int_equal(f.answers, 0);
    stop(&f);
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.status, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_read),
        cmocka_unit_test(test_the_whole_user_is_asked_about),
        cmocka_unit_test(test_answers_are_kept),
        cmocka_unit_test(test_what_is_kept_is_bounded),
        cmocka_unit_test(test_no_answer_is_no_yes),
        cmocka_unit_test(test_questions_under_way_are_bounded),
        cmocka_unit_test(test_the_end_answers_all_clients),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
