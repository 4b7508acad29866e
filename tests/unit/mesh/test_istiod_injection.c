/* ConfigMap istio-sidecar-injector of today's Istio; what its templates make of pods is tested in tests/injection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "fixture.h"
#include "mesh/istiod/injection/injection.h"
#include "mesh/istiod/istiod.h"

#define TEXT_MAX ((size_t)1 << 20)

static json_t *document(const char *text)
{
    struct yaml_documents docs;
    struct err e = {0};
    json_t *value;

    if (yaml_parse("data", text, strlen(text), TEXT_MAX, &docs, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(docs.len, 1);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

/* The ConfigMap of a resource. Owned by the caller. */
static json_t *config_map_of(const char *version, const char *spec, const char *revision, const char *ns)
{
    json_t *resource = OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", "Istio"),
                              MAP("metadata", STRING("name", "istio"), STRING("namespace", ns)),
                              MAP("spec", STRING("version", version), ROWS(from_yaml(spec))));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *parsed = NULL;
    const char *versions[KIND_COUNT];
    struct rendered_list objects = {0};
    struct err e = {0};
    json_t *config_map;

    if (istio_parse(resource, NULL, &parsed, &problems) < 0) {
        problems_err(&problems, &e);
        fail_msg("%s", e.text);
    }
    mesh_versions_for(34, versions);
    istiod_injection(
        &(struct mesh_env){
            .spec = parsed,
            .release = mesh_release_find(version),
            .ns = ns,
            .revision = revision,
            .versions = versions,
        },
        &objects);
    assert_int_equal(objects.len, 1);
    config_map = json_deep_copy(objects.items[0].object);
    rendered_release(&objects);
    json_decref(resource);
    return config_map;
}

static json_t *plain(const char *spec)
{
    return config_map_of("1.31.1", spec, NULL, "istio-system");
}

static json_t *values_of(const json_t *config_map)
{
    const char *text = doc_string(config_map, "data", "values");
    json_t *values = NULL;

    assert_non_null(text);
    assert_int_equal(doc_parse(text, strlen(text), TEXT_MAX, &values, NULL), 0);
    return values;
}

/* Whether all of `part` is in `whole`, at every depth; sequences as a whole. */
static bool holds(const json_t *whole, const json_t *part)
{
    const char *key;
    json_t *value;

    if (!json_is_object(part))
        return json_equal(part, whole);
    json_object_foreach((json_t *)part, key, value)
        if (!holds(json_object_get(whole, key), value))
            return false;
    return json_is_object(whole);
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What a resource says, and what is then among the values. */
static const struct {
    const char *spec, *part;
} cases[] = {
    {"{}", "global: {hub: docker.io/istio, tag: 1.31.1, istioNamespace: istio-system, pilotCertProvider: istiod}"},
    {"{}", "global: {proxy: {image: proxyv2, logLevel: warning, includeIPRanges: '*', excludeIPRanges: ''}}"},
    {"{}",
     "global: {proxy: {privileged: false, enableCoreDump: false, statusPort: 15020, clusterDomain: cluster.local}}"},
    {"{}",
     "global: {proxy: {resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 2000m, memory: 1024Mi}}}}"},
    {"{}", "revision: ''"},
    {"{}", "pilot: {cni: {enabled: false}, env: {}}"},
    {"{}", "sidecarInjectorWebhook: {rewriteAppHTTPProbe: true}"},
    {"{imageHub: registry.example/istio, imageTag: 1.31.1-own}",
     "global: {hub: registry.example/istio, tag: 1.31.1-own}"},
    {"{imagePullSecrets: [one, two]}", "global: {imagePullSecrets: [one, two]}"},
    {"{imagePullPolicy: Always}", "global: {imagePullPolicy: Always}"},
    {"{imagePullPolicy: IfNotPresent, imageTag: latest}", "global: {imagePullPolicy: IfNotPresent}"},
    {"{imagePullPolicy: IfNotPresent, proxy: {image: 'r.example/p:latest'}}",
     "global: {imagePullPolicy: IfNotPresent}"},
    {"{includeIPRanges: 10.0.0.0/8, excludeIPRanges: 10.1.0.0/16}",
     "global: {proxy: {includeIPRanges: 10.0.0.0/8, excludeIPRanges: 10.1.0.0/16}}"},
    {"{proxy: {logLevel: debug, privileged: true, enableCoreDump: true}}",
     "global: {proxy: {logLevel: debug, privileged: true, enableCoreDump: true}}"},
    {"{proxy: {resources: {limits: {memory: 1Gi}}}}", "global: {proxy: {resources: {limits: {memory: 1Gi}}}}"},
    /* istiod takes a name with a slash as it is, and would complete any other. */
    {"{proxy: {image: 'registry.example:5000/proxy@sha256:" DIGEST "'}}",
     "global: {proxy: {image: 'registry.example:5000/proxy@sha256:" DIGEST "'},"
     " proxy_init: {image: 'registry.example:5000/proxy@sha256:" DIGEST "'}}"},
    {"{proxy: {image: 'own:1'}}", "global: {proxy: {image: 'docker.io/library/own:1'}}"},
    {"{pilot: {env: {ENABLE_CLUSTER_TRUST_BUNDLE_API: 'true', OTHER: a}}}",
     "pilot: {env: {ENABLE_CLUSTER_TRUST_BUNDLE_API: 'true'}}"},
    {"{}", "pilot: {cni: {enabled: false, provider: default}}"},
    {"{cni: {enabled: true}}",
     "{pilot: {cni: {enabled: true, provider: default}}, gateways: {seccompProfile: {type: RuntimeDefault}},"
     " global: {proxy: {seccompProfile: {type: RuntimeDefault}}}}"},
    {"{cni: {enabled: true, platform: OpenShift}}", "pilot: {cni: {enabled: true, provider: multus}}"},
};

static void test_values_follow_the_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *config_map = plain(cases[i].spec), *values = values_of(config_map);
        _cleanup_json_ json_t *part = from_yaml(cases[i].part);
        if (!holds(values, part))
            fail_msg("%s: not %s in %s", cases[i].spec, cases[i].part, doc_string(config_map, "data", "values"));
    }
}

