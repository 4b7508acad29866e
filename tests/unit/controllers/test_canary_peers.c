/* What the end-to-end tests of Flagger, Argo Rollouts and OpenKruise Rollouts try, and no other test here does. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define HOUR SECONDS(3600)

static void a_version_without_analysis_is_promoted_when_it_is_ready(void **state)
{
    struct canary_world *cw = canary_world_start_release(
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"skipAnalysis\":true,\"analysis\":{"
        "\"interval\":\"10s\",\"stepWeights\":[10,50],\"metrics\":[{\"name\":\"request-success-rate\"}]}}");

    (void)state;
    cw->target_hangs = true;
    canary_world_rest(cw, SECONDS(300));
    canary_world_expect_image(cw, APP "-primary", "app:1");
    cw->target_hangs = false;
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_string_equal(cw->log, "Progressing 0\nPromoting 0\nFinalising 0\nSucceeded 0\n");
    assert_int_equal(cw->metrics.asked, 0);
    canary_world_expect_image(cw, APP "-primary", "app:2");
    canary_world_done(cw);
}

/* One after the other: what failed is not tried again by itself, nor is what was promoted. */
static void a_good_version_after_bad_ones_is_promoted(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    int asked;

    (void)state;
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, HOUR);
    asked = cw->metrics.asked;
    canary_world_rest(cw, HOUR);
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    canary_world_release_image(cw, "app:1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "Reverted");
    canary_world_rest(cw, HOUR);
    assert_int_equal(cw->metrics.asked, asked);
    assert_int_equal(canary_world_replicas(cw, APP), 0);

    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Progressing", 10);
    canary_world_until(cw, "Failed", 0);
    cw->metrics.failed = 0;
    canary_world_rest(cw, HOUR);
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    canary_world_expect_image(cw, APP "-primary", "app:1");
    canary_world_command(cw, "retry@1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect_image(cw, APP "-primary", "app:3");

    canary_world_release_image(cw, "app:4");
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    cw->metrics.failed = 0;
    canary_world_release_image(cw, "app:5");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect_image(cw, APP "-primary", "app:5");
    canary_world_done(cw);
}

/* Up and down, while the release goes on and while it waits. */
static void a_target_that_is_scaled_in_the_middle_goes_on_with_its_release(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    cw->log[0] = '\0';
    canary_world_put_replicas(cw, APP_REPLICAS + 3);
    canary_world_until(cw, "Progressing", 50);
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS + 3);
    cw->metrics.is_idle = true;
    canary_world_put_replicas(cw, 2);
    canary_world_rest(cw, HOUR);
    assert_int_equal(canary_world_replicas(cw, APP), 2);
    assert_int_equal(canary_world_weight(cw), 50);
    cw->metrics.is_idle = false;
    canary_world_until(cw, "Succeeded", 0);
    assert_string_equal(cw->log, "Progressing 10\nProgressing 50\nPromoting 50\nFinalising 0\nSucceeded 0\n");
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    canary_world_done(cw);
}

static void pods_that_go_in_the_middle_get_no_traffic_until_they_are_back(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    cw->target_hangs = true;
    canary_world_until(cw, "Progressing", 0);
    canary_world_expect_image(cw, APP "-primary", "app:1");
    cw->target_hangs = false;
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_non_null(strstr(cw->log, "Progressing 0\nProgressing 10\nProgressing 50\n"));
    canary_world_done(cw);
}

static void an_aborted_release_without_pods_comes_to_rest(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    cw->target_hangs = true;
    canary_world_rest(cw, HOUR);
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_expect_image(cw, APP "-primary", "app:1");
    canary_world_done(cw);
}

/* A person is waited for without end, Pods are not. */
static void pods_that_break_in_a_pause_end_the_release_at_its_deadline(void **state)
{
    static const char *const pauses[] = {"{\"pause\":\"10h\"}", "{\"approve\":true}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        _cleanup_free_ char *spec = str_printf(
            "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","
            "\"steps\":[{\"weight\":10},%s,{\"weight\":50}]}}",
            pauses[i]);
        struct canary_world *cw = canary_world_start_release(spec);
        msec_t broke;
        canary_world_until(cw, "Progressing", 10);
        canary_world_rest(cw, HOUR);
        assert_int_equal(canary_world_weight(cw), 10);
        cw->target_hangs = true;
        broke = cw->w.later;
        canary_world_until(cw, "Progressing", 0);
        assert_true(cw->w.later == broke);
        canary_world_until(cw, "Failed", 0);
        canary_world_expect(cw, STATUS_FIELD_REASON, "DeadlineExceeded");
        assert_true(cw->w.later - broke >= SECONDS(600) && cw->w.later - broke < SECONDS(601));
        canary_world_done(cw);
    }
}

static void a_change_before_the_pods_are_there_is_the_one_that_is_promoted(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    cw->target_hangs = true;
    canary_world_until(cw, "Progressing", 0);
    canary_world_rest(cw, SECONDS(300));
    canary_world_release_image(cw, "app:3");
    canary_world_rest(cw, SECONDS(300));
    cw->target_hangs = false;
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_string_equal(
        cw->log, "Progressing 0\nProgressing 10\nProgressing 50\nPromoting 50\nFinalising 0\nSucceeded 0\n");
    canary_world_expect_image(cw, APP "-primary", "app:3");
    canary_world_done(cw);
}

