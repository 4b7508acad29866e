/*
 * The objects that a resource asks for, as they are rendered: documents, before they get an owner label and are
 * compared with what is observed (reconcile/desired.h). Pure.
 */
#ifndef RECONCILE_RENDERED_H
#define RECONCILE_RENDERED_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/kind.h"

enum { RENDERED_INHERITS_MAX = 32 };

/* One object. */
struct rendered {
    const struct kube_kind *kind;
    json_t *object; /* owned */
    /*
     * Paths in this object that other managers own once it exists, in addition to those of its kind: the replicas of a
     * Deployment under an autoscaler. Ends with NULL; may be NULL; static.
     */
    const char *const *foreign;
    /*
     * Of a Deployment whose Pods read a ConfigMap or a Secret only once: what they read, "ConfigMap/istio". A digest of
     * its content is among the Pods' annotations, so that they are replaced when it changes, and not before the
     * new content is in place. NULL: none; static.
     */
    const char *restart_on;
    /*
     * Paths in this object, as in `foreign`, for which the operator has a choice of its own: an object that another
     * manager created keeps what it has there, or has not (reconcile/inherit.h). Ends with NULL; at most
     * RENDERED_INHERITS_MAX; may be NULL; static.
     */
    const char *const *inherits;
    uint32_t asked; /* bit i: the resource itself says what is at inherits[i], so that it is written */
    /* Of a Service: ports by number, ends with 0, that stay where it has them; NULL: none; static (reconcile/ports.h).
     */
    const int *keeps_ports;
    bool newest_wins; /* one that exists and is of a newer release is left as it is (reconcile/newest.h) */
    /*
     * A definition that no program needs at its start: where it is missing it is created when everything else has been
     * sent, unless a desired object is of its kind. Publishing one costs the server more than all else, and what is
     * written after it takes several times as long.
     */
    bool created_last;
    /*
     * Kinds that this object comes after, in addition to those of its kind's row. No object of these kinds waits for
     * it, even where the row says so. Ends with NULL; may be NULL; static.
     */
    const char *const *after;
    unsigned apart; /* which set of its own it is planned in, apart from all else (rendered_take()); 0: none */
};

struct rendered_list {
    struct rendered *items;
    size_t len, cap;
};

/* Adds the digests that rendered.restart_on asks for. Call it again after the ConfigMaps or Secrets changed. */
void rendered_digest_configs(struct rendered_list *objects);
/* Adds the digest of this ConfigMap or Secret to the Pods' annotations of an object. */
void rendered_set_digest(json_t *object, const json_t *config);
/* The digest that an object has there; NULL: none. */
const char *rendered_digest_in(const json_t *object);
/* Has those from the place `from` on planned in the set `apart`. */
void rendered_set_apart(struct rendered_list *objects, size_t from, unsigned apart);
/* Takes those of the set `apart` out of `objects`; both keep their order. */
struct rendered_list rendered_take(struct rendered_list *objects, unsigned apart);
/* The order of the table of kinds (all are of one) and of names. */
void rendered_sort(struct rendered_list *objects);
void rendered_release(struct rendered_list *objects);

#endif
