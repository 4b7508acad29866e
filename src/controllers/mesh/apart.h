/*
 * Objects for programs that are not of the mesh, and may not be there: those that read them, their definitions, or the
 * namespace that they are written into. They are planned apart from all else, so that they hold nothing up, and what is
 * wrong with them is told in a condition. Pure.
 */
#ifndef CONTROLLERS_MESH_APART_H
#define CONTROLLERS_MESH_APART_H

#include "reconcile/reconciler.h"

/*
 * Adds the writes of a set to `plan`; none while a namespace is missing. Returns why one of them could not be written,
 * for a message; owned by the caller. NULL: all could, or were not tried.
 */
char *apart_plan(const struct reconcile *r, const struct desired_set *set, struct plan *plan);
/* The first namespace of its objects that does not exist, or is being deleted; borrowed from the set. NULL: none. */
const char *apart_missing_namespace(const struct reconcile *r, const struct desired_set *set);

#endif
