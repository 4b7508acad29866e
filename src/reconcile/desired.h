/*
 * What a resource asks for, ready to be compared: every object with its owner label and annotations, as text.
 *
 * Pure. A set depends on the resource, on the versions that the server serves and on nothing else, so it is kept as
 * long as those stay the same.
 */
#ifndef RECONCILE_DESIRED_H
#define RECONCILE_DESIRED_H

#include <jansson.h>
#include <stdint.h>

#include "kube/cluster.h"
#include "reconcile/marks.h"
#include "reconcile/rendered.h"

/* One object as the resource asks for it. All strings are owned. */
struct desired {
    const struct kube_kind *kind;
    char *ns; /* NULL: cluster-scoped */
    char *name;
    char *account;               /* the ServiceAccount of its Pods; NULL: it has none, or no Pods */
    char *text;                  /* compact JSON with the owner label; NULL: forgotten (desired_forget_texts()) */
    uint64_t hash;               /* of the text; never 0 */
    const char *const *foreign;  /* paths that other managers own, in addition to those of the kind; may be NULL */
    const char *const *inherits; /* as in struct rendered, and so `asked` */
    uint32_t asked;
    const int *keeps_ports;   /* as in struct rendered */
    bool newest_wins;         /* as rendered.newest_wins */
    bool created_last;        /* as rendered.created_last */
    const char *const *after; /* see rendered.after; may be NULL */
    const char *restart_on;   /* as in struct rendered */
};

struct desired_set {
    struct desired *items;
    size_t len;
    struct desired **index; /* the items, in an order to look them up by */
};

/*
 * A set of these objects with the owner label of `owner` (NULL: without one). Releases the items of `objects`.
 */
struct desired_set *desired_from(struct rendered_list *objects, const struct mark_owner *owner);
void desired_free(struct desired_set *set);
DEFINE_CLEANUP(struct desired_set *, desired_free)
#define _cleanup_desired_ _cleanup_(desired_free_p)

/* What struct desired.hash is of such a text. */
uint64_t desired_hash(const char *text);

/* NULL where it is not desired. `ns` NULL for cluster-scoped kinds. */
struct desired *
desired_find(const struct desired_set *set, const struct kube_kind *kind, const char *ns, const char *name);

/* Replaces the objects with the same names, all of which are in the set. Otherwise as desired_from(). */
void desired_replace(struct desired_set *set, struct rendered_list *objects, const struct mark_owner *owner);

/*
 * Keeps names and hashes, which is enough for objects that are in place, as long as they are
 * (objects_can_be_planned()). Most of the memory of a set is its texts.
 */
void desired_forget_texts(struct desired_set *set);

/* "Kind/namespace/name", the key of an object in maps and its name in messages. Owned by the caller. */
char *object_key(const struct kube_kind *kind, const char *ns, const char *name);

#endif
