#include "documents.h"

#include "doc/build.h"

static void absent_false_and_zero_differ(void **state)
{
    const char *nothing = NULL;
    _cleanup_json_ json_t *built =
        OBJECT(S("absent", nothing), S("empty", ""), S("text", "x"), B("no", false), B("yes", true), N("zero", 0),
               N("big", INT64_MAX), R("half", 0.5), NIL("null"), V("value", NULL), V("list", json_array()),
               MAP("emptyDir"), SEQ("args"), F("image", "%s/%s:%d", "hub", "pilot", 1));

    (void)state;
    assert_doc(built, "{'empty': '', 'text': 'x', 'no': false, 'yes': true, 'zero': 0, 'big': 9223372036854775807,"
                      " 'half': 0.5, 'null': null, 'list': [], 'emptyDir': {}, 'args': [], 'image': 'hub/pilot:1'}");
}

static void reads_like_yaml(void **state)
{
    _cleanup_json_ json_t *built =
        OBJECT(S("kind", "Service"),
               MAP("spec", SEQ("ports", ITEM(S("name", "http"), N("port", 80)), ITEM(S("name", "grpc"), N("port", 90))),
                   SEQ("args", ITEM_S("a"), ITEM_S(NULL), ITEM_F("--x=%d", 1), ITEM_N(2), ITEM_V(json_true())),
                   STRINGS("verbs", "get", "list")));
    _cleanup_json_ json_t *seq = ARRAY(ITEM_S("a")), *empty = OBJECT(), *none = ARRAY();

    (void)state;
    assert_doc(built,
               "{'kind': 'Service', 'spec': {'ports': [{'name': 'http', 'port': 80}, {'name': 'grpc', 'port': 90}],"
               " 'args': ['a', '--x=1', 2, true], 'verbs': ['get', 'list']}}");
    assert_doc(seq, "['a']");
    assert_doc(empty, "{}");
    assert_doc(none, "[]");
}

static void text_is_made_utf8(void **state)
{
    _cleanup_json_ json_t *built = OBJECT(S("cut", "a\xc3"), F("format", "%s!", "\xff"), STRINGS("list", "\x80", "b"));

    (void)state;
    assert_doc(built, "{'cut': 'a?', 'format': '?!', 'list': ['?', 'b']}");
}

static int evaluated;

static json_t *count_evaluation(void)
{
    evaluated++;
    return json_true();
}

static void optional_rows(void **state)
{
    _cleanup_json_ json_t *built =
        OBJECT(OPT(true, S("a", "x")), OPT(false, S("b", "x")), OPT(false, V("c", count_evaluation())),
               OPT(true, SEQ("d", OPT(false, ITEM_S("y")), ITEM_S("z"))));

    (void)state;
    assert_doc(built, "{'a': 'x', 'd': ['z']}");
    assert_int_equal(evaluated, 0);
}

static void splicing(void **state)
{
    json_t *none = NULL;
    _cleanup_json_ json_t *built = OBJECT(S("a", "1"), ROWS(doc("{'b': 2, 'a': 'later'}")), ROWS(none),
                                          SEQ("s", ITEM_S("x"), ROWS(doc("[1, [2]]")), ITEM_S("y")), S("b", "last"));

    (void)state;
    assert_doc(built, "{'a': 'later', 'b': 'last', 's': ['x', 1, [2], 'y']}");
}

/* The order in which fields were set is the order in which people see them. */
static void order_is_kept(void **state)
{
    _cleanup_json_ json_t *built = OBJECT(S("z", ""), S("a", ""), S("m", ""));
    const char *const keys[] = {"z", "a", "m"};
    const char *key;
    json_t *value;
    size_t i = 0;

    (void)state;
    json_object_foreach(built, key, value)
        assert_string_equal(key, keys[i++]);
    assert_int_equal(i, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_false_and_zero_differ),
        cmocka_unit_test(reads_like_yaml),
        cmocka_unit_test(text_is_made_utf8),
        cmocka_unit_test(optional_rows),
        cmocka_unit_test(splicing),
        cmocka_unit_test(order_is_kept),
    };

    return cmocka_run_group_tests_name("json build", tests, NULL, NULL);
}
