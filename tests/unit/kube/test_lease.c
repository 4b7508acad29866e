/* The lease as steps: who may write when, with the clock as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/lease.h"

#define START SECONDS(1000)
#define DURATION SECONDS(15)
#define DEADLINE SECONDS(10)
#define RETRY SECONDS(2)

static struct kube_lease *lease_new(void)
{
    return kube_lease_new(&(struct kube_lease_options){
        .ns = "ns",
        .name = "operator",
        .identity = "us",
        .duration = DURATION,
        .renew_deadline = DEADLINE,
        .retry_period = RETRY,
    });
}

#define LEASE() _cleanup_kube_lease_ struct kube_lease *l = lease_new()

/* A Lease as the server has it. */
static json_t *record(const char *holder, int seconds, int version, const char *renewed)
{
    return OBJECT(STRING("apiVersion", "coordination.k8s.io/v1"), STRING("kind", "Lease"),
                  MAP("metadata", STRING("name", "operator"), STRING("namespace", "ns"),
                      FORMAT("resourceVersion", "%d", version)),
                  MAP("spec", STRING("holderIdentity", holder), INT("leaseDurationSeconds", seconds),
                      STRING("renewTime", renewed), INT("leaseTransitions", 3)));
}

static void seen(struct kube_lease *l, msec_t now, const char *holder, int version, const char *renewed)
{
    _cleanup_json_ json_t *object = record(holder, 15, version, renewed);

    kube_lease_seen(l, now, object);
}

static void expect(struct kube_lease *l, msec_t now, enum kube_lease_step step)
{
    assert_int_equal(kube_lease_step(l, now), step);
}

static void fail_with(struct kube_lease *l, msec_t now, enum err_class class)
{
    struct err e;

    err_set(&e, class, "it failed");
    kube_lease_failed(l, now, 0, &e);
}

/* The server takes what we write. */
static void take(struct kube_lease *l, msec_t now, int version)
{
    _cleanup_free_ char *body = kube_lease_body(l, 0);
    json_t *object;

    assert_int_equal(doc_parse(body, strlen(body), SIZE_MAX, &object, NULL), 0);
    json_object_set_new(doc_make(object, "metadata"), "resourceVersion", json_sprintf("%d", version));
    /* The stamp of a renewal that comes later is another one. */
    json_object_set_new(doc_make(object, "spec"), "renewTime", json_sprintf("%d", version));
    kube_lease_answer(l, now, object);
    json_decref(object);
}

static bool may_send(const struct kube_lease *l, msec_t now)
{
    msec_t not_after;

    return kube_lease_may_send(l, now, &not_after);
}

/* The first one: there is no lease. */
static void lead_from(struct kube_lease *l, msec_t now)
{
    expect(l, now, KUBE_LEASE_READ);
    fail_with(l, now, ERR_NOT_FOUND);
    expect(l, now, KUBE_LEASE_CREATE);
    take(l, now, 10);
    assert_true(kube_lease_leads(l));
}

static void times_are_checked_against_each_other(void **state)
{
    static const struct {
        int duration, deadline, retry;
        const char *error;
    } cases[] = {
        {15, 10, 2, NULL},
        {3, 2, 1, NULL},
        {0, 10, 2, "--lease-duration 0: allowed are whole seconds from 1 to 3600"},
        {3601, 10, 2, "--lease-duration 3601: allowed are whole seconds from 1 to 3600"},
        {15, 15, 2, "--renew-deadline 15: must be less than --lease-duration, which is 15"},
        {15, -1, 2, "--renew-deadline -1: allowed are whole seconds from 1 to 3600"},
        {15, 6, 5, "--retry-period 5: 1.2 times it must be less than --renew-deadline, which is 6"},
        {15, 10, 0, "--retry-period 0: allowed are whole seconds from 1 to 3600"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int r = kube_lease_check(&(struct kube_lease_options){.duration = SECONDS(cases[i].duration),
                                                              .renew_deadline = SECONDS(cases[i].deadline),
                                                              .retry_period = SECONDS(cases[i].retry)},
                                 &e);
        assert_int_equal(r, cases[i].error ? -1 : 0);
        if (cases[i].error)
            assert_string_equal(e.text, cases[i].error);
    }
}

static void what_is_not_there_is_created(void **state)
{
    LEASE();

    (void)state;
    assert_false(may_send(l, START));
    lead_from(l, START);
    assert_true(may_send(l, START));
    assert_string_equal(kube_lease_reason(l), "there was no lease");
    assert_int_equal(kube_lease_due(l), START + RETRY);
}

static void body_has_who_and_for_how_long(void **state)
{
    LEASE();
    _cleanup_json_ json_t *foreign = record("them", 15, 7, "a"), *body = NULL;
    _cleanup_free_ char *text = NULL;

    (void)state;
    json_object_set_new(doc_make(foreign, "metadata", "labels"), "theirs", json_string("stays"));
    kube_lease_seen(l, START, foreign);
    expect(l, START + DURATION, KUBE_LEASE_UPDATE);
    text = kube_lease_body(l, 1234);
    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &body, NULL), 0);
    assert_string_equal(doc_string(body, "spec", "holderIdentity"), "us");
    assert_int_equal(doc_int(doc_at(body, "spec", "leaseDurationSeconds"), 0), 15);
    assert_int_equal(doc_int(doc_at(body, "spec", "leaseTransitions"), 0), 4);
    assert_string_equal(doc_string(body, "spec", "renewTime"), "1970-01-01T00:00:01.234000Z");
    assert_string_equal(doc_string(body, "spec", "acquireTime"), "1970-01-01T00:00:01.234000Z");
    assert_string_equal(doc_string(body, "metadata", "resourceVersion"), "7");
    assert_string_equal(doc_string(body, "metadata", "labels", "theirs"), "stays");
}

