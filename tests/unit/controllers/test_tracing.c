/* Spans of the mesh: whether they have where to go, what the status says of it, and what is written for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define TODAY(tracing) "{\"version\": \"1.31.1\", \"tracing\": " tracing "}"
#define ZIPKIN TODAY("{\"zipkinAddress\": \"zipkin.tracing:9411\"}")
#define SAMPLED(percent) TODAY("{\"zipkinAddress\": \"zipkin.tracing:9411\", \"sampling\": " percent "}")
#define TELEMETRY "Telemetry/istio-system/istio-operator-tracing"
#define CONFIG "ConfigMap/istio-system/istio"
#define ALL_WATCHES (PLAN_WATCH_SERVICE_PORTS | PLAN_WATCH_TELEMETRIES)

static json_t *from_json(const char *text)
{
    json_t *document;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &document, NULL), 0);
    return document;
}

static void put_service(struct world *w, const char *ns, const char *name, const char *ports)
{
    world_put_as(
        w,
        mesh_kind(KIND_SERVICE_PORTS),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Service"),
            MAP("metadata", STRING("name", name), STRING("namespace", ns)),
            MAP("spec", VALUE("ports", from_json(ports)))));
}

static void put_telemetry(struct world *w, const char *ns, const char *name, const char *spec)
{
    world_put_as(
        w,
        mesh_kind(KIND_WIDE_TELEMETRY),
        OBJECT(
            STRING("apiVersion", "telemetry.istio.io/v1"),
            STRING("kind", "Telemetry"),
            MAP("metadata", STRING("name", name), STRING("namespace", ns)),
            VALUE("spec", from_json(spec))));
}

static void expect(struct world *w, const char *status, const char *reason, const char *in_message)
{
    settle_with_condition(w, "TracingConfigured", status, reason, in_message);
    expect_status(w, "Status", "Available");
}

/* The Services of each case, and a Telemetry or two of users. */
static const struct {
    const char *spec, *ports;   /* of Service tracing/zipkin; NULL: there is none */
    const char *ns, *telemetry; /* its namespace and spec; NULL: there is none */
    const char *status, *reason, *in_message;
} cases[] = {
    {TODAY("{}"), NULL, NULL, NULL, "absent", "", ""},
    {TODAY("{\"sampling\": 50}"), NULL, NULL, NULL, "absent", "", ""},
    {TODAY("{\"enabled\": false, \"zipkinAddress\": \"zipkin.tracing:9411\"}"), NULL, NULL, NULL, "absent", "", ""},
    {TODAY("{\"zipkinAddress\": \"zipkin.example.com:9411\"}"), NULL, NULL, NULL, "absent", "", ""},
    {ZIPKIN,
     NULL,
     NULL,
     NULL,
     "False",
     "ServiceMissing",
     "no Service tracing/zipkin; install what receives them, or name its Service in spec.tracing.zipkinAddress"},
    {ZIPKIN, "[]", NULL, NULL, "False", "PortMissing", "no port 9411, but none"},
    {ZIPKIN, "[{\"port\": 9412}, {\"port\": 80}]", NULL, NULL, "False", "PortMissing", "but 9412 80"},
    {ZIPKIN,
     "[{\"port\": 9411}]",
     NULL,
     NULL,
     "True",
     "Configured",
     "1 % of requests are traced, and spans go to port 9411 of Service tracing/zipkin"},
    {SAMPLED("0.5"), "[{\"port\": 9411}]", NULL, NULL, "True", "Configured", "0.5 % of requests"},
    {TODAY("{\"opentelemetryAddress\": \"zipkin.tracing:4317\"}"),
     "[{\"name\": \"otlp\", \"port\": 4317}]",
     NULL,
     NULL,
     "False",
     "PortIsNotGRPC",
     "port 4317 of Service tracing/zipkin: have its name begin with grpc-, or its appProtocol say grpc"},
    {TODAY("{\"opentelemetryAddress\": \"zipkin.tracing:4317\"}"),
     "[{\"name\": \"grpc-otlp\", \"port\": 4317}]",
     NULL,
     NULL,
     "True",
     "Configured",
     "OpenTelemetry"},
    /* Istio follows the oldest of those that select nothing. */
    {SAMPLED("50"),
     "[{\"port\": 9411}]",
     NS,
     "{\"accessLogging\": []}",
     "False",
     "AnotherTelemetry",
     "Telemetry istio-system/mine is for the whole mesh, as the operator's istio-operator-tracing is, and Istio "
     "follows "
     "the older one alone: write `tracing: [{randomSamplingPercentage: 50}]` into it"},
    {SAMPLED("50"),
     "[{\"port\": 9411}]",
     NS,
     "{\"selector\": {\"matchLabels\": {\"app\": \"a\"}}}",
     "True",
     "Configured",
     ""},
    {SAMPLED("50"),
     "[{\"port\": 9411}]",
     NS,
     "{\"targetRefs\": [{\"kind\": \"Gateway\", \"name\": \"a\"}]}",
     "True",
     "Configured",
     ""},
    {SAMPLED("50"), "[{\"port\": 9411}]", "shop", "{\"accessLogging\": []}", "True", "Configured", ""},
    /* It needs none of its own. */
    {SAMPLED("1"), "[{\"port\": 9411}]", NS, "{\"accessLogging\": []}", "True", "Configured", ""},
    {TODAY("{\"zipkinAddress\": \"zipkin.tracing:9411\", \"sampling\": 50}, \"meshConfig\": {\"rootNamespace\": "
           "\"shop\"}"),
     "[{\"port\": 9411}]",
     "shop",
     "{}",
     "False",
     "AnotherTelemetry",
     "Telemetry shop/mine"},
};

