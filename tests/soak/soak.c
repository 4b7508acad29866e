/*
 * A long day: a mesh on a real control plane to which things happen at random, and the operator's memory, descriptors,
 * watches and writes, once a second. Run by `make soak`, which brings up the cluster.
 *
 * TEST_MINUTES is how long, TEST_SEED what happens. The changes are made by a child process, so that they never delay
 * a measurement.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../cluster/converge.h"
#include "../cluster/harness.h"
#include "../cluster/kubelet.h"
#include "base/map.h"
#include "base/str.h"
#include "changes.h"
#include "chart.h"

#define MARKS_MOST 256
#define WORD_MOST 32
#define TO_CONVERGE SECONDS(120)
#define REST_LENGTH SECONDS(25)
/* The operator gives memory back when it has been idle for a while. */
#define REST_BEGINS_AFTER 12.0

struct day {
    struct record record;
    msec_t start;
    pid_t changer;
    int changes_fd;     /* words of WORD_MOST bytes */
    struct map *counts; /* word -> the number of such changes, as a pointer */
    struct mark marks[MARKS_MOST];
    size_t marks_len, missed;
    unsigned rests;
    double rests_since; /* 0: it does not rest */
};

static int64_t number_of(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    int64_t number;

    return text && str_to_int64(text, &number) && number > 0 ? number : otherwise;
}

static void tell(void *context, const char *what)
{
    char word[WORD_MOST] = "";
    const int *fd = context;

    snprintf(word, sizeof(word), "%s", what);
    if (write(*fd, word, sizeof(word)) < 0)
        _exit(1);
}

static void start_changes(struct day *d, unsigned seed, const struct changes_times *times)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    d->changer = fork();
    assert_true(d->changer >= 0);
    if (d->changer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        harness_reconnect(NULL);
        _exit(changes_make(seed, times, tell, &fds[1]) ? 0 : 1);
    }
    close(fds[1]);
    d->changes_fd = fds[0];
    fcntl(d->changes_fd, F_SETFL, O_NONBLOCK);
}

static void take_changes(struct day *d, double at)
{
    char word[WORD_MOST];

    while (read(d->changes_fd, word, sizeof(word)) == (ssize_t)sizeof(word)) {
        word[sizeof(word) - 1] = '\0';
        d->rests_since = str_eq(word, CHANGES_REST) ? at : 0;
        d->rests += str_eq(word, CHANGES_REST);
        map_put(d->counts, word, (char *)map_get(d->counts, word) + 1);
        if (str_starts(word, "restart ") && d->marks_len < MARKS_MOST)
            d->marks[d->marks_len++] = (struct mark){at, str_ends(word, "etcd") ? "etcd" : "kube-apiserver"};
    }
}

/* The sum of a metric's values over its labels. */
static double value_of(const char *metrics, const char *name)
{
    _cleanup_free_ char *start = str_printf("\nistio_operator_%s", name);
    size_t len = strlen(start);
    double sum = 0;

    for (const char *at = metrics; (at = strstr(at, start)); at += len)
        if (at[len] == ' ' || at[len] == '{')
            sum += strtod(at + len + strcspn(at + len, " "), NULL);
    return sum;
}

static void take_sample(struct day *d, double at)
{
    _cleanup_free_ char *metrics = operator_get("/metrics");
    bool at_rest = d->rests_since > 0 && at >= d->rests_since + REST_BEGINS_AFTER;
    struct sample s = {.at = at, .rest = at_rest ? d->rests : 0};

    if (!metrics) {
        d->missed++;
        return;
    }
    s.values[SERIES_RESIDENT] = (double)operator_memory_kb();
    s.values[SERIES_ANONYMOUS] = (double)operator_anonymous_kb();
    s.values[SERIES_HEAP] = value_of(metrics, "heap_bytes") / 1024;
    s.values[SERIES_DESCRIPTORS] = operator_descriptors();
    s.values[SERIES_WATCH_RESTARTS] = value_of(metrics, "watch_restarts_total");
    s.values[SERIES_WRITES] = value_of(metrics, "writes_total");
    record_add(&d->record, &s);
}

