#include "api/istio_parts.h"
#include "base/str.h"
#include "v9_8.h"

#define OWNER struct v9_8_spec

static const struct field revision = {NULL, TEXT(format_dns_label)};

static const struct field spec_rows[] = {
    ISTIO_VERSION_ROW(common.),
    ISTIO_MTLS_ROW(common.),
    ISTIO_TRAFFIC_ROWS(common.),
    ISTIO_IMAGE_ROWS(common., .otherwise = "docker.io/istio", .implied = "the version", .otherwise = "IfNotPresent",
                     .implied = "none"),
    ISTIO_LIFE_ROWS(common.),
    ISTIO_OVERLAYS_ROW(common.),
    ISTIO_SIDECARS_ROW(),
    {"pilot", STRUCT_AT(common.pilot, component_autoscaled_table), .doc = "Configures the proxies."},
    {"net", STRUCT_AT(net, component_fixed_table), .doc = "Redirects the traffic of nodes."},
    {"netMode", CHOICE_AT(net_mode, "plain", "chained"), .otherwise = "plain", .floating = true, .doc = "How."},
    {"revisions", LIST_AT(revisions, revision, 0, 4), .doc = "Control planes."},
    {"policy", TEXT_AT(policy, format_text), .implied = "none", .doc = "In another line this is a component."},
};

static const struct field_table spec_table = {.name = "spec of 9.8", .doc = "For tests.", FIELD_ROWS(spec_rows)};

static const struct istio_component components[] = {
    {"spec.pilot", offsetof(struct v9_8_spec, common.pilot)},
    {"spec.net", offsetof(struct v9_8_spec, net)},
    {NULL},
};

static void complete(void *spec, const char *version)
{
    istio_version_complete(spec, version);
    istio_components_complete(components, spec);
}

static void check_mode(const struct api_check *c)
{
    const struct v9_8_spec *spec = c->spec;

    if (str_eq(spec->net_mode, "chained") && !spec->net.enabled)
        problems_add(c->problems, PROBLEM_ERROR, "spec.netMode", "must be plain, because net is disabled");
}

static const struct api_rule rules[] = {
    ISTIO_VERSION_RULES, ISTIO_NAMESPACES_RULE,
    ISTIO_OVERLAYS_RULE, {"`netMode` is plain where `net` is disabled.", check_mode},
    {NULL, NULL},
};

const struct api_form v9_8_form = {
    .name = "9.8",
    .spec = &spec_table,
    .size = sizeof(struct v9_8_spec),
    .complete = complete,
    .rules = rules,
};
