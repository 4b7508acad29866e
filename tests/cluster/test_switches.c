/*
 * Switches in a running mesh: only what a setting is about changes, only Pods whose spec or configuration changed are
 * replaced, and traffic has a gateway all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "mesh/v1_0/v1_0.h"
#include "reconcile/marks.h"

#define ROLL_OUT SECONDS(180)
#define INGRESS "istio-ingressgateway"
#define EGRESS "istio-egressgateway"
#define SHOP "switches-shop"

/* An object of the mesh at some moment. */
struct shot {
    char *uid;
    char *content;  /* without what the server and controllers keep for themselves */
    char *template; /* of the Pods; NULL: no Deployment */
};

static void shot_free(void *p)
{
    struct shot *s = p;

    free(s->uid);
    free(s->content);
    free(s->template);
    free(s);
}

/* Of what the resourceVersion counts, everything but the status and the notes of controllers. */
static struct shot *take_shot(const json_t *object)
{
    static const char *const not_ours[] = {
        "resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink"};
    _cleanup_json_ json_t *copy = doc_copy(object);
    json_t *metadata = json_object_get(copy, "metadata");
    const json_t *template = doc_at(object, "spec", "template");
    struct shot *s = NEW(struct shot);

    for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
        json_object_del(metadata, not_ours[i]);
    json_object_del(json_object_get(metadata, "annotations"), "deployment.kubernetes.io/revision");
    json_object_del(copy, "status");
    json_object_del(copy, "secrets"); /* of a ServiceAccount: its tokens */
    s->uid = str_dup(doc_string(object, "metadata", "uid"));
    s->content = doc_text(copy);
    s->template = template ? doc_text(template) : NULL;
    return s;
}

/* "Kind/name" -> struct shot, of everything that carries the mesh's mark. */
static struct map *take_shots(void)
{
    struct map *shots = map_new(shot_free);

    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        _cleanup_json_ json_t *items = is_of_mesh(kind) ? cluster_list(kind, MARK_OWNER) : NULL;
        json_t *item;
        size_t i;
        json_array_foreach(items, i, item) {
            _cleanup_free_ char *key = str_printf("%s/%s", kind->kind, doc_string(item, "metadata", "name"));
            map_put(shots, key, take_shot(item));
        }
    }
    return shots;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text, sorted; owned by the caller. */
static char *sort_lines(const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    struct buf sorted = BUF_INIT;
    size_t len = strv_len(lines);

    qsort(lines, len, sizeof(*lines), by_text);
    for (size_t i = 0; i < len; i++)
        if (*lines[i])
            buf_printf(&sorted, "%s\n", lines[i]);
    return buf_take(&sorted);
}

/*
 * Sorted lines: "+ Kind/name", "- Kind/name", "~ Kind/name" (changed), "* Deployment/name" (changed, and its Pods are
 * replaced), "! Kind/name" (deleted and made again). Owned by the caller.
 */
static char *compare_shots(const struct map *before, const struct map *after)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *key;
    void *value;

    for (size_t i = 0; map_next(before, &i, &key, &value);) {
        const struct shot *was = value, *is = map_get(after, key);
        if (!is)
            buf_printf(&text, "- %s\n", key);
        else if (!str_eq(was->uid, is->uid))
            buf_printf(&text, "! %s\n", key);
        else if (!str_eq(was->template, is->template))
            buf_printf(&text, "* %s\n", key);
        else if (!str_eq(was->content, is->content))
            buf_printf(&text, "~ %s\n", key);
    }
    for (size_t i = 0; map_next(after, &i, &key, NULL);)
        if (!map_has(before, key))
            buf_printf(&text, "+ %s\n", key);
    return sort_lines(buf_str(&text));
}

/*
 * Whether the Pod works for the Deployment. An older one does not: it is of a Deployment before this one, and the
 * garbage collector, which rests after a restart of kube-apiserver, has not come to it. Nor does one that has ended,
 * such as what the kubelet refused: another takes its place.
 */
