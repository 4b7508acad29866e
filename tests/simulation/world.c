#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "controllers.h"
#include "invariants.h"
#include "json/doc.h"
#include "kube/elector.h"
#include "memory.h"
#include "net.h"
#include "people.h"

#define OPERATORS 2
/* In a namespace that nobody deletes: without it there is no leader, and the mesh's would never end. */
#define LEASE_NS "default"
#define LEASE_NAME "istio-operator"
/* Jobs at one moment: more means that something goes round without waiting. */
#define AT_ONCE_MOST 200000
/* Requests of one operator in a minute: with faults, and when all is quiet. */
#define MINUTE_MOST 3000
#define QUIET_MINUTE_MOST 120
/* The longest that anything waits: a watch of ten minutes that fell silent, behind it a back-off. */
static const msec_t PEACE_MOST = SECONDS(20 * 60), PEACE_STEP = SECONDS(5), QUIET = SECONDS(3600);
static const msec_t FRESH = SECONDS(300), STOPPED_MOST = SECONDS(60);
/* What memory of an operator that has lived may be more than that of a new one. */
#define BYTES_MORE (512 * 1024)

struct operator
{
    struct world *world;
    struct net *net;
    struct controller *controller; /* NULL: it does not run */
    struct kube_elector *elector;  /* NULL: it acts without a lease */
    char identity[32];
    unsigned starts;
    msec_t wall, stopped_until;
    uint64_t minute_requests; /* at the beginning of this minute */
    bool wanted;              /* it takes part in this seed */
};

struct world {
    struct rng rng, chaos; /* of the edges, and of what happens */
    struct sched *sched;
    struct server *server;
    struct controllers *controllers;
    struct people people;
    struct invariants invariants;
    struct operator operators[OPERATORS];
    struct faults faults;
    bool eager, down, trace;
    bool leases;              /* operators compete for one */
    bool lease_deleted;       /* by somebody */
    msec_t chaos_until, calm; /* mean time between two things that happen */
    uint64_t requests_most;   /* in a minute, now */
    struct world_report *report;
};

static void say(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (!w->trace)
        return;
    printf("%10.3f ", (double)sched_now(w->sched) / 1000);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (w->report->failure.len)
        return;
    va_start(ap, fmt);
    buf_vprintf(&w->report->failure, fmt, ap);
    va_end(ap);
    say(w, "FAILED %s", buf_str(&w->report->failure));
}

static bool failed(struct world *w)
{
    if (w->invariants.failure.len)
        fail(w, "%s", buf_str(&w->invariants.failure));
    return w->report->failure.len > 0;
}

/* --- operators --- */

static void on_trace(void *context, const char *text)
{
    const struct operator* o = context;

    say(o->world, "%.6000s", text);
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct operator* o = context;

    return o->elector && kube_elector_may_send(o->elector, ret_not_after);
}

/* At this moment the server says who holds the lease. Where it was deleted, nobody can know. */
static void check_holder(struct world *w, const struct operator* o)
{
    const json_t *lease = server_get(server_find(w->server, "coordination.k8s.io", "leases"), LEASE_NS, LEASE_NAME);
    const char *holder = doc_string(lease, "spec", "holderIdentity");

    if (!w->lease_deleted && !str_eq(holder, o->identity))
        fail(w, "%s writes, and the lease is held by %s", o->identity, str_or(holder, "nobody"));
}

static void on_sent(void *context, const struct kube_request *request)
{
    struct operator* o = context;

    if (o->elector && net_is_write(request))
        check_holder(o->world, o);
    invariants_sent(&o->world->invariants, o->controller, request);
}

static int connect_nowhere(void *context, const struct kube_config *config, const struct kube_cluster_options *options,
                           const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_UNAVAILABLE, "this world has no remote clusters");
}

static void on_elected(void *context)
{
    struct operator* o = context;

    controller_set_acting(o->controller, kube_lease_leads(kube_elector_lease(o->elector)));
}

/* As cmd_run's defaults. */
static void compete(struct operator* o)
{
    const struct kube_lease_options options = {.ns = LEASE_NS,
                                               .name = LEASE_NAME,
                                               .identity = o->identity,
                                               .duration = SECONDS(15),
                                               .renew_deadline = SECONDS(10),
                                               .retry_period = SECONDS(2)};

    snprintf(o->identity, sizeof(o->identity), "op%td-%u", o - o->world->operators, ++o->starts);
    o->elector = kube_elector_new(net_io(o->net), &options, on_elected, o);
}

