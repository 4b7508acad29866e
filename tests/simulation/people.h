/*
 * People and their tools: they edit, delete, relabel and recreate objects, change the
 * resource, and never ask the operator.
 */
#ifndef TESTS_SIMULATION_PEOPLE_H
#define TESTS_SIMULATION_PEOPLE_H

#include "server.h"

#define MESH_NS "istio-system"
#define MESH_NAME "istio"

/* Name, weight, what is done. */
#define DEEDS(X)                                                                                                       \
    X(delete_ours, 30, "an object of the mesh is deleted")                                                             \
    X(edit_ours, 30, "a field of an object of the mesh is changed or removed")                                         \
    X(label_ours, 10, "labels and annotations of others are put on an object of the mesh")                             \
    X(unmark, 10, "our label or annotation is taken off, or broken")                                                   \
    X(take_over, 3, "our label is taken off some objects, and the resource is deleted")                                \
    X(ignore, 4, "an object is marked to be left alone, or no longer")                                                 \
    X(replace, 10, "an object of the mesh is deleted and made again without our marks")                                \
    X(foreign, 15, "objects that are none of ours are made, changed, deleted")                                         \
    X(change_mesh, 30, "the resource's spec is changed")                                                               \
    X(delete_mesh, 6, "the resource is deleted")                                                                       \
    X(create_mesh, 20, "the resource is made, where there is none")                                                    \
    X(second_mesh, 3, "a second resource is made, or deleted")                                                         \
    X(force_mesh, 2, "the resource's finalizers are taken off by hand")                                                \
    X(delete_definition, 4, "a definition is deleted")                                                                 \
    X(delete_own_definition, 1, "the definition of Istio resources is deleted")                                        \
    X(create_own_definition, 20, "it is made again")                                                                   \
    X(delete_namespace, 1, "the mesh's namespace is deleted")                                                          \
    X(create_namespace, 20, "namespaces are made that are missing")                                                    \
    X(label_namespace, 10, "the injection labels of a namespace are changed")                                          \
    X(crash, 15, "the Pods of a Deployment fail for a while")

enum deed {
#define X(name, weight, text) DEED_##name,
    DEEDS(X)
#undef X
        DEED_COUNT
};

struct people {
    struct server *server;
    struct rng *rng;
    uint64_t enabled; /* a bit for each deed */
    bool forced;      /* finalizers were taken off by force: leftovers are nobody's fault */
    const char *did;  /* last */
};

/* One deed, by its weight among the enabled ones. */
void people_act(struct people *p);
/* The start of every cluster: the definition of Istio resources and a few namespaces. */
void people_prepare(struct people *p);
void people_create_mesh(struct people *p);
void people_delete_mesh(struct people *p);

#endif
