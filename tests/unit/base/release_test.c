#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/release.h"

static void releases_are_ordered(void **state)
{
    static const char *const ordered[] = {"1.9.9",  "1.28.0-alpha.1", "1.28.0", "1.28.10", "1.31.0-rc.0",
                                          "1.31.0", "1.31",           "2.0.0",  NULL};

    (void)state;
    for (size_t i = 0; ordered[i]; i++)
        for (size_t k = 0; ordered[k]; k++) {
            bool same = i == k || (i >= 5 && i <= 6 && k >= 5 && k <= 6);
            int order = release_compare(ordered[i], ordered[k]);
            if (same)
                assert_int_equal(order, 0);
            else
                assert_true(i < k ? order < 0 : order > 0);
        }
    assert_true(release_compare(NULL, "1.0.0") < 0);
    assert_true(release_compare("latest", "1.0.0") < 0);
    assert_int_equal(release_compare("latest", NULL), 0);
    assert_true(release_compare("99999999999999999999999.0", "1.31.0") > 0);
}

static const char *nth(const void *releases, size_t i)
{
    return ((const char *const *)releases)[i];
}

/* In whichever order they are. */
static void a_newer_patch_is_as_the_newest_known_one(void **state)
{
    static const char *const known[] = {"1.0.5", "1.31.0", "1.31.10", "1.31.9", "1.0.6", NULL};
    static const struct {
        const char *version, *release;
    } cases[] = {
        {"1.31.9", "1.31.9"},   {"1.31.11", "1.31.10"},
        {"1.0.7", "1.0.6"},     {"1.31.8", "1.31.0"}, /* newer than that one alone */
        {"1.0.4", NULL},        {"1.30.1", NULL},
        {"1.31.11-rc.0", NULL}, {"1.31", NULL},
        {"1.31.", NULL},        {"1.31.x", NULL},
        {"latest", NULL},       {"", NULL},
        {NULL, NULL},
    };
    size_t place;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool found = release_find(cases[i].version, nth, known, &place);
        assert_int_equal(found, cases[i].release != NULL);
        if (found)
            assert_string_equal(known[place], cases[i].release);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_are_ordered),
        cmocka_unit_test(a_newer_patch_is_as_the_newest_known_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
