/* The judgement over a long day: what grows is found, what only moves is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chart.h"

#define DAY 1200

static struct record day_of(double (*resident)(int second))
{
    struct record r = {0};

    for (int second = 0; second < DAY; second++)
        record_add(&r,
                   &(struct sample){
                       second, {[SERIES_RESIDENT] = resident(second), [SERIES_HEAP] = 900, [SERIES_WRITES] = second}});
    return r;
}

/* Fills its caches for five minutes, then stays, with a burst every minute. */
static double steady(int second)
{
    double rest = second < 300 ? 6000 + 10 * second : 9000;

    return second % 60 < 5 ? rest + 4000 : rest;
}

/* Five kB a second. */
static double leaking(int second)
{
    return steady(second) + 5.0 * second;
}

/* Grows in the last third only. */
static double late(int second)
{
    return steady(second) + (second > 800 ? 3000 : 0);
}

static bool judge(double (*resident)(int second), const char *expected)
{
    struct record r = day_of(resident);
    struct buf report = BUF_INIT;
    bool good = record_judge(&r, record_warm_up(DAY), &report);

    if (!strstr(buf_str(&report), expected))
        fail_msg("the report says not \"%s\": %s", expected, buf_str(&report));
    buf_release(&report);
    record_release(&r);
    return good;
}

static void growth_is_found_and_bursts_are_not(void **state)
{
    (void)state;
    assert_true(judge(steady, "steady"));
    assert_false(judge(leaking, "GREW"));
    assert_false(judge(late, "GREW"));
}

static void too_short_a_day_says_nothing(void **state)
{
    struct record r = {0};
    struct buf report = BUF_INIT;

    (void)state;
    for (int second = 0; second < 30; second++)
        record_add(&r, &(struct sample){.at = second});
    assert_false(record_judge(&r, 0, &report));
    buf_release(&report);
    record_release(&r);
}

static void charts_show_every_series(void **state)
{
    struct record r = day_of(steady);
    struct buf text = BUF_INIT, svg = BUF_INIT;
    const struct mark mark = {100, "kube-apiserver"};

    (void)state;
    chart_terminal(&r, &text);
    chart_svg(&r, 300, &mark, 1, &svg);
    for (enum series s = 0; s < SERIES_COUNT; s++) {
        assert_non_null(strstr(buf_str(&text), series_rows[s].what));
        assert_non_null(strstr(buf_str(&svg), series_rows[s].what));
    }
    assert_non_null(strstr(buf_str(&text), "6050 to 13000 kB"));
    assert_non_null(strstr(buf_str(&svg), "kube-apiserver"));
    assert_non_null(strstr(buf_str(&svg), "</svg>"));
    buf_release(&text);
    buf_release(&svg);
    record_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_is_found_and_bursts_are_not),
        cmocka_unit_test(too_short_a_day_says_nothing),
        cmocka_unit_test(charts_show_every_series),
    };

    return cmocka_run_group_tests_name("soak record", tests, NULL, NULL);
}
