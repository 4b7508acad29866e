/*
 * The acting side of one resource in one cluster: puts the actions of its plans into the cluster's queue, and reports
 * their results in the log, in Events on the resource and in metrics.
 *
 * A failure is remembered until the write succeeds: the next plan puts it into the status, and a write that the server
 * accepted and did not keep is repeated once a minute at most.
 */
#ifndef RECONCILE_ACTOR_H
#define RECONCILE_ACTOR_H

#include "reconcile/events.h"
#include "reconcile/plan.h"

struct actor;

struct actor_stats {
    uint64_t plans;
    uint64_t written[PLAN_BOOKKEEPING + 1]; /* by meaning */
    uint64_t failed;                        /* writes that were not taken */
    size_t managed, drift;                  /* of the last plan */
};

/* Borrows all. `where` names a remote cluster in the log; NULL: the central one. `context` is the caller's. */
struct actor *actor_new(struct kube_cluster *cluster, struct events *events, const char *where, void *context);
void actor_free(struct actor *a);
void *actor_context(const struct actor *a);
/* A write failed and was not followed by one that did not: there is something to try again. */
bool actor_has_failures(const struct actor *a);
/* When the next write that was accepted and not kept may be repeated; monotonic, later than now; MSEC_NEVER: none. */
msec_t actor_again_at(const struct actor *a);

/* The resource that the Events are about; copied. Before it is known there are none. */
void actor_set_subject(struct actor *a, const struct kube_object *resource);
/* Adds to a plan's input what this side knows: failures and what is under way. Valid until the actor is used again. */
void actor_fill_input(struct actor *a, struct plan_input *input);
/* Sends the plan's actions: they leave the plan, the rest of it stays. */
void actor_send(struct actor *a, struct plan *plan);
/* The result of an action of this resource, as kube_action_done_fn. */
void actor_done(struct actor *a, const struct kube_action *action, const json_t *object, const struct err *e);
/* Writes an Event on the resource. `object` is the object that it is about, `text` the reason. */
void actor_event(struct actor *a, const char *reason, bool warning, const char *object, const char *text);

const struct actor_stats *actor_stats(const struct actor *a);

#endif
