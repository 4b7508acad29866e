/*
 * A component of Istio as a resource configures it: the same fields in every resource
 * that has components.
 */
#ifndef API_COMPONENT_H
#define API_COMPONENT_H

#include <jansson.h>
#include <stdbool.h>

#include "api/field.h"
#include "api/problem.h"

/* What every component of Istio can be configured with. */
struct component_spec {
    bool enabled;
    char *image; /* NULL: imageHub/<the component's image>:imageTag */
    /* 1 <= min_replicas <= replica_count <= max_replicas */
    int replica_count;              /* without an autoscaler the number of pods, with one the number to begin with */
    int min_replicas, max_replicas; /* equal: there is no autoscaler */
    json_t *resources;              /* NULL: the component's own default, as the chart's */
    json_t *node_selector;          /* NULL: none */
    json_t *affinity;               /* NULL: the architectures that Istio is built for */
    json_t *tolerations;            /* NULL: none */
};

/* For STRUCT_AT(): without and with an autoscaler by default, as the components of the chart. */
extern const struct field_table component_fixed_table, component_autoscaled_table;
/* Compute resources as in a Pod: {requests, limits}. */
extern const struct field_table container_resources_table;

/* Fills the replicas that were not given from those that were. */
void component_complete(struct component_spec *component);
/* Whether the replicas contradict each other, for the component at `path` ("spec.pilot"). */
void component_check(const struct component_spec *component, const char *path, struct problems *problems);

#endif
