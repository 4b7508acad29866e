/* A release from its beginning to its end, by the plans alone. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

static struct canary_world *start(const char *spec)
{
    struct canary_world *cw = NEW(struct canary_world);

    canary_world_init(cw, spec);
    return cw;
}

static void done(struct canary_world *cw)
{
    canary_world_release(cw);
    free(cw);
}

static void expect_status(struct canary_world *cw, const char *field, const char *text)
{
    _cleanup_free_ char *is = canary_world_status(cw, field);

    assert_string_equal(is, text);
}

static void expect_image(struct canary_world *cw, const char *deployment, const char *image)
{
    _cleanup_free_ char *is = canary_world_image(cw, deployment);

    assert_string_equal(is, image);
}

/* Initialised, and a new version declared. */
static struct canary_world *start_release(const char *spec)
{
    struct canary_world *cw = start(spec);

    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    canary_world_release_image(cw, "app:2");
    return cw;
}

static void the_primary_serves_before_the_target_ends(void **state)
{
    struct canary_world *cw = start(NULL);

    (void)state;
    while (canary_world_replicas(cw, APP) != 0) {
        canary_world_step(cw);
        if (cw->again != MSEC_NEVER)
            cw->w.later = cw->again;
    }
    assert_int_equal(canary_world_weight(cw), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
    expect_image(cw, APP "-primary", "app:1");
    /* 5 s for proxies to learn of the primary, and 35 s for them to forget the target. */
    assert_true(cw->w.later >= SECONDS(40));
    done(cw);
}

static void a_good_version_is_promoted_step_by_step(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_string_equal(
        cw->log,
        "Progressing 0\n"
        "Progressing 10\n"
        "Progressing 50\n"
        "Promoting 50\n"
        "Finalising 0\n"
        "Succeeded 0\n");
    canary_world_rest(cw, SECONDS(60));
    expect_image(cw, APP "-primary", "app:2");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    done(cw);
}

static void a_settled_canary_writes_and_asks_nothing(void **state)
{
    struct canary_world *cw = start_release(NULL);
    int writes, asked;
    size_t managed;

    (void)state;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    writes = cw->writes;
    asked = cw->metrics.asked;
    canary_world_rest(cw, SECONDS(3600));
    assert_false(canary_world_step(cw));
    assert_int_equal(cw->writes, writes);
    assert_int_equal(cw->metrics.asked, asked);
    assert_true(cw->managed > 0);
    managed = cw->managed;
    canary_world_forget(cw); /* as after a restart */
    assert_false(canary_world_step(cw));
    assert_int_equal(cw->managed, managed);
    done(cw);
}

/* What was settled is looked at again when any of it changes. */
static void a_settled_canary_notices_what_changes(void **state)
{
    static const enum mesh_kind_id kinds[] = {KIND_SERVICE, KIND_DEPLOYMENT, KIND_CONFIG_MAP, KIND_VIRTUAL_SERVICE};
    static const char *const names[] = {APP "-canary", APP "-primary", APP "-original", APP};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct canary_world *cw = start_release(NULL);
        canary_world_until(cw, "Succeeded", 0);
        canary_world_rest(cw, SECONDS(60));
        kube_cache_remove(cw->w.cache, mesh_kind(kinds[i]), APP_NS, names[i], NULL);
        canary_world_rest(cw, SECONDS(60));
        assert_non_null(kube_cache_get(cw->w.cache, mesh_kind(kinds[i]), APP_NS, names[i]));
        expect_status(cw, STATUS_FIELD_PHASE, "Succeeded");
        done(cw);
    }
}

static void bad_answers_bring_all_traffic_back_with_the_verdict(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    cw->metrics.failed = 5;
    canary_world_until(cw, "Failed", -1);
    assert_int_equal(canary_world_weight(cw), 0); /* in the same plan */
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
    expect_status(cw, STATUS_FIELD_REASON, "ChecksFailed");
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    expect_image(cw, APP "-primary", "app:1");
    canary_world_rest(cw, SECONDS(600));
    expect_status(cw, STATUS_FIELD_PHASE, "Failed");
    done(cw);
}

