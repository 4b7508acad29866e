/*
 * Answers from outside: what a plan asks of servers that are no API servers (a metrics server, a webhook), and what
 * they answered. And what the operator's API server makes of an object without storing it.
 *
 * A plan names the queries whose answers it needs, each time. The runtime sends them, and plans again when an answer
 * has arrived; the answer is an observation like any other, with its time. Pure.
 */
#ifndef RECONCILE_QUERY_H
#define RECONCILE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* Of one resource; more are not asked. */
enum { QUERIES_MAX = 32 };

struct query {
    const char *key; /* names it among those of the resource */
    const char *url; /* http[s]://host[:port][/path][?query], without a user or password; it is read by GET */
    /*
     * JSON that is sent to `url` by POST instead, by the replica that acts; NULL: none is. It is sent again after a
     * restart, because nothing remembers that it was. The status is the answer, also where its body does not arrive
     * whole. Errors name the server, and not the path, which may be a secret.
     */
    const char *post;
    const char *authorization; /* the value of the header of that name; secret; NULL: none */
    /*
     * An object, as JSON, that the operator's own API server creates as a dry run: it is not stored. `url` is the path
     * of its collection, without a query. Only for Kubernetes 1.13 and later: older servers store it. NULL: `url` is
     * read.
     */
    const char *create;
    msec_t timeout;   /* of the whole answer; 0: 10 s */
    int retries;      /* how often it is sent again, at growing intervals, before no answer, 429 or 5xx is the answer */
    size_t body_max;  /* bytes of an answer; 0: 64 kB */
    msec_t not_after; /* of what is posted, when it is sent: as in struct net_request; plans leave it 0 */
    msec_t max_age;   /* an answer, or failure, that is older is asked for again: 1 s at least; MSEC_NEVER: none is */
};

/* A copy, whose strings are owned. */
struct query query_copy(const struct query *query);
void query_release(struct query *query);
/* Whether both ask the same; how long an answer may take, or holds, is not part of that. */
bool query_asks_same(const struct query *a, const struct query *b);

/* Zeroed: none. */
struct queries {
    struct query *items; /* owned copies */
    size_t len, cap;
};

/* Copies the query. False where there are too many, or one has the key. */
bool queries_add(struct queries *all, const struct query *query);
const struct query *queries_find(const struct queries *all, const char *key);
void queries_release(struct queries *all);

/* All borrowed. */
struct query_answer {
    const char *key;   /* of the query */
    const char *error; /* why there is none; NULL: there is one */
    int status;        /* HTTP, whatever it is; 0: none */
    const char *body;
    size_t body_len;
    msec_t at; /* wall: when it arrived */
};

struct query_answers {
    const struct query_answer *items;
    size_t len;
};

/* The last answer to the query with this key; NULL: there is none yet. */
const struct query_answer *query_answers_find(const struct query_answers *all, const char *key);

#endif
