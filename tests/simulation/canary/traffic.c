#include "traffic.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

enum { ENDPOINTS_MOST = 64, ROUTES_MOST = 8, DESTINATIONS_MOST = 2, CLIENTS = 4, COOKIE_MAX = 64 };

static const msec_t TICK = 100;
static const char *const hosts[HOST_COUNT] = {SHOP, SHOP_PRIMARY, SHOP_CANARY};

/* A copy of the Endpoints of a Service. */
struct copy {
    bool exists;
    size_t count;
    unsigned pods[ENDPOINTS_MOST];
};

struct proxy;

/* One thing of which a proxy has a copy; the last is the VirtualService. */
struct part {
    struct proxy *proxy;
    size_t index;
    struct job *job; /* a newer state is on its way */
};

/* One of the cases in which requests go to these destinations: the first that fits counts. */
struct route {
    bool asks_tester, asks_cookie;
    regex_t cookie;
    size_t count;
    struct {
        enum host host;
        int weight;
        char gives[COOKIE_MAX]; /* "stays=1"; "stays=": takes it away; "": nothing */
    } to[DESTINATIONS_MOST];
};

/* The cookies that it keeps, as it sends them. */
struct client {
    char stays[COOKIE_MAX], left[COOKIE_MAX];
};

struct proxy {
    struct traffic *traffic;
    bool has_route;
    size_t route_count;
    struct route routes[ROUTES_MOST];
    struct client clients[CLIENTS]; /* the first one is a tester */
    struct copy copies[HOST_COUNT];
    struct part parts[HOST_COUNT + 1];
};

struct traffic {
    struct traffic_options o;
    struct proxy proxies[PROXIES];
    struct job *tick;
    struct traffic_counts counts[2];
    uint64_t sent;
    struct rng dice; /* of its own, so that seeds without cookies are as they would be without this */
};

static const json_t *find(const struct traffic *t, const char *group, const char *plural, const char *name)
{
    const struct collection *kind = server_find(t->o.server, group, plural);

    return kind ? server_get(kind, SHOP_NS, name) : NULL;
}

/* --- copies --- */

static void read_endpoints(const struct traffic *t, const char *name, struct copy *ret)
{
    const json_t *subsets = doc_at(find(t, "", "endpoints", name), "subsets"), *subset;
    size_t i, k;

    *ret = (struct copy){.exists = find(t, "", "services", name)};
    json_array_foreach((json_t *)subsets, i, subset) {
        const json_t *addresses = doc_at(subset, "addresses");
        for (k = 0; k < json_array_size(addresses) && ret->count < ENDPOINTS_MOST; k++) {
            const struct apps_pod *pod = apps_pod_at(t->o.apps, doc_string(json_array_get(addresses, k), "ip"));
            if (pod)
                ret->pods[ret->count++] = pod->id;
        }
    }
}

static enum host host_of(const char *name)
{
    enum host host = HOST_APEX;

    while (host < HOST_COUNT && !str_eq(hosts[host], name))
        host++;
    return host;
}

/* Of two VirtualServices for one host Istio goes by the older one. */
static const json_t *route_of(const struct traffic *t)
{
    const json_t *own = find(t, "networking.istio.io", "virtualservices", SHOP),
                 *rival = find(t, "networking.istio.io", "virtualservices", SHOP_RIVAL);

    if (!own || !rival)
        return own ? own : rival;
    return strcmp(doc_string(rival, "metadata", "creationTimestamp"),
                  doc_string(own, "metadata", "creationTimestamp")) < 0
               ? rival
               : own;
}

static void clear_routes(struct proxy *p)
{
    while (p->route_count)
        if (p->routes[--p->route_count].asks_cookie)
            regfree(&p->routes[p->route_count].cookie);
}

static void read_cookie(const char *header, char *ret)
{
    snprintf(ret, COOKIE_MAX, "%.*s", (int)strcspn(str_or(header, ""), ";"), str_or(header, ""));
}

static void read_destinations(const json_t *list, struct route *route)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)list, i, one) {
        enum host host = host_of(doc_string(one, "destination", "host"));
        int weight = (int)doc_int(doc_at(one, "weight"), json_array_size(list) == 1 ? 100 : 0);
        if (host == HOST_COUNT || route->count == DESTINATIONS_MOST || (!weight && json_array_size(list) > 1))
            continue;
        route->to[route->count].host = host;
        read_cookie(doc_string(one, "headers", "response", "add", "Set-Cookie"), route->to[route->count].gives);
        route->to[route->count++].weight = weight ? weight : 100;
    }
}

