/* Runs seeds, several at a time, each in the simulation of its own. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../server/controllers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "memory.h"
#include "net/certificate.h"
#include "world.h"

#define JOBS_MAX 64
#define FAILURES_SHOWN 10
/* Wall time without a seed's end that counts as one that hangs: the machine may have others to serve. */
#define STUCK SECONDS(600)

static const char usage[] =
    "Usage: simulate [--seeds N] [--from S] [--jobs J] [--odd] [--today] [--renewal] [--trace] [--keep-going]\n"
    "\n"
    "  --seeds N      how many (100)\n"
    "  --from S       the first one (1)\n"
    "  --jobs J       how many at a time (the processors of this machine)\n"
    "  --odd          in every seed servers send what is odd, and not in one of four\n"
    "  --today        in every seed Kubernetes and Istio are today's, and not in one of three\n"
    "  --renewal      as --today, and little else happens than that sidecars are renewed, as they are in one of six\n"
    "  --trace        tell everything that happens, on standard output; for one seed\n"
    "  --keep-going   do not end at the first seed that fails\n";

struct settings {
    int64_t seeds, from, jobs;
    bool keep_going;
    struct world_options world;
};

/* What the workers add up. In memory that they share. */
struct totals {
    _Atomic int64_t next; /* seed */
    _Atomic int64_t done, failed;
    _Atomic uint64_t steps, requests, writes, faults, deeds, kills, changes, minute_most, simulated, converged_most,
        operator_bytes_most, with_mesh, remotes, restarts;
    struct {
        _Atomic int64_t seed; /* -1: none */
    } jobs[JOBS_MAX];
};

static void raise_to(_Atomic uint64_t *most, uint64_t value)
{
    if (value > *most)
        *most = value;
}

static void add(struct totals *t, const struct world_report *r)
{
    t->steps += r->steps;
    t->requests += r->requests;
    t->writes += r->writes;
    t->faults += r->faults;
    t->deeds += r->deeds;
    t->kills += r->kills;
    t->changes += r->changes;
    t->simulated += (uint64_t)r->simulated;
    t->with_mesh += r->with_mesh;
    t->remotes += r->remotes;
    t->restarts += r->restarts;
    raise_to(&t->minute_most, r->minute_most);
    raise_to(&t->converged_most, (uint64_t)r->converged);
    raise_to(&t->operator_bytes_most, (uint64_t)(r->operator_bytes > 0 ? r->operator_bytes : 0));
}

