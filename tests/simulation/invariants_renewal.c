/*
 * What must hold of the renewal of sidecars, by rules of its own: at every restart that the operator sends, as far as
 * it depends on what it knew then, and at every one that is carried out.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../server/controllers.h"
#include "../server/server_impl.h"
#include "api/istio.h"
#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_plan.h"
#include "doc/doc.h"
#include "invariants_impl.h"
#include "mesh/mesh.h"
#include "mesh/workloads.h"

#define SIDECAR_VERSION "istio.banzaicloud.io/sidecar-version"
#define GATEWAY "istio-ingressgateway"
#define PINNED "sidecar.istio.io/proxyImage"
/* What is written of times has whole seconds. */
#define ROUNDED SECONDS(1)

/* A user's workload. */
struct app {
    char *key, *ns;
    char *restarted; /* by the operator: the value of the annotation; NULL: it did not */
    char *reason;    /* for which sidecars it was last, and in which era; NULL: it may be restarted for these again */
    unsigned era;
    bool is_moving;     /* its rollout after that was not complete yet */
    bool is_undone;     /* another client took the annotation off */
    msec_t complete_at; /* 0: it is not, or no restart was before */
};

/* What the operator knew when it sent a restart. */
struct terms {
    size_t most; /* namespaces at a time */
    bool stops_all;
    msec_t delay, timeout;
};

struct renewal_watch {
    struct map *apps, *terms;
    struct map *budgets; /* all versions of each: "NAMESPACE/NAME VERSION" -> the object; owned */
    struct map *moved;   /* namespaces that moved to another control plane, a set of names; of this era */
    unsigned era;        /* how often other sidecars were asked for */
    size_t restarts;
};

static void app_free(void *p)
{
    struct app *a = p;

    free(a->key);
    free(a->ns);
    free(a->restarted);
    free(a->reason);
    free(a);
}

static void object_free(void *p)
{
    json_decref(p);
}

static msec_t now(const struct invariants *v)
{
    return SERVER_EPOCH + sched_now(v->server->sched);
}

static const char *ns_of(const json_t *o)
{
    return str_or(doc_string(o, "metadata", "namespace"), "");
}

static const char *name_of(const json_t *o)
{
    return str_or(doc_string(o, "metadata", "name"), "?");
}

static const char *annotation(const json_t *o, const char *name)
{
    return doc_string(o, "metadata", "annotations", name);
}

static const char *restarted_for(const json_t *o)
{
    return doc_string(o, "spec", "template", "metadata", "annotations", SIDECAR_RESTARTED_ANNOTATION);
}

static void fail(struct invariants *v, const char *what, const json_t *o)
{
    if (!v->failure.len)
        buf_printf(&v->failure, "the operator restarts %s/%s %s", ns_of(o), name_of(o), what);
}

/* --- budgets --- */

static void remember_budget(struct renewal_watch *r, const json_t *budget)
{
    _cleanup_free_ char *key =
        str_printf("%s/%s %s", ns_of(budget), name_of(budget), doc_string(budget, "metadata", "resourceVersion"));

    map_put(r->budgets, key, doc_copy(budget));
}

static bool selects(const json_t *budget, const json_t *labels)
{
    const char *key;
    json_t *value;

    json_object_foreach(doc_at(budget, "spec", "selector", "matchLabels"), key, value)
        if (!json_equal(value, json_object_get(labels, key)))
            return false;
    return true;
}

/* One that the operator knows, by what it said then. */
static void check_budgets(struct invariants *v, const struct kube_cache *cache, const json_t *o)
{
    const json_t *labels = doc_at(o, "spec", "template", "metadata", "labels");
    const struct kube_object *known;

    for (size_t i = 0; (known = kube_cache_next(cache, mesh_kind(KIND_RUNNING_BUDGET), &i));) {
        _cleanup_free_ char *key = str_printf("%s/%s %s", known->ns, known->name, known->resource_version);
        const json_t *budget = map_get(v->renewal->budgets, key);
        if (budget && str_eq(known->ns, ns_of(o)) && selects(budget, labels) &&
            doc_int(doc_at(budget, "status", "disruptionsAllowed"), 0) <= 0)
            fail(v, "and knows a PodDisruptionBudget that allows no disruption", o);
    }
}

