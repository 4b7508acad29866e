/*
 * Other VirtualServices for the hosts of a Canary. Of several for one host in the mesh Istio goes by one alone, the
 * oldest, so that its weights may mean nothing. At gateways they are merged, and none is in the way.
 *
 * Source: istio.io, "VirtualService" (hosts, gateways, exportTo) and "Split large virtual services and destination
 * rules into multiple resources".
 */
#include <assert.h>
#include <string.h>

#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

#define MESH "mesh" /* the gateway that stands for all sidecars */

/* Which hosts a VirtualService may have in the mesh, so that few have to be read at every plan. */
struct route_memo {
    bool is_read;
    uint64_t hosts; /* a bit for each, by its hash */
};
static_assert(sizeof(struct route_memo) <= KUBE_MEMO_SIZE, "the memo has its place in the object");

char *canary_full_host(const char *host, const char *ns)
{
    const char *service = strstr(host, ".svc");

    if (!strchr(host, '.'))
        return str_printf("%s.%s", host, ns);
    if (service && (service[4] == '\0' || service[4] == '.'))
        return str_dup_n(host, (size_t)(service - host));
    return str_dup(host);
}

static uint64_t bit_of(const char *name)
{
    return (uint64_t)1 << (str_hash(name, strlen(name)) % 64);
}

static bool has_text(const json_t *list, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        if (str_eq(json_string_value(item), text))
            return true;
    return false;
}

/* NULL: it is not in the mesh, or what clients of one other namespace chose for themselves. */
static const json_t *hosts_in_mesh(const struct canary *c, const struct kube_object *o, const json_t *route)
{
    const json_t *gateways = doc_at(route, "spec", "gateways"), *to = doc_at(route, "spec", "exportTo");

    if (json_array_size(gateways) && !has_text(gateways, MESH))
        return NULL;
    if (!str_eq(o->ns, c->ns) && json_array_size(to) == 1 && has_text(to, "."))
        return NULL;
    return doc_at(route, "spec", "hosts");
}

/* The first of its hosts that is one of these full names; NULL: none is. Its own text, borrowed from `route`. */
static const char *common_host(const struct canary *c, const struct kube_object *o, const json_t *route, char **names)
{
    json_t *host;
    size_t i;

    json_array_foreach(hosts_in_mesh(c, o, route), i, host) {
        _cleanup_free_ char *name = canary_full_host(str_or(json_string_value(host), ""), o->ns);
        for (char **one = names; *one; one++)
            if (str_eq(*one, name))
                return json_string_value(host);
    }
    return NULL;
}

static const struct route_memo *read_memo(struct kube_object *o)
{
    static const char owner;
    struct route_memo *memo = kube_object_memo(o, &owner);
    _cleanup_json_ json_t *route = NULL;
    json_t *host;
    size_t i;

    if (memo->is_read)
        return memo;
    memo->is_read = true;
    route = kube_object_parse(o);
    json_array_foreach(doc_at(route, "spec", "hosts"), i, host) {
        _cleanup_free_ char *name = canary_full_host(str_or(json_string_value(host), ""), o->ns);
        memo->hosts |= bit_of(name);
    }
    return memo;
}

static char *find_other(const struct canary *c, char **names)
{
    struct kube_object *o;
    uint64_t bits = 0;

    for (char **one = names; *one; one++)
        bits |= bit_of(*one);
    for (size_t i = 0; (o = kube_cache_next(c->in->observed, mesh_kind(KIND_VIRTUAL_SERVICE), &i));) {
        _cleanup_json_ json_t *route = NULL;
        const char *host;
        if (o == c->route_object || o->deleting || !(read_memo(o)->hosts & bits))
            continue;
        route = kube_object_parse(o);
        if ((host = common_host(c, o, route, names)))
            return str_printf(
                "VirtualService %s/%s has the host %s in the mesh, too, and Istio goes by one of the two: delete it, "
                "or move its routes",
                o->ns,
                o->name,
                host);
    }
    return NULL;
}

/* The hosts of the Canary's own VirtualService in the mesh; NULL: it is not there. Owned by the caller. */
static json_t *own_hosts(const struct canary *c)
{
    const json_t *gateways = doc_at(c->spec->service, "gateways"), *given = doc_at(c->spec->service, "hosts");
    _cleanup_json_ json_t *route = c->ref && c->route_object ? kube_object_parse(c->route_object) : NULL;
    json_t *own;

    if (c->ref)
        return route ? json_incref((json_t *)hosts_in_mesh(c, c->route_object, route)) : NULL;
    if (json_array_size(gateways) && !has_text(gateways, MESH))
        return NULL;
    own = ARRAY(ITEM_STRING(c->service));
    json_array_extend(own, (json_t *)given);
    return own;
}

uint64_t canary_route_hosts(const struct canary *c)
{
    _cleanup_json_ json_t *hosts = own_hosts(c);
    uint64_t bits = 0;
    json_t *host;
    size_t i;

    json_array_foreach(hosts, i, host) {
        _cleanup_free_ char *name = canary_full_host(str_or(json_string_value(host), ""), c->ns);
        bits |= bit_of(name);
    }
    return bits;
}

bool canary_may_have_host(struct kube_object *route, uint64_t hosts)
{
    return read_memo(route)->hosts & hosts;
}

char *canary_route_conflict(const struct canary *c)
{
    _cleanup_json_ json_t *hosts = own_hosts(c);
    _cleanup_free_ char **names = NEW_ARRAY(char *, json_array_size(hosts) + 1);
    size_t count = 0, i;
    json_t *host;
    char *found;

    json_array_foreach(hosts, i, host)
        if (json_string_value(host))
            names[count++] = canary_full_host(json_string_value(host), c->ns);
    found = find_other(c, names);
    while (count)
        free(names[--count]);
    return found;
}
