#include "remote_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/resources.h"

#define ROUNDS_MAX 30

static json_t *parsed(const char *text)
{
    json_t *doc;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &doc, NULL), 0);
    return doc;
}

void remote_world_init(struct remote_world *w)
{
    *w = (struct remote_world){
        .memo = remote_reconciler.memo_new(),
        .central = central_new(),
        .contact = {.error = "", .last = SECONDS(1544999990)},
        .in_step = true,
        .synced = PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS,
    };
    world_init(&w->home);
    world_init(&w->away);
    w->away.server.git_version = str_dup("v1.20.2");
    world_put(
        &w->home,
        OBJECT(
            S("apiVersion", "v1"),
            S("kind", "Namespace"),
            MAP("metadata", S("name", "kube-system"), S("uid", CENTRAL_ID))));
    world_put_mesh(&w->home, "{}");
    assert_true(world_converge(&w->home) > 0);
    remote_world_put_secret(w, "istio-ca-secret", OBJECT(S("ca-cert.pem", "cm9vdA=="), S("ca-key.pem", "a2V5")));
}

void remote_world_release(struct remote_world *w)
{
    free(w->away.server.git_version);
    world_release(&w->home);
    world_release(&w->away);
    central_free(w->central);
    remote_reconciler.memo_free(w->memo);
}

void remote_world_put_resource_as(struct remote_world *w, const char *ns, const char *name, const char *spec)
{
    json_t *resource = world_get(&w->home, API_GROUP_VERSION, "RemoteIstio", ns, name);

    if (!resource)
        resource = OBJECT(
            S("apiVersion", API_GROUP_VERSION),
            S("kind", "RemoteIstio"),
            MAP("metadata", S("name", name), S("namespace", ns), S("creationTimestamp", "2018-12-17T00:00:00Z")));
    json_object_set_new(resource, "spec", parsed(spec));
    json_object_set_new(
        doc_make(resource, "metadata"),
        "generation",
        json_integer(doc_int(doc_at(resource, "metadata", "generation"), 0) + 1));
    world_put(&w->home, resource);
}

void remote_world_read_elsewhere(struct remote_world *w)
{
    world_put(
        &w->home,
        OBJECT(
            S("apiVersion", API_GROUP_VERSION),
            S("kind", "RemoteIstio"),
            MAP("metadata",
                S("name", "first"),
                S("namespace", "elsewhere"),
                S("deletionTimestamp", "2018-12-17T00:00:01Z"),
                STRINGS("finalizers", api_resource_remote_istio.finalizer))));
}

void remote_world_put_resource(struct remote_world *w, const char *spec)
{
    remote_world_put_resource_as(w, NS, REMOTE, spec);
}

