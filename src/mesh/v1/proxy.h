/* Envoy as it runs in the Pods of the control plane and of the gateways. */
#ifndef MESH_V1_PROXY_H
#define MESH_V1_PROXY_H

#include "mesh/common/objects.h"

/* How the control plane's proxies identify themselves to each other: "MUTUAL_TLS" or "NONE". */
const char *v1_auth_policy(const struct mesh_env *env);
/* What sidecars are started with: defaultConfig of the mesh configuration. */
json_t *v1_proxy_config(const struct mesh_env *env);
/* The address of the collector of traces. */
const char *v1_zipkin_address(const struct mesh_env *env);

/* In which a proxy of Istio 1.1 looks up short names of hosts. */
#define V1_DOMAIN "$(POD_NAMESPACE).svc.cluster.local"

struct proxy {
    const char *image; /* NULL: the resource's proxy image */
    json_t *args;      /* of pilot-agent, with "proxy" first */
    json_t *ports;
    json_t *env; /* behind the Pod's name, namespace and address; NULL: none */
    json_t *resources;
    json_t *probe;  /* of readiness; NULL: none */
    json_t *mounts; /* behind the certificates at /etc/certs, volume "istio-certs"; NULL: none */
};

/* What a proxy may use: `own`, else as in the chart, in Istio 1.1 with this limit of memory. */
json_t *v1_proxy_resources(const struct mesh_env *env, const json_t *own, const char *memory_limit);

/* Container istio-proxy. */
json_t *v1_proxy(const struct mesh_env *env, struct proxy what);

/*
 * The proxy in front of a component: it takes mutual TLS off the component's traffic, by the template of this name in
 * Istio's proxy image.
 */
json_t *v1_component_proxy(
    const struct mesh_env *env, const char *service, const char *template, json_t *ports, json_t *mounts);

/* Port 15090, where Prometheus finds Envoy's statistics by the port's name. */
json_t *v1_statistics_port(void);

/* The certificates that Citadel issues for a ServiceAccount, for the mount of every proxy. */
json_t *v1_certs_volume(const char *service_account);

#endif
