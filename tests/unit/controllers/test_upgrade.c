/* A mesh whose version changes: the order, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "upgrade_fixture.h"

static void put_pod(struct world *w, const char *name, bool current)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector");
    const char *version = doc_string(config, "metadata", "annotations", "istio.banzaicloud.io/sidecar-version");

    world_put_as(
        w,
        mesh_kind(KIND_SIDECAR_POD),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", "default"),
                MAP("annotations",
                    STRING("sidecar.istio.io/status", "{\"revision\":\"default\"}"),
                    STRING("istio.banzaicloud.io/sidecar-version", current ? version : "of-before")))));
}

/* --- the order --- */

static void gateways_are_replaced_when_the_new_control_plane_is_proven(void **state)
{
    struct world *w = *state;
    struct plan plan;

    put_pod(w, "app", false);
    put_pod(w, "other", false);
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
    expect_status(w, "version", "1.30.8");
    expect_status(w, "Status", "Reconciling");
    expect_upgrade(w, "from", "1.30.8");
    expect_upgrade(w, "to", "1.31.1");
    expect_upgrade(w, "phase", "ControlPlane");
    expect_condition(w, "Upgrading", "True", "ControlPlane");

    /* Available, but the API server cannot call it. */
    put_endpoint_slice(w, "istiod", false);
    world_roll_out(w);
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");

    put_endpoint_slice(w, "istiod", true);
    settle(w);
    expect_versions(w, "1.31.1", "1.31.1");
    expect_status(w, "version", "1.30.8");
    expect_upgrade(w, "phase", "Gateways");

    world_roll_out(w);
    settle(w);
    expect_status(w, "version", "1.31.1");
    expect_status(w, "Status", "Available");
    expect_upgrade(w, "phase", "Sidecars");
    expect_upgrade(w, "progress", "1.30.8 -> 1.31.1 (0/2)");
    /* An operator that was started now has not counted them yet. */
    w->synced &= ~PLAN_WATCH_SIDECARS;
    mesh_memo_clear(w->memo);
    plan = world_plan(w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);

    put_pod(w, "app", true);
    settle(w);
    expect_upgrade(w, "progress", "1.30.8 -> 1.31.1 (1/2)");
    put_pod(w, "other", true);
    settle(w);
    expect_upgrade(w, "phase", "Complete");
    expect_upgrade(w, "progress", NULL);
    expect_condition(w, "Upgrading", "False", "Complete");
    /* It stays to be read. */
    put_pod(w, "app", false);
    settle(w);
    expect_upgrade(w, "phase", "Complete");
}

/* A gateway that is deleted while the new control plane is not available gets the old one's template again. */
static void what_is_held_is_restored(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    world_delete(w, APPS, "Deployment", NS, "istio-ingressgateway");
    world_delete(w, "v1", "Service", NS, "istio-ingressgateway");
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
    assert_true(world_has(w, "v1", "Service", NS, "istio-ingressgateway"));
}

static void a_late_control_plane_is_named(void **state)
{
    struct world *w = *state;
    json_t *istiod;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    istiod = world_get(w, APPS, "Deployment", NS, "istiod");
    json_object_set_new(
        istiod,
        "status",
        OBJECT(
            VALUE("observedGeneration", json_incref(doc_at(istiod, "metadata", "generation"))),
            SEQ("conditions",
                ITEM(
                    STRING("type", "Progressing"),
                    STRING("status", "False"),
                    STRING("reason", "ProgressDeadlineExceeded")))));
    world_put(w, istiod);
    settle(w);
    expect_condition(w, "UpgradeBlocked", "True", "ControlPlaneUnavailable");
    expect_versions(w, "1.31.1", "1.30.8");
}

