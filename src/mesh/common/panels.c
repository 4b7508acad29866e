/*
 * Sources of the names: for Istio 1.0 and 1.1 Mixer's configuration (v1/mixer_config.c) and Istio's sources
 * (pilot/pkg/proxy/envoy/v2/ads.go, mixer/pkg/runtime, galley/pkg/crd/validation, security/pkg); for today's Istio its
 * standard metrics and pilot/pkg/xds/monitoring.go, pilot/pkg/model, security/pkg/server/ca; the operator's own are in
 * serve/metrics.c. Units are those of Grafana.
 */
#include "mesh/common/panels.h"

#include "mesh/common/alerts.h"

/* What differs between the lines: in both with Mixer alike, and in all alike. */
#define LINES(in_1_0, in_1_1, today)                                                                                   \
    {                                                                                                                  \
        in_1_0, in_1_1, today                                                                                          \
    }
#define MIXER(query) LINES(query, query, NULL)
#define SINCE_1_1(query) LINES(NULL, query, query)
#define TODAY(query) LINES(NULL, NULL, query)
#define ALL(query) LINES(query, query, query)

#define STAT(title_, unit_, ...)                                                                                       \
    {                                                                                                                  \
        .title = title_, .unit = unit_, .is_stat = true, .queries = { {NULL, __VA_ARGS__} }                            \
    }
#define GRAPH(title_, unit_, ...)                                                                                      \
    {                                                                                                                  \
        .title = title_, .unit = unit_, .queries = { __VA_ARGS__ }                                                     \
    }
#define LINE(legend, ...)                                                                                              \
    {                                                                                                                  \
        legend, __VA_ARGS__                                                                                            \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .title = NULL                                                                                                  \
    }

/* --- PromQL --- */

#define RATE(metric, where) "rate(" metric "{" where "}[$__rate_interval])"
#define SUM(vector) "sum(" vector ")"
#define SUM_BY(labels, vector) "sum by (" labels ") (" vector ")"
#define TOP(vector) "topk(10, " vector ")"
#define OR_ZERO(vector) "(" vector " or vector(0))"
#define QUANTILE(q, by, metric, where)                                                                                 \
    "histogram_quantile(" q ", sum by (le" by ") (" RATE(metric "_bucket", where) "))"
/* Of all that there is of it, and of a part. */
#define PART(metric, where, part) OR_ZERO(SUM(RATE(metric, where "," part))) " / " SUM(RATE(metric, where))

#define REQUESTS "istio_requests_total"
#define FAILED "response_code=~\"5..\""
#define AT_SERVER "reporter=\"destination\""
#define AT_CLIENT "reporter=\"source\""

/* In seconds; `by` are more labels, with a comma before each. */
#define DURATION(q, by, where)                                                                                         \
    LINES(                                                                                                             \
        QUANTILE(q, by, "istio_request_duration_seconds", where),                                                      \
        QUANTILE(q, by, "istio_request_duration_seconds", where),                                                      \
        QUANTILE(q, by, "istio_request_duration_milliseconds", where) " / 1000")
#define DURATIONS(where)                                                                                               \
    LINE("half", DURATION("0.5", "", where)), LINE("90 %", DURATION("0.9", "", where)),                                \
        LINE("99 %", DURATION("0.99", "", where))

/* --- the dashboards --- */

static const struct panel mesh[] = {
    STAT("Requests", "reqps", ALL(SUM(RATE(REQUESTS, AT_SERVER)))),
    STAT("Good responses", "percentunit", ALL("1 - " PART(REQUESTS, AT_SERVER, FAILED))),
    STAT("Responses 4xx", "reqps", ALL(OR_ZERO(SUM(RATE(REQUESTS, AT_SERVER ",response_code=~\"4..\""))))),
    STAT("Responses 5xx", "reqps", ALL(OR_ZERO(SUM(RATE(REQUESTS, AT_SERVER "," FAILED))))),
    GRAPH(
        "Requests by service", "reqps",
        LINE("{{destination_service}}", ALL(TOP(SUM_BY("destination_service", RATE(REQUESTS, AT_SERVER)))))),
    GRAPH(
        "Responses 5xx by service", "reqps",
        LINE("{{destination_service}}", ALL(TOP(SUM_BY("destination_service", RATE(REQUESTS, AT_SERVER "," FAILED)))))),
    GRAPH(
        "Duration by service, 99 %", "s",
        LINE(
            "{{destination_service}}",
            LINES(
                TOP(QUANTILE("0.99", ", destination_service", "istio_request_duration_seconds", AT_SERVER)),
                TOP(QUANTILE("0.99", ", destination_service", "istio_request_duration_seconds", AT_SERVER)),
                TOP(QUANTILE(
                    "0.99", ", destination_service", "istio_request_duration_milliseconds", AT_SERVER)) " / 1000"))),
    GRAPH(
        "TCP by service", "Bps",
        LINE(
            "sent by {{destination_service}}",
            ALL(TOP(SUM_BY("destination_service", RATE("istio_tcp_sent_bytes_total", AT_SERVER))))),
        LINE(
            "received by {{destination_service}}",
            ALL(TOP(SUM_BY("destination_service", RATE("istio_tcp_received_bytes_total", AT_SERVER)))))),
    GRAPH(
        "Requests without mutual TLS, by service", "reqps",
        LINE(
            "{{destination_service}}",
            ALL(TOP(SUM_BY("destination_service", RATE(REQUESTS, AT_SERVER ",connection_security_policy=\"none\"")))))),
    GRAPH("Proxies by version", "short", LINE("{{tag}}", TODAY("count by (tag) (istio_build{component=\"proxy\"})"))),
    END,
};

