#include "operator/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "operator/metrics.h"

#define HEADERS_MAX_BYTES (16 * 1024)
#define BODY_MAX_BYTES (64 * 1024)
#define TIMEOUT_SECONDS 30

struct server {
    struct evhttp *http;
    struct evhttp_bound_socket *socket;
    struct controller *controller;
};

static void reply(struct evhttp_request *request, int status, const char *reason, const char *type, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add(body, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evhttp_send_reply(request, status, reason, body);
    evbuffer_free(body);
}

#define PLAIN "text/plain; charset=utf-8"

static void on_healthz(struct evhttp_request *request, void *context)
{
    (void)context;
    reply(request, 200, "OK", PLAIN, "ok\n");
}

static void on_readyz(struct evhttp_request *request, void *context)
{
    const struct server *s = context;
    _cleanup_free_ char *text = NULL;

    if (controller_is_ready(s->controller)) {
        reply(request, 200, "OK", PLAIN, "ok\n");
        return;
    }
    text = str_printf("not in step with the cluster: %s\n", kube_cluster_error(controller_cluster(s->controller)));
    reply(request, 503, "Service Unavailable", PLAIN, text);
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    const struct server *s = context;
    _cleanup_buf_ struct buf text = BUF_INIT;

    metrics_print(s->controller, &text);
    reply(request, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", buf_str(&text));
}

static void on_other(struct evhttp_request *request, void *context)
{
    (void)context;
    reply(request, 404, "Not Found", PLAIN, "there is /healthz, /readyz and /metrics\n");
}

static int split_address(const char *address, char **ret_host, uint16_t *ret_port, struct err *e)
{
    const char *colon = strrchr(address, ':');
    int64_t port;

    if (!colon || !str_to_int64(colon + 1, &port) || port < 0 || port > UINT16_MAX)
        return err_set(e, ERR_USAGE, "address \"%s\": allowed is HOST:PORT or :PORT with a port of 0 to 65535", address);
    if (colon == address)
        *ret_host = str_dup("0.0.0.0");
    else if (address[0] == '[' && colon[-1] == ']')
        *ret_host = str_dup_n(address + 1, (size_t)(colon - address) - 2);
    else
        *ret_host = str_dup_n(address, (size_t)(colon - address));
    *ret_port = (uint16_t)port;
    return 0;
}

int server_new(struct event_base *loop, const char *address, struct controller *controller, struct server **ret,
               struct err *e)
{
    static const struct {
        const char *path;
        void (*handle)(struct evhttp_request *, void *);
    } paths[] = {{"/healthz", on_healthz}, {"/readyz", on_readyz}, {"/metrics", on_metrics}};
    _cleanup_server_ struct server *s = NEW(struct server);
    _cleanup_free_ char *host = NULL;
    uint16_t port = 0;

    if (split_address(address, &host, &port, e) < 0)
        return -1;
    s->controller = controller;
    s->http = evhttp_new(loop);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(s->http, HEADERS_MAX_BYTES);
    evhttp_set_max_body_size(s->http, BODY_MAX_BYTES);
    evhttp_set_timeout(s->http, TIMEOUT_SECONDS);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        evhttp_set_cb(s->http, paths[i].path, paths[i].handle, s);
    evhttp_set_gencb(s->http, on_other, s);
    s->socket = evhttp_bind_socket_with_handle(s->http, host, port);
    if (!s->socket)
        return err_errno(e, errno, "cannot listen on %s", address);
    *ret = TAKE_PTR(s);
    return 0;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    if (s->http)
        evhttp_free(s->http);
    free(s);
}

int server_port(const struct server *s)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (getsockname(evhttp_bound_socket_get_fd(s->socket), (struct sockaddr *)&address, &len) < 0)
        return -1;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}
