/* Who is told how a release goes, and with which credentials. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/canary/canary_webhooks.h"
#include "doc/build.h"
#include "doc/doc.h"

#define SPEC(hooks, alerts)                                                                                            \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","              \
    "\"stepWeights\":[10,50],\"metrics\":[{\"name\":\"request-success-rate\",\"interval\":\"10s\","                    \
    "\"thresholdRange\":{\"min\":99}}],\"webhooks\":[" hooks "],\"alerts\":[" alerts "]}}"
#define HOOK(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\",\"url\":\"" HOOKS_URL name "\"}"
#define ALERT(name, severity) "{\"name\":\"" name "\",\"severity\":\"" severity "\",\"url\":\"" HOOKS_URL name "\"}"

/* The event of the last document. */
static void expect_event(const struct canary_world_hook *hook, const char *event)
{
    _cleanup_json_ json_t *document = json_loads(hook->last, 0, NULL);

    assert_string_equal(str_or(doc_string(document, "event"), "none"), event);
}

static void each_is_told_once_of_what_it_asks_for(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(
        SPEC(HOOK("end", "post-rollout") "," HOOK("all", "event"), ALERT("info", "info") "," ALERT("bad", "error")));
    struct canary_world_hook *end = canary_world_hook(cw, "end"), *all = canary_world_hook(cw, "all"),
                             *info = canary_world_hook(cw, "info"), *bad = canary_world_hook(cw, "bad");
    _cleanup_json_ json_t *event = NULL;

    (void)state;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    assert_int_equal(info->asked, 1);
    expect_event(info, "Started");
    assert_int_equal(end->asked + bad->asked, 0);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    canary_world_forget(cw); /* as after a restart */
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(info->asked, 2);
    expect_event(info, "Promoted");
    assert_int_equal(end->asked, 1);
    expect_event(end, "Promoted");
    assert_int_equal(all->asked, 2);
    event = json_loads(all->last, 0, NULL);
    assert_string_equal(doc_string(event, "metadata", "eventType"), "Normal");
    assert_int_equal(bad->asked, 0);
    cw->metrics.failed = 50;
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(60));
    expect_event(bad, "Failed");
    expect_event(end, "Failed");
    assert_int_equal(bad->asked, 1);
    canary_world_done(cw);
}

/* It is told of what was so then, also where it was not reached before something else was so. */
static void who_does_not_answer_holds_up_nothing(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(HOOK("end", "post-rollout"), ALERT("info", "info")));
    struct canary_world_hook *end = canary_world_hook(cw, "end"), *info = canary_world_hook(cw, "info");

    (void)state;
    end->status = info->status = 0;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Progressing", 10);
    canary_world_forget(cw);
    end->status = 500; /* it is given up */
    info->status = 200;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(info->asked, 4);
    assert_int_equal(end->asked, 2);
    assert_false(canary_world_step(cw));
    canary_world_done(cw);
}

/* Who did not answer before the Canary was deleted is told while its target is made to serve again. */
static void what_is_left_to_tell_is_told_when_the_canary_is_deleted(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC("", ALERT("bad", "error")));
    struct canary_world_hook *bad = canary_world_hook(cw, "bad");

    (void)state;
    bad->status = 0;
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(60));
    bad->status = 200;
    bad->asked = 0;
    canary_world_delete(cw);
    assert_int_equal(bad->asked, 1);
    expect_event(bad, "Failed");
    canary_world_done(cw);
}

static void what_waits_for_a_person_is_told_once(void **state)
{
    static const struct {
        const char *hook;
        int status, told;
    } cases[] = {
        {"\"type\":\"confirm-rollout\"", 403, 1},
        {"\"type\":\"confirm-promotion\"", 403, 1},
        {"\"type\":\"confirm-promotion\",\"muteAlert\":true", 403, 0},
        {"\"type\":\"confirm-promotion\"", 200, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf(
            SPEC("{\"name\":\"gate\",%s,\"url\":\"" HOOKS_URL "gate\"}", ALERT("warn", "warn")), cases[i].hook);
        struct canary_world *cw = canary_world_start_at_rest(spec);
        struct canary_world_hook *warn = canary_world_hook(cw, "warn");
        canary_world_hook(cw, "gate")->status = cases[i].status;
        canary_world_release_image(cw, "app:2");
        canary_world_rest(cw, SECONDS(1800));
        assert_int_equal(warn->asked, cases[i].told);
        if (cases[i].told)
            expect_event(warn, "Waiting");
        canary_world_done(cw);
    }
}

/* However often releases begin and end, so many messages and no more come within ten minutes. */
static void messages_are_limited(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC("", ALERT("info", "info")));
    struct canary_world_hook *info = canary_world_hook(cw, "info");

    (void)state;
    for (int i = 0; i < 30; i++) {
        _cleanup_free_ char *image = str_printf("app:%d", 2 + i);
        canary_world_release_image(cw, image);
        canary_world_rest(cw, 10);
    }
    assert_true(info->asked > 3 && info->asked <= 10);
    canary_world_rest(cw, SECONDS(900));
    info->asked = 0;
    canary_world_release_image(cw, "app:99");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(info->asked, 2);
    canary_world_done(cw);
}

