#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "kube/schedule.h"

static const struct kube_kind rows[] = {
    {.kind = "Service", .plural = "services", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true},
    {.kind = "Istio", .plural = "istios", .group = "example.com", .versions = {{"v1", 0, 0}}, .namespaced = true},
};

static bool put_as(struct kube_schedule *s, msec_t now, enum kube_verb verb, const char *name, const char *reason)
{
    struct kube_action a = {.verb = verb,
                            .kind = &rows[0],
                            .version = str_dup("v1"),
                            .ns = str_dup("ns"),
                            .name = str_dup(name),
                            .body = str_dup("{}"),
                            .reason = str_dup(reason)};

    return kube_schedule_put(s, now, &a);
}

static bool put(struct kube_schedule *s, msec_t now, const char *name)
{
    return put_as(s, now, KUBE_UPDATE, name, "");
}

static const struct kube_action *expect_next(struct kube_schedule *s, msec_t now, const char *name)
{
    const struct kube_action *a = kube_schedule_next(s, now);

    if (!str_eq(a ? a->name : NULL, name))
        fail_msg("%s is sent and not %s", a ? a->name : "nothing", str_or(name, "nothing"));
    return a;
}

static void finish_after(struct kube_schedule *s, msec_t now, const struct kube_action *a, enum err_class outcome,
                         msec_t retry_after)
{
    struct kube_action done = kube_schedule_finish(s, now, 0, a, outcome, retry_after);

    kube_action_release(&done);
}

static void finish(struct kube_schedule *s, msec_t now, const struct kube_action *a, enum err_class outcome)
{
    finish_after(s, now, a, outcome, 0);
}

#define SCHEDULE(...)                                                                                                  \
    _cleanup_kube_schedule_ struct kube_schedule *s = kube_schedule_new(&(struct kube_queue_options){__VA_ARGS__});

static void objects_are_served_in_order_and_capped(void **state)
{
    SCHEDULE(.in_flight_max = 2)
    const struct kube_action *a;

    (void)state;
    put(s, 0, "a");
    put(s, 0, "b");
    put(s, 0, "c");
    assert_int_equal(kube_schedule_waiting(s), 3);
    a = expect_next(s, 0, "a");
    expect_next(s, 0, "b");
    expect_next(s, 0, NULL);
    assert_int_equal(kube_schedule_in_flight(s), 2);
    finish(s, 0, a, ERR_NONE);
    expect_next(s, 0, "c");
    assert_int_equal(kube_schedule_waiting(s), 0);
}

static void one_action_an_object_is_under_way(void **state)
{
    SCHEDULE()
    const struct kube_action *a;

    (void)state;
    put_as(s, 0, KUBE_UPDATE, "a", "first");
    a = expect_next(s, 0, "a");
    put_as(s, 0, KUBE_UPDATE, "a", "second");
    put_as(s, 0, KUBE_REMOVE, "a", "third");
    assert_int_equal(kube_schedule_waiting(s), 1);
    expect_next(s, 0, NULL);
    finish(s, 0, a, ERR_NONE);
    a = expect_next(s, 0, "a");
    assert_string_equal(a->reason, "third");
    assert_int_equal(a->verb, KUBE_REMOVE);
}

static void a_status_does_not_take_the_place_of_its_object(void **state)
{
    SCHEDULE()
    const struct kube_action *a;

    (void)state;
    put_as(s, 0, KUBE_UPDATE, "a", "");
    put_as(s, 0, KUBE_UPDATE_STATUS, "a", "");
    a = expect_next(s, 0, "a");
    assert_int_equal(a->verb, KUBE_UPDATE);
    expect_next(s, 0, NULL);
    finish(s, 0, a, ERR_NONE);
    a = expect_next(s, 0, "a");
    assert_int_equal(a->verb, KUBE_UPDATE_STATUS);
}

static void same_names_of_other_kinds_are_other_objects(void **state)
{
    SCHEDULE()
    struct kube_action a = {.kind = &rows[1], .name = str_dup("a"), .ns = str_dup("ns")};

    (void)state;
    put(s, 0, "a");
    assert_true(kube_schedule_put(s, 0, &a));
    expect_next(s, 0, "a");
    expect_next(s, 0, "a");
}