/* By the clock that saw it change: what the record itself says of times does not count. */
static void lease_of_another_runs_from_when_it_was_seen(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, "them", 1, "2001-01-01T00:00:00.000000Z");
    expect(l, START, KUBE_LEASE_WAIT);
    assert_int_equal(kube_lease_due(l), START + DURATION);
    seen(l, START + SECONDS(14), "them", 2, "2001-01-01T00:00:02.000000Z");
    expect(l, START + SECONDS(15), KUBE_LEASE_WAIT);
    assert_int_equal(kube_lease_due(l), START + SECONDS(14) + DURATION);
    /* Something else of the object changed: that is no renewal. */
    seen(l, START + SECONDS(20), "them", 3, "2001-01-01T00:00:02.000000Z");
    expect(l, START + SECONDS(29) - 1, KUBE_LEASE_WAIT);
    expect(l, START + SECONDS(29), KUBE_LEASE_UPDATE);
    take(l, START + SECONDS(29) + 5, 4);
    assert_true(kube_lease_leads(l));
    assert_string_equal(kube_lease_reason(l), "them did not renew it within 15 s");
}

static void lease_that_is_given_back_is_taken_immediately(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, "them", 1, "a");
    expect(l, START + 100, KUBE_LEASE_WAIT);
    seen(l, START + 200, NULL, 2, "b");
    expect(l, START + 200, KUBE_LEASE_UPDATE);
    take(l, START + 210, 3);
    assert_true(may_send(l, START + 210));
    assert_string_equal(kube_lease_reason(l), "it was free");
}

static void watch_that_is_faster_than_the_answer_confuses_nobody(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, NULL, 1, "a");
    expect(l, START, KUBE_LEASE_UPDATE);
    seen(l, START + 5, "us", 2, "2");
    assert_false(may_send(l, START + 5));
    take(l, START + 10, 2);
    assert_true(may_send(l, START + 10));
    assert_string_equal(kube_lease_reason(l), "it was free");
}

static void deleted_lease_is_its_holders_until_it_would_have_ended(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, "them", 1, "a");
    kube_lease_seen(l, START + SECONDS(1), NULL);
    expect(l, START + DURATION - 1, KUBE_LEASE_WAIT);
    expect(l, START + DURATION, KUBE_LEASE_CREATE);
}

static void leader_makes_its_deleted_lease_again(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    kube_lease_seen(l, START + 300, NULL);
    assert_true(may_send(l, START + 300));
    expect(l, START + 300, KUBE_LEASE_CREATE);
    take(l, START + 310, 20);
    assert_true(kube_lease_leads(l));
}

static void lost_race_is_read_and_waited_for(void **state)
{
    LEASE();
    _cleanup_json_ json_t *theirs = record("them", 15, 5, "b");

    (void)state;
    seen(l, START, NULL, 1, "a");
    expect(l, START, KUBE_LEASE_UPDATE);
    fail_with(l, START + 10, ERR_CONFLICT);
    assert_false(kube_lease_leads(l));
    expect(l, START + 10, KUBE_LEASE_READ);
    kube_lease_answer(l, START + 20, theirs);
    expect(l, START + 20, KUBE_LEASE_WAIT);
    assert_int_equal(kube_lease_due(l), START + 20 + DURATION);
}

