/* The resource Istio: what its fields become, and what is said of mistakes. */
#include "api/istio.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "support.h"

static const struct api_release releases[] = {{"1.0.5", 10, 21}, {"1.0.6", 10, 21}, {"1.1.17", 11, 21}};

static const struct api_context context = {
    .releases = releases,
    .release_count = ARRAY_LEN(releases),
    .kubernetes_minor = 20,
};

static json_t *resource_with(const char *spec)
{
    _cleanup_free_ char *text = str_printf("apiVersion: istio.banzaicloud.io/v1beta1\n"
                                           "kind: Istio\n"
                                           "metadata: {name: istio, namespace: istio-system}\n"
                                           "spec: %s\n",
                                           spec);

    return from_yaml(text);
}

static int parse(const char *spec, const struct api_context *c, struct v1_spec *ret, struct problems *problems)
{
    _cleanup_json_ json_t *resource = resource_with(spec);

    return parse_istio(resource, c, ret, problems);
}

static void assert_replicas(const struct component_spec *c, int least, int count, int most)
{
    assert_int_equal(c->min_replicas, least);
    assert_int_equal(c->replica_count, count);
    assert_int_equal(c->max_replicas, most);
}

/* Those of the Helm chart. */
static void an_empty_resource_has_the_defaults_of_the_chart(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(parse("{}", &context, &s, &p), 0);
    assert_int_equal(p.len, 0);
    assert_string_equal(s.common.version, "1.0.5");
    assert_string_equal(s.common.image_hub, "docker.io/istio");
    assert_null(s.common.image_tag);
    assert_string_equal(s.common.image_pull_policy, "IfNotPresent");
    assert_null(s.common.image_pull_secrets);
    assert_false(s.common.mtls);
    assert_false(s.control_plane_security_enabled);
    assert_string_equal(s.common.include_ip_ranges, "*");
    assert_string_equal(s.common.exclude_ip_ranges, "");
    assert_int_equal(json_array_size(s.common.auto_injection_namespaces), 0);
    assert_non_null(s.common.auto_injection_namespaces);
    assert_false(s.common.default_pod_disruption_budget);
    assert_false(s.common.remove_crds);
    assert_false(s.common.pause);
    assert_null(s.common.overlays);
    assert_true(s.common.tracing.enabled);
    assert_null(s.common.tracing.zipkin_address);
    assert_true(s.common.tracing.sampling == 1);
    assert_null(s.common.proxy.image);
    assert_null(s.common.proxy.resources);
    assert_false(s.common.proxy.privileged);
    assert_false(s.common.proxy.enable_core_dump);
    assert_null(s.common.proxy.log_level);
    assert_int_equal(s.common.proxy.concurrency, 0);
    assert_null(s.proxy_init.image);
    assert_replicas(&s.citadel, 1, 1, 1);
    assert_replicas(&s.galley, 1, 1, 1);
    assert_replicas(&s.sidecar_injector, 1, 1, 1);
    assert_replicas(&s.common.pilot, 1, 1, 5);
    assert_replicas(&s.policy, 1, 1, 5);
    assert_replicas(&s.telemetry, 1, 1, 5);
    assert_replicas(&s.common.gateways.ingress.component, 1, 1, 5);
    assert_replicas(&s.common.gateways.egress.component, 1, 1, 5);
    for (const struct mesh_component *c = v1_0_line.central.components; c->name; c++) {
        const struct component_spec *component = c->spec(&s.common);
        assert_true(component->enabled);
        assert_null(component->image);
        assert_null(component->resources);
        assert_null(component->node_selector);
        assert_null(component->affinity);
        assert_null(component->tolerations);
    }
    release(&s);
}

static void a_resource_without_a_spec_is_an_empty_one(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(parse("null", NULL, &s, &p), 0);
    assert_string_equal(s.common.version, "1.0.5");
    release(&s);
}