static void a_failed_object_is_held_back_longer_and_longer(void **state)
{
    SCHEDULE(.backoff_first = 100, .backoff_most = 1000)
    static const msec_t delays[] = {100, 200, 400, 800, 1000, 1000};
    const struct kube_action *a;
    msec_t now = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        assert_true(put(s, now, "a"));
        a = expect_next(s, now, "a");
        put(s, now, "a"); /* dropped by the failure */
        finish(s, now, a, ERR_INVALID);
        assert_int_equal(kube_schedule_waiting(s), 0);
        assert_false(put(s, now + delays[i] - 1, "a"));
        assert_int_equal(kube_schedule_due(s), now + delays[i]);
        assert_false(kube_schedule_wake(s, now + delays[i] - 1));
        now += delays[i];
        assert_true(kube_schedule_wake(s, now));
        assert_false(kube_schedule_wake(s, now));
        assert_true(kube_schedule_due(s) == MSEC_NEVER);
    }
    /* Others are not concerned. */
    assert_true(put(s, now, "b"));
    finish(s, now, expect_next(s, now, "b"), ERR_NONE);
    /* Success forgets it. */
    put(s, now, "a");
    finish(s, now, expect_next(s, now, "a"), ERR_NONE);
    put(s, now, "a");
    finish(s, now, expect_next(s, now, "a"), ERR_UNAVAILABLE);
    assert_int_equal(kube_schedule_due(s), now + 100);
}

/* A write of the object "a" with this verb and content, of the object with this uid. */
static struct kube_action write_of(enum kube_verb verb, const char *uid, uint64_t content)
{
    return (struct kube_action){.verb = verb,
                                .kind = &rows[0],
                                .ns = str_dup("ns"),
                                .name = str_dup("a"),
                                .uid = str_dup(uid),
                                .wish = 1,
                                .content = content};
}

/* Whether it is taken; finished with this outcome if so. The schedule said before what it would do. */
static bool try_write(struct kube_schedule *s, msec_t now, struct kube_action a, enum err_class outcome,
                      msec_t retry_after)
{
    bool holds = kube_schedule_holds(s, now, &a), taken = kube_schedule_put(s, now, &a);

    assert_true(holds != taken);
    if (taken)
        finish_after(s, now, expect_next(s, now, "a"), outcome, retry_after);
    return taken;
}

static void what_was_refused_is_held_back_and_not_what_is_different(void **state)
{
    static const enum err_class outcomes[] = {ERR_INVALID,        ERR_FORBIDDEN,   ERR_CONFLICT,
                                              ERR_ALREADY_EXISTS, ERR_UNAVAILABLE, ERR_TIMEOUT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        SCHEDULE()
        assert_true(try_write(s, 0, write_of(KUBE_UPDATE, "u", 7), outcomes[i], 0));
        assert_false(try_write(s, 1, write_of(KUBE_UPDATE, "u", 7), ERR_NONE, 0));
        assert_true(kube_schedule_busy(s, 1, &rows[0], "ns", "a"));
        assert_false(kube_schedule_is_under_way(s, &rows[0], "ns", "a"));
        /* The object changed, and is refused again: then that is held back. */
        assert_true(try_write(s, 1, write_of(KUBE_UPDATE, "u", 8), outcomes[i], 0));
        assert_false(try_write(s, 2, write_of(KUBE_UPDATE, "u", 8), ERR_NONE, 0));
        /* It was deleted and made by another. */
        assert_true(try_write(s, 2, write_of(KUBE_UPDATE, "v", 8), outcomes[i], 0));
        /* It is gone. */
        assert_true(try_write(s, 3, write_of(KUBE_CREATE, NULL, 7), ERR_NONE, 0));
        assert_false(kube_schedule_busy(s, 3, &rows[0], "ns", "a"));
        assert_true(try_write(s, 3, write_of(KUBE_UPDATE, "u", 7), ERR_NONE, 0));
    }
}

static void what_is_different_is_held_back_where_the_server_asked_to_wait(void **state)
{
    SCHEDULE()

    (void)state;
    assert_true(try_write(s, 0, write_of(KUBE_UPDATE, "u", 7), ERR_THROTTLED, 5000));
    assert_false(try_write(s, 4999, write_of(KUBE_CREATE, NULL, 8), ERR_NONE, 0));
    kube_schedule_wake(s, 5000);
    assert_true(try_write(s, 5000, write_of(KUBE_CREATE, NULL, 8), ERR_NONE, 0));
}

