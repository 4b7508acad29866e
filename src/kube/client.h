/*
 * A connection to one API server: libcurl's multi interface on libevent's loop.
 *
 * HTTP/2, one connection a cluster with all requests and watches multiplexed on it
 * (HTTP/1.1 where the server speaks nothing else). Nothing here blocks: an exec
 * plugin runs as a child process, and requests wait for it.
 *
 * Every callback runs from the event loop, never from inside kube_client_send().
 * A call is over when `done` ran, or when it was cancelled: then `done` does not run.
 *
 * A server that is named by its address, as it is inside a cluster, costs no thread. A name
 * is looked up by libcurl in a thread of its own, for as long as that takes.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kube/config.h"
#include "kube/request.h"

DEFINE_CLEANUP(struct event_base *, event_base_free)
#define _cleanup_event_base_ _cleanup_(event_base_free_p)

struct kube_client;
struct kube_call;

/* An answer; borrowed for the time of the callback. */
struct kube_response {
    int status; /* HTTP */
    const char *body;
    size_t body_len;
    msec_t retry_after; /* of a 429 or 503; 0: not given */
};

struct kube_client_options {
    size_t max_body;        /* bytes of an answer; 0: 64 MiB */
    size_t max_bodies;      /* bytes of all answers that are under way, together; 0: no limit */
    size_t max_values;      /* JSON values of an answer that is not streamed; 0: no limit of its own */
    msec_t timeout;         /* of a whole request; 0: 30 s */
    msec_t connect_timeout; /* 0: 10 s */
};

/* Counted since the client was created; for metrics. */
struct kube_client_stats {
    uint64_t requests, errors, bytes_received, connections;
    uint64_t latency_count;
    uint64_t latency_usec_sum;   /* of requests that are not watches */
    uint64_t latency_buckets[8]; /* <= 5, 10, 25, 50, 100, 250, 1000 ms, and more; not cumulative */
};

/*
 * Copies `config`. Fails where certificates or keys cannot be read. From the first one on the process ignores
 * SIGPIPE, unless it has a handler of its own.
 */
int kube_client_new(struct event_base *loop, const struct kube_config *config,
                    const struct kube_client_options *options, struct kube_client **ret, struct err *e);
/* Cancels all calls that are under way. Safe from inside a callback of this client. */
void kube_client_free(struct kube_client *c);
DEFINE_CLEANUP(struct kube_client *, kube_client_free)
#define _cleanup_kube_client_ _cleanup_(kube_client_free_p)

/*
 * The answer, which begins as JSON does, or `e` where there was none (network, time-out, limit, something else than
 * JSON: ERR_UNAVAILABLE names the server and the request) or where its status is 300 or more:
 * then `e` describes the Status object in the body, with the class that fits, and `response` is set, too.
 */
typedef void (*kube_done_fn)(void *context, const struct kube_response *response, const struct err *e);
/* The error for an answer's HTTP status of 300 or more and its Status object (or NULL). */
enum err_class kube_answer_class(int http, const json_t *status);
/* Part of an answer as it arrives, or nothing (`len` 0): one with a 2xx status has begun; below zero ends the call with
 * ERR_CANCELLED... and `done` runs. */
typedef int (*kube_data_fn)(void *context, const char *data, size_t len);

/*
 * Takes over the request. With `data` the answer of a 2xx status is streamed and not collected, and
 * request->timeout is how long it may be silent. Never fails immediately: errors come through `done`.
 */
struct kube_call *kube_client_send(struct kube_client *c, struct kube_request *request, kube_data_fn data,
                                   kube_done_fn done, void *context);
void kube_call_cancel(struct kube_call *call);

const struct kube_client_stats *kube_client_stats(const struct kube_client *c);

/*
 * For commands and tests: runs the loop until the answer has arrived. The body is owned by the caller.
 * Errors as in kube_done_fn; *ret_status is 0 where there was no answer.
 */
int kube_client_wait(struct kube_client *c, struct kube_request *request, struct buf *ret_body, int *ret_status,
                     struct err *e);
/* The same, and parses the answer, of at most `max_bytes`. */
int kube_client_wait_json(struct kube_client *c, struct kube_request *request, size_t max_bytes, json_t **ret,
                          struct err *e);

#endif
