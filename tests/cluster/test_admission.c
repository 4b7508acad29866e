/* The admission webhook, its certificate, and metrics for those who may read them: a real API server calls and judges.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "serve/webhook.h"

#define SECRET kind_of("v1", "Secret")
#define CONFIGURATION kind_of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
#define READER "metrics-reader"

static struct {
    char *host, *address, *url; /* of the webhook, as the API server reaches it */
} webhook;

/* The address that this machine has towards the API server. */
static char *find_host(const char *server)
{
    const char *host = strstr(server, "://") + 3;
    _cleanup_free_ char *name = str_dup_n(host, strcspn(host, ":/"));
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9)}, own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(own);
    char text[INET_ADDRSTRLEN];

    assert_int_equal(inet_pton(AF_INET, name, &peer.sin_addr), 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    close(fd);
    return str_dup(inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text)));
}

static int find_free_port(const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(address);

    inet_pton(AF_INET, host, &address.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int set_up(void **state)
{
    struct kube_config *config;
    struct err e;
    int port;

    if (harness_setup(state) < 0 || kube_config_load(getenv("TEST_KUBECONFIG"), NULL, &config, &e) < 0)
        return -1;
    webhook.host = find_host(config->server);
    kube_config_free(config);
    port = find_free_port(webhook.host);
    webhook.address = str_printf("%s:%d", webhook.host, port);
    webhook.url = str_printf("https://%s" WEBHOOK_PATH, webhook.address);
    return 0;
}

static int tear_down(void **state)
{
    free(webhook.host);
    free(webhook.address);
    free(webhook.url);
    return harness_teardown(state);
}

static void start_with_webhook(void)
{
    const char *arguments[] = {
        "--webhook-addr", webhook.address, "--webhook-url", webhook.url, "--secure-metrics", NULL};

    h.operator_arguments = arguments;
    operator_start();
    h.operator_arguments = NULL;
}

static void stop_and_clean(void)
{
    if (!h.operator_pid)
        operator_start();
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
    cluster_delete_if_there(CONFIGURATION, NULL, WEBHOOK_CONFIGURATION);
    cluster_delete_if_there(SECRET, NS, WEBHOOK_SECRET);
}

/* Why the server does not take a resource, as kubectl would print it; NULL: it would. Nothing is stored. */
static char *refusal(const char *name, const char *spec)
{
    _cleanup_json_ json_t *object = mesh_resource(name, spec);
    _cleanup_free_ char *text = doc_text(object), *path = NULL;
    _cleanup_buf_ struct buf body = BUF_INIT;
    struct net_request request = kube_request_create(ISTIO, API_VERSION, NS, text);
    struct err e;
    int status;

    path = request.path;
    request.path = str_printf("%s?dryRun=All", path);
    return net_client_wait(h.client, &request, &body, &status, &e) < 0 ? str_dup(e.text) : NULL;
}

#define BAD_RANGE "{\"includeIPRanges\":\"10.0.0.0/33\"}"

static bool webhook_is_called(void *context)
{
    _cleanup_free_ char *why = refusal(MESH, BAD_RANGE);

    (void)context;
    return why && strstr(why, WEBHOOK_NAME);
}

static void wait_for_webhook(void)
{
    wait_until(webhook_is_called, NULL, PATIENCE, "the API server asks the webhook");
}

static void refuses(const char *name, const char *spec, const char *says)
{
    _cleanup_free_ char *why = refusal(name, spec);

    if (!why || !strstr(why, says))
        fail_msg("%s: \"%s\", not \"%s\"", spec, str_or(why, "taken"), says);
}

static void what_is_wrong_is_refused_and_said(void **state)
{
    _cleanup_free_ char *good = NULL;

    (void)state;
    start_with_webhook();
    wait_for_webhook();
    refuses(MESH, BAD_RANGE, "denied the request: spec.includeIPRanges: must be");
    refuses(
        MESH,
        "{\"autoInjectionNamespaces\":[\"default\",\"kube-system\"]}",
        "spec.autoInjectionNamespaces[1]: must not be kube-system");
    refuses(MESH, "{\"autoInjectionNamespaces\":[\"" NS "\"]}", "the control plane's own namespace");
    refuses(MESH, "{\"pilot\":{\"minReplicas\":3,\"maxReplicas\":2}}", "spec.pilot.minReplicas: must not be above");
    refuses(MESH, "{\"version\":\"1.9.9\"}", "spec.version: must be one of");
    good = refusal(MESH, "{\"mtls\":true}");
    assert_null(good);
    stop_and_clean();
}

static bool second_is_refused(void *context)
{
    _cleanup_free_ char *why = refusal("second", "{}");

    (void)context;
    return why && strstr(why, "a cluster has one mesh, and it is there already: Istio " NS "/" MESH);
}

static void a_second_resource_is_refused(void **state)
{
    (void)state;
    start_with_webhook();
    wait_for_webhook();
    mesh_create("{}");
    wait_until(second_is_refused, NULL, PATIENCE, "a second resource is refused");
    assert_false(cluster_try_patch(ISTIO, NS, MESH, "{\"spec\":" BAD_RANGE "}"));
    assert_true(cluster_try_patch(ISTIO, NS, MESH, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"));
    stop_and_clean();
}

static bool failure_is_reported(void *context)
{
    _cleanup_free_ char *message = mesh_status("ErrorMessage");

    (void)context;
    return strstr(message, "spec.includeIPRanges: must be") != NULL;
}

static void without_the_operator_everything_is_taken_and_reported_later(void **state)
{
    (void)state;
    start_with_webhook();
    wait_for_webhook();
    operator_kill(SIGKILL);
    mesh_create(BAD_RANGE);
    start_with_webhook();
    wait_until(failure_is_reported, NULL, PATIENCE, "the controller says the same");
    mesh_wait_status("ReconcileFailed", PATIENCE);
    wait_for_webhook();
    /* What got past can still be repaired. */
    assert_true(cluster_try_patch(ISTIO, NS, MESH, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"));
    assert_true(cluster_try_patch(ISTIO, NS, MESH, "{\"spec\":{\"includeIPRanges\":\"*\"}}"));
    stop_and_clean();
}

/* The bundle that API server and Secret agree on; NULL where they do not, or it is `former`. Owned by the caller. */
static char *agreed_bundle(const char *former)
{
    _cleanup_json_ json_t *secret = cluster_get(SECRET, NS, WEBHOOK_SECRET);
    _cleanup_json_ json_t *configuration = cluster_get(CONFIGURATION, NULL, WEBHOOK_CONFIGURATION);
    const json_t *entry = json_array_get(doc_at(configuration, "webhooks"), 0);
    const char *bundle = doc_string(secret, "data", "ca.crt");

    if (!bundle || str_eq(bundle, former) || !str_eq(bundle, doc_string(entry, "clientConfig", "caBundle")))
        return NULL;
    return str_dup(bundle);
}

struct bundles {
    char *former, *now;
};

static bool bundle_is_agreed(void *context)
{
    struct bundles *b = context;

    b->now = agreed_bundle(b->former);
    return b->now != NULL;
}

static void wait_for_new_bundle(struct bundles *b, const char *what)
{
    free(b->former);
    b->former = TAKE_PTR(b->now);
    wait_until(bundle_is_agreed, b, PATIENCE, what);
    wait_for_webhook();
}

static void the_certificate_heals(void **state)
{
    struct bundles b = {0};

    (void)state;
    start_with_webhook();
    wait_for_new_bundle(&b, "Secret and configuration are made");
    cluster_delete(SECRET, NS, WEBHOOK_SECRET);
    wait_for_new_bundle(&b, "a deleted Secret is made again");
    cluster_patch(SECRET, NS, WEBHOOK_SECRET, "{\"data\":{\"tls.crt\":\"bm8gY2VydGlmaWNhdGU=\"}}");
    wait_for_new_bundle(&b, "nonsense in the Secret is replaced");

    str_replace(&b.former, NULL);
    free(TAKE_PTR(b.now));
    cluster_delete(CONFIGURATION, NULL, WEBHOOK_CONFIGURATION);
    wait_for_new_bundle(&b, "a deleted configuration is made again");
    free(b.former);
    free(b.now);
    stop_and_clean();
}

static bool is_filled_in(void *context)
{
    _cleanup_free_ char *bundle = agreed_bundle(NULL);

    (void)context;
    return bundle != NULL;
}

/* As in a cluster, where the manifests bring the configuration and its Service. */
static void the_installed_configuration_gets_the_bundle(void **state)
{
    _cleanup_json_ json_t *installed = webhook_configuration("v1", 20, NS, NULL, NULL), *live = NULL;
    const char *arguments[] = {"--webhook-addr", webhook.address, NULL};
    const json_t *entry;

    (void)state;
    cluster_create(CONFIGURATION, installed);
    h.operator_arguments = arguments;
    operator_start();
    h.operator_arguments = NULL;
    wait_until(is_filled_in, NULL, PATIENCE, "the bundle is filled in");
    live = cluster_get(CONFIGURATION, NULL, WEBHOOK_CONFIGURATION);
    entry = json_array_get(doc_at(live, "webhooks"), 0);
    assert_string_equal(doc_string(entry, "clientConfig", "service", "name"), OPERATOR_NAME);
    assert_string_equal(doc_string(entry, "failurePolicy"), "Ignore");
    stop_and_clean();
}

/* A token of the reader's ServiceAccount; owned by the caller. */
static char *reader_token(void)
{
    struct net_request request = net_request_new(
        NET_POST,
        "/api/v1/namespaces/" NS "/serviceaccounts/" READER "/token",
        "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{\"expirationSeconds\":600}}");
    _cleanup_buf_ struct buf body = BUF_INIT;
    _cleanup_json_ json_t *answer = NULL;
    struct err e;
    int status;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0 ||
        doc_parse(buf_str(&body), body.len, SIZE_MAX, &answer, &e) < 0)
        fail_msg("%s", e.text);
    return str_dup(doc_string(answer, "status", "token"));
}

/* The status of GET /metrics over HTTPS, with the authorities of the Secret; the text into `ret_text`, where not NULL.
 */
static int scrape(const char *token, char **ret_text)
{
    _cleanup_free_ char *server = str_printf("https://%s", webhook.address), *ca = NULL;
    _cleanup_json_ json_t *secret = cluster_get(SECRET, NS, WEBHOOK_SECRET);
    struct net_request request = net_request_new(NET_GET, "/metrics", NULL);
    struct kube_config config = {.server = server, .namespace = (char *)NS, .token = (char *)token};
    _cleanup_buf_ struct buf body = BUF_INIT;
    struct net_client *client;
    struct err e;
    int status;

    request.accept = "text/plain";
    config.ca_pem = ca = webhook_read_authorities(secret);
    if (kube_client_new(h.loop, &config, &(struct net_client_options){.timeout = SECONDS(5)}, &client, &e) < 0)
        fail_msg("%s", e.text);
    net_client_wait(client, &request, &body, &status, &e);
    net_client_free(client);
    if (ret_text)
        *ret_text = buf_take(&body);
    return status;
}

static bool anonymous_is_refused(void *context)
{
    (void)context;
    /* The Secret comes a moment after the operator is ready. */
    return cluster_has(SECRET, NS, WEBHOOK_SECRET) && scrape(NULL, NULL) == 401;
}

static void let_reader_read(void)
{
    _cleanup_json_ json_t *role = OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRole"),
        MAP("metadata", STRING("name", READER)),
        SEQ("rules", ITEM(STRINGS("nonResourceURLs", "/metrics"), STRINGS("verbs", "get"))));
    _cleanup_json_ json_t *binding = OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRoleBinding"),
        MAP("metadata", STRING("name", READER)),
        MAP("roleRef",
            STRING("apiGroup", "rbac.authorization.k8s.io"),
            STRING("kind", "ClusterRole"),
            STRING("name", READER)),
        SEQ("subjects", ITEM(STRING("kind", "ServiceAccount"), STRING("name", READER), STRING("namespace", NS))));

    cluster_create(kind_of("rbac.authorization.k8s.io/v1", "ClusterRole"), role);
    cluster_create(kind_of("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), binding);
}

static bool reader_may_read(void *context)
{
    return scrape(context, NULL) == 200;
}

static void metrics_are_for_those_who_may_read_them(void **state)
{
    _cleanup_json_ json_t *account = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ServiceAccount"),
        MAP("metadata", STRING("name", READER), STRING("namespace", NS)));
    _cleanup_free_ char *token = NULL, *text = NULL, *plain = NULL;

    (void)state;
    start_with_webhook();
    wait_until(anonymous_is_refused, NULL, PATIENCE, "metrics are served, but not to everybody");
    cluster_create(kind_of("v1", "ServiceAccount"), account);
    token = reader_token();
    assert_int_equal(scrape("made-up", NULL), 401);
    assert_int_equal(scrape(token, NULL), 403);
    let_reader_read();
    /* A no is kept for ten seconds. */
    wait_until(reader_may_read, token, PATIENCE, "who may read reads");
    assert_int_equal(scrape(token, &text), 200);
    assert_non_null(strstr(text, "istio_operator_plans_total"));
    plain = operator_get("/metrics");
    assert_null(plain);

    cluster_delete(kind_of("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), NULL, READER);
    cluster_delete(kind_of("rbac.authorization.k8s.io/v1", "ClusterRole"), NULL, READER);
    cluster_delete(kind_of("v1", "ServiceAccount"), NS, READER);
    stop_and_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_refused_and_said),
        cmocka_unit_test(a_second_resource_is_refused),
        cmocka_unit_test(without_the_operator_everything_is_taken_and_reported_later),
        cmocka_unit_test(the_certificate_heals),
        cmocka_unit_test(the_installed_configuration_gets_the_bundle),
        cmocka_unit_test(metrics_are_for_those_who_may_read_them),
    };

    return cmocka_run_group_tests_name("cluster admission", tests, set_up, tear_down);
}
