#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml_impl.h"

#define MARK "\xef\xbb\xbf"

/* The halves of surrogate pairs, 0x400 of each, and the length of an escape such as \ud800. */
enum { HIGH_HALF = 0xd800, LOW_HALF = 0xdc00, UNIT_LEN = 6 };

struct reader {
    const struct doc_piece *piece;
    size_t at;
    size_t line, counted; /* the line of the byte `counted`, which is not behind `at` */
    size_t too_deep;      /* the first byte that nests too deep */
    json_t *places;       /* borrowed; of this document */
    struct buf path;
    struct err *e;
};

static size_t line_end(const struct doc_piece *p, size_t at)
{
    const char *end = memchr(p->text + at, '\n', p->len - at);

    return end ? (size_t)(end - p->text) : p->len;
}

/* Over space, and where `marks` says so over byte order marks and comments, which only stand between documents. */
static size_t skip_space(const struct doc_piece *p, size_t at, bool marks)
{
    for (;;) {
        const char *text = p->text + at;
        size_t left = p->len - at;
        if (left && strchr(" \t\r\n", *text) && *text)
            at++;
        else if (marks && left >= strlen(MARK) && memcmp(text, MARK, strlen(MARK)) == 0)
            at += strlen(MARK);
        else if (marks && left && *text == '#' && (at == 0 || strchr(" \t\r\n", text[-1])))
            at = line_end(p, at);
        else
            return at;
    }
}

/* "---" or "...": the line where a document begins or ends. */
static bool is_marker(const struct doc_piece *p, size_t at, const char *marker)
{
    const char *text = p->text + at;
    size_t left = p->len - at;

    return (at == 0 || text[-1] == '\n') && left >= 3 && memcmp(text, marker, 3) == 0 &&
           (left == 3 || (text[3] && strchr(" \t\r\n", text[3])));
}

/* Where the first document begins. */
static size_t begin(const struct doc_piece *p)
{
    size_t at = skip_space(p, 0, true);

    return is_marker(p, at, "---") ? skip_space(p, at + 3, true) : at;
}

static bool is_open(const struct doc_piece *p, size_t at)
{
    return at < p->len && (p->text[at] == '{' || p->text[at] == '[');
}

enum json_likeness json_likeness(const struct doc_piece *p)
{
    size_t at = begin(p), next;

    if (!is_open(p, at))
        return JSON_NOT;
    next = skip_space(p, at + 1, false);
    return next < p->len && strchr(p->text[at] == '{' ? "\"}" : "\"{]", p->text[next]) ? JSON_SURE : JSON_MAYBE;
}

__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, size_t offset, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return doc_piece_fail(r->piece, doc_piece_position(r->piece, offset), r->e, "%s", buf_str(&text));
}

/* What jansson says of the text that begins at `start`; its words may quote the text. */
static int fail_as(struct reader *r, size_t start, const json_error_t *je)
{
    size_t offset = start + (je->position > 0 ? (size_t)je->position : 0);

    if (r->too_deep < offset)
        return fail(r, r->too_deep, "nested deeper than %d", DOC_DEPTH_MAX);
    switch (json_error_code(je)) {
    case json_error_premature_end_of_input:
        return fail(r, r->piece->len, "broken JSON: it ends too early");
    case json_error_numeric_overflow:
        return fail(r, offset, "the number %s; quote it where it is meant as text",
                    strstr(je->text, "real") ? "is too large" : "needs more than 64 bits");
    case json_error_null_byte_in_key:
        return fail(r, offset, "the key holds a zero byte");
    case json_error_invalid_utf8:
        return fail(r, offset, "invalid UTF-8");
    default:
        return fail(r, offset, r->piece->secret ? "broken JSON" : "broken JSON: %s", je->text);
    }
}

static size_t line_of(struct reader *r, size_t at)
{
    for (; r->counted < at; r->counted++)
        r->line += r->piece->text[r->counted] == '\n';
    return r->line;
}

static void note_place(struct reader *r, size_t at)
{
    doc_note_place(r->places, &r->path, line_of(r, at));
}

static int walk(struct reader *r);

/* A field, at its name. `seen` has the lines of those before it. */
static int walk_field(struct reader *r, json_t *seen)
{
    const struct doc_piece *p = r->piece;
    size_t start = r->at, path = r->path.len;
    _cleanup_json_ json_t *name = NULL;
    const char *key;

    r->at = doc_skip_string(p->text, p->len, start, NULL);
    name = json_loadb(p->text + start, r->at - start, JSON_DECODE_ANY, NULL);
    key = str_or(json_string_value(name), "");
    if (json_object_get(seen, key))
        return doc_piece_fail_duplicate(p, doc_piece_position(p, start), key,
                                        (size_t)json_integer_value(json_object_get(seen, key)), r->e);
    json_object_set_new(seen, key, json_integer((json_int_t)line_of(r, start)));
    doc_path_key(&r->path, key);
    note_place(r, start);
    r->at = skip_space(p, skip_space(p, r->at, false) + 1, false);
    if (walk(r) < 0)
        return -1;
    buf_truncate(&r->path, path);
    return 0;
}

