#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/backoff.h"
#include "kube/watch.h"

/* A watch with what its driver knows, and its events written down as "B L:a@1 E@5 P:b@6 ..." */
struct bench {
    struct kube_watch *w;
    msec_t now;
    uint32_t random;
    struct buf log;
};

static void begin_with(struct bench *b, const struct kube_watch_options *options)
{
    *b = (struct bench){.w = kube_watch_new(options), .now = 1000};
    kube_watch_start(b->w, b->now, "v1", "ConfigMap");
}

static void begin(struct bench *b)
{
    begin_with(b, &(struct kube_watch_options){0});
}

static void finish(struct bench *b)
{
    kube_watch_free(b->w);
    buf_release(&b->log);
}

static void pull(struct bench *b, size_t budget)
{
    static const char *const names[] = {"B", "L", "E", "P", "R", "S", "F"};
    struct kube_event event;

    while (kube_watch_next(b->w, b->now, b->random, &budget, &event)) {
        buf_printf(&b->log, "%s%s%s", b->log.len ? " " : "", names[event.type], event.rewound ? "!" : "");
        if (event.object)
            buf_printf(&b->log, ":%s", str_or(doc_string(event.object, "metadata", "name"), "?"));
        if (event.resource_version && event.type != KUBE_EVENT_BEGIN)
            buf_printf(&b->log, "@%s", event.resource_version);
    }
}

static void expect_log(struct bench *b, const char *expected)
{
    pull(b, SIZE_MAX);
    assert_string_equal(buf_str(&b->log), expected);
    buf_reset(&b->log);
}

#define expect_step(b, step) assert_int_equal(kube_watch_step((b)->w, (b)->now, (b)->random), KUBE_STEP_##step)

static void page(struct bench *b, const char *text)
{
    kube_watch_page(b->w, b->now, b->random, text, strlen(text));
}

static void feed(struct bench *b, const char *text)
{
    kube_watch_feed(b->w, b->now, text, strlen(text));
}

static void fail_call(struct bench *b, enum err_class class, msec_t retry_after)
{
    struct err e;

    err_set(&e, class, "it did not work");
    kube_watch_failed(b->w, b->now, b->random, &e, retry_after);
}

#define LIST(version, items)                                                                                           \
    "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define PAGE(version, token, items)                                                                                    \
    "{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define OBJ(name, version) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" OBJ(name, version) "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", "", version)
#define STATUS(code) "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code ",\"message\":\"sorry\"}}\n"

/* Listed at version 10 with the object a, and watching. */
static void begin_watching(struct bench *b)
{
    begin(b);
    expect_step(b, LIST);
    page(b, LIST("10", OBJ("a", "4")));
    expect_log(b, "B L:a E@10");
    expect_step(b, OPEN);
    feed(b, "");
}

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

static void a_list_that_expires_between_pages_starts_anew(void **state)
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

static void a_watch_that_ends_at_once_is_not_opened_at_once(void **state)
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

/* A kind of which nothing is told for long is believed as soon as any: doubts are no failures. */
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
    /* But not as fast as somebody may doubt. */
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

static void garbage_is_an_error_and_leads_to_a_list(void **state)
{
    static const char *const texts[] = {
        "hello\n",
        "{}\n",
        "[]\n",
        "7\n",
        "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"ADDED\",\"object\":null}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":5}}}\n",
        "{\"type\":7,\"object\":{}}\n",
        "{\"type\":\"ADDED\",\"object\":{}}\n",
        "{\"type\":\"ADDED\",\"type\":\"ADDED\"}\n",
        EVENT("RENAMED", "a", "11"),
        "\xff\xfe\n",
    };
    static const char *const pages[] = {
        "",
        "[]",
        "{}",
        "{\"items\":[]}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":7}",
        "<html>",
        "null",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":{}},\"items\":[]}",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":7},\"items\":[]}",
    };
    struct bench b;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        begin_watching(&b);
        feed(&b, texts[i]);
        expect_log(&b, "");
        assert_string_not_equal(kube_watch_error(b.w), "");
        expect_step(&b, CANCEL);
        expect_step(&b, WAIT);
        b.now = kube_watch_due(b.w);
        expect_step(&b, LIST);
        finish(&b);
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        begin(&b);
        expect_step(&b, LIST);
        page(&b, pages[i]);
        expect_log(&b, "");
        assert_string_not_equal(kube_watch_error(b.w), "");
        expect_step(&b, WAIT);
        b.now = kube_watch_due(b.w);
        expect_step(&b, LIST);
        finish(&b);
    }
}

static void odd_items_and_empty_lines_do_no_harm(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, LIST("10", "null,7,[]," OBJ("a", "1")));
    expect_log(&b, "B L:? L:? L:? L:a E@10");
    expect_step(&b, OPEN);
    feed(&b, "\n" EVENT("ADDED", "b", "12"));
    expect_log(&b, "P:b@12");
    finish(&b);
}

static void a_line_has_a_limit(void **state)
{
    struct bench b;

    (void)state;
    begin_with(&b, &(struct kube_watch_options){.line_max = 200});
    expect_step(&b, LIST);
    page(&b, LIST("10", ""));
    expect_log(&b, "B E@10");
    expect_step(&b, OPEN);
    for (int i = 0; i < 40; i++) {
        feed(&b, "xxxxxxxxxx");
        pull(&b, SIZE_MAX);
    }
    assert_string_equal(kube_watch_error(b.w), "watch: an event of more than 200 bytes");
    assert_int_equal(kube_watch_backlog(b.w), 0);
    expect_step(&b, CANCEL);
    finish(&b);
}

