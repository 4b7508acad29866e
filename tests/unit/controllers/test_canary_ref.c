/* A release within routes of the user's own VirtualService; by the plans alone. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define FRONT "front"
#define SPEC(ref)                                                                                                      \
    "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80,\"virtualServiceRef\":" ref                        \
    "},\"analysis\":{\"interval\":\"10s\",\"stepWeights\":[10,50]}}"
#define NAMED SPEC("{\"name\":\"front\",\"routes\":[\"shop\"]}")
#define ONLY SPEC("{\"name\":\"front\"}")

/* A named route of three, with all that a user may say there. */
#define LEGACY                                                                                                         \
    "{\"name\":\"legacy\",\"match\":[{\"uri\":{\"prefix\":\"/"                                                         \
    "old\"}}],\"route\":[{\"destination\":{\"host\":\"legacy\"}}]}"
#define REST "{\"redirect\":{\"uri\":\"/\"}}"
#define AROUND(route) "[" LEGACY ",{\"name\":\"shop\",\"timeout\":\"3s\",\"route\":" route "}," REST "]"
#define TO(host, more) "{\"destination\":{\"host\":\"" host "\",\"port\":{\"number\":80}}" more "}"
#define HEADERS ",\"headers\":{\"request\":{\"set\":{\"a\":\"b\"}}}"

static json_t *front(const char *http, const char *host)
{
    json_t *routes = json_loads(http, 0, NULL);

    assert_non_null(routes);
    return OBJECT(
        STRING("apiVersion", "networking.istio.io/v1alpha3"),
        STRING("kind", "VirtualService"),
        MAP("metadata", STRING("name", FRONT), STRING("namespace", APP_NS), MAP("labels", STRING("team", "checkout"))),
        MAP("spec", STRINGS("hosts", host), STRINGS("gateways", "public"), VALUE("http", routes)));
}

static void put_front(struct canary_world *cw, const char *http)
{
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), front(http, "shop.example"));
}

/* With these routes, and all else as it was. */
static void expect_front(struct canary_world *cw, const char *http)
{
    _cleanup_json_ json_t *is = canary_world_view(cw, KIND_VIRTUAL_SERVICE, FRONT),
                          *expected = front(http, "shop.example");
    _cleanup_free_ char *text = doc_text(doc_at(is, "spec")), *wanted = doc_text(doc_at(expected, "spec"));

    assert_string_equal(text, wanted);
    assert_true(doc_equal(doc_at(is, "metadata", "labels"), doc_at(expected, "metadata", "labels")));
    assert_null(canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP));
}

/* To what the VirtualService has these routes. */
static void until_front(struct canary_world *cw, const char *http)
{
    _cleanup_json_ json_t *wanted = json_loads(http, 0, NULL);

    for (int i = 0; i < 1000; i++) {
        _cleanup_json_ json_t *is = canary_world_view(cw, KIND_VIRTUAL_SERVICE, FRONT);
        if (doc_equal(doc_at(is, "spec", "http"), wanted))
            return;
        if (!canary_world_step(cw)) {
            assert_true(cw->again != MSEC_NEVER);
            cw->w.later = cw->again;
        }
    }
    fail_msg("%s did not come", http);
}

static struct canary_world *start(const char *spec, const char *http)
{
    struct canary_world *cw = canary_world_start(spec);

    put_front(cw, http);
    return cw;
}

static struct canary_world *start_release(const char *spec, const char *http)
{
    struct canary_world *cw = start(spec, http);

    canary_world_until(cw, "Initialized", -1);
    canary_world_rest(cw, SECONDS(60));
    canary_world_release_image(cw, "app:2");
    return cw;
}

