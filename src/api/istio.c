#include "api/istio.h"

#include "api/istio_parts.h"
#include "api/status.h"

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

static const struct field spec_rows[] = {
    {"version", TEXT_AT(version, format_version), .otherwise = "1.0.5", .floating = true,
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
    {"defaultPodDisruptionBudget", GROUP(istio_disruption_budget_table), .doc = "PodDisruptionBudgets."},
    ISTIO_OVERLAYS_ROW(),

    {"tracing", GROUP(istio_tracing_table), .doc = "Distributed tracing."},
    {"proxy", GROUP(istio_proxy_table), .doc = "The sidecars."},
    {"sidecars", GROUP(sidecars_table), .doc = "What the status tells about the sidecars."},
    {"proxyInit", GROUP(istio_proxy_init_table), .doc = "The init container of injected pods."},

    ISTIO_CITADEL_ROW(),
    {"galley", STRUCT_AT(galley, component_fixed_table), .doc = "Validates Istio's configuration."},
    {"pilot", STRUCT_AT(pilot, component_autoscaled_table), .doc = "Configures the proxies."},
    {"policy", STRUCT_AT(policy, component_autoscaled_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics and logs."},
    ISTIO_INJECTOR_ROW(),
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
    istio_components_complete(istio_components, spec);
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
