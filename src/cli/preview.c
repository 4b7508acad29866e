#include "cli/preview.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "cli/credentials.h"
#include "controllers/made.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/mesh/preflight.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/patch.h"
#include "reconcile/marks.h"

/* A placeholder for what the API server gives to a new resource. */
#define UID_TO_COME "uid-of-the-new-resource"

#define VERSION_PATH "/version"
#define ANSWER_MAX_BYTES ((size_t)64 * 1024)

static void on_changed(void *context)
{
    (void)context;
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    (void)context, (void)action, (void)object, (void)e; /* a preview sends no action */
}

/* The time for all that is asked of the server together. */
struct wait {
    struct event_base *loop;
    struct kube_cluster *cluster;
    msec_t began, timeout;
};

/* One turn of the loop; below zero when the time to wait is over. */
static int turn(const struct wait *w, const char *what, struct err *e)
{
    const char *error = kube_cluster_error(w->cluster);

    if (clock_now_monotonic() > w->began + w->timeout)
        return err_set(e, ERR_TIMEOUT, "%s within %lld s%s%s", what, (long long)w->timeout / 1000, *error ? ": " : "",
                       error);
    event_base_loopexit(w->loop, &(struct timeval){.tv_usec = 10000});
    event_base_dispatch(w->loop);
    return 0;
}

/* The first request, alone: the cluster then sends several at the same time, and any of them may fail first. */
struct greeting {
    const struct kube_config *config;
    bool over;
    int r;
    struct err *e;
};

static void on_version(void *context, const struct net_response *response, const struct err *e)
{
    struct greeting *g = context;
    _cleanup_json_ json_t *version = NULL;

    g->over = true;
    if (e) {
        *g->e = *e;
        return;
    }
    doc_parse(response->body, response->body_len, ANSWER_MAX_BYTES, &version, NULL);
    g->r = credentials_check_version(g->config, version, g->e);
}

static int ask_version(const struct wait *w, const struct kube_config *config, struct err *e)
{
    struct net_request request = net_request_new(NET_GET, VERSION_PATH, NULL);
    struct greeting g = {.config = config, .r = -1, .e = e};

    net_client_send(kube_cluster_client(w->cluster), &request, NULL, on_version, &g);
    while (!g.over)
        if (turn(w, "no answer to GET " VERSION_PATH, e) < 0)
            return -1;
    return g.r;
}

static int wait_until_synced(const struct wait *w, struct err *e)
{
    const struct kube_cluster *cluster = w->cluster;

    while (kube_cluster_phase(cluster) != KUBE_CLUSTER_SYNCED) {
        if (kube_cluster_phase(cluster) == KUBE_CLUSTER_CONNECTING && *kube_cluster_error(cluster))
            return err_set(e, kube_cluster_error_class(cluster), "%s", kube_cluster_error(cluster));
        if (turn(w, "not synced with the cluster", e) < 0)
            return -1;
    }
    return 0;
}

static const struct kube_kind *istio_kind(void)
{
    return mesh_kind(KIND_ISTIO);
}

static struct mesh_desired *build(const struct kube_server *server, const json_t *resource, struct problems *problems)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    struct mesh_desired *desired;

    mesh_desired_versions(server, versions);
    return mesh_desired_build(resource, server->minor, versions, NULL, false, NULL, &desired, problems) < 0 ? NULL
                                                                                                            : desired;
}

/* Whether both ask for the same; the API server's defaults in one of them are ignored. */
static bool asks_the_same(const struct kube_server *server, const json_t *a, const json_t *b)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_mesh_desired_ struct mesh_desired *first = build(server, a, &problems),
                                               *second = build(server, b, &problems);

    if (!first || !second || first->objects->len != second->objects->len)
        return false;
    for (size_t i = 0; i < first->objects->len; i++)
        if (first->objects->items[i].hash != second->objects->items[i].hash)
            return false;
    return true;
}

static void set_spec(json_t *resource, const json_t *spec)
{
    json_object_del(resource, "spec");
    if (!spec)
        return;
    json_object_set_new(resource, "spec", doc_copy(spec));
    json_object_del(doc_at(resource, "spec"), "pause");
}

