#include "controllers/mesh/renewal.h"

#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "mesh/mesh.h"

#define INJECT_LABEL "sidecar.istio.io/inject"

static const struct {
    const char *kind;
    enum mesh_kind_id view;
} runners[] = {
    {"Deployment", KIND_RUNNING_DEPLOYMENT},
    {"StatefulSet", KIND_RUNNING_STATEFUL_SET},
    {"DaemonSet", KIND_RUNNING_DAEMON_SET},
};

enum renewal_mode renewal_mode(const struct istio_spec *spec)
{
    const char *mode = spec->sidecar_renewal.mode;

    if (!mode)
        return spec->sidecars.count ? RENEWAL_REPORT : RENEWAL_OFF;
    return str_eq(mode, "Automatic") ? RENEWAL_AUTOMATIC : str_eq(mode, "Report") ? RENEWAL_REPORT : RENEWAL_OFF;
}

/* --- which workloads --- */

/* A workload with outdated Pods, one that the operator restarted lately, or one that the status names. */
struct found {
    char *ns, *kind, *name;
    size_t outdated;
    bool is_injected_by_mesh; /* by its control plane, whichever way that was chosen */
};

static void found_free(void *p)
{
    struct found *f = p;

    free(f->ns);
    free(f->kind);
    free(f->name);
    free(f);
}

void renewal_release(struct renewal *renewal)
{
    map_free(renewal->names);
    free(renewal->items);
    *renewal = (struct renewal){0};
}

/* `owner` is "KIND/NAME". */
static struct found *find(struct map *names, const char *ns, const char *owner)
{
    _cleanup_free_ char *key = STR_JOIN(' ', ns, owner);
    struct found *f = map_get(names, key);
    const char *slash = strrchr(owner, '/');

    if (f)
        return f;
    f = NEW(struct found);
    *f = (struct found){
        .ns = str_dup(ns),
        .kind = str_dup_n(owner, slash ? (size_t)(slash - owner) : strlen(owner)),
        .name = str_dup(slash ? slash + 1 : ""),
    };
    map_put(names, key, f);
    return f;
}

/* Of today's Istio: "REVISION/..." */
static bool is_of_revision(const char *configuration, const char *revision)
{
    size_t len = revision ? strlen(revision) : 0;

    return revision && strncmp(configuration, revision, len) == 0 && configuration[len] == '/';
}

/* Those with outdated Pods. Returns how many workloads there are. */
static size_t
find_outdated(const struct plan_input *in, const struct mesh_injection *how, const char *version, struct map *names)
{
    _cleanup_map_ struct map *all = map_new(NULL);
    const struct kube_alike *alike;

    for (size_t i = 0; (alike = kube_cache_next_alike(in->observed, mesh_kind(KIND_SIDECAR_POD), &i));) {
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(alike->text);
        bool is_current = str_eq(sidecar.configuration, version);
        const char *ns;
        void *pods;
        if (sidecar.is_ending)
            continue;
        for (size_t k = 0; map_next(alike->namespaces, &k, &ns, &pods);) {
            _cleanup_free_ char *key = STR_JOIN(' ', ns, sidecar.owner);
            struct found *f;
            map_put(all, key, all);
            if (is_current)
                continue;
            f = find(names, ns, sidecar.owner);
            f->outdated += (uintptr_t)pods;
            f->is_injected_by_mesh |= is_of_revision(sidecar.configuration, how->revision);
        }
    }
    return map_len(all);
}

/* Those that the operator restarted lately, for which nothing is parsed that it did not restart. */
static void find_restarted(const struct plan_input *in, msec_t timeout, struct map *names)
{
    const struct kube_object *o;

    for (size_t k = 0; k < ARRAY_LEN(runners); k++)
        for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(runners[k].view), &i));) {
            _cleanup_mesh_workload_ struct mesh_workload w = {0};
            _cleanup_free_ char *owner = NULL;
            if (!strstr(o->text, "\"restarted\":"))
                continue;
            w = mesh_workload_read(o->text);
            if (!w.restarted_at || in->now >= w.restarted_at + timeout)
                continue;
            owner = STR_JOIN('/', runners[k].kind, o->name);
            find(names, o->ns, owner);
        }
}

static bool follows_any(const json_t *list)
{
    json_t *line;
    size_t i;

    json_array_foreach(list, i, line)
        if (doc_at(line, "since"))
            return true;
    return false;
}

