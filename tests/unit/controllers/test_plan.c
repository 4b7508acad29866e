/* What the planner decides, case by case. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "world.h"

#define SPEC "{\"autoInjectionNamespaces\": [\"default\"]}"

static int setup(void **state)
{
    struct world *w = NEW(struct world);

    world_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_release(*state);
    free(*state);
    return 0;
}

/* The mesh installed, rolled out, and nothing left to do. */
static int setup_installed(void **state)
{
    struct world *w;

    setup(state);
    w = *state;
    world_put_mesh(w, SPEC);
    if (world_converge(w) < 0)
        return -1;
    world_roll_out(w);
    return world_converge(w) < 0 ? -1 : 0;
}

static void expect_status(struct world *w, const char *field, const char *value)
{
    _cleanup_free_ char *text = world_status(w, field);

    assert_string_equal(text, value);
}

static void expect_plan(struct world *w, const char *actions)
{
    struct plan plan = world_plan(w);
    _cleanup_free_ char *text = world_describe(&plan);

    assert_string_equal(text, actions);
    world_act(w, &plan);
    plan_release(&plan);
}

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

static void deleted_object_is_made_again(void **state)
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

/* Left alone, and without our mark: a list of ours would not have it. */
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

static void more_missing_than_was_left_alone_is_told(void **state)
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

static void what_was_left_alone_and_cannot_be_looked_for_is_told(void **state)
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

static void put_galleys_webhook(struct world *w)
{
    world_put(
        w,
        OBJECT(
            S("apiVersion", "admissionregistration.k8s.io/v1"),
            S("kind", "ValidatingWebhookConfiguration"),
            MAP("metadata", S("name", "istio-galley"))));
}

/* Galley registered it for itself; nobody would answer it. */
static void without_galley_its_webhook_goes(void **state)
{
    struct world *w = *state;

    put_galleys_webhook(w);
    world_put(
        w,
        OBJECT(
            S("apiVersion", "admissionregistration.k8s.io/v1"),
            S("kind", "ValidatingWebhookConfiguration"),
            MAP("metadata", S("name", "theirs"))));
    expect_plan(w, "");
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"galley\": {\"enabled\": false}}");
    assert_true(world_converge(w) > 0);
    assert_false(
        world_has(w, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL, "istio-galley"));
    assert_true(world_has(w, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL, "theirs"));
    expect_status(w, "Status", "Available");
}

static void foreign_objects_are_never_pruned(void **state)
{
    struct world *w = *state;

    world_put(
        w,
        OBJECT(
            S("apiVersion", "v1"),
            S("kind", "ConfigMap"),
            MAP("metadata", S("name", "theirs"), S("namespace", NS), MAP("labels", S(MARK_OWNER, "another-uid")))));
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
            S("apiVersion", "v1"),
            S("kind", "ConfigMap"),
            MAP("metadata", S("name", name), S("namespace", NS), MAP("labels", S(MARK_OWNER, owner)))));
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

static void refused_write_is_told(void **state)
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

static void labels_follow_the_list(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "theirs", OBJECT(S(LABEL_INJECTION, "enabled")));
    world_put_namespace(w, "closed", OBJECT(S(LABEL_INJECTION, "disabled")));
    world_put_namespace(w, "later", NULL);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"theirs\", \"closed\", \"later\"]}");
    expect_plan(
        w,
        "patch Namespace/default: no longer listed for sidecar injection\n"
        "patch Namespace/later: listed for sidecar injection\n");
    assert_true(world_converge(w) >= 0);
    expect_plan(w, "");
}

/* Also of a namespace that the operator had labelled; a label that was only taken off is put on again. */
static void a_label_that_a_user_sets_stays(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *ready = NULL, *ns = NULL;

    world_put_namespace(w, "pay", NULL);
    world_put_namespace(w, "shop", NULL);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"pay\", \"shop\"]}");
    assert_true(world_converge(w) > 0);
    world_put_namespace(w, "pay", OBJECT(S(LABEL_INJECTION, "disabled"), S(LABEL_INJECTION_MANAGED, "enabled")));
    world_put_namespace(w, "shop", OBJECT(S(LABEL_INJECTION_MANAGED, "enabled")));
    expect_plan(w, "patch Namespace/shop: listed for sidecar injection\n");
    world_roll_out(w);
    assert_true(world_converge(w) > 0);
    ready = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_string_equal(
        doc_string(doc_find(doc_at(ready, "status", "conditions"), "type", "Ready"), "message"),
        "left alone, because they are labelled istio-injection=disabled: pay");

    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"shop\"]}");
    assert_true(world_converge(w) > 0);
    ns = world_get(w, "v1", "Namespace", NULL, "pay");
    assert_string_equal(doc_string(ns, "metadata", "labels", LABEL_INJECTION), "disabled");
    assert_null(doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED));
}