/* `match` NULL: of all requests. Paths are none that clients ask for. */
static void add_route(struct proxy *p, const json_t *list, const json_t *match)
{
    const char *cookie = doc_string(match, "headers", "cookie", "regex");
    struct route *route = &p->routes[p->route_count];
    _cleanup_free_ char *whole = str_printf("^(%s)$", str_or(cookie, ""));

    if (doc_at(match, "uri") || p->route_count == ROUTES_MOST)
        return;
    *route = (struct route){.asks_tester = doc_at(match, "headers", TESTER), .asks_cookie = cookie};
    if (cookie && regcomp(&route->cookie, whole, REG_EXTENDED | REG_NOSUB))
        return; /* as Istio, which takes no such route */
    read_destinations(list, route);
    p->route_count++;
}

static void read_route(const struct traffic *t, struct proxy *p)
{
    const json_t *object = route_of(t);
    json_t *http, *match;
    size_t i, k;

    p->has_route = object;
    clear_routes(p);
    json_array_foreach(doc_at(object, "spec", "http"), i, http) {
        json_array_foreach(doc_at(http, "match"), k, match)
            add_route(p, doc_at(http, "route"), match);
        if (!k)
            add_route(p, doc_at(http, "route"), NULL);
    }
}

/* The canary's weight in a route; `ret_halves`: whether it is of the two halves. */
static int weight_in(const json_t *http, bool *ret_halves)
{
    int weight = 0, halves = 0;
    json_t *one;
    size_t i;

    json_array_foreach(doc_at(http, "route"), i, one) {
        enum host host = host_of(doc_string(one, "destination", "host"));
        halves += host == HOST_PRIMARY || host == HOST_CANARY;
        if (host == HOST_CANARY)
            weight = (int)doc_int(doc_at(one, "weight"), 0);
    }
    *ret_halves = halves == 2;
    return weight;
}

int traffic_weight(const json_t *object)
{
    const json_t *http = doc_at(object, "spec", "http");
    const size_t count = json_array_size(http);
    bool halves = false;
    int weight = count ? weight_in(json_array_get(http, count - 1), &halves) : 0;

    return halves ? weight : -1;
}

int traffic_match(const json_t *object)
{
    json_t *http;
    bool halves;
    size_t i;

    json_array_foreach(doc_at(object, "spec", "http"), i, http)
        if (doc_at(json_array_get(doc_at(http, "match"), 0), "headers", TESTER))
            return weight_in(http, &halves);
    return 0;
}

bool traffic_reaches_canary(const json_t *object)
{
    json_t *http;
    bool halves;
    size_t i;

    json_array_foreach(doc_at(object, "spec", "http"), i, http)
        if (weight_in(http, &halves))
            return true;
    return false;
}

static void arrive(void *context)
{
    struct part *part = context;
    struct proxy *p = part->proxy;

    part->job = NULL;
    if (part->index == HOST_COUNT)
        read_route(p->traffic, p);
    else
        read_endpoints(p->traffic, hosts[part->index], &p->copies[part->index]);
}

static void push(struct traffic *t, size_t index)
{
    for (size_t i = 0; i < PROXIES; i++) {
        struct part *part = &t->proxies[i].parts[index];
        if (!part->job)
            part->job = sched_at(t->o.sched, sched_now(t->o.sched) + rng_between(t->o.rng, 0, *t->o.lag), arrive, part);
    }
}

void traffic_changed(struct traffic *t, const struct collection *kind, const json_t *object)
{
    const char *name = doc_string(object, "metadata", "name");
    enum host host = host_of(name);

    if (str_eq(kind->plural, "virtualservices"))
        push(t, HOST_COUNT);
    else if ((str_eq(kind->plural, "endpoints") || str_eq(kind->plural, "services")) && host != HOST_COUNT)
        push(t, host);
}

/* --- requests --- */

static bool fits(const struct route *route, const struct client *client, bool is_tester)
{
    char header[3 * COOKIE_MAX];

    snprintf(header, sizeof(header), "theme=dark%s%s%s%s", *client->left ? "; " : "", client->left,
             *client->stays ? "; " : "", client->stays);
    return (!route->asks_tester || is_tester) &&
           (!route->asks_cookie || regexec(&route->cookie, header, 0, NULL, 0) == 0);
}

/* Where a request goes, and which cookie its answer has; NULL: the route leads nowhere. */
static enum host choose(struct traffic *t, const struct proxy *p, size_t client, const char **ret_gives)
{
    const struct route *route = NULL;
    int all = 0, at;

