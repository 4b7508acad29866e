/* Objects of a cache that are kept as digests: equal ones are held once. */
#include "kube/cache_impl.h"

static void alike_free(void *p)
{
    struct kube_alike *alike = p;

    map_free(alike->namespaces);
    mem_free_secret((char *)alike->text, strlen(alike->text));
    free(alike);
}

const struct kube_alike *kube_cache_next_alike(const struct kube_cache *c, const struct kube_kind *kind,
                                               size_t *position)
{
    void *value;

    return map_next(kube_cache_store(c, kind)->alike, position, NULL, &value) ? value : NULL;
}

static size_t alike_cost(const struct kube_alike *alike)
{
    return sizeof(*alike) + BLOCK_COST + 2 * cache_text_cost(alike->text);
}

/* One object more or less of a namespace (NULL: of the cluster) has the digest. */
static void count(struct kind_store *store, struct kube_alike *alike, const char *ns, int more)
{
    size_t before = map_bytes(alike->namespaces), objects = (uintptr_t)map_get(alike->namespaces, ns) + (size_t)more;

    alike->objects += (size_t)more;
    if (!ns)
        return;
    if (objects)
        map_put(alike->namespaces, ns, (void *)(uintptr_t)objects);
    else
        map_remove(alike->namespaces, ns);
    store->held += map_bytes(alike->namespaces) - before;
}

void cache_alike_join(struct kube_cache *c, struct kind_store *store, struct entry *en)
{
    struct kube_alike *alike = map_get(store->alike, en->o.text);

    if (alike) {
        mem_free_secret((char *)en->o.text, en->o.text_len);
    } else {
        alike = NEW(struct kube_alike);
        *alike = (struct kube_alike){.text = en->o.text, .namespaces = map_new(NULL)};
        if (!store->alike)
            store->alike = map_new(alike_free);
        map_put(store->alike, alike->text, alike);
        store->held += alike_cost(alike);
        c->bytes += en->o.text_len;
    }
    en->o.text = alike->text;
    en->alike = alike;
    count(store, alike, en->o.ns, 1);
}

void cache_alike_leave(struct kube_cache *c, struct kind_store *store, const struct entry *en)
{
    if (!en->alike) {
        c->bytes -= en->o.text_len;
        return;
    }
    count(store, en->alike, en->o.ns, -1);
    if (en->alike->objects)
        return;
    c->bytes -= en->o.text_len;
    store->held -= alike_cost(en->alike);
    map_remove(store->alike, en->o.text);
}