static void deletion_takes_webhooks_first_and_definitions_never(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_free_ char *first = NULL;
    struct plan plan;

    put_galleys_webhook(w);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    plan = world_plan(w);
    first = world_describe(&plan);
    assert_non_null(strstr(first, "remove MutatingWebhookConfiguration/istio-sidecar-injector"));
    assert_non_null(strstr(first, "remove ValidatingWebhookConfiguration/istio-galley"));
    assert_null(strstr(first, "remove Deployment"));
    assert_null(strstr(first, "remove ServiceAccount"));
    world_act(w, &plan);
    plan_release(&plan);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    assert_int_equal(world_count(w, "v1", "ServiceAccount"), 0);
    assert_int_equal(world_count(w, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 50);
}

/* An object of this kind in the world; `type` may be NULL. */
static void put_of(struct world *w, const struct kube_kind *kind, const char *ns, const char *name, const char *type)
{
    char api_version[128];

    kube_api_version(kind, kind->versions[0].name, api_version);
    world_put_as(
        w,
        kind,
        OBJECT(
            S("apiVersion", api_version),
            S("kind", kind->kind),
            MAP("metadata", S("name", name), S("namespace", kind->namespaced ? ns : NULL)),
            S("type", type)));
}

static void put_pod_of_pilot(struct world *w, const char *state)
{
    json_t *deployment = world_get(w, "apps/v1", "Deployment", NS, "istio-pilot");

    json_object_set_new(doc_at(deployment, "status"), "availableReplicas", json_integer(0));
    world_put(w, deployment);
    world_put(
        w,
        OBJECT(
            S("apiVersion", "v1"),
            S("kind", "Pod"),
            MAP("metadata",
                S("name", "istio-pilot-1"),
                S("namespace", NS),
                MAP("labels", S("istio", "pilot"), S("app", "pilot"))),
            MAP("spec", SEQ("volumes", ITEM(S("name", "istio-certs"), MAP("secret", S("secretName", "istio.pilot"))))),
            MAP("status",
                SEQ("containerStatuses",
                    ITEM(S("name", "discovery"), MAP("state", MAP("waiting", S("reason", state))))))));
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

/* The mesh's condition of this type, owned by the caller; NULL: it has none. */
static json_t *condition_of(struct world *w, const char *type)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return json_incref((json_t *)doc_find(doc_at(mesh, "status", "conditions"), "type", type));
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
        w.server.minor = cases[i].minor;
        for (size_t k = 0; k < mesh_kinds.len; k++)
            w.server.versions[k] = kube_kind_version_for(&mesh_kinds.rows[k], cases[i].minor);
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

/* A watch may have fallen silent: what is left then shows when it is listed again. */
static void deletion_ends_when_a_new_list_shows_nothing(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    struct plan plan;

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    do {
        plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
    } while (!(w->synced & PLAN_RELISTED));
    assert_true(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    put_galleys_webhook(w);
    expect_plan(
        w, "remove ValidatingWebhookConfiguration/istio-galley: made by a part of Istio that is being removed\n");
    /* It is asked for again: what was listed is older than what came to light. */
    assert_false(w->synced & PLAN_RELISTED);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

/* It may be carried out at any moment, and no later plan would find what it created. */
static void deletion_waits_for_creates_that_are_under_way(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    w->creating = true;
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    /* What was listed meanwhile proves nothing. */
    assert_false(w->synced & PLAN_RELISTED);
    w->creating = false;
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

/* A name that a row of mesh_made stands for; owned by the caller. */
static char *made_name(const struct mesh_made *made)
{
    size_t len = made->name ? strlen(made->name) : 0;

    if (len && made->name[len - 1] == '*')
        return str_printf("%.*sistio", (int)len - 1, made->name);
    return str_dup(str_or(made->name, "istio.default"));
}

static bool is_there(struct world *w, const struct kube_kind *kind, const char *ns, const char *name)
{
    return kube_cache_get(w->cache, kind, kind->namespaced ? ns : NULL, name);
}

static void what_programs_made_goes_with_the_mesh_and_nothing_else_does(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const struct mesh_made *made;
    size_t count = 0;

    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i)); count++) {
        const struct kube_kind *kind = mesh_kind(made->kind);
        _cleanup_free_ char *name = made_name(made);
        put_of(w, kind, NS, name, made->type);
        put_of(w, kind, "shop", name, made->type);
        if (made->name)
            put_of(w, kind, NS, "theirs", made->type);
        if (made->type)
            put_of(w, kind, "bank", name, "Opaque");
    }
    assert_true(count >= 4);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));

    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i));) {
        const struct kube_kind *kind = mesh_kind(made->kind);
        _cleanup_free_ char *name = made_name(made);
        assert_false(is_there(w, kind, NS, name));
        if (kind->namespaced)
            assert_int_equal(is_there(w, kind, "shop", name), !made->everywhere);
        if (made->name)
            assert_true(is_there(w, kind, NS, "theirs"));
        if (made->type)
            assert_true(is_there(w, kind, "bank", name));
    }
}

