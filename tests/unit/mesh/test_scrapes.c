/* What Prometheus is told to scrape: it finds what the mesh is made of, in every line of releases. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "fixture.h"
#include "mesh/common/alerts.h"
#include "mesh/common/scrapes.h"
#include "mesh/operator.h"

static const struct release {
    const char *version;
    int minor;
} releases[] = {{"1.0.5", 12}, {"1.1.17", 14}, {"1.31.1", 34}};

/* `fields` are those of spec.monitoring.prometheus, in YAML. */
static void render(struct fixture *f, const struct release *release, const char *fields)
{
    _cleanup_free_ char *spec = str_printf("version: %s\nmonitoring: {prometheus: {%s}}\n", release->version, fields);

    fixture_init_spec(f, spec);
    fixture_render(f, release->minor);
}

static bool is_severity(const char *word)
{
    return str_eq(word, "warning") || str_eq(word, "critical");
}

/* The sequence of jobs; owned by the caller. */
static json_t *jobs_of(const struct fixture *m)
{
    const json_t *map = fixture_object(m, "ConfigMap", MESH_SCRAPE_CONFIG);
    _cleanup_json_ json_t *file = from_yaml(doc_string(map, "data", "istio.yaml"));

    return json_incref(doc_at(file, "scrape_configs"));
}

static void nothing_is_made_unless_it_is_asked_for(void **state)
{
    static const char *const fields[] = {"", "mode: None", "url: 'http://a:1', labels: {a: b}, namespace: c"};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++)
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            _cleanup_fixture_ struct fixture m = {0}, without = {0};
            render(&m, &releases[r], fields[i]);
            render(&without, &releases[r], "");
            assert_int_equal(m.objects.len, without.objects.len);
            assert_null(fixture_find(&m, "ConfigMap", MESH_SCRAPE_CONFIG));
        }
}

/* The `regex` of the step that looks at this label; it has to match all of a text. */
static const char *kept(const json_t *job, const char *label)
{
    json_t *step;
    size_t i;

    json_array_foreach(doc_at(job, "relabel_configs"), i, step)
        if (str_eq(doc_string(step, "action"), "keep") && has_string(doc_at(step, "source_labels"), label))
            return doc_string(step, "regex");
    return NULL;
}

static bool matches(const char *pattern, const char *text)
{
    _cleanup_free_ char *whole = str_printf("^(%s)$", pattern);
    regex_t regex;
    bool found;

    assert_int_equal(regcomp(&regex, whole, REG_EXTENDED), 0);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static size_t services_with(const struct fixture *m, const char *names, const char *port)
{
    size_t count = 0;

    for (size_t i = 0; i < m->objects.len; i++) {
        const json_t *o = m->objects.items[i].object;
        if (str_eq(doc_string(o, "kind"), "Service") && matches(names, doc_string(o, "metadata", "name")))
            count += doc_find(doc_at(o, "spec", "ports"), "name", port) != NULL;
    }
    return count;
}

/* A typing error in a name or a port would be a job without targets. */
static void every_job_finds_a_service_or_a_proxy(void **state)
{
    static const size_t counts[] = {6, 8, 3}; /* with the operator's own */

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++) {
        _cleanup_fixture_ struct fixture m = {0};
        _cleanup_json_ json_t *jobs = NULL;
        json_t *job;
        size_t i;
        render(&m, &releases[r], "mode: ScrapeConfig");
        jobs = jobs_of(&m);
        assert_int_equal(json_array_size(jobs), counts[r]);
        json_array_foreach(jobs, i, job) {
            const char *services = kept(job, "__meta_kubernetes_service_name");
            const json_t *gateway =
                doc_at(fixture_object(&m, "Deployment", "istio-ingressgateway"), "spec", "template", "spec");
            const json_t *proxy = doc_find(doc_at(gateway, "containers"), "name", "istio-proxy");
            if (str_eq(services, OPERATOR_NAME))
                assert_string_equal(kept(job, "__meta_kubernetes_endpoint_port_name"), OPERATOR_METRICS_PORT);
            else if (services)
                assert_int_equal(services_with(&m, services, kept(job, "__meta_kubernetes_endpoint_port_name")), 1);
            else
                assert_non_null(
                    doc_find(doc_at(proxy, "ports"), "name", kept(job, "__meta_kubernetes_pod_container_port_name")));
        }
    }
}