/* Refusals of ever other contents are held back longer and longer, too, each of them. */
static void a_change_does_not_make_the_server_any_more_patient(void **state)
{
    SCHEDULE(.backoff_first = 100, .backoff_most = 1000)

    (void)state;
    for (uint64_t content = 1; content < 9; content++)
        assert_true(try_write(s, 0, write_of(KUBE_UPDATE, "u", content), ERR_INVALID, 0));
    assert_false(try_write(s, 999, write_of(KUBE_UPDATE, "u", 8), ERR_NONE, 0));
    assert_true(try_write(s, 1000, write_of(KUBE_UPDATE, "u", 8), ERR_NONE, 0));
}

static void a_conflict_is_tried_again_soon(void **state)
{
    SCHEDULE(.backoff_first = 500)

    (void)state;
    put(s, 0, "a");
    finish(s, 0, expect_next(s, 0, "a"), ERR_CONFLICT);
    assert_int_equal(kube_schedule_due(s), 50);
}

/* What an object that was deleted just now held, as a Service its ports, is free in a moment. */
static void a_refused_create_is_tried_again_soon_and_a_refused_update_is_not(void **state)
{
    SCHEDULE(.backoff_first = 500)

    (void)state;
    assert_true(try_write(s, 0, write_of(KUBE_CREATE, NULL, 7), ERR_INVALID, 0));
    assert_int_equal(kube_schedule_due(s), 50);
    assert_true(kube_schedule_wake(s, 50));
    /* Less and less soon, as after other failures. */
    assert_true(try_write(s, 50, write_of(KUBE_CREATE, NULL, 7), ERR_INVALID, 0));
    assert_int_equal(kube_schedule_due(s), 150);
    kube_schedule_free(s);
    s = kube_schedule_new(&(struct kube_queue_options){.backoff_first = 500});
    assert_true(try_write(s, 0, write_of(KUBE_UPDATE, "u", 7), ERR_INVALID, 0));
    assert_int_equal(kube_schedule_due(s), 500);
}

static void too_many_requests_pauses_everything(void **state)
{
    SCHEDULE(.in_flight_max = 2)
    const struct kube_action *a;

    (void)state;
    put(s, 0, "a");
    put(s, 0, "b");
    put(s, 0, "c");
    a = expect_next(s, 0, "a");
    expect_next(s, 0, "b");
    finish_after(s, 0, a, ERR_THROTTLED, 7000);
    expect_next(s, 6999, NULL);
    assert_true(put(s, 10, "d"));
    assert_false(put(s, 10, "a"));
    assert_int_equal(kube_schedule_due(s), 7000);
    assert_true(kube_schedule_wake(s, 7000));
    expect_next(s, 7000, "c");
    expect_next(s, 7000, NULL);
}

static void a_servers_word_does_not_stop_us_for_good(void **state)
{
    SCHEDULE()

    (void)state;
    put(s, 0, "a");
    finish_after(s, 0, expect_next(s, 0, "a"), ERR_THROTTLED, SECONDS(1000000));
    assert_int_equal(kube_schedule_due(s), SECONDS(300));
}

static void while_held_puts_wait(void **state)
{
    SCHEDULE()

    (void)state;
    kube_schedule_hold(s, true);
    assert_true(put(s, 0, "a"));
    expect_next(s, 0, NULL);
    kube_schedule_hold(s, false);
    expect_next(s, 0, "a");
}

/* What wants `wish` of the object "a", written immediately. False where that is held back. */
static bool write_wish(struct kube_schedule *s, msec_t now, enum kube_verb verb, uint64_t wish)
{
    struct kube_action a = {.verb = verb, .kind = &rows[0], .ns = str_dup("ns"), .name = str_dup("a"), .wish = wish};

    if (!kube_schedule_put(s, now, &a))
        return false;
    finish(s, now, expect_next(s, now, "a"), ERR_NONE);
    return true;
}

/* Writes 1 + KUBE_REPEATS_AT_ONCE times, a tenth of a second apart; the time after that. */
static msec_t write_often(struct kube_schedule *s, msec_t now)
{
    for (int i = 0; i <= KUBE_REPEATS_AT_ONCE; i++, now += 100)
        assert_true(write_wish(s, now, KUBE_CREATE, 1));
    return now;
}

