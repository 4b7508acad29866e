/*
 * Two operators, of which one leads and the other stands by: never two that write, whatever becomes of the leader.
 *
 * No node is needed: what counts is what is written.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "kube/lease.h"
#include "reconcile/leadership.h"

/* Short, so that the tests are; the defaults are a test of their own. */
#define DURATION SECONDS(8)
static const char *const short_lease[] = {
    "--leader-elect", "--lease-duration", "8", "--renew-deadline", "6", "--retry-period", "1", NULL};
static const char *const default_lease[] = {"--leader-elect", NULL};

static const char *const accounts[] = {OPERATOR_ACCOUNT, SECOND_ACCOUNT};

static void start(int which, const char *const *arguments)
{
    operator_choose(which);
    h.operator_arguments = arguments;
    operator_start();
}

static bool is_leader(void *context)
{
    operator_choose(*(int *)context);
    return operator_metric("leader") > 0;
}

static bool is_standby(void *context)
{
    return !is_leader(context);
}

/* How long that took. */
static msec_t wait_leader(int which, msec_t timeout)
{
    msec_t began = clock_now_monotonic();

    wait_until(is_leader, &which, timeout, "the other operator leads");
    return clock_now_monotonic() - began;
}

static void end(int which, int signal_number)
{
    operator_choose(which);
    operator_kill(signal_number);
}

/* --- what the audit log says --- */

struct request {
    char *received;
    int account;
    bool lease, written;
    char *text;
};

struct requests {
    struct request *items;
    size_t len, cap;
    int account;
};

static void note_write(void *context, const json_t *entry)
{
    struct requests *r = context;
    const char *verb = doc_string(entry, "verb"), *resource = str_or(doc_string(entry, "objectRef", "resource"), "");

    if (str_eq(verb, "get") || str_eq(verb, "list") || str_eq(verb, "watch") || str_ends(resource, "reviews"))
        return;
    /* Among them those of which only the head came, and the rest never: they are no writes. */
    if (doc_int(doc_at(entry, "responseStatus", "code"), 0) >= 500)
        return;
    ARRAY_RESERVE_ONE(r->items, r->len, r->cap);
    r->items[r->len++] = (struct request){
        .received = str_dup(doc_string(entry, "requestReceivedTimestamp")),
        .account = r->account,
        .lease = str_eq(resource, "leases"),
        .written = doc_int(doc_at(entry, "responseStatus", "code"), 0) < 300,
        .text = str_printf("%s %s", verb, doc_string(entry, "requestURI")),
    };
}

static int by_time(const void *a, const void *b)
{
    return strcmp(((const struct request *)a)->received, ((const struct request *)b)->received);
}

/* Writes of both operators in the order in which they reached the server. */
static struct requests writes_since(long position)
{
    struct requests r = {0};

    for (r.account = 0; r.account < 2; r.account++)
        audit_read_as(accounts[r.account], position, note_write, &r);
    if (r.len)
        qsort(r.items, r.len, sizeof(*r.items), by_time);
    return r;
}

static void requests_release(struct requests *r)
{
    for (size_t i = 0; i < r->len; i++) {
        free(r->items[i].received);
        free(r->items[i].text);
    }
    free(r->items);
}

/* Writes of one of them; leases count where `leases`. */
static size_t count_writes(long position, int account, bool leases)
{
    struct requests r = writes_since(position);
    size_t count = 0;

    for (size_t i = 0; i < r.len; i++)
        count += r.items[i].account == account && (leases || !r.items[i].lease);
    requests_release(&r);
    return count;
}

/* Each write is by the one who wrote the lease last. */
static void assert_writes_are_of_leaders(long position)
{
    struct requests r = writes_since(position);
    int leader = -1;
    size_t terms = 0;

    for (size_t i = 0; i < r.len; i++) {
        const struct request *request = &r.items[i];
        if (request->lease && request->written) {
            terms += leader != request->account;
            leader = request->account;
        } else if (!request->lease && leader >= 0 && leader != request->account) {
            fail_msg("%s wrote while %s led: %s", accounts[request->account], accounts[leader], request->text);
        }
    }
    print_message("%zu writes by leaders, in %zu terms\n", r.len, terms);
    requests_release(&r);
}

/* --- what the leader keeps --- */

static const struct kube_kind *service(void)
{
    return kind_of("v1", "Service");
}

static bool pilot_is_there(void *context)
{
    (void)context;
    return cluster_has(service(), NS, "istio-pilot");
}

static void heals(void)
{
    cluster_delete(service(), NS, "istio-pilot");
    wait_until(pilot_is_there, NULL, PATIENCE, "the leader puts back what was deleted");
}

static char *holder(void)
{
    _cleanup_json_ json_t *lease = cluster_get(KUBE_LEASE_KIND, NS, LEASE_NAME);

    return str_dup(str_or(doc_string(lease, "spec", "holderIdentity"), ""));
}

static long began; /* in the audit log */