static void put_secret(struct canary_world *cw, json_t *data)
{
    world_put_as(
        &cw->w,
        mesh_kind(KIND_CANARY_SECRET),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata",
                STRING("name", "s"),
                STRING("namespace", APP_NS),
                MAP("labels", STRING(CANARY_CREDENTIALS, "true"))),
            VALUE("data", data)));
}

#define WITH_SECRET                                                                                                    \
    "{\"name\":\"t\",\"type\":\"pre-rollout\",\"url\":\"" HOOKS_URL "t\",\"secretRef\":{\"name\":\"s\"}}"
#define TO_SECRET "{\"name\":\"t\",\"type\":\"pre-rollout\",\"secretRef\":{\"name\":\"s\"}}"

static void credentials_are_sent_and_never_told(void **state)
{
    /* base64: "hooks-secret", "u", "http://hooks/t" */
    static const struct {
        const char *hook, *key, *value, *key2, *value2, *authorization;
    } cases[] = {
        {WITH_SECRET, "token", "aG9va3Mtc2VjcmV0", NULL, NULL, "Bearer hooks-secret"},
        {WITH_SECRET, "token", "aG9va3Mtc2VjcmV0Cg==", NULL, NULL, "Bearer hooks-secret"}, /* with a newline */
        {WITH_SECRET, "username", "dQ==", "password", "aG9va3Mtc2VjcmV0", "Basic dTpob29rcy1zZWNyZXQ="},
        {TO_SECRET, "address", "aHR0cDovL2hvb2tzL3Q=", "token", "aG9va3Mtc2VjcmV0", "Bearer hooks-secret"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf(SPEC("%s", ""), cases[i].hook), *text = NULL;
        struct canary_world *cw = canary_world_start_at_rest(spec);
        struct canary_world_hook *hook = canary_world_hook(cw, "t");
        json_t *data = OBJECT(STRING(cases[i].key, cases[i].value));
        if (cases[i].key2)
            json_object_set_new(data, cases[i].key2, json_string(cases[i].value2));
        put_secret(cw, data);
        hook->status = -1;
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Failed", 0);
        assert_string_equal(hook->authorization, cases[i].authorization);
        text = str_dup(kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP)->text);
        assert_null(strstr(text, "hooks-secret"));
        assert_null(strstr(text, "aG9va3"));
        if (str_eq(cases[i].hook, TO_SECRET)) {
            assert_null(strstr(text, "http://hooks"));
            assert_null(strstr(text, "connection refused")); /* such errors name the server */
        }
        canary_world_done(cw);
    }
}

static void a_secret_that_is_missing_or_wrong_is_named(void **state)
{
    static const struct {
        const char *hook, *key, *value, *text;
    } cases[] = {
        {WITH_SECRET, NULL, NULL, "there is no Secret shop/s with the label"},
        {WITH_SECRET, "token", "aG9v!!", "Secret s: data.token: must be base64"},
        {TO_SECRET, "token", "dQ==", "Secret s: data.address: must be a URL"},
        {TO_SECRET, "address", "aG9va3M=", "Secret s: data.address: must be a URL"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf(SPEC("%s", ""), cases[i].hook), *message = NULL;
        struct canary_world *cw = canary_world_start_at_rest(spec);
        if (cases[i].key)
            put_secret(cw, OBJECT(STRING(cases[i].key, cases[i].value)));
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Failed", 0);
        message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
        if (!strstr(message, cases[i].text))
            fail_msg("%s", message);
        canary_world_done(cw);
    }
}

#define ROLLOUT_WITH_SECRET "{\"name\":\"t\",\"url\":\"" HOOKS_URL "t\",\"retries\":1,\"secretRef\":{\"name\":\"s\"}}"

/* It may be applied a moment later than what names it. */
static void a_secret_is_waited_for_as_long_as_an_answer(void **state)
{
    static const struct {
        const char *hook;
        msec_t patience;
    } cases[] = {{WITH_SECRET, SECONDS(10)}, {ROLLOUT_WITH_SECRET, SECONDS(21)}};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const bool comes = i % 2;
        _cleanup_free_ char *spec = str_printf(SPEC("%s", ""), cases[i / 2].hook), *message = NULL;
        struct canary_world *cw = canary_world_start_at_rest(spec);
        struct canary_world_hook *hook = canary_world_hook(cw, "t");
        msec_t began;
        canary_world_release_image(cw, "app:2");
        while (!message || !strstr(message, "there is no Secret shop/s with the label")) {
            if (!canary_world_step(cw))
                cw->w.later = cw->again;
            free(message);
            message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
        }
        began = cw->w.later;
        canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
        assert_non_null(strstr(message, "waits for webhook \"t\""));
        canary_world_rest(cw, cases[i / 2].patience - 1);
        canary_world_expect(cw, STATUS_FIELD_FAILED_REVISION, "");
        if (comes)
            put_secret(cw, OBJECT(STRING("token", "aG9va3Mtc2VjcmV0")));
        canary_world_until(cw, comes ? "Succeeded" : "Failed", 0);
        assert_int_equal(hook->asked > 0, comes);
        if (!comes)
            assert_int_equal(cw->w.later - began, cases[i / 2].patience);
        canary_world_done(cw);
    }
}

