/*
 * Requests while all workloads get other sidecars, and while a control plane of another release takes over beside the
 * former one, there and back. The variables are those of traffic.h; TEST_ISTIO_FORMER is the older release.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"
#include "today.h"
#include "traffic.h"

#define TO_BE_RENEWED SECONDS(600)
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"shop\"], \"mtls\": true,"                                   \
    " \"sidecarRenewal\": {\"mode\": \"Automatic\", \"delay\": \"1s\"}, \"upgrade\": {\"formerGracePeriod\": \"5s\"}," \
    " \"meshConfig\": {\"accessLogFile\": \"/dev/stdout\", \"defaultProviders\": {\"metrics\": []}}}"
#define TO_NEWER "{\"spec\": {\"version\": \"%s\", \"revision\": \"newer\"}}"
#define TO_FORMER "{\"spec\": {\"version\": \"%s\", \"revision\": null}}"
/* All is in place, and no Pod has a former sidecar. */
#define IN_PLACE                                                                                                       \
    "kubectl -n " NS " get istio " MESH " -o json | jq -e '.status.Status == \"Available\" and"                        \
    " .status.appliedGeneration == .metadata.generation and .status.sidecars.outdated == 0 and"                        \
    " .status.sidecarRenewal.phase == \"Current\"' >/dev/null"
/* Of every Pod of the shop, and of every gateway, that is not about to end: by the proxy that it has. */
#define PROXIES_NOT_OF                                                                                                 \
    "kubectl get pods -A -o json | jq -c '[.items[] | select(.metadata.deletionTimestamp == null) | {pod:"             \
    " .metadata.name, revision: .metadata.annotations[\"istio.io/rev\"], image: ((.spec.initContainers // []) +"       \
    " .spec.containers)[] | select(.name == \"istio-proxy\").image} | select(.revision != \"%s\" or (.image |"         \
    " endswith(\":%s\") | not))]'"

/* What a Pod's proxy asks for; by another amount every sidecar is outdated. */
static void ask_for_cpu(const char *cpu)
{
    _cleanup_free_ char *patch =
        str_printf("{\"spec\": {\"proxy\": {\"resources\": {\"requests\": {\"cpu\": \"%s\"}}}}}", cpu);

    cluster_patch(ISTIO, NS, MESH, patch);
}

static void wait_for_cpu(const char *cpu)
{
    _cleanup_free_ char *renewed = str_printf(
        IN_PLACE
        " && test \"$(kubectl -n shop get pods -o json | jq -c '[.items[] | select(.metadata.deletionTimestamp =="
        " null) | (.spec.initContainers + .spec.containers)[] | select(.name == \"istio-proxy\") |"
        " .resources.requests.cpu] | unique')\" = '[\"%s\"]'",
        cpu);

    must_succeed_within(TO_BE_RENEWED, renewed, "all sidecars are renewed");
}

static void the_older_release_answers(void **state)
{
    (void)state;
    traffic_start_in_former(SPEC);
}

static void all_workloads_are_renewed_without_a_lost_request(void **state)
{
    _cleanup_free_ char *what = NULL;
    int rounds = 0;

    (void)state;
    traffic_change_begins();
    for (; !traffic_has_answered(traffic_requests()); rounds++) {
        _cleanup_free_ char *cpu = str_printf("%dm", 11 + rounds);
        ask_for_cpu(cpu);
        wait_for_cpu(cpu);
    }
    what = str_printf("%d renewals of all workloads", rounds);
    traffic_change_cost_nothing(what, TRAFFIC_REQUESTS_FEW);
}

/* New Pods wait for it, and those that they replace go on. */
static void an_istiod_that_stops_answering_costs_no_request(void **state)
{
    (void)state;
    traffic_change_begins();
    ask_for_cpu("10m");
    must_succeed_within(
        SECONDS(120),
        "kubectl -n " NS " get istio " MESH " -o 'jsonpath={.status.sidecarRenewal.renewing[*].name}' | grep -q .",
        "a workload is restarted");
    traffic_without_istiod();
    wait_for_cpu("10m");
    traffic_change_cost_nothing("renewal while istiod does not answer", TRAFFIC_REQUESTS_FEW);
}

