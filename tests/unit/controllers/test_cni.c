/* The CNI plugin of today's Istio: when Pods are injected for it, and what Pod Security has against those that are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"
#include "reconcile/marks.h"

#define WITH_CNI "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"default\"], \"cni\": {\"enabled\": true}}"
#define WITHOUT_CNI "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"default\"]}"
#define ANOTHER_WITHOUT_CNI                                                                                            \
    "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"default\"], \"revision\": \"canary\"}"
#define DAEMONS "istio-cni-node"
#define INJECTION "ConfigMap/istio-system/istio-sidecar-injector"

static void put_node(struct world *w, const char *name, const char *version)
{
    json_t *node = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Node"),
        MAP("metadata",
            STRING("name", name),
            FORMAT("uid", "uid-of-%s", name),
            FORMAT("resourceVersion", "%d", ++w->clock)),
        MAP("status", MAP("nodeInfo", STRING("kubeletVersion", version))));

    kube_cache_put(w->cache, mesh_kind(KIND_NODE), node);
    json_decref(node);
}

/* The plugin's Pod of a node, which a scheduler has not placed yet where it is not ready. */
static void put_pod_of(struct world *w, const char *node, bool ready)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                FORMAT("name", "cni-%s", node),
                STRING("namespace", NS),
                MAP("labels", STRING("k8s-app", DAEMONS))),
            MAP("spec",
                OPT(ready, STRING("nodeName", node)),
                MAP("affinity",
                    MAP("nodeAffinity",
                        MAP("requiredDuringSchedulingIgnoredDuringExecution",
                            SEQ("nodeSelectorTerms",
                                ITEM(
                                    SEQ("matchFields",
                                        ITEM(
                                            STRING("key", "metadata.name"),
                                            STRING("operator", "In"),
                                            STRINGS("values", node))))))))),
            MAP("status",
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", ready ? "True" : "False"))))));
}

static int begin_with_cni(void **state)
{
    begin_today(state);
    world_put_mesh(*state, WITH_CNI);
    put_node(*state, "a", "v1.34.4");
    put_node(*state, "b", "v1.34.4");
    assert_true(world_converge(*state) > 0);
    fill_in_ca_bundles(*state);
    put_endpoint_slice(*state, "istiod", true);
    world_roll_out(*state);
    world_put_daemons(*state, NS, DAEMONS, 2, 1);
    put_pod_of(*state, "a", true);
    put_pod_of(*state, "b", false);
    assert_true(world_converge(*state) >= 0);
    return 0;
}

static int begin_using_cni(void **state)
{
    begin_with_cni(state);
    world_put_daemons(*state, NS, DAEMONS, 2, 2);
    put_pod_of(*state, "b", true);
    assert_true(world_converge(*state) > 0);
    return 0;
}

/* Whether new Pods are injected for the plugin. */
static bool is_injected_for_cni(struct world *w)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector");

    return strstr(str_or(doc_string(config, "data", "values"), ""), "\"cni\":{\"enabled\":true");
}

static void expect_condition(struct world *w, const char *type, const char *status, const char *text)
{
    _cleanup_json_ json_t *condition = condition_of(w, type);

    if (!status)
        assert_null(condition);
    else
        assert_string_equal(doc_string(condition, "status"), status);
    if (text && !strstr(doc_string(condition, "message"), text))
        fail_msg("%s says %s", type, doc_string(condition, "message"));
}

static void pods_keep_their_init_container_until_every_node_has_the_plugin(void **state)
{
    struct world *w = *state;

    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
    assert_false(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "ready on 1 of 2 nodes; not on b; until");
    expect_status(w, "Status", "Reconciling");
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    put_pod_of(w, "b", true);
    assert_true(world_converge(w) > 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "True", NULL);
    expect_status(w, "Status", "Available");
}

/* A cluster whose nodes are all still to come, and one where the plugin may run on none. */
static void without_a_node_that_has_it_pods_keep_their_init_container(void **state)
{
    struct world *w = *state;

    world_put_daemons(w, NS, DAEMONS, 0, 0);
    assert_true(world_converge(w) >= 0);
    assert_false(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "has no node to run on");
    expect_condition(w, "CNIReady", "False", "new pods get an init container");
    world_put_daemons(w, NS, DAEMONS, 1, 1);
    assert_true(world_converge(w) > 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "True", NULL);
    /* All nodes go: what is injected for it stays so. */
    world_put_daemons(w, NS, DAEMONS, 0, 0);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "has no node to run on");
    expect_condition(w, "CNIReady", "False", "wait for it");
}

static void what_no_controller_has_seen_is_not_ready(void **state)
{
    struct world *w = *state;
    json_t *daemons = world_get(w, APPS, "DaemonSet", NS, DAEMONS);

    json_object_set_new(doc_at(daemons, "metadata"), "generation", json_integer(7));
    world_put(w, daemons);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "its controller has not seen it yet");
}

static void a_node_that_is_added_changes_nothing_for_the_others(void **state)
{
    struct world *w = *state;

    put_node(w, "c", "v1.34.4");
    world_put_daemons(w, NS, DAEMONS, 3, 2);
    put_pod_of(w, "c", false);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "ready on 2 of 3 nodes; not on c; pods");
    expect_status(w, "Status", "Available");
}

static void a_deleted_plugin_comes_back_with_the_injection_as_it_was(void **state)
{
    struct world *w = *state;

    world_delete(w, APPS, "DaemonSet", NS, DAEMONS);
    expect_plan(w, "create DaemonSet/istio-system/istio-cni-node: deleted by another client\n");
    assert_true(is_injected_for_cni(w));
}

