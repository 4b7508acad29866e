#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/cache.h"

#define OWNER "example.com/owner"

static const char *const pod_keep[] = {"metadata.labels", "status.phase", "status.containerStatuses[].state.waiting",
                                       NULL};

static const char *const keys_keep[] = {"data.*", "binaryData.*", NULL};

/* Pods that say nothing do not count. */
static char *phase_of(const json_t *object)
{
    return str_dup(doc_string(object, "status", "phase"));
}

static const struct kube_kind rows[] = {
    {.kind = "ConfigMap", .plural = "configmaps", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true},
    {.kind = "ClusterRole", .plural = "clusterroles", .group = "rbac.authorization.k8s.io", .versions = {{"v1", 8, 0}}},
    {.kind = "Pod", .plural = "pods", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true, .keep = pod_keep},
    {.kind = "Pod",
     .plural = "pods",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .view = "phases",
     .digest = phase_of},
    {.kind = "ConfigMap",
     .plural = "configmaps",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .view = "keys",
     .keep = keys_keep},
};
static const struct kube_kind_table table = {rows, ARRAY_LEN(rows)};
static const struct kube_kind *const config_map = &rows[0], *const cluster_role = &rows[1], *const pod = &rows[2],
                                     *const phases = &rows[3], *const keys = &rows[4];

static json_t *map_object(const char *name, const char *uid, const char *version)
{
    return OBJECT(
        S("apiVersion", "v1"), S("kind", "ConfigMap"),
        MAP("metadata", S("name", name), S("namespace", "istio-system"), S("uid", uid), S("resourceVersion", version)));
}

static bool put(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_put(c, config_map, object);
}

static bool put_read(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_put_read(c, config_map, object);
}

static bool put_listed(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_replace_put(c, config_map, object);
}

static bool drop(struct kube_cache *c, const char *name, const char *version)
{
    return kube_cache_remove(c, config_map, "istio-system", name, version);
}

/* The version that is there, "" where none is. */
static const char *version_of(const struct kube_cache *c, const char *name)
{
    const struct kube_object *o = kube_cache_get(c, config_map, "istio-system", name);

    return o ? o->resource_version : "";
}

static void an_object_is_kept_without_managed_fields(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *object = map_object("istio", "u1", "7");
    _cleanup_json_ json_t *parsed = NULL, *expected = doc_copy(object);
    json_t *metadata = json_object_get(object, "metadata");
    struct kube_object *o;

    (void)state;
    json_object_set_new(metadata, "managedFields", ARRAY(ITEM(S("manager", "kubectl"))));
    assert_true(kube_cache_put(c, config_map, object));
    assert_non_null(json_object_get(metadata, "managedFields"));

    o = kube_cache_get(c, config_map, "istio-system", "istio");
    assert_non_null(o);
    assert_string_equal(o->uid, "u1");
    assert_null(o->owner);
    assert_false(o->deleting);
    parsed = kube_object_parse(o);
    assert_true(json_equal(parsed, expected));
    assert_int_equal(kube_cache_bytes(c), o->text_len);
    assert_true(drop(c, "istio", "8"));
    assert_int_equal(kube_cache_bytes(c), 0);
}

static void owner_and_deletion_are_told(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *role =
        OBJECT(MAP("metadata", S("name", "istio"), S("uid", "u"), S("deletionTimestamp", "2020-01-01T00:00:00Z"),
                   MAP("labels", S(OWNER, "me"))));
    struct kube_object *o;

    (void)state;
    assert_true(kube_cache_put(c, cluster_role, role));
    o = kube_cache_get(c, cluster_role, NULL, "istio");
    assert_string_equal(o->owner, "me");
    assert_true(o->deleting);
    assert_null(o->ns);
}

/* Such as no server has, but whatever answers in its place; a request for them would be for something else. */
static void what_has_no_proper_name_is_no_object(void **state)
{
    static const char *const names[] = {"", ".", "..", "a/b", "../x", "a%2fb"};
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_json_ json_t *map = map_object(names[i], "u1", "7"), *elsewhere = map_object("a", "u1", "7");
        json_object_set_new(doc_at(elsewhere, "metadata"), "namespace", json_string(names[i]));
        assert_false(kube_cache_put(c, config_map, map));
        assert_false(kube_cache_put(c, config_map, elsewhere));
    }
    assert_int_equal(kube_cache_count(c, config_map), 0);
}

