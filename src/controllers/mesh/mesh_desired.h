/*
 * What an Istio resource asks for: its rules, and every object of the mesh with its owner label. Pure: it depends on
 * the resource and on the versions that the server serves, so it is kept as long as those stay the same.
 */
#ifndef CONTROLLERS_MESH_MESH_DESIRED_H
#define CONTROLLERS_MESH_MESH_DESIRED_H

#include "mesh/mesh.h"
#include "reconcile/desired.h"

/* A mesh: what was asked for, and the objects that follow. */
struct mesh_desired {
    struct istio_spec *spec;
    struct mesh_plane planes[MESH_PLANES_MAX]; /* its control planes; new Pods get the sidecars of the first */
    size_t plane_count;
    struct mesh_injection injection; /* of the first */
    char *injection_config;          /* injection.config_map */
    struct desired_set *objects;
    /* Those that tell Prometheus what to scrape, and Grafana what to show, which are planned apart (apart.h). */
    struct desired_set *monitors, *dashboards;
    struct desired_set *maps; /* and of Kiali or Servicegraph, planned apart as well: they may never become ready */
};

/*
 * The rules for a resource, the same for the controller, the admission webhook and `validate`. As istio_parse(), with
 * the releases that this operator knows. `minor` is that of Kubernetes 1.x, 0 where it is not known; `ns` is the
 * resource's namespace if its metadata has none, and may be NULL.
 */
int mesh_check(const json_t *resource, int minor, const char *ns, struct istio_spec **ret, struct problems *problems);

/*
 * What is held back while the version or the revision of a mesh changes (upgrade.h), as a document so that it is
 * compared and copied easily; NULL: nothing is.
 *
 *   {version, revision}: all of the mesh is built for this version, and for a control plane of this name
 *   {gateways: {COMPONENT: {version, revision}}}: these gateways are
 *   {injector: {version, revision}}: the injector's configuration is
 *   {validator: {version, revision}}: the webhook that the control planes share is
 */
#define HOLD_VERSION "version"
#define HOLD_REVISION "revision"
#define HOLD_GATEWAYS "gateways"
#define HOLD_INJECTOR "injector"
#define HOLD_VALIDATOR "validator"

/*
 * From the custom resource, with its overlays applied. `cni` is what is observed; NULL: nothing; so is `untraced`, as
 * in struct mesh_env. Its errors go to `problems` as in mesh_check(), and those of its overlays; below zero if there
 * are any. `minor` is that of Kubernetes 1.x; what is held is not validated against it. What cannot be built as it is
 * held is not held.
 */
int mesh_desired_build(
    const json_t *resource, int minor, const char *const *versions, const struct mesh_cni_state *cni, bool untraced,
    const json_t *hold, struct mesh_desired **ret, struct problems *problems);
/* Its objects alone; NULL where there are errors. */
struct desired_set *
mesh_desired_objects(const json_t *resource, int minor, const char *const *versions, struct problems *problems);
void mesh_desired_free(struct mesh_desired *desired);
DEFINE_CLEANUP(struct mesh_desired *, mesh_desired_free)
#define _cleanup_mesh_desired_ _cleanup_(mesh_desired_free_p)

/*
 * The versions to render with: what the server serves, and for kinds whose definition the operator creates the version
 * of that definition, served already or not. `ret_versions` has a place for each row of mesh_kinds.
 */
void mesh_desired_versions(const struct kube_server *server, const char **ret_versions);

#endif
