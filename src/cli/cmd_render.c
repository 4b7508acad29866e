#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "json/doc.h"
#include "operator/wanted.h"

/* "1.20", "v1.20.2" or "20" */
static int parse_minor(const char *text, int *ret, struct err *e)
{
    const char *p = text + (text[0] == 'v');
    _cleanup_strv_ char **parts = str_split(p, '.');
    int64_t minor;

    if (strv_len(parts) < 2 || !str_eq(parts[0], "1") || !str_to_int64(parts[1], &minor) || minor < 0 || minor > 1000)
        return err_set(e, ERR_USAGE, "--kube-version \"%s\": allowed is a version such as 1.20 or v1.20.2", text);
    *ret = (int)minor;
    return 0;
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *resource = NULL, *documents = json_array();
    _cleanup_wanted_ struct wanted_set *wanted = NULL;
    _cleanup_buf_ struct buf warnings = BUF_INIT;
    const char *file = invocation_value(inv, "file");
    enum output_format format;
    int minor = 0;

    if (output_parse_format(invocation_value(inv, "output"), &format, e) < 0 ||
        parse_minor(invocation_value(inv, "kube-version"), &minor, e) < 0 ||
        input_read_resource(file, "Istio", invocation_value(inv, "namespace"), &resource, e) < 0)
        return -1;
    mesh_versions_for(minor, versions);
    if (wanted_build(resource, minor, versions, &wanted, &warnings, e) < 0)
        return err_wrap(e, "%s", file);
    if (warnings.len)
        fprintf(stderr, "warning: %s: %s\n", file, buf_str(&warnings));
    for (size_t i = 0; i < wanted->len; i++) {
        json_t *object;
        if (doc_parse(wanted->items[i].text, strlen(wanted->items[i].text), SIZE_MAX, &object, e) < 0)
            return -1;
        json_array_append_new(documents, object);
    }
    output_print(documents, format);
    return 0;
}

const struct command command_render = {
    .name = "render",
    .summary = "print every object that a resource asks for, without a cluster",
    .text = "The objects are those that the operator would apply, in the order of rendering. They carry no mark\n"
            "of ownership, because a file that was never in a cluster has no uid.",
    .options =
        (const struct option_row[]){
            OPTION_FILE,
            {"output", 'o', "FORMAT", "yaml", "yaml (documents) or json (one array)"},
            {"kube-version", 0, "VERSION", "1.20", "the Kubernetes to render for"},
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {NULL},
        },
    .run = run,
};
