/* Where proxies of today's Istio send their spans, and how many; which addresses are those of Services. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "fixture.h"
#include "mesh/istiod/istiod.h"
#include "mesh/spans.h"

#define NS "istio-system"

static void an_address_names_a_service_or_a_host_of_elsewhere(void **state)
{
    static const struct {
        const char *address;
        const char *name, *ns, *host;
        int port;
    } cases[] = {
        {"zipkin:9411", "zipkin", NS, "zipkin." NS ".svc.cluster.local", 9411},
        {"zipkin.tracing:9411", "zipkin", "tracing", "zipkin.tracing.svc.cluster.local", 9411},
        {"zipkin.tracing.svc:1", "zipkin", "tracing", "zipkin.tracing.svc.cluster.local", 1},
        {"zipkin.tracing.svc.cluster.local:65535", "zipkin", "tracing", "zipkin.tracing.svc.cluster.local", 65535},
        {"zipkin.svc:9411", "zipkin", "svc", "zipkin.svc.svc.cluster.local", 9411},
        {"zipkin-0.zipkin.tracing.svc:9411", NULL, NULL, "zipkin-0.zipkin.tracing.svc", 9411},
        {"collector.example.com:80", NULL, NULL, "collector.example.com", 80},
        {"10.0.0.4:9411", NULL, NULL, "10.0.0.4", 9411},
        {"[fd00::4]:9411", NULL, NULL, "[fd00::4]", 9411},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct istio_spec spec = {.tracing = {.enabled = true, .zipkin_address = (char *)cases[i].address}};
        _cleanup_mesh_spans_ struct mesh_spans to = mesh_spans_read(&spec, NS);
        if (!str_eq(to.name, cases[i].name) || !str_eq(to.ns, cases[i].ns) || !str_eq(to.host, cases[i].host) ||
            to.port != cases[i].port || to.protocol != MESH_SPANS_ZIPKIN)
            fail_msg("%s: %s of %s, %s, %d", cases[i].address, str_or(to.name, "none"), str_or(to.ns, "none"), to.host,
                     to.port);
    }
}

static void ports_of_a_service_are_told_with_those_for_grpc(void **state)
{
    static const struct {
        const char *ports, *digest;
    } cases[] = {
        {"[]", ""},
        {"[{port: 9411}]", "9411"},
        {"[{name: grpc-otlp, port: 4317}, {name: http-otlp, port: 4318}]", "4317/grpc 4318"},
        {"[{name: otlp, port: 4317, appProtocol: grpc}]", "4317/grpc"},
        {"[{name: otlp, port: 4317, appProtocol: kubernetes.io/h2c}]", "4317/grpc"},
        {"[{name: http2, port: 1}, {name: GRPC-otlp, port: 2}, {name: grpcweb, port: 3}]", "1/grpc 2/grpc 3"},
        {"[{name: grpc-otlp, port: 4317, appProtocol: tcp}]", "4317"},
        {"[{name: zipkin, port: 9411, protocol: UDP}, {port: 1, protocol: TCP}]", "1"},
        {"[{port: 0}, {port: 65536}, {port: -1}, {port: a}, null, 7]", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *service = OBJECT(MAP("spec", VALUE("ports", from_yaml(cases[i].ports))));
        _cleanup_free_ char *digest = mesh_ports_digest(service);
        if (!str_eq(digest, cases[i].digest))
            fail_msg("%s: \"%s\"", cases[i].ports, digest);
    }
    assert_int_equal(mesh_ports_find("", 4317), MESH_PORT_NONE);
    assert_int_equal(mesh_ports_find("14317 4317/grpc 9411", 4317), MESH_PORT_HTTP2);
    assert_int_equal(mesh_ports_find("14317 4317/grpc 9411", 9411), MESH_PORT_OTHER);
    assert_int_equal(mesh_ports_find("14317 4317/grpc 9411", 431), MESH_PORT_NONE);
}

static void render(struct fixture *f, const char *version, const char *fields)
{
    _cleanup_free_ char *spec = str_printf("{version: %s, %s}", version, fields);

    fixture_init_spec(f, spec);
    fixture_render(f, 34);
}

/* Where it differs by what is asked for: the mesh configuration, the Telemetry, istiod's own sampling. Owned. */
static json_t *tracing_of(const struct fixture *m, const char *suffix)
{
    _cleanup_free_ char *config_name = str_printf("istio%s", suffix), *istiod = str_printf("istiod%s", suffix);
    _cleanup_json_ json_t *config = from_yaml(doc_string(fixture_object(m, "ConfigMap", config_name), "data", "mesh"));
    const struct rendered *rendered = fixture_find(m, "Telemetry", ISTIOD_TRACING);
    const json_t *telemetry = rendered ? rendered->object : NULL;
    const json_t *container = fixture_container(m, istiod, "discovery");

    return OBJECT(
        VALUE("providers", json_incref(doc_at(config, "extensionProviders"))),
        VALUE("default", json_incref(doc_at(config, "defaultProviders", "tracing"))),
        VALUE("proxies", json_incref(doc_at(config, "defaultConfig", "tracing"))),
        VALUE("enabled", json_incref(doc_at(config, "enableTracing"))),
        STRING("istiod", doc_string(doc_find(doc_at(container, "env"), "name", "PILOT_TRACE_SAMPLING"), "value")),
        STRING("in", doc_string(telemetry, "metadata", "namespace")),
        VALUE("telemetry", json_incref(doc_at(telemetry, "spec"))));
}

