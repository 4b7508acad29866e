/* The fields of a Canary, and what must hold between them. */
#include "controllers/canary/canary.h"

#include <string.h>

#include "api/rows.h"
#include "api/status.h"
#include "base/str.h"
#include "controllers/canary/canary_affinity.h"
#include "controllers/canary/canary_match.h"
#include "controllers/canary/canary_ref.h"
#include "controllers/canary/canary_steps.h"
#include "controllers/canary/canary_webhooks.h"
#include "doc/doc.h"

#define DEADLINE_MAX 604800 /* seconds */
#define PAUSE_MAX 86400
#define DEFAULT_WINDOW "1m"

/* What Istio's own resources have: kept as it is. */
static const struct field_table open_table = {.name = "Part of an Istio resource", .open = true};
static const struct field open_item = {NULL, DOCUMENT(open_table)};
static const struct field host = {NULL, TEXT(format_annotation_value)};
static const struct field percent = {NULL, INTEGER(1, 100)};

#define NOT_YET "Canaries of this operator do not have it yet"
#define REFUSED(nothing) UNSUPPORTED(nothing), .refused = true

static const struct field target_rows[] = {
#define OWNER struct canary_spec
    {"apiVersion", CHOICE_AT(target.api_version, "apps/v1"), .otherwise = "apps/v1", .doc = "The API of the target."},
    {"kind", CHOICE_AT(target.kind, "Deployment"), .otherwise = "Deployment", .doc = "The kind of the target."},
    {"name",
     TEXT_AT(target.name, format_dns_subdomain),
     .required = true,
     .doc = "The Deployment, in the namespace of the Canary."},
};

static const struct field_table target_table = {
    .name = "Target",
    .doc = "The Deployment whose next versions are released.",
    FIELD_ROWS(target_rows),
};

static const struct field scaler_rows[] = {
    {"apiVersion",
     TEXT(format_annotation_value),
     .implied = "autoscaling/v2",
     .doc = "autoscaling/v2, v2beta2, v2beta1 or v1: every version of the API server's shows the same object."},
    {"kind", TEXT(format_annotation_value), .implied = "HorizontalPodAutoscaler", .doc = "HorizontalPodAutoscaler."},
    {"name",
     TEXT(format_dns_subdomain),
     .required = true,
     .doc = "The HorizontalPodAutoscaler that scales the target, in the namespace of the Canary. The name in its "
            "scaleTargetRef is the primary's while that serves."},
    {"primaryScalerReplicas",
     REFUSED("{}"),
     .instead = "between releases the primary has the limits of the HorizontalPodAutoscaler: write them there"},
    {"primaryScalerQueries", REFUSED("{}"), .instead = "they are of ScaledObjects"},
};

static void check_scaler(const json_t *scaler, const char *path, struct problems *problems)
{
    static const char *const versions[] = {
        "autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v2beta1", "autoscaling/v1"};
    const char *version = str_or(doc_string(scaler, "apiVersion"), versions[0]);
    const char *kind = str_or(doc_string(scaler, "kind"), "HorizontalPodAutoscaler");
    _cleanup_free_ char *of_kind = str_printf("%s.kind", path), *of_version = str_printf("%s.apiVersion", path);
    bool is_known = false;

    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        is_known = is_known || str_eq(version, versions[i]);
    if (str_eq(kind, "ScaledObject"))
        problems_add(
            problems,
            PROBLEM_ERROR,
            of_kind,
            "must be HorizontalPodAutoscaler: KEDA scales a target without replicas up again, and only its own "
            "annotations stop that; " NOT_YET);
    else if (!str_eq(kind, "HorizontalPodAutoscaler"))
        problems_add(problems, PROBLEM_ERROR, of_kind, "must be HorizontalPodAutoscaler");
    else if (!is_known)
        problems_add(
            problems,
            PROBLEM_ERROR,
            of_version,
            "must be autoscaling/v2, autoscaling/v2beta2, autoscaling/v2beta1 or autoscaling/v1");
}

