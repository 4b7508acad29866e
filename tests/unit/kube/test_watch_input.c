/* What a watch reads: odd, too large, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "watch_fixture.h"

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
    assert_string_equal(kube_watch_error(b.w), "watch: JSON of 13 values, at most 10 are read");
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

static void a_budget_bounds_what_is_parsed_in_one_turn(void **state)
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

/* A user can store what doc_parse() refuses. */
static void an_object_that_is_refused_does_not_stop_the_others(void **state)
{
    static const char *const values[] = {
        "12345678901234567890", "-100000000000000000000", "{\"a\\u0000\":1,\"a\":[{}]}", NULL, /* deep */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        _cleanup_buf_ struct buf odd = BUF_INIT;
        _cleanup_free_ char *list = NULL, *event = NULL;
        struct bench b;

        for (int k = 0; k < 150 && !values[i]; k++)
            buf_add_str(&odd, "{\"a\":[");
        buf_add_str(&odd, str_or(values[i], "1"));
        for (int k = 0; k < 150 && !values[i]; k++)
            buf_add_str(&odd, "]}");
        list = str_printf(LIST("10", OBJ("a", "4") ",{\"metadata\":{\"name\":\"b\"},\"spec\":[%s]}," OBJ("c", "5")),
                          buf_str(&odd));
        event = str_printf(
            "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"11\"},\"spec\":%s}}\n",
            buf_str(&odd));
        begin(&b);
        expect_step(&b, LIST);
        page(&b, list);
        expect_log(&b, "B L:a L:b L:c E@10");
        expect_step(&b, OPEN);
        feed(&b, event);
        feed(&b, EVENT("ADDED", "e", "12"));
        expect_log(&b, "P:d@11 P:e@12");
        assert_string_equal(kube_watch_error(b.w), "");
        finish(&b);
    }
}

/* A page of more values than are read. */
static char *large_page(size_t values)
{
    struct buf text = BUF_INIT;

    buf_add_str(&text, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[[1");
    for (size_t i = 1; i < values; i++)
        buf_add_str(&text, ",1");
    buf_add_str(&text, "]]}");
    return buf_take(&text);
}

static void a_page_that_is_too_much_is_asked_for_in_parts(void **state)
{
    _cleanup_free_ char *large = large_page(DOC_VALUES_MAX);
    struct bench b;

    (void)state;
    begin(&b);
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 50);
    page(&b, PAGE("10", "t1", OBJ("a", "4")));
    expect_log(&b, "B L:a");
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 100);
    page(&b, large);
    expect_log(&b, "");
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 12);
    assert_string_equal(kube_watch_continue(b.w), "t1");
    fail_call(&b, ERR_LIMIT, 0); /* too many bytes */
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 1);
    page(&b, PAGE("10", "t2", OBJ("b", "4")));
    expect_log(&b, "L:b");
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 2);
    page(&b, LIST("10", OBJ("c", "4")));
    expect_log(&b, "L:c E@10");
    assert_int_equal(kube_watch_page_size(b.w), 4);
    expect_step(&b, OPEN);
    finish(&b);
}

/* A page of objects with a name of so many bytes. */
static char *page_of_size(size_t name_len)
{
    return str_printf(
        "{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"t\"},\"items\":[{\"metadata\":{\"name\":\"%0*d\"}}]}",
        (int)name_len, 7);
}

static void a_page_has_as_many_objects_as_take_little_memory(void **state)
{
    static const struct {
        size_t name_len;
        int next;
    } pages[] = {{10, 100}, {10, 200}, {10, 400}, {10, 500}, {10000, 6}, {10, 12}, {1000000, 1}, {10, 2}};
    struct bench b;

    (void)state;
    begin(&b);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        _cleanup_free_ char *text = page_of_size(pages[i].name_len);
        expect_step(&b, LIST);
        page(&b, text);
        pull(&b, SIZE_MAX);
        assert_int_equal(kube_watch_page_size(b.w), pages[i].next);
    }
    finish(&b);
}

static void one_object_that_is_too_much_is_an_error(void **state)
{
    _cleanup_free_ char *large = large_page(DOC_VALUES_MAX);
    struct bench b;

    (void)state;
    begin_with(&b, &(struct kube_watch_options){.page_size = 4});
    expect_step(&b, LIST);
    page(&b, large);
    expect_step(&b, LIST);
    assert_int_equal(kube_watch_page_size(b.w), 1);
    page(&b, large);
    expect_step(&b, WAIT);
    assert_non_null(strstr(kube_watch_error(b.w), "at most 1000000 are read"));
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_is_an_error_and_leads_to_a_list),
        cmocka_unit_test(odd_items_and_empty_lines_do_no_harm),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(an_event_has_a_limit_of_values),
        cmocka_unit_test(versions_and_tokens_have_a_limit),
        cmocka_unit_test(lines_may_be_cut_anywhere),
        cmocka_unit_test(an_object_that_is_refused_does_not_stop_the_others),
        cmocka_unit_test(a_page_that_is_too_much_is_asked_for_in_parts),
        cmocka_unit_test(a_page_has_as_many_objects_as_take_little_memory),
        cmocka_unit_test(one_object_that_is_too_much_is_an_error),
        cmocka_unit_test(a_budget_bounds_what_is_parsed_in_one_turn),
    };

    return cmocka_run_group_tests_name("kube watch input", tests, NULL, NULL);
}
