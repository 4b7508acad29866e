/* The CustomResourceDefinitions, and that the tables keep the promises that the schema needs. */
#include "api/crd.h"
#include "controllers/resources.h"
#include "mesh/resources.h"

#include <regex.h>
#include <string.h>

#include "api/istio.h"
#include "api/status.h"
#include "base/str.h"
#include "doc/doc.h"
#include "support.h"

/* `kubectl apply` keeps a definition in an annotation, as compact JSON, of which there may be 256 KB: half of that. */
#define CRD_MAX (128 * 1000)

/* Every row of every table below one, called with the field's path. */
static void each_field(const struct field_table *table, const char *path,
                       void (*f)(const struct field *field, const char *path))
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        _cleanup_free_ char *at = str_printf("%s.%s", path, field->name);
        f(field, at);
        while (field->items) {
            field = field->items;
            f(field, at);
        }
        if (field->table)
            each_field(field->table, at, f);
    }
}

static void each_resource(void (*f)(const struct field *field, const char *path))
{
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        const struct api_form *form;
        for (size_t i = 0; (form = api_form_next(*r, &i));)
            each_field(form->spec, "spec", f);
        each_field((*r)->status, "status", f);
    }
}

static void check_row(const struct field *field, const char *path)
{
    bool has_items = field->type == FIELD_LIST || field->type == FIELD_MAP;
    bool has_table = field->type == FIELD_GROUP || field->type == FIELD_DOCUMENT;

    if (field->name && strlen(field->name) > 64)
        fail_msg("%s: its name is too long to be compared with others", path);
    if (field->type == FIELD_UNSUPPORTED && (!field->instead || str_ends(field->instead, ".")))
        fail_msg("%s: does not say what to write instead", path);
    else if (field->name && field->type != FIELD_UNSUPPORTED && !field->alias_of &&
             (!field->doc || !str_ends(field->doc, ".")))
        fail_msg("%s: its line of documentation is no sentence", path);
    if ((field->type == FIELD_INTEGER || field->type == FIELD_NUMBER || has_items) && field->least >= field->most)
        fail_msg("%s: has no limits", path);
    if (field->type == FIELD_TEXT && !field->format)
        fail_msg("%s: has no format", path);
    if ((field->type == FIELD_CHOICE) != (field->choices != NULL))
        fail_msg("%s: choices belong to a choice", path);
    if (has_items != (field->items != NULL) || has_table != (field->table != NULL))
        fail_msg("%s: items or table do not belong to its type", path);
    if (field->otherwise && (field->required || field->implied))
        fail_msg("%s: has a default beside something that rules defaults out", path);
}

static void rows_are_complete(void **state)
{
    (void)state;
    each_resource(check_row);
}

/* A default is a value like any other: parsed from a resource that spells it out, it must be taken. */
static void check_default(const struct field *field, const char *path)
{
    struct field_table one = {.rows = field, .len = 1};
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    _cleanup_json_ json_t *object = json_object(), *value = field_default(field);

    if (!value)
        return;
    json_object_set(object, field->name, value);
    field_parse(&one, object, NULL, "", &p);
    assert_problems(path, &p, PROBLEM_ERROR, "");
}

static void defaults_are_within_their_own_limits(void **state)
{
    (void)state;
    each_resource(check_default);
}

static void check_format(const struct field_format *format, const char *path)
{
    regex_t regex;

    if (format->max_length <= 0 || !format->noun || !format->words)
        fail_msg("%s: its format says too little", path);
    if (!format->pattern)
        return;
    if (*format->pattern != '^' || !str_ends(format->pattern, "$"))
        fail_msg("%s: its pattern is not anchored", path);
    if (strstr(format->pattern, "\\") || strstr(format->pattern, "(?") || strstr(format->pattern, "[:"))
        fail_msg("%s: its pattern is not the same in POSIX and RE2", path);
    assert_int_equal(regcomp(&regex, format->pattern, REG_EXTENDED | REG_NOSUB), 0);
    regfree(&regex);
}

static void check_patterns(const struct field *field, const char *path)
{
    if (field->format)
        check_format(field->format, path);
}

static void patterns_mean_the_same_here_and_in_the_server(void **state)
{
    (void)state;
    each_resource(check_patterns);
    check_format(&format_quantity, "quantity");
}

