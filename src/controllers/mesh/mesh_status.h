/*
 * What the status of a mesh says in addition to that of every resource: gateways and their addresses, sidecars,
 * certificates, what the server or a registry does not allow. Pure.
 */
#ifndef CONTROLLERS_MESH_MESH_STATUS_H
#define CONTROLLERS_MESH_MESH_STATUS_H

#include "controllers/mesh/dashboards.h"
#include "controllers/mesh/kiali.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/monitoring.h"
#include "controllers/mesh/renewal.h"
#include "controllers/mesh/sidecars.h"
#include "controllers/mesh/tracing.h"
#include "controllers/mesh/upgrade.h"
#include "reconcile/reconciler.h"

/* Asks for the watches that it needs, and for a plan at the time when a certificate's condition changes. */
void mesh_status_ask(struct reconcile *r, const struct mesh_desired *desired);

/* What a plan found for it. */
struct mesh_findings {
    bool counts_sidecars;
    const struct sidecars *sidecars; /* NULL: what the status said before stays */
    struct upgrade upgrade;
    char *blocked;                 /* upgrade_blocked_text(); owned */
    json_t *former;                /* status.formerControlPlanes; owned; NULL: there are none */
    struct renewal renewal;        /* released by the owner */
    struct monitoring monitoring;  /* released by the owner */
    struct dashboards dashboards;  /* released by the owner */
    struct kiali kiali;            /* released by the owner */
    struct finding tracing;        /* released by the owner */
    const char *closed_registries; /* what is desired and pulls from one that closes; NULL: nothing */
};
void mesh_status_add(
    const struct reconcile *r, const struct mesh_desired *desired, const struct mesh_findings *found, json_t *status);

/* status.monitoring; also of a resource that is refused. */
void mesh_status_add_monitoring(const struct reconcile *r, const struct mesh_findings *found, json_t *status);

/* The objects that pull from a registry that closes, as a text for mesh_findings; NULL: none. Owned by the caller. */
char *mesh_status_closed_registries(const struct desired_set *desired);

#endif