#define TO_SERVICE AT_SERVER ",destination_service=\"$service\""

static const struct panel service[] = {
    STAT("Requests", "reqps", ALL(SUM(RATE(REQUESTS, TO_SERVICE)))),
    STAT("Good responses", "percentunit", ALL("1 - " PART(REQUESTS, TO_SERVICE, FAILED))),
    STAT("Duration, 99 %", "s", DURATION("0.99", "", TO_SERVICE)),
    STAT(
        "Clients", "short",
        ALL("count(" SUM_BY("source_workload, source_workload_namespace", RATE(REQUESTS, TO_SERVICE)) ")")),
    GRAPH(
        "Responses by code", "reqps",
        LINE("{{response_code}}", ALL(SUM_BY("response_code", RATE(REQUESTS, TO_SERVICE))))),
    GRAPH("Duration", "s", DURATIONS(TO_SERVICE)),
    GRAPH(
        "Requests by client", "reqps",
        LINE(
            "{{source_workload_namespace}}/{{source_workload}}",
            ALL(TOP(SUM_BY("source_workload, source_workload_namespace", RATE(REQUESTS, TO_SERVICE)))))),
    GRAPH(
        "Requests by version", "reqps",
        LINE("{{destination_version}}", ALL(SUM_BY("destination_version", RATE(REQUESTS, TO_SERVICE))))),
    GRAPH(
        "What proxies say of failures", "reqps",
        LINE(
            "{{response_flags}}",
            SINCE_1_1(SUM_BY("response_flags", RATE(REQUESTS, TO_SERVICE ",response_flags!=\"-\""))))),
    GRAPH(
        "Size, 90 %", "bytes", LINE("requests", ALL(QUANTILE("0.9", "", "istio_request_bytes", TO_SERVICE))),
        LINE("responses", ALL(QUANTILE("0.9", "", "istio_response_bytes", TO_SERVICE)))),
    GRAPH(
        "TCP", "Bps", LINE("sent", ALL(SUM(RATE("istio_tcp_sent_bytes_total", TO_SERVICE)))),
        LINE("received", ALL(SUM(RATE("istio_tcp_received_bytes_total", TO_SERVICE))))),
    END,
};

#define TO_WORKLOAD AT_SERVER ",destination_workload_namespace=\"$namespace\",destination_workload=\"$workload\""
#define FROM_WORKLOAD AT_CLIENT ",source_workload_namespace=\"$namespace\",source_workload=\"$workload\""

static const struct panel workload[] = {
    STAT("Requests in", "reqps", ALL(SUM(RATE(REQUESTS, TO_WORKLOAD)))),
    STAT("Good responses in", "percentunit", ALL("1 - " PART(REQUESTS, TO_WORKLOAD, FAILED))),
    STAT("Requests out", "reqps", ALL(SUM(RATE(REQUESTS, FROM_WORKLOAD)))),
    STAT("Good responses out", "percentunit", ALL("1 - " PART(REQUESTS, FROM_WORKLOAD, FAILED))),
    GRAPH(
        "Responses in, by code", "reqps",
        LINE("{{response_code}}", ALL(SUM_BY("response_code", RATE(REQUESTS, TO_WORKLOAD))))),
    GRAPH("Duration in", "s", DURATIONS(TO_WORKLOAD)),
    GRAPH(
        "Requests in, by client", "reqps",
        LINE(
            "{{source_workload_namespace}}/{{source_workload}}",
            ALL(TOP(SUM_BY("source_workload, source_workload_namespace", RATE(REQUESTS, TO_WORKLOAD)))))),
    GRAPH(
        "Requests out, by service", "reqps",
        LINE("{{destination_service}}", ALL(TOP(SUM_BY("destination_service", RATE(REQUESTS, FROM_WORKLOAD)))))),
    GRAPH(
        "Responses 5xx out, by service", "reqps",
        LINE(
            "{{destination_service}}",
            ALL(TOP(SUM_BY("destination_service", RATE(REQUESTS, FROM_WORKLOAD "," FAILED)))))),
    GRAPH("Duration out", "s", DURATIONS(FROM_WORKLOAD)),
    GRAPH(
        "TCP in", "Bps", LINE("sent", ALL(SUM(RATE("istio_tcp_sent_bytes_total", TO_WORKLOAD)))),
        LINE("received", ALL(SUM(RATE("istio_tcp_received_bytes_total", TO_WORKLOAD))))),
    GRAPH(
        "TCP out", "Bps", LINE("sent", ALL(SUM(RATE("istio_tcp_sent_bytes_total", FROM_WORKLOAD)))),
        LINE("received", ALL(SUM(RATE("istio_tcp_received_bytes_total", FROM_WORKLOAD))))),
    END,
};

