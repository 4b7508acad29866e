/* Create, update, patch, delete. */
#include <string.h>

#include "base/str.h"
#include "conformance.h"
#include "doc/build.h"

#define WORKLOAD(name)                                                                                                 \
    "{\"metadata\": {\"name\": \"" name "\"}, \"spec\": {\"replicas\": 0, \"selector\": {\"matchLabels\": {\"app\": "  \
    "\"" name "\"}}, \"template\": {\"metadata\": {\"labels\": {\"app\": \"" name "\"}}, \"spec\": {\"containers\": "  \
    "[{\"name\": \"c\", \"image\": \"i\"}]}}}}"

static void create_fills_in_what_is_the_servers(void **state)
{
    _cleanup_json_ json_t *o = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"filled\"}, \"data\": {\"a\": \"1\"}}");

    (void)state;
    assert_string_equal(doc_string(o, "kind"), "ConfigMap");
    assert_string_equal(doc_string(o, "apiVersion"), "v1");
    assert_string_equal(doc_string(o, "metadata", "namespace"), SPACE);
    assert_true(*version_of(o) && *uid_of(o));
    assert_non_null(doc_string(o, "metadata", "creationTimestamp"));
    assert_int_equal(generation_of(o), 0);
    assert_string_equal(doc_string(o, "data", "a"), "1");
}

static void create_refuses(void **state)
{
    static const char named[] = "{\"metadata\": {\"name\": \"twice\"}}";

    (void)state;
    json_decref(create(CONFIG_MAP, named));
    {
        _cleanup_json_ json_t *status = expect(409, kube_request_create(ROW(CONFIG_MAP), SPACE, named));
        assert_string_equal(doc_string(status, "kind"), "Status");
        assert_string_equal(doc_string(status, "reason"), "AlreadyExists");
        assert_int_equal(doc_int(doc_at(status, "code"), 0), 409);
    }
    {
        _cleanup_json_ json_t *status = expect(404, kube_request_create(ROW(CONFIG_MAP), "nowhere", named));
        assert_string_equal(doc_string(status, "reason"), "NotFound");
    }
    expect_only(404, kube_request_create(ROW(UNKNOWN), SPACE, named));
    expect_only(422, kube_request_create(ROW(CONFIG_MAP), SPACE, "{\"metadata\": {}}"));
    expect_only(422, kube_request_create(ROW(CONFIG_MAP), SPACE, "{\"metadata\": {\"name\": \"Not_A_Name\"}}"));
    expect_only(400, kube_request_create(ROW(CONFIG_MAP), SPACE, "{\"metadata\": "));
    expect_only(400, kube_request_create(ROW(CONFIG_MAP), SPACE,
                                         "{\"metadata\": {\"name\": \"x\", \"namespace\": \"default\"}}"));
    expect_only(400,
                kube_request_create(ROW(CONFIG_MAP), SPACE,
                                    "{\"kind\": \"Secret\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"x\"}}"));
    expect_only(500, kube_request_create(ROW(CONFIG_MAP), SPACE,
                                         "{\"metadata\": {\"name\": \"x\", \"resourceVersion\": \"5\"}}"));
}

static void update_needs_the_version_that_is_there(void **state)
{
    _cleanup_json_ json_t *first = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"updated\"}}"), *second = NULL;
    _cleanup_json_ json_t *status = NULL, *other = NULL;

    (void)state;
    json_object_set_new(first, "data", OBJECT(STRING("a", "1")));
    second = expect(200, put(CONFIG_MAP, first));
    assert_string_not_equal(version_of(first), version_of(second));
    assert_string_equal(uid_of(first), uid_of(second));
    status = expect(409, put(CONFIG_MAP, first));
    assert_string_equal(doc_string(status, "reason"), "Conflict");
    other = doc_copy(second);
    json_object_set_new(doc_at(other, "metadata"), "uid", json_string("6d1f0f5c-0000-4000-8000-000000000000"));
    expect_only(409, put(CONFIG_MAP, other));
}