static void a_control_plane_with_a_name_is_found(void **state)
{
    (void)state;
    assert_true(matches("istiod|istiod-.+", "istiod-canary"));
    assert_false(matches("istiod|istiod-.+", "istiodx"));
}

static void proxies_are_asked_at_the_port_that_has_the_applications_metrics(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    _cleanup_json_ json_t *jobs = NULL, *expected = NULL;
    _cleanup_free_ char *text = NULL;

    (void)state;
    render(&m, &releases[2], "mode: ScrapeConfig, interval: 30s");
    jobs = jobs_of(&m);
    expected =
        from_yaml("job_name: envoy-stats\n"
                  "scrape_interval: 30s\n"
                  "metrics_path: /stats/prometheus\n"
                  "kubernetes_sd_configs: [{role: pod}]\n"
                  "relabel_configs:\n"
                  "- {source_labels: [__meta_kubernetes_pod_container_port_name], regex: http-envoy-prom, "
                  "action: keep}\n"
                  "- {source_labels: [__meta_kubernetes_pod_phase], regex: Pending|Running, action: keep}\n"
                  "- {source_labels: [__meta_kubernetes_pod_labelpresent_istio_prometheus_ignore], "
                  "regex: 'true', action: drop}\n"
                  "- {source_labels: [__address__], regex: '(.+):15090', target_label: __address__, action: replace, "
                  "replacement: '$1:15020'}\n"
                  "- {source_labels: [__meta_kubernetes_namespace], target_label: namespace, action: replace}\n"
                  "- {source_labels: [__meta_kubernetes_pod_name], target_label: pod, action: replace}\n");
    text = doc_text(doc_find(jobs, "job_name", "envoy-stats"));
    if (!json_equal((json_t *)doc_find(jobs, "job_name", "envoy-stats"), expected))
        fail_msg("%s", text);
}

static void the_prometheus_operator_gets_the_same_jobs(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    _cleanup_json_ json_t *services = NULL, *pods = NULL;
    const json_t *monitor;

    (void)state;
    render(&m, &releases[2], "mode: PrometheusOperator, namespace: monitoring, labels: {release: a}, interval: 30s");
    services =
        from_yaml("namespaceSelector: {matchNames: [istio-system]}\n"
                  "selector: {}\n"
                  "endpoints:\n"
                  "- port: http-monitoring\n"
                  "  interval: 30s\n"
                  "  relabelings:\n"
                  "  - {sourceLabels: [__meta_kubernetes_service_name], regex: 'istiod|istiod-.+', "
                  "action: keep}\n"
                  "  - {sourceLabels: [__meta_kubernetes_service_label_app], targetLabel: app, action: replace}\n"
                  "  - {targetLabel: job, replacement: istiod, action: replace}\n");
    pods = from_yaml("namespaceSelector: {any: true}\n"
                     "selector: {matchExpressions: [{key: istio-prometheus-ignore, operator: DoesNotExist}]}\n"
                     "podMetricsEndpoints:\n"
                     "- port: http-envoy-prom\n"
                     "  path: /stats/prometheus\n"
                     "  interval: 30s\n"
                     "  relabelings:\n"
                     "  - {sourceLabels: [__address__], regex: '(.+):15090', targetLabel: __address__, "
                     "replacement: '$1:15020', action: replace}\n"
                     "  - {targetLabel: job, replacement: envoy-stats, action: replace}\n");
    monitor = fixture_object(&m, "ServiceMonitor", MESH_SERVICE_MONITOR);
    assert_true(json_equal(doc_at(monitor, "spec"), services));
    assert_string_equal(doc_string(monitor, "metadata", "labels", "release"), "a");
    assert_string_equal(doc_string(monitor, "metadata", "namespace"), "monitoring");
    assert_true(json_equal(doc_at(fixture_object(&m, "PodMonitor", MESH_POD_MONITOR), "spec"), pods));
    assert_null(fixture_find(&m, "ConfigMap", MESH_SCRAPE_CONFIG));
}

