/*
 * Kiali, as Istio's sample and Kiali's chart install it: what it may do, what it is told, who may use it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "fixture.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"

#define KIALI "kiali"
#define PROMETHEUS "monitoring: {prometheus: {url: 'http://prometheus.monitoring:9090'}}\n"

static const char *const kinds[] = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding",
                                    "ConfigMap",      "Deployment",  "Service"};

static void render(struct fixture *f, const char *version, const char *rest)
{
    _cleanup_free_ char *spec = str_printf("version: %s\n%s\n", version, rest);

    fixture_init_spec(f, spec);
    fixture_render(f, 34);
}

static json_t *configuration(const struct fixture *f)
{
    return from_yaml(doc_string(fixture_object(f, "ConfigMap", KIALI), "data", "config.yaml"));
}

/* --- the objects --- */

static void nothing_is_made_unless_it_is_asked_for(void **state)
{
    static const char *const specs[] = {"", "kiali: {mode: None}", "kiali: {viewOnly: false, auth: {secretName: a}}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_fixture_ struct fixture f = {0};
        render(&f, "1.31.1", specs[i]);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            assert_null(fixture_find(&f, kinds[k], KIALI));
    }
}

static void one_field_installs_all_of_it(void **state)
{
    _cleanup_fixture_ struct fixture f = {0}, without = {0};

    (void)state;
    render(&f, "1.31.1", "kiali: {mode: Server}");
    render(&without, "1.31.1", "");
    assert_int_equal(f.objects.len, without.objects.len + ARRAY_LEN(kinds));
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        assert_int_equal(fixture_find(&f, kinds[k], KIALI)->apart, MESH_APART_MAPS);
}

/* Source: samples/addons/kiali.yaml of these releases. */
static void its_version_fits_the_release(void **state)
{
    static const char *const cases[][2] = {
        {"1.28.0", "quay.io/kiali/kiali:v2.17"},
        {"1.29.6", "quay.io/kiali/kiali:v2.21"},
        {"1.30.3", "quay.io/kiali/kiali:v2.26"},
        {"1.31.1", "quay.io/kiali/kiali:v2.27"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f = {0};
        render(&f, cases[i][0], "kiali: {mode: Server}");
        assert_string_equal(doc_string(fixture_container(&f, KIALI, KIALI), "image"), cases[i][1]);
    }
}

static void its_image_can_come_from_a_mirror(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};

    (void)state;
    render(&f, "1.31.1",
           "imagePullPolicy: Always\nimagePullSecrets: [mirror]\nkiali: {mode: Server, image: "
           "'r.example.com/kiali:v2.27'}");
    assert_string_equal(doc_string(fixture_container(&f, KIALI, KIALI), "image"), "r.example.com/kiali:v2.27");
    assert_string_equal(doc_string(fixture_container(&f, KIALI, KIALI), "imagePullPolicy"), "Always");
    assert_non_null(
        doc_find(doc_at(fixture_object(&f, "ServiceAccount", KIALI), "imagePullSecrets"), "name", "mirror"));
}

/* A Deployment's selector cannot change: with another one, what the sample created could not be taken over. */
static void the_pods_are_those_that_the_sample_and_the_service_select(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t *expected = from_yaml("{app.kubernetes.io/name: kiali, app.kubernetes.io/instance: kiali}");
    const json_t *deployment;

    (void)state;
    render(&f, "1.31.1", "kiali: {mode: Server}");
    deployment = fixture_object(&f, "Deployment", KIALI);
    assert_true(json_equal(expected, doc_at(deployment, "spec", "selector", "matchLabels")));
    assert_true(json_equal(expected, doc_at(fixture_object(&f, "Service", KIALI), "spec", "selector")));
    assert_true(is_subset(expected, doc_at(deployment, "spec", "template", "metadata", "labels")));
    assert_string_equal(doc_string(deployment, "spec", "template", "metadata", "labels", "sidecar.istio.io/inject"),
                        "false");
}

