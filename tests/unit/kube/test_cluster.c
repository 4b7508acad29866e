#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cluster_fixture.h"
#include "doc/build.h"
#include "doc/doc.h"

static void it_learns_what_is_served_and_what_is_there(void **state)
{
    struct bench b;

    (void)state;
    bench_begin(&b, 1);
    for (int i = 0; i < 10; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        sim_apply(b.sim, &bench_rows[MAPS], bench_config_map(name, i % 2 == 0 || i > 4));
    }
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_CONNECTING);
    assert_null(kube_cluster_server(b.cluster));
    sim_run(b.sim, 500);
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_string_equal(kube_cluster_server(b.cluster)->git_version, "v1.20.0");
    assert_int_equal(kube_cluster_server(b.cluster)->minor, 20);
    assert_string_equal(bench_served(&b, MAPS), "v1");
    assert_null(bench_served(&b, GATEWAYS));
    /* In pages of four. */
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[MAPS]), 8);
    assert_true(bench_agrees(&b, MAPS));
    assert_true(kube_cluster_watch_synced(b.cluster, &bench_rows[MAPS]));
    assert_false(kube_cluster_watch_synced(b.cluster, &bench_rows[GATEWAYS]));
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_true(kube_cluster_last_contact(b.cluster) > 0);
    bench_finish(&b);
}

/* Some user's objects: in one page they are more than is read at once, and one is deep. */
static void large_and_deep_objects_do_not_keep_others_from_being_read(void **state)
{
    struct bench b;
    json_t *deep, *inner;

    (void)state;
    bench_begin(&b, 1);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *name = str_printf("large%d", i);
        json_t *object = bench_config_map(name, true), *list = json_array();
        for (int k = 0; k < DOC_VALUES_MAX / 2; k++)
            json_array_append_new(list, json_integer(1));
        json_object_set_new(object, "list", list);
        sim_apply(b.sim, &bench_rows[MAPS], object);
    }
    deep = bench_config_map("deep", true);
    inner = doc_make(deep, "deep");
    for (int i = 0; i < 150; i++)
        inner = doc_make(inner, "a");
    sim_apply(b.sim, &bench_rows[MAPS], deep);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("other", true));
    sim_run(b.sim, SECONDS(2));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[MAPS]), 4);
    assert_non_null(bench_cached(&b, MAPS, "deep"));
    assert_non_null(bench_cached(&b, MAPS, "other"));
    bench_finish(&b);
}

static void changes_are_followed_and_told_together(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    for (int i = 0; i < 50; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        sim_apply(b.sim, &bench_rows[MAPS], bench_config_map(name, true));
    }
    sim_run(b.sim, 100);
    assert_true(bench_agrees(&b, MAPS));
    /* Simulated turns are a millisecond long. */
    assert_in_range(b.changes, 1, 20);
    sim_delete(b.sim, &bench_rows[MAPS], SPACE, "c7");
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c8", false));
    sim_run(b.sim, 100);
    assert_null(bench_cached(&b, MAPS, "c7"));
    assert_null(bench_cached(&b, MAPS, "c8"));
    assert_true(bench_agrees(&b, MAPS));
    bench_finish(&b);
}

static void when_settled_only_watches_are_opened_again(void **state)
{
    struct bench b;
    struct sim_counts counts;

    (void)state;
    bench_begin_synced(&b);
    sim_run(b.sim, SECONDS(3600));
    counts = sim_take_counts(b.sim);
    assert_int_equal(counts.discovery + counts.version + counts.lists + counts.reads + counts.writes, 0);
    /* Three watches, each at most twice in ten minutes and at least once in twelve. */
    assert_in_range(counts.watches, 3 * 5, 3 * 12);
    /* This server sends no bookmarks, so the watches are verified, by two small requests a minute. */
    assert_in_range(counts.newest, 100, 120);
    assert_int_equal(b.changes, 0);
    bench_finish(&b);
}

