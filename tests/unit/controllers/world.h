/*
 * A cluster that is only a cache: the planner's actions are carried out on it as a server would.
 */
#ifndef TESTS_UNIT_OPERATOR_WORLD_H
#define TESTS_UNIT_OPERATOR_WORLD_H

#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/watches.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

#define NS "istio-system"

enum { WORLD_FAILURES_MAX = 32 };

struct world {
    struct kube_cache *cache;
    struct kube_server server;
    struct mesh_memo *memo;
    int clock; /* source of resource versions and uids */
    struct plan_failure failures[WORLD_FAILURES_MAX];
    size_t failure_count;
    bool held;                /* what failed is held back */
    bool all_busy;            /* writes of all objects but the resource are under way */
    bool rolls_out;           /* a Deployment whose spec changes has another generation, so that it is not available */
    bool creating;            /* a create is under way */
    unsigned synced, failing; /* as in plan_input */
    msec_t later;             /* how long after the beginning it is */
    /* Pods that are created as a dry run: they get a sidecar by the ConfigMap of their namespace's control plane. */
    struct {
        int refused; /* HTTP; 0: they are not */
        const char *message;
        bool no_sidecar;
        int asked; /* how many different ones */
    } pods;
    /* The last one, and what became of it; owned. */
    char *pod_asked, *pod_answer;
    int pod_status;
    /* Prometheus: it answers nothing yet, this error, or this body. */
    struct {
        const char *error, *body;
        char asked[1024]; /* the last URL */
        int times;
    } prometheus;
    bool has_new_answers; /* the last plan asked what no plan knows the answer to yet */
};

void world_init(struct world *w);
void world_release(struct world *w);
/* Kubernetes 1.`minor`; it is 1.20 before. */
void world_set_minor(struct world *w, int minor);

/* Puts an object (taken over) with a new resource version, and a uid where it has none. */
void world_put(struct world *w, json_t *object);
/* The same as an object of a view. */
void world_put_as(struct world *w, const struct kube_kind *kind, json_t *object);
void world_put_namespace(struct world *w, const char *name, json_t *labels);
/* The Istio resource istio-system/istio with this spec (JSON text); generation counts up where it changes. */
void world_put_mesh(struct world *w, const char *spec);
json_t *world_get(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name);
bool world_has(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name);
void world_delete(struct world *w, const char *api_version, const char *kind, const char *ns, const char *name);
size_t world_count(struct world *w, const char *api_version, const char *kind);

/* The last write of this object (object_key(); both texts are borrowed) failed so, as plans see it from now on. */
void world_fail(struct world *w, enum err_class class, enum kube_verb verb, const char *object, const char *text);
/* The same, as a plan asks for it (plan_input.failure); the context is the world. */
const struct plan_failure *world_failure(const void *context, enum kube_verb verb, const char *object);
struct plan world_plan(struct world *w);
/* Carries out what a plan says. */
void world_act(struct world *w, const struct plan *plan);
/* Plans and acts until nothing is left to do; the number of rounds, or -1 where it does not end within 30. */
int world_converge(struct world *w);
/* Deployments get the status of a finished roll-out. */
void world_roll_out(struct world *w);
/* A DaemonSet gets the status of one with a Pod on each of `nodes` nodes, of which `ready` are. */
void world_put_daemons(struct world *w, const char *ns, const char *name, int nodes, int ready);
/* "create Service/istio-system/istio-pilot: deleted by another client\n" ..., without status and finalizer. */
char *world_describe(const struct plan *plan);
char *world_status(struct world *w, const char *field);

#endif
