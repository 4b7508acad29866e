/*
 * A mesh of today's Istio that another manager created is taken over while it runs. On the cluster of test_today, whose
 * mesh is removed, with Istio's real programs.
 *
 * What the other manager created is what the operator would create, with the labels of Helm and without the operator's
 * own choices; its injector is switched off in favour of a revision tag, as `istioctl install` does.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/marks.h"
#include "today.h"

#define TO_BE_AVAILABLE SECONDS(120)
#define GATEWAY "istio-ingressgateway"
#define INJECTOR kind_of("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")

static struct {
    char *spec, *file; /* the resource's spec, and a file with the resource */
    struct desired_set *objects;
    json_t *uids;     /* "Kind/ns/name" to uid */
    json_t *pods;     /* as pods_now() */
    json_t *template; /* of the gateway's Pods */
} t;

static bool is_gateway(const struct desired *w)
{
    return str_eq(w->kind->kind, "Deployment") && str_eq(w->name, GATEWAY);
}

static void label_as_helm(json_t *metadata)
{
    json_t *labels = doc_make(metadata, "labels");

    json_object_set_new(labels, "app.kubernetes.io/managed-by", json_string("Helm"));
    json_object_set_new(labels, "helm.sh/chart", json_string("chart-1.31.1"));
}

/* What it decides for itself, and another manager does not. */
static void undo_choices(json_t *gateway)
{
    json_t *pod = doc_at(gateway, "spec", "template", "spec");

    json_object_del(json_array_get(doc_at(pod, "containers"), 0), "env");
    json_object_set_new(pod, "terminationGracePeriodSeconds", json_integer(30));
}

static void set_selectors(json_t *webhook, json_t *selector)
{
    json_object_set_new(webhook, "namespaceSelector", doc_copy(selector));
    json_object_set_new(webhook, "objectSelector", selector);
}

/* A tag that injects as this injector does, which is switched off. */
static void switch_off(json_t *injector)
{
    _cleanup_json_ json_t *tag = doc_copy(injector);
    json_t *webhook;
    size_t i;

    json_object_set_new(doc_at(tag, "metadata"), "name", json_string("istio-revision-tag-default"));
    json_object_set_new(doc_at(tag, "metadata", "labels"), "istio.io/tag", json_string("default"));
    cluster_create(INJECTOR, tag);
    json_array_foreach(doc_at(injector, "webhooks"), i, webhook)
        set_selectors(webhook, OBJECT(MAP("matchLabels", STRING("istio.io/deactivated", "never-match"))));
}

static void create(const struct desired *w)
{
    _cleanup_json_ json_t *object = NULL;

    assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
    label_as_helm(doc_at(object, "metadata"));
    json_object_set_new(
        doc_make(object, "metadata", "annotations"), "meta.helm.sh/release-name", json_string("istiod"));
    if (str_eq(w->kind->kind, "Deployment"))
        label_as_helm(doc_at(object, "spec", "template", "metadata"));
    if (is_gateway(w))
        undo_choices(object);
    if (w->kind == INJECTOR)
        switch_off(object);
    cluster_delete_if_there(w->kind, w->ns, w->name); /* definitions that the mesh before left */
    wait_until(cluster_lacks, &(struct place){w->kind, w->ns, w->name}, PATIENCE, w->name);
    cluster_create(w->kind, object);
}

static bool is_available(void *name)
{
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, NS, name);

    return doc_int(doc_at(deployment, "status", "availableReplicas"), 0) > 0;
}

/* Name, uid and restarts of each Pod of the control plane's namespace that is not ending (the former mesh's may be). */
static json_t *pods_now(void)
{
    _cleanup_json_ json_t *pods = cluster_list(kind_of("v1", "Pod"), NULL);
    json_t *now = json_object(), *pod;
    size_t i;

    json_array_foreach(pods, i, pod) {
        const json_t *status = json_array_get(doc_at(pod, "status", "containerStatuses"), 0);
        if (str_eq(doc_string(pod, "metadata", "namespace"), NS) && !doc_at(pod, "metadata", "deletionTimestamp"))
            json_object_set_new(
                now,
                doc_string(pod, "metadata", "name"),
                OBJECT(
                    STRING("uid", doc_string(pod, "metadata", "uid")),
                    INT("restarts", doc_int(doc_at(status, "restartCount"), 0))));
    }
    return now;
}

