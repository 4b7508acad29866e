/*
 * The objects that tell Prometheus what there is to scrape, the line's (mesh_line.scrapes) and the operator itself, and
 * when to alert of the operator (common/alerts.h), as spec.monitoring.prometheus asks for it: for each line a part of
 * mesh_parts.shared.
 */
#ifndef MESH_COMMON_SCRAPES_H
#define MESH_COMMON_SCRAPES_H

#include "mesh/line.h"

#define MESH_SCRAPE_CONFIG "istio-scrape-config"
#define MESH_SERVICE_MONITOR "istio-component-monitor"
#define MESH_POD_MONITOR "envoy-stats-monitor"
/* The operator's own ServiceMonitor, in its namespace, and its PrometheusRule. */
#define MESH_OWN_MONITOR "istio-operator"
#define MESH_OWN_RULES "istio-operator"
/* The files of the ConfigMap. Rules end otherwise: `scrape_config_files: [*.yaml]` must not find them. */
#define MESH_SCRAPE_FILE "istio.yaml"
#define MESH_RULES_FILE "istio-operator.rules"

void mesh_scrapes(const struct mesh_env *env, struct rendered_list *out);

#endif
