/* What checks come to, and how the steps follow one another. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

static void bad_answers_bring_all_traffic_back_with_the_verdict(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    cw->metrics.failed = 5;
    canary_world_until(cw, "Failed", -1);
    assert_int_equal(canary_world_weight(cw), 0); /* in the same plan */
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
    canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_expect_image(cw, APP "-primary", "app:1");
    canary_world_rest(cw, SECONDS(600));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    canary_world_done(cw);
}

static void a_version_that_fails_every_request_is_no_lack_of_data(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    cw->metrics.failed = cw->metrics.total;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
    canary_world_done(cw);
}

/* gRPC answers them with HTTP 200. Those that are of the client are none of the server. */
static void failures_of_grpc_are_asked_for(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    assert_non_null(strstr(
        cw->metrics.last_failed,
        "%22%2Cresponse_code%3D~%225.%2A%22%7D%5B10s%5D%29%20or%20increase%28istio_requests_total%7B"));
    assert_non_null(strstr(
        cw->metrics.last_failed,
        "response_code%21~%225.%2A%22%2Cgrpc_response_status%3D~%222%7C4%7C12%7C13%7C14%7C15%22%7D%5B10s%5D%29%29"));
    canary_world_done(cw);
}

static void a_slow_version_fails(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    _cleanup_free_ char *message = NULL;

    (void)state;
    cw->metrics.milliseconds = 501;
    canary_world_until(cw, "Failed", 0);
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    assert_non_null(strstr(message, "request-duration: 501 is above 500"));
    canary_world_done(cw);
}

static void hold_at_10(struct canary_world *cw, const char *reason)
{
    canary_world_until(cw, "Progressing", 10);
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(canary_world_weight(cw), 10);
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
    canary_world_expect(cw, STATUS_FIELD_REASON, reason);
}

