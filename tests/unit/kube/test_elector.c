/* Competing for a lease against an API server in memory; and the queue that asks the leader's gate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/elector.h"
#include "kube/queue.h"
#include "sim.h"

static void on_changed(void *context)
{
    ++*(int *)context;
}

static struct kube_elector *elector_on(struct sim *s, const char *identity, int *changes)
{
    return kube_elector_new(sim_io(s),
                            &(struct kube_lease_options){
                                .ns = "ns",
                                .name = "operator",
                                .identity = identity,
                                .duration = SECONDS(15),
                                .renew_deadline = SECONDS(10),
                                .retry_period = SECONDS(2),
                            },
                            on_changed, changes);
}

static bool may_send(const struct kube_elector *e)
{
    msec_t not_after;

    return kube_elector_may_send(e, &not_after);
}

static const char *holder(const struct sim *s)
{
    return doc_string(sim_get(s, KUBE_LEASE_KIND, "ns", "operator"), "spec", "holderIdentity");
}

static void one_leads_and_keeps_the_lease(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 1);
    int changes = 0, others = 0;
    struct kube_elector *a = elector_on(s, "a", &changes), *b;

    (void)state;
    sim_run(s, SECONDS(1));
    b = elector_on(s, "b", &others);
    sim_run(s, SECONDS(600));
    assert_true(may_send(a));
    assert_false(may_send(b));
    assert_string_equal(holder(s), "a");
    assert_int_equal(changes, 1);
    assert_int_equal(others, 0);
    kube_elector_free(a);
    kube_elector_free(b);
    sim_free(s);
}

static void lease_that_is_given_back_is_taken_within_a_moment(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 2);
    int changes = 0;
    struct kube_elector *a = elector_on(s, "a", &changes), *b;

    (void)state;
    sim_run(s, SECONDS(1));
    b = elector_on(s, "b", &changes);
    sim_run(s, SECONDS(7));
    kube_elector_resign(a);
    assert_false(may_send(a));
    sim_run(s, 100);
    assert_false(may_send(b));
    kube_elector_release(a);
    sim_run(s, 100);
    assert_true(kube_lease_is_released(kube_elector_lease(a)));
    assert_true(may_send(b));
    assert_false(may_send(a));
    assert_string_equal(holder(s), "b");
    kube_elector_free(a);
    kube_elector_free(b);
    sim_free(s);
}

static void lease_of_who_is_gone_is_taken_when_it_is_over(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 3);
    int changes = 0;
    struct kube_elector *a = elector_on(s, "a", &changes), *b;

    (void)state;
    sim_run(s, SECONDS(1));
    b = elector_on(s, "b", &changes);
    sim_run(s, SECONDS(7));
    kube_elector_free(a);
    sim_run(s, SECONDS(12));
    assert_false(may_send(b));
    sim_run(s, SECONDS(4));
    assert_true(may_send(b));
    kube_elector_free(b);
    sim_free(s);
}

static void server_that_is_away_ends_the_leadership_and_one_follows(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 4);
    int changes = 0;
    struct kube_elector *a = elector_on(s, "a", &changes), *b = elector_on(s, "b", &changes);

    (void)state;
    sim_run(s, SECONDS(20));
    assert_true(may_send(a) != may_send(b));
    sim_set_down(s, true);
    sim_run(s, SECONDS(11));
    assert_false(may_send(a) || may_send(b));
    assert_true(*kube_elector_error(a) || *kube_elector_error(b));
    sim_run(s, SECONDS(60));
    sim_set_down(s, false);
    sim_run(s, SECONDS(40));
    assert_true(may_send(a) != may_send(b));
    kube_elector_free(a);
    kube_elector_free(b);
    sim_free(s);
}

/* Something between here and the server answers the renewals: with no JSON, or JSON of something else. */
static void answer_that_is_no_lease_renews_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim *s = sim_new(&kube_lease_kinds, 20, seed);
        int changes = 0;
        struct kube_elector *e = elector_on(s, "a", &changes);
        sim_run(s, SECONDS(20));
        assert_true(may_send(e));
        sim_faults(s, &(struct sim_faults){.misanswered = 1000});
        sim_run(s, SECONDS(11));
        assert_false(may_send(e));
        assert_true(*kube_elector_error(e));
        sim_run(s, SECONDS(60));
        assert_false(may_send(e));
        sim_faults(s, NULL);
        sim_run(s, SECONDS(5));
        assert_true(may_send(e));
        assert_string_equal(holder(s), "a");
        kube_elector_free(e);
        sim_free(s);
    }
}