/* What routes are before, with 0, 10 and 50 percent, and when the Canary is gone. */
static const struct {
    const char *spec, *before, *none, *ten, *half, *after;
} lives[] = {
    {NAMED,
     AROUND("[" TO("podinfo", HEADERS) "]"),
     AROUND("[" TO("podinfo-primary", HEADERS ",\"weight\":100") "," TO("podinfo-canary", HEADERS ",\"weight\":0") "]"),
     AROUND("[" TO("podinfo-primary", HEADERS ",\"weight\":90") "," TO("podinfo-canary", HEADERS ",\"weight\":10") "]"),
     AROUND("[" TO("podinfo-primary", HEADERS ",\"weight\":50") "," TO("podinfo-canary", HEADERS ",\"weight\":50") "]"),
     AROUND("[" TO("podinfo", HEADERS) "]")},
    {ONLY,
     "[{\"route\":[" TO("podinfo.shop.svc.cluster.local", ",\"weight\":100") "]}]",
     "[{\"route\":[" TO("podinfo-primary", ",\"weight\":100") "," TO("podinfo-canary", ",\"weight\":0") "]}]",
     "[{\"route\":[" TO("podinfo-primary", ",\"weight\":90") "," TO("podinfo-canary", ",\"weight\":10") "]}]",
     "[{\"route\":[" TO("podinfo-primary", ",\"weight\":50") "," TO("podinfo-canary", ",\"weight\":50") "]}]",
     "[{\"route\":[" TO("podinfo.shop.svc.cluster.local", ",\"weight\":100") "]}]"},
    /* Both halves as in the user's repository, with something of its own for one of them. */
    {ONLY,
     "[{\"route\":[" TO("podinfo-canary.shop", HEADERS ",\"weight\":0") "," TO(
         "podinfo-primary", ",\"weight\":100") "]}]",
     "[{\"route\":[" TO("podinfo-canary.shop", HEADERS ",\"weight\":0") "," TO(
         "podinfo-primary", ",\"weight\":100") "]}]",
     "[{\"route\":[" TO("podinfo-canary.shop", HEADERS ",\"weight\":10") "," TO(
         "podinfo-primary", ",\"weight\":90") "]}]",
     "[{\"route\":[" TO("podinfo-canary.shop", HEADERS ",\"weight\":50") "," TO(
         "podinfo-primary", ",\"weight\":50") "]}]",
     "[{\"route\":[" TO("podinfo", HEADERS) "]}]"},
};

static void only_destinations_and_weights_are_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct canary_world *cw = start_release(lives[i].spec, lives[i].before);
        expect_front(cw, lives[i].none);
        until_front(cw, lives[i].ten);
        expect_front(cw, lives[i].ten);
        until_front(cw, lives[i].half);
        expect_front(cw, lives[i].half);
        canary_world_until(cw, "Succeeded", -1);
        expect_front(cw, lives[i].none);
        canary_world_expect_image(cw, APP "-primary", "app:2");
        canary_world_done(cw);
    }
}

static void routes_are_given_back_from_every_phase(void **state)
{
    static const char *const phases[] = {
        "Initializing", "Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++)
        for (size_t k = 0; k < ARRAY_LEN(phases); k++) {
            struct canary_world *cw =
                k < 2 ? start(lives[i].spec, lives[i].before) : start_release(lives[i].spec, lives[i].before);
            canary_world_until(cw, phases[k], -1);
            if (k == 0)
                until_front(cw, lives[i].none);
            if (k == 2)
                until_front(cw, lives[i].half);
            canary_world_delete(cw);
            expect_front(cw, lives[i].after);
            assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
            canary_world_done(cw);
        }
}

static void a_rollback_leads_to_the_primary_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct canary_world *cw = start_release(lives[i].spec, lives[i].before);
        until_front(cw, lives[i].half);
        canary_world_command(cw, "abort@1");
        canary_world_step(cw);
        expect_front(cw, lives[i].none);
        canary_world_until(cw, "Failed", -1);
        canary_world_done(cw);
    }
}

