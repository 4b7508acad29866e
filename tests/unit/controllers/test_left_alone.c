/* What the planner leaves alone: objects that the user annotated, and what no update can change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

static void put_other_immutable_data(struct world *w)
{
    json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio");

    json_object_set_new(config, "immutable", json_true());
    json_object_set_new(doc_at(config, "data"), "mesh", json_string("other"));
    world_put(w, config);
}

static void what_no_update_can_change_waits_for_its_user(void **state)
{
    struct world *w = *state;

    put_other_immutable_data(w);
    /* No write of it is tried, and it is no obstacle to others, also of kinds that come after it. */
    world_delete(w, "apps/v1", "Deployment", NS, "istio-pilot");
    expect_plan(w, "create Deployment/istio-system/istio-pilot: deleted by another client\n");
    assert_true(world_converge(w) >= 0);
    expect_status(w, "Status", "ReconcileFailed");
    expect_status(
        w,
        "ErrorMessage",
        "ConfigMap/istio-system/istio: it is immutable and has other data; delete it, and the operator creates it "
        "again");
    expect_plan(w, "");
    /* It comes back immediately after the user did that. */
    world_delete(w, "v1", "ConfigMap", NS, "istio");
    expect_plan(w, "create ConfigMap/istio-system/istio: deleted by another client\n");
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    expect_status(w, "Status", "Available");
}

static void a_paused_mesh_does_not_fail_by_what_no_update_can_change(void **state)
{
    struct world *w = *state;

    put_other_immutable_data(w);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"pause\": true}");
    assert_true(world_converge(w) >= 0);
    expect_status(w, "Status", "Reconciling");
}

static void ignored_object_is_left_alone(void **state)
{
    struct world *w = *state;
    json_t *service = world_get(w, "v1", "Service", NS, "istio-pilot");

    json_object_set_new(doc_at(service, "spec", "selector"), "istio", json_string("other"));
    json_object_set_new(doc_make(service, "metadata", "annotations"), MARK_IGNORE, json_string("true"));
    world_put(w, service);
    expect_plan(w, "");
    assert_true(world_converge(w) >= 0);
    expect_status(w, "Status", "Available");
}

/* Left alone, and without our mark: a list of owned objects would not have it. */
static void hide(struct world *w, const char *api_version, const char *kind, const char *name)
{
    json_t *object = world_get(w, api_version, kind, NS, name);

    json_object_set_new(doc_make(object, "metadata", "annotations"), MARK_IGNORE, json_string("true"));
    json_object_del(doc_at(object, "metadata", "labels"), MARK_OWNER);
    world_put(w, object);
    assert_true(world_converge(w) >= 0);
    expect_status(w, "Status", "Available");
}

static void expect_only_creates(struct world *w, size_t count)
{
    struct plan plan = world_plan(w);

    assert_int_equal(plan.len, count);
    for (size_t i = 0; i < plan.len; i++)
        assert_int_equal(plan.actions[i].verb, KUBE_CREATE);
    plan_release(&plan);
}

/* After a start of the operator: the create will find it, and then the status is what it was. */
static void what_was_left_alone_and_is_not_seen_changes_no_status(void **state)
{
    struct world *w = *state;
    const struct kube_kind *kind = mesh_kind(KIND_DEPLOYMENT);
    json_t *deployment;

    hide(w, "v1", "Service", "istio-pilot");
    hide(w, "apps/v1", "Deployment", "istio-pilot");
    deployment = world_get(w, "apps/v1", "Deployment", NS, "istio-pilot");
    assert_true(
        kube_cache_remove(w->cache, kind, NS, "istio-pilot", doc_string(deployment, "metadata", "resourceVersion")));
    expect_only_creates(w, 1);
    world_put(w, deployment);
    expect_only_creates(w, 0);
}

static void what_was_left_alone_and_is_gone_is_made_again(void **state)
{
    struct world *w = *state;

    hide(w, "v1", "Service", "istio-pilot");
    world_delete(w, "v1", "Service", NS, "istio-pilot");
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "v1", "Service", NS, "istio-pilot"));
    expect_status(w, "Status", "Available");
}

static void more_missing_than_was_left_alone_is_reported(void **state)
{
    struct world *w = *state;
    struct plan plan;

    hide(w, "v1", "Service", "istio-pilot");
    world_delete(w, "v1", "Service", NS, "istio-pilot");
    world_delete(w, "v1", "Service", NS, "istio-galley");
    plan = world_plan(w);
    assert_int_equal(plan.len, 3);
    world_act(w, &plan);
    plan_release(&plan);
    expect_status(w, "Status", "Reconciling");
}

static void what_was_left_alone_and_cannot_be_looked_for_is_reported(void **state)
{
    struct world *w = *state;
    struct plan plan;

    hide(w, "v1", "Service", "istio-pilot");
    world_delete(w, "v1", "Service", NS, "istio-pilot");
    world_fail(w, ERR_FORBIDDEN, KUBE_CREATE, "Service/istio-system/istio-pilot", "no rights");
    plan = world_plan(w);
    assert_int_equal(plan.len, 2);
    world_act(w, &plan);
    plan_release(&plan);
    expect_status(w, "Status", "ReconcileFailed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(what_no_update_can_change_waits_for_its_user),
        INSTALLED(a_paused_mesh_does_not_fail_by_what_no_update_can_change),
        INSTALLED(ignored_object_is_left_alone),
        INSTALLED(what_was_left_alone_and_is_not_seen_changes_no_status),
        INSTALLED(what_was_left_alone_and_is_gone_is_made_again),
        INSTALLED(more_missing_than_was_left_alone_is_reported),
        INSTALLED(what_was_left_alone_and_cannot_be_looked_for_is_reported),
    };

    return cmocka_run_group_tests_name("controllers left alone", tests, NULL, NULL);
}
