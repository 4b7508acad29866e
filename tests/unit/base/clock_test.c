#include "testing.h"

#include "base/clock.h"
#include "base/mem.h"

static void formats_as_kubernetes_does(void **state)
{
    char text[32];

    (void)state;
    clock_rfc3339(1136214245123, text);
    assert_string_equal(text, "2006-01-02T15:04:05Z");
    clock_rfc3339_micro(1136214245123, text);
    assert_string_equal(text, "2006-01-02T15:04:05.123000Z");
    clock_rfc3339(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_rfc3339_micro(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999000Z");
}

static void parses_rfc3339(void **state)
{
    static const struct {
        const char *text;
        msec_t wall;
    } cases[] = {
        {"2006-01-02T15:04:05Z", 1136214245000},      {"2006-01-02T15:04:05.123000Z", 1136214245123},
        {"2006-01-02T15:04:05.1Z", 1136214245100},    {"2006-01-02T15:04:05.123999999Z", 1136214245123},
        {"2006-01-02T16:04:05+01:00", 1136214245000}, {"2006-01-02T09:34:05-05:30", 1136214245000},
        {"2006-01-02T15:04:05-00:00", 1136214245000}, {"2004-02-29T00:00:00Z", 1078012800000},
        {"2000-02-29T00:00:00Z", 951782400000},       {"1969-12-31T23:59:59.5Z", -500},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    static const char *const bad[] = {
        "",
        "2006",
        "2006-01-02",
        "2006-01-02T15:04:05",
        "2006-01-02 15:04:05Z",
        "2006-01-02T15:04:05Zx",
        "2006-01-02T15:04:05.Z",
        "2006-01-02T15:04:05+0100",
        "2006-01-02T15:04:05+24:00",
        "2006-01-02T15:04:05+01:60",
        "2006-00-02T15:04:05Z",
        "2006-13-02T15:04:05Z",
        "2006-01-00T15:04:05Z",
        "2006-01-32T15:04:05Z",
        "2006-04-31T15:04:05Z",
        "2005-02-29T15:04:05Z",
        "1900-02-29T15:04:05Z",
        "2006-01-02T24:00:00Z",
        "2006-01-02T15:60:05Z",
        "2006-01-02T15:04:61Z",
        "06-01-02T15:04:05Z",
        "2006-1-2T15:04:05Z",
        "-006-01-02T15:04:05Z",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        msec_t wall = 0;
        assert_true(clock_parse_rfc3339(cases[i].text, &wall));
        assert_int_equal(wall, cases[i].wall);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        msec_t wall = 42;
        if (clock_parse_rfc3339(bad[i], &wall))
            fail_msg("\"%s\" is no time", bad[i]);
        assert_int_equal(wall, 42);
    }
}

static void what_is_formatted_is_parsed(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        /* from 1902 to 2106 */
        msec_t wall = ((msec_t)next_random(&seed, UINT32_MAX) * 3 / 2 - INT32_MAX) * 1000 + next_random(&seed, 1000),
               back;
        char text[32];

        clock_rfc3339_micro(wall, text);
        assert_true(clock_parse_rfc3339(text, &back));
        assert_int_equal(back, wall);
    }
}

static void time_goes_on(void **state)
{
    msec_t before = clock_now_monotonic();

    (void)state;
    assert_true(clock_now_monotonic() >= before);
    assert_true(clock_now_usec() / 1000 >= before);
    /* after 2020 */
    assert_true(clock_now_wall() > 1577836800000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_as_kubernetes_does),
        cmocka_unit_test(parses_rfc3339),
        cmocka_unit_test(what_is_formatted_is_parsed),
        cmocka_unit_test(time_goes_on),
    };

    return cmocka_run_group_tests_name("base clock", tests, NULL, NULL);
}
