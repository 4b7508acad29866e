/*
 * The controller of the mesh on simulated time, against an API server in memory that refuses, changes and keeps what it
 * is notified of: what is written when, and what users read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "api/istio.h"
#include "base/str.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "reconcile/controller.h"
#include "reconcile/marks.h"
#include "sim.h"

#define NS "istio-system"

struct bench {
    struct sim *sim;
    struct controller *controller;
    struct connector connector;
    json_t *events; /* as they were created */
    /* Writes of objects whose path ends so are refused; NULL: none. */
    const char *refused, *message;
    int status;
    /* Of what is written there, this field of the spec, or of a Pod's, does not arrive; NULL: all does. */
    const char *dropped_in, *dropped;
    size_t writes; /* of objects whose path ends with `counted` */
    const char *counted;
};

static const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    return kube_kind_find(&mesh_kinds, api_version, kind);
}

static const struct kube_kind *istio_kind(void)
{
    return kind_of(API_GROUP_VERSION, "Istio");
}

static int connect_to(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_INVALID, "nobody is there");
}

/* Whether a request is about this object: a creation has its name in the body alone. */
static bool is_about(const char *path, const json_t *body, const char *end)
{
    _cleanup_free_ char *name = STR_JOIN('/', path, str_or(doc_string(body, "metadata", "name"), ""));

    return end && (str_ends(path, end) || str_ends(name, end));
}

static int review(void *context, enum net_method method, const char *path, json_t *body, const char **ret_message)
{
    struct bench *b = context;

    if (str_ends(path, "/events")) {
        json_array_append(b->events, body);
        return 0;
    }
    b->writes += is_about(path, body, b->counted);
    if (is_about(path, body, b->refused)) {
        *ret_message = b->message;
        return b->status;
    }
    if (is_about(path, body, b->dropped_in) && method != NET_DELETE) {
        json_object_del(doc_at(body, "spec", "template", "spec"), b->dropped);
        json_object_del(doc_at(body, "spec"), b->dropped);
    }
    return 0;
}

static json_t *object(const char *api_version, const char *kind, const char *ns, const char *name)
{
    return OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        MAP("metadata", STRING("name", name), STRING("namespace", ns)));
}

static void put_mesh(struct bench *b, const char *ns, const char *name, const char *created, const char *spec)
{
    const json_t *live = sim_get(b->sim, istio_kind(), ns, name);
    json_t *mesh = live ? doc_copy(live) : object(API_GROUP_VERSION, "Istio", ns, name), *parsed;
    json_t *metadata = doc_make(mesh, "metadata");

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, NULL), 0);
    json_object_set_new(mesh, "spec", parsed);
    json_object_set_new(metadata, "generation", json_integer(doc_int(doc_at(metadata, "generation"), 0) + 1));
    if (created)
        json_object_set_new(metadata, "creationTimestamp", json_string(created));
    sim_apply(b->sim, istio_kind(), mesh);
}

/* Deployments get the status of a finished rollout. */
static void roll_out(struct bench *b)
{
    const struct kube_kind *kind = kind_of("apps/v1", "Deployment");
    json_t *all = json_array(), *d;
    const json_t *o;
    size_t i;

    for (i = 0; (o = sim_next(b->sim, kind, &i));)
        json_array_append_new(all, doc_copy(o));
    json_array_foreach(all, i, d) {
        json_int_t replicas = doc_int(doc_at(d, "spec", "replicas"), 1);
        json_object_set_new(
            d,
            "status",
            OBJECT(
                INT("observedGeneration", doc_int(doc_at(d, "metadata", "generation"), 0)),
                INT("replicas", replicas),
                INT("updatedReplicas", replicas),
                INT("readyReplicas", replicas),
                INT("availableReplicas", replicas)));
        sim_apply(b->sim, kind, json_incref(d));
    }
    json_decref(all);
}

static void put_namespace(struct bench *b, const char *name)
{
    sim_apply(b->sim, kind_of("v1", "Namespace"), object("v1", "Namespace", NULL, name));
}

