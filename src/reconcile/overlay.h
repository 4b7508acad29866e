/*
 * spec.overlays: JSON patches on the objects of a mesh, before our marks are put on them. Pure.
 */
#ifndef RECONCILE_OVERLAY_H
#define RECONCILE_OVERLAY_H

#include "api/problem.h"
#include "reconcile/rendered.h"

/*
 * Applies the overlays (istio_spec.overlays; NULL: none) to the objects, those on the same object in their order. `ns`
 * is the control plane's namespace. What an overlay makes of a ConfigMap restarts Pods that read it only once, as a
 * change of the resource does. An overlay that names no object, or does not apply, is an error in `problems` and
 * changes nothing; the others are tried all the same, so that all mistakes are told together. Then what they made is
 * held to what an API server of Kubernetes 1.`minor` (0: any) takes, and all objects to the size that it takes.
 */
void overlays_apply(
    const json_t *overlays, const char *ns, int minor, struct rendered_list *objects, struct problems *problems);

#endif
