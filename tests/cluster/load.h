/*
 * Requests to a server at a steady rate, by a process of its own, each counted as answered or lost: nothing is tried
 * twice. A request is lost where the answer is not 200, where the connection ends or is refused before the answer is
 * whole, and where that takes longer than `patience`. One that the server itself is to fail may be counted apart.
 */
#ifndef TESTS_CLUSTER_LOAD_H
#define TESTS_CLUSTER_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

#define LOAD_CONNECTIONS 64 /* at most; they stay open between requests */
#define LOAD_LOSSES 64      /* so many of the lost ones are described: the last ones */

/* What is sent. */
struct load_requests {
    const char *const *hosts; /* that are asked, one after the other; ends with NULL */
    const char *path;
    int rate; /* a second */
    msec_t patience;
    int failure; /* the status that no proxy answers, but a server that fails; 0: there is none */
};

/* Shared by both processes. */
struct load {
    pid_t process;
    _Atomic int64_t answered, lost, failed;
    _Atomic int64_t failed_at; /* the last one, of clock_now_monotonic() */
    _Atomic bool ends;         /* no further request is sent, and the process ends when those under way are */
    _Atomic uint32_t server;   /* IPv4 address in network order, for new connections */
    struct load_loss {         /* by their number, modulo LOAD_LOSSES */
        int64_t at;            /* of clock_now_monotonic() */
        char why[128];
    } losses[LOAD_LOSSES];
};

/* Begins, to port 80 of `address`; `requests` stay as long. For load_end(). */
struct load *load_start(const char *address, const struct load_requests *requests);
/* New connections go to that address, those that rest are closed. */
void load_follow(struct load *load, const char *address);
/* Waits until so many were answered since the start; the test fails where that is not within `timeout`. */
void load_wait_answered(struct load *load, int64_t answered, msec_t timeout);
/* For another kind of load: `run` sends it in a process of its own, until the load ends, and counts by the following.
 */
struct load *load_fork(const char *address, void (*run)(struct load *load, const void *context), const void *context);
/* One was lost, for that reason. */
void load_lose(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Waits for the requests under way, and for the process. The counts stay. */
void load_end(struct load *load);
/* Prints why those were lost that follow the first `before`, of many the last ones, and how long after `began`. */
void load_explain_losses(const struct load *load, int64_t before, msec_t began);
void load_free(struct load *load);

#endif
