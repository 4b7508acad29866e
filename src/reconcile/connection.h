/*
 * The connection to a resource's own cluster: it is created from the kubeconfig in a Secret, created again when that
 * changes, and closed when the Secret is deleted. A cluster's failures affect no other cluster: each has limits,
 * back-off and errors of its own.
 */
#ifndef RECONCILE_CONNECTION_H
#define RECONCILE_CONNECTION_H

#include "reconcile/on_demand.h"
#include "reconcile/reconciler.h"

struct connection;

/* How clusters are connected to: libcurl's way, or a simulation's. */
struct connector {
    int (*connect)(
        void *context, const struct kube_config *config, const struct kube_cluster_options *options,
        const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e);
    void *context;
};

/* What all connections share; borrowed. */
struct connection_setup {
    struct net_io *io;
    struct connector connector;
    const char *owner_label;
    unsigned roles;        /* kube_cluster_options.roles */
    struct kube_gate gate; /* of all writes */
    msec_t next_turn;      /* when the next one may connect, monotonic */
};

struct connection_events {
    /* Something changed there, or it may connect now: plan. Never from inside a function of the connection. */
    void (*changed)(void *context);
    kube_action_done_fn action_done;
    void *context;
};

/*
 * `name` is that of the resource, for the log; `ns` of KUBE_WATCH_NAMESPACE. Both are copied. `watches` are those that
 * can be asked for; static.
 */
struct connection *connection_new(
    struct connection_setup *setup, const char *ns, const char *name, const struct watch_table *watches,
    const struct connection_events *events);
void connection_free(struct connection *c);

/*
 * Connects with this Secret, connects again if its data changed, and disconnects if it is NULL. True if a new plan is
 * needed.
 */
bool connection_follow(struct connection *c, const struct kube_object *secret);

/* NULL: not connected. It stays the same until connection_follow(). */
struct kube_cluster *connection_cluster(const struct connection *c);
struct on_demand *connection_watches(struct connection *c);
/* Synced, and nothing is wrong. */
bool connection_is_good(const struct connection *c);
/* How long ago the cluster answered last; MSEC_NEVER: it has not. */
msec_t connection_contact_age(const struct connection *c);
struct contact connection_contact(const struct connection *c);

#endif
