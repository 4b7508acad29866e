/* Sidecar renewal as the planner of the mesh does it: what is written of users' workloads, and what the status says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/patch.h"
#include "mesh/istiod/istiod.h"
#include "mesh/workloads.h"
#include "mesh_fixture.h"

#define RENEWING(mode, more)                                                                                           \
    "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"shop\"], \"sidecarRenewal\": {\"mode\": \"" mode        \
    "\", \"delay\": \"5s\"" more "}}"
#define SETTLED SECONDS(11)

static json_t *parsed(const char *text)
{
    json_t *value;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &value, NULL), 0);
    return value;
}

/* A Deployment of a Pod that is rolled out, changed by a merge patch (NULL: it is not). Owned by the caller. */
static json_t *deployment(const char *name, const char *patch)
{
    _cleanup_json_ json_t *change = patch ? parsed(patch) : json_object();
    json_t *object = OBJECT(
        STRING("apiVersion", "apps/v1"),
        STRING("kind", "Deployment"),
        MAP("metadata", STRING("name", name), STRING("namespace", "shop"), INT("generation", 1)),
        MAP("spec", INT("replicas", 1), MAP("template", MAP("metadata", MAP("labels", STRING("app", name))))),
        MAP("status",
            INT("observedGeneration", 1),
            INT("replicas", 1),
            INT("updatedReplicas", 1),
            INT("availableReplicas", 1)));

    patch_merge(object, change);
    return object;
}

static void put(struct world *w, const json_t *object)
{
    world_put_as(w, mesh_kind(KIND_RUNNING_DEPLOYMENT), doc_copy(object));
}

static void
put_pod_of(struct world *w, const char *ns, const char *deployment, const char *revision, const char *version)
{
    world_put_as(
        w,
        mesh_kind(KIND_SIDECAR_POD),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                FORMAT("name", "%s-ab12-x", deployment),
                STRING("namespace", ns),
                MAP("labels", STRING("pod-template-hash", "ab12")),
                MAP("annotations",
                    FORMAT("sidecar.istio.io/status", "{\"revision\":\"%s\"}", revision),
                    STRING(ISTIOD_SIDECAR_VERSION, version)),
                SEQ("ownerReferences",
                    ITEM(
                        STRING("apiVersion", "apps/v1"),
                        STRING("kind", "ReplicaSet"),
                        FORMAT("name", "%s-ab12", deployment),
                        BOOL("controller", true))))));
}

static void put_pod(struct world *w, const char *deployment, const char *version)
{
    put_pod_of(w, "shop", deployment, "default", version);
}

static void begin(void **state, const char *spec)
{
    assert_int_equal(mesh_begin_today_installed(state, spec), 0);
    world_put_namespace(*state, "shop", OBJECT(STRING("istio-injection", "enabled")));
}

/* The restarts that the next plans ask for, carried out on `object`, which may be NULL. Owned by the caller. */
static char *restarts(struct world *w, json_t *object)
{
    struct buf text = BUF_INIT;

    for (int i = 0; i < 5; i++) {
        struct plan plan = world_plan(w);
        for (size_t k = 0; k < plan.len; k++) {
            struct kube_action *a = &plan.actions[k];
            _cleanup_json_ json_t *body = NULL;
            if (a->tag != PLAN_RESTARTED)
                continue;
            buf_printf(&text, "%s%s", text.len ? " " : "", a->name);
            body = parsed(a->body);
            json_object_del(doc_at(body, "metadata"), "resourceVersion");
            if (object) {
                patch_merge(object, body);
                json_object_set_new(doc_at(object, "metadata"), "generation", json_integer(2));
                put(w, object);
            }
            kube_action_release(a);
            memmove(a, a + 1, (--plan.len - k) * sizeof(*a));
            k--;
        }
        world_act(w, &plan);
        plan_release(&plan);
    }
    return buf_take(&text);
}

static void expect_restarts(struct world *w, json_t *object, const char *names)
{
    _cleanup_free_ char *text = restarts(w, object);

    assert_string_equal(text, names);
}

static void expect_renewal(struct world *w, const char *phase, int done, int left)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const json_t *status = doc_at(mesh, "status", "sidecarRenewal");

    assert_string_equal(str_or(doc_string(status, "phase"), ""), phase);
    assert_int_equal(doc_int(doc_at(status, "done"), -1), done);
    assert_int_equal(doc_int(doc_at(status, "left"), -1), left);
}

static char *blocked(struct world *w, const char *name)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return str_dup(
        str_or(doc_string(doc_find(doc_at(mesh, "status", "sidecarRenewal", "blocked"), "name", name), "reason"), ""));
}

