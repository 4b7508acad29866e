/*
 * Observed objects: what the watches have brought, and the answers to the operator's own writes.
 *
 * An object is kept as compact JSON text without managedFields and is parsed when its content is read, so that memory
 * follows the bytes of the objects.
 *
 * The newest version of an object wins: an answer to a write may overtake the watch
 * event of an older version, which then changes nothing. Resource versions are
 * compared as numbers where both are numbers (the API conventions call them opaque; the
 * supported servers use etcd's revision, and where one is not a number the later arrival wins).
 *
 * Deletions are remembered for a while (a bounded number a kind), so that a late event or answer does not restore a
 * deleted object. What was read since then does: a store that was put back may have the object again.
 */
#ifndef KUBE_CACHE_H
#define KUBE_CACHE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/mem.h"
#include "kube/kind.h"

struct kube_cache;

/*
 * What a reader found out about one version of an object, kept with it so that it is found out once. The cache knows
 * nothing of it and drops it when the object changes; a definition, whose status is not kept, does not change with its
 * version alone. It belongs to the reader that used it last (`owner`).
 */
#define KUBE_MEMO_SIZE 40
struct kube_memo {
    const void *owner; /* never followed; NULL: none yet */
    _Alignas(uint64_t) unsigned char room[KUBE_MEMO_SIZE];
};

struct kube_object {
    const struct kube_kind *kind;
    const char *ns; /* NULL: cluster-scoped */
    const char *name;
    const char *uid; /* NULL as a digest */
    const char *resource_version;
    const char *owner; /* the value of the owner label (or see kube_kind.owner_kind); NULL: none */
    bool deleting;     /* has a deletionTimestamp */
    bool matters;     /* set by a reader for this version: it is read again where no watch covers it (kube/cluster.h) */
    const char *text; /* the document, or what its kind keeps as a digest (kube_kind.digest) */
    size_t text_len;
    uint64_t changed; /* kube_cache_changes() of its kind when it was added, or changed last */
    struct kube_memo memo;
};

/*
 * The owner's memo of this version of the object: KUBE_MEMO_SIZE bytes, aligned for any type of 8 bytes, zeroed where
 * another reader had it before. `owner` is the address of something static that only this reader has. Valid until the
 * cache changes.
 */
void *kube_object_memo(struct kube_object *o, const void *owner);

/* Parsed; owned by the caller. Not for an object that is kept as a digest. */
json_t *kube_object_parse(const struct kube_object *o);

/* `owner_label` is the key of the label whose value becomes kube_object.owner; borrowed. */
struct kube_cache *kube_cache_new(const struct kube_kind_table *kinds, const char *owner_label);
void kube_cache_free(struct kube_cache *c);
DEFINE_CLEANUP(struct kube_cache *, kube_cache_free)
#define _cleanup_kube_cache_ _cleanup_(kube_cache_free_p)

/* The table that it was created with. */
const struct kube_kind_table *kube_cache_kinds(const struct kube_cache *c);
/* NULL where the object is not in the cache. `ns` NULL for cluster-scoped kinds. Valid until the cache changes. */
struct kube_object *kube_cache_get(const struct kube_cache *c, const struct kube_kind *kind, const char *ns,
                                   const char *name);
/* for (size_t i = 0; (o = kube_cache_next(c, kind, &i));) in the order of arrival */
struct kube_object *kube_cache_next(const struct kube_cache *c, const struct kube_kind *kind, size_t *position);
/* for (o = NULL; (o = kube_cache_next_owned(c, kind, owner, o));) those of this owner; NULL has none */
struct kube_object *kube_cache_next_owned(const struct kube_cache *c, const struct kube_kind *kind, const char *owner,
                                          const struct kube_object *previous);
size_t kube_cache_count(const struct kube_cache *c, const struct kube_kind *kind);
/* Grows with every object of the kind that is added, changed or removed: a caller that remembers it knows of changes.
 */
uint64_t kube_cache_changes(const struct kube_cache *c, const struct kube_kind *kind);
/*
 * The reader that remembers kube_cache_changes() of the kind, set by that reader. NULL in a new cache, where changes
 * are counted from the beginning. Never followed.
 */
const void **kube_cache_reader(struct kube_cache *c, const struct kube_kind *kind);
/*
 * for (o = NULL; (o = kube_cache_next_changed(c, kind, since, o));)
 * The objects that were added or changed since kube_cache_changes() was `since`, the last one first: a caller that
 * remembers it reads only those. kube_cache_lost_since() says whether any was removed since then.
 */
struct kube_object *kube_cache_next_changed(const struct kube_cache *c, const struct kube_kind *kind, uint64_t since,
                                            const struct kube_object *previous);
