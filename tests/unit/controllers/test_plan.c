/* What the planner decides, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

static void no_resource_no_action(void **state)
{
    struct plan plan = world_plan(*state);

    assert_int_equal(plan.len, 0);
    plan_release(&plan);
}

static void finalizer_comes_before_anything_is_made(void **state)
{
    struct world *w = *state;
    struct plan plan;

    world_put_mesh(w, SPEC);
    plan = world_plan(w);
    assert_int_equal(plan.len, 1);
    assert_int_equal(plan.actions[0].verb, KUBE_MERGE_PATCH);
    assert_non_null(strstr(plan.actions[0].body, api_resource_istio.finalizer));
    plan_release(&plan);
}

static void install_converges_to_available(void **state)
{
    struct world *w = *state;
    int rounds;

    world_put_mesh(w, SPEC);
    rounds = world_converge(w);
    assert_in_range(rounds, 1, 10);
    assert_int_equal(world_count(w, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 50);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 8);
    expect_status(w, "Status", "Reconciling");
    world_roll_out(w);
    assert_true(world_converge(w) > 0);
    expect_status(w, "Status", "Available");
    expect_status(w, "ErrorMessage", "");
    assert_int_equal(world_converge(w), 0);
}

/* In every round of an install, what is written comes after what it needs. */
static void order_is_kept(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC);
    for (int round = 0; round < 10; round++) {
        struct plan plan = world_plan(w);
        for (size_t i = 0; i < plan.len; i++)
            for (const char *const *name = plan.actions[i].kind->after; name && *name; name++)
                for (size_t k = 0; k < plan.len; k++)
                    if (str_eq(plan.actions[k].kind->kind, *name) && plan.actions[k].verb == KUBE_CREATE)
                        fail_msg(
                            "%s %s is sent beside %s %s, which it needs",
                            plan.actions[i].kind->kind,
                            plan.actions[i].name,
                            *name,
                            plan.actions[k].name);
        world_act(w, &plan);
        plan_release(&plan);
    }
}

static void deleted_object_is_created_again(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Service", NS, "istio-pilot");
    expect_plan(w, "create Service/istio-system/istio-pilot: deleted by another client\n");
    assert_true(world_converge(w) >= 0);
    expect_plan(w, "");
}

static void changed_field_is_restored_and_others_stay(void **state)
{
    struct world *w = *state;
    json_t *service = world_get(w, "v1", "Service", NS, "istio-pilot");
    _cleanup_json_ json_t *healed = NULL;

    json_object_set_new(doc_at(service, "spec", "selector"), "istio", json_string("other"));
    json_object_set_new(doc_make(service, "metadata", "labels"), "team", json_string("edge"));
    json_object_set_new(doc_make(service, "spec"), "clusterIP", json_string("10.0.0.1"));
    world_put(w, service);
    expect_plan(w, "update Service/istio-system/istio-pilot: changed by another client: istio differs\n");
    healed = world_get(w, "v1", "Service", NS, "istio-pilot");
    assert_string_equal(doc_string(healed, "spec", "selector", "istio"), "pilot");
    assert_string_equal(doc_string(healed, "metadata", "labels", "team"), "edge");
    assert_string_equal(doc_string(healed, "spec", "clusterIP"), "10.0.0.1");
}

static void replicas_under_an_autoscaler_are_its_own(void **state)
{
    struct world *w = *state;
    json_t *pilot = world_get(w, "apps/v1", "Deployment", NS, "istio-pilot");
    json_t *citadel = world_get(w, "apps/v1", "Deployment", NS, "istio-citadel");

    json_object_set_new(doc_at(pilot, "spec"), "replicas", json_integer(3));
    json_object_set_new(doc_at(citadel, "spec"), "replicas", json_integer(3));
    world_put(w, pilot);
    world_put(w, citadel);
    expect_plan(w, "update Deployment/istio-system/istio-citadel: changed by another client: replicas differs\n");
}

static void disabled_component_goes_in_order(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"galley\": {\"enabled\": false}}");
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, "apps/v1", "Deployment", NS, "istio-galley"));
    assert_false(world_has(w, "v1", "Service", NS, "istio-galley"));
    assert_false(world_has(w, "v1", "ServiceAccount", NS, "istio-galley-service-account"));
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 7);
    assert_int_equal(world_count(w, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 50);
}

/* Galley registered it for itself; nobody would answer it. */
static void without_galley_its_webhook_goes(void **state)
{
    struct world *w = *state;

    put_galleys_webhook(w);
    put_validating_webhooks(w, "theirs", (const char *const[]){NS}, 1);
    expect_plan(w, "");
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"galley\": {\"enabled\": false}}");
    assert_true(world_converge(w) > 0);
    assert_false(has_validating_webhook(w, "istio-galley"));
    assert_true(has_validating_webhook(w, "theirs"));
    expect_status(w, "Status", "Available");
}

