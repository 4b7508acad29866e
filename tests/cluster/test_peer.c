/*
 * The same requests while another installer changes the release of today's Istio: `istioctl install` of the newer one,
 * then `kubectl rollout restart`. Measured, to compare with: nothing is asserted about what it loses.
 *
 * The variables are those of traffic.h; TEST_ISTIO_FORMER is the older release, TEST_ISTIOCTL and TEST_ISTIOCTL_FORMER
 * are the paths of both releases' istioctl.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"
#include "today.h"
#include "traffic.h"

#define STRICT                                                                                                         \
    "{\"apiVersion\": \"security.istio.io/v1\", \"kind\": \"PeerAuthentication\", \"metadata\": {\"name\": "           \
    "\"default\","                                                                                                     \
    " \"namespace\": \"" NS "\"}, \"spec\": {\"mtls\": {\"mode\": \"STRICT\"}}}"

static void install(const char *istioctl, const char *version)
{
    _cleanup_free_ char *command = str_printf(
        "echo '{apiVersion: install.istio.io/v1alpha1, kind: IstioOperator, spec: {tag: %s, hub: docker.io/istio,"
        " meshConfig: {defaultProviders: {metrics: []}}}}' >\"$TEST_OUTPUT\"/peer.yaml &&"
        " '%s' install -y -f \"$TEST_OUTPUT\"/peer.yaml >\"$TEST_OUTPUT\"/peer.log 2>&1",
        version,
        istioctl);

    assert_int_equal(run_shell(command), 0);
}

static void the_peer_installs_the_older_release(void **state)
{
    (void)state;
    install(variable("TEST_ISTIOCTL_FORMER"), variable("TEST_ISTIO_FORMER"));
    must_succeed("echo '" STRICT "' | kubectl apply -f -", "mutual TLS is asked for");
    must_succeed("kubectl label --overwrite namespace shop istio-injection=enabled", "the namespace is labelled");
    traffic_start();
}

static void the_peer_changes_the_release(void **state)
{
    (void)state;
    traffic_change_begins();
    install(variable("TEST_ISTIOCTL"), variable("TEST_ISTIO_VERSION"));
    assert_int_equal(run_shell("kubectl -n shop rollout restart deployment >&2"), 0);
    assert_int_equal(
        run_shell("for name in $(kubectl -n shop get deployments -o name); do"
                  " kubectl -n shop rollout status \"$name\" --timeout=300s >&2 || exit 1; done"),
        0);
    (void)traffic_change_ended("the peer, to the newer release", traffic_requests());
    traffic_end();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_installs_the_older_release),
        cmocka_unit_test(the_peer_changes_the_release),
    };

    return cmocka_run_group_tests_name("cluster peer", tests, set_up_shop, harness_teardown);
}
