/* What single kinds have of their own. */
#include <string.h>

#include "base/str.h"
#include "conformance.h"
#include "doc/build.h"

const char PROBE_DEFINITION[] =
    "{\"metadata\": {\"name\": \"" PROBES "\"}, \"spec\": {\"group\": \"conformance.example.com\", \"scope\": "
    "\"Namespaced\", \"names\": {\"kind\": \"Probe\", \"plural\": \"probes\", \"singular\": \"probe\"}, \"versions\": "
    "[{\"name\": \"v1\", \"served\": true, \"storage\": true, \"subresources\": {\"status\": {}}, \"schema\": "
    "{\"openAPIV3Schema\": {\"type\": \"object\", \"properties\": {\"spec\": {\"type\": \"object\", \"properties\": "
    "{\"size\": {\"type\": \"integer\", \"default\": 3}, \"name\": {\"type\": \"string\"}}}, \"status\": {\"type\": "
    "\"object\", \"properties\": {\"word\": {\"type\": \"string\"}}}}}}}]}}";

static bool is_established(void *context)
{
    _cleanup_json_ json_t *definition = get(DEFINITION, PROBES);
    const json_t *condition = doc_find(doc_at(definition, "status", "conditions"), "type", "Established");

    (void)context;
    return str_eq(doc_string(condition, "status"), "True");
}

static bool is_listed(void *context)
{
    (void)context;
    return attempt(kube_request_list(ROW(PROBE), SPACE, NULL, NULL, 0, NULL), NULL) == 200;
}

static void definition_is_established_and_served(void **state)
{
    _cleanup_json_ json_t *definition = create(DEFINITION, PROBE_DEFINITION), *resources = NULL;

    (void)state;
    assert_int_equal(generation_of(definition), 1);
    assert_string_equal(doc_string(definition, "spec", "names", "listKind"), "ProbeList");
    assert_string_equal(doc_string(definition, "spec", "conversion", "strategy"), "None");
    wait_field(DEFINITION, PROBES, DOC_KEYS("status", "acceptedNames", "kind"), "Probe");
    /* A server may say first that it is not, "Installing". */
    wait_until(is_established, NULL, PATIENCE, "the definition is established");
    /* It takes a moment more until requests of it are taken. */
    wait_until(is_listed, NULL, PATIENCE, "the kind is served");
    resources = expect(200, net_request_new(NET_GET, "/apis/conformance.example.com/v1", NULL));
    assert_string_equal(doc_string(doc_find(doc_at(resources, "resources"), "name", "probes"), "kind"), "Probe");
}

static void custom_objects_follow_their_schema(void **state)
{
    _cleanup_json_ json_t *o = create(PROBE, "{\"apiVersion\": \"conformance.example.com/v1\", \"kind\": \"Probe\", "
                                             "\"metadata\": {\"name\": \"one\"}, \"spec\": {\"name\": \"n\", "
                                             "\"unknown\": 1}, \"status\": {\"word\": \"early\"}}");
    _cleanup_json_ json_t *told = NULL, *annotated = NULL, *resized = NULL, *blind = NULL;

    (void)state;
    assert_int_equal(doc_int(doc_at(o, "spec", "size"), 0), 3);
    assert_null(doc_at(o, "spec", "unknown"));
    assert_null(doc_at(o, "status"));
    assert_int_equal(generation_of(o), 1);

    json_object_set_new(o, "status", OBJECT(STRING("word", "told"), STRING("more", "x")));
    json_object_set_new(doc_at(o, "spec"), "size", json_integer(9));
    json_object_set_new(doc_at(o, "metadata"), "labels", OBJECT(STRING("new", "1")));
    told = expect(200, put_status(PROBE, o));
    assert_string_equal(doc_string(told, "status", "word"), "told");
    assert_null(doc_at(told, "status", "more"));
    assert_int_equal(doc_int(doc_at(told, "spec", "size"), 0), 3);
    assert_null(doc_at(told, "metadata", "labels"));
    assert_int_equal(generation_of(told), 1);

    annotated = expect(200, merge(PROBE, "one", "{\"metadata\": {\"annotations\": {\"a\": \"b\"}}}"));
    assert_int_equal(generation_of(annotated), 1);
    resized = expect(200, merge(PROBE, "one", "{\"spec\": {\"size\": 5}, \"status\": {\"word\": \"not here\"}}"));
    assert_int_equal(generation_of(resized), 2);
    assert_string_equal(doc_string(resized, "status", "word"), "told");
    blind = doc_copy(resized);
    json_object_del(doc_at(blind, "metadata"), "resourceVersion");
    expect_only(422, put(PROBE, blind));
}

