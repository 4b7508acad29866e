/*
 * Gateway API: its definitions are the users', and istiod follows each of its kinds only from some version on.
 *
 * Source: Istio 1.28 and 1.29, pkg/kube/kclient/crdwatcher.go; 1.30 and 1.31,
 * pkg/config/schema/gatewayapi/minimumversions.go, pkg/kube/kclient/crdwatcher.go (istiod compares without what is
 * behind "-"); the annotations are Gateway API's own.
 */
#ifndef MESH_GATEWAY_API_H
#define MESH_GATEWAY_API_H

#include <jansson.h>
#include <stdbool.h>

#define GATEWAY_API_DEFINITION "gateways.gateway.networking.k8s.io"
#define GATEWAY_CLASS_DEFINITION "gatewayclasses.gateway.networking.k8s.io"

/* A kind that a release follows from this version on, or `until` it. */
struct gateway_api_kind {
    const char *kind;
    int major, minor;
    bool until;
};

/* What is kept of the definition (kube_kind.digest): "v1.5.1 experimental"; owned by the caller. Never NULL. */
char *mesh_gateway_api_digest(const json_t *definition);

/* Which version is there. Owned texts. */
struct gateway_api {
    char *version; /* "v1.5.1"; "": the definition does not say */
    char *channel; /* "standard", "experimental"; "": it does not say */
};
struct gateway_api mesh_gateway_api_read(const char *digest);
void mesh_gateway_api_release(struct gateway_api *api);
#define _cleanup_gateway_api_ _cleanup_(mesh_gateway_api_release)

/*
 * Whether a release that has this row does not follow the kind although it is there: each kind joined the standard
 * channel in the version of its row, so that a standard channel before that has none.
 */
bool mesh_gateway_api_ignores(const struct gateway_api_kind *row, const struct gateway_api *api);

#endif
