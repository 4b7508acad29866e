/* Remote clusters leave: cleanly, late, not at all, and while the operator is killed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_plan.h"
#include "converge.h"
#include "doc/doc.h"
#include "federation.h"
#include "mesh/v1_0/v1_0.h"
#include "reconcile/marks.h"

static void check_clean(const struct remote *r)
{
    _cleanup_json_ json_t *marked = NULL, *ns = NULL;

    enter(r);
    marked = remote_objects();
    if (json_array_size(marked))
        fail_msg("%s is left in %s", doc_string(json_array_get(marked, 0), "name"), r->name);
    ns = cluster_get(NAMESPACE, NULL, "default");
    assert_null(doc_at(ns, "metadata", "labels", LABEL_INJECTION));
    enter(NULL);
}

void leaving_cleans_the_remote_and_nothing_else(void **state)
{
    const struct remote *r = &remotes[1];
    _cleanup_json_ json_t *secret = NULL;

    (void)state;
    enter(r);
    bystanders_make();
    enter(NULL);
    remote_join(r);
    wait_joined(r);
    remote_leave(r);
    wait_gone(r);
    check_clean(r);
    enter(r);
    bystanders_check();
    bystanders_remove();
    enter(NULL);
    secret = cluster_get(SECRET, NS, r->name);
    assert_non_null(secret);
    assert_null(doc_at(secret, "metadata", "labels", V1_KUBECONFIG_LABEL));
}

static bool tells_of_removal(void *context)
{
    const struct remote *r = context;
    _cleanup_free_ char *text = remote_status(r->name, "ErrorMessage");

    return strstr(text, "waiting for the remote cluster") && strstr(text, "connect") && strstr(text, REMOTE_ABANDON);
}

void a_cluster_that_is_not_reached_holds_its_own_deletion_only(void **state)
{
    struct remote *bad = &remotes[BAD];

    (void)state;
    join_all();
    proxy_child_rule(&bad->proxy, "refuse");
    for (size_t i = 0; i < REMOTES; i++)
        remote_leave(&remotes[i]);
    for (size_t i = 0; i < REMOTES; i++) {
        if (i == BAD)
            continue;
        wait_gone(&remotes[i]);
        check_clean(&remotes[i]);
    }
    wait_until(tells_of_removal, bad, PATIENCE, "the status says what the deletion waits for");
    assert_false(remote_is_gone(bad));
    proxy_child_clear(&bad->proxy);
    wait_gone(bad);
    check_clean(bad);
}

static bool has_abandoned_event(void *context)
{
    const struct remote *r = context;
    struct net_request request = net_request_new(NET_GET, "/api/v1/namespaces/" NS "/events", NULL);
    _cleanup_buf_ struct buf body = BUF_INIT;
    _cleanup_json_ json_t *events = NULL;
    const json_t *event;
    struct err e;
    int status;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0 ||
        doc_parse(buf_str(&body), body.len, SIZE_MAX, &events, &e) < 0)
        fail_msg("%s", e.text);
    event = doc_find(doc_at(events, "items"), "reason", "Abandoned");
    return event && str_eq(doc_string(event, "involvedObject", "name"), r->name);
}

void an_abandoned_cluster_is_left_as_it_is_and_can_join_again(void **state)
{
    struct remote *bad = &remotes[BAD];
    _cleanup_json_ json_t *before = NULL, *after = NULL;

    (void)state;
    remote_join(bad);
    wait_joined(bad);
    enter(bad);
    before = remote_objects();
    enter(NULL);
    proxy_child_rule(&bad->proxy, "partition");
    remote_leave(bad);
    pause_ms(1000);
    assert_false(remote_is_gone(bad));
    cluster_patch(REMOTE, NS, bad->name, "{\"metadata\": {\"annotations\": {\"" REMOTE_ABANDON "\": \"true\"}}}");
    wait_gone(bad);
    wait_until(has_abandoned_event, bad, TO_FOLLOW, "an Event says that it is left as it is");
    enter(bad);
    after = remote_objects();
    enter(NULL);
    assert_true(json_equal(before, after));

    proxy_child_clear(&bad->proxy);
    remote_join(bad);
    wait_joined(bad);
    wait_in_step(bad);
    remote_leave(bad);
    wait_gone(bad);
    check_clean(bad);
}

/* --- the operator is killed --- */

#define KILLS 12

static void kill_and_start(unsigned *seed)
{
    operator_start_without_waiting();
    pause_ms(200 + (int)(rand_r(seed) % 800));
    operator_kill(SIGKILL);
    unlink(h.log_path);
}

void kills_while_clusters_join_and_leave_end_well(void **state)
{
    unsigned seed = 4;

    (void)state;
    operator_kill(SIGKILL);
    for (size_t i = 0; i < REMOTES; i++)
        remote_join(&remotes[i]);
    for (int i = 0; i < KILLS; i++)
        kill_and_start(&seed);
    operator_start();
    for (size_t i = 0; i < REMOTES; i++) {
        wait_joined(&remotes[i]);
        wait_in_step(&remotes[i]);
    }
    operator_kill(SIGKILL);
    for (size_t i = 0; i < REMOTES; i++)
        remote_leave(&remotes[i]);
    for (int i = 0; i < KILLS / 2; i++)
        kill_and_start(&seed);
    operator_start();
    for (size_t i = 0; i < REMOTES; i++) {
        wait_gone(&remotes[i]);
        check_clean(&remotes[i]);
    }
}

/* --- growth --- */

/* Those of a part of `make test`; FEDERATION_JOINS=201 takes minutes. After a third of them growth counts. */
#define JOINS 30
/* What is under way when it is looked at: a connection that is being closed, a client of /metrics. */
#define DESCRIPTORS_MORE 3

/* Its Endpoints are there: whether anything runs is not the question here. */
static bool has_endpoints(void *context)
{
    bool there;

    enter(context);
    there = cluster_has(ENDPOINTS, NS, "istio-pilot");
    enter(NULL);
    return there;
}

static void join_and_leave(void)
{
    for (size_t i = 0; i < REMOTES; i++)
        remote_join(&remotes[i]);
    for (size_t i = 0; i < REMOTES; i++)
        wait_until(has_endpoints, &remotes[i], TO_JOIN, "a cluster joins");
    for (size_t i = 0; i < REMOTES; i++)
        remote_leave(&remotes[i]);
    for (size_t i = 0; i < REMOTES; i++)
        wait_gone(&remotes[i]);
}

static int rounds(void)
{
    const char *text = getenv("FEDERATION_JOINS");
    int64_t joins;

    return (int)(text && str_to_int64(text, &joins) && joins >= 3 * REMOTES ? joins : JOINS) / REMOTES;
}

void many_joins_and_leaves_leave_nothing_behind(void **state)
{
    int all = rounds(), warm = all / 3, open;
    double heap;

    (void)state;
    for (int round = 0; round < warm; round++)
        join_and_leave();
    pause_ms(1000);
    heap = operator_metric("heap_bytes");
    open = operator_descriptors();
    for (int round = warm; round < all; round++)
        join_and_leave();
    pause_ms(1000);
    printf(
        "  from %d joins to %d: heap %.0f -> %.0f bytes, descriptors %d -> %d\n",
        warm * REMOTES,
        all * REMOTES,
        heap,
        operator_metric("heap_bytes"),
        open,
        operator_descriptors());
    fflush(stdout);
    assert_true(operator_descriptors() <= open + DESCRIPTORS_MORE);
    operator_wait_heap_is_back(heap);
    for (size_t i = 0; i < REMOTES; i++)
        check_clean(&remotes[i]);
}
