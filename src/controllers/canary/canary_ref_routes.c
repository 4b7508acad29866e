/*
 * The routes of the user's own VirtualService in which a Canary splits requests: where they lead, and how they are to
 * be. Of each its list of destinations is the Canary's, as far as they lead to its Service or the halves of that, and
 * so it is of any route that leads to both halves; all else of the VirtualService stays as it is.
 *
 * Source: istio.io, "HTTPRoute" (name), "HTTPRouteDestination". A host without dots is a Service of the
 * VirtualService's namespace.
 */
#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

enum lead {
    LEADS_ELSEWHERE, /* to something else, too: it is not touched */
    LEADS_TO_SERVICE,
    LEADS_TO_HALVES, /* to the primary, the canary, or both */
};

static bool is_to(const struct canary *c, const json_t *destination, const char *service)
{
    const char *host = doc_string(destination, "destination", "host");
    _cleanup_free_ char *is = host ? canary_full_host(host, c->ns) : NULL;
    _cleanup_free_ char *wanted = canary_full_host(service, c->ns);

    return str_eq(is, wanted);
}

/* NULL: none leads there. Borrowed. */
static json_t *find(const struct canary *c, const json_t *route, const char *service)
{
    json_t *destination;
    size_t i;

    json_array_foreach(doc_at(route, "route"), i, destination)
        if (is_to(c, destination, service))
            return destination;
    return NULL;
}

static enum lead lead_of(const struct canary *c, const json_t *route)
{
    const json_t *list = doc_at(route, "route");
    size_t halves = 0, i;
    json_t *destination;

    json_array_foreach((json_t *)list, i, destination) {
        if (doc_at(destination, "destination", "subset"))
            return LEADS_ELSEWHERE;
        halves += is_to(c, destination, c->primary_service) || is_to(c, destination, c->canary_service);
    }
    if (i && halves == i && i <= 2)
        return LEADS_TO_HALVES;
    return i == 1 && find(c, route, c->service) ? LEADS_TO_SERVICE : LEADS_ELSEWHERE;
}

/* Whether the reference means this one of the routes: by its name, or as the only one. */
static bool is_meant(const struct canary *c, const json_t *http, const json_t *route)
{
    const json_t *names = doc_at(c->ref, "routes");
    json_t *name;
    size_t i;

    json_array_foreach((json_t *)names, i, name)
        if (str_eq(json_string_value(name), doc_string(route, "name")))
            return true;
    return !i && json_array_size(http) == 1;
}

/* Its destinations are the Canary's. One that was split is so under another name, too: else it kept its weight. */
static bool is_own(const struct canary *c, const json_t *http, const json_t *route)
{
    enum lead lead = lead_of(c, route);
    bool is_split = lead == LEADS_TO_HALVES && find(c, route, c->primary_service) && find(c, route, c->canary_service);

    return is_split || (lead != LEADS_ELSEWHERE && is_meant(c, http, route));
}

/* Requests get to the canary, by what the user wrote. */
static bool is_user_to_canary(const struct canary *c, const json_t *http, const json_t *route)
{
    const json_t *list = doc_at(route, "route");
    json_t *one;
    size_t i;

    if (!is_meant(c, http, route) || lead_of(c, route) != LEADS_ELSEWHERE)
        return false;
    json_array_foreach((json_t *)list, i, one)
        if (is_to(c, one, c->canary_service) && doc_int(doc_at(one, "weight"), json_array_size(list) == 1))
            return true;
    return false;
}

char *canary_ref_obstacle(const struct canary *c)
{
    _cleanup_json_ json_t *object =
        c->route_object && !c->route_object->deleting ? kube_object_parse(c->route_object) : NULL;
    const json_t *http = doc_at(object, "spec", "http"), *names = doc_at(c->ref, "routes");
    json_t *route, *name;
    size_t i;

    if (!object)
        return str_printf(
            "there is no VirtualService %s/%s, which spec.service.virtualServiceRef names", c->ns, c->route_name);
    if (!json_array_size(names) && json_array_size(http) != 1)
        return str_printf(
            "VirtualService %s/%s has %zu HTTP routes: spec.service.virtualServiceRef.routes must name those in which "
            "requests are split",
            c->ns,
            c->route_name,
            json_array_size(http));
    json_array_foreach((json_t *)names, i, name)
        if (!doc_find(http, "name", str_or(json_string_value(name), "")))
            return str_printf(
                "VirtualService %s/%s has no HTTP route %s, which spec.service.virtualServiceRef names",
                c->ns,
                c->route_name,
                str_or(json_string_value(name), "?"));
    json_array_foreach((json_t *)http, i, route)
        if (is_meant(c, http, route) && lead_of(c, route) == LEADS_ELSEWHERE)
            return str_printf(
                "spec.http[%zu] of VirtualService %s/%s must lead to Service %s alone, without a subset",
                i,
                c->ns,
                c->route_name,
                c->service);
    return NULL;
}

