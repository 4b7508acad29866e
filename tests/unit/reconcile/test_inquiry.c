/* When queries are sent again, on simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "kube/elector.h"
#include "reconcile/inquiry.h"
#include "sim.h"

#define NOT_AFTER SECONDS(1000000)

/* One query at a time is under way. */
struct query_call {
    query_done_fn done;
    void *context;
};

struct bench {
    struct sim *sim;
    struct net_timer *answer; /* when the query is answered */
    struct query_sender sender;
    struct inquiry *inquiry;
    struct query_call call;
    msec_t way; /* of an answer */
    int sent, cancelled, told;
    char *url;  /* that was sent last */
    bool moves; /* the plan has the time in its URL */
    bool fails; /* queries cannot be sent */
    int status; /* of the answers */
    bool closed;
    msec_t not_after; /* of the last query */
    struct kube_gate gate;
};

static int send_query(
    void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
    struct err *e)
{
    struct bench *b = context;

    assert_null(b->call.done);
    b->sent++;
    b->not_after = query->not_after;
    str_replace(&b->url, query->url);
    if (b->fails)
        return err_set(e, ERR_INVALID, "no");
    b->call = (struct query_call){done, done_context};
    *ret = &b->call;
    sim_io(b->sim)->timer_set(sim_io(b->sim), b->answer, sim_io(b->sim)->now(sim_io(b->sim)) + b->way);
    return 0;
}

static void cancel(void *context, struct query_call *call)
{
    struct bench *b = context;

    assert_non_null(call->done);
    b->cancelled++;
    *call = (struct query_call){0};
    sim_io(b->sim)->timer_set(sim_io(b->sim), b->answer, MSEC_NEVER);
}

static void on_answer(void *context)
{
    struct bench *b = context;
    struct query_call over = b->call;

    b->call = (struct query_call){0};
    over.done(over.context, b->status, b->url, strlen(b->url), NULL);
}

static void follow(struct bench *b, const char *url, msec_t max_age)
{
    struct query query = {.key = "q", .url = url, .max_age = max_age};

    inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
}

/* Plans again, as a subject does. */
static void on_answered(void *context)
{
    struct bench *b = context;
    _cleanup_free_ char *url = str_printf("http://a/?n=%d", b->told++);

    if (b->moves)
        follow(b, url, SECONDS(60));
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct bench *b = context;

    *ret_not_after = NOT_AFTER;
    return !b->closed;
}

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);

    b->sim = sim_new(&kube_lease_kinds, 20, 1);
    b->answer = sim_io(b->sim)->timer_new(sim_io(b->sim), on_answer, b);
    b->sender = (struct query_sender){send_query, cancel, b};
    b->gate = (struct kube_gate){may_send, b};
    b->inquiry = inquiry_new(sim_io(b->sim), &b->sender, NULL, &b->gate, on_answered, b);
    b->way = 2;
    b->status = 200;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    inquiry_free(b->inquiry);
    sim_io(b->sim)->timer_free(sim_io(b->sim), b->answer);
    sim_free(b->sim);
    free(b->url);
    free(b);
    return 0;
}

/* How many queries were sent within a time. */
static int sent_within(struct bench *b, msec_t time)
{
    int before = b->sent;

    sim_run(b->sim, time);
    return b->sent - before;
}

static void a_url_that_always_changes_is_asked_once_a_second(void **state)
{
    struct bench *b = *state;

    b->moves = true;
    follow(b, "http://a/", SECONDS(60));
    sim_run(b->sim, SECONDS(10) + 500);
    assert_int_equal(b->sent, 11);
    b->fails = true;
    assert_int_equal(sent_within(b, SECONDS(10)), 10);
    assert_int_equal(b->cancelled, 0);
}

static void a_changed_url_waits_for_the_second_and_not_for_the_age(void **state)
{
    struct bench *b = *state;

    follow(b, "http://a/1", SECONDS(60));
    sim_run(b->sim, 400);
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
    follow(b, "http://a/2", SECONDS(60));
    assert_int_equal(inquiry_answers(b->inquiry).len, 0);
    assert_int_equal(sent_within(b, 500), 0);
    assert_int_equal(sent_within(b, 200), 1);
    assert_string_equal(b->url, "http://a/2");
    assert_string_equal(inquiry_answers(b->inquiry).items[0].body, "http://a/2");
    assert_int_equal(sent_within(b, SECONDS(30)), 0);
    follow(b, "http://a/3", MSEC_NEVER);
    assert_int_equal(b->sent, 3); /* the second has passed long ago */
    assert_int_equal(sent_within(b, SECONDS(600)), 0);
}

static void what_is_under_way_to_another_url_is_cancelled(void **state)
{
    struct bench *b = *state;

    b->way = SECONDS(5);
    follow(b, "http://a/1", SECONDS(60));
    sim_run(b->sim, 300);
    follow(b, "http://a/2", SECONDS(60));
    assert_int_equal(b->cancelled, 1);
    assert_int_equal(sent_within(b, 600), 0);
    assert_int_equal(sent_within(b, 200), 1);
    sim_run(b->sim, SECONDS(6));
    assert_int_equal(b->told, 1);
    assert_string_equal(inquiry_answers(b->inquiry).items[0].body, "http://a/2");
}

