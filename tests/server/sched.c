#include "sched.h"

#include <stdbool.h>

struct job {
    msec_t at;
    uint64_t sequence;
    size_t place; /* in the heap */
    void (*run)(void *context);
    void *context;
};

struct sched {
    msec_t now;
    uint64_t sequence, steps;
    struct job **heap; /* the earliest first */
    size_t len, cap;
};

struct sched *sched_new(void)
{
    return NEW(struct sched);
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->len; i++)
        free(s->heap[i]);
    free(s->heap);
    free(s);
}

msec_t sched_now(const struct sched *s)
{
    return s->now;
}

uint64_t sched_steps(const struct sched *s)
{
    return s->steps;
}

static bool before(const struct job *a, const struct job *b)
{
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static void put(struct sched *s, size_t place, struct job *job)
{
    s->heap[place] = job;
    job->place = place;
}

static void rise(struct sched *s, struct job *job)
{
    size_t place = job->place;

    while (place > 0 && before(job, s->heap[(place - 1) / 2])) {
        put(s, place, s->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(s, place, job);
}

static void sink(struct sched *s, struct job *job)
{
    size_t place = job->place, child;

    while ((child = 2 * place + 1) < s->len) {
        if (child + 1 < s->len && before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s->heap[child], job))
            break;
        put(s, place, s->heap[child]);
        place = child;
    }
    put(s, place, job);
}

static void take_out(struct sched *s, struct job *job)
{
    struct job *last = s->heap[--s->len];

    if (last == job)
        return;
    put(s, job->place, last);
    rise(s, last);
    sink(s, last);
}

struct job *sched_at(struct sched *s, msec_t at, void (*run)(void *context), void *context)
{
    struct job *job = NEW(struct job);

    *job = (struct job){.at = at < s->now ? s->now : at, .sequence = s->sequence++, .run = run, .context = context};
    ARRAY_RESERVE_ONE(s->heap, s->len, s->cap);
    put(s, s->len, job);
    s->len++;
    rise(s, job);
    return job;
}

void sched_drop(struct sched *s, struct job *job)
{
    if (!job)
        return;
    take_out(s, job);
    free(job);
}

bool sched_run(struct sched *s, msec_t until, unsigned most)
{
    unsigned at_once = 0;

    while (s->len && s->heap[0]->at <= until) {
        struct job *job = s->heap[0];
        void (*run)(void *context) = job->run;
        void *context = job->context;

        at_once = job->at > s->now ? 0 : at_once + 1;
        if (at_once > most)
            return false;
        s->now = job->at;
        s->steps++;
        take_out(s, job);
        free(job);
        run(context);
    }
    s->now = until;
    return true;
}