static void a_version_that_fails_every_request_is_no_lack_of_data(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    cw->metrics.failed = cw->metrics.total;
    canary_world_until(cw, "Failed", 0);
    expect_status(cw, STATUS_FIELD_REASON, "ChecksFailed");
    done(cw);
}

static void a_slow_version_fails(void **state)
{
    struct canary_world *cw = start_release(NULL);
    _cleanup_free_ char *message = NULL;

    (void)state;
    cw->metrics.milliseconds = 501;
    canary_world_until(cw, "Failed", 0);
    message = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    assert_non_null(strstr(message, "request-duration: 501 is above 500"));
    done(cw);
}

static void hold_at_10(struct canary_world *cw, const char *reason)
{
    canary_world_until(cw, "Progressing", 10);
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(canary_world_weight(cw), 10);
    expect_status(cw, STATUS_FIELD_PHASE, "Progressing");
    expect_status(cw, STATUS_FIELD_REASON, reason);
}

static void without_data_the_weight_stays(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    cw->metrics.is_idle = true;
    hold_at_10(cw, "NoData");
    cw->metrics.is_idle = false;
    cw->metrics.total = 9; /* of the 10 that are needed */
    hold_at_10(cw, "NoData");
    cw->metrics.total = 100;
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

static void without_prometheus_the_weight_stays(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    cw->metrics.down = true;
    hold_at_10(cw, "MetricsUnavailable");
    cw->metrics.down = false;
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

static void a_change_in_the_middle_starts_again_without_traffic(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_release_image(cw, "app:3");
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 0);
    cw->log[0] = '\0';
    canary_world_until(cw, "Succeeded", 0);
    assert_non_null(strstr(cw->log, "Progressing 10\nProgressing 50\n"));
    expect_image(cw, APP "-primary", "app:3");
    done(cw);
}

static void a_version_that_is_taken_back_ends_the_release(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    canary_world_release_image(cw, "app:1");
    canary_world_until(cw, "Succeeded", 0);
    expect_status(cw, STATUS_FIELD_REASON, "Reverted");
    expect_image(cw, APP "-primary", "app:1");
    done(cw);
}

static void pods_that_hang_end_the_release_at_its_deadline(void **state)
{
    struct canary_world *cw = start_release(NULL);
    msec_t began = cw->w.later;

    (void)state;
    cw->target_hangs = true;
    canary_world_until(cw, "Failed", 0);
    expect_status(cw, STATUS_FIELD_REASON, "DeadlineExceeded");
    assert_true(cw->w.later - began >= SECONDS(600) && cw->w.later - began < SECONDS(601));
    done(cw);
}

static void a_primary_that_does_not_start_gets_its_former_template(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Promoting", 50);
    cw->primary_hangs = true;
    canary_world_until(cw, "Promoting", 100); /* the target has the capacity */
    cw->primary_hangs = false;
    canary_world_until(cw, "Failed", 0);
    canary_world_rest(cw, SECONDS(60));
    expect_image(cw, APP "-primary", "app:1");
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    done(cw);
}

static void commands_count_once(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    canary_world_command(cw, "abort@1");
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_until(cw, "Failed", 0);
    expect_status(cw, STATUS_FIELD_REASON, "Aborted");
    canary_world_command(cw, "retry@2");
    canary_world_until(cw, "Progressing", 10); /* abort@1 is over */
    canary_world_command(cw, "promote@3");
    canary_world_until(cw, "Promoting", 10);
    canary_world_until(cw, "Succeeded", 0);
    expect_image(cw, APP "-primary", "app:2");
    done(cw);
}

static void expect_given_back(struct canary_world *cw)
{
    const struct kube_object *apex = kube_cache_get(cw->w.cache, mesh_kind(KIND_TARGET_SERVICE), APP_NS, APP);
    _cleanup_json_ json_t *is = kube_object_parse(apex);
    _cleanup_json_ json_t *selector = OBJECT(STRING("app", APP));

    assert_true(doc_equal(doc_at(is, "spec", "selector"), selector));
    assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
}

static void deletion_gives_back_what_was_there(void **state)
{
    static const struct {
        const char *phase;
        int weight;
    } when[] = {
        {"Initializing", 0},
        {"Initialized", 0},
        {"Progressing", 10},
        {"Promoting", 50},
        {"Finalising", 0},
        {"Succeeded", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        struct canary_world *cw = start(NULL);
        if (i > 1) {
            canary_world_until(cw, "Initialized", 0);
            canary_world_release_image(cw, "app:2");
        }
        canary_world_until(cw, when[i].phase, when[i].weight);
        canary_world_delete(cw);
        expect_given_back(cw);
        assert_int_equal(canary_world_weight(cw), -1);
        done(cw);
    }
}

static json_t *view(struct canary_world *cw, enum mesh_kind_id kind, const char *name)
{
    const struct kube_object *o = kube_cache_get(cw->w.cache, mesh_kind(kind), APP_NS, name);

    return o ? kube_object_parse(o) : NULL;
}

static json_t *own_route(void)
{
    return OBJECT(
        STRING("apiVersion", "networking.istio.io/v1alpha3"),
        STRING("kind", "VirtualService"),
        MAP("metadata", STRING("name", APP), STRING("namespace", APP_NS)),
        MAP("spec",
            STRINGS("hosts", "shop.example"),
            STRINGS("exportTo", "."),
            SEQ("http", ITEM(SEQ("route", ITEM(MAP("destination", STRING("host", APP))))))));
}

static void a_virtual_service_that_was_there_is_given_back(void **state)
{
    struct canary_world *cw = start(NULL);
    _cleanup_json_ json_t *before = own_route(), *during = NULL, *after = NULL;

    (void)state;
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), json_incref(before));
    canary_world_until(cw, "Initialized", 0);
    during = view(cw, KIND_VIRTUAL_SERVICE, APP);
    assert_true(doc_equal(doc_at(during, "spec", "exportTo"), doc_at(before, "spec", "exportTo")));
    assert_string_equal(json_string_value(json_array_get(doc_at(during, "spec", "hosts"), 0)), APP);
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 50);
    canary_world_delete(cw);
    after = view(cw, KIND_VIRTUAL_SERVICE, APP);
    assert_true(doc_equal(doc_at(after, "spec"), doc_at(before, "spec")));
    done(cw);
}

