#include "cli/input.h"

#include <errno.h>
#include <string.h>

#include "api/istio.h"
#include "base/buf.h"
#include "base/str.h"
#include "controllers/remote/remote_check.h"
#include "doc/doc.h"

static int read_file(const char *file, struct buf *ret, struct err *e)
{
    bool standard_input = str_eq(file, "-");
    FILE *f = standard_input ? stdin : fopen(file, "re");
    char chunk[16384];
    int r = 0;

    if (!f)
        return err_errno(e, errno, "%s", file);
    for (size_t n; r == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        if (buf_add(ret, chunk, n) < 0)
            r = err_set(e, ERR_LIMIT, "%s: larger than %d bytes", file, INPUT_MAX_BYTES);
    if (r == 0 && ferror(f))
        r = err_errno(e, errno, "%s", file);
    if (!standard_input)
        fclose(f);
    return r;
}

/* `only` NULL: any of our resources. */
static bool is_meant(const json_t *document, const struct api_resource *only)
{
    const char *api_version = doc_string(document, "apiVersion"), *kind = doc_string(document, "kind");

    if (only ? !str_eq(kind, only->kind) : !api_resource_find(kind))
        return false;
    return !api_version || str_starts(api_version, API_GROUP "/");
}

static int find_resources(struct input *in, const struct api_resource *only, struct err *e)
{
    in->resources = NEW_ARRAY(const struct yaml_document *, in->docs.len);
    for (size_t i = 0; i < in->docs.len; i++)
        if (is_meant(in->docs.items[i].value, only) || in->docs.len == 1)
            in->resources[in->count++] = &in->docs.items[i];
    if (in->count)
        return 0;
    return err_set(e, ERR_INVALID, "%s: %s document with apiVersion: %s and kind: %s%s", in->name,
                   in->docs.len ? "no" : "empty; expected is a", API_GROUP_VERSION, api_resource_istio.kind,
                   only ? "" : " or RemoteIstio");
}

/* As kubectl has it: a namespace that is null or "" is as good as none. */
static bool is_absent(const json_t *ns)
{
    return !ns || json_is_null(ns) || str_eq(json_string_value(ns), "");
}

static int read_resources(const char *file, const char *ns, const struct api_resource *only, struct input *ret,
                          struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(INPUT_MAX_BYTES);
    struct input in = {.name = str_eq(file, "-") ? "standard input" : file};

    if (!file)
        return err_set(e, ERR_USAGE, "which resource? -f FILE names it; - is standard input");
    if (read_file(file, &text, e) < 0 || yaml_parse(file, buf_str(&text), text.len, INPUT_MAX_BYTES, &in.docs, e) < 0)
        return -1;
    if (find_resources(&in, only, e) < 0) {
        input_release(&in);
        return -1;
    }
    for (size_t i = 0; i < in.count; i++) {
        json_t *metadata = doc_at(in.resources[i]->value, "metadata");
        if (json_is_object(metadata) && is_absent(json_object_get(metadata, "namespace")))
            json_object_set_new(metadata, "namespace", json_string(ns));
    }
    *ret = in;
    return 0;
}

int input_read(const char *file, const char *ns, struct input *ret, struct err *e)
{
    return read_resources(file, ns, NULL, ret, e);
}

int input_read_one(const char *file, const char *ns, struct input *ret, struct err *e)
{
    struct input in;

    if (read_resources(file, ns, &api_resource_istio, &in, e) < 0)
        return -1;
    if (in.count == 1) {
        *ret = in;
        return 0;
    }
    err_set(e, ERR_INVALID, "%s:%d: a second Istio; one at a time is allowed", in.name,
            yaml_line(in.resources[1], "kind"));
    input_release(&in);
    return -1;
}

void input_release(struct input *in)
{
    yaml_documents_release(&in->docs);
    free(in->resources);
}

static void check_name(const json_t *metadata, const char *key, const struct field_format *format,
                       struct problems *problems)
{
    const json_t *value = json_object_get(metadata, key);
    _cleanup_free_ char *path = str_printf("metadata.%s", key);
    _cleanup_buf_ struct buf found = BUF_INIT, why = BUF_INIT;

    if (json_is_string(value) && format_matches(format, json_string_value(value), &why))
        return;
    buf_add_str(&found, value ? "is " : "is missing");
    if (value)
        problems_describe(value, &found);
    problems_add(problems, PROBLEM_ERROR, path, "must be %s, but %s", format->words, buf_str(&found));
}

/* What only a file can have wrong: a cluster lets no resource in without a name. */
static void check_metadata(const json_t *metadata, struct problems *problems)
{
    if (!json_is_object(metadata)) /* is told with the other fields */
        return;
    check_name(metadata, "name", &format_dns_subdomain, problems);
    check_name(metadata, "namespace", &format_dns_label, problems);
}

int input_judge(const struct input *in, size_t i, int minor, struct mesh_wanted **ret, struct problems *problems)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const json_t *resource = in->resources[i]->value;
    struct istio_spec spec;

    check_metadata(doc_at(resource, "metadata"), problems);
    if (ret && !problems->errors) {
        mesh_versions_for(minor, versions);
        return mesh_wanted_build(resource, minor, versions, ret, problems);
    }
    if (mesh_check(resource, minor, NULL, &spec, problems) < 0)
        return -1;
    istio_spec_release(&spec);
    return problems->errors ? -1 : 0;
}

bool input_is_remote(const struct input *in, size_t i)
{
    return str_eq(doc_string(in->resources[i]->value, "kind"), api_resource_remote_istio.kind);
}

int input_judge_remote(const struct input *in, size_t i, const char *mesh_ns, struct problems *problems)
{
    const json_t *resource = in->resources[i]->value;
    struct remote_istio_spec spec;

    check_metadata(doc_at(resource, "metadata"), problems);
    if (remote_check(resource, NULL, mesh_ns, &spec, problems) < 0)
        return -1;
    remote_istio_spec_release(&spec);
    return problems->errors ? -1 : 0;
}

int input_line(const struct input *in, size_t i, const char *path)
{
    int line = yaml_line(in->resources[i], path);

    return line ? line : yaml_line(in->resources[i], "");
}

int input_report(const struct input *in, size_t i, const struct problems *problems, FILE *out)
{
    for (size_t k = 0; k < problems->len; k++) {
        const struct problem *p = &problems->items[k];
        fprintf(out, "%s:%d: %s%s: %s\n", in->name, input_line(in, i, p->path),
                p->severity == PROBLEM_WARNING ? "warning: " : "", p->path, p->text);
    }
    if (problems->left_out)
        fprintf(out, "%s: and %zu more\n", in->name, problems->left_out);
    return err_class_exit_code(problems->errors ? ERR_INVALID : ERR_NONE);
}

int input_parse_kube_version(const char *text, int *ret_minor, struct err *e)
{
    _cleanup_strv_ char **parts = str_split(text + (text[0] == 'v'), '.');
    int64_t minor;

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
