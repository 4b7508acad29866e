/*
 * Reading documents. A document is jansson's json_t: counted references, where
 * a function says nothing else the result is borrowed from its argument.
 */
#ifndef DOC_DOC_H
#define DOC_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

DEFINE_CLEANUP(json_t *, json_decref)
#define _cleanup_json_ _cleanup_(json_decref_p)

/*
 * Parses one JSON value. Refused with ERR_INVALID: broken text, a duplicate key, deeper than DOC_DEPTH_MAX; with
 * ERR_LIMIT: more than `max_bytes`, or than DOC_VALUES_MAX values (the largest page of a list that was seen has a
 * tenth of that; a value takes up to some hundred times the bytes of its text).
 */
#define DOC_DEPTH_MAX 128
#define DOC_VALUES_MAX 1000000
/* How many values a text can hold at most, whether it is JSON or not: the signs before them that are in no string. */
size_t doc_count_values(const char *text, size_t len);
/*
 * Behind the JSON string that begins at `at`; `len` where it does not end. *ret_zero, which may be NULL, becomes true
 * where it has the character \u0000.
 */
size_t doc_skip_string(const char *text, size_t len, size_t at, bool *ret_zero);
/* Where a text of JSON nests deeper than DOC_DEPTH_MAX; `len` where it does not. */
size_t doc_find_too_deep(const char *text, size_t len);
/* Before a text is parsed that may have fewer than DOC_VALUES_MAX: ERR_LIMIT where it can hold more than `max`. */
int doc_limit_values(const char *text, size_t len, size_t max, struct err *e);
int doc_parse(const char *text, size_t len, size_t max_bytes, json_t **ret, struct err *e);
/* Of a text that this program made; owned by the caller. */
json_t *doc_parse_own(const char *text);

/*
 * doc_parse() for what an API server says: a user can store there what doc_parse() refuses, and only that user's object
 * must suffer. `around` is how many maps and sequences there are around each object: 2 in a list, 1 in an event of a
 * watch. A value in an object that is nested deeper than DOC_DEPTH_MAX, and a map with \u0000 in a key, become a mark:
 * a string that no field takes. An integer beyond 64 bits becomes a real, as the API server has it. The limits on bytes
 * and values hold.
 */
enum { DOC_IN_LIST = 2, DOC_IN_REVIEW = 2, DOC_IN_EVENT = 1, DOC_ALONE = 0 };
int doc_parse_lenient(const char *text, size_t len, size_t max_bytes, int around, json_t **ret, struct err *e);
/* What was wrong where doc_parse_lenient() left a mark ("must not be nested ..."); NULL: the value is no mark. */
const char *doc_mark(const json_t *value);

/* Compact text with sorted keys: equal documents have equal texts. Owned by the caller. What is absent is null. */
char *doc_text(const json_t *value);
/* The same, indented, for users. */
char *doc_text_pretty(const json_t *value);
/* str_hash() of doc_text(). */
uint64_t doc_hash(const json_t *value);

/*
 * Walks down maps by keys: doc_at(object, "metadata", "labels"). NULL where a
 * key is missing or something on the way is no map. The typed forms are NULL (or
 * `otherwise`) also where the value has another type.
 */
json_t *doc_at_(const json_t *root, const char *const *keys);
const char *doc_string_(const json_t *root, const char *const *keys);
#define DOC_KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define doc_at(root, ...) doc_at_((root), DOC_KEYS(__VA_ARGS__))
#define doc_string(root, ...) doc_string_((root), DOC_KEYS(__VA_ARGS__))
int64_t doc_int(const json_t *value, int64_t otherwise); /* of the value itself */
bool doc_bool(const json_t *value, bool otherwise);

/*
 * Like doc_at(), and creates the maps that are missing on the way. Borrowed from root; NULL where the root is no map,
 * and what is set in that is lost.
 */
json_t *doc_make_(json_t *root, const char *const *keys);
#define doc_make(root, ...) doc_make_((root), DOC_KEYS(__VA_ARGS__))

/* The fewest significant digits, 15 to 17, that keep a real: 0.1 is not 0.10000000000000001. */
int doc_real_digits(double value);

/* A deep copy, owned by the caller; of NULL, which is what is absent, NULL. */
json_t *doc_copy(const json_t *value);
/* Removes the fields that are null, at any depth; elements of sequences stay. NULL is left alone. */
void doc_drop_nulls(json_t *value);

/* A string of any text, owned by the caller: bytes that are no UTF-8 become '?'. Of NULL it is NULL. */
json_t *doc_new_string(const char *text);

/* Equal as JSON means it: 1 and 1.0 are the same number, and the order of keys does not count. NULL equals only NULL.
 */
bool doc_equal(const json_t *a, const json_t *b);

/*
 * About the bytes of a value's text (at least one for each value in it): for limits on what is copied of input from
 * outside. `ret_depth` may be NULL; a scalar's depth is 1.
 */
size_t doc_weight(const json_t *value, int *ret_depth);

/*
 * Paths for messages: spec.ports[2].port, metadata.labels["istio.io/rev"]. They add one step to a path; to go back
 * up, buf_truncate() it.
 */
void doc_path_key(struct buf *path, const char *key);
void doc_path_index(struct buf *path, size_t index);

/* The element of a sequence of maps whose field `key` is the string `value`, or NULL. */
json_t *doc_find(const json_t *seq, const char *key, const char *value);

#endif
