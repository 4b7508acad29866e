#include "api/istio_parts.h"

#include "api/component_rows.h"

#define OWNER struct component_spec

static const struct field citadel_rows[] = {
    COMPONENT_ROWS(, COMPONENT_FIXED),
    {"caSecretName", UNSUPPORTED(NULL), .refused = true,
     .instead = "Citadel signs by an authority that it makes itself, and in a remote cluster by the central one's; to "
                "sign by another, give the Deployment istio-citadel its arguments and volume with `overlays`"},
};

const struct field_table istio_citadel_table = {
    .name = "Citadel",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(citadel_rows),
};

#undef OWNER
#define OWNER struct istio_spec

static const struct field injector_rows[] = {
    COMPONENT_ROWS(sidecar_injector., COMPONENT_FIXED),
    {"autoInjectionPolicyEnabled", FLAG_AT(auto_injection_policy), .otherwise = "true",
     .doc =
         "Whether pods in autoInjectionNamespaces get a sidecar unless their annotation sidecar.istio.io/inject says "
         "\"false\"; else only those get one whose annotation says \"true\"."},
    {"init", UNSUPPORTED("{\"resources\":{}}"),
     .instead = "the init container of Istio 1.0 has no compute resources of its own"},
    {"rewriteAppHTTPProbe", UNSUPPORTED("false"),
     .instead =
         "the injector of Istio 1.0 leaves probes as they are; with mutual TLS let pods have exec probes, or keep "
         "the probe's port out of the sidecar by the annotation traffic.sidecar.istio.io/excludeInboundPorts"},
    {"initCNIConfiguration", UNSUPPORTED("{\"enabled\":false}"),
     .instead = "Istio 1.0 has no CNI plugin, and an init container redirects the traffic of pods; leave it out"},
};

const struct field_table istio_injector_table = {
    .name = "Sidecar injector",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(injector_rows),
};

static const struct field zipkin_rows[] = {
    {"address", TEXT(format_host_port), ALIAS("tracing.zipkinAddress")},
};

static const struct field_table zipkin_table = {
    .name = "Zipkin",
    .doc = "Where spans go to.",
    FIELD_ROWS(zipkin_rows),
};

#define ZIPKIN_ALONE "proxies of Istio 1.0 report spans in Zipkin's protocol alone; write `tracing.zipkinAddress`"

static const struct field tracing_rows[] = {
    {"enabled", FLAG_AT(tracing.enabled), .otherwise = "true", .doc = "Whether proxies report spans."},
    {"zipkinAddress", TEXT_AT(tracing.zipkin_address, format_host_port), .implied = "port 9411 of the Service zipkin",
     .doc = "Where spans go to, in Zipkin's protocol."},
    {"sampling", NUMBER_AT(tracing.sampling, 0, 100), .otherwise = "1.0", .floating = true,
     .doc = "Percent of requests that are traced."},
    {"zipkin", GROUP(zipkin_table), .doc = "Zipkin."},
    {"tracer", UNSUPPORTED("\"zipkin\""), .instead = ZIPKIN_ALONE},
    {"lightstep", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
    {"datadog", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
};

const struct field_table istio_tracing_table = {
    .name = "Tracing",
    .doc = "Distributed tracing.",
    FIELD_ROWS(tracing_rows),
};

static const struct field proxy_rows[] = {
    {"image", TEXT_AT(proxy.image, format_image), .implied = "proxyv2 from imageHub, with imageTag",
     .doc = "The image of sidecars, gateways and the proxies beside Istio's own components."},
    {"resources", DOCUMENT_AT(proxy.resources, container_resources_table), .implied = "as in Istio's Helm chart",
     .doc = "Compute resources of a sidecar."},
    {"privileged", FLAG_AT(proxy.privileged), .otherwise = "false", .doc = "Runs sidecars privileged."},
    {"enableCoreDump", FLAG_AT(proxy.enable_core_dump), .otherwise = "false",
     .doc = "Lets sidecars write core dumps; needs a privileged init container."},
    {"logLevel", CHOICE_AT(proxy.log_level, "trace", "debug", "info", "warning", "error", "critical", "off"),
     .implied = "the proxy's own", .doc = "How much a proxy logs."},
    {"concurrency", INTEGER_AT(proxy.concurrency, 0, 256), .otherwise = "0",
     .doc = "Worker threads of a proxy; 0 is one per core."},
};

const struct field_table istio_proxy_table = {
    .name = "Proxy",
    .doc = "Envoy, beside every workload of the mesh.",
    FIELD_ROWS(proxy_rows),
};

static const struct field proxy_init_rows[] = {
    {"image", TEXT_AT(proxy_init.image, format_image), .implied = "proxy_init from imageHub, with imageTag",
     .doc = "The image of the init container that redirects a pod's traffic."},
};

const struct field_table istio_proxy_init_table = {
    .name = "Proxy init",
    .doc = "The init container of injected pods.",
    FIELD_ROWS(proxy_init_rows),
};

static const struct field disruption_budget_rows[] = {
    {"enabled", FLAG_AT(default_pod_disruption_budget), .otherwise = "false",
     .doc = "Keeps one pod of each component alive while nodes are drained."},
};

const struct field_table istio_disruption_budget_table = {
    .name = "Pod disruption budget",
    .doc = "PodDisruptionBudgets for the components.",
    FIELD_ROWS(disruption_budget_rows),
};

static const struct field patch_rows[] = {
    {"op", CHOICE("add", "remove", "replace", "move", "copy", "test"), .required = true, .doc = "What to do."},
    {"path", TEXT(format_json_pointer), .required = true, .doc = "Where."},
    {"from", TEXT(format_json_pointer), .doc = "The source of move and copy."},
    {"value", ANY, .doc = "The value of add, replace and test."},
};

static const struct field_table patch_table = {
    .name = "Patch operation",
    .doc = "One operation of a JSON patch (RFC 6902).",
    FIELD_ROWS(patch_rows),
};

static const struct field patch = {NULL, DOCUMENT(patch_table)};

static const struct field overlay_rows[] = {
    {"kind", TEXT(format_kind), .required = true, .doc = "The object's kind."},
    {"name", TEXT(format_object_name), .required = true, .doc = "The object's name."},
    {"namespace", TEXT(format_dns_label), .implied = "the control plane's, where the kind has namespaces",
     .doc = "The object's namespace."},
    {"patches", LIST(patch, 1, 100), .required = true, .doc = "What to change, in this order; all of it or nothing."},
};

static const struct field_table overlay_table = {
    .name = "Overlay",
    .doc = "Changes one of the operator's objects in what the resource has no field for.",
    FIELD_ROWS(overlay_rows),
};

const struct field istio_overlay = {NULL, DOCUMENT(overlay_table)};
const struct field istio_namespace_name = {NULL, TEXT(format_dns_label)};
const struct field istio_secret_name = {NULL, TEXT(format_dns_subdomain)};
