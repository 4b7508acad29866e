/* What the planner of a remote cluster decides, case by case: joining it, and what holds that up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/v1_0/v1_0.h"
#include "remote_world.h"

static int setup_joined(void **state)
{
    remote_world_setup(state);
    remote_world_join(*state, "{\"autoInjectionNamespaces\": [\"default\"]}");
    return 0;
}

/* --- what holds it up --- */

static void invalid(struct remote_world *w)
{
    remote_world_put_resource(w, "{\"includeIPRanges\": \"nonsense\"}");
}

static void with_invalid_overlay(struct remote_world *w)
{
    remote_world_put_istio(w, MESH_REMOTE_OWNER, CENTRAL_ID, "gone");
    remote_world_put_resource(
        w,
        "{\"overlays\": [{\"kind\": \"Deployment\", \"name\": \"nothing\", \"patches\": [{\"op\": \"remove\", "
        "\"path\": "
        "\"/spec\"}]}]}");
}

static void without_secret(struct remote_world *w)
{
    assert_true(kube_cache_remove(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, REMOTE, NULL));
}

static void with_refused_kubeconfig(struct remote_world *w)
{
    w->in_step = false;
    w->contact.refused = "Secret istio-system/east: data.config: exec is refused";
}

static void not_connected(struct remote_world *w)
{
    w->in_step = false;
    w->contact.last = 0;
}

static void failing_for_a_moment(struct remote_world *w)
{
    w->in_step = false;
    w->contact.error = "connection refused";
    w->contact.error_age = SECONDS(3) - 1;
}

static void failing_for_longer(struct remote_world *w)
{
    failing_for_a_moment(w);
    w->contact.error_age = SECONDS(3);
}

static void in_step_and_failing(struct remote_world *w)
{
    w->contact.error = "connection refused";
    w->contact.error_age = SECONDS(30);
}

static void without_mesh(struct remote_world *w)
{
    world_delete(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");
}

static void with_secrets_read_elsewhere(struct remote_world *w)
{
    without_mesh(w);
    without_secret(w);
    remote_world_read_elsewhere(w);
    w->in_step = false;
}

static void with_invalid_mesh(struct remote_world *w)
{
    world_put_mesh(&w->central, "{\"mtls\": \"maybe\"}");
}

static void with_mesh_of_its_own(struct remote_world *w)
{
    remote_world_put_istio(w, "istio", NULL, NULL);
}

static void with_two_meshes_of_its_own(struct remote_world *w)
{
    remote_world_put_istio(w, "seen-first", NULL, NULL);
    with_mesh_of_its_own(w);
}

static void of_another_central(struct remote_world *w)
{
    remote_world_put_istio(w, MESH_REMOTE_OWNER, "another-id", "another-uid");
}

static void joined_by_another(struct remote_world *w)
{
    _cleanup_json_ json_t *other = NULL;

    remote_world_put_resource_as(w, NS, "west", "{}");
    other = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, "west");
    remote_world_put_istio(w, MESH_REMOTE_OWNER, CENTRAL_ID, doc_string(other, "metadata", "uid"));
}

static void without_certificate(struct remote_world *w)
{
    assert_true(kube_cache_remove(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, "istio-ca-secret", NULL));
}

static void with_kubernetes_too_old(struct remote_world *w)
{
    remote_world_put_istio(w, MESH_REMOTE_OWNER, CENTRAL_ID, "gone");
    w->remote.server.minor = 8;
}

