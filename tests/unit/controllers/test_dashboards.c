/* A mesh that is shown by Grafana: its dashboards, what the status says of them, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define API "grafana.integreatly.org/v1beta1"
#define WITH(grafana) "{\"version\": \"1.31.1\", \"monitoring\": {\"grafana\": " grafana "}}"
#define WITHOUT "{\"version\": \"1.31.1\"}"
#define CONFIG_MAPS WITH("{\"mode\": \"ConfigMap\", \"namespace\": \"monitoring\"}")
#define GRAFANAS WITH("{\"mode\": \"GrafanaDashboard\", \"namespace\": \"monitoring\"}")
#define ALL_WATCHES (PLAN_WATCH_DASHBOARDS | PLAN_WATCH_DASHBOARDS_SERVED)

static const char *const names[] = {
    "istio-dashboard-mesh",
    "istio-dashboard-service",
    "istio-dashboard-workload",
    "istio-dashboard-control-plane",
    "istio-dashboard-operator"};

static int begin(void **state)
{
    mesh_begin_today_installed(state, WITHOUT);
    world_put_namespace(*state, "monitoring", NULL);
    settle(*state);
    return 0;
}

static void expect(struct world *w, const char *status, const char *reason, const char *in_message)
{
    settle_with_condition(w, "DashboardsLoaded", status, reason, in_message);
    expect_status(w, "Status", "Available");
}

static size_t count_in(struct world *w, const char *api, const char *kind, const char *ns)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        count += world_has(w, api, kind, ns, names[i]);
    return count;
}

static size_t config_maps(struct world *w)
{
    return count_in(w, "v1", "ConfigMap", "monitoring");
}

static size_t grafana_dashboards(struct world *w)
{
    return count_in(w, API, "GrafanaDashboard", "monitoring");
}

static json_int_t told(struct world *w)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return doc_int(doc_at(mesh, "status", "monitoring", "dashboards"), -1);
}

/* --- ConfigMaps --- */

static void config_maps_are_written_and_counted(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, CONFIG_MAPS);
    expect(w, "absent", "", "");
    assert_int_equal(config_maps(w), ARRAY_LEN(names));
    assert_int_equal(told(w), ARRAY_LEN(names));
    expect_plan(w, "");
    assert_int_equal(w->synced & ALL_WATCHES, 0);
}

static void a_config_map_that_is_gone_is_written_again(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, CONFIG_MAPS);
    settle(w);
    world_delete(w, "v1", "ConfigMap", "monitoring", names[0]);
    expect_plan(w, "create ConfigMap/monitoring/istio-dashboard-mesh: not there yet\n");
}

static void a_namespace_that_is_not_there_is_told_and_awaited(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Namespace", NULL, "monitoring");
    world_put_mesh(w, CONFIG_MAPS);
    expect(w, "False", "NamespaceMissing", "name another one in spec.monitoring.grafana.namespace");
    expect_plan(w, "");
    assert_int_equal(told(w), 0);
    world_put_namespace(w, "monitoring", NULL);
    expect(w, "absent", "", "");
    assert_int_equal(config_maps(w), ARRAY_LEN(names));
}

static void what_cannot_be_written_is_told_and_the_rest_is(void **state)
{
    struct world *w = *state;

    world_fail(w, ERR_FORBIDDEN, KUBE_CREATE, "ConfigMap/monitoring/istio-dashboard-mesh", "exceeded quota");
    w->held = true;
    world_put_mesh(w, CONFIG_MAPS);
    expect(w, "False", "NotWritten", "ConfigMap/monitoring/istio-dashboard-mesh: exceeded quota");
    assert_int_equal(config_maps(w), ARRAY_LEN(names) - 1);
}

