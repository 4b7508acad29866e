/* A target with a HorizontalPodAutoscaler, which is led to where the traffic is. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/canary/canary_plan.h"
#include "doc/build.h"
#include "doc/doc.h"

#define SPEC(scaler)                                                                                                   \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"autoscalerRef\":" scaler ",\"service\":{\"port\":80},"                    \
    "\"analysis\":{\"interval\":\"10s\",\"stepWeights\":[10,50]}}"
#define SCALED SPEC("{\"name\":\"podinfo\"}")

static json_t *scaler(const char *name, const char *target, int least, int most)
{
    return OBJECT(
        STRING("apiVersion", "autoscaling/v2beta2"),
        STRING("kind", "HorizontalPodAutoscaler"),
        MAP("metadata", STRING("name", name), STRING("namespace", APP_NS)),
        MAP("spec",
            MAP("scaleTargetRef",
                STRING("apiVersion", "apps/v1"),
                STRING("kind", "Deployment"),
                STRING("name", target)),
            INT("minReplicas", least),
            INT("maxReplicas", most),
            SEQ("metrics",
                ITEM(
                    STRING("type", "Resource"),
                    MAP("resource",
                        STRING("name", "cpu"),
                        MAP("target", STRING("type", "Utilization"), INT("averageUtilization", 70)))))));
}

static void put_scaler(struct canary_world *cw, int least, int most)
{
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler(APP, APP, least, most));
}

static struct canary_world *start_scaled(const char *spec, int least, int most)
{
    struct canary_world *cw = canary_world_start(spec);

    put_scaler(cw, least, most);
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    return cw;
}

/* What users declared, but for the name of the Deployment that it scales. */
static void expect_led(struct canary_world *cw, const char *deployment, int least, int most)
{
    _cleanup_json_ json_t *wanted = scaler(APP, deployment, least, most);
    _cleanup_json_ json_t *is = canary_world_view(cw, KIND_TARGET_AUTOSCALER, APP);

    if (!doc_equal(doc_at(is, "spec"), doc_at(wanted, "spec")))
        fail_msg("it scales %s", doc_string(is, "spec", "scaleTargetRef", "name"));
}

/* Of two whose Deployments select the same Pods Kubernetes lets none act. */
static void expect_no_other(struct canary_world *cw)
{
    size_t i = 0;

    assert_null(kube_cache_next(cw->w.cache, mesh_kind(KIND_AUTOSCALER), &i));
}

static void until_target_has_replicas(struct canary_world *cw)
{
    while (!canary_world_replicas(cw, APP))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
}

static void it_scales_the_primary_between_releases(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    int writes;

    (void)state;
    expect_led(cw, APP "-primary", 2, 10);
    expect_no_other(cw);
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    writes = cw->writes;
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(cw->writes, writes);
    /* Who applies it again, with other limits, names the target, too. */
    put_scaler(cw, 9, 12);
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP "-primary", 9, 12);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 9);
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_done(cw);
}

/* As a repository does that names the target. */
static void a_repository_that_writes_it_back_is_named_and_not_fought(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    int writes;

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    put_scaler(cw, 2, 10);
    cw->holds_back = true;
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP, 2, 10);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "True");
    writes = cw->writes;
    canary_world_rest(cw, SECONDS(600));
    assert_int_equal(cw->writes, writes);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    cw->holds_back = false;
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP "-primary", 2, 10);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "False");
    canary_world_done(cw);
}

/* Until the primary serves it is the target's. */
static void it_is_led_when_the_primary_serves(void **state)
{
    struct canary_world *cw = canary_world_start(SCALED);

    (void)state;
    put_scaler(cw, 2, 10);
    for (int i = 0; i < 200 && canary_world_weight(cw) != 0; i++) {
        expect_led(cw, APP, 2, 10);
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    }
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP "-primary", 2, 10);
    canary_world_done(cw);
}

