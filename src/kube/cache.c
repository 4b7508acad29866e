#include "kube/cache_impl.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"

/* Deletions that are remembered, of one kind. Answers to writes are late by seconds, not by thousands of deletions. */
#define GRAVES_MAX 512

static void entry_clear(struct entry *en)
{
    free(en->words);
    if (!en->alike)
        mem_free_secret((char *)en->o.text, en->o.text_len);
}

static void entry_free(void *p)
{
    entry_clear(p);
    free(p);
}

static void grave_free(void *p)
{
    struct grave *g = p;

    free(g->resource_version);
    free(g->uid);
    free(g);
}

bool kube_version_older(const char *a, const char *b)
{
    int64_t x, y;

    return a && b && str_to_int64(a, &x) && str_to_int64(b, &y) && x < y;
}

/* Whether `b` brings nothing new after `a`. */
static bool version_reached(const char *a, const char *b)
{
    return str_eq(a, b) ? a != NULL : kube_version_older(b, a);
}

int64_t kube_version_number(const char *version)
{
    int64_t number;

    return version && str_to_int64(version, &number) ? number : 0;
}

static void note_version(struct kind_store *store, const char *version)
{
    int64_t number = kube_version_number(version);

    if (number > store->newest)
        store->newest = number;
}

json_t *kube_object_parse(const struct kube_object *o)
{
    json_t *value;

    /* The operator's own text: only a bug can break it. */
    if (doc_parse(o->text, o->text_len, o->text_len, &value, NULL) < 0)
        abort();
    return value;
}

void *kube_object_memo(struct kube_object *o, const void *owner)
{
    if (o->memo.owner != owner)
        o->memo = (struct kube_memo){.owner = owner};
    return o->memo.room;
}

struct kube_cache *kube_cache_new(const struct kube_kind_table *kinds, const char *owner_label)
{
    struct kube_cache *c = NEW(struct kube_cache);

    c->kinds = kinds;
    c->owner_label = owner_label;
    c->stores = NEW_ARRAY(struct kind_store, kinds->len);
    for (size_t i = 0; i < kinds->len; i++)
        TAILQ_INIT(&c->stores[i].by_change);
    return c;
}

const struct kube_kind_table *kube_cache_kinds(const struct kube_cache *c)
{
    return c->kinds;
}

void kube_cache_free(struct kube_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->kinds->len; i++) {
        map_free(c->stores[i].entries);
        map_free(c->stores[i].graves);
        map_free(c->stores[i].alike);
        map_free(c->stores[i].owned);
        free(c->stores[i].seen);
        free(c->stores[i].list_version);
    }
    free(c->stores);
    free(c);
}

static char *key_of(const char *ns, const char *name)
{
    return STR_JOIN('/', str_or(ns, ""), str_or(name, ""));
}

struct kube_object *kube_cache_get(const struct kube_cache *c, const struct kube_kind *kind, const char *ns,
                                   const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    return map_get(kube_cache_store(c, kind)->entries, key);
}

struct kube_object *kube_cache_next(const struct kube_cache *c, const struct kube_kind *kind, size_t *position)
{
    void *value;

    return map_next(kube_cache_store(c, kind)->entries, position, NULL, &value) ? value : NULL;
}

size_t kube_cache_count(const struct kube_cache *c, const struct kube_kind *kind)
{
    return map_len(kube_cache_store(c, kind)->entries);
}

uint64_t kube_cache_changes(const struct kube_cache *c, const struct kube_kind *kind)
{
    return kube_cache_store(c, kind)->changes;
}

struct kube_object *kube_cache_next_changed(const struct kube_cache *c, const struct kube_kind *kind, uint64_t since,
                                            const struct kube_object *previous)
{
    struct entry *en = previous ? TAILQ_NEXT((const struct entry *)previous, link)
                                : TAILQ_FIRST(&kube_cache_store(c, kind)->by_change);

    return en && en->o.changed > since ? &en->o : NULL;
}