static void tell_failure(int64_t seed, const char *why, const struct settings *s, const char *program)
{
    /* One write, so that workers do not mix their lines. */
    _cleanup_free_ char *text = str_printf(
        "seed %" PRId64 " FAILED: %s\n    replay: %s --from %" PRId64 " --seeds 1%s%s%s --trace\n", seed, why, program,
        seed, s->world.odd ? " --odd" : "", s->world.today ? " --today" : "", s->world.renewal ? " --renewal" : "");

    fflush(stdout);
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

static bool run_seed(int64_t seed, struct totals *t, const struct settings *s, const char *program)
{
    int64_t blocks = memory_blocks(), left;
    struct world_report r;
    bool good;

    world_run((uint64_t)seed, &s->world, &r);
    add(t, &r);
    good = r.failure.len == 0;
    if (!good)
        tell_failure(seed, buf_str(&r.failure), s, program);
    world_report_release(&r);
    left = memory_blocks() - blocks;
    if (good && left > 0) {
        _cleanup_free_ char *why = str_printf("%" PRId64 " blocks of memory were not freed", left);
        tell_failure(seed, why, s, program);
        good = false;
    }
    return good;
}

static void work(const struct settings *s, struct totals *t, int job, const char *program)
{
    int64_t seed;

    while ((seed = t->next++) < s->from + s->seeds) {
        t->jobs[job].seed = seed;
        if (!run_seed(seed, t, s, program)) {
            t->failed++;
            if (!s->keep_going)
                t->next = s->from + s->seeds;
        }
        t->done++;
    }
    t->jobs[job].seed = -1;
    fflush(stdout);
    _exit(0);
}

static void tell_progress(const struct settings *s, const struct totals *t, int64_t began, bool last)
{
    double seconds = (double)(clock_now_usec() - began) / 1e6;

    printf("%s%" PRId64 " of %" PRId64 " seeds, %.1f simulated days, %.1f million events, %.0f events/s, "
           "%" PRId64 " failed%s",
           isatty(STDOUT_FILENO) ? "\r" : "", t->done, s->seeds, (double)t->simulated / 86400e3, (double)t->steps / 1e6,
           (double)t->steps / seconds, t->failed, last || !isatty(STDOUT_FILENO) ? "\n" : "");
    fflush(stdout);
}

/* What the workers have used, all of which have ended. */
static double processor_seconds(void)
{
    struct rusage used;

    if (getrusage(RUSAGE_CHILDREN, &used) < 0)
        return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void tell_totals(const struct totals *t, int64_t began)
{
    double processor = processor_seconds();

    printf("%.1f s, %.1f s of a processor: %.0f events in each\n"
           "%" PRIu64 " faults, %" PRIu64 " deeds of users, %" PRIu64 " kills; %" PRIu64 " requests, %" PRIu64
           " of them writes; %" PRIu64 " changes of objects\n"
           "at most: %.0f s to converge, %" PRIu64 " requests in a minute, %.1f MiB of an operator; "
           "%" PRIu64 " seeds end with a mesh, and with %" PRIu64 " RemoteIstios; %" PRIu64
           " restarts for new sidecars\n",
           (double)(clock_now_usec() - began) / 1e6, processor, processor > 0 ? (double)t->steps / processor : 0,
           t->faults, t->deeds, t->kills, t->requests, t->writes, t->changes, (double)t->converged_most / 1000,
           t->minute_most, (double)t->operator_bytes_most / 1048576, t->with_mesh, t->remotes, t->restarts);
}

/* A worker that ended otherwise than it should has a seed in hand. */
static void bury(const struct settings *s, struct totals *t, int job, int status, const char *program)
{
    int64_t seed = t->jobs[job].seed;
    _cleanup_free_ char *why = NULL;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    why = WIFSIGNALED(status) ? str_printf("ended by signal %d", WTERMSIG(status))
                              : str_printf("ended with status %d", WEXITSTATUS(status));
    tell_failure(seed, why, s, program);
    t->failed++;
    t->done++;
}

static void supervise(const struct settings *s, struct totals *t, pid_t *workers, int64_t began, const char *program)
{
    int64_t told = clock_now_monotonic(), heard = told, done = 0;
    int64_t running = s->jobs;

    while (running > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        int64_t now = clock_now_monotonic();
        for (int job = 0; pid > 0 && job < s->jobs; job++) {
            if (workers[job] != pid)
                continue;
            bury(s, t, job, status, program);
            workers[job] = 0;
            running--;
        }
        if (pid > 0)
            continue;
        if (t->done != done)
            done = t->done, heard = now;
        for (int job = 0; now - heard > STUCK && job < s->jobs; job++)
            if (workers[job])
                kill(workers[job], SIGABRT);
        if (now - told > (isatty(STDOUT_FILENO) ? 500 : 10000)) {
            tell_progress(s, t, began, false);
            told = now;
        }
        poll(NULL, 0, 20);
    }
}

static bool number_after(char **argv, int *i, int64_t least, int64_t *ret)
{
    return argv[*i + 1] && str_to_int64(argv[++*i], ret) && *ret >= least;
}

static bool parse(char **argv, struct settings *s)
{
    *s = (struct settings){.seeds = 100, .from = 1, .jobs = sysconf(_SC_NPROCESSORS_ONLN)};
    for (int i = 1; argv[i]; i++) {
        bool good = true;
        if (str_eq(argv[i], "--seeds"))
            good = number_after(argv, &i, 1, &s->seeds);
        else if (str_eq(argv[i], "--from"))
            good = number_after(argv, &i, 0, &s->from);
        else if (str_eq(argv[i], "--jobs"))
            good = number_after(argv, &i, 1, &s->jobs);
        else if (str_eq(argv[i], "--odd"))
            s->world.odd = true;
        else if (str_eq(argv[i], "--today"))
            s->world.today = true;
        else if (str_eq(argv[i], "--renewal"))
            s->world.renewal = true;
        else if (str_eq(argv[i], "--trace"))
            s->world.trace = true;
        else if (str_eq(argv[i], "--keep-going"))
            s->keep_going = true;
        else
            good = false;
        if (!good)
            return false;
    }
    s->jobs = s->jobs > JOBS_MAX ? JOBS_MAX : s->jobs;
    s->jobs = s->jobs > s->seeds ? s->seeds : s->jobs;
    return true;
}

/* What libraries keep for good is there before the first seed. */
static void warm_up(void)
{
    _cleanup_json_ json_t *reals =
        ARRAY(ITEM_VALUE(json_real(0.1)), ITEM_VALUE(json_real(1.0)), ITEM_VALUE(json_real(1e22)));
    _cleanup_free_ char *text = doc_text(reals);
    msec_t unused;
    char digest[65];

    str_sha256_hex(text, strlen(text), digest);
    clock_rfc3339(0, digest);
    certificate_ends("no certificate", &unused, &unused);
    certificate_ends(controllers_root, &unused, &unused);
}

int main(int argc, char **argv)
{
    struct settings s;
    struct totals *t;
    pid_t workers[JOBS_MAX] = {0};
    int64_t began = clock_now_usec();

    (void)argc;
    if (!parse(argv, &s)) {
        fputs(usage, stderr);
        return 2;
    }
    log_configure(s.world.trace ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED)
        return 1;
    warm_up();
    t->next = s.from;
    for (int job = 0; job < s.jobs; job++) {
        t->jobs[job].seed = -1;
        fflush(stdout);
        workers[job] = fork();
        if (workers[job] == 0)
            work(&s, t, job, argv[0]);
    }
    supervise(&s, t, workers, began, argv[0]);
    tell_progress(&s, t, began, true);
    tell_totals(t, began);
    printf("[  PASSED  ] %" PRId64 " test(s).\n", t->done - t->failed);
    if (t->failed)
        printf("[  FAILED  ] %" PRId64 " test(s).\n", t->failed);
    return t->failed > 0;
}
