/*
 * The custom resource Istio (istio.banzaicloud.io/v1beta1), parsed.
 *
 * Where a field is absent in the resource it has its default here; what has no
 * default is NULL. Every pointer is owned by the struct.
 *
 * The fields, their limits and defaults are the tables in istio.c.
 */
#ifndef API_ISTIO_H
#define API_ISTIO_H

#include <jansson.h>
#include <stdbool.h>

#include "api/component.h"
#include "api/problem.h"
#include "api/resource.h"

/* Of `version`, where the resource does not say. */
#define ISTIO_VERSION_DEFAULT "1.0.5"

/* The types of the gateways' Services, where the resource does not say. */
#define GATEWAY_INGRESS_TYPE "LoadBalancer"
#define GATEWAY_EGRESS_TYPE "ClusterIP"

struct gateway_spec {
    struct component_spec component;
    /* Of its Service. */
    char *service_type;          /* NULL: as above */
    char *load_balancer_ip;      /* NULL or "": any */
    json_t *service_annotations; /* string to string; NULL: none */
    json_t *service_labels;      /* string to string; NULL: none */
    json_t *ports; /* a sequence of {name, port, targetPort?, nodePort?, protocol?}; empty or NULL: its own */
};

struct istio_spec {
    char *version;              /* "1.0.5" */
    char *image_hub;            /* "docker.io/istio" */
    char *image_tag;            /* NULL: the version */
    char *image_pull_policy;    /* "IfNotPresent" */
    json_t *image_pull_secrets; /* a sequence of names; NULL: none */

    bool mtls;
    bool control_plane_security_enabled;
    char *include_ip_ranges;           /* "*" */
    char *exclude_ip_ranges;           /* "" */
    json_t *auto_injection_namespaces; /* a sequence of names; never NULL */
    bool auto_injection_policy;        /* Pods in them get a sidecar unless an annotation says otherwise */
    bool watch_one_namespace;          /* Pilot watches its own namespace alone */
    json_t *default_resources;         /* of components that set none; NULL: each one's own */

    bool default_pod_disruption_budget; /* budgets for the components with more than one replica, or gateways */
    bool remove_crds;
    bool pause;
    json_t *overlays; /* a sequence of {kind, name, namespace?, patches}; NULL: none */

    struct {
        bool count; /* how many are of an older configuration, in the status */
    } sidecars;

    struct {
        bool enabled;
        char *zipkin_address; /* "zipkin:9411" where it is NULL, as in the chart; see the component */
        double sampling;      /* percent of requests, 1.0 */
    } tracing;

    struct {
        char *image; /* NULL: imageHub/proxyv2:imageTag */
        json_t *resources;
        bool privileged;
        bool enable_core_dump;
        char *log_level; /* NULL: the proxy's own */
        int concurrency; /* worker threads; 0: one a core */
    } proxy;
    struct {
        char *image; /* NULL: imageHub/proxy_init:imageTag */
    } proxy_init;

    struct component_spec citadel, galley, pilot, policy, telemetry, sidecar_injector;
    struct {
        bool enabled; /* false: neither is */
        struct gateway_spec ingress, egress;
    } gateways;
};

extern const struct api_resource api_resource_istio;
extern const struct api_rule istio_rules[];

/* See api_parse(). On success `ret` owns its pointers until istio_spec_release(). */
int istio_parse(const json_t *resource, const struct api_context *context, struct istio_spec *ret,
                struct problems *problems);
void istio_spec_release(struct istio_spec *spec);

/* The components with their paths in the resource. */
struct istio_component {
    const char *path; /* "spec.gateways.ingress" */
    size_t offset;    /* of its component_spec in istio_spec */
};
extern const struct istio_component istio_components[]; /* ends with a NULL path */

#endif