/* It is where the mesh is, unless the resource says otherwise, and the monitor is where its Secret is. */
static void the_operator_is_scraped_with_a_token_and_by_its_authority(void **state)
{
    static const char *const namespaces[] = {"istio-system", "operators"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        _cleanup_fixture_ struct fixture file = {0}, objects = {0};
        _cleanup_free_ char *own =
            i ? str_printf("istioOperatorNamespace: %s, namespace: monitoring, labels: {a: b}", namespaces[i])
              : str_dup("namespace: monitoring, labels: {a: b}");
        _cleanup_free_ char *to_file = str_printf("mode: ScrapeConfig, %s", own);
        _cleanup_free_ char *to_object = str_printf("mode: PrometheusOperator, %s", own);
        _cleanup_free_ char *name = str_printf("istio-operator-controller-manager.%s.svc", namespaces[i]);
        _cleanup_json_ json_t *jobs = NULL;
        const json_t *job, *monitor, *endpoint;
        render(&file, &releases[2], to_file);
        jobs = jobs_of(&file);
        job = doc_find(jobs, "job_name", MESH_OWN_JOB);
        assert_string_equal(doc_string(job, "scheme"), "https");
        assert_true(doc_bool(doc_at(job, "honor_labels"), false));
        assert_string_equal(doc_string(job, "bearer_token_file"),
                            "/var/run/secrets/kubernetes.io/serviceaccount/token");
        assert_string_equal(doc_string(job, "tls_config", "ca_file"), "/etc/prometheus/istio-operator/ca.crt");
        assert_string_equal(doc_string(job, "tls_config", "server_name"), name);
        assert_true(has_string(doc_at(json_array_get(doc_at(job, "kubernetes_sd_configs"), 0), "namespaces", "names"),
                               namespaces[i]));
        render(&objects, &releases[2], to_object);
        monitor = fixture_object(&objects, "ServiceMonitor", MESH_OWN_MONITOR);
        endpoint = json_array_get(doc_at(monitor, "spec", "endpoints"), 0);
        assert_string_equal(doc_string(monitor, "metadata", "namespace"), namespaces[i]);
        assert_string_equal(doc_string(monitor, "metadata", "labels", "a"), "b");
        assert_true(has_string(doc_at(monitor, "spec", "namespaceSelector", "matchNames"), namespaces[i]));
        assert_string_equal(doc_string(endpoint, "port"), OPERATOR_METRICS_PORT);
        assert_string_equal(doc_string(endpoint, "scheme"), "https");
        assert_true(doc_bool(doc_at(endpoint, "honorLabels"), false));
        assert_string_equal(doc_string(endpoint, "tlsConfig", "ca", "secret", "name"), WEBHOOK_SECRET);
        assert_string_equal(doc_string(endpoint, "tlsConfig", "ca", "secret", "key"), "ca.crt");
        assert_string_equal(doc_string(endpoint, "tlsConfig", "serverName"), name);
    }
}

/* What the mesh is scraped with is no secret, and no other job has the operator's token or names. */
static void only_the_operator_gets_the_token(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++) {
        _cleanup_fixture_ struct fixture m = {0};
        _cleanup_json_ json_t *jobs = NULL;
        json_t *job;
        size_t i;
        render(&m, &releases[r], "mode: ScrapeConfig");
        jobs = jobs_of(&m);
        json_array_foreach(jobs, i, job)
            assert_int_equal(doc_at(job, "bearer_token_file") != NULL,
                             str_eq(doc_string(job, "job_name"), MESH_OWN_JOB));
    }
}

