#include "controllers/mesh/monitoring.h"

#include <math.h>
#include <stdlib.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/apart.h"
#include "controllers/prometheus.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "mesh/common/scrapes.h"

#define RETRIES 2
static const msec_t ASKED_AGAIN_AFTER = SECONDS(60);
static const msec_t LOOKED_AGAIN_AFTER = SECONDS(5);
/* A target that answered once in this time, or in so many intervals, is up: Pods come and go. */
static const msec_t WINDOW_LEAST = SECONDS(120);
enum { WINDOW_INTERVALS = 3 };
#define TARGETS_MAX 1e6
#define MONITORS (PLAN_WATCH_MONITORS | PLAN_WATCH_MONITORS_SERVED)
#define SELECTOR_SHOWN 200 /* bytes of what a Prometheus selects by */

/* --- the monitors --- */

static bool asks_for_monitors(const struct reconcile *r)
{
    return str_eq(doc_string(r->resource, "spec", "monitoring", "prometheus", "mode"), ISTIO_PROMETHEUS_OPERATOR);
}

static bool may_have_monitors(const struct reconcile *r)
{
    return doc_bool(doc_at(r->resource, "status", STATUS_FIELD_MONITORING, "monitors"), false);
}

static bool is_served(const struct plan_input *in, enum mesh_kind_id definition)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(definition), &i));)
        if (*o->text)
            return true;
    return false;
}

/* Whether the server has all kinds of the Prometheus operator that are used. */
static bool are_served(const struct plan_input *in)
{
    return (in->synced & PLAN_WATCH_MONITORS_SERVED) && is_served(in, KIND_SERVICE_MONITOR_DEFINITION) &&
           is_served(in, KIND_POD_MONITOR_DEFINITION) && is_served(in, KIND_PROMETHEUS_DEFINITION);
}

unsigned monitoring_watches(const struct reconcile *r)
{
    if (!asks_for_monitors(r) && !may_have_monitors(r))
        return 0;
    return PLAN_WATCH_MONITORS_SERVED | (are_served(r->world->central) ? PLAN_WATCH_MONITORS : 0);
}

/* Whether it is known which monitors there are, and the status tells of them. */
static bool can_plan(const struct reconcile *r)
{
    const struct plan_input *in = r->world->central;

    if (in->preview)
        return kube_server_version(in->server, mesh_kind(KIND_SERVICE_MONITOR)) &&
               kube_server_version(in->server, mesh_kind(KIND_POD_MONITOR));
    return are_served(in) && (in->synced & PLAN_WATCH_MONITORS) && may_have_monitors(r);
}

void monitoring_plan(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m, struct plan *plan)
{
    if (!asks_for_monitors(r) || can_plan(r))
        m->unwritten = apart_plan(r, desired->monitors, plan);
}

/* --- who selects them --- */

/* How a Prometheus selects monitors of a kind. */
struct selection {
    enum mesh_kind_id kind;
    const char *labels, *namespaces;
};
static const struct selection selections[] = {
    {KIND_SERVICE_MONITOR, "serviceMonitorSelector", "serviceMonitorNamespaceSelector"},
    {KIND_POD_MONITOR, "podMonitorSelector", "podMonitorNamespaceSelector"},
};

static const struct selection *selection_of(const struct kube_kind *kind)
{
    return kind == mesh_kind(selections[0].kind) ? &selections[0] : &selections[1];
}

static bool looks_in(const struct plan_input *in, const json_t *prometheus, const struct selection *by, const char *ns)
{
    const json_t *selector = doc_at(prometheus, "spec", by->namespaces);
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns);
    _cleanup_json_ json_t *namespace = o ? kube_object_parse(o) : NULL;

    if (!json_is_object(selector))
        return str_eq(doc_string(prometheus, "metadata", "namespace"), ns);
    return selector_object_matches(selector, doc_at(namespace, "metadata", "labels"));
}

