/*
 * The operator's custom resources. What their fields are is a line's business: a resource is parsed by the table of the
 * line that its version is of, and the definitions and reference pages have the fields of all lines.
 */
#ifndef MESH_RESOURCES_H
#define MESH_RESOURCES_H

#include "api/istio.h"

extern const struct api_resource api_resource_istio, api_resource_remote_istio;

/* All of them; ends with NULL. */
extern const struct api_resource *const api_resources[];
/* By kind; NULL where there is none. */
const struct api_resource *api_resource_find(const char *kind);

/*
 * See api_parse(). On success `ret` is to be freed by istio_spec_free(). A RemoteIstio is of the version in the
 * context; whether that runs on the remote cluster's Kubernetes is not validated.
 */
int istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems);
int remote_istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems);

/* The version of an Istio on Kubernetes 1.`minor` (0: not known), also an unknown one; see api_version_of(). */
const char *istio_version(const json_t *resource, int minor);
/*
 * The newest Kubernetes, as minor version of 1.x, for the release that an Istio asks for. Of one that asks for none, or
 * for one that is not known, the newest of all releases.
 */
int istio_newest_kubernetes(const json_t *resource);
/* The same for the cluster of a RemoteIstio that joins the mesh. */
int remote_istio_newest_kubernetes(const json_t *resource, const json_t *mesh);

#endif
