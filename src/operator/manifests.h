/*
 * What installs the operator itself into a cluster. Pure.
 */
#ifndef OPERATOR_MANIFESTS_H
#define OPERATOR_MANIFESTS_H

#include <jansson.h>

struct manifest_options {
    const char *ns;
    const char *image;
};

/* The CustomResourceDefinitions of our resources; an array, owned by the caller. */
json_t *manifests_crds(void);
/* Those, and the operator's Namespace, ServiceAccount, rights, Service, webhook and StatefulSet, in the order to apply
 * them. */
json_t *manifests_all(const struct manifest_options *options);

/*
 * What a remote cluster needs before it joins: a ServiceAccount whose kubeconfig the operator gets, and its rights;
 * with the namespace to hold it. `image` is not used.
 */
json_t *manifests_remote(const struct manifest_options *options);

#endif
