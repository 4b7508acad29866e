#include "base/err.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
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

/* Takes over `text`. */
static int fill(struct err *e, enum err_class class, struct buf *text)
{
    _cleanup_free_ char *shown = str_dup_short(buf_str(text), sizeof(e->text) - 1);

    e->class = class;
    memcpy(e->text, shown, strlen(shown) + 1);
    buf_release(text);
    return -1;
}

int err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return fill(e, class, &text);
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    buf_printf(&text, ": %s", e->text);
    return fill(e, e->class, &text);
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_free_ char *context = NULL;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    /* The reason is behind it, and is not to be cut off. */
    context = str_dup_short(buf_str(&text), ERR_TEXT_MAX / 2);
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