static void a_deployment_of_the_user_is_never_taken_for_the_primary(void **state)
{
    struct canary_world *cw = start(NULL);

    (void)state;
    world_put_as(
        &cw->w,
        mesh_kind(KIND_TARGET_DEPLOYMENT),
        OBJECT(
            STRING("apiVersion", "apps/v1"),
            STRING("kind", "Deployment"),
            MAP("metadata", STRING("name", APP "-primary"), STRING("namespace", APP_NS))));
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(cw->writes, 0);
    expect_status(
        cw, STATUS_FIELD_ERROR_MESSAGE, "Deployment shop/podinfo-primary exists, and this Canary did not create it");
    done(cw);
}

static void a_record_that_is_deleted_follows_the_primary(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_CONFIG_MAP), APP_NS, APP "-original", NULL);
    canary_world_step(cw);
    canary_world_step(cw);
    expect_image(cw, APP "-primary", "app:1");
    canary_world_until(cw, "Succeeded", 0);
    expect_image(cw, APP "-primary", "app:2");
    canary_world_delete(cw);
    expect_given_back(cw);
    done(cw);
}

static void the_primary_stays_where_the_target_does_not_serve(void **state)
{
    struct canary_world *cw = start_release(NULL);
    _cleanup_json_ json_t *primary = NULL;
    msec_t began;

    (void)state;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    cw->target_hangs = true;
    began = cw->w.later;
    canary_world_delete(cw);
    assert_true(cw->w.later - began < SECONDS(601));
    primary = view(cw, KIND_DEPLOYMENT, APP "-primary");
    assert_non_null(primary);
    assert_null(doc_at(primary, "metadata", "labels", MARK_OWNER));
    assert_null(doc_at(primary, "metadata", "ownerReferences"));
    assert_int_equal(canary_world_weight(cw), 0);
    done(cw);
}

