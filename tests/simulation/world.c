#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "doc/doc.h"
#include "memory.h"
#include "world_impl.h"

/* Jobs at one moment: more means that something goes round without waiting. */
#define AT_ONCE_MOST 200000
/*
 * Of one operator to one cluster in a minute when all is quiet: 30 for the Lease, 12 for what is served, and two for
 * each of some 43 watches, as one is verified after 30 s.
 */
#define QUIET_MINUTE_MOST 128
/* The longest that anything waits: a watch of ten minutes that fell silent, behind it a back-off. */
static const msec_t PEACE_MOST = SECONDS(20 * 60), PEACE_STEP = SECONDS(5), QUIET = SECONDS(1800);
static const msec_t FRESH = SECONDS(300), STOPPED_MOST = SECONDS(60), FAILING_MOST = SECONDS(30), PROBED = SECONDS(60);
/* What memory of an operator that has lived may be more than that of a new one. */
#define BYTES_MORE (512 * 1024)

void world_say(const struct world *w, const char *fmt, ...)
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

void world_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (w->report->failure.len)
        return;
    va_start(ap, fmt);
    buf_vprintf(&w->report->failure, fmt, ap);
    va_end(ap);
    world_say(w, "FAILED %s", buf_str(&w->report->failure));
}

static bool failed(struct world *w)
{
    for (size_t i = 0; i < w->site_count; i++) {
        const struct invariants *v = &w->sites[i].invariants;
        if (v->failure.len)
            world_fail(w, "%s: %s", w->sites[i].name, buf_str(&v->failure));
    }
    return w->report->failure.len > 0;
}

/* --- clusters --- */

static void on_change(void *context, enum who who, const struct collection *kind, const json_t *before,
                      const json_t *after)
{
    static const char *const names[] = {"operator", "cluster", "human"};
    struct site *site = context;
    struct world *w = site->world;
    const json_t *o = after ? after : before;

    world_say(w, "   = %s: %s %s %s %s/%s version %s", site->name, names[who],
              !before ? "created"
              : after ? "changed"
                      : "deleted",
              kind->kind, str_or(doc_string(o, "metadata", "namespace"), ""), doc_string(o, "metadata", "name"),
              str_or(doc_string(after, "metadata", "resourceVersion"), "gone"));
    w->written += who == WHO_OPERATOR && !str_eq(kind->plural, "events") && !str_eq(kind->plural, "leases");
    if (!after && str_eq(kind->plural, "leases"))
        w->disputed_until = sched_now(w->sched) + LEASE_DURATION;
    invariants_observe(&site->invariants, who, kind, before, after);
    controllers_poke(site->controllers);
    for (size_t i = 0; i < OPERATORS; i++)
        operator_poke(&w->operators[i], site);
}

/* The minor version of a release that the mesh runs on. */
static int kubernetes(struct world *w)
{
    if (w->today)
        return rng_chance(&w->chaos, 500) ? 34 : (int)rng_between(&w->chaos, 32, 36);
    return (int)rng_between(&w->chaos, 11, 21);
}

static void site_init(struct world *w, size_t at)
{
    struct site *site = &w->sites[at];

    *site = (struct site){.world = w};
    snprintf(site->name, sizeof(site->name), at ? USERS_REMOTE_NAME : "central", at);
    site->server = server_new(&mesh_kinds, kubernetes(w), &w->rng, w->sched);
    site->controllers = controllers_new(w->sched, site->server, &w->rng, &w->eager);
    site->users =
        (struct users){.server = site->server, .controllers = site->controllers, .rng = &w->chaos, .today = w->today};
    if (!at) {
        site->users.remotes = w->remotes;
        site->users.remote_count = w->site_count - 1;
    }
    invariants_init(&site->invariants, site->server, at ? &world_central(w)->invariants : NULL);
    server_observe(site->server, on_change, site);
}

static void site_release(struct site *site)
{
    controllers_free(site->controllers);
    invariants_release(&site->invariants);
    server_free(site->server);
}

static struct site *any_site(struct world *w)
{
    return &w->sites[rng_below(&w->chaos, w->site_count)];
}

static struct operator* any_operator(struct world *w)
{
    return &w->operators[rng_below(&w->chaos, OPERATORS)];
}

/* --- chaos --- */

