/* Lists, and watches that continue from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "watch_fixture.h"

static void a_list_leads_to_a_watch_from_its_version(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    assert_null(kube_watch_continue(b.w));
    expect_step(&b, WAIT);
    page(&b, LIST("10", OBJ("a", "4") "," OBJ("b", "7")));
    expect_step(&b, WAIT); /* the page is not read yet */
    assert_false(kube_watch_listed(b.w));
    expect_log(&b, "B L:a L:b E@10");
    assert_true(kube_watch_listed(b.w));
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "10");
    assert_in_range(kube_watch_seconds(b.w), 300, 600);
    feed(&b, EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13") BOOKMARK("20"));
    expect_log(&b, "P:c@11 P:a@12 R:b@13 S@20");
    assert_string_equal(kube_watch_version(b.w), "20");
    finish(&b);
}

static void items_of_lists_say_what_they_are(void **state)
{
    struct bench b;
    struct kube_event event;
    size_t budget = SIZE_MAX;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, LIST("10", OBJ("a", "4")));
    assert_true(kube_watch_next(b.w, b.now, 0, &budget, &event));
    assert_true(kube_watch_next(b.w, b.now, 0, &budget, &event));
    assert_string_equal(doc_string(event.object, "apiVersion"), "v1");
    assert_string_equal(doc_string(event.object, "kind"), "ConfigMap");
    finish(&b);
}

static void an_event_that_was_read_is_not_kept(void **state)
{
    struct bench b;
    struct kube_event event;
    size_t budget = SIZE_MAX;
    json_t *object;

    (void)state;
    begin_watching(&b);
    feed(&b, EVENT("ADDED", "c", "11"));
    assert_true(kube_watch_next(b.w, b.now, 0, &budget, &event));
    object = json_incref((json_t *)event.object);
    assert_false(kube_watch_next(b.w, b.now, 0, &budget, &event));
    assert_int_equal(object->refcount, 1);
    json_decref(object);
    finish(&b);
}

static void an_empty_list_is_a_list(void **state)
{
    static const char *const texts[] = {"{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":null}",
                                        "{\"metadata\":{\"resourceVersion\":\"3\"}}", LIST("3", "")};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        begin(&b);
        expect_step(&b, LIST);
        page(&b, texts[i]);
        expect_log(&b, "B E@3");
        finish(&b);
    }
}

static void pages_are_asked_for_one_by_one(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, PAGE("10", "next", OBJ("a", "4")));
    expect_log(&b, "B L:a");
    expect_step(&b, LIST);
    assert_string_equal(kube_watch_continue(b.w), "next");
    /* A page that fails is asked for again. */
    fail_call(&b, ERR_UNAVAILABLE, 0);
    expect_step(&b, WAIT);
    b.now = kube_watch_due(b.w);
    expect_step(&b, LIST);
    assert_string_equal(kube_watch_continue(b.w), "next");
    page(&b, PAGE("10", "", OBJ("b", "5")));
    expect_log(&b, "L:b E@10");
    expect_step(&b, OPEN);
    finish(&b);
}

static void a_list_that_expires_between_pages_starts_again(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, PAGE("10", "next", OBJ("a", "4")));
    expect_log(&b, "B L:a");
    expect_step(&b, LIST);
    fail_call(&b, ERR_GONE, 0);
    expect_step(&b, LIST);
    assert_null(kube_watch_continue(b.w));
    page(&b, LIST("30", OBJ("a", "25")));
    expect_log(&b, "B L:a E@30");
    finish(&b);
}

static void a_watch_that_ends_goes_on_where_it_was(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    feed(&b, EVENT("ADDED", "b", "15"));
    expect_log(&b, "P:b@15");
    b.now += 300000;
    kube_watch_ended(b.w, b.now, 0);
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "15");
    finish(&b);
}

static void what_a_watch_brought_is_read_before_its_end_counts(void **state)
{
    struct bench b;

    (void)state;
    begin_watching(&b);
    feed(&b, EVENT("ADDED", "b", "15") EVENT("ADDED", "c", "16") "{\"type\":\"AD");
    fail_call(&b, ERR_UNAVAILABLE, 0);
    expect_step(&b, WAIT);
    expect_log(&b, "P:b@15 P:c@16");
    b.now += 1000;
    expect_step(&b, OPEN);
    assert_string_equal(kube_watch_version(b.w), "16");
    finish(&b);
}

static void a_watch_that_ends_immediately_is_not_opened_immediately(void **state)
{
    struct bench b;
    msec_t before;

    (void)state;
    begin_watching(&b);
    for (int i = 0; i < 5; i++) {
        before = b.now;
        kube_watch_ended(b.w, b.now, 0);
        b.now = kube_watch_due(b.w);
        assert_true(b.now - before >= 200 << i);
        expect_step(&b, OPEN);
    }
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_leads_to_a_watch_from_its_version),
        cmocka_unit_test(items_of_lists_say_what_they_are),
        cmocka_unit_test(an_event_that_was_read_is_not_kept),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(pages_are_asked_for_one_by_one),
        cmocka_unit_test(a_list_that_expires_between_pages_starts_again),
        cmocka_unit_test(a_watch_that_ends_goes_on_where_it_was),
        cmocka_unit_test(what_a_watch_brought_is_read_before_its_end_counts),
        cmocka_unit_test(a_watch_that_ends_immediately_is_not_opened_immediately),
    };

    return cmocka_run_group_tests_name("kube watch", tests, NULL, NULL);
}
