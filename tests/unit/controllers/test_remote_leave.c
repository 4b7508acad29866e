/* A remote cluster leaves the mesh, or is taken over from a RemoteIstio that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "remote_world.h"

#define SPEC "{\"autoInjectionNamespaces\": [\"default\"]}"

static int setup_joined(void **state)
{
    remote_world_setup(state);
    remote_world_join(*state, SPEC);
    return 0;
}

static bool is_joined(struct remote_world *w)
{
    return world_has(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
}

/* A ConfigMap in the remote cluster with the mark of the resource. */
static void put_owned(struct remote_world *w, const char *name)
{
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", NS),
                MAP("labels", STRING(MARK_OWNER, doc_string(resource, "metadata", "uid"))))));
}

static bool resource_is_there(struct remote_world *w)
{
    return world_has(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
}

static size_t count_marked(const struct world *w, const char *uid)
{
    const struct kube_object *o;
    size_t count = 0;

    for (size_t row = 0; row < mesh_kinds.len; row++)
        for (size_t i = 0; (o = kube_cache_next(w->cache, &mesh_kinds.rows[row], &i));)
            count += str_eq(o->owner, uid);
    return count;
}

static void put_certificate(struct remote_world *w, const char *ns)
{
    world_put_as(
        &w->remote,
        mesh_kind(KIND_KEY_AND_CERT_SECRET),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", "istio.default"), STRING("namespace", ns)),
            STRING("type", "istio.io/key-and-cert")));
}

static size_t count_certificates(const struct remote_world *w)
{
    return kube_cache_count(w->remote.cache, mesh_kind(KIND_KEY_AND_CERT_SECRET));
}

static size_t count_labelled(struct remote_world *w)
{
    _cleanup_json_ json_t *ns = world_get(&w->remote, "v1", "Namespace", NULL, "default");

    return doc_at(ns, "metadata", "labels", LABEL_INJECTION) != NULL;
}

/* Where `a` stands in the text, before anything after it. */
static size_t place_of(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    assert_non_null(at);
    return (size_t)(at - text);
}

static void it_leaves_in_order_and_completely(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    const char *uid = doc_string(resource, "metadata", "uid");
    _cleanup_buf_ struct buf course = BUF_INIT;
    const char *text;

    put_certificate(w, "default");
    remote_world_put_secret(w, "other", OBJECT(STRING("config", "e30=")));
    remote_world_delete_resource(w);
    for (int round = 0; round < 12 && resource_is_there(w); round++) {
        _cleanup_free_ char *step = remote_world_step(w);
        buf_add_str(&course, step);
        buf_add_str(&course, "--\n");
        if (round == 0)
            expect_status(w, "Status", "Reconciling");
    }
    assert_false(resource_is_there(w));
    text = buf_str(&course);
    /* Its namespaces' labels and its webhook before the injector, the injector before what it uses. */
    assert_true(place_of(text, "patch Namespace/default") < place_of(text, "--\n"));
    assert_true(place_of(text, "remove MutatingWebhookConfiguration") < place_of(text, "remove Deployment"));
    assert_true(place_of(text, "remove Deployment") < place_of(text, "remove ServiceAccount"));
    /* Citadel makes certificates for as long as it runs. */
    assert_true(
        place_of(text, "remove Deployment/istio-system/istio-citadel") <
        place_of(text, "remove Secret/default/istio.default"));
    assert_true(
        place_of(text, "remove Secret/default/istio.default") <
        place_of(text, "remove Istio/istio-system/istio-config"));
    assert_true(
        place_of(text, "remove Istio/istio-system/istio-config") < place_of(text, "remove CustomResourceDefinition"));
    /* Pilot reads it to the end. */
    assert_true(place_of(text, "remove CustomResourceDefinition") < place_of(text, "patch Secret/istio-system/east"));
    assert_int_equal(count_labelled(w), 0);
    assert_int_equal(count_certificates(w), 0);
    assert_int_equal(count_marked(&w->remote, uid), 0);
}

