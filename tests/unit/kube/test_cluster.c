#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "json/build.h"
#include "json/doc.h"
#include "kube/cluster.h"
#include "sim.h"

#define OWNER "example.com/owner"
#define SPACE "istio-system"

/* Roles of clusters. */
enum { FIRST = 1, SECOND = 2 };

enum { DEFINITIONS, MAPS, GATEWAYS, MESHES, PODS, COUNTED, KINDS };

static char *name_of(const json_t *object)
{
    return str_dup(doc_string(object, "metadata", "name"));
}

static const struct kube_kind rows[KINDS] = {
    [DEFINITIONS] = {.kind = "CustomResourceDefinition",
                     .plural = "customresourcedefinitions",
                     .group = "apiextensions.k8s.io",
                     .versions = {{"v1", 16, 0}, {"v1beta1", 7, 21}},
                     .roles = FIRST | SECOND,
                     .watch = KUBE_WATCH_OURS},
    [MAPS] = {.kind = "ConfigMap",
              .plural = "configmaps",
              .group = "",
              .versions = {{"v1", 0, 0}},
              .namespaced = true,
              .roles = FIRST | SECOND,
              .watch = KUBE_WATCH_OURS},
    [GATEWAYS] = {.kind = "Gateway",
                  .plural = "gateways",
                  .group = "networking.istio.io",
                  .versions = {{"v1alpha3", 0, 0}},
                  .namespaced = true,
                  .roles = FIRST,
                  .watch = KUBE_WATCH_OURS,
                  .custom = true},
    [MESHES] = {.kind = "Mesh",
                .plural = "meshes",
                .group = "example.com",
                .versions = {{"v1", 0, 0}},
                .namespaced = true,
                .roles = FIRST,
                .watch = KUBE_WATCH_ALL,
                .custom = true},
    [PODS] = {.kind = "Pod",
              .plural = "pods",
              .group = "",
              .versions = {{"v1", 0, 0}},
              .namespaced = true,
              .roles = FIRST,
              .watch = KUBE_WATCH_NONE},
    [COUNTED] = {.kind = "Pod",
                 .plural = "pods",
                 .group = "",
                 .versions = {{"v1", 0, 0}},
                 .namespaced = true,
                 .watch = KUBE_WATCH_NONE,
                 .view = "counted",
                 .brief = name_of},
};
static const struct kube_kind_table table = {rows, KINDS};

struct bench {
    struct sim *sim;
    struct kube_cluster *cluster;
    int changes; /* times that `changed` ran */
    int actions, actions_failed;
    int wanted; /* ConfigMaps c0.. that a reconciling owner keeps; 0: it does nothing */
};

static json_t *object(const char *api_version, const char *kind, const char *name, bool ours)
{
    return OBJECT(S("apiVersion", api_version), S("kind", kind),
                  MAP("metadata", S("name", name), S("namespace", SPACE), OPT(ours, MAP("labels", S(OWNER, "me")))));
}

static json_t *config_map(const char *name, bool ours)
{
    return object("v1", "ConfigMap", name, ours);
}

static json_t *definition(int row, bool ours)
{
    const struct kube_kind *kind = &rows[row];
    _cleanup_free_ char *name = str_printf("%s.%s", kind->plural, kind->group);

    return OBJECT(S("apiVersion", "apiextensions.k8s.io/v1"), S("kind", "CustomResourceDefinition"),
                  MAP("metadata", S("name", name), OPT(ours, MAP("labels", S(OWNER, "me")))),
                  MAP("spec", S("group", kind->group), MAP("names", S("plural", kind->plural)),
                      SEQ("versions", ITEM(S("name", kind->versions[0].name), B("served", true)))));
}

static void put_action(struct bench *b, enum kube_verb verb, const char *name, json_t *body, const char *uid)
{
    struct kube_action a = {.verb = verb,
                            .kind = &rows[MAPS],
                            .version = str_dup("v1"),
                            .ns = str_dup(SPACE),
                            .name = str_dup(name),
                            .uid = str_dup(uid),
                            .body = body ? doc_text(body) : NULL,
                            .reason = str_dup("test")};

    json_decref(body);
    kube_queue_put(kube_cluster_queue(b->cluster), &a);
}