static void an_alert_waits_for_its_secret_and_says_so(void **state)
{
    (void)state;
    for (int comes = 0; comes <= 1; comes++) {
        struct canary_world *cw = canary_world_start_at_rest(
            SPEC("", "{\"name\":\"t\",\"url\":\"" HOOKS_URL "t\",\"secretRef\":{\"name\":\"s\"}}"));
        struct canary_world_hook *hook = canary_world_hook(cw, "t");
        _cleanup_json_ json_t *canary = NULL;
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, "Progressing", 0);
        canary_world_rest(cw, SECONDS(45)); /* of 10 s and three retries */
        canary = canary_world_view(cw, KIND_CANARY, APP);
        assert_non_null(strstr(
            str_or(doc_string(json_array_get(doc_at(canary, "status", STATUS_FIELD_NOTICES), 0), "waitsFor"), ""),
            "there is no Secret shop/s with the label"));
        assert_null(strstr(cw->events, "NoticeDropped"));
        if (comes)
            put_secret(cw, OBJECT(STRING("token", "aG9va3Mtc2VjcmV0")));
        canary_world_rest(cw, SECONDS(120));
        assert_int_equal(hook->asked > 0, comes);
        assert_int_equal(strstr(cw->events, "NoticeDropped: alert \"t\" did not take the notice") != NULL, !comes);
        assert_null(strstr(kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP)->text, "waitsFor"));
        canary_world_done(cw);
    }
}

/* Without the right to do so there is no list: as if the Secret were not there. */
static void secrets_that_cannot_be_listed_are_not_waited_for_without_end(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(WITH_SECRET, ""));
    _cleanup_free_ char *message = NULL;

    (void)state;
    canary_world_hook(cw, "t");
    put_secret(cw, OBJECT(STRING("token", "aG9va3Mtc2VjcmV0")));
    canary_world_read(cw, KIND_CANARY_SECRET, false, false);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(300)); /* it is being read */
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
    canary_world_read(cw, KIND_CANARY_SECRET, false, true);
    canary_world_until(cw, "Failed", 0);
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    assert_non_null(strstr(message, "Secret shop/s: Secrets cannot be listed"));
    canary_world_read(cw, KIND_CANARY_SECRET, true, false);
    canary_world_command(cw, "retry@1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

static void slack_gets_what_it_takes(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC(
        "",
        "{\"name\":\"s\",\"type\":\"slack\",\"channel\":\"ops\",\"severity\":\"error\",\"url\":\"" HOOKS_URL "s\"}"));
    _cleanup_json_ json_t *message = NULL;

    (void)state;
    cw->metrics.failed = 50;
    canary_world_hook(cw, "s");
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(60));
    message = json_loads(canary_world_hook(cw, "s")->last, 0, NULL);
    assert_string_equal(doc_string(message, "text"), "Canary shop/podinfo: Failed");
    assert_string_equal(doc_string(message, "channel"), "ops");
    assert_string_equal(doc_string(json_array_get(doc_at(message, "attachments"), 0), "color"), "danger");
    assert_non_null(strstr(
        doc_string(json_array_get(doc_at(message, "attachments"), 0), "text"), "request-success-rate: 50 is below 99"));
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_once_of_what_it_asks_for),
        cmocka_unit_test(who_does_not_answer_holds_up_nothing),
        cmocka_unit_test(what_is_left_to_tell_is_told_when_the_canary_is_deleted),
        cmocka_unit_test(what_waits_for_a_person_is_told_once),
        cmocka_unit_test(messages_are_limited),
        cmocka_unit_test(credentials_are_sent_and_never_told),
        cmocka_unit_test(a_secret_that_is_missing_or_wrong_is_named),
        cmocka_unit_test(a_secret_is_waited_for_as_long_as_an_answer),
        cmocka_unit_test(an_alert_waits_for_its_secret_and_says_so),
        cmocka_unit_test(secrets_that_cannot_be_listed_are_not_waited_for_without_end),
        cmocka_unit_test(slack_gets_what_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
