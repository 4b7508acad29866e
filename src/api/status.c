#include "api/status.h"

#include "api/status_rows.h"

const struct field status_condition_rows[] = {
    {"type", TEXT(format_text), .required = true, .doc = "What the condition is about, such as Ready."},
    {"status", CHOICE("True", "False", "Unknown"), .required = true, .doc = "Whether it holds."},
    {"reason", TEXT(format_text), .doc = "Why, in one word for programs."},
    {"message", TEXT(format_text), .doc = "Why, in a sentence."},
    {"lastTransitionTime", TIME, .doc = "When `status` changed last."},
    {"observedGeneration", INTEGER(0, GENERATION_MAX), .doc = "The metadata.generation that this is about."},
};

/* clang-format off */
#define MESH_CONDITIONS                                                                                                \
    CONDITION_LINE(CONDITION_SIDECARS_CURRENT,                                                                         \
        "no pod has an outdated sidecar; while `sidecars.count` or `sidecarRenewal` asks for it")                      \
    CONDITION_LINE(CONDITION_CERTIFICATES_CURRENT,                                                                     \
        "the root certificate, and the one that signs, end in 60 days or later; once they are there")                  \
    CONDITION_LINE(CONDITION_GATEWAY_ADDRESSES,                                                                        \
        "load balancers have assigned an address to every gateway whose Service is of type LoadBalancer; "             \
        "while there is one. The mesh is Ready without")                                                               \
    CONDITION_LINE(CONDITION_GATEWAY_API,                                                                              \
        "this Istio follows every kind of the Gateway API that is installed; while one is")                            \
    CONDITION_LINE(CONDITION_METRICS_SCRAPED,                                                                          \
        "every target of the mesh answers Prometheus; while `monitoring.prometheus` has a mode and a URL, or its "     \
        "objects cannot be written. The mesh is Ready without")                                                        \
    CONDITION_LINE(CONDITION_DASHBOARDS_LOADED,                                                                        \
        "a Grafana has loaded every dashboard; while `monitoring.grafana.mode` is GrafanaDashboard, or the objects "    \
        "cannot be written. The mesh is Ready without")                                                                \
    CONDITION_LINE(CONDITION_KIALI_READY, "Kiali answers its users; while `kiali` has a mode")                         \
    CONDITION_LINE(CONDITION_SERVICEGRAPH_READY, "Servicegraph answers; while `servicegraph` is enabled")              \
    CONDITION_LINE(CONDITION_TRACING_CONFIGURED,                                                                       \
        "the Service that spans go to is there, with the port that `tracing` names, and no other Telemetry decides "   \
        "how many requests are traced; while `tracing` names a Service. The mesh is Ready without")                    \
    CONDITION_LINE(CONDITION_REGISTRIES_OPEN,                                                                          \
        "no image comes from a registry that closes in December 2026 (gcr.io/istio-release, "                          \
        "registry.istio.io); there only while it is False")                                                            \
    CONDITION_LINE(CONDITION_UPGRADING,                                                                                \
        "the version changes, and not all of the mesh has the new one; there once it was changed")                     \
    CONDITION_LINE(CONDITION_UPGRADE_BLOCKED,                                                                          \
        "the change of the version cannot go on without a person; there once it was changed")                          \
    CONDITION_LINE(CONDITION_WORKLOAD_ATTRIBUTES,                                                                      \
        "Mixer can tell the workloads of a request; there only while it is False, on a Kubernetes without"             \
        " an API that Mixer needs for that")
/* clang-format on */

static const struct field_table condition_table = {
    .name = "Condition",
    .doc = CONDITIONS_DOC MESH_CONDITIONS,
    FIELD_ROWS(status_condition_rows),
};

static const struct field address = {NULL, TEXT(format_text)};