/* Kubernetes' rules for structural schemas, as far as a table can break them. */
static void check_structural(const json_t *schema, const char *path)
{
    bool open = doc_bool(doc_at(schema, "x-kubernetes-preserve-unknown-fields"), false);
    bool int_or_string = doc_bool(doc_at(schema, "x-kubernetes-int-or-string"), false);
    const char *name;
    json_t *value;

    if (!doc_string(schema, "type") && !open && !int_or_string)
        fail_msg("%s has no type", path);
    if (doc_at(schema, "properties") && doc_at(schema, "additionalProperties"))
        fail_msg("%s has properties and additionalProperties", path);
    if (str_eq(doc_string(schema, "type"), "array") && !doc_at(schema, "items"))
        fail_msg("%s has no items", path);
    json_object_foreach(doc_at(schema, "properties"), name, value) {
        _cleanup_free_ char *at = str_printf("%s.%s", path, name);
        check_structural(value, at);
    }
    if (doc_at(schema, "items"))
        check_structural(doc_at(schema, "items"), path);
    if (doc_at(schema, "additionalProperties"))
        check_structural(doc_at(schema, "additionalProperties"), path);
}

/* What servers before 1.15 do not know, or refuse. */
static void check_conservative(const json_t *schema, const char *path)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)schema, key, value) {
        if (str_starts(key, "x-kubernetes") || str_eq(key, "nullable"))
            fail_msg("%s has %s", path, key);
        check_conservative(value, key);
    }
    json_array_foreach(schema, i, value)
        check_conservative(value, path);
}

static bool takes_empty(const char *pattern)
{
    regex_t regex;
    bool takes;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    takes = regexec(&regex, "", 0, NULL, 0) == 0;
    regfree(&regex);
    return takes;
}

/* Some API servers take "" for null, and v1beta1 cannot say that null is allowed. */
static void check_empty_texts(const json_t *schema, const char *path, size_t *checked)
{
    const char *pattern = doc_string(schema, "pattern"), *key;
    json_t *value;
    size_t i;

    if (doc_at(schema, "maxLength") && (!pattern || takes_empty(pattern))) {
        const json_t *allowed = json_array_get(doc_at(json_array_get(doc_at(schema, "anyOf"), 1), "enum"), 0);
        if (doc_at(schema, "type") || !str_eq(json_string_value(allowed), ""))
            fail_msg("%s does not take an empty text", path);
        ++*checked;
    }
    json_object_foreach((json_t *)schema, key, value)
        check_empty_texts(value, key, checked);
    json_array_foreach(schema, i, value)
        check_empty_texts(value, path, checked);
}

static void v1beta1_takes_empty_texts_where_the_parser_does(void **state)
{
    size_t checked = 0;

    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_json_ json_t *crd = api_crd(*r, "v1beta1");
        check_empty_texts(doc_at(crd, "spec", "validation", "openAPIV3Schema", "properties", "spec"), "spec", &checked);
    }
    assert_true(checked > 10);
}

static void v1_is_structural_and_describes_every_field(void **state)
{
    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_json_ json_t *crd = api_crd(*r, "v1");
        const json_t *version = json_array_get(doc_at(crd, "spec", "versions"), 0);
        const json_t *schema = doc_at(version, "schema", "openAPIV3Schema");
        assert_string_equal(doc_string(crd, "apiVersion"), "apiextensions.k8s.io/v1");
        assert_string_equal(doc_string(version, "name"), API_VERSION);
        assert_non_null(doc_at(version, "subresources", "status"));
        check_structural(schema, (*r)->kind);
        const struct api_form *form;
        for (size_t k = 0; (form = api_form_next(*r, &k));)
            for (size_t i = 0; i < form->spec->len; i++)
                assert_non_null(doc_at(schema, "properties", "spec", "properties", form->spec->rows[i].name));
        for (size_t i = 0; i < (*r)->status->len; i++)
            assert_non_null(doc_at(schema, "properties", "status", "properties", (*r)->status->rows[i].name));
    }
}

static void v1beta1_has_only_what_old_servers_take(void **state)
{
    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_json_ json_t *crd = api_crd(*r, "v1beta1");
        const json_t *schema = doc_at(crd, "spec", "validation", "openAPIV3Schema");
        assert_string_equal(doc_string(crd, "apiVersion"), "apiextensions.k8s.io/v1beta1");
        assert_string_equal(doc_string(crd, "spec", "version"), API_VERSION);
        assert_non_null(doc_at(crd, "spec", "subresources", "status"));
        assert_int_equal(json_object_size(schema), 1);
        assert_null(doc_at(schema, "properties", "spec", "properties", "mtls", "default"));
        check_conservative(schema, (*r)->kind);
    }
}

static void there_is_no_third_form(void **state)
{
    (void)state;
    assert_null(api_crd(&api_resource_istio, "v2"));
}

