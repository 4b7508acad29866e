/*
 * One virtual cluster: the API server in memory and its controllers (tests/server) behind a token, with faults that
 * can be switched on. Without I/O: it is given exchanges and answers them.
 */
#ifndef TESTS_APISERVER_VIRTUAL_H
#define TESTS_APISERVER_VIRTUAL_H

#include <stdint.h>

#include "../server/sched.h"
#include "../server/server.h"
#include "../server/shared.h"
#include "http2.h"

/* What a cluster does instead of answering. Watches that are open stay silent under `hang`, and end under the rest. */
#define VIRTUAL_FAULTS(X)                                                                                              \
    X(NONE, "none")                                                                                                    \
    X(HANG, "hang") /* takes requests and never answers */                                                             \
    X(ERROR, "500")                                                                                                    \
    X(THROTTLE, "429")     /* with Retry-After: 1 */                                                                   \
    X(UNAUTHORIZED, "401") /* the token is not valid any more */                                                       \
    X(ENDLESS, "endless")  /* JSON without an end */                                                                   \
    X(BROKEN, "broken")    /* JSON that breaks off */                                                                  \
    X(CLOSE, "close")      /* ends the connection */

enum virtual_fault {
#define X(id, name) FAULT_##id,
    VIRTUAL_FAULTS(X)
#undef X
};

struct virtual;

/* What all clusters of a process share; it outlives them. */
struct virtual_world {
    struct sched *sched; /* its time is the wall clock's, from SERVER_EPOCH on */
    struct shared *shared;
    uint64_t requests, writes; /* counted over all clusters */
    size_t watches;            /* that are open */
};

struct virtual *virtual_new(struct virtual_world *world, const char *name, const char *token, int minor, uint64_t seed);
/* Its exchanges must be over. */
void virtual_free(struct virtual *v);
const char *virtual_name(const struct virtual *v);
struct server *virtual_server(struct virtual *v);
/* Its Deployments, their Pods and Endpoints are somebody else's to move. */
void virtual_leave_workloads(struct virtual *v);

/* `path` is that of the request, below the cluster's prefix. */
void virtual_answer(struct virtual *v, struct exchange *x, const char *path);
/* Sends what happened to the cluster's watches. */
void virtual_tell(struct virtual *v);
/* Ends watches whose time is over and sends bookmarks that are due; about once a second. */
void virtual_tick(struct virtual *v);

/* False: there is no such fault. */
bool virtual_set_fault(struct virtual *v, const char *fault);
/* When (clock_now_usec()) Endpoints were last written. */
int64_t virtual_endpoints_written(const struct virtual *v);

#endif
