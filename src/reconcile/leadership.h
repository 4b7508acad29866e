/*
 * Which of the operator's replicas acts: the one that holds the Lease `istio-operator` in the operator's namespace.
 *
 * The others are standbys: they watch, plan and serve like the leader, and write nothing. The gate prevents each of
 * their writes at the moment of sending. A callback reports each change of leadership. Changes are logged, and a new
 * leader writes an Event on the Lease.
 */
#ifndef RECONCILE_LEADERSHIP_H
#define RECONCILE_LEADERSHIP_H

#include "kube/gate.h"
#include "kube/lease.h"
#include "net/io.h"

#define LEASE_NAME "istio-operator"

struct leadership;

/*
 * The options' `name` and `identity` are ignored: the name is LEASE_NAME, the identity the host's name and a random
 * part.
 */
struct leadership *leadership_new(const struct kube_lease_options *options);
/* Before the controller and the server. The gate stays closed, and its memory must not be asked any more. */
void leadership_free(struct leadership *l);
DEFINE_CLEANUP(struct leadership *, leadership_free)
#define _cleanup_leadership_ _cleanup_(leadership_free_p)

/* What follows from leading. Every callback runs from the loop. */
struct leadership_events {
    /* The gate has opened, or has closed. */
    void (*acting)(void *context, bool acting);
    /* Whether writes are still under way: the lease is given back only when none is. */
    bool (*is_writing)(void *context);
    /* Nothing is left to do: after leadership_stop(), or because the server has no Lease v1 (leadership_failure()). */
    void (*over)(void *context);
    void *context;
};

/* Closed until it leads. For the options of the controller and the server. */
struct kube_gate leadership_gate(struct leadership *l);

/* Begins to compete for the lease. Borrows `io`. */
void leadership_start(struct leadership *l, struct net_io *io, const struct leadership_events *events);
/* NULL: none. */
const struct err *leadership_failure(const struct leadership *l);

/*
 * For the end of the process: writes nothing more, waits for what is under way, gives the lease back, calls `over`. It
 * takes at most a few seconds; a lease that could not be given back runs out.
 */
void leadership_stop(struct leadership *l);

#endif