static void renewal_counts_from_when_it_was_sent(void **state)
{
    LEASE();
    msec_t not_after;

    (void)state;
    lead_from(l, START);
    expect(l, START + RETRY, KUBE_LEASE_UPDATE);
    take(l, START + RETRY + SECONDS(4), 11);
    assert_true(kube_lease_may_send(l, START + RETRY + DEADLINE - 1, &not_after));
    assert_int_equal(not_after, START + RETRY + (DEADLINE + DURATION) / 2);
    assert_false(may_send(l, START + RETRY + DEADLINE));
}

/* Whatever is said of the time: a process that was stopped may be asked first by who wants to write. */
static void gate_closes_by_itself(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    assert_true(may_send(l, START + DEADLINE - 1));
    assert_false(may_send(l, START + DEADLINE));
    assert_true(kube_lease_leads(l));
    /* It looks before it competes. */
    expect(l, START + SECONDS(40), KUBE_LEASE_READ);
    assert_false(kube_lease_leads(l));
    assert_string_equal(kube_lease_reason(l), "not renewed within 10 s");
}

static void hanging_renewal_ends_with_the_leadership(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    expect(l, START + RETRY, KUBE_LEASE_UPDATE);
    assert_int_equal(kube_lease_timeout(l, START + RETRY), DEADLINE / 2);
    fail_with(l, START + SECONDS(7), ERR_TIMEOUT);
    assert_true(may_send(l, START + SECONDS(7)));
    /* It may have been written all the same. */
    expect(l, START + SECONDS(9), KUBE_LEASE_READ);
    assert_int_equal(kube_lease_timeout(l, START + SECONDS(9)), SECONDS(1));
    assert_int_equal(kube_lease_due(l), START + DEADLINE);
    expect(l, START + DEADLINE, KUBE_LEASE_WAIT);
    assert_false(kube_lease_leads(l));
    assert_string_equal(kube_lease_reason(l), "not renewed within 10 s: renewing it: it failed");
}

static void answer_that_comes_too_late_makes_no_leader(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    expect(l, START + RETRY, KUBE_LEASE_UPDATE);
    take(l, START + SECONDS(30), 11);
    assert_false(kube_lease_leads(l));
    assert_false(may_send(l, START + SECONDS(30)));
    expect(l, START + SECONDS(30), KUBE_LEASE_READ);
}

static void leader_whose_lease_was_taken_stops(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    seen(l, START + SECONDS(1), "them", 11, "x");
    assert_false(may_send(l, START + SECONDS(1)));
    assert_string_equal(kube_lease_reason(l), "taken by them");
    expect(l, START + SECONDS(1) + DURATION - 1, KUBE_LEASE_WAIT);
    expect(l, START + SECONDS(1) + DURATION, KUBE_LEASE_UPDATE);
}

static void what_a_slow_watch_tells_is_not_believed(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, "them", 5, "a");
    expect(l, START + DURATION, KUBE_LEASE_UPDATE);
    take(l, START + DURATION, 10);
    seen(l, START + DURATION + 5, "them", 9, "b");
    assert_true(may_send(l, START + DURATION + 5));
}

static void failed_tries_come_later_and_not_in_step(void **state)
{
    LEASE();
    struct err e;

    (void)state;
    err_set(&e, ERR_UNAVAILABLE, "nobody there");
    expect(l, START, KUBE_LEASE_READ);
    kube_lease_failed(l, START, 0, &e);
    assert_string_equal(kube_lease_error(l), "reading it: nobody there");
    assert_int_equal(kube_lease_due(l), START + RETRY);
    expect(l, START + RETRY, KUBE_LEASE_READ);
    kube_lease_failed(l, START + RETRY, UINT32_MAX, &e);
    assert_int_equal(kube_lease_due(l), START + 2 * RETRY + RETRY / 5);
}

/* Answers that never end in a namespace that is not there. */
static void namespace_that_is_missing_is_no_busy_loop(void **state)
{
    LEASE();

    (void)state;
    expect(l, START, KUBE_LEASE_READ);
    fail_with(l, START, ERR_NOT_FOUND);
    expect(l, START, KUBE_LEASE_CREATE);
    fail_with(l, START, ERR_NOT_FOUND);
    expect(l, START, KUBE_LEASE_WAIT);
    assert_int_equal(kube_lease_due(l), START + RETRY);
}

