/*
 * Requests while the release of today's Istio changes in place, there and back. The variables are those of traffic.h;
 * TEST_ISTIO_FORMER is the older release.
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
#include "today.h"
#include "traffic.h"

#define TO_BE_AVAILABLE SECONDS(300)
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"shop\"], \"mtls\": true,"                                   \
    " \"meshConfig\": {\"accessLogFile\": \"/dev/stdout\", \"defaultProviders\": {\"metrics\": []}}}"
/* Or were, on a machine where this comes late. */
#define GATEWAYS_ARE_REPLACED                                                                                          \
    "kubectl -n " NS " get istio " MESH " -o 'jsonpath={.status.upgrade.phase}' | grep -qE 'Gateways|Sidecars'"
#define GATEWAY_PODS                                                                                                   \
    "kubectl -n " NS " get pods -l istio=ingressgateway -o 'jsonpath={.items[*].metadata.uid}' >\"$TEST_OUTPUT\"/"
#define GATEWAYS_ARE_THE_SAME                                                                                          \
    "for uid in $(cat \"$TEST_OUTPUT\"/gateways-before); do kubectl -n " NS                                            \
    " get pods -o json | grep -q $uid || exit 1; done"

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

static void the_older_release_answers(void **state)
{
    (void)state;
    traffic_start_in_former(SPEC);
}

static void the_release_changes_and_changes_back_without_a_lost_request(void **state)
{
    _cleanup_free_ char *what = NULL;
    int rounds = 0;

    (void)state;
    traffic_change_begins();
    for (; !traffic_has_answered(2 * traffic_requests()); rounds++) {
        ask_for(variable("TEST_ISTIO_VERSION"));
        wait_for(variable("TEST_ISTIO_VERSION"));
        ask_for(variable("TEST_ISTIO_FORMER"));
        wait_for(variable("TEST_ISTIO_FORMER"));
    }
    what = str_printf(
        "%d times to %s and back to %s", rounds, variable("TEST_ISTIO_VERSION"), variable("TEST_ISTIO_FORMER"));
    traffic_change_cost_nothing(what, TRAFFIC_REQUESTS_FEW);
}

/* Its Pods cannot start: what runs goes on, and the status says what it waits for. */
static void a_release_that_never_starts_costs_no_request(void **state)
{
    (void)state;
    assert_int_equal(run_shell(GATEWAY_PODS "gateways-before"), 0);
    traffic_change_begins();
    ask_for(TRAFFIC_NO_RELEASE);
    must_succeed(
        "kubectl -n " NS " get istio " MESH " -o json | jq -e '.status.Status != \"Available\" and"
        " any(.status.conditions[]; .message | contains(\"istiod\"))' >/dev/null",
        "the status says that istiod does not start");
    traffic_change_cost_nothing("to a release that never starts", TRAFFIC_REQUESTS_FEW);
    assert_int_equal(run_shell(GATEWAYS_ARE_THE_SAME), 0);
    ask_for(variable("TEST_ISTIO_FORMER"));
    wait_for(variable("TEST_ISTIO_FORMER"));
    assert_int_equal(run_shell(GATEWAYS_ARE_THE_SAME), 0);
}

/* The gateways' new Pods wait for it, and those that they replace go on. */
static void an_istiod_that_stops_answering_costs_no_request(void **state)
{
    const char *version = variable("TEST_ISTIO_VERSION");

    (void)state;
    traffic_change_begins();
    ask_for(version);
    must_succeed_within(TO_BE_AVAILABLE, GATEWAYS_ARE_REPLACED, "the new control plane is available");
    traffic_without_istiod();
    wait_for(version);
    traffic_change_cost_nothing("while istiod does not answer", TRAFFIC_REQUESTS_FEW);
    traffic_end();
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_release_answers),
        cmocka_unit_test(the_release_changes_and_changes_back_without_a_lost_request),
        cmocka_unit_test(a_release_that_never_starts_costs_no_request),
        cmocka_unit_test(an_istiod_that_stops_answering_costs_no_request),
    };

    return cmocka_run_group_tests_name("cluster versions", tests, set_up_shop, harness_teardown);
}
