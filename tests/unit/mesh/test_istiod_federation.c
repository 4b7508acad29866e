/* Today's Istio in a mesh of several clusters: what the resource's fields do, and what nothing does without them. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "fixture.h"
#include "mesh/istiod/istiod.h"

#define MINOR 34
#define PLACE "meshID: shop\nclusterName: east\nnetworkName: net-east\n"
#define FEDERATION PLACE "gatewayFederation: {enabled: true}\n"
#define GATEWAY "istio-eastwestgateway"

static void render(struct fixture *f, const char *fields)
{
    _cleanup_free_ char *spec = str_printf("version: 1.31.1\n%s", fields);

    fixture_init_spec(f, spec);
    fixture_render(f, MINOR);
}

static void assert_json(const json_t *value, const char *expected)
{
    _cleanup_json_ json_t *wanted = from_yaml(expected);
    _cleanup_free_ char *text = value ? doc_text(value) : str_dup("(absent)");

    if (!value || !json_equal((json_t *)value, wanted))
        fail_msg("%s, but must be %s", text, expected);
}

static const char *environment(const struct fixture *f, const char *deployment, const char *container, const char *name)
{
    return doc_string(doc_find(doc_at(fixture_container(f, deployment, container), "env"), "name", name), "value");
}

/* Owned by the caller. */
static json_t *global_values(const struct fixture *f)
{
    _cleanup_json_ json_t *values =
        from_yaml(doc_string(fixture_object(f, "ConfigMap", ISTIOD_INJECTION_CONFIG), "data", "values"));

    return json_incref(doc_at(values, "global"));
}

/* Owned by the caller. */
static json_t *mesh_config(const struct fixture *f)
{
    return from_yaml(doc_string(fixture_object(f, "ConfigMap", "istio"), "data", "mesh"));
}

/* Sidecars would all be outdated, and a cluster that joined by hand would have another name. */
static void a_mesh_of_one_cluster_has_nothing_of_it(void **state)
{
    _cleanup_fixture_ struct fixture f = {0}, empty = {0};
    _cleanup_json_ json_t *global = NULL, *mesh = NULL;
    _cleanup_free_ char *difference = NULL;

    (void)state;
    render(&f, "");
    render(&empty, "meshID: ''\nclusterName: ''\nnetworkName: ''\ngatewayFederation: {enabled: false}");
    global = global_values(&f);
    mesh = mesh_config(&f);
    assert_string_equal(environment(&f, "istiod", "discovery", "CLUSTER_ID"), "Kubernetes");
    assert_string_equal(doc_string(global, "multiCluster", "clusterName"), "");
    assert_null(doc_at(global, "network"));
    assert_null(doc_at(global, "meshID"));
    assert_null(doc_at(mesh, "defaultConfig", "meshId"));
    assert_null(fixture_find(&f, "Gateway", "cross-network-gateway"));
    assert_null(fixture_find(&f, "Deployment", GATEWAY));
    assert_null(istiod_line.network(f.env.spec));
    difference = fixture_compare(&f, &empty);
    assert_string_equal(difference, "");
}

/* istiod, its mesh configuration and the injector must agree. */
static void names_are_told_to_istiod_and_to_proxies(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    _cleanup_json_ json_t *global = NULL, *mesh = NULL;

    (void)state;
    render(&f, PLACE);
    global = global_values(&f);
    mesh = mesh_config(&f);
    assert_string_equal(environment(&f, "istiod", "discovery", "CLUSTER_ID"), "east");
    assert_string_equal(doc_string(global, "multiCluster", "clusterName"), "east");
    assert_string_equal(doc_string(global, "network"), "net-east");
    assert_string_equal(doc_string(global, "meshID"), "shop");
    assert_string_equal(doc_string(mesh, "defaultConfig", "meshId"), "shop");
    assert_string_equal(doc_string(mesh, "trustDomain"), "cluster.local");
    assert_string_equal(istiod_line.network(f.env.spec), "net-east");
    /* Without the gateway nothing leads there. */
    assert_null(fixture_find(&f, "Gateway", "cross-network-gateway"));
    assert_null(fixture_find(&f, "Deployment", GATEWAY));
}

