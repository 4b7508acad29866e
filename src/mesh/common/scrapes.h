/*
 * The objects that tell Prometheus what there is to scrape (mesh_line.scrapes), as spec.monitoring.prometheus asks for
 * it: for each line a part of mesh_parts.shared.
 */
#ifndef MESH_COMMON_SCRAPES_H
#define MESH_COMMON_SCRAPES_H

#include "mesh/line.h"

#define MESH_SCRAPE_CONFIG "istio-scrape-config"
#define MESH_SERVICE_MONITOR "istio-component-monitor"
#define MESH_POD_MONITOR "envoy-stats-monitor"

void mesh_scrapes(const struct mesh_env *env, struct rendered_list *out);

#endif
