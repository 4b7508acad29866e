/*
 * A Canary's whole life with today's Istio, its own programs and a real Prometheus, while requests go through the
 * gateway: which of its steps costs one? The tests are the stages of one life, in this order; each says what it took.
 *
 * The variables are those of canary.h; TEST_REQUESTS are answered in all.
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
#include "canary.h"
#include "doc/doc.h"
#include "harness.h"
#include "listener.h"
#include "rights_used.h"
#include "today.h"

#define WITHOUT_PROMETHEUS SECONDS(20)
/* From the command, or the verdict, to the request for the route. */
#define TO_GO_BACK 100
/* From the route to the last answer of a release that it leads to no more: istiod collects changes for 100 ms and more,
   and a busy machine's proxies take their time. */
#define TO_BE_LEFT SECONDS(3)
#define AT_REST SECONDS(15)
/* The operator collects what its Events tell. */
#define TO_TELL SECONDS(3)

/* What a Canary takes over, as it was before. */
static json_t *service_before, *route_before;
static json_int_t replicas_before;

static const struct kube_kind *service_kind(void)
{
    return kind_of("v1", "Service");
}

static void look_at_originals(void)
{
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, SHOP, CART);

    service_before = cluster_get(service_kind(), SHOP, CART);
    route_before = cluster_get(&virtual_service_kind, SHOP, CART);
    replicas_before = doc_int(doc_at(deployment, "spec", "replicas"), 0);
    assert_true(replicas_before > 1);
}

static void expect_version(const char *deployment, const char *version)
{
    _cleanup_free_ char *is = canary_version_of(deployment);

    assert_string_equal(is, version);
}

static bool has_replicas(const char *name, json_int_t wanted)
{
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, SHOP, name);
    json_int_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), -1);
    json_int_t available = doc_int(doc_at(deployment, "status", "availableReplicas"), 0);

    wait_saw("Deployment %s has %lld replicas, %lld available", name, (long long)replicas, (long long)available);
    return replicas == wanted && available == wanted && !json_is_true(doc_at(deployment, "spec", "paused"));
}

/* The primary alone has Pods: the target's may go on for a while where a release failed. */
static bool is_at_rest(void *context)
{
    (void)context;
    return has_replicas(PRIMARY, replicas_before) && has_replicas(CART, 0);
}

/* All requests go to the primary, which has that version, and the target rests. */
static void expect_at_rest(const char *version)
{
    struct canary_state now = canary_look();

    assert_int_equal(now.route, 0);
    assert_int_equal(now.weight, 0);
    expect_version(PRIMARY, version);
    wait_until(is_at_rest, NULL, PATIENCE, "the primary alone has Pods");
}

/* Status and route are written side by side. */
static void wait_rolled_back(void)
{
    canary_wait_phase("Failed");
    canary_wait_route(0);
}

static void promote(const char *version)
{
    canary_release(version, NULL);
    canary_wait_phase("Succeeded");
    expect_at_rest(version);
}

/* The operator ends without a word when the phase begins, and another one continues. */
static void kill_operator_in(const char *phase)
{
    canary_wait_phase(phase);
    operator_kill(SIGKILL);
    operator_start();
}

static void kill_operator_at(int weight)
{
    canary_wait_route(weight);
    operator_kill(SIGKILL);
    operator_start();
}

static void a_deployment_is_taken_over(void **state)
{
    (void)state;
    canary_shop_opens();
    look_at_originals();
    canary_change_begins("taken over");
    canary_create(AT_GATEWAY, FIVE_STEPS);
    canary_wait_phase("Initialized");
    expect_at_rest("v1");
    (void)canary_change_ended();
}

static void a_good_release_is_promoted(void **state)
{
    _cleanup_free_ char *revision = NULL, *promoted = NULL;
    int rollouts = canary_rollouts(PRIMARY);

    (void)state;
    canary_change_begins("a good release");
    canary_release("v2", NULL);
    canary_wait_route(50);
    expect_version(PRIMARY, "v1");
    canary_wait_phase("Succeeded");
    expect_at_rest("v2");
    assert_int_equal(canary_rollouts(PRIMARY), rollouts + 1);
    revision = canary_status("revision");
    promoted = canary_status("promotedRevision");
    assert_string_equal(promoted, revision);
    (void)canary_change_ended();
}

/*
 * How long the operator took to ask for the route, and the proxies to have it: since a command was answered (wall
 * clock), or, with 0, since the verdict.
 */
