/* The judgement over a long day: what grows is found, what only moves is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chart.h"

#define DAY 1200

#define REST_EVERY 60
#define REST_LENGTH 15

static struct record day_of(double (*anonymous)(int second))
{
    struct record r = {0};

    for (int second = 0; second < DAY; second++)
        record_add(
            &r, &(struct sample){
                    .at = second,
                    .rest = second % REST_EVERY < REST_LENGTH ? 1 + second / REST_EVERY : 0,
                    .values = {[SERIES_ANONYMOUS] = anonymous(second), [SERIES_HEAP] = 900, [SERIES_WRITES] = second}});
    return r;
}

/* Fills its caches for five minutes, then stays; between the rests it is anything. */
static double steady(int second)
{
    double rest = second < 300 ? 6000 + 10 * second : 9000;

    return second % REST_EVERY < REST_LENGTH ? rest : rest + second % 37 * 100;
}

/* One kB a second. */
static double leaking(int second)
{
    return steady(second) + second;
}

/* Grows in the last third only. */
static double late(int second)
{
    return steady(second) + (second > 800 ? 3000 : 0);
}

/* Grows between the rests only: what a bigger mesh takes is given back. */
static double busy_only(int second)
{
    return steady(second) + (second % REST_EVERY < REST_LENGTH ? 0 : 5.0 * second);
}

static bool judge(double (*anonymous)(int second), const char *expected)
{
    struct record r = day_of(anonymous);
    struct buf report = BUF_INIT;
    bool good = record_judge(&r, record_warm_up(DAY), &report);

    if (!strstr(buf_str(&report), expected))
        fail_msg("the report says not \"%s\": %s", expected, buf_str(&report));
    buf_release(&report);
    record_release(&r);
    return good;
}

static void growth_at_rest_is_found_and_what_comes_and_goes_is_not(void **state)
{
    (void)state;
    assert_true(judge(steady, "steady"));
    assert_true(judge(busy_only, "steady"));
    assert_false(judge(leaking, "GREW"));
    assert_false(judge(late, "GREW"));
}

static void a_day_without_enough_rests_says_nothing(void **state)
{
    struct record r = {0};
    struct buf report = BUF_INIT;

    (void)state;
    for (int second = 0; second < DAY; second++)
        record_add(&r, &(struct sample){.at = second, .rest = second % 400 < REST_LENGTH ? 1 + second / 400 : 0});
    assert_false(record_judge(&r, 0, &report));
    assert_non_null(strstr(buf_str(&report), "only 3 rests"));
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
    assert_non_null(strstr(buf_str(&text), "6000 to 12600 kB"));
    assert_non_null(strstr(buf_str(&svg), "kube-apiserver"));
    assert_non_null(strstr(buf_str(&svg), "</svg>"));
    buf_release(&text);
    buf_release(&svg);
    record_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_at_rest_is_found_and_what_comes_and_goes_is_not),
        cmocka_unit_test(a_day_without_enough_rests_says_nothing),
        cmocka_unit_test(charts_show_every_series),
    };

    return cmocka_run_group_tests_name("soak record", tests, NULL, NULL);
}
