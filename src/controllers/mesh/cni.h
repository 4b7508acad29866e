/*
 * The CNI plugin: when new Pods do without the init container that it replaces, and which nodes wait for it. Pure.
 *
 * Pods are injected for the plugin once it is ready on every node, and from then on: on a node that is added later it
 * repairs the Pods that started before it. When it is disabled, the injector's ConfigMap is changed first, and the
 * DaemonSet goes when new Pods have their init container again.
 */
#ifndef CONTROLLERS_MESH_CNI_H
#define CONTROLLERS_MESH_CNI_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/plan.h"
#include "reconcile/status.h"

/* Zeroed: nothing is known. */
struct cni_memo {
    char *uid, *resource_version; /* a version of the ConfigMap */
    bool is_used;                 /* whether Pods are injected for the plugin by that */
    uint64_t seen;                /* kube_cache_changes() of the nodes, and one more */
    char *platform;               /* that of most of them then; NULL: there were none */
};
void cni_memo_clear(struct cni_memo *memo);

bool cni_is_enabled(const struct mesh_desired *desired);
/* Whether the nodes have to be observed (PLAN_WATCH_NODES) before cni_state(). */
bool cni_needs_nodes(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired);
/*
 * The state that the mesh of the resource is to be built for; `desired` is it as built for any state. The platform is
 * borrowed from the memo.
 */
struct mesh_cni_state cni_state(
    struct cni_memo *memo, const struct plan_input *in, const struct kube_object *resource,
    const struct mesh_desired *desired);

#define CONDITION_CNI_READY "CNIReady"
/* Whether every node has it, and which have not. Owned by the caller. */
json_t *cni_condition(
    const struct status_facts *facts, const struct plan_input *in, const char *ns, const struct mesh_desired *desired,
    const struct mesh_cni_state *state);

#endif
