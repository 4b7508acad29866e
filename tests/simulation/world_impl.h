/* What the parts of a world share. Nobody else includes this. */
#ifndef TESTS_SIMULATION_WORLD_IMPL_H
#define TESTS_SIMULATION_WORLD_IMPL_H

#include "../server/controllers.h"
#include "../server/net.h"
#include "invariants.h"
#include "kube/elector.h"
#include "mesh/mesh.h"
#include "users.h"
#include "world.h"

#define OPERATORS 2
/* The first is the central cluster. */
#define SITES_MAX (1 + USERS_REMOTES_MAX)
/* In a namespace that nobody deletes: without it there is no leader, and the mesh's would never end. */
#define LEASE_NS "default"
#define LEASE_NAME "istio-operator"
/* As cmd_run's default. */
#define LEASE_DURATION SECONDS(15)

/* A cluster, with what goes wrong there. */
struct site {
    struct world *world;
    char name[16];
    struct server *server;
    struct controllers *controllers;
    struct users users;
    struct invariants invariants;
    struct faults faults;
    bool down;
};

/* An operator's way to a cluster with the same credentials; one that is there stays until the end of the seed. */
struct edge {
    struct net *net;
    uint64_t minute_requests; /* at the beginning of this minute */
    char name[24];
};

struct operator
{
    struct world *world;
    const char *name;
    /* By cluster and credentials; the one behind the last cluster leads nowhere. */
    struct edge edges[SITES_MAX + 1][USERS_TOKENS];
    struct controller *controller; /* NULL: it does not run */
    struct kube_elector *elector;  /* NULL: it acts without a lease */
    char identity[32];
    unsigned starts;
    msec_t wall, stopped_until;
    bool desired; /* it takes part in this seed */
};

struct world {
    struct rng rng, chaos, odd; /* of the edges, of what happens, and of what is odd */
    struct sched *sched;
    struct site sites[SITES_MAX];
    size_t site_count;
    struct users_remote remotes[USERS_REMOTES_MAX];
    struct operator operators[OPERATORS];
    bool eager, trace;
    bool today;               /* Kubernetes and Istio are today's */
    bool sends_odd;           /* servers send what is odd */
    bool leases;              /* operators compete for one */
    msec_t disputed_until;    /* another client deleted the lease: until then its holder does not have it alone */
    msec_t chaos_until, calm; /* mean time between two things that happen */
    uint64_t written;         /* by operators, and carried out */
    uint64_t requests_most;   /* of an operator in a cluster in a minute, now */
    struct rng renewal;       /* of what happens while sidecars are renewed, or the version changes */
    bool renews;              /* sidecars are renewed */
    bool integrates;          /* what others watch a mesh with is switched on and off */
    bool alone;               /* nothing happens but that, or that the version changes */
    unsigned kill_in;         /* an operator is killed after so many writes; 0: none is */
    struct world_report *report;
};

static inline struct site *world_central(struct world *w)
{
    return &w->sites[0];
}

void world_say(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Requests of one operator to one cluster in a minute, with faults. One that writes an object
 * again with every answer makes 2900. A removal lists everything before its end, once a second at most, as long as
 * Citadel makes Secrets again in the meantime: that makes some 2000.
 */
#define WORLD_MINUTE_MOST 2600
void world_run_to(struct world *w, msec_t until);
/* Until all is as desired, which two looks in a row find so. */
void world_converge(struct world *w);
/* Nothing happens, so nothing is written. */
void world_stay_quiet(struct world *w, msec_t how_long, const char *who);

/* world_renewal.c: a part of the life of a world of today's Istio. */
void world_renew(struct world *w);
/* world_upgrade.c: the same of a world of Istio 1.0 and 1.1. */
void world_upgrade(struct world *w);
/* world_integrations.c: the same of any world. */
void world_integrate(struct world *w);
/* For both: those faults after which users soon see what came of what they did. */
void world_choose_few_faults(struct world *w);
void world_start_all(struct world *w);
/* Without a lease two may do more than one may: one stays. */
void world_let_one_act(struct world *w);
/* An operator is killed in so many of 100 cases, at one of so many writes from now on; one breaks down in 5; users act
 * in the others. */
struct happening {
    unsigned kills;
    int64_t kill_in_most;
    void (*act)(struct users *users);
};
void world_happen(struct world *w, const struct happening *happening);

/* operators.c */
void operator_init(struct world *w, struct operator* o, const char *name);
/* Stops it, and adds to the report what it did. */
void operator_release(struct operator* o);
/* Both do nothing where it is so already. */
void operator_start(struct operator* o);
void operator_stop(struct operator* o);
/* In step with its clusters, and without a write whose answer, or the lack of one, is still to come. */
bool operator_is_ready(const struct operator* o);
bool operator_is_stopped(const struct operator* o);
/* It stands still, or has a watch that fell silent: it does not see what others do. */
bool operator_is_behind(const struct operator* o);
uint64_t operator_writes(const struct operator* o);
/* Something changed in the cluster; connections to it break. */
void operator_poke(struct operator* o, const struct site *site);
void operator_break(struct operator* o, const struct site *site);
/* Looks at the requests of this minute so far. */
void operator_count(struct operator* o, bool minute_over);

#endif