#define MANIFEST(spec, service, analysis)                                                                              \
    "{\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"podinfo\"},"                        \
    "\"progressDeadlineSeconds\":60," spec "\"service\":{\"port\":80,\"targetPort\":9898,\"portName\":\"http\","       \
    "\"gateways\":[\"istio-system/public-gateway\"],\"hosts\":[\"app.example.com\"]," service                          \
    "\"retries\":{\"attempts\":3,\"perTryTimeout\":\"1s\",\"retryOn\":\"gateway-error\"}},\"analysis\":{"              \
    "\"interval\":\"15s\",\"threshold\":15," analysis                                                                  \
    "\"metrics\":[{\"name\":\"request-success-rate\",\"thresholdRange\":{\"min\":99},\"interval\":\"1m\"},"            \
    "{\"name\":\"request-duration\",\"thresholdRange\":{\"max\":500},\"interval\":\"30s\"}]}}"
#define WEIGHTS "\"maxWeight\":50,\"stepWeight\":10,"

/* With another apiVersion, and else as Flagger takes it. */
static void a_manifest_of_flagger_is_taken_or_its_field_is_named(void **state)
{
    static const struct {
        const char *spec, *refused, *ignored; /* paths; NULL: none */
    } cases[] = {
        {MANIFEST("", "", WEIGHTS), NULL, NULL},
        {MANIFEST("\"provider\":\"istio\",", "", "\"stepWeights\":[1,10,50],"), NULL, NULL},
        {MANIFEST("\"skipAnalysis\":true,", "", WEIGHTS), NULL, NULL},
        {MANIFEST("", "", "\"iterations\":10,\"match\":[{\"headers\":{\"x-canary\":{\"exact\":\"insider\"}}}],"),
         NULL,
         NULL},
        {MANIFEST("", "", "\"iterations\":10,\"mirror\":true,"), NULL, NULL},
        {MANIFEST("", "", WEIGHTS "\"sessionAffinity\":{\"cookieName\":\"flagger-cookie\",\"maxAge\":21600},"),
         NULL,
         NULL},
        {MANIFEST(
             "",
             "",
             WEIGHTS "\"webhooks\":[{\"name\":\"load\",\"url\":\"http://tester.test/\",\"timeout\":\"5s\","
                     "\"metadata\":{\"cmd\":\"hey -z 1m http://podinfo-canary/\"}},{\"name\":\"gate\","
                     "\"type\":\"confirm-promotion\",\"url\":\"http://tester.test/gate/approve\"}],"),
         NULL,
         NULL},
        {MANIFEST(
             "\"autoscalerRef\":{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\","
             "\"name\":\"podinfo\"},",
             "",
             WEIGHTS),
         NULL,
         NULL},
        {MANIFEST("", "\"apex\":{\"annotations\":{\"a\":\"b\"}},", WEIGHTS), NULL, "spec.service.apex"},
        {MANIFEST("", "", WEIGHTS "\"stepWeightPromotion\":50,"), NULL, "spec.analysis.stepWeightPromotion"},
        {MANIFEST("", "\"delegation\":true,", WEIGHTS), "spec.service.delegation", NULL},
        {MANIFEST("", "\"appProtocol\":\"tcp\",", WEIGHTS), "spec.service.appProtocol", NULL},
        {MANIFEST("\"provider\":\"linkerd\",", "", WEIGHTS), "spec.provider", NULL},
        {MANIFEST(
             "\"autoscalerRef\":{\"apiVersion\":\"keda.sh/v1alpha1\",\"kind\":\"ScaledObject\","
             "\"name\":\"podinfo\"},",
             "",
             WEIGHTS),
         "spec.autoscalerRef.kind",
         NULL},
        {"{\"targetRef\":{\"kind\":\"DaemonSet\",\"name\":\"podinfo\"},\"service\":{\"port\":80}}",
         "spec.targetRef.kind",
         NULL},
        {"{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{" WEIGHTS
         "\"metrics\":[{\"name\":\"latency\",\"templateRef\":{\"name\":\"latency\"}}]}}",
         "spec.analysis.metrics[0].templateRef",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_canary_spec_ struct canary_spec *spec = NULL;
        _cleanup_buf_ struct buf errors = BUF_INIT, warnings = BUF_INIT;
        _cleanup_json_ json_t *resource = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Canary"),
            MAP("metadata", STRING("name", APP), STRING("namespace", APP_NS)),
            VALUE("spec", json_loads(cases[i].spec, 0, NULL)));
        assert_non_null(doc_at(resource, "spec", "targetRef"));
        canary_parse(resource, NULL, &spec, &problems);
        problems_text(&problems, PROBLEM_ERROR, "; ", &errors);
        problems_text(&problems, PROBLEM_WARNING, "; ", &warnings);
        if (cases[i].refused ? !problems_error_at(&problems, cases[i].refused) : problems.errors > 0)
            fail_msg("%s: %s", cases[i].spec, buf_str(&errors));
        if (cases[i].ignored ? !str_starts(buf_str(&warnings), cases[i].ignored) : *buf_str(&warnings) != '\0')
            fail_msg("%s: %s", cases[i].spec, buf_str(&warnings));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_without_analysis_is_promoted_when_it_is_ready),
        cmocka_unit_test(a_good_version_after_bad_ones_is_promoted),
        cmocka_unit_test(a_target_that_is_scaled_in_the_middle_goes_on_with_its_release),
        cmocka_unit_test(pods_that_go_in_the_middle_get_no_traffic_until_they_are_back),
        cmocka_unit_test(an_aborted_release_without_pods_comes_to_rest),
        cmocka_unit_test(pods_that_break_in_a_pause_end_the_release_at_its_deadline),
        cmocka_unit_test(a_change_before_the_pods_are_there_is_the_one_that_is_promoted),
        cmocka_unit_test(a_manifest_of_flagger_is_taken_or_its_field_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
