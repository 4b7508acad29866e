#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/istio.h"
#include "base/buf.h"
#include "base/str.h"
#include "json/doc.h"

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

static int find_resource(const char *file, const struct yaml_documents *docs, const char *kind, json_t **ret,
                         struct err *e)
{
    json_t *found = NULL;

    for (size_t i = 0; i < docs->len; i++) {
        json_t *value = docs->items[i].value;
        if (!str_eq(doc_string(value, "kind"), kind) || !str_eq(doc_string(value, "apiVersion"), API_GROUP_VERSION))
            continue;
        if (found)
            return err_set(e, ERR_INVALID, "%s: more than one %s; one at a time is allowed", file, kind);
        found = value;
    }
    if (!found)
        return err_set(e, ERR_INVALID, "%s: no document with apiVersion: %s and kind: %s", file, API_GROUP_VERSION,
                       kind);
    *ret = json_incref(found);
    return 0;
}

int input_read_resource(const char *file, const char *kind, const char *ns, json_t **ret, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(INPUT_MAX_BYTES);
    struct yaml_documents docs = {0};
    json_t *resource = NULL;
    int r;

    if (!file)
        return err_set(e, ERR_USAGE, "which resource? -f FILE names it; - is standard input");
    if (read_file(file, &text, e) < 0 || yaml_parse(file, buf_str(&text), text.len, INPUT_MAX_BYTES, &docs, e) < 0)
        return -1;
    r = find_resource(file, &docs, kind, &resource, e);
    yaml_documents_release(&docs);
    if (r < 0)
        return -1;
    if (!doc_string(resource, "metadata", "namespace"))
        json_object_set_new(doc_make(resource, "metadata"), "namespace", json_string(ns));
    *ret = resource;
    return 0;
}

int output_parse_format(const char *name, enum output_format *ret, struct err *e)
{
    if (!str_eq(name, "yaml") && !str_eq(name, "json"))
        return err_set(e, ERR_USAGE, "output \"%s\": allowed are yaml and json", name);
    *ret = str_eq(name, "json") ? OUTPUT_JSON : OUTPUT_YAML;
    return 0;
}

void output_print(const json_t *documents, enum output_format format)
{
    json_t *document;
    size_t i;

    if (format == OUTPUT_JSON) {
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
