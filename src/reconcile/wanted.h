/*
 * What a resource asks for, ready to be compared: every object of the mesh with
 * our marks on it, as text.
 *
 * Pure. A set depends on the resource, on the versions that the server speaks and
 * on nothing else, so it is kept for as long as those stay the same.
 */
#ifndef RECONCILE_WANTED_H
#define RECONCILE_WANTED_H

#include <jansson.h>
#include <stdint.h>

#include "api/istio.h"
#include "kube/cluster.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

/* One object as the resource asks for it. All strings are owned. */
struct wanted {
    const struct kube_kind *kind;
    char *ns; /* NULL: cluster-scoped */
    char *name;
    char *text;                 /* compact JSON with our marks; NULL: forgotten (wanted_forget_texts()) */
    uint64_t hash;              /* of the text; never 0 */
    const char *const *foreign; /* paths that others own, besides those of the kind; may be NULL */
};

/* Of a mesh, of its part in a remote cluster, or of any other objects: then without what they were made from. */
struct wanted_set {
    struct istio_spec spec;
    const struct mesh_release *release;
    struct wanted *items;
    size_t len;
    struct wanted **index; /* the items, in an order to look them up by */
};

/* Joins problems where they stand in one line. */
#define PROBLEMS_SEPARATOR "; "

/*
 * The rules for a resource, the same for everybody who judges one: the controller, the admission webhook, `validate`.
 * As istio_parse(), with the releases that this operator knows. `minor` is that of Kubernetes 1.x, 0 where it is not
 * known; `ns` is where the resource will live if its metadata does not say so, and may be NULL.
 */
int wanted_check(const json_t *resource, int minor, const char *ns, struct istio_spec *ret, struct problems *problems);

/*
 * From the custom resource, with its overlays applied. What is wrong with it goes to `problems` as in wanted_check(),
 * and what is wrong with its overlays; below zero where there are errors. `minor` is that of Kubernetes 1.x.
 */
int wanted_build(
    const json_t *resource, int minor, const char *const *versions, struct wanted_set **ret, struct problems *problems);
/*
 * A set of these objects with the marks of `owner` on them (NULL: none). Releases what is in `objects`.
 */
struct wanted_set *wanted_from(struct mesh_objects *objects, const struct mark_owner *owner);
void wanted_free(struct wanted_set *set);
DEFINE_CLEANUP(struct wanted_set *, wanted_free)
#define _cleanup_wanted_ _cleanup_(wanted_free_p)

/* NULL where it is not wanted. `ns` NULL for cluster-scoped kinds. */
struct wanted *
wanted_find(const struct wanted_set *set, const struct kube_kind *kind, const char *ns, const char *name);

/* Puts these objects in the place of those with the same names, all of which are there. Else as wanted_from(). */
void wanted_replace(struct wanted_set *set, struct mesh_objects *objects, const struct mark_owner *owner);

/*
 * Leaves names and hashes, which is enough of what is in place and for as long as it is (objects_can_be_planned()).
 * Most of the memory of a set is its texts.
 */
void wanted_forget_texts(struct wanted_set *set);

/* "Kind/namespace/name", the key of an object in maps and the name of it for people. Owned by the caller. */
char *object_key(const struct kube_kind *kind, const char *ns, const char *name);

/*
 * The versions to render with: what the server serves, and for kinds that come with a definition of ours the
 * version of that definition, served already or not. `ret_versions` has a place for each row of mesh_kinds.
 */
void wanted_versions(const struct kube_server *server, const char **ret_versions);

#endif
