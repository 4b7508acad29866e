#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    bool retry;
    int exit_code;
} classes[] = {
#define X(id, name, retry, exit_code) [ERR_##id] = {name, retry, exit_code},
    ERR_CLASSES(X)
#undef X
};

/* After `wanted` bytes were to be written into `text`: marks the cut, never within a character. */
static void finish(char *text, size_t size, int wanted)
{
    static const char mark[] = "...";
    size_t end = size - sizeof(mark);

    if (wanted >= 0 && (size_t)wanted >= size) {
        while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
            end--;
        memcpy(text + end, mark, sizeof(mark));
    }
    str_clean_utf8(text);
}

int err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    e->class = class;
    va_start(ap, fmt);
    finish(e->text, sizeof(e->text), vsnprintf(e->text, sizeof(e->text), fmt, ap));
    va_end(ap);
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char context[ERR_TEXT_MAX], inner[ERR_TEXT_MAX];
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    memcpy(inner, e->text, sizeof(inner));
    finish(e->text, sizeof(e->text), snprintf(e->text, sizeof(e->text), "%s: %s", context, inner));
    return -1;
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    char context[ERR_TEXT_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    return err_set(e, ERR_IO, "%s: %s", context, strerror(errnum));
}

void err_clear(struct err *e)
{
    e->class = ERR_NONE;
    e->text[0] = '\0';
}

const char *err_class_name(enum err_class class)
{
    return classes[class].name;
}

bool err_class_retries(enum err_class class)
{
    return classes[class].retry;
}

int err_class_exit_code(enum err_class class)
{
    return classes[class].exit_code;
}