static bool is_pod_at_work(const json_t *pod, const json_t *deployment)
{
    const char *phase = doc_string(pod, "status", "phase");

    return !doc_at(pod, "metadata", "deletionTimestamp") && !str_eq(phase, "Failed") && !str_eq(phase, "Succeeded") &&
           strcmp(
               doc_string(pod, "metadata", "creationTimestamp"),
               doc_string(deployment, "metadata", "creationTimestamp")) >= 0;
}

/* How many Pods are at work for it: their uids go to `uids`, a line each, and what there is of any to `known`. */
static json_int_t count_pods(const json_t *deployment, struct buf *uids, struct buf *known)
{
    _cleanup_buf_ struct buf selector = BUF_INIT;
    _cleanup_json_ json_t *pods = NULL;
    json_int_t count = 0;
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(doc_at(deployment, "spec", "selector", "matchLabels"), key, value)
        buf_printf(&selector, "%s%s=%s", selector.len ? "," : "", key, json_string_value(value));
    pods = cluster_list(kind_of("v1", "Pod"), buf_str(&selector));
    json_array_foreach(pods, i, value) {
        buf_printf(
            known,
            "%s of %s, made %s, ending %s: %s %s %s\n",
            doc_string(value, "metadata", "name"),
            str_or(doc_string(json_array_get(doc_at(value, "metadata", "ownerReferences"), 0), "name"), "nobody"),
            doc_string(value, "metadata", "creationTimestamp"),
            str_or(doc_string(value, "metadata", "deletionTimestamp"), "not"),
            str_or(doc_string(value, "status", "phase"), ""),
            str_or(doc_string(value, "status", "reason"), ""),
            str_or(doc_string(value, "status", "message"), ""));
        if (!is_pod_at_work(value, deployment))
            continue;
        buf_printf(uids, "%s\n", doc_string(value, "metadata", "uid"));
        count++;
    }
    return count;
}

/*
 * The uids of a Deployment's Pods: sorted lines, owned by the caller. One that was scaled down is Available before the
 * Pod that is too many has to go.
 */
struct pods {
    const char *deployment;
    char *uids;
};

static bool are_as_many_as_asked_for(void *context)
{
    struct pods *pods = context;
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, NS, pods->deployment);
    _cleanup_buf_ struct buf uids = BUF_INIT, known = BUF_INIT;
    json_int_t count, desired = doc_int(doc_at(deployment, "spec", "replicas"), -1);

    assert_non_null(deployment);
    count = count_pods(deployment, &uids, &known);
    wait_saw("%lld of %lld are at work:\n%s", (long long)count, (long long)desired, buf_str(&known));
    if (count == desired)
        pods->uids = sort_lines(buf_str(&uids));
    return count == desired;
}

static char *pods_of(const char *name)
{
    struct pods pods = {name, NULL};

    wait_until(are_as_many_as_asked_for, &pods, ROLL_OUT, "the Deployment has the Pods that it asks for");
    return pods.uids;
}

/* All that the mesh asks for is there, and nothing rolls any longer. */
static void wait_calm(void)
{
    mesh_wait_status("Available", ROLL_OUT);
    mesh_wait_settled(PATIENCE);
}

static void patch_spec(const char *patch)
{
    _cleanup_free_ char *text = str_printf("{\"spec\": %s}", patch);

    cluster_patch(ISTIO, NS, MESH, text);
}

#define ALL_ROLL                                                                                                       \
    "* Deployment/istio-citadel\n"                                                                                     \
    "* Deployment/istio-egressgateway\n"                                                                               \
    "* Deployment/istio-galley\n"                                                                                      \
    "* Deployment/istio-ingressgateway\n"                                                                              \
    "* Deployment/istio-pilot\n"                                                                                       \
    "* Deployment/istio-policy\n"                                                                                      \
    "* Deployment/istio-sidecar-injector\n"                                                                            \
    "* Deployment/istio-telemetry\n"                                                                                   \
    "~ ConfigMap/istio-sidecar-injector\n"

