#include "api/resource.h"

#include <string.h>

#include "api/kubernetes.h"
#include "api/rows.h"
#include "base/mem.h"
#include "base/release.h"
#include "base/str.h"
#include "doc/doc.h"

const struct api_form *api_form_next(const struct api_resource *r, size_t *position)
{
    struct api_edition edition, before;

    if (r->form)
        return (*position)++ ? NULL : r->form;
    while (r->edition(*position, &edition)) {
        bool first = !*position || !r->edition(*position - 1, &before) || before.form != edition.form;
        ++*position;
        if (first)
            return edition.form;
    }
    return NULL;
}

static const char *nth_version(const void *resource, size_t i)
{
    const struct api_resource *r = resource;
    struct api_edition edition;

    return r->edition(i, &edition) ? edition.version : NULL;
}

static bool find_edition(const struct api_resource *r, const char *version, struct api_edition *ret)
{
    size_t place;

    return !r->form && release_find(version, nth_version, r, &place) && r->edition(place, ret);
}

static bool runs_on(const struct api_edition *edition, int minor)
{
    return minor >= edition->kubernetes_min && minor <= edition->kubernetes_max;
}

static const char *default_version(const struct api_resource *r, int minor)
{
    struct api_edition edition;

    if (!minor || !find_edition(r, r->default_version, &edition) || runs_on(&edition, minor))
        return r->default_version;
    for (size_t i = 0; r->edition(i, &edition); i++)
        if (runs_on(&edition, minor))
            return edition.version;
    return r->default_version;
}

const char *api_version_of(const struct api_resource *r, const json_t *resource, const struct api_context *context)
{
    const char *given = doc_string(resource, "spec", "version"), *installed = doc_string(resource, "status", "version");
    struct api_edition edition;

    if (r->follower)
        return str_or(context ? context->version : NULL, r->default_version);
    if (given)
        return given;
    if (find_edition(r, installed, &edition))
        return installed;
    return default_version(r, context ? context->kubernetes_minor : 0);
}

struct api_edition api_edition_of(const struct api_resource *r, const json_t *resource,
                                  const struct api_context *context)
{
    const char *version = api_version_of(r, resource, context);
    struct api_edition near = {.form = r->form}, other = {0}, edition;

    if (find_edition(r, version, &edition))
        return edition;
    for (size_t i = 0; !r->form && r->edition(i, &edition); i++) {
        if (!near.form && release_same_minor(edition.version, version))
            near = edition;
        if (!other.form || str_eq(edition.version, r->default_version))
            other = edition;
    }
    return near.form ? near : other;
}

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

static bool is_of_kind(const struct api_resource *r, const json_t *resource, struct problems *problems)
{
    const struct {
        const char *field, *desired;
    } names[] = {{"apiVersion", API_GROUP_VERSION}, {"kind", r->kind}};
    bool matches = true;

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
        matches = false;
    }
    return matches;
}

int api_parse(const struct api_resource *r, const json_t *resource, const struct api_context *context, void *ret_spec,
              size_t spec_size, struct problems *problems)
{
    static const struct api_context nothing_known;
    size_t errors = problems->errors;
    _cleanup_free_ void *spec = mem_new0(1, spec_size);
    const struct api_edition edition = api_edition_of(r, resource, context);
    const struct api_form *form = edition.form;
    const char *ns;

    if (!is_of_kind(r, resource, problems))
        return -1;
    if (!context)
        context = &nothing_known;
    check_size(resource, problems);
    ns = doc_string(resource, "metadata", "namespace");
    field_parse(&root_table, resource, NULL, "", problems);
    field_parse_for(form->spec, doc_at(resource, "spec"), spec, "spec", context->kubernetes_minor, edition.defaults,
                    problems);
    if (form->complete)
        form->complete(spec, doc_string(resource, "spec", "version") ? edition.version
                                                                     : api_version_of(r, resource, context));
    for (const struct api_rule *rule = form->rules; rule->check; rule++)
        rule->check(&(struct api_check){spec, ns && *ns ? ns : context->ns, context, problems});
    if (problems->errors != errors) {
        field_release(form->spec, spec);
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

/* "spec", or where there are several forms "spec of 1.0". */
static char *spec_title(const struct api_form *form, bool several)
{
    return several ? str_printf("spec of %s", form->name) : str_dup("spec");
}

static void add_forms(const struct api_resource *r, bool several, struct buf *out)
{
    const struct api_form *form;

    for (size_t i = 0; (form = api_form_next(r, &i));) {
        _cleanup_free_ char *title = spec_title(form, several);
        field_markdown(form->spec, title, 2, out);
        if (!form->rules->check)
            continue;
        if (several)
            buf_printf(out, "## Rules of %s\n\n", form->name);
        else
            buf_add_str(out, "## Rules\n\n");
        buf_add_str(out, "Besides the limits of single fields:\n\n");
        for (const struct api_rule *rule = form->rules; rule->check; rule++)
            buf_printf(out, "- %s\n", rule->doc);
        buf_add_char(out, '\n');
    }
}

/* Where a release differs from the tables. */
static void add_defaults(const struct api_resource *r, struct buf *out)
{
    struct api_edition edition;
    bool any = false;

    for (size_t i = 0; !r->form && r->edition(i, &edition); i++)
        for (const struct field_default *d = edition.defaults; d && d->path; d++, any = true)
            buf_printf(out, "%s- `%s` in %s: `%s`\n", any ? "" : "## Defaults of single releases\n\n", d->path,
                       edition.version, d->value);
    if (any)
        buf_add_char(out, '\n');
}

void api_reference_markdown(const struct api_resource *r, struct buf *out)
{
    size_t forms = 0;
    bool several = api_form_next(r, &forms) && api_form_next(r, &forms);

    buf_printf(out, "# %s\n\n", r->kind);
    buf_printf(out, "<!-- Printed by `istio-operator docs %s`; change the table of fields, not this page. -->\n\n",
               r->singular);
    buf_printf(out, "%s\n\n```yaml\napiVersion: %s\nkind: %s\n```\n\n", r->intro, API_GROUP_VERSION, r->kind);
    buf_printf(out, "The operator adds the finalizer `%s` to it, and removes it when nothing of it is left.\n\n",
               r->finalizer);
    add_forms(r, several, out);
    add_defaults(r, out);
    field_markdown(r->status, "status", 2, out);
    add_columns(r, out);
}
