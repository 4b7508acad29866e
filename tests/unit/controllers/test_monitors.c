/* A mesh that is scraped by way of the Prometheus operator: its monitors, who selects them, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define API "monitoring.coreos.com/v1"
#define WITH(prometheus) "{\"version\": \"1.31.1\", \"monitoring\": {\"prometheus\": " prometheus "}}"
#define MONITORS                                                                                                       \
    WITH("{\"mode\": \"PrometheusOperator\", \"namespace\": \"monitoring\", \"labels\": {\"release\": \"a\"}}")
#define CREATED                                                                                                        \
    "create ServiceMonitor/monitoring/istio-component-monitor: not there yet\n"                                        \
    "create ServiceMonitor/istio-system/istio-operator: not there yet\n"                                               \
    "create PodMonitor/monitoring/envoy-stats-monitor: not there yet\n"                                                \
    "create PrometheusRule/monitoring/istio-operator: not there yet\n"
#define ALL_WATCHES (PLAN_WATCH_MONITORS | PLAN_WATCH_MONITORS_SERVED)

static int begin(void **state)
{
    mesh_begin_today_installed(state, MONITORS);
    world_put_namespace(*state, "monitoring", OBJECT(STRING("team", "sre")));
    settle(*state);
    return 0;
}

static void put_definitions(struct world *w)
{
    put_definition(w, KIND_SERVICE_MONITOR_DEFINITION, KIND_SERVICE_MONITOR, true);
    put_definition(w, KIND_POD_MONITOR_DEFINITION, KIND_POD_MONITOR, true);
    put_definition(w, KIND_PROMETHEUS_RULE_DEFINITION, KIND_PROMETHEUS_RULE, true);
    put_definition(w, KIND_PROMETHEUS_DEFINITION, KIND_PROMETHEUS, true);
}

static void remove_definition(struct world *w, enum mesh_kind_id view, const char *name)
{
    assert_true(kube_cache_remove(w->cache, mesh_kind(view), NULL, name, NULL));
}

/* Prometheus `ns`/k8s with this spec, in JSON. */
static void put_prometheus(struct world *w, const char *ns, const char *spec)
{
    json_t *parsed;

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, NULL), 0);
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", API),
            STRING("kind", "Prometheus"),
            MAP("metadata", STRING("name", "k8s"), STRING("namespace", ns)),
            VALUE("spec", parsed)));
}

static void expect(struct world *w, const char *status, const char *reason, const char *in_message)
{
    settle_with_condition(w, "MetricsScraped", status, reason, in_message);
    expect_status(w, "Status", "Available");
}

static void expect_no_note(struct world *w)
{
    _cleanup_json_ json_t *condition = condition_of(w, "MetricsScraped");

    assert_string_equal(doc_string(condition, "message"), "Prometheus monitoring/k8s selects the monitors");
}

static bool has_monitors(struct world *w)
{
    bool services = world_has(w, API, "ServiceMonitor", "monitoring", "istio-component-monitor");

    assert_int_equal(services, world_has(w, API, "PodMonitor", "monitoring", "envoy-stats-monitor"));
    assert_int_equal(services, world_has(w, API, "PrometheusRule", "monitoring", "istio-operator"));
    return services;
}

/* The operator's own is in its namespace. */
static bool has_own_monitor(struct world *w)
{
    return world_has(w, API, "ServiceMonitor", NS, "istio-operator");
}

/* The kinds themselves are not asked for: that would be a request again and again. */
static void absent_definitions_are_told_and_cost_one_watch_each(void **state)
{
    struct world *w = *state;

    expect(w, "False", "DefinitionsMissing", "install the Prometheus operator");
    assert_false(has_monitors(w));
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_MONITORS_SERVED);
    put_definition(w, KIND_SERVICE_MONITOR_DEFINITION, KIND_SERVICE_MONITOR, true);
    put_definition(w, KIND_POD_MONITOR_DEFINITION, KIND_POD_MONITOR, false);
    put_definition(w, KIND_PROMETHEUS_DEFINITION, KIND_PROMETHEUS, true);
    expect(w, "False", "DefinitionsMissing", "");
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_MONITORS_SERVED);
}

