/* The services of the central cluster in a remote one: their Endpoints follow the central Pods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "remote_world.h"

#define SERVICES "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}]}"
#define PILOT "{\"istio\": \"pilot\"}"

static int setup_joined(void **state)
{
    remote_world_setup(state);
    remote_world_put_pod(*state, "pilot-1", PILOT, "10.0.0.1", true);
    remote_world_join(*state, SERVICES);
    return 0;
}

static void expect_addresses(struct remote_world *w, const char *service, const char *addresses)
{
    _cleanup_free_ char *text = NULL;

    assert_true(remote_world_converge(w) >= 0);
    text = remote_world_endpoints(w, service);
    assert_non_null(text);
    assert_string_equal(text, addresses);
}

static void endpoints_have_what_the_selector_finds(void **state)
{
    struct remote_world *w = *state;
    json_t *leaving;

    expect_addresses(w, "istio-pilot", "10.0.0.1");
    expect_status(w, "endpointsSynced", "1");
    expect_status(w, "services", "[{\"addresses\":1,\"name\":\"istio-pilot\"}]");

    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    expect_step(w, "update Endpoints/istio-system/istio-pilot: addresses differs\n");
    expect_addresses(w, "istio-pilot", "10.0.0.1 10.0.0.2");
    expect_status(w, "endpointsSynced", "2");

    remote_world_put_pod(w, "pilot-1", PILOT, "10.0.0.1", false);
    expect_addresses(w, "istio-pilot", "10.0.0.2");
    remote_world_put_pod(w, "pilot-1", PILOT, "10.0.0.1", true);
    expect_addresses(w, "istio-pilot", "10.0.0.1 10.0.0.2");

    leaving = world_get(&w->central, "v1", "Pod", NS, "pilot-2");
    json_object_set_new(doc_make(leaving, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:01Z"));
    json_object_set_new(leaving, "apiVersion", json_string("v1"));
    json_object_set_new(leaving, "kind", json_string("Pod"));
    world_put(&w->central, leaving);
    expect_addresses(w, "istio-pilot", "10.0.0.1");

    remote_world_put_pod(w, "pilot-3", PILOT, NULL, true);
    expect_addresses(w, "istio-pilot", "10.0.0.1");
    world_delete(&w->central, "v1", "Pod", NS, "pilot-1");
    expect_addresses(w, "istio-pilot", "");
    expect_status(w, "endpointsSynced", "0");
}

/* One write a cluster when an address is on its way, and one when it has arrived: there may be thousands. */
static void an_address_on_its_way_is_no_news(void **state)
{
    struct remote_world *w = *state;
    struct reconcile_plan plan;

    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.remote.len, 1);
    assert_int_equal(plan.remote.actions[0].tag, PLAN_FOLLOWED);
    assert_int_equal(plan.central.len, 0);
    remote_world_act(w, &plan);
    reconcile_plan_release(&plan);

    assert_true(remote_world_plan(w, &plan));
    assert_int_equal(plan.remote.len, 0);
    assert_int_equal(plan.central.len, 1);
    assert_int_equal(plan.central.actions[0].verb, KUBE_UPDATE_STATUS);
    reconcile_plan_release(&plan);
}

static void another_selector_finds_others(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_pod(w, "other", "{\"app\": \"other\"}", "10.0.0.7", true);
    expect_step(w, "");
    remote_world_put_resource(
        w, "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"app in (other)\"}]}");
    expect_addresses(w, "istio-pilot", "10.0.0.7");
}

static void a_service_comes_and_goes_with_the_list(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_resource(
        w,
        "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}, {\"name\": \"more\", "
        "\"labelSelector\": \"istio=pilot\"}]}");
    /* Endpoints without their Service would be removed by Kubernetes. */
    expect_step(w, "create Service/istio-system/more: not there yet\n");
    expect_step(w, "create Endpoints/istio-system/more: not there yet\n");
    expect_addresses(w, "more", "10.0.0.1");
    expect_status(w, "endpointsSynced", "2");

    remote_world_put_resource(w, SERVICES);
    expect_step(w, "remove Endpoints/istio-system/more: no longer desired\n");
    expect_step(w, "remove Service/istio-system/more: no longer desired\n");
    assert_true(remote_world_converge(w) >= 0);
    expect_status(w, "endpointsSynced", "1");
}

