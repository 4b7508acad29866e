#include "doc/doc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Keys, certificates and kubeconfigs are longer, and most of what a document is made of is shorter. */
enum { CLEARED_LEAST = 64 };

static void clear_and_free(void *p)
{
    size_t size = p ? malloc_usable_size(p) : 0;

    if (size >= CLEARED_LEAST)
        explicit_bzero(p, size);
    free(p);
}

/*
 * Documents may hold secrets, and parts of them are in buffers of the parser's and in copies: what jansson frees is
 * cleared. What it gives away (doc_text()) is the caller's to clear.
 */
__attribute__((constructor)) static void clear_what_is_freed(void)
{
    json_set_alloc_funcs(malloc, clear_and_free);
}

size_t doc_skip_string(const char *text, size_t len, size_t at, bool *ret_zero)
{
    for (at++; at < len && text[at] != '"'; at++) {
        if (text[at] != '\\')
            continue;
        if (ret_zero && len - at >= 6 && memcmp(text + at, "\\u0000", 6) == 0)
            *ret_zero = true;
        at++;
    }
    return at < len ? at + 1 : len;
}

/* What a text would come to, without parsing it. */
struct extent {
    size_t values;   /* an empty map or sequence is one */
    size_t too_deep; /* the first byte beyond DOC_DEPTH_MAX; `len` where there is none */
};

static struct extent measure(const char *text, size_t len)
{
    struct extent extent = {.values = 1, .too_deep = len};
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool closes = c == ']' || c == '}', is_empty = closes && i && text[i - 1] == (c == ']' ? '[' : '{');
        if (c == '"') {
            i = doc_skip_string(text, len, i, NULL) - 1;
            continue;
        }
        extent.values += c == ',' || c == '[' || c == '{';
        extent.values -= is_empty && extent.values;
        depth += c == '[' || c == '{';
        depth -= closes;
        if (depth > DOC_DEPTH_MAX && extent.too_deep == len)
            extent.too_deep = i;
    }
    return extent;
}

size_t doc_count_values(const char *text, size_t len)
{
    return measure(text, len).values;
}

size_t doc_find_too_deep(const char *text, size_t len)
{
    return measure(text, len).too_deep;
}

static int too_many_values(size_t count, size_t max, struct err *e)
{
    return err_set(e, ERR_LIMIT, "JSON of %zu values, at most %zu are read", count, max);
}

int doc_limit_values(const char *text, size_t len, size_t max, struct err *e)
{
    size_t count = doc_count_values(text, len);

    return count > max ? too_many_values(count, max, e) : 0;
}

/* Before the parser runs: jansson's own limit on depth is a constant of the library's build. */
static int check_extent(const char *text, size_t len, struct err *e)
{
    struct extent extent = measure(text, len);

    if (extent.too_deep < len)
        return err_set(e, ERR_INVALID, "JSON nested deeper than %d at byte %zu", DOC_DEPTH_MAX, extent.too_deep);
    if (extent.values > DOC_VALUES_MAX)
        return too_many_values(extent.values, DOC_VALUES_MAX, e);
    return 0;
}

int doc_parse(const char *text, size_t len, size_t max_bytes, json_t **ret, struct err *e)
{
    json_error_t je;
    json_t *value;

    if (len > max_bytes)
        return err_set(e, ERR_LIMIT, "JSON of %zu bytes, at most %zu are read", len, max_bytes);
    if (check_extent(text, len, e) < 0)
        return -1;
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    if (!value) /* jansson's text may quote the input, which may be a secret: only its place is passed on */
        return err_set(e, ERR_INVALID, "broken JSON in line %d, column %d", je.line, je.column);
    *ret = value;
    return 0;
}

json_t *doc_parse_own(const char *text)
{
    json_t *value;

    if (doc_parse(text, strlen(text), SIZE_MAX, &value, NULL) < 0)
        abort(); /* a bug in this program */
    return value;
}

int doc_real_digits(double value)
{
    char text[64];
    int digits = 15;

    for (; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return digits;
}

/* The digits that the most demanding real in the value needs: jansson takes one number for all. */
static int most_digits(const json_t *value)
{
    int most = 15, digits;
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_real(value))
        return doc_real_digits(json_real_value(value));
    json_array_foreach(value, i, item) {
        digits = most_digits(item);
        most = digits > most ? digits : most;
    }
    json_object_foreach((json_t *)value, key, item) {
        digits = most_digits(item);
        most = digits > most ? digits : most;
    }
    return most;
}

static char *dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value ? value : json_null(),
                            flags | JSON_REAL_PRECISION(most_digits(value)) | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (!text)
        abort();
    return text;
}

/* --- compact text, as jansson's but several times as fast --- */

/* Where a text is written to; without `to` it is only measured. */
struct sink {
    char *to;
    size_t len;
};

static void emit(struct sink *s, const char *text, size_t len)
{
    if (s->to)
        memcpy(s->to + s->len, text, len);
    s->len += len;
}

