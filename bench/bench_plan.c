/*
 * What a change costs the planner where there is much that did not change: the controller on simulated time, against an
 * API server in memory. The time is what plans took, by the processor's clock; requests are no part of it.
 *
 * Run by `make bench`; it needs no cluster. Every figure is measured again in each run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "api/istio.h"
#include "base/str.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "reconcile/marks.h"
#include "shared.h"
#include "sim.h"

#define NS "istio-system"
#define CHANGES 25

/* The cluster, and what the mesh in it asks for. */
struct setting {
    int kubernetes; /* its minor version: which line of Istio is the default */
    size_t namespaces, pods, remotes;
    size_t nodes;          /* 0: Pods are on none, and no workload runs them */
    bool listed, sidecars; /* all namespaces are listed; sidecars are counted */
};

struct bench {
    struct setting setting;
    struct sim *server;
    struct controller *controller;
    struct connector connector;
};

static const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    return kube_kind_find(&mesh_kinds, api_version, kind);
}

static json_t *object(const char *api_version, const char *kind, const char *ns, const char *name)
{
    return OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        MAP("metadata", STRING("name", name), STRING("namespace", ns)));
}

static int refuse(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_INVALID, "no remote cluster is connected");
}

static void put_definition(struct bench *b, const struct api_resource *resource)
{
    sim_apply(b->server, kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), api_crd(resource, "v1"));
}

static void put_namespace(struct bench *b, size_t i, const char *injection)
{
    _cleanup_free_ char *name = str_printf("shop-%zu", i);
    json_t *ns = object("v1", "Namespace", NULL, name);

    if (injection)
        json_object_set_new(doc_make(ns, "metadata", "labels"), "istio-injection", json_string(injection));
    sim_apply(b->server, kind_of("v1", "Namespace"), ns);
}

static void put_node(struct bench *b, size_t i)
{
    _cleanup_free_ char *name = str_printf("node-%zu", i);
    json_t *node = object("v1", "Node", NULL, name);

    json_object_set_new(
        node,
        "status",
        OBJECT(MAP("allocatable", STRING("cpu", "64"), STRING("memory", "256Gi"), STRING("pods", "250"))));
    sim_apply(b->server, kind_of("v1", "Node"), node);
}

/* Ten Pods a workload. */
static void put_on_node(struct bench *b, size_t i, json_t *pod)
{
    json_object_set_new(
        pod,
        "spec",
        OBJECT(
            FORMAT("nodeName", "node-%zu", i % b->setting.nodes),
            SEQ("containers",
                ITEM(
                    STRING("name", "app"),
                    MAP("resources", MAP("requests", STRING("cpu", "100m"), STRING("memory", "128Mi")))))));
    json_object_set_new(doc_make(pod, "metadata", "labels"), "pod-template-hash", json_string("5d4f"));
    json_object_set_new(
        doc_make(pod, "metadata"),
        "ownerReferences",
        ARRAY(ITEM(
            STRING("apiVersion", "apps/v1"),
            STRING("kind", "ReplicaSet"),
            FORMAT("name", "app-%zu-5d4f", i / 10),
            BOOL("controller", true))));
}

static void put_pod(struct bench *b, size_t i)
{
    _cleanup_free_ char *name = str_printf("pod-%zu", i), *ns = str_printf("shop-%zu", i % b->setting.namespaces);
    json_t *pod = object("v1", "Pod", ns, name);

    json_object_set_new(
        doc_make(pod, "metadata", "annotations"),
        "sidecar.istio.io/status",
        json_string("{\"version\":\"0123456789\",\"revision\":\"default\"}"));
    if (b->setting.nodes)
        put_on_node(b, i, pod);
    sim_apply(b->server, kind_of("v1", "Pod"), pod);
}

static void put_remote(struct bench *b, size_t i)
{
    _cleanup_free_ char *name = str_printf("remote-%zu", i);
    json_t *remote = object(API_GROUP_VERSION, "RemoteIstio", NS, name);

    json_object_set_new(doc_make(remote, "metadata"), "generation", json_integer(1));
    sim_apply(b->server, kind_of(API_GROUP_VERSION, "RemoteIstio"), remote);
}