/* Galleys of all meshes use that name. */
static void the_webhook_of_another_meshs_galley_stays(void **state)
{
    static const struct {
        const char *namespaces[2];
        size_t count;
    } cases[] = {{{"shop"}, 1}, {{NS, "shop"}, 2}, {{"shop", NS}, 2}, {{NS, NULL}, 2}, {{NULL}, 1}, {{NULL}, 0}};
    struct world *w = *state;
    json_t *mesh;

    world_put_mesh(w, "{\"galley\": {\"enabled\": false}}");
    assert_true(world_converge(w) > 0);
    for (int removal = 0; removal < 2; removal++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            put_validating_webhooks(w, "istio-galley", cases[i].namespaces, cases[i].count);
            assert_true(world_converge(w) >= 0);
            assert_true(has_validating_webhook(w, "istio-galley"));
        }
        if (removal)
            break;
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
        world_put(w, mesh);
    }
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

static void foreign_objects_are_never_pruned(void **state)
{
    struct world *w = *state;

    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata",
                STRING("name", "theirs"),
                STRING("namespace", NS),
                MAP("labels", STRING(MARK_OWNER, "another-uid")))));
    expect_plan(w, "");
}

/* Where the definitions' API is not served yet, everything else goes on. */
static void custom_objects_wait_for_their_definition(void **state)
{
    struct world *w = *state;
    const struct kube_kind *rule = mesh_kind(KIND_MIXER_RULE);

    w->server.versions[rule - mesh_kinds.rows] = NULL;
    world_put_mesh(w, SPEC);
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "config.istio.io/v1alpha2", "rule"), 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 8);
    w->server.versions[rule - mesh_kinds.rows] = "v1alpha2";
    assert_true(world_converge(w) > 0);
    assert_true(world_count(w, "config.istio.io/v1alpha2", "rule") > 0);
}

static void mutual_tls_tells_clients_first_and_servers_last(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"mtls\": true}");
    expect_plan(
        w,
        "create DestinationRule/istio-system/api-server: not there yet\n"
        "create DestinationRule/istio-system/default: not there yet\n");
    expect_plan(w, "update MeshPolicy/default: mode removed\n");
    assert_true(world_converge(w) >= 0);
    world_put_mesh(w, "{\"mtls\": false}");
    expect_plan(w, "update MeshPolicy/default: mode added\n");
    expect_plan(
        w,
        "remove DestinationRule/istio-system/api-server: no longer desired\n"
        "remove DestinationRule/istio-system/default: no longer desired\n");
}

static void put_undesired(struct world *w, const char *name)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const char *owner = doc_string(mesh, "metadata", "uid");

    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata", STRING("name", name), STRING("namespace", NS), MAP("labels", STRING(MARK_OWNER, owner)))));
}

static void expect_drift(const json_t *mesh, size_t at, const char *object)
{
    assert_string_equal(doc_string(json_array_get(doc_at(mesh, "status", "drift"), at), "object"), object);
}

static void paused_mesh_is_only_looked_at(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = NULL;

    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"pause\": true}");
    assert_true(world_converge(w) >= 0);
    put_undesired(w, "seen-first");
    put_undesired(w, "by-name-first");
    world_delete(w, "v1", "Service", NS, "istio-pilot");
    expect_plan(w, "");
    assert_true(world_converge(w) >= 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    expect_drift(mesh, 0, "ConfigMap/istio-system/by-name-first");
    expect_drift(mesh, 1, "ConfigMap/istio-system/seen-first");
    expect_drift(mesh, 2, "Service/istio-system/istio-pilot");
    world_put_mesh(w, SPEC);
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "v1", "Service", NS, "istio-pilot"));
}

static void invalid_resource_changes_nothing(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"includeIPRanges\": \"10.0.0.0/99\", \"mtls\": true}");
    expect_plan(w, "");
    expect_status(w, "Status", "ReconcileFailed");
}

static void too_new_kubernetes_is_refused(void **state)
{
    struct world *w = *state;

    w->server.minor = 22;
    world_put_mesh(w, SPEC);
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    expect_status(w, "Status", "ReconcileFailed");
}

static void refused_write_is_reported(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Service", NS, "istio-pilot");
    world_fail(w, ERR_FORBIDDEN, KUBE_CREATE, "Service/istio-system/istio-pilot", "no rights");
    for (int i = 0; i < 2; i++) {
        struct plan plan = world_plan(w);
        for (size_t k = 0; k < plan.len; k++)
            if (plan.actions[k].verb != KUBE_CREATE)
                world_act(w, &(struct plan){.actions = &plan.actions[k], .len = 1});
        plan_release(&plan);
    }
    expect_status(w, "Status", "ReconcileFailed");
    expect_status(w, "ErrorMessage", "Service/istio-system/istio-pilot: no rights");
}

static void put_pod_of_pilot(struct world *w, const char *state)
{
    json_t *deployment = world_get(w, "apps/v1", "Deployment", NS, "istio-pilot");

    json_object_set_new(doc_at(deployment, "status"), "availableReplicas", json_integer(0));
    world_put(w, deployment);
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", "istio-pilot-1"),
                STRING("namespace", NS),
                MAP("labels", STRING("istio", "pilot"), STRING("app", "pilot"))),
            MAP("spec",
                SEQ("volumes",
                    ITEM(STRING("name", "istio-certs"), MAP("secret", STRING("secretName", "istio.pilot"))))),
            MAP("status",
                SEQ("containerStatuses",
                    ITEM(STRING("name", "discovery"), MAP("state", MAP("waiting", STRING("reason", state))))))));
}

