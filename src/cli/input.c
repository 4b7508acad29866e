#include "cli/input.h"

#include <string.h>

#include "api/istio.h"
#include "base/buf.h"
#include "base/str.h"
#include "cli/terminal.h"
#include "controllers/kinds.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"

#define KINDS_SHOWN 5
/* How the group begins, for groups that end otherwise. */
#define GROUP_STEM "istio.banzai"

/* --- finding resources in documents --- */

static bool is_group(const char *api_version)
{
    return str_starts(api_version, API_GROUP) && strchr("/", api_version[strlen(API_GROUP)]);
}

/* Whether the kind, or that of a list, has the name of one of the operator's kinds. */
static bool is_kind(const char *kind)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq(kind, (*r)->kind) || str_eq(kind, (*r)->list_kind))
            return true;
    return false;
}

/*
 * A misspelt group of the operator's kinds is a mistake, and no reason to leave a document out. Others have a kind
 * Istio, too: the operators of Sail (also under its first name) and of Kyma.
 */
static bool is_misspelt(const char *api_version, const char *kind)
{
    static const char *const others[] = {"sailoperator.io/", "operator.istio.io/", "operator.kyma-project.io/"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_starts(api_version, others[i]))
            return false;
    return is_kind(kind) || strncasecmp(api_version, GROUP_STEM, strlen(GROUP_STEM)) == 0;
}

/* An object of another API group. What does not say that it is one is not. */
static bool is_foreign(const json_t *value)
{
    const char *api_version = doc_string(value, "apiVersion"), *kind = doc_string(value, "kind");

    return api_version && *api_version && kind && *kind && !is_group(api_version) && !is_misspelt(api_version, kind);
}

/* Which resources a list holds by its kind, as IstioList; NULL: it is not such a list. */
static const struct api_resource *listed(const json_t *value)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq(doc_string(value, "kind"), (*r)->list_kind) && !is_foreign(value))
            return *r;
    return NULL;
}

/* A list of any objects, or of the operator's resources; kubectl accepts other lists, too. */
static bool is_list(const json_t *value)
{
    const char *kind = doc_string(value, "kind");

    return listed(value) || str_eq(kind, "List") ||
           (is_foreign(value) && strlen(kind) > 4 && str_eq(kind + strlen(kind) - 4, "List") && doc_at(value, "items"));
}

/* As kubectl has it: a namespace that is null or "" is as good as none. */
static void set_namespace(json_t *resource, const char *ns)
{
    json_t *metadata = doc_at(resource, "metadata"), *value = json_object_get(metadata, "namespace");

    if (json_is_object(metadata) && (!value || json_is_null(value) || str_eq(json_string_value(value), "")))
        json_object_set_new(metadata, "namespace", json_string(ns));
}

/* Objects that are left out. */
struct skipped {
    size_t count;
    json_t *kinds;               /* their kinds, as a set; owned */
    struct input_resource first; /* owns `at` */
};

static void add_value(struct input *in, struct skipped *skipped, const struct file *file,
                      const struct yaml_document *document, json_t *value, const char *at, const char *ns);

/* The `items` of a list of the operator's resources need no kind of their own, because the list has it. */
static void add_items(struct input *in, struct skipped *skipped, const struct file *file,
                      const struct yaml_document *document, json_t *list, const char *at, const char *ns)
{
    const struct api_resource *of = listed(list);
    json_t *item;
    size_t i;

    json_array_foreach(doc_at(list, "items"), i, item) {
        _cleanup_free_ char *inner = str_printf("%s%sitems[%zu]", at, *at ? "." : "", i);
        if (of && json_is_object(item) && !json_object_get(item, "kind") && !json_object_get(item, "apiVersion")) {
            json_object_set_new(item, "kind", json_string(of->kind));
            json_object_set_new(item, "apiVersion", json_incref(doc_at(list, "apiVersion")));
        }
        add_value(in, skipped, file, document, item, inner, ns);
    }
}

