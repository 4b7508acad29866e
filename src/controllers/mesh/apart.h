/*
 * Objects for programs that are not of the mesh, and may not be there: those that read them, their definitions, or the
 * namespace that they are written into. They are planned apart from all else, so that they hold nothing up, and what is
 * wrong with them is told in a condition. Pure.
 *
 * Kinds of others are watched only where the resource asks for them. Before one is created the status says so, so that
 * a mesh that asks for it no longer, or is deleted, knows that it has to look for them.
 */
#ifndef CONTROLLERS_MESH_APART_H
#define CONTROLLERS_MESH_APART_H

#include "controllers/mesh/finding.h"
#include "mesh/kinds.h"

/* The kinds of another product. Static. */
struct apart_kinds {
    const char *product;                  /* "the Prometheus operator" */
    const char *missing;                  /* what is said where the server does not serve them, and what helps */
    const char *remembered;               /* the field of status.monitoring that is true while there may be objects */
    unsigned watched, served;             /* bits of plan.watch: what brings the objects, and the definitions */
    const enum mesh_kind_id *kinds;       /* those that the operator creates; ends with KIND_COUNT */
    const enum mesh_kind_id *definitions; /* the views of all that are needed; ends with KIND_COUNT */
};

/* Whether the status says that there may be some. */
bool apart_is_remembered(const struct reconcile *r, const struct apart_kinds *kinds);
/* The watches (controllers/watches.h) to have on: none where they are neither asked for nor remembered. */
unsigned apart_watches(const struct reconcile *r, const struct apart_kinds *kinds, bool asked);
/* Asks for these, and has the status say what apart_can_plan() needs. */
void apart_ask(struct reconcile *r, const struct apart_kinds *kinds, bool asked);
/* Whether it is known which there are, and the status tells of them. */
bool apart_can_plan(const struct reconcile *r, const struct apart_kinds *kinds);
/* Whether one of the resource's is there, or it is not known that none is. */
bool apart_has_left(const struct reconcile *r, const struct apart_kinds *kinds);

/*
 * Adds the writes of a set to `plan`; none while a namespace is missing. Why one could not be written; owned by the
 * caller; NULL: all could, or were not tried.
 */
char *apart_plan(const struct reconcile *r, const struct desired_set *set, struct plan *plan);
/* True where the server serves the kinds; else the finding says what is wrong, or waits. */
bool apart_is_served(const struct reconcile *r, const struct apart_kinds *kinds, struct finding *finding);
/*
 * True where all could be written, as far as is known; else the finding says why not. `field` names the namespace,
 * `unwritten` is what apart_plan() said.
 */
bool apart_is_written(
    const struct reconcile *r, const struct desired_set *set, const char *field, const char *unwritten,
    struct finding *finding);

#endif
