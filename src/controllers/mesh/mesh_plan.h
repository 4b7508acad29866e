/*
 * The decision function for the mesh: what to do in the central cluster for its Istio resource. Pure, as
 * reconcile/plan.h says.
 */
#ifndef CONTROLLERS_MESH_MESH_PLAN_H
#define CONTROLLERS_MESH_MESH_PLAN_H

#include "api/istio.h"
#include "reconcile/plan.h"

/* What the resource asked for when it was planned last: a memo of pure functions. */
struct plan_memo;
struct plan_memo *plan_memo_new(void);
void plan_memo_free(struct plan_memo *memo);
/* The mesh as it was planned last, and a hash that changes with it; NULL: there is none, or it is not valid. */
const struct istio_spec *plan_memo_mesh(const struct plan_memo *memo, uint64_t *ret_hash);

/* `ret` is to be released. */
void plan_make(const struct plan_input *input, struct plan_memo *memo, struct plan *ret);

#endif
