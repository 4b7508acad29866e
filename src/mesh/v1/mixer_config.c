#include "base/mem.h"
#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

/* Of which releases something is. */
enum since { ALWAYS, ONLY_1_0, ONLY_1_1 };

static bool is_in(const struct mesh_env *env, enum since since)
{
    return since != (v1_is_1_1(env) ? ONLY_1_0 : ONLY_1_1);
}

struct attribute {
    const char *name, *type;
    enum since since;
};

/* What the proxies report. */
static const struct attribute proxy_attributes[] = {
    {"api.operation", "STRING"},
    {"api.protocol", "STRING"},
    {"api.service", "STRING"},
    {"api.version", "STRING"},
    {"check.cache_hit", "BOOL", ONLY_1_1},
    {"check.error_code", "INT64", ONLY_1_1},
    {"check.error_message", "STRING", ONLY_1_1},
    {"connection.duration", "DURATION"},
    {"connection.event", "STRING"},
    {"connection.id", "STRING"},
    {"connection.mtls", "BOOL"},
    {"connection.received.bytes", "INT64"},
    {"connection.received.bytes_total", "INT64"},
    {"connection.requested_server_name", "STRING"},
    {"connection.sent.bytes", "INT64"},
    {"connection.sent.bytes_total", "INT64"},
    {"context.protocol", "STRING"},
    {"context.proxy_error_code", "STRING", ONLY_1_1},
    {"context.reporter.kind", "STRING"},
    {"context.reporter.local", "BOOL"},
    {"context.reporter.uid", "STRING"},
    {"context.time", "TIMESTAMP"},
    {"context.timestamp", "TIMESTAMP"},
    {"destination.port", "INT64"},
    {"destination.principal", "STRING"},
    {"destination.uid", "STRING"},
    {"origin.ip", "IP_ADDRESS"},
    {"origin.uid", "STRING"},
    {"origin.user", "STRING"},
    {"quota.cache_hit", "BOOL", ONLY_1_1},
    {"rbac.permissive.effective_policy_id", "STRING", ONLY_1_1},
    {"rbac.permissive.response_code", "STRING", ONLY_1_1},
    {"request.api_key", "STRING"},
    {"request.auth.audiences", "STRING"},
    {"request.auth.claims", "STRING_MAP"},
    {"request.auth.presenter", "STRING"},
    {"request.auth.principal", "STRING"},
    {"request.auth.raw_claims", "STRING"},
    {"request.headers", "STRING_MAP"},
    {"request.host", "STRING"},
    {"request.id", "STRING"},
    {"request.method", "STRING"},
    {"request.path", "STRING"},
    {"request.query_params", "STRING_MAP", ONLY_1_1},
    {"request.reason", "STRING"},
    {"request.referer", "STRING"},
    {"request.scheme", "STRING"},
    {"request.size", "INT64"},
    {"request.time", "TIMESTAMP"},
    {"request.total_size", "INT64"},
    {"request.url_path", "STRING", ONLY_1_1},
    {"request.useragent", "STRING"},
    {"response.code", "INT64"},
    {"response.duration", "DURATION"},
    {"response.grpc_message", "STRING", ONLY_1_1},
    {"response.grpc_status", "STRING", ONLY_1_1},
    {"response.headers", "STRING_MAP"},
    {"response.size", "INT64"},
    {"response.time", "TIMESTAMP"},
    {"response.total_size", "INT64"},
    {"source.principal", "STRING"},
    {"source.uid", "STRING"},
    {"source.user", "STRING"},
    {NULL},
};