/* A planner in small: ConfigMaps c0..cN with wanted: yes, and nothing else that is ours. */
static void reconcile(struct bench *b)
{
    struct kube_cache *cache = kube_cluster_cache(b->cluster);
    const struct kube_object *o;

    for (int i = 0; i < b->wanted; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        _cleanup_json_ json_t *live = NULL;
        json_t *body = config_map(name, true);
        json_object_set_new(body, "data", OBJECT(S("wanted", "yes")));
        o = kube_cache_get(cache, &rows[MAPS], SPACE, name);
        live = o ? kube_object_parse(o) : NULL;
        if (!live) {
            put_action(b, KUBE_CREATE, name, body, NULL);
        } else if (!str_eq(doc_string(live, "data", "wanted"), "yes") || !o->owner) {
            json_object_set_new(json_object_get(body, "metadata"), "resourceVersion", json_string(o->resource_version));
            put_action(b, KUBE_UPDATE, name, body, NULL);
        } else {
            json_decref(body);
        }
    }
    for (size_t i = 0; (o = kube_cache_next(cache, &rows[MAPS], &i));)
        if (o->owner && o->name[0] != 'c')
            put_action(b, KUBE_REMOVE, o->name, NULL, o->uid);
}

static void on_changed(void *context)
{
    struct bench *b = context;

    b->changes++;
    if (b->wanted && kube_cluster_phase(b->cluster) == KUBE_CLUSTER_SYNCED)
        reconcile(b);
}

static void on_action(void *context, const struct kube_action *action, const json_t *answer, const struct err *e)
{
    struct bench *b = context;

    (void)action;
    (void)answer;
    b->actions++;
    b->actions_failed += e != NULL;
}

static void begin_cluster_with(struct bench *b, struct kube_cluster_options options)
{
    options.owner_label = OWNER;
    options.namespace = SPACE;
    options.page_size = options.page_size ? options.page_size : 4;
    b->cluster =
        kube_cluster_new_on(sim_io(b->sim), &table, &options, &(struct kube_cluster_events){on_changed, on_action, b});
    kube_cluster_start(b->cluster);
}

static void begin_cluster_of(struct bench *b, unsigned roles)
{
    begin_cluster_with(b, (struct kube_cluster_options){.roles = roles});
}

static void begin_cluster(struct bench *b)
{
    begin_cluster_of(b, 0);
}

static void begin(struct bench *b, uint64_t seed)
{
    *b = (struct bench){.sim = sim_new(&table, OWNER, seed)};
    begin_cluster(b);
}

static void finish(struct bench *b)
{
    kube_cluster_free(b->cluster);
    sim_free(b->sim);
}

static void begin_synced(struct bench *b)
{
    begin(b, 1);
    sim_apply(b->sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_run(b->sim, 500);
    assert_int_equal(kube_cluster_phase(b->cluster), KUBE_CLUSTER_SYNCED);
    assert_string_equal(kube_cluster_error(b->cluster), "");
    sim_take_counts(b->sim);
    b->changes = 0;
}

static const struct kube_object *cached(const struct bench *b, int row, const char *name)
{
    return kube_cache_get(kube_cluster_cache(b->cluster), &rows[row], rows[row].namespaced ? SPACE : NULL, name);
}

static const char *served(const struct bench *b, int row)
{
    return kube_server_version(kube_cluster_server(b->cluster), &rows[row]);
}

/* Whether the cache holds what the server has, as far as the kind's watch selects. */
static bool agrees(const struct bench *b, int row)
{
    const struct kube_kind *kind = &rows[row];
    const struct kube_object *o;
    const json_t *live;
    size_t selected = 0;

    for (size_t i = 0; (live = sim_next(b->sim, kind, &i));) {
        if (kind->watch == KUBE_WATCH_OURS && !doc_string(live, "metadata", "labels", OWNER))
            continue;
        o = kube_cache_get(kube_cluster_cache(b->cluster), kind, doc_string(live, "metadata", "namespace"),
                           doc_string(live, "metadata", "name"));
        if (!o || !str_eq(o->resource_version, doc_string(live, "metadata", "resourceVersion")))
            return false;
        selected++;
    }
    return kube_cache_count(kube_cluster_cache(b->cluster), kind) == selected;
}

static void it_learns_what_is_served_and_what_is_there(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, 1);
    for (int i = 0; i < 10; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        sim_apply(b.sim, &rows[MAPS], config_map(name, i % 2 == 0 || i > 4));
    }
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_CONNECTING);
    assert_null(kube_cluster_server(b.cluster));
    sim_run(b.sim, 500);
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_string_equal(kube_cluster_server(b.cluster)->git_version, "v1.20.2");
    assert_int_equal(kube_cluster_server(b.cluster)->minor, 20);
    assert_string_equal(served(&b, MAPS), "v1");
    assert_null(served(&b, GATEWAYS));
    /* In pages of four. */
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[MAPS]), 8);
    assert_true(agrees(&b, MAPS));
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[MAPS]));
    assert_false(kube_cluster_watch_synced(b.cluster, &rows[GATEWAYS]));
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_true(kube_cluster_last_contact(b.cluster) > 0);
    finish(&b);
}

