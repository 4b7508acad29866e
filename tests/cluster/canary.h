/*
 * A Canary for the Deployment cart of today-canary.yaml, while requests go to it: through the gateway, TEST_RATE a
 * second, and from a Pod of the mesh 20 a second; none is tried twice. Those that a bad release itself fails are
 * counted apart; every other one that is not answered is lost, and a lost one has its cause printed from the proxies'
 * access logs.
 *
 * It needs TEST_ISTIO_VERSION and TEST_WORKLOADS as for test_today; TEST_MESH_CONFIG, a file with the mesh
 * configuration that lets the proxies count; TEST_CLUSTER_PROGRAM and TEST_CLUSTER, for Prometheus.
 */
#ifndef TESTS_CLUSTER_CANARY_H
#define TESTS_CLUSTER_CANARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "kube/kind.h"

#define SHOP "shop"
#define CART "cart"
#define PRIMARY CART "-primary"
#define CANARY_COMMAND "canary.istio.banzaicloud.io/command"
#define TO_END SECONDS(300)
/* Of a run with FIVE_STEPS: the third one. */
#define IN_THE_MIDDLE 30

/* Of this operator; a benchmark sets the group of a peer, whose resource has the same fields, before it does anything.
 */
extern struct kube_kind canary_kind;
extern const struct kube_kind virtual_service_kind;

/* A mesh, Prometheus, the workloads, and the requests that begin; the operator runs. */
void canary_shop_opens(void);
/* The requests end; fails the test unless TEST_REQUESTS were answered in all. */
void canary_shop_closes(void);
/* Prometheus: "start", or "kill". */
void canary_prometheus(const char *command);
/* A signal to its process. */
void canary_prometheus_signal(const char *signal);

/* Through the users' gateway, and in the mesh. */
#define AT_GATEWAY "\"gateways\": [\"" CART "\", \"mesh\"], \"hosts\": [\"cart.example.com\"]"
#define FIVE_STEPS "\"maxWeight\": 50, \"stepWeight\": 10"
/* With these members of `service` and `analysis` besides the port and the metrics; a step takes 4 s. */
void canary_create(const char *service, const char *analysis);
/* The same where checks are made each so many seconds, and look back as long. */
void canary_create_slow(int seconds, const char *service, const char *analysis);
/* The last line of what a command prints; owned by the caller. */
char *canary_line(const char *command);
/* The Deployment's template gets that version, and that quality (NULL: a good one); waits until a run is under way. */
void canary_release(const char *version, const char *quality);
/* By annotation. */
void canary_command(const char *verb);

/* What a Canary is at a moment, and what its route is. */
struct canary_state {
    bool there;
    char phase[32];
    int weight; /* of its status */
    int route;  /* the canary's weight in the VirtualService */
};
struct canary_state canary_look(void);
/* A string of its status, owned by the caller; "" where there is none. */
char *canary_status(const char *field);
/* A Deployment's, of the label `version` in its template; owned by the caller. */
char *canary_version_of(const char *deployment);
/* How often a Deployment was rolled out. */
int canary_rollouts(const char *deployment);

/* Each wait prints what it sees on the way, with the time since the change began. */
void canary_wait_phase(const char *phase);
/* Until that weight is in the route. */
void canary_wait_route(int weight);
/* Until it is gone. */
void canary_wait_gone(void);
/* Deletes it, where it is there, and waits for that. */
void canary_delete(void);

/* What is lost from here on counts. */
void canary_change_begins(const char *what);
/* It has come to its end: prints the figures. Fails the test where a request was lost; returns how many failed. */
int64_t canary_change_ended(void);
/* The same without a judgement; lost are those between sidecars, too. */
struct canary_figures {
    msec_t took;
    int64_t answered, failed, lost;
};
struct canary_figures canary_change_figures(void);
/* How many failed since the change began. */
int64_t canary_failures(void);
/* When the last one failed, of clock_now_monotonic(). */
msec_t canary_last_failure(void);

/*
 * The operator's last write of the route since the change began, and the one of the status that is nearest; wall clock.
 * What the server takes for a write is not the operator's time.
 */
struct canary_writes {
    msec_t status, route; /* when the requests came to the server */
    msec_t routed;        /* when the route was written */
};
struct canary_writes canary_last_route_write(void);
/* What the operator wrote since then; owned by the caller. */
char *canary_writes_since(long audit_position);

#endif
