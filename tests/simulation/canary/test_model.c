/*
 * The model itself: traffic that is shifted in the right order loses nothing, whatever the lags, and each wrong order
 * loses requests. So a run of the simulation without a loss says something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "ground.h"

enum { SEEDS = 20, REPLICAS = 3 };

/* What a person who shifts traffic by hand may get wrong. */
enum mistake {
    NONE,
    UNSETTLED,     /* traffic to Pods that the proxies do not know yet */
    UNDRAINED,     /* the target loses its Pods before the route has moved */
    WITHOUT_GRACE, /* Pods end without a grace */
    UNREADY,       /* traffic to Pods that are not ready yet */
};

struct shop {
    struct ground ground;
    uint64_t lost, answered, of_canary;
};

static void on_request(void *context, const struct traffic_request *request)
{
    struct shop *s = context;

    s->lost += request->fate == FATE_LOST;
    s->answered += request->fate == FATE_ANSWERED;
    s->of_canary += request->host == HOST_CANARY;
}

static void run(struct shop *s, msec_t time)
{
    assert_true(sched_run(s->ground.sched, sched_now(s->ground.sched) + time, 100000));
}

static void scale(struct shop *s, const char *deployment, int replicas)
{
    assert_true(
        ground_patch(&s->ground, "apps", "deployments", deployment, OBJECT(MAP("spec", INT("replicas", replicas)))));
}

static void await_ready(struct shop *s, bool primary, size_t count)
{
    for (int i = 0; i < 600 && apps_ready(s->ground.apps, primary) < count; i++)
        run(s, 100);
    assert_true(apps_ready(s->ground.apps, primary) >= count);
    run(s, s->ground.times.endpoints);
}

static json_t *half(const char *name, const char *role)
{
    return OBJECT(MAP("metadata", STRING("name", name)),
                  MAP("spec", MAP("selector", STRING("app", SHOP), STRING("role", role)),
                      SEQ("ports", ITEM(STRING("name", "http"), INT("port", 80)))));
}

static json_t *split(int weight)
{
    return OBJECT(
        MAP("metadata", STRING("name", SHOP)),
        MAP("spec", SEQ("hosts", ITEM_STRING(SHOP)),
            SEQ("http",
                ITEM(SEQ("route", ITEM(MAP("destination", STRING("host", SHOP_PRIMARY)), INT("weight", 100 - weight)),
                         ITEM(MAP("destination", STRING("host", SHOP_CANARY)), INT("weight", weight)))))));
}

static void shift(struct shop *s, int weight)
{
    _cleanup_json_ json_t *desired = split(weight);
    const json_t *spec = doc_at(desired, "spec");

    assert_true(ground_patch(&s->ground, ISTIO_GROUP, "virtualservices", SHOP, OBJECT(VALUE("spec", doc_copy(spec)))));
    run(s, 1);
}

static json_t *template_with_role(int version, const char *role)
{
    json_t *template = ground_template(version);

    json_object_set_new(doc_make(template, "metadata", "labels"), "role", json_string(role));
    return template;
}

static void create_primary(struct shop *s)
{
    assert_true(
        ground_create(&s->ground, "apps", "deployments",
                      OBJECT(MAP("metadata", STRING("name", SHOP_PRIMARY)),
                             MAP("spec", INT("replicas", REPLICAS),
                                 MAP("selector", MAP("matchLabels", STRING("app", SHOP), STRING("role", "primary"))),
                                 VALUE("template", template_with_role(1, "primary"))))));
    assert_true(ground_create(&s->ground, "", "services", half(SHOP_PRIMARY, "primary")));
    assert_true(ground_create(&s->ground, "", "services", half(SHOP_CANARY, "canary")));
    await_ready(s, true, REPLICAS);
    run(s, s->ground.lag);
    assert_true(ground_create(&s->ground, ISTIO_GROUP, "virtualservices", split(0)));
}

