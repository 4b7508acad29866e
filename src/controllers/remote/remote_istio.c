/* The resource RemoteIstio: its names, its releases, what `kubectl get` shows, and its status. */
#include "controllers/remote/remote_istio.h"

#include "api/status_rows.h"
#include "mesh/kinds.h"
#include "mesh/line.h"

static const struct field_table condition_table = {
    .name = "Condition",
    .doc = CONDITIONS_DOC CONDITION_LINE(
        CONDITION_CONNECTED, "the remote cluster's API server answers, and lets the operator in"),
    FIELD_ROWS(status_condition_rows),
};

static const struct field service_rows[] = {
    {"name", TEXT(format_text), .required = true, .doc = "The Service, as in `enabledServices`."},
    {"addresses",
     INTEGER(0, PODS_MAX),
     .doc = "How many addresses of central pods its Endpoints in the remote cluster have, as far as they are right."},
};

static const struct field_table service_table = {
    .name = "Service status",
    .doc = "One line per enabled service.",
    FIELD_ROWS(service_rows),
};

static const struct field condition = {NULL, DOCUMENT(condition_table)};
static const struct field service = {NULL, DOCUMENT(service_table)};

static const char *const statuses[] = {API_REMOTE_STATUSES(STATUS_NAME) NULL};

static const struct field status_rows[] = {
    STATUS_ROWS_OF_MESH("Where the remote cluster stands." API_REMOTE_STATUSES(STATUS_MEANING), statuses, condition),
    {STATUS_FIELD_KUBERNETES_VERSION, TEXT(format_text), .doc = "The version of the remote cluster's Kubernetes."},
    {STATUS_FIELD_LAST_CONTACT,
     TIME,
     .doc = "When the remote cluster's API server answered last, as of the last time this status was written."},
    {STATUS_FIELD_ENDPOINTS_SYNCED,
     INTEGER(0, PODS_MAX),
     .doc = "How many addresses of central pods the remote cluster's Endpoints have, as far as they are right."},
    {STATUS_FIELD_SERVICES, LIST(service, 0, 100), .doc = "The same by service."},
    STATUS_ROWS_LEFT_ALONE,
};

static const struct field_table status_table = {
    .name = "status",
    .doc = "Written by the operator.",
    FIELD_ROWS(status_rows),
};

/* Of the releases whose line joins clusters. */
static bool edition(size_t i, struct api_edition *ret)
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
    RESOURCE_REMOTE_ISTIO(RESOURCE_NAMES),
    .doc = "Another cluster that joins the mesh; the Secret of the same name holds its kubeconfig.",
    .intro = "Another cluster that joins the mesh of the Istio resource in the same namespace. The Secret of the same\n"
             "name in that namespace holds the other cluster's kubeconfig, under one key of any name.",
    .finalizer = "remote-istio-operator.finializer.banzaicloud.io", /* so spelled since its first release */
    .status = &status_table,
    .edition = edition,
    .default_version = ISTIO_VERSION_DEFAULT,
    .follower = true,
    .columns = columns,
};

int remote_istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems)
{
    return istio_spec_parse(&api_resource_remote_istio, resource, context, ret, problems);
}
