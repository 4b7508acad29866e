/*
 * spec.overlays: JSON patches on the objects of a mesh, before these get their owner label. Pure.
 */
#ifndef RECONCILE_OVERLAY_H
#define RECONCILE_OVERLAY_H

#include "api/problem.h"
#include "reconcile/rendered.h"

/*
 * Applies the overlays (istio_spec.overlays; NULL: none) to the objects, those on the same object in their order. `ns`
 * is the control plane's namespace. If an overlay changes a ConfigMap, Pods that read it only once restart, as after a
 * change of the resource. An overlay that names no object, or does not apply, is an error in `problems` and changes
 * nothing; the others are still applied, so that all errors are reported together. Then the changed objects are
 * validated as an API server of Kubernetes 1.`minor` (0: any) does, and the size of all objects against its limit.
 */
void overlays_apply(
    const json_t *overlays, const char *ns, int minor, struct rendered_list *objects, struct problems *problems);

#endif