static const struct {
    const char *name, *there, *back; /* merge patches of the spec */
    const char *changes;
} switches[] = {
    {"mutual TLS",
     "{\"mtls\": true}",
     "{\"mtls\": null}",
     "+ DestinationRule/api-server\n"
     "+ DestinationRule/default\n"
     "~ MeshPolicy/default\n"},
    {"control plane security",
     "{\"controlPlaneSecurityEnabled\": true}",
     "{\"controlPlaneSecurityEnabled\": null}",
     "* Deployment/istio-egressgateway\n"
     "* Deployment/istio-ingressgateway\n"
     "* Deployment/istio-pilot\n"
     "* Deployment/istio-policy\n"
     "* Deployment/istio-telemetry\n"
     "~ ConfigMap/istio\n"
     "~ ConfigMap/istio-sidecar-injector\n"
     "~ DestinationRule/istio-policy\n"
     "~ DestinationRule/istio-telemetry\n"},
    {"ranges",
     "{\"includeIPRanges\": \"10.0.0.0/8\", \"excludeIPRanges\": \"10.1.0.0/16\"}",
     "{\"includeIPRanges\": null, \"excludeIPRanges\": null}",
     "~ ConfigMap/istio-sidecar-injector\n"},
    {"replicas",
     "{\"citadel\": {\"replicaCount\": 2}}",
     "{\"citadel\": {\"replicaCount\": null}}",
     "~ Deployment/istio-citadel\n"},
    {"no autoscaler",
     "{\"policy\": {\"minReplicas\": 1, \"maxReplicas\": 1}}",
     "{\"policy\": null}",
     "- HorizontalPodAutoscaler/istio-policy\n"},
    {"an autoscaler",
     "{\"galley\": {\"minReplicas\": 1, \"maxReplicas\": 3}}",
     "{\"galley\": null}",
     "+ HorizontalPodAutoscaler/istio-galley\n"},
    {"the autoscaler's limits",
     "{\"telemetry\": {\"maxReplicas\": 7}}",
     "{\"telemetry\": null}",
     "~ HorizontalPodAutoscaler/istio-telemetry\n"},
    {"disruption budgets",
     "{\"defaultPodDisruptionBudget\": {\"enabled\": true}, \"citadel\": {\"replicaCount\": 2}}",
     "{\"defaultPodDisruptionBudget\": null, \"citadel\": null}",
     "+ PodDisruptionBudget/istio-citadel\n"
     "+ PodDisruptionBudget/istio-egressgateway\n"
     "+ PodDisruptionBudget/istio-ingressgateway\n"
     "~ Deployment/istio-citadel\n"},
    {"resources",
     "{\"galley\": {\"resources\": {\"requests\": {\"cpu\": \"20m\"}}}}",
     "{\"galley\": null}",
     "* Deployment/istio-galley\n"},
    {"placement",
     "{\"citadel\": {\"nodeSelector\": {\"kubernetes.io/os\": \"linux\"}}}",
     "{\"citadel\": null}",
     "* Deployment/istio-citadel\n"},
    {"an image",
     "{\"policy\": {\"image\": \"docker.io/istio/mixer:1.0.6\"}}",
     "{\"policy\": null}",
     "* Deployment/istio-policy\n"},
    {"sidecars' image",
     "{\"proxyInit\": {\"image\": \"docker.io/istio/proxy_init:1.0.6\"}}",
     "{\"proxyInit\": null}",
     "~ ConfigMap/istio-sidecar-injector\n"},
    {"all images", "{\"imageTag\": \"1.0.6\"}", "{\"imageTag\": null}", ALL_ROLL},
    /* Galley mounts its own; Pilot reads the mesh configuration when it starts. */
    {"Galley",
     "{\"galley\": {\"enabled\": false}}",
     "{\"galley\": null}",
     "- ClusterRole/istio-galley-istio-system\n"
     "- ClusterRoleBinding/istio-galley-admin-role-binding-istio-system\n"
     "- ConfigMap/istio-galley-configuration\n"
     "- Deployment/istio-galley\n"
     "- Service/istio-galley\n"
     "- ServiceAccount/istio-galley-service-account\n"},
    {"policy",
     "{\"policy\": {\"enabled\": false}}",
     "{\"policy\": null}",
     "* Deployment/istio-pilot\n"
     "- Deployment/istio-policy\n"
     "- DestinationRule/istio-policy\n"
     "- HorizontalPodAutoscaler/istio-policy\n"
     "- Service/istio-policy\n"
     "~ ConfigMap/istio\n"},
    {"the egress gateway",
     "{\"gateways\": {\"egress\": {\"enabled\": false}}}",
     "{\"gateways\": null}",
     "- ClusterRole/istio-egressgateway-istio-system\n"
     "- ClusterRoleBinding/istio-egressgateway-istio-system\n"
     "- Deployment/istio-egressgateway\n"
     "- HorizontalPodAutoscaler/istio-egressgateway\n"
     "- Service/istio-egressgateway\n"
     "- ServiceAccount/istio-egressgateway-service-account\n"},
    {"the injector",
     "{\"sidecarInjector\": {\"enabled\": false}}",
     "{\"sidecarInjector\": null}",
     "- ClusterRole/istio-sidecar-injector-istio-system\n"
     "- ClusterRoleBinding/istio-sidecar-injector-admin-role-binding-istio-system\n"
     "- ConfigMap/istio-sidecar-injector\n"
     "- Deployment/istio-sidecar-injector\n"
     "- MutatingWebhookConfiguration/istio-sidecar-injector\n"
     "- Service/istio-sidecar-injector\n"
     "- ServiceAccount/istio-sidecar-injector-service-account\n"},
};

