#include "operator/preview.h"

#include <string.h>

#include "base/str.h"
#include "json/build.h"
#include "json/doc.h"
#include "operator/marks.h"

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

/* The resource as the cluster would have it: with the live one's identity where there is one. */
static json_t *as_if_applied(struct kube_cache *observed, const json_t *resource)
{
    const struct kube_object *live = kube_cache_get(observed, istio_kind(), doc_string(resource, "metadata", "namespace"),
                                                    doc_string(resource, "metadata", "name"));
    json_t *result = live ? kube_object_parse(live) : doc_copy(resource);

    if (live)
        json_object_set(result, "spec", json_object_get(resource, "spec"));
    json_object_set_new(doc_make(result, "metadata"), "finalizers", ARRAY(ITEM_S(FINALIZER)));
    json_object_del(json_object_get(result, "metadata"), "resourceVersion");
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

static int read_wanted(struct kube_cluster *cluster, const json_t *resource, struct err *e)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const struct kube_server *server = kube_cluster_server(cluster);
    _cleanup_wanted_ struct wanted_set *wanted = NULL;

    wanted_versions(server, versions);
    if (wanted_build(resource, server->minor, versions, &wanted, NULL, e) < 0)
        return -1;
    return read_unmarked(cluster, wanted, e);
}

int preview_make(struct event_base *loop, const struct kube_config *config, const json_t *resource, msec_t timeout,
                 struct preview *ret, struct err *e)
{
    static const struct kube_cluster_events events = {.changed = on_changed, .action_done = on_action_done};
    const struct kube_cluster_options options = {.owner_label = MARK_OWNER, .namespace = config->namespace};
    struct plan_memo *memo = plan_memo_new();
    _cleanup_json_ json_t *applied = NULL;
    struct kube_cluster *cluster = NULL;
    struct plan_input input;
    int r = -1;

    if (kube_cluster_new(loop, config, &mesh_kinds, &options, &events, &cluster, e) < 0)
        goto out;
    kube_cluster_start(cluster);
    if (wait_until_synced(loop, cluster, timeout, e) < 0)
        goto out;
    applied = as_if_applied(kube_cluster_cache(cluster), resource);
    if (read_wanted(cluster, applied, e) < 0)
        goto out;
    kube_cache_put(kube_cluster_cache(cluster), istio_kind(), applied);
    input = (struct plan_input){
        .now = clock_now_wall(),
        .server = kube_cluster_server(cluster),
        .observed = kube_cluster_cache(cluster),
        .preview = true,
    };
    plan_make(&input, memo, &ret->plan);
    ret->cluster = TAKE_PTR(cluster);
    r = 0;
out:
    plan_memo_free(memo);
    kube_cluster_free(cluster);
    return r;
}

void preview_release(struct preview *p)
{
    plan_release(&p->plan);
    kube_cluster_free(p->cluster);
    p->cluster = NULL;
}

json_t *preview_before(const struct preview *p, const struct kube_action *action)
{
    const struct kube_object *o = kube_cache_get(kube_cluster_cache(p->cluster), action->kind, action->ns, action->name);

    return o ? kube_object_parse(o) : NULL;
}

json_t *preview_after(const struct kube_action *action)
{
    json_t *object;

    if (!action->body || doc_parse(action->body, strlen(action->body), SIZE_MAX, &object, NULL) < 0)
        return NULL;
    return object;
}
