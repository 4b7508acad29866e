/* What came of each fault, for docs/reliability.md. */
#ifndef TESTS_CLUSTER_RESULTS_H
#define TESTS_CLUSTER_RESULTS_H

#include "base/clock.h"

/* `times` more of a fault, and how long it took from its end until everything was in order. */
void results_add(const char *fault, unsigned long times, msec_t converged_after);
/* A table in Markdown: how often, how many ends, the longest time; to the screen and to TEST_OUTPUT/faults.md. */
void results_print(void);

#endif