static void rows_of_other_roles_are_not_there(void **state)
{
    struct bench b = {.sim = sim_new(&table, OWNER, 1)};

    (void)state;
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
    sim_apply(b.sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_apply(b.sim, &rows[MAPS], config_map("c0", true));
    sim_apply(b.sim, &rows[GATEWAYS], object("networking.istio.io/v1alpha3", "Gateway", "g", true));
    sim_apply(b.sim, &rows[PODS], object("v1", "Pod", "p", false));
    begin_cluster_of(&b, SECOND);
    sim_run(b.sim, 500);
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_int_equal(kube_cluster_stats(b.cluster)->watches_wanted, 2);
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_non_null(cached(&b, MAPS, "c0"));
    sim_take_counts(b.sim);

    /* Whatever is asked of them, and whatever their definitions say. */
    kube_cluster_watch(b.cluster, &rows[PODS], NULL, NULL, NULL, true);
    kube_cluster_fetch(b.cluster, &rows[GATEWAYS], SPACE, "g");
    sim_delete(b.sim, &rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
    sim_run(b.sim, SECONDS(120));
    for (int row = GATEWAYS; row < KINDS; row++) {
        assert_null(served(&b, row));
        assert_false(kube_cluster_watch_synced(b.cluster, &rows[row]));
        assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[row]), 0);
    }
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_int_equal(sim_take_counts(b.sim).discovery, 0);

    /* The connection is lost and comes back: nothing of them either. */
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(10));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(60));
    assert_int_equal(sim_open_watches(b.sim), 2);
    assert_true(agrees(&b, MAPS));
    finish(&b);
}

static void changes_are_followed_and_told_together(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    for (int i = 0; i < 50; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        sim_apply(b.sim, &rows[MAPS], config_map(name, true));
    }
    sim_run(b.sim, 100);
    assert_true(agrees(&b, MAPS));
    /* Simulated turns are a millisecond long. */
    assert_in_range(b.changes, 1, 20);
    sim_delete(b.sim, &rows[MAPS], SPACE, "c7");
    sim_apply(b.sim, &rows[MAPS], config_map("c8", false));
    sim_run(b.sim, 100);
    assert_null(cached(&b, MAPS, "c7"));
    assert_null(cached(&b, MAPS, "c8"));
    assert_true(agrees(&b, MAPS));
    finish(&b);
}

static void when_settled_only_watches_are_opened_again(void **state)
{
    struct bench b;
    struct sim_counts counts;

    (void)state;
    begin_synced(&b);
    sim_run(b.sim, SECONDS(3600));
    counts = sim_take_counts(b.sim);
    assert_int_equal(counts.discovery + counts.version + counts.lists + counts.reads + counts.writes, 0);
    /* Three watches, each at most twice in ten minutes and at least once in twelve. */
    assert_in_range(counts.watches, 3 * 5, 3 * 12);
    assert_int_equal(b.changes, 0);
    finish(&b);
}

static void a_custom_kind_is_watched_once_its_definition_is_established(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    assert_null(served(&b, GATEWAYS));
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
    sim_run(b.sim, 50);
    assert_string_equal(served(&b, GATEWAYS), "v1alpha3");
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[GATEWAYS]));
    sim_apply(b.sim, &rows[GATEWAYS], object("networking.istio.io/v1alpha3", "Gateway", "g", true));
    sim_run(b.sim, 50);
    assert_non_null(cached(&b, GATEWAYS, "g"));

    sim_delete(b.sim, &rows[GATEWAYS], SPACE, "g");
    sim_delete(b.sim, &rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
    sim_run(b.sim, SECONDS(5));
    assert_null(served(&b, GATEWAYS));
    assert_int_equal(sim_open_watches(b.sim), 3);
    /* And nobody asks for it any more. */
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(120));
    assert_int_equal(sim_take_counts(b.sim).discovery, 0);
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[GATEWAYS]));
    finish(&b);
}

