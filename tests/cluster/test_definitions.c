/*
 * The definitions of today's Istio on a real API server: it takes them, and with them takes and refuses objects as
 * Istio means it. On a control plane of its own, because those of Istio 1.0 share their names. Needs no node, and no
 * operator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "harness.h"
#include "mesh/istiod/definitions/definitions.h"

#define ANSWER_MAX ((size_t)4 << 20)
/* The oldest Kubernetes that evaluates the rules (CEL, with its functions for URLs). */
#define RULES_SINCE 27

static struct {
    struct rendered_list list;
    int minor;
} t;

static const struct kube_kind *crd(void)
{
    return kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
}

static int begin(void **state)
{
    const char *versions[KIND_COUNT];
    struct err e;
    _cleanup_json_ json_t *version = NULL;

    if (harness_setup(state) != 0)
        return -1;
    assert_int_equal(
        net_client_wait_json(
            h.client, &(struct net_request){.method = NET_GET, .path = str_dup("/version")}, ANSWER_MAX, &version, &e),
        0);
    t.minor = (int)strtol(str_or(doc_string(version, "minor"), "0"), NULL, 10);
    mesh_versions_for(34, versions);
    istiod_definitions(&(struct mesh_env){.ns = NS, .versions = versions}, &t.list);
    for (size_t i = 0; i < t.list.len; i++) {
        const char *name = doc_string(t.list.items[i].object, "metadata", "name");
        struct place place = {crd(), NULL, name};
        cluster_delete_if_there(crd(), NULL, name);
        wait_until(cluster_lacks, &place, PATIENCE, name);
        cluster_create(crd(), t.list.items[i].object);
    }
    return 0;
}

static int end(void **state)
{
    for (size_t i = 0; i < t.list.len; i++)
        cluster_delete_if_there(crd(), NULL, doc_string(t.list.items[i].object, "metadata", "name"));
    rendered_release(&t.list);
    return harness_teardown(state);
}

static const json_t *find(const char *kind)
{
    for (size_t i = 0; i < t.list.len; i++)
        if (str_eq(doc_string(t.list.items[i].object, "spec", "names", "kind"), kind))
            return t.list.items[i].object;
    fail_msg("no definition of %s", kind);
    return NULL;
}

static bool is_established(void *name)
{
    _cleanup_json_ json_t *definition = cluster_get(crd(), NULL, name), *text = NULL;
    const json_t *conditions = doc_at(definition, "status", "conditions");

    if (!definition || doc_find((json_t *)conditions, "type", "NonStructuralSchema"))
        return false;
    return str_eq(doc_string(doc_find((json_t *)conditions, "type", "Established"), "status"), "True");
}

/* What the server keeps of one; servers without rules drop them. */
static void the_server_takes_the_definitions_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < t.list.len; i++) {
        const json_t *desired = t.list.items[i].object;
        const char *name = doc_string(desired, "metadata", "name");
        _cleanup_json_ json_t *live = NULL;
        json_t *version;
        size_t k;

        wait_until(is_established, (void *)name, PATIENCE, name);
        live = cluster_get(crd(), NULL, name);
        json_array_foreach(doc_at(desired, "spec", "versions"), k, version)
            if (t.minor >= RULES_SINCE &&
                !doc_equal(
                    json_object_get(version, "schema"),
                    json_object_get(json_array_get(doc_at(live, "spec", "versions"), k), "schema")))
                fail_msg("%s: the server has another schema", name);
    }
}

/* A spec in YAML, and what the server says where it does not take it. */
struct sample {
    const char *kind, *version, *spec;
    const char *refusal;
    bool by_rule; /* which servers without rules do not know */
};

