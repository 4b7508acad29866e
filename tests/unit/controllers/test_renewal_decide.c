/* Which workloads are restarted now, from data: the bounds, the failures, the windows, what the status remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/renewal.h"
#include "doc/doc.h"

/* A case has what is common, and what it changes of that. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* Sunday, 2026-11-29T12:00:00Z. */
#define NOON SECONDS(1795953600)
#define MINUTES(n) SECONDS((n)*60)
#define DELAY SECONDS(30)
#define TIMEOUT MINUTES(10)
#define TERMS .may_begin = true, .max_namespaces = 1, .delay = DELAY, .timeout = TIMEOUT

#define ITEM(ns_, name_, ...)                                                                                          \
    {                                                                                                                  \
        .kind = "Deployment", .ns = ns_, .name = name_, __VA_ARGS__                                                    \
    }
#define OUTDATED .outdated = 2, .is_complete = true
/* Restarted for the sidecars that are desired, so long ago, and not rolled out. */
#define MOVING_SINCE(ago) .outdated = 1, .restarted_at = NOON - (ago), .is_restarted = true
#define RESTED_SINCE(ago) .is_complete = true, .restarted_at = NOON - (ago), .is_restarted = true

enum { ITEMS_MAX = 6 };

struct decision {
    const char *name;
    struct renewal_terms terms;
    struct renewal_item items[ITEMS_MAX];
    const char *restarts; /* "a b": names, in order */
    const char *blocked;  /* "a:RolloutTimedOut" */
    msec_t again_after;   /* 0: not looked at */
};

static void add(struct buf *text, const char *word, const char *more)
{
    buf_printf(text, "%s%s%s%s", text->len ? " " : "", word, more ? ":" : "", str_or(more, ""));
}

static void check(const struct decision *c)
{
    struct renewal_item items[ITEMS_MAX];
    struct renewal_totals totals;
    _cleanup_buf_ struct buf restarts = BUF_INIT, blocked = BUF_INIT;
    size_t len = 0;

    memcpy(items, c->items, sizeof(items));
    while (len < ITEMS_MAX && items[len].name)
        len++;
    renewal_decide(&c->terms, items, len, NOON, &totals);
    for (size_t i = 0; i < len; i++) {
        if (items[i].restart)
            add(&restarts, items[i].name, NULL);
        if (items[i].stage == RENEWAL_BLOCKED)
            add(&blocked, items[i].name, renewal_reason_word(items[i].reason));
    }
    if (!str_eq(buf_str(&restarts), str_or(c->restarts, "")) || !str_eq(buf_str(&blocked), str_or(c->blocked, "")))
        fail_msg("%s: restarts \"%s\", blocked \"%s\"", c->name, buf_str(&restarts), buf_str(&blocked));
    if (c->again_after && totals.again_at - NOON != c->again_after)
        fail_msg("%s: again after %lld ms", c->name, (long long)(totals.again_at - NOON));
}

