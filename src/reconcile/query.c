#include "reconcile/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static char *copy_of(const char *text)
{
    return text ? str_dup(text) : NULL;
}

struct query query_copy(const struct query *query)
{
    struct query copy = *query;

    copy.key = str_dup(query->key);
    copy.url = str_dup(query->url);
    copy.post = copy_of(query->post);
    copy.authorization = copy_of(query->authorization);
    copy.create = copy_of(query->create);
    return copy;
}

void query_release(struct query *query)
{
    free((char *)query->key);
    str_free_secret((char *)query->url);
    free((char *)query->post);
    str_free_secret((char *)query->authorization);
    free((char *)query->create);
}

bool query_asks_same(const struct query *a, const struct query *b)
{
    return str_eq(a->url, b->url) && str_eq(a->post, b->post) && str_eq(a->authorization, b->authorization) &&
           str_eq(a->create, b->create);
}

const struct query *queries_find(const struct queries *all, const char *key)
{
    for (size_t i = 0; i < all->len; i++)
        if (str_eq(all->items[i].key, key))
            return &all->items[i];
    return NULL;
}

bool queries_add(struct queries *all, const struct query *query)
{
    if (all->len == QUERIES_MAX || queries_find(all, query->key))
        return false;
    ARRAY_RESERVE_ONE(all->items, all->len, all->cap);
    all->items[all->len++] = query_copy(query);
    return true;
}

void queries_release(struct queries *all)
{
    for (size_t i = 0; i < all->len; i++)
        query_release(&all->items[i]);
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
