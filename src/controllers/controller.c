#include "controllers/controller.h"

#include "base/log.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/watches.h"
#include "doc/blocks.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"
#include "reconcile/on_demand.h"

#define TICK SECONDS(1)
/*
 * A plan looks at every remote cluster, and each of them writes its status now and then: of so many remote clusters the
 * central one is planned a millisecond after the last time at the soonest.
 */
enum { REMOTES_A_MSEC = 100 };

struct controller {
    struct kube_io *io;
    struct kube_cluster *cluster;
    struct plan_memo *memo;
    struct events *events;
    struct actor *actor;
    struct on_demand watches;
    struct federation *federation;
    struct remote_connector connector;
    enum kube_cluster_phase phase;
    struct kube_timer *tick_timer, *plan_timer;
    msec_t tick_due, planned;
    bool worked;                      /* since memory was given back last */
    struct kube_cluster_stats ticked; /* as of the last tick */
    bool keeps_memory;
    struct controller_stats stats;
};

/* The resource that Events are about. */
static void set_subject(struct controller *c)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
    size_t first = 0;
    const struct kube_object *mesh = kube_cache_next(kube_cluster_cache(c->cluster), kind, &first);

    if (mesh)
        actor_set_subject(c->actor, mesh);
}

static void plan_now(void *context)
{
    struct controller *c = context;
    struct plan_input input = {
        .now = c->io->wall(c->io),
        .server = kube_cluster_server(c->cluster),
        .observed = kube_cluster_cache(c->cluster),
        .synced = on_demand_synced(&c->watches, c->cluster),
    };
    int64_t began = clock_now_usec();
    const struct istio_spec *mesh;
    unsigned watch_more;
    uint64_t mesh_hash;
    const char *ns;
    struct plan plan;

    actor_brief(c->actor, &input);
    plan_make(&input, c->memo, &plan);
    watch_more = federation_watch(c->federation, plan.ns, &ns);
    on_demand_switch(&c->watches, c->cluster, plan.watch | watch_more, ns);
    set_subject(c);
    actor_send(c->actor, &plan);
    mesh = plan_memo_mesh(c->memo, &mesh_hash);
    federation_observe(c->federation, ns, mesh, mesh_hash, on_demand_synced(&c->watches, c->cluster));
    c->worked = true;
    c->planned = c->io->now(c->io);
    plan_release(&plan);
    c->stats.plan_usec += (uint64_t)(clock_now_usec() - began);
}

/* At once, or a little after the last time. */
static void plan_soon(struct controller *c)
{
    msec_t due = c->planned + (msec_t)(federation_count(c->federation) / REMOTES_A_MSEC);

    if (due <= c->io->now(c->io))
        plan_now(c);
    else
        c->io->timer_set(c->io, c->plan_timer, due);
}

static void tell_phase(struct controller *c)
{
    static const char *const names[] = {
        [KUBE_CLUSTER_CONNECTING] = "connecting",
        [KUBE_CLUSTER_SYNCING] = "reading what is there",
        [KUBE_CLUSTER_SYNCED] = "in step with the cluster",
        [KUBE_CLUSTER_TOO_LARGE] = "more is there than may be held",
    };
    ARRAY_COVERS(names, KUBE_CLUSTER_PHASE_LAST);
    enum kube_cluster_phase phase = kube_cluster_phase(c->cluster);

    if (phase == c->phase)
        return;
    c->phase = phase;
    log_info(
        names[phase],
        "kubernetes",
        kube_cluster_server(c->cluster) ? kube_cluster_server(c->cluster)->git_version : "unknown",
        NULL);
}

static void on_changed(void *context)
{
    struct controller *c = context;

    tell_phase(c);
    if (kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED)
        plan_soon(c);
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct controller *c = context;

    if (!federation_action_done(c->federation, action, object, e))
        actor_done(c->actor, action, object, e);
}

static void arm_tick_timer(struct controller *c)
{
    c->tick_due = c->io->now(c->io) + TICK;
    c->io->timer_set(c->io, c->tick_timer, c->tick_due);
}

static bool is_calm(struct controller *c)
{
    return controller_is_ready(c) && kube_queue_in_flight(kube_cluster_queue(c->cluster)) == 0 &&
           actor_stats(c->actor)->drift == 0 && federation_is_calm(c->federation);
}

