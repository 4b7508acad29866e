/* What a plan writes to its own resource: the finalizer and the status. Pure. */
#ifndef RECONCILE_RESOURCE_WRITES_H
#define RECONCILE_RESOURCE_WRITES_H

#include "api/resource.h"
#include "reconcile/plan.h"

/* A custom resource that is planned, in the cluster where it is. All borrowed. */
struct planned_resource {
    const struct plan_input *in;
    struct plan *plan;
    const struct kube_object *object;
    json_t *resource; /* `object`, parsed */
    const struct api_resource *type;
};

/* The operator's finalizer, or one that an earlier release put there. */
bool resource_has_finalizer(const struct planned_resource *r);
bool resource_carries_finalizer(const struct api_resource *type, const json_t *resource);
/*
 * Puts the operator's finalizer on the resource, or takes it off with those of earlier releases; nothing while a write
 * of the resource is under way.
 */
void resource_plan_finalizer(const struct planned_resource *r, bool present, const char *reason);
/*
 * Writes the status if it differs from the observed one; takes it over. With `hold` only if its status word is new: a
 * status whose counts alone changed can wait.
 */
void resource_plan_status(const struct planned_resource *r, json_t *status, bool hold);
/*
 * Of all that is validated in a resource and that it asks for, as a memo's key: of what its author wrote, without the
 * status, the operator's own finalizers and what the server counts.
 */
uint64_t resource_hash(const struct api_resource *type, const json_t *resource);
/* All of this generation was in place once: another client deleted what is missing of it. */
bool resource_is_settled(const struct planned_resource *r);

#endif