/* The time of a step begins when the route is seen, and not when it was sent. */
static void a_step_begins_when_its_route_is_seen(void **state)
{
    struct canary_world *cw = start_release(NAMED, lives[0].before);
    _cleanup_json_ json_t *canary = NULL;

    (void)state;
    cw->holds_back = true;
    canary_world_rest(cw, SECONDS(120));
    cw->holds_back = false;
    until_front(cw, lives[0].ten);
    cw->holds_back = true;
    canary_world_rest(cw, SECONDS(120));
    expect_front(cw, lives[0].ten);
    canary = canary_world_view(cw, KIND_CANARY, APP);
    assert_int_equal(doc_int(doc_at(canary, "status", STATUS_FIELD_CANARY_WEIGHT), 0), 50);
    assert_null(doc_at(canary, "status", STATUS_FIELD_STEP, "since"));
    cw->holds_back = false;
    canary_world_until(cw, "Succeeded", -1);
    canary_world_done(cw);
}

/* What a user changes meanwhile is the user's, also when the Canary is gone. */
static void other_changes_of_the_user_stay(void **state)
{
    struct canary_world *cw = start_release(NAMED, lives[0].before);
    json_t *route, *http;

    (void)state;
    until_front(cw, lives[0].ten);
    route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, FRONT);
    http = doc_at(route, "spec", "http");
    json_object_set_new(json_array_get(http, 1), "timeout", json_string("9s"));
    json_array_remove(http, 0);
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), route);
    canary_world_until(cw, "Succeeded", -1);
    canary_world_delete(cw);
    expect_front(cw, "[{\"name\":\"shop\",\"timeout\":\"9s\",\"route\":[" TO("podinfo", HEADERS) "]}," REST "]");
    canary_world_done(cw);
}

/* As a repository does that has the route as it was. */
static void a_repository_that_writes_it_back_is_named(void **state)
{
    struct canary_world *cw = start_release(NAMED, lives[0].before);

    (void)state;
    until_front(cw, lives[0].ten);
    put_front(cw, lives[0].before);
    canary_world_step(cw);
    expect_front(cw, lives[0].ten);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "False");
    put_front(cw, lives[0].before);
    cw->holds_back = true;
    canary_world_step(cw);
    expect_front(cw, lives[0].before);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "True");
    cw->holds_back = false;
    canary_world_until(cw, "Succeeded", -1);
    canary_world_expect_condition(cw, CONDITION_CONTENDED, "False");
    canary_world_done(cw);
}

static const struct {
    const char *spec, *http, *says;
} unusable[] = {
    {NAMED, NULL, "there is no VirtualService shop/front"},
    {NAMED, "[" LEGACY "]", "VirtualService shop/front has no HTTP route shop"},
    {ONLY, "[" LEGACY "," REST "]", "VirtualService shop/front has 2 HTTP routes"},
    {NAMED, AROUND("[" TO("podinfo", ",\"weight\":50") "," TO("legacy", ",\"weight\":50") "]"), "spec.http[1]"},
    {NAMED, AROUND("[{\"destination\":{\"host\":\"podinfo\",\"subset\":\"v1\"}}]"), "spec.http[1]"},
    {NAMED, AROUND("[" TO("podinfo.other", "") "]"), "spec.http[1]"},
};

static void put_unusable(struct canary_world *cw, size_t i)
{
    if (unusable[i].http)
        put_front(cw, unusable[i].http);
    else
        kube_cache_remove(cw->w.cache, mesh_kind(KIND_VIRTUAL_SERVICE), APP_NS, FRONT, NULL);
}

static void a_new_canary_waits_for_routes_that_it_can_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unusable); i++) {
        struct canary_world *cw = canary_world_start(unusable[i].spec);
        _cleanup_free_ char *says = NULL;
        put_unusable(cw, i);
        canary_world_rest(cw, SECONDS(600));
        says = canary_world_status(cw, STATUS_FIELD_ERROR_MESSAGE);
        if (!str_starts(says, unusable[i].says))
            fail_msg("%s, and not %s", says, unusable[i].says);
        assert_int_equal(cw->writes, 0);
        put_front(cw, AROUND("[" TO("podinfo", "") "]"));
        if (str_eq(unusable[i].spec, NAMED))
            canary_world_until(cw, "Initialized", -1);
        canary_world_done(cw);
    }
}

