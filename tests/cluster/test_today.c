/*
 * Today's Istio for real: its own istiod, agent and Envoy on a Kubernetes with a node, the objects of this operator,
 * requests that are answered or refused. One mesh from its creation to its end: the tests are its stages, in this
 * order.
 *
 * TEST_ISTIO_VERSION is the release, TEST_WORKLOADS a file with the users' objects, TEST_IDLE_SECONDS how long the mesh
 * is left alone.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/doc.h"
#include "harness.h"
#include "healing.h"
#include "reconcile/marks.h"
#include "rights_used.h"
#include "today.h"

#define TO_BE_AVAILABLE SECONDS(120)

/* One line of mesh configuration, because the Envoy of these images lacks the filter that counts requests. */
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"autoInjectionNamespaces\": [\"shop\"], \"mtls\": false,"                                  \
    " \"meshConfig\": {\"defaultProviders\": {\"metrics\": []}}}"

static bool fails(void *command)
{
    return run_shell(command) != 0;
}

/* The names of all objects into TEST_OUTPUT/`file`, without Events, definitions, and what controllers make of others.
 */
static void list_names(const char *file)
{
    _cleanup_free_ char *command = str_printf(
        "kubectl get -A --ignore-not-found -o custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name"
        " \"$(kubectl api-resources --verbs=list -o name |"
        " grep -vE "
        "'^(events|pods|endpoints|componentstatuses|endpointslices|customresourcedefinitions|apiservices)\\b' |"
        " paste -sd,)\" | sort -u >'%s/%s'",
        variable("TEST_OUTPUT"),
        file);

    assert_int_equal(run_shell(command), 0);
}

static void it_is_available_in_time(void **state)
{
    _cleanup_free_ char *spec = str_printf(SPEC, variable("TEST_ISTIO_VERSION")), *version = NULL;

    (void)state;
    list_names("names-before");
    operator_start();
    mesh_create(spec);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    version = mesh_status("version");
    assert_string_equal(version, variable("TEST_ISTIO_VERSION"));
}

static void pods_of_a_listed_namespace_get_sidecars(void **state)
{
    _cleanup_json_ json_t *pods = NULL;
    size_t i, injected = 0;
    json_t *pod;

    (void)state;
    apply_workloads();
    must_succeed(
        "kubectl -n shop wait --for=condition=Ready pod --all --timeout=20s &&"
        " kubectl -n outside wait --for=condition=Ready pod --all --timeout=20s",
        "the users' Pods are ready");
    pods = cluster_list(kind_of("v1", "Pod"), "app");
    json_array_foreach(pods, i, pod) {
        const json_t *containers = doc_at(pod, "spec", "containers"), *init = doc_at(pod, "spec", "initContainers");
        bool listed = str_eq(doc_string(pod, "metadata", "namespace"), "shop");
        bool has_proxy = doc_find(containers, "name", "istio-proxy") || doc_find(init, "name", "istio-proxy");
        if (listed || str_eq(doc_string(pod, "metadata", "namespace"), "outside"))
            assert_int_equal(has_proxy, listed);
        injected += listed;
    }
    assert_int_equal(injected, 2);
}

static void a_request_through_the_gateway_is_answered(void **state)
{
    _cleanup_json_ json_t *service = cluster_get(kind_of("v1", "Service"), NS, "istio-ingressgateway");
    const char *address = doc_string(service, "spec", "clusterIP");
    _cleanup_free_ char *asked =
        str_printf("curl -sf -m 5 -H 'Host: echo.example.com' http://%s/ | grep -i '^Host'", str_or(address, ""));
    _cleanup_free_ char *other =
        str_printf("curl -sf -m 5 -H 'Host: other.example.com' http://%s/", str_or(address, ""));

    (void)state;
    assert_non_null(address);
    must_succeed(asked, "the gateway answers");
    assert_int_not_equal(run_shell(other), 0);
}

static void services_talk_with_mutual_tls(void **state)
{
    (void)state;
    must_succeed(
        REQUEST("shop") " | grep 'By=spiffe://cluster.local/ns/shop/sa/echo' | grep "
                        "'URI=spiffe://cluster.local/ns/shop/sa/client'",
        "the server sees the client's identity");
}

