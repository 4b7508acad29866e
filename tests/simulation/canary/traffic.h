/*
 * Proxies, each with a copy of its own of routes and endpoints, that is up to so much behind, in any order; the
 * requests that they send; and what became of each.
 *
 * A proxy of the mesh follows the VirtualService of the shop: its routes one after another, with what they ask of
 * headers. The last one is a client without a sidecar: it goes by the Service alone. Of the clients of a proxy one is a
 * tester, whose requests have the header TESTER, and all keep the cookies that they are given.
 */
#ifndef TESTS_SIMULATION_CANARY_TRAFFIC_H
#define TESTS_SIMULATION_CANARY_TRAFFIC_H

#include "apps.h"

enum { PROXIES = 5 };

/* The header that testers send, with "yes"; and the cookies that clients keep. */
#define TESTER "x-tester"
#define STAYS "stays"
#define LEFT "left"

enum host { HOST_APEX, HOST_PRIMARY, HOST_CANARY, HOST_COUNT };

enum fate { FATE_ANSWERED, FATE_FAILED, FATE_LOST };

struct traffic_request {
    enum fate fate;
    size_t proxy;
    enum host host;             /* where it was sent */
    const struct apps_pod *pod; /* that got it; NULL: none did */
    const char *why;            /* it was lost; static */
    bool is_tester;             /* by its header */
    bool stays;                 /* its client has the cookie that the proxy's canary gives now */
};

struct traffic;

struct traffic_options {
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    const struct apps *apps;
    const enum sort *sorts;
    const msec_t *lag;    /* of a copy, at most; read at every step */
    const unsigned *rate; /* requests of a proxy in a second; likewise */
    void (*request)(void *context, const struct traffic_request *request); /* each, when it is over */
    void *context;
};

struct traffic *traffic_new(const struct traffic_options *options);
void traffic_free(struct traffic *t);
/* For the server's observer. */
void traffic_changed(struct traffic *t, const struct collection *kind, const json_t *object);
/*
 * The canary's weight in the last route of a VirtualService of the shop; -1: it does not split the traffic of its two
 * halves.
 */
int traffic_weight(const json_t *virtual_service);
/* The canary's weight in the one for testers; 0: there is none. */
int traffic_match(const json_t *virtual_service);
/* Whether any of its routes leads to the canary. */
bool traffic_reaches_canary(const json_t *virtual_service);

/* What a workload's proxies have counted so far. */
struct traffic_counts {
    uint64_t all, failed, slow;
};
struct traffic_counts traffic_counts(const struct traffic *t, bool primary);
uint64_t traffic_sent(const struct traffic *t);

#endif