static void users_do(struct world *w)
{
    struct site *site = any_site(w);

    users_act(&site->users);
    w->report->deeds++;
    world_say(w, "users in %s: %s", site->name, site->users.did);
}

static void break_connection(struct world *w)
{
    const struct site *site = any_site(w);

    world_say(w, "a connection to %s breaks", site->name);
    operator_break(any_operator(w), site);
}

static void toggle_server(struct world *w)
{
    struct site *site = any_site(w);

    site->down = !site->down;
    world_say(w, "%s is %s", site->name, site->down ? "down" : "up");
    if (site->down) {
        for (size_t i = 0; i < OPERATORS; i++)
            operator_break(&w->operators[i], site);
        return;
    }
    server_set_cold(site->server, rng_chance(&w->chaos, 500));
    if (rng_chance(&w->chaos, 700))
        server_compact(site->server);
}

static void toggle_operator(struct world *w)
{
    struct operator* o = any_operator(w);

    if (!o->desired)
        o = &w->operators[0];
    if (!o->controller) {
        operator_start(o);
        return;
    }
    operator_stop(o);
    w->report->kills++;
    if (rng_chance(&w->chaos, 600))
        operator_start(o);
}

static void compact(struct world *w)
{
    struct site *site = any_site(w);

    world_say(w, "%s forgets its history", site->name);
    server_compact(site->server);
}

/*
 * From now on nobody can say whose what is: a mesh or a RemoteIstio that was made since never was, and what was made
 * for it may be there.
 */
static void put_back(struct world *w, struct site *site)
{
    struct users *users = &world_central(w)->users;
    int64_t before = server_version(site->server);

    for (size_t i = 0; i < OPERATORS; i++)
        operator_break(&w->operators[i], site);
    if (!server_put_back(site->server))
        return;
    if (rng_chance(&w->chaos, 500))
        server_catch_up(site->server, before + rng_between(&w->chaos, 1, 100));
    world_say(w, "the store of %s is put back to version %" PRId64, site->name, server_version(site->server));
    users_excuse(users);
    w->disputed_until = sched_now(w->sched) + 2 * LEASE_DURATION;
    controllers_poke(site->controllers);
}

static void save(struct world *w, struct site *site)
{
    world_say(w, "a snapshot is made of %s at version %" PRId64, site->name, server_version(site->server));
    server_save(site->server);
}

static void save_or_put_back(struct world *w)
{
    struct site *site = any_site(w);

    if (rng_chance(&w->chaos, 600))
        save(w, site);
    else
        put_back(w, site);
}

static void jump_clock(struct world *w)
{
    any_operator(w)->wall += rng_between(&w->chaos, -SECONDS(7200), SECONDS(7200));
    world_say(w, "a clock jumps");
}

/* As by SIGSTOP and SIGCONT, or by a machine that has no time for it. */
static void stop_for_a_while(struct world *w)
{
    struct operator* o = any_operator(w);

    o->stopped_until = sched_now(w->sched) + rng_between(&w->chaos, 1, STOPPED_MOST);
    world_say(w, "operator %s stands still until %.3f", o->name, (double)o->stopped_until / 1000);
}

static void delete_lease(struct world *w)
{
    struct server *server = world_central(w)->server;
    struct collection *leases = server_find(server, "coordination.k8s.io", "leases");
    _cleanup_outcome_ struct outcome o = {0};

    if (leases)
        o = server_delete(server, WHO_HUMAN, leases, LEASE_NS, LEASE_NAME, NULL);
    world_say(w, "the lease is deleted");
}

static void warm_up(struct world *w)
{
    for (size_t i = 0; i < w->site_count; i++) {
        server_set_cold(w->sites[i].server, false);
        for (size_t k = 0; k < OPERATORS; k++)
            operator_poke(&w->operators[k], &w->sites[i]);
    }
}

/* How often each happens, of a thousand things. */
static const struct {
    unsigned permille;
    void (*act)(struct world *);
} happenings[] = {
    {30, break_connection}, {30, toggle_server}, {60, toggle_operator}, {20, compact},          {20, jump_clock},
    {20, stop_for_a_while}, {5, delete_lease},   {100, warm_up},        {40, save_or_put_back},
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
        users_do(w);
    /* Nobody is away for long. */
    sched_at(w->sched, sched_now(w->sched) + rng_between(&w->chaos, 1, 2 * w->calm), on_happening, w);
}