static void start(struct operator* o)
{
    static const struct remote_connector connector = {connect_nowhere, NULL};
    struct controller_options options = {.ns = MESH_NS, .keeps_memory = true};

    if (o->controller || !o->wanted)
        return;
    say(o->world, "operator %td starts", o - o->world->operators);
    o->stopped_until = 0;
    if (o->world->leases)
        options.gate = (struct kube_gate){.may_send = may_send, .context = o};
    o->controller = controller_new_on(net_io(o->net), &options, &connector);
    controller_start(o->controller);
    if (o->world->leases)
        compete(o);
}

static void stop(struct operator* o)
{
    if (!o->controller)
        return;
    say(o->world, "operator %td is killed", o - o->world->operators);
    kube_elector_free(o->elector);
    o->elector = NULL;
    controller_free(o->controller);
    o->controller = NULL;
    net_hang_up(o->net);
}

static void operator_init(struct world *w, struct operator* o, const char *name)
{
    *o = (struct operator){.world = w, .wall = SERVER_EPOCH};
    o->net = net_new(&(struct net_options){
        .name = name,
        .sched = w->sched,
        .server = w->server,
        .rng = &w->rng,
        .faults = &w->faults,
        .down = &w->down,
        .wall = &o->wall,
        .stopped_until = &o->stopped_until,
        .trace = w->trace ? on_trace : NULL,
        .sent = on_sent,
        .context = o,
    });
}

/* --- what happens in the server --- */

static void on_change(void *context, enum who who, const struct collection *kind, const json_t *before,
                      const json_t *after)
{
    static const char *const names[] = {"operator", "cluster", "human"};
    struct world *w = context;
    const json_t *o = after ? after : before;

    say(w, "   = %s %s %s %s/%s version %s", names[who],
        !before ? "created"
        : after ? "changed"
                : "deleted",
        kind->kind, str_or(doc_string(o, "metadata", "namespace"), ""), doc_string(o, "metadata", "name"),
        str_or(doc_string(after, "metadata", "resourceVersion"), "gone"));
    w->lease_deleted = w->lease_deleted || (!after && str_eq(kind->plural, "leases"));
    invariants_observe(&w->invariants, who, kind, before, after);
    controllers_poke(w->controllers);
    for (size_t i = 0; i < OPERATORS; i++)
        net_poke(w->operators[i].net);
}

/* --- chaos --- */

static void people_do(struct world *w)
{
    people_act(&w->people);
    w->report->deeds++;
    say(w, "people: %s", w->people.did);
}

static void break_connection(struct world *w)
{
    struct operator* o = & w->operators[rng_below(&w->chaos, OPERATORS)];

    say(w, "a connection breaks");
    net_break(o->net);
}

static void toggle_server(struct world *w)
{
    w->down = !w->down;
    say(w, "the server is %s", w->down ? "down" : "up");
    if (w->down) {
        for (size_t i = 0; i < OPERATORS; i++)
            net_break(w->operators[i].net);
        return;
    }
    server_set_cold(w->server, rng_chance(&w->chaos, 500));
    if (rng_chance(&w->chaos, 700))
        server_compact(w->server);
}

static void toggle_operator(struct world *w)
{
    struct operator* o = & w->operators[rng_below(&w->chaos, OPERATORS)];

    if (!o->wanted)
        o = &w->operators[0];
    if (!o->controller) {
        start(o);
        return;
    }
    stop(o);
    w->report->kills++;
    if (rng_chance(&w->chaos, 600))
        start(o);
}

static void compact(struct world *w)
{
    say(w, "the server forgets its history");
    server_compact(w->server);
}

static void jump_clock(struct world *w)
{
    struct operator* o = & w->operators[rng_below(&w->chaos, OPERATORS)];

    o->wall += rng_between(&w->chaos, -SECONDS(7200), SECONDS(7200));
    say(w, "a clock jumps");
}

/* As by SIGSTOP and SIGCONT, or by a machine that has no time for it. */
static void stop_for_a_while(struct world *w)
{
    struct operator* o = & w->operators[rng_below(&w->chaos, OPERATORS)];

    o->stopped_until = sched_now(w->sched) + rng_between(&w->chaos, 1, STOPPED_MOST);
    say(w, "operator %td stands still until %.3f", o - w->operators, (double)o->stopped_until / 1000);
}

static void warm_up(struct world *w)
{
    server_set_cold(w->server, false);
    for (size_t i = 0; i < OPERATORS; i++)
        net_poke(w->operators[i].net);
}

/* How often each happens, of a thousand things. */
static const struct {
    unsigned permille;
    void (*act)(struct world *);
} happenings[] = {
    {30, break_connection}, {30, toggle_server},    {60, toggle_operator}, {20, compact},
    {20, jump_clock},       {20, stop_for_a_while}, {100, warm_up},
};

