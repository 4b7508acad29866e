/* What others do to the objects of a release, and what its deletion gives back. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

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
        struct canary_world *cw = canary_world_start(NULL);
        if (i > 1) {
            canary_world_until(cw, "Initialized", 0);
            canary_world_release_image(cw, "app:2");
        }
        canary_world_until(cw, when[i].phase, when[i].weight);
        canary_world_delete(cw);
        expect_given_back(cw);
        assert_int_equal(canary_world_weight(cw), -1);
        canary_world_done(cw);
    }
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
    struct canary_world *cw = canary_world_start(NULL);
    _cleanup_json_ json_t *before = own_route(), *during = NULL, *after = NULL;

    (void)state;
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), json_incref(before));
    canary_world_until(cw, "Initialized", 0);
    during = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    assert_true(doc_equal(doc_at(during, "spec", "exportTo"), doc_at(before, "spec", "exportTo")));
    assert_string_equal(json_string_value(json_array_get(doc_at(during, "spec", "hosts"), 0)), APP);
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 50);
    canary_world_delete(cw);
    after = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    assert_true(doc_equal(doc_at(after, "spec"), doc_at(before, "spec")));
    canary_world_done(cw);
}

/* The target never serves again: the primary, which a user scaled to 0 meanwhile, is left with its Pods. */
static void a_primary_serves_until_the_target_does(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(NULL);
    json_t *primary;

    (void)state;
    cw->target_hangs = true;
    canary_world_request_deletion(cw);
    while (canary_world_step(cw))
        ;
    primary = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    json_object_set_new(doc_at(primary, "spec"), "replicas", json_integer(0));
    world_put_as(&cw->w, mesh_kind(KIND_DEPLOYMENT), primary);
    canary_world_delete(cw);
    primary = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    assert_true(doc_int(doc_at(primary, "spec", "replicas"), 0) > 0);
    json_decref(primary);
    canary_world_done(cw);
}

/* Its creation was refused once, and the primary is there already. */
static void a_record_that_comes_late_has_the_virtual_service(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);
    _cleanup_json_ json_t *before = own_route(), *after = NULL;

    (void)state;
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), json_incref(before));
    while (!kube_cache_get(cw->w.cache, mesh_kind(KIND_DEPLOYMENT), APP_NS, APP "-primary"))
        canary_world_step(cw);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_CONFIG_MAP), APP_NS, APP "-original", NULL);
    canary_world_until(cw, "Initialized", 0);
    canary_world_delete(cw);
    after = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    assert_true(doc_equal(doc_at(after, "spec"), doc_at(before, "spec")));
    canary_world_done(cw);
}

static void a_deployment_of_the_user_is_never_taken_for_the_primary(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);

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
    canary_world_expect(
        cw, STATUS_FIELD_ERROR_MESSAGE, "Deployment shop/podinfo-primary exists, and this Canary did not create it");
    canary_world_done(cw);
}

/* The primary is all that serves: another target must not end it, and the one that it is of is given back. */
static void another_target_waits_and_ends_nothing(void **state)
{
    (void)state;
    for (int is_kept = 0; is_kept < 2; is_kept++) {
        struct canary_world *cw = canary_world_start(NULL);
        json_t *other;
        int writes;
        canary_world_until(cw, "Initialized", 0);
        canary_world_rest(cw, SECONDS(60));
        writes = cw->writes;
        other = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);
        json_object_set_new(doc_at(other, "metadata"), "name", json_string("other"));
        json_object_set_new(doc_at(other, "spec"), "replicas", json_integer(3));
        world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), other);
        canary_world_put(cw, "{\"targetRef\":{\"name\":\"other\"},\"service\":{\"port\":80},\"skipAnalysis\":true}");
        canary_world_rest(cw, SECONDS(600));
        assert_int_equal(cw->writes, writes);
        assert_int_equal(canary_world_replicas(cw, APP "-primary"), APP_REPLICAS);
        assert_int_equal(canary_world_replicas(cw, "other-primary"), -1);
        canary_world_expect(
            cw,
            STATUS_FIELD_ERROR_MESSAGE,
            "spec.targetRef.name was podinfo when the Canary was created: set it back, or delete the Canary and "
            "create it again");
        if (is_kept) {
            canary_world_put(cw, NULL);
            canary_world_release_image(cw, "app:2");
            canary_world_until(cw, "Succeeded", 0);
            canary_world_expect_image(cw, APP "-primary", "app:2");
        } else {
            canary_world_delete(cw);
            expect_given_back(cw);
        }
        assert_int_equal(canary_world_replicas(cw, "other"), 3);
        canary_world_done(cw);
    }
}

