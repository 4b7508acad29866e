/*
 * Whether Grafana has the mesh's dashboards, as spec.monitoring.grafana asks for it: are the objects written, and, with
 * the Grafana operator, did a Grafana load them. Nobody tells that of ConfigMaps. They are planned apart (apart.h).
 * Pure.
 */
#ifndef CONTROLLERS_MESH_DASHBOARDS_H
#define CONTROLLERS_MESH_DASHBOARDS_H

#include "controllers/mesh/apart.h"
#include "controllers/mesh/mesh_desired.h"

/* What is known. Zeroed: nothing is asked for. */
struct dashboards {
    const char *mode; /* ISTIO_GRAFANA_...; borrowed; NULL: none */
    struct finding finding;
    char *unwritten; /* of apart_plan(); owned */
    size_t written;
};

/* The watches (controllers/watches.h) that bring GrafanaDashboards, as far as the resource or its status tells of some.
 */
unsigned dashboards_watches(const struct reconcile *r);
/* Adds the writes of the objects to `plan`. */
void dashboards_plan(struct reconcile *r, const struct mesh_desired *desired, struct dashboards *d, struct plan *plan);
/* Asks for the watches; finds out what is to be said. After dashboards_plan(). */
void dashboards_read(struct reconcile *r, const struct mesh_desired *desired, struct dashboards *d);
void dashboards_release(struct dashboards *d);
/* Adds to status.monitoring. */
void dashboards_add_status(const struct reconcile *r, const struct dashboards *d, json_t *status);

#endif
