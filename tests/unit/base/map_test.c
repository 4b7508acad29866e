#include "testing.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"

static int destroyed;

static void count_destroyed(void *value)
{
    destroyed++;
    free(value);
}

static void keeps_the_order_of_insertion(void **state)
{
    _cleanup_map_ struct map *m = map_new(NULL);
    _cleanup_free_ char *seen = str_dup("");
    int values[4];
    const char *key;
    void *value;

    (void)state;
    map_put(m, "b", &values[0]);
    map_put(m, "a", &values[1]);
    map_put(m, "c", &values[2]);
    map_put(m, "a", &values[3]);
    map_remove(m, "b");
    map_put(m, "b", &values[0]);
    for (size_t i = 0; map_next(m, &i, &key, &value);) {
        char *longer = str_printf("%s%s%td ", seen, key, (int *)value - values);
        free(seen);
        seen = longer;
    }
    assert_string_equal(seen, "a3 c2 b0 ");
}

static void lists_its_keys_in_their_order(void **state)
{
    _cleanup_map_ struct map *m = map_new(NULL);
    _cleanup_free_ const char **none = map_sorted_keys(m), **keys = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    (void)state;
    assert_non_null(none);
    map_put(m, "b", NULL);
    map_put(m, "c", NULL);
    map_put(m, "a", NULL);
    map_put(m, "bb", NULL);
    keys = map_sorted_keys(m);
    buf_add_names(&text, keys, map_len(m), 4);
    assert_string_equal(buf_str(&text), "a, b, bb, c");
    buf_reset(&text);
    buf_add_names(&text, keys, map_len(m), 1);
    assert_string_equal(buf_str(&text), "a and 3 more");
    buf_reset(&text);
    buf_add_names(&text, keys, 0, 1);
    assert_string_equal(buf_str(&text), "");
}

static void owns_values_with_a_destructor(void **state)
{
    struct map *m = map_new(count_destroyed);
    char *taken;

    (void)state;
    destroyed = 0;
    map_put(m, "a", str_dup("1"));
    map_put(m, "a", str_dup("2"));
    assert_int_equal(destroyed, 1);
    map_put(m, "a", map_get(m, "a"));
    assert_int_equal(destroyed, 1);
    map_put(m, "b", str_dup("3"));
    map_put(m, "none", NULL);
    taken = map_take(m, "b");
    assert_string_equal(taken, "3");
    free(taken);
    assert_int_equal(destroyed, 1);
    assert_true(map_has(m, "none"));
    assert_null(map_get(m, "none"));
    assert_true(map_remove(m, "a"));
    assert_false(map_remove(m, "a"));
    assert_int_equal(destroyed, 2);
    map_put(m, "c", str_dup("4"));
    map_clear(m);
    assert_int_equal(destroyed, 3);
    assert_int_equal(map_len(m), 0);
    map_put(m, "d", str_dup("5"));
    map_free(m);
    assert_int_equal(destroyed, 4);
    map_free(NULL);
}

static void an_empty_map_has_nothing(void **state)
{
    _cleanup_map_ struct map *m = map_new(NULL);
    size_t position = 0;

    (void)state;
    assert_null(map_get(m, "a"));
    assert_null(map_take(m, "a"));
    assert_false(map_next(m, &position, NULL, NULL));
}

static void removing_while_iterating(void **state)
{
    _cleanup_map_ struct map *m = map_new(NULL);
    char name[16];
    const char *key;
    size_t seen = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "%d", i);
        map_put(m, name, m);
    }
    for (size_t i = 0; map_next(m, &i, &key, NULL); seen++)
        if (seen % 2)
            assert_true(map_remove(m, key));
    assert_int_equal(seen, 100);
    assert_int_equal(map_len(m), 50);
    assert_true(map_has(m, "98"));
    assert_false(map_has(m, "99"));
}

/* The same operations on the map and on arrays that are searched from one end to the other. */
static void agrees_with_a_naive_model(void **state)
{
    enum { KEYS = 300 };
    _cleanup_map_ struct map *m = map_new(NULL);
    uintptr_t values[KEYS] = {0};
    size_t len = 0;
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 60000; round++) {
        /* phases of growth and of shrinking */
        unsigned k = next_random(&seed, KEYS), removes = round / 5000 % 2 ? 8 : 3;
        char name[16];

        snprintf(name, sizeof(name), "key-%u", k);
        if (next_random(&seed, 10) < removes) {
            assert_int_equal((uintptr_t)map_take(m, name), values[k]);
            len -= values[k] != 0;
            values[k] = 0;
        } else {
            len += values[k] == 0;
            values[k] = 1 + (uintptr_t)round;
            map_put(m, name, (void *)values[k]);
        }
        k = next_random(&seed, KEYS);
        snprintf(name, sizeof(name), "key-%u", k);
        assert_int_equal((uintptr_t)map_get(m, name), values[k]);
        assert_int_equal(map_len(m), len);
    }
    for (size_t i = 0, found = 0; found < len; found++)
        assert_true(map_next(m, &i, NULL, NULL));
}

/* A missing field reads as NULL: to ask for it, or to note it, is no reason to end. */
static void the_key_null_is_nowhere(void **state)
{
    _cleanup_map_ struct map *m = map_new(free);

    (void)state;
    map_put(m, NULL, str_dup("value"));
    assert_int_equal(map_len(m), 0);
    map_put(m, "key", str_dup("value"));
    assert_null(map_get(m, NULL));
    assert_false(map_has(m, NULL));
    assert_false(map_remove(m, NULL));
    assert_null(map_take(m, NULL));
    assert_int_equal(map_len(m), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_insertion),  cmocka_unit_test(lists_its_keys_in_their_order),
        cmocka_unit_test(owns_values_with_a_destructor), cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(removing_while_iterating),      cmocka_unit_test(agrees_with_a_naive_model),
        cmocka_unit_test(the_key_null_is_nowhere),
    };

    return cmocka_run_group_tests_name("base map", tests, NULL, NULL);
}
