/*
 * Commands to a process that serves virtual clusters, a line each; each is answered by one line, which begins with
 * "error" where something is wrong:
 *
 *   fault CLUSTER FAULT             ok; CLUSTER may be "all"; for FAULT see virtual.h
 *   compact CLUSTER                 ok; watches cannot go on from versions before
 *   endpoints NAMESPACE NAME ADDR   COUNT LAST: the clusters whose Endpoints of that name have the address ready, and
 *                                   when, in microseconds of the monotonic clock, the last of them was written
 *   count                           clusters N connections N watches N requests N writes N rss_kb N
 */
#ifndef TESTS_APISERVER_CONTROL_H
#define TESTS_APISERVER_CONTROL_H

#include "apiserver.h"

/* Appends the answer's line. */
void control_command(struct apiserver *a, const char *line, struct buf *answer);

#endif