static char *replace_signs(const char *changes)
{
    char *text = str_dup(changes);

    for (char *c = text; *c; c++)
        if (c == text || c[-1] == '\n')
            *c = *c == '-' ? '+' : *c == '+' ? '-' : *c;
    return text;
}

static void expect_changes(const char *name, const struct map *before, const struct map *after, const char *changes)
{
    _cleanup_free_ char *expected = sort_lines(changes), *found = compare_shots(before, after);

    if (!str_eq(found, expected))
        fail_msg("%s changed\n%sand not\n%s", name, found, expected);
}

static void only_what_a_switch_is_about_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        _cleanup_map_ struct map *before = take_shots(), *there = NULL, *back = NULL;
        _cleanup_free_ char *changes_back = replace_signs(switches[i].changes);
        /* Its Pods are replaced where it is itself, and only then. */
        bool rolls = strstr(switches[i].changes, "* Deployment/istio-citadel") != NULL;
        bool scales = strstr(switches[i].changes, "~ Deployment/istio-citadel") != NULL;
        _cleanup_free_ char *pods = pods_of("istio-citadel"), *pods_after = NULL;

        patch_spec(switches[i].there);
        wait_calm();
        there = take_shots();
        expect_changes(switches[i].name, before, there, switches[i].changes);
        pods_after = pods_of("istio-citadel");
        if (!scales && str_eq(pods, pods_after) == rolls)
            fail_msg("%s: Citadel's Pods were %sreplaced", switches[i].name, rolls ? "not " : "");

        patch_spec(switches[i].back);
        wait_calm();
        back = take_shots();
        expect_changes(switches[i].name, there, back, changes_back);
        {
            /* What came back is as it was, though new. */
            const char *key;
            void *value;
            for (size_t k = 0; map_next(before, &k, &key, &value);) {
                const struct shot *was = value, *is = map_get(back, key);
                if (str_eq(was->uid, is->uid) && !str_eq(was->content, is->content))
                    fail_msg(
                        "%s: %s is not as before: %s, it was %s", switches[i].name, key, is->content, was->content);
            }
            assert_int_equal(map_len(before), map_len(back));
        }
    }
}

/* How many ready addresses the Service leads to; -1 where it cannot be read. */
static int ready_addresses(const char *service)
{
    _cleanup_free_ char *path = str_printf("/api/v1/namespaces/" NS "/endpoints/%s", service);
    struct net_request request = net_request_new(NET_GET, path, NULL);
    _cleanup_buf_ struct buf body = BUF_INIT;
    _cleanup_json_ json_t *endpoints = NULL;
    json_t *subset;
    int status, count = 0;
    struct err e;
    size_t i;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0 ||
        doc_parse(buf_str(&body), body.len, SIZE_MAX, &endpoints, &e) < 0)
        return -1;
    json_array_foreach(doc_at(endpoints, "subsets"), i, subset)
        count += (int)json_array_size(doc_at(subset, "addresses"));
    return count;
}

