#include "cli/terminal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"

bool terminal_has_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(fileno(out)) && !str_eq(getenv("TERM"), "dumb") && !(no_color && *no_color);
}

void terminal_add(struct buf *out, bool color, enum shade shade, const char *text)
{
    static const char *const codes[] = {
        [SHADE_GOOD] = "\033[32m",  [SHADE_BAD] = "\033[31m",   [SHADE_BUSY] = "\033[33m",
        [SHADE_PLACE] = "\033[36m", [SHADE_STRONG] = "\033[1m", [SHADE_FAINT] = "\033[2m",
    };
    ARRAY_COVERS(codes, SHADE_LAST);
    bool shaded = color && shade != SHADE_NONE && *text;

    if (shaded)
        buf_add_str(out, codes[shade]);
    for (; *text; text++)
        buf_add_char(out, iscntrl((unsigned char)*text) ? '?' : *text);
    if (shaded)
        buf_add_str(out, "\033[0m");
}

void terminal_print_line(FILE *out, const char *format, ...)
{
    _cleanup_buf_ struct buf line = BUF_INIT, safe = BUF_INIT;
    va_list args;

    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    terminal_add(&safe, false, SHADE_NONE, buf_str(&line));
    buf_add_char(&safe, '\n');
    fputs(buf_str(&safe), out);
}
