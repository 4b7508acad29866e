/*
 * Requests while the release of today's Istio changes in place, there and back: through the gateway at a steady rate,
 * some that are open for 20 s, and between two sidecars.
 *
 * TEST_ISTIO_VERSION and TEST_WORKLOADS as for test_today, TEST_ISTIO_FORMER is the older release; TEST_REQUESTS are
 * answered for each change, TEST_RATE of them a second.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"
#include "load.h"
#include "today.h"

#define TO_BE_AVAILABLE SECONDS(300)
#define TO_BE_UNDER_WAY SECONDS(2)
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"shop\"], \"mtls\": true,"                                   \
    " \"meshConfig\": {\"defaultProviders\": {\"metrics\": []}}}"
/* No image has that tag. */
#define NO_RELEASE "1.31.999"
/*
 * Hundred requests after the other; how many of each hundred were answered is a line of a file. By the Service's
 * address: the client looks up a name for each request, and what DNS does on a busy machine is not asked.
 */
#define BETWEEN_SIDECARS                                                                                               \
    "cd \"$TEST_OUTPUT\" && rm -f between*;"                                                                           \
    " at=$(kubectl -n shop get service echo -o 'jsonpath={.spec.clusterIP}') || exit 1;"                               \
    " ( while [ ! -e between-ends ]; do"                                                                               \
    " kubectl -n shop exec client -c client -- echo-client --qps 20 --count 100 --timeout 30s \"http://$at/\""         \
    " >between-last 2>&1; grep -c StatusCode=200 between-last >>between; [ \"$(tail -n 1 between)\" = 100 ] || cp "    \
    "between-last between-failed; done; touch between-over ) >/dev/null 2>&1 &"
#define BETWEEN_SIDECARS_OVER "cd \"$TEST_OUTPUT\" && touch between-ends && test -e between-over"
#define ALL_BETWEEN_SIDECARS "awk '$1 != 100 { lost++ } END { exit !NR || lost }' \"$TEST_OUTPUT\"/between"
#define GATEWAY_PODS                                                                                                   \
    "kubectl -n " NS " get pods -l istio=ingressgateway -o 'jsonpath={.items[*].metadata.uid}' >\"$TEST_OUTPUT\"/"

static struct load *load;

static int64_t number(const char *name)
{
    int64_t value = 0;

    assert_true(str_to_int64(variable(name), &value) && value > 0);
    return value;
}

static bool has_answered(void *context)
{
    const int64_t *at_least = context;

    wait_saw("%lld answered", (long long)atomic_load(&load->answered));
    return atomic_load(&load->answered) >= *at_least;
}

static void answer(int64_t requests)
{
    int64_t until = atomic_load(&load->answered) + requests;

    wait_until(has_answered, &until, SECONDS(1800), "requests are answered");
}

static void ask_for(const char *version)
{
    _cleanup_free_ char *command = str_printf(
        "kubectl -n " NS " patch istio " MESH " --type merge -p '{\"spec\": {\"version\": \"%s\"}}' >/dev/null",
        version);

    assert_int_equal(run_shell(command), 0);
}

static void wait_for(const char *version)
{
    _cleanup_free_ char *in_place = str_printf(
        "kubectl -n " NS " get istio " MESH " -o json | jq -e '.status.version == \"%s\" and"
        " .status.Status == \"Available\" and .status.appliedGeneration == .metadata.generation' >/dev/null &&"
        " kubectl -n " NS " get pods -l 'app in (istiod, istio-ingressgateway)' -o json | jq -e '[.items[] |"
        " select(.spec.containers[0].image | endswith(\":%s\") | not)] == []' >/dev/null",
        version,
        version);

    /* The gateways' proxies are of the release, too, and not only their Deployments. */
    must_succeed_within(TO_BE_AVAILABLE, in_place, "the release is installed");
}

static void print_losses(int64_t from)
{
    for (int64_t i = from; i < atomic_load(&load->lost) && i < LOAD_LOSSES; i++)
        print_message("    lost: %s\n", load->losses[i].why);
}

static void change_to(const char *version)
{
    int64_t lost = atomic_load(&load->lost), answered = atomic_load(&load->answered);
    msec_t began = clock_now_monotonic(), taken;

    send_slow_requests();
    assert_int_equal(run_shell(BETWEEN_SIDECARS), 0);
    pause_ms(TO_BE_UNDER_WAY);
    ask_for(version);
    wait_for(version);
    taken = clock_now_monotonic() - began;
    slow_requests_are_answered();
    answer(number("TEST_REQUESTS"));
    must_succeed(BETWEEN_SIDECARS_OVER, "the last requests between sidecars are answered");
    print_message(
        "to %s: %lld ms, %lld answered, %lld lost\n",
        version,
        (long long)taken,
        (long long)(atomic_load(&load->answered) - answered),
        (long long)(atomic_load(&load->lost) - lost));
    print_losses(lost);
    assert_int_equal(atomic_load(&load->lost), lost);
    assert_int_equal(run_shell(ALL_BETWEEN_SIDECARS), 0);
}

static void the_older_release_answers(void **state)
{
    _cleanup_free_ char *spec = str_printf(SPEC, variable("TEST_ISTIO_FORMER")), *address = NULL, *ask = NULL;

    (void)state;
    operator_start();
    mesh_create(spec);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    apply_workloads();
    must_succeed("kubectl -n shop wait --for=condition=Ready pod --all --timeout=60s", "the users' Pods are ready");
    address = gateway_address();
    ask = str_printf("curl -sf -m 5 -H 'Host: echo.example.com' http://%s/ >/dev/null", address);
    must_succeed(ask, "the gateway answers");
    load = load_start(address, "echo.example.com", (int)number("TEST_RATE"));
    answer(100);
    assert_int_equal(atomic_load(&load->lost), 0);
}

static void the_newer_release_comes_without_a_lost_request(void **state)
{
    (void)state;
    change_to(variable("TEST_ISTIO_VERSION"));
}

/* Its Pods cannot start: what runs goes on, and the status says what it waits for. */
static void a_release_that_never_starts_costs_no_request(void **state)
{
    int64_t lost = atomic_load(&load->lost);

    (void)state;
    assert_int_equal(run_shell(GATEWAY_PODS "gateways-before"), 0);
    ask_for(NO_RELEASE);
    must_succeed(
        "kubectl -n " NS " get istio " MESH " -o json | jq -e '.status.Status != \"Available\" and"
        " any(.status.conditions[]; .message | contains(\"istiod\"))' >/dev/null",
        "the status says that istiod does not start");
    answer(number("TEST_REQUESTS"));
    print_losses(lost);
    assert_int_equal(atomic_load(&load->lost), lost);
    assert_int_equal(
        run_shell("for uid in $(cat \"$TEST_OUTPUT\"/gateways-before); do kubectl -n " NS
                  " get pods -o json | grep -q $uid || exit 1; done"),
        0);
    change_to(variable("TEST_ISTIO_VERSION"));
}

static void the_older_release_comes_back_without_a_lost_request(void **state)
{
    (void)state;
    change_to(variable("TEST_ISTIO_FORMER"));
    load_end(load);
    load_free(load);
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_release_answers),
        cmocka_unit_test(the_newer_release_comes_without_a_lost_request),
        cmocka_unit_test(a_release_that_never_starts_costs_no_request),
        cmocka_unit_test(the_older_release_comes_back_without_a_lost_request),
    };

    return cmocka_run_group_tests_name("cluster versions", tests, set_up_shop, harness_teardown);
}
