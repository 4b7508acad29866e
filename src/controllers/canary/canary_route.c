/*
 * The VirtualService of a Canary: what it is to be for a split of the requests, and how they are split in the one that
 * is there. The first route that fits a request counts: those of clients with a cookie, of requests that match, and the
 * last one, of all.
 */
#include "controllers/canary/canary_affinity.h"
#include "controllers/canary/canary_impl.h"
#include "controllers/canary/canary_match.h"
#include "doc/build.h"
#include "doc/doc.h"

static json_t *hosts(const struct canary *c)
{
    const json_t *given = doc_at(c->spec->service, "hosts");
    json_t *list = json_array(), *host;
    bool has_own = false;
    size_t i;

    json_array_foreach(given, i, host)
        has_own = has_own || str_eq(json_string_value(host), "*") || str_eq(json_string_value(host), c->service);
    if (!has_own)
        json_array_append_new(list, json_string(c->service));
    json_array_extend(list, (json_t *)given);
    return list;
}

/* A Service with several ports is reached through a gateway by the one that the Canary names. */
static json_t *destination(const struct canary *c, const char *host, int weight)
{
    bool names_port =
        json_array_size(doc_at(c->apex, "spec", "ports")) > 1 && json_array_size(doc_at(c->spec->service, "gateways"));

    return OBJECT(
        MAP("destination",
            STRING("host", host),
            OPT(names_port, MAP("port", VALUE("number", json_incref(doc_at(c->spec->service, "port")))))),
        INT("weight", weight));
}

/* One that has what all have. */
static json_t *add_route(const struct canary *c, json_t *http, int weight)
{
    static const char *const of_route[] = {"match", "rewrite", "timeout", "retries", "corsPolicy", "headers"};
    json_t *route = OBJECT(
        SEQ("route",
            ITEM_VALUE(destination(c, c->primary_service, 100 - weight)),
            ITEM_VALUE(destination(c, c->canary_service, weight))));

    for (size_t i = 0; i < ARRAY_LEN(of_route); i++)
        if (doc_at(c->spec->service, of_route[i]))
            json_object_set(route, of_route[i], doc_at(c->spec->service, of_route[i]));
    json_array_append_new(http, route);
    return route;
}

/* Which requests match in the step that is going on; NULL: none do. */
static const json_t *match_of(const struct canary *c)
{
    return canary_match(c->spec, c->observed.step);
}

/* Requests for which one of these conditions holds, besides those that all have; it is taken over. */
static json_t *add_route_for(const struct canary *c, json_t *http, json_t *match, int weight)
{
    json_t *route = add_route(c, http, weight);

    json_object_set_new(route, "match", canary_match_both(doc_at(c->spec->service, "match"), match));
    json_decref(match);
    return route;
}

/* NULL: clients do not stay where they were. */
static const json_t *affinity_of(const struct canary *c)
{
    return c->mesh.lacks_headers ? NULL : c->spec->analysis.affinity;
}

static struct canary_session session_of(const struct canary *c, int weight)
{
    return (struct canary_session){affinity_of(c), c->observed.revision, c->observed.release, weight};
}

/* Clients with the cookie of this release go where they were; which of them there are depends on the weight. */
static void add_sticky(const struct canary *c, json_t *http, enum canary_cookie which, const struct canary_session *s)
{
    if (s->affinity && s->weight && canary_has_cookie(s->affinity, which))
        add_route_for(c, http, canary_cookie_match(s->affinity, which, s), which == COOKIE_CANARY ? 100 : 0);
}

static void set_headers(json_t *route, size_t destination, json_t *headers)
{
    json_object_set_new(json_array_get(doc_at(route, "route"), destination), "headers", headers);
}

/* Who has no cookie of this release gets one where the weight leads to; without a weight none is valid. */
static void give_cookies(json_t *route, const struct canary_session *s)
{
    if (!s->affinity || !s->weight)
        return;
    set_headers(route, 1, canary_cookie_headers(s->affinity, COOKIE_CANARY, s));
    if (canary_has_cookie(s->affinity, COOKIE_PRIMARY))
        set_headers(route, 0, canary_cookie_headers(s->affinity, COOKIE_PRIMARY, s));
}

static void take_cookies(const struct canary *c, json_t *http, const json_t *affinity)
{
    json_t *route = add_route_for(c, http, canary_cookie_match(affinity, COOKIE_CANARY, NULL), 0);

    set_headers(route, 0, canary_cookie_headers(affinity, COOKIE_CANARY, NULL));
}

