/*
 * What other managers do to the objects of a mesh: they switch the member of a union, or put beside a desired field
 * what an API server does not take together with it. For tests: in every object, at every place, by a table of their
 * own, and with a check of the result that shares nothing with the program.
 */
#ifndef TESTS_UNIONS_SWITCHES_H
#define TESTS_UNIONS_SWITCHES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* So many turns give every place each of its alternatives. */
#define SWITCHES_TURNS 30

/*
 * Changes `live` at each place where `desired` has a member of a union, to one of the alternatives: another one with
 * each turn, and from place to place. `owner` is another owner of the object, a reference with `controller` true; NULL:
 * that is left alone. Adds a word for each kind of place that was switched to `seen`, a map that counts (may be NULL).
 * Returns how many places there were.
 */
size_t switches_make(const json_t *desired, json_t *live, unsigned turn, const json_t *owner, json_t *seen);

/*
 * Whether everything that is desired is there, and at none of those places anything that excludes it. Else says where.
 */
bool switches_are_undone(const json_t *desired, const json_t *live, struct buf *why);

#endif
