#include "controllers/mesh/monitoring.h"

#include <math.h>
#include <stdlib.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/prometheus.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "mesh/common/scrapes.h"

#define RETRIES 2
static const msec_t ASKED_AGAIN_AFTER = SECONDS(60);
/* A target that answered once in this time, or in so many intervals, is up: Pods come and go. */
static const msec_t WINDOW_LEAST = SECONDS(120);
enum { WINDOW_INTERVALS = 3 };
#define TARGETS_MAX 1e6
#define SELECTOR_SHOWN 200 /* bytes of what a Prometheus selects by */

/* --- the monitors --- */

static const struct apart_kinds monitors = {
    .product = "the Prometheus operator",
    .missing = "the cluster does not serve ServiceMonitor, PodMonitor, PrometheusRule and Prometheus of "
               "monitoring.coreos.com/v1: install the Prometheus operator, or set spec.monitoring.prometheus.mode "
               "to " ISTIO_PROMETHEUS_SCRAPE_CONFIG,
    .remembered = "monitors",
    .watched = PLAN_WATCH_MONITORS,
    .served = PLAN_WATCH_MONITORS_SERVED,
    .kinds = (const enum mesh_kind_id[]){KIND_SERVICE_MONITOR, KIND_POD_MONITOR, KIND_PROMETHEUS_RULE, KIND_COUNT},
    .definitions =
        (const enum mesh_kind_id[]){
            KIND_SERVICE_MONITOR_DEFINITION,
            KIND_POD_MONITOR_DEFINITION,
            KIND_PROMETHEUS_RULE_DEFINITION,
            KIND_PROMETHEUS_DEFINITION,
            KIND_COUNT},
};

static bool asks_for_monitors(const struct reconcile *r)
{
    return str_eq(doc_string(r->resource, "spec", "monitoring", "prometheus", "mode"), ISTIO_PROMETHEUS_OPERATOR);
}

unsigned monitoring_watches(const struct reconcile *r)
{
    return apart_watches(r, &monitors, asks_for_monitors(r));
}

void monitoring_plan(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m, struct plan *plan)
{
    if (!asks_for_monitors(r) || apart_can_plan(r, &monitors))
        m->unwritten = apart_plan(r, desired->monitors, plan);
}

/* --- who selects them --- */

/* How a Prometheus selects monitors of a kind, or rules. */
struct selection {
    enum mesh_kind_id kind;
    const char *labels, *namespaces;
};
static const struct selection selections[] = {
    {KIND_SERVICE_MONITOR, "serviceMonitorSelector", "serviceMonitorNamespaceSelector"},
    {KIND_POD_MONITOR, "podMonitorSelector", "podMonitorNamespaceSelector"},
    {KIND_PROMETHEUS_RULE, "ruleSelector", "ruleNamespaceSelector"},
};