static void what_is_undone_again_and_again_is_written_more_slowly(void **state)
{
    SCHEDULE(.backoff_first = 1000, .backoff_most = 3000)
    static const msec_t delays[] = {1000, 2000, 3000, 3000};
    msec_t now;

    (void)state;
    now = write_often(s, 0);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        assert_true(write_wish(s, now, KUBE_CREATE, 1));
        assert_true(kube_schedule_busy(s, now, &rows[0], "ns", "a"));
        assert_false(write_wish(s, now + delays[i] - 1, KUBE_CREATE, 1));
        assert_int_equal(kube_schedule_due(s), now + delays[i]);
        now += delays[i];
        assert_true(kube_schedule_wake(s, now));
    }
}

static void what_is_undone_is_written_immediately_where_something_else_is_desired(void **state)
{
    SCHEDULE()
    msec_t now;

    (void)state;
    now = write_often(s, 0);
    assert_true(write_wish(s, now, KUBE_CREATE, 1));
    assert_false(write_wish(s, now, KUBE_CREATE, 1));
    /* That another client deletes it each time, or makes it again, is the reason to be slow. */
    assert_false(write_wish(s, now, KUBE_UPDATE, 1));
    assert_true(write_wish(s, now, KUBE_CREATE, 2));
}

static void the_answer_says_how_often_it_was_written(void **state)
{
    SCHEDULE()

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct kube_action done;
        put(s, 0, "a");
        done = kube_schedule_finish(s, 0, 0, expect_next(s, 0, "a"), ERR_NONE, 0);
        assert_int_equal(done.repeats, i);
        kube_action_release(&done);
    }
}

static void something_else_that_is_desired_is_no_repetition(void **state)
{
    SCHEDULE()

    (void)state;
    for (uint64_t wish = 1; wish < 50; wish++)
        assert_true(write_wish(s, 0, KUBE_UPDATE, wish));
    for (uint64_t i = 0; i < 50; i++)
        assert_true(write_wish(s, 0, i % 2 ? KUBE_CREATE : KUBE_REMOVE, i % 2));
}

static void what_lasted_is_no_repetition_and_is_forgotten(void **state)
{
    SCHEDULE()
    msec_t now;

    (void)state;
    now = write_often(s, 0) - 100; /* the last one's time */
    assert_int_equal(kube_schedule_due(s), now + KUBE_REPEAT_WITHIN + 1);
    now += KUBE_REPEAT_WITHIN + 1;
    assert_false(kube_schedule_wake(s, now));
    assert_int_equal(kube_schedule_due(s), MSEC_NEVER);
    write_often(s, now);
}

static void back_off_can_be_forgotten(void **state)
{
    SCHEDULE()

    (void)state;
    put(s, 0, "a");
    finish(s, 0, expect_next(s, 0, "a"), ERR_UNAVAILABLE);
    assert_false(put(s, 1, "a"));
    kube_schedule_reset_backoff(s);
    assert_int_equal(kube_schedule_due(s), 0);
    assert_true(kube_schedule_wake(s, 1));
    assert_true(put(s, 1, "a"));
}

static void what_waits_can_be_dropped(void **state)
{
    SCHEDULE(.in_flight_max = 1)
    const struct kube_action *a;

    (void)state;
    put(s, 0, "a");
    put(s, 0, "b");
    a = expect_next(s, 0, "a");
    put(s, 0, "a");
    kube_schedule_drop_waiting(s, NULL);
    assert_int_equal(kube_schedule_waiting(s), 0);
    finish(s, 0, a, ERR_NONE);
    expect_next(s, 0, NULL);
    put(s, 0, "b");
    expect_next(s, 0, "b");
}

static bool put_for(struct kube_schedule *s, const void *owner, const char *name)
{
    struct kube_action a = {.verb = KUBE_CREATE,
                            .kind = &rows[0],
                            .version = str_dup("v1"),
                            .ns = str_dup("ns"),
                            .name = str_dup(name),
                            .body = str_dup("{}"),
                            .reason = str_dup("new"),
                            .owner = owner};

    return kube_schedule_put(s, 0, &a);
}

static void what_others_have_in_the_queue_is_not_dropped(void **state)
{
    SCHEDULE(.in_flight_max = 1)
    int one, other;

    (void)state;
    kube_schedule_hold(s, true);
    put_for(s, &one, "a");
    put_for(s, &other, "b");
    kube_schedule_drop_waiting(s, &one);
    kube_schedule_hold(s, false);
    expect_next(s, 0, "b");
    assert_int_equal(kube_schedule_waiting(s), 0);
}

