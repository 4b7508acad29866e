/*
 * All resources under the controller: which of them are due, because something changed that they depend on, and which
 * watches they ask for. Finding those that are due costs in proportion to what changed. Only for the controller.
 */
#ifndef RECONCILE_SUBJECTS_H
#define RECONCILE_SUBJECTS_H

#include "reconcile/subject.h"

/* Kinds of resources, at the most. */
enum { SUBJECTS_KINDS_MAX = 8 };

struct subjects;

/*
 * `setup` is copied, except for what it points to; its `due` and `context` are filled here. `kinds` ends with NULL.
 * `due` is called when a resource becomes due, at any time.
 */
struct subjects *subjects_new(
    const struct subject_setup *setup, const struct reconciler *const *kinds, void (*due)(void *context),
    void *context);
void subjects_free(struct subjects *all);

/* Finds out which resources are due, after something changed in the central cluster, and switches its watches. */
void subjects_look(struct subjects *all);
/* Plans at most so many of those that are due. */
void subjects_plan_due(struct subjects *all, size_t most);
/*
 * The operator begins to act: every resource is due, and read before it is planned. A watch may be behind without
 * knowing, and plans go by the status: by one of long ago they would take back what was done since.
 */
void subjects_begin_to_act(struct subjects *all);
bool subjects_are_due(const struct subjects *all);
/* The result of an action in the central cluster, as kube_action_done_fn. */
void subjects_action_done(
    struct subjects *all, const struct kube_action *action, const json_t *object, const struct err *e);

size_t subjects_count(const struct subjects *all);
/* for (size_t i = 0; (s = subjects_next(all, &i));) */
struct subject *subjects_next(const struct subjects *all, size_t *position);
/* Counts of what is done in the central cluster, for all resources, the deleted ones included. */
struct actor_stats subjects_stats(const struct subjects *all);
/* How often a resource was checked for whether it is due. */
uint64_t subjects_checks(const struct subjects *all);

#endif