static void one_of_two_writes(void **state)
{
    _cleanup_free_ char *identity = NULL;
    double ready;

    (void)state;
    began = audit_position();
    cluster_delete_if_there(KUBE_LEASE_KIND, NS, LEASE_NAME);
    start(0, default_lease);
    wait_leader(0, PATIENCE);
    start(1, default_lease);
    assert_true(is_standby(&(int){1}));
    operator_choose(0);
    mesh_create("{}");
    mesh_wait_settled(PATIENCE);
    heals();
    /* The other one has seen and planned the same. */
    operator_choose(1);
    mesh_wait_settled(PATIENCE);
    ready = operator_metric("managed_objects");
    operator_choose(0);
    assert_true(ready == operator_metric("managed_objects"));
    assert_true(count_writes(began, 0, false) > 50);
    assert_int_equal(count_writes(began, 1, true), 0);
    identity = holder();
    assert_true(strlen(identity) > 16);
}

/* With a lease of 15 s: sooner than that only because it was given back. */
static void ended_leader_gives_the_lease_back(void **state)
{
    msec_t took;

    (void)state;
    end(0, SIGTERM);
    took = wait_leader(1, SECONDS(7));
    print_message("taken over %lld ms after the end\n", (long long)took);
    heals();
}

static msec_t last_renewal(void)
{
    _cleanup_json_ json_t *lease = cluster_get(KUBE_LEASE_KIND, NS, LEASE_NAME);
    msec_t wall;

    assert_true(clock_parse_rfc3339(doc_string(lease, "spec", "renewTime"), &wall));
    return wall;
}

static void killed_leader_is_followed_when_its_lease_is_over(void **state)
{
    msec_t last, took;

    (void)state;
    end(1, SIGTERM);
    start(0, short_lease);
    wait_leader(0, PATIENCE);
    start(1, short_lease);
    heals();
    end(0, SIGKILL);
    last = last_renewal();
    took = wait_leader(1, DURATION + SECONDS(10));
    print_message("taken over %lld ms after kill -9, with a lease of %d s\n", (long long)took, (int)DURATION / 1000);
    assert_true(clock_now_wall() >= last + DURATION);
    heals();
}

static bool has_written(void *context)
{
    return count_writes(*(long *)context, 1, false) > 20;
}

/* Stopped in the middle of an install, with requests under way. */
static void stopped_leader_writes_nothing_more(void **state)
{
    long position;
    int first = 0, second = 1;

    (void)state;
    mesh_delete_and_wait();
    start(0, short_lease);
    position = audit_position();
    mesh_create("{}");
    wait_until(has_written, &position, PATIENCE, "the leader installs");
    operator_choose(1);
    assert_int_equal(kill(h.operator_pid, SIGSTOP), 0);
    wait_leader(0, DURATION + SECONDS(10));
    mesh_wait_settled(PATIENCE);
    heals();
    cluster_delete(service(), NS, "istio-pilot"); /* something to do for the process that believes it leads */
    position = audit_position();
    operator_choose(1);
    assert_int_equal(kill(h.operator_pid, SIGCONT), 0);
    wait_until(is_standby, &second, PATIENCE, "it stands by");
    wait_until(pilot_is_there, NULL, PATIENCE, "the leader puts back what was deleted");
    operator_choose(1);
    mesh_wait_settled(PATIENCE);
    assert_true(is_leader(&first));
    assert_int_equal(count_writes(position, 1, false), 0);
    /* It competes again. */
    end(0, SIGTERM);
    wait_leader(1, PATIENCE);
    heals();
}

static bool one_leads(void *context)
{
    int first = 0, second = 1;

    (void)context;
    return is_leader(&first) != is_leader(&second);
}

static void restarted_api_server_has_one_leader(void **state)
{
    const char *command = getenv("TEST_RESTART_API_SERVER");

    (void)state;
    start(0, short_lease);
    if (command) {
        assert_int_equal(run_shell(command), 0);
        wait_until(server_answers, NULL, PATIENCE, "the API server answers again");
    }
    wait_until(one_leads, NULL, PATIENCE, "one of them leads");
    heals();
    assert_true(one_leads(NULL));
    if (!command)
        skip();
}

static void nobody_ever_wrote_without_the_lease(void **state)
{
    (void)state;
    assert_writes_are_of_leaders(began);
    mesh_delete_and_wait();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_writes),
        cmocka_unit_test(ended_leader_gives_the_lease_back),
        cmocka_unit_test(killed_leader_is_followed_when_its_lease_is_over),
        cmocka_unit_test(stopped_leader_writes_nothing_more),
        cmocka_unit_test(restarted_api_server_has_one_leader),
        cmocka_unit_test(nobody_ever_wrote_without_the_lease),
    };

    if (!audit_is_on()) {
        print_error("TEST_AUDIT_LOG is not set: run these tests by `make test`\n");
        return 1;
    }
    return cmocka_run_group_tests_name("cluster standby", tests, harness_setup, harness_teardown);
}
