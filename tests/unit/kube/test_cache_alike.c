/* Which objects have the same digest: it must be what counting all objects says, whatever happened before. */
#include <malloc.h>
#include <stdlib.h>

#include "cache_fixture.h"

enum { STEPS = 20000, NAMES = 40, NAMESPACES = 5, PHASES = 4 };

static json_t *pod_of(const char *ns, const char *name, const char *version, const char *phase)
{
    return OBJECT(MAP("metadata", STRING("name", name), STRING("namespace", ns), STRING("uid", "u1"),
                      STRING("resourceVersion", version)),
                  OPT(phase, MAP("status", STRING("phase", phase))));
}

/* "phase namespace" to the count of objects, as seen one by one. */
static json_t *counted(const struct kube_cache *c)
{
    json_t *counts = json_object();
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(c, phases, &i));) {
        _cleanup_free_ char *key = str_printf("%s %s", o->text, o->ns);
        json_object_set_new(counts, key, json_integer(doc_int(json_object_get(counts, key), 0) + 1));
    }
    return counts;
}

/* The same as the cache says. */
static json_t *told(const struct kube_cache *c)
{
    json_t *counts = json_object();
    const struct kube_alike *alike;
    const char *ns;
    void *objects;

    for (size_t i = 0; (alike = kube_cache_next_alike(c, phases, &i));) {
        size_t sum = 0;
        for (size_t k = 0; map_next(alike->namespaces, &k, &ns, &objects);) {
            _cleanup_free_ char *key = str_printf("%s %s", alike->text, ns);
            json_object_set_new(counts, key, json_integer((json_int_t)(uintptr_t)objects));
            sum += (uintptr_t)objects;
        }
        assert_int_equal(sum, alike->objects);
        assert_true(sum > 0);
    }
    return counts;
}

static void put_any(struct kube_cache *c, bool listed)
{
    static const char *const names_of_phases[PHASES] = {"Pending", "Running", "Failed", NULL};
    static int version;
    _cleanup_free_ char *ns = str_printf("n%ld", random() % NAMESPACES), *name = str_printf("p%ld", random() % NAMES);
    _cleanup_free_ char *at = str_printf("%d", ++version);
    _cleanup_json_ json_t *pod_object = pod_of(ns, name, at, names_of_phases[random() % PHASES]);

    if (listed)
        kube_cache_replace_put(c, phases, pod_object);
    else
        kube_cache_put(c, phases, pod_object);
}

static void remove_any(struct kube_cache *c)
{
    _cleanup_free_ char *ns = str_printf("n%ld", random() % NAMESPACES), *name = str_printf("p%ld", random() % NAMES);

    kube_cache_remove(c, phases, ns, name, NULL);
}

static void list_some(struct kube_cache *c)
{
    bool changed, rewound;

    kube_cache_replace_begin(c, phases, "1000000", true);
    for (int i = 0; i < NAMES; i++)
        put_any(c, true);
    kube_cache_replace_end(c, phases, "1000000", &changed, &rewound);
}

static void objects_of_a_digest_are_counted_as_they_come_and_go(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    size_t empty = kube_cache_held(c);

    (void)state;
    srandom(7);
    for (int step = 0; step < STEPS; step++) {
        long what = random() % 200;
        if (what == 0)
            kube_cache_clear(c, phases);
        else if (what == 1)
            list_some(c);
        else if (what < 80)
            remove_any(c);
        else
            put_any(c, false);
        if (step % 20 == 0) {
            _cleanup_json_ json_t *expected = counted(c), *seen = told(c);
            if (!json_equal(expected, seen))
                fail_msg("step %d: %s, not %s", step, doc_text(seen), doc_text(expected));
        }
    }
    kube_cache_clear_all(c);
    assert_int_equal(kube_cache_held(c), empty);
    assert_int_equal(kube_cache_bytes(c), 0);
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Fills with so many objects, of which every `alike` have one digest; what the heap grew by, of which the cache knows.
 */
static size_t grown_by(size_t objects, size_t alike)
{
    _cleanup_kube_cache_ struct kube_cache *c = kube_cache_new(&table, OWNER);
    size_t before = heap_in_use(), grown;

    for (size_t i = 0; i < objects; i++) {
        _cleanup_free_ char *ns = str_printf("shop-%zu", i % (objects / 10)), *name = str_printf("books-%zu", i);
        _cleanup_free_ char *version = str_printf("%zu", i + 1);
        _cleanup_free_ char *phase =
            str_printf("a-digest-of-some-hundred-bytes-such-as-a-sidecar-has-%060zu", i / alike);
        _cleanup_json_ json_t *pod_object = pod_of(ns, name, version, phase);
        kube_cache_put(c, phases, pod_object);
    }
    grown = heap_in_use() - before;
    assert_true(kube_cache_held(c) >= grown);
    assert_true(!grown || kube_cache_held(c) < 2 * grown);
    return grown;
}

static void a_digest_that_many_objects_have_is_held_once(void **state)
{
    size_t one = grown_by(10000, 10000), each = grown_by(10000, 1);

    (void)state;
    /* Sanitizers have a heap of their own, of which nothing is known. */
    assert_true(!each || one + 10000 * 100 < each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_a_digest_are_counted_as_they_come_and_go),
        cmocka_unit_test(a_digest_that_many_objects_have_is_held_once),
    };

    return cmocka_run_group_tests_name("kube cache alike", tests, NULL, NULL);
}
