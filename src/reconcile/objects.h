/*
 * Desired objects against observed ones: the part of the planner that creates,
 * changes and removes. Pure.
 */
#ifndef RECONCILE_OBJECTS_H
#define RECONCILE_OBJECTS_H

#include "reconcile/plan.h"

enum { OBJECTS_SETS_MAX = 2 };

struct objects_input {
    const struct plan_input *plan;
    /*
     * What is desired, together; the first NULL ends it. Without any, nothing is desired and all that is ours goes.
     * They are as objects_can_be_planned() says.
     */
    const struct desired_set *desired[OBJECTS_SETS_MAX];
    const char *owner_uid; /* what carries it and is not desired goes; NULL: nothing goes */
    const char *going;     /* why, where nothing is desired; static; NULL: the resource is being removed */
    bool settled;          /* all of this spec was in place before: what is missing was deleted by somebody */
    bool remove_crds;      /* CustomResourceDefinitions go as well where nothing is desired */
    bool keeps_crds;       /* those that are there without a mark of ours are in place as they are */
};

/* Adds the actions; counts drift and ignored objects in the plan. Returns how many objects that must go are still
 * there. */
size_t objects_plan(const struct objects_input *in, struct plan *plan);

/* Whether all whose text was forgotten is known to be in place: it was compared, and has not changed since. */
bool objects_can_be_planned(const struct objects_input *in);

#endif
