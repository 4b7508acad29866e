/*
 * What a resource asks for, ready to be compared: every object with our marks on it, as text.
 *
 * Pure. A set depends on the resource, on the versions that the server speaks and
 * on nothing else, so it is kept for as long as those stay the same.
 */
#ifndef RECONCILE_WANTED_H
#define RECONCILE_WANTED_H

#include <jansson.h>
#include <stdint.h>

#include "kube/cluster.h"
#include "reconcile/marks.h"
#include "reconcile/rendered.h"

/* One object as the resource asks for it. All strings are owned. */
struct wanted {
    const struct kube_kind *kind;
    char *ns; /* NULL: cluster-scoped */
    char *name;
    char *text;                 /* compact JSON with our marks; NULL: forgotten (wanted_forget_texts()) */
    uint64_t hash;              /* of the text; never 0 */
    const char *const *foreign; /* paths that others own, besides those of the kind; may be NULL */
};

struct wanted_set {
    struct wanted *items;
    size_t len;
    struct wanted **index; /* the items, in an order to look them up by */
};

/*
 * A set of these objects with the marks of `owner` on them (NULL: none). Releases what is in `objects`.
 */
struct wanted_set *wanted_from(struct rendered_list *objects, const struct mark_owner *owner);
void wanted_free(struct wanted_set *set);
DEFINE_CLEANUP(struct wanted_set *, wanted_free)
#define _cleanup_wanted_ _cleanup_(wanted_free_p)

/* NULL where it is not wanted. `ns` NULL for cluster-scoped kinds. */
struct wanted *
wanted_find(const struct wanted_set *set, const struct kube_kind *kind, const char *ns, const char *name);

/* Puts these objects in the place of those with the same names, all of which are there. Else as wanted_from(). */
void wanted_replace(struct wanted_set *set, struct rendered_list *objects, const struct mark_owner *owner);

/*
 * Leaves names and hashes, which is enough of what is in place and for as long as it is (objects_can_be_planned()).
 * Most of the memory of a set is its texts.
 */
void wanted_forget_texts(struct wanted_set *set);

/* "Kind/namespace/name", the key of an object in maps and the name of it for people. Owned by the caller. */
char *object_key(const struct kube_kind *kind, const char *ns, const char *name);

#endif
