/*
 * What happens to a mesh over a long day, drawn by a seed: changes of the resource, deletions and changes of its
 * objects by others, the whole mesh removed and made again, the API server and etcd killed and restarted.
 *
 * None of it fails a test: a server that is being restarted refuses, and the next change comes anyway.
 */
#ifndef TESTS_SOAK_CHANGES_H
#define TESTS_SOAK_CHANGES_H

#include <jansson.h>

#include "base/clock.h"

/* Called before each change with its word ("delete", "restart kube-apiserver"). */
typedef void (*changes_note_fn)(void *context, const char *what);

/*
 * Makes changes until `until` (monotonic), and leaves a valid mesh. Servers are restarted where TEST_CLUSTER_PROGRAM
 * (hack/cluster) and TEST_CLUSTER (the cluster's name) say how.
 */
void changes_make(unsigned seed, msec_t until, changes_note_fn note, void *context);

#endif