static const struct field component_rows[] = {
    {"name", TEXT(format_text), .required = true, .doc = "The component, as its field in the spec is called."},
    {"status", TEXT(format_text), .doc = "Where it stands, in one word."},
    {"ready", TEXT(format_text), .doc = "How many pods are ready, of how many there should be."},
    {"message", TEXT(format_text), .doc = "What is missing, and why."},
    {"service", TEXT(format_text), .doc = "Of a gateway: the type of its Service."},
    {"addresses", LIST(address, 0, 100),
     .doc = "Of a gateway: where it is reached from outside of the cluster, by its load balancer or external IPs."},
};

static const struct field_table component_table = {
    .name = "Component status",
    .doc = "One line per component; with today's Istio also `webhooks`: how many webhook configurations have a "
           "`caBundle` and a ready endpoint.",
    FIELD_ROWS(component_rows),
};

static const struct field sidecar_version_rows[] = {
    {"version", TEXT(format_text), .required = true,
     .doc = "By the image's tag: unknown where that has none, others where there are too many."},
    {"pods", INTEGER(0, PODS_MAX), .doc = "How many pods have it."},
};

static const struct field_table sidecar_version_table = {
    .name = "Sidecar version",
    .doc = "Pods with a proxy of the same version.",
    FIELD_ROWS(sidecar_version_rows),
};

static const struct field sidecar_version = {NULL, DOCUMENT(sidecar_version_table)};

static const struct field sidecars_rows[] = {
    {"current", INTEGER(0, PODS_MAX), .doc = "Pods whose sidecar is what the injector would make now."},
    {"outdated", INTEGER(0, PODS_MAX),
     .doc = "Pods whose sidecar is of an older image or configuration, until they are restarted."},
    {"versions", LIST(sidecar_version, 0, 100),
     .doc = "Pods by the version of Istio that their proxy is of, the most first."},
};

static const struct field_table sidecars_table = {
    .name = "Sidecars",
    .doc = "Pods with an injected sidecar, while `spec.sidecars.count` or `spec.sidecarRenewal` asks "
           "for it. Pods without one do not count.",
    FIELD_ROWS(sidecars_rows),
};

static const struct field renewing_rows[] = {
    {"kind", TEXT(format_text), .required = true, .doc = "The kind of workload."},
    {"namespace", TEXT(format_text), .required = true, .doc = "Where it is."},
    {"name", TEXT(format_text), .required = true, .doc = "What it is called."},
    {"since", TIME, .doc = "When the operator restarted it."},
    {"completed", TIME, .doc = "When its rollout was seen to be complete; the delay follows."},
};

static const struct field_table renewing_table = {
    .name = "Restarted workload",
    .doc = "A workload that the operator restarted, until it is rolled out and the delay is over.",
    FIELD_ROWS(renewing_rows),
};

static const struct field blocked_rows[] = {
    {"kind", TEXT(format_text), .required = true, .doc = "The kind of workload, Pod where nothing runs it."},
    {"namespace", TEXT(format_text), .required = true, .doc = "Where it is."},
    {"name", TEXT(format_text), .required = true, .doc = "What it is called."},
    {"reason", TEXT(format_text), .doc = "Why, in one word for programs."},
    {"message", TEXT(format_text), .doc = "Why, in a sentence, and what helps."},
    {"since", TIME, .doc = "When the operator restarted it, if it did."},
};

static const struct field_table blocked_table = {
    .name = "Blocked workload",
    .doc = "A workload with an outdated sidecar that the operator does not restart.",
    FIELD_ROWS(blocked_rows),
};

static const struct field renewing = {NULL, DOCUMENT(renewing_table)};
static const struct field blocked = {NULL, DOCUMENT(blocked_table)};

static const struct field sidecar_renewal_rows[] = {
    {"phase", TEXT(format_text),
     .doc = "Current: nothing is outdated; Reported: the mode is Report; Renewing; Waiting: `message` says what for; "
            "Blocked: all that is left is in `blocked`."},
    {"message", TEXT(format_text), .doc = "What it waits for."},
    {"version", TEXT(format_text), .doc = "Of the sidecars that new pods get: a digest of their configuration."},
    {"since", TIME, .doc = "When they were first seen to get it."},
    {"done", INTEGER(0, PODS_MAX), .doc = "Workloads whose sidecars are all up to date."},
    {"left", INTEGER(0, PODS_MAX), .doc = "Workloads with an outdated one, the blocked ones included."},
    {"waiting", INTEGER(0, PODS_MAX), .doc = "Of those, the ones that will be restarted and were not yet."},
    {"lastRestart", TIME, .doc = "When the last workload was restarted."},
    {"renewing", LIST(renewing, 0, 1000), .doc = "Those that are restarted now."},
    {"blockedCount", INTEGER(0, PODS_MAX), .doc = "How many are not restarted."},
    {"blocked", LIST(blocked, 0, 1000),
     .doc = "Those that need a person most, 30, and all whose restart failed or was undone."},
};

