/*
 * The watches of a cluster that are only there while a plan asks for them (PLAN_WATCH_* in reconcile/plan.h), and
 * what it asks to be listed anew.
 */
#ifndef RECONCILE_ON_DEMAND_H
#define RECONCILE_ON_DEMAND_H

#include "kube/cluster.h"

/* Zeroed: none is on. */
struct on_demand {
    unsigned on; /* as plan.watch */
};

/* Has exactly these watches on from now on; `ns` is the mesh's, for those that watch one namespace. */
void on_demand_switch(struct on_demand *w, struct kube_cluster *cluster, unsigned watch, const char *ns);
/* As plan_input.synced. */
unsigned on_demand_synced(const struct on_demand *w, const struct kube_cluster *cluster);

#endif
