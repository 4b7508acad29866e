/*
 * Waiting for what has to come, whether soon or not: no other loop in the tests and benchmarks looks again and again.
 * Conditions are functions; one that can say what is there instead does so by wait_saw().
 */
#ifndef TESTS_WAIT_WAIT_H
#define TESTS_WAIT_WAIT_H

#include <stdbool.h>

#include "base/clock.h"

/* Long enough for a machine with little to give. */
#define PATIENCE SECONDS(60)

/* Repeats until `holds` is true; fails the test after `timeout`, with `what` (a clause) and with what was seen last. */
void wait_until(bool (*holds)(void *context), void *context, msec_t timeout, const char *what);
/* The same without a failure: false after `timeout`. */
bool wait_try(bool (*holds)(void *context), void *context, msec_t timeout);
/* For conditions: what is there. It stands in the message of a wait that fails. */
void wait_saw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Runs before a wait fails the test: shows a log, say. NULL: nothing does. */
extern void (*wait_on_failure)(void);
void pause_ms(int ms);

#endif
