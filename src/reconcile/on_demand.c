#include "reconcile/on_demand.h"

#include "reconcile/plan.h"

/* What others' programs keep in Secrets, and much of it. */
#define NOT_MADE_BY_PROGRAMS                                                                                           \
    "type!=istio.io/key-and-cert,type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1"

static const struct {
    unsigned bit;
    const char *api_version, *kind, *view, *field_selector;
    bool in_mesh_namespace;
} rows[] = {
    {PLAN_WATCH_PODS, "v1", "Pod", NULL, NULL, true},
    {PLAN_WATCH_VALIDATING, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL, NULL, false},
    {PLAN_WATCH_SECRETS, NULL, NULL, MESH_VIEW_KEY_AND_CERT, "type=istio.io/key-and-cert", false},
    {PLAN_WATCH_CREDENTIALS, NULL, NULL, MESH_VIEW_CREDENTIALS, NOT_MADE_BY_PROGRAMS, true},
    {PLAN_WATCH_SIDECARS, NULL, NULL, MESH_VIEW_SIDECARS, "status.phase!=Succeeded,status.phase!=Failed", false},
};

static const struct kube_kind *kind_of(size_t i)
{
    return rows[i].view ? kube_kind_view(&mesh_kinds, rows[i].view)
                        : kube_kind_find(&mesh_kinds, rows[i].api_version, rows[i].kind);
}

void on_demand_switch(struct on_demand *w, struct kube_cluster *cluster, unsigned watch, const char *ns)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        kube_cluster_watch(
            cluster,
            kind_of(i),
            rows[i].in_mesh_namespace ? ns : NULL,
            NULL,
            rows[i].field_selector,
            watch & rows[i].bit);
    if (watch & ~w->on & PLAN_LISTED_ANEW)
        kube_cluster_list_anew(cluster);
    w->on = watch;
}

unsigned on_demand_synced(const struct on_demand *w, const struct kube_cluster *cluster)
{
    unsigned synced = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((w->on & rows[i].bit) && kube_cluster_watch_synced(cluster, kind_of(i)))
            synced |= rows[i].bit;
    if ((w->on & PLAN_LISTED_ANEW) && kube_cluster_is_listed_anew(cluster))
        synced |= PLAN_LISTED_ANEW;
    return synced;
}
