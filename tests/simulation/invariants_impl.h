/* What the parts of the invariants share. Nobody else includes this. */
#ifndef TESTS_SIMULATION_INVARIANTS_IMPL_H
#define TESTS_SIMULATION_INVARIANTS_IMPL_H

#include "invariants.h"
#include "reconcile/plan.h"

/* What the server serves, as a planner wants to be told. `versions` is to be freed, and is valid as long as the rest.
 */
struct kube_server invariants_describe(struct server *s);
/* What the resource asks for, with nothing held back; owned by the caller; NULL: it is invalid. */
struct desired_set *invariants_desired_of(struct server *s, const json_t *resource);
/* The server's own state as the cache of an operator with these roles. */
struct kube_cache *invariants_observed(struct server *s, const struct kube_server *d, unsigned roles);
/* Judged apart from the operator's own rules; NULL: it is not there. */
bool invariants_is_available(const json_t *deployment);
/* Appends what a plan has to do. */
void invariants_tell_actions(const struct plan *plan, struct buf *why);
const char *invariants_mark_of(const json_t *o); /* NULL: it has none */
/* A user had it left alone: it is as it is. NULL: it is not there. */
bool invariants_is_ignored(const json_t *o);

/* --- invariants_today.c --- */

/* What istiod created for itself, and revision tags. */
bool invariants_made_by_istiod(const struct collection *kind, const json_t *o);
/* A write of the operator. */
void invariants_today_observe(struct invariants *v, const struct collection *kind, const json_t *before,
                              const json_t *after);
/* A request of the operator, against what it knows at that moment. */
void invariants_today_sent(struct invariants *v, struct controller *controller, const struct net_request *request);
/* Of a mesh that is not paused, with nothing left to do: what is not as it must be. */
void invariants_today_converged(struct invariants *v, const json_t *mesh, struct buf *why);

/* --- invariants_upgrade.c; it does nothing while `upgrades` is not set --- */

/* A request of the operator, against what it knows at that moment: the order of a change between Istio 1.0 and 1.1. */
void invariants_upgrade_sent(struct invariants *v, struct controller *controller, const struct net_request *request);

/* --- invariants_renewal.c; they do nothing while it is not looked at --- */

/* Whether a namespace waits for a rollout that failed, there or anywhere. */
bool invariants_renewal_stops(struct invariants *v, const json_t *mesh, const char *ns);

void invariants_renewal_observe(struct invariants *v, enum who who, const struct collection *kind, const json_t *before,
                                const json_t *after);
/* Which workloads are neither renewed nor named in the status with a reason that holds. */
void invariants_renewal_converged(struct invariants *v, struct buf *why);

#endif