/* What handler.kubernetesenv finds out about the two ends. */
static const struct attribute kubernetes_attributes[] = {
    {"destination.container.name", "STRING"},
    {"destination.ip", "IP_ADDRESS"},
    {"destination.labels", "STRING_MAP"},
    {"destination.metadata", "STRING_MAP"},
    {"destination.name", "STRING"},
    {"destination.namespace", "STRING"},
    {"destination.owner", "STRING"},
    {"destination.service", "STRING", ONLY_1_0},
    {"destination.service.host", "STRING"},
    {"destination.service.name", "STRING"},
    {"destination.service.namespace", "STRING"},
    {"destination.service.uid", "STRING"},
    {"destination.serviceAccount", "STRING"},
    {"destination.workload.name", "STRING"},
    {"destination.workload.namespace", "STRING"},
    {"destination.workload.uid", "STRING"},
    {"source.ip", "IP_ADDRESS"},
    {"source.labels", "STRING_MAP"},
    {"source.metadata", "STRING_MAP"},
    {"source.name", "STRING"},
    {"source.namespace", "STRING"},
    {"source.owner", "STRING"},
    {"source.service", "STRING", ONLY_1_0},
    {"source.serviceAccount", "STRING"},
    {"source.services", "STRING"},
    {"source.workload.name", "STRING"},
    {"source.workload.namespace", "STRING"},
    {"source.workload.uid", "STRING"},
    {NULL},
};

/* A name with its expression over attributes, for requests (HTTP, gRPC) and for TCP; NULL: not there. */
struct expression {
    const char *name, *http, *tcp;
    enum since since;
};

#define BOTH(expression) expression, expression
#define REPORTER "conditional((context.reporter.kind | \"inbound\") == \"outbound\", \"source\", \"destination\")"
#define FLAGS "context.proxy_error_code | \"-\""
#define HOST "destination.service.host | \"unknown\""
#define NAME "destination.service.name | \"unknown\""
#define SECURITY_POLICY                                                                                                \
    "conditional((context.reporter.kind | \"inbound\") == \"outbound\", \"unknown\", "                                 \
    "conditional(connection.mtls | false, \"mutual_tls\", \"none\"))"

/* Of every metric; also the labels in Prometheus, in this order. */
static const struct expression dimensions[] = {
    {"reporter", BOTH(REPORTER)},
    {"source_app", BOTH("source.labels[\"app\"] | \"unknown\"")},
    {"source_principal", BOTH("source.principal | \"unknown\"")},
    {"source_workload", BOTH("source.workload.name | \"unknown\"")},
    {"source_workload_namespace", BOTH("source.workload.namespace | \"unknown\"")},
    {"source_version", BOTH("source.labels[\"version\"] | \"unknown\"")},
    {"destination_app", BOTH("destination.labels[\"app\"] | \"unknown\"")},
    {"destination_principal", BOTH("destination.principal | \"unknown\"")},
    {"destination_workload", BOTH("destination.workload.name | \"unknown\"")},
    {"destination_workload_namespace", BOTH("destination.workload.namespace | \"unknown\"")},
    {"destination_version", BOTH("destination.labels[\"version\"] | \"unknown\"")},
    {"destination_service", HOST, NAME, ONLY_1_0},
    {"destination_service", HOST, HOST, ONLY_1_1},
    {"destination_service_name", BOTH("destination.service.name | \"unknown\"")},
    {"destination_service_namespace", BOTH("destination.service.namespace | \"unknown\"")},
    {"request_protocol", "api.protocol | context.protocol | \"unknown\"", NULL},
    {"response_code", "response.code | 200", NULL},
    {"response_flags", FLAGS, NULL, ONLY_1_1},
    {"permissive_response_code", "rbac.permissive.response_code | \"none\"", NULL, ONLY_1_1},
    {"permissive_response_policyid", "rbac.permissive.effective_policy_id | \"none\"", NULL, ONLY_1_1},
    {"connection_security_policy", BOTH(SECURITY_POLICY)},
    {"response_flags", NULL, FLAGS, ONLY_1_1},
    {NULL},
};

