/*
 * The Canary as a kind of resource: a Deployment's next versions get their traffic step by step.
 *
 * The target is the user's Deployment; the primary is a copy of it, which serves between releases, while the target has
 * no Pods. Requests are split by host: two Services, and a VirtualService with weights. What the operator writes to the
 * user's own objects is little: the target's replicas and whether it is paused, one key in the selector of the Service
 * that clients call, and hosts, gateways and http of the VirtualService.
 */
#ifndef CONTROLLERS_CANARY_CANARY_PLAN_H
#define CONTROLLERS_CANARY_CANARY_PLAN_H

#include "reconcile/reconciler.h"

/* Annotation: "abort@TOKEN", "promote@TOKEN", "approve@TOKEN", "retry@TOKEN"; each once for each token. */
#define CANARY_COMMAND "canary.istio.banzaicloud.io/command"

extern const struct reconciler canary_reconciler;

#endif
