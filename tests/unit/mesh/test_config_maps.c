/* The ConfigMaps that Istio's components read, but for the injector's. */
#include "fixture.h"

#include "base/str.h"
#include "json/yaml.h"

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

static void nothing(struct istio_spec *spec)
{
    (void)spec;
}

static void mtls(struct istio_spec *spec)
{
    spec->mtls = true;
}

static void secured_control_plane(struct istio_spec *spec)
{
    spec->control_plane_security_enabled = true;
}

static void without_tracing(struct istio_spec *spec)
{
    spec->tracing.enabled = false;
}

static void own_tracing(struct istio_spec *spec)
{
    static char address[] = "collector.tracing:9411";

    spec->tracing.zipkin_address = address;
}

/* A text that YAML would read as a number: it must arrive as the text that it is. */
static void tracing_like_a_number(struct istio_spec *spec)
{
    static char address[] = "0x10";

    spec->tracing.zipkin_address = address;
}

static void without_policy(struct istio_spec *spec)
{
    spec->policy.enabled = false;
}

static void without_telemetry(struct istio_spec *spec)
{
    spec->telemetry.enabled = false;
}

static void two_workers(struct istio_spec *spec)
{
    spec->proxy.concurrency = 2;
}

/* What the mesh configuration says at a path; NULL: nothing. */
static const struct {
    void (*change)(struct istio_spec *);
    const char *map, *key; /* map NULL: at the top */
    const char *expected;  /* JSON */
} mesh_cases[] = {
    {nothing, NULL, "disablePolicyChecks", "false"},
    {nothing, NULL, "policyCheckFailOpen", "false"},
    {nothing, NULL, "enableTracing", "true"},
    {nothing, NULL, "accessLogFile", "\"/dev/stdout\""},
    {nothing, NULL, "sdsUdsPath", "\"\""},
    {nothing, NULL, "sdsRefreshDelay", "\"15s\""},
    {nothing, NULL, "mixerCheckServer", "\"istio-policy.istio-system.svc.cluster.local:9091\""},
    {nothing, NULL, "mixerReportServer", "\"istio-telemetry.istio-system.svc.cluster.local:9091\""},
    {nothing, "defaultConfig", "controlPlaneAuthPolicy", "\"NONE\""},
    {nothing, "defaultConfig", "discoveryAddress", "\"istio-pilot.istio-system:15007\""},
    {nothing, "defaultConfig", "zipkinAddress", "\"zipkin.istio-system:9411\""},
    {nothing, "defaultConfig", "concurrency", "0"},
    {nothing, "defaultConfig", "proxyAdminPort", "15000"},
    {nothing, "defaultConfig", "parentShutdownDuration", "\"1m0s\""},
    {mtls, "defaultConfig", "controlPlaneAuthPolicy", "\"NONE\""},
    {secured_control_plane, NULL, "mixerCheckServer", "\"istio-policy.istio-system.svc.cluster.local:15004\""},
    {secured_control_plane, NULL, "mixerReportServer", "\"istio-telemetry.istio-system.svc.cluster.local:15004\""},
    {secured_control_plane, "defaultConfig", "controlPlaneAuthPolicy", "\"MUTUAL_TLS\""},
    {secured_control_plane, "defaultConfig", "discoveryAddress", "\"istio-pilot.istio-system:15005\""},
    {without_tracing, NULL, "enableTracing", "false"},
    {own_tracing, "defaultConfig", "zipkinAddress", "\"collector.tracing:9411\""},
    {tracing_like_a_number, "defaultConfig", "zipkinAddress", "\"0x10\""},
    {without_policy, NULL, "disablePolicyChecks", "true"},
    {without_policy, NULL, "mixerCheckServer", NULL},
    {without_policy, NULL, "mixerReportServer", "\"istio-telemetry.istio-system.svc.cluster.local:9091\""},
    {without_telemetry, NULL, "disablePolicyChecks", "false"},
    {without_telemetry, NULL, "mixerReportServer", NULL},
    {two_workers, "defaultConfig", "concurrency", "2"},
};

static void test_mesh_configuration_follows_the_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mesh_cases); i++) {
        _cleanup_fixture_ struct fixture f;
        _cleanup_json_ json_t *config = NULL;
        const json_t *value;

        fixture_init(&f);
        mesh_cases[i].change(&f.spec);
        fixture_render(&f, 20);
        config = read_document(&f, "istio", "mesh");
        value = mesh_cases[i].map ? doc_at(config, mesh_cases[i].map, mesh_cases[i].key)
                                  : doc_at(config, mesh_cases[i].key);
        _cleanup_free_ char *text = value ? doc_text(value) : NULL;
        if (!str_eq(text, mesh_cases[i].expected))
            fail_msg("case %zu, %s: %s", i, mesh_cases[i].key, str_or(text, "absent"));
    }
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
    json_array_foreach (doc_at(config, "webhooks"), i, webhook) {
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
    json_array_foreach (doc_at(config, "webhooks"), i, webhook) {
        json_array_foreach (doc_at(webhook, "rules"), j, rule) {
            const char *group = json_string_value(json_array_get(doc_at(rule, "apiGroups"), 0));

            json_array_foreach (doc_at(rule, "resources"), k, resource) {
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
        const char *config_map;
        bool with_all, without_mixer, without_galley, without_injector;
    } cases[] = {
        {"istio", true, true, true, true},
        {"istio-statsd-prom-bridge", true, false, true, true},
        {"istio-galley-configuration", true, true, false, true},
        {"istio-sidecar-injector", true, true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f;

        fixture_init(&f);
        fixture_render(&f, 20);
        assert_int_equal(fixture_find(&f, "ConfigMap", cases[i].config_map) != NULL, cases[i].with_all);

        f.spec.policy.enabled = f.spec.telemetry.enabled = false;
        fixture_render(&f, 20);
        assert_int_equal(fixture_find(&f, "ConfigMap", cases[i].config_map) != NULL, cases[i].without_mixer);
        f.spec.policy.enabled = true;

        f.spec.galley.enabled = false;
        fixture_render(&f, 20);
        assert_int_equal(fixture_find(&f, "ConfigMap", cases[i].config_map) != NULL, cases[i].without_galley);

        f.spec.sidecar_injector.enabled = false;
        f.spec.galley.enabled = true;
        fixture_render(&f, 20);
        assert_int_equal(fixture_find(&f, "ConfigMap", cases[i].config_map) != NULL, cases[i].without_injector);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mesh_configuration_follows_the_resource),
        cmocka_unit_test(test_galley_gets_a_whole_object),
        cmocka_unit_test(test_galley_checks_only_what_is_defined),
        cmocka_unit_test(test_config_maps_come_with_their_readers),
    };

    return cmocka_run_group_tests_name("mesh config_maps", tests, NULL, NULL);
}
