/* Which version of an object a cache believes, whatever order lists, events and answers come in. */
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

static bool put_read(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_put_read(c, config_map, object, 0, NULL);
}

static bool put_listed(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_replace_put(c, config_map, object);
}

/* The version that is there, "" where none is. */
static const char *version_of(const struct kube_cache *c, const char *name)
{
    const struct kube_object *o = kube_cache_get(c, config_map, "istio-system", name);

    return o ? o->resource_version : "";
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

/* Read or listed after the deletion was known: a store that was put back has the object again. */
static void what_was_deleted_and_is_read_later_exists(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    _cleanup_json_ json_t *a = map_object("a", "u1", "5"), *b = map_object("b", "u2", "6");
    uint64_t before = kube_cache_read_sent(c, config_map), after;
    bool changed, rewound;

    (void)state;
    put(c, "a", "u1", "5");
    put(c, "b", "u2", "6");
    put(c, "c", "u3", "7");
    drop(c, "a", "8");
    drop(c, "b", NULL);
    drop(c, "c", NULL);
    assert_false(kube_cache_put_read(c, config_map, a, before, &rewound));
    assert_false(rewound);
    assert_false(kube_cache_put_read(c, config_map, b, before, &rewound));
    after = kube_cache_read_sent(c, config_map);
    assert_true(kube_cache_put_read(c, config_map, a, after, &rewound));
    assert_true(rewound);
    assert_true(kube_cache_put_read(c, config_map, b, after, &rewound));
    assert_false(rewound);
    kube_cache_replace_asked(c, config_map);
    kube_cache_replace_begin(c, config_map, "20", false);
    assert_true(put_listed(c, "c", "u3", "7"));
    kube_cache_replace_end(c, config_map, "20", &changed, &rewound);
    assert_string_equal(version_of(c, "c"), "7");
}

/* Of a custom object, whose definition keeps its hosts or not. */
static json_t *gateway_object(const char *version, bool hosts)
{
    return OBJECT(STRING("apiVersion", "example.com/v1"), STRING("kind", "Gateway"),
                  MAP("metadata", STRING("name", "a"), STRING("namespace", "istio-system"), STRING("uid", "u1"),
                      STRING("resourceVersion", version)),
                  MAP("spec", OPT(hosts, STRING("hosts", "*"))));
}

static bool has_hosts(const struct kube_cache *c)
{
    _cleanup_json_ json_t *object = kube_object_parse(kube_cache_get(c, gateway, "istio-system", "a"));

    return doc_at(object, "spec", "hosts") != NULL;
}

/* Another definition shows other fields of what is stored, and the version stays. */
static void the_same_version_of_a_custom_object_may_have_other_fields(void **state)
{
    static const struct {
        bool listed;
        const char *version;
        bool hosts, changes, then; /* whether it has hosts; whether it changes something; what the cache has then */
    } steps[] = {
        {false, "5", false, true, false}, {false, "5", false, false, false}, {true, "5", false, false, false},
        {true, "5", true, true, true},    {false, "5", false, true, false},  {false, "5", true, true, true},
        {false, "4", false, false, true}, {false, "6", true, true, true},
    };
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        _cleanup_json_ json_t *object = gateway_object(steps[i].version, steps[i].hosts);
        bool changed, rewound, changes;
        if (steps[i].listed)
            kube_cache_replace_begin(c, gateway, "5", false);
        changes = steps[i].listed ? kube_cache_replace_put(c, gateway, object) : kube_cache_put(c, gateway, object);
        if (steps[i].listed)
            kube_cache_replace_end(c, gateway, "5", &changed, &rewound);
        if (changes != steps[i].changes || has_hosts(c) != steps[i].then)
            fail_msg("step %zu", i);
    }
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
    /* An answer to an old write of the operator, for something that is deleted by now. */
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

/* Two objects, and one that was deleted: what a list of another history contradicts. */
static struct kube_cache *cache_with_history(void)
{
    struct kube_cache *c = kube_cache_new(&table, OWNER);

    put(c, "a", "u1", "100");
    put(c, "b", "u2", "101");
    put(c, "c", "u3", "90");
    drop(c, "c", "102");
    return c;
}

/* The list of that history: one object as it was, one that is not there, and the deleted one. */
static void put_history(struct kube_cache *c)
{
    assert_true(put_listed(c, "a", "u1", "50"));
    assert_true(put_listed(c, "c", "u3", "40"));
}

static void expect_history(struct kube_cache *c)
{
    assert_string_equal(version_of(c, "a"), "50");
    assert_string_equal(version_of(c, "b"), "");
    assert_string_equal(version_of(c, "c"), "40");
}

static void a_history_that_was_set_back_counts_as_it_is(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = cache_with_history();
    bool changed, rewound;

    (void)state;
    kube_cache_seen(c, config_map, "102");
    kube_cache_replace_begin(c, config_map, "60", true);
    put_history(c);
    kube_cache_replace_end(c, config_map, "60", &changed, &rewound);
    assert_true(rewound);
    expect_history(c);
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
    _cleanup_kube_cache_ struct kube_cache *c = cache_with_history();
    bool changed, rewound;

    (void)state;
    put(c, "answered", "u4", "130");
    kube_cache_replace_begin(c, config_map, "120", false);
    put_history(c);
    /* An answer may be newer than the list. */
    assert_false(put_listed(c, "answered", "u4", "110"));
    kube_cache_replace_end(c, config_map, "120", &changed, &rewound);
    assert_true(rewound);
    assert_true(changed);
    expect_history(c);
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
    struct fact listed[NAMES];      /* on the server when a list was asked for that is to arrive */
    int list;                       /* its version; 0: none is under way */
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

static void ask_for_list(struct model *m)
{
    kube_cache_replace_asked(m->cache, config_map);
    memcpy(m->listed, m->now, sizeof(m->listed));
    m->list = m->head;
}

static void list_arrives(struct model *m)
{
    char version[16];
    bool changed, rewound;

    snprintf(version, sizeof(version), "%d", m->list);
    kube_cache_replace_begin(m->cache, config_map, version, false);
    for (int i = 0; i < NAMES; i++) {
        struct names n = names_of(&m->listed[i]);
        if (m->listed[i].live)
            put_listed(m->cache, n.name, n.uid, n.version);
        if (m->listed[i].live)
            model_tells(m, &m->listed[i]);
        else
            model_tells(m, &(struct fact){i, false, 0, m->list});
    }
    kube_cache_replace_end(m->cache, config_map, version, &changed, &rewound);
    assert_false(rewound);
    m->stream = m->list > m->stream ? m->list : m->stream;
    m->list = 0;
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
            if (m.list && pick(&m, 3) == 0)
                list_arrives(&m);
            else if (m.head && !m.list && pick(&m, 10) == 0)
                ask_for_list(&m);
            compare(&m, "a list", seed);
        }
    }
    if (m.list)
        list_arrives(&m);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_deleted_does_not_come_back),
        cmocka_unit_test(an_object_that_lost_its_label_can_be_read_again),
        cmocka_unit_test(what_was_deleted_and_is_read_later_exists),
        cmocka_unit_test(the_same_version_of_a_custom_object_may_have_other_fields),
        cmocka_unit_test(a_late_answer_brings_nothing_back_that_the_watch_passed),
        cmocka_unit_test(a_list_replaces_what_is_not_newer),
        cmocka_unit_test(a_list_that_breaks_off_removes_nothing),
        cmocka_unit_test(a_history_that_was_set_back_counts_as_it_is),
        cmocka_unit_test(a_list_older_than_what_was_known_when_it_was_asked_for_is_of_another_history),
        cmocka_unit_test(a_list_that_has_an_older_object_than_is_known_is_of_another_history),
        cmocka_unit_test(deletions_are_remembered_in_bounded_number),
        cmocka_unit_test(every_interleaving_ends_with_the_newest),
    };

    return cmocka_run_group_tests_name("kube cache order", tests, NULL, NULL);
}
