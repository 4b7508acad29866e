#include "remote_world.h"
#include "controllers/remote/remote_istio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define ROUNDS_MAX 30
#define MINOR 20

static json_t *parsed(const char *text)
{
    json_t *doc;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &doc, NULL), 0);
    return doc;
}

static void init(struct remote_world *w, int minor, const char *mesh)
{
    *w = (struct remote_world){
        .memo = remote_istio_reconciler.memo_new(),
        .snapshot = central_new(),
        .contact = {.error = "", .last = SECONDS(1544999990)},
        .in_step = true,
        .synced = PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS,
    };
    world_init(&w->central);
    world_init(&w->remote);
    world_set_minor(&w->central, minor);
    w->remote.server.git_version = str_dup("v1.20.2");
    world_put(
        &w->central,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Namespace"),
            MAP("metadata", STRING("name", "kube-system"), STRING("uid", CENTRAL_ID))));
    world_put_mesh(&w->central, mesh);
    assert_true(world_converge(&w->central) > 0);
    remote_world_put_secret(
        w, "istio-ca-secret", OBJECT(STRING("ca-cert.pem", "cm9vdA=="), STRING("ca-key.pem", "a2V5")));
}

void remote_world_init(struct remote_world *w)
{
    init(w, MINOR, "{}");
}

void remote_world_release(struct remote_world *w)
{
    free(w->remote.server.git_version);
    world_release(&w->central);
    world_release(&w->remote);
    central_free(w->snapshot);
    remote_istio_reconciler.memo_free(w->memo);
}

void remote_world_put_resource_as(struct remote_world *w, const char *ns, const char *name, const char *spec)
{
    json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", ns, name);

    if (!resource)
        resource = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "RemoteIstio"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", ns),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z")));
    json_object_set_new(resource, "spec", parsed(spec));
    json_object_set_new(
        doc_make(resource, "metadata"),
        "generation",
        json_integer(doc_int(doc_at(resource, "metadata", "generation"), 0) + 1));
    world_put(&w->central, resource);
}

void remote_world_read_elsewhere(struct remote_world *w)
{
    world_put(
        &w->central,
        OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "RemoteIstio"),
            MAP("metadata",
                STRING("name", "first"),
                STRING("namespace", "elsewhere"),
                STRING("deletionTimestamp", "2018-12-17T00:00:01Z"),
                STRINGS("finalizers", api_resource_remote_istio.finalizer))));
}

void remote_world_put_resource(struct remote_world *w, const char *spec)
{
    remote_world_put_resource_as(w, NS, REMOTE, spec);
}

void remote_world_delete_resource(struct remote_world *w)
{
    json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    json_object_set_new(doc_make(resource, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:01Z"));
    world_put(&w->central, resource);
}

void remote_world_annotate(struct remote_world *w, const char *key, const char *value)
{
    json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    json_object_set_new(doc_make(resource, "metadata", "annotations"), key, json_string(value));
    world_put(&w->central, resource);
}

void remote_world_put_secret(struct remote_world *w, const char *name, json_t *data)
{
    world_put_as(
        &w->central,
        mesh_kind(KIND_CREDENTIALS_SECRET),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", name), STRING("namespace", NS)),
            VALUE("data", data)));
}

void remote_world_put_pod(struct remote_world *w, const char *name, const char *labels, const char *address, bool ready)
{
    world_put(
        &w->central,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata", STRING("name", name), STRING("namespace", NS), VALUE("labels", parsed(labels))),
            MAP("status",
                STRING("podIP", address),
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", ready ? "True" : "False"))))));
}

void remote_world_put_istio(struct remote_world *w, const char *name, const char *of, const char *owner)
{
    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Istio"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", NS),
                OPT(of, MAP("annotations", STRING(MESH_REMOTE_OF, of))),
                OPT(owner, MAP("labels", STRING(MARK_OWNER, owner)))),
            MAP("spec")));
}

static bool is_busy(const void *context, const struct kube_kind *kind, const char *ns, const char *name)
{
    (void)kind, (void)ns, (void)name;
    return ((const struct world *)context)->all_busy;
}

static struct plan_input input_of(const struct world *of, unsigned synced)
{
    return (struct plan_input){
        .now = SECONDS(1545000000),
        .server = &of->server,
        .observed = of->cache,
        .failure = world_failure,
        .synced = synced,
        .busy = is_busy,
        .queue_context = of,
    };
}