static void on_happening(void *context)
{
    struct world *w = context;
    uint64_t at = rng_below(&w->chaos, 1000), i = 0;

    if (sched_now(w->sched) >= w->chaos_until)
        return;
    for (; i < ARRAY_LEN(happenings) && at >= happenings[i].permille; i++)
        at -= happenings[i].permille;
    if (i < ARRAY_LEN(happenings))
        happenings[i].act(w);
    else
        people_do(w);
    /* Nobody is away for long. */
    sched_at(w->sched, sched_now(w->sched) + rng_between(&w->chaos, 1, 2 * w->calm), on_happening, w);
}

/* Some kinds of faults in a seed, each with a rate of its own; a seed in eight has none. */
static void choose_faults(struct world *w)
{
    unsigned most = 0;

    if (rng_chance(&w->chaos, 875))
        most = (unsigned)rng_between(&w->chaos, 1, 60);
#define X(name, text)                                                                                                  \
    if (most && rng_chance(&w->chaos, 350))                                                                            \
        w->faults.name = (unsigned)rng_between(&w->chaos, 1, most);
    FAULTS(X)
#undef X
    /* These stop the work for long. */
    w->faults.throttled = (w->faults.throttled + 3) / 4;
    w->faults.request_silent = (w->faults.request_silent + 3) / 4;
    w->faults.answer_silent = (w->faults.answer_silent + 3) / 4;
}

static void choose_deeds(struct world *w)
{
    w->people.enabled = rng_next(&w->chaos) | rng_next(&w->chaos);
    /* Older servers do not look at the version of what is to be deleted: a mark taken off in time counts for nothing.
     */
    if (server_minor(w->server) < 14)
        w->people.enabled &= ~(1ull << DEED_take_over | 1ull << DEED_unmark);
    w->people.enabled |= 1ull << DEED_create_mesh | 1ull << DEED_create_own_definition | 1ull << DEED_create_namespace;
}

static void run(struct world *w, msec_t until);

static void chaos(struct world *w)
{
    static const int64_t calms[] = {300, 2000, 10000, 60000};

    choose_faults(w);
    choose_deeds(w);
    w->calm = calms[rng_below(&w->chaos, ARRAY_LEN(calms))];
    w->chaos_until = w->calm * rng_between(&w->chaos, 20, 120);
    w->operators[0].wanted = true;
    w->operators[1].wanted = rng_chance(&w->chaos, 300);
    w->leases = server_minor(w->server) >= 14 && rng_chance(&w->chaos, w->operators[1].wanted ? 800 : 200);
    w->requests_most = MINUTE_MOST;
    people_prepare(&w->people);
    for (size_t i = 0; i < OPERATORS; i++)
        start(&w->operators[i]);
    run(w, rng_between(&w->chaos, 0, SECONDS(10)));
    people_create_mesh(&w->people);
    sched_at(w->sched, sched_now(w->sched), on_happening, w);
    run(w, w->chaos_until);
}

/* --- time --- */

static void count_minute(struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        struct operator* o = & w->operators[i];
        uint64_t requests = net_requests(o->net) - o->minute_requests;
        o->minute_requests = net_requests(o->net);
        if (requests > w->report->minute_most)
            w->report->minute_most = requests;
        if (requests > w->requests_most)
            fail(w, "an operator sent %" PRIu64 " requests in a minute; at most %" PRIu64 " were expected", requests,
                 w->requests_most);
    }
}

static void run(struct world *w, msec_t until)
{
    const msec_t minute = SECONDS(60);

    while (!failed(w) && sched_now(w->sched) < until) {
        msec_t now = sched_now(w->sched), next = (now / minute + 1) * minute;
        if (!sched_run(w->sched, next < until ? next : until, AT_ONCE_MOST))
            fail(w, "more than %d things happened at one moment", AT_ONCE_MOST);
        if (next <= until)
            count_minute(w);
    }
}

static uint64_t writes(const struct world *w)
{
    return net_writes(w->operators[0].net) + net_writes(w->operators[1].net);
}

/* --- peace --- */

static void make_peace(struct world *w)
{
    static const struct faults none;

    say(w, "peace");
    w->faults = none;
    w->eager = true;
    w->down = false;
    warm_up(w);
    /* What only ends with a person's help is ended: a namespace that is gone, a definition that is. */
    w->people.enabled = 1ull << DEED_create_namespace;
    people_act(&w->people);
    w->people.enabled = 1ull << DEED_create_own_definition;
    people_act(&w->people);
    if (rng_chance(&w->chaos, 250))
        people_delete_mesh(&w->people);
    /* Without a lease one of two may finish a write for a mesh that the other has just removed. */
    w->people.forced = w->people.forced || (w->operators[1].wanted && !w->leases);
    for (size_t i = 0; i < OPERATORS; i++)
        start(&w->operators[i]);
    controllers_poke(w->controllers);
}

