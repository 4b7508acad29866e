/*
 * What others watch and draw a mesh with, after all else is over: its fields are switched on and off, while
 * definitions, objects and namespaces of these others come and go, operators are killed at any write and requests fail.
 * Then what is asked for and can be there is there, whatever cannot be holds nothing up, and off takes it away.
 */
#include "api/status.h"
#include "base/str.h"
#include "doc/doc.h"
#include "invariants_impl.h"
#include "mesh/kinds.h"
#include "world_impl.h"

#define DEEDS_MOST 30
/* As at rest, and for the watches of kinds and definitions of others. */
#define QUIET_MINUTE_MOST 160

/* A mode, what it needs to be served, and an object that it has then; with the condition that tells if not. */
static const struct asked {
    const char *outer, *field, *mode, *condition;
    enum mesh_kind_id needs[5]; /* up to the first that is none */
    enum mesh_kind_id kind;
    const char *name;
} asked[] = {
    {"monitoring",
     "prometheus",
     "PrometheusOperator",
     CONDITION_METRICS_SCRAPED,
     {KIND_SERVICE_MONITOR, KIND_POD_MONITOR, KIND_PROMETHEUS_RULE, KIND_PROMETHEUS, KIND_COUNT},
     KIND_SERVICE_MONITOR,
     "istio-component-monitor"},
    {"monitoring",
     "prometheus",
     "ScrapeConfig",
     CONDITION_METRICS_SCRAPED,
     {KIND_COUNT},
     KIND_CONFIG_MAP,
     "istio-scrape-config"},
    {"monitoring",
     "grafana",
     "GrafanaDashboard",
     CONDITION_DASHBOARDS_LOADED,
     {KIND_GRAFANA_DASHBOARD, KIND_COUNT},
     KIND_GRAFANA_DASHBOARD,
     "istio-dashboard-mesh"},
    {"monitoring",
     "grafana",
     "ConfigMap",
     CONDITION_DASHBOARDS_LOADED,
     {KIND_COUNT},
     KIND_CONFIG_MAP,
     "istio-dashboard-mesh"},
    {NULL, "kiali", "KialiResource", CONDITION_KIALI_READY, {KIND_KIALI, KIND_COUNT}, KIND_KIALI, "kiali"},
    {NULL, "kiali", "Server", CONDITION_KIALI_READY, {KIND_COUNT}, KIND_DEPLOYMENT, "kiali"},
};

static struct collection *collection_of(struct server *s, enum mesh_kind_id kind)
{
    return server_find(s, mesh_kind(kind)->group, mesh_kind(kind)->plural);
}

static bool is_ours(const json_t *o)
{
    const char *mark = invariants_mark_of(o);

    return mark && !str_eq(mark, "another-client");
}

static bool has_namespace(struct server *s, const char *name)
{
    const json_t *ns = server_get(collection_of(s, KIND_NAMESPACE), NULL, name);

    return ns && !doc_at(ns, "metadata", "deletionTimestamp");
}

/* NULL: nothing is missing; else the reason that the condition has to have. */
static const char *what_is_missing(struct server *s, const struct asked *a, const char *ns)
{
    for (size_t i = 0; a->needs[i] != KIND_COUNT; i++)
        if (!collection_of(s, a->needs[i]))
            return "DefinitionsMissing";
    return has_namespace(s, ns) ? NULL : "NamespaceMissing";
}

static void check_asked(struct world *w, const json_t *mesh, const struct asked *a)
{
    struct server *s = world_central(w)->server;
    const json_t *spec = doc_at(mesh, "spec"), *field = doc_at(a->outer ? doc_at(spec, a->outer) : spec, a->field);
    const char *ns = str_or(doc_string(field, "namespace"), MESH_NS), *missing, *reason;
    const struct collection *kind = collection_of(s, a->kind);
    const json_t *o = kind ? server_get(kind, ns, a->name) : NULL;

    if (!str_eq(doc_string(field, "mode"), a->mode))
        return;
    missing = what_is_missing(s, a, ns);
    reason = doc_string(doc_find(doc_at(mesh, "status", STATUS_FIELD_CONDITIONS), "type", a->condition), "reason");
    if (!missing && !(o && is_ours(o)))
        world_fail(w, "%s %s is on, and there is no %s %s/%s", a->field, a->mode, mesh_kind(a->kind)->kind, ns,
                   a->name);
    else if (missing && !str_eq(reason, missing))
        world_fail(w, "%s %s is on, %s, and the condition %s says %s", a->field, a->mode, missing, a->condition,
                   str_or(reason, "nothing"));
}

static const json_t *mesh_of(struct world *w)
{
    return server_get(collection_of(world_central(w)->server, KIND_ISTIO), MESH_NS, MESH_NAME);
}

static void check_on(struct world *w)
{
    const json_t *mesh = mesh_of(w);

    /* Another one was there first, or it is refused: then it has nothing. */
    if (!str_eq(doc_string(mesh, "status", STATUS_FIELD_STATUS), STATUS_AVAILABLE))
        return;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        check_asked(w, mesh, &asked[i]);
}

/* Nothing is left of what was on. */
static void check_off(struct world *w)
{
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct collection *kind = collection_of(world_central(w)->server, asked[i].kind);
        void *o;
        for (size_t k = 0; kind && map_next(kind->objects, &k, NULL, &o);)
            if (is_ours(o) && str_eq(doc_string(o, "metadata", "name"), asked[i].name))
                world_fail(w, "%s is off, and %s %s is still there", asked[i].field, kind->kind, asked[i].name);
    }
}

static void bustle(struct world *w)
{
    static const struct happening happening = {.kills = 15, .kill_in_most = 6, .act = users_act_with_integrations};
    static const int64_t calms[] = {500, 5000, 60000};

    for (int64_t n = rng_between(&w->renewal, 8, DEEDS_MOST); n > 0; n--) {
        world_happen(w, &happening);
        world_run_to(w, sched_now(w->sched) +
                            rng_between(&w->renewal, 1, 2 * calms[rng_below(&w->renewal, ARRAY_LEN(calms))]));
    }
}

static void calm_down(struct world *w)
{
    static const struct faults none;

    w->kill_in = 0;
    world_run_to(w, sched_now(w->sched) + SECONDS(1)); /* one that is to be killed is */
    w->eager = true;
    world_central(w)->faults = none;
    world_start_all(w);
    controllers_poke(world_central(w)->controllers);
    world_converge(w);
}

/* The minutes of before end. */
static void stay_quiet(struct world *w, const char *who)
{
    world_run_to(w, (sched_now(w->sched) / 60000 + 1) * 60000);
    w->requests_most = QUIET_MINUTE_MOST;
    world_stay_quiet(w, SECONDS(600), who);
    w->requests_most = WORLD_MINUTE_MOST;
}

void world_integrate(struct world *w)
{
    struct users *users = &world_central(w)->users;
    struct rng *before = users->rng;

    users->rng = &w->renewal;
    w->requests_most = WORLD_MINUTE_MOST;
    world_let_one_act(w);
    users_begin_integrations(users);
    world_converge(w);
    w->eager = false;
    world_choose_few_faults(w);
    bustle(w);
    calm_down(w);
    if (!w->report->failure.len)
        check_on(w);
    stay_quiet(w, "the operator with integrations on");
    users_end_integrations(users);
    calm_down(w);
    if (!w->report->failure.len)
        check_off(w);
    stay_quiet(w, "the operator with integrations off");
    users->rng = before;
}