/* Some kinds of faults in a seed, each with a rate of its own; a seed in eight has none. */
static void choose_faults(struct world *w, struct faults *faults)
{
    unsigned most = 0;

    if (rng_chance(&w->chaos, 875))
        most = (unsigned)rng_between(&w->chaos, 1, 60);
#define X(name, text)                                                                                                  \
    if (most && rng_chance(&w->chaos, 350))                                                                            \
        faults->name = (unsigned)rng_between(&w->chaos, 1, most);
    FAULTS(X)
#undef X
    /* These stop the work for long. */
    faults->throttled = (faults->throttled + 3) / 4;
    faults->request_silent = (faults->request_silent + 3) / 4;
    faults->answer_silent = (faults->answer_silent + 3) / 4;
}

/* A seed in four has a server that sends what is odd; apart, so that the others stay as they are. */
static void choose_odd_faults(struct world *w)
{
    if (!w->sends_odd)
        return;
    for (size_t i = 0; i < w->site_count; i++) {
        struct faults *faults = &w->sites[i].faults;
#define X(name, text)                                                                                                  \
    if (rng_chance(&w->odd, 600))                                                                                      \
        faults->name = (unsigned)rng_between(&w->odd, 1, 60);
        ODD_FAULTS(X)
#undef X
        faults->odd_seed = rng_next(&w->odd);
    }
}

static void choose_deeds(struct world *w, struct site *site)
{
    struct users *p = &site->users;

    p->enabled = rng_next(&w->chaos) | rng_next(&w->chaos);
    /* After these nobody can say what is still ours in a remote cluster. */
    p->enabled &= ~USERS_EXCUSING | (rng_next(&w->chaos) & rng_next(&w->chaos));
    /* Older servers do not look at the version of what is to be deleted: a mark taken off in time counts for nothing.
     */
    if (server_minor(site->server) < 14)
        p->enabled &= ~(1ull << DEED_take_over | 1ull << DEED_unmark);
    p->enabled |= 1ull << DEED_create_mesh | 1ull << DEED_create_own_definition | 1ull << DEED_create_namespace;
    p->enabled &= site == world_central(w) ? ~0ull : USERS_ANYWHERE;
    if (w->site_count == 1)
        p->enabled &= ~USERS_OF_REMOTES;
    p->enabled &= w->today ? ~(1ull << DEED_precede) : ~USERS_OF_TODAY;
}

static void chaos(struct world *w)
{
    static const int64_t calms[] = {300, 2000, 10000, 60000};
    struct site *central = world_central(w);

    w->calm = calms[rng_below(&w->chaos, ARRAY_LEN(calms))];
    /* Where one thing is looked for, nothing else takes time. */
    w->chaos_until = w->alone ? 0 : w->calm * rng_between(&w->chaos, 20, 120);
    w->operators[0].desired = true;
    w->operators[1].desired = rng_chance(&w->chaos, 300);
    w->leases = server_minor(central->server) >= 14 && rng_chance(&w->chaos, w->operators[1].desired ? 800 : 200);
    w->requests_most = WORLD_MINUTE_MOST;
    for (size_t i = 0; i < w->site_count; i++) {
        choose_faults(w, &w->sites[i].faults);
        choose_deeds(w, &w->sites[i]);
        users_prepare(&w->sites[i].users);
    }
    choose_odd_faults(w);
    for (size_t i = 0; i < OPERATORS; i++)
        operator_start(&w->operators[i]);
    world_run_to(w, rng_between(&w->chaos, 0, SECONDS(10)));
    users_create_mesh(&central->users);
    users_join(&central->users);
    sched_at(w->sched, sched_now(w->sched), on_happening, w);
    world_run_to(w, w->chaos_until);
}

/* --- time --- */

void world_run_to(struct world *w, msec_t until)
{
    /* What fails ends soon: an operator that writes without end takes hours for what it does in an hour. */
    const msec_t turn = SECONDS(1);

    while (!failed(w) && sched_now(w->sched) < until) {
        msec_t now = sched_now(w->sched), next = (now / turn + 1) * turn;
        if (!sched_run(w->sched, next < until ? next : until, AT_ONCE_MOST))
            world_fail(w, "more than %d things happened at one moment", AT_ONCE_MOST);
        for (size_t i = 0; next <= until && i < OPERATORS; i++)
            operator_count(&w->operators[i], next % SECONDS(60) == 0);
    }
}

