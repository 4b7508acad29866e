/*
 * Automatic sidecar injection by a list of namespaces: the planner's part that puts
 * labels on namespaces and takes them off. Pure.
 *
 * A namespace that somebody else labelled, enabled or disabled, stays theirs: our second
 * label says which labels are ours.
 */
#ifndef CONTROLLERS_MESH_INJECTION_H
#define CONTROLLERS_MESH_INJECTION_H

#include "reconcile/plan.h"

/* Labels of namespaces: the injector's own, and ours that says it was us. */
#define LABEL_INJECTION "istio-injection"
#define LABEL_INJECTION_MANAGED "istio-operator-managed-injection"

/* `names` is a sequence of namespaces' names; NULL: none. Returns how many namespaces still need a change. */
size_t injection_plan(const struct plan_input *in, const json_t *names, struct plan *plan);

/* Says which listed namespaces are left alone because their owners have disabled injection; nothing if there are none.
 */
void injection_notice(const struct plan_input *in, const json_t *names, struct buf *out);

#endif