static void an_event_has_a_limit_of_values(void **state)
{
    struct bench b;

    (void)state;
    begin_with(&b, &(struct kube_watch_options){.values_max = 10});
    expect_step(&b, LIST);
    page(&b, LIST("10", ""));
    expect_log(&b, "B E@10");
    expect_step(&b, OPEN);
    feed(&b, EVENT("ADDED", "a", "11"));
    expect_log(&b, "P:a@11");
    feed(&b, "{\"type\":\"ADDED\",\"object\":[{},{},{},{},{},{},{},{},{},{}]}\n");
    expect_log(&b, "");
    assert_string_equal(kube_watch_error(b.w), "watch: JSON of 23 values, at most 10 are read");
    expect_step(&b, CANCEL);
    finish(&b);
}

/* What is kept for as long as a watch is open. */
static void versions_and_tokens_have_a_limit(void **state)
{
    _cleanup_free_ char *version = str_printf("%0129d", 0), *token = str_printf("%08193d", 0);
    _cleanup_free_ char *event =
        str_printf("{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%s\"}}}\n", version);
    _cleanup_free_ char *versioned = str_printf("{\"metadata\":{\"resourceVersion\":\"%s\"}}", version);
    _cleanup_free_ char *continued =
        str_printf("{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"%s\"}}", token);
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    page(&b, versioned);
    assert_string_equal(kube_watch_error(b.w), "list: the answer has no metadata.resourceVersion");
    b.now = kube_watch_due(b.w);
    expect_step(&b, LIST);
    page(&b, continued);
    assert_string_equal(kube_watch_error(b.w), "list: metadata.continue of more than 8192 bytes");
    b.now = kube_watch_due(b.w);
    expect_step(&b, LIST);
    page(&b, LIST("10", ""));
    expect_log(&b, "B E@10");
    expect_step(&b, OPEN);
    feed(&b, event);
    expect_log(&b, "");
    assert_string_equal(kube_watch_error(b.w), "watch: an event without object.metadata.resourceVersion");
    finish(&b);
}

static void lines_may_be_cut_anywhere(void **state)
{
    static const char stream[] = EVENT("ADDED", "f\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "11")
        EVENT("MODIFIED", "a\\u00e9\\n", "12") BOOKMARK("13") EVENT("DELETED", "a", "14");
    const size_t len = sizeof(stream) - 1;

    (void)state;
    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second += 7) {
            struct bench b;
            begin_watching(&b);
            kube_watch_feed(b.w, b.now, stream, first);
            pull(&b, SIZE_MAX);
            kube_watch_feed(b.w, b.now, stream + first, second - first);
            pull(&b, SIZE_MAX);
            kube_watch_feed(b.w, b.now, stream + second, len - second);
            expect_log(&b, "P:f\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80@11 P:a\xc3\xa9\n@12 S@13 R:a@14");
            assert_int_equal(kube_watch_backlog(b.w), 0);
            finish(&b);
        }
    }
}

static void a_budget_bounds_what_is_parsed_at_once(void **state)
{
    struct bench b;
    int rounds = 0;

    (void)state;
    begin_watching(&b);
    for (int i = 0; i < 100; i++) {
        _cleanup_free_ char *line = str_printf(
            "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"%d\"}}}\n", 11 + i);
        feed(&b, line);
    }
    while (kube_watch_has_more(b.w)) {
        buf_reset(&b.log);
        pull(&b, 700);
        assert_true(b.log.len > 0 && b.log.len < 100);
        rounds++;
    }
    assert_in_range(rounds, 8, 20);
    assert_string_equal(kube_watch_version(b.w), "110");
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
        cmocka_unit_test(a_list_leads_to_a_watch_from_its_version),
        cmocka_unit_test(items_of_lists_say_what_they_are),
        cmocka_unit_test(an_event_that_was_read_is_not_kept),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(pages_are_asked_for_one_by_one),
        cmocka_unit_test(a_list_that_expires_between_pages_starts_anew),
        cmocka_unit_test(a_watch_that_ends_goes_on_where_it_was),
        cmocka_unit_test(what_a_watch_brought_is_read_before_its_end_counts),
        cmocka_unit_test(a_watch_that_ends_at_once_is_not_opened_at_once),
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
        cmocka_unit_test(garbage_is_an_error_and_leads_to_a_list),
        cmocka_unit_test(odd_items_and_empty_lines_do_no_harm),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(an_event_has_a_limit_of_values),
        cmocka_unit_test(versions_and_tokens_have_a_limit),
        cmocka_unit_test(lines_may_be_cut_anywhere),
        cmocka_unit_test(a_budget_bounds_what_is_parsed_at_once),
        cmocka_unit_test(what_comes_too_late_is_not_heard),
        cmocka_unit_test(a_watch_that_the_server_does_not_open_is_asked_for_again),
        cmocka_unit_test(an_open_watch_proves_itself_without_a_word),
        cmocka_unit_test(only_throttling_makes_the_servers_word_count),
        cmocka_unit_test(delays_double_up_to_a_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