/* Of a line in the access log. */
static const struct expression log_variables[] = {
    {"apiClaims", "request.auth.raw_claims | \"\"", NULL},
    {"apiKey", "request.api_key | request.headers[\"x-api-key\"] | \"\"", NULL},
    {"clientTraceId", "request.headers[\"x-client-trace-id\"] | \"\"", NULL},
    {"connectionDuration", NULL, "connection.duration | \"0ms\""},
    {"connectionEvent", NULL, "connection.event | \"\""},
    {"connection_security_policy", BOTH(SECURITY_POLICY)},
    {"destinationApp", BOTH("destination.labels[\"app\"] | \"\"")},
    {"destinationIp", BOTH("destination.ip | ip(\"0.0.0.0\")")},
    {"destinationName", BOTH("destination.name | \"\"")},
    {"destinationNamespace", BOTH("destination.namespace | \"\"")},
    {"destinationOwner", BOTH("destination.owner | \"\"")},
    {"destinationPrincipal", BOTH("destination.principal | \"\"")},
    {"destinationServiceHost", BOTH("destination.service.host | \"\"")},
    {"destinationWorkload", BOTH("destination.workload.name | \"\"")},
    {"httpAuthority", "request.headers[\":authority\"] | request.host | \"\"", NULL},
    {"latency", "response.duration | \"0ms\"", NULL},
    {"method", "request.method | \"\"", NULL},
    {"protocol", "request.scheme | context.protocol | \"http\"", "context.protocol | \"tcp\""},
    {"receivedBytes", "request.total_size | 0", "connection.received.bytes | 0"},
    {"referer", "request.referer | \"\"", NULL},
    {"reporter", BOTH(REPORTER)},
    {"requestId", "request.headers[\"x-request-id\"] | \"\"", NULL},
    {"requestSize", "request.size | 0", NULL},
    {"requestedServerName", BOTH("connection.requested_server_name | \"\"")},
    {"responseCode", "response.code | 0", NULL},
    {"responseSize", "response.size | 0", NULL},
    {"responseTimestamp", "response.time", NULL},
    {"sentBytes", "response.total_size | 0", "connection.sent.bytes | 0"},
    {"sourceApp", BOTH("source.labels[\"app\"] | \"\"")},
    {"sourceIp", BOTH("source.ip | ip(\"0.0.0.0\")")},
    {"sourceName", BOTH("source.name | \"\"")},
    {"sourceNamespace", BOTH("source.namespace | \"\"")},
    {"sourceOwner", BOTH("source.owner | \"\"")},
    {"sourcePrincipal", BOTH("source.principal | \"\"")},
    {"sourceWorkload", BOTH("source.workload.name | \"\"")},
    {"totalReceivedBytes", NULL, "connection.received.bytes_total | 0"},
    {"totalSentBytes", NULL, "connection.sent.bytes_total | 0"},
    {"url", "request.path | \"\"", NULL},
    {"userAgent", "request.useragent | \"\"", NULL},
    {"xForwardedFor", "request.headers[\"x-forwarded-for\"] | \"0.0.0.0\"", NULL},
    {NULL},
};

/* Of either end of a connection: "<end>.name" is found as "$out.<end>_pod_name". */
static const struct binding {
    const char *attribute, *output, *otherwise;
} bindings[] = {
    {"ip", "pod_ip", "ip(\"0.0.0.0\")"},
    {"labels", "labels", "emptyStringMap()"},
    {"name", "pod_name", "\"unknown\""},
    {"namespace", "namespace", "\"default\""},
    {"owner", "owner", "\"unknown\""},
    {"serviceAccount", "service_account_name", "\"unknown\""},
    {"uid", "pod_uid", "\"unknown\""},
    {"workload.name", "workload_name", "\"unknown\""},
    {"workload.namespace", "workload_namespace", "\"unknown\""},
    {"workload.uid", "workload_uid", "\"unknown\""},
};

struct metric {
    const char *name, *value;
    bool tcp;
    const char *prometheus; /* its name there */
    enum { COUNTER, DURATIONS, SIZES } kind;
    enum since since;
    bool by_name; /* in Istio 1.1, too, destination_service is the name of the service, and not its host */
};