static json_t *template_now(void)
{
    _cleanup_json_ json_t *gateway = cluster_get(DEPLOYMENT, NS, GATEWAY);

    return doc_copy(doc_at(gateway, "spec", "template"));
}

static int begin(void **state)
{
    _cleanup_json_ json_t *resource = NULL, *values = NULL;

    setenv("KUBECONFIG", variable("TEST_KUBECONFIG"), 1);
    if (harness_setup(state) < 0)
        return -1;
    t.spec = str_printf(
        "{\"version\": \"%s\", \"meshConfig\": {\"defaultProviders\": {\"metrics\": []}}}",
        variable("TEST_ISTIO_VERSION"));
    t.file = str_printf("%s/adoption.json", variable("TEST_OUTPUT"));
    resource = mesh_resource(MESH, t.spec);
    assert_int_equal(json_dump_file(resource, t.file, 0), 0);
    t.objects = mesh_objects_of(t.spec);
    /* The gateway's Pods are injected: istiod comes first. */
    for (size_t i = 0; i < t.objects->len; i++)
        if (!is_gateway(&t.objects->items[i]))
            create(&t.objects->items[i]);
    wait_until(is_available, (void *)"istiod", TO_BE_AVAILABLE, "istiod is available");
    for (size_t i = 0; i < t.objects->len; i++)
        if (is_gateway(&t.objects->items[i]))
            create(&t.objects->items[i]);
    wait_until(is_available, (void *)GATEWAY, TO_BE_AVAILABLE, "the gateway is available");
    values = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ConfigMap"),
        MAP("metadata", STRING("name", "values"), STRING("namespace", NS)));
    cluster_create(kind_of("v1", "ConfigMap"), values);
    t.uids = json_object();
    for (size_t i = 0; i < t.objects->len; i++) {
        const struct desired *w = &t.objects->items[i];
        _cleanup_json_ json_t *live = cluster_get(w->kind, w->ns, w->name);
        _cleanup_free_ char *key = object_key(w->kind, w->ns, w->name);
        json_object_set(t.uids, key, doc_at(live, "metadata", "uid"));
    }
    t.pods = pods_now();
    t.template = template_now();
    return 0;
}

static int end(void **state)
{
    cluster_delete_if_there(kind_of("v1", "ConfigMap"), NS, "values");
    free(t.spec);
    free(t.file);
    desired_free(t.objects);
    json_decref(t.uids);
    json_decref(t.pods);
    json_decref(t.template);
    return harness_teardown(state);
}

/* The exit code of `diff`, whose text goes to this file of TEST_OUTPUT. */
static int diff_into(const char *name)
{
    _cleanup_free_ char *command =
        str_printf("'%s' diff -f '%s' >'%s/%s'", variable("TEST_OPERATOR"), t.file, variable("TEST_OUTPUT"), name);

    return run_shell(command);
}

static void diff_says_before_that_each_object_changes_and_no_pod_is_replaced(void **state)
{
    const char *key;
    json_t *uid;

    (void)state;
    assert_int_equal(diff_into("adoption.diff"), 1);
    json_object_foreach(t.uids, key, uid) {
        _cleanup_free_ char *search =
            str_printf("grep -qF 'change %s  # existed without' '%s/adoption.diff'", key, variable("TEST_OUTPUT"));
        if (run_shell(search) != 0)
            fail_msg("diff does not say that %s changes", key);
    }
    assert_int_not_equal(
        run_shell("grep -E '^(create|remove) |Pods are replaced' \"$TEST_OUTPUT/adoption.diff\" >&2"), 0);
}

