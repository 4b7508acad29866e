/*
 * A model of the HorizontalPodAutoscalers in the shop's namespace: each looks at its Deployment every 15 s, and wants
 * now and then another number of replicas, within its limits. A Deployment without replicas is left alone.
 *
 * Source: Kubernetes 1.34, pkg/controller/podautoscaler/horizontal.go.
 */
#ifndef TESTS_SIMULATION_CANARY_SCALER_H
#define TESTS_SIMULATION_CANARY_SCALER_H

#include "../../server/sched.h"
#include "../../server/server.h"

struct scaler;

/* All borrowed. */
struct scaler *scaler_new(struct sched *sched, struct server *server, struct rng *rng);
void scaler_free(struct scaler *s);
/* While it is held it wants what is there, within its limits. */
void scaler_hold(struct scaler *s, bool is_held);
/* Between how many replicas the one of this name scales; false: there is none. */
bool scaler_limits(struct server *server, const char *name, int64_t *ret_least, int64_t *ret_most);
/* Whether that one scales this Deployment. */
bool scaler_scales(struct server *server, const char *name, const char *deployment);

#endif
