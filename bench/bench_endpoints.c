/*
 * How soon a central Pod that became Ready is in the Endpoints of the last remote cluster, on real API servers.
 *
 * Run by `make bench`, which brings up the control planes. TEST_REMOTES has the remote clusters' kubeconfigs, with
 * spaces between; the rest is the harness's. Every figure is measured again in each run.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/buf.h"
#include "base/str.h"
#include "shared.h"

#define ROUNDS 30
#define REMOTES_MAX 8
#define WATCH_SECONDS 3600
#define STREAM_MAX ((size_t)16 * 1024 * 1024)

static const struct kube_kind endpoints = {
    .kind = "Endpoints", .plural = "endpoints", .group = "", .versions = {{"v1"}}, .namespaced = true};

/* A remote cluster, and the watch that sees what is written there. */
struct remote {
    struct net_client *client;
    struct buf heard;
    int64_t seen; /* when the address of the round was; 0: not yet */
};

static struct remote remotes[REMOTES_MAX];
static size_t remote_count;
static char *awaited; /* the address of the round, as in the object; NULL: any object of the name */

static bool is_everywhere(void)
{
    for (size_t i = 0; i < remote_count; i++)
        if (!remotes[i].seen)
            return false;
    return true;
}

static int on_data(void *context, const char *data, size_t len)
{
    struct remote *r = context;

    buf_add(&r->heard, data, len);
    if (r->seen || !strstr(buf_str(&r->heard), str_or(awaited, "\"name\":\"istio-pilot\"")))
        return 0;
    r->seen = clock_now_usec();
    return 0;
}

static void on_over(void *context, const struct net_response *response, const struct err *e)
{
    (void)context;
    (void)response;
    fail_msg("a watch of the benchmark ended: %s", e ? e->text : "");
}

static void watch(struct remote *r, const char *kubeconfig)
{
    struct net_request request =
        kube_request_watch(&endpoints, "v1", NS, NULL, "metadata.name=istio-pilot", NULL, WATCH_SECONDS);
    struct kube_config *config;
    struct err e;

    r->heard = (struct buf)BUF_INIT_LIMIT(STREAM_MAX);
    request.timeout = SECONDS(WATCH_SECONDS);
    if (kube_config_load(kubeconfig, NULL, &config, &e) < 0 ||
        kube_client_new(h.loop, config, NULL, &r->client, &e) < 0)
        fail_msg("%s", e.text);
    kube_config_free(config);
    net_client_send(r->client, &request, on_data, on_over, r);
}

static void hear_all(void)
{
    int64_t began = clock_now_usec();

    while (!is_everywhere()) {
        if (clock_now_usec() - began > PATIENCE * 1000)
            fail_msg("not in all remote clusters: %s", str_or(awaited, "the Endpoints"));
        event_base_loop(h.loop, EVLOOP_ONCE);
    }
}

static void send_request(struct net_request request)
{
    struct err e;

    if (net_client_wait(h.client, &request, NULL, NULL, &e) < 0)
        fail_msg("%s", e.text);
}

static void join_all(void)
{
    _cleanup_strv_ char **paths = str_split(getenv("TEST_REMOTES"), ' ');

    for (; paths[remote_count] && remote_count < REMOTES_MAX; remote_count++) {
        _cleanup_free_ char *name = str_printf("remote-%zu", remote_count + 1);
        _cleanup_free_ char *kubeconfig = bench_contents(paths[remote_count]);
        watch(&remotes[remote_count], paths[remote_count]);
        send_request(bench_kubeconfig_request(name, kubeconfig));
        send_request(bench_remote_request(name));
    }
    hear_all();
}

static void on_ready(void *context, const struct net_response *response, const struct err *e)
{
    (void)context;
    (void)response;
    if (e)
        fail_msg("%s", e->text);
}

/* From the request that makes it Ready, in ms; the request's own time is part of it. */
static double time_round(int number)
{
    _cleanup_free_ char *name = str_printf("pilot-%d", number), *ip = str_printf("10.250.0.%d", number + 1);
    struct net_request request = bench_create_pilot(name, ip);
    int64_t began, last = 0;

    pause_ms(500);
    awaited = str_printf("\"ip\":\"%s\"", ip);
    for (size_t i = 0; i < remote_count; i++) {
        remotes[i].seen = 0;
        buf_release(&remotes[i].heard);
    }
    began = clock_now_usec();
    net_client_send(h.client, &request, NULL, on_ready, NULL);
    hear_all();
    for (size_t i = 0; i < remote_count; i++)
        last = remotes[i].seen > last ? remotes[i].seen : last;
    free(TAKE_PTR(awaited));
    return (double)(last - began) / 1000;
}

static void figures(void **state)
{
    double taken[ROUNDS];

    (void)state;
    operator_start();
    mesh_create("{}");
    mesh_wait_settled(SECONDS(60));
    bench_create_signing_certificate();
    join_all();
    bench_wait_quiet();
    for (int i = 0; i < ROUNDS; i++)
        taken[i] = time_round(i);
    bench_print("from a Pod's being Ready to the last remote (goal: 50)", taken, ROUNDS, "ms");
    operator_kill(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench endpoints", tests, harness_setup, harness_teardown);
}
