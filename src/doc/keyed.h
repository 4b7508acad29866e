/*
 * The elements of a sequence of maps, found by one of their fields. Only strings and integers tell elements apart.
 */
#ifndef DOC_KEYED_H
#define DOC_KEYED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

#define KEYED_NOWHERE SIZE_MAX

struct keyed {
    const json_t *seq;     /* borrowed; anything else than a sequence is an empty one */
    const char *key;       /* borrowed */
    struct map *positions; /* name -> position + 1 */
    bool distinct;         /* every element has the key, and no two the same */
};

struct keyed keyed_new(const json_t *seq, const char *key);
void keyed_release(struct keyed *k);

/* Whether the element has a key that can tell it apart. */
bool keyed_has(const json_t *element, const char *key);
/* The key of an element that has one; owned by the caller. */
char *keyed_text(const json_t *element, const char *key);
/* Where the first element stands that has the same key as `element`, which has one; or KEYED_NOWHERE. */
size_t keyed_find(const struct keyed *k, const json_t *element);

#endif
