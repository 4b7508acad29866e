#include "doc/build.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doc/doc.h"

/*
 * Building fails only for ROWS() of the wrong kind of container, or without memory: a bug of the operator, and a
 * document with a field silently missing would be worse than none.
 */
static json_t *must(json_t *value)
{
    if (!value)
        abort();
    return value;
}

static void must_do(int result)
{
    if (result < 0)
        abort();
}

struct row row_value(const char *key, json_t *value)
{
    return value ? (struct row){ROW_VALUE, key, value} : ABSENT;
}

struct row row_string(const char *key, const char *value)
{
    return row_value(key, doc_new_string(value));
}

struct row row_format(const char *key, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return row_string(key, buf_str(&text));
}

struct row row_splice(json_t *container)
{
    return container ? (struct row){ROW_SPLICE, NULL, container} : ABSENT;
}

json_t *json_build_map(const struct row *rows)
{
    json_t *map = must(json_object());

    for (const struct row *r = rows; r->type != ROW_END; r++) {
        if (r->type == ROW_VALUE) {
            must_do(json_object_set_new(map, r->key, r->value));
        } else if (r->type == ROW_SPLICE) {
            must_do(json_object_update(map, r->value));
            json_decref(r->value);
        }
    }
    return map;
}

json_t *json_build_seq(const struct row *rows)
{
    json_t *seq = must(json_array());

    for (const struct row *r = rows; r->type != ROW_END; r++) {
        if (r->type == ROW_VALUE) {
            must_do(json_array_append_new(seq, r->value));
        } else if (r->type == ROW_SPLICE) {
            must_do(json_array_extend(seq, r->value));
            json_decref(r->value);
        }
    }
    return seq;
}

json_t *json_build_strings(const char *const *values)
{
    json_t *seq = must(json_array());

    for (; *values; values++)
        must_do(json_array_append_new(seq, doc_new_string(*values)));
    return seq;
}
