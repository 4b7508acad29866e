/*
 * What Istio is made of: from a parsed resource to the Kubernetes objects it asks for.
 *
 * Pure: the same spec and environment give the same objects, in the same order.
 *
 * Releases that are built alike form a line. A line is a table of components and of
 * parts that several of them share; src/mesh holds one folder for each.
 */
#ifndef MESH_MESH_H
#define MESH_MESH_H

#include <jansson.h>
#include <stddef.h>

#include "api/istio.h"
#include "kube/kind.h"
#include "reconcile/rendered.h"

/* Every kind of object that a mesh is made of, in the order in which objects are rendered. */
extern const struct kube_kind_table mesh_kinds;
/* The rows of mesh_kinds, in their order. An array of versions has an element for each. */
enum mesh_kind_id {
    KIND_NAMESPACE,
    KIND_DEFINITION,
    KIND_SERVICE_ACCOUNT,
    KIND_CLUSTER_ROLE,
    KIND_CLUSTER_ROLE_BINDING,
    KIND_CONFIG_MAP,
    KIND_SECRET,
    KIND_SERVICE,
    KIND_ENDPOINTS,
    KIND_DEPLOYMENT,
    KIND_AUTOSCALER,
    KIND_DISRUPTION_BUDGET,
    KIND_DESTINATION_RULE,
    KIND_GATEWAY,
    KIND_MESH_POLICY,
    KIND_MIXER_ATTRIBUTEMANIFEST,
    KIND_MIXER_KUBERNETES,
    KIND_MIXER_KUBERNETESENV,
    KIND_MIXER_LOGENTRY,
    KIND_MIXER_METRIC,
    KIND_MIXER_PROMETHEUS,
    KIND_MIXER_STDIO,
    KIND_MIXER_RULE,
    KIND_MUTATING_WEBHOOK,
    KIND_VALIDATING_WEBHOOK,
    KIND_POD,
    KIND_SIDECAR_POD,         /* a view: with an injected sidecar, of which mesh_sidecar_version_of_pod() is kept */
    KIND_KEY_AND_CERT_SECRET, /* a view: Citadel's, without what they hold */
    KIND_CREDENTIALS_SECRET,  /* a view: of the mesh's namespace, with what they hold */
    KIND_SECRET_KEYS,         /* views: of that namespace, of what they hold the keys alone */
    KIND_CONFIG_MAP_KEYS,
    /*
     * Views of what an earlier operator created for a resource: owned by an ownerReference to an Istio, and without the
     * owner label. Autoscalers are included without an owner, too.
     */
    KIND_LEFT_ROLE,
    KIND_LEFT_BINDING,
    KIND_LEFT_SERVICE,
    KIND_LEFT_DEPLOYMENT,
    KIND_LEFT_AUTOSCALER,
    KIND_LEFT_WEBHOOK,
    KIND_ISTIO,
    KIND_REMOTE_ISTIO,
    KIND_COUNT,
};

static inline const struct kube_kind *mesh_kind(enum mesh_kind_id id)
{
    return &mesh_kinds.rows[id];
}

struct mesh_env;

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

/* What a cluster is to the mesh; the bits of kube_kind.roles in mesh_kinds. */
enum { MESH_CENTRAL = 1, MESH_REMOTE = 2 };

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

/* The components that the cluster has, enabled or not; ends with a NULL name. */
const struct mesh_component *mesh_components(const struct mesh_env *env);

/* The versions that Kubernetes 1.`minor` serves of each row of mesh_kinds, for mesh_env.versions; static. */
void mesh_versions_for(int minor, const char **ret_versions);

/*
 * All objects of the mesh in the cluster, without an owner label, in the order of mesh_kinds and of their names. Left
 * out are objects of kinds that the server does not have. The namespaces' injection labels are not among them (see the
 * operator's planner).
 */
void mesh_render(const struct mesh_env *env, struct rendered_list *ret);
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

/* The ConfigMap with the injector's template of sidecars. */
#define MESH_INJECTION_CONFIG "istio-sidecar-injector"
/*
 * The version of that configuration a Pod got its sidecar from, and the one that Pods get it from now. It covers all
 * that the mesh says about a sidecar: images, resources, ranges, how it finds the control plane. What a Pod chose by
 * annotations is not included. Owned by the caller; NULL: the Pod has none or is being deleted, this is no such
 * ConfigMap.
 */
char *mesh_sidecar_version_of_pod(const json_t *pod);
char *mesh_sidecar_version_of_config(const json_t *config_map);

#endif
