/*
 * The custom resources Istio and RemoteIstio (istio.banzaicloud.io/v1beta1), parsed: what every line of releases has.
 * A line has a struct of its own that begins with this one (src/mesh).
 *
 * Where a field is absent in the resource it has its default here; what has no default is NULL. Every pointer is owned
 * by the struct.
 *
 * A RemoteIstio is the mesh as the remote cluster has its parts of it: what it leaves to the mesh is zero or NULL, its
 * version among it, until it was filled in (mesh/line.h, mesh_joining.follow).
 */
#ifndef API_ISTIO_H
#define API_ISTIO_H

#include <jansson.h>
#include <stdbool.h>

#include "api/component.h"
#include "api/problem.h"
#include "api/resource.h"
#include "base/mem.h"

/* Of `version`, where the resource does not say and the Kubernetes runs it. */
#define ISTIO_VERSION_DEFAULT "1.0.5"

/* The types of the gateways' Services, where the resource does not say. */
#define GATEWAY_INGRESS_TYPE "LoadBalancer"
#define GATEWAY_EGRESS_TYPE "ClusterIP"

/* How Prometheus is told what there is to scrape: spec.monitoring.prometheus.mode. */
#define ISTIO_PROMETHEUS_NONE "None"
#define ISTIO_PROMETHEUS_OPERATOR "PrometheusOperator"
#define ISTIO_PROMETHEUS_SCRAPE_CONFIG "ScrapeConfig"

/* How Grafana gets the dashboards: spec.monitoring.grafana.mode. */
#define ISTIO_GRAFANA_NONE "None"
#define ISTIO_GRAFANA_CONFIG_MAP "ConfigMap"
#define ISTIO_GRAFANA_DASHBOARD "GrafanaDashboard"

/* Who installs Kiali, spec.kiali.mode; and how its users sign in, spec.kiali.auth.strategy, in Kiali's own words. */
#define ISTIO_KIALI_NONE "None"
#define ISTIO_KIALI_SERVER "Server"
#define ISTIO_KIALI_RESOURCE "KialiResource"
#define ISTIO_KIALI_TOKEN "token"
#define ISTIO_KIALI_ANONYMOUS "anonymous"
/* The key that sessions are encrypted with, in the Secret that users create. */
#define ISTIO_KIALI_SIGNING_KEY "signing-key"

struct gateway_spec {
    struct component_spec component;
    int termination_grace_period; /* seconds until open requests of a Pod are cut; 0: the line has no such field */
    /* Of its Service. */
    char *service_type;          /* NULL: as above */
    char *load_balancer_ip;      /* NULL or "": any */
    json_t *service_annotations; /* string to string; NULL: none */
    json_t *service_labels;      /* string to string; NULL: none */
    /* Only in Istio 1.1; else zero and NULL. */
    struct {
        bool enabled; /* certificates come from Secrets by an agent beside the proxy, instead of mounted ones */
        char *image;
        json_t *resources;
    } sds;
    char *application_ports; /* that have to be open before it is ready: "80,443"; NULL: none */
    char *network_view;      /* the network that it sees services of; NULL: all */
    json_t *ports;           /* a sequence of {name, port, targetPort?, nodePort?, protocol?}; empty or NULL: its own */
};

struct istio_spec {
    const struct api_form *form; /* the table that it was parsed by */

    char *version;              /* "1.0.5"; see api_version_of() */
    char *image_hub;            /* "docker.io/istio" */
    char *image_tag;            /* NULL: the version */
    char *image_pull_policy;    /* "IfNotPresent" */
    json_t *image_pull_secrets; /* a sequence of names; NULL: none */

    bool mtls;
    char *include_ip_ranges;           /* "*" */
    char *exclude_ip_ranges;           /* "" */
    json_t *auto_injection_namespaces; /* a sequence of names; never NULL */
    json_t *default_resources;         /* of components that set none; NULL: each one's own */

    bool default_pod_disruption_budget; /* budgets for the components with more than one replica, or gateways */
    bool remove_crds;
    bool pause;
    json_t *overlays; /* a sequence of {kind, name, namespace?, patches}; NULL: none */

    struct {
        bool count; /* how many are of an older configuration, in the status */
    } sidecars;

    struct {
        char *preflight;           /* "Refuse" or "Warn" */
        char *former_grace_period; /* a duration */
    } upgrade;

    struct {
        char *mode;         /* "Off", "Report", "Automatic"; NULL: "Report" where sidecars are counted, else "Off" */
        int max_namespaces; /* in which a workload is restarted at a time */
        char *delay, *timeout;
        char *on_failure;           /* "StopNamespace", "StopAll" */
        json_t *windows;            /* a sequence of {days?, from, to}; NULL or empty: any time */
        json_t *namespace_selector; /* NULL: all */
    } sidecar_renewal;

    struct {
        bool enabled;
        char *zipkin_address;        /* "zipkin:9411" where it is NULL, as in the chart; see the component */
        char *opentelemetry_address; /* of OTLP over gRPC; NULL: none */
        double sampling;             /* percent of requests, 1.0 */
    } tracing;

    struct {
        struct {
            char *mode;     /* ISTIO_PROMETHEUS_...; NULL: none */
            char *url;      /* NULL: it is not asked */
            char *ns;       /* of the objects; NULL: the control plane's */
            json_t *labels; /* of the objects, string to string; NULL: none */
            char *interval; /* a duration */
            char *own_ns;   /* the operator's own; NULL: the control plane's */
        } prometheus;
        struct {
            char *mode;     /* ISTIO_GRAFANA_...; NULL: none */
            char *ns;       /* of the objects; NULL: the control plane's */
            json_t *labels; /* string to string; NULL: as the mode has them */
            char *folder;   /* in Grafana; NULL: it decides */
        } grafana;
    } monitoring;

    bool servicegraph; /* only Istio 1.0 and 1.1 have it */

    struct {
        char *mode;     /* ISTIO_KIALI_...; NULL: none */
        bool view_only; /* it offers no changes of the mesh */
        char *image;    /* NULL: its own, of the version that fits */
        struct {
            char *strategy; /* ISTIO_KIALI_... */
            char *secret;   /* in the control plane's namespace */
        } auth;
        struct {
            char *grafana, *tracing;                   /* where Kiali reaches them; NULL: it has none */
            char *grafana_external, *tracing_external; /* where its users do; NULL: they do not */
        } urls;
    } kiali;

    struct {
        char *image; /* NULL: imageHub/proxyv2:imageTag */
        json_t *resources;
        bool privileged;
        bool enable_core_dump;
        char *log_level; /* NULL: the proxy's own */
        int concurrency; /* worker threads; 0: one a core */
    } proxy;

    struct component_spec pilot;
    struct {
        bool enabled; /* false: neither is */
        struct gateway_spec ingress, egress;
    } gateways;

    json_t *enabled_services; /* of a RemoteIstio: a sequence of {name, labelSelector}, never NULL; else NULL */
};

/* NULL is ignored. */
void istio_spec_free(struct istio_spec *spec);
DEFINE_CLEANUP(struct istio_spec *, istio_spec_free)
#define _cleanup_istio_spec_ _cleanup_(istio_spec_free_p)

/*
 * A resource whose form fills such a struct; see api_parse(). On success `ret` is to be freed by istio_spec_free().
 */
int istio_spec_parse(const struct api_resource *r, const json_t *resource, const struct api_context *context,
                     struct istio_spec **ret, struct problems *problems);

/* A component with its path in the resource. */
struct istio_component {
    const char *path; /* "spec.gateways.ingress" */
    size_t offset;    /* of its component_spec in the line's struct */
};

#endif