static int begin(void **state)
{
    const struct controller_options options = {.kinds = &operator_kinds, .ns = NS, .keeps_memory = true};
    struct bench *b = NEW(struct bench);

    *b = (struct bench){
        .sim = sim_new(&mesh_kinds, 20, 1),
        .connector = {connect_to, NULL},
        .events = json_array(),
        .message = "no",
        .status = 422};
    sim_review(b->sim, review, b);
    sim_apply(
        b->sim, kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), api_crd(&api_resource_istio, "v1"));
    sim_apply(
        b->sim,
        kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        api_crd(&api_resource_remote_istio, "v1"));
    put_namespace(b, NS);
    put_namespace(b, "shop");
    b->controller = controller_new_on(sim_io(b->sim), &options, &b->connector);
    controller_start(b->controller);
    *state = b;
    return 0;
}

/* A mesh that is Available; the namespace shop is on its list. */
static int begin_with_mesh(void **state)
{
    struct bench *b;

    begin(state);
    b = *state;
    put_mesh(b, NS, "istio", "2018-12-17T00:00:00Z", "{\"autoInjectionNamespaces\": [\"shop\"]}");
    sim_run(b->sim, SECONDS(5));
    roll_out(b);
    sim_run(b->sim, SECONDS(5));
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;

    controller_free(b->controller);
    sim_free(b->sim);
    json_decref(b->events);
    free(b);
    return 0;
}

static const char *status_of(const struct bench *b, const char *ns, const char *name, const char *field)
{
    return str_or(doc_string(sim_get(b->sim, istio_kind(), ns, name), "status", field), "");
}

static const char *status(const struct bench *b, const char *field)
{
    return status_of(b, NS, "istio", field);
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not have \"%s\"", text, part);
}

/* How many Events with this reason (NULL: any) were told of the resource of this name. */
static size_t events_about(const struct bench *b, const char *name, const char *reason)
{
    size_t i, count = 0;
    json_t *event;

    json_array_foreach(b->events, i, event) {
        const json_t *about = doc_at(event, "involvedObject");
        const json_t *resource =
            sim_get(b->sim, istio_kind(), doc_string(about, "namespace"), doc_string(about, "name"));
        /* kubectl describe finds them by the uid. */
        if (str_eq(doc_string(about, "name"), name) && (!reason || str_eq(doc_string(event, "reason"), reason)))
            count += str_eq(doc_string(about, "uid"), doc_string(resource, "metadata", "uid"));
    }
    return count;
}

static void events_are_reported_of_the_resource_that_they_follow_from(void **state)
{
    struct bench *b = *state;

    /* It comes first by its name, in the cache and in a list, and last by its age. */
    put_mesh(b, "default", "another", "2019-05-01T00:00:00Z", "{}");
    put_mesh(b, NS, "istio", "2018-12-17T00:00:00Z", "{}");
    sim_run(b->sim, SECONDS(5));
    roll_out(b);
    sim_run(b->sim, SECONDS(5));
    assert_string_equal(status(b, "Status"), "Available");
    assert_string_equal(status_of(b, "default", "another", "Status"), "ReconcileFailed");
    json_array_clear(b->events);
    sim_delete(b->sim, kind_of("v1", "Service"), NS, "istio-pilot");
    sim_run(b->sim, SECONDS(5));
    assert_int_equal(events_about(b, "istio", "Healed"), 1);
    assert_int_equal(events_about(b, "another", "Healed"), 0);
    /* What is wrong with the second one is reported of that, once. */
    put_mesh(b, "default", "another", NULL, "{\"mtls\": true}");
    sim_run(b->sim, SECONDS(5));
    put_mesh(b, "default", "third", "2019-06-01T00:00:00Z", "{}");
    sim_run(b->sim, SECONDS(5));
    assert_int_equal(events_about(b, "third", "ReconcileFailed"), 1);
    assert_int_equal(events_about(b, "istio", "ReconcileFailed"), 0);
    assert_int_equal(events_about(b, "another", "ReconcileFailed"), 0);
    assert_int_equal(json_array_size(b->events), events_about(b, "istio", NULL) + events_about(b, "third", NULL));
}