static uint64_t writes(const struct world *w)
{
    return operator_writes(&w->operators[0]) + operator_writes(&w->operators[1]);
}

/* --- peace --- */

/* What only ends with a person's help is ended: a namespace that is gone, a definition that is. */
static void help(struct users *p)
{
    p->enabled = 1ull << DEED_create_namespace;
    users_act(p);
    p->enabled = 1ull << DEED_create_own_definition;
    users_act(p);
}

/* What was odd is sound in a new version. */
static void mend_object(struct site *site, struct collection *kind, const json_t *object)
{
    const char *name = doc_string(object, "metadata", "name"), *ns = doc_string(object, "metadata", "namespace");
    _cleanup_json_ json_t *sound = doc_copy(object);
    _cleanup_outcome_ struct outcome o = {0};

    json_object_set(doc_make(sound, "metadata", "annotations"), "mended",
                    doc_at(object, "metadata", "resourceVersion"));
    o = server_update(site->server, WHO_HUMAN, kind, ns, name, NULL, sound);
    world_say(site->world, "%s %s of %s was odd", kind->kind, name, site->name);
}

static void mend(struct site *site)
{
    struct collection *kind;
    json_t *object;
    void *o;
    size_t k;

    for (size_t i = 0; (kind = server_next_kind(site->server, &i));) {
        _cleanup_json_ json_t *odd = json_array();
        for (k = 0; map_next(kind->objects, &k, NULL, &o);)
            if (net_is_odd(&site->faults, o))
                json_array_append(odd, o);
        json_array_foreach(odd, k, object)
            mend_object(site, kind, object);
    }
}

static void make_peace(struct world *w)
{
    static const struct faults none;
    struct users *users = &world_central(w)->users;

    world_say(w, "peace");
    w->eager = true;
    for (size_t i = 0; i < w->site_count; i++) {
        w->sites[i].down = false;
        /* The last that happens, so that nothing else has the watches opened again. */
        if (rng_chance(&w->chaos, 150))
            put_back(w, &w->sites[i]);
        mend(&w->sites[i]);
        w->sites[i].faults = none;
        if (i == 0 || rng_chance(&w->chaos, 500))
            help(&w->sites[i].users);
    }
    warm_up(w);
    if (rng_chance(&w->chaos, 250))
        users_delete_mesh(users);
    users_settle_galley(users);
    if (w->today)
        users_add_nodes(users);
    users_settle_remotes(users);
    /* Without a lease one of two may finish a write for a mesh that the other has just removed. */
    if (w->operators[1].desired && !w->leases)
        users_excuse(users);
    for (size_t i = 0; i < OPERATORS; i++)
        operator_start(&w->operators[i]);
    for (size_t i = 0; i < w->site_count; i++)
        controllers_poke(w->sites[i].controllers);
}

/* Two that both act, of which one does not see what the other does: it may write when it does. */
static bool may_differ(const struct world *w)
{
    return w->operators[1].desired && !w->leases &&
           (operator_is_behind(&w->operators[0]) || operator_is_behind(&w->operators[1]));
}

/* One that continues lists everything, and may act on what it saw before: it has not converged until then. */
static bool is_ready(const struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        if (!operator_is_ready(&w->operators[i]) || operator_is_stopped(&w->operators[i]))
            return false;
    return !may_differ(w);
}

static bool is_as_desired(struct world *w, struct buf *why)
{
    struct invariants_remote remotes[USERS_REMOTES_MAX];
    struct invariants *central = &world_central(w)->invariants;

    for (size_t i = 1; i < w->site_count; i++)
        remotes[i - 1] = (struct invariants_remote){&w->sites[i].invariants, &w->remotes[i - 1]};
    return invariants_converged(central, world_central(w)->users.forced, why) &&
           invariants_remotes_converged(central, remotes, w->site_count - 1, why);
}

