/* What users of today's Istio rely on: names, selectors, labels, and what the resource's fields do. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "fixture.h"
#include "mesh/istiod/istiod.h"

#define VERSION "1.31.1"
#define MINOR 34

/* Owned by the caller. */
static char *spec_text(const char *version, const char *fields, const char *revision)
{
    return str_printf("version: %s\nrevision: '%s'\n%s", version, revision, fields);
}

static void render_release(struct fixture *f, const char *version, const char *fields, const char *revision,
                           const char *ns)
{
    _cleanup_free_ char *spec = spec_text(version, fields, revision);

    fixture_init_spec(f, spec);
    f->env.ns = ns;
    fixture_render(f, MINOR);
}

static void render_in(struct fixture *m, const char *fields, const char *revision, const char *ns)
{
    render_release(m, VERSION, fields, revision, ns);
}

static void render(struct fixture *m, const char *fields)
{
    render_in(m, fields, "default", "istio-system");
}

static void assert_json(const json_t *value, const char *expected)
{
    _cleanup_json_ json_t *wanted = from_yaml(expected);
    _cleanup_free_ char *text = value ? doc_text(value) : str_dup("(absent)");

    if (!value || !json_equal((json_t *)value, wanted))
        fail_msg("%s, but must be %s", text, expected);
}

/* All objects but definitions and what injects, as sorted lines. */
static char *names_of(const struct fixture *m)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (size_t i = 0; i < m->objects.len; i++) {
        const char *name = doc_string(m->objects.items[i].object, "metadata", "name");
        if (!str_eq(m->objects.items[i].kind->kind, "CustomResourceDefinition") &&
            !(str_eq(m->objects.items[i].kind->kind, "ConfigMap") && str_starts(name, ISTIOD_INJECTION_CONFIG)))
            buf_printf(&text, "%s/%s\n", m->objects.items[i].kind->kind, name);
    }
    return buf_take(&text);
}

static void objects_have_the_names_of_istios_charts(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    _cleanup_free_ char *names = NULL;

    (void)state;
    render(&m, "");
    names = names_of(&m);
    assert_string_equal(names, "ServiceAccount/istio-ingressgateway\n"
                               "ServiceAccount/istio-reader-service-account\n"
                               "ServiceAccount/istiod\n"
                               "ClusterRole/istio-reader-clusterrole-istio-system\n"
                               "ClusterRole/istiod-clusterrole-istio-system\n"
                               "ClusterRole/istiod-gateway-controller-istio-system\n"
                               "ClusterRoleBinding/istio-reader-clusterrole-istio-system\n"
                               "ClusterRoleBinding/istiod-clusterrole-istio-system\n"
                               "ClusterRoleBinding/istiod-gateway-controller-istio-system\n"
                               "Role/istio-ingressgateway\n"
                               "Role/istiod\n"
                               "RoleBinding/istio-ingressgateway\n"
                               "RoleBinding/istiod\n"
                               "ConfigMap/istio\n"
                               "Service/istio-ingressgateway\n"
                               "Service/istiod\n"
                               "Deployment/istio-ingressgateway\n"
                               "Deployment/istiod\n"
                               "HorizontalPodAutoscaler/istio-ingressgateway\n"
                               "HorizontalPodAutoscaler/istiod\n"
                               "MutatingWebhookConfiguration/istio-sidecar-injector\n"
                               "ValidatingWebhookConfiguration/istio-validator-istio-system\n"
                               "ValidatingWebhookConfiguration/istiod-default-validator\n");
}

