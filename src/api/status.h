/*
 * The status of the custom resources, by name: for the code that writes it, and for its schema.
 *
 * `Status` and `ErrorMessage` have these spellings because users of earlier operators
 * look for them.
 */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "api/field.h"

/* The values of status.Status. */
#define STATUS_CREATED "Created"
#define STATUS_RECONCILING "Reconciling"
#define STATUS_AVAILABLE "Available"
#define STATUS_RECONCILE_FAILED "ReconcileFailed"
/* Of a RemoteIstio, besides. */
#define STATUS_UNREACHABLE "Unreachable"

#define API_STATUSES(X)                                                                                                \
    X(STATUS_CREATED, "the resource was seen and taken up")                                                            \
    X(STATUS_RECONCILING, "something differs from what the resource asks for, or is still rolling out")                \
    X(STATUS_AVAILABLE, "everything is in place, and every Deployment is rolled out and available")                    \
    X(STATUS_RECONCILE_FAILED, "it cannot go on without a person; ErrorMessage says why")

#define API_REMOTE_STATUSES(X)                                                                                         \
    API_STATUSES(X)                                                                                                    \
    X(STATUS_UNREACHABLE, "the remote cluster's API server does not answer as it should; what runs there goes on, "    \
                          "and the operator tries again")

/* The types of the conditions that every resource has; their `status` is "True", "False" or "Unknown". */
#define CONDITION_READY "Ready"
#define CONDITION_RECONCILING "Reconciling"
#define CONDITION_STALLED "Stalled"

#define API_CONDITIONS(X)                                                                                              \
    X(CONDITION_READY, "everything is as the resource asks")                                                           \
    X(CONDITION_RECONCILING, "the operator is changing something, or waits for what it changed")                       \
    X(CONDITION_STALLED, "the operator cannot go on without a person")

/* While spec.sidecars.count or spec.sidecarRenewal asks for it. */
#define CONDITION_SIDECARS_CURRENT "SidecarsCurrent"

/* Whether the certificates that the mesh trusts end in 60 days or later, once there are any. */
#define CONDITION_CERTIFICATES_CURRENT "CertificatesCurrent"
/* While a gateway has a Service of type LoadBalancer. */
#define CONDITION_GATEWAY_ADDRESSES "GatewayAddressesAssigned"
/* While Gateway API is there, and the release knows it. */
#define CONDITION_GATEWAY_API "GatewayAPIAccepted"
/* While images come from a registry that closes; then it is "False". */
#define CONDITION_REGISTRIES_OPEN "RegistriesOpen"

/* While the version of the mesh changes, and after it did. */
#define CONDITION_UPGRADING "Upgrading"
#define CONDITION_UPGRADE_BLOCKED "UpgradeBlocked"

/* On a Kubernetes on which Mixer cannot look up workloads; then it is "False". */
#define CONDITION_WORKLOAD_ATTRIBUTES "WorkloadAttributes"

/* Of a RemoteIstio. */
#define CONDITION_CONNECTED "Connected"

/* Of a Canary, besides. */
#define CONDITION_PROMOTED "Promoted"
#define CONDITION_PROGRESSING "Progressing"
#define CONDITION_HELD "Held"
#define CONDITION_CONTENDED "Contended"
#define CONDITION_ROUTE_CONFLICT "RouteConflict"

/* The values of a Canary's status.phase. */
#define API_CANARY_PHASES(X)                                                                                           \
    X(INITIALIZING, "Initializing", "the primary is created, and gets the traffic")                                    \
    X(INITIALIZED, "Initialized", "the primary has all traffic, and nothing was released yet")                         \
    X(WAITING, "Waiting", "a new version waits for a person")                                                          \
    X(PROGRESSING, "Progressing", "the traffic of a new version grows step by step")                                   \
    X(PROMOTING, "Promoting", "the primary is rolled out to the new version, or back to the former one")               \
    X(FINALISING, "Finalising", "the primary has all traffic again, and the requests at the target end")               \
    X(SUCCEEDED, "Succeeded", "the new version was promoted")                                                          \
    X(FAILED, "Failed", "the new version was not promoted; the primary has all traffic")                               \
    X(TERMINATING, "Terminating", "the Canary is being deleted, and the target gets the traffic")

/* The fields. */
#define STATUS_FIELD_STATUS "Status"
#define STATUS_FIELD_ERROR_MESSAGE "ErrorMessage"
#define STATUS_FIELD_OBSERVED_GENERATION "observedGeneration"
#define STATUS_FIELD_APPLIED_GENERATION "appliedGeneration"
#define STATUS_FIELD_VERSION "version"
#define STATUS_FIELD_CONDITIONS "conditions"
#define STATUS_FIELD_COMPONENTS "components"
#define STATUS_FIELD_IGNORED "ignored"
#define STATUS_FIELD_SIDECARS "sidecars"
#define STATUS_FIELD_SIDECAR_RENEWAL "sidecarRenewal"
#define STATUS_FIELD_CERTIFICATES "certificates"
#define STATUS_FIELD_GATEWAY_API "gatewayAPI"
#define STATUS_FIELD_UPGRADE "upgrade"
#define STATUS_FIELD_FORMER_CONTROL_PLANES "formerControlPlanes"
#define STATUS_FIELD_KEPT_DEFAULTS "keptDefaults"
#define STATUS_FIELD_DRIFT "drift"
/* Of a RemoteIstio. */
#define STATUS_FIELD_LAST_CONTACT "lastContact"
#define STATUS_FIELD_KUBERNETES_VERSION "kubernetesVersion"
#define STATUS_FIELD_ENDPOINTS_SYNCED "endpointsSynced"
#define STATUS_FIELD_SERVICES "services"

/* Of a Canary. */
#define STATUS_FIELD_PHASE "phase"
#define STATUS_FIELD_REASON "reason"
#define STATUS_FIELD_MESSAGE "message"
#define STATUS_FIELD_REVISION "revision"
#define STATUS_FIELD_PROMOTED_REVISION "promotedRevision"
#define STATUS_FIELD_FAILED_REVISION "failedRevision"
#define STATUS_FIELD_POD_TEMPLATE_HASH "podTemplateHash"
#define STATUS_FIELD_FROZEN "frozen"
#define STATUS_FIELD_CANARY_WEIGHT "canaryWeight"
#define STATUS_FIELD_STEP "step"
#define STATUS_FIELD_FAILED_CHECKS "failedChecks"
#define STATUS_FIELD_INCONCLUSIVE_CHECKS "inconclusiveChecks"
#define STATUS_FIELD_ERROR_CHECKS "errorChecks"
#define STATUS_FIELD_CHECKS "checks"
#define STATUS_FIELD_RUN_STARTED "runStarted"
#define STATUS_FIELD_SETTLE_UNTIL "settleUntil"
#define STATUS_FIELD_DRAIN_UNTIL "drainUntil"
#define STATUS_FIELD_COMMAND "command"

/*
 * The tables of status.*, for the schema and the reference page. The API server drops what has no row here: a test
 * should run field_parse() without a base over whatever status is written.
 */
extern const struct field_table istio_status_table, remote_istio_status_table, canary_status_table;

#endif
