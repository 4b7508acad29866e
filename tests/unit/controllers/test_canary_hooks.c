/* What webhooks may do to a release, and what not. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define SPEC(hooks, more)                                                                                              \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","              \
    "\"threshold\":2,\"stepWeights\":[10,50],\"metrics\":[{\"name\":\"request-success-rate\",\"interval\":\"10s\","    \
    "\"thresholdRange\":{\"min\":99}}]" more ",\"webhooks\":[" hooks "]}}"
#define HOOK(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\",\"url\":\"" HOOKS_URL name "\"}"

/* Nothing goes on for a quarter of an hour, and the status says for which webhook. */
static void expect_to_wait(struct canary_world *cw, const char *phase, int weight, const char *hook, const char *why)
{
    _cleanup_free_ char *message = NULL;

    canary_world_until(cw, phase, weight);
    canary_world_rest(cw, SECONDS(900));
    canary_world_expect(cw, STATUS_FIELD_PHASE, phase);
    assert_int_equal(canary_world_weight(cw), weight);
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    if (!strstr(message, hook) || !strstr(message, why))
        fail_msg("%s", message);
    canary_world_expect_condition(cw, CONDITION_HELD, "True");
}

static void a_gate_holds_a_release_until_it_says_yes(void **state)
{
    static const struct {
        const char *type, *phase;
        int weight;
        const char *next;
        int next_weight;
    } cases[] = {
        {"confirm-rollout", "Waiting", 0, "Progressing", 0},
        {"confirm-traffic-increase", "Progressing", 0, "Progressing", 10},
        {"confirm-promotion", "Progressing", 50, "Promoting", 50},
    };
    static const struct {
        int status;
        const char *why;
    } noes[] = {{403, "HTTP 403"}, {500, "HTTP 500"}, {302, "HTTP 302"}, {-1, "connection refused"}, {0, ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(noes); k++) {
            _cleanup_free_ char *spec = str_printf(
                SPEC("{\"name\":\"gate\",\"type\":\"%s\",\"url\":\"" HOOKS_URL "gate\"}", ""), cases[i].type);
            struct canary_world *cw = canary_world_start_at_rest(spec);
            struct canary_world_hook *gate = canary_world_hook(cw, "gate");
            msec_t began;
            gate->status = noes[k].status;
            canary_world_release_image(cw, "app:2");
            expect_to_wait(cw, cases[i].phase, cases[i].weight, "\"gate\"", noes[k].why);
            if (str_eq(cases[i].phase, "Waiting"))
                assert_int_equal(canary_world_replicas(cw, APP), 0);
            gate->status = 200;
            began = cw->w.later;
            canary_world_until(cw, cases[i].next, cases[i].next_weight);
            assert_true(cw->w.later - began <= SECONDS(10));
            canary_world_until(cw, "Succeeded", 0);
            canary_world_rest(cw, SECONDS(60));
            canary_world_done(cw);
        }
}

/* A person can say yes instead; the gates behind it are asked all the same. */
static void approve_opens_the_gate_that_is_waited_for(void **state)
{
    struct canary_world *cw =
        canary_world_start_at_rest(SPEC(HOOK("in", "confirm-rollout") "," HOOK("up", "confirm-promotion"), ""));

    (void)state;
    canary_world_hook(cw, "in")->status = canary_world_hook(cw, "up")->status = 403;
    canary_world_release_image(cw, "app:2");
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    canary_world_command(cw, "approve@1");
    expect_to_wait(cw, "Progressing", 50, "\"up\"", "HTTP 403");
    canary_world_command(cw, "approve@2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* What comes together with another version was said of the one before, whatever that waited for. */
static void approve_lets_no_other_version_in(void **state)
{
    static const char *const specs[] = {
        SPEC(HOOK("in", "confirm-rollout"), ""),
        SPEC(HOOK("in", "confirm-rollout") "," HOOK("up", "confirm-traffic-increase"), "")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct canary_world *cw = canary_world_start_at_rest(specs[i]);
        struct canary_world_hook *in = canary_world_hook(cw, "in");
        canary_world_hook(cw, "up")->status = 403;
        in->status = i ? 200 : 403;
        canary_world_release_image(cw, "app:2");
        expect_to_wait(cw, i ? "Progressing" : "Waiting", 0, i ? "\"up\"" : "\"in\"", "HTTP 403");
        in->status = 403;
        in->asked = 0;
        canary_world_release_image(cw, "app:3");
        canary_world_command(cw, "approve@1");
        expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
        assert_true(in->asked > 0);
        assert_int_equal(canary_world_replicas(cw, APP), 0);
        canary_world_command(cw, "approve@2");
        canary_world_until(cw, "Progressing", 0);
        canary_world_done(cw);
    }
}

/* What else is in the way at that moment does not lose it; the next version is asked about anew. */
static void approve_is_kept_until_the_release_goes_on(void **state)
{
    struct canary_world *cw =
        canary_world_start_at_rest(SPEC(HOOK("in", "confirm-rollout") "," HOOK("up", "confirm-promotion"), ""));
    struct canary_world_hook *in = canary_world_hook(cw, "in");

    (void)state;
    canary_world_hook(cw, "up")->status = 403;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 50);
    in->status = 403;
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Waiting", 0);
    canary_world_step(cw);
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS); /* requests of app:2 end */
    canary_world_command(cw, "approve@1");
    expect_to_wait(cw, "Progressing", 50, "\"up\"", "HTTP 403");
    cw->endpoints_lag = cw->target_hangs = true; /* some of its Pods are not available */
    canary_world_command(cw, "approve@2");
    canary_world_rest(cw, SECONDS(60));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
    canary_world_expect(cw, STATUS_FIELD_APPROVED_HOOK, "confirm-promotion");
    cw->endpoints_lag = cw->target_hangs = false;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect(cw, STATUS_FIELD_APPROVED_HOOK, "");
    canary_world_release_image(cw, "app:4");
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    canary_world_done(cw);
}

static void a_gate_that_waits_does_not_stop_the_checks(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("up", "confirm-promotion"), ""));

    (void)state;
    canary_world_hook(cw, "up")->status = 403;
    canary_world_release_image(cw, "app:2");
    expect_to_wait(cw, "Progressing", 50, "\"up\"", "HTTP 403");
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
    canary_world_done(cw);
}

