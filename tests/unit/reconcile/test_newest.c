/* Which of two definitions is of the newer release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/marks.h"
#include "reconcile/newest.h"

static json_t *parse(const char *text)
{
    json_t *value;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &value, NULL), 0);
    return value;
}

/* A definition of apiextensions v1 with one version. */
static json_t *definition(const char *release, const char *version, const char *schema)
{
    return OBJECT(
        MAP("metadata", MAP("labels", STRING(MARK_RELEASE, release))),
        MAP("spec",
            SEQ("versions", ITEM(STRING("name", version), MAP("schema", VALUE("openAPIV3Schema", parse(schema)))))));
}

#define OURS                                                                                                           \
    "{\"type\": \"object\", \"properties\": {\"a\": {\"enum\": [\"X\", \"Y\"]}, \"b\": {\"type\": \"array\", "         \
    "\"items\": {\"properties\": {\"c\": {\"type\": \"object\", \"additionalProperties\": {\"properties\": {\"d\": "   \
    "{}}}}}}}}}"

static void the_newer_one_is_found(void **state)
{
    static const struct {
        const char *why, *release, *version, *schema;
        bool unless_applied; /* the answer where the operator did not write it, and where it did */
        bool applied;
    } cases[] = {
        {"the same", "1.31.4", "v1", OURS, false, false},
        {"no label", NULL, "v1", OURS, false, false},
        {"a label that is no release", "latest", "v1", OURS, false, false},
        {"an older label", "1.30.3", "v1", OURS, false, false},
        {"a newer label", "1.32.0", "v1", OURS, true, true},
        {"a newer label and less", "1.32.0", "v1", "{}", true, true},
        {"a newer patch", "1.31.5", "v1", OURS, true, true},
        {"a pre-release of ours", "1.31.4-rc.1", "v1", OURS, false, false},
        {"less", NULL, "v1", "{\"properties\": {\"a\": {\"enum\": [\"X\"]}}}", false, false},
        {"a schema that says nothing",
         NULL,
         "v1",
         "{\"type\": \"object\", \"x-kubernetes-preserve-unknown-fields\": true}",
         false,
         false},
        {"another version", NULL, "v2", OURS, true, true},
        {"a version that is less stable", NULL, "v9alpha9", OURS, false, false},
        {"a version that is less stable, too", NULL, "v2beta1", OURS, false, false},
        {"a version that is none", NULL, "vfoo", OURS, false, false},
        {"another version, of an older release", "1.30.3", "v2", OURS, false, true},
        {"another field", NULL, "v1", "{\"properties\": {\"z\": {}}}", true, true},
        {"another value", NULL, "v1", "{\"properties\": {\"a\": {\"enum\": [\"Z\", \"X\"]}}}", true, true},
        {"another field in a list",
         NULL,
         "v1",
         "{\"properties\": {\"b\": {\"items\": {\"properties\": {\"z\": {}}}}}}",
         true,
         true},
        {"another field in a map",
         NULL,
         "v1",
         "{\"properties\": {\"b\": {\"items\": {\"properties\": {\"c\": {\"additionalProperties\": {\"properties\": "
         "{\"z\": {}}}}}}}}}",
         true,
         true},
        {"another field, of an older release", "1.30.3", "v1", "{\"properties\": {\"z\": {}}}", false, true},
        {"odd types",
         NULL,
         "v1",
         "{\"properties\": {\"a\": {\"enum\": 1}, \"b\": [], \"c\": 5}, \"items\": [], \"enum\": null}",
         true,
         true},
        {"odd types of what is known",
         NULL,
         "v1",
         "{\"properties\": {\"a\": 7, \"b\": {\"items\": []}}}",
         false,
         false},
    };
    _cleanup_json_ json_t *ours = definition("1.31.4", "v1", OURS);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *live = definition(cases[i].release, cases[i].version, cases[i].schema);
        print_message("%s\n", cases[i].why);
        assert_int_equal(newest_is_live(ours, live, false), cases[i].unless_applied);
        assert_int_equal(newest_is_live(ours, live, true), cases[i].applied);
    }
}

/* What has no label and one version of apiextensions v1beta1, as the definitions of Istio 1.0 on old servers. */
static void definitions_of_v1beta1_are_compared_by_versions(void **state)
{
    _cleanup_json_ json_t *ours = parse("{\"spec\": {\"version\": \"v1alpha3\"}}");
    _cleanup_json_ json_t *same = parse("{\"spec\": {\"versions\": [{\"name\": \"v1alpha3\"}]}}");
    _cleanup_json_ json_t *more = parse("{\"spec\": {\"versions\": [{\"name\": \"v1alpha3\"}, {\"name\": \"v1\"}]}}");
    _cleanup_json_ json_t *other =
        parse("{\"spec\": {\"versions\": [{\"name\": \"v1alpha3\"}, {\"name\": \"v9alpha9\"}]}}");

    (void)state;
    assert_false(newest_is_live(ours, same, false));
    assert_true(newest_is_live(ours, more, false));
    assert_true(newest_is_live(ours, more, true));
    assert_false(newest_is_live(ours, other, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_one_is_found),
        cmocka_unit_test(definitions_of_v1beta1_are_compared_by_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
