/* What the status of today's Istio says of its webhooks, gateways, certificates, registries and Gateway API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/gateway_api.h"
#include "mesh_fixture.h"

#define TODAY "{\"version\": \"1.31.1\"}"

static int begin(void **state)
{
    return mesh_begin_today_installed(state, TODAY);
}

/* "False AddressNotAssigned"; "" where there is none. Owned by the caller. */
static char *verdict(struct world *w, const char *type)
{
    _cleanup_json_ json_t *condition = condition_of(w, type);

    if (!condition)
        return str_dup("");
    return str_printf("%s %s", doc_string(condition, "status"), doc_string(condition, "reason"));
}

static void expect(struct world *w, const char *type, const char *expected, const char *in_message)
{
    _cleanup_free_ char *found = NULL;
    _cleanup_json_ json_t *condition = NULL;

    assert_true(world_converge(w) >= 0);
    found = verdict(w, type);
    condition = condition_of(w, type);
    if (!str_eq(found, expected) || !strstr(str_or(doc_string(condition, "message"), ""), in_message))
        fail_msg("%s: %s, %s", type, found, str_or(doc_string(condition, "message"), "no message"));
}

/* Of the status; owned by the caller. */
static json_t *component(struct world *w, const char *name)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return json_incref(doc_find(doc_at(mesh, "status", "components"), "name", name));
}

static void expect_component(struct world *w, const char *name, const char *status, const char *ready, const char *text)
{
    _cleanup_json_ json_t *line = NULL;

    assert_true(world_converge(w) >= 0);
    line = component(w, name);
    assert_string_equal(str_or(doc_string(line, "status"), "absent"), status);
    assert_string_equal(str_or(doc_string(line, "ready"), ""), ready);
    if (!strstr(str_or(doc_string(line, "message"), ""), text))
        fail_msg("%s: %s", name, str_or(doc_string(line, "message"), "no message"));
}

/* --- webhooks --- */

static void webhooks_are_ready_with_an_authority_and_an_endpoint(void **state)
{
    struct world *w;

    mesh_begin_today(state, TODAY);
    w = *state;
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    expect_component(w, "webhooks", "Reconciling", "0/3", "has no caBundle yet");
    expect_status(w, "Status", "Reconciling");
    fill_in_ca_bundles(w);
    expect_component(w, "webhooks", "Reconciling", "0/3", "no endpoint of Service istiod is ready");
    put_endpoint_slice(w, "istio-ingressgateway", true);
    put_endpoint_slice(w, "istiod", false);
    expect_component(w, "webhooks", "Reconciling", "0/3", "no endpoint of Service istiod is ready");
    put_endpoint_slice(w, "istiod", true);
    expect_component(w, "webhooks", "Available", "3/3", "");
    expect_status(w, "Status", "Available");
}

/* Whose Pods are all lost later: the API server refuses new Pods in the mesh. */
static void a_lost_endpoint_is_noticed(void **state)
{
    struct world *w = *state;

    expect_status(w, "Status", "Available");
    put_endpoint_slice(w, "istiod", false);
    expect_component(w, "webhooks", "Reconciling", "0/3", "no endpoint");
    expect_status(w, "Status", "Reconciling");
    /* An operator that starts again does not call it well before it knows. */
    w->synced &= ~(unsigned)PLAN_WATCH_ENDPOINTS;
    {
        struct plan plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
    }
    {
        _cleanup_json_ json_t *line = component(w, "webhooks");
        assert_string_equal(doc_string(line, "status"), "Reconciling");
    }
}

static void without_istiod_there_is_no_webhook(void **state)
{
    struct world *w;

    mesh_begin_today(state, "{\"version\": \"1.31.1\", \"pilot\": {\"enabled\": false}}");
    w = *state;
    assert_true(world_converge(w) > 0);
    expect_component(w, "webhooks", "absent", "", "");
    assert_false(w->synced & PLAN_WATCH_ENDPOINTS);
}

/* --- gateways --- */