static void a_server_that_is_away_is_asked_by_one_request_at_a_time(void **state)
{
    struct bench b;
    unsigned in_vain;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    sim_run(b.sim, 50);
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(60));
    in_vain = sim_take_counts(b.sim).in_vain;
    assert_in_range(in_vain, 15, 40);
    /* Not by which request it was found out. */
    assert_string_equal(kube_cluster_error(b.cluster), "Connection refused");
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_non_null(bench_cached(&b, MAPS, "c0"));
    bench_put_action(&b, KUBE_CREATE, "c1", bench_config_map("c1", true), NULL);
    sim_run(b.sim, SECONDS(1));
    assert_int_equal(b.actions, 0);

    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c2", true));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(5));
    assert_string_equal(kube_cluster_error(b.cluster), "");
    assert_int_equal(b.actions, 1);
    assert_int_equal(b.actions_failed, 0);
    assert_true(bench_agrees(&b, MAPS));
    assert_int_equal(sim_open_watches(b.sim), 3);
    bench_finish(&b);
}

static void a_server_that_is_not_there_at_the_start_is_waited_for(void **state)
{
    struct bench b;

    (void)state;
    bench_begin(&b, 1);
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(20));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_CONNECTING);
    assert_string_equal(kube_cluster_error(b.cluster), "Connection refused");
    assert_int_equal(kube_cluster_error_class(b.cluster), ERR_UNAVAILABLE);
    sim_set_down(b.sim, false);
    /* A refused login is another error than a server that is away. */
    sim_faults(b.sim, &(struct sim_faults){.unauthorized = 1000});
    sim_run(b.sim, SECONDS(4));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_CONNECTING);
    assert_int_equal(kube_cluster_error_class(b.cluster), ERR_UNAUTHORIZED);
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(30));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    bench_finish(&b);
}

static void answers_to_actions_are_seen_before_the_watch_tells(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_faults(b.sim, &(struct sim_faults){.net.watch_cut = 1000}); /* no event ever arrives whole */
    bench_put_action(&b, KUBE_CREATE, "c0", bench_config_map("c0", true), NULL);
    while (!b.actions)
        sim_run(b.sim, 1);
    assert_int_equal(b.actions_failed, 0);
    assert_non_null(bench_cached(&b, MAPS, "c0"));
    bench_put_action(&b, KUBE_REMOVE, "c0", NULL, bench_cached(&b, MAPS, "c0")->uid);
    while (b.actions < 2)
        sim_run(b.sim, 1);
    assert_null(bench_cached(&b, MAPS, "c0"));
    bench_finish(&b);
}

static void an_answer_of_success_that_is_no_answer_is_not_believed(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    sim_run(b.sim, 50);
    sim_faults(b.sim, &(struct sim_faults){.misanswered = 1000});
    for (int i = 1; i <= 20; i++) {
        /* What failed is held back for a while. */
        while (b.actions < i) {
            bench_put_action(&b, KUBE_REMOVE, "c0", NULL, bench_cached(&b, MAPS, "c0")->uid);
            sim_run(b.sim, 100);
        }
        assert_int_equal(b.actions_failed, i);
        assert_non_null(bench_cached(&b, MAPS, "c0"));
    }
    sim_faults(b.sim, NULL);
    bench_finish(&b);
}

static void what_a_failed_write_tells_of_is_read(void **state)
{
    struct bench b;
    const struct kube_object *o;

    (void)state;
    bench_begin_synced(&b);
    /* Another client's, without our label: no watch tells of it. */
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", false));
    bench_put_action(&b, KUBE_CREATE, "c0", bench_config_map("c0", true), NULL);
    sim_run(b.sim, 50);
    assert_int_equal(b.actions_failed, 1);
    o = bench_cached(&b, MAPS, "c0");
    assert_non_null(o);
    assert_null(o->owner);
    /* It is deleted, and no watch tells. */
    sim_delete(b.sim, &bench_rows[MAPS], SPACE, "c0");
    sim_run(b.sim, SECONDS(1));
    bench_put_action(&b, KUBE_UPDATE, "c0", bench_config_map("c0", true), NULL);
    sim_run(b.sim, 50);
    assert_int_equal(b.actions_failed, 2);
    assert_null(bench_cached(&b, MAPS, "c0"));
    bench_finish(&b);
}

/* Made by another client, read because a create was refused, and known as it was then. */
static void begin_with_unwatched(struct bench *b)
{
    bench_begin_synced(b);
    sim_apply(b->sim, &bench_rows[MAPS], bench_config_map("c0", false));
    bench_put_action(b, KUBE_CREATE, "c0", bench_config_map("c0", true), NULL);
    sim_run(b->sim, 50);
    assert_non_null(bench_cached(b, MAPS, "c0"));
}

