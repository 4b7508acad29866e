/*
 * The operator's own HTTP server: /healthz, /readyz and /metrics.
 *
 *   /healthz  200 for as long as the event loop turns
 *   /readyz   200 once every watch has listed, else 503 with what is waited for
 *   /metrics  Prometheus' text format
 *
 * Fed by the network: headers, bodies and idle connections have limits.
 */
#ifndef OPERATOR_SERVER_H
#define OPERATOR_SERVER_H

#include <event2/event.h>

#include "operator/controller.h"

struct server;

/* `address` is "host:port", ":port" or "[v6]:port"; port 0 takes a free one. */
int server_new(struct event_base *loop, const char *address, struct controller *controller, struct server **ret,
               struct err *e);
void server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free)
#define _cleanup_server_ _cleanup_(server_free_p)

/* The port that it listens on. */
int server_port(const struct server *s);

#endif