/* --- windows --- */

static msec_t minutes_of(const json_t *window, const char *field)
{
    const char *text = str_or(doc_string(window, field), "00:00");

    return strtol(text, NULL, 10) * 60 + strtol(text + 3, NULL, 10);
}

/* Of those that users write here, which have no days. */
static bool is_open(const json_t *window, msec_t at)
{
    msec_t from = minutes_of(window, "from"), to = minutes_of(window, "to"), minute = at / 60000 % (24 * 60);

    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

static bool is_in_window(const json_t *windows, msec_t at)
{
    json_t *window;
    size_t i;

    json_array_foreach((json_t *)windows, i, window)
        if (is_open(window, at))
            return true;
    return json_array_size(windows) == 0;
}

/* --- what is outdated --- */

/* What new Pods are injected by, if the mesh has what is asked for; owned by the caller. */
static char *current_version(struct invariants *v)
{
    const json_t *mesh = server_get(server_find(v->server, API_GROUP, "istios"), MESH_NS, MESH_NAME);
    const char *revision = doc_string(mesh, "spec", "revision");
    _cleanup_free_ char *name = str_printf("istio-sidecar-injector%s%s", revision ? "-" : "", str_or(revision, ""));

    return str_dup(annotation(server_get(server_find(v->server, "", "configmaps"), MESH_NS, name), SIDECAR_VERSION));
}

/* Its Pods with another sidecar than new ones get. */
static size_t outdated_of(struct invariants *v, const json_t *o)
{
    const struct collection *pods = server_find(v->server, "", "pods");
    _cleanup_free_ char *current = current_version(v);
    size_t outdated = 0;
    void *pod;

    for (size_t i = 0; map_next(pods->objects, &i, NULL, &pod);)
        outdated += str_eq(doc_string(json_array_get(doc_at(pod, "metadata", "ownerReferences"), 0), "uid"),
                           doc_string(o, "metadata", "uid")) &&
                    annotation(pod, SIDECAR_VERSION) && !str_eq(annotation(pod, SIDECAR_VERSION), current);
    return outdated;
}

static bool is_blocked_by_budget(struct invariants *v, const json_t *o)
{
    const struct collection *budgets = server_find(v->server, "policy", "poddisruptionbudgets");
    const json_t *labels = doc_at(o, "spec", "template", "metadata", "labels");
    void *budget;

    for (size_t i = 0; map_next(budgets->objects, &i, NULL, &budget);)
        if (str_eq(ns_of(budget), ns_of(o)) && selects(budget, labels) &&
            doc_int(doc_at(budget, "status", "disruptionsAllowed"), 0) <= 0)
            return true;
    return false;
}

/* --- how far a workload is --- */

/* Judged apart from the operator's own rules. */
static bool is_complete(const json_t *o)
{
    const json_t *status = doc_at(o, "status");
    bool is_daemon = doc_at(status, "desiredNumberScheduled");
    int64_t desired =
        is_daemon ? doc_int(doc_at(status, "desiredNumberScheduled"), -1) : doc_int(doc_at(o, "spec", "replicas"), 1);

    return doc_int(doc_at(status, "observedGeneration"), 0) == doc_int(doc_at(o, "metadata", "generation"), -1) &&
           doc_int(doc_at(status, is_daemon ? "currentNumberScheduled" : "replicas"), 0) == desired &&
           doc_int(doc_at(status, is_daemon ? "updatedNumberScheduled" : "updatedReplicas"), 0) == desired &&
           doc_int(doc_at(status, is_daemon ? "numberAvailable" : "availableReplicas"), 0) == desired;
}

static msec_t since(const struct app *a)
{
    const char *space = a->restarted ? strrchr(a->restarted, ' ') : NULL;
    msec_t at = 0;

    if (space)
        clock_parse_rfc3339(space + 1, &at);
    return at;
}

static bool moves(const struct app *a, const struct terms *terms, msec_t at)
{
    return a->is_moving && at < since(a) + terms->timeout;
}

static bool has_failed(const struct app *a, const struct terms *terms, msec_t at)
{
    return a->is_moving && at >= since(a) + terms->timeout;
}

/* --- every restart that is sent --- */

static msec_t duration(const json_t *renewal, const char *field, const char *otherwise)
{
    msec_t time = 0;

    clock_parse_duration(str_or(doc_string(renewal, field), otherwise), &time);
    return time;
}

static json_t *mesh_in(const struct kube_cache *cache)
{
    const struct kube_object *o = mesh_find(cache);

    return o ? kube_object_parse(o) : NULL;
}

static void remember_terms(struct invariants *v, const char *path, const json_t *renewal)
{
    struct terms *terms = NEW(struct terms);

    *terms = (struct terms){
        .most = (size_t)doc_int(doc_at(renewal, "maxConcurrentNamespaces"), 1),
        .stops_all = str_eq(doc_string(renewal, "onFailure"), "StopAll"),
        .delay = duration(renewal, "delay", "30s"),
        .timeout = duration(renewal, "timeout", "10m"),
    };
    map_put(v->renewal->terms, path, terms);
}

/* Gateways come before sidecars; a user may keep one as it is. */
static void check_gateways(struct invariants *v, const struct kube_cache *cache, const json_t *mesh, const json_t *o)
{
    const struct kube_object *known =
        kube_cache_get(cache, mesh_kind(KIND_DEPLOYMENT), doc_string(mesh, "metadata", "namespace"), GATEWAY);
    _cleanup_json_ json_t *gateway = known ? kube_object_parse(known) : NULL;
    const char *version = doc_string(mesh, "spec", "version");

    if (gateway && version && !invariants_is_ignored(gateway) &&
        str_eq(invariants_mark_of(gateway), doc_string(mesh, "metadata", "uid")) &&
        !str_eq(doc_string(gateway, "spec", "template", "metadata", "labels", "app.kubernetes.io/version"), version))
        fail(v, "before the gateway is of the new version", o);
}

static void check_mesh(struct invariants *v, const json_t *mesh, msec_t wall, const json_t *o)
{
    const json_t *spec = doc_at(mesh, "spec"), *renewal = doc_at(spec, "sidecarRenewal");

    if (!mesh || doc_at(mesh, "metadata", "deletionTimestamp"))
        fail(v, "for a mesh that is deleted", o);
    if (!str_eq(doc_string(renewal, "mode"), "Automatic"))
        fail(v, "and was not asked for it", o);
    if (doc_bool(doc_at(spec, "pause"), false))
        fail(v, "of a mesh that is paused", o);
    if (!is_in_window(doc_at(renewal, "windows"), wall))
        fail(v, "and no window is open", o);
}

static void check_namespace(struct invariants *v, const struct kube_cache *cache, const json_t *mesh, const json_t *o)
{
    const struct kube_object *known = kube_cache_get(cache, mesh_kind(KIND_NAMESPACE), NULL, ns_of(o));
    _cleanup_json_ json_t *ns = known ? kube_object_parse(known) : NULL;
    const char *tier = doc_string(mesh, "spec", "sidecarRenewal", "namespaceSelector", "matchLabels", "tier");

    if (str_eq(annotation(ns, SIDECAR_RENEWAL_ANNOTATION), SIDECAR_RENEWAL_DISABLED))
        fail(v, "in a namespace that opted out", o);
    if (tier && !str_eq(doc_string(ns, "metadata", "labels", "tier"), tier))
        fail(v, "in a namespace that is not selected", o);
}

/* The object of a path "/apis/apps/v1/namespaces/NAMESPACE/PLURAL/NAME"; NULL: it is none of these. */
static const json_t *object_at(struct invariants *v, const char *path)
{
    static const char prefix[] = "/apis/apps/v1/namespaces/";
    _cleanup_free_ char *bare = str_dup_n(path, strcspn(path, "?"));
    _cleanup_strv_ char **parts = NULL;

    if (!str_starts(bare, prefix))
        return NULL;
    parts = str_split(bare + strlen(prefix), '/');
    return strv_len(parts) == 3 ? server_get(server_find(v->server, "apps", parts[1]), parts[0], parts[2]) : NULL;
}

/* --- every namespace that moves to another control plane --- */

/* Whether the operator knows this version of an object. */
static bool is_known(const struct kube_cache *cache, enum mesh_kind_id view, const json_t *o)
{
    const struct kube_object *known = kube_cache_get(cache, mesh_kind(view), ns_of(o), name_of(o));

    return known && str_eq(known->resource_version, doc_string(o, "metadata", "resourceVersion"));
}

/* Whether a workload is to be restarted, and nothing keeps it from that. */
static bool is_due(struct invariants *v, const json_t *mesh, const json_t *ns, const struct app *a, const json_t *o)
{
    const json_t *spec = doc_at(o, "spec");
    const char *tier = doc_string(mesh, "spec", "sidecarRenewal", "namespaceSelector", "matchLabels", "tier");

    return outdated_of(v, o) && is_complete(o) && !(a && (a->restarted || a->is_undone)) &&
           !annotation(o, SIDECAR_RENEWAL_ANNOTATION) && !annotation(ns, SIDECAR_RENEWAL_ANNOTATION) &&
           !(tier && !str_eq(doc_string(ns, "metadata", "labels", "tier"), tier)) && !doc_at(spec, "paused") &&
           !doc_at(spec, "updateStrategy", "type") && !doc_at(spec, "updateStrategy", "rollingUpdate", "partition") &&
           !doc_at(spec, "template", "metadata", "annotations", PINNED) && !is_blocked_by_budget(v, o);
}

static const struct {
    const char *plural;
    enum mesh_kind_id view;
} running[] = {{"deployments", KIND_RUNNING_DEPLOYMENT},
               {"statefulsets", KIND_RUNNING_STATEFUL_SET},
               {"daemonsets", KIND_RUNNING_DAEMON_SET}};

/* Of those that the operator knows as they are. */
static bool has_due(struct invariants *v, const struct kube_cache *cache, const json_t *mesh, const json_t *ns)
{
    void *o;

    for (size_t k = 0; k < ARRAY_LEN(running); k++) {
        const struct collection *kind = server_find(v->server, "apps", running[k].plural);
        for (size_t i = 0; map_next(kind->objects, &i, NULL, &o);) {
            _cleanup_free_ char *key = str_printf("%s %s/%s", kind->plural, ns_of(o), name_of(o));
            if (str_eq(ns_of(o), name_of(ns)) && controllers_is_app(o) && is_known(cache, running[k].view, o) &&
                is_due(v, mesh, ns, map_get(v->renewal->apps, key), o))
                return true;
        }
    }
    return false;
}

/* Its rollout ended a moment ago, too late, and the operator has not heard of that. */
static bool may_have_failed(struct invariants *v, const struct kube_cache *cache, const struct app *a,
                            const struct terms *terms)
{
    const char *name = strrchr(a->key, '/') + 1;

    if (!a->restarted || now(v) < since(a) + terms->timeout)
        return false;
    for (size_t k = 0; k < ARRAY_LEN(running); k++) {
        const json_t *o = str_starts(a->key, running[k].plural)
                              ? server_get(server_find(v->server, "apps", running[k].plural), a->ns, name)
                              : NULL;
        if (o)
            return !is_known(cache, running[k].view, o);
    }
    return false;
}

/* A rollout there failed, as far as the operator knows, which stops it. */
static bool is_stopped(struct invariants *v, const struct kube_cache *cache, const char *ns, const struct terms *terms)
{
    void *value;

    for (size_t i = 0; map_next(v->renewal->apps, &i, NULL, &value);) {
        const struct app *a = value;
        if (str_eq(a->ns, ns) && (has_failed(a, terms, now(v)) || may_have_failed(v, cache, a, terms)))
            return true;
    }
    return false;
}

/* In so many other namespaces something moves, or moved and is not restarted yet. */
static size_t moving_besides(struct invariants *v, const struct kube_cache *cache, const json_t *mesh, const char *ns,
                             const struct terms *terms)
{
    const struct collection *all = server_find(v->server, "", "namespaces");
    _cleanup_map_ struct map *namespaces = map_new(NULL);
    const char *name;
    void *value;

    for (size_t i = 0; map_next(v->renewal->apps, &i, NULL, &value);) {
        const struct app *a = value;
        if (!str_eq(a->ns, ns) && moves(a, terms, now(v)))
            map_put(namespaces, a->ns, value);
    }
    for (size_t i = 0; map_next(v->renewal->moved, &i, &name, &value);)
        if (!str_eq(name, ns) && !map_has(namespaces, name) && !is_stopped(v, cache, name, terms) &&
            has_due(v, cache, mesh, server_get(all, NULL, name)))
            map_put(namespaces, name, value);
    return map_len(namespaces);
}

static void check_moved(struct invariants *v, const struct kube_cache *cache, msec_t wall, const char *name,
                        const char *body)
{
    const struct kube_object *known = kube_cache_get(cache, mesh_kind(KIND_NAMESPACE), NULL, name);
    _cleanup_json_ json_t *ns = known ? kube_object_parse(known) : NULL, *mesh = mesh_in(cache),
                          *patch = json_loads(body, 0, NULL);
    const json_t *renewal = doc_at(mesh, "spec", "sidecarRenewal");
    const char *before = doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED);
    const char *after = doc_string(patch, "metadata", "labels", LABEL_INJECTION_MANAGED);

    const struct terms terms = {.timeout = duration(renewal, "timeout", "10m")};

    if (!before || !after || str_eq(before, after) || !str_eq(doc_string(renewal, "mode"), "Automatic") ||
        !has_due(v, cache, mesh, ns) || v->failure.len)
        return;
    if (!is_in_window(doc_at(renewal, "windows"), wall))
        buf_printf(&v->failure, "the operator moves namespace %s to %s, and no window is open", name, after);
    else if (moving_besides(v, cache, mesh, name, &terms) >=
             (size_t)doc_int(doc_at(renewal, "maxConcurrentNamespaces"), 1))
        buf_printf(&v->failure, "the operator moves namespace %s to %s while others are restarted", name, after);
    if (!map_has(v->renewal->moved, name))
        map_put(v->renewal->moved, name, v->renewal);
}