static void others_objects_and_definitions_stay(void **state)
{
    struct remote_world *w = *state;

    /* This definition was there before and has no mark of the operator. */
    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "apiextensions.k8s.io/v1"),
            STRING("kind", "CustomResourceDefinition"),
            MAP("metadata", STRING("name", "istios.istio.banzaicloud.io"))));
    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata",
                STRING("name", "mine"),
                STRING("namespace", NS),
                MAP("labels", STRING(MARK_OWNER, "another-client")))));
    remote_world_join(w, SPEC);
    {
        _cleanup_json_ json_t *definition = world_get(
            &w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition", NULL, "istios.istio.banzaicloud.io");
        assert_null(doc_at(definition, "metadata", "labels"));
    }
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_false(is_joined(w));
    assert_true(world_has(
        &w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition", NULL, "istios.istio.banzaicloud.io"));
    assert_true(world_has(&w->remote, "v1", "ConfigMap", NS, "mine"));
}

static void it_waits_until_it_knows_the_certificates(void **state)
{
    struct remote_world *w = *state;

    remote_world_delete_resource(w);
    for (int round = 0; round < 12; round++) {
        struct reconcile_plan plan;
        w->remote.synced = 0;
        remote_world_plan(w, &plan);
        assert_true(plan.remote.watch & PLAN_WATCH_SECRETS);
        remote_world_act(w, &plan);
        reconcile_plan_release(&plan);
    }
    assert_true(is_joined(w));
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
}

static void step_until_listed_again(struct remote_world *w)
{
    do
        free(remote_world_step(w));
    while (!(w->remote.synced & PLAN_RELISTED));
}

/* A watch may have fallen silent: what is left then shows when it is listed again. */
static void it_goes_when_new_lists_show_nothing(void **state)
{
    struct remote_world *w = *state;

    remote_world_delete_resource(w);
    step_until_listed_again(w);
    assert_true(is_joined(w));
    put_certificate(w, "default");
    free(remote_world_step(w));
    assert_int_equal(count_certificates(w), 0);
    step_until_listed_again(w);
    while (is_joined(w) || world_count(&w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition"))
        free(remote_world_step(w));
    step_until_listed_again(w);
    put_owned(w, "late");
    free(remote_world_step(w));
    assert_false(world_has(&w->remote, "v1", "ConfigMap", NS, "late"));
    assert_true(resource_is_there(w));
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
}

/* --- held up --- */

static void expect_held(struct remote_world *w, const char *text)
{
    _cleanup_free_ char *message = NULL;
    size_t accounts = world_count(&w->remote, "v1", "ServiceAccount");

    assert_true(remote_world_converge(w) >= 0);
    assert_true(resource_is_there(w));
    message = remote_world_status(w, "ErrorMessage");
    if (!strstr(message, text) || !strstr(message, "istio.banzaicloud.io/abandon"))
        fail_msg("%s", message);
    expect_status(w, "Status", "Reconciling");
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), accounts);
}

static void unreachable_it_waits(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *connected = NULL;

    w->in_step = false;
    remote_world_delete_resource(w);
    expect_held(w, "removing: waiting for an answer of the remote cluster;");
    w->in_step = true;
    w->contact.error = "connection refused";
    w->contact.error_age = SECONDS(20);
    expect_held(w, "removing: waiting for the remote cluster: connection refused;");
    connected = remote_world_condition(w, "Connected");
    assert_string_equal(doc_string(connected, "status"), "False");
    assert_string_equal(doc_string(connected, "reason"), "Unreachable");
    w->contact.error = "";
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
}

static void without_its_secret_it_waits(void **state)
{
    struct remote_world *w = *state;
    struct reconcile_plan plan;

    assert_true(kube_cache_remove(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, REMOTE, NULL));
    remote_world_delete_resource(w);
    expect_held(w, "waiting for the Secret istio-system/east");
    remote_world_plan(w, &plan);
    assert_false(plan.connect);
    reconcile_plan_release(&plan);
}

static void where_secrets_are_not_read_it_waits_for_that(void **state)
{
    struct remote_world *w = *state;

    world_delete(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_true(kube_cache_remove(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, REMOTE, NULL));
    remote_world_read_elsewhere(w);
    remote_world_delete_resource(w);
    expect_held(w, "waiting for Secrets to be read here: while there is a mesh in namespace elsewhere");
}

static void with_a_refused_kubeconfig_it_waits(void **state)
{
    struct remote_world *w = *state;

    w->in_step = false;
    w->contact.refused = "exec is refused";
    remote_world_delete_resource(w);
    expect_held(w, "exec is refused;");
}

static void abandoned_it_is_left_as_it_is(void **state)
{
    struct remote_world *w = *state;
    size_t accounts = world_count(&w->remote, "v1", "ServiceAccount");
    struct reconcile_plan plan;

    w->in_step = false;
    remote_world_delete_resource(w);
    expect_held(w, "waiting for an answer");
    remote_world_annotate(w, REMOTE_ABANDON, "no");
    expect_held(w, "waiting for an answer");
    remote_world_annotate(w, REMOTE_ABANDON, "true");
    remote_world_plan(w, &plan);
    assert_string_equal(plan.warning, "the remote cluster is left as it is: what was created there stays there");
    assert_false(plan.connect);
    assert_int_equal(plan.remote.len, 0);
    reconcile_plan_release(&plan);
    expect_step(w, "patch Secret/istio-system/east: Pilot is not to read the remote cluster\n");
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), accounts);
    assert_int_equal(count_labelled(w), 1);
}

static void without_its_finalizer_nothing_is_done(void **state)
{
    struct remote_world *w = *state;
    struct reconcile_plan plan;

    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, SPEC);
    remote_world_delete_resource(w);
    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.central.len + plan.remote.len, 0);
    assert_false(plan.connect);
    reconcile_plan_release(&plan);
}

