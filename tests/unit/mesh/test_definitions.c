/* The definitions of today's Istio, and the notation they are written in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/istiod/definitions/definitions.h"
#include "mesh/istiod/definitions/schema.h"
#include "reconcile/marks.h"

#define KUBERNETES_MINOR 34
/* `kubectl apply` keeps an object in its own annotation, and all annotations together may take this much. */
#define ANNOTATIONS_MAX 262144
/* Of all of them: what a settled mesh keeps twice, desired and observed. */
#define ALL_MAX (300 * 1024)

struct definitions {
    struct rendered_list list;
};

static int begin(void **state)
{
    struct definitions *d = NEW(struct definitions);
    const char *versions[KIND_COUNT];

    mesh_versions_for(KUBERNETES_MINOR, versions);
    istiod_definitions(&(struct mesh_env){.ns = "istio-system", .versions = versions}, &d->list);
    *state = d;
    return 0;
}

static int end(void **state)
{
    struct definitions *d = *state;

    rendered_release(&d->list);
    free(d);
    return 0;
}

static const json_t *find(const struct definitions *d, const char *name)
{
    for (size_t i = 0; i < d->list.len; i++)
        if (str_eq(doc_string(d->list.items[i].object, "metadata", "name"), name))
            return d->list.items[i].object;
    fail_msg("no definition %s", name);
    return NULL;
}

/* Istio's API, as its users write it: kind, versions with the stored one first, short names. */
static const struct {
    const char *name, *kind, *versions, *short_name;
} expected[] = {
    {"trafficextensions.extensions.istio.io", "TrafficExtension", "v1alpha1", NULL},
    {"wasmplugins.extensions.istio.io", "WasmPlugin", "v1alpha1", NULL},
    {"destinationrules.networking.istio.io", "DestinationRule", "v1 v1alpha3 v1beta1", "dr"},
    {"envoyfilters.networking.istio.io", "EnvoyFilter", "v1alpha3", NULL},
    {"gateways.networking.istio.io", "Gateway", "v1 v1alpha3 v1beta1", "gw"},
    {"proxyconfigs.networking.istio.io", "ProxyConfig", "v1beta1", NULL},
    {"serviceentries.networking.istio.io", "ServiceEntry", "v1 v1alpha3 v1beta1", "se"},
    {"sidecars.networking.istio.io", "Sidecar", "v1 v1alpha3 v1beta1", NULL},
    {"virtualservices.networking.istio.io", "VirtualService", "v1 v1alpha3 v1beta1", "vs"},
    {"workloadentries.networking.istio.io", "WorkloadEntry", "v1 v1alpha3 v1beta1", "we"},
    {"workloadgroups.networking.istio.io", "WorkloadGroup", "v1 v1alpha3 v1beta1", "wg"},
    {"authorizationpolicies.security.istio.io", "AuthorizationPolicy", "v1 v1beta1", "ap"},
    {"peerauthentications.security.istio.io", "PeerAuthentication", "v1 v1beta1", "pa"},
    {"requestauthentications.security.istio.io", "RequestAuthentication", "v1 v1beta1", "ra"},
    {"telemetries.telemetry.istio.io", "Telemetry", "v1alpha1 v1", "telemetry"},
};

/* The stored version first. */
static char *versions_of(const json_t *definition)
{
    struct buf text = BUF_INIT;
    json_t *version;
    size_t i;

    for (int stored = 1; stored >= 0; stored--)
        json_array_foreach(doc_at(definition, "spec", "versions"), i, version)
            if (json_is_true(json_object_get(version, "storage")) == stored)
                buf_printf(&text, "%s%s", text.len ? " " : "", doc_string(version, "name"));
    return buf_take(&text);
}

static void every_definition_has_its_names_and_versions(void **state)
{
    const struct definitions *d = *state;

    assert_int_equal(d->list.len, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const json_t *definition = find(d, expected[i].name), *names = doc_at(definition, "spec", "names");
        const char *group = doc_string(definition, "spec", "group"), *first;
        _cleanup_free_ char *versions = versions_of(definition), *category = NULL;
        _cleanup_free_ char *list = str_printf("%sList", expected[i].kind);

        category = str_printf("%.*s-istio-io", (int)strcspn(group, "."), group);
        assert_string_equal(doc_string(names, "kind"), expected[i].kind);
        assert_string_equal(doc_string(names, "listKind"), list);
        assert_int_equal(strcasecmp(doc_string(names, "singular"), expected[i].kind), 0);
        assert_true(str_starts(expected[i].name, doc_string(names, "plural")));
        assert_string_equal(versions, expected[i].versions);
        assert_string_equal(doc_string(definition, "spec", "scope"), "Namespaced");
        first = json_string_value(json_array_get(json_object_get(names, "shortNames"), 0));
        if (expected[i].short_name)
            assert_string_equal(first, expected[i].short_name);
        else
            assert_null(json_object_get(names, "shortNames"));
        assert_string_equal(json_string_value(json_array_get(json_object_get(names, "categories"), 0)), "istio-io");
        assert_string_equal(json_string_value(json_array_get(json_object_get(names, "categories"), 1)), category);
    }
}