static void a_definition_without_our_label_counts_as_well(void **state)
{
    struct bench b;

    (void)state;
    /* From the start: discovery tells. */
    begin(&b, 1);
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, false));
    sim_run(b.sim, 500);
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[GATEWAYS]));
    assert_null(cached(&b, DEFINITIONS, "gateways.networking.istio.io"));
    /* When it loses its label, the kind is still served. */
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
    sim_run(b.sim, 500);
    sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, false));
    sim_run(b.sim, SECONDS(5));
    assert_null(cached(&b, DEFINITIONS, "gateways.networking.istio.io"));
    assert_string_equal(served(&b, GATEWAYS), "v1alpha3");
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[GATEWAYS]));
    finish(&b);
}

static void kinds_that_users_write_are_waited_for(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, 1);
    sim_run(b.sim, SECONDS(60));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_null(served(&b, MESHES));
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(300));
    /* One document each time, rarely. */
    assert_in_range(sim_take_counts(b.sim).discovery, 9, 14);
    sim_apply(b.sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_run(b.sim, SECONDS(31));
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[MESHES]));
    finish(&b);
}

static void a_short_absence_of_a_kind_forgets_nothing(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[MESHES], object("example.com/v1", "Mesh", "m", false));
    sim_run(b.sim, 50);
    assert_non_null(cached(&b, MESHES, "m"));
    /* As a server does that has just started: 404 for what it has not loaded yet. */
    sim_delete(b.sim, &rows[DEFINITIONS], NULL, "meshes.example.com");
    sim_set_down(b.sim, true);
    sim_run(b.sim, 500);
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(10));
    assert_non_null(cached(&b, MESHES, "m"));
    sim_apply(b.sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_run(b.sim, SECONDS(30));
    assert_non_null(cached(&b, MESHES, "m"));
    assert_string_equal(served(&b, MESHES), "v1");
    /* A long one is believed. */
    sim_delete(b.sim, &rows[DEFINITIONS], NULL, "meshes.example.com");
    sim_set_down(b.sim, true);
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(120));
    assert_null(cached(&b, MESHES, "m"));
    assert_null(served(&b, MESHES));
    finish(&b);
}

static void an_object_that_is_not_found_stays_while_its_kind_may_only_be_absent(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[MESHES], object("example.com/v1", "Mesh", "m", false));
    sim_run(b.sim, 50);
    /* 404 for the kind, and so for each of its objects. */
    sim_delete(b.sim, &rows[DEFINITIONS], NULL, "meshes.example.com");
    kube_cluster_fetch(b.cluster, &rows[MESHES], SPACE, "m");
    sim_run(b.sim, SECONDS(10));
    assert_non_null(cached(&b, MESHES, "m"));
    sim_apply(b.sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_run(b.sim, SECONDS(30));
    assert_non_null(cached(&b, MESHES, "m"));
    /* One that is gone is not in the list that the doubt leads to. */
    sim_delete(b.sim, &rows[MESHES], SPACE, "m");
    kube_cluster_fetch(b.cluster, &rows[MESHES], SPACE, "m");
    sim_run(b.sim, SECONDS(30));
    assert_null(cached(&b, MESHES, "m"));
    finish(&b);
}

static void a_server_that_is_away_is_asked_by_one_request_at_a_time(void **state)
{
    struct bench b;
    unsigned in_vain;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[MAPS], config_map("c0", true));
    sim_run(b.sim, 50);
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(60));
    in_vain = sim_take_counts(b.sim).in_vain;
    assert_in_range(in_vain, 15, 40);
    /* Not by which request it was found out. */
    assert_string_equal(kube_cluster_error(b.cluster), "simulated: 0");
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    assert_non_null(cached(&b, MAPS, "c0"));
    put_action(&b, KUBE_CREATE, "c1", config_map("c1", true), NULL);
    sim_run(b.sim, SECONDS(1));
    assert_int_equal(b.actions, 0);

    sim_apply(b.sim, &rows[MAPS], config_map("c2", true));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(5));
    assert_string_equal(kube_cluster_error(b.cluster), "");
    assert_int_equal(b.actions, 1);
    assert_int_equal(b.actions_failed, 0);
    assert_true(agrees(&b, MAPS));
    assert_int_equal(sim_open_watches(b.sim), 3);
    finish(&b);
}

