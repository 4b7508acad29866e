/*
 * spec.overlays: JSON patches on the objects of a mesh, before our marks are put on them. Pure.
 */
#ifndef RECONCILE_OVERLAY_H
#define RECONCILE_OVERLAY_H

#include "api/problem.h"
#include "reconcile/rendered.h"

/* What an object may grow to: more does not fit into a request to etcd. */
#define OVERLAY_OBJECT_MAX ((size_t)3 << 19)

/*
 * Applies the overlays (istio_spec.overlays; NULL: none) to the objects, those on the same object in their order. `ns`
 * is the control plane's namespace. What an overlay makes of a ConfigMap restarts Pods that read it only once, as a
 * change of the resource does. An overlay that names no object, or does not apply, is an error in `problems` and
 * changes nothing; the others are tried all the same, so that all mistakes are told at once.
 */
void overlays_apply(const json_t *overlays, const char *ns, struct rendered_list *objects, struct problems *problems);

#endif