/* A gateway waits until a Pod gets the new sidecar, as a dry run. */
static void injection_is_proven_before_the_gateways(void **state)
{
    static const struct {
        int refused;
        const char *message;
        bool no_sidecar, goes_on;
        const char *says; /* in the condition, or in the warnings */
    } cases[] = {
        {403,
         "pods \"istio-operator-injection\" is forbidden: violates PodSecurity \"baseline:latest\"",
         false,
         false,
         "violates PodSecurity"},
        {500,
         "Internal error occurred: failed calling webhook \"namespace.sidecar-injector.istio.io\"",
         false,
         false,
         "in namespace default with a sidecar is refused: Internal error occurred: failed calling webhook"},
        {0, NULL, true, false, "gets no sidecar"},
        {403,
         "pods is forbidden: User \"system:x\" cannot create resource \"pods\" in API group \"\"",
         false,
         true,
         "could not be tried"},
        {403, "pods \"istio-operator-injection\" is forbidden: exceeded quota: q", false, true, "exceeded quota"},
        {400, "admission webhook \"other\" does not support dry run", false, true, "does not support dry run"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *condition = NULL, *mesh = NULL;
        _cleanup_free_ char *warnings = NULL;
        world_put_mesh(w, SPEC_OF("1.31.1"));
        w->pods.refused = cases[i].refused;
        w->pods.message = cases[i].message;
        w->pods.no_sidecar = cases[i].no_sidecar;
        settle(w);
        roll_out_today(w);
        expect_versions(w, "1.31.1", cases[i].goes_on ? "1.31.1" : "1.30.8");
        condition = condition_of(w, "UpgradeBlocked");
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        warnings = doc_text(doc_at(mesh, "status", "upgrade", "warnings"));
        if (!strstr(cases[i].goes_on ? warnings : doc_string(condition, "message"), cases[i].says))
            fail_msg("case %zu: %s; %s", i, doc_string(condition, "message"), warnings);
        if (!cases[i].goes_on)
            expect_condition(w, "UpgradeBlocked", "True", "InjectionFailed");
        w->pods.refused = 0;
        w->pods.no_sidecar = false;
        settle(w);
        expect_versions(w, "1.31.1", "1.31.1");
        expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
        world_put_mesh(w, SPEC_OF("1.30.8"));
        settle(w);
        for (int k = 0; k < 4; k++)
            roll_out_today(w);
        expect_versions(w, "1.30.8", "1.30.8");
        expect_upgrade(w, "phase", "Complete");
    }
}

/* Where the user says so it goes on, and where no namespace has injection there is nothing to prove. */
static void injection_need_not_be_proven(void **state)
{
    struct world *w = *state;

    w->pods.no_sidecar = true;
    world_put_mesh(
        w,
        "{\"version\": \"1.31.1\", \"upgrade\": {\"preflight\": \"Warn\"}, \"autoInjectionNamespaces\": "
        "[\"default\"]}");
    settle(w);
    roll_out_today(w);
    expect_versions(w, "1.31.1", "1.31.1");
    assert_true(w->pods.asked > 0);
    roll_out_today(w);

    world_put_mesh(w, "{\"version\": \"1.31.1\"}");
    settle(w);
    roll_out_today(w);
    w->pods.asked = 0;
    world_put_mesh(w, "{\"version\": \"1.30.8\"}");
    settle(w);
    roll_out_today(w);
    expect_versions(w, "1.30.8", "1.30.8");
    assert_int_equal(w->pods.asked, 0);
}

/* --- the definitions, and what programs read --- */

/*
 * A program may run neither on the configuration of another release nor without its own definitions: nothing that it
 * reads is written before all of them are, and its Deployment in the very next step after its ConfigMap. So too on the
 * way back.
 */
static void a_control_plane_follows_its_definitions_and_its_configuration(void **state)
{
    static const char gateways[] = "CustomResourceDefinition/gateways.networking.istio.io";
    static const char *const lines[] = {
        "update CustomResourceDefinition/gateways.networking.istio.io:",
        "update ConfigMap/istio-system/istio:",
        "update Deployment/istio-system/istio-pilot:",
    };
    static const char *const versions[] = {"1.1.17", "1.0.6"};
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        _cleanup_free_ char *spec = str_printf("{\"version\": \"%s\"}", versions[i]);
        int first[ARRAY_LEN(lines)];
        world_fail(w, ERR_INVALID, KUBE_UPDATE, gateways, "refused for now");
        w->held = true;
        world_put_mesh(w, spec);
        settle(w);
        expect_upgrade(w, "phase", "Definitions");
        w->failure_count = 0;
        assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
        if (first[0] != 1 || first[1] <= first[0] || first[2] != first[1] + 1)
            fail_msg(
                "to %s: the definition in plan %d, the ConfigMap in %d, the Deployment in %d",
                versions[i],
                first[0],
                first[1],
                first[2]);
        for (int k = 0; k < 3; k++) {
            world_roll_out(w);
            settle(w);
        }
        expect_status(w, "version", versions[i]);
    }
}

/*
 * Mixer 1.1 ends where a rule names a handler that is not there: handlers come before the rules that name them, and on
 * the way back they go behind those.
 */
