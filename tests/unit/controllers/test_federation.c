/*
 * The controllers of remote clusters on simulated time, each against an API server in memory: when they connect, whose
 * turn it is to plan, and what is left of them.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "api/istio.h"
#include "base/base64.h"
#include "base/str.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "reconcile/marks.h"
#include "serve/metrics.h"
#include "sim.h"

#define NS "istio-system"
#define STEP 10

enum { REMOTES = 3, JOINS = 200, WARM_UP = 40 };

struct bench {
    struct sim *central, *remote[REMOTES];
    struct controller *controller;
    struct connector connector;
    unsigned connects;
    bool gate_open;
};

static const char *const names[REMOTES] = {"east", "west", "north"};

static const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    return kube_kind_find(&mesh_kinds, api_version, kind);
}

static const struct kube_kind *remote_kind(void)
{
    return kind_of(API_GROUP_VERSION, "RemoteIstio");
}

/* The server of a kubeconfig is https://NAME:6443. */
static int connect_to(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    struct bench *b = context;

    for (size_t i = 0; i < REMOTES; i++)
        if (strstr(config->server, names[i])) {
            b->connects++;
            *ret = kube_cluster_new_on(sim_io(b->remote[i]), &mesh_kinds, options, events);
            return 0;
        }
    return err_set(e, ERR_INVALID, "nobody is there");
}

static void run(struct bench *b, msec_t for_so_long)
{
    for (msec_t t = 0; t < for_so_long; t += STEP) {
        sim_run(b->central, STEP);
        for (size_t i = 0; i < REMOTES; i++)
            sim_run(b->remote[i], STEP);
    }
}

static json_t *object(const char *api_version, const char *kind, const char *ns, const char *name)
{
    return OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        MAP("metadata", STRING("name", name), STRING("namespace", ns)));
}

static void put_secret(struct bench *b, const char *ns, const char *name, json_t *data, const char *label)
{
    json_t *secret = object("v1", "Secret", ns, name);

    json_object_set_new(secret, "data", data);
    if (label)
        json_object_set_new(doc_make(secret, "metadata", "labels"), label, json_string("true"));
    sim_apply(b->central, kind_of("v1", "Secret"), secret);
}

static void put_kubeconfig_in(
    struct bench *b, const char *ns, const char *name, const char *server, const char *token, const char *label)
{
    _cleanup_free_ char *text = str_printf(
        "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: "
        "{server: 'https://%s:6443'}}], users: [{name: u, user: {token: %s}}]}",
        server,
        token);
    _cleanup_free_ char *encoded = base64_encode(text, strlen(text));

    put_secret(b, ns, name, OBJECT(STRING("config", encoded)), label);
}

static void put_kubeconfig(struct bench *b, const char *name, const char *server, const char *token, const char *label)
{
    put_kubeconfig_in(b, NS, name, server, token, label);
}

static void put_resource_in(struct bench *b, const char *ns, const char *name)
{
    json_t *resource = object(API_GROUP_VERSION, "RemoteIstio", ns, name);

    json_object_set_new(doc_make(resource, "metadata"), "generation", json_integer(1));
    sim_apply(b->central, remote_kind(), resource);
}

static void put_resource(struct bench *b, const char *name)
{
    put_resource_in(b, NS, name);
}

