/*
 * What the components of every line are built with.
 *
 * Functions that return json_t * give ownership away, and take over every json_t *
 * that they are given (struct deployment holds such, too).
 *
 * Of struct mesh_env mesh_version() and mesh_add() read `versions` alone, mesh_metadata() `ns` alone and mesh_name()
 * `revision` alone; mesh_image() reads `spec` and `release`; the others may read all of these.
 */
#ifndef MESH_COMMON_OBJECTS_H
#define MESH_COMMON_OBJECTS_H

#include "doc/build.h"
#include "mesh/mesh.h"

/* The version to use for a kind of mesh_kinds; NULL if the server has none. */
const char *mesh_version(const struct mesh_env *env, const char *kind);

/*
 * Adds an object, given without its apiVersion and kind; dropped where the server does not have the kind, which
 * must be in mesh_kinds. Returns it, until the next one is added; NULL where it was dropped.
 */
struct rendered *mesh_add(const struct mesh_env *env, struct rendered_list *out, const char *kind, json_t *object);

/* "docker.io/istio/pilot:1.0.5", or `override` where it is not NULL. */
json_t *mesh_image(const struct mesh_env *env, const char *override, const char *name);

/* The name of an object of this control plane: "istiod", or "istiod-canary" of revision canary; owned by the caller. */
char *mesh_name(const struct mesh_env *env, const char *name);
/* metadata of an object in the namespace of the control plane, and of a cluster-scoped one; `labels` may be NULL. */
json_t *mesh_metadata(const struct mesh_env *env, const char *name, json_t *labels);
json_t *mesh_cluster_metadata(const char *name, json_t *labels);

/* ServiceAccount with the pull secrets of the resource. */
void mesh_service_account(const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *labels);

/* A ClusterRole and the ClusterRoleBinding that gives it to a ServiceAccount of the control plane. */
struct cluster_role {
    const char *role, *binding; /* names without the namespace that is put behind them: "istio-pilot" */
    const char *service_account;
    json_t *labels; /* of both */
    json_t *rules;
};
void mesh_cluster_role(const struct mesh_env *env, struct rendered_list *out, struct cluster_role what);
/* A RoleBinding or ClusterRoleBinding, by its metadata, of a Role or ClusterRole to an account of the mesh. */
json_t *mesh_binding(
    const struct mesh_env *env, json_t *metadata, const char *role_kind, const char *role, const char *account);
/* A rule of a ClusterRole: one API group, its resources and the verbs, each NULL-terminated. */
json_t *mesh_rule(const char *group, const char *const *resources, const char *const *verbs);
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct service {
    const char *name;
    const char *type;             /* NULL: the server's default, ClusterIP */
    const char *load_balancer_ip; /* NULL: none */
    json_t *labels;
    json_t *annotations; /* NULL: none */
    json_t *selector;
    json_t *ports;
    json_t *addresses; /* externalIPs; NULL: none */
};
/* NULL: this server has no such kind; valid until the next object is added. So for a gateway's. */
struct rendered *mesh_service(const struct mesh_env *env, struct rendered_list *out, struct service what);

/*
 * A Deployment with Pods as the charts of Istio 1.x with Mixer have them: with the annotation critical-pod (unless
 * `not_critical`) and, where the component has no affinity, on nodes of amd64, ppc64le and s390x alone. Other lines use
 * mesh_scaled_deployment(). And what follows from the component's replicas: its HorizontalPodAutoscaler and its
 * PodDisruptionBudget, under the same name.
 */
struct deployment {
    const char *name;
    const struct component_spec *component;
    json_t *labels; /* of the Deployment itself */
    json_t *pod_labels;
    json_t *selector; /* some of the Pods' labels, which cannot change later; NULL: all of them */
    const char *service_account;
    json_t *containers;
    json_t *volumes;        /* NULL: none */
    json_t *scaling_labels; /* of the autoscaler and the budget; NULL: none */
    json_t *strategy;       /* NULL: the server's default */
    bool always_budget;     /* a budget (if the resource asks for budgets) even for a single replica */
    bool not_critical;      /* Pods have no annotation critical-pod */
    const char *restart_on; /* see rendered.restart_on */
};
void mesh_deployment(const struct mesh_env *env, struct rendered_list *out, struct deployment what);
/* On which nodes such Pods are: a map of the fields of their spec. */
json_t *mesh_placement(const struct component_spec *component);

/* The same for a Deployment that is given as a whole, without replicas. */
struct scaled_deployment {
    json_t *deployment;
    const struct component_spec *component;
    json_t *labels;              /* of the autoscaler and the budget */
    json_t *selector;            /* by which the budget finds the Pods */
    const char *const *after;    /* see rendered.after */
    const char *const *inherits; /* see rendered.inherits */
    uint32_t asked;
};
void mesh_scaled_deployment(const struct mesh_env *env, struct rendered_list *out, struct scaled_deployment what);

/* What a gateway's Service has of its own. */
struct gateway_service {
    const char *name, *type; /* the type where the resource has none */
    json_t *labels;          /* besides the resource's, which they replace */
    json_t *annotations;     /* the same; NULL: none */
    json_t *selector;
    const json_t *ports;     /* as gateway_spec.ports, which replace them; borrowed */
    const json_t *addresses; /* externalIPs; borrowed; NULL: none */
};
struct rendered *mesh_gateway_service(
    const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec,
    struct gateway_service what);
/* The port of the Pods that a port of a gateway's Service leads to. */
int mesh_gateway_target(const json_t *port);

/* `desired`, or where it is NULL a request for this much of the CPU and (where `memory` is not NULL) memory. */
json_t *mesh_resources(const json_t *desired, const char *cpu, const char *memory);

/* The parts of containers and Pods that many of them share; each is one item of a sequence. */
json_t *mesh_env_field(const char *name, const char *field_path);
/* "limits.memory" of the container itself, in its unit. */
json_t *mesh_env_limit(const char *name, const char *resource);
json_t *mesh_env_value(const char *name, const char *value);
json_t *mesh_port(int container_port);
/* A port of a Service, which leads to the same port of the Pods; `name` may be NULL. */
json_t *mesh_service_port(const char *name, int port);
json_t *mesh_mount(const char *volume, const char *path);
json_t *mesh_mount_read_only(const char *volume, const char *path);
json_t *mesh_volume_config(const char *volume, const char *config_map);
/* Where `optional`, the Pod starts without the Secret, too. */
json_t *mesh_volume_secret(const char *volume, const char *secret, bool optional);

/* What a part is rendered by: `own` is filled in where it is held, and returned; else `env` is. */
const struct mesh_env *mesh_env_of(const struct mesh_env *env, const char *part, struct mesh_env *own);

#endif