static const struct holdup {
    const char *name;
    void (*prepare)(struct remote_world *w);
    const char *word, *text; /* a part of the message */
    const char *connected;   /* the reason of the condition */
    bool connect;
    msec_t look_again;
    bool has_finalizer; /* it is found out only after that */
} holdups[] = {
    {"an invalid spec", invalid, "ReconcileFailed", "spec.includeIPRanges", "Connected", false, MSEC_NEVER},
    {"an overlay of nothing",
     with_invalid_overlay,
     "ReconcileFailed",
     "spec.overlays[0]",
     "Connected",
     true,
     MSEC_NEVER,
     true},
    {"no Secret",
     without_secret,
     "ReconcileFailed",
     "there is no Secret istio-system/east",
     "NoKubeconfig",
     false,
     MSEC_NEVER},
    {"a kubeconfig that is refused",
     with_refused_kubeconfig,
     "ReconcileFailed",
     "exec is refused",
     "KubeconfigRefused",
     true,
     MSEC_NEVER},
    {"no answer yet",
     not_connected,
     "Reconciling",
     "waiting for an answer of the remote cluster",
     "Connecting",
     true,
     MSEC_NEVER},
    {"an error that may pass", failing_for_a_moment, "Reconciling", "connection refused", "Connecting", true, 1},
    {"an error that lasts", failing_for_longer, "Unreachable", "connection refused", "Unreachable", true, MSEC_NEVER},
    {"no mesh", without_mesh, "Reconciling", "there is no valid Istio resource", "Connected", true, MSEC_NEVER},
    {"no mesh, and Secrets are read elsewhere",
     with_secrets_read_elsewhere,
     "Reconciling",
     "there is no valid Istio resource",
     "SecretNotRead",
     false,
     MSEC_NEVER},
    {"a mesh that is not valid",
     with_invalid_mesh,
     "Reconciling",
     "there is no valid Istio resource",
     "Connected",
     true,
     MSEC_NEVER},
    {"a mesh of its own",
     with_mesh_of_its_own,
     "ReconcileFailed",
     "Istio istio-system/istio is there",
     "Connected",
     true,
     MSEC_NEVER},
    {"two of them, of which always the same is reported",
     with_two_meshes_of_its_own,
     "ReconcileFailed",
     "Istio istio-system/istio is there",
     "Connected",
     true,
     MSEC_NEVER},
    {"another central cluster",
     of_another_central,
     "ReconcileFailed",
     "another central cluster: see Istio istio-system/istio-config",
     "Connected",
     true,
     MSEC_NEVER},
    {"another RemoteIstio",
     joined_by_another,
     "ReconcileFailed",
     "joined by RemoteIstio istio-system/west already",
     "Connected",
     true,
     MSEC_NEVER},
    {"no certificate",
     without_certificate,
     "Reconciling",
     "waiting for the certificate",
     "Connected",
     true,
     MSEC_NEVER},
    {"a Kubernetes that is too old",
     with_kubernetes_too_old,
     "ReconcileFailed",
     "runs on Kubernetes 1.",
     "Connected",
     true,
     MSEC_NEVER,
     true},
};

static void expect_holdup(struct remote_world *w, const struct holdup *h)
{
    _cleanup_json_ json_t *resource = NULL, *connected = NULL;
    _cleanup_free_ char *word = NULL, *text = NULL;
    struct reconcile_plan plan;

    assert_true(remote_world_converge(w) > 0);
    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.central.len + plan.remote.len, 0);
    assert_int_equal(plan.connect, h->connect);
    assert_int_equal(plan.again_after, h->look_again);
    reconcile_plan_release(&plan);
    word = remote_world_status(w, "Status");
    text = remote_world_status(w, "ErrorMessage");
    connected = remote_world_condition(w, "Connected");
    if (!str_eq(word, h->word) || !strstr(text, h->text) || !str_eq(doc_string(connected, "reason"), h->connected))
        fail_msg("%s: %s, %s; Connected: %s", h->name, word, text, doc_string(connected, "reason"));
    assert_string_equal(doc_string(connected, "status"), str_eq(h->connected, "Connected") ? "True" : "False");
    resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    assert_int_equal(json_array_size(doc_at(resource, "metadata", "finalizers")), h->has_finalizer);
    /* Nothing was made, and nothing that is there was touched. */
    assert_int_equal(world_count(&w->remote, "v1", "Service") + world_count(&w->remote, "v1", "ServiceAccount"), 0);
    assert_int_equal(world_count(&w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 0);
}

static void what_holds_it_up_is_reported_and_nothing_is_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(holdups); i++) {
        struct remote_world w;
        remote_world_init(&w);
        remote_world_put_secret(&w, REMOTE, OBJECT(STRING("config", "e30=")));
        remote_world_put_resource(&w, "{}");
        holdups[i].prepare(&w);
        expect_holdup(&w, &holdups[i]);
        remote_world_release(&w);
    }
}

/* A word of the status is there from the first plan on. */
static void a_resource_is_taken_up_first(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_resource(w, "{}");
    without_certificate(w);
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    expect_step(w, "");
    expect_status(w, "Status", "Created");
}