static void every_version_is_served_with_a_status(void **state)
{
    const struct definitions *d = *state;

    for (size_t i = 0; i < d->list.len; i++) {
        json_t *version;
        size_t k, stored = 0;

        json_array_foreach(doc_at(d->list.items[i].object, "spec", "versions"), k, version) {
            assert_true(json_is_true(json_object_get(version, "served")));
            assert_non_null(doc_at(version, "subresources", "status"));
            assert_non_null(doc_at(version, "schema", "openAPIV3Schema", "properties", "spec"));
            stored += json_is_true(json_object_get(version, "storage"));
        }
        assert_int_equal(stored, 1);
    }
}

static void check_columns(const struct definitions *d, const char *name, const char *columns)
{
    const json_t *version = json_array_get(doc_at(find(d, name), "spec", "versions"), 0);
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *column;
    size_t i;

    json_array_foreach(json_object_get(version, "additionalPrinterColumns"), i, column)
        buf_printf(&text, "%s%s %s %s", i ? ", " : "", doc_string(column, "name"), doc_string(column, "type"),
                   doc_string(column, "jsonPath"));
    assert_string_equal(buf_str(&text), columns);
}

static void kubectl_prints_their_columns(void **state)
{
    const struct definitions *d = *state;

    check_columns(d, "virtualservices.networking.istio.io",
                  "Gateways string .spec.gateways, Hosts string .spec.hosts, Age date .metadata.creationTimestamp");
    check_columns(d, "workloadentries.networking.istio.io",
                  "Age date .metadata.creationTimestamp, Address string .spec.address");
    check_columns(d, "sidecars.networking.istio.io", "");
}

/*
 * What Kubernetes calls structural: every place has a type (or is x-kubernetes-int-or-string), and choices have no
 * types, descriptions or fields of their own. Its documentation: "Specifying a structural schema".
 */
static void check_structural(const json_t *schema, const char *name)
{
    static const char *const logic[] = {"allOf", "anyOf", "oneOf"};
    static const char *const within[] = {"items", "additionalProperties"};
    bool either = json_object_get(schema, "x-kubernetes-int-or-string");
    const char *type = doc_string(schema, "type"), *key;
    json_t *value;
    size_t i;

    if (!type == !either)
        fail_msg("%s needs one type", name);
    assert_null(json_object_get(schema, "description"));
    assert_true(!str_eq(type, "array") == !json_object_get(schema, "items"));
    for (size_t k = 0; k < ARRAY_LEN(logic); k++)
        json_array_foreach(json_object_get(schema, logic[k]), i, value)
            assert_true(either || !json_object_get(value, "type"));
    json_array_foreach(json_object_get(schema, "x-kubernetes-validations"), i, value) {
        /* Without a message, a rule must be one line. */
        assert_non_null(doc_string(value, "rule"));
        assert_null(strchr(doc_string(value, "rule"), '\n'));
        assert_int_equal(json_object_size(value), 1);
    }
    json_array_foreach(json_object_get(schema, "required"), i, value)
        assert_non_null(doc_at(schema, "properties", json_string_value(value)));
    for (size_t k = 0; k < ARRAY_LEN(within); k++)
        if (json_object_get(schema, within[k]))
            check_structural(json_object_get(schema, within[k]), name);
    json_object_foreach(json_object_get(schema, "properties"), key, value)
        check_structural(value, key);
}

static void schemas_are_structural(void **state)
{
    const struct definitions *d = *state;

    for (size_t i = 0; i < d->list.len; i++) {
        json_t *version;
        size_t k;
        json_array_foreach(doc_at(d->list.items[i].object, "spec", "versions"), k, version)
            check_structural(doc_at(version, "schema", "openAPIV3Schema"), doc_string(version, "name"));
    }
}