static void put_mesh(struct bench *b)
{
    json_t *mesh = object(API_GROUP_VERSION, "Istio", NS, "istio"), *names = json_array();

    for (size_t i = 0; b->setting.listed && i < b->setting.namespaces; i++)
        json_array_append_new(names, json_sprintf("shop-%zu", i));
    json_object_set_new(doc_make(mesh, "metadata"), "generation", json_integer(1));
    json_object_set_new(doc_make(mesh, "spec"), "autoInjectionNamespaces", names);
    if (b->setting.sidecars)
        json_object_set_new(doc_make(mesh, "spec", "sidecars"), "count", json_true());
    sim_apply(b->server, kind_of(API_GROUP_VERSION, "Istio"), mesh);
}

static bool is_settled(const struct bench *b)
{
    return controller_is_ready(b->controller) && controller_actor_stats(b->controller).drift == 0 &&
           !controller_is_writing(b->controller);
}

static void settle(struct bench *b)
{
    for (int second = 0; second < 600; second++) {
        sim_run(b->server, SECONDS(1));
        if (second > 10 && is_settled(b))
            return;
    }
    fail_msg("the controller does not settle");
}

static void begin(struct bench *b, struct setting setting)
{
    const struct controller_options options = {.kinds = &operator_kinds, .ns = NS, .keeps_memory = true};

    *b = (struct bench){setting, sim_new(&mesh_kinds, setting.kubernetes, 1), .connector = {refuse, b}};
    put_definition(b, &api_resource_istio);
    put_definition(b, &api_resource_remote_istio);
    sim_apply(b->server, kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, NS));
    sim_apply(b->server, kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, "kube-system"));
    for (size_t i = 0; i < setting.namespaces; i++)
        put_namespace(b, i, NULL);
    for (size_t i = 0; i < setting.nodes; i++)
        put_node(b, i);
    for (size_t i = 0; i < setting.pods; i++)
        put_pod(b, i);
    put_mesh(b);
    for (size_t i = 0; i < setting.remotes; i++)
        put_remote(b, i);
    b->controller = controller_new_on(sim_io(b->server), &options, &b->connector);
    controller_start(b->controller);
    settle(b);
}

static void finish(struct bench *b)
{
    controller_free(b->controller);
    sim_free(b->server);
}

/* Another client's note on an object: it changes, and nothing is to be done about it. */
static void touch(struct bench *b, const char *api_version, const char *kind, const char *ns, const char *name)
{
    static int count;
    json_t *o = doc_copy(sim_get(b->server, kind_of(api_version, kind), ns, name));

    json_object_set_new(doc_make(o, "metadata", "annotations"), "note", json_sprintf("%d", ++count));
    sim_apply(b->server, kind_of(api_version, kind), o);
}

static void touch_service(struct bench *b)
{
    touch(b, "v1", "Service", NS, "istio-ingressgateway");
}

static void touch_namespace(struct bench *b)
{
    touch(b, "v1", "Namespace", NULL, "shop-400");
}

static void touch_remote(struct bench *b)
{
    touch(b, API_GROUP_VERSION, "RemoteIstio", NS, "remote-500");
}

static void add_namespace(struct bench *b)
{
    put_namespace(b, b->setting.namespaces++, NULL);
}

static void add_pod(struct bench *b)
{
    put_pod(b, b->setting.pods++);
}

static void remove_pod(struct bench *b)
{
    size_t i = --b->setting.pods;
    _cleanup_free_ char *name = str_printf("pod-%zu", i), *ns = str_printf("shop-%zu", i % b->setting.namespaces);

    sim_delete(b->server, kind_of("v1", "Pod"), ns, name);
}

