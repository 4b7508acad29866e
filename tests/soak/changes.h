/*
 * What happens to a mesh over a long day, drawn by a seed: changes of the resource, deletions and changes of its
 * objects by others, the whole mesh removed and made again, the API server and etcd killed and restarted.
 *
 * No change fails a test: a server that is being restarted refuses, and the next one comes anyway.
 */
#ifndef TESTS_SOAK_CHANGES_H
#define TESTS_SOAK_CHANGES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"

/*
 * Called before each change with its word ("delete", "restart kube-apiserver"), and at the beginning and the end of
 * each rest.
 */
typedef void (*changes_note_fn)(void *context, const char *what);
#define CHANGES_REST "rest"
#define CHANGES_GO_ON "go on"

struct changes_times {
    msec_t until; /* monotonic */
    msec_t rest_every, rest_length;
};

/*
 * Makes changes, and every `rest_every` restarts the API server, puts the resource back to what it was first, waits
 * until the mesh is Available, and does nothing for `rest_length`: then mesh and connections are always the same.
 * Leaves a valid mesh. Servers are restarted where TEST_CLUSTER_PROGRAM (hack/cluster) and TEST_CLUSTER (the cluster's
 * name) say how. False where the mesh did not come back to be Available within minutes.
 */
bool changes_make(unsigned seed, const struct changes_times *times, changes_note_fn note, void *context);

#endif