static void update_without_a_version_overwrites(void **state)
{
    _cleanup_json_ json_t *o = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"blind\"}}"), *after = NULL;
    _cleanup_json_ json_t *bare = OBJECT(MAP("metadata", STRING("name", "blind")), MAP("data", STRING("b", "2")));
    _cleanup_json_ json_t *missing = OBJECT(MAP("metadata", STRING("name", "not-there")));

    (void)state;
    after = expect(200, put(CONFIG_MAP, bare));
    assert_string_equal(doc_string(after, "data", "b"), "2");
    expect_only(404, put(CONFIG_MAP, missing));
}

static void update_that_changes_nothing_makes_no_version(void **state)
{
    _cleanup_json_ json_t *first = create(SECRET, "{\"metadata\": {\"name\": \"same\"}}"), *second = NULL;

    (void)state;
    second = expect(200, put(SECRET, first));
    assert_string_equal(version_of(first), version_of(second));
}

static void update_of_another_name_is_refused(void **state)
{
    (void)state;
    json_decref(create(CONFIG_MAP, "{\"metadata\": {\"name\": \"named\"}}"));
    expect_only(400, kube_request_update(ROW(CONFIG_MAP), SPACE, "named", "{\"metadata\": {\"name\": \"other\"}}"));
}

static void status_is_apart(void **state)
{
    _cleanup_json_ json_t *o = create(DEPLOYMENT, WORKLOAD("apart")), *changed = NULL, *after = NULL;
    _cleanup_json_ json_t *config = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"no-status\"}}");

    (void)state;
    wait_field(DEPLOYMENT, "apart", DOC_KEYS("status", "observedGeneration"), NULL);
    json_decref(o);
    o = get(DEPLOYMENT, "apart");
    changed = doc_copy(o);
    json_object_set_new(doc_at(changed, "spec"), "minReadySeconds", json_integer(7));
    json_object_set_new(changed, "status", OBJECT(INT("observedGeneration", 99)));
    after = expect(200, put(DEPLOYMENT, changed));
    assert_int_equal(doc_int(doc_at(after, "spec", "minReadySeconds"), 0), 7);
    assert_int_not_equal(doc_int(doc_at(after, "status", "observedGeneration"), 0), 99);
    expect_only(404, put_status(CONFIG_MAP, config));
}

static void generation_counts_what_is_asked_for(void **state)
{
    _cleanup_json_ json_t *first = create(DEPLOYMENT, WORKLOAD("counted")), *labelled = NULL, *annotated = NULL;
    _cleanup_json_ json_t *scaled = NULL;

    (void)state;
    assert_int_equal(generation_of(first), 1);
    labelled = expect(200, merge(DEPLOYMENT, "counted", "{\"metadata\": {\"labels\": {\"x\": \"y\"}}}"));
    assert_int_equal(generation_of(labelled), 1);
    annotated = expect(200, merge(DEPLOYMENT, "counted", "{\"metadata\": {\"annotations\": {\"x\": \"y\"}}}"));
    assert_int_equal(generation_of(annotated), 2);
    scaled = expect(200, merge(DEPLOYMENT, "counted", "{\"spec\": {\"minReadySeconds\": 3}}"));
    assert_int_equal(generation_of(scaled), 3);
}

static void merge_patch_sets_and_removes(void **state)
{
    _cleanup_json_ json_t *o =
        create(CONFIG_MAP, "{\"metadata\": {\"name\": \"patched\", \"labels\": {\"keep\": \"1\", \"drop\": "
                           "\"1\"}}, \"data\": {\"a\": \"1\"}}");
    _cleanup_json_ json_t *after = NULL;
    _cleanup_free_ char *stale =
        str_printf("{\"metadata\": {\"resourceVersion\": \"%s\"}, \"data\": {\"a\": \"3\"}}", version_of(o));

    (void)state;
    after = expect(
        200, merge(CONFIG_MAP, "patched", "{\"metadata\": {\"labels\": {\"drop\": null}}, \"data\": {\"b\": \"2\"}}"));
    assert_string_equal(doc_string(after, "metadata", "labels", "keep"), "1");
    assert_null(doc_at(after, "metadata", "labels", "drop"));
    assert_string_equal(doc_string(after, "data", "a"), "1");
    assert_string_equal(doc_string(after, "data", "b"), "2");
    expect_only(409, merge(CONFIG_MAP, "patched", stale));
    expect_only(404, merge(CONFIG_MAP, "not-there", "{\"data\": {\"b\": \"2\"}}"));
}