static void plain_text_is_refused_under_mtls_alone(void **state)
{
    (void)state;
    must_succeed(REQUEST("outside"), "a client without a sidecar is answered");
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"mtls\": true}}");
    must_succeed(
        "! " MANY_REQUESTS_TO("outside", "/") " | grep StatusCode=200", "a client without a sidecar is refused");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    /* It stays so, and those of the mesh are answered. */
    for (int i = 0; i < 5; i++) {
        assert_int_not_equal(run_shell(REQUEST("outside")), 0);
        assert_int_equal(run_shell(REQUEST("shop")), 0);
    }
    a_request_through_the_gateway_is_answered(state);
}

/* --- the CNI plugin --- */

/* The file of objects in namespace `guarded`, which Pod Security guards. */
#define GUARDED "sed 's/ISTIO_VERSION/%s/' \"${TEST_WORKLOADS%%.yaml}-guarded.yaml\" | kubectl %s -f -"

static bool is_condition(const char *type, const char *status)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *condition = doc_find(doc_at(mesh, "status", "conditions"), "type", type);

    return str_eq(doc_string(condition, "status"), status);
}

static bool refuses_sidecars(void *context)
{
    (void)context;
    return is_condition("SidecarsAdmitted", "False");
}

static bool has_the_plugin_everywhere(void *context)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *component = doc_find(doc_at(mesh, "status", "components"), "name", "cni");

    (void)context;
    return str_eq(doc_string(component, "status"), "Available") && is_condition("CNIReady", "True") &&
           is_condition("SidecarsAdmitted", NULL);
}

static void a_namespace_that_refuses_sidecars_is_named(void **state)
{
    (void)state;
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"autoInjectionNamespaces\": [\"shop\", \"guarded\"]}}");
    wait_until(refuses_sidecars, NULL, PATIENCE, "the status says that namespace guarded refuses sidecars");
}

/* The only Pod there; owned by the caller. */
static json_t *guarded_pod(void)
{
    _cleanup_json_ json_t *pods = cluster_list(kind_of("v1", "Pod"), "app");
    json_t *pod, *found = NULL;
    size_t i;

    json_array_foreach(pods, i, pod)
        if (str_eq(doc_string(pod, "metadata", "namespace"), "guarded") &&
            !doc_at(pod, "metadata", "deletionTimestamp"))
            found = json_incref(pod);
    assert_non_null(found);
    return found;
}

static void guarded_pods_must_run(void)
{
    must_succeed("kubectl -n guarded rollout status deployment/echo --timeout=20s", "Pods of namespace guarded run");
}

static void pods_without_rights_are_reached_through_the_gateway(void **state)
{
    _cleanup_json_ json_t *service = cluster_get(kind_of("v1", "Service"), NS, "istio-ingressgateway"), *pod = NULL;
    _cleanup_free_ char *apply = str_printf(GUARDED, variable("TEST_ISTIO_VERSION"), "apply");
    _cleanup_free_ char *asked = str_printf(
        "curl -sf -m 5 -H 'Host: guarded.example.com' http://%s/ | grep -i '^Host'",
        doc_string(service, "spec", "clusterIP"));
    json_t *container;
    size_t i;

    (void)state;
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"cni\": {\"enabled\": true}}}");
    wait_until(has_the_plugin_everywhere, NULL, TO_BE_AVAILABLE, "every node has the plugin");
    must_succeed(apply, "the guarded objects are created");
    guarded_pods_must_run();
    pod = guarded_pod();
    json_array_foreach(doc_at(pod, "spec", "initContainers"), i, container) {
        assert_string_not_equal(doc_string(container, "name"), "istio-init");
        assert_null(doc_at(container, "securityContext", "capabilities", "add"));
    }
    assert_true(i >= 2);
    must_succeed(asked, "the gateway reaches a Pod without rights");
}

static bool could_not_start(void *context)
{
    _cleanup_json_ json_t *pod = guarded_pod();
    const json_t *status = json_array_get(doc_at(pod, "status", "initContainerStatuses"), 0);

    (void)context;
    return doc_int(doc_at(status, "restartCount"), 0) > 0 || doc_at(status, "state", "terminated", "exitCode");
}

/* As on a node that is added, where Pods start before the plugin. */
static void pods_that_start_before_the_plugin_are_repaired(void **state)
{
    (void)state;
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"cni\": {\"nodeSelector\": {\"none\": \"such\"}}}}");
    must_succeed(
        "kubectl -n " NS " wait --for=delete pod -l k8s-app=istio-cni-node --timeout=20s", "no node has the plugin");
    must_succeed("kubectl -n guarded delete pod --all --timeout=20s", "the guarded Pod is replaced");
    wait_until(could_not_start, NULL, PATIENCE, "it does not start without the plugin");
    /* Another platform, which makes more objects, with this node's folder. */
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"cni\": {\"nodeSelector\": null, \"platform\": \"GKE\", \"binDir\": \"/opt/cni/bin\"}}}");
    guarded_pods_must_run();
    wait_until(has_the_plugin_everywhere, NULL, PATIENCE, "every node has the plugin again");
}