static void definitions_that_come_later_are_seen(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    expect_plan(w, "");
    expect_plan(w, CREATED);
    expect(w, "False", "NoPrometheus", "no object of kind Prometheus");
    assert_true(has_monitors(w));
}

static void definitions_that_go_are_no_harm(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    assert_true(has_monitors(w));
    remove_definition(w, KIND_POD_MONITOR_DEFINITION, "podmonitors.monitoring.coreos.com");
    expect(w, "False", "DefinitionsMissing", "");
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_MONITORS_SERVED);
    expect_plan(w, "");
}

static void a_mesh_without_the_field_watches_nothing_for_it(void **state)
{
    struct world *w;

    (void)state;
    mesh_begin_today_installed((void **)&w, TODAY_SPEC);
    put_definitions(w);
    expect(w, "absent", "", "");
    assert_int_equal(w->synced & ALL_WATCHES, 0);
    mesh_end((void **)&w);
}

/* An operator that ends in between would not know later that it has to look for monitors. */
static void the_status_tells_of_monitors_before_there_are_any(void **state)
{
    struct world *w;

    (void)state;
    mesh_begin_today_installed((void **)&w, "{\"version\": \"1.31.1\"}");
    world_put_namespace(w, "monitoring", NULL);
    put_definitions(w);
    w->synced |= ALL_WATCHES;
    world_put_mesh(w, MONITORS);
    expect_plan(w, "");
    assert_true(mesh_remembers(w, "monitors"));
    expect_plan(w, CREATED);
    mesh_end((void **)&w);
}

static void who_selects_them_is_found(void **state)
{
#define BY(labels, namespaces)                                                                                         \
    "{\"serviceMonitorSelector\": " labels ", \"podMonitorSelector\": " labels                                         \
    ", \"serviceMonitorNamespaceSelector\": " namespaces ", \"podMonitorNamespaceSelector\": " namespaces "}"
    static const struct {
        const char *ns, *spec, *reason, *in_message;
    } cases[] = {
        {"monitoring", BY("{\"matchLabels\": {\"release\": \"a\"}}", "null"), "Selected", "Prometheus monitoring/k8s"},
        {"monitoring", BY("{}", "null"), "Selected", ""},
        {"other", BY("{}", "null"), "NotSelected", "serviceMonitorNamespaceSelector none"},
        {"other", BY("{}", "{}"), "Selected", "Prometheus other/k8s"},
        {"other", BY("{}", "{\"matchLabels\": {\"team\": \"sre\"}}"), "Selected", ""},
        {"other",
         BY("{}", "{\"matchLabels\": {\"team\": \"web\"}}"),
         "NotSelected",
         "{\"matchLabels\":{\"team\":\"web\"}}"},
        {"monitoring",
         BY("{\"matchLabels\": {\"release\": \"b\"}}", "{}"),
         "NotSelected",
         "serviceMonitorSelector {\"matchLabels\":{\"release\":\"b\"}}"},
        {"monitoring", BY("null", "{}"), "NotSelected", "serviceMonitorSelector none"},
        {"monitoring",
         "{\"serviceMonitorSelector\": {}}",
         "NotSelected",
         "no Prometheus selects PodMonitor monitoring/envoy-stats-monitor: Prometheus monitoring/k8s has "
         "podMonitorSelector none; set `labels` and `namespace`"},
    };
    struct world *w = *state;

    put_definitions(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_prometheus(w, cases[i].ns, cases[i].spec);
        expect(w, str_eq(cases[i].reason, "Selected") ? "True" : "False", cases[i].reason, cases[i].in_message);
        world_delete(w, API, "Prometheus", cases[i].ns, "k8s");
    }
}

static void one_of_several_is_enough(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    put_prometheus(w, "a", "{\"serviceMonitorSelector\": {}, \"podMonitorSelector\": {}}");
    expect(w, "False", "NotSelected", "Prometheus a/k8s");
    put_prometheus(w, "monitoring", "{\"serviceMonitorSelector\": {}, \"podMonitorSelector\": {}}");
    expect(w, "True", "Selected", "Prometheus monitoring/k8s");
}

