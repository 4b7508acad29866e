/* Whether a cluster knows that its watches hear what happens: a store that was put back, servers that are behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cluster_fixture.h"
#include "doc/build.h"
#include "doc/doc.h"

static void apply(struct bench *b, const char *name, const char *text)
{
    json_t *map = bench_config_map(name, true);

    json_object_set_new(map, "data", OBJECT(STRING("text", text)));
    sim_apply(b->sim, &bench_rows[MAPS], map);
}

/* Other objects, of a kind that is not watched, so that only the server's version grows. */
static void grow(struct bench *b, int versions)
{
    for (int i = 0; i < versions; i++)
        sim_apply(b->sim, &bench_rows[PODS], bench_object("v1", "Pod", "p", false));
}

/* The server's state is saved; later c0 changes, c1 goes and c2 comes, and versions go by. */
static void begin_with_later_changes(struct bench *b, int versions)
{
    bench_begin_synced(b);
    apply(b, "c0", "old");
    apply(b, "c1", "old");
    sim_run(b->sim, SECONDS(1));
    server_save(sim_server(b->sim));
    grow(b, versions);
    apply(b, "c0", "new");
    sim_delete(b->sim, &bench_rows[MAPS], SPACE, "c1");
    apply(b, "c2", "new");
    sim_run(b->sim, SECONDS(1));
    assert_true(bench_agrees(b, MAPS));
    sim_take_counts(b->sim);
}

static uint64_t rewinds(const struct bench *b)
{
    return kube_cluster_stats(b->cluster)->version_rewinds;
}

static msec_t age(const struct bench *b)
{
    return kube_cluster_watch_age(b->cluster, NULL);
}

static void put_back_in_an_outage(struct bench *b, msec_t outage)
{
    sim_set_down(b->sim, true);
    server_put_back(sim_server(b->sim));
    sim_run(b->sim, outage);
    sim_set_down(b->sim, false);
}

static void a_store_put_back_in_an_outage_is_noticed_when_the_server_answers(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 1000);
    put_back_in_an_outage(&b, SECONDS(20));
    sim_run(b.sim, SECONDS(5));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    /* And what happens from now on is heard. */
    apply(&b, "c3", "newer");
    sim_run(b.sim, SECONDS(1));
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void a_store_put_back_without_an_outage_is_noticed_within_a_minute(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 3);
    server_put_back(sim_server(b.sim));
    sim_run(b.sim, SECONDS(40));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    assert_true(age(&b) <= KUBE_LISTENING_MOST);
    bench_finish(&b);
}

/* No version is behind, and no watch reports what was restored. */
static void a_store_put_back_that_has_as_many_versions_again_is_listed_after_the_outage(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 0);
    sim_set_down(b.sim, true);
    server_put_back(sim_server(b.sim));
    grow(&b, 100);
    sim_run(b.sim, SECONDS(20));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(40));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void break_connection(struct bench *b)
{
    sim_set_down(b->sim, true);
    sim_set_down(b->sim, false);
}

/* As a process sees it that was stopped, or whose network was, while the store was put back. */
static void a_store_put_back_that_has_as_many_versions_again_is_listed_after_a_connection_broke(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 0);
    server_put_back(sim_server(b.sim));
    break_connection(&b);
    grow(&b, 100);
    sim_run(b.sim, SECONDS(40));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

/* Its watches ended as they should before the store was put back, and no connection breaks for it. */
static void a_process_that_was_stopped_for_long_lists_everything(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 0);
    sim_stop(b.sim, SECONDS(800));
    sim_run(b.sim, SECONDS(700));
    assert_int_equal(sim_open_watches(b.sim), 0);
    server_put_back(sim_server(b.sim));
    grow(&b, 100);
    sim_run(b.sim, SECONDS(140));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

/* It may be another server each time. */
static void a_connection_that_breaks_again_and_again_leads_to_few_lists(void **state)
{
    enum { WATCHED = 3, HOURS = 2 };
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    break_connection(&b);
    sim_run(b.sim, SECONDS(31));
    assert_int_equal(sim_take_counts(b.sim).lists, WATCHED);
    for (int i = 0; i < HOURS * 60; i++) {
        break_connection(&b);
        sim_run(b.sim, SECONDS(60));
    }
    assert_in_range(sim_take_counts(b.sim).lists, WATCHED * 6 * HOURS, WATCHED * (6 * HOURS + 6));
    sim_run(b.sim, SECONDS(700));
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(3600));
    assert_int_equal(sim_take_counts(b.sim).lists, 0);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void an_answer_from_the_past_is_a_hint(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 1000);
    server_put_back(sim_server(b.sim));
    bench_put_action(&b, KUBE_CREATE, "c5", bench_config_map("c5", true), NULL);
    sim_run(b.sim, SECONDS(7));
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

