/*
 * What speaks against a change of a mesh's version, before anything of the new one is written. Pure.
 */
#ifndef CONTROLLERS_MESH_PREFLIGHT_H
#define CONTROLLERS_MESH_PREFLIGHT_H

#include "controllers/mesh/room.h"
#include "controllers/watches.h"
#include "mesh/mesh.h"
#include "reconcile/plan.h"

/* All that the checks look at. */
#define PREFLIGHT_WATCHES                                                                                              \
    (PLAN_WATCH_AUTHORITY | PLAN_WATCH_CLUSTER_RBAC | PLAN_WATCH_GATEWAY_API | PLAN_WATCH_ROOM |                       \
     PLAN_WATCH_SERVICES_AUTH | PLAN_WATCH_WORKLOADS)

/* Zeroed: nothing was looked at. */
struct preflight {
    json_t *blocked;  /* texts; owned; never NULL once it was read */
    json_t *warnings; /* the same of what does not keep it */
    unsigned needs;   /* bits of plan.watch, on while it is asked: some of PREFLIGHT_WATCHES */
    unsigned unread;  /* those of them that have to be synced first; then no check has run */
};
void preflight_release(struct preflight *preflight);

/* What changes. */
struct preflight_step {
    const json_t *resource;
    const char *ns;        /* the control plane's */
    const char *from, *to; /* releases */
    const char *gateways;  /* the release that they have, all of them */
    const json_t *needs;   /* of room_needs(), for the new one; NULL: unknown */
    struct room_memo *room;
};
void preflight_read(const struct plan_input *in, const struct preflight_step *step, struct preflight *ret);

/*
 * Why one step from a version to another is too far, and which steps to take: owned by the caller; NULL: it is not.
 * Istio supports a step to the next minor release, and to the one before; releases between are named as far as this
 * operator knows them.
 */
char *preflight_skew(const char *from, const char *to);

#endif
