/*
 * An API server in memory, with its clients' network and clock: a net_io on simulated time. One seed gives one course
 * of events. It serves discovery, lists in pages, watches with resume and 410, and create, update, merge patch and
 * delete with their conflicts; custom kinds once their definition is there and established.
 */
#ifndef TEST_KUBE_SIM_H
#define TEST_KUBE_SIM_H

#include <jansson.h>

#include "kube/kind.h"
#include "net/io.h"

struct sim;

/* Chances in a thousand, of each request (or of each event of a watch). */
struct sim_faults {
    unsigned lost_request; /* it never arrives */
    unsigned lost_answer;  /* it was carried out */
    unsigned refused;      /* 429, 500, 503 */
    unsigned unauthorized; /* 401 */
    unsigned misanswered;  /* a write never arrives, and something else answers it with 200 */
    unsigned cut;          /* a watch ends in the middle of a line */
    unsigned expired;      /* a watch, or the next page of a list, is told 410 */
    unsigned repeated;     /* an event comes twice */
    unsigned stale;        /* a list's version is that of another server, which is behind */
    unsigned untold;       /* the newest version is not told: 500 */
    msec_t delay_most;     /* of an answer */
};

/* `label` is the one that label selectors ask for. */
struct sim *sim_new(const struct kube_kind_table *kinds, const char *label, uint64_t seed);
void sim_free(struct sim *s);
struct net_io *sim_io(struct sim *s);
msec_t sim_now(const struct sim *s);
uint32_t sim_random(struct sim *s);
void sim_faults(struct sim *s, const struct sim_faults *faults); /* NULL: none */
/* The server is a Kubernetes 1.`minor`; 20 unless told. */
void sim_set_minor(struct sim *s, int minor);
/* Every connection ends, and none is reachable until it is up again. The watches' past is forgotten. */
void sim_set_down(struct sim *s, bool down);
void sim_run(struct sim *s, msec_t for_so_long);

/*
 * What stands between a write and the store, as admission does: told of each write, Events included (`body` may be
 * NULL), it returns 0, or the status to refuse it with, and why. It may change the body. NULL: nothing does.
 */
typedef int (*sim_review_fn)(void *context, enum net_method method, const char *path, json_t *body,
                             const char **ret_message);
void sim_review(struct sim *s, sim_review_fn review, void *context);

/* What another client does. `object` needs kind, metadata.name, and namespace; it is taken over. */
void sim_apply(struct sim *s, const struct kube_kind *kind, json_t *object);
/* As a client does: with finalizers it stays, in deletion. */
void sim_request_deletion(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* It is gone. */
void sim_delete(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* The object as the server has it, borrowed; NULL: it is not there. */
const json_t *sim_get(const struct sim *s, const struct kube_kind *kind, const char *ns, const char *name);
/* for (size_t i = 0; (object = sim_next(s, kind, &i));) */
const json_t *sim_next(const struct sim *s, const struct kube_kind *kind, size_t *position);
/* The history is set back to an empty server with low versions: a restored etcd. */
void sim_rewind(struct sim *s);

/* What the server has now, to be put back later: every watch that is open waits for versions of the future then. */
void sim_save(struct sim *s);
void sim_put_back(struct sim *s);

/* Requests that arrived since the last call, by what they were. */
struct sim_counts {
    unsigned discovery, version, lists, watches, reads, writes;
    unsigned newest;  /* lists of one object, for the newest version; not in `lists` */
    unsigned in_vain; /* while it was down */
};
struct sim_counts sim_take_counts(struct sim *s);
unsigned sim_open_watches(const struct sim *s);

#endif
