#include "documents.h"

#define LIMIT ((size_t)1 << 20)

static int parse(const char *text, json_t **ret, struct err *e)
{
    return doc_parse(text, strlen(text), LIMIT, ret, e);
}

static void parses_any_value(void **state)
{
    static const char *const values[] = {
        "null", "true", "0",  "-9223372036854775808", "9223372036854775807", "1.5",
        "\"\"", "[]",   "{}", " [1, {\"a\": null}] ", "\"\\u0000\"",         "\"\\ud83d\\ude00\""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        _cleanup_json_ json_t *value = NULL;
        struct err e = {0};
        if (parse(values[i], &value, &e) < 0)
            fail_msg("%s: %s", values[i], e.text);
    }
}

static void refuses_what_is_broken(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "broken JSON in line 1, column 0"},
        {"{\"a\": \"secret\",\n \"a\": \"secret\"}", "broken JSON in line 2, column 4"},
        {"{\"a\": secret}", "broken JSON in line 1, column 12"},
        {"[1] [2]", "broken JSON in line 1, column 5"},
        {"[1,]", "broken JSON in line 1, column 4"},
        {"\"\xff\"", "broken JSON in line 1, column 1"},
        {"9223372036854775808", "broken JSON in line 1, column 19"},
        {"1e999", "broken JSON in line 1, column 5"},
        {"{\"a\\u0000b\": 1}", "broken JSON in line 1, column 11"},
        {"]]]]", "broken JSON in line 1, column 1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *value = NULL;
        struct err e = {0};
        assert_int_equal(parse(cases[i].text, &value, &e), -1);
        assert_string_equal(e.text, cases[i].error);
        assert_int_equal(e.class, ERR_INVALID);
        assert_null(value);
    }
}

