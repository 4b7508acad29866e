/*
 * A mesh for the Prometheus operator on a real API server: with its definitions and without, and with what others have
 * under the same names.
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

#define API "monitoring.coreos.com/v1"
#define SERVICE_MONITOR kind_of(API, "ServiceMonitor")
#define POD_MONITOR kind_of(API, "PodMonitor")
#define PROMETHEUS_RULE kind_of(API, "PrometheusRule")
#define PROMETHEUS kind_of(API, "Prometheus")
#define OWN "istio-operator" /* what is about the operator itself */
#define MODE(mode)                                                                                                     \
    "{\"spec\": {\"monitoring\": {\"prometheus\": {\"mode\": \"" mode "\", \"labels\": {\"release\": \"a\"}}}}}"

/* The newest Kubernetes that Istio 1.1 runs on. */
enum { NEWEST_OF_1_1 = 21 };

static const enum mesh_kind_id kinds[] = {
    KIND_SERVICE_MONITOR, KIND_POD_MONITOR, KIND_PROMETHEUS_RULE, KIND_PROMETHEUS};

static void delete_definitions(void)
{
    others_delete_definitions(kinds, ARRAY_LEN(kinds));
}

static void wait_condition(const char *reason)
{
    mesh_wait_condition("MetricsScraped", reason);
}

static int begin(void **state)
{
    if (harness_setup(state) != 0)
        return -1;
    delete_definitions();
    operator_start();
    mesh_create(cluster_minor() > NEWEST_OF_1_1 ? "{\"version\": \"1.31.1\"}" : "{\"version\": \"1.1.17\"}");
    mesh_wait_settled(PATIENCE);
    return 0;
}

static int end(void **state)
{
    mesh_delete_and_wait();
    operator_kill(15);
    delete_definitions();
    return harness_teardown(state);
}

static void without_definitions_the_status_says_so_and_nothing_is_requested(void **state)
{
    long position = audit_is_on() ? audit_position() : 0;

    (void)state;
    cluster_patch(ISTIO, NS, MESH, MODE("PrometheusOperator"));
    wait_condition("DefinitionsMissing");
    mesh_wait_settled(PATIENCE);
    if (audit_is_on())
        assert_int_equal(others_requests(mesh_kind(kinds[0])->group, position), 0);
}

struct labelled {
    const struct kube_kind *kind;
    const char *name, *label;
};

/* With the label of the mesh's field, beside what was there. */
static bool is_taken_over(void *context)
{
    const struct labelled *o = context;
    _cleanup_json_ json_t *object = cluster_get(o->kind, NS, o->name);

    wait_saw("%s", object ? "it has other labels" : "it is not there");
    return str_eq(doc_string(object, "metadata", "labels", "release"), "a") &&
           (!o->label || str_eq(doc_string(object, "metadata", "labels", o->label), "yes"));
}

static void wait_taken_over(const struct kube_kind *kind, const char *name, const char *label)
{
    wait_until(is_taken_over, &(struct labelled){kind, name, label}, PATIENCE, name);
}

/* With one of another name there. */
static void definitions_that_come_are_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        others_create_definition(mesh_kind(kinds[i]));
    others_create(SERVICE_MONITOR, "theirs", OBJECT(MAP("selector")));
    wait_taken_over(SERVICE_MONITOR, "istio-component-monitor", NULL);
    wait_taken_over(POD_MONITOR, "envoy-stats-monitor", NULL);
    wait_taken_over(SERVICE_MONITOR, OWN, NULL);
    wait_taken_over(PROMETHEUS_RULE, OWN, NULL);
    wait_condition("NoPrometheus");
}

static void a_prometheus_that_selects_them_is_found(void **state)
{
    (void)state;
    others_create(
        PROMETHEUS,
        "k8s",
        OBJECT(MAP("serviceMonitorSelector", MAP("matchLabels", STRING("release", "b"))), MAP("podMonitorSelector")));
    wait_condition("NotSelected");
    cluster_patch(
        PROMETHEUS, NS, "k8s", "{\"spec\": {\"serviceMonitorSelector\": {\"matchLabels\": {\"release\": \"a\"}}}}");
    wait_condition("Selected");
}