static void without_data_the_weight_stays(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    cw->metrics.is_idle = true;
    hold_at_10(cw, "NoData");
    cw->metrics.is_idle = false;
    cw->metrics.total = 9; /* of the 10 that are needed */
    hold_at_10(cw, "NoData");
    cw->metrics.total = 100;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void without_prometheus_the_weight_stays(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    _cleanup_free_ char *message = NULL;
    const char *said;

    (void)state;
    cw->metrics.down = true;
    hold_at_10(cw, "MetricsUnavailable");
    /* Once, though several questions have no answer. */
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    said = strstr(message, "connection refused");
    assert_non_null(said);
    assert_null(strstr(said + 1, "connection refused"));
    cw->metrics.down = false;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Percent of the requests that the VirtualService mirrors; 0: none. */
static int mirrored(struct canary_world *cw)
{
    _cleanup_json_ json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    const json_t *http = json_array_get(doc_at(route, "spec", "http"), 0);

    return doc_at(http, "mirror") ? (int)doc_int(doc_at(http, "mirrorPercentage", "value"), 100) : 0;
}

#define ANALYSIS(more)                                                                                                 \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\",\"metrics\":[" \
    "{"                                                                                                                \
    "\"name\":\"request-success-rate\",\"interval\":\"10s\",\"thresholdRange\":{\"min\":99}}]," more "}}"

static void copies_are_sent_before_requests(void **state)
{
    struct canary_world *cw =
        canary_world_start_release(ANALYSIS("\"mirror\":true,\"mirrorWeight\":30,\"stepWeights\":[10,50]"));

    (void)state;
    while (!mirrored(cw))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(mirrored(cw), 30);
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_until(cw, "Progressing", 10);
    assert_int_equal(mirrored(cw), 0);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void copies_end_with_the_verdict(void **state)
{
    struct canary_world *cw = canary_world_start_release(ANALYSIS("\"mirror\":true,\"stepWeights\":[10,50]"));

    (void)state;
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    assert_int_equal(mirrored(cw), 0);
    assert_null(strstr(cw->log, "Progressing 10"));
    canary_world_done(cw);
}

static void an_old_mesh_does_not_mirror_a_part(void **state)
{
    struct canary_world *cw = canary_world_start(ANALYSIS("\"steps\":[{\"mirror\":30},{\"weight\":50}]"));

    (void)state;
    world_put_mesh(&cw->w, "{\"version\":\"1.1.17\"}");
    canary_world_until(cw, "Initialized", 0);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Initialized");
    canary_world_expect(cw, STATUS_FIELD_REASON, "NotSupported");
    canary_world_put(cw, ANALYSIS("\"steps\":[{\"mirror\":100},{\"weight\":50}]"));
    while (!mirrored(cw))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(mirrored(cw), 100);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void steps_are_taken_in_their_order(void **state)
{
    struct canary_world *cw = canary_world_start_release(
        ANALYSIS("\"steps\":[{\"weight\":5,\"for\":\"1m\"},{\"approve\":true},{\"weight\":60},{\"pause\":\"2m\"}]"));
    msec_t began;

    (void)state;
    canary_world_until(cw, "Progressing", 5);
    canary_world_command(cw, "approve@1"); /* of a step that does not wait for it */
    canary_world_rest(cw, SECONDS(3600));
    canary_world_expect(cw, STATUS_FIELD_REASON, "WaitingForApproval");
    assert_int_equal(canary_world_weight(cw), 5);
    assert_true(cw->metrics.asked > 2 * 300); /* checks go on */
    canary_world_command(cw, "approve@2");
    began = cw->w.later;
    canary_world_until(cw, "Progressing", 60);
    assert_true(cw->w.later - began <= SECONDS(10));
    began = cw->w.later;
    canary_world_until(cw, "Promoting", 60);
    /* 10 s at 60, then the pause. */
    assert_true(cw->w.later - began >= SECONDS(130) && cw->w.later - began <= SECONDS(131));
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void a_step_that_waits_for_approval_can_fail(void **state)
{
    struct canary_world *cw = canary_world_start_release(ANALYSIS("\"steps\":[{\"weight\":5},{\"approve\":true}]"));

    (void)state;
    canary_world_until(cw, "Progressing", 5);
    canary_world_rest(cw, SECONDS(600));
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
    canary_world_done(cw);
}

#define VECTOR(values) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" values "]}}"
#define VALUE_OF(text) "{\"metric\":{},\"value\":[1,\"" text "\"]}"
#define OWN_QUERY                                                                                                      \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","              \
    "\"threshold\":9,"                                                                                                 \
    "\"stepWeights\":[10],\"metrics\":[{\"name\":\"own\",\"interval\":\"10s\",\"thresholdRange\":{\"min\":2,\"max\":"  \
    "5},"                                                                                                              \
    "\"query\":\"sum(a{n='{{ namespace }}',t='{{target}}',o='{{ other }}'}[{{ interval }}])\"}]}}"

static void an_answer_means_what_it_says(void **state)
{
    static const struct {
        const char *answer, *verdict;
    } cases[] = {
        {VECTOR(VALUE_OF("1.9")), "Fail"},
        {VECTOR(VALUE_OF("5.1")), "Fail"},
        {VECTOR(VALUE_OF("NaN")), "NoData"},
        {VECTOR(VALUE_OF("+Inf")), "NoData"},
        {VECTOR(""), "NoData"},
        {VECTOR(VALUE_OF("3") "," VALUE_OF("3")), "Error"},
        {VECTOR(VALUE_OF("3x")), "Error"},
        {VECTOR("{\"metric\":{}}"), "Error"},
        {VECTOR("7"), "Error"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}", "Error"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}", "Fail"},
        {"{\"status\":\"error\",\"error\":\"parse error\"}", "Error"},
        {"[]", "Error"},
        {"<html>", "Error"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start_release(OWN_QUERY);
        _cleanup_json_ json_t *canary = NULL;
        const json_t *check;
        cw->metrics.raw = cases[i].answer;
        canary_world_until(cw, "Progressing", 10);
        canary_world_rest(cw, SECONDS(15));
        canary = canary_world_view(cw, KIND_CANARY, APP);
        check = json_array_get(doc_at(canary, "status", STATUS_FIELD_CHECKS), 0);
        if (!str_eq(doc_string(check, "verdict"), cases[i].verdict))
            fail_msg("%s: %s", cases[i].answer, str_or(doc_string(check, "verdict"), "nothing"));
        assert_int_equal(canary_world_weight(cw), 10);
        cw->metrics.raw = VECTOR(VALUE_OF("3"));
        canary_world_until(cw, "Succeeded", 0);
        assert_non_null(
            strstr(cw->metrics.last, "n%3D%27shop%27%2Ct%3D%27podinfo%27%2Co%3D%27%7B%7B%20other%20%7D%7D"));
        canary_world_done(cw);
    }
}

static void an_old_mesh_measures_in_seconds_and_gets_mutual_tls(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);
    _cleanup_json_ json_t *rule = NULL;

    (void)state;
    world_put_mesh(&cw->w, "{\"version\":\"1.0.5\",\"mtls\":true}");
    canary_world_until(cw, "Initialized", 0);
    rule = canary_world_view(cw, KIND_DESTINATION_RULE, APP "-canary");
    assert_string_equal(doc_string(rule, "spec", "trafficPolicy", "tls", "mode"), "ISTIO_MUTUAL");
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    assert_non_null(strstr(cw->metrics.last_duration, "istio_request_duration_seconds_bucket"));
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_answers_bring_all_traffic_back_with_the_verdict),
        cmocka_unit_test(a_version_that_fails_every_request_is_no_lack_of_data),
        cmocka_unit_test(failures_of_grpc_are_asked_for),
        cmocka_unit_test(a_slow_version_fails),
        cmocka_unit_test(without_data_the_weight_stays),
        cmocka_unit_test(without_prometheus_the_weight_stays),
        cmocka_unit_test(copies_are_sent_before_requests),
        cmocka_unit_test(copies_end_with_the_verdict),
        cmocka_unit_test(an_old_mesh_does_not_mirror_a_part),
        cmocka_unit_test(steps_are_taken_in_their_order),
        cmocka_unit_test(a_step_that_waits_for_approval_can_fail),
        cmocka_unit_test(an_answer_means_what_it_says),
        cmocka_unit_test(an_old_mesh_measures_in_seconds_and_gets_mutual_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
