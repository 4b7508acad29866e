#include "documents.h"

#include "doc/patch.h"

struct patch_case {
    const char *target, *patch;
    const char *result; /* or NULL */
    const char *error;
};

static const struct patch_case cases[] = {
    /* each operation on maps, sequences and the whole */
    {"{'a': 1}", "[]", "{'a': 1}", NULL},
    {"{'a': 1}", "[{'op': 'add', 'path': '/b', 'value': [2]}]", "{'a': 1, 'b': [2]}", NULL},
    {"{'a': 1}", "[{'op': 'add', 'path': '/a', 'value': null}]", "{'a': null}", NULL},
    {"{'a': 1}", "[{'op': 'add', 'path': '', 'value': [2]}]", "[2]", NULL},
    {"{'a': [1, 2]}", "[{'op': 'add', 'path': '/a/1', 'value': 9}]", "{'a': [1, 9, 2]}", NULL},
    {"{'a': [1, 2]}", "[{'op': 'add', 'path': '/a/0', 'value': 9}]", "{'a': [9, 1, 2]}", NULL},
    {"{'a': [1, 2]}", "[{'op': 'add', 'path': '/a/2', 'value': 9}]", "{'a': [1, 2, 9]}", NULL},
    {"{'a': [1, 2]}", "[{'op': 'add', 'path': '/a/-', 'value': [9]}]", "{'a': [1, 2, [9]]}", NULL},
    {"{'a': {'b': 1, 'c': 2}}", "[{'op': 'remove', 'path': '/a/b'}]", "{'a': {'c': 2}}", NULL},
    {"[1, 2, 3]", "[{'op': 'remove', 'path': '/1'}]", "[1, 3]", NULL},
    {"{'a': 1}", "[{'op': 'replace', 'path': '/a', 'value': 2}]", "{'a': 2}", NULL},
    {"[1, 2, 3]", "[{'op': 'replace', 'path': '/1', 'value': 9}]", "[1, 9, 3]", NULL},
    {"[1]", "[{'op': 'replace', 'path': '', 'value': 9}]", "9", NULL},
    {"{'a': {'b': 1}, 'c': {}}", "[{'op': 'move', 'from': '/a/b', 'path': '/c/d'}]", "{'a': {}, 'c': {'d': 1}}", NULL},
    {"['a', 'b', 'c', 'd']", "[{'op': 'move', 'from': '/1', 'path': '/3'}]", "['a', 'c', 'd', 'b']", NULL},
    {"{'a': 1, 'ab': 2}", "[{'op': 'move', 'from': '/a', 'path': '/ab'}]", "{'ab': 1}", NULL},
    {"{'a': 1}", "[{'op': 'move', 'from': '/a', 'path': '/a'}]", "{'a': 1}", NULL},
    {"{'a': {'b': 1}}", "[{'op': 'move', 'from': '/a/b', 'path': '/a'}]", "{'a': 1}", NULL},
    {"{'a': {'b': 1}}", "[{'op': 'copy', 'from': '/a', 'path': '/c'}, {'op': 'add', 'path': '/c/b', 'value': 2}]",
     "{'a': {'b': 1}, 'c': {'b': 2}}", NULL},
    {"{'a': 1}", "[{'op': 'copy', 'from': '', 'path': '/b'}]", "{'a': 1, 'b': {'a': 1}}", NULL},
    {"{'a': [1, {'b': 'x', 'c': 2}]}", "[{'op': 'test', 'path': '/a/1', 'value': {'c': 2.0, 'b': 'x'}}]",
     "{'a': [1, {'b': 'x', 'c': 2}]}", NULL},
    {"{'a': 1}", "[{'op': 'test', 'path': '', 'value': {'a': 1}}, {'op': 'remove', 'path': '/a', 'extra': 1}]", "{}",
     NULL},
    /* pointers */
    {"{'': {'': 1}}", "[{'op': 'replace', 'path': '//', 'value': 2}]", "{'': {'': 2}}", NULL},
    {"{'a/b': 1, 'm~n': 2, '~1': 3}",
     "[{'op': 'remove', 'path': '/a~1b'}, {'op': 'remove', 'path': '/m~0n'}, {'op': 'remove', 'path': '/~01'}]", "{}",
     NULL},
    {"{'-': 1, '01': 2}", "[{'op': 'remove', 'path': '/-'}, {'op': 'remove', 'path': '/01'}]", "{}", NULL},

    /* what cannot be done */
    {"{'a': 1}", "[{'op': 'test', 'path': '/a', 'value': 1}, {'op': 'add', 'path': '/b/c/d', 'value': 1}]", NULL,
     "[1].path: \"/b\" does not exist"},
    {"{'a': 1}", "[{'op': 'add', 'path': '/a/b', 'value': 1}]", NULL, "[0].path: \"/a/b\" does not exist"},
    {"{'a': 1}", "[{'op': 'remove', 'path': '/b'}]", NULL, "[0].path: \"/b\" does not exist"},
    {"{'a': 1}", "[{'op': 'replace', 'path': '/b', 'value': 1}]", NULL, "[0].path: \"/b\" does not exist"},
    {"{'a': 1}", "[{'op': 'move', 'from': '/b', 'path': '/c'}]", NULL, "[0].from: \"/b\" does not exist"},
    {"{'a': 1}", "[{'op': 'copy', 'from': '/b', 'path': '/c'}]", NULL, "[0].from: \"/b\" does not exist"},
    {"{'a': {}}", "[{'op': 'move', 'from': '/a', 'path': '/a/b'}]", NULL,
     "[0].path: \"/a\" cannot be moved into itself"},
    {"{'a': {}}", "[{'op': 'move', 'from': '', 'path': '/a'}]", NULL, "[0].path: \"\" cannot be moved into itself"},
    {"{'a': {}}", "[{'op': 'remove', 'path': ''}]", NULL, "[0].path: the whole document cannot be removed"},
    {"[1]", "[{'op': 'add', 'path': '/2', 'value': 1}]", NULL, "[0].path: \"/2\" does not exist"},
    {"[1]", "[{'op': 'replace', 'path': '/1', 'value': 1}]", NULL, "[0].path: \"/1\" does not exist"},
    {"[1]", "[{'op': 'remove', 'path': '/-'}]", NULL, "[0].path: \"/-\" does not exist"},
    {"[[1]]", "[{'op': 'add', 'path': '/-/0', 'value': 1}]", NULL, "[0].path: \"/-\" does not exist"},
    {"[1, 2]", "[{'op': 'remove', 'path': '/01'}]", NULL, "[0].path: \"/01\" does not exist"},
    {"[1, 2]", "[{'op': 'remove', 'path': '/-1'}]", NULL, "[0].path: \"/-1\" does not exist"},
    {"[1, 2]", "[{'op': 'remove', 'path': '/1e0'}]", NULL, "[0].path: \"/1e0\" does not exist"},
    {"[1, 2]", "[{'op': 'remove', 'path': '/99999999999999999999'}]", NULL,
     "[0].path: \"/99999999999999999999\" does not exist"},
    {"{'a': 'secret'}", "[{'op': 'test', 'path': '/a', 'value': 'other'}]", NULL,
     "[0].value: \"/a\" has another value"},
    {"{'a': 1}", "[{'op': 'test', 'path': '/a', 'value': '1'}]", NULL, "[0].value: \"/a\" has another value"},
    {"{'a': 1}", "[{'op': 'test', 'path': '/b', 'value': null}]", NULL, "[0].path: \"/b\" does not exist"},

    /* what is no patch */
    {"{}", "{}", NULL, "a patch must be a sequence of operations"},
    {"{}", "[1]", NULL, "[0]: an operation must be a map"},
    {"{}", "[{'path': ''}]", NULL, "[0].op: missing; allowed are add, remove, replace, move, copy, test"},
    {"{}", "[{'op': 'merge', 'path': ''}]", NULL,
     "[0].op: unknown; allowed are add, remove, replace, move, copy, test"},
    {"{}", "[{'op': 1, 'path': ''}]", NULL, "[0].op: unknown; allowed are add, remove, replace, move, copy, test"},
    {"{}", "[{'op': 'remove'}]", NULL, "[0].path: missing"},
    {"{}", "[{'op': 'move', 'path': ''}]", NULL, "[0].from: missing"},
    {"{}", "[{'op': 'copy', 'path': '', 'from': 'a'}]", NULL,
     "[0].from: not a JSON Pointer: it is empty or begins with \"/\"; \"~\" is written \"~0\", \"/\" in a key \"~1\""},
    {"{}", "[{'op': 'remove', 'path': '/a~2'}]", NULL,
     "[0].path: not a JSON Pointer: it is empty or begins with \"/\"; \"~\" is written \"~0\", \"/\" in a key \"~1\""},
    {"{}", "[{'op': 'remove', 'path': '/a~'}]", NULL,
     "[0].path: not a JSON Pointer: it is empty or begins with \"/\"; \"~\" is written \"~0\", \"/\" in a key \"~1\""},
    {"{}", "[{'op': 'remove', 'path': '/a\\u0000'}]", NULL,
     "[0].path: not a JSON Pointer: it is empty or begins with \"/\"; \"~\" is written \"~0\", \"/\" in a key \"~1\""},
    {"{}", "[{'op': 'add', 'path': '/a'}]", NULL, "[0].value: missing"},
    {"{}", "[{'op': 'add', 'path': '/a', 'value': 1}, {'op': 'test', 'path': '/a'}]", NULL, "[1].value: missing"},
};

