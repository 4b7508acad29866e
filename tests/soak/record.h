/*
 * What was measured over a long day, and the judgement over it. No I/O, no clock.
 */
#ifndef TESTS_SOAK_RECORD_H
#define TESTS_SOAK_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * name, what it is, unit, slack
 *
 * Slack is by how much the median of the last quarter may exceed that of the first one; below zero: a counter, which
 * is not judged. Memory that is resident moves by what the allocator keeps back (src/operator/controller.c trims it
 * from time to time); the heap in use by answers under way and what the mesh consists of; a descriptor each may be open
 * for /metrics, for a request beside the watches, and for a connection that is being made.
 */
#define SERIES(X)                                                                                                      \
    X(RESIDENT, "resident memory", "kB", 1024)                                                                         \
    X(HEAP, "heap in use", "kB", 1024)                                                                                 \
    X(DESCRIPTORS, "descriptors", "", 3)                                                                               \
    X(WATCH_RESTARTS, "watch restarts", "", -1)                                                                        \
    X(WRITES, "writes", "", -1)

enum series {
#define X(name, what, unit, slack) SERIES_##name,
    SERIES(X)
#undef X
        SERIES_COUNT
};

struct series_row {
    const char *what, *unit;
    double slack;
};
extern const struct series_row series_rows[SERIES_COUNT];

/* One second. */
struct sample {
    double at; /* seconds since the start */
    double values[SERIES_COUNT];
};

struct record {
    struct sample *samples; /* owned */
    size_t len, cap;
};

void record_add(struct record *r, const struct sample *s);
void record_release(struct record *r);

/* The seconds that are not judged: five minutes, or a quarter of a day that is shorter than twenty. */
double record_warm_up(double day);

/*
 * Judges what came after `warm_up` seconds: of each series the median of the last quarter against that of the first
 * one. A line for each goes to `report`. False where one grew, or where there are fewer than 40 samples to judge by.
 */
bool record_judge(const struct record *r, double warm_up, struct buf *report);

#endif
