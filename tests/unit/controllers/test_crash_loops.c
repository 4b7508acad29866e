/* A new control plane that ends again and again in the middle of an upgrade: what moves, what is said, the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "upgrade_fixture.h"

#define INGRESS "istio-ingressgateway"
#define LOOP "container discovery: CrashLoopBackOff, last ended with Error (exit code 255)"
#define TO_1_1 "{\"version\": \"1.1.17\"}"
#define BACK_TO_1_0 "{\"version\": \"1.0.5\"}"

static int begin_1_0(void **state)
{
    int r = mesh_begin_installed(state);

    ((struct world *)*state)->rolls_out = true;
    return r;
}
#define OF_1_0(test) cmocka_unit_test_setup_teardown(test, begin_1_0, mesh_end)

/* --- what Kubernetes says --- */

static void put_status(struct world *w, const char *deployment, json_t *status)
{
    json_t *o = world_get(w, APPS, "Deployment", NS, deployment);

    json_object_set_new(status, "observedGeneration", json_integer(doc_int(doc_at(o, "metadata", "generation"), 0)));
    json_object_set_new(o, "status", status);
    world_put(w, o);
}

/* A new Pod beside the old one, with such a status of its container. */
static void put_new_pod(struct world *w, const char *deployment, json_t *container)
{
    _cleanup_json_ json_t *o = world_get(w, APPS, "Deployment", NS, deployment);

    put_status(
        w,
        deployment,
        OBJECT(INT("replicas", 2), INT("updatedReplicas", 1), INT("readyReplicas", 1), INT("availableReplicas", 1)));
    json_object_set_new(container, "name", json_string("discovery"));
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                FORMAT("name", "%s-new", deployment),
                STRING("namespace", NS),
                VALUE("labels", doc_copy(doc_at(o, "spec", "selector", "matchLabels")))),
            MAP("status", SEQ("containerStatuses", ITEM_VALUE(container)))));
}

static void crash(struct world *w, const char *deployment)
{
    put_new_pod(
        w,
        deployment,
        OBJECT(
            MAP("state", MAP("waiting", STRING("reason", "CrashLoopBackOff"))),
            MAP("lastState", MAP("terminated", STRING("reason", "Error"), INT("exitCode", 255))),
            INT("restartCount", 4)));
}

/* All but this one are rolled out. */
static void roll_out_but(struct world *w, const char *deployment)
{
    world_roll_out(w);
    crash(w, deployment);
    put_endpoint_slice(w, "istiod", true);
    settle(w);
}

static void roll_out(struct world *w, const char *crashed)
{
    _cleanup_free_ char *pod = str_printf("%s-new", crashed);

    world_delete(w, "v1", "Pod", NS, pod);
    for (int i = 0; i < 4; i++) {
        world_roll_out(w);
        put_endpoint_slice(w, "istiod", true);
        settle(w);
    }
}

/* --- what must hold --- */

static json_t *spec_of(struct world *w, const char *deployment)
{
    _cleanup_json_ json_t *o = world_get(w, APPS, "Deployment", NS, deployment);

    return json_incref(doc_at(o, "spec"));
}

static void expect_same_spec(struct world *w, const char *deployment, const json_t *before)
{
    _cleanup_json_ json_t *now = spec_of(w, deployment);

    assert_non_null(before);
    assert_true(json_equal(now, before));
}

static void expect_version_of(struct world *w, const char *deployment, const char *version)
{
    _cleanup_free_ char *found = version_of(w, deployment);

    if (!str_eq(found, version))
        fail_msg("%s is of %s, but must be of %s", deployment, found, version);
}

static void expect_blocked_by(struct world *w, const char *old, const char *deployment)
{
    _cleanup_json_ json_t *condition = condition_of(w, "UpgradeBlocked");
    _cleanup_free_ char *begin = str_printf("the gateways stay at Istio %s until the control plane is proven: ", old),
                        *name = str_printf("Deployment %s: ", deployment);
    const char *text = str_or(doc_string(condition, "message"), "");

    expect_condition(w, "UpgradeBlocked", "True", "ControlPlaneUnavailable");
    if (!str_starts(text, begin) || !strstr(text, name) || !strstr(text, LOOP))
        fail_msg("UpgradeBlocked says: %s", text);
}

/* --- today's Istio --- */