/* In the middle: the release says so, and does not go on; what ends it is done; nothing of the user's is written. */
static void a_release_waits_for_routes_that_it_can_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unusable); i++)
        for (int ends = 0; ends < 2; ends++) {
            bool is_named = str_eq(unusable[i].spec, NAMED);
            struct canary_world *cw = start_release(unusable[i].spec, is_named ? lives[0].before : lives[1].before);
            until_front(cw, is_named ? lives[0].ten : lives[1].ten);
            put_unusable(cw, i);
            canary_world_rest(cw, SECONDS(300));
            canary_world_expect(cw, STATUS_FIELD_PHASE, "Progressing");
            canary_world_expect(cw, STATUS_FIELD_REASON, "RouteConflict");
            canary_world_expect_condition(cw, CONDITION_ROUTE_CONFLICT, "True");
            canary_world_expect_reason(cw, CONDITION_ROUTE_CONFLICT, "NoRoute");
            if (unusable[i].http)
                expect_front(cw, unusable[i].http);
            if (ends) {
                canary_world_command(cw, "abort@1");
                canary_world_until(cw, "Failed", -1);
                canary_world_rest(cw, SECONDS(120));
                assert_int_equal(canary_world_replicas(cw, APP), 0);
            } else {
                put_front(cw, is_named ? lives[0].before : lives[1].before);
                canary_world_until(cw, "Succeeded", -1);
                canary_world_expect_condition(cw, CONDITION_ROUTE_CONFLICT, "False");
            }
            canary_world_delete(cw);
            canary_world_done(cw);
        }
}

/* Routes that are split would stay so. */
static void another_reference_waits_and_the_one_before_is_given_back(void **state)
{
    static const char *const others[] = {
        SPEC("{\"name\":\"front\",\"routes\":[\"legacy\"]}"), SPEC("{\"name\":\"back\",\"routes\":[\"shop\"]}"), NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct canary_world *cw = start_release(NAMED, lives[0].before);
        _cleanup_free_ char *says = NULL;
        until_front(cw, lives[0].ten);
        canary_world_put(cw, others[i]);
        canary_world_rest(cw, SECONDS(300));
        says = canary_world_status(cw, STATUS_FIELD_ERROR_MESSAGE);
        assert_true(str_starts(says, "spec.service.virtualServiceRef was {"));
        expect_front(cw, lives[0].ten);
        canary_world_delete(cw);
        expect_front(cw, lives[0].after);
        canary_world_done(cw);
    }
}

/* An empty list names none, as no list does. */
static void the_only_route_may_be_said_in_two_ways(void **state)
{
    struct canary_world *cw = start_release(ONLY, lives[1].before);

    (void)state;
    until_front(cw, lives[1].ten);
    canary_world_put(cw, SPEC("{\"name\":\"front\",\"routes\":[]}"));
    canary_world_until(cw, "Succeeded", -1);
    canary_world_expect(cw, STATUS_FIELD_ERROR_MESSAGE, "");
    canary_world_done(cw);
}

#define PORT(number) "{\"destination\":{\"host\":\"podinfo\",\"port\":{\"number\":" number "}}}"
#define ADMIN "{\"match\":[{\"uri\":{\"prefix\":\"/admin\"}}],\"route\":[" PORT("9000") "]}"
#define NAME(name, route) "{\"name\":\"" name "\",\"route\":" route "}"
#define HALVES(primary, canary)                                                                                        \
    "[" TO("podinfo-primary", ",\"weight\":" primary) "," TO("podinfo-canary", ",\"weight\":" canary) "]"