/* Of what is in place nothing is kept but its name: that one service changed must not hide what became of another. */
static void one_service_changes_while_another_is_lost(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_pod(w, "other", "{\"app\": \"other\"}", "10.0.0.7", true);
    remote_world_put_resource(
        w,
        "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}, {\"name\": \"more\", "
        "\"labelSelector\": \"app=other\"}]}");
    expect_addresses(w, "more", "10.0.0.7");

    world_delete(&w->remote, "v1", "Endpoints", NS, "more");
    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    expect_addresses(w, "istio-pilot", "10.0.0.1 10.0.0.2");
    expect_addresses(w, "more", "10.0.0.7");

    remote_world_put_pod(w, "pilot-1", PILOT, "10.0.0.1", false);
    remote_world_put_pod(w, "other", "{\"app\": \"other\"}", "10.0.0.8", true);
    world_delete(&w->remote, "v1", "Service", NS, "more");
    expect_addresses(w, "istio-pilot", "10.0.0.2");
    expect_addresses(w, "more", "10.0.0.8");
    assert_true(world_has(&w->remote, "v1", "Service", NS, "more"));
    expect_status(w, "endpointsSynced", "2");
}

/* Kubernetes makes the Endpoints of Services with a selector, with the labels of the Service. */
static void endpoints_with_copied_labels_are_not_owned(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *resource = world_get(&w->central, API_GROUP_VERSION, "RemoteIstio", NS, REMOTE);

    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Endpoints"),
            MAP("metadata",
                STRING("name", "istio-citadel"),
                STRING("namespace", NS),
                MAP("labels", STRING(MARK_OWNER, doc_string(resource, "metadata", "uid"))))));
    expect_step(w, "");
    remote_world_delete_resource(w);
    assert_true(remote_world_converge(w) > 0);
    assert_true(world_has(&w->remote, "v1", "Endpoints", NS, "istio-citadel"));
    assert_false(world_has(&w->remote, "v1", "Endpoints", NS, "istio-pilot"));
}

static void what_another_client_makes_of_endpoints_is_put_right(void **state)
{
    struct remote_world *w = *state;
    json_t *endpoints = world_get(&w->remote, "v1", "Endpoints", NS, "istio-pilot");
    json_t *addresses = doc_at(json_array_get(doc_at(endpoints, "subsets"), 0), "addresses");

    json_array_append_new(addresses, OBJECT(STRING("ip", "192.0.2.1")));
    world_put(&w->remote, endpoints);
    expect_step(w, "update Endpoints/istio-system/istio-pilot: changed by another client: addresses differs\n");
    expect_addresses(w, "istio-pilot", "10.0.0.1");
}

/* Made again by another client, without our mark, while there is no Pod: proxies would send to that address. */
static void an_address_of_another_client_goes_where_there_is_none(void **state)
{
    struct remote_world *w = *state;

    world_delete(&w->central, "v1", "Pod", NS, "pilot-1");
    expect_addresses(w, "istio-pilot", "");
    world_delete(&w->remote, "v1", "Endpoints", NS, "istio-pilot");
    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Endpoints"),
            MAP("metadata", STRING("name", "istio-pilot"), STRING("namespace", NS)),
            SEQ("subsets",
                ITEM(SEQ("addresses", ITEM(STRING("ip", "192.0.2.1"))), SEQ("ports", ITEM(INT("port", 1)))))));
    expect_addresses(w, "istio-pilot", "");
    expect_step(w, "");
}

static json_t *pilot_ports(json_t *endpoints)
{
    return doc_at(json_array_get(doc_at(endpoints, "subsets"), 0), "ports");
}

/* The server refuses two ports without names, so that one of another client cannot stay beside ours. */
static void a_port_of_another_client_goes(void **state)
{
    struct remote_world *w = *state;
    _cleanup_json_ json_t *healed = NULL;
    json_t *endpoints = world_get(&w->remote, "v1", "Endpoints", NS, "istio-pilot");
    size_t ours = json_array_size(pilot_ports(endpoints));

    json_array_append_new(pilot_ports(endpoints), OBJECT(INT("port", 1)));
    world_put(&w->remote, endpoints);
    expect_step(w, "update Endpoints/istio-system/istio-pilot: changed by another client: ports differs\n");
    healed = world_get(&w->remote, "v1", "Endpoints", NS, "istio-pilot");
    assert_int_equal(json_array_size(pilot_ports(healed)), ours);
}

