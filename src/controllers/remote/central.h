/*
 * What remote clusters take from the central one: the mesh they join, its signing certificate, and the addresses of its
 * Pods. Pure: a snapshot of the central cluster's cache, updated when that changed.
 *
 * Thousands of remote clusters share one snapshot, and most of them the same selectors, so what a selector
 * finds is kept until a Pod changes.
 */
#ifndef CONTROLLERS_REMOTE_CENTRAL_H
#define CONTROLLERS_REMOTE_CENTRAL_H

#include "controllers/mesh/mesh_plan.h"

/* Addresses of ready Pods, sorted, each once. */
struct addresses {
    char **items;
    size_t len;
    uint64_t hash; /* of them; never 0 */
};

struct central {
    /* Of the central cluster: the uid of its Namespace kube-system, which lives as long as the cluster. NULL: not seen.
     */
    char *id;
    char *ns; /* where its Secrets and Pods are read: the mesh's, or without one a RemoteIstio's; NULL: nowhere */
    const struct istio_spec *mesh; /* of `memo`; NULL: there is none that could be joined */
    const struct mesh_line *line;  /* the mesh's; without one the default line */
    json_t *signing;               /* `data` of a Secret cacerts for remote clusters; NULL: there is none yet */
    /*
     * Grows with every change of what a remote cluster may depend on: a plan for another number is out of date. `basis`
     * ignores the Pods.
     */
    uint64_t version, basis;

    struct map *pods;  /* by name -> struct central_pod: those that are ready */
    struct map *found; /* selector -> struct addresses */
    struct mesh_memo memo;
    char *mesh_version;                     /* that `mesh` has; NULL: there is none */
    uint64_t read[3], pods_seen, mesh_hash; /* what the last update read */
};

/* Of the row (reconcile/reconciler.h): a struct central. */
void *central_new(void);
void central_free(void *central);
void central_update(void *central, const struct plan_input *in);
uint64_t central_version(const void *central);
/* Without the central cluster's id the owner of a remote cluster is not known. */
bool central_is_known(const void *central);

/* Of the ready Pods in the mesh's namespace that a label selector matches; an invalid one matches none. */
const struct addresses *central_addresses(struct central *c, const char *selector);

/*
 * The namespace of the RemoteIstios if there is no mesh with a namespace: of those that are being deleted, else of
 * those that joined, whose clusters still get updates, else of any. Of several the first by name, so that the order in
 * which they were seen does not matter. NULL: there are none.
 */
const char *central_namespace_of_remotes(const struct kube_cache *observed);

/* The Secret with the kubeconfig of the remote cluster of this name; NULL: it does not exist. */
const struct kube_object *central_kubeconfig(const struct kube_cache *observed, const char *ns, const char *name);

#endif