static void every_field_arrives(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(
        parse("\n"
              "  version: 1.0.6\n"
              "  imageHub: registry.example.com/istio\n"
              "  imageTag: mine\n"
              "  imagePullPolicy: Always\n"
              "  imagePullSecrets: [one, two]\n"
              "  mtls: true\n"
              "  controlPlaneSecurityEnabled: true\n"
              "  includeIPRanges: 10.0.0.0/8\n"
              "  excludeIPRanges: 10.1.0.0/16\n"
              "  autoInjectionNamespaces: [default, shop]\n"
              "  defaultPodDisruptionBudget: {enabled: true}\n"
              "  removeCRDs: true\n"
              "  pause: true\n"
              "  overlays: [{kind: Service, name: istio-pilot, patches: [{op: remove, path: /spec/x}]}]\n"
              "  tracing: {enabled: false, zipkinAddress: \"zipkin:1\", sampling: 12.5}\n"
              "  proxy: {image: a/proxy, resources: {requests: {cpu: 10m}}, privileged: true, enableCoreDump: true,\n"
              "          logLevel: debug, concurrency: 2}\n"
              "  proxyInit: {image: a/init}\n"
              "  pilot: {enabled: false, image: a/pilot, replicaCount: 3, minReplicas: 2, maxReplicas: 4,\n"
              "          resources: {limits: {memory: 1Gi}}, nodeSelector: {disk: ssd},\n"
              "          affinity: {podAffinity: {}}, tolerations: [{operator: Exists}]}\n"
              "  citadel: {image: a/citadel}\n"
              "  galley: {image: a/galley}\n"
              "  policy: {image: a/policy}\n"
              "  telemetry: {image: a/telemetry}\n"
              "  sidecarInjector: {image: a/injector}\n"
              "  gateways: {ingress: {image: a/ingress}, egress: {image: a/egress}}",
              &context, &s, &p),
        0);
    assert_string_equal(s.common.version, "1.0.6");
    assert_string_equal(s.common.image_hub, "registry.example.com/istio");
    assert_string_equal(s.common.image_tag, "mine");
    assert_string_equal(s.common.image_pull_policy, "Always");
    assert_int_equal(json_array_size(s.common.image_pull_secrets), 2);
    assert_true(s.common.mtls);
    assert_true(s.control_plane_security_enabled);
    assert_string_equal(s.common.include_ip_ranges, "10.0.0.0/8");
    assert_string_equal(s.common.exclude_ip_ranges, "10.1.0.0/16");
    assert_string_equal(json_string_value(json_array_get(s.common.auto_injection_namespaces, 1)), "shop");
    assert_true(s.common.default_pod_disruption_budget);
    assert_true(s.common.remove_crds);
    assert_true(s.common.pause);
    assert_string_equal(doc_string(json_array_get(s.common.overlays, 0), "name"), "istio-pilot");
    assert_false(s.common.tracing.enabled);
    assert_string_equal(s.common.tracing.zipkin_address, "zipkin:1");
    assert_true(s.common.tracing.sampling == 12.5);
    assert_string_equal(s.common.proxy.image, "a/proxy");
    assert_string_equal(doc_string(s.common.proxy.resources, "requests", "cpu"), "10m");
    assert_true(s.common.proxy.privileged);
    assert_true(s.common.proxy.enable_core_dump);
    assert_string_equal(s.common.proxy.log_level, "debug");
    assert_int_equal(s.common.proxy.concurrency, 2);
    assert_string_equal(s.proxy_init.image, "a/init");
    assert_false(s.common.pilot.enabled);
    assert_replicas(&s.common.pilot, 2, 3, 4);
    assert_string_equal(doc_string(s.common.pilot.resources, "limits", "memory"), "1Gi");
    assert_string_equal(doc_string(s.common.pilot.node_selector, "disk"), "ssd");
    assert_non_null(doc_at(s.common.pilot.affinity, "podAffinity"));
    assert_string_equal(doc_string(json_array_get(s.common.pilot.tolerations, 0), "operator"), "Exists");
    assert_string_equal(s.common.pilot.image, "a/pilot");
    assert_string_equal(s.citadel.image, "a/citadel");
    assert_string_equal(s.galley.image, "a/galley");
    assert_string_equal(s.policy.image, "a/policy");
    assert_string_equal(s.telemetry.image, "a/telemetry");
    assert_string_equal(s.sidecar_injector.image, "a/injector");
    assert_string_equal(s.common.gateways.ingress.component.image, "a/ingress");
    assert_string_equal(s.common.gateways.egress.component.image, "a/egress");
    release(&s);
}

