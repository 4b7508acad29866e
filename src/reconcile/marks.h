/*
 * The labels and annotations that say which objects the operator owns, and its other names that are visible in a
 * cluster.
 */
#ifndef RECONCILE_MARKS_H
#define RECONCILE_MARKS_H

#include <jansson.h>

#include "kube/cache.h"

/* Label: the uid of the resource that an object follows from. Watches select by its presence. */
#define MARK_OWNER "istio.banzaicloud.io/owner"
/* Annotation: {"hash": of the desired object, "fields": a skeleton of it (see doc/merge.h)} as it was applied last. */
#define MARK_APPLIED "istio.banzaicloud.io/last-applied"
/* Annotation of a person on one object: leave it alone. */
#define MARK_IGNORE "istio.banzaicloud.io/ignore"

/* Label of Kubernetes: the release of what an object is a part of; see reconcile/newest.h. */
#define MARK_RELEASE "app.kubernetes.io/version"

#define FIELD_MANAGER "istio-operator"

/* Who an object follows from. */
struct mark_owner {
    const char *api_version, *kind, *ns, *name, *uid;
    /*
     * The value of the label, where it is not the uid: in a remote cluster the label names the RemoteIstio in the
     * central one, which Kubernetes cannot refer to, and the reference names the resource that represents it there.
     */
    const char *label;
};

/*
 * Adds to a desired object the owner label, the annotation with the applied fields, and an ownerReference if the object
 * is in the owner's namespace (Kubernetes' garbage collector follows no others).
 */
void mark_desired(json_t *object, const struct kube_kind *kind, const struct mark_owner *owner);

/* After a change of fields in such an object. */
void mark_fields(json_t *object, const struct kube_kind *kind);

/* After a change of values in such an object. */
void mark_again(json_t *object);

/*
 * What was applied last, read from an observed object (or from a desired one, which says what would be applied):
 * {"hash", "fields"}; owned by the caller; NULL where there is none.
 */
json_t *mark_applied(const json_t *object);

/* Whether a user has an observed object left alone; `object` may be NULL. */
bool mark_is_ignored(const json_t *object);

#endif
