/*
 * The rules for a RemoteIstio, the same for the controller, the admission webhook and `validate`. Pure.
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_CHECK_H
#define CONTROLLERS_REMOTE_REMOTE_CHECK_H

#include <jansson.h>

#include "mesh/mesh.h"

/*
 * As remote_istio_parse(), and it must be in the mesh's namespace `mesh_ns`, NULL where no mesh is known. `version` is
 * the mesh's, NULL where that is not known or not said. `ns` is the resource's namespace if its metadata has none, and
 * may be NULL.
 */
int remote_check(
    const json_t *resource, const char *ns, const char *mesh_ns, const char *version, struct istio_spec **ret,
    struct problems *problems);

/* What runs in a remote cluster is of the mesh's release, which may ask for another Kubernetes than its 1.`minor`. */
int remote_check_kubernetes(const struct mesh_release *release, int minor, struct err *e);

#endif
