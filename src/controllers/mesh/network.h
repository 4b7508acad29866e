/*
 * The name of the cluster's network, as a label of the control plane's namespace: there istiod reads it. Pure.
 *
 * A label that another client set stays as it is: a second one says that the operator put it there.
 */
#ifndef CONTROLLERS_MESH_NETWORK_H
#define CONTROLLERS_MESH_NETWORK_H

#include "reconcile/plan.h"

/* On the namespace with LABEL_NETWORK, and with the same value. */
#define LABEL_NETWORK_MANAGED "istio-operator-managed-network"

/* Adds the change that the namespace needs; returns how many there are. `network` NULL: it has none. */
size_t network_plan(const struct plan_input *in, const char *ns, const char *network, struct plan *plan);
/* Says that another client's label names another network; nothing if it does not. */
void network_notice(const struct plan_input *in, const char *ns, const char *network, struct buf *out);

#endif