/* `revision` as Istio calls it; the former control plane goes when it has no Pod any more. */
static void move_to(const char *version, const char *revision, const char *patch)
{
    _cleanup_free_ char *moved = str_printf(
        IN_PLACE
        " && test \"$(" PROXIES_NOT_OF ")\" = '[]' && test \"$(kubectl -n " NS
        " get deployments -l app=istiod -o json | jq -r '.items[].metadata.labels[\"istio.io/rev\"]')\" = '%s'",
        revision,
        version,
        revision);
    _cleanup_free_ char *content = str_printf(patch, version);

    cluster_patch(ISTIO, NS, MESH, content);
    must_succeed_within(TO_BE_RENEWED, moved, "all of the mesh has moved");
}

static void another_revision_takes_over_and_back_without_a_lost_request(void **state)
{
    const char *newer = variable("TEST_ISTIO_VERSION"), *former = variable("TEST_ISTIO_FORMER");
    _cleanup_free_ char *what = NULL;
    int rounds = 0;

    (void)state;
    traffic_change_begins();
    for (; !traffic_has_answered(2 * traffic_requests()); rounds++) {
        move_to(newer, "newer", TO_NEWER);
        move_to(former, "default", TO_FORMER);
    }
    what = str_printf("%d times to %s beside %s and back", rounds, newer, former);
    traffic_change_cost_nothing(what, TRAFFIC_REQUESTS_FEW);
}

#define PODS_OF_USERS_AND_GATEWAYS                                                                                     \
    "kubectl get pods -A -o json | jq -c '[.items[] | select(.metadata.deletionTimestamp == null and"                  \
    " .metadata.labels.app != \"istiod\").metadata.uid] | sort'"

/* Its Pods cannot start: nothing moves, the status says what it waits for, and what was made for it is deleted. */
static void a_revision_that_never_starts_costs_no_request(void **state)
{
    (void)state;
    assert_int_equal(run_shell(PODS_OF_USERS_AND_GATEWAYS " >\"$TEST_OUTPUT\"/pods-before"), 0);
    traffic_change_begins();
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"version\": \"" TRAFFIC_NO_RELEASE "\", \"revision\": \"broken\"}}");
    must_succeed(
        "kubectl -n " NS " get istio " MESH " -o json | jq -e '.status.Status != \"Available\" and"
        " any(.status.conditions[]; .message | contains(\"istiod-broken\"))' >/dev/null",
        "the status says that istiod does not start");
    traffic_change_cost_nothing("to a revision that never starts", TRAFFIC_REQUESTS_FEW);
    assert_int_equal(run_shell(PODS_OF_USERS_AND_GATEWAYS " | cmp - \"$TEST_OUTPUT\"/pods-before"), 0);
    move_to(variable("TEST_ISTIO_FORMER"), "default", TO_FORMER);
    assert_int_equal(run_shell(PODS_OF_USERS_AND_GATEWAYS " | cmp - \"$TEST_OUTPUT\"/pods-before"), 0);
}

static void it_ends(void **state)
{
    (void)state;
    traffic_end();
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_release_answers),
        cmocka_unit_test(all_workloads_are_renewed_without_a_lost_request),
        cmocka_unit_test(an_istiod_that_stops_answering_costs_no_request),
        cmocka_unit_test(another_revision_takes_over_and_back_without_a_lost_request),
        cmocka_unit_test(a_revision_that_never_starts_costs_no_request),
        cmocka_unit_test(it_ends),
    };

    return cmocka_run_group_tests_name("cluster revisions", tests, set_up_shop, harness_teardown);
}