static void a_cluster_that_joined_and_answers_no_more_is_unreachable(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *connected = NULL;

    in_step_and_failing(w);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Unreachable");
    expect_status(w, "ErrorMessage", "connection refused");
    expect_status(w, "kubernetesVersion", "v1.20.2");
    connected = remote_world_condition(w, "Connected");
    assert_string_equal(doc_string(connected, "reason"), "Unreachable");
    w->contact.error = "";
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Available");
}

/* By an operator that was synced with it before, and by one that was started since. */
static void of_a_cluster_that_is_unreachable_all_say_the_same(void **state)
{
    struct remote_world *w = *state;
    json_t *citadel = world_get(&w->remote, "v1", "Service", NS, "istio-citadel");

    json_object_set_new(doc_make(citadel, "metadata", "annotations"), MARK_IGNORE, json_string("true"));
    world_put(&w->remote, citadel);
    w->contact.error = "Unauthorized";
    w->contact.error_age = SECONDS(20);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Unreachable");
    w->in_step = false;
    assert_int_equal(remote_world_converge(w), 0);
    expect_status(w, "ignored", "1");
    w->in_step = true;
    assert_int_equal(remote_world_converge(w), 0);
}

static void a_cluster_that_joined_and_whose_secret_is_read_no_more_says_so(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *connected = NULL;

    with_secrets_read_elsewhere(w);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Reconciling");
    connected = remote_world_condition(w, "Connected");
    assert_string_equal(doc_string(connected, "status"), "False");
    assert_string_equal(doc_string(connected, "message"), "Secrets are read in namespace elsewhere alone");
}

/* An operator that was just started has no news of the cluster yet: it does not say so of each, for a moment. */
static void what_was_said_stands_while_a_connection_is_being_made(void **state)
{
    struct remote_world *w = *state;

    not_connected(w);
    expect_step(w, "");
    failing_for_a_moment(w);
    expect_step(w, "");
    expect_status(w, "Status", "Available");
    failing_for_longer(w);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Unreachable");
    /* The next start: an unreachable cluster stays one until it answers. */
    not_connected(w);
    w->contact.error = "";
    expect_step(w, "");
    expect_status(w, "Status", "Unreachable");
}

/* A start reads the kubeconfig after its first plan. */
static void what_was_said_of_a_refused_kubeconfig_stands_until_it_is_read(void **state)
{
    struct remote_world *w = *state;

    with_refused_kubeconfig(w);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "ReconcileFailed");
    w->contact.refused = NULL;
    expect_step(w, "");
    expect_status(w, "Status", "ReconcileFailed");
}

static void it_stands_in_the_namespace_of_the_mesh(void **state)
{
    struct remote_world *w = *state;
    _cleanup_free_ char *text = NULL;
    json_t *mesh = world_get(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");

    world_delete(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "namespace", json_string("mesh"));
    world_put(&w->central, mesh);
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{}");
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "ReconcileFailed");
    text = remote_world_status(w, "ErrorMessage");
    assert_string_equal(text, "metadata.namespace: must be mesh, where the mesh is that it joins, but is istio-system");
}

/* --- before all that is needed was read --- */

static void nothing_is_decided_before_the_central_cluster_was_read(void **state)
{
    struct remote_world *w = *state;
    static const unsigned partly[] = {0, PLAN_WATCH_PODS, PLAN_WATCH_CREDENTIALS};

    remote_world_put_pod(w, "pilot", "{\"istio\": \"pilot\"}", "10.0.0.1", true);
    assert_true(remote_world_converge(w) > 0);
    world_delete(&w->central, "v1", "Pod", NS, "pilot");
    for (size_t i = 0; i < ARRAY_LEN(partly); i++) {
        struct reconcile_plan plan;
        w->synced = partly[i];
        assert_false(remote_world_plan(w, &plan));
        assert_int_equal(plan.central.len + plan.remote.len, 0);
        reconcile_plan_release(&plan);
    }
    w->synced = PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS;
    expect_step(w, "update Endpoints/istio-system/istio-pilot: subsets differs\n");
}

static void without_the_central_clusters_id_nothing_is_decided(void **state)
{
    struct remote_world *w = *state;
    struct reconcile_plan plan;

    world_delete(&w->central, "v1", "Namespace", NULL, "kube-system");
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{}");
    assert_false(remote_world_plan(w, &plan));
    reconcile_plan_release(&plan);
}

/* --- joining --- */