static int walk_item(struct reader *r, size_t index)
{
    size_t path = r->path.len;

    doc_path_index(&r->path, index);
    note_place(r, r->at);
    if (walk(r) < 0)
        return -1;
    buf_truncate(&r->path, path);
    return 0;
}

/* Over the value that begins here, which was read before and is JSON: where its fields are, and whether two have one
 * name. */
static int walk(struct reader *r)
{
    const struct doc_piece *p = r->piece;
    char open = p->text[r->at], close = open == '{' ? '}' : ']';
    _cleanup_json_ json_t *seen = NULL;

    if (open == '"') {
        r->at = doc_skip_string(p->text, p->len, r->at, NULL);
        return 0;
    }
    if (open != '{' && open != '[') {
        while (r->at < p->len && !strchr(",]} \t\r\n", p->text[r->at]))
            r->at++;
        /* jansson passes over it. */
        return r->at == p->len || p->text[r->at] ? 0 : fail(r, r->at, "broken JSON: a zero byte");
    }
    seen = open == '{' ? json_object() : NULL;
    r->at++;
    for (size_t i = 0;; i++) {
        r->at = skip_space(p, r->at, false);
        if (p->text[r->at] == ',')
            r->at = skip_space(p, r->at + 1, false);
        if (p->text[r->at] == close)
            break;
        if ((seen ? walk_field(r, seen) : walk_item(r, i)) < 0)
            return -1;
    }
    r->at++;
    return 0;
}

/* The document that begins here. */
static int read_document(struct reader *r, struct yaml_documents *docs)
{
    const struct doc_piece *p = r->piece;
    _cleanup_json_ json_t *value = NULL, *places = json_object();
    json_error_t je;

    value = json_loadb(p->text + r->at, p->len - r->at, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &je);
    if (!value || r->too_deep < r->at + (size_t)je.position)
        return fail_as(r, r->at, &je);
    r->places = places;
    buf_reset(&r->path);
    note_place(r, r->at);
    if (walk(r) < 0)
        return -1;
    return yaml_documents_add(p, docs, TAKE_PTR(value), TAKE_PTR(places), r->e);
}

static int read_documents(struct reader *r, struct yaml_documents *docs)
{
    const struct doc_piece *p = r->piece;

    do {
        if (!is_open(p, r->at))
            return fail(r, r->at, "broken JSON: expected is another document or the end");
        if (read_document(r, docs) < 0)
            return -1;
        r->at = skip_space(p, r->at, true);
    } while (r->at < p->len && !is_marker(p, r->at, "..."));
    return 0;
}

/* What the escape \uXXXX here stands for; -1: it is none. */
static int escaped_unit(const struct doc_piece *p, size_t at)
{
    int unit = 0;

    if (at + UNIT_LEN > p->len || p->text[at] != '\\' || p->text[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + UNIT_LEN; i++) {
        char c = p->text[i];
        if (!isxdigit((unsigned char)c))
            return -1;
        unit = unit * 16 + (isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

static bool is_half(int unit, int first)
{
    return unit >= first && unit < first + 0x400;
}

/*
 * Half of a surrogate pair alone is no character. Go's decoder, which kubectl uses, reads U+FFFD for it; jansson
 * refuses it. Each escape stays where it is: places in the copy are those in the text. Nothing is added where the text
 * has none.
 */
static void replace_lone_halves(const struct doc_piece *p, struct buf *copy)
{
    for (size_t at = 0; at < p->len; at++) {
        int unit;
        if (p->text[at] != '\\')
            continue;
        unit = escaped_unit(p, at);
        if (is_half(unit, HIGH_HALF) && is_half(escaped_unit(p, at + UNIT_LEN), LOW_HALF)) {
            at += 2 * UNIT_LEN - 1;
            continue;
        }
        if (is_half(unit, HIGH_HALF) || is_half(unit, LOW_HALF)) {
            if (!copy->len)
                buf_add(copy, p->text, p->len);
            memcpy(copy->data + at, "\\uFFFD", UNIT_LEN);
        }
        at++; /* what is behind the backslash begins no escape */
    }
}

static int read_piece(const struct doc_piece *p, struct yaml_documents *docs, struct err *e)
{
    size_t start = begin(p);
    struct reader r = {.piece = p, .at = start, .line = p->line + 1, .e = e};
    int result;

    r.too_deep = start + doc_find_too_deep(p->text + start, p->len - start);
    result = read_documents(&r, docs);
    buf_release(&r.path);
    return result;
}

int json_read_piece(const struct doc_piece *p, struct yaml_documents *docs, struct err *e)
{
    struct buf copy = BUF_INIT;
    struct doc_piece sound = *p;
    int result;

    if (doc_limit_values(p->text, p->len, DOC_VALUES_MAX, e) < 0)
        return err_wrap(e, "%s", p->name);
    replace_lone_halves(p, &copy);
    if (copy.len)
        sound.text = copy.data;
    result = read_piece(&sound, docs, e);
    buf_release_secret(&copy);
    return result;
}
