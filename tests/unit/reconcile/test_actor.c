/* What an actor has in the queue of its cluster, when the next plan is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/actor.h"
#include "reconcile/marks.h"
#include "sim.h"

#define NS "istio-system"

struct bench {
    struct sim *sim;
    struct kube_cluster *cluster;
    struct events *events;
    struct actor *one, *other;
};

static void ignore_change(void *context)
{
    (void)context;
}

static void ignore_answer(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    (void)context;
    (void)action;
    (void)object;
    (void)e;
}

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);
    const struct kube_cluster_options options = {.owner_label = MARK_OWNER, .namespace = NS, .queue.in_flight_max = 1};
    const struct kube_cluster_events events = {.changed = ignore_change, .action_done = ignore_answer};

    b->sim = sim_new(&mesh_kinds, 20, 1);
    b->cluster = kube_cluster_new_on(sim_io(b->sim), &mesh_kinds, &options, &events);
    b->events = events_new(sim_io(b->sim), (struct kube_gate){0});
    b->one = actor_new(b->cluster, b->events, NULL, NULL);
    b->other = actor_new(b->cluster, b->events, NULL, NULL);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    actor_free(b->one);
    actor_free(b->other);
    events_free(b->events);
    kube_cluster_free(b->cluster);
    sim_free(b->sim);
    free(b);
    return 0;
}

static const struct kube_kind *maps(void)
{
    return mesh_kind(KIND_CONFIG_MAP);
}

static void decide(struct actor *a, const char *name)
{
    struct plan plan = {0};

    plan_add(
        &plan,
        &(struct plan_input){0},
        (struct kube_action){
            .verb = KUBE_CREATE,
            .kind = maps(),
            .version = str_dup("v1"),
            .ns = str_dup(NS),
            .name = str_dup(name),
            .body = str_dup("{}"),
        });
    actor_send(a, &plan);
    plan_release(&plan);
}

/* As the planner asks it, of an actor that was told to get ready for a plan. */
static bool is_busy_for(struct actor *a, const char *name)
{
    struct plan_input input = {0};

    actor_fill_input(a, &input);
    return input.busy(input.queue_context, maps(), NS, name);
}

static void what_the_server_could_not_be_sent_is_decided_again(void **state)
{
    struct bench *b = *state;

    kube_queue_hold(kube_cluster_queue(b->cluster), true);
    decide(b->one, "a");
    assert_false(is_busy_for(b->one, "a"));
    assert_int_equal(kube_queue_waiting(kube_cluster_queue(b->cluster)), 0);
}

static void what_others_decided_stays(void **state)
{
    struct bench *b = *state;

    kube_queue_hold(kube_cluster_queue(b->cluster), true);
    decide(b->other, "b");
    assert_true(is_busy_for(b->one, "b"));
}

static void what_only_waits_for_its_turn_stays(void **state)
{
    struct bench *b = *state;

    decide(b->one, "a");
    decide(b->one, "b");
    assert_int_equal(kube_queue_in_flight(kube_cluster_queue(b->cluster)), 1);
    assert_true(is_busy_for(b->one, "b"));
}

static bool is_creating_for(struct actor *a)
{
    struct plan_input input = {0};

    actor_fill_input(a, &input);
    return input.creating(input.queue_context);
}

static void a_create_is_under_way_until_it_is_answered_and_is_its_owners(void **state)
{
    struct bench *b = *state;

    assert_false(is_creating_for(b->one));
    decide(b->other, "b");
    assert_false(is_creating_for(b->one));
    decide(b->one, "a");
    assert_int_equal(kube_queue_in_flight(kube_cluster_queue(b->cluster)), 1);
    assert_true(is_creating_for(b->other));
    assert_true(is_creating_for(b->one));
    sim_run(b->sim, SECONDS(1));
    assert_false(is_creating_for(b->one));
    assert_false(is_creating_for(b->other));
}

