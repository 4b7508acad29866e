#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Most maps are small, and there are thousands of them. */
enum { CAP_LEAST = 2 };

struct entry {
    char *key; /* NULL: a removed entry */
    void *value;
    uint64_t hash;
};

struct map {
    struct entry *entries; /* in the order of insertion, with gaps */
    size_t used, cap, live;
    uint32_t *slots;   /* index into entries + 1; 0 is free */
    size_t slot_count; /* a power of two, at least twice `used` */
    void (*destroy)(void *);
};

struct map *map_new(void (*destroy)(void *))
{
    struct map *m = NEW(struct map);

    m->destroy = destroy;
    return m;
}

static void index_entry(struct map *m, size_t i)
{
    size_t slot = m->entries[i].hash & (m->slot_count - 1);

    while (m->slots[slot])
        slot = (slot + 1) & (m->slot_count - 1);
    m->slots[slot] = (uint32_t)i + 1;
}

/* Closes the gaps and makes room for one more. */
static void rebuild(struct map *m)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->used; i++)
        if (m->entries[i].key)
            m->entries[kept++] = m->entries[i];
    m->used = kept;
    m->cap = kept < CAP_LEAST ? CAP_LEAST : 2 * kept;
    m->entries = mem_resize(m->entries, m->cap, sizeof(*m->entries));
    m->slot_count = 2 * CAP_LEAST;
    while (m->slot_count < 2 * m->cap)
        m->slot_count *= 2;
    free(m->slots);
    m->slots = NEW_ARRAY(uint32_t, m->slot_count);
    for (size_t i = 0; i < m->used; i++)
        index_entry(m, i);
}

static struct entry *find(const struct map *m, const char *key)
{
    uint64_t hash;

    if (!m || !key || !m->slot_count)
        return NULL;
    hash = str_hash(key, strlen(key));
    for (size_t slot = hash & (m->slot_count - 1); m->slots[slot]; slot = (slot + 1) & (m->slot_count - 1)) {
        struct entry *e = &m->entries[m->slots[slot] - 1];
        if (e->key && e->hash == hash && strcmp(e->key, key) == 0)
            return e;
    }
    return NULL;
}

void *map_get(const struct map *m, const char *key)
{
    struct entry *e = find(m, key);

    return e ? e->value : NULL;
}

bool map_has(const struct map *m, const char *key)
{
    return find(m, key) != NULL;
}

void map_put(struct map *m, const char *key, void *value)
{
    struct entry *e = find(m, key);

    if (!key) {
        if (m->destroy && value)
            m->destroy(value);
        return;
    }
    if (e) {
        if (m->destroy && e->value && e->value != value)
            m->destroy(e->value);
        e->value = value;
        return;
    }
    if (m->used == m->cap)
        rebuild(m);
    m->entries[m->used] = (struct entry){str_dup(key), value, str_hash(key, strlen(key))};
    index_entry(m, m->used);
    m->used++;
    m->live++;
}

void map_clear(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->used; i++) {
        if (!m->entries[i].key)
            continue;
        free(m->entries[i].key);
        if (m->destroy && m->entries[i].value)
            m->destroy(m->entries[i].value);
    }
    free(m->entries);
    free(m->slots);
    *m = (struct map){.destroy = m->destroy};
}

void *map_take(struct map *m, const char *key)
{
    struct entry *e = find(m, key);
    void *value;

    if (!e)
        return NULL;
    value = e->value;
    free(e->key);
    e->key = NULL;
    e->value = NULL;
    m->live--;
    if (!m->live)
        map_clear(m);
    return value;
}

bool map_remove(struct map *m, const char *key)
{
    void *value;

    if (!find(m, key))
        return false;
    value = map_take(m, key);
    if (m->destroy && value)
        m->destroy(value);
    return true;
}

void map_free(struct map *m)
{
    map_clear(m);
    free(m);
}

size_t map_len(const struct map *m)
{
    return m ? m->live : 0;
}

size_t map_bytes(const struct map *m)
{
    return m ? m->cap * sizeof(*m->entries) + m->slot_count * sizeof(*m->slots) : 0;
}

bool map_next(const struct map *m, size_t *position, const char **ret_key, void **ret_value)
{
    while (m && *position < m->used) {
        const struct entry *e = &m->entries[(*position)++];
        if (!e->key)
            continue;
        if (ret_key)
            *ret_key = e->key;
        if (ret_value)
            *ret_value = e->value;
        return true;
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **map_sorted_keys(const struct map *m)
{
    const char **keys = NEW_ARRAY(const char *, map_len(m) + 1);
    size_t count = 0;

    for (size_t i = 0; map_next(m, &i, &keys[count], NULL);)
        count++;
    qsort(keys, count, sizeof(*keys), by_text);
    return keys;
}