/* What was asked about one version says nothing of another. */
static void a_yes_counts_for_the_version_that_it_is_about(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("in", "confirm-rollout"), ""));
    struct canary_world_hook *gate = canary_world_hook(cw, "in");
    _cleanup_free_ char *first = NULL;

    (void)state;
    gate->status = 403;
    canary_world_release_image(cw, "app:2");
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    first = str_dup(gate->last);
    canary_world_release_image(cw, "app:3");
    canary_world_rest(cw, SECONDS(60));
    assert_string_not_equal(gate->last, first);
    canary_world_release_image(cw, "app:1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "Reverted");
    canary_world_done(cw);
}

/* It waits like one that comes between releases, when the traffic of the one before is back. */
static void a_change_in_the_middle_is_asked_about_too(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("in", "confirm-rollout"), ""));

    (void)state;
    canary_world_hook(cw, "in");
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 50);
    canary_world_hook(cw, "in")->status = 403;
    canary_world_release_image(cw, "app:3");
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 0); /* at once */
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    canary_world_hook(cw, "in")->status = 200;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* The replicas that the release before left count for the primary no more than its Pods that fail; a person's do. */
static void what_waits_does_not_scale_the_primary_by_the_release_before(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"freezeTarget\":false,\"analysis\":{"
        "\"interval\":\"10s\",\"stepWeights\":[10,50],\"webhooks\":[" HOOK("in", "confirm-rollout") "]}}");

    (void)state;
    canary_world_hook(cw, "in");
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_put_replicas(cw, 1);
    cw->target_hangs = true;
    canary_world_rest(cw, 1);
    canary_world_hook(cw, "in")->status = 403;
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Waiting", 0);
    while (canary_world_replicas(cw, APP)) {
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
        assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    }
    cw->target_hangs = false;
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    canary_world_put_replicas(cw, 8);
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 8);
    canary_world_done(cw);
}

