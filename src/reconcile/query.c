#include "reconcile/query.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

const struct query *queries_find(const struct queries *all, const char *key)
{
    for (size_t i = 0; i < all->len; i++)
        if (str_eq(all->items[i].key, key))
            return &all->items[i];
    return NULL;
}

bool queries_add(struct queries *all, const struct query *query)
{
    struct query copy = *query;

    if (all->len == QUERIES_MAX || queries_find(all, query->key))
        return false;
    copy.key = str_dup(query->key);
    copy.url = str_dup(query->url);
    copy.create = query->create ? str_dup(query->create) : NULL;
    ARRAY_RESERVE_ONE(all->items, all->len, all->cap);
    all->items[all->len++] = copy;
    return true;
}

void queries_release(struct queries *all)
{
    for (size_t i = 0; i < all->len; i++) {
        free((char *)all->items[i].key);
        free((char *)all->items[i].url);
        free((char *)all->items[i].create);
    }
    free(all->items);
    *all = (struct queries){0};
}

const struct query_answer *query_answers_find(const struct query_answers *all, const char *key)
{
    for (size_t i = 0; i < all->len; i++)
        if (str_eq(all->items[i].key, key))
            return &all->items[i];
    return NULL;
}
