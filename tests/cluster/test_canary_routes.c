/*
 * What a Canary's routes do with today's Istio: requests that match, clients that stay, and routes of the user's own
 * VirtualService, while requests go through the gateway. The tests are the stages of one life, in this order.
 *
 * The variables are those of canary.h; TEST_REQUESTS are answered in all.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "canary.h"
#include "doc/doc.h"
#include "harness.h"
#include "today.h"

#define REQUESTS 20
#define TESTER "-H 'x-tester: yes'"
#define COOKIE "shop"
/* Until all proxies know a route. */
#define TO_BE_KNOWN SECONDS(3)

#define APART                                                                                                          \
    "\"sessionAffinity\": {\"cookieName\": \"" COOKIE "\"}, \"steps\": ["                                              \
    "{\"match\": [{\"headers\": {\"x-tester\": {\"exact\": \"yes\"}}}]}, {\"approve\": true},"                         \
    " {\"weight\": 30}, {\"approve\": true}]"
#define OWN "\"virtualServiceRef\": {\"name\": \"" CART "\"}"

static json_t *route_before;
static char *address, *cookie;

/* How many of REQUESTS, sent with these options of curl, the new version answers; every one has to be answered. */
static int at_canary(const char *options)
{
    _cleanup_free_ char *command = str_printf(
        "for i in $(seq %d) ; do curl -sf -m 30 -H 'Host: cart.example.com' %s http://%s/ || echo Hostname=lost ; done "
        "|"
        " awk -F= '/^Hostname=lost/ {lost++} /^Hostname=cart-primary-/ {next} /^Hostname=cart-/ {n++}"
        " END {print lost ? -1 : n + 0}'",
        REQUESTS,
        options,
        address);
    _cleanup_free_ char *line = canary_line(command);
    int64_t count = -1;

    assert_true(str_to_int64(line, &count));
    return (int)count;
}

static bool are_all_at_canary(void *options)
{
    int count = at_canary(options);

    wait_saw("%d of %d requests are at the new version", count, REQUESTS);
    return count == REQUESTS;
}

/* A step without requests of its own is not found good: these are sent meanwhile. */
static bool waits_for_approval(void *options)
{
    _cleanup_free_ char *reason = canary_status("reason");

    (void)at_canary(options);
    wait_saw("reason %s", reason);
    return str_eq(reason, "WaitingForApproval");
}

/* What an answer says of the cookie; owned by the caller. */
static char *set_cookie(const char *options)
{
    _cleanup_free_ char *command = str_printf(
        "curl -sf -m 30 -o /dev/null -D - -H 'Host: cart.example.com' %s http://%s/ | tr -d '\\r' |"
        " sed -n 's/^set-cookie: //Ip' | grep '^" COOKIE "=' || echo none",
        options,
        address);

    return canary_line(command);
}

static void a_deployment_is_taken_over(void **state)
{
    (void)state;
    canary_shop_opens();
    address = gateway_address();
    route_before = cluster_get(&virtual_service_kind, SHOP, CART);
    canary_change_begins("taken over");
    canary_create(AT_GATEWAY, APART);
    canary_wait_phase("Initialized");
    (void)canary_change_ended();
}

static void testers_get_the_new_version_and_nobody_else(void **state)
{
    (void)state;
    canary_change_begins("testers first");
    canary_release("v2", NULL);
    wait_until(are_all_at_canary, (void *)TESTER, TO_END, "testers get the new version");
    assert_int_equal(at_canary(""), 0);
    wait_until(waits_for_approval, (void *)TESTER, TO_END, "a person is waited for");
    assert_int_equal(at_canary(""), 0);
    assert_int_equal(at_canary(TESTER), REQUESTS);
    (void)canary_change_ended();
}

static bool gets_cookie(void *context)
{
    (void)context;
    free(cookie);
    cookie = set_cookie("");
    wait_saw("cookie %s", cookie);
    return str_starts(cookie, COOKIE "=");
}

static void clients_stay_at_the_new_version(void **state)
{
    _cleanup_free_ char *option = NULL;

    (void)state;
    canary_change_begins("clients stay");
    canary_command("approve");
    canary_wait_route(30);
    wait_until(gets_cookie, NULL, TO_END, "a client is led to the new version, and gets a cookie");
    option = str_printf("-b 'theme=dark; %.*s'", (int)strcspn(cookie, ";"), cookie);
    assert_int_equal(at_canary(option), REQUESTS);
    assert_int_equal(at_canary(TESTER), REQUESTS);
    assert_true(at_canary("") < REQUESTS);
    (void)canary_change_ended();
}