/* What a sidecar is injected with has changed, and its Pod is said to be outdated. */
static void another_network_is_another_version_of_the_sidecars(void **state)
{
    _cleanup_fixture_ struct fixture before = {0}, after = {0};
    _cleanup_free_ char *first = NULL, *second = NULL;

    (void)state;
    render(&before, "");
    render(&after, "networkName: net-east");
    first = istiod_sidecar_version_of_config(fixture_object(&before, "ConfigMap", ISTIOD_INJECTION_CONFIG));
    second = istiod_sidecar_version_of_config(fixture_object(&after, "ConfigMap", ISTIOD_INJECTION_CONFIG));
    assert_string_not_equal(first, second);
}

static void the_gateway_leads_into_the_network(void **state)
{
    _cleanup_fixture_ struct fixture f = {0};
    const json_t *service, *pod, *gateway;

    (void)state;
    render(&f, FEDERATION);
    service = fixture_object(&f, "Service", GATEWAY);
    pod = doc_at(fixture_object(&f, "Deployment", GATEWAY), "spec", "template");
    gateway = fixture_object(&f, "Gateway", "cross-network-gateway");
    /* istiod finds it by this label, at this port. */
    assert_string_equal(doc_string(service, "metadata", "labels", "topology.istio.io/network"), "net-east");
    assert_json(doc_at(service, "spec", "ports"),
                "[{name: status-port, port: 15021, targetPort: 15021}, {name: tls, port: 15443, targetPort: 15443}]");
    assert_string_equal(doc_string(service, "spec", "type"), "LoadBalancer");
    assert_null(doc_at(service, "metadata", "annotations"));
    assert_null(doc_at(service, "spec", "externalIPs"));
    assert_string_equal(doc_string(pod, "metadata", "labels", "topology.istio.io/network"), "net-east");
    assert_string_equal(environment(&f, GATEWAY, "istio-proxy", "ISTIO_META_REQUESTED_NETWORK_VIEW"), "net-east");
    assert_true(is_subset(doc_at(service, "spec", "selector"), doc_at(pod, "metadata", "labels")));
    assert_true(is_subset(doc_at(gateway, "spec", "selector"), doc_at(pod, "metadata", "labels")));
    assert_json(
        doc_at(gateway, "spec", "servers"),
        "[{port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ['*.local']}]");
    assert_non_null(fixture_find(&f, "HorizontalPodAutoscaler", GATEWAY));
    /* The others see all networks, and are of none. */
    assert_null(environment(&f, "istio-ingressgateway", "istio-proxy", "ISTIO_META_REQUESTED_NETWORK_VIEW"));
    assert_null(doc_at(fixture_object(&f, "Service", "istio-ingressgateway"), "metadata", "labels",
                       "topology.istio.io/network"));
}

static void it_is_as_the_resource_has_it(void **state)
{
    _cleanup_fixture_ struct fixture f = {0}, none = {0}, own = {0};

    (void)state;
    render(&f,
           FEDERATION "defaultPodDisruptionBudget: {enabled: true}\n"
                      "gateways:\n"
                      "  eastWest: {minReplicas: 2, maxReplicas: 4, serviceAnnotations: {example.com/internal: 'y'}}");
    render(&none, FEDERATION "gateways: {enabled: false}");
    render(&own, FEDERATION "gateways: {eastWest: {enabled: false}}");
    assert_int_equal(doc_int(doc_at(fixture_object(&f, "HorizontalPodAutoscaler", GATEWAY), "spec", "minReplicas"), 0),
                     2);
    assert_non_null(fixture_find(&f, "PodDisruptionBudget", GATEWAY));
    assert_string_equal(
        doc_string(fixture_object(&f, "Service", GATEWAY), "metadata", "annotations", "example.com/internal"), "y");
    assert_null(fixture_find(&none, "Deployment", GATEWAY));
    /* A user's own, of the same label, is told the same. */
    assert_null(fixture_find(&own, "Deployment", GATEWAY));
    assert_non_null(fixture_find(&own, "Gateway", "cross-network-gateway"));
}

