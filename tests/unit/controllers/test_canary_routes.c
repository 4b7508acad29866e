/* How requests are split by what they have: what matches, and the cookies of clients; by the plans alone. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/problem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define STEPS_MAX 2000
#define METRICS "\"metrics\":[{\"name\":\"request-success-rate\",\"interval\":\"10s\",\"thresholdRange\":{\"min\":99}}]"
#define SPEC_WITH(service, analysis)                                                                                   \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80" service                                           \
    "},\"analysis\":{\"interval\":\"10s\"," METRICS "," analysis "}}"
#define SPEC(analysis) SPEC_WITH("", analysis)
#define TESTERS "[{\"headers\":{\"x-tester\":{\"exact\":\"yes\"}}}]"
#define INSIDERS "[{\"headers\":{\"cookie\":{\"regex\":\".*insider.*\"}}},{\"sourceLabels\":{\"app\":\"front\"}}]"

/* --- what a VirtualService does, in one line --- */

static void add_names(const json_t *map, struct buf *out)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)map, name, value)
        buf_printf(out, "%s%s", out->len && buf_str(out)[out->len - 1] != '[' ? "," : "", name);
}

/* "[x-tester] 0:100; 90:10": primary and canary; * gives a cookie, ~ copies. */
static void add_split(const json_t *route, struct buf *out)
{
    json_t *http, *match, *destination;
    size_t i, k;

    json_array_foreach(doc_at(route, "spec", "http"), i, http) {
        buf_add_str(out, i ? "; " : "");
        json_array_foreach(doc_at(http, "match"), k, match) {
            buf_add_str(out, "[");
            add_names(doc_at(match, "headers"), out);
            add_names(doc_at(match, "sourceLabels"), out);
            add_names(doc_at(match, "uri"), out);
            buf_add_str(out, "] ");
        }
        json_array_foreach(doc_at(http, "route"), k, destination)
            buf_printf(
                out,
                "%s%d%s",
                k ? ":" : "",
                (int)doc_int(doc_at(destination, "weight"), -1),
                doc_at(destination, "headers", "response", "add", "Set-Cookie") ? "*" : "");
        buf_add_str(out, doc_at(http, "mirror") ? "~" : "");
    }
}

static char *split_of(struct canary_world *cw)
{
    _cleanup_json_ json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    struct buf out = BUF_INIT;

    add_split(route, &out);
    return buf_take(&out);
}

static void expect_split(struct canary_world *cw, const char *split)
{
    _cleanup_free_ char *is = split_of(cw);

    assert_string_equal(is, split);
}

/* Until that phase; each phase and split once, as lines. */
static void follow(struct canary_world *cw, const char *end, struct buf *log)
{
    _cleanup_free_ char *last = str_dup("");

    for (int i = 0; i < STEPS_MAX; i++) {
        _cleanup_free_ char *phase = NULL, *split = NULL, *line = NULL;
        bool any = canary_world_step(cw);
        phase = canary_world_status(cw, STATUS_FIELD_PHASE);
        split = split_of(cw);
        line = str_printf("%s %s\n", phase, split);
        if (!str_eq(line, last))
            buf_add_str(log, line);
        str_replace(&last, line);
        if (str_eq(phase, end))
            return;
        if (any)
            continue;
        assert_true(cw->again != MSEC_NEVER);
        cw->w.later = cw->again;
    }
    fail_msg("%s did not come: %s", end, buf_str(log));
}

static void until_split(struct canary_world *cw, const char *split)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        _cleanup_free_ char *is = split_of(cw);
        if (str_eq(is, split))
            return;
        if (!canary_world_step(cw)) {
            assert_true(cw->again != MSEC_NEVER);
            cw->w.later = cw->again;
        }
    }
    fail_msg("the split %s did not come", split);
}

/* A release from its beginning to its promotion: `log` between what is before and after it. */
static void expect_life(const char *spec, const char *rest, const char *log)
{
    struct canary_world *cw = canary_world_start_release(spec);
    _cleanup_free_ char *expected =
        str_printf("Progressing %s\n%sFinalising %s\nSucceeded %s\n", rest, log, rest, rest);
    _cleanup_buf_ struct buf is = BUF_INIT;

    follow(cw, "Succeeded", &is);
    assert_string_equal(buf_str(&is), expected);
    canary_world_expect_image(cw, APP "-primary", "app:2");
    canary_world_done(cw);
}