static int64_t weight_to(const struct canary *c, const json_t *route, const char *service)
{
    return doc_int(doc_at(find(c, route, service), "weight"), 0);
}

/* The canary's weight in a route; -1: it is not as the Canary has it. */
static int64_t weight_in(const struct canary *c, const json_t *route)
{
    int64_t canary = weight_to(c, route, c->canary_service), primary = weight_to(c, route, c->primary_service);

    return canary >= 0 && primary >= 0 && canary + primary == 100 && json_array_size(doc_at(route, "route")) == 2
               ? canary
               : -1;
}

int canary_ref_weight(const struct canary *c)
{
    json_t *http = doc_at(c->route, "spec", "http"), *route;
    int64_t weight = -1, one;
    size_t i;

    if (c->route_object && !c->route)
        return -1;
    json_array_foreach(http, i, route) {
        if (is_user_to_canary(c, http, route))
            return -1;
        if (!is_own(c, http, route))
            continue;
        one = weight_in(c, route);
        if (one < 0 || (weight >= 0 && weight != one))
            return -1;
        weight = one;
    }
    return weight < 0 ? 0 : (int)weight;
}

/* As another one, but to this Service. */
static json_t *destination(const struct canary *c, const json_t *as, const char *service)
{
    json_t *copy = doc_copy(as);

    if (!is_to(c, copy, service))
        json_object_set_new(doc_make(copy, "destination"), "host", json_string(service));
    return copy;
}

/* What it leads to has what its only destination had, or each half what it has. */
static json_t *split(const struct canary *c, const json_t *route, int weight)
{
    const json_t *primary = find(c, route, c->primary_service), *canary = find(c, route, c->canary_service);
    const json_t *any = primary ? primary : canary ? canary : json_array_get(doc_at(route, "route"), 0);
    json_t *list = json_array(), *item;
    size_t i;

    if (primary && canary) {
        json_array_extend(list, doc_at(route, "route"));
        json_array_foreach(list, i, item)
            json_array_set_new(list, i, doc_copy(item));
    } else {
        json_array_append_new(list, destination(c, any, c->primary_service));
        json_array_append_new(list, destination(c, any, c->canary_service));
    }
    json_array_foreach(list, i, item)
        json_object_set_new(item, "weight", json_integer(is_to(c, item, c->canary_service) ? weight : 100 - weight));
    return list;
}

json_t *canary_ref_http(const struct canary *c, int weight)
{
    json_t *http = doc_copy(doc_at(c->route, "spec", "http")), *route;
    size_t i;

    json_array_foreach(http, i, route)
        if (is_own(c, http, route))
            json_object_set_new(route, "route", split(c, route, weight));
    return http;
}

/* The destination of the same route as it was recorded; NULL: none led to the Service. Borrowed from `before`. */
static const json_t *recorded_destination(const struct canary *c, const json_t *before, const json_t *route)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)before, i, one)
        if (is_meant(c, before, one) && str_eq(doc_string(one, "name"), doc_string(route, "name")))
            return lead_of(c, one) == LEADS_TO_SERVICE ? json_array_get(doc_at(one, "route"), 0) : NULL;
    return NULL;
}

/* To the Service, by the name and with the weight that it had; the user may have changed all else since. */
static json_t *former_destination(const struct canary *c, const json_t *before, const json_t *route)
{
    const json_t *recorded = recorded_destination(c, before, route);
    json_t *only = destination(c, json_array_get(doc_at(route, "route"), 0), c->service);

    json_object_del(only, "weight");
    if (doc_at(recorded, "weight"))
        json_object_set(only, "weight", doc_at(recorded, "weight"));
    if (recorded)
        json_object_set(doc_at(only, "destination"), "host", doc_at(recorded, "destination", "host"));
    return only;
}

json_t *canary_ref_former_http(const struct canary *c)
{
    const char *recorded = doc_string(c->record, "data", RECORD_ROUTE);
    _cleanup_json_ json_t *before = recorded ? doc_parse_own(recorded) : NULL;
    json_t *http = doc_copy(doc_at(c->route, "spec", "http")), *route;
    bool differs = false;
    size_t i;

    json_array_foreach(http, i, route) {
        if (lead_of(c, route) != LEADS_TO_HALVES || !is_own(c, http, route))
            continue;
        differs = true;
        json_object_set_new(route, "route", ARRAY(ITEM_VALUE(former_destination(c, doc_at(before, "http"), route))));
    }
    return differs ? http : (json_decref(http), NULL);
}
