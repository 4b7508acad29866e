/* What every mesh must do with its objects, of whatever release it is: all of them come back, all fields are restored.
 */
#ifndef TESTS_CLUSTER_HEALING_H
#define TESTS_CLUSTER_HEALING_H

#include <jansson.h>

#include "kube/kind.h"

/* An object of the mesh that was there when the list was made. */
struct target {
    const struct kube_kind *kind;
    const char *ns, *name, *uid;
};

/* Of an item of mesh_objects_in_cluster(), which it borrows from. */
struct target target_of(const json_t *item);
/* Whether another object has its place: for wait_until(), with a struct target. */
bool target_is_back(void *target);

/* Deletes each object, one after the other; fails the test unless there are that many, or where one does not return. */
void healing_after_deletions(size_t at_least);
/* Changes a field of each object that the operator wants; fails the test where one keeps the other value. */
void healing_after_changes(void);

#endif