static bool has_no_plugin(void *context)
{
    (void)context;
    return !cluster_has(kind_of("apps/v1", "DaemonSet"), NS, "istio-cni-node") &&
           !cluster_has(kind_of("v1", "ServiceAccount"), NS, "istio-cni");
}

static void the_node_works_on_without_the_plugin(void **state)
{
    _cleanup_free_ char *guarded = str_printf(GUARDED, "x", "delete --wait --ignore-not-found");

    (void)state;
    assert_int_equal(run_shell(guarded), 0);
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"cni\": null}}");
    wait_until(has_no_plugin, NULL, PATIENCE, "the plugin is removed");
    must_succeed(
        "kubectl -n " NS " wait --for=delete pod -l k8s-app=istio-cni-node --timeout=20s", "its Pods have ended");
    assert_int_equal(run_shell("kubectl -n shop rollout restart deployment/echo"), 0);
    must_succeed("kubectl -n shop rollout status deployment/echo --timeout=20s", "new Pods run");
    must_succeed(
        "kubectl -n shop get pods -l app=echo -o jsonpath='{.items[*].spec.initContainers[*].name}' | grep istio-init",
        "new Pods have their init container again");
    a_request_through_the_gateway_is_answered(state);
}

/* --- accounts --- */

#define OF_ISTIOD "kubectl -n " NS " get pods -l app=istiod -o "

/* The tokens of its Pods name the former one. */
static void istiod_is_replaced_for_another_account(void **state)
{
    (void)state;
    must_succeed(
        OF_ISTIOD "name >\"$TEST_OUTPUT/former-istiod\" && test -s \"$TEST_OUTPUT/former-istiod\"",
        "the Pods of istiod are known");
    cluster_delete(kind_of("v1", "ServiceAccount"), NS, "istiod");
    must_succeed(
        "kubectl -n " NS " wait --for=delete --timeout=20s $(cat \"$TEST_OUTPUT/former-istiod\")",
        "the former Pods of istiod are gone");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    assert_int_not_equal(run_shell("kubectl -n " NS " logs -l app=istiod --tail=-1 | grep Unauthorized"), 0);
    /* A new Pod is injected, and gets its certificate. */
    assert_int_equal(run_shell("kubectl -n shop delete pod client --wait"), 0);
    apply_workloads();
    must_succeed("kubectl -n shop wait --for=condition=Ready pod --all --timeout=20s", "new Pods are ready");
    services_talk_with_mutual_tls(state);
}

/* Kubernetes' controllers write statuses, istiod its webhooks' failure policy: what counts is what the operator does.
 */
static void an_idle_mesh_is_not_written(void **state)
{
    _cleanup_buf_ struct buf writes = BUF_INIT;
    int64_t seconds = 0;
    long position;

    (void)state;
    assert_true(str_to_int64(variable("TEST_IDLE_SECONDS"), &seconds) && seconds > 0);
    mesh_wait_settled(PATIENCE);
    position = audit_position();
    pause_ms((int)seconds * 1000);
    audit_read(position, audit_note_write, &writes);
    if (writes.len)
        fail_msg("written while nothing happened:%s", buf_str(&writes));
}

/*
 * Also istiod, its webhooks and the gateway, with Pods that run: all of it is at work again afterwards. With a
 * definition the users' objects of that kind go.
 */
static void every_deleted_object_comes_back(void **state)
{
    healing_after_deletions(30);
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    apply_workloads();
    a_request_through_the_gateway_is_answered(state);
}

static void every_changed_field_is_restored(void **state)
{
    healing_after_changes();
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    a_request_through_the_gateway_is_answered(state);
}

#define OLD_ISTIOD                                                                                                     \
    "kubectl -n " NS " get deployment,service,serviceaccount,configmap -o name | grep -E '/(istiod|istio)$'"
#define RESTART "kubectl -n shop rollout restart deployment/echo && kubectl -n shop delete pod client --wait"

