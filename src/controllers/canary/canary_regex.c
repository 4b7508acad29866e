#include "controllers/canary/canary_regex.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"

#define REPEAT_MAX 1000
#define COUNT_MAX 100000000

/* What is read of it. */
struct reading {
    const char *at;
    int depth;       /* of open parentheses */
    bool can_repeat; /* there is something that a repetition may repeat */
    const char *fault;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void fail(struct reading *r, const char *fault)
{
    if (!r->fault)
        r->fault = fault;
}

/* From a backslash on. */
static void read_escape(struct reading *r)
{
    char c = r->at[1], next = c ? r->at[2] : '\0';

    if (!c) {
        fail(r, "must not end with a backslash");
        r->at++;
        return;
    }
    if (c == '8' || c == '9' || (c >= '1' && c <= '7' && (next < '0' || next > '7')))
        fail(r, "must have no backreference, which RE2 lacks");
    if (is_letter(c) && !strchr("AaBbCDdfnPpQrSstvWwxz", c))
        fail(r, "must have no escape of a letter that RE2 lacks");
    r->at += 2;
}

/* One character of a class, whose value is wanted for a range; below 0: it is none, or many. */
static int read_member(struct reading *r)
{
    const char *end = str_starts(r->at, "[:") ? strstr(r->at, ":]") : NULL;
    char c = *r->at;

    if (end) {
        r->at = end + 2;
        return -1;
    }
    if (c == '\\') {
        read_escape(r);
        return -1;
    }
    r->at++;
    return (unsigned char)c < 0x80 ? c : -1;
}

/* From its bracket on. */
static void read_class(struct reading *r)
{
    bool is_first = true;

    r->at += r->at[1] == '^' ? 2 : 1;
    for (; *r->at && (*r->at != ']' || is_first); is_first = false) {
        int from = read_member(r), to;
        if (*r->at != '-' || !r->at[1] || r->at[1] == ']')
            continue;
        r->at++;
        to = read_member(r);
        if (from >= 0 && to >= 0 && to < from)
            fail(r, "must have no range whose end comes before its beginning");
    }
    if (!*r->at) {
        fail(r, "must have a ] for each [");
        return;
    }
    r->at++;
    r->can_repeat = true;
}

/* Behind "(?": what tells a group from another. */
static void read_kind_of_group(struct reading *r)
{
    const char *name = str_starts(r->at, "P<") ? r->at + 2 : *r->at == '<' ? r->at + 1 : NULL;
    size_t flags = strspn(r->at, "imsU-");

    if (name && (is_letter(*name) || is_digit(*name) || *name == '_')) {
        r->at = name;
    } else if (r->at[flags] == ':') {
        r->at += flags + 1;
    } else if (flags && r->at[flags] == ')') {
        r->at += flags + 1;
        r->depth--;
    } else {
        fail(r, "must have no group of a kind that RE2 lacks, such as look-around");
    }
}

static void open_group(struct reading *r)
{
    r->depth++;
    r->can_repeat = false;
    r->at++;
    if (*r->at == '?') {
        r->at++;
        read_kind_of_group(r);
    }
}

static void close_group(struct reading *r)
{
    if (--r->depth < 0)
        fail(r, "must have a ( for each )");
    r->can_repeat = true;
    r->at++;
}

/* What is no such number, or too large, is no repetition but itself. */
static bool read_count(const char **text, int *ret)
{
    const char *at = *text;

    if (!is_digit(*at) || (*at == '0' && is_digit(at[1])))
        return false;
    for (*ret = 0; is_digit(*at); at++) {
        if (*ret >= COUNT_MAX)
            return false;
        *ret = *ret * 10 + (*at - '0');
    }
    *text = at;
    return true;
}

/* How long the repetition is that begins here ("*", "{2,3}"); 0: there is none. */
static size_t repetition(const char *text, const char **ret_fault)
{
    const char *end = text + 1;
    int least, most;

    if (*text && strchr("*+?", *text))
        return 1;
    if (*text != '{' || !read_count(&end, &least))
        return 0;
    most = least;
    if (*end == ',' && *++end != '}' && !read_count(&end, &most))
        return 0;
    if (*end != '}')
        return 0;
    if (least > REPEAT_MAX || most > REPEAT_MAX || most < least)
        *ret_fault = "must repeat something 1000 times at most, and at least as often as it says first";
    return (size_t)(end - text) + 1;
}

static void repeat(struct reading *r, size_t length)
{
    const char *ignored = NULL;

    if (!r->can_repeat)
        fail(r, "must repeat something by each of *, +, ? and {}");
    r->at += length;
    if (*r->at == '?') /* as few as possible */
        r->at++;
    if (repetition(r->at, &ignored))
        fail(r, "must have one repetition after another in parentheses");
}

/* Between these nothing means anything else than itself. */
static void read_literal(struct reading *r)
{
    const char *end = strstr(r->at + 2, "\\E");

    r->can_repeat = true;
    r->at = end ? end + 2 : r->at + strlen(r->at);
}

static void read_next(struct reading *r)
{
    size_t length = repetition(r->at, &r->fault);

    if (length) {
        repeat(r, length);
    } else if (*r->at == '(') {
        open_group(r);
    } else if (*r->at == ')') {
        close_group(r);
    } else if (*r->at == '[') {
        read_class(r);
    } else if (str_starts(r->at, "\\Q")) {
        read_literal(r);
    } else if (*r->at == '\\') {
        read_escape(r);
        r->can_repeat = true;
    } else {
        r->can_repeat = *r->at != '|';
        r->at++;
    }
}

const char *canary_regex_fault(const char *regex)
{
    struct reading r = {.at = regex};

    while (*r.at && !r.fault)
        read_next(&r);
    if (r.depth > 0)
        fail(&r, "must have a ) for each (");
    return r.fault;
}