static void only_what_is_asked_for_is_kept(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *object = OBJECT(
        S("apiVersion", "v1"), S("kind", "Pod"),
        MAP("metadata", S("name", "a"), S("namespace", "b"), S("uid", "u"), S("resourceVersion", "3"),
            MAP("annotations", S("x", "y")), MAP("labels", S("app", "pilot"))),
        MAP("spec", S("nodeName", "n")),
        MAP("status", S("phase", "Pending"), S("podIP", "10.0.0.1"),
            SEQ("containerStatuses", ITEM(S("name", "one"), MAP("state", MAP("waiting", S("reason", "ErrImagePull")))),
                ITEM(S("name", "two"), MAP("state", MAP("running"))))));
    _cleanup_json_ json_t *expected =
        OBJECT(S("apiVersion", "v1"), S("kind", "Pod"),
               MAP("metadata", S("name", "a"), S("namespace", "b"), S("uid", "u"), S("resourceVersion", "3"),
                   MAP("labels", S("app", "pilot"))),
               MAP("status", S("phase", "Pending"),
                   SEQ("containerStatuses", ITEM(MAP("state", MAP("waiting", S("reason", "ErrImagePull")))),
                       ITEM(MAP("state")))));
    _cleanup_json_ json_t *parsed = NULL;

    (void)state;
    assert_true(kube_cache_put(c, pod, object));
    parsed = kube_object_parse(kube_cache_get(c, pod, "b", "a"));
    assert_true(json_equal(parsed, expected));
}

static void of_a_map_the_keys_can_be_kept_alone(void **state)
{
    static const char *const cases[][2] = {
        {"{\"data\": {\"a\": \"secret\", \"b\": {\"c\": 1}}, \"binaryData\": {\"d\": \"AA==\"}}",
         "{\"data\": {\"a\": null, \"b\": null}, \"binaryData\": {\"d\": null}}"},
        {"{\"data\": {}}", "{\"data\": {}}"},
        {"{\"data\": null}", "{}"},
        {"{\"data\": [\"secret\"], \"binaryData\": \"secret\"}", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
        _cleanup_json_ json_t *object = json_loads(cases[i][0], 0, NULL), *parsed = NULL,
                              *expected = json_loads(cases[i][1], 0, NULL);

        json_object_set_new(object, "metadata", OBJECT(S("name", "a"), S("namespace", "b"), S("uid", "u")));
        assert_true(kube_cache_put(c, keys, object));
        parsed = kube_object_parse(kube_cache_get(c, keys, "b", "a"));
        json_object_del(parsed, "metadata");
        assert_true(json_equal(parsed, expected));
    }
}

static void what_is_no_object_is_ignored(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"metadata\":7}",
        "{\"metadata\":{\"name\":1}}",
        "{\"metadata\":{\"name\":\"a\"}}",
        "{\"metadata\":{\"name\":\"a\",\"namespace\":false}}",
    };
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_json_ json_t *object = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        assert_false(kube_cache_put(c, config_map, object));
    }
    assert_int_equal(kube_cache_count(c, config_map), 0);
}

static uint64_t *memo_of(const struct kube_cache *c, const void *owner)
{
    return kube_object_memo(kube_cache_get(c, config_map, "istio-system", "a"), owner);
}

static void a_memo_lives_as_long_as_the_version_it_is_of(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    static const char reader;

    (void)state;
    assert_true(put(c, "a", "u1", "9"));
    assert_int_equal(*memo_of(c, &reader), 0);
    *memo_of(c, &reader) = 42;
    assert_false(put(c, "a", "u1", "9"));
    assert_false(put(c, "a", "u1", "8"));
    assert_int_equal(*memo_of(c, &reader), 42);
    assert_true(put(c, "a", "u1", "10"));
    assert_int_equal(*memo_of(c, &reader), 0);
}