static const struct metric metrics[] = {
    {"requestcount", "1", false, "requests_total", COUNTER},
    {"requestduration", "response.duration | \"0ms\"", false, "request_duration_seconds", DURATIONS},
    {"requestsize", "request.size | 0", false, "request_bytes", SIZES},
    {"responsesize", "response.size | 0", false, "response_bytes", SIZES},
    {"tcpbytesent", "connection.sent.bytes | 0", true, "tcp_sent_bytes_total", COUNTER},
    {"tcpbytereceived", "connection.received.bytes | 0", true, "tcp_received_bytes_total", COUNTER},
    {"tcpconnectionsopened", "1", true, "tcp_connections_opened_total", COUNTER, ONLY_1_1, .by_name = true},
    {"tcpconnectionsclosed", "1", true, "tcp_connections_closed_total", COUNTER, ONLY_1_1, .by_name = true},
    {NULL},
};

#define IS_HTTP "context.protocol == \"http\" || context.protocol == \"grpc\""
#define IS_TCP "context.protocol == \"tcp\""

#define IS_NO_PROBE "(match((request.useragent | \"-\"), \"kube-probe*\") == false)"
#define IS_EVENT(name) "((connection.event | \"na\") == \"" name "\")"

/* Which handler gets which instances, and when. */
static const struct rule {
    const char *name, *match;
    const char *handler;      /* of its kind in Istio 1.0, and its name in Istio 1.1 */
    const char *instances[5]; /* ends with NULL */
    enum since since;
} rules[] = {
    {"stdio", IS_HTTP, "stdio", {"accesslog.logentry"}, ONLY_1_0},
    {"stdiotcp", IS_TCP, "stdio", {"tcpaccesslog.logentry"}, ONLY_1_0},
    {"promhttp",
     IS_HTTP,
     "prometheus",
     {"requestcount.metric", "requestduration.metric", "requestsize.metric", "responsesize.metric"},
     ONLY_1_0},
    {"promhttp",
     "(" IS_HTTP ") && " IS_NO_PROBE,
     "prometheus",
     {"requestcount.metric", "requestduration.metric", "requestsize.metric", "responsesize.metric"},
     ONLY_1_1},
    {"promtcp", IS_TCP, "prometheus", {"tcpbytesent.metric", "tcpbytereceived.metric"}},
    {"promtcpconnectionopen", IS_TCP " && " IS_EVENT("open"), "prometheus", {"tcpconnectionsopened.metric"}, ONLY_1_1},
    {"promtcpconnectionclosed",
     IS_TCP " && " IS_EVENT("close"),
     "prometheus",
     {"tcpconnectionsclosed.metric"},
     ONLY_1_1},
    {"kubeattrgenrulerule", NULL, "kubernetesenv", {"attributes.kubernetes"}},
    {"tcpkubeattrgenrulerule", IS_TCP, "kubernetesenv", {"attributes.kubernetes"}},
};

static void add(const struct mesh_env *env, const char *kind, const char *name, json_t *spec, struct rendered_list *out)
{
    json_t *labels = v1_is_1_1(env) ? OBJECT(STRING("app", "mixer")) : NULL;

    mesh_add(env, out, kind, OBJECT(VALUE("metadata", mesh_metadata(env, name, labels)), VALUE("spec", spec)));
}

static json_t *attribute_types(const struct mesh_env *env, const struct attribute *attributes)
{
    json_t *types = OBJECT();

    for (const struct attribute *a = attributes; a->name; a++)
        if (is_in(env, a->since))
            json_object_set_new(types, a->name, OBJECT(STRING("valueType", a->type)));
    return types;
}

static json_t *attribute_bindings(void)
{
    static const char *const ends[] = {"source", "destination"};
    json_t *bound = OBJECT(STRING("destination.container.name", "$out.destination_container_name | \"unknown\""));

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        for (const struct binding *b = bindings; b < bindings + ARRAY_LEN(bindings); b++) {
            _cleanup_free_ char *name = str_printf("%s.%s", ends[i], b->attribute);

            json_object_update_new(bound, OBJECT(FORMAT(name, "$out.%s_%s | %s", ends[i], b->output, b->otherwise)));
        }
    return bound;
}

