/*
 * How many Pods have a sidecar of an older image or configuration than the injector would give them now. Pure.
 *
 * A Pod is counted by the version that the injector wrote on it (see mesh.h). Pods without a sidecar, Pods that ended
 * and Pods that are going are not counted.
 */
#ifndef CONTROLLERS_MESH_SIDECARS_H
#define CONTROLLERS_MESH_SIDECARS_H

#include "reconcile/plan.h"

struct sidecars {
    bool injected; /* there is an injector */
    size_t current, outdated;
    char *outdated_in; /* "default (3), shop (1)": namespaces with the most outdated first, a few; owned; NULL: none */
};

void sidecars_count(const struct kube_cache *observed, const struct wanted_set *wanted, struct sidecars *ret);
void sidecars_release(struct sidecars *s);

/* The reason and the text of the condition; the text is owned by the caller. */
const char *sidecars_reason(const struct sidecars *s);
char *sidecars_text(const struct sidecars *s);

#endif
