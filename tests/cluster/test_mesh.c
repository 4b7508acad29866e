/* What must hold of a mesh on a real cluster: installed, kept so, others left alone, ended well. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "healing.h"
#include "reconcile/marks.h"

#define SAMPLE                                                                                                         \
    "{\"mtls\": false, \"includeIPRanges\": \"*\", \"excludeIPRanges\": \"\","                                         \
    " \"autoInjectionNamespaces\": [\"default\"], \"controlPlaneSecurityEnabled\": false}"
#define TO_BE_AVAILABLE SECONDS(180)

static void installs_until_available(void **state)
{
    _cleanup_json_ json_t *objects = NULL, *crds = NULL;
    _cleanup_free_ char *version = NULL;

    (void)state;
    operator_start();
    mesh_create(SAMPLE);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    objects = mesh_objects_in_cluster();
    crds = cluster_list(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), MARK_OWNER);
    version = mesh_status("version");
    assert_int_equal(json_array_size(crds), 50);
    assert_int_equal(json_array_size(objects), operator_metric("managed_objects"));
    assert_string_equal(version, "1.0.5");
}

static bool deployment_runs(const char *name)
{
    _cleanup_json_ json_t *d = cluster_get(DEPLOYMENT, NS, name);

    return doc_int(doc_at(d, "status", "availableReplicas"), 0) >= 1;
}

static void available_means_that_every_deployment_runs(void **state)
{
    static const char *const names[] = {
        "istio-citadel",
        "istio-galley",
        "istio-pilot",
        "istio-policy",
        "istio-telemetry",
        "istio-sidecar-injector",
        "istio-ingressgateway",
        "istio-egressgateway"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!deployment_runs(names[i]))
            fail_msg("status is Available, but Deployment %s is not", names[i]);
}

static void every_deleted_object_comes_back(void **state)
{
    (void)state;
    healing_after_deletions(101);
}

static void every_changed_field_is_restored(void **state)
{
    (void)state;
    healing_after_changes();
}

static json_t *get_now(const struct kube_kind *kind, const char *ns, const char *name)
{
    json_t *object = cluster_get(kind, ns, name);

    if (!object)
        fail_msg("%s %s is not there", kind->kind, name);
    return object;
}

static bool image_is_healed(void *context)
{
    _cleanup_json_ json_t *d = get_now(DEPLOYMENT, NS, "istio-pilot");
    const json_t *discovery = doc_find(doc_at(d, "spec", "template", "spec", "containers"), "name", "discovery");

    return str_eq(doc_string(discovery, "image"), context);
}

static void what_others_own_survives(void **state)
{
    const struct kube_kind *service = kind_of("v1", "Service");
    const struct kube_kind *webhook = kind_of("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration");
    _cleanup_json_ json_t *before = get_now(service, NS, "istio-ingressgateway"), *after = NULL, *pilot = NULL,
                          *hook = NULL, *caller = get_now(DEPLOYMENT, NS, "istio-pilot");
    const json_t *container = doc_find(doc_at(caller, "spec", "template", "spec", "containers"), "name", "discovery");
    const char *image = doc_string(container, "image");

    (void)state;
    cluster_patch(
        service,
        NS,
        "istio-ingressgateway",
        "{\"metadata\": {\"labels\": {\"team\": \"edge\"}, \"annotations\": {\"cloud.example/lb\": \"a\"}}}");
    hook = get_now(webhook, NULL, "istio-sidecar-injector");
    json_object_set_new(
        doc_at(json_array_get(doc_at(hook, "webhooks"), 0), "clientConfig"), "caBundle", json_string("Q0E="));
    {
        _cleanup_json_ json_t *patch = OBJECT(VALUE("webhooks", json_incref(doc_at(hook, "webhooks"))));
        _cleanup_free_ char *text = doc_text(patch);
        cluster_patch(webhook, NULL, "istio-sidecar-injector", text);
    }
    /* Pilot has an autoscaler, which scales it; at the same time another client breaks an owned field. */
    {
        _cleanup_json_ json_t *broken = get_now(DEPLOYMENT, NS, "istio-pilot"), *patch = NULL;
        _cleanup_free_ char *text = NULL;
        json_object_set_new(
            doc_find(doc_at(broken, "spec", "template", "spec", "containers"), "name", "discovery"),
            "image",
            json_string("example.com/other:1"));
        patch = OBJECT(
            MAP("spec",
                INT("replicas", 2),
                MAP("template",
                    MAP("spec",
                        VALUE("containers", json_incref(doc_at(broken, "spec", "template", "spec", "containers")))))));
        text = doc_text(patch);
        cluster_patch(DEPLOYMENT, NS, "istio-pilot", text);
    }
    /* And of the Service and the webhook. */
    cluster_patch(service, NS, "istio-ingressgateway", "{\"metadata\": {\"labels\": {\"app\": \"other\"}}}");
    cluster_patch(webhook, NULL, "istio-sidecar-injector", "{\"metadata\": {\"labels\": {\"app\": \"other\"}}}");
    wait_until(image_is_healed, (void *)image, PATIENCE, "Pilot's image is restored");
    mesh_wait_settled(PATIENCE);

    after = get_now(service, NS, "istio-ingressgateway");
    assert_string_equal(doc_string(after, "metadata", "labels", "team"), "edge");
    assert_string_equal(doc_string(after, "metadata", "annotations", "cloud.example/lb"), "a");
    assert_string_equal(doc_string(after, "spec", "clusterIP"), doc_string(before, "spec", "clusterIP"));
    assert_true(json_equal(doc_at(after, "spec", "ports"), doc_at(before, "spec", "ports")));
    assert_string_not_equal(doc_string(after, "metadata", "labels", "app"), "other");
    pilot = get_now(DEPLOYMENT, NS, "istio-pilot");
    assert_int_equal(doc_int(doc_at(pilot, "spec", "replicas"), 0), 2);
    json_decref(TAKE_PTR(hook));
    hook = get_now(webhook, NULL, "istio-sidecar-injector");
    /* Ours would be empty; a running injector may have put its own back. */
    assert_string_not_equal(
        str_or(doc_string(json_array_get(doc_at(hook, "webhooks"), 0), "clientConfig", "caBundle"), ""), "");
    assert_string_not_equal(doc_string(hook, "metadata", "labels", "app"), "other");
    cluster_patch(DEPLOYMENT, NS, "istio-pilot", "{\"spec\": {\"replicas\": 1}}");
}

