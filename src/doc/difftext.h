/*
 * The difference of two texts, line by line, as `diff -u` shows it.
 */
#ifndef DOC_DIFFTEXT_H
#define DOC_DIFFTEXT_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Appends hunks with `context` lines around each change; nothing where the texts are equal. Lines are shown behind
 * "+", "-" or a space. What differs between two very large texts is
 * shown as replaced whole.
 */
void difftext(const char *before, const char *after, size_t context, struct buf *out);

#endif
