#include "today.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "harness.h"

const char *variable(const char *name)
{
    const char *value = getenv(name);

    assert_non_null(value);
    return value;
}

int64_t number(const char *name)
{
    int64_t value = 0;

    assert_true(str_to_int64(variable(name), &value) && value > 0);
    return value;
}

static bool succeeds(void *command)
{
    return run_shell(command) == 0;
}

void must_succeed_within(msec_t time, const char *command, const char *what)
{
    wait_until(succeeds, (void *)command, time, what);
}

void must_succeed(const char *command, const char *what)
{
    must_succeed_within(PATIENCE, command, what);
}

char *gateway_address(void)
{
    _cleanup_json_ json_t *service = cluster_get(kind_of("v1", "Service"), NS, "istio-ingressgateway");

    return str_dup(str_or(doc_string(service, "spec", "clusterIP"), ""));
}

int set_up_shop(void **state)
{
    setenv("KUBECONFIG", variable("TEST_KUBECONFIG"), 1);
    if (harness_setup(state) < 0)
        return -1;
    /* Of a program before. */
    return run_shell(
        "kubectl delete namespace shop outside --ignore-not-found --timeout=180s && kubectl create namespace shop");
}

void apply_workloads(void)
{
    _cleanup_free_ char *apply = str_printf(
        "sed 's/ISTIO_VERSION/%s/' '%s' | kubectl apply -f -",
        variable("TEST_ISTIO_VERSION"),
        variable("TEST_WORKLOADS"));

    must_succeed(apply, "the users' objects are there");
}
