/*
 * A cluster without an operator: the API server in memory, its controllers, the shop's workloads (apps.h) and their
 * traffic (traffic.h), on simulated time.
 */
#ifndef TESTS_SIMULATION_CANARY_GROUND_H
#define TESTS_SIMULATION_CANARY_GROUND_H

#include "../../server/controllers.h"
#include "scaler.h"
#include "traffic.h"

struct ground {
    struct rng rng;
    struct sched *sched;
    struct server *server;
    struct controllers *controllers;
    struct apps *apps;
    struct traffic *traffic;
    struct scaler *scaler;
    struct apps_times times;
    msec_t lag; /* of proxies */
    unsigned rate;
    enum sort sorts[VERSIONS_MAX];
    bool eager;
    /* Told of every change, after the models; may be NULL. */
    server_observer_fn changed;
    void (*request)(void *context, const struct traffic_request *request);
    void *context;
};

/*
 * With the definitions of Istio's routes and of the Canary, and a namespace; without the shop. `g` has its seed in
 * rng, its times and its callbacks; it must not move.
 */
void ground_init(struct ground *g, int minor);
void ground_release(struct ground *g);
/* Version 1 of the shop: the Deployment with so many replicas, and its Service. */
void ground_open_shop(struct ground *g, int replicas);

struct collection *ground_kind(const struct ground *g, const char *group, const char *plural);
/* Borrowed; NULL: it is not there. */
const json_t *ground_get(const struct ground *g, const char *group, const char *plural, const char *name);
/* What users do; `object` is taken over. False: it was refused. */
bool ground_create(struct ground *g, const char *group, const char *plural, json_t *object);
bool ground_delete(struct ground *g, const char *group, const char *plural, const char *name);
/* A merge patch, taken over; nothing happens where the object is not there. */
bool ground_patch(struct ground *g, const char *group, const char *plural, const char *name, json_t *patch);
json_t *ground_template(int version); /* owned by the caller */

#define ISTIO_GROUP "networking.istio.io"

#endif