/* What holds up the rest does not hold up the addresses, by which proxies reach the mesh. */
static void expect_to_follow_alone(struct remote_world *w, const char *reason)
{
    _cleanup_free_ char *text = NULL;

    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    world_delete(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account");
    expect_step(w, "update Endpoints/istio-system/istio-pilot: addresses differs\n");
    expect_addresses(w, "istio-pilot", "10.0.0.1 10.0.0.2");
    text = remote_world_status(w, "ErrorMessage");
    assert_non_null(strstr(text, reason));
    expect_status(w, "endpointsSynced", "2");
    assert_false(world_has(&w->remote, "v1", "ServiceAccount", NS, "istio-citadel-service-account"));
}

static void endpoints_follow_while_the_mesh_is_not_valid(void **state)
{
    struct remote_world *w = *state;

    world_put_mesh(&w->central, "{\"mtls\": \"maybe\"}");
    expect_to_follow_alone(w, "no valid Istio resource");
}

static void endpoints_follow_while_there_is_no_certificate(void **state)
{
    struct remote_world *w = *state;

    assert_true(kube_cache_remove(w->central.cache, mesh_kind(KIND_CREDENTIALS_SECRET), NS, "istio-ca-secret", NULL));
    expect_to_follow_alone(w, "waiting for the certificate");
}

static void endpoints_follow_while_an_overlay_is_wrong(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_resource(
        w,
        "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}], \"overlays\": "
        "[{\"kind\": \"Deployment\", \"name\": \"nothing\", \"patches\": [{\"op\": \"remove\", \"path\": "
        "\"/spec\"}]}]}");
    expect_to_follow_alone(w, "spec.overlays[0]");
}

/* When the mesh goes, its Pods go, and remote clusters are left as they are otherwise. */
static void a_mesh_that_is_deleted_leaves_the_remote_cluster_as_it_is(void **state)
{
    struct remote_world *w = *state;

    world_delete(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");
    expect_step(w, "");
    assert_true(remote_world_converge(w) >= 0);
    assert_int_equal(world_count(&w->remote, "apps/v1", "Deployment"), 2);
    expect_addresses(w, "istio-pilot", "10.0.0.1");
    expect_status(w, "Status", "Reconciling");
    world_put_mesh(&w->central, "{}");
    assert_true(world_converge(&w->central) > 0);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Available");
}

static void while_paused_endpoints_do_not_follow(void **state)
{
    struct remote_world *w = *state;

    remote_world_put_resource(
        w, "{\"pause\": true, \"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}]}");
    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    expect_step(w, "");
    world_put_mesh(&w->central, "{\"mtls\": \"maybe\"}");
    expect_step(w, "");
    expect_addresses(w, "istio-pilot", "10.0.0.1");
}

static void without_contact_the_numbers_stay(void **state)
{
    struct remote_world *w = *state;

    w->in_step = false;
    w->contact.error = "connection refused";
    w->contact.error_age = SECONDS(10);
    remote_world_put_pod(w, "pilot-2", PILOT, "10.0.0.2", true);
    assert_true(remote_world_converge(w) > 0);
    expect_status(w, "Status", "Unreachable");
    expect_status(w, "endpointsSynced", "1");
    expect_status(w, "services", "[{\"addresses\":1,\"name\":\"istio-pilot\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(endpoints_have_what_the_selector_finds, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(an_address_on_its_way_is_no_news, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(another_selector_finds_others, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(a_service_comes_and_goes_with_the_list, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(one_service_changes_while_another_is_lost, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            endpoints_with_copied_labels_are_not_owned, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            what_another_client_makes_of_endpoints_is_put_right, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            an_address_of_another_client_goes_where_there_is_none, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(a_port_of_another_client_goes, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            endpoints_follow_while_the_mesh_is_not_valid, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            endpoints_follow_while_there_is_no_certificate, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            endpoints_follow_while_an_overlay_is_wrong, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_mesh_that_is_deleted_leaves_the_remote_cluster_as_it_is, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(while_paused_endpoints_do_not_follow, setup_joined, remote_world_teardown),
        cmocka_unit_test_setup_teardown(without_contact_the_numbers_stay, setup_joined, remote_world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
