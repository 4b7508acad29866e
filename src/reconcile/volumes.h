/*
 * Why a Pod's volumes cannot be mounted: the Secret or the ConfigMap that one names, or a key of it, does not exist.
 * Pure.
 *
 * The kubelet reports this in Events only, which expire and which the operator has no right to read. So the operator
 * looks up the objects that the Pod's spec names. A container that lacks an object for its environment says so itself,
 * in its status.
 */
#ifndef RECONCILE_VOLUMES_H
#define RECONCILE_VOLUMES_H

#include <jansson.h>

#include "kube/cache.h"

/* The kinds (or views that keep their keys, "data.*") of which all objects in the Pod's namespace are observed. */
struct volume_kinds {
    const struct kube_kind *secret, *config_map;
};

/* "FailedMount: volume certs needs Secret a, which does not exist"; owned by the caller; NULL: nothing is missing. */
char *volumes_missing(const struct kube_cache *observed, const struct volume_kinds *kinds, const json_t *pod);

#endif
