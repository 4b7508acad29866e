/* The watches of a cluster that are only there while a plan asks for them (PLAN_WATCH_* in operator/plan/plan.h). */
#ifndef OPERATOR_ON_DEMAND_H
#define OPERATOR_ON_DEMAND_H

#include "kube/cluster.h"

/* Zeroed: none is on. */
struct on_demand {
    unsigned on; /* PLAN_WATCH_* */
};

/* Has exactly these watches on from now on; `ns` is the mesh's, for those that watch one namespace. */
void on_demand_switch(struct on_demand *w, struct kube_cluster *cluster, unsigned watch, const char *ns);
/* PLAN_WATCH_*: those whose list has arrived. */
unsigned on_demand_synced(const struct on_demand *w, const struct kube_cluster *cluster);

#endif
