/*
 * The controller of one remote cluster: the connection that its RemoteIstio's Secret describes, and the loop of
 * observing both clusters, planning (controllers/remote/remote_plan.h) and having the plan sent.
 *
 * It never plans from inside a callback of a cluster: it says that it is due, and whoever owns it plans. What goes
 * wrong with one remote cluster stays with it: the connection, its limits, back-off and errors are its own.
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_CONTROLLER_H
#define CONTROLLERS_REMOTE_REMOTE_CONTROLLER_H

#include "controllers/remote/central.h"
#include "reconcile/actor.h"

struct remote_controller;

/* How remote clusters are connected to: libcurl's way, or a simulation's. */
struct remote_connector {
    int (*connect)(
        void *context, const struct kube_config *config, const struct kube_cluster_options *options,
        const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e);
    void *context;
};

/* What all remote controllers share; borrowed. */
struct remote_surroundings {
    struct kube_cluster *home; /* the central cluster */
    struct central central;
    unsigned synced; /* PLAN_WATCH_* of the central cluster */
    const struct remote_connector *connector;
    struct kube_gate gate; /* of all writes */
    msec_t next_turn;      /* when the next one may connect, monotonic */
    /* Something happened: the controller with this `owner` is to be planned. */
    void (*due)(void *owner);
};

struct remote_controller *
remote_controller_new(struct remote_surroundings *around, const struct kube_object *resource, void *owner);
void remote_controller_free(struct remote_controller *c);
/* Its resource is gone: what is still to be told of it is told. To be freed next. */
void remote_controller_end(struct remote_controller *c);

/* Whether it has to be planned because of what is observed in the central cluster. */
bool remote_controller_is_behind(const struct remote_controller *c, const struct kube_object *resource);
void remote_controller_plan(struct remote_controller *c, const struct kube_object *resource);
/* This operator has become the one that acts, or ceased to be: what waited to be sent is decided anew. */
void remote_controller_drop_waiting(struct remote_controller *c);
/* What came of an action in the central cluster that was this controller's. */
void remote_controller_done(
    struct remote_controller *c, const struct kube_action *action, const json_t *object, const struct err *e);

/* For metrics. */
const char *remote_controller_name(const struct remote_controller *c); /* of the resource */
const char *remote_controller_namespace(const struct remote_controller *c);
bool remote_controller_is_connected(const struct remote_controller *c); /* in step with it, and nothing is wrong */
/* How long ago the remote cluster answered last; MSEC_NEVER: it has not. */
msec_t remote_controller_contact_age(const struct remote_controller *c);
bool remote_controller_is_calm(const struct remote_controller *c); /* nothing to write, nothing under way */
/* Of what is done in the remote cluster; NULL: not connected. */
const struct actor_stats *remote_controller_stats(const struct remote_controller *c);
struct kube_cluster *remote_controller_cluster(const struct remote_controller *c); /* NULL: not connected */

#endif
