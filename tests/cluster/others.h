/* Kinds of other products, which a mesh is written for where they are there: their definitions here take any spec. */
#ifndef TESTS_CLUSTER_OTHERS_H
#define TESTS_CLUSTER_OTHERS_H

#include "harness.h"

void others_create_definition(const struct kube_kind *kind);
/* Deletes the definitions, and waits until they are gone; what is not there is none. */
void others_delete_definitions(const enum mesh_kind_id *kinds, size_t count);
/* An object of another client's, with its label theirs: "yes" and without the operator's; once its kind is served. */
void others_create(const struct kube_kind *kind, const char *name, json_t *spec);
/* How many requests of the operator's there were since for this API group; audit_is_on(). */
size_t others_requests(const char *group, long position);
/* Waits until the mesh's condition of this type has the reason; "": there is no such condition. */
void mesh_wait_condition(const char *type, const char *reason);

#endif