static void nothing_is_deleted_and_no_pod_restarted(void **state)
{
    _cleanup_json_ json_t *pods = NULL, *template = NULL;

    (void)state;
    operator_start();
    mesh_create(t.spec);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    mesh_wait_settled(PATIENCE);
    for (size_t i = 0; i < t.objects->len; i++) {
        const struct desired *w = &t.objects->items[i];
        _cleanup_json_ json_t *live = cluster_get(w->kind, w->ns, w->name);
        _cleanup_free_ char *key = object_key(w->kind, w->ns, w->name);
        if (!json_equal(doc_at(live, "metadata", "uid"), json_object_get(t.uids, key)))
            fail_msg("%s is another object", key);
        if (!doc_string(live, "metadata", "labels", MARK_OWNER))
            fail_msg("%s was not taken over", key);
        if (!doc_string(live, "metadata", "labels", "helm.sh/chart") ||
            !doc_string(live, "metadata", "annotations", "meta.helm.sh/release-name"))
            fail_msg("%s has lost the label or annotation of Helm", key);
    }
    pods = pods_now();
    template = template_now();
    assert_int_equal(json_object_size(pods), 2);
    assert_true(json_equal(pods, t.pods));
    assert_true(json_equal(template, t.template));
    assert_int_equal(diff_into("adoption.after"), 0);
}

static void the_injector_works_without_the_tag_of_istioctl(void **state)
{
    _cleanup_json_ json_t *injector = cluster_get(INJECTOR, NULL, "istio-sidecar-injector");
    json_t *webhook;
    size_t i;

    (void)state;
    assert_int_equal(json_array_size(doc_at(injector, "webhooks")), 4);
    json_array_foreach(doc_at(injector, "webhooks"), i, webhook) {
        assert_null(doc_at(webhook, "namespaceSelector", "matchLabels"));
        assert_null(doc_at(webhook, "objectSelector", "matchLabels"));
        assert_true(strlen(str_or(doc_string(webhook, "clientConfig", "caBundle"), "")) > 0);
    }
}

static void the_gateway_drains_once_its_pods_are_replaced_for_another_reason(void **state)
{
    _cleanup_json_ json_t *template = NULL;
    const json_t *pod;

    (void)state;
    cluster_patch(
        ISTIO, NS, MESH, "{\"spec\": {\"gateways\": {\"ingress\": {\"terminationGracePeriodSeconds\": 61}}}}");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    template = template_now();
    pod = doc_at(template, "spec");
    assert_int_equal(doc_int(doc_at(pod, "terminationGracePeriodSeconds"), 0), 61);
    assert_non_null(doc_find(
        doc_at(json_array_get(doc_at(pod, "containers"), 0), "env"), "name", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"));
}

static void the_removal_takes_what_was_taken_over_and_the_tag(void **state)
{
    (void)state;
    mesh_delete_and_wait();
    for (size_t i = 0; i < t.objects->len; i++) {
        const struct desired *w = &t.objects->items[i];
        if (cluster_has(w->kind, w->ns, w->name) != w->kind->is_definition)
            fail_msg("%s %s: only definitions stay", w->kind->kind, w->name);
    }
    assert_false(cluster_has(INJECTOR, NULL, "istio-revision-tag-default"));
    assert_true(cluster_has(kind_of("v1", "ConfigMap"), NS, "values"));
    operator_kill(SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(diff_says_before_that_each_object_changes_and_no_pod_is_replaced),
        cmocka_unit_test(nothing_is_deleted_and_no_pod_restarted),
        cmocka_unit_test(the_injector_works_without_the_tag_of_istioctl),
        cmocka_unit_test(the_gateway_drains_once_its_pods_are_replaced_for_another_reason),
        cmocka_unit_test(the_removal_takes_what_was_taken_over_and_the_tag),
    };

    return cmocka_run_group_tests_name("cluster adoption", tests, begin, end);
}