/* --- rights --- */

/* The only thing that it may do besides reading is to connect to proxies, and to have tokens reviewed. */
static void it_may_change_nothing(void **state)
{
    static const char *const specs[] = {"kiali: {mode: Server}", "kiali: {mode: Server, viewOnly: false}",
                                        "kiali: {mode: Server, auth: {strategy: anonymous}}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_fixture_ struct fixture f = {0};
        json_t *rule, *verb;
        size_t r, v, creates = 0;
        render(&f, "1.31.1", specs[i]);
        json_array_foreach(doc_at(fixture_object(&f, "ClusterRole", KIALI), "rules"), r, rule) {
            assert_false(has_string(doc_at(rule, "resources"), "secrets"));
            json_array_foreach(doc_at(rule, "verbs"), v, verb) {
                const char *word = json_string_value(verb);
                creates += str_eq(word, "create");
                if (str_eq(word, "create"))
                    assert_true(has_string(doc_at(rule, "resources"), "pods/portforward") ||
                                has_string(doc_at(rule, "resources"), "tokenreviews"));
                else
                    assert_true(str_eq(word, "get") || str_eq(word, "list") || str_eq(word, "watch"));
            }
        }
        assert_int_equal(creates, 2);
        assert_string_equal(doc_string(fixture_object(&f, "ClusterRoleBinding", KIALI), "roleRef", "name"), KIALI);
    }
}

/* --- what it is told --- */

static void it_is_told_who_watches_the_mesh(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t
        *config = NULL,
        *expected = from_yaml(
            "prometheus: {url: 'http://prometheus.monitoring:9090'}\n"
            "grafana: {enabled: true, internal_url: 'http://grafana:3000', external_url: "
            "'https://grafana.example.com'}\n"
            "tracing: {enabled: true, provider: jaeger, use_grpc: false, internal_url: 'http://jaeger:16686/jaeger',\n"
            "  external_url: 'http://jaeger:16686/jaeger'}\n");

    (void)state;
    render(&f, "1.31.1",
           PROMETHEUS "kiali: {mode: Server, urls: {grafana: 'http://grafana:3000',\n"
                      "  grafanaExternal: 'https://grafana.example.com', tracing: 'http://jaeger:16686/jaeger'}}");
    config = configuration(&f);
    assert_true(json_equal(expected, doc_at(config, "external_services")));
}

/* Kiali has addresses of its own, at which nothing may be, or another's. */
static void what_is_not_named_is_off(void **state)
{
    static const char *const services[] = {"prometheus", "grafana", "tracing"};
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t *config = NULL;

    (void)state;
    render(&f, "1.31.1", "kiali: {mode: Server}");
    config = configuration(&f);
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        assert_true(json_is_false(doc_at(config, "external_services", services[i], "enabled")));
    assert_string_equal(doc_string(config, "deployment", "namespace"), "istio-system");
    assert_string_equal(doc_string(config, "deployment", "instance_name"), KIALI);
}

static void its_pods_are_replaced_when_what_it_is_told_changes(void **state)
{
    _cleanup_fixture_ struct fixture before = {0}, after = {0};
    const json_t *a, *b;

    (void)state;
    render(&before, "1.31.1", "kiali: {mode: Server}");
    render(&after, "1.31.1", PROMETHEUS "kiali: {mode: Server}");
    a = fixture_object(&before, "Deployment", KIALI);
    b = fixture_object(&after, "Deployment", KIALI);
    assert_false(json_equal(doc_at(a, "spec", "template", "metadata", "annotations"),
                            doc_at(b, "spec", "template", "metadata", "annotations")));
}

/* --- who may use it --- */