/* min, count and max of a component without (citadel) and with (pilot) an autoscaler by default. */
static void replicas_follow_from_what_is_given(void **state)
{
    static const struct {
        const char *given;
        int citadel[3], pilot[3];
    } cases[] = {
        {"{}", {1, 1, 1}, {1, 1, 5}},
        {"{replicaCount: 2}", {2, 2, 2}, {1, 2, 5}},
        {"{minReplicas: 3}", {3, 3, 3}, {3, 3, 5}},
        {"{maxReplicas: 4}", {1, 1, 4}, {1, 1, 4}},
        {"{minReplicas: 3, maxReplicas: 3}", {3, 3, 3}, {3, 3, 3}},
        {"{replicaCount: 2, maxReplicas: 4}", {2, 2, 4}, {1, 2, 4}},
        {"{replicaCount: 2, minReplicas: 1}", {1, 2, 2}, {1, 2, 5}},
        {"{replicaCount: 3, minReplicas: 2, maxReplicas: 9}", {2, 3, 9}, {2, 3, 9}},
        {"{replicaCount: 1000, minReplicas: 1, maxReplicas: 1000}", {1, 1000, 1000}, {1, 1000, 1000}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf("{citadel: %s, pilot: %s}", cases[i].given, cases[i].given);
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct v1_spec s;
        if (parse(spec, &context, &s, &p) < 0)
            assert_problems(cases[i].given, &p, PROBLEM_ERROR, "");
        assert_replicas(&s.citadel, cases[i].citadel[0], cases[i].citadel[1], cases[i].citadel[2]);
        assert_replicas(&s.common.pilot, cases[i].pilot[0], cases[i].pilot[1], cases[i].pilot[2]);
        release(&s);
    }
}

#define NO_RESOURCE                                                                                                    \
    "is no resource: allowed are cpu, memory, ephemeral-storage, hugepages-SIZE and extended resources with their "    \
    "domain such as nvidia.com/gpu"
#define TERM "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."

#define NOT_ALLOWED(verb)                                                                                              \
    "must not " verb " apiVersion, kind, status or the whole object, and in metadata only labels, annotations and "    \
    "finalizers"
#define NO_VALUE(patch)                                                                                                \
    "spec.overlays[0].patches" patch ".value: must be there, and not null, which kubectl apply leaves out; the "       \
    "operation remove takes a field away"

static const struct {
    const char *name, *spec, *errors, *warnings;
} cases[] = {
    {"an unknown version", "{version: 1.0.4}", "spec.version: must be one of 1.0.5, 1.0.6, 1.1.17, but is 1.0.4", ""},
    {"a version that is none", "{version: latest}",
     "spec.version: must be a version of Istio such as 1.0.5, but is the string \"latest\"", ""},
    {"mtls in quotes", "{mtls: \"true\"}", "spec.mtls: must be true or false, but is the string \"true\"", ""},
    {"ranges that are none", "{includeIPRanges: \"10.0.0.0/8,10.1.0.0\", excludeIPRanges: \"*\"}",
     "spec.includeIPRanges: must be \"*\", or IPv4 or IPv6 ranges, separated by commas (\"10.0.0.0/8,fd00::/8\"), but "
     "is the string \"10.0.0.0/8,10.1.0.0\": \"10.1.0.0\" has no prefix length (/32 is this one address)\n"
     "spec.excludeIPRanges: must be IPv4 or IPv6 ranges, separated by commas (\"10.0.0.0/8,fd00::/8\"), but is the "
     "string \"*\": \"*\" is only allowed alone",
     ""},
    {"namespaces that must stay without sidecars",
     "{autoInjectionNamespaces: [default, istio-system, kube-system, kube-public, kube-node-lease]}",
     "spec.autoInjectionNamespaces[1]: must not be istio-system, the control plane's own namespace\n"
     "spec.autoInjectionNamespaces[2]: must not be kube-system, a namespace of Kubernetes itself\n"
     "spec.autoInjectionNamespaces[3]: must not be kube-public, a namespace of Kubernetes itself\n"
     "spec.autoInjectionNamespaces[4]: must not be kube-node-lease, a namespace of Kubernetes itself",
     ""},
    {"a namespace twice, and one that is none", "{autoInjectionNamespaces: [a, a, A]}",
     "spec.autoInjectionNamespaces[2]: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a "
     "letter or digit), but is the string \"A\"\n"
     "spec.autoInjectionNamespaces[1]: must be in the list once, but \"a\" is there before",
     ""},
    {"min above max", "{pilot: {minReplicas: 6}, gateways: {ingress: {minReplicas: 3, maxReplicas: 2}}}",
     "spec.pilot.minReplicas: must not be above maxReplicas, which is 5, but is 6\n"
     "spec.gateways.ingress.minReplicas: must not be above maxReplicas, which is 2, but is 3",
     ""},
    {"a count outside min and max",
     "{pilot: {replicaCount: 7}, citadel: {replicaCount: 1, minReplicas: 2}, galley: {replicaCount: 3, minReplicas: 2, "
     "maxReplicas: 2}}",
     "spec.citadel.replicaCount: must be from minReplicas, which is 2, to maxReplicas, which is 2, but is 1\n"
     "spec.galley.replicaCount: must be from minReplicas, which is 2, to maxReplicas, which is 2, but is 3\n"
     "spec.pilot.replicaCount: must be from minReplicas, which is 1, to maxReplicas, which is 5, but is 7",
     ""},
    {"a count of nothing", "{sidecarInjector: {replicaCount: 0}}",
     "spec.sidecarInjector.replicaCount: must be a whole number from 1 to 1000, but is 0", ""},
    {"a wrong max leads to no complaint about min", "{pilot: {minReplicas: 6, maxReplicas: many}}",
     "spec.pilot.maxReplicas: must be a whole number from 1 to 1000, but is the string \"many\"", ""},
    {"an overlay without what it needs", "{overlays: [{kind: Service, patches: []}]}",
     "spec.overlays[0].name: is required\n"
     "spec.overlays[0].patches: must have from 1 to 100 entries, but has 0",
     ""},
    {"an overlay with an operation that is none",
     "{overlays: [{kind: Service, name: x, patches: [{op: set, path: spec}]}]}",
     "spec.overlays[0].patches[0].op: must be one of add, remove, replace, move, copy, test, but is the string "
     "\"set\"\n"
     "spec.overlays[0].patches[0].path: must be a JSON pointer such as /spec/template/spec/containers/0/image, but is "
     "the string \"spec\"",
     ""},
    {"an overlay whose operations lack something",
     "{overlays: [{kind: Service, name: x, patches: [{op: remove, path: /a}, {op: add, path: /b}]}]}", NO_VALUE("[1]"),
     ""},
    {"an overlay with null for a value",
     "{overlays: [{kind: Service, name: x, patches: [{op: add, path: /a, value: null}, {op: replace, path: /a, value: "
     "null}, "
     "{op: test, path: /a, value: null}, {op: remove, path: /a, value: null}, {op: add, path: /a, value: {b: "
     "null}}]}]}",
     NO_VALUE("[0]") "\n" NO_VALUE("[1]") "\n" NO_VALUE("[2]"), ""},
    {"an overlay that makes another object",
     "{overlays: [{kind: Service, name: x, patches: [{op: test, path: /kind, value: Service}, "
     "{op: replace, path: /metadata/name, value: y}, {op: replace, path: \"\", value: {}}, "
     "{op: move, from: /metadata/namespace, path: /spec/x}, {op: add, path: /metadata/labels/x, value: y}]}]}",
     "spec.overlays[0].patches[1].path: " NOT_ALLOWED(
         "change") "\n"
                   "spec.overlays[0].patches[2].path: " NOT_ALLOWED(
                       "change") "\n"
                                 "spec.overlays[0].patches[3].from: " NOT_ALLOWED("move"),
     ""},
    {"an overlay on what others write",
     "{overlays: [{kind: Service, name: x, patches: [{op: add, path: /metadata/uid, value: x}, "
     "{op: add, path: /metadata/managedFields/0, value: {}}, {op: add, path: /metadata, value: {}}, "
     "{op: copy, from: /metadata/name, path: /metadata/generateName}, {op: add, path: /status, value: {}}, "
     "{op: remove, path: /status/loadBalancer}, {op: add, path: /metadata/ownerReferences, value: []}, "
     "{op: add, path: /metadata/finalizers, value: [a.b/c]}, {op: remove, path: /metadata/annotations/x}, "
     "{op: add, path: /statusx, value: 1}, {op: add, path: /spec/status, value: 1}]}]}",
     "spec.overlays[0].patches[0].path: " NOT_ALLOWED(
         "change") "\n"
                   "spec.overlays[0].patches[1].path: " NOT_ALLOWED(
                       "change") "\n"
                                 "spec.overlays[0].patches[2].path: " NOT_ALLOWED(
                                     "change") "\n"
                                               "spec.overlays[0].patches[3].path: " NOT_ALLOWED(
                                                   "change") "\n"
                                                             "spec.overlays[0].patches[4].path: " NOT_ALLOWED(
                                                                 "change") "\n"
                                                                           "spec.overlays[0].patches[5].path:"
                                                                           " " NOT_ALLOWED(
                                                                               "change") "\n"
                                                                                         "spec.overlays[0].patches[6]."
                                                                                         "path: " NOT_ALLOWED("change"),
     ""},
    {"resources", "{pilot: {resources: {requests: {cpu: 1.5, memory: lots}, limit: {}}}}",
     "spec.pilot.resources.requests.cpu: must be a quantity such as 2, \"500m\" or \"128Mi\", not below zero, but is "
     "1.5: write it in quotes\n"
     "spec.pilot.resources.requests.memory: must be a quantity such as 2, \"500m\" or \"128Mi\", not below zero, but "
     "is the string \"lots\"\n"
     "spec.pilot.resources.limit: is no field of ResourceRequirements and would be dropped; did you mean limits?",
     ""},
#define AT "spec.pilot.resources."
    {"requests above limits, as a server stores them",
     "{pilot: {resources: {requests: {cpu: 2, memory: 1025Mi}, limits: {cpu: 1999m, memory: 1Gi}}}, "
     "proxy: {resources: {requests: {cpu: 1001u}, limits: {cpu: 1m}}}, "
     "citadel: {resources: {requests: {cpu: 1500u, memory: 1.5Gi}, limits: {cpu: 2m, memory: 1536Mi}}}}",
     "spec.proxy.resources.requests.cpu: must not be above the limit, which is 1m, but is 1001u\n" AT
     "requests.cpu: must not be above the limit, which is 1999m, but is 2\n" AT
     "requests.memory: must not be above the limit, which is 1Gi, but is 1025Mi",
     ""},
    {"resources that are none",
     "{pilot: {resources: {requests: {CPU: 1, gpu: 1, Memory: 1, example.com/x: 1, pods: 1, cpu: 8Ei}, limits: "
     "{requests.example.com/x: 1, kubernetes.io/batch: 1, hugepages-2Mi: 2Mi, a_b/c: 1, example.com/: 1}}}}",
     AT "limits.a_b/c: the key must be the name of a resource such as cpu, memory or nvidia.com/gpu\n" AT
        "limits[\"example.com/\"]: the key must be the name of a resource such as cpu, memory or nvidia.com/gpu",
     ""},
    {"resources that are none, though they look so",
     "{pilot: {resources: {requests: {CPU: 1, gpu: 1, pods: 1, cpu: 8Ei}, limits: {requests.example.com/x: 1}}}}",
     AT "requests.CPU: " NO_RESOURCE "\n" AT "requests.gpu: " NO_RESOURCE "\n" AT "requests.pods: " NO_RESOURCE "\n" AT
        "requests.cpu: must be less than 9223372036854775807, but is 8Ei\n" AT
        "limits[\"requests.example.com/x\"]: must be an extended resource whose domain has at most 244 characters and "
        "does not begin with \"requests.\"",
     ""},
    {"huge pages that are not whole",
     "{pilot: {resources: {limits: {cpu: 1, hugepages-2Mi: 3Mi, hugepages-1Gi: 1536Mi, hugepages-64Ki: 128Ki, "
     "hugepages-a: 1}}}}",
     AT "limits.hugepages-2Mi: must be a multiple of the page size in its name, but is 3Mi\n" AT
        "limits.hugepages-1Gi: must be a multiple of the page size in its name, but is 1536Mi\n" AT
        "limits.hugepages-a: must be a multiple of the page size in its name, but is 1",
     ""},
    {"extended resources and huge pages, which are not shared out twice",
     "{pilot: {resources: {requests: {example.com/x: 1}}}, "
     "galley: {resources: {requests: {example.com/x: 1}, limits: {example.com/x: 2}}}, "
     "citadel: {resources: {limits: {example.com/x: 1500m, example.com/y: 2000m}}}, "
     "policy: {resources: {limits: {hugepages-2Mi: 4Mi}}}, "
     "telemetry: {resources: {requests: {cpu: 1, hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 4Mi}}}, "
     "sidecarInjector: {resources: {limits: {example.com/x: 2, hugepages-1Gi: 1Gi, memory: 1Gi}}}}",
     "spec.citadel.resources.limits[\"example.com/x\"]: must be a whole number, as of all extended resources, but is "
     "1500m\n"
     "spec.galley.resources.requests[\"example.com/x\"]: must be the limit, which is 2, as this resource cannot be "
     "overcommitted, but is 1\n" AT
     "requests[\"example.com/x\"]: must have the same value in limits, as this resource cannot be overcommitted\n"
     "spec.policy.resources: must have cpu or memory beside hugepages\n"
     "spec.telemetry.resources.requests.hugepages-2Mi: must be the limit, which is 4Mi, as this resource cannot be "
     "overcommitted, but is 2Mi",
     ""},
#undef AT
#define AT "spec.pilot.tolerations"
    {"tolerations that no server takes",
     "{pilot: {tolerations: [{}, {key: a, operator: Exists, value: b}, {operator: Equal, value: b}, "
     "{key: a, tolerationSeconds: 5}, {key: a, effect: NoSchedule, tolerationSeconds: 5}, {key: a b, operator: "
     "Exists}, "
     "{key: a, effect: Never}, {key: a, operator: Gt, value: 1}, null, a]}}",
     AT "[0].operator: must be Exists where there is no key\n" AT
        "[1].value: must be left out with operator Exists\n" AT
        "[2].operator: must be Exists where there is no key\n" AT
        "[3].effect: must be NoExecute where there are tolerationSeconds\n" AT
        "[4].effect: must be NoExecute where there are tolerationSeconds\n" AT
        "[5].key: must be the name of a label such as disktype or kubernetes.io/os, but is the string \"a b\"\n" AT
        "[6].effect: must be one of NoSchedule, PreferNoSchedule, NoExecute, but is the string \"Never\"\n" AT
        "[7].operator: must be one of Equal, Exists, but is the string \"Gt\"\n" AT
        "[7].value: must be the value of a label (at most 63 letters, digits, -, _ and ., beginning and ending with a "
        "letter or digit), but is 1: write it in quotes\n" AT "[8]: must be an object, but is null\n" AT
        "[9]: must be an object, but is the string \"a\"",
     ""},
    {"tolerations that every server takes",
     "{pilot: {tolerations: [{operator: Exists}, {key: a}, {key: a, value: b}, {key: a, operator: Equal, value: \"\"}, "
     "{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]}}",
     "", ""},
#undef AT
#define AT "spec.pilot.affinity.nodeAffinity."
#define REQUIRED_TERMS "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_TERMS "preferredDuringSchedulingIgnoredDuringExecution"
#define LABEL_VALUE                                                                                                    \
    "the value of a label (at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit)"
    {"an affinity to nodes that no server takes",
     "{pilot: {affinity: {nodeAffinity: {" REQUIRED_TERMS ": {nodeSelectorTerms: [{matchExpressions: ["
     "{key: a, operator: In}, {key: a, operator: Exists, values: [b]}, {key: a, operator: Gt, values: [\"1\", \"2\"]}, "
     "{key: a b, operator: In, values: [c]}, {operator: Exists}, {key: a, operator: Is}, "
     "{key: a, operator: In, values: [1, null, b c]}, null], matchFields: [{key: metadata.uid, operator: In, values: "
     "[a]}]}]}, " PREFERRED_TERMS
     ": [{weight: 0, preference: {}}, {weight: 101, preference: {}}, {weight: 1}], some: thing}}}}",
     AT PREFERRED_TERMS
     "[0].weight: must be a whole number from 1 to 100, but is 0\n" AT PREFERRED_TERMS
     "[1].weight: must be a whole number from 1 to 100, but is 101\n" AT TERM
     "matchExpressions[0].values: must have entries with operator In\n" AT TERM
     "matchExpressions[1].values: must be left out with operator Exists\n" AT TERM
     "matchExpressions[2].values: must have one entry with operator Gt\n" AT TERM
     "matchExpressions[3].key: must be the name of a label such as disktype or kubernetes.io/os, but is the string "
     "\"a b\"\n" AT TERM "matchExpressions[4].key: is required\n" AT TERM
     "matchExpressions[5].operator: must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt, but is the string "
     "\"Is\"\n" AT TERM "matchExpressions[6].values[0]: must be " LABEL_VALUE ", but is 1: write it in quotes\n" AT TERM
     "matchExpressions[6].values[1]: must be " LABEL_VALUE ", but is null\n" AT TERM
     "matchExpressions[6].values[2]: must be " LABEL_VALUE ", but is the string \"b c\"\n" AT TERM
     "matchExpressions[7]: must be an object, but is null\n" AT TERM
     "matchFields[0].key: must be one of metadata.name, but is the string \"metadata.uid\"\n" AT
     "some: is no field of NodeAffinity and would be dropped",
     ""},
    {"an affinity to nodes without terms", "{pilot: {affinity: {nodeAffinity: {" REQUIRED_TERMS ": {}}}}}",
     AT REQUIRED_TERMS ".nodeSelectorTerms: is required", ""},
#undef AT
#define AT "spec.pilot.affinity.podAntiAffinity." REQUIRED_TERMS
    {"an affinity to pods that no server takes",
     "{pilot: {affinity: {podAntiAffinity: {" REQUIRED_TERMS ": [{labelSelector: {matchLabels: {a: b}}}, "
     "{topologyKey: a b}, {topologyKey: zone, namespaces: [A], labelSelector: {matchLabels: {a: b c}, "
     "matchExpressions: [{key: a, operator: Gt, values: [\"1\"]}, {key: a, operator: NotIn, values: []}]}}], "
     "preferedDuringSchedulingIgnoredDuringExecution: []}}}}",
     AT
     "[0].topologyKey: is required\n" AT
     "[1].topologyKey: must be the name of a label such as disktype or kubernetes.io/os, but is the string \"a b\"\n" AT
     "[2].labelSelector.matchExpressions[0].operator: must be one of In, NotIn, Exists, DoesNotExist, but is the "
     "string \"Gt\"\n" AT "[2].labelSelector.matchExpressions[1].values: must have entries with operator NotIn\n" AT
     "[2].labelSelector.matchLabels.a: must be the value of a label (at most 63 letters, digits, -, _ and ., "
     "beginning and ending with a letter or digit), but is the string \"b c\"\n" AT
     "[2].namespaces[0]: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or "
     "digit), but is the string \"A\"\n"
     "spec.pilot.affinity.podAntiAffinity.preferedDuringSchedulingIgnoredDuringExecution: is no field of "
     "PodAntiAffinity and would be dropped; did you mean " PREFERRED_TERMS "?",
     ""},
#undef AT
    {"a field of an affinity that a later Kubernetes knows",
     "{pilot: {affinity: {podAffinity: {" REQUIRED_TERMS ": [{topologyKey: zone, namespaceSelector: {}}]}}}}",
     "spec.pilot.affinity.podAffinity." REQUIRED_TERMS
     "[0].namespaceSelector: is known to Kubernetes 1.21 and later, and "
     "1.20 would drop it",
     ""},
    {"a sampling beyond all requests", "{tracing: {sampling: 101}}",
     "spec.tracing.sampling: must be a number from 0 to 100, but is 101", ""},
    {"a spec that is no object", "[]", "spec: must be an object, but is a list", ""},
    {"slips of the keyboard", "{mtsl: true, controlplanesecurityenabled: true, pilot: {replicas: 2}, somethingElse: 1}",
     "",
     "spec.pilot.replicas: is no known field and is ignored\n"
     "spec.mtsl: is no known field and is ignored; did you mean mtls?\n"
     "spec.controlplanesecurityenabled: is no known field and is ignored; did you mean controlPlaneSecurityEnabled?\n"
     "spec.somethingElse: is no known field and is ignored"},
    {"ports that the API server would refuse",
     "{gateways: {ingress: {ports: [{name: a, port: 80, nodePort: 31380}, {name: a, port: 81}, {name: b, port: 80}, "
     "{name: c, port: 80, protocol: UDP}, {name: d, port: 82, nodePort: 31380}]}, "
     "egress: {ports: [{name: http2, port: 80, nodePort: 31000}, {name: https, port: 443, targetPort: https}]}}}",
     "spec.gateways.egress.ports[1].targetPort: must be a whole number from 1 to 65535, but is the string \"https\"\n"
     "spec.gateways.ingress.ports[1].name: must be in the list once, but a is there before\n"
     "spec.gateways.ingress.ports[2].port: must be in the list once, but 80/TCP is there before\n"
     "spec.gateways.ingress.ports[3].protocol: must be the same for all ports, because serviceType is LoadBalancer: "
     "with NodePort it may differ\n"
     "spec.gateways.ingress.ports[4].nodePort: must be in the list once, but 31380/TCP is there before",
     ""},
    {"two protocols on the nodes",
     "{gateways: {ingress: {serviceType: NodePort, ports: [{name: a, port: 80, nodePort: 31380}, "
     "{name: b, port: 80, nodePort: 31380, protocol: UDP}]}}}",
     "", ""},
    {"a node port of a Service without one",
     "{gateways: {ingress: {serviceType: ClusterIP, loadBalancerIP: 192.0.2.7, "
     "ports: [{name: a, port: 80, nodePort: 31380}]}, egress: {ports: [{name: a, port: 80, nodePort: 31381}]}}}",
     "spec.gateways.ingress.ports[0].nodePort: must be left out, because serviceType is ClusterIP\n"
     "spec.gateways.egress.ports[0].nodePort: must be left out, because serviceType is ClusterIP",
     "spec.gateways.ingress.loadBalancerIP: has no effect, because serviceType is ClusterIP"},
    {"labels and annotations of a gateway's Service",
     "{gateways: {ingress: {serviceLabels: {app: x, team: edge, istio.banzaicloud.io/owner: z}, "
     "serviceAnnotations: {istio.banzaicloud.io/last-applied: x, internal: \"true\"}}, "
     "egress: {serviceAnnotations: {service.beta.kubernetes.io/aws-load-balancer-internal: true}}}}",
     "spec.gateways.egress.serviceAnnotations[\"service.beta.kubernetes.io/aws-load-balancer-internal\"]: must be text "
     "of at most 32768 characters, but is true: write it in quotes\n"
     "spec.gateways.ingress.serviceLabels.app: must be left out: the operator sets it\n"
     "spec.gateways.ingress.serviceLabels[\"istio.banzaicloud.io/owner\"]: must be left out: the operator sets it\n"
     "spec.gateways.ingress.serviceAnnotations[\"istio.banzaicloud.io/last-applied\"]: must be left out: the operator "
     "sets it",
     ""},
    {"a type of Service that is none, and an address that is none",
     "{gateways: {ingress: {serviceType: Internal, loadBalancerIP: 10.0.0.300}}}",
     "spec.gateways.ingress.serviceType: must be one of ClusterIP, NodePort, LoadBalancer, but is the string "
     "\"Internal\"\n"
     "spec.gateways.ingress.loadBalancerIP: must be an IP address such as 192.0.2.7, or empty, but is the string "
     "\"10.0.0.300\"",
     ""},
    {"images of another minor release",
     "{version: 1.0.6, pilot: {image: \"docker.io/istio/pilot:1.1.14\"}, mixer: {image: \"istio/mixer:1.0.8\"}, "
     "proxy: {image: \"localhost:5000/proxyv2\"}, proxyInit: {image: \"a/b:1.0\"}, galley: {image: \"a/b:latest\"}}",
     "", "spec.pilot.image: is of release 1.1.14, but the version of Istio is 1.0.6"},
    {"a rollout that has failed when it begins", "{sidecarRenewal: {timeout: 9s}}",
     "spec.sidecarRenewal.timeout: must be at least 10s, but is 9s", ""},
    {"windows and selectors that say something else",
     "{sidecarRenewal: {timeout: 10s, windows: [{from: \"24:00\", to: \"00:00\"}, {from: \"00:00\", to: \"24:00\"}], "
     "namespaceSelector: {matchExpressions: [{key: a, operator: NotIn}, {key: a, operator: In, values: [b]}]}}}",
     "spec.sidecarRenewal.windows[0].from: must be before the end of the day, but is 24:00: write 00:00\n"
     "spec.sidecarRenewal.namespaceSelector.matchExpressions[0].values: must have entries with operator NotIn",
     ""},
    {"no range at all", "{includeIPRanges: \"\"}", "",
     "spec.includeIPRanges: is empty, so that no outbound traffic goes through the sidecars; \"*\" is all of it"},
    {"nobody to make certificates", "{mtls: true, citadel: {enabled: false}}", "",
     "spec.citadel.enabled: is false, but mtls needs certificates: something else has to make the Secrets "
     "istio.<service account>"},
    {"nobody to inject, nobody to configure",
     "{autoInjectionNamespaces: [default], sidecarInjector: {enabled: false}, pilot: {enabled: false}}", "",
     "spec.sidecarInjector.enabled: is false, so that pods in autoInjectionNamespaces get no sidecar\n"
     "spec.pilot.enabled: is false, so that gateways and sidecars get no configuration"},
    {"several together", "{mtls: 1, version: 2.0.0, autoInjectionNamespaces: [kube-system], pilot: {minReplicas: 9}}",
     "spec.mtls: must be true or false, but is 1\n"
     "spec.version: must be one of 1.0.5, 1.0.6, 1.1.17, but is 2.0.0: this operator does not install Istio 2.0\n"
     "spec.autoInjectionNamespaces[0]: must not be kube-system, a namespace of Kubernetes itself\n"
     "spec.pilot.minReplicas: must not be above maxReplicas, which is 5, but is 9",
     ""},
};

static void mistakes_are_all_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct v1_spec s;
        int r = parse(cases[i].spec, &context, &s, &p);
        assert_problems(cases[i].name, &p, PROBLEM_ERROR, cases[i].errors);
        assert_problems(cases[i].name, &p, PROBLEM_WARNING, cases[i].warnings);
        assert_int_equal(r, *cases[i].errors ? -1 : 0);
        if (r == 0)
            release(&s);
    }
}

