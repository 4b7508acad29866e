/*
 * A real Prometheus with what a real mesh of today's Istio has: every query of every dashboard and alert is answered
 * with data, and an alert fires when its cause is made.
 *
 * The variables are those of canary.h; TEST_PROMETHEUS is the program.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "calls.h"
#include "canary.h"
#include "doc/doc.h"
#include "harness_impl.h"
#include "mesh/common/alerts.h"
#include "mesh/common/panels.h"
#include "mesh/common/scrapes.h"
#include "today.h"

#define ADDRESS "127.0.0.1:19090"
#define FOLDER "\"$TEST_OUTPUT\"/prometheus"
#define TO_BE_COUNTED SECONDS(180)
#define TO_FIRE SECONDS(180)

/* What this mesh cannot have, by a part of the query. */
static const struct lack {
    const char *part, *why;
} lacks[] = {
    {"istio_request_bytes", "Istio's filter counts them, and Envoy has no such histogram of its own"},
    {"istio_response_bytes", "the same"},
    {"istio_tcp_", "the same, and all traffic here is HTTP"},
    {"connection_security_policy", "Istio's filter knows it alone"},
    {"istio_build", "Istio's filter says its version"},
    {"istio_operator_remote_", "no other cluster joins this mesh"},
};
static bool is_needed[ARRAY_LEN(lacks)];

static pid_t prometheus;

/* --- Prometheus --- */

static bool prometheus_is_ready(void *context)
{
    (void)context;
    return run_shell("curl -sf -m 2 http://" ADDRESS "/-/ready >/dev/null") == 0;
}

/* The rules are those of the mesh's ConfigMap, which fire at once. */
static void start_prometheus(void)
{
    _cleanup_free_ char *config = str_printf(
        "sed 's/OPERATOR_PORT/%d/' \"$(dirname '%s')\"/queries.yaml >" FOLDER "/prometheus.yaml",
        h.operator_port,
        variable("TEST_WORKLOADS"));
    _cleanup_free_ char *run = str_printf(
        "exec \"$(dirname '%s')\"/prometheus/run \"$TEST_PROMETHEUS\" " FOLDER " " ADDRESS " \"$KUBECONFIG\"",
        variable("TEST_CLUSTER_PROGRAM"));

    assert_int_equal(run_shell("mkdir -p " FOLDER), 0);
    assert_int_equal(run_shell(config), 0);
    must_succeed(
        "kubectl -n " NS " get configmap " MESH_SCRAPE_CONFIG " -o json | jq -er '.data[\"" MESH_RULES_FILE "\"]' |"
        " sed 's/for: .*/for: 1s/' >" FOLDER "/" MESH_RULES_FILE,
        "the mesh's ConfigMap has the rules");
    must_succeed(
        "kubectl -n " NS " get pods -l app=istiod -o json |"
        " jq -e '[{targets: [.items[].status.podIP + \":15014\"]}]' >" FOLDER "/istiod.json",
        "istiod has an address");
    prometheus = harness_spawn((const char *[]){"/bin/sh", "-c", run, NULL}, -1);
    wait_until(prometheus_is_ready, NULL, PATIENCE, "Prometheus is ready");
}

static void end_prometheus(void)
{
    assert_int_equal(kill(prometheus, SIGTERM), 0);
    assert_int_equal(waitpid(prometheus, NULL, 0), prometheus);
}

/* How many numbers it answers; -1: it refuses the query. */
static int64_t ask(const char *query)
{
    _cleanup_free_ char *line = NULL;
    int64_t count = -1;

    assert_int_equal(setenv("QUERY", query, true), 0);
    line = canary_line("curl -sG -m 10 --data-urlencode \"query=$QUERY\" http://" ADDRESS "/api/v1/query | jq"
                       " 'if .status == \"success\" then [.data.result[] | select(.value[1] != \"NaN\")] | length"
                       " else -1 end'");
    assert_true(str_to_int64(line, &count));
    return count;
}

/* --- queries --- */

/* Owned by the caller. */
static char *replace(const char *text, const char *what, const char *by)
{
    struct buf out = BUF_INIT;
    const char *at;

    for (; (at = strstr(text, what)); text = at + strlen(what))
        buf_printf(&out, "%.*s%s", (int)(at - text), text, by);
    buf_add_str(&out, text);
    return buf_take(&out);
}

/* As Grafana asks it, where that workload is chosen. Owned by the caller. */
static char *chosen(const char *query, const char *workload)
{
    _cleanup_free_ char *interval = replace(query, "$__rate_interval", "5m");
    _cleanup_free_ char *service = replace(interval, "$service", CART "." SHOP ".svc.cluster.local");
    _cleanup_free_ char *namespace = replace(service, "$namespace", SHOP);

    return replace(namespace, "$workload", workload);
}

/* As Grafana asks for the values of a variable, of which Prometheus knows neither of the two words. */
static char *of_variable(const char *query)
{
    const char *label = strrchr(query, ',');

    if (str_starts(query, "query_result("))
        return str_dup_n(query + strlen("query_result("), strlen(query) - strlen("query_result()"));
    assert_true(str_starts(query, "label_values(") && label);
    return str_printf(
        "count by (%.*s) (%.*s)",
        (int)strlen(label + 2) - 1,
        label + 2,
        (int)(label - query - (int)strlen("label_values(")),
        query + strlen("label_values("));
}