static void add_value(struct input *in, struct skipped *skipped, const struct file *file,
                      const struct yaml_document *document, json_t *value, const char *at, const char *ns)
{
    struct input_resource r = {.file = file, .document = document, .value = value};
    bool list = is_list(value);

    if (list && json_is_array(doc_at(value, "items"))) {
        add_items(in, skipped, file, document, value, at, ns);
        return;
    }
    r.at = str_dup(at);
    if (!list && is_foreign(value)) {
        json_object_set_new(skipped->kinds, doc_string(value, "kind"), json_true());
        if (skipped->count++ == 0)
            skipped->first = r;
        else
            free(r.at);
        return;
    }
    r.definition = list ? NULL : api_resource_find(doc_string(value, "kind"));
    if (r.definition)
        set_namespace(value, ns);
    ARRAY_RESERVE_ONE(in->resources, in->count, in->cap);
    in->resources[in->count++] = r;
}

static void find_resources(struct input *in, const char *ns)
{
    struct skipped skipped = {.kinds = json_object()};
    size_t documents = 0;

    for (size_t i = 0; i < in->files.len; i++) {
        const struct file *file = &in->files.items[i];
        for (size_t k = 0; k < file->docs.len; k++)
            if (!json_is_null(file->docs.items[k].value))
                add_value(in, &skipped, file, &file->docs.items[k], file->docs.items[k].value, "", ns);
        documents += file->docs.len;
    }
    if (in->count == 0 && documents == 1 && in->files.len == 1 && skipped.count == 1) {
        ARRAY_RESERVE_ONE(in->resources, in->count, in->cap);
        in->resources[in->count++] = skipped.first;
        skipped.first.at = NULL;
    }
    free(skipped.first.at);
    in->skipped = skipped.kinds;
}

int input_read(const struct invocation *inv, struct input *ret, struct err *e)
{
    struct input in = {.strict = invocation_has(inv, "strict")};

    if (files_read(inv, &in.files, e) < 0)
        return -1;
    find_resources(&in, invocation_value(inv, "namespace"));
    *ret = in;
    return 0;
}

int input_read_all(const struct invocation *inv, struct input *ret, struct err *e)
{
    _cleanup_input_ struct input in = {0};

    if (input_read(inv, &in, e) < 0)
        return -1;
    for (size_t i = 0; i < in.files.len; i++)
        if (in.files.items[i].failure.class) {
            if (e)
                *e = in.files.items[i].failure;
            return -1;
        }
    if (in.count == 0)
        return input_fail_empty(&in, e);
    *ret = in;
    in = (struct input){0};
    return 0;
}

void input_release(struct input *in)
{
    for (size_t i = 0; i < in->count; i++)
        free(in->resources[i].at);
    free(in->resources);
    files_release(&in->files);
    json_decref(in->skipped);
    *in = (struct input){0};
}

const char *input_name(const struct input *in)
{
    return in->files.len == 1 ? in->files.items[0].name : "the files";
}

bool input_is_empty(const struct input *in)
{
    for (size_t i = 0; i < in->files.len; i++)
        if (in->files.items[i].failure.class)
            return false;
    return in->count == 0;
}

int input_fail_empty(const struct input *in, struct err *e)
{
    _cleanup_buf_ struct buf kinds = BUF_INIT, words = BUF_INIT;
    size_t shown = 0;
    const char *kind;
    json_t *yes;

    operator_kinds_words(&words);
    json_object_foreach(in->skipped, kind, yes) {
        if (shown < KINDS_SHOWN) {
            buf_add_str(&kinds, shown ? ", " : "");
            problems_quote(kind, &kinds);
        }
        shown++;
    }
    if (shown > KINDS_SHOWN)
        buf_printf(&kinds, " and %zu more", shown - KINDS_SHOWN);
    if (shown == 0)
        return err_set(e, ERR_INVALID, "%s: empty; expected is a document with apiVersion: %s and kind: %s",
                       input_name(in), API_GROUP_VERSION, buf_str(&words));
    return err_set(e, ERR_INVALID, "%s: no document with apiVersion: %s and kind: %s; there are the kinds %s",
                   input_name(in), API_GROUP_VERSION, buf_str(&words), buf_str(&kinds));
}

bool input_is(const struct input_resource *r, const struct api_resource *definition)
{
    return r->definition == definition;
}

int input_find_mesh(const struct input *in, const struct input_resource **ret, struct err *e)
{
    *ret = NULL;
    for (size_t i = 0; i < in->count; i++) {
        const struct input_resource *r = &in->resources[i];
        if (!input_is(r, &api_resource_istio))
            continue;
        if (*ret)
            return err_set(e, ERR_INVALID, "%s:%d: a second Istio; one at a time is allowed", r->file->name,
                           input_line(r, "kind"));
        *ret = r;
    }
    return 0;
}