/* --- what matches --- */

static void requests_that_match_are_released_to_step_by_step(void **state)
{
    static const struct {
        const char *spec, *rest, *log;
    } cases[] = {
        {SPEC("\"iterations\":3,\"match\":" INSIDERS),
         "100:0",
         "Progressing [cookie] [app] 0:100; 100:0\n"
         "Promoting [cookie] [app] 0:100; 100:0\n"},
        {SPEC("\"steps\":[{\"match\":" TESTERS "},{\"weight\":10},{\"pause\":\"1m\"},{\"mirror\":5},{\"weight\":60}]"),
         "100:0",
         "Progressing [x-tester] 0:100; 100:0\n"
         "Progressing [x-tester] 0:100; 90:10\n"
         "Progressing [x-tester] 0:100; 90:10~\n"
         "Progressing [x-tester] 0:100; 90:10\n"
         "Progressing [x-tester] 0:100; 40:60\n"
         "Promoting [x-tester] 0:100; 40:60\n"},
        {SPEC("\"steps\":[{\"match\":" TESTERS ",\"weight\":20},{\"match\":" INSIDERS
              "},{\"match\":[]},{\"weight\":30}]"),
         "100:0",
         "Progressing [x-tester] 80:20; 100:0\n"
         "Progressing [cookie] [app] 0:100; 100:0\n"
         "Progressing 100:0\n"
         "Progressing 70:30\n"
         "Promoting 70:30\n"},
        {SPEC_WITH(
             ",\"match\":[{\"uri\":{\"prefix\":\"/a\"}},{\"uri\":{\"prefix\":\"/b\"},\"headers\":{\"x-b\":{"
             "\"exact\":\"b\"}}}]",
             "\"iterations\":1,\"match\":" TESTERS),
         "[prefix] [x-b,prefix] 100:0",
         "Progressing [x-tester,prefix] [x-b,x-tester,prefix] 0:100; [prefix] [x-b,prefix] 100:0\n"
         "Promoting [x-tester,prefix] [x-b,x-tester,prefix] 0:100; [prefix] [x-b,prefix] 100:0\n"},
        /* A null is nothing. */
        {SPEC_WITH(",\"virtualServiceRef\":null", "\"steps\":[{\"match\":" TESTERS "},{\"match\":null,\"weight\":10}]"),
         "100:0",
         "Progressing [x-tester] 0:100; 100:0\n"
         "Progressing [x-tester] 0:100; 90:10\n"
         "Promoting [x-tester] 0:100; 90:10\n"},
        {SPEC("\"iterations\":2"), "100:0", "Progressing 0:100\nPromoting 0:100\n"},
        {SPEC("\"iterations\":2,\"mirror\":true,\"mirrorWeight\":30"),
         "100:0",
         "Progressing 100:0~\nProgressing 100:0\nProgressing 0:100\nPromoting 0:100\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_life(cases[i].spec, cases[i].rest, cases[i].log);
}

/* As long as Flagger takes for so many iterations: they are not over with the first good check. */
static void iterations_take_their_time(void **state)
{
    struct canary_world *cw = canary_world_start_release(SPEC("\"iterations\":6,\"match\":" TESTERS));
    msec_t began;

    (void)state;
    until_split(cw, "[x-tester] 0:100; 100:0");
    began = cw->w.later;
    canary_world_until(cw, "Promoting", 0);
    assert_true(cw->w.later - began >= SECONDS(60) && cw->w.later - began < SECONDS(61));
    canary_world_done(cw);
}

/* Wherever the release is: nothing is set apart from then on, in the plan that decides so. */
static void a_rollback_ends_what_matches_at_once(void **state)
{
    static const char *const phases[] = {"Progressing", "Promoting"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        for (int fails = 0; fails < 2; fails++) {
            struct canary_world *cw = canary_world_start_release(SPEC("\"iterations\":3,\"match\":" TESTERS));
            until_split(cw, "[x-tester] 0:100; 100:0");
            canary_world_until(cw, phases[i], 0);
            if (fails && i == 0)
                cw->metrics.failed = 50;
            else
                canary_world_command(cw, "abort@1");
            while (cw->again != MSEC_NEVER) {
                _cleanup_free_ char *phase = NULL;
                if (!canary_world_step(cw))
                    cw->w.later = cw->again;
                phase = canary_world_status(cw, STATUS_FIELD_PHASE);
                if (str_eq(phase, "Failed"))
                    break;
            }
            canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
            expect_split(cw, "100:0");
            canary_world_expect_image(cw, APP "-primary", "app:1");
            canary_world_done(cw);
        }
}

static json_t *step_of(struct canary_world *cw)
{
    _cleanup_json_ json_t *canary = canary_world_view(cw, KIND_CANARY, APP);

    return json_incref(doc_at(canary, "status", STATUS_FIELD_STEP));
}

/* The status says what is intended, then the route follows, then the time of the step begins. */
static void a_step_begins_when_its_route_is_seen(void **state)
{
    struct canary_world *cw = canary_world_start_release(SPEC("\"steps\":[{\"weight\":10},{\"match\":" TESTERS "}]"));
    json_t *step;

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    cw->holds_back = true;
    canary_world_rest(cw, SECONDS(120));
    expect_split(cw, "90:10");
    step = step_of(cw);
    assert_int_equal(doc_int(doc_at(step, "match"), 0), 100);
    assert_null(doc_at(step, "since"));
    json_decref(step);
    cw->holds_back = false;
    until_split(cw, "[x-tester] 0:100; 90:10");
    canary_world_step(cw);
    step = step_of(cw);
    assert_non_null(doc_at(step, "since"));
    json_decref(step);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

#define MATCHED(match) SPEC("\"steps\":[{\"match\":" match "},{\"weight\":10}]")

/* In the middle of the first step, which others match than before. */
static struct canary_world *start_edited(void)
{
    struct canary_world *cw = canary_world_start_release(MATCHED(TESTERS));

    until_split(cw, "[x-tester] 0:100; 100:0");
    canary_world_rest(cw, SECONDS(6));
    canary_world_put(cw, MATCHED(INSIDERS));
    return cw;
}

/* They are measured for as long as those that matched before. */
static void a_step_whose_match_is_edited_is_measured_anew(void **state)
{
    struct canary_world *cw = start_edited();
    msec_t began;

    (void)state;
    until_split(cw, "[cookie] [app] 0:100; 100:0");
    began = cw->w.later;
    canary_world_until(cw, "Progressing", 10);
    assert_true(cw->w.later - began >= SECONDS(10));
    expect_split(cw, "[cookie] [app] 0:100; 90:10");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* As long as they do not get there: what is measured is of the others. */
static void a_step_ends_with_no_check_of_who_matched_before(void **state)
{
    struct canary_world *cw = start_edited();

    (void)state;
    cw->holds_back = true;
    canary_world_rest(cw, SECONDS(120));
    expect_split(cw, "[x-tester] 0:100; 100:0");
    canary_world_expect(cw, STATUS_FIELD_REASON, "Routing");
    cw->metrics.failed = 50;
    canary_world_rest(cw, SECONDS(30));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    cw->holds_back = false;
    until_split(cw, "100:0");
    canary_world_done(cw);
}

/* The route follows it before the status says so; an edit that comes then gives nobody the bad version back. */
static void a_verdict_stands_though_the_match_is_edited(void **state)
{
    struct canary_world *cw = canary_world_start_release(MATCHED(TESTERS));
    json_t *before = NULL, *since = NULL;

    (void)state;
    until_split(cw, "[x-tester] 0:100; 100:0");
    cw->metrics.failed = 50;
    for (int i = 0; i < STEPS_MAX && !since; i++) {
        _cleanup_free_ char *split = NULL;
        json_decref(before);
        before = canary_world_view(cw, KIND_CANARY, APP);
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
        split = split_of(cw);
        since = str_eq(split, "100:0") ? doc_at(before, "status", STATUS_FIELD_STEP, "since") : NULL;
    }
    assert_non_null(since);
    json_object_set_new(before, "spec", json_loads(MATCHED(INSIDERS), 0, NULL));
    world_put_as(&cw->w, mesh_kind(KIND_CANARY), json_incref(before));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
    canary_world_step(cw);
    expect_split(cw, "100:0");
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Failed");
    json_decref(before);
    canary_world_done(cw);
}

/* What matched in a step that is gone is not told apart any more, and the release goes on. */
static void steps_that_are_edited_in_the_middle_come_to_an_end(void **state)
{
    static const struct {
        const char *spec, *split;
    } edits[] = {
        {SPEC("\"steps\":[{\"weight\":10},{\"weight\":60}]"), "90:10"},
        {SPEC("\"stepWeights\":[5,40]"), "60:40"},
        {SPEC("\"steps\":[{\"match\":" INSIDERS "},{\"weight\":60}]"), "[cookie] [app] 0:100; 100:0"},
        {SPEC("\"iterations\":2,\"match\":" INSIDERS), "[cookie] [app] 0:100; 100:0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        struct canary_world *cw =
            canary_world_start_release(SPEC("\"steps\":[{\"match\":" TESTERS "},{\"weight\":10},{\"weight\":50}]"));
        until_split(cw, "[x-tester] 0:100; 100:0");
        canary_world_put(cw, edits[i].spec);
        until_split(cw, edits[i].split);
        canary_world_until(cw, "Succeeded", 0);
        canary_world_done(cw);
    }
}

static void what_matches_is_given_back_from_every_phase(void **state)
{
    static const char *const phases[] = {"Progressing", "Promoting", "Finalising", "Succeeded"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        struct canary_world *cw = canary_world_start_release(SPEC("\"iterations\":3,\"match\":" TESTERS));
        until_split(cw, "[x-tester] 0:100; 100:0");
        canary_world_until(cw, phases[i], 0);
        canary_world_delete(cw);
        expect_split(cw, "");
        assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
        canary_world_done(cw);
    }
}

/* Also where the weight stays: other requests get to the new version. */
static void webhooks_confirm_what_matches(void **state)
{
    struct canary_world *cw = canary_world_start_release(
        SPEC("\"webhooks\":[{\"name\":\"gate\",\"type\":\"confirm-traffic-increase\",\"url\":\"" HOOKS_URL
             "gate\"}],\"iterations\":1,\"match\":" TESTERS));

    (void)state;
    canary_world_hook(cw, "gate")->status = 403;
    canary_world_rest(cw, SECONDS(300));
    expect_split(cw, "100:0");
    canary_world_expect(cw, STATUS_FIELD_REASON, "ConfirmTrafficIncrease");
    canary_world_hook(cw, "gate")->status = 200;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* --- clients that stay --- */

#define STICKY "\"stepWeights\":[10,50],\"sessionAffinity\":{\"cookieName\":\"shop\"}"

static void clients_stay_while_the_weight_grows(void **state)
{
    static const struct {
        const char *spec, *rest, *log;
    } cases[] = {
        {SPEC(STICKY),
         "[cookie] 100*:0; 100:0",
         "Progressing [cookie] 0:100; 90:10*\n"
         "Progressing [cookie] 0:100; 50:50*\n"
         "Promoting [cookie] 0:100; 50:50*\n"},
        {SPEC("\"stepWeights\":[20],\"sessionAffinity\":{\"cookieName\":\"c\",\"primaryCookieName\":\"p\"}"),
         "[cookie] 100*:0; 100:0",
         "Progressing [cookie] 0:100; [cookie] 100:0; 80*:20*\n"
         "Promoting [cookie] 0:100; [cookie] 100:0; 80*:20*\n"},
        {SPEC("\"steps\":[{\"match\":" TESTERS "},{\"weight\":20}],\"sessionAffinity\":{\"cookieName\":\"c\","
              "\"primaryCookieName\":\"p\"}"),
         "[cookie] 100*:0; 100:0",
         "Progressing [x-tester] 0:100; [cookie] 100*:0; 100:0\n"
         "Progressing [cookie] 0:100; [x-tester] 0:100; [cookie] 100:0; 80*:20*\n"
         "Promoting [cookie] 0:100; [x-tester] 0:100; [cookie] 100:0; 80*:20*\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_life(cases[i].spec, cases[i].rest, cases[i].log);
}

/* The header of the route for all, of that destination; owned by the caller. */
static char *cookie_of(struct canary_world *cw, size_t destination)
{
    _cleanup_json_ json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    const json_t *http = doc_at(route, "spec", "http"), *last = json_array_get(http, json_array_size(http) - 1);
    const json_t *to = json_array_get(doc_at(last, "route"), destination);

    return str_dup(str_or(doc_string(to, "headers", "response", "add", "Set-Cookie"), ""));
}

/* Its conditions; owned by the caller. */
static char *sticky_of(struct canary_world *cw)
{
    _cleanup_json_ json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    const json_t *first = json_array_get(doc_at(route, "spec", "http"), 0);

    return str_dup(str_or(doc_string(json_array_get(doc_at(first, "match"), 0), "headers", "cookie", "regex"), ""));
}

/* The one that is given is the one by which clients stay; a restart and a greater weight change neither. */
static void a_cookie_is_of_one_release(void **state)
{
    struct canary_world *cw = canary_world_start_release(
        SPEC("\"stepWeights\":[10,50],\"sessionAffinity\":{\"cookieName\":\"shop\",\"primaryCookieName\":\"old\","
             "\"maxAge\":60,\"domain\":\"shop.example\",\"path\":\"/a\",\"secure\":true,\"httpOnly\":true,"
             "\"sameSite\":\"None\",\"partitioned\":true}"));
    _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL, *sticky = NULL, *value = NULL, *expected = NULL;
    _cleanup_free_ char *old_first = NULL, *old_second = NULL;

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    first = cookie_of(cw, 1);
    old_first = cookie_of(cw, 0);
    sticky = sticky_of(cw);
    value = str_dup_n(first, strcspn(first, ";"));
    assert_int_equal(strlen(value), strlen("shop=") + 16);
    expected =
        str_printf("%s; Path=/a; Max-Age=60; Domain=shop.example; HttpOnly; Secure; Partitioned; SameSite=None", value);
    assert_string_equal(first, expected);
    str_replace(&expected, NULL);
    expected = str_printf("(.*; *)?%s(;.*)?", value);
    assert_string_equal(sticky, expected);
    canary_world_forget(cw);
    canary_world_until(cw, "Progressing", 50);
    second = cookie_of(cw, 1);
    old_second = cookie_of(cw, 0);
    assert_string_equal(second, first);
    assert_string_not_equal(old_second, old_first);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    canary_world_command(cw, "retry@2");
    canary_world_until(cw, "Progressing", 10);
    third = cookie_of(cw, 1);
    assert_string_not_equal(third, first);
    canary_world_done(cw);
}

/* Neither while it is rolled back nor later; a client's cookie is taken back. */
static void a_cookie_leads_nowhere_when_its_release_has_ended(void **state)
{
    struct canary_world *cw = canary_world_start_release(SPEC(STICKY));
    _cleanup_free_ char *sticky = NULL;
    _cleanup_json_ json_t *route = NULL;
    const json_t *first;

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_command(cw, "abort@1");
    canary_world_step(cw);
    expect_split(cw, "[cookie] 100*:0; 100:0");
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(120));
    expect_split(cw, "[cookie] 100*:0; 100:0");
    sticky = sticky_of(cw);
    assert_string_equal(sticky, "(.*; *)?shop=[^;]*(;.*)?");
    route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    first = json_array_get(doc_at(json_array_get(doc_at(route, "spec", "http"), 0), "route"), 0);
    assert_string_equal(doc_string(first, "headers", "response", "add", "Set-Cookie"), "shop=; Path=/; Max-Age=0");
    canary_world_done(cw);
}

/* Istio 1.0 gives no headers to one destination: nothing is released by weights alone, which were not asked for. */
static void an_old_mesh_gives_no_cookies(void **state)
{
    struct canary_world *cw = canary_world_start(SPEC(STICKY));

    (void)state;
    world_put_mesh(&cw->w, "{\"version\":\"1.0.5\"}");
    canary_world_until(cw, "Initialized", 0);
    expect_split(cw, "100:0");
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(300));
    canary_world_expect(cw, STATUS_FIELD_REASON, "NotSupported");
    canary_world_done(cw);
}

/* --- what is refused --- */

static void what_cannot_be_is_refused_with_its_path(void **state)
{
    static const struct {
        const char *spec, *path; /* NULL: it is taken */
    } cases[] = {
        {SPEC("\"iterations\":3,\"match\":" INSIDERS), NULL},
        {SPEC("\"iterations\":0,\"stepWeight\":10"), NULL},
        {SPEC("\"iterations\":3,\"stepWeight\":10"), "spec.analysis.iterations"},
        {SPEC("\"iterations\":3,\"steps\":[{\"weight\":1}]"), "spec.analysis.steps"},
        {SPEC("\"stepWeight\":10,\"match\":" TESTERS), "spec.analysis.match"},
        {SPEC("\"iterations\":3,\"mirror\":true,\"match\":" TESTERS), "spec.analysis.mirror"},
        {SPEC("\"iterations\":3,\"match\":[{}]"), "spec.analysis.match[0]"},
        {SPEC("\"iterations\":3,\"match\":[{\"uri\":{\"prefix\":\"/\"}}]"), "spec.analysis.match[0].uri"},
        {SPEC("\"iterations\":3,\"match\":[{\"headers\":{\"x\":{\"exact\":\"a\",\"prefix\":\"b\"}}}]"),
         "spec.analysis.match[0].headers.x"},
        {SPEC("\"iterations\":3,\"match\":[{\"headers\":{\"x\":{\"regex\":\"a(b\"}}}]"),
         "spec.analysis.match[0].headers.x.regex"},
        {SPEC("\"iterations\":3,\"match\":[{\"headers\":{\"X\":{\"exact\":\"a\"}}}]"),
         "spec.analysis.match[0].headers.X"},
        {SPEC("\"stepWeight\":10,\"sessionAffinity\":{\"maxAge\":1}"), "spec.analysis.sessionAffinity.cookieName"},
        {SPEC("\"stepWeight\":10,\"sessionAffinity\":{\"cookieName\":\"a;b\"}"),
         "spec.analysis.sessionAffinity.cookieName"},
        {SPEC("\"stepWeight\":10,\"sessionAffinity\":{\"cookieName\":\"a\",\"primaryCookieName\":\"a\"}"),
         "spec.analysis.sessionAffinity"},
        {SPEC("\"stepWeight\":10,\"sessionAffinity\":{\"cookieName\":\"a\",\"sameSite\":\"None\"}"),
         "spec.analysis.sessionAffinity"},
        {SPEC("\"steps\":[{\"match\":" TESTERS ",\"weight\":0}]"), "spec.analysis.steps[0]"},
        {SPEC("\"steps\":[{\"match\":" TESTERS ",\"mirror\":5}]"), "spec.analysis.steps[0]"},
        {SPEC_WITH(
             ",\"match\":[{\"headers\":{\"x-tester\":{\"exact\":\"no\"}}}]", "\"steps\":[{\"match\":" TESTERS "}]"),
         "spec.analysis.steps[0].match[0].headers.x-tester"},
        {SPEC_WITH(",\"match\":[{\"headers\":{\"cookie\":{\"regex\":\".*a.*\"}}}]", STICKY),
         "spec.service.match[0].headers.cookie"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_canary_spec_ struct canary_spec *spec = NULL;
        _cleanup_buf_ struct buf text = BUF_INIT;
        _cleanup_json_ json_t *resource = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Canary"),
            MAP("metadata", STRING("name", APP), STRING("namespace", APP_NS)),
            VALUE("spec", json_loads(cases[i].spec, 0, NULL)));
        canary_parse(resource, NULL, &spec, &problems);
        problems_text(&problems, PROBLEM_ERROR, "; ", &text);
        if (cases[i].path ? !problems_error_at(&problems, cases[i].path) : problems.errors)
            fail_msg("%s: %s", cases[i].spec, buf_str(&text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_match_are_released_to_step_by_step),
        cmocka_unit_test(iterations_take_their_time),
        cmocka_unit_test(a_rollback_ends_what_matches_at_once),
        cmocka_unit_test(a_step_begins_when_its_route_is_seen),
        cmocka_unit_test(a_step_whose_match_is_edited_is_measured_anew),
        cmocka_unit_test(a_step_ends_with_no_check_of_who_matched_before),
        cmocka_unit_test(a_verdict_stands_though_the_match_is_edited),
        cmocka_unit_test(steps_that_are_edited_in_the_middle_come_to_an_end),
        cmocka_unit_test(what_matches_is_given_back_from_every_phase),
        cmocka_unit_test(webhooks_confirm_what_matches),
        cmocka_unit_test(clients_stay_while_the_weight_grows),
        cmocka_unit_test(a_cookie_is_of_one_release),
        cmocka_unit_test(a_cookie_leads_nowhere_when_its_release_has_ended),
        cmocka_unit_test(an_old_mesh_gives_no_cookies),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