/* One of the two receives requests, the other one sends them. */
static bool has_data(const char *query)
{
    static const char *const workloads[] = {CART, "caller"};

    for (size_t i = 0; i < ARRAY_LEN(workloads); i++) {
        _cleanup_free_ char *asked = chosen(query, workloads[i]);
        int64_t count = ask(asked);
        if (count < 0)
            fail_msg("Prometheus refuses %s", asked);
        if (count > 0)
            return true;
        if (!strstr(query, "$workload"))
            break;
    }
    return false;
}

static bool is_lacking(const char *query)
{
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        if (strstr(query, lacks[i].part))
            return is_needed[i] = true;
    return false;
}

static void note(const char *query, const char *where, const char *what, struct buf *missing, size_t *asked)
{
    if (!query || is_lacking(query))
        return;
    ++*asked;
    if (!has_data(query))
        buf_printf(missing, "\n  %s, %s: %s", where, what, query);
}

static void ask_dashboards(struct buf *missing, size_t *asked)
{
    for (const struct dashboard *d = mesh_dashboard_table; d->name; d++) {
        for (const struct panel_variable *v = d->variables; v->name; v++) {
            _cleanup_free_ char *query = of_variable(v->query);
            note(query, d->title, v->name, missing, asked);
        }
        for (const struct panel *p = d->panels; p->title; p++)
            for (size_t i = 0; i < PANEL_QUERIES_MAX; i++)
                note(p->queries[i].of[MESH_METRICS_TODAY], d->title, p->title, missing, asked);
    }
}

/* So that istiod has something to tell the proxies: how long that takes is a number only then. */
static void change_a_route(void)
{
    static int number_of_change;
    _cleanup_free_ char *patch =
        str_printf("{\"spec\": {\"hosts\": [\"cart.example.com\", \"other-%d.example.com\"]}}", ++number_of_change);

    cluster_patch(&virtual_service_kind, SHOP, CART, patch);
}

static bool all_have_data(void *context)
{
    struct buf *missing = context;
    size_t asked = 0;

    change_a_route();
    buf_reset(missing);
    ask_dashboards(missing, &asked);
    for (const struct mesh_alert *a = mesh_alert_table; a->name; a++)
        note(a->query, "alert", a->name, missing, &asked);
    wait_saw("of %zu queries these have no data:%s", asked, buf_str(missing));
    return !missing->len;
}

/* Some of the requests fail. */
static void every_query_has_data(void **state)
{
    _cleanup_buf_ struct buf missing = BUF_INIT;

    (void)state;
    canary_shop_opens();
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"sidecarRenewal\": {\"mode\": \"Report\"}, \"monitoring\": {\"prometheus\": {\"mode\": "
        "\"ScrapeConfig\"}}}}");
    must_succeed(
        "kubectl -n " SHOP " get deployment " CART " -o json | jq '.metadata = {name: \"" CART "-bad\"} |"
        " .spec.replicas = 1 | .spec.selector.matchLabels.quality = \"bad\" |"
        " .spec.template.metadata.labels.quality = \"bad\"' | kubectl -n " SHOP " apply -f -",
        "some requests fail");
    calls_begin(CART);
    start_prometheus();
    wait_until(all_have_data, &missing, TO_BE_COUNTED, "every query has data");
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        if (!is_needed[i])
            fail_msg("no query asks for %s", lacks[i].part);
    (void)calls_ended();
}

/* --- alerts --- */

struct firing {
    const char *alert;
    bool wanted;
};

static bool is_firing(void *context)
{
    const struct firing *f = context;
    _cleanup_free_ char *query = str_printf("ALERTS{alertname=\"%s\",alertstate=\"firing\"}", f->alert);
    bool fires = ask(query) > 0;

    wait_saw("%s %s", f->alert, fires ? "fires" : "does not fire");
    return fires == f->wanted;
}

static void wait_firing(const char *alert, bool wanted)
{
    struct firing f = {alert, wanted};

    wait_until(is_firing, &f, TO_FIRE, alert);
}

static void an_alert_fires_while_its_cause_is_there(void **state)
{
    (void)state;
    for (const struct mesh_alert *a = mesh_alert_table; a->name; a++)
        wait_firing(a->name, false);
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"pilot\": {\"image\": \"nowhere.invalid/pilot:1\"}}}");
    wait_firing("IstioOperatorResourceStuck", true);
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"pilot\": null}}");
    wait_firing("IstioOperatorResourceStuck", false);
    operator_kill(SIGTERM);
    wait_firing("IstioOperatorNoLeader", true);
    operator_start();
    canary_shop_closes();
}

static int end(void **state)
{
    if (prometheus)
        end_prometheus();
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
    return harness_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_has_data),
        cmocka_unit_test(an_alert_fires_while_its_cause_is_there),
    };

    return cmocka_run_group_tests_name("cluster queries", tests, set_up_shop, end);
}