static void emit_escaped(struct sink *s, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", words[] = "\"\\bfnrt";
    const char *at = c ? strchr(plain, c) : NULL;
    char text[8];
    int len = at ? snprintf(text, sizeof(text), "\\%c", words[at - plain]) : snprintf(text, sizeof(text), "\\u%04X", c);

    emit(s, text, (size_t)len);
}

static void emit_string(struct sink *s, const char *text, size_t len)
{
    size_t from = 0;

    emit(s, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        emit(s, text + from, i - from);
        emit_escaped(s, c);
        from = i + 1;
    }
    emit(s, text + from, len - from);
    emit(s, "\"", 1);
}

static void emit_number(struct sink *s, const json_t *value)
{
    _cleanup_free_ char *real = json_is_real(value) ? dump(value, JSON_COMPACT) : NULL;
    char integer[32];

    if (!real)
        snprintf(integer, sizeof(integer), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    emit(s, real ? real : integer, strlen(real ? real : integer));
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void emit_value(struct sink *s, const json_t *value);

static void emit_object(struct sink *s, const json_t *value)
{
    enum { FEW = 32 };
    const char *few[FEW], **keys = few, *key;
    size_t len = json_object_size(value), n = 0;
    json_t *item;

    if (len > FEW)
        keys = NEW_ARRAY(const char *, len);
    json_object_foreach((json_t *)value, key, item)
        keys[n++] = key;
    if (s->to)
        qsort(keys, n, sizeof(*keys), by_key);
    emit(s, "{", 1);
    for (size_t i = 0; i < n; i++) {
        emit(s, ",", i > 0);
        emit_string(s, keys[i], strlen(keys[i]));
        emit(s, ":", 1);
        emit_value(s, json_object_get(value, keys[i]));
    }
    emit(s, "}", 1);
    if (keys != few)
        free(keys);
}

static void emit_array(struct sink *s, const json_t *value)
{
    json_t *item;
    size_t i;

    emit(s, "[", 1);
    json_array_foreach(value, i, item) {
        emit(s, ",", i > 0);
        emit_value(s, item);
    }
    emit(s, "]", 1);
}

static void emit_value(struct sink *s, const json_t *value)
{
    static const char *const words[] = {[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null"};

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        emit_object(s, value);
        break;
    case JSON_ARRAY:
        emit_array(s, value);
        break;
    case JSON_STRING:
        emit_string(s, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        emit_number(s, value);
        break;
    default:
        emit(s, words[json_typeof(value)], strlen(words[json_typeof(value)]));
    }
}

/* Measured before it is written: a buffer that grows would leave parts of a secret behind. */
char *doc_text(const json_t *value)
{
    const json_t *all = value ? value : json_null();
    struct sink s = {0};

    emit_value(&s, all);
    s = (struct sink){.to = NEW_ARRAY(char, s.len + 1)};
    emit_value(&s, all);
    s.to[s.len] = '\0';
    return s.to;
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
            if (!json_is_object(at))
                return NULL;
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

    if (value && !copy)
        abort(); /* out of memory */
    return copy;
}

void doc_drop_nulls(json_t *value)
{
    const char *key;
    json_t *item;
    void *next;
    size_t i;

    json_array_foreach(value, i, item)
        doc_drop_nulls(item);
    json_object_foreach_safe(value, next, key, item)
    {
        if (json_is_null(item))
            json_object_del(value, key);
        else
            doc_drop_nulls(item);
    }
}

json_t *doc_new_string(const char *text)
{
    json_t *value = json_string(text);

    if (text && !value) {
        _cleanup_free_ char *clean = str_dup(text);
        str_clean_utf8(clean);
        value = json_string(clean);
    }
    return value;
}

bool doc_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *item;
    size_t i;

    if (!a || !b)
        return a == b;
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)a, key, item)
            if (!doc_equal(item, json_object_get(b, key)))
                return false;
        return true;
    }
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach(a, i, item)
            if (!doc_equal(item, json_array_get(b, i)))
                return false;
        return true;
    }
    return json_equal(a, b);
}

size_t doc_weight(const json_t *value, int *ret_depth)
{
    size_t weight = 1, i;
    int depth = 0, below = 0;
    const char *key;
    json_t *item;

    json_array_foreach(value, i, item) {
        weight += doc_weight(item, &below);
        depth = below > depth ? below : depth;
    }
    json_object_foreach((json_t *)value, key, item) {
        weight += strlen(key) + doc_weight(item, &below);
        depth = below > depth ? below : depth;
    }
    if (json_is_string(value))
        weight += json_string_length(value);
    if (ret_depth)
        *ret_depth = depth + 1;
    return weight;
}

void doc_path_key(struct buf *path, const char *key)
{
    if (!*key || strpbrk(key, ".[]\""))
        buf_printf(path, "[\"%s\"]", key);
    else
        buf_printf(path, "%s%s", path->len ? "." : "", key);
}

void doc_path_index(struct buf *path, size_t index)
{
    buf_printf(path, "[%zu]", index);
}

json_t *doc_find(const json_t *seq, const char *key, const char *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(seq, i, item)
        if (value && str_eq(doc_string(item, key), value))
            return item;
    return NULL;
}