static void the_address_of_a_gateway_is_told(void **state)
{
    static const struct {
        const char *ingress; /* status.loadBalancer.ingress */
        const char *type, *verdict, *addresses;
    } cases[] = {
        {"[]", "LoadBalancer", "False AddressNotAssigned", "null"},
        {"[{\"ip\": \"203.0.113.7\"}]", "LoadBalancer", "True Assigned", "[\"203.0.113.7\"]"},
        {"[{\"hostname\": \"a.example.com\"}, {\"ip\": \"203.0.113.8\"}]",
         "LoadBalancer",
         "True Assigned",
         "[\"a.example.com\",\"203.0.113.8\"]"},
        {"[{\"ip\": 7}, {}, null, \"x\"]", "LoadBalancer", "False AddressNotAssigned", "null"},
        {"7", "LoadBalancer", "False AddressNotAssigned", "null"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *service = world_get(w, "v1", "Service", NS, "istio-ingressgateway"), *ingress;
        _cleanup_json_ json_t *line = NULL;
        _cleanup_free_ char *addresses = NULL;
        assert_int_equal(doc_parse(cases[i].ingress, strlen(cases[i].ingress), SIZE_MAX, &ingress, NULL), 0);
        json_object_set_new(doc_make(service, "status", "loadBalancer"), "ingress", ingress);
        world_put(w, service);
        expect(w, "GatewayAddressesAssigned", cases[i].verdict, "");
        line = component(w, "gateways.ingress");
        addresses = doc_text(doc_at(line, "addresses"));
        assert_string_equal(addresses, cases[i].addresses);
        assert_string_equal(doc_string(line, "service"), cases[i].type);
        /* No cluster without a load balancer waits for ever. */
        expect_status(w, "Status", "Available");
    }
}

static void a_gateway_without_a_load_balancer_waits_for_no_address(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *line = NULL;

    world_put_mesh(w, "{\"version\": \"1.31.1\", \"gateways\": {\"ingress\": {\"serviceType\": \"NodePort\"}}}");
    expect(w, "GatewayAddressesAssigned", "", "");
    line = component(w, "gateways.ingress");
    assert_string_equal(doc_string(line, "service"), "NodePort");
}

/* --- certificates --- */

static void the_end_of_a_certificate_is_told_in_time(void **state)
{
    static const struct {
        const char *text;     /* of ca-cert.pem, where it is no certificate */
        msec_t root, signing; /* days from now; root 0: self-signed */
        const char *verdict, *message;
    } cases[] = {
        {.signing = 3650, .verdict = "True Valid", .message = "the root certificate in Secret istio-ca-secret ends on"},
        {.signing = 61, .verdict = "True Valid", .message = "root"},
        {.signing = 59, .verdict = "False EndsSoon", .message = "the root certificate in Secret istio-ca-secret ends"},
        {.signing = -1, .verdict = "False Ended", .message = "ended on 2018-12-15"},
        {.root = 3650,
         .signing = 59,
         .verdict = "False EndsSoon",
         .message = "the signing certificate in Secret cacerts"},
        {.root = 59, .signing = 3650, .verdict = "False EndsSoon", .message = "the root certificate in Secret cacerts"},
        {.root = 3650, .signing = 365, .verdict = "True Valid", .message = "the signing certificate in Secret cacerts"},
        {.text = "bm90aGluZw==", .verdict = "False Unreadable", .message = "Secret istio-ca-secret"},
        {.text = "%", .verdict = "False Unreadable", .message = "Secret istio-ca-secret"},
        {.text = "", .verdict = "", .message = ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *signing = authority_until(NOW + cases[i].signing * DAY), *root = NULL;
        struct world *w;
        begin(state);
        w = *state;
        if (cases[i].text) {
            put_authority(
                w,
                KIND_SELF_SIGNED_AUTHORITY,
                "istio-ca-secret",
                OBJECT(STRING("ca-cert.pem", cases[i].text), STRING("ca-key.pem", "c2VjcmV0")));
        } else if (!cases[i].root) {
            put_authority(
                w,
                KIND_SELF_SIGNED_AUTHORITY,
                "istio-ca-secret",
                OBJECT(STRING("ca-cert.pem", signing), STRING("ca-key.pem", "c2VjcmV0"), STRING("root-cert.pem", "")));
        } else {
            root = authority_until(NOW + cases[i].root * DAY);
            put_authority(
                w,
                KIND_PLUGGED_IN_AUTHORITY,
                "cacerts",
                OBJECT(
                    STRING("ca-cert.pem", signing), STRING("root-cert.pem", root), STRING("ca-key.pem", "c2VjcmV0")));
        }
        expect(w, "CertificatesCurrent", cases[i].verdict, cases[i].message);
        /* It is Ready as long as it works. */
        expect_status(w, "Status", "Available");
        mesh_end(state);
    }
    *state = NULL;
}

static void a_plan_comes_again_when_the_condition_changes(void **state)
{
    static const struct {
        msec_t end, again; /* from now */
    } cases[] = {
        {3650 * DAY, 3590 * DAY},
        {60 * DAY, 60 * DAY},
        {10 * DAY, 10 * DAY},
        {-DAY, MSEC_NEVER},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *signing = authority_until(NOW + cases[i].end);
        struct world *w;
        begin(state);
        w = *state;
        put_authority(w, KIND_SELF_SIGNED_AUTHORITY, "istio-ca-secret", OBJECT(STRING("ca-cert.pem", signing)));
        assert_int_equal(next_plan_after(w), cases[i].again);
        mesh_end(state);
    }
    *state = NULL;
}

/* In all of the cache, and in the status. */
static void no_key_is_kept(void **state)
{
    _cleanup_free_ char *signing = authority_until(NOW + 100 * DAY), *status = NULL;
    struct world *w = *state;
    const struct kube_object *o;
    _cleanup_json_ json_t *mesh = NULL;

    put_authority(
        w,
        KIND_SELF_SIGNED_AUTHORITY,
        "istio-ca-secret",
        OBJECT(STRING("ca-cert.pem", signing), STRING("ca-key.pem", "c2VjcmV0")));
    o = kube_cache_get(w->cache, mesh_kind(KIND_SELF_SIGNED_AUTHORITY), NS, "istio-ca-secret");
    assert_non_null(o);
    assert_int_equal(strspn(o->text, "0123456789 "), strlen(o->text));
    expect(w, "CertificatesCurrent", "True Valid", "");
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    status = doc_text(doc_at(mesh, "status"));
    assert_null(strstr(status, "c2VjcmV0"));
    assert_null(strstr(status, "BEGIN"));
}

/* --- registries --- */

static void what_pulls_from_a_closed_registry_is_named(void **state)
{
    static const struct {
        const char *spec, *verdict, *message;
    } cases[] = {
        {TODAY, "", ""},
        {"{\"version\": \"1.31.1\", \"imageHub\": \"mirror.example.com/gcr.io/istio-release\"}", "", ""},
        {"{\"version\": \"1.31.1\", \"imageHub\": \"gcr.io/istio-release\"}",
         "False ClosedRegistry",
         "ConfigMap istio-sidecar-injector from gcr.io/istio-release, Deployment istiod from gcr.io/istio-release"},
        {"{\"version\": \"1.30.3\", \"pilot\": {\"image\": \"registry.istio.io/release/pilot:1.30.3\"}}",
         "False ClosedRegistry",
         "Deployment istiod from registry.istio.io;"},
        {"{\"version\": \"1.31.1\", \"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istiod\", \"patches\": "
         "[{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/image\", \"value\": "
         "\"gcr.io/istio-release/pilot:1.31.1\"}]}]}",
         "False ClosedRegistry",
         "Deployment istiod from gcr.io/istio-release;"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mesh_begin_today(state, cases[i].spec);
        expect(*state, "RegistriesOpen", cases[i].verdict, cases[i].message);
        mesh_end(state);
    }
    *state = NULL;
}

static void sidecars_from_a_closed_registry_are_counted(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"version\": \"1.31.1\", \"sidecars\": {\"count\": true}}");
    assert_true(world_converge(w) >= 0);
    for (int i = 0; i < 3; i++)
        world_put_as(
            w,
            mesh_kind(KIND_SIDECAR_POD),
            OBJECT(
                STRING("apiVersion", "v1"),
                STRING("kind", "Pod"),
                MAP("metadata",
                    FORMAT("name", "p%d", i),
                    STRING("namespace", "shop"),
                    MAP("annotations", STRING("sidecar.istio.io/status", "{\"revision\":\"default\"}"))),
                MAP("spec",
                    SEQ("initContainers",
                        ITEM(
                            STRING("name", "istio-proxy"),
                            STRING(
                                "image",
                                i ? "gcr.io/istio-release/proxyv2:1.28.10" : "docker.io/istio/proxyv2:1.31.1"))))));
    expect(w, "RegistriesOpen", "False ClosedRegistry", "sidecars of pods: 2 from gcr.io/istio-release");
}

/* --- Gateway API --- */

static void kinds_that_this_istio_ignores_are_named(void **state)
{
    static const struct {
        const char *version, *channel; /* NULL: not said */
        const char *istio, *verdict, *message;
    } cases[] = {
        {"v1.6.0", "experimental", "1.31.1", "True Accepted", ""},
        {"v1.6.0-rc.1", "experimental", "1.31.1", "True Accepted", ""},
        {"v1.5.1", "experimental", "1.31.1", "False KindsIgnored", "v1.5.1: TCPRoute (from v1.6 on);"},
        {"v1.5.1", "experimental", "1.30.3", "True Accepted", ""},
        {"v1.5.1", "standard", "1.31.1", "True Accepted", ""},
        {"v1.4.1", "experimental", "1.30.3", "False KindsIgnored", "TLSRoute (from v1.5 on);"},
        {"v1.4.1", "standard", "1.30.3", "True Accepted", ""},
        {"v1.4.1", "experimental", "1.29.6", "True Accepted", ""},
        {"v1.5.1", "standard", "1.29.6", "False KindsIgnored", "v1.5.1: TLSRoute (only before v1.5);"},
        {"v0.8.0", "experimental", "1.30.3", "False KindsIgnored", "GRPCRoute (from v1.1 on), BackendTLSPolicy"},
        {"v2.0.0", "experimental", "1.31.1", "True Accepted", ""},
        {NULL, NULL, "1.31.1", "False KindsIgnored", "without a version"},
        {"main", "experimental", "1.31.1", "False KindsIgnored", "main"},
        /* cut between characters */
        {"v1.0-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa9",
         "experimental",
         "1.31.1",
         "False KindsIgnored",
         "v1.0-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf("{\"version\": \"%s\"}", cases[i].istio);
        struct world *w;
        mesh_begin_today(state, spec);
        w = *state;
        expect(w, "GatewayAPIAccepted", "", "");
        world_put_as(
            w,
            mesh_kind(KIND_GATEWAY_API),
            OBJECT(
                STRING("apiVersion", "apiextensions.k8s.io/v1"),
                STRING("kind", "CustomResourceDefinition"),
                MAP("metadata",
                    STRING("name", GATEWAY_API_DEFINITION),
                    MAP("annotations",
                        STRING("gateway.networking.k8s.io/bundle-version", cases[i].version),
                        STRING("gateway.networking.k8s.io/channel", cases[i].channel)))));
        expect(w, "GatewayAPIAccepted", cases[i].verdict, cases[i].message);
        mesh_end(state);
    }
    *state = NULL;
}

static int end(void **state)
{
    return *state ? mesh_end(state) : 0;
}

#define IN_EMPTY(test) cmocka_unit_test_teardown(test, end)
#define RUNNING(test) cmocka_unit_test_setup_teardown(test, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_EMPTY(webhooks_are_ready_with_an_authority_and_an_endpoint),
        RUNNING(a_lost_endpoint_is_noticed),
        IN_EMPTY(without_istiod_there_is_no_webhook),
        RUNNING(the_address_of_a_gateway_is_told),
        RUNNING(a_gateway_without_a_load_balancer_waits_for_no_address),
        IN_EMPTY(the_end_of_a_certificate_is_told_in_time),
        IN_EMPTY(a_plan_comes_again_when_the_condition_changes),
        RUNNING(no_key_is_kept),
        IN_EMPTY(what_pulls_from_a_closed_registry_is_named),
        RUNNING(sidecars_from_a_closed_registry_are_counted),
        IN_EMPTY(kinds_that_this_istio_ignores_are_named),
    };

    return cmocka_run_group_tests_name("controllers mesh status", tests, NULL, NULL);
}
