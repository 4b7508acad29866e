/* The life of a mesh beyond its install: at rest, taken over, paused, removed and made again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/desired.h"
#include "reconcile/marks.h"

#define TO_BE_AVAILABLE SECONDS(180)
#define AT_REST_SECONDS 30

static const struct kube_kind *crd_kind(void)
{
    return kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
}

/* Requests of the operator while nothing happens. */
struct at_rest {
    size_t watches;
    size_t probes; /* a list of one object shows whether the watches hear what happens: one in 30 s */
    struct buf others;
};

static void note_request(void *context, const json_t *entry)
{
    struct at_rest *r = context;

    if (str_eq(doc_string(entry, "verb"), "watch"))
        r->watches++;
    else if (str_eq(doc_string(entry, "verb"), "list") && strstr(doc_string(entry, "requestURI"), "?limit=1"))
        r->probes++;
    else
        buf_printf(&r->others, " %s %s", doc_string(entry, "verb"), doc_string(entry, "requestURI"));
}

static void settled_mesh_is_only_watched(void **state)
{
    struct at_rest r = {0};
    long position;

    (void)state;
    operator_start();
    mesh_create("{\"autoInjectionNamespaces\": [\"default\"]}");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    mesh_wait_settled(PATIENCE);
    if (!audit_is_on())
        skip();
    pause_ms(3000);
    position = audit_position();
    pause_ms(AT_REST_SECONDS * 1000);
    audit_read(position, note_request, &r);
    if (r.others.len)
        fail_msg("requests in %d s at rest:%s", AT_REST_SECONDS, buf_str(&r.others));
    assert_true(r.probes <= 2);
    buf_release(&r.others);
}

static bool drift_is_reported(void *context)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *first = json_array_get(doc_at(mesh, "status", "drift"), 0);

    (void)context;
    return str_eq(doc_string(first, "object"), "Service/" NS "/istio-pilot");
}

static void paused_mesh_reports_and_is_left(void **state)
{
    const struct kube_kind *service = kind_of("v1", "Service");

    (void)state;
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"pause\": true}}");
    mesh_wait_status("Available", PATIENCE);
    cluster_delete(service, NS, "istio-pilot");
    wait_until(drift_is_reported, NULL, PATIENCE, "the status says that the Service is missing");
    assert_false(cluster_has(service, NS, "istio-pilot"));
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"pause\": false}}");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    assert_true(cluster_has(service, NS, "istio-pilot"));
}

static bool galley_webhook_is_gone(void *context)
{
    (void)context;
    return !cluster_has(
        kind_of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"), NULL, "istio-galley");
}

static json_t *validating_webhook(const char *name)
{
    return OBJECT(
        STRING("apiVersion", "admissionregistration.k8s.io/v1"),
        STRING("kind", "ValidatingWebhookConfiguration"),
        MAP("metadata", STRING("name", name)),
        SEQ("webhooks",
            ITEM(
                STRING("name", "pilot.validation.istio.io"),
                MAP("clientConfig", MAP("service", STRING("name", "istio-galley"), STRING("namespace", NS))),
                STRING("failurePolicy", "Ignore"),
                STRING("sideEffects", "None"),
                STRINGS("admissionReviewVersions", "v1"))));
}

static json_t *secret(const char *name, const char *type)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        STRING("type", type),
        MAP("metadata", STRING("name", name), STRING("namespace", "default")));
}

static void removal_takes_what_istio_made_and_nothing_else(void **state)
{
    const struct kube_kind *webhook = kind_of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration");
    const struct kube_kind *secrets = kind_of("v1", "Secret");
    _cleanup_json_ json_t *galleys = validating_webhook("istio-galley"), *theirs = validating_webhook("theirs");
    _cleanup_json_ json_t *certificate = secret("istio.theirs", "istio.io/key-and-cert");
    _cleanup_json_ json_t *other = secret("other", "Opaque");

    (void)state;
    if (!cluster_has(webhook, NULL, "istio-galley"))
        cluster_create(webhook, galleys);
    cluster_create(webhook, theirs);
    cluster_create(secrets, certificate);
    cluster_create(secrets, other);
    mesh_delete_and_wait();
    wait_until(galley_webhook_is_gone, NULL, PATIENCE, "Galley's webhook configuration is gone");
    assert_true(cluster_has(webhook, NULL, "theirs"));
    assert_true(cluster_has(secrets, "default", "other"));
    assert_false(cluster_has(secrets, "default", "istio.theirs"));
    assert_true(cluster_has(crd_kind(), NULL, "gateways.networking.istio.io"));
    cluster_delete(webhook, NULL, "theirs");
    cluster_delete(secrets, "default", "other");
}

