#include "mesh/resources.h"

#include "api/status.h"
#include "base/str.h"
#include "mesh/line.h"

static bool istio_edition(size_t i, struct api_edition *ret)
{
    const struct mesh_release *r = &mesh_releases[i];

    if (r->version)
        *ret = (struct api_edition){r->version, r->line->form, r->kubernetes_min, r->kubernetes_max, r->defaults};
    return r->version;
}

/* Of the releases whose line joins clusters. */
static bool remote_edition(size_t i, struct api_edition *ret)
{
    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        if (!r->line->joining || i--)
            continue;
        *ret = (struct api_edition){
            r->version,
            r->line->joining->form,
            r->kubernetes_min,
            r->kubernetes_max,
            r->line->joining->defaults,
        };
        return true;
    }
    return false;
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
    .kind = "Istio",
    .list_kind = "IstioList",
    .plural = "istios",
    .singular = "istio",
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

static const struct api_column remote_columns[] = {
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
    .status = &remote_istio_status_table,
    .edition = remote_edition,
    .default_version = ISTIO_VERSION_DEFAULT,
    .follower = true,
    .columns = remote_columns,
};

static const struct api_column canary_columns[] = {
    {"Status", ".status.phase", "string", "Where the release stands"},
    {"Weight", ".status.canaryWeight", "integer", "Percent of the traffic that the new version gets"},
    {"Revision", ".status.revision", "string", "The version that is released, or was last"},
    {"Reason", ".status.reason", "string", "Why it stands there"},
    {"Message", ".status.message", "string", "What is waited for, and until when", .priority = 1},
    {"Age", ".metadata.creationTimestamp", "date", "When the resource was created"},
    {NULL},
};

const struct api_resource api_resource_canary = {
    .kind = "Canary",
    .list_kind = "CanaryList",
    .plural = "canaries",
    .singular = "canary",
    .doc = "How the next versions of a Deployment are released: traffic is shifted step by step, and measured.",
    .intro = "How the next versions of a Deployment are released: the traffic is shifted to a new version step by "
             "step, and\nmeasured; a good one is promoted, a bad one gets no traffic any more. "
             "[The guide](../canary.md) shows it.",
    .finalizer = "canary.finalizer.banzaicloud.io",
    .status = &canary_status_table,
    .form = &canary_form,
    .columns = canary_columns,
};

const struct api_resource *const api_resources[] = {
    &api_resource_istio, &api_resource_remote_istio, &api_resource_canary, NULL};

const struct api_resource *api_resource_find(const char *kind)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq((*r)->kind, kind))
            return *r;
    return NULL;
}

static int parse(
    const struct api_resource *r, const json_t *resource, const struct api_context *context, struct istio_spec **ret,
    struct problems *problems)
{
    const struct api_form *form = api_edition_of(r, resource, context).form;
    _cleanup_free_ struct istio_spec *spec = mem_new0(1, form->size);

    if (api_parse(r, resource, context, spec, form->size, problems) < 0)
        return -1;
    spec->form = form;
    *ret = TAKE_PTR(spec);
    return 0;
}

int istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems)
{
    return parse(&api_resource_istio, resource, context, ret, problems);
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

int remote_istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems)
{
    return parse(&api_resource_remote_istio, resource, context, ret, problems);
}

int canary_parse(
    const json_t *resource, const struct api_context *context, struct canary_spec **ret, struct problems *problems)
{
    struct canary_spec spec;

    if (api_parse(&api_resource_canary, resource, context, &spec, sizeof(spec), problems) < 0)
        return -1;
    *ret = mem_dup(&spec, sizeof(spec));
    return 0;
}
