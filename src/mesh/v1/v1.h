/*
 * Istio 1.x with Mixer: what each part of it consists of, for the lines of it (v1_0, v1_1). Every function adds objects
 * to `out`.
 *
 * What belongs to one component ("With Galley") is called by that component and
 * does not ask whether it is enabled; the other parts find out themselves.
 */
#ifndef MESH_V1_V1_H
#define MESH_V1_V1_H

#include "mesh/line.h"

/* The CNI plugin of Istio 1.1. */
struct v1_cni {
    struct component_spec component; /* one Pod a node: without numbers of replicas */
    char *bin_dir, *conf_dir, *log_level;
    json_t *exclude_namespaces; /* a sequence of names; NULL: the control plane's */
};

/* mesh_release.differences: what a release does otherwise than the newest of its line. Source: Istio's charts. */
struct v1_differences {
    /* 1.1.0: the chart as it was at first. Later ones have limits of memory, probes and arguments besides. */
    bool first_1_1;
};

/* What a resource says about such a release; of an Istio and, as far as the remote cluster has it, of a RemoteIstio. */
struct v1_spec {
    struct istio_spec common; /* the first member: what takes a struct istio_spec takes this one */
    bool is_1_1;              /* the form of Istio 1.1 parsed it; what only that has is zero or NULL in Istio 1.0 */
    bool control_plane_security_enabled;
    bool auto_injection_policy; /* Pods in listed namespaces get a sidecar unless an annotation says otherwise */
    bool watch_one_namespace;   /* Pilot watches its own namespace alone */
    struct {
        char *image; /* NULL: imageHub/proxy_init:imageTag */
    } proxy_init;
    struct component_spec citadel, galley, policy, telemetry, sidecar_injector;
    /* Istio 1.1. */
    bool policy_checks;     /* proxies ask policy before each request; in Istio 1.0 they always do */
    char *access_log_file;  /* "": none */
    char *outbound_mode;    /* "ALLOW_ANY" */
    char *export_to;        /* who sees configuration that does not say: "*", "." or "" */
    bool rewrite_probes;    /* kubelets' HTTP probes of applications go to the proxy's agent */
    json_t *init_resources; /* NULL: the chart's */
    bool k8s_ingress;       /* the ingress gateway serves Ingresses */
    struct v1_cni cni;
    struct {
        bool enabled;
        char *uds_path;
        bool trustworthy_jwt, normal_jwt;
    } sds;
    struct component_spec node_agent; /* without numbers of replicas */
};
_Static_assert(offsetof(struct v1_spec, common) == 0, "a struct istio_spec of these lines is a struct v1_spec");

static inline const struct v1_spec *v1_of(const struct istio_spec *spec)
{
    return (const struct v1_spec *)spec;
}

static inline bool v1_is_1_1(const struct mesh_env *env)
{
    return v1_of(env->spec)->is_1_1;
}

/* What differs in Istio 1.0 and in Istio 1.1: a label, mostly. */
static inline const char *v1_either(const struct mesh_env *env, const char *in_1_0, const char *in_1_1)
{
    return v1_is_1_1(env) ? in_1_1 : in_1_0;
}

/* Whether it is as the first chart of 1.1 had it: 1.1.0 to the next release that has a row. */
static inline bool v1_is_first_1_1(const struct mesh_env *env)
{
    const struct v1_differences *d = env->release->differences;

    return d && d->first_1_1;
}

/* How much Istio 1.1's programs log. */
#define V1_LOG_LEVEL "--log_output_level=default:info"

/* Where Istio's programs serve their own metrics. */
static inline int v1_monitoring_port(const struct mesh_env *env)
{
    return v1_is_1_1(env) ? 15014 : 9093;
}

/*
 * mesh_deployment() with what all components have: in Istio 1.1 a new Pod is ready before an old one ends, and labels
 * of the autoscaler and the budget, which Istio 1.0 has not.
 */
struct deployment;
void v1_deployment(const struct mesh_env *env, struct rendered_list *out, struct deployment what);

/* The components; each adds its ServiceAccount, ClusterRole and binding, Service, Deployment and what scales it. */
void v1_citadel(const struct mesh_env *env, struct rendered_list *out);
void v1_galley(const struct mesh_env *env, struct rendered_list *out);
void v1_pilot(const struct mesh_env *env, struct rendered_list *out);
void v1_policy(const struct mesh_env *env, struct rendered_list *out);
void v1_telemetry(const struct mesh_env *env, struct rendered_list *out);
void v1_sidecar_injector(const struct mesh_env *env, struct rendered_list *out);
void v1_ingress_gateway(const struct mesh_env *env, struct rendered_list *out);
void v1_egress_gateway(const struct mesh_env *env, struct rendered_list *out);

