/* A cluster on the API server in memory, with kinds of every sort, and an owner that may reconcile ConfigMaps. */
#ifndef TEST_KUBE_CLUSTER_FIXTURE_H
#define TEST_KUBE_CLUSTER_FIXTURE_H

#include "kube/cluster.h"
#include "sim.h"

#define OWNER "example.com/owner"
#define SPACE "istio-system"

/* Roles of clusters. */
enum { FIRST = 1, SECOND = 2 };

enum { DEFINITIONS, MAPS, GATEWAYS, MESHES, PODS, COUNTED, KINDS };

extern const struct kube_kind bench_rows[KINDS];
extern const struct kube_kind_table bench_table;

struct bench {
    struct sim *sim;
    struct kube_cluster *cluster;
    int changes; /* times that `changed` ran */
    int actions, actions_failed;
    int desired; /* ConfigMaps c0.. that a reconciling owner keeps; 0: it does nothing */
};

/* The cluster alone, on the server that is there. */
void bench_begin_cluster_with(struct bench *b, struct kube_cluster_options options);
void bench_begin_cluster_of(struct bench *b, unsigned roles);
void bench_begin_cluster(struct bench *b);
/* Both. */
void bench_begin(struct bench *b, uint64_t seed);
/* And until it is synced, with nothing counted so far. */
void bench_begin_synced(struct bench *b);
void bench_finish(struct bench *b);

/* Owned by the caller, in SPACE; `ours`: with OWNER. */
json_t *bench_object(const char *api_version, const char *kind, const char *name, bool ours);
json_t *bench_config_map(const char *name, bool ours);
/* Of the row's kind. */
json_t *bench_definition(int row, bool ours);

/* A write of a ConfigMap; takes over `body`, which may be NULL. */
void bench_put_action(struct bench *b, enum kube_verb verb, const char *name, json_t *body, const char *uid);

/* NULL: it is not in the cache. */
const struct kube_object *bench_cached(const struct bench *b, int row, const char *name);
/* The row's version; NULL: it is not served. */
const char *bench_served(const struct bench *b, int row);
/* Whether the cache holds what the server has, as far as the kind's watch selects. */
bool bench_agrees(const struct bench *b, int row);

#endif
