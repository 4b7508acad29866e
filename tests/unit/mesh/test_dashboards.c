/*
 * The dashboards: valid for Grafana, and asking for metrics that the line has. Which metrics there are, from Istio's
 * sources: see common/panels.c.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "fixture.h"
#include "mesh/common/dashboards.h"

/* The Grafana chart's sidecar takes a ConfigMap of any size; `kubectl apply` of a copy has to fit an annotation. */
enum { SIZE_LIMIT = 32 * 1024 };

#define WORDS_END NULL
static const char *const requests[] = {"istio_requests_total",           "istio_request_bytes_bucket",
                                       "istio_response_bytes_bucket",    "istio_tcp_sent_bytes_total",
                                       "istio_tcp_received_bytes_total", WORDS_END};
static const char *const of_all[] = {"pilot_xds",
                                     "pilot_services",
                                     "pilot_xds_pushes",
                                     "pilot_proxy_convergence_time_bucket",
                                     "pilot_total_xds_rejects",
                                     "pilot_total_xds_internal_errors",
                                     "galley_validation_passed",
                                     "galley_validation_failed",
                                     "process_cpu_seconds_total",
                                     "process_resident_memory_bytes",
                                     WORDS_END};
static const char *const of_1_0[] = {"istio_request_duration_seconds_bucket", "mixer_runtime_dispatch_count",
                                     "mixer_runtime_dispatch_duration_bucket", "pilot_virt_services", WORDS_END};
static const char *const of_1_1[] = {"istio_request_duration_seconds_bucket",
                                     "mixer_runtime_dispatches_total",
                                     "pilot_virt_services",
                                     "mixer_runtime_dispatch_duration_seconds_bucket",
                                     "citadel_server_success_cert_issuance_count",
                                     "citadel_server_csr_count",
                                     "citadel_secret_controller_svc_acc_created_cert_count",
                                     WORDS_END};
static const char *const of_today[] = {"istio_request_duration_milliseconds_bucket",
                                       "istio_build",
                                       "citadel_server_success_cert_issuance_count",
                                       "citadel_server_csr_count",
                                       "citadel_server_root_cert_expiry_timestamp",
                                       "sidecar_injection_success_total",
                                       "sidecar_injection_failure_total",
                                       WORDS_END};
static const char *const *const of_line[] = {
    [MESH_METRICS_1_0] = of_1_0, [MESH_METRICS_1_1] = of_1_1, [MESH_METRICS_TODAY] = of_today};

/* Labels, functions and operators that the queries use. */
static const char *const labels[] = {"reporter",
                                     "response_code",
                                     "response_flags",
                                     "destination_service",
                                     "destination_version",
                                     "destination_workload",
                                     "destination_workload_namespace",
                                     "source_workload",
                                     "source_workload_namespace",
                                     "connection_security_policy",
                                     "le",
                                     "type",
                                     "tag",
                                     "component",
                                     "job",
                                     "adapter",
                                     "error",
                                     "meaning",
                                     "remote",
                                     "workload",
                                     "namespace",
                                     "__name__",
                                     WORDS_END};
static const char *const functions[] = {
    "rate",          "sum", "max", "min",          "count",        "topk",   "histogram_quantile", "vector", "time",
    "label_replace", "by",  "or",  "query_result", "label_values", WORDS_END};

static bool is_among(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (str_eq(*words, word))
            return true;
    return false;
}

static bool is_metric(enum mesh_metrics metrics, const char *word)
{
    return is_among(requests, word) || is_among(of_all, word) || is_among(of_line[metrics], word) ||
           str_starts(word, "istio_operator_"); /* tests/unit/serve/test_metrics.c */
}

/* Every word outside of quotes and of Grafana's variables is known, and what opens is closed. */
static void check_query(enum mesh_metrics metrics, const char *query)
{
    char open[32];
    size_t depth = 0, metric_count = 0;

    for (const char *at = query; *at;) {
        size_t len = 1;
        if (*at == '"') {
            while (at[len] != '"') {
                len += at[len] == '\\' ? 2 : 1;
                assert_true(at[len]);
            }
            len++;
        } else if (*at == '$') {
            len += strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
        } else if (isalpha((unsigned char)*at) || *at == '_') {
            _cleanup_free_ char *word = NULL;
            len = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
            word = str_dup_n(at, len);
            metric_count += is_metric(metrics, word);
            if (!is_metric(metrics, word) && !is_among(labels, word) && !is_among(functions, word))
                fail_msg("%s: what is %s?", query, word);
        } else if (strchr("([{", *at)) {
            assert_true(depth < ARRAY_LEN(open));
            open[depth++] = *at == '(' ? ')' : *at == '[' ? ']' : '}';
        } else if (strchr(")]}", *at)) {
            if (!depth || open[--depth] != *at)
                fail_msg("%s: %s", query, at);
        } else if (!strchr(" ,=~!+-*/.0123456789", *at)) {
            fail_msg("%s: what is %c?", query, *at);
        }
        at += len;
    }
    assert_int_equal(depth, 0);
    assert_true(metric_count || strstr(query, "__name__"));
}

