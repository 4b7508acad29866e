#include "doc/yaml_impl.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

#define TAG "tag:yaml.org,2002:"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one to be read next */
    const struct doc_piece *piece;
    struct map *anchors;    /* name -> json_t; of this document */
    size_t *expansion_left; /* bytes that aliases may still copy */
    json_t *places;         /* borrowed; of this document */
    struct buf path;
    int depth;
    struct err *e;
};

static int read_node(struct reader *r, json_t **ret);

static struct doc_position position(const struct reader *r, yaml_mark_t at)
{
    return (struct doc_position){r->piece->line + at.line + 1, at.column + 1};
}

/* Where libyaml is at the end it may be on a line that does not exist. */
static struct doc_position position_of_problem(const struct reader *r, yaml_mark_t at)
{
    struct doc_position end = doc_piece_position(r->piece, r->piece->len), p = position(r, at);

    return p.line > end.line ? end : p;
}

__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, yaml_mark_t at, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return doc_piece_fail(r->piece, position(r, at), r->e, "%s", buf_str(&text));
}

/* A part of the text, for a message. */
static const char *shown(const struct reader *r, const char *part)
{
    return r->piece->secret ? "(not shown)" : part;
}

/* Goes on to the next event. libyaml's words for a problem quote nothing of the text, which may hold secrets. */
static int advance(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;

    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    if (p->error == YAML_READER_ERROR)
        return doc_piece_fail(r->piece, doc_piece_position(r->piece, p->problem_offset), r->e, "%s", p->problem);
    return doc_piece_fail(r->piece, position_of_problem(r, p->problem_mark), r->e, "broken YAML: %s%s%s",
                          str_or(p->problem, "unknown problem"), p->context ? " " : "", str_or(p->context, ""));
}

static void note_place(struct reader *r, yaml_mark_t at)
{
    doc_note_place(r->places, &r->path, position(r, at).line);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(text, *words))
            return true;
    return false;
}

static bool is_null_word(const char *text)
{
    return is_one_of(text, (const char *const[]){"", "~", "null", "Null", "NULL", NULL});
}

/* The booleans that kubectl reads in an unquoted scalar. */
static bool is_true_word(const char *text)
{
    return is_one_of(
        text, (const char *const[]){"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", NULL});
}

static bool is_false_word(const char *text)
{
    return is_one_of(
        text, (const char *const[]){"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N", NULL});
}

/* Infinity and "not a number" have no form in JSON. */
static bool is_odd_float(const char *text)
{
    return is_one_of(text, (const char *const[]){".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
                                                 "-.INF", ".nan", ".NaN", ".NAN", NULL});
}

/* 12, 0x1f, 0b11, and octal both as 0o17 and as 017, which is how file modes are written. */
static bool is_integer(const char *text, bool *ret_fits, int64_t *ret)
{
    const char *p = text + (*text == '+' || *text == '-');
    bool negative = *text == '-';
    uint64_t n = 0, most = (uint64_t)INT64_MAX + negative;
    unsigned base = 10;

    *ret_fits = true;
    if (p[0] == '0' && p[1]) {
        char mark = p[1] | 0x20;
        base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
        p += mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1;
        /* 08 is no octal number, so it is a decimal one */
        if (base == 8 && p[-1] == '0' && strpbrk(p, "89"))
            base = 10;
    }
    if (!*p)
        return false;
    for (; *p; p++) {
        char c = *p | 0x20;
        unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit >= base)
            return false;
        if (*ret_fits && (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n) || n > most))
            *ret_fits = false;
    }
    *ret = (int64_t)(negative ? -n : n);
    return true;
}

/* [-+]? ( .5 | 5 | 5. | 5.5 ) and perhaps an exponent */
static bool is_real(const char *text)
{
    static const char digits[] = "0123456789";
    const char *p = text + (*text == '+' || *text == '-');
    size_t before = strspn(p, digits), behind = 0;

    p += before;
    if (*p == '.') {
        behind = strspn(++p, digits);
        p += behind;
    }
    if (!before && !behind)
        return false;
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '+' || p[1] == '-');
        if (!*p)
            return false;
        p += strspn(p, digits);
    }
    return !*p;
}

