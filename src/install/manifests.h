/*
 * What installs the operator itself into a cluster: in the versions, and with the fields, that its Kubernetes knows.
 * Fields are of the Go types in k8s.io/api and k8s.io/apiextensions-apiserver of each release. Pure.
 */
#ifndef INSTALL_MANIFESTS_H
#define INSTALL_MANIFESTS_H

#include <jansson.h>
#include <stdint.h>

struct manifest_options {
    const char *ns;
    const char *image;
    int64_t replicas; /* from 1; with more than one they elect a leader */
    int minor;        /* of Kubernetes 1.x, from MANIFEST_KUBERNETES_MIN */
};

#define MANIFEST_REPLICAS_MOST 9
#define MANIFEST_KUBERNETES_MIN 10

/* How many replicas can elect a leader there: without Lease v1, before Kubernetes 1.14, it is one. */
int64_t manifests_replicas_most(int minor);

/* The CustomResourceDefinitions of the operator's resources for Kubernetes 1.`minor`; an array, owned by the caller. */
json_t *manifests_crds(int minor);
/* Those, and the operator's Namespace, ServiceAccount, rights, Service, webhook and StatefulSet (with more than one
 * replica also a PodDisruptionBudget), in the order to apply them. */
json_t *manifests_all(const struct manifest_options *options);

/*
 * What a remote cluster needs before it joins: a ServiceAccount whose kubeconfig the operator gets, its rights, and its
 * namespace. `image` is not used.
 */
json_t *manifests_remote(const struct manifest_options *options);

#endif
