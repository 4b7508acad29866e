#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/monitoring.h"
#include "controllers/mesh/proof.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/patch.h"

#define MINOR 20
#define ROUNDS_MAX 30

void world_init(struct world *w)
{
    *w = (struct world){.cache = kube_cache_new(&mesh_kinds, MARK_OWNER), .memo = istio_reconciler.memo_new()};
    w->server =
        (struct kube_server){.major = 1, .kinds = &mesh_kinds, .versions = NEW_ARRAY(const char *, mesh_kinds.len)};
    world_set_minor(w, MINOR);
    world_put_namespace(w, NS, NULL);
    world_put_namespace(w, "default", NULL);
}

void world_set_minor(struct world *w, int minor)
{
    w->server.minor = minor;
    mesh_versions_for(minor, w->server.versions);
}

void world_release(struct world *w)
{
    kube_cache_free(w->cache);
    istio_reconciler.memo_free(w->memo);
    free(w->server.versions);
    free(w->pod_asked);
    free(w->pod_answer);
}

static const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, api_version, kind);

    assert_non_null(row);
    return row;
}

void world_put(struct world *w, json_t *object)
{
    world_put_as(w, kind_of(doc_string(object, "apiVersion"), doc_string(object, "kind")), object);
}

void world_put_as(struct world *w, const struct kube_kind *kind, json_t *object)
{
    json_t *metadata = doc_make(object, "metadata");

    json_object_set_new(metadata, "resourceVersion", json_sprintf("%d", ++w->clock));
    if (!json_object_get(metadata, "uid"))
        json_object_set_new(metadata, "uid", json_sprintf("uid-%d", w->clock));
    kube_cache_put(w->cache, kind, object);
    json_decref(object);
}

void world_put_namespace(struct world *w, const char *name, json_t *labels)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Namespace"),
            MAP("metadata", STRING("name", name), VALUE("labels", labels))));
}

void world_put_mesh(struct world *w, const char *spec)
{
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio"), *parsed;

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, NULL), 0);
    if (!mesh)
        mesh = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Istio"),
            MAP("metadata",
                STRING("name", "istio"),
                STRING("namespace", NS),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z")));
    json_object_set_new(mesh, "spec", parsed);
    json_object_set_new(
        doc_make(mesh, "metadata"), "generation", json_integer(doc_int(doc_at(mesh, "metadata", "generation"), 0) + 1));
    world_put(w, mesh);
}

json_t *world_get(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name)
{
    const struct kube_object *o = kube_cache_get(w->cache, kind_of(api_version, kind), ns, name);

    return o ? kube_object_parse(o) : NULL;
}

bool world_has(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name)
{
    return kube_cache_get(w->cache, kind_of(api_version, kind), ns, name) != NULL;
}

void world_delete(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name)
{
    assert_true(kube_cache_remove(w->cache, kind_of(api_version, kind), ns, name, NULL));
}

size_t world_count(struct world *w, const char *api_version, const char *kind)
{
    return kube_cache_count(w->cache, kind_of(api_version, kind));
}

void world_fail(struct world *w, enum err_class class, enum kube_verb verb, const char *object, const char *text)
{
    assert_true(w->failure_count < WORLD_FAILURES_MAX);
    w->failures[w->failure_count++] = (struct plan_failure){class, verb, (char *)object, (char *)text};
}

const struct plan_failure *world_failure(const void *context, enum kube_verb verb, const char *object)
{
    const struct world *w = context;

    for (size_t i = 0; i < w->failure_count; i++)
        if (w->failures[i].verb == verb && str_eq(w->failures[i].object, object))
            return &w->failures[i];
    return NULL;
}

static bool is_busy(const void *context, const struct kube_kind *kind, const char *ns, const char *name)
{
    (void)ns, (void)name;
    return ((const struct world *)context)->all_busy && !str_eq(kind->group, API_GROUP);
}

static bool is_creating(const void *context)
{
    return ((const struct world *)context)->creating;
}

static bool is_held(const void *context, const struct kube_action *action)
{
    const struct world *w = context;
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);

    return w->held && world_failure(w, action->verb, key);
}

