/*
 * The watches of a cluster that are on only while a plan asks for them, by a table of rows, and the kinds that it asks
 * to list again (PLAN_RELISTED in reconcile/plan.h).
 */
#ifndef RECONCILE_ON_DEMAND_H
#define RECONCILE_ON_DEMAND_H

#include "kube/cluster.h"

/* One watch, of a kind or of a view of it. */
struct watch_row {
    unsigned bit; /* of plan.watch; not the highest one; rows may share one */
    size_t kind;  /* the place of its row in the cluster's table of kinds */
    const char *label_selector, *field_selector;
    bool in_namespace; /* of the plan's namespace alone */
};

struct watch_table {
    const struct watch_row *rows;
    size_t len;
};

/* Zeroed except the table: none is on. */
struct on_demand {
    const struct watch_table *table;
    unsigned on; /* as plan.watch */
};

/* Turns on these watches and no others; `ns` is for those that watch one namespace. */
void on_demand_switch(struct on_demand *w, struct kube_cluster *cluster, unsigned watch, const char *ns);
/* As plan_input.synced. */
unsigned on_demand_synced(const struct on_demand *w, const struct kube_cluster *cluster);
/* As plan_input.failing. */
unsigned on_demand_failing(const struct on_demand *w, const struct kube_cluster *cluster);

#endif