/* One release, step by step, from the first Pod to the rollout of the primary. */
static void release(struct shop *s, enum mistake mistake)
{
    struct ground *g = &s->ground;

    scale(s, SHOP, 0);
    run(s, SECONDS(60));
    assert_true(ground_patch(g, "apps", "deployments", SHOP,
                             OBJECT(MAP("spec", VALUE("template", template_with_role(2, "canary"))))));
    scale(s, SHOP, REPLICAS);
    if (mistake != UNREADY)
        await_ready(s, false, mistake == UNSETTLED ? 1 : REPLICAS);
    if (mistake != UNSETTLED && mistake != UNREADY)
        run(s, g->lag);
    shift(s, 50);
    run(s, SECONDS(30));
    if (mistake == WITHOUT_GRACE)
        g->times.grace = 0;
    assert_true(ground_patch(g, "apps", "deployments", SHOP_PRIMARY,
                             OBJECT(MAP("spec", VALUE("template", template_with_role(2, "primary"))))));
    run(s, SECONDS(60));
    if (mistake == UNDRAINED)
        scale(s, SHOP, 0), run(s, 3 * g->times.grace);
    shift(s, 0);
    run(s, g->lag);
    scale(s, SHOP, 0);
    run(s, SECONDS(60));
}

/* The whole story; how many requests were lost. */
static uint64_t lose(uint64_t seed, enum mistake mistake)
{
    struct shop s = {.ground = {
                         .rng = {seed},
                         .times = {.endpoints = SECONDS(1), .grace = SECONDS(8), .ready = SECONDS(10)},
                         .lag = SECONDS(5),
                         .rate = 20,
                         .eager = true,
                         .request = on_request,
                     }};

    s.ground.context = &s;
    ground_init(&s.ground, 25);
    run(&s, SECONDS(10));
    ground_open_shop(&s.ground, REPLICAS);
    await_ready(&s, false, REPLICAS);
    run(&s, s.ground.lag);
    s.lost = s.answered = 0;
    create_primary(&s);
    run(&s, s.ground.lag);
    assert_true(
        ground_patch(&s.ground, "", "services", SHOP, OBJECT(MAP("spec", MAP("selector", STRING("role", "primary"))))));
    run(&s, s.ground.times.endpoints + s.ground.lag);
    assert_true(s.of_canary == 0);
    release(&s, mistake);
    assert_true(s.answered > 5000);
    assert_true(s.of_canary > 1000);
    ground_release(&s.ground);
    return s.lost;
}

static size_t seeds_that_lose(enum mistake mistake)
{
    size_t count = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        count += lose(seed, mistake) > 0;
    return count;
}

static void the_right_order_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(seeds_that_lose(NONE), 0);
}

static void traffic_before_the_proxies_know_the_pods_is_lost(void **state)
{
    (void)state;
    assert_true(seeds_that_lose(UNSETTLED) > 0);
}

static void traffic_before_the_pods_are_ready_is_lost(void **state)
{
    (void)state;
    assert_int_equal(seeds_that_lose(UNREADY), SEEDS);
}

static void pods_that_go_before_the_route_moves_lose_requests(void **state)
{
    (void)state;
    assert_int_equal(seeds_that_lose(UNDRAINED), SEEDS);
}

static void pods_that_end_immediately_lose_requests(void **state)
{
    (void)state;
    assert_int_equal(seeds_that_lose(WITHOUT_GRACE), SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_order_loses_nothing),
        cmocka_unit_test(traffic_before_the_proxies_know_the_pods_is_lost),
        cmocka_unit_test(traffic_before_the_pods_are_ready_is_lost),
        cmocka_unit_test(pods_that_go_before_the_route_moves_lose_requests),
        cmocka_unit_test(pods_that_end_immediately_lose_requests),
    };

    return cmocka_run_group_tests_name("the model of canaries", tests, NULL, NULL);
}