static void both_ways_have_the_same_alerts(void **state)
{
    _cleanup_fixture_ struct fixture file = {0}, objects = {0};
    _cleanup_json_ json_t *in_file = NULL;
    const json_t *rule;

    (void)state;
    render(&file, &releases[2], "mode: ScrapeConfig, namespace: monitoring");
    in_file =
        from_yaml(doc_string(fixture_object(&file, "ConfigMap", MESH_SCRAPE_CONFIG), "data", "istio-operator.rules"));
    render(&objects, &releases[2], "mode: PrometheusOperator, namespace: monitoring, labels: {release: a}");
    rule = fixture_object(&objects, "PrometheusRule", MESH_OWN_RULES);
    assert_true(json_equal(doc_at(rule, "spec"), in_file));
    assert_string_equal(doc_string(rule, "metadata", "namespace"), "monitoring");
    assert_string_equal(doc_string(rule, "metadata", "labels", "release"), "a");
}

static void every_alert_says_what_when_and_how_bad(void **state)
{
    static const char *const causes[] = {"resource_ready", "watch_age_seconds", "certificate_end_seconds", "leader"};
    _cleanup_json_ json_t *rules = mesh_alert_rules();
    const json_t *list = doc_at(json_array_get(doc_at(rules, "groups"), 0), "rules");
    json_t *rule;
    size_t i;

    (void)state;
    assert_int_equal(json_array_size(list), ARRAY_LEN(causes));
    json_array_foreach(list, i, rule) {
        _cleanup_free_ char *of = str_printf("istio_operator_%s{job=\"istio-operator\"}", causes[i]);
        assert_non_null(strstr(doc_string(rule, "expr"), of));
        assert_true(str_starts(doc_string(rule, "alert"), "IstioOperator"));
        assert_non_null(doc_string(rule, "for"));
        assert_true(is_severity(doc_string(rule, "labels", "severity")));
        assert_true(str_ends(doc_string(rule, "annotations", "summary"), "."));
        assert_true(str_ends(doc_string(rule, "annotations", "description"), "."));
    }
}

/* Its proxies have no port for Prometheus. */
static void a_line_without_pods_to_scrape_has_no_monitor_for_them(void **state)
{
    _cleanup_fixture_ struct fixture m = {0}, of_1_1 = {0};

    (void)state;
    render(&m, &releases[0], "mode: PrometheusOperator");
    assert_int_equal(
        json_array_size(doc_at(fixture_object(&m, "ServiceMonitor", MESH_SERVICE_MONITOR), "spec", "endpoints")), 5);
    assert_null(fixture_find(&m, "PodMonitor", MESH_POD_MONITOR));
    render(&of_1_1, &releases[1], "mode: PrometheusOperator");
    assert_non_null(fixture_find(&of_1_1, "PodMonitor", MESH_POD_MONITOR));
}

static void its_place_and_labels_are_the_users(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *metadata;

    (void)state;
    render(&m, &releases[2], "mode: ScrapeConfig, namespace: monitoring, labels: {release: prometheus}");
    metadata = doc_at(fixture_object(&m, "ConfigMap", MESH_SCRAPE_CONFIG), "metadata");
    assert_string_equal(doc_string(metadata, "namespace"), "monitoring");
    assert_string_equal(doc_string(metadata, "labels", "release"), "prometheus");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_unless_it_is_asked_for),
        cmocka_unit_test(every_job_finds_a_service_or_a_proxy),
        cmocka_unit_test(a_control_plane_with_a_name_is_found),
        cmocka_unit_test(proxies_are_asked_at_the_port_that_has_the_applications_metrics),
        cmocka_unit_test(the_prometheus_operator_gets_the_same_jobs),
        cmocka_unit_test(the_operator_is_scraped_with_a_token_and_by_its_authority),
        cmocka_unit_test(only_the_operator_gets_the_token),
        cmocka_unit_test(both_ways_have_the_same_alerts),
        cmocka_unit_test(every_alert_says_what_when_and_how_bad),
        cmocka_unit_test(a_line_without_pods_to_scrape_has_no_monitor_for_them),
        cmocka_unit_test(its_place_and_labels_are_the_users),
    };

    return cmocka_run_group_tests_name("mesh scrapes", tests, NULL, NULL);
}