static void expect_back_in_time(msec_t answered)
{
    struct canary_writes writes = canary_last_route_write();
    msec_t took = writes.route - (answered ? answered : writes.status);
    msec_t left = canary_last_failure() + (clock_now_wall() - clock_now_monotonic()) - writes.routed;

    print_message(
        "  the route is asked for %lld ms after the %s, and written %lld ms later\n",
        (long long)took,
        answered ? "answer to the command" : "verdict",
        (long long)(writes.routed - writes.route));
    assert_true(took < TO_GO_BACK);
    if (answered)
        return;
    assert_true(took > -TO_GO_BACK);
    print_message("  its last failure is %lld ms after that\n", (long long)left);
    assert_true(left < TO_BE_LEFT);
}

static void a_bad_release_is_rolled_back(const char *version, const char *quality)
{
    _cleanup_free_ char *failed = NULL, *revision = NULL, *promoted = canary_version_of(PRIMARY);

    canary_change_begins(quality);
    canary_release(version, quality);
    wait_rolled_back();
    expect_at_rest(promoted);
    failed = canary_status("failedRevision");
    revision = canary_status("revision");
    assert_true(*failed);
    assert_string_equal(failed, revision);
}

static void one_that_fails_is_rolled_back(void **state)
{
    (void)state;
    a_bad_release_is_rolled_back("v3", "bad");
    assert_true(canary_change_ended() > 0);
    expect_back_in_time(0);
}

static void one_that_is_slow_is_rolled_back(void **state)
{
    (void)state;
    a_bad_release_is_rolled_back("v4", "slow");
    assert_int_equal(canary_change_ended(), 0);
}

static void what_failed_is_not_tried_again(void **state)
{
    _cleanup_free_ char *writes = NULL;
    long position;

    (void)state;
    canary_change_begins("at rest");
    pause_ms(TO_TELL);
    position = audit_position();
    pause_ms(AT_REST);
    expect_at_rest("v2");
    writes = canary_writes_since(position);
    assert_string_equal(writes, "");
    (void)canary_change_ended();
}

static void a_second_release_in_the_middle_is_the_one_that_is_promoted(void **state)
{
    int rollouts = canary_rollouts(PRIMARY);

    (void)state;
    canary_change_begins("a second release in the middle");
    canary_release("v5", NULL);
    canary_wait_route(IN_THE_MIDDLE);
    canary_release("v6", NULL);
    canary_wait_route(0);
    canary_wait_phase("Succeeded");
    expect_at_rest("v6");
    assert_int_equal(canary_rollouts(PRIMARY), rollouts + 1);
    (void)canary_change_ended();
}

static void a_release_that_mends_a_bad_one_is_promoted(void **state)
{
    (void)state;
    canary_change_begins("a bad release, mended in the middle");
    canary_release("v7", "bad");
    canary_wait_route(10);
    promote("v8");
    (void)canary_change_ended();
}

static void a_release_is_aborted_immediately(void **state)
{
    msec_t answered;

    (void)state;
    canary_change_begins("aborted");
    canary_release("v9", NULL);
    canary_wait_route(IN_THE_MIDDLE);
    canary_command("abort");
    answered = clock_now_wall();
    wait_rolled_back();
    expect_at_rest("v8");
    (void)canary_change_ended();
    expect_back_in_time(answered);
}

static void an_aborted_release_is_tried_again(void **state)
{
    (void)state;
    canary_change_begins("tried again");
    canary_command("retry");
    canary_wait_phase("Progressing");
    canary_wait_phase("Succeeded");
    expect_at_rest("v9");
    (void)canary_change_ended();
}

/* What the shop's Canary asks and tells for one release, on ports of this test. */
#define ASKS_AND_TELLS                                                                                                 \
    "{\"spec\": {\"autoscalerRef\": {\"name\": \"" CART "\"}, \"analysis\": {\"webhooks\": ["                          \
    "{\"name\": \"gate\", \"type\": \"confirm-promotion\", \"url\": \"http://127.0.0.1:%d/gate\"},"                    \
    " {\"name\": \"news\", \"type\": \"event\", \"url\": \"http://127.0.0.1:%d/news\"}],"                              \
    " \"alerts\": [{\"name\": \"team\", \"type\": \"slack\", \"secretRef\": {\"name\": \"team\"}}]}}}"
#define ASKS_AND_TELLS_NOBODY                                                                                          \
    "{\"spec\": {\"autoscalerRef\": null, \"analysis\": {\"webhooks\": null, \"alerts\": null}}}"
#define AUTOSCALERS                                                                                                    \
    "test \"$(kubectl -n " SHOP " get hpa -o jsonpath='{range .items[*]}{.metadata.name} {.spec.scaleTargetRef.name} " \
    "{.spec.minReplicas} {.spec.maxReplicas};{end}')\" = '" CART " %s 2 %d;'"
