/*
 * What an Istio resource wants in the central cluster: the mesh. Pure.
 */
#ifndef CONTROLLERS_MESH_MESH_PLAN_H
#define CONTROLLERS_MESH_MESH_PLAN_H

#include "controllers/mesh/mesh_wanted.h"
#include "reconcile/reconciler.h"

extern const struct reconciler mesh_reconciler;

/*
 * The resource that describes the mesh of the cluster: the oldest one; of two of the same second the first by name.
 * Those that another operator put here are not looked at. NULL: there is none.
 */
const struct kube_object *mesh_find(const struct kube_cache *observed);

/* What a resource asks for, kept for as long as it stays the same: a memo of pure functions. */
struct mesh_memo {
    char *uid;
    uint64_t hash;              /* of everything that it depends on; 0: nothing was read yet */
    struct mesh_wanted *wanted; /* NULL: refused */
    struct err refusal;
    char *warnings;
};

/* Brings the memo up to date. */
void mesh_memo_read(
    struct mesh_memo *memo, const struct kube_object *object, const json_t *resource, const struct kube_server *server);
void mesh_memo_clear(struct mesh_memo *memo);

#endif
