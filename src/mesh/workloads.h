/*
 * What runs Pods with a sidecar, as far as it decides whether and when it can be restarted: digests (kube_kind.digest)
 * of Deployments, StatefulSets, DaemonSets and PodDisruptionBudgets of users. Pure.
 *
 * Source: Kubernetes 1.34, apps/v1 and policy/v1 in its API reference; pkg/controller/deployment (the name of a
 * ReplicaSet is that of its Deployment and the value of the label pod-template-hash; how percentages are rounded).
 */
#ifndef MESH_WORKLOADS_H
#define MESH_WORKLOADS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/mem.h"

/* Annotation of a workload or a namespace: SIDECAR_RENEWAL_DISABLED; of a workload, too: SIDECAR_RENEWAL_RETRY. */
#define SIDECAR_RENEWAL_ANNOTATION "istio.banzaicloud.io/sidecar-renewal"
#define SIDECAR_RENEWAL_DISABLED "disabled"
#define SIDECAR_RENEWAL_RETRY "retry"
/* Annotation of a workload's template: "VERSION TIME", for which sidecars it was restarted, and when. */
#define SIDECAR_RESTARTED_ANNOTATION "istio.banzaicloud.io/sidecar-restarted-for"

/*
 * "KIND/NAME" of what runs a Pod: its Deployment where its ReplicaSet has one's name, or Argo's Rollout, its controller
 * ("StatefulSet", "StatefulSet.apps.kruise.io"), or the Pod itself where it has none. Without spaces; owned by the
 * caller.
 */
char *mesh_workload_of_pod(const json_t *pod);

/* Whether a Deployment of this spec with so many replicas is rolled out only by one Pod more than those. */
bool mesh_deployment_surges(const json_t *spec, int64_t replicas);

/* What is kept; owned by the caller. */
char *mesh_deployment_digest(const json_t *deployment);
char *mesh_stateful_set_digest(const json_t *stateful_set);
char *mesh_daemon_set_digest(const json_t *daemon_set);
char *mesh_budget_digest(const json_t *budget);

struct mesh_workload {
    json_t *kept;             /* owned; the rest is borrowed from it */
    const char *renewal;      /* SIDECAR_RENEWAL_ANNOTATION; NULL: it has none */
    const char *restarted;    /* for which sidecars; NULL: the operator did not restart it */
    msec_t restarted_at;      /* 0: it did not */
    const json_t *labels;     /* of its Pods */
    bool is_large;            /* there are too many of them, and they are not kept */
    const char *cannot;       /* why no change of its template restarts all of its Pods: a word of
                               * RENEWAL_REASONS (controllers/mesh/renewal_decide.h); NULL: it does */
    bool is_pinned;           /* the image of its proxy is chosen by an annotation */
    bool is_injected_by_hand; /* its template has the proxy */
    bool is_complete;         /* it is rolled out */
    bool surges; /* it is a Deployment that is rolled out only by one Pod more (mesh_deployment_surges()) */
};
struct mesh_workload mesh_workload_read(const char *digest);
void mesh_workload_release(struct mesh_workload *workload);
#define _cleanup_mesh_workload_ _cleanup_(mesh_workload_release)

/* The value of SIDECAR_RESTARTED_ANNOTATION; owned by the caller. */
char *mesh_restarted_for(const char *version, msec_t now);

/* Whether a PodDisruptionBudget of the Pods' namespace selects them and allows no disruption now. */
bool mesh_budget_blocks(const char *digest, const json_t *labels);

#endif
