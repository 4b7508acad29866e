/* What the resource's status says (its fields and words: api/status.h). Pure. */
#ifndef RECONCILE_STATUS_H
#define RECONCILE_STATUS_H

#include "reconcile/rollout.h"

enum { STATUS_PLANS_MAX = 2 };

/* Everything that the status depends on. */
struct status_facts {
    msec_t now;
    const json_t *resource;          /* as observed, with its status so far */
    const char *version;             /* of Istio; NULL where the resource is not valid */
    const struct rollouts *rollouts; /* NULL where the resource is not valid */
    size_t drift, unseen, ignored, leftovers;
    bool paused, deleting;
    /* Where the drift is, and what else is stuck; each may be NULL. */
    const struct plan *plans[STATUS_PLANS_MAX];
    const struct plan *withheld; /* what is not done because the resource is paused; may be NULL */
    const struct err *refused;   /* why the resource cannot be reconciled at all; NULL where it can */
    const char *unreachable;     /* why its cluster is not reachable; NULL where it is */
    const char *blocked;         /* why it keeps an older version than the resource asks for; NULL: it does not */
    bool holds_back;             /* not all that the resource asks for is desired yet */
    const char *waits_for;       /* what has to be there first; NULL where nothing is waited for */
    const char *held_by;         /* what keeps a deleted resource without the operator's finalizer; NULL: nothing */
    size_t left_behind;          /* objects that it owns nevertheless: another client removed the finalizer */
    const char *notice;          /* to be said also while all is well; may be NULL or "" */
};

/*
 * All that is not in place may be what was left alone before. If the user removed the owner label, no list has the
 * object, and it is read when a write of the operator finds it, soon after a start. Until then the status stays as it
 * was.
 */
bool status_is_undecided(const struct status_facts *facts);
/* The whole status; owned by the caller. */
json_t *status_build(const struct status_facts *facts);
/* A condition of it, which keeps the time of its last change while it holds or does not. Owned by the caller. */
json_t *
status_condition(const struct status_facts *f, const char *type, bool holds, const char *reason, const char *text);

#endif