static void pause_target(struct canary_world *cw, bool paused)
{
    json_t *target = view(cw, KIND_TARGET_DEPLOYMENT, APP);

    json_object_set_new(doc_at(target, "spec"), "paused", json_boolean(paused));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
}

static void a_target_that_a_person_paused_waits(void **state)
{
    struct canary_world *cw = start(NULL);

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    pause_target(cw, true);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    expect_status(cw, STATUS_FIELD_PHASE, "Initialized");
    pause_target(cw, false);
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

/* By a person, while open requests at what failed end: that the target is paused is still the operator's. */
static void a_target_that_is_scaled_to_nothing_does_not_stay_paused(void **state)
{
    struct canary_world *cw = start(NULL);
    json_t *target;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    target = view(cw, KIND_TARGET_DEPLOYMENT, APP);
    assert_true(doc_bool(doc_at(target, "spec", "paused"), false));
    json_object_set_new(doc_at(target, "spec"), "replicas", json_integer(0));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
    canary_world_rest(cw, SECONDS(60));
    target = view(cw, KIND_TARGET_DEPLOYMENT, APP);
    assert_false(doc_bool(doc_at(target, "spec", "paused"), false));
    json_decref(target);
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

/* Who may write ConfigMaps must neither end the operator nor have the primary follow what is no template. */
static void a_record_that_makes_no_sense_follows_the_primary(void **state)
{
    static const char *const keys[] = {
        "revision", "template", "previousTemplate", "matchLabels", "replicas", "virtualService"};
    static const char *const texts[] = {"", "null", "[]", "{", "\"text\"", "1e999", "{\"a\": \\ud800}", NULL};
    struct canary_world *cw = start(NULL);
    _cleanup_json_ json_t *before = NULL;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    before = view(cw, KIND_DEPLOYMENT, APP "-primary");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            json_t *record = view(cw, KIND_CONFIG_MAP, APP "-original");
            _cleanup_json_ json_t *after = NULL;
            if (texts[k])
                json_object_set_new(doc_at(record, "data"), keys[i], json_string(texts[k]));
            else
                json_object_del(doc_at(record, "data"), keys[i]);
            world_put_as(&cw->w, mesh_kind(KIND_CONFIG_MAP), record);
            canary_world_rest(cw, SECONDS(60));
            after = view(cw, KIND_DEPLOYMENT, APP "-primary");
            assert_true(doc_equal(doc_at(after, "spec", "template"), doc_at(before, "spec", "template")));
            assert_true(doc_equal(doc_at(after, "spec", "selector"), doc_at(before, "spec", "selector")));
        }
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

/* Its labels are remembered: the Services would select the primaries of other Canaries else. */
static void a_primary_without_its_target_keeps_its_selectors(void **state)
{
    struct canary_world *cw = start(NULL);
    _cleanup_json_ json_t *deployment = NULL, *service = NULL, *deployment_after = NULL, *service_after = NULL;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    deployment = view(cw, KIND_DEPLOYMENT, APP "-primary");
    service = view(cw, KIND_SERVICE, APP "-primary");
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
    canary_world_rest(cw, SECONDS(60));
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_DEPLOYMENT), APP_NS, APP "-primary", NULL);
    canary_world_rest(cw, SECONDS(60));
    deployment_after = view(cw, KIND_DEPLOYMENT, APP "-primary");
    service_after = view(cw, KIND_SERVICE, APP "-primary");
    assert_true(doc_equal(doc_at(deployment_after, "spec", "selector"), doc_at(deployment, "spec", "selector")));
    assert_true(doc_equal(doc_at(service_after, "spec", "selector"), doc_at(service, "spec", "selector")));
    assert_true(doc_equal(doc_at(deployment_after, "spec", "template"), doc_at(deployment, "spec", "template")));
    done(cw);
}

