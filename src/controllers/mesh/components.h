/* The rollouts of a mesh's components. Pure. */
#ifndef CONTROLLERS_MESH_COMPONENTS_H
#define CONTROLLERS_MESH_COMPONENTS_H

#include "mesh/mesh.h"
#include "reconcile/rollout.h"

/*
 * As rollouts_read(), for components (which end with a NULL name) of which `spec` says what is enabled. `watch` gets
 * the bits of what has to be watched to say why one is not available.
 */
void components_read(
    const struct plan_input *in, const char *ns, const struct mesh_component *components, const struct istio_spec *spec,
    struct rollouts *ret, unsigned *watch);

#endif