/* Of two that take turns neither is reported again and again. */
static void a_status_that_says_the_same_is_no_news(void **state)
{
    struct bench *b = *state;

    put_mesh(b, "default", "second", "2019-05-01T00:00:00Z", "{}");
    sim_run(b->sim, SECONDS(5));
    for (int i = 0; i < 5; i++) {
        put_mesh(b, "default", "second", NULL, i % 2 ? "{}" : "{\"mtls\": true}");
        sim_run(b->sim, SECONDS(2));
        put_mesh(
            b,
            NS,
            "istio",
            NULL,
            i % 2 ? "{\"autoInjectionNamespaces\": [\"shop\"]}"
                  : "{\"autoInjectionNamespaces\": [\"shop\"], \"removeCRDs\": true}");
        sim_run(b->sim, SECONDS(2));
    }
    assert_int_equal(events_about(b, "second", "ReconcileFailed"), 1);
    assert_int_equal(events_about(b, "istio", "Available"), 1);
}

/* --- what is stuck --- */

static const struct kube_kind *config_maps(void)
{
    return kind_of("v1", "ConfigMap");
}

/* Another text in it than is asked for, by another client. */
static void change_config(struct bench *b, const char *text)
{
    json_t *map = doc_copy(sim_get(b->sim, config_maps(), NS, "istio"));

    json_object_set_new(doc_at(map, "data"), "mesh", json_string(text));
    sim_apply(b->sim, config_maps(), map);
}

static void a_refused_write_is_tried_again_when_the_object_changes_or_is_gone(void **state)
{
    struct bench *b = *state;
    size_t writes;

    b->refused = "/configmaps/istio";
    b->counted = b->refused;
    change_config(b, "a");
    sim_run(b->sim, SECONDS(90));
    writes = b->writes;
    assert_in_range(writes, 5, 12);
    expect_in(status(b, "ErrorMessage"), "ConfigMap/istio-system/istio: no");
    /* The back-off is half a minute by now. */
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(b->writes, writes);
    change_config(b, "b");
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(b->writes, writes + 1);
    /* What changes by itself is no reason. */
    {
        json_t *map = doc_copy(sim_get(b->sim, config_maps(), NS, "istio"));
        json_object_set_new(map, "status", OBJECT(INT("seen", 1)));
        sim_apply(b->sim, config_maps(), map);
    }
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(b->writes, writes + 1);
    b->refused = NULL;
    sim_delete(b->sim, config_maps(), NS, "istio");
    sim_run(b->sim, 200);
    assert_non_null(sim_get(b->sim, config_maps(), NS, "istio"));
    sim_run(b->sim, SECONDS(5));
    assert_string_equal(status(b, "Status"), "Available");
}

static void a_refused_write_is_tried_again_when_the_resource_changes(void **state)
{
    struct bench *b = *state;

    b->refused = "/deployments/istio-pilot";
    b->counted = b->refused;
    put_mesh(b, NS, "istio", NULL, "{\"autoInjectionNamespaces\": [\"shop\"], \"imageTag\": \"a\"}");
    sim_run(b->sim, SECONDS(90));
    b->writes = 0;
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(b->writes, 0);
    b->refused = NULL;
    put_mesh(b, NS, "istio", NULL, "{\"autoInjectionNamespaces\": [\"shop\"], \"imageTag\": \"b\"}");
    sim_run(b->sim, SECONDS(1));
    assert_int_equal(b->writes, 1);
}

/* The words of a refusal may change with each try, by something that nobody left out. It is one Event in a while. */
static void a_refusal_is_reported_once(void **state)
{
    struct bench *b = *state;

    b->refused = "/configmaps/istio";
    change_config(b, "a");
    sim_run(b->sim, SECONDS(300));
    assert_int_equal(events_about(b, "istio", "Refused"), 1);
    assert_int_equal(events_about(b, "istio", "ReconcileFailed"), 1);
}

/* --- what the API server does not keep --- */

static const struct kube_kind *rules(void)
{
    return kind_of("config.istio.io/v1alpha2", "rule");
}

static const char unkept[] =
    "rule/istio-system/stdio: the API server accepted the write and did not keep it: spec.match; it does not know the "
    "field, or an admission webhook changes it";

/* The server knows the kind in another version, and drops a field of it. */
static void drop_field(struct bench *b)
{
    b->counted = b->dropped_in = "/rules/stdio";
    b->dropped = "match";
    json_array_clear(b->events);
    sim_delete(b->sim, rules(), NS, "stdio");
    sim_run(b->sim, SECONDS(3));
}

