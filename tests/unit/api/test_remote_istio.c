/* The resource RemoteIstio: what its fields become, what it takes from the mesh, and what is said of mistakes. */
#include "controllers/remote/remote_istio.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "support.h"

static json_t *resource_with(const char *kind, const char *spec)
{
    _cleanup_free_ char *text = str_printf("apiVersion: istio.banzaicloud.io/v1beta1\n"
                                           "kind: %s\n"
                                           "metadata: {name: west, namespace: istio-system}\n"
                                           "spec: %s\n",
                                           kind, spec);

    return from_yaml(text);
}

/* As it is read in a mesh of this version; NULL: of the default one. */
static void parse_for(const json_t *resource, const char *version, struct v1_spec *ret)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;

    (void)parse_remote(resource, &(struct api_context){.version = version}, ret, &p);
    assert_problems("the resource", &p, PROBLEM_ERROR, "");
}

static void parse(const json_t *resource, struct v1_spec *ret)
{
    parse_for(resource, NULL, ret);
}

/* A RemoteIstio with this spec in a mesh with that one. */
static void follow(const char *spec, const char *mesh, struct v1_spec *ret)
{
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", spec), *istio = resource_with("Istio", mesh);
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec central;

    assert_int_equal(parse_istio(istio, NULL, &central, &p), 0);
    parse_for(resource, central.common.version, ret);
    v1_follow(&ret->common, resource, &central.common);
    release(&central);
}

static void an_empty_resource_has_the_services_of_the_remote_chart(void **state)
{
    static const struct {
        const char *name, *selector;
    } services[] = {
        {"istio-pilot", "istio=pilot"},
        {"istio-policy", "istio-mixer-type=policy"},
        {"istio-statsd", "statsd-prom-bridge"},
        {"istio-telemetry", "istio-mixer-type=telemetry"},
        {"zipkin", "app=jaeger"},
    };
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", "{}");
    struct v1_spec s;

    (void)state;
    parse(resource, &s);
    assert_int_equal(json_array_size(s.common.enabled_services), ARRAY_LEN(services));
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        const json_t *service = json_array_get(s.common.enabled_services, i);
        assert_string_equal(doc_string(service, "name"), services[i].name);
        assert_string_equal(doc_string(service, "labelSelector"), services[i].selector);
    }
    assert_string_equal(s.common.include_ip_ranges, "*");
    assert_string_equal(s.common.exclude_ip_ranges, "");
    assert_int_equal(json_array_size(s.common.auto_injection_namespaces), 0);
    assert_false(s.control_plane_security_enabled);
    assert_int_equal(s.citadel.replica_count, 1);
    assert_int_equal(s.sidecar_injector.replica_count, 1);
    assert_false(s.common.pause);
    release(&s);
}

static void only_citadel_and_the_injector_run_there(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", "{}");
    struct v1_spec s;

    (void)state;
    parse(resource, &s);
    assert_true(s.citadel.enabled && s.sidecar_injector.enabled);
    assert_false(s.galley.enabled || s.common.pilot.enabled || s.policy.enabled || s.telemetry.enabled);
    assert_false(s.common.gateways.ingress.component.enabled || s.common.gateways.egress.component.enabled);
    release(&s);
}

static void what_both_clusters_must_agree_on_comes_from_the_mesh(void **state)
{
    struct v1_spec s;

    (void)state;
    follow("{}",
           "{version: 1.0.6, mtls: true, policy: {enabled: false}, tracing: {enabled: true, zipkinAddress: 'z:1', "
           "sampling: 50}, pilot: {replicaCount: 2}, removeCRDs: true, sidecars: {count: true}}",
           &s);
    assert_string_equal(s.common.version, "1.0.6");
    assert_true(s.common.mtls);
    assert_false(s.policy.enabled);
    assert_true(s.telemetry.enabled);
    assert_true(s.common.tracing.enabled && s.common.tracing.sampling == 50);
    assert_string_equal(s.common.tracing.zipkin_address, "z:1");
    assert_false(s.common.pilot.enabled || s.galley.enabled || s.common.gateways.ingress.component.enabled);
    assert_false(s.common.remove_crds || s.common.sidecars.count);
    release(&s);
}

