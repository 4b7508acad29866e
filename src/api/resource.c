#include "api/resource.h"

#include <string.h>

#include "api/kubernetes.h"
#include "api/rows.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

bool api_resource_is_finalizer(const struct api_resource *r, const char *name)
{
    if (str_eq(name, r->finalizer))
        return true;
    for (const char *const *former = r->former_finalizers; former && *former; former++)
        if (str_eq(name, *former))
            return true;
    return false;
}

/* What every object has at its top. */
static const struct field_table open_object = {.name = "Object", .open = true};
static const struct field root_rows[] = {
    {"apiVersion", TEXT(format_text), .required = true},
    {"kind", TEXT(format_text), .required = true},
    {"metadata", DOCUMENT(kubernetes_open_metadata), .required = true},
    {"spec", DOCUMENT(open_object)},
    {"status", DOCUMENT(open_object)},
};
static const struct field_table root_table = {.name = "Resource", FIELD_ROWS(root_rows)};

static void check_size(const json_t *resource, struct problems *problems)
{
    size_t bytes = doc_weight(resource, NULL);

    if (bytes > KUBERNETES_OBJECT_MAX)
        problems_add(problems, PROBLEM_ERROR, "resource",
                     "must have at most %zu bytes, as etcd takes no more, but has %zu", KUBERNETES_OBJECT_MAX, bytes);
}

static bool is_ours(const struct api_resource *r, const json_t *resource, struct problems *problems)
{
    const struct {
        const char *field, *desired;
    } names[] = {{"apiVersion", API_GROUP_VERSION}, {"kind", r->kind}};
    bool ours = true;

    if (!json_is_object(resource)) {
        problems_add(problems, PROBLEM_ERROR, "resource", "must be an object of kind %s", r->kind);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_buf_ struct buf found = BUF_INIT;
        const json_t *value = json_object_get(resource, names[i].field);
        if (str_eq(json_string_value(value), names[i].desired))
            continue;
        buf_add_str(&found, "is missing");
        if (value) {
            buf_reset(&found);
            buf_add_str(&found, "is ");
            problems_describe(value, &found);
        }
        problems_add(problems, PROBLEM_ERROR, names[i].field, "must be %s, but %s", names[i].desired, buf_str(&found));
        ours = false;
    }
    return ours;
}

int api_parse(const struct api_resource *r, const json_t *resource, const struct api_context *context, void *ret_spec,
              size_t spec_size, struct problems *problems)
{
    static const struct api_context nothing_known;
    size_t errors = problems->errors;
    _cleanup_free_ void *spec = mem_new0(1, spec_size);
    const char *ns;

    if (!is_ours(r, resource, problems))
        return -1;
    if (!context)
        context = &nothing_known;
    check_size(resource, problems);
    ns = doc_string(resource, "metadata", "namespace");
    field_parse(&root_table, resource, NULL, "", problems);
    field_parse_for(r->spec, doc_at(resource, "spec"), spec, "spec", context->kubernetes_minor, problems);
    if (r->complete)
        r->complete(spec);
    for (const struct api_rule *rule = r->rules; rule->check; rule++)
        rule->check(&(struct api_check){spec, ns && *ns ? ns : context->ns, context, problems});
    if (problems->errors != errors) {
        field_release(r->spec, spec);
        return -1;
    }
    memcpy(ret_spec, spec, spec_size);
    return 0;
}

static void add_columns(const struct api_resource *r, struct buf *out)
{
    buf_printf(out, "## Columns\n\n`kubectl get %s` shows:\n\n", r->singular);
    for (const struct api_column *column = r->columns; column->name; column++)
        buf_printf(out, "- **%s**%s: %s\n", column->name, column->priority ? " (with `-o wide`)" : "", column->doc);
}

void api_reference_markdown(const struct api_resource *r, struct buf *out)
{
    buf_printf(out, "# %s\n\n", r->kind);
    buf_printf(out, "<!-- Printed by `istio-operator docs %s`; change the table of fields, not this page. -->\n\n",
               r->singular);
    buf_printf(out, "%s\n\n```yaml\napiVersion: %s\nkind: %s\n```\n\n", r->intro, API_GROUP_VERSION, r->kind);
    buf_printf(out, "The operator puts the finalizer `%s` on it, and takes it off when nothing of it is left.\n\n",
               r->finalizer);
    field_markdown(r->spec, "spec", 2, out);
    buf_add_str(out, "## Rules\n\nBesides the limits of single fields:\n\n");
    for (const struct api_rule *rule = r->rules; rule->check; rule++)
        buf_printf(out, "- %s\n", rule->doc);
    buf_add_char(out, '\n');
    field_markdown(r->status, "status", 2, out);
    add_columns(r, out);
}