static const struct field_table scaler_table = {
    .name = "Autoscaler",
    .doc = "The HorizontalPodAutoscaler of the target, which scales the primary while that serves.",
    FIELD_ROWS(scaler_rows),
    .check = check_scaler,
};

static const struct field service_rows[] = {
    {"name", TEXT(format_service_name), .implied = "that of the target", .doc = "The Service that clients call."},
    {"port",
     INTEGER(1, 65535),
     .required = true,
     .doc = "Its port. A Service that is there already has to have it, and keeps all of its ports."},
    {"portName",
     TEXT(format_dns_label),
     .implied = "http",
     .doc = "The name of the port, by which Istio tells protocols."},
    {"targetPort",
     .type = FIELD_PORTION,
     .least = 1,
     .most = 65535,
     .format = &format_dns_label,
     .implied = "`port`",
     .doc = "The port of the pods, by number or name."},
    {"virtualServiceRef",
     DOCUMENT(canary_ref_table),
     .doc = "The user's own VirtualService, in which requests are split, instead of one that is the Canary's."},
    {"gateways", LIST(host, 0, 64), .implied = "mesh", .doc = "As in a VirtualService."},
    {"hosts", LIST(host, 0, 64), .doc = "As in a VirtualService, besides the Service itself."},
    {"timeout", TEXT(format_annotation_value), .doc = "As in a route of a VirtualService."},
    {"retries", DOCUMENT(open_table), .doc = "As in a route of a VirtualService."},
    {"match", LIST(open_item, 0, 64), .doc = "As in a route of a VirtualService: other requests have no route."},
    {"rewrite", DOCUMENT(open_table), .doc = "As in a route of a VirtualService."},
    {"headers", DOCUMENT(open_table), .doc = "As in a route of a VirtualService."},
    {"corsPolicy", DOCUMENT(open_table), .doc = "As in a route of a VirtualService."},
    {"trafficPolicy", DOCUMENT(open_table), .doc = "As in a DestinationRule, of both halves."},
    {"appProtocol", REFUSED("\"http\""), .instead = "routes are of HTTP; " NOT_YET},
    {"portDiscovery", UNSUPPORTED("false"), .instead = "the halves have all ports of a Service that is there already"},
    {"headless", REFUSED("false"), .instead = NOT_YET},
    {"trafficDistribution", UNSUPPORTED(NULL), .instead = NOT_YET},
    {"delegation", REFUSED("false"), .instead = NOT_YET},
    {"mirror", REFUSED("[]"), .instead = NOT_YET},
    {"gatewayRefs", REFUSED("[]"), .instead = "routes are VirtualServices and not those of Gateway API"},
    {"backendTimeout", UNSUPPORTED(NULL), .instead = "it is of Gateway API; write `timeout`"},
    {"apex", UNSUPPORTED("{}"), .instead = "labels and annotations of the Services are not set"},
    {"primary", UNSUPPORTED("{}"), .instead = "labels and annotations of the Services are not set"},
    {"canary", UNSUPPORTED("{}"), .instead = "labels and annotations of the Services are not set"},
    {"unmanagedMetadata", UNSUPPORTED("{}"), .instead = "foreign labels and annotations stay anyway"},
};

static const struct field_table service_table = {
    .name = "Service",
    .doc = "How clients reach it: the Service, and what the VirtualService and the DestinationRules have besides the "
           "weights.",
    FIELD_ROWS(service_rows),
};

static const struct field range_rows[] = {
    {"min", NUMBER(-1e18, 1e18), .doc = "The least good value."},
    {"max", NUMBER(-1e18, 1e18), .doc = "The greatest good value."},
};

static void check_range(const json_t *range, const char *path, struct problems *problems)
{
    const json_t *min = doc_at(range, "min"), *max = doc_at(range, "max");

    if (json_is_number(min) && json_is_number(max) && json_number_value(min) > json_number_value(max))
        problems_add(problems, PROBLEM_ERROR, path, "must have a max that is not below min");
}

