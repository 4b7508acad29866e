/*
 * Two clusters that are only caches: the central one with its mesh, and a remote one. The actions of the remote
 * cluster's planner are carried out on both as servers would.
 */
#ifndef TESTS_UNIT_OPERATOR_REMOTE_WORLD_H
#define TESTS_UNIT_OPERATOR_REMOTE_WORLD_H

#include "controllers/remote/central.h"
#include "controllers/remote/remote_plan.h"
#include "world.h"

#define REMOTE "east" /* the RemoteIstio, and its Secret */
#define CENTRAL_ID "central-id"

struct remote_world {
    struct world central, remote;
    struct central *snapshot;
    void *memo;
    struct contact contact;
    bool in_step; /* with the remote cluster */
    bool
        foreign_definition; /* another client's definition of Istio is in the remote cluster, where no watch shows it */
    unsigned synced;        /* PLAN_WATCH_* of the central cluster */
};

/* A mesh that is installed and has its certificate, and a remote cluster synced; nothing joins yet. */
void remote_world_init(struct remote_world *w);
void remote_world_release(struct remote_world *w);

/* The RemoteIstio REMOTE with this spec (JSON text). */
void remote_world_put_resource(struct remote_world *w, const char *spec);
void remote_world_put_resource_as(struct remote_world *w, const char *ns, const char *name, const char *spec);
/* One that leaves in another namespace: without a mesh Secrets are read there. */
void remote_world_read_elsewhere(struct remote_world *w);
/* Marks it as being deleted. */
void remote_world_delete_resource(struct remote_world *w);
void remote_world_annotate(struct remote_world *w, const char *key, const char *value);
void remote_world_put_secret(struct remote_world *w, const char *name, json_t *data);
/* A Pod of the central cluster; without `address` it has none. */
void remote_world_put_pod(
    struct remote_world *w, const char *name, const char *labels, const char *address, bool ready);
/* An Istio in the remote cluster; `of` NULL: a mesh of its own. */
void remote_world_put_istio(struct remote_world *w, const char *name, const char *of, const char *owner);

/* False: nothing was decided. */
bool remote_world_plan(struct remote_world *w, struct reconcile_plan *ret);
void remote_world_act(struct remote_world *w, const struct reconcile_plan *plan);
/* Plans and acts until nothing is left to do; the number of rounds, or -1 where it does not end. */
int remote_world_converge(struct remote_world *w);
/* Joined, rolled out and settled. */
void remote_world_join(struct remote_world *w, const char *spec);
/* One plan, carried out: what it says of both clusters, as world_describe(). */
char *remote_world_step(struct remote_world *w);
/* A field of the RemoteIstio's status as text; "" where it is absent. Owned by the caller. */
char *remote_world_status(struct remote_world *w, const char *field);
json_t *remote_world_condition(struct remote_world *w, const char *type);
/* "10.0.0.1 10.0.0.2" of Endpoints in the remote cluster; NULL: they are not there. Owned by the caller. */
char *remote_world_endpoints(struct remote_world *w, const char *name);

/* A world of its own for a test, as cmocka's `state`. */
int remote_world_setup(void **state);
/* The same with a mesh of Istio 1.1. */
int remote_world_setup_1_1(void **state);
/* The same with a mesh of today's Istio, which no other cluster can join. */
int remote_world_setup_today(void **state);
#define REMOTE_WORLD_TODAYS_VERSION "1.31.1"
enum { REMOTE_WORLD_TODAYS_MINOR = 34 };
int remote_world_teardown(void **state);
/* That remote_world_status() and remote_world_step() say this. */
void expect_status(struct remote_world *w, const char *field, const char *value);
void expect_step(struct remote_world *w, const char *actions);

#endif
