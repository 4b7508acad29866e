/*
 * When Prometheus alerts of the operator: a table. The metrics are those of serve/metrics.h, scraped by the job
 * MESH_OWN_JOB.
 */
#ifndef MESH_COMMON_ALERTS_H
#define MESH_COMMON_ALERTS_H

#include <jansson.h>

#define MESH_OWN_JOB "istio-operator"
/* Of PromQL: what selects the operator's own, and the present values of one of its metrics. */
#define MESH_OF_OPERATOR "job=\"" MESH_OWN_JOB "\""
#define MESH_OWN_VALUE(metric) "istio_operator_" metric "{" MESH_OF_OPERATOR "}"

struct mesh_alert {
    const char *name; /* NULL ends the table */
    const char *severity, *lasts;
    const char *query, *condition; /* the query has data where the operator is scraped, whether the condition holds */
    const char *summary, *description;
};

extern const struct mesh_alert mesh_alert_table[];

/* A file of rules as Prometheus reads it, and the spec of a PrometheusRule: {groups}. Owned by the caller. */
json_t *mesh_alert_rules(void);

#endif
