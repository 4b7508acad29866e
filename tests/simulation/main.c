/* Runs seeds, each in the simulation of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../server/controllers.h"
#include "base/log.h"
#include "base/str.h"
#include "net/certificate.h"
#include "seeds.h"
#include "world.h"

static const char usage[] =
    "Usage: simulate [--seeds N] [--from S] [--jobs J] [--odd] [--today] [--renewal] [--upgrade] "
    "[--integrations] [--trace] [--keep-going]\n"
    "\n"
    "  --seeds N      how many (100)\n"
    "  --from S       the first one (1)\n"
    "  --jobs J       how many at a time (the processors of this machine)\n"
    "  --odd          in every seed servers send what is odd, and not in one of four\n"
    "  --today        in every seed Kubernetes and Istio are today's, and not in one of three\n"
    "  --renewal      as --today, and little else happens than that sidecars are renewed, as they are in one of six\n"
    "  --upgrade      Istio is of 1.0 and 1.1 in every seed, and little else happens than that its version changes\n"
    "  --integrations little else happens than that what others watch a mesh with is switched on and off\n"
    "  --trace        tell everything that happens, on standard output; for one seed\n"
    "  --keep-going   do not end at the first seed that fails\n";

/* What the workers add up. In memory that they share. */
struct totals {
    _Atomic uint64_t requests, writes, faults, deeds, kills, changes, minute_most, simulated, converged_most,
        operator_bytes_most, with_mesh, remotes, restarts;
};

static void add(struct totals *t, const struct world_report *r)
{
    t->requests += r->requests;
    t->writes += r->writes;
    t->faults += r->faults;
    t->deeds += r->deeds;
    t->kills += r->kills;
    t->changes += r->changes;
    t->simulated += (uint64_t)r->simulated;
    t->with_mesh += r->with_mesh;
    t->remotes += r->remotes;
    t->restarts += r->restarts;
    seeds_raise(&t->minute_most, r->minute_most);
    seeds_raise(&t->converged_most, (uint64_t)r->converged);
    seeds_raise(&t->operator_bytes_most, (uint64_t)(r->operator_bytes > 0 ? r->operator_bytes : 0));
}

static bool run(void *context, uint64_t seed, void *shared, uint64_t *ret_steps, struct buf *failure)
{
    struct world_report r;
    bool good;

    world_run(seed, context, &r);
    add(shared, &r);
    *ret_steps = r.steps;
    buf_add_str(failure, buf_str(&r.failure));
    good = r.failure.len == 0;
    world_report_release(&r);
    return good;
}

static void tell(const void *shared)
{
    const struct totals *t = shared;

    printf("%.1f simulated days; %" PRIu64 " faults, %" PRIu64 " deeds of users, %" PRIu64 " kills; %" PRIu64
           " requests, %" PRIu64 " of them writes; %" PRIu64 " changes of objects\n"
           "at most: %.0f s to converge, %" PRIu64 " requests in a minute, %.1f MiB of an operator; "
           "%" PRIu64 " seeds end with a mesh, and with %" PRIu64 " RemoteIstios; %" PRIu64
           " restarts for new sidecars\n",
           (double)t->simulated / 86400e3, t->faults, t->deeds, t->kills, t->requests, t->writes, t->changes,
           (double)t->converged_most / 1000, t->minute_most, (double)t->operator_bytes_most / 1048576, t->with_mesh,
           t->remotes, t->restarts);
}

/* An option of the world's, which a replay needs, too. */
static bool read_option(const char *option, struct world_options *world, struct seeds *seeds)
{
    const struct {
        const char *name;
        bool *value;
    } options[] = {{"--odd", &world->odd},
                   {"--today", &world->today},
                   {"--renewal", &world->renewal},
                   {"--upgrade", &world->upgrade},
                   {"--integrations", &world->integrations}};
    size_t len = strlen(seeds->replay);

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (str_eq(option, options[i].name)) {
            *options[i].value = true;
            snprintf(seeds->replay + len, sizeof(seeds->replay) - len, " %s", option);
            return true;
        }
    world->trace = world->trace || str_eq(option, "--trace");
    return str_eq(option, "--trace");
}

int main(int argc, char **argv)
{
    struct world_options world = {0};
    struct seeds seeds = {.run = run, .tell = tell, .context = &world, .shared_size = sizeof(struct totals)};
    msec_t unused;

    (void)argc;
    seeds_begin(&seeds, argv[0]);
    for (int i = 1; argv[i]; i++)
        if (!read_option(argv[i], &world, &seeds) && !seeds_option(&seeds, argv, &i)) {
            fputs(usage, stderr);
            return 2;
        }
    log_configure(world.trace ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    /* What the library of certificates keeps for good is there before the first seed. */
    certificate_ends("no certificate", &unused, &unused);
    certificate_ends(controllers_root, &unused, &unused);
    return seeds_run(&seeds);
}
