/*
 * Whether the API server can call the webhooks of a mesh: each knows by which authority its control plane is signed,
 * and an endpoint of the Service that answers is ready. Pure.
 */
#ifndef CONTROLLERS_MESH_WEBHOOKS_H
#define CONTROLLERS_MESH_WEBHOOKS_H

#include "controllers/mesh/mesh_desired.h"
#include "reconcile/reconciler.h"

/*
 * Adds the line "webhooks" to what is rolled out, where webhooks are desired, and asks for the watch that it needs.
 * Until that is synced what the status said of them before stays. True where the API server can call all of them. One
 * that a former control plane still answers says nothing of this one, and counts as good.
 */
bool webhooks_read(struct reconcile *r, const struct mesh_desired *desired);

/* Whether the API server can call all of them; false while the endpoints are not observed. */
bool webhooks_can_be_called(const struct plan_input *in, const struct mesh_desired *desired);

#endif
