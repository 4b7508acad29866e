/* What a cache keeps of objects, and how it tells what changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cache_fixture.h"
#include "doc/build.h"
#include "doc/doc.h"

static void an_object_is_kept_without_managed_fields(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *object = map_object("istio", "u1", "7");
    _cleanup_json_ json_t *parsed = NULL, *expected = doc_copy(object);
    json_t *metadata = json_object_get(object, "metadata");
    struct kube_object *o;

    (void)state;
    json_object_set_new(metadata, "managedFields", ARRAY(ITEM(STRING("manager", "kubectl"))));
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

static void owner_and_deletion_are_reported(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *role =
        OBJECT(MAP("metadata", STRING("name", "istio"), STRING("uid", "u"),
                   STRING("deletionTimestamp", "2020-01-01T00:00:00Z"), MAP("labels", STRING(OWNER, "me"))));
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
    _cleanup_json_ json_t *object =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Pod"),
               MAP("metadata", STRING("name", "a"), STRING("namespace", "b"), STRING("uid", "u"),
                   STRING("resourceVersion", "3"), MAP("annotations", STRING("x", "y")),
                   MAP("labels", STRING("app", "pilot"))),
               MAP("spec", STRING("nodeName", "n")),
               MAP("status", STRING("phase", "Pending"), STRING("podIP", "10.0.0.1"),
                   SEQ("containerStatuses",
                       ITEM(STRING("name", "one"), MAP("state", MAP("waiting", STRING("reason", "ErrImagePull")))),
                       ITEM(STRING("name", "two"), MAP("state", MAP("running"))))));
    _cleanup_json_ json_t *expected =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Pod"),
               MAP("metadata", STRING("name", "a"), STRING("namespace", "b"), STRING("uid", "u"),
                   STRING("resourceVersion", "3"), MAP("labels", STRING("app", "pilot"))),
               MAP("status", STRING("phase", "Pending"),
                   SEQ("containerStatuses", ITEM(MAP("state", MAP("waiting", STRING("reason", "ErrImagePull")))),
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

        json_object_set_new(object, "metadata",
                            OBJECT(STRING("name", "a"), STRING("namespace", "b"), STRING("uid", "u")));
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

static void a_definition_changes_with_what_it_says_alone(void **state)
{
    static const struct kube_kind kinds[] = {{.kind = "CustomResourceDefinition", .is_definition = true}};
    static const struct kube_kind_table definitions = {kinds, 1};
    static const struct {
        const char *text;
        uint64_t memo;
    } steps[] = {
        {"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"9\"},\"spec\":{\"group\":\"g\"}}", 0},
        {"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"10\"},\"spec\":{\"group\":\"g\"},"
         "\"status\":{\"storedVersions\":[\"v1\"]}}",
         42},
        {"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"11\"},\"spec\":{\"group\":\"h\"}}", 0},
    };
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&definitions, OWNER);
    static const char reader;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        _cleanup_json_ json_t *object = json_loads(steps[i].text, 0, NULL);
        uint64_t *memo;
        assert_true(kube_cache_put(c, kinds, object));
        memo = kube_object_memo(kube_cache_get(c, kinds, NULL, "a"), &reader);
        assert_int_equal(*memo, steps[i].memo);
        *memo = 42;
    }
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

static void put_owned(struct kube_cache *c, const char *name, const char *owner, const char *version)
{
    _cleanup_json_ json_t *role =
        OBJECT(MAP("metadata", STRING("name", name), STRING("uid", "u"), STRING("resourceVersion", version),
                   OPT(owner, MAP("labels", STRING(OWNER, owner)))));

    assert_true(kube_cache_put(c, cluster_role, role));
}

static void expect_owned(struct kube_cache *c, const char *owner, const char *names)
{
    _cleanup_buf_ struct buf found = BUF_INIT;

    for (struct kube_object *o = NULL; (o = kube_cache_next_owned(c, cluster_role, owner, o));)
        buf_add_str(&found, o->name);
    assert_string_equal(buf_str(&found), names);
}

static void objects_are_found_by_their_owner(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    expect_owned(c, "me", "");
    for (const char *name = "abcd"; *name; name++)
        put_owned(c, (char[]){*name, 0}, *name == 'b' ? "you" : "me", "1");
    put_owned(c, "e", NULL, "1");
    expect_owned(c, "me", "acd");
    expect_owned(c, "you", "b");
    expect_owned(c, NULL, "");

    /* It keeps its place, and is the last one of another owner. */
    put_owned(c, "a", "me", "2");
    expect_owned(c, "me", "acd");
    put_owned(c, "a", "you", "3");
    put_owned(c, "c", NULL, "3");
    expect_owned(c, "me", "d");
    expect_owned(c, "you", "ba");
    put_owned(c, "e", "me", "4");
    expect_owned(c, "me", "de");

    kube_cache_remove(c, cluster_role, NULL, "e", "5");
    expect_owned(c, "me", "d");
    kube_cache_remove(c, cluster_role, NULL, "d", "5");
    expect_owned(c, "me", "");
    kube_cache_clear(c, cluster_role);
    expect_owned(c, "you", "");
    put_owned(c, "b", "you", "6");
    expect_owned(c, "you", "b");
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

static void what_changed_is_reported_with_the_last_one_first(void **state)
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
        _cleanup_json_ json_t *o = OBJECT(MAP("metadata", STRING("name", "p"), STRING("namespace", "shop"),
                                              STRING("uid", "u"), FORMAT("resourceVersion", "%zu", i + 1)),
                                          MAP("status", STRING("phase", steps[i][0])));
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

static json_t *pod_in_phase(const char *name, const char *version, const char *phase)
{
    return OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Pod"),
                  MAP("metadata", STRING("name", name), STRING("namespace", "shop"), STRING("uid", name),
                      STRING("resourceVersion", version)),
                  MAP("status", STRING("phase", phase)));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_kept_without_managed_fields),
        cmocka_unit_test(owner_and_deletion_are_reported),
        cmocka_unit_test(what_has_no_proper_name_is_no_object),
        cmocka_unit_test(only_what_is_asked_for_is_kept),
        cmocka_unit_test(of_a_map_the_keys_can_be_kept_alone),
        cmocka_unit_test(what_is_no_object_is_ignored),
        cmocka_unit_test(a_memo_lives_as_long_as_the_version_it_is_of),
        cmocka_unit_test(a_definition_changes_with_what_it_says_alone),
        cmocka_unit_test(a_memo_is_not_read_by_another_reader),
        cmocka_unit_test(the_newest_version_wins),
        cmocka_unit_test(objects_come_in_the_order_of_arrival),
        cmocka_unit_test(objects_are_found_by_their_owner),
        cmocka_unit_test(what_changed_is_reported_with_the_last_one_first),
        cmocka_unit_test(what_is_kept_in_brief_changes_when_that_does),
        cmocka_unit_test(who_remembers_is_not_known_in_a_new_cache),
        cmocka_unit_test(what_is_kept_in_brief_is_only_counted),
    };

    return cmocka_run_group_tests_name("kube cache", tests, NULL, NULL);
}
