/*
 * The cluster's own controllers: what goes on in a cluster without the operator and without users.
 *
 * Definitions are established and served, Deployments roll out, autoscalers scale,
 * garbage is collected, namespaces end; Istio's components register webhooks and issue
 * certificates while they run. Each does a little at a time, whenever something changed.
 *
 * From Kubernetes 1.30 on DaemonSets, EndpointSlices, users' workloads and today's istiod are among them.
 */
#ifndef TESTS_SERVER_CONTROLLERS_H
#define TESTS_SERVER_CONTROLLERS_H

#include "sched.h"
#include "server.h"

struct controllers;

/* A label of workloads and PodDisruptionBudgets whose Pods are simulated one by one. */
#define CONTROLLERS_APP "simulated.example.com/app"
bool controllers_is_app(const json_t *workload);
/* An annotation of such a workload: none of its Pods becomes ready. */
#define CONTROLLERS_STUCK "simulated.example.com/stuck"

/* An annotation of another Deployment: with an image of this tag its programs end as soon as they have started. */
#define CONTROLLERS_BROKEN "simulated.example.com/broken"

/* `eager`: nothing is left to chance any more, and autoscalers rest. Borrowed, read at every step. */
struct controllers *controllers_new(struct sched *sched, struct server *server, struct rng *rng, const bool *eager);
void controllers_free(struct controllers *c);
/* Deployments, their Pods and Endpoints are somebody else's to move: tests/simulation/canary has a model of its own. */
void controllers_leave_workloads(struct controllers *c);
/* Pilots of Istio 1.0 end where the mesh configuration is of Istio 1.1. */
void controllers_read_configuration(struct controllers *c, bool reads);
/* Something changed in the server. */
void controllers_poke(struct controllers *c);
/*
 * What the webhooks for new Pods make of one in this namespace, which is not there yet: today's istiod injects. False:
 * it is refused.
 */
bool controllers_admit(struct controllers *c, const char *ns, json_t *pod);
/* Every autoscaler chooses a number of replicas, now. */
void controllers_scale(struct controllers *c);
/* The certificate of the authority by which today's istiod signs; it ends in 2046. */
extern const char controllers_root[];
/* What definitions need, now, and nothing else: for clusters in which nothing else moves by itself. */
void controllers_settle_definitions(struct controllers *c);

#endif
