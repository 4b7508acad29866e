/*
 * Metrics of a controller in Prometheus' text format. One table gives the output and its documentation.
 */
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include "base/buf.h"
#include "reconcile/controller.h"

void metrics_print(struct controller *c, struct buf *out);
/* Those of the meshes alone: how a change of the version, and the renewal of sidecars, stand. */
void metrics_print_meshes(const struct kube_cache *cache, struct buf *out);
/* Those of the remote clusters alone. */
void metrics_print_remotes(const struct controller *c, struct buf *out);
/* The table of metrics in Markdown. */
void metrics_document(struct buf *out);

#endif