/* Kubernetes asks for its metrics, of which there are none here. */
#define ACTS                                                                                                           \
    "test \"$(kubectl -n " SHOP " get hpa " CART                                                                       \
    " -o jsonpath='{.status.conditions[?(@.type==\"ScalingActive\")].reason}')\" = FailedGetResourceMetric"

static void put_autoscaler(int most)
{
    _cleanup_free_ char *command = str_printf(
        "printf '%%s' '{\"apiVersion\": \"autoscaling/v2\", \"kind\": \"HorizontalPodAutoscaler\","
        " \"metadata\": {\"name\": \"" CART
        "\"}, \"spec\": {\"minReplicas\": 2, \"maxReplicas\": %d, \"scaleTargetRef\":"
        " {\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"name\": \"" CART "\"}, \"metrics\": [{\"type\":"
        " \"Resource\", \"resource\": {\"name\": \"cpu\", \"target\": {\"type\": \"Utilization\","
        " \"averageUtilization\": 90}}}]}}' | kubectl -n " SHOP " apply -f -",
        most);

    must_succeed(command, "the user's autoscaler is there");
}

static void expect_led(const char *deployment, int most)
{
    _cleanup_free_ char *command = str_printf(AUTOSCALERS, deployment, most);

    must_succeed(command, "the user's autoscaler, and no other one, scales what has the traffic");
}

static bool waits_for_the_gate(void *context)
{
    _cleanup_free_ char *reason = canary_status("reason");

    (void)context;
    wait_saw("reason %s", reason);
    return str_eq(reason, "ConfirmPromotion");
}

struct told {
    const struct listener *listener;
    const char *path;
    size_t count;
};

static bool is_told(void *context)
{
    const struct told *t = context;
    _cleanup_json_ json_t *posts = listener_posts(t->listener, t->path);

    wait_saw("%zu messages came to %s", json_array_size(posts), t->path);
    return json_array_size(posts) >= t->count;
}

static void expect_news(const struct listener *l)
{
    static const char *const events[] = {"Started", "Waiting", "Promoted"};
    struct told news = {l, "/news", ARRAY_LEN(events)}, team = {l, "/team", ARRAY_LEN(events)};
    _cleanup_json_ json_t *told = NULL, *messages = NULL;

    wait_until(is_told, &news, PATIENCE, "the webhook is told what happened");
    wait_until(is_told, &team, PATIENCE, "the team is told what happened");
    told = listener_posts(l, "/news");
    messages = listener_posts(l, "/team");
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        _cleanup_free_ char *text = str_printf("Canary " SHOP "/" CART ": %s", events[i]);
        assert_string_equal(doc_string(json_array_get(told, i), "event"), events[i]);
        assert_string_equal(doc_string(json_array_get(messages, i), "text"), text);
    }
    assert_int_equal(json_array_size(told), ARRAY_LEN(events));
    assert_int_equal(json_array_size(messages), ARRAY_LEN(events));
}

static void expect_the_gate_holds(const struct listener *l, const char *before)
{
    _cleanup_json_ json_t *asked = NULL;

    wait_until(waits_for_the_gate, NULL, TO_END, "the release waits for its gate");
    pause_ms(SECONDS(10));
    assert_int_equal(canary_look().route, 50);
    expect_version(PRIMARY, before);
    asked = listener_posts(l, "/gate");
    assert_true(json_array_size(asked) > 1);
    assert_string_equal(doc_string(json_array_get(asked, 0), "type"), "confirm-promotion");
    assert_int_equal(doc_int(doc_at(json_array_get(asked, 0), "weight"), 0), 50);
}

/* Who is asked and told is a process of this test, and the address of one is in a Secret. */
static void a_release_that_asks_and_tells_and_is_scaled_is_promoted(void **state)
{
    struct listener *l = listener_start();
    _cleanup_free_ char *spec = str_printf(ASKS_AND_TELLS, l->port, l->port), *secret = NULL,
                        *before = canary_version_of(PRIMARY);
    int rollouts = canary_rollouts(PRIMARY);

    (void)state;
    secret = str_printf(
        "kubectl -n " SHOP " create secret generic team --from-literal=address=http://127.0.0.1:%d/team &&"
        " kubectl -n " SHOP " label secret team canary.istio.banzaicloud.io/credentials=true",
        l->port);
    canary_change_begins("a gate, alerts and an autoscaler");
    put_autoscaler(4);
    must_succeed(secret, "the team's address is in a Secret");
    cluster_patch(&canary_kind, SHOP, CART, spec);
    expect_led(PRIMARY, 4);
    must_succeed(ACTS, "the autoscaler acts between releases");
    canary_release("v9-gated", NULL);
    expect_the_gate_holds(l, before);
    put_autoscaler(5);
    expect_led(CART, 5);
    must_succeed(ACTS, "the autoscaler acts during a release");
    atomic_store(&l->gate, 200);
    canary_wait_phase("Succeeded");
    expect_at_rest("v9-gated");
    assert_int_equal(canary_rollouts(PRIMARY), rollouts + 1);
    expect_news(l);
    expect_led(PRIMARY, 5);
    cluster_patch(&canary_kind, SHOP, CART, ASKS_AND_TELLS_NOBODY);
    expect_led(CART, 5);
    must_succeed(
        "kubectl -n " SHOP " delete --ignore-not-found hpa/" CART " secret/team",
        "what only this release needed is gone");
    expect_at_rest("v9-gated");
    listener_end(l);
    (void)canary_change_ended();
}