struct label_wish {
    const char *ns, *injection, *managed;
};

static bool labels_are(void *context)
{
    const struct label_wish *wish = context;
    _cleanup_json_ json_t *ns = cluster_get(NAMESPACE, NULL, wish->ns);

    return str_eq(doc_string(ns, "metadata", "labels", LABEL_INJECTION), wish->injection) &&
           str_eq(doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED), wish->managed);
}

static void make_namespace(const char *name, const char *injection)
{
    _cleanup_json_ json_t *ns = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Namespace"),
        MAP("metadata", STRING("name", name), MAP("labels", STRING(LABEL_INJECTION, injection))));

    cluster_create(NAMESPACE, ns);
}

static void expect_labels(const char *ns, const char *injection, const char *managed)
{
    struct label_wish wish = {ns, injection, managed};
    _cleanup_free_ char *what = str_printf(
        "namespace %s: injection %s, managed %s", ns, str_or(injection, "absent"), str_or(managed, "absent"));

    wait_until(labels_are, &wish, PATIENCE, what);
}

static void namespaces_are_labelled_by_the_list(void **state)
{
    (void)state;
    expect_labels("default", "enabled", "enabled");
    make_namespace("listed-theirs", "enabled");
    make_namespace("listed-disabled", "disabled");
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"autoInjectionNamespaces\": [\"listed-later\", \"listed-theirs\", "
        "\"listed-disabled\"]}}");
    expect_labels("default", NULL, NULL);
    make_namespace("listed-later", NULL);
    expect_labels("listed-later", "enabled", "enabled");
    cluster_patch(NAMESPACE, NULL, "listed-later", "{\"metadata\": {\"labels\": {\"istio-injection\": null}}}");
    expect_labels("listed-later", "enabled", "enabled");
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"autoInjectionNamespaces\": []}}");
    expect_labels("listed-later", NULL, NULL);
    /* What their owners said stays, listed or not. */
    expect_labels("listed-theirs", "enabled", NULL);
    expect_labels("listed-disabled", "disabled", NULL);
    cluster_delete(NAMESPACE, NULL, "listed-theirs");
    cluster_delete(NAMESPACE, NULL, "listed-disabled");
    cluster_delete(NAMESPACE, NULL, "listed-later");
}

static void invalid_resource_names_its_field_and_changes_nothing(void **state)
{
    const double before = operator_metric("managed_objects");
    _cleanup_json_ json_t *pilot = get_now(DEPLOYMENT, NS, "istio-pilot"), *after = NULL;
    _cleanup_free_ char *message = NULL;

    (void)state;
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"includeIPRanges\": \"10.0.0.0/99\", \"mtls\": true}}");
    mesh_wait_status("ReconcileFailed", PATIENCE);
    message = mesh_status("ErrorMessage");
    if (!strstr(message, "spec.includeIPRanges"))
        fail_msg("the message does not name the field: %s", message);
    after = get_now(DEPLOYMENT, NS, "istio-pilot");
    assert_true(json_equal(doc_at(pilot, "spec"), doc_at(after, "spec")));
    assert_false(cluster_has(kind_of("networking.istio.io/v1alpha3", "DestinationRule"), NS, "default"));
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"includeIPRanges\": \"*\", \"mtls\": false}}");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    assert_true(operator_metric("managed_objects") == before);
}