/* As discovery finds it: a definition is there, ours or another. */
static void serve_istio(struct remote_world *w)
{
    const struct kube_kind *kind = mesh_kind(KIND_ISTIO);
    bool served =
        w->foreign_definition || world_count(&w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition") > 0;

    w->remote.server.versions[kind - mesh_kinds.rows] = served ? kind->versions[0].name : NULL;
}

bool remote_world_plan(struct remote_world *w, struct reconcile_plan *ret)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    const struct kube_object *resource = kube_cache_get(w->central.cache, kind, NS, REMOTE);
    const struct plan_input central = input_of(&w->central, w->synced), remote = input_of(&w->remote, w->remote.synced);
    const struct plan_world world = {
        .central = &central,
        .remote = w->in_step ? &remote : NULL,
        .contact = w->contact,
        .shared = w->snapshot,
    };
    bool decided;

    assert_non_null(resource);
    serve_istio(w);
    central_update(w->snapshot, &central);
    decided = reconcile_resource(&remote_istio_reconciler, &world, resource, w->memo, ret);
    w->remote.synced = ret->remote.watch;
    return decided;
}

void remote_world_act(struct remote_world *w, const struct reconcile_plan *plan)
{
    world_act(&w->central, &plan->central);
    world_act(&w->remote, &plan->remote);
}

static bool is_there(const struct remote_world *w)
{
    return kube_cache_get(w->central.cache, mesh_kind(KIND_REMOTE_ISTIO), NS, REMOTE);
}

int remote_world_converge(struct remote_world *w)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        unsigned synced = w->remote.synced;
        struct reconcile_plan plan;
        bool done;
        if (!is_there(w))
            return round;
        remote_world_plan(w, &plan);
        done = plan.central.len + plan.remote.len == 0 && w->remote.synced == synced;
        remote_world_act(w, &plan);
        reconcile_plan_release(&plan);
        if (done)
            return round;
    }
    return -1;
}

void remote_world_join(struct remote_world *w, const char *spec)
{
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, spec);
    assert_true(remote_world_converge(w) > 0);
    world_roll_out(&w->remote);
    assert_true(remote_world_converge(w) > 0);
}

char *remote_world_step(struct remote_world *w)
{
    _cleanup_free_ char *central = NULL, *remote = NULL;
    struct reconcile_plan plan;

    assert_true(remote_world_plan(w, &plan));
    central = world_describe(&plan.central);
    remote = world_describe(&plan.remote);
    remote_world_act(w, &plan);
    reconcile_plan_release(&plan);
    return str_printf("%s%s", central, remote);
}

char *remote_world_status(struct remote_world *w, const char *field)
{
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    const json_t *value = doc_at(resource, "status", field);

    if (!value)
        return str_dup("");
    return json_is_string(value) ? str_dup(json_string_value(value)) : doc_text(value);
}

json_t *remote_world_condition(struct remote_world *w, const char *type)
{
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    return json_incref(doc_find(doc_at(resource, "status", "conditions"), "type", type));
}

char *remote_world_endpoints(struct remote_world *w, const char *name)
{
    _cleanup_json_ json_t *endpoints =
        world_has(&w->remote, "v1", "Endpoints", NS, name) ? world_get(&w->remote, "v1", "Endpoints", NS, name) : NULL;
    struct buf text = BUF_INIT;
    json_t *subset, *address;
    size_t i, k;

    if (!endpoints)
        return NULL;
    json_array_foreach(doc_at(endpoints, "subsets"), i, subset)
        json_array_foreach(doc_at(subset, "addresses"), k, address)
            buf_printf(&text, "%s%s", text.len ? " " : "", doc_string(address, "ip"));
    return buf_take(&text);
}

int remote_world_setup(void **state)
{
    struct remote_world *w = NEW(struct remote_world);

    remote_world_init(w);
    *state = w;
    return 0;
}

int remote_world_setup_1_1(void **state)
{
    struct remote_world *w = NEW(struct remote_world);

    init(w, MINOR, "{\"version\": \"1.1.17\"}");
    *state = w;
    return 0;
}

int remote_world_setup_today(void **state)
{
    struct remote_world *w = NEW(struct remote_world);

    init(w, REMOTE_WORLD_TODAYS_MINOR, "{\"version\":\"" REMOTE_WORLD_TODAYS_VERSION "\"}");
    *state = w;
    return 0;
}

int remote_world_teardown(void **state)
{
    remote_world_release(*state);
    free(*state);
    return 0;
}

void expect_status(struct remote_world *w, const char *field, const char *value)
{
    _cleanup_free_ char *text = remote_world_status(w, field);

    assert_string_equal(text, value);
}

void expect_step(struct remote_world *w, const char *actions)
{
    _cleanup_free_ char *text = remote_world_step(w);

    assert_string_equal(text, actions);
}
