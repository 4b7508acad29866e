/*
 * Observed objects: what the watches have brought, and the answers to our own writes.
 *
 * An object is kept as compact JSON text without managedFields and is parsed when
 * somebody looks inside, so that memory follows the bytes of the objects.
 *
 * The newest version of an object wins: an answer to a write may overtake the watch
 * event of an older version, which then changes nothing. Resource versions are
 * compared as numbers where both are numbers (the API conventions call them opaque; the
 * servers we support use etcd's revision, and where one is no number the later arrival wins).
 */
#ifndef KUBE_CACHE_H
#define KUBE_CACHE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "kube/kind.h"

struct kube_cache;

struct kube_object {
    const struct kube_kind *kind;
    char *ns;   /* NULL: cluster-scoped */
    char *name;
    char *uid;
    char *resource_version;
    char *owner; /* the value of the owner label; NULL where it is absent */
    bool deleting; /* has a deletionTimestamp */
    char *text;
    size_t text_len;
    /*
     * The planner's memo: the hash of the wanted object that was compared with this version and found in
     * place; 0: not compared. A new version starts with 0.
     */
    uint64_t in_place;
};

/* Parsed; owned by the caller. */
json_t *kube_object_parse(const struct kube_object *o);

/* `owner_label` is the key of the label whose value becomes kube_object.owner; borrowed. */
struct kube_cache *kube_cache_new(const struct kube_kind_table *kinds, const char *owner_label);
void kube_cache_free(struct kube_cache *c);

/* NULL where it is not there. `ns` NULL for cluster-scoped kinds. Valid until the cache changes. */
struct kube_object *kube_cache_get(const struct kube_cache *c, const struct kube_kind *kind, const char *ns,
                                   const char *name);
/* for (size_t i = 0; (o = kube_cache_next(c, kind, &i));) in the order of arrival */
struct kube_object *kube_cache_next(const struct kube_cache *c, const struct kube_kind *kind, size_t *position);
size_t kube_cache_count(const struct kube_cache *c, const struct kube_kind *kind);
size_t kube_cache_bytes(const struct kube_cache *c);

/* True if something changed (a version at least as new was not there yet). `object` stays the caller's. */
bool kube_cache_put(struct kube_cache *c, const struct kube_kind *kind, const json_t *object);
/*
 * True if it was there. `resource_version` is that of the deletion, which an older event must not undo;
 * NULL where it is not known.
 */
bool kube_cache_remove(struct kube_cache *c, const struct kube_kind *kind, const char *ns, const char *name,
                       const char *resource_version);

/*
 * A list that replaces what is there: begin, put every object of it, end. What was not put, and is not newer than
 * the list, is removed by end. `ret_changed` says whether anything changed.
 */
void kube_cache_replace_begin(struct kube_cache *c, const struct kube_kind *kind);
void kube_cache_replace_end(struct kube_cache *c, const struct kube_kind *kind, const char *list_resource_version,
                            bool *ret_changed);

#endif
