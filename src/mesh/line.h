/*
 * A line of releases: what is built alike, and what it has of its own. src/mesh holds a folder for each line, and a row
 * for each release (releases.c).
 *
 * A line is data and pure functions. What is not asked of it here is the same for all lines: the order in which objects
 * are written and deleted is in the rows of their kinds (kinds.c).
 */
#ifndef MESH_LINE_H
#define MESH_LINE_H

#include <jansson.h>

#include "api/istio.h"
#include "mesh/kinds.h"
#include "reconcile/rendered.h"

struct mesh_release;

/* What only a remote cluster has. */
struct mesh_remote {
    /*
     * The certificate by which Citadel signs, of the same root as the central cluster's: the `data` of Secret cacerts,
     * in base64 ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem. Borrowed. A secret.
     */
    const json_t *signing;
};

/* What the objects depend on in addition to the resource. */
struct mesh_env {
    /* Of a remote cluster, policy and telemetry are enabled where its proxies have them in the central one. */
    const struct istio_spec *spec;
    const struct mesh_release *release;
    const char *ns; /* the namespace of the control plane: the resource's */
    /* The version to use for each row of mesh_kinds; NULL: this server has none (yet). */
    const char *const *versions;
    const struct mesh_remote *remote; /* NULL: the central cluster */
};

/* Adds objects to `out`. */
typedef void (*mesh_part_fn)(const struct mesh_env *env, struct rendered_list *out);

/* A component of Istio: what can be switched, and what the status has a line for. */
struct mesh_component {
    const char *name;       /* "pilot", as the field of the resource is called: "gateways.ingress" */
    const char *deployment; /* "istio-pilot" */
    const struct component_spec *(*spec)(const struct istio_spec *);
    /* Adds the component's objects; not called while it is disabled. */
    mesh_part_fn render;
};

/*
 * What a component's program creates for itself in the cluster. It has no owner label, and nothing else deletes it: it
 * is deleted with the mesh. Events, and what Kubernetes' own controllers create for an object, are not included.
 */
struct mesh_made {
    const char *component; /* whose program creates it: "galley" */
    enum mesh_kind_id kind;
    const char *name; /* NULL: any; one that ends with "*": all that begin so */
    const char *type; /* of a Secret; NULL: any */
    bool everywhere;  /* in all namespaces; else in the control plane's, where its kind is namespaced */
    /*
     * It does harm without its program: it is deleted before everything else, and also when the component is disabled.
     */
    bool harmful_alone;
};

/* What one cluster has of it. */
struct mesh_parts {
    const struct mesh_component *components; /* ends with a NULL name */
    /*
     * What belongs to no component or to several; each part finds out itself whether it is desired. Ends with NULL.
     */
    const mesh_part_fn *shared;
    const struct mesh_made *made; /* ends with a NULL component */
};

/*
 * What Istio cannot do on a supported server, because the server does not serve an API any more. The status has a
 * condition for it, which is False; the mesh is still Ready.
 */
struct mesh_limitation {
    const char *condition, *reason; /* the condition's type and reason */
    int kubernetes_since;           /* minor version of Kubernetes 1.x */
    bool (*concerns)(const struct istio_spec *);
    const char *text; /* a format with one %d, for the server's minor version */
};

struct mesh_line {
    const char *name; /* "1.0" */
    struct mesh_parts central, remote;
    const struct mesh_limitation *limitations; /* of the central cluster; ends with a NULL condition */
};

/* for (size_t i = 0; (l = mesh_limitation_next(line, spec, minor, &i));) Those that concern this mesh on
 * Kubernetes 1.`minor`. */
const struct mesh_limitation *
mesh_limitation_next(const struct mesh_line *line, const struct istio_spec *spec, int minor, size_t *position);
/* The condition's message, owned by the caller. */
char *mesh_limitation_text(const struct mesh_limitation *limitation, int minor);

/* A version of Istio: what differs between the releases of a line is data in its row. */
struct mesh_release {
    const char *version; /* "1.0.5" */
    const struct mesh_line *line;
    const char *default_tag;            /* of its images */
    int kubernetes_min, kubernetes_max; /* minor versions of Kubernetes 1.x it can run on, inclusive */
};

/* The newest of a line first; ends with a NULL version. */
extern const struct mesh_release mesh_releases[];
/* NULL where there is none. */
const struct mesh_release *mesh_release_find(const char *version);

/*
 * for (size_t i = 0; (made = mesh_made_next(role, &i));)
 * What the programs of any line create in a cluster of this role (MESH_CENTRAL or MESH_REMOTE).
 */
const struct mesh_made *mesh_made_next(unsigned role, size_t *position);

#endif
