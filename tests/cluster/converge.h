/*
 * Whether a cluster is what its resource says, judged from outside the operator: by the objects that are there, and by
 * a plan that another process makes from a fresh look (`istio-operator diff`).
 */
#ifndef TESTS_CLUSTER_CONVERGE_H
#define TESTS_CLUSTER_CONVERGE_H

#include <jansson.h>

#include "base/clock.h"

/*
 * Waits until the mesh is Available for its newest generation and the running operator has nothing to write; then every
 * desired object is there, none beside them carries our mark, and a new look finds no difference. Returns how long it
 * took until the operator said so; fails the test after `timeout`.
 */
msec_t converge_wait(msec_t timeout);
/* The same for a mesh that is to go: the resource and all of its objects but the definitions are gone. */
msec_t converge_wait_gone(msec_t timeout);

/* Objects of others, beside and inside the mesh's namespace. */
void bystanders_make(void);
/* Fails the test where one of them was touched since then. */
void bystanders_check(void);
void bystanders_remove(void);

#endif
