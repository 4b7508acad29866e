#include "traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "calls.h"
#include "harness.h"
#include "load.h"
#include "streams.h"
#include "today.h"

/* Where a busy machine is slow, a request is late and not lost. */
#define TO_ANSWER SECONDS(120)
#define TO_BE_ANSWERED SECONDS(2700)
#define TO_BE_AVAILABLE SECONDS(300)
#define TO_BE_UNDER_WAY SECONDS(2)
#define TO_BE_MISSED SECONDS(30)

/* Of one of the loads. */
struct counted {
    const char *what;
    struct load *load;
    int64_t answered, lost; /* when the change began */
};

static const char *const hosts[] = {"pair.example.com", "lone.example.com", NULL};
static struct load_requests short_requests = {.hosts = hosts, .path = "/", .patience = TO_ANSWER};
static const struct load_requests slow_requests = {
    .hosts = hosts, .path = "/?delay=20s", .rate = 1, .patience = TO_ANSWER};
enum { SHORT, SLOW, STREAMS };
static struct counted all[] = {
    [SHORT] = {.what = "short"}, [SLOW] = {.what = "of 20 s"}, [STREAMS] = {.what = "streams of gRPC"}};
static char *address;
static msec_t began;

void traffic_start(void)
{
    _cleanup_free_ char *apply = str_printf(
        "sed 's/ISTIO_VERSION/%s/' \"$(dirname '%s')\"/today-upgrades.yaml | kubectl apply -f -",
        variable("TEST_ISTIO_VERSION"),
        variable("TEST_WORKLOADS"));

    must_succeed(apply, "the services are there");
    must_succeed(
        "kubectl -n shop wait --for=condition=Available deployment --all --timeout=120s", "the services are ready");
    address = gateway_address();
    for (const char *const *host = hosts; *host; host++) {
        _cleanup_free_ char *ask = str_printf("curl -sf -m 5 -H 'Host: %s' http://%s/ >/dev/null", *host, address);
        must_succeed(ask, "the gateway answers");
    }
    short_requests.rate = (int)number("TEST_RATE");
    all[SHORT].load = load_start(address, &short_requests);
    all[SLOW].load = load_start(address, &slow_requests);
    load_wait_answered(all[SHORT].load, 100, TO_BE_ANSWERED);
    assert_int_equal(atomic_load(&all[SHORT].load->lost), 0);
}

void traffic_start_in_former(const char *spec)
{
    _cleanup_free_ char *of_version = str_printf(spec, variable("TEST_ISTIO_FORMER"));

    operator_start();
    mesh_create(of_version);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    traffic_start();
}

void traffic_change_begins(void)
{
    began = clock_now_monotonic();
    all[STREAMS].load = streams_start(address, "grpc.example.com");
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i].answered = atomic_load(&all[i].load->answered);
        all[i].lost = atomic_load(&all[i].load->lost);
    }
    calls_begin("pair lone");
    pause_ms(TO_BE_UNDER_WAY);
}

bool traffic_has_answered(int64_t requests)
{
    return atomic_load(&all[SHORT].load->answered) - all[SHORT].answered >= requests;
}

int64_t traffic_change_ended(const char *what, int64_t requests)
{
    msec_t taken = clock_now_monotonic() - began;
    int64_t lost;

    load_wait_answered(all[SHORT].load, all[SHORT].answered + requests, TO_BE_ANSWERED);
    load_end(all[STREAMS].load);
    print_message("%s, in %lld ms:\n", what, (long long)taken);
    lost = calls_ended();
    /* Now: what is lost while the last of the others end is a loss of this change. */
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int64_t of_these = atomic_load(&all[i].load->lost) - all[i].lost;
        print_message(
            "  %s: %lld answered, %lld lost\n",
            all[i].what,
            (long long)(atomic_load(&all[i].load->answered) - all[i].answered),
            (long long)of_these);
        load_explain_losses(all[i].load, all[i].lost, began);
        lost += of_these;
    }
    assert_true(atomic_load(&all[STREAMS].load->answered) > 0);
    load_free(all[STREAMS].load);
    return lost;
}

void traffic_change_cost_nothing(const char *what, int64_t requests)
{
    assert_int_equal(traffic_change_ended(what, requests), 0);
}

int64_t traffic_requests(void)
{
    return number("TEST_REQUESTS");
}

/* By the Pod that a process is of: other clusters on this machine have their own. */
#define SIGNAL_ISTIOD(signal)                                                                                          \
    "signalled=1; for uid in $(kubectl -n " NS " get pods -l app=istiod -o 'jsonpath={.items[*].metadata.uid}'); do"   \
    " for process in $(pgrep -x pilot-discovery); do grep -q \"$uid\" /proc/$process/cgroup &&"                        \
    " kill -" signal " $process && signalled=0; done; done; exit $signalled"

void traffic_without_istiod(void)
{
    assert_int_equal(run_shell(SIGNAL_ISTIOD("STOP")), 0);
    must_succeed(
        "kubectl -n " NS " get deployments -l app=istiod -o json |"
        " jq -e '[.items[].status.availableReplicas // 0] | add == 0' >/dev/null",
        "no istiod answers");
    pause_ms(TO_BE_MISSED);
    assert_int_equal(run_shell(SIGNAL_ISTIOD("CONT")), 0);
}

void traffic_end(void)
{
    for (size_t i = SHORT; i <= SLOW; i++) {
        load_end(all[i].load);
        load_free(all[i].load);
    }
    free(address);
}
