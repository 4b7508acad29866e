/*
 * The renewal of 1,000 workloads in 50 namespaces: what a plan takes, what the operator holds, and that its bounds hold
 * at every restart. The controller on simulated time, against an API server in memory; the workloads, which Kubernetes'
 * controllers would roll out, are complete some seconds after their restart.
 *
 * Run by `make bench`; it needs no cluster.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "api/istio.h"
#include "base/str.h"
#include "controllers.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "mesh/workloads.h"
#include "net.h"
#include "shared.h"

#define NS "istio-system"
#define SIDECAR_VERSION "istio.banzaicloud.io/sidecar-version"

enum { NAMESPACES = 50, WORKLOADS = 1000, PODS = 3, AT_A_TIME = 5 };

struct bench {
    struct rng rng;
    struct sched *sched;
    struct server *server;
    struct controllers *controllers;
    struct net *net;
    struct controller *controller;
    struct map *moving; /* namespaces -> the workload that is rolled out there */
    size_t restarts, most;
};

/* A workload whose rollout is under way. */
struct restart {
    struct bench *bench;
    char *ns, *name;
};

static struct collection *kind_of(struct bench *b, const char *group, const char *plural)
{
    return server_find(b->server, group, plural);
}

static void create(struct bench *b, const char *group, const char *plural, const char *ns, json_t *object)
{
    _cleanup_outcome_ struct outcome done = server_create(b->server, WHO_HUMAN, kind_of(b, group, plural), ns, object);

    if (done.status != 201)
        fail_msg("%s: %s", plural, done.message);
    json_decref(object);
}

static void update(struct bench *b, struct collection *kind, const char *subresource, json_t *o)
{
    _cleanup_outcome_ struct outcome done = server_update(
        b->server,
        WHO_CLUSTER,
        kind,
        doc_string(o, "metadata", "namespace"),
        doc_string(o, "metadata", "name"),
        subresource,
        o);

    assert_int_equal(done.status, 200);
    json_decref(o);
}

/* --- workloads --- */

static const char *current(struct bench *b)
{
    return doc_string(
        server_get(kind_of(b, "", "configmaps"), NS, "istio-sidecar-injector"),
        "metadata",
        "annotations",
        SIDECAR_VERSION);
}

static void complete(struct bench *b, const char *ns, const char *name)
{
    struct collection *kind = kind_of(b, "apps", "statefulsets");
    json_t *o = doc_copy(server_get(kind, ns, name));

    json_object_set_new(
        o,
        "status",
        OBJECT(
            VALUE("observedGeneration", json_incref(doc_at(o, "metadata", "generation"))),
            INT("replicas", PODS),
            INT("updatedReplicas", PODS),
            INT("readyReplicas", PODS),
            INT("availableReplicas", PODS)));
    update(b, kind, "status", o);
}

static void inject(struct bench *b, const char *ns, const char *name, size_t pod)
{
    _cleanup_free_ char *full = str_printf("%s-%zu", name, pod);
    struct collection *kind = kind_of(b, "", "pods");
    json_t *o = doc_copy(server_get(kind, ns, full));

    json_object_set_new(
        doc_make(o, "metadata", "annotations"), SIDECAR_VERSION, json_string(str_or(current(b), "none")));
    update(b, kind, NULL, o);
}

static void end_rollout(void *context)
{
    struct restart *r = context;

    for (size_t i = 0; i < PODS; i++)
        inject(r->bench, r->ns, r->name, i);
    complete(r->bench, r->ns, r->name);
    map_remove(r->bench->moving, r->ns);
    free(r->ns);
    free(r->name);
    free(r);
}