/* Of the type that a user gave it, a Secret of the name of Citadel's is the user's. */
static void a_secret_of_another_type_stays(void **state)
{
    struct world *w = *state;
    const struct kube_kind *secret = mesh_kind(KIND_SECRET_KEYS);
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    put_of(w, secret, NS, "istio-ca-secret", "Opaque");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_true(is_there(w, secret, NS, "istio-ca-secret"));
}

/* Who still runs would make it again: without its rights it cannot. */
static void what_programs_made_goes_after_their_rights(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const struct kube_kind *leader = mesh_kind(KIND_CONFIG_MAP_KEYS);
    bool removed = false;

    put_of(w, leader, NS, "istio-ingress-controller-leader-istio", NULL);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    for (int round = 0; round < 12 && !removed; round++) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *text = world_describe(&plan);
        if ((removed = strstr(text, "istio-ingress-controller-leader-istio"))) {
            assert_int_equal(world_count(w, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), 0);
            assert_int_equal(world_count(w, "v1", "ServiceAccount"), 0);
        }
        world_act(w, &plan);
        plan_release(&plan);
    }
    assert_true(removed);
}

/* The names that releases of this operator have put on a resource; the first one is today's. */
#define FINALIZER_TODAY "istio-operator.finializer.banzaicloud.io"
#define FINALIZER_FORMER "istio-operator.finalizer.banzaicloud.io"

static void set_finalizers(json_t *mesh, const char *const *names)
{
    json_object_set_new(doc_at(mesh, "metadata"), "finalizers", json_build_strings(names));
}

static void the_finalizer_has_the_name_that_resources_carry(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *expected = ARRAY(ITEM_S(FINALIZER_TODAY));

    assert_true(json_equal(doc_at(mesh, "metadata", "finalizers"), expected));
}

static void every_name_that_the_finalizer_had_frees_the_resource(void **state)
{
    static const char *const cases[][3] = {
        {FINALIZER_TODAY, NULL},
        {FINALIZER_FORMER, NULL},
        {FINALIZER_TODAY, FINALIZER_FORMER, NULL},
        {FINALIZER_FORMER, FINALIZER_TODAY, NULL},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *mesh;
        world_put_mesh(w, SPEC);
        assert_true(world_converge(w) >= 0);
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        set_finalizers(mesh, cases[i]);
        world_put(w, mesh);
        world_roll_out(w);
        assert_true(world_converge(w) >= 0);
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        assert_int_equal(json_array_size(doc_at(mesh, "metadata", "finalizers")), cases[i][1] ? 2 : 1);
        json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
        world_put(w, mesh);
        assert_true(world_converge(w) > 0);
        assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
        assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    }
}