/* The mesh is scraped all the same. */
static void what_is_about_the_operator_is_told_where_nobody_selects_it(void **state)
{
#define RULES(selector) "{\"serviceMonitorSelector\": {}, \"podMonitorSelector\": {}, \"ruleSelector\": " selector
    struct world *w = *state;

    put_definitions(w);
    put_prometheus(w, "monitoring", RULES("{}}"));
    expect(w, "True", "Selected", "monitors; but none selects ServiceMonitor istio-system/istio-operator, which is");
    put_prometheus(
        w, "monitoring", RULES("{\"matchLabels\": {\"role\": \"b\"}}, \"serviceMonitorNamespaceSelector\": {}}"));
    expect(
        w,
        "True",
        "Selected",
        "PrometheusRule monitoring/istio-operator, which is about the operator itself: "
        "Prometheus monitoring/k8s has ruleSelector {\"matchLabels\":{\"role\":\"b\"}}");
    put_prometheus(
        w, "monitoring", RULES("{\"matchLabels\": {\"release\": \"a\"}}, \"serviceMonitorNamespaceSelector\": {}}"));
    settle(w);
    expect_no_note(w);
}

/* --- the end --- */

static void put_theirs(struct world *w)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", API),
            STRING("kind", "ServiceMonitor"),
            MAP("metadata",
                STRING("name", "theirs"),
                STRING("namespace", "monitoring"),
                MAP("labels", STRING(MARK_OWNER, "another")))));
}

static void off_takes_away_what_was_made_and_nothing_else(void **state)
{
    static const char *const specs[] = {
        "{\"version\": \"1.31.1\"}", WITH("{\"mode\": \"None\"}"), WITH("{\"mode\": \"ScrapeConfig\"}")};
    struct world *w = *state;

    put_definitions(w);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        world_put_mesh(w, MONITORS);
        settle(w);
        assert_true(has_monitors(w) && has_own_monitor(w));
        put_theirs(w);
        world_put_mesh(w, specs[i]);
        settle(w);
        assert_false(has_monitors(w) || has_own_monitor(w));
        assert_true(world_has(w, API, "ServiceMonitor", "monitoring", "theirs"));
        assert_int_equal(w->synced & ALL_WATCHES, 0);
    }
}

/* An operator that starts again has not listed them when it plans first. */
static void off_is_carried_out_by_the_next_operator(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    world_put_mesh(w, "{\"version\": \"1.31.1\"}");
    w->synced = 0;
    mesh_memo_clear(w->memo);
    settle(w);
    assert_false(has_monitors(w));
}

/* What is not listed (yet, or again) is neither created nor deleted. */
static void monitors_stay_while_they_are_listed_again(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    for (unsigned bit = PLAN_WATCH_MONITORS; bit <= PLAN_WATCH_MONITORS_SERVED; bit <<= 1) {
        w->synced &= ~bit;
        expect_plan(w, "");
        assert_true(has_monitors(w));
        settle(w);
    }
}

static void another_namespace_moves_them(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    world_put_mesh(w, WITH("{\"mode\": \"PrometheusOperator\"}"));
    settle(w);
    assert_false(has_monitors(w));
    assert_true(world_has(w, API, "PodMonitor", NS, "envoy-stats-monitor"));
    assert_true(has_own_monitor(w));
}

static void delete_mesh(struct world *w)
{
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    w->synced = 0;
}

static void a_mesh_that_is_deleted_takes_them_along(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    put_theirs(w);
    delete_mesh(w);
    settle(w);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_false(has_monitors(w) || has_own_monitor(w));
    assert_true(world_has(w, API, "ServiceMonitor", "monitoring", "theirs"));
}

static void a_resource_that_is_refused_remembers_them(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    settle(w);
    world_put_mesh(w, "{\"version\": \"1.31.1\", \"mtls\": \"maybe\"}");
    settle(w);
    assert_true(has_monitors(w));
    world_put_mesh(w, "{\"version\": \"1.31.1\"}");
    settle(w);
    assert_false(has_monitors(w));
}

/* --- writes --- */

