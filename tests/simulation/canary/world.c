#include "world_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

/* Jobs at one moment: more means that something goes round without waiting. */
#define AT_ONCE_MOST 100000

static const msec_t PEACE_MOST = SECONDS(40 * 60), STEP = SECONDS(5), QUIET = SECONDS(1800), FRESH = SECONDS(300);
static const msec_t STOPPED_MOST = SECONDS(60), OUTAGE = SECONDS(600), KILLED = SECONDS(400),
                    HELP_AFTER = SECONDS(12 * 60);
/* From a command to the route, beside the ways of the event and of the write. */
static const msec_t ABORT_MOST = 100;
enum { WAY_MOST = 20 };

void world_say(const struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (!w->trace)
        return;
    printf("%10.3f ", (double)world_now(w) / 1000);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void world_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (w->report->failure.len)
        return;
    buf_printf(&w->report->failure, "at %.3f: ", (double)world_now(w) / 1000);
    va_start(ap, fmt);
    buf_vprintf(&w->report->failure, fmt, ap);
    va_end(ap);
    world_say(w, "FAILED %s", buf_str(&w->report->failure));
}

static bool failed(const struct world *w)
{
    return w->report->failure.len > 0;
}

static const json_t *canary(struct world *w)
{
    return ground_get(&w->ground, API_GROUP, CANARIES, CANARY);
}

static const char *phase(struct world *w)
{
    return str_or(doc_string(canary(w), "status", "phase"), "");
}

static void run_for(struct world *w, msec_t time)
{
    const msec_t until = world_now(w) + time;

    while (!failed(w) && world_now(w) < until) {
        msec_t next = world_now(w) + SECONDS(1);
        if (!sched_run(w->ground.sched, next < until ? next : until, AT_ONCE_MOST))
            world_fail(w, "more than %d things happened at one moment", AT_ONCE_MOST);
    }
}

/* --- chaos --- */

static void on_change(void *context, enum who who, const struct collection *kind, const json_t *before,
                      const json_t *after)
{
    static const char *const names[] = {"operator", "cluster", "human"};
    struct world *w = context;
    const json_t *o = after ? after : before;

    if (!str_eq(kind->plural, "events"))
        world_say(w, "   = %s: %s %s %s", names[who],
                  !before ? "created"
                  : after ? "changed"
                          : "deleted",
                  kind->kind, doc_string(o, "metadata", "name"));
    w->written += who == WHO_OPERATOR && !str_eq(kind->plural, "events") && !str_eq(kind->plural, "leases");
    rules_changed(w, who, kind, before, after);
    for (size_t i = 0; i < OPERATORS; i++)
        if (w->operators[i].net)
            net_poke(w->operators[i].net);
}

static void on_request(void *context, const struct traffic_request *request)
{
    rules_request(context, request);
}

static struct operator* any_operator(struct world *w)
{
    struct operator* o = & w->operators[rng_below(&w->chaos, OPERATORS)];

    return o->desired ? o : &w->operators[0];
}

static void toggle_operator(struct world *w)
{
    struct operator* o = any_operator(w);

    if (!o->controller) {
        operator_start(o);
        return;
    }
    operator_stop(o);
    w->report->kills++;
    if (rng_chance(&w->chaos, 700))
        operator_start(o);
}

static void kill_soon(struct world *w)
{
    w->kill_in = (unsigned)rng_between(&w->chaos, 1, 12);
}

static void toggle_server(struct world *w)
{
    w->down = !w->down;
    world_say(w, "the API server is %s", w->down ? "down" : "up");
    for (size_t i = 0; w->down && i < OPERATORS; i++)
        net_break(w->operators[i].net);
    if (!w->down && rng_chance(&w->chaos, 500))
        server_compact(w->ground.server);
}

static void break_connection(struct world *w)
{
    net_break(any_operator(w)->net);
}

static void stop_for_a_while(struct world *w)
{
    struct operator* o = any_operator(w);

    o->stopped_until = world_now(w) + rng_between(&w->chaos, 1, STOPPED_MOST);
    world_say(w, "operator %s stands still", o->name);
}

