/*
 * The elements of a sequence of maps, found by the fields that tell them apart. Only strings and integers do.
 */
#ifndef DOC_KEYED_H
#define DOC_KEYED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "doc/merge.h"

#define KEYED_NOWHERE SIZE_MAX

struct keyed {
    const json_t *seq;           /* borrowed; anything else than a sequence is an empty one */
    const struct merge_key *key; /* borrowed */
    struct map *positions;       /* name -> position of the first one + 1 */
    bool complete;               /* every element has the key */
    bool distinct;               /* and no two the same */
};

struct keyed keyed_new(const json_t *seq, const struct merge_key *key);
void keyed_release(struct keyed *k);

/* Whether the element has a key that can tell it apart. */
bool keyed_has(const json_t *element, const struct merge_key *key);
/* The key of an element that has one, "8080" or "8080/UDP"; owned by the caller. */
char *keyed_text(const json_t *element, const struct merge_key *key);
/* Where the first element stands that has the same key as `element`, which has one; or KEYED_NOWHERE. */
size_t keyed_find(const struct keyed *k, const json_t *element);

#endif
