/*
 * The watches that are only there while a plan asks for them, and what the parts of Istio are removed with. Which
 * objects a watch brings is in its row (watches.c).
 */
#ifndef CONTROLLERS_WATCHES_H
#define CONTROLLERS_WATCHES_H

#include "reconcile/on_demand.h"

/* Bits of plan.watch. */
enum {
    PLAN_WATCH_PODS = 1,         /* of the control plane's namespace: why a Deployment is not available */
    PLAN_WATCH_VALIDATING = 2,   /* ValidatingWebhookConfigurations: Galley's goes with the mesh */
    PLAN_WATCH_SECRETS = 4,      /* key-and-cert Secrets, without their data: they go with the mesh */
    PLAN_WATCH_SIDECARS = 8,     /* Pods of all namespaces, in brief: which sidecars are outdated */
    PLAN_WATCH_CREDENTIALS = 16, /* Secrets of the control plane's namespace: kubeconfigs and signing certificates */
};

extern const struct watch_table mesh_watches;

/* The reason to remove what a part of Istio made for itself, and would make again while it runs. */
#define PLAN_MADE_BY_A_PART "made by a part of Istio that is being removed"

#endif
