/* Istio's own resources that come with a mesh, and the injector's webhook. */
#include "fixture.h"

#include "base/str.h"

/* Whether "name.kind" is an object of the mesh; handlers and instances refer to each other so. */
static bool resolves(const struct fixture *f, const char *reference)
{
    const char *dot = strchr(reference, '.');
    _cleanup_free_ char *name = NULL;

    assert_non_null(dot);
    name = str_dup_n(reference, (size_t)(dot - reference));
    return fixture_find(f, dot + 1, name);
}

#define FOR_KIND(f, o, name)                                                                                           \
    for (const struct rendered *o = (f)->objects.items; o < (f)->objects.items + (f)->objects.len; o++)                \
        if (str_eq(o->kind->kind, name))

static void test_rules_refer_to_what_is_there(void **state)
{
    _cleanup_fixture_ struct fixture f;
    int rules = 0;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    FOR_KIND(&f, rule, "rule")
    {
        const json_t *action, *instance;
        size_t i, j;

        json_array_foreach(doc_at(rule->object, "spec", "actions"), i, action) {
            assert_true(resolves(&f, doc_string(action, "handler")));
            assert_true(json_array_size(doc_at(action, "instances")) > 0);
            json_array_foreach(doc_at(action, "instances"), j, instance)
                assert_true(resolves(&f, json_string_value(instance)));
        }
        rules++;
    }
    assert_int_equal(rules, 6);
}

static void test_prometheus_has_a_label_for_each_dimension(void **state)
{
    _cleanup_fixture_ struct fixture f;
    const json_t *metric, *label;
    size_t i, j;

    (void)state;
    fixture_init(&f);
    f.env.ns = "mesh";
    fixture_render(&f, 20);
    json_array_foreach(doc_at(fixture_object(&f, "prometheus", "handler"), "spec", "metrics"), i, metric) {
        const char *instance = doc_string(metric, "instance_name");
        bool distribution = str_eq(doc_string(metric, "kind"), "DISTRIBUTION");
        _cleanup_free_ char *name = str_dup_n(instance, (size_t)(strchr(instance, '.') - instance));
        const json_t *labels = doc_at(metric, "label_names"), *dimensions;

        assert_true(str_ends(instance, ".metric.mesh"));
        dimensions = doc_at(fixture_object(&f, "metric", name), "spec", "dimensions");
        assert_int_equal(json_array_size(labels), json_object_size(dimensions));
        json_array_foreach(labels, j, label)
            assert_non_null(json_object_get(dimensions, json_string_value(label)));
        assert_int_equal(doc_at(metric, "buckets") != NULL, distribution);
    }
    assert_int_equal(i, 6);
}

/* The roots of names in an expression ("source.ip" in "source.ip | ip(...)") outside of its strings. */
static void check_attributes(const struct fixture *f, const char *expression)
{
    const json_t *proxy = doc_at(fixture_object(f, "attributemanifest", "istioproxy"), "spec", "attributes");
    const json_t *kubernetes = doc_at(fixture_object(f, "attributemanifest", "kubernetes"), "spec", "attributes");
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.";

    for (const char *c = expression; *c;) {
        size_t len = strspn(c, letters);
        _cleanup_free_ char *word = str_dup_n(c, len);

        if (*c == '"') {
            c = strchr(c + 1, '"') + 1;
            continue;
        }
        if (strchr(word, '.') && !json_object_get(proxy, word) && !json_object_get(kubernetes, word))
            fail_msg("nothing reports %s, in %s", word, expression);
        c += len ? len : 1;
    }
}

static void check_expressions(const struct fixture *f, const char *kind, const char *field)
{
    int objects = 0;

    FOR_KIND(f, o, kind)
    {
        const char *name;
        json_t *expression;

        json_object_foreach((json_t *)doc_at(o->object, "spec", field), name, expression)
            check_attributes(f, json_string_value(expression));
        objects++;
    }
    assert_true(objects > 0);
}

static void test_expressions_use_attributes_that_are_declared(void **state)
{
    _cleanup_fixture_ struct fixture f;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    check_expressions(&f, "metric", "dimensions");
    check_expressions(&f, "logentry", "variables");
    FOR_KIND(&f, metric, "metric")
    check_attributes(&f, doc_string(metric->object, "spec", "value"));
    FOR_KIND(&f, rule, "rule")
    check_attributes(&f, str_or(doc_string(rule->object, "spec", "match"), ""));
}

/* A custom resource keeps a null where others would drop it; a number with a fraction of zero comes back without. */
static void check_survives_a_server(const json_t *value)
{
    const json_t *item;
    const char *key;
    size_t i;

    assert_false(json_is_null(value));
    if (json_is_real(value))
        assert_false(json_real_value(value) == (double)(int64_t)json_real_value(value));
    json_array_foreach(value, i, item)
        check_survives_a_server(item);
    json_object_foreach((json_t *)value, key, item)
        check_survives_a_server(item);
}

static void test_resources_come_back_from_a_server_as_they_were_sent(void **state)
{
    _cleanup_fixture_ struct fixture f;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    for (size_t i = 0; i < f.objects.len; i++) {
        if (f.objects.items[i].kind->custom)
            check_survives_a_server(f.objects.items[i].object);
    }
}

