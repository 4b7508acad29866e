/* The custom resource RemoteIstio. Its fields are a line's business (struct mesh_joining). */
#ifndef CONTROLLERS_REMOTE_REMOTE_ISTIO_H
#define CONTROLLERS_REMOTE_REMOTE_ISTIO_H

#include "api/istio.h"
#include "api/status.h"

/* The values of its status.Status. */
#define API_REMOTE_STATUSES(X)                                                                                         \
    API_STATUSES(X)                                                                                                    \
    X(STATUS_UNREACHABLE,                                                                                              \
      "the remote cluster's API server does not answer as it should; what runs there goes on, "                        \
      "and the operator tries again")

/* The condition that it has besides those of every resource. */
#define CONDITION_CONNECTED "Connected"

/* The fields of its status, besides those of an Istio. */
#define STATUS_FIELD_LAST_CONTACT "lastContact"
#define STATUS_FIELD_KUBERNETES_VERSION "kubernetesVersion"
#define STATUS_FIELD_ENDPOINTS_SYNCED "endpointsSynced"
#define STATUS_FIELD_SERVICES "services"

extern const struct api_resource api_resource_remote_istio;

/*
 * See api_parse(). On success `ret` is to be freed by istio_spec_free(). It is of the version in the context; whether
 * that runs on the remote cluster's Kubernetes is not validated.
 */
int remote_istio_parse(
    const json_t *resource, const struct api_context *context, struct istio_spec **ret, struct problems *problems);

#endif