static void an_abort_ends_what_waits_for_a_gate(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("in", "confirm-rollout"), ""));

    (void)state;
    canary_world_hook(cw, "in")->status = 403;
    canary_world_release_image(cw, "app:2");
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(900));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    canary_world_hook(cw, "in")->status = 200;
    canary_world_command(cw, "retry@2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Also where the operator is started again after each step. */
static void a_test_that_passed_is_not_made_again(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(
        SPEC(HOOK("first", "pre-rollout") "," HOOK("second", "pre-rollout") "," HOOK("load", "rollout"), ""));
    struct canary_world_hook *first = canary_world_hook(cw, "first"), *second = canary_world_hook(cw, "second");

    (void)state;
    canary_world_hook(cw, "load");
    second->status = 0;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 0);
    canary_world_rest(cw, SECONDS(900));
    assert_int_equal(canary_world_weight(cw), 0);
    assert_int_equal(first->asked, 1);
    canary_world_forget(cw);
    second->status = 200;
    canary_world_until(cw, "Succeeded", 0);
    assert_int_equal(first->asked, 1);
    assert_int_equal(second->asked, 1);
    assert_int_equal(canary_world_hook(cw, "load")->asked, 2); /* in each check */
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Progressing", 10);
    assert_int_equal(first->asked, 2);
    canary_world_done(cw);
}