    for (size_t i = 0; i < p->route_count && !route; i++)
        if (fits(&p->routes[i], &p->clients[client], client == 0))
            route = &p->routes[i];
    for (size_t i = 0; route && i < route->count; i++)
        all += route->to[i].weight;
    *ret_gives = NULL;
    if (!all)
        return HOST_APEX;
    at = (int)rng_below(t->o.rng, (uint64_t)all);
    for (size_t i = 0;; i++) {
        *ret_gives = route->to[i].gives;
        if (at < route->to[i].weight)
            return route->to[i].host;
        at -= route->to[i].weight;
    }
}

/* The cookie that the canary gives by weight; NULL: none. */
static const char *given_now(const struct proxy *p)
{
    for (size_t i = 0; i < p->route_count; i++)
        for (size_t k = 0; k < p->routes[i].count; k++)
            if (p->routes[i].to[k].host == HOST_CANARY && *p->routes[i].to[k].gives)
                return p->routes[i].to[k].gives;
    return NULL;
}

static void keep(struct client *client, const char *cookie)
{
    char *kept = str_starts(cookie, LEFT "=") ? client->left : client->stays;

    if (*cookie)
        snprintf(kept, COOKIE_MAX, "%s", str_ends(cookie, "=") ? "" : cookie);
}

static void serve(struct traffic *t, struct traffic_request *r)
{
    struct traffic_counts *counts = &t->counts[r->pod->is_primary];
    enum sort sort = t->o.sorts[r->pod->version];
    bool fails = r->pod->crashed || (sort == SORT_FAILING && rng_chance(t->o.rng, 330));

    counts->all++;
    counts->failed += fails;
    counts->slow += sort == SORT_SLOW;
    r->fate = fails ? FATE_FAILED : FATE_ANSWERED;
}

static void send(struct traffic *t, size_t proxy)
{
    struct proxy *p = &t->proxies[proxy];
    bool is_routed = proxy != PROXIES - 1 && p->has_route;
    size_t client = (size_t)rng_below(&t->dice, CLIENTS);
    struct traffic_request r = {.fate = FATE_LOST, .proxy = proxy, .host = HOST_APEX, .is_tester = client == 0};
    const char *gives = "", *now = given_now(p);
    const struct copy *copy;

    if (is_routed)
        r.host = choose(t, p, client, &gives);
    copy = &p->copies[r.host];
    r.stays = is_routed && now && str_eq(p->clients[client].stays, now);
    t->sent++;
    if (!gives)
        r.why = "the route leads nowhere";
    else if (!copy->exists)
        r.why = "the proxy knows no such host";
    else if (!copy->count)
        r.why = "the host has no endpoints";
    else
        r.pod = apps_pod(t->o.apps, copy->pods[rng_below(t->o.rng, copy->count)]);
    if (r.pod && r.pod->gone)
        r.why = "the Pod is gone";
    else if (r.pod)
        serve(t, &r);
    if (r.fate != FATE_LOST)
        keep(&p->clients[client], gives);
    t->o.request(t->o.context, &r);
}

static void tick(void *context)
{
    struct traffic *t = context;

    for (size_t i = 0; i < PROXIES; i++)
        for (unsigned left = *t->o.rate * (unsigned)TICK; left; left -= left > 1000 ? 1000 : left)
            if (left >= 1000 || rng_chance(t->o.rng, left))
                send(t, i);
    t->tick = sched_at(t->o.sched, sched_now(t->o.sched) + TICK, tick, t);
}

struct traffic_counts traffic_counts(const struct traffic *t, bool primary)
{
    return t->counts[primary];
}

uint64_t traffic_sent(const struct traffic *t)
{
    return t->sent;
}

struct traffic *traffic_new(const struct traffic_options *options)
{
    struct traffic *t = NEW(struct traffic);

    *t = (struct traffic){.o = *options, .dice = {options->rng->state ^ 0x5deece66d}};
    for (size_t i = 0; i < PROXIES; i++) {
        t->proxies[i].traffic = t;
        for (size_t k = 0; k <= HOST_COUNT; k++)
            t->proxies[i].parts[k] = (struct part){.proxy = &t->proxies[i], .index = k};
    }
    tick(t);
    return t;
}

void traffic_free(struct traffic *t)
{
    for (size_t i = 0; i < PROXIES; i++)
        clear_routes(&t->proxies[i]);
    for (size_t i = 0; i < PROXIES; i++)
        for (size_t k = 0; k <= HOST_COUNT; k++)
            sched_drop(t->o.sched, t->proxies[i].parts[k].job);
    sched_drop(t->o.sched, t->tick);
    free(t);
}