#define MESH                                                                                                           \
    "{imageHub: hub/istio, imageTag: '7', imagePullPolicy: Always, imagePullSecrets: [key], "                          \
    "controlPlaneSecurityEnabled: true, defaultPodDisruptionBudget: {enabled: true}, "                                 \
    "proxy: {image: x/proxy, logLevel: debug, concurrency: 2, resources: {requests: {cpu: 1}}}, "                      \
    "proxyInit: {image: x/init}, citadel: {image: x/citadel, replicaCount: 3}}"

static void what_is_left_out_is_as_the_mesh(void **state)
{
    struct v1_spec s;

    (void)state;
    follow("{}", MESH, &s);
    assert_string_equal(s.common.image_hub, "hub/istio");
    assert_string_equal(s.common.image_tag, "7");
    assert_string_equal(s.common.image_pull_policy, "Always");
    assert_string_equal(json_string_value(json_array_get(s.common.image_pull_secrets, 0)), "key");
    assert_true(s.control_plane_security_enabled);
    assert_true(s.common.default_pod_disruption_budget);
    assert_string_equal(s.common.proxy.image, "x/proxy");
    assert_string_equal(s.common.proxy.log_level, "debug");
    assert_int_equal(s.common.proxy.concurrency, 2);
    assert_int_equal(json_integer_value(doc_at(s.common.proxy.resources, "requests", "cpu")), 1);
    assert_string_equal(s.proxy_init.image, "x/init");
    assert_string_equal(s.citadel.image, "x/citadel");
    assert_null(s.sidecar_injector.image);
    assert_int_equal(s.citadel.replica_count, 1); /* its own, not the mesh's */
    release(&s);
}

static void what_is_given_holds(void **state)
{
    struct v1_spec s;

    (void)state;
    follow("{imageHub: here/istio, imagePullPolicy: Never, imagePullSecrets: [], controlPlaneSecurityEnabled: false, "
           "defaultPodDisruptionBudget: {}, proxy: {logLevel: error}}",
           MESH, &s);
    assert_string_equal(s.common.image_hub, "here/istio");
    assert_string_equal(s.common.image_tag, "7");
    assert_string_equal(s.common.image_pull_policy, "Never");
    assert_int_equal(json_array_size(s.common.image_pull_secrets), 0);
    assert_false(s.control_plane_security_enabled);
    assert_false(s.common.default_pod_disruption_budget);
    assert_string_equal(s.common.proxy.log_level, "error");
    assert_int_equal(s.common.proxy.concurrency, 0); /* as a whole */
    release(&s);

    follow("{controlPlaneSecurityEnabled: true, citadel: {image: here/citadel}, proxy: {image: here/proxy}}", "{}", &s);
    assert_true(s.control_plane_security_enabled);
    assert_string_equal(s.citadel.image, "here/citadel");
    assert_string_equal(s.common.proxy.image, "here/proxy");
    release(&s);
}

/* A mirror for the remote cluster would be of no use if half of the images came from elsewhere. */
static void images_are_of_the_hub_that_is_given(void **state)
{
    static const char *const given[] = {"{imageHub: here/istio}", "{imageTag: '8'}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        struct v1_spec s;
        follow(given[i], MESH, &s);
        assert_null(s.common.proxy.image);
        assert_null(s.proxy_init.image);
        assert_null(s.citadel.image);
        assert_string_equal(s.common.proxy.log_level, "debug"); /* the rest of it is the mesh's */
        release(&s);
    }
}

/* A default that the API server stores would look like the wish of a person. */
static void the_schema_has_no_default_for_what_is_as_the_mesh(void **state)
{
    static const char *const left_out[] = {"controlPlaneSecurityEnabled",
                                           "imageHub",
                                           "imageTag",
                                           "imagePullPolicy",
                                           "imagePullSecrets",
                                           "proxy",
                                           "proxyInit",
                                           "defaultPodDisruptionBudget"};
    _cleanup_json_ json_t *schema =
        field_schema(api_edition_of(&api_resource_remote_istio, NULL, NULL).form->spec, "", SCHEMA_V1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
        const json_t *property = doc_at(schema, "properties", left_out[i]);
        assert_non_null(doc_at(property, "type"));
        assert_null(doc_at(property, "default"));
        assert_non_null(strstr(doc_string(property, "description"), "Default: as the mesh."));
    }
    assert_non_null(doc_at(schema, "properties", "includeIPRanges", "default"));
}

