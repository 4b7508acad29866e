/* Whether a Deployment is rolled out, and what is said where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/rollout.h"
#include "world.h"

/* JSON with ' for ". Owned by the caller. */
static json_t *document(const char *text)
{
    _cleanup_free_ char *json = str_dup(text);
    json_t *value;
    struct err e;

    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    if (doc_parse(json, strlen(json), SIZE_MAX, &value, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return value;
}

/* Of generation 3 with two replicas. */
#define DEPLOYMENT                                                                                                     \
    "{'apiVersion': 'apps/v1', 'kind': 'Deployment',"                                                                  \
    " 'metadata': {'name': 'istio-pilot', 'namespace': '" NS "', 'generation': 3},"                                    \
    " 'spec': {'replicas': 2, 'selector': {'matchLabels': {'app': 'pilot'}}}, 'status': {%s}}"
#define POD                                                                                                            \
    "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p%d', 'namespace': '" NS "',"                           \
    " 'creationTimestamp': '2019-01-01T00:00:0%dZ', 'labels': {'app': 'pilot'}}, 'status': {%s}}"
#define SEEN "'observedGeneration': 3, "
#define STUCK SEEN "'replicas': 2, 'updatedReplicas': 1, 'availableReplicas': 1"
#define STUCK_TEXT "Deployment istio-pilot: 1 of 2 replicas updated, 1 available, 1 old ones left"
#define WAITING(name, text) "{'name': 'discovery', 'state': {'waiting': {'reason': '" name "'" text "}}}"

static const struct {
    const char *deployment; /* its status; NULL: it is not there */
    const char *pods[2];    /* their status, the older Pod first */
    const char *message;    /* NULL: it is available */
} cases[] = {
    {NULL, {0}, "Deployment istio-pilot is not there yet"},
    {"", {0}, "Deployment istio-pilot: its controller has not seen the newest spec yet"},

    /* As `kubectl rollout status`: all of the newest spec, available, and none of an older one. */
    {SEEN "'replicas': 2, 'updatedReplicas': 2, 'readyReplicas': 2, 'availableReplicas': 2", {0}, NULL},
    {"'observedGeneration': 2, 'replicas': 2, 'updatedReplicas': 2, 'availableReplicas': 2",
     {0},
     "Deployment istio-pilot: its controller has not seen the newest spec yet"},
    {SEEN "'replicas': 2, 'availableReplicas': 2",
     {0},
     "Deployment istio-pilot: 0 of 2 replicas updated, 2 available, 2 old ones left"},
    {SEEN "'replicas': 3, 'updatedReplicas': 2, 'availableReplicas': 3",
     {0},
     "Deployment istio-pilot: 2 of 2 replicas updated, 3 available, 1 old ones left"},
    {SEEN "'replicas': 2, 'updatedReplicas': 2, 'availableReplicas': 1",
     {0},
     "Deployment istio-pilot: 2 of 2 replicas updated, 1 available"},
    /* Scaled down by its autoscaler, it has more than it needs for a moment. */
    {SEEN "'replicas': 3, 'updatedReplicas': 3, 'availableReplicas': 3", {0}, NULL},

    {STUCK ", 'conditions': [{'type': 'Progressing', 'status': 'False', 'reason': 'ProgressDeadlineExceeded'}]",
     {0},
     "Deployment istio-pilot exceeded its progress deadline: 1 of 2 replicas updated, 1 available, 1 old ones left"},
    {STUCK ", 'conditions': [{'type': 'Progressing', 'status': 'True', 'reason': 'ReplicaSetUpdated'}]",
     {0},
     STUCK_TEXT},
    /* Without a Pod nobody but the ReplicaSet can say why. */
    {STUCK ", 'conditions': [{'type': 'ReplicaFailure', 'status': 'True', 'reason': 'FailedCreate',"
           " 'message': 'exceeded quota: cpu'}]",
     {0},
     STUCK_TEXT "; FailedCreate: exceeded quota: cpu"},

    /* Why a container waits. */
    {STUCK,
     {"'containerStatuses': [" WAITING("ImagePullBackOff", ", 'message': 'Back-off pulling image x:1'") "]"},
     STUCK_TEXT "; container discovery: ImagePullBackOff: Back-off pulling image x:1"},
    {STUCK,
     {"'containerStatuses': [" WAITING("CreateContainerConfigError", ", 'message': 'secret a not found'") "]"},
     STUCK_TEXT "; container discovery: CreateContainerConfigError: secret a not found"},
    /* In the same words at each try. */
    {STUCK,
     {"'containerStatuses': [" WAITING(
         "ErrImagePull", ", 'message': 'read udp 10.0.0.2:43210->10.0.0.1:53: timeout'") "]"},
     STUCK_TEXT "; container discovery: ErrImagePull: read udp 10.0.0.2:...->10.0.0.1:53: timeout"},
    {STUCK,
     {"'containerStatuses': [{'name': 'discovery', 'state': {'waiting': {'reason': 'CrashLoopBackOff',"
      " 'message': 'back-off 20s restarting'}},"
      " 'lastState': {'terminated': {'reason': 'OOMKilled', 'exitCode': 137}}}]"},
     STUCK_TEXT "; container discovery: CrashLoopBackOff, last ended with OOMKilled (exit code 137)"},
    {STUCK,
     {"'containerStatuses': [" WAITING("CrashLoopBackOff", "") "]"},
     STUCK_TEXT "; container discovery: CrashLoopBackOff"},
    {STUCK,
     {"'containerStatuses': [{'name': 'discovery',"
      " 'state': {'terminated': {'reason': 'Error', 'exitCode': 1}}}]"},
     STUCK_TEXT "; container discovery: ended with Error (exit code 1)"},
    {STUCK,
     {"'containerStatuses': [{'name': 'discovery', 'ready': false, 'state': {'running': {}}}]"},
     STUCK_TEXT "; container discovery: runs, but is not ready"},
    /* An init container goes first, and what only starts says nothing. */
    {STUCK,
     {"'initContainerStatuses': [{'name': 'init', 'state': {'waiting': {'reason': 'ErrImagePull'}}}],"
      " 'containerStatuses': [" WAITING("PodInitializing", "") "]"},
     STUCK_TEXT "; container init: ErrImagePull"},
    {STUCK, {"'containerStatuses': [" WAITING("ContainerCreating", "") "]"}, STUCK_TEXT},
    /* A container that is ready is no reason. */
    {STUCK,
     {"'containerStatuses': [{'name': 'proxy', 'ready': true, 'state': {'running': {}}},"
      " " WAITING("ImagePullBackOff", "") "]"},
     STUCK_TEXT "; container discovery: ImagePullBackOff"},

    {STUCK,
     {"'conditions': [{'type': 'PodScheduled', 'status': 'False', 'reason': 'Unschedulable',"
      " 'message': '0/3 nodes are available'}]"},
     STUCK_TEXT "; Unschedulable: 0/3 nodes are available"},
    {STUCK,
     {"'phase': 'Failed', 'reason': 'Evicted', 'message': 'low on memory'"},
     STUCK_TEXT "; Evicted: low on memory"},
    /* The newest that says something. */
    {STUCK,
     {"'containerStatuses': [" WAITING("ImagePullBackOff", "") "]",
      "'containerStatuses': [" WAITING("CreateContainerConfigError", "") "]"},
     STUCK_TEXT "; container discovery: CreateContainerConfigError"},
    {STUCK,
     {"'containerStatuses': [" WAITING("ImagePullBackOff", "") "]", "'phase': 'Running'"},
     STUCK_TEXT "; container discovery: ImagePullBackOff"},
};

static const struct rollout_workload pilot_workloads[] = {{KIND_DEPLOYMENT, "istio-pilot"}, {0, NULL}};

static void put(struct world *w, const char *format, const char *status, int number)
{
    _cleanup_free_ char *text =
        strstr(format, "%d") ? str_printf(POD, number, number, status) : str_printf(DEPLOYMENT, status);

    world_put(w, document(text));
}

static void read_all(struct world *w, bool enabled, struct rollouts *ret)
{
    const struct rollout_target pilot = {"pilot", "", pilot_workloads, enabled};
    struct plan_input input = {.observed = w->cache, .server = &w->server};

    rollouts_read(&input, NS, &pilot, 1, NULL, ret);
    assert_int_equal(ret->len, 1);
}

/* Of generation 3; the DaemonSet is to run on two nodes. */
#define DAEMON_SET                                                                                                     \
    "{'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'cni', 'namespace': '" NS "',"                \
    " 'generation': 3}, 'spec': {'selector': {'matchLabels': {'app': 'cni'}}},"                                        \
    " 'status': {'observedGeneration': 3, 'desiredNumberScheduled': 2, 'currentNumberScheduled': 2, %s}}"
#define STATEFUL_SET                                                                                                   \
    "{'apiVersion': 'apps/v1', 'kind': 'StatefulSet', 'metadata': {'name': 'store', 'namespace': '" NS "',"            \
    " 'generation': 3}, 'spec': {'replicas': 2, 'selector': {'matchLabels': {'app': 'store'}}},"                       \
    " 'status': {'observedGeneration': 3, 'replicas': 2, %s}}"

/* A component may be run by several workloads: it is available when all are. */
static void a_component_is_as_far_as_all_of_its_workloads(void **state)
{
    static const struct rollout_workload workloads[] = {
        {KIND_DAEMON_SET, "cni"}, {KIND_STATEFUL_SET, "store"}, {0, NULL}};
    static const struct rollout_target target = {"both", "", workloads, true};
    static const struct {
        const char *daemon_set, *stateful_set; /* their status; NULL: it is not there */
        int ready;                             /* of 4 */
        const char *message;                   /* NULL: it is available */
    } ways[] = {
        {"'updatedNumberScheduled': 2, 'numberAvailable': 2, 'numberReady': 2",
         "'updatedReplicas': 2, 'availableReplicas': 2, 'readyReplicas': 2",
         4,
         NULL},
        /* Before Kubernetes 1.22. */
        {"'updatedNumberScheduled': 2, 'numberAvailable': 2, 'numberReady': 2",
         "'updatedReplicas': 2, 'readyReplicas': 2",
         4,
         NULL},
        {"'updatedNumberScheduled': 1, 'numberAvailable': 1, 'numberReady': 2",
         "'updatedReplicas': 2, 'availableReplicas': 2, 'readyReplicas': 2",
         4,
         "DaemonSet cni: 1 of 2 Pods updated, 1 available, 1 old ones left"},
        {"'updatedNumberScheduled': 2, 'numberAvailable': 1, 'numberReady': 1",
         "'updatedReplicas': 2, 'availableReplicas': 1, 'readyReplicas': 2",
         3,
         "DaemonSet cni: 2 of 2 Pods updated, 1 available; StatefulSet store: 2 of 2 replicas updated, 1 available"},
        {NULL, "'updatedReplicas': 2, 'availableReplicas': 2, 'readyReplicas': 2", 2, "DaemonSet cni is not there yet"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct rollouts r;
        struct world w;

        world_init(&w);
        if (ways[i].daemon_set) {
            _cleanup_free_ char *text = str_printf(DAEMON_SET, ways[i].daemon_set);
            world_put(&w, document(text));
        }
        if (ways[i].stateful_set) {
            _cleanup_free_ char *text = str_printf(STATEFUL_SET, ways[i].stateful_set);
            world_put(&w, document(text));
        }
        rollouts_read(&(struct plan_input){.observed = w.cache, .server = &w.server}, NS, &target, 1, NULL, &r);
        assert_int_equal(r.items[0].available, !ways[i].message);
        assert_int_equal(r.items[0].ready, ways[i].ready);
        if (ways[i].message)
            assert_string_equal(r.items[0].message, ways[i].message);
        else
            assert_null(r.items[0].message);
        rollouts_release(&r);
        world_release(&w);
    }
}

static void a_deployment_is_available_or_the_message_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollouts r;
        struct world w;

        world_init(&w);
        if (cases[i].deployment)
            put(&w, DEPLOYMENT, cases[i].deployment, 0);
        for (int k = 0; k < 2 && cases[i].pods[k]; k++)
            put(&w, POD, cases[i].pods[k], k);
        read_all(&w, true, &r);
        if (!str_eq(r.items[0].message, cases[i].message) || r.items[0].available != !cases[i].message ||
            r.all_available != !cases[i].message)
            fail_msg(
                "case %zu: \"%s\", not \"%s\"",
                i,
                str_or(r.items[0].message, "available"),
                str_or(cases[i].message, "available"));
        rollouts_release(&r);
        world_release(&w);
    }
}

/* What was found of one version is not believed of the next. */
static void a_deployment_is_looked_at_again_when_it_changes(void **state)
{
    static const char *const statuses[] = {
        SEEN "'replicas': 2, 'updatedReplicas': 2, 'readyReplicas': 2, 'availableReplicas': 2",
        SEEN "'replicas': 2, 'updatedReplicas': 2, 'readyReplicas': 1, 'availableReplicas': 1",
    };
    struct world w;

    (void)state;
    world_init(&w);
    for (int i = 0; i < 4; i++) {
        _cleanup_free_ char *text = str_printf(DEPLOYMENT, statuses[i % 2]);
        world_put(&w, document(text));
        for (int look = 0; look < 2; look++) {
            struct rollouts r;
            read_all(&w, true, &r);
            assert_int_equal(r.items[0].available, i % 2 == 0);
            assert_int_equal(r.items[0].desired, 2);
            assert_int_equal(r.items[0].ready, 2 - i % 2);
            rollouts_release(&r);
        }
    }
    world_release(&w);
}

/* Of those that wait, which will end again and again: a program that ended once may have come before what it needs. */
static void a_pod_that_ends_again_and_again_is_told_apart(void **state)
{
#define ENDED(count, code) "'restartCount': " count ", 'lastState': {'terminated': {'exitCode': " code "}}}"
#define RUNS "{'name': 'discovery', 'state': {'running': {}}, 'ready': "
    static const struct {
        const char *pods[2]; /* the older Pod first */
        bool crashes;
    } ways[] = {
        {{"'containerStatuses': [" WAITING("CrashLoopBackOff", "") "]"}, true},
        {{"'initContainerStatuses': [" WAITING("CrashLoopBackOff", "") "]"}, true},
        {{"'containerStatuses': [" WAITING("ImagePullBackOff", "") "]"}, false},
        {{"'containerStatuses': [" RUNS "false, " ENDED("2", "255") "]"}, true},
        {{"'containerStatuses': [" RUNS "false, " ENDED("1", "255") "]"}, false},
        {{"'containerStatuses': [" RUNS "false, " ENDED("2", "0") "]"}, false},
        {{"'containerStatuses': [" RUNS "false}]"}, false},
        /* Only the one that is spoken of. */
        {{"'containerStatuses': [" WAITING("CrashLoopBackOff", "") "]",
          "'containerStatuses': [" WAITING("ImagePullBackOff", "") "]"},
         false},
        {{"'containerStatuses': [" WAITING("CrashLoopBackOff", "") "]",
          "'containerStatuses': [" RUNS "true, " ENDED("2", "255") "]"},
         true},
        {{NULL}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct rollouts r;
        struct world w;
        world_init(&w);
        put(&w, DEPLOYMENT, STUCK, 0);
        for (int k = 0; k < 2 && ways[i].pods[k]; k++)
            put(&w, POD, ways[i].pods[k], k);
        read_all(&w, true, &r);
        if (r.items[0].crashes != ways[i].crashes)
            fail_msg("case %zu: \"%s\"", i, r.items[0].message);
        rollouts_release(&r);
        world_release(&w);
    }
}

/* A Pod that had nothing to say, and the one that had: both may change. */
static void a_pod_is_looked_at_again_when_it_changes(void **state)
{
    static const char *const statuses[] = {"'phase': 'Running'", "'phase': 'Failed', 'reason': 'Evicted'"};
    struct world w;

    (void)state;
    world_init(&w);
    put(&w, DEPLOYMENT, STUCK, 0);
    for (int i = 0; i < 4; i++) {
        put(&w, POD, statuses[i % 2], 0);
        for (int look = 0; look < 2; look++) {
            struct rollouts r;
            read_all(&w, true, &r);
            assert_string_equal(r.items[0].message, i % 2 ? STUCK_TEXT "; Evicted" : STUCK_TEXT);
            rollouts_release(&r);
        }
    }
    world_release(&w);
}

static void what_is_switched_off_is_not_waited_for(void **state)
{
    struct rollouts r;
    struct world w;

    (void)state;
    world_init(&w);
    read_all(&w, false, &r);
    assert_true(r.all_available);
    assert_false(r.items[0].enabled);
    assert_null(r.items[0].message);
    rollouts_release(&r);
    world_release(&w);
}

/* Pods of others, and Pods that are going, are no reason. */
static void only_the_deployments_own_pods_count(void **state)
{
    static const char *const others[] = {
        "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'a', 'namespace': '" NS "',"
        " 'labels': {'app': 'galley'}}, 'status': {'phase': 'Failed'}}",
        "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'b', 'namespace': 'default',"
        " 'labels': {'app': 'pilot'}}, 'status': {'phase': 'Failed'}}",
        "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'c', 'namespace': '" NS "',"
        " 'labels': {'app': 'pilot'}, 'deletionTimestamp': '2019-01-01T00:00:00Z'}, 'status': {'phase': 'Failed'}}",
    };
    struct rollouts r;
    struct world w;

    (void)state;
    world_init(&w);
    put(&w, DEPLOYMENT, STUCK, 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        world_put(&w, document(others[i]));
    read_all(&w, true, &r);
    assert_string_equal(r.items[0].message, STUCK_TEXT);
    rollouts_release(&r);
    world_release(&w);
}

/* --- what a Pod mounts --- */

#define MOUNTING(status, volumes)                                                                                      \
    "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p0', 'namespace': '" NS "',"                            \
    " 'labels': {'app': 'pilot'}}, 'spec': {'volumes': [" volumes "]}, 'status': {" status "}}"
#define CREATING "'containerStatuses': [" WAITING("ContainerCreating", "") "]"
#define INITIALIZING                                                                                                   \
    "'initContainerStatuses': [" WAITING("PodInitializing", "") "], 'containerStatuses': [" WAITING(                   \
        "PodInitializing", "") "]"
#define MISSING STUCK_TEXT "; FailedMount: "

/* Secret `certs` has the key cert.pem, ConfigMap `mesh` the keys mesh and, as binary data, blob. */
static const struct {
    const char *pod, *message;
} mounts[] = {
    {MOUNTING(
         CREATING, "{'name': 'v', 'secret': {'secretName': 'certs'}}, {'name': 'w', 'configMap': {'name': 'mesh'}}"),
     STUCK_TEXT},
    {MOUNTING(CREATING, "{'name': 'v', 'secret': {'secretName': 'gone'}}"),
     MISSING "volume v needs Secret gone, which does not exist"},
    {MOUNTING(INITIALIZING, "{'name': 'v', 'secret': {'secretName': 'gone'}}"),
     MISSING "volume v needs Secret gone, which does not exist"},
    {MOUNTING(CREATING, "{'name': 'v', 'configMap': {'name': 'gone'}}"),
     MISSING "volume v needs ConfigMap gone, which does not exist"},
    /* Of one kind, and not of the other. */
    {MOUNTING(CREATING, "{'name': 'v', 'configMap': {'name': 'certs'}}"),
     MISSING "volume v needs ConfigMap certs, which does not exist"},
    {MOUNTING(CREATING, "{'name': 'v', 'secret': {'secretName': 'gone', 'optional': true}}"), STUCK_TEXT},
    {MOUNTING(
         CREATING, "{'name': 'v', 'secret': {'secretName': 'certs', 'items': [{'key': 'cert.pem', 'path': 'a'}]}}"),
     STUCK_TEXT},
    {MOUNTING(CREATING, "{'name': 'v', 'secret': {'secretName': 'certs', 'items': [{'key': 'tls.crt', 'path': 'a'}]}}"),
     MISSING "volume v needs key tls.crt of Secret certs, which has no such key"},
    {MOUNTING(
         CREATING,
         "{'name': 'v', 'secret': {'secretName': 'certs', 'optional': true, 'items': [{'key': 'x', 'path': 'a'}]}}"),
     STUCK_TEXT},
    {MOUNTING(CREATING, "{'name': 'v', 'configMap': {'name': 'mesh', 'items': [{'key': 'blob', 'path': 'a'}]}}"),
     STUCK_TEXT},
    {MOUNTING(CREATING, "{'name': 'v', 'configMap': {'name': 'mesh', 'items': [{'key': 'other', 'path': 'a'}]}}"),
     MISSING "volume v needs key other of ConfigMap mesh, which has no such key"},
    {MOUNTING(
         CREATING, "{'name': 'v', 'projected': {'sources': [{'serviceAccountToken': {'path': 't'}}, {'secret': "
                   "{'name': 'certs'}},"
                   " {'configMap': {'name': 'gone'}}]}}"),
     MISSING "volume v needs ConfigMap gone, which does not exist"},
    {MOUNTING(
         CREATING, "{'name': 'v', 'secret': {'secretName': 'a'}}, {'name': 'w', 'secret': {'secretName': 'b'}},"
                   " {'name': 'x', 'configMap': {'name': 'c'}}"),
     MISSING "volume v needs Secret a, which does not exist, and 2 more"},
    /* What the Pod says itself counts more, and a container that runs has its volumes. */
    {MOUNTING(
         "'containerStatuses': [" WAITING("ErrImagePull", "") "]", "{'name': 'v', 'secret': {'secretName': 'gone'}}"),
     STUCK_TEXT "; container discovery: ErrImagePull"},
    {MOUNTING(
         "'containerStatuses': [{'name': 'discovery', 'ready': true, 'state': {'running': {}}}]",
         "{'name': 'v', 'secret': {'secretName': 'gone'}}"),
     STUCK_TEXT},
    /* What no server sends. */
    {MOUNTING(
         CREATING, "null, {}, {'name': null, 'secret': null}, {'secret': {'secretName': 7, 'items': [null]}},"
                   " {'configMap': []}, {'projected': {'sources': [null, {'secret': {}}]}}"),
     STUCK_TEXT},
};

static void put_keys(struct world *w, enum mesh_kind_id view, const char *text)
{
    world_put_as(w, mesh_kind(view), document(text));
}

static void put_what_is_mounted(struct world *w)
{
    put_keys(
        w,
        KIND_SECRET_KEYS,
        "{'metadata': {'name': 'certs', 'namespace': '" NS "'}, 'data': {'cert.pem': 'c2VjcmV0'}}");
    put_keys(w, KIND_SECRET_KEYS, "{'metadata': {'name': 'gone', 'namespace': 'default'}, 'data': {'a': 'c2VjcmV0'}}");
    put_keys(
        w,
        KIND_CONFIG_MAP_KEYS,
        "{'metadata': {'name': 'mesh', 'namespace': '" NS "'}, 'data': {'mesh': 'x'}, 'binaryData': {'blob': 'AA=='}}");
}

static void read_with_volumes(struct world *w, bool observed, struct rollouts *ret)
{
    const struct rollout_target pilot = {"pilot", "", pilot_workloads, true};
    const struct volume_kinds volumes = {mesh_kind(KIND_SECRET_KEYS), mesh_kind(KIND_CONFIG_MAP_KEYS)};
    struct plan_input input = {.observed = w->cache, .server = &w->server};

    rollouts_read(&input, NS, &pilot, 1, observed ? &volumes : NULL, ret);
}

static void what_a_pod_cannot_mount_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
        struct rollouts r;
        struct world w;

        world_init(&w);
        put(&w, DEPLOYMENT, STUCK, 0);
        put_what_is_mounted(&w);
        world_put(&w, document(mounts[i].pod));
        read_with_volumes(&w, true, &r);
        if (!str_eq(r.items[0].message, mounts[i].message))
            fail_msg("case %zu: \"%s\", not \"%s\"", i, r.items[0].message, mounts[i].message);
        rollouts_release(&r);
        world_release(&w);
    }
}

/* Lists that have not arrived are no reason to say that something is missing. */
static void volumes_are_asked_for_and_nothing_is_said_before(void **state)
{
    struct rollouts r;
    struct world w;

    (void)state;
    world_init(&w);
    put(&w, DEPLOYMENT, STUCK, 0);
    world_put(&w, document(MOUNTING(CREATING, "{'name': 'v', 'secret': {'secretName': 'late'}}")));
    for (int look = 0; look < 2; look++) {
        read_with_volumes(&w, false, &r);
        assert_true(r.asks_for_volumes);
        assert_string_equal(r.items[0].message, STUCK_TEXT);
        rollouts_release(&r);
    }
    /* It is looked at again when what it mounts comes. */
    for (int look = 0; look < 2; look++) {
        read_with_volumes(&w, true, &r);
        assert_string_equal(r.items[0].message, MISSING "volume v needs Secret late, which does not exist");
        rollouts_release(&r);
    }
    put_keys(&w, KIND_SECRET_KEYS, "{'metadata': {'name': 'late', 'namespace': '" NS "'}}");
    read_with_volumes(&w, true, &r);
    assert_string_equal(r.items[0].message, STUCK_TEXT);
    rollouts_release(&r);
    /* Nobody asks, where every Pod says something or runs. */
    world_put(&w, document(MOUNTING("'phase': 'Running'", "")));
    read_with_volumes(&w, true, &r);
    assert_false(r.asks_for_volumes);
    rollouts_release(&r);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_is_as_far_as_all_of_its_workloads),
        cmocka_unit_test(a_deployment_is_available_or_the_message_says_why),
        cmocka_unit_test(a_pod_that_ends_again_and_again_is_told_apart),
        cmocka_unit_test(a_deployment_is_looked_at_again_when_it_changes),
        cmocka_unit_test(a_pod_is_looked_at_again_when_it_changes),
        cmocka_unit_test(what_is_switched_off_is_not_waited_for),
        cmocka_unit_test(only_the_deployments_own_pods_count),
        cmocka_unit_test(what_a_pod_cannot_mount_is_named),
        cmocka_unit_test(volumes_are_asked_for_and_nothing_is_said_before),
    };

    return cmocka_run_group_tests_name("operator rollout", tests, NULL, NULL);
}
