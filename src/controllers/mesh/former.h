/*
 * Control planes that a mesh had under another name. One stays as it is until what replaces it is available and no Pod
 * has its sidecar: those Pods know no other one. Pure.
 */
#ifndef CONTROLLERS_MESH_FORMER_H
#define CONTROLLERS_MESH_FORMER_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/plan.h"
#include "reconcile/rollout.h"

/* Their objects, as long as the mesh is the same. Zeroed: nothing yet. */
struct former_memo {
    char *names;
    struct desired_set *objects;
};
void former_memo_clear(struct former_memo *memo);

struct former {
    const struct desired_set *retained; /* see objects_input.retained; the memo's; NULL: none stay */
    bool awaits_new;                    /* that is not available: nothing may be moved to it */
    char *notice;                       /* which ones stay, and until when; owned; NULL: none do */
};
void former_release(struct former *former);

/* `watch` gets the bits of what has to be watched to know whether one may go. */
void former_read(
    struct former_memo *memo, const struct plan_input *in, const struct kube_object *resource,
    const struct mesh_desired *desired, const struct rollouts *rollouts, unsigned *watch, struct former *ret);

#endif
