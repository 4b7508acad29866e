/*
 * Whether Deployments, DaemonSets and StatefulSets are rolled out and available, derived from live objects, and where
 * one is not, why. Pure.
 *
 * A workload is available when its controller has seen the newest spec, every replica is of that spec and available,
 * and none of an older one is left (the conditions that `kubectl rollout status` waits for). Where it is past its
 * progress deadline the message says so, and it still counts as under way, because its controller goes on and the
 * reason may disappear.
 */
#ifndef RECONCILE_ROLLOUT_H
#define RECONCILE_ROLLOUT_H

#include "reconcile/plan.h"
#include "reconcile/volumes.h"

struct rollout {
    const char *name;     /* of the component: "pilot" */
    const char *revision; /* of the control plane; "": it has none */
    bool enabled;         /* false: switched off */
    bool optional;        /* the whole is available without it */
    bool available;
    bool is_late; /* a workload is past its progress deadline */
    bool crashes; /* a container ends again and again, of the Pod that `message` speaks of */
    int64_t ready, desired;
    char *message; /* why it is not available; owned; NULL where it is */
};

struct rollouts {
    struct rollout *items;
    size_t len, cap;
    bool all_available;    /* the optional ones, too */
    bool asks_for_volumes; /* a Pod waits and says not why: what its volumes name has to be observed */
};

/* A Deployment, DaemonSet or StatefulSet: the place of its kind's row in the cache's table, and its name. */
struct rollout_workload {
    size_t kind;
    const char *name;
};

/* A component and what runs it; borrowed. */
struct rollout_target {
    const char *name;
    const char *revision; /* is behind the names of its workloads: "istiod-canary"; "": it has none */
    const struct rollout_workload *workloads; /* ends with a NULL name */
    bool enabled, optional;
};

/* One line a component in namespace `ns`. `volumes` is NULL while what Pods mount is not observed. */
void rollouts_read(
    const struct plan_input *in, const char *ns, const struct rollout_target *targets, size_t count,
    const struct volume_kinds *volumes, struct rollouts *ret);
void rollouts_release(struct rollouts *r);

/* Whether a workload of this kind ("Deployment", "DaemonSet", "StatefulSet") is rolled out and available. */
bool rollout_is_complete(const char *kind, const json_t *workload);

/* Whether a Pod's condition Ready is True. */
bool rollout_pod_is_ready(const json_t *pod);

#endif
