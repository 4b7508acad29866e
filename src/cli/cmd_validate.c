#include <stdio.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "doc/build.h"
#include "doc/doc.h"

/* The first Istio before a resource; NULL where there is none. */
static const json_t *find_mesh(const struct input *in, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (!input_is_remote(in, i))
            return in->resources[i]->value;
    return NULL;
}

/* A cluster has one mesh: the operator refuses the later resource. */
static void check_single(const struct input *in, size_t i, struct problems *problems)
{
    if (find_mesh(in, i))
        problems_add(problems, PROBLEM_ERROR, "kind", "must not be Istio twice: there is one mesh in a cluster");
}

static void judge(const struct input *in, size_t i, int minor, struct problems *problems)
{
    bool remote = input_is_remote(in, i), tried = minor && !remote;
    struct mesh_wanted *wanted = NULL;

    if (remote) {
        input_judge_remote(in, i, doc_string(find_mesh(in, in->count), "metadata", "namespace"), problems);
    } else {
        check_single(in, i, problems);
        input_judge(in, i, minor, minor ? &wanted : NULL, problems);
    }
    if (!tried && doc_at(in->resources[i]->value, "spec", "overlays"))
        problems_add(problems, PROBLEM_WARNING, "spec.overlays", "were not tried on the objects that they name%s",
                     remote ? "" : "; --kube-version does that");
    mesh_wanted_free(wanted);
}

static void list_problems(const struct input *in, size_t i, const struct problems *problems, json_t *list)
{
    for (size_t k = 0; k < problems->len; k++) {
        const struct problem *p = &problems->items[k];
        json_array_append_new(list, OBJECT(S("file", in->name), N("line", input_line(in, i, p->path)),
                                           S("severity", p->severity == PROBLEM_WARNING ? "warning" : "error"),
                                           S("field", p->path), S("message", p->text)));
    }
}

static int run(const struct invocation *inv, struct err *e)
{
    bool json = str_eq(invocation_value(inv, "output"), "json");
    const char *version = invocation_value(inv, "kube-version");
    _cleanup_json_ json_t *list = json_array();
    _cleanup_input_ struct input in = {0};
    int minor = 0, code = 0;

    if ((version && input_parse_kube_version(version, &minor, e) < 0) ||
        input_read(invocation_value(inv, "file"), invocation_value(inv, "namespace"), &in, e) < 0)
        return -1;
    for (size_t i = 0; i < in.count; i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        judge(&in, i, minor, &problems);
        if (problems.errors)
            code = err_class_exit_code(ERR_INVALID);
        if (json)
            list_problems(&in, i, &problems, list);
        else
            input_report(&in, i, &problems, stdout);
    }
    if (json)
        output_print(list, "json");
    else if (code == 0)
        printf("%s: valid\n", in.name);
    return code;
}

const struct command command_validate = {
    .name = "validate",
    .summary = "say all that is wrong with a resource, by file, line and field, without a cluster",
    .text =
        "The rules are those of the operator and its admission webhook, for Istio and RemoteIstio. A file may hold\n"
        "other documents beside them. Warnings alone leave the exit code at 0; errors make it 2. Problems go to\n"
        "standard output; -o json prints one array of {file, line, severity, field, message}.",
    .options =
        (const struct option_row[]){
            OPTION_FILE,
            {"output", 'o', "FORMAT", "text", "lines or one array", CHOICES("text", "json")},
            {"kube-version", 0, "VERSION", NULL, "the Kubernetes of the cluster: also tries overlays on the objects"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
