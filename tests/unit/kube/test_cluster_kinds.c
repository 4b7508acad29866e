#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cluster_fixture.h"
#include "doc/build.h"
#include "doc/doc.h"

static void rows_of_other_roles_are_not_there(void **state)
{
    struct bench b = {.sim = sim_new(&bench_table, 20, 1)};

    (void)state;
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(MESHES, false));
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    sim_apply(b.sim, &bench_rows[GATEWAYS], bench_object("networking.istio.io/v1alpha3", "Gateway", "g", true));
    sim_apply(b.sim, &bench_rows[PODS], bench_object("v1", "Pod", "p", false));
    bench_begin_cluster_of(&b, SECOND);
    sim_run(b.sim, 500);
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_int_equal(kube_cluster_stats(b.cluster)->watches_wanted, 2);
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_non_null(bench_cached(&b, MAPS, "c0"));
    sim_take_counts(b.sim);

    /* Whatever is asked of them, and whatever their definitions say. */
    kube_cluster_watch(b.cluster, &bench_rows[PODS], NULL, NULL, NULL, true);
    kube_cluster_fetch(b.cluster, &bench_rows[GATEWAYS], SPACE, "g");
    sim_request_deletion(b.sim, &bench_rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    sim_run(b.sim, SECONDS(120));
    for (int row = GATEWAYS; row < KINDS; row++) {
        assert_null(bench_served(&b, row));
        assert_false(kube_cluster_watch_synced(b.cluster, &bench_rows[row]));
        assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[row]), 0);
    }
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_int_equal(sim_take_counts(b.sim).discovery, 0);

    /* The connection is lost and comes back: nothing of them either. */
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(10));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(60));
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void a_custom_kind_is_watched_once_its_definition_is_established(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    assert_null(bench_served(&b, GATEWAYS));
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    sim_run(b.sim, 50);
    assert_string_equal(bench_served(&b, GATEWAYS), "v1alpha3");
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[GATEWAYS]));
    sim_apply(b.sim, &bench_rows[GATEWAYS], bench_object("networking.istio.io/v1alpha3", "Gateway", "g", true));
    sim_run(b.sim, 50);
    assert_non_null(bench_cached(&b, GATEWAYS, "g"));

    sim_delete(b.sim, &bench_rows[GATEWAYS], SPACE, "g");
    sim_request_deletion(b.sim, &bench_rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
    sim_run(b.sim, SECONDS(5));
    assert_null(bench_served(&b, GATEWAYS));
    assert_int_equal(sim_open_watches(b.sim), 3);
    /* And nobody asks for it any more. */
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(120));
    assert_int_equal(sim_take_counts(b.sim).discovery, 0);
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[GATEWAYS]));
    bench_finish(&b);
}

/* While a definition ends its kind is served, so discovery's first answer is that nothing changed. */
static void a_kind_whose_definition_takes_time_to_end_is_gone_soon_after(void **state)
{
    struct bench b;
    json_t *gateway;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    gateway = bench_object("networking.istio.io/v1alpha3", "Gateway", "g", true);
    json_object_set_new(doc_at(gateway, "metadata"), "finalizers", ARRAY(ITEM_STRING("example.com/slow")));
    sim_apply(b.sim, &bench_rows[GATEWAYS], gateway);
    sim_run(b.sim, 50);
    assert_non_null(bench_cached(&b, GATEWAYS, "g"));
    sim_request_deletion(b.sim, &bench_rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
    sim_run(b.sim, SECONDS(3));
    assert_string_equal(bench_served(&b, GATEWAYS), "v1alpha3");

    sim_delete(b.sim, &bench_rows[GATEWAYS], SPACE, "g");
    sim_run(b.sim, SECONDS(3));
    assert_null(bench_served(&b, GATEWAYS));
    bench_finish(&b);
}

static void a_definition_without_the_owner_label_counts_as_well(void **state)
{
    struct bench b;

    (void)state;
    /* From the start: discovery tells. */
    bench_begin(&b, 1);
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, false));
    sim_run(b.sim, 500);
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[GATEWAYS]));
    assert_null(bench_cached(&b, DEFINITIONS, "gateways.networking.istio.io"));
    /* When it loses its label, the kind is still served. */
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
    sim_run(b.sim, 500);
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, false));
    sim_run(b.sim, SECONDS(5));
    assert_null(bench_cached(&b, DEFINITIONS, "gateways.networking.istio.io"));
    assert_string_equal(bench_served(&b, GATEWAYS), "v1alpha3");
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[GATEWAYS]));
    bench_finish(&b);
}