static void patches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *target = doc(cases[i].target), *patch = doc(cases[i].patch), *result = NULL;
        struct err e = {0};
        int r = patch_apply(target, patch, &result, &e);

        if (r < 0 && cases[i].result)
            print_error("%s: %s\n", cases[i].patch, e.text);
        assert_int_equal(r, cases[i].result ? 0 : -1);
        if (r == 0) {
            assert_doc(result, cases[i].result);
            assert_int_equal(patch_check(patch, &e), 0);
        } else {
            assert_string_equal(e.text, cases[i].error);
            assert_int_equal(e.class, ERR_INVALID);
            assert_null(result);
        }
        assert_doc(target, cases[i].target);
        assert_doc(patch, cases[i].patch);
    }
}

/* Whoever changes the result changes neither the target nor the patch. */
static void nothing_is_shared(void **state)
{
    _cleanup_json_ json_t *target = doc("{'a': {'b': 1}}"),
                          *patch = doc("[{'op': 'add', 'path': '/c', 'value': {'d': 1}}]");
    _cleanup_json_ json_t *result = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(patch_apply(target, patch, &result, &e), 0);
    json_object_clear(doc_at(result, "a"));
    json_object_clear(doc_at(result, "c"));
    assert_doc(target, "{'a': {'b': 1}}");
    assert_doc(patch, "[{'op': 'add', 'path': '/c', 'value': {'d': 1}}]");
}