static void limits_hold(void **state)
{
    _cleanup_json_ json_t *value = NULL;
    _cleanup_buf_ struct buf deep = BUF_INIT;
    struct err e = {0};

    (void)state;
    assert_int_equal(doc_parse("[1, 2]", 6, 5, &value, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_string_equal(e.text, "JSON of 6 bytes, at most 5 are read");
    /* brackets in strings do not nest */
    for (int i = 0; i < DOC_DEPTH_MAX; i++)
        buf_add_char(&deep, '[');
    buf_add_str(&deep, "\"[[\\\"[[{{\"");
    for (int i = 0; i < DOC_DEPTH_MAX; i++)
        buf_add_char(&deep, ']');
    assert_int_equal(doc_parse(deep.data, deep.len, LIMIT, &value, &e), 0);
    buf_reset(&deep);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&deep, "{\"a\":");
    json_decref(TAKE_PTR(value));
    assert_int_equal(doc_parse(deep.data, deep.len, LIMIT, &value, &e), -1);
    assert_string_equal(e.text, "JSON nested deeper than 128 at byte 640");
}

static void a_list_of_a_million_elements_is_refused(void **state)
{
    _cleanup_json_ json_t *value = NULL;
    _cleanup_buf_ struct buf list = BUF_INIT;
    struct err e = {0};

    (void)state;
    buf_add_str(&list, "[\",[{\",0");
    while (list.len < 2 * DOC_VALUES_MAX + 4)
        buf_add_str(&list, ",0");
    assert_int_equal(doc_count_values(list.data, list.len), DOC_VALUES_MAX + 1);
    assert_int_equal(doc_parse(list.data, list.len, SIZE_MAX, &value, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_string_equal(e.text, "JSON of 1000001 values, at most 1000000 are read");
    buf_truncate(&list, list.len - 2);
    buf_add_char(&list, ']');
    assert_int_equal(doc_parse(list.data, list.len, SIZE_MAX, &value, &e), 0);
    assert_int_equal(json_array_size(value), DOC_VALUES_MAX - 1);
}

static void equal_documents_have_equal_texts(void **state)
{
    _cleanup_json_ json_t *a = doc("{'b': [1, 0.1, {'d': null, 'c': ''}], 'a': true}");
    _cleanup_json_ json_t *b = doc("{'a': true, 'b': [1, 1e-1, {'c': '', 'd': null}]}");
    _cleanup_json_ json_t *c = doc("{'a': true, 'b': [1, 0.10000000000000002, {'c': '', 'd': null}]}");
    _cleanup_free_ char *text = doc_text(a), *other = doc_text(b), *third = doc_text(c), *pretty = doc_text_pretty(b);

    (void)state;
    assert_string_equal(text, "{\"a\":true,\"b\":[1,0.1,{\"c\":\"\",\"d\":null}]}");
    assert_string_equal(other, text);
    assert_string_equal(third, "{\"a\":true,\"b\":[1,0.10000000000000002,{\"c\":\"\",\"d\":null}]}");
    assert_true(str_starts(pretty, "{\n  \"a\": true,\n  \"b\": [\n    1,\n    0.1,"));
    assert_true(doc_hash(a) == doc_hash(b));
    assert_true(doc_hash(a) != doc_hash(c));
}

static void reals_come_back(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 5000; round++) {
        double number =
            (double)next_random(&seed, UINT32_MAX) / (1 + next_random(&seed, 1000000)) * (round % 2 ? 1e-200 : 1e9);
        _cleanup_json_ json_t *value = json_pack("[f]", number), *back = NULL;
        _cleanup_free_ char *text = doc_text(value);
        struct err e = {0};
        assert_int_equal(parse(text, &back, &e), 0);
        assert_true(json_equal(value, back));
    }
}

static void walks_down_maps(void **state)
{
    _cleanup_json_ json_t *root = doc("{'a': {'b': {'s': 'x', 'n': 3, 't': true}}, 'l': [{'a': 1}]}");

    (void)state;
    assert_string_equal(doc_string(root, "a", "b", "s"), "x");
    assert_null(doc_string(root, "a", "b", "n"));
    assert_null(doc_at(root, "a", "x", "s"));
    assert_null(doc_at(root, "a", "b", "s", "x"));
    assert_null(doc_at(root, "l", "a"));
    assert_null(doc_at(NULL, "a"));
    assert_ptr_equal(doc_at_(root, DOC_KEYS(NULL)), root);
    assert_int_equal(doc_int(doc_at(root, "a", "b", "n"), 7), 3);
    assert_int_equal(doc_int(doc_at(root, "a", "b", "s"), 7), 7);
    assert_int_equal(doc_int(NULL, 7), 7);
    assert_true(doc_bool(doc_at(root, "a", "b", "t"), false));
    assert_true(doc_bool(NULL, true));
    json_object_set_new(doc_make(root, "a", "new", "deep"), "k", json_true());
    json_object_set_new(doc_make(root, "a", "b"), "k", json_true());
    assert_doc(root,
               "{'a': {'b': {'s': 'x', 'n': 3, 't': true, 'k': true}, 'new': {'deep': {'k': true}}}, 'l': [{'a': 1}]}");
}

static void finds_elements(void **state)
{
    _cleanup_json_ json_t *seq = doc("[1, {'x': 1}, {'name': 'a', 'n': 1}, {'name': 'b'}, {'name': 'a', 'n': 2}]");

    (void)state;
    assert_doc(doc_find(seq, "name", "a"), "{'name': 'a', 'n': 1}");
    assert_null(doc_find(seq, "name", "c"));
    assert_null(doc_find(seq, "name", NULL));
    assert_null(doc_find(NULL, "name", "a"));
}

static void equality_is_of_json(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"0", "-0.0", true},
        {"1", "2.0", false},
        {"1", "'1'", false},
        {"0", "false", false},
        {"null", "false", false},
        {"[1, 2]", "[1.0, 2]", true},
        {"[1, 2]", "[2, 1]", false},
        {"[1]", "[1, 1]", false},
        {"{'a': 1, 'b': 2}", "{'b': 2, 'a': 1.0}", true},
        {"{'a': 1}", "{'a': 1, 'b': 2}", false},
        {"{'a': null}", "{'b': null}", false},
        {"{}", "[]", false},
        {"'a'", "'a'", true},
        {"'a\\u0000b'", "'a'", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *a = doc(cases[i].a), *b = doc(cases[i].b);
        if (doc_equal(a, b) != cases[i].equal || doc_equal(b, a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        assert_false(doc_equal(a, NULL));
    }
    assert_true(doc_equal(NULL, NULL));
}

static void weight_grows_with_the_text(void **state)
{
    _cleanup_json_ json_t *value = doc("{'key': ['0123456789', 1, {}]}"), *scalar = doc("1");
    int depth;

    (void)state;
    assert_int_equal(doc_weight(value, &depth), 1 + 3 + 1 + 11 + 1 + 1);
    assert_int_equal(depth, 3);
    assert_int_equal(doc_weight(scalar, &depth), 1);
    assert_int_equal(depth, 1);
}

static void paths_are_readable(void **state)
{
    _cleanup_buf_ struct buf path = BUF_INIT;
    size_t here;

    (void)state;
    doc_path_key(&path, "spec");
    here = path.len;
    doc_path_key(&path, "ports");
    doc_path_index(&path, 2);
    doc_path_key(&path, "port");
    assert_string_equal(buf_str(&path), "spec.ports[2].port");
    buf_truncate(&path, here);
    doc_path_key(&path, "istio.io/rev");
    doc_path_key(&path, "x");
    doc_path_key(&path, "");
    assert_string_equal(buf_str(&path), "spec[\"istio.io/rev\"].x[\"\"]");
}

static void what_is_absent_is_copied_and_printed(void **state)
{
    _cleanup_free_ char *text = doc_text(NULL), *pretty = doc_text_pretty(NULL);
    _cleanup_json_ json_t *list = json_array(), *broken = doc_new_string("a\xe2\x82");

    (void)state;
    assert_null(doc_copy(NULL));
    assert_string_equal(text, "null");
    assert_string_equal(pretty, "null");
    assert_int_equal(doc_hash(NULL), doc_hash(json_null()));
    assert_null(doc_make(list, "a", "b"));
    assert_null(doc_make(NULL, "a"));
    assert_null(doc_new_string(NULL));
    assert_string_equal(json_string_value(broken), "a??");
}

/* Hashes in annotations of earlier releases are of jansson's text. */
static void text_is_as_jansson_prints_it(void **state)
{
    static const char *const values[] = {
        "null",
        "false",
        "-9223372036854775808",
        "1.5",
        "1e300",
        "0.1",
        "\"\"",
        "[]",
        "{}",
        "[{},[],\"/\"]",
        "\"\\u0000\\u0001\\b\\f\\n\\r\\t\\\"\\\\\\u001f\\u007f\\u00e9\\ud83d\\ude00\"",
        "{\"b\":[1,2.5,true],\"a\":{\"\\u0001\":null},\"B\":\"\",\"\":0,\"ab\":1,\"\\u00e9\":2}"};

    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(values); i++) {
        _cleanup_json_ json_t *value = i < ARRAY_LEN(values) ? NULL : json_object();
        _cleanup_free_ char *text = NULL, *expected = NULL;
        if (i < ARRAY_LEN(values))
            assert_int_equal(parse(values[i], &value, NULL), 0);
        for (int key = 0; i == ARRAY_LEN(values) && key < 100; key++) {
            _cleanup_free_ char *name = str_printf("key %d", key);
            json_object_set_new(value, name, json_integer(key));
        }
        text = doc_text(value);
        expected = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        assert_string_equal(text, expected);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_any_value),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_list_of_a_million_elements_is_refused),
        cmocka_unit_test(equal_documents_have_equal_texts),
        cmocka_unit_test(reals_come_back),
        cmocka_unit_test(walks_down_maps),
        cmocka_unit_test(finds_elements),
        cmocka_unit_test(equality_is_of_json),
        cmocka_unit_test(text_is_as_jansson_prints_it),
        cmocka_unit_test(weight_grows_with_the_text),
        cmocka_unit_test(paths_are_readable),
        cmocka_unit_test(what_is_absent_is_copied_and_printed),
    };

    return cmocka_run_group_tests_name("json doc", tests, NULL, NULL);
}