static void a_memo_is_not_read_by_another_reader(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    static const char readers[2];

    (void)state;
    assert_true(put(c, "a", "u1", "9"));
    *memo_of(c, &readers[0]) = 42;
    assert_int_equal(*memo_of(c, &readers[1]), 0);
    *memo_of(c, &readers[1]) = 43;
    assert_int_equal(*memo_of(c, &readers[1]), 43);
    assert_int_equal(*memo_of(c, &readers[0]), 0);
}

static void the_newest_version_wins(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    assert_true(put(c, "a", "u1", "9"));
    assert_false(put(c, "a", "u1", "9"));
    assert_false(put(c, "a", "u1", "8"));
    assert_true(put(c, "a", "u1", "10"));
    /* Opaque versions: the later arrival. */
    assert_true(put(c, "a", "u1", "x"));
    assert_false(put(c, "a", "u1", "x"));
    assert_true(put(c, "a", "u1", "w"));
}

static void objects_come_in_the_order_of_arrival(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    const char *const names[] = {"c", "a", "b"};
    size_t position = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        put(c, names[i], "u", "1");
    put(c, "c", "u", "2");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(kube_cache_next(c, config_map, &position)->name, names[i]);
    assert_null(kube_cache_next(c, config_map, &position));
}

static void what_was_deleted_does_not_come_back(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    put(c, "a", "u1", "5");
    assert_true(drop(c, "a", "8"));
    assert_false(drop(c, "a", "8"));
    assert_false(put(c, "a", "u1", "7"));
    assert_true(put(c, "a", "u2", "9"));
    /* The first one's deletion, once more. */
    assert_false(drop(c, "a", "8"));
    assert_string_equal(version_of(c, "a"), "9");

    /* The deletion's event arrives before anything else is known of the object. */
    assert_false(drop(c, "b", "20"));
    assert_false(put(c, "b", "u3", "19"));

    /* We deleted it and know no version: nothing of that uid counts any more. */
    assert_true(drop(c, "a", NULL));
    assert_false(put(c, "a", "u2", "12"));
    assert_false(put_read(c, "a", "u2", "12"));
    assert_true(put(c, "a", "u4", "15"));
}

static void an_object_that_lost_its_label_can_be_read_again(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    put(c, "a", "u1", "5");
    drop(c, "a", "8");
    kube_cache_seen(c, config_map, "8");
    assert_true(put_read(c, "a", "u1", "8"));
    assert_string_equal(version_of(c, "a"), "8");
    /* The same where a list is the first to miss it. */
    kube_cache_replace_begin(c, config_map, "12", false);
    kube_cache_replace_end(c, config_map, "12", &changed, &rewound);
    assert_true(changed);
    assert_true(put_read(c, "a", "u1", "8"));
}

static void a_late_answer_brings_nothing_back_that_the_watch_passed(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    kube_cache_replace_begin(c, config_map, "10", false);
    kube_cache_replace_end(c, config_map, "10", &changed, &rewound);
    assert_false(changed);
    assert_false(put(c, "a", "u1", "5"));
    assert_true(put(c, "a", "u1", "11"));
    kube_cache_seen(c, config_map, "20");
    assert_false(put(c, "b", "u2", "20"));
    assert_true(put_read(c, "b", "u2", "3"));
    assert_true(put(c, "c", "u3", "21"));
}

/* "c b a", the last one first; owned by the caller. */
static char *changed_since(struct kube_cache *c, const struct kube_kind *kind, uint64_t since)
{
    struct kube_object *o = NULL;
    struct buf names = BUF_INIT;

    while ((o = kube_cache_next_changed(c, kind, since, o)))
        buf_printf(&names, "%s%s", names.len ? " " : "", o->name);
    return buf_take(&names);
}

static void expect_changed(struct kube_cache *c, const struct kube_kind *kind, uint64_t since, const char *names)
{
    _cleanup_free_ char *changed = changed_since(c, kind, since);

    assert_string_equal(changed, names);
}

