#include "base/mem.h"
#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

struct attribute {
    const char *name, *type;
};

/* What the proxies report. */
static const struct attribute proxy_attributes[] = {
    {"api.operation", "STRING"},
    {"api.protocol", "STRING"},
    {"api.service", "STRING"},
    {"api.version", "STRING"},
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
    {"request.reason", "STRING"},
    {"request.referer", "STRING"},
    {"request.scheme", "STRING"},
    {"request.size", "INT64"},
    {"request.time", "TIMESTAMP"},
    {"request.total_size", "INT64"},
    {"request.useragent", "STRING"},
    {"response.code", "INT64"},
    {"response.duration", "DURATION"},
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
    {"destination.service", "STRING"},
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
    {"source.service", "STRING"},
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
};

#define BOTH(expression) expression, expression
#define REPORTER "conditional((context.reporter.kind | \"inbound\") == \"outbound\", \"source\", \"destination\")"
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
    {"destination_service", "destination.service.host | \"unknown\"", "destination.service.name | \"unknown\""},
    {"destination_service_name", BOTH("destination.service.name | \"unknown\"")},
    {"destination_service_namespace", BOTH("destination.service.namespace | \"unknown\"")},
    {"request_protocol", "api.protocol | context.protocol | \"unknown\"", NULL},
    {"response_code", "response.code | 200", NULL},
    {"connection_security_policy", BOTH(SECURITY_POLICY)},
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
};

static const struct metric metrics[] = {
    {"requestcount", "1", false, "requests_total", COUNTER},
    {"requestduration", "response.duration | \"0ms\"", false, "request_duration_seconds", DURATIONS},
    {"requestsize", "request.size | 0", false, "request_bytes", SIZES},
    {"responsesize", "response.size | 0", false, "response_bytes", SIZES},
    {"tcpbytesent", "connection.sent.bytes | 0", true, "tcp_sent_bytes_total", COUNTER},
    {"tcpbytereceived", "connection.received.bytes | 0", true, "tcp_received_bytes_total", COUNTER},
    {NULL},
};

#define IS_HTTP "context.protocol == \"http\" || context.protocol == \"grpc\""
#define IS_TCP "context.protocol == \"tcp\""

/* Which handler gets which instances, and when. */
static const struct rule {
    const char *name, *match, *handler;
    const char *instances[5]; /* ends with NULL */
} rules[] = {
    {"stdio", IS_HTTP, "handler.stdio", {"accesslog.logentry"}},
    {"stdiotcp", IS_TCP, "handler.stdio", {"tcpaccesslog.logentry"}},
    {"promhttp",
     IS_HTTP,
     "handler.prometheus",
     {"requestcount.metric", "requestduration.metric", "requestsize.metric", "responsesize.metric"}},
    {"promtcp", IS_TCP, "handler.prometheus", {"tcpbytesent.metric", "tcpbytereceived.metric"}},
    {"kubeattrgenrulerule", NULL, "handler.kubernetesenv", {"attributes.kubernetes"}},
    {"tcpkubeattrgenrulerule", IS_TCP, "handler.kubernetesenv", {"attributes.kubernetes"}},
};

static void add(const struct mesh_env *env, const char *kind, const char *name, json_t *spec, struct rendered_list *out)
{
    mesh_add(env, out, kind, OBJECT(VALUE("metadata", mesh_metadata(env, name, NULL)), VALUE("spec", spec)));
}

static json_t *attribute_types(const struct attribute *attributes)
{
    json_t *types = OBJECT();

    for (const struct attribute *a = attributes; a->name; a++)
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
static json_t *expressions(const struct expression *table, bool tcp)
{
    json_t *map = OBJECT();

    for (const struct expression *e = table; e->name; e++)
        json_object_update_new(map, OBJECT(STRING(e->name, tcp ? e->tcp : e->http)));
    return map;
}

static json_t *label_names(bool tcp)
{
    json_t *names = ARRAY();

    for (const struct expression *e = dimensions; e->name; e++)
        if (tcp ? e->tcp : e->http)
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

    for (const struct metric *m = metrics; m->name; m++)
        json_array_append_new(
            seq,
            OBJECT(
                STRING("name", m->prometheus),
                FORMAT("instance_name", "%s.metric.%s", m->name, env->ns),
                STRING("kind", m->kind == COUNTER ? "COUNTER" : "DISTRIBUTION"),
                VALUE("label_names", label_names(m->tcp)),
                VALUE("buckets", buckets(m))));
    return seq;
}

static json_t *log_entry(const char *timestamp, bool tcp)
{
    return OBJECT(
        STRING("severity", "\"Info\""),
        STRING("timestamp", timestamp),
        STRING("monitored_resource_type", "\"global\""),
        VALUE("variables", expressions(log_variables, tcp)));
}

static void add_handlers(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, "stdio", "handler", OBJECT(BOOL("outputAsJson", true)), out);
    add(env, "prometheus", "handler", OBJECT(VALUE("metrics", prometheus_metrics(env))), out);
    add(env, "kubernetesenv", "handler", OBJECT(), out);
}

static void add_instances(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, "logentry", "accesslog", log_entry("request.time", false), out);
    add(env, "logentry", "tcpaccesslog", log_entry("context.time | timestamp(\"2017-01-01T00:00:00Z\")", true), out);
    for (const struct metric *m = metrics; m->name; m++)
        add(env,
            "metric",
            m->name,
            OBJECT(
                STRING("value", m->value),
                VALUE("dimensions", expressions(dimensions, m->tcp)),
                STRING("monitored_resource_type", "\"UNSPECIFIED\"")),
            out);
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
    for (const struct rule *r = rules; r < rules + ARRAY_LEN(rules); r++)
        add(env,
            "rule",
            r->name,
            OBJECT(
                STRING("match", r->match),
                SEQ("actions",
                    ITEM(STRING("handler", r->handler), VALUE("instances", json_build_strings(r->instances))))),
            out);
}

void v1_mixer_config(const struct mesh_env *env, struct rendered_list *out)
{
    if (!v1_of(env->spec)->policy.enabled && !v1_of(env->spec)->telemetry.enabled)
        return;
    add(env, "attributemanifest", "istioproxy", OBJECT(VALUE("attributes", attribute_types(proxy_attributes))), out);
    add(env,
        "attributemanifest",
        "kubernetes",
        OBJECT(VALUE("attributes", attribute_types(kubernetes_attributes))),
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
            MAP("selector", STRING("istio", "ingress")),
            SEQ("servers",
                ITEM(
                    MAP("port", INT("number", 80), STRING("protocol", "HTTP2"), STRING("name", "http")),
                    STRINGS("hosts", "*")))),
        out);
}
