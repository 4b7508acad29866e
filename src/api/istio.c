#include "api/istio.h"

#include "api/component_rows.h"
#include "api/istio_parts.h"
#include "api/status.h"

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
    {"multiClusterSupport", UNSUPPORTED("false"),
     .instead = "Mixer of Istio 1.0 asks the API server of the central cluster alone"},
};

static const struct field_table mixer_table = {
    .name = "Mixer",
    .doc = "Both of Mixer's components. " COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(mixer_rows),
};

#undef OWNER
#define OWNER struct gateway_spec

static const struct field service_port_rows[] = {
    {"name", TEXT(format_dns_label), .required = true, .doc = "Its name: protocol, and what you like behind a -."},
    {"port", INTEGER(1, 65535), .required = true, .doc = "Where the Service listens."},
    {"targetPort", INTEGER(1, 65535), .implied = "port", .doc = "Where the pods listen."},
    {"nodePort", INTEGER(1, 65535), .implied = "the server's choice", .doc = "Where every node listens."},
    {"protocol", CHOICE("TCP", "UDP"), .implied = "TCP", .doc = "Its protocol."},
};

static const struct field_table service_port_table = {
    .name = "Service port",
    .doc = "A port of a gateway's Service and pods.",
    FIELD_ROWS(service_port_rows),
};

static const struct field service_port = {NULL, DOCUMENT(service_port_table)};
static const struct field annotation = {NULL, TEXT(format_text)};

static const struct field gateway_rows[] = {
    COMPONENT_ROWS(component., COMPONENT_AUTOSCALED),
    {"serviceType", CHOICE_AT(service_type, "ClusterIP", "NodePort", "LoadBalancer"),
     .implied = GATEWAY_INGRESS_TYPE " for ingress, " GATEWAY_EGRESS_TYPE " for egress",
     .doc = "The type of its Service."},
    {"serviceAnnotations", MAP_AT(service_annotations, format_label_key, annotation, 64), .implied = "none",
     .doc = "Annotations of its Service, by which clouds are told of internal load balancers and more."},
    {"serviceLabels", MAP_AT(service_labels, format_label_key, component_label_value, 64), .implied = "none",
     .doc = "Labels of its Service besides `app` and `istio`."},
    {"loadBalancerIP", TEXT_AT(load_balancer_ip, format_ip_or_empty), .implied = "the cloud's choice",
     .doc = "The address of its load balancer, where the cloud lets one choose."},
    {"ports", LIST_AT(ports, service_port, 0, 100), .implied = "as in Istio's Helm chart",
     .doc = "All ports of its Service and pods; they replace the default as a whole, unless the list is empty."},
    {"sds", UNSUPPORTED("{\"enabled\":false}"),
     .instead = "gateways of Istio 1.0 read certificates from mounted Secrets: istio-ingressgateway-certs and "
                "istio-ingressgateway-ca-certs"},
    {"applicationPorts", UNSUPPORTED(NULL),
     .instead = "proxies of Istio 1.0 do not wait for ports before they are ready"},
    {"requestedNetworkView", UNSUPPORTED(NULL), .instead = "Istio 1.0 knows of one network"},
};

static const struct field_table gateway_table = {
    .name = "Gateway",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(gateway_rows),
};

/* --- the whole --- */

#undef OWNER
#define OWNER struct istio_spec

static const struct field sidecars_rows[] = {
    {"count", FLAG_AT(sidecars.count), .otherwise = "false",
     .doc = "Counts in the status how many pods have a sidecar that is up to date, and how many an "
            "outdated one; the operator then watches the metadata of all pods."},
};

static const struct field_table sidecars_table = {
    .name = "Sidecar report",
    .doc = "What the status tells about sidecars.",
    FIELD_ROWS(sidecars_rows),
};