/* A number, with the underscores that YAML 1.1 allows between its digits. *ret is NULL where it is none. */
static int read_number(struct reader *r, const char *text, json_t **ret)
{
    _cleanup_free_ char *plain = mem_new0(strlen(text) + 1, 1);
    size_t len = 0;
    bool fits;
    int64_t n;

    *ret = NULL;
    if (!*text || !strchr("0123456789+-.", *text))
        return 0;
    for (const char *p = text; *p; p++)
        if (*p != '_' || *text == '.')
            plain[len++] = *p;
    if (is_integer(plain, &fits, &n)) {
        if (!fits)
            return fail(r, r->event.start_mark,
                        "the number needs more than 64 bits; quote it where it is meant as text");
        *ret = json_integer(n);
    } else if (is_real(plain)) {
        double value = strtod(plain, NULL);
        if (!isfinite(value))
            return fail(r, r->event.start_mark, "the number is too large; quote it where it is meant as text");
        *ret = json_real(value);
    }
    return 0;
}

/* What an unquoted scalar without a tag means. */
static int read_plain(struct reader *r, const char *text, json_t **ret)
{
    if (is_null_word(text))
        *ret = json_null();
    else if (is_true_word(text))
        *ret = json_true();
    else if (is_false_word(text))
        *ret = json_false();
    else if (is_odd_float(text))
        return fail(r, r->event.start_mark,
                    "infinity and not-a-number cannot be used; quote it where it is meant as text");
    else if (read_number(r, text, ret) < 0)
        return -1;
    else if (!*ret)
        *ret = json_string(text);
    return 0;
}

/* A scalar with a core tag: the tag says the type, and the text must be of it. */
static int read_tagged(struct reader *r, const char *tag, json_t **ret)
{
    const char *text = (const char *)r->event.data.scalar.value;
    _cleanup_json_ json_t *value = NULL;

    if (str_eq(tag, TAG "str")) {
        *ret = json_stringn(text, r->event.data.scalar.length);
        return 0;
    }
    if (!is_one_of(tag, (const char *const[]){TAG "int", TAG "float", TAG "bool", TAG "null", NULL}))
        return fail(r, r->event.start_mark, "tag %s is not supported; the core tags are (!!str, !!int, ...)",
                    shown(r, tag));
    if (read_plain(r, text, &value) < 0)
        return -1;
    if (str_eq(tag, TAG "float") && json_is_integer(value)) {
        *ret = json_real((double)json_integer_value(value));
        return 0;
    }
    if (!(str_eq(tag, TAG "int") && json_is_integer(value)) && !(str_eq(tag, TAG "float") && json_is_real(value)) &&
        !(str_eq(tag, TAG "bool") && json_is_boolean(value)) && !(str_eq(tag, TAG "null") && json_is_null(value)))
        return fail(r, r->event.start_mark, "the value is not of the type that its tag !!%s says", tag + strlen(TAG));
    *ret = TAKE_PTR(value);
    return 0;
}

/* Leaves the event where it is. */
static int read_scalar(struct reader *r, json_t **ret)
{
    const char *text = (const char *)r->event.data.scalar.value;
    const char *tag = (const char *)r->event.data.scalar.tag;

    if (tag && *tag)
        return read_tagged(r, tag, ret);
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return read_plain(r, text, ret);
    *ret = json_stringn(text, r->event.data.scalar.length);
    return 0;
}

/* A copy of what the alias stands for; leaves the event where it is. */
static int read_alias(struct reader *r, json_t **ret)
{
    const json_t *value = map_get(r->anchors, (const char *)r->event.data.alias.anchor);
    size_t weight;
    int depth;

    if (!value)
        return fail(r, r->event.start_mark, "alias of an anchor that is not (yet) defined");
    weight = doc_weight(value, &depth);
    if (weight > *r->expansion_left)
        return fail(r, r->event.start_mark, "aliases expand to more than may be read");
    if (r->depth + depth > DOC_DEPTH_MAX)
        return fail(r, r->event.start_mark, "nested deeper than %d", DOC_DEPTH_MAX);
    *r->expansion_left -= weight;
    *ret = doc_copy(value);
    return 0;
}