void invariants_renewal_sent(struct invariants *v, struct controller *controller, msec_t wall,
                             const struct net_request *request)
{
    static const char namespaces[] = "/api/v1/namespaces/";
    const struct kube_cache *cache = controller ? kube_cluster_cache(controller_cluster(controller)) : NULL;
    const json_t *o = v->renewal && cache && request->method == NET_PATCH ? object_at(v, request->path) : NULL;
    _cleanup_json_ json_t *mesh = NULL;

    if (v->renewal && cache && request->method == NET_PATCH && str_starts(request->path, namespaces)) {
        _cleanup_free_ char *name =
            str_dup_n(request->path + strlen(namespaces), strcspn(request->path + strlen(namespaces), "?"));
        _cleanup_free_ char *body = str_dup_n(request->body, request->body_len);
        check_moved(v, cache, wall, name, body);
    }
    if (!o || !controllers_is_app(o) ||
        !memmem(request->body, request->body_len, SIDECAR_RESTARTED_ANNOTATION, strlen(SIDECAR_RESTARTED_ANNOTATION)))
        return;
    mesh = mesh_in(cache);
    check_mesh(v, mesh, wall, o);
    check_gateways(v, cache, mesh, o);
    check_namespace(v, cache, mesh, o);
    check_budgets(v, cache, o);
    remember_terms(v, request->path, doc_at(mesh, "spec", "sidecarRenewal"));
}

