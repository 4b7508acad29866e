/*
 * The head of an HTTP/1.1 request: everything before its body.
 *
 * Pure. It reads what the operator's clients send (API servers, Prometheus, the kubelet, users with curl) and refuses
 * the rest: strict line ends, no folded headers, no transfer codings, no second Content-Length. It ignores what it does
 * not need. Source: RFC 9110 and RFC 9112.
 */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX_BYTES (16 * 1024)

/* A part of the text that was parsed. */
struct http_span {
    const char *at; /* NULL: absent */
    size_t len;
};

struct http_head {
    size_t len; /* of the head, with the empty line that ends it */
    struct http_span method;
    struct http_span path;  /* without the query */
    struct http_span query; /* after the '?', as it was sent */
    struct http_span authorization;
    size_t body_len;
    bool keep_alive;
    bool expects_continue; /* the client wants to be asked for the body */
};

/*
 * 0: the head is not complete yet. 1: *ret is filled, and borrows from `text`. Below zero: not a request that this
 * server accepts; *ret_status is the HTTP status to answer with.
 */
int http_head_parse(const char *text, size_t len, struct http_head *ret, int *ret_status);

bool http_span_is(struct http_span span, const char *text);

/* The reason phrase of a status that this server answers with. */
const char *http_reason(int status);

#endif
