/*
 * The kinds of objects that a mesh is made of, whatever its line of releases: rows of kube/kind.h, by name.
 */
#ifndef MESH_KINDS_H
#define MESH_KINDS_H

#include <stddef.h>

#include "kube/kind.h"

/* What a cluster is to the mesh; the bits of kube_kind.roles in mesh_kinds. */
enum { MESH_CENTRAL = 1, MESH_REMOTE = 2 };

/*
 * The kinds of the operator's custom resources: a name for the row here (KIND_CANARY), one for the two rows in its
 * folder of the controllers (api_resource_canary, canary_reconciler), kind, plural, singular, and which clusters have
 * it. The order is that of plans, and of whatever lists kinds.
 */
#define RESOURCE_ISTIO(X) X(ISTIO, istio, "Istio", "istios", "istio", MESH_CENTRAL | MESH_REMOTE)
#define RESOURCE_REMOTE_ISTIO(X)                                                                                       \
    X(REMOTE_ISTIO, remote_istio, "RemoteIstio", "remoteistios", "remoteistio", MESH_CENTRAL)
#define RESOURCE_CANARY(X) X(CANARY, canary, "Canary", "canaries", "canary", MESH_CENTRAL)
#define MESH_RESOURCES(X) RESOURCE_ISTIO(X), RESOURCE_REMOTE_ISTIO(X), RESOURCE_CANARY(X)

/* In a struct api_resource: its names. */
#define RESOURCE_NAMES(id, name, kind_, plural_, singular_, roles)                                                     \
    .kind = kind_, .list_kind = kind_ "List", .plural = plural_, .singular = singular_

