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
        "again; Deployment/istio-system/istio-pilot: waits for ConfigMap/istio-system/istio");
    expect_plan(w, "");
    /* It comes back immediately after the user did that, and Pilot, which read the other data, is restarted. */
    world_delete(w, "v1", "ConfigMap", NS, "istio");
    expect_plan(w, "create ConfigMap/istio-system/istio: deleted by another client\n");
    expect_plan(w, "update Deployment/istio-system/istio-pilot: checksum/config-volume differs\n");
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

static void what_was_left_alone_and_was_deleted_is_created_again(void **state)
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

/* A definition of Istio 1.0 with another category than the desired one. */
static json_t *take_definition(struct world *w)
{
    json_t *definition =
        world_get(w, "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", NULL, "gateways.networking.istio.io");

    json_array_append_new(doc_at(definition, "spec", "names", "categories"), json_string("all"));
    return definition;
}

static void expect_left_as_newer(struct world *w)
{
    _cleanup_json_ json_t *ready = NULL;

    expect_plan(w, "");
    assert_true(world_converge(w) >= 0);
    /* Nor is it found to differ later. */
    expect_plan(w, "");
    expect_status(w, "Status", "Available");
    ready = condition_of(w, "Ready");
    assert_string_equal(
        doc_string(ready, "message"),
        "CustomResourceDefinition/gateways.networking.istio.io is of a newer release than this operator's, and left as "
        "it is");
}

static void a_definition_of_a_newer_release_is_left_as_it_is(void **state)
{
    struct world *w = *state;
    json_t *definition = take_definition(w);

    json_object_set_new(doc_make(definition, "metadata", "labels"), MARK_RELEASE, json_string("1.31.4"));
    world_put(w, definition);
    expect_left_as_newer(w);
}

static void a_definition_with_a_newer_version_is_left_as_it_is(void **state)
{
    struct world *w = *state;
    json_t *definition = take_definition(w);

    json_object_set_new(
        doc_at(definition, "spec"),
        "versions",
        ARRAY(ITEM(STRING("name", "v1alpha3")), ITEM(STRING("name", "v1"), BOOL("served", true))));
    world_put(w, definition);
    expect_left_as_newer(w);
}

static void another_definition_is_restored(void **state)
{
    struct world *w = *state;

    world_put(w, take_definition(w));
    expect_plan(
        w,
        "update CustomResourceDefinition/gateways.networking.istio.io: changed by another client: categories "
        "differs\n");
}

/* A newer definition that another program created, when the mesh is new. */
static void an_install_leaves_a_newer_definition_as_it_is(void **state)
{
    struct world *w = *state;
    const char *kind = "CustomResourceDefinition", *name = "gateways.networking.istio.io";
    _cleanup_json_ json_t *before = NULL, *after = NULL;
    json_t *definition = take_definition(w);

    json_object_del(doc_at(definition, "metadata"), "annotations");
    json_object_set_new(doc_at(definition, "metadata"), "labels", OBJECT(STRING(MARK_RELEASE, "1.31.4")));
    world_put(w, definition);
    before = world_get(w, "apiextensions.k8s.io/v1beta1", kind, NULL, name);
    expect_left_as_newer(w);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"mtls\": true}");
    assert_true(world_converge(w) >= 0);
    after = world_get(w, "apiextensions.k8s.io/v1beta1", kind, NULL, name);
    assert_true(doc_equal(before, after));
}

/* --- what Helm made of Istio 1.1 --- */

/* Its chart selects by these labels of the Pods, too. */
static void select_as_helm(json_t *object)
{
    json_t *pod = doc_at(object, "spec", "template", "metadata", "labels"),
           *selector = doc_at(object, "spec", "selector");
    json_t *labels = doc_at(selector, "matchLabels");

    if (json_object_size(pod))
        json_object_set_new(selector, "matchLabels", doc_copy(pod));
    else
        json_object_set_new(labels ? labels : selector, "release", json_string("Helm"));
}

/* A selector can never be changed, and what is selected keeps its labels: nothing is restarted or created again. */
static void what_helm_made_of_istio_1_1_is_taken_over_as_it_is(void **state)
{
    static const struct {
        const char *version, *kind, *name;
    } objects[] = {
        {"apps/v1", "Deployment", "istio-citadel"},
        {"apps/v1", "Deployment", "istio-galley"},
        {"apps/v1", "Deployment", "istio-sidecar-injector"},
        {"apps/v1", "Deployment", "istio-ingressgateway"},
        {"v1", "Service", "istio-ingressgateway"},
        {"policy/v1beta1", "PodDisruptionBudget", "istio-ingressgateway"},
    };
    struct world *w = *state;
    json_t *before[ARRAY_LEN(objects)];

    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    world_roll_out(w);
    settle(w);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        json_t *object = world_get(w, objects[i].version, objects[i].kind, NS, objects[i].name);
        as_helm(object);
        select_as_helm(object);
        before[i] = doc_copy(object);
        world_put(w, object);
    }
    settle(w);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        _cleanup_json_ json_t *after = world_get(w, objects[i].version, objects[i].kind, NS, objects[i].name);
        const json_t *selector = doc_at(after, "spec", "selector");
        bool deployment = str_eq(objects[i].kind, "Deployment");
        assert_non_null(doc_string(after, "metadata", "labels", MARK_OWNER));
        assert_string_equal(doc_string(after, "metadata", "uid"), doc_string(before[i], "metadata", "uid"));
        if (deployment)
            assert_true(json_equal(doc_at(after, "spec"), doc_at(before[i], "spec")));
        else /* Pods that the operator creates again have no such label. */
            assert_null(
                doc_string(str_eq(objects[i].kind, "Service") ? selector : doc_at(selector, "matchLabels"), "release"));
        json_decref(before[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(what_no_update_can_change_waits_for_its_user),
        INSTALLED(a_paused_mesh_does_not_fail_by_what_no_update_can_change),
        INSTALLED(ignored_object_is_left_alone),
        INSTALLED(what_was_left_alone_and_is_not_seen_changes_no_status),
        INSTALLED(what_was_left_alone_and_was_deleted_is_created_again),
        INSTALLED(more_missing_than_was_left_alone_is_reported),
        INSTALLED(what_was_left_alone_and_cannot_be_looked_for_is_reported),
        INSTALLED(a_definition_of_a_newer_release_is_left_as_it_is),
        INSTALLED(a_definition_with_a_newer_version_is_left_as_it_is),
        INSTALLED(another_definition_is_restored),
        INSTALLED(an_install_leaves_a_newer_definition_as_it_is),
        FRESH(what_helm_made_of_istio_1_1_is_taken_over_as_it_is),
    };

    return cmocka_run_group_tests_name("controllers left alone", tests, NULL, NULL);
}
