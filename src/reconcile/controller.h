/*
 * The controller: the loop that reconciles every resource of every kind.
 *
 * It owns the central cluster. When something changed there, in a resource's own cluster, or when a plan asked for it,
 * the resources concerned become due; each that is due is planned (reconcile/reconciler.h), and the plan's actions are
 * sent. Plans run one after the other in bounded turns, so that no number of resources blocks the loop. What it keeps
 * of a resource between two plans serves speed only (the memo). No decision needs it.
 *
 * Resources do not know each other. Each has its own Events and failures; the result of an action is reported to the
 * resource whose plan has it.
 */
#ifndef RECONCILE_CONTROLLER_H
#define RECONCILE_CONTROLLER_H

#include <event2/event.h>
#include <stdint.h>

#include "reconcile/actor.h"
#include "reconcile/connection.h"
#include "reconcile/inquiry.h"

/* What to reconcile: the caller's data. All static. */
struct controller_kinds {
    const struct kube_kind_table *objects; /* every kind of object that is read or written */
    /* The kinds of resources, in the order in which they are planned; ends with NULL. */
    const struct reconciler *const *rows;
    const char *owner_label;
    unsigned central_roles, remote_roles; /* kube_cluster_options.roles of the two sorts of clusters */
};

struct controller_options {
    const struct controller_kinds *kinds;
    const char *ns;        /* the operator's own; may be NULL: the configuration's */
    struct kube_gate gate; /* of every write; with a gate it does not act until controller_set_acting() */
    /* How plans' queries are sent; borrowed. NULL: over HTTP, in the loop that controller_new() gets. */
    const struct query_sender *queries;
    bool keeps_memory; /* memory that is not in use is not given back: there is more in the process */
};

struct controller_stats {
    uint64_t plan_usec;
    uint64_t checks;      /* how often a resource was checked for whether it is due */
    msec_t lag, lag_most; /* of the event loop */
    bool acting;
};

struct controller;

int controller_new(
    struct event_base *loop, const struct kube_config *config, const struct controller_options *options,
    struct controller **ret, struct err *e);
/*
 * The same on any io (a simulation's), which is borrowed, and with its own way to other clusters. `options->ns` is
 * needed, and `options->queries` where a plan may ask one.
 */
struct controller *
controller_new_on(struct net_io *io, const struct controller_options *options, const struct connector *connector);
void controller_free(struct controller *c);
DEFINE_CLEANUP(struct controller *, controller_free)
#define _cleanup_controller_ _cleanup_(controller_free_p)
void controller_start(struct controller *c);

/*
 * The gate has opened or closed. While it is closed the controller plans as well, and the queue drops the actions. So
 * the watches that plans ask for stay synced, and the first plan of a leader is as fast as any other.
 */
void controller_set_acting(struct controller *c, bool acting);
/* Every watch has listed: the controller plans. */
bool controller_is_ready(const struct controller *c);
/* Every watch is open, and was verified to receive changes within the last minute (KUBE_LISTENING_MOST). */
bool controller_is_listening(const struct controller *c);
/* A write is under way, in the central cluster or in another one. */
bool controller_is_writing(const struct controller *c);
struct kube_cluster *controller_cluster(struct controller *c);
const struct controller_stats *controller_stats(const struct controller *c);
/* Counts of what is done in the central cluster, for all resources, the deleted ones included. */
struct actor_stats controller_actor_stats(const struct controller *c);

/* A resource with a cluster of its own, for metrics and tests; borrowed until something changes. */
struct controller_remote {
    const char *ns, *name; /* of the resource */
    const struct connection *connection;
    const struct actor_stats *actor; /* of what is done in that cluster; NULL: not connected */
};
/* for (size_t i = 0; controller_next_remote(c, &i, &remote);) */
bool controller_next_remote(const struct controller *c, size_t *position, struct controller_remote *ret);

#endif