static void the_version_must_run_on_this_kubernetes(void **state)
{
    static const struct {
        int minor;
        const char *errors;
    } servers[] = {
        {0, ""},
        {11, ""},
        {21, ""},
        {10, "spec.version: must be a version that runs on this cluster's Kubernetes 1.10, but 1.1.17 runs on 1.11 to "
             "1.21; these do: 1.0.5, 1.0.6"},
        {22, "spec.version: must be a version that runs on this cluster's Kubernetes 1.22, but 1.1.17 runs on 1.11 to "
             "1.21; this operator has none for it"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct api_context c = context;
        struct v1_spec s;
        c.kubernetes_minor = servers[i].minor;
        if (parse("{version: 1.1.17}", &c, &s, &p) == 0)
            release(&s);
        assert_problems("server", &p, PROBLEM_ERROR, servers[i].errors);
    }
}

static void without_a_context_only_the_resource_itself_is_validated(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    assert_int_equal(parse("{version: 9.9.9}", NULL, &s, &p), 0);
    release(&s);
}

static void the_namespace_may_come_from_the_command_line(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("{autoInjectionNamespaces: [mesh]}");
    _cleanup_problems_ struct problems here = PROBLEMS_INIT, elsewhere = PROBLEMS_INIT;
    struct api_context c = context;
    struct v1_spec s;

    (void)state;
    json_object_del(json_object_get(resource, "metadata"), "namespace");
    c.ns = "mesh";
    assert_int_equal(parse_istio(resource, &c, &s, &here), -1);
    assert_problems("here", &here, PROBLEM_ERROR,
                    "spec.autoInjectionNamespaces[0]: must not be mesh, the control plane's own namespace");
    c.ns = NULL;
    assert_int_equal(parse_istio(resource, &c, &s, &elsewhere), 0);
    release(&s);
}

/* What is applied without -n lies in `default`: then the message says whose namespace that is, and what to run. */
static void a_resource_in_default_says_how_to_get_out(void **state)
{
    static const struct {
        const char *spec;
        enum problem_severity severity;
        const char *path;
    } resources[] = {
        {"{autoInjectionNamespaces: [default]}", PROBLEM_ERROR, "spec.autoInjectionNamespaces[0]: must not be default"},
        {"{}", PROBLEM_WARNING, "metadata.namespace: is default"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        _cleanup_json_ json_t *resource = resource_with(resources[i].spec);
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_buf_ struct buf text = BUF_INIT;
        struct v1_spec s;
        int rc;

        json_object_set_new(json_object_get(resource, "metadata"), "namespace", json_string("default"));
        rc = parse_istio(resource, &context, &s, &problems);
        assert_int_equal(rc, resources[i].severity == PROBLEM_ERROR ? -1 : 0);
        if (rc == 0)
            release(&s);
        problems_text(&problems, resources[i].severity, "\n", &text);
        assert_true(str_starts(buf_str(&text), resources[i].path));
        assert_non_null(strstr(buf_str(&text), "the control plane's"));
        assert_non_null(strstr(buf_str(&text), "kubectl -n istio-system apply -f FILE"));
        assert_non_null(strstr(buf_str(&text), "kubectl -n default delete -f FILE"));
        /* One of them is enough. */
        assert_null(strstr(buf_str(&text), "\n"));
    }
}

static void other_documents_are_refused(void **state)
{
    static const struct {
        const char *document, *errors;
    } others[] = {
        {"[]", "resource: must be an object of kind Istio"},
        {"{}", "apiVersion: must be istio.banzaicloud.io/v1beta1, but is missing\nkind: must be Istio, but is missing"},
        {"{apiVersion: v1, kind: ConfigMap}",
         "apiVersion: must be istio.banzaicloud.io/v1beta1, but is the string \"v1\"\n"
         "kind: must be Istio, but is the string \"ConfigMap\""},
        {"{apiVersion: istio.banzaicloud.io/v1beta1, kind: Istio}", "metadata: is required"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        _cleanup_json_ json_t *document = from_yaml(others[i].document);
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct v1_spec s;
        assert_int_equal(parse_istio(document, &context, &s, &p), -1);
        assert_problems(others[i].document, &p, PROBLEM_ERROR, others[i].errors);
    }
}

static void fields_beside_the_spec_are_warned_about(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("{}");
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    json_object_set_new(resource, "mtls", json_true());
    assert_int_equal(parse_istio(resource, &context, &s, &p), 0);
    assert_problems("beside", &p, PROBLEM_WARNING, "mtls: is no known field and is ignored");
    release(&s);
}

/* As the API server reads metadata: a label is no number, and a namespace that is null or "" is none. */
static void metadata_is_checked_as_the_server_does(void **state)
{
    static const struct {
        const char *metadata, *errors;
    } given[] = {
        {"{labels: {team: a, example.com/x: \"\"}, annotations: {Example.com/x: \"any\\ntext\"}}", ""},
        {"{labels: null, annotations: null, namespace: null}", ""},
        {"{namespace: \"\"}", ""},
        {"{labels: {build: 12}, annotations: {x: true, z: {}}}",
         "metadata.annotations.x: must be text of at most 262144 characters, but is true: write it in quotes\n"
         "metadata.annotations.z: must be text of at most 262144 characters, but is an object\n"
         "metadata.labels.build: must be the value of a label (at most 63 letters, digits, -, _ and ., beginning and "
         "ending with a letter or digit), but is 12: write it in quotes"},
        {"{labels: {Example.com/x: a, z: a b}, annotations: {a b: x}}",
         "metadata.annotations.a b: the key must be the name of an annotation such as example.com/team\n"
         "metadata.labels[\"Example.com/x\"]: the key must be the name of a label such as disktype or "
         "kubernetes.io/os\n"
         "metadata.labels.z: must be the value of a label (at most 63 letters, digits, -, _ and ., beginning and "
         "ending "
         "with a letter or digit), but is the string \"a b\""},
        {"{labels: [a], annotations: x, finalizers: {}}",
         "metadata.annotations: must be an object, but is the string \"x\"\n"
         "metadata.finalizers: must be a list, but is an object\n"
         "metadata.labels: must be an object, but is a list"},
        {"{finalizers: [1, a b]}",
         "metadata.finalizers[0]: must be the name of a finalizer such as example.com/cleanup, but is 1: write it in "
         "quotes\n"
         "metadata.finalizers[1]: must be the name of a finalizer such as example.com/cleanup, but is the string \"a "
         "b\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        _cleanup_json_ json_t *resource = resource_with("{autoInjectionNamespaces: [mesh]}");
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        struct api_context c = context;
        struct v1_spec s;
        json_object_set_new(resource, "metadata", from_yaml(given[i].metadata));
        c.ns = "other";
        if (parse_istio(resource, &c, &s, &p) == 0)
            release(&s);
        assert_problems(given[i].metadata, &p, PROBLEM_ERROR, given[i].errors);
    }
}

static void annotations_have_a_limit_together(void **state)
{
    _cleanup_json_ json_t *resource = resource_with("{}");
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s;

    (void)state;
    for (int i = 0; i < 3; i++) {
        _cleanup_free_ char *text = mem_new0(1, 100001), *key = str_printf("a%d", i);
        memset(text, 'x', 100000);
        json_object_set_new(doc_make(resource, "metadata", "annotations"), key, json_string(text));
    }
    assert_int_equal(parse_istio(resource, &context, &s, &p), -1);
    assert_problems("annotations", &p, PROBLEM_ERROR,
                    "metadata.annotations: must have at most 262144 bytes in all, but has 300006");
}

static void a_refused_resource_writes_nothing(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct v1_spec s, before;

    (void)state;
    memset(&s, 0x5a, sizeof(s));
    before = s;
    assert_int_equal(parse("{mtls: 1, imageHub: a, autoInjectionNamespaces: [b]}", &context, &s, &p), -1);
    assert_memory_equal(&s, &before, sizeof(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_resource_has_the_defaults_of_the_chart),
        cmocka_unit_test(a_resource_without_a_spec_is_an_empty_one),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(replicas_follow_from_what_is_given),
        cmocka_unit_test(mistakes_are_all_told),
        cmocka_unit_test(the_version_must_run_on_this_kubernetes),
        cmocka_unit_test(without_a_context_only_the_resource_itself_is_validated),
        cmocka_unit_test(the_namespace_may_come_from_the_command_line),
        cmocka_unit_test(a_resource_in_default_says_how_to_get_out),
        cmocka_unit_test(other_documents_are_refused),
        cmocka_unit_test(fields_beside_the_spec_are_warned_about),
        cmocka_unit_test(metadata_is_checked_as_the_server_does),
        cmocka_unit_test(annotations_have_a_limit_together),
        cmocka_unit_test(a_refused_resource_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
