/*
 * Istio's definitions as they come from its sources, into the notation of src/mesh/istiod/definitions: names, types,
 * limits and rules, without a description or a message.
 */
#ifndef TESTS_DEFINITIONS_NOTATION_H
#define TESTS_DEFINITIONS_NOTATION_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Takes descriptions and messages out of a schema, in place, sorts the names of required fields, and makes each rule
 * one line: Kubernetes accepts a rule of several lines only with a message.
 */
void notation_strip(json_t *schema);

/* A schema that was stripped, without types; owned by the caller. ERR_INVALID with the place that has no notation. */
int notation_of(const json_t *schema, json_t **ret, struct err *e);

/*
 * The files for `definitions`: a map of file names to documents, owned by the caller. What repeats becomes a type; it
 * keeps the name that it has in `known` (a map of the names of types to their schemas), also where its fields changed.
 */
int notation_files(const json_t *definitions, const char *release, const json_t *known, json_t **ret, struct err *e);

/* A document as text, with what fits in one line. */
void notation_print(const json_t *document, struct buf *out);

#endif