static void what_changed_is_told_with_the_last_one_first(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    uint64_t since;
    bool changed, rewound;

    (void)state;
    expect_changed(c, config_map, 0, "");
    put(c, "a", "1", "1");
    put(c, "b", "2", "2");
    put(c, "c", "3", "3");
    expect_changed(c, config_map, 0, "c b a");
    since = kube_cache_changes(c, config_map);
    expect_changed(c, config_map, since, "");
    put(c, "a", "1", "4");
    expect_changed(c, config_map, since, "a");
    expect_changed(c, config_map, 0, "a c b");
    put(c, "a", "1", "4"); /* nothing new */
    put(c, "c", "3", "2");
    expect_changed(c, config_map, since, "a");
    put(c, "b", "2", "5");
    put(c, "a", "1", "6");
    expect_changed(c, config_map, since, "a b");
    assert_false(kube_cache_lost_since(c, config_map, since));

    kube_cache_remove(c, config_map, "istio-system", "a", "7");
    expect_changed(c, config_map, since, "b");
    assert_true(kube_cache_lost_since(c, config_map, since));
    since = kube_cache_changes(c, config_map);
    assert_false(kube_cache_lost_since(c, config_map, since));
    /* A list that replaces what was there. */
    kube_cache_replace_begin(c, config_map, "9", false);
    {
        _cleanup_json_ json_t *b = map_object("b", "2", "5"), *d = map_object("d", "4", "8");
        kube_cache_replace_put(c, config_map, b);
        kube_cache_replace_put(c, config_map, d);
    }
    kube_cache_replace_end(c, config_map, "9", &changed, &rewound);
    expect_changed(c, config_map, since, "d");
    assert_true(kube_cache_lost_since(c, config_map, since));
    since = kube_cache_changes(c, config_map);
    kube_cache_clear_all(c);
    expect_changed(c, config_map, 0, "");
    assert_true(kube_cache_lost_since(c, config_map, since));
    put(c, "a", "9", "10");
    expect_changed(c, config_map, since, "a");
}

/* An event that leaves what is kept as it is changes nothing. */
static void what_is_kept_in_brief_changes_when_that_does(void **state)
{
    static const char *const steps[][2] = {{"Pending", "p"}, {"Pending", ""}, {"Running", "p"}};
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    uint64_t since = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        _cleanup_json_ json_t *o = OBJECT(
            MAP("metadata", S("name", "p"), S("namespace", "shop"), S("uid", "u"), F("resourceVersion", "%zu", i + 1)),
            MAP("status", S("phase", steps[i][0])));
        kube_cache_put(c, phases, o);
        expect_changed(c, phases, since, steps[i][1]);
        since = kube_cache_changes(c, phases);
    }
}

static void who_remembers_is_not_known_in_a_new_cache(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    assert_null(*kube_cache_reader(c, pod));
    *kube_cache_reader(c, pod) = c;
    assert_ptr_equal(*kube_cache_reader(c, pod), c);
    assert_null(*kube_cache_reader(c, config_map));
}

static void a_list_replaces_what_is_not_newer(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    put(c, "gone", "u1", "3");
    put(c, "kept", "u2", "4");
    put(c, "overtook", "u3", "12");
    kube_cache_replace_begin(c, config_map, "10", false);
    assert_false(put_listed(c, "kept", "u2", "4"));
    assert_true(put_listed(c, "new", "u4", "9"));
    put(c, "answered", "u5", "11");
    /* An answer to an old write of ours, for something that is deleted by now. */
    put(c, "stale", "u6", "6");
    kube_cache_replace_end(c, config_map, "10", &changed, &rewound);
    assert_true(changed);
    assert_string_equal(version_of(c, "gone"), "");
    assert_string_equal(version_of(c, "kept"), "4");
    assert_string_equal(version_of(c, "overtook"), "12");
    assert_string_equal(version_of(c, "new"), "9");
    assert_string_equal(version_of(c, "answered"), "11");
    assert_string_equal(version_of(c, "stale"), "");
}