/* Those that the status follows. */
static void find_known(const json_t *status, const char *list, struct map *names)
{
    json_t *line;
    size_t i;

    json_array_foreach(doc_at(status, list), i, line) {
        const char *ns = doc_string(line, "namespace"), *kind = doc_string(line, "kind"),
                   *name = doc_string(line, "name");
        _cleanup_free_ char *owner = kind && name ? STR_JOIN('/', kind, name) : NULL;
        if (ns && owner && doc_at(line, "since"))
            find(names, ns, owner);
    }
}

static int in_order(const void *a, const void *b)
{
    const struct renewal_item *x = a, *y = b;
    int order = strcmp(x->ns, y->ns);

    if (!order)
        order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->kind, y->kind);
}

/* --- what keeps a workload from being restarted --- */

static const struct kube_kind *view_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(runners); i++)
        if (str_eq(runners[i].kind, kind))
            return mesh_kind(runners[i].view);
    return NULL;
}

/* Of what no view brings. */
static enum renewal_reason obstacle_of_kind(const char *kind)
{
    static const struct {
        const char *kind;
        enum renewal_reason reason;
    } rows[] = {
        {"Pod", RENEWAL_BARE_POD},
        {"Job", RENEWAL_JOB},
        {"ReplicaSet", RENEWAL_OWNERLESS},
        {"ReplicationController", RENEWAL_OWNERLESS},
        {"Deployment", RENEWAL_OWNERLESS},
        {"StatefulSet", RENEWAL_NOT_FOUND},
        {"DaemonSet", RENEWAL_NOT_FOUND},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].kind, kind))
            return rows[i].reason;
    return RENEWAL_CUSTOM_OWNER;
}

/* Whether this control plane is chosen by its name, or by a tag by which it injected before. */
static enum renewal_reason by_revision(const struct mesh_injection *how, const struct found *f, const char *revision)
{
    if (how->revision && (str_eq(revision, how->revision) || f->is_injected_by_mesh))
        return RENEWAL_FREE;
    return RENEWAL_OTHER_REVISION;
}

/*
 * Whether new Pods get a sidecar of this mesh. Source: Istio 1.31, manifests/charts/istio-control/istio-discovery,
 * the selectors of the webhooks; Istio 1.0 knows the label of the namespace alone.
 */
static enum renewal_reason
obstacle_of_injection(const struct mesh_injection *how, const struct found *f, const json_t *ns, const json_t *pods)
{
    const char *of_namespace = doc_string(ns, LABEL_INJECTION), *revision = doc_string(ns, LABEL_REVISION);
    const char *of_pods = doc_string(pods, INJECT_LABEL), *revision_of_pods = doc_string(pods, LABEL_REVISION);
    bool is_default = str_eq(how->label, LABEL_INJECTION);

    if (str_eq(of_pods, "false"))
        return RENEWAL_NOT_INJECTED;
    if (str_eq(of_namespace, "enabled"))
        return is_default || f->is_injected_by_mesh ? RENEWAL_FREE : RENEWAL_OTHER_REVISION;
    if (of_namespace)
        return RENEWAL_NOT_INJECTED;
    if (revision)
        return by_revision(how, f, revision);
    if (revision_of_pods && how->revision)
        return by_revision(how, f, revision_of_pods);
    if (!str_eq(of_pods, "true") || !how->revision)
        return RENEWAL_NOT_INJECTED;
    return is_default || f->is_injected_by_mesh ? RENEWAL_FREE : RENEWAL_OTHER_REVISION;
}

static bool is_guarded(const struct plan_input *in, const char *ns, const json_t *labels)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(KIND_RUNNING_BUDGET), &i));)
        if (str_eq(o->ns, ns) && mesh_budget_blocks(o->text, labels))
            return true;
    return false;
}

/* "Paused" and the like. */
static enum renewal_reason obstacle_of_workload(const struct mesh_workload *w)
{
    if (str_eq(w->renewal, SIDECAR_RENEWAL_DISABLED))
        return RENEWAL_DISABLED;
    if (w->is_injected_by_hand)
        return RENEWAL_INJECTED_BY_HAND;
    if (w->is_pinned)
        return RENEWAL_PINNED;
    if (w->cannot)
        return renewal_reason_of(w->cannot);
    return w->is_large ? RENEWAL_TOO_MANY_LABELS : RENEWAL_FREE;
}

