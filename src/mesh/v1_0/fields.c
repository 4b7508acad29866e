/* The fields of an Istio resource in releases 1.0, and what must hold between them. */
#include "mesh/v1_0/fields.h"

#include "mesh/v1_0/v1_0.h"

/* --- one component --- */

#define OWNER struct component_spec

static const struct field pilot_rows[] = {
    COMPONENT_ROWS(, COMPONENT_AUTOSCALED),
    {"traceSampling", NUMBER(0, 100), ALIAS("tracing.sampling")},
    {"sidecar", UNSUPPORTED("true"), .instead = "Pilot always has a proxy beside it, for mutual TLS"},
};

static const struct field_table pilot_table = {
    .name = "Pilot",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(pilot_rows),
};

static const struct field mixer_rows[] = {
    COMPONENT_ROWS(, COMPONENT_AUTOSCALED),
    {"multiClusterSupport",
     UNSUPPORTED("false"),
     .instead = "Mixer of Istio 1.0 asks the API server of the central cluster alone"},
};

static const struct field_table mixer_table = {
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

const struct field_table v1_0_citadel_table = {
    .name = "Citadel",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(citadel_rows),
};

#undef OWNER
#define OWNER struct gateway_spec

static const struct field gateway_rows[] = {
    ISTIO_GATEWAY_ROWS(),
    {"sds",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = "gateways of Istio 1.0 read certificates from mounted Secrets: istio-ingressgateway-certs and "
                "istio-ingressgateway-ca-certs"},
    {"applicationPorts",
     UNSUPPORTED(NULL),
     .instead = "proxies of Istio 1.0 do not wait for ports before they are ready"},
    {"requestedNetworkView", UNSUPPORTED(NULL), .instead = "Istio 1.0 knows of one network"},
};

static const struct field_table gateway_table = {
    .name = "Gateway",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(gateway_rows),
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

#define ZIPKIN_ALONE "proxies of Istio 1.0 report spans in Zipkin's protocol alone; write `tracing.zipkinAddress`"

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
    {"zipkin", GROUP(zipkin_table), .doc = "Zipkin."},
    {"tracer", UNSUPPORTED("\"zipkin\""), .instead = ZIPKIN_ALONE},
    {"lightstep", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
    {"datadog", UNSUPPORTED("{}"), .instead = ZIPKIN_ALONE},
};

const struct field_table v1_0_tracing_table = {
    .name = "Tracing",
    .doc = "Distributed tracing.",
    FIELD_ROWS(tracing_rows),
};

static const struct field gateways_rows[] = {
    {"enabled",
     FLAG_AT(gateways.enabled),
     .otherwise = "true",
     .floating = true,
     .doc = "Whether there are gateways; false switches off both, whatever they say."},
    {"ingress", STRUCT_AT(gateways.ingress, gateway_table), .doc = "The gateway for traffic into the mesh."},
    {"egress", STRUCT_AT(gateways.egress, gateway_table), .doc = "The gateway for traffic out of the mesh."},
    {"replicaCount",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.replicaCount", "gateways.egress.replicaCount")},
    {"minReplicas",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.minReplicas", "gateways.egress.minReplicas")},
    {"maxReplicas",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.maxReplicas", "gateways.egress.maxReplicas")},
    {"k8singress",
     UNSUPPORTED("{\"enabled\":true}"),
     .instead = "the ingress gateway always serves Ingresses of class istio; have none, and it serves none"},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

#undef OWNER
#define OWNER struct v1_spec

static const struct field injector_rows[] = {
    COMPONENT_ROWS(sidecar_injector., COMPONENT_FIXED),
    {"autoInjectionPolicyEnabled",
     FLAG_AT(auto_injection_policy),
     .otherwise = "true",
     .doc =
         "Whether pods in autoInjectionNamespaces get a sidecar unless their annotation sidecar.istio.io/inject says "
         "\"false\"; else only those get one whose annotation says \"true\"."},
    {"init",
     UNSUPPORTED("{\"resources\":{}}"),
     .instead = "the init container of Istio 1.0 has no compute resources of its own"},
    {"rewriteAppHTTPProbe",
     UNSUPPORTED("false"),
     .instead =
         "the injector of Istio 1.0 leaves probes as they are; with mutual TLS let pods have exec probes, or keep "
         "the probe's port out of the sidecar by the annotation traffic.sidecar.istio.io/excludeInboundPorts"},
    {"initCNIConfiguration",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = "Istio 1.0 has no CNI plugin, and an init container redirects the traffic of pods; leave it out"},
};

const struct field_table v1_0_injector_table = {
    .name = "Sidecar injector",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(injector_rows),
};

static const struct field proxy_init_rows[] = {
    {"image",
     TEXT_AT(proxy_init.image, format_image),
     .implied = "proxy_init from imageHub, with imageTag",
     .doc = "The image of the init container that redirects a pod's traffic."},
};

const struct field_table v1_0_proxy_init_table = {
    .name = "Proxy init",
    .doc = "The init container of injected pods.",
    FIELD_ROWS(proxy_init_rows),
};

/* --- the whole --- */

static const struct field spec_rows[] = {
    ISTIO_VERSION_ROW(common.),
    ISTIO_MTLS_ROW(common.),
    {"controlPlaneSecurityEnabled",
     FLAG_AT(control_plane_security_enabled),
     .otherwise = "false",
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."},
    ISTIO_TRAFFIC_ROWS(common.),

    ISTIO_IMAGE_ROWS(
        common., .otherwise = "docker.io/istio", .implied = "the version", .otherwise = "IfNotPresent",
        .implied = "none"),

    ISTIO_LIFE_ROWS(common.),
    {"watchOneNamespace",
     FLAG_AT(watch_one_namespace),
     .otherwise = "false",
     .doc = "Pilot looks at Services, Pods and configuration of its own namespace alone."},
    ISTIO_DEFAULT_RESOURCES_ROW(common.),
    ISTIO_DISRUPTION_BUDGET_ROW(),
    ISTIO_OVERLAYS_ROW(common.),

    {"tracing", GROUP(v1_0_tracing_table), .doc = "Distributed tracing."},
    ISTIO_PROXY_ROW(),
    ISTIO_SIDECARS_ROW(),
    {"proxyInit", GROUP(v1_0_proxy_init_table), .doc = "The init container of injected pods."},

    V1_0_CITADEL_ROW(),
    {"galley", STRUCT_AT(galley, component_fixed_table), .doc = "Validates Istio's configuration."},
    {"pilot", STRUCT_AT(common.pilot, pilot_table), .doc = "Configures the proxies."},
    {"policy", STRUCT_AT(policy, component_autoscaled_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics and logs."},
    V1_0_INJECTOR_ROW(),
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},

    {"mixer", DOCUMENT(mixer_table), ALIAS("policy", "telemetry")},
    {"sds",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = "sidecars of this operator's Istio 1.0 read their certificates from mounted Secrets"},
    {"nodeAgent",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = "Citadel of Istio 1.0 puts certificates into Secrets, without an agent on nodes"},
    {"useMCP",
     UNSUPPORTED("false"),
     .instead = "Pilot and Mixer of Istio 1.0 read their configuration from the API server"},
    {"watchAdapterCRDs", UNSUPPORTED("true"), .instead = "Mixer of Istio 1.0 always watches the kinds of its adapters"},
    {"defaultConfigVisibility",
     UNSUPPORTED("\"*\""),
     .refused = true,
     .instead = "in Istio 1.0 every namespace sees the configuration of every other one"},
    {"outboundTrafficPolicy",
     UNSUPPORTED("{\"mode\":\"REGISTRY_ONLY\"}"),
     .instead = "sidecars of Istio 1.0 let traffic out to known hosts alone; describe the others by ServiceEntries, or "
                "take their addresses out with `excludeIPRanges`"},
    {"meshExpansion",
     UNSUPPORTED("false"),
     .instead = "the operator makes no way into the mesh for virtual machines; make Services and Gateways for it"},
    {"multiMesh", UNSUPPORTED("false"), .instead = "Istio 1.0 joins clusters by resources of kind RemoteIstio"},
    {"istioCoreDNS", UNSUPPORTED("{\"enabled\":false}"), .instead = "Istio 1.0 comes without a DNS server"},
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc =
        "Every field may be left out. Most defaults are stored with the resource by the API server; those marked\n"
        "\"not stored\" may be others in a later release of the operator, and hold for the resource from then on.\n"
        "Other names of fields, and those that are not supported, are there for resources that were written for\n"
        "earlier operators of this kind (releases 0.0.1 to 0.1.26). Two names of one field with different values are "
        "an error.",
    FIELD_ROWS(spec_rows),
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

static void complete(void *spec, const char *version)
{
    istio_version_complete(spec, version);
    istio_components_complete(components, spec);
    istio_gateways_complete(spec);
}

/* --- the rules --- */

static void check_replicas(const struct api_check *c)
{
    istio_components_check(components, c);
}

/* Whole names of images, which a change of `version` leaves as they are. */
static void check_images(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    istio_check_image(c, "spec.proxy.image", spec->common.proxy.image);
    istio_check_image(c, "spec.proxyInit.image", spec->proxy_init.image);
    istio_components_check_images(components, c);
}

static void check_citadel(const struct api_check *c)
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

void v1_0_check_injector(const struct api_check *c)
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

static void check_pilot(const struct api_check *c)
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

static const struct api_rule rules[] = {
    ISTIO_VERSION_RULES,
    ISTIO_NAMESPACES_RULE,
    ISTIO_PLACE_RULE,
    ISTIO_REPLICAS_RULE(check_replicas),
    ISTIO_OVERLAYS_RULE,
    ISTIO_GATEWAYS_RULE,
    ISTIO_IMAGES_RULE(check_images),
    {"A warning: `mtls` and `controlPlaneSecurityEnabled` need certificates, which Citadel makes.", check_citadel},
    ISTIO_RANGES_RULE,
    V1_0_INJECTOR_RULE,
    {"A warning: gateways and sidecars get no configuration without Pilot.", check_pilot},
    {NULL, NULL},
};

const struct api_form v1_0_form = {
    .name = "1.0",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = complete,
    .rules = rules,
};