static void define_anchor(struct reader *r, const char *anchor, json_t *value)
{
    if (anchor)
        map_put(r->anchors, anchor, json_incref(value));
}

/* Before the items of a collection; *ret_anchor is owned by the caller and may be NULL. */
static int enter(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag, const char *core_tag,
                 char **ret_anchor)
{
    _cleanup_free_ char *name = NULL;

    if (tag && *tag && !str_eq((const char *)tag, core_tag) && !str_eq((const char *)tag, "!"))
        return fail(r, r->event.start_mark, "tag %s is not supported here", shown(r, (const char *)tag));
    if (r->depth == DOC_DEPTH_MAX)
        return fail(r, r->event.start_mark, "nested deeper than %d", DOC_DEPTH_MAX);
    name = str_dup((const char *)anchor);
    if (advance(r) < 0)
        return -1;
    r->depth++;
    *ret_anchor = TAKE_PTR(name);
    return 0;
}

static int read_seq(struct reader *r, json_t **ret)
{
    _cleanup_json_ json_t *seq = json_array();
    _cleanup_free_ char *anchor = NULL;
    size_t path = r->path.len;

    if (enter(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag, TAG "seq", &anchor) < 0)
        return -1;
    while (r->event.type != YAML_SEQUENCE_END_EVENT) {
        json_t *item = NULL;

        doc_path_index(&r->path, json_array_size(seq));
        note_place(r, r->event.start_mark);
        if (read_node(r, &item) < 0)
            return -1;
        json_array_append_new(seq, item);
        buf_truncate(&r->path, path);
    }
    r->depth--;
    define_anchor(r, anchor, seq);
    if (advance(r) < 0)
        return -1;
    *ret = TAKE_PTR(seq);
    return 0;
}

/* Fields that a merge key (<<) brings in do not replace those that an earlier one brought. */
static int inherit(struct reader *r, yaml_mark_t at, json_t *inherited, const json_t *from)
{
    json_t *item;
    size_t i;

    if (json_is_object(from)) {
        json_object_update_missing(inherited, (json_t *)from);
        return 0;
    }
    json_array_foreach(from, i, item)
        if (!json_is_object(item))
            break;
    if (!json_is_array(from) || i < json_array_size(from))
        return fail(r, at, "only maps can be merged with \"<<\"");
    json_array_foreach(from, i, item)
        json_object_update_missing(inherited, item);
    return 0;
}

/*
 * The name of a field. Unquoted keys that YAML reads as something else than text, like `on`, would get another
 * name from other parsers: they are refused, but for plain decimal numbers.
 */
static int read_key(struct reader *r, char **ret)
{
    _cleanup_free_ char *anchor = NULL;
    _cleanup_json_ json_t *key = NULL;
    yaml_mark_t at = r->event.start_mark;

    if (r->event.type == YAML_ALIAS_EVENT) {
        if (read_alias(r, &key) < 0)
            return -1;
    } else if (r->event.type == YAML_SCALAR_EVENT) {
        if (read_scalar(r, &key) < 0)
            return -1;
        anchor = str_dup((const char *)r->event.data.scalar.anchor);
    } else {
        return fail(r, at, "the key of a field must be text");
    }
    define_anchor(r, anchor, key);
    if (json_is_integer(key)) {
        *ret = str_printf("%" JSON_INTEGER_FORMAT, json_integer_value(key));
        if (r->event.type == YAML_SCALAR_EVENT && !str_eq(*ret, (const char *)r->event.data.scalar.value)) {
            free(TAKE_PTR(*ret));
            return fail(r, at, "the key is read as a number; put it in quotes");
        }
    } else if (!json_is_string(key)) {
        return fail(r, at, "the key is not read as text; put it in quotes");
    } else if (json_string_length(key) != strlen(json_string_value(key))) {
        return fail(r, at, "the key holds a zero byte");
    } else {
        *ret = str_dup(json_string_value(key));
    }
    return 0;
}

static bool is_merge_key(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;

    return event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!tag || str_eq(tag, TAG "merge")) && str_eq((const char *)event->data.scalar.value, "<<");
}

