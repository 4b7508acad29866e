/*
 * A client of one HTTP or HTTPS server: libcurl's multi interface on libevent's loop.
 *
 * HTTP/2, one connection with all requests and streams multiplexed on it (HTTP/1.1 where the server speaks nothing
 * else). Nothing here blocks, and redirections are not followed.
 *
 * Every callback runs from the event loop, never from inside net_client_send().
 * A call is over when `done` ran, or when it was cancelled: then `done` does not run.
 *
 * A server that is named by its address, as it is inside a cluster, costs no thread. A name
 * is looked up by libcurl in a thread of its own, for as long as that takes.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/request.h"

struct net_client;
struct net_call;

/* Borrowed for the time of net_client_new(); all but `url` may be NULL. */
struct net_server {
    const char *url;             /* http[s]://host[:port][/path], which comes before a request's path */
    const char *tls_server_name; /* of its certificate, where that is not the URL's host */
    const char *proxy_url;       /* NULL: what the environment says, except for a loopback address */
    const char *header;          /* "Name: value", of every request */
    bool insecure;               /* whatever its certificate is */
};

/* With what a call is sent. Reference-counted: a call keeps those it was sent with. Begin with `refs` 1. */
struct net_credentials {
    unsigned refs;
    char *authorization; /* "Authorization: ..."; secret; NULL: none */
    char *ca_pem;        /* the authorities that the call trusts; NULL: the system's */
    char *cert_pem, *key_pem;
};

void net_credentials_unref(struct net_credentials *c);

struct net_client_options {
    size_t max_body;        /* bytes of an answer; 0: 64 MiB */
    size_t max_bodies;      /* bytes of all answers that are under way, together; 0: no limit */
    size_t max_values;      /* JSON values of an answer that is not streamed; 0: no limit of its own */
    msec_t timeout;         /* of a whole request; 0: 30 s */
    msec_t connect_timeout; /* 0: 10 s */
};

/* Counted since the client was created; for metrics. */
struct net_client_stats {
    uint64_t requests, errors, bytes_received, connections;
    uint64_t latency_count;
    uint64_t latency_usec_sum;   /* of requests that are not streamed */
    uint64_t latency_buckets[8]; /* <= 5, 10, 25, 50, 100, 250, 1000 ms, and more; not cumulative */
};

/*
 * What the client does not know of its server: who it is there, and what an answer means that says no. Without
 * these no credentials are sent, and an answer's error is its HTTP status. No hook calls the client.
 */
struct net_client_hooks {
    /* 1: *ret holds a reference. 0: they are being obtained, net_client_resume() follows. -1: there are none. */
    int (*credentials)(void *context, struct net_credentials **ret, struct err *e);
    /*
     * The server did not accept `used` (401, or by a TLS alert), or (`by_client`) its certificate was not accepted:
     * whether there are others, or will be, for another try.
     */
    bool (*rejected)(void *context, const struct net_credentials *used, bool by_client);
    /* May add to the error of a transfer, or of a 401, why other credentials are not used. Without secrets. */
    void (*failed)(void *context, struct err *e);
    /* Fills the error of an answer with a status of 300 or more, and may set response->retry_after. */
    void (*refused)(void *context, const struct net_request *request, struct net_response *response, struct err *e);
    /* With the client. */
    void (*release)(void *context);
    void *context;
};

/*
 * `options` and `hooks` may be NULL. Takes over the hooks' context, also where it fails. From the first one on the
 * process ignores SIGPIPE, unless it has a handler of its own.
 */
int net_client_new(
    struct event_base *loop, const struct net_server *server, const struct net_client_options *options,
    const struct net_client_hooks *hooks, struct net_client **ret, struct err *e);
/* Cancels all calls that are under way. Safe from inside a callback of this client. */
void net_client_free(struct net_client *c);
DEFINE_CLEANUP(struct net_client *, net_client_free)
#define _cleanup_net_client_ _cleanup_(net_client_free_p)

/* Credentials that calls wait for are available, or cannot be obtained. From the loop. */
void net_client_resume(struct net_client *c);

/*
 * The answer, or `e` where there was none (network, time-out, limit, something else than JSON where the request accepts
 * that alone: the text names the server or the request) or where its status is 300 or more: then `response` is set,
 * too.
 */
typedef void (*net_done_fn)(void *context, const struct net_response *response, const struct err *e);
/* Part of an answer as it arrives, or nothing (`len` 0): one with a 2xx status has begun; below zero ends the call with
 * ERR_CANCELLED... and `done` runs. */
typedef int (*net_data_fn)(void *context, const char *data, size_t len);

/*
 * Takes over the request. With `data` the answer of a 2xx status is streamed and not collected, and
 * request->timeout is how long it may be silent. Never fails immediately: errors come through `done`.
 */
struct net_call *
net_client_send(struct net_client *c, struct net_request *request, net_data_fn data, net_done_fn done, void *context);
void net_call_cancel(struct net_call *call);

const struct net_client_stats *net_client_stats(const struct net_client *c);

/*
 * For commands and tests: runs the loop until the answer has arrived. The body is owned by the caller.
 * Errors as in net_done_fn; *ret_status is 0 where there was no answer.
 */
int net_client_wait(
    struct net_client *c, struct net_request *request, struct buf *ret_body, int *ret_status, struct err *e);
/* The same, and parses the answer, of at most `max_bytes`. */
int net_client_wait_json(
    struct net_client *c, struct net_request *request, size_t max_bytes, json_t **ret, struct err *e);

#endif
