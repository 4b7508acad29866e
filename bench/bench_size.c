/*
 * A mesh of many namespaces and many sidecars on a real API server: what the operator holds of it, and what it does
 * while nothing happens.
 *
 * Run by `make bench`, which brings up a control plane without a node: nobody runs the Pods. TEST_POD is a file with an
 * injected workload, whose Pods they are; TEST_RESTART_API_SERVER a command that restarts the API server.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "shared.h"

#define POD_MAX ((size_t)1024 * 1024)
#define SETTLE_SECONDS 5
#define REST_SECONDS 60
#define TO_BE_COUNTED SECONDS(120)

enum { NAMESPACES = 1000, WORKLOADS = 3000, PODS = 10000 };

/* Of the objects that are made: a request's `context`. */
struct making {
    json_t *template; /* of the Pods */
    char *uids[WORKLOADS];
};

static char *namespace_name(size_t i)
{
    return str_printf("shop-%zu", i % NAMESPACES);
}

static struct net_request post_of(const struct kube_kind *kind, const char *ns, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);

    return kube_request_create(kind, cluster_version(kind), ns, text);
}

static struct net_request namespace_request(const void *context, size_t i)
{
    _cleanup_free_ char *name = namespace_name(i);
    _cleanup_json_ json_t *ns = OBJECT(MAP("metadata", STRING("name", name)));

    (void)context;
    return post_of(NAMESPACE, NULL, ns);
}

/* Kubernetes' controllers create it, too, but a few a second. */
static struct net_request account_request(const void *context, size_t i)
{
    _cleanup_free_ char *ns = namespace_name(i);
    _cleanup_json_ json_t *account = OBJECT(MAP("metadata", STRING("name", "default"), STRING("namespace", ns)));

    (void)context;
    return post_of(kind_of("v1", "ServiceAccount"), ns, account);
}

static char *workload_name(size_t i)
{
    return str_printf("books-%zu", i % WORKLOADS);
}

/* Without Pods of its own making. */
static struct net_request workload_request(const void *context, size_t i)
{
    _cleanup_free_ char *ns = namespace_name(i), *name = workload_name(i);
    _cleanup_json_ json_t *workload = doc_parse_own(
        "{\"spec\":{\"replicas\":0,\"paused\":true,\"selector\":{\"matchLabels\":{\"app\":\"books\"}},\"template\":{"
        "\"metadata\":{\"labels\":{\"app\":\"books\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\"}]}}}"
        "}");

    (void)context;
    json_object_set_new(workload, "metadata", OBJECT(STRING("name", name), STRING("namespace", ns)));
    return post_of(DEPLOYMENT, ns, workload);
}

static struct net_request pod_request(const void *context, size_t i)
{
    const struct making *making = context;
    _cleanup_free_ char *ns = namespace_name(i), *name = str_printf("books-%zu", i), *owner = workload_name(i);
    _cleanup_json_ json_t *pod = doc_copy(making->template);
    json_t *metadata = doc_at(pod, "metadata"), *reference;

    reference = OBJECT(
        STRING("apiVersion", "apps/v1"),
        STRING("kind", "Deployment"),
        STRING("name", owner),
        STRING("uid", making->uids[i % WORKLOADS]),
        BOOL("controller", true));
    json_object_set_new(metadata, "name", json_string(name));
    json_object_set_new(metadata, "namespace", json_string(ns));
    json_object_set_new(metadata, "ownerReferences", json_pack("[o]", reference));
    return post_of(&bench_pod, ns, pod);
}

static json_t *read_template(void)
{
    const char *path = getenv("TEST_POD");
    _cleanup_free_ char *text = bench_contents(path);
    struct yaml_documents documents;
    json_t *template;
    struct err e;

    if (yaml_parse(path, text, strlen(text), POD_MAX, &documents, &e) < 0)
        fail_msg("%s", e.text);
    template = doc_copy(doc_at(documents.items[0].value, "spec", "template"));
    yaml_documents_release(&documents);
    assert_true(json_is_object(template));
    /* Its account is nobody's here. */
    json_object_del(doc_at(template, "spec"), "serviceAccountName");
    return template;
}

