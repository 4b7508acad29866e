#include "api/istio.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/reports.h"
#include "controllers/remote/remote_istio.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"

static int get_resources(const struct asking *a, const char *kind, const char *ns, json_t **ret, struct err *e)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, kind);
    struct err why;

    if (asking_list(a, kube_request_list(row, API_VERSION, ns, NULL, NULL, 0, NULL), ret, &why) == 0)
        return 0;
    if (why.class == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "this cluster does not know the kind %s: the operator is not installed", kind);
    *e = why;
    return -1;
}

static int make_reports(const struct asking *a, const char *ns, json_t *reports, struct err *e)
{
    const char *mesh = api_resource_istio.kind, *remote = api_resource_remote_istio.kind, *kubernetes;
    _cleanup_json_ json_t *version = NULL, *meshes = NULL, *remotes = NULL;
    struct err why;

    /* Without that it is no API server, whatever else it has. */
    if (asking_version(a, &version, e) < 0 || get_resources(a, mesh, ns, &meshes, e) < 0)
        return -1;
    /* An operator from before there were remote clusters has no such kind. */
    if (get_resources(a, remote, ns, &remotes, &why) < 0 && why.class != ERR_NOT_FOUND) {
        *e = why;
        return -1;
    }
    kubernetes = doc_string(version, "gitVersion");
    reports_add(a, mesh, meshes, kubernetes, reports);
    reports_add(a, remote, remotes, kubernetes, reports);
    if (json_array_size(reports))
        return 0;
    return err_set(e, ERR_NOT_FOUND, "there is no Istio resource in %s%s", ns ? "namespace " : "any namespace",
                   str_or(ns, ""));
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_asking_ struct asking asking = {0};
    _cleanup_json_ json_t *reports = json_array();

    if (asking_begin(inv, &asking, e) < 0 || make_reports(&asking, invocation_value(inv, "namespace"), reports, e) < 0)
        return -1;
    return reports_print(reports, str_eq(invocation_value(inv, "output"), "json")) ? 0 : 1;
}

const struct command command_status = {
    .name = "status",
    .summary = "print how the mesh of a live cluster is, and the remote clusters in it",
    .text = "Exit code 0: all is Available; 1: something is not, or not yet; 3: there is no mesh; otherwise an\n"
            "error. NO_COLOR switches colours off. -o json prints one array with an object for each Istio and\n"
            "RemoteIstio resource.",
    .options =
        (const struct option_row[]){
            {"namespace", 'n', "NAMESPACE", NULL, "only the resource in this namespace; otherwise in any",
             .format = &format_dns_label},
            {"output", 'o', "FORMAT", "text", "for users or one array for programs", CHOICES("text", "json")},
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_TIMEOUT,
            {NULL},
        },
    .run = run,
};
