/*
 * Several processes and one lease, on simulated time: requests get lost, arrive late or twice as it seems, answers get
 * lost, watches tell late or nothing, processes stop at any moment and go on. Never two that may write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/lease.h"

enum { PROCESSES = 3, WIRES = 64, SEEDS = 300 };
static const msec_t TICK = 50, START = SECONDS(1000), FAULTS = SECONDS(300), CALM = SECONDS(60);

/* A request that was sent. It reaches the server whether its sender still waits or not. */
struct wire {
    bool used, lost, answer_lost;
    int sender;
    enum kube_lease_step step;
    json_t *body;
    msec_t arrives;
};

struct process {
    struct kube_lease *lease;
    msec_t stopped_until;
    struct wire *wire; /* NULL: waits for no answer */
    msec_t times_out;
    bool answered;
    msec_t answer_at;
    json_t *object; /* the answer; NULL: `failure` */
    enum err_class failure;
    int told;     /* the version that its watch told last */
    msec_t until; /* what it has sent may be under way for so long */
};

struct race {
    uint64_t seed;
    msec_t now;
    bool faults;
    json_t *object; /* NULL: there is none */
    int version;
    struct wire wires[WIRES];
    struct process processes[PROCESSES];
    int leader; /* -1: nobody yet */
    int changes;
};

static uint32_t draw(struct race *r, uint32_t below)
{
    r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(r->seed >> 33) % below;
}

static bool chance(struct race *r, uint32_t in_thousand)
{
    return r->faults && draw(r, 1000) < in_thousand;
}

static void check(struct race *r)
{
    for (int i = 0; i < PROCESSES; i++) {
        struct process *p = &r->processes[i];
        msec_t not_after;
        if (r->now < p->stopped_until || !kube_lease_may_send(p->lease, r->now, &not_after))
            continue;
        for (int k = 0; k < PROCESSES; k++)
            if (k != i && r->processes[k].until > r->now)
                fail_msg("at %lld: %d writes while writes of %d may be under way", (long long)r->now, i, k);
        p->until = not_after;
        r->changes += r->leader != i;
        r->leader = i;
    }
}

static json_t *carry_out(struct race *r, struct wire *w, enum err_class *ret_failure)
{
    const char *live = doc_string(r->object, "metadata", "resourceVersion");

    *ret_failure = ERR_NONE;
    if (w->step == KUBE_LEASE_READ && !r->object)
        *ret_failure = ERR_NOT_FOUND;
    else if (w->step == KUBE_LEASE_CREATE && r->object)
        *ret_failure = ERR_ALREADY_EXISTS;
    else if (w->step == KUBE_LEASE_UPDATE && !r->object)
        *ret_failure = ERR_NOT_FOUND;
    else if (w->step == KUBE_LEASE_UPDATE && !str_eq(live, doc_string(w->body, "metadata", "resourceVersion")))
        *ret_failure = ERR_CONFLICT;
    if (*ret_failure != ERR_NONE)
        return NULL;
    if (w->step != KUBE_LEASE_READ) {
        json_decref(r->object);
        r->object = TAKE_PTR(w->body);
        json_object_set_new(doc_make(r->object, "metadata"), "resourceVersion", json_sprintf("%d", ++r->version));
    }
    return doc_copy(r->object);
}

static void arrive(struct race *r, struct wire *w)
{
    struct process *p = &r->processes[w->sender];
    enum err_class failure = ERR_NONE;
    json_t *object = w->lost ? NULL : carry_out(r, w, &failure);

    if (p->wire == w && !w->lost && !w->answer_lost) {
        p->answered = true;
        p->answer_at = r->now + (r->faults ? draw(r, 4000) : 10);
        p->object = TAKE_PTR(object);
        p->failure = failure;
    }
    json_decref(object);
    json_decref(w->body);
    *w = (struct wire){0};
}

