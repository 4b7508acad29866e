/*
 * A small HTTP/1.1 server on the test's own loop, with answers that are written
 * down byte for byte, so that they can be wrong in every way.
 */
#ifndef TEST_KUBE_SERVER_H
#define TEST_KUBE_SERVER_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"

struct server_answer {
    const char *path;          /* what the request's path begins with */
    const char *authorization; /* only for requests with this header; NULL: for all */
    const char *bytes;         /* NULL: stays silent */
    const char *then;          /* further bytes, each after 20 ms, `repeat` times */
    int repeat;
    bool close; /* ends the connection behind the bytes */
};

struct server {
    struct event_base *loop;
    const struct server_answer *answers; /* the first that fits; ends with a NULL path */
    SSL_CTX *tls;                        /* NULL: plain */
    struct evconnlistener *listener;
    int port;
    int requests;
    struct buf last; /* request: head and body */
    bool client_cert;
    char client_name[64]; /* of its certificate */
};

/* `cert` NULL: plain HTTP. */
void server_start(struct server *s, struct event_base *loop, const struct server_answer *answers, const char *cert,
                  const char *key);
/* From now on clients whose certificate has another name are refused, by a TLS alert. */
void server_expect_client(struct server *s, const char *name);
/* Connections from now on get this certificate; those that are there stay. */
void server_set_certificate(struct server *s, const char *cert, const char *key);
void server_stop(struct server *s);

#endif