static void restarts_stay_within_their_bounds(void **state)
{
    static const struct decision cases[] = {
        {"one of a namespace", {TERMS}, {ITEM("x", "a", OUTDATED), ITEM("x", "b", OUTDATED)}, "a"},
        {"one namespace", {TERMS}, {ITEM("x", "a", OUTDATED), ITEM("y", "b", OUTDATED)}, "a"},
        {"two namespaces",
         {TERMS, .max_namespaces = 2},
         {ITEM("x", "a", OUTDATED), ITEM("x", "b", OUTDATED), ITEM("y", "c", OUTDATED), ITEM("z", "d", OUTDATED)},
         "a c"},
        {"what is current stays", {TERMS}, {ITEM("x", "a", .is_complete = true), ITEM("x", "b", OUTDATED)}, "b"},
        {"none while one is rolled out",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(MINUTES(1))), ITEM("x", "b", OUTDATED), ITEM("y", "c", OUTDATED)},
         NULL,
         NULL,
         MINUTES(9)},
        {"another namespace meanwhile",
         {TERMS, .max_namespaces = 2},
         {ITEM("x", "a", MOVING_SINCE(MINUTES(1))), ITEM("x", "b", OUTDATED), ITEM("y", "c", OUTDATED)},
         "c"},
        {"none while a write is under way",
         {TERMS},
         {ITEM("x", "a", OUTDATED), ITEM("x", "b", OUTDATED, .is_writing = true)},
         NULL},
        {"none during the delay, which begins when the rollout was seen complete",
         {TERMS},
         {ITEM("x", "a", RESTED_SINCE(MINUTES(2)), .known_since = NOON - MINUTES(2)), ITEM("x", "b", OUTDATED)},
         NULL,
         NULL,
         DELAY},
        {"the delay goes on",
         {TERMS},
         {ITEM(
              "x",
              "a",
              RESTED_SINCE(MINUTES(2)),
              .known_since = NOON - MINUTES(2),
              .known_complete = NOON - SECONDS(20)),
          ITEM("x", "b", OUTDATED)},
         NULL,
         NULL,
         SECONDS(10)},
        {"the delay is over",
         {TERMS},
         {ITEM(
              "x",
              "a",
              RESTED_SINCE(MINUTES(2)),
              .known_since = NOON - MINUTES(2),
              .known_complete = NOON - SECONDS(30)),
          ITEM("x", "b", OUTDATED)},
         "b"},
        {"nothing may begin", {TERMS, .may_begin = false}, {ITEM("x", "a", OUTDATED)}, NULL},
        {"it was restarted before the process ended: no second restart",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(SECONDS(1)), .outdated = 2)},
         NULL},
        {"its former Pods may still be observed",
         {TERMS},
         {ITEM("x", "a", .outdated = 1, RESTED_SINCE(SECONDS(50)))},
         NULL,
         NULL,
         SECONDS(10)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

static void what_cannot_be_restarted_is_named(void **state)
{
    (void)state;
    for (enum renewal_reason reason = RENEWAL_REFUSED; reason < RENEWAL_REASON_COUNT; reason++) {
        _cleanup_free_ char *blocked = str_printf("a:%s", renewal_reason_word(reason));
        struct decision c = {
            renewal_reason_word(reason),
            {TERMS},
            {ITEM("x", "a", OUTDATED, .obstacle = reason), ITEM("x", "b", OUTDATED)},
            "b",
            blocked};
        check(&c);
        assert_int_equal(renewal_reason_of(renewal_reason_word(reason)), reason);
        assert_non_null(renewal_reason_text(reason));
    }
    check(&(struct decision){
        "rolled out for another reason", {TERMS}, {ITEM("x", "a", .outdated = 2)}, NULL, "a:Rolling"});
    check(&(struct decision){
        "a refused one is tried again when nothing else is left",
        {TERMS},
        {ITEM("x", "a", OUTDATED, .obstacle = RENEWAL_REFUSED)},
        "a",
        "a:Refused"});
}

static void a_rollout_that_does_not_end_stops_its_namespace(void **state)
{
#define FAILED ITEM("x", "a", MOVING_SINCE(TIMEOUT))
    static const struct decision cases[] = {
        {"its namespace", {TERMS}, {FAILED, ITEM("x", "b", OUTDATED)}, NULL, "a:RolloutTimedOut"},
        {"no other", {TERMS}, {FAILED, ITEM("y", "b", OUTDATED)}, "b", "a:RolloutTimedOut"},
        {"all", {TERMS, .stops_all = true}, {FAILED, ITEM("y", "b", OUTDATED)}, NULL, "a:RolloutTimedOut"},
        {"without old Pods, where the status knows it",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(TIMEOUT), .outdated = 0, .known_since = NOON - TIMEOUT),
          ITEM("x", "b", OUTDATED)},
         NULL,
         "a:RolloutTimedOut"},
        {"a later rollout of the user's is none of ours",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(TIMEOUT), .outdated = 0), ITEM("x", "b", OUTDATED)},
         "b"},
        {"nor does it get other sidecars, beside one that does",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(MINUTES(2)), .is_restarted = false, .is_over = true),
          ITEM("x", "b", MOVING_SINCE(MINUTES(1)), .is_restarted = false)},
         "b"},
        {"it was repaired",
         {TERMS},
         {ITEM("x", "a", RESTED_SINCE(TIMEOUT), .known_since = 0), ITEM("x", "b", OUTDATED)},
         "b"},
        {"the user asks for another try",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(TIMEOUT), .retry = true), ITEM("x", "b", OUTDATED)},
         "a"},
        {"that is within the bounds",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(MINUTES(1)), .retry = true), ITEM("x", "b", OUTDATED)},
         "a"},
        {"other sidecars are desired meanwhile, with which it may end",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(TIMEOUT), .is_restarted = false, .known_since = NOON - TIMEOUT),
          ITEM("x", "b", OUTDATED)},
         "a"},
        {"it goes on with them at once, and no other one",
         {TERMS},
         {ITEM("x", "a", MOVING_SINCE(MINUTES(1)), .is_restarted = false), ITEM("x", "b", OUTDATED)},
         "a"},
        {"it is tried again before the others of its namespace",
         {TERMS},
         {ITEM("x", "0", OUTDATED), ITEM("x", "a", MOVING_SINCE(TIMEOUT), .retry = true)},
         "a"},
        {"and gets other sidecars before them",
         {TERMS},
         {ITEM("x", "0", OUTDATED),
          ITEM("x", "a", MOVING_SINCE(TIMEOUT), .is_restarted = false, .known_since = NOON - TIMEOUT)},
         "a"},
        {"it cannot be tried again, for another reason",
         {TERMS},
         {ITEM(
              "x",
              "a",
              MOVING_SINCE(TIMEOUT),
              .is_restarted = false,
              .known_since = NOON - TIMEOUT,
              .obstacle = RENEWAL_BUDGET),
          ITEM("x", "b", OUTDATED)},
         NULL,
         "a:DisruptionBudget"},
        {"its new Pods are outdated as well",
         {TERMS},
         {ITEM("x", "a", .outdated = 2, RESTED_SINCE(TIMEOUT)), ITEM("x", "b", OUTDATED)},
         "b",
         "a:StillOutdated"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

static void a_restart_that_is_undone_is_not_repeated(void **state)
{
    static const struct decision cases[] = {
        {"the annotation was removed",
         {TERMS},
         {ITEM("x", "a", OUTDATED, .known_since = NOON - MINUTES(1)), ITEM("x", "b", OUTDATED)},
         "b",
         "a:Reverted"},
        {"an older one came back",
         {TERMS},
         {ITEM("x", "a", OUTDATED, .restarted_at = NOON - MINUTES(60), .known_since = NOON - MINUTES(1))},
         NULL,
         "a:Reverted"},
        {"its Pods are current nevertheless",
         {TERMS},
         {ITEM("x", "a", .is_complete = true, .known_since = NOON - MINUTES(1))},
         NULL},
        {"the user asks for another try",
         {TERMS},
         {ITEM("x", "a", OUTDATED, .known_since = NOON - MINUTES(1), .retry = true)},
         "a"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

static void what_came_to_nothing_is_followed_as_long_as_it_is_so(void **state)
{
    enum { MANY = RENEWAL_FOLLOWED_MAX };
    static char names[MANY + 1][8];
    struct renewal_item items[MANY + 1] = {0};
    struct renewal renewal = {.mode = RENEWAL_AUTOMATIC, .version = "v", .since = NOON, .items = items, .len = MANY};
    const struct renewal_terms terms = {TERMS};
    _cleanup_json_ json_t *status = NULL, *again = NULL;

    (void)state;
    for (size_t i = 0; i <= MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "a%03zu", i);
        items[i] = (struct renewal_item)ITEM("x", names[i], OUTDATED, .known_since = i < MANY ? NOON - SECONDS(5) : 0);
    }
    items[0] = (struct renewal_item)ITEM(
        "x", names[0], MOVING_SINCE(TIMEOUT), .is_restarted = false, .known_since = NOON - TIMEOUT);
    renewal_decide(&terms, items, MANY - 1, NOON, &renewal.totals);
    assert_true(items[0].restart);
    /* One more, and another workload waits that was not restarted before. */
    renewal.len = MANY + 1;
    renewal_decide(&terms, items, MANY + 1, NOON, &renewal.totals);
    assert_false(items[MANY].restart);
    status = renewal_status(&renewal);
    for (size_t i = 0; i <= MANY; i++)
        items[i].known_since = 0;
    renewal_read_status(status, NOON + 1, &renewal);
    assert_true(items[0].known_since == NOON - TIMEOUT);
    for (size_t i = 1; i < MANY; i++)
        assert_true(items[i].known_since == NOON - SECONDS(5));
    renewal_decide(&terms, items, MANY + 1, NOON, &renewal.totals);
    again = renewal_status(&renewal);
    assert_true(doc_equal(status, again));
}

static void expect_events(const char *status, const struct renewal *renewal, const char *reasons)
{
    _cleanup_json_ json_t *before = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct reconcile_plan plan = {0};
    struct reconcile r = {.plan = &plan};

    assert_int_equal(doc_parse(status, strlen(status), SIZE_MAX, &before, NULL), 0);
    r.resource = before;
    renewal_tell(&r, renewal);
    for (size_t i = 0; i < plan.event_count; i++)
        add(&text, plan.events[i].reason, strstr(plan.events[i].text, "no other workload of namespace x") ? "x" : NULL);
    assert_string_equal(buf_str(&text), reasons);
    reconcile_plan_release(&plan);
}

static void users_are_told_of_its_beginning_its_end_and_what_failed(void **state)
{
#define STATUS(more) "{\"status\": {\"sidecarRenewal\": {" more "}}}"
    struct renewal_item items[] = {FAILED, ITEM("x", "b", OUTDATED)};
    const struct renewal_terms terms = {TERMS};
    struct renewal renewal = {.mode = RENEWAL_AUTOMATIC, .is_known = true, .items = items, .len = 2};

    (void)state;
    renewal_decide(&terms, items, 2, NOON, &renewal.totals);
    expect_events("{}", &renewal, "RenewingSidecars RolloutTimedOut:x");
    expect_events(STATUS("\"phase\": \"Renewing\""), &renewal, "RolloutTimedOut:x");
    expect_events(
        STATUS("\"phase\": \"Waiting\", \"blocked\": [{\"kind\": \"Deployment\", \"namespace\": \"x\","
               " \"name\": \"a\", \"reason\": \"RolloutTimedOut\"}]"),
        &renewal,
        "");
    renewal.mode = RENEWAL_REPORT;
    expect_events("{}", &renewal, "");
    renewal = (struct renewal){.mode = RENEWAL_AUTOMATIC, .is_known = true};
    expect_events(STATUS("\"phase\": \"Renewing\""), &renewal, "SidecarsRenewed");
    expect_events(STATUS("\"phase\": \"Current\""), &renewal, "");
}

static void restarts_begin_in_windows_alone(void **state)
{
    static const struct {
        const char *windows;
        bool is_in;
        msec_t change; /* after noon; 0: never */
    } cases[] = {
        {"[]", true, 0},
        {"[{\"from\": \"11:00\", \"to\": \"13:00\"}]", true, MINUTES(60)},
        {"[{\"from\": \"12:00\", \"to\": \"12:01\"}]", true, MINUTES(1)},
        {"[{\"from\": \"11:00\", \"to\": \"12:00\"}]", false, MINUTES(23 * 60)},
        {"[{\"from\": \"22:00\", \"to\": \"04:00\"}]", false, MINUTES(10 * 60)},
        {"[{\"from\": \"22:00\", \"to\": \"12:30\"}]", true, MINUTES(30)},
        {"[{\"from\": \"00:00\", \"to\": \"24:00\"}]", true, MINUTES(12 * 60)},
        {"[{\"from\": \"12:00\", \"to\": \"12:00\"}]", true, MINUTES(24 * 60)},
        {"[{\"days\": [\"Sunday\"], \"from\": \"11:00\", \"to\": \"13:00\"}]", true, MINUTES(60)},
        {"[{\"days\": [\"Monday\"], \"from\": \"11:00\", \"to\": \"13:00\"}]", false, MINUTES(23 * 60)},
        {"[{\"days\": [\"Saturday\"], \"from\": \"22:00\", \"to\": \"13:00\"}]", true, MINUTES(60)},
        {"[{\"days\": [\"Saturday\"], \"from\": \"10:00\", \"to\": \"13:00\"}]", false, MINUTES((6 * 24 - 2) * 60)},
        {"[{\"from\": \"01:00\", \"to\": \"02:00\"}, {\"from\": \"11:00\", \"to\": \"12:30\"}]", true, MINUTES(30)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *windows = NULL;
        struct renewal_terms terms = {TERMS};
        struct renewal_item item = ITEM("x", "a", OUTDATED);
        struct renewal_totals totals;
        msec_t change;
        assert_int_equal(doc_parse(cases[i].windows, strlen(cases[i].windows), SIZE_MAX, &windows, NULL), 0);
        if (renewal_in_window(windows, NOON, &change) != cases[i].is_in ||
            change != (cases[i].change ? NOON + cases[i].change : MSEC_NEVER))
            fail_msg("%s: changes after %lld ms", cases[i].windows, (long long)(change - NOON));
        terms.windows = windows;
        renewal_decide(&terms, &item, 1, NOON, &totals);
        assert_int_equal(item.restart, cases[i].is_in);
        if (!cases[i].is_in)
            assert_true(totals.again_at == change);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_stay_within_their_bounds),
        cmocka_unit_test(what_cannot_be_restarted_is_named),
        cmocka_unit_test(a_rollout_that_does_not_end_stops_its_namespace),
        cmocka_unit_test(a_restart_that_is_undone_is_not_repeated),
        cmocka_unit_test(what_came_to_nothing_is_followed_as_long_as_it_is_so),
        cmocka_unit_test(users_are_told_of_its_beginning_its_end_and_what_failed),
        cmocka_unit_test(restarts_begin_in_windows_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
