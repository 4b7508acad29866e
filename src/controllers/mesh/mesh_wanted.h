/*
 * What an Istio resource asks for: its rules, and every object of the mesh with our marks on it. Pure: it depends on
 * the resource and on the versions that the server speaks, so it is kept for as long as those stay the same.
 */
#ifndef CONTROLLERS_MESH_MESH_WANTED_H
#define CONTROLLERS_MESH_MESH_WANTED_H

#include "mesh/mesh.h"
#include "reconcile/wanted.h"

/* A mesh: what was asked for, and the objects that follow. */
struct mesh_wanted {
    struct istio_spec spec;
    const struct mesh_release *release;
    struct wanted_set *objects;
};

/*
 * The rules for a resource, the same for everybody who judges one: the controller, the admission webhook, `validate`.
 * As istio_parse(), with the releases that this operator knows. `minor` is that of Kubernetes 1.x, 0 where it is not
 * known; `ns` is where the resource will live if its metadata does not say so, and may be NULL.
 */
int mesh_check(const json_t *resource, int minor, const char *ns, struct istio_spec *ret, struct problems *problems);

/*
 * From the custom resource, with its overlays applied. What is wrong with it goes to `problems` as in mesh_check(),
 * and what is wrong with its overlays; below zero where there are errors. `minor` is that of Kubernetes 1.x.
 */
int mesh_wanted_build(
    const json_t *resource, int minor, const char *const *versions, struct mesh_wanted **ret,
    struct problems *problems);
/* Its objects alone; NULL where there are errors. */
struct wanted_set *
mesh_wanted_objects(const json_t *resource, int minor, const char *const *versions, struct problems *problems);
void mesh_wanted_free(struct mesh_wanted *wanted);
DEFINE_CLEANUP(struct mesh_wanted *, mesh_wanted_free)
#define _cleanup_mesh_wanted_ _cleanup_(mesh_wanted_free_p)

/*
 * The versions to render with: what the server serves, and for kinds that come with a definition of ours the
 * version of that definition, served already or not. `ret_versions` has a place for each row of mesh_kinds.
 */
void mesh_wanted_versions(const struct kube_server *server, const char **ret_versions);

#endif