static void put_pod(struct bench *b, const char *name, const char *address)
{
    json_t *pod = object("v1", "Pod", NS, name);

    json_object_set_new(doc_make(pod, "metadata", "labels"), "istio", json_string("pilot"));
    json_object_set_new(
        pod,
        "status",
        OBJECT(STRING("podIP", address), SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
    sim_apply(b->central, kind_of("v1", "Pod"), pod);
}

static void put_definition(struct bench *b, const struct api_resource *resource)
{
    sim_apply(b->central, kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), api_crd(resource, "v1"));
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    *ret_not_after = 0;
    return ((const struct bench *)context)->gate_open;
}

static void begin(struct bench *b, bool standby)
{
    struct controller_options options = {.kinds = &operator_kinds, .ns = NS, .keeps_memory = true};

    *b = (struct bench){.central = sim_new(&mesh_kinds, 20, 1), .connector = {connect_to, b}};
    if (standby)
        options.gate = (struct kube_gate){may_send, b};
    put_definition(b, &api_resource_istio);
    put_definition(b, &api_resource_remote_istio);
    sim_apply(b->central, kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, NS));
    sim_apply(b->central, kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, "kube-system"));
    put_secret(b, NS, "istio-ca-secret", OBJECT(STRING("ca-cert.pem", "cm9vdA=="), STRING("ca-key.pem", "a2V5")), NULL);
    sim_apply(b->central, kind_of(API_GROUP_VERSION, "Istio"), object(API_GROUP_VERSION, "Istio", NS, "istio"));
    for (size_t i = 0; i < REMOTES; i++) {
        b->remote[i] = sim_new(&mesh_kinds, 20, i + 2);
        sim_apply(b->remote[i], kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, NS));
    }
    b->controller = controller_new_on(sim_io(b->central), &options, &b->connector);
    controller_start(b->controller);
    run(b, SECONDS(2));
}

static void finish(struct bench *b)
{
    controller_free(b->controller);
    sim_free(b->central);
    for (size_t i = 0; i < REMOTES; i++)
        sim_free(b->remote[i]);
}

static void join(struct bench *b, size_t i)
{
    put_kubeconfig(b, names[i], names[i], "first", NULL);
    put_resource(b, names[i]);
    run(b, SECONDS(5));
}

static size_t count(const struct sim *s, const char *api_version, const char *kind)
{
    size_t found = 0;

    for (size_t i = 0; sim_next(s, kind_of(api_version, kind), &i);)
        found++;
    return found;
}

static const char *status_of(const struct bench *b, const char *name, const char *field)
{
    return str_or(doc_string(sim_get(b->central, remote_kind(), NS, name), "status", field), "");
}

/* False: there is none of this name. */
static bool find_remote(const struct bench *b, const char *name, struct controller_remote *ret)
{
    for (size_t i = 0; controller_next_remote(b->controller, &i, ret);)
        if (str_eq(ret->name, name))
            return true;
    return false;
}

static bool has_remote(const struct bench *b, const char *name)
{
    struct controller_remote remote;

    return find_remote(b, name, &remote);
}

static struct kube_cluster *cluster_of(const struct bench *b, const char *name)
{
    struct controller_remote remote;

    assert_true(find_remote(b, name, &remote));
    return connection_cluster(remote.connection);
}

static uint64_t plans_of(const struct bench *b, const char *name)
{
    struct controller_remote remote;

    assert_true(find_remote(b, name, &remote));
    return remote.actor->plans;
}

