/*
 * Simulated time: jobs in the order of their time, those of one time in the order in
 * which they were asked for.
 */
#ifndef TESTS_SERVER_SCHED_H
#define TESTS_SERVER_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"

struct sched;
struct job;

struct sched *sched_new(void);
/* Jobs that are left are dropped. */
void sched_free(struct sched *s);
msec_t sched_now(const struct sched *s);
uint64_t sched_steps(const struct sched *s); /* jobs that ran */

/* Runs once, never from inside this call; in the past: now. The handle is valid until the job runs or is dropped. */
struct job *sched_at(struct sched *s, msec_t at, void (*run)(void *context), void *context);
void sched_drop(struct sched *s, struct job *job); /* NULL allowed */

/* Runs all jobs up to `until`, which is the time afterwards. False: more than `most` ran at one moment. */
bool sched_run(struct sched *s, msec_t until, unsigned most);

#endif
