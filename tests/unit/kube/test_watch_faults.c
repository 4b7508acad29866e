/* What a watch does when its server fails, is silent or has another history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/backoff.h"
#include "watch_fixture.h"

static void failures_are_tried_again_later_and_later(void **state)
{
    struct bench b;
    msec_t last = 0;

    (void)state;
    begin(&b);
    for (int i = 0; i < 20; i++) {
        expect_step(&b, LIST);
        fail_call(&b, ERR_FORBIDDEN, 0);
        assert_string_equal(kube_watch_error(b.w), "it did not work");
        expect_step(&b, WAIT);
        assert_true(kube_watch_due(b.w) - b.now >= last);
        last = kube_watch_due(b.w) - b.now;
        b.now = kube_watch_due(b.w);
    }
    assert_int_equal(last, 30000);
    expect_step(&b, LIST);
    fail_call(&b, ERR_THROTTLED, 45000);
    assert_int_equal(kube_watch_due(b.w), b.now + 45000);
    /* The server is there again. */
    kube_watch_retry(b.w, b.now);
    expect_step(&b, LIST);
    page(&b, LIST("1", ""));
    assert_string_equal(kube_watch_error(b.w), "");
    finish(&b);
}

/* A kind of which nothing is reported for long is believed as soon as any: doubts are no failures. */
static void doubt_leads_to_a_list_however_often(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    for (int i = 0; i < 20; i++) {
        b.now += SECONDS(2);
        assert_true(kube_watch_doubt(b.w, b.now));
        assert_false(kube_watch_doubt(b.w, b.now)); /* the list is due already */
        expect_step(&b, CANCEL);
        expect_step(&b, LIST);
        page(&b, LIST("10", OBJ("a", "4")));
        expect_log(&b, "B L:a E@10");
        expect_step(&b, OPEN);
    }
    /* But not as fast as another client may doubt. */
    b.now += 300;
    assert_true(kube_watch_doubt(b.w, b.now));
    expect_step(&b, CANCEL);
    expect_step(&b, WAIT);
    b.now += 700;
    expect_step(&b, LIST);
    page(&b, LIST("10", OBJ("a", "4")));
    expect_log(&b, "B L:a E@10");
    expect_step(&b, OPEN);
    /* Nor sooner than the server asks for. */
    b.now += SECONDS(2);
    fail_call(&b, ERR_THROTTLED, SECONDS(7));
    expect_log(&b, "");
    assert_true(kube_watch_doubt(b.w, b.now));
    b.now += SECONDS(6);
    expect_step(&b, WAIT);
    b.now += SECONDS(2);
    expect_step(&b, LIST);
    finish(&b);
}

static void gone_leads_back_to_the_list(void **state)
{
    struct bench b;

    (void)state;
    for (int in_stream = 0; in_stream < 2; in_stream++) {
        begin_watching(&b);
        if (in_stream) {
            feed(&b, EVENT("ADDED", "b", "15") STATUS("410"));
            expect_log(&b, "P:b@15");
            expect_step(&b, CANCEL);
        } else {
            fail_call(&b, ERR_GONE, 0);
        }
        expect_step(&b, LIST);
        page(&b, LIST("30", ""));
        expect_log(&b, "B E@30");
        /* And again: not immediately any more. */
        expect_step(&b, OPEN);
        fail_call(&b, ERR_GONE, 0);
        if (!in_stream) {
            expect_step(&b, WAIT);
            assert_int_equal(kube_watch_due(b.w), b.now + 200);
        }
        finish(&b);
    }
}

static void another_error_in_the_stream_backs_off(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    feed(&b, STATUS("500"));
    expect_log(&b, "");
    expect_step(&b, CANCEL);
    expect_step(&b, WAIT);
    assert_string_equal(kube_watch_error(b.w), "the watch was ended by the server: sorry");
    b.now = kube_watch_due(b.w);
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "10");
    finish(&b);
}