/* Neither promoted nor rolled back, nor a step further, from now on. */
static void expect_held(void)
{
    struct canary_state before, after;

    /* What was asked for is answered, or not, by then. */
    pause_ms(SECONDS(6));
    before = canary_look();
    assert_string_equal(before.phase, "Progressing");
    assert_true(before.weight > 0);
    pause_ms(WITHOUT_PROMETHEUS);
    after = canary_look();
    assert_string_equal(after.phase, "Progressing");
    assert_int_equal(after.weight, before.weight);
    assert_int_equal(after.route, before.route);
}

static void without_prometheus_a_release_is_held(void **state)
{
    (void)state;
    canary_change_begins("Prometheus ends, and starts again");
    canary_release("v10", NULL);
    canary_wait_route(10);
    canary_prometheus("kill");
    expect_held();
    canary_prometheus("start");
    canary_wait_route(30);
    canary_prometheus_signal("STOP");
    expect_held();
    canary_prometheus_signal("CONT");
    canary_wait_phase("Succeeded");
    expect_at_rest("v10");
    (void)canary_change_ended();
}

static void an_operator_that_is_killed_in_each_phase_continues(void **state)
{
    int rollouts = canary_rollouts(PRIMARY);

    (void)state;
    canary_change_begins("the operator is killed in each phase");
    canary_release("v11", NULL);
    kill_operator_in("Progressing");
    kill_operator_at(IN_THE_MIDDLE);
    kill_operator_in("Promoting");
    kill_operator_in("Finalising");
    canary_wait_phase("Succeeded");
    expect_at_rest("v11");
    assert_int_equal(canary_rollouts(PRIMARY), rollouts + 1);
    (void)canary_change_ended();
}

static void an_operator_that_is_killed_while_a_release_fails_rolls_it_back(void **state)
{
    (void)state;
    canary_change_begins("the operator is killed under a bad release");
    canary_release("v12", "bad");
    kill_operator_at(10);
    canary_wait_route(0);
    operator_kill(SIGKILL);
    operator_start();
    wait_rolled_back();
    expect_at_rest("v11");
    assert_true(canary_change_ended() > 0);
}

/* What it took over is as it was, and what it made is gone; the target has the version that it declares. */
static void expect_originals(const char *version)
{
    static const char *const services[] = {PRIMARY, CART "-canary"};
    _cleanup_json_ json_t *service = cluster_get(service_kind(), SHOP, CART);
    _cleanup_json_ json_t *route = cluster_get(&virtual_service_kind, SHOP, CART);

    assert_true(json_equal(doc_at(service, "spec"), doc_at(service_before, "spec")));
    assert_true(json_equal(doc_at(route, "spec"), doc_at(route_before, "spec")));
    assert_true(json_equal(doc_at(route, "metadata", "labels"), doc_at(route_before, "metadata", "labels")));
    expect_version(CART, version);
    assert_true(has_replicas(CART, replicas_before));
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        struct place place = {service_kind(), SHOP, services[i]};
        wait_until(cluster_lacks, &place, PATIENCE, "a Service that the Canary made is gone");
    }
    wait_until(cluster_lacks, &(struct place){DEPLOYMENT, SHOP, PRIMARY}, PATIENCE, "the primary is gone");
}

/* Its Pods go on for a while. */
static void wait_for_the_end_of_pods(void)
{
    must_succeed_within(
        SECONDS(120),
        "test \"$(kubectl -n " SHOP " get pods -l app=" CART " -o name | wc -l)\" = 2",
        "only the target's Pods are left");
}

static void a_canary_that_is_deleted_in_the_middle_leaves_what_it_found(void **state)
{
    (void)state;
    canary_change_begins("deleted in the middle");
    canary_release("v13", NULL);
    canary_wait_route(IN_THE_MIDDLE);
    canary_delete();
    expect_originals("v13");
    wait_for_the_end_of_pods();
    (void)canary_change_ended();
}

