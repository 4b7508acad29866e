#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/yaml_impl.h"

enum { PLACE_PATH_MAX = 512, PLACES_MAX = 20000, KEY_SHOWN_MAX = 100 };

struct doc_position doc_piece_position(const struct doc_piece *p, size_t offset)
{
    struct doc_position at = {p->line + 1, 1};

    for (size_t i = 0; i < offset && i < p->len; i++) {
        if (p->text[i] == '\n')
            at = (struct doc_position){at.line + 1, 1};
        else
            at.column += (p->text[i] & 0xc0) != 0x80; /* a byte that begins a character */
    }
    return at;
}

int doc_piece_fail(const struct doc_piece *p, struct doc_position at, struct err *e, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return err_set(e, ERR_INVALID, "%s:%zu:%zu: %s", p->name, at.line, at.column, buf_str(&text));
}

int doc_piece_fail_duplicate(const struct doc_piece *p, struct doc_position at, const char *key, size_t first_line,
                             struct err *e)
{
    _cleanup_free_ char *first = first_line ? str_printf(", first in line %zu", first_line) : str_dup("");
    _cleanup_free_ char *name = str_dup_short(p->secret ? "(not shown)" : key, KEY_SHOWN_MAX);

    return doc_piece_fail(p, at, e, "field \"%s\" is given twice%s", name, first);
}

void doc_note_place(json_t *places, const struct buf *path, size_t line)
{
    if (path->len <= PLACE_PATH_MAX && json_object_size(places) < PLACES_MAX)
        json_object_set_new(places, buf_str(path), json_integer((json_int_t)line));
}

int yaml_documents_add(const struct doc_piece *p, struct yaml_documents *docs, json_t *value, json_t *places,
                       struct err *e)
{
    ARRAY_RESERVE_ONE(docs->items, docs->len, docs->cap);
    docs->items[docs->len++] = (struct yaml_document){value, places};
    if (docs->len <= YAML_DOCUMENTS_MAX)
        return 0;
    return err_set(e, ERR_LIMIT, "%s: more than %d documents", p->name, YAML_DOCUMENTS_MAX);
}

void yaml_documents_truncate(struct yaml_documents *docs, size_t len)
{
    for (; docs->len > len; docs->len--) {
        json_decref(docs->items[docs->len - 1].value);
        json_decref(docs->items[docs->len - 1].places);
    }
}

void yaml_documents_release(struct yaml_documents *docs)
{
    yaml_documents_truncate(docs, 0);
    free(docs->items);
    *docs = (struct yaml_documents){0};
}

int yaml_line(const struct yaml_document *doc, const char *path)
{
    _cleanup_free_ char *at = str_dup(path);

    for (;;) {
        const json_t *line = json_object_get(doc->places, at);
        size_t cut = strlen(at);

        if (line)
            return (int)json_integer_value(line);
        if (!*at)
            return 0;
        while (cut && at[--cut] != '.' && at[cut] != '[')
            ;
        at[cut] = '\0';
    }
}
