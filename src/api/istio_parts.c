#include "api/istio_parts.h"

#include "api/kubernetes.h"
#include "base/clock.h"
#include "base/str.h"
#include "doc/doc.h"

#define OWNER struct istio_spec
#define RENEWAL_TIMEOUT_LEAST SECONDS(10)

static const struct field proxy_rows[] = {
    {"image", TEXT_AT(proxy.image, format_image), .implied = "proxyv2 from imageHub, with imageTag",
     .doc = "The image of sidecars, gateways and the proxies beside Istio's own components."},
    {"resources", DOCUMENT_AT(proxy.resources, container_resources_table), .implied = "as in Istio's Helm chart",
     .doc = "Compute resources of a sidecar."},
    {"privileged", FLAG_AT(proxy.privileged), .otherwise = "false", .doc = "Runs sidecars privileged."},
    {"enableCoreDump", FLAG_AT(proxy.enable_core_dump), .otherwise = "false",
     .doc = "Lets sidecars write core dumps; needs a privileged init container."},
    {"logLevel", CHOICE_AT(proxy.log_level, "trace", "debug", "info", "warning", "error", "critical", "off"),
     .implied = "the proxy's own", .doc = "How much a proxy logs."},
    {"concurrency", INTEGER_AT(proxy.concurrency, 0, 256), .otherwise = "0", .floating = true,
     .doc = "Worker threads of a proxy; 0 is one per core."},
};

const struct field_table istio_proxy_table = {
    .name = "Proxy",
    .doc = "Envoy, beside every workload of the mesh.",
    FIELD_ROWS(proxy_rows),
};

static const struct field disruption_budget_rows[] = {
    {"enabled", FLAG_AT(default_pod_disruption_budget), .otherwise = "false", .floating = true,
     .doc = "Keeps one pod of each component alive while nodes are drained."},
};

const struct field_table istio_disruption_budget_table = {
    .name = "Pod disruption budget",
    .doc = "PodDisruptionBudgets for the components.",
    FIELD_ROWS(disruption_budget_rows),
};

static const struct field sidecars_rows[] = {
    {"count", FLAG_AT(sidecars.count), .otherwise = "false",
     .doc = "Counts in the status how many pods have a sidecar that is up to date, and how many an "
            "outdated one; the operator then watches all pods."},
};

const struct field_table istio_sidecars_table = {
    .name = "Sidecar report",
    .doc = "What the status tells about sidecars.",
    FIELD_ROWS(sidecars_rows),
};

static const struct field upgrade_rows[] = {
    {"preflight", CHOICE_AT(upgrade.preflight, "Refuse", "Warn"), .otherwise = "Refuse",
     .doc = "Whether what speaks against a new version keeps the mesh at the old one, or is only reported."},
    {"formerGracePeriod", TEXT_AT(upgrade.former_grace_period, format_duration), .otherwise = "10m",
     .doc = "How long the control plane of a former `revision` stays when nothing uses it any more: until then the "
            "revision can be set back without one being started. Lines without revisions have no use for it."},
};

const struct field_table istio_upgrade_table = {
    .name = "Upgrade",
    .doc = "How the version is changed.",
    FIELD_ROWS(upgrade_rows),
};

static const struct field day = {NULL,
                                 CHOICE("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")};

static const struct field window_rows[] = {
    {"days", LIST(day, 0, 7), .unique = true, .implied = "every day", .doc = "The days on which it begins."},
    {"from", TEXT(format_time_of_day), .required = true, .doc = "When it begins, in UTC."},
    {"to", TEXT(format_time_of_day), .required = true,
     .doc = "When it ends, in UTC; on the next day where that is not later than `from`."},
};

static void check_window(const json_t *window, const char *path, struct problems *problems)
{
    if (str_eq(doc_string(window, "from"), "24:00"))
        problems_refuse(problems, path, "from", "must be before the end of the day, but is 24:00: write 00:00");
}

static const struct field_table window_table = {
    .name = "Renewal window",
    .doc = "When restarts may begin. Those that have begun go on after its end.",
    FIELD_ROWS(window_rows),
    .check = check_window,
};

static const struct field window = {NULL, DOCUMENT(window_table)};
static const struct field selector_value = {NULL, TEXT(format_label_value)};