/* As istiod does, by the label of the namespace or of the Pod. */
static void inject(struct world *w, json_t *pod)
{
    _cleanup_json_ json_t *ns = world_get(w, "v1", "Namespace", NULL, doc_string(pod, "metadata", "namespace"));
    const char *of_pod = doc_string(pod, "metadata", "labels", LABEL_REVISION);
    const char *named = of_pod ? of_pod : doc_string(ns, "metadata", "labels", LABEL_REVISION);
    const char *revision = !named || doc_string(ns, "metadata", "labels", LABEL_INJECTION) ? "default" : named;
    _cleanup_free_ char *name = str_printf(
        "istio-sidecar-injector%s%s",
        str_eq(revision, "default") ? "" : "-",
        str_eq(revision, "default") ? "" : revision);
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, name);
    json_t *annotations = doc_make(pod, "metadata", "annotations");

    json_object_set_new(annotations, "sidecar.istio.io/status", json_sprintf("{\"revision\":\"%s\"}", revision));
    json_object_set_new(
        annotations,
        "istio.banzaicloud.io/sidecar-version",
        json_string(str_or(doc_string(config, "metadata", "annotations", "istio.banzaicloud.io/sidecar-version"), "")));
}

/* True where a plan asks something else than before, or gets another answer. */
static bool answer(struct world *w, const struct queries *queries)
{
    const struct query *query = queries_find(queries, PROOF_QUERY);
    _cleanup_json_ json_t *pod = NULL;
    _cleanup_free_ char *before = w->pod_answer, *asked = w->pod_asked;

    w->pod_answer = w->pod_asked = NULL;
    if (!query)
        return false;
    w->pod_asked = str_dup(query->create);
    w->pods.asked += !str_eq(asked, w->pod_asked);
    w->pod_status = w->pods.refused ? w->pods.refused : 201;
    if (w->pods.refused) {
        pod = OBJECT(STRING("kind", "Status"), STRING("message", w->pods.message));
    } else {
        assert_int_equal(doc_parse(query->create, strlen(query->create), SIZE_MAX, &pod, NULL), 0);
        if (!w->pods.no_sidecar)
            inject(w, pod);
    }
    w->pod_answer = doc_text(pod);
    return !str_eq(before, w->pod_answer);
}

static void ask_prometheus(struct world *w, const struct queries *queries)
{
    const struct query *query = queries_find(queries, MONITORING_QUERY);

    snprintf(w->prometheus.asked, sizeof(w->prometheus.asked), "%s", query ? query->url : "");
    w->prometheus.times += query != NULL;
}

/* What is known of what the last plan asked. */
static size_t known_answers(const struct world *w, struct query_answer ret[2])
{
    size_t count = 0;

    if (w->pod_answer)
        ret[count++] = (struct query_answer){
            .key = PROOF_QUERY,
            .status = w->pod_status,
            .body = w->pod_answer,
            .body_len = strlen(w->pod_answer),
        };
    if (w->prometheus.error || w->prometheus.body)
        ret[count++] = (struct query_answer){
            .key = MONITORING_QUERY,
            .error = w->prometheus.error,
            .status = w->prometheus.error ? 0 : 200,
            .body = str_or(w->prometheus.body, ""),
            .body_len = strlen(str_or(w->prometheus.body, "")),
        };
    return count;
}

struct plan world_plan(struct world *w)
{
    struct query_answer known[2];
    const struct kube_kind *kind = kind_of(API_GROUP_VERSION, "Istio");
    const struct plan_input input = {
        .now = SECONDS(1545000000) + w->later,
        .server = &w->server,
        .observed = w->cache,
        .failure = world_failure,
        .synced = w->synced & ~w->failing,
        .failing = w->failing,
        .busy = is_busy,
        .held = is_held,
        .creating = is_creating,
        .queue_context = w,
    };
    const struct plan_world world = {
        .central = &input, .contact = {.error = ""}, .answers = {known, known_answers(w, known)}};
    const struct kube_object *o;
    struct plan all = {0};

    w->has_new_answers = false;
    for (size_t i = 0; (o = kube_cache_next(w->cache, kind, &i));) {
        void *memo = o == mesh_find(w->cache) ? w->memo : istio_reconciler.memo_new();
        struct reconcile_plan one;
        reconcile_resource(&istio_reconciler, &world, o, memo, &one);
        if (memo == w->memo) {
            w->has_new_answers = answer(w, &one.queries);
            ask_prometheus(w, &one.queries);
        }
        plan_append(&all, &one.central);
        reconcile_plan_release(&one);
        if (memo != w->memo)
            istio_reconciler.memo_free(memo);
    }
    w->synced = all.watch;
    return all;
}