static void what_the_server_drops_is_reported_once_and_written_more_and_more_slowly(void **state)
{
    struct bench *b = *state;

    drop_field(b);
    assert_int_equal(b->writes, 2); /* to create it, and to find out */
    assert_string_equal(status(b, "Status"), "ReconcileFailed");
    assert_string_equal(status(b, "ErrorMessage"), unkept);
    assert_int_equal(events_about(b, "istio", "Healed"), 1);
    assert_int_equal(events_about(b, "istio", "NotKept"), 1);
    sim_run(b->sim, SECONDS(3600));
    assert_in_range(b->writes, 8, 16);
    sim_run(b->sim, 8 * SECONDS(3600)); /* four an hour, or so */
    assert_in_range(b->writes, 35, 60);
    assert_int_equal(events_about(b, "istio", "NotKept"), 1);
}

static void what_was_dropped_is_written_when_the_object_or_the_resource_changes(void **state)
{
    struct bench *b = *state;
    json_t *rule;

    drop_field(b);
    rule = doc_copy(sim_get(b->sim, rules(), NS, "stdio"));
    json_object_set_new(doc_make(rule, "metadata", "annotations"), "example.com/by", json_string("another"));
    sim_apply(b->sim, rules(), rule);
    sim_run(b->sim, SECONDS(3));
    assert_int_equal(b->writes, 3);
    assert_string_equal(status(b, "ErrorMessage"), unkept);
    put_mesh(
        b,
        NS,
        "istio",
        NULL,
        "{\"overlays\": [{\"kind\": \"rule\", \"name\": \"stdio\", \"patches\": [{\"op\": \"remove\", \"path\": "
        "\"/spec/match\"}]}]}");
    sim_run(b->sim, SECONDS(3));
    assert_int_equal(b->writes, 4);
    assert_string_equal(status(b, "Status"), "Available");
}

/* The definition or the webhook may have been mended, which no object shows. */
static void what_was_dropped_is_tried_again_after_a_while(void **state)
{
    struct bench *b = *state;

    drop_field(b);
    sim_run(b->sim, SECONDS(600));
    b->dropped_in = NULL;
    sim_run(b->sim, SECONDS(16 * 60));
    assert_string_equal(status(b, "Status"), "Available");
    assert_non_null(doc_at(sim_get(b->sim, rules(), NS, "stdio"), "spec", "match"));
}

#define CLOUD "service.kubernetes.io/load-balancer-cleanup"

static void hold(struct bench *b, const struct kube_kind *kind, const char *name, const char *finalizer)
{
    json_t *o = doc_copy(sim_get(b->sim, kind, NS, name));

    json_object_set_new(doc_at(o, "metadata"), "finalizers", ARRAY(ITEM_STRING(finalizer)));
    sim_apply(b->sim, kind, o);
    sim_run(b->sim, SECONDS(1));
}

static void an_object_in_deletion_is_reported_and_created_again_when_it_is_gone(void **state)
{
    struct bench *b = *state;
    const struct kube_kind *services = kind_of("v1", "Service");

    hold(b, services, "istio-ingressgateway", CLOUD);
    assert_string_equal(status(b, "Status"), "Available");
    sim_request_deletion(b->sim, services, NS, "istio-ingressgateway");
    sim_run(b->sim, SECONDS(5));
    assert_string_equal(status(b, "Status"), "Reconciling");
    expect_in(
        status(b, "ErrorMessage"),
        "Service/istio-system/istio-ingressgateway: is being deleted, held by the finalizer " CLOUD);
    b->counted = "/services/istio-ingressgateway";
    sim_run(b->sim, SECONDS(600));
    assert_int_equal(b->writes, 0);
    sim_delete(b->sim, services, NS, "istio-ingressgateway");
    sim_run(b->sim, 200);
    assert_int_equal(b->writes, 1);
    sim_run(b->sim, SECONDS(5));
    assert_string_equal(status(b, "Status"), "Available");
}