/* What all plans took that followed from one change. */
static void measure(struct bench *b, const char *what, void (*change)(struct bench *b))
{
    double taken[CHANGES];

    for (size_t i = 0; i < CHANGES; i++) {
        uint64_t before = controller_stats(b->controller)->plan_usec;
        change(b);
        sim_run(b->server, SECONDS(3)); /* Pods with a sidecar are counted once a second */
        taken[i] = (double)(controller_stats(b->controller)->plan_usec - before) / 1000;
    }
    bench_print(what, taken, CHANGES, "ms");
}

static void of_today(void)
{
    struct bench b;

    printf("today's Istio, 1000 listed namespaces, 10000 counted Pods\n");
    begin(&b, (struct setting){.kubernetes = 34, .namespaces = 1000, .pods = 10000, .listed = true, .sidecars = true});
    measure(&b, "  a Service changes", touch_service);
    measure(&b, "  a namespace changes", touch_namespace);
    measure(&b, "  a Pod comes", add_pod);
    measure(&b, "  a Pod goes", remove_pod);
    finish(&b);
    begin(&b, (struct setting){.kubernetes = 34, .namespaces = 1, .pods = 1, .listed = true, .sidecars = true});
    measure(&b, "one namespace, one Pod: a Service changes", touch_service);
    measure(&b, "  a Pod comes", add_pod);
    finish(&b);
}

/* Three steps back at a time, which the preflight refuses: it looks again with each plan. */
static void ask_for_too_much(struct bench *b)
{
    const struct kube_kind *kind = kind_of(API_GROUP_VERSION, "Istio");
    json_t *mesh = doc_copy(sim_get(b->server, kind, NS, "istio"));

    json_object_set_new(doc_make(mesh, "metadata"), "generation", json_integer(2));
    json_object_set_new(doc_make(mesh, "spec"), "version", json_string("1.28.10"));
    json_object_set_new(doc_make(mesh, "spec"), "sidecarRenewal", OBJECT(STRING("mode", "Automatic")));
    sim_apply(b->server, kind, mesh);
    settle(b);
    assert_true(json_array_size(doc_at(sim_get(b->server, kind, NS, "istio"), "status", "upgrade", "blocked")) > 0);
}

static void of_a_refused_upgrade(void)
{
    struct bench b;

    printf("an upgrade that is refused, 10000 Pods of 1000 workloads on 100 nodes\n");
    begin(&b, (struct setting){.kubernetes = 34, .namespaces = 1, .pods = 10000, .nodes = 100});
    ask_for_too_much(&b);
    measure(&b, "  a Service changes", touch_service);
    measure(&b, "  a Pod comes", add_pod);
    finish(&b);
}

static void of_1_0(void)
{
    struct bench b;

    printf("Istio 1.0, 5000 namespaces\n");
    begin(&b, (struct setting){.kubernetes = 20, .namespaces = 5000});
    measure(&b, "no namespace listed: a Service changes", touch_service);
    measure(&b, "  a namespace changes", touch_namespace);
    finish(&b);

    begin(&b, (struct setting){.kubernetes = 20, .namespaces = 5000, .listed = true});
    measure(&b, "all namespaces listed: a Service changes", touch_service);
    measure(&b, "  a namespace changes", touch_namespace);
    measure(&b, "  a namespace is created that is not listed", add_namespace);
    finish(&b);

    begin(&b, (struct setting){.kubernetes = 20, .namespaces = 5000, .pods = 10000, .sidecars = true});
    measure(&b, "10000 sidecars counted: a Service changes", touch_service);
    measure(&b, "  a Pod comes", add_pod);
    finish(&b);

    begin(&b, (struct setting){.kubernetes = 20, .namespaces = 5000, .remotes = 1000});
    measure(&b, "with 1000 remote clusters: a Service changes", touch_service);
    measure(&b, "  a RemoteIstio changes", touch_remote);
    finish(&b);
}

static void figures(void **state)
{
    (void)state;
    printf("What plans take after one change\n");
    of_today();
    of_a_refused_upgrade();
    of_1_0();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench plan", tests, NULL, NULL);
}