const void **kube_cache_reader(struct kube_cache *c, const struct kube_kind *kind)
{
    return &kube_cache_store(c, kind)->reader;
}

bool kube_cache_lost_since(const struct kube_cache *c, const struct kube_kind *kind, uint64_t since)
{
    return kube_cache_store(c, kind)->lost > since;
}

size_t kube_cache_bytes(const struct kube_cache *c)
{
    return c->bytes;
}

size_t kube_cache_held_of(const struct kube_cache *c, const struct kube_kind *kind)
{
    const struct kind_store *store = kube_cache_store(c, kind);

    return store->held + map_bytes(store->entries) + map_bytes(store->graves) + map_bytes(store->alike) +
           map_bytes(store->owned);
}

size_t kube_cache_held(const struct kube_cache *c)
{
    size_t held = 0;

    for (size_t i = 0; i < c->kinds->len; i++)
        held += kube_cache_held_of(c, &c->kinds->rows[i]);
    return held;
}

void kube_cache_set_limit(struct kube_cache *c, size_t bytes)
{
    c->limit = bytes;
}

bool kube_cache_is_over(const struct kube_cache *c)
{
    return c->over;
}

/* Whether there is room for this much after `freed` bytes were released; where there is not, that is noted. */
static bool has_room(struct kube_cache *c, size_t desired, size_t freed)
{
    if (c->limit && kube_cache_held(c) + desired > c->limit + freed)
        c->over = true;
    return !c->over;
}

static void keep_keys(json_t *to, const json_t *from)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)from, key, value)
        json_object_set_new(to, key, json_null());
}

/*
 * Copies what `path` names from one map to another: "metadata.labels", "status.containerStatuses[].state"; of "data.*"
 * the keys.
 */
static void keep_path(json_t *to, const json_t *from, const char *path)
{
    size_t len = strcspn(path, ".[");
    const char *rest = path + len;
    _cleanup_free_ char *key = str_dup_n(path, len);
    json_t *value = json_object_get(from, key), *copy = json_object_get(to, key), *item;
    size_t i;

    if (str_eq(path, "*")) {
        keep_keys(to, from);
        return;
    }
    if (json_object_get(from, path)) { /* of an annotation the whole name, which has dots */
        json_object_set_new(to, path, doc_copy(json_object_get(from, path)));
        return;
    }
    if (!value)
        return;
    if (!*rest || str_eq(rest, "[]")) {
        json_object_set_new(to, key, doc_copy(value));
    } else if (str_starts(rest, "[].") && json_is_array(value)) {
        if (!copy)
            json_object_set_new(to, key, copy = json_array());
        json_array_foreach(value, i, item) {
            if (i == json_array_size(copy))
                json_array_append_new(copy, json_object());
            keep_path(json_array_get(copy, i), item, rest + 3);
        }
    } else if (*rest == '.' && json_is_object(value)) {
        if (!copy)
            json_object_set_new(to, key, copy = json_object());
        keep_path(copy, value, rest + 1);
    }
}

/* The document as it is kept; owned by the caller, its values shared with `object`. */
static json_t *reduce(const struct kube_kind *kind, const json_t *object)
{
    static const char *const identity[] = {
        "apiVersion",          "kind",
        "metadata.name",       "metadata.namespace",
        "metadata.uid",        "metadata.resourceVersion",
        "metadata.generation", "metadata.deletionTimestamp",
    };
    json_t *kept, *metadata;

    if (kind->keep) {
        kept = json_object();
        for (size_t i = 0; i < ARRAY_LEN(identity); i++)
            keep_path(kept, object, identity[i]);
        for (const char *const *path = kind->keep; *path; path++)
            keep_path(kept, object, *path);
        return kept;
    }
    kept = json_copy((json_t *)object);
    metadata = json_copy(json_object_get(object, "metadata"));
    json_object_del(metadata, "managedFields");
    json_object_set_new(kept, "metadata", metadata);
    if (kind->is_definition) /* written by the API server alone, again and again while it begins to serve the kind */
        json_object_del(kept, "status");
    return kept;
}