static void kinds_that_users_write_are_waited_for(void **state)
{
    struct bench b;

    (void)state;
    bench_begin(&b, 1);
    sim_run(b.sim, SECONDS(60));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_null(bench_served(&b, MESHES));
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(300));
    /* One document each time, rarely. */
    assert_in_range(sim_take_counts(b.sim).discovery, 9, 14);
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(MESHES, false));
    sim_run(b.sim, SECONDS(31));
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[MESHES]));
    bench_finish(&b);
}

static void a_short_absence_of_a_kind_forgets_nothing(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[MESHES], bench_object("example.com/v1", "Mesh", "m", false));
    sim_run(b.sim, 50);
    assert_non_null(bench_cached(&b, MESHES, "m"));
    /* As a server does that has just started: 404 for what it has not loaded yet. */
    server_set_cold(sim_server(b.sim), true);
    sim_set_down(b.sim, true);
    sim_run(b.sim, 500);
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(10));
    assert_non_null(bench_cached(&b, MESHES, "m"));
    server_set_cold(sim_server(b.sim), false);
    sim_run(b.sim, SECONDS(30));
    assert_non_null(bench_cached(&b, MESHES, "m"));
    assert_string_equal(bench_served(&b, MESHES), "v1");
    /* A long one is believed. */
    sim_request_deletion(b.sim, &bench_rows[DEFINITIONS], NULL, "meshes.example.com");
    sim_set_down(b.sim, true);
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(120));
    assert_null(bench_cached(&b, MESHES, "m"));
    assert_null(bench_served(&b, MESHES));
    bench_finish(&b);
}

static void an_object_that_is_not_found_stays_while_its_kind_may_only_be_absent(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[MESHES], bench_object("example.com/v1", "Mesh", "m", false));
    sim_run(b.sim, 50);
    /* 404 for the kind, and so for each of its objects. */
    server_set_cold(sim_server(b.sim), true);
    kube_cluster_fetch(b.cluster, &bench_rows[MESHES], SPACE, "m");
    sim_run(b.sim, SECONDS(10));
    assert_non_null(bench_cached(&b, MESHES, "m"));
    server_set_cold(sim_server(b.sim), false);
    sim_run(b.sim, SECONDS(30));
    assert_non_null(bench_cached(&b, MESHES, "m"));
    /* One that is gone is not in the list that the doubt leads to. */
    sim_delete(b.sim, &bench_rows[MESHES], SPACE, "m");
    kube_cluster_fetch(b.cluster, &bench_rows[MESHES], SPACE, "m");
    sim_run(b.sim, SECONDS(30));
    assert_null(bench_cached(&b, MESHES, "m"));
    bench_finish(&b);
}

static void a_watch_can_be_asked_for(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[PODS], bench_object("v1", "Pod", "p", false));
    sim_run(b.sim, 50);
    assert_null(bench_cached(&b, PODS, "p"));
    kube_cluster_watch(b.cluster, &bench_rows[PODS], SPACE, NULL, NULL, true);
    kube_cluster_watch(b.cluster, &bench_rows[PODS], SPACE, NULL, NULL, true);
    assert_false(kube_cluster_watch_synced(b.cluster, &bench_rows[PODS]));
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[PODS]));
    assert_non_null(bench_cached(&b, PODS, "p"));
    assert_int_equal(kube_cluster_stats(b.cluster)->watches_open, 4);
    /* Of another namespace. */
    kube_cluster_watch(b.cluster, &bench_rows[PODS], "elsewhere", NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_null(bench_cached(&b, PODS, "p"));
    assert_int_equal(sim_open_watches(b.sim), 4);
    kube_cluster_watch(b.cluster, &bench_rows[PODS], NULL, NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_non_null(bench_cached(&b, PODS, "p"));
    kube_cluster_watch(b.cluster, &bench_rows[PODS], NULL, NULL, NULL, false);
    assert_null(bench_cached(&b, PODS, "p"));
    sim_run(b.sim, 50);
    assert_int_equal(sim_open_watches(b.sim), 3);
    bench_finish(&b);
}

static void expect_open(struct bench *b, unsigned watches)
{
    sim_run(b->sim, 50);
    assert_int_equal(sim_open_watches(b->sim), watches);
    /* Gateways have no definition yet. */
    assert_int_equal(kube_cluster_stats(b->cluster)->watches_wanted, watches + 1);
}

static void a_kind_that_is_not_needed_is_listed_every_ten_minutes(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    expect_open(&b, 3);
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("a", true));
    sim_run(b.sim, SECONDS(590));
    assert_null(bench_cached(&b, MAPS, "a"));
    sim_run(b.sim, SECONDS(20));
    assert_non_null(bench_cached(&b, MAPS, "a"));
    /* What is there is watched. */
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 3);
    sim_delete(b.sim, &bench_rows[MAPS], SPACE, "a");
    sim_run(b.sim, 50);
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 2);
    bench_finish(&b);
}

