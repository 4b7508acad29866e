/*
 * The notation of schemas in this folder's files, and the OpenAPI v3 schema that a CustomResourceDefinition has for it.
 *
 *   string minLength 1     a type, and JSON schema's words for its limits: minimum, maximum, minLength, maxLength,
 *                          minItems, maxItems, minProperties, maxProperties, pattern, and nullable. Types are string,
 *                          boolean, integer, number, object; with their format int32, double, byte, date-time;
 *                          int-or-string; `object open`: with any field
 *   enum A B C             one of these strings
 *   Duration               a type of the file, or of common.yaml; limits may follow
 *   [X]                    a list of X
 *   {name!: X, port: Y}    an object with these fields; one with a ! is required. Beside fields, or alone:
 *     $rules: [...]          expressions that must hold (CEL)
 *     $oneOf: [a, b]         at most one of these fields; [[a, b], [c, d]]: of each of these groups
 *     $list: X               with further words it is a list of X ($maxItems, and $keys: the fields that tell elements
 *     $map: X                apart), a map of any keys to X ($maxProperties), or another type, with what it is
 *     $type: string          beside its words
 *     $open: true            other fields are kept as well
 *
 * Pure.
 */
#ifndef MESH_ISTIOD_SCHEMA_H
#define MESH_ISTIOD_SCHEMA_H

#include <jansson.h>

#include "base/err.h"

/*
 * The schema of `notation`, owned by the caller. `types`: a map of names to notations. ERR_INVALID with the place where
 * it is not understood; ERR_LIMIT where it nests deeper than DOC_DEPTH_MAX or has more than SCHEMA_VALUES_MAX parts, as
 * types that contain themselves have.
 */
#define SCHEMA_VALUES_MAX 50000
int schema_expand(const json_t *notation, const json_t *types, json_t **ret, struct err *e);

/* The words of limits; what follows them: nothing, a number, or a text. Ends with a NULL word. */
struct schema_word {
    const char *word, *keyword; /* in the notation, in the schema */
    enum { SCHEMA_FLAG, SCHEMA_NUMBER, SCHEMA_TEXT } value;
};
extern const struct schema_word schema_words[];

/* The types; ends with a NULL name. */
struct schema_type {
    const char *name, *type, *format; /* in the notation; in the schema, where `format` may be NULL */
};
extern const struct schema_type schema_types[];

/* {"oneOf": at most one of the fields}: none, or exactly one. Owned by the caller. */
json_t *schema_at_most_one(const json_t *fields);
/* What `int-or-string` is. Owned by the caller. */
json_t *schema_int_or_string(void);

#endif
