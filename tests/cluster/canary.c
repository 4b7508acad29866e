#include "canary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/buf.h"
#include "base/str.h"
#include "calls.h"
#include "doc/doc.h"
#include "harness.h"
#include "load.h"
#include "today.h"

#define TO_BE_AVAILABLE SECONDS(300)
#define TO_BE_ANSWERED SECONDS(2700)
#define LOOK_EVERY_MS 50

#define MESH_SPEC                                                                                                      \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"" SHOP "\"], \"mtls\": true, \"meshConfig\": %s}"

#define SPEC                                                                                                           \
    "{\"apiVersion\": \"%s/v1beta1\", \"kind\": \"Canary\","                                                           \
    " \"metadata\": {\"name\": \"" CART "\", \"namespace\": \"" SHOP "\"}, \"spec\": {"                                \
    " \"targetRef\": {\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"name\": \"" CART "\"},"                 \
    " \"service\": {\"port\": 80, \"targetPort\": 8080, \"portName\": \"http\", %s},"                                  \
    " \"metricsServer\": \"%s\", \"progressDeadlineSeconds\": 240, \"settleSeconds\": 2, \"drainSeconds\": 5,"         \
    " \"analysis\": {\"interval\": \"%ds\", \"threshold\": 2, %s, \"metrics\": ["                                      \
    "{\"name\": \"request-success-rate\", \"interval\": \"%ds\", \"thresholdRange\": {\"min\": 99}},"                  \
    " {\"name\": \"request-duration\", \"interval\": \"%ds\", \"thresholdRange\": {\"max\": 4000}}]}}}"

#define CHECKED_EVERY 2 /* seconds */
#define LOOKED_BACK 4

struct kube_kind canary_kind = {
    .kind = "Canary",
    .plural = "canaries",
    .group = "istio.banzaicloud.io",
    .versions = {{"v1beta1", 0, 0}},
    .namespaced = true};
const struct kube_kind virtual_service_kind = {
    .kind = "VirtualService",
    .plural = "virtualservices",
    .group = "networking.istio.io",
    .versions = {{"v1", 0, 0}},
    .namespaced = true};

static const char *const hosts[] = {"cart.example.com", NULL};
static struct load_requests requests = {.hosts = hosts, .path = "/", .patience = SECONDS(60), .failure = 500};
static struct load *load;
static char *prometheus;

static struct {
    const char *what;
    msec_t at;
    int64_t answered, lost, failed;
    long audit;
    struct canary_state seen;
} change;

/* --- the shop --- */

char *canary_line(const char *command)
{
    _cleanup_free_ char *path = str_printf("%s/line", variable("TEST_OUTPUT"));
    _cleanup_free_ char *into = str_printf("{ %s ; } | tail -n 1 >'%s'", command, path);
    char line[4096] = "";
    FILE *f;

    assert_int_equal(run_shell(into), 0);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    line[strcspn(line, "\n")] = '\0';
    return str_dup(line);
}

static void cluster_program(const char *command)
{
    _cleanup_free_ char *line =
        str_printf("'%s' %s --name '%s' >&2", variable("TEST_CLUSTER_PROGRAM"), command, variable("TEST_CLUSTER"));

    assert_int_equal(run_shell(line), 0);
}

void canary_prometheus(const char *command)
{
    _cleanup_free_ char *line = str_printf("%s prometheus", command);

    cluster_program(line);
}

void canary_prometheus_signal(const char *signal)
{
    _cleanup_free_ char *command =
        str_printf("kill -%s \"$(cut -d' ' -f1 \"$(dirname \"$KUBECONFIG\")\"/run/prometheus.pid)\"", signal);

    assert_int_equal(run_shell(command), 0);
}

static void make_mesh(void)
{
    _cleanup_free_ char *read = str_printf("jq -c . '%s'", variable("TEST_MESH_CONFIG"));
    _cleanup_free_ char *config = canary_line(read), *spec = NULL;

    spec = str_printf(MESH_SPEC, variable("TEST_ISTIO_VERSION"), config);
    operator_start();
    mesh_create(spec);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
}

static void make_workloads(void)
{
    _cleanup_free_ char *apply = str_printf(
        "sed 's/ISTIO_VERSION/%s/' \"$(dirname '%s')\"/today-canary.yaml | kubectl apply -f -",
        variable("TEST_ISTIO_VERSION"),
        variable("TEST_WORKLOADS"));

    must_succeed(apply, "the users' objects are there");
    must_succeed(
        "kubectl -n " SHOP " wait --for=condition=Available deployment --all --timeout=120s", "the services are ready");
}

void canary_shop_opens(void)
{
    _cleanup_free_ char *begin =
        str_printf("'%s' prometheus --name '%s'", variable("TEST_CLUSTER_PROGRAM"), variable("TEST_CLUSTER"));
    _cleanup_free_ char *address = NULL, *ask = NULL;

    prometheus = canary_line(begin);
    make_mesh();
    make_workloads();
    address = gateway_address();
    ask = str_printf("curl -sf -m 5 -H 'Host: %s' http://%s/ >/dev/null", hosts[0], address);
    must_succeed(ask, "the gateway answers");
    requests.rate = (int)number("TEST_RATE");
    load = load_start(address, &requests);
    load_wait_answered(load, 100, PATIENCE);
    assert_int_equal(atomic_load(&load->lost), 0);
}