static void kubectl_apply_has_room_for_each(void **state)
{
    const struct definitions *d = *state;
    size_t all = 0;

    for (size_t i = 0; i < d->list.len; i++) {
        _cleanup_free_ char *text = doc_text(d->list.items[i].object);
        assert_in_range(strlen(text), 500, ANNOTATIONS_MAX / 2);
        all += strlen(text);
    }
    print_message("%zu definitions, %zu bytes\n", d->list.len, all);
    assert_in_range(all, 100 * 1024, ALL_MAX);
}

/* The annotation of what was applied is small, so that there is room for that of kubectl. */
static void the_record_of_what_was_applied_is_small(void **state)
{
    const struct definitions *d = *state;
    const struct mark_owner owner = {
        .api_version = "v1", .kind = "Istio", .ns = "istio-system", .name = "istio", .uid = "1-2-3"};

    for (size_t i = 0; i < d->list.len; i++) {
        _cleanup_json_ json_t *object = doc_copy(d->list.items[i].object);
        mark_desired(object, d->list.items[i].kind, &owner);
        assert_in_range(strlen(doc_string(object, "metadata", "annotations", MARK_APPLIED)), 100, 2048);
    }
}

static void a_newer_release_is_never_replaced(void **state)
{
    const struct definitions *d = *state;

    for (size_t i = 0; i < d->list.len; i++) {
        assert_true(d->list.items[i].newest_wins);
        assert_non_null(doc_string(d->list.items[i].object, "metadata", "labels", MARK_RELEASE));
    }
}

static void old_servers_get_none(void **state)
{
    const char *versions[KIND_COUNT];
    struct rendered_list list = {0};

    (void)state;
    mesh_versions_for(15, versions);
    istiod_definitions(&(struct mesh_env){.ns = "istio-system", .versions = versions}, &list);
    assert_int_equal(list.len, 0);
    rendered_release(&list);
}

/* --- the notation --- */

static json_t *parse(const char *text)
{
    json_t *value;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &value, NULL), 0);
    return value;
}

#define TYPES                                                                                                          \
    "{\"Port\": \"integer minimum 1 maximum 65535\", \"Host\": {\"name!\": \"string\"}, \"Loop\": {\"next\": "         \
    "\"Loop\"}, \"Endless\": \"Endless\"}"

static void a_notation_is_expanded(void **state)
{
    static const struct {
        const char *notation, *schema;
    } cases[] = {
        {"\"string\"", "{\"type\": \"string\"}"},
        {"\"double nullable\"", "{\"type\": \"number\", \"format\": \"double\", \"nullable\": true}"},
        {"\"string minLength 1 pattern ^a|b$\"", "{\"type\": \"string\", \"minLength\": 1, \"pattern\": \"^a|b$\"}"},
        {"\"integer minimum -5\"", "{\"type\": \"integer\", \"minimum\": -5}"},
        {"\"object open\"", "{\"type\": \"object\", \"x-kubernetes-preserve-unknown-fields\": true}"},
        {"\"enum A B\"", "{\"type\": \"string\", \"enum\": [\"A\", \"B\"]}"},
        {"\"int-or-string\"",
         "{\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}], \"x-kubernetes-int-or-string\": true}"},
        {"\"Port\"", "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535}"},
        {"\"Port nullable\"", "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535, \"nullable\": true}"},
        {"[\"Port\"]", "{\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535}}"},
        {"{}", "{\"type\": \"object\"}"},
        {"{\"a!\": \"boolean\", \"b\": \"Host\"}",
         "{\"type\": \"object\", \"required\": [\"a\"], \"properties\": {\"a\": {\"type\": \"boolean\"}, \"b\": "
         "{\"type\": \"object\", \"required\": [\"name\"], \"properties\": {\"name\": {\"type\": \"string\"}}}}}"},
        {"{\"$list\": \"string\", \"$maxItems\": 4, \"$keys\": [\"name\"]}",
         "{\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"maxItems\": 4, \"x-kubernetes-list-type\": "
         "\"map\", \"x-kubernetes-list-map-keys\": [\"name\"]}"},
        {"{\"$map\": \"string\", \"$rules\": [\"x\"]}",
         "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}, \"x-kubernetes-validations\": "
         "[{\"rule\": \"x\"}]}"},
        {"{\"$type\": \"string maxLength 3\", \"$rules\": [\"x\", \"y\"]}",
         "{\"type\": \"string\", \"maxLength\": 3, \"x-kubernetes-validations\": [{\"rule\": \"x\"}, {\"rule\": "
         "\"y\"}]}"},
        {"{\"a\": \"string\", \"b\": \"string\", \"$oneOf\": [\"a\", \"b\"], \"$open\": true}",
         "{\"type\": \"object\", \"x-kubernetes-preserve-unknown-fields\": true, \"properties\": {\"a\": {\"type\": "
         "\"string\"}, \"b\": {\"type\": \"string\"}}, \"oneOf\": [{\"not\": {\"anyOf\": [{\"required\": [\"a\"]}, "
         "{\"required\": [\"b\"]}]}}, {\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}"},
        {"{\"a\": \"string\", \"$oneOf\": [[\"a\"], [\"b\"]]}",
         "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}, \"allOf\": [{\"oneOf\": [{\"not\": "
         "{\"anyOf\": [{\"required\": [\"a\"]}]}}, {\"required\": [\"a\"]}]}, {\"oneOf\": [{\"not\": {\"anyOf\": "
         "[{\"required\": [\"b\"]}]}}, {\"required\": [\"b\"]}]}]}"},
    };
    _cleanup_json_ json_t *types = parse(TYPES);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *notation = json_loads(cases[i].notation, JSON_DECODE_ANY, NULL), *schema = NULL;
        _cleanup_json_ json_t *wanted = parse(cases[i].schema);
        _cleanup_free_ char *text = NULL, *wanted_text = doc_text(wanted);
        struct err e;

        assert_non_null(notation);
        if (schema_expand(notation, types, &schema, &e) < 0)
            fail_msg("%s: %s", cases[i].notation, e.text);
        text = doc_text(schema);
        assert_string_equal(text, wanted_text);
    }
}