/* In step with the server, and without a write whose answer, or the lack of one, is still to come. */
static bool is_ready(const struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        struct controller *c = w->operators[i].controller;
        if (c && (!controller_is_ready(c) || kube_queue_in_flight(kube_cluster_queue(controller_cluster(c)))))
            return false;
    }
    return true;
}

/* Two looks in a row find it so, with no write between them. */
static void converge(struct world *w)
{
    msec_t began = sched_now(w->sched);
    uint64_t before = UINT64_MAX;
    struct buf why = BUF_INIT;

    while (!failed(w)) {
        bool now, still = writes(w) == before;
        before = writes(w);
        buf_reset(&why);
        now = is_ready(w) && invariants_converged(&w->invariants, w->people.forced, &why);
        if (now && still)
            break;
        if (sched_now(w->sched) - began > PEACE_MOST)
            fail(w, "not converged %" PRId64 " minutes after the last fault: %s", PEACE_MOST / 60000,
                 why.len ? buf_str(&why)
                 : now   ? "it goes on writing"
                         : "an operator is not in step with the server");
        run(w, sched_now(w->sched) + PEACE_STEP);
    }
    w->report->converged = sched_now(w->sched) - began;
    buf_release(&why);
}

/* Nothing happens, so nothing is written. */
static void stay_quiet(struct world *w, msec_t how_long, const char *who)
{
    uint64_t before = writes(w);
    struct buf why = BUF_INIT;

    run(w, sched_now(w->sched) + how_long);
    if (!failed(w) && writes(w) != before)
        fail(w, "%s sent %" PRIu64 " writes though everything was in place", who, writes(w) - before);
    if (!failed(w) && !invariants_converged(&w->invariants, w->people.forced, &why))
        fail(w, "it was in place, and is not any more: %s", buf_str(&why));
    buf_release(&why);
}

/* What stopping the operator gives back. */
static int64_t bytes_of(struct operator* o)
{
    int64_t before = memory_bytes();

    stop(o);
    return before - memory_bytes();
}

static void restart(struct world *w)
{
    struct operator* o = & w->operators[0];
    int64_t fresh;

    stop(&w->operators[1]);
    w->report->operator_bytes = bytes_of(o);
    start(o);
    w->requests_most = MINUTE_MOST;
    stay_quiet(w, FRESH, "an operator that was just started");
    fresh = bytes_of(o);
    if (!failed(w) && w->report->operator_bytes > fresh + BYTES_MORE)
        fail(w, "the operator held %" PRId64 " KiB, a new one holds %" PRId64, w->report->operator_bytes / 1024,
             fresh / 1024);
}

static void world_init(struct world *w, uint64_t seed, bool trace, struct world_report *report)
{
    static const char *const names[OPERATORS] = {"op0", "op1"};
    struct rng seeds = {seed};

    *w = (struct world){.trace = trace, .report = report};
    w->rng.state = rng_next(&seeds);
    w->chaos.state = rng_next(&seeds);
    w->sched = sched_new();
    w->server = server_new((int)rng_between(&w->chaos, 11, 21), &w->rng, w->sched);
    w->controllers = controllers_new(w->sched, w->server, &w->rng, &w->eager);
    w->people = (struct people){.server = w->server, .rng = &w->chaos};
    invariants_init(&w->invariants, w->server);
    for (size_t i = 0; i < OPERATORS; i++)
        operator_init(w, &w->operators[i], names[i]);
    server_observe(w->server, on_change, w);
}

static void world_release(struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        stop(&w->operators[i]);
        w->report->requests += net_requests(w->operators[i].net);
        w->report->writes += net_writes(w->operators[i].net);
        w->report->faults += net_faults(w->operators[i].net);
        net_free(w->operators[i].net);
    }
    w->report->changes = w->invariants.changes;
    w->report->steps = sched_steps(w->sched);
    w->report->simulated = sched_now(w->sched);
    controllers_free(w->controllers);
    invariants_release(&w->invariants);
    server_free(w->server);
    sched_free(w->sched);
}

void world_run(uint64_t seed, bool trace, struct world_report *ret)
{
    struct world w;

    *ret = (struct world_report){0};
    world_init(&w, seed, trace, ret);
    chaos(&w);
    make_peace(&w);
    converge(&w);
    ret->with_mesh = server_get(server_find(w.server, API_GROUP, "istios"), MESH_NS, MESH_NAME);
    run(&w, (sched_now(w.sched) / 60000 + 1) * 60000);
    w.requests_most = QUIET_MINUTE_MOST;
    if (!failed(&w))
        stay_quiet(&w, QUIET, "the operator");
    if (!failed(&w))
        restart(&w);
    world_release(&w);
}

void world_report_release(struct world_report *r)
{
    buf_release(&r->failure);
}
