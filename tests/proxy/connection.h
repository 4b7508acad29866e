/* One connection through the proxy: from a client that was accepted to the server behind. Of proxy.c alone. */
#ifndef TESTS_PROXY_CONNECTION_H
#define TESTS_PROXY_CONNECTION_H

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "proxy.h"

struct connection;

/* What a connection needs of its proxy; outlives it. */
struct surroundings {
    struct event_base *loop;
    struct sockaddr_in upstream;
    char *host;          /* the same as text */
    SSL_CTX *client_tls; /* towards the server; NULL: raw */
    struct rules rules;
    struct proxy_stats stats;
    struct connection *first; /* of all */
};

/*
 * Takes over `fd`. `tls` is for the client's side; NULL: raw. A parked connection is not served: with `for_good` never,
 * else from connection_serve() on. `cut`: reset after so many bytes of both directions; below zero: not.
 */
void connection_new(struct surroundings *s, evutil_socket_t fd, SSL_CTX *tls, int64_t cut, bool parked, bool for_good);
/* Resets every one. */
void connections_reset(struct surroundings *s);
/* Nothing is read or written any more, until the other one is called: that serves parked ones, too. */
void connections_pause(struct surroundings *s);
void connections_resume(struct surroundings *s);

#endif