static void finalizers_hold_custom_objects_and_count_a_generation(void **state)
{
    _cleanup_json_ json_t *o =
        create(PROBE, "{\"apiVersion\": \"conformance.example.com/v1\", \"kind\": \"Probe\", \"metadata\": {\"name\": "
                      "\"held\", \"finalizers\": [\"example.com/one\"]}, \"spec\": {}}");
    _cleanup_json_ json_t *going = NULL;
    struct watching *w = watch(PROBE, NULL, version_of(o), 60);

    (void)state;
    expect_only(200, removal(PROBE, "held", uid_of(o), version_of(o)));
    expect_event(w, "MODIFIED", "held");
    going = get(PROBE, "held");
    assert_non_null(doc_string(going, "metadata", "deletionTimestamp"));
    assert_int_equal(generation_of(going), 2);
    json_object_set_new(doc_at(going, "metadata"), "finalizers", json_array());
    expect_only(200, put(PROBE, going));
    expect_event(w, "DELETED", "held");
    watching_free(w);
}

static bool group_is_gone(void *context)
{
    _cleanup_json_ json_t *groups = expect(200, net_request_new(NET_GET, "/apis", NULL));

    (void)context;
    return !doc_find(doc_at(groups, "groups"), "name", "conformance.example.com");
}

static void definition_takes_its_objects_with_it(void **state)
{
    (void)state;
    expect_only(200, removal(DEFINITION, PROBES, NULL, NULL));
    wait_gone(DEFINITION, PROBES);
    wait_until(group_is_gone, NULL, PATIENCE, "the group is no longer served");
    expect_only(404, kube_request_get(ROW(PROBE), SPACE, "one"));
}

static void services_get_an_address_and_keep_it(void **state)
{
    _cleanup_json_ json_t *o =
        create(SERVICE, "{\"metadata\": {\"name\": \"addressed\"}, \"spec\": {\"ports\": [{\"name\": \"a\", \"port\": "
                        "80}]}}");
    _cleanup_json_ json_t *bare = NULL, *kept = NULL, *after = NULL, *moved = NULL;
    const char *address = doc_string(o, "spec", "clusterIP");
    const json_t *port = json_array_get(doc_at(o, "spec", "ports"), 0);

    (void)state;
    assert_true(address && *address && !str_eq(address, "None"));
    assert_string_equal(doc_string(o, "spec", "type"), "ClusterIP");
    assert_string_equal(doc_string(o, "spec", "sessionAffinity"), "None");
    assert_string_equal(doc_string(port, "protocol"), "TCP");
    assert_int_equal(doc_int(doc_at(port, "targetPort"), 0), 80);
    assert_int_equal(generation_of(o), 0);
    bare = doc_copy(o);
    json_object_del(doc_at(bare, "spec"), "clusterIP");
    json_object_del(doc_at(bare, "spec"), "clusterIPs");
    if (minor_version() < 22) {
        expect_only(422, put(SERVICE, bare));
    } else {
        kept = expect(200, put(SERVICE, bare));
        assert_string_equal(doc_string(kept, "spec", "clusterIP"), address);
    }
    after = expect(200, merge(SERVICE, "addressed", "{\"spec\": {\"ports\": [{\"name\": \"b\", \"port\": 81}]}}"));
    assert_string_equal(doc_string(after, "spec", "clusterIP"), address);
    moved = doc_copy(after);
    json_object_set_new(doc_at(moved, "spec"), "clusterIP", json_string("None"));
    json_object_set_new(doc_at(moved, "spec"), "clusterIPs", ARRAY(ITEM_STRING("None")));
    expect_only(422, put(SERVICE, moved));
    expect_only(422,
                kube_request_create(ROW(SERVICE), SPACE, "{\"metadata\": {\"name\": \"portless\"}, \"spec\": {}}"));
}