static void what_is_missing_is_told_with_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w;
        print_message("%s, %s\n", cases[i].spec, str_or(cases[i].ports, "no Service"));
        mesh_begin_today_installed((void **)&w, cases[i].spec);
        put_service(w, "tracing", "other", "[{\"name\": \"grpc-otlp\", \"port\": 4317}, {\"port\": 9411}]");
        put_service(w, "other", "zipkin", "[{\"name\": \"grpc-otlp\", \"port\": 4317}, {\"port\": 9411}]");
        if (cases[i].ports)
            put_service(w, "tracing", "zipkin", cases[i].ports);
        if (cases[i].telemetry)
            put_telemetry(w, cases[i].ns, "mine", cases[i].telemetry);
        expect(w, cases[i].status, cases[i].reason, cases[i].in_message);
        mesh_end((void **)&w);
    }
}

static void what_is_not_asked_for_is_not_watched(void **state)
{
    static const struct {
        const char *spec;
        unsigned watches;
    } asked[] = {
        {TODAY("{}"), 0},
        {TODAY("{\"zipkinAddress\": \"10.0.0.4:9411\", \"sampling\": 50}"), 0},
        {ZIPKIN, PLAN_WATCH_SERVICE_PORTS},
        {SAMPLED("50"), ALL_WATCHES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct world *w;
        mesh_begin_today_installed((void **)&w, asked[i].spec);
        settle(w);
        assert_int_equal(w->synced & ALL_WATCHES, asked[i].watches);
        mesh_end((void **)&w);
    }
}

static bool has_provider(struct world *w)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio");

    return strstr(doc_string(config, "data", "mesh"), "zipkin.tracing.svc.cluster.local");
}

/* Envoy refuses all of its listeners where spans go to a port that is not there. */
static void a_service_that_comes_and_goes_is_followed(void **state)
{
    struct world *w = *state;

    expect(w, "False", "ServiceMissing", "");
    assert_false(has_provider(w));
    put_service(w, "tracing", "zipkin", "[{\"port\": 80}]");
    expect(w, "False", "PortMissing", "");
    assert_false(has_provider(w));
    put_service(w, "tracing", "zipkin", "[{\"port\": 80}, {\"port\": 9411}]");
    expect_plan(w, "update " CONFIG ": mesh differs\n");
    expect(w, "True", "Configured", "");
    assert_true(has_provider(w));
    expect_plan(w, "");
    assert_true(kube_cache_remove(w->cache, mesh_kind(KIND_SERVICE_PORTS), "tracing", "zipkin", NULL));
    expect_plan(w, "update " CONFIG ": mesh differs\n");
    expect(w, "False", "ServiceMissing", "");
    assert_false(has_provider(w));
}

/* What it does not know yet, it does not take for absent. */
static void an_operator_that_starts_again_changes_nothing(void **state)
{
    struct world *w = *state;

    put_service(w, "tracing", "zipkin", "[{\"port\": 9411}]");
    settle(w);
    mesh_memo_clear(w->memo);
    w->synced = 0;
    for (int i = 0; i < 5; i++)
        expect_plan(w, "");
    assert_true(has_provider(w));
    expect(w, "True", "Configured", "");
}

/* Nothing that restarts a Pod: neither istiod's Deployment nor what sidecars are made by. */
static void a_change_writes_configuration_alone(void **state)
{
    struct world *w = *state;

    put_service(w, "tracing", "zipkin", "[{\"port\": 9411}]");
    settle(w);
    world_put_mesh(w, SAMPLED("50"));
    expect_plan(w, "create " TELEMETRY ": not there yet\n");
    settle(w);
    world_put_mesh(w, SAMPLED("20"));
    expect_plan(w, "update " TELEMETRY ": randomSamplingPercentage differs\n");
    settle(w);
    world_put_mesh(w, TODAY("{\"opentelemetryAddress\": \"zipkin.tracing:9411\", \"sampling\": 20}"));
    expect_plan(w, "update " CONFIG ": mesh differs\n");
    settle(w);
    world_put_mesh(w, TODAY("{}"));
    expect_plan(w, "update " CONFIG ": mesh differs\nremove " TELEMETRY ": no longer desired\n");
    settle(w);
    assert_false(world_has(w, "telemetry.istio.io/v1", "Telemetry", NS, "istio-operator-tracing"));
}

/* As they are in Istio 1.0 and 1.1. */
static void older_releases_are_told_of_their_service(void **state)
{
    static const char *const releases[] = {"1.0.5", "1.1.17"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(releases); i++) {
        _cleanup_free_ char *spec =
            str_printf("{\"version\": \"%s\", \"tracing\": {\"zipkinAddress\": \"zipkin:9411\"}}", releases[i]);
        struct world *w;
        mesh_begin((void **)&w);
        world_put_mesh(w, spec);
        settle(w);
        world_roll_out(w);
        expect(w, "False", "ServiceMissing", "there is no Service istio-system/zipkin");
        put_service(w, NS, "zipkin", "[{\"port\": 9411}]");
        expect(w, "True", "Configured", "");
        mesh_end((void **)&w);
    }
}

static int begin(void **state)
{
    return mesh_begin_today_installed(state, ZIPKIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_told_with_what_to_do),
        cmocka_unit_test(what_is_not_asked_for_is_not_watched),
        cmocka_unit_test_setup_teardown(a_service_that_comes_and_goes_is_followed, begin, mesh_end),
        cmocka_unit_test_setup_teardown(an_operator_that_starts_again_changes_nothing, begin, mesh_end),
        cmocka_unit_test_setup_teardown(a_change_writes_configuration_alone, begin, mesh_end),
        cmocka_unit_test(older_releases_are_told_of_their_service),
    };

    return cmocka_run_group_tests_name("controllers tracing", tests, NULL, NULL);
}
