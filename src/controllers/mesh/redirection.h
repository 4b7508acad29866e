/*
 * Pods that rely on the CNI plugin and may have slipped through it: Istio 1.1 checks nothing in them (mesh_cni.relies),
 * so that one whose node had no plugin when it started runs with a sidecar that no traffic is redirected to. Pure.
 */
#ifndef CONTROLLERS_MESH_REDIRECTION_H
#define CONTROLLERS_MESH_REDIRECTION_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/plan.h"
#include "reconcile/status.h"

/* Whether the line has to be asked for such Pods; then `watch` gets what it takes (PLAN_WATCH_*). */
bool redirection_ask(const struct mesh_desired *desired, const struct mesh_cni_state *state, unsigned *watch);

#define CONDITION_REDIRECTED "SidecarsRedirected"
/*
 * Whether none slipped through, and which did. Owned by the caller. NULL: the Pods are not read yet.
 *
 * What decides is when a Pod started, and when the plugin's Pod of its node ran, as far as Kubernetes tells: a plugin's
 * Pod that is gone is known by the creation of the one after it.
 */
json_t *redirection_condition(
    const struct status_facts *facts, const struct plan_input *in, const char *ns, const struct mesh_desired *desired);

#endif