static void rules_follow_their_handlers(void **state)
{
    static const char rule[] = "update rule/istio-system/promhttp:";
    static const struct {
        const char *version, *lines[2];
    } steps[] = {
        {"1.1.17", {"create handler/istio-system/prometheus:", rule}},
        {"1.0.6", {rule, "remove handler/istio-system/prometheus:"}},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        _cleanup_free_ char *spec = str_printf("{\"version\": \"%s\"}", steps[i].version);
        struct plan preflight;
        int first[2];
        world_put_mesh(w, spec);
        preflight = world_plan(w);
        world_act(w, &preflight);
        plan_release(&preflight);
        assert_true(first_plan_with(w, steps[i].lines, 2, first) < 30);
        if (!first[0] || first[1] <= first[0])
            fail_msg(
                "to %s: %s in plan %d, %s in %d",
                steps[i].version,
                steps[i].lines[0],
                first[0],
                steps[i].lines[1],
                first[1]);
        for (int k = 0; k < 3; k++) {
            world_roll_out(w);
            settle(w);
        }
        expect_status(w, "version", steps[i].version);
    }
}

/* --- the injector's configuration --- */

/*
 * Where no new control plane becomes available, Pods get the sidecars that they got before: the injector's
 * configuration is never newer than what reads it. An older one comes first.
 */
static void the_injector_follows_what_reads_it(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
    expect_injector(w, "1.30.8");
    world_delete(w, "v1", "ConfigMap", NS, "istio");
    mesh_memo_clear(w->memo);
    settle(w);
    expect_injector(w, "1.30.8");
    /* To a patch in the middle, and back. */
    world_put_mesh(w, SPEC_OF("1.31.0"));
    settle(w);
    expect_injector(w, "1.30.8");
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    roll_out_today(w);
    expect_injector(w, "1.31.1");
    roll_out_today(w);
    expect_upgrade(w, "phase", "Complete");

    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.30.8", "1.31.1");
    expect_injector(w, "1.30.8");
}

/* --- the way back --- */

static void the_way_back_leaves_gateways_that_were_not_replaced(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.30.8", "1.30.8");
    expect_upgrade(w, "from", "1.31.1");
    expect_upgrade(w, "to", "1.30.8");
    roll_out_today(w);
    expect_status(w, "Status", "Available");
    expect_upgrade(w, "phase", "Complete");
}

static void the_way_back_has_the_same_order(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    roll_out_today(w);
    expect_versions(w, "1.31.1", "1.31.1");
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.30.8", "1.31.1");
    roll_out_today(w);
    expect_versions(w, "1.30.8", "1.30.8");
    roll_out_today(w);
    expect_status(w, "version", "1.30.8");
}

/* Without a version a resource asks for the one in its status, which is the old one until the new one is complete. */
static void the_way_back_may_be_the_removal_of_the_field(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"]}");
    settle(w);
    expect_versions(w, "1.30.8", "1.30.8");
    expect_status(w, "version", "1.30.8");
    expect_upgrade(w, "from", "1.31.1");
    roll_out_today(w);
    expect_upgrade(w, "phase", "Complete");
    expect_status(w, "version", "1.30.8");
}

/* A third version in the middle: the gateways stay where they are. */
static void another_change_of_mind_moves_no_gateway_early(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    world_put_mesh(w, SPEC_OF("1.31.0"));
    settle(w);
    expect_versions(w, "1.31.0", "1.30.8");
    roll_out_today(w);
    expect_versions(w, "1.31.0", "1.31.0");
}

/* A step that is refused in the middle of another one changes nothing about that one. */
static void a_refused_change_of_mind_moves_no_gateway_early(void **state)
{
    static const char *const refused[] = {SPEC_OF("1.28.10"), SPEC_OF("9.9.9")};
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        world_put_mesh(w, refused[i]);
        settle(w);
        expect_upgrade(w, "phase", "Preflight");
        world_put_mesh(w, SPEC_OF("1.31.1"));
        settle(w);
        expect_versions(w, "1.31.1", "1.30.8");
        expect_upgrade(w, "from", "1.30.8");
        expect_upgrade(w, "phase", "ControlPlane");
        expect_status(w, "version", "1.30.8");
    }
    roll_out_today(w);
    expect_versions(w, "1.31.1", "1.31.1");
}

/* Two steps in a row leave gateways two releases behind, where the first one did not reach them. */
static void the_next_step_waits_for_the_gateways(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.29.6"));
    settle(w);
    roll_out_today(w);
    roll_out_today(w);
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.30.8", "1.29.6");
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.30.8", "1.29.6");
    expect_condition(w, "UpgradeBlocked", "True", "PreflightRefused");
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    roll_out_today(w);
    expect_versions(w, "1.30.8", "1.30.8");
    roll_out_today(w);
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
}

