#include "serve/server.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "net/http_server.h"
#include "serve/access.h"
#include "serve/admission.h"
#include "serve/metrics.h"
#include "serve/webhook.h"
#include "serve/webhook_setup.h"

/* All reviews that are being received: many users may write at the same time, each of them little. */
#define BODIES_MAX_BYTES (4 * ADMISSION_MAX_BYTES)

struct server {
    struct controller *controller;
    struct http_server *plain, *secure; /* `secure` may be NULL */
    struct access *access;
    struct webhook_setup *setup;
    bool secure_metrics;
};

struct route {
    const char *path, *method; /* of "GET" also HEAD */
    void (*handle)(struct server *s, struct http_exchange *exchange, const struct http_request *request);
};

static void on_healthz(struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    (void)s, (void)request;
    http_answer_text(exchange, 200, "ok");
}

/* Owned by the caller; NULL: it is ready. */
static char *why_not_ready(const struct server *s)
{
    const struct kube_cluster *cluster = controller_cluster(s->controller);
    const char *error = kube_cluster_error(cluster);
    const struct kube_kind *silent;
    msec_t age = kube_cluster_watch_age(cluster, &silent);

    if (!controller_is_ready(s->controller))
        return str_printf("not synced with the cluster: %s", error);
    if (controller_is_listening(s->controller))
        return NULL;
    return str_printf(
        "not listening to the cluster: the watch of %s has heard nothing for %lld s: %s",
        silent->kind,
        (long long)age / 1000,
        *error ? error : "it is not verified");
}

static void on_readyz(struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    _cleanup_free_ char *text = why_not_ready(s);

    (void)request;
    http_answer_text(exchange, text ? 503 : 200, str_or(text, "ok"));
}

static void answer_metrics(struct server *s, struct http_exchange *exchange)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    metrics_print(s->controller, &text);
    http_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text), text.len);
}

static void on_metrics(struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    (void)request;
    if (s->secure_metrics)
        http_answer_text(exchange, 404, "metrics are served over HTTPS (--secure-metrics)");
    else
        answer_metrics(s, exchange);
}

/* A scrape that waits for what the API server says of its token. */
struct scrape {
    struct server *server;
    struct http_exchange *exchange;
};

static void on_access(void *context, int status, const char *why)
{
    struct scrape *scrape = context;

    if (status == 200)
        answer_metrics(scrape->server, scrape->exchange);
    else
        http_answer_text(scrape->exchange, status, why);
    free(scrape);
}

static void on_secure_metrics(struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    struct scrape *scrape;

    if (!s->secure_metrics) {
        http_answer_text(exchange, 404, "metrics are served over plain HTTP (without --secure-metrics)");
        return;
    }
    scrape = NEW(struct scrape);
    *scrape = (struct scrape){s, exchange};
    access_check(s->access, request->authorization, "/metrics", on_access, scrape);
}

static void on_validate(struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    struct kube_cluster *cluster = controller_cluster(s->controller);
    const struct kube_server *server = kube_cluster_server(cluster);
    const char *versions[KIND_COUNT];
    const struct admission_context context = {
        .versions = server ? versions : NULL,
        .kubernetes_minor = server ? server->minor : 0,
        .observed = controller_is_ready(s->controller) ? kube_cluster_cache(cluster) : NULL,
    };
    struct admission_verdict verdict;
    struct err e;

    if (server)
        mesh_desired_versions(server, versions);
    if (admission_review(request->body, request->body_len, &context, &verdict, &e) < 0) {
        http_answer_text(exchange, e.class == ERR_LIMIT ? 413 : 400, e.text);
        return;
    }
    http_answer(exchange, 200, "application/json", verdict.review, strlen(verdict.review));
    log_debug("admission", "allowed", verdict.allowed ? "true" : "false", NULL);
    free(verdict.review);
}

