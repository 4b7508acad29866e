/*
 * What Istio is made of: from a parsed resource to the Kubernetes objects it asks for.
 *
 * Pure: the same spec and environment give the same objects, in the same order.
 */
#ifndef MESH_MESH_H
#define MESH_MESH_H

#include <jansson.h>
#include <stddef.h>

#include "api/istio.h"
#include "kube/kind.h"

/* A version of Istio: what differs between releases is data in its row. */
struct mesh_release {
    const char *version;         /* "1.0.5" */
    const char *line;            /* "1.0" */
    const char *default_tag;     /* of its images */
    const char *chart_version;   /* the `chart` label is "<subchart>-<this>" in the Helm chart */
    int kubernetes_min, kubernetes_max; /* minor versions of Kubernetes 1.x it can run on, inclusive */
};

/* Ends with a NULL version. */
extern const struct mesh_release mesh_releases[];
/* NULL where there is none. */
const struct mesh_release *mesh_release_find(const char *version);

/* Every kind of object that a mesh is made of. */
extern const struct kube_kind_table mesh_kinds;

/* What the objects depend on besides the resource. */
struct mesh_env {
    const struct istio_spec *spec;
    const struct mesh_release *release;
    const char *ns; /* the namespace of the control plane: the resource's */
    /* The version to speak for each row of mesh_kinds; NULL: this server has none (yet). */
    const char *const *versions;
};

/* The versions that Kubernetes 1.`minor` serves of each row of mesh_kinds, for mesh_env.versions; static. */
void mesh_versions_for(int minor, const char **ret_versions);

/* One object as the resource asks for it. */
struct mesh_object {
    const struct kube_kind *kind;
    json_t *object; /* owned */
};

struct mesh_objects {
    struct mesh_object *items;
    size_t len, cap;
};

/*
 * All objects of the mesh, without marks of ownership, in the order of their stages. CustomResourceDefinitions
 * come first, the namespaces' injection labels are not among them (see the operator's planner).
 */
void mesh_render(const struct mesh_env *env, struct mesh_objects *ret);
void mesh_objects_release(struct mesh_objects *objects);

/* A component of Istio, for status and documentation. */
struct mesh_component {
    const char *name;        /* "pilot", as the field of the resource is called: "gateways.ingress" */
    const char *deployment;  /* "istio-pilot" */
    const struct component_spec *(*spec)(const struct istio_spec *);
    /* Adds the component's objects. */
    void (*render)(const struct mesh_env *env, struct mesh_objects *out);
};

/* Ends with a NULL name. */
extern const struct mesh_component mesh_components[];

#endif
