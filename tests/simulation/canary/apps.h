/*
 * A model of the users' Deployments in one namespace, in more detail than tests/server has them: ReplicaSets with
 * their revisions, Pods one by one, rolling updates within maxSurge and maxUnavailable, `paused`, ends that take a
 * grace, and the Endpoints of Services, which follow late.
 *
 * Sources: Kubernetes 1.34, pkg/controller/deployment (sync.go: a paused Deployment makes no ReplicaSet, but scales
 * those that are there, the newest one where none has Pods; rolling.go: how many of which may be), replicaset,
 * endpoint.
 */
#ifndef TESTS_SIMULATION_CANARY_APPS_H
#define TESTS_SIMULATION_CANARY_APPS_H

#include "../../server/sched.h"
#include "../../server/server.h"

#define SHOP_NS "shop"
#define SHOP "shop" /* the Deployment and the Service that clients call */
#define SHOP_PRIMARY "shop-primary"
#define SHOP_CANARY "shop-canary"
#define SHOP_RIVAL "shop-rival" /* another VirtualService of the same host */
/* The image of version 7 is shop:7. */
#define SHOP_IMAGE "shop:"

enum { VERSIONS_MAX = 100 };

/* What the Pods of a version do. */
enum sort {
    SORT_GOOD,
    SORT_FAILING,  /* answer a third of the requests with 500 */
    SORT_SLOW,     /* take 2 s to answer */
    SORT_STUCK,    /* are never ready */
    SORT_CRASHING, /* are ready for a while, again and again */
    SORT_COUNT,
};

struct apps_times {
    msec_t endpoints; /* behind Pods and Services, at most */
    msec_t grace;     /* a Pod that ends answers for so long */
    msec_t ready;     /* a Pod is ready after this time, at most */
};

struct apps_pod {
    struct apps *apps;
    unsigned id;
    int version;
    bool is_primary; /* its Deployment is not the target */
    bool ready;
    bool crashed; /* its proxy answers for it, with 503 */
    bool ending, gone;
    char set_uid[64], set_name[64];
    json_t *labels;
    struct job *job;
};

struct apps;

/* All borrowed; `times` and `sorts` (by version) are read at every step. */
struct apps *apps_new(struct sched *sched, struct server *server, struct rng *rng, const struct apps_times *times,
                      const enum sort sorts[VERSIONS_MAX]);
void apps_free(struct apps *a);
/* For the server's observer. */
void apps_changed(struct apps *a, const struct collection *kind);
/* NULL: there was none with this number. */
const struct apps_pod *apps_pod(const struct apps *a, unsigned id);
/* From the address of an Endpoints object. */
const struct apps_pod *apps_pod_at(const struct apps *a, const char *address);
/* How many Pods of the target, or of its primary, are ready. */
size_t apps_ready(const struct apps *a, bool primary);
/* Some of the Pods of the target, or of its primary, are evicted. */
void apps_evict(struct apps *a, bool primary, size_t most);
/* The version that a Deployment's template has; 0: none. */
int apps_version(const json_t *deployment);

#endif
