/*
 * Runs the seeds of a simulation, several at a time, each in a process of the worker's: reports those that fail, and
 * how each can be replayed.
 */
#ifndef TESTS_SIMULATION_SEEDS_H
#define TESTS_SIMULATION_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct seeds {
    /*
     * Runs one seed, and adds what it did to `shared`; false: it failed, and `failure` says why. *ret_steps: how many
     * events there were.
     */
    bool (*run)(void *context, uint64_t seed, void *shared, uint64_t *ret_steps, struct buf *failure);
    /* Prints what all of them did. */
    void (*tell)(const void *shared);
    void *context;
    size_t shared_size; /* of memory that all workers see, zeroed: its fields are _Atomic */
    /* Set by seeds_begin() and seeds_option(). */
    int64_t count, from, jobs;
    bool keep_going;
    const char *program;
    char replay[128]; /* what a replay needs besides: appended by the caller, each with a space in front */
};

void seeds_begin(struct seeds *s, const char *program);
/* Reads argv[*i], which has a value in some cases: --seeds, --from, --jobs, --keep-going. False: it is none of these.
 */
bool seeds_option(struct seeds *s, char **argv, int *i);
/* The exit status. */
int seeds_run(struct seeds *s);

void seeds_raise(_Atomic uint64_t *most, uint64_t value);

#endif