void canary_shop_closes(void)
{
    load_wait_answered(load, number("TEST_REQUESTS"), TO_BE_ANSWERED);
    load_end(load);
    print_message(
        "in all: %lld answered, %lld failed by a bad release, %lld lost\n",
        (long long)atomic_load(&load->answered),
        (long long)atomic_load(&load->failed),
        (long long)atomic_load(&load->lost));
    load_free(load);
    free(prometheus);
}

/* --- the Canary --- */

static void create(int every, int window, const char *service, const char *analysis)
{
    _cleanup_free_ char *spec =
        str_printf(SPEC, canary_kind.group, service, prometheus, every, analysis, window, window);
    _cleanup_json_ json_t *canary = NULL;

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &canary, NULL), 0);
    cluster_create(&canary_kind, canary);
}

void canary_create(const char *service, const char *analysis)
{
    create(CHECKED_EVERY, LOOKED_BACK, service, analysis);
}

void canary_create_slow(int seconds, const char *service, const char *analysis)
{
    create(seconds, seconds, service, analysis);
}

void canary_release(const char *version, const char *quality)
{
    _cleanup_free_ char *value = quality ? str_printf("\"%s\"", quality) : str_dup("null");
    _cleanup_free_ char *patch = str_printf(
        "{\"spec\": {\"template\": {\"metadata\": {\"labels\": {\"version\": \"%s\", \"quality\": %s}}}}}",
        version,
        value);

    cluster_patch(DEPLOYMENT, SHOP, CART, patch);
    canary_wait_phase("Progressing");
}

void canary_command(const char *verb)
{
    static int token;
    _cleanup_free_ char *patch =
        str_printf("{\"metadata\": {\"annotations\": {\"" CANARY_COMMAND "\": \"%s@%d\"}}}", verb, ++token);

    cluster_patch(&canary_kind, SHOP, CART, patch);
}

/* Of the last route: those before it are of requests that are set apart. */
static int route_weight(void)
{
    int weight = 0;
    _cleanup_json_ json_t *service = cluster_get(&virtual_service_kind, SHOP, CART);
    json_t *route, *destination;
    size_t i, k;

    json_array_foreach(doc_at(service, "spec", "http"), i, route)
        json_array_foreach(doc_at(route, "route"), k, destination)
            if (str_eq(doc_string(destination, "destination", "host"), CART "-canary"))
                weight = (int)doc_int(doc_at(destination, "weight"), 100);
    return weight;
}

struct canary_state canary_look(void)
{
    _cleanup_json_ json_t *canary = cluster_get(&canary_kind, SHOP, CART);
    struct canary_state state = {.there = canary != NULL, .route = route_weight()};

    snprintf(state.phase, sizeof(state.phase), "%s", str_or(doc_string(canary, "status", "phase"), ""));
    state.weight = (int)doc_int(doc_at(canary, "status", "canaryWeight"), 0);
    return state;
}

char *canary_status(const char *field)
{
    _cleanup_json_ json_t *canary = cluster_get(&canary_kind, SHOP, CART);

    return str_dup(str_or(doc_string(canary, "status", field), ""));
}

char *canary_version_of(const char *deployment)
{
    _cleanup_json_ json_t *object = cluster_get(DEPLOYMENT, SHOP, deployment);

    return str_dup(str_or(doc_string(object, "spec", "template", "metadata", "labels", "version"), ""));
}

int canary_rollouts(const char *deployment)
{
    _cleanup_json_ json_t *object = cluster_get(DEPLOYMENT, SHOP, deployment);
    const char *text = doc_string(object, "metadata", "annotations", "deployment.kubernetes.io/revision");
    int64_t revision = 0;

    assert_true(text && str_to_int64(text, &revision));
    return (int)revision;
}

/* --- waiting --- */

static bool is_other(const struct canary_state *a, const struct canary_state *b)
{
    return a->there != b->there || !str_eq(a->phase, b->phase) || a->weight != b->weight || a->route != b->route;
}

/* Looks, and prints what is another than before. */
static struct canary_state look_again(void)
{
    struct canary_state now = canary_look();

    if (is_other(&now, &change.seen))
        print_message(
            "  %7lld ms  %-12s weight %3d, route %3d\n",
            (long long)(clock_now_monotonic() - change.at),
            now.there ? now.phase : "gone",
            now.weight,
            now.route);
    change.seen = now;
    wait_saw("%s, weight %d, route %d", now.there ? now.phase : "gone", now.weight, now.route);
    return now;
}

static bool has_phase(void *phase)
{
    struct canary_state now = look_again();

    if (str_eq(now.phase, phase))
        return true;
    pause_ms(LOOK_EVERY_MS);
    return false;
}

void canary_wait_phase(const char *phase)
{
    _cleanup_free_ char *what = str_printf("the Canary's phase is %s", phase);

    wait_until(has_phase, (void *)phase, TO_END, what);
}

