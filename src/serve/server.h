/*
 * What the operator serves over HTTP.
 *
 * Plain, for the kubelet, without secrets:
 *   /healthz   200 as long as the event loop runs
 *   /readyz    200 while every watch has listed, and received something or was verified within the last minute
 *              (KUBE_LISTENING_MOST); else 503 with the reason
 *   /metrics   Prometheus' text format; not here with `secure_metrics`
 *
 * With TLS, where `webhook_address` says so (certificate: serve/webhook_setup.h):
 *   /validate  the admission webhook
 *   /metrics   with `secure_metrics`, for users whom the API server allows to get /metrics (serve/access.h)
 *
 * Fed by the network: see net/http_server.h for the limits.
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <event2/event.h>
#include <stdbool.h>

#include "reconcile/controller.h"

struct server;

struct server_options {
    const char *address;         /* as in http_server_options */
    const char *webhook_address; /* NULL or "": nothing is served with TLS */
    const char *webhook_url;     /* that the API server calls; NULL: the operator's Service */
    const char *ns;              /* the operator's own */
    bool secure_metrics;
    struct kube_gate gate; /* of writes for the webhook */
};

int server_new(
    struct event_base *loop, const struct server_options *options, struct controller *controller, struct server **ret,
    struct err *e);
void server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free)
#define _cleanup_server_ _cleanup_(server_free_p)

/* The gate has opened: looks whether there is something to write for the webhook. */
void server_may_write(struct server *s);
bool server_writes_under_way(const struct server *s);

/* The port that it listens on, and that with TLS; 0: none. */
int server_port(const struct server *s);
int server_webhook_port(const struct server *s);

#endif
