/*
 * Pods that the API server refused because a webhook of the mesh did not answer, as those of a gateway that is created
 * before istiod is ready. Their ReplicaSet's controller tries again later and later. When the webhooks answer, an
 * annotation of the Deployment changes: its controller passes that on to the ReplicaSet, which is tried immediately.
 * Pure.
 *
 * Sources: Kubernetes 1.34, pkg/controller/replicaset/replica_set.go (5 ms to 1000 s between tries; an update of the
 * ReplicaSet is a try), pkg/controller/deployment/util/deployment_util.go (annotations are copied, and so is the
 * condition ReplicaFailure, back).
 */
#ifndef CONTROLLERS_MESH_REFUSED_PODS_H
#define CONTROLLERS_MESH_REFUSED_PODS_H

#include "reconcile/reconciler.h"

/* Annotation of a Deployment: when its Pods were last asked for again. It is no part of what a resource asks for. */
#define REFUSED_PODS_ANNOTATION "istio.banzaicloud.io/retried-at"

/* Adds the updates, while the API server can call the webhooks. */
void refused_pods_retry(struct reconcile *r, const struct desired_set *desired, struct plan *plan);

#endif
