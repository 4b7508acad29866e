#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"

/* The longest text of an integer that may have 64 bits: the sign and 19 digits. */
#define INTEGER_MAX 20

/* Marks begin with a zero byte: no field takes that, so a mark is refused even where nobody looks for marks. */
#define STR(x) #x
#define DIGITS(x) STR(x)
static const struct mark {
    const char *says;
    const char *json;
} deep = {"must not be nested so deep: the object is nested deeper than " DIGITS(DOC_DEPTH_MAX), "\"\\u0000deep\""},
  zero_key = {"must not have the character \\u0000 in a key", "\"\\u0000key\""};

struct rewriter {
    const char *text;
    size_t len, at;
    struct buf out;
    size_t *starts; /* where the maps and sequences that are open begin in `out` */
    int depth, most;
};

static bool is_key(const struct rewriter *r, size_t end)
{
    while (end < r->len && isspace((unsigned char)r->text[end]))
        end++;
    return end < r->len && r->text[end] == ':';
}

/* Goes on behind the map or sequence that is open here; what was written since `start` becomes the mark. */
static void put_mark(struct rewriter *r, size_t start, const struct mark *mark)
{
    int open = 1;

    buf_truncate(&r->out, start);
    while (open && r->at < r->len) {
        char c = r->text[r->at];
        open += (c == '[' || c == '{') - (c == ']' || c == '}');
        r->at = c == '"' ? doc_skip_string(r->text, r->len, r->at, NULL) : r->at + 1;
    }
    /* What is cut off stays broken. */
    if (!open)
        buf_add_str(&r->out, mark->json);
}

static void put_string(struct rewriter *r)
{
    bool zero = false;
    size_t end = doc_skip_string(r->text, r->len, r->at, &zero);

    if (zero && r->depth && is_key(r, end)) {
        r->at = end;
        put_mark(r, r->starts[--r->depth], &zero_key);
        return;
    }
    buf_add(&r->out, r->text + r->at, end - r->at);
    r->at = end;
}

static bool is_too_large(const char *integer, size_t len)
{
    char text[INTEGER_MAX + 1];

    if (len > INTEGER_MAX)
        return true;
    memcpy(text, integer, len);
    text[len] = '\0';
    errno = 0;
    strtoll(text, NULL, 10);
    return errno == ERANGE;
}

static void put_number(struct rewriter *r)
{
    const char *begin = r->text + r->at;
    size_t len = 0, integer;

    while (len < r->len - r->at && (isdigit((unsigned char)begin[len]) || (begin[len] == '-' && !len)))
        len++;
    integer = len;
    while (len < r->len - r->at && begin[len] && strchr("0123456789+-.eE", begin[len]))
        len++;
    buf_add(&r->out, begin, len);
    if (integer == len && is_too_large(begin, len))
        buf_add_str(&r->out, "e0");
    r->at += len;
}

static void rewrite(struct rewriter *r)
{
    while (r->at < r->len) {
        char c = r->text[r->at];
        if (c == '"') {
            put_string(r);
        } else if (c == '-' || isdigit((unsigned char)c)) {
            put_number(r);
        } else if ((c == '[' || c == '{') && r->depth == r->most) {
            r->at++;
            put_mark(r, r->out.len, &deep);
        } else {
            if (c == '[' || c == '{')
                r->starts[r->depth++] = r->out.len;
            r->depth -= (c == ']' || c == '}') && r->depth;
            buf_add_char(&r->out, c);
            r->at++;
        }
    }
}

int doc_parse_lenient(const char *text, size_t len, size_t max_bytes, int around, json_t **ret, struct err *e)
{
    struct rewriter r = {.text = text, .len = len, .most = DOC_DEPTH_MAX + around};
    struct err strict, why;
    json_t *value = NULL;
    int result = 0;

    if (doc_parse(text, len, max_bytes, ret, &strict) == 0)
        return 0;
    if (strict.class == ERR_INVALID) {
        r.starts = NEW_ARRAY(size_t, (size_t)r.most);
        rewrite(&r);
        if ((result = doc_limit_values(r.out.data, r.out.len, DOC_VALUES_MAX, &why)) < 0)
            strict = why;
        else
            value =
                json_loadb(buf_str(&r.out), r.out.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        free(r.starts);
        buf_release_secret(&r.out);
    }
    if (!value) {
        if (e)
            *e = strict;
        return -1;
    }
    *ret = value;
    return 0;
}

const char *doc_mark(const json_t *value)
{
    static const struct mark *const marks[] = {&deep, &zero_key};
    const char *text = json_string_value(value);

    if (!text || *text || !json_string_length(value))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *name = marks[i]->json + strlen("\"\\u0000");
        if (json_string_length(value) == strlen(name) && strncmp(text + 1, name, strlen(name) - 1) == 0)
            return marks[i]->says;
    }
    return NULL;
}
