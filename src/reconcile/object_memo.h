/*
 * What the planner keeps with one version of an observed object (kube_object_memo()), so that it reads the object once.
 */
#ifndef RECONCILE_OBJECT_MEMO_H
#define RECONCILE_OBJECT_MEMO_H

#include "kube/cache.h"

/* Zeroed: nothing is known. */
struct object_memo {
    uint64_t in_place;    /* the hash of the desired object that it was compared with and found in place; 0: none */
    uint32_t available;   /* one more than the replicas of a Deployment that is available and ready in full */
    bool is_unremarkable; /* a Pod whose status names nothing that keeps it from being ready */
    bool is_newer;        /* with `in_place`: it is left as it is, because it is of a newer release */
    bool inherits;        /* with `in_place`: it keeps what it had under another manager (reconcile/inherit.h) */
    bool is_copy;         /* has another object's labels with the owner label, and no record of what was applied */
};

/* Valid until the cache changes, or another reader keeps its memo with this object. */
struct object_memo *object_memo(struct kube_object *o);

#endif