static void no_client_stays_when_the_release_is_aborted(void **state)
{
    _cleanup_free_ char *option = str_printf("-b '%.*s'", (int)strcspn(cookie, ";"), cookie), *taken = NULL;

    (void)state;
    canary_change_begins("aborted");
    canary_command("abort");
    canary_wait_phase("Failed");
    canary_wait_route(0);
    pause_ms(TO_BE_KNOWN);
    assert_int_equal(at_canary(option), 0);
    assert_int_equal(at_canary(TESTER), 0);
    taken = set_cookie(option);
    assert_string_equal(taken, COOKIE "=; Path=/; Max-Age=0");
    (void)canary_change_ended();
}

/* The cookie of the attempt before leads nowhere in the next one. */
static void the_next_attempt_is_promoted(void **state)
{
    _cleanup_free_ char *option = str_printf("-b '%.*s'", (int)strcspn(cookie, ";"), cookie), *version = NULL;

    (void)state;
    canary_change_begins("tried again");
    canary_command("retry");
    canary_wait_phase("Progressing");
    wait_until(are_all_at_canary, (void *)TESTER, TO_END, "testers get the new version");
    assert_int_equal(at_canary(option), 0);
    wait_until(waits_for_approval, (void *)TESTER, TO_END, "a person is waited for");
    canary_command("approve");
    canary_wait_route(30);
    wait_until(waits_for_approval, (void *)TESTER, TO_END, "a person is waited for");
    canary_command("approve");
    canary_wait_phase("Succeeded");
    version = canary_version_of(PRIMARY);
    assert_string_equal(version, "v2");
    assert_int_equal(at_canary(TESTER), 0);
    (void)canary_change_ended();
}

static void expect_route(const json_t *spec)
{
    _cleanup_json_ json_t *route = cluster_get(&virtual_service_kind, SHOP, CART);

    assert_true(json_equal(doc_at(route, "spec"), spec));
    assert_true(json_equal(doc_at(route, "metadata", "labels"), doc_at(route_before, "metadata", "labels")));
}

static void the_virtual_service_is_given_back(void **state)
{
    (void)state;
    canary_change_begins("deleted");
    canary_delete();
    expect_route(doc_at(route_before, "spec"));
    (void)canary_change_ended();
}

/* The route as it is to be around its destinations: what the user says of it since. */
static void expect_rest(const char *timeout)
{
    _cleanup_json_ json_t *route = cluster_get(&virtual_service_kind, SHOP, CART);
    _cleanup_json_ json_t *spec = doc_copy(doc_at(route, "spec")), *before = doc_copy(doc_at(route_before, "spec"));
    json_t *is = json_array_get(doc_at(spec, "http"), 0), *was = json_array_get(doc_at(before, "http"), 0);

    assert_int_equal(json_array_size(doc_at(is, "route")), 2);
    json_object_del(is, "route");
    json_object_del(was, "route");
    json_object_set_new(was, "timeout", json_string(timeout));
    assert_true(json_equal(spec, before));
}

static void a_release_works_within_the_users_virtual_service(void **state)
{
    _cleanup_free_ char *version = NULL;
    _cleanup_json_ json_t *after = doc_copy(doc_at(route_before, "spec"));

    (void)state;
    canary_change_begins("within the user's VirtualService");
    canary_create(OWN, FIVE_STEPS);
    canary_wait_phase("Initialized");
    expect_rest("30s");
    canary_release("v3", NULL);
    canary_wait_route(IN_THE_MIDDLE);
    expect_rest("30s");
    must_succeed(
        "kubectl -n " SHOP " patch virtualservice " CART " --type json -p"
        " '[{\"op\": \"replace\", \"path\": \"/spec/http/0/timeout\", \"value\": \"40s\"}]' >&2",
        "the user changes the time-out");
    canary_wait_phase("Succeeded");
    expect_rest("40s");
    version = canary_version_of(PRIMARY);
    assert_string_equal(version, "v3");
    canary_delete();
    json_object_set_new(json_array_get(doc_at(after, "http"), 0), "timeout", json_string("40s"));
    expect_route(after);
    (void)canary_change_ended();
}

/* What a stage that failed left does not hold up the namespace's end. */
static void all_requests_were_answered(void **state)
{
    (void)state;
    canary_delete();
    canary_shop_closes();
    json_decref(route_before);
    free(address);
    free(cookie);
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deployment_is_taken_over),
        cmocka_unit_test(testers_get_the_new_version_and_nobody_else),
        cmocka_unit_test(clients_stay_at_the_new_version),
        cmocka_unit_test(no_client_stays_when_the_release_is_aborted),
        cmocka_unit_test(the_next_attempt_is_promoted),
        cmocka_unit_test(the_virtual_service_is_given_back),
        cmocka_unit_test(a_release_works_within_the_users_virtual_service),
        cmocka_unit_test(all_requests_were_answered),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster canary routes", tests, set_up_shop, harness_teardown);
}
