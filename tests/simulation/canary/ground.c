#include "ground.h"
#include "controllers/resources.h"

#include "api/crd.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/kinds.h"

struct collection *ground_kind(const struct ground *g, const char *group, const char *plural)
{
    return server_find(g->server, group, plural);
}

const json_t *ground_get(const struct ground *g, const char *group, const char *plural, const char *name)
{
    const struct collection *kind = ground_kind(g, group, plural);

    return kind ? server_get(kind, kind->namespaced ? SHOP_NS : NULL, name) : NULL;
}

bool ground_create(struct ground *g, const char *group, const char *plural, json_t *object)
{
    struct collection *kind = ground_kind(g, group, plural);
    _cleanup_outcome_ struct outcome done =
        server_create(g->server, WHO_HUMAN, kind, kind->namespaced ? SHOP_NS : NULL, object);

    json_decref(object);
    return done.status == 201;
}

bool ground_delete(struct ground *g, const char *group, const char *plural, const char *name)
{
    _cleanup_outcome_ struct outcome done =
        server_delete(g->server, WHO_HUMAN, ground_kind(g, group, plural), SHOP_NS, name, NULL);

    return !done.reason;
}

bool ground_patch(struct ground *g, const char *group, const char *plural, const char *name, json_t *patch)
{
    const json_t *before = ground_get(g, group, plural, name);
    _cleanup_json_ json_t *o = before ? doc_copy(before) : NULL;
    _cleanup_outcome_ struct outcome done = {0};

    if (o) {
        server_merge_patch(o, patch);
        done = server_update(g->server, WHO_HUMAN, ground_kind(g, group, plural), SHOP_NS, name, NULL, o);
    }
    json_decref(patch);
    return o && !done.reason;
}

/* --- the shop --- */

json_t *ground_template(int version)
{
    return OBJECT(
        MAP("metadata", MAP("labels", STRING("app", SHOP))),
        MAP("spec", SEQ("containers", ITEM(STRING("name", SHOP), FORMAT("image", SHOP_IMAGE "%d", version)))));
}

void ground_open_shop(struct ground *g, int replicas)
{
    ground_create(
        g, "apps", "deployments",
        OBJECT(MAP("metadata", STRING("name", SHOP)),
               MAP("spec", INT("replicas", replicas), MAP("selector", MAP("matchLabels", STRING("app", SHOP))),
                   VALUE("template", ground_template(1)))));
    ground_create(g, "", "services",
                  OBJECT(MAP("metadata", STRING("name", SHOP)),
                         MAP("spec", MAP("selector", STRING("app", SHOP)),
                             SEQ("ports", ITEM(STRING("name", "http"), INT("port", 80), INT("targetPort", 8080))))));
}

/* --- the cluster --- */

static void on_change(void *context, enum who who, const struct collection *kind, const json_t *before,
                      const json_t *after)
{
    struct ground *g = context;

    apps_changed(g->apps, kind);
    traffic_changed(g->traffic, kind, after ? after : before);
    controllers_poke(g->controllers);
    if (g->changed)
        g->changed(g->context, who, kind, before, after);
}

static void on_request(void *context, const struct traffic_request *request)
{
    struct ground *g = context;

    g->request(g->context, request);
}

static void define(struct ground *g, const char *kind, const char *plural)
{
    ground_create(
        g, "apiextensions.k8s.io", "customresourcedefinitions",
        OBJECT(MAP("metadata", FORMAT("name", "%s." ISTIO_GROUP, plural)),
               MAP("spec", STRING("group", ISTIO_GROUP), STRING("scope", "Namespaced"),
                   MAP("names", STRING("kind", kind), STRING("plural", plural)),
                   SEQ("versions", ITEM(STRING("name", "v1alpha3"), BOOL("served", true), BOOL("storage", true))))));
}

void ground_init(struct ground *g, int minor)
{
    g->sched = sched_new();
    g->server = server_new(&mesh_kinds, minor, &g->rng, g->sched);
    g->controllers = controllers_new(g->sched, g->server, &g->rng, &g->eager);
    controllers_leave_workloads(g->controllers);
    g->apps = apps_new(g->sched, g->server, &g->rng, &g->times, g->sorts);
    g->traffic = traffic_new(&(struct traffic_options){
        .sched = g->sched,
        .server = g->server,
        .rng = &g->rng,
        .apps = g->apps,
        .sorts = g->sorts,
        .lag = &g->lag,
        .rate = &g->rate,
        .request = on_request,
        .context = g,
    });
    g->scaler = scaler_new(g->sched, g->server, &g->rng);
    server_observe(g->server, on_change, g);
    ground_create(g, "", "namespaces", OBJECT(MAP("metadata", STRING("name", SHOP_NS))));
    ground_create(g, "", "namespaces", OBJECT(MAP("metadata", STRING("name", "default"))));
    define(g, "VirtualService", "virtualservices");
    define(g, "DestinationRule", "destinationrules");
    for (const struct api_resource *const *row = api_resources; *row; row++)
        ground_create(g, "apiextensions.k8s.io", "customresourcedefinitions", api_crd(*row, "v1"));
}

void ground_release(struct ground *g)
{
    scaler_free(g->scaler);
    traffic_free(g->traffic);
    apps_free(g->apps);
    controllers_free(g->controllers);
    server_free(g->server);
    sched_free(g->sched);
}