static const struct field_table range_table = {
    .name = "Threshold range",
    .doc = "Which values are good. Without it all are.",
    FIELD_ROWS(range_rows),
    .check = check_range,
};

static const struct field metric_rows[] = {
    {"name",
     TEXT(format_dns_label),
     .required = true,
     .doc = CANARY_SUCCESS_RATE
     " (percent of the requests that did not end with 5xx, or such a status of gRPC), " CANARY_DURATION
     " (the 99th percentile, in milliseconds), or another name with a `query`."},
    {"interval", TEXT(format_duration), .implied = DEFAULT_WINDOW, .doc = "The time that it looks back over."},
    {"thresholdRange", DOCUMENT(range_table), .doc = "Which values are good."},
    {"query",
     TEXT(format_annotation_value),
     .doc = "PromQL with one value as its result. {{ name }}, {{ namespace }}, {{ target }}, {{ service }} and "
            "{{ interval }} are replaced."},
    {"minRequests",
     INTEGER(0, 1000000000),
     .implied = "10",
     .doc = "Fewer requests in the interval are no data; not of a `query`."},
    {"onNoData",
     CHOICE("Hold", "Pass", "Fail"),
     .implied = "`analysis.noTrafficPolicy`",
     .doc = "What follows where there is no data, or too little."},
    {"threshold", REFUSED("0"), .instead = "write `thresholdRange`"},
    {"templateRef", REFUSED(NULL), .instead = "write the `query` itself"},
    {"templateVariables", REFUSED("{}"), .instead = "write the `query` itself"},
};

static void check_metric(const json_t *metric, const char *path, struct problems *problems)
{
    const char *name = doc_string(metric, "name");
    bool is_known = str_eq(name, CANARY_SUCCESS_RATE) || str_eq(name, CANARY_DURATION);
    msec_t window;

    if (!is_known && !doc_string(metric, "query"))
        problems_add(
            problems,
            PROBLEM_ERROR,
            path,
            "must have a query, or be one of " CANARY_SUCCESS_RATE " and " CANARY_DURATION);
    if (clock_parse_duration(str_or(doc_string(metric, "interval"), DEFAULT_WINDOW), &window) && window < SECONDS(1))
        problems_add(problems, PROBLEM_ERROR, path, "must have an interval of 1s at least");
}

static const struct field_table metric_table = {
    .name = "Metric",
    .doc = "What is measured in each check, with Prometheus.",
    FIELD_ROWS(metric_rows),
    .check = check_metric,
};

static const struct field metric = {NULL, DOCUMENT(metric_table)};

