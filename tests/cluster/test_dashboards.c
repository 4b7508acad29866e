/*
 * Dashboards of a mesh on a real API server: for the Grafana operator, with its definition and without, and as
 * ConfigMaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "others.h"

#define DASHBOARD kind_of("grafana.integreatly.org/v1beta1", "GrafanaDashboard")
#define CONFIG_MAP kind_of("v1", "ConfigMap")
#define NAME "istio-dashboard-mesh"
#define GRAFANA(fields) "{\"spec\": {\"monitoring\": {\"grafana\": {" fields "}}}}"
#define MODE(mode) GRAFANA("\"mode\": \"" mode "\", \"namespace\": null")
#define CONDITION "DashboardsLoaded"

static const enum mesh_kind_id kinds[] = {KIND_GRAFANA_DASHBOARD};

static int begin(void **state)
{
    if (harness_setup(state) != 0)
        return -1;
    others_delete_definitions(kinds, ARRAY_LEN(kinds));
    operator_start();
    mesh_create("{}");
    mesh_wait_settled(PATIENCE);
    return 0;
}

static int end(void **state)
{
    mesh_delete_and_wait();
    operator_kill(15);
    cluster_delete_if_there(NAMESPACE, NULL, "grafana");
    others_delete_definitions(kinds, ARRAY_LEN(kinds));
    return harness_teardown(state);
}

static bool is_there(void *place)
{
    const struct place *p = place;

    return cluster_has(p->kind, p->ns, p->name);
}

static void wait_there(const struct kube_kind *kind, const char *ns)
{
    wait_until(is_there, &(struct place){kind, ns, NAME}, PATIENCE, NAME);
}

static void wait_gone(const struct kube_kind *kind, const char *ns)
{
    wait_until(cluster_lacks, &(struct place){kind, ns, NAME}, PATIENCE, NAME);
}

static void a_config_map_is_written_once_its_namespace_is_there(void **state)
{
    _cleanup_json_ json_t *namespace =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Namespace"), MAP("metadata", STRING("name", "grafana")));

    (void)state;
    cluster_patch(ISTIO, NS, MESH, GRAFANA("\"mode\": \"ConfigMap\", \"namespace\": \"grafana\""));
    mesh_wait_condition(CONDITION, "NamespaceMissing");
    mesh_wait_settled(PATIENCE);
    cluster_create(NAMESPACE, namespace);
    wait_there(CONFIG_MAP, "grafana");
    mesh_wait_condition(CONDITION, "");
    cluster_patch(ISTIO, NS, MESH, MODE("ConfigMap"));
    wait_gone(CONFIG_MAP, "grafana");
    wait_there(CONFIG_MAP, NS);
    mesh_wait_settled(PATIENCE);
}

static void without_the_definition_the_status_says_so_and_nothing_is_requested(void **state)
{
    long position = audit_is_on() ? audit_position() : 0;

    (void)state;
    cluster_patch(ISTIO, NS, MESH, MODE("GrafanaDashboard"));
    mesh_wait_condition(CONDITION, "DefinitionsMissing");
    wait_gone(CONFIG_MAP, NS);
    mesh_wait_settled(PATIENCE);
    if (audit_is_on())
        assert_int_equal(others_requests(DASHBOARD->group, position), 0);
}

/* With one of another name there. */
static void a_definition_that_comes_is_seen(void **state)
{
    _cleanup_json_ json_t *dashboard = NULL;

    (void)state;
    others_create_definition(DASHBOARD);
    others_create(DASHBOARD, "theirs", OBJECT(STRING("json", "{}")));
    mesh_wait_condition(CONDITION, "NotLoaded");
    mesh_wait_settled(PATIENCE);
    dashboard = cluster_get(DASHBOARD, NS, NAME);
    assert_non_null(strstr(str_or(doc_string(dashboard, "spec", "json"), ""), "istio_requests_total"));
}

static bool is_restored(void *unused)
{
    _cleanup_json_ json_t *dashboard = cluster_get(DASHBOARD, NS, NAME);

    (void)unused;
    return dashboard && !str_eq(doc_string(dashboard, "spec", "json"), "{}");
}

static void what_is_deleted_or_changed_is_restored(void **state)
{
    (void)state;
    cluster_delete(DASHBOARD, NS, NAME);
    wait_until(is_restored, NULL, PATIENCE, "a deleted one is restored");
    cluster_patch(DASHBOARD, NS, NAME, "{\"spec\": {\"json\": \"{}\"}}");
    wait_until(is_restored, NULL, PATIENCE, "a changed one is restored");
}

static void off_takes_them_away_and_nothing_else(void **state)
{
    (void)state;
    cluster_patch(ISTIO, NS, MESH, MODE("None"));
    wait_gone(DASHBOARD, NS);
    mesh_wait_condition(CONDITION, "");
    assert_true(cluster_has(DASHBOARD, NS, "theirs"));
}

/* It has no label of the operator's, and is found by the create that fails. */
static void what_another_manager_created_is_taken_over(void **state)
{
    (void)state;
    others_create(DASHBOARD, NAME, OBJECT(MAP("instanceSelector", MAP("matchLabels")), STRING("json", "{}")));
    cluster_patch(ISTIO, NS, MESH, MODE("GrafanaDashboard"));
    wait_until(is_restored, NULL, PATIENCE, "it is taken over");
    mesh_wait_settled(PATIENCE);
}

static void a_mesh_that_is_deleted_takes_them_along(void **state)
{
    (void)state;
    mesh_delete_and_wait();
    assert_false(cluster_has(DASHBOARD, NS, NAME));
    assert_true(cluster_has(DASHBOARD, NS, "theirs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_config_map_is_written_once_its_namespace_is_there),
        cmocka_unit_test(without_the_definition_the_status_says_so_and_nothing_is_requested),
        cmocka_unit_test(a_definition_that_comes_is_seen),
        cmocka_unit_test(what_is_deleted_or_changed_is_restored),
        cmocka_unit_test(off_takes_them_away_and_nothing_else),
        cmocka_unit_test(what_another_manager_created_is_taken_over),
        cmocka_unit_test(a_mesh_that_is_deleted_takes_them_along),
    };

    return cmocka_run_group_tests_name("cluster dashboards", tests, begin, end);
}