static const struct sample samples[] = {
    {"VirtualService",
     "v1",
     "{hosts: [a], http: [{match: [{uri: {prefix: /}}], route: [{destination: {host: b, port: {number: 80}}}], "
     "timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s}}]}"},
    {"VirtualService", "v1beta1", "{hosts: [a], tcp: [{route: [{destination: {host: b}, weight: 1}]}]}"},
    {"VirtualService", "v1", "{hosts: a}", "spec.hosts"},
    {"VirtualService", "v1", "{http: [{route: [{weight: 3}]}]}", "destination"},
    {"VirtualService", "v1", "{http: [{match: [{uri: {prefix: /, exact: /a}}]}]}", "uri"},
    {"VirtualService", "v1", "{http: [{match: [{port: -1}]}]}", "port"},
    {"VirtualService", "v1", "{http: [{redirect: {port: 80, derivePort: FROM_REQUEST_PORT}}]}", "redirect"},
    {"VirtualService", "v1", "{http: [{corsPolicy: {unmatchedPreflights: NEVER}}]}", "NEVER"},
    {"VirtualService", "v1", "{http: [{timeout: 0.5ms}]}", "timeout", true},
    {"VirtualService", "v1", "{http: [{timeout: soon}]}", "timeout", true},
    {"DestinationRule",
     "v1",
     "{host: a, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, tls: {mode: ISTIO_MUTUAL}, connectionPool: {http: "
     "{http2KeepAlive: {interval: 5s}}}}, subsets: [{name: v1, labels: {version: v1}}]}"},
    {"DestinationRule", "v1alpha3", "{trafficPolicy: {}}", "host"},
    {"DestinationRule", "v1", "{host: a, trafficPolicy: {tls: {mode: NEVER}}}", "NEVER"},
    {"DestinationRule",
     "v1",
     "{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}}",
     "loadBalancer"},
    {"DestinationRule",
     "v1",
     "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 7}, ringHash: "
     "{}}}}}",
     "consistentHash"},
    {"DestinationRule",
     "v1",
     "{host: a, trafficPolicy: {outlierDetection: {outlierDetectionHttpErrorCodes: [500, 99]}}}",
     "99"},
    {"DestinationRule", "v1", "{host: a, workloadSelector: {matchLabels: {a*: b}}}", "matchLabels", true},
    {"Gateway",
     "v1",
     "{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], "
     "tls: {mode: SIMPLE, credentialName: c}}]}"},
    {"Gateway", "v1", "{servers: [{hosts: ['*']}]}", "port"},
    {"Gateway", "v1", "{servers: [{port: {number: http, name: a, protocol: HTTP}, hosts: ['*']}]}", "number"},
    {"Gateway",
     "v1",
     "{servers: [{port: {number: 1, name: a, protocol: HTTPS}, hosts: [a], tls: {credentialName: a, credentialNames: "
     "[b]}}]}",
     "tls",
     true},
    {"ServiceEntry",
     "v1",
     "{hosts: [a.example.com], ports: [{number: 443, name: https, protocol: TLS}], resolution: DNS, location: "
     "MESH_EXTERNAL}"},
    {"ServiceEntry", "v1", "{hosts: []}", "hosts"},
    {"ServiceEntry", "v1", "{hosts: [a], ports: [{number: 1, name: a}, {number: 2, name: a}]}", "Duplicate"},
    {"ServiceEntry", "v1", "{hosts: [a], ports: [{number: 1, name: a}, {number: 1, name: b}]}", "ports", true},
    {"ServiceEntry", "v1", "{hosts: ['*']}", "hosts", true},
    {"ServiceEntry", "v1", "{hosts: [a], resolution: NONE, endpoints: [{address: 1.2.3.4}]}", "spec", true},
    {"WorkloadEntry", "v1", "{address: 1.2.3.4, labels: {a: b}, ports: {http: 80}}"},
    {"WorkloadEntry", "v1", "{labels: {a: b}}", "spec", true},
    {"WorkloadEntry", "v1", "{address: 'unix:///a/', ports: {}}", "address", true},
    {"WorkloadGroup", "v1", "{template: {serviceAccount: a}, probe: {httpGet: {port: 80}}}"},
    {"WorkloadGroup", "v1", "{metadata: {}}", "template"},
    {"WorkloadGroup", "v1", "{template: {}, probe: {httpGet: {port: 80}, exec: {command: [a]}}}", "probe"},
    {"Sidecar", "v1", "{egress: [{hosts: ['./*']}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"},
    {"Sidecar", "v1", "{egress: [{bind: a}]}", "hosts"},
    {"EnvoyFilter",
     "v1alpha3",
     "{configPatches: [{applyTo: CLUSTER, match: {context: ANY, cluster: {name: a}}, patch: {operation: MERGE, value: "
     "{anything: {goes: [1, two, {three: 3}]}}}}]}"},
    {"EnvoyFilter", "v1alpha3", "{configPatches: [{applyTo: SOMETHING}]}", "SOMETHING"},
    {"EnvoyFilter", "v1alpha3", "{configPatches: [{match: {cluster: {}, listener: {}}}]}", "match"},
    {"EnvoyFilter", "v1alpha3", "{configPatches: [{match: {context: WAYPOINT}}]}", "match", true},
    {"ProxyConfig", "v1beta1", "{concurrency: 0, environmentVariables: {A: b}, image: {imageType: distroless}}"},
    {"ProxyConfig", "v1beta1", "{concurrency: -1}", "concurrency"},
    {"AuthorizationPolicy",
     "v1",
     "{selector: {matchLabels: {app: a}}, action: DENY, rules: [{from: [{source: {principals: ['*']}}], to: "
     "[{operation: {methods: [GET]}}], when: [{key: a, values: [b]}]}]}"},
    {"AuthorizationPolicy", "v1beta1", "{action: MAYBE}", "MAYBE"},
    {"AuthorizationPolicy", "v1", "{rules: [{when: [{values: [b]}]}]}", "key"},
    {"AuthorizationPolicy", "v1", "{targetRef: {kind: 'No kind', name: a}}", "kind"},
    {"AuthorizationPolicy",
     "v1",
     "{selector: {matchLabels: {app: a}}, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]}",
     "spec",
     true},
    {"PeerAuthentication",
     "v1",
     "{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}}}"},
    {"PeerAuthentication", "v1", "{mtls: {mode: strict}}", "strict"},
    {"PeerAuthentication", "v1", "{portLevelMtls: {}}", "portLevelMtls"},
    {"PeerAuthentication", "v1", "{mtls: {}, portLevelMtls: {'80': {mode: DISABLE}}}", "spec", true},
    {"RequestAuthentication",
     "v1",
     "{jwtRules: [{issuer: a, jwksUri: 'https://example.com/keys', fromHeaders: [{name: b}]}]}"},
    {"RequestAuthentication", "v1", "{jwtRules: [{issuer: ''}]}", "issuer"},
    {"RequestAuthentication", "v1", "{jwtRules: [{issuer: a, jwksUri: 'ftp://a'}]}", "jwksUri", true},
    {"RequestAuthentication", "v1", "{jwtRules: [{issuer: a, jwksUri: 'https://a', jwks: b}]}", "jwtRules", true},
    {"Telemetry",
     "v1",
     "{tracing: [{randomSamplingPercentage: 10.5, customTags: {a: {literal: {value: b}}}}], metrics: [{overrides: "
     "[{match: {metric: ALL_METRICS}, tagOverrides: {a: {operation: REMOVE}}}]}], accessLogging: [{disabled: null}]}"},
    {"Telemetry", "v1alpha1", "{tracing: [{randomSamplingPercentage: 100.5}]}", "100"},
    {"Telemetry", "v1", "{tracing: [{customTags: {a: {literal: {value: b}, header: {name: c}}}}]}", "customTags"},
    {"WasmPlugin",
     "v1alpha1",
     "{url: 'oci://example.com/a:1', phase: AUTHN, pluginConfig: {a: [1]}, vmConfig: {env: [{name: A, value: b}]}, "
     "match: [{mode: SERVER, ports: [{number: 80}]}]}"},
    {"WasmPlugin", "v1alpha1", "{phase: AUTHN}", "url"},
    {"WasmPlugin", "v1alpha1", "{url: a, sha256: x}", "sha256"},
    {"WasmPlugin", "v1alpha1", "{url: a, match: [{ports: [{number: 70000}]}]}", "number"},
    {"WasmPlugin", "v1alpha1", "{url: 'ftp://example.com/a'}", "url", true},
    {"TrafficExtension", "v1alpha1", "{lua: {inlineCode: 'function f() end'}, phase: STATS, priority: 1}"},
    {"TrafficExtension", "v1alpha1", "{lua: {inlineCode: a}, wasm: {url: b}}", "spec"},
    {"TrafficExtension", "v1alpha1", "{phase: STATS}", "spec", true},
};