static void the_finalizer_of_another_manager_stays(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *expected = ARRAY(ITEM_S("example.com/backup")), *left = NULL;

    set_finalizers(mesh, (const char *const[]){FINALIZER_FORMER, "example.com/backup", FINALIZER_TODAY, NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    left = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_true(json_equal(doc_at(left, "metadata", "finalizers"), expected));
}

/* A status that is written once, and says who keeps the resource; the cluster can have a mesh again. */
static void a_resource_that_another_manager_keeps_says_so(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *other = NULL;
    _cleanup_free_ char *text = NULL;
    struct plan plan;

    set_finalizers(
        mesh,
        (const char *const[]){"example.com/backup", FINALIZER_TODAY, "foregroundDeletion", "example.com/audit", NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    text = world_status(w, "ErrorMessage");
    assert_string_equal(
        text, "nothing is left to remove; the resource is held by the finalizer example.com/backup, example.com/audit");
    plan = world_plan(w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);
    other = OBJECT(
        S("apiVersion", API_GROUP_VERSION),
        S("kind", "Istio"),
        MAP("metadata", S("name", "next"), S("namespace", NS), S("creationTimestamp", "2018-12-19T00:00:00Z")),
        MAP("spec", S("version", "1.0.5")));
    world_put(w, TAKE_PTR(other));
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "istio-pilot"));
}

/* Only the garbage collector's own finalizers are left: it takes them off. */
static void what_the_garbage_collector_keeps_is_not_said_to_be_held(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    struct plan plan;

    set_finalizers(mesh, (const char *const[]){"foregroundDeletion", NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    plan = world_plan(w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);
}

/* --- what an earlier operator left behind: objects with an ownerReference to the resource, and without our label ---
 */

static json_t *mesh_reference(struct world *w)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return OBJECT(
        S("apiVersion", API_GROUP_VERSION),
        S("kind", "Istio"),
        S("name", "istio"),
        S("uid", doc_string(mesh, "metadata", "uid")));
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
            S("apiVersion", api_version),
            S("kind", kind->kind),
            MAP("metadata",
                S("name", name),
                OPT(kind->namespaced, S("namespace", NS)),
                V("annotations", annotations),
                OPT(reference, SEQ("ownerReferences", ITEM_V(reference)))),
            V("spec", spec)));
}

#define SCALES(deployment)                                                                                             \
    OBJECT(MAP("scaleTargetRef", S("apiVersion", "apps/v1"), S("kind", "Deployment"), S("name", deployment)))

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
        "remove ClusterRole/istio-pilot-cluster-role: made by an earlier operator, and no longer desired\n"
        "remove ClusterRoleBinding/istio-pilot-cluster-role-binding: made by an earlier operator, and no longer "
        "desired\n"
        "remove HorizontalPodAutoscaler/istio-system/istio-pilot-autoscaler: made by an earlier operator, and no "
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
        "remove MutatingWebhookConfiguration/istio-sidecar-injector: made by an earlier operator, and no longer "
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
        w, KIND_LEFT_DEPLOYMENT, "apps/v1", "kept-by-a-user", mesh_reference(w), OBJECT(S(MARK_APPLIED, "{}")), NULL);
    put_left(w, KIND_LEFT_SERVICE, "v1", "ignored-by-a-user", mesh_reference(w), OBJECT(S(MARK_IGNORE, "true")), NULL);
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

static void second_resource_is_refused(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *second = NULL;

    world_put(
        w,
        OBJECT(
            S("apiVersion", API_GROUP_VERSION),
            S("kind", "Istio"),
            MAP("metadata",
                S("name", "another"),
                S("namespace", "default"),
                S("creationTimestamp", "2019-01-01T00:00:00Z"),
                N("generation", 1)),
            MAP("spec", B("mtls", true))));
    expect_plan(w, "");
    second = world_get(w, API_GROUP_VERSION, "Istio", "default", "another");
    assert_string_equal(doc_string(second, "status", "Status"), "ReconcileFailed");
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "istio-system/istio"));
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "kubectl -n istio-system apply -f FILE"));
    assert_non_null(strstr(doc_string(second, "status", "ErrorMessage"), "kubectl -n default delete istio another"));
    assert_false(world_has(w, "networking.istio.io/v1alpha3", "DestinationRule", NS, "default"));
}