static void start_all(struct world *w)
{
    w->down = false;
    for (size_t i = 0; i < OPERATORS; i++)
        operator_start(&w->operators[i]);
}

/* How often each happens, of a thousand things; else users act. */
static const struct {
    unsigned permille;
    void (*act)(struct world *);
} happenings[] = {
    {70, toggle_operator},  {60, kill_soon},        {20, toggle_server},
    {20, break_connection}, {30, stop_for_a_while}, {150, start_all},
};

/* Now and then, as Prometheus does. */
static void change_hooks(struct world *w)
{
    if (rng_chance(&w->hook_dice, 850))
        return;
    w->hooks = rng_chance(&w->hook_dice, 500) ? HOOKS_YES : (enum hooks_state)rng_below(&w->hook_dice, HOOKS_STATES);
    world_say(w, "(webhooks: state %d)", w->hooks);
}

/* Of all operators alike: it is the status that is of another time then. */
static void set_clocks_back(struct world *w)
{
    msec_t by = rng_between(&w->late_dice, 1, rng_chance(&w->late_dice, 500) ? SECONDS(60) : SECONDS(7200));

    for (size_t i = 0; i < OPERATORS; i++)
        w->operators[i].wall -= by;
    world_say(w, "(clocks are set back by %" PRId64 " ms)", by);
}

static void on_happening(void *context)
{
    struct world *w = context;
    uint64_t at = rng_below(&w->chaos, 1000), i = 0;

    if (world_now(w) >= w->chaos_until)
        return;
    for (; i < ARRAY_LEN(happenings) && at >= happenings[i].permille; i++)
        at -= happenings[i].permille;
    if (i < ARRAY_LEN(happenings)) {
        happenings[i].act(w);
    } else {
        change_hooks(w);
        if (rng_chance(&w->late_dice, 30))
            set_clocks_back(w);
        if (rng_chance(&w->late_dice, 30))
            users_rival(w, w->rules.rival == MSEC_NEVER);
        users_act(w);
        w->report->deeds++;
        world_say(w, "users: %s", w->users.did);
    }
    sched_at(w->ground.sched, world_now(w) + rng_between(&w->chaos, 1, 2 * w->calm), on_happening, w);
}