static void headless_services_carry_endpoints_of_others(void **state)
{
    _cleanup_json_ json_t *service =
        create(SERVICE, "{\"metadata\": {\"name\": \"headless\"}, \"spec\": {\"clusterIP\": \"None\", \"ports\": "
                        "[{\"name\": \"a\", \"port\": 80}]}}");
    _cleanup_json_ json_t *portless =
        create(SERVICE, "{\"metadata\": {\"name\": \"headless-portless\"}, \"spec\": {\"clusterIP\": \"None\"}}");
    _cleanup_json_ json_t *o = create(
        ENDPOINTS, "{\"metadata\": {\"name\": \"headless\"}, \"subsets\": [{\"addresses\": [{\"ip\": \"10.1.0.1\"}], "
                   "\"ports\": [{\"name\": \"a\", \"port\": 80}]}]}");
    _cleanup_json_ json_t *after = NULL, *empty = NULL;
    const json_t *subset = json_array_get(doc_at(o, "subsets"), 0);

    (void)state;
    assert_string_equal(doc_string(service, "spec", "clusterIP"), "None");
    assert_string_equal(doc_string(json_array_get(doc_at(subset, "ports"), 0), "protocol"), "TCP");
    json_array_append_new(doc_at(subset, "addresses"), OBJECT(STRING("ip", "10.1.0.2")));
    after = expect(200, put(ENDPOINTS, o));
    subset = json_array_get(doc_at(after, "subsets"), 0);
    assert_int_equal(json_array_size(doc_at(subset, "addresses")), 2);
    /* Nobody else writes those of a Service without a selector. */
    run_loop_for(1500);
    empty = get(ENDPOINTS, "headless");
    assert_string_equal(version_of(empty), version_of(after));
    json_object_del(empty, "subsets");
    expect_only(200, put(ENDPOINTS, empty));
    expect_only(422, kube_request_create(ROW(ENDPOINTS), SPACE,
                                         "{\"metadata\": {\"name\": \"bad\"}, \"subsets\": [{\"addresses\": [{\"ip\": "
                                         "\"no address\"}]}]}"));
}

static void secrets_have_a_type_and_keep_it(void **state)
{
    _cleanup_json_ json_t *o = create(SECRET, "{\"metadata\": {\"name\": \"typed\"}, \"stringData\": {\"a\": \"b\"}, "
                                              "\"data\": {\"c\": \"ZA==\"}}");

    (void)state;
    assert_string_equal(doc_string(o, "type"), "Opaque");
    assert_string_equal(doc_string(o, "data", "a"), "Yg==");
    assert_string_equal(doc_string(o, "data", "c"), "ZA==");
    assert_null(doc_at(o, "stringData"));
    expect_only(422, merge(SECRET, "typed", "{\"type\": \"example.com/other\"}"));
    expect_only(422, merge(SECRET, "typed", "{\"data\": {\"a\": \"no base64!\"}}"));
    expect_only(400, kube_request_create(ROW(SECRET), SPACE,
                                         "{\"metadata\": {\"name\": \"bad\"}, \"data\": {\"a\": \"no base64!\"}}"));
}

