/* What the parts of a remote cluster's planner share. No other file includes this. */
#ifndef CONTROLLERS_REMOTE_REMOTE_IMPL_H
#define CONTROLLERS_REMOTE_REMOTE_IMPL_H

#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/central.h"
#include "controllers/remote/remote_plan.h"
#include "mesh/mesh.h"

/* Reasons of the condition Connected that a later plan reads. */
#define REASON_CONNECTED "Connected"
#define REASON_UNREACHABLE "Unreachable"
#define REASON_REFUSED "KubeconfigRefused"

/* What is desired, as long as its sources stay the same. */
struct remote_memo {
    uint64_t spec_hash, parts_hash, services_hash, foundation_hash; /* 0: not built yet */
    struct istio_spec *spec;                                        /* NULL: refused, or not read yet */
    struct err refusal;                                             /* why there is no spec */
    char *warnings;
    /*
     * Namespace, definition and MESH_REMOTE_OWNER; Istio's parts; the central cluster's services. NULL: not built yet.
     */
    struct desired_set *foundation, *parts, *services;
    uint64_t *addresses;     /* the hashes of central_addresses() that the services were built from */
    struct mesh_plane plane; /* of the parts */
    /* Versions that were checked: of the kubeconfig's Secret, with its label; of the remote cluster's own Istio. */
    uint64_t labelled, own;
    struct injection_memo injection;
};

/* One RemoteIstio, while it is planned: the state of its reconcile. */
struct remote {
    struct reconcile *re;
    const struct plan_world *world;
    struct reconcile_plan *plan;
    struct central *central;
    struct remote_memo *memo;
    const struct kube_object *object; /* the RemoteIstio */
    json_t *resource;                 /* `object`, parsed */
    const struct kube_object *secret; /* with the kubeconfig; NULL: it does not exist */
    const struct kube_object *config; /* MESH_REMOTE_OWNER; NULL: it does not exist, or the cluster is not synced */
    bool serves;                      /* the services were planned */
};

/* Whether a Secret that is not observed does not exist. */
static inline bool remote_secrets_are_read(const struct remote *r)
{
    return str_eq(r->central->ns, r->object->ns);
}

static inline const char *remote_uid(const struct remote *r)
{
    return r->object->uid;
}

/* remote_desired.c: brings the memo up to date. */
void *remote_memo_new(void);
void remote_memo_free(void *memo);
/* Whether objects of the kind are desired, or may be: it is not known yet. */
bool remote_memo_needs(const void *memo, const struct kube_kind *kind);
/* The spec, or why there is none. */
void remote_read_spec(struct remote *r);
/* Needs the remote cluster. */
void remote_want_foundation(struct remote *r);
/* Needs the remote cluster, MESH_REMOTE_OWNER, a mesh and its signing certificate. Below zero: refused, as
 * remote_memo.refusal says. */
int remote_want_parts(struct remote *r);
/* Needs the remote cluster and MESH_REMOTE_OWNER. */
void remote_want_services(struct remote *r);
/* All of it is in place: its texts take no memory, and are built again when they are needed. */
void remote_forget_texts(struct remote *r);

/* remote_label.c */
/* Has Pilot read the remote cluster, or not any more. True where that is so already. */
bool remote_plan_pilot_label(struct remote *r, bool present);

/* remote_owner.c: to which RemoteIstio, and to which central cluster, the remote cluster belongs. */
/* Of an object with its uid; never 0. */
uint64_t remote_version_of(const struct kube_object *o);
/* A remote cluster has one central cluster: below zero where this one has another. */
int remote_check_free(const struct remote *r, struct err *e);
/* Whether this RemoteIstio, or a deleted one of the same central cluster, created what exists. */
bool remote_is_owned(const struct remote *r);

/* remote_status.c: why the cluster is unreachable, in words for the status; NULL: it is not. */
const char *remote_unreachable(const struct remote *r);

/* remote_leave.c and remote_status.c: of the row (reconcile/reconciler.h). */
bool remote_leave(struct reconcile *r);
bool remote_add_status(struct reconcile *r, json_t *status);

#endif
