/*
 * Control planes that a mesh had under another name. One stays as it is until what replaces it is available, no Pod has
 * its sidecar (those Pods know no other one), and a grace is over in which the mesh can go back to it. Pure.
 */
#ifndef CONTROLLERS_MESH_FORMER_H
#define CONTROLLERS_MESH_FORMER_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/reconciler.h"

/* Their objects, as long as the mesh is the same. Zeroed: nothing yet. */
struct former_memo {
    char *names;
    struct desired_set *objects;
};
void former_memo_clear(struct former_memo *memo);

struct former {
    const struct desired_set *retained; /* see objects_input.retained; the memo's; NULL: none stay */
    bool awaits_new;                    /* that is not available or not proven: nothing may be moved to it */
    char *notice;                       /* which ones stay, and until when; owned; NULL: none do */
    json_t
        *planes; /* status.formerControlPlanes; owned; NULL: there are none. It is the memory of when a grace began */
};
void former_release(struct former *former);

/*
 * After the rollouts were read. The plan gets the watches that it needs, and the time to look again. `unproven` is why
 * the new one is not proven; NULL: it is. `unmoved` is how many namespaces have the operator's label for another one.
 */
void former_read(
    struct former_memo *memo, struct reconcile *r, const struct mesh_desired *desired, const char *unproven,
    size_t unmoved, struct former *ret);

/*
 * The name of a control plane that the mesh has: the preferred one, if it is there, and none that is desired, unless
 * that is NULL. Owned by the caller; NULL: there is none.
 */
char *former_plane(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_line *line,
    const char *preferred, const struct mesh_desired *besides);

/*
 * The name of the former control plane that validates Istio's configuration until the new one is proven; owned by the
 * caller. NULL: there is none, or the new one took over, which it does once: the webhook that they share says so, or
 * the namespaces where a user keeps that one as it is.
 */
char *
former_validates(const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired);

#endif
