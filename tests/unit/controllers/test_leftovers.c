/* What an earlier operator left: objects with an ownerReference to the resource, and without the owner label. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

static json_t *mesh_reference(struct world *w)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        STRING("name", "istio"),
        STRING("uid", doc_string(mesh, "metadata", "uid")));
}

/* Takes over `reference` and `spec`, which may be NULL. */
static void put_left(
    struct world *w, enum mesh_kind_id id, const char *api_version, const char *name, json_t *reference,
    json_t *annotations, json_t *spec)
{
    const struct kube_kind *kind = mesh_kind(id);

    world_put_as(
        w,
        kind,
        OBJECT(
            STRING("apiVersion", api_version),
            STRING("kind", kind->kind),
            MAP("metadata",
                STRING("name", name),
                OPT(kind->namespaced, STRING("namespace", NS)),
                VALUE("annotations", annotations),
                OPT(reference, SEQ("ownerReferences", ITEM_VALUE(reference)))),
            VALUE("spec", spec)));
}

#define SCALES(deployment)                                                                                             \
    OBJECT(MAP(                                                                                                        \
        "scaleTargetRef", STRING("apiVersion", "apps/v1"), STRING("kind", "Deployment"), STRING("name", deployment)))

static void put_leftovers(struct world *w)
{
    put_left(
        w, KIND_LEFT_ROLE, "rbac.authorization.k8s.io/v1", "istio-pilot-cluster-role", mesh_reference(w), NULL, NULL);
    put_left(
        w,
        KIND_LEFT_BINDING,
        "rbac.authorization.k8s.io/v1",
        "istio-pilot-cluster-role-binding",
        mesh_reference(w),
        NULL,
        NULL);
    put_left(
        w,
        KIND_LEFT_AUTOSCALER,
        "autoscaling/v2beta1",
        "istio-pilot-autoscaler",
        mesh_reference(w),
        NULL,
        SCALES("istio-pilot"));
}

static size_t count_left(struct world *w, enum mesh_kind_id id)
{
    return kube_cache_count(w->cache, mesh_kind(id));
}

static void what_an_earlier_operator_made_is_removed(void **state)
{
    struct world *w = *state;

    put_leftovers(w);
    expect_plan(
        w,
        "remove ClusterRole/istio-pilot-cluster-role: created by an earlier operator, and no longer desired\n"
        "remove ClusterRoleBinding/istio-pilot-cluster-role-binding: created by an earlier operator, and no longer "
        "desired\n"
        "remove HorizontalPodAutoscaler/istio-system/istio-pilot-autoscaler: created by an earlier operator, and no "
        "longer "
        "desired\n");
    assert_true(world_converge(w) >= 0);
    assert_int_equal(count_left(w, KIND_LEFT_ROLE), 0);
    assert_int_equal(count_left(w, KIND_LEFT_BINDING), 0);
    assert_int_equal(count_left(w, KIND_LEFT_AUTOSCALER), 0);
    assert_true(world_has(w, "autoscaling/v2", "HorizontalPodAutoscaler", NS, "istio-pilot"));
    expect_status(w, "Status", "Available");
}

/* The roles are those of Pods that run, so they go when ours are there; a second autoscaler goes immediately. */
static void a_second_autoscaler_goes_before_the_rest(void **state)
{
    struct world *w = *state;
    _cleanup_free_ char *first = NULL;
    struct plan plan;

    world_put_mesh(w, SPEC);
    plan = world_plan(w);
    world_act(w, &plan); /* the finalizer */
    plan_release(&plan);
    put_leftovers(w);
    plan = world_plan(w);
    first = world_describe(&plan);
    assert_non_null(strstr(first, "remove HorizontalPodAutoscaler/istio-system/istio-pilot-autoscaler"));
    assert_null(strstr(first, "remove ClusterRole"));
    plan_release(&plan);
    assert_true(world_converge(w) > 0);
    assert_int_equal(count_left(w, KIND_LEFT_ROLE), 0);
}

