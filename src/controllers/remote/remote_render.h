/*
 * What is wrong with a RemoteIstio, and what its cluster gets, without any cluster: reconciler.check(). Pure.
 *
 * What comes from the central cluster and not from the two resources is not known here: the signing certificate and the
 * central cluster's id are placeholder texts, and Endpoints have no addresses.
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_RENDER_H
#define CONTROLLERS_REMOTE_REMOTE_RENDER_H

#include "reconcile/reconciler.h"

/*
 * With the mesh and the Kubernetes of its cluster known, the objects are built, with its overlays, and appended to
 * `ret_objects` (may be NULL) in the order of writing, if there is no error.
 */
void remote_row_check(
    const json_t *resource, const struct check_context *context, json_t *ret_objects, struct problems *problems);

#endif