static void it_is_stopped_while_held_and_while_the_server_asked_for_a_pause(void **state)
{
    SCHEDULE(.in_flight_max = 1)

    (void)state;
    assert_false(kube_schedule_is_stopped(s, 0));
    kube_schedule_hold(s, true);
    assert_true(kube_schedule_is_stopped(s, 0));
    kube_schedule_hold(s, false);
    assert_false(kube_schedule_is_stopped(s, 0));
    put(s, 0, "a");
    finish(s, 0, expect_next(s, 0, "a"), ERR_THROTTLED);
    assert_true(kube_schedule_is_stopped(s, 1));
    assert_false(kube_schedule_is_stopped(s, SECONDS(120)));
}

/* Random puts and answers: never two under way for an object, never more than the cap, nothing is lost. */
static void random_traffic_keeps_the_rules(void **state)
{
    enum { CAP = 4, NAMES = 12, STEPS = 20000 };
    SCHEDULE(.in_flight_max = CAP, .backoff_first = 10, .backoff_most = 100)
    const struct kube_action *running[CAP] = {0};
    uint64_t seed = 7;
    size_t count = 0, sent = 0;
    msec_t now = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        const struct kube_action *a;
        char name[8];
        unsigned r;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        r = (unsigned)(seed >> 33);
        now += r % 7;
        snprintf(name, sizeof(name), "n%u", r / 64 % NAMES);
        if (r % 3 == 0) {
            put_as(s, now, r & 4096 ? KUBE_UPDATE_STATUS : KUBE_UPDATE, name, "");
        } else if (r % 3 == 1 && count) {
            a = running[--count];
            finish(s, now, a, r & 8192 ? ERR_NONE : r & 16384 ? ERR_CONFLICT : ERR_THROTTLED);
        }
        kube_schedule_wake(s, now);
        while ((a = kube_schedule_next(s, now))) {
            assert_true(count < CAP);
            for (size_t i = 0; i < count; i++)
                assert_string_not_equal(running[i]->name, a->name);
            running[count++] = a;
            sent++;
        }
        assert_int_equal(kube_schedule_in_flight(s), count);
    }
    assert_true(sent > STEPS / 20);
    for (int round = 0; count || kube_schedule_waiting(s); round++) {
        const struct kube_action *a;
        assert_true(round < 100);
        while (count)
            finish(s, now, running[--count], ERR_NONE);
        now += 1000;
        while ((a = kube_schedule_next(s, now)))
            running[count++] = a;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_served_in_order_and_capped),
        cmocka_unit_test(one_action_an_object_is_under_way),
        cmocka_unit_test(a_status_does_not_take_the_place_of_its_object),
        cmocka_unit_test(same_names_of_other_kinds_are_other_objects),
        cmocka_unit_test(a_failed_object_is_held_back_longer_and_longer),
        cmocka_unit_test(what_was_refused_is_held_back_and_not_what_is_different),
        cmocka_unit_test(what_is_different_is_held_back_where_the_server_asked_to_wait),
        cmocka_unit_test(a_change_does_not_make_the_server_any_more_patient),
        cmocka_unit_test(what_is_undone_is_written_immediately_where_something_else_is_desired),
        cmocka_unit_test(a_conflict_is_tried_again_soon),
        cmocka_unit_test(a_refused_create_is_tried_again_soon_and_a_refused_update_is_not),
        cmocka_unit_test(too_many_requests_pauses_everything),
        cmocka_unit_test(a_servers_word_does_not_stop_us_for_good),
        cmocka_unit_test(while_held_puts_wait),
        cmocka_unit_test(what_is_undone_again_and_again_is_written_more_slowly),
        cmocka_unit_test(the_answer_says_how_often_it_was_written),
        cmocka_unit_test(something_else_that_is_desired_is_no_repetition),
        cmocka_unit_test(what_lasted_is_no_repetition_and_is_forgotten),
        cmocka_unit_test(back_off_can_be_forgotten),
        cmocka_unit_test(what_waits_can_be_dropped),
        cmocka_unit_test(what_others_have_in_the_queue_is_not_dropped),
        cmocka_unit_test(it_is_stopped_while_held_and_while_the_server_asked_for_a_pause),
        cmocka_unit_test(random_traffic_keeps_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
