/*
 * What Pod Security, Kubernetes' own admission of Pods, has against Pods of the mesh. Pure.
 *
 * Source: "Pod Security Admission" in Kubernetes' documentation; on by default since 1.23.
 */
#ifndef CONTROLLERS_MESH_POD_SECURITY_H
#define CONTROLLERS_MESH_POD_SECURITY_H

#include "controllers/mesh/injection.h"
#include "mesh/mesh.h"
#include "reconcile/status.h"

enum { POD_SECURITY_SINCE = 23 };

/* Whether a namespace refuses Pods that need more than the level `baseline` or `restricted` allows. */
bool pod_security_is_enforced(const json_t *ns);

#define CONDITION_SIDECARS_ADMITTED "SidecarsAdmitted"
/*
 * Says which namespaces will refuse new Pods with a sidecar, and what helps; `cni_is_enabled` says that the CNI plugin
 * will be used, and `cni` that it is already. NULL: none will. Owned by the caller.
 */
json_t *pod_security_condition(
    const struct status_facts *facts, const struct injection_memo *injection, const struct istio_spec *spec,
    bool cni_is_enabled, bool cni);

#endif
