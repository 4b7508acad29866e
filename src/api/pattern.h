/*
 * Regular expressions of tables: POSIX extended, constants that live as long as the program. Each is compiled once, and
 * kept, so that a list of thousands does not compile it for each element.
 */
#ifndef API_PATTERN_H
#define API_PATTERN_H

#include <stdbool.h>

/* Aborts where the pattern is none, which is a mistake in a table. */
bool pattern_matches(const char *pattern, const char *value);
/* Frees what is kept; it is compiled again when it is needed. For the accounting of memory. */
void patterns_drop_kept(void);

#endif
