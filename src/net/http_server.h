/*
 * A small HTTP/1.1 server on libevent, plain or with TLS, for a port that every client in the cluster can reach.
 *
 * What a client can make it hold is bounded: connections, the head and the body of a request, all bodies together,
 * and the time for each step: a step has a deadline of its own that no dripping of bytes moves. When every place is
 * taken, the connection that has waited longest without a request is closed, so that idle ones keep no client out.
 * Requests of a connection are answered one after another.
 *
 * TLS is 1.2 or later, without renegotiation and session tickets. Until the first certificate is set, connections are
 * closed.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/http_head.h"

struct http_server;
/* A request that waits for its answer. */
struct http_exchange;

/* Borrowed for the time of the callback. */
struct http_request {
    struct http_span method, path, query, authorization;
    const char *body;
    size_t body_len;
};

/* Calls http_answer() for the exchange, once, now or later. */
typedef void (*http_handle_fn)(void *context, struct http_exchange *exchange, const struct http_request *request);

struct http_server_options {
    const char *address; /* "host:port", ":port" or "[v6]:port"; port 0 takes a free one */
    bool tls;
    size_t connections_max; /* 0: 256 */
    size_t body_max;        /* bytes of a request's body; 0: none is taken */
    size_t bodies_max;      /* bytes of all that are under way; 0: body_max */
    msec_t patience;        /* for each of: handshake and head, body, the answer built, the answer sent; 0: 10 s */
    msec_t idle;            /* between two requests; 0: 60 s */
    http_handle_fn handle;
    void *context;
};

int http_server_new(
    struct event_base *loop, const struct http_server_options *options, struct http_server **ret, struct err *e);
/* Closes every connection. Exchanges may still be answered later; such answers are dropped. */
void http_server_free(struct http_server *s);
DEFINE_CLEANUP(struct http_server *, http_server_free)
#define _cleanup_http_server_ _cleanup_(http_server_free_p)

/* The port that it listens on. */
int http_server_port(const struct http_server *s);
size_t http_server_connections(const struct http_server *s);

/* The certificate for connections from now on, with its key, both PEM. On failure the former one stays. */
int http_server_certify(struct http_server *s, const char *cert_pem, const char *key_pem, struct err *e);

/* `type` is a Content-Type. The exchange is freed afterwards. */
void http_answer(struct http_exchange *exchange, int status, const char *type, const char *body, size_t len);
/* A line of plain text. */
void http_answer_text(struct http_exchange *exchange, int status, const char *text);

#endif
