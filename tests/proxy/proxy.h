/*
 * A proxy between the operator and an API server that does harm by rule.
 *
 * It terminates TLS on both sides with an authority of its own, speaks HTTP/1.1 (so a watch is a connection, and a
 * rule can be about a request), and passes every header on, the bearer token with them. In raw mode it forwards bytes
 * and knows nothing of what they mean: HTTP/2 stays, and so does the server's own certificate.
 *
 * One thread, on the caller's loop; nothing here ends the loop.
 */
#ifndef TESTS_PROXY_PROXY_H
#define TESTS_PROXY_PROXY_H

#include <event2/event.h>

#include "rule.h"

struct proxy;

struct proxy_options {
    const char *host;        /* of the server behind it: an IPv4 address */
    int port;                /* of the server behind it */
    const char *upstream_ca; /* PEM; not used in raw mode */
    bool raw;
    uint64_t seed;
};

struct proxy_stats {
    uint64_t connections, requests, faults;
};

/* Listens on 127.0.0.1, at a port that the kernel chooses. */
int proxy_new(struct event_base *loop, const struct proxy_options *options, struct proxy **ret, struct err *e);
void proxy_free(struct proxy *p);

int proxy_port(const struct proxy *p);
/* PEM; NULL in raw mode. Owned by the proxy. */
const char *proxy_ca(const struct proxy *p);
struct proxy_stats proxy_stats(const struct proxy *p);

/* Adds a rule; one that lasts begins immediately. */
int proxy_rule(struct proxy *p, const char *text, struct err *e);
/*
 * Ends all rules. What was partitioned goes on where it stopped. What was silent or hangs stays so: only the other
 * side's patience ends it.
 */
void proxy_clear(struct proxy *p);
/* Resets all connections of this moment. */
void proxy_reset(struct proxy *p);

#endif
