#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/quantity.h"

static void quantities_are_compared_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"2048Mi", "2Gi", true},
        {"1000m", "1", true},
        {"1", "1.0", true},
        {"0.5", "500m", true},
        {".5", "500m", true},
        {"5.", "5", true},
        {"0", "0Ki", true},
        {"-0", "0", true},
        {"1e3", "1k", true},
        {"1E3", "1k", true},
        {"1E", "1e18", true},
        {"12e-3", "12m", true},
        {"1e+2", "100", true},
        {"1000000n", "1m", true},
        {"1000u", "1m", true},
        {"+1", "1", true},
        {"1.5Gi", "1536Mi", true},
        {"1T", "1000G", true},
        {"1Pi", "1024Ti", true},
        {"1Ei", "1152921504606846976", true},
        {"0.1", "100m", true},
        {"123456789012345678901234567890", "123456789012345678901234567890000m", true},
        {"-1", "-1000m", true},
        {"1Ei", "1152921504606846977", false},
        {"1G", "1Gi", false},
        {"-1", "1", false},
        {"100m", "101m", false},
        {"1M", "1m", false},
        {"1", "1 ", false},
        {"1", "", false},
        {"", "", true},
        {"abc", "abc", true},
        {"abc", "abd", false},
        {"1e", "1", false},
        {"1e999999999999", "1", false},
        {"1e2147483647", "1", false},
        {"1e-2147483648", "1n", true},
        {"1..0", "1", false},
        {"1KI", "1Ki", false},
        {"0x10", "16", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (kube_quantity_equal(cases[i].a, cases[i].b, KUBE_NANO) != cases[i].equal ||
            kube_quantity_equal(cases[i].b, cases[i].a, KUBE_NANO) != cases[i].equal)
            fail_msg("\"%s\" and \"%s\" must %s", cases[i].a, cases[i].b, cases[i].equal ? "be equal" : "differ");
    }
}

/* What an API server 1.20 makes of them: in thousandths where `milli`, else in billionths. */
static void quantities_are_rounded_as_the_server_does(void **state)
{
    static const struct {
        const char *desired, *stored;
        bool milli, nano;
    } cases[] = {
        {"1.5m", "2m", true, false},
        {"1500u", "2m", true, false},
        {"1500u", "1500u", true, true},
        {"0.0015", "2m", true, false},
        {"1m", "2m", false, false},
        {"2.0000000001m", "3m", true, false},
        {"0.0001", "1m", true, false},
        {"0.0001", "100u", true, true},
        {"1n", "1m", true, false},
        {"0.1n", "1n", true, true},
        {"-1.5m", "-2m", true, false},
        {"1.5Gi", "1610612736", true, true},
        {"0.9Gi", "966367641600m", true, true},
        {"0.30000000000000004", "301m", true, false},
        {"0.30000000000000004", "300000001n", true, true},
        {"99999999999999999999999Ei", "9223372036854775807", true, true},
        {"8Ei", "9223372036854775807", true, true},
        {"7Ei", "9223372036854775807", false, false},
        {"9223372036854775807.5Ki", "9223372036854775807", true, true},
        {"-9Ei", "-9223372036854775807", true, true},
        /* Without a binary suffix there is no limit. */
        {"99999999999E", "9223372036854775807", false, false},
        {"99999999999E", "99999999999000P", true, true},
        {"9999999999999999999999999999999999999999999999999999999999999999E", "1", false, false},
        {"99999999999999999999999999999999999999999999999999999999999999999", "1", false, false},
        {"0.99999999999999999999999999999999999", "1", true, true},
        {"9.99999999999999999999999999999999999Ei", "9223372036854775807", true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (kube_quantity_equal(cases[i].desired, cases[i].stored, KUBE_MILLI) != cases[i].milli)
            fail_msg("\"%s\" is stored as \"%s\" in thousandths: %d", cases[i].desired, cases[i].stored,
                     cases[i].milli);
        if (kube_quantity_equal(cases[i].desired, cases[i].stored, KUBE_NANO) != cases[i].nano)
            fail_msg("\"%s\" is stored as \"%s\" in billionths: %d", cases[i].desired, cases[i].stored, cases[i].nano);
    }
}

static void quantities_have_an_order(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"200m", "500m", -1},  {"0.5", "500m", 0},  {"1", "500m", 1},         {"2Gi", "2G", 1},
        {"-1", "1m", -1},      {"-1", "-2", 1},     {"1400u", "1500u", 0},    {"0", "1n", -1},
        {"1023Mi", "1Gi", -1}, {"1e3", "1001", -1}, {"10000000000E", "1", 1},
    };
    int order;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(kube_quantity_compare(cases[i].a, cases[i].b, KUBE_MILLI, &order));
        if (order != cases[i].order)
            fail_msg("\"%s\" against \"%s\" is %d", cases[i].a, cases[i].b, order);
    }
    assert_false(kube_quantity_compare("1", "one", KUBE_MILLI, &order));
    assert_false(kube_quantity_compare("", "1", KUBE_MILLI, &order));
    assert_true(kube_quantity_is_multiple("4Mi", "2Mi"));
    assert_true(kube_quantity_is_multiple("0", "2Mi"));
    assert_true(kube_quantity_is_multiple("4194303.5", "2Mi"));
    assert_false(kube_quantity_is_multiple("3Mi", "2Mi"));
    assert_false(kube_quantity_is_multiple("1", "0"));
    assert_false(kube_quantity_is_multiple("2", "500m"));
    assert_false(kube_quantity_is_multiple("1000E", "1"));
    assert_false(kube_quantity_is_multiple("1", "one"));
}

static void quantities_are_counted_in_units(void **state)
{
    static const struct {
        const char *text;
        int digits;
        int64_t units; /* -1: they are not */
    } cases[] = {
        {"500m", 3, 500},
        {"1.5", 3, 1500},
        {"0", 3, 0},
        {"2Gi", 0, 2147483648},
        {"1.2", 0, 2},
        {"1u", 3, 1},
        {"1000E", 0, -1},
        {"-1", 0, -1},
        {"many", 0, -1},
        {"", 3, -1},
        {"999999999999999k", 0, 999999999999999000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t units = -1;
        assert_int_equal(kube_quantity_round_up(cases[i].text, cases[i].digits, &units), cases[i].units >= 0);
        assert_int_equal(units, cases[i].units);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_compared_by_value),
        cmocka_unit_test(quantities_are_rounded_as_the_server_does),
        cmocka_unit_test(quantities_have_an_order),
        cmocka_unit_test(quantities_are_counted_in_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