/* What a plan with a memo says, and one without; the status, too. */
static void expect_the_same_without_memo(struct world *w)
{
    struct plan with = world_plan(w), without;
    void *memo = w->memo;
    _cleanup_free_ char *a = world_describe(&with), *b = NULL;

    w->memo = mesh_reconciler.memo_new();
    without = world_plan(w);
    b = world_describe(&without);
    assert_string_equal(a, b);
    assert_int_equal(with.len, without.len);
    assert_int_equal(with.drift, without.drift);
    for (size_t i = 0; i < with.len; i++)
        if (with.actions[i].body)
            assert_string_equal(with.actions[i].body, without.actions[i].body);
    mesh_reconciler.memo_free(w->memo);
    w->memo = memo;
    plan_release(&with);
    plan_release(&without);
}

/* Namespaces come, go and are labelled in any order, and the list changes: what was seen before changes no plan. */
static void what_was_seen_of_namespaces_changes_no_plan(void **state)
{
    static const char *const lists[] = {
        "{}",
        "{\"autoInjectionNamespaces\": [\"n1\", \"n3\", \"n5\"]}",
        "{\"autoInjectionNamespaces\": [\"n0\", \"n1\", \"n2\", \"n3\", \"n4\", \"n5\"]}",
    };
    static const char *const labels[] = {NULL, "enabled", "disabled", "odd"};
    struct world *w = *state;
    unsigned random = 7;

    for (int step = 0; step < 400; step++) {
        char name[] = "n0";
        random = random * 1103515245 + 12345;
        name[1] = (char)('0' + (random >> 16) % 6);
        switch ((random >> 20) % 5) {
        case 0:
            if (world_has(w, "v1", "Namespace", NULL, name))
                world_delete(w, "v1", "Namespace", NULL, name);
            break;
        case 1:
            world_put_mesh(w, lists[(random >> 24) % ARRAY_LEN(lists)]);
            break;
        case 2:
            assert_true(world_converge(w) >= 0);
            break;
        default:
            world_put_namespace(
                w,
                name,
                OBJECT(
                    S(LABEL_INJECTION, labels[(random >> 24) % ARRAY_LEN(labels)]),
                    S(LABEL_INJECTION_MANAGED, (random >> 28) & 1 ? "enabled" : NULL)));
        }
        expect_the_same_without_memo(w);
    }
}

static void of_many_namespaces_left_alone_some_are_named(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *condition = NULL, *after = NULL;

    for (int i = 0; i < 30; i++) {
        _cleanup_free_ char *name = str_printf("shop-%02d", i);
        world_put_namespace(w, name, OBJECT(S(LABEL_INJECTION, "disabled")));
    }
    world_put_mesh(
        w,
        "{\"autoInjectionNamespaces\": [\"default\", \"shop-29\", \"shop-00\", \"shop-01\", \"shop-02\", "
        "\"shop-03\", \"shop-04\", \"shop-05\", \"shop-06\", \"shop-07\", \"shop-08\", \"shop-09\"]}");
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    condition = condition_of(w, "Ready");
    assert_non_null(strstr(doc_string(condition, "message"), "shop-00, shop-01"));
    assert_non_null(strstr(doc_string(condition, "message"), "shop-09 and 1 more"));
    assert_null(strstr(doc_string(condition, "message"), "shop-29"));
    /* Those that are gone are not named. */
    world_delete(w, "v1", "Namespace", NULL, "shop-03");
    assert_true(world_converge(w) >= 0);
    after = condition_of(w, "Ready");
    assert_non_null(strstr(doc_string(after, "message"), "shop-02, shop-04"));
    assert_non_null(strstr(doc_string(after, "message"), "shop-29"));
}

/* The memo only saves time: with an empty one every plan is the same. */
static void memo_changes_no_decision(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Service", NS, "istio-pilot");
    world_delete(w, "apps/v1", "Deployment", NS, "istio-galley");
    {
        struct plan with = world_plan(w), without;
        _cleanup_free_ char *a = world_describe(&with), *b = NULL;
        mesh_reconciler.memo_free(w->memo);
        w->memo = mesh_reconciler.memo_new();
        without = world_plan(w);
        b = world_describe(&without);
        assert_string_equal(a, b);
        plan_release(&with);
        plan_release(&without);
    }
}

