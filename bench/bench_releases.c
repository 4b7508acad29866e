/*
 * A Canary's life as this operator leads it, or as Flagger does, on one mesh and under one load: what does each stage
 * cost? Of both the resource has the same steps, metrics and threshold.
 *
 * Run by bench/run-canary, for each on a cluster of its own. The variables are those of canary.h; TEST_FLAGGER is
 * Flagger's program (empty: it is about this operator), TEST_FLAGGER_DEFINITIONS the file with its definitions.
 * TEST_FIGURES gets a line for each figure: what it is, a tab, and the figure.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/cluster/canary.h"
#include "../tests/cluster/harness_impl.h"
#include "../tests/cluster/today.h"
#include "base/str.h"

/* The least that Flagger takes. */
#define INTERVAL_SECONDS 10
#define OUTAGE SECONDS(40)
#define WITHOUT_REQUESTS SECONDS(40)
/* Until proxies have a route that was written. */
#define TO_BE_KNOWN SECONDS(3)

static struct canary_figures all;

static void __attribute__((format(printf, 2, 3))) note(const char *what, const char *format, ...)
{
    FILE *f = fopen(variable("TEST_FIGURES"), "ae");
    va_list arguments;

    assert_non_null(f);
    fprintf(f, "%s\t", what);
    va_start(arguments, format);
    vfprintf(f, format, arguments);
    va_end(arguments);
    fputc('\n', f);
    assert_int_equal(fclose(f), 0);
}

static void note_time(const char *what, msec_t time)
{
    note(what, "%.1f s", (double)time / 1000);
}

/* --- who leads it --- */

static bool is_flagger(void)
{
    return *variable("TEST_FLAGGER") != '\0';
}