/* As operators before wrote it. */
static void a_record_without_the_target_gets_it(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);
    json_t *record;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    record = canary_world_view(cw, KIND_CONFIG_MAP, APP "-original");
    json_object_del(doc_at(record, "data"), "target");
    world_put_as(&cw->w, mesh_kind(KIND_CONFIG_MAP), record);
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    record = canary_world_view(cw, KIND_CONFIG_MAP, APP "-original");
    assert_string_equal(doc_string(record, "data", "target"), APP);
    json_decref(record);
    canary_world_done(cw);
}

static void a_record_that_is_deleted_follows_the_primary(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 50);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_CONFIG_MAP), APP_NS, APP "-original", NULL);
    canary_world_step(cw);
    canary_world_step(cw);
    canary_world_expect_image(cw, APP "-primary", "app:1");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect_image(cw, APP "-primary", "app:2");
    canary_world_delete(cw);
    expect_given_back(cw);
    canary_world_done(cw);
}

static void the_primary_stays_where_the_target_does_not_serve(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    _cleanup_json_ json_t *primary = NULL;
    msec_t began;

    (void)state;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_rest(cw, SECONDS(60));
    cw->target_hangs = true;
    began = cw->w.later;
    canary_world_delete(cw);
    assert_true(cw->w.later - began < SECONDS(601));
    primary = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    assert_non_null(primary);
    assert_null(doc_at(primary, "metadata", "labels", MARK_OWNER));
    assert_null(doc_at(primary, "metadata", "ownerReferences"));
    assert_int_equal(canary_world_weight(cw), 0);
    canary_world_done(cw);
}

static void pause_target(struct canary_world *cw, bool paused)
{
    json_t *target = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);

    json_object_set_new(doc_at(target, "spec"), "paused", json_boolean(paused));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
}

static void a_target_that_a_person_paused_waits(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(NULL);

    (void)state;
    pause_target(cw, true);
    canary_world_release_image(cw, "app:2");
    canary_world_rest(cw, SECONDS(600));
    canary_world_expect(cw, STATUS_FIELD_PHASE, "Initialized");
    pause_target(cw, false);
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* By a person, while open requests at what failed end: that the target is paused is still the operator's. */
static void a_target_that_is_scaled_to_nothing_does_not_stay_paused(void **state)
{
    struct canary_world *cw = canary_world_start(NULL);
    json_t *target;

    (void)state;
    canary_world_until(cw, "Initialized", 0);
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Progressing", 10);
    canary_world_command(cw, "abort@1");
    canary_world_until(cw, "Failed", 0);
    target = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);
    assert_true(doc_bool(doc_at(target, "spec", "paused"), false));
    json_object_set_new(doc_at(target, "spec"), "replicas", json_integer(0));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
    canary_world_rest(cw, SECONDS(60));
    target = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);
    assert_false(doc_bool(doc_at(target, "spec", "paused"), false));
    json_decref(target);
    canary_world_release_image(cw, "app:3");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Who may write ConfigMaps must neither end the operator nor have the primary follow what is no template. */
static void a_record_that_makes_no_sense_follows_the_primary(void **state)
{
    static const char *const keys[] = {
        "revision", "template", "previousTemplate", "matchLabels", "replicas", "virtualService"};
    static const char *const texts[] = {"", "null", "[]", "{", "\"text\"", "1e999", "{\"a\": \\ud800}", NULL};
    struct canary_world *cw = canary_world_start_at_rest(NULL);
    _cleanup_json_ json_t *before = NULL;

    (void)state;
    before = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            json_t *record = canary_world_view(cw, KIND_CONFIG_MAP, APP "-original");
            _cleanup_json_ json_t *after = NULL;
            if (texts[k])
                json_object_set_new(doc_at(record, "data"), keys[i], json_string(texts[k]));
            else
                json_object_del(doc_at(record, "data"), keys[i]);
            world_put_as(&cw->w, mesh_kind(KIND_CONFIG_MAP), record);
            canary_world_rest(cw, SECONDS(60));
            after = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
            assert_true(doc_equal(doc_at(after, "spec", "template"), doc_at(before, "spec", "template")));
            assert_true(doc_equal(doc_at(after, "spec", "selector"), doc_at(before, "spec", "selector")));
        }
    canary_world_release_image(cw, "app:2");
    canary_world_until(cw, "Succeeded", 0);
    canary_world_done(cw);
}

/* Its labels are remembered: the Services would select the primaries of other Canaries else. */
static void a_primary_without_its_target_keeps_its_selectors(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(NULL);
    _cleanup_json_ json_t *deployment = NULL, *service = NULL, *deployment_after = NULL, *service_after = NULL;

    (void)state;
    deployment = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    service = canary_world_view(cw, KIND_SERVICE, APP "-primary");
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
    canary_world_rest(cw, SECONDS(60));
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_DEPLOYMENT), APP_NS, APP "-primary", NULL);
    canary_world_rest(cw, SECONDS(60));
    deployment_after = canary_world_view(cw, KIND_DEPLOYMENT, APP "-primary");
    service_after = canary_world_view(cw, KIND_SERVICE, APP "-primary");
    assert_true(doc_equal(doc_at(deployment_after, "spec", "selector"), doc_at(deployment, "spec", "selector")));
    assert_true(doc_equal(doc_at(service_after, "spec", "selector"), doc_at(service, "spec", "selector")));
    assert_true(doc_equal(doc_at(deployment_after, "spec", "template"), doc_at(deployment, "spec", "template")));
    canary_world_done(cw);
}

