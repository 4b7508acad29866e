/* The definitions of Istio's own kinds. */
#include "fixture.h"

#include <ctype.h>

#include "base/map.h"
#include "base/str.h"

static const char crd[] = "CustomResourceDefinition";

#define FOR_DEFINITIONS(f, object)                                                                                     \
    for (const struct rendered *object = (f)->objects.items; object < (f)->objects.items + (f)->objects.len; object++) \
        if (str_eq(object->kind->kind, crd))

/* Kubernetes 1.15 knows v1beta1 only, 1.16 is asked in v1. */
static const int minors[] = {15, 16};

static void on_both_versions(void (*check)(const struct fixture *f))
{
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        _cleanup_fixture_ struct fixture f;

        fixture_init(&f);
        fixture_render(&f, minors[i]);
        check(&f);
    }
}

static void check_names(const struct fixture *f)
{
    _cleanup_map_ struct map *seen = map_new(NULL);
    int count = 0;

    FOR_DEFINITIONS(f, o)
    {
        const json_t *names = doc_at(o->object, "spec", "names");
        const char *group = doc_string(o->object, "spec", "group"), *kind = doc_string(names, "kind");
        const char *singular = doc_string(names, "singular");
        _cleanup_free_ char *expected = str_printf("%s.%s", doc_string(names, "plural"), group);
        _cleanup_free_ char *key = str_printf("%s/%s", group, kind);

        assert_string_equal(doc_string(o->object, "metadata", "name"), expected);
        assert_false(map_has(seen, key));
        map_put(seen, key, (void *)o);
        /* what kubectl users type */
        assert_int_equal(strlen(singular), strlen(kind));
        for (size_t i = 0; kind[i]; i++)
            assert_int_equal(singular[i], tolower((unsigned char)kind[i]));
        count++;
    }
    assert_int_equal(count, 50);
}

static void test_names_are_unique_and_belong_together(void **state)
{
    (void)state;
    on_both_versions(check_names);
}

static void check_shape(const struct fixture *f)
{
    FOR_DEFINITIONS(f, o)
    {
        const json_t *spec = doc_at(o->object, "spec"), *versions = doc_at(spec, "versions");
        const json_t *version = json_array_get(versions, 0);
        const json_t *schema = doc_at(version, "schema", "openAPIV3Schema");

        if (str_eq(doc_string(o->object, "apiVersion"), "apiextensions.k8s.io/v1beta1")) {
            assert_non_null(doc_string(spec, "version"));
            assert_null(versions);
            continue;
        }
        assert_null(doc_at(spec, "version"));
        assert_int_equal(json_array_size(versions), 1);
        assert_true(doc_bool(doc_at(version, "served"), false));
        assert_true(doc_bool(doc_at(version, "storage"), false));
        assert_string_equal(doc_string(schema, "type"), "object");
        assert_true(doc_bool(doc_at(schema, "x-kubernetes-preserve-unknown-fields"), false));
    }
}

static void test_both_versions_have_the_shape_that_servers_take(void **state)
{
    (void)state;
    on_both_versions(check_shape);
}

static const char *served_version(const json_t *definition)
{
    const char *version = doc_string(definition, "spec", "version");

    return version ? version : doc_string(json_array_get(doc_at(definition, "spec", "versions"), 0), "name");
}

static void check_kinds(const struct fixture *f)
{
    for (const struct kube_kind *k = mesh_kinds.rows; k < mesh_kinds.rows + mesh_kinds.len; k++) {
        _cleanup_free_ char *name = str_printf("%s.%s", k->plural, k->group);
        const json_t *definition;

        /* Istio 1.0 has neither security.istio.io nor telemetry.istio.io; those of the Gateway API are the users'. */
        if (!k->custom || k->watch != KUBE_WATCH_OWNED || str_eq(k->group, API_GROUP) ||
            str_eq(k->group, "security.istio.io") || str_eq(k->group, "telemetry.istio.io"))
            continue;
        definition = fixture_object(f, crd, name);
        assert_string_equal(doc_string(definition, "spec", "names", "kind"), k->kind);
        assert_string_equal(doc_string(definition, "spec", "scope"), k->namespaced ? "Namespaced" : "Cluster");
        assert_string_equal(served_version(definition), k->versions[0].name);
    }
}

static void test_every_kind_that_we_write_is_defined(void **state)
{
    (void)state;
    on_both_versions(check_kinds);
}

/* Labels and categories are what users list by; these are the rows that are unlike their neighbours. */
static const struct {
    const char *name, *app, *istio, *package, *category, *scope;
} details[] = {
    {"adapters.config.istio.io", "mixer", "mixer-adapter", "adapter", "policy-istio-io", "Namespaced"},
    {"stdios.config.istio.io", "mixer", "mixer-adapter", "stdio", "policy-istio-io", "Namespaced"},
    {"redisquotas.config.istio.io", NULL, "mixer-adapter", "redisquota", NULL, "Namespaced"},
    {"kuberneteses.config.istio.io", "mixer", "mixer-instance", "adapter.template.kubernetes", "policy-istio-io",
     "Namespaced"},
    {"handlers.config.istio.io", "mixer", "mixer-handler", "handler", "policy-istio-io", "Namespaced"},
    {"templates.config.istio.io", "mixer", "mixer-template", "template", "policy-istio-io", "Namespaced"},
    {"rules.config.istio.io", "mixer", "core", "istio.io.mixer", "policy-istio-io", "Namespaced"},
    {"httpapispecs.config.istio.io", NULL, NULL, NULL, "apim-istio-io", "Namespaced"},
    {"serviceroles.rbac.istio.io", "mixer", "rbac", "istio.io.mixer", "rbac-istio-io", "Namespaced"},
    {"gateways.networking.istio.io", "istio-pilot", NULL, NULL, "networking-istio-io", "Namespaced"},
    {"policies.authentication.istio.io", NULL, NULL, NULL, "authentication-istio-io", "Namespaced"},
    {"meshpolicies.authentication.istio.io", NULL, NULL, NULL, "authentication-istio-io", "Cluster"},
};

static void check_details(const struct fixture *f)
{
    for (size_t i = 0; i < ARRAY_LEN(details); i++) {
        const json_t *definition = fixture_object(f, crd, details[i].name);
        const json_t *labels = doc_at(definition, "metadata", "labels");
        const json_t *categories = doc_at(definition, "spec", "names", "categories");

        assert_true(str_eq(doc_string(labels, "app"), details[i].app));
        assert_true(str_eq(doc_string(labels, "istio"), details[i].istio));
        assert_true(str_eq(doc_string(labels, "package"), details[i].package));
        assert_true(str_eq(json_string_value(json_array_get(categories, 1)), details[i].category));
        assert_int_equal(has_string(categories, "istio-io"), details[i].category != NULL);
        assert_string_equal(doc_string(definition, "spec", "scope"), details[i].scope);
    }
}

static void test_labels_and_categories_are_the_charts(void **state)
{
    (void)state;
    on_both_versions(check_details);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique_and_belong_together),
        cmocka_unit_test(test_both_versions_have_the_shape_that_servers_take),
        cmocka_unit_test(test_every_kind_that_we_write_is_defined),
        cmocka_unit_test(test_labels_and_categories_are_the_charts),
    };

    return cmocka_run_group_tests_name("mesh config_crds", tests, NULL, NULL);
}