static void send_step(struct race *r, int sender, enum kube_lease_step step)
{
    struct process *p = &r->processes[sender];
    _cleanup_free_ char *body = step == KUBE_LEASE_READ ? NULL : kube_lease_body(p->lease, r->now);
    struct wire *w = r->wires;

    while (w->used)
        assert_true(++w < r->wires + WIRES);
    *w = (struct wire){.used = true,
                       .lost = chance(r, 100),
                       .answer_lost = chance(r, 100),
                       .sender = sender,
                       .step = step,
                       .arrives = r->now + (r->faults ? draw(r, chance(r, 50) ? 30000 : 3000) : 10)};
    if (body)
        assert_int_equal(doc_parse(body, strlen(body), SIZE_MAX, &w->body, NULL), 0);
    p->wire = w;
    p->answered = false;
    p->times_out = r->now + kube_lease_timeout(p->lease, r->now);
}

static void hear(struct race *r, struct process *p)
{
    struct err e = {0};

    if (!p->wire && !p->answered)
        return;
    if (p->answered && r->now >= p->answer_at) {
        p->answered = false;
        p->wire = NULL;
        if (p->failure != ERR_NONE) {
            err_set(&e, p->failure, "refused");
            kube_lease_failed(p->lease, r->now, draw(r, UINT32_MAX), &e);
        } else {
            kube_lease_answer(p->lease, r->now, p->object);
        }
        json_decref(TAKE_PTR(p->object));
    } else if (r->now >= p->times_out) {
        p->answered = false;
        p->wire = NULL;
        json_decref(TAKE_PTR(p->object));
        err_set(&e, ERR_TIMEOUT, "no answer");
        kube_lease_failed(p->lease, r->now, draw(r, UINT32_MAX), &e);
    }
}

/* Each process may be run by any of its inputs first. */
static void run(struct race *r, int i)
{
    struct process *p = &r->processes[i];
    enum kube_lease_step step;

    if (r->now < p->stopped_until)
        return;
    if (chance(r, 2)) {
        p->stopped_until = r->now + draw(r, 40000);
        return;
    }
    hear(r, p);
    if (p->told != r->version && r->object && (!r->faults || draw(r, 100) < 30)) {
        p->told = r->version;
        kube_lease_seen(p->lease, r->now, r->object);
    }
    if (r->now < kube_lease_due(p->lease))
        return;
    step = kube_lease_step(p->lease, r->now);
    if (step != KUBE_LEASE_WAIT)
        send_step(r, i, step);
}

static void run_for(struct race *r, msec_t time)
{
    for (msec_t until = r->now + time; r->now < until; r->now += TICK) {
        for (struct wire *w = r->wires; w < r->wires + WIRES; w++)
            if (w->used && r->now >= w->arrives)
                arrive(r, w);
        check(r);
        for (int i = 0; i < PROCESSES; i++) {
            run(r, i);
            check(r);
        }
    }
}

static int leaders(const struct race *r)
{
    int count = 0;

    for (int i = 0; i < PROCESSES; i++)
        count += kube_lease_leads(r->processes[i].lease);
    return count;
}

static void one_race(uint64_t seed, int *changes)
{
    struct race r = {.seed = seed, .now = START, .faults = true, .leader = -1};

    for (int i = 0; i < PROCESSES; i++) {
        _cleanup_free_ char *identity = str_printf("process-%d", i);
        r.processes[i].lease = kube_lease_new(&(struct kube_lease_options){
            .ns = "ns",
            .name = "operator",
            .identity = identity,
            .duration = SECONDS(15),
            .renew_deadline = SECONDS(10),
            .retry_period = SECONDS(2),
        });
    }
    run_for(&r, FAULTS);
    r.faults = false;
    for (int i = 0; i < PROCESSES; i++)
        r.processes[i].stopped_until = 0;
    run_for(&r, CALM);
    if (leaders(&r) != 1)
        fail_msg("seed %llu: %d leaders when all is calm", (unsigned long long)seed, leaders(&r));
    *changes += r.changes;
    for (int i = 0; i < PROCESSES; i++) {
        kube_lease_free(r.processes[i].lease);
        json_decref(r.processes[i].object);
    }
    for (struct wire *w = r.wires; w < r.wires + WIRES; w++)
        json_decref(w->body);
    json_decref(r.object);
}

static void never_two_may_write(void **state)
{
    int changes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_race(seed, &changes);
    print_message("%d changes of the leader in %d races\n", changes, SEEDS);
    assert_true(changes > 3 * SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_two_may_write),
    };

    return cmocka_run_group_tests_name("kube lease race", tests, NULL, NULL);
}