static void an_operator_that_is_killed_at_the_begin_and_the_end_continues(void **state)
{
    (void)state;
    canary_change_begins("the operator is killed while it takes over and gives back");
    canary_create(AT_GATEWAY, FIVE_STEPS);
    kill_operator_in("Initializing");
    pause_ms(SECONDS(5));
    operator_kill(SIGKILL);
    operator_start();
    canary_wait_phase("Initialized");
    expect_at_rest("v13");
    cluster_delete(&canary_kind, SHOP, CART);
    kill_operator_in("Terminating");
    canary_wait_gone();
    expect_originals("v13");
    wait_for_the_end_of_pods();
    (void)canary_change_ended();
}

#define SPARE                                                                                                          \
    "printf '%s' '{\"apiVersion\": \"istio.banzaicloud.io/v1beta1\", \"kind\": \"Canary\","                            \
    " \"metadata\": {\"name\": \"spare\"}, \"spec\": {\"targetRef\": {\"name\": \"spare\"}, \"service\":"              \
    " {\"port\": 80}, \"skipAnalysis\": true, \"settleSeconds\": 1, \"drainSeconds\": 1}}' | kubectl -n " SHOP         \
    " apply -f - >&2"

/* In the mesh alone: clients came by its Service. */
static void a_deployment_without_a_route_gets_one_that_goes_with_its_canary(void **state)
{
    _cleanup_free_ char *make = str_printf(
        "kubectl -n " SHOP " create deployment spare --image=istio-operator.local/echo:%s >&2 &&"
        " kubectl -n " SHOP " expose deployment spare --port=80 --target-port=8080 >&2",
        variable("TEST_ISTIO_VERSION"));

    (void)state;
    assert_int_equal(run_shell(make), 0);
    must_succeed(SPARE, "the Canary is created");
    must_succeed(
        "kubectl -n " SHOP " wait canary/spare --for=jsonpath='{.status.phase}'=Initialized --timeout=120s >&2",
        "the primary serves");
    must_succeed("kubectl -n " SHOP " get virtualservice spare >&2", "there is a route");
    assert_int_equal(run_shell("kubectl -n " SHOP " delete canary spare --timeout=120s >&2"), 0);
    assert_int_not_equal(run_shell("kubectl -n " SHOP " get virtualservice spare >&2"), 0);
    assert_int_equal(run_shell("kubectl -n " SHOP " delete deployment,service spare --wait=false >&2"), 0);
}

/* What a stage that failed left does not hold up the namespace's end. */
static void all_requests_were_answered(void **state)
{
    (void)state;
    canary_delete();
    canary_shop_closes();
    json_decref(service_before);
    json_decref(route_before);
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
}

/* Reading again after a conflict needs one. */
static bool is_due(const char *right)
{
    return rights_are_of_canaries(right) && !str_ends(right, " get");
}

static void rights_of_its_own_were_used_and_nothing_refused(void **state)
{
    (void)state;
    rights_used_check_audit(is_due);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deployment_is_taken_over),
        cmocka_unit_test(a_good_release_is_promoted),
        cmocka_unit_test(one_that_fails_is_rolled_back),
        cmocka_unit_test(one_that_is_slow_is_rolled_back),
        cmocka_unit_test(what_failed_is_not_tried_again),
        cmocka_unit_test(a_second_release_in_the_middle_is_the_one_that_is_promoted),
        cmocka_unit_test(a_release_that_mends_a_bad_one_is_promoted),
        cmocka_unit_test(a_release_is_aborted_immediately),
        cmocka_unit_test(an_aborted_release_is_tried_again),
        cmocka_unit_test(a_release_that_asks_and_tells_and_is_scaled_is_promoted),
        cmocka_unit_test(without_prometheus_a_release_is_held),
        cmocka_unit_test(an_operator_that_is_killed_in_each_phase_continues),
        cmocka_unit_test(an_operator_that_is_killed_while_a_release_fails_rolls_it_back),
        cmocka_unit_test(a_canary_that_is_deleted_in_the_middle_leaves_what_it_found),
        cmocka_unit_test(an_operator_that_is_killed_at_the_begin_and_the_end_continues),
        cmocka_unit_test(a_deployment_without_a_route_gets_one_that_goes_with_its_canary),
        cmocka_unit_test(all_requests_were_answered),
        cmocka_unit_test(rights_of_its_own_were_used_and_nothing_refused),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster canary", tests, set_up_shop, harness_teardown);
}