static void never_two_under_faults(void **state)
{
    static const struct sim_faults faults = {
        .net = {.request_lost = 100, .answer_lost = 100, .throttled = 30, .broken = 30, .unavailable = 30},
        .misanswered = 30,
        .way_most = 2000};
    int leading = 0, total = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct sim *s = sim_new(&kube_lease_kinds, 20, seed);
        int changes = 0;
        struct kube_elector *all[3];
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            _cleanup_free_ char *identity = str_printf("e%zu", i);
            all[i] = elector_on(s, identity, &changes);
        }
        sim_faults(s, &faults);
        for (int tick = 0; tick < 6000; tick++) {
            int count = 0;
            sim_run(s, 100);
            for (size_t i = 0; i < ARRAY_LEN(all); i++)
                count += may_send(all[i]);
            if (count > 1)
                fail_msg("seed %d: %d may write", (int)seed, count);
            leading += count;
            total++;
        }
        sim_faults(s, NULL);
        sim_run(s, SECONDS(60));
        assert_int_equal(may_send(all[0]) + may_send(all[1]) + may_send(all[2]), 1);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            kube_elector_free(all[i]);
        sim_free(s);
    }
    print_message("a process led for %d %% of the time\n", 100 * leading / total);
    assert_true(leading > total / 10);
}

static void server_without_leases_has_no_leader(void **state)
{
    static const struct {
        int minor;
        bool unsupported;
    } cases[] = {{13, true}, {14, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim *s = sim_new(&kube_lease_kinds, cases[i].minor, 5);
        int changes = 0;
        struct kube_elector *e;
        server_unserve(sim_server(s), "coordination.k8s.io", "leases");
        e = elector_on(s, "a", &changes);
        sim_run(s, SECONDS(60));
        assert_false(may_send(e));
        assert_int_equal(kube_elector_is_unsupported(e), cases[i].unsupported);
        assert_int_equal(changes, 1);
        assert_true(*kube_elector_error(e));
        kube_elector_free(e);
        sim_free(s);
    }
}

/* --- the gate of the queue --- */

struct gate {
    bool open;
    msec_t not_after;
};

static bool gate_may_send(void *context, msec_t *ret_not_after)
{
    const struct gate *g = context;

    *ret_not_after = g->not_after;
    return g->open;
}

static void on_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    (void)context, (void)action, (void)object, (void)e;
}

static bool put(struct kube_queue *q, const char *name)
{
    struct kube_action action = {
        .verb = KUBE_CREATE,
        .kind = KUBE_LEASE_KIND,
        .version = str_dup("v1"),
        .ns = str_dup("ns"),
        .name = str_dup(name),
        .body = str_printf("{\"kind\": \"Lease\", \"metadata\": {\"name\": \"%s\"}}", name),
        .reason = str_dup(""),
    };

    return kube_queue_put(q, &action);
}

static unsigned writes_after(struct sim *s, msec_t time)
{
    sim_run(s, time);
    return sim_take_counts(s).writes;
}

static void queue_asks_its_gate_before_each_write(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 5);
    struct gate gate = {0};
    const struct kube_queue_options options = {.in_flight_max = 1, .gate = {gate_may_send, &gate}};
    struct kube_queue *q = kube_queue_new(sim_io(s), &options, on_done, on_changed, &(int){0});

    (void)state;
    assert_false(put(q, "a"));
    assert_int_equal(kube_queue_waiting(q), 0);
    assert_false(kube_queue_busy(q, KUBE_LEASE_KIND, "ns", "a"));
    assert_int_equal(writes_after(s, SECONDS(1)), 0);
    gate.open = true;
    assert_int_equal(writes_after(s, SECONDS(1)), 0);
    assert_true(put(q, "a"));
    assert_true(put(q, "b"));
    assert_int_equal(kube_queue_waiting(q), 1);
    /* It closes while the first is under way: what waits behind it is not sent. */
    gate.open = false;
    assert_int_equal(writes_after(s, SECONDS(1)), 1);
    assert_int_equal(kube_queue_waiting(q), 0);
    gate.open = true;
    assert_int_equal(writes_after(s, SECONDS(1)), 0);
    assert_null(sim_get(s, KUBE_LEASE_KIND, "ns", "b"));
    kube_queue_free(q);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_leads_and_keeps_the_lease),
        cmocka_unit_test(lease_that_is_given_back_is_taken_within_a_moment),
        cmocka_unit_test(lease_of_who_is_gone_is_taken_when_it_is_over),
        cmocka_unit_test(server_that_is_away_ends_the_leadership_and_one_follows),
        cmocka_unit_test(answer_that_is_no_lease_renews_nothing),
        cmocka_unit_test(never_two_under_faults),
        cmocka_unit_test(server_without_leases_has_no_leader),
        cmocka_unit_test(queue_asks_its_gate_before_each_write),
    };

    return cmocka_run_group_tests_name("kube elector", tests, NULL, NULL);
}
