#include "api/remote_istio.h"

#include "api/istio_parts.h"
#include "api/status.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

#define OWNER struct remote_istio_spec

_Static_assert(offsetof(struct remote_istio_spec, mesh) == 0, "what takes an istio_spec takes a remote_istio_spec");

/* Rows with these words are taken from the mesh where the resource does not give them: see remote_istio_follow(). */
static const char as_the_mesh[] = "as the mesh";
#define AS_THE_MESH .implied = as_the_mesh

static const struct field service_rows[] = {
    {"name", TEXT(format_service_name), .required = true,
     .doc = "The Service, under this name in the control plane's namespace."},
    {"labelSelector", TEXT(format_label_selector), .required = true,
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
    ISTIO_TRAFFIC_ROWS(mesh.),
    {"enabledServices", LIST_AT(enabled_services, service, 0, 64), .otherwise = SERVICES, .floating = true,
     .doc = "Services of the central cluster that the remote one reaches."},
    {"controlPlaneSecurityEnabled", MAYBE_AT(control_plane_security_enabled), AS_THE_MESH,
     .doc = "Encrypts the traffic between proxies and Istio's own components with mutual TLS."},

    ISTIO_IMAGE_ROWS(mesh., AS_THE_MESH, AS_THE_MESH, AS_THE_MESH, AS_THE_MESH),

    {"pause", FLAG_AT(mesh.pause), .otherwise = "false",
     .doc = "Writes nothing to the remote cluster; the status lists what the operator would change."},
    ISTIO_DEFAULT_RESOURCES_ROW(mesh.),
    {"defaultPodDisruptionBudget", STRUCT_AT(mesh, istio_disruption_budget_table), AS_THE_MESH,
     .doc = "PodDisruptionBudgets."},
    ISTIO_OVERLAYS_ROW(mesh.),

    {"proxy", STRUCT_AT(mesh, istio_proxy_table), AS_THE_MESH,
     .doc = "The sidecars of the remote cluster. It replaces the mesh's as a whole."},
    {"proxyInit", STRUCT_AT(mesh, istio_proxy_init_table), AS_THE_MESH,
     .doc = "The init container of injected pods. It replaces the mesh's as a whole."},

    ISTIO_CITADEL_ROW(mesh.),
    ISTIO_INJECTOR_ROW(),
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = "Every field may be left out. The version of Istio, `mtls`, `tracing` and the rest that is no field here "
           "are\nthe mesh's, and so are the fields that say so. An image that the mesh names by itself is taken over "
           "only where\nneither `imageHub` nor `imageTag` is given.",
    FIELD_ROWS(spec_rows),
};

const struct istio_component remote_istio_components[] = {
    {"spec.citadel", offsetof(struct istio_spec, citadel)},
    {"spec.sidecarInjector", offsetof(struct istio_spec, sidecar_injector)},
    {NULL},
};

static void complete(void *spec)
{
    istio_components_complete(remote_istio_components, spec);
}

/* The Services of the components that run there. */
static bool is_taken(const char *name)
{
    return str_eq(name, "istio-citadel") || str_eq(name, "istio-sidecar-injector");
}

static void check_services(const struct api_check *c)
{
    const struct remote_istio_spec *spec = c->spec;
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *entry;
    size_t i;

    json_array_foreach(spec->enabled_services, i, entry) {
        const char *name = doc_string(entry, "name");
        _cleanup_free_ char *path = str_printf("spec.enabledServices[%zu].name", i);
        if (is_taken(name))
            problems_add(c->problems, PROBLEM_ERROR, path, "must not be %s, a Service of the remote cluster's own",
                         name);
        else if (map_has(seen, name))
            problems_add(c->problems, PROBLEM_ERROR, path, "must be in the list once, but %s is there before", name);
        map_put(seen, name, entry);
    }
}

static void check_replicas(const struct api_check *c)
{
    istio_components_check(remote_istio_components, c);
}

static const struct api_rule rules[] = {
    {"`enabledServices` has each name once, and not istio-citadel or istio-sidecar-injector, which the remote cluster "
     "has of its own.",
     check_services},
    ISTIO_NAMESPACES_RULE,
    ISTIO_REPLICAS_RULE(check_replicas),
    ISTIO_OVERLAYS_RULE,
    ISTIO_RANGES_RULE,
    ISTIO_INJECTOR_RULE,
    {NULL, NULL},
};

static const struct api_column columns[] = {
    {"Status", ".status.Status", "string", "Where the remote cluster stands"},
    {"Version", ".status.version", "string", "The version of Istio that is installed"},
    {"Kubernetes", ".status.kubernetesVersion", "string", "The version of the remote cluster's Kubernetes"},
    {"Endpoints", ".status.endpointsSynced", "integer", "How many addresses of central pods the remote cluster has"},
    {"Ready", ".status.conditions[?(@.type==\"Ready\")].status", "string", "Whether the remote cluster is ready"},
    {"Error", ".status.ErrorMessage", "string", "What is wrong", .priority = 1},
    {"Last contact", ".status.lastContact", "date", "When the remote cluster answered last", .priority = 1},
    {"Age", ".metadata.creationTimestamp", "date", "When the resource was created"},
    {NULL},
};

const struct api_resource api_resource_remote_istio = {
    .kind = "RemoteIstio",
    .list_kind = "RemoteIstioList",
    .plural = "remoteistios",
    .singular = "remoteistio",
    .doc = "Another cluster that joins the mesh; the Secret of the same name holds its kubeconfig.",
    .intro = "Another cluster that joins the mesh of the Istio resource in the same namespace. The Secret of the same\n"
             "name in that namespace holds the other cluster's kubeconfig, under one key of any name.",
    .finalizer = "remote-istio-operator.finializer.banzaicloud.io", /* so spelled since its first release */
    .spec = &spec_table,
    .status = &remote_istio_status_table,
    .complete = complete,
    .rules = rules,
    .columns = columns,
};

int remote_istio_parse(const json_t *resource, const struct api_context *context, struct remote_istio_spec *ret,
                       struct problems *problems)
{
    return api_parse(&api_resource_remote_istio, resource, context, ret, sizeof(*ret), problems);
}

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

static void follow_images(struct remote_istio_spec *spec, const json_t *resource, const struct istio_spec *central)
{
    if (!gives(resource, "imageHub") && !gives(resource, "imageTag")) {
        for (const struct istio_component *c = remote_istio_components; c->path; c++) {
            const struct component_spec *from = (const void *)((const char *)central + c->offset);
            struct component_spec *to = (void *)((char *)spec + c->offset);
            if (!doc_string(resource, "spec", c->path + strlen("spec."), "image"))
                str_replace(&to->image, from->image);
        }
        return;
    }
    drop_image(resource, "proxy", &spec->mesh.proxy.image);
    drop_image(resource, "proxyInit", &spec->mesh.proxy_init.image);
}

void remote_istio_follow(struct remote_istio_spec *spec, const json_t *resource, const struct istio_spec *central)
{
    static const struct field tracing = {NULL, STRUCT_AT(mesh, istio_tracing_table)};

    str_replace(&spec->mesh.version, central->version);
    spec->mesh.mtls = central->mtls;
    spec->mesh.policy.enabled = central->policy.enabled;
    spec->mesh.telemetry.enabled = central->telemetry.enabled;
    field_copy(&tracing, central, spec);

    spec->mesh.control_plane_security_enabled = spec->control_plane_security_enabled == MAYBE_UNSET
                                                    ? central->control_plane_security_enabled
                                                    : spec->control_plane_security_enabled == MAYBE_YES;
    for (size_t i = 0; i < spec_table.len; i++) {
        const struct field *row = &spec_table.rows[i];
        if (row->implied == as_the_mesh && row->type != FIELD_MAYBE && !gives(resource, row->name))
            field_copy(row, central, spec);
    }
    follow_images(spec, resource, central);
}

void remote_istio_spec_release(struct remote_istio_spec *spec)
{
    if (!spec)
        return;
    field_release(&spec_table, spec);
    istio_spec_release(&spec->mesh); /* what it has from the mesh, without a row here */
}
