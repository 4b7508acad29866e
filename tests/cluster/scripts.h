/*
 * Scripts beside TEST_WORKLOADS that send requests while a test goes on, and write down what came of them in a folder
 * of TEST_OUTPUT: grpc-streams and sidecar-calls. They end with the test at the latest.
 */
#ifndef TESTS_CLUSTER_SCRIPTS_H
#define TESTS_CLUSTER_SCRIPTS_H

#include <stdint.h>

/* Begins one, which writes into that folder; with further arguments. */
void script_begin(const char *script, const char *folder, const char *arguments);
/* No further request is sent; waits until those under way have ended. */
void script_end(const char *folder);
/*
 * Of its folder: `count`, a program of awk, prints how many of the lines of a file were answered, and how many were
 * lost; `show` those that were. Prints the counts, fails the test where none was answered; returns how many were lost.
 */
int64_t script_count(const char *what, const char *folder, const char *file, const char *count, const char *show);

/* Of sidecar-calls: from a Pod of the Deployment caller to these Services of the shop, in turn; 20 a second. */
void calls_begin(const char *services);
/* How many were lost, without those that a server failed by 500. */
int64_t calls_ended(void);

#endif