static void roll_out(struct world *w, json_t *object, const char *version)
{
    json_object_set_new(doc_at(object, "status"), "observedGeneration", json_integer(2));
    put(w, object);
    put_pod(w, "web", version);
}

static char *current_of(struct world *w, const char *injector)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, injector);

    return str_dup(doc_string(config, "metadata", "annotations", ISTIOD_SIDECAR_VERSION));
}

static char *current(struct world *w)
{
    return current_of(w, ISTIOD_INJECTION_CONFIG);
}

/* Two Deployments whose Pods have a former sidecar, as a plan has seen them. The version of today's; owned by the
 * caller. */
static char *begin_with_outdated(void **state, const json_t *web, const json_t *other)
{
    struct world *w;
    char *version;

    begin(state, RENEWING("Automatic", ""));
    w = *state;
    version = current(w);
    put(w, web);
    put(w, other);
    put_pod(w, "web", "old");
    put_pod(w, "zoo", "old");
    expect_restarts(w, NULL, "");
    return version;
}

static void a_workload_is_restarted_once(void **state)
{
    _cleanup_json_ json_t *web = deployment("web", NULL), *other = deployment("zoo", NULL);
    _cleanup_free_ char *version = NULL;
    struct world *w;

    begin(state, RENEWING("Automatic", ""));
    w = *state;
    version = current(w);
    put(w, web);
    put(w, other);
    put_pod(w, "web", version);
    put_pod(w, "zoo", version);
    expect_restarts(w, NULL, "");
    assert_false(w->synced & PLAN_WATCH_WORKLOADS);
    expect_renewal(w, "Current", 2, 0);

    put_pod(w, "web", "old");
    put_pod(w, "zoo", "old");
    w->later += SETTLED;
    expect_restarts(w, web, "web");
    assert_true(w->synced & PLAN_WATCH_WORKLOADS);
    expect_renewal(w, "Renewing", 0, 2);
    /* The process ends after the write. */
    mesh_memo_clear(w->memo);
    w->later += SECONDS(20);
    expect_restarts(w, NULL, "");

    roll_out(w, web, version);
    expect_restarts(w, NULL, "");
    expect_renewal(w, "Renewing", 1, 1);
    w->later += SECONDS(5);
    expect_restarts(w, other, "zoo");
    /* Undone by another client, whose Pods are the former ones. */
    json_object_del(doc_at(other, "spec", "template", "metadata"), "annotations");
    json_object_set_new(doc_at(other, "status"), "observedGeneration", json_integer(2));
    put(w, other);
    w->later += SECONDS(60);
    expect_restarts(w, NULL, "");
    {
        _cleanup_free_ char *reason = blocked(w, "zoo");
        assert_string_equal(reason, "Reverted");
    }
    w->later += SECONDS(6000);
    expect_restarts(w, NULL, "");
}

/* What a user rolls out after a restart is not the restart's rollout, and not restarted beside another one. */
static void a_rollout_of_the_user_is_not_restarted(void **state)
{
    _cleanup_json_ json_t *web = deployment("web", NULL), *other = deployment("zoo", NULL);
    _cleanup_free_ char *version = NULL;
    struct world *w;

    version = begin_with_outdated(state, web, other);
    w = *state;
    w->later += SETTLED;
    expect_restarts(w, web, "web");
    roll_out(w, web, version);
    expect_restarts(w, NULL, "");
    w->later += SECONDS(5);
    expect_restarts(w, other, "zoo");
    expect_restarts(w, NULL, "");

    json_object_set_new(doc_at(web, "metadata"), "generation", json_integer(3));
    put(w, web);
    expect_restarts(w, NULL, "");
    put_pod(w, "web", "old");
    world_put_mesh(w, RENEWING("Automatic", "}, \"proxy\": {\"logLevel\": \"debug\""));
    expect_restarts(w, NULL, "");
    w->later += SETTLED;
    expect_restarts(w, other, "zoo");
}

/* Switched off and on again. */
static void a_rollout_that_failed_stops_its_namespace_until_it_is_complete(void **state)
{
    _cleanup_json_ json_t *web = deployment("web", NULL), *other = deployment("zoo", NULL);
    _cleanup_free_ char *version = NULL;
    struct world *w;

    version = begin_with_outdated(state, web, other);
    w = *state;
    w->later += SETTLED;
    expect_restarts(w, web, "web");
    put_pod(w, "web", version);
    w->later += SECONDS(601);
    expect_restarts(w, NULL, "");

    world_put_mesh(w, RENEWING("Off", ""));
    expect_restarts(w, NULL, "");
    expect_renewal(w, "Off", -1, -1);
    world_put_mesh(w, RENEWING("Automatic", ""));
    expect_restarts(w, NULL, "");
    w->later += SECONDS(601);
    expect_restarts(w, NULL, "");

    json_object_set_new(doc_at(web, "status"), "observedGeneration", json_integer(2));
    put(w, web);
    expect_restarts(w, NULL, "");
    w->later += SECONDS(5);
    expect_restarts(w, other, "zoo");
}