static void an_istiod_that_crashes_moves_nothing_else(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *gateway = spec_of(w, INGRESS);
    _cleanup_free_ char *error = NULL;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    roll_out_but(w, "istiod");
    expect_same_spec(w, INGRESS, gateway);
    expect_injector(w, "1.30.8");
    expect_upgrade(w, "phase", "ControlPlane");
    expect_status(w, "Status", "Reconciling");
    error = world_status(w, "ErrorMessage");
    assert_non_null(strstr(error, LOOP));
    expect_blocked_by(w, "1.30.8", "istiod");
    /* Between two of its ends it runs. */
    put_new_pod(
        w,
        "istiod",
        OBJECT(
            MAP("state", MAP("running")),
            MAP("lastState", MAP("terminated", STRING("reason", "Error"), INT("exitCode", 255))),
            INT("restartCount", 5)));
    settle(w);
    expect_condition(w, "UpgradeBlocked", "True", "ControlPlaneUnavailable");

    /* Mended, it goes on. */
    roll_out(w, "istiod");
    expect_versions(w, "1.31.1", "1.31.1");
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    expect_upgrade(w, "phase", "Complete");
}

static void the_way_back_from_an_istiod_that_crashes(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *gateway = spec_of(w, INGRESS), *before = spec_of(w, "istiod");

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    roll_out_but(w, "istiod");
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    /* Its old Pods run yet: the same template finds them. */
    expect_same_spec(w, "istiod", before);
    expect_same_spec(w, INGRESS, gateway);
    expect_injector(w, "1.30.8");
    roll_out(w, "istiod");
    expect_status(w, "Status", "Available");
    expect_status(w, "version", "1.30.8");
    expect_upgrade(w, "phase", "Complete");
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    expect_same_spec(w, INGRESS, gateway);
}

/* The former control plane keeps all that it has, and what was made for the other one goes. */
static void a_revision_that_crashes_takes_nothing_over(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *gateway = spec_of(w, INGRESS), *former = spec_of(w, "istiod"), *validator = NULL;

    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"revision\": \"canary\", \"autoInjectionNamespaces\": [\"default\"]}");
    settle(w);
    roll_out_but(w, "istiod-canary");
    expect_blocked_by(w, "1.30.8", "istiod-canary");
    expect_same_spec(w, "istiod", former);
    expect_same_spec(w, INGRESS, gateway);
    validator = world_get(w, WEBHOOKS, "ValidatingWebhookConfiguration", NULL, "istiod-default-validator");
    assert_string_equal(
        doc_string(json_array_get(doc_at(validator, "webhooks"), 0), "clientConfig", "service", "name"), "istiod");

    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    w->later += SECONDS(600);
    settle(w);
    assert_false(world_has(w, APPS, "Deployment", NS, "istiod-canary"));
    expect_same_spec(w, "istiod", former);
    expect_same_spec(w, INGRESS, gateway);
    expect_status(w, "Status", "Available");
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
}

/* Its old Pods serve yet. An old one that crashes is no reason why the control plane is not proven. */
static void a_gateway_that_crashes_is_told(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *condition = NULL;

    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    crash(w, INGRESS);
    settle(w);
    expect_upgrade(w, "phase", "ControlPlane");
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    roll_out_today(w);
    expect_upgrade(w, "phase", "Gateways");
    crash(w, INGRESS);
    settle(w);
    condition = condition_of(w, "UpgradeBlocked");
    expect_condition(w, "UpgradeBlocked", "True", "GatewayUnavailable");
    assert_non_null(
        strstr(doc_string(condition, "message"), "a gateway of Istio 1.31.1 is not available: Deployment " INGRESS));
    expect_status(w, "version", "1.30.8");
    roll_out(w, INGRESS);
    expect_status(w, "version", "1.31.1");
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
}

/* --- Istio 1.0 and 1.1 --- */