/* It is labelled for a former control plane yet, and gets its label with its first restart. */
static bool moves(const struct injection_memo *moving, const char *ns)
{
    return moving && map_has(moving->moving, ns);
}

static enum renewal_reason obstacle(
    const struct plan_input *in, const struct mesh_desired *desired, const struct injection_memo *moving,
    const struct found *f, const struct mesh_workload *w)
{
    struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, f->ns);
    _cleanup_json_ json_t *ns = o ? kube_object_parse(o) : NULL;
    _cleanup_json_ json_t *labels =
        moves(moving, f->ns) ? injection_labels_to_be(moving, ns) : json_incref(doc_at(ns, "metadata", "labels"));
    const json_t *selector = desired->spec->sidecar_renewal.namespace_selector;
    enum renewal_reason reason;

    if (!o)
        return RENEWAL_NOT_FOUND;
    if (!selector_object_matches(selector, labels))
        return RENEWAL_NOT_SELECTED;
    if (str_eq(doc_string(ns, "metadata", "annotations", SIDECAR_RENEWAL_ANNOTATION), SIDECAR_RENEWAL_DISABLED))
        return RENEWAL_DISABLED;
    reason = obstacle_of_workload(w);
    if (!reason)
        reason = obstacle_of_injection(&desired->injection, f, labels, w->labels);
    return !reason && is_guarded(in, f->ns, w->labels) ? RENEWAL_BUDGET : reason;
}

/* --- the items --- */

static struct renewal_item read_item(
    const struct plan_input *in, const struct mesh_desired *desired, const struct injection_memo *moving,
    const struct found *f, const char *version)
{
    const struct kube_kind *view = view_of(f->kind);
    const struct kube_object *o = view ? kube_cache_get(in->observed, view, f->ns, f->name) : NULL;
    struct renewal_item item = {.kind = f->kind, .ns = f->ns, .name = f->name, .outdated = f->outdated};
    const struct plan_failure *failure;
    _cleanup_mesh_workload_ struct mesh_workload w = {0};

    if (!o || o->deleting) {
        item.obstacle = obstacle_of_kind(f->kind);
        return item;
    }
    w = mesh_workload_read(o->text);
    item.restarted_at = w.restarted_at;
    item.is_restarted = w.restarted_at && str_eq(w.restarted, version);
    item.is_complete = w.is_complete;
    item.retry = str_eq(w.renewal, SIDECAR_RENEWAL_RETRY) && f->outdated;
    item.is_writing = plan_is_busy(in, o);
    item.obstacle = f->outdated ? obstacle(in, desired, moving, f, &w) : RENEWAL_FREE;
    failure = plan_failure_of(in, KUBE_MERGE_PATCH, view, f->ns, f->name);
    if (failure && plan_failure_lasts(failure))
        item.refusal = failure->text;
    if (item.refusal && !item.obstacle)
        item.obstacle = RENEWAL_REFUSED;
    return item;
}

static void read_items(
    const struct plan_input *in, const struct mesh_desired *desired, const struct injection_memo *moving,
    msec_t timeout, const json_t *status, struct renewal *ret)
{
    struct map *names = map_new(found_free);
    void *found;

    ret->names = names;
    ret->done = find_outdated(in, &desired->injection, ret->version, names);
    ret->done -= map_len(names);
    find_restarted(in, timeout, names);
    find_known(status, "renewing", names);
    find_known(status, "blocked", names);
    ret->items = NEW_ARRAY(struct renewal_item, map_len(names) + 1);
    for (size_t i = 0; map_next(names, &i, NULL, &found);)
        ret->items[ret->len++] = read_item(in, desired, moving, found, ret->version);
    qsort(ret->items, ret->len, sizeof(*ret->items), in_order);
}

/* --- the restarts --- */

