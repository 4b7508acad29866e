/*
 * The version of a mesh of Istio 1.0 or 1.1 changes, up and down and in the middle of one another, after all else is
 * quiet, while operators are killed at any write and requests fail.
 */
#include "world_impl.h"

#define DEEDS_MOST 30

/* In the middle of a step, or when the one before is over. */
static void bustle(struct world *w)
{
    static const struct happening happening = {.kills = 25, .kill_in_most = 40, .act = users_act_in_upgrades};
    static const int64_t calms[] = {500, 5000, 60000};

    for (int64_t n = rng_between(&w->renewal, 8, DEEDS_MOST); n > 0; n--) {
        world_happen(w, &happening);
        world_run_to(w, sched_now(w->sched) +
                            rng_between(&w->renewal, 1, 2 * calms[rng_below(&w->renewal, ARRAY_LEN(calms))]));
    }
}

void world_upgrade(struct world *w)
{
    struct site *central = world_central(w);
    struct rng *before = central->users.rng;
    static const struct faults none;

    central->users.rng = &w->renewal;
    w->requests_most = WORLD_MINUTE_MOST;
    users_begin_upgrades(&central->users);
    world_converge(w);
    central->invariants.upgrades = true;
    controllers_read_configuration(central->controllers, true);
    w->eager = false;
    world_choose_few_faults(w);
    bustle(w);

    w->kill_in = 0;
    world_run_to(w, sched_now(w->sched) + SECONDS(1)); /* one that is to be killed is */
    w->eager = true;
    central->faults = none;
    users_end_upgrades(&central->users);
    world_start_all(w);
    for (size_t i = 0; i < w->site_count; i++)
        controllers_poke(w->sites[i].controllers);
    world_converge(w);
    central->invariants.upgrades = false;
    controllers_read_configuration(central->controllers, false);
    central->users.rng = before;
}