/* Two looks in a row find it so, with no write between them. */
void world_converge(struct world *w)
{
    msec_t began = sched_now(w->sched);
    uint64_t before = UINT64_MAX;
    struct buf why = BUF_INIT;

    while (!failed(w)) {
        bool now, still = writes(w) == before;
        before = writes(w);
        buf_reset(&why);
        /* It costs more than all else; what is reported in the end is what the last look found. */
        now = still && is_ready(w) && is_as_desired(w, &why);
        if (now)
            break;
        if (sched_now(w->sched) - began > PEACE_MOST)
            world_fail(w, "not converged %" PRId64 " minutes after the last fault: %s", PEACE_MOST / 60000,
                       why.len  ? buf_str(&why)
                       : !still ? "it goes on writing"
                                : "an operator is not synced with the server");
        /* The longer it takes, the seldomer. */
        world_run_to(w, sched_now(w->sched) + PEACE_STEP + (sched_now(w->sched) - began) / 8);
    }
    if (sched_now(w->sched) - began > w->report->converged)
        w->report->converged = sched_now(w->sched) - began;
    buf_release(&why);
}

/* Nothing happens, so nothing is written. So many creates may be sent and refused. */
static void stay_quiet(struct world *w, msec_t how_long, const char *who, uint64_t refused_most)
{
    uint64_t before = writes(w), written = w->written;
    struct buf why = BUF_INIT;

    world_run_to(w, sched_now(w->sched) + how_long);
    if (!failed(w) && (writes(w) - before > refused_most || w->written != written))
        world_fail(w, "%s sent %" PRIu64 " writes though everything was in place", who, writes(w) - before);
    if (!failed(w) && !is_as_desired(w, &why))
        world_fail(w, "it was in place, and is not any more: %s", buf_str(&why));
    buf_release(&why);
}

/* Autoscalers choose other numbers: they are nobody else's. */
static void scale(struct world *w)
{
    struct site *central = world_central(w);

    central->invariants.at_rest = true;
    w->requests_most = WORLD_MINUTE_MOST;
    controllers_scale(central->controllers);
    world_converge(w);
    central->invariants.at_rest = false;
}

void world_stay_quiet(struct world *w, msec_t how_long, const char *who)
{
    if (!failed(w))
        stay_quiet(w, how_long, who, 0);
}

/* The mesh moves to another revision, and its Pods follow later; then it moves once more. */
static void move_on(struct world *w)
{
    struct users *users = &world_central(w)->users;

    w->requests_most = WORLD_MINUTE_MOST;
    users_move_on(users);
    world_converge(w);
    users_restart_workloads(users);
    users_move_on(users);
    world_converge(w);
}

/* Nothing else happens: a cluster that is quiet is probed within this time, and refuses the former credentials. */
static void renew_kubeconfigs(struct world *w)
{
    w->requests_most = WORLD_MINUTE_MOST;
    users_renew_kubeconfigs(&world_central(w)->users);
    world_run_to(w, sched_now(w->sched) + PROBED);
    world_converge(w);
}

static void delete_one(struct world *w, struct site *site)
{
    site->users.enabled = 1ull << DEED_delete_owned;
    users_act(&site->users);
    w->requests_most = WORLD_MINUTE_MOST;
}

/* An object is deleted, and nothing else happens: what fails is tried again for no other reason. */
static void fail_for_a_while(struct world *w)
{
    struct site *site = any_site(w);
    struct faults *faults = &site->faults;
    unsigned *const failures[] = {&faults->broken, &faults->throttled, &faults->conflict, &faults->request_lost};
    unsigned *failure = failures[rng_below(&w->chaos, ARRAY_LEN(failures))];

    world_say(w, "requests to %s fail for a while", site->name);
    *failure = 1000;
    delete_one(w, site);
    world_run_to(w, sched_now(w->sched) + rng_between(&w->chaos, 1, FAILING_MOST));
    *failure = 0;
    world_converge(w);
}

/* An object came back after the snapshot, and nothing else happens that would show that it is away again. */
static void lose_a_write(struct world *w)
{
    struct site *site = any_site(w);

    delete_one(w, site);
    save(w, site);
    world_converge(w);
    if (failed(w))
        return;
    put_back(w, site);
    world_converge(w);
}

/* What stopping the operator gives back. */
static int64_t bytes_of(struct operator* o)
{
    int64_t before = memory_bytes();

    operator_stop(o);
    return before - memory_bytes();
}