static void mark_deleted(json_t *resource)
{
    json_object_set_new(doc_at(resource, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
}

static void delete_resource(struct bench *b, const char *name)
{
    json_t *resource = doc_copy(sim_get(b->central, remote_kind(), NS, name));

    mark_deleted(resource);
    sim_apply(b->central, remote_kind(), resource);
}

static bool is_joined(const struct bench *b, size_t i)
{
    return sim_get(b->remote[i], kind_of(API_GROUP_VERSION, "Istio"), NS, MESH_REMOTE_OWNER) &&
           count(b->remote[i], "apps/v1", "Deployment") == 2 && count(b->remote[i], "v1", "Endpoints") == 5;
}

static void a_cluster_joins_and_leaves(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, false);
    join(&b, 0);
    assert_true(is_joined(&b, 0));
    assert_string_equal(status_of(&b, "east", "kubernetesVersion"), "v1.20.0");
    assert_int_equal(b.connects, 1);
    assert_true(sim_open_watches(b.remote[0]) > 5);

    delete_resource(&b, "east");
    run(&b, SECONDS(5));
    assert_null(sim_get(b.central, remote_kind(), NS, "east"));
    assert_false(has_remote(&b, "east"));
    assert_int_equal(count(b.remote[0], "apps/v1", "Deployment"), 0);
    assert_int_equal(count(b.remote[0], "v1", "Endpoints"), 0);
    assert_int_equal(sim_open_watches(b.remote[0]), 0);
    finish(&b);
}

static void other_credentials_are_used_immediately_and_other_labels_change_nothing(void **state)
{
    struct bench b;
    struct kube_cluster *before;

    (void)state;
    begin(&b, false);
    join(&b, 0);
    before = cluster_of(&b, "east");
    sim_take_counts(b.remote[0]);

    put_kubeconfig(&b, "east", "east", "first", "another/key");
    run(&b, SECONDS(5));
    assert_ptr_equal(cluster_of(&b, "east"), before);
    assert_int_equal(b.connects, 1);
    assert_int_equal(sim_take_counts(b.remote[0]).lists, 0);

    put_kubeconfig(&b, "east", "east", "second", NULL);
    run(&b, 200);
    assert_int_equal(b.connects, 2);
    assert_true(sim_take_counts(b.remote[0]).lists > 0);

    /* They lead elsewhere: the old connection ends, and the other cluster joins. */
    put_kubeconfig(&b, "east", "west", "second", NULL);
    run(&b, SECONDS(5));
    assert_int_equal(b.connects, 3);
    assert_int_equal(sim_open_watches(b.remote[0]), 0);
    assert_true(is_joined(&b, 1));
    finish(&b);
}

static void without_its_secret_the_connection_ends_and_nothing_is_deleted(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, false);
    join(&b, 0);
    sim_delete(b.central, kind_of("v1", "Secret"), NS, "east");
    run(&b, SECONDS(2));
    assert_null(cluster_of(&b, "east"));
    assert_int_equal(sim_open_watches(b.remote[0]), 0);
    assert_true(is_joined(&b, 0));
    assert_string_equal(status_of(&b, "east", "Status"), "ReconcileFailed");

    put_secret(&b, NS, "east", OBJECT(STRING("config", "bm8=")), NULL);
    run(&b, SECONDS(2));
    assert_int_equal(b.connects, 1);
    assert_non_null(strstr(status_of(&b, "east", "ErrorMessage"), "a kubeconfig is a map"));

    put_kubeconfig(&b, "east", "east", "first", NULL);
    run(&b, SECONDS(5));
    assert_int_equal(b.connects, 2);
    assert_string_not_equal(status_of(&b, "east", "Status"), "ReconcileFailed");
    finish(&b);
}

static const char *connected(const struct bench *b, const char *ns, const char *name)
{
    const json_t *conditions = doc_at(sim_get(b->central, remote_kind(), ns, name), "status", "conditions");

    return str_or(doc_string(doc_find(conditions, "type", "Connected"), "reason"), "");
}

static void without_a_mesh_secrets_are_read_where_they_matter_most(void **state)
{
    struct bench b;
    json_t *early;

    (void)state;
    begin(&b, false);
    put_kubeconfig_in(&b, "elsewhere", "early", "north", "first", NULL);
    put_resource_in(&b, "elsewhere", "early");
    join(&b, 0);
    assert_string_equal(connected(&b, "elsewhere", "early"), "SecretNotRead");

    /* The one that joined is kept in contact, though the other one is older. */
    sim_delete(b.central, kind_of(API_GROUP_VERSION, "Istio"), NS, "istio");
    run(&b, SECONDS(10));
    assert_string_equal(connected(&b, NS, "east"), "Connected");
    assert_string_equal(connected(&b, "elsewhere", "early"), "SecretNotRead");
    assert_int_equal(b.connects, 1);

    /* Who leaves can do so, wherever. */
    early = doc_copy(sim_get(b.central, remote_kind(), "elsewhere", "early"));
    json_object_set_new(doc_at(early, "metadata"), "finalizers", json_pack("[s]", api_resource_remote_istio.finalizer));
    mark_deleted(early);
    sim_apply(b.central, remote_kind(), early);
    run(&b, SECONDS(20));
    assert_null(sim_get(b.central, remote_kind(), "elsewhere", "early"));
    assert_string_equal(connected(&b, NS, "east"), "Connected");
    assert_int_equal(b.connects, 3);

    put_resource_in(&b, "elsewhere", "early");
    delete_resource(&b, "east");
    run(&b, SECONDS(20));
    assert_null(sim_get(b.central, remote_kind(), NS, "east"));
    assert_int_equal(count(b.remote[0], "apps/v1", "Deployment"), 0);
    /* The only one is read now. */
    assert_string_equal(connected(&b, "elsewhere", "early"), "Connected");
    finish(&b);
}

