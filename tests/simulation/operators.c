#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "controllers/kinds.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "world_impl.h"

static void on_trace(void *context, const char *text)
{
    const struct operator* o = context;

    world_say(o->world, "%.6000s", text);
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct operator* o = context;

    return o->elector && kube_elector_may_send(o->elector, ret_not_after);
}

/* At this moment the server says who holds the lease. Where it was deleted, nobody can know for a while. */
static void check_holder(struct world *w, const char *writer, const char *what)
{
    const struct collection *leases = server_find(world_central(w)->server, "coordination.k8s.io", "leases");
    const char *holder = doc_string(server_get(leases, LEASE_NS, LEASE_NAME), "spec", "holderIdentity");

    if (sched_now(w->sched) >= w->disputed_until && !str_eq(holder, writer))
        world_fail(w, "a write of %s %s, and the lease is held by %s", writer, what, str_or(holder, "nobody"));
}

/* Its write may be carried out already, or still be under way. */
static void kill_one(void *context)
{
    struct operator* o = context;

    if (o->controller)
        o->world->report->kills++;
    operator_stop(o);
}

static void on_sent(void *context, const struct net_request *request)
{
    struct operator* o = context;
    struct world *w = o->world;

    if (o->elector && net_is_write(request))
        check_holder(w, o->identity, "is sent");
    invariants_sent(&world_central(w)->invariants, o->controller, request);
    invariants_renewal_sent(&world_central(w)->invariants, o->controller, sched_now(w->sched) + o->wall, request);
    if (w->kill_in && net_is_write(request) && !--w->kill_in)
        sched_at(w->sched, sched_now(w->sched) + rng_between(&w->renewal, 0, 40), kill_one, o);
    invariants_remote_sent(&world_central(w)->invariants, o->controller, sched_now(w->sched), o->stopped_until,
                           request);
}

static void on_arrived(void *context, const char *sender, const struct net_request *request)
{
    const struct operator* o = context;

    if (o->world->leases && net_is_write(request))
        check_holder(o->world, sender, "is carried out");
}

/*
 * A resource that is read otherwise than it is asks for other objects than it does. And an object that is not known for
 * what it is may be left when its mesh goes.
 */
static void on_odd(void *context, const char *title)
{
    const struct operator* o = context;
    struct world *w = o->world;

    world_say(w, "%s reads something odd: %.200s", o->name, title);
    users_excuse(&world_central(w)->users);
    for (size_t i = 0; i < w->site_count; i++)
        w->sites[i].invariants.misled = true;
    if (strstr(title, "/leases"))
        w->disputed_until = sched_now(w->sched) + 2 * LEASE_DURATION;
}

/* --- ways to clusters --- */

static struct net *net_to(struct operator* o, size_t site, unsigned token)
{
    static const bool always = true;
    struct edge *edge = &o->edges[site][token];
    struct world *w = o->world;
    struct site *s = &w->sites[site < w->site_count ? site : 0];

    if (edge->net)
        return edge->net;
    snprintf(edge->name, sizeof(edge->name), "%s:%s", o->name, site < w->site_count ? s->name : "nowhere");
    edge->net = net_new(&(struct net_options){
        .name = edge->name,
        .sched = w->sched,
        .server = s->server,
        .rng = &w->rng,
        .faults = &s->faults,
        .down = site < w->site_count ? &s->down : &always,
        .wall = &o->wall,
        .stopped_until = &o->stopped_until,
        .sender = o->identity,
        .token = token,
        .accepted = site > 0 && site < w->site_count ? &w->remotes[site - 1].token : NULL,
        .trace = w->trace ? on_trace : NULL,
        .sent = on_sent,
        .arrived = on_arrived,
        .odd_dice = &w->odd,
        .odd = on_odd,
        .context = o,
    });
    return edge->net;
}

/* The operator's own. */
static struct net *home_net(struct operator* o)
{
    return net_to(o, 0, 0);
}

static int connect_remote(void *context, const struct kube_config *config, const struct kube_cluster_options *options,
                          const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    struct operator* o = context;
    struct users_address at;

    if (!users_read_address(config, &at))
        return err_set(e, ERR_INVALID, "this world has no such server: %s", config->server);
    *ret = kube_cluster_new_on(net_io(net_to(o, at.site < o->world->site_count ? at.site : SITES_MAX, at.token)),
                               &mesh_kinds, options, events);
    return 0;
}

/* for (size_t i = 0; (edge = next_edge(o, site, &i));), site NULL: to all */
static struct edge *next_edge(struct operator* o, const struct site *site, size_t *position)
{
    while (*position < (size_t)(SITES_MAX + 1) * USERS_TOKENS) {
        size_t at = (*position)++;
        struct edge *edge = &o->edges[at / USERS_TOKENS][at % USERS_TOKENS];
        if (edge->net && (!site || site == &o->world->sites[at / USERS_TOKENS]))
            return edge;
    }
    return NULL;
}