static void live_through(struct day *d, msec_t until)
{
    for (msec_t next = d->start; next < until; next += SECONDS(1)) {
        msec_t now = clock_now_monotonic();
        double at = (double)(now - d->start) / 1000;
        if (next > now)
            pause_ms((int)(next - now));
        if (waitpid(h.operator_pid, NULL, WNOHANG) != 0) {
            h.operator_pid = 0;
            fail_msg("the operator ended after %.0f s; see %s", at, h.log_path);
        }
        take_changes(d, at);
        take_sample(d, at);
    }
}

static void write_file(const char *name, const struct buf *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", getenv("TEST_OUTPUT"), name);
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(buf_str(text), f);
    fclose(f);
    printf("%s\n", path);
}

static void write_samples(const struct record *r)
{
    _cleanup_buf_ struct buf csv = BUF_INIT;

    buf_add_str(&csv, "second,rest");
    for (enum series s = 0; s < SERIES_COUNT; s++)
        buf_printf(&csv, ",%s", series_rows[s].what);
    for (size_t i = 0; i < r->len; i++) {
        buf_printf(&csv, "\n%.0f,%u", r->samples[i].at, r->samples[i].rest);
        for (enum series s = 0; s < SERIES_COUNT; s++)
            buf_printf(&csv, ",%.0f", r->samples[i].values[s]);
    }
    buf_add_char(&csv, '\n');
    write_file("soak.csv", &csv);
}

static bool report(const struct day *d, double warm_up)
{
    _cleanup_buf_ struct buf text = BUF_INIT, svg = BUF_INIT;
    bool good = record_judge(&d->record, warm_up, &text);
    const char *word;
    void *count;

    write_samples(&d->record);
    chart_svg(&d->record, warm_up, d->marks, d->marks_len, &svg);
    write_file("soak.svg", &svg);
    chart_terminal(&d->record, &text);
    printf("%zu samples; %zu seconds without an answer\nchanges:", d->record.len, d->missed);
    for (size_t i = 0; map_next(d->counts, &i, &word, &count);)
        printf(" %s %zu,", word, (size_t)count);
    printf("\n%s", buf_str(&text));
    fflush(stdout);
    return good;
}

/* Twenty rests a day, and one every two minutes in long ones. */
static msec_t rest_every(double seconds)
{
    return seconds < 40 * 60 ? (msec_t)(seconds * 1000 / 20) : SECONDS(120);
}

/*
 * Without malloc's cache of small freed blocks (up to seven of each of 64 sizes, some 200 kB), which mallinfo2() counts
 * as in use: how full it is hangs on what was freed last.
 */
static void start_operator_without_malloc_cache(void)
{
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
    operator_start();
    unsetenv("GLIBC_TUNABLES");
}

static void nothing_grows_over_a_long_day(void **state)
{
    double seconds = 60.0 * (double)number_of("TEST_MINUTES", 60);
    struct day d = {.counts = map_new(NULL)};
    struct changes_times times = {.rest_every = rest_every(seconds), .rest_length = REST_LENGTH};
    int status;
    bool good;

    (void)state;
    start_operator_without_malloc_cache();
    kubelet_start(NULL);
    bystanders_make();
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    converge_wait(TO_CONVERGE);
    d.start = clock_now_monotonic();
    times.until = d.start + (msec_t)(seconds * 1000);
    start_changes(&d, (unsigned)number_of("TEST_SEED", 1), &times);
    live_through(&d, times.until);
    good = report(&d, record_warm_up(seconds));
    assert_int_equal(waitpid(d.changer, &status, 0), d.changer);
    assert_int_equal(status, 0);
    printf("converged %.1f s after the last change\n", (double)converge_wait(TO_CONVERGE) / 1000);
    bystanders_check();
    bystanders_remove();
    mesh_delete_and_wait();
    converge_wait_gone(TO_CONVERGE);
    kubelets_stop();
    record_release(&d.record);
    map_free(d.counts);
    close(d.changes_fd);
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_grows_over_a_long_day)};

    return cmocka_run_group_tests_name("soak", tests, harness_setup, harness_teardown);
}
