/*
 * What Istio is made of: from a parsed resource to the Kubernetes objects it asks for.
 *
 * Pure: the same spec and environment give the same objects, in the same order.
 *
 * What an object looks like is the business of a line of releases (mesh/line.h).
 */
#ifndef MESH_MESH_H
#define MESH_MESH_H

#include "mesh/line.h"
#include "mesh/resources.h"

/* The components that the cluster has, enabled or not; ends with a NULL name. */
const struct mesh_component *mesh_components(const struct mesh_env *env);
/* The one of this name, in a list that ends with a NULL name; NULL: there is none. */
const struct mesh_component *mesh_component_of(const struct mesh_component *components, const char *name);

/*
 * All objects of the mesh in the cluster, without an owner label, in the order of mesh_kinds and of their names. Left
 * out are objects of kinds that the server does not have. The namespaces' injection labels are not among them (see the
 * operator's planner).
 */
void mesh_render(const struct mesh_env *env, struct rendered_list *ret);
/* The control planes that a resource asks for, into an array of MESH_PLANES_MAX; there is one at least. */
size_t mesh_planes(const struct istio_spec *spec, struct mesh_plane *ret);
/* The same objects for several control planes. What two of them have under one name is the first one's. */
void mesh_render_planes(
    const struct mesh_env *env, const struct mesh_plane *planes, size_t count, struct rendered_list *ret);

/* The image of proxies, where a container has no other; a new reference. */
json_t *mesh_proxy_image(const struct mesh_release *release, const struct istio_spec *spec);

/* How new Pods get the sidecars of a control plane. The name of its ConfigMap is owned by the caller. */
void mesh_injection_of(const struct mesh_plane *plane, struct mesh_injection *ret, char **ret_config_map);

/* The annotation of the resource Istio that a remote cluster's objects hang on: no operator there acts on it. */
#define MESH_REMOTE_OF "istio.banzaicloud.io/remote-of"
/* The name of that resource. */
#define MESH_REMOTE_OWNER "istio-config"

/*
 * What comes before everything else in a remote cluster: the namespace, the definition of Istio, and the resource
 * MESH_REMOTE_OWNER with `central_id`, which distinguishes central clusters, in its annotation. Its spec is empty.
 */
void mesh_render_foundation(const struct mesh_env *env, const char *central_id, struct rendered_list *ret);

/* A service of the central cluster, as a remote one has it. */
struct mesh_remote_service {
    const char *name;
    /* Of Pods: unique, in the order of strcmp(), as API servers that sort addresses sort them, too. */
    const char *const *addresses;
    size_t address_count;
};
/* A Service and Endpoints for each. */
void mesh_render_remote_services(
    const struct mesh_env *env, const struct mesh_remote_service *services, size_t count, struct rendered_list *ret);

/*
 * What is kept of a Pod with a sidecar (kube_kind.digest), of whichever line injected it; owned by the caller. NULL: it
 * is no such Pod (mesh_injection.version_of_pod). And what such a digest says.
 */
char *mesh_sidecar_digest(const json_t *pod);
struct mesh_sidecar {
    bool is_ending;       /* its Pod is being deleted; then nothing but the revision in `configuration` counts */
    char *configuration;  /* as version_of_pod; owned */
    char *version;        /* of Istio, by the proxy's image; "unknown" where that has no tag; owned */
    char *owner;          /* "Deployment/web" (mesh_workload_of_pod() in mesh/workloads.h); owned */
    const char *registry; /* that its image is pulled from, where that closes (mesh/closed_registries.h); static */
};
struct mesh_sidecar mesh_sidecar_read(const char *digest);
void mesh_sidecar_release(struct mesh_sidecar *sidecar);
#define _cleanup_mesh_sidecar_ _cleanup_(mesh_sidecar_release)

/*
 * What is kept of a Pod that relies on the CNI plugin (mesh_cni.relies, of any line) and runs on a node; owned by the
 * caller. NULL: it is no such Pod. And what such a digest says.
 */
char *mesh_reliant_digest(const json_t *pod);
struct mesh_reliant {
    char *node;                /* owned */
    msec_t started, restarted; /* when the Pod did, and then its proxy again; 0: not known, it was not */
};
struct mesh_reliant mesh_reliant_read(const char *digest);
void mesh_reliant_release(struct mesh_reliant *pod);
#define _cleanup_mesh_reliant_ _cleanup_(mesh_reliant_release)

/* As mesh_cni.platform_of_node, of the newest line that has a plugin. Owned by the caller. */
char *mesh_platform_of_node(const json_t *node);

#endif
