#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "controllers/remote/remote_render.h"
#include "doc/doc.h"

static int add_objects(const struct wanted_set *wanted, json_t *documents, struct err *e)
{
    for (size_t i = 0; i < wanted->len; i++) {
        json_t *object;
        if (doc_parse(wanted->items[i].text, strlen(wanted->items[i].text), SIZE_MAX, &object, e) < 0)
            return -1;
        json_array_append_new(documents, object);
    }
    return 0;
}

static int find(const struct input *in, bool remote, const char *name)
{
    for (size_t i = 0; i < in->count; i++)
        if (input_is_remote(in, i) == remote &&
            (!name || str_eq(doc_string(in->resources[i]->value, "metadata", "name"), name)))
            return (int)i;
    return -1;
}

/* What the remote cluster of the RemoteIstio with this name gets; the exit code, or below zero. */
static int render_remote(const struct invocation *inv, const char *name, int minor, json_t *documents, struct err *e)
{
    _cleanup_problems_ struct problems of_mesh = PROBLEMS_INIT, of_remote = PROBLEMS_INIT;
    _cleanup_input_ struct input in = {0};
    const json_t *resource;
    struct istio_spec spec;
    int mesh, remote, code;

    if (input_read(invocation_value(inv, "file"), invocation_value(inv, "namespace"), &in, e) < 0)
        return -1;
    mesh = find(&in, false, NULL);
    remote = find(&in, true, name);
    if (remote < 0)
        return err_set(e, ERR_NOT_FOUND, "%s: no RemoteIstio with the name %s", in.name, name);
    if (mesh < 0)
        return err_set(e, ERR_INVALID,
                       "%s: no Istio: the mesh that %s joins decides what its cluster gets, and has to "
                       "be in the same file",
                       in.name, name);
    input_judge(&in, (size_t)mesh, 0, NULL, &of_mesh);
    if ((code = input_report(&in, (size_t)mesh, &of_mesh, stderr)) != 0)
        return code;
    if (mesh_check(in.resources[mesh]->value, 0, NULL, &spec, &of_mesh) < 0)
        return -1;
    resource = in.resources[remote]->value;
    if (input_judge_remote(&in, (size_t)remote, doc_string(in.resources[mesh]->value, "metadata", "namespace"),
                           &of_remote) == 0)
        remote_render(resource, &spec, minor, documents, &of_remote);
    istio_spec_release(&spec);
    return input_report(&in, (size_t)remote, &of_remote, stderr);
}

/* The exit code, or below zero. */
static int render_mesh(const struct invocation *inv, int minor, json_t *documents, struct err *e)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_mesh_wanted_ struct mesh_wanted *wanted = NULL;
    _cleanup_input_ struct input in = {0};
    int code;

    if (input_read_one(invocation_value(inv, "file"), invocation_value(inv, "namespace"), &in, e) < 0)
        return -1;
    if (input_is_remote(&in, 0))
        return err_set(e, ERR_INVALID,
                       "%s: for what the cluster of a RemoteIstio gets say --remote NAME, and have the "
                       "Istio that it joins in the same file",
                       in.name);
    input_judge(&in, 0, minor, &wanted, &problems);
    code = input_report(&in, 0, &problems, stderr);
    return wanted && add_objects(wanted->objects, documents, e) < 0 ? -1 : code;
}

static int run(const struct invocation *inv, struct err *e)
{
    const char *remote = invocation_value(inv, "remote");
    _cleanup_json_ json_t *documents = json_array();
    int minor, code;

    if (input_parse_kube_version(invocation_value(inv, "kube-version"), &minor, e) < 0)
        return -1;
    code = remote ? render_remote(inv, remote, minor, documents, e) : render_mesh(inv, minor, documents, e);
    if (json_array_size(documents))
        output_print(documents, invocation_value(inv, "output"));
    return code;
}

const struct command command_render = {
    .name = "render",
    .summary = "print every object that a resource asks for, without a cluster",
    .text = "The objects are those that the operator would apply, in the order of rendering, with the resource's\n"
            "overlays. They carry no mark of ownership, because a file that was never in a cluster has no uid.\n"
            "With --remote they are those of a remote cluster: FILE then holds the Istio as well as the RemoteIstio,\n"
            "and in place of the signing certificate stands that it is taken from the central cluster.",
    .options =
        (const struct option_row[]){
            OPTION_FILE,
            {"output", 'o', "FORMAT", "yaml", "documents or one array", CHOICES("yaml", "json")},
            {"remote", 0, "NAME", NULL, "the objects in the cluster of the RemoteIstio with this name",
             .format = &format_dns_subdomain},
            {"kube-version", 0, "VERSION", "1.20", "the Kubernetes to render for"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
