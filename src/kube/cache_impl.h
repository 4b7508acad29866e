/* What the files of the cache have in common; private to them. */
#ifndef KUBE_CACHE_IMPL_H
#define KUBE_CACHE_IMPL_H

#include <string.h>
#include <sys/queue.h>

#include "base/map.h"
#include "kube/cache.h"

/* What malloc adds to a block, at the most. */
#define BLOCK_COST 32

struct entry {
    struct kube_object o; /* first: kube_cache_next_changed() goes from it to the entry */
    TAILQ_ENTRY(entry) link;
    struct entry *next_owned; /* of the same owner */
    char *words;              /* the strings of `o` except its text: one block instead of five */
    struct kube_alike *alike; /* whose text it has; NULL: a text of its own */
    unsigned listed;          /* the list (kind_store.list) that had it */
    size_t cost;
};

/* A deletion. Its uid is set where its version is not known: then it is final for that uid. */
struct grave {
    char *resource_version;
    char *uid;
    uint64_t reads; /* that had been sent (kind_store.reads) */
    size_t cost;
};

struct kind_store {
    struct map *entries;           /* "namespace/name" -> struct entry; NULL before the first */
    struct map *graves;            /* the same keys -> struct grave; NULL before the first */
    struct map *alike;             /* digest -> struct kube_alike; NULL before the first */
    struct map *owned;             /* owner -> its first entry, which is not the map's; NULL before the first */
    TAILQ_HEAD(, entry) by_change; /* the last one first */
    char *seen;                    /* the version up to which the watch has reported everything; NULL: none */
    unsigned list;                 /* counts lists; 0 before the first */
    size_t held;                   /* by entries, graves and digests, but for the maps' tables */
    uint64_t changes, lost;        /* `lost`: `changes` when an object was removed last */
    const void *reader;
    bool rewound, list_changed;
    int64_t newest;     /* version that an answer or event named; 0: none */
    int64_t asked;      /* `newest` when the list was asked for */
    uint64_t reads;     /* counts those that were sent */
    uint64_t list_read; /* the number of the list that was asked for last; 0: none was */
    char *list_version; /* of the list that is read */
    bool contradicted;  /* by it: an object in it is older than its cached version */
};

struct kube_cache {
    const struct kube_kind_table *kinds;
    const char *owner_label;
    struct kind_store *stores; /* one a row */
    size_t bytes;
    size_t limit; /* 0: none */
    bool over;
};

static inline struct kind_store *kube_cache_store(const struct kube_cache *c, const struct kube_kind *kind)
{
    return &c->stores[kind - c->kinds->rows];
}

static inline size_t cache_text_cost(const char *text)
{
    return text ? strlen(text) + BLOCK_COST : 0;
}

/* The object has its digest in common with those that have the same, from now on. */
void cache_alike_join(struct kube_cache *c, struct kind_store *store, struct entry *en);
/* Releases the text of the object, or its part in the common one. */
void cache_alike_leave(struct kube_cache *c, struct kind_store *store, const struct entry *en);

/* Of an entry in its place: it belongs to its owner, as the last one. Nothing where it has none. */
void cache_owned_join(struct kind_store *store, struct entry *en);
void cache_owned_leave(struct kind_store *store, const struct entry *en);

#endif