/* What is known has a version that the server does not have: every update conflicts. */
static void conflict(struct bench *b)
{
    json_t *body = bench_config_map("c0", true);

    json_object_set_new(json_object_get(body, "metadata"), "resourceVersion",
                        json_string(bench_cached(b, MAPS, "c0")->resource_version));
    bench_put_action(b, KUBE_UPDATE, "c0", body, NULL);
    sim_run(b->sim, SECONDS(7));
    assert_int_equal(b->actions_failed, 1);
}

static void a_conflict_with_an_object_from_the_future_shows_another_history(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 3);
    server_put_back(sim_server(b.sim));
    conflict(&b);
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

/* The newest version of the server tells nothing then: that object alone does. */
static void a_conflict_shows_another_history_that_has_as_many_versions(void **state)
{
    struct bench b;

    (void)state;
    begin_with_later_changes(&b, 3);
    server_put_back(sim_server(b.sim));
    grow(&b, 100);
    conflict(&b);
    assert_int_equal(rewinds(&b), 1);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

/* No list selects what has no owner label: only a read shows that the store has it again. */
static void what_was_deleted_before_the_store_was_put_back_is_found_again(void **state)
{
    static const bool owned[] = {true, false};
    struct bench b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
        bench_begin_synced(&b);
        sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", owned[i]));
        kube_cluster_fetch(b.cluster, &bench_rows[MAPS], SPACE, "c0");
        sim_run(b.sim, SECONDS(1));
        server_save(sim_server(b.sim));
        bench_put_action(&b, KUBE_REMOVE, "c0", NULL, bench_cached(&b, MAPS, "c0")->uid);
        sim_run(b.sim, SECONDS(1));
        assert_null(bench_cached(&b, MAPS, "c0"));
        server_put_back(sim_server(b.sim));
        grow(&b, 100);
        break_connection(&b);
        sim_run(b.sim, SECONDS(40));
        bench_put_action(&b, KUBE_CREATE, "c0", bench_config_map("c0", true), NULL);
        sim_run(b.sim, SECONDS(7));
        assert_int_equal(b.actions_failed, 1);
        assert_non_null(bench_cached(&b, MAPS, "c0"));
        bench_finish(&b);
    }
}

static void a_server_that_is_behind_another_one_leads_to_few_lists(void **state)
{
    struct bench b;
    struct sim_counts counts;

    (void)state;
    bench_begin_synced(&b);
    grow(&b, 100);
    apply(&b, "c0", "text");
    sim_run(b.sim, SECONDS(1));
    sim_take_counts(b.sim);
    sim_faults(b.sim, &(struct sim_faults){.stale = 500});
    sim_run(b.sim, SECONDS(3600));
    counts = sim_take_counts(b.sim);
    /* Three kinds, after half a minute, one, two, four, eight, and every ten minutes then. */
    assert_in_range(rewinds(&b), 2, 10);
    assert_in_range(counts.lists, 3, 3 * 12);
    assert_in_range(counts.newest, 60, 3600 / 9);
    assert_int_equal(counts.writes, 0);
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(700));
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void a_watch_that_is_closed_or_not_verified_grows_old_and_is_reported(void **state)
{
    const struct kube_kind *kind;
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_run(b.sim, SECONDS(600));
    assert_true(age(&b) <= SECONDS(31));
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(29));
    /* A reconnect may take so long. */
    assert_true(age(&b) <= KUBE_LISTENING_MOST);
    sim_run(b.sim, SECONDS(32));
    assert_true(age(&b) > KUBE_LISTENING_MOST);
    assert_true(kube_cluster_stats(b.cluster)->watch_failures > 3);
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(5));
    assert_true(age(&b) <= SECONDS(5));
    assert_string_equal(kube_cluster_error(b.cluster), "");

    /* Open, but nobody knows whether it hears what happens. */
    sim_run(b.sim, SECONDS(60));
    sim_faults(b.sim, &(struct sim_faults){.untold = 1000});
    sim_run(b.sim, SECONDS(20));
    assert_string_equal(kube_cluster_failure(b.cluster), "");
    sim_run(b.sim, SECONDS(75));
    assert_true(kube_cluster_watch_age(b.cluster, &kind) > KUBE_LISTENING_MOST);
    assert_non_null(kind);
    assert_non_null(strstr(kube_cluster_failure(b.cluster), "the watch has heard nothing for more than 60 s"));
    /* That is reported when it is so, and not at each look. */
    b.changes = 0;
    sim_run(b.sim, SECONDS(60));
    assert_int_equal(b.changes, 0);
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(11));
    assert_string_equal(kube_cluster_failure(b.cluster), "");
    bench_finish(&b);
}