static bool selects(const json_t *prometheus, const struct selection *by, const json_t *monitor)
{
    const json_t *selector = doc_at(prometheus, "spec", by->labels);

    return json_is_object(selector) && selector_object_matches(selector, doc_at(monitor, "metadata", "labels"));
}

static void add_selector(const json_t *prometheus, const char *field, struct buf *out)
{
    const json_t *selector = doc_at(prometheus, "spec", field);
    _cleanup_free_ char *text = json_is_object(selector) ? doc_text(selector) : str_dup("none");

    buf_printf(out, "%s %.*s", field, (int)str_cut(text, SELECTOR_SHOWN), text);
}

/* The first Prometheus that selects the monitor, as "namespace/name"; owned. NULL: none does, and `why` tells of one.
 */
static char *find_selecting(const struct plan_input *in, const struct desired *monitor, struct buf *why)
{
    _cleanup_json_ json_t *object = doc_parse_own(monitor->text);
    const struct selection *by = selection_of(monitor->kind);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(KIND_PROMETHEUS), &i));) {
        _cleanup_json_ json_t *prometheus = kube_object_parse(o);
        bool by_labels = selects(prometheus, by, object);
        if (by_labels && looks_in(in, prometheus, by, monitor->ns))
            return str_printf("%s/%s", o->ns, o->name);
        if (why->len)
            continue;
        buf_printf(why, "Prometheus %s/%s has ", o->ns, o->name);
        add_selector(prometheus, by_labels ? by->namespaces : by->labels, why);
    }
    return NULL;
}

/* Takes the text of `m`. */
static void say(struct monitoring *m, bool holds, const char *reason)
{
    m->reason = reason;
    m->holds = holds;
}

/* True where a Prometheus selects every monitor. */
static bool read_selection(const struct plan_input *in, const struct desired_set *monitors, struct monitoring *m)
{
    _cleanup_free_ char *by = NULL;

    for (size_t i = 0; i < monitors->len; i++) {
        const struct desired *monitor = &monitors->items[i];
        _cleanup_buf_ struct buf why = BUF_INIT;
        free(by);
        if ((by = find_selecting(in, monitor, &why)))
            continue;
        say(m, false, why.len ? "NotSelected" : "NoPrometheus");
        if (why.len)
            buf_printf(
                &m->text,
                "no Prometheus selects %s %s/%s: %s; set `labels` and `namespace` of spec.monitoring.prometheus so "
                "that "
                "one does",
                monitor->kind->kind,
                monitor->ns,
                monitor->name,
                buf_str(&why));
        else
            buf_add_str(&m->text, "the cluster has no object of kind Prometheus, which would select the monitors");
        return false;
    }
    say(m, true, "Selected");
    buf_printf(&m->text, "Prometheus %s selects the monitors", by);
    return true;
}

/* True where they are written, as far as is known. */
static bool read_writes(const struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m)
{
    const char *missing = apart_missing_namespace(r, desired->monitors);

    if (missing) {
        say(m, false, "NamespaceMissing");
        buf_printf(
            &m->text,
            "namespace %s does not exist: create it, or name another one in spec.monitoring.prometheus.namespace",
            missing);
    } else if (m->unwritten) {
        say(m, false, "NotWritten");
        buf_add_str(&m->text, m->unwritten);
    } else {
        return true;
    }
    return false;
}

/* True where all is right with them. */
static bool read_monitors(const struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m)
{
    const struct plan_input *in = r->world->central;

    if (in->failing & monitoring_watches(r)) {
        say(m, false, "NotReadable");
        buf_add_str(
            &m->text,
            "what belongs to the Prometheus operator cannot be listed: the operator may lack the rights of today's "
            "config/operator.yaml");
    } else if (!(in->synced & PLAN_WATCH_MONITORS_SERVED) || (are_served(in) && !can_plan(r))) {
        m->waits = true;
    } else if (!are_served(in)) {
        say(m, false, "DefinitionsMissing");
        buf_add_str(
            &m->text,
            "the cluster does not serve ServiceMonitor, PodMonitor and Prometheus of monitoring.coreos.com/v1: install "
            "the Prometheus operator, or set spec.monitoring.prometheus.mode to " ISTIO_PROMETHEUS_SCRAPE_CONFIG);
    } else {
        return read_writes(r, desired, m) && read_selection(in, desired->monitors, m);
    }
    return false;
}