static void leader_starts(void)
{
    const char *const arguments[] = {
        variable("TEST_FLAGGER"),
        "-kubeconfig",
        variable("TEST_KUBECONFIG"),
        "-mesh-provider",
        "istio",
        "-namespace",
        SHOP,
        "-port",
        "0",
        NULL};
    _cleanup_free_ char *path = NULL;
    int fd;

    if (!is_flagger()) {
        operator_start();
        return;
    }
    path = str_printf("%s/flagger.log", variable("TEST_OUTPUT"));
    fd = open(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    h.operator_pid = harness_spawn(arguments, fd);
    close(fd);
}

/* What the operator made of the mesh stays. */
static void flagger_takes_its_place(void)
{
    _cleanup_free_ char *define = str_printf("kubectl apply -f '%s' >&2", variable("TEST_FLAGGER_DEFINITIONS"));

    operator_kill(SIGTERM);
    must_succeed(define, "Flagger's definitions are there");
    canary_kind.group = "flagger.app";
    leader_starts();
}

static void it_is_killed(void)
{
    operator_kill(SIGKILL);
    leader_starts();
}

/* --- what it comes to --- */

static bool is_over(const char *phase)
{
    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

static bool has_come_to(void *phase)
{
    struct canary_state now = canary_look();

    wait_saw("%s, weight %d", now.phase, now.route);
    return str_eq(now.phase, phase) || is_over(now.phase);
}

/* Or to its end. */
static void wait_phase(const char *phase)
{
    wait_until(has_come_to, (void *)phase, TO_END, phase);
}

static char *outcome(void)
{
    struct canary_state now = canary_look();

    return str_printf("%s, weight %d", now.phase, now.route);
}

/* To its end. */
static struct canary_figures change_ended(void)
{
    struct canary_figures figures;

    wait_phase("Succeeded");
    figures = canary_change_figures();
    all.answered += figures.answered;
    all.failed += figures.failed;
    all.lost += figures.lost;
    return figures;
}

static void a_deployment_is_taken_over(void)
{
    struct canary_figures figures;

    canary_change_begins("taken over");
    canary_create_slow(INTERVAL_SECONDS, AT_GATEWAY, FIVE_STEPS);
    canary_wait_phase("Initialized");
    figures = canary_change_figures();
    all.lost += figures.lost;
    all.answered += figures.answered;
    note_time("a Deployment is taken over", figures.took);
}

static void a_good_release(void)
{
    canary_change_begins("a good release");
    canary_release("v2", NULL);
    note_time("from a new version to its promotion; its steps take 50 s", change_ended().took);
}

static bool has_failed_some(void *context)
{
    (void)context;
    return canary_failures() > 0;
}

static void a_bad_release(void)
{
    struct canary_figures figures;
    msec_t first;

    canary_change_begins("a bad release");
    canary_release("v3", "bad");
    wait_until(has_failed_some, NULL, TO_END, "its first request fails");
    first = clock_now_monotonic();
    wait_phase("Failed");
    canary_wait_route(0);
    pause_ms(TO_BE_KNOWN);
    figures = change_ended();
    note_time("from the first bad answer to the last one", canary_last_failure() - first);
    note("bad answers until then", "%lld", (long long)figures.failed);
}

static void another_release_in_the_middle(void)
{
    const msec_t began = clock_now_monotonic();
    _cleanup_free_ char *version = NULL;
    struct canary_figures figures;
    msec_t at, took;

    canary_change_begins("another release in the middle");
    canary_release("v4", NULL);
    canary_wait_route(IN_THE_MIDDLE);
    at = clock_now_monotonic();
    canary_release("v5", NULL);
    canary_wait_route(0);
    took = clock_now_monotonic() - at;
    note_time("another version at 30 %: until it has no traffic that was not measured", took);
    figures = change_ended();
    version = canary_version_of(PRIMARY);
    note_time("the same: until one is promoted", began + figures.took - at);
    note(
        "the same: which one",
        "%s, %lld lost",
        str_eq(version, "v5") ? "the last one" : version,
        (long long)figures.lost);
}

static void prometheus_ends(void)
{
    _cleanup_free_ char *meanwhile = NULL, *end = NULL;
    struct canary_figures figures;

    canary_change_begins("Prometheus ends, and starts again");
    canary_release("v6", NULL);
    canary_wait_route(10);
    canary_prometheus("kill");
    pause_ms(OUTAGE);
    meanwhile = outcome();
    note("Prometheus ends at 10 %: after 40 s", "%s", meanwhile);
    canary_prometheus("start");
    figures = change_ended();
    end = outcome();
    note("the same: when it answers again", "%s, %lld lost", end, (long long)figures.lost);
}

static void it_is_killed_in_each_phase(void)
{
    const char *const phases[] = {"Promoting", "Finalising"};
    int rollouts = canary_rollouts(PRIMARY);
    _cleanup_free_ char *end = NULL;
    struct canary_figures figures;

    canary_change_begins("killed in each phase");
    canary_release("v7", NULL);
    it_is_killed();
    canary_wait_route(IN_THE_MIDDLE);
    it_is_killed();
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        wait_phase(phases[i]);
        it_is_killed();
    }
    figures = change_ended();
    end = outcome();
    note("killed in each phase", "%s, in %.1f s, %lld lost", end, (double)figures.took / 1000, (long long)figures.lost);
    note("the same: rollouts of the primary", "%d", canary_rollouts(PRIMARY) - rollouts);
}

static void without_requests(void)
{
    _cleanup_free_ char *end = NULL;

    canary_shop_closes();
    canary_release("v8", NULL);
    pause_ms(WITHOUT_REQUESTS);
    end = outcome();
    note("a release without any request: after 40 s", "%s", end);
}

static void figures(void **state)
{
    (void)state;
    canary_shop_opens();
    if (is_flagger())
        flagger_takes_its_place();
    a_deployment_is_taken_over();
    a_good_release();
    a_bad_release();
    note(
        "requests lost in these three",
        "%lld of %lld",
        (long long)all.lost,
        (long long)(all.answered + all.failed + all.lost));
    note("resident memory", "%.0f MB", (double)operator_memory_kb() / 1024);
    another_release_in_the_middle();
    prometheus_ends();
    it_is_killed_in_each_phase();
    without_requests();
    operator_kill(SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench releases", tests, set_up_shop, harness_teardown);
}
