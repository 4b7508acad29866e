/*
 * The renewal of sidecars, after all else is quiet: workloads, and users who ask for other sidecars, within bounds that
 * they change, while operators are killed at any write and requests fail.
 */
#include "world_impl.h"

#define DEEDS_MOST 60

/* As in the chaos before; but nothing here is so slow that users do not see what came of what they did. */
void world_choose_few_faults(struct world *w)
{
    struct faults *faults = &world_central(w)->faults;
    struct rng *dice = &w->renewal;
    unsigned most = rng_chance(dice, 700) ? (unsigned)rng_between(dice, 1, 40) : 0;

#define X(name, text)                                                                                                  \
    if (most && rng_chance(dice, 300))                                                                                 \
        faults->name = (unsigned)rng_between(dice, 1, most);
    FAULTS(X)
#undef X
    faults->throttled = (faults->throttled + 3) / 4;
    faults->request_silent = (faults->request_silent + 3) / 4;
    faults->answer_silent = (faults->answer_silent + 3) / 4;
}

void world_start_all(struct world *w)
{
    for (size_t i = 0; i < OPERATORS; i++)
        operator_start(&w->operators[i]);
}

void world_let_one_act(struct world *w)
{
    if (w->leases)
        return;
    operator_stop(&w->operators[1]);
    w->operators[1].desired = false;
}

void world_happen(struct world *w, const struct happening *h)
{
    struct users *users = &world_central(w)->users;
    uint64_t at = rng_below(&w->renewal, 100);

    world_start_all(w);
    if (at < h->kills) {
        w->kill_in = (unsigned)rng_between(&w->renewal, 1, h->kill_in_most);
    } else if (at < h->kills + 5) {
        operator_break(&w->operators[rng_below(&w->renewal, OPERATORS)], world_central(w));
    } else {
        h->act(users);
        w->report->deeds++;
        world_say(w, "users: %s", users->did);
    }
}

static void bustle(struct world *w)
{
    static const struct happening happening = {.kills = 20, .kill_in_most = 4, .act = users_act_in_renewal};
    static const int64_t calms[] = {2000, 10000, 40000};
    int64_t calm = calms[rng_below(&w->renewal, ARRAY_LEN(calms))];

    for (int64_t n = rng_between(&w->renewal, 10, DEEDS_MOST); n > 0; n--) {
        world_happen(w, &happening);
        world_run_to(w, sched_now(w->sched) + rng_between(&w->renewal, 1, 2 * calm));
    }
}

static void begin(struct world *w)
{
    struct users *users = &world_central(w)->users;

    world_let_one_act(w);
    for (size_t i = 0; i < OPERATORS; i++)
        w->operators[i].wall = SERVER_EPOCH;
    w->requests_most = WORLD_MINUTE_MOST;
    users_begin_renewal(users);
    world_converge(w);
    users_add_apps(users);
    world_converge(w);
}

static void end(struct world *w)
{
    static const struct faults none;

    w->kill_in = 0;
    w->eager = true;
    world_central(w)->faults = none;
    users_end_renewal(&world_central(w)->users);
    world_start_all(w);
    controllers_poke(world_central(w)->controllers);
    /* What does not end is given up. */
    world_run_to(w, sched_now(w->sched) + SECONDS(300));
    world_converge(w);
}

void world_renew(struct world *w)
{
    struct users *users = &world_central(w)->users;
    struct rng *before = users->rng;

    users->rng = &w->renewal;
    invariants_renewal_begin(&world_central(w)->invariants);
    begin(w);
    w->eager = false;
    world_choose_few_faults(w);
    users_outdate_apps(users);
    bustle(w);
    end(w);
    world_stay_quiet(w, SECONDS(600), "the operator that renewed sidecars");
    w->report->restarts += invariants_renewal_end(&world_central(w)->invariants);
    users->rng = before;
}