/* {name: expression} of those that there are. */
static json_t *expressions(const struct mesh_env *env, const struct expression *table, bool tcp)
{
    json_t *map = OBJECT();

    for (const struct expression *e = table; e->name; e++)
        if (is_in(env, e->since))
            json_object_update_new(map, OBJECT(STRING(e->name, tcp ? e->tcp : e->http)));
    return map;
}

static json_t *metric_dimensions(const struct mesh_env *env, const struct metric *m)
{
    json_t *map = expressions(env, dimensions, m->tcp);

    if (m->by_name)
        json_object_set_new(map, "destination_service", json_string(NAME));
    return map;
}

static json_t *label_names(const struct mesh_env *env, bool tcp)
{
    json_t *names = ARRAY();

    for (const struct expression *e = dimensions; e->name; e++)
        if ((tcp ? e->tcp : e->http) && is_in(env, e->since))
            json_array_append_new(names, json_string(e->name));
    return names;
}

/* Upper bounds of the buckets of a distribution: seconds, or powers of ten of bytes. */
static json_t *buckets(const struct metric *m)
{
    switch (m->kind) {
    case DURATIONS:
        return OBJECT(
            MAP("explicit_buckets",
                SEQ("bounds",
                    ITEM_VALUE(json_real(0.005)),
                    ITEM_VALUE(json_real(0.01)),
                    ITEM_VALUE(json_real(0.025)),
                    ITEM_VALUE(json_real(0.05)),
                    ITEM_VALUE(json_real(0.1)),
                    ITEM_VALUE(json_real(0.25)),
                    ITEM_VALUE(json_real(0.5)),
                    ITEM_INT(1),
                    ITEM_VALUE(json_real(2.5)),
                    ITEM_INT(5),
                    ITEM_INT(10))));
    case SIZES:
        return OBJECT(MAP("exponentialBuckets", INT("numFiniteBuckets", 8), INT("scale", 1), INT("growthFactor", 10)));
    case COUNTER:
        break;
    }
    return NULL;
}

static json_t *prometheus_metrics(const struct mesh_env *env)
{
    json_t *seq = ARRAY();

    for (const struct metric *m = metrics; m->name; m++) {
        if (!is_in(env, m->since))
            continue;
        json_array_append_new(
            seq,
            OBJECT(
                STRING("name", m->prometheus),
                FORMAT("instance_name", "%s.metric.%s", m->name, env->ns),
                STRING("kind", m->kind == COUNTER ? "COUNTER" : "DISTRIBUTION"),
                VALUE("label_names", label_names(env, m->tcp)),
                VALUE("buckets", buckets(m))));
    }
    return seq;
}

static json_t *log_entry(const struct mesh_env *env, const char *timestamp, bool tcp)
{
    return OBJECT(
        STRING("severity", "\"Info\""),
        STRING("timestamp", timestamp),
        STRING("monitored_resource_type", "\"global\""),
        VALUE("variables", expressions(env, log_variables, tcp)));
}

/* A handler of Istio 1.1, which names its adapter. */
static void add_handler(const struct mesh_env *env, const char *adapter, json_t *params, struct rendered_list *out)
{
    add(env, "handler", adapter, OBJECT(STRING("compiledAdapter", adapter), VALUE("params", params)), out);
}

static void add_handlers(const struct mesh_env *env, struct rendered_list *out)
{
    if (v1_is_1_1(env)) {
        add_handler(
            env,
            "prometheus",
            OBJECT(
                MAP("metricsExpirationPolicy", STRING("metricsExpiryDuration", "10m")),
                VALUE("metrics", prometheus_metrics(env))),
            out);
        add_handler(env, "kubernetesenv", OBJECT(), out);
        return;
    }
    add(env, "stdio", "handler", OBJECT(BOOL("outputAsJson", true)), out);
    add(env, "prometheus", "handler", OBJECT(VALUE("metrics", prometheus_metrics(env))), out);
    add(env, "kubernetesenv", "handler", OBJECT(), out);
}