/* It got others in between: another release, and back. */
static void a_restart_for_sidecars_that_are_desired_again_is_none(void **state)
{
    _cleanup_json_ json_t *web = deployment("web", NULL);
    _cleanup_free_ char *configuration = NULL, *version = NULL, *before = NULL;
    struct world *w;

    begin(state, RENEWING("Automatic", ""));
    w = *state;
    configuration = current(w);
    version = STR_JOIN('/', "default", configuration);
    before = mesh_restarted_for(version, SECONDS(1));
    json_object_set_new(
        doc_at(web, "spec", "template", "metadata"),
        "annotations",
        OBJECT(STRING(SIDECAR_RESTARTED_ANNOTATION, before)));
    put(w, web);
    put_pod(w, "web", "old");
    expect_restarts(w, NULL, "");
    w->later += SETTLED;
    expect_restarts(w, web, "web");
    w->later += SECONDS(20);
    expect_restarts(w, NULL, "");
}

static void nothing_is_restarted_that_nobody_asked_for(void **state)
{
    static const char *const specs[] = {
        RENEWING("Report", ""),
        RENEWING("Off", ""),
        "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"shop\"], \"sidecars\": {\"count\": true}}",
        "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"shop\"]}",
        RENEWING("Automatic", ", \"windows\": [{\"from\": \"23:00\", \"to\": \"23:30\"}]"),
        RENEWING("Automatic", ", \"namespaceSelector\": {\"matchLabels\": {\"tier\": \"front\"}}"),
        "{\"pause\": true, \"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"shop\"],"
        " \"sidecarRenewal\": {\"mode\": \"Automatic\"}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_json_ json_t *web = deployment("web", NULL);
        struct world *w;
        begin(state, RENEWING("Automatic", ""));
        w = *state;
        world_put_mesh(w, specs[i]);
        put(w, web);
        put_pod(w, "web", "old");
        expect_restarts(w, NULL, "");
        w->later += SETTLED;
        expect_restarts(w, NULL, "");
        if (i + 1 < ARRAY_LEN(specs))
            mesh_end(state);
    }
}

/* Neither while a component is not available, nor while an object cannot be written. */
static void nothing_is_restarted_while_the_mesh_is_not_well(void **state)
{
    _cleanup_json_ json_t *web = deployment("web", NULL);
    json_t *gateway;
    struct world *w;

    begin(state, RENEWING("Automatic", ""));
    w = *state;
    put(w, web);
    put_pod(w, "web", "old");
    expect_restarts(w, NULL, "");
    w->later += SETTLED;
    gateway = world_get(w, APPS, "Deployment", NS, "istio-ingressgateway");
    json_object_set_new(doc_make(gateway, "status"), "availableReplicas", json_integer(0));
    world_put(w, gateway);
    expect_restarts(w, NULL, "");
    expect_renewal(w, "Waiting", 0, 1);

    world_fail(w, ERR_INVALID, KUBE_CREATE, "ConfigMap/istio-system/istio", "refused for now");
    w->held = true;
    world_delete(w, "v1", "ConfigMap", NS, "istio");
    world_roll_out(w);
    expect_restarts(w, NULL, "");
    w->failure_count = 0;
    expect_restarts(w, web, "web");
}

