/*
 * A real cluster under test, and the operator as a process of its own.
 *
 * TEST_KUBECONFIG names the cluster, TEST_OPERATOR the program, TEST_OUTPUT a folder for logs. Everything here
 * fails the running test where it cannot do what it says.
 */
#ifndef TESTS_CLUSTER_HARNESS_H
#define TESTS_CLUSTER_HARNESS_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "kube/client.h"
#include "mesh/mesh.h"
#include "reconcile/desired.h"
#include "wait.h"

#define NS "istio-system"
#define MESH "istio"
#define OPERATOR_ACCOUNT "istio-operator-controller-manager"

struct harness {
    struct event_base *loop;
    struct net_client *client;
    pid_t operator_pid; /* 0: not running */
    const char *const
        *operator_arguments; /* further ones for its next start, at most 8, ending with NULL; may be NULL */
    int operator_port;
    char *log_path;
    char *operator_kubeconfig; /* of its own ServiceAccount, with the rights that `manifests` prints */
    int chosen;
    const char *log_folder; /* of the operator's next start; NULL: TEST_OUTPUT */
};

extern struct harness h;

/* Connects, installs the definitions and the namespace. For cmocka's group set-up and tear-down. */
int harness_setup(void **state);
int harness_teardown(void **state);

/*
 * Two operators side by side: all of operator_*() and h.operator_* are about the one that was chosen last, 0 at first.
 * The second one has an account of its own, so that the audit log tells them apart.
 */
#define SECOND_ACCOUNT OPERATOR_ACCOUNT "-second"
void operator_choose(int which);

/*
 * For a child process of the test: a connection of its own, to the cluster of a kubeconfig (NULL: the test's). Such a
 * child calls nothing that fails a test.
 */
void harness_reconnect(const char *kubeconfig);

/*
 * Writes the first operator's kubeconfig again, from TEST_KUBECONFIG as it is now. `ca_file` NULL: the authority is in
 * it; else it names this file.
 */
void operator_write_kubeconfig(const char *ca_file);
/* The certificate authority of TEST_KUBECONFIG as it is now, PEM; owned by the caller. */
char *cluster_authority(void);

/* The operator as a process; its log goes to TEST_OUTPUT. */
void operator_start(void);
void operator_start_without_waiting(void);
/* What operator_start() waits for. */
void operator_wait_ready(void);
void operator_kill(int signal_number);
/* Its answer to GET `path`, owned by the caller; NULL where it does not answer 200. */
char *operator_get(const char *path);
/* One value of its /metrics. */
double operator_metric(const char *name);
/* Whether it manages a mesh and has nothing to write: by one answer, as several would be about several moments. */
bool operator_is_settled(void);
/* Waits until its heap is what it was at an earlier rest, `before` bytes, but for longer versions and names: what
 * a burst of changes takes is back some seconds later, what leaks is not. A sanitizer keeps what is freed, so there
 * it says nothing. */
void operator_wait_heap_is_back(double before);
/* Its resident memory in kB. */
long operator_memory_kb(void);
/* Of it, what is no file's: without the pages of code, which come and go by what ran last. */
long operator_anonymous_kb(void);
/* The most resident memory since operator_forget_peak(), in kB. */
long operator_peak_kb(void);
void operator_forget_peak(void);
/* Its time on the processors, in us. */
int64_t operator_cpu_usec(void);
/* How many descriptors it has open. */
int operator_descriptors(void);

const struct kube_kind *kind_of(const char *api_version, const char *kind);
#define DEPLOYMENT kind_of("apps/v1", "Deployment")
#define ISTIO kind_of("istio.banzaicloud.io/v1beta1", "Istio")
#define NAMESPACE kind_of("v1", "Namespace")

/*
 * The object, NULL where it is not there; owned by the caller. This and cluster_list() ask again for a while where a
 * server that comes back or has too much to do does not answer; what changes something is asked for once.
 */
json_t *cluster_get(const struct kube_kind *kind, const char *ns, const char *name);
bool cluster_has(const struct kube_kind *kind, const char *ns, const char *name);
/* All of a kind with the label selector (may be NULL): a sequence, owned by the caller. */
json_t *cluster_list(const struct kube_kind *kind, const char *label_selector);
void cluster_create(const struct kube_kind *kind, const json_t *object);
/* The same for a custom kind whose definition may not be served yet, and for a Service that asks for the port of one
 * that is gone: the server frees it a little later. */
void cluster_create_when_possible(const struct kube_kind *kind, const json_t *object);
/* A JSON merge patch given as text. */
void cluster_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch);
/* Whether the server takes the patch. */
bool cluster_try_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch);
/* Whether the server takes the whole object; else what it says, owned by the caller. */
bool cluster_try_update(const struct kube_kind *kind, const json_t *object, char **ret_refusal);
/* Any request; whether the server takes it. */
bool cluster_try(struct net_request request);
void cluster_delete(const struct kube_kind *kind, const char *ns, const char *name);
/* For wait_until(): no such object is there. */
struct place {
    const struct kube_kind *kind;
    const char *ns, *name;
};
bool cluster_lacks(void *place);
void cluster_delete_if_there(const struct kube_kind *kind, const char *ns, const char *name);
/* The server's minor version: 20 of 1.20.2. */
int cluster_minor(void);
/* The version in which this server is spoken to. */
const char *cluster_version(const struct kube_kind *kind);

/*
 * A spec under which no Service asks for node ports by number. kube-apiserver 1.20 does not free the ports of a Service
 * whose DELETE lost its client halfway; only its repair does, six to nine minutes later. Tests that cut or kill
 * in the middle of a removal would wait for that with the ports of Istio's own choice.
 */
#define SPEC_WITHOUT_FIXED_PORTS                                                                                       \
    "{\"autoInjectionNamespaces\": [\"default\"], \"overlays\": [{\"kind\": \"Service\","                              \
    " \"name\": \"istio-ingressgateway\", \"patches\": [{\"op\": \"remove\", \"path\": \"/spec/ports/0/nodePort\"},"   \
    " {\"op\": \"remove\", \"path\": \"/spec/ports/1/nodePort\"},"                                                     \
    " {\"op\": \"remove\", \"path\": \"/spec/ports/2/nodePort\"}]}]}"

/* An Istio resource with this spec (JSON text), owned by the caller. */
json_t *mesh_resource(const char *name, const char *spec);
/* Creates the one that is named MESH. */
void mesh_create(const char *spec);
/* What a resource with this spec (JSON text) asks for, without marks; for desired_free(). */
struct desired_set *mesh_objects_of(const char *spec);
void mesh_delete_and_wait(void);
/* A string of the mesh's status; "" where there is none. Owned by the caller. */
char *mesh_status(const char *field);
/* Waits until status.Status has this value for the newest generation. */
void mesh_wait_status(const char *word, msec_t timeout);
/* For wait_until(): all of it is of this version and available, for the newest generation. */
bool mesh_has_version(void *version);
/* Waits until the operator has nothing to write. */
void mesh_wait_settled(msec_t timeout);
/* Whether the mesh has objects of this kind in the central cluster, which the tests run against. */
bool is_of_mesh(const struct kube_kind *kind);
/* Every object of the cluster that carries the mesh's mark. A sequence of {kind row index, ns, name} as json. */
json_t *mesh_objects_in_cluster(void);

/* The exit code of a command line of the test's environment. */
int run_shell(const char *command);
/* Whether the API server is ready, its store, too. */
bool server_answers(void *context);

#endif
