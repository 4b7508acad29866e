#include "operator/preview.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "operator/marks.h"
#include "json/build.h"
#include "json/doc.h"
#include "json/patch.h"

/* Stands for what the API server gives to a new resource. */
#define UID_TO_COME "uid-of-the-new-resource"

static void on_changed(void *context)
{
    (void)context;
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    (void)context, (void)action, (void)object, (void)e; /* a preview sends no action */
}

static int wait_until_synced(struct event_base *loop, struct kube_cluster *cluster, msec_t timeout, struct err *e)
{
    msec_t until = clock_now_monotonic() + timeout;

    while (kube_cluster_phase(cluster) != KUBE_CLUSTER_SYNCED) {
        if (clock_now_monotonic() > until)
            return err_set(e, ERR_TIMEOUT, "not in step with the cluster after %lld s: %s", (long long)timeout / 1000,
                           kube_cluster_error(cluster));
        event_base_loopexit(loop, &(struct timeval){.tv_usec = 10000});
        event_base_dispatch(loop);
    }
    return 0;
}

static const struct kube_kind *istio_kind(void)
{
    return kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
}

/*
 * The resource as the cluster would have it: with the live one's identity where there is one, else with one that
 * cannot be known yet. Its status so far only says whether the same spec was in place before.
 */
static json_t *as_if_applied(struct kube_cache *observed, const json_t *resource)
{
    const struct kube_object *o = kube_cache_get(observed, istio_kind(), doc_string(resource, "metadata", "namespace"),
                                                 doc_string(resource, "metadata", "name"));
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;
    const json_t *spec = doc_at(resource, "spec");
    bool same = live && doc_equal(doc_at(live, "spec"), spec);
    json_t *result = live ? doc_copy(live) : doc_copy(resource), *metadata = doc_make(result, "metadata");
    char now[32];

    json_object_del(result, "status");
    json_object_del(metadata, "resourceVersion");
    json_object_set_new(metadata, "finalizers", ARRAY(ITEM_S(FINALIZER)));
    if (same)
        json_object_set(doc_make(result, "status"), STATUS_FIELD_APPLIED_GENERATION,
                        doc_at(live, "status", STATUS_FIELD_APPLIED_GENERATION));
    if (!live) {
        clock_rfc3339(clock_now_wall(), now);
        json_object_set_new(metadata, "creationTimestamp", json_string(now));
        json_object_set_new(metadata, "uid", json_string(UID_TO_COME));
    }
    json_object_del(result, "spec");
    if (spec) {
        json_object_set_new(result, "spec", doc_copy(spec));
        json_object_del(doc_at(result, "spec"), "pause");
    }
    return result;
}

/* Objects without our label are not watched: those with the name of a wanted one are read one by one. */
static int read_unmarked(struct kube_cluster *cluster, const struct wanted_set *wanted, struct err *e)
{
    struct kube_cache *observed = kube_cluster_cache(cluster);

    for (size_t i = 0; i < wanted->len; i++) {
        const struct wanted *w = &wanted->items[i];
        const char *version = kube_server_version(kube_cluster_server(cluster), w->kind);
        _cleanup_buf_ struct buf body = BUF_INIT;
        struct kube_request request;
        json_t *object;
        struct err why;
        int status;

        if (!version || kube_cache_get(observed, w->kind, w->ns, w->name))
            continue;
        request = kube_request_get(w->kind, version, w->ns, w->name);
        if (kube_client_wait(kube_cluster_client(cluster), &request, &body, &status, &why) < 0) {
            if (why.class == ERR_NOT_FOUND)
                continue;
            *e = why;
            return err_wrap(e, "%s %s", w->kind->kind, w->name);
        }
        if (doc_parse(buf_str(&body), body.len, SIZE_MAX, &object, e) < 0)
            return -1;
        kube_cache_put(observed, w->kind, object);
        json_decref(object);
    }
    return 0;
}

static int read_wanted(struct kube_cluster *cluster, const json_t *resource, struct problems *problems, struct err *e)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const struct kube_server *server = kube_cluster_server(cluster);
    _cleanup_wanted_ struct wanted_set *wanted = NULL;

    wanted_versions(server, versions);
    if (wanted_build(resource, server->minor, versions, &wanted, problems) < 0)
        return problems_err(problems, e);
    return read_unmarked(cluster, wanted, e);
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

static int plan_preview(struct kube_cluster *cluster, const json_t *resource, struct plan *ret,
                        struct problems *problems, struct err *e)
{
    struct kube_cache *observed = kube_cluster_cache(cluster);
    _cleanup_json_ json_t *applied = as_if_applied(observed, resource);
    const struct plan_input input = {
        .now = clock_now_wall(),
        .server = kube_cluster_server(cluster),
        .observed = observed,
        .preview = true,
    };
    struct plan_memo *memo;

    if (read_wanted(cluster, applied, problems, e) < 0)
        return -1;
    kube_cache_put(observed, istio_kind(), applied);
    memo = plan_memo_new();
    plan_make(&input, memo, ret);
    plan_memo_free(memo);
    if (check_refusal(ret, applied, e) == 0)
        return 0;
    plan_release(ret);
    return -1;
}

int preview_make(struct event_base *loop, const struct kube_config *config, const json_t *resource, msec_t timeout,
                 struct preview *ret, struct problems *problems, struct err *e)
{
    static const struct kube_cluster_events events = {.changed = on_changed, .action_done = on_action_done};
    const struct kube_cluster_options options = {.owner_label = MARK_OWNER, .namespace = config->namespace};
    _cleanup_kube_cluster_ struct kube_cluster *cluster = NULL;

    if (kube_cluster_new(loop, config, &mesh_kinds, &options, &events, &cluster, e) < 0)
        return -1;
    kube_cluster_start(cluster);
    if (wait_until_synced(loop, cluster, timeout, e) < 0 ||
        plan_preview(cluster, resource, &ret->plan, problems, e) < 0)
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