static void what_is_waited_for_is_no_failure(void **state)
{
    struct bench b;

    (void)state;
    bench_begin(&b, 1);
    sim_faults(b.sim, &(struct sim_faults){.way_most = 150});
    while (!str_starts(kube_cluster_error(b.cluster), "waiting for the list of ")) {
        assert_int_not_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
        sim_run(b.sim, 1);
    }
    assert_string_equal(kube_cluster_failure(b.cluster), "");
    sim_faults(b.sim, &(struct sim_faults){.net.broken = 1000});
    sim_run(b.sim, SECONDS(2));
    assert_non_null(strstr(kube_cluster_failure(b.cluster), "etcdserver: leader changed"));
    bench_finish(&b);
}

static void the_sign_of_life_of_a_quiet_server_is_its_newest_version(void **state)
{
    const struct kube_cluster_options options = {.probe_after = SECONDS(20), .probe_timeout = SECONDS(6)};
    struct bench b = {.sim = sim_new(&bench_table, 20, 1)};
    struct sim_counts counts;

    (void)state;
    bench_begin_cluster_with(&b, options);
    sim_run(b.sim, SECONDS(5));
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(600));
    counts = sim_take_counts(b.sim);
    assert_int_equal(counts.version, 0);
    assert_in_range(counts.newest, 20, 31);
    bench_finish(&b);
}

/* Its watches stay open, and every new request is refused: a token that expired. */
static void a_quiet_server_that_refuses_requests_is_reported(void **state)
{
    /* Without kinds whose definitions are waited for, so that nothing else asks the server. */
    const struct kube_cluster_options options = {
        .probe_after = SECONDS(20), .probe_timeout = SECONDS(6), .roles = SECOND};
    struct bench b = {.sim = sim_new(&bench_table, 20, 1)};

    (void)state;
    bench_begin_cluster_with(&b, options);
    sim_run(b.sim, SECONDS(5));
    assert_string_equal(kube_cluster_error(b.cluster), "");
    sim_faults(b.sim, &(struct sim_faults){.unauthorized = 1000});
    sim_run(b.sim, SECONDS(27));
    assert_int_equal(kube_cluster_error_class(b.cluster), ERR_UNAUTHORIZED);
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(30));
    assert_string_equal(kube_cluster_error(b.cluster), "");
    bench_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_put_back_in_an_outage_is_noticed_when_the_server_answers),
        cmocka_unit_test(a_store_put_back_without_an_outage_is_noticed_within_a_minute),
        cmocka_unit_test(a_store_put_back_that_has_as_many_versions_again_is_listed_after_the_outage),
        cmocka_unit_test(a_store_put_back_that_has_as_many_versions_again_is_listed_after_a_connection_broke),
        cmocka_unit_test(a_process_that_was_stopped_for_long_lists_everything),
        cmocka_unit_test(a_connection_that_breaks_again_and_again_leads_to_few_lists),
        cmocka_unit_test(an_answer_from_the_past_is_a_hint),
        cmocka_unit_test(a_conflict_with_an_object_from_the_future_shows_another_history),
        cmocka_unit_test(a_conflict_shows_another_history_that_has_as_many_versions),
        cmocka_unit_test(what_was_deleted_before_the_store_was_put_back_is_found_again),
        cmocka_unit_test(a_server_that_is_behind_another_one_leads_to_few_lists),
        cmocka_unit_test(a_watch_that_is_closed_or_not_verified_grows_old_and_is_reported),
        cmocka_unit_test(what_is_waited_for_is_no_failure),
        cmocka_unit_test(the_sign_of_life_of_a_quiet_server_is_its_newest_version),
        cmocka_unit_test(a_quiet_server_that_refuses_requests_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
