/*
 * How much Pods ask for, and how much room nodes and quotas have: digests (kube_kind.digest). Pure.
 *
 * What is unknown counts as room: a Pod is never said to ask for more than it does, nor a node to have less.
 *
 * Source: Kubernetes 1.34, "Resource Management for Pods and Containers", "Sidecar Containers" and "Resource Quotas" in
 * its documentation.
 */
#ifndef MESH_CAPACITY_H
#define MESH_CAPACITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a list of resources: a name in documents, and how many digits a unit has. */
#define CAPACITIES(X)                                                                                                  \
    X(PODS, "pods", 0)                                                                                                 \
    X(CPU, "cpu", 3)                                                                                                   \
    X(MEMORY, "memory", 0)                                                                                             \
    X(CPU_LIMIT, "limits.cpu", 3)                                                                                      \
    X(MEMORY_LIMIT, "limits.memory", 0)

enum {
#define X(id, name, digits) CAPACITY_##id,
    CAPACITIES(X)
#undef X
        CAPACITY_COUNT
};

/* Pods, thousandths of a CPU, bytes. */
struct capacity {
    int64_t of[CAPACITY_COUNT];
};

/* What one Pod of this spec asks for. */
struct capacity capacity_of_pod(const json_t *spec);
/* Whether it can be on a node with a taint that keeps others away, as far as is known. */
bool capacity_tolerates(const json_t *pod_spec);
bool capacity_fits(const struct capacity *need, const struct capacity *room);
/* `count` times as much as `part` is taken from it. */
void capacity_take(struct capacity *room, const struct capacity *part, size_t count);
/* "500m CPU, 2048Mi of memory"; owned by the caller. */
char *capacity_text(const struct capacity *need);
/* To and from a document; what is not limited is left out. */
json_t *capacity_write(const struct capacity *c);
struct capacity capacity_read(const json_t *document);

/*
 * What is kept; owned by the caller; NULL: nothing. Of a node that takes Pods:
 *   {"room": CAPACITY, "tainted": true, "provided": true}
 * `provided`: by a cloud, which may add others. Of a Pod on a node that no other one displaces:
 *   {"takes": CAPACITY, "node": NAME, "of": "Deployment/NAME"}
 * `of`: as mesh_workload_of_pod(), where it has a sidecar. Of a ResourceQuota that counts all Pods of its namespace:
 *   {"room": CAPACITY}
 */
char *mesh_node_room_digest(const json_t *node);
char *mesh_pod_room_digest(const json_t *pod);
char *mesh_quota_room_digest(const json_t *quota);

#endif