static void silence_has_an_end(void **state)
{
    struct bench b;
    msec_t opened;

    (void)state;
    begin_watching(&b);
    opened = b.now;
    assert_int_equal(kube_watch_due(b.w), opened + SECONDS(300 + 90));
    /* Bookmarks every minute: silence is noticed much sooner. */
    b.now += 60000;
    feed(&b, BOOKMARK("12"));
    expect_log(&b, "S@12");
    assert_int_equal(kube_watch_due(b.w), b.now + SECONDS(150));
    b.now = kube_watch_due(b.w) - 1;
    expect_step(&b, WAIT);
    b.now++;
    expect_step(&b, CANCEL);
    assert_string_equal(kube_watch_error(b.w), "the watch fell silent");
    b.now = kube_watch_due(b.w);
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "12");
    finish(&b);
}

static void a_server_without_bookmarks_that_does_not_end_a_watch_is_at_fault(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    b.now = kube_watch_due(b.w);
    expect_step(&b, CANCEL);
    assert_string_equal(kube_watch_error(b.w), "the watch fell silent");
    finish(&b);
}

/* Where nothing of a kind changes there are no bookmarks, and nothing is wrong. */
static void where_nothing_changes_silence_is_no_fault(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    b.now += 60000;
    feed(&b, BOOKMARK("12"));
    expect_log(&b, "S@12");
    kube_watch_ended(b.w, b.now, 0);
    expect_step(&b, OPEN);
    feed(&b, "");
    for (int times = 0; times < 3; times++) {
        b.now += SECONDS(150) - 1;
        expect_step(&b, WAIT);
        b.now++;
        expect_step(&b, CANCEL);
        assert_string_equal(kube_watch_error(b.w), "");
        expect_step(&b, OPEN);
        feed(&b, "");
        assert_string_equal(kube_watch_version(b.w), "12");
    }
    finish(&b);
}

static void a_custom_kind_that_is_not_served_rests(void **state)
{
    struct bench b;

    (void)state;
    begin_with(&b, &(struct kube_watch_options){.custom = true});
    expect_step(&b, LIST);
    fail_call(&b, ERR_NOT_FOUND, 0);
    assert_false(kube_watch_is_served(b.w));
    assert_string_equal(kube_watch_error(b.w), ""); /* that is no error */
    expect_log(&b, "F");
    b.now += SECONDS(100000);
    expect_step(&b, WAIT);
    assert_true(kube_watch_due(b.w) == MSEC_NEVER);

    /* Its definition is established: the server only needs a moment. */
    kube_watch_expect(b.w, true);
    kube_watch_start(b.w, b.now, "v1", "ConfigMap");
    expect_step(&b, LIST);
    fail_call(&b, ERR_NOT_FOUND, 0);
    assert_true(kube_watch_is_served(b.w));
    expect_log(&b, "");
    b.now += 200;
    expect_step(&b, LIST);
    page(&b, LIST("3", ""));
    expect_log(&b, "B E@3");

    /* The definition goes. It might also be that the server starts: that is not believed immediately. */
    kube_watch_expect(b.w, false);
    expect_step(&b, OPEN);
    fail_call(&b, ERR_NOT_FOUND, 0);
    for (msec_t since = b.now; b.now < since + SECONDS(30);) {
        expect_log(&b, "");
        assert_true(kube_watch_is_served(b.w));
        b.now = kube_watch_due(b.w);
        expect_step(&b, LIST);
        fail_call(&b, ERR_NOT_FOUND, 0);
    }
    expect_log(&b, "F");
    assert_false(kube_watch_is_served(b.w));
    finish(&b);
}

static void a_history_that_was_set_back_is_noticed(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    feed(&b, BOOKMARK("8"));
    expect_log(&b, "");
    expect_step(&b, CANCEL);
    expect_step(&b, LIST);
    page(&b, LIST("9", OBJ("a", "2")));
    expect_log(&b, "B! L:a E@9");
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "9");
    finish(&b);
}