struct watched_switch {
    const char *version, *const *gateways; /* the Services that have a ready Pod all the time; ends with NULL */
    int polls;
};

static bool version_is_installed(void *context)
{
    struct watched_switch *w = context;
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);

    for (const char *const *gateway = w->gateways; *gateway; gateway++) {
        int ready = ready_addresses(*gateway);
        if (ready < 1)
            fail_msg("%s has %d ready Pods on the way to %s", *gateway, ready, w->version);
    }
    w->polls++;
    return str_eq(doc_string(mesh, "status", "Status"), "Available") &&
           str_eq(doc_string(mesh, "status", "version"), w->version) &&
           json_equal(doc_at(mesh, "status", "observedGeneration"), doc_at(mesh, "metadata", "generation"));
}

static void expect_images(const char *version)
{
    _cleanup_json_ json_t *deployments = cluster_list(DEPLOYMENT, MARK_OWNER);
    _cleanup_free_ char *tag = str_printf(":%s", version);
    json_t *d, *container;
    size_t i, k;

    json_array_foreach(deployments, i, d)
        json_array_foreach(doc_at(d, "spec", "template", "spec", "containers"), k, container)
            if (!str_ends(doc_string(container, "image"), tag))
                fail_msg(
                    "%s runs %s and not %s",
                    doc_string(d, "metadata", "name"),
                    doc_string(container, "image"),
                    version);
}

static void install_version(const char *version, const char *const *gateways)
{
    _cleanup_free_ char *patch = str_printf("{\"version\": \"%s\"}", version);
    struct watched_switch w = {.version = version, .gateways = gateways};

    patch_spec(patch);
    wait_until(version_is_installed, &w, ROLL_OUT, "the other version is installed");
    wait_calm();
    assert_true(w.polls > 10);
    expect_images(version);
}

static void switch_version(const char *version, const char *changes)
{
    static const char *const gateways[] = {INGRESS, EGRESS, NULL};
    _cleanup_json_ json_t *before = cluster_get(kind_of("v1", "Service"), NS, INGRESS), *after = NULL;
    _cleanup_map_ struct map *shots_before = take_shots(), *shots_after = NULL;

    install_version(version, gateways);
    after = cluster_get(kind_of("v1", "Service"), NS, INGRESS);
    assert_string_equal(doc_string(after, "spec", "clusterIP"), doc_string(before, "spec", "clusterIP"));
    assert_true(json_equal(doc_at(after, "spec", "ports"), doc_at(before, "spec", "ports")));
    assert_string_equal(doc_string(after, "metadata", "uid"), doc_string(before, "metadata", "uid"));
    shots_after = take_shots();
    expect_changes(version, shots_before, shots_after, changes);
}

static void another_version_and_back_without_a_gap(void **state)
{
    (void)state;
    switch_version("1.0.6", ALL_ROLL);
    switch_version("1.0.5", ALL_ROLL);
}

/* Each port that the Service had is there, with its node port. */
static void expect_ports_kept(const char *version, const json_t *before, const json_t *after)
{
    json_t *was, *is;
    size_t i, k;

    assert_true(json_array_size(doc_at(before, "spec", "ports")) > 0);
    json_array_foreach(doc_at(before, "spec", "ports"), i, was) {
        bool found = false;
        json_array_foreach(doc_at(after, "spec", "ports"), k, is)
            found = found || (json_equal(doc_at(is, "port"), doc_at(was, "port")) &&
                              json_equal(doc_at(is, "nodePort"), doc_at(was, "nodePort")));
        if (!found) {
            _cleanup_free_ char *port = doc_text(was), *ports = doc_text(doc_at(after, "spec", "ports"));
            fail_msg("%s: port %s is not among %s", version, port, ports);
        }
    }
}

