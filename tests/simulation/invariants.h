/*
 * What must hold, whatever happens.
 */
#ifndef TESTS_SIMULATION_INVARIANTS_H
#define TESTS_SIMULATION_INVARIANTS_H

#include "../server/server.h"
#include "base/buf.h"
#include "reconcile/controller.h"
#include "users.h"

/* Watches over every write in a cluster while it lives. The first break of an invariant is reported in `failure`. */
struct invariants {
    struct server *server;
    const struct invariants *central; /* NULL: this is the central cluster; else that, and this one is remote */
    struct map *remotes;              /* uids of RemoteIstios there ever were; their marks are in the remote clusters */
    struct map *ours;                 /* object keys that ever had our mark */
    struct map *desired;              /* object keys that any spec ever asked for */
    struct map *meshes;               /* uids of resources there ever were */
    struct map *written;              /* "uid plural/name": the object was written for this resource */
    struct map *kept;                 /* uids of what Istio's components made that another client kept without a mesh */
    bool misled;                      /* operators read what was odd: which objects are desired is not looked at */
    bool at_rest;                     /* nothing was to be done, and since then nobody changed what is desired */
    bool elsewhere;                   /* a mesh was in another namespace: its order is not looked at */
    bool upgrades;                    /* the version changes, and nobody else changes what the operator created */
    struct renewal_watch *renewal;    /* NULL: the renewal of sidecars is not looked at */
    struct buf failure;
    uint64_t changes;
};

void invariants_init(struct invariants *v, struct server *server, const struct invariants *central);
void invariants_release(struct invariants *v);
/* As server_observer_fn: what is not ours is not changed, but by adoption of what has the name of a desired object. */
void invariants_observe(void *context, enum who who, const struct collection *kind, const json_t *before,
                        const json_t *after);
/* A request of this operator: it does not say Available while it knows better. */
void invariants_sent(struct invariants *v, struct controller *controller, const struct net_request *request);

/*
 * Whether a plan over the server's own state has nothing to do; otherwise `why` says what. `forced`: users have taken
 * off finalizers, so that leftovers of a mesh are to be expected.
 */
bool invariants_converged(struct invariants *v, bool forced, struct buf *why);

/* --- invariants_renewal.c: the renewal of sidecars --- */

/* Looks at it from now on; until then, and how many restarts there were. */
void invariants_renewal_begin(struct invariants *v);
size_t invariants_renewal_end(struct invariants *v);
/* A request of this operator at its `wall`: a restart that by what it knows must not be. */
void invariants_renewal_sent(struct invariants *v, struct controller *controller, msec_t wall,
                             const struct net_request *request);

/* --- invariants_remote.c: federation --- */

struct invariants_remote {
    struct invariants *invariants;
    const struct users_remote *users;
};

/*
 * A request of this operator at `now`: it does not say Available of a remote cluster while it knows better, or has
 * not heard from there. It stood still until `stopped_until`.
 */
void invariants_remote_sent(struct invariants *central, struct controller *controller, msec_t now, msec_t stopped_until,
                            const struct net_request *request);
/* As invariants_converged(), for all RemoteIstios and what is in their clusters; the n-th remote cluster is remotes[n -
 * 1]. */
bool invariants_remotes_converged(struct invariants *central, const struct invariants_remote *remotes, size_t count,
                                  struct buf *why);

/* Objects that another client marked to be left alone, and without our mark: an operator meets them when it wants to
 * make them. */
size_t invariants_hidden(struct server *s);

#endif
