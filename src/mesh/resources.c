#include "mesh/resources.h"

#include "api/status.h"
#include "base/str.h"
#include "mesh/kinds.h"
#include "mesh/line.h"

static bool istio_edition(size_t i, struct api_edition *ret)
{
    const struct mesh_release *r = &mesh_releases[i];

    if (r->version)
        *ret = (struct api_edition){r->version, r->line->form, r->kubernetes_min, r->kubernetes_max, r->defaults};
    return r->version;
}

static const struct api_column istio_columns[] = {
    {"Status", ".status.Status", "string", "Where the mesh stands"},
    {"Version", ".status.version", "string", "The version of Istio that is installed"},
    {"Upgrade", ".status.upgrade.progress", "string", "From which version to which, and how many workloads are done"},
    {"Ready", ".status.conditions[?(@.type==\"Ready\")].status", "string", "Whether the mesh is ready"},
    {"Address",
     ".status.components[?(@.name==\"gateways.ingress\")].addresses[0]",
     "string",
     "Where the ingress gateway is reached"},
    {"Error", ".status.ErrorMessage", "string", "What is wrong", .priority = 1},
    {"Age", ".metadata.creationTimestamp", "date", "When the resource was created"},
    {NULL},
};

const struct api_resource api_resource_istio = {
    RESOURCE_ISTIO(RESOURCE_NAMES),
    .doc = "A mesh: Istio, installed into the namespace of this resource and kept as described.",
    .intro = "A mesh: Istio, installed into the namespace of this resource and kept as described. There is one per\n"
             "cluster. Examples of every feature are in `config/samples/`.",
    .finalizer = "istio-operator.finializer.banzaicloud.io", /* so spelled since its first release */
    .former_finalizers = (const char *const[]){"istio-operator.finalizer.banzaicloud.io", NULL},
    .status = &istio_status_table,
    .edition = istio_edition,
    .default_version = ISTIO_VERSION_DEFAULT,
    .columns = istio_columns,
};

int istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems)
{
    return istio_spec_parse(&api_resource_istio, resource, context, ret, problems);
}

const char *istio_version(const json_t *resource, int minor)
{
    return api_version_of(&api_resource_istio, resource, &(struct api_context){.kubernetes_minor = minor});
}

int istio_kubernetes_to_show(const json_t *resource)
{
    const struct api_context context = {.kubernetes_minor = SHOWN_KUBERNETES};
    const struct api_edition edition = api_edition_of(&api_resource_istio, resource, &context);

    return edition.kubernetes_min > SHOWN_KUBERNETES ? edition.kubernetes_max : SHOWN_KUBERNETES;
}