/* The former control plane goes soon after the Pods that it injected are restarted, and not before. */
static void another_revision_takes_over(void **state)
{
    cluster_patch(
        ISTIO, NS, MESH, "{\"spec\": {\"revision\": \"canary\", \"upgrade\": {\"formerGracePeriod\": \"5s\"}}}");
    must_succeed(
        "kubectl get namespace shop -o jsonpath='{.metadata.labels.istio\\.io/rev}' | grep -x canary",
        "the namespace has the label of the revision");
    mesh_wait_status("Available", TO_BE_AVAILABLE);
    assert_int_equal(run_shell(OLD_ISTIOD), 0);
    a_request_through_the_gateway_is_answered(state);
    assert_int_equal(run_shell(RESTART), 0);
    apply_workloads();
    wait_until(fails, (void *)OLD_ISTIOD, TO_BE_AVAILABLE, "the former control plane is gone");
    must_succeed("kubectl -n shop wait --for=condition=Ready pod --all --timeout=20s", "the restarted Pods are ready");
    a_request_through_the_gateway_is_answered(state);
    services_talk_with_mutual_tls(state);
}

static bool only_definitions_are_left(void *context)
{
    _cleanup_free_ char *compare = str_printf("cd '%s' && diff names-before names-after >&2", variable("TEST_OUTPUT"));

    (void)context;
    list_names("names-after");
    return run_shell(compare) == 0;
}

static void its_removal_leaves_only_definitions(void **state)
{
    const char *definitions = getenv("TEST_GATEWAY_API");
    _cleanup_free_ char *remove = str_printf("kubectl delete --ignore-not-found -f '%s' >&2", str_or(definitions, ""));

    (void)state;
    if (definitions)
        must_succeed("kubectl get gatewayclass istio", "istiod has made its classes");
    assert_int_equal(run_shell("sed 's/ISTIO_VERSION/x/' \"$TEST_WORKLOADS\" | kubectl delete --wait -f -"), 0);
    mesh_delete_and_wait();
    if (definitions) {
        must_succeed("test -z \"$(kubectl get gatewayclasses -o name)\"", "istiod's classes are deleted");
        must_succeed(remove, "the definitions of the Gateway API are deleted");
    }
    wait_until(only_definitions_are_left, NULL, PATIENCE, "nothing but definitions is left");
    operator_kill(SIGTERM);
}

static int set_up(void **state)
{
    if (set_up_shop(state) != 0)
        return -1;
    return run_shell("kubectl create namespace guarded &&"
                     " kubectl label namespace guarded pod-security.kubernetes.io/enforce=restricted");
}

/* Reading again after a conflict needs one. */
static bool is_due(const char *right)
{
    return (rights_are_of_todays_istio(right) && !str_ends(right, " get")) || rights_are_of_renewal(right);
}

static void rights_of_its_own_were_used_and_nothing_refused(void **state)
{
    (void)state;
    rights_used_check_audit(is_due);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_available_in_time),
        cmocka_unit_test(pods_of_a_listed_namespace_get_sidecars),
        cmocka_unit_test(a_request_through_the_gateway_is_answered),
        cmocka_unit_test(services_talk_with_mutual_tls),
        cmocka_unit_test(plain_text_is_refused_under_mtls_alone),
        cmocka_unit_test(an_authorization_policy_denies_what_it_names),
        cmocka_unit_test(a_gateway_of_the_gateway_api_is_deployed_and_answers),
        cmocka_unit_test(tracing_is_configured_without_a_restart),
        cmocka_unit_test(a_certificate_is_renewed_without_a_lost_request),
        cmocka_unit_test(open_requests_outlast_their_gateway),
        cmocka_unit_test(outdated_sidecars_are_renewed),
        cmocka_unit_test(a_namespace_that_refuses_sidecars_is_named),
        cmocka_unit_test(pods_without_rights_are_reached_through_the_gateway),
        cmocka_unit_test(pods_that_start_before_the_plugin_are_repaired),
        cmocka_unit_test(istiod_is_replaced_for_another_account),
        cmocka_unit_test(an_idle_mesh_is_not_written),
        cmocka_unit_test(every_deleted_object_comes_back),
        cmocka_unit_test(every_changed_field_is_restored),
        cmocka_unit_test(the_node_works_on_without_the_plugin),
        cmocka_unit_test(another_revision_takes_over),
        cmocka_unit_test(its_removal_leaves_only_definitions),
        cmocka_unit_test(rights_of_its_own_were_used_and_nothing_refused),
    };

    return cmocka_run_group_tests_name("cluster today", tests, set_up, harness_teardown);
}
