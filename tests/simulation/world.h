/*
 * One seed: a cluster and up to two remote ones, their users, one operator or two, and everything that goes wrong,
 * on simulated time. Then peace, in which the invariants must come to hold.
 *
 *   chaos   users act, faults happen, the server goes away and comes back, operators are killed and started
 *   peace   nothing of that; the cluster's controllers finish what they do; the operators converge
 *   quiet   half an hour without one write
 *   restart a new operator finds nothing to do, and needs as much memory as the old one
 */
#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct world_report {
    uint64_t steps, requests, writes, faults, deeds, kills;
    uint64_t changes;       /* of objects in the server */
    int64_t simulated;      /* ms */
    int64_t converged;      /* ms from the end of the faults */
    uint64_t minute_most;   /* requests of one operator in one minute */
    int64_t operator_bytes; /* memory of the operator at the end; 0 where it is not counted */
    bool with_mesh;         /* there is a mesh at the end */
    uint64_t restarts;      /* of workloads for new sidecars */
    uint64_t remotes;       /* RemoteIstios at the end */
    struct buf failure;     /* empty: every invariant held */
};

struct world_options {
    bool trace;        /* tell on standard output what happens */
    bool odd;          /* servers send what is odd in any case */
    bool renewal;      /* as `today`, and little else happens than that sidecars are renewed; else in a seed of six */
    bool upgrade;      /* Istio is of 1.0 and 1.1, and little else happens than that its version changes */
    bool integrations; /* little else happens than that what others watch a mesh with is switched; else in every second
                        */
    bool today;        /* Kubernetes and Istio are today's in any case; else in a seed of three */
};

/* Runs a seed from its beginning to its end. */
void world_run(uint64_t seed, const struct world_options *options, struct world_report *ret);
void world_report_release(struct world_report *r);

#endif