static void off_takes_away_what_was_made_and_nothing_else(void **state)
{
    static const char *const specs[] = {WITHOUT, WITH("{\"mode\": \"None\"}"), WITH("{\"labels\": {\"a\": \"b\"}}")};
    struct world *w = *state;

    put_of(w, mesh_kind(KIND_CONFIG_MAP), "monitoring", "istio-dashboard-theirs", NULL);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        world_put_mesh(w, CONFIG_MAPS);
        settle(w);
        assert_int_equal(config_maps(w), ARRAY_LEN(names));
        world_put_mesh(w, specs[i]);
        expect(w, "absent", "", "");
        assert_int_equal(config_maps(w), 0);
        assert_int_equal(told(w), -1);
        assert_true(world_has(w, "v1", "ConfigMap", "monitoring", "istio-dashboard-theirs"));
    }
}

/* --- the Grafana operator --- */

static void put_grafanas_definition(struct world *w)
{
    put_definition(w, KIND_GRAFANA_DASHBOARD_DEFINITION, KIND_GRAFANA_DASHBOARD, true);
}

/* What the Grafana operator says of each. */
static void load(struct world *w, const char *status)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *dashboard = world_get(w, API, "GrafanaDashboard", "monitoring", names[i]), *value;
        assert_int_equal(doc_parse(status, strlen(status), SIZE_MAX, &value, NULL), 0);
        json_object_set_new(dashboard, "status", value);
        world_put(w, dashboard);
    }
}

static void absent_definitions_are_told_and_cost_one_watch(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, GRAFANAS);
    expect(w, "False", "DefinitionsMissing", "install the Grafana operator");
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_DASHBOARDS_SERVED);
    expect_plan(w, "");
    put_grafanas_definition(w);
    expect(w, "False", "NotLoaded", "the Grafana operator has said nothing of GrafanaDashboard");
    assert_int_equal(grafana_dashboards(w), ARRAY_LEN(names));
    assert_int_equal(config_maps(w), 0);
}

/* An operator with the rights of an older one. */
static void lists_that_are_refused_are_told(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, GRAFANAS);
    put_grafanas_definition(w);
    w->failing = PLAN_WATCH_DASHBOARDS;
    expect(w, "False", "NotReadable", "rights of today's config/operator.yaml");
    w->failing = 0;
    expect(w, "False", "NotLoaded", "");
}

static void definitions_that_go_are_no_harm(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, GRAFANAS);
    put_grafanas_definition(w);
    settle(w);
    assert_true(kube_cache_remove(
        w->cache,
        mesh_kind(KIND_GRAFANA_DASHBOARD_DEFINITION),
        NULL,
        "grafanadashboards.grafana.integreatly.org",
        NULL));
    expect(w, "False", "DefinitionsMissing", "");
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_DASHBOARDS_SERVED);
    expect_plan(w, "");
}

static void whether_a_grafana_loaded_them_is_told(void **state)
{
    static const struct {
        const char *status, *holds, *reason, *in_message;
    } cases[] = {
        {"{\"NoMatchingInstances\": true}", "False", "NotSelected", "spec.monitoring.grafana.labels"},
        {"{\"hash\": \"a\", \"NoMatchingInstances\": false}", "True", "Loaded", "5 dashboards"},
        {"{\"conditions\": [{\"type\": \"DashboardSynchronized\", \"status\": \"True\"}]}", "True", "Loaded", ""},
        {"{\"conditions\": [{\"type\": \"DashboardSynchronized\", \"status\": \"False\", \"message\": \"no folder\"}]}",
         "False",
         "NotLoaded",
         "GrafanaDashboard monitoring/istio-dashboard-"},
        {"{\"conditions\": [{\"type\": \"DashboardSynchronized\"}]}", "False", "NotLoaded", "DashboardSynchronized"},
        {"{\"conditions\": 1, \"hash\": {}}", "False", "NotLoaded", "has said nothing"},
    };
    struct world *w = *state;

    world_put_mesh(w, GRAFANAS);
    put_grafanas_definition(w);
    settle(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        load(w, cases[i].status);
        expect(w, cases[i].holds, cases[i].reason, cases[i].in_message);
        expect_plan(w, "");
    }
}

