/*
 * Fields that no update can change. A server refuses it at each try, so it is not tried: to get the object as it is
 * desired, the user deletes it. Sources: the API reference of the kinds ("immutable"), and the validation of updates in
 * Kubernetes' pkg/apis.
 */
#ifndef KUBE_IMMUTABLE_H
#define KUBE_IMMUTABLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "doc/merge.h"

struct kube_kind;

/*
 * Whether the merge of a desired object with its live one changes a field that is immutable in Kubernetes 1.`minor` (0:
 * unknown). `why` gets one sentence about the object, "it has another ...": what it is, and what the user has to do.
 */
bool kube_immutable(const struct kube_kind *kind, int minor, const json_t *live, const struct merge *merge,
                    struct buf *why);

#endif
