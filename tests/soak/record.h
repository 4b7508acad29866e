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
 * Slack is by how much the rests of the last third may exceed those of the first; below zero: it is shown, and not
 * judged. The mesh is the same in all rests, so the heap differs by the lengths of versions and by answers that are
 * just being read; anonymous memory by whole pages that hold one small block each; a descriptor may be open for a
 * connection that is being made. Resident memory is that and the pages of code that ran since the operator gave them
 * back: 2 MB more in a rest in which one bookmark came.
 */
#define SERIES(X)                                                                                                      \
    X(RESIDENT, "resident memory", "kB", -1)                                                                           \
    X(ANONYMOUS, "anonymous memory", "kB", 512)                                                                        \
    X(HEAP, "heap in use", "kB", 64)                                                                                   \
    X(DESCRIPTORS, "descriptors", "", 1)                                                                               \
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
    double at;     /* seconds since the start */
    unsigned rest; /* the number of the rest it was taken in, from 1 on; 0: in none */
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

/* Rests that the judgement needs, and samples that a rest needs to count. */
#define RESTS_LEAST 4
#define REST_SAMPLES_LEAST 5

/*
 * Judges the rests that began after `warm_up` seconds, each by the medians of its samples: of each series the median of
 * the last third of the rests against that of the first third. What each rest came to goes to `report`. False where one
 * grew, or where there are too few rests to judge by.
 */
bool record_judge(const struct record *r, double warm_up, struct buf *report);

#endif
