#include "cluster_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

static char *name_of(const json_t *object)
{
    return str_dup(doc_string(object, "metadata", "name"));
}

const struct kube_kind bench_rows[KINDS] = {
    [DEFINITIONS] = {.kind = "CustomResourceDefinition",
                     .is_definition = true,
                     .plural = "customresourcedefinitions",
                     .group = "apiextensions.k8s.io",
                     .versions = {{"v1", 16, 0}, {"v1beta1", 7, 21}},
                     .roles = FIRST | SECOND,
                     .watch = KUBE_WATCH_OWNED},
    [MAPS] = {.kind = "ConfigMap",
              .plural = "configmaps",
              .group = "",
              .versions = {{"v1", 0, 0}},
              .namespaced = true,
              .roles = FIRST | SECOND,
              .watch = KUBE_WATCH_OWNED},
    [GATEWAYS] = {.kind = "Gateway",
                  .plural = "gateways",
                  .group = "networking.istio.io",
                  .versions = {{"v1alpha3", 0, 0}},
                  .namespaced = true,
                  .roles = FIRST,
                  .watch = KUBE_WATCH_OWNED,
                  .custom = true},
    [MESHES] = {.kind = "Mesh",
                .plural = "meshes",
                .group = "example.com",
                .versions = {{"v1", 0, 0}},
                .namespaced = true,
                .roles = FIRST,
                .watch = KUBE_WATCH_ALL,
                .custom = true},
    [PODS] = {.kind = "Pod",
              .plural = "pods",
              .group = "",
              .versions = {{"v1", 0, 0}},
              .namespaced = true,
              .roles = FIRST,
              .watch = KUBE_WATCH_NONE},
    [COUNTED] = {.kind = "Pod",
                 .plural = "pods",
                 .group = "",
                 .versions = {{"v1", 0, 0}},
                 .namespaced = true,
                 .watch = KUBE_WATCH_NONE,
                 .view = "counted",
                 .digest = name_of},
};
const struct kube_kind_table bench_table = {bench_rows, KINDS};

json_t *bench_object(const char *api_version, const char *kind, const char *name, bool ours)
{
    return OBJECT(STRING("apiVersion", api_version), STRING("kind", kind),
                  MAP("metadata", STRING("name", name), STRING("namespace", SPACE),
                      OPT(ours, MAP("labels", STRING(OWNER, "me")))));
}

json_t *bench_config_map(const char *name, bool ours)
{
    return bench_object("v1", "ConfigMap", name, ours);
}

json_t *bench_definition(int row, bool ours)
{
    const struct kube_kind *kind = &bench_rows[row];
    _cleanup_free_ char *name = str_printf("%s.%s", kind->plural, kind->group);

    return OBJECT(STRING("apiVersion", "apiextensions.k8s.io/v1"), STRING("kind", "CustomResourceDefinition"),
                  MAP("metadata", STRING("name", name), OPT(ours, MAP("labels", STRING(OWNER, "me")))),
                  MAP("spec", STRING("group", kind->group),
                      STRING("scope", kind->namespaced ? "Namespaced" : "Cluster"),
                      MAP("names", STRING("plural", kind->plural), STRING("kind", kind->kind)),
                      SEQ("versions", ITEM(STRING("name", kind->versions[0].name), BOOL("served", true)))));
}

void bench_put_action(struct bench *b, enum kube_verb verb, const char *name, json_t *body, const char *uid)
{
    struct kube_action a = {.verb = verb,
                            .kind = &bench_rows[MAPS],
                            .version = str_dup("v1"),
                            .ns = str_dup(SPACE),
                            .name = str_dup(name),
                            .uid = str_dup(uid),
                            .body = body ? doc_text(body) : NULL,
                            .reason = str_dup("test")};

    json_decref(body);
    kube_queue_put(kube_cluster_queue(b->cluster), &a);
}

