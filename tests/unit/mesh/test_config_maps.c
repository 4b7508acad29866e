/* The ConfigMaps that Istio's components read, but for the injector's. */
#include "fixture.h"

#include "base/str.h"
#include "doc/yaml.h"

/* One document of a ConfigMap, read as its reader does. Owned by the caller. */
static json_t *read_document(const struct fixture *f, const char *config_map, const char *key)
{
    const char *text =
        json_string_value(json_object_get(doc_at(fixture_object(f, "ConfigMap", config_map), "data"), key));
    struct yaml_documents docs;
    struct err e = {0};
    json_t *value;

    if (!text)
        fail_msg("ConfigMap %s has no %s", config_map, key);
    if (yaml_parse(key, text, strlen(text), 1 << 20, &docs, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(docs.len, 1);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

/* What the mesh configuration says at a path; NULL: nothing. */
static const struct {
    const char *spec;
    const char *map, *key; /* map NULL: at the top */
    const char *expected;  /* JSON */
} mesh_cases[] = {
    {"{}", NULL, "disablePolicyChecks", "false"},
    {"{}", NULL, "policyCheckFailOpen", "false"},
    {"{}", NULL, "enableTracing", "true"},
    {"{}", NULL, "accessLogFile", "\"/dev/stdout\""},
    {"{}", NULL, "sdsUdsPath", "\"\""},
    {"{}", NULL, "sdsRefreshDelay", "\"15s\""},
    {"{}", NULL, "mixerCheckServer", "\"istio-policy.istio-system.svc.cluster.local:9091\""},
    {"{}", NULL, "mixerReportServer", "\"istio-telemetry.istio-system.svc.cluster.local:9091\""},
    {"{}", "defaultConfig", "controlPlaneAuthPolicy", "\"NONE\""},
    {"{}", "defaultConfig", "discoveryAddress", "\"istio-pilot.istio-system:15007\""},
    {"{}", "defaultConfig", "zipkinAddress", "\"zipkin.istio-system:9411\""},
    {"{}", "defaultConfig", "concurrency", "0"},
    {"{}", "defaultConfig", "proxyAdminPort", "15000"},
    {"{}", "defaultConfig", "parentShutdownDuration", "\"1m0s\""},
    {"{mtls: true}", "defaultConfig", "controlPlaneAuthPolicy", "\"NONE\""},
    {"{controlPlaneSecurityEnabled: true}", NULL, "mixerCheckServer",
     "\"istio-policy.istio-system.svc.cluster.local:15004\""},
    {"{controlPlaneSecurityEnabled: true}", NULL, "mixerReportServer",
     "\"istio-telemetry.istio-system.svc.cluster.local:15004\""},
    {"{controlPlaneSecurityEnabled: true}", "defaultConfig", "controlPlaneAuthPolicy", "\"MUTUAL_TLS\""},
    {"{controlPlaneSecurityEnabled: true}", "defaultConfig", "discoveryAddress", "\"istio-pilot.istio-system:15005\""},
    {"{tracing: {enabled: false}}", NULL, "enableTracing", "false"},
    {"{tracing: {zipkinAddress: collector.tracing:9411}}", "defaultConfig", "zipkinAddress",
     "\"collector.tracing:9411\""},
    {"{policy: {enabled: false}}", NULL, "disablePolicyChecks", "true"},
    {"{policy: {enabled: false}}", NULL, "mixerCheckServer", NULL},
    {"{policy: {enabled: false}}", NULL, "mixerReportServer",
     "\"istio-telemetry.istio-system.svc.cluster.local:9091\""},
    {"{telemetry: {enabled: false}}", NULL, "disablePolicyChecks", "false"},
    {"{telemetry: {enabled: false}}", NULL, "mixerReportServer", NULL},
    {"{proxy: {concurrency: 2}}", "defaultConfig", "concurrency", "2"},
};

static void test_mesh_configuration_follows_the_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mesh_cases); i++) {
        _cleanup_fixture_ struct fixture f;
        _cleanup_json_ json_t *config = NULL;
        const json_t *value;

        fixture_init_spec(&f, mesh_cases[i].spec);
        fixture_render(&f, 20);
        config = read_document(&f, "istio", "mesh");
        value = mesh_cases[i].map ? doc_at(config, mesh_cases[i].map, mesh_cases[i].key)
                                  : doc_at(config, mesh_cases[i].key);
        _cleanup_free_ char *text = value ? doc_text(value) : NULL;
        if (!str_eq(text, mesh_cases[i].expected))
            fail_msg("case %zu, %s: %s", i, mesh_cases[i].key, str_or(text, "absent"));
    }
}

