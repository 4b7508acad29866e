/*
 * By which configuration Pods were injected.
 *
 * Source: Istio 1.31, pkg/kube/inject/inject.go: the annotation sidecar.istio.io/status names the revision, and what
 * was added; it has no version of the template, as Istio 1.0's has.
 */
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/istiod/istiod.h"

#define STATUS_MAX ((size_t)64 * 1024)

/*
 * The proxy of a gateway of the mesh is injected, too, and is replaced with its Deployment (gateways.c); one that a
 * chart or a user created counts as a sidecar.
 */
static bool is_gateway_of_mesh(const json_t *pod)
{
    const json_t *labels = doc_at(pod, "metadata", "labels");
    const char *app = doc_string(labels, "app");

    return str_eq(doc_string(pod, "metadata", "annotations", "inject.istio.io/templates"), "gateway") &&
           (str_eq(app, "istio-ingressgateway") || str_eq(app, "istio-egressgateway") ||
            str_eq(app, ISTIOD_EAST_WEST)) &&
           doc_string(labels, "app.kubernetes.io/version") && !doc_string(labels, "app.kubernetes.io/managed-by");
}

/* The revision whose istiod injected the Pod, owned by the caller; NULL: none did. */
static char *revision_of(const json_t *pod)
{
    const char *text = doc_string(pod, "metadata", "annotations", "sidecar.istio.io/status");
    _cleanup_json_ json_t *status = NULL;

    if (!text || doc_parse(text, strlen(text), STATUS_MAX, &status, NULL) < 0)
        return NULL;
    return str_dup(doc_string(status, "revision"));
}

char *istiod_sidecar_version_of_pod(const json_t *pod)
{
    _cleanup_free_ char *revision = revision_of(pod);

    if (!revision || is_gateway_of_mesh(pod))
        return NULL;
    if (doc_at(pod, "metadata", "deletionTimestamp"))
        return STR_JOIN('/', revision, "");
    return STR_JOIN(
        '/', revision, str_or(doc_string(pod, "metadata", "annotations", ISTIOD_SIDECAR_VERSION), "unknown"));
}

char *istiod_sidecar_version_of_config(const json_t *config_map)
{
    const char *version = doc_string(config_map, "metadata", "annotations", ISTIOD_SIDECAR_VERSION);

    return version ? STR_JOIN('/', str_or(doc_string(config_map, "metadata", "labels", LABEL_REVISION), ""), version)
                   : NULL;
}