static void the_secret_that_a_pod_waits_for_is_named(void **state)
{
    const unsigned asked = PLAN_WATCH_PODS | PLAN_WATCH_SECRET_KEYS | PLAN_WATCH_CONFIG_MAP_KEYS;
    struct world *w = *state;
    _cleanup_free_ char *message = NULL, *after = NULL;

    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    assert_int_equal(w->synced & asked, 0);
    put_pod_of_pilot(w, "ContainerCreating");
    assert_true(world_converge(w) >= 0);
    assert_int_equal(w->synced & asked, asked);
    message = world_status(w, "ErrorMessage");
    assert_non_null(strstr(message, "volume istio-certs needs Secret istio.pilot, which does not exist"));
    put_of(w, mesh_kind(KIND_SECRET_KEYS), NS, "istio.pilot", NULL);
    assert_true(world_converge(w) >= 0);
    after = world_status(w, "ErrorMessage");
    assert_null(strstr(after, "istio.pilot"));
}

static void what_a_server_keeps_mixer_from_is_a_condition(void **state)
{
    static const struct {
        int minor;
        const char *spec;
        bool told;
    } cases[] = {
        {10, "{}", false},
        {15, "{}", false},
        {16, "{}", true},
        {21, "{}", true},
        {16, "{\"telemetry\": {\"enabled\": false}}", true},
        {16, "{\"policy\": {\"enabled\": false}}", true},
        {16, "{\"policy\": {\"enabled\": false}, \"telemetry\": {\"enabled\": false}}", false},
        {15, "{\"policy\": {\"enabled\": false}, \"telemetry\": {\"enabled\": false}}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        _cleanup_json_ json_t *condition = NULL, *ready = NULL;
        _cleanup_free_ char *word = NULL, *named = str_printf("Kubernetes 1.%d does not serve", cases[i].minor);

        world_init(&w);
        world_set_minor(&w, cases[i].minor);
        world_put_mesh(&w, cases[i].spec);
        assert_true(world_converge(&w) > 0);
        world_roll_out(&w);
        assert_true(world_converge(&w) >= 0);
        condition = condition_of(&w, "WorkloadAttributes");
        ready = condition_of(&w, "Ready");
        word = world_status(&w, "Status");
        if (!condition != !cases[i].told)
            fail_msg("case %zu: the condition is%s there", i, condition ? "" : " not");
        if (condition) {
            assert_string_equal(doc_string(condition, "status"), "False");
            assert_string_equal(doc_string(condition, "reason"), "ReplicaSetsNotServed");
            assert_non_null(strstr(doc_string(condition, "message"), "no workload attributes"));
            assert_non_null(strstr(doc_string(condition, "message"), named));
        }
        /* It is a mesh as good as can be had there. */
        assert_string_equal(word, "Available");
        assert_string_equal(doc_string(ready, "status"), "True");
        world_release(&w);
    }
}

static void second_resource_is_refused(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *second = NULL;

    world_put(
        w,
        OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Istio"),
            MAP("metadata",
                STRING("name", "another"),
                STRING("namespace", "default"),
                STRING("creationTimestamp", "2019-01-01T00:00:00Z"),
                INT("generation", 1)),
            MAP("spec", BOOL("mtls", true))));
    expect_plan(w, "");
    second = world_get(w, API_GROUP_VERSION, "Istio", "default", "another");
    assert_string_equal(doc_string(second, "status", "Status"), "ReconcileFailed");
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "istio-system/istio"));
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "kubectl -n istio-system apply -f FILE"));
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "kubectl -n default delete istio another"));
    assert_false(world_has(w, "networking.istio.io/v1alpha3", "DestinationRule", NS, "default"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(no_resource_no_action),
        FRESH(finalizer_comes_before_anything_is_made),
        FRESH(install_converges_to_available),
        FRESH(order_is_kept),
        INSTALLED(deleted_object_is_created_again),
        INSTALLED(changed_field_is_restored_and_others_stay),
        INSTALLED(replicas_under_an_autoscaler_are_its_own),
        INSTALLED(disabled_component_goes_in_order),
        INSTALLED(without_galley_its_webhook_goes),
        INSTALLED(the_webhook_of_another_meshs_galley_stays),
        INSTALLED(foreign_objects_are_never_pruned),
        FRESH(custom_objects_wait_for_their_definition),
        INSTALLED(mutual_tls_tells_clients_first_and_servers_last),
        INSTALLED(paused_mesh_is_only_looked_at),
        INSTALLED(invalid_resource_changes_nothing),
        FRESH(too_new_kubernetes_is_refused),
        INSTALLED(refused_write_is_reported),
        INSTALLED(the_secret_that_a_pod_waits_for_is_named),
        cmocka_unit_test(what_a_server_keeps_mixer_from_is_a_condition),
        INSTALLED(second_resource_is_refused),
    };

    return cmocka_run_group_tests_name("controllers plan", tests, NULL, NULL);
}