static void sessions_are_encrypted_with_the_users_key_and_no_other(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t *config = NULL,
                          *mount = from_yaml("{name: kiali-signing-key, readOnly: true,\n"
                                             " mountPath: /kiali-override-secrets/login-token-signing-key}"),
                          *volume = from_yaml("{name: kiali-signing-key, secret: {secretName: mine,\n"
                                              " items: [{key: signing-key, path: value.txt}]}}");
    const json_t *pod;

    (void)state;
    render(&f, "1.31.1", "kiali: {mode: Server, auth: {secretName: mine}}");
    config = configuration(&f);
    assert_string_equal(doc_string(config, "auth", "strategy"), "token");
    assert_true(json_is_true(doc_at(config, "deployment", "view_only_mode")));
    assert_null(doc_at(config, "login_token"));
    pod = doc_at(fixture_object(&f, "Deployment", KIALI), "spec", "template", "spec");
    assert_true(json_equal(
        mount, doc_find(doc_at(fixture_container(&f, KIALI, KIALI), "volumeMounts"), "name", "kiali-signing-key")));
    assert_true(json_equal(volume, doc_find(doc_at(pod, "volumes"), "name", "kiali-signing-key")));
    assert_null(fixture_find(&f, "Secret", KIALI));
    assert_null(fixture_find(&f, "Secret", "mine"));
}

static void without_sessions_there_is_no_key(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t *config = NULL;

    (void)state;
    render(&f, "1.31.1", "kiali: {mode: Server, auth: {strategy: anonymous}}");
    config = configuration(&f);
    assert_string_equal(doc_string(config, "auth", "strategy"), "anonymous");
    assert_int_equal(
        json_array_size(doc_at(fixture_object(&f, "Deployment", KIALI), "spec", "template", "spec", "volumes")), 1);
}

/* --- for Kiali's own operator --- */

static void kialis_operator_is_told_the_same(void **state)
{
    static const char spec[] = PROMETHEUS "kiali: {mode: %s, viewOnly: false, urls: {grafana: 'http://grafana:3000'}}";
    static const char *const parts[] = {"auth", "deployment", "external_services"};
    _cleanup_fixture_ struct fixture f = {0}, server = {0};
    _cleanup_free_ char *own = str_printf(spec, "Server"), *theirs = str_printf(spec, "KialiResource");
    _cleanup_json_ json_t *config = NULL;
    const json_t *kiali;

    (void)state;
    render(&server, "1.31.1", own);
    render(&f, "1.31.1", theirs);
    config = configuration(&server);
    kiali = fixture_object(&f, "Kiali", KIALI);
    assert_string_equal(doc_string(kiali, "apiVersion"), "kiali.io/v1alpha1");
    assert_string_equal(doc_string(kiali, "metadata", "namespace"), "istio-system");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_true(json_equal(doc_at(config, parts[i]), doc_at(kiali, "spec", parts[i])));
    assert_int_equal(json_object_size(doc_at(kiali, "spec")), ARRAY_LEN(parts));
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        assert_null(fixture_find(&f, kinds[k], KIALI));
    assert_null(fixture_find(&server, "Kiali", KIALI));
}

/* --- Servicegraph --- */

static void servicegraph_is_what_istio_1_0_and_1_1_have(void **state)
{
    static const struct {
        const char *version, *rest, *image, *argument;
        int minor;
    } cases[] = {
        {"1.0.5", "", "docker.io/istio/servicegraph:1.0.5", "--prometheusAddr=http://prometheus:9090", 12},
        {"1.1.17", PROMETHEUS, "docker.io/istio/servicegraph:1.1.17",
         "--prometheusAddr=http://prometheus.monitoring:9090", 14},
    };
    _cleanup_json_ json_t *expected = from_yaml("{app: servicegraph}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f = {0}, without = {0};
        _cleanup_free_ char *off = str_printf("version: %s\n%s", cases[i].version, cases[i].rest),
                            *on = str_printf("%s\nservicegraph: {enabled: true}\n", off);
        const json_t *deployment;
        fixture_init_spec(&without, off);
        fixture_render(&without, cases[i].minor);
        assert_null(fixture_find(&without, "Deployment", "servicegraph"));
        fixture_init_spec(&f, on);
        fixture_render(&f, cases[i].minor);
        assert_int_equal(f.objects.len, without.objects.len + 3);
        deployment = fixture_object(&f, "Deployment", "servicegraph");
        assert_true(json_equal(expected, doc_at(deployment, "spec", "selector", "matchLabels")));
        assert_true(json_equal(expected, doc_at(fixture_object(&f, "Service", "servicegraph"), "spec", "selector")));
        assert_string_equal(doc_string(fixture_container(&f, "servicegraph", "servicegraph"), "image"), cases[i].image);
        assert_true(
            has_string(doc_at(fixture_container(&f, "servicegraph", "servicegraph"), "args"), cases[i].argument));
        assert_int_equal(fixture_find(&f, "Deployment", "servicegraph")->apart, MESH_APART_MAPS);
    }
}

