/* The rollouts of a mesh's components. Pure. */
#ifndef CONTROLLERS_MESH_COMPONENTS_H
#define CONTROLLERS_MESH_COMPONENTS_H

#include "mesh/mesh.h"
#include "reconcile/rollout.h"

/*
 * As rollouts_read(), for the components of all control planes in a cluster of this role (MESH_CENTRAL or MESH_REMOTE),
 * of which `spec` says what is enabled. Where Pods are injected for the CNI plugin already, it is optional: a node that
 * has it not yet, or is down, does not make the mesh unavailable. `watch` gets the bits of what has to be watched to
 * say why one is not available.
 */
void components_read(
    const struct plan_input *in, const char *ns, const struct mesh_plane *planes, size_t count, unsigned role,
    const struct istio_spec *spec, bool cni_is_optional, struct rollouts *ret, unsigned *watch);
/* The same for any workloads. */
void components_read_targets(
    const struct plan_input *in, const char *ns, const struct rollout_target *targets, size_t count,
    struct rollouts *ret, unsigned *watch);

#endif