bool kube_cache_lost_since(const struct kube_cache *c, const struct kube_kind *kind, uint64_t since);
/*
 * Objects of a kind that is kept as digests, and that have the same one: where there are many, few digests differ. So a
 * reader that counts them reads each digest once, and no object. Valid until the cache changes.
 */
struct kube_alike {
    const char *text;       /* the digest */
    size_t objects;         /* that have it */
    struct map *namespaces; /* of theirs, each with the count of its objects, as a pointer */
};
/* for (size_t i = 0; (alike = kube_cache_next_alike(c, kind, &i));) in no order */
const struct kube_alike *kube_cache_next_alike(const struct kube_cache *c, const struct kube_kind *kind,
                                               size_t *position);
/* Of the objects' texts; of equal digests one. */
size_t kube_cache_bytes(const struct kube_cache *c);
/* Bytes of memory, about: texts, what an object costs besides, and deletions. Of one kind, and of all. */
size_t kube_cache_held_of(const struct kube_cache *c, const struct kube_kind *kind);
size_t kube_cache_held(const struct kube_cache *c);
/*
 * The cache holds at most this many bytes; 0: no limit. An object beyond the limit is not kept: from then on the cache
 * differs from the server, as kube_cache_is_over() says, until all kinds are cleared.
 */
void kube_cache_set_limit(struct kube_cache *c, size_t bytes);
bool kube_cache_is_over(const struct kube_cache *c);

/*
 * An event of the watch, or the answer to a write. True if something changed: the cache had no version at least as new
 * (of a custom object: none that is newer, and not the same fields), and the watch has not reported its deletion yet.
 * `object` stays the caller's. An object without a name or uid, without a namespace where its kind needs one, or with a
 * name that cannot stand in a request's path is ignored.
 */
bool kube_cache_put(struct kube_cache *c, const struct kube_kind *kind, const json_t *object);
/* A read of an object of the kind is sent: its number, which goes with the answer. */
uint64_t kube_cache_read_sent(struct kube_cache *c, const struct kube_kind *kind);
/*
 * The answer to a read: the object may be one that the watch does not select, or older than what it reported. One whose
 * deletion was known when the read was sent exists all the same; `ret_rewound`, which may be NULL, says whether it is
 * older than that deletion: then the server's history was set back. `read` 0: when it was sent is not known.
 */
bool kube_cache_put_read(struct kube_cache *c, const struct kube_kind *kind, const json_t *object, uint64_t read,
                         bool *ret_rewound);
/* The watch has reported everything up to this version: an older answer does not add an object any more. */
void kube_cache_seen(struct kube_cache *c, const struct kube_kind *kind, const char *resource_version);
/*
 * True if the object was in the cache and is removed now. `resource_version` is that of the deletion, which an older
 * event must not undo and which does not touch a newer object of that name; NULL where it is unknown: then the object
 * with the uid that is in the cache now is never restored.
 */
bool kube_cache_remove(struct kube_cache *c, const struct kube_kind *kind, const char *ns, const char *name,
                       const char *resource_version);
/* Forgets every object of a kind and what was deleted. True if there was any. */
bool kube_cache_clear(struct kube_cache *c, const struct kube_kind *kind);
void kube_cache_clear_all(struct kube_cache *c);

/*
 * A list that replaces the cached objects: asked when the request is sent, begin, replace_put every object of it, end.
 * Meanwhile the cache may be read and changed as ever. What was not in the list, and is not newer than the list, is
 * removed by end. `ret_changed` says whether anything changed since begin through the list. With `rewound`, or where
 * the list is older than what was known when it was asked for, the server's history was set back (a restored etcd):
 * then the list is accepted as it is, however new the cached objects seem. An object is accepted, too, where the list
 * is newer than its cached version and the object itself is older: `ret_rewound` says whether there was one, or whether
 * the whole list was accepted so. A begin without its end is ended by the next begin.
 */
void kube_cache_replace_asked(struct kube_cache *c, const struct kube_kind *kind);
void kube_cache_replace_begin(struct kube_cache *c, const struct kube_kind *kind, const char *list_resource_version,
                              bool rewound);
bool kube_cache_replace_put(struct kube_cache *c, const struct kube_kind *kind, const json_t *object);
void kube_cache_replace_end(struct kube_cache *c, const struct kube_kind *kind, const char *list_resource_version,
                            bool *ret_changed, bool *ret_rewound);

/* True where both are numbers and `a` is the lower one; either may be NULL. */
bool kube_version_older(const char *a, const char *b);
/* 0 where it is NULL or no number. */
int64_t kube_version_number(const char *version);

#endif
