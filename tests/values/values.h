/*
 * Documents with values in them that a user may write, good and odd: made from the tables of fields, always the same,
 * so that a test can hold the validation to the objects that follow, and to what a real API server takes.
 */
#ifndef TESTS_VALUES_VALUES_H
#define TESTS_VALUES_VALUES_H

#include <jansson.h>

#include "api/resource.h"

/* `path` is where the document differs from a good one; `document` is borrowed. */
typedef void (*values_fn)(const char *path, const json_t *document, void *context);

/*
 * Specs of the resource with one field each, of this version of Istio; NULL: they name none. What a table has in
 * several places is varied in full at the first.
 */
void values_each_spec(const struct api_resource *r, const char *version, values_fn fn, void *context);

/*
 * The document with each of its values replaced, removed, and given a neighbour, one at a time. `path` is in the form
 * of messages.
 */
void values_each_variant(const json_t *document, values_fn fn, void *context);

/*
 * Objects of the kinds that overlays reach, valid where their version is served, from Kubernetes 1.20 on, with all
 * fields of 1.20 that may stand side by side; owned by the caller.
 */
json_t *values_objects(void);

#endif
