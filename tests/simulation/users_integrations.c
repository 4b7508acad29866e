/* What users do with the fields for what others watch and draw a mesh with, and these others with what is theirs. */
#include "api/istio.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/kinds.h"
#include "users_impl.h"

#define THEIR_NS "monitoring"

/* For any release. */
static const char *const patches[] = {
    "{\"monitoring\": {\"prometheus\": {\"mode\": \"PrometheusOperator\"}}}",
    "{\"monitoring\": {\"prometheus\": {\"mode\": \"PrometheusOperator\", \"namespace\": \"" THEIR_NS "\"}}}",
    "{\"monitoring\": {\"prometheus\": {\"mode\": \"PrometheusOperator\", \"labels\": {\"release\": \"a\"}}}}",
    "{\"monitoring\": {\"prometheus\": {\"mode\": \"ScrapeConfig\"}}}",
    "{\"monitoring\": {\"prometheus\": {\"mode\": \"ScrapeConfig\", \"namespace\": \"" THEIR_NS "\"}}}",
    "{\"monitoring\": {\"prometheus\": {\"namespace\": null, \"labels\": null}}}",
    "{\"monitoring\": {\"prometheus\": null}}",
    "{\"monitoring\": {\"grafana\": {\"mode\": \"ConfigMap\"}}}",
    "{\"monitoring\": {\"grafana\": {\"mode\": \"ConfigMap\", \"namespace\": \"" THEIR_NS "\"}}}",
    "{\"monitoring\": {\"grafana\": {\"mode\": \"GrafanaDashboard\", \"folder\": \"Istio\"}}}",
    "{\"monitoring\": {\"grafana\": null}}",
    "{\"monitoring\": null}",
    "{\"tracing\": {\"zipkinAddress\": \"zipkin.default:9411\", \"sampling\": 20}}",
    "{\"tracing\": {\"sampling\": 50}}",
    "{\"tracing\": null}",
};
static const char *const patches_v1[] = {"{\"servicegraph\": {\"enabled\": true}}", "{\"servicegraph\": null}"};
static const char *const patches_today[] = {"{\"kiali\": {\"mode\": \"Server\"}}",
                                            "{\"kiali\": {\"mode\": \"Server\", \"viewOnly\": false}}",
                                            "{\"kiali\": {\"mode\": \"KialiResource\"}}", "{\"kiali\": null}",
                                            "{\"tracing\": {\"opentelemetryAddress\": \"zipkin.default:9411\"}}"};

/* --- the mesh --- */

static void change_fields(struct users *p)
{
    struct pick x = users_mesh(p);

    if (!x.object)
        return;
    if (rng_chance(p->rng, 700))
        users_patch_spec(p, x.object, patches, ARRAY_LEN(patches));
    else if (p->today)
        users_patch_spec(p, x.object, patches_today, ARRAY_LEN(patches_today));
    else
        users_patch_spec(p, x.object, patches_v1, ARRAY_LEN(patches_v1));
    users_put(p, &x);
    json_decref(x.object);
}

static void create_again(struct users *p)
{
    users_create(p, server_find(p->server, API_GROUP, "istios"), MESH_NS,
                 OBJECT(MAP("metadata", STRING("name", MESH_NAME)),
                        MAP("spec", STRING("version", p->today ? "1.31.1" : "1.1.17"))));
}

static void delete_and_create(struct users *p)
{
    if (server_get(server_find(p->server, API_GROUP, "istios"), MESH_NS, MESH_NAME))
        users_delete_mesh(p);
    else
        create_again(p);
}

/* --- what is theirs --- */

static const enum mesh_kind_id kinds[] = {KIND_SERVICE_MONITOR, KIND_POD_MONITOR,       KIND_PROMETHEUS_RULE,
                                          KIND_PROMETHEUS,      KIND_GRAFANA_DASHBOARD, KIND_KIALI};

static const struct kube_kind *any_kind(struct users *p)
{
    return mesh_kind(kinds[rng_below(p->rng, ARRAY_LEN(kinds))]);
}

static struct collection *definitions(struct users *p)
{
    return server_find(p->server, "apiextensions.k8s.io", "customresourcedefinitions");
}

static void define(struct users *p, const struct kube_kind *kind)
{
    users_create(
        p, definitions(p), NULL,
        OBJECT(MAP("metadata", FORMAT("name", "%s.%s", kind->plural, kind->group)),
               MAP("spec", STRING("group", kind->group), STRING("scope", "Namespaced"),
                   MAP("names", STRING("kind", kind->kind), FORMAT("listKind", "%sList", kind->kind),
                       STRING("plural", kind->plural)),
                   SEQ("versions",
                       ITEM(STRING("name", kind->versions[0].name), BOOL("served", true), BOOL("storage", true),
                            MAP("schema", MAP("openAPIV3Schema", STRING("type", "object"),
                                              BOOL("x-kubernetes-preserve-unknown-fields", true))))))));
}