static void a_mesh_that_changed_is_followed_again(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", "{imageTag: '8'}"),
                          *a = resource_with("Istio", MESH), *b = resource_with("Istio", "{version: 1.0.6}");
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec first, second;
    struct v1_spec s;

    (void)state;
    parse(resource, &s);
    assert_int_equal(parse_istio(a, NULL, &first, &p), 0);
    assert_int_equal(parse_istio(b, NULL, &second, &p), 0);
    v1_follow(&s.common, resource, &first.common);
    release(&first);
    v1_follow(&s.common, resource, &second.common);
    release(&second);
    assert_string_equal(s.common.version, "1.0.6");
    assert_string_equal(s.common.image_hub, "docker.io/istio");
    assert_string_equal(s.common.image_tag, "8");
    assert_null(s.common.image_pull_secrets);
    assert_null(s.common.proxy.log_level);
    assert_false(s.control_plane_security_enabled);
    release(&s);
}

/* Its statistics bridge is gone, and what its proxies are told comes from the central Pilot. */
static void a_mesh_of_istio_1_1_is_followed_with_what_only_that_has(void **state)
{
    struct v1_spec s;

    (void)state;
    follow("{sidecarInjector: {rewriteAppHTTPProbe: true, init: {resources: {requests: {cpu: 20m}}}}}",
           "{version: 1.1.17, accessLogFile: /dev/stdout, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, "
           "defaultConfigVisibility: '.', policy: {checks: true}, sds: {enabled: true, useNormalJwt: true}, "
           "nodeAgent: {enabled: true}, cni: {enabled: true}}",
           &s);
    assert_true(s.is_1_1 && s.policy_checks && s.sds.enabled && s.sds.normal_jwt && s.rewrite_probes);
    assert_string_equal(s.access_log_file, "/dev/stdout");
    assert_string_equal(s.outbound_mode, "REGISTRY_ONLY");
    assert_string_equal(s.export_to, ".");
    assert_string_equal(doc_string(s.init_resources, "requests", "cpu"), "20m");
    assert_int_equal(s.common.proxy.concurrency, 2);
    assert_true(s.common.default_pod_disruption_budget);
    assert_false(s.cni.component.enabled || s.node_agent.enabled);
    assert_int_equal(json_array_size(s.common.enabled_services), 4);
    assert_null(doc_find(s.common.enabled_services, "name", "istio-statsd"));
    release(&s);

    /* As a whole, with the defaults of Istio 1.1. */
    follow("{proxy: {logLevel: debug}}", "{version: 1.1.17, proxy: {concurrency: 7}}", &s);
    assert_int_equal(s.common.proxy.concurrency, 2);
    release(&s);
}

#define SERVICE "spec.enabledServices[0]"