static void a_list_that_breaks_off_removes_nothing(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    put(c, "a", "u1", "1");
    put(c, "b", "u2", "2");
    kube_cache_replace_begin(c, config_map, "10", false);
    put_listed(c, "b", "u2", "2");
    kube_cache_replace_begin(c, config_map, "10", false);
    put_listed(c, "a", "u1", "1");
    kube_cache_replace_end(c, config_map, "10", &changed, &rewound);
    assert_true(changed);
    assert_string_equal(version_of(c, "a"), "1");
    assert_string_equal(version_of(c, "b"), "");
}

static void a_history_that_was_set_back_counts_as_it_is(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    put(c, "a", "u1", "100");
    put(c, "b", "u2", "101");
    put(c, "c", "u3", "90");
    drop(c, "c", "102");
    kube_cache_seen(c, config_map, "102");
    kube_cache_replace_begin(c, config_map, "60", true);
    assert_true(put_listed(c, "a", "u1", "50"));
    assert_true(put_listed(c, "c", "u3", "40"));
    kube_cache_replace_end(c, config_map, "60", &changed, &rewound);
    assert_true(rewound);
    assert_string_equal(version_of(c, "a"), "50");
    assert_string_equal(version_of(c, "b"), "");
    assert_string_equal(version_of(c, "c"), "40");
    assert_true(put(c, "d", "u9", "61"));
}

/* The watch had reported nothing of what the answers to writes said, so that its versions do not tell. */
static void a_list_older_than_what_was_known_when_it_was_asked_for_is_of_another_history(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    kube_cache_seen(c, config_map, "60");
    put(c, "written", "u1", "100");
    put(c, "deleted", "u2", "90");
    drop(c, "deleted", "110");
    kube_cache_replace_asked(c, config_map);
    kube_cache_replace_begin(c, config_map, "60", false);
    assert_true(put_listed(c, "deleted", "u2", "40"));
    kube_cache_replace_end(c, config_map, "60", &changed, &rewound);
    assert_true(rewound);
    assert_string_equal(version_of(c, "written"), "");
    assert_string_equal(version_of(c, "deleted"), "40");
    /* What is answered while the list is under way may be newer than the list. */
    kube_cache_replace_asked(c, config_map);
    put(c, "written", "u3", "70");
    kube_cache_replace_begin(c, config_map, "65", false);
    assert_false(put_listed(c, "deleted", "u2", "40"));
    kube_cache_replace_end(c, config_map, "65", &changed, &rewound);
    assert_false(rewound);
    assert_string_equal(version_of(c, "written"), "70");
}

/* Its versions are as many again, so that nothing but its objects tells. */
static void a_list_that_has_an_older_object_than_is_known_is_of_another_history(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    bool changed, rewound;

    (void)state;
    put(c, "a", "u1", "100");
    put(c, "b", "u2", "101");
    put(c, "c", "u3", "90");
    drop(c, "c", "102");
    put(c, "answered", "u4", "130");
    kube_cache_replace_begin(c, config_map, "120", false);
    assert_true(put_listed(c, "a", "u1", "50"));
    assert_true(put_listed(c, "c", "u3", "40"));
    /* An answer may be newer than the list. */
    assert_false(put_listed(c, "answered", "u4", "110"));
    kube_cache_replace_end(c, config_map, "120", &changed, &rewound);
    assert_true(rewound);
    assert_true(changed);
    assert_string_equal(version_of(c, "a"), "50");
    assert_string_equal(version_of(c, "b"), "");
    assert_string_equal(version_of(c, "c"), "40");
    assert_string_equal(version_of(c, "answered"), "130");
    kube_cache_replace_begin(c, config_map, "140", false);
    assert_true(put_listed(c, "answered", "u4", "135"));
    kube_cache_replace_end(c, config_map, "140", &changed, &rewound);
    assert_false(rewound);
}

static void deletions_are_remembered_in_bounded_number(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    for (int i = 0; i < 2000; i++) {
        _cleanup_free_ char *name = str_printf("n%d", i);
        put(c, name, "u", "1");
        drop(c, name, "2");
    }
    assert_false(put(c, "n1999", "u", "1"));
    assert_false(put(c, "n1500", "u", "1"));
    /* The price of the bound. */
    assert_true(put(c, "n0", "u", "1"));
}