static void a_hook_that_fails_is_a_check_that_failed(void **state)
{
    static const char *const types[] = {"pre-rollout", "rollout"};
    static const int answers[] = {500, -1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (size_t k = 0; k < ARRAY_LEN(answers); k++) {
            _cleanup_free_ char *spec =
                str_printf(SPEC("{\"name\":\"t\",\"type\":\"%s\",\"url\":\"" HOOKS_URL "t\"}", ""), types[i]);
            _cleanup_free_ char *message = NULL;
            struct canary_world *cw = canary_world_start_at_rest(spec);
            struct canary_world_hook *hook = canary_world_hook(cw, "t");
            hook->status = answers[k];
            canary_world_release_image(cw, "app:2");
            canary_world_until(cw, "Failed", 0);
            assert_int_equal(hook->asked, 2); /* the threshold */
            canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
            message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
            assert_non_null(strstr(message, "webhook \"t\""));
            if (i == 0)
                assert_null(strstr(cw->log, "Progressing 10"));
            /* One that passes the second time is no reason to end. */
            hook->asked = 0;
            canary_world_rest(cw, SECONDS(60));
            canary_world_command(cw, "retry@1");
            while (!hook->asked)
                if (!canary_world_step(cw))
                    cw->w.later = cw->again;
            hook->status = 200;
            canary_world_until(cw, "Succeeded", 0);
            canary_world_done(cw);
        }
}

static void a_rollback_hook_that_says_yes_ends_the_release(void **state)
{
    struct canary_world *cw =
        canary_world_start_at_rest(SPEC(HOOK("back", "rollback") "," HOOK("in", "confirm-rollout"), ""));
    struct canary_world_hook *back = canary_world_hook(cw, "back"), *in = canary_world_hook(cw, "in");

    (void)state;
    back->status = 403;
    in->status = 403;
    canary_world_release_image(cw, "app:2");
    expect_to_wait(cw, "Waiting", 0, "\"in\"", "HTTP 403");
    back->status = 200;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
    canary_world_rest(cw, SECONDS(60));
    back->status = in->status = 0;
    canary_world_command(cw, "retry@1");
    canary_world_rest(cw, SECONDS(60));
    in->status = 200;
    canary_world_until(cw, "Progressing", 10);
    back->status = 200;
    canary_world_step(cw);
    canary_world_until(cw, "Failed", 0);
    canary_world_done(cw);
}

static const json_t *answer_of(const json_t *canary, const char *hook)
{
    return doc_find(doc_at(canary, "status", STATUS_FIELD_HOOKS), "name", hook);
}

/* Whoever relies on it has to know; a plain no is an answer. */
static void a_rollback_hook_that_cannot_be_asked_is_told_of(void **state)
{
    static const struct {
        int status;
        const char *answer, *event;
    } cases[] = {
        {403, "HTTP 403", NULL},
        {-1,
         "connection refused",
         "NotAsked: webhook \"back\" (rollback) cannot end the release: connection refused\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("back", "rollback"), ""));
        _cleanup_json_ json_t *canary = NULL;
        canary_world_hook(cw, "back")->status = cases[i].status;
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Progressing", 10);
        canary = canary_world_view(cw, KIND_CANARY, APP);
        assert_string_equal(doc_string(answer_of(canary, "back"), "verdict"), "Fail");
        assert_string_equal(doc_string(answer_of(canary, "back"), "message"), cases[i].answer);
        if (cases[i].event)
            assert_non_null(strstr(cw->events, cases[i].event));
        else
            assert_null(strstr(cw->events, "NotAsked"));
        canary_world_until(cw, "Succeeded", 0);
        canary_world_done(cw);
    }
}

/* A load test may take minutes: what is bad meanwhile ends the release as it would without. */
static void metrics_are_measured_on_while_a_webhook_takes_its_time(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("load", "rollout"), ""));
    struct canary_world_hook *load = canary_world_hook(cw, "load");
    _cleanup_json_ json_t *canary = NULL;
    _cleanup_free_ char *message = NULL;
    msec_t began;

    (void)state;
    load->status = 0;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_rest(cw, SECONDS(300));
    assert_int_equal(canary_world_weight(cw), 10);
    assert_true(cw->metrics.asked >= 2 * 25); /* of 10 s each */
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    assert_non_null(strstr(message, "waits for webhook \"load\" (rollout)"));
    canary = canary_world_view(cw, KIND_CANARY, APP);
    assert_string_equal(
        doc_string(json_array_get(doc_at(canary, "status", STATUS_FIELD_CHECKS), 0), "verdict"), "Pass");
    cw->metrics.failed = 50;
    began = cw->w.later;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "ChecksFailed");
    assert_true(cw->w.later - began <= SECONDS(20)); /* two checks, which is the threshold */
    assert_int_equal(load->asked, 0);
    canary_world_done(cw);
}

/* Nor does a person's abort lead more traffic to a version that is not wanted, while the primary goes back. */
static void an_end_while_the_primary_is_rolled_out_never_raises_the_weight(void **state)
{
    static const char *const commands[] = {NULL, "abort@1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("back", "rollback"), ""));
        struct canary_world_hook *back = canary_world_hook(cw, "back");
        back->status = 403;
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Promoting", 50);
        cw->primary_hangs = true;
        canary_world_rest(cw, SECONDS(30)); /* not as long as its deadline */
        canary_world_expect_image(cw, APP "-primary", "app:2");
        if (commands[i])
            canary_world_command(cw, commands[i]);
        else
            back->status = 200;
        canary_world_rest(cw, SECONDS(3600));
        canary_world_expect(cw, STATUS_FIELD_PHASE, "Promoting");
        canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
        canary_world_expect_image(cw, APP "-primary", "app:1");
        assert_int_equal(canary_world_weight(cw), 50); /* the primary has not the Pods for all of it */
        cw->primary_hangs = false;
        canary_world_until(cw, "Failed", 0);
        canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
        assert_null(strstr(cw->log, "Promoting 100"));
        canary_world_done(cw);
    }
}