/* --- reviewing --- */

static void check_name(const json_t *metadata, const char *key, const struct field_format *format,
                       struct problems *problems)
{
    const json_t *value = json_object_get(metadata, key);
    _cleanup_free_ char *path = str_printf("metadata.%s", key);
    _cleanup_buf_ struct buf found = BUF_INIT, why = BUF_INIT;

    if (problems_is_text(value) && format_matches(format, json_string_value(value), &why))
        return;
    buf_add_str(&found, value ? "is " : "is missing");
    if (value)
        problems_describe(value, &found);
    problems_explain(value, &found);
    problems_add(problems, PROBLEM_ERROR, path, "must be %s, but %s", format->words, buf_str(&found));
}

/* Errors that only a file can have: a cluster accepts no resource without a name. */
static void check_metadata(const json_t *metadata, struct problems *problems)
{
    if (!json_is_object(metadata)) /* is reported with the other fields */
        return;
    check_name(metadata, "name", &format_dns_subdomain, problems);
    check_name(metadata, "namespace", &format_dns_label, problems);
}

static void check_type(const json_t *value, const char *field, const char *allowed, struct problems *problems)
{
    const json_t *found_value = json_object_get(value, field);
    _cleanup_buf_ struct buf found = BUF_INIT;

    buf_add_str(&found, found_value ? "is " : "is missing");
    if (found_value)
        problems_describe(found_value, &found);
    problems_add(problems, PROBLEM_ERROR, field, "must be %s, but %s", allowed, buf_str(&found));
}

/* Why it is no resource. */
static void review_stray(const json_t *value, struct problems *problems)
{
    _cleanup_buf_ struct buf words = BUF_INIT;

    operator_kinds_words(&words);
    if (!json_is_object(value))
        problems_add(problems, PROBLEM_ERROR, "resource", "must be an object of kind %s", buf_str(&words));
    else if (is_list(value))
        check_type(value, "items", "a list", problems);
    else {
        if (!str_eq(doc_string(value, "apiVersion"), API_GROUP_VERSION))
            check_type(value, "apiVersion", API_GROUP_VERSION, problems);
        if (!operator_kinds_find(doc_string(value, "kind")))
            check_type(value, "kind", buf_str(&words), problems);
    }
}

void input_review(const struct input_resource *r, const struct input_resource *mesh, int minor, json_t *ret_objects,
                  struct problems *problems)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const struct check_context context = {
        .minor = minor, .versions = minor ? versions : NULL, .mesh = mesh ? mesh->value : NULL};
    const struct reconciler *row = r->definition ? operator_kinds_find(r->definition->kind) : NULL;

    if (!row || !row->check) {
        review_stray(r->value, problems);
        return;
    }
    if (minor)
        mesh_versions_for(minor, versions);
    check_metadata(doc_at(r->value, "metadata"), problems);
    row->check(r->value, &context, ret_objects, problems);
}

/* --- reporting --- */

/* The path of a field in the whole document: "items[3].spec.mtls". */
static char *path_in_document(const struct input_resource *r, const char *path)
{
    if (!*r->at)
        return str_dup(path);
    if (!*path || str_eq(path, "resource"))
        return str_dup(r->at);
    return str_printf("%s%s%s", r->at, *path == '[' ? "" : ".", path);
}

int input_line(const struct input_resource *r, const char *path)
{
    _cleanup_free_ char *whole = path_in_document(r, path);

    return yaml_line(r->document, whole);
}

int input_report_strays(const struct input *in, json_t *list, FILE *out)
{
    int code = 0;

    for (size_t i = 0; i < in->count; i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        if (in->resources[i].definition)
            continue;
        input_review(&in->resources[i], NULL, 0, NULL, &problems);
        input_report(&in->resources[i], &problems, list, out);
        code = err_class_exit_code(ERR_INVALID);
    }
    return code;
}

int input_conclude(const struct input *in, struct problems *problems)
{
    for (size_t i = 0; in->strict && i < problems->len; i++)
        if (problems->items[i].severity == PROBLEM_WARNING) {
            problems->items[i].severity = PROBLEM_ERROR;
            problems->errors++;
        }
    return err_class_exit_code(problems->errors ? ERR_INVALID : ERR_NONE);
}

