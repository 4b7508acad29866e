/*
 * What an Istio resource desires in the central cluster: the mesh. Pure.
 */
#ifndef CONTROLLERS_MESH_MESH_PLAN_H
#define CONTROLLERS_MESH_MESH_PLAN_H

#include "controllers/mesh/cni.h"
#include "controllers/mesh/former.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/room.h"
#include "controllers/mesh/sidecars.h"
#include "reconcile/reconciler.h"

extern const struct reconciler istio_reconciler;

/*
 * The resource that describes the mesh of the cluster: the oldest one; of two of the same second the first by name.
 * Those that another operator created here do not count, nor does one that is deleted and kept only by the finalizers
 * of other managers. NULL: there is none.
 */
const struct kube_object *mesh_find(const struct kube_cache *observed);

/* What a resource asks for, kept as long as it stays the same: a memo of pure functions. */
struct mesh_memo {
    char *uid, *resource_version; /* of the version that was read last */
    uint64_t hash;                /* of everything that it depends on; 0: nothing was read yet */
    uint64_t server_hash;         /* of the server's part in that */
    struct mesh_desired *desired; /* NULL: refused */
    json_t *hold;                 /* what it is built with (mesh_desired_build()); owned; NULL: nothing is held back */
    struct err refusal;
    char *invalid; /* why the resource cannot be built with nothing held back; owned; NULL: it can, or was not tried */
    json_t *needs; /* room_needs() of another version with nothing held back; owned; NULL: the version stays */
    char *warnings;
    char *closed_registries;   /* of mesh_status_closed_registries() */
    struct mesh_cni_state cni; /* that `desired` is built for, with a platform of its own */
    struct cni_memo cni_memo;
    bool untraced; /* what `desired` is built for, too */
    struct injection_memo injection;
    struct sidecars_memo sidecars;
    struct former_memo former;
    struct room_memo room;
};

/* Brings the memo up to date; parses the resource only where its version is another one. */
void mesh_memo_read(struct mesh_memo *memo, const struct kube_object *object, const struct kube_server *server);
/* The same for other clusters: while the mesh changes its version (upgrade.h), it is read as of the one that it had. */
void mesh_memo_read_for_remotes(
    struct mesh_memo *memo, const struct kube_object *object, const struct kube_server *server);
void mesh_memo_clear(struct mesh_memo *memo);

#endif
