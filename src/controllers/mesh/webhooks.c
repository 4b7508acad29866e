#include "controllers/mesh/webhooks.h"

#include "api/status.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

#define COMPONENT "webhooks"
#define LABEL_SERVICE "kubernetes.io/service-name"

/* An endpoint that does not say is ready (the API reference of EndpointSlice). */
static bool has_ready(const json_t *slice)
{
    json_t *endpoint;
    size_t i;

    json_array_foreach(doc_at(slice, "endpoints"), i, endpoint)
        if (doc_bool(doc_at(endpoint, "conditions", "ready"), true))
            return true;
    return false;
}

static char *place_of(const char *ns, const char *service)
{
    return STR_JOIN('/', str_or(ns, ""), str_or(service, ""));
}

/* "namespace/name" of the Services with a ready endpoint; NULL: that is not known yet. Owned by the caller. */
static struct map *answering(const struct plan_input *in)
{
    struct map *services = in->synced & PLAN_WATCH_ENDPOINTS ? map_new(NULL) : NULL;
    const struct kube_object *o;

    for (size_t i = 0; services && (o = kube_cache_next(in->observed, mesh_kind(KIND_ENDPOINT_SLICE), &i));) {
        _cleanup_json_ json_t *slice = kube_object_parse(o);
        _cleanup_free_ char *service = place_of(o->ns, doc_string(slice, "metadata", "labels", LABEL_SERVICE));
        if (has_ready(slice))
            map_put(services, service, NULL);
    }
    return services;
}

/* Whether it is the one that is shared, and a former control plane answers it: held back, or left so by its user. */
static bool is_of_former(const struct mesh_plane *plane, const struct desired *desired, const json_t *configuration)
{
    const struct mesh_line *line = plane->release->line;

    return configuration && line->validator && str_eq(desired->name, line->validator) &&
           !str_eq(line->plane_of(configuration), plane->revision);
}

/* Why one cannot be called, owned by the caller; NULL: it can. A webhook with a URL may be signed by any authority. */
static char *fault_of(
    const struct plan_input *in, const struct mesh_plane *plane, const struct map *services,
    const struct desired *desired)
{
    const struct kube_object *o = kube_cache_get(in->observed, desired->kind, desired->ns, desired->name);
    _cleanup_json_ json_t *configuration = o ? kube_object_parse(o) : NULL;
    json_t *webhook;
    size_t i;

    if (!configuration)
        return str_printf("%s %s does not exist yet", desired->kind->kind, desired->name);
    if (is_of_former(plane, desired, configuration))
        return NULL;
    json_array_foreach(doc_at(configuration, "webhooks"), i, webhook) {
        const json_t *client = doc_at(webhook, "clientConfig");
        const char *service = doc_string(client, "service", "name");
        _cleanup_free_ char *place = place_of(doc_string(client, "service", "namespace"), service);
        if (!service)
            continue;
        if (!*str_or(doc_string(client, "caBundle"), ""))
            return str_printf(
                "%s %s has no caBundle yet, which istiod fills in: the API server cannot call it",
                desired->kind->kind,
                desired->name);
        if (services && !map_has(services, place))
            return str_printf(
                "no endpoint of Service %s is ready, which answers %s %s", service, desired->kind->kind, desired->name);
    }
    return NULL;
}

static bool is_webhook(const struct kube_kind *kind)
{
    return kind == mesh_kind(KIND_MUTATING_WEBHOOK) || kind == mesh_kind(KIND_VALIDATING_WEBHOOK);
}

bool webhooks_can_be_called(const struct plan_input *in, const struct mesh_desired *desired)
{
    _cleanup_map_ struct map *services = answering(in);

    for (size_t i = 0; services && i < desired->objects->len; i++) {
        const struct desired *d = &desired->objects->items[i];
        _cleanup_free_ char *fault = is_webhook(d->kind) ? fault_of(in, desired->planes, services, d) : NULL;
        if (fault)
            return false;
    }
    return services != NULL;
}

/* What the status said of them before, while the endpoints are not known. */
static char *former_fault(const struct reconcile *r)
{
    const json_t *before = doc_find(doc_at(r->resource, "status", STATUS_FIELD_COMPONENTS), "name", COMPONENT);

    if (r->world->central->synced & PLAN_WATCH_ENDPOINTS)
        return NULL;
    return str_dup(doc_string(before, "message"));
}

bool webhooks_read(struct reconcile *r, const struct mesh_desired *desired)
{
    const struct plan_input *in = r->world->central;
    _cleanup_map_ struct map *services = answering(in);
    struct rollout row = {.name = COMPONENT, .revision = "", .enabled = true};

    for (size_t i = 0; i < desired->objects->len; i++) {
        const struct desired *d = &desired->objects->items[i];
        char *fault;
        if (!is_webhook(d->kind))
            continue;
        row.desired++;
        fault = fault_of(in, desired->planes, services, d);
        row.ready += !fault;
        if (row.message)
            free(fault);
        else
            row.message = fault;
    }
    if (!row.desired)
        return false;
    r->plan->central.watch |= PLAN_WATCH_ENDPOINTS;
    if (!row.message)
        row.message = former_fault(r);
    row.available = !row.message;
    r->rollouts.all_available &= row.available;
    ARRAY_RESERVE_ONE(r->rollouts.items, r->rollouts.len, r->rollouts.cap);
    r->rollouts.items[r->rollouts.len++] = row;
    return row.available;
}