enum { LARGE_COUNT = 48 };

static void put_large_namespaces(struct bench *b, size_t remote)
{
    _cleanup_free_ char *mebibyte = str_printf("%0*d", 1024 * 1024, 0);

    for (int i = 0; i < LARGE_COUNT; i++) {
        _cleanup_free_ char *name = str_printf("large-%d", i);
        json_t *ns = object("v1", "Namespace", NULL, name);
        json_object_set_new(doc_make(ns, "metadata", "labels"), "size", json_string(mebibyte));
        sim_apply(b->remote[remote], kind_of("v1", "Namespace"), ns);
    }
}

static void a_cluster_that_is_too_large_says_so_and_the_others_go_on(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, false);
    join(&b, 0);
    join(&b, 1);
    put_large_namespaces(&b, 0);
    run(&b, SECONDS(30));
    assert_string_equal(status_of(&b, "east", "Status"), "Unreachable");
    assert_string_equal(
        status_of(&b, "east", "ErrorMessage"),
        "holds more than 32 MiB of objects that the operator reads: most are of kind Namespace");
    put_pod(&b, "pilot-1", "10.0.0.1");
    run(&b, SECONDS(1));
    assert_int_equal(
        doc_int(doc_at(sim_get(b.central, remote_kind(), NS, "west"), "status", "endpointsSynced"), -1), 1);
    run(&b, SECONDS(60));
    assert_string_equal(status_of(&b, "east", "Status"), "Unreachable");

    for (int i = 0; i < LARGE_COUNT; i++) {
        _cleanup_free_ char *name = str_printf("large-%d", i);
        sim_delete(b.remote[0], kind_of("v1", "Namespace"), NULL, name);
    }
    run(&b, SECONDS(125));
    assert_string_equal(status_of(&b, "east", "Status"), status_of(&b, "west", "Status"));
    assert_int_equal(
        doc_int(doc_at(sim_get(b.central, remote_kind(), NS, "east"), "status", "endpointsSynced"), -1), 1);
    finish(&b);
}

static void only_those_concerned_plan(void **state)
{
    struct bench b;
    uint64_t before[REMOTES];

    (void)state;
    begin(&b, false);
    for (size_t i = 0; i < REMOTES; i++)
        join(&b, i);
    run(&b, SECONDS(5));
    for (size_t i = 0; i < REMOTES; i++)
        before[i] = plans_of(&b, names[i]);

    /* Settled. */
    run(&b, SECONDS(20));
    for (size_t i = 0; i < REMOTES; i++)
        assert_int_equal(plans_of(&b, names[i]), before[i]);

    /* What happens in one of them is its own. */
    sim_delete(b.remote[1], kind_of("v1", "ServiceAccount"), NS, "istio-citadel-service-account");
    run(&b, SECONDS(2));
    assert_true(is_joined(&b, 1));
    assert_non_null(sim_get(b.remote[1], kind_of("v1", "ServiceAccount"), NS, "istio-citadel-service-account"));
    assert_int_equal(plans_of(&b, "east"), before[0]);
    assert_true(plans_of(&b, "west") > before[1]);
    assert_int_equal(plans_of(&b, "north"), before[2]);

    /* So is its RemoteIstio. */
    before[1] = plans_of(&b, "west");
    put_kubeconfig(&b, "north", "north", "first", "another/key");
    run(&b, SECONDS(2));
    assert_true(plans_of(&b, "north") > before[2]);
    assert_int_equal(plans_of(&b, "west"), before[1]);

    /* What changes in the central mesh but is nothing to them. */
    before[2] = plans_of(&b, "north");
    sim_delete(b.central, kind_of("v1", "Service"), NS, "istio-pilot");
    run(&b, SECONDS(2));
    assert_int_equal(plans_of(&b, "north"), before[2]);

    /* A central Pod concerns all. */
    put_pod(&b, "pilot", "10.0.0.1");
    run(&b, SECONDS(2));
    for (size_t i = 0; i < REMOTES; i++) {
        const json_t *endpoints = sim_get(b.remote[i], kind_of("v1", "Endpoints"), NS, "istio-pilot");
        assert_string_equal(
            doc_string(json_array_get(doc_at(json_array_get(doc_at(endpoints, "subsets"), 0), "addresses"), 0), "ip"),
            "10.0.0.1");
        assert_true(plans_of(&b, names[i]) > before[i]);
    }
    finish(&b);
}

