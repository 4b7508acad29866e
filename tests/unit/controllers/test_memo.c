/*
 * What planners keep from plan to plan, in their memos and in those of cached objects, makes plans quicker and nothing
 * else: after any changes a plan is the same as one that remembers nothing. Also while a resource is being deleted.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "odd.h"
#include "remote_world.h"

enum { SEQUENCES = 8, STEPS = 24 };

/* --- chance --- */

static uint64_t dice;

static size_t below(size_t n)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(dice >> 33) % n;
}

#define ANY(list) ((list)[below(ARRAY_LEN(list))])

/* --- a cache that remembers nothing --- */

/* Objects that are kept as digests, by name: their caches have no documents. */
static json_t *digested;

static json_t *document_of(const struct kube_object *o)
{
    return o->kind->digest ? doc_copy(json_object_get(digested, o->name)) : kube_object_parse(o);
}

static int by_change(const void *a, const void *b)
{
    const struct kube_object *const *x = a, *const *y = b;

    return (*x)->changed < (*y)->changed ? -1 : (*x)->changed > (*y)->changed;
}

/* In the same order of arrival, which stubs make, and of changes. */
static void copy_kind(const struct kube_cache *from, struct kube_cache *to, const struct kube_kind *kind)
{
    _cleanup_free_ const struct kube_object **objects =
        NEW_ARRAY(const struct kube_object *, kube_cache_count(from, kind) + 1);
    const struct kube_object *o;
    size_t len = 0;

    for (size_t i = 0; (o = kube_cache_next(from, kind, &i));) {
        _cleanup_json_ json_t *stub = document_of(o);
        json_object_set_new(json_object_get(stub, "metadata"), "resourceVersion", json_string("0"));
        kube_cache_put(to, kind, stub);
        objects[len++] = o;
    }
    qsort(objects, len, sizeof(*objects), by_change);
    for (size_t i = 0; i < len; i++) {
        _cleanup_json_ json_t *document = document_of(objects[i]);
        kube_cache_put(to, kind, document);
    }
    assert_int_equal(kube_cache_count(to, kind), len);
}

static struct kube_cache *copy_of(const struct kube_cache *cache)
{
    struct kube_cache *copy = kube_cache_new(&mesh_kinds, MARK_OWNER);

    for (size_t i = 0; i < mesh_kinds.len; i++)
        copy_kind(cache, copy, &mesh_kinds.rows[i]);
    return copy;
}

/* --- what a plan says --- */

static void add_plan(struct buf *text, const struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        _cleanup_free_ char *key = object_key(a->kind, a->ns, a->name);
        buf_printf(
            text,
            "%d %s %s %s %s: %s, %d, %" PRIx64 " %" PRIx64 " %s\n",
            a->verb,
            str_or(a->kind->view, "-"),
            key,
            str_or(a->uid, "-"),
            str_or(a->resource_version, "-"),
            a->reason,
            a->tag,
            a->wish,
            a->content,
            str_or(a->body, "-"));
    }
    for (size_t i = 0; i < plan->drift_len; i++)
        buf_printf(
            text, "%d %s: %s\n", plan->drifts[i].cause, plan->drifts[i].object, str_or(plan->drifts[i].text, "-"));
    for (size_t i = 0; i < ARRAY_LEN(plan->causes); i++)
        buf_printf(text, "%zu ", plan->causes[i]);
    buf_printf(
        text,
        "drift %zu unseen %zu ignored %zu managed %zu watch %x\n",
        plan->drift,
        plan->unseen,
        plan->ignored,
        plan->managed,
        plan->watch);
}

static void check_same(const struct buf *warm, const struct buf *cold, int sequence, int step)
{
    const char *a = buf_str((struct buf *)warm), *b = buf_str((struct buf *)cold);
    size_t same = 0;

    if (str_eq(a, b))
        return;
    while (a[same] && a[same] == b[same])
        same++;
    while (same && a[same - 1] != '\n')
        same--;
    fail_msg("sequence %d, step %d: with its memo\n%.2000s\nwithout\n%.2000s", sequence, step, a + same, b + same);
}

