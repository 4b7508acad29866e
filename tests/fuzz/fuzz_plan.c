/*
 * Any objects in the cluster, a JSON list, below a good resource: planning them does not crash, a plan with a memo is
 * the plan without one, and no plan touches an object that carries no mark of the operator and is not desired.
 */
#include "fuzz.h"

#include "base/str.h"
#include "controllers/mesh/mesh_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

#define MINOR 20
#define OBJECTS_MAX 64
#define NOW (SECONDS(1) * 1545000000)

static void put_resource(struct kube_cache *cache)
{
    const struct kube_kind *kind = mesh_kind(KIND_ISTIO);
    _cleanup_json_ json_t *resource =
        OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", "Istio"),
               MAP("metadata", STRING("name", "istio"), STRING("namespace", "istio-system"), STRING("uid", "u"),
                   STRING("resourceVersion", "1"), STRINGS("finalizers", api_resource_istio.finalizer)),
               MAP("spec", STRING("version", "1.0.5")));

    kube_cache_put(cache, kind, resource);
}

static void put_all(struct kube_cache *cache, const json_t *objects)
{
    const json_t *object;
    size_t i;

    json_array_foreach(objects, i, object) {
        const char *api_version = doc_string(object, "apiVersion"), *kind = doc_string(object, "kind");
        const struct kube_kind *row = api_version && kind ? kube_kind_find(&mesh_kinds, api_version, kind) : NULL;
        if (i < OBJECTS_MAX && row)
            kube_cache_put(cache, row, object);
    }
}

static void check(const struct plan *plan, const struct kube_cache *cache)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        const struct kube_object *o = kube_cache_get(cache, a->kind, a->ns, a->name);
        MUST(a->kind && a->name);
        MUST(a->verb != KUBE_REMOVE || (o && o->owner));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_json_ json_t *objects = fuzz_next_json(&in);
    const char *versions[KIND_COUNT];
    const struct kube_server server = {.major = 1, .minor = MINOR, .kinds = &mesh_kinds, .versions = versions};
    struct kube_cache *cache;
    struct plan_input input = {.now = NOW, .server = &server, .synced = ~0U};
    struct plan plan, again;

    if (!json_is_array(objects))
        return 0;
    mesh_versions_for(MINOR, versions);
    cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    input.observed = cache;
    put_resource(cache);
    put_all(cache, objects);
    reconcile_all(&istio_reconciler, &input, &plan);
    reconcile_all(&istio_reconciler, &input, &again);
    check(&plan, cache);
    MUST(plan.len == again.len && plan.drift == again.drift && plan.ignored == again.ignored);
    plan_release(&plan);
    plan_release(&again);
    kube_cache_free(cache);
    return 0;
}