/* --- every restart that is carried out --- */

static void check_alone(struct invariants *v, const json_t *before)
{
    const json_t *spec = doc_at(before, "spec");
    const char *asked = annotation(before, SIDECAR_RENEWAL_ANNOTATION);

    if (str_eq(asked, SIDECAR_RENEWAL_DISABLED))
        fail(v, "which opted out", before);
    if (doc_bool(doc_at(spec, "paused"), false))
        fail(v, "which is paused", before);
    if (str_eq(doc_string(spec, "updateStrategy", "type"), "OnDelete") ||
        doc_int(doc_at(spec, "updateStrategy", "rollingUpdate", "partition"), 0) > 0)
        fail(v, "and that replaces not all of its Pods", before);
    if (doc_string(spec, "template", "metadata", "annotations", PINNED))
        fail(v, "whose image is pinned", before);
    if (!is_complete(before) && !restarted_for(before) && !str_eq(asked, SIDECAR_RENEWAL_RETRY))
        fail(v, "which is rolled out for another reason", before);
}

static void check_reason(struct invariants *v, struct app *a, const json_t *before, const char *value)
{
    _cleanup_free_ char *reason = str_dup_n(value, strcspn(value, " "));

    if (str_eq(a->reason, reason) && a->era == v->renewal->era &&
        !str_eq(annotation(before, SIDECAR_RENEWAL_ANNOTATION), SIDECAR_RENEWAL_RETRY))
        fail(v, "twice for the same sidecars", before);
    str_replace(&a->reason, reason);
    a->era = v->renewal->era;
}

