/* What the tables of Istio 1.0 and of Istio 1.1 share. */
#include "mesh/v1/fields.h"

/* --- one component --- */

#define OWNER struct component_spec

static const struct field pilot_rows[] = {
    COMPONENT_ROWS(, COMPONENT_AUTOSCALED),
    {"traceSampling", NUMBER(0, 100), ALIAS("tracing.sampling")},
    {"sidecar", UNSUPPORTED("true"), .instead = "Pilot always has a proxy beside it, for mutual TLS"},
};

const struct field_table v1_pilot_table = {
    .name = "Pilot",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(pilot_rows),
};

static const struct field mixer_rows[] = {
    COMPONENT_ROWS(, COMPONENT_AUTOSCALED),
    {"multiClusterSupport", UNSUPPORTED("false"), .instead = "Mixer asks the API server of the central cluster alone"},
};

const struct field_table v1_mixer_table = {
    .name = "Mixer",
    .doc = "Both of Mixer's components. " COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(mixer_rows),
};

static const struct field citadel_rows[] = {
    COMPONENT_ROWS(, COMPONENT_FIXED),
    {"caSecretName",
     UNSUPPORTED(NULL),
     .refused = true,
     .instead = "Citadel signs by an authority that it makes itself, and in a remote cluster by the central one's; to "
                "sign by another, give the Deployment istio-citadel its arguments and volume with `overlays`"},
};

const struct field_table v1_citadel_table = {
    .name = "Citadel",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(citadel_rows),
};

#undef OWNER
#define OWNER struct istio_spec

static const struct field zipkin_rows[] = {
    {"address", TEXT(format_host_port), ALIAS("tracing.zipkinAddress")},
};

static const struct field_table zipkin_table = {
    .name = "Zipkin",
    .doc = "Where spans go to.",
    FIELD_ROWS(zipkin_rows),
};

#define ZIPKIN_ALONE "the operator has proxies report spans in Zipkin's protocol alone; write `tracing.zipkinAddress`"

static const struct field tracing_rows[] = {
    {"enabled", FLAG_AT(tracing.enabled), .otherwise = "true", .doc = "Whether proxies report spans."},
    {"zipkinAddress",
     TEXT_AT(tracing.zipkin_address, format_host_port),
     .implied = "port 9411 of the Service zipkin",
     .doc = "Where spans go to, in Zipkin's protocol."},
    {"sampling",
     NUMBER_AT(tracing.sampling, 0, 100),
     .otherwise = "1.0",
     .floating = true,
     .doc = "Percent of requests that are traced."},
    {"opentelemetryAddress", UNSUPPORTED(NULL), .instead = ZIPKIN_ALONE},
    {"zipkin", GROUP(zipkin_table), .doc = "Zipkin."},
    {"tracer", UNSUPPORTED("\"zipkin\""), .instead = ZIPKIN_ALONE},
    {"lightstep", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
    {"datadog", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
};

const struct field_table v1_tracing_table = {
    .name = "Tracing",
    .doc = "Distributed tracing.",
    FIELD_ROWS(tracing_rows),
};

static const struct field servicegraph_rows[] = {
    {"enabled",
     FLAG_AT(servicegraph),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether it is installed. It asks the Prometheus of `monitoring.prometheus.url`, else Service prometheus."},
};

const struct field_table v1_servicegraph_table = {
    .name = "Servicegraph",
    .doc = "Draws the mesh from the metrics in Prometheus.",
    FIELD_ROWS(servicegraph_rows),
};

#undef OWNER
#define OWNER struct v1_spec

static const struct field proxy_init_rows[] = {
    {"image",
     TEXT_AT(proxy_init.image, format_image),
     .implied = "proxy_init from imageHub, with imageTag",
     .doc = "The image of the init container that redirects a pod's traffic."},
};

const struct field_table v1_proxy_init_table = {
    .name = "Proxy init",
    .doc = "The init container of injected pods.",
    FIELD_ROWS(proxy_init_rows),
};

static const struct istio_component components[] = {
    {"spec.citadel", offsetof(struct v1_spec, citadel)},
    {"spec.galley", offsetof(struct v1_spec, galley)},
    {"spec.pilot", offsetof(struct v1_spec, common.pilot)},
    {"spec.policy", offsetof(struct v1_spec, policy)},
    {"spec.telemetry", offsetof(struct v1_spec, telemetry)},
    {"spec.sidecarInjector", offsetof(struct v1_spec, sidecar_injector)},
    {"spec.gateways.ingress", offsetof(struct v1_spec, common.gateways.ingress.component)},
    {"spec.gateways.egress", offsetof(struct v1_spec, common.gateways.egress.component)},
    {NULL},
};

void v1_complete(void *spec, const char *version)
{
    istio_version_complete(spec, version);
    istio_components_complete(components, spec);
    istio_gateways_complete(spec);
}

/* --- the rules --- */

void v1_check_replicas(const struct api_check *c)
{
    istio_components_check(components, c);
}

/* Whole names of images, which a change of `version` leaves as they are. */
void v1_check_images(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    istio_check_image(c, "spec.proxy.image", spec->common.proxy.image);
    istio_check_image(c, "spec.proxyInit.image", spec->proxy_init.image);
    istio_components_check_images(components, c);
}

void v1_check_citadel(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    if (spec->citadel.enabled || (!spec->common.mtls && !spec->control_plane_security_enabled))
        return;
    problems_add(
        c->problems,
        PROBLEM_WARNING,
        "spec.citadel.enabled",
        "is false, but %s needs certificates: something else has to make the Secrets istio.<service account>",
        spec->common.mtls ? "mtls" : "controlPlaneSecurityEnabled");
}

void v1_check_injector(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    if (spec->sidecar_injector.enabled || !json_array_size(spec->common.auto_injection_namespaces))
        return;
    problems_add(
        c->problems,
        PROBLEM_WARNING,
        "spec.sidecarInjector.enabled",
        "is false, so that pods in autoInjectionNamespaces get no sidecar");
}

void v1_check_pilot(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    if (spec->common.pilot.enabled ||
        (!spec->common.gateways.ingress.component.enabled && !spec->common.gateways.egress.component.enabled &&
         !spec->sidecar_injector.enabled))
        return;
    problems_add(
        c->problems,
        PROBLEM_WARNING,
        "spec.pilot.enabled",
        "is false, so that gateways and sidecars get no configuration");
}
