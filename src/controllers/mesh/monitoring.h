/*
 * Whether Prometheus scrapes the mesh, as spec.monitoring.prometheus asks for it. With the Prometheus operator: are its
 * definitions there, and does a Prometheus select the mesh's monitors; and where the URL of Prometheus is given, it is
 * asked for its targets. Pure.
 *
 * The objects that tell it are planned apart (apart.h), and what is wrong with them is a condition.
 */
#ifndef CONTROLLERS_MESH_MONITORING_H
#define CONTROLLERS_MESH_MONITORING_H

#include "controllers/mesh/apart.h"
#include "controllers/mesh/mesh_desired.h"

/* The key of the question for targets. */
#define MONITORING_QUERY "prometheus-targets"

/* What is known. Zeroed: nothing is asked for. */
struct monitoring {
    const char *mode; /* ISTIO_PROMETHEUS_...; borrowed; NULL: none */
    struct finding finding;
    char *unwritten; /* of apart_plan(); owned */
    bool is_counted;
    size_t up, down; /* targets */
};

/* The watches (controllers/watches.h) that bring the monitors, as far as the resource or its status tells of some. */
unsigned monitoring_watches(const struct reconcile *r);
/* Adds the writes of the objects to `plan`. */
void monitoring_plan(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m, struct plan *plan);
/* Asks for the watches, and Prometheus; finds out what is to be said. After monitoring_plan(). */
void monitoring_read(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m);
void monitoring_release(struct monitoring *m);

/* Adds to status.monitoring. */
void monitoring_add_status(const struct reconcile *r, const struct monitoring *m, json_t *status);

#endif