static const struct route plain_routes[] = {
    {"/healthz", "GET", on_healthz},
    {"/readyz", "GET", on_readyz},
    {"/metrics", "GET", on_metrics},
    {NULL},
};

static const struct route secure_routes[] = {
    {WEBHOOK_PATH, "POST", on_validate},
    {"/metrics", "GET", on_secure_metrics},
    {NULL},
};

static bool is_method(const struct route *route, const struct http_request *request)
{
    return http_span_is(request->method, route->method) ||
           (str_eq(route->method, "GET") && http_span_is(request->method, "HEAD"));
}

static void answer_not_found(const struct route *routes, struct http_exchange *exchange)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_str(&text, "there is");
    for (const struct route *r = routes; r->path; r++)
        buf_printf(&text, "%s %s", r == routes ? "" : ",", r->path);
    http_answer_text(exchange, 404, buf_str(&text));
}

static void dispatch(
    const struct route *routes, struct server *s, struct http_exchange *exchange, const struct http_request *request)
{
    for (const struct route *r = routes; r->path; r++) {
        if (!http_span_is(request->path, r->path))
            continue;
        if (is_method(r, request)) {
            r->handle(s, exchange, request);
        } else {
            _cleanup_free_ char *text = str_printf("allowed here is %s", r->method);
            http_answer_text(exchange, 405, text);
        }
        return;
    }
    answer_not_found(routes, exchange);
}

static void on_plain(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    dispatch(plain_routes, context, exchange, request);
}

static void on_secure(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    dispatch(secure_routes, context, exchange, request);
}

static int start_secure(struct server *s, struct event_base *loop, const struct server_options *options, struct err *e)
{
    const struct http_server_options secure = {
        .address = options->webhook_address,
        .tls = true,
        .body_max = ADMISSION_MAX_BYTES,
        .bodies_max = BODIES_MAX_BYTES,
        .handle = on_secure,
        .context = s,
    };
    struct net_client *client = kube_cluster_client(controller_cluster(s->controller));
    struct webhook_setup_options setup = {.ns = options->ns, .url = options->webhook_url, .gate = options->gate};

    if ((options->webhook_url && webhook_check_url(options->webhook_url, e) < 0) ||
        http_server_new(loop, &secure, &s->secure, e) < 0)
        return -1;
    s->access = access_new(client);
    setup.server = s->secure;
    s->setup = webhook_setup_new(loop, client, &setup);
    return 0;
}

int server_new(
    struct event_base *loop, const struct server_options *options, struct controller *controller, struct server **ret,
    struct err *e)
{
    _cleanup_server_ struct server *s = NEW(struct server);
    const struct http_server_options plain = {.address = options->address, .handle = on_plain, .context = s};
    bool with_tls = options->webhook_address && *options->webhook_address;

    s->controller = controller;
    s->secure_metrics = options->secure_metrics;
    if (options->secure_metrics && !with_tls)
        return err_set(e, ERR_USAGE, "--secure-metrics needs an address to serve with TLS: --webhook-addr");
    if (options->webhook_url && !with_tls)
        return err_set(e, ERR_USAGE, "--webhook-url needs an address to serve with TLS: --webhook-addr");
    if (http_server_new(loop, &plain, &s->plain, e) < 0 || (with_tls && start_secure(s, loop, options, e) < 0))
        return -1;
    *ret = TAKE_PTR(s);
    return 0;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    access_free(s->access);
    webhook_setup_free(s->setup);
    http_server_free(s->secure);
    http_server_free(s->plain);
    free(s);
}

void server_may_write(struct server *s)
{
    if (s->setup)
        webhook_setup_look(s->setup);
}

bool server_writes_under_way(const struct server *s)
{
    return s->setup && webhook_setup_writes(s->setup);
}

int server_port(const struct server *s)
{
    return http_server_port(s->plain);
}

int server_webhook_port(const struct server *s)
{
    return s->secure ? http_server_port(s->secure) : 0;
}
