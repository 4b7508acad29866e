/*
 * Requests through the gateway of today's Istio, at a steady rate, while every object of the mesh is deleted once and
 * comes back: which of them cost a request?
 *
 * TEST_ISTIO_VERSION and TEST_WORKLOADS as for test_today; TEST_REQUESTS are answered in all, TEST_RATE of them a
 * second.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "harness.h"
#include "healing.h"
#include "load.h"
#include "today.h"

#define TO_BE_AVAILABLE SECONDS(180)
#define GATEWAY "istio-ingressgateway"
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"shop\"], \"mtls\": true,"                                   \
    " \"meshConfig\": {\"defaultProviders\": {\"metrics\": []}}}"

static const char *const hosts[] = {"echo.example.com", NULL};
static struct load_requests asked = {.hosts = hosts, .path = "/", .patience = SECONDS(30)};
static struct load *load;

/* Which objects no operator can restore without a loss; docs/reliability.md says why. */
static bool is_the_way_itself(const struct target *t)
{
    return str_eq(t->name, GATEWAY) && (str_eq(t->kind->kind, "Deployment") || str_eq(t->kind->kind, "Service"));
}

/* The users' routes go with their definition, and do not come back. */
static bool has_users_objects(const struct target *t)
{
    return str_eq(t->kind->kind, "CustomResourceDefinition");
}

/* How many requests were lost. */
static int64_t delete_and_wait(const struct target *t, int64_t requests)
{
    int64_t lost = atomic_load(&load->lost), answered = atomic_load(&load->answered);
    msec_t began = clock_now_monotonic(), back;

    cluster_delete(t->kind, t->ns, t->name);
    wait_until(target_is_back, (void *)t, PATIENCE, "the deleted object is back");
    back = clock_now_monotonic();
    if (is_the_way_itself(t)) {
        _cleanup_free_ char *address = gateway_address();
        load_follow(load, address);
    }
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    load_wait_answered(load, answered + requests, SECONDS(600));
    print_message(
        "%-32s %-44s back after %4lld ms, %5lld answered, %lld lost\n",
        t->kind->kind,
        t->name,
        (long long)(back - began),
        (long long)(atomic_load(&load->answered) - answered),
        (long long)(atomic_load(&load->lost) - lost));
    load_explain_losses(load, lost, began);
    return atomic_load(&load->lost) - lost;
}

static void it_is_available_and_answers(void **state)
{
    _cleanup_free_ char *spec = str_printf(SPEC, variable("TEST_ISTIO_VERSION")), *address = NULL, *ask = NULL;

    (void)state;
    operator_start();
    mesh_create(spec);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    apply_workloads();
    must_succeed("kubectl -n shop wait --for=condition=Ready pod --all --timeout=60s", "the users' Pods are ready");
    address = gateway_address();
    ask = str_printf("curl -sf -m 5 -H 'Host: echo.example.com' http://%s/ >/dev/null", address);
    must_succeed(ask, "the gateway answers");
    asked.rate = (int)number("TEST_RATE");
    load = load_start(address, &asked);
    load_wait_answered(load, 100, PATIENCE);
    assert_int_equal(atomic_load(&load->lost), 0);
}

static void no_request_is_lost_while_objects_are_deleted(void **state)
{
    _cleanup_json_ json_t *objects = mesh_objects_in_cluster();
    int64_t share = number("TEST_REQUESTS") / (int64_t)json_array_size(objects) + 1, lost = 0;
    json_t *item;
    size_t i;

    (void)state;
    json_array_foreach(objects, i, item) {
        struct target t = target_of(item);
        if (!is_the_way_itself(&t) && !has_users_objects(&t))
            lost += delete_and_wait(&t, share);
    }
    load_wait_answered(load, number("TEST_REQUESTS"), SECONDS(1800));
    print_message("%lld answered, %lld lost\n", (long long)atomic_load(&load->answered), (long long)lost);
    assert_int_equal(lost, 0);
}

/* Measured, not promised. */
static void the_gateway_itself_comes_back(void **state)
{
    _cleanup_json_ json_t *objects = mesh_objects_in_cluster();
    json_t *item;
    size_t i, seen = 0;

    (void)state;
    json_array_foreach(objects, i, item) {
        struct target t = target_of(item);
        if (!is_the_way_itself(&t))
            continue;
        (void)delete_and_wait(&t, 1000);
        seen++;
    }
    assert_int_equal(seen, 2);
    load_end(load);
    load_free(load);
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_available_and_answers),
        cmocka_unit_test(no_request_is_lost_while_objects_are_deleted),
        cmocka_unit_test(the_gateway_itself_comes_back),
    };

    return cmocka_run_group_tests_name("cluster traffic", tests, set_up_shop, harness_teardown);
}