static json_t *parse(const char *text)
{
    struct yaml_documents documents;
    struct err e;
    json_t *value;

    if (yaml_parse("sample", text, strlen(text), ANSWER_MAX, &documents, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(documents.len, 1);
    value = json_incref(documents.items[0].value);
    yaml_documents_release(&documents);
    return value;
}

/* What the server would keep; NULL where it does not take it, with what it says. */
static json_t *try_sample(const struct sample *s, const json_t *spec, struct err *ret_refusal)
{
    const json_t *definition = find(s->kind);
    const char *group = doc_string(definition, "spec", "group");
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *object = OBJECT(
        FORMAT("apiVersion", "%s/%s", group, s->version),
        STRING("kind", s->kind),
        MAP("metadata", STRING("name", "sample"), STRING("namespace", NS)),
        VALUE("spec", doc_copy(spec)));
    const struct kube_kind kind = {
        .kind = s->kind,
        .plural = doc_string(definition, "spec", "names", "plural"),
        .group = group,
        .namespaced = true};
    struct net_request request;
    _cleanup_free_ char *path = NULL;
    json_t *answer;

    text = doc_text(object);
    request = kube_request_create(&kind, s->version, NS, text);
    path = request.path;
    request.path = str_printf("%s?dryRun=All", path);
    return net_client_wait_json(h.client, &request, ANSWER_MAX, &answer, ret_refusal) < 0 ? NULL : answer;
}

static void objects_are_taken_and_refused_as_istio_means_it(void **state)
{
    size_t wrong = 0, asked = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *s = &samples[i];
        _cleanup_json_ json_t *spec = parse(s->spec), *kept = NULL;
        struct err refusal = {0};

        if (s->by_rule && t.minor < RULES_SINCE)
            continue;
        asked++;
        kept = try_sample(s, spec, &refusal);
        if (!s->refusal && kept && doc_equal(json_object_get(kept, "spec"), spec))
            continue; /* with no default and without a loss */
        if (s->refusal && !kept && refusal.class == ERR_INVALID && strstr(refusal.text, s->refusal))
            continue;
        print_message("%s %s: %s\n", s->kind, s->spec, kept ? "taken, perhaps changed" : refusal.text);
        wrong++;
    }
    print_message("%zu samples on Kubernetes 1.%d, %zu wrong\n", asked, t.minor, wrong);
    assert_int_equal(wrong, 0);
}

/* The server drops fields that the schema has not, but in the status and in what is open. */
static void unknown_fields_are_dropped(void **state)
{
    static const struct sample s = {"Sidecar", "v1", "{egress: [{hosts: [a], colour: red}], size: 3}"};
    _cleanup_json_ json_t *spec = parse(s.spec), *wanted = parse("{egress: [{hosts: [a]}]}"), *kept = NULL;
    struct err e;

    (void)state;
    kept = try_sample(&s, spec, &e);
    assert_non_null(kept);
    assert_true(doc_equal(json_object_get(kept, "spec"), wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_takes_the_definitions_as_they_are),
        cmocka_unit_test(objects_are_taken_and_refused_as_istio_means_it),
        cmocka_unit_test(unknown_fields_are_dropped),
    };

    return cmocka_run_group_tests_name("definitions", tests, begin, end);
}