static void objects_of_a_revision_have_its_name_behind_theirs(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    _cleanup_free_ char *names = NULL;

    (void)state;
    render_in(&m, "gateways: {enabled: false}", "canary", "mesh");
    names = names_of(&m);
    assert_string_equal(names, "ServiceAccount/istio-reader-service-account\n"
                               "ServiceAccount/istiod-canary\n"
                               "ClusterRole/istio-reader-clusterrole-canary-mesh\n"
                               "ClusterRole/istiod-clusterrole-canary-mesh\n"
                               "ClusterRole/istiod-gateway-controller-canary-mesh\n"
                               "ClusterRoleBinding/istio-reader-clusterrole-canary-mesh\n"
                               "ClusterRoleBinding/istiod-clusterrole-canary-mesh\n"
                               "ClusterRoleBinding/istiod-gateway-controller-canary-mesh\n"
                               "Role/istiod-canary\n"
                               "RoleBinding/istiod-canary\n"
                               "ConfigMap/istio-canary\n"
                               "Service/istiod-canary\n"
                               "Deployment/istiod-canary\n"
                               "HorizontalPodAutoscaler/istiod-canary\n"
                               "MutatingWebhookConfiguration/istio-sidecar-injector-canary-mesh\n"
                               "ValidatingWebhookConfiguration/istio-validator-canary-mesh\n"
                               "ValidatingWebhookConfiguration/istiod-default-validator\n");
}

/* They can never change: what was installed by Helm could not be taken over. */
static void selectors_are_those_of_istios_charts(void **state)
{
    _cleanup_fixture_ struct fixture m = {0}, canary = {0};

    (void)state;
    render(&m, "gateways: {egress: {enabled: true}}");
    render_in(&canary, "", "canary", "istio-system");
    assert_json(doc_at(fixture_object(&m, "Deployment", "istiod"), "spec", "selector"), "matchLabels: {istio: pilot}");
    assert_json(doc_at(fixture_object(&canary, "Deployment", "istiod-canary"), "spec", "selector"),
                "matchLabels: {app: istiod, istio.io/rev: canary}");
    assert_json(doc_at(fixture_object(&m, "Deployment", "istio-ingressgateway"), "spec", "selector"),
                "matchLabels: {app: istio-ingressgateway, istio: ingressgateway}");
    assert_json(doc_at(fixture_object(&m, "Deployment", "istio-egressgateway"), "spec", "selector"),
                "matchLabels: {app: istio-egressgateway, istio: egressgateway}");
    assert_json(doc_at(fixture_object(&m, "Service", "istiod"), "spec", "selector"), "{app: istiod, istio: pilot}");
    assert_json(doc_at(fixture_object(&canary, "Service", "istiod-canary"), "spec", "selector"),
                "{app: istiod, istio.io/rev: canary}");
}

/* Else the API server refuses the Deployment, or the Service leads nowhere. */
static void pods_have_the_labels_that_select_them(void **state)
{
    static const char *const revisions[] = {"", "canary"};
    static const char *const names[] = {"istiod", "istio-ingressgateway"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(revisions); i++) {
        _cleanup_fixture_ struct fixture m = {0};
        render_in(&m, "pilot: {minReplicas: 2}\ndefaultPodDisruptionBudget: {enabled: true}", revisions[i], "mesh");
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            _cleanup_free_ char *name = k || !i ? str_dup(names[k]) : str_printf("%s-%s", names[k], revisions[i]);
            const json_t *deployment = fixture_object(&m, "Deployment", name);
            const json_t *labels = doc_at(deployment, "spec", "template", "metadata", "labels");
            assert_true(is_subset(doc_at(deployment, "spec", "selector", "matchLabels"), labels));
            assert_true(is_subset(doc_at(fixture_object(&m, "Service", name), "spec", "selector"), labels));
            if (fixture_find(&m, "PodDisruptionBudget", name))
                assert_true(is_subset(
                    doc_at(fixture_object(&m, "PodDisruptionBudget", name), "spec", "selector", "matchLabels"),
                    labels));
        }
    }
}

