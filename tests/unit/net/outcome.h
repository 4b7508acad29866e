/* What became of a call of a client. */
#ifndef TEST_NET_OUTCOME_H
#define TEST_NET_OUTCOME_H

#include "base/buf.h"
#include "net/client.h"

struct fixture; /* the test's own */

struct outcome {
    struct fixture *fixture;
    int over;  /* how often `done` ran */
    int begun; /* how often it was told that an answer begins */
    int status;
    struct buf body, streamed;
    msec_t retry_after;
    struct err e;
    int (*on_data)(struct outcome *o);
    void (*on_done)(struct outcome *o);
    struct net_call *call, *other;
};

/* A net_done_fn; its context is the outcome. */
void outcome_done(void *context, const struct net_response *response, const struct err *e);
void outcome_release(struct outcome *o);

#endif