static const struct field analysis_rows[] = {
    {"interval",
     TEXT_AT(analysis.interval, format_duration),
     .otherwise = "60s",
     .doc = "From check to check, 1s at least. A step is checked first when this time and the longest `interval` of "
            "the metrics are over, so that nothing of the step before is measured."},
    {"threshold",
     INTEGER_AT(analysis.threshold, 1, 1000),
     .otherwise = "1",
     .doc = "With how many failed checks the release ends."},
    {"maxWeight", INTEGER_AT(analysis.max_weight, 1, 100), .otherwise = "100", .doc = "The weight of the last step."},
    {"stepWeight", INTEGER_AT(analysis.step_weight, 1, 100), .doc = "By how much the weight grows with each step."},
    {"stepWeights",
     LIST_AT(analysis.step_weights, percent, 0, CANARY_STEPS_MAX - 1),
     .doc = "The weight of each step, growing, instead of `stepWeight` and `maxWeight`."},
    {"steps",
     LIST_AT(analysis.steps, canary_step_item, 0, CANARY_STEPS_MAX - 1),
     .doc = "What is done one after another, instead of `stepWeight`, `stepWeights`, `iterations` and `mirror`."},
    {"iterations",
     INTEGER_AT(analysis.iterations, 0, 10000),
     .implied = "0",
     .doc = "For so many times `interval` the requests that `match` go to the new version, or without `match` none, "
            "and then all; instead of `stepWeight` and `stepWeights`."},
    {"match",
     LIST_AT(analysis.match, canary_match_item, 0, CANARY_MATCHES_MAX),
     .doc = "With `iterations`: requests for which one of these holds go to the new version, and all others to the "
            "primary."},
    {"mirror",
     FLAG_AT(analysis.mirror),
     .otherwise = "false",
     .doc = "Whether the new version gets copies of requests before the first weight, whose answers are dropped."},
    {"mirrorWeight",
     INTEGER_AT(analysis.mirror_weight, 1, 100),
     .implied = "100",
     .doc = "Percent of the requests that are mirrored then. Istio before 1.5 mirrors all or none."},
    {"metrics",
     LIST_AT(analysis.metrics, metric, 0, CANARY_METRICS_MAX),
     .doc = "What a check measures. Without any a step ends with its time."},
    {"noTrafficPolicy",
     CHOICE_AT(analysis.no_traffic, "Hold", "Pass", "Fail"),
     .otherwise = "Hold",
     .doc = "What follows where there is no data: the weight stays, the check counts as passed, or as failed."},
    {"metricsErrorPolicy",
     CHOICE_AT(analysis.metrics_error, "Hold", "Fail"),
     .otherwise = "Hold",
     .doc = "What follows where Prometheus does not answer: the weight stays, or the check counts as failed."},
    {"onFailure",
     CHOICE_AT(analysis.on_failure, "Rollback", "Hold"),
     .otherwise = "Rollback",
     .doc = "What follows at the threshold: all traffic to the primary, or the weight stays until a person decides."},
    {"stepWeightPromotion", UNSUPPORTED("0"), .instead = "traffic returns to the primary in one step when it is ready"},
    {"primaryReadyThreshold", UNSUPPORTED("100"), .instead = "all pods have to be available"},
    {"canaryReadyThreshold", UNSUPPORTED("100"), .instead = "all pods have to be available"},
    {"webhooks",
     LIST_AT(analysis.webhooks, canary_webhook, 0, CANARY_HOOKS_MAX),
     .doc = "Servers that are asked during a release, and may hold it."},
    {"alerts",
     LIST_AT(analysis.alerts, canary_alert, 0, CANARY_ALERTS_MAX),
     .doc = "The receivers of notices of how releases go."},
    {"sessionAffinity",
     DOCUMENT_AT(analysis.affinity, canary_affinity_table),
     .doc =
         "Whether clients that the weight led to the new version stay there until the release ends. Needs Istio 1.1."},
};

static const struct field_table analysis_table = {
    .name = "Analysis",
    .doc = "How the traffic is shifted, and what is measured meanwhile.",
    FIELD_ROWS(analysis_rows),
};