/* However often it is said. */
static void an_abort_that_is_repeated_takes_no_traffic_to_a_primary_that_is_not_ready(void **state)
{
    static const struct {
        int weight; /* that stays */
        bool is_late;
    } cases[] = {{50, false}, {100, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start_release(NULL);
        canary_world_until(cw, "Promoting", 50);
        cw->primary_hangs = true;
        canary_world_rest(cw, cases[i].is_late ? SECONDS(700) : SECONDS(30));
        canary_world_expect_image(cw, APP "-primary", cases[i].is_late ? "app:1" : "app:2");
        for (int k = 0; k < 3; k++) {
            _cleanup_free_ char *command = str_printf("abort@%d", k);
            canary_world_command(cw, command);
            canary_world_rest(cw, SECONDS(60));
            canary_world_expect(cw, STATUS_FIELD_PHASE, "Promoting");
            canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
            assert_int_equal(canary_world_weight(cw), cases[i].weight);
        }
        cw->primary_hangs = false;
        canary_world_until(cw, "Failed", 0);
        canary_world_expect_image(cw, APP "-primary", "app:1");
        canary_world_done(cw);
    }
}

static void the_document_says_what_it_is_about(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(
        SPEC("{\"name\":\"load\",\"url\":\"" HOOKS_URL "load\",\"metadata\":{\"cmd\":\"hey\"}}", ""));
    _cleanup_json_ json_t *posted = NULL;
    _cleanup_free_ char *revision = NULL;

    (void)state;
    canary_world_hook(cw, "load")->status = 0;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_rest(cw, SECONDS(60));
    canary_world_hook(cw, "load")->status = 200;
    canary_world_until(cw, "Progressing", 50);
    revision = canary_world_status(cw, STATUS_FIELD_REVISION);
    posted = json_loads(canary_world_hook(cw, "load")->last, 0, NULL);
    assert_string_equal(doc_string(posted, "name"), APP);
    assert_string_equal(doc_string(posted, "namespace"), APP_NS);
    assert_string_equal(doc_string(posted, "phase"), "Progressing");
    assert_string_equal(doc_string(posted, "checksum"), revision);
    assert_string_equal(doc_string(posted, "type"), "rollout");
    assert_string_equal(doc_string(posted, "metadata", "cmd"), "hey");
    assert_int_equal(doc_int(doc_at(posted, "weight"), -1), 10);
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_holds_a_release_until_it_says_yes),
        cmocka_unit_test(approve_opens_the_gate_that_is_waited_for),
        cmocka_unit_test(approve_lets_no_other_version_in),
        cmocka_unit_test(approve_is_kept_until_the_release_goes_on),
        cmocka_unit_test(a_gate_that_waits_does_not_stop_the_checks),
        cmocka_unit_test(a_yes_counts_for_the_version_that_it_is_about),
        cmocka_unit_test(a_change_in_the_middle_is_asked_about_too),
        cmocka_unit_test(what_waits_does_not_scale_the_primary_by_the_release_before),
        cmocka_unit_test(an_abort_ends_what_waits_for_a_gate),
        cmocka_unit_test(a_test_that_passed_is_not_made_again),
        cmocka_unit_test(a_hook_that_fails_is_a_check_that_failed),
        cmocka_unit_test(a_rollback_hook_that_says_yes_ends_the_release),
        cmocka_unit_test(an_end_while_the_primary_is_rolled_out_never_raises_the_weight),
        cmocka_unit_test(a_rollback_hook_that_cannot_be_asked_is_told_of),
        cmocka_unit_test(metrics_are_measured_on_while_a_webhook_takes_its_time),
        cmocka_unit_test(an_abort_that_is_repeated_takes_no_traffic_to_a_primary_that_is_not_ready),
        cmocka_unit_test(the_document_says_what_it_is_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
