/* Runs seeds of canaries, several at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../seeds.h"
#include "base/log.h"
#include "base/str.h"
#include "world.h"

static const char usage[] = "Usage: simulate_canary [--seeds N] [--from S] [--jobs J] [--trace] [--keep-going]\n"
                            "\n"
                            "  --seeds N      how many (100)\n"
                            "  --from S       the first one (1)\n"
                            "  --jobs J       how many at a time (the processors of this machine)\n"
                            "  --trace        tell everything that happens, on standard output; for one seed\n"
                            "  --keep-going   do not end at the first seed that fails\n";

/* In memory that the workers share. */
struct sums {
    _Atomic uint64_t requests, writes, queries, asked, faults, deeds, kills, promoted, served, matched, stayed, lost,
        simulated, converged_most, abort_most;
};

static bool run(void *context, uint64_t seed, void *shared, uint64_t *ret_steps, struct buf *failure)
{
    const bool *trace = context;
    struct sums *s = shared;
    struct world_report r;

    world_run(seed, *trace, &r);
    s->requests += r.requests;
    s->writes += r.writes;
    s->queries += r.queries;
    s->asked += r.asked;
    s->faults += r.faults;
    s->deeds += r.deeds;
    s->kills += r.kills;
    s->promoted += r.promoted;
    s->served += r.served;
    s->matched += r.matched;
    s->stayed += r.stayed;
    s->lost += r.lost;
    s->simulated += (uint64_t)r.simulated;
    seeds_raise(&s->converged_most, (uint64_t)r.converged);
    seeds_raise(&s->abort_most, (uint64_t)r.abort_most);
    *ret_steps = r.steps;
    buf_add_str(failure, buf_str(&r.failure));
    world_report_release(&r);
    return failure->len == 0;
}

static void tell(const void *shared)
{
    const struct sums *s = shared;

    printf("%.1f simulated days; %" PRIu64 " faults, %" PRIu64 " deeds of users, %" PRIu64 " kills; %" PRIu64
           " requests of operators, %" PRIu64 " of them writes, %" PRIu64 " queries, and %" PRIu64 " to webhooks\n"
           "%" PRIu64 " versions promoted; %" PRIu64 " requests of clients, %" PRIu64
           " of them of testers at the canary, "
           "%" PRIu64 " of clients that stay there, %" PRIu64 " lost where a user had removed what serves\n"
           "at most: %.0f s to the end of a release in peace, %" PRIu64 " ms from an abort to the route\n",
           (double)s->simulated / 86400e3, s->faults, s->deeds, s->kills, s->requests, s->writes, s->queries, s->asked,
           s->promoted, s->served, s->matched, s->stayed, s->lost, (double)s->converged_most / 1000, s->abort_most);
}

int main(int argc, char **argv)
{
    struct seeds seeds = {.run = run, .tell = tell, .shared_size = sizeof(struct sums)};
    bool trace = false;

    (void)argc;
    seeds_begin(&seeds, argv[0]);
    seeds.context = &trace;
    for (int i = 1; argv[i]; i++)
        if (str_eq(argv[i], "--trace")) {
            trace = true;
        } else if (!seeds_option(&seeds, argv, &i)) {
            fputs(usage, stderr);
            return 2;
        }
    log_configure(trace ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    return seeds_run(&seeds);
}