/* Before the mesh: its webhook refuses Pods where nobody answers it. */
static void make_users_objects(void)
{
    struct making making = {read_template()};

    bench_send_all(NAMESPACES, namespace_request, &making);
    bench_send_all(NAMESPACES, account_request, &making);
    bench_send_all(WORKLOADS, workload_request, &making);
    for (size_t i = 0; i < WORKLOADS; i++) {
        _cleanup_free_ char *ns = namespace_name(i), *name = workload_name(i);
        _cleanup_json_ json_t *workload = cluster_get(DEPLOYMENT, ns, name);
        making.uids[i] = str_dup(doc_string(workload, "metadata", "uid"));
    }
    bench_send_all(PODS, pod_request, &making);
    for (size_t i = 0; i < WORKLOADS; i++)
        free(making.uids[i]);
    json_decref(making.template);
}

/* All namespaces are listed, and sidecars are counted. */
static char *spec_text(void)
{
    _cleanup_json_ json_t *spec = OBJECT(MAP("sidecars", BOOL("count", true)), SEQ("autoInjectionNamespaces"));

    for (size_t i = 0; i < NAMESPACES; i++) {
        _cleanup_free_ char *name = namespace_name(i);
        json_array_append_new(doc_at(spec, "autoInjectionNamespaces"), json_string(name));
    }
    return doc_text(spec);
}

static bool all_is_counted(void *context)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *sidecars = doc_at(mesh, "status", "sidecars");
    int64_t counted = doc_int(doc_at(sidecars, "current"), 0) + doc_int(doc_at(sidecars, "outdated"), 0);

    (void)context;
    wait_saw("%d sidecars", (int)counted);
    return counted == PODS && operator_is_settled();
}

static void print_memory(const char *when, long kb)
{
    bench_print(when, (double[]){(double)kb / 1024}, 1, "MB");
}

/* What was read since the last call, and the memory at its most and now. */
static void print_reading(const char *what)
{
    static double received;
    double now = operator_metric("api_received_bytes_total");

    printf("%s\n", what);
    bench_print("  bytes received", (double[]){(now - received) / 1024 / 1024}, 1, "MB");
    print_memory("  resident memory, the most", operator_peak_kb());
    pause_ms(SETTLE_SECONDS * 1000);
    print_memory("  resident memory, settled (goal: 16)", operator_memory_kb());
    print_memory("    of it anonymous", operator_anonymous_kb());
    received = operator_metric("api_received_bytes_total");
    operator_forget_peak();
}

static void measure_rest(void)
{
    int64_t before = operator_cpu_usec();
    double requests = operator_metric("api_requests_total");

    pause_ms(REST_SECONDS * 1000);
    bench_print(
        "processor time in 60 s of rest (goal: none)",
        (double[]){(double)(operator_cpu_usec() - before) / 1000},
        1,
        "ms");
    bench_print("  requests in them", (double[]){operator_metric("api_requests_total") - requests}, 1, "");
}

static void figures(void **state)
{
    _cleanup_free_ char *spec = spec_text();

    (void)state;
    make_users_objects();
    mesh_create(spec);
    bench_wait_quiet();
    operator_start();
    wait_until(all_is_counted, NULL, TO_BE_COUNTED, "all sidecars are counted");
    printf("%d listed namespaces, %d Pods with a sidecar\n", NAMESPACES, PODS);
    print_reading("from the start until all is written and counted");
    measure_rest();
    assert_int_equal(run_shell(getenv("TEST_RESTART_API_SERVER")), 0);
    wait_until(server_answers, NULL, PATIENCE, "the API server answers again");
    pause_ms(SETTLE_SECONDS * 2 * 1000);
    wait_until(all_is_counted, NULL, TO_BE_COUNTED, "all sidecars are counted again");
    print_reading("after the API server was restarted, and all is listed again");
    operator_kill(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench size", tests, harness_setup, harness_teardown);
}