static const struct field gateways_rows[] = {
    {"enabled", FLAG_AT(gateways.enabled), .otherwise = "true", .floating = true,
     .doc = "Whether there are gateways; false switches off both, whatever they say."},
    {"ingress", STRUCT_AT(gateways.ingress, gateway_table), .doc = "The gateway for traffic into the mesh."},
    {"egress", STRUCT_AT(gateways.egress, gateway_table), .doc = "The gateway for traffic out of the mesh."},
    {"replicaCount", INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.replicaCount", "gateways.egress.replicaCount")},
    {"minReplicas", INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.minReplicas", "gateways.egress.minReplicas")},
    {"maxReplicas", INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.maxReplicas", "gateways.egress.maxReplicas")},
    {"k8singress", UNSUPPORTED("{\"enabled\":true}"),
     .instead = "the ingress gateway always serves Ingresses of class istio; have none, and it serves none"},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

static const struct field spec_rows[] = {
    {"version", TEXT_AT(version, format_version), .otherwise = ISTIO_VERSION_DEFAULT, .floating = true,
     .doc = "The version of Istio."},
    {"mtls", FLAG_AT(mtls), .otherwise = "false", .doc = "Encrypts the traffic inside the mesh with mutual TLS."},
    {"controlPlaneSecurityEnabled", FLAG_AT(control_plane_security_enabled), .otherwise = "false",
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."},
    ISTIO_TRAFFIC_ROWS(),

    ISTIO_IMAGE_ROWS(, .otherwise = "docker.io/istio", .implied = "the version", .otherwise = "IfNotPresent",
                     .implied = "none"),

    {"pause", FLAG_AT(pause), .otherwise = "false",
     .doc = "Writes nothing to the mesh; the status lists what the operator would change."},
    {"removeCRDs", FLAG_AT(remove_crds), .otherwise = "false",
     .doc = "Removes Istio's own CustomResourceDefinitions, and with them every user's Istio configuration, when "
            "this resource is deleted."},
    {"watchOneNamespace", FLAG_AT(watch_one_namespace), .otherwise = "false",
     .doc = "Pilot looks at Services, Pods and configuration of its own namespace alone."},
    ISTIO_DEFAULT_RESOURCES_ROW(),
    {"defaultPodDisruptionBudget", GROUP(istio_disruption_budget_table), .doc = "PodDisruptionBudgets."},
    ISTIO_OVERLAYS_ROW(),

    {"tracing", GROUP(istio_tracing_table), .doc = "Distributed tracing."},
    {"proxy", GROUP(istio_proxy_table), .doc = "The sidecars."},
    {"sidecars", GROUP(sidecars_table), .doc = "What the status tells about the sidecars."},
    {"proxyInit", GROUP(istio_proxy_init_table), .doc = "The init container of injected pods."},

    ISTIO_CITADEL_ROW(),
    {"galley", STRUCT_AT(galley, component_fixed_table), .doc = "Validates Istio's configuration."},
    {"pilot", STRUCT_AT(pilot, pilot_table), .doc = "Configures the proxies."},
    {"policy", STRUCT_AT(policy, component_autoscaled_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics and logs."},
    ISTIO_INJECTOR_ROW(),
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},

    {"mixer", DOCUMENT(mixer_table), ALIAS("policy", "telemetry")},
    {"sds", UNSUPPORTED("{\"enabled\":false}"),
     .instead = "sidecars of this operator's Istio 1.0 read their certificates from mounted Secrets"},
    {"nodeAgent", UNSUPPORTED("{\"enabled\":false}"),
     .instead = "Citadel of Istio 1.0 puts certificates into Secrets, without an agent on nodes"},
    {"useMCP", UNSUPPORTED("false"),
     .instead = "Pilot and Mixer of Istio 1.0 read their configuration from the API server"},
    {"watchAdapterCRDs", UNSUPPORTED("true"), .instead = "Mixer of Istio 1.0 always watches the kinds of its adapters"},
    {"defaultConfigVisibility", UNSUPPORTED("\"*\""), .refused = true,
     .instead = "in Istio 1.0 every namespace sees the configuration of every other one"},
    {"outboundTrafficPolicy", UNSUPPORTED("{\"mode\":\"REGISTRY_ONLY\"}"),
     .instead = "sidecars of Istio 1.0 let traffic out to known hosts alone; describe the others by ServiceEntries, or "
                "take their addresses out with `excludeIPRanges`"},
    {"meshExpansion", UNSUPPORTED("false"),
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

static void complete(void *p)
{
    struct istio_spec *spec = p;

    istio_components_complete(istio_components, spec);
    if (spec->gateways.enabled)
        return;
    spec->gateways.ingress.component.enabled = false;
    spec->gateways.egress.component.enabled = false;
}

static const struct api_column columns[] = {
    {"Status", ".status.Status", "string", "Where the mesh stands"},
    {"Version", ".status.version", "string", "The version of Istio that is installed"},
    {"Ready", ".status.conditions[?(@.type==\"Ready\")].status", "string", "Whether the mesh is ready"},
    {"Error", ".status.ErrorMessage", "string", "What is wrong", .priority = 1},
    {"Age", ".metadata.creationTimestamp", "date", "When the resource was created"},
    {NULL},
};

const struct api_resource api_resource_istio = {
    .kind = "Istio",
    .list_kind = "IstioList",
    .plural = "istios",
    .singular = "istio",
    .doc = "A mesh: Istio, installed into the namespace of this resource and kept as described.",
    .intro = "A mesh: Istio, installed into the namespace of this resource and kept as described. There is one per\n"
             "cluster. Examples of every feature are in `config/samples/`.",
    .finalizer = "istio-operator.finializer.banzaicloud.io", /* so spelled since its first release */
    .former_finalizers = (const char *const[]){"istio-operator.finalizer.banzaicloud.io", NULL},
    .spec = &spec_table,
    .status = &istio_status_table,
    .complete = complete,
    .rules = istio_rules,
    .columns = columns,
};

int istio_parse(const json_t *resource, const struct api_context *context, struct istio_spec *ret,
                struct problems *problems)
{
    return api_parse(&api_resource_istio, resource, context, ret, sizeof(*ret), problems);
}

void istio_spec_release(struct istio_spec *spec)
{
    if (spec)
        field_release(&spec_table, spec);
}