static void what_matters_and_no_watch_tells_of_is_read_every_ten_minutes(void **state)
{
    struct bench b;

    (void)state;
    begin_with_unwatched(&b);
    ((struct kube_object *)bench_cached(&b, MAPS, "c0"))->matters = true;
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(610));
    assert_int_equal(sim_take_counts(b.sim).reads, 1);
    b.changes = 0;
    sim_delete(b.sim, &bench_rows[MAPS], SPACE, "c0");
    sim_run(b.sim, SECONDS(610));
    assert_null(bench_cached(&b, MAPS, "c0"));
    assert_in_range(b.changes, 1, 10);
    bench_finish(&b);
}

static void what_does_not_matter_is_not_read_again(void **state)
{
    struct bench b;

    (void)state;
    begin_with_unwatched(&b);
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(1300));
    assert_int_equal(sim_take_counts(b.sim).reads, 0);
    /* What the watch tells of is not, whether it matters or not. */
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    sim_run(b.sim, 50);
    ((struct kube_object *)bench_cached(&b, MAPS, "c0"))->matters = true;
    sim_run(b.sim, SECONDS(1300));
    assert_int_equal(sim_take_counts(b.sim).reads, 0);
    bench_finish(&b);
}

static void a_history_that_was_set_back_is_followed(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    server_save(sim_server(b.sim));
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c1", true));
    sim_run(b.sim, 50);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[MAPS]), 2);
    sim_set_down(b.sim, true);
    server_put_back(sim_server(b.sim));
    sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c1", true));
    sim_set_down(b.sim, false);
    /* Watches of the future are refused at first, and then wait in vain. */
    sim_faults(b.sim, &(struct sim_faults){.net.watch_refused = 1000});
    sim_run(b.sim, SECONDS(1));
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(700));
    assert_true(bench_agrees(&b, MAPS));
    assert_null(bench_cached(&b, MAPS, "c0"));
    bench_finish(&b);
}

/* Nobody would ever say it again. */
static void a_deletion_is_noticed_whatever_is_odd_in_its_event(void **state)
{
    struct bench b;

    (void)state;
    bench_begin_synced(&b);
    for (unsigned i = 0; i < 200; i++) {
        const struct faults odd = {.odd_object = 1000, .odd_watch = i % 4 ? 0 : 1000, .odd_seed = i};
        sim_apply(b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
        sim_run(b.sim, SECONDS(2));
        assert_non_null(bench_cached(&b, MAPS, "c0"));
        sim_faults(b.sim, &(struct sim_faults){.net = odd});
        sim_delete(b.sim, &bench_rows[MAPS], SPACE, "c0");
        sim_run(b.sim, 100);
        sim_faults(b.sim, NULL);
        sim_run(b.sim, SECONDS(2));
        if (bench_cached(&b, MAPS, "c0"))
            fail_msg("with seed %u the deletion was not noticed", i);
    }
    bench_finish(&b);
}

static void freeing_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    for (msec_t at = 0; at < 40; at++) {
        struct bench b;
        bench_begin(&b, (uint64_t)at);
        sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, true));
        sim_run(b.sim, at);
        bench_put_action(&b, KUBE_CREATE, "c0", bench_config_map("c0", true), NULL);
        kube_cluster_fetch(b.cluster, &bench_rows[MAPS], SPACE, "c1");
        sim_run(b.sim, 1);
        bench_finish(&b);
    }
}

