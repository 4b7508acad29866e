/*
 * The objects that a resource asks for, as they are rendered: documents, before they are marked as owned and compared
 * with what is observed (reconcile/desired.h). Pure.
 */
#ifndef RECONCILE_RENDERED_H
#define RECONCILE_RENDERED_H

#include <jansson.h>
#include <stddef.h>

#include "kube/kind.h"

/* One object. */
struct rendered {
    const struct kube_kind *kind;
    json_t *object; /* owned */
    /*
     * Paths in this object that others own once it exists, besides those of its kind: the replicas of a Deployment
     * under an autoscaler. Ends with NULL; may be NULL; static.
     */
    const char *const *foreign;
    /*
     * Of a Deployment whose Pods read a ConfigMap or a Secret only once: what they read, "ConfigMap/istio". A digest of
     * its content is among the Pods' annotations, so that they are replaced when it changes. NULL: none; static.
     */
    const char *restart_on;
};

struct rendered_list {
    struct rendered *items;
    size_t len, cap;
};

/* Puts digests where rendered.restart_on asks for them: again after what they are of was changed. */
void rendered_digest_configs(struct rendered_list *objects);
/* The order of the table of kinds (all are of one) and of names. */
void rendered_sort(struct rendered_list *objects);
void rendered_release(struct rendered_list *objects);

#endif
