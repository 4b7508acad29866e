/*
 * Whether the new control plane gives Pods its sidecars: the API server is asked what becomes of a Pod in a namespace
 * with injection, as a dry run. Nothing is stored. Pure: the answer is an observation.
 */
#ifndef CONTROLLERS_MESH_PROOF_H
#define CONTROLLERS_MESH_PROOF_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/reconciler.h"

enum proof_result {
    PROOF_WAITS,   /* for the answer */
    PROOF_HOLDS,   /* such a Pod gets the sidecar that is desired */
    PROOF_SKIPPED, /* no namespace has injection, or nothing can be asked: `text` says why; NULL: that is as usual */
    PROOF_FAILED,  /* it gets none, or another one, or is refused, as `text` says; it is asked again */
};

struct proof {
    enum proof_result result;
    char *text; /* owned */
};
void proof_release(struct proof *proof);

/*
 * Asks, and reads what was answered. Where it replaces a control plane of another name, no namespace has to have
 * injection: the Pod chooses the new one by its label, in the control plane's own namespace.
 */
void proof_read(struct reconcile *r, const struct mesh_desired *desired, bool replaces, struct proof *ret);

/* The key of the query. */
#define PROOF_QUERY "injection"

#endif
