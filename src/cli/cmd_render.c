#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "json/doc.h"

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

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_wanted_ struct wanted_set *wanted = NULL;
    _cleanup_json_ json_t *documents = json_array();
    _cleanup_input_ struct input in = {0};
    int minor, code;

    if (input_parse_kube_version(invocation_value(inv, "kube-version"), &minor, e) < 0 ||
        input_read_one(invocation_value(inv, "file"), invocation_value(inv, "namespace"), &in, e) < 0)
        return -1;
    input_judge(&in, 0, minor, &wanted, &problems);
    code = input_report(&in, 0, &problems, stderr);
    if (!wanted)
        return code;
    if (add_objects(wanted, documents, e) < 0)
        return -1;
    output_print(documents, invocation_value(inv, "output"));
    return 0;
}

const struct command command_render = {
    .name = "render",
    .summary = "print every object that a resource asks for, without a cluster",
    .text = "The objects are those that the operator would apply, in the order of rendering, with the resource's\n"
            "overlays. They carry no mark of ownership, because a file that was never in a cluster has no uid.",
    .options =
        (const struct option_row[]){
            OPTION_FILE,
            {"output", 'o', "FORMAT", "yaml", "documents or one array", CHOICES("yaml", "json")},
            {"kube-version", 0, "VERSION", "1.20", "the Kubernetes to render for"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