static void delete_keeps_to_its_preconditions(void **state)
{
    _cleanup_json_ json_t *o = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"deleted\"}}"), *status = NULL;

    (void)state;
    expect_only(409, removal(CONFIG_MAP, "deleted", "6d1f0f5c-0000-4000-8000-000000000000", NULL));
    expect_only(409, removal(CONFIG_MAP, "deleted", uid_of(o), "1"));
    status = expect(200, removal(CONFIG_MAP, "deleted", uid_of(o), version_of(o)));
    assert_string_equal(doc_string(status, "kind"), "Status");
    assert_string_equal(doc_string(status, "status"), "Success");
    expect_only(404, kube_request_get(ROW(CONFIG_MAP), SPACE, "deleted"));
    expect_only(404, removal(CONFIG_MAP, "deleted", uid_of(o), NULL));
}

static void finalizers_hold_a_deletion(void **state)
{
    _cleanup_json_ json_t *o = create(
        CONFIG_MAP, "{\"metadata\": {\"name\": \"held\", \"finalizers\": [\"example.com/one\", \"example.com/two\"]}}");
    _cleanup_json_ json_t *going = NULL, *again = NULL;

    (void)state;
    json_decref(expect(200, removal(CONFIG_MAP, "held", uid_of(o), NULL)));
    going = get(CONFIG_MAP, "held");
    assert_non_null(doc_string(going, "metadata", "deletionTimestamp"));
    json_decref(expect(200, removal(CONFIG_MAP, "held", uid_of(o), NULL)));
    again = get(CONFIG_MAP, "held");
    assert_string_equal(version_of(going), version_of(again));
    expect_only(422, merge(CONFIG_MAP, "held",
                           "{\"metadata\": {\"finalizers\": [\"example.com/one\", \"example.com/two\", "
                           "\"example.com/three\"]}}"));
    expect_only(200, merge(CONFIG_MAP, "held", "{\"metadata\": {\"finalizers\": [\"example.com/two\"]}}"));
    json_decref(get(CONFIG_MAP, "held"));
    expect_only(200, merge(CONFIG_MAP, "held", "{\"metadata\": {\"finalizers\": null}}"));
    expect_only(404, kube_request_get(ROW(CONFIG_MAP), SPACE, "held"));
}

static void what_an_object_owns_goes_with_it(void **state)
{
    _cleanup_json_ json_t *owner = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"owner\"}}");
    _cleanup_free_ char *owned =
        str_printf("{\"metadata\": {\"name\": \"owned\", \"ownerReferences\": [{\"apiVersion\": \"v1\", \"kind\": "
                   "\"ConfigMap\", \"name\": \"owner\", \"uid\": \"%s\"}]}}",
                   uid_of(owner));

    (void)state;
    json_decref(create(CONFIG_MAP, owned));
    expect_only(200, removal(CONFIG_MAP, "owner", uid_of(owner), NULL));
    wait_gone(CONFIG_MAP, "owned");
}

const struct CMUnitTest conformance_writes[] = {
    cmocka_unit_test(create_fills_in_what_is_the_servers),
    cmocka_unit_test(create_refuses),
    cmocka_unit_test(update_needs_the_version_that_is_there),
    cmocka_unit_test(update_without_a_version_overwrites),
    cmocka_unit_test(update_that_changes_nothing_makes_no_version),
    cmocka_unit_test(update_of_another_name_is_refused),
    cmocka_unit_test(status_is_apart),
    cmocka_unit_test(generation_counts_what_is_asked_for),
    cmocka_unit_test(merge_patch_sets_and_removes),
    cmocka_unit_test(delete_keeps_to_its_preconditions),
    cmocka_unit_test(finalizers_hold_a_deletion),
    cmocka_unit_test(what_an_object_owns_goes_with_it),
    {NULL},
};