/* With this one. */
static void check_bounds(struct invariants *v, const struct app *restarted, const struct terms *terms, const json_t *o)
{
    _cleanup_map_ struct map *namespaces = map_new(NULL);
    void *value;

    map_put(namespaces, restarted->ns, v);
    for (size_t i = 0; map_next(v->renewal->apps, &i, NULL, &value);) {
        const struct app *a = value;
        bool is_same = str_eq(a->ns, restarted->ns);
        if (a == restarted)
            continue;
        if (moves(a, terms, now(v)))
            map_put(namespaces, a->ns, v);
        if (is_same && moves(a, terms, now(v)))
            fail(v, "while another workload of its namespace is restarted", o);
        if (is_same && a->complete_at && now(v) < a->complete_at + terms->delay - ROUNDED)
            fail(v, "before the delay is over", o);
        if (has_failed(a, terms, now(v)) && (is_same || terms->stops_all))
            fail(v, "though a rollout failed", o);
    }
    /* One that moves already goes on with other sidecars, whatever the bound is then. */
    if (map_len(namespaces) > terms->most && !moves(restarted, terms, now(v)))
        fail(v, "in more namespaces at a time than it may", o);
}

static struct app *app_of(struct renewal_watch *r, const struct collection *kind, const json_t *o)
{
    _cleanup_free_ char *key = str_printf("%s %s/%s", kind->plural, ns_of(o), name_of(o));
    struct app *a = map_get(r->apps, key);