static void begin_rollout(struct bench *b, const json_t *workload)
{
    struct restart *r = NEW(struct restart);

    *r = (struct restart){
        b, str_dup(doc_string(workload, "metadata", "namespace")), str_dup(doc_string(workload, "metadata", "name"))};
    if (map_has(b->moving, r->ns))
        fail_msg("a second workload of %s is restarted", r->ns);
    map_put(b->moving, r->ns, b);
    b->restarts++;
    if (map_len(b->moving) > b->most)
        b->most = map_len(b->moving);
    if (b->most > AT_A_TIME)
        fail_msg("workloads of %zu namespaces are restarted at a time", b->most);
    sched_at(b->sched, sched_now(b->sched) + SECONDS(5), end_rollout, r);
}

static const char *restarted_for(const json_t *o)
{
    return doc_string(o, "spec", "template", "metadata", "annotations", SIDECAR_RESTARTED_ANNOTATION);
}

static void
on_change(void *context, enum who who, const struct collection *kind, const json_t *before, const json_t *after)
{
    struct bench *b = context;

    controllers_poke(b->controllers);
    if (b->net)
        net_poke(b->net);
    if (who == WHO_OPERATOR && str_eq(kind->plural, "statefulsets") && after &&
        !str_eq(restarted_for(before), restarted_for(after)))
        begin_rollout(b, after);
}

static void create_workload(struct bench *b, size_t i)
{
    _cleanup_free_ char *ns = str_printf("shop-%zu", i % NAMESPACES), *name = str_printf("app-%zu", i);

    create(
        b,
        "apps",
        "statefulsets",
        ns,
        OBJECT(
            MAP("metadata", STRING("name", name)),
            MAP("spec",
                INT("replicas", PODS),
                MAP("selector", MAP("matchLabels", STRING("app", name))),
                MAP("template", MAP("metadata", MAP("labels", STRING("app", name)))))));
    complete(b, ns, name);
    for (size_t k = 0; k < PODS; k++)
        create(
            b,
            "",
            "pods",
            ns,
            OBJECT(MAP(
                "metadata",
                FORMAT("name", "%s-%zu", name, k),
                MAP("labels", STRING("app", name)),
                MAP("annotations",
                    STRING("sidecar.istio.io/status", "{\"revision\":\"default\"}"),
                    STRING(SIDECAR_VERSION, "of-before")),
                SEQ("ownerReferences",
                    ITEM(
                        STRING("apiVersion", "apps/v1"),
                        STRING("kind", "StatefulSet"),
                        STRING("name", name),
                        STRING(
                            "uid",
                            doc_string(server_get(kind_of(b, "apps", "statefulsets"), ns, name), "metadata", "uid")),
                        BOOL("controller", true))))));
}

/* --- the cluster --- */

static int refuse(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_INVALID, "no remote cluster is connected");
}

static void run(struct bench *b, msec_t time)
{
    assert_true(sched_run(b->sched, sched_now(b->sched) + time, 2000000));
}

static const json_t *mesh_of(struct bench *b)
{
    return server_get(kind_of(b, API_GROUP, "istios"), NS, "istio");
}

static void create_mesh(struct bench *b)
{
    json_t *names = json_array();

    for (size_t i = 0; i < NAMESPACES; i++)
        json_array_append_new(names, json_sprintf("shop-%zu", i));
    create(
        b,
        API_GROUP,
        "istios",
        NS,
        OBJECT(
            MAP("metadata", STRING("name", "istio")),
            MAP("spec",
                STRING("version", "1.31.1"),
                VALUE("autoInjectionNamespaces", names),
                MAP("sidecarRenewal",
                    STRING("mode", "Automatic"),
                    STRING("delay", "1s"),
                    INT("maxConcurrentNamespaces", AT_A_TIME)))));
}