static const struct selection *selection_of(const struct kube_kind *kind)
{
    size_t i = 0;

    while (kind != mesh_kind(selections[i].kind))
        i++;
    return &selections[i];
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

/* What is about the operator alone: the mesh is scraped without. */
static bool is_own(const struct desired *d)
{
    return d->kind == mesh_kind(KIND_PROMETHEUS_RULE) || str_eq(d->name, MESH_OWN_MONITOR);
}

/* What no Prometheus selects, of what is about the operator or of the rest, and why; NULL: all of it is, by `by`. */
static const struct desired *
find_unselected(const struct plan_input *in, const struct desired_set *set, bool own, struct buf *why, char **by)
{
    for (size_t i = 0; i < set->len; i++) {
        if (is_own(&set->items[i]) != own)
            continue;
        free(*by);
        buf_reset(why);
        if (!(*by = find_selecting(in, &set->items[i], why)))
            return &set->items[i];
    }
    return NULL;
}

/* True where a Prometheus selects every monitor of the mesh. */
static bool read_selection(const struct plan_input *in, const struct desired_set *set, struct finding *finding)
{
    _cleanup_free_ char *by = NULL;
    _cleanup_buf_ struct buf why = BUF_INIT;
    const struct desired *monitor = find_unselected(in, set, false, &why, &by);

    if (!monitor) {
        finding_say(finding, true, "Selected");
        buf_printf(&finding->text, "Prometheus %s selects the monitors", by);
        return true;
    }
    finding_say(finding, false, why.len ? "NotSelected" : "NoPrometheus");
    if (why.len)
        buf_printf(
            &finding->text,
            "no Prometheus selects %s %s/%s: %s; set `labels` and `namespace` of spec.monitoring.prometheus so that "
            "one does",
            monitor->kind->kind,
            monitor->ns,
            monitor->name,
            buf_str(&why));
    else
        buf_add_str(&finding->text, "the cluster has no object of kind Prometheus, which would select the monitors");
    return false;
}

/* Behind what is said of a mesh that is scraped. */
static void note_own(const struct plan_input *in, const struct desired_set *set, struct finding *finding)
{
    _cleanup_free_ char *by = NULL;
    _cleanup_buf_ struct buf why = BUF_INIT;
    const struct desired *own = find_unselected(in, set, true, &why, &by);

    if (own)
        buf_printf(
            &finding->text,
            "; but none selects %s %s/%s, which is about the operator itself: %s",
            own->kind->kind,
            own->ns,
            own->name,
            buf_str(&why));
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
    struct finding *finding = &m->finding;
    _cleanup_free_ char *query = query_of(desired);
    _cleanup_prometheus_answer_ struct prometheus_answer answer;
    _cleanup_buf_ struct buf down_jobs = BUF_INIT;

    prometheus_ask(
        r,
        &(struct prometheus_question){
            .key = MONITORING_QUERY, .server = url, .query = query, .retries = RETRIES, .max_age = ASKED_AGAIN_AFTER},
        &answer);
    finding->waits = answer.waits;
    if (answer.waits)
        return;
    buf_reset(&finding->text);
    for (const struct mesh_scrape *scrape = scrapes_of(desired); scrape->job; scrape++)
        count_job(scrape->job, doc_at(answer.data, "result"), m, &down_jobs);
    m->is_counted = !answer.error;
    if (answer.error) {
        finding_say(finding, false, "NotAnswering");
        buf_printf(&finding->text, "Prometheus could not be asked for its targets: %s", answer.error);
    } else if (!m->up && !m->down) {
        finding_say(finding, false, "NoTargets");
        explain_absence(r, desired, &finding->text);
    } else if (m->down) {
        finding_say(finding, false, "TargetsDown");
        buf_printf(
            &finding->text,
            "targets do not answer Prometheus at %s: %s; its page /targets says why",
            url,
            buf_str(&down_jobs));
    } else {
        finding_say(finding, true, "TargetsUp");
        buf_printf(&finding->text, "%zu targets are up", m->up);
    }
}

/* --- all of it --- */

void monitoring_read(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m)
{
    const char *mode = desired->spec->monitoring.prometheus.mode;
    bool by_monitors = scrapes_of(desired) && str_eq(mode, ISTIO_PROMETHEUS_OPERATOR);

    apart_ask(r, &monitors, by_monitors);
    if (!scrapes_of(desired) || str_eq(str_or(mode, ISTIO_PROMETHEUS_NONE), ISTIO_PROMETHEUS_NONE))
        return;
    m->mode = mode;
    if ((!by_monitors || apart_is_served(r, &monitors, &m->finding)) &&
        apart_is_written(r, desired->monitors, "spec.monitoring.prometheus", m->unwritten, &m->finding) &&
        (!by_monitors || read_selection(r->world->central, desired->monitors, &m->finding)) &&
        desired->spec->monitoring.prometheus.url)
        read_targets(r, desired, m);
    if (by_monitors && m->finding.holds && !m->finding.waits)
        note_own(r->world->central, desired->monitors, &m->finding);
}

void monitoring_release(struct monitoring *m)
{
    finding_release(&m->finding);
    free(m->unwritten);
}

/* What was counted last, while an answer is awaited; -1: nothing was. */
static json_int_t counted(const struct reconcile *r, const struct monitoring *m, const char *field, size_t now)
{
    if (m->is_counted)
        return (json_int_t)now;
    return m->finding.waits ? doc_int(doc_at(r->resource, "status", STATUS_FIELD_MONITORING, field), -1) : -1;
}

void monitoring_add_status(const struct reconcile *r, const struct monitoring *m, json_t *status)
{
    bool has = str_eq(m->mode, ISTIO_PROMETHEUS_OPERATOR) || apart_has_left(r, &monitors);
    json_int_t up = counted(r, m, "targetsUp", m->up), down = counted(r, m, "targetsDown", m->down);

    json_object_update_new(
        status,
        OBJECT(
            STRING("mode", m->mode),
            OPT(has, BOOL(monitors.remembered, true)),
            OPT(up >= 0, INT("targetsUp", up)),
            OPT(down >= 0, INT("targetsDown", down))));
}