/* Borrowed from `metadata`. */
static const char *owner_of(const struct kube_cache *c, const struct kube_kind *kind, const json_t *metadata)
{
    if (!kind->owner_kind)
        return doc_string(metadata, "labels", c->owner_label);
    return doc_string(doc_find(json_object_get(metadata, "ownerReferences"), "kind", kind->owner_kind), "uid");
}

/* What is kept of an object, owned by the caller; NULL: nothing. */
static char *text_of(const struct kube_cache *c, const struct kube_kind *kind, const json_t *object)
{
    _cleanup_json_ json_t *kept = NULL;

    if (kind->owned_alone && !owner_of(c, kind, json_object_get(object, "metadata")))
        return NULL;
    kept = kind->digest ? NULL : reduce(kind, object);
    return kind->digest ? kind->digest(object) : doc_text(kept);
}

/* Copies the words of `o` to where they stay. */
static char *keep_words(struct kube_object *o, size_t *ret_len)
{
    const char **words[] = {&o->ns, &o->name, &o->uid, &o->resource_version, &o->owner};
    char *kept, *end;
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        len += *words[i] ? strlen(*words[i]) + 1 : 0;
    kept = end = NEW_ARRAY(char, len);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t size = *words[i] ? strlen(*words[i]) + 1 : 0;
        *words[i] = size ? memcpy(end, *words[i], size) : NULL;
        end += size;
    }
    *ret_len = len;
    return kept;
}

/* Takes over `text`. */
static struct entry entry_of(const struct kube_cache *c, const struct kube_kind *kind, const char *key,
                             const json_t *object, char *text)
{
    const json_t *metadata = json_object_get(object, "metadata");
    struct entry en = {0};
    size_t words_len;

    en.o = (struct kube_object){
        .kind = kind,
        .ns = kind->namespaced ? doc_string(metadata, "namespace") : NULL,
        .name = doc_string(metadata, "name"),
        .uid = kind->digest ? NULL : doc_string(metadata, "uid"),
        .resource_version = doc_string(metadata, "resourceVersion"),
        .owner = owner_of(c, kind, metadata),
        .deleting = json_is_string(json_object_get(metadata, "deletionTimestamp")),
        .text = text,
        .text_len = strlen(text),
    };
    en.words = keep_words(&en.o, &words_len);
    en.cost = sizeof(en) + 3 * BLOCK_COST + cache_text_cost(key) + words_len + (kind->digest ? 0 : en.o.text_len);
    return en;
}

/* Whether it was deleted. A read that was sent after that, and has it all the same, is right; 0: it is no read. */
static bool is_buried(const struct kind_store *store, const char *key, const char *uid, const char *version,
                      uint64_t read)
{
    const struct grave *g = map_get(store->graves, key);

    if (!g || g->reads < read)
        return false;
    /* An object that only left the watch's selection is seen again with the version of that very event. */
    return (g->uid && str_eq(g->uid, uid)) || kube_version_older(version, g->resource_version);
}

static void unbury(struct kind_store *store, const char *key)
{
    struct grave *g = map_take(store->graves, key);

    if (!g)
        return;
    store->held -= g->cost;
    grave_free(g);
}

static void bury(struct kube_cache *c, struct kind_store *store, const char *key, const char *version, const char *uid)
{
    size_t cost =
        sizeof(struct grave) + BLOCK_COST + cache_text_cost(key) + cache_text_cost(version) + cache_text_cost(uid);
    struct grave *g = map_get(store->graves, key);
    const char *oldest;

    if (g && kube_version_older(version, g->resource_version))
        return;
    unbury(store, key);
    if (map_len(store->graves) >= GRAVES_MAX && map_next(store->graves, &(size_t){0}, &oldest, NULL))
        unbury(store, oldest);
    if (!has_room(c, cost, 0))
        return;
    g = NEW(struct grave);
    *g = (struct grave){.resource_version = str_dup(version), .uid = str_dup(uid), .reads = store->reads, .cost = cost};
    if (!store->graves)
        store->graves = map_new(grave_free);
    map_put(store->graves, key, g);
    store->held += cost;
}

