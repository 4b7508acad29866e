/* What API servers keep of users, and doc_parse() refuses. */
#include "documents.h"

static char *nested(int depth, const char *inner)
{
    struct buf text = BUF_INIT;

    for (int i = 0; i < depth; i++)
        buf_add_char(&text, '[');
    buf_add_str(&text, inner);
    for (int i = 0; i < depth; i++)
        buf_add_char(&text, ']');
    return buf_take(&text);
}

static int parse(const char *text, int around, json_t **ret, struct err *e)
{
    return doc_parse_lenient(text, strlen(text), (size_t)1 << 24, around, ret, e);
}

static void what_is_refused_becomes_a_mark_or_a_real(void **state)
{
    static const struct {
        const char *text, *result;
    } cases[] = {
        {"[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]"},
        {"[12345678901234567890]", "[1.2345678901234567e19]"},
        {"[100000000000000000000,1]", "[1e20,1]"},
        {"[-9223372036854775809]", "[-9.2233720368547758e18]"},
        {"[12345678901234567890.5, 12345678901234567890]", "[1.2345678901234567e19,1.2345678901234567e19]"},
        {"{\"12345678901234567890\": [\"12345678901234567890\", 12345678901234567890]}",
         "{\"12345678901234567890\":[\"12345678901234567890\",1.2345678901234567e19]}"},
        {"[{\"b\": 1, \"a\\u0000\" : {\"x\": \"]}\\\"\"}, \"a\\ufffd\": 1}, 2]", "[\"\\u0000key\",2]"},
        {"[{\"a\": {\"\\u0000\": 1, \"\\u0000\": 2}, \"c\": 3}]", "[{\"a\":\"\\u0000key\",\"c\":3}]"},
        {"[\"a\\u0000\", \"\\\\u0000\", 12345678901234567890]", "[\"a\\u0000\",\"\\\\u0000\",1.2345678901234567e19]"},
        {"{\"\\u0000\":[1]}", "\"\\u0000key\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *value = NULL, *expected = NULL;
        struct err e;

        if (parse(cases[i].text, DOC_ALONE, &value, &e) < 0)
            fail_msg("%s: %s", cases[i].text, e.text);
        assert_int_equal(parse(cases[i].result, DOC_ALONE, &expected, &e), 0);
        if (!doc_equal(value, expected)) {
            _cleanup_free_ char *text = doc_text(value);
            fail_msg("%s: %s", cases[i].text, text);
        }
    }
}

static void an_object_may_be_as_deep_wherever_it_is(void **state)
{
    (void)state;
    for (int around = DOC_ALONE; around <= DOC_IN_LIST; around++) {
        _cleanup_free_ char *fits = nested(DOC_DEPTH_MAX + around, "\"[\""), *deep = nested(1000, "\"]\"");
        _cleanup_json_ json_t *value = NULL, *cut = NULL;
        const json_t *at;
        struct err e;

        assert_int_equal(parse(fits, around, &value, &e), 0);
        assert_int_equal(parse(deep, around, &cut, &e), 0);
        at = cut;
        for (int i = 0; i < DOC_DEPTH_MAX + around; i++) {
            assert_null(doc_mark(at));
            at = json_array_get(at, 0);
        }
        assert_string_equal(doc_mark(at), "must not be nested so deep: the object is nested deeper than 128");
    }
}

static void the_rest_stays_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "[1,]",
                                        "{\"a\":1,\"a\":12345678901234567890}",
                                        "\"\\u0000",
                                        "{\"\\u0000\"",
                                        "{\"\\u0000\":",
                                        "[1e999]",
                                        "]]]12345678901234567890",
                                        "[12345678901234567890",
                                        "-",
                                        "\"\\"};
    json_t *value = NULL;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(parse(texts[i], DOC_IN_LIST, &value, &e), -1);
        assert_int_equal(e.class, ERR_INVALID);
        assert_null(value);
    }
    assert_int_equal(doc_parse_lenient("[12345678901234567890]", 22, 21, DOC_ALONE, &value, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_int_equal(doc_parse_lenient("[", 1, 21, DOC_ALONE, &value, NULL), -1);
}

/* etcd takes objects of 1.5 MiB: each alone is within the limit on values. */
static void an_object_of_an_api_server_has_not_too_many_values(void **state)
{
    static const char *const items[] = {"1,", "[],", "{},", "[1],", "[[]],", "[[],1],"};
    const size_t most = 3 << 19;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        while (text.len < most)
            buf_add_str(&text, items[i]);
        assert_true(doc_count_values(text.data, text.len) < DOC_VALUES_MAX - 10);
    }
}

static void what_is_no_mark(void **state)
{
    _cleanup_json_ json_t *values = NULL;
    json_t *value;
    size_t i;
    struct err e;

    (void)state;
    assert_int_equal(parse("[\"\", \"deep\", \"\\u0000\", \"\\u0000dee\", \"\\u0000deepe\", \"a\\u0000deep\", 1, {}]",
                           DOC_ALONE, &values, &e),
                     0);
    json_array_foreach(values, i, value)
        assert_null(doc_mark(value));
    assert_null(doc_mark(NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_becomes_a_mark_or_a_real),
        cmocka_unit_test(an_object_may_be_as_deep_wherever_it_is),
        cmocka_unit_test(the_rest_stays_refused),
        cmocka_unit_test(an_object_of_an_api_server_has_not_too_many_values),
        cmocka_unit_test(what_is_no_mark),
    };

    return cmocka_run_group_tests_name("json lenient", tests, NULL, NULL);
}