static void a_kind_that_is_needed_again_is_watched_immediately(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("a", true));
    kube_cluster_need(b.cluster, &bench_rows[MAPS], true);
    expect_open(&b, 3);
    assert_true(bench_agrees(&b, MAPS));
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("b", true));
    sim_run(b.sim, 50);
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void all_is_listed_again_when_it_is_asked_for(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    assert_true(kube_cluster_is_relisted(b.cluster));
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("a", true));
    sim_take_counts(b.sim);
    b.changes = 0;
    kube_cluster_relist(b.cluster);
    assert_false(kube_cluster_is_relisted(b.cluster));
    /* Before it was listed nothing goes to rest. */
    kube_cluster_need(b.cluster, &bench_rows[MAPS], false);
    expect_open(&b, 3);
    assert_true(kube_cluster_is_relisted(b.cluster));
    assert_int_equal(sim_take_counts(b.sim).lists, 3);
    assert_in_range(b.changes, 1, 10);
    assert_true(bench_agrees(&b, MAPS));
    /* Not by a server that is away. */
    sim_set_down(b.sim, true);
    kube_cluster_relist(b.cluster);
    sim_run(b.sim, SECONDS(60));
    assert_false(kube_cluster_is_relisted(b.cluster));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(60));
    assert_true(kube_cluster_is_relisted(b.cluster));
    bench_finish(&b);
}

static void what_users_write_does_not_rest(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    kube_cluster_need(b.cluster, &bench_rows[MESHES], false);
    expect_open(&b, 3);
    bench_finish(&b);
}

/* Both looks at the kind are apart, and counts are reported once a second. */
static void what_is_only_counted_is_reported_now_and_then(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    kube_cluster_watch(b.cluster, &bench_rows[PODS], "elsewhere", NULL, NULL, true);
    kube_cluster_watch(b.cluster, &bench_rows[COUNTED], NULL, NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[COUNTED]));
    b.changes = 0;
    for (int i = 0; i < 90; i++) {
        _cleanup_free_ char *name = str_printf("p%d", i);
        sim_apply(b.sim, &bench_rows[PODS], bench_object("v1", "Pod", name, false));
        sim_run(b.sim, 20);
    }
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[COUNTED]), 90);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[PODS]), 0);
    assert_int_equal(b.changes, 1);
    sim_run(b.sim, 1000);
    assert_int_equal(b.changes, 2);
    sim_delete(b.sim, &bench_rows[PODS], SPACE, "p7");
    sim_run(b.sim, 2000);
    assert_int_equal(b.changes, 3);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[COUNTED]), 89);
    bench_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_other_roles_are_not_there),
        cmocka_unit_test(a_custom_kind_is_watched_once_its_definition_is_established),
        cmocka_unit_test(a_kind_whose_definition_takes_time_to_end_is_gone_soon_after),
        cmocka_unit_test(a_definition_without_the_owner_label_counts_as_well),
        cmocka_unit_test(kinds_that_users_write_are_waited_for),
        cmocka_unit_test(a_short_absence_of_a_kind_forgets_nothing),
        cmocka_unit_test(an_object_that_is_not_found_stays_while_its_kind_may_only_be_absent),
        cmocka_unit_test(a_watch_can_be_asked_for),
        cmocka_unit_test(a_kind_that_is_not_needed_is_listed_every_ten_minutes),
        cmocka_unit_test(a_kind_that_is_needed_again_is_watched_immediately),
        cmocka_unit_test(all_is_listed_again_when_it_is_asked_for),
        cmocka_unit_test(what_users_write_does_not_rest),
        cmocka_unit_test(what_is_only_counted_is_reported_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
