/*
 * Desired objects against observed ones: the part of the planner that creates,
 * changes and removes. Pure.
 */
#ifndef RECONCILE_OBJECTS_H
#define RECONCILE_OBJECTS_H

#include "reconcile/plan.h"

enum { OBJECTS_SETS_MAX = 2, OBJECTS_RETAINED_MAX = 4 };

struct objects_input {
    const struct plan_input *plan;
    /*
     * The sets of desired objects; the first NULL ends them. Without any, nothing is desired and every owned object is
     * deleted. objects_can_be_planned() must be true of each.
     */
    const struct desired_set *desired[OBJECTS_SETS_MAX];
    const char *owner_uid; /* an object with this owner that is not desired is deleted; NULL: none is */
    const char *going;     /* why, where nothing is desired; static; NULL: the resource is being removed */
    /* Objects that are not desired and stay all the same, as they are: only their names count. NULL: none do. */
    const struct desired_set *retained[OBJECTS_RETAINED_MAX];
    unsigned pods;    /* the bit of plan.watch that brings the Pods of the workloads' namespace; 0: none does */
    bool settled;     /* all of this spec was in place before: another client deleted what is missing */
    bool remove_crds; /* CustomResourceDefinitions are deleted as well where nothing is desired */
    bool
        definitions_first; /* ConfigMaps and workloads that exist are not updated before all definitions are in place */
    bool keeps_crds;       /* those that exist without the owner label are in place as they are */
};

/* Adds the actions; counts drift and ignored objects in the plan. Returns how many objects are still to be deleted. */
size_t objects_plan(const struct objects_input *in, struct plan *plan);

/* Whether every object whose text was forgotten is known to be in place: it was compared, and has not changed since. */
bool objects_can_be_planned(const struct objects_input *in);

#endif