static void what_is_left_alone_is_named(void **state)
{
    static const struct {
        const char *patch, *reason;
    } cases[] = {
        {"{\"spec\": {\"paused\": true}}", "Paused"},
        {"{\"spec\": {\"updateStrategy\": {\"type\": \"OnDelete\"}}}", "OnDelete"},
        {"{\"spec\": {\"updateStrategy\": {\"rollingUpdate\": {\"partition\": 1}}}}", "Partitioned"},
        {"{\"status\": {\"updatedReplicas\": 0}}", "Rolling"},
        {"{\"metadata\": {\"annotations\": {\"istio.banzaicloud.io/sidecar-renewal\": \"disabled\"}}}", "Disabled"},
        {"{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"sidecar.istio.io/proxyImage\": \"a\"}}}}}",
         "PinnedImage"},
        {"{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"sidecar.istio.io/status\": \"{}\"}}}}}",
         "InjectedByHand"},
        {"{\"spec\": {\"template\": {\"metadata\": {\"labels\": {\"sidecar.istio.io/inject\": \"false\"}}}}}",
         "NotInjected"},
        {"{\"spec\": {\"template\": {\"metadata\": {\"labels\": {\"guarded\": \"yes\"}}}}}", "DisruptionBudget"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *web = deployment("web", cases[i].patch);
        _cleanup_free_ char *reason = NULL;
        struct world *w;
        begin(state, RENEWING("Automatic", ""));
        w = *state;
        put(w, web);
        put_pod(w, "web", "old");
        world_put_as(
            w,
            mesh_kind(KIND_RUNNING_BUDGET),
            OBJECT(
                MAP("metadata", STRING("name", "b"), STRING("namespace", "shop")),
                MAP("spec", MAP("selector", MAP("matchLabels", STRING("guarded", "yes")))),
                MAP("status", INT("disruptionsAllowed", 0))));
        expect_restarts(w, NULL, "");
        w->later += SETTLED;
        expect_restarts(w, NULL, "");
        reason = blocked(w, "web");
        assert_string_equal(reason, cases[i].reason);
        if (i + 1 < ARRAY_LEN(cases))
            mesh_end(state);
    }
}

/* As long as what is kept of a word, less a byte. */
#define FIFTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_GROUP FIFTY FIFTY FIFTY FIFTY FIFTY "aa"

/* Kinds of owners, by what their Pods say. */
static void a_pod_tells_what_runs_it(void **state)
{
    static const struct {
        const char *kind, *api_version, *name, *label, *workload;
    } cases[] = {
        {"ReplicaSet", "apps/v1", "web-ab12", "pod-template-hash", "Deployment/web"},
        {"ReplicaSet", "apps/v1", "web-other", "pod-template-hash", "ReplicaSet/web-other"},
        {"ReplicaSet", "apps/v1", "web-ab12", "rollouts-pod-template-hash", "Rollout.argoproj.io/web"},
        {"StatefulSet", "apps/v1", "db", "a", "StatefulSet/db"},
        {"StatefulSet", "apps.kruise.io/v1beta1", "db", "a", "StatefulSet.apps.kruise.io/db"},
        {"DaemonSet", "apps/v1", "log", "a", "DaemonSet/log"},
        {"Job", "batch/v1", "once", "a", "Job/once"},
        {"ReplicationController", "v1", "rc", "a", "ReplicationController/rc"},
        {NULL, NULL, NULL, "a", "Pod/p"},
        /* cut between characters */
        {"A", LONG_GROUP "\xc3\xa9/v1", "a", "a", "A." LONG_GROUP "/a"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *pod = OBJECT(
            MAP("metadata",
                STRING("name", "p"),
                MAP("labels", STRING(cases[i].label, "ab12")),
                OPT(cases[i].kind,
                    SEQ("ownerReferences",
                        ITEM(
                            STRING("apiVersion", cases[i].api_version),
                            STRING("kind", cases[i].kind),
                            STRING("name", cases[i].name),
                            BOOL("controller", true))))));
        _cleanup_free_ char *workload = mesh_workload_of_pod(pod);
        assert_string_equal(workload, cases[i].workload);
    }
}

#define ANOTHER_REVISION(more)                                                                                         \
    "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"idle\", \"pay\", \"shop\"], \"sidecarRenewal\": "       \
    "{\"mode\": "                                                                                                      \
    "\"Automatic\", \"delay\": \"5s\"}" more "}"

static void expect_revision(struct world *w, const char *ns, const char *revision)
{
    _cleanup_json_ json_t *o = world_get(w, "v1", "Namespace", NULL, ns);
    const char *found = doc_string(o, "metadata", "labels", LABEL_REVISION);

    if (!str_eq(found, revision))
        fail_msg("namespace %s has revision %s, but must have %s", ns, str_or(found, "none"), str_or(revision, "none"));
}

/* Those that nobody restarts move at once. */
#define OF_VERSION(version)                                                                                            \
    "{\"version\": \"" version                                                                                         \
    "\", \"autoInjectionNamespaces\": [\"shop\"], \"sidecarRenewal\": {\"mode\": \"Automatic\"}}"

/*
 * Before the gateways are of the version that is asked for no workload is restarted: neither while the new control
 * plane is not proven, though all that is there is available, nor where the step is refused.
 */
static void gateways_come_before_workloads(void **state)
{
    static const char *const specs[] = {OF_VERSION("1.30.8"), OF_VERSION("1.28.10")};

    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_json_ json_t *web = deployment("web", NULL);
        struct world *w;
        begin(state, OF_VERSION("1.31.1"));
        w = *state;
        w->rolls_out = true;
        put(w, web);
        put_pod(w, "web", "old");
        w->pods.no_sidecar = true;
        world_put_mesh(w, specs[i]);
        expect_restarts(w, NULL, "");
        roll_out_today(w);
        w->later += SETTLED;
        expect_restarts(w, NULL, "");

        w->pods.no_sidecar = false;
        if (i) {
            world_put_mesh(w, OF_VERSION("1.30.8"));
            settle(w);
        }
        roll_out_today(w); /* of the control plane */
        world_roll_out(w); /* of the gateways */
        w->later += SETTLED;
        expect_restarts(w, web, "web");
        if (i + 1 < ARRAY_LEN(specs))
            mesh_end(state);
    }
}

static void namespaces_move_to_another_control_plane_one_by_one(void **state)
{
    _cleanup_json_ json_t *api = deployment("api", "{\"metadata\": {\"namespace\": \"pay\"}}"),
                          *web = deployment("web", NULL);
    _cleanup_free_ char *version = NULL, *next = NULL;
    struct world *w;

    assert_int_equal(mesh_begin_today_installed(state, ANOTHER_REVISION("")), 0);
    w = *state;
    world_put_namespace(w, "idle", NULL);
    world_put_namespace(w, "pay", NULL);
    world_put_namespace(w, "shop", NULL);
    settle(w);
    version = current(w);
    put(w, api);
    put(w, web);
    put_pod_of(w, "pay", "api", "default", version);
    put_pod(w, "web", version);

    world_put_mesh(w, ANOTHER_REVISION(", \"revision\": \"canary\""));
    settle(w);
    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod-canary", true);
    expect_restarts(w, NULL, "");
    expect_revision(w, "idle", "canary");
    expect_revision(w, "pay", NULL);
    expect_revision(w, "shop", NULL);

    w->later += SETTLED;
    expect_restarts(w, api, "api");
    expect_revision(w, "pay", "canary");
    expect_revision(w, "shop", NULL);

    next = current_of(w, ISTIOD_INJECTION_CONFIG "-canary");
    json_object_set_new(doc_at(api, "status"), "observedGeneration", json_integer(2));
    put(w, api);
    put_pod_of(w, "pay", "api", "canary", next);
    expect_restarts(w, NULL, "");
    expect_revision(w, "shop", NULL);
    w->later += SECONDS(5);
    expect_restarts(w, web, "web");
    expect_revision(w, "shop", "canary");
}

/* New Pods would have no sidecar. */
static void a_control_plane_stays_while_a_namespace_is_labelled_for_it(void **state)
{
    struct world *w;

    assert_int_equal(mesh_begin_today_installed(state, ANOTHER_REVISION("")), 0);
    w = *state;
    world_put_namespace(w, "shop", NULL);
    settle(w);
    world_put_mesh(w, ANOTHER_REVISION(", \"revision\": \"canary\", \"upgrade\": {\"formerGracePeriod\": \"0s\"}"));
    settle(w);
    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod-canary", true);
    /* Another client takes it back each time. */
    for (int i = 0; i < 10; i++) {
        struct plan plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
        world_put_namespace(
            w,
            "shop",
            OBJECT(STRING(LABEL_INJECTION, "enabled"), STRING("istio-operator-managed-injection", "enabled")));
    }
    assert_true(world_has(w, APPS, "Deployment", NS, "istiod"));
    settle(w);
    expect_revision(w, "shop", "canary");
    assert_false(world_has(w, APPS, "Deployment", NS, "istiod"));
}

#define WITH_A_MESH(test) cmocka_unit_test_teardown(test, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_MESH(a_workload_is_restarted_once),
        WITH_A_MESH(a_rollout_of_the_user_is_not_restarted),
        WITH_A_MESH(a_rollout_that_failed_stops_its_namespace_until_it_is_complete),
        WITH_A_MESH(a_restart_for_sidecars_that_are_desired_again_is_none),
        WITH_A_MESH(nothing_is_restarted_that_nobody_asked_for),
        WITH_A_MESH(nothing_is_restarted_while_the_mesh_is_not_well),
        WITH_A_MESH(gateways_come_before_workloads),
        WITH_A_MESH(what_is_left_alone_is_named),
        WITH_A_MESH(namespaces_move_to_another_control_plane_one_by_one),
        WITH_A_MESH(a_control_plane_stays_while_a_namespace_is_labelled_for_it),
        cmocka_unit_test(a_pod_tells_what_runs_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