/* --- its life --- */

static void on_elected(void *context)
{
    struct operator* o = context;

    controller_set_acting(o->controller, kube_lease_leads(kube_elector_lease(o->elector)));
}

/* As cmd_run's defaults. */
static void compete(struct operator* o)
{
    const struct kube_lease_options options = {.ns = LEASE_NS,
                                               .name = LEASE_NAME,
                                               .identity = o->identity,
                                               .duration = LEASE_DURATION,
                                               .renew_deadline = SECONDS(10),
                                               .retry_period = SECONDS(2)};

    o->elector = kube_elector_new(net_io(home_net(o)), &options, on_elected, o);
}

void operator_start(struct operator* o)
{
    const struct connector connector = {connect_remote, o};
    struct controller_options options = {.kinds = &operator_kinds, .ns = MESH_NS, .keeps_memory = true};

    if (o->controller || !o->desired)
        return;
    world_say(o->world, "operator %s starts", o->name);
    o->stopped_until = 0;
    snprintf(o->identity, sizeof(o->identity), "%s-%u", o->name, ++o->starts);
    if (o->world->leases)
        options.gate = (struct kube_gate){.may_send = may_send, .context = o};
    o->controller = controller_new_on(net_io(home_net(o)), &options, &connector);
    controller_start(o->controller);
    if (o->world->leases)
        compete(o);
}

void operator_stop(struct operator* o)
{
    struct edge *edge;

    if (!o->controller)
        return;
    world_say(o->world, "operator %s is killed", o->name);
    kube_elector_free(o->elector);
    o->elector = NULL;
    controller_free(o->controller);
    o->controller = NULL;
    for (size_t i = 0; (edge = next_edge(o, NULL, &i));)
        net_hang_up(edge->net);
}

void operator_init(struct world *w, struct operator* o, const char *name)
{
    *o = (struct operator){.world = w, .name = name, .wall = SERVER_EPOCH};
}

void operator_release(struct operator* o)
{
    struct world_report *r = o->world->report;
    struct edge *edge;

    operator_stop(o);
    for (size_t i = 0; (edge = next_edge(o, NULL, &i));) {
        r->requests += net_requests(edge->net);
        r->writes += net_writes(edge->net);
        r->faults += net_faults(edge->net);
        net_free(edge->net);
    }
}

/* A remote cluster answers, and its lists are not there yet: one may have been lost before the faults ended. */
static bool waits_for_lists(const struct controller *c)
{
    struct controller_remote remote;

    for (size_t i = 0; controller_next_remote(c, &i, &remote);) {
        const struct kube_cluster *cluster = connection_cluster(remote.connection);
        if (cluster && kube_cluster_phase(cluster) == KUBE_CLUSTER_SYNCING)
            return true;
    }
    return false;
}

bool operator_is_ready(const struct operator* o)
{
    struct controller *c = o->controller;

    return !c || (controller_is_ready(c) && !controller_is_writing(c) && !waits_for_lists(c));
}

bool operator_is_stopped(const struct operator* o)
{
    return o->controller && sched_now(o->world->sched) < o->stopped_until;
}

bool operator_is_behind(const struct operator* o)
{
    const struct edge *edge;

    if (operator_is_stopped(o))
        return true;
    for (size_t i = 0; (edge = next_edge((struct operator*)o, NULL, &i));)
        if (net_is_behind(edge->net))
            return true;
    return false;
}

uint64_t operator_writes(const struct operator* o)
{
    const struct edge *edge;
    uint64_t writes = 0;

    for (size_t i = 0; (edge = next_edge((struct operator*)o, NULL, &i));)
        writes += net_writes(edge->net);
    return writes;
}

void operator_poke(struct operator* o, const struct site *site)
{
    struct edge *edge;

    for (size_t i = 0; (edge = next_edge(o, site, &i));)
        net_poke(edge->net);
}

void operator_break(struct operator* o, const struct site *site)
{
    struct edge *edge;

    for (size_t i = 0; (edge = next_edge(o, site, &i));)
        net_break(edge->net);
}

void operator_count(struct operator* o, bool minute_over)
{
    struct world *w = o->world;
    struct edge *edge;

    for (size_t i = 0; (edge = next_edge(o, NULL, &i));) {
        uint64_t requests = net_requests(edge->net) - edge->minute_requests;
        if (minute_over)
            edge->minute_requests = net_requests(edge->net);
        if (requests > w->report->minute_most)
            w->report->minute_most = requests;
        if (requests > w->requests_most)
            world_fail(w, "%s: %" PRIu64 " requests in a minute; at most %" PRIu64 " were expected", edge->name,
                       requests, w->requests_most);
    }
}