/*
 * Random interleavings: a server with a history, its events in order but late and repeated, the answers to writes at
 * any time after the write, lists at any time. The model knows for each name the newest fact that was told.
 */
enum { NAMES = 5, HISTORY = 400 };

struct fact {
    int name;
    bool live;
    int uid;
    int version;
};

struct model {
    struct fact facts[HISTORY + 1]; /* by version, from 1 */
    struct fact now[NAMES];         /* on the server */
    struct fact told[NAMES];        /* the newest told */
    bool dead[HISTORY + 1];         /* uids whose deletion was answered */
    int head, stream;               /* versions: of the server, and delivered by the watch */
    uint64_t seed;
    struct kube_cache *cache;
};

static unsigned pick(struct model *m, unsigned n)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->seed >> 33) % n;
}

static void server_acts(struct model *m)
{
    int name = (int)pick(m, NAMES);
    struct fact *now = &m->now[name];

    m->head++;
    if (!now->live)
        *now = (struct fact){name, true, m->head, m->head};
    else
        *now = (struct fact){name, pick(m, 3) > 0, now->uid, m->head};
    m->facts[m->head] = *now;
}

struct names {
    char name[16], uid[16], version[16];
};

static struct names names_of(const struct fact *f)
{
    struct names n;

    snprintf(n.name, sizeof(n.name), "n%d", f->name);
    snprintf(n.uid, sizeof(n.uid), "u%d", f->uid);
    snprintf(n.version, sizeof(n.version), "%d", f->version);
    return n;
}

static void model_tells(struct model *m, const struct fact *f)
{
    struct fact *told = &m->told[f->name];

    if (f->version > told->version && !(f->live && m->dead[f->uid]))
        *told = *f;
}

static void event_arrives(struct model *m, int version)
{
    const struct fact *f = &m->facts[version];
    struct names n = names_of(f);

    if (f->live)
        put(m->cache, n.name, n.uid, n.version);
    else
        drop(m->cache, n.name, n.version);
    kube_cache_seen(m->cache, config_map, n.version);
    model_tells(m, f);
    if (version > m->stream)
        m->stream = version;
}

static void answer_arrives(struct model *m)
{
    const struct fact *f = &m->facts[1 + pick(m, (unsigned)m->head)];
    struct names n = names_of(f);
    struct kube_object *o = kube_cache_get(m->cache, config_map, "istio-system", n.name);

    if (f->live) {
        put(m->cache, n.name, n.uid, n.version);
        /* The watch has told what became of it. */
        if (f->version > m->stream || m->told[f->name].live)
            model_tells(m, f);
    } else if (o && str_eq(o->uid, n.uid)) {
        drop(m->cache, n.name, NULL);
        m->dead[f->uid] = true;
        m->told[f->name].live = false;
    }
}

static void list_arrives(struct model *m)
{
    char version[16];
    bool changed, rewound;

    snprintf(version, sizeof(version), "%d", m->head);
    kube_cache_replace_begin(m->cache, config_map, version, false);
    for (int i = 0; i < NAMES; i++) {
        struct names n = names_of(&m->now[i]);
        if (m->now[i].live)
            put_listed(m->cache, n.name, n.uid, n.version);
        if (m->now[i].live)
            model_tells(m, &m->now[i]);
        else
            model_tells(m, &(struct fact){i, false, 0, m->head});
    }
    kube_cache_replace_end(m->cache, config_map, version, &changed, &rewound);
    m->stream = m->head;
}

static void compare(struct model *m, const char *after, uint64_t seed)
{
    for (int i = 0; i < NAMES; i++) {
        struct names n = names_of(&m->told[i]);
        const char *expected = m->told[i].live ? n.version : "", *found;
        snprintf(n.name, sizeof(n.name), "n%d", i);
        found = version_of(m->cache, n.name);
        if (!str_eq(found, expected))
            fail_msg("seed %lu, after %s at version %d: n%d is \"%s\" and not \"%s\"", (unsigned long)seed, after,
                     m->head, i, found, expected);
    }
}

