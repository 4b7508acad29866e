/*
 * How soon a gateway is Ready, beside `istioctl install`: in turn on one cluster with a node, with Istio's programs.
 *
 * Run by `make bench`, which brings up the cluster. TEST_ISTIO_VERSION is the release, TEST_ISTIOCTL its istioctl. Both
 * begin without Istio's definitions, and both install what they do by default.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/str.h"
#include "doc/doc.h"
#include "shared.h"

#define RUNS 3
#define REST_MS 3000 /* between two runs */
#define GATEWAY "istio-ingressgateway"
#define TO_BE_READY SECONDS(120)

/* What the local images lack: docs/local-cluster.md. */
#define MESH_CONFIG "{\"defaultProviders\": {\"metrics\": []}}"

static bool gateway_is_ready(void *context)
{
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, NS, GATEWAY);

    (void)context;
    return doc_int(doc_at(deployment, "status", "availableReplicas"), 0) > 0;
}

static bool no_pod_is_left(void *context)
{
    _cleanup_json_ json_t *pods = cluster_list(kind_of("v1", "Pod"), "istio");

    (void)context;
    return json_array_size(pods) == 0;
}

static void remove_all(void)
{
    wait_until(no_pod_is_left, NULL, TO_BE_READY, "Istio's Pods are gone");
    bench_remove_definitions();
    pause_ms(REST_MS);
}

static double ms_until_ready(int64_t began)
{
    wait_until(gateway_is_ready, NULL, TO_BE_READY, "the gateway is ready");
    return (double)(clock_now_usec() - began) / 1000;
}

static double time_operator(void)
{
    _cleanup_free_ char *spec =
        str_printf("{\"version\": \"%s\", \"meshConfig\": " MESH_CONFIG "}", getenv("TEST_ISTIO_VERSION"));
    int64_t began = clock_now_usec();
    double taken;

    mesh_create(spec);
    taken = ms_until_ready(began);
    mesh_delete_and_wait();
    remove_all();
    return taken;
}

static bool istioctl_has_ended(void *context)
{
    (void)context;
    return run_shell("test -e \"$TEST_OUTPUT/istioctl.code\"") == 0;
}

/* To the gateway's being Ready; what istioctl itself takes until it says so goes to `ret_said`. */
static double time_istioctl(double *ret_said)
{
    static const char install[] =
        "cd \"$TEST_OUTPUT\" && rm -f istioctl.code && "
        "echo '{\"apiVersion\": \"install.istio.io/v1alpha1\", \"kind\": \"IstioOperator\", \"spec\": "
        "{\"meshConfig\": " MESH_CONFIG "}}' >istioctl.yaml && "
        "{ \"$TEST_ISTIOCTL\" install -y -f istioctl.yaml >istioctl.log 2>&1; echo $? >istioctl.code; } &";
    int64_t began = clock_now_usec();
    double taken;

    assert_int_equal(run_shell(install), 0);
    taken = ms_until_ready(began);
    wait_until(istioctl_has_ended, NULL, TO_BE_READY, "istioctl has ended");
    *ret_said = (double)(clock_now_usec() - began) / 1000;
    assert_int_equal(run_shell("test \"$(cat \"$TEST_OUTPUT/istioctl.code\")\" = 0"), 0);
    assert_int_equal(
        run_shell("\"$TEST_ISTIOCTL\" uninstall -y --purge >\"$TEST_OUTPUT/istioctl-uninstall.log\" 2>&1"), 0);
    remove_all();
    return taken;
}

static void figures(void **state)
{
    double own[RUNS], istioctl[RUNS], said[RUNS];

    (void)state;
    operator_start();
    for (int i = 0; i < RUNS; i++) {
        own[i] = time_operator();
        istioctl[i] = time_istioctl(&said[i]);
    }
    operator_kill(SIGTERM);
    bench_print("from creating the resource to the gateway's being Ready", own, RUNS, "ms");
    bench_print("the same from the start of istioctl install (goal: not sooner)", istioctl, RUNS, "ms");
    bench_print("  until istioctl says so", said, RUNS, "ms");
}

static int begin(void **state)
{
    setenv("KUBECONFIG", getenv("TEST_KUBECONFIG"), 1);
    return harness_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench gateway", tests, begin, harness_teardown);
}