    if (a)
        return a;
    a = NEW(struct app);
    *a = (struct app){.key = str_dup(key), .ns = str_dup(ns_of(o))};
    map_put(r->apps, key, a);
    return a;
}

static void check_restart(struct invariants *v, const struct collection *kind, struct app *a, const json_t *before,
                          const json_t *after)
{
    _cleanup_free_ char *path =
        str_printf("/apis/apps/v1/namespaces/%s/%s/%s", ns_of(after), kind->plural, name_of(after));
    const struct terms *terms = map_get(v->renewal->terms, path);

    if (!terms)
        return; /* it was sent before anybody looked */
    v->renewal->restarts++;
    check_alone(v, before);
    check_bounds(v, a, terms, after);
    check_reason(v, a, before, restarted_for(after));
    str_replace(&a->restarted, restarted_for(after));
    a->is_moving = true;
    a->is_undone = false;
    a->complete_at = 0;
}

static void follow(struct invariants *v, struct app *a, const json_t *after)
{
    if (a->restarted && !str_eq(restarted_for(after), a->restarted)) {
        str_replace(&a->restarted, NULL);
        a->is_moving = false;
        a->is_undone = true;
    }
    if (a->is_moving && is_complete(after)) {
        a->is_moving = false;
        a->complete_at = now(v);
    }
}

