/*
 * Automatic sidecar injection by a list of namespaces: the planner's part that adds labels to namespaces and removes
 * them. Pure.
 *
 * A namespace that another client labelled, enabled or disabled, stays as it is: a second label says which labels are
 * the operator's.
 *
 * There may be thousands of namespaces, listed and not: a plan looks at those that changed since the last one.
 */
#ifndef CONTROLLERS_MESH_INJECTION_H
#define CONTROLLERS_MESH_INJECTION_H

#include "mesh/mesh.h"
#include "reconcile/plan.h"

/*
 * The label of namespaces that says that the operator added another one, by which Istio injects: with the same value,
 * so that it is known whose it is after the mesh chooses namespaces by another label or value.
 */
#define LABEL_INJECTION_MANAGED "istio-operator-managed-injection"

/* What the last look at a list found. Zeroed: nothing yet. */
struct injection_memo {
    json_t *names;                    /* the list; NULL: none */
    const struct mesh_injection *how; /* the labels */
    uint64_t hash;                    /* of all; 0: nothing was read yet */
    uint64_t seen;                    /* kube_cache_changes() of namespaces */
    struct map *listed, *pending;     /* sets of names: the list; to be changed */
    struct map *moving;               /* of those to be changed the ones that the operator labelled for another plane */
    struct map *disabled;             /* names of those that are listed and not chosen, to the user's label */
    /* A set of names: new Pods get a sidecar, and Pod Security enforces more than `privileged`. */
    struct map *guarded;
    char *notice; /* of the disabled ones; NULL: to be written again */
};
void injection_memo_clear(struct injection_memo *memo);

/*
 * Brings the memo up to date. `names` is a sequence of namespaces' names; NULL: none. It must not change while the memo
 * lives; another list is another sequence.
 */
void injection_read(
    struct injection_memo *memo, const struct plan_input *in, const struct mesh_injection *how, const json_t *names);
/*
 * Whether namespaces may be labelled: nothing in the plan waits for its own write only, and the webhooks among
 * `desired` (NULL: none), which the label switches on, exist.
 */
bool injection_may_begin(const struct plan_input *in, const struct desired_set *desired, const struct plan *plan);
/*
 * Adds the changes that the memo says are needed; of those that move to another control plane only with `moves`.
 * Returns how many there are.
 */
size_t injection_plan(const struct injection_memo *memo, const struct plan_input *in, bool moves, struct plan *plan);
/* Adds those that move, but for the ones that stay yet. */
void injection_move(
    const struct injection_memo *memo, const struct plan_input *in, bool (*stays)(const void *context, const char *ns),
    const void *context, struct plan *plan);
/* The labels of a listed namespace once it has moved; owned by the caller. */
json_t *injection_labels_to_be(const struct injection_memo *memo, const json_t *ns);
/* Whether the operator labelled a namespace for these sidecars, which it does once they are proven. */
bool injection_has_moved(const struct kube_cache *observed, const struct mesh_injection *how);
/*
 * A namespace whose new Pods get these sidecars, as its labels are now: of those that Pod Security does not guard the
 * first by name, or of the others where all are guarded. NULL: there is none.
 */
const struct kube_object *injection_namespace(const struct kube_cache *observed, const struct mesh_injection *how);
/* Says which listed namespaces are left alone because their owners have disabled injection; nothing if there are none.
 */
void injection_notice(struct injection_memo *memo, struct buf *out);

#endif
