/*
 * The objects that bring Grafana the dashboards of common/panels.h, as spec.monitoring.grafana asks for it: for each
 * line a part of mesh_parts.shared. They need Grafana 9 or later.
 */
#ifndef MESH_COMMON_DASHBOARDS_H
#define MESH_COMMON_DASHBOARDS_H

#include "mesh/common/panels.h"

#define MESH_DASHBOARD "istio-dashboard-" /* begins the names of the objects */

void mesh_dashboards(const struct mesh_env *env, struct rendered_list *out);

/* The dashboard as Grafana reads it, with the queries of a line; owned by the caller. */
json_t *mesh_dashboard(const struct dashboard *dashboard, enum mesh_metrics metrics);

#endif