void remote_world_delete_resource(struct remote_world *w)
{
    json_t *resource = world_get(&w->home, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    json_object_set_new(doc_make(resource, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:01Z"));
    world_put(&w->home, resource);
}

void remote_world_annotate(struct remote_world *w, const char *key, const char *value)
{
    json_t *resource = world_get(&w->home, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    json_object_set_new(doc_make(resource, "metadata", "annotations"), key, json_string(value));
    world_put(&w->home, resource);
}

void remote_world_put_secret(struct remote_world *w, const char *name, json_t *data)
{
    world_put_as(
        &w->home,
        mesh_kind(KIND_CREDENTIALS_SECRET),
        OBJECT(
            S("apiVersion", "v1"),
            S("kind", "Secret"),
            MAP("metadata", S("name", name), S("namespace", NS)),
            V("data", data)));
}

void remote_world_put_pod(struct remote_world *w, const char *name, const char *labels, const char *address, bool ready)
{
    world_put(
        &w->home,
        OBJECT(
            S("apiVersion", "v1"),
            S("kind", "Pod"),
            MAP("metadata", S("name", name), S("namespace", NS), V("labels", parsed(labels))),
            MAP("status",
                S("podIP", address),
                SEQ("conditions", ITEM(S("type", "Ready"), S("status", ready ? "True" : "False"))))));
}

void remote_world_put_istio(struct remote_world *w, const char *name, const char *of, const char *owner)
{
    world_put(
        &w->away,
        OBJECT(
            S("apiVersion", API_GROUP_VERSION),
            S("kind", "Istio"),
            MAP("metadata",
                S("name", name),
                S("namespace", NS),
                OPT(of, MAP("annotations", S(MESH_REMOTE_OF, of))),
                OPT(owner, MAP("labels", S(MARK_OWNER, owner)))),
            MAP("spec")));
}

static bool is_busy(const void *context, const struct kube_kind *kind, const char *ns, const char *name)
{
    (void)kind, (void)ns, (void)name;
    return ((const struct remote_world *)context)->all_busy;
}

static struct plan_input input_of(const struct remote_world *w, const struct world *of, unsigned synced)
{
    return (struct plan_input){
        .now = SECONDS(1545000000),
        .server = &of->server,
        .observed = of->cache,
        .failures = of->failures,
        .failure_count = of->failure_count,
        .synced = synced,
        .busy = is_busy,
        .queue_context = w,
    };
}

/* As discovery finds it: a definition is there, ours or another. */
static void serve_istio(struct remote_world *w)
{
    const struct kube_kind *kind = mesh_kind(KIND_ISTIO);
    bool served =
        w->foreign_definition || world_count(&w->away, "apiextensions.k8s.io/v1", "CustomResourceDefinition") > 0;

    w->away.server.versions[kind - mesh_kinds.rows] = served ? kind->versions[0].name : NULL;
}

bool remote_world_plan(struct remote_world *w, struct reconcile_plan *ret)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    const struct kube_object *resource = kube_cache_get(w->home.cache, kind, NS, REMOTE);
    const struct plan_input home = input_of(w, &w->home, w->synced), away = input_of(w, &w->away, w->away.synced);
    const struct plan_world world = {
        .central = &home,
        .remote = w->in_step ? &away : NULL,
        .contact = w->contact,
        .shared = w->central,
    };
    bool decided;

    assert_non_null(resource);
    serve_istio(w);
    central_update(w->central, &home);
    decided = reconcile_resource(&remote_reconciler, &world, resource, w->memo, ret);
    w->away.synced = ret->remote.watch;
    return decided;
}

void remote_world_act(struct remote_world *w, const struct reconcile_plan *plan)
{
    world_act(&w->home, &plan->central);
    world_act(&w->away, &plan->remote);
}

static bool is_there(const struct remote_world *w)
{
    return kube_cache_get(w->home.cache, mesh_kind(KIND_REMOTE_ISTIO), NS, REMOTE);
}

int remote_world_converge(struct remote_world *w)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        unsigned synced = w->away.synced;
        struct reconcile_plan plan;
        bool done;
        if (!is_there(w))
            return round;
        remote_world_plan(w, &plan);
        done = plan.central.len + plan.remote.len == 0 && w->away.synced == synced;
        remote_world_act(w, &plan);
        reconcile_plan_release(&plan);
        if (done)
            return round;
    }
    return -1;
}

void remote_world_join(struct remote_world *w, const char *spec)
{
    remote_world_put_secret(w, REMOTE, OBJECT(S("config", "e30=")));
    remote_world_put_resource(w, spec);
    assert_true(remote_world_converge(w) > 0);
    world_roll_out(&w->away);
    assert_true(remote_world_converge(w) > 0);
}

char *remote_world_step(struct remote_world *w)
{
    _cleanup_free_ char *home = NULL, *away = NULL;
    struct reconcile_plan plan;

    assert_true(remote_world_plan(w, &plan));
    home = world_describe(&plan.central);
    away = world_describe(&plan.remote);
    remote_world_act(w, &plan);
    reconcile_plan_release(&plan);
    return str_printf("%s%s", home, away);
}

char *remote_world_status(struct remote_world *w, const char *field)
{
    _cleanup_json_ json_t *resource = world_get(&w->home, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    const json_t *value = doc_at(resource, "status", field);

    if (!value)
        return str_dup("");
    return json_is_string(value) ? str_dup(json_string_value(value)) : doc_text(value);
}

json_t *remote_world_condition(struct remote_world *w, const char *type)
{
    _cleanup_json_ json_t *resource = world_get(&w->home, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    return json_incref(doc_find(doc_at(resource, "status", "conditions"), "type", type));
}

char *remote_world_endpoints(struct remote_world *w, const char *name)
{
    _cleanup_json_ json_t *endpoints =
        world_has(&w->away, "v1", "Endpoints", NS, name) ? world_get(&w->away, "v1", "Endpoints", NS, name) : NULL;
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