static bool definitions_are_gone(void *context)
{
    _cleanup_json_ json_t *crds = cluster_list(crd_kind(), MARK_OWNER);

    (void)context;
    return json_array_size(crds) == 0;
}

static void definitions_go_where_that_is_asked_for(void **state)
{
    (void)state;
    mesh_create("{\"removeCRDs\": true}");
    mesh_wait_settled(PATIENCE);
    mesh_delete_and_wait();
    wait_until(definitions_are_gone, NULL, PATIENCE, "the definitions are gone");
}

#define WITH_BUDGETS "{\"defaultPodDisruptionBudget\": {\"enabled\": true}}"

static void release_document(void *document)
{
    json_decref(document);
}

/*
 * A mesh that another client installed: the same names, other labels, none of our marks. Everything that is there
 * becomes ours as it is; what is not ours stays.
 */
static void mesh_that_is_there_is_taken_over(void **state)
{
    struct desired_set *set = mesh_objects_of(WITH_BUDGETS);
    _cleanup_map_ struct map *before = map_new(release_document); /* object_key() -> the object */

    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < set->len; i++) {
            const struct desired *w = &set->items[i];
            _cleanup_free_ char *name = object_key(w->kind, w->ns, w->name);
            json_t *object;
            if (w->kind->custom != pass)
                continue;
            assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
            json_object_set_new(doc_make(object, "metadata", "labels"), "heritage", json_string("Tiller"));
            if (!cluster_has(w->kind, w->ns, w->name))
                cluster_create_when_possible(w->kind, object);
            json_decref(object);
            map_put(before, name, cluster_get(w->kind, w->ns, w->name));
        }
    }
    mesh_create(WITH_BUDGETS);
    mesh_wait_settled(SECONDS(90));
    for (size_t i = 0; i < set->len; i++) {
        const struct desired *w = &set->items[i];
        _cleanup_json_ json_t *live = cluster_get(w->kind, w->ns, w->name);
        _cleanup_free_ char *name = object_key(w->kind, w->ns, w->name);
        const json_t *then = map_get(before, name);
        if (!str_eq(doc_string(live, "metadata", "uid"), doc_string(then, "metadata", "uid")))
            fail_msg("%s was made again", name);
        if (!doc_string(live, "metadata", "labels", MARK_OWNER))
            fail_msg("%s did not become ours", name);
        if (!str_eq(doc_string(live, "metadata", "labels", "heritage"), "Tiller"))
            fail_msg("%s lost a label of others", name);
        if (str_eq(w->kind->kind, "Deployment") && !json_equal(doc_at(live, "spec"), doc_at(then, "spec")))
            fail_msg("%s was changed, so its Pods were replaced", name);
    }
    mesh_delete_and_wait();
    desired_free(set);
}

#define ROUNDS 20

/* Everything that the cluster has of the kinds that a mesh is made of, by name. */
static json_t *inventory(void)
{
    json_t *all = json_object();

    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        _cleanup_json_ json_t *items = NULL;
        json_t *item;
        size_t i;
        if (!is_of_mesh(kind) || kind == crd_kind())
            continue;
        items = cluster_list(kind, NULL);
        json_array_foreach(items, i, item) {
            _cleanup_free_ char *key =
                object_key(kind, doc_string(item, "metadata", "namespace"), doc_string(item, "metadata", "name"));
            json_object_set_new(all, key, json_true());
        }
    }
    return all;
}

struct inventories {
    const json_t *before;
    struct buf left;
};

static bool nothing_is_left(void *context)
{
    struct inventories *in = context;
    _cleanup_json_ json_t *after = inventory();
    const char *key;
    json_t *yes;

    buf_reset(&in->left);
    json_object_foreach(after, key, yes)
        if (!json_object_get(in->before, key))
            buf_printf(&in->left, " %s", key);
    return in->left.len == 0;
}

static void made_and_removed_twenty_times_leaves_nothing(void **state)
{
    _cleanup_json_ json_t *before = inventory();
    struct inventories in = {.before = before};

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        mesh_create("{\"autoInjectionNamespaces\": [\"default\"]}");
        mesh_wait_settled(PATIENCE);
        mesh_delete_and_wait();
    }
    wait_until(nothing_is_left, &in, PATIENCE, "everything is as before");
    buf_release(&in.left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settled_mesh_is_only_watched),
        cmocka_unit_test(paused_mesh_reports_and_is_left),
        cmocka_unit_test(removal_takes_what_istio_made_and_nothing_else),
        cmocka_unit_test(definitions_go_where_that_is_asked_for),
        cmocka_unit_test(mesh_that_is_there_is_taken_over),
        cmocka_unit_test(made_and_removed_twenty_times_leaves_nothing),
    };

    return cmocka_run_group_tests_name("cluster life", tests, harness_setup, harness_teardown);
}