/* Without what says how restarts are done. */
static json_t *sidecars_of(const json_t *mesh)
{
    json_t *spec = doc_copy(doc_at(mesh, "spec"));

    json_object_del(spec, "sidecarRenewal");
    json_object_del(spec, "pause");
    return spec;
}

static void note_era(struct renewal_watch *r, const json_t *before, const json_t *after)
{
    _cleanup_json_ json_t *a = sidecars_of(before), *b = sidecars_of(after);

    if (doc_equal(a, b))
        return;
    r->era++;
    map_free(r->moved);
    r->moved = map_new(NULL);
}

void invariants_renewal_observe(struct invariants *v, enum who who, const struct collection *kind, const json_t *before,
                                const json_t *after)
{
    struct renewal_watch *r = v->renewal;
    struct app *a;

    if (!r)
        return;
    if (str_eq(kind->plural, "poddisruptionbudgets") && after)
        remember_budget(r, after);
    if (str_eq(kind->plural, "istios"))
        note_era(r, before, after);
    if (!str_eq(kind->group, "apps") || !controllers_is_app(after ? after : before))
        return;
    a = app_of(r, kind, after ? after : before);
    if (!after)
        map_remove(r->apps, a->key);
    else if (who == WHO_OPERATOR && before && !str_eq(restarted_for(after), restarted_for(before)))
        check_restart(v, kind, a, before, after);
    else
        follow(v, a, after);
}

void invariants_renewal_begin(struct invariants *v)
{
    struct collection *budgets = server_find(v->server, "policy", "poddisruptionbudgets");
    struct renewal_watch *r = NEW(struct renewal_watch);
    void *o;

    *r = (struct renewal_watch){map_new(app_free), map_new(free), map_new(object_free), map_new(NULL), 0, 0};
    for (size_t i = 0; map_next(budgets->objects, &i, NULL, &o);)
        remember_budget(r, o);
    v->renewal = r;
}

size_t invariants_renewal_end(struct invariants *v)
{
    struct renewal_watch *r = v->renewal;
    size_t restarts = r ? r->restarts : 0;

    if (!r)
        return 0;
    map_free(r->apps);
    map_free(r->terms);
    map_free(r->budgets);
    map_free(r->moved);
    free(r);
    v->renewal = NULL;
    return restarts;
}

/* --- the end --- */

