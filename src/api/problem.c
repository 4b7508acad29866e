#include "api/problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

#define QUOTE_MAX 64

/* For terminals and for programs that read lines. */
static char *printable(const char *text, size_t len)
{
    char *copy = str_dup_n(text, len);

    for (char *c = copy; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return copy;
}

void problems_add(struct problems *p, enum problem_severity severity, const char *path, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    p->errors += severity == PROBLEM_ERROR;
    if (p->len == PROBLEMS_MAX) {
        p->left_out++;
        return;
    }
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    ARRAY_RESERVE_ONE(p->items, p->len, p->cap);
    p->items[p->len++] = (struct problem){severity, printable(path, str_cut(path, PROBLEM_PATH_MAX)), buf_take(&text)};
}

char *problems_place(const char *path, const char *text, const char **ret_rest)
{
    const char *colon = *text == '[' ? strstr(text, ": ") : NULL;

    *ret_rest = colon ? colon + 2 : text;
    return str_printf("%s%.*s", path, colon ? (int)(colon - text) : 0, text);
}

void problems_refuse(struct problems *p, const char *path, const char *field, const char *fmt, ...)
{
    _cleanup_free_ char *at = field ? str_printf("%s%s%s", path, *path ? "." : "", field) : str_dup(path);
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    problems_add(p, PROBLEM_ERROR, at, "%s", buf_str(&text));
}

void problems_release(struct problems *p)
{
    for (size_t i = 0; i < p->len; i++) {
        free(p->items[i].path);
        free(p->items[i].text);
    }
    free(p->items);
    *p = (struct problems)PROBLEMS_INIT;
}

bool problems_error_at(const struct problems *p, const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < p->len; i++) {
        const struct problem *found = &p->items[i];
        if (found->severity == PROBLEM_ERROR && str_starts(found->path, path) &&
            !isalnum((unsigned char)found->path[len]))
            return true;
    }
    return false;
}

void problems_text(const struct problems *p, enum problem_severity severity, const char *separator, struct buf *out)
{
    const char *before = "";

    for (size_t i = 0; i < p->len; i++) {
        if (p->items[i].severity != severity)
            continue;
        buf_printf(out, "%s%s: %s", before, p->items[i].path, p->items[i].text);
        before = separator;
    }
    if (p->left_out && *before)
        buf_printf(out, "%sand %zu more", before, p->left_out);
}

int problems_err(const struct problems *p, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!p->errors)
        return 0;
    problems_text(p, PROBLEM_ERROR, "; ", &text);
    return err_set(e, ERR_INVALID, "%s", buf_str(&text));
}

void problems_quote(const char *text, struct buf *out)
{
    size_t len = str_cut(text, QUOTE_MAX);
    _cleanup_free_ char *shown = printable(text, len);

    buf_printf(out, text[len] ? "\"%s...\"" : "\"%s\"", shown);
}

bool problems_is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

void problems_explain(const json_t *value, struct buf *out)
{
    if (json_is_boolean(value) || json_is_number(value))
        buf_add_str(out, ": write it in quotes");
    else if (json_is_string(value) && !problems_is_text(value))
        buf_add_str(out, ": the character \\u0000 is in it, which no field takes");
}

/* A URL's user and password, which may hold any character, are left out. */
static void quote_without_password(const char *text, struct buf *out)
{
    const char *scheme_end = strstr(text, "://"), *at = scheme_end ? strrchr(scheme_end, '@') : NULL;
    _cleanup_free_ char *shown = at ? str_printf("%.*s://...%s", (int)(scheme_end - text), text, at) : NULL;

    problems_quote(str_or(shown, text), out);
}

/* Zero bytes as JSON has them. */
static void describe_string(const json_t *value, struct buf *out)
{
    const char *text = json_string_value(value), *end = text + json_string_length(value);
    _cleanup_buf_ struct buf shown = BUF_INIT;

    for (; text < end && shown.len < QUOTE_MAX; text += strlen(text) + 1) {
        buf_add_str(&shown, text);
        if (text + strlen(text) < end)
            buf_add_str(&shown, "\\u0000");
    }
    quote_without_password(buf_str(&shown), out);
}

void problems_describe(const json_t *value, struct buf *out)
{
    _cleanup_free_ char *text = NULL;

    if (!value) {
        buf_add_str(out, "missing");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_STRING:
        buf_add_str(out, "the string ");
        describe_string(value, out);
        return;
    case JSON_OBJECT:
        buf_add_str(out, "an object");
        return;
    case JSON_ARRAY:
        buf_add_str(out, "a list");
        return;
    default:
        text = doc_text(value);
        buf_add_str(out, text);
    }
}
