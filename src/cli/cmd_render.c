#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "controllers/remote/remote_istio.h"
#include "doc/doc.h"
#include "mesh/resources.h"

static const struct input_resource *find_remote(const struct input *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++)
        if (input_is(&in->resources[i], &api_resource_remote_istio) &&
            (!name || str_eq(doc_string(in->resources[i].value, "metadata", "name"), name)))
            return &in->resources[i];
    return NULL;
}

struct output {
    json_t *documents; /* the objects */
    json_t *problems;  /* as `input_report` lists them */
};

/* Reviews and reports; the exit code. `ret_objects` as in input_review(). */
static int review(const struct input *in, const struct input_resource *r, const struct input_resource *mesh, int minor,
                  json_t *ret_objects, struct output *out)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    int code;

    input_review(r, mesh, minor, ret_objects, &problems);
    code = input_conclude(in, &problems);
    input_report(r, &problems, out->problems, stderr);
    return code;
}

/* What the remote cluster of the RemoteIstio with this name gets; the exit code, or below zero. `minor` may be 0. */
static int render_remote(const struct input *in, const char *name, int minor, struct output *out, struct err *e)
{
    const struct input_resource *mesh, *remote = find_remote(in, name);
    int code;

    if (!remote)
        return err_set(e, ERR_NOT_FOUND, "%s: no RemoteIstio with the name %s", input_name(in), name);
    if (input_find_mesh(in, &mesh, e) < 0)
        return -1;
    if (!mesh)
        return err_set(e, ERR_INVALID,
                       "%s: no Istio: the mesh that %s joins decides what its cluster gets, and has to be in one of "
                       "the files",
                       input_name(in), name);
    if (!minor)
        minor = istio_kubernetes_to_show(mesh->value);
    code = review(in, mesh, NULL, 0, NULL, out);
    return code ? code : review(in, remote, mesh, minor, out->documents, out);
}

/* The exit code, or below zero. `minor` may be 0. */
static int render_mesh(const struct input *in, int minor, struct output *out, struct err *e)
{
    const struct input_resource *mesh;

    if (input_find_mesh(in, &mesh, e) < 0)
        return -1;
    if (!mesh)
        return err_set(e, ERR_INVALID,
                       "%s: no Istio: the objects of a mesh are what is rendered; for what the cluster of a "
                       "RemoteIstio gets say --remote NAME, and name the Istio that it joins with -f, too",
                       input_name(in));
    if (!minor)
        minor = istio_kubernetes_to_show(mesh->value);
    return review(in, mesh, NULL, minor, out->documents, out);
}

static int render(const struct invocation *inv, const struct input *in, int minor, struct output *out, struct err *e)
{
    const char *remote = invocation_value(inv, "remote");
    int code = input_report_strays(in, out->problems, stderr);

    if (code)
        return code;
    return remote ? render_remote(in, remote, minor, out, e) : render_mesh(in, minor, out, e);
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_json_ json_t *documents = json_array(), *problems = json_array();
    const char *version = invocation_value(inv, "kube-version");
    struct output out = {documents, problems};
    _cleanup_input_ struct input in = {0};
    int minor = 0, code;

    if ((version && input_parse_kube_version(version, &minor, e) < 0) ||
        (output_is_json(inv) ? input_read(inv, &in, e) : input_read_all(inv, &in, e)) < 0)
        return -1;
    code = input_report_unread(&in, problems, stderr);
    if (code == 0)
        code = render(inv, &in, minor, &out, e);
    if (code == 0)
        output_print(documents, invocation_value(inv, "output"));
    else if (code > 0 && output_is_json(inv))
        output_print(problems, "json");
    return code;
}

const struct command command_render = {
    .name = "render",
    .summary = "print every object that a resource asks for, without a cluster",
    .text =
        "The objects are those that the operator would apply, in the order of rendering, with the resource's\n"
        "overlays. They carry no owner label, because a file that was never in a cluster has no uid.\n"
        "Without --kube-version they are those for Kubernetes 1.20, or where a release is too new for that, for the\n"
        "newest one that it runs on. A resource that names no version gets the release of that Kubernetes.\n"
        "With --remote they are those of a remote cluster: the files then hold the Istio as well as the\n"
        "RemoteIstio, and in place of the signing certificate stands that it is taken from the central cluster.",
    .options =
        (const struct option_row[]){
            OPTIONS_FILE,
            {"output", 'o', "FORMAT", "yaml", "documents or one array, of the problems where there are any",
             CHOICES("yaml", "json")},
            {"remote", 0, "NAME", NULL, "the objects in the cluster of the RemoteIstio with this name",
             .format = &format_dns_subdomain},
            {"kube-version", 0, "VERSION", NULL, "the Kubernetes to render for, such as 1.34"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
