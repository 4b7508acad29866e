/*
 * A model of Prometheus behind a controller's queries: counters by workload, made of the requests, scraped now and
 * then; answers to the built-in queries; and what goes wrong with it.
 *
 * Source: Prometheus' HTTP API (instant queries); promql: increase() is extrapolated to the window, needs two samples,
 * and knows no series that no scrape has seen.
 */
#ifndef TESTS_SIMULATION_CANARY_PROMETHEUS_H
#define TESTS_SIMULATION_CANARY_PROMETHEUS_H

#include "reconcile/inquiry.h"
#include "traffic.h"

#define PROMETHEUS_URL "http://prometheus.shop:9090"

enum prometheus_state {
    PROMETHEUS_WORKS,
    PROMETHEUS_DOWN,    /* refuses connections */
    PROMETHEUS_HANGS,   /* accepts them, and never answers */
    PROMETHEUS_SLOW,    /* answers after some seconds */
    PROMETHEUS_EMPTY,   /* knows no series */
    PROMETHEUS_NAN,     /* every value is NaN */
    PROMETHEUS_BROKEN,  /* answers with 500 */
    PROMETHEUS_GARBAGE, /* answers with something else */
    PROMETHEUS_STATES,
};

enum prometheus_value { VALUE_ALL, VALUE_FAILED, VALUE_DURATION, VALUE_COUNT };

/* A true answer. */
struct prometheus_answer {
    msec_t at, window;
    bool none; /* there is no such series */
    double value;
};

struct prometheus;

struct prometheus_options {
    struct sched *sched;
    struct rng *rng;
    const struct traffic *traffic;
    const enum prometheus_state *state; /* read at every step */
    /* Each true answer about the target, when it is given. */
    void (*answered)(void *context, enum prometheus_value what, const struct prometheus_answer *answer);
    void (*trace)(void *context, const char *text);
    void *context;
};

struct prometheus *prometheus_new(const struct prometheus_options *options);
/* No call is under way any more. */
void prometheus_free(struct prometheus *p);
struct query_sender prometheus_sender(struct prometheus *p);
uint64_t prometheus_queries(const struct prometheus *p);

#endif
