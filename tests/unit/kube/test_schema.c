/* When two schemas of CustomResourceDefinitions mean the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doc/doc.h"
#include "kube/kind.h"
#include "kube/schema.h"

static const struct {
    const char *why, *desired, *live;
    bool same;
} cases[] = {
    {"equal", "{'type': 'object', 'a': [1, {'b': null}]}", "{'a': [1, {'b': null}], 'type': 'object'}", true},
    {"a number", "{'minimum': 0}", "{'minimum': 0.0}", true},
    {"another number", "{'minimum': 0}", "{'minimum': 1}", false},
    {"with a description", "{'type': 'string'}", "{'type': 'string', 'description': 'x'}", true},
    {"with one within", "{'properties': {'a': {'type': 'string'}}}",
     "{'properties': {'a': {'type': 'string', 'description': 'x'}}}", true},
    {"without the desired one", "{'description': 'x'}", "{}", false},
    {"with another than the desired one", "{'description': 'x'}", "{'description': 'y'}", false},
    {"a field of that name", "{'properties': {}}", "{'properties': {'description': {'type': 'string'}}}", false},
    {"with a message", "{'x-kubernetes-validations': [{'rule': 'a'}]}",
     "{'x-kubernetes-validations': [{'rule': 'a', 'message': 'x'}]}", true},
    {"another rule", "{'x-kubernetes-validations': [{'rule': 'a'}]}", "{'x-kubernetes-validations': [{'rule': 'b'}]}",
     false},
    {"one more rule", "{'x-kubernetes-validations': [{'rule': 'a'}]}",
     "{'x-kubernetes-validations': [{'rule': 'a'}, {'rule': 'b'}]}", false},
    {"one rule less", "{'x-kubernetes-validations': [{'rule': 'a'}, {'rule': 'b'}]}",
     "{'x-kubernetes-validations': [{'rule': 'a'}]}", false},
    {"a rule in two lines", "{'x-kubernetes-validations': [{'rule': 'a && b'}]}",
     "{'x-kubernetes-validations': [{'rule': 'a &&\\nb', 'message': 'x'}]}", true},
    {"a longer rule", "{'x-kubernetes-validations': [{'rule': 'a'}]}", "{'x-kubernetes-validations': [{'rule': 'a '}]}",
     false},
    {"required in another order", "{'required': ['a', 'b']}", "{'required': ['b', 'a']}", true},
    {"another one required", "{'required': ['a', 'b']}", "{'required': ['a', 'c']}", false},
    {"one less required", "{'required': ['a', 'b']}", "{'required': ['a']}", false},
    {"values in another order", "{'enum': ['a', 'b']}", "{'enum': ['b', 'a']}", false},
    {"another type", "{'type': 'string'}", "{'type': ['string']}", false},
    {"what has no type", "{'required': ['a']}", "{'required': 'a'}", false},
    {"one more field", "{'properties': {}}", "{'properties': {'a': {}}}", false},
};

static json_t *parse(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static char *with_quotes(const char *text)
{
    char *copy = mem_dup(text, strlen(text) + 1);

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static void what_means_the_same_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *a = with_quotes(cases[i].desired), *b = with_quotes(cases[i].live);
        _cleanup_json_ json_t *desired = parse(a), *live = parse(b);

        print_message("%s\n", cases[i].why);
        assert_non_null(desired);
        assert_non_null(live);
        assert_int_equal(kube_schema_same(desired, live), cases[i].same);
    }
    assert_false(kube_schema_same(NULL, json_true()));
    assert_false(kube_schema_same(json_true(), NULL));
}

/* As a merge has it: the live schema stays with its descriptions, and one that differs is replaced as a whole. */
static void a_merge_keeps_descriptions(void **state)
{
    static const struct kube_kind definition = {.kind = "CustomResourceDefinition", .is_definition = true};
    _cleanup_json_ json_t *desired = parse("{\"spec\": {\"versions\": [{\"name\": \"v1\", \"schema\": "
                                           "{\"openAPIV3Schema\": {\"type\": \"object\"}}}]}}");
    _cleanup_json_ json_t *same =
        parse("{\"spec\": {\"versions\": [{\"name\": \"v1\", \"schema\": {\"openAPIV3Schema\": {\"type\": \"object\", "
              "\"description\": \"x\"}}}]}}");
    _cleanup_json_ json_t *other =
        parse("{\"spec\": {\"versions\": [{\"name\": \"v1\", \"schema\": {\"openAPIV3Schema\": {\"type\": \"object\", "
              "\"description\": \"x\", \"required\": [\"a\"]}}}]}}");
    struct kube_merge how;
    struct merge m;

    (void)state;
    kube_merge_init(&definition, NULL, &how);
    merge_three_way(NULL, desired, same, &how.rules, &m);
    assert_int_equal(m.change_count, 0);
    assert_true(doc_equal(m.result, same));
    merge_release(&m);
    merge_three_way(NULL, desired, other, &how.rules, &m);
    assert_int_equal(m.change_count, 1);
    assert_true(doc_equal(m.result, desired));
    merge_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_the_same_is_found),
        cmocka_unit_test(a_merge_keeps_descriptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