static void a_server_that_is_not_there_at_the_start_is_waited_for(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, 1);
    sim_set_down(b.sim, true);
    sim_run(b.sim, SECONDS(20));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_CONNECTING);
    assert_string_equal(kube_cluster_error(b.cluster), "simulated: 0");
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(4));
    assert_int_equal(kube_cluster_phase(b.cluster), KUBE_CLUSTER_SYNCED);
    finish(&b);
}

static void answers_to_actions_are_seen_before_the_watch_tells(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_faults(b.sim, &(struct sim_faults){.cut = 1000}); /* no event ever arrives whole */
    put_action(&b, KUBE_CREATE, "c0", config_map("c0", true), NULL);
    while (!b.actions)
        sim_run(b.sim, 1);
    assert_int_equal(b.actions_failed, 0);
    assert_non_null(cached(&b, MAPS, "c0"));
    put_action(&b, KUBE_REMOVE, "c0", NULL, cached(&b, MAPS, "c0")->uid);
    while (b.actions < 2)
        sim_run(b.sim, 1);
    assert_null(cached(&b, MAPS, "c0"));
    finish(&b);
}

static void an_answer_of_success_that_is_no_answer_is_not_believed(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[MAPS], config_map("c0", true));
    sim_run(b.sim, 50);
    sim_faults(b.sim, &(struct sim_faults){.misanswered = 1000});
    for (int i = 1; i <= 20; i++) {
        /* What failed is held back for a while. */
        while (b.actions < i) {
            put_action(&b, KUBE_REMOVE, "c0", NULL, cached(&b, MAPS, "c0")->uid);
            sim_run(b.sim, 100);
        }
        assert_int_equal(b.actions_failed, i);
        assert_non_null(cached(&b, MAPS, "c0"));
    }
    sim_faults(b.sim, NULL);
    finish(&b);
}

static void what_a_failed_write_tells_of_is_read(void **state)
{
    struct bench b;
    const struct kube_object *o;

    (void)state;
    begin_synced(&b);
    /* Somebody else's, without our label: no watch tells of it. */
    sim_apply(b.sim, &rows[MAPS], config_map("c0", false));
    put_action(&b, KUBE_CREATE, "c0", config_map("c0", true), NULL);
    sim_run(b.sim, 50);
    assert_int_equal(b.actions_failed, 1);
    o = cached(&b, MAPS, "c0");
    assert_non_null(o);
    assert_null(o->owner);
    /* It is deleted, and no watch tells. */
    sim_delete(b.sim, &rows[MAPS], SPACE, "c0");
    sim_run(b.sim, SECONDS(1));
    put_action(&b, KUBE_UPDATE, "c0", config_map("c0", true), NULL);
    sim_run(b.sim, 50);
    assert_int_equal(b.actions_failed, 2);
    assert_null(cached(&b, MAPS, "c0"));
    finish(&b);
}

/* Made by somebody else, read because a create was refused, and known as it was then. */
static void begin_with_unwatched(struct bench *b)
{
    begin_synced(b);
    sim_apply(b->sim, &rows[MAPS], config_map("c0", false));
    put_action(b, KUBE_CREATE, "c0", config_map("c0", true), NULL);
    sim_run(b->sim, 50);
    assert_non_null(cached(b, MAPS, "c0"));
}

static void what_matters_and_no_watch_tells_of_is_read_every_ten_minutes(void **state)
{
    struct bench b;

    (void)state;
    begin_with_unwatched(&b);
    ((struct kube_object *)cached(&b, MAPS, "c0"))->matters = true;
    sim_take_counts(b.sim);
    sim_run(b.sim, SECONDS(610));
    assert_int_equal(sim_take_counts(b.sim).reads, 1);
    b.changes = 0;
    sim_delete(b.sim, &rows[MAPS], SPACE, "c0");
    sim_run(b.sim, SECONDS(610));
    assert_null(cached(&b, MAPS, "c0"));
    assert_in_range(b.changes, 1, 10);
    finish(&b);
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
    sim_apply(b.sim, &rows[MAPS], config_map("c0", true));
    sim_run(b.sim, 50);
    ((struct kube_object *)cached(&b, MAPS, "c0"))->matters = true;
    sim_run(b.sim, SECONDS(1300));
    assert_int_equal(sim_take_counts(b.sim).reads, 0);
    finish(&b);
}