static void replicas_between_releases_are_the_primarys(void **state)
{
    struct canary_world *cw = canary_world_start_at_rest(NULL);

    (void)state;
    canary_world_put_replicas(cw, 5);
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    assert_int_equal(canary_world_replicas(cw, APP "-primary"), 5);
    canary_world_done(cw);
}

/* As they are in a user's repository. */
static void apply_again(struct canary_world *cw)
{
    json_t *apex = canary_world_view(cw, KIND_TARGET_SERVICE, APP);

    json_object_del(doc_at(apex, "spec", "selector"), CANARY_ROLE);
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_SERVICE), apex);
    canary_world_put_replicas(cw, APP_REPLICAS);
}

/* Pods that the Service that clients call had again stay until open requests had their time. */
static void what_is_applied_again_is_drained(void **state)
{
    static const char *const phases[] = {"Initialized", "Succeeded", "Failed"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        for (int restarts = 0; restarts < 2; restarts++) {
            struct canary_world *cw = i ? canary_world_start_release(NULL) : canary_world_start(NULL);
            msec_t began;
            cw->metrics.failed = str_eq(phases[i], "Failed") ? 100 : 0;
            canary_world_until(cw, phases[i], 0);
            canary_world_rest(cw, SECONDS(60));
            assert_int_equal(canary_world_replicas(cw, APP), 0);
            apply_again(cw);
            began = cw->w.later;
            while (canary_world_replicas(cw, APP) != 0) {
                if (!canary_world_step(cw) && cw->again != MSEC_NEVER)
                    cw->w.later = cw->again;
                if (restarts)
                    canary_world_forget(cw);
            }
            assert_true(cw->w.later - began >= SECONDS(35) && cw->w.later - began < SECONDS(36));
            canary_world_rest(cw, SECONDS(60));
            canary_world_expect(cw, STATUS_FIELD_PHASE, phases[i]);
            canary_world_done(cw);
        }
}

/* Also where that was half over. */
static void a_drain_begins_again_when_traffic_was_led_back(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);
    msec_t began;

    (void)state;
    canary_world_until(cw, "Finalising", 0);
    canary_world_rest(cw, SECONDS(20));
    apply_again(cw);
    began = cw->w.later;
    canary_world_until(cw, "Succeeded", 0);
    assert_true(cw->w.later - began >= SECONDS(35));
    canary_world_rest(cw, SECONDS(60));
    assert_int_equal(canary_world_replicas(cw, APP), 0);
    canary_world_done(cw);
}

static void put_weight(struct canary_world *cw, int weight)
{
    json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    json_t *routes = doc_at(json_array_get(doc_at(route, "spec", "http"), 0), "route");

    json_object_set_new(json_array_get(routes, 0), "weight", json_integer(100 - weight));
    json_object_set_new(json_array_get(routes, 1), "weight", json_integer(weight));
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), route);
}

static void weights_of_others_are_corrected(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    put_weight(cw, 100);
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 10);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "False");
    put_weight(cw, 100);
    cw->holds_back = true;
    canary_world_step(cw);
    assert_int_equal(canary_world_weight(cw), 100);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "True");
    cw->holds_back = false;
    canary_world_until(cw, "Succeeded", 0);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "False");
    canary_world_expect_condition(cw, CONDITION_PROMOTED, "True");
    canary_world_done(cw);
}

static json_t *other_route(const char *ns, const char *host, const char *gateway, const char *export)
{
    return OBJECT(
        STRING("apiVersion", "networking.istio.io/v1alpha3"),
        STRING("kind", "VirtualService"),
        MAP("metadata", STRING("name", "other"), STRING("namespace", ns)),
        MAP("spec",
            STRINGS("hosts", "unknown.example", host),
            OPT(gateway, STRINGS("gateways", gateway)),
            OPT(export, STRINGS("exportTo", export)),
            SEQ("http", ITEM(SEQ("route", ITEM(MAP("destination", STRING("host", "other"))))))));
}

