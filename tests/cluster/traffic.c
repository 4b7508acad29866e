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
#include "harness.h"
#include "load.h"
#include "scripts.h"
#include "today.h"

/* Where a busy machine is slow, a request is late and not lost. */
#define TO_ANSWER SECONDS(120)
#define TO_BE_ANSWERED SECONDS(2700)
#define TO_BE_AVAILABLE SECONDS(300)
#define TO_BE_UNDER_WAY SECONDS(2)
#define TO_BE_MISSED SECONDS(30)
#define STREAMS "streams"

/* Of one of the two loads. */
struct counted {
    const char *what;
    struct load *load;
    int64_t answered, lost; /* when the change began */
};

static const char *const hosts[] = {"pair.example.com", "lone.example.com", NULL};
static struct load_requests short_requests = {.hosts = hosts, .path = "/", .patience = TO_ANSWER};
static const struct load_requests slow_requests = {
    .hosts = hosts, .path = "/?delay=20s", .rate = 1, .patience = TO_ANSWER};
static struct counted all[] = {{.what = "short"}, {.what = "of 20 s"}};
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
    all[0].load = load_start(address, &short_requests);
    all[1].load = load_start(address, &slow_requests);
    load_wait_answered(all[0].load, 100, TO_BE_ANSWERED);
    assert_int_equal(atomic_load(&all[0].load->lost), 0);
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
    _cleanup_free_ char *streams = str_printf("%s grpc.example.com 4", address);

    began = clock_now_monotonic();
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i].answered = atomic_load(&all[i].load->answered);
        all[i].lost = atomic_load(&all[i].load->lost);
    }
    script_begin("grpc-streams", STREAMS, streams);
    calls_begin("pair lone");
    pause_ms(TO_BE_UNDER_WAY);
}

bool traffic_has_answered(int64_t requests)
{
    return atomic_load(&all[0].load->answered) - all[0].answered >= requests;
}

static int64_t lost_since(const struct counted *c)
{
    for (int64_t i = c->lost; i < atomic_load(&c->load->lost) && i < LOAD_LOSSES; i++)
        print_message(
            "    lost %lld ms after the change began: %s\n",
            (long long)(c->load->losses[i].at - began),
            c->load->losses[i].why);
    return atomic_load(&c->load->lost) - c->lost;
}

int64_t traffic_change_ended(const char *what, int64_t requests)
{
    msec_t taken = clock_now_monotonic() - began;
    int64_t lost = 0;

    load_wait_answered(all[0].load, all[0].answered + requests, TO_BE_ANSWERED);
    script_end(STREAMS);
    print_message("%s, in %lld ms:\n", what, (long long)taken);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        print_message(
            "  %s: %lld answered, %lld lost\n",
            all[i].what,
            (long long)(atomic_load(&all[i].load->answered) - all[i].answered),
            (long long)(atomic_load(&all[i].load->lost) - all[i].lost));
        lost += lost_since(&all[i]);
    }
    lost += script_count(
        "streams of gRPC",
        STREAMS,
        "streams",
        "/^whole/ { whole++ } /^lost/ { lost++ } END { print whole + 0, lost + 0 }",
        "/^lost/ { print \"    \" $0 }");
    lost += calls_ended();
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
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        load_end(all[i].load);
        load_free(all[i].load);
    }
    free(address);
}