/* Calls `check` for each dashboard of each line. */
static void for_each(void (*check)(const struct dashboard *d, enum mesh_metrics metrics, const json_t *dashboard))
{
    for (enum mesh_metrics m = 0; m < MESH_METRICS_COUNT; m++)
        for (const struct dashboard *d = mesh_dashboard_table; d->name; d++) {
            _cleanup_json_ json_t *dashboard = mesh_dashboard(d, m);
            check(d, m, dashboard);
        }
}

static void check_queries(const struct dashboard *d, enum mesh_metrics metrics, const json_t *dashboard)
{
    json_t *panel, *target;
    size_t i, k;

    for (const struct panel_variable *v = d->variables; v->name; v++)
        check_query(metrics, v->query);
    json_array_foreach(doc_at(dashboard, "panels"), i, panel) {
        assert_true(json_array_size(doc_at(panel, "targets")) > 0);
        json_array_foreach(doc_at(panel, "targets"), k, target)
            check_query(metrics, doc_string(target, "expr"));
    }
}

static void every_query_asks_for_what_the_line_has(void **state)
{
    (void)state;
    for_each(check_queries);
}

static void the_check_of_queries_finds_faults(void **state)
{
    static const struct {
        enum mesh_metrics metrics;
        const char *word;
    } unknown[] = {{MESH_METRICS_TODAY, "istio_request_duration_seconds_bucket"},
                   {MESH_METRICS_1_0, "citadel_server_csr_count"},
                   {MESH_METRICS_1_1, "istio_request_total"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_false(is_metric(unknown[i].metrics, unknown[i].word));
}

static bool overlap(const json_t *a, const json_t *b)
{
    return doc_int(doc_at(a, "x"), 0) < doc_int(doc_at(b, "x"), 0) + doc_int(doc_at(b, "w"), 0) &&
           doc_int(doc_at(b, "x"), 0) < doc_int(doc_at(a, "x"), 0) + doc_int(doc_at(a, "w"), 0) &&
           doc_int(doc_at(a, "y"), 0) < doc_int(doc_at(b, "y"), 0) + doc_int(doc_at(b, "h"), 0) &&
           doc_int(doc_at(b, "y"), 0) < doc_int(doc_at(a, "y"), 0) + doc_int(doc_at(a, "h"), 0);
}

static void check_panels(const struct dashboard *d, enum mesh_metrics metrics, const json_t *dashboard)
{
    const json_t *panels = doc_at(dashboard, "panels");
    json_t *a, *b;
    size_t i, k;

    (void)metrics;
    assert_true(json_array_size(panels) >= 6);
    json_array_foreach(panels, i, a) {
        const json_t *place = doc_at(a, "gridPos");
        assert_true(doc_int(doc_at(place, "x"), -1) >= 0 && doc_int(doc_at(place, "y"), -1) >= 0);
        assert_true(doc_int(doc_at(place, "x"), 0) + doc_int(doc_at(place, "w"), 25) <= 24);
        assert_string_equal(doc_string(a, "datasource", "uid"), "${datasource}");
        assert_true(*doc_string(a, "title") && *doc_string(a, "fieldConfig", "defaults", "unit"));
        json_array_foreach(panels, k, b) {
            if (i == k)
                continue;
            assert_true(doc_int(doc_at(a, "id"), 0) != doc_int(doc_at(b, "id"), 0));
            if (str_eq(doc_string(a, "title"), doc_string(b, "title")) || overlap(place, doc_at(b, "gridPos")))
                fail_msg("%s: %s and %s", d->name, doc_string(a, "title"), doc_string(b, "title"));
        }
    }
}

static void panels_have_an_id_and_a_place_of_their_own(void **state)
{
    (void)state;
    for_each(check_panels);
}

static void check_frame(const struct dashboard *d, enum mesh_metrics metrics, const json_t *dashboard)
{
    const json_t *variables = doc_at(dashboard, "templating", "list");
    _cleanup_free_ char *text = doc_text(dashboard), *panels = doc_text(doc_at(dashboard, "panels"));
    size_t count = 1;

    (void)metrics;
    assert_true(doc_int(doc_at(dashboard, "schemaVersion"), 0) >= 36);
    assert_string_equal(doc_string(doc_find(variables, "name", "datasource"), "type"), "datasource");
    for (const struct panel_variable *v = d->variables; v->name; v++, count++) {
        _cleanup_free_ char *use = str_printf("$%s", v->name);
        assert_string_equal(doc_string(doc_find(variables, "name", v->name), "query", "query"), v->query);
        if (!strstr(panels, use))
            fail_msg("%s: nothing uses %s", d->name, v->name);
    }
    assert_int_equal(json_array_size(variables), count);
    assert_true(strlen(doc_string(dashboard, "uid")) <= 40); /* Grafana's limit */
    if (strlen(text) > SIZE_LIMIT)
        fail_msg("%s has %zu bytes", d->name, strlen(text));
}

static void a_dashboard_has_a_schema_a_data_source_and_a_size(void **state)
{
    (void)state;
    for_each(check_frame);
}

/* --- the objects --- */

static const char *const releases[] = {"1.0.5", "1.1.17", "1.31.1"};

static const struct rendered *render(struct fixture *f, const char *version, const char *fields, const char *kind)
{
    _cleanup_free_ char *spec = str_printf("version: %s\nmonitoring: {grafana: {%s}}\n", version, fields);

    fixture_init_spec(f, spec);
    fixture_render(f, str_starts(version, "1.0.") ? 12 : str_starts(version, "1.1.") ? 14 : 34);
    return fixture_find(f, kind, "istio-dashboard-mesh");
}

static void nothing_is_made_unless_it_is_asked_for(void **state)
{
    static const char *const fields[] = {"", "mode: None", "labels: {a: b}, namespace: c, folder: d"};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++)
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            _cleanup_fixture_ struct fixture f = {0};
            assert_null(render(&f, releases[r], fields[i], "ConfigMap"));
            assert_null(fixture_find(&f, "GrafanaDashboard", "istio-dashboard-mesh"));
        }
}