/* --- the targets --- */

static const struct mesh_scrape *scrapes_of(const struct mesh_desired *desired)
{
    return desired->planes->release->line->scrapes;
}

/* How many targets of each job are up, and how many are not: series with labels `job` and `up`, "0" or "1". */
static char *query_of(const struct mesh_desired *desired)
{
    struct buf query = BUF_INIT;
    msec_t window = 0;

    clock_parse_duration(desired->spec->monitoring.prometheus.interval, &window);
    window *= WINDOW_INTERVALS;
    if (window < WINDOW_LEAST)
        window = WINDOW_LEAST;
    buf_add_str(&query, "count_values by(job)(\"up\",max_over_time(up{job=~\"");
    for (const struct mesh_scrape *scrape = scrapes_of(desired); scrape->job; scrape++)
        buf_printf(&query, "%s%s", scrape == scrapes_of(desired) ? "" : "|", scrape->job);
    buf_printf(&query, "\"}[%lds]))", (long)(window / SECONDS(1)));
    return buf_take(&query);
}

static size_t count_in(const json_t *series)
{
    const char *text = json_string_value(json_array_get(doc_at(series, "value"), 1));
    double value = text ? strtod(text, NULL) : 0;

    if (!isfinite(value) || value < 0)
        return 0;
    return value > TARGETS_MAX ? (size_t)TARGETS_MAX : (size_t)value;
}

/* Adds to the numbers, and to the jobs with targets that are down: "envoy-stats (3 of 41)". */
static void count_job(const char *job, const json_t *result, struct monitoring *m, struct buf *down_jobs)
{
    size_t up = 0, down = 0, i;
    json_t *series;

    json_array_foreach(result, i, series) {
        if (!str_eq(doc_string(series, "metric", "job"), job))
            continue;
        if (str_eq(doc_string(series, "metric", "up"), "1"))
            up += count_in(series);
        else
            down += count_in(series);
    }
    m->up += up;
    m->down += down;
    if (!down)
        return;
    buf_separate(down_jobs, ", ");
    buf_printf(down_jobs, "%s (%zu of %zu)", job, down, up + down);
}

static void explain_absence(const struct reconcile *r, const struct mesh_desired *desired, struct buf *text)
{
    buf_printf(text, "Prometheus at %s has no target of the mesh: ", desired->spec->monitoring.prometheus.url);
    if (asks_for_monitors(r))
        buf_add_str(text, "it is not the one that selects the monitors, or may not list Pods of all namespaces");
    else
        buf_printf(
            text,
            "its configuration has to include ConfigMap %s of namespace %s",
            MESH_SCRAPE_CONFIG,
            str_or(desired->spec->monitoring.prometheus.ns, r->object->ns));
}