static void copies_are_bounded(void **state)
{
    _cleanup_json_ json_t *target = doc("{'a': ['0123456789']}"), *wide = json_array(), *many = json_array();
    _cleanup_json_ json_t *result = NULL;
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 60; i++)
        json_array_append_new(wide, doc("{'op': 'copy', 'from': '/a', 'path': '/a/-'}"));
    assert_int_equal(patch_apply(target, wide, &result, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    for (int i = 0; i < 10001; i++)
        json_array_append_new(many, doc("{'op': 'test', 'path': '/a/0', 'value': '0123456789'}"));
    assert_int_equal(patch_apply(target, many, &result, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
}

static void depth_is_bounded(void **state)
{
    _cleanup_json_ json_t *target = doc("{'a': {}}"), *patch = json_array(), *result = NULL;
    struct err e = {0};

    (void)state;
    /* {a: x} becomes {a: {a: x}}, by way of b */
    for (int i = 0; i < DOC_DEPTH_MAX; i++) {
        json_array_append_new(patch, doc("{'op': 'move', 'from': '/a', 'path': '/b'}"));
        json_array_append_new(patch, doc("{'op': 'add', 'path': '/a', 'value': {}}"));
        json_array_append_new(patch, doc("{'op': 'move', 'from': '/b', 'path': '/a/a'}"));
    }
    assert_int_equal(patch_apply(target, patch, &result, &e), -1);
    assert_non_null(strstr(e.text, "path: the document would be nested deeper than 128"));
}

/* RFC 7386 */
static void merge_patches_change_field_by_field(void **state)
{
    static const struct {
        const char *target, *patch, *result;
    } merges[] = {
        {"{'a': 1}", "{}", "{'a': 1}"},
        {"{'a': 1, 'b': {'c': 2, 'd': 3}}", "{'b': {'c': null, 'e': 4}}", "{'a': 1, 'b': {'d': 3, 'e': 4}}"},
        {"{'a': [1, 2]}", "{'a': [null]}", "{'a': [null]}"},
        {"{'a': 'x'}", "{'a': {'b': null, 'c': 1}}", "{'a': {'c': 1}}"},
        {"{}", "{'a': {'b': {'c': null}}, 'd': null}", "{'a': {'b': {}}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        _cleanup_json_ json_t *target = doc(merges[i].target), *patch = doc(merges[i].patch);
        patch_merge(target, patch);
        assert_doc(target, merges[i].result);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches),
        cmocka_unit_test(nothing_is_shared),
        cmocka_unit_test(copies_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(merge_patches_change_field_by_field),
    };

    return cmocka_run_group_tests_name("json patch", tests, NULL, NULL);
}