static const struct field_table sidecar_renewal_table = {
    .name = "Renewal status",
    .doc =
        "Where the restarts of workloads with outdated sidecars stand. While `spec.sidecarRenewal.mode` is Off, which "
        "of them had not ended well before.",
    FIELD_ROWS(sidecar_renewal_rows),
};

static const struct field kind_name = {NULL, TEXT(format_text)};

static const struct field certificate_rows[] = {
    {"name", TEXT(format_text), .required = true,
     .doc = "root: the one that all trust; signing: the one that signs those of the workloads."},
    {"secret", TEXT(format_text), .doc = "The Secret that holds it."},
    {"notAfter", TIME, .doc = "When it ends."},
};

static const struct field_table certificate_table = {
    .name = "Certificate",
    .doc = "A certificate that those of all workloads follow from.",
    FIELD_ROWS(certificate_rows),
};

static const struct field gateway_api_rows[] = {
    {"version", TEXT(format_text), .doc = "As the definitions say; empty where they do not."},
    {"channel", TEXT(format_text), .doc = "standard or experimental."},
    {"ignored", LIST(kind_name, 0, 100), .doc = "Kinds that this Istio does not follow in this version."},
};

static const struct field_table gateway_api_table = {
    .name = "Gateway API",
    .doc = "The Gateway API that users have installed.",
    FIELD_ROWS(gateway_api_rows),
};

static const struct field monitoring_rows[] = {
    {"mode", TEXT(format_text), .doc = "How Prometheus is told what to scrape."},
    {"monitors", FLAG, .doc = "True while there may be ServiceMonitors and PodMonitors of the mesh."},
    {"targetsUp", INTEGER(0, PODS_MAX),
     .doc = "Targets of the mesh that answer Prometheus, or did in the last minutes."},
    {"targetsDown", INTEGER(0, PODS_MAX), .doc = "Those that do not."},
    {"grafana", TEXT(format_text), .doc = "How Grafana gets the dashboards."},
    {"grafanaDashboards", FLAG, .doc = "True while there may be GrafanaDashboards of the mesh."},
    {"dashboards", INTEGER(0, PODS_MAX), .doc = "Dashboards that are written."},
    {"kiali", TEXT(format_text), .doc = "Who installs Kiali."},
    {"kialiVersion", TEXT(format_text), .doc = "Its version, of mode Server."},
    {"kialiResources", FLAG, .doc = "True while there may be a Kiali of the mesh."},
};

static const struct field_table monitoring_table = {
    .name = "Monitoring status",
    .doc = "What Prometheus says of the mesh, and what Grafana gets.",
    FIELD_ROWS(monitoring_rows),
};

static const struct field upgrade_text = {NULL, TEXT(format_text)};

static const struct field upgrade_rows[] = {
    {"from", TEXT(format_text), .required = true, .doc = "The version that the mesh had."},
    {"to", TEXT(format_text), .required = true, .doc = "The version that it gets."},
    {"phase", TEXT(format_text), .required = true,
     .doc = "Preflight, Definitions, ControlPlane, Gateways, Sidecars or Complete."},
    {"progress", TEXT(format_text), .doc = "All of it in one line, while it goes on."},
    {"done", INTEGER(0, PODS_MAX), .doc = "Workloads whose sidecars are all of the new configuration."},
    {"left", INTEGER(0, PODS_MAX), .doc = "Workloads that have to be restarted for it."},
    {"blocked", LIST(upgrade_text, 0, 100), .doc = "Why nothing of the new version is written."},
    {"warnings", LIST(upgrade_text, 0, 100), .doc = "What the preflight found besides."},
};