static void restart(struct world *w)
{
    struct operator* o = & w->operators[0];
    uint64_t hidden = 0;
    int64_t fresh;

    operator_stop(&w->operators[1]);
    w->report->operator_bytes = bytes_of(o);
    operator_start(o);
    w->requests_most = WORLD_MINUTE_MOST;
    for (size_t i = 0; i < w->site_count; i++)
        hidden += invariants_hidden(w->sites[i].server);
    stay_quiet(w, FRESH, "an operator that was just started", hidden);
    fresh = bytes_of(o);
    if (!failed(w) && w->report->operator_bytes > fresh + BYTES_MORE)
        world_fail(w, "the operator held %" PRId64 " KiB, a new one holds %" PRId64, w->report->operator_bytes / 1024,
                   fresh / 1024);
}

/* No other cluster can join a mesh of today's Istio yet. */
static size_t choose_sites(struct world *w)
{
    size_t count = rng_chance(&w->chaos, 400) ? 1 : (size_t)rng_between(&w->chaos, 2, SITES_MAX);

    return w->today ? 1 : count;
}

static void world_init(struct world *w, uint64_t seed, const struct world_options *options, struct world_report *report)
{
    static const char *const names[OPERATORS] = {"op0", "op1"};
    struct rng seeds = {seed};

    /* By the number of the seed, so that the others stay as they are. */
    *w = (struct world){.trace = options->trace,
                        .today = !options->upgrade && (options->today || options->renewal || seed % 3 == 0),
                        .renews = seed % 6 == 0,
                        .integrates = seed % 2 == 1,
                        .alone = options->renewal || options->upgrade || options->integrations,
                        .report = report};
    w->rng.state = rng_next(&seeds);
    w->chaos.state = rng_next(&seeds);
    w->odd.state = rng_next(&seeds);
    w->renewal.state = rng_next(&seeds);
    w->sched = sched_new();
    w->site_count = choose_sites(w);
    for (size_t i = 0; i < w->site_count; i++)
        site_init(w, i);
    for (size_t i = 0; i < OPERATORS; i++)
        operator_init(w, &w->operators[i], names[i]);
}

static void world_release(struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        operator_release(&w->operators[i]);
    for (size_t i = 0; i < w->site_count; i++)
        w->report->changes += w->sites[i].invariants.changes;
    w->report->steps = sched_steps(w->sched);
    w->report->simulated = sched_now(w->sched);
    for (size_t i = 0; i < w->site_count; i++)
        site_release(&w->sites[i]);
    sched_free(w->sched);
}

/* What users and a server do to a mesh that is in place. */
static void go_on(struct world *w)
{
    world_run_to(w, (sched_now(w->sched) / 60000 + 1) * 60000);
    w->requests_most = QUIET_MINUTE_MOST;
    if (!failed(w))
        stay_quiet(w, QUIET, "the operator", 0);
    if (!failed(w) && w->today)
        scale(w);
    if (!failed(w) && w->today)
        move_on(w);
    if (!failed(w) && w->renews)
        world_renew(w);
    if (!failed(w) && !w->today)
        world_upgrade(w);
    if (!failed(w) && w->site_count > 1)
        renew_kubeconfigs(w);
    if (!failed(w))
        fail_for_a_while(w);
    if (!failed(w))
        lose_a_write(w);
    if (!failed(w) && w->integrates)
        world_integrate(w);
}

void world_run(uint64_t seed, const struct world_options *options, struct world_report *ret)
{
    struct world w;

    *ret = (struct world_report){0};
    world_init(&w, seed, options, ret);
    w.sends_odd = rng_chance(&w.odd, 250) || options->odd;
    chaos(&w);
    make_peace(&w);
    world_converge(&w);
    ret->with_mesh = server_get(server_find(world_central(&w)->server, API_GROUP, "istios"), MESH_NS, MESH_NAME);
    ret->remotes = users_count_remotes(&world_central(&w)->users);
    if (!failed(&w))
        (!w.alone ? go_on : options->integrations ? world_integrate : w.today ? world_renew : world_upgrade)(&w);
    if (!failed(&w))
        restart(&w);
    world_release(&w);
}

void world_report_release(struct world_report *r)
{
    buf_release(&r->failure);
}