/* No object that is there before and after was deleted and created again. */
static void expect_objects_kept(const char *version, const struct map *before, const struct map *after)
{
    const char *key;
    void *value;
    size_t kept = 0;

    for (size_t i = 0; map_next(before, &i, &key, &value);) {
        const struct shot *was = value, *is = map_get(after, key);
        if (is && !str_eq(was->uid, is->uid))
            fail_msg("%s: %s was created again", version, key);
        kept += is != NULL;
    }
    assert_true(kept > 50);
}

static void expect_same(const json_t *before, const json_t *after, const char *part, const char *field)
{
    assert_non_null(doc_at(before, part, field));
    assert_true(json_equal(doc_at(after, part, field), doc_at(before, part, field)));
}

/* The ingress gateway is the one that both have by default. */
static void switch_release(const char *version)
{
    static const char *const gateways[] = {INGRESS, NULL};
    const struct kube_kind *service = kind_of("v1", "Service"), *secret = kind_of("v1", "Secret");
    _cleanup_json_ json_t *ingress = cluster_get(service, NS, INGRESS), *ingress_after = NULL;
    _cleanup_json_ json_t *authority = cluster_get(secret, NS, "istio-ca-secret"), *authority_after = NULL;
    _cleanup_map_ struct map *before = take_shots(), *after = NULL;

    install_version(version, gateways);
    after = take_shots();
    expect_objects_kept(version, before, after);
    ingress_after = cluster_get(service, NS, INGRESS);
    expect_same(ingress, ingress_after, "spec", "clusterIP");
    expect_ports_kept(version, ingress, ingress_after);
    authority_after = cluster_get(secret, NS, "istio-ca-secret");
    expect_same(authority, authority_after, "metadata", "uid");
    expect_same(authority, authority_after, "data", "ca-cert.pem");
    expect_same(authority, authority_after, "data", "ca-key.pem");
    assert_true(json_equal(doc_at(authority, "data"), doc_at(authority_after, "data")));
}

static bool handler_is_restored(void *context)
{
    _cleanup_json_ json_t *handler = cluster_get(context, NS, "prometheus");

    return str_eq(doc_string(handler, "spec", "compiledAdapter"), "prometheus");
}

static void another_minor_release_and_back(void **state)
{
    const struct kube_kind *handler = kind_of("config.istio.io/v1alpha2", "handler");

    (void)state;
    switch_release("1.1.17");
    /* A kind that Istio 1.0 does not have. */
    cluster_patch(handler, NS, "prometheus", "{\"spec\": {\"compiledAdapter\": \"other\"}}");
    wait_until(handler_is_restored, (void *)handler, PATIENCE, "the handler is restored");
    mesh_wait_settled(PATIENCE);
    switch_release("1.0.6");
    assert_false(cluster_has(handler, NS, "prometheus"));
    switch_version("1.0.5", ALL_ROLL);
}

static json_int_t replicas_of(const char *deployment)
{
    _cleanup_json_ json_t *d = cluster_get(DEPLOYMENT, NS, deployment);

    return doc_int(doc_at(d, "spec", "replicas"), 0);
}

static bool citadel_has_its_one_replica(void *context)
{
    (void)context;
    return replicas_of("istio-citadel") == 1;
}

static void replicas_of_an_autoscaler_stay(void **state)
{
    (void)state;
    cluster_patch(DEPLOYMENT, NS, "istio-telemetry", "{\"spec\": {\"replicas\": 2}}");
    cluster_patch(DEPLOYMENT, NS, "istio-citadel", "{\"spec\": {\"replicas\": 2}}");
    wait_until(citadel_has_its_one_replica, NULL, PATIENCE, "Citadel's replicas are put back");
    wait_calm();
    assert_int_equal(replicas_of("istio-telemetry"), 2);
    cluster_patch(DEPLOYMENT, NS, "istio-telemetry", "{\"spec\": {\"replicas\": 1}}");
    wait_calm();
}

