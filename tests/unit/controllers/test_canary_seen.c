/* Which changes of the cluster concern a Canary that waits for nothing but time; of the others there may be many. */
#include "canary_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define OTHER "another"

static json_t *named(const char *api_version, const char *kind, const char *name)
{
    return OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        MAP("metadata", STRING("name", name), STRING("namespace", APP_NS)));
}

static void put(struct canary_world *cw, enum mesh_kind_id kind, json_t *object)
{
    world_put_as(&cw->w, mesh_kind(kind), object);
}

/* As it is, in a newer version. */
static void touch(struct canary_world *cw, enum mesh_kind_id kind, const char *name)
{
    json_t *object = canary_world_view(cw, kind, name);

    assert_non_null(object);
    json_object_set_new(doc_make(object, "metadata", "annotations"), "touched", json_string("yes"));
    put(cw, kind, object);
}

static void touch_target(struct canary_world *cw)
{
    touch(cw, KIND_TARGET_DEPLOYMENT, APP);
}

static void touch_service(struct canary_world *cw)
{
    touch(cw, KIND_TARGET_SERVICE, APP);
}

static void touch_route(struct canary_world *cw)
{
    touch(cw, KIND_VIRTUAL_SERVICE, APP);
}

static void touch_primary(struct canary_world *cw)
{
    touch(cw, KIND_DEPLOYMENT, APP "-primary");
}

static void touch_half(struct canary_world *cw)
{
    touch(cw, KIND_SERVICE, APP "-canary");
}

static void lose_record(struct canary_world *cw)
{
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_CONFIG_MAP), APP_NS, APP "-original", NULL);
}

static void lose_target(struct canary_world *cw)
{
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, APP, NULL);
}

static void put_endpoints(struct canary_world *cw)
{
    put(cw, KIND_HALF_ENDPOINTS, named("v1", "Endpoints", APP "-primary"));
}

static void put_mesh(struct canary_world *cw)
{
    world_put_mesh(&cw->w, "{\"version\":\"1.31.1\"}");
}

static void put_route(struct canary_world *cw, const char *name, const char *host)
{
    json_t *route = named("networking.istio.io/v1alpha3", "VirtualService", name);

    json_object_set_new(route, "spec", OBJECT(STRINGS("hosts", host)));
    put(cw, KIND_VIRTUAL_SERVICE, route);
}

static void put_rival(struct canary_world *cw)
{
    put_route(cw, OTHER, APP);
}

static void others_change(struct canary_world *cw)
{
    json_t *record = named("v1", "ConfigMap", OTHER "-original");

    put(cw, KIND_TARGET_DEPLOYMENT, named("apps/v1", "Deployment", OTHER));
    put(cw, KIND_TARGET_REPLICA_SET, named("apps/v1", "ReplicaSet", OTHER "-12345678"));
    put(cw, KIND_TARGET_SERVICE, named("v1", "Service", OTHER));
    put(cw, KIND_TARGET_AUTOSCALER, named("autoscaling/v2", "HorizontalPodAutoscaler", OTHER));
    put(cw, KIND_HALF_ENDPOINTS, named("v1", "Endpoints", OTHER "-primary"));
    json_object_set_new(
        doc_make(record, "metadata", "labels"), "istio.banzaicloud.io/owner", json_string("of-another"));
    put(cw, KIND_CONFIG_MAP, record);
    put_route(cw, OTHER, OTHER);
}

/* Several change, and several go. */
static void others_go(struct canary_world *cw)
{
    others_change(cw);
    assert_false(canary_world_is_concerned(cw));
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_DEPLOYMENT), APP_NS, OTHER, NULL);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_REPLICA_SET), APP_NS, OTHER "-12345678", NULL);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_TARGET_SERVICE), APP_NS, OTHER, NULL);
    kube_cache_remove(cw->w.cache, mesh_kind(KIND_VIRTUAL_SERVICE), APP_NS, OTHER, NULL);
}

static void lose_watch(struct canary_world *cw)
{
    cw->failing = ~0u;
}

static const struct {
    const char *what;
    void (*change)(struct canary_world *cw);
    bool concerns;
} cases[] = {
    {"the target changes", touch_target, true},
    {"the target is deleted", lose_target, true},
    {"the Service changes", touch_service, true},
    {"the VirtualService changes", touch_route, true},
    {"another VirtualService has the host", put_rival, true},
    {"the primary changes", touch_primary, true},
    {"the canary's Service changes", touch_half, true},
    {"the record is deleted", lose_record, true},
    {"the primary has other endpoints", put_endpoints, true},
    {"the mesh changes", put_mesh, true},
    {"a watch fails", lose_watch, true},
    {"objects of others change", others_change, false},
    {"objects of others go", others_go, false},
};

static void expect_concerns(struct canary_world *(*start)(void))
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct canary_world *cw = start();
        assert_false(canary_world_is_concerned(cw));
        cases[i].change(cw);
        if (canary_world_is_concerned(cw) != cases[i].concerns)
            fail_msg("%s: %s", cases[i].what, cases[i].concerns ? "it is not planned" : "it is planned");
        canary_world_done(cw);
    }
}

static struct canary_world *start_at_rest(void)
{
    return canary_world_start_at_rest(NULL);
}

/* Between two checks. */
static struct canary_world *start_measuring(void)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    canary_world_until(cw, "Progressing", 10);
    canary_world_rest(cw, SECONDS(5));
    return cw;
}

static void between_releases_its_own_world_concerns_it(void **state)
{
    (void)state;
    expect_concerns(start_at_rest);
}

static void between_checks_its_own_world_concerns_it(void **state)
{
    (void)state;
    expect_concerns(start_measuring);
}

/* What is owed, or answered, is no rest. */
static void while_it_writes_everything_concerns_it(void **state)
{
    struct canary_world *cw = canary_world_start_release(NULL);

    (void)state;
    for (int i = 0; i < 3; i++) {
        canary_world_step(cw);
        assert_true(canary_world_is_concerned(cw));
    }
    canary_world_done(cw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_releases_its_own_world_concerns_it),
        cmocka_unit_test(between_checks_its_own_world_concerns_it),
        cmocka_unit_test(while_it_writes_everything_concerns_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
