/*
 * Today's Istio, whose control plane is one program, istiod: what each part of it consists of. Every function adds
 * objects to `out`.
 *
 * Facts: the charts base, istiod and gateway of Istio 1.28 to 1.31 (names, selectors, labels, rules, ports), so that
 * what Helm installed is taken over as it is.
 */
#ifndef MESH_ISTIOD_ISTIOD_H
#define MESH_ISTIOD_ISTIOD_H

#include "mesh/line.h"

extern const struct mesh_line istiod_line;
extern const struct api_form istiod_form;

/* The CNI plugin; what is NULL is the platform's. */
struct istiod_cni {
    struct component_spec component; /* one Pod a node: without numbers of replicas */
    char *platform;                  /* ISTIOD_CNI_AUTO, or the name of one (cni_platform.c) */
    char *bin_dir, *conf_dir, *netns_dir, *conf_file_name;
    bool chained; /* into the nodes' own configuration; else Multus calls it */
    char *log_level;
    json_t *exclude_namespaces; /* a sequence of names; never NULL */
};
#define ISTIOD_CNI_AUTO "Auto"
#define ISTIOD_ANY_PLATFORM "Kubernetes"

/* The place of the cluster in a mesh of several, and the gateway by which the others reach its Pods. */
struct istiod_federation {
    char *mesh_id;      /* NULL: the trust domain */
    char *cluster_name; /* NULL: ISTIOD_CLUSTER */
    char *network;      /* NULL: it has none, as where all Pods reach each other */
    bool enabled;       /* with that gateway */
    char *address_type; /* ISTIOD_ADDRESS_... */
    json_t *addresses;  /* IP addresses that lead to it, instead of what the type says; never NULL */
    struct gateway_spec gateway;
};
#define ISTIOD_CLUSTER "Kubernetes"
#define ISTIOD_ADDRESS_AUTO "Auto" /* that of its load balancer, an IP address or a host name */
#define ISTIOD_ADDRESS_NODE_PORT "NodePort"
/* Where the proxies of other networks reach it. Source: Istio, DefaultNetworkGatewayPort. */
#define ISTIOD_CROSS_NETWORK_PORT 15443
#define ISTIOD_EAST_WEST "istio-eastwestgateway"
#define ISTIOD_EAST_WEST_ROLE "eastwestgateway" /* the value of label istio */

/* What a resource says about it. */
struct istiod_spec {
    struct istio_spec common; /* the first member: what takes a struct istio_spec takes this one */
    json_t *mesh_config;      /* a map, merged into the mesh configuration; NULL: none */
    json_t *pilot_env;        /* environment of istiod, string to string; NULL: none */
    char *platform;           /* "OpenShift", or ISTIOD_ANY_PLATFORM */
    char *revision;           /* the name of the control plane; "": it has none */
    struct istiod_cni cni;
    struct istiod_federation federation;
};
_Static_assert(offsetof(struct istiod_spec, common) == 0, "a struct istio_spec of this line is a struct istiod_spec");

/* mesh_release.differences: what a release does otherwise than the newest. Source: Istio's charts. */
struct istiod_differences {
    bool go_memory_limit;        /* to 1.28: istiod's limit of memory is Go's, too (GOMEMLIMIT) */
    bool short_cni_end;          /* to 1.28: the plugin's Pods have 5 s to end */
    bool no_rules_on_startup;    /* to 1.28: the plugin leaves the rules of running Pods as they are when it starts */
    bool no_config_maps;         /* to 1.28: istiods of other clusters read no ConfigMaps */
    bool x_listener_sets;        /* to 1.29: status is written of XListenerSets, and not yet of ListenerSets */
    bool no_resource_attributes; /* to 1.29: the injector has no function otelResourceAttributes */
    bool gateway_user;           /* to 1.29: gateways name the user of their proxy, instead of the injector */
    bool no_message_of_logs;     /* to 1.30: on OpenShift, istiod's termination message is not the end of its log */
};
const struct istiod_differences *istiod_differences(const struct mesh_env *env);

static inline const struct istiod_spec *istiod_of(const struct istio_spec *spec)
{
    return (const struct istiod_spec *)spec;
}

bool istiod_is_on_openshift(const struct mesh_env *env);

/* The revision by which webhooks, proxies and istiod itself know each other: this where it has no name. */
#define ISTIOD_REVISION_DEFAULT "default"
const char *istiod_revision(const struct mesh_env *env);
/* Of cluster-scoped objects: mesh_name() and behind it the namespace, where that is not istio-system. Owned. */
char *istiod_webhook_name(const struct mesh_env *env, const char *name);

