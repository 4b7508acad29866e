/*
 * What a RemoteIstio desires: a part of the mesh in its own cluster, and in the central one the objects about it. Pure.
 *
 *   remote_plan.c     what holds it up, in order; joining
 *   remote_desired.c   what the remote cluster should have
 *   remote_leave.c    taking it out of the remote cluster again
 *   remote_status.c   what to say
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_PLAN_H
#define CONTROLLERS_REMOTE_REMOTE_PLAN_H

#include "reconcile/reconciler.h"

/* Annotation of a user on a RemoteIstio that is being deleted: leave the remote cluster as it is. */
#define REMOTE_ABANDON "istio.banzaicloud.io/abandon"

extern const struct reconciler remote_istio_reconciler;

#endif