/* With an identity that cannot be known yet. */
static json_t *as_if_created(const json_t *resource)
{
    json_t *result = doc_copy(resource), *metadata = doc_make(result, "metadata");
    char now[32];

    clock_rfc3339(clock_now_wall(), now);
    json_object_set_new(metadata, "creationTimestamp", json_string(now));
    json_object_set_new(metadata, "uid", json_string(UID_TO_COME));
    return result;
}

/*
 * The resource as the cluster would have it: with the live one's identity, if it exists. Of the live status two facts
 * are kept: the version that is installed, and whether all that the resource asks for was in place before.
 */
static json_t *as_if_applied(struct kube_cluster *cluster, const json_t *resource)
{
    const struct kube_object *o =
        kube_cache_get(kube_cluster_cache(cluster), istio_kind(), doc_string(resource, "metadata", "namespace"),
                       doc_string(resource, "metadata", "name"));
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;
    json_t *result = live ? doc_copy(live) : as_if_created(resource);

    set_spec(result, doc_at(resource, "spec"));
    json_object_del(result, "status");
    if (doc_string(live, "status", STATUS_FIELD_VERSION))
        json_object_set(doc_make(result, "status"), STATUS_FIELD_VERSION, doc_at(live, "status", STATUS_FIELD_VERSION));
    json_object_del(doc_at(result, "metadata"), "resourceVersion");
    json_object_set_new(doc_at(result, "metadata"), "finalizers", ARRAY(ITEM_STRING(api_resource_istio.finalizer)));
    if (live && asks_the_same(kube_cluster_server(cluster), live, result))
        json_object_set(doc_make(result, "status"), STATUS_FIELD_APPLIED_GENERATION,
                        doc_at(live, "status", STATUS_FIELD_APPLIED_GENERATION));
    return result;
}

/* Objects without the owner label are not watched: those with the name of a desired one are read one by one. */
struct reading {
    struct kube_cluster *cluster;
    size_t under_way;
    bool failed; /* `why` says of what and why; the first failure counts */
    struct err why;
};

struct reading_one {
    struct reading *all;
    const struct desired *desired;
    bool under_way;
};

static void on_read(void *context, const struct net_response *response, const struct err *e)
{
    struct reading_one *one = context;
    struct reading *all = one->all;
    const struct desired *w = one->desired;
    _cleanup_json_ json_t *object = NULL;
    struct err why;

    one->under_way = false;
    all->under_way--;
    if (e && e->class == ERR_NOT_FOUND)
        return;
    if (!e && doc_parse_lenient(response->body, response->body_len, SIZE_MAX, DOC_ALONE, &object, &why) == 0) {
        kube_cache_put_read(kube_cluster_cache(all->cluster), w->kind, object, 0, NULL);
        return;
    }
    if (all->failed)
        return;
    all->failed = true;
    if (e)
        all->why = *e;
    else
        err_set(&all->why, ERR_UNAVAILABLE, "the answer is not JSON: %s", why.text);
    err_wrap(&all->why, "%s %s", w->kind->kind, w->name);
}

/* The first object without an answer. */
static const struct desired *first_unread(const struct reading_one *ones, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (ones[i].under_way)
            return ones[i].desired;
    return NULL;
}

/* Below zero when the time to wait is over: what is under way then ends with the cluster, before the loop turns again.
 */
static int wait_until_read(const struct wait *wait, const struct reading *all, const struct reading_one *ones,
                           size_t len, struct err *e)
{
    while (all->under_way) {
        const struct desired *w = first_unread(ones, len);
        _cleanup_free_ char *what = str_printf("no answer about %s %s", w->kind->kind, w->name);
        if (turn(wait, what, e) < 0)
            return -1;
    }
    return 0;
}