static void install(struct users *p)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        define(p, mesh_kind(kinds[i]));
}

static void change_definition(struct users *p)
{
    const struct kube_kind *kind = any_kind(p);
    _cleanup_free_ char *name = str_printf("%s.%s", kind->plural, kind->group);
    const json_t *there = server_get(definitions(p), NULL, name);
    struct pick x = {.kind = definitions(p), .object = there ? doc_copy(there) : NULL};

    if (x.object)
        users_remove(p, &x);
    else
        define(p, kind);
    json_decref(x.object);
}

static void change_namespace(struct users *p)
{
    struct collection *namespaces = server_find(p->server, "", "namespaces");
    const json_t *there = server_get(namespaces, NULL, THEIR_NS);
    struct pick x = {.kind = namespaces, .object = there ? doc_copy(there) : NULL};

    if (x.object)
        users_remove(p, &x);
    else
        users_create(p, namespaces, NULL, OBJECT(MAP("metadata", STRING("name", THEIR_NS))));
    json_decref(x.object);
}

static void change_collector(struct users *p)
{
    struct collection *services = server_find(p->server, "", "services");
    const json_t *there = server_get(services, "default", "zipkin");
    struct pick x = {.kind = services, .object = there ? doc_copy(there) : NULL};

    if (x.object)
        users_remove(p, &x);
    else
        users_create(p, services, "default",
                     OBJECT(MAP("metadata", STRING("name", "zipkin")),
                            MAP("spec", SEQ("ports", ITEM(STRING("name", "grpc"),
                                                          INT("port", rng_chance(p->rng, 700) ? 9411 : 80))))));
    json_decref(x.object);
}

/* Under a name that the operator needs, or under one of their own. */
static void create_theirs(struct users *p)
{
    static const char *const names[] = {
        "istio-component-monitor", "envoy-stats-monitor", "istio-operator", "kiali", "istio-dashboard-mesh", "theirs",
        "foreign-theirs"};
    const struct kube_kind *kind = any_kind(p);

    users_create(p, server_find(p->server, kind->group, kind->plural), MESH_NS,
                 OBJECT(MAP("metadata", STRING("name", names[rng_below(p->rng, ARRAY_LEN(names))]),
                            MAP("labels", STRING("theirs", "yes"))),
                        MAP("spec", MAP("serviceMonitorSelector"))));
}

static bool is_of_theirs(const struct collection *kind, const json_t *o)
{
    (void)o;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kind->plural, mesh_kind(kinds[i])->plural))
            return true;
    return false;
}

static void change_theirs(struct users *p)
{
    struct pick x = users_pick(p, is_of_theirs);

    if (!x.object)
        return;
    if (rng_chance(p->rng, 500)) {
        users_remove(p, &x);
    } else {
        json_object_set_new(doc_make(x.object, "spec"), "edited", json_true());
        users_put(p, &x);
    }
    json_decref(x.object);
}

static const struct users_deed deeds[] = {
    {"a field of an integration is changed", 60, change_fields},
    {"a definition of others is created, or deleted", 20, change_definition},
    {"all definitions of others are created", 5, install},
    {"the namespace of others is created, or deleted", 10, change_namespace},
    {"what receives spans is created, or deleted", 10, change_collector},
    {"an object of others is created", 20, create_theirs},
    {"an object of others' kinds is changed, or deleted", 15, change_theirs},
    {"the resource is deleted, or created again", 5, delete_and_create},
};

void users_act_with_integrations(struct users *p)
{
    users_act_by_weight(p, deeds, ARRAY_LEN(deeds));
}

void users_begin_integrations(struct users *p)
{
    struct pick x;

    users_unignore(p);
    x = users_mesh(p);
    if (!x.object) {
        create_again(p);
    } else {
        json_object_del(json_object_get(x.object, "spec"), "pause");
        if (p->today)
            json_object_set_new(doc_make(x.object, "spec"), "version", json_string("1.31.1"));
        else if (str_eq(doc_string(x.object, "spec", "version"), "9.9.9"))
            json_object_del(json_object_get(x.object, "spec"), "version");
        users_put(p, &x);
        json_decref(x.object);
    }
    if (rng_chance(p->rng, 500))
        install(p);
    if (rng_chance(p->rng, 500))
        change_namespace(p);
}

void users_end_integrations(struct users *p)
{
    struct pick x = users_mesh(p);

    if (!x.object)
        return;
    json_object_del(json_object_get(x.object, "spec"), "monitoring");
    json_object_del(json_object_get(x.object, "spec"), "tracing");
    json_object_del(json_object_get(x.object, "spec"), "kiali");
    json_object_del(json_object_get(x.object, "spec"), "servicegraph");
    users_put(p, &x);
    json_decref(x.object);
}
