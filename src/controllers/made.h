/*
 * The objects that Istio's programs created for themselves (struct mesh_made) are deleted with the mesh. Pure.
 *
 * A running program creates them again. Those that do harm without their program are deleted first; the others when
 * everything else is deleted: then the program has no rights any more, even if its Pods have not ended yet.
 */
#ifndef CONTROLLERS_MADE_H
#define CONTROLLERS_MADE_H

#include "mesh/mesh.h"
#include "reconcile/plan.h"

/* The reason, for an Event and `diff`. */
#define REASON_MADE_BY_PROGRAM "created by a part of Istio that is being removed"

/*
 * The watches (controllers/watches.h) that bring these objects in a cluster of this role, of those kinds that it
 * serves, as far as that is observed.
 */
unsigned made_watches(const struct plan_input *in, unsigned role);

/*
 * The mesh in the namespace `ns` is being removed, `since` then (RFC 3339, of its own cluster's server; NULL: unknown).
 * Both return how many objects are left, and add the watches to the plan.
 */
size_t made_remove_first(const struct plan_input *in, unsigned role, const char *ns, struct plan *plan);
size_t
made_remove_last(const struct plan_input *in, unsigned role, const char *ns, const char *since, struct plan *plan);

/*
 * The mesh stays: deletes what disabled components left that does harm without them. Returns how many objects are left.
 * `watch` gets the bits of the watches.
 */
size_t made_remove_disabled(
    const struct plan_input *in, const struct mesh_parts *parts, const struct istio_spec *spec, const char *ns,
    struct plan *plan, unsigned *watch);

#endif