/* It connects and plans, so that taking over needs no reading; it writes nothing. */
static void a_standby_connects_and_writes_nothing_until_it_takes_over(void **state)
{
    struct bench b;
    uint64_t plans;

    (void)state;
    begin(&b, true);
    put_kubeconfig(&b, "east", "east", "first", NULL);
    put_resource(&b, "east");
    run(&b, SECONDS(60));
    assert_int_equal(b.connects, 1);
    assert_int_equal(sim_take_counts(b.central).writes, 0);
    assert_int_equal(sim_take_counts(b.remote[0]).writes, 0);
    plans = plans_of(&b, "east");
    run(&b, SECONDS(60));
    assert_in_range(plans_of(&b, "east") - plans, 0, 10);

    b.gate_open = true;
    controller_set_acting(b.controller, true);
    run(&b, SECONDS(5));
    assert_true(is_joined(&b, 0));
    assert_int_equal(b.connects, 1);

    /* It stands by again. */
    b.gate_open = false;
    controller_set_acting(b.controller, false);
    sim_take_counts(b.remote[0]);
    sim_delete(b.remote[0], kind_of("v1", "ServiceAccount"), NS, "istio-citadel-service-account");
    run(&b, SECONDS(5));
    assert_int_equal(sim_take_counts(b.remote[0]).writes, 0);
    b.gate_open = true;
    controller_set_acting(b.controller, true);
    run(&b, SECONDS(2));
    assert_non_null(sim_get(b.remote[0], kind_of("v1", "ServiceAccount"), NS, "istio-citadel-service-account"));
    finish(&b);
}

/* The value of a metric of a remote cluster, "" where there is none. Owned by the caller. */
static char *metric(const struct bench *b, const char *name, const char *remote)
{
    _cleanup_free_ char *start =
        str_printf("\nistio_operator_remote_%s{namespace=\"" NS "\",remote=\"%s\"} ", name, remote);
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *at;

    metrics_print_remotes(b->controller, &text);
    at = strstr(buf_str(&text), start);
    return at ? str_dup_n(at + strlen(start), strcspn(at + strlen(start), "\n")) : str_dup("");
}

static void expect_metric(const struct bench *b, const char *name, const char *remote, const char *value)
{
    _cleanup_free_ char *text = metric(b, name, remote);

    assert_string_equal(text, value);
}

static void metrics_tell_of_each_remote_cluster(void **state)
{
    struct bench b;
    _cleanup_buf_ struct buf none = BUF_INIT;
    _cleanup_free_ char *watches = NULL, *writes = NULL;

    (void)state;
    begin(&b, false);
    metrics_print_remotes(b.controller, &none);
    assert_int_equal(none.len, 0);
    put_resource(&b, "west"); /* and no Secret */
    join(&b, 0);
    expect_metric(&b, "connected", "east", "1");
    expect_metric(&b, "drift_objects", "east", "0");
    watches = metric(&b, "watches_open", "east");
    assert_int_equal(strtol(watches, NULL, 10), sim_open_watches(b.remote[0]));
    writes = metric(&b, "writes_total", "east");
    assert_in_range(strtol(writes, NULL, 10), 20, 60);
    expect_metric(&b, "connected", "west", "0");
    expect_metric(&b, "last_contact_age_seconds", "west", "");
    expect_metric(&b, "watches_open", "west", "0");

    sim_set_down(b.remote[0], true);
    run(&b, SECONDS(30));
    expect_metric(&b, "connected", "east", "0");
    {
        _cleanup_free_ char *age = metric(&b, "last_contact_age_seconds", "east");
        assert_in_range(strtol(age, NULL, 10), 25, 60);
    }
    sim_delete(b.central, remote_kind(), NS, "east");
    run(&b, SECONDS(1));
    expect_metric(&b, "connected", "east", "");
    finish(&b);
}

