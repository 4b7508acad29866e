/*
 * The validating admission webhook's decision: an AdmissionReview in, the AdmissionReview to answer with out.
 *
 * Pure. The rules are those of the kind's row (reconciler.check), and a kind without them is refused; a resource that
 * bypassed the webhook is refused by the same rules in its status. Always allowed: deletions, changes of a resource
 * that is being deleted, and changes that leave the spec alone (status, finalizers, labels); else an invalid resource
 * could not be repaired or removed. Source: "Dynamic Admission Control" in the Kubernetes documentation.
 */
#ifndef SERVE_ADMISSION_H
#define SERVE_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "kube/cache.h"

/* Object and former object, each as large as etcd takes them, and what is around them. */
#define ADMISSION_MAX_BYTES (3 * 1024 * 1024 + 64 * 1024)
/* Maps, sequences and scalars of a review: a parsed value takes a hundred times the bytes of its text. */
#define ADMISSION_VALUES_MAX 100000

struct admission_context {
    int kubernetes_minor;              /* 0: not known */
    const char *const *versions;       /* as in struct check_context; NULL: not known, so overlays are not tried */
    const struct kube_cache *observed; /* NULL: not known yet what is in the cluster */
};

struct admission_verdict {
    char *review; /* JSON; owned by the caller */
    bool allowed;
};

/*
 * ERR_INVALID where the text is no AdmissionReview (HTTP 400), ERR_LIMIT where it is too much (413). A review without a
 * uid gets an answer, and is denied.
 */
int admission_review(
    const char *text, size_t len, const struct admission_context *context, struct admission_verdict *ret,
    struct err *e);

#endif