struct judged {
    const char *spec, *path;
    enum problem_severity severity;
};

static void what_cannot_be_meant_is_told(void **state)
{
    static const struct judged cases[] = {
        {"version: 1.31.1\n" PROMETHEUS "kiali: {mode: Server, viewOnly: false, auth: {strategy: anonymous}}",
         "spec.kiali.viewOnly", PROBLEM_ERROR},
        {"version: 1.31.1\nkiali: {mode: Server}", "spec.monitoring.prometheus.url", PROBLEM_WARNING},
        {"version: 1.0.5\nkiali: {mode: Server}", "spec.kiali", PROBLEM_ERROR},
        {"version: 1.1.17\nkiali: {mode: Server}", "spec.kiali", PROBLEM_ERROR},
        {"version: 1.31.1\n" PROMETHEUS "kiali: {mode: Server, auth: {strategy: openid}}", "spec.kiali.auth.strategy",
         PROBLEM_ERROR},
        {"version: 1.31.1\n" PROMETHEUS "kiali: {mode: KialiResource, auth: {strategy: openid}}", NULL, 0},
        {"version: 1.31.1\n" PROMETHEUS "kiali: {mode: Server, viewOnly: false}", NULL, 0},
        {"version: 1.31.1\nkiali: {viewOnly: false, auth: {strategy: anonymous}}", NULL, 0},
        {"version: 1.0.5\nkiali: {mode: None}", NULL, 0},
        {"version: 1.31.1\nservicegraph: {enabled: true}", "spec.servicegraph", PROBLEM_ERROR},
        {"version: 1.31.1\nservicegraph: {enabled: false}", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_json_ json_t *resource = fixture_resource(cases[i].spec);
        _cleanup_istio_spec_ struct istio_spec *spec = NULL;
        istio_parse(resource, NULL, &spec, &problems);
        assert_int_equal(problems.len, cases[i].path ? 1 : 0);
        if (!cases[i].path)
            continue;
        assert_string_equal(problems.items[0].path, cases[i].path);
        assert_int_equal(problems.items[0].severity, cases[i].severity);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_unless_it_is_asked_for),
        cmocka_unit_test(one_field_installs_all_of_it),
        cmocka_unit_test(its_version_fits_the_release),
        cmocka_unit_test(its_image_can_come_from_a_mirror),
        cmocka_unit_test(the_pods_are_those_that_the_sample_and_the_service_select),
        cmocka_unit_test(it_may_change_nothing),
        cmocka_unit_test(it_is_told_who_watches_the_mesh),
        cmocka_unit_test(what_is_not_named_is_off),
        cmocka_unit_test(its_pods_are_replaced_when_what_it_is_told_changes),
        cmocka_unit_test(sessions_are_encrypted_with_the_users_key_and_no_other),
        cmocka_unit_test(without_sessions_there_is_no_key),
        cmocka_unit_test(kialis_operator_is_told_the_same),
        cmocka_unit_test(servicegraph_is_what_istio_1_0_and_1_1_have),
        cmocka_unit_test(what_cannot_be_meant_is_told),
    };

    return cmocka_run_group_tests_name("mesh kiali", tests, NULL, NULL);
}