static void a_watch_can_be_asked_for(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[PODS], object("v1", "Pod", "p", false));
    sim_run(b.sim, 50);
    assert_null(cached(&b, PODS, "p"));
    kube_cluster_watch(b.cluster, &rows[PODS], SPACE, NULL, NULL, true);
    kube_cluster_watch(b.cluster, &rows[PODS], SPACE, NULL, NULL, true);
    assert_false(kube_cluster_watch_synced(b.cluster, &rows[PODS]));
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[PODS]));
    assert_non_null(cached(&b, PODS, "p"));
    assert_int_equal(kube_cluster_stats(b.cluster)->watches_open, 4);
    /* Of another namespace. */
    kube_cluster_watch(b.cluster, &rows[PODS], "elsewhere", NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_null(cached(&b, PODS, "p"));
    assert_int_equal(sim_open_watches(b.sim), 4);
    kube_cluster_watch(b.cluster, &rows[PODS], NULL, NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_non_null(cached(&b, PODS, "p"));
    kube_cluster_watch(b.cluster, &rows[PODS], NULL, NULL, NULL, false);
    assert_null(cached(&b, PODS, "p"));
    sim_run(b.sim, 50);
    assert_int_equal(sim_open_watches(b.sim), 3);
    finish(&b);
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
    begin_synced(&b);
    expect_open(&b, 3);
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &rows[MAPS], config_map("a", true));
    sim_run(b.sim, SECONDS(590));
    assert_null(cached(&b, MAPS, "a"));
    sim_run(b.sim, SECONDS(20));
    assert_non_null(cached(&b, MAPS, "a"));
    /* What is there is watched. */
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 3);
    sim_delete(b.sim, &rows[MAPS], SPACE, "a");
    sim_run(b.sim, 50);
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 2);
    finish(&b);
}

static void a_kind_that_is_needed_again_is_watched_at_once(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &rows[MAPS], config_map("a", true));
    kube_cluster_need(b.cluster, &rows[MAPS], true);
    expect_open(&b, 3);
    assert_true(agrees(&b, MAPS));
    sim_apply(b.sim, &rows[MAPS], config_map("b", true));
    sim_run(b.sim, 50);
    assert_true(agrees(&b, MAPS));
    finish(&b);
}

static void all_is_listed_anew_when_it_is_asked_for(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    assert_true(kube_cluster_is_listed_anew(b.cluster));
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 2);
    sim_apply(b.sim, &rows[MAPS], config_map("a", true));
    sim_take_counts(b.sim);
    b.changes = 0;
    kube_cluster_list_anew(b.cluster);
    assert_false(kube_cluster_is_listed_anew(b.cluster));
    /* Before it was listed nothing goes to rest. */
    kube_cluster_need(b.cluster, &rows[MAPS], false);
    expect_open(&b, 3);
    assert_true(kube_cluster_is_listed_anew(b.cluster));
    assert_int_equal(sim_take_counts(b.sim).lists, 3);
    assert_in_range(b.changes, 1, 10);
    assert_true(agrees(&b, MAPS));
    /* Not by a server that is away. */
    sim_set_down(b.sim, true);
    kube_cluster_list_anew(b.cluster);
    sim_run(b.sim, SECONDS(60));
    assert_false(kube_cluster_is_listed_anew(b.cluster));
    sim_set_down(b.sim, false);
    sim_run(b.sim, SECONDS(60));
    assert_true(kube_cluster_is_listed_anew(b.cluster));
    finish(&b);
}

static void what_users_write_does_not_rest(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    kube_cluster_need(b.cluster, &rows[MESHES], false);
    expect_open(&b, 3);
    finish(&b);
}

/* Both looks at the kind are apart, and counts are told once a second. */
static void what_is_only_counted_is_told_now_and_then(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    kube_cluster_watch(b.cluster, &rows[PODS], "elsewhere", NULL, NULL, true);
    kube_cluster_watch(b.cluster, &rows[COUNTED], NULL, NULL, NULL, true);
    sim_run(b.sim, 50);
    assert_true(kube_cluster_watch_synced(b.cluster, &rows[COUNTED]));
    b.changes = 0;
    for (int i = 0; i < 90; i++) {
        _cleanup_free_ char *name = str_printf("p%d", i);
        sim_apply(b.sim, &rows[PODS], object("v1", "Pod", name, false));
        sim_run(b.sim, 20);
    }
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[COUNTED]), 90);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[PODS]), 0);
    assert_int_equal(b.changes, 1);
    sim_run(b.sim, 1000);
    assert_int_equal(b.changes, 2);
    sim_delete(b.sim, &rows[PODS], SPACE, "p7");
    sim_run(b.sim, 2000);
    assert_int_equal(b.changes, 3);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[COUNTED]), 89);
    finish(&b);
}

