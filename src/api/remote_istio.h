/*
 * The custom resource RemoteIstio (istio.banzaicloud.io/v1beta1), parsed: another cluster that joins the mesh of an
 * Istio resource. It has the name of the Secret in its namespace that holds the other cluster's kubeconfig.
 *
 * What both clusters have to agree on is no field of it but comes from the mesh, and so does what it leaves out:
 * remote_istio_parse() reads what the resource says, remote_istio_follow() adds the rest.
 *
 * The fields, their limits and defaults are the table in remote_istio.c. Pure.
 */
#ifndef API_REMOTE_ISTIO_H
#define API_REMOTE_ISTIO_H

#include "api/field.h"
#include "api/istio.h"

/* Every pointer is owned by the struct. */
struct remote_istio_spec {
    /*
     * The mesh as the remote cluster has its parts of it. The first member, so that what reads a struct istio_spec
     * reads this, too. Only Citadel and the sidecar injector can be enabled until remote_istio_follow(), and until
     * then what the resource leaves to the mesh is zero or NULL, `version` among it.
     */
    struct istio_spec mesh;
    json_t *enabled_services; /* a sequence of {name, labelSelector}; never NULL */
    /* What the resource says; what holds is mesh.control_plane_security_enabled, after remote_istio_follow(). */
    enum maybe control_plane_security_enabled;
};

extern const struct api_resource api_resource_remote_istio;

/*
 * See api_parse(). On success `ret` owns its pointers until remote_istio_spec_release(). Which version of Istio it
 * will be is not known here, so whether that runs on the remote cluster's Kubernetes is not validated.
 */
int remote_istio_parse(const json_t *resource, const struct api_context *context, struct remote_istio_spec *ret,
                       struct problems *problems);

/*
 * Fills in what the mesh decides: always its version, mtls, tracing and whether it has policy and telemetry; control
 * plane security, images, proxies and disruption budgets where `resource`, from which `spec` was parsed, does not give
 * them. policy and telemetry are then enabled for the code that configures proxies: their components run in the central
 * cluster alone. May be called again when the mesh has changed.
 */
void remote_istio_follow(struct remote_istio_spec *spec, const json_t *resource, const struct istio_spec *central);
void remote_istio_spec_release(struct remote_istio_spec *spec);

/* The components that run in the remote cluster, as istio_components. */
extern const struct istio_component remote_istio_components[];

#endif
