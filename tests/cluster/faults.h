/* What the files of test_faults share. */
#ifndef TESTS_CLUSTER_FAULTS_H
#define TESTS_CLUSTER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../proxy/control.h"
#include "base/clock.h"

/*
 * From the end of a fault. The operator's longest pauses are time-outs of 30 s; Kubernetes' own controllers, which list
 * again after a restart of kube-apiserver, were away for up to 82 s on a busy machine.
 */
#define TO_CONVERGE SECONDS(240)
#define SEED 20181217u

/* Between the operator and the server, while it is used. */
extern struct proxy_child faults_proxy;
/* The operator behind a proxy from its next start on; and without one again, which ends it. */
void faults_use_proxy(bool raw, uint64_t seed);
void faults_leave_proxy(void);

/* fault_upgrades.c: while the version changes, from Istio 1.0 to 1.1 and back. UPGRADE_KILLS (10): how many kills. */
void an_upgrade_that_is_killed_at_its_writes_ends_well(void **state);
void two_upgrades_in_a_row_end_at_the_second(void **state);
void a_change_of_mind_in_the_middle_of_an_upgrade_ends_where_it_began(void **state);
void a_mesh_that_is_deleted_in_the_middle_of_an_upgrade_is_gone(void **state);

#endif