/* As of a server, or something before it, that goes on to show a version that it does not have. */
static void second_conflict_in_a_row_is_no_busy_loop(void **state)
{
    msec_t now = START + RETRY;
    LEASE();
    _cleanup_json_ json_t *renewed = record("us", 15, 11, "11");

    (void)state;
    lead_from(l, START);
    expect(l, now, KUBE_LEASE_UPDATE);
    fail_with(l, now, ERR_CONFLICT);
    expect(l, now, KUBE_LEASE_READ);
    kube_lease_answer(l, now, renewed);
    expect(l, now, KUBE_LEASE_UPDATE);
    fail_with(l, now, ERR_CONFLICT);
    expect(l, now, KUBE_LEASE_WAIT);
    expect(l, now + RETRY, KUBE_LEASE_READ);
    assert_true(kube_lease_leads(l));
}

static void end_gives_back_its_own_lease(void **state)
{
    LEASE();
    _cleanup_free_ char *body = NULL;
    _cleanup_json_ json_t *object = NULL;

    (void)state;
    lead_from(l, START);
    kube_lease_resign(l);
    assert_false(may_send(l, START));
    expect(l, START + SECONDS(5), KUBE_LEASE_WAIT);
    kube_lease_release(l, START + SECONDS(5));
    expect(l, START + SECONDS(5), KUBE_LEASE_UPDATE);
    body = kube_lease_body(l, 0);
    assert_int_equal(doc_parse(body, strlen(body), SIZE_MAX, &object, NULL), 0);
    assert_null(doc_string(object, "spec", "holderIdentity"));
    assert_int_equal(doc_int(doc_at(object, "spec", "leaseDurationSeconds"), 0), 1);
    assert_false(kube_lease_is_released(l));
    kube_lease_answer(l, START + SECONDS(5), object);
    expect(l, START + SECONDS(5), KUBE_LEASE_WAIT);
    assert_true(kube_lease_is_released(l));
}

static void end_waits_for_the_renewal_that_is_under_way(void **state)
{
    LEASE();

    (void)state;
    lead_from(l, START);
    expect(l, START + RETRY, KUBE_LEASE_UPDATE);
    kube_lease_release(l, START + RETRY);
    expect(l, START + RETRY, KUBE_LEASE_WAIT);
    assert_false(kube_lease_is_released(l));
    fail_with(l, START + RETRY, ERR_CONFLICT);
    expect(l, START + RETRY, KUBE_LEASE_READ);
}

static void end_leaves_the_lease_of_another(void **state)
{
    LEASE();

    (void)state;
    seen(l, START, "them", 1, "a");
    kube_lease_release(l, START);
    expect(l, START + DURATION, KUBE_LEASE_WAIT);
    assert_true(kube_lease_is_released(l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_checked_against_each_other),
        cmocka_unit_test(what_is_not_there_is_created),
        cmocka_unit_test(body_has_who_and_for_how_long),
        cmocka_unit_test(lease_of_another_runs_from_when_it_was_seen),
        cmocka_unit_test(lease_that_is_given_back_is_taken_immediately),
        cmocka_unit_test(watch_that_is_faster_than_the_answer_confuses_nobody),
        cmocka_unit_test(deleted_lease_is_its_holders_until_it_would_have_ended),
        cmocka_unit_test(leader_makes_its_deleted_lease_again),
        cmocka_unit_test(lost_race_is_read_and_waited_for),
        cmocka_unit_test(renewal_counts_from_when_it_was_sent),
        cmocka_unit_test(gate_closes_by_itself),
        cmocka_unit_test(hanging_renewal_ends_with_the_leadership),
        cmocka_unit_test(answer_that_comes_too_late_makes_no_leader),
        cmocka_unit_test(leader_whose_lease_was_taken_stops),
        cmocka_unit_test(what_a_slow_watch_tells_is_not_believed),
        cmocka_unit_test(failed_tries_come_later_and_not_in_step),
        cmocka_unit_test(namespace_that_is_missing_is_no_busy_loop),
        cmocka_unit_test(second_conflict_in_a_row_is_no_busy_loop),
        cmocka_unit_test(end_gives_back_its_own_lease),
        cmocka_unit_test(end_waits_for_the_renewal_that_is_under_way),
        cmocka_unit_test(end_leaves_the_lease_of_another),
    };

    return cmocka_run_group_tests_name("kube lease", tests, NULL, NULL);
}
