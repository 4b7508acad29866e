#include <stdio.h>

#include "api/istio.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/terminal.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "doc/doc.h"
#include "mesh/resources.h"

/* The first Istio in a file; NULL: in any. */
static const struct input_resource *find_mesh(const struct input *in, const struct file *file)
{
    for (size_t i = 0; i < in->count; i++)
        if (input_is(&in->resources[i], &api_resource_istio) && (!file || in->resources[i].file == file))
            return &in->resources[i];
    return NULL;
}

/* Whether there was no error. `list` NULL: in lines. */
static bool review(const struct input *in, const struct input_resource *r, int minor, json_t *list)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct input_resource *of_file = find_mesh(in, r->file), *mesh = of_file ? of_file : find_mesh(in, NULL);
    bool remote = input_is(r, &api_resource_remote_istio);

    /* A cluster has one mesh: the operator refuses the later resource. Files may be of several clusters. */
    if (input_is(r, &api_resource_istio) && r != of_file)
        problems_add(&problems, PROBLEM_ERROR, "kind", "must not be Istio twice: there is one mesh in a cluster");
    input_review(r, mesh, minor, NULL, &problems);
    if (doc_at(r->value, "spec", "overlays") && (!minor || (remote && !mesh)))
        problems_add(&problems, PROBLEM_WARNING, "spec.overlays", "were not tried on the objects that they name; %s",
                     minor ? "that needs the Istio that it joins, in one of the files" : "--kube-version does that");
    input_conclude(in, &problems);
    input_report(r, &problems, list, list ? NULL : stdout);
    return !problems.errors;
}

/* The exit code for a file. */
static int review_file(const struct input *in, const struct file *file, int minor, json_t *list)
{
    _cleanup_buf_ struct buf kinds = BUF_INIT;
    size_t resources = 0;
    bool valid = true;

    if (file->failure.class) {
        if (list)
            input_report_failure(file, list);
        else
            terminal_print_line(stderr, "istio-operator validate: %s", file->failure.text);
        return err_class_exit_code(file->failure.class);
    }
    for (size_t i = 0; i < in->count; i++) {
        if (in->resources[i].file != file)
            continue;
        resources++;
        valid &= review(in, &in->resources[i], minor, list);
    }
    operator_kinds_words(&kinds);
    if (!list && valid && resources)
        printf("%s: valid\n", file->name);
    else if (!list && valid)
        printf("%s: skipped, there is no %s in it\n", file->name, buf_str(&kinds));
    return valid ? 0 : err_class_exit_code(ERR_INVALID);
}

static int run(const struct invocation *inv, struct err *e)
{
    const char *version = invocation_value(inv, "kube-version");
    _cleanup_json_ json_t *list = output_is_json(inv) ? json_array() : NULL;
    _cleanup_input_ struct input in = {0};
    int minor = 0, code = 0;

    if ((version && input_parse_kube_version(version, &minor, e) < 0) || input_read(inv, &in, e) < 0)
        return -1;
    if (input_is_empty(&in) && !list)
        return input_fail_empty(&in, e);
    if (input_is_empty(&in))
        code = input_report_unread(&in, list, NULL);
    for (size_t i = 0; !input_is_empty(&in) && i < in.files.len; i++) {
        int of_file = review_file(&in, &in.files.items[i], minor, list);
        code = code ? code : of_file;
    }
    if (list)
        output_print(list, "json");
    return code;
}

const struct command command_validate = {
    .name = "validate",
    .summary = "say all that is wrong with a resource, by file, line and field, without a cluster",
    .text =
        "The rules are those of the operator and its admission webhook, for all of its kinds. Files may hold\n"
        "other documents beside them, and lists (kubectl get -o yaml). Warnings alone leave the exit code at 0 but\n"
        "with --strict; errors make it 2, and a file that cannot be read its own. Problems go to standard output;\n"
        "-o json prints one array of {file, line, severity, field, message}, also of a file that cannot be read.",
    .options =
        (const struct option_row[]){
            OPTIONS_FILE,
            {"output", 'o', "FORMAT", "text", "lines or one array", CHOICES("text", "json")},
            {"kube-version", 0, "VERSION", NULL, "the Kubernetes of the cluster: also tries overlays on the objects"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
