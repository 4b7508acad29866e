/*
 * The controller of the mesh in the central cluster: observe, plan, act; around it the federation, which does the
 * same for each remote cluster.
 *
 * It owns the cluster, plans whenever the cluster says that something changed, and
 * has the actor send the plan's actions. What it keeps between two plans serves speed
 * (the memo): nothing that a decision needs.
 */
#ifndef CONTROLLERS_CONTROLLER_H
#define CONTROLLERS_CONTROLLER_H

#include <event2/event.h>
#include <stdint.h>

#include "controllers/remote/federation.h"
#include "kube/cluster.h"

struct controller;

struct controller_options {
    const char *ns;        /* the operator's own; may be NULL: the configuration's */
    struct kube_gate gate; /* of every write; one that is there: it does not act until it is told to */
    bool keeps_memory;     /* memory that is not in use is not given back: there is more in the process */
};

struct controller_stats {
    uint64_t plan_usec;
    msec_t lag, lag_most; /* of the event loop */
    bool acting;
};

int controller_new(
    struct event_base *loop, const struct kube_config *config, const struct controller_options *options,
    struct controller **ret, struct err *e);
/*
 * The same on any io (a simulation's), which is borrowed, and with its own way to remote clusters. `options->ns` is
 * needed.
 */
struct controller *controller_new_on(
    struct kube_io *io, const struct controller_options *options, const struct remote_connector *connector);
void controller_free(struct controller *c);
DEFINE_CLEANUP(struct controller *, controller_free)
#define _cleanup_controller_ _cleanup_(controller_free_p)
void controller_start(struct controller *c);

/*
 * Tells it that the gate has opened, or has closed. While it is closed it plans all the same, and the queue drops what
 * it puts: what plans ask to be watched stays warm, and the first plan that counts is as fast as any.
 */
void controller_set_acting(struct controller *c, bool acting);
/* A write is under way, in the central cluster or in a remote one. */
bool controller_is_writing(const struct controller *c);
/* Every watch has listed: the controller plans. */
bool controller_is_ready(const struct controller *c);
struct kube_cluster *controller_cluster(struct controller *c);
const struct controller_stats *controller_stats(const struct controller *c);
const struct actor_stats *controller_actor_stats(const struct controller *c);
const struct federation *controller_federation(const struct controller *c);

#endif
