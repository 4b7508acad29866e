/* The fields of an Istio resource in releases 1.0. */
#include "mesh/v1_0/fields.h"

#include "mesh/v1_0/v1_0.h"

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
#define OWNER struct v1_spec

static const struct field gateways_rows[] = {
    V1_GATEWAYS_ROWS(gateway_table),
    {"k8singress",
     UNSUPPORTED("{\"enabled\":true}"),
     .instead = "the ingress gateway always serves Ingresses of class istio; have none, and it serves none"},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

static const struct field injector_rows[] = {
    V1_INJECTOR_ROWS(),
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

static const struct field spec_rows[] = {
    V1_WHOLE_ROWS(),

    V1_CITADEL_ROW(),
    {"galley", STRUCT_AT(galley, component_fixed_table), .doc = "Validates Istio's configuration."},
    {"pilot", STRUCT_AT(common.pilot, v1_pilot_table), .doc = "Configures the proxies."},
    {"policy", STRUCT_AT(policy, component_autoscaled_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics and logs."},
    V1_INJECTOR_ROW(v1_0_injector_table),
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},

    {"mixer", DOCUMENT(v1_mixer_table), ALIAS("policy", "telemetry")},
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

static const struct api_rule rules[] = {
    V1_RULES,
    {NULL, NULL},
};

const struct api_form v1_0_form = {
    .name = "1.0",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = v1_complete,
    .rules = rules,
};
