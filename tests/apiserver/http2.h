/*
 * An HTTP/2 server over TLS: nghttp2 and OpenSSL on libevent's loop. It knows nothing of Kubernetes.
 *
 * An exchange is one request with its answer. It lives until its answer is complete or its client is gone; whoever
 * keeps one learns of its end by exchange_on_end(). Answers may be given immediately or at any later time; none means
 * that the client waits.
 *
 * For tests and benchmarks: memory counts (an idle connection is about 30 kB, an open answer some hundred bytes), and
 * requests are limited, but it is not made for a hostile network.
 */
#ifndef TESTS_APISERVER_HTTP2_H
#define TESTS_APISERVER_HTTP2_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct http2_server;
struct exchange;

/* A whole request is there. */
typedef void (*http2_request_fn)(void *context, struct exchange *x);

/* Listens on 127.0.0.1:`port` (0: any). `cert` and `key` are PEM. */
int http2_server_new(struct event_base *loop, int port, const char *cert, const char *key, http2_request_fn on_request,
                     void *context, struct http2_server **ret, struct err *e);
/* Ends all exchanges. */
void http2_server_free(struct http2_server *s);
int http2_server_port(const struct http2_server *s);
size_t http2_server_connections(const struct http2_server *s);

/* --- the request; borrowed --- */

enum http2_header { HTTP2_METHOD, HTTP2_PATH, HTTP2_AUTHORIZATION, HTTP2_ACCEPT, HTTP2_CONTENT_TYPE, HTTP2_HEADERS };
/* NULL where it was not sent. */
const char *exchange_header(const struct exchange *x, enum http2_header header);
const struct buf *exchange_body(const struct exchange *x);

/* --- the answer --- */

/* The head, as JSON. `retry_after` seconds; 0: not said. */
void exchange_begin(struct exchange *x, int status, int retry_after);
/* More of the body. */
void exchange_write(struct exchange *x, const void *data, size_t len);
/* Asked for more of the body whenever the client has taken what there is; for a body without end. */
void exchange_set_source(struct exchange *x, void (*source)(struct buf *body));
/* The body is complete. */
void exchange_end(struct exchange *x);
/* Instead of an answer, or of the rest of one: the exchange, or the whole connection, breaks off. */
void exchange_reset(struct exchange *x);
void exchange_disconnect(struct exchange *x);

/* Runs once, when the exchange ends in whatever way; it is freed afterwards. */
void exchange_on_end(struct exchange *x, void (*on_end)(void *context), void *context);

#endif