/* As istiod reads them: with this annotation it tells the nodes' addresses, and without it those of the Service. */
static void others_are_told_its_addresses(void **state)
{
    static const struct {
        const char *fields, *type, *selector, *addresses;
    } cases[] = {
        {"gatewayFederation: {enabled: true}", "LoadBalancer", NULL, NULL},
        {"gatewayFederation: {enabled: true, addressType: NodePort}", "NodePort", "{}", NULL},
        {"gatewayFederation: {enabled: true}\ngateways: {eastWest: {serviceType: NodePort}}", "NodePort", "{}", NULL},
        {"gatewayFederation: {enabled: true, addresses: [192.0.2.7, '2001:db8::7']}", "ClusterIP", NULL,
         "[192.0.2.7, '2001:db8::7']"},
        {"gatewayFederation: {enabled: true, addressType: NodePort, addresses: [192.0.2.7]}", "NodePort", NULL,
         "[192.0.2.7]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f = {0};
        _cleanup_free_ char *fields = str_printf(PLACE "%s", cases[i].fields);
        const json_t *service;
        const char *selector;

        render(&f, fields);
        service = fixture_object(&f, "Service", GATEWAY);
        selector = doc_string(service, "metadata", "annotations", "traffic.istio.io/nodeSelector");
        assert_string_equal(doc_string(service, "spec", "type"), cases[i].type);
        assert_true(str_eq(selector, cases[i].selector) || (!selector && !cases[i].selector));
        if (cases[i].addresses)
            assert_json(doc_at(service, "spec", "externalIPs"), cases[i].addresses);
        else
            assert_null(doc_at(service, "spec", "externalIPs"));
    }
}

static void mistakes_are_said_at_their_field(void **state)
{
    static const struct {
        const char *version, *fields;
        int errors, warnings;
        const char *says;
    } cases[] = {
        {"1.31.1", FEDERATION, 0, 0, ""},
        {"1.28.10", FEDERATION, 0, 0, ""},
        {"1.31.1", PLACE, 0, 0, ""},
        {"1.31.1", "networkName: a", 0, 0, ""},
        {"1.31.1", "gatewayFederation: {enabled: true}", 2, 0,
         "spec.gatewayFederation.enabled: needs spec.clusterName"},
        {"1.31.1", "gatewayFederation: {enabled: true}\nclusterName: a\nnetworkName: ''", 1, 0,
         "spec.gatewayFederation.enabled: needs spec.networkName"},
        {"1.31.1", "clusterName: 'a b'\nnetworkName: '-'\nmeshID: 'm/'", 3, 0, "spec.meshID: must be the value"},
        {"1.31.1", PLACE "gatewayFederation: {enabled: true, addresses: [east.example.com]}", 1, 0,
         "spec.gatewayFederation.addresses[0]: must be an IP address"},
        {"1.31.1", PLACE "gatewayFederation: {enabled: true, addressType: Hostname}", 1, 0,
         "must be one of Auto, NodePort"},
        {"1.31.1", FEDERATION "gateways: {eastWest: {ports: [{name: a, port: 443}]}}", 1, 0,
         "spec.gateways.eastWest.ports: must have port 15443"},
        {"1.31.1", FEDERATION "gateways: {eastWest: {ports: [{name: a, port: 15443}, {name: a, port: 80}]}}", 1, 0,
         "spec.gateways.eastWest.ports[1].name"},
        {"1.31.1", FEDERATION "gateways: {eastWest: {ports: [{name: a, port: 15443}]}}", 0, 0, ""},
        {"1.31.1", FEDERATION "gateways: {eastWest: {minReplicas: 3, maxReplicas: 2}}", 1, 0, "spec.gateways.eastWest"},
        {"1.31.1",
         PLACE "gatewayFederation: {enabled: true, addresses: [192.0.2.7]}\n"
               "gateways: {eastWest: {serviceType: LoadBalancer}}",
         0, 1, "are used besides those of the load balancer"},
        /* What a line cannot do is refused. */
        {"1.0.5", "gatewayFederation: {enabled: true}", 1, 0, "spec.gatewayFederation: "},
        {"1.0.5", "gatewayFederation: {enabled: false}\nmeshID: ''", 0, 0, ""},
        {"1.1.17", PLACE "gatewayFederation: {enabled: true}", 4, 0, "gateways between networks need today's Istio"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec_of_case = str_printf("version: %s\n%s", cases[i].version, cases[i].fields);

        fixture_expect_problems(spec_of_case, cases[i].errors, cases[i].warnings, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mesh_of_one_cluster_has_nothing_of_it),
        cmocka_unit_test(names_are_told_to_istiod_and_to_proxies),
        cmocka_unit_test(another_network_is_another_version_of_the_sidecars),
        cmocka_unit_test(the_gateway_leads_into_the_network),
        cmocka_unit_test(it_is_as_the_resource_has_it),
        cmocka_unit_test(others_are_told_its_addresses),
        cmocka_unit_test(mistakes_are_said_at_their_field),
    };

    return cmocka_run_group_tests_name("mesh istiod federation", tests, NULL, NULL);
}
