/*
 * 1,000 Canaries in one operator, all of them in the middle of a release, one in ten with a metrics server that never
 * answers: how late are the checks of the others, and what does the operator hold?
 *
 * The cluster is a virtual one (tests/apiserver), in which Deployments are rolled out at once; it and the metrics
 * servers are processes of their own. TEST_OPERATOR is the operator's program, TEST_OUTPUT a folder.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/apiserver/apiserver.h"
#include "../tests/cluster/harness.h"
#include "api/crd.h"
#include "base/str.h"
#include "controllers/canary/canary.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "shared.h"

#define HASH "pod-template-hash"
#define ISTIO_GROUP "networking.istio.io"
#define CLUSTER "central"
#define CLUSTER_EVERY_MS 100
#define TO_BE_READY SECONDS(1200)
#define AT_REST_SECONDS 30
#define TO_WARM_UP_SECONDS 30

enum { CANARIES = 1000, NAMESPACES = 20, HANGING = 10 /* one in so many */, KUBERNETES = 34 };
/* So many at the most are taken over, or begin a release, at the same time. */
enum { AT_A_TIME = 100 };
enum { INTERVAL_SECONDS = 10, MEASURED_SECONDS = 120, TICKS_MAX = 2 * CANARIES * MEASURED_SECONDS / INTERVAL_SECONDS };

/* What the processes share. */
static struct {
    atomic_int good_port, hanging_port; /* of the metrics servers */
    atomic_bool is_served;              /* the cluster is, and its kubeconfig is written */
    atomic_bool releases;               /* the targets are to declare the next version */
    atomic_int initialized, measured;   /* Canaries at rest; in a step that is measured */
    atomic_bool counts;                 /* ticks are counted */
    atomic_size_t ticks;
    double late[TICKS_MAX]; /* ms */
} * shared;

static char *kubeconfig;

static pid_t in_process(void (*run)(void))
{
    pid_t process = fork();

    assert_true(process >= 0);
    if (process)
        return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run();
    _exit(1);
}

/* --- the metrics servers --- */

static bool hangs(size_t canary)
{
    return canary % HANGING == 0;
}

/*
 * Each check asks for all requests and for the failed ones, both at the same time. The next one is due an interval
 * after the check, which is made with the answers, at the soonest when the last one of them is sent.
 */
static void count_tick(size_t canary)
{
    static int64_t answered[CANARIES];
    const int64_t now = clock_now_usec(), interval = INTERVAL_SECONDS * INT64_C(1000000);
    const int64_t before = answered[canary];
    size_t at;

    answered[canary] = now;
    if (!before || now - before < interval / 2 || !atomic_load(&shared->counts))
        return;
    at = atomic_fetch_add(&shared->ticks, 1);
    if (at < TICKS_MAX)
        shared->late[at] = (double)(now - before - interval) / 1e3;
}

static void on_query(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    static const char none[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},"
                               "\"value\":[0,\"%s\"]}]}}";
    _cleanup_free_ char *query = str_dup_n(request->query.at, request->query.len);
    const char *name = strstr(query, "app-");
    _cleanup_free_ char *answer = str_printf(none, strstr(query, "response_code") ? "0" : "1000");
    int64_t canary = name ? strtol(name + strlen("app-"), NULL, 10) : CANARIES;

    if (context) /* it hangs */
        return;
    if (canary < CANARIES)
        count_tick((size_t)canary);
    http_answer(exchange, 200, "application/json", answer, strlen(answer));
}

static int listen_on(struct event_base *loop, void *hanging)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0",
        .connections_max = 4 * CANARIES,
        .patience = TO_BE_READY,
        .handle = on_query,
        .context = hanging};
    struct http_server *server;
    struct err e;

    if (http_server_new(loop, &options, &server, &e) < 0)
        _exit(1);
    return http_server_port(server);
}

static void serve_metrics(void)
{
    struct event_base *loop = event_base_new();

    atomic_store(&shared->good_port, listen_on(loop, NULL));
    atomic_store(&shared->hanging_port, listen_on(loop, shared));
    event_base_dispatch(loop);
}

/* --- the cluster --- */

static struct server *cluster;

static struct collection *kind_in(const char *group, const char *plural)
{
    return server_find(cluster, group, plural);
}

static const char *name_of(const json_t *o)
{
    return doc_string(o, "metadata", "name");
}

static const char *ns_of(const json_t *o)
{
    return doc_string(o, "metadata", "namespace");
}

static void must(const struct outcome *done)
{
    if (!done->reason)
        return;
    fprintf(stderr, "the cluster refuses: %s\n", done->message);
    _exit(1);
}

