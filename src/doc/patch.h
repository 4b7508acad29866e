/*
 * JSON Patch (RFC 6902) and JSON Pointer (RFC 6901), and JSON Merge Patch (RFC 7386).
 */
#ifndef DOC_PATCH_H
#define DOC_PATCH_H

#include <jansson.h>

#include "base/err.h"

/*
 * Checks the form of a patch (a sequence of operations) without a target:
 * ERR_INVALID names the operation by its position ("[2].path: ...").
 */
int patch_check(const json_t *operations, struct err *e);

/*
 * patch_check(), then all operations or none. ERR_INVALID names the operation and the part of its path that does
 * not exist, or the test that failed, and no value; ERR_LIMIT: copies add up to too much. `ret` is a new document,
 * owned by the caller; `target` is left alone, and shares nothing with it.
 */
int patch_apply(const json_t *target, const json_t *operations, json_t **ret, struct err *e);

/* Changes `target`, a map, by a merge patch: maps field by field, null removes, everything else replaces. */
void patch_merge(json_t *target, const json_t *patch);

#endif