static void test_mixers_resources_come_with_mixer(void **state)
{
    static const struct {
        const char *spec;
        bool policy, telemetry;
    } cases[] = {
        {"{}", true, true},
        {"{telemetry: {enabled: false}}", true, false},
        {"{policy: {enabled: false}}", false, true},
        {"{policy: {enabled: false}, telemetry: {enabled: false}}", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f;
        bool config = cases[i].policy || cases[i].telemetry;

        fixture_init_spec(&f, cases[i].spec);
        fixture_render(&f, 20);
        assert_int_equal(fixture_find(&f, "DestinationRule", "istio-policy") != NULL, cases[i].policy);
        assert_int_equal(fixture_find(&f, "DestinationRule", "istio-telemetry") != NULL, cases[i].telemetry);
        assert_int_equal(fixture_find(&f, "rule", "promhttp") != NULL, config);
        assert_int_equal(fixture_find(&f, "prometheus", "handler") != NULL, config);
        assert_int_equal(fixture_find(&f, "attributemanifest", "istioproxy") != NULL, config);
    }
}

static void test_mixer_is_spoken_to_in_tls_when_the_control_plane_is_secured(void **state)
{
    static const char *const names[] = {"istio-policy", "istio-telemetry"};
    _cleanup_fixture_ struct fixture f;

    (void)state;
    fixture_init(&f);
    for (int secured = 0; secured <= 1; secured++) {
        f.own.control_plane_security_enabled = secured;
        fixture_render(&f, 20);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            const json_t *spec = doc_at(fixture_object(&f, "DestinationRule", names[i]), "spec");
            const json_t *ports = doc_at(spec, "trafficPolicy", "portLevelSettings");
            _cleanup_free_ char *host = str_printf("%s.istio-system.svc.cluster.local", names[i]);

            assert_string_equal(doc_string(spec, "host"), host);
            assert_int_equal(json_array_size(ports), secured);
            if (secured) {
                assert_int_equal(doc_int(doc_at(json_array_get(ports, 0), "port", "number"), 0), 15004);
                assert_string_equal(doc_string(json_array_get(ports, 0), "tls", "mode"), "ISTIO_MUTUAL");
            }
        }
    }
}

static void test_mtls_is_a_policy_and_the_rules_that_go_with_it(void **state)
{
    _cleanup_fixture_ struct fixture f;
    const json_t *mtls;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    mtls = doc_at(json_array_get(doc_at(fixture_object(&f, "MeshPolicy", "default"), "spec", "peers"), 0), "mtls");
    assert_string_equal(doc_string(mtls, "mode"), "PERMISSIVE");
    assert_null(fixture_find(&f, "DestinationRule", "default"));

    f.own.common.mtls = true;
    fixture_render(&f, 20);
    mtls = doc_at(json_array_get(doc_at(fixture_object(&f, "MeshPolicy", "default"), "spec", "peers"), 0), "mtls");
    assert_true(json_is_object(mtls));
    assert_int_equal(json_object_size(mtls), 0);
    assert_string_equal(
        doc_string(fixture_object(&f, "DestinationRule", "default"), "spec", "trafficPolicy", "tls", "mode"),
        "ISTIO_MUTUAL");
    assert_string_equal(
        doc_string(fixture_object(&f, "DestinationRule", "api-server"), "spec", "trafficPolicy", "tls", "mode"),
        "DISABLE");

    /* without Citadel there are no certificates to speak TLS with */
    f.own.citadel.enabled = false;
    fixture_render(&f, 20);
    assert_null(fixture_find(&f, "MeshPolicy", "default"));
    assert_null(fixture_find(&f, "DestinationRule", "default"));
}

static void test_webhook_asks_the_injector_in_both_versions(void **state)
{
    static const int minors[] = {15, 16};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        _cleanup_fixture_ struct fixture f;
        const json_t *object, *webhook;
        bool v1 = minors[i] >= 16;

        fixture_init(&f);
        fixture_render(&f, minors[i]);
        object = fixture_object(&f, "MutatingWebhookConfiguration", "istio-sidecar-injector");
        webhook = json_array_get(doc_at(object, "webhooks"), 0);
        assert_string_equal(doc_string(object, "apiVersion"),
                            v1 ? "admissionregistration.k8s.io/v1" : "admissionregistration.k8s.io/v1beta1");
        fixture_object(&f, "Service", doc_string(webhook, "clientConfig", "service", "name"));
        /* the injector's, not ours */
        assert_null(doc_at(webhook, "clientConfig", "caBundle"));
        assert_string_equal(doc_string(webhook, "failurePolicy"), "Fail");
        assert_string_equal(doc_string(webhook, "namespaceSelector", "matchLabels", "istio-injection"), "enabled");
        /* v1 refuses an object without these; Kubernetes before 1.12 does not know them */
        assert_int_equal(str_eq(doc_string(webhook, "sideEffects"), "None"), v1);
        assert_int_equal(has_string(doc_at(webhook, "admissionReviewVersions"), "v1beta1"), v1);
        assert_int_equal(doc_int(doc_at(webhook, "timeoutSeconds"), 0), v1 ? 30 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_refer_to_what_is_there),
        cmocka_unit_test(test_prometheus_has_a_label_for_each_dimension),
        cmocka_unit_test(test_expressions_use_attributes_that_are_declared),
        cmocka_unit_test(test_resources_come_back_from_a_server_as_they_were_sent),
        cmocka_unit_test(test_mixers_resources_come_with_mixer),
        cmocka_unit_test(test_mixer_is_spoken_to_in_tls_when_the_control_plane_is_secured),
        cmocka_unit_test(test_mtls_is_a_policy_and_the_rules_that_go_with_it),
        cmocka_unit_test(test_webhook_asks_the_injector_in_both_versions),
    };

    return cmocka_run_group_tests_name("mesh config_resources", tests, NULL, NULL);
}
