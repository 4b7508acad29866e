/*
 * Whether the spans of a mesh have where to go (spec.tracing): the Service that receives them, and what proxies sample.
 * Nobody is asked for spans. Pure.
 */
#ifndef CONTROLLERS_MESH_TRACING_H
#define CONTROLLERS_MESH_TRACING_H

#include "controllers/mesh/finding.h"
#include "controllers/mesh/mesh_desired.h"

/* Whether Services have to be observed (PLAN_WATCH_SERVICE_PORTS) before tracing_is_withheld(). */
bool tracing_needs_ports(const char *ns, const struct mesh_desired *desired);
/*
 * Whether proxies must not be told where spans go (mesh_env.untraced); `ns` is the control plane's, and `desired` built
 * for either.
 */
bool tracing_is_withheld(const struct plan_input *in, const char *ns, const struct mesh_desired *desired);

/* Asks for the watches that it needs, and finds out what is to be said. */
void tracing_read(struct reconcile *r, const struct mesh_desired *desired, struct finding *ret);

#endif
