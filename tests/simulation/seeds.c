#include "seeds.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "memory.h"

enum { JOBS_MAX = 64 };

/* Wall time without a seed's end that counts as one that hangs: the machine may have others to serve. */
#define STUCK SECONDS(600)

/* In memory that the workers share. */
struct board {
    _Atomic int64_t next; /* seed */
    _Atomic int64_t done, failed;
    _Atomic uint64_t steps;
    struct {
        _Atomic int64_t seed; /* -1: none */
    } jobs[JOBS_MAX];
};

struct runner {
    struct seeds *s;
    struct board *board;
    void *shared;
    int64_t began;
};

void seeds_raise(_Atomic uint64_t *most, uint64_t value)
{
    if (value > *most)
        *most = value;
}

static void tell_failure(const struct runner *r, int64_t seed, const char *why)
{
    /* One write, so that workers do not mix their lines. */
    _cleanup_free_ char *text =
        str_printf("seed %" PRId64 " FAILED: %s\n    replay: %s --from %" PRId64 " --seeds 1%s --trace\n", seed, why,
                   r->s->program, seed, r->s->replay);

    fflush(stdout);
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

static bool run_seed(const struct runner *r, int64_t seed)
{
    int64_t blocks = memory_blocks(), left;
    struct buf failure = BUF_INIT;
    uint64_t steps = 0;
    bool good = r->s->run(r->s->context, (uint64_t)seed, r->shared, &steps, &failure);

    r->board->steps += steps;
    if (!good)
        tell_failure(r, seed, buf_str(&failure));
    buf_release(&failure);
    left = memory_blocks() - blocks;
    if (good && left > 0) {
        _cleanup_free_ char *why = str_printf("%" PRId64 " blocks of memory were not freed", left);
        tell_failure(r, seed, why);
        good = false;
    }
    return good;
}

static void work(const struct runner *r, int job)
{
    const int64_t end = r->s->from + r->s->count;
    struct board *b = r->board;
    int64_t seed;

    while ((seed = b->next++) < end) {
        b->jobs[job].seed = seed;
        if (!run_seed(r, seed)) {
            b->failed++;
            if (!r->s->keep_going)
                b->next = end;
        }
        b->done++;
    }
    b->jobs[job].seed = -1;
    fflush(stdout);
    _exit(0);
}

static void tell_progress(const struct runner *r, bool last)
{
    double seconds = (double)(clock_now_usec() - r->began) / 1e6;
    const struct board *b = r->board;
    bool is_terminal = isatty(STDOUT_FILENO);

    printf("%s%" PRId64 " of %" PRId64 " seeds, %.1f million events, %.0f events/s, %" PRId64 " failed%s",
           is_terminal ? "\r" : "", b->done, r->s->count, (double)b->steps / 1e6, (double)b->steps / seconds, b->failed,
           last || !is_terminal ? "\n" : "");
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

static void tell_totals(const struct runner *r)
{
    double processor = processor_seconds();

    printf("%.1f s, %.1f s of a processor: %.0f events in each\n", (double)(clock_now_usec() - r->began) / 1e6,
           processor, processor > 0 ? (double)r->board->steps / processor : 0);
    r->s->tell(r->shared);
    printf("[  PASSED  ] %" PRId64 " test(s).\n", r->board->done - r->board->failed);
    if (r->board->failed)
        printf("[  FAILED  ] %" PRId64 " test(s).\n", r->board->failed);
}

/* A worker that ended otherwise than it should has a seed in hand. */
static void bury(const struct runner *r, int job, int status)
{
    int64_t seed = r->board->jobs[job].seed;
    _cleanup_free_ char *why = NULL;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    why = WIFSIGNALED(status) ? str_printf("ended by signal %d", WTERMSIG(status))
                              : str_printf("ended with status %d", WEXITSTATUS(status));
    tell_failure(r, seed, why);
    r->board->failed++;
    r->board->done++;
}

static void supervise(const struct runner *r, pid_t *workers)
{
    int64_t told = clock_now_monotonic(), heard = told, done = 0;
    int64_t running = r->s->jobs;

    while (running > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        int64_t now = clock_now_monotonic();
        for (int job = 0; pid > 0 && job < r->s->jobs; job++) {
            if (workers[job] != pid)
                continue;
            bury(r, job, status);
            workers[job] = 0;
            running--;
        }
        if (pid > 0)
            continue;
        if (r->board->done != done)
            done = r->board->done, heard = now;
        for (int job = 0; now - heard > STUCK && job < r->s->jobs; job++)
            if (workers[job])
                kill(workers[job], SIGABRT);
        if (now - told > (isatty(STDOUT_FILENO) ? 500 : 10000)) {
            tell_progress(r, false);
            told = now;
        }
        poll(NULL, 0, 20);
    }
}

static bool number_after(char **argv, int *i, int64_t least, int64_t *ret)
{
    return argv[*i + 1] && str_to_int64(argv[++*i], ret) && *ret >= least;
}

void seeds_begin(struct seeds *s, const char *program)
{
    s->program = program;
    s->count = 100;
    s->from = 1;
    s->jobs = sysconf(_SC_NPROCESSORS_ONLN);
}

bool seeds_option(struct seeds *s, char **argv, int *i)
{
    if (str_eq(argv[*i], "--seeds"))
        return number_after(argv, i, 1, &s->count);
    if (str_eq(argv[*i], "--from"))
        return number_after(argv, i, 0, &s->from);
    if (str_eq(argv[*i], "--jobs"))
        return number_after(argv, i, 1, &s->jobs);
    s->keep_going = s->keep_going || str_eq(argv[*i], "--keep-going");
    return str_eq(argv[*i], "--keep-going");
}

/* What libraries keep for good is there before the first seed. */
static void warm_up(void)
{
    _cleanup_json_ json_t *reals =
        ARRAY(ITEM_VALUE(json_real(0.1)), ITEM_VALUE(json_real(1.0)), ITEM_VALUE(json_real(1e22)));
    _cleanup_free_ char *text = doc_text(reals);
    char digest[65];

    str_sha256_hex(text, strlen(text), digest);
    clock_rfc3339(0, digest);
}

int seeds_run(struct seeds *s)
{
    const size_t size = sizeof(struct board) + s->shared_size;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct runner r = {.s = s, .board = memory, .began = clock_now_usec()};
    pid_t workers[JOBS_MAX] = {0};

    if (memory == MAP_FAILED)
        return 1;
    r.shared = r.board + 1;
    s->jobs = s->jobs > JOBS_MAX ? JOBS_MAX : s->jobs;
    s->jobs = s->jobs > s->count ? s->count : s->jobs;
    warm_up();
    r.board->next = s->from;
    for (int job = 0; job < s->jobs; job++) {
        r.board->jobs[job].seed = -1;
        fflush(stdout);
        workers[job] = fork();
        if (workers[job] == 0)
            work(&r, job);
    }
    supervise(&r, workers);
    tell_progress(&r, true);
    tell_totals(&r);
    return r.board->failed > 0;
}
