/*
 * Sidecar renewal: workloads whose Pods have an outdated sidecar are restarted, by an annotation in their template, a
 * few at a time. Pure.
 *
 * The workloads are the users': nothing else of them is written, but the annotation that
 * asks for a restart is removed, and only as they are observed. Those that cannot be
 * restarted are named in the status.
 *
 *   renewal.c         collects what is observed, and plans the writes
 *   renewal_decide.c  decides which workloads are restarted now
 *   renewal_status.c  reads and writes the part of the status
 */
#ifndef CONTROLLERS_MESH_RENEWAL_H
#define CONTROLLERS_MESH_RENEWAL_H

#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/renewal_decide.h"
#include "controllers/mesh/sidecars.h"
#include "reconcile/reconciler.h"

/* So many blocked workloads have a line in the status, and those that it follows (renewal_is_followed()); all are
 * counted. */
enum { RENEWAL_NAMED_MAX = 30 };

enum renewal_mode { RENEWAL_OFF, RENEWAL_REPORT, RENEWAL_AUTOMATIC };
enum renewal_mode renewal_mode(const struct istio_spec *spec);

/* What a plan found, for the status. */
struct renewal {
    enum renewal_mode mode;
    bool is_known;       /* all that it depends on was observed */
    const char *version; /* of the sidecars that are desired; borrowed */
    msec_t since;        /* it is desired */
    msec_t last;         /* the newest restart that the status knows; 0: none */
    bool stops_all;      /* a failure does */
    const char *waits;   /* why nothing is restarted now; static or borrowed; NULL: restarts may begin */
    struct renewal_item *items;
    size_t len, done; /* done: workloads whose sidecars are all current */
    struct renewal_totals totals;
    void *names; /* what the items borrow from */
};
void renewal_release(struct renewal *renewal);

/*
 * Adds the restarts to the plan, and what it needs to observe. `waits` is why the mesh is not in place; NULL: it is.
 * Called after the sidecars were counted (NULL: not yet). `moving` has the namespaces that are still labelled for a
 * former control plane, and move one by one (NULL: none is): where the first workload of one is due, nothing is
 * restarted before the namespace is labelled (renewal_keeps()).
 */
void renewal_plan(
    struct reconcile *r, const struct mesh_desired *desired, const struct injection_memo *moving,
    const struct sidecars *sidecars, const char *version, const char *waits, struct renewal *ret);

/*
 * Whether a namespace that moves stays with its former control plane yet: workloads there will be restarted, and it is
 * not their turn. `renewal` is a struct renewal after renewal_plan().
 */
bool renewal_keeps(const void *renewal, const char *ns);

/*
 * Fills in what the status says of the items: known_since, known_complete, known_reason, is_unknown, is_over; since
 * when the version is desired, and the last restart.
 */
void renewal_read_status(const json_t *status, msec_t now, struct renewal *renewal);
/* status.sidecarRenewal, unless renewal is off; owned by the caller. */
json_t *renewal_status(const struct renewal *renewal);
/* The same while it is off: what has to be known when it is on again. NULL: nothing. */
json_t *renewal_status_off(const json_t *before);
/* Adds the Events of what the status does not say yet: it begins, ends, or a rollout failed. */
void renewal_tell(struct reconcile *r, const struct renewal *renewal);

#endif