static void add_instances(const struct mesh_env *env, struct rendered_list *out)
{
    bool logs = !v1_is_1_1(env);

    if (logs)
        add(env, "logentry", "accesslog", log_entry(env, "request.time", false), out);
    if (logs)
        add(env,
            "logentry",
            "tcpaccesslog",
            log_entry(env, "context.time | timestamp(\"2017-01-01T00:00:00Z\")", true),
            out);
    for (const struct metric *m = metrics; m->name; m++) {
        if (!is_in(env, m->since))
            continue;
        add(env,
            "metric",
            m->name,
            OBJECT(
                STRING("value", m->value),
                VALUE("dimensions", metric_dimensions(env, m)),
                STRING("monitored_resource_type", "\"UNSPECIFIED\"")),
            out);
    }
    add(env,
        "kubernetes",
        "attributes",
        OBJECT(
            STRING("source_uid", "source.uid | \"\""),
            STRING("source_ip", "source.ip | ip(\"0.0.0.0\")"),
            STRING("destination_uid", "destination.uid | \"\""),
            STRING("destination_port", "destination.port | 0"),
            VALUE("attribute_bindings", attribute_bindings())),
        out);
}

static void add_rules(const struct mesh_env *env, struct rendered_list *out)
{
    for (const struct rule *r = rules; r < rules + ARRAY_LEN(rules); r++) {
        if (!is_in(env, r->since))
            continue;
        add(env,
            "rule",
            r->name,
            OBJECT(
                STRING("match", r->match),
                SEQ("actions",
                    ITEM(
                        FORMAT("handler", v1_either(env, "handler.%s", "%s"), r->handler),
                        VALUE("instances", json_build_strings(r->instances))))),
            out);
    }
}

void v1_mixer_config(const struct mesh_env *env, struct rendered_list *out)
{
    if (!v1_of(env->spec)->policy.enabled && !v1_of(env->spec)->telemetry.enabled)
        return;
    add(env,
        "attributemanifest",
        "istioproxy",
        OBJECT(VALUE("attributes", attribute_types(env, proxy_attributes))),
        out);
    add(env,
        "attributemanifest",
        "kubernetes",
        OBJECT(VALUE("attributes", attribute_types(env, kubernetes_attributes))),
        out);
    add_handlers(env, out);
    add_instances(env, out);
    add_rules(env, out);
}

void v1_mixer_destination_rule(const struct mesh_env *env, const char *service, struct rendered_list *out)
{
    bool secure = v1_of(env->spec)->control_plane_security_enabled;

    add(env,
        "DestinationRule",
        service,
        OBJECT(
            FORMAT("host", "%s.%s.svc.cluster.local", service, env->ns),
            MAP("trafficPolicy",
                OPT(secure,
                    SEQ("portLevelSettings",
                        ITEM(MAP("port", INT("number", 15004)), MAP("tls", STRING("mode", "ISTIO_MUTUAL"))))),
                MAP("connectionPool",
                    MAP("http", INT("http2MaxRequests", 10000), INT("maxRequestsPerConnection", 10000))))),
        out);
}

/* Kubernetes' Ingress objects are served by Pods labelled so. */
void v1_ingress_gateway_config(const struct mesh_env *env, struct rendered_list *out)
{
    add(env,
        "Gateway",
        "istio-autogenerated-k8s-ingress",
        OBJECT(
            MAP("selector", STRING("istio", v1_either(env, "ingress", "ingressgateway"))),
            SEQ("servers",
                ITEM(
                    MAP("port", INT("number", 80), STRING("protocol", "HTTP2"), STRING("name", "http")),
                    STRINGS("hosts", "*")))),
        out);
}
