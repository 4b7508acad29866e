/*
 * Renders what a remote cluster gets, without any cluster, for users to read. Pure.
 *
 * What comes from the central cluster and not from the two resources is not known here: the signing certificate and the
 * central cluster's id are placeholder texts, and Endpoints have no addresses.
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_RENDER_H
#define CONTROLLERS_REMOTE_REMOTE_RENDER_H

#include <jansson.h>

#include "mesh/mesh.h"

/*
 * Appends the objects for a RemoteIstio that joins this mesh, on Kubernetes 1.`minor`, to `documents`, in the order of
 * writing and with its overlays. Below zero if it is invalid: then `problems` has the errors, and nothing was appended.
 */
int remote_render(
    const json_t *resource, const struct istio_spec *mesh, int minor, json_t *documents, struct problems *problems);

#endif