/* Some kinds of faults in a seed, each with a rate of its own; a seed in four has none. */
static void choose_faults(struct world *w)
{
    unsigned most = rng_chance(&w->chaos, 750) ? (unsigned)rng_between(&w->chaos, 1, 50) : 0;

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

static void chaos(struct world *w)
{
    static const int64_t calms[] = {1000, 5000, 15000, 40000};

    w->calm = calms[rng_below(&w->chaos, ARRAY_LEN(calms))];
    run_for(w, SECONDS(30));
    choose_faults(w);
    w->operators[0].desired = true;
    w->operators[1].desired = w->leases = rng_chance(&w->chaos, 300);
    if (rng_chance(&w->chaos, 700))
        start_all(w);
    run_for(w, rng_between(&w->chaos, 0, SECONDS(10)));
    users_create_canary(w);
    run_for(w, rng_between(&w->chaos, 0, SECONDS(60)));
    start_all(w);
    w->chaos_until = world_now(w) + w->calm * rng_between(&w->chaos, 20, 80);
    sched_at(w->ground.sched, world_now(w), on_happening, w);
    run_for(w, w->chaos_until - world_now(w));
}

/* --- peace --- */

static void make_peace(struct world *w)
{
    world_say(w, "peace");
    w->faults = (struct faults){0};
    w->kill_in = 0;
    w->ground.eager = true;
    w->prometheus = PROMETHEUS_WORKS;
    w->hooks = HOOKS_YES;
    w->ground.rate = 10;
    users_create_target(w);
    users_switch_on(w);
    users_rival(w, false);
    users_suspend(w, false);
    if (rng_chance(&w->chaos, 850))
        users_create_canary(w);
    start_all(w);
}

static bool are_ready(const struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        if (!operator_is_ready(&w->operators[i]) || operator_is_behind(&w->operators[i]))
            return false;
    return true;
}

static bool one_acts(const struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        if (operator_is_acting(&w->operators[i]))
            return true;
    return false;
}

/* A person decides what only a person can: a good version is tried again. */
static void help(struct world *w, bool gives_up)
{
    bool is_good = w->ground.sorts[w->users.version] == SORT_GOOD && !gives_up;

    if (!canary(w))
        return;
    users_command(w, is_good ? "retry" : "abort");
    world_say(w, "users: %s", w->users.did);
}

static void wait_for_end(struct world *w)
{
    const msec_t began = world_now(w);
    struct buf why = BUF_INIT;
    unsigned helped = 0;

    while (!failed(w)) {
        uint64_t before = w->written;
        run_for(w, STEP);
        buf_reset(&why);
        if (w->written == before && are_ready(w) && one_acts(w) && rules_settled(w, &why))
            break;
        if (world_now(w) - began > HELP_AFTER * (helped + 1))
            help(w, helped++);
        if (world_now(w) - began > PEACE_MOST)
            world_fail(w, "not at its end %" PRId64 " minutes after the last fault: %s", PEACE_MOST / 60000,
                       why.len ? buf_str(&why) : "it goes on writing");
    }
    if (world_now(w) - began > w->report->converged)
        w->report->converged = world_now(w) - began;
    buf_release(&why);
}

/* What is good is promoted, after a person has said so once where it failed for what happened around it. */
static void converge(struct world *w)
{
    bool is_good;

    wait_for_end(w);
    is_good = w->ground.sorts[w->users.version] == SORT_GOOD;
    if (!failed(w) && is_good && str_eq(phase(w), "Failed")) {
        w->report->failed++;
        help(w, false);
        run_for(w, SECONDS(5));
        wait_for_end(w);
        if (!failed(w) && str_eq(phase(w), "Failed") && str_eq(w->users.spec.no_traffic, "Hold"))
            world_fail(w, "a good version failed in peace: %s", doc_string(canary(w), "status", "message"));
    }
    rules_forgive(w);
}

static uint64_t count_queries(const struct world *w)
{
    uint64_t count = 0;

    for (size_t i = 0; i < OPERATORS; i++)
        count += prometheus_queries(w->operators[i].prometheus) + hooks_asked(w->operators[i].hooks);
    return count;
}

static uint64_t count_writes(const struct world *w)
{
    return net_writes(w->operators[0].net) + net_writes(w->operators[1].net);
}

static void stay_quiet(struct world *w, msec_t time, const char *who)
{
    uint64_t writes = count_writes(w), queries = count_queries(w);

    /* A primary that is not ready yet is to have as many Pods as the target at most had. */
    scaler_hold(w->ground.scaler, scaler_scales(w->ground.server, SHOP, SHOP));
    run_for(w, time);
    scaler_hold(w->ground.scaler, false);
    if (!failed(w) && count_writes(w) != writes)
        world_fail(w, "%s sent %" PRIu64 " writes though everything was at its end", who, count_writes(w) - writes);
    if (!failed(w) && count_queries(w) != queries)
        world_fail(w, "%s sent %" PRIu64 " queries though everything was at its end", who, count_queries(w) - queries);
}

/* --- trials --- */

static bool is_measured(const struct world *w)
{
    const struct spec *s = &w->users.spec;

    return (s->has_rate || s->has_duration) && !s->skips && str_eq(s->no_traffic, "Hold") &&
           str_eq(s->metrics_error, "Hold");
}

/* At any moment of a release: the route leads to the primary as soon as the command can have been heard and obeyed. */
static void try_abort(struct world *w)
{
    msec_t began;
    bool has_traffic;

    users_release(w, rng_chance(&w->chaos, 700) ? SORT_GOOD : SORT_FAILING);
    world_say(w, "users: %s", w->users.did);
    if (rng_chance(&w->chaos, 300))
        w->prometheus = (enum prometheus_state)rng_between(&w->chaos, PROMETHEUS_DOWN, PROMETHEUS_STATES - 1);
    if (rng_chance(&w->hook_dice, 300))
        w->hooks = HOOKS_NEVER;
    run_for(w, rng_between(&w->chaos, 0, SECONDS(240)));
    has_traffic = w->rules.reaches && str_eq(phase(w), "Progressing");
    began = world_now(w);
    users_command(w, "abort");
    world_say(w, "users: %s", w->users.did);
    while (!failed(w) && has_traffic && w->rules.reaches && world_now(w) - began < SECONDS(10))
        run_for(w, 1);
    if (has_traffic && world_now(w) - began > w->report->abort_most)
        w->report->abort_most = world_now(w) - began;
    if (!failed(w) && has_traffic && world_now(w) - began > ABORT_MOST + 2 * WAY_MOST)
        world_fail(w, "the route leads to the primary %" PRId64 " ms after the abort", world_now(w) - began);
    w->prometheus = PROMETHEUS_WORKS;
    w->hooks = HOOKS_YES;
    wait_for_end(w);
}

/*
 * Webhooks that do not say yes hold a release for ten minutes, and the status says which; when they do, it goes on.
 * That nothing moves meanwhile is among the rules.
 */
static void try_gates(struct world *w)
{
    const unsigned gates = HAS_CONFIRM_ROLLOUT | HAS_CONFIRM_INCREASE;
    const char *message;
    msec_t began;

    if (str_eq(phase(w), "Initializing") || w->users.spec.skips)
        return;
    w->hooks = (enum hooks_state)rng_between(&w->hook_dice, HOOKS_NO, HOOKS_STATES - 1);
    if (w->hooks == HOOKS_LATE || w->users.spec.hooks & HAS_PRE_ROLLOUT)
        w->hooks = HOOKS_NO;
    users_release(w, SORT_GOOD);
    world_say(w, "users: %s, and webhooks say no", w->users.did);
    run_for(w, OUTAGE);
    message = str_or(doc_string(canary(w), "status", "message"), "");
    /* One whose Pods are not ready in time has failed before it could ask. */
    if (!failed(w) && w->users.spec.hooks & gates && !str_eq(phase(w), "Failed") && !strstr(message, "webhook"))
        world_fail(w, "what waits for a webhook does not say so: %s, %s", phase(w), message);
    if (!failed(w) && w->users.spec.hooks & gates && w->rules.reaches)
        world_fail(w, "a webhook says no, and the canary has %d %%", w->rules.live);
    w->hooks = HOOKS_YES;
    began = world_now(w);
    while (!failed(w) && w->users.spec.hooks == HAS_CONFIRM_INCREASE && !w->rules.reaches &&
           world_now(w) - began < SECONDS(60))
        run_for(w, SECONDS(1));
    if (!failed(w) && world_now(w) - began > SECONDS(15))
        world_fail(w, "%" PRId64 " ms after the yes the canary has no traffic", world_now(w) - began);
    converge(w);
}

/* For ten minutes there are no answers, or no requests: nothing is promoted, and nothing fails. */
static void try_outage(struct world *w)
{
    bool is_held = is_measured(w) && !str_eq(phase(w), "Initializing"), is_night = rng_chance(&w->chaos, 300);
    const json_t *primary;
    int before;

    primary = ground_get(&w->ground, "apps", "deployments", SHOP_PRIMARY);
    before = apps_version(primary);
    if (is_night)
        w->ground.rate = 0;
    else
        w->prometheus = (enum prometheus_state)rng_between(&w->chaos, PROMETHEUS_DOWN, PROMETHEUS_STATES - 1);
    is_held = is_held && w->prometheus != PROMETHEUS_SLOW;
    users_release(w, SORT_GOOD);
    world_say(w, "users: %s", w->users.did);
    run_for(w, OUTAGE);
    if (!failed(w) && is_held && !str_eq(phase(w), "Progressing"))
        world_fail(w, "without answers or requests the phase is %s: %s", phase(w),
                   str_or(doc_string(canary(w), "status", "message"), ""));
    primary = ground_get(&w->ground, "apps", "deployments", SHOP_PRIMARY);
    if (!failed(w) && is_held && apps_version(primary) != before)
        world_fail(w, "without answers or requests version %d was promoted", apps_version(primary));
    w->ground.rate = 10;
    w->prometheus = PROMETHEUS_WORKS;
    converge(w);
}

/* The operator is killed after every few writes: the version is promoted all the same, and once. */
static void try_kills(struct world *w)
{
    const msec_t until = world_now(w) + KILLED;
    uint64_t promoted;

    if (str_eq(phase(w), "Initializing"))
        return;
    promoted = w->report->promoted;
    users_release(w, SORT_GOOD);
    world_say(w, "users: %s", w->users.did);
    while (!failed(w) && world_now(w) < until) {
        kill_soon(w);
        run_for(w, rng_between(&w->chaos, 1, SECONDS(10)));
        start_all(w);
    }
    w->kill_in = 0;
    start_all(w);
    converge(w);
    if (!failed(w) && str_eq(phase(w), "Succeeded") && w->report->promoted != promoted + 1)
        world_fail(w, "the primary was rolled out %" PRIu64 " times", w->report->promoted - promoted);
}

static void try_release(struct world *w)
{
    static void (*const trials[])(struct world *) = {try_abort, try_abort, try_outage, try_kills};

    if (!canary(w))
        return;
    if (w->users.spec.hooks && rng_chance(&w->hook_dice, 500))
        try_gates(w);
    else
        trials[rng_below(&w->chaos, ARRAY_LEN(trials))](w);
}

/* --- the end --- */

static void restart(struct world *w)
{
    operator_stop(&w->operators[1]);
    operator_stop(&w->operators[0]);
    operator_start(&w->operators[0]);
    /* The lease of the one that was killed ends first. */
    stay_quiet(w, FRESH, "an operator that was just started");
}

static void delete_at_any_moment(struct world *w)
{
    if (!canary(w))
        return;
    if (rng_chance(&w->chaos, 700)) {
        users_release(w, (enum sort)rng_below(&w->chaos, SORT_COUNT));
        world_say(w, "users: %s", w->users.did);
        run_for(w, rng_between(&w->chaos, 0, SECONDS(240)));
    }
    users_delete_canary(w);
    world_say(w, "users: %s", w->users.did);
    wait_for_end(w);
    if (!failed(w))
        stay_quiet(w, FRESH, "an operator without Canaries");
}

static void world_init(struct world *w, uint64_t seed, bool trace, struct world_report *report)
{
    static const char *const names[OPERATORS] = {"op0", "op1"};
    struct rng seeds = {seed};

    *w = (struct world){.trace = trace, .report = report};
    rules_init(&w->rules);
    w->ground = (struct ground){
        .rng = {rng_next(&seeds)},
        .changed = on_change,
        .request = on_request,
        .context = w,
    };
    w->edges.state = rng_next(&seeds);
    w->chaos.state = rng_next(&seeds);
    w->hook_dice.state = rng_next(&seeds);
    w->late_dice.state = rng_next(&seeds);
    w->route_dice.state = rng_next(&seeds);
    w->ground.times = (struct apps_times){.endpoints = SECONDS(1), .ready = rng_between(&w->chaos, 500, SECONDS(20))};
    ground_init(&w->ground, (int)rng_between(&w->chaos, 16, 29));
    for (size_t i = 0; i < OPERATORS; i++)
        operator_init(w, &w->operators[i], names[i]);
    run_for(w, SECONDS(20));
    users_begin(w);
    /* From now on requests are answered. */
    run_for(w, SECONDS(60));
    w->ground.rate = 10;
}

static void world_release(struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        operator_release(&w->operators[i]);
    w->report->steps = sched_steps(w->ground.sched);
    w->report->simulated = world_now(w);
    ground_release(&w->ground);
}

void world_run(uint64_t seed, bool trace, struct world_report *ret)
{
    struct world w;

    *ret = (struct world_report){0};
    world_init(&w, seed, trace, ret);
    chaos(&w);
    make_peace(&w);
    converge(&w);
    if (!failed(&w))
        stay_quiet(&w, QUIET, "the operator");
    if (!failed(&w))
        try_release(&w);
    if (!failed(&w))
        restart(&w);
    if (!failed(&w))
        delete_at_any_moment(&w);
    world_release(&w);
}

void world_report_release(struct world_report *r)
{
    buf_release(&r->failure);
}