static void a_history_that_was_set_back_is_followed(void **state)
{
    struct bench b;

    (void)state;
    begin_synced(&b);
    sim_apply(b.sim, &rows[MAPS], config_map("c0", true));
    sim_apply(b.sim, &rows[MAPS], config_map("c1", true));
    sim_run(b.sim, 50);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[MAPS]), 2);
    sim_set_down(b.sim, true);
    sim_rewind(b.sim);
    sim_apply(b.sim, &rows[MAPS], config_map("c1", true));
    sim_set_down(b.sim, false);
    /* The first watches wait in vain for versions to come; 410 leads them back. */
    sim_faults(b.sim, &(struct sim_faults){.expired = 1000});
    sim_run(b.sim, SECONDS(1));
    sim_faults(b.sim, NULL);
    sim_run(b.sim, SECONDS(700));
    assert_true(agrees(&b, MAPS));
    assert_null(cached(&b, MAPS, "c0"));
    finish(&b);
}

static void freeing_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    for (msec_t at = 0; at < 40; at++) {
        struct bench b;
        begin(&b, (uint64_t)at);
        sim_apply(b.sim, &rows[DEFINITIONS], definition(GATEWAYS, true));
        sim_run(b.sim, at);
        put_action(&b, KUBE_CREATE, "c0", config_map("c0", true), NULL);
        kube_cluster_fetch(b.cluster, &rows[MAPS], SPACE, "c1");
        sim_run(b.sim, 1);
        finish(&b);
    }
}

/* Somebody else at work. */
static void meddle(struct bench *b)
{
    uint32_t r = sim_random(b->sim);
    _cleanup_free_ char *name = str_printf("%c%u", r % 16 == 0 ? 'x' : 'c', r / 16 % 8);
    json_t *other;

    switch (r / 128 % 4) {
    case 0:
        sim_delete(b->sim, &rows[MAPS], SPACE, name);
        break;
    case 1:
        other = config_map(name, r & 65536);
        json_object_set_new(other, "data", OBJECT(S("wanted", "no")));
        sim_apply(b->sim, &rows[MAPS], other);
        break;
    case 2:
        if (r & 65536)
            sim_apply(b->sim, &rows[DEFINITIONS], definition(GATEWAYS, r & 131072));
        else
            sim_delete(b->sim, &rows[DEFINITIONS], NULL, "gateways.networking.istio.io");
        break;
    default:
        kube_cluster_watch(b->cluster, &rows[PODS], NULL, NULL, NULL, r & 65536);
        sim_apply(b->sim, &rows[PODS], object("v1", "Pod", name, false));
    }
}

enum { HELD_MAX = 1024 * 1024 };

static void begin_limited(struct bench *b)
{
    *b = (struct bench){.sim = sim_new(&table, OWNER, 1), .wanted = 3};
    sim_apply(b->sim, &rows[DEFINITIONS], definition(MESHES, false));
    begin_cluster_with(b, (struct kube_cluster_options){.held_max = HELD_MAX, .page_size = 500});
}

static void put_meshes(struct bench *b, int count, int size)
{
    _cleanup_free_ char *text = str_printf("%0*d", size, 0);

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *name = str_printf("m%d", i);
        json_t *mesh = object("example.com/v1", "Mesh", name, false);
        json_object_set_new(mesh, "spec", OBJECT(S("text", text)));
        sim_apply(b->sim, &rows[MESHES], mesh);
    }
}

static void delete_meshes(struct bench *b, int from, int to)
{
    for (int i = from; i < to; i++) {
        _cleanup_free_ char *name = str_printf("m%d", i);
        sim_delete(b->sim, &rows[MESHES], SPACE, name);
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
    assert_true(agrees(b, MAPS));
    assert_true(agrees(b, MESHES));
    assert_non_null(sim_get(b->sim, &rows[MAPS], SPACE, "c2"));
}

static void a_server_with_too_much_is_dropped_until_it_has_less(void **state)
{
    struct bench b;

    (void)state;
    begin_limited(&b);
    put_meshes(&b, 300, 4000);
    sim_run(b.sim, SECONDS(1));
    expect_too_large(&b);
    /* Lists of three kinds are tried again, later and later. */
    sim_run(b.sim, SECONDS(600));
    assert_in_range(sim_take_counts(b.sim).lists, 3 * 5, 3 * 10);
    delete_meshes(&b, 100, 300);
    sim_run(b.sim, SECONDS(121));
    expect_in_order(&b);
    assert_int_equal(kube_cache_count(kube_cluster_cache(b.cluster), &rows[MESHES]), 100);
    finish(&b);
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
    put_meshes(&b, 2000, 1);
    sim_run(b.sim, SECONDS(1));
    expect_too_large(&b);
    delete_meshes(&b, 100, 2000);
    sim_run(b.sim, SECONDS(121));
    expect_in_order(&b);

    /* What went on meanwhile is seen. */
    sim_delete(b.sim, &rows[MAPS], SPACE, "c2");
    sim_run(b.sim, SECONDS(1));
    expect_in_order(&b);
    finish(&b);
}

static void a_server_with_too_much_that_goes_away_is_told_as_away(void **state)
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
    finish(&b);
}

