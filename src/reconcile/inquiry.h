/*
 * Sends the queries of one resource's plans, and keeps the last answer to each.
 */
#ifndef RECONCILE_INQUIRY_H
#define RECONCILE_INQUIRY_H

#include "base/err.h"
#include "kube/gate.h"
#include "net/io.h"
#include "reconcile/query.h"

struct query_call;

/* From the loop: the answer, whatever its status is, or why there is none (`e`). */
typedef void (*query_done_fn)(void *context, int status, const char *body, size_t body_len, const struct err *e);

/* Calls `done` with what a request came to: an answer that says no is an answer. */
void query_is_over(query_done_fn done, void *context, const struct net_response *response, const struct err *e);

/* How queries are sent: over HTTP (reconcile/query_http.h), or a test's way. */
struct query_sender {
    /* Fails where the query cannot be sent at all. `query` is valid until the call is over. */
    int (*send)(
        void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
        struct err *e);
    /* `done` is not called any more. */
    void (*cancel)(void *context, struct query_call *call);
    void *context;
};

struct inquiry;

/*
 * Borrows `io`, the senders and the gate: `dry_runs` sends the queries that create something (NULL: none is asked);
 * what is to be posted waits until the gate is open. `answered` is called from the loop.
 */
struct inquiry *inquiry_new(
    struct net_io *io, const struct query_sender *sender, const struct query_sender *dry_runs,
    const struct kube_gate *gate, void (*answered)(void *context), void *context);
void inquiry_free(struct inquiry *i);
/*
 * Asks these queries and no others: the answers to others are dropped, and so are those to another question of
 * the same key (query_asks_same()). A key whose question changes is sent again when 1 s has passed since it was sent
 * last. A `max_age` that changes holds for the answer that is there, too.
 */
void inquiry_follow(struct inquiry *i, const struct queries *queries);
/*
 * A term of acting begins: what is to be posted is asked no more, and its answers are dropped, until a plan of this
 * term asks it. What was to be posted may have been posted by another replica.
 */
void inquiry_forget_posts(struct inquiry *i);
/*
 * Valid until the loop runs, or until inquiry_follow(). While the gate is closed there are none to what is posted: they
 * are not asked for again, however old they are.
 */
struct query_answers inquiry_answers(struct inquiry *i);

#endif