/* --- whatever happens --- */

/* They follow from Istio 1.0 to 1.1 and back. */
static void remote_clusters_hold_up_no_version(void **state)
{
    static const char *const versions[] = {"1.1.17", "1.0.6"};
    struct world *w = *state;

    put_of(w, mesh_kind(KIND_REMOTE_ISTIO), NS, "east", NULL);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        _cleanup_free_ char *spec = str_printf("{\"version\": \"%s\"}", versions[i]);
        world_put_mesh(w, spec);
        settle(w);
        world_roll_out(w);
        settle(w);
        expect_status(w, "version", versions[i]);
        expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    }
}

/* Each plan without memory, as after a restart before it: the same end by the same steps. */

static void a_restart_at_any_write_continues(void **state)
{
    struct world *w = *state;
    bool was_held = false;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    for (int i = 0; i < 60; i++) {
        struct plan plan;
        _cleanup_free_ char *istiod = NULL, *ingress = NULL;
        mesh_memo_clear(w->memo);
        plan = world_plan(w);
        if (plan.len > 1) {
            struct plan one = {.actions = plan.actions, .len = 1};
            world_act(w, &one);
        } else {
            world_act(w, &plan);
        }
        if (!plan.len) {
            world_roll_out(w);
            put_endpoint_slice(w, "istiod", true);
        }
        plan_release(&plan);
        istiod = version_of(w, "istiod");
        ingress = version_of(w, "istio-ingressgateway");
        if (str_eq(ingress, "1.31.1"))
            assert_string_equal(istiod, "1.31.1");
        else
            was_held |= str_eq(istiod, "1.31.1");
    }
    assert_true(was_held);
    expect_versions(w, "1.31.1", "1.31.1");
    expect_status(w, "version", "1.31.1");
    expect_upgrade(w, "phase", "Complete");
}

static void by_revision_the_gateways_wait_for_the_new_control_plane(void **state)
{
    struct world *w = *state;
    _cleanup_free_ char *before = NULL, *after = NULL;

    put_pod(w, "app", true);
    world_put_mesh(w, "{\"version\": \"1.31.1\", \"revision\": \"canary\"}");
    settle(w);
    assert_true(world_has(w, APPS, "Deployment", NS, "istiod"));
    assert_true(world_has(w, APPS, "Deployment", NS, "istiod-canary"));
    before = version_of(w, "istio-ingressgateway");
    assert_string_equal(before, "1.30.8");
    roll_out_today(w);
    after = version_of(w, "istio-ingressgateway");
    assert_string_equal(after, "1.31.1");
    roll_out_today(w);
    expect_upgrade(w, "phase", "Sidecars");
    assert_true(world_has(w, APPS, "Deployment", NS, "istiod"));
}

/* The name of the control plane is a part of the step: a refused one adds none. */
static void a_refused_step_by_revision_adds_no_control_plane(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"version\": \"1.28.10\", \"revision\": \"canary\"}");
    settle(w);
    assert_false(world_has(w, APPS, "Deployment", NS, "istiod-canary"));
    expect_versions(w, "1.30.8", "1.30.8");
    expect_condition(w, "UpgradeBlocked", "True", "PreflightRefused");
}

/* An annotation without a value is one, too, and comes back. */
static void the_way_back_ends_with_what_was_there(void **state)
{
    static const char *const versions[] = {"{\"version\": \"1.1.17\"}", "{\"version\": \"1.0.5\"}"};
    static const char *const deployments[] = {
        "istio-pilot", "istio-galley", "istio-citadel", "istio-policy", "istio-telemetry", "istio-ingressgateway"};
    json_t *before[ARRAY_LEN(deployments)];
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(deployments); i++)
        before[i] = world_get(w, APPS, "Deployment", NS, deployments[i]);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        world_put_mesh(w, versions[i]);
        for (int k = 0; k < 3; k++) {
            settle(w);
            world_roll_out(w);
        }
    }
    expect_status(w, "version", "1.0.5");
    for (size_t i = 0; i < ARRAY_LEN(deployments); i++) {
        _cleanup_json_ json_t *after = world_get(w, APPS, "Deployment", NS, deployments[i]);
        const json_t *was = doc_at(before[i], "spec", "template", "metadata", "annotations");
        assert_non_null(doc_at(was, "scheduler.alpha.kubernetes.io/critical-pod"));
        if (!doc_equal(was, doc_at(after, "spec", "template", "metadata", "annotations")))
            fail_msg("the Pods of %s have other annotations", deployments[i]);
        json_decref(before[i]);
    }
}

