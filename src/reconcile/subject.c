#include "reconcile/subject.h"

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"

static void be_due(void *context)
{
    struct subject *s = context;

    s->setup->due(s->setup->context, s);
}

static void on_remote_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    const struct subject *s = context;

    actor_done(s->remote, action, object, e);
}

struct subject *
subject_new(struct subject_setup *setup, const struct subject_kind *kind, const struct kube_object *resource)
{
    const struct reconciler *reconciler = kind->reconciler;
    struct subject *s = NEW(struct subject);
    const struct connection_events events = {be_due, on_remote_done, s};

    *s = (struct subject){
        .setup = setup,
        .kind = kind,
        .ns = str_dup(resource->ns),
        .name = str_dup(resource->name),
        .memo = reconciler->memo_new ? reconciler->memo_new() : NULL,
    };
    s->events = events_new(setup->io, setup->gate);
    s->central = actor_new(setup->cluster, s->events, NULL, s);
    s->timer = setup->io->timer_new(setup->io, be_due, s);
    if (kind->credentials)
        s->connection = connection_new(&setup->connections, s->ns, s->name, kind->watches->table, &events);
    return s;
}

void subject_free(struct subject *s)
{
    struct net_io *io = s->setup->io;

    inquiry_free(s->inquiry);
    actor_free(s->remote);
    connection_free(s->connection);
    kube_queue_disown(kube_cluster_queue(s->setup->cluster), s->central);
    actor_free(s->central);
    events_free(s->events);
    io->timer_free(io, s->timer);
    if (s->kind->reconciler->memo_free)
        s->kind->reconciler->memo_free(s->memo);
    map_free(s->told);
    free(s->seen.resource);
    free(s->seen.secret);
    free(s->ns);
    free(s->name);
    free(s);
}

static const struct kube_object *secret_of(const struct subject *s)
{
    return s->kind->credentials
               ? kube_cache_get(kube_cluster_cache(s->setup->cluster), s->kind->credentials, s->ns, s->name)
               : NULL;
}

struct plan_input subject_input(const struct subject_setup *setup, struct kube_cluster *cluster, unsigned synced)
{
    return (struct plan_input){
        .now = setup->io->wall(setup->io),
        .server = kube_cluster_server(cluster),
        .observed = kube_cluster_cache(cluster),
        .synced = synced,
    };
}

/* That all was listed again counts for a subject that has asked for it. */
static unsigned synced_for(const struct subject *s)
{
    unsigned synced = on_demand_synced(s->kind->watches, s->setup->cluster);

    return s->watch & PLAN_RELISTED ? synced : synced & ~PLAN_RELISTED;
}

/* What a plan gets of the central cluster, without what an actor adds. */
static struct plan_input observed_by_plan(const struct subject *s)
{
    struct plan_input central = subject_input(s->setup, s->setup->cluster, synced_for(s));

    central.failing = on_demand_failing(s->kind->watches, s->setup->cluster);
    return central;
}

static bool is_busy(const struct subject *s)
{
    const struct kube_queue *queue = kube_cluster_queue(s->setup->cluster);

    return kube_queue_busy(queue, s->kind->kind, s->ns, s->name) ||
           (s->kind->credentials && kube_queue_busy(queue, s->kind->credentials, s->ns, s->name));
}

static void note_seen(struct subject *s, const struct kube_object *resource)
{
    const struct kube_object *secret = secret_of(s);

    str_replace(&s->seen.resource, resource->resource_version);
    str_replace(&s->seen.secret, secret ? secret->resource_version : NULL);
    s->seen.version = s->kind->version;
    s->seen.synced = s->kind->synced;
    s->seen.held = is_busy(s) || actor_has_failures(s->central);
}

/* Connects, or disconnects; true if a new plan is needed. */
static bool follow_connection(struct subject *s)
{
    bool changed = s->connection && connection_follow(s->connection, s->connect ? secret_of(s) : NULL);
    struct kube_cluster *cluster = s->connection ? connection_cluster(s->connection) : NULL;

    if (cluster != s->cluster || changed) {
        actor_free(s->remote);
        s->remote = cluster ? actor_new(cluster, s->events, s->name, s) : NULL;
        s->cluster = cluster;
    }
    return changed;
}

static void carry_out_remotely(struct subject *s, struct plan *plan)
{
    const struct kube_kind_table *kinds = s->setup->objects;
    const struct reconciler *reconciler = s->kind->reconciler;

    for (size_t i = 0; reconciler->needs && i < kinds->len; i++)
        kube_cluster_need(s->cluster, &kinds->rows[i], reconciler->needs(s->memo, &kinds->rows[i]));
    on_demand_switch(connection_watches(s->connection), s->cluster, plan->watch, s->ns);
    actor_send(s->remote, plan);
}

