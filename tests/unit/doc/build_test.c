#include "documents.h"

#include "doc/build.h"

static void absent_false_and_zero_differ(void **state)
{
    const char *nothing = NULL;
    _cleanup_json_ json_t *built = OBJECT(
        STRING("absent", nothing), STRING("empty", ""), STRING("text", "x"), BOOL("no", false), BOOL("yes", true),
        INT("zero", 0), INT("big", INT64_MAX), REAL("half", 0.5), NIL("null"), VALUE("value", NULL),
        VALUE("list", json_array()), MAP("emptyDir"), SEQ("args"), FORMAT("image", "%s/%s:%d", "hub", "pilot", 1));

    (void)state;
    assert_doc(built, "{'empty': '', 'text': 'x', 'no': false, 'yes': true, 'zero': 0, 'big': 9223372036854775807,"
                      " 'half': 0.5, 'null': null, 'list': [], 'emptyDir': {}, 'args': [], 'image': 'hub/pilot:1'}");
}

static void reads_like_yaml(void **state)
{
    _cleanup_json_ json_t *built = OBJECT(
        STRING("kind", "Service"),
        MAP("spec",
            SEQ("ports", ITEM(STRING("name", "http"), INT("port", 80)), ITEM(STRING("name", "grpc"), INT("port", 90))),
            SEQ("args", ITEM_STRING("a"), ITEM_STRING(NULL), ITEM_FORMAT("--x=%d", 1), ITEM_INT(2),
                ITEM_VALUE(json_true())),
            STRINGS("verbs", "get", "list")));
    _cleanup_json_ json_t *seq = ARRAY(ITEM_STRING("a")), *empty = OBJECT(), *none = ARRAY();

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
    _cleanup_json_ json_t *built =
        OBJECT(STRING("cut", "a\xc3"), FORMAT("format", "%s!", "\xff"), STRINGS("list", "\x80", "b"));

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
        OBJECT(OPT(true, STRING("a", "x")), OPT(false, STRING("b", "x")), OPT(false, VALUE("c", count_evaluation())),
               OPT(true, SEQ("d", OPT(false, ITEM_STRING("y")), ITEM_STRING("z"))));

    (void)state;
    assert_doc(built, "{'a': 'x', 'd': ['z']}");
    assert_int_equal(evaluated, 0);
}

static void splicing(void **state)
{
    json_t *none = NULL;
    _cleanup_json_ json_t *built =
        OBJECT(STRING("a", "1"), ROWS(doc("{'b': 2, 'a': 'later'}")), ROWS(none),
               SEQ("s", ITEM_STRING("x"), ROWS(doc("[1, [2]]")), ITEM_STRING("y")), STRING("b", "last"));

    (void)state;
    assert_doc(built, "{'a': 'later', 'b': 'last', 's': ['x', 1, [2], 'y']}");
}

/* The order in which fields were set is the order in which users see them. */
static void order_is_kept(void **state)
{
    _cleanup_json_ json_t *built = OBJECT(STRING("z", ""), STRING("a", ""), STRING("m", ""));
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
