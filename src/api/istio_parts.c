#include "api/istio_parts.h"

#define OWNER struct istio_spec

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
    {"concurrency", INTEGER_AT(proxy.concurrency, 0, 256), .otherwise = "0", .floating = true,
     .doc = "Worker threads of a proxy; 0 is one per core."},
};

const struct field_table istio_proxy_table = {
    .name = "Proxy",
    .doc = "Envoy, beside every workload of the mesh.",
    FIELD_ROWS(proxy_rows),
};

static const struct field disruption_budget_rows[] = {
    {"enabled", FLAG_AT(default_pod_disruption_budget), .otherwise = "false", .floating = true,
     .doc = "Keeps one pod of each component alive while nodes are drained."},
};

const struct field_table istio_disruption_budget_table = {
    .name = "Pod disruption budget",
    .doc = "PodDisruptionBudgets for the components.",
    FIELD_ROWS(disruption_budget_rows),
};

static const struct field sidecars_rows[] = {
    {"count", FLAG_AT(sidecars.count), .otherwise = "false",
     .doc = "Counts in the status how many pods have a sidecar that is up to date, and how many an "
            "outdated one; the operator then watches the metadata of all pods."},
};

const struct field_table istio_sidecars_table = {
    .name = "Sidecar report",
    .doc = "What the status tells about sidecars.",
    FIELD_ROWS(sidecars_rows),
};

static const struct field upgrade_rows[] = {
    {"preflight", CHOICE_AT(upgrade.preflight, "Refuse", "Warn"), .otherwise = "Refuse",
     .doc = "Whether what speaks against a new version keeps the mesh at the old one, or is only reported."},
};

const struct field_table istio_upgrade_table = {
    .name = "Upgrade",
    .doc = "How the version is changed.",
    FIELD_ROWS(upgrade_rows),
};

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

const struct field istio_service_port = {NULL, DOCUMENT(service_port_table)};
const struct field istio_annotation = {NULL, TEXT(format_text)};

static const struct field patch_rows[] = {
    {"op", CHOICE("add", "remove", "replace", "move", "copy", "test"), .required = true, .doc = "What to do."},
    {"path", TEXT(format_json_pointer), .required = true, .doc = "Where."},
    {"from", TEXT(format_json_pointer), .doc = "The source of move and copy."},
    {"value", ANY, .doc = "The value of add, replace and test, not null. Fields in it that are null are left out."},
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
