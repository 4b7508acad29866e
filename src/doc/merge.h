/*
 * Three-way merge: what was applied last, what is desired now, what is live.
 *
 * The result is the live document with the operator's changes and nothing else touched: a desired field is set, a field
 * that was applied before and is no longer desired is removed, every other field stays, unless what is desired excludes
 * it (rules->others). Applying a merge to its own result finds no difference.
 *
 * What was applied last is kept as a *skeleton*: the desired document with every scalar, and every sequence of
 * scalars, replaced by 1, except the fields by which elements of sequences are told apart. It says which fields were
 * owned without repeating their values, so no secret ends in an annotation.
 *
 * Maps are merged field by field (but rules->whole, whose skeleton is 1). When a whole map is released (no field of it
 * is desired any more), all of it is removed, with what the server put into it: what remains of a `secret:` volume
 * source would be invalid. Maps whose keys are free (labels; rules->open) keep the entries of other managers instead.
 *
 * Sequences of maps are merged
 *   - element by element where the rules name a key for them, a string or integer that every desired and live element
 *     has and that differs in the desired ones (containers by name): elements of others stay, except a second one with
 *     the key of a desired one; those come in the desired order, new ones behind the one they follow there;
 *   - else by position where both have the same length, so that fields defaulted by the server stay, but no part of a
 *     key that is not desired; where the rules
 *     say that the order means nothing (rules->unordered), an element that is in place at another position stays there;
 *   - else they are replaced whole, as sequences of scalars are.
 *
 * A field of another client (rules->foreign) keeps its live value or its absence, also where the map around it is
 * new; only a whole new element of a sequence comes with everything that is desired in it.
 */
#ifndef DOC_MERGE_H
#define DOC_MERGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Elements of sequences under a field of this name are told apart by this field, or by two. */
struct merge_key {
    const char *field;  /* "ports" */
    const char *key;    /* "port" */
    const char *second; /* "protocol"; NULL: one is enough */
    const char *absent; /* what it means where an element does not have the second one: "TCP" */
};

/* A map or a sequence in the three documents, and what it is in. */
struct merge_place {
    const struct merge_place *around;    /* NULL: it is the document itself */
    const json_t *last, *desired, *live; /* borrowed; NULL, or anything, where that document has none */
};

/* What becomes of a live field, or element, that is not desired and was not owned. */
enum merge_fate {
    MERGE_STAYS,
    MERGE_GOES,        /* what is desired excludes it */
    MERGE_LOOK_WITHIN, /* of a map or sequence: each of its fields, or elements, for itself */
};

struct merge_rules {
    const struct merge_key *keys; /* ends with a NULL field; may be NULL */
    const char *const *unordered; /* names of sequences without keys whose order says nothing; as `open` */
    const char *const *open;      /* names of maps whose keys are free, "labels"; ends with NULL; may be NULL */
    const char *const *whole;     /* names of maps that are compared and replaced as one value; as `open` */
    /* Whether such a live value has the same meaning as the desired one, and stays. NULL: where it is equal. */
    bool (*same_whole)(const json_t *desired, const json_t *live);
    /*
     * Whether a desired "", 0, false, null, {} or [] equals an absent (or null) live field, because the server omits
     * empty values: true of Kubernetes' own types, not of custom resources, whose fields are kept as sent. Its
     * price: where absent means something else than empty, a removed empty field is not restored.
     */
    bool empty_is_absent;
    /*
     * Where nevertheless an empty value differs from none, `path` as in foreign(): there it is restored. May
     * be NULL.
     */
    bool (*empty_counts)(const void *context, const char *path);
    /* Whether two different scalars mean the same ("2048Mi" and "2Gi"); `path` as in foreign(). May be NULL. */
    bool (*same)(const char *path, const json_t *desired, const json_t *live);
    /*
     * Whether the field belongs to another client, so that the live value, or its absence, stays once the
     * object exists. `path` is "webhooks[].clientConfig.caBundle": keys joined by dots, [] for any element.
     * May be NULL.
     */
    bool (*foreign)(const void *context, const char *path);
    /*
     * What becomes of what other managers have beside what is desired: of the field `field` of the map `in` at `path`,
     * which ends in the field's name, or where `field` is NULL of an element of the sequence `in`, where the path ends
     * in []. Its answer may depend on what is desired, what was owned, and on the value itself, and must not change
     * when the value is removed. May be NULL: all of it stays.
     */
    enum merge_fate (*others)(const void *context, const char *path, const struct merge_place *in, const char *field,
                              const json_t *value);
    const void *context;
};

/* One field that differs. `before` and `after` may hold secrets; paths do not. */
struct merge_change {
    char *path;       /* "spec.template.spec.containers[discovery].image", see doc_path_key(); owned */
    const char *name; /* its last part, "image" or "containers[discovery]"; within `path` */
    enum { MERGE_ADD, MERGE_CHANGE, MERGE_REMOVE, MERGE_TYPE_LAST = MERGE_REMOVE } type;
    json_t *before; /* owned; NULL for MERGE_ADD */
    json_t *after;  /* owned; NULL for MERGE_REMOVE */
};

struct merge {
    json_t *result; /* owned; equal to live where nothing changed */
    struct merge_change *changes;
    size_t change_count, change_cap;
};

/*
 * `last` (a skeleton) may be NULL, and so may `live`: then all of `desired` is the result. The arguments are left
 * alone; the result shares nothing with them.
 */
void merge_three_way(const json_t *last, const json_t *desired, const json_t *live, const struct merge_rules *rules,
                     struct merge *ret);
void merge_release(struct merge *m);

/* The skeleton of a desired document; owned by the caller. */
json_t *merge_skeleton(const json_t *desired, const struct merge_rules *rules);

/* "image differs, replicas removed (+3 more)" for a log line: at most `most` fields by their names. */
void merge_summary(const struct merge *m, size_t most, struct buf *out);

#endif