static void another_managers_finalizer_is_named_when_all_is_removed(void **state)
{
    struct remote_world *w = *state;
    json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    struct reconcile_plan plan;

    json_array_append_new(doc_at(resource, "metadata", "finalizers"), json_string("example.com/backup"));
    world_put(&w->central, resource);
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_true(resource_is_there(w));
    assert_false(is_joined(w));
    expect_status(
        w, "ErrorMessage", "nothing is left to remove; the resource is held by the finalizer example.com/backup");
    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.central.len + plan.remote.len, 0);
    assert_false(plan.connect);
    reconcile_plan_release(&plan);
}

/* --- clusters that are not ours (any more) --- */

/* The kubeconfig came to lead to another cluster: what is labelled and signed there is that one's own. */
static void expect_to_leave_alone(struct remote_world *w)
{
    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        struct kube_object *o;
        if (kind->view || str_eq(kind->kind, "Namespace"))
            continue;
        for (size_t i = 0; (o = kube_cache_next(w->remote.cache, kind, &i));)
            if (o->owner && kube_cache_remove(w->remote.cache, kind, o->ns, o->name, NULL))
                i = 0;
    }
    /* Even where something was left of us by mistake. */
    if (world_count(&w->remote, API_GROUP_VERSION, "Istio"))
        put_owned(w, "left");
    put_certificate(w, "shop");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_int_equal(count_certificates(w), 1);
    assert_int_equal(count_labelled(w), 1);
}

static void a_cluster_with_a_mesh_of_its_own_is_left_alone(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_istio(w, "istio", NULL, NULL);
    expect_to_leave_alone(w);
}

static void a_cluster_without_the_owner_label_is_left_alone(void **state)
{
    expect_to_leave_alone(*state);
}

static void a_cluster_that_another_central_one_took_over_is_left_alone(void **state)
{
    struct remote_world *w = *state;
    size_t accounts = world_count(&w->remote, "v1", "ServiceAccount");
    json_t *config = world_get(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);

    json_object_set_new(doc_at(config, "metadata", "annotations"), MESH_REMOTE_OF, json_string("another-id"));
    world_put(&w->remote, config);
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), accounts);
}

