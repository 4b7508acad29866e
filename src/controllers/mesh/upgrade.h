/*
 * The change of a mesh from one version of Istio to another. Pure.
 *
 * It goes on in phases, and each begins when the one before is over:
 *
 *   Preflight      what speaks against it is looked for; nothing of the new version is written (preflight.h)
 *   Definitions    the new CustomResourceDefinitions
 *   ControlPlane   the ConfigMaps and workloads of the control plane, until they are available for a few seconds, the
 *                  API server can call the webhooks, and a Pod gets the new sidecar, as a dry run (proof.h)
 *   Gateways       they are replaced, one component after the other as their Deployments say
 *   Sidecars       until no Pod has an outdated sidecar, and no former control plane is left
 *   Complete
 *
 * The injector's configuration is never newer than what reads it: where the version goes up, it stays at the old one
 * until the new control plane can be called, so that one that never becomes available changes nothing about new Pods.
 *
 * Until the control plane is proven a gateway stays at the version that its live Deployment says, so that a restart of
 * the operator, a control plane that never becomes available and a change of mind change nothing about it. The version
 * that a change began from is kept in the status: status.version says the old one until the gateways are replaced,
 * status.upgrade says from where to where, and is ignored where it makes no sense.
 *
 * The way back is the same, without a preflight where the version is the one that is installed.
 */
#ifndef CONTROLLERS_MESH_UPGRADE_H
#define CONTROLLERS_MESH_UPGRADE_H

#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/preflight.h"
#include "controllers/mesh/proof.h"
#include "controllers/mesh/sidecars.h"
#include "reconcile/reconciler.h"

#define UPGRADE_PHASES(X)                                                                                              \
    X(PREFLIGHT, "Preflight", "what speaks against it is looked for")                                                  \
    X(DEFINITIONS, "Definitions", "the definitions of the new version are written")                                    \
    X(CONTROL_PLANE, "ControlPlane", "the control plane is replaced")                                                  \
    X(GATEWAYS, "Gateways", "the control plane is available; the gateways are replaced")                               \
    X(SIDECARS, "Sidecars", "workloads with an outdated sidecar have to be restarted")                                 \
    X(COMPLETE, "Complete", "all of the mesh is of the new version")

enum upgrade_phase {
#define X(id, name, text) UPGRADE_##id,
    UPGRADE_PHASES(X)
#undef X
};

/* What is known of it. Zeroed: there is none. */
struct upgrade {
    const char *from, *to; /* versions; borrowed from the resource; `from` is NULL where the version does not change */
    const char
        *installed;    /* that all of the mesh had last, and remote clusters have until `to` is; as status.version */
    bool was_admitted; /* nothing spoke against it before, or it is the way back */
    bool is_proven;    /* the control plane that the mesh is built for is available, can be called, and injects */
    bool is_unproven;  /* it is not, and a former control plane of another name is still used */
    bool keeps_old;    /* the mesh is built for the old version */
    bool is_replaced;  /* control plane and gateways were all of the new version once */
    bool waits;        /* for what the preflight has to know: nothing may be written */
    enum upgrade_phase phase;
    const json_t *needs; /* of preflight_step, as is the next one; borrowed */
    struct room_memo *room;
    struct preflight preflight;
    struct proof proof;
    char *invalid;     /* why the resource cannot be built for the new version; owned; NULL: it can */
    size_t done, left; /* workloads with a sidecar */
    bool shows_counts; /* the two are known, or what the status said before is shown */
    bool counts;       /* they are known */
};
void upgrade_release(struct upgrade *upgrade);

/* From the resource's spec and status. `minor` is that of Kubernetes 1.x. */
void upgrade_begin(const json_t *resource, int minor, struct upgrade *ret);

/*
 * What has to be held back with the mesh built as it is: owned by the caller; NULL: nothing. The mesh is then built
 * for that, and the question asked again until the answer is the same. `desired` is NULL where it cannot
 * be built. `invalid` says why the resource is invalid as it is; NULL: it is not. `hold` is what it was built with.
 * The plan gets the watches and queries that it needs.
 */
json_t *upgrade_hold(
    struct upgrade *upgrade, struct reconcile *r, const struct mesh_desired *desired, const json_t *hold,
    const char *invalid, bool cni_is_optional);

/* How far it is, after the writes were planned. `sidecars` may be NULL: they are not counted yet. */
struct upgrade_progress {
    const struct plan *writes;
    const struct rollouts *rollouts;
    const struct sidecars *sidecars;
    const char *sidecar_version; /* that new ones get; NULL: none get any */
    bool former_stays;           /* a former control plane does */
};
void upgrade_conclude(
    struct upgrade *upgrade, const struct reconcile *r, const struct mesh_desired *desired,
    const struct upgrade_progress *progress);

/* Whether the resource asks for more than the mesh is built for. */
bool upgrade_holds_back(const struct upgrade *upgrade);
/* Why the new control plane does not take over from one of another name; borrowed or static; NULL: it does. */
const char *upgrade_unproven_text(const struct upgrade *upgrade);
/* Why it cannot go on without the user; owned by the caller; NULL: it goes on. */
char *upgrade_blocked_text(const struct upgrade *upgrade);
/* Adds status.upgrade and the conditions, and the Event of a new phase to the plan. */
void upgrade_add_status(struct reconcile *r, const struct upgrade *upgrade, json_t *status);

#endif