static const struct mistake {
    const char *spec, *text;
} mistakes[] = {
    {"{enabledServices: 5}", "spec.enabledServices: must be a list, but is 5"},
    {"{enabledServices: [null]}", SERVICE ": must be an object, but is null"},
    {"{enabledServices: [{}]}", SERVICE ".name: is required\n" SERVICE ".labelSelector: is required"},
    {"{enabledServices: [{name: null, labelSelector: a}]}", SERVICE ".name: is required"},
    {"{autoInjectionNamespaces: [null]}",
     "spec.autoInjectionNamespaces[0]: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a "
     "letter or digit), but is null"},
    {"{imagePullSecrets: [null]}",
     "spec.imagePullSecrets[0]: must be a DNS name (at most 253 of a-z, 0-9, - and ., each part beginning and "
     "ending with a letter or digit), but is null"},
    {"{overlays: [null]}", "spec.overlays[0]: must be an object, but is null"},
    {"{enabledServices: [{name: a}]}", SERVICE ".labelSelector: is required"},
    {"{enabledServices: [{labelSelector: a}]}", SERVICE ".name: is required"},
    {"{enabledServices: [{name: 1a, labelSelector: a}]}",
     SERVICE ".name: must be the name of a Service (at most 63 of a-z, 0-9 and -, beginning with a letter and ending "
             "with a letter or digit), but is the string \"1a\""},
    {"{enabledServices: [{name: a, labelSelector: 'app='}, {name: a, labelSelector: b}]}",
     "spec.enabledServices[1].name: must be in the list once, but a is there before"},
    {"{enabledServices: [{name: istio-citadel, labelSelector: a}]}",
     SERVICE ".name: must not be istio-citadel, a Service of the remote cluster's own"},
    {"{enabledServices: [{name: a, labelSelector: 'app in b'}]}", SERVICE
     ".labelSelector: must be a label selector such as app=jaeger or \"app in (a, b),version!=v1,!old\", but is "
     "the string \"app in b\": at character 8: a list of values in ( ) should follow, but there is \"b\""},
    {"{enabledServices: [{name: a, labelSelector: ' '}]}", SERVICE
     ".labelSelector: must be a label selector such as app=jaeger or \"app in (a, b),version!=v1,!old\", but is "
     "the string \" \": it is empty, and would select every pod"},
    {"{controlPlaneSecurityEnabled: 'yes'}",
     "spec.controlPlaneSecurityEnabled: must be true or false, but is the string \"yes\""},
    {"{autoInjectionNamespaces: [istio-system]}",
     "spec.autoInjectionNamespaces[0]: must not be istio-system, the control plane's own namespace"},
    {"{citadel: {minReplicas: 3, maxReplicas: 2}}",
     "spec.citadel.minReplicas: must not be above maxReplicas, which is 2, but is 3"},
    {"{overlays: [{kind: Deployment, name: istio-citadel, patches: [{op: remove, path: /kind}]}]}",
     "spec.overlays[0].patches[0].path: must not change apiVersion, kind, status or the whole object, and in metadata "
     "only labels, annotations and finalizers"},
};

static void mistakes_are_reported_by_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        _cleanup_json_ json_t *resource = resource_with("RemoteIstio", mistakes[i].spec);
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct v1_spec s;
        assert_int_equal(parse_remote(resource, NULL, &s, &p), -1);
        assert_problems(mistakes[i].spec, &p, PROBLEM_ERROR, mistakes[i].text);
    }
}

static void fields_of_the_mesh_alone_are_warned_about(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", "{mtls: true, sidecarInjector: {enabled: false}, "
                                                                   "autoInjectionNamespaces: [default]}");
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(parse_remote(resource, NULL, &s, &p), 0);
    assert_problems("warnings", &p, PROBLEM_WARNING,
                    "spec.mtls: is no known field and is ignored\n"
                    "spec.sidecarInjector.enabled: is false, so that pods in autoInjectionNamespaces get no sidecar");
    release(&s);
}

static void an_istio_is_no_remote_istio(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("Istio", "{}");
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(parse_remote(resource, NULL, &s, &p), -1);
    assert_problems("kind", &p, PROBLEM_ERROR, "kind: must be RemoteIstio, but is the string \"Istio\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_resource_has_the_services_of_the_remote_chart),
        cmocka_unit_test(only_citadel_and_the_injector_run_there),
        cmocka_unit_test(what_both_clusters_must_agree_on_comes_from_the_mesh),
        cmocka_unit_test(what_is_left_out_is_as_the_mesh),
        cmocka_unit_test(what_is_given_holds),
        cmocka_unit_test(images_are_of_the_hub_that_is_given),
        cmocka_unit_test(the_schema_has_no_default_for_what_is_as_the_mesh),
        cmocka_unit_test(a_mesh_that_changed_is_followed_again),
        cmocka_unit_test(a_mesh_of_istio_1_1_is_followed_with_what_only_that_has),
        cmocka_unit_test(mistakes_are_reported_by_field),
        cmocka_unit_test(fields_of_the_mesh_alone_are_warned_about),
        cmocka_unit_test(an_istio_is_no_remote_istio),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
