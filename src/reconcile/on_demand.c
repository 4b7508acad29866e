#include "reconcile/on_demand.h"

#include "reconcile/plan.h"

static const struct kube_kind *kind_of(const struct kube_cluster *cluster, const struct watch_row *row)
{
    return &kube_cluster_kinds(cluster)->rows[row->kind];
}

void on_demand_switch(struct on_demand *w, struct kube_cluster *cluster, unsigned watch, const char *ns)
{
    for (size_t i = 0; i < w->table->len; i++) {
        const struct watch_row *row = &w->table->rows[i];
        kube_cluster_watch(
            cluster,
            kind_of(cluster, row),
            row->in_namespace ? ns : NULL,
            row->label_selector,
            row->field_selector,
            watch & row->bit);
    }
    if (watch & ~w->on & PLAN_RELISTED)
        kube_cluster_relist(cluster);
    w->on = watch;
}

unsigned on_demand_synced(const struct on_demand *w, const struct kube_cluster *cluster)
{
    unsigned synced = 0, unsynced = 0;

    for (size_t i = 0; i < w->table->len; i++) {
        const struct watch_row *row = &w->table->rows[i];
        if ((w->on & row->bit) && kube_cluster_watch_synced(cluster, kind_of(cluster, row)))
            synced |= row->bit;
        else
            unsynced |= row->bit;
    }
    synced &= ~unsynced;
    if ((w->on & PLAN_RELISTED) && kube_cluster_is_relisted(cluster))
        synced |= PLAN_RELISTED;
    return synced;
}

unsigned on_demand_failing(const struct on_demand *w, const struct kube_cluster *cluster)
{
    unsigned failing = 0;

    for (size_t i = 0; i < w->table->len; i++)
        if ((w->on & w->table->rows[i].bit) && kube_cluster_watch_fails(cluster, kind_of(cluster, &w->table->rows[i])))
            failing |= w->table->rows[i].bit;
    return failing;
}
