/* The objects of a cache by their owner. */
#include "base/str.h"
#include "kube/cache_impl.h"

struct kube_object *kube_cache_next_owned(const struct kube_cache *c, const struct kube_kind *kind, const char *owner,
                                          const struct kube_object *previous)
{
    struct entry *en =
        previous ? ((const struct entry *)previous)->next_owned : map_get(kube_cache_store(c, kind)->owned, owner);

    return en ? &en->o : NULL;
}

static size_t owner_cost(const char *owner)
{
    return BLOCK_COST + cache_text_cost(owner);
}

void cache_owned_join(struct kind_store *store, struct entry *en)
{
    struct entry *last = map_get(store->owned, en->o.owner);

    en->next_owned = NULL;
    if (!en->o.owner)
        return;
    if (!last) {
        if (!store->owned)
            store->owned = map_new(NULL);
        map_put(store->owned, en->o.owner, en);
        store->held += owner_cost(en->o.owner);
        return;
    }
    while (last->next_owned)
        last = last->next_owned;
    last->next_owned = en;
}

void cache_owned_leave(struct kind_store *store, const struct entry *en)
{
    struct entry *before = map_get(store->owned, en->o.owner);

    if (!en->o.owner)
        return;
    if (before == en && en->next_owned) {
        map_put(store->owned, en->o.owner, en->next_owned);
        return;
    }
    if (before == en) {
        map_remove(store->owned, en->o.owner);
        store->held -= owner_cost(en->o.owner);
        return;
    }
    while (before->next_owned != en)
        before = before->next_owned;
    before->next_owned = en->next_owned;
}
