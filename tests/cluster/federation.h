/*
 * One central cluster and three remote ones, all of them real API servers, for the tests of federation.
 *
 * TEST_REMOTES names the kubeconfigs of administrators of the remote clusters (with a token), each after a blank;
 * TEST_REMOTE_KUBECONFIG the program that makes of one the kubeconfig by which the operator enters. The first remote
 * cluster stands behind a proxy, which may do it harm.
 */
#ifndef TESTS_CLUSTER_FEDERATION_H
#define TESTS_CLUSTER_FEDERATION_H

#include "../proxy/control.h"
#include "harness.h"

#define REMOTES 3
#define BAD 0 /* the one behind the proxy */

#define REMOTE kind_of("istio.banzaicloud.io/v1beta1", "RemoteIstio")
#define POD kind_of("v1", "Pod")
#define SECRET kind_of("v1", "Secret")
#define SERVICE kind_of("v1", "Service")
#define ENDPOINTS kind_of("v1", "Endpoints")

/* Generous: machines are slow, and a failure is the only case in which it is waited for so long. */
#define TO_JOIN SECONDS(120)
#define TO_FOLLOW SECONDS(20)
#define TO_CONVERGE SECONDS(120)

struct remote {
    char *name;       /* of Secret and RemoteIstio */
    char *kubeconfig; /* a file: the operator's rights there and no others, straight to the server */
    char *token;      /* in it */
    char *audit;      /* the log of its API server */
    struct proxy_child proxy;
    struct net_client *client; /* an administrator's, straight */
};

extern struct remote remotes[REMOTES];

/* Clusters, rights, an operator and a mesh that is Available; no remote cluster has joined. For cmocka's groups. */
int federation_setup(void **state);
int federation_teardown(void **state);
/* Before each test: whatever the one before left, the operator runs and no remote cluster has joined. */
int federation_begin(void **state);

/* From now on cluster_*() are about this remote cluster; NULL: the central one. */
void enter(const struct remote *r);
/*
 * What the operator made where cluster_*() are about, as mesh_objects_in_cluster() has it; Endpoints that a controller
 * of Kubernetes made, with our label copied from their Service, are not among it.
 */
json_t *remote_objects(void);
/* By which kubeconfig (a file) the Secret of this name says the cluster is reached; makes or replaces it. */
void secret_put(const char *name, const char *kubeconfig);
void secret_put_text(const char *name, const char *text);
char *read_file(const char *path);

/* The resource, with this spec (JSON text), and its Secret: the first cluster by its proxy, the others straight. */
void remote_join(const struct remote *r);
void resource_create(const char *name, const char *spec);
#define SERVICES                                                                                                       \
    "{\"autoInjectionNamespaces\": [\"default\"], \"enabledServices\": ["                                              \
    "{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"},"                                                 \
    "{\"name\": \"istio-policy\", \"labelSelector\": \"istio-mixer-type=policy\"}]}"
void join_all(void);
/* Deletes the resource; the Secret stays. */
void remote_leave(const struct remote *r);

/* Of the RemoteIstio; strings are owned by the caller, "" where there is nothing. */
char *remote_status(const char *name, const char *field);
/* "False, Unreachable" of the condition Connected. */
char *remote_connected(const char *name);

/* For wait_until(); the context is a struct remote. */
bool remote_is_available(void *context);
bool remote_is_gone(void *context);
/* Whether the Endpoints of each enabled service are the addresses of the central Pods. */
bool remote_is_in_step(void *context);
void wait_joined(const struct remote *r);
void wait_in_step(const struct remote *r);
void wait_gone(const struct remote *r);

/* A Pod of the central cluster with this label, which the stand-in for nodes makes ready; its readiness is changed. */
void pod_create(const char *name, const char *label, const char *value);
void pod_set_ready(const char *name, bool ready);
/* Deletes one that is there, for its Deployment to make another one. */
void pod_delete_one(const char *label_selector);

/* The tests. */
/* federation_members.c: joining, following, drift */
void joining_makes_everything_and_marks_it(void **state);
void endpoints_follow_pods_and_services(void **state);
void what_others_change_heals_and_what_is_theirs_stays(void **state);
void at_rest_nothing_is_written(void **state);
/* federation_secrets.c: trust */
void another_kubeconfig_is_used_immediately(void **state);
void a_kubeconfig_that_is_removed_removes_nothing(void **state);
void bad_kubeconfigs_are_refused_with_a_reason(void **state);
void clusters_with_a_mesh_are_refused(void **state);
void no_secret_is_reported(void **state);
/* Of all the tests before. */
void every_right_was_used_and_nothing_refused(void **state);
/* federation_leave.c */
void leaving_cleans_the_remote_and_nothing_else(void **state);
void a_cluster_that_is_not_reached_holds_its_own_deletion_only(void **state);
void an_abandoned_cluster_is_left_as_it_is_and_can_join_again(void **state);
void kills_while_clusters_join_and_leave_end_well(void **state);
void many_joins_and_leaves_leave_nothing_behind(void **state);
/* federation_harm.c: section by section of what a server may do to us */
void one_bad_cluster_harms_no_other(void **state);

#endif