static void create(const char *group, const char *plural, const char *ns, json_t *object)
{
    _cleanup_outcome_ struct outcome done = server_create(cluster, WHO_HUMAN, kind_in(group, plural), ns, object);

    must(&done);
    json_decref(object);
}

static void update(struct collection *kind, const char *subresource, json_t *o)
{
    _cleanup_outcome_ struct outcome done =
        server_update(cluster, WHO_CLUSTER, kind, ns_of(o), name_of(o), subresource, o);

    must(&done);
    json_decref(o);
}

/* What is there, without the version: it replaces whatever is there. */
static json_t *copy_of(const struct collection *kind, const json_t *o)
{
    json_t *copy = doc_copy(server_get(kind, ns_of(o), name_of(o)));

    json_object_del(json_object_get(copy, "metadata"), "resourceVersion");
    return copy;
}

static json_t *objects_of(const struct collection *kind)
{
    json_t *list = json_array();
    void *o;

    for (size_t i = 0; map_next(kind->objects, &i, NULL, &o);)
        json_array_append(list, o);
    return list;
}

/* Of the image "app:N". */
static const char *number_of(const json_t *deployment)
{
    const json_t *container = json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);

    return doc_string(container, "image") + strlen("app:");
}

static void create_set(const json_t *deployment, const char *set, const char *hash)
{
    if (server_get(kind_in("apps", "replicasets"), ns_of(deployment), set))
        return;
    create(
        "apps",
        "replicasets",
        ns_of(deployment),
        OBJECT(
            MAP("metadata",
                STRING("name", set),
                MAP("labels", STRING(HASH, hash)),
                MAP("annotations", STRING(DEPLOYMENT_REVISION, number_of(deployment))),
                SEQ("ownerReferences",
                    ITEM(
                        STRING("apiVersion", "apps/v1"),
                        STRING("kind", "Deployment"),
                        STRING("name", name_of(deployment)),
                        STRING("uid", doc_string(deployment, "metadata", "uid")),
                        BOOL("controller", true)))),
            MAP("spec", INT("replicas", 1))));
}

/* Of the half whose Pods are the Deployment's. */
static void put_endpoints(const json_t *deployment, const char *set)
{
    const bool is_primary = doc_at(deployment, "metadata", "labels", CANARY_ROLE);
    const bool has_pods = doc_int(doc_at(deployment, "spec", "replicas"), 1) > 0;
    struct collection *kind = kind_in("", "endpoints");
    _cleanup_free_ char *name = str_printf("%s%s", name_of(deployment), is_primary ? "" : "-canary");
    json_t *o = OBJECT(
        MAP("metadata",
            STRING("name", name),
            STRING("namespace", ns_of(deployment)),
            MAP("labels", STRING(CANARY_ROLE, is_primary ? "primary" : "canary"))),
        OPT(has_pods,
            SEQ("subsets",
                ITEM(
                    SEQ("addresses", ITEM(STRING("ip", "10.1.1.1"), MAP("targetRef", FORMAT("name", "%s-aaaaa", set)))),
                    SEQ("ports", ITEM(INT("port", 8080), STRING("protocol", "TCP")))))));

    if (server_get(kind, ns_of(deployment), name))
        update(kind, NULL, o);
    else
        create("", "endpoints", ns_of(deployment), o);
}

/* All at once: its ReplicaSet, its Pods and their Endpoints. */
static void roll_out(struct collection *kind, const json_t *deployment)
{
    json_int_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), 1);
    _cleanup_free_ char *set = NULL;
    char hash[9];
    json_t *o;

    if (doc_int(doc_at(deployment, "status", "observedGeneration"), 0) ==
        doc_int(doc_at(deployment, "metadata", "generation"), 0))
        return;
    snprintf(hash, sizeof(hash), "%08" PRIx32, (uint32_t)doc_hash(doc_at(deployment, "spec", "template")));
    set = str_printf("%s-%s", name_of(deployment), hash);
    create_set(deployment, set, hash);
    o = copy_of(kind, deployment);
    json_object_set_new(
        doc_make(o, "metadata", "annotations"), DEPLOYMENT_REVISION, json_string(number_of(deployment)));
    update(kind, NULL, o);
    o = copy_of(kind, deployment);
    json_object_set_new(
        o,
        "status",
        OBJECT(
            VALUE("observedGeneration", json_incref(doc_at(o, "metadata", "generation"))),
            INT("replicas", replicas),
            INT("updatedReplicas", replicas),
            INT("readyReplicas", replicas),
            INT("availableReplicas", replicas)));
    update(kind, "status", o);
    put_endpoints(deployment, set);
}

static char *namespace_of(size_t i)
{
    return str_printf("shop-%zu", i % NAMESPACES);
}

