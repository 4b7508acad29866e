/*
 * The status of the custom resources, by name: for the code that writes it, and for its schema. What an Istio has, and
 * all kinds; the header of another kind (controllers/canary/canary.h) says what it has besides.
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
/* Of a resource with a cluster of its own, besides. */
#define STATUS_UNREACHABLE "Unreachable"

#define API_STATUSES(X)                                                                                                \
    X(STATUS_CREATED, "the resource was seen and taken up")                                                            \
    X(STATUS_RECONCILING, "something differs from what the resource asks for, or is still rolling out")                \
    X(STATUS_AVAILABLE, "everything is in place, and every Deployment is rolled out and available")                    \
    X(STATUS_RECONCILE_FAILED, "it cannot go on without a person; ErrorMessage says why")

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
/* While spec.monitoring.prometheus has a mode and the URL of Prometheus, once that was asked, or is not carried out. */
#define CONDITION_METRICS_SCRAPED "MetricsScraped"
/* While spec.monitoring.grafana.mode is GrafanaDashboard, or is not carried out. */
#define CONDITION_DASHBOARDS_LOADED "DashboardsLoaded"
/* While spec.kiali has a mode. */
#define CONDITION_KIALI_READY "KialiReady"
/* While spec.servicegraph is enabled. */
#define CONDITION_SERVICEGRAPH_READY "ServicegraphReady"
/* While spec.tracing names a Service. */
#define CONDITION_TRACING_CONFIGURED "TracingConfigured"
/* While images come from a registry that closes; then it is "False". */
#define CONDITION_REGISTRIES_OPEN "RegistriesOpen"

/* While the version of the mesh changes, and after it did. */
#define CONDITION_UPGRADING "Upgrading"
#define CONDITION_UPGRADE_BLOCKED "UpgradeBlocked"

/* On a Kubernetes on which Mixer cannot look up workloads; then it is "False". */
#define CONDITION_WORKLOAD_ATTRIBUTES "WorkloadAttributes"

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
#define STATUS_FIELD_MONITORING "monitoring"
#define STATUS_FIELD_UPGRADE "upgrade"
#define STATUS_FIELD_FORMER_CONTROL_PLANES "formerControlPlanes"
#define STATUS_FIELD_KEPT_DEFAULTS "keptDefaults"
#define STATUS_FIELD_DRIFT "drift"
/*
 * The table of an Istio's status.*, for the schema and the reference page. The API server drops what has no row there:
 * a test should run field_parse() without a base over whatever status is written.
 */
extern const struct field_table istio_status_table;

#endif