/* A planner in small: ConfigMaps c0..cN with desired: yes, and nothing else that is ours. */
static void reconcile(struct bench *b)
{
    struct kube_cache *cache = kube_cluster_cache(b->cluster);
    const struct kube_object *o;

    for (int i = 0; i < b->desired; i++) {
        _cleanup_free_ char *name = str_printf("c%d", i);
        _cleanup_json_ json_t *live = NULL;
        json_t *body = bench_config_map(name, true);
        json_object_set_new(body, "data", OBJECT(STRING("desired", "yes")));
        o = kube_cache_get(cache, &bench_rows[MAPS], SPACE, name);
        live = o ? kube_object_parse(o) : NULL;
        if (!live) {
            bench_put_action(b, KUBE_CREATE, name, body, NULL);
        } else if (!str_eq(doc_string(live, "data", "desired"), "yes") || !o->owner) {
            json_object_set_new(json_object_get(body, "metadata"), "resourceVersion", json_string(o->resource_version));
            bench_put_action(b, KUBE_UPDATE, name, body, NULL);
        } else {
            json_decref(body);
        }
    }
    for (size_t i = 0; (o = kube_cache_next(cache, &bench_rows[MAPS], &i));)
        if (o->owner && o->name[0] != 'c')
            bench_put_action(b, KUBE_REMOVE, o->name, NULL, o->uid);
}

static void on_changed(void *context)
{
    struct bench *b = context;

    b->changes++;
    if (b->desired && kube_cluster_phase(b->cluster) == KUBE_CLUSTER_SYNCED)
        reconcile(b);
}

static void on_action(void *context, const struct kube_action *action, const json_t *answer, const struct err *e)
{
    struct bench *b = context;

    (void)action;
    (void)answer;
    b->actions++;
    b->actions_failed += e != NULL;
}

void bench_begin_cluster_with(struct bench *b, struct kube_cluster_options options)
{
    options.owner_label = OWNER;
    options.namespace = SPACE;
    options.page_size = options.page_size ? options.page_size : 4;
    b->cluster = kube_cluster_new_on(sim_io(b->sim), &bench_table, &options,
                                     &(struct kube_cluster_events){on_changed, on_action, b});
    kube_cluster_start(b->cluster);
}

void bench_begin_cluster_of(struct bench *b, unsigned roles)
{
    bench_begin_cluster_with(b, (struct kube_cluster_options){.roles = roles});
}

void bench_begin_cluster(struct bench *b)
{
    bench_begin_cluster_of(b, 0);
}

void bench_begin(struct bench *b, uint64_t seed)
{
    *b = (struct bench){.sim = sim_new(&bench_table, 20, seed)};
    bench_begin_cluster(b);
}

void bench_finish(struct bench *b)
{
    kube_cluster_free(b->cluster);
    sim_free(b->sim);
}

void bench_begin_synced(struct bench *b)
{
    bench_begin(b, 1);
    sim_apply(b->sim, &bench_rows[DEFINITIONS], bench_definition(MESHES, false));
    sim_run(b->sim, 500);
    assert_int_equal(kube_cluster_phase(b->cluster), KUBE_CLUSTER_SYNCED);
    assert_string_equal(kube_cluster_error(b->cluster), "");
    sim_take_counts(b->sim);
    b->changes = 0;
}

const struct kube_object *bench_cached(const struct bench *b, int row, const char *name)
{
    return kube_cache_get(kube_cluster_cache(b->cluster), &bench_rows[row], bench_rows[row].namespaced ? SPACE : NULL,
                          name);
}

const char *bench_served(const struct bench *b, int row)
{
    return kube_server_version(kube_cluster_server(b->cluster), &bench_rows[row]);
}

bool bench_agrees(const struct bench *b, int row)
{
    const struct kube_kind *kind = &bench_rows[row];
    const struct kube_object *o;
    const json_t *live;
    size_t selected = 0;

    for (size_t i = 0; (live = sim_next(b->sim, kind, &i));) {
        if (kind->watch == KUBE_WATCH_OWNED && !doc_string(live, "metadata", "labels", OWNER))
            continue;
        o = kube_cache_get(kube_cluster_cache(b->cluster), kind, doc_string(live, "metadata", "namespace"),
                           doc_string(live, "metadata", "name"));
        if (!o || !str_eq(o->resource_version, doc_string(live, "metadata", "resourceVersion")))
            return false;
        selected++;
    }
    return kube_cache_count(kube_cluster_cache(b->cluster), kind) == selected;
}
