#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#define TEXT_MAX_BYTES 4096

static const char *const level_names[] = {"debug", "info", "warning", "error"};
ARRAY_COVERS(level_names, LOG_LEVEL_LAST);
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

/* The text of one character, escaped as JSON has it. */
static void add_escaped(struct buf *line, const char *s, size_t size, const char *escape)
{
    unsigned char c = (unsigned char)*s;

    if (!size)
        buf_add_str(line, "\\ufffd");
    else if (strchr(escape, c))
        buf_printf(line, "\\%c", c);
    else if (c == '\n')
        buf_add_str(line, "\\n");
    else if (c < 0x20 || c == 0x7f)
        buf_printf(line, "\\u%04x", c);
    else
        buf_add(line, s, size);
}

static void add_text(struct buf *line, const char *s, const char *escape)
{
    size_t len = strlen(s);

    for (size_t i = 0, size; i < len; i += size ? size : 1) {
        size = str_utf8_next(s + i, len - i, NULL);
        if (i + size > TEXT_MAX_BYTES) {
            buf_add_str(line, "...");
            return;
        }
        add_escaped(line, s + i, size, escape);
    }
}

static void add_quoted(struct buf *line, const char *s)
{
    buf_add_char(line, '"');
    add_text(line, s, "\"\\");
    buf_add_char(line, '"');
}

static bool is_plain(const char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0, size; i < len; i += size) {
        size = str_utf8_next(s + i, len - i, NULL);
        if (!size || (unsigned char)s[i] <= ' ' || s[i] == '"' || s[i] == '=' || s[i] == '\\' || s[i] == 0x7f)
            return false;
    }
    return len > 0 && len <= TEXT_MAX_BYTES;
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
    _cleanup_buf_ struct buf line = BUF_INIT;
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
        buf_printf(&line, "%.23sZ %-7s ", time_text, level_names[level]);
        add_text(&line, message, "");
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
