/*
 * Switches in a running mesh: only what a setting is about changes, and only Pods whose spec or configuration changed
 * are replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "mesh/v1_0/v1_0.h"
#include "shots.h"

#define SHOP "switches-shop"

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

static void only_what_a_switch_is_about_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        _cleanup_map_ struct map *before = shots_take(), *there = NULL, *back = NULL;
        _cleanup_free_ char *changes_back = replace_signs(switches[i].changes);
        /* Its Pods are replaced where it is itself, and only then. */
        bool rolls = strstr(switches[i].changes, "* Deployment/istio-citadel") != NULL;
        bool scales = strstr(switches[i].changes, "~ Deployment/istio-citadel") != NULL;
        _cleanup_free_ char *pods = pods_of("istio-citadel"), *pods_after = NULL;

        mesh_patch_spec(switches[i].there);
        mesh_wait_calm();
        there = shots_take();
        shots_expect(switches[i].name, before, there, switches[i].changes);
        pods_after = pods_of("istio-citadel");
        if (!scales && str_eq(pods, pods_after) == rolls)
            fail_msg("%s: Citadel's Pods were %sreplaced", switches[i].name, rolls ? "not " : "");

        mesh_patch_spec(switches[i].back);
        mesh_wait_calm();
        back = shots_take();
        shots_expect(switches[i].name, there, back, changes_back);
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
    mesh_wait_calm();
    assert_int_equal(replicas_of("istio-telemetry"), 2);
    cluster_patch(DEPLOYMENT, NS, "istio-telemetry", "{\"spec\": {\"replicas\": 1}}");
    mesh_wait_calm();
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

    mesh_patch_spec("{\"sidecars\": {\"count\": true}}");
    expect_counts(1, 1, "False");
    /* The status names what runs outdated ones. */
    assert_true(watches_at_rest() > watches + 1);
    cluster_delete(pod, SHOP, "outdated");
    expect_counts(1, 0, "True");
    assert_true(watches_at_rest() == watches + 1);
    make_pod("another", current);
    expect_counts(2, 0, "True");
    /* Another image outdates them, and back again they are current. */
    mesh_patch_spec("{\"proxy\": {\"image\": \"docker.io/istio/proxyv2:1.0.6\"}}");
    expect_counts(0, 2, "False");
    mesh_patch_spec("{\"proxy\": null}");
    expect_counts(2, 0, "True");

    mesh_patch_spec("{\"sidecars\": null}");
    expect_counts(-1, -1, NULL);
    mesh_wait_calm();
    assert_true(watches_at_rest() == watches);
    cluster_delete(NAMESPACE, NULL, SHOP);
    mesh_wait_calm();
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
    mesh_patch_spec("{\"galley\": {\"image\": \"127.0.0.1:1/none:1\"}}");
    wait_until(says_that_the_image_is_missing, NULL, PATIENCE, "the status says that an image is missing");
    mesh_wait_status("Reconciling", SECONDS(1));
    galley = cluster_get(DEPLOYMENT, NS, "istio-galley");
    assert_int_equal(doc_int(doc_at(galley, "status", "availableReplicas"), 0), 1);
    mesh_patch_spec("{\"galley\": null}");
    mesh_wait_calm();
}

/* Switches on and off, `times` in all, each when the one before has been written. */
static void switch_often(const char *on, const char *off, int times)
{
    for (int i = 0; i < times; i++) {
        mesh_patch_spec(i % 2 ? off : on);
        wait_until(server_answers, NULL, PATIENCE, "the server answers");
        pause_ms(20);
        mesh_wait_settled(PATIENCE);
    }
}

static void switching_often_ends_in_the_right_state(const char *on, const char *off, int warm_up, int times)
{
    _cleanup_map_ struct map *before = NULL, *after = NULL;
    double failed = operator_metric("writes_failed_total");
    double memory;

    switch_often(on, off, warm_up);
    mesh_wait_calm();
    memory = operator_metric("heap_bytes");
    before = shots_take();
    switch_often(on, off, times);
    mesh_wait_calm();
    after = shots_take();
    {
        _cleanup_free_ char *message = mesh_status("ErrorMessage"), *changes = shots_compare(before, after);
        _cleanup_strv_ char **lines = str_split(changes, '\n');
        for (char **line = lines; *line; line++)
            if (**line && **line != '!')
                fail_msg("after %d switches: %s", times, *line);
        assert_string_equal(message, "");
    }
    assert_true(operator_metric("writes_failed_total") == failed);
    operator_wait_heap_is_back(memory);
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
        cmocka_unit_test(replicas_of_an_autoscaler_stay),
        cmocka_unit_test(outdated_sidecars_are_counted),
        cmocka_unit_test(a_missing_image_is_reported_and_leaves_the_old_pod),
        cmocka_unit_test(mutual_tls_fifty_times),
        cmocka_unit_test(control_plane_security_twenty_times),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster switches", tests, shots_setup, teardown);
}