static int read_unmarked(const struct wait *wait, const struct desired_set *desired, struct err *e)
{
    _cleanup_free_ struct reading_one *ones = NEW_ARRAY(struct reading_one, desired->len);
    struct kube_cluster *cluster = wait->cluster;
    struct reading all = {.cluster = cluster};

    for (size_t i = 0; i < desired->len; i++) {
        const struct desired *w = &desired->items[i];
        const char *version = kube_server_version(kube_cluster_server(cluster), w->kind);
        struct net_request request;

        if (!version || kube_cache_get(kube_cluster_cache(cluster), w->kind, w->ns, w->name))
            continue;
        ones[i] = (struct reading_one){&all, w, true};
        request = kube_request_get(w->kind, version, w->ns, w->name);
        net_client_send(kube_cluster_client(cluster), &request, NULL, on_read, &ones[i]);
        all.under_way++;
    }
    if (wait_until_read(wait, &all, ones, desired->len, e) < 0)
        return -1;
    if (all.failed)
        *e = all.why;
    return all.failed ? -1 : 0;
}

static int read_desired(const struct wait *w, const json_t *resource, struct problems *problems, struct err *e)
{
    _cleanup_mesh_desired_ struct mesh_desired *desired = build(kube_cluster_server(w->cluster), resource, problems);

    if (!desired)
        return problems_err(problems, e);
    return read_unmarked(w, desired->objects, e) < 0 || read_unmarked(w, desired->monitors, e) < 0 ||
                   read_unmarked(w, desired->dashboards, e) < 0 || read_unmarked(w, desired->maps, e) < 0
               ? -1
               : 0;
}

/* A resource that the planner refuses gets a status that says why, and that is all of its plan. */
static int check_refusal(const struct plan *plan, const json_t *resource, struct err *e)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        _cleanup_json_ json_t *written = NULL;
        if (a->verb != KUBE_UPDATE_STATUS || !str_eq(a->ns, doc_string(resource, "metadata", "namespace")) ||
            !str_eq(a->name, doc_string(resource, "metadata", "name")))
            continue;
        if (doc_parse(a->body, strlen(a->body), SIZE_MAX, &written, e) < 0)
            return -1;
        if (str_eq(doc_string(written, "status", STATUS_FIELD_STATUS), STATUS_RECONCILE_FAILED))
            return err_set(e, ERR_INVALID, "%s", doc_string(written, "status", STATUS_FIELD_ERROR_MESSAGE));
    }
    return 0;
}

static struct plan_input preview_input(struct kube_cluster *cluster, unsigned synced)
{
    return (struct plan_input){
        .synced = synced,
        .now = clock_now_wall(),
        .server = kube_cluster_server(cluster),
        .observed = kube_cluster_cache(cluster),
        .preview = true,
    };
}

static void make_plan(struct kube_cluster *cluster, unsigned synced, struct plan *ret)
{
    const struct plan_input input = preview_input(cluster, synced);

    reconcile_all(&istio_reconciler, &input, ret);
}

/* Of the watches that a plan asks for, those that decide about objects. */
static unsigned deciding(struct kube_cluster *cluster, const struct plan *plan)
{
    const struct plan_input input = preview_input(cluster, 0);

    return plan->watch & (made_watches(&input, MESH_CENTRAL) | PLAN_WATCH_LEFT | PLAN_WATCH_NODES | PREFLIGHT_WATCHES);
}

/* Reads what the plan asks for. */
static int read_asked(const struct wait *w, const struct plan *plan, struct err *e)
{
    struct on_demand watches = {.table = &mesh_watches};
    struct kube_cluster *cluster = w->cluster;
    const struct kube_object *mesh = mesh_find(kube_cluster_cache(cluster));
    unsigned asked = deciding(cluster, plan);

    on_demand_switch(&watches, cluster, asked, mesh ? mesh->ns : NULL);
    while ((on_demand_synced(&watches, cluster) & asked) != asked)
        if (turn(w, "not synced with the cluster", e) < 0)
            return -1;
    return 0;
}