/* Whether the reason that the status has for a workload holds. */
static bool holds(struct invariants *v, const json_t *mesh, const struct app *a, const json_t *o, const char *reason)
{
    const json_t *spec = doc_at(o, "spec"), *ns = server_get(server_find(v->server, "", "namespaces"), NULL, ns_of(o));
    const char *tier = doc_string(mesh, "spec", "sidecarRenewal", "namespaceSelector", "matchLabels", "tier");
    const json_t *strategy = doc_at(spec, "updateStrategy");

    if (str_eq(reason, "Disabled"))
        return str_eq(annotation(o, SIDECAR_RENEWAL_ANNOTATION), "disabled") ||
               str_eq(annotation(ns, SIDECAR_RENEWAL_ANNOTATION), "disabled");
    if (str_eq(reason, "NotSelected"))
        return tier && !str_eq(doc_string(ns, "metadata", "labels", "tier"), tier);
    if (str_eq(reason, "Paused"))
        return doc_bool(doc_at(spec, "paused"), false);
    if (str_eq(reason, "OnDelete"))
        return str_eq(doc_string(strategy, "type"), "OnDelete");
    if (str_eq(reason, "Partitioned"))
        return doc_int(doc_at(strategy, "rollingUpdate", "partition"), 0) > 0;
    if (str_eq(reason, "PinnedImage"))
        return doc_string(spec, "template", "metadata", "annotations", PINNED);
    if (str_eq(reason, "DisruptionBudget"))
        return is_blocked_by_budget(v, o);
    if (str_eq(reason, "Reverted"))
        return a && a->is_undone;
    if (str_eq(reason, "Rolling"))
        return !is_complete(o);
    return str_eq(reason, "RolloutTimedOut") && !is_complete(o) && a && a->is_moving;
}

bool invariants_renewal_stops(struct invariants *v, const json_t *mesh, const char *ns)
{
    bool stops_all = str_eq(doc_string(mesh, "spec", "sidecarRenewal", "onFailure"), "StopAll");
    void *value;

    for (size_t i = 0; v->renewal && map_next(v->renewal->apps, &i, NULL, &value);) {
        const struct app *a = value;
        if (a->is_moving && (stops_all || str_eq(a->ns, ns)))
            return true;
    }
    return false;
}

static const char *said_of(const json_t *mesh, const char *kind, const json_t *o)
{
    json_t *line;
    size_t i;

    json_array_foreach(doc_at(mesh, "status", "sidecarRenewal", "blocked"), i, line)
        if (str_eq(doc_string(line, "kind"), kind) && str_eq(doc_string(line, "namespace"), ns_of(o)) &&
            str_eq(doc_string(line, "name"), name_of(o)))
            return doc_string(line, "reason");
    return NULL;
}

static void check_end(struct invariants *v, const json_t *mesh, const struct collection *kind, const json_t *o,
                      struct buf *why)
{
    size_t outdated = outdated_of(v, o);
    const char *reason = said_of(mesh, kind->kind, o);
    _cleanup_free_ char *key = str_printf("%s %s/%s", kind->plural, ns_of(o), name_of(o));
    const struct app *a = map_get(v->renewal->apps, key);

    if (outdated && !reason && !invariants_renewal_stops(v, mesh, ns_of(o)))
        buf_printf(why, "%s has %zu Pods with an outdated sidecar, and is not restarted", key, outdated);
    else if (reason && !holds(v, mesh, a, o, reason))
        buf_printf(why, "%s is not restarted because of %s, which does not hold", key, reason);
    else if (!reason && str_eq(annotation(o, SIDECAR_RENEWAL_ANNOTATION), SIDECAR_RENEWAL_RETRY) && outdated &&
             !invariants_renewal_stops(v, mesh, ns_of(o)))
        buf_printf(why, "%s is not tried again", key);
}

void invariants_renewal_converged(struct invariants *v, struct buf *why)
{
    static const char *const plurals[] = {"deployments", "statefulsets", "daemonsets"};
    const json_t *mesh = server_get(server_find(v->server, API_GROUP, "istios"), MESH_NS, MESH_NAME);
    void *o;

    for (size_t k = 0; v->renewal && k < ARRAY_LEN(plurals); k++) {
        const struct collection *kind = server_find(v->server, "apps", plurals[k]);
        for (size_t i = 0; !why->len && map_next(kind->objects, &i, NULL, &o);)
            if (controllers_is_app(o))
                check_end(v, mesh, kind, o, why);
    }
}