static const struct field selector_expression_rows[] = {
    {"key", TEXT(format_label_key), .required = true, .doc = "The label."},
    {"operator", CHOICE("Exists", "DoesNotExist", "In", "NotIn"), .required = true, .doc = "What must hold of it."},
    {"values", LIST(selector_value, 0, 100), .doc = "Of In and NotIn: the values."},
};

static const struct field_table selector_expression_table = {
    .name = "Label requirement",
    .doc = "As in Kubernetes' type LabelSelector.",
    FIELD_ROWS(selector_expression_rows),
    .check = kubernetes_check_requirement,
};

static const struct field selector_expression = {NULL, DOCUMENT(selector_expression_table)};

static const struct field label_selector_rows[] = {
    {"matchLabels", MAP(format_label_key, selector_value, 64), .doc = "Labels with their values."},
    {"matchExpressions", LIST(selector_expression, 0, 64), .doc = "What else must hold of the labels."},
};

static const struct field_table label_selector_table = {
    .name = "Label selector",
    .doc = "As Kubernetes' type LabelSelector: all of it must hold.",
    FIELD_ROWS(label_selector_rows),
};

static const struct field sidecar_renewal_rows[] = {
    {"mode", CHOICE_AT(sidecar_renewal.mode, "Off", "Report", "Automatic"),
     .implied = "Report with `sidecars.count`, else Off",
     .doc = "Report: the status says which workloads have outdated sidecars, and which of them could not be restarted "
            "and why. Automatic: they are restarted, too. No workload is restarted unless this says Automatic."},
    {"maxConcurrentNamespaces", INTEGER_AT(sidecar_renewal.max_namespaces, 1, 1000), .otherwise = "1",
     .doc = "In how many namespaces workloads are restarted at a time; in each, one after the other."},
    {"delay", TEXT_AT(sidecar_renewal.delay, format_duration), .otherwise = "30s",
     .doc = "How long a namespace rests after a rollout."},
    {"timeout", TEXT_AT(sidecar_renewal.timeout, format_duration), .otherwise = "10m",
     .doc = "A rollout that takes longer has failed; 10s at least."},
    {"onFailure", CHOICE_AT(sidecar_renewal.on_failure, "StopNamespace", "StopAll"), .otherwise = "StopNamespace",
     .doc = "Where no further workload is restarted while a rollout has failed: in its namespace, or anywhere."},
    {"windows", LIST_AT(sidecar_renewal.windows, window, 0, 50), .implied = "any time",
     .doc = "When restarts may begin; one of them is enough."},
    {"namespaceSelector", DOCUMENT_AT(sidecar_renewal.namespace_selector, label_selector_table),
     .implied = "all namespaces", .doc = "The labels of namespaces whose workloads are restarted."},
};

/* A restart that has failed when it begins does not keep the next one from beginning. */
static void check_renewal(const json_t *renewal, const char *path, struct problems *problems)
{
    const char *timeout = doc_string(renewal, "timeout");
    msec_t time;

    if (timeout && clock_parse_duration(timeout, &time) && time < RENEWAL_TIMEOUT_LEAST)
        problems_refuse(problems, path, "timeout", "must be at least 10s, but is %s", timeout);
}

const struct field_table istio_sidecar_renewal_table = {
    .name = "Sidecar renewal",
    .doc = "What becomes of workloads whose pods have an outdated sidecar, after an upgrade or another change of the "
           "sidecars.",
    FIELD_ROWS(sidecar_renewal_rows),
    .check = check_renewal,
};

static const struct field prometheus_rows[] = {
    {"mode",
     CHOICE_AT(monitoring.prometheus.mode, ISTIO_PROMETHEUS_NONE, ISTIO_PROMETHEUS_OPERATOR,
               ISTIO_PROMETHEUS_SCRAPE_CONFIG),
     .otherwise = ISTIO_PROMETHEUS_NONE, .floating = true,
     .doc = "How Prometheus is told what to scrape, and when to alert. PrometheusOperator: by ServiceMonitors, "
            "PodMonitors "
            "and a PrometheusRule, where the Prometheus operator is. ScrapeConfig: by ConfigMap istio-scrape-config, "
            "which its configuration includes."},
    {"url", TEXT_AT(monitoring.prometheus.url, format_http_url), .implied = "it is not asked",
     .doc = "Where Prometheus answers: it is asked whether it scrapes the mesh."},
    {"namespace", TEXT_AT(monitoring.prometheus.ns, format_dns_label), .implied = "the control plane's",
     .doc = "The namespace of the objects that tell it."},
    {"labels", MAP_AT(monitoring.prometheus.labels, format_label_key, component_label_value, 64), .implied = "none",
     .doc = "Labels of those objects, by which it selects them."},
    {"interval", TEXT_AT(monitoring.prometheus.interval, format_duration), .otherwise = "15s", .floating = true,
     .doc = "How often a target is scraped."},
    {"istioOperatorNamespace", TEXT_AT(monitoring.prometheus.own_ns, format_dns_label),
     .implied = "the control plane's",
     .doc = "The namespace that this operator runs in, whose metrics are scraped, too."},
};