static void it_scales_the_target_while_a_release_has_traffic(void **state)
{
    static const char *const ends[] = {"Succeeded", "Failed"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct canary_world *cw = start_scaled(SCALED, 2, 10);
        cw->wanted_primary = 8;
        canary_world_rest(cw, SECONDS(60));
        canary_world_release_image(cw, "app:2");
        until_target_has_replicas(cw);
        expect_led(cw, APP "-primary", 2, 10);
        assert_int_equal(canary_world_replicas(cw, APP), 8);
        cw->wanted_target = 5;
        canary_world_until(cw, "Progressing", 10);
        canary_world_until(cw, "Progressing", 50);
        expect_led(cw, APP, 2, 10);
        assert_int_equal(canary_world_replicas(cw, APP), 5);
        if (i)
            canary_world_command(cw, "abort@1");
        canary_world_until(cw, ends[i], 0);
        canary_world_rest(cw, SECONDS(60));
        expect_led(cw, APP "-primary", 2, 10);
        expect_no_other(cw);
        assert_int_equal(canary_world_replicas(cw, APP), 0);
        canary_world_done(cw);
    }
}

/* Its share of the traffic may come back at once, and be more than before. */
static void the_primary_does_not_shrink_during_a_release_and_grows_with_the_target(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 6;
    canary_world_rest(cw, SECONDS(60));
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    cw->wanted_primary = 2;
    cw->wanted_target = 3;
    for (int i = 0; i < 5; i++)
        canary_world_step(cw);
    assert_int_equal(canary_world_replicas(cw, APP), 3);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 6);
    cw->wanted_target = 9;
    for (int i = 0; i < 5; i++)
        canary_world_step(cw);
    assert_int_equal(canary_world_replicas(cw, APP), 9);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 9);
    canary_world_until(cw, "Progressing", 50);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 9);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 2);
    canary_world_done(cw);
}

/* However long that takes. */
static void the_primary_begins_with_what_the_target_has(void **state)
{
    struct canary_world *cw = canary_world_start(SCALED);

    (void)state;
    put_scaler(cw, 2, 10);
    cw->primary_hangs = true;
    canary_world_rest(cw, SECONDS(30));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    cw->wanted_target = 9;
    canary_world_rest(cw, SECONDS(30));
    assert_int_equal(canary_world_weight(cw), -1);
    cw->primary_hangs = false;
    canary_world_until(cw, "Initializing", 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 9);
    canary_world_until(cw, "Initialized", 0);
    canary_world_done(cw);
}

/* Else its autoscaler would have to correct what the operator wrote. */
static void replicas_are_within_the_limits_from_the_beginning(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, APP_REPLICAS + 1, 10);

    (void)state;
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS + 1);
    put_scaler(cw, 1, 2);
    canary_world_release_image(cw, "app:2");
    until_target_has_replicas(cw);
    assert_int_equal(canary_world_replicas(cw, APP), 2);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void it_is_given_back_as_declared(void **state)
{
    static const bool in_release[] = {false, true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(in_release); i++) {
        struct canary_world *cw = start_scaled(SCALED, 2, 10);
        cw->wanted_primary = 7;
        canary_world_rest(cw, SECONDS(60));
        if (in_release[i]) {
            canary_world_release_image(cw, "app:2");
            canary_world_until(cw, "Progressing", 50);
        }
        canary_world_delete(cw);
        assert_int_equal(canary_world_replicas(cw, APP), 7);
        expect_led(cw, APP, 2, 10);
        canary_world_done(cw);
    }
}

/* What is refused, or names none any more, is removed with all that it had. */
static void it_is_given_back_whatever_the_canary_says_since(void **state)
{
    static const char *const specs[] = {
        NULL,
        SPEC("{\"name\":\"else\"}"),
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":7}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct canary_world *cw = start_scaled(SCALED, 2, 10);
        canary_world_put(cw, specs[i]);
        canary_world_delete(cw);
        expect_led(cw, APP, 2, 10);
        canary_world_done(cw);
    }
}

/* What comes in its place is scaled then. */
static void it_is_given_back_where_the_target_is_gone(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP "-primary", 2, 10);
    canary_world_delete(cw);
    expect_led(cw, APP, 2, 10);
    canary_world_done(cw);
}

static void it_stays_with_a_primary_that_goes_on_to_serve(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->target_hangs = true;
    canary_world_delete(cw);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    expect_led(cw, APP "-primary", 2, 10);
    canary_world_done(cw);
}

/* Where they cannot be listed, nobody knows what has to be given back. */
static void a_canary_does_not_go_before_it_is_given_back(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, false, true);
    canary_world_request_deletion(cw);
    canary_world_rest(cw, SECONDS(600));
    assert_false(canary_world_is_gone(cw));
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, true, false);
    for (int i = 0; i < 500 && !canary_world_is_gone(cw); i++)
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_true(canary_world_is_gone(cw));
    expect_led(cw, APP, 2, 10);
    canary_world_done(cw);
}

