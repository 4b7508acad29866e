/* The fields of a RemoteIstio in releases 1.0, and what it takes from the mesh. */
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/v1_0/fields.h"
#include "mesh/v1_0/v1_0.h"

#define OWNER struct v1_spec

/* Rows with these words are taken from the mesh where the resource does not give them: see v1_0_follow(). */
static const char as_the_mesh[] = "as the mesh";
#define AS_THE_MESH .implied = as_the_mesh

static const struct field service_rows[] = {
    {"name",
     TEXT(format_service_name),
     .required = true,
     .doc = "The Service, under this name in the control plane's namespace."},
    {"labelSelector",
     TEXT(format_label_selector),
     .required = true,
     .doc = "Which pods in the control plane's namespace of the central cluster serve it, in the syntax of "
            "`kubectl get -l`."},
    {"podIPs", UNSUPPORTED(NULL), .instead = "the addresses are those of the pods that `labelSelector` finds"},
    {"ports", UNSUPPORTED(NULL), .instead = "the Service is headless: clients connect to the ports of the pods"},
};

static const struct field_table service_table = {
    .name = "Enabled service",
    .doc = "A headless Service in the remote cluster that leads to pods of the central one.",
    FIELD_ROWS(service_rows),
};

static const struct field service = {NULL, DOCUMENT(service_table)};

/* Those of Istio 1.0, as its remote chart has them. */
#define SERVICES                                                                                                       \
    "[{\"name\":\"istio-pilot\",\"labelSelector\":\"istio=pilot\"},"                                                   \
    "{\"name\":\"istio-policy\",\"labelSelector\":\"istio-mixer-type=policy\"},"                                       \
    "{\"name\":\"istio-statsd\",\"labelSelector\":\"statsd-prom-bridge\"},"                                            \
    "{\"name\":\"istio-telemetry\",\"labelSelector\":\"istio-mixer-type=telemetry\"},"                                 \
    "{\"name\":\"zipkin\",\"labelSelector\":\"app=jaeger\"}]"

static const struct field spec_rows[] = {
    ISTIO_TRAFFIC_ROWS(common.),
    {"enabledServices",
     LIST_AT(common.enabled_services, service, 0, 64),
     .otherwise = SERVICES,
     .floating = true,
     .doc = "Services of the central cluster that the remote one reaches."},
    {"controlPlaneSecurityEnabled",
     FLAG_AT(control_plane_security_enabled),
     AS_THE_MESH,
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."},

    ISTIO_IMAGE_ROWS(common., AS_THE_MESH, AS_THE_MESH, AS_THE_MESH, AS_THE_MESH),

    {"pause",
     FLAG_AT(common.pause),
     .otherwise = "false",
     .doc = "Writes nothing to the remote cluster; the status lists what the operator would change."},
    ISTIO_DEFAULT_RESOURCES_ROW(common.),
    {"defaultPodDisruptionBudget", GROUP(istio_disruption_budget_table), AS_THE_MESH, .doc = "PodDisruptionBudgets."},
    ISTIO_OVERLAYS_ROW(common.),

    {"proxy",
     GROUP(istio_proxy_table),
     AS_THE_MESH,
     .doc = "The sidecars of the remote cluster. It replaces the mesh's as a whole."},
    {"proxyInit",
     GROUP(v1_proxy_init_table),
     AS_THE_MESH,
     .doc = "The init container of injected pods. It replaces the mesh's as a whole."},

    V1_CITADEL_ROW(),
    V1_INJECTOR_ROW(v1_0_injector_table),
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = "Every field may be left out. The version of Istio, `mtls`, `tracing` and the rest that is no field here "
           "are\nthe mesh's, and so are the fields that say so. An image that the mesh names by itself is taken over "
           "only where\nneither `imageHub` nor `imageTag` is given.",
    FIELD_ROWS(spec_rows),
};

static const struct istio_component components[] = {
    {"spec.citadel", offsetof(struct v1_spec, citadel)},
    {"spec.sidecarInjector", offsetof(struct v1_spec, sidecar_injector)},
    {NULL},
};

static void complete(void *spec, const char *version)
{
    (void)version; /* is filled in with the mesh */
    istio_components_complete(components, spec);
}

/* The Services of the components that run there. */
static bool is_taken(const char *name)
{
    return str_eq(name, "istio-citadel") || str_eq(name, "istio-sidecar-injector");
}

static void check_services(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *entry;
    size_t i;

    json_array_foreach(spec->enabled_services, i, entry) {
        const char *name = doc_string(entry, "name");
        _cleanup_free_ char *path = str_printf("spec.enabledServices[%zu].name", i);
        if (is_taken(name))
            problems_add(
                c->problems, PROBLEM_ERROR, path, "must not be %s, a Service of the remote cluster's own", name);
        else if (map_has(seen, name))
            problems_add(c->problems, PROBLEM_ERROR, path, "must be in the list once, but %s is there before", name);
        map_put(seen, name, entry);
    }
}

static void check_replicas(const struct api_check *c)
{
    istio_components_check(components, c);
}

static const struct api_rule rules[] = {
    {"`enabledServices` has each name once, and not istio-citadel or istio-sidecar-injector, which the remote cluster "
     "has of its own.",
     check_services},
    ISTIO_NAMESPACES_RULE,
    ISTIO_REPLICAS_RULE(check_replicas),
    ISTIO_OVERLAYS_RULE,
    ISTIO_RANGES_RULE,
    V1_INJECTOR_RULE,
    {NULL, NULL},
};

const struct api_form v1_0_remote_form = {
    .name = "1.0",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = complete,
    .rules = rules,
    .filled = &v1_0_form,
};

/* A null is as good as an absent field. */
static bool gives(const json_t *resource, const char *name)
{
    const json_t *value = doc_at(resource, "spec", name);

    return value && !json_is_null(value);
}

/* An image that the mesh names for one container is from the hub that the resource has just replaced. */
static void drop_image(const json_t *resource, const char *name, char **image)
{
    if (!gives(resource, name))
        str_replace(image, NULL);
}

static void follow_images(struct v1_spec *spec, const json_t *resource, const struct istio_spec *central)
{
    if (!gives(resource, "imageHub") && !gives(resource, "imageTag")) {
        for (const struct istio_component *c = components; c->path; c++) {
            const struct component_spec *from = (const void *)((const char *)central + c->offset);
            struct component_spec *to = (void *)((char *)spec + c->offset);
            if (!doc_string(resource, "spec", c->path + strlen("spec."), "image"))
                str_replace(&to->image, from->image);
        }
        return;
    }
    drop_image(resource, "proxy", &spec->common.proxy.image);
    drop_image(resource, "proxyInit", &spec->proxy_init.image);
}

void v1_0_follow(struct istio_spec *common, const json_t *resource, const struct istio_spec *central)
{
    static const struct field tracing = {NULL, GROUP(v1_tracing_table)};
    struct v1_spec *spec = (struct v1_spec *)common;

    str_replace(&common->version, central->version);
    common->mtls = central->mtls;
    spec->policy.enabled = v1_of(central)->policy.enabled;
    spec->telemetry.enabled = v1_of(central)->telemetry.enabled;
    field_copy(&tracing, central, spec);
    for (size_t i = 0; i < spec_table.len; i++) {
        const struct field *row = &spec_table.rows[i];
        if (row->implied == as_the_mesh && !gives(resource, row->name))
            field_copy(row, central, spec);
    }
    follow_images(spec, resource, central);
}