static void act(struct world *w, const struct kube_action *a)
{
    json_t *body = NULL, *live;
    const struct kube_object *o = kube_cache_get(w->cache, a->kind, a->ns, a->name);

    if (a->body)
        assert_int_equal(doc_parse(a->body, strlen(a->body), SIZE_MAX, &body, NULL), 0);
    switch (a->verb) {
    case KUBE_CREATE:
        assert_null(o);
        /* Its controller has not seen it yet. */
        if (str_eq(a->kind->kind, "DaemonSet"))
            json_object_set_new(doc_at(body, "metadata"), "generation", json_integer(1));
        world_put_as(w, a->kind, body);
        return;
    case KUBE_UPDATE:
    case KUBE_UPDATE_STATUS:
        assert_non_null(o);
        /* The same plan has written the finalizer: a conflict. */
        if (a->verb == KUBE_UPDATE_STATUS &&
            !str_eq(doc_string(body, "metadata", "resourceVersion"), o->resource_version)) {
            json_decref(body);
            return;
        }
        assert_string_equal(doc_string(body, "metadata", "resourceVersion"), o->resource_version);
        live = kube_object_parse(o);
        if (w->rolls_out && str_eq(a->kind->kind, "Deployment") &&
            !doc_equal(doc_at(live, "spec"), doc_at(body, "spec")))
            json_object_set_new(
                doc_at(body, "metadata"),
                "generation",
                json_integer(doc_int(doc_at(live, "metadata", "generation"), 0) + 1));
        json_decref(live);
        world_put_as(w, a->kind, body);
        return;
    case KUBE_MERGE_PATCH:
        assert_non_null(o);
        live = kube_object_parse(o);
        json_object_set_new(live, "apiVersion", json_string(*a->kind->group ? API_GROUP_VERSION : "v1"));
        json_object_set_new(live, "kind", json_string(a->kind->kind));
        patch_merge(live, body);
        json_decref(body);
        if (o->deleting && !json_array_size(doc_at(live, "metadata", "finalizers"))) {
            kube_cache_remove(w->cache, a->kind, a->ns, a->name, NULL);
            json_decref(live);
            return;
        }
        world_put_as(w, a->kind, live);
        return;
    case KUBE_REMOVE:
        assert_true(kube_cache_remove(w->cache, a->kind, a->ns, a->name, NULL));
        return;
    }
}

void world_act(struct world *w, const struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++)
        act(w, &plan->actions[i]);
}

int world_converge(struct world *w)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        unsigned synced = w->synced;
        struct plan plan = world_plan(w);
        bool done = plan.len == 0 && w->synced == synced && !w->has_new_answers;
        world_act(w, &plan);
        plan_release(&plan);
        if (done)
            return round;
    }
    return -1;
}

void world_put_daemons(struct world *w, const char *ns, const char *name, int nodes, int ready)
{
    json_t *d = world_get(w, "apps/v1", "DaemonSet", ns, name);

    json_object_set_new(
        d,
        "status",
        OBJECT(
            INT("observedGeneration", doc_int(doc_at(d, "metadata", "generation"), 0)),
            INT("desiredNumberScheduled", nodes),
            INT("currentNumberScheduled", nodes),
            INT("updatedNumberScheduled", nodes),
            INT("numberReady", ready),
            INT("numberAvailable", ready)));
    world_put(w, d);
}

void world_roll_out(struct world *w)
{
    const struct kube_kind *kind = kind_of("apps/v1", "Deployment");
    struct kube_object *o;
    json_t *deployments = json_array(), *d;
    size_t i;

    for (i = 0; (o = kube_cache_next(w->cache, kind, &i));)
        json_array_append_new(deployments, kube_object_parse(o));
    json_array_foreach(deployments, i, d) {
        json_int_t replicas = doc_int(doc_at(d, "spec", "replicas"), 1);
        json_object_set_new(
            d,
            "status",
            OBJECT(
                INT("observedGeneration", doc_int(doc_at(d, "metadata", "generation"), 0)),
                INT("replicas", replicas),
                INT("updatedReplicas", replicas),
                INT("readyReplicas", replicas),
                INT("availableReplicas", replicas)));
        world_put(w, json_incref(d));
    }
    json_decref(deployments);
}

char *world_describe(const struct plan *plan)
{
    static const char *const verbs[] = {
        [KUBE_CREATE] = "create", [KUBE_UPDATE] = "update", [KUBE_MERGE_PATCH] = "patch", [KUBE_REMOVE] = "remove"};
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        _cleanup_free_ char *key = object_key(a->kind, a->ns, a->name);
        if (a->tag != PLAN_BOOKKEEPING)
            buf_printf(&text, "%s %s: %s\n", verbs[a->verb], key, a->reason);
    }
    return buf_take(&text);
}

char *world_status(struct world *w, const char *field)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return str_dup(str_or(doc_string(mesh, "status", field), ""));
}