/* The webhook would refuse Pods, were its Service to go first. */
static void parts_that_are_switched_off_go_in_order(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"sidecarInjector\": {\"enabled\": false}}");
    assert_true(world_converge(w) >= 0);
    put_left(w, KIND_LEFT_DEPLOYMENT, "apps/v1", "istio-sidecar-injector", mesh_reference(w), NULL, NULL);
    put_left(w, KIND_LEFT_SERVICE, "v1", "istio-sidecar-injector", mesh_reference(w), NULL, NULL);
    put_left(
        w,
        KIND_LEFT_WEBHOOK,
        "admissionregistration.k8s.io/v1",
        "istio-sidecar-injector",
        mesh_reference(w),
        NULL,
        NULL);
    expect_plan(
        w,
        "remove MutatingWebhookConfiguration/istio-sidecar-injector: created by an earlier operator, and no longer "
        "desired\n");
    assert_true(world_converge(w) > 0);
    assert_int_equal(count_left(w, KIND_LEFT_DEPLOYMENT), 0);
    assert_int_equal(count_left(w, KIND_LEFT_SERVICE), 0);
}

static void what_is_of_others_stays(void **state)
{
    struct world *w = *state;
    json_t *another = mesh_reference(w);

    json_object_set_new(another, "uid", json_string("uid-of-another"));
    put_left(w, KIND_LEFT_ROLE, "rbac.authorization.k8s.io/v1", "of-another-mesh", another, NULL, NULL);
    put_left(w, KIND_LEFT_ROLE, "rbac.authorization.k8s.io/v1", "of-nobody", NULL, NULL, NULL);
    /* What has our note, and no label, was taken from us by a user; what is desired will be adopted. */
    put_left(
        w,
        KIND_LEFT_DEPLOYMENT,
        "apps/v1",
        "kept-by-a-user",
        mesh_reference(w),
        OBJECT(STRING(MARK_APPLIED, "{}")),
        NULL);
    put_left(
        w, KIND_LEFT_SERVICE, "v1", "ignored-by-a-user", mesh_reference(w), OBJECT(STRING(MARK_IGNORE, "true")), NULL);
    put_left(w, KIND_LEFT_SERVICE, "v1", "istio-pilot", mesh_reference(w), NULL, NULL);
    expect_plan(w, "");
    assert_int_equal(count_left(w, KIND_LEFT_ROLE), 1); /* one without an owner is not even kept */
}

static void an_autoscaler_of_others_is_named(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = NULL;
    const json_t *ready;

    put_left(w, KIND_LEFT_AUTOSCALER, "autoscaling/v1", "mine", NULL, NULL, SCALES("istio-pilot"));
    put_left(w, KIND_LEFT_AUTOSCALER, "autoscaling/v1", "unrelated", NULL, NULL, SCALES("shop"));
    put_left(w, KIND_LEFT_AUTOSCALER, "autoscaling/v1", "odd", NULL, NULL, NULL);
    assert_true(world_converge(w) > 0);
    expect_status(w, "Status", "Available");
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    ready = doc_find(doc_at(mesh, "status", "conditions"), "type", "Ready");
    assert_non_null(strstr(doc_string(ready, "message"), "mine (istio-pilot)"));
    assert_null(strstr(doc_string(ready, "message"), "unrelated"));
    assert_null(strstr(doc_string(ready, "message"), "odd"));
    assert_int_equal(count_left(w, KIND_LEFT_AUTOSCALER), 3);
}

static void deletion_takes_what_an_earlier_operator_made(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    put_leftovers(w);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_int_equal(count_left(w, KIND_LEFT_ROLE), 0);
    assert_int_equal(count_left(w, KIND_LEFT_AUTOSCALER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(what_an_earlier_operator_made_is_removed),
        FRESH(a_second_autoscaler_goes_before_the_rest),
        FRESH(parts_that_are_switched_off_go_in_order),
        INSTALLED(what_is_of_others_stays),
        INSTALLED(an_autoscaler_of_others_is_named),
        INSTALLED(deletion_takes_what_an_earlier_operator_made),
    };

    return cmocka_run_group_tests_name("controllers leftovers", tests, NULL, NULL);
}