/* Of a Service the server says that it is gone; of others it gives the object as it stays. */
static void removal_waits_until_what_is_held_is_gone(void **state)
{
    struct bench *b = *state;
    const struct kube_kind *services = kind_of("v1", "Service");

    hold(b, services, "istio-ingressgateway", CLOUD);
    hold(b, config_maps(), "istio", "example.com/keep");
    sim_request_deletion(b->sim, istio_kind(), NS, "istio");
    sim_run(b->sim, SECONDS(600));
    assert_non_null(sim_get(b->sim, istio_kind(), NS, "istio"));
    expect_in(status(b, "ErrorMessage"), "removing: 2 objects left: ");
    expect_in(status(b, "ErrorMessage"), "Service/istio-system/istio-ingressgateway: is being deleted, held by");
    expect_in(status(b, "ErrorMessage"), "ConfigMap/istio-system/istio: is being deleted, held by");
    sim_delete(b->sim, config_maps(), NS, "istio");
    sim_run(b->sim, SECONDS(5));
    expect_in(status(b, "ErrorMessage"), "removing: 1 object left: Service/istio-system/istio-ingressgateway");
    sim_delete(b->sim, services, NS, "istio-ingressgateway");
    sim_run(b->sim, SECONDS(5));
    assert_null(sim_get(b->sim, istio_kind(), NS, "istio"));
}

/* The schema leaves the values of overlays open, so an API server stores values that cannot be read. */
static void a_resource_that_is_too_deep_is_refused_alone(void **state)
{
    struct bench *b = *state;
    json_t *deep = object(API_GROUP_VERSION, "Istio", NS, "deep"), *overlay, *value;

    overlay = OBJECT(
        STRING("kind", "ConfigMap"),
        STRING("name", "istio"),
        SEQ("patches", ITEM(STRING("op", "add"), STRING("path", "/data"), MAP("value", STRING("b", "c")))));
    value = doc_at(json_array_get(doc_at(overlay, "patches"), 0), "value");
    for (int i = 0; i < 150; i++)
        value = doc_make(value, "a");
    json_object_set_new(deep, "spec", OBJECT(SEQ("overlays", ITEM_VALUE(overlay))));
    json_object_set_new(doc_make(deep, "metadata"), "creationTimestamp", json_string("2018-12-01T00:00:00Z"));
    sim_apply(b->sim, istio_kind(), deep);
    put_mesh(b, NS, "istio", "2018-12-17T00:00:00Z", "{}");
    sim_run(b->sim, SECONDS(5));
    expect_in(status_of(b, NS, "deep", "ErrorMessage"), "spec.overlays[0].patches[0].value.a.a");
    expect_in(status_of(b, NS, "deep", "ErrorMessage"), "the object is nested deeper than 128");
    assert_string_not_equal(status(b, "Status"), "");
}

/* By --cascade=orphan. */
static void a_mesh_that_is_orphaned_stays_and_that_is_said(void **state)
{
    struct bench *b = *state;
    const struct kube_kind *kind = kind_of("apps/v1", "Deployment");
    json_t *going = doc_copy(sim_get(b->sim, istio_kind(), NS, "istio"));

    json_array_clear(b->events);
    json_object_set_new(doc_at(going, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    json_array_append_new(doc_at(going, "metadata", "finalizers"), json_string("orphan"));
    sim_apply(b->sim, istio_kind(), going);
    sim_run(b->sim, SECONDS(60));
    assert_int_equal(events_about(b, "istio", "Orphaned"), 1);
    assert_non_null(sim_get(b->sim, kind, NS, "istio-pilot"));
    assert_int_equal(json_array_size(doc_at(sim_get(b->sim, istio_kind(), NS, "istio"), "metadata", "finalizers")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resource_that_is_too_deep_is_refused_alone, begin, end),
        cmocka_unit_test_setup_teardown(events_are_reported_of_the_resource_that_they_follow_from, begin, end),
        cmocka_unit_test_setup_teardown(a_status_that_says_the_same_is_no_news, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(
            a_refused_write_is_tried_again_when_the_object_changes_or_is_gone, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(a_refused_write_is_tried_again_when_the_resource_changes, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(a_refusal_is_reported_once, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(
            what_the_server_drops_is_reported_once_and_written_more_and_more_slowly, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(
            what_was_dropped_is_written_when_the_object_or_the_resource_changes, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(what_was_dropped_is_tried_again_after_a_while, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(
            an_object_in_deletion_is_reported_and_created_again_when_it_is_gone, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(a_mesh_that_is_orphaned_stays_and_that_is_said, begin_with_mesh, end),
        cmocka_unit_test_setup_teardown(removal_waits_until_what_is_held_is_gone, begin_with_mesh, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
