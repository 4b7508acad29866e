#include "api/istio.h"

#include "api/rows.h"
#include "api/status.h"

#define OWNER struct istio_spec

static const struct field tracing_rows[] = {
    {"enabled", FLAG_AT(tracing.enabled), .otherwise = "true", .doc = "Whether proxies report spans."},
    {"zipkinAddress", TEXT_AT(tracing.zipkin_address, format_host_port), .implied = "port 9411 of the Service zipkin",
     .doc = "Where spans go to, in Zipkin's protocol."},
    {"sampling", NUMBER_AT(tracing.sampling, 0, 100), .otherwise = "1.0",
     .doc = "Percent of requests that are traced."},
};

static const struct field_table tracing_table = {
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

static const struct field_table proxy_table = {
    .name = "Proxy",
    .doc = "Envoy, beside every workload of the mesh.",
    FIELD_ROWS(proxy_rows),
};

static const struct field proxy_init_rows[] = {
    {"image", TEXT_AT(proxy_init.image, format_image), .implied = "proxy_init from imageHub, with imageTag",
     .doc = "The image of the init container that redirects a pod's traffic."},
};

static const struct field_table proxy_init_table = {
    .name = "Proxy init",
    .doc = "The init container of injected pods.",
    FIELD_ROWS(proxy_init_rows),
};

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
    {"ingress", STRUCT_AT(gateways.ingress, component_autoscaled_table),
     .doc = "The gateway for traffic into the mesh."},
    {"egress", STRUCT_AT(gateways.egress, component_autoscaled_table),
     .doc = "The gateway for traffic out of the mesh."},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

static const struct field disruption_budget_rows[] = {
    {"enabled", FLAG_AT(default_pod_disruption_budget), .otherwise = "false",
     .doc = "Keeps one pod of each component alive while nodes are drained."},
};

static const struct field_table disruption_budget_table = {
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

static const struct field overlay = {NULL, DOCUMENT(overlay_table)};
static const struct field namespace_name = {NULL, TEXT(format_dns_label)};
static const struct field secret_name = {NULL, TEXT(format_dns_subdomain)};

static const struct field spec_rows[] = {
    {"version", TEXT_AT(version, format_version), .otherwise = "1.0.5", .floating = true,
     .doc = "The version of Istio."},
    {"mtls", FLAG_AT(mtls), .otherwise = "false", .doc = "Encrypts the traffic inside the mesh with mutual TLS."},
    {"controlPlaneSecurityEnabled", FLAG_AT(control_plane_security_enabled), .otherwise = "false",
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."},
    {"includeIPRanges", TEXT_AT(include_ip_ranges, format_ranges_or_all), .otherwise = "*",
     .doc = "Outbound traffic to these ranges goes through the sidecar; \"*\" is all of it."},
    {"excludeIPRanges", TEXT_AT(exclude_ip_ranges, format_ranges), .otherwise = "",
     .doc = "Outbound traffic to these ranges does not."},
    {"autoInjectionNamespaces", LIST_AT(auto_injection_namespaces, namespace_name, 0, 5000), .unique = true,
     .otherwise = "[]", .doc = "Namespaces whose new pods get a sidecar, also those that do not exist yet."},

    {"imageHub", TEXT_AT(image_hub, format_image_hub), .otherwise = "docker.io/istio", .floating = true,
     .doc = "Where Istio's images are pulled from."},
    {"imageTag", TEXT_AT(image_tag, format_image_tag), .implied = "the version", .doc = "The tag of Istio's images."},
    {"imagePullPolicy", CHOICE_AT(image_pull_policy, "Always", "IfNotPresent", "Never"), .otherwise = "IfNotPresent",
     .doc = "When images are pulled."},
    {"imagePullSecrets", LIST_AT(image_pull_secrets, secret_name, 0, 64), .unique = true, .implied = "none",
     .doc = "Names of Secrets with credentials for registries."},

    {"pause", FLAG_AT(pause), .otherwise = "false",
     .doc = "Writes nothing to the mesh; the status lists what the operator would change."},
    {"removeCRDs", FLAG_AT(remove_crds), .otherwise = "false",
     .doc = "Removes Istio's own CustomResourceDefinitions, and with them every user's Istio configuration, when "
            "this resource is deleted."},
    {"defaultPodDisruptionBudget", GROUP(disruption_budget_table), .doc = "PodDisruptionBudgets."},
    {"overlays", LIST_AT(overlays, overlay, 0, 200), .implied = "none",
     .doc = "JSON patches on single objects, applied in this order."},

    {"tracing", GROUP(tracing_table), .doc = "Distributed tracing."},
    {"proxy", GROUP(proxy_table), .doc = "The sidecars."},
    {"sidecars", GROUP(sidecars_table), .doc = "What the status tells about the sidecars."},
    {"proxyInit", GROUP(proxy_init_table), .doc = "The init container of injected pods."},

    {"citadel", STRUCT_AT(citadel, component_fixed_table), .doc = "Signs the certificates of workloads."},
    {"galley", STRUCT_AT(galley, component_fixed_table), .doc = "Validates Istio's configuration."},
    {"pilot", STRUCT_AT(pilot, component_autoscaled_table), .doc = "Configures the proxies."},
    {"policy", STRUCT_AT(policy, component_autoscaled_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics and logs."},
    {"sidecarInjector", STRUCT_AT(sidecar_injector, component_fixed_table), .doc = "Puts the sidecar into new pods."},
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = "Every field may be left out. Most defaults are stored with the resource by the API server; those marked\n"
           "\"not stored\" may be others in a later release of the operator, and hold for the resource from then on.",
    FIELD_ROWS(spec_rows),
};

const struct istio_component istio_components[] = {
    {"spec.citadel", offsetof(struct istio_spec, citadel)},
    {"spec.galley", offsetof(struct istio_spec, galley)},
    {"spec.pilot", offsetof(struct istio_spec, pilot)},
    {"spec.policy", offsetof(struct istio_spec, policy)},
    {"spec.telemetry", offsetof(struct istio_spec, telemetry)},
    {"spec.sidecarInjector", offsetof(struct istio_spec, sidecar_injector)},
    {"spec.gateways.ingress", offsetof(struct istio_spec, gateways.ingress)},
    {"spec.gateways.egress", offsetof(struct istio_spec, gateways.egress)},
    {NULL},
};

static void complete(void *spec)
{
    for (const struct istio_component *component = istio_components; component->path; component++)
        component_complete((struct component_spec *)((char *)spec + component->offset));
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
    .finalizer = "istio-operator.finializer.banzaicloud.io",
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