/* A Pod that never starts, with the note of an injector of this version. */
static void make_pod(const char *name, const char *version)
{
    _cleanup_json_ json_t *pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            STRING("name", name),
            STRING("namespace", SHOP),
            MAP("annotations", OPT(version, FORMAT("sidecar.istio.io/status", "{\"version\":\"%s\"}", version)))),
        MAP("spec",
            MAP("nodeSelector", STRING("example.com/no-such-node", "yes")),
            INT("terminationGracePeriodSeconds", 0),
            SEQ("containers", ITEM(STRING("name", "app"), STRING("image", "example.com/app:1")))));

    cluster_create(kind_of("v1", "Pod"), pod);
}

struct count_wish {
    int current, outdated; /* -1: they are not counted */
    const char *condition;
};

static bool counts_are(void *context)
{
    const struct count_wish *wish = context;
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *condition = doc_find(doc_at(mesh, "status", "conditions"), "type", "SidecarsCurrent");

    return doc_int(doc_at(mesh, "status", "sidecars", "current"), -1) == wish->current &&
           doc_int(doc_at(mesh, "status", "sidecars", "outdated"), -1) == wish->outdated &&
           str_eq(doc_string(condition, "status"), wish->condition);
}

static void expect_counts(int current, int outdated, const char *condition)
{
    struct count_wish wish = {current, outdated, condition};
    _cleanup_free_ char *what = str_printf("%d sidecars are current, %d outdated", current, outdated);

    wait_until(counts_are, &wish, PATIENCE, what);
}

/* Pods are taken once the account has its token. */
static bool account_is_ready(void *context)
{
    _cleanup_json_ json_t *account = cluster_get(kind_of("v1", "ServiceAccount"), SHOP, "default");

    (void)context;
    return json_array_size(doc_at(account, "secrets")) > 0;
}

struct count {
    double watches;
    msec_t since;
};

static bool stays_so(void *context)
{
    struct count *c = context;
    double watches = operator_metric("watches_wanted");

    if (watches != c->watches)
        *c = (struct count){watches, clock_now_monotonic()};
    return clock_now_monotonic() - c->since >= SECONDS(2);
}

/* How many watches the operator wants, once that stays so: while a Deployment is not available it watches Pods, too. */
static double watches_at_rest(void)
{
    struct count c = {.since = clock_now_monotonic()};

    wait_until(stays_so, &c, PATIENCE, "the number of watches stays the same");
    return c.watches;
}

static void outdated_sidecars_are_counted(void **state)
{
    const struct kube_kind *pod = kind_of("v1", "Pod");
    _cleanup_json_ json_t *config = cluster_get(kind_of("v1", "ConfigMap"), NS, V1_INJECTION_CONFIG);
    _cleanup_free_ char *current = v1_sidecar_version_of_config(config);
    _cleanup_json_ json_t *ns =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Namespace"), MAP("metadata", STRING("name", SHOP)));
    double watches = watches_at_rest();

    (void)state;
    cluster_create(NAMESPACE, ns);
    wait_until(account_is_ready, NULL, PATIENCE, "the namespace's account has its token");
    make_pod("current", current);
    make_pod("outdated", "0123");
    make_pod("without", NULL);
    expect_counts(-1, -1, NULL);

    patch_spec("{\"sidecars\": {\"count\": true}}");
    expect_counts(1, 1, "False");
    /* The status names what runs outdated ones. */
    assert_true(watches_at_rest() > watches + 1);
    cluster_delete(pod, SHOP, "outdated");
    expect_counts(1, 0, "True");
    assert_true(watches_at_rest() == watches + 1);
    make_pod("another", current);
    expect_counts(2, 0, "True");
    /* Another image outdates them, and back again they are current. */
    patch_spec("{\"proxy\": {\"image\": \"docker.io/istio/proxyv2:1.0.6\"}}");
    expect_counts(0, 2, "False");
    patch_spec("{\"proxy\": null}");
    expect_counts(2, 0, "True");

    patch_spec("{\"sidecars\": null}");
    expect_counts(-1, -1, NULL);
    wait_calm();
    assert_true(watches_at_rest() == watches);
    cluster_delete(NAMESPACE, NULL, SHOP);
    wait_calm();
}