static void restart(struct reconcile *r, const struct renewal *renewal, const struct renewal_item *item)
{
    const struct plan_input *in = r->world->central;
    const struct kube_object *o = kube_cache_get(in->observed, view_of(item->kind), item->ns, item->name);
    _cleanup_free_ char *value = mesh_restarted_for(renewal->version, in->now);
    _cleanup_free_ char *content = str_printf("%s %d", renewal->version, item->retry);
    struct kube_action action = plan_action_on(in, KUBE_MERGE_PATCH, o);
    _cleanup_json_ json_t *body = OBJECT(
        MAP("metadata",
            STRING("resourceVersion", o->resource_version),
            OPT(item->retry, MAP("annotations", NIL(SIDECAR_RENEWAL_ANNOTATION)))),
        MAP("spec", MAP("template", MAP("metadata", MAP("annotations", STRING(SIDECAR_RESTARTED_ANNOTATION, value))))));

    action.body = doc_text(body);
    action.content = action.wish = str_hash(content, strlen(content)) | 1;
    action.reason =
        str_printf("%zu of its Pods %s an outdated sidecar", item->outdated, item->outdated == 1 ? "has" : "have");
    action.tag = PLAN_RESTARTED;
    plan_add(&r->plan->central, in, action);
}

static void plan_restarts(struct reconcile *r, const struct injection_memo *moving, const struct renewal *renewal)
{
    for (size_t i = 0; i < renewal->len; i++)
        if (renewal->items[i].restart && !moves(moving, renewal->items[i].ns))
            restart(r, renewal, &renewal->items[i]);
}

static msec_t duration(const char *text)
{
    msec_t duration = 0;

    return text && clock_parse_duration(text, &duration) ? duration : 0;
}

static void requeue(struct reconcile *r, msec_t at)
{
    msec_t now = r->world->central->now;

    if (at != MSEC_NEVER && at - now < r->plan->again_after)
        r->plan->again_after = at > now ? at - now : 0;
}

bool renewal_keeps(const void *renewal, const char *ns)
{
    const struct renewal *found = renewal;
    bool keeps = !found->is_known;

    for (size_t i = 0; i < found->len; i++) {
        const struct renewal_item *item = &found->items[i];
        if (!str_eq(item->ns, ns))
            continue;
        if (item->restart)
            return false;
        keeps |= item->stage != RENEWAL_CURRENT && item->stage != RENEWAL_BLOCKED;
    }
    return keeps;
}

void renewal_plan(
    struct reconcile *r, const struct mesh_desired *desired, const struct injection_memo *moving,
    const struct sidecars *sidecars, const char *version, const char *waits, struct renewal *ret)
{
    const struct plan_input *in = r->world->central;
    const struct istio_spec *spec = desired->spec;
    const json_t *status = doc_at(r->resource, "status", STATUS_FIELD_SIDECAR_RENEWAL);
    struct renewal_terms terms = {
        .max_namespaces = (size_t)spec->sidecar_renewal.max_namespaces,
        .delay = duration(spec->sidecar_renewal.delay),
        .timeout = duration(spec->sidecar_renewal.timeout),
        .stops_all = str_eq(spec->sidecar_renewal.on_failure, "StopAll"),
        .windows = spec->sidecar_renewal.windows,
    };

    *ret = (struct renewal){.mode = renewal_mode(spec), .version = version, .waits = waits};
    if (ret->mode == RENEWAL_OFF || !sidecars)
        return;
    if (sidecars->outdated || follows_any(doc_at(status, "renewing")) || follows_any(doc_at(status, "blocked"))) {
        r->plan->central.watch |= PLAN_WATCH_WORKLOADS;
        if (!(in->synced & PLAN_WATCH_WORKLOADS))
            return;
    }
    ret->is_known = true;
    ret->stops_all = terms.stops_all;
    read_items(in, desired, moving, terms.timeout, status, ret);
    renewal_read_status(status, in->now, ret);
    if (!version)
        ret->waits = "the sidecar injector is disabled";
    if (!ret->waits && in->now < ret->since + desired->injection.settles_within) {
        ret->waits = "the sidecar injector reads its new configuration";
        requeue(r, ret->since + desired->injection.settles_within);
    }
    terms.may_begin = ret->mode == RENEWAL_AUTOMATIC && !ret->waits && !in->preview;
    renewal_decide(&terms, ret->items, ret->len, in->now, &ret->totals);
    if (ret->totals.moving || ret->totals.resting)
        r->plan->central.watch |= PLAN_WATCH_WORKLOADS;
    r->plan->central.users += ret->totals.left + ret->totals.moving + ret->totals.blocked;
    plan_restarts(r, moving, ret);
    requeue(r, ret->totals.again_at);
}
