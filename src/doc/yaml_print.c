#include "doc/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

/* Parsers take no longer `key: value` on one line than this (1024 characters, both libyaml and Go's); then "? key". */
#define KEY_MAX 1000

struct printer {
    struct buf *out;
    bool sorted;
};

static void print_map(struct printer *p, const json_t *map, size_t indent);
static void print_seq(struct printer *p, const json_t *seq, size_t indent);

/* Whether the character may stand unescaped: it is printable in YAML 1.1 and 1.2 and no line break in either. */
static bool is_plain_rune(uint32_t rune)
{
    return (rune >= 0x20 && rune <= 0x7e) || (rune >= 0xa0 && rune <= 0xd7ff && rune != 0x2028 && rune != 0x2029) ||
           (rune >= 0xe000 && rune <= 0xfffd && rune != 0xfeff) || rune >= 0x10000;
}

/* Whether all characters may stand unescaped, besides those in `also`. */
static bool is_plain_text(const char *s, size_t len, const char *also)
{
    uint32_t rune = 0;

    for (size_t i = 0, size; i < len; i += size) {
        size = str_utf8_next(s + i, len - i, &rune);
        if (!size || !(is_plain_rune(rune) || (rune && rune < 0x80 && strchr(also, (int)rune))))
            return false;
    }
    return true;
}

/*
 * Whether some parser may read a number or a time: wider than any one grammar, so that decimal, octal, hexadecimal,
 * sexagesimal numbers and dates all fall under it. Version numbers and IPv4 addresses do not.
 */
static bool looks_like_number(const char *s)
{
    const char *digits = s + (*s == '+' || *s == '-');
    const char *dot = strchr(s, '.');

    if (!*digits || !strchr("0123456789._", *digits))
        return false;
    if (s[strspn(s, "0123456789abcdefABCDEFxXoO_+-.:tTzZ ")])
        return false;
    return !(dot && strchr(dot + 1, '.') && !s[strspn(s, "0123456789.")]);
}

/* Whether an unquoted `s` is a word with a meaning of its own, in whatever letter case. */
static bool is_word(const char *s)
{
    static const char *const words[] = {"~",    "null",  "true",  "false", "yes", "no", "on", "off", "y",  "n",
                                        ".inf", "-.inf", "+.inf", ".nan",  "<<",  "=",  "-",  "---", "..."};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return false;
}

/* Whether a parser of YAML 1.1 or 1.2 reads `s`, unquoted in block context, as exactly this string. */
static bool can_be_plain(const char *s, size_t len)
{
    if (!len || len != strlen(s) || !is_plain_text(s, len, ""))
        return false;
    if (strchr(" ?:,[]{}#&*!|>'\"%@`", s[0]) || (s[0] == '-' && s[1] == ' '))
        return false;
    if (s[len - 1] == ' ' || s[len - 1] == ':' || strstr(s, ": ") || strstr(s, " #"))
        return false;
    if (str_starts(s, "--- ") || str_starts(s, "... "))
        return false;
    return !is_word(s) && !looks_like_number(s);
}

/* A literal block keeps its text where it has several lines, no line break but \n, and something to see. */
static bool can_be_literal(const char *s, size_t len)
{
    return memchr(s, '\n', len) && strspn(s, " \t\n") < len && is_plain_text(s, len, "\t\n");
}

static void print_quoted(struct buf *out, const char *s, size_t len)
{
    static const char escaped[] = "\"\\\n\t\r";
    static const char letters[] = "\"\\ntr";
    uint32_t rune = 0;

    buf_add_char(out, '"');
    for (size_t i = 0, size; i < len; i += size) {
        const char *special;

        size = str_utf8_next(s + i, len - i, &rune);
        special = rune && rune < 0x80 ? strchr(escaped, (int)rune) : NULL;
        if (special)
            buf_printf(out, "\\%c", letters[special - escaped]);
        else if (is_plain_rune(rune))
            buf_add(out, s + i, size);
        else if (rune < 0x100)
            buf_printf(out, "\\x%02X", rune);
        else
            buf_printf(out, "\\u%04X", rune);
    }
    buf_add_char(out, '"');
}