static void any_component_that_crashes_moves_no_gateway(void **state)
{
    static const char *const components[] = {
        "istio-pilot", "istio-galley", "istio-citadel", "istio-policy", "istio-telemetry", "istio-sidecar-injector"};
    static const char *const lines[] = {
        "update ConfigMap/istio-system/istio:",
        "update Deployment/istio-system/istio-pilot:",
    };

    for (size_t i = 0; i < ARRAY_LEN(components); i++) {
        _cleanup_json_ json_t *gateway = NULL;
        int first[ARRAY_LEN(lines)];
        struct world *w;
        begin_1_0(state);
        w = *state;
        gateway = spec_of(w, INGRESS);
        world_put_mesh(w, TO_1_1);
        settle(w);
        roll_out_but(w, components[i]);
        expect_version_of(w, components[i], "1.1.17");
        expect_same_spec(w, INGRESS, gateway);
        expect_status(w, "version", "1.0.5");
        expect_upgrade(w, "phase", "ControlPlane");
        expect_blocked_by(w, "1.0.5", components[i]);

        /* A Pilot of 1.0 that starts again reads a configuration of 1.0. */
        world_put_mesh(w, BACK_TO_1_0);
        assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
        if (!first[0] || first[1] <= first[0])
            fail_msg("%s: the ConfigMap in plan %d, Pilot in %d", components[i], first[0], first[1]);
        expect_version_of(w, components[i], "1.0.5");
        expect_same_spec(w, INGRESS, gateway);
        roll_out(w, components[i]);
        expect_status(w, "Status", "Available");
        expect_status(w, "version", "1.0.5");
        expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
        expect_same_spec(w, INGRESS, gateway);
        mesh_end(state);
    }
    *state = NULL;
}

/* The old Pilot ends, for it reads the configuration of 1.1; the new one needs nothing of it. */
static void an_old_pilot_that_crashes_is_replaced(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, TO_1_1);
    settle(w);
    crash(w, "istio-pilot");
    settle(w);
    expect_version_of(w, "istio-pilot", "1.1.17");
    roll_out(w, "istio-pilot");
    expect_version_of(w, INGRESS, "1.1.17");
    expect_status(w, "Status", "Available");
    expect_status(w, "version", "1.1.17");
}

/*
 * Citadel has no readiness probe: it counts as available from its start to its end. A gateway waits until it has been
 * so for a while; where the Deployment does not say since when, or this clock is behind, for nothing.
 */
static void what_is_available_for_a_moment_is_not_proven(void **state)
{
    static const struct {
        msec_t available, rolled_out; /* before now; 0: the status does not say it */
        msec_t again;                 /* how much longer it has to be so */
    } cases[] = {
        {0, 0, 0},
        {SECONDS(1), 0, SECONDS(4)},
        {SECONDS(4), SECONDS(4), SECONDS(1)},
        {SECONDS(5), SECONDS(5), 0},
        {SECONDS(3600), SECONDS(2), SECONDS(3)},
        {SECONDS(2), SECONDS(3600), SECONDS(3)},
        {SECONDS(3600), SECONDS(7200), 0},
        {-SECONDS(60), SECONDS(3600), 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char available[32], rolled_out[32];
        struct world *w;
        begin_1_0(state);
        w = *state;
        world_put_mesh(w, TO_1_1);
        settle(w);
        world_roll_out(w);
        clock_rfc3339(NOW - cases[i].available, available);
        clock_rfc3339(NOW - cases[i].rolled_out, rolled_out);
        put_status(
            w,
            "istio-citadel",
            OBJECT(
                INT("replicas", 1),
                INT("updatedReplicas", 1),
                INT("readyReplicas", 1),
                INT("availableReplicas", 1),
                SEQ("conditions",
                    OPT(cases[i].available,
                        ITEM(
                            STRING("type", "Available"),
                            STRING("status", "True"),
                            STRING("lastTransitionTime", available))),
                    OPT(cases[i].rolled_out,
                        ITEM(
                            STRING("type", "Progressing"),
                            STRING("status", "True"),
                            STRING("reason", "NewReplicaSetAvailable"),
                            STRING("lastUpdateTime", rolled_out))))));
        settle(w);
        expect_version_of(w, INGRESS, cases[i].again ? "1.0.5" : "1.1.17");
        if (cases[i].again) {
            expect_upgrade(w, "phase", "ControlPlane");
            assert_int_equal(next_plan_after(w), cases[i].again);
            w->later = cases[i].again;
            settle(w);
            expect_version_of(w, INGRESS, "1.1.17");
        }
        mesh_end(state);
    }
    *state = NULL;
}

static int end(void **state)
{
    return *state ? mesh_end(state) : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLD(an_istiod_that_crashes_moves_nothing_else),
        OLD(the_way_back_from_an_istiod_that_crashes),
        OLD(a_revision_that_crashes_takes_nothing_over),
        OLD(a_gateway_that_crashes_is_told),
        cmocka_unit_test_teardown(any_component_that_crashes_moves_no_gateway, end),
        OF_1_0(an_old_pilot_that_crashes_is_replaced),
        cmocka_unit_test_teardown(what_is_available_for_a_moment_is_not_proven, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
