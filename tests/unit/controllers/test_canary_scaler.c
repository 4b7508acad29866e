/* A target with a HorizontalPodAutoscaler, and the primary's copy of it. */
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

static void expect_bounds(struct canary_world *cw, int least, int most)
{
    _cleanup_json_ json_t *copy = canary_world_view(cw, KIND_AUTOSCALER, APP "-primary");

    assert_int_equal(doc_int(doc_at(copy, "spec", "minReplicas"), -1), least);
    assert_int_equal(doc_int(doc_at(copy, "spec", "maxReplicas"), -1), most);
}

static void expect_declared(struct canary_world *cw, int least, int most)
{
    _cleanup_json_ json_t *declared = scaler(APP, APP, least, most);
    _cleanup_json_ json_t *is = canary_world_view(cw, KIND_TARGET_AUTOSCALER, APP);

    assert_true(doc_equal(doc_at(is, "spec"), doc_at(declared, "spec")));
}

static void the_primary_gets_a_copy_that_follows(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    _cleanup_json_ json_t *wanted = scaler(APP, APP "-primary", 2, 10), *copy = NULL;

    (void)state;
    copy = canary_world_view(cw, KIND_AUTOSCALER, APP "-primary");
    assert_true(doc_equal(doc_at(copy, "spec"), doc_at(wanted, "spec")));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    expect_declared(cw, 2, 10);
    put_scaler(cw, 7, 12);
    canary_world_rest(cw, SECONDS(60));
    expect_bounds(cw, 7, 12);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 7);
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    expect_declared(cw, 7, 12);
    canary_world_done(cw);
}

/* Whose replicas they are: the autoscalers', but for the step from none and to none. */
static void what_autoscalers_want_stays(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    int writes;

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    writes = cw->writes;
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(cw->writes, writes);
    canary_world_release_image(cw, "app:2");
    while (!canary_world_replicas(cw, APP))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(canary_world_replicas(cw, APP), 8);
    cw->wanted_target = 4;
    canary_world_until(cw, "Progressing", 50);
    assert_int_equal(canary_world_replicas(cw, APP), 4);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    expect_declared(cw, 2, 10);
    canary_world_done(cw);
}

/* Its share of the traffic may come back at once. */
static void the_primary_does_not_shrink_during_a_release(void **state)
{
    static const char *const ends[] = {"Succeeded", "Failed"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct canary_world *cw = start_scaled(SCALED, 2, 10);
        cw->wanted_primary = 8;
        canary_world_rest(cw, SECONDS(60));
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Progressing", 10);
        expect_bounds(cw, 8, 10);
        cw->wanted_primary = 3;
        canary_world_until(cw, "Progressing", 50);
        assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
        put_scaler(cw, 2, 6); /* what is declared counts */
        canary_world_step(cw);
        canary_world_step(cw);
        expect_bounds(cw, 6, 6);
        if (i)
            canary_world_command(cw, "abort@1");
        canary_world_until(cw, ends[i], 0);
        canary_world_rest(cw, SECONDS(60));
        expect_bounds(cw, 2, 6);
        assert_int_equal(canary_world_replicas(cw, APP "-primary"), 3);
        canary_world_done(cw);
    }
}

/* Else its autoscaler would have to correct what the operator wrote. */
static void replicas_are_within_the_limits_from_the_beginning(void **state)
{
    struct canary_world *cw = start_scaled(
        SPEC("{\"name\":\"podinfo\",\"primaryScalerReplicas\":{\"minReplicas\":1,\"maxReplicas\":4}}"), 5, 10);

    (void)state;
    expect_bounds(cw, 1, 4);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 4);
    cw->wanted_primary = 3;
    canary_world_rest(cw, SECONDS(60));
    canary_world_release_image(cw, "app:2");
    while (!canary_world_replicas(cw, APP))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(canary_world_replicas(cw, APP), 5);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    canary_world_delete(cw);
    assert_int_equal(canary_world_replicas(cw, APP), 6);
    expect_declared(cw, 5, 10);
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
        "HorizontalPodAutoscaler shop/podinfo has minReplicas 0, so that it scales a target up that has to be without "
        "replicas: write 1, or more");
    put_scaler(cw, 1, 9);
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_AUTOSCALER), scaler(APP "-primary", "else", 1, 3));
    expect_waiting(cw, "HorizontalPodAutoscaler shop/podinfo-primary exists, and this Canary did not create it");
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_AUTOSCALER), APP_NS, APP "-primary", NULL);
    canary_world_until(cw, "Initialized", 0);
    canary_world_done(cw);
}

static void without_the_declared_one_the_copy_stays_and_no_release_begins(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 8;
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_AUTOSCALER), APP_NS, APP, NULL);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Initialized");
    canary_world_expect(cw, STATUS_FIELD_REASON, "AutoscalerUnusable");
    expect_bounds(cw, 2, 10);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    put_scaler(cw, 2, 9);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Of a Canary that does not ask for it any more. */