/* A write is under way when its cluster is disconnected, and when all ends. */
static void ends_at_any_moment(void **state)
{
    (void)state;
    for (msec_t moment = STEP; moment < 600; moment += 5 * STEP) {
        struct bench b;
        const struct sim_faults slow = {.way_most = 100};
        begin(&b, false);
        sim_faults(b.central, &slow);
        sim_faults(b.remote[0], &slow);
        put_kubeconfig(&b, "east", "east", "first", NULL);
        put_resource(&b, "east");
        run(&b, moment);
        if (moment % 100 < 50)
            put_kubeconfig(&b, "east", "east", "second", NULL);
        else
            sim_delete(b.central, remote_kind(), NS, "east");
        run(&b, moment % 70);
        if (moment % 150 < 100) {
            run(&b, SECONDS(10));
            assert_int_equal(is_joined(&b, 0), sim_get(b.central, remote_kind(), NS, "east") != NULL);
        }
        finish(&b);
    }
}

/* Another uid under the same name. Whether there is a plan between the two events is up to how they arrive. */
static void a_resource_that_was_created_again_takes_over(void **state)
{
    int unnoticed = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct bench b;
        const char *uid;
        const json_t *config;
        begin(&b, false);
        join(&b, 0);
        for (int k = 0; k < i; k++)
            sim_random(b.central);
        sim_delete(b.central, remote_kind(), NS, "east");
        put_resource(&b, "east");
        run(&b, SECONDS(10));
        uid = doc_string(sim_get(b.central, remote_kind(), NS, "east"), "metadata", "uid");
        config = sim_get(b.remote[0], kind_of(API_GROUP_VERSION, "Istio"), NS, MESH_REMOTE_OWNER);
        assert_string_equal(doc_string(config, "metadata", "labels", MARK_OWNER), uid);
        assert_true(is_joined(&b, 0));
        unnoticed += b.connects == 1;
        finish(&b);
    }
    assert_in_range(unnoticed, 1, 10);
}

/* What the servers in memory remember of the past is not the operator's. */
static size_t heap_in_use(struct bench *b)
{
    sim_set_down(b->central, true);
    sim_set_down(b->remote[0], true);
    sim_set_down(b->central, false);
    sim_set_down(b->remote[0], false);
    run(b, SECONDS(40));
    map_clear(server_find(sim_server(b->central), "", "events")->objects);
    return mallinfo2().uordblks;
}

static void nothing_grows_by_joining_and_leaving(void **state)
{
    struct bench b;
    size_t before = 0;

    (void)state;
    begin(&b, false);
    for (int i = 0; i < JOINS; i++) {
        if (i == WARM_UP)
            before = heap_in_use(&b);
        put_kubeconfig(&b, "east", "east", "first", NULL);
        put_resource(&b, "east");
        for (int k = 0; k < 100 && !is_joined(&b, 0); k++)
            run(&b, 5 * STEP);
        assert_true(is_joined(&b, 0));
        delete_resource(&b, "east");
        for (int k = 0; k < 100 && has_remote(&b, "east"); k++)
            run(&b, 5 * STEP);
        assert_false(has_remote(&b, "east"));
        assert_int_equal(sim_open_watches(b.remote[0]), 0);
    }
    if (before) /* Under a sanitizer or valgrind there is no such number, and leaks are found by them. */
        assert_in_range(heap_in_use(&b), 0, before + 100000);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_joins_and_leaves),
        cmocka_unit_test(other_credentials_are_used_immediately_and_other_labels_change_nothing),
        cmocka_unit_test(without_its_secret_the_connection_ends_and_nothing_is_deleted),
        cmocka_unit_test(without_a_mesh_secrets_are_read_where_they_matter_most),
        cmocka_unit_test(a_cluster_that_is_too_large_says_so_and_the_others_go_on),
        cmocka_unit_test(only_those_concerned_plan),
        cmocka_unit_test(a_standby_connects_and_writes_nothing_until_it_takes_over),
        cmocka_unit_test(metrics_tell_of_each_remote_cluster),
        cmocka_unit_test(ends_at_any_moment),
        cmocka_unit_test(a_resource_that_was_created_again_takes_over),
        cmocka_unit_test(nothing_grows_by_joining_and_leaving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
