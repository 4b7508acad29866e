/*
 * A hash map from strings to pointers, in the order of insertion.
 *
 * The map owns copies of its keys, and its values where it was given a
 * destructor. Removing while iterating is allowed; adding is not. For reading and removing NULL is an empty map, and no
 * map has the key NULL (what a missing field reads as): it is not found, and nothing is put under it.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct map;

/* `destroy` may be NULL: then the map does not own its values. */
struct map *map_new(void (*destroy)(void *));
void map_free(struct map *m);
DEFINE_CLEANUP(struct map *, map_free)
#define _cleanup_map_ _cleanup_(map_free_p)

void *map_get(const struct map *m, const char *key);
bool map_has(const struct map *m, const char *key);
/* Replaces, and destroys, the former value. Under the key NULL it destroys `value`. */
void map_put(struct map *m, const char *key, void *value);
/* True if the key existed; its value is destroyed. */
bool map_remove(struct map *m, const char *key);
/* The value, no longer in the map and not destroyed; NULL if the key did not exist. */
void *map_take(struct map *m, const char *key);
void map_clear(struct map *m);
size_t map_len(const struct map *m);
/* Of its tables, without keys and values. */
size_t map_bytes(const struct map *m);

/* for (size_t i = 0; map_next(m, &i, &key, &value);) */
bool map_next(const struct map *m, size_t *position, const char **ret_key, void **ret_value);
/* The map_len() keys in their order, for what must not depend on the map's; the array is owned by the caller. */
const char **map_sorted_keys(const struct map *m);

#endif