#define PROVIDER(what) "providers: [{name: istio-operator-tracing, " what "}], default: [istio-operator-tracing]"
#define ZIPKIN PROVIDER("zipkin: {service: zipkin.tracing.svc.cluster.local, port: 9411}")
#define SAMPLED(percent) "telemetry: {tracing: [{randomSamplingPercentage: " percent "}]}"

static const struct {
    const char *fields, *result;
} cases[] = {
    {"tracing: {}", "istiod: '1'"},
    /* Whoever has providers of their own, as before. */
    {"tracing: {sampling: 50}", "istiod: '50'"},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411'}", ZIPKIN ", istiod: '1'"},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 1}", ZIPKIN ", istiod: '1'"},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 50}",
     ZIPKIN ", istiod: '1', in: istio-system, " SAMPLED("50")},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 0.25}",
     ZIPKIN ", istiod: '1', in: istio-system, " SAMPLED("0.25")},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 0}",
     ZIPKIN ", istiod: '1', in: istio-system, " SAMPLED("0")},
    {"tracing: {opentelemetryAddress: 'otel.tracing:4317', sampling: 50}",
     PROVIDER("opentelemetry: {service: otel.tracing.svc.cluster.local, port: 4317}") ", istiod: '1', in: "
                                                                                      "istio-system, " SAMPLED("50")},
    {"tracing: {opentelemetryAddress: 'otel.example.com:4317'}",
     PROVIDER("opentelemetry: {service: otel.example.com, port: 4317}") ", istiod: '1'"},
    {"tracing: {opentelemetryAddress: 'otel:4317', zipkinAddress: 'zipkin.tracing:9411'}",
     PROVIDER("opentelemetry: {service: otel.istio-system.svc.cluster.local, port: 4317}") ", istiod: '1'"},
    /* istiod knows no such host; proxies find it when they start. */
    {"tracing: {zipkinAddress: 'zipkin.example.com:9411', sampling: 50}",
     "proxies: {zipkin: {address: 'zipkin.example.com:9411'}}, istiod: '50'"},
    {"tracing: {enabled: false, zipkinAddress: 'zipkin.tracing:9411', sampling: 50}", "enabled: false, istiod: '50'"},
    /* Beside the users' own. */
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 50}, meshConfig: {rootNamespace: root, "
     "extensionProviders: [{name: a}, {name: b}], defaultProviders: {metrics: []}}",
     "providers: [{name: a}, {name: b}, {name: istio-operator-tracing, zipkin: {service: "
     "zipkin.tracing.svc.cluster.local, port: 9411}}], default: [istio-operator-tracing], istiod: '1', in: "
     "root, " SAMPLED("50")},
    {"tracing: {zipkinAddress: 'zipkin.tracing:9411'}, meshConfig: {extensionProviders: null, defaultProviders: "
     "{tracing: [a]}}",
     "providers: [{name: istio-operator-tracing, zipkin: {service: zipkin.tracing.svc.cluster.local, port: 9411}}], "
     "default: [a], istiod: '1'"},
};

static void spans_go_where_the_resource_says_in_every_release(void **state)
{
    static const char *const releases[] = {"1.28.10", "1.29.6", "1.30.3", "1.31.1"};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(releases); r++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            _cleanup_fixture_ struct fixture m = {0};
            _cleanup_free_ char *result = str_printf("{%s}", cases[i].result), *text = NULL;
            _cleanup_json_ json_t *expected = from_yaml(result), *found = NULL;
            render(&m, releases[r], cases[i].fields);
            found = tracing_of(&m, "");
            text = doc_text(found);
            if (!json_equal(found, expected))
                fail_msg("%s, %s: %s", releases[r], cases[i].fields, text);
        }
}

/* Each control plane has the provider; the Telemetry, which names none, is there once. */
static void control_planes_with_a_name_have_the_same(void **state)
{
    static const char fields[] = "tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 50}";
    _cleanup_fixture_ struct fixture plain = {0}, named = {0};
    _cleanup_free_ char *with_revision = str_printf("revision: canary, %s", fields);
    _cleanup_json_ json_t *of_plain = NULL, *of_named = NULL;

    (void)state;
    render(&plain, "1.31.1", fields);
    render(&named, "1.31.1", with_revision);
    of_plain = tracing_of(&plain, "");
    of_named = tracing_of(&named, "-canary");
    assert_non_null(doc_at(of_named, "telemetry"));
    assert_true(json_equal(of_plain, of_named));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_names_a_service_or_a_host_of_elsewhere),
        cmocka_unit_test(ports_of_a_service_are_told_with_those_for_grpc),
        cmocka_unit_test(spans_go_where_the_resource_says_in_every_release),
        cmocka_unit_test(control_planes_with_a_name_have_the_same),
    };

    return cmocka_run_group_tests_name("mesh tracing", tests, NULL, NULL);
}