/*
 * Whether it can stand in a request's path, as every name and namespace has to (ValidatePathSegmentName in Kubernetes'
 * k8s.io/apimachinery/pkg/api/validation/path). No server has others; something that answers in its place may.
 */
static bool is_name(const char *text)
{
    return text && *text && !str_eq(text, ".") && !str_eq(text, "..") && !strpbrk(text, "/%");
}

/* The key of a proper object of the kind, which has a name and a uid, or NULL. Owned by the caller. */
static char *object_key(const struct kube_kind *kind, const json_t *object)
{
    const char *name = doc_string(object, "metadata", "name");
    const char *ns = kind->namespaced ? doc_string(object, "metadata", "namespace") : NULL;

    return is_name(name) && doc_string(object, "metadata", "uid") && (!kind->namespaced || is_name(ns))
               ? key_of(ns, name)
               : NULL;
}

enum source { FROM_WATCH_OR_WRITE, FROM_READ, FROM_LIST, FROM_REWOUND_LIST };

/*
 * Whether something newer than this version is known, also a deletion. What a definition says decides which fields of
 * a custom object a server shows, so that the same version may have others than before.
 */
static bool is_stale(const struct kind_store *store, const struct entry *en, const char *key, const json_t *object,
                     enum source source, uint64_t read)
{
    const char *version = doc_string(object, "metadata", "resourceVersion");

    if (source == FROM_REWOUND_LIST)
        return false;
    if (en && en->o.kind->custom)
        return kube_version_older(version, en->o.resource_version);
    if (en)
        return version_reached(en->o.resource_version, version);
    if (source == FROM_WATCH_OR_WRITE && version_reached(store->seen, version))
        return true;
    return is_buried(store, key, doc_string(object, "metadata", "uid"), version, read);
}

static void drop(struct kube_cache *c, struct kind_store *store, const char *key)
{
    struct entry *en = map_take(store->entries, key);

    store->lost = ++store->changes;
    TAILQ_REMOVE(&store->by_change, en, link);
    store->held -= en->cost;
    cache_alike_leave(c, store, en);
    cache_owned_leave(store, en);
    entry_free(en);
}

/* All but its places in lists. */
static void copy_entry(struct entry *to, const struct entry *from)
{
    struct entry copy = *from;

    copy.link = to->link;
    copy.next_owned = to->next_owned;
    *to = copy;
}

/* Puts `fresh` in the place of `en`, which may be NULL, and takes over what it owns. One that brings nothing new keeps
 * its place among changes. */
static void replace(struct kube_cache *c, struct kind_store *store, const char *key, struct entry *en,
                    struct entry *fresh)
{
    bool is_change = !en || fresh->o.changed != en->o.changed;
    bool keeps_owner = en && str_eq(en->o.owner, fresh->o.owner);

    if (fresh->o.kind->digest)
        cache_alike_join(c, store, fresh);
    else
        c->bytes += fresh->o.text_len;
    if (en) {
        store->held -= en->cost;
        cache_alike_leave(c, store, en);
        if (!keeps_owner)
            cache_owned_leave(store, en);
        entry_clear(en);
        if (is_change)
            TAILQ_REMOVE(&store->by_change, en, link);
    } else {
        en = NEW(struct entry);
        if (!store->entries)
            store->entries = map_new(entry_free);
        map_put(store->entries, key, en);
    }
    copy_entry(en, fresh);
    if (!keeps_owner)
        cache_owned_join(store, en);
    if (is_change)
        TAILQ_INSERT_HEAD(&store->by_change, en, link);
    store->held += en->cost;
}