static void a_bare_definition_takes_any_fields(void **state)
{
    _cleanup_json_ json_t *v1 = api_crd_bare(&api_resource_istio, "v1");
    _cleanup_json_ json_t *v1beta1 = api_crd_bare(&api_resource_istio, "v1beta1");
    const json_t *version = json_array_get(doc_at(v1, "spec", "versions"), 0);
    const json_t *schema = doc_at(version, "schema", "openAPIV3Schema");

    (void)state;
    assert_true(json_is_true(doc_at(schema, "x-kubernetes-preserve-unknown-fields")));
    assert_null(doc_at(schema, "properties"));
    assert_non_null(doc_at(version, "subresources", "status"));
    assert_string_equal(doc_string(v1beta1, "spec", "version"), API_VERSION);
    assert_null(doc_at(v1beta1, "spec", "validation"));
    assert_null(api_crd_bare(&api_resource_istio, "v2"));
}

static void the_definition_is_small(void **state)
{
    static const char *const versions[] = {"v1", "v1beta1"};

    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++)
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
            _cleanup_json_ json_t *crd = api_crd(*r, versions[i]);
            _cleanup_free_ char *text = doc_text(crd);
            assert_true(strlen(text) < CRD_MAX);
        }
}

/* The API server writes the schema's defaults into resources: those that may change must not get there. */
static void replicas_images_and_version_have_no_stored_default(void **state)
{
    _cleanup_json_ json_t *crd = api_crd(&api_resource_istio, "v1");
    const json_t *spec = doc_at(json_array_get(doc_at(crd, "spec", "versions"), 0), "schema", "openAPIV3Schema",
                                "properties", "spec", "properties");

    (void)state;
    assert_null(doc_at(spec, "version", "default"));
    assert_null(doc_at(spec, "imageHub", "default"));
    assert_null(doc_at(spec, "citadel", "properties", "replicaCount", "default"));
    assert_null(doc_at(spec, "pilot", "properties", "minReplicas", "default"));
    assert_null(doc_at(spec, "pilot", "properties", "maxReplicas", "default"));
    assert_true(json_is_false(doc_at(spec, "mtls", "default")));
    assert_string_equal(doc_string(spec, "includeIPRanges", "default"), "*");
}

/* Some builds of old API servers take "" for null. */
static void what_may_be_empty_may_be_null(void **state)
{
    _cleanup_json_ json_t *crd = api_crd(&api_resource_istio, "v1");
    const json_t *spec = doc_at(json_array_get(doc_at(crd, "spec", "versions"), 0), "schema", "openAPIV3Schema",
                                "properties", "spec", "properties");

    (void)state;
    assert_true(json_is_true(doc_at(spec, "excludeIPRanges", "nullable")));
    assert_true(json_is_true(doc_at(spec, "pilot", "properties", "nodeSelector", "additionalProperties", "nullable")));
    assert_null(doc_at(spec, "imageHub", "nullable"));
}

static void kubectl_shows_the_columns_in_both_forms(void **state)
{
    static const char *const names[] = {"Status", "Version", "Upgrade", "Ready", "Address", "Error", "Age"};
    _cleanup_json_ json_t *v1 = api_crd(&api_resource_istio, "v1"), *v1beta1 = api_crd(&api_resource_istio, "v1beta1");
    const json_t *new = doc_at(json_array_get(doc_at(v1, "spec", "versions"), 0), "additionalPrinterColumns");
    const json_t *old = doc_at(v1beta1, "spec", "additionalPrinterColumns");

    (void)state;
    assert_int_equal(json_array_size(new), ARRAY_LEN(names));
    assert_int_equal(json_array_size(old), ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(doc_string(json_array_get(new, i), "name"), names[i]);
        assert_string_equal(doc_string(json_array_get(new, i), "jsonPath"),
                            doc_string(json_array_get(old, i), "JSONPath"));
    }
    assert_string_equal(doc_string(json_array_get(new, 0), "jsonPath"), ".status.Status");
}

static void resources_are_found_by_kind(void **state)
{
    (void)state;
    assert_ptr_equal(api_resource_find("Istio"), &api_resource_istio);
    assert_null(api_resource_find("Deployment"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(defaults_are_within_their_own_limits),
        cmocka_unit_test(patterns_mean_the_same_here_and_in_the_server),
        cmocka_unit_test(v1_is_structural_and_describes_every_field),
        cmocka_unit_test(v1beta1_has_only_what_old_servers_take),
        cmocka_unit_test(v1beta1_takes_empty_texts_where_the_parser_does),
        cmocka_unit_test(there_is_no_third_form),
        cmocka_unit_test(a_bare_definition_takes_any_fields),
        cmocka_unit_test(the_definition_is_small),
        cmocka_unit_test(replicas_images_and_version_have_no_stored_default),
        cmocka_unit_test(what_may_be_empty_may_be_null),
        cmocka_unit_test(kubectl_shows_the_columns_in_both_forms),
        cmocka_unit_test(resources_are_found_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
