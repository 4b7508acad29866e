/*
 * The watches that are on only while the plan of a mesh or of a remote cluster asks for them. Which objects a watch
 * brings is in its row (watches.c).
 */
#ifndef CONTROLLERS_WATCHES_H
#define CONTROLLERS_WATCHES_H

#include "mesh/mesh.h"
#include "reconcile/on_demand.h"

/* Bits of plan.watch. */
enum {
    PLAN_WATCH_PODS = 1,         /* of the control plane's namespace: why a Deployment is not available */
    PLAN_WATCH_VALIDATING = 2,   /* ValidatingWebhookConfigurations */
    PLAN_WATCH_SECRETS = 4,      /* key-and-cert Secrets of all namespaces, without their data */
    PLAN_WATCH_SIDECARS = 8,     /* Pods of all namespaces, as a digest: which sidecars are outdated */
    PLAN_WATCH_CREDENTIALS = 16, /* Secrets of the control plane's namespace: kubeconfigs and signing certificates */
    PLAN_WATCH_SECRET_KEYS = 32, /* Secrets and ConfigMaps of that namespace, of what they hold the keys alone */
    PLAN_WATCH_CONFIG_MAP_KEYS = 64,
    PLAN_WATCH_LEFT = 128,                   /* what an earlier operator left behind: the views MESH_VIEW_LEFT_... */
    PLAN_WATCH_NODES = 256,                  /* what runs them */
    PLAN_WATCH_MADE_CONFIG_MAPS = 512,       /* ConfigMaps of istiod in all namespaces, without their data */
    PLAN_WATCH_MADE_INJECTORS = 1024,        /* MutatingWebhookConfigurations */
    PLAN_WATCH_MADE_LEASES = 2048,           /* Leases of the control plane's namespace */
    PLAN_WATCH_AUTHORITY = 4096,             /* when the certificates of the mesh's authority end */
    PLAN_WATCH_ENDPOINTS = 8192,             /* EndpointSlices of the control plane's namespace */
    PLAN_WATCH_GATEWAY_API = 16384,          /* which version of Gateway API is there */
    PLAN_WATCH_MADE_CLASSES = 32768,         /* GatewayClasses, where the server serves them: */
    PLAN_WATCH_CLASSES_SERVED = 65536,       /* whether it does */
    PLAN_WATCH_WORKLOADS = 131072,           /* what runs Pods with a sidecar, and PodDisruptionBudgets, everywhere */
    PLAN_WATCH_RELIANT = 262144,             /* Pods of all namespaces that rely on the CNI plugin, as a digest */
    PLAN_WATCH_CLUSTER_RBAC = 524288,        /* the users' ClusterRbacConfigs */
    PLAN_WATCH_SERVICES_AUTH = 1048576,      /* Services of all namespaces with annotations of Istio 1.0, as a digest */
    PLAN_WATCH_ROOM = 2097152,               /* what has room for Pods, and the Pods of all namespaces, as digests */
    PLAN_WATCH_MONITORS = 4194304,           /* the operator's monitors and rules, and Prometheuses: */
    PLAN_WATCH_MONITORS_SERVED = 8388608,    /* whether the server serves all of these */
    PLAN_WATCH_DASHBOARDS = 16777216,        /* the operator's GrafanaDashboards: */
    PLAN_WATCH_DASHBOARDS_SERVED = 33554432, /* whether the server serves them */
    PLAN_WATCH_SERVICE_PORTS = 67108864,     /* which ports Services of all namespaces have */
    PLAN_WATCH_TELEMETRIES = 134217728,      /* which Telemetries select nothing */
    PLAN_WATCH_KIALI = 268435456,            /* the operator's Kialis: */
    PLAN_WATCH_KIALI_SERVED = 536870912,     /* whether the server serves them */
};

extern const struct watch_table mesh_watches;

/* The bit of the watch that brings a kind or a view; 0: none does. */
unsigned watch_bit_of(enum mesh_kind_id kind);

#endif