json_t *canary_route_spec(const struct canary *c, int weight, int mirror, int match)
{
    const json_t *gateways = doc_at(c->spec->service, "gateways");
    const struct canary_session session = session_of(c, weight);
    json_t *http, *route;

    if (c->ref)
        return OBJECT(VALUE("http", canary_ref_http(c, weight)));
    http = json_array();
    add_sticky(c, http, COOKIE_CANARY, &session);
    if (match && match_of(c))
        add_route_for(c, http, json_incref((json_t *)match_of(c)), match);
    add_sticky(c, http, COOKIE_PRIMARY, &session);
    if (session.affinity && !weight)
        take_cookies(c, http, session.affinity);
    route = add_route(c, http, weight);
    give_cookies(route, &session);
    if (mirror)
        json_object_set_new(route, "mirror", OBJECT(STRING("host", c->canary_service)));
    if (mirror && !c->mesh.in_seconds) /* the older one has no such field, and mirrors all */
        json_object_set_new(route, "mirrorPercentage", OBJECT(INT("value", mirror)));
    return OBJECT(
        VALUE("hosts", hosts(c)),
        VALUE("gateways", json_array_size(gateways) ? json_incref((json_t *)gateways) : json_null()),
        VALUE("http", http));
}

bool canary_route_has(const struct canary *c, const json_t *fields)
{
    const json_t *live = doc_at(c->route, "spec");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)fields, key, value) {
        const json_t *is = json_object_get(live, key);
        if (json_is_null(value) ? is && !json_is_null(is) : !doc_equal(is, value))
            return false;
    }
    return true;
}

static bool is_percent(int64_t value)
{
    return value >= 0 && value <= 100;
}

static int64_t weight_of(const json_t *route)
{
    return doc_int(doc_at(json_array_get(doc_at(route, "route"), 1), "weight"), 0);
}

/* The weight of those that match, in a VirtualService with this weight; 0: it has no such route. */
static int64_t match_in(const struct canary *c, const json_t *http, int64_t weight)
{
    const json_t *affinity = affinity_of(c);
    size_t of_cookies = !affinity ? 0 : weight && canary_has_cookie(affinity, COOKIE_PRIMARY) ? 2 : 1;

    return json_array_size(http) == of_cookies + 2 ? weight_of(json_array_get(http, affinity && weight ? 1 : 0)) : 0;
}

void canary_read_route(struct canary *c)
{
    const json_t *http = doc_at(c->route, "spec", "http");
    const size_t count = json_array_size(http);
    const json_t *last = count ? json_array_get(http, count - 1) : NULL;
    int64_t weight = weight_of(last), match = match_in(c, http, weight);
    int64_t mirror = doc_at(last, "mirror") ? doc_int(doc_at(last, "mirrorPercentage", "value"), 100) : 0;
    struct canary_facts *f = &c->facts;
    _cleanup_json_ json_t *desired = NULL;

    f->route = c->ref ? canary_ref_weight(c) : -1;
    f->mirror = f->match = 0;
    if (c->ref || !c->route || !is_percent(weight) || !is_percent(mirror) || !is_percent(match))
        return;
    desired = canary_route_spec(c, (int)weight, (int)mirror, (int)match);
    if (!canary_route_has(c, desired))
        return;
    f->route = (int)weight;
    f->mirror = (int)mirror;
    f->match = (int)match;
}

bool canary_leads_to_primary(const struct canary *c)
{
    json_t *http, *route;
    size_t i, k;

    json_array_foreach(doc_at(c->route, "spec", "http"), i, http)
        json_array_foreach(doc_at(http, "route"), k, route)
            if (str_eq(doc_string(route, "destination", "host"), c->primary_service))
                return true;
    return false;
}

/* With the fields null that it did not have. */
json_t *canary_former_route(const struct canary *c)
{
    static const char *const own[] = {"hosts", "gateways", "http"};
    const char *recorded = doc_string(c->record, "data", RECORD_ROUTE);
    _cleanup_json_ json_t *spec = recorded && c->route ? doc_parse_own(recorded) : NULL;
    json_t *former = c->ref ? canary_ref_former_http(c) : NULL;

    if (c->ref)
        return former ? OBJECT(VALUE("http", former)) : NULL;
    if (!spec)
        return NULL;
    former = json_object();
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        json_t *value = json_object_get(spec, own[i]);
        json_object_set_new(former, own[i], value ? json_incref(value) : json_null());
    }
    if (!canary_route_has(c, former))
        return former;
    json_decref(former);
    return NULL;
}