static void expect_waiting(struct canary_world *cw, const char *for_what)
{
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(cw->writes, 0);
    canary_world_expect(cw, STATUS_FIELD_ERROR_MESSAGE, for_what);
}

static void what_cannot_be_followed_is_said_before_anything_is_touched(void **state)
{
    struct canary_world *cw = canary_world_start(SCALED);

    (void)state;
    expect_waiting(cw, "there is no HorizontalPodAutoscaler shop/podinfo, which spec.autoscalerRef names");
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler(APP, "other", 1, 3));
    expect_waiting(
        cw, "HorizontalPodAutoscaler shop/podinfo, which spec.autoscalerRef names, does not scale Deployment podinfo");
    put_scaler(cw, 0, 3);
    expect_waiting(
        cw,
        "HorizontalPodAutoscaler shop/podinfo has minReplicas 0, and may leave the primary without replicas: write 1, "
        "or more");
    /* One that names the primary from the beginning, as a repository may, is as good. */
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler(APP, APP "-primary", 1, 9));
    canary_world_until(cw, "Initialized", 0);
    canary_world_done(cw);
}

static void without_it_no_release_begins_and_the_replicas_stay(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_AUTOSCALER), APP_NS, APP, NULL);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Initialized");
    canary_world_expect(cw, STATUS_FIELD_REASON, "AutoscalerUnusable");
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    put_scaler(cw, 2, 9);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP "-primary", 2, 9);
    canary_world_done(cw);
}

/* What users lead elsewhere is theirs. */
static void one_that_was_led_elsewhere_is_left_alone(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler(APP, "other", 2, 10));
    canary_world_rest(cw, SECONDS(600));
    expect_led(cw, "other", 2, 10);
    canary_world_delete(cw);
    expect_led(cw, "other", 2, 10);
    canary_world_done(cw);
}

static void a_canary_that_names_none_any_more_gives_it_back_and_keeps_the_replicas(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    canary_world_put(cw, NULL);
    canary_world_rest(cw, SECONDS(60));
    expect_led(cw, APP, 2, 10);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_done(cw);
}

static void another_one_is_led_when_the_first_is_given_back(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    _cleanup_json_ json_t *first = NULL, *second = NULL;

    (void)state;
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler("second", APP, 3, 5));
    canary_world_put(cw, SPEC("{\"name\":\"second\"}"));
    canary_world_rest(cw, SECONDS(60));
    first = canary_world_view(cw, KIND_TARGET_AUTOSCALER, APP);
    second = canary_world_view(cw, KIND_TARGET_AUTOSCALER, "second");
    assert_string_equal(doc_string(first, "spec", "scaleTargetRef", "name"), APP);
    assert_string_equal(doc_string(second, "spec", "scaleTargetRef", "name"), APP "-primary");
    canary_world_done(cw);
}

/* Nothing scales what has none. */
static void a_primary_that_is_scaled_to_nothing_gets_replicas(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    json_t *primary = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");

    (void)state;
    json_object_set_new(doc_at(primary, "spec"), "replicas", json_integer(0));
    world_put_as(&cw->w, mesh_kind(KIND_DEPLOYMENT), primary);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    canary_world_done(cw);
}

/* The Canary as text, borrowed. */
static const char *status_text(struct canary_world *cw)
{
    return kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP)->text;
}