/* What a server would make of it anyway is not said: pods stay as other installers of Istio have them. */
static void test_default_pull_policy_is_left_to_the_server(void **state)
{
    _cleanup_json_ json_t *config_map = plain("{}"), *values = values_of(config_map);

    (void)state;
    assert_null(doc_at(values, "global", "imagePullPolicy"));
}

static void test_config_names_the_templates(void **state)
{
    static const char *const names[] = {"sidecar", "gateway", "grpc-agent", "kube-gateway", "waypoint"};
    _cleanup_json_ json_t *config_map = plain("{}"), *config = NULL;

    (void)state;
    config = document(doc_string(config_map, "data", "config"));
    assert_string_equal(doc_string(config, "policy"), "enabled");
    assert_true(has_string(doc_at(config, "defaultTemplates"), "sidecar"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = doc_string(config, "templates", names[i]);
        assert_non_null(text);
        assert_non_null(strstr(text, "{{- define \"env-identity\" }}"));
        assert_non_null(strstr(text, "name: istio-proxy"));
    }
    assert_int_equal(json_object_size(doc_at(config, "templates")), ARRAY_LEN(names));
}

static void test_revision_has_a_config_map_of_its_own(void **state)
{
    _cleanup_json_ json_t *config_map = config_map_of("1.31.1", "{}", "canary", "mesh"),
                          *values = values_of(config_map);

    (void)state;
    assert_string_equal(doc_string(config_map, "metadata", "name"), "istio-sidecar-injector-canary");
    assert_string_equal(doc_string(config_map, "metadata", "namespace"), "mesh");
    assert_string_equal(doc_string(config_map, "metadata", "labels", "istio.io/rev"), "canary");
    assert_string_equal(doc_string(values, "revision"), "canary");
    assert_string_equal(doc_string(values, "global", "istioNamespace"), "mesh");
}

/* A Pod as istiod injects it by this ConfigMap; with `templates` as the Pod chose them, or NULL. */
static json_t *injected(const json_t *config_map, const char *templates)
{
    _cleanup_json_ json_t *config = document(doc_string(config_map, "data", "config"));

    return OBJECT(STRING("kind", "Pod"),
                  MAP("metadata", STRING("name", "shop"),
                      MAP("annotations",
                          STRING("sidecar.istio.io/status", "{\"initContainers\":[\"istio-init\",\"istio-proxy\"],"
                                                            "\"containers\":null,\"revision\":\"default\"}"),
                          OPT(templates, STRING("inject.istio.io/templates", templates)),
                          ROWS(doc_copy(doc_at(config, "injectedAnnotations"))))));
}

static void test_pod_is_of_the_version_that_injected_it(void **state)
{
    _cleanup_json_ json_t *config_map = plain("{}"), *pod = injected(config_map, NULL);
    _cleanup_free_ char *now = istiod_sidecar_version_of_config(config_map),
                        *of_pod = istiod_sidecar_version_of_pod(pod);

    (void)state;
    assert_string_equal(now, of_pod);
}

/* What decides what a proxy is like, and what does not. */
static const struct {
    const char *spec;
    bool differs;
} changes[] = {
    {"{imageHub: registry.example/istio}", true},
    {"{imageTag: own}", true},
    {"{proxy: {image: 'r.example/p:1'}}", true},
    {"{proxy: {resources: {limits: {memory: 1Gi}}}}", true},
    {"{proxy: {logLevel: debug}}", true},
    {"{proxy: {concurrency: 3}}", true},
    {"{includeIPRanges: 10.0.0.0/8}", true},
    {"{tracing: {zipkinAddress: 'zipkin.example.com:9411'}}", true},
    {"{tracing: {zipkinAddress: 'zipkin.tracing:9411', sampling: 50}}", false},
    {"{tracing: {opentelemetryAddress: 'otel.tracing:4317'}}", false},
    {"{meshConfig: {defaultConfig: {holdApplicationUntilProxyStarts: true}}}", true},
    {"{meshConfig: {trustDomain: prod.example}}", true},
    {"{meshConfig: {accessLogFile: /dev/stdout}}", false},
    {"{pilot: {env: {PILOT_ENABLE_STATUS: 'true'}}}", false},
    {"{pilot: {resources: {requests: {cpu: 1}}}}", false},
    {"{gateways: {enabled: false}}", false},
    {"{autoInjectionNamespaces: [shop]}", false},
};

static void test_sidecar_is_outdated_when_the_mesh_decides_otherwise(void **state)
{
    _cleanup_json_ json_t *before = plain("{}"), *pod = injected(before, NULL);
    _cleanup_free_ char *of_pod = istiod_sidecar_version_of_pod(pod);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        _cleanup_json_ json_t *after = plain(changes[i].spec);
        _cleanup_free_ char *now = istiod_sidecar_version_of_config(after);
        if (str_eq(of_pod, now) == changes[i].differs)
            fail_msg("%s: %s", changes[i].spec, changes[i].differs ? "not outdated" : "outdated");
    }
}

