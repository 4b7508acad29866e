/*
 * The remote clusters of the mesh: a controller for each RemoteIstio (controllers/remote/remote_controller.h), and
 * whose turn it is to plan.
 *
 * They share one snapshot of the central cluster. A change there makes due only those that it may concern; plans are
 * made one after the other in turns that are bounded, so that no number of remote clusters holds up the loop.
 */
#ifndef CONTROLLERS_REMOTE_FEDERATION_H
#define CONTROLLERS_REMOTE_FEDERATION_H

#include "controllers/remote/remote_controller.h"

struct federation;

/* Borrows cluster and connector. `gate` is asked before each write in remote clusters. */
struct federation *
federation_new(struct kube_cluster *home, const struct remote_connector *connector, struct kube_gate gate);
void federation_free(struct federation *f);

/*
 * PLAN_WATCH_* that it needs in the central cluster, in the namespace *ret_ns (borrowed; NULL: none is needed): the
 * mesh's, or without one that of a RemoteIstio, first of all of one that leaves.
 */
unsigned federation_watch(const struct federation *f, const char *mesh_ns, const char **ret_ns);
/*
 * The central cluster changed. `mesh` as for central_update(); `synced` says which of the watches have listed.
 */
void federation_observe(
    struct federation *f, const char *ns, const struct istio_spec *mesh, uint64_t mesh_hash, unsigned synced);
/* What came of an action in the central cluster. False: it was none for a RemoteIstio. */
bool federation_action_done(
    struct federation *f, const struct kube_action *action, const json_t *object, const struct err *e);

/* This operator has become the one that acts (then all is planned anew), or has ceased to be. */
void federation_set_acting(struct federation *f, bool acting);
size_t federation_count(const struct federation *f);
/* Writes under way in remote clusters. */
size_t federation_in_flight(const struct federation *f);
/* Nothing to write, nothing under way. */
bool federation_is_calm(const struct federation *f);
/* for (size_t i = 0; (c = federation_next(f, &i));) */
const struct remote_controller *federation_next(const struct federation *f, size_t *position);

#endif