/* istiod patches the webhooks that have its revision. */
static void webhooks_call_the_istiod_of_their_revision(void **state)
{
    static const struct {
        const char *revision, *label, *injector, *validator, *service;
        size_t injectors;
    } cases[] = {
        {"", "default", "istio-sidecar-injector", "istio-validator-istio-system", "istiod", 4},
        {"canary", "canary", "istio-sidecar-injector-canary", "istio-validator-canary-istio-system", "istiod-canary",
         2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture m = {0};
        const json_t *objects[2], *webhook;
        size_t k;

        render_in(&m, "", cases[i].revision, "istio-system");
        objects[0] = fixture_object(&m, "MutatingWebhookConfiguration", cases[i].injector);
        objects[1] = fixture_object(&m, "ValidatingWebhookConfiguration", cases[i].validator);
        assert_int_equal(json_array_size(doc_at(objects[0], "webhooks")), cases[i].injectors);
        for (size_t n = 0; n < ARRAY_LEN(objects); n++) {
            assert_string_equal(doc_string(objects[n], "metadata", "labels", "istio.io/rev"), cases[i].label);
            json_array_foreach(doc_at(objects[n], "webhooks"), k, webhook)
                assert_string_equal(doc_string(webhook, "clientConfig", "service", "name"), cases[i].service);
        }
    }
}

static void proxies_are_put_into_listed_namespaces(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *webhooks;

    (void)state;
    render(&m, "");
    webhooks = doc_at(fixture_object(&m, "MutatingWebhookConfiguration", "istio-sidecar-injector"), "webhooks");
    assert_json(doc_at(doc_find(webhooks, "name", "namespace.sidecar-injector.istio.io"), "namespaceSelector"),
                "matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}]");
}

static json_t *mesh_config(const struct fixture *m)
{
    return from_yaml(doc_string(fixture_object(m, "ConfigMap", "istio"), "data", "mesh"));
}

static void mesh_configuration_is_merged_into_the_operators(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    _cleanup_json_ json_t *config = NULL;

    (void)state;
    render(&m, "tracing: {zipkinAddress: 'zipkin.example.com:9411'}\n"
               "proxy: {concurrency: 3}\n"
               "meshConfig:\n"
               "  accessLogFile: /dev/stdout\n"
               "  trustDomain: example.com\n"
               "  defaultProviders: {metrics: [mine]}\n"
               "  defaultConfig: {holdApplicationUntilProxyStarts: true, concurrency: 0}\n");
    config = mesh_config(&m);
    assert_json(config, "accessLogFile: /dev/stdout\n"
                        "defaultConfig:\n"
                        "  concurrency: 0\n"
                        "  discoveryAddress: istiod.istio-system.svc:15012\n"
                        "  holdApplicationUntilProxyStarts: true\n"
                        "  tracing: {zipkin: {address: 'zipkin.example.com:9411'}}\n"
                        "defaultProviders: {metrics: [mine]}\n"
                        "enablePrometheusMerge: true\n"
                        "rootNamespace: istio-system\n"
                        "trustDomain: example.com\n");
}

/* Without mutual TLS there is none: it would weaken what a user's own says. */
static void mtls_is_strict_in_the_whole_mesh(void **state)
{
    _cleanup_fixture_ struct fixture with = {0}, without = {0};

    (void)state;
    render(&with, "mtls: true");
    render(&without, "mtls: false");
    assert_json(doc_at(fixture_object(&with, "PeerAuthentication", "default"), "spec"), "mtls: {mode: STRICT}");
    assert_string_equal(
        doc_string(fixture_find(&with, "PeerAuthentication", "default")->object, "metadata", "namespace"),
        "istio-system");
    assert_null(fixture_find(&without, "PeerAuthentication", "default"));
}

static const json_t *container(const struct fixture *m, const char *deployment)
{
    return json_array_get(doc_at(fixture_object(m, "Deployment", deployment), "spec", "template", "spec", "containers"),
                          0);
}

static void istiod_gets_the_environment_of_the_resource(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *variables;

    (void)state;
    render(&m, "pilot: {env: {PILOT_TRACE_SAMPLING: '7', PILOT_X: 'yes'}}\nimageHub: mirror.example.com/istio");
    variables = doc_at(container(&m, "istiod"), "env");
    assert_string_equal(doc_string(doc_find(variables, "name", "PILOT_TRACE_SAMPLING"), "value"), "7");
    assert_string_equal(doc_string(doc_find(variables, "name", "PILOT_X"), "value"), "yes");
    assert_string_equal(doc_string(doc_find(variables, "name", "PILOT_CERT_PROVIDER"), "value"), "istiod");
    assert_int_equal(json_array_size(variables), 13);
    assert_string_equal(doc_string(container(&m, "istiod"), "image"), "mirror.example.com/istio/pilot:" VERSION);
}

/* istiod fills in the proxy; open requests end before a Pod does. */
static void gateways_get_their_proxy_by_injection_and_drain(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *pod, *proxy;

    (void)state;
    render(&m, "");
    pod = doc_at(fixture_object(&m, "Deployment", "istio-ingressgateway"), "spec", "template");
    proxy = container(&m, "istio-ingressgateway");
    assert_string_equal(doc_string(proxy, "name"), "istio-proxy");
    assert_string_equal(doc_string(proxy, "image"), "auto");
    /* A server's own value for such an image is Always. */
    assert_string_equal(doc_string(proxy, "imagePullPolicy"), "IfNotPresent");
    assert_string_equal(doc_string(pod, "metadata", "labels", "sidecar.istio.io/inject"), "true");
    assert_string_equal(doc_string(pod, "metadata", "annotations", "inject.istio.io/templates"), "gateway");
    assert_string_equal(doc_string(doc_find(doc_at(proxy, "env"), "name", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"), "value"),
                        "true");
    assert_int_equal(doc_int(doc_at(pod, "spec", "terminationGracePeriodSeconds"), 0), 60);
    /* Its Pods must not be there before the webhook. */
    assert_string_equal(*fixture_find(&m, "Deployment", "istio-ingressgateway")->after, "MutatingWebhookConfiguration");
    assert_null(fixture_find(&m, "Deployment", "istiod")->after);
    /* With another version they are replaced. */
    assert_string_equal(doc_string(pod, "metadata", "labels", "app.kubernetes.io/version"), VERSION);
}

static void gateways_are_as_the_resource_has_them(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *service;

    (void)state;
    render(&m, "gateways:\n"
               "  egress: {enabled: true}\n"
               "  ingress:\n"
               "    serviceType: NodePort\n"
               "    terminationGracePeriodSeconds: 900\n"
               "    serviceLabels: {team: edge}\n"
               "    serviceAnnotations: {example.com/internal: 'true'}\n"
               "    ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]\n");
    service = fixture_object(&m, "Service", "istio-ingressgateway");
    assert_json(doc_at(service, "spec", "ports"), "[{name: http, port: 80, targetPort: 8080, nodePort: 30080}]");
    assert_int_equal(doc_int(doc_at(fixture_object(&m, "Deployment", "istio-ingressgateway"), "spec", "template",
                                    "spec", "terminationGracePeriodSeconds"),
                             0),
                     900);
    assert_string_equal(doc_string(service, "spec", "type"), "NodePort");
    assert_string_equal(doc_string(service, "metadata", "labels", "team"), "edge");
    assert_string_equal(doc_string(service, "metadata", "labels", "istio"), "ingressgateway");
    assert_string_equal(doc_string(service, "metadata", "annotations", "example.com/internal"), "true");
    assert_string_equal(doc_string(fixture_object(&m, "Service", "istio-egressgateway"), "spec", "type"), "ClusterIP");
}

static void replicas_are_the_autoscalers(void **state)
{
    _cleanup_fixture_ struct fixture scaled = {0}, fixed = {0};

    (void)state;
    render(&scaled, "pilot: {minReplicas: 2, maxReplicas: 4}\ndefaultPodDisruptionBudget: {enabled: true}");
    render(&fixed, "pilot: {replicaCount: 3, minReplicas: 3, maxReplicas: 3}");
    assert_string_equal(*fixture_find(&scaled, "Deployment", "istiod")->foreign, "spec.replicas");
    assert_int_equal(
        doc_int(doc_at(fixture_object(&scaled, "HorizontalPodAutoscaler", "istiod"), "spec", "minReplicas"), 0), 2);
    assert_non_null(fixture_find(&scaled, "PodDisruptionBudget", "istiod"));
    /* With one Pod a budget would keep nodes from being drained. */
    assert_null(fixture_find(&scaled, "PodDisruptionBudget", "istio-ingressgateway"));
    assert_null(fixture_find(&fixed, "HorizontalPodAutoscaler", "istiod"));
    assert_null(fixture_find(&fixed, "Deployment", "istiod")->foreign);
    assert_int_equal(doc_int(doc_at(fixture_object(&fixed, "Deployment", "istiod"), "spec", "replicas"), 0), 3);
    assert_null(fixture_find(&fixed, "PodDisruptionBudget", "istiod"));
}

/* A resource that was written for Istio 1.0. */
static void what_istio_no_longer_has_is_said_at_its_field(void **state)
{
    static const struct {
        const char *fields;
        int errors, warnings;
        const char *says;
    } cases[] = {
        {"controlPlaneSecurityEnabled: true", 0, 0, ""},
        {"controlPlaneSecurityEnabled: false", 0, 1, "always use mutual TLS"},
        {"galley: {enabled: true}\ncitadel: {enabled: true}\nsidecarInjector: {enabled: true}", 0, 0, ""},
        {"galley: {enabled: false}", 0, 1, "spec.galley: has no effect"},
        {"policy: {enabled: false}\ntelemetry: {enabled: false}", 0, 0, ""},
        {"policy: {enabled: true}", 1, 0, "AuthorizationPolicies"},
        {"telemetry: {enabled: true}", 0, 1, "Telemetry"},
        {"outboundTrafficPolicy: {mode: REGISTRY_ONLY}", 1, 0, "meshConfig.outboundTrafficPolicy"},
        {"outboundTrafficPolicy: {mode: ALLOW_ANY}", 0, 0, ""},
        {"watchOneNamespace: true", 0, 1, "meshConfig.discoverySelectors"},
        {"watchOneNamespace: false", 0, 0, ""},
        {"proxyInit: {image: a}", 0, 1, "proxy.image"},
        {"pilot: {env: {'0A': b}}", 1, 0, "spec.pilot.env"},
        {"pilot: {enabled: false}", 0, 1, "no pod gets a sidecar"},
        {"pilot: {env: {PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS: 'true'}}", 0, 1, "no right to change nodes"},
        {"pilot: {env: {PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS: 'false'}}", 0, 0, ""},
        /* istiod could not read these. */
        {"meshConfig: {accessLogFile: 3}", 1, 0, "spec.meshConfig.accessLogFile: must be text"},
        {"meshConfig: {defaultConfig: 3, enableTracing: often}", 2, 0,
         "spec.meshConfig.enableTracing: must be true or"},
        {"meshConfig: {defaultConfig: {proxyMetadata: {A: true}}}", 1, 0, "defaultConfig.proxyMetadata.A: must be"},
        {"meshConfig: {extensionProviders: [null, {zipkin: {}}]}", 2, 0, "extensionProviders[1].name: is required"},
        {"meshConfig: {extensionProviders: {a: {}}, outboundTrafficPolicy: {mode: no}}", 2, 0, "must be a list"},
        {"meshConfig: {accessLogFile: null, ingressClass: istio, extensionProviders: [{name: a, b: {c: d}}]}", 0, 0,
         ""},
        {"tracing: {zipkinAddress: 'a.b:1'}\nmeshConfig: {extensionProviders: [{name: istio-operator-tracing}]}", 1, 0,
         "give it another name"},
        {"tracing: {zipkinAddress: 'a.example.com:1'}\nmeshConfig: {extensionProviders: [{name: "
         "istio-operator-tracing}]}",
         0, 0, ""},
        {"tracing: {zipkinAddress: 'a.b:1'}\nmeshConfig: {defaultProviders: {tracing: [mine]}}", 0, 1, "not to a.b:1"},
        {"tracing: {zipkinAddress: 'a.b:1', opentelemetryAddress: 'a.b:4317'}", 0, 1,
         "spec.tracing.zipkinAddress: has no effect"},
        {"tracing: {opentelemetryAddress: 'a.example.com:4317'}", 0, 1, "a ServiceEntry has a.example.com"},
        {"tracing: {opentelemetryAddress: 'a.b:4318'}", 0, 1, "4317"},
        {"tracing: {enabled: false, opentelemetryAddress: 'a.example.com:4318'}", 0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec_of_case = spec_text(VERSION, cases[i].fields, "default");

        fixture_expect_problems(spec_of_case, cases[i].errors, cases[i].warnings, cases[i].says);
    }
}

/* Whether a rule of the role has this resource. */
static bool allows(const struct fixture *m, const char *role, const char *resource)
{
    const json_t *rules = doc_at(fixture_object(m, "ClusterRole", role), "rules"), *rule;
    size_t i;

    json_array_foreach(rules, i, rule)
        if (has_string(doc_at(rule, "resources"), resource))
            return true;
    return false;
}

/* What the charts of a release say otherwise than those of the newest. */
static void an_older_release_is_as_its_charts(void **state)
{
    static const struct {
        const char *version;
        bool memory_limit, readers_config_maps, listener_sets, names_user, attributes, message_of_logs;
    } cases[] = {
        {"1.31.1", false, true, true, false, true, true},   {"1.30.8", false, true, true, false, true, false},
        {"1.30.1", false, true, true, false, true, false}, /* as 1.30.0 */
        {"1.29.6", false, true, false, true, false, false}, {"1.28.10", true, false, false, true, false, false},
        {"1.28.3", true, false, false, true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture m = {0}, openshift = {0};
        const char *config;
        render_release(&m, cases[i].version, "", "", "istio-system");
        render_release(&openshift, cases[i].version, "platform: OpenShift", "", "istio-system");
        config = doc_string(fixture_object(&m, "ConfigMap", ISTIOD_INJECTION_CONFIG), "data", "config");
        assert_int_equal(doc_find(doc_at(container(&m, "istiod"), "env"), "name", "GOMEMLIMIT") != NULL,
                         cases[i].memory_limit);
        assert_int_equal(allows(&m, "istio-reader-clusterrole-istio-system", "configmaps"),
                         cases[i].readers_config_maps);
        assert_int_equal(allows(&m, "istiod-clusterrole-istio-system", "listenersets/status"), cases[i].listener_sets);
        assert_int_equal(allows(&m, "istiod-clusterrole-istio-system", "xlistenersets/status"),
                         !cases[i].listener_sets);
        assert_int_equal(doc_int(doc_at(container(&m, "istio-ingressgateway"), "securityContext", "runAsUser"), 0),
                         cases[i].names_user ? 1337 : 0);
        assert_null(doc_at(container(&openshift, "istio-ingressgateway"), "securityContext", "runAsUser"));
        assert_int_equal(strstr(config, "otelResourceAttributes") != NULL, cases[i].attributes);
        assert_int_equal(strstr(config, "OTEL_RESOURCE_ATTRIBUTES") != NULL, cases[i].attributes);
        assert_null(doc_at(container(&m, "istiod"), "terminationMessagePolicy"));
        assert_int_equal(doc_at(container(&openshift, "istiod"), "terminationMessagePolicy") != NULL,
                         cases[i].message_of_logs);
    }
}

static void openshift_is_told_to_istiod(void **state)
{
    _cleanup_fixture_ struct fixture m = {0}, other = {0};
    const json_t *variables;

    (void)state;
    render(&m, "platform: OpenShift");
    render(&other, "platform: Kubernetes");
    variables = doc_at(container(&m, "istiod"), "env");
    assert_string_equal(doc_string(doc_find(variables, "name", "PLATFORM"), "value"), "openshift");
    assert_string_equal(doc_string(doc_find(variables, "name", "CA_TRUSTED_NODE_ACCOUNTS"), "value"),
                        "kube-system/ztunnel");
    assert_string_equal(doc_string(doc_find(doc_at(container(&other, "istiod"), "env"), "name", "PLATFORM"), "value"),
                        "");
    assert_non_null(strstr(doc_string(fixture_object(&m, "ConfigMap", ISTIOD_INJECTION_CONFIG), "data", "values"),
                           "\"platform\":\"openshift\""));
}

/* Pods that Istio 1.0 injected are told apart from those of today. */
static void sidecars_have_the_version_that_their_pod_names(void **state)
{
    static const struct {
        const char *metadata, *version;
    } cases[] = {
        {"annotations: {sidecar.istio.io/status: '{\"revision\":\"default\"}', " ISTIOD_SIDECAR_VERSION ": abc}",
         "default/abc"},
        {"annotations: {sidecar.istio.io/status: '{\"revision\":\"canary\"}', " ISTIOD_SIDECAR_VERSION ": abc}",
         "canary/abc"},
        {"annotations: {sidecar.istio.io/status: '{\"revision\":\"default\"}'}", "default/unknown"},
        {"annotations: {sidecar.istio.io/status: '{\"version\":\"1234\"}'}", NULL},
        {"annotations: {sidecar.istio.io/status: 'x'}", NULL},
        {"annotations: {}", NULL},
        {"annotations: {sidecar.istio.io/status: '{\"revision\":\"default\"}'}\ndeletionTimestamp: now", "default/"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *pod = OBJECT(VALUE("metadata", from_yaml(cases[i].metadata)));
        _cleanup_free_ char *version = istiod_sidecar_version_of_pod(pod);
        if (!str_eq(version, cases[i].version))
            fail_msg("%s: %s", cases[i].metadata, str_or(version, "none"));
    }
}

/* --- the CNI plugin --- */

/* The folder of a volume of the plugin's Pods. */
static const char *folder_of(const json_t *daemon_set, const char *volume)
{
    return doc_string(doc_find(doc_at(daemon_set, "spec", "template", "spec", "volumes"), "name", volume), "hostPath",
                      "path");
}

static void the_plugins_folders_are_those_of_the_platform(void **state)
{
    static const struct {
        const char *cni, *bin, *conf, *netns;
        bool quota;
    } cases[] = {
        {"enabled: true", "/opt/cni/bin", "/etc/cni/net.d", "/var/run/netns"},
        {"enabled: true, platform: GKE", "/home/kubernetes/bin", "/etc/cni/net.d", "/var/run/netns", true},
        {"enabled: true, platform: K3d", "/bin", "/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/run/netns"},
        {"enabled: true, platform: MicroK8s", "/var/snap/microk8s/current/opt/cni/bin",
         "/var/snap/microk8s/current/args/cni-network", "/var/run/netns"},
        {"enabled: true, platform: Minikube", "/opt/cni/bin", "/etc/cni/net.d", "/var/run/docker/netns"},
        {"enabled: true, platform: OpenShift, confDir: /etc/cni/other", "/var/lib/cni/bin", "/etc/cni/other",
         "/var/run/netns"},
        {"enabled: true, cniBinDir: /a, cniConfDir: /b, cniNetnsDir: /c", "/a", "/b", "/c"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *fields = str_printf("cni: {%s}", cases[i].cni);
        _cleanup_fixture_ struct fixture m = {0};
        const json_t *daemons;
        render(&m, fields);
        daemons = fixture_object(&m, "DaemonSet", "istio-cni-node");
        assert_string_equal(folder_of(daemons, "cni-bin-dir"), cases[i].bin);
        assert_string_equal(folder_of(daemons, "cni-net-dir"), cases[i].conf);
        assert_string_equal(folder_of(daemons, "cni-netns-dir"), cases[i].netns);
        assert_int_equal(fixture_find(&m, "ResourceQuota", "istio-cni-resource-quota") != NULL, cases[i].quota);
    }
}

static void platforms_are_known_by_their_nodes(void **state)
{
    static const struct {
        const char *node, *platform;
    } cases[] = {
        {"{metadata: {name: n}, status: {nodeInfo: {kubeletVersion: v1.34.4}}}", "Kubernetes"},
        {"{metadata: {name: n}, status: {nodeInfo: {kubeletVersion: v1.33.1-eks-1234}}}", "Kubernetes"},
        {"{metadata: {name: n}, status: {nodeInfo: {kubeletVersion: v1.33.1+rke2r1}}}", "Kubernetes"},
        {"{metadata: {name: n}, status: {nodeInfo: {kubeletVersion: v1.33.1-gke.1234}}}", "GKE"},
        {"{metadata: {name: n, labels: {cloud.google.com/gke-nodepool: p}}}", "GKE"},
        {"{metadata: {name: n}, status: {nodeInfo: {kubeletVersion: v1.33.1+k3s1}}}", "K3s"},
        {"{metadata: {name: k3d-c-agent-0}, status: {nodeInfo: {kubeletVersion: v1.33.1+k3s1}}}", "K3d"},
        {"{metadata: {name: n, labels: {microk8s.io/cluster: 'true'}}}", "MicroK8s"},
        {"{metadata: {name: n, labels: {minikube.k8s.io/name: minikube}}}", "Minikube"},
        {"{metadata: {name: n, labels: {node.openshift.io/os_id: rhcos}}}", "OpenShift"},
        {"{metadata: 1, status: []}", "Kubernetes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *node = from_yaml(cases[i].node);
        _cleanup_free_ char *platform = mesh_platform_of_node(node);
        assert_string_equal(platform, cases[i].platform);
    }
}

static void the_plugin_is_as_the_resource_has_it(void **state)
{
    _cleanup_fixture_ struct fixture m = {0};
    const json_t *daemons, *config, *container;

    (void)state;
    render(&m, "cni: {enabled: true, image: 'example.com/cni:1', excludeNamespaces: [a, b], logging: {level: debug},"
               " nodeSelector: {pool: x}, tolerations: [{key: k, operator: Exists}], chained: false,"
               " confFileName: 05-istio.conf}");
    daemons = fixture_object(&m, "DaemonSet", "istio-cni-node");
    config = fixture_object(&m, "ConfigMap", "istio-cni-config");
    container = json_array_get(doc_at(daemons, "spec", "template", "spec", "containers"), 0);
    assert_string_equal(doc_string(container, "image"), "example.com/cni:1");
    assert_json(doc_at(container, "args"), "['--log_output_level=debug']");
    assert_json(doc_at(daemons, "spec", "template", "spec", "nodeSelector"), "{kubernetes.io/os: linux, pool: x}");
    assert_json(doc_at(daemons, "spec", "template", "spec", "tolerations"), "[{key: k, operator: Exists}]");
    assert_string_equal(doc_string(config, "data", "EXCLUDE_NAMESPACES"), "a,b");
    assert_string_equal(doc_string(config, "data", "CHAINED_CNI_PLUGIN"), "false");
    assert_string_equal(doc_string(config, "data", "CNI_CONF_NAME"), "05-istio.conf");
    assert_string_equal(doc_string(config, "data", "REPAIR_REPAIR_PODS"), "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_have_the_names_of_istios_charts),
        cmocka_unit_test(objects_of_a_revision_have_its_name_behind_theirs),
        cmocka_unit_test(selectors_are_those_of_istios_charts),
        cmocka_unit_test(pods_have_the_labels_that_select_them),
        cmocka_unit_test(webhooks_call_the_istiod_of_their_revision),
        cmocka_unit_test(proxies_are_put_into_listed_namespaces),
        cmocka_unit_test(mesh_configuration_is_merged_into_the_operators),
        cmocka_unit_test(mtls_is_strict_in_the_whole_mesh),
        cmocka_unit_test(istiod_gets_the_environment_of_the_resource),
        cmocka_unit_test(gateways_get_their_proxy_by_injection_and_drain),
        cmocka_unit_test(gateways_are_as_the_resource_has_them),
        cmocka_unit_test(replicas_are_the_autoscalers),
        cmocka_unit_test(what_istio_no_longer_has_is_said_at_its_field),
        cmocka_unit_test(sidecars_have_the_version_that_their_pod_names),
        cmocka_unit_test(the_plugins_folders_are_those_of_the_platform),
        cmocka_unit_test(platforms_are_known_by_their_nodes),
        cmocka_unit_test(the_plugin_is_as_the_resource_has_it),
        cmocka_unit_test(an_older_release_is_as_its_charts),
        cmocka_unit_test(openshift_is_told_to_istiod),
    };

    return cmocka_run_group_tests_name("mesh istiod", tests, NULL, NULL);
}
