#include <stdio.h>

#include "base/str.h"
#include "controllers/kinds.h"
#include "doc/doc.h"
#include "world_impl.h"

#define LEASE_NS "default"
#define LEASE_NAME "istio-operator"
/* As cmd_run's defaults. */
static const struct kube_lease_options lease = {
    .ns = LEASE_NS,
    .name = LEASE_NAME,
    .duration = SECONDS(15),
    .renew_deadline = SECONDS(10),
    .retry_period = SECONDS(2),
};

static void on_trace(void *context, const char *text)
{
    const struct operator* o = context;

    world_say(o->world, "%.3000s", text);
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct operator* o = context;

    return o->elector && kube_elector_may_send(o->elector, ret_not_after);
}

static void kill_one(void *context)
{
    struct operator* o = context;

    o->world->report->kills += o->controller != NULL;
    operator_stop(o);
}

/* Between any two writes: it may be carried out already, or still be under way. */
static void on_sent(void *context, const struct net_request *request)
{
    struct operator* o = context;
    struct world *w = o->world;

    if (w->kill_in && net_is_write(request) && !--w->kill_in)
        sched_at(w->ground.sched, world_now(w) + rng_between(&w->chaos, 0, 40), kill_one, o);
}

static void on_answered(void *context, enum prometheus_value what, const struct prometheus_answer *answer)
{
    const struct operator* o = context;

    rules_answered(o->world, what, answer);
}

static void on_asked(void *context, const json_t *document)
{
    const struct operator* o = context;

    rules_asked(o->world, o, document);
}

static void on_agreed(void *context, const json_t *document)
{
    const struct operator* o = context;

    rules_agreed(o->world, document);
}

static int connect_nowhere(void *context, const struct kube_config *config, const struct kube_cluster_options *options,
                           const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_INVALID, "there is no other cluster");
}

static void on_elected(void *context)
{
    struct operator* o = context;

    controller_set_acting(o->controller, kube_lease_leads(kube_elector_lease(o->elector)));
}

static void compete(struct operator* o)
{
    struct kube_lease_options options = lease;

    options.identity = o->identity;
    o->elector = kube_elector_new(net_io(o->net), &options, on_elected, o);
}

void operator_start(struct operator* o)
{
    static const struct connector connector = {connect_nowhere, NULL};
    struct controller_options options = {
        .kinds = &operator_kinds, .ns = SHOP_NS, .queries = &o->queries, .keeps_memory = true};

    if (o->controller || !o->desired)
        return;
    world_say(o->world, "operator %s starts", o->name);
    o->stopped_until = 0;
    o->started = world_now(o->world);
    snprintf(o->identity, sizeof(o->identity), "%s-%u", o->name, ++o->starts);
    if (o->world->leases)
        options.gate = (struct kube_gate){.may_send = may_send, .context = o};
    o->controller = controller_new_on(net_io(o->net), &options, &connector);
    controller_start(o->controller);
    if (o->world->leases)
        compete(o);
}

void operator_stop(struct operator* o)
{
    if (!o->controller)
        return;
    world_say(o->world, "operator %s is killed", o->name);
    kube_elector_free(o->elector);
    o->elector = NULL;
    controller_free(o->controller);
    o->controller = NULL;
    net_hang_up(o->net);
}

void operator_init(struct world *w, struct operator* o, const char *name)
{
    *o = (struct operator){.world = w, .name = name, .wall = SERVER_EPOCH};
    o->net = net_new(&(struct net_options){
        .name = name,
        .sched = w->ground.sched,
        .server = w->ground.server,
        .rng = &w->edges,
        .faults = &w->faults,
        .down = &w->down,
        .wall = &o->wall,
        .stopped_until = &o->stopped_until,
        .sender = o->identity,
        .trace = w->trace ? on_trace : NULL,
        .sent = on_sent,
        .context = o,
    });
    o->prometheus = prometheus_new(&(struct prometheus_options){
        .sched = w->ground.sched,
        .rng = &w->edges,
        .traffic = w->ground.traffic,
        .state = &w->prometheus,
        .answered = on_answered,
        .trace = w->trace ? on_trace : NULL,
        .context = o,
    });
    o->hooks = hooks_new(&(struct hooks_options){
        .sched = w->ground.sched,
        .rng = &w->hook_dice,
        .behind = prometheus_sender(o->prometheus),
        .state = &w->hooks,
        .asked = on_asked,
        .agreed = on_agreed,
        .trace = w->trace ? on_trace : NULL,
        .context = o,
    });
    o->queries = hooks_sender(o->hooks);
}

void operator_release(struct operator* o)
{
    struct world_report *r = o->world->report;

    operator_stop(o);
    r->requests += net_requests(o->net);
    r->writes += net_writes(o->net);
    r->faults += net_faults(o->net);
    r->queries += prometheus_queries(o->prometheus);
    r->asked += hooks_asked(o->hooks);
    hooks_free(o->hooks);
    prometheus_free(o->prometheus);
    net_free(o->net);
}

bool operator_is_ready(const struct operator* o)
{
    return !o->controller || (controller_is_ready(o->controller) && !controller_is_writing(o->controller));
}

bool operator_is_acting(const struct operator* o)
{
    return o->controller && controller_stats(o->controller)->acting;
}

bool operator_is_behind(const struct operator* o)
{
    return o->controller && (world_now(o->world) < o->stopped_until || net_is_behind(o->net));
}