/* An operator that ends in between would not know later that it has to look for them. */
static void the_status_tells_of_them_before_there_are_any(void **state)
{
    struct world *w = *state;

    put_grafanas_definition(w);
    w->synced |= ALL_WATCHES;
    world_put_mesh(w, GRAFANAS);
    expect_plan(w, "");
    assert_true(mesh_remembers(w, "grafanaDashboards"));
    assert_int_equal(grafana_dashboards(w), 0);
    settle(w);
    assert_int_equal(grafana_dashboards(w), ARRAY_LEN(names));
}

static void another_mode_takes_them_away_and_nothing_else(void **state)
{
    static const char *const specs[] = {WITHOUT, WITH("{\"mode\": \"None\"}"), CONFIG_MAPS};
    struct world *w = *state;

    put_grafanas_definition(w);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        world_put_mesh(w, GRAFANAS);
        settle(w);
        assert_int_equal(grafana_dashboards(w), ARRAY_LEN(names));
        assert_int_equal(config_maps(w), 0);
        put_of(w, mesh_kind(KIND_GRAFANA_DASHBOARD), "monitoring", "theirs", NULL);
        world_put_mesh(w, specs[i]);
        w->synced = 0; /* the next operator does it */
        mesh_memo_clear(w->memo);
        settle(w);
        assert_int_equal(grafana_dashboards(w), 0);
        assert_int_equal(config_maps(w), str_eq(specs[i], CONFIG_MAPS) ? ARRAY_LEN(names) : 0);
        assert_true(world_has(w, API, "GrafanaDashboard", "monitoring", "theirs"));
        assert_int_equal(w->synced & ALL_WATCHES, 0);
    }
}

static void a_mesh_that_is_deleted_takes_them_along(void **state)
{
    struct world *w = *state;
    json_t *mesh;

    put_grafanas_definition(w);
    world_put_mesh(w, GRAFANAS);
    settle(w);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    w->synced = 0;
    settle(w);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_int_equal(grafana_dashboards(w), 0);
}

/* The definition allows no other selector. */
static void other_labels_that_are_refused_are_told(void **state)
{
    struct world *w = *state;

    put_grafanas_definition(w);
    world_put_mesh(w, GRAFANAS);
    settle(w);
    load(w, "{\"hash\": \"a\"}");
    expect(w, "True", "Loaded", "");
    world_fail(
        w,
        ERR_INVALID,
        KUBE_UPDATE,
        "GrafanaDashboard/monitoring/istio-dashboard-mesh",
        "spec.instanceSelector: Value is immutable");
    w->held = true;
    world_put_mesh(
        w,
        WITH("{\"mode\": \"GrafanaDashboard\", \"namespace\": \"monitoring\", \"labels\": {\"dashboards\": \"a\"}}"));
    expect(w, "False", "NotWritten", "istio-dashboard-mesh: spec.instanceSelector: Value is immutable");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(config_maps_are_written_and_counted),
        TEST(a_config_map_that_is_gone_is_written_again),
        TEST(a_namespace_that_is_not_there_is_told_and_awaited),
        TEST(what_cannot_be_written_is_told_and_the_rest_is),
        TEST(off_takes_away_what_was_made_and_nothing_else),
        TEST(absent_definitions_are_told_and_cost_one_watch),
        TEST(lists_that_are_refused_are_told),
        TEST(definitions_that_go_are_no_harm),
        TEST(whether_a_grafana_loaded_them_is_told),
        TEST(the_status_tells_of_them_before_there_are_any),
        TEST(another_mode_takes_them_away_and_nothing_else),
        TEST(a_mesh_that_is_deleted_takes_them_along),
        TEST(other_labels_that_are_refused_are_told),
    };

    return cmocka_run_group_tests_name("controllers dashboards", tests, NULL, NULL);
}