static void a_version_of_the_future_leads_back_to_the_list(void **state)
{
    static const char *const errors[] = {
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":504,\"reason\":\"Timeout\",\"details\":"
        "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}]}}}\n",
        /* Before Kubernetes 1.18. */
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":504,\"reason\":\"Timeout\",\"message\":"
        "\"Too large resource version: 10, current: 7\"}}\n",
    };
    struct bench b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        begin_watching(&b);
        feed(&b, errors[i]);
        expect_log(&b, "");
        expect_step(&b, CANCEL);
        expect_step(&b, LIST);
        page(&b, LIST("7", ""));
        expect_log(&b, "B! E@7");
        finish(&b);
    }
}

static void a_page_that_cannot_be_had_leads_back_to_the_first_one(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, PAGE("10", "more", OBJ("a", "4")));
    expect_log(&b, "B L:a");
    for (int i = 0; i < 3; i++) {
        expect_step(&b, LIST);
        assert_string_equal(kube_watch_continue(b.w), "more");
        fail_call(&b, ERR_UNAVAILABLE, 0);
        b.now = kube_watch_due(b.w);
    }
    expect_step(&b, LIST);
    assert_null(kube_watch_continue(b.w));
    page(&b, LIST("7", OBJ("b", "5")));
    expect_log(&b, "B L:b E@7");
    finish(&b);
}

static void expect_age(const struct bench *b, msec_t age)
{
    assert_int_equal(b->now - kube_watch_trusted(b->w), age);
}

static void what_a_watch_hears_makes_it_young(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    b.now += SECONDS(5);
    expect_age(&b, SECONDS(5));
    kube_watch_verified(b.w, b.now); /* no watch is open */
    expect_age(&b, SECONDS(5));
    page(&b, PAGE("10", "more", OBJ("a", "4")));
    expect_age(&b, 0);
    expect_log(&b, "B L:a");
    expect_step(&b, LIST);
    page(&b, LIST("10", ""));
    expect_log(&b, "E@10");
    expect_step(&b, OPEN);
    b.now += SECONDS(7);
    expect_age(&b, SECONDS(7));
    feed(&b, EVENT("ADDED", "b", "11"));
    expect_log(&b, "P:b@11");
    expect_age(&b, 0);
    b.now += SECONDS(7);
    feed(&b, BOOKMARK("12"));
    expect_log(&b, "S@12");
    expect_age(&b, 0);
    b.now += SECONDS(7);
    kube_watch_verified(b.w, b.now);
    expect_age(&b, 0);
    /* Half a line is nothing that was heard, and neither is an error. */
    b.now += SECONDS(7);
    feed(&b, "{\"type\":");
    expect_log(&b, "");
    expect_age(&b, SECONDS(7));
    fail_call(&b, ERR_UNAVAILABLE, 0);
    expect_log(&b, "");
    kube_watch_verified(b.w, b.now);
    expect_age(&b, SECONDS(7));
    finish(&b);
}

static void late_events_do_not_set_the_version_back(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    feed(&b, EVENT("MODIFIED", "a", "15") EVENT("MODIFIED", "a", "12"));
    expect_log(&b, "P:a@15 P:a@12");
    assert_string_equal(kube_watch_version(b.w), "15");
    finish(&b);
}

static void what_comes_too_late_is_not_heard(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    kube_watch_stop(b.w);
    feed(&b, EVENT("ADDED", "b", "15"));
    kube_watch_ended(b.w, b.now, 0);
    fail_call(&b, ERR_GONE, 0);
    page(&b, LIST("1", ""));
    expect_log(&b, "");
    expect_step(&b, CANCEL);
    expect_step(&b, WAIT);
    assert_true(kube_watch_due(b.w) == MSEC_NEVER);
    finish(&b);
}

