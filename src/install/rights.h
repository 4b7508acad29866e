/*
 * The rights that the operator needs, from the tables: what it does with each kind, and the rights that it grants to
 * Istio, because Kubernetes allows no client to grant rights that it does not have ("Privilege escalation prevention"
 * in the RBAC documentation). Pure.
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

/* Of them, what the operator itself uses: "group/resource verb" each; owned by the caller. */
json_t *rights_own(unsigned role);

#endif