/* --- what happens in a cluster --- */

static const struct kube_object *any_object(const struct world *w)
{
    const struct kube_object *o = NULL;

    for (int tries = 0; tries < 20 && !o; tries++) {
        const struct kube_kind *kind = &mesh_kinds.rows[below(mesh_kinds.len)];
        size_t at = below(kube_cache_count(w->cache, kind) + 1);
        for (size_t i = 0, k = 0; k <= at && (k == 0 || o); k++)
            o = kube_cache_next(w->cache, kind, &i);
    }
    /* It lives as long as its cluster, whose name it is. */
    return o && str_eq(o->name, "kube-system") ? NULL : o;
}

static bool is_resource(const struct kube_object *o)
{
    return str_eq(o->kind->group, API_GROUP);
}

static void delete_any(struct world *w)
{
    const struct kube_object *o = any_object(w);

    if (o && !is_resource(o))
        kube_cache_remove(w->cache, o->kind, o->ns, o->name, NULL);
}

/* As anybody may have changed it; it stays the same object. */
static void make_odd(struct world *w)
{
    const struct kube_object *o = any_object(w);
    _cleanup_json_ json_t *document = o && !o->kind->digest ? kube_object_parse(o) : NULL;
    json_t *odd =
        document ? odd_document(document, below(odd_places(document)), (enum odd)below(ODD_COUNT), NULL) : NULL;

    if (str_eq(doc_string(odd, "metadata", "uid"), o ? o->uid : "") &&
        str_eq(doc_string(odd, "apiVersion"), doc_string(document, "apiVersion")) &&
        str_eq(doc_string(odd, "kind"), doc_string(document, "kind")) &&
        str_eq(doc_string(odd, "metadata", "name"), o->name) &&
        (!o->ns || str_eq(doc_string(odd, "metadata", "namespace"), o->ns)))
        world_put_as(w, o->kind, odd);
    else
        json_decref(odd);
}

static void annotate(struct world *w)
{
    static const char *const keys[] = {MARK_IGNORE, MARK_APPLIED, "note"};
    static const char *const values[] = {"true", "false", "{}"};
    const struct kube_object *o = any_object(w);
    json_t *document = o && !o->kind->digest ? kube_object_parse(o) : NULL;

    if (!document)
        return;
    json_object_set_new(doc_make(document, "metadata", "annotations"), ANY(keys), json_string(ANY(values)));
    world_put_as(w, o->kind, document);
}

static void roll_out(struct world *w)
{
    world_roll_out(w);
}

static void change_status(struct world *w)
{
    static const char *const names[] = {"istio-pilot", "istio-citadel", "istio-telemetry"};
    const char *name = ANY(names);
    json_t *d =
        world_has(w, "apps/v1", "Deployment", NS, name) ? world_get(w, "apps/v1", "Deployment", NS, name) : NULL;

    if (!d)
        return;
    json_object_set_new(
        d,
        "status",
        OBJECT(
            INT("observedGeneration", (json_int_t)below(2)),
            INT("replicas", (json_int_t)below(3)),
            INT("updatedReplicas", (json_int_t)below(3)),
            INT("readyReplicas", (json_int_t)below(3)),
            INT("availableReplicas", (json_int_t)below(3)),
            SEQ("conditions", ITEM(STRING("type", "Progressing"), STRING("status", below(2) ? "True" : "False")))));
    world_put(w, d);
}

static void change_namespace(struct world *w)
{
    static const char *const names[] = {"app", "other", "team", "default"};
    const char *name = ANY(names);

    if (below(4) == 0 && world_has(w, "v1", "Namespace", NULL, name))
        world_delete(w, "v1", "Namespace", NULL, name);
    else
        world_put_namespace(
            w,
            name,
            below(2) ? NULL
                     : OBJECT(
                           STRING("istio-injection", below(2) ? "enabled" : "disabled"),
                           OPT(below(2), STRING(LABEL_INJECTION_MANAGED, "enabled"))));
}

