/*
 * Clocks that are set back, or those of another replica that is behind: what is waited for begins anew at most, and
 * nothing is left out.
 */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"

#define BACK SECONDS(3600)
#define PAUSE SECONDS(120)
#define DRAIN SECONDS(35) /* and settleSeconds */

#define ANALYSIS                                                                                                       \
    "\"analysis\":{\"interval\":\"10s\",\"threshold\":2,\"steps\":[{\"weight\":10},{\"pause\":\"2m\"},"                \
    "{\"weight\":50}],\"metrics\":[{\"name\":\"request-success-rate\",\"interval\":\"10s\",\"thresholdRange\":{"       \
    "\"min\":99}}]"
#define SPEC "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80}," ANALYSIS "}}"

/* When things happened, by a clock that goes on. */
struct times {
    msec_t half, drained, end; /* the step of 50 %; the target has no Pods any more; all is at its end */
    int steps;
};

static void go_on(struct canary_world *cw, struct times *t, int back_at)
{
    if (t->steps++ == back_at)
        cw->clock -= BACK;
    if (canary_world_step(cw))
        return;
    assert_true(cw->again != MSEC_NEVER);
    cw->w.later = cw->again;
}

static bool has_phase(struct canary_world *cw, const char *phase)
{
    _cleanup_free_ char *is = canary_world_status(cw, STATUS_FIELD_PHASE);

    return str_eq(is, phase);
}

/* A Canary from its creation to the end of a release; the clock is set back at that step (below 0: never). */
static struct times live(int back_at)
{
    struct canary_world *cw = canary_world_start(SPEC);
    struct times t = {0};
    msec_t ten = 0, returned = 0;

    while (!has_phase(cw, "Initialized") || canary_world_replicas(cw, APP))
        go_on(cw, &t, back_at);
    canary_world_release_image(cw, "app:2");
    while (!has_phase(cw, "Succeeded") || canary_world_replicas(cw, APP)) {
        int weight = canary_world_weight(cw);
        if (weight == 10 && !ten)
            ten = cw->w.later;
        if (weight == 50 && !t.half)
            t.half = cw->w.later;
        if (weight == 0 && t.half && !returned)
            returned = cw->w.later;
        assert_true(t.steps < 2000);
        go_on(cw, &t, back_at);
    }
    t.end = cw->w.later;
    assert_true(ten && t.half - ten >= PAUSE);
    assert_true(returned && t.end - returned >= DRAIN);
    canary_world_expect_image(cw, APP "-primary", "app:2");
    canary_world_done(cw);
    return t;
}

static void each_wait_begins_anew_at_most(void **state)
{
    const struct times usual = live(-1);

    (void)state;
    for (int i = 0; i < usual.steps; i++) {
        struct times t = live(i);
        if (t.end < usual.end || t.end > usual.end + PAUSE + SECONDS(10))
            fail_msg(
                "set back at step %d of %d: %lld ms, and usually %lld",
                i,
                usual.steps,
                (long long)t.end,
                (long long)usual.end);
    }
}

static void a_deadline_comes_all_the_same(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(SPEC);
    msec_t began = cw->w.later;

    (void)state;
    cw->target_hangs = true;
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(300));
    cw->clock -= BACK;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "DeadlineExceeded");
    assert_true(cw->w.later - began <= SECONDS(300 + 600 + 60));
    canary_world_done(cw);
}

static void a_test_is_repeated_in_time(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80}," ANALYSIS
        ",\"webhooks\":[{\"name\":\"t\",\"type\":\"pre-rollout\",\"url\":\"" HOOKS_URL "t\"}]}}");
    struct canary_world_hook *hook = canary_world_hook(cw, "t");
    msec_t began;

    (void)state;
    hook->status = 500;
    canary_world_release_image(cw, "app:2");
    while (!hook->asked)
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    canary_world_step(cw); /* which notes the answer */
    hook->status = 200;
    cw->clock -= BACK;
    began = cw->w.later;
    canary_world_until(cw, "Progressing", 10);
    assert_int_equal(hook->asked, 2);
    assert_true(cw->w.later - began <= SECONDS(20) + DRAIN);
    canary_world_done(cw);
}

/* From the deletion until it is gone; the clock is set back at that step. */
static struct times leave(int back_at, bool target_hangs)
{
    struct canary_world *cw = canary_world_start_release(SPEC);
    struct times t = {0};
    msec_t began;

    canary_world_until(cw, "Progressing", 10);
    cw->target_hangs = target_hangs;
    began = cw->w.later;
    canary_world_request_deletion(cw);
    while (!canary_world_is_gone(cw)) {
        assert_true(t.steps < 2000);
        go_on(cw, &t, back_at);
    }
    t.end = cw->w.later - began;
    canary_world_done(cw);
    return t;
}

static void a_deleted_canary_gives_back_in_time(void **state)
{
    static const msec_t longest[] = {DRAIN, SECONDS(600)}; /* of what begins anew: a wait, or the deadline */

    (void)state;
    for (int hangs = 0; hangs <= 1; hangs++) {
        const struct times usual = leave(-1, hangs);
        for (int i = 0; i < usual.steps; i++) {
            struct times t = leave(i, hangs);
            assert_true(t.end >= usual.end && t.end <= usual.end + longest[hangs]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wait_begins_anew_at_most),
        cmocka_unit_test(a_deadline_comes_all_the_same),
        cmocka_unit_test(a_test_is_repeated_in_time),
        cmocka_unit_test(a_deleted_canary_gives_back_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