static bool is_converged(const struct bench *b)
{
    const json_t *live;
    int right = 0;

    for (size_t i = 0; (live = sim_next(b->sim, &rows[MAPS], &i));) {
        bool ours = doc_string(live, "metadata", "labels", OWNER) != NULL;
        if (doc_string(live, "metadata", "name")[0] == 'x' && ours)
            return false;
        right += ours && str_eq(doc_string(live, "data", "wanted"), "yes");
    }
    return right == b->wanted && agrees(b, MAPS) && agrees(b, DEFINITIONS);
}

static void run_seed(uint64_t seed)
{
    static const struct sim_faults faults = {.lost_request = 20,
                                             .lost_answer = 30,
                                             .refused = 30,
                                             .misanswered = 30,
                                             .cut = 20,
                                             .expired = 20,
                                             .repeated = 50,
                                             .delay_most = 300};
    struct bench b;
    struct sim_counts counts;

    begin(&b, seed);
    b.wanted = 6;
    sim_apply(b.sim, &rows[DEFINITIONS], definition(MESHES, false));
    sim_faults(b.sim, &faults);
    for (int i = 0; i < 150; i++) {
        uint32_t r = sim_random(b.sim);
        if (r % 50 == 0)
            sim_set_down(b.sim, r & 1024);
        if (r % 60 == 1) { /* the operator is killed and started again */
            kube_cluster_free(b.cluster);
            begin_cluster(&b);
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
    finish(&b);
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
        cmocka_unit_test(rows_of_other_roles_are_not_there),
        cmocka_unit_test(changes_are_followed_and_told_together),
        cmocka_unit_test(when_settled_only_watches_are_opened_again),
        cmocka_unit_test(a_custom_kind_is_watched_once_its_definition_is_established),
        cmocka_unit_test(a_definition_without_our_label_counts_as_well),
        cmocka_unit_test(kinds_that_users_write_are_waited_for),
        cmocka_unit_test(a_short_absence_of_a_kind_forgets_nothing),
        cmocka_unit_test(an_object_that_is_not_found_stays_while_its_kind_may_only_be_absent),
        cmocka_unit_test(a_server_that_is_away_is_asked_by_one_request_at_a_time),
        cmocka_unit_test(a_server_that_is_not_there_at_the_start_is_waited_for),
        cmocka_unit_test(answers_to_actions_are_seen_before_the_watch_tells),
        cmocka_unit_test(an_answer_of_success_that_is_no_answer_is_not_believed),
        cmocka_unit_test(what_a_failed_write_tells_of_is_read),
        cmocka_unit_test(what_matters_and_no_watch_tells_of_is_read_every_ten_minutes),
        cmocka_unit_test(what_does_not_matter_is_not_read_again),
        cmocka_unit_test(a_watch_can_be_asked_for),
        cmocka_unit_test(a_kind_that_is_not_needed_is_listed_every_ten_minutes),
        cmocka_unit_test(a_kind_that_is_needed_again_is_watched_at_once),
        cmocka_unit_test(all_is_listed_anew_when_it_is_asked_for),
        cmocka_unit_test(what_users_write_does_not_rest),
        cmocka_unit_test(what_is_only_counted_is_told_now_and_then),
        cmocka_unit_test(a_history_that_was_set_back_is_followed),
        cmocka_unit_test(a_server_with_too_much_is_dropped_until_it_has_less),
        cmocka_unit_test(a_server_that_comes_to_have_too_much_is_dropped_too),
        cmocka_unit_test(a_server_with_too_much_that_goes_away_is_told_as_away),
        cmocka_unit_test(freeing_in_the_middle_leaves_nothing),
        cmocka_unit_test(under_faults_it_converges_and_is_quiet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