/* Another client at work. */
static void meddle(struct bench *b)
{
    uint32_t r = sim_random(b->sim);
    _cleanup_free_ char *name = str_printf("%c%u", r % 16 == 0 ? 'x' : 'c', r / 16 % 8);
    json_t *other;

    switch (r / 128 % 4) {
    case 0:
        sim_delete(b->sim, &bench_rows[MAPS], SPACE, name);
        break;
    case 1:
        other = bench_config_map(name, r & 65536);
        json_object_set_new(other, "data", OBJECT(STRING("desired", "no")));
        sim_apply(b->sim, &bench_rows[MAPS], other);
        break;
    case 2:
        if (r & 65536)
            sim_apply(b->sim, &bench_rows[DEFINITIONS], bench_definition(GATEWAYS, r & 131072));
        else
            sim_request_deletion(b->sim, &bench_rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
        break;
    default:
        kube_cluster_watch(b->cluster, &bench_rows[PODS], NULL, NULL, NULL, r & 65536);
        sim_apply(b->sim, &bench_rows[PODS], bench_object("v1", "Pod", name, false));
    }
}

enum { HELD_MAX = 1024 * 1024 };

static void begin_limited(struct bench *b)
{
    *b = (struct bench){.sim = sim_new(&bench_table, 20, 1), .desired = 3};
    sim_apply(b->sim, &bench_rows[DEFINITIONS], bench_definition(MESHES, false));
    bench_begin_cluster_with(b, (struct kube_cluster_options){.held_max = HELD_MAX, .page_size = 500});
}

static void put_meshes(struct bench *b, int count, int size)
{
    _cleanup_free_ char *text = str_printf("%0*d", size, 0);

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *name = str_printf("m%d", i);
        json_t *mesh = bench_object("example.com/v1", "Mesh", name, false);
        json_object_set_new(mesh, "spec", OBJECT(STRING("text", text)));
        sim_apply(b->sim, &bench_rows[MESHES], mesh);
    }
}

static void delete_meshes(struct bench *b, int from, int to)
{
    for (int i = from; i < to; i++) {
        _cleanup_free_ char *name = str_printf("m%d", i);
        sim_delete(b->sim, &bench_rows[MESHES], SPACE, name);
    }
}

/* For a minute nothing is planned for it, nothing more is held, and it says why. */
static void expect_too_large(struct bench *b)
{
    assert_int_equal(kube_cluster_phase(b->cluster), KUBE_CLUSTER_TOO_LARGE);
    sim_take_counts(b->sim);
    for (int i = 0; i < 600; i++) {
        sim_run(b->sim, 100);
        assert_int_equal(kube_cluster_phase(b->cluster), KUBE_CLUSTER_TOO_LARGE);
        assert_string_equal(kube_cluster_error(b->cluster),
                            "holds more than 1 MiB of objects that the operator reads: most are of kind Mesh");
        assert_true(kube_cache_held(kube_cluster_cache(b->cluster)) <= HELD_MAX);
    }
    assert_int_equal(sim_take_counts(b->sim).writes, 0);
}

static void expect_in_order(struct bench *b)
{
    assert_int_equal(kube_cluster_phase(b->cluster), KUBE_CLUSTER_SYNCED);
    assert_string_equal(kube_cluster_error(b->cluster), "");
    assert_true(bench_agrees(b, MAPS));
    assert_true(bench_agrees(b, MESHES));
    assert_non_null(sim_get(b->sim, &bench_rows[MAPS], SPACE, "c2"));
}

static void a_server_with_too_much_is_dropped_until_it_has_less(void **state)
{
    struct bench b;

    (void)state;
    begin_limited(&b);
    put_meshes(&b, 300, 4000);
    sim_run(b.sim, SECONDS(1));
    expect_too_large(&b);
    /* Lists of three kinds are tried again, later and later; one of them has several pages. */
    sim_run(b.sim, SECONDS(600));
    assert_in_range(sim_take_counts(b.sim).lists, 3 * 5, (2 + 16) * 10);
    delete_meshes(&b, 100, 300);
    sim_run(b.sim, SECONDS(121));
    expect_in_order(&b);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &bench_rows[MESHES]), 100);
    bench_finish(&b);
}

static void a_server_that_comes_to_have_too_much_is_dropped_too(void **state)
{
    struct bench b;

    (void)state;
    begin_limited(&b);
    put_meshes(&b, 100, 4000);
    sim_run(b.sim, SECONDS(1));
    expect_in_order(&b);
    /* Watches tell of it; what is small counts as well. */
    put_meshes(&b, 2600, 1);
    sim_run(b.sim, SECONDS(1));
    expect_too_large(&b);
    delete_meshes(&b, 100, 2600);
    sim_run(b.sim, SECONDS(121));
    expect_in_order(&b);

    /* What went on meanwhile is seen. */
    sim_delete(b.sim, &bench_rows[MAPS], SPACE, "c2");
    sim_run(b.sim, SECONDS(1));
    expect_in_order(&b);
    bench_finish(&b);
}

