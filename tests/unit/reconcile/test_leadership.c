/* What follows from holding the Lease: acting, Events, and giving it back at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/leadership.h"
#include "sim.h"

#define NS "istio-system"

/* One replica, and what it was told. */
struct replica {
    struct leadership *leadership;
    bool acting, writing, over;
    int changes;
};

static void on_acting(void *context, bool acting)
{
    struct replica *r = context;

    r->acting = acting;
    r->changes++;
}

static bool is_writing(void *context)
{
    return ((struct replica *)context)->writing;
}

static void on_over(void *context)
{
    ((struct replica *)context)->over = true;
}

static void start(struct replica *r, struct sim *s)
{
    const struct kube_lease_options options = {
        .ns = NS, .duration = SECONDS(15), .renew_deadline = SECONDS(10), .retry_period = SECONDS(2)};

    *r = (struct replica){.leadership = leadership_new(&options)};
    leadership_start(r->leadership, sim_io(s), &(struct leadership_events){on_acting, is_writing, on_over, r});
}

/* A cluster in which this replica had time to become the leader. */
static struct sim *lead(struct replica *r, uint64_t seed)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, seed);

    start(r, s);
    sim_run(s, SECONDS(5));
    return s;
}

static void end(struct replica *r, struct sim *s)
{
    leadership_free(r->leadership);
    sim_free(s);
}

static bool may_write(struct replica *r)
{
    const struct kube_gate gate = leadership_gate(r->leadership);

    return kube_gate_is_open(&gate, &(msec_t){0});
}

static const char *holder(const struct sim *s)
{
    return str_or(doc_string(sim_get(s, KUBE_LEASE_KIND, NS, LEASE_NAME), "spec", "holderIdentity"), "");
}

/* How many Events of new leaders there are, and the message of one that has this part. */
static const char *leader_event(struct sim *s, const char *part, size_t *ret_count)
{
    const struct collection *events = server_find(sim_server(s), "", "events");
    const char *message = NULL;
    void *event;

    *ret_count = 0;
    for (size_t i = 0; map_next(events->objects, &i, NULL, &event);) {
        assert_string_equal(doc_string(event, "reason"), "LeaderElection");
        assert_string_equal(doc_string(event, "involvedObject", "name"), LEASE_NAME);
        ++*ret_count;
        if (strstr(doc_string(event, "message"), part))
            message = doc_string(event, "message");
    }
    return message;
}

static void the_gate_is_closed_until_it_leads(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 20, 1);
    struct replica r;
    size_t events;

    (void)state;
    start(&r, s);
    assert_false(may_write(&r));
    assert_int_equal(r.changes, 0);
    sim_run(s, SECONDS(5));
    assert_true(r.acting);
    assert_true(may_write(&r));
    assert_int_equal(r.changes, 1);
    assert_true(*holder(s));
    assert_non_null(leader_event(s, "became leader", &events));
    assert_int_equal(events, 1);
    end(&r, s);
}

static void a_standby_takes_over_when_the_leader_stops(void **state)
{
    struct replica first, second;
    struct sim *s = lead(&first, 2);

    (void)state;
    start(&second, s);
    sim_run(s, SECONDS(30));
    assert_true(first.acting);
    assert_int_equal(second.changes, 0);
    assert_false(may_write(&second));

    leadership_stop(first.leadership);
    assert_false(first.acting);
    assert_false(may_write(&first));
    sim_run(s, SECONDS(1));
    assert_true(first.over);
    /* A lease that was given back is not waited out. */
    sim_run(s, SECONDS(3));
    assert_true(second.acting);
    assert_true(may_write(&second));
    leadership_free(first.leadership);
    end(&second, s);
}

static void the_lease_is_given_back_when_no_write_is_under_way(void **state)
{
    struct replica r;
    struct sim *s = lead(&r, 3);

    (void)state;
    r.writing = true;
    leadership_stop(r.leadership);
    sim_run(s, SECONDS(1));
    assert_false(r.over);
    assert_true(*holder(s));
    r.writing = false;
    sim_run(s, SECONDS(1));
    assert_true(r.over);
    assert_string_equal(holder(s), "");
    end(&r, s);
}

/* A write that never ends: the lease stays as it is and runs out. */
static void stopping_takes_a_few_seconds_at_most(void **state)
{
    struct replica r;
    struct sim *s = lead(&r, 4);

    (void)state;
    r.writing = true;
    leadership_stop(r.leadership);
    sim_run(s, SECONDS(4));
    assert_true(r.over);
    assert_true(*holder(s));
    end(&r, s);
}

static void a_leader_without_a_server_stands_by_and_says_so_later(void **state)
{
    struct replica r;
    struct sim *s = lead(&r, 5);
    size_t events;

    (void)state;
    sim_set_down(s, true);
    sim_run(s, SECONDS(12));
    assert_false(r.acting);
    assert_false(may_write(&r));
    assert_int_equal(r.changes, 2);
    sim_set_down(s, false);
    sim_run(s, SECONDS(60));
    assert_true(r.acting);
    assert_non_null(leader_event(s, "had lost the lease", &events));
    assert_int_equal(events, 2);
    end(&r, s);
}

static void a_server_without_leases_ends_it(void **state)
{
    struct sim *s = sim_new(&kube_lease_kinds, 13, 6);
    struct replica r;

    (void)state;
    start(&r, s);
    assert_null(leadership_failure(r.leadership));
    sim_run(s, SECONDS(5));
    assert_true(r.over);
    assert_false(may_write(&r));
    assert_int_equal(leadership_failure(r.leadership)->class, ERR_UNSUPPORTED);
    end(&r, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gate_is_closed_until_it_leads),
        cmocka_unit_test(a_standby_takes_over_when_the_leader_stops),
        cmocka_unit_test(the_lease_is_given_back_when_no_write_is_under_way),
        cmocka_unit_test(stopping_takes_a_few_seconds_at_most),
        cmocka_unit_test(a_leader_without_a_server_stands_by_and_says_so_later),
        cmocka_unit_test(a_server_without_leases_ends_it),
    };

    return cmocka_run_group_tests_name("unit reconcile leadership", tests, NULL, NULL);
}