/* Since the last tick. Connections may have been made for it, by code that runs for nothing else. */
static bool watches_opened(struct controller *c)
{
    const struct kube_cluster_stats *now = kube_cluster_stats(c->cluster);
    bool opened = now->watch_restarts != c->ticked.watch_restarts || now->watches_open != c->ticked.watches_open;

    c->ticked = *now;
    return opened;
}

static void on_tick(void *context)
{
    struct controller *c = context;

    c->stats.lag = c->io->now(c->io) - c->tick_due;
    if (c->stats.lag > c->stats.lag_most)
        c->stats.lag_most = c->stats.lag;
    c->worked = watches_opened(c) || c->worked;
    if (c->worked && !c->keeps_memory && is_calm(c)) {
        c->worked = false;
        blocks_drop_kept();
        mem_give_back();
    }
    arm_tick_timer(c);
}

static struct kube_cluster_events events_for(struct controller *c)
{
    return (struct kube_cluster_events){.changed = on_changed, .action_done = on_action_done, .context = c};
}

static int connect_remote(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    return kube_cluster_new(context, config, &mesh_kinds, options, events, ret, e);
}

/* What runs beside the cluster. */
static struct controller *
fill(struct controller *c, const struct controller_options *options, const struct remote_connector *connector)
{
    c->connector = *connector;
    c->federation = federation_new(c->cluster, &c->connector, options->gate);
    c->io = kube_cluster_io(c->cluster);
    c->memo = plan_memo_new();
    c->watches.table = &mesh_watches;
    c->stats.acting = !options->gate.may_send;
    c->events = events_new(c->io, options->gate);
    c->actor = actor_new(c->cluster, c->events, NULL);
    c->tick_timer = c->io->timer_new(c->io, on_tick, c);
    c->plan_timer = c->io->timer_new(c->io, plan_now, c);
    c->keeps_memory = options->keeps_memory;
    return c;
}

int controller_new(
    struct event_base *loop, const struct kube_config *config, const struct controller_options *options,
    struct controller **ret, struct err *e)
{
    struct controller *c = NEW(struct controller);
    const struct kube_cluster_options cluster_options = {
        .owner_label = MARK_OWNER,
        .namespace = options->ns ? options->ns : config->namespace,
        .roles = MESH_CENTRAL,
        .queue = {.gate = options->gate},
    };
    const struct kube_cluster_events events = events_for(c);

    if (kube_cluster_new(loop, config, &mesh_kinds, &cluster_options, &events, &c->cluster, e) < 0) {
        free(c);
        return -1;
    }
    *ret = fill(c, options, &(struct remote_connector){connect_remote, loop});
    return 0;
}

struct controller *controller_new_on(
    struct kube_io *io, const struct controller_options *options, const struct remote_connector *connector)
{
    struct controller *c = NEW(struct controller);
    const struct kube_cluster_options cluster_options = {
        .owner_label = MARK_OWNER,
        .namespace = options->ns,
        .roles = MESH_CENTRAL,
        .queue = {.gate = options->gate},
    };
    const struct kube_cluster_events events = events_for(c);

    c->cluster = kube_cluster_new_on(io, &mesh_kinds, &cluster_options, &events);
    return fill(c, options, connector);
}

void controller_free(struct controller *c)
{
    if (!c)
        return;
    federation_free(c->federation);
    actor_free(c->actor);
    events_free(c->events);
    c->io->timer_free(c->io, c->tick_timer);
    c->io->timer_free(c->io, c->plan_timer);
    kube_cluster_free(c->cluster);
    plan_memo_free(c->memo);
    free(c);
}

void controller_start(struct controller *c)
{
    arm_tick_timer(c);
    kube_cluster_start(c->cluster);
}

void controller_set_acting(struct controller *c, bool acting)
{
    c->stats.acting = acting;
    if (!acting)
        kube_queue_drop_waiting(kube_cluster_queue(c->cluster), NULL);
    else if (controller_is_ready(c))
        plan_now(c);
    federation_set_acting(c->federation, acting);
}

bool controller_is_writing(const struct controller *c)
{
    return kube_queue_in_flight(kube_cluster_queue(c->cluster)) || federation_in_flight(c->federation);
}

bool controller_is_ready(const struct controller *c)
{
    return kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED;
}

struct kube_cluster *controller_cluster(struct controller *c)
{
    return c->cluster;
}

const struct controller_stats *controller_stats(const struct controller *c)
{
    return &c->stats;
}

const struct actor_stats *controller_actor_stats(const struct controller *c)
{
    return actor_stats(c->actor);
}

const struct federation *controller_federation(const struct controller *c)
{
    return c->federation;
}