static void an_open_watch_proves_itself_without_a_word(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    fail_call(&b, ERR_UNAVAILABLE, 0);
    b.now = kube_watch_due(b.w);
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_error(b.w), "it did not work");
    feed(&b, "");
    assert_string_equal(kube_watch_error(b.w), "");
    /* It has failed in vain only when it has lasted for a while. */
    assert_int_equal(kube_watch_due(b.w), b.now + SECONDS(1));
    b.now = kube_watch_due(b.w);
    expect_step(&b, WAIT);
    assert_true(kube_watch_due(b.w) > b.now + SECONDS(100));
    finish(&b);
}

static void a_watch_that_the_server_does_not_open_is_asked_for_again(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    assert_true(kube_watch_is_open(b.w));
    kube_watch_ended(b.w, b.now += SECONDS(10), 0);
    expect_step(&b, OPEN);
    assert_false(kube_watch_is_open(b.w));
    b.now += SECONDS(29);
    expect_step(&b, WAIT);
    kube_watch_verified(b.w, b.now);
    expect_age(&b, SECONDS(39)); /* since the list */
    b.now = kube_watch_due(b.w);
    expect_step(&b, CANCEL);
    assert_string_equal(kube_watch_error(b.w), "the server does not open the watch");
    b.now = kube_watch_due(b.w);
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "10");
    feed(&b, "");
    assert_true(kube_watch_is_open(b.w));
    kube_watch_verified(b.w, b.now);
    expect_age(&b, 0);
    finish(&b);
}

static void only_throttling_makes_the_servers_word_count(void **state)
{
    (void)state;
    assert_int_equal(kube_backoff_asked(200, ERR_THROTTLED, 7000), 7000);
    assert_int_equal(kube_backoff_asked(200, ERR_THROTTLED, 0), 200);
    assert_int_equal(kube_backoff_asked(200, ERR_THROTTLED, INT64_MAX), 300000);
    assert_int_equal(kube_backoff_asked(200, ERR_UNAVAILABLE, 10000), 200);
}

static void delays_double_up_to_a_most(void **state)
{
    (void)state;
    assert_int_equal(kube_backoff(500, 60000, 1, 0), 500);
    assert_int_equal(kube_backoff(500, 60000, 2, 0), 1000);
    assert_int_equal(kube_backoff(500, 60000, 7, 0), 32000);
    assert_int_equal(kube_backoff(500, 60000, 8, 0), 60000);
    assert_int_equal(kube_backoff(500, 60000, UINT32_MAX, 0), 60000);
    assert_int_equal(kube_backoff(500, 60000, 1, UINT32_MAX), 400);
    assert_int_equal(kube_backoff(500, 60000, 99, UINT32_MAX / 2), 54001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_tried_again_later_and_later),
        cmocka_unit_test(doubt_leads_to_a_list_however_often),
        cmocka_unit_test(gone_leads_back_to_the_list),
        cmocka_unit_test(another_error_in_the_stream_backs_off),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(a_server_without_bookmarks_that_does_not_end_a_watch_is_at_fault),
        cmocka_unit_test(where_nothing_changes_silence_is_no_fault),
        cmocka_unit_test(a_custom_kind_that_is_not_served_rests),
        cmocka_unit_test(a_history_that_was_set_back_is_noticed),
        cmocka_unit_test(a_version_of_the_future_leads_back_to_the_list),
        cmocka_unit_test(a_page_that_cannot_be_had_leads_back_to_the_first_one),
        cmocka_unit_test(what_a_watch_hears_makes_it_young),
        cmocka_unit_test(late_events_do_not_set_the_version_back),
        cmocka_unit_test(what_comes_too_late_is_not_heard),
        cmocka_unit_test(an_open_watch_proves_itself_without_a_word),
        cmocka_unit_test(a_watch_that_the_server_does_not_open_is_asked_for_again),
        cmocka_unit_test(only_throttling_makes_the_servers_word_count),
        cmocka_unit_test(delays_double_up_to_a_most),
    };

    return cmocka_run_group_tests_name("kube watch faults", tests, NULL, NULL);
}