static void what_is_deleted_or_changed_is_restored(void **state)
{
    (void)state;
    cluster_delete(SERVICE_MONITOR, NS, "istio-component-monitor");
    cluster_delete(POD_MONITOR, NS, "envoy-stats-monitor");
    cluster_delete(PROMETHEUS_RULE, NS, OWN);
    wait_taken_over(SERVICE_MONITOR, "istio-component-monitor", NULL);
    wait_taken_over(POD_MONITOR, "envoy-stats-monitor", NULL);
    wait_taken_over(PROMETHEUS_RULE, OWN, NULL);
    cluster_patch(PROMETHEUS_RULE, NS, OWN, "{\"metadata\": {\"labels\": {\"release\": \"b\"}}}");
    cluster_patch(SERVICE_MONITOR, NS, "istio-component-monitor", "{\"metadata\": {\"labels\": {\"release\": \"b\"}}}");
    cluster_patch(POD_MONITOR, NS, "envoy-stats-monitor", "{\"metadata\": {\"labels\": {\"release\": \"b\"}}}");
    wait_taken_over(SERVICE_MONITOR, "istio-component-monitor", NULL);
    wait_taken_over(POD_MONITOR, "envoy-stats-monitor", NULL);
    wait_taken_over(PROMETHEUS_RULE, OWN, NULL);
}

static void off_takes_them_away_and_nothing_else(void **state)
{
    struct place services = {SERVICE_MONITOR, NS, "istio-component-monitor"},
                 pods = {POD_MONITOR, NS, "envoy-stats-monitor"}, rules = {PROMETHEUS_RULE, NS, OWN};

    (void)state;
    cluster_patch(ISTIO, NS, MESH, MODE("None"));
    wait_until(cluster_lacks, &services, PATIENCE, services.name);
    wait_until(cluster_lacks, &pods, PATIENCE, pods.name);
    wait_until(cluster_lacks, &rules, PATIENCE, rules.name);
    wait_condition("");
    assert_true(cluster_has(SERVICE_MONITOR, NS, "theirs"));
    assert_true(cluster_has(PROMETHEUS, NS, "k8s"));
}

/* They have no label of the operator's, and are found by the creates that fail. */
static void what_another_manager_created_is_taken_over(void **state)
{
    (void)state;
    others_create(SERVICE_MONITOR, "istio-component-monitor", OBJECT(MAP("selector")));
    others_create(POD_MONITOR, "envoy-stats-monitor", OBJECT(MAP("selector")));
    others_create(PROMETHEUS_RULE, OWN, OBJECT(SEQ("groups")));
    cluster_patch(ISTIO, NS, MESH, MODE("PrometheusOperator"));
    wait_taken_over(SERVICE_MONITOR, "istio-component-monitor", "theirs");
    wait_taken_over(POD_MONITOR, "envoy-stats-monitor", "theirs");
    wait_taken_over(PROMETHEUS_RULE, OWN, "theirs");
    wait_condition("Selected");
    mesh_wait_settled(PATIENCE);
}

static void a_mesh_that_is_deleted_takes_them_along(void **state)
{
    (void)state;
    mesh_delete_and_wait();
    assert_false(cluster_has(SERVICE_MONITOR, NS, "istio-component-monitor"));
    assert_false(cluster_has(POD_MONITOR, NS, "envoy-stats-monitor"));
    assert_false(cluster_has(PROMETHEUS_RULE, NS, OWN));
    assert_true(cluster_has(SERVICE_MONITOR, NS, "theirs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_definitions_the_status_says_so_and_nothing_is_requested),
        cmocka_unit_test(definitions_that_come_are_seen),
        cmocka_unit_test(a_prometheus_that_selects_them_is_found),
        cmocka_unit_test(what_is_deleted_or_changed_is_restored),
        cmocka_unit_test(off_takes_them_away_and_nothing_else),
        cmocka_unit_test(what_another_manager_created_is_taken_over),
        cmocka_unit_test(a_mesh_that_is_deleted_takes_them_along),
    };

    return cmocka_run_group_tests_name("cluster monitors", tests, begin, end);
}
