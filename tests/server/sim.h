/*
 * A cluster for unit tests: the API server in memory, one client's edge to it (a net_io) and their time. One seed
 * gives one course of events. Definitions are established as soon as they are there; nothing else moves by itself.
 */
#ifndef TESTS_SERVER_SIM_H
#define TESTS_SERVER_SIM_H

#include "net.h"

struct sim;

/* Chances in a thousand, of each request. */
struct sim_faults {
    struct faults net;
    unsigned unauthorized; /* 401 */
    unsigned misanswered;  /* a write never arrives, and something else answers it with 200 */
    unsigned page_expired; /* the next page of a list: 410 */
    unsigned stale;        /* a list's version is that of another server, which is behind */
    unsigned untold;       /* the newest version is not told: 500 */
    msec_t way_most;       /* of a request and of an answer; 0: 2 ms */
};

/* A Kubernetes 1.`minor` that serves these kinds; the table is borrowed. */
struct sim *sim_new(const struct kube_kind_table *kinds, int minor, uint64_t seed);
void sim_free(struct sim *s);
struct net_io *sim_io(struct sim *s);
struct server *sim_server(struct sim *s);
msec_t sim_now(const struct sim *s);
uint32_t sim_random(struct sim *s);
void sim_faults(struct sim *s, const struct sim_faults *faults); /* NULL: none */
/* Watches get bookmarks from now on, which a client trusts instead of asking for the newest version. */
void sim_send_bookmarks(struct sim *s);
/* Every connection ends, and none is reachable until it is up again. The watches' past is forgotten. */
void sim_set_down(struct sim *s, bool down);
void sim_run(struct sim *s, msec_t time);
/* The client's process is stopped for so long from now on, as by SIGSTOP: what comes, comes then. */
void sim_stop(struct sim *s, msec_t time);

/*
 * What stands between a write and the store, as admission does: called with each write, Events included (`body` may be
 * NULL), it returns 0, or the status to refuse it with, and why. It may change the body. NULL: nothing does.
 */
typedef int (*sim_review_fn)(void *context, enum net_method method, const char *path, json_t *body,
                             const char **ret_message);
void sim_review(struct sim *s, sim_review_fn review, void *context);

/* Puts it into the store as it is, status and metadata included; `object` is taken over. */
void sim_apply(struct sim *s, const struct kube_kind *kind, json_t *object);
/* As a client does: with finalizers it stays, in deletion. */
void sim_request_deletion(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* It is deleted, finalizers or not. */
void sim_delete(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* The object as the store has it (without apiVersion and kind), borrowed; NULL: it is not there. */
const json_t *sim_get(const struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* for (size_t i = 0; (object = sim_next(s, kind, &i));) */
const json_t *sim_next(const struct sim *s, const struct kube_kind *kind, size_t *position);

/* Requests that arrived since the last call, by what they were. */
struct sim_counts {
    unsigned discovery, version, lists, watches, reads, writes;
    unsigned newest;  /* lists of one object, for the newest version; not in `lists` */
    unsigned in_vain; /* sent while it was down */
};
struct sim_counts sim_take_counts(struct sim *s);
unsigned sim_open_watches(const struct sim *s);

#endif
