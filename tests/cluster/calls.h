/*
 * Requests between sidecars while a test goes on, by the script sidecar-calls beside TEST_WORKLOADS, which writes down
 * in TEST_OUTPUT what came of them. They end with the test at the latest.
 */
#ifndef TESTS_CLUSTER_CALLS_H
#define TESTS_CLUSTER_CALLS_H

#include <stdint.h>

/* From a Pod of the Deployment caller to these Services of the shop, in turn; 20 a second. */
void calls_begin(const char *services);
/*
 * No further one is sent; waits until those under way have ended. Prints how many were answered and lost, fails the
 * test where none was answered; returns how many were lost, without those that a server failed by 500.
 */
int64_t calls_ended(void);

#endif