/* Servicegraph, where it is enabled. */
void v1_servicegraph(const struct mesh_env *env, struct rendered_list *out);

/* The ServiceAccount and rights of Mixer, which policy and telemetry share. */
void v1_mixer_identity(const struct mesh_env *env, struct rendered_list *out);

/* The CustomResourceDefinitions, 50 and in Istio 1.1 53, in apiextensions v1 or v1beta1; none where the server has
 * neither. */
void v1_crds(const struct mesh_env *env, struct rendered_list *out);

/* Whether the release has this one ("sidecars"), or it is of no release here. */
bool v1_has_definition(const struct mesh_env *env, const char *plural);

/*
 * The node agent of Istio 1.1 (nodeAgent), and what proxies have from it where they get their certificates by it
 * (sds.enabled): empty sequences otherwise.
 */
#define V1_NODE_AGENT "istio-nodeagent"
void v1_node_agent(const struct mesh_env *env, struct rendered_list *out);
json_t *v1_sds_mounts(const struct mesh_env *env);
json_t *v1_sds_volumes(const struct mesh_env *env);

/*
 * The CNI plugin of Istio 1.1, where it is enabled or still needed (mesh_cni_state). Pods are injected for it where
 * v1_cni_is_used(): they have no init container.
 */
#define V1_CNI_DAEMON_SET "istio-cni-node"
void v1_cni_plugin(const struct mesh_env *env, struct rendered_list *out);
bool v1_cni_is_used(const struct mesh_env *env);
bool v1_cni_is_in(const json_t *injection_config);
bool v1_cni_relies(const json_t *pod);
bool v1_cni_excludes(const struct istio_spec *spec, const char *ns, const char *name);

/* ConfigMap istio: the mesh configuration that Pilot, Mixer, the injector and the gateways read. */
void v1_mesh_config(const struct mesh_env *env, struct rendered_list *out);
/* ConfigMap istio-galley-configuration: the webhook that Galley registers for itself. With Galley. */
void v1_galley_config(const struct mesh_env *env, struct rendered_list *out);
/* ConfigMap istio-sidecar-injector: what the injector puts into Pods. With the injector. */
void v1_injection_config(const struct mesh_env *env, struct rendered_list *out);
/* ConfigMap istio-statsd-prom-bridge: while policy or telemetry is enabled. */
void v1_statsd_bridge(const struct mesh_env *env, struct rendered_list *out);

/* Mixer's attribute manifests, instances, handlers and rules: while policy or telemetry is enabled. */
void v1_mixer_config(const struct mesh_env *env, struct rendered_list *out);
/* DestinationRule istio-policy or istio-telemetry: `service` is one of the two. With Mixer's Deployment of that name.
 */
void v1_mixer_destination_rule(const struct mesh_env *env, const char *service, struct rendered_list *out);
/* Gateway istio-autogenerated-k8s-ingress, which serves Kubernetes' Ingress objects. With Pilot. */
void v1_ingress_gateway_config(const struct mesh_env *env, struct rendered_list *out);
/* MeshPolicy default and, with mTLS, the DestinationRules default and api-server: while Citadel is enabled. */
void v1_security_config(const struct mesh_env *env, struct rendered_list *out);

/* Of mesh_injection. */
#define V1_INJECTION_CONFIG "istio-sidecar-injector"
char *v1_sidecar_version_of_pod(const json_t *pod);
char *v1_sidecar_version_of_config(const json_t *config_map);

/*
 * Of mesh_joining. Pilot reads a remote cluster's services with the kubeconfigs in Secrets with this label
 * ("Multicluster" in Istio's documentation).
 */
#define V1_KUBECONFIG_LABEL "istio/multiCluster"
json_t *v1_signing(const struct kube_cache *observed, const char *ns);
void v1_follow(struct istio_spec *spec, const json_t *resource, const struct istio_spec *central);
const char *v1_joining_notice(const struct istio_spec *remote, const struct istio_spec *central);

/* Of mesh_line. */
const struct kube_object *v1_authority(const struct kube_cache *observed, const char *ns);

/* MutatingWebhookConfiguration istio-sidecar-injector, in v1 or v1beta1. With the injector. */
void v1_injector_webhook(const struct mesh_env *env, struct rendered_list *out);

#endif