static bool says_that_the_image_is_missing(void *context)
{
    _cleanup_free_ char *message = mesh_status("ErrorMessage");

    (void)context;
    return strstr(message, "Deployment istio-galley") && strstr(message, "container ") &&
           (strstr(message, "ErrImagePull") || strstr(message, "ImagePullBackOff"));
}

static void a_missing_image_is_reported_and_leaves_the_old_pod(void **state)
{
    _cleanup_json_ json_t *galley = NULL;

    (void)state;
    patch_spec("{\"galley\": {\"image\": \"127.0.0.1:1/none:1\"}}");
    wait_until(says_that_the_image_is_missing, NULL, PATIENCE, "the status says that an image is missing");
    mesh_wait_status("Reconciling", SECONDS(1));
    galley = cluster_get(DEPLOYMENT, NS, "istio-galley");
    assert_int_equal(doc_int(doc_at(galley, "status", "availableReplicas"), 0), 1);
    patch_spec("{\"galley\": null}");
    wait_calm();
}

/* Switches on and off, `times` in all, each when the one before has been written. */
static void switch_often(const char *on, const char *off, int times)
{
    for (int i = 0; i < times; i++) {
        patch_spec(i % 2 ? off : on);
        wait_until(server_answers, NULL, PATIENCE, "the server answers");
        pause_ms(20);
        mesh_wait_settled(PATIENCE);
    }
}

static void switching_often_ends_in_the_right_state(const char *on, const char *off, int warm_up, int times)
{
    _cleanup_map_ struct map *before = NULL, *after = NULL;
    double failed = operator_metric("writes_failed_total");
    double memory, memory_after;

    switch_often(on, off, warm_up);
    wait_calm();
    memory = operator_metric("heap_bytes");
    before = take_shots();
    switch_often(on, off, times);
    wait_calm();
    after = take_shots();
    {
        _cleanup_free_ char *message = mesh_status("ErrorMessage"), *changes = compare_shots(before, after);
        _cleanup_strv_ char **lines = str_split(changes, '\n');
        for (char **line = lines; *line; line++)
            if (**line && **line != '!')
                fail_msg("after %d switches: %s", times, *line);
        assert_string_equal(message, "");
    }
    assert_true(operator_metric("writes_failed_total") == failed);
    memory_after = operator_metric("heap_bytes");
    if (memory_after > memory + HEAP_SLACK)
        fail_msg("memory in use grew from %.0f to %.0f bytes over %d switches", memory, memory_after, times);
}

static void mutual_tls_fifty_times(void **state)
{
    (void)state;
    switching_often_ends_in_the_right_state("{\"mtls\": true}", "{\"mtls\": false}", 10, 50);
    assert_false(cluster_has(kind_of("networking.istio.io/v1alpha3", "DestinationRule"), NS, "default"));
}

static void control_plane_security_twenty_times(void **state)
{
    (void)state;
    switching_often_ends_in_the_right_state(
        "{\"controlPlaneSecurityEnabled\": true}", "{\"controlPlaneSecurityEnabled\": false}", 4, 20);
}

static int setup(void **state)
{
    if (harness_setup(state) < 0)
        return -1;
    operator_start();
    mesh_delete_and_wait(); /* that of a run that was broken off */
    mesh_create("{}");
    wait_calm();
    return 0;
}

static int teardown(void **state)
{
    cluster_delete_if_there(NAMESPACE, NULL, SHOP);
    mesh_delete_and_wait();
    return harness_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_a_switch_is_about_changes),
        cmocka_unit_test(another_version_and_back_without_a_gap),
        cmocka_unit_test(another_minor_release_and_back),
        cmocka_unit_test(replicas_of_an_autoscaler_stay),
        cmocka_unit_test(outdated_sidecars_are_counted),
        cmocka_unit_test(a_missing_image_is_reported_and_leaves_the_old_pod),
        cmocka_unit_test(mutual_tls_fifty_times),
        cmocka_unit_test(control_plane_security_twenty_times),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster switches", tests, setup, teardown);
}