static void replicas_between_releases_are_the_primarys(void **state)
{
    struct canary_world *cw = start(NULL);
    json_t *target;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    target = view(cw, KIND_TARGET_DEPLOYMENT, APP);
    json_object_set_new(doc_at(target, "spec"), "replicas", json_integer(5));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 5);
    done(cw);
}

static void put_weight(struct canary_world *cw, int weight)
{
    json_t *route = view(cw, KIND_VIRTUAL_SERVICE, APP);
    json_t *routes = doc_at(json_array_get(doc_at(route, "spec", "http"), 0), "route");

    json_object_set_new(json_array_get(routes, 0), "weight", json_integer(100 - weight));
    json_object_set_new(json_array_get(routes, 1), "weight", json_integer(weight));
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), route);
}

static void expect_condition(struct canary_world *cw, const char *type, const char *status)
{
    _cleanup_json_ json_t *canary = view(cw, KIND_CANARY, APP);
    const json_t *condition = doc_find(doc_at(canary, "status", STATUS_FIELD_CONDITIONS), "type", type);

    assert_string_equal(doc_string(condition, "status"), status);
}

static void weights_of_others_are_corrected(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    put_weight(cw, 100);
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 10);
    expect_condition(cw, CONDITION_CONTENDED, "False");
    put_weight(cw, 100);
    cw->holds_back = true;
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 100);
    expect_condition(cw, CONDITION_CONTENDED, "True");
    cw->holds_back = false;
    canary_world_until(cw, "Succeeded", 0);
    expect_condition(cw, CONDITION_CONTENDED, "False");
    expect_condition(cw, CONDITION_PROMOTED, "True");
    done(cw);
}

static void a_suspended_release_stays_and_can_be_aborted(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    canary_world_put(
        cw,
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"suspend\":true,"
        "\"analysis\":{\"interval\":\"10s\",\"stepWeights\":[10,50]}}");
    canary_world_rest(cw, SECONDS(3600));
    assert_int_equal(canary_world_weight(cw), 10);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    done(cw);
}

/* Percent of the requests that the VirtualService mirrors; 0: none. */
static int mirrored(struct canary_world *cw)
{
    _cleanup_json_ json_t *route = view(cw, KIND_VIRTUAL_SERVICE, APP);
    const json_t *http = json_array_get(doc_at(route, "spec", "http"), 0);

    return doc_at(http, "mirror") ? (int)doc_int(doc_at(http, "mirrorPercentage", "value"), 100) : 0;
}

#define ANALYSIS(more)                                                                                                 \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\",\"metrics\":[" \
    "{"                                                                                                                \
    "\"name\":\"request-success-rate\",\"interval\":\"10s\",\"thresholdRange\":{\"min\":99}}]," more "}}"