static void what_is_no_notation_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *notation, *error;
    } cases[] = {
        {"{\"a\": {\"b\": \"strnig\"}}", "a.b: strnig is no type"},
        {"{\"a\": [\"Missing\"]}", "a: Missing is no type of this file"},
        {"\"\"", ": is no type"},
        {"\"enum\"", ": enum is no type"},
        {"\"string maxLenght 3\"", ": maxLenght is no word for a limit"},
        {"\"string maxLength\"", ": maxLength needs a value"},
        {"\"string maxLength x\"", ": x is no number"},
        {"\"string pattern\"", ": pattern needs a value"},
        {"[]", ": must be a text, a list of one element, or a map"},
        {"[\"string\", \"string\"]", ": must be a text, a list of one element, or a map"},
        {"{\"a\": null}", "a: must be a text, a list of one element, or a map"},
        {"{\"$rule\": [\"x\"]}", ": $rule is not known"},
        {"{\"$list\": \"string\", \"a\": \"string\"}", ": a cannot be beside what is no object"},
        {"{\"$list\": \"string\", \"$map\": \"string\"}", ": $map is not known"},
    };
    _cleanup_json_ json_t *types = parse(TYPES);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *notation = json_loads(cases[i].notation, JSON_DECODE_ANY, NULL), *schema = NULL;
        struct err e;

        assert_true(schema_expand(notation, types, &schema, &e) < 0);
        assert_int_equal(e.class, ERR_INVALID);
        assert_string_equal(e.text, cases[i].error);
    }
}

static void a_type_that_contains_itself_has_a_limit(void **state)
{
    static const char *const names[] = {"Loop", "Endless"};
    _cleanup_json_ json_t *types = parse(TYPES);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_json_ json_t *notation = json_string(names[i]), *schema = NULL;
        struct err e;
        assert_true(schema_expand(notation, types, &schema, &e) < 0);
        assert_int_equal(e.class, ERR_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_definition_has_its_names_and_versions),
        cmocka_unit_test(every_version_is_served_with_a_status),
        cmocka_unit_test(kubectl_prints_their_columns),
        cmocka_unit_test(schemas_are_structural),
        cmocka_unit_test(kubectl_apply_has_room_for_each),
        cmocka_unit_test(the_record_of_what_was_applied_is_small),
        cmocka_unit_test(a_newer_release_is_never_replaced),
        cmocka_unit_test(old_servers_get_none),
        cmocka_unit_test(a_notation_is_expanded),
        cmocka_unit_test(what_is_no_notation_is_refused_with_its_place),
        cmocka_unit_test(a_type_that_contains_itself_has_a_limit),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