static void warn(struct subject *s, const struct reconcile_plan *plan)
{
    if (plan->warning && plan->warning_reason != s->warned) {
        log_warning(plan->warning, "resource", s->name, "reason", plan->warning_reason, NULL);
        actor_event(s->central, plan->warning_reason, true, s->name, plan->warning);
    }
    s->warned = plan->warning_reason;
}

/* Events of what the plan before did not have. */
static void tell(struct subject *s, const struct reconcile_plan *plan)
{
    struct map *told = plan->event_count ? map_new(NULL) : NULL;

    for (size_t i = 0; i < plan->event_count; i++) {
        const struct reconcile_event *event = &plan->events[i];
        if (!map_has(s->told, event->text))
            actor_event(s->central, event->reason, event->is_warning, s->name, event->text);
        map_put(told, event->text, s);
    }
    map_free(s->told);
    s->told = told;
}

static void ask(struct subject *s, const struct queries *queries)
{
    if (queries->len && !s->inquiry)
        s->inquiry = inquiry_new(s->setup->io, s->setup->queries, s->setup->dry_runs, &s->setup->gate, be_due, s);
    if (s->inquiry)
        inquiry_follow(s->inquiry, queries);
}

/* When it is planned again without an event. */
static msec_t again_at(const struct subject *s, const struct reconcile_plan *plan)
{
    struct net_io *io = s->setup->io;
    msec_t at = plan->again_after == MSEC_NEVER ? MSEC_NEVER : io->now(io) + plan->again_after,
           central = actor_again_at(s->central), remote = s->remote ? actor_again_at(s->remote) : MSEC_NEVER;

    if (central < at)
        at = central;
    return remote < at ? remote : at;
}

static void carry_out(struct subject *s, struct reconcile_plan *plan)
{
    struct net_io *io = s->setup->io;

    if (s->cluster)
        carry_out_remotely(s, &plan->remote);
    warn(s, plan);
    tell(s, plan);
    s->watch = plan->central.watch;
    actor_send(s->central, &plan->central);
    io->timer_set(io, s->timer, again_at(s, plan));
    ask(s, &plan->queries);
    s->connect = plan->connect;
    if (follow_connection(s))
        be_due(s);
}

void subject_plan(struct subject *s, const struct kube_object *resource)
{
    const struct subject_setup *setup = s->setup;
    const struct reconciler *reconciler = s->kind->reconciler;
    struct plan_input central = observed_by_plan(s), remote;
    struct plan_world world = {.central = &central, .contact = {.error = ""}, .shared = s->kind->shared};
    struct reconcile_plan plan;

    /* First: the state of a connection from another Secret is no longer true. */
    if ((central.synced & reconciler->watch) == reconciler->watch)
        follow_connection(s);
    if (s->inquiry)
        world.answers = inquiry_answers(s->inquiry);
    if (s->connection)
        world.contact = connection_contact(s->connection);
    actor_set_subject(s->central, resource);
    actor_fill_input(s->central, &central);
    if (s->cluster && kube_cluster_phase(s->cluster) == KUBE_CLUSTER_SYNCED) {
        remote = subject_input(setup, s->cluster, on_demand_synced(connection_watches(s->connection), s->cluster));
        world.remote = &remote;
        actor_set_subject(s->remote, resource);
        actor_fill_input(s->remote, &remote);
    }
    note_seen(s, resource);
    if (reconcile_resource(reconciler, &world, resource, s->memo, &plan))
        carry_out(s, &plan);
    reconcile_plan_release(&plan);
}

/* Whether it has to be planned because of what is observed in the central cluster. */
bool subject_is_behind(const struct subject *s, const struct kube_object *resource)
{
    const struct kube_object *secret = secret_of(s);

    return (s->seen.held && !is_busy(s)) || s->seen.version != s->kind->version || s->seen.synced != s->kind->synced ||
           !str_eq(s->seen.resource, resource->resource_version) ||
           !str_eq(s->seen.secret, secret ? secret->resource_version : NULL);
}

bool subject_is_concerned(const struct subject *s, const struct kube_object *resource)
{
    const struct reconciler *reconciler = s->kind->reconciler;
    struct plan_input central;

    if (!reconciler->is_concerned || subject_is_behind(s, resource))
        return true;
    central = observed_by_plan(s);
    return reconciler->is_concerned(s->memo, &central);
}

bool subject_is_writing_remotely(const struct subject *s)
{
    return s->cluster && kube_queue_in_flight(kube_cluster_queue(s->cluster)) > 0;
}