static json_t *report_entry(const char *file, int line, bool warning, const char *field, const char *message)
{
    return OBJECT(STRING("file", file), INT("line", line), STRING("severity", warning ? "warning" : "error"),
                  STRING("field", field), STRING("message", message));
}

void input_report(const struct input_resource *r, const struct problems *problems, json_t *list, FILE *out)
{
    for (size_t i = 0; i < problems->len; i++) {
        const struct problem *p = &problems->items[i];
        _cleanup_free_ char *path = path_in_document(r, p->path);
        bool warning = p->severity == PROBLEM_WARNING;
        if (list)
            json_array_append_new(list, report_entry(r->file->name, input_line(r, p->path), warning, path, p->text));
        if (out)
            terminal_print_line(out, "%s:%d: %s%s: %s", r->file->name, input_line(r, p->path),
                                warning ? "warning: " : "", path, p->text);
    }
    if (problems->left_out && out)
        fprintf(out, "%s: and %zu more\n", r->file->name, problems->left_out);
}

/* The text of an error about a file may begin with "FILE:LINE:COLUMN: ". */
static void report_error(const char *file, const struct err *e, json_t *list)
{
    const char *text = e->text, *behind = text + strlen(file);
    char *end;
    long line = 0;

    if (str_starts(text, file) && *behind == ':') {
        line = strtol(behind + 1, &end, 10);
        text = line && (end = strchr(end, ' ')) ? end + 1 : behind + 1 + (behind[1] == ' ');
    }
    json_array_append_new(list, report_entry(file, (int)line, false, "", text));
}

void input_report_failure(const struct file *file, json_t *list)
{
    report_error(file->name, &file->failure, list);
}

int input_report_unread(const struct input *in, json_t *list, FILE *out)
{
    enum err_class class = ERR_NONE;
    struct err e;

    for (size_t i = 0; i < in->files.len; i++) {
        const struct file *file = &in->files.items[i];
        if (!file->failure.class)
            continue;
        input_report_failure(file, list);
        if (out)
            terminal_print_line(out, "%s", file->failure.text);
        class = class ? class : file->failure.class;
    }
    if (class || in->count)
        return err_class_exit_code(class);
    input_fail_empty(in, &e);
    if (in->files.len == 1)
        report_error(in->files.items[0].name, &e, list);
    for (size_t i = 0; in->files.len > 1 && i < in->files.len; i++)
        json_array_append_new(list, report_entry(in->files.items[i].name, 0, false, "", e.text));
    if (out)
        fprintf(out, "%s\n", e.text);
    return err_class_exit_code(e.class);
}

int input_parse_kube_version(const char *text, int *ret_minor, struct err *e)
{
    _cleanup_strv_ char **parts = str_split(text + (text[0] == 'v'), '.');
    char *plus = strv_len(parts) == 2 ? strchr(parts[1], '+') : NULL;
    int64_t minor;

    if (plus && !plus[1])
        *plus = '\0'; /* "1.20+", as some providers have it */
    if (strv_len(parts) < 2 || !str_eq(parts[0], "1") || !str_to_int64(parts[1], &minor) || minor < 1 || minor > 1000)
        return err_set(e, ERR_USAGE, "--kube-version \"%s\": allowed is a version such as 1.20 or v1.20.2", text);
    *ret_minor = (int)minor;
    return 0;
}

void output_print(const json_t *documents, const char *format)
{
    json_t *document;
    size_t i;

    if (str_eq(format, "json")) {
        _cleanup_free_ char *text = doc_text_pretty(documents);
        puts(text);
        return;
    }
    json_array_foreach(documents, i, document) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        yaml_print(document, &text);
        printf("---\n%s", buf_str(&text));
    }
}

bool output_is_json(const struct invocation *inv)
{
    for (const struct option_row *o = inv->command->options; o && o->name; o++)
        if (str_eq(o->name, "output"))
            return str_eq(invocation_value(inv, "output"), "json");
    return false;
}

void output_print_error(const struct err *e)
{
    _cleanup_json_ json_t *list = ARRAY(
        ITEM(STRING("severity", "error"), STRING("reason", err_class_name(e->class)), STRING("message", e->text)));

    output_print(list, "json");
}