static void a_server_with_too_much_that_goes_away_is_reported_as_away(void **state)
{
    struct bench b;

    (void)state;
    begin_limited(&b);
    put_meshes(&b, 300, 4000);
    sim_run(b.sim, SECONDS(30));
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(300));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_TOO_LARGE);
    assert_null(strstr(kube_cluster_error(b.cluster), "holds more"));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(30));
    expect_too_large(&b);
    delete_meshes(&b, 0, 300);
    sim_run(b.sim, SECONDS(121));
    expect_in_order(&b);
    bench_finish(&b);
}

static bool is_converged(const struct bench *b)
{
    const json_t *live;
    int right = 0;

    for (size_t i = 0; (live = sim_next(b->sim, &bench_rows[MAPS], &i));) {
        bool ours = doc_string(live, "metadata", "labels", OWNER) != NULL;
        if (doc_string(live, "metadata", "name")[0] == 'x' && ours)
            return false;
        right += ours && str_eq(doc_string(live, "data", "desired"), "yes");
    }
    return right == b->desired && bench_agrees(b, MAPS) && bench_agrees(b, DEFINITIONS);
}

static void run_seed(uint64_t seed)
{
    static const struct sim_faults faults = {.net = {.request_lost = 20,
                                                     .answer_lost = 30,
                                                     .throttled = 10,
                                                     .broken = 10,
                                                     .unavailable = 10,
                                                     .watch_cut = 20,
                                                     .watch_refused = 20,
                                                     .watch_error = 20,
                                                     .watch_doubled = 50},
                                             .misanswered = 30,
                                             .page_expired = 200,
                                             .way_most = 150};
    struct bench b;
    struct sim_counts counts;

    bench_begin(&b, seed);
    b.desired = 6;
    sim_apply(b.sim, &bench_rows[DEFINITIONS], bench_definition(MESHES, false));
    sim_faults(b.sim, &faults);
    for (int i = 0; i < 150; i++) {
        uint32_t r = sim_random(b.sim);
        if (r % 50 == 0)
            sim_set_down(b.sim, r & 1024);
        if (r % 60 == 1) { /* the operator is killed and started again */
            kube_cluster_free(b.cluster);
            bench_begin_cluster(&b);
        }
        meddle(&b);
        sim_run(b.sim, r / 4096 % 800);
    }
    sim_set_down(b.sim, false);
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(400));
    if (!is_converged(&b))
        fail_msg("seed %lu: not converged (%s)", (unsigned long)seed, kube_cluster_error(b.cluster));
    if (*kube_cluster_error(b.cluster))
        fail_msg("seed %lu: %s", (unsigned long)seed, kube_cluster_error(b.cluster));
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(600));
    counts = sim_take_counts(b.sim);
    if (counts.writes || counts.lists || counts.reads || counts.discovery || counts.version)
        fail_msg("seed %lu: not quiet: %u writes, %u lists, %u reads, %u documents, %u probes", (unsigned long)seed,
                 counts.writes, counts.lists, counts.reads, counts.discovery, counts.version);
    bench_finish(&b);
}

static void under_faults_it_converges_and_is_quiet(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_what_is_served_and_what_is_there),
        cmocka_unit_test(large_and_deep_objects_do_not_keep_others_from_being_read),
        cmocka_unit_test(changes_are_followed_and_told_together),
        cmocka_unit_test(when_settled_only_watches_are_opened_again),
        cmocka_unit_test(a_server_that_is_away_is_asked_by_one_request_at_a_time),
        cmocka_unit_test(a_server_that_is_not_there_at_the_start_is_waited_for),
        cmocka_unit_test(answers_to_actions_are_seen_before_the_watch_tells),
        cmocka_unit_test(an_answer_of_success_that_is_no_answer_is_not_believed),
        cmocka_unit_test(what_a_failed_write_tells_of_is_read),
        cmocka_unit_test(what_matters_and_no_watch_tells_of_is_read_every_ten_minutes),
        cmocka_unit_test(what_does_not_matter_is_not_read_again),
        cmocka_unit_test(a_history_that_was_set_back_is_followed),
        cmocka_unit_test(a_deletion_is_noticed_whatever_is_odd_in_its_event),
        cmocka_unit_test(freeing_in_the_middle_leaves_nothing),
        cmocka_unit_test(a_server_with_too_much_is_dropped_until_it_has_less),
        cmocka_unit_test(a_server_that_comes_to_have_too_much_is_dropped_too),
        cmocka_unit_test(a_server_with_too_much_that_goes_away_is_reported_as_away),
        cmocka_unit_test(under_faults_it_converges_and_is_quiet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
