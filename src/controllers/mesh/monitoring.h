/*
 * Whether Prometheus scrapes the mesh, as spec.monitoring.prometheus asks for it. With the Prometheus operator: are its
 * definitions there, and does a Prometheus select the mesh's monitors; and where the URL of Prometheus is given, it is
 * asked for its targets. Pure.
 *
 * The objects that tell it are planned apart (apart.h), and what is wrong with them is a condition. Before monitors are
 * created the status says so (status.monitoring.monitors), so that a mesh that asks for them no longer, or is deleted,
 * knows that it has to look for them: the kinds are watched for no other.
 */
#ifndef CONTROLLERS_MESH_MONITORING_H
#define CONTROLLERS_MESH_MONITORING_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/reconciler.h"

/* The key of the question for targets. */
#define MONITORING_QUERY "prometheus-targets"

/* What is known. Zeroed: nothing is asked for. */
struct monitoring {
    const char *mode;   /* ISTIO_PROMETHEUS_...; borrowed; NULL: none */
    bool waits;         /* for an answer or a watch */
    const char *reason; /* of the condition; static; NULL: it has none */
    bool holds;
    struct buf text; /* the condition's message */
    bool is_counted;
    size_t up, down; /* targets */
    char *unwritten; /* why an object could not be written; owned; NULL: all could, or were not tried */
};

/* The watches (controllers/watches.h) that bring the monitors, as far as the resource or its status tells of some. */
unsigned monitoring_watches(const struct reconcile *r);
/* Adds the writes of the objects to `plan`. */
void monitoring_plan(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m, struct plan *plan);
/* Asks for the watches, and Prometheus; finds out what is to be said. After monitoring_plan(). */
void monitoring_read(struct reconcile *r, const struct mesh_desired *desired, struct monitoring *m);
void monitoring_release(struct monitoring *m);

/* Both owned by the caller; NULL: there is none. */
json_t *monitoring_condition(const struct reconcile *r, const struct monitoring *m);
json_t *monitoring_status(const struct reconcile *r, const struct monitoring *m);

#endif
