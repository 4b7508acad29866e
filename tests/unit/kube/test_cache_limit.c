/* How much a cache holds. */
#include <malloc.h>
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
        cmocka_unit_test(what_it_says_it_holds_is_no_less_than_the_heap_grows_by),
        cmocka_unit_test(what_is_beyond_its_limit_is_not_kept),
        cmocka_unit_test(deletions_count_as_held),
    };

    return cmocka_run_group_tests_name("kube cache limit", tests, NULL, NULL);
}