/* Whether an object is as it was, but for its version. */
static bool is_unchanged(const struct kube_object *before, const struct kube_object *o)
{
    static const char key[] = "\"resourceVersion\":\"";
    const char *a = strstr(before->text, key), *b = strstr(o->text, key);
    size_t len = a ? (size_t)(a - before->text) + strlen(key) : 0;

    if (!a || !b || b - o->text != a - before->text || memcmp(before->text, o->text, len))
        return false;
    a = strchr(before->text + len, '"');
    b = strchr(o->text + len, '"');
    return a && str_eq(a, b);
}

/* `read`: the number of the read that has it; 0: none has. */
static bool put(struct kube_cache *c, const struct kube_kind *kind, const char *key, const json_t *object,
                enum source source, uint64_t read)
{
    struct kind_store *store = kube_cache_store(c, kind);
    struct entry *en = map_get(store->entries, key), fresh;
    bool same;
    char *text;

    if (is_stale(store, en, key, object, source, read))
        return false;
    note_version(store, doc_string(object, "metadata", "resourceVersion"));
    text = text_of(c, kind, object);
    if (!text) {
        if (en)
            drop(c, store, key);
        return en != NULL;
    }
    same = en && str_eq(en->o.text, text);
    if (same && kind->custom && !kind->digest) {
        free(text);
        return false;
    }
    same = same && kind->digest;
    fresh = entry_of(c, kind, key, object, text);
    fresh.listed = en ? en->listed : 0;
    if (!has_room(c, fresh.cost, en ? en->cost : 0)) {
        entry_clear(&fresh);
        return false;
    }
    if (en && kind->is_definition && is_unchanged(&en->o, &fresh.o)) {
        fresh.o.memo = en->o.memo;
        fresh.o.matters = en->o.matters;
    }
    store->changes += !same;
    fresh.o.changed = same ? en->o.changed : store->changes;
    replace(c, store, key, en, &fresh);
    unbury(store, key);
    return !same;
}

bool kube_cache_put(struct kube_cache *c, const struct kube_kind *kind, const json_t *object)
{
    _cleanup_free_ char *key = object_key(kind, object);

    return key && put(c, kind, key, object, FROM_WATCH_OR_WRITE, 0);
}

uint64_t kube_cache_read_sent(struct kube_cache *c, const struct kube_kind *kind)
{
    return ++kube_cache_store(c, kind)->reads;
}

bool kube_cache_put_read(struct kube_cache *c, const struct kube_kind *kind, const json_t *object, uint64_t read,
                         bool *ret_rewound)
{
    _cleanup_free_ char *key = object_key(kind, object);
    const struct grave *g = map_get(kube_cache_store(c, kind)->graves, key);

    if (ret_rewound)
        *ret_rewound = g && !g->uid && g->reads < read &&
                       kube_version_older(doc_string(object, "metadata", "resourceVersion"), g->resource_version);
    return key && put(c, kind, key, object, FROM_READ, read);
}

void kube_cache_seen(struct kube_cache *c, const struct kube_kind *kind, const char *resource_version)
{
    struct kind_store *store = kube_cache_store(c, kind);

    note_version(store, resource_version);
    if (!kube_version_older(resource_version, store->seen))
        str_replace(&store->seen, resource_version);
}

bool kube_cache_remove(struct kube_cache *c, const struct kube_kind *kind, const char *ns, const char *name,
                       const char *resource_version)
{
    struct kind_store *store = kube_cache_store(c, kind);
    _cleanup_free_ char *key = key_of(ns, name);
    struct entry *en = map_get(store->entries, key);

    if (en && kube_version_older(resource_version, en->o.resource_version))
        return false;
    note_version(store, resource_version);
    if (resource_version)
        bury(c, store, key, resource_version, NULL);
    else if (en)
        bury(c, store, key, en->o.resource_version, en->o.uid);
    if (en)
        drop(c, store, key);
    return en != NULL;
}

