#include "traffic.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

enum { ENDPOINTS_MOST = 64, ROUTES_MOST = 4 };

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

struct proxy {
    struct traffic *traffic;
    bool has_route;
    size_t route_count;
    struct {
        enum host host;
        int weight;
    } routes[ROUTES_MOST];
    struct copy copies[HOST_COUNT];
    struct part parts[HOST_COUNT + 1];
};

struct traffic {
    struct traffic_options o;
    struct proxy proxies[PROXIES];
    struct job *tick;
    struct traffic_counts counts[2];
    uint64_t sent;
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

static void read_route(const struct traffic *t, struct proxy *p)
{
    const json_t *object = route_of(t), *one;
    const json_t *routes = doc_at(json_array_get(doc_at(object, "spec", "http"), 0), "route");
    size_t i;

    p->has_route = object;
    p->route_count = 0;
    json_array_foreach((json_t *)routes, i, one) {
        enum host host = host_of(doc_string(one, "destination", "host"));
        int weight = (int)doc_int(doc_at(one, "weight"), json_array_size(routes) == 1 ? 100 : 0);
        if (host == HOST_COUNT || p->route_count == ROUTES_MOST || (!weight && json_array_size(routes) > 1))
            continue;
        p->routes[p->route_count].host = host;
        p->routes[p->route_count++].weight = weight ? weight : 100;
    }
}

int traffic_weight(const json_t *object)
{
    const json_t *routes = doc_at(json_array_get(doc_at(object, "spec", "http"), 0), "route"), *one;
    int weight = 0, halves = 0;
    size_t i;

    json_array_foreach((json_t *)routes, i, one) {
        enum host host = host_of(doc_string(one, "destination", "host"));
        halves += host == HOST_PRIMARY || host == HOST_CANARY;
        if (host == HOST_CANARY)
            weight = (int)doc_int(doc_at(one, "weight"), 0);
    }
    return halves == 2 ? weight : -1;
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

static enum host choose(struct traffic *t, const struct proxy *p, bool is_plain)
{
    int all = 0, at;

    for (size_t i = 0; i < p->route_count; i++)
        all += p->routes[i].weight;
    if (is_plain || !p->has_route || !all)
        return HOST_APEX;
    at = (int)rng_below(t->o.rng, (uint64_t)all);
    for (size_t i = 0;; i++) {
        if (at < p->routes[i].weight)
            return p->routes[i].host;
        at -= p->routes[i].weight;
    }
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
    const struct proxy *p = &t->proxies[proxy];
    bool is_plain = proxy == PROXIES - 1;
    struct traffic_request r = {.fate = FATE_LOST, .proxy = proxy, .host = choose(t, p, is_plain)};
    const struct copy *copy = &p->copies[r.host];

    t->sent++;
    if (!is_plain && p->has_route && !p->route_count)
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

    *t = (struct traffic){.o = *options};
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
        for (size_t k = 0; k <= HOST_COUNT; k++)
            sched_drop(t->o.sched, t->proxies[i].parts[k].job);
    sched_drop(t->o.sched, t->tick);
    free(t);
}