static void another_virtual_service_of_the_host_is_named(void **state)
{
    static const struct {
        const char *ns, *host, *gateway, *export;
        bool conflicts;
    } cases[] = {
        {APP_NS, APP, NULL, NULL, true},
        {APP_NS, APP, "mesh", ".", true},
        {APP_NS, APP "." APP_NS, NULL, NULL, true},
        {APP_NS, APP "." APP_NS ".svc", NULL, NULL, true},
        {"front", APP "." APP_NS ".svc.cluster.local", NULL, NULL, true},
        {"front", APP "." APP_NS ".svc.cluster.local", NULL, ".", false},
        {"front", APP, NULL, NULL, false},
        {APP_NS, APP, "public", NULL, false},
        {APP_NS, APP "." APP_NS ".svcs.example", NULL, NULL, false},
        {APP_NS, "*." APP_NS ".svc.cluster.local", NULL, NULL, false},
        {APP_NS, APP ".front", NULL, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = canary_world_start(NULL);
        world_put_as(
            &cw->w,
            mesh_kind(KIND_VIRTUAL_SERVICE),
            other_route(cases[i].ns, cases[i].host, cases[i].gateway, cases[i].export));
        canary_world_rest(cw, SECONDS(600));
        canary_world_expect_condition(cw, CONDITION_ROUTE_CONFLICT, cases[i].conflicts ? "True" : "False");
        canary_world_expect(cw, STATUS_FIELD_REASON, cases[i].conflicts ? "RouteConflict" : "Initialized");
        assert_int_equal(canary_world_weight(cw), cases[i].conflicts ? -1 : 0);
        assert_int_equal(canary_world_replicas(cw, APP), cases[i].conflicts ? APP_REPLICAS : 0);
        kube_cache_remove(cw->w.cache, mesh_kind(KIND_VIRTUAL_SERVICE), cases[i].ns, "other", NULL);
        canary_world_until(cw, "Initialized", 0);
        canary_world_done(cw);
    }
}

/* Wherever the release is: it does not go on, and what ends it does. */
static void another_virtual_service_keeps_the_weight(void **state)
{
    static const struct {
        const char *phase;
        int weight;
    } when[] = {{"Initialized", 0}, {"Progressing", 0}, {"Progressing", 10}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        struct canary_world *cw = canary_world_start(NULL);
        canary_world_until(cw, "Initialized", 0);
        canary_world_rest(cw, SECONDS(60));
        canary_world_release_image(cw, "app:2");
        canary_world_until(cw, when[i].phase, when[i].weight);
        world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), other_route(APP_NS, APP, NULL, NULL));
        canary_world_rest(cw, SECONDS(300));
        canary_world_expect(cw, STATUS_FIELD_PHASE, when[i].phase);
        canary_world_expect(cw, STATUS_FIELD_REASON, "RouteConflict");
        canary_world_expect_condition(cw, CONDITION_HELD, "True");
        assert_int_equal(canary_world_weight(cw), when[i].weight);
        if (i == 2)
            canary_world_command(cw, "abort@1");
        else
            kube_cache_remove(cw->w.cache, mesh_kind(KIND_VIRTUAL_SERVICE), APP_NS, "other", NULL);
        canary_world_until(cw, i == 2 ? "Failed" : "Succeeded", 0);
        canary_world_done(cw);
    }
}

static void a_canary_whose_target_was_deleted_goes_immediately(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    canary_world_until(cw, "Progressing", 10);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
    canary_world_until(cw, "Failed", 0);
    canary_world_expect(cw, STATUS_FIELD_REASON, "TargetMissing");
    canary_world_delete(cw);
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deletion_gives_back_what_was_there),
        cmocka_unit_test(a_virtual_service_that_was_there_is_given_back),
        cmocka_unit_test(a_record_that_comes_late_has_the_virtual_service),
        cmocka_unit_test(a_primary_serves_until_the_target_does),
        cmocka_unit_test(a_deployment_of_the_user_is_never_taken_for_the_primary),
        cmocka_unit_test(another_target_waits_and_ends_nothing),
        cmocka_unit_test(a_record_without_the_target_gets_it),
        cmocka_unit_test(a_record_that_is_deleted_follows_the_primary),
        cmocka_unit_test(the_primary_stays_where_the_target_does_not_serve),
        cmocka_unit_test(a_target_that_a_person_paused_waits),
        cmocka_unit_test(a_target_that_is_scaled_to_nothing_does_not_stay_paused),
        cmocka_unit_test(a_record_that_makes_no_sense_follows_the_primary),
        cmocka_unit_test(a_primary_without_its_target_keeps_its_selectors),
        cmocka_unit_test(replicas_between_releases_are_the_primarys),
        cmocka_unit_test(what_is_applied_again_is_drained),
        cmocka_unit_test(a_drain_begins_again_when_traffic_was_led_back),
        cmocka_unit_test(another_virtual_service_of_the_host_is_named),
        cmocka_unit_test(another_virtual_service_keeps_the_weight),
        cmocka_unit_test(weights_of_others_are_corrected),
        cmocka_unit_test(a_canary_whose_target_was_deleted_goes_immediately),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