/* What was split leads to no version that failed, whatever it is called by then. */
static void a_route_with_another_name_is_not_left_with_its_weight(void **state)
{
    static const struct {
        const char *meanwhile, *aborted, *deleted;
    } cases[] = {
        {"[" NAME("store", HALVES("90", "10")) "]",
         "[" NAME("store", HALVES("100", "0")) "]",
         "[" NAME("store", "[" TO("podinfo", "") "]") "]"},
        {"[" NAME("store", HALVES("90", "10")) "," NAME("shop", "[" TO("podinfo", "") "]") "]",
         "[" NAME("store", HALVES("100", "0")) "," NAME("shop", HALVES("100", "0")) "]",
         "[" NAME("store", "[" TO("podinfo", "") "]") "," NAME("shop", "[" TO("podinfo", "") "]") "]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = start_release(NAMED, "[" NAME("shop", "[" TO("podinfo", "") "]") "]");
        until_front(cw, "[" NAME("shop", HALVES("90", "10")) "]");
        put_front(cw, cases[i].meanwhile);
        canary_world_command(cw, "abort@1");
        canary_world_step(cw);
        expect_front(cw, cases[i].aborted);
        canary_world_rest(cw, SECONDS(120));
        assert_int_equal(canary_world_replicas(cw, APP), 0);
        canary_world_delete(cw);
        expect_front(cw, cases[i].deleted);
        canary_world_done(cw);
    }
}

/* The only one was meant, and not what came beside it. */
static void a_route_that_comes_beside_the_only_one_stays(void **state)
{
    struct canary_world *cw = start_release(ONLY, "[{\"route\":[" PORT("80") "]}]");

    (void)state;
    until_front(cw, "[{\"route\":" HALVES("90", "10") "}]");
    put_front(cw, "[" ADMIN ",{\"route\":" HALVES("90", "10") "}]");
    canary_world_rest(cw, SECONDS(300));
    canary_world_expect(cw, STATUS_FIELD_REASON, "RouteConflict");
    expect_front(cw, "[" ADMIN ",{\"route\":" HALVES("90", "10") "}]");
    canary_world_command(cw, "abort@1");
    canary_world_step(cw);
    expect_front(cw, "[" ADMIN ",{\"route\":" HALVES("100", "0") "}]");
    canary_world_delete(cw);
    expect_front(cw, "[" ADMIN ",{\"route\":[" PORT("80") "]}]");
    canary_world_done(cw);
}

/* What the record says of it is older. */
static void what_a_user_changes_of_a_destination_stays(void **state)
{
    struct canary_world *cw = start_release(NAMED, "[" NAME("shop", "[" PORT("80") "]") "]");

    (void)state;
    until_front(cw, "[" NAME("shop", HALVES("90", "10")) "]");
    put_front(cw, "[" NAME("shop", "[" PORT("8080") "]") "]");
    canary_world_until(cw, "Succeeded", -1);
    canary_world_delete(cw);
    expect_front(cw, "[" NAME("shop", "[" PORT("8080") "]") "]");
    canary_world_done(cw);
}

/* What the Canary does not write keeps it from nothing but its end of the target. */
static void a_user_who_leads_to_the_canary_keeps_its_pods(void **state)
{
    static const char *const routes[] = {
        "[{\"destination\":{\"host\":\"podinfo-canary\",\"subset\":\"v1\"}}]",
        "[" TO("podinfo-primary", ",\"weight\":50") "," TO("podinfo-canary", ",\"weight\":30") "," TO(
            "legacy", ",\"weight\":20") "]",
        "[" TO("podinfo-canary", ",\"weight\":0") "," TO("podinfo-canary", ",\"weight\":40") "," TO(
            "legacy", ",\"weight\":60") "]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct canary_world *cw = start_release(NAMED, lives[0].before);
        _cleanup_free_ char *http = str_printf("[{\"name\":\"shop\",\"route\":%s}]", routes[i]);
        until_front(cw, lives[0].ten);
        put_front(cw, http);
        canary_world_command(cw, "abort@1");
        canary_world_rest(cw, SECONDS(300));
        assert_int_equal(canary_world_replicas(cw, APP), APP_REPLICAS);
        canary_world_delete(cw);
        expect_front(cw, http);
        canary_world_done(cw);
    }
}

/* In the mesh Istio goes by one VirtualService of a host, also where it is the user's. */
static void another_virtual_service_of_its_hosts_is_named(void **state)
{
    struct canary_world *cw = canary_world_start(NAMED);
    json_t *mine = front(lives[0].before, "podinfo.shop"), *other = front("[" LEGACY "]", APP);

    (void)state;
    json_object_del(doc_at(mine, "spec"), "gateways");
    json_object_del(doc_at(other, "spec"), "gateways");
    json_object_set_new(doc_at(other, "metadata"), "name", json_string("other"));
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), mine);
    world_put_as(&cw->w, mesh_kind(KIND_VIRTUAL_SERVICE), other);
    canary_world_rest(cw, SECONDS(60));
    canary_world_expect_condition(cw, CONDITION_ROUTE_CONFLICT, "True");
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_VIRTUAL_SERVICE), APP_NS, "other", NULL);
    canary_world_until(cw, "Initialized", -1);
    canary_world_expect_condition(cw, CONDITION_ROUTE_CONFLICT, "False");
    canary_world_done(cw);
}

