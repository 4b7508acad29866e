/*
 * How many Pods have a sidecar of an older image or configuration than the injector would give them now, and how many
 * have one of which version of Istio. Pure.
 *
 * A Pod is outdated by the version of the configuration that the injector wrote on it (mesh_injection in mesh/line.h).
 * The version of Istio is that of its proxy's image. Pods without a sidecar, Pods that ended and Pods that are being
 * deleted are not counted.
 */
#ifndef CONTROLLERS_MESH_SIDECARS_H
#define CONTROLLERS_MESH_SIDECARS_H

#include "mesh/mesh.h"
#include "reconcile/plan.h"

struct sidecars {
    bool injected; /* there is an injector */
    size_t current, outdated;
    char *outdated_in; /* "default (3), shop (1)": namespaces with the most outdated first, a few; owned; NULL: none */
    json_t *versions;  /* [{version, pods}], the most first, SIDECAR_VERSIONS_MAX at most; owned; NULL: not counted */
    char *closed;      /* "2 from gcr.io/istio-release": whose image is in a registry that closes; owned; NULL: none */
};
enum { SIDECAR_VERSIONS_MAX = 20 };

/* The last count, for a set of desired objects that must not change while the memo exists. Zeroed: nothing yet. */
struct sidecars_memo {
    bool is_read;
    char *version; /* that new sidecars get; NULL: none get any */
    uint64_t seen; /* kube_cache_changes() of the Pods, and one more; 0: not counted */
    struct sidecars counted;
};
void sidecars_memo_clear(struct sidecars_memo *memo);

/* Counts again if Pods changed since the last time. The result is the memo's. */
const struct sidecars *sidecars_count(
    struct sidecars_memo *memo, struct kube_cache *observed, const struct mesh_injection *how,
    const struct desired_set *desired);

/* The version of the configuration that new Pods get; owned by the caller; NULL: none get any. */
char *sidecars_desired_version(const struct mesh_injection *how, const struct desired_set *desired);

/*
 * Of the workloads whose Pods have a sidecar (mesh_workload_of_pod() in mesh/workloads.h): in how many all Pods have
 * one of this version, and how many are left. `version` NULL: all are left.
 */
void sidecars_count_workloads(
    const struct kube_cache *observed, const char *version, size_t *ret_done, size_t *ret_left);

/*
 * How many Pods have a sidecar of this revision, where the line's versions begin with it (mesh_injection). Those that
 * are being deleted are included: what they still do needs its control plane.
 */
size_t sidecars_of_revision(const struct kube_cache *observed, const char *revision);

/* The reason and the text of the condition; the text is owned by the caller. */
const char *sidecars_reason(const struct sidecars *s);
char *sidecars_text(const struct sidecars *s);

#endif