#define OF_MIXER "job=~\"pilot|galley|citadel|istio-policy|istio-telemetry\""
#define OF_ISTIOD "job=\"istiod\""

/* What counts failures is there once there was one: OR_ZERO. */
static const struct panel control_plane[] = {
    STAT("Connected proxies", "short", ALL("sum(pilot_xds)")),
    STAT("Services", "short", ALL("max(pilot_services)")),
    STAT("VirtualServices", "short", MIXER("max(pilot_virt_services)")), /* istiod 1.31 does not set it */
    STAT("Root certificate ends in", "s", TODAY("min(citadel_server_root_cert_expiry_timestamp) - time()")),
    GRAPH("Pushes", "cps", LINE("{{type}}", ALL(SUM_BY("type", RATE("pilot_xds_pushes", ""))))),
    GRAPH(
        "From a change to the proxies", "s", LINE("half", ALL(QUANTILE("0.5", "", "pilot_proxy_convergence_time", ""))),
        LINE("99 %", ALL(QUANTILE("0.99", "", "pilot_proxy_convergence_time", "")))),
    GRAPH(
        "Refused configuration", "cps", LINE("by proxies", ALL(OR_ZERO(SUM(RATE("pilot_total_xds_rejects", ""))))),
        LINE("errors of its own", ALL(OR_ZERO(SUM(RATE("pilot_total_xds_internal_errors", "")))))),
    GRAPH(
        "Validation", "cps", LINE("passed", ALL(SUM(RATE("galley_validation_passed", "")))),
        LINE("refused", ALL(OR_ZERO(SUM(RATE("galley_validation_failed", "")))))),
    GRAPH(
        "Injection", "cps", LINE("injected", TODAY(SUM(RATE("sidecar_injection_success_total", "")))),
        LINE("failed", TODAY(OR_ZERO(SUM(RATE("sidecar_injection_failure_total", "")))))),
    GRAPH(
        "Certificates", "cps", LINE("issued", SINCE_1_1(SUM(RATE("citadel_server_success_cert_issuance_count", "")))),
        LINE("requested", SINCE_1_1(SUM(RATE("citadel_server_csr_count", "")))),
        LINE(
            "Secrets created",
            LINES(NULL, SUM(RATE("citadel_secret_controller_svc_acc_created_cert_count", "")), NULL))),
    GRAPH(
        "Mixer's dispatches", "cps",
        LINE(
            "{{adapter}}", LINES(
                               SUM_BY("adapter", RATE("mixer_runtime_dispatch_count", "")),
                               SUM_BY("adapter", RATE("mixer_runtime_dispatches_total", "")), NULL)),
        LINE(
            "failed in {{adapter}}",
            LINES(
                SUM_BY("adapter", RATE("mixer_runtime_dispatch_count", "error=\"true\"")),
                SUM_BY("adapter", RATE("mixer_runtime_dispatches_total", "error=\"true\"")), NULL))),
    GRAPH(
        "Mixer's dispatches, 99 %", "s",
        LINE(
            "{{adapter}}", LINES(
                               QUANTILE("0.99", ", adapter", "mixer_runtime_dispatch_duration", ""),
                               QUANTILE("0.99", ", adapter", "mixer_runtime_dispatch_duration_seconds", ""), NULL))),
    GRAPH(
        "Processors", "short",
        LINE(
            "{{job}}", LINES(
                           SUM_BY("job", RATE("process_cpu_seconds_total", OF_MIXER)),
                           SUM_BY("job", RATE("process_cpu_seconds_total", OF_MIXER)),
                           SUM_BY("job", RATE("process_cpu_seconds_total", OF_ISTIOD))))),
    GRAPH(
        "Memory", "bytes",
        LINE(
            "{{job}}", LINES(
                           "sum by (job) (process_resident_memory_bytes{" OF_MIXER "})",
                           "sum by (job) (process_resident_memory_bytes{" OF_MIXER "})",
                           "sum by (job) (process_resident_memory_bytes{" OF_ISTIOD "})"))),
    END,
};