static void leases_are_taken_by_one(void **state)
{
    _cleanup_json_ json_t *o = create(
        LEASE, "{\"metadata\": {\"name\": \"leader\"}, \"spec\": {\"holderIdentity\": \"a\", \"leaseDurationSeconds\": "
               "15, \"acquireTime\": \"2020-01-01T00:00:00.000000Z\", \"renewTime\": \"2020-01-01T00:00:00.123456Z\", "
               "\"leaseTransitions\": 0}}");
    _cleanup_json_ json_t *first = doc_copy(o), *second = doc_copy(o), *after = NULL;

    (void)state;
    assert_string_equal(doc_string(o, "spec", "renewTime"), "2020-01-01T00:00:00.123456Z");
    json_object_set_new(doc_at(first, "spec"), "holderIdentity", json_string("b"));
    json_object_set_new(doc_at(second, "spec"), "holderIdentity", json_string("c"));
    after = expect(200, put(LEASE, first));
    expect_only(409, put(LEASE, second));
    assert_string_equal(doc_string(after, "spec", "holderIdentity"), "b");
    assert_int_equal(doc_int(doc_at(after, "spec", "leaseTransitions"), 9), 0);
    expect_only(404, put_status(LEASE, after));
}

static void pods_become_ready_by_their_status(void **state)
{
    _cleanup_json_ json_t *o = NULL, *after = NULL;

    (void)state;
    /* A real server takes no Pod before its namespace has an account. */
    run_loop_for(3000);
    o = create(POD,
               "{\"metadata\": {\"name\": \"unplaced\"}, \"spec\": {\"schedulerName\": \"nobody\", \"containers\": "
               "[{\"name\": \"c\", \"image\": \"i\"}]}}");
    assert_string_equal(doc_string(o, "status", "phase"), "Pending");
    json_object_set_new(o, "status",
                        OBJECT(STRING("phase", "Running"), STRING("podIP", "10.1.0.9"),
                               SEQ("podIPs", ITEM(STRING("ip", "10.1.0.9"))),
                               SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
    after = expect(200, put_status(POD, o));
    assert_string_equal(doc_string(after, "status", "podIP"), "10.1.0.9");
    assert_string_equal(doc_string(after, "status", "phase"), "Running");
    expect_only(200, removal(POD, "unplaced", NULL, NULL));
    wait_gone(POD, "unplaced");
}

static void namespaces_end_with_what_is_in_them(void **state)
{
    _cleanup_json_ json_t *o = create(NAMESPACE, "{\"metadata\": {\"name\": \"conformance-ending\"}}");

    (void)state;
    assert_string_equal(doc_string(o, "status", "phase"), "Active");
    expect_only(201, kube_request_create(ROW(CONFIG_MAP), "conformance-ending", "{\"metadata\": {\"name\": \"x\"}}"));
    json_decref(expect(200, removal(NAMESPACE, "conformance-ending", NULL, NULL)));
    wait_gone(NAMESPACE, "conformance-ending");
    expect_only(404, kube_request_get(ROW(CONFIG_MAP), "conformance-ending", "x"));
    expect_only(404, kube_request_create(ROW(CONFIG_MAP), "conformance-ending", "{\"metadata\": {\"name\": \"x\"}}"));
}

const struct CMUnitTest conformance_kinds[] = {
    cmocka_unit_test(definition_is_established_and_served),
    cmocka_unit_test(custom_objects_follow_their_schema),
    cmocka_unit_test(finalizers_hold_custom_objects_and_count_a_generation),
    cmocka_unit_test(definition_takes_its_objects_with_it),
    cmocka_unit_test(services_get_an_address_and_keep_it),
    cmocka_unit_test(headless_services_carry_endpoints_of_others),
    cmocka_unit_test(secrets_have_a_type_and_keep_it),
    cmocka_unit_test(leases_are_taken_by_one),
    cmocka_unit_test(pods_become_ready_by_their_status),
    cmocka_unit_test(namespaces_end_with_what_is_in_them),
    {NULL},
};
