/*
 * The CustomResourceDefinitions of the operator's custom resources.
 */
#ifndef API_CRD_H
#define API_CRD_H

#include <jansson.h>

#include "api/resource.h"

/*
 * The definition in the version of apiextensions.k8s.io that the server speaks: "v1" (Kubernetes 1.16 and later;
 * structural schema with defaults, unknown fields are dropped by the server) or "v1beta1" (Kubernetes 1.11 to 1.21,
 * and 1.10 with its CustomResourceSubresources gate; validation without defaults, unknown fields are kept).
 * NULL for another version. Owned by the caller.
 */
json_t *api_crd(const struct api_resource *r, const char *crd_version);
/*
 * The same without schema and columns: the server takes and keeps any fields. For a cluster where such a resource only
 * has to exist.
 */
json_t *api_crd_bare(const struct api_resource *r, const char *crd_version);

#endif