static void change_sidecar(struct world *w)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    static const char *const names[] = {"a", "b", "c"};
    const char *name = ANY(names);
    json_t *pod;

    if (below(3) == 0) {
        kube_cache_remove(w->cache, kind, NS, name, NULL);
        return;
    }
    pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            STRING("name", name),
            STRING("namespace", NS),
            FORMAT("resourceVersion", "%d", ++w->clock),
            FORMAT("uid", "uid-%d", w->clock),
            MAP("annotations", FORMAT("sidecar.istio.io/status", "{\"version\":\"%zu\"}", below(2)))));
    kube_cache_put(w->cache, kind, pod);
    json_object_set_new(digested, name, pod);
}

static void change_pod(struct world *w)
{
    static const char *const names[] = {"istio-pilot-1", "istio-policy-1", "istio-telemetry-1"};
    const char *name = ANY(names);

    if (below(4) == 0 && world_has(w, "v1", "Pod", NS, name))
        world_delete(w, "v1", "Pod", NS, name);
    else
        world_put(
            w,
            OBJECT(
                STRING("apiVersion", "v1"),
                STRING("kind", "Pod"),
                MAP("metadata",
                    STRING("name", name),
                    STRING("namespace", NS),
                    MAP("labels",
                        STRING("istio", below(2) ? "pilot" : "mixer"),
                        STRING("app", below(2) ? "pilot" : "telemetry"))),
                MAP("status",
                    FORMAT("podIP", "10.0.0.%zu", below(3)),
                    SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", below(2) ? "True" : "False"))),
                    SEQ("containerStatuses",
                        ITEM(
                            STRING("name", "discovery"),
                            MAP("state",
                                MAP("waiting", STRING("reason", "CrashLoopBackOff"), STRING("message", "m"))))))));
}

static void change_made(struct world *w)
{
    world_put_as(
        w,
        mesh_kind(KIND_MADE_WEBHOOK),
        OBJECT(
            STRING("apiVersion", "admissionregistration.k8s.io/v1"),
            STRING("kind", "ValidatingWebhookConfiguration"),
            MAP("metadata", STRING("name", "istio-galley")),
            SEQ("webhooks", ITEM(MAP("clientConfig", MAP("service", STRING("namespace", NS)))))));
    world_put_as(
        w,
        mesh_kind(KIND_KEY_AND_CERT_SECRET),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", "istio.default"), STRING("namespace", NS)),
            STRING("type", "istio.io/key-and-cert")));
}

static void forget_failures(struct world *w)
{
    for (size_t i = 0; i < w->failure_count; i++)
        free(w->failures[i].object);
    w->failure_count = 0;
}

static void fail_or_succeed(struct world *w)
{
    static const enum err_class classes[] = {ERR_INVALID, ERR_FORBIDDEN, ERR_UNAVAILABLE};
    static const enum kube_verb verbs[] = {KUBE_CREATE, KUBE_UPDATE, KUBE_REMOVE, KUBE_MERGE_PATCH};
    const struct kube_object *o = any_object(w);

    if (!o || below(3) == 0 || w->failure_count + 1 >= WORLD_FAILURES_MAX)
        forget_failures(w);
    else
        world_fail(w, ANY(classes), ANY(verbs), object_key(o->kind, o->ns, o->name), "no");
}

static void hold_or_not(struct world *w)
{
    w->held = below(2);
    w->all_busy = below(3) == 0;
    w->creating = below(3) == 0;
}

/* Another release, or custom kinds that come and go. */
static void change_server(struct world *w)
{
    w->server.minor = 14 + (int)below(8);
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];
        w->server.versions[i] = kube_kind_version_for(kind, w->server.minor);
        if (kind->custom && !str_eq(kind->group, API_GROUP) && below(8) == 0)
            w->server.versions[i] = NULL;
    }
}