static void what_needs_more_is_refused_with_its_path(void **state)
{
    static const struct {
        const char *service, *analysis, *path;
    } cases[] = {
        {",\"hosts\":[\"a\"]", "", "spec.service.hosts"},
        {",\"timeout\":\"1s\"", "", "spec.service.timeout"},
        {",\"retries\":{\"attempts\":1}", "", "spec.service.retries"},
        {"", ",\"sessionAffinity\":{\"cookieName\":\"a\"}", "spec.analysis.sessionAffinity"},
        {"", ",\"mirror\":true", "spec.analysis.mirror"},
        {"", ",\"steps\":[{\"weight\":1},{\"mirror\":5}]", "spec.analysis.steps[1].mirror"},
        {"", ",\"steps\":[{\"match\":[{\"sourceLabels\":{\"a\":\"b\"}}]}]", "spec.analysis.steps[0].match"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *spec = str_printf(
            "{\"targetRef\":{\"name\":\"a\"},\"skipAnalysis\":true,\"service\":{\"port\":80,\"virtualServiceRef\":{"
            "\"name\":\"a\"}%s},\"analysis\":{\"interval\":\"10s\"%s}}",
            cases[i].service,
            cases[i].analysis);
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_canary_spec_ struct canary_spec *parsed = NULL;
        _cleanup_json_ json_t *resource = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Canary"),
            MAP("metadata", STRING("name", APP), STRING("namespace", APP_NS)),
            VALUE("spec", json_loads(spec, 0, NULL)));
        canary_parse(resource, NULL, &parsed, &problems);
        if (!problems_error_at(&problems, cases[i].path))
            fail_msg("%s is taken", spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_destinations_and_weights_are_changed),
        cmocka_unit_test(routes_are_given_back_from_every_phase),
        cmocka_unit_test(a_rollback_leads_to_the_primary_at_once),
        cmocka_unit_test(a_step_begins_when_its_route_is_seen),
        cmocka_unit_test(other_changes_of_the_user_stay),
        cmocka_unit_test(a_repository_that_writes_it_back_is_named),
        cmocka_unit_test(a_new_canary_waits_for_routes_that_it_can_use),
        cmocka_unit_test(a_release_waits_for_routes_that_it_can_use),
        cmocka_unit_test(another_reference_waits_and_the_one_before_is_given_back),
        cmocka_unit_test(the_only_route_may_be_said_in_two_ways),
        cmocka_unit_test(a_route_with_another_name_is_not_left_with_its_weight),
        cmocka_unit_test(a_route_that_comes_beside_the_only_one_stays),
        cmocka_unit_test(what_a_user_changes_of_a_destination_stays),
        cmocka_unit_test(a_user_who_leads_to_the_canary_keeps_its_pods),
        cmocka_unit_test(another_virtual_service_of_its_hosts_is_named),
        cmocka_unit_test(what_needs_more_is_refused_with_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
