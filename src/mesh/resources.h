/*
 * The custom resource Istio. What its fields are is a line's business: it is parsed by the table of the line that its
 * version is of, and the definition and the reference page have the fields of all lines.
 */
#ifndef MESH_RESOURCES_H
#define MESH_RESOURCES_H

#include "api/istio.h"

extern const struct api_resource api_resource_istio;

/* See api_parse(). On success `ret` is to be freed by istio_spec_free(). */
int istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems);

/* The version of an Istio on Kubernetes 1.`minor` (0: not known), also an unknown one; see api_version_of(). */
const char *istio_version(const json_t *resource, int minor);
/*
 * The Kubernetes, as minor version of 1.x, that an Istio is rendered for where no cluster is named: this one, or where
 * its release is too new for it, the newest that it runs on.
 */
#define SHOWN_KUBERNETES 20
int istio_kubernetes_to_show(const json_t *resource);

#endif