/* An install, then a thousand plans, one in ten of which has something to heal: all memory but the cache's comes back.
 */
static void a_thousand_plans_leave_nothing(void **state)
{
    struct world *w = *state;
    size_t before = 0;

    for (int i = 0; i < 1000; i++) {
        struct plan plan;
        if (i % 10 == 0)
            world_delete(w, "v1", "Service", NS, "istio-pilot");
        plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
        if (i == 100)
            before = mallinfo2().uordblks;
    }
    /* Versions grow by a digit; a plan that leaked would leave kilobytes. */
    assert_in_range(mallinfo2().uordblks, 0, before + 16 * 1024);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define INSTALLED(test) cmocka_unit_test_setup_teardown(test, setup_installed, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(no_resource_no_action),
        FRESH(finalizer_comes_before_anything_is_made),
        FRESH(install_converges_to_available),
        FRESH(order_is_kept),
        FRESH(custom_objects_wait_for_their_definition),
        FRESH(too_new_kubernetes_is_refused),
        INSTALLED(deleted_object_is_made_again),
        INSTALLED(changed_field_is_restored_and_others_stay),
        INSTALLED(what_no_update_can_change_waits_for_its_user),
        INSTALLED(a_paused_mesh_does_not_fail_by_what_no_update_can_change),
        INSTALLED(ignored_object_is_left_alone),
        INSTALLED(what_was_left_alone_and_is_not_seen_changes_no_status),
        INSTALLED(what_was_left_alone_and_is_gone_is_made_again),
        INSTALLED(more_missing_than_was_left_alone_is_told),
        INSTALLED(what_was_left_alone_and_cannot_be_looked_for_is_told),
        INSTALLED(replicas_under_an_autoscaler_are_its_own),
        INSTALLED(disabled_component_goes_in_order),
        INSTALLED(without_galley_its_webhook_goes),
        INSTALLED(foreign_objects_are_never_pruned),
        INSTALLED(mutual_tls_tells_clients_first_and_servers_last),
        INSTALLED(paused_mesh_is_only_looked_at),
        INSTALLED(invalid_resource_changes_nothing),
        INSTALLED(refused_write_is_told),
        INSTALLED(labels_follow_the_list),
        INSTALLED(a_label_that_a_user_sets_stays),
        INSTALLED(deletion_takes_webhooks_first_and_definitions_never),
        INSTALLED(the_secret_that_a_pod_waits_for_is_named),
        cmocka_unit_test(what_a_server_keeps_mixer_from_is_a_condition),
        INSTALLED(deletion_ends_when_a_new_list_shows_nothing),
        INSTALLED(deletion_waits_for_creates_that_are_under_way),
        INSTALLED(what_an_earlier_operator_made_is_removed),
        FRESH(a_second_autoscaler_goes_before_the_rest),
        FRESH(parts_that_are_switched_off_go_in_order),
        INSTALLED(what_is_of_others_stays),
        INSTALLED(an_autoscaler_of_others_is_named),
        INSTALLED(deletion_takes_what_an_earlier_operator_made),
        INSTALLED(what_programs_made_goes_with_the_mesh_and_nothing_else_does),
        INSTALLED(a_secret_of_another_type_stays),
        INSTALLED(what_programs_made_goes_after_their_rights),
        INSTALLED(the_finalizer_has_the_name_that_resources_carry),
        FRESH(every_name_that_the_finalizer_had_frees_the_resource),
        INSTALLED(the_finalizer_of_another_manager_stays),
        INSTALLED(a_resource_that_another_manager_keeps_says_so),
        INSTALLED(what_the_garbage_collector_keeps_is_not_said_to_be_held),
        INSTALLED(second_resource_is_refused),
        INSTALLED(memo_changes_no_decision),
        INSTALLED(what_was_seen_of_namespaces_changes_no_plan),
        INSTALLED(of_many_namespaces_left_alone_some_are_named),
        INSTALLED(a_thousand_plans_leave_nothing),
    };

    return cmocka_run_group_tests_name("operator plan", tests, NULL, NULL);
}