static const struct field spec_rows[] = {
    {"targetRef", GROUP(target_table), .required = true, .doc = "What is released."},
    {"autoscalerRef", DOCUMENT_AT(autoscaler, scaler_table), .doc = "What scales the target."},
    {"service", DOCUMENT_AT(service, service_table), .required = true, .doc = "How clients reach it."},
    {"analysis", GROUP(analysis_table), .doc = "How the traffic is shifted."},
    {"metricsServer",
     TEXT_AT(metrics_server, format_http_url),
     .implied = "`monitoring.prometheus.url` of the mesh, else http://prometheus:9090 in its namespace",
     .doc = "The URL of Prometheus, without a user or password."},
    {"progressDeadlineSeconds",
     INTEGER_AT(progress_deadline, 1, DEADLINE_MAX),
     .otherwise = "600",
     .doc = "How long pods may take to be ready, whatever the reason."},
    {"skipAnalysis",
     FLAG_AT(skip_analysis),
     .otherwise = "false",
     .doc = "Whether a new version is promoted when it is ready, without traffic of its own."},
    {"suspend", FLAG_AT(suspend), .otherwise = "false", .doc = "Whether all stays as it is now."},
    {"revertOnDeletion",
     FLAG_AT(revert_on_deletion),
     .otherwise = "true",
     .doc = "Whether the target serves again, and what was changed is restored, before a deleted Canary goes. With "
            "false the primary goes with the Canary, and the target stays without replicas."},
    {"settleSeconds",
     INTEGER_AT(settle, 0, PAUSE_MAX),
     .otherwise = "5",
     .doc = "How long proxies may take to learn of new endpoints before traffic is sent there."},
    {"drainSeconds",
     INTEGER_AT(drain, 0, PAUSE_MAX),
     .otherwise = "30",
     .doc = "How long open requests may take before pods without traffic are removed."},
    {"freezeTarget",
     FLAG_AT(freeze_target),
     .otherwise = "true",
     .doc = "Whether the target is paused during a release, so that a change in the middle waits until there is no "
            "traffic on it."},
    {"provider", REFUSED("\"istio\""), .instead = "traffic is shifted by Istio"},
    {"ingressRef", REFUSED("{}"), .instead = "traffic is shifted by Istio; write `service.gateways`"},
    {"routeRef", REFUSED("{}"), .instead = "traffic is shifted by Istio; write `service.gateways`"},
    {"upstreamRef", REFUSED("{}"), .instead = "traffic is shifted by Istio; write `service.gateways`"},
    {"canaryAnalysis", REFUSED("{}"), .instead = "it is called `analysis`"},
};
#undef OWNER

static const struct field_table spec_table = {
    .name = "spec",
    .doc = "Which Deployment is released, and how.",
    FIELD_ROWS(spec_rows),
};

static void check_interval(const struct api_check *c)
{
    const struct canary_spec *spec = c->spec;

    if (canary_interval(spec) < SECONDS(1))
        problems_add(c->problems, PROBLEM_ERROR, "spec.analysis.interval", "must be 1s at least");
}

static void check_metrics(const struct api_check *c)
{
    const struct canary_spec *spec = c->spec;
    json_t *one;
    size_t i;

    json_array_foreach(spec->analysis.metrics, i, one) {
        _cleanup_free_ char *path = str_printf("spec.analysis.metrics[%zu].name", i);
        for (size_t k = 0; k < i; k++)
            if (str_eq(doc_string(one, "name"), doc_string(json_array_get(spec->analysis.metrics, k), "name")))
                problems_add(c->problems, PROBLEM_ERROR, path, "must be in the list once");
    }
}

static void check_webhooks(const struct api_check *c)
{
    const struct canary_spec *spec = c->spec;

    canary_check_names(spec->analysis.webhooks, "spec.analysis.webhooks", c->problems);
    canary_check_names(spec->analysis.alerts, "spec.analysis.alerts", c->problems);
}

static const struct api_rule rules[] = {
    {"`analysis.interval` is 1s at least.", check_interval},
    {"`analysis` has either `steps`, `iterations`, `stepWeight` or `stepWeights`, which grow; none only with "
     "`skipAnalysis`. `match` is given with `iterations`, and `mirror` not beside it.",
     canary_check_steps},
    {"Beside `service.virtualServiceRef` there is nothing that needs more of it than destinations and weights.",
     canary_check_ref},
    {"What requests have to match agrees with `service.match`, which has no header `cookie` beside "
     "`analysis.sessionAffinity`.",
     canary_check_matches},
    {"`analysis.metrics` has each name once; one that is not built in has a `query`.", check_metrics},
    {"`analysis.webhooks` and `analysis.alerts` have each name once.", check_webhooks},
    {NULL, NULL},
};

const struct api_form canary_form = {
    .spec = &spec_table,
    .size = sizeof(struct canary_spec),
    .rules = rules,
};

void canary_spec_free(struct canary_spec *spec)
{
    if (spec)
        field_release(&spec_table, spec);
    free(spec);
}

const char *canary_service(const struct canary_spec *spec)
{
    return str_or(doc_string(spec->service, "name"), spec->target.name);
}

msec_t canary_window(const json_t *one)
{
    return canary_duration(str_or(doc_string(one, "interval"), DEFAULT_WINDOW));
}
