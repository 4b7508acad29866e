/*
 * Sends the queries that create an object as a dry run, to the API server of `io`. While the gate is closed none is
 * sent: then there is no answer.
 */
#ifndef RECONCILE_QUERY_DRY_RUN_H
#define RECONCILE_QUERY_DRY_RUN_H

#include "kube/gate.h"
#include "reconcile/inquiry.h"

struct dry_runs {
    struct net_io *io; /* borrowed */
    struct kube_gate gate;
};

/* Borrows `runs`. */
struct query_sender query_dry_run(struct dry_runs *runs);

#endif