static void run_interleaving(uint64_t seed)
{
    struct model m = {.seed = seed, .cache = kube_cache_new(&table, OWNER)};

    while (m.head < HISTORY) {
        switch (pick(&m, 8)) {
        case 0:
        case 1:
        case 2:
            server_acts(&m);
            break;
        case 3:
        case 4:
            if (m.stream < m.head)
                event_arrives(&m, m.stream + 1);
            compare(&m, "an event", seed);
            break;
        case 5:
            /* A watch that was opened again from an older version. */
            for (int v = m.stream - (int)pick(&m, 5), end = m.stream; v <= end; v++)
                if (v >= 1)
                    event_arrives(&m, v);
            compare(&m, "repeated events", seed);
            break;
        case 6:
            if (m.head)
                answer_arrives(&m);
            compare(&m, "an answer", seed);
            break;
        default:
            if (pick(&m, 10) == 0)
                list_arrives(&m);
            compare(&m, "a list", seed);
        }
    }
    while (m.stream < m.head)
        event_arrives(&m, m.stream + 1);
    for (int i = 0; i < NAMES; i++)
        if (m.told[i].live != m.now[i].live || (m.now[i].live && m.told[i].version != m.now[i].version))
            fail_msg("seed %lu: n%d does not end as the server has it", (unsigned long)seed, i);
    compare(&m, "all", seed);
    kube_cache_free(m.cache);
}

static void every_interleaving_ends_with_the_newest(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_interleaving(seed);
}

static json_t *pod_in_phase(const char *name, const char *version, const char *phase)
{
    return OBJECT(
        S("apiVersion", "v1"), S("kind", "Pod"),
        MAP("metadata", S("name", name), S("namespace", "shop"), S("uid", name), S("resourceVersion", version)),
        MAP("status", S("phase", phase)));
}

/* Whether the cache says that something changed. */
static bool put_phase(struct kube_cache *c, const char *name, const char *version, const char *phase)
{
    _cleanup_json_ json_t *object = pod_in_phase(name, version, phase);

    return kube_cache_put(c, phases, object);
}

static void what_is_kept_in_brief_is_only_counted(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *gone = pod_in_phase("b", "5", NULL);
    const struct kube_object *o;
    bool changed, rewound;

    (void)state;
    assert_true(put_phase(c, "a", "1", "Pending"));
    assert_false(put_phase(c, "b", "2", NULL));
    o = kube_cache_get(c, phases, "shop", "a");
    assert_string_equal(o->text, "Pending");
    assert_int_equal(kube_cache_bytes(c), strlen("Pending"));
    assert_null(o->uid);
    assert_int_equal(kube_cache_count(c, phases), 1);
    assert_int_equal(kube_cache_count(c, pod), 0);

    /* A newer version with the same brief is no news, but an older one stays old. */
    assert_false(put_phase(c, "a", "4", "Pending"));
    assert_false(put_phase(c, "a", "3", "Running"));
    assert_true(put_phase(c, "a", "5", "Running"));
    assert_int_equal(kube_cache_bytes(c), strlen("Running"));
    /* It counts no longer. */
    assert_true(put_phase(c, "a", "6", NULL));
    assert_int_equal(kube_cache_count(c, phases), 0);
    assert_int_equal(kube_cache_bytes(c), 0);

    assert_true(put_phase(c, "a", "7", "Running"));
    kube_cache_replace_begin(c, phases, "8", false);
    assert_false(kube_cache_replace_put(c, phases, gone));
    kube_cache_replace_end(c, phases, "8", &changed, &rewound);
    assert_true(changed);
    assert_int_equal(kube_cache_count(c, phases), 0);
}

static void fill(struct kube_cache *c, int count)
{
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *name = str_printf("m%d", i), *version = str_printf("%d", i + 1);
        put(c, name, "b1c3a1c8-6f0e-4f0b-9d3a-0d5f0e2f7a11", version);
    }
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void what_it_says_it_holds_is_no_less_than_the_heap_grows_by(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    size_t before = heap_in_use(), empty = kube_cache_held(c), grown;

    (void)state;
    fill(c, 10000);
    grown = heap_in_use() - before;
    assert_true(kube_cache_held(c) >= grown);
    assert_true(kube_cache_held_of(c, config_map) == kube_cache_held(c));
    /* Nor is it much more, or an honest cluster would be refused. Sanitizers have a heap of their own, of which nothing
     * is known. */
    assert_true(!grown || kube_cache_held(c) < grown + grown / 2);
    kube_cache_clear_all(c);
    assert_int_equal(kube_cache_held(c), empty);
}

