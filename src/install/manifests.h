/*
 * What installs the operator itself into a cluster. Pure.
 */
#ifndef INSTALL_MANIFESTS_H
#define INSTALL_MANIFESTS_H

#include <jansson.h>
#include <stdint.h>

struct manifest_options {
    const char *ns;
    const char *image;
    int64_t replicas; /* from 1; with more than one they elect a leader */
};

#define MANIFEST_REPLICAS_MOST 9

/* The CustomResourceDefinitions of our resources; an array, owned by the caller. */
json_t *manifests_crds(void);
/* Those, and the operator's Namespace, ServiceAccount, rights, Service, webhook and StatefulSet (with more than one
 * replica also a PodDisruptionBudget), in the order to apply them. */
json_t *manifests_all(const struct manifest_options *options);

/*
 * What a remote cluster needs before it joins: a ServiceAccount whose kubeconfig the operator gets, and its rights;
 * with the namespace to hold it. `image` is not used.
 */
json_t *manifests_remote(const struct manifest_options *options);

#endif
