/*
 * What Istio's programs made for themselves (struct mesh_made) is removed with the mesh. Pure.
 *
 * A program that runs makes it again. What is harmful alone goes first; the rest when everything else is gone: by then
 * its program has no rights any more, even where its Pods have not ended yet.
 */
#ifndef CONTROLLERS_MADE_H
#define CONTROLLERS_MADE_H

#include "mesh/mesh.h"
#include "reconcile/plan.h"

/* For an Event and `diff`. */
#define REASON_MADE_BY_PROGRAM "made by a part of Istio that is being removed"

/* The watches (controllers/watches.h) without which it is not known what there is in a cluster of this role. */
unsigned made_watches(unsigned role);

/*
 * The mesh, whose namespace is `ns`, is being removed. Both return how many objects are left, and have the plan ask for
 * the watches.
 */
size_t made_remove_first(const struct plan_input *in, unsigned role, const char *ns, struct plan *plan);
size_t made_remove_last(const struct plan_input *in, unsigned role, const char *ns, struct plan *plan);

/*
 * The mesh stays: what is left of disabled components and harmful alone. Returns how much is left. `watch` gets the
 * bits of the watches.
 */
size_t made_remove_disabled(
    const struct plan_input *in, const struct mesh_parts *parts, const struct istio_spec *spec, const char *ns,
    struct plan *plan, unsigned *watch);

#endif