/* Every kind of object that a mesh is made of, in the order in which objects are rendered. */
extern const struct kube_kind_table mesh_kinds;
/* The rows of mesh_kinds, in their order. An array of versions has an element for each. */
enum mesh_kind_id {
    KIND_NAMESPACE,
    KIND_DEFINITION,
    KIND_SERVICE_ACCOUNT,
    KIND_CLUSTER_ROLE,
    KIND_CLUSTER_ROLE_BINDING,
    KIND_ROLE,
    KIND_ROLE_BINDING,
    KIND_CONFIG_MAP,
    KIND_SECRET,
    KIND_RESOURCE_QUOTA,
    KIND_SERVICE,
    KIND_ENDPOINTS,
    KIND_DEPLOYMENT,
    KIND_DAEMON_SET,
    KIND_STATEFUL_SET,
    KIND_AUTOSCALER,
    KIND_DISRUPTION_BUDGET,
    KIND_DESTINATION_RULE,
    KIND_VIRTUAL_SERVICE, /* the users', and those that Canaries create */
    KIND_GATEWAY,
    KIND_MESH_POLICY,
    KIND_PEER_AUTHENTICATION,
    KIND_TELEMETRY,
    KIND_MIXER_ATTRIBUTEMANIFEST,
    KIND_MIXER_HANDLER, /* of Istio 1.1; those of Istio 1.0 are each of a kind of its adapter */
    KIND_MIXER_KUBERNETES,
    KIND_MIXER_KUBERNETESENV,
    KIND_MIXER_LOGENTRY,
    KIND_MIXER_METRIC,
    KIND_MIXER_PROMETHEUS,
    KIND_MIXER_STDIO,
    KIND_MIXER_RULE,
    /* The Prometheus operator's: what it has Prometheus scrape and alert of, and who does. */
    KIND_SERVICE_MONITOR,
    KIND_POD_MONITOR,
    KIND_PROMETHEUS_RULE,
    KIND_PROMETHEUS,
    KIND_GRAFANA_DASHBOARD, /* the Grafana operator's */
    KIND_KIALI,             /* Kiali's operator's */
    KIND_MUTATING_WEBHOOK,
    KIND_VALIDATING_WEBHOOK,
    KIND_MADE_WEBHOOK, /* a view: those of Istio's programs (struct mesh_made) */
    KIND_MADE_INJECTOR,
    KIND_NODE, /* of each mesh_platform_of_node() is kept */
    /* Views of what has room for Pods, and of what takes it: digests (mesh/capacity.h). */
    KIND_ROOM_NODE,
    KIND_ROOM_POD,
    KIND_ROOM_QUOTA,
    KIND_POD,
    KIND_SIDECAR_POD, /* a view: with an injected sidecar, of which mesh_sidecar_digest() is kept */
    KIND_RELIANT_POD, /* a view: that relies on the CNI plugin, of which mesh_reliant_digest() is kept */
    /* Views of what runs Pods with a sidecar, in all namespaces: digests (mesh/workloads.h). */
    KIND_RUNNING_DEPLOYMENT,
    KIND_RUNNING_STATEFUL_SET,
    KIND_RUNNING_DAEMON_SET,
    KIND_RUNNING_BUDGET,
    KIND_KEY_AND_CERT_SECRET, /* a view: Citadel's, without what they hold */
    KIND_CREDENTIALS_SECRET,  /* a view: of the mesh's namespace, with what they hold */
    KIND_SECRET_KEYS,         /* views: of that namespace, of what they hold the keys alone */
    KIND_CONFIG_MAP_KEYS,
    KIND_MADE_CONFIG_MAP, /* views: those of istiod (struct mesh_made) */
    KIND_MADE_LEASE,
    KIND_MADE_GATEWAY_CLASS,
    KIND_GATEWAY_CLASS_DEFINITION, /* a view: "served" or "", whether the former is */
    /* Views: "served" or "", whether those of the Prometheus, the Grafana and Kiali's operator are. */
    KIND_SERVICE_MONITOR_DEFINITION,
    KIND_POD_MONITOR_DEFINITION,
    KIND_PROMETHEUS_RULE_DEFINITION,
    KIND_PROMETHEUS_DEFINITION,
    KIND_GRAFANA_DASHBOARD_DEFINITION,
    KIND_KIALI_DEFINITION,
    KIND_SELF_SIGNED_AUTHORITY, /* views: digests of the Secrets of the mesh's authority (mesh/authority.h) */
    KIND_PLUGGED_IN_AUTHORITY,
    KIND_ENDPOINT_SLICE,      /* a view: whether endpoints are ready, without their addresses */
    KIND_GATEWAY_API,         /* a view: a digest of the definition of Gateway API's Gateways (mesh/gateway_api.h) */
    KIND_CLUSTER_RBAC_CONFIG, /* a view: users' own, which Istio 1.1 follows and 1.0 does not */
    KIND_SERVICE_PORTS,       /* a view: of Services of all namespaces mesh_ports_digest() */
    KIND_WIDE_TELEMETRY,      /* a view: "wide", of Telemetries that are for all of their namespace, or of the mesh */
    KIND_SERVICE_WITH_AUTH,   /* a view: "annotated", of Services with annotations that Istio 1.0 follows and 1.1 not */
    /*
     * Views of what an earlier operator created for a resource: owned by an ownerReference to an Istio, and without the
     * owner label. Autoscalers are included without an owner, too.
     */
    KIND_LEFT_ROLE,
    KIND_LEFT_BINDING,
    KIND_LEFT_SERVICE,
    KIND_LEFT_DEPLOYMENT,
    KIND_LEFT_AUTOSCALER,
    KIND_LEFT_WEBHOOK,
    /* Views for Canaries, in all namespaces: what is released, and how it is reached. */
    KIND_TARGET_DEPLOYMENT,
    KIND_TARGET_REPLICA_SET, /* metadata alone */
    KIND_TARGET_SERVICE,
    KIND_TARGET_AUTOSCALER,
    KIND_HALF_ENDPOINTS, /* of the Services of primaries and canaries: how many addresses are ready, as
                            {mesh_pods_base(): count} */
    KIND_CANARY_SECRET,  /* what webhooks and alerts are sent with */
#define KIND_ID(id, ...) KIND_##id
    MESH_RESOURCES(KIND_ID),
#undef KIND_ID
    KIND_COUNT,
};

static inline const struct kube_kind *mesh_kind(enum mesh_kind_id id)
{
    return &mesh_kinds.rows[id];
}

/* What the names of a ReplicaSet's Pods begin with, by which the digest of KIND_HALF_ENDPOINTS counts; owned by the
 * caller. */
char *mesh_pods_base(const char *replica_set);

/* Annotation of Kubernetes, on a Deployment and its ReplicaSets: the number of the template. */
#define DEPLOYMENT_REVISION "deployment.kubernetes.io/revision"

/* The versions that Kubernetes 1.`minor` serves of each row of mesh_kinds, for mesh_env.versions; static. */
void mesh_versions_for(int minor, const char **ret_versions);

#endif
