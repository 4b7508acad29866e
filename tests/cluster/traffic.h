/*
 * Requests of each kind while a mesh of today's Istio changes, to the services of today-upgrades.yaml:
 *
 *   through the gateway  short ones, TEST_RATE a second; one a second that takes 20 s; streams of gRPC for 20 s
 *   between sidecars     20 a second
 *
 * None is tried twice. It needs a mesh that injects into the namespace shop, TEST_ISTIO_VERSION and TEST_WORKLOADS as
 * for test_today.
 */
#ifndef TESTS_CLUSTER_TRAFFIC_H
#define TESTS_CLUSTER_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

/* Creates the services, waits until they answer, and begins. */
void traffic_start(void);
/* The same in a mesh of the release TEST_ISTIO_FORMER, which is created: by a spec with a %s for its version. */
void traffic_start_in_former(const char *spec);
/* A change begins, or several one after the other: what is lost from here on counts. */
void traffic_change_begins(void);
/* Whether so many short requests were answered since then. */
bool traffic_has_answered(int64_t requests);
/*
 * It has come to its end: waits until so many short requests were answered since it began, and all of those under way
 * have ended. Prints how many of each kind were answered; returns how many were lost.
 */
int64_t traffic_change_ended(const char *what, int64_t requests);
/* The same, and fails the test where any was lost. */
void traffic_change_cost_nothing(const char *what, int64_t requests);
/* TEST_REQUESTS, and what is enough where a change is about something else than their number. */
int64_t traffic_requests(void);
#define TRAFFIC_REQUESTS_FEW 2000
/* Every istiod of the cluster stops answering for half a minute: its processes are stopped, and go on. */
void traffic_without_istiod(void);
void traffic_end(void);

/* No image has that tag. */
#define TRAFFIC_NO_RELEASE "1.31.999"

#endif
