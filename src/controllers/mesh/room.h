/*
 * Whether a cluster has room for what an upgrade needs at a time beside what runs: one Pod more of a Deployment that is
 * rolled out. Pure.
 *
 * Where it has none, as certain as can be known, a rollout would wait for ever with its old Pods: no node that takes
 * Pods has room, counting what its Pods ask for, and no cloud provides nodes, which may be more soon; or a
 * ResourceQuota has none left. What is not known counts as room.
 */
#ifndef CONTROLLERS_MESH_ROOM_H
#define CONTROLLERS_MESH_ROOM_H

#include "reconcile/desired.h"
#include "reconcile/plan.h"

/* What each of the Deployments asks for, to be kept; owned by the caller. */
json_t *room_needs(const struct desired_set *objects);

struct room {
    const struct plan_input *in;
    const char *ns;      /* the control plane's */
    const json_t *needs; /* of room_needs() */
    bool renews;         /* users' workloads are restarted as well */
};

/* What the last check found, for one resource. Zeroed: nothing yet. */
struct room_memo {
    json_t *needs; /* it was asked for; owned, as are the following */
    bool renews;
    uint64_t seen; /* of all kinds that it looked at, the sum of kube_cache_changes() */
    json_t *blocked, *warnings;
};
void room_memo_clear(struct room_memo *memo);

/*
 * Adds what speaks against it, and what is to be known. Needs PLAN_WATCH_ROOM and PLAN_WATCH_WORKLOADS. Looks again
 * where something changed since the last time.
 */
void room_check(const struct room *room, struct room_memo *memo, json_t *blocked, json_t *warnings);

#endif
