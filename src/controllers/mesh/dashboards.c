/*
 * Sources: the Grafana operator's API, grafana.integreatly.org/v1beta1 (status.NoMatchingInstances, and a condition of
 * type DashboardSynchronized in its newer releases).
 */
#include "controllers/mesh/dashboards.h"

#include "api/status.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"

static const struct apart_kinds grafana = {
    .product = "the Grafana operator",
    .missing = "the cluster does not serve GrafanaDashboard of grafana.integreatly.org/v1beta1: install the Grafana "
               "operator, or set spec.monitoring.grafana.mode to " ISTIO_GRAFANA_CONFIG_MAP,
    .remembered = "grafanaDashboards",
    .watched = PLAN_WATCH_DASHBOARDS,
    .served = PLAN_WATCH_DASHBOARDS_SERVED,
    .kinds = (const enum mesh_kind_id[]){KIND_GRAFANA_DASHBOARD, KIND_COUNT},
    .definitions = (const enum mesh_kind_id[]){KIND_GRAFANA_DASHBOARD_DEFINITION, KIND_COUNT},
};

static bool asks_for_grafanas(const struct reconcile *r)
{
    return str_eq(doc_string(r->resource, "spec", "monitoring", "grafana", "mode"), ISTIO_GRAFANA_DASHBOARD);
}

unsigned dashboards_watches(const struct reconcile *r)
{
    return apart_watches(r, &grafana, asks_for_grafanas(r));
}

void dashboards_plan(struct reconcile *r, const struct mesh_desired *desired, struct dashboards *d, struct plan *plan)
{
    if (!asks_for_grafanas(r) || apart_can_plan(r, &grafana))
        d->unwritten = apart_plan(r, desired->dashboards, plan);
}

/* --- what became of them --- */

static const struct kube_object *find(const struct reconcile *r, const struct desired *dashboard)
{
    return kube_cache_get(r->world->central->observed, dashboard->kind, dashboard->ns, dashboard->name);
}

/* Says so, where this one is not loaded. */
static bool is_loaded(const struct kube_object *o, struct finding *finding)
{
    _cleanup_json_ json_t *dashboard = kube_object_parse(o);
    const json_t *status = doc_at(dashboard, "status");
    const json_t *condition = doc_find(doc_at(status, "conditions"), "type", "DashboardSynchronized");

    if (doc_bool(doc_at(status, "NoMatchingInstances"), false)) {
        finding_say(finding, false, "NotSelected");
        buf_add_str(
            &finding->text,
            "the dashboards select no Grafana: what spec.monitoring.grafana.labels has must be labels of an object of "
            "kind "
            "Grafana");
    } else if (condition && !str_eq(doc_string(condition, "status"), "True")) {
        finding_say(finding, false, "NotLoaded");
        buf_printf(
            &finding->text,
            "GrafanaDashboard %s/%s: %.200s",
            o->ns,
            o->name,
            str_or(doc_string(condition, "message"), "its condition DashboardSynchronized is not True"));
    } else if (!condition && !doc_string(status, "hash")) {
        finding_say(finding, false, "NotLoaded");
        buf_printf(
            &finding->text,
            "the Grafana operator has said nothing of GrafanaDashboard %s/%s yet: it may not run, or not look into "
            "this "
            "namespace",
            o->ns,
            o->name);
    } else {
        return true;
    }
    return false;
}

static void read_loading(const struct reconcile *r, const struct desired_set *set, struct finding *finding)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct kube_object *o = find(r, &set->items[i]);
        finding->waits = !o;
        if (!o || !is_loaded(o, finding))
            return;
    }
    finding_say(finding, true, "Loaded");
    buf_printf(&finding->text, "%zu dashboards are loaded", set->len);
}

void dashboards_read(struct reconcile *r, const struct mesh_desired *desired, struct dashboards *d)
{
    const char *mode = desired->spec->monitoring.grafana.mode;
    const struct desired_set *set = desired->dashboards;
    bool by_grafanas = desired->planes->release->line->scrapes && str_eq(mode, ISTIO_GRAFANA_DASHBOARD);

    apart_ask(r, &grafana, by_grafanas);
    if (!desired->planes->release->line->scrapes || str_eq(str_or(mode, ISTIO_GRAFANA_NONE), ISTIO_GRAFANA_NONE))
        return;
    d->mode = mode;
    for (size_t i = 0; i < set->len; i++)
        d->written += find(r, &set->items[i]) != NULL;
    if ((!by_grafanas || apart_is_served(r, &grafana, &d->finding)) &&
        apart_is_written(r, set, "spec.monitoring.grafana.namespace", d->unwritten, &d->finding) && by_grafanas)
        read_loading(r, set, &d->finding);
}

void dashboards_release(struct dashboards *d)
{
    finding_release(&d->finding);
    free(d->unwritten);
}

void dashboards_add_status(const struct reconcile *r, const struct dashboards *d, json_t *status)
{
    bool has = str_eq(d->mode, ISTIO_GRAFANA_DASHBOARD) || apart_has_left(r, &grafana);

    json_object_update_new(
        status,
        OBJECT(
            STRING("grafana", d->mode),
            OPT(has, BOOL(grafana.remembered, true)),
            OPT(d->mode, INT("dashboards", (json_int_t)d->written))));
}