bool kube_cache_clear(struct kube_cache *c, const struct kube_kind *kind)
{
    struct kind_store *store = kube_cache_store(c, kind);
    bool any = map_len(store->entries) > 0;
    const struct kube_alike *alike;
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(c, kind, &i));)
        c->bytes -= kind->digest ? 0 : o->text_len;
    for (size_t i = 0; (alike = kube_cache_next_alike(c, kind, &i));)
        c->bytes -= strlen(alike->text);
    if (any)
        store->lost = ++store->changes;
    store->held = 0;
    TAILQ_INIT(&store->by_change);
    map_clear(store->entries);
    map_clear(store->graves);
    map_clear(store->alike);
    map_clear(store->owned);
    str_replace(&store->seen, NULL);
    store->newest = 0;
    return any;
}

void kube_cache_clear_all(struct kube_cache *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        kube_cache_clear(c, &c->kinds->rows[i]);
    c->over = false;
}

/*
 * Whether the list is at least as new as what is known of the object, and has an older version of it all the same. An
 * object that was deleted by its uid is not known to have a version since.
 */
static bool is_contradicted(const struct kind_store *store, const char *key, const json_t *object)
{
    const char *version = doc_string(object, "metadata", "resourceVersion"), *known = NULL;
    const struct entry *en = map_get(store->entries, key);
    const struct grave *g = map_get(store->graves, key);

    if (en)
        known = en->o.resource_version;
    else if (g && !g->uid)
        known = g->resource_version;
    return known && kube_version_older(version, known) && !kube_version_older(store->list_version, known);
}

void kube_cache_replace_asked(struct kube_cache *c, const struct kube_kind *kind)
{
    struct kind_store *store = kube_cache_store(c, kind);

    store->asked = store->newest;
    store->list_read = kube_cache_read_sent(c, kind);
}

void kube_cache_replace_begin(struct kube_cache *c, const struct kube_kind *kind, const char *list_resource_version,
                              bool rewound)
{
    struct kind_store *store = kube_cache_store(c, kind);
    int64_t version = kube_version_number(list_resource_version);
    const char *key;

    rewound = rewound || (version && version < store->asked);
    store->asked = 0;
    store->list++;
    store->list_changed = store->contradicted = false;
    str_replace(&store->list_version, list_resource_version);
    /* A list that is begun again still has to undo what the history set back. */
    store->rewound = store->rewound || rewound;
    if (rewound) {
        for (size_t i = 0; map_next(store->graves, &i, &key, NULL);)
            unbury(store, key);
        str_replace(&store->seen, NULL);
        store->newest = version;
    }
}

bool kube_cache_replace_put(struct kube_cache *c, const struct kube_kind *kind, const json_t *object)
{
    struct kind_store *store = kube_cache_store(c, kind);
    _cleanup_free_ char *key = object_key(kind, object);
    struct entry *en;
    bool contradicted, changed;

    if (!key)
        return false;
    contradicted = is_contradicted(store, key, object);
    changed =
        put(c, kind, key, object, store->rewound || contradicted ? FROM_REWOUND_LIST : FROM_LIST, store->list_read);
    store->contradicted = store->contradicted || contradicted;
    if ((en = map_get(store->entries, key)))
        en->listed = store->list;
    store->list_changed = store->list_changed || changed;
    return changed;
}

void kube_cache_replace_end(struct kube_cache *c, const struct kube_kind *kind, const char *list_resource_version,
                            bool *ret_changed, bool *ret_rewound)
{
    struct kind_store *store = kube_cache_store(c, kind);
    const char *key;
    void *value;

    for (size_t i = 0; map_next(store->entries, &i, &key, &value);) {
        const struct entry *en = value;
        if (en->listed == store->list ||
            (!store->rewound && kube_version_older(list_resource_version, en->o.resource_version)))
            continue;
        /* Not buried: it may only have left the watch's selection, and can then be read with its old version. */
        drop(c, store, key);
        store->list_changed = true;
    }
    *ret_rewound = store->rewound || store->contradicted;
    store->rewound = store->contradicted = false;
    str_replace(&store->list_version, NULL);
    kube_cache_seen(c, kind, list_resource_version);
    *ret_changed = store->list_changed;
}