static void a_config_map_has_one_file_that_the_sidecar_of_the_chart_finds(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++) {
        _cleanup_fixture_ struct fixture f = {0};
        _cleanup_json_ json_t *dashboard = NULL;
        const json_t *map = render(&f, releases[r], "mode: ConfigMap", "ConfigMap")->object;
        assert_string_equal(doc_string(map, "metadata", "labels", "grafana_dashboard"), "1");
        assert_string_equal(doc_string(map, "metadata", "namespace"), "istio-system");
        assert_null(doc_at(map, "metadata", "annotations"));
        dashboard = doc_parse_own(doc_string(map, "data", "istio-dashboard-mesh.json"));
        assert_string_equal(doc_string(dashboard, "uid"), "istio-dashboard-mesh");
        for (const struct dashboard *d = mesh_dashboard_table; d->name; d++) {
            _cleanup_free_ char *name = str_printf("istio-dashboard-%s", d->name);
            assert_non_null(fixture_find(&f, "ConfigMap", name));
        }
    }
}

static void its_place_labels_and_folder_are_the_users(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    const json_t *metadata =
        doc_at(render(&f, "1.31.1", "mode: ConfigMap, namespace: monitoring, labels: {dashboards: a}, folder: Mesh",
                      "ConfigMap")
                   ->object,
               "metadata");

    (void)state;
    assert_string_equal(doc_string(metadata, "namespace"), "monitoring");
    assert_string_equal(doc_string(metadata, "labels", "dashboards"), "a");
    assert_null(doc_string(metadata, "labels", "grafana_dashboard"));
    assert_string_equal(doc_string(metadata, "annotations", "grafana_folder"), "Mesh");
}

static void the_grafana_operator_gets_the_same(void **state)
{
    _cleanup_fixture_ struct fixture f = {0}, maps = {0};
    const json_t *object =
        render(&f, "1.31.1", "mode: GrafanaDashboard, labels: {dashboards: a}, folder: Mesh", "GrafanaDashboard")
            ->object;
    const json_t *map = render(&maps, "1.31.1", "mode: ConfigMap", "ConfigMap")->object;

    (void)state;
    assert_string_equal(doc_string(object, "apiVersion"), "grafana.integreatly.org/v1beta1");
    assert_string_equal(doc_string(object, "spec", "instanceSelector", "matchLabels", "dashboards"), "a");
    assert_string_equal(doc_string(object, "spec", "folder"), "Mesh");
    assert_true(doc_bool(doc_at(object, "spec", "allowCrossNamespaceImport"), false));
    assert_string_equal(doc_string(object, "spec", "json"), doc_string(map, "data", "istio-dashboard-mesh.json"));
    assert_null(fixture_find(&f, "ConfigMap", "istio-dashboard-mesh"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_asks_for_what_the_line_has),
        cmocka_unit_test(the_check_of_queries_finds_faults),
        cmocka_unit_test(panels_have_an_id_and_a_place_of_their_own),
        cmocka_unit_test(a_dashboard_has_a_schema_a_data_source_and_a_size),
        cmocka_unit_test(nothing_is_made_unless_it_is_asked_for),
        cmocka_unit_test(a_config_map_has_one_file_that_the_sidecar_of_the_chart_finds),
        cmocka_unit_test(its_place_labels_and_folder_are_the_users),
        cmocka_unit_test(the_grafana_operator_gets_the_same),
    };

    return cmocka_run_group_tests_name("mesh dashboards", tests, NULL, NULL);
}