/* As Kubernetes since 1.26 says it where users have another one for the same Pods. */
static void an_autoscaler_that_does_nothing_is_said(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    json_t *live = canary_world_view(cw, KIND_TARGET_AUTOSCALER, APP);
    static const char said[] = "HorizontalPodAutoscaler shop/podinfo does nothing but keep to its limits";

    (void)state;
    assert_null(strstr(status_text(cw), said));
    json_object_set_new(
        live,
        "status",
        OBJECT(SEQ(
            "conditions",
            ITEM(STRING("type", "AbleToScale"), STRING("status", "True"), STRING("reason", "SucceededGetScale")),
            ITEM(STRING("type", "ScalingActive"), STRING("status", "False"), STRING("reason", "AmbiguousSelector")))));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), live);
    canary_world_rest(cw, SECONDS(60));
    assert_non_null(strstr(status_text(cw), said));
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Missing rights are no reason to be silent. */
static void autoscalers_that_cannot_be_listed_are_said(void **state)
{
    struct canary_world *cw = canary_world_start(SCALED);
    _cleanup_free_ char *message = NULL;

    (void)state;
    put_scaler(cw, 2, 10);
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, false, false);
    canary_world_rest(cw, SECONDS(60));
    canary_world_expect(cw, STATUS_FIELD_ERROR_MESSAGE, "");
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, false, true);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(cw->writes, 0);
    message = canary_world_status(cw, STATUS_FIELD_ERROR_MESSAGE);
    assert_non_null(strstr(message, "HorizontalPodAutoscalers cannot be listed"));
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, true, false);
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    /* What is released stays as it is, and what ends a release is done. */
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_forget(cw);
    canary_world_read(cw, KIND_TARGET_AUTOSCALER, false, true);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    canary_world_done(cw);
}

static void what_is_no_horizontal_pod_autoscaler_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *scaler, *why;
    } cases[] = {
        {SPEC("{\"name\":\"a\",\"kind\":\"ScaledObject\",\"apiVersion\":\"keda.sh/v1alpha1\"}"),
         "spec.autoscalerRef.kind: must be HorizontalPodAutoscaler: KEDA scales a target without replicas up again"},
        {SPEC("{\"name\":\"a\",\"kind\":\"VerticalPodAutoscaler\"}"),
         "spec.autoscalerRef.kind: must be HorizontalPodAutoscaler"},
        {SPEC("{\"name\":\"a\",\"apiVersion\":\"autoscaling/v3\"}"),
         "spec.autoscalerRef.apiVersion: must be autoscaling/v2, autoscaling/v2beta2, autoscaling/v2beta1 or "
         "autoscaling/v1"},
        {SPEC("{\"name\":\"a\",\"primaryScalerReplicas\":{\"minReplicas\":3}}"),
         "spec.autoscalerRef.primaryScalerReplicas"},
        {SPEC("{\"name\":\"a\",\"primaryScalerQueries\":{\"q\":\"1\"}}"), "spec.autoscalerRef.primaryScalerQueries"},
        {SPEC("{}"), "spec.autoscalerRef.name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start(cases[i].scaler);
        _cleanup_free_ char *message = NULL;
        canary_world_step(cw);
        message = canary_world_status(cw, STATUS_FIELD_ERROR_MESSAGE);
        if (!strstr(message, cases[i].why))
            fail_msg("%s: %s", cases[i].why, message);
        canary_world_done(cw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_scales_the_primary_between_releases),
        cmocka_unit_test(a_repository_that_writes_it_back_is_named_and_not_fought),
        cmocka_unit_test(it_is_led_when_the_primary_serves),
        cmocka_unit_test(it_scales_the_target_while_a_release_has_traffic),
        cmocka_unit_test(the_primary_does_not_shrink_during_a_release_and_grows_with_the_target),
        cmocka_unit_test(the_primary_begins_with_what_the_target_has),
        cmocka_unit_test(replicas_are_within_the_limits_from_the_beginning),
        cmocka_unit_test(it_is_given_back_as_declared),
        cmocka_unit_test(it_is_given_back_whatever_the_canary_says_since),
        cmocka_unit_test(it_is_given_back_where_the_target_is_gone),
        cmocka_unit_test(it_stays_with_a_primary_that_goes_on_to_serve),
        cmocka_unit_test(a_canary_does_not_go_before_it_is_given_back),
        cmocka_unit_test(what_cannot_be_followed_is_said_before_anything_is_touched),
        cmocka_unit_test(without_it_no_release_begins_and_the_replicas_stay),
        cmocka_unit_test(one_that_was_led_elsewhere_is_left_alone),
        cmocka_unit_test(a_canary_that_names_none_any_more_gives_it_back_and_keeps_the_replicas),
        cmocka_unit_test(another_one_is_led_when_the_first_is_given_back),
        cmocka_unit_test(a_primary_that_is_scaled_to_nothing_gets_replicas),
        cmocka_unit_test(an_autoscaler_that_does_nothing_is_said),
        cmocka_unit_test(autoscalers_that_cannot_be_listed_are_said),
        cmocka_unit_test(what_is_no_horizontal_pod_autoscaler_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
