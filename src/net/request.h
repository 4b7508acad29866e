/*
 * Requests over HTTP, and what the answers say. No I/O.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum net_method { NET_GET, NET_POST, NET_PUT, NET_PATCH, NET_DELETE, NET_METHOD_LAST = NET_DELETE };

struct net_request {
    enum net_method method;
    char *path; /* with its query; owned */
    char *body; /* owned; NULL for none */
    size_t body_len;
    const char *content_type; /* a literal; NULL for application/json */
    const char *accept;       /* the header, a literal; NULL for application/json. Without "json" any answer will do */
    msec_t timeout;           /* for the whole answer; 0: the client's default. Streams: silence, not length */
    msec_t
        not_after; /* monotonic: not begun then, and ended where it is under way, with ERR_CANCELLED; 0: no such time */
    bool secret;   /* the body or the answer holds a secret: memory is cleared */
    bool secret_path; /* the path is one: errors do not name it, and its memory is cleared */
    bool status_only; /* an answer is there with its head: a body that is too long, late or cut off is no error */
};

const char *net_method_name(enum net_method method);

/* Copies both; `body` may be NULL. */
struct net_request net_request_new(enum net_method method, const char *path, const char *body);
void net_request_release(struct net_request *r);

/* "GET /api/v1/pods": without the query, and without a path that is secret. */
void net_request_name(const struct net_request *r, char *ret, size_t size);

/* An answer; borrowed for the time of the callback. */
struct net_response {
    int status; /* HTTP */
    const char *body;
    size_t body_len;
    msec_t retry_after; /* of a 429 or 503, at most NET_RETRY_AFTER_MOST; 0: not given */
};

#define NET_RETRY_AFTER_MOST SECONDS(3600)

/* The error for an HTTP status of 300 or more. */
enum err_class net_status_class(int status);
/* Appends what such an answer says: "HTTP 503: no healthy upstream", in one line and without a secret. */
void net_describe_refusal(const struct net_request *request, const struct net_response *r, struct buf *out);

#endif
