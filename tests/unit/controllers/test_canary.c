/* A release from its beginning to its end, by the plans alone. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

static void the_primary_serves_before_the_target_ends(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);

    (void)state;
    while (canary_world_replicas(cw, APP) != 0) {
        canary_world_step(cw);
        if (cw->again != MSEC_NEVER)
            cw->w.later = cw->again;
    }
    assert_int_equal(canary_world_weight(cw), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    canary_world_expect_image(cw, APP "-primary", "app:1");
    /* 5 s for proxies to learn of the primary, and 35 s for them to forget the target. */
    assert_true(cw->w.later >= SECONDS(40));
    canary_world_done(cw);
}

static void a_good_version_is_promoted_step_by_step(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_string_equal(
        cw->log,
        "Progressing 0\n"
        "Progressing 10\n"
        "Progressing 50\n"
        "Promoting 50\n"
        "Finalising 0\n"
        "Succeeded 0\n");
    canary_world_rest(cw, SECONDS(60));
    canary_world_expect_image(cw, APP "-primary", "app:2");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_done(cw);
}

static void a_settled_canary_writes_and_asks_nothing(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    int writes, asked;
    size_t managed;

    (void)state;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    writes = cw->writes;
    asked = cw->metrics.asked;
    canary_world_rest(cw, SECONDS(3600));
    assert_false(canary_world_step(cw));
    assert_int_equal(cw->writes, writes);
    assert_int_equal(cw->metrics.asked, asked);
    assert_true(cw->managed > 0);
    managed = cw->managed;
    canary_world_forget(cw); /* as after a restart */
    assert_false(canary_world_step(cw));
    assert_int_equal(cw->managed, managed);
    canary_world_done(cw);
}

/* What was settled is looked at again when any of it changes. */
static void a_settled_canary_notices_what_changes(void **state)
{
    static const enum mesh_kind_id kinds[] = {KIND_SERVICE, KIND_DEPLOYMENT, KIND_CONFIG_MAP, KIND_VIRTUAL_SERVICE};
    static const char *const names[] = {APP "-canary", APP "-primary", APP "-original", APP};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct canary_world *cw = canary_world_start_release(NULL);
        canary_world_until(cw, "Succeeded", 0);
        canary_world_rest(cw, SECONDS(60));
        kube_cache_remove(cw->w.cache, mesh_kind(kinds[i]), APP_NS, names[i], NULL);
        canary_world_rest(cw, SECONDS(60));
        assert_non_null(kube_cache_get(cw->w.cache, mesh_kind(kinds[i]), APP_NS, names[i]));
        canary_world_expect(cw, STATUS_FIELD_PHASE, "Succeeded");
        canary_world_done(cw);
    }
}

static void a_change_in_the_middle_starts_again_without_traffic(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_release_image(cw, "app:3");
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 0);
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_non_null(strstr(cw->log, "Progressing 10\nProgressing 50\n"));
    canary_world_expect_image(cw, APP "-primary", "app:3");
    canary_world_done(cw);
}

static void a_version_that_is_taken_back_ends_the_release(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_release_image(cw, "app:1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "Reverted");
    canary_world_expect_image(cw, APP "-primary", "app:1");
    canary_world_done(cw);
}

static void pods_that_hang_end_the_release_at_its_deadline(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    msec_t began = cw->w.later;

    (void)state;
    cw->target_hangs = true;
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "DeadlineExceeded");
    assert_true(cw->w.later - began >= SECONDS(600) && cw->w.later - began < SECONDS(601));
    canary_world_done(cw);
}

static void a_primary_that_does_not_start_gets_its_former_template(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Promoting", 50);
    cw->primary_hangs = true;
    canary_world_until(cw, "Promoting", 100); /* the target has the capacity */
    cw->primary_hangs = false;
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(60));
    canary_world_expect_image(cw, APP "-primary", "app:1");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_done(cw);
}

static void commands_count_once(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    canary_world_command(cw, "abort@1");
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "Aborted");
    canary_world_command(cw, "retry@2");
    canary_world_until(cw, "Progressing", 10); /* abort@1 is over */
    canary_world_command(cw, "promote@3");
    canary_world_until(cw, "Promoting", 10);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect_image(cw, APP "-primary", "app:2");
    canary_world_done(cw);
}

static void what_is_no_command_is_told(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    char too_long[256];

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    snprintf(too_long, sizeof(too_long), "abort@%0200d", 1);
    for (const char **text = (const char *[]){"stop@1", "abort", "promote@", "", too_long, NULL}; *text; text++) {
        cw->events[0] = '\0';
        canary_world_command(cw, *text);
        canary_world_step(cw);
        assert_non_null(strstr(cw->events, "UnknownCommand: annotation canary.istio.banzaicloud.io/command: must be "));
        canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
        canary_world_expect(cw, STATUS_FIELD_COMMAND, "");
    }
    canary_world_done(cw);
}

static void a_suspended_release_stays_and_can_be_aborted(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    canary_world_put(
        cw,
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"suspend\":true,"
        "\"analysis\":{\"interval\":\"10s\",\"stepWeights\":[10,50]}}");
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(canary_world_weight(cw), 10);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    canary_world_done(cw);
}

/* They say how many Pods there are, and of which ReplicaSet: those of the one before may be gone. */
static void traffic_waits_for_endpoints_of_the_new_pods(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_release_image(cw, "app:3");
    cw->endpoints_lag = true;
    canary_world_rest(cw, SECONDS(300));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
    canary_world_expect(cw, STATUS_FIELD_REASON, "CanaryNotReady");
    assert_int_equal(canary_world_weight(cw), 0);
    cw->endpoints_lag = false;
    canary_world_until(cw, "Promoting", 50);
    cw->endpoints_lag = true;
    canary_world_rest(cw, SECONDS(300));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Promoting");
    assert_int_equal(canary_world_weight(cw), 50);
    cw->endpoints_lag = false;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_primary_serves_before_the_target_ends),
        cmocka_unit_test(a_good_version_is_promoted_step_by_step),
        cmocka_unit_test(a_settled_canary_writes_and_asks_nothing),
        cmocka_unit_test(a_settled_canary_notices_what_changes),
        cmocka_unit_test(a_change_in_the_middle_starts_again_without_traffic),
        cmocka_unit_test(a_version_that_is_taken_back_ends_the_release),
        cmocka_unit_test(pods_that_hang_end_the_release_at_its_deadline),
        cmocka_unit_test(a_primary_that_does_not_start_gets_its_former_template),
        cmocka_unit_test(traffic_waits_for_endpoints_of_the_new_pods),
        cmocka_unit_test(commands_count_once),
        cmocka_unit_test(what_is_no_command_is_told),
        cmocka_unit_test(a_suspended_release_stays_and_can_be_aborted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
