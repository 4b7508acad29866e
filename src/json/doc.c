#include "json/doc.h"

#include <string.h>

#include "base/str.h"

/* Parsing by hand-rolled depth check first: jansson's own limit is a build constant of the library. */
static int check_depth(const char *text, size_t len, struct err *e)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth > DOC_DEPTH_MAX)
            return err_set(e, ERR_INVALID, "JSON nested deeper than %d at byte %zu", DOC_DEPTH_MAX, i);
    }
    return 0;
}

int doc_parse(const char *text, size_t len, size_t max_bytes, json_t **ret, struct err *e)
{
    json_error_t je;
    json_t *value;

    if (len > max_bytes)
        return err_set(e, ERR_LIMIT, "JSON of %zu bytes, at most %zu are read", len, max_bytes);
    if (check_depth(text, len, e) < 0)
        return -1;
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    if (!value) /* jansson's text may quote the input, which may be a secret: only its place is passed on */
        return err_set(e, ERR_INVALID, "broken JSON in line %d, column %d", je.line, je.column);
    *ret = value;
    return 0;
}

static char *dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (!text)
        abort();
    return text;
}

char *doc_text(const json_t *value)
{
    return dump(value, JSON_COMPACT);
}

char *doc_text_pretty(const json_t *value)
{
    return dump(value, JSON_INDENT(2));
}

uint64_t doc_hash(const json_t *value)
{
    _cleanup_free_ char *text = doc_text(value);

    return str_hash(text, strlen(text));
}

json_t *doc_at_(const json_t *root, const char *const *keys)
{
    const json_t *at = root;

    for (; *keys && at; keys++)
        at = json_object_get(at, *keys);
    return (json_t *)at;
}

const char *doc_string_(const json_t *root, const char *const *keys)
{
    return json_string_value(doc_at_(root, keys));
}

int64_t doc_int(const json_t *value, int64_t otherwise)
{
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool doc_bool(const json_t *value, bool otherwise)
{
    return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

json_t *doc_make_(json_t *root, const char *const *keys)
{
    json_t *at = root;

    for (; *keys; keys++) {
        json_t *next = json_object_get(at, *keys);
        if (!json_is_object(next)) {
            next = json_object();
            json_object_set_new(at, *keys, next);
        }
        at = next;
    }
    return at;
}

json_t *doc_copy(const json_t *value)
{
    json_t *copy = json_deep_copy(value);

    if (!copy)
        abort();
    return copy;
}

json_t *doc_find(const json_t *seq, const char *key, const char *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(seq, i, item)
        if (str_eq(doc_string(item, key), value))
            return item;
    return NULL;
}