static bool fails_after(struct actor *a, enum kube_verb verb, unsigned failures)
{
    struct kube_action action = {
        .verb = verb,
        .kind = maps(),
        .ns = (char *)NS,
        .name = (char *)"a",
        .reason = (char *)"x",
        .failures = failures};
    struct plan_input in = {0};
    struct err e;

    err_set(&e, ERR_INVALID, "provided port is already allocated");
    actor_done(a, &action, NULL, &e);
    actor_fill_input(a, &in);
    return plan_failure_of(&in, verb, maps(), NS, "a");
}

/* What a deleted object held may be free in a moment: that is not told before it lasts. */
static void a_create_that_is_refused_once_is_no_failure_yet(void **state)
{
    struct bench *b = *state;

    assert_false(fails_after(b->one, KUBE_CREATE, 1));
    assert_true(fails_after(b->one, KUBE_CREATE, 2));
    assert_true(fails_after(b->other, KUBE_UPDATE, 1));
}

/* The same version, and a definition that shows other fields than when the object was read. */
static void what_the_server_had_all_along_was_kept(void **state)
{
    static const struct {
        const char *answer;
        bool fails;
    } cases[] = {
        {"{\"metadata\": {\"name\": \"a\", \"resourceVersion\": \"7\"}, \"spec\": {}}", true},
        {"{\"metadata\": {\"name\": \"a\", \"resourceVersion\": \"7\", \"labels\": {}}, \"spec\": {\"a\": 1}}", true},
        {"{\"metadata\": {\"name\": \"a\", \"resourceVersion\": \"7\", \"managedFields\": []}, \"spec\": {\"a\": 1}, "
         "\"status\": {}}",
         false},
    };
    struct bench *b = *state;
    struct kube_action action = {
        .verb = KUBE_UPDATE,
        .kind = mesh_kind(KIND_GATEWAY),
        .ns = (char *)NS,
        .name = (char *)"a",
        .body = (char *)"{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"},\"spec\":{\"a\":1}}",
        .reason = (char *)"a added",
        .content = 1,
        .tag = PLAN_CHANGED};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *answer = json_loads(cases[i].answer, 0, NULL);
        struct plan_input in = {0};
        actor_done(b->one, &action, answer, NULL);
        actor_fill_input(b->one, &in);
        assert_int_equal(plan_failure_of(&in, KUBE_UPDATE, action.kind, NS, "a") != NULL, cases[i].fails);
    }
}

enum { MANY = 300 };

/* However many they are: each is counted, ten are named with the reason, and none is repeated before its time. */
static void all_writes_that_are_not_kept_are_counted(void **state)
{
    struct bench *b = *state;
    const struct kube_kind *kind = mesh_kind(KIND_NAMESPACE);
    _cleanup_json_ json_t *answer = NULL;
    struct plan_input in = {0};
    struct plan plan = {0};
    char name[16];

    answer = OBJECT(MAP("metadata", STRING("resourceVersion", "7")));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            struct kube_action action = {
                .verb = KUBE_MERGE_PATCH,
                .kind = kind,
                .name = name,
                .body = (char *)"{\"metadata\":{\"resourceVersion\":\"7\"}}",
                .reason = (char *)"to be labelled",
                .tag = PLAN_CHANGED};
            snprintf(name, sizeof(name), "n%d", i);
            if (round == 0) {
                actor_done(b->one, &action, answer, NULL);
                continue;
            }
            actor_fill_input(b->one, &in);
            assert_true(in.held(in.queue_context, &action));
            assert_true(plan_note_drift(&plan, &in, KUBE_MERGE_PATCH, kind, NULL, name, ""));
        }
    assert_int_equal(plan.causes[DRIFT_REFUSED], MANY);
    assert_int_equal(plan.drift_len, DRIFT_NAMED_MAX);
    for (size_t i = 0; i < plan.drift_len; i++)
        assert_non_null(strstr(plan.drifts[i].text, "did not keep it: to be labelled"));
    plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_server_could_not_be_sent_is_decided_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_others_decided_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_waits_for_its_turn_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_create_is_under_way_until_it_is_answered_and_is_its_owners, setup, teardown),
        cmocka_unit_test_setup_teardown(a_create_that_is_refused_once_is_no_failure_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_server_had_all_along_was_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(all_writes_that_are_not_kept_are_counted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
