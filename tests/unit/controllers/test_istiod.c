/* Today's Istio, as the planner installs it, takes it over and leaves others' fields alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define MINOR 34
#define TODAY "{\"version\": \"1.31.1\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"]}"

#define APPS "apps/v1"
#define WEBHOOKS "admissionregistration.k8s.io/v1"

static int begin(void **state)
{
    mesh_begin(state);
    for (size_t i = 0; i < mesh_kinds.len; i++)
        ((struct world *)*state)->server.versions[i] = kube_kind_version_for(&mesh_kinds.rows[i], MINOR);
    ((struct world *)*state)->server.minor = MINOR;
    world_put_mesh(*state, TODAY);
    return 0;
}

static int begin_installed(void **state)
{
    begin(state);
    assert_true(world_converge(*state) > 0);
    world_roll_out(*state);
    assert_true(world_converge(*state) >= 0);
    return 0;
}

/* The number of the plan that first says so; 0: none of them. */
static int first_plan_with(struct world *w, const char *const *lines, size_t count, int *ret)
{
    int rounds = 0;

    memset(ret, 0, count * sizeof(*ret));
    for (;;) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *text = world_describe(&plan);
        bool done = !plan.len;
        rounds++;
        for (size_t i = 0; i < count; i++)
            if (!ret[i] && strstr(text, lines[i]))
                ret[i] = rounds;
        world_act(w, &plan);
        plan_release(&plan);
        if (done || rounds == 30)
            return rounds;
    }
}

/* A gateway's Pod that is created before there is a webhook has no proxy, and never gets one. */
static void a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy(void **state)
{
    static const char *const lines[] = {
        "create RoleBinding/istio-system/istiod:",
        "create Deployment/istio-system/istiod:",
        "create MutatingWebhookConfiguration/istio-sidecar-injector:",
        "create Deployment/istio-system/istio-ingressgateway:",
    };
    int first[ARRAY_LEN(lines)];

    assert_true(first_plan_with(*state, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0);
    for (size_t i = 1; i < ARRAY_LEN(lines); i++)
        if (first[i] <= first[i - 1])
            fail_msg("%s in plan %d, but %s in plan %d", lines[i], first[i], lines[i - 1], first[i - 1]);
}

/* So too when both were deleted. */
static void a_gateway_is_restored_after_the_webhook(void **state)
{
    struct world *w = *state;
    struct plan plan;
    _cleanup_free_ char *text = NULL;

    world_delete(w, APPS, "Deployment", NS, "istio-ingressgateway");
    world_delete(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    plan = world_plan(w);
    text = world_describe(&plan);
    assert_non_null(strstr(text, "create MutatingWebhookConfiguration/istio-sidecar-injector"));
    assert_null(strstr(text, "Deployment"));
    world_act(w, &plan);
    plan_release(&plan);
    expect_plan(w, "create Deployment/istio-system/istio-ingressgateway: deleted by another client\n");
}

static void the_mesh_becomes_available(void **state)
{
    expect_status(*state, "Status", "Available");
    expect_status(*state, "version", "1.31.1");
}

/* istiod writes caBundle and failurePolicy, the autoscaler replicas. */
static void fields_of_others_are_left_alone(void **state)
{
    static const char *const validators[] = {"istio-validator-istio-system", "istiod-default-validator"};
    struct world *w = *state;
    json_t *injector = world_get(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    json_t *istiod = world_get(w, APPS, "Deployment", NS, "istiod"), *webhook;
    size_t i;

    json_array_foreach(doc_at(injector, "webhooks"), i, webhook)
        json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
    world_put(w, injector);
    for (size_t k = 0; k < ARRAY_LEN(validators); k++) {
        json_t *validator = world_get(w, WEBHOOKS, "ValidatingWebhookConfiguration", NULL, validators[k]);
        webhook = json_array_get(doc_at(validator, "webhooks"), 0);
        json_object_set_new(webhook, "failurePolicy", json_string("Fail"));
        json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
        world_put(w, validator);
    }
    json_object_set_new(doc_at(istiod, "spec"), "replicas", json_integer(4));
    world_put(w, istiod);
    expect_plan(w, "");
}

/* What Helm adds to its objects. */
static void as_helm(json_t *object)
{
    static const char *const labels[] = {"app.kubernetes.io/managed-by", "helm.sh/chart", "release"};
    json_t *metadata = doc_at(object, "metadata"), *pod = doc_at(object, "spec", "template", "metadata");

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        json_object_set_new(doc_make(metadata, "labels"), labels[i], json_string("Helm"));
        json_object_set_new(doc_make(pod, "labels"), labels[i], json_string("Helm"));
    }
    json_object_del(doc_at(metadata, "labels"), MARK_OWNER);
    json_object_del(metadata, "annotations");
}

/* What is taken over is not restarted: its Pods stay as they are. */
static void the_pods_of_an_istiod_that_helm_installed_stay(void **state)
{
    struct world *w = *state;
    json_t *helms = world_get(w, APPS, "Deployment", NS, "istiod");
    _cleanup_json_ json_t *before = NULL, *after = NULL;

    as_helm(helms);
    before = doc_copy(doc_at(helms, "spec"));
    world_put(w, helms);
    assert_true(world_converge(w) > 0);
    after = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_non_null(doc_string(after, "metadata", "labels", MARK_OWNER));
    assert_true(json_equal(before, doc_at(after, "spec")));
}

static void deletion_takes_the_webhooks_first(void **state)
{
    static const char *const lines[] = {
        "remove MutatingWebhookConfiguration/istio-sidecar-injector:",
        "remove Deployment/istio-system/istiod:",
        "remove ServiceAccount/istio-system/istiod:",
    };
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    int first[ARRAY_LEN(lines)];

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2026-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0 && first[1] > first[0] && first[2] > first[1]);
    assert_int_equal(world_count(w, WEBHOOKS, "ValidatingWebhookConfiguration"), 0);
    assert_int_equal(world_count(w, "rbac.authorization.k8s.io/v1", "RoleBinding"), 0);
}

#define IN_EMPTY(test) cmocka_unit_test_setup_teardown(test, begin, mesh_end)
#define RUNNING(test) cmocka_unit_test_setup_teardown(test, begin_installed, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_EMPTY(a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy),
        RUNNING(a_gateway_is_restored_after_the_webhook),
        RUNNING(the_mesh_becomes_available),
        RUNNING(fields_of_others_are_left_alone),
        RUNNING(the_pods_of_an_istiod_that_helm_installed_stay),
        RUNNING(deletion_takes_the_webhooks_first),
    };

    return cmocka_run_group_tests_name("controllers istiod", tests, NULL, NULL);
}