/* Another client put a mesh of their own into the place of what the rest hangs on. */
static void in_a_mesh_of_its_own_only_what_has_the_owner_label_is_removed(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    const char *uid = doc_string(resource, "metadata", "uid");

    world_delete(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
    remote_world_put_istio(w, MESH_REMOTE_OWNER, NULL, NULL);
    put_certificate(w, "shop");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    /* Its definition, which that mesh needs. */
    assert_int_equal(count_marked(&w->remote, uid), 1);
    assert_true(world_has(
        &w->remote, "apiextensions.k8s.io/v1", "CustomResourceDefinition", NULL, "istios.istio.banzaicloud.io"));
    assert_true(is_joined(w));
    assert_int_equal(count_certificates(w), 1);
    assert_int_equal(count_labelled(w), 1);
}

/* A person took our marks off what the rest hangs on. */
static void unmarked_as_it_is_the_cluster_is_cleaned_all_the_same(void **state)
{
    struct remote_world *w = *state;
    json_t *config = world_get(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);

    json_object_del(doc_at(config, "metadata"), "annotations");
    world_put(&w->remote, config);
    put_certificate(w, "default");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_false(is_joined(w));
    assert_int_equal(count_certificates(w), 0);
    assert_int_equal(count_labelled(w), 0);
}

/* Another client removed what the rest hangs on, and what has our mark is still there. */
static void without_what_it_hangs_on_the_rest_goes_all_the_same(void **state)
{
    struct remote_world *w = *state;

    world_delete(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
    put_certificate(w, "default");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_false(resource_is_there(w));
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), 0);
    assert_int_equal(count_certificates(w), 0);
    assert_int_equal(count_labelled(w), 0);
}

/* --- taken over --- */

/* The RemoteIstio was made again: its name is the same and its uid another one. */
static void recreate(struct remote_world *w, const char *spec)
{
    world_delete(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    remote_world_put_resource(w, spec);
}

static void what_an_abandoned_one_left_is_taken_over(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *before = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE), *after = NULL;
    _cleanup_json_ json_t *config = NULL;
    const char *old = doc_string(before, "metadata", "uid"), *new;
    size_t deployments = world_count(&w->remote, "apps/v1", "Deployment");

    assert_true(count_marked(&w->remote, old) > 20);
    recreate(w, "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}]}");
    after = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);
    new = doc_string(after, "metadata", "uid");
    assert_string_not_equal(old, new);
    for (int round = 0; round < 12; round++) {
        _cleanup_free_ char *step = remote_world_step(w);
        /* Until the end the old mark says what is to be pruned. */
        if (strstr(step, "update Istio/istio-system/istio-config"))
            assert_int_equal(world_count(&w->remote, "v1", "Endpoints"), 1);
        assert_null(strstr(step, "remove Deployment"));
    }
    /* The definition counts as it is. */
    config = world_get(&w->remote, API_GROUP_VERSION, "Istio", NS, MESH_REMOTE_OWNER);
    assert_string_equal(doc_string(config, "metadata", "labels", MARK_OWNER), new);
    assert_int_equal(world_count(&w->remote, "apps/v1", "Deployment"), deployments);
    assert_int_equal(world_count(&w->remote, "v1", "Endpoints"), 1);
    assert_int_equal(remote_world_converge(w), 0);
    expect_status(w, "Status", "Available");

    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_int_equal(world_count(&w->remote, "v1", "ServiceAccount"), 0);
    assert_int_equal(count_marked(&w->remote, new), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_leaves_in_order_and_completely, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(others_objects_and_definitions_stay, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(it_waits_until_it_knows_the_certificates, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(it_goes_when_new_lists_show_nothing, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(unreachable_it_waits, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(without_its_secret_it_waits, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            where_secrets_are_not_read_it_waits_for_that, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(with_a_refused_kubeconfig_it_waits, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(abandoned_it_is_left_as_it_is, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            without_its_finalizer_nothing_is_done, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            another_managers_finalizer_is_named_when_all_is_removed, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_cluster_with_a_mesh_of_its_own_is_left_alone, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_cluster_without_the_owner_label_is_left_alone, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_cluster_that_another_central_one_took_over_is_left_alone, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            in_a_mesh_of_its_own_only_what_has_the_owner_label_is_removed, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            unmarked_as_it_is_the_cluster_is_cleaned_all_the_same, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            without_what_it_hangs_on_the_rest_goes_all_the_same, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(what_an_abandoned_one_left_is_taken_over, setup_joined, remote_world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
