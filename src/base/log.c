#include "base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#define LINE_MAX_BYTES 8192

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static enum log_level least_level = LOG_INFO;
static enum log_format line_format = LOG_TEXT;

void log_configure(enum log_level least, enum log_format format)
{
    least_level = least;
    line_format = format;
}

bool log_parse_format(const char *name, enum log_format *ret)
{
    if (!str_eq(name, "text") && !str_eq(name, "json"))
        return false;
    *ret = str_eq(name, "json") ? LOG_JSON : LOG_TEXT;
    return true;
}

bool log_parse_level(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq(name, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void add_quoted(struct buf *line, const char *s)
{
    buf_add_char(line, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c == '\n')
            buf_add_str(line, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\u%04x", c);
        else
            buf_add_char(line, (char)c);
    }
    buf_add_char(line, '"');
}

static bool is_plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7f)
            return false;
    return true;
}

static void add_pair(struct buf *line, const char *key, const char *value)
{
    if (line_format == LOG_JSON) {
        buf_add_char(line, ',');
        add_quoted(line, key);
        buf_add_char(line, ':');
        add_quoted(line, value);
        return;
    }
    buf_printf(line, " %s=", key);
    if (is_plain(value))
        buf_add_str(line, value);
    else
        add_quoted(line, value);
}

void log_event(enum log_level level, const char *message, ...)
{
    _cleanup_buf_ struct buf line = BUF_INIT_LIMIT(LINE_MAX_BYTES);
    char time_text[32];
    const char *key, *value;
    va_list ap;

    if (level < least_level)
        return;
    clock_rfc3339_micro(clock_now_wall(), time_text);
    if (line_format == LOG_JSON) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", time_text, level_names[level]);
        add_quoted(&line, message);
    } else {
        buf_printf(&line, "%.23sZ %-7s %s", time_text, level_names[level], message);
    }
    va_start(ap, message);
    while ((key = va_arg(ap, const char *)) && (value = va_arg(ap, const char *)))
        add_pair(&line, key, value);
    va_end(ap);
    buf_add_str(&line, line_format == LOG_JSON ? "}\n" : "\n");
    /* A full disk or a closed pipe must not stop the operator. */
    if (write(STDERR_FILENO, buf_str(&line), line.len) < 0)
        return;
}