static bool has_route(void *weight)
{
    struct canary_state now = look_again();

    if (now.route == *(int *)weight)
        return true;
    pause_ms(LOOK_EVERY_MS);
    return false;
}

void canary_wait_route(int weight)
{
    _cleanup_free_ char *what = str_printf("the canary's weight is %d", weight);

    wait_until(has_route, &weight, TO_END, what);
}

static bool is_gone(void *context)
{
    (void)context;
    if (!look_again().there)
        return true;
    pause_ms(LOOK_EVERY_MS);
    return false;
}

void canary_wait_gone(void)
{
    wait_until(is_gone, NULL, TO_END, "the Canary is gone");
}

void canary_delete(void)
{
    cluster_delete_if_there(&canary_kind, SHOP, CART);
    canary_wait_gone();
}

/* --- figures --- */

void canary_change_begins(const char *what)
{
    if (change.what)
        fail_msg("this is not tried: one before did not come to its end (%s)", change.what);
    change.what = what;
    change.at = clock_now_monotonic();
    change.answered = atomic_load(&load->answered);
    change.lost = atomic_load(&load->lost);
    change.failed = atomic_load(&load->failed);
    change.audit = audit_position();
    change.seen = (struct canary_state){.there = true};
    calls_begin(CART);
}

/* What proxies answered with, or ended, which the release did not fail by itself. */
static void explain_losses(void)
{
    _cleanup_free_ char *command = str_printf(
        "for pod in $(kubectl -n " NS " get pods -l istio=ingressgateway -o name) ; do"
        " kubectl -n " NS " logs $pod --since=%llds ; done | grep '^\\[' | grep -v '\" 500 ' >\"$TEST_OUTPUT\"/lost;"
        " for pod in $(kubectl -n " SHOP " get pods -l app=" CART " -o name) ; do"
        " kubectl -n " SHOP " logs $pod -c istio-proxy --since=%llds | grep '^\\[' | grep -v '\" 500 ' |"
        " sed \"s,^,$pod ,\" ; done >>\"$TEST_OUTPUT\"/lost; head -n 40 \"$TEST_OUTPUT\"/lost",
        (long long)(clock_now_monotonic() - change.at) / 1000 + 1,
        (long long)(clock_now_monotonic() - change.at) / 1000 + 1);

    load_explain_losses(load, change.lost, change.at);
    fflush(stdout);
    (void)run_shell(command);
}

int64_t canary_failures(void)
{
    return atomic_load(&load->failed) - change.failed;
}

struct canary_figures canary_change_figures(void)
{
    struct canary_figures figures = {.took = clock_now_monotonic() - change.at};
    int64_t calls_lost = calls_ended();

    figures.answered = atomic_load(&load->answered) - change.answered;
    figures.failed = canary_failures();
    figures.lost = atomic_load(&load->lost) - change.lost;
    print_message(
        "%s, in %lld ms: %lld answered, %lld failed by the release, %lld lost\n",
        change.what,
        (long long)figures.took,
        (long long)figures.answered,
        (long long)figures.failed,
        (long long)figures.lost);
    change.what = NULL;
    figures.lost += calls_lost;
    if (figures.lost)
        explain_losses();
    return figures;
}

int64_t canary_change_ended(void)
{
    struct canary_figures figures = canary_change_figures();

    assert_int_equal(figures.lost, 0);
    return figures.failed;
}

msec_t canary_last_failure(void)
{
    return atomic_load(&load->failed_at);
}

/* Whether the entry is of a write of that resource, or part of one (NULL: of the whole). */
static bool is_write_of(const json_t *entry, const char *resource, const char *part)
{
    const char *verb = doc_string(entry, "verb");

    return (str_eq(verb, "update") || str_eq(verb, "patch")) &&
           str_eq(doc_string(entry, "objectRef", "resource"), resource) &&
           str_eq(doc_string(entry, "objectRef", "subresource"), part);
}

static void note_route(void *context, const json_t *entry)
{
    struct canary_writes *w = context;

    if (is_write_of(entry, "virtualservices", NULL)) {
        w->route = clock_time(doc_string(entry, "requestReceivedTimestamp"));
        w->routed = clock_time(doc_string(entry, "stageTimestamp"));
    }
}

static void note_status(void *context, const json_t *entry)
{
    struct canary_writes *w = context;
    msec_t at = clock_time(doc_string(entry, "requestReceivedTimestamp"));

    if (is_write_of(entry, "canaries", "status") && llabs(at - w->route) < llabs(w->status - w->route))
        w->status = at;
}

struct canary_writes canary_last_route_write(void)
{
    struct canary_writes writes = {0};

    audit_read(change.audit, note_route, &writes);
    audit_read(change.audit, note_status, &writes);
    assert_true(writes.route > 0 && writes.status > 0);
    return writes;
}

char *canary_writes_since(long audit_position)
{
    _cleanup_buf_ struct buf writes = BUF_INIT;

    audit_read(audit_position, audit_note_write, &writes);
    return str_dup(buf_str(&writes));
}
