/*
 * What the tests of a mesh of today's Istio share, and those of its stages that stand in a file of their own. Each
 * stage leaves the cluster as it found it.
 */
#ifndef TESTS_CLUSTER_TODAY_H
#define TESTS_CLUSTER_TODAY_H

#include <stdint.h>

#include "base/clock.h"

/* One request from the client's Pod of a namespace to a path of the echo service, with options of echo-client. */
#define REQUEST_TO(ns, path, options)                                                                                  \
    "kubectl -n " ns " exec client -c client -- echo-client " options " http://echo.shop.svc.cluster.local" path
#define REQUEST(ns) REQUEST_TO(ns, "/", "--count 1 --timeout 3s")
/*
 * The same, 20 times, each by a connection of its own. Each thread of a proxy takes a change by itself, up to some
 * tenths of a second apart: what one connection sees says nothing of the next one.
 */
#define MANY_REQUESTS_TO(ns, path) REQUEST_TO(ns, path, "--count 20 --new-connection-per-request --timeout 30s")

/* Repeats the command line until it succeeds; fails the test after a while, with `what` (a clause). */
void must_succeed(const char *command, const char *what);
void must_succeed_within(msec_t time, const char *command, const char *what);
/* The address of the gateway's Service, owned by the caller; "": it is not there. */
char *gateway_address(void);
/* For cmocka: the harness, kubectl for the test's cluster, and the namespace of the users' objects. */
int set_up_shop(void **state);
/* Creates the users' objects of TEST_WORKLOADS, or what is missing of them. */
void apply_workloads(void);
/* The value of a variable of the environment that hack/test sets. */
const char *variable(const char *name);
/* The same, of one that is a number above 0. */
int64_t number(const char *name);

/* What users do with a mesh (today_users.c). They need the workloads of TEST_WORKLOADS. */
void an_authorization_policy_denies_what_it_names(void **state);
/* Skipped without TEST_GATEWAY_API, a file with the definitions of the Gateway API, which stay. */
void a_gateway_of_the_gateway_api_is_deployed_and_answers(void **state);
void tracing_is_configured_without_a_restart(void **state);
void a_certificate_is_renewed_without_a_lost_request(void **state);
void open_requests_outlast_their_gateway(void **state);
void outdated_sidecars_are_renewed(void **state);

#endif