static void what_is_beyond_its_limit_is_not_kept(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    size_t kept;

    (void)state;
    kube_cache_set_limit(c, (size_t)100 * 1024);
    fill(c, 100);
    assert_false(kube_cache_is_over(c));
    assert_int_equal(kube_cache_count(c, config_map), 100);
    /* New versions of the same objects take no more room. */
    for (int i = 0; i < 1000; i++) {
        _cleanup_free_ char *version = str_printf("%d", 1000 + i);
        assert_true(put(c, "m7", "u1", version));
    }
    assert_false(kube_cache_is_over(c));

    fill(c, 10000);
    assert_true(kube_cache_is_over(c));
    kept = kube_cache_count(c, config_map);
    assert_in_range(kept, 101, 300);
    assert_in_range(kube_cache_held(c), 90 * 1024, 110 * 1024);
    /* It is not what the server has, and takes nothing more, however small. */
    assert_true(drop(c, "m1", "200000"));
    assert_false(put(c, "small", "u1", "200001"));

    kube_cache_clear_all(c);
    assert_false(kube_cache_is_over(c));
    assert_true(put(c, "small", "u1", "1"));
}

static void deletions_count_as_held(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_free_ char *long_name = NEW_ARRAY(char, 10001);

    (void)state;
    kube_cache_set_limit(c, (size_t)100 * 1024);
    for (int i = 0; i < 100 && !kube_cache_is_over(c); i++) {
        snprintf(long_name, 10001, "%010000d", i);
        assert_false(drop(c, long_name, "1"));
    }
    assert_true(kube_cache_is_over(c));
    assert_true(kube_cache_held(c) < (size_t)100 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_kept_without_managed_fields),
        cmocka_unit_test(owner_and_deletion_are_told),
        cmocka_unit_test(what_has_no_proper_name_is_no_object),
        cmocka_unit_test(only_what_is_asked_for_is_kept),
        cmocka_unit_test(of_a_map_the_keys_can_be_kept_alone),
        cmocka_unit_test(what_is_no_object_is_ignored),
        cmocka_unit_test(what_is_kept_in_brief_is_only_counted),
        cmocka_unit_test(the_newest_version_wins),
        cmocka_unit_test(a_memo_lives_as_long_as_the_version_it_is_of),
        cmocka_unit_test(a_memo_is_not_read_by_another_reader),
        cmocka_unit_test(objects_come_in_the_order_of_arrival),
        cmocka_unit_test(what_was_deleted_does_not_come_back),
        cmocka_unit_test(an_object_that_lost_its_label_can_be_read_again),
        cmocka_unit_test(a_late_answer_brings_nothing_back_that_the_watch_passed),
        cmocka_unit_test(what_changed_is_told_with_the_last_one_first),
        cmocka_unit_test(what_is_kept_in_brief_changes_when_that_does),
        cmocka_unit_test(who_remembers_is_not_known_in_a_new_cache),
        cmocka_unit_test(a_list_replaces_what_is_not_newer),
        cmocka_unit_test(a_list_that_breaks_off_removes_nothing),
        cmocka_unit_test(a_history_that_was_set_back_counts_as_it_is),
        cmocka_unit_test(a_list_older_than_what_was_known_when_it_was_asked_for_is_of_another_history),
        cmocka_unit_test(a_list_that_has_an_older_object_than_is_known_is_of_another_history),
        cmocka_unit_test(deletions_are_remembered_in_bounded_number),
        cmocka_unit_test(what_it_says_it_holds_is_no_less_than_the_heap_grows_by),
        cmocka_unit_test(what_is_beyond_its_limit_is_not_kept),
        cmocka_unit_test(deletions_count_as_held),
        cmocka_unit_test(every_interleaving_ends_with_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
