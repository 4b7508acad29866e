/*
 * The rights that the operator needs, made from the tables: what it does with each kind,
 * and the rights that it hands on, because Kubernetes lets nobody grant what they do not have
 * ("Privilege escalation prevention" in the RBAC documentation). Pure.
 */
#ifndef INSTALL_RIGHTS_H
#define INSTALL_RIGHTS_H

#include <jansson.h>

/*
 * Rules of a ClusterRole, in a stable order; owned by the caller. `role` is what the cluster is to the mesh,
 * MESH_CENTRAL or MESH_REMOTE (mesh/mesh.h). In a remote cluster Pilot reads with the operator's kubeconfig, so that
 * the rules have what it reads, too.
 */
json_t *rights_rules(unsigned role);

/* Of them, what the operator itself makes use of: "group/resource verb" each; owned by the caller. */
json_t *rights_own(unsigned role);

#endif