static json_t *container(const char *image)
{
    return ARRAY(ITEM(STRING("name", "app"), STRING("image", image)));
}

static void release(size_t i)
{
    _cleanup_free_ char *ns = namespace_of(i), *app = str_printf("app-%zu", i);
    struct collection *kind = kind_in("apps", "deployments");
    json_t *o = copy_of(kind, server_get(kind, ns, app));

    json_object_set_new(doc_make(o, "spec", "template", "spec"), "containers", container("app:2"));
    update(kind, NULL, o);
}

static void count_canaries(void)
{
    _cleanup_json_ json_t *list = objects_of(kind_in(API_GROUP, "canaries"));
    int initialized = 0, measured = 0;
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        initialized += str_eq(doc_string(o, "status", STATUS_FIELD_PHASE), "Initialized");
        measured += doc_string(o, "status", STATUS_FIELD_STEP, "since") != NULL;
    }
    atomic_store(&shared->initialized, initialized);
    atomic_store(&shared->measured, measured);
}

static void define(const char *kind, const char *plural)
{
    create(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        NULL,
        OBJECT(
            MAP("metadata", FORMAT("name", "%s." ISTIO_GROUP, plural)),
            MAP("spec",
                STRING("group", ISTIO_GROUP),
                STRING("scope", "Namespaced"),
                MAP("names", STRING("kind", kind), STRING("plural", plural)),
                SEQ("versions", ITEM(STRING("name", "v1alpha3"), BOOL("served", true), BOOL("storage", true))))));
}

static void create_app(size_t i)
{
    _cleanup_free_ char *ns = namespace_of(i), *app = str_printf("app-%zu", i);

    create(
        "apps",
        "deployments",
        ns,
        OBJECT(
            MAP("metadata", STRING("name", app)),
            MAP("spec",
                INT("replicas", 1),
                MAP("selector", MAP("matchLabels", STRING("app", app))),
                MAP("template",
                    MAP("metadata", MAP("labels", STRING("app", app))),
                    MAP("spec", VALUE("containers", container("app:1")))))));
    create(
        "",
        "services",
        ns,
        OBJECT(
            MAP("metadata", STRING("name", app)),
            MAP("spec",
                MAP("selector", STRING("app", app)),
                SEQ("ports", ITEM(STRING("name", "http"), INT("port", 80), INT("targetPort", 8080))))));
    create(
        API_GROUP,
        "canaries",
        ns,
        OBJECT(
            MAP("metadata", STRING("name", app)),
            MAP("spec",
                MAP("targetRef", STRING("name", app)),
                MAP("service", INT("port", 80)),
                FORMAT(
                    "metricsServer",
                    "http://127.0.0.1:%d",
                    atomic_load(hangs(i) ? &shared->hanging_port : &shared->good_port)),
                INT("settleSeconds", 1),
                INT("drainSeconds", 1),
                MAP("analysis",
                    FORMAT("interval", "%ds", INTERVAL_SECONDS),
                    SEQ("steps", ITEM(INT("weight", 10), STRING("for", "10h"))),
                    SEQ("metrics",
                        ITEM(
                            STRING("name", CANARY_SUCCESS_RATE),
                            FORMAT("interval", "%ds", INTERVAL_SECONDS),
                            MAP("thresholdRange", INT("min", 99))))))));
}

/* Goes on, from `*done` on, while few are on their way. */
static void go_on(size_t *done, const atomic_int *arrived, void (*next)(size_t i))
{
    while (*done < CANARIES && *done < (size_t)atomic_load(arrived) + AT_A_TIME)
        next((*done)++);
}

static void on_step(evutil_socket_t fd, short what, void *apiserver)
{
    struct collection *kind = kind_in("apps", "deployments");
    _cleanup_json_ json_t *list = NULL;
    static size_t created, released;
    json_t *o;
    size_t i;

    (void)fd;
    (void)what;
    count_canaries();
    go_on(&created, &shared->initialized, create_app);
    if (atomic_load(&shared->releases))
        go_on(&released, &shared->measured, release);
    list = objects_of(kind);
    json_array_foreach(list, i, o)
        roll_out(kind, o);
    apiserver_advance(apiserver);
}

static void write_kubeconfig(const struct apiserver *a)
{
    _cleanup_free_ char *text = apiserver_kubeconfig(a, CLUSTER);
    FILE *f = fopen(kubeconfig, "we");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        _exit(1);
}

/* When the definitions are served. */
static void open_shops(evutil_socket_t fd, short what, void *step)
{
    static const struct timeval every = {.tv_usec = CLUSTER_EVERY_MS * 1000};

    (void)fd;
    (void)what;
    event_add(step, &every);
    atomic_store(&shared->is_served, true);
}