static const struct field_table upgrade_table = {
    .name = "Upgrade status",
    .doc = "The last change of the version, up or down.",
    FIELD_ROWS(upgrade_rows),
};

static const struct field former_rows[] = {
    {"revision", TEXT(format_text), .required = true, .doc = "Its name, as in label `istio.io/rev`."},
    {"pods", INTEGER(0, PODS_MAX), .doc = "Pods with its sidecar, once they are counted."},
    {"unusedSince", TIME, .doc = "When it was seen first that nothing uses it."},
    {"until", TIME, .doc = "When it is deleted, if nothing uses it until then."},
};

static const struct field_table former_table = {
    .name = "Former control plane",
    .doc = "A control plane that the mesh had under another `revision`, and that stays for a while.",
    FIELD_ROWS(former_rows),
};

static const struct field former = {NULL, DOCUMENT(former_table)};

static const struct field kept_rows[] = {
    {"field", TEXT(format_text), .required = true, .doc = "As in `spec`, which does not say it."},
    {"value", TEXT(format_text), .doc = "What it is as long as the spec does not say it, as JSON."},
    {"newDefault", TEXT(format_text), .doc = "What to write for the default of this release, as JSON."},
};

static const struct field_table kept_table = {
    .name = "Kept default",
    .doc = "A default of a former release that the mesh keeps.",
    FIELD_ROWS(kept_rows),
};

static const struct field kept_default = {NULL, DOCUMENT(kept_table)};

static const struct field drift_rows[] = {
    {"object", TEXT(format_text), .required = true, .doc = "Kind, namespace and name."},
    {"action", TEXT(format_text), .doc = "What the operator would do."},
    {"reason", TEXT(format_text), .doc = "Why."},
};

static const struct field_table drift_table = {
    .name = "Drift",
    .doc = "An object that differs from what the resource asks for, and is left alone.",
    FIELD_ROWS(drift_rows),
};

static const struct field condition = {NULL, DOCUMENT(condition_table)};
const struct field status_component = {NULL, DOCUMENT(component_table)};
static const struct field certificate = {NULL, DOCUMENT(certificate_table)};
const struct field status_drift = {NULL, DOCUMENT(drift_table)};

const char *const status_words[] = {API_STATUSES(STATUS_NAME) NULL};

static const struct field status_rows[] = {
    STATUS_ROWS_OF_MESH("Where the mesh stands." API_STATUSES(STATUS_MEANING), status_words, condition),
    {STATUS_FIELD_SIDECARS, DOCUMENT(sidecars_table), .doc = "How many proxies in the mesh are up to date."},
    {STATUS_FIELD_SIDECAR_RENEWAL, DOCUMENT(sidecar_renewal_table), .doc = "Restarts of workloads for new sidecars."},
    {STATUS_FIELD_CERTIFICATES, LIST(certificate, 0, 100), .doc = "When the mesh's certificates end."},
    {STATUS_FIELD_GATEWAY_API, DOCUMENT(gateway_api_table), .doc = "Which Gateway API this Istio has found."},
    {STATUS_FIELD_MONITORING, DOCUMENT(monitoring_table),
     .doc = "Whether the mesh is scraped and shown, as far as that was asked for."},
    {STATUS_FIELD_UPGRADE, DOCUMENT(upgrade_table), .doc = "From which version to which, and how far."},
    {STATUS_FIELD_FORMER_CONTROL_PLANES, LIST(former, 0, 100),
     .doc = "Control planes of a former `revision` that are still there, and until when."},
    {STATUS_FIELD_KEPT_DEFAULTS, LIST(kept_default, 0, 100),
     .doc = "Defaults that a newer release changed, and the mesh keeps until the spec says them."},
    STATUS_ROWS_LEFT_ALONE,
};

const struct field_table istio_status_table = {
    .name = "status",
    .doc = "Written by the operator.",
    FIELD_ROWS(status_rows),
};
