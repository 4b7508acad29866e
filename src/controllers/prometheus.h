/*
 * Questions to a Prometheus that users run, and its answers. Pure.
 *
 * Source: Prometheus' documentation, "HTTP API", instant queries.
 */
#ifndef CONTROLLERS_PROMETHEUS_H
#define CONTROLLERS_PROMETHEUS_H

#include "reconcile/reconciler.h"

/* An answer to a question of a plan. Zeroed: there is none yet, and none was asked. */
struct prometheus_answer {
    bool waits;         /* there is none yet */
    char *error;        /* which server, and why there is no result; owned; NULL: there is one, or it waits */
    json_t *document;   /* owned */
    const json_t *data; /* {resultType, result}, in the document */
};
void prometheus_answer_release(struct prometheus_answer *answer);
#define _cleanup_prometheus_answer_ _cleanup_(prometheus_answer_release)

/* Where: "http://prometheus.istio-system:9090", with or without a path. */
struct prometheus_question {
    const char *key; /* as query.key */
    const char *server, *query;
    int retries;    /* as in struct query */
    msec_t max_age; /* as in struct query */
};
/* Asks, and reads what was answered. */
void prometheus_ask(struct reconcile *r, const struct prometheus_question *question, struct prometheus_answer *ret);

/* The error of an answer whose result is not as the question needs it: `why` is a clause. Owned by the caller. */
char *prometheus_error(const char *server, const char *why);

#endif
