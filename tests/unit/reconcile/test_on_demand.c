/* Watches that are on only while a plan asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../kube/cluster_fixture.h"
#include "reconcile/on_demand.h"
#include "reconcile/plan.h"

enum { WATCH_PODS = 1, WATCH_BOTH = 2 };

/* Of the rows that share a bit one is cluster-wide. */
static const struct watch_row rows[] = {
    {WATCH_PODS, PODS, .in_namespace = true},
};
static const struct watch_row shared_rows[] = {
    {WATCH_BOTH, PODS, .in_namespace = true},
    {WATCH_BOTH, COUNTED},
};
static const struct watch_table table = {rows, ARRAY_LEN(rows)};
static const struct watch_table shared_table = {shared_rows, ARRAY_LEN(shared_rows)};

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);

    bench_begin_synced(b);
    sim_apply(b->sim, &bench_rows[PODS], bench_object("v1", "Pod", "p", false));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench_finish(*state);
    free(*state);
    return 0;
}

static unsigned synced_after(struct on_demand *w, struct bench *b, unsigned watch, const char *ns)
{
    on_demand_switch(w, b->cluster, watch, ns);
    sim_run(b->sim, 200);
    return on_demand_synced(w, b->cluster);
}

static void a_watch_is_on_while_it_is_asked_for(void **state)
{
    struct bench *b = *state;
    struct on_demand w = {.table = &table};
    unsigned before = sim_open_watches(b->sim);

    assert_int_equal(on_demand_synced(&w, b->cluster), 0);
    on_demand_switch(&w, b->cluster, WATCH_PODS, SPACE);
    /* Not before its list has arrived. */
    assert_int_equal(on_demand_synced(&w, b->cluster), 0);
    sim_run(b->sim, 200);
    assert_int_equal(on_demand_synced(&w, b->cluster), WATCH_PODS);
    assert_non_null(bench_cached(b, PODS, "p"));
    assert_int_equal(sim_open_watches(b->sim), before + 1);

    assert_int_equal(synced_after(&w, b, 0, SPACE), 0);
    assert_null(bench_cached(b, PODS, "p"));
    assert_int_equal(sim_open_watches(b->sim), before);
}

static void a_watch_of_one_namespace_follows_the_namespace(void **state)
{
    struct bench *b = *state;
    struct on_demand w = {.table = &table};

    assert_int_equal(synced_after(&w, b, WATCH_PODS, "elsewhere"), WATCH_PODS);
    assert_null(bench_cached(b, PODS, "p"));
    assert_int_equal(synced_after(&w, b, WATCH_PODS, SPACE), WATCH_PODS);
    assert_non_null(bench_cached(b, PODS, "p"));
}

static void asking_for_the_same_again_lists_nothing(void **state)
{
    struct bench *b = *state;
    struct on_demand w = {.table = &table};

    synced_after(&w, b, WATCH_PODS, SPACE);
    sim_take_counts(b->sim);
    assert_int_equal(synced_after(&w, b, WATCH_PODS, SPACE), WATCH_PODS);
    assert_int_equal(sim_take_counts(b->sim).lists, 0);
}

static void a_bit_of_several_rows_is_synced_when_each_is(void **state)
{
    struct bench *b = *state;
    struct on_demand w = {.table = &shared_table};
    unsigned before = sim_open_watches(b->sim), looks = 0;

    on_demand_switch(&w, b->cluster, WATCH_BOTH, SPACE);
    while (!on_demand_synced(&w, b->cluster)) {
        assert_false(
            kube_cluster_watch_synced(b->cluster, &bench_rows[PODS]) &&
            kube_cluster_watch_synced(b->cluster, &bench_rows[COUNTED]));
        assert_true(++looks < 1000);
        sim_run(b->sim, 1);
    }
    assert_true(kube_cluster_watch_synced(b->cluster, &bench_rows[PODS]));
    assert_true(kube_cluster_watch_synced(b->cluster, &bench_rows[COUNTED]));
    sim_run(b->sim, 200);
    assert_int_equal(sim_open_watches(b->sim), before + 2);
    /* One of the two is lost. */
    kube_cluster_watch(b->cluster, &bench_rows[COUNTED], NULL, NULL, NULL, false);
    assert_int_equal(on_demand_synced(&w, b->cluster), 0);
}

static void all_is_listed_again_once_each_time_that_it_is_asked_for(void **state)
{
    struct bench *b = *state;
    struct on_demand w = {.table = &table};

    sim_take_counts(b->sim);
    on_demand_switch(&w, b->cluster, PLAN_RELISTED, SPACE);
    assert_int_equal(on_demand_synced(&w, b->cluster), 0);
    sim_run(b->sim, 200);
    assert_true(on_demand_synced(&w, b->cluster) == PLAN_RELISTED);
    assert_int_equal(sim_take_counts(b->sim).lists, 3);
    /* As long as it is asked for, that was enough. */
    assert_true(synced_after(&w, b, PLAN_RELISTED, SPACE) == PLAN_RELISTED);
    assert_int_equal(sim_take_counts(b->sim).lists, 0);
    assert_int_equal(synced_after(&w, b, 0, SPACE), 0);
    on_demand_switch(&w, b->cluster, PLAN_RELISTED, SPACE);
    assert_int_equal(on_demand_synced(&w, b->cluster), 0);
    sim_run(b->sim, SECONDS(5)); /* lists keep a distance */
    assert_true(on_demand_synced(&w, b->cluster) == PLAN_RELISTED);
    assert_int_equal(sim_take_counts(b->sim).lists, 3);
}

/* Whoever waits for it can say so. */
static void a_list_that_fails_is_told_from_one_that_is_under_way(void **state)
{
    static const struct sim_faults broken = {.net = {.broken = 1000}};
    struct bench *b = *state;
    struct on_demand w = {.table = &table};

    on_demand_switch(&w, b->cluster, WATCH_PODS, SPACE);
    assert_int_equal(on_demand_failing(&w, b->cluster), 0);
    sim_faults(b->sim, &broken);
    assert_int_equal(synced_after(&w, b, WATCH_PODS, SPACE), 0);
    assert_int_equal(on_demand_failing(&w, b->cluster), WATCH_PODS);
    sim_faults(b->sim, NULL);
    sim_run(b->sim, SECONDS(60));
    assert_int_equal(on_demand_synced(&w, b->cluster), WATCH_PODS);
    assert_int_equal(on_demand_failing(&w, b->cluster), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_watch_is_on_while_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_of_one_namespace_follows_the_namespace, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_for_the_same_again_lists_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bit_of_several_rows_is_synced_when_each_is, setup, teardown),
        cmocka_unit_test_setup_teardown(all_is_listed_again_once_each_time_that_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_that_fails_is_told_from_one_that_is_under_way, setup, teardown),
    };

    return cmocka_run_group_tests_name("unit reconcile on demand", tests, NULL, NULL);
}
