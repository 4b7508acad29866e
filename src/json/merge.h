/*
 * Three-way merge: what we applied last, what we want now, what is live.
 *
 * The result is the live document with our changes in it and nothing else of it
 * touched: a field that we want is set, a field that we applied before and want no
 * longer is removed, every other field stays. Applying a merge to its own result
 * finds no difference.
 *
 * What we applied last is kept as a *skeleton*: the wanted document with every
 * scalar replaced by 1, except the fields by which elements of sequences are told
 * apart. It says which fields were ours without repeating their values, so no
 * secret ends in an annotation.
 *
 * Sequences of maps are merged element by element where the rules name a key for
 * them (containers by name), by position where both have the same length, and are
 * replaced whole otherwise. Sequences of scalars are replaced whole.
 */
#ifndef JSON_MERGE_H
#define JSON_MERGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Elements of sequences under a field of this name are told apart by this field. */
struct merge_key {
    const char *field; /* "containers" */
    const char *key;   /* "name" */
};

struct merge_rules {
    const struct merge_key *keys; /* ends with {NULL, NULL}; may be NULL */
    /* Whether a wanted "", 0, false, null, {} or [] equals an absent live field (servers omit empty values). */
    bool empty_is_absent;
    /* Whether two different scalars mean the same at `path` ("2048Mi" and "2Gi"). May be NULL. */
    bool (*same)(const char *path, const json_t *wanted, const json_t *live);
    /*
     * Whether the field belongs to somebody else, so that the live value, or its absence, stays once the
     * object exists. `path` is "webhooks[].clientConfig.caBundle": keys joined by dots, [] for any element.
     * May be NULL.
     */
    bool (*foreign)(const void *context, const char *path);
    const void *context;
};

/* One field that differs. */
struct merge_change {
    char *path; /* "spec.template.spec.containers[discovery].image"; owned */
    enum { MERGE_ADD, MERGE_CHANGE, MERGE_REMOVE } type;
    json_t *before; /* owned; NULL for MERGE_ADD */
    json_t *after;  /* owned; NULL for MERGE_REMOVE */
};

struct merge {
    json_t *result; /* owned; equal to live where nothing changed */
    struct merge_change *changes;
    size_t change_count, change_cap;
};

/* `last` (a skeleton) may be NULL. The arguments are left alone; the result shares nothing with them. */
void merge_three_way(const json_t *last, const json_t *wanted, const json_t *live, const struct merge_rules *rules,
                     struct merge *ret);
void merge_release(struct merge *m);

/* The skeleton of a wanted document; owned by the caller. */
json_t *merge_skeleton(const json_t *wanted, const struct merge_rules *rules);

/* "image differs, replicas removed (+3 more)" for a log line: at most `most` fields by their last names. */
void merge_summary(const struct merge *m, size_t most, struct buf *out);

#endif