/* The watches that a plan asks for may bring something to delete, or to write: then it is planned once more. */
static int make_whole_plan(const struct wait *w, struct plan *ret, struct err *e)
{
    struct plan first;
    unsigned asked;

    make_plan(w->cluster, 0, &first);
    asked = deciding(w->cluster, &first);
    if (!asked) {
        *ret = first;
        return 0;
    }
    if (read_asked(w, &first, e) < 0) {
        plan_release(&first);
        return -1;
    }
    plan_release(&first);
    make_plan(w->cluster, asked & PREFLIGHT_WATCHES, ret);
    return 0;
}

static int plan_preview(const struct wait *w, const json_t *resource, struct plan *ret, struct problems *problems,
                        struct err *e)
{
    _cleanup_json_ json_t *applied = as_if_applied(w->cluster, resource);

    if (read_desired(w, applied, problems, e) < 0)
        return -1;
    kube_cache_put(kube_cluster_cache(w->cluster), istio_kind(), applied);
    if (make_whole_plan(w, ret, e) < 0)
        return -1;
    for (size_t i = 0; i < ret->drift_len; i++)
        if (ret->drifts[i].cause == DRIFT_REFUSED || ret->drifts[i].cause == DRIFT_HELD)
            problems_add(problems, PROBLEM_WARNING, ret->drifts[i].object, "%s", ret->drifts[i].text);
    if (check_refusal(ret, applied, e) == 0)
        return 0;
    plan_release(ret);
    return -1;
}

json_t *preview_upgrade(const struct preview *p)
{
    for (size_t i = 0; i < p->plan.len; i++) {
        const struct kube_action *a = &p->plan.actions[i];
        _cleanup_json_ json_t *written = NULL;
        if (a->verb == KUBE_UPDATE_STATUS && a->kind == istio_kind() &&
            doc_parse(a->body, strlen(a->body), SIZE_MAX, &written, NULL) == 0)
            return json_incref(doc_at(written, "status", STATUS_FIELD_UPGRADE));
    }
    return NULL;
}

int preview_make(struct event_base *loop, const struct kube_config *config, const json_t *resource, msec_t timeout,
                 struct preview *ret, struct problems *problems, struct err *e)
{
    static const struct kube_cluster_events events = {.changed = on_changed, .action_done = on_action_done};
    const struct kube_cluster_options options = {
        .owner_label = MARK_OWNER, .namespace = config->namespace, .roles = MESH_CENTRAL};
    _cleanup_kube_cluster_ struct kube_cluster *cluster = NULL;
    struct wait wait = {.loop = loop, .began = clock_now_monotonic(), .timeout = timeout};

    if (kube_cluster_new(loop, config, &mesh_kinds, &options, &events, &cluster, e) < 0)
        return -1;
    wait.cluster = cluster;
    if (ask_version(&wait, config, e) < 0)
        return -1;
    kube_cluster_start(cluster);
    if (wait_until_synced(&wait, e) < 0 || plan_preview(&wait, resource, &ret->plan, problems, e) < 0)
        return -1;
    ret->cluster = TAKE_PTR(cluster);
    return 0;
}

void preview_release(struct preview *p)
{
    plan_release(&p->plan);
    kube_cluster_free(p->cluster);
    p->cluster = NULL;
}

json_t *preview_before(const struct preview *p, const struct kube_action *action)
{
    const struct kube_object *o =
        kube_cache_get(kube_cluster_cache(p->cluster), action->kind, action->ns, action->name);
    json_t *before = o ? kube_object_parse(o) : NULL;
    char api_version[128];

    if (!before)
        return NULL;
    /* Items of a list do not repeat what the list says. */
    kube_api_version(action->kind, action->version, api_version);
    json_object_set_new(before, "apiVersion", json_string(api_version));
    json_object_set_new(before, "kind", json_string(action->kind->kind));
    return before;
}

json_t *preview_after(const struct preview *p, const struct kube_action *action)
{
    json_t *body, *after;

    if (!action->body || doc_parse(action->body, strlen(action->body), SIZE_MAX, &body, NULL) < 0)
        return NULL;
    if (action->verb != KUBE_MERGE_PATCH)
        return body;
    after = preview_before(p, action);
    patch_merge(after, body);
    json_decref(body);
    return after;
}