/* A text that YAML would read as a number must arrive as the text that it is. */
static void test_texts_stay_texts(void **state)
{
    static char address[] = "0x10";
    _cleanup_fixture_ struct fixture f;
    _cleanup_json_ json_t *config = NULL;

    (void)state;
    fixture_init(&f);
    f.own.common.tracing.zipkin_address = address;
    fixture_render(&f, 20);
    config = read_document(&f, "istio", "mesh");
    assert_true(str_eq(doc_string(config, "defaultConfig", "zipkinAddress"), address));
}

static void test_galley_gets_a_whole_object(void **state)
{
    _cleanup_fixture_ struct fixture f;
    _cleanup_json_ json_t *config = NULL;
    const json_t *webhook;
    size_t i;

    (void)state;
    fixture_init(&f);
    f.env.ns = "mesh";
    fixture_render(&f, 20);
    config = read_document(&f, "istio-galley-configuration", "validatingwebhookconfiguration.yaml");
    assert_string_equal(doc_string(config, "apiVersion"), "admissionregistration.k8s.io/v1beta1");
    assert_string_equal(doc_string(config, "kind"), "ValidatingWebhookConfiguration");
    assert_string_equal(doc_string(config, "metadata", "name"), "istio-galley");
    assert_int_equal(json_array_size(doc_at(config, "webhooks")), 2);
    json_array_foreach(doc_at(config, "webhooks"), i, webhook) {
        const char *service = doc_string(webhook, "clientConfig", "service", "name");

        fixture_object(&f, "Service", service);
        assert_string_equal(doc_string(webhook, "clientConfig", "service", "namespace"), "mesh");
        assert_string_equal(doc_string(webhook, "failurePolicy"), "Fail");
    }
}

/* A name misspelt here would be accepted everywhere, and check nothing. */
static void test_galley_checks_only_what_is_defined(void **state)
{
    _cleanup_fixture_ struct fixture f;
    _cleanup_json_ json_t *config = NULL;
    const json_t *webhook, *rule, *resource;
    size_t i, j, k;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    config = read_document(&f, "istio-galley-configuration", "validatingwebhookconfiguration.yaml");
    json_array_foreach(doc_at(config, "webhooks"), i, webhook) {
        json_array_foreach(doc_at(webhook, "rules"), j, rule) {
            const char *group = json_string_value(json_array_get(doc_at(rule, "apiGroups"), 0));

            json_array_foreach(doc_at(rule, "resources"), k, resource) {
                const char *plural = json_string_value(resource);
                _cleanup_free_ char *name = str_printf("%s.%s", plural, group);

                if (!str_eq(plural, "*"))
                    fixture_object(&f, "CustomResourceDefinition", name);
            }
        }
    }
}

static void test_config_maps_come_with_their_readers(void **state)
{
    static const struct {
        const char *spec, *config_map;
        bool there;
    } cases[] = {
        {"{}", "istio", true},
        {"{}", "istio-statsd-prom-bridge", true},
        {"{}", "istio-galley-configuration", true},
        {"{}", "istio-sidecar-injector", true},
        {"{policy: {enabled: false}}", "istio-statsd-prom-bridge", true},
        {"{telemetry: {enabled: false}}", "istio-statsd-prom-bridge", true},
        {"{policy: {enabled: false}, telemetry: {enabled: false}}", "istio-statsd-prom-bridge", false},
        {"{policy: {enabled: false}, telemetry: {enabled: false}}", "istio", true},
        {"{galley: {enabled: false}}", "istio-galley-configuration", false},
        {"{sidecarInjector: {enabled: false}}", "istio-sidecar-injector", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f;

        fixture_init_spec(&f, cases[i].spec);
        fixture_render(&f, 20);
        if (cases[i].there != (fixture_find(&f, "ConfigMap", cases[i].config_map) != NULL))
            fail_msg("%s with %s", cases[i].config_map, cases[i].spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mesh_configuration_follows_the_resource),
        cmocka_unit_test(test_texts_stay_texts),
        cmocka_unit_test(test_galley_gets_a_whole_object),
        cmocka_unit_test(test_galley_checks_only_what_is_defined),
        cmocka_unit_test(test_config_maps_come_with_their_readers),
    };

    return cmocka_run_group_tests_name("mesh config_maps", tests, NULL, NULL);
}
