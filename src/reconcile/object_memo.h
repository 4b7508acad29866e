/*
 * What the planner keeps with one version of an observed object (kube_object_memo()), so that it reads the object once.
 */
#ifndef RECONCILE_OBJECT_MEMO_H
#define RECONCILE_OBJECT_MEMO_H

#include "kube/cache.h"

/* How far a Deployment, DaemonSet or StatefulSet is (reconcile/rollout.h). */
struct workload_progress {
    int32_t desired, all, updated, available, ready; /* Pods */
    bool is_known : 1;
    bool is_seen : 1;    /* its controller has seen the newest spec */
    bool is_late : 1;    /* it is past its progress deadline */
    bool has_failed : 1; /* a condition says why it has no Pods */
};

/* Zeroed: nothing is known. */
struct object_memo {
    uint64_t in_place;                 /* the hash of the desired object that it was found to be like; 0: none */
    struct workload_progress progress; /* of a workload */
    bool is_unremarkable : 1;          /* a Pod whose status names nothing that keeps it from being ready */
    bool is_newer : 1;                 /* with `in_place`: it is left as it is, because it is of a newer release */
    bool inherits : 1; /* with `in_place`: it keeps what it had under another manager (reconcile/inherit.h) */
    bool is_copy : 1;  /* has another object's labels with the owner label, and no record of what was applied */
};

/* Valid until the cache changes, or another reader keeps its memo with this object. */
struct object_memo *object_memo(struct kube_object *o);

#endif