static void a_max_age_that_changes_holds_for_the_answer_that_is_there(void **state)
{
    struct bench *b = *state;

    follow(b, "http://a/", MSEC_NEVER);
    assert_int_equal(sent_within(b, SECONDS(10)), 0);
    follow(b, "http://a/", SECONDS(20));
    assert_int_equal(b->sent, 1);
    assert_int_equal(sent_within(b, SECONDS(9)), 0);
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
    follow(b, "http://a/", SECONDS(60));
    assert_int_equal(sent_within(b, SECONDS(50)), 0);
    follow(b, "http://a/", SECONDS(1)); /* it is older: now */
    assert_int_equal(b->sent, 3);
    sim_run(b->sim, 100);
    follow(b, "http://a/", 0);
    assert_int_equal(sent_within(b, 800), 0);
    assert_int_equal(sent_within(b, 200), 1);
    follow(b, "http://a/", MSEC_NEVER - 1);
    assert_int_equal(sent_within(b, SECONDS(60)), 0);
}

/* Whatever the key is: who asks, and what is sent along, is part of the question. */
static void another_document_or_credential_is_another_question(void **state)
{
    static const struct query questions[] = {
        {.key = "q", .url = "http://a/"},
        {.key = "q", .url = "http://a/", .post = "{}"},
        {.key = "q", .url = "http://a/", .post = "{\"a\":1}"},
        {.key = "q", .url = "http://a/", .post = "{\"a\":1}", .authorization = "Bearer a"},
        {.key = "q", .url = "http://a/", .post = "{\"a\":1}", .authorization = "Bearer b"},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct query query = questions[i];
        query.max_age = MSEC_NEVER;
        for (int again = 0; again < 2; again++) {
            inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
            assert_int_equal(inquiry_answers(b->inquiry).len, again);
            sim_run(b->sim, SECONDS(2));
            assert_int_equal(b->sent, i + 1);
        }
    }
}

/* A replica that does not act posts nothing, and does so as soon as it acts. */
static void only_who_acts_posts(void **state)
{
    struct query query = {.key = "q", .url = "http://a/", .post = "{}", .max_age = MSEC_NEVER};
    struct bench *b = *state;

    b->closed = true;
    inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
    assert_int_equal(sent_within(b, SECONDS(60)), 0);
    assert_int_equal(inquiry_answers(b->inquiry).len, 0);
    b->closed = false;
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
    assert_int_equal(sent_within(b, SECONDS(600)), 0);
}

/* A yes of long ago is none when this replica acts again: it is asked anew. */
static void an_answer_to_a_post_does_not_outlive_its_time_without_the_gate(void **state)
{
    struct query query = {.key = "q", .url = "http://a/", .post = "{}", .max_age = SECONDS(10)};
    struct bench *b = *state;

    inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
    b->closed = true;
    assert_int_equal(inquiry_answers(b->inquiry).len, 0);
    b->closed = false; /* before it was too old */
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
    b->closed = true;
    b->status = 403;
    sim_run(b->sim, SECONDS(36000));
    b->closed = false;
    inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
    assert_int_equal(inquiry_answers(b->inquiry).len, 0);
    sim_run(b->sim, SECONDS(2));
    assert_int_equal(b->sent, 2);
    assert_int_equal(inquiry_answers(b->inquiry).items[0].status, 403);
}

/* What a standby's plans asked for is posted when a plan of the new term asks for it, and not before. */
static void a_new_term_posts_what_its_own_plans_ask(void **state)
{
    struct query queries[] = {
        {.key = "read", .url = "http://a/", .max_age = MSEC_NEVER},
        {.key = "post", .url = "http://a/", .post = "{}", .max_age = MSEC_NEVER},
    };
    struct bench *b = *state;

    b->closed = true;
    inquiry_follow(b->inquiry, &(struct queries){queries, 2, 2});
    sim_run(b->sim, SECONDS(60));
    assert_int_equal(b->sent, 1);
    b->closed = false;
    inquiry_forget_posts(b->inquiry);
    assert_int_equal(sent_within(b, SECONDS(60)), 0);
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
    inquiry_follow(b->inquiry, &(struct queries){queries, 2, 2});
    assert_int_equal(b->sent, 2);
    sim_run(b->sim, SECONDS(60));
    assert_int_equal(b->not_after, NOT_AFTER);
    assert_int_equal(inquiry_answers(b->inquiry).len, 2);
    inquiry_forget_posts(b->inquiry); /* what was answered in a term before is no answer, either */
    assert_int_equal(inquiry_answers(b->inquiry).len, 1);
}

static void what_may_change_is_asked_again_before_it_is_the_answer(void **state)
{
    static const struct {
        int status, sent;
    } cases[] = {{200, 1}, {403, 1}, {429, 3}, {500, 3}, {503, 3}};
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query query = {.key = "q", .url = "http://a/", .post = "{}", .retries = 2, .max_age = MSEC_NEVER};
        int told = b->told, sent = b->sent;
        b->status = cases[i].status;
        inquiry_follow(b->inquiry, &(struct queries){&query, 1, 1});
        sim_run(b->sim, 900);
        assert_int_equal(b->sent, sent + 1);
        sim_run(b->sim, SECONDS(600));
        assert_int_equal(b->sent, sent + cases[i].sent);
        assert_int_equal(b->told, told + 1);
        assert_int_equal(inquiry_answers(b->inquiry).items[0].status, cases[i].status);
        inquiry_follow(b->inquiry, &(struct queries){0});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_url_that_always_changes_is_asked_once_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_url_waits_for_the_second_and_not_for_the_age, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_to_another_url_is_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(a_max_age_that_changes_holds_for_the_answer_that_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(another_document_or_credential_is_another_question, setup, teardown),
        cmocka_unit_test_setup_teardown(only_who_acts_posts, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_answer_to_a_post_does_not_outlive_its_time_without_the_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_term_posts_what_its_own_plans_ask, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_change_is_asked_again_before_it_is_the_answer, setup, teardown),
    };

    return cmocka_run_group_tests_name("unit reconcile inquiry", tests, NULL, NULL);
}
