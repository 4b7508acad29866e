/* HorizontalPodAutoscalers of other managers that scale the mesh's Deployments. Pure. */
#ifndef CONTROLLERS_MESH_AUTOSCALERS_H
#define CONTROLLERS_MESH_AUTOSCALERS_H

#include "reconcile/plan.h"

/*
 * Adds a sentence to `out` where there are any, behind "; " if it says something already. Those that an earlier
 * operator created for `resource` are not among them: they are deleted.
 */
void autoscalers_notice(
    const struct plan_input *in, const struct kube_object *resource, const struct desired_set *desired,
    struct buf *out);

#endif