static void finalizer_comes_first_and_the_foundation_before_the_rest(void **state)
{
    struct remote_world *w = *state;
    struct reconcile_plan plan;

    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{\"autoInjectionNamespaces\": [\"default\"]}");
    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.remote.len, 0);
    assert_int_equal(plan.central.len, 1);
    assert_non_null(strstr(plan.central.actions[0].body, "remote-istio-operator.finializer.banzaicloud.io"));
    remote_world_act(w, &plan);
    reconcile_plan_release(&plan);

    /* The label for Pilot, and in the remote cluster what the rest hangs on: its namespace is there already. */
    expect_step(
        w,
        "patch Secret/istio-system/east: Pilot is to read the remote cluster\n"
        "create CustomResourceDefinition/istios.istio.banzaicloud.io: not there yet\n");
    expect_step(w, "create Istio/istio-system/istio-config: not there yet\n");
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), 0);
    assert_int_equal(world_count(&w->remote, "v1", "Service"), 0);
}

static void a_definition_that_was_there_before_is_not_asked_for(void **state)
{
    struct remote_world *w = *state;

    w->foreign_definition = true;
    remote_world_join(w, "{}");
    expect_status(w, "Status", "Available");
    assert_int_equal(world_count(&w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 0);
}

/* In every round of joining, what is written comes after what it needs; namespaces are labelled last. */
static void order_is_kept(void **state)
{
    struct remote_world *w = *state;
    bool labelled = false;

    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{\"autoInjectionNamespaces\": [\"default\"]}");
    for (int round = 0; round < 12; round++) {
        struct reconcile_plan plan;
        remote_world_plan(w, &plan);
        for (size_t i = 0; i < plan.remote.len; i++) {
            const struct kube_action *a = &plan.remote.actions[i];
            for (const char *const *name = a->kind->after; name && *name; name++)
                for (size_t k = 0; k < plan.remote.len; k++)
                    if (str_eq(plan.remote.actions[k].kind->kind, *name))
                        fail_msg("%s %s is sent beside %s", a->kind->kind, a->name, *name);
            if (!str_eq(a->kind->kind, "Namespace"))
                continue;
            labelled = true;
            assert_int_equal(plan.remote.len, 1);
            assert_true(world_has(
                &w->remote,
                "admissionregistration.k8s.io/v1",
                "MutatingWebhookConfiguration",
                NULL,
                "istio-sidecar-injector"));
        }
        remote_world_act(w, &plan);
        reconcile_plan_release(&plan);
    }
    assert_true(labelled);
}

static void joining_converges_to_available(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *secret = NULL, *account = NULL, *config = NULL, *resource = NULL;

    expect_status(w, "Status", "Available");
    expect_status(w, "ErrorMessage", "");
    expect_status(w, "version", "1.0.5");
    expect_status(w, "kubernetesVersion", "v1.20.2");
    assert_int_equal(world_count(&w->remote, "apps/v1", "Deployment"), 2);
    assert_int_equal(world_count(&w->remote, "v1", "Endpoints"), 5);
    assert_int_equal(remote_world_converge(w), 0);

    /* One root in both clusters. */
    secret = world_get(&w->remote, "v1", "Secret", NS, "cacerts");
    assert_string_equal(doc_string(secret, "data", "root-cert.pem"), "cm9vdA==");

    /* What is in the namespace of MESH_REMOTE_OWNER hangs on it; the label names the RemoteIstio. */
    resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    config = world_get(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
    account = world_get(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account");
    assert_string_equal(
        doc_string(json_array_get(doc_at(account, "metadata", "ownerReferences"), 0), "uid"),
        doc_string(config, "metadata", "uid"));
    assert_string_equal(doc_string(account, "metadata", "labels", MARK_OWNER), doc_string(resource, "metadata", "uid"));
    assert_string_equal(doc_string(config, "metadata", "annotations", MESH_REMOTE_OF), CENTRAL_ID);
}

static void joining_a_mesh_of_istio_1_1_converges_to_available(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *citadel = NULL;
    _cleanup_free_ char *addresses = NULL;

    remote_world_put_pod(w, "pilot", "{\"istio\": \"pilot\"}", "10.0.0.1", true);
    remote_world_join(w, "{\"autoInjectionNamespaces\": [\"default\"]}");
    expect_status(w, "Status", "Available");
    expect_status(w, "version", "1.1.17");
    assert_int_equal(world_count(&w->remote, "v1", "Endpoints"), 4);
    addresses = remote_world_endpoints(w, "istio-pilot");
    assert_string_equal(addresses, "10.0.0.1");
    citadel = world_get(&w->remote, "apps/v1", "Deployment", NS, "istio-citadel");
    assert_string_equal(
        doc_string(json_array_get(doc_at(citadel, "spec", "template", "spec", "containers"), 0), "image"),
        "docker.io/istio/citadel:1.1.17");
    assert_int_equal(remote_world_converge(w), 0);
}

/* Nothing that both have is created again, and Services of Istio 1.0 alone go. */
static void another_line_is_followed_in_place(void **state)
{
    static const char *const versions[] = {"1.1.17", "1.0.6"};
    struct remote_world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        _cleanup_free_ char *spec = str_printf("{\"version\": \"%s\"}", versions[i]);
        _cleanup_json_ json_t *before = world_get(&w->remote, "apps/v1", "Deployment", NS, "istio-citadel"),
                              *after = NULL;

        world_put_mesh(&w->central, spec);
        assert_true(world_converge(&w->central) > 0);
        world_roll_out(&w->central);
        assert_true(world_converge(&w->central) >= 0);
        assert_true(remote_world_converge(w) > 0);
        expect_status(w, "Status", "Available");
        expect_status(w, "version", versions[i]);
        after = world_get(&w->remote, "apps/v1", "Deployment", NS, "istio-citadel");
        assert_string_equal(doc_string(before, "metadata", "uid"), doc_string(after, "metadata", "uid"));
        assert_int_equal(world_has(&w->remote, "v1", "Service", NS, "istio-statsd"), i == 1);
    }
}

/* Its nodes have no agent of the operator's. */
static void a_mesh_with_node_agents_says_what_a_remote_cluster_lacks(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *ready = NULL;

    world_put_mesh(
        &w->central, "{\"version\": \"1.1.17\", \"sds\": {\"enabled\": true}, \"nodeAgent\": {\"enabled\": true}}");
    assert_true(world_converge(&w->central) > 0);
    remote_world_join(w, "{}");
    ready = remote_world_condition(w, "Ready");
    assert_non_null(strstr(doc_string(ready, "message"), "need a node agent on each node"));
}

static void what_is_busy_is_not_planned_again(void **state)
{
    struct remote_world *w = *state;

    world_delete(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account");
    w->central.all_busy = w->remote.all_busy = true;
    expect_step(w, "");
    w->central.all_busy = w->remote.all_busy = false;
    expect_step(w, "create ServiceAccount/istio-system/istio-citadel-service-account: deleted by another client\n");
}

static void drift_heals_as_in_the_central_cluster(void **state)
{
    struct remote_world *w = *state;
    json_t *deployment = world_get(&w->remote, "apps/v1", "Deployment", NS, "istio-citadel");

    json_object_set_new(doc_at(deployment, "spec"), "replicas", json_integer(7));
    world_put(&w->remote, deployment);
    expect_step(w, "update Deployment/istio-system/istio-citadel: changed by another client: replicas differs\n");
    world_delete(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
    expect_step(w, "create Istio/istio-system/istio-config: deleted by another client\n");
}

/* --- the label for Pilot --- */

static const char *pilot_label(struct remote_world *w)
{
    const struct kube_object *o = kube_cache_get(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, REMOTE);
    _cleanup_json_ json_t *secret = kube_object_parse(o);
    const char *label = doc_string(secret, "metadata", "labels", V1_KUBECONFIG_LABEL);

    return !label ? "none" : doc_at(secret, "metadata", "annotations") ? "ours" : "theirs";
}

static void the_label_for_pilot_comes_and_goes_with_the_cluster(void **state)
{
    struct remote_world *w = *state;

    assert_string_equal(pilot_label(w), "ours");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_string_equal(pilot_label(w), "none");
}

static void a_label_for_pilot_that_was_removed_comes_back(void **state)
{
    struct remote_world *w = *state;

    expect_step(w, "");
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    assert_string_equal(pilot_label(w), "none");
    expect_step(w, "patch Secret/istio-system/east: Pilot is to read the remote cluster\n");
    assert_string_equal(pilot_label(w), "ours");
    expect_step(w, "");
}

/* Pilot would use it as it is. */
static void pilot_is_given_no_kubeconfig_that_is_refused(void **state)
{
    struct remote_world *w = *state;

    with_refused_kubeconfig(w);
    expect_step(w, "patch Secret/istio-system/east: Pilot is not to read the remote cluster\n");
    assert_string_equal(pilot_label(w), "none");
    w->in_step = true;
    w->contact.refused = NULL;
    assert_true(remote_world_converge(w) > 0);
    assert_string_equal(pilot_label(w), "ours");
}

static void a_label_for_pilot_that_another_client_set_stays_theirs(void **state)
{
    struct remote_world *w = *state;

    world_put_as(
        &w->central,
        mesh_kind(KIND_CREDENTIALS_SECRET),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata",
                STRING("name", REMOTE),
                STRING("namespace", NS),
                MAP("labels", STRING(V1_KUBECONFIG_LABEL, "true"))),
            MAP("data", STRING("config", "e30="))));
    remote_world_put_resource(w, "{}");
    assert_true(remote_world_converge(w) > 0);
    assert_string_equal(pilot_label(w), "theirs");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_string_equal(pilot_label(w), "theirs");
}

/* --- pause, overlays, notices --- */

static void a_pause_writes_nothing_and_lists_what_differs(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_resource(w, "{\"autoInjectionNamespaces\": [\"default\"], \"pause\": true}");
    world_delete(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account");
    expect_step(w, "");
    expect_status(w, "Status", "Reconciling");
    expect_status(w, "ErrorMessage", "paused by spec.pause: 1 objects differ and are left so");
    expect_status(
        w,
        "drift",
        "[{\"action\":\"create\",\"object\":\"ServiceAccount/istio-system/istio-citadel-service-account\","
        "\"reason\":\"not there yet\"}]");
    assert_int_equal(remote_world_converge(w), 0);
    remote_world_put_resource(w, "{\"autoInjectionNamespaces\": [\"default\"]}");
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "drift", "");
    expect_status(w, "Status", "Available");
}

static void a_pause_before_joining_makes_nothing(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{\"pause\": true}");
    assert_true(remote_world_converge(w) > 0);
    assert_int_equal(world_count(&w->remote, API_GROUP_VERSION, "Istio"), 0);
    expect_status(w, "ErrorMessage", "paused by spec.pause before the remote cluster was joined");
}

static void overlays_apply_to_what_is_made_there(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *deployment = NULL;

    remote_world_put_resource(
        w,
        "{\"autoInjectionNamespaces\": [\"default\"], \"overlays\": [{\"kind\": \"Deployment\", \"name\": "
        "\"istio-citadel\", \"patches\": [{\"op\": \"add\", \"path\": \"/spec/template/spec/hostNetwork\", "
        "\"value\": true}]}]}");
    expect_step(w, "update Deployment/istio-system/istio-citadel: hostNetwork added\n");
    deployment = world_get(&w->remote, "apps/v1", "Deployment", NS, "istio-citadel");
    assert_true(json_is_true(doc_at(deployment, "spec", "template", "spec", "hostNetwork")));
}

static void what_the_mesh_decides_follows_it(void **state)
{
    struct remote_world *w = *state;
    _cleanup_free_ char *text = NULL, *actions = NULL;

    world_put_mesh(&w->central, "{\"mtls\": true, \"controlPlaneSecurityEnabled\": true}");
    actions = remote_world_step(w);
    assert_non_null(strstr(actions, "update ConfigMap/istio-system/istio: "));
    world_roll_out(&w->remote);
    assert_true(remote_world_converge(w) > 0);
    world_roll_out(&w->remote);
    assert_true(remote_world_converge(w) >= 0);
    remote_world_put_resource(
        w, "{\"autoInjectionNamespaces\": [\"default\"], \"controlPlaneSecurityEnabled\": false}");
    assert_true(remote_world_converge(w) > 0);
    world_roll_out(&w->remote);
    assert_true(remote_world_converge(w) >= 0);
    {
        _cleanup_json_ json_t *ready = remote_world_condition(w, "Ready");
        assert_non_null(strstr(doc_string(ready, "message"), "controlPlaneSecurityEnabled is not as in the mesh"));
    }
}

static void put_mesh_status(struct world *w, json_t *status)
{
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(mesh, "status", status);
    world_put(w, mesh);
}

/* While the mesh changes its version, and where that is refused, its remote clusters have the one that it had. */
static void another_version_comes_after_the_central_cluster(void **state)
{
    struct remote_world *w = *state;

    put_mesh_status(&w->central, OBJECT(STRING("version", "1.0.5")));
    world_put_mesh(&w->central, "{\"version\": \"1.0.6\"}");
    assert_true(remote_world_converge(w) >= 0);
    expect_status(w, "version", "1.0.5");
    put_mesh_status(
        &w->central,
        OBJECT(
            STRING("version", "1.0.5"),
            MAP("upgrade", STRING("from", "1.0.5"), STRING("to", "1.0.6"), STRING("phase", "Gateways"))));
    assert_true(remote_world_converge(w) >= 0);
    expect_status(w, "version", "1.0.5");
    put_mesh_status(
        &w->central,
        OBJECT(
            STRING("version", "1.0.6"),
            MAP("upgrade", STRING("from", "1.0.5"), STRING("to", "1.0.6"), STRING("phase", "Sidecars"))));
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "version", "1.0.6");
}

/* --- status --- */

static void a_failed_write_is_reported_until_all_is_in_place(void **state)
{
    static const char object[] = "ServiceAccount/istio-system/istio-citadel-service-account";
    struct remote_world *w = *state;

    world_delete(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account");
    world_fail(&w->remote, ERR_FORBIDDEN, KUBE_CREATE, object, "not allowed");
    w->central.all_busy = w->remote.all_busy = true;
    expect_step(w, "");
    w->central.all_busy = w->remote.all_busy = false;
    /* The status itself was busy, too. */
    expect_step(w, "create ServiceAccount/istio-system/istio-citadel-service-account: deleted by another client\n");
    expect_status(w, "Status", "ReconcileFailed");
    expect_status(w, "ErrorMessage", "ServiceAccount/istio-system/istio-citadel-service-account: not allowed");
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Available");
}

static void the_contact_moves_only_with_other_news(void **state)
{
    struct remote_world *w = *state;

    expect_status(w, "lastContact", "2018-12-16T22:39:50Z");
    w->contact.last += SECONDS(600);
    assert_int_equal(remote_world_converge(w), 0);
    in_step_and_failing(w);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "lastContact", "2018-12-16T22:49:50Z");
    /* A new operator has not reached it yet. */
    w->contact.last = 0;
    w->contact.error = "another error";
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "lastContact", "2018-12-16T22:49:50Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_it_up_is_reported_and_nothing_is_made),
        cmocka_unit_test_setup_teardown(a_resource_is_taken_up_first, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_cluster_that_joined_and_answers_no_more_is_unreachable, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            of_a_cluster_that_is_unreachable_all_say_the_same, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_cluster_that_joined_and_whose_secret_is_read_no_more_says_so, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            what_was_said_stands_while_a_connection_is_being_made, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            what_was_said_of_a_refused_kubeconfig_stands_until_it_is_read, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_definition_that_was_there_before_is_not_asked_for, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            it_stands_in_the_namespace_of_the_mesh, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            nothing_is_decided_before_the_central_cluster_was_read, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            without_the_central_clusters_id_nothing_is_decided, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            finalizer_comes_first_and_the_foundation_before_the_rest, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(order_is_kept, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(joining_converges_to_available, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            joining_a_mesh_of_istio_1_1_converges_to_available, remote_world_setup_1_1, remote_world_teardown),
        cmocka_unit_test_setup_teardown(another_line_is_followed_in_place, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_mesh_with_node_agents_says_what_a_remote_cluster_lacks, remote_world_setup_1_1, remote_world_teardown),
        cmocka_unit_test_setup_teardown(what_is_busy_is_not_planned_again, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(drift_heals_as_in_the_central_cluster, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            the_label_for_pilot_comes_and_goes_with_the_cluster, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_label_for_pilot_that_was_removed_comes_back, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            pilot_is_given_no_kubeconfig_that_is_refused, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_label_for_pilot_that_another_client_set_stays_theirs, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pause_writes_nothing_and_lists_what_differs, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_pause_before_joining_makes_nothing, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(overlays_apply_to_what_is_made_there, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(what_the_mesh_decides_follows_it, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            another_version_comes_after_the_central_cluster, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_failed_write_is_reported_until_all_is_in_place, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(the_contact_moves_only_with_other_news, setup_joined, remote_world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