static void test_pod_of_another_installer_is_outdated(void **state)
{
    _cleanup_json_ json_t *config_map = plain("{}"), *pod = injected(config_map, NULL);
    _cleanup_free_ char *now = istiod_sidecar_version_of_config(config_map), *of_pod = NULL;

    (void)state;
    json_object_del(doc_at(pod, "metadata", "annotations"), ISTIOD_SIDECAR_VERSION);
    of_pod = istiod_sidecar_version_of_pod(pod);
    assert_non_null(of_pod);
    assert_string_not_equal(of_pod, now);
}

static void test_pod_without_sidecar_has_no_version(void **state)
{
    static const char *const others[] = {
        "{kind: Pod, metadata: {name: a}}",
        /* Istio 1.0's */
        "{kind: Pod, metadata: {name: a, annotations: {sidecar.istio.io/status: '{\"version\":\"ab\"}'}}}",
        "{kind: Pod, metadata: {name: a, annotations: {sidecar.istio.io/status: 'no JSON'}}}",
    };
    _cleanup_json_ json_t *config_map = plain("{}"), *gateway = injected(config_map, "gateway");
    _cleanup_free_ char *of_user = mesh_sidecar_digest(gateway);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        _cleanup_json_ json_t *pod = from_yaml(others[i]);
        assert_null(istiod_sidecar_version_of_pod(pod));
    }
    /* A gateway of the mesh is replaced with its Deployment; a user's counts. */
    assert_non_null(of_user);
    json_object_set_new(doc_make(gateway, "metadata"), "labels",
                        OBJECT(STRING("app", "istio-ingressgateway"), STRING("app.kubernetes.io/version", "1.31.1")));
    assert_null(mesh_sidecar_digest(gateway));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_follow_the_resource),
        cmocka_unit_test(test_default_pull_policy_is_left_to_the_server),
        cmocka_unit_test(test_config_names_the_templates),
        cmocka_unit_test(test_revision_has_a_config_map_of_its_own),
        cmocka_unit_test(test_pod_is_of_the_version_that_injected_it),
        cmocka_unit_test(test_sidecar_is_outdated_when_the_mesh_decides_otherwise),
        cmocka_unit_test(test_pod_of_another_installer_is_outdated),
        cmocka_unit_test(test_pod_without_sidecar_has_no_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