static void print_literal(struct buf *out, const char *s, size_t len, size_t indent)
{
    const char *end = s + len;

    buf_add_char(out, '|');
    /* The depth of the text is guessed from its first line, unless that begins with white space. */
    if (strchr(" \t\n", s[0]))
        buf_add_char(out, '2');
    if (end[-1] != '\n')
        buf_add_char(out, '-');
    else if (len > 1 && end[-2] == '\n')
        buf_add_char(out, '+');
    buf_add_char(out, '\n');
    while (s < end) {
        const char *line_end = memchr(s, '\n', (size_t)(end - s));
        size_t line = (size_t)((line_end ? line_end : end) - s);

        if (line)
            buf_add_spaces(out, indent + 2);
        buf_add(out, s, line);
        buf_add_char(out, '\n');
        s += line + 1;
    }
}

static void print_real(struct buf *out, double value)
{
    char text[64];
    size_t whole;

    snprintf(text, sizeof(text), "%.*g", doc_real_digits(value), value);
    /* YAML 1.1 wants a dot, also before an exponent. */
    whole = strcspn(text, ".e");
    buf_add(out, text, whole);
    if (text[whole] != '.')
        buf_add_str(out, ".0");
    buf_add_str(out, text + whole);
}

/* A value that stands behind "key: " or "- ", with the end of its line. `indent` is the column of the key or dash. */
static void print_inline(struct buf *out, const json_t *value, size_t indent)
{
    const char *s = json_string_value(value);
    size_t len = json_string_length(value);

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buf_add_str(out, "{}");
        break;
    case JSON_ARRAY:
        buf_add_str(out, "[]");
        break;
    case JSON_STRING:
        if (can_be_literal(s, len)) {
            print_literal(out, s, len, indent);
            return;
        }
        if (can_be_plain(s, len))
            buf_add(out, s, len);
        else
            print_quoted(out, s, len);
        break;
    case JSON_INTEGER:
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        print_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        buf_add_str(out, "true");
        break;
    case JSON_FALSE:
        buf_add_str(out, "false");
        break;
    case JSON_NULL:
        buf_add_str(out, "null");
        break;
    }
    buf_add_char(out, '\n');
}

static void print_key(struct buf *out, const char *key, size_t indent)
{
    size_t start = out->len, len = strlen(key);

    if (can_be_plain(key, len))
        buf_add_str(out, key);
    else
        print_quoted(out, key, len);
    if (out->len - start > KEY_MAX) {
        _cleanup_free_ char *text = str_dup(buf_str(out) + start);
        buf_truncate(out, start);
        buf_printf(out, "? %s\n", text);
        buf_add_spaces(out, indent);
    }
    buf_add_char(out, ':');
}

static void print_field(struct printer *p, const char *key, const json_t *value, size_t indent)
{
    print_key(p->out, key, indent);
    if (json_object_size(value)) {
        buf_add_char(p->out, '\n');
        buf_add_spaces(p->out, indent + 2);
        print_map(p, value, indent + 2);
    } else if (json_array_size(value)) {
        buf_add_char(p->out, '\n');
        buf_add_spaces(p->out, indent);
        print_seq(p, value, indent);
    } else {
        buf_add_char(p->out, ' ');
        print_inline(p->out, value, indent);
    }
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first field starts where the output stands, which is column `indent`. */
static void print_map(struct printer *p, const json_t *map, size_t indent)
{
    _cleanup_free_ const char **keys = NEW_ARRAY(const char *, json_object_size(map));
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value)
        keys[count++] = key;
    if (p->sorted)
        qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_spaces(p->out, indent);
        print_field(p, keys[i], json_object_get(map, keys[i]), indent);
    }
}

static void print_seq(struct printer *p, const json_t *seq, size_t indent)
{
    json_t *item;
    size_t i;

    json_array_foreach(seq, i, item) {
        if (i)
            buf_add_spaces(p->out, indent);
        buf_add_str(p->out, "- ");
        if (json_object_size(item))
            print_map(p, item, indent + 2);
        else if (json_array_size(item))
            print_seq(p, item, indent + 2);
        else
            print_inline(p->out, item, indent);
    }
}

static void print(const json_t *value, struct buf *out, bool sorted)
{
    struct printer p = {out, sorted};

    if (json_object_size(value)) {
        print_map(&p, value, 0);
    } else if (json_array_size(value)) {
        print_seq(&p, value, 0);
    } else if (json_is_string(value)) {
        /* A document that is one text: parsers disagree on how deep a literal block has to be there. */
        print_quoted(out, json_string_value(value), json_string_length(value));
        buf_add_char(out, '\n');
    } else {
        print_inline(out, value, 0);
    }
}

void yaml_print(const json_t *value, struct buf *out)
{
    print(value, out, true);
}

void yaml_print_ordered(const json_t *value, struct buf *out)
{
    print(value, out, false);
}