static void mark_deleted(struct world *w, const char *kind, const char *ns, const char *name)
{
    json_t *resource =
        world_has(w, API_GROUP_VERSION, kind, ns, name) ? world_get(w, API_GROUP_VERSION, kind, ns, name) : NULL;

    if (!resource)
        return;
    json_object_set_new(doc_make(resource, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, resource);
}

static void delete_mesh(struct world *w)
{
    mark_deleted(w, "Istio", NS, "istio");
}

static void change_mesh(struct world *w)
{
    static const char *const specs[] = {
        "{}",
        "{\"mtls\":true}",
        "{\"version\":\"1.0.6\"}",
        "{\"version\":\"9\"}",
        "{\"pause\":true}",
        "{\"sidecars\":{\"count\":true}}",
        "{\"autoInjectionNamespaces\":[\"app\",\"other\"],\"sidecars\":{\"count\":true}}",
        "{\"autoInjectionNamespaces\":[\"team\"]}",
        "{\"removeCRDs\":true,\"mixer\":{\"replicaCount\":2}}",
        "{\"citadel\":{\"enabled\":false},\"galley\":{\"enabled\":false}}",
        "{\"gateways\":{\"ingress\":{\"enabled\":false}}}",
    };

    world_put_mesh(w, ANY(specs));
}

static void change_second(struct world *w)
{
    static const char *const stamps[] = {"2018-12-16T00:00:00Z", "2018-12-18T00:00:00Z"};

    if (world_has(w, API_GROUP_VERSION, "Istio", "app", "second"))
        world_delete(w, API_GROUP_VERSION, "Istio", "app", "second");
    else if (below(2))
        world_put(
            w,
            OBJECT(
                STRING("apiVersion", API_GROUP_VERSION),
                STRING("kind", "Istio"),
                MAP("metadata",
                    STRING("name", "second"),
                    STRING("namespace", "app"),
                    STRING("creationTimestamp", ANY(stamps))),
                MAP("spec")));
}

static void (*const deeds[])(struct world *) = {
    delete_any,
    delete_any,
    make_odd,
    make_odd,
    annotate,
    roll_out,
    roll_out,
    change_status,
    change_status,
    change_namespace,
    change_sidecar,
    change_pod,
    change_made,
    fail_or_succeed,
    hold_or_not,
    change_server,
};
static void (*const mesh_deeds[])(struct world *) = {change_mesh, change_mesh, change_mesh, change_second, delete_mesh};

static void reset(struct world *w)
{
    forget_failures(w);
    json_object_clear(digested);
}

/* --- the mesh --- */

static void plan_mesh(struct world *w, struct buf *text, bool acts)
{
    struct plan plan = world_plan(w);

    add_plan(text, &plan);
    if (acts)
        world_act(w, &plan);
    plan_release(&plan);
}

static void check_mesh(struct world *w, int sequence, int step)
{
    _cleanup_buf_ struct buf warm = BUF_INIT, cold = BUF_INIT;
    struct world fresh = *w;

    fresh.cache = copy_of(w->cache);
    fresh.memo = istio_reconciler.memo_new();
    plan_mesh(&fresh, &cold, false);
    plan_mesh(w, &warm, below(3) > 0);
    kube_cache_free(fresh.cache);
    istio_reconciler.memo_free(fresh.memo);
    check_same(&warm, &cold, sequence, step);
}

static void a_mesh_is_planned_as_with_an_empty_memo(void **state)
{
    (void)state;
    dice = 1;
    digested = json_object();
    for (int sequence = 0; sequence < SEQUENCES; sequence++) {
        struct world w;
        world_init(&w);
        world_put_mesh(&w, "{}");
        for (int step = 0; step < STEPS; step++) {
            if (below(3))
                ANY(deeds)(&w);
            else if (below(2))
                ANY(mesh_deeds)(&w);
            check_mesh(&w, sequence, step);
        }
        reset(&w);
        world_release(&w);
    }
    json_decref(digested);
}

/* --- a remote cluster --- */

static void change_remote(struct remote_world *w)
{
    static const char *const specs[] = {
        "{}",
        "{\"autoInjectionNamespaces\":[\"app\"]}",
        "{\"citadel\":{\"enabled\":false}}",
        "{\"pause\":true}",
        "{\"enabledServices\":[{\"name\":\"istio-pilot\",\"labelSelector\":\"istio=pilot\"}]}",
        "{\"enabledServices\":[{\"name\":\"istio-pilot\",\"labelSelector\":\"istio=mixer\",\"ports\":[{\"port\":1}]}]}",
        "{\"enabledServices\":[null]}",
    };

    remote_world_put_resource(w, ANY(specs));
}

static void delete_remote(struct remote_world *w)
{
    remote_world_delete_resource(w);
}

static void change_secret(struct remote_world *w)
{
    static const char *const names[] = {"istio-ca-secret", "cacerts", REMOTE};

    remote_world_put_secret(
        w, ANY(names), OBJECT(STRING(below(2) ? "ca-cert.pem" : "config", below(2) ? "YQ==" : "Yg==")));
}

static void change_contact(struct remote_world *w)
{
    w->in_step = below(4) > 0;
    w->contact.error = w->in_step ? "" : "connection refused";
    w->contact.error_age = (msec_t)below(2) * SECONDS(60);
}

static void change_foreign(struct remote_world *w)
{
    w->foreign_definition = below(2);
    if (below(2))
        remote_world_put_istio(w, "own", below(2) ? "elsewhere" : NULL, NULL);
    else if (world_has(&w->remote, API_GROUP_VERSION, "Istio", NS, "own"))
        world_delete(&w->remote, API_GROUP_VERSION, "Istio", NS, "own");
}

static void settle_mesh(struct remote_world *w)
{
    world_roll_out(&w->central);
    (void)world_converge(&w->central);
}

static void (*const remote_deeds[])(struct remote_world *) = {
    change_remote,
    change_remote,
    change_secret,
    change_contact,
    change_foreign,
    settle_mesh,
    settle_mesh,
    delete_remote};

static void plan_remote(struct remote_world *w, struct buf *text, bool acts)
{
    struct reconcile_plan plan;

    if (!remote_world_plan(w, &plan))
        buf_add_str(text, "undecided\n");
    add_plan(text, &plan.central);
    add_plan(text, &plan.remote);
    buf_printf(text, "%d %s %" PRId64 "\n", plan.connect, str_or(plan.warning, "-"), plan.again_after);
    if (acts)
        remote_world_act(w, &plan);
    reconcile_plan_release(&plan);
}

static void check_remote(struct remote_world *w, int sequence, int step)
{
    _cleanup_buf_ struct buf warm = BUF_INIT, cold = BUF_INIT;
    struct remote_world fresh = *w;

    fresh.central.cache = copy_of(w->central.cache);
    fresh.remote.cache = copy_of(w->remote.cache);
    fresh.snapshot = central_new();
    fresh.memo = remote_istio_reconciler.memo_new();
    plan_remote(&fresh, &cold, false);
    plan_remote(w, &warm, below(3) > 0);
    kube_cache_free(fresh.central.cache);
    kube_cache_free(fresh.remote.cache);
    central_free(fresh.snapshot);
    remote_istio_reconciler.memo_free(fresh.memo);
    check_same(&warm, &cold, sequence, step);
}

static bool is_there(struct remote_world *w)
{
    return world_has(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
}

static void a_remote_cluster_is_planned_as_with_an_empty_memo(void **state)
{
    (void)state;
    dice = 2;
    digested = json_object();
    for (int sequence = 0; sequence < SEQUENCES; sequence++) {
        struct remote_world w;
        remote_world_init(&w);
        remote_world_join(&w, "{}");
        for (int step = 0; step < STEPS; step++) {
            if (below(2))
                ANY(deeds)(below(2) ? &w.central : &w.remote);
            else if (below(8) == 0)
                change_mesh(&w.central);
            else if (is_there(&w))
                ANY(remote_deeds)(&w);
            if (!is_there(&w))
                remote_world_put_resource(&w, "{}");
            check_remote(&w, sequence, step);
        }
        reset(&w.central);
        reset(&w.remote);
        remote_world_release(&w);
    }
    json_decref(digested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mesh_is_planned_as_with_an_empty_memo),
        cmocka_unit_test(a_remote_cluster_is_planned_as_with_an_empty_memo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
