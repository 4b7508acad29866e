/*
 * A model of the servers that a Canary's webhooks ask, in front of another sender of queries, which gets what is not
 * for them: what they answer, how late, and what goes wrong with them.
 */
#ifndef TESTS_SIMULATION_CANARY_HOOKS_H
#define TESTS_SIMULATION_CANARY_HOOKS_H

#include "../../server/rng.h"
#include "../../server/sched.h"
#include "reconcile/inquiry.h"

#define HOOKS_URL "http://hooks.shop/"

enum hooks_state {
    HOOKS_YES,
    HOOKS_NO,
    HOOKS_LATE,    /* a yes, after some seconds, or after the time that it has */
    HOOKS_NEVER,   /* accept connections, and never answer */
    HOOKS_DOWN,    /* refuse connections */
    HOOKS_RUBBISH, /* 302 or 500, with something else */
    HOOKS_STATES,
};

struct hooks;

struct hooks_options {
    struct sched *sched;
    struct rng *rng;
    struct query_sender behind;
    const enum hooks_state *state; /* read at every step */
    /* A document arrived; and was answered with a yes that arrives, too. */
    void (*asked)(void *context, const json_t *document);
    void (*agreed)(void *context, const json_t *document);
    void (*trace)(void *context, const char *text);
    void *context;
};

struct hooks *hooks_new(const struct hooks_options *options);
/* No call is under way any more. */
void hooks_free(struct hooks *h);
struct query_sender hooks_sender(struct hooks *h);
uint64_t hooks_asked(const struct hooks *h);

#endif