static void serve_cluster(void)
{
    static const struct timeval served = {.tv_sec = 5};
    struct event_base *loop = event_base_new();
    struct apiserver *a;
    struct virtual *v;
    struct err e;

    if (apiserver_new(loop, 0, KUBERNETES, &a, &e) < 0)
        _exit(1);
    v = apiserver_add(a, CLUSTER);
    virtual_leave_workloads(v);
    cluster = virtual_server(v);
    write_kubeconfig(a);
    define("VirtualService", "virtualservices");
    define("DestinationRule", "destinationrules");
    for (const struct api_resource *const *row = api_resources; *row; row++)
        create("apiextensions.k8s.io", "customresourcedefinitions", NULL, api_crd(*row, "v1"));
    create("", "namespaces", NULL, OBJECT(MAP("metadata", STRING("name", NS))));
    for (int i = 0; i < NAMESPACES; i++)
        create("", "namespaces", NULL, OBJECT(MAP("metadata", FORMAT("name", "shop-%d", i))));
    event_base_once(loop, -1, EV_TIMEOUT, open_shops, event_new(loop, -1, EV_PERSIST, on_step, a), &served);
    event_base_dispatch(loop);
}

/* --- the figures --- */

static bool is_there(void *context)
{
    const atomic_int *count = context;

    wait_saw("%d of %d are", atomic_load(count), CANARIES);
    return atomic_load(count) == CANARIES;
}

static bool is_served(void *context)
{
    (void)context;
    return atomic_load(&shared->is_served);
}

static bool listens(void *context)
{
    (void)context;
    return atomic_load(&shared->hanging_port);
}

static void figure(const char *what, double value, const char *unit)
{
    bench_print(what, &value, 1, unit);
}

/* Of one processor, while nothing is measured but that. */
static void figure_processor(const char *what, int seconds)
{
    int64_t before = operator_cpu_usec();

    pause_ms(seconds * 1000);
    figure(what, (double)(operator_cpu_usec() - before) / 1e4 / seconds, "%");
}

static void figure_ticks(void)
{
    size_t ticks = atomic_load(&shared->ticks);

    ticks = ticks < TICKS_MAX ? ticks : TICKS_MAX;
    assert_true(ticks > 0);
    bench_print("  a check of one whose metrics server answers is late", shared->late, ticks, "ms");
    figure("  the 99th percentile of that (goal: 1000)", shared->late[ticks * 99 / 100], "ms");
}

static void figures(void **state)
{
    pid_t metrics, apiserver;

    (void)state;
    printf(
        "%d Canaries, each with a check every %d s; the metrics server of one in %d never answers\n",
        CANARIES,
        INTERVAL_SECONDS,
        HANGING);
    metrics = in_process(serve_metrics);
    wait_until(listens, NULL, PATIENCE, "the metrics servers listen");
    apiserver = in_process(serve_cluster);
    wait_until(is_served, NULL, PATIENCE, "the cluster is served");
    h.loop = event_base_new();
    h.operator_kubeconfig = kubeconfig;
    operator_start();
    wait_until(is_there, &shared->initialized, TO_BE_READY, "all have taken over their Deployments");
    figure("  time of the processor until all Deployments are taken over", (double)operator_cpu_usec() / 1e6, "s");
    pause_ms(AT_REST_SECONDS * 1000);
    figure("  resident memory between releases", (double)operator_memory_kb() / 1024, "MB");
    figure_processor("  between releases, of one core", AT_REST_SECONDS);
    atomic_store(&shared->releases, true);
    wait_until(is_there, &shared->measured, TO_BE_READY, "all measure their release");
    pause_ms(TO_WARM_UP_SECONDS * 1000);
    operator_forget_peak();
    atomic_store(&shared->counts, true);
    figure_processor("  during 1,000 releases, of one core", MEASURED_SECONDS);
    figure_ticks();
    figure("  resident memory during the releases, the most", (double)operator_peak_kb() / 1024, "MB");
    figure("  loop lag, the most there ever was", operator_metric("loop_lag_max_seconds") * 1000, "ms");
    operator_kill(SIGTERM);
    kill(apiserver, SIGKILL);
    kill(metrics, SIGKILL);
    waitpid(apiserver, NULL, 0);
    waitpid(metrics, NULL, 0);
    loop_free(h.loop);
    free(h.log_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};
    struct rlimit limit;

    /* A connection for each question. */
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    kubeconfig = str_printf("%s/canary.kubeconfig", getenv("TEST_OUTPUT"));
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests_name("bench canary", tests, NULL, NULL);
}