static const struct field_table prometheus_table = {
    .name = "Prometheus",
    .doc = "A Prometheus that you run.",
    FIELD_ROWS(prometheus_rows),
};

static const struct field grafana_rows[] = {
    {"mode", CHOICE_AT(monitoring.grafana.mode, ISTIO_GRAFANA_NONE, ISTIO_GRAFANA_CONFIG_MAP, ISTIO_GRAFANA_DASHBOARD),
     .otherwise = ISTIO_GRAFANA_NONE, .floating = true,
     .doc = "How Grafana gets the dashboards. ConfigMap: by ConfigMaps, which the sidecar of its Helm chart loads. "
            "GrafanaDashboard: by objects of this kind, where the Grafana operator is."},
    {"namespace", TEXT_AT(monitoring.grafana.ns, format_dns_label), .implied = "the control plane's",
     .doc = "The namespace of these objects."},
    {"labels", MAP_AT(monitoring.grafana.labels, format_label_key, component_label_value, 64),
     .implied = "`grafana_dashboard: \"1\"` of ConfigMaps, every Grafana of the Grafana operator",
     .doc =
         "Labels of the ConfigMaps, by which the sidecar finds them; of GrafanaDashboards those of the Grafanas that "
         "load them."},
    {"folder", TEXT_AT(monitoring.grafana.folder, format_text), .implied = "Grafana's choice",
     .doc = "The folder in Grafana."},
};

static const struct field_table grafana_table = {
    .name = "Grafana",
    .doc = "A Grafana that you run.",
    FIELD_ROWS(grafana_rows),
};

static const struct field monitoring_rows[] = {
    {"prometheus", GROUP(prometheus_table), .doc = "Who collects the metrics of the mesh."},
    {"grafana", GROUP(grafana_table), .doc = "Who shows them."},
};

const struct field_table istio_monitoring_table = {
    .name = "Monitoring",
    .doc = "The operator runs no monitoring: it makes yours see the mesh.",
    FIELD_ROWS(monitoring_rows),
};

static const struct field kiali_auth_rows[] = {
    {"strategy",
     CHOICE_AT(kiali.auth.strategy, ISTIO_KIALI_TOKEN, ISTIO_KIALI_ANONYMOUS, "openid", "openshift", "header"),
     .otherwise = ISTIO_KIALI_TOKEN, .floating = true,
     .doc = "How its users sign in. token: with the token of a ServiceAccount, and they see and change what that one "
            "may. anonymous: not at all. The others are for KialiResource; what they need besides you write into the "
            "Kiali yourself."},
    {"secretName", TEXT_AT(kiali.auth.secret, format_dns_subdomain), .otherwise = "kiali", .floating = true,
     .doc = "Of mode Server: the Secret in the control plane's namespace that you create. With `token` its key "
            "`signing-key`, of 16, 24 or 32 characters, encrypts the sessions. There is no default key."},
};

static const struct field_table kiali_auth_table = {
    .name = "Kiali authentication",
    .doc = "Who may use Kiali.",
    FIELD_ROWS(kiali_auth_rows),
};

static const struct field kiali_urls_rows[] = {
    {"grafana", TEXT_AT(kiali.urls.grafana, format_http_url), .implied = "Kiali shows no links to it",
     .doc = "Where Kiali reaches Grafana."},
    {"grafanaExternal", TEXT_AT(kiali.urls.grafana_external, format_http_url), .implied = "`grafana`",
     .doc = "Where browsers of its users reach it."},
    {"tracing", TEXT_AT(kiali.urls.tracing, format_http_url), .implied = "Kiali shows no traces",
     .doc = "Where Kiali reaches the query service of Jaeger, over HTTP."},
    {"tracingExternal", TEXT_AT(kiali.urls.tracing_external, format_http_url), .implied = "`tracing`",
     .doc = "Where browsers of its users reach it."},
};