static void read_targets(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m)
{
    const char *url = desired->spec->monitoring.prometheus.url;
    _cleanup_free_ char *query = query_of(desired);
    _cleanup_prometheus_answer_ struct prometheus_answer answer;
    _cleanup_buf_ struct buf down_jobs = BUF_INIT;

    prometheus_ask(
        r,
        &(struct prometheus_question){
            .key = MONITORING_QUERY, .server = url, .query = query, .retries = RETRIES, .max_age = ASKED_AGAIN_AFTER},
        &answer);
    m->waits = answer.waits;
    if (answer.waits)
        return;
    buf_reset(&m->text);
    for (const struct mesh_scrape *scrape = scrapes_of(desired); scrape->job; scrape++)
        count_job(scrape->job, doc_at(answer.data, "result"), m, &down_jobs);
    m->is_counted = !answer.error;
    if (answer.error) {
        say(m, false, "NotAnswering");
        buf_printf(&m->text, "Prometheus could not be asked for its targets: %s", answer.error);
    } else if (!m->up && !m->down) {
        say(m, false, "NoTargets");
        explain_absence(r, desired, &m->text);
    } else if (m->down) {
        say(m, false, "TargetsDown");
        buf_printf(
            &m->text,
            "targets do not answer Prometheus at %s: %s; its page /targets says why",
            url,
            buf_str(&down_jobs));
    } else {
        say(m, true, "TargetsUp");
        buf_printf(&m->text, "%zu targets are up", m->up);
    }
}

/* --- all of it --- */

void monitoring_read(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m)
{
    const char *mode = desired->spec->monitoring.prometheus.mode;
    bool by_monitors = str_eq(mode, ISTIO_PROMETHEUS_OPERATOR);
    const struct plan_input *in = r->world->central;

    r->plan->central.watch |= monitoring_watches(r);
    if (!scrapes_of(desired) || str_eq(str_or(mode, ISTIO_PROMETHEUS_NONE), ISTIO_PROMETHEUS_NONE))
        return;
    m->mode = mode;
    /* It is written before a monitor is. */
    r->is_news = r->is_news || (by_monitors && !may_have_monitors(r));
    if (by_monitors && r->plan->again_after > LOOKED_AGAIN_AFTER && (r->plan->central.watch & ~in->synced & MONITORS))
        r->plan->again_after = LOOKED_AGAIN_AFTER; /* no event tells that a list fails */
    if ((by_monitors ? read_monitors(r, desired, m) : read_writes(r, desired, m)) &&
        desired->spec->monitoring.prometheus.url)
        read_targets(r, desired, m);
}

void monitoring_release(struct monitoring *m)
{
    free(m->unwritten);
    buf_release(&m->text);
    *m = (struct monitoring){0};
}

json_t *monitoring_condition(const struct reconcile *r, const struct monitoring *m)
{
    if (!m->reason)
        return NULL;
    return status_condition(&r->facts, CONDITION_METRICS_SCRAPED, m->holds, m->reason, buf_str(&m->text));
}

/* Whether one of the resource's is there, or it is not known that none is. */
static bool has_left(const struct reconcile *r)
{
    static const enum mesh_kind_id kinds[] = {KIND_SERVICE_MONITOR, KIND_POD_MONITOR};
    const struct plan_input *in = r->world->central;
    const struct kube_object *o;

    if (!may_have_monitors(r))
        return false;
    if (!(in->synced & PLAN_WATCH_MONITORS_SERVED) || (are_served(in) && !(in->synced & PLAN_WATCH_MONITORS)))
        return true;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(kinds[k]), &i));)
            if (str_eq(o->owner, r->object->uid))
                return true;
    return false;
}

/* What was counted last, while an answer is awaited; -1: nothing was. */
static json_int_t counted(const struct reconcile *r, const struct monitoring *m, const char *field, size_t now)
{
    if (m->is_counted)
        return (json_int_t)now;
    return m->waits ? doc_int(doc_at(r->resource, "status", STATUS_FIELD_MONITORING, field), -1) : -1;
}

json_t *monitoring_status(const struct reconcile *r, const struct monitoring *m)
{
    bool monitors = str_eq(m->mode, ISTIO_PROMETHEUS_OPERATOR) || has_left(r);
    json_int_t up = counted(r, m, "targetsUp", m->up), down = counted(r, m, "targetsDown", m->down);

    if (!m->mode && !monitors)
        return NULL;
    return OBJECT(
        STRING("mode", m->mode),
        OPT(monitors, BOOL("monitors", true)),
        OPT(up >= 0, INT("targetsUp", up)),
        OPT(down >= 0, INT("targetsDown", down)));
}