static void what_cannot_be_written_keeps_the_mesh_from_nothing(void **state)
{
    struct world *w = *state;

    world_fail(
        w,
        ERR_FORBIDDEN,
        KUBE_CREATE,
        "ServiceMonitor/monitoring/istio-component-monitor",
        "cannot create resource \"servicemonitors\"");
    w->held = true;
    put_definitions(w);
    expect(w, "False", "NotWritten", "ServiceMonitor/monitoring/istio-component-monitor: cannot create");
    assert_true(world_has(w, API, "PodMonitor", "monitoring", "envoy-stats-monitor"));
}

static void a_namespace_that_is_not_there_is_told_and_awaited(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Namespace", NULL, "monitoring");
    put_definitions(w);
    expect(w, "False", "NamespaceMissing", "namespace monitoring does not exist");
    expect_plan(w, "");
    world_put_namespace(w, "monitoring", NULL);
    expect_plan(w, CREATED);
}

/* An operator with the rights of an older one. */
static void lists_that_are_refused_are_told(void **state)
{
    struct world *w = *state;

    put_definitions(w);
    w->failing = PLAN_WATCH_MONITORS;
    expect(w, "False", "NotReadable", "rights of today's config/operator.yaml");
    w->failing = 0;
    expect(w, "False", "NoPrometheus", "");
    assert_true(has_monitors(w));
}

static void a_mesh_that_is_deleted_says_that_they_cannot_be_listed(void **state)
{
    struct world *w = *state;
    _cleanup_free_ char *message = NULL;

    put_definitions(w);
    settle(w);
    delete_mesh(w);
    w->failing = PLAN_WATCH_MONITORS;
    settle(w);
    assert_true(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    message = world_status(w, "ErrorMessage");
    assert_non_null(strstr(message, "removing: objects that belong to the mesh cannot be listed"));
    w->failing = 0;
    settle(w);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio") || has_monitors(w));
}

static void what_another_client_changed_is_restored(void **state)
{
    struct world *w = *state;
    json_t *monitor;

    put_definitions(w);
    settle(w);
    monitor = world_get(w, API, "PodMonitor", "monitoring", "envoy-stats-monitor");
    json_object_set_new(doc_at(monitor, "metadata", "labels"), "release", json_string("b"));
    world_put(w, monitor);
    expect_plan(w, "update PodMonitor/monitoring/envoy-stats-monitor: changed by another client: release differs\n");
    expect_plan(w, "");
}

/* As the server completes it. */
static void a_default_of_the_definition_is_no_difference(void **state)
{
    struct world *w = *state;
    json_t *monitor;

    put_definitions(w);
    settle(w);
    monitor = world_get(w, API, "ServiceMonitor", "monitoring", "istio-component-monitor");
    json_object_set_new(doc_at(monitor, "spec"), "selectionMechanism", json_string("RelabelConfig"));
    world_put(w, monitor);
    expect_plan(w, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(absent_definitions_are_told_and_cost_one_watch_each),
        TEST(definitions_that_come_later_are_seen),
        TEST(definitions_that_go_are_no_harm),
        cmocka_unit_test(a_mesh_without_the_field_watches_nothing_for_it),
        cmocka_unit_test(the_status_tells_of_monitors_before_there_are_any),
        TEST(who_selects_them_is_found),
        TEST(one_of_several_is_enough),
        TEST(what_is_about_the_operator_is_told_where_nobody_selects_it),
        TEST(off_takes_away_what_was_made_and_nothing_else),
        TEST(off_is_carried_out_by_the_next_operator),
        TEST(monitors_stay_while_they_are_listed_again),
        TEST(another_namespace_moves_them),
        TEST(a_mesh_that_is_deleted_takes_them_along),
        TEST(a_mesh_that_is_deleted_says_that_they_cannot_be_listed),
        TEST(a_resource_that_is_refused_remembers_them),
        TEST(what_cannot_be_written_keeps_the_mesh_from_nothing),
        TEST(a_namespace_that_is_not_there_is_told_and_awaited),
        TEST(lists_that_are_refused_are_told),
        TEST(what_another_client_changed_is_restored),
        TEST(a_default_of_the_definition_is_no_difference),
    };

    return cmocka_run_group_tests_name("controllers monitors", tests, NULL, NULL);
}