#define OWN(name) "istio_operator_" name

static const struct panel istio_operator[] = {
    STAT("Leaders", "short", ALL(SUM(MESH_OWN_VALUE("leader")))),
    STAT("Objects that are not as asked", "short", ALL("max(" MESH_OWN_VALUE("drift_objects") ")")),
    STAT("Oldest watch", "s", ALL("max(" MESH_OWN_VALUE("watch_age_seconds") ")")),
    STAT("First certificate ends in", "s", ALL("min(" MESH_OWN_VALUE("certificate_end_seconds") ") - time()")),
    GRAPH("Writes", "cps", LINE("{{meaning}}", ALL(SUM_BY("meaning", RATE(OWN("writes_total"), MESH_OF_OPERATOR))))),
    GRAPH(
        "Failures", "cps", LINE("writes", ALL(SUM(RATE(OWN("writes_failed_total"), MESH_OF_OPERATOR)))),
        LINE("requests", ALL(SUM(RATE(OWN("api_errors_total"), MESH_OF_OPERATOR)))),
        LINE("watches", ALL(SUM(RATE(OWN("watch_failures_total"), MESH_OF_OPERATOR))))),
    GRAPH(
        "Answers of the API server", "s",
        LINE("half", ALL(QUANTILE("0.5", "", OWN("api_latency_seconds"), MESH_OF_OPERATOR))),
        LINE("99 %", ALL(QUANTILE("0.99", "", OWN("api_latency_seconds"), MESH_OF_OPERATOR)))),
    GRAPH("Objects of the mesh", "short", LINE("objects", ALL("max(" MESH_OWN_VALUE("managed_objects") ")"))),
    GRAPH(
        "Remote clusters", "short",
        LINE("{{remote}} connected", ALL("max by (remote) (" MESH_OWN_VALUE("remote_connected") ")")),
        LINE("{{remote}} not as asked", ALL("max by (remote) (" MESH_OWN_VALUE("remote_drift_objects") ")"))),
    GRAPH(
        "Workloads with an outdated sidecar", "short",
        LINE("all", ALL("max(" MESH_OWN_VALUE("renewal_outdated_workloads") ")")),
        LINE("blocked", ALL("max(" MESH_OWN_VALUE("renewal_blocked_workloads") ")")),
        LINE("failed", ALL("max(" MESH_OWN_VALUE("renewal_failed_workloads") ")"))),
    GRAPH(
        "Processor time for plans", "percentunit",
        LINE("plans", ALL(SUM(RATE(OWN("plan_seconds_total"), MESH_OF_OPERATOR))))),
    GRAPH(
        "Memory", "bytes", LINE("heap", ALL("max(" MESH_OWN_VALUE("heap_bytes") ")")),
        LINE("observed objects", ALL("max(" MESH_OWN_VALUE("cache_bytes") ")"))),
    END,
};

/* One that only sends requests, as a gateway, is a workload, too. */
#define EITHER_END(label, suffix, where_source, where_destination)                                                     \
    "query_result(count by (" label ") (label_replace(" REQUESTS "{" where_source "}, \"" label                        \
    "\", \"$1\", \"source_workload" suffix "\", \"(.+)\") or label_replace(" REQUESTS "{" where_destination            \
    "}, \"" label "\", \"$1\", \"destination_workload" suffix "\", \"(.+)\")))",                                       \
        "/" label "=\"([^\"]+)\"/"

const struct dashboard mesh_dashboard_table[] = {
    {"mesh", "Istio: mesh", "What goes on in the mesh, by service.", {{NULL}}, mesh},
    {"service",
     "Istio: service",
     "What the proxies of a service saw.",
     {{"service",
       "label_values({__name__=~\"istio_requests_total|istio_tcp_sent_bytes_total\"}, destination_service)"}},
     service},
    {"workload",
     "Istio: workload",
     "What a workload's proxies saw, in both directions.",
     {{"namespace", EITHER_END("namespace", "_namespace", "", "")},
      {"workload",
       EITHER_END(
           "workload", "", "source_workload_namespace=\"$namespace\"",
           "destination_workload_namespace=\"$namespace\"")}},
     workload},
    {"control-plane", "Istio: control plane", "How Istio itself is.", {{NULL}}, control_plane},
    {"operator", "Istio: operator", "How the istio-operator is.", {{NULL}}, istio_operator},
    {NULL},
};