static void replicas_stay_where_the_copy_goes(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    canary_world_put(cw, NULL);
    canary_world_rest(cw, SECONDS(60));
    assert_null(kube_cache_get(cw->w.cache, mesh_kind(KIND_AUTOSCALER), APP_NS, APP "-primary"));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
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

static void limits_that_contradict_each_other_are_said(void **state)
{
    static const struct {
        const char *spec;
        int least, most; /* declared */
        const char *limits;
    } cases[] = {
        {SPEC("{\"name\":\"podinfo\",\"primaryScalerReplicas\":{\"maxReplicas\":4}}"),
         5,
         10,
         "give the primary minReplicas 5 and maxReplicas 4"},
        {SPEC("{\"name\":\"podinfo\",\"primaryScalerReplicas\":{\"minReplicas\":11}}"),
         5,
         10,
         "give the primary minReplicas 11 and maxReplicas 10"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start(cases[i].spec);
        _cleanup_free_ char *message = NULL;
        put_scaler(cw, cases[i].least, cases[i].most);
        canary_world_rest(cw, SECONDS(60));
        assert_int_equal(cw->writes, 0);
        message = canary_world_status(cw, STATUS_FIELD_ERROR_MESSAGE);
        if (!strstr(message, cases[i].limits))
            fail_msg("%s", message);
        put_scaler(cw, 2, 12);
        canary_world_until(cw, "Initialized", 0);
        /* Later the copy stays as it is. */
        put_scaler(cw, cases[i].least, cases[i].most);
        canary_world_rest(cw, SECONDS(60));
        expect_bounds(cw, i ? 11 : 2, i ? 12 : 4);
        canary_world_release_image(cw, "app:2");
        canary_world_rest(cw, SECONDS(600));
        canary_world_expect(cw, STATUS_FIELD_REASON, "AutoscalerUnusable");
        canary_world_done(cw);
    }
}

/* The Canary as text, borrowed. */
static const char *status_text(struct canary_world *cw)
{
    return kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP)->text;
}

/* As Kubernetes since 1.26 says it of two whose Deployments select the same Pods. */
static void autoscalers_that_do_nothing_are_said(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);
    json_t *copy = canary_world_view(cw, KIND_AUTOSCALER, APP "-primary");
    static const char said[] = "HorizontalPodAutoscalers shop/podinfo and podinfo-primary do nothing";

    (void)state;
    assert_null(strstr(status_text(cw), said));
    json_object_set_new(
        copy,
        "status",
        OBJECT(SEQ(
            "conditions",
            ITEM(STRING("type", "AbleToScale"), STRING("status", "True"), STRING("reason", "SucceededGetScale")),
            ITEM(STRING("type", "ScalingActive"), STRING("status", "False"), STRING("reason", "AmbiguousSelector")))));
    world_put_as(&cw->w, mesh_kind(KIND_AUTOSCALER), copy);
    canary_world_rest(cw, SECONDS(60));
    assert_non_null(strstr(status_text(cw), said));
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* It is that of the release, and stays until what is declared is known again. */
static void a_least_that_a_release_raised_goes_when_the_declared_one_is_back(void **state)
{
    struct canary_world *cw = start_scaled(SCALED, 2, 10);

    (void)state;
    cw->wanted_primary = 8;
    canary_world_rest(cw, SECONDS(60));
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_AUTOSCALER), APP_NS, APP, NULL);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(600));
    expect_bounds(cw, 8, 10);
    put_scaler(cw, 2, 10);
    canary_world_rest(cw, SECONDS(60));
    expect_bounds(cw, 2, 10);
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
    expect_bounds(cw, 6, 10);
    canary_world_done(cw);
}

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define NAME_OF_246 "a" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "01234"

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
        {SPEC("{\"name\":\"a\",\"primaryScalerReplicas\":{\"minReplicas\":3,\"maxReplicas\":2}}"),
         "spec.autoscalerRef.primaryScalerReplicas: must have a maxReplicas that is not below minReplicas"},
        {SPEC("{\"name\":\"a\",\"primaryScalerQueries\":{\"q\":\"1\"}}"), "spec.autoscalerRef.primaryScalerQueries"},
        {SPEC("{}"), "spec.autoscalerRef.name"},
        {SPEC("{\"name\":\"" NAME_OF_246 "\"}"), "spec.autoscalerRef.name: must have at most 245 characters"},
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
        cmocka_unit_test(the_primary_gets_a_copy_that_follows),
        cmocka_unit_test(what_autoscalers_want_stays),
        cmocka_unit_test(the_primary_does_not_shrink_during_a_release),
        cmocka_unit_test(replicas_are_within_the_limits_from_the_beginning),
        cmocka_unit_test(what_cannot_be_followed_is_said_before_anything_is_touched),
        cmocka_unit_test(without_the_declared_one_the_copy_stays_and_no_release_begins),
        cmocka_unit_test(replicas_stay_where_the_copy_goes),
        cmocka_unit_test(a_primary_that_is_scaled_to_nothing_gets_replicas),
        cmocka_unit_test(limits_that_contradict_each_other_are_said),
        cmocka_unit_test(autoscalers_that_do_nothing_are_said),
        cmocka_unit_test(a_least_that_a_release_raised_goes_when_the_declared_one_is_back),
        cmocka_unit_test(autoscalers_that_cannot_be_listed_are_said),
        cmocka_unit_test(what_is_no_horizontal_pod_autoscaler_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