static bool another_is_refused(void *context)
{
    _cleanup_json_ json_t *live = get_now(ISTIO, "default", "another");
    const char *message = str_or(doc_string(live, "status", "ErrorMessage"), "");

    (void)context;
    wait_saw("%s: %s", str_or(doc_string(live, "status", "Status"), ""), message);
    return str_eq(doc_string(live, "status", "Status"), "ReconcileFailed") && strstr(message, NS "/" MESH);
}

static void second_resource_is_refused(void **state)
{
    _cleanup_json_ json_t *second = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", "another"), STRING("namespace", "default")),
        MAP("spec"));

    (void)state;
    cluster_create(ISTIO, second);
    wait_until(another_is_refused, NULL, PATIENCE, "the status of a second resource names the first");
    cluster_delete(ISTIO, "default", "another");
    mesh_wait_settled(PATIENCE);
}

static void restart_of_the_api_server_is_survived(void **state)
{
    const char *command = getenv("TEST_RESTART_API_SERVER");
    struct target t = {.kind = kind_of("v1", "Service"), .ns = NS, .name = "istio-pilot"};
    _cleanup_json_ json_t *service = NULL;

    (void)state;
    if (!command)
        skip();
    assert_int_equal(run_shell(command), 0);
    wait_until(server_answers, NULL, PATIENCE, "the API server answers again");
    service = get_now(t.kind, NS, t.name);
    t.uid = doc_string(service, "metadata", "uid");
    cluster_delete(t.kind, NS, t.name);
    wait_until(target_is_back, &t, PATIENCE, "Service istio-pilot is back after a restart of the API server");
    mesh_wait_settled(PATIENCE);
}

static bool nothing_is_left(void *context)
{
    _cleanup_json_ json_t *objects = mesh_objects_in_cluster();
    json_t *item;
    size_t i, left = 0;

    (void)context;
    json_array_foreach(objects, i, item)
        left += !str_eq(target_of(item).kind->kind, "CustomResourceDefinition");
    return left == 0;
}

static void deletion_leaves_only_definitions(void **state)
{
    _cleanup_json_ json_t *crds = NULL;

    (void)state;
    mesh_delete_and_wait();
    wait_until(nothing_is_left, NULL, PATIENCE, "no object of the mesh is left");
    crds = cluster_list(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), MARK_OWNER);
    assert_int_equal(json_array_size(crds), 50);
    expect_labels("default", NULL, NULL);
}

#define KILLS 12
#define SEED 20181217u

/* At moments from 0 to 300 ms after the install began; the same ones in every run. */
static void kills_during_an_install_end_available(void **state)
{
    unsigned seed = SEED;

    (void)state;
    operator_kill(SIGTERM);
    mesh_create(SAMPLE);
    for (int i = 0; i < KILLS; i++) {
        operator_start_without_waiting();
        pause_ms((int)(rand_r(&seed) % 300));
        operator_kill(SIGKILL);
    }
    operator_start();
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    mesh_wait_settled(PATIENCE);
    mesh_delete_and_wait();
    wait_until(nothing_is_left, NULL, PATIENCE, "no object of the mesh is left");
}

static void memory_does_not_grow_with_changes(void **state)
{
    double before;

    (void)state;
    mesh_create(SAMPLE);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    for (int i = 0; i < 10; i++) {
        cluster_patch(ISTIO, NS, MESH, i % 2 ? "{\"spec\": {\"mtls\": false}}" : "{\"spec\": {\"mtls\": true}}");
        mesh_wait_status("Available", PATIENCE);
    }
    before = operator_metric("heap_bytes");
    for (int i = 0; i < 40; i++) {
        cluster_patch(ISTIO, NS, MESH, i % 2 ? "{\"spec\": {\"mtls\": false}}" : "{\"spec\": {\"mtls\": true}}");
        mesh_wait_status("Available", PATIENCE);
    }
    operator_wait_heap_is_back(before);
    mesh_delete_and_wait();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installs_until_available),
        cmocka_unit_test(available_means_that_every_deployment_runs),
        cmocka_unit_test(every_deleted_object_comes_back),
        cmocka_unit_test(every_changed_field_is_restored),
        cmocka_unit_test(what_others_own_survives),
        cmocka_unit_test(namespaces_are_labelled_by_the_list),
        cmocka_unit_test(invalid_resource_names_its_field_and_changes_nothing),
        cmocka_unit_test(second_resource_is_refused),
        cmocka_unit_test(restart_of_the_api_server_is_survived),
        cmocka_unit_test(deletion_leaves_only_definitions),
        cmocka_unit_test(kills_during_an_install_end_available),
        cmocka_unit_test(memory_does_not_grow_with_changes),
    };

    return cmocka_run_group_tests_name("cluster mesh", tests, harness_setup, harness_teardown);
}