static void begin(struct bench *b)
{
    static const bool eager = true, up = false;
    static const msec_t wall = SERVER_EPOCH, never = 0;
    static const struct faults none;
    static struct connector connector = {refuse, NULL};
    const struct controller_options options = {.kinds = &operator_kinds, .ns = NS, .keeps_memory = true};

    *b = (struct bench){.rng = {1}, .sched = sched_new(), .moving = map_new(NULL)};
    b->server = server_new(&mesh_kinds, 34, &b->rng, b->sched);
    server_set_calm(b->server);
    b->controllers = controllers_new(b->sched, b->server, &b->rng, &eager);
    server_observe(b->server, on_change, b);
    create(b, "apiextensions.k8s.io", "customresourcedefinitions", NULL, api_crd(&api_resource_istio, "v1"));
    create(b, "apiextensions.k8s.io", "customresourcedefinitions", NULL, api_crd(&api_resource_remote_istio, "v1"));
    create(b, "", "namespaces", NULL, OBJECT(MAP("metadata", STRING("name", NS))));
    create(b, "", "nodes", NULL, OBJECT(MAP("metadata", STRING("name", "node"))));
    for (int i = 0; i < NAMESPACES; i++)
        create(b, "", "namespaces", NULL, OBJECT(MAP("metadata", FORMAT("name", "shop-%d", i))));
    run(b, SECONDS(10));
    create_mesh(b);
    b->net = net_new(&(struct net_options){
        .name = "bench",
        .sched = b->sched,
        .server = b->server,
        .rng = &b->rng,
        .faults = &none,
        .down = &up,
        .wall = &wall,
        .stopped_until = &never,
        .sender = "bench",
    });
    b->controller = controller_new_on(net_io(b->net), &options, &connector);
    controller_start(b->controller);
    run(b, SECONDS(120));
    assert_string_equal(str_or(doc_string(mesh_of(b), "status", "Status"), ""), "Available");
    for (size_t i = 0; i < WORKLOADS; i++)
        create_workload(b, i);
}

static void finish(struct bench *b)
{
    const size_t before = mallinfo2().uordblks;
    double held;

    controller_free(b->controller);
    held = (double)(before - mallinfo2().uordblks) / 1024 / 1024;
    bench_print("  what the operator holds of it at the end (goal: 8)", &held, 1, "MB");
    net_free(b->net);
    controllers_free(b->controllers);
    server_free(b->server);
    sched_free(b->sched);
    map_free(b->moving);
}

static int64_t left_of(struct bench *b)
{
    return doc_int(doc_at(mesh_of(b), "status", "sidecarRenewal", "left"), -1);
}

static void figures(void **state)
{
    uint64_t plans, usec;
    double value, most_cache = 0;
    struct bench b;
    msec_t began;

    (void)state;
    begin(&b);
    plans = controller_actor_stats(b.controller).plans;
    usec = controller_stats(b.controller)->plan_usec;
    began = sched_now(b.sched);
    for (int minute = 0; minute < 180 && (b.restarts < WORKLOADS || left_of(&b)); minute++) {
        double bytes;
        run(&b, SECONDS(60));
        bytes = (double)kube_cache_bytes(kube_cluster_cache(controller_cluster(b.controller))) / 1024 / 1024;
        most_cache = bytes > most_cache ? bytes : most_cache;
    }
    assert_int_equal(b.restarts, WORKLOADS);
    assert_int_equal(left_of(&b), 0);
    plans = controller_actor_stats(b.controller).plans - plans;
    usec = controller_stats(b.controller)->plan_usec - usec;
    printf(
        "%d workloads in %d namespaces are restarted once each, in at most %zu namespaces at a time (bound: %d), in "
        "%.0f simulated minutes\n",
        WORKLOADS,
        NAMESPACES,
        b.most,
        AT_A_TIME,
        (double)(sched_now(b.sched) - began) / 60000);
    value = (double)usec / 1000 / (double)plans;
    bench_print("  a plan", &value, 1, "ms");
    value = (double)WORKLOADS * (double)plans / ((double)usec / 1e6);
    bench_print("  decisions in a second of planning: a workload in a plan (goal: 100000)", &value, 1, "");
    bench_print("  observed objects, the most (goal: 5)", &most_cache, 1, "MB");
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench renewal", tests, NULL, NULL);
}
