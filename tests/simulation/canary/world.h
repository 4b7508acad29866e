/*
 * One seed: a shop whose versions are released by a Canary, its users, one operator or two, and everything that goes
 * wrong, on simulated time. Then peace, in which the last version must come to its end.
 *
 *   chaos    users act, faults happen, Prometheus fails, clocks are set back, operators are killed and started
 *   peace    nothing of that; what was declared last ends promoted or failed
 *   trials   one release in peace, with one thing that goes wrong: an abort, no Prometheus, no traffic, kills; or
 *            webhooks that do not say yes
 *   quiet    half an hour without one write or query
 *   restart  a new operator finds nothing to do
 *   deletion the Canary is deleted at any moment, and the shop is as it was
 */
#ifndef TESTS_SIMULATION_CANARY_WORLD_H
#define TESTS_SIMULATION_CANARY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct world_report {
    uint64_t steps, requests, writes, queries, faults, deeds, kills, promoted, failed;
    uint64_t asked;                           /* of webhooks */
    uint64_t served;                          /* requests of the shop's clients */
    uint64_t matched, stayed;                 /* of them, of testers at the canary, and of those that stay there */
    uint64_t lost;                            /* of them, where a user had removed what serves */
    int64_t simulated, converged, abort_most; /* ms */
    struct buf failure;                       /* empty: every rule held */
};

/* Runs a seed from its beginning to its end; `trace` tells what happens. */
void world_run(uint64_t seed, bool trace, struct world_report *ret);
void world_report_release(struct world_report *r);

#endif
