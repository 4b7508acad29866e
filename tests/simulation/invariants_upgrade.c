/*
 * What must hold while the version of a mesh of Istio 1.0 or 1.1 changes, by rules of its own: the order of the writes,
 * and what is never deleted. Each is judged by what the operator knew when it sent a request.
 */
#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/mesh_plan.h"
#include "doc/doc.h"
#include "invariants_impl.h"

#define PILOT "istio-pilot"

static const char *name_of(const json_t *o)
{
    return str_or(doc_string(o, "metadata", "name"), "?");
}

static bool is_gateway(const char *deployment)
{
    return str_ends(deployment, "gateway");
}

/* Of the first container's image; NULL: it has none. */
static const char *tag_of(const json_t *deployment)
{
    const json_t *container = json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);
    const char *image = doc_string(container, "image"), *tag = image ? strrchr(image, ':') : NULL;

    return tag ? tag + 1 : NULL;
}

static json_t *known(const struct kube_cache *cache, enum mesh_kind_id kind, const char *ns, const char *name)
{
    const struct kube_object *o = kube_cache_get(cache, mesh_kind(kind), ns, name);

    return o ? kube_object_parse(o) : NULL;
}

static json_t *text_of(const struct desired *d)
{
    json_t *ret = NULL;

    if (!d || !d->text || doc_parse(d->text, strlen(d->text), SIZE_MAX, &ret, NULL) < 0)
        return NULL;
    return ret;
}

/* Whether this version of a component runs somewhere. */
static bool serves(const json_t *deployment, const char *version)
{
    return str_eq(tag_of(deployment), version) && doc_int(doc_at(deployment, "status", "updatedReplicas"), 0) > 0 &&
           doc_int(doc_at(deployment, "status", "availableReplicas"), 0) > 0;
}

/* All components but gateways come before gateways. */
static void check_gateway(struct invariants *v, const struct kube_cache *cache, const struct desired_set *set,
                          const char *gateway, const char *version)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct desired *d = &set->items[i];
        _cleanup_json_ json_t *component = NULL;
        if (d->kind != mesh_kind(KIND_DEPLOYMENT) || is_gateway(d->name))
            continue;
        component = known(cache, KIND_DEPLOYMENT, d->ns, d->name);
        if (!serves(component, version) && !v->failure.len)
            buf_printf(&v->failure, "the operator replaces Deployment %s by version %s, and no %s of it serves",
                       gateway, version, d->name);
    }
}

/* Programs read neither another release's configuration nor kinds that are not there. */
static void check_component(struct invariants *v, const struct kube_cache *cache, const struct desired_set *set,
                            const char *component, const char *version)
{
    const struct desired *config = desired_find(set, mesh_kind(KIND_CONFIG_MAP), MESH_NS, "istio");
    _cleanup_json_ json_t *desired = text_of(config), *live = known(cache, KIND_CONFIG_MAP, MESH_NS, "istio");

    if (str_eq(component, PILOT) && desired && !doc_equal(doc_at(desired, "data"), doc_at(live, "data")) &&
        !v->failure.len)
        buf_printf(&v->failure, "the operator writes Deployment %s of version %s before its ConfigMap", component,
                   version);
    for (size_t i = 0; i < set->len; i++) {
        const struct desired *d = &set->items[i];
        if (d->kind == mesh_kind(KIND_DEFINITION) && !kube_cache_get(cache, d->kind, NULL, d->name) && !v->failure.len)
            buf_printf(&v->failure, "the operator writes Deployment %s of version %s before definition %s", component,
                       version, d->name);
    }
}

static void check_written(struct invariants *v, const struct kube_cache *cache, const json_t *mesh,
                          const struct desired_set *set, const json_t *deployment)
{
    _cleanup_json_ json_t *before = known(cache, KIND_DEPLOYMENT, MESH_NS, name_of(deployment));
    const char *new = tag_of(deployment), *old = tag_of(before);
    const char *installed = doc_string(mesh, "status", STATUS_FIELD_VERSION);

    if (!new || !old || str_eq(new, old) || !installed)
        return;
    if (is_gateway(name_of(deployment))) {
        if (!str_eq(new, installed))
            check_gateway(v, cache, set, name_of(deployment), new);
    } else {
        check_component(v, cache, set, name_of(deployment), new);
    }
}

/* What both releases have keeps its uid, its address and its ports; and without its key the mesh is another one. */
static void check_deleted(struct invariants *v, const struct desired_set *set, const char *path)
{
    static const struct {
        const char *plural;
        enum mesh_kind_id kind;
    } kept[] = {{"/services/", KIND_SERVICE},
                {"/deployments/", KIND_DEPLOYMENT},
                {"/serviceaccounts/", KIND_SERVICE_ACCOUNT},
                {"/configmaps/", KIND_CONFIG_MAP}};

    if (strstr(path, "/secrets/istio-ca-secret") && !v->failure.len)
        buf_add_str(&v->failure, "the operator deletes the key of the mesh");
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const char *at = strstr(path, kept[i].plural);
        _cleanup_free_ char *name = NULL;
        if (!at)
            continue;
        at += strlen(kept[i].plural);
        name = str_dup_n(at, strcspn(at, "?/"));
        if (desired_find(set, mesh_kind(kept[i].kind), MESH_NS, name) && !v->failure.len)
            buf_printf(&v->failure, "the operator deletes %s %s, which is desired", mesh_kind(kept[i].kind)->kind,
                       name);
    }
}

/* It says that all of the mesh is of a version when the gateways are. */
static void check_status(struct invariants *v, const struct kube_cache *cache, const struct desired_set *set,
                         const json_t *mesh, const json_t *said)
{
    const char *before = doc_string(mesh, "status", STATUS_FIELD_VERSION);
    const char *version = doc_string(said, "status", STATUS_FIELD_VERSION);

    if (!before || !version || str_eq(before, version))
        return;
    for (size_t i = 0; i < set->len; i++) {
        const struct desired *d = &set->items[i];
        _cleanup_json_ json_t *live = NULL;
        if (d->kind != mesh_kind(KIND_DEPLOYMENT))
            continue;
        live = known(cache, KIND_DEPLOYMENT, d->ns, d->name);
        if (!str_eq(tag_of(live), version) && !v->failure.len)
            buf_printf(&v->failure, "the status says version %s, and Deployment %s is of %s", version, d->name,
                       str_or(tag_of(live), "none"));
    }
}

void invariants_upgrade_sent(struct invariants *v, struct controller *controller, const struct net_request *request)
{
    const struct kube_cache *cache = controller ? kube_cluster_cache(controller_cluster(controller)) : NULL;
    const struct kube_object *o = v->upgrades && !v->misled && cache ? mesh_find(cache) : NULL;
    _cleanup_json_ json_t *mesh = NULL, *body = NULL;
    _cleanup_desired_ struct desired_set *set = NULL;
    bool is_status = strstr(request->path, "/istios/") && strstr(request->path, "/status");

    if (!o || o->deleting ||
        (request->method != NET_DELETE &&
         (request->method != NET_PUT || (!is_status && !strstr(request->path, "/deployments/")))))
        return;
    mesh = kube_object_parse(o);
    set = invariants_desired_of(v->server, mesh);
    if (!set)
        return;
    if (request->method == NET_DELETE)
        check_deleted(v, set, request->path);
    else if (doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0 && is_status)
        check_status(v, cache, set, mesh, body);
    else if (body)
        check_written(v, cache, mesh, set, body);
}