static void copies_are_sent_before_requests(void **state)
{
    struct canary_world *cw = start_release(ANALYSIS("\"mirror\":true,\"mirrorWeight\":30,\"stepWeights\":[10,50]"));

    (void)state;
    while (!mirrored(cw))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(mirrored(cw), 30);
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_until(cw, "Progressing", 10);
    assert_int_equal(mirrored(cw), 0);
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

static void copies_end_with_the_verdict(void **state)
{
    struct canary_world *cw = start_release(ANALYSIS("\"mirror\":true,\"stepWeights\":[10,50]"));

    (void)state;
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    assert_int_equal(mirrored(cw), 0);
    assert_null(strstr(cw->log, "Progressing 10"));
    done(cw);
}

static void an_old_mesh_does_not_mirror_a_part(void **state)
{
    struct canary_world *cw = start(ANALYSIS("\"steps\":[{\"mirror\":30},{\"weight\":50}]"));

    (void)state;
    world_put_mesh(&cw->w, "{\"version\":\"1.1.17\"}");
    canary_world_until(cw, "Initialized", 0);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    expect_status(cw, STATUS_FIELD_PHASE, "Initialized");
    expect_status(cw, STATUS_FIELD_REASON, "NotSupported");
    canary_world_put(cw, ANALYSIS("\"steps\":[{\"mirror\":100},{\"weight\":50}]"));
    while (!mirrored(cw))
        if (!canary_world_step(cw))
            cw->w.later = cw->again;
    assert_int_equal(mirrored(cw), 100);
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

static void steps_are_taken_in_their_order(void **state)
{
    struct canary_world *cw = start_release(
        ANALYSIS("\"steps\":[{\"weight\":5,\"for\":\"1m\"},{\"approve\":true},{\"weight\":60},{\"pause\":\"2m\"}]"));
    msec_t began;

    (void)state;
    canary_world_until(cw, "Progressing", 5);
    canary_world_command(cw, "approve@1"); /* of a step that does not wait for it */
    canary_world_rest(cw, SECONDS(3600));
    expect_status(cw, STATUS_FIELD_REASON, "WaitingForApproval");
    assert_int_equal(canary_world_weight(cw), 5);
    assert_true(cw->metrics.asked > 2 * 300); /* checks go on */
    canary_world_command(cw, "approve@2");
    began = cw->w.later;
    canary_world_until(cw, "Progressing", 60);
    assert_true(cw->w.later - began <= SECONDS(10));
    began = cw->w.later;
    canary_world_until(cw, "Promoting", 60);
    /* 10 s at 60, then the pause. */
    assert_true(cw->w.later - began >= SECONDS(130) && cw->w.later - began <= SECONDS(131));
    canary_world_until(cw, "Succeeded", 0);
    done(cw);
}

static void a_step_that_waits_for_approval_can_fail(void **state)
{
    struct canary_world *cw = start_release(ANALYSIS("\"steps\":[{\"weight\":5},{\"approve\":true}]"));

    (void)state;
    canary_world_until(cw, "Progressing", 5);
    canary_world_rest(cw, SECONDS(600));
    cw->metrics.failed = 50;
    canary_world_until(cw, "Failed", 0);
    expect_status(cw, STATUS_FIELD_REASON, "ChecksFailed");
    done(cw);
}

#define VECTOR(values) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" values "]}}"
#define VALUE_OF(text) "{\"metric\":{},\"value\":[1,\"" text "\"]}"
#define OWN_QUERY                                                                                                      \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","              \
    "\"threshold\":9,"                                                                                                 \
    "\"stepWeights\":[10],\"metrics\":[{\"name\":\"own\",\"interval\":\"10s\",\"thresholdRange\":{\"min\":2,\"max\":"  \
    "5},"                                                                                                              \
    "\"query\":\"sum(a{n='{{ namespace }}',t='{{target}}',o='{{ other }}'}[{{ interval }}])\"}]}}"

static void an_answer_means_what_it_says(void **state)
{
    static const struct {
        const char *answer, *verdict;
    } cases[] = {
        {VECTOR(VALUE_OF("1.9")), "Fail"},
        {VECTOR(VALUE_OF("5.1")), "Fail"},
        {VECTOR(VALUE_OF("NaN")), "NoData"},
        {VECTOR(VALUE_OF("+Inf")), "NoData"},
        {VECTOR(""), "NoData"},
        {VECTOR(VALUE_OF("3") "," VALUE_OF("3")), "Error"},
        {VECTOR(VALUE_OF("3x")), "Error"},
        {VECTOR("{\"metric\":{}}"), "Error"},
        {VECTOR("7"), "Error"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}", "Error"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}", "Fail"},
        {"{\"status\":\"error\",\"error\":\"parse error\"}", "Error"},
        {"[]", "Error"},
        {"<html>", "Error"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = start_release(OWN_QUERY);
        _cleanup_json_ json_t *canary = NULL;
        const json_t *check;
        cw->metrics.raw = cases[i].answer;
        canary_world_until(cw, "Progressing", 10);
        canary_world_rest(cw, SECONDS(15));
        canary = view(cw, KIND_CANARY, APP);
        check = json_array_get(doc_at(canary, "status", STATUS_FIELD_CHECKS), 0);
        if (!str_eq(doc_string(check, "verdict"), cases[i].verdict))
            fail_msg("%s: %s", cases[i].answer, str_or(doc_string(check, "verdict"), "nothing"));
        assert_int_equal(canary_world_weight(cw), 10);
        cw->metrics.raw = VECTOR(VALUE_OF("3"));
        canary_world_until(cw, "Succeeded", 0);
        assert_non_null(
            strstr(cw->metrics.last, "n%3D%27shop%27%2Ct%3D%27podinfo%27%2Co%3D%27%7B%7B%20other%20%7D%7D"));
        done(cw);
    }
}

static void an_old_mesh_measures_in_seconds_and_gets_mutual_tls(void **state)
{
    struct canary_world *cw = start(NULL);
    _cleanup_json_ json_t *rule = NULL;

    (void)state;
    world_put_mesh(&cw->w, "{\"version\":\"1.0.5\",\"mtls\":true}");
    canary_world_until(cw, "Initialized", 0);
    rule = view(cw, KIND_DESTINATION_RULE, APP "-canary");
    assert_string_equal(doc_string(rule, "spec", "trafficPolicy", "tls", "mode"), "ISTIO_MUTUAL");
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    assert_non_null(strstr(cw->metrics.last_duration, "istio_request_duration_seconds_bucket"));
    done(cw);
}

static void a_canary_whose_target_is_gone_goes_at_once(void **state)
{
    struct canary_world *cw = start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
    canary_world_until(cw, "Failed", 0);
    expect_status(cw, STATUS_FIELD_REASON, "TargetMissing");
    canary_world_delete(cw);
    done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_primary_serves_before_the_target_ends),
        cmocka_unit_test(a_good_version_is_promoted_step_by_step),
        cmocka_unit_test(a_settled_canary_writes_and_asks_nothing),
        cmocka_unit_test(a_settled_canary_notices_what_changes),
        cmocka_unit_test(bad_answers_bring_all_traffic_back_with_the_verdict),
        cmocka_unit_test(a_version_that_fails_every_request_is_no_lack_of_data),
        cmocka_unit_test(a_slow_version_fails),
        cmocka_unit_test(without_data_the_weight_stays),
        cmocka_unit_test(without_prometheus_the_weight_stays),
        cmocka_unit_test(a_change_in_the_middle_starts_again_without_traffic),
        cmocka_unit_test(a_version_that_is_taken_back_ends_the_release),
        cmocka_unit_test(pods_that_hang_end_the_release_at_its_deadline),
        cmocka_unit_test(a_primary_that_does_not_start_gets_its_former_template),
        cmocka_unit_test(commands_count_once),
        cmocka_unit_test(deletion_gives_back_what_was_there),
        cmocka_unit_test(a_virtual_service_that_was_there_is_given_back),
        cmocka_unit_test(a_deployment_of_the_user_is_never_taken_for_the_primary),
        cmocka_unit_test(a_record_that_is_deleted_follows_the_primary),
        cmocka_unit_test(the_primary_stays_where_the_target_does_not_serve),
        cmocka_unit_test(a_target_that_a_person_paused_waits),
        cmocka_unit_test(a_record_that_makes_no_sense_follows_the_primary),
        cmocka_unit_test(a_primary_without_its_target_keeps_its_selectors),
        cmocka_unit_test(a_target_that_is_scaled_to_nothing_does_not_stay_paused),
        cmocka_unit_test(replicas_between_releases_are_the_primarys),
        cmocka_unit_test(weights_of_others_are_corrected),
        cmocka_unit_test(a_suspended_release_stays_and_can_be_aborted),
        cmocka_unit_test(copies_are_sent_before_requests),
        cmocka_unit_test(copies_end_with_the_verdict),
        cmocka_unit_test(an_old_mesh_does_not_mirror_a_part),
        cmocka_unit_test(steps_are_taken_in_their_order),
        cmocka_unit_test(a_step_that_waits_for_approval_can_fail),
        cmocka_unit_test(an_answer_means_what_it_says),
        cmocka_unit_test(an_old_mesh_measures_in_seconds_and_gets_mutual_tls),
        cmocka_unit_test(a_canary_whose_target_is_gone_goes_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
