/* Text for a terminal: in colour where it is one, and without what could control it. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

enum shade {
    SHADE_NONE,
    SHADE_GOOD,
    SHADE_BAD,
    SHADE_BUSY,
    SHADE_PLACE,
    SHADE_STRONG,
    SHADE_FAINT,
    SHADE_LAST = SHADE_FAINT
};

/* Whether to use colours: `out` is a terminal, TERM is not "dumb", and NO_COLOR (no-color.org) is not set. */
bool terminal_has_color(FILE *out);

/*
 * Appends `text`, in a shade where `color`. Control characters become "?", so that text from a cluster cannot control a
 * terminal.
 */
void terminal_add(struct buf *out, bool color, enum shade shade, const char *text);

/* Prints a line, without what could control a terminal in any of the arguments. */
void terminal_print_line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