static int fail_duplicate(struct reader *r, yaml_mark_t at, const char *key)
{
    size_t first = (size_t)json_integer_value(json_object_get(r->places, buf_str(&r->path)));

    return doc_piece_fail_duplicate(r->piece, position(r, at), key, first, r->e);
}

/* One field of a map, or what its merge key brings in. */
static int read_field(struct reader *r, json_t *map, json_t *inherited, bool *merged)
{
    _cleanup_free_ char *key = NULL;
    _cleanup_json_ json_t *value = NULL;
    yaml_mark_t at = r->event.start_mark;
    bool merge = is_merge_key(&r->event);
    size_t path = r->path.len;

    if (merge)
        key = str_dup("<<");
    else if (read_key(r, &key) < 0)
        return -1;
    doc_path_key(&r->path, key);
    if (merge ? *merged : json_object_get(map, key) != NULL)
        return fail_duplicate(r, at, key);
    if (!merge)
        note_place(r, at);
    if (advance(r) < 0 || read_node(r, &value) < 0)
        return -1;
    buf_truncate(&r->path, path);
    if (merge) {
        *merged = true;
        return inherit(r, at, inherited, value);
    }
    json_object_set_new(map, key, TAKE_PTR(value));
    return 0;
}

static int read_map(struct reader *r, json_t **ret)
{
    _cleanup_json_ json_t *map = json_object(), *inherited = json_object();
    _cleanup_free_ char *anchor = NULL;
    bool merged = false;

    if (enter(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag, TAG "map", &anchor) < 0)
        return -1;
    while (r->event.type != YAML_MAPPING_END_EVENT)
        if (read_field(r, map, inherited, &merged) < 0)
            return -1;
    r->depth--;
    json_object_update_missing(map, inherited);
    define_anchor(r, anchor, map);
    if (advance(r) < 0)
        return -1;
    *ret = TAKE_PTR(map);
    return 0;
}

/* The node that starts at the current event; the event behind it is current afterwards. */
static int read_node(struct reader *r, json_t **ret)
{
    _cleanup_json_ json_t *value = NULL;

    switch (r->event.type) {
    case YAML_SEQUENCE_START_EVENT:
        return read_seq(r, ret);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, ret);
    case YAML_ALIAS_EVENT:
        if (read_alias(r, &value) < 0)
            return -1;
        break;
    default:
        if (read_scalar(r, &value) < 0)
            return -1;
        define_anchor(r, (const char *)r->event.data.scalar.anchor, value);
        break;
    }
    if (advance(r) < 0)
        return -1;
    *ret = TAKE_PTR(value);
    return 0;
}

static bool is_empty_document(const yaml_event_t *root)
{
    return root->type == YAML_SCALAR_EVENT && root->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           !root->data.scalar.length && !root->data.scalar.tag && !root->data.scalar.anchor;
}

static void release_value(void *value)
{
    json_decref(value);
}

/* From the start of a document to its end. */
static int read_document(struct reader *r, struct yaml_documents *docs)
{
    _cleanup_json_ json_t *value = NULL, *places = json_object();
    _cleanup_map_ struct map *anchors = map_new(release_value);

    if (advance(r) < 0)
        return -1;
    if (is_empty_document(&r->event))
        return advance(r);
    r->places = places;
    r->anchors = anchors;
    r->depth = 0;
    buf_reset(&r->path);
    note_place(r, r->event.start_mark);
    if (read_node(r, &value) < 0)
        return -1;
    return yaml_documents_add(r->piece, docs, TAKE_PTR(value), TAKE_PTR(places), r->e);
}

static int read_stream(struct reader *r, struct yaml_documents *docs)
{
    for (;;) {
        if (advance(r) < 0)
            return -1;
        if (r->event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (r->event.type == YAML_DOCUMENT_START_EVENT && read_document(r, docs) < 0)
            return -1;
    }
}

int yaml_read_piece(const struct doc_piece *p, size_t *expansion_left, struct yaml_documents *docs, size_t *ret_line,
                    struct err *e)
{
    struct reader r = {.piece = p, .expansion_left = expansion_left, .e = e};
    int result;

    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)p->text, p->len);
    result = read_stream(&r, docs);
    *ret_line = position(&r, r.parser.mark).line;
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    buf_release(&r.path);
    return result;
}