/* --- changes of mind --- */

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

/* What the mesh wants, and what it says of it, in one line for a failure. */
static void expect_end(struct world *w, unsigned walk, const char *steps)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_free_ char *istiod = version_of(w, "istiod"), *ingress = version_of(w, "istio-ingressgateway");

    if (str_eq(doc_string(mesh, "status", "version"), "1.31.1") && str_eq(istiod, "1.31.1") &&
        str_eq(ingress, "1.31.1") && !doc_string(mesh, "status", "upgrade", "progress"))
        return;
    fail_msg(
        "walk %u (%s) ends with version %s, istiod %s, gateway %s, %s",
        walk,
        steps,
        str_or(doc_string(mesh, "status", "version"), "none"),
        str_or(istiod, "none"),
        str_or(ingress, "none"),
        str_or(doc_string(mesh, "status", "upgrade", "progress"), "no progress"));
}

/*
 * However often and whenever the version and the name of the control plane are changed, each plan comes to an end, and
 * in the end the mesh is what was asked for last.
 */
static void any_changes_of_mind_end(void **state)
{
    static const char *const specs[] = {
        "{}",
        "{\"revision\": \"canary\"}",
        SPEC_OF("1.30.8"),
        SPEC_OF("1.31.1"),
        SPEC_OF("1.31.0"),
        SPEC_OF("1.29.6"),
        SPEC_OF("1.28.0"),
        SPEC_OF("9.9.9"),
        WARN_OF("1.29.6"),
        "{\"version\": \"1.31.1\", \"revision\": \"canary\"}",
        "{\"version\": \"1.30.8\", \"revision\": \"canary\"}",
        "{\"version\": \"1.31.1\", \"pause\": true}",
        "{\"version\": \"1.31.1\", \"cni\": {\"enabled\": true}}",
    };
    static const char *const way[] = {SPEC_OF("1.29.6"), SPEC_OF("1.30.8"), SPEC_OF("1.31.1")};
    enum { WALKS = 4, STEPS = 10 };

    (void)state;
    for (unsigned walk = 0; walk < WALKS; walk++) {
        _cleanup_buf_ struct buf steps = BUF_INIT;
        unsigned random = walk;
        void *began;
        struct world *w;
        begin_old(&began);
        w = began;
        for (int i = 0; i < STEPS; i++) {
            const char *spec = specs[next_random(&random) % ARRAY_LEN(specs)];
            unsigned then = next_random(&random) % 4;
            buf_printf(&steps, "%s%s, then %u", i ? "; " : "", spec, then);
            world_put_mesh(w, spec);
            if (then == 3) /* the operator begins anew */
                mesh_memo_clear(w->memo);
            if (world_converge(w) < 0)
                fail_msg("walk %u does not end: %s", walk, buf_str(&steps));
            for (unsigned k = 0; k < then && k < 2; k++)
                roll_out_today(w);
        }
        /* Step by step, from the oldest that a walk may end with. */
        for (size_t i = 0; i < ARRAY_LEN(way); i++) {
            world_put_mesh(w, way[i]);
            settle(w);
            for (int k = 0; k < 4; k++)
                roll_out_today(w);
            w->later += SECONDS(600); /* after which a former control plane goes */
            settle(w);
        }
        expect_end(w, walk, buf_str(&steps));
        mesh_end(&began);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLD(gateways_are_replaced_when_the_new_control_plane_is_proven),
        OLD(what_is_held_is_restored),
        OLD(a_late_control_plane_is_named),
        OLD(injection_is_proven_before_the_gateways),
        OLD(injection_need_not_be_proven),
        INSTALLED(a_control_plane_follows_its_definitions_and_its_configuration),
        INSTALLED(rules_follow_their_handlers),
        OLD(the_injector_follows_what_reads_it),
        OLD(the_way_back_leaves_gateways_that_were_not_replaced),
        OLD(the_way_back_has_the_same_order),
        OLD(the_way_back_may_be_the_removal_of_the_field),
        OLD(another_change_of_mind_moves_no_gateway_early),
        OLD(a_refused_change_of_mind_moves_no_gateway_early),
        OLD(the_next_step_waits_for_the_gateways),
        INSTALLED(remote_clusters_hold_up_no_version),
        OLD(a_restart_at_any_write_continues),
        OLD(by_revision_the_gateways_wait_for_the_new_control_plane),
        OLD(a_refused_step_by_revision_adds_no_control_plane),
        INSTALLED(the_way_back_ends_with_what_was_there),
        cmocka_unit_test(any_changes_of_mind_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