static const struct field_table kiali_urls_table = {
    .name = "Kiali URLs",
    .doc = "What Kiali shows besides. Prometheus is that of `monitoring.prometheus.url`.",
    FIELD_ROWS(kiali_urls_rows),
};

static const struct field kiali_rows[] = {
    {"mode", CHOICE_AT(kiali.mode, ISTIO_KIALI_NONE, ISTIO_KIALI_SERVER, ISTIO_KIALI_RESOURCE),
     .otherwise = ISTIO_KIALI_NONE, .floating = true,
     .doc =
         "Who installs Kiali. Server: the operator does, in the version that fits this Istio. KialiResource: Kiali's "
         "own operator, for an object of kind Kiali."},
    {"viewOnly", FLAG_AT(kiali.view_only), .otherwise = "true", .floating = true,
     .doc = "Whether it only shows the mesh. If not, users who have signed in can change what their token may; Kiali "
            "itself has no right to."},
    {"image", TEXT_AT(kiali.image, format_image), .implied = "quay.io/kiali/kiali, of the version that fits",
     .doc = "Its image, of mode Server."},
    {"auth", GROUP(kiali_auth_table), .doc = "Who may use it."},
    {"urls", GROUP(kiali_urls_table), .doc = "What it shows besides."},
};

const struct field_table istio_kiali_table = {
    .name = "Kiali",
    .doc = "Kiali, which draws the mesh from its configuration and from the metrics in Prometheus.",
    FIELD_ROWS(kiali_rows),
};

static const struct field service_port_rows[] = {
    {"name", TEXT(format_dns_label), .required = true, .doc = "Its name: protocol, and what you like behind a -."},
    {"port", INTEGER(1, 65535), .required = true, .doc = "Where the Service listens."},
    {"targetPort", INTEGER(1, 65535), .implied = "port", .doc = "Where the pods listen."},
    {"nodePort", INTEGER(1, 65535), .implied = "the server's choice", .doc = "Where every node listens."},
    {"protocol", CHOICE("TCP", "UDP"), .implied = "TCP", .doc = "Its protocol."},
};

static const struct field_table service_port_table = {
    .name = "Service port",
    .doc = "A port of a gateway's Service and pods.",
    FIELD_ROWS(service_port_rows),
};

const struct field istio_service_port = {NULL, DOCUMENT(service_port_table)};
const struct field istio_annotation = {NULL, TEXT(format_text)};

static const struct field patch_rows[] = {
    {"op", CHOICE("add", "remove", "replace", "move", "copy", "test"), .required = true, .doc = "What to do."},
    {"path", TEXT(format_json_pointer), .required = true, .doc = "Where."},
    {"from", TEXT(format_json_pointer), .doc = "The source of move and copy."},
    {"value", ANY, .doc = "The value of add, replace and test, not null. Fields in it that are null are left out."},
};

static const struct field_table patch_table = {
    .name = "Patch operation",
    .doc = "One operation of a JSON patch (RFC 6902).",
    FIELD_ROWS(patch_rows),
};

static const struct field patch = {NULL, DOCUMENT(patch_table)};

static const struct field overlay_rows[] = {
    {"kind", TEXT(format_kind), .required = true, .doc = "The object's kind."},
    {"name", TEXT(format_object_name), .required = true, .doc = "The object's name."},
    {"namespace", TEXT(format_dns_label), .implied = "the control plane's, where the kind has namespaces",
     .doc = "The object's namespace."},
    {"patches", LIST(patch, 1, 100), .required = true, .doc = "What to change, in this order; all of it or nothing."},
};

static const struct field_table overlay_table = {
    .name = "Overlay",
    .doc = "Changes one of the operator's objects in what the resource has no field for.",
    FIELD_ROWS(overlay_rows),
};

const struct field istio_overlay = {NULL, DOCUMENT(overlay_table)};
const struct field istio_namespace_name = {NULL, TEXT(format_dns_label)};
const struct field istio_secret_name = {NULL, TEXT(format_dns_subdomain)};
