/* What the RemoteIstios of Istio 1.0 and of Istio 1.1 share, and what they take from the mesh. */
#include "mesh/v1/remote_fields.h"

#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

#define OWNER struct v1_spec

const char v1_as_the_mesh[] = "as the mesh";

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

const struct field v1_enabled_service = {NULL, DOCUMENT(service_table)};

static const struct istio_component components[] = {
    {"spec.citadel", offsetof(struct v1_spec, citadel)},
    {"spec.sidecarInjector", offsetof(struct v1_spec, sidecar_injector)},
    {NULL},
};

void v1_remote_complete(void *spec, const char *version)
{
    (void)version;
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

const struct api_rule v1_remote_rules[] = {
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

/*
 * What all clusters must agree on, and no RemoteIstio says: by the fields of the mesh. The proxies are configured by
 * the central Pilot, so that the rest of it matters in the remote cluster's own configuration alone.
 */
static const char *const of_the_mesh[] = {
    "tracing", "outboundTrafficPolicy", "defaultConfigVisibility", "accessLogFile", "sds", NULL};

static const struct field *find_row(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->len; i++)
        if (str_eq(table->rows[i].name, name) && table->rows[i].type != FIELD_UNSUPPORTED)
            return &table->rows[i];
    return NULL;
}

void v1_follow(struct istio_spec *common, const json_t *resource, const struct istio_spec *central)
{
    const struct field_table *own = common->form->spec;
    struct v1_spec *spec = (struct v1_spec *)common;

    str_replace(&common->version, central->version);
    common->mtls = central->mtls;
    spec->policy.enabled = v1_of(central)->policy.enabled;
    spec->policy_checks = v1_of(central)->policy_checks;
    spec->telemetry.enabled = v1_of(central)->telemetry.enabled;
    for (const char *const *name = of_the_mesh; *name; name++) {
        const struct field *row = find_row(common->form->filled->spec, *name);
        if (row)
            field_copy(row, central, spec);
    }
    for (size_t i = 0; i < own->len; i++) {
        const struct field *row = &own->rows[i];
        if (row->implied == v1_as_the_mesh && !gives(resource, row->name))
            field_copy(row, central, spec);
    }
    follow_images(spec, resource, central);
}