static void the_plugin_goes_after_new_pods_have_their_init_container_again(void **state)
{
    static const char *const lines[] = {"update " INJECTION, "remove DaemonSet/istio-system/istio-cni-node"};
    struct world *w = *state;
    int first[ARRAY_LEN(lines)];

    world_put_mesh(w, WITHOUT_CNI);
    assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0 && first[1] > first[0]);
    assert_false(is_injected_for_cni(w));
    assert_int_equal(world_count(w, APPS, "DaemonSet"), 0);
    assert_false(world_has(w, "rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "istio-cni"));
    expect_condition(w, "CNIReady", NULL, NULL);
}

static void the_plugin_stays_while_the_injection_cannot_be_written(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, WITHOUT_CNI);
    world_fail(w, ERR_FORBIDDEN, KUBE_UPDATE, INJECTION, "no");
    w->held = true;
    assert_true(world_converge(w) >= 0);
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

static void the_plugin_stays_while_a_former_control_plane_injects_for_it(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, ANOTHER_WITHOUT_CNI);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));

    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod-canary", true);
    assert_true(world_converge(w) >= 0);
    w->later += SECONDS(600); /* the former one's grace */
    assert_true(world_converge(w) >= 0);
    assert_false(world_has(w, "v1", "ConfigMap", NS, "istio-sidecar-injector"));
    assert_false(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

/* The user has the operator leave the injector's ConfigMap as it is, or no longer. */
static void leave_injection(struct world *w, const char *value)
{
    json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector");

    json_object_set_new(doc_make(config, "metadata", "annotations"), MARK_IGNORE, json_string(value));
    world_put(w, config);
}

static void an_injection_that_a_user_keeps_without_the_plugin_stays_so(void **state)
{
    struct world *w = *state;

    leave_injection(w, "true");
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    put_pod_of(w, "b", true);
    assert_true(world_converge(w) >= 0);
    assert_false(is_injected_for_cni(w));
    expect_status(w, "Status", "Available");
    leave_injection(w, "false");
    assert_true(world_converge(w) > 0);
    assert_true(is_injected_for_cni(w));
}

static void the_plugin_stays_while_a_user_keeps_the_injection_for_it(void **state)
{
    struct world *w = *state;

    leave_injection(w, "true");
    world_put_mesh(w, WITHOUT_CNI);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
    leave_injection(w, "false");
    assert_true(world_converge(w) > 0);
    assert_false(is_injected_for_cni(w));
    assert_false(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

/* What another manager installed, and the resource says nothing about. */
static void the_plugin_of_another_manager_is_left_alone(void **state)
{
    struct world *w = *state;
    json_t *theirs = world_get(w, APPS, "DaemonSet", NS, DAEMONS);

    as_helm(theirs);
    world_put(w, theirs);
    world_put_mesh(w, WITHOUT_CNI);
    assert_true(world_converge(w) >= 0);
    assert_false(is_injected_for_cni(w));
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

static void paths_are_those_of_the_nodes(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *daemons = NULL;

    put_node(w, "a", "v1.34.4+k3s1");
    put_node(w, "b", "v1.34.4+k3s1");
    assert_true(world_converge(w) > 0);
    daemons = world_get(w, APPS, "DaemonSet", NS, DAEMONS);
    assert_string_equal(
        doc_string(
            doc_find(doc_at(daemons, "spec", "template", "spec", "volumes"), "name", "cni-bin-dir"),
            "hostPath",
            "path"),
        "/var/lib/rancher/k3s/data/cni");
}

/* --- Pod Security --- */

#define GUARDED(level) OBJECT(STRING("pod-security.kubernetes.io/enforce", level))

static void namespaces_that_refuse_the_init_container_are_named(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "default", GUARDED("restricted"));
    world_put_namespace(w, "elsewhere", GUARDED("restricted"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "in namespaces default: their init container istio-init adds");
    world_put_namespace(w, "default", GUARDED("privileged"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", NULL, NULL);
    world_put_namespace(w, "default", GUARDED("baseline"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "spec.cni.enabled");
}

static void with_the_plugin_they_refuse_nothing(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "default", GUARDED("restricted"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "when the CNI plugin is ready on every node");
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", NULL, NULL);
}

#define WITH_NODES(test) cmocka_unit_test_setup_teardown(test, begin_with_cni, mesh_end)
#define USING_CNI(test) cmocka_unit_test_setup_teardown(test, begin_using_cni, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NODES(pods_keep_their_init_container_until_every_node_has_the_plugin),
        WITH_NODES(without_a_node_that_has_it_pods_keep_their_init_container),
        USING_CNI(what_no_controller_has_seen_is_not_ready),
        USING_CNI(a_node_that_is_added_changes_nothing_for_the_others),
        USING_CNI(a_deleted_plugin_comes_back_with_the_injection_as_it_was),
        USING_CNI(the_plugin_goes_after_new_pods_have_their_init_container_again),
        USING_CNI(the_plugin_stays_while_the_injection_cannot_be_written),
        USING_CNI(the_plugin_stays_while_a_former_control_plane_injects_for_it),
        WITH_NODES(an_injection_that_a_user_keeps_without_the_plugin_stays_so),
        USING_CNI(the_plugin_stays_while_a_user_keeps_the_injection_for_it),
        USING_CNI(the_plugin_of_another_manager_is_left_alone),
        USING_CNI(paths_are_those_of_the_nodes),
        INSTALLED_TODAY(namespaces_that_refuse_the_init_container_are_named),
        WITH_NODES(with_the_plugin_they_refuse_nothing),
    };

    return cmocka_run_group_tests_name("controllers cni", tests, NULL, NULL);
}
