/*
 * Odd documents, for the tests that no value from outside ends the process: every place of a good document, and what
 * may stand there instead.
 *
 * A place is the document itself (0), each field of its maps and each element of its lists, however deep. A server, a
 * user or whatever answers in a server's place may leave any of them out, say null, or send another type.
 */
#ifndef TESTS_ODD_ODD_H
#define TESTS_ODD_ODD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Name, and what stands in the place. */
#define ODD_WAYS(X)                                                                                                    \
    X(ABSENT, "is left out")                                                                                           \
    X(NULL, "is null")                                                                                                 \
    X(MAP, "is {}")                                                                                                    \
    X(LIST, "is []")                                                                                                   \
    X(NULLS, "is [null]")                                                                                              \
    X(MAPS, "is [{}]")                                                                                                 \
    X(NESTED, "is itself in a list")                                                                                   \
    X(EMPTY, "is the empty string")                                                                                    \
    X(TEXT, "is a string")                                                                                             \
    X(NUL, "is a string with a NUL")                                                                                   \
    X(LONG, "is a long string of characters of several bytes")                                                         \
    X(CONTROLS, "is a string of control characters, line ends and quotes")                                             \
    X(ZERO, "is 0")                                                                                                    \
    X(NEGATIVE, "is the smallest integer")                                                                             \
    X(LARGE, "is the largest integer")                                                                                 \
    X(REAL, "is a real number beyond all integers")                                                                    \
    X(TRUE, "is true")                                                                                                 \
    X(KEYS, "is a map with keys that are no names")                                                                    \
    X(TWICE, "has its first element twice")

enum odd {
#define X(name, words) ODD_##name,
    ODD_WAYS(X)
#undef X
        ODD_COUNT
};

const char *odd_words(enum odd how);
/* The value itself, owned by the caller; `before` is what stands in the place. NULL: the way is none for it. */
json_t *odd_value(enum odd how, const json_t *before);

/* Another value, and not odd: of the same type, an empty list for a list. NULL: there is none. Owned by the caller. */
json_t *odd_other(const json_t *value);

size_t odd_places(const json_t *document);
/*
 * A copy of the document with one place made odd, owned by the caller; NULL where the way is none for the place, or
 * changes nothing. `ret_path`, which may be NULL, gets the path.
 */
json_t *odd_document(const json_t *document, size_t place, enum odd how, struct buf *ret_path);

#endif