/* Components: istiod with all that it needs, and the gateways. */
void istiod_control_plane(const struct mesh_env *env, struct rendered_list *out);
void istiod_ingress_gateway(const struct mesh_env *env, struct rendered_list *out);
void istiod_egress_gateway(const struct mesh_env *env, struct rendered_list *out);
void istiod_east_west_gateway(const struct mesh_env *env, struct rendered_list *out);
/* The type of the last one's Service, where the resource does not say. */
const char *istiod_east_west_type(const struct istiod_federation *federation);
/* What it does with traffic, of whoever runs it. */
void istiod_cross_network_gateway(const struct mesh_env *env, struct rendered_list *out);

/*
 * The CNI plugin, one for all revisions, where it is enabled or still needed (mesh_cni_state). Pods are injected for it
 * where istiod_cni_is_used().
 */
#define ISTIOD_CNI_DAEMON_SET "istio-cni-node"
void istiod_cni_plugin(const struct mesh_env *env, struct rendered_list *out);
bool istiod_cni_is_used(const struct mesh_env *env);
/* Where its parts are on the nodes; borrowed. */
struct istiod_cni_paths {
    const char *bin_dir, *conf_dir, *netns_dir;
    const char *conf_file_name; /* NULL: the plugin's choice */
    const char *selinux_type;   /* of its container; NULL: any */
    bool chained;
    bool quota; /* Pods of its priority need a quota */
};
struct istiod_cni_paths istiod_cni_paths(const struct mesh_env *env);
/* Of mesh_cni. */
char *istiod_cni_platform_of_node(const json_t *node);
bool istiod_cni_is_in(const json_t *injection_config);

/* Parts of the control plane. */
void istiod_roles(const struct mesh_env *env, struct rendered_list *out);
/* ConfigMap istio: the mesh configuration; and that itself, owned by the caller. */
void istiod_mesh_config(const struct mesh_env *env, struct rendered_list *out);
json_t *istiod_mesh_config_document(const struct mesh_env *env);
/* The one that validates all of Istio's configuration; a control plane may be held (MESH_HELD_VALIDATOR). */
#define ISTIOD_VALIDATOR "istiod-default-validator"
/* The webhooks that inject sidecars and gateways, and those that validate Istio's configuration. */
void istiod_injection_webhook(const struct mesh_env *env, struct rendered_list *out);
void istiod_validation_webhooks(const struct mesh_env *env, struct rendered_list *out);
/* PeerAuthentication default of the whole mesh, with `mtls`. */
void istiod_peer_authentication(const struct mesh_env *env, struct rendered_list *out);

/*
 * Tracing: a provider in the mesh configuration, which proxies use unless a Telemetry says otherwise, and a Telemetry
 * for all of the mesh where other than ISTIOD_SAMPLING percent of requests are traced. Both have this name.
 */
#define ISTIOD_TRACING "istio-operator-tracing"
#define ISTIOD_SAMPLING 1.0
const char *istiod_tracing_provider(const struct mesh_env *env); /* its name; NULL: there is none */
double istiod_tracing_sampling(const struct mesh_env *env);      /* of istiod itself, without a Telemetry */
const char *
istiod_tracing_zipkin(const struct mesh_env *env); /* an address that only proxies find; NULL: there is none */
/* Adds the provider to those of the users. */
void istiod_tracing_add_provider(const struct mesh_env *env, json_t *mesh_config);
void istiod_telemetry(const struct mesh_env *env, struct rendered_list *out);
/* Kiali, where the operator installs it. */
void istiod_kiali(const struct mesh_env *env, struct rendered_list *out);
/* Where configuration of the whole mesh is; borrowed. */
const char *istiod_root_namespace(const struct istio_spec *spec, const char *ns);

/*
 * Of mesh_injection: the revision, a slash and what a Pod was injected by. That is in its annotation
 * ISTIOD_SIDECAR_VERSION: ConfigMap ISTIOD_INJECTION_CONFIG tells istiod to add it, and has the same annotation itself.
 */
#define ISTIOD_INJECTION_CONFIG "istio-sidecar-injector"
#define ISTIOD_SIDECAR_VERSION "istio.banzaicloud.io/sidecar-version"
char *istiod_sidecar_version_of_pod(const json_t *pod);
char *istiod_sidecar_version_of_config(const json_t *config_map);
char *istiod_release_of_config(const json_t *config_map);

/* A Role and the RoleBinding that gives it to a ServiceAccount of the same namespace; all three have one name. */
void istiod_role(
    const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *labels, json_t *rules);

#endif
