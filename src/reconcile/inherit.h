/*
 * What an object of another manager keeps when the operator takes it over: parts for which the operator has a choice of
 * its own, and the other manager had another one that works as well (rendered.inherits). Writing them would replace
 * Pods, or part a Service from its Pods, for nothing that the user asked for. Pure.
 */
#ifndef RECONCILE_INHERIT_H
#define RECONCILE_INHERIT_H

#include "reconcile/desired.h"

struct merge;

/*
 * The desired object as it is written to this live one: without what that keeps, and with a record of applied fields
 * that has none of it, so that it stays until it is written once. `applied` is mark_applied() of the live object,
 * `full` the merge of all that is desired. What is in a Pod template stays only while nothing else in the template
 * changes: then the Pods are replaced anyway. Owned by the caller. NULL: all of it is written.
 */
json_t *inherit_desired(
    const struct desired *w, const json_t *desired, const json_t *live, const json_t *applied,
    const struct merge *full);

/* Whether what is kept is a part of a Pod template. */
bool inherit_is_of_pods(const struct desired *w);

/* Adds to rendered.asked what is another value than before: an overlay sets it. */
void inherit_note_asked(struct rendered *object, const json_t *before);

#endif
