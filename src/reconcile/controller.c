#include "reconcile/controller.h"

#include "base/log.h"
#include "reconcile/connection_log.h"
#include "reconcile/query_dry_run.h"
#include "reconcile/query_http.h"
#include "reconcile/subjects.h"

#define TICK SECONDS(1)
/* In one turn of the loop: some milliseconds. */
enum { TURN_PLANS = 64 };
/*
 * A change in the central cluster may concern every resource, and each of them writes its status now and then: with so
 * many resources the next look is a millisecond after the last one at the soonest.
 */
enum { RESOURCES_A_MSEC = 100 };

struct controller {
    const struct controller_kinds *kinds;
    struct event_base *loop; /* NULL: it runs on another io */
    struct query_sender http, dry_run;
    struct dry_runs dry_runs;
    struct net_io *io;
    struct kube_cluster *cluster;
    struct subjects *subjects;
    enum kube_cluster_phase phase;
    struct connection_log *log;
    struct net_timer *tick_timer, *look_timer, *turn_timer;
    msec_t tick_due, looked;
    bool worked;                      /* since memory was given back last */
    struct kube_cluster_stats ticked; /* as of the last tick */
    bool keeps_memory;
    struct controller_stats stats;
};

static void turn(void *context)
{
    struct controller *c = context;
    int64_t began = clock_cpu_usec();

    subjects_plan_due(c->subjects, TURN_PLANS);
    c->worked = true;
    if (subjects_are_due(c->subjects))
        c->io->timer_set(c->io, c->turn_timer, c->io->now(c->io));
    c->stats.plan_usec += (uint64_t)(clock_cpu_usec() - began);
}

static void look(void *context)
{
    struct controller *c = context;

    c->looked = c->io->now(c->io);
    subjects_look(c->subjects);
    c->stats.checks = subjects_checks(c->subjects);
    turn(c);
}

static void on_due(void *context)
{
    struct controller *c = context;

    c->io->timer_set(c->io, c->turn_timer, c->io->now(c->io));
}

/* Immediately, or a little after the last time. */
static void look_soon(struct controller *c)
{
    msec_t due = c->looked + (msec_t)(subjects_count(c->subjects) / RESOURCES_A_MSEC);

    if (due <= c->io->now(c->io))
        look(c);
    else
        c->io->timer_set(c->io, c->look_timer, due);
}

/* --- the loop --- */

static void tell_phase(struct controller *c)
{
    static const char *const names[] = {
        [KUBE_CLUSTER_CONNECTING] = "connecting",
        [KUBE_CLUSTER_SYNCING] = "listing",
        [KUBE_CLUSTER_SYNCED] = "synced with the cluster",
        [KUBE_CLUSTER_TOO_LARGE] = "the cluster has more than may be held",
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
    connection_log_look(c->log);
    if (controller_is_ready(c))
        look_soon(c);
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct controller *c = context;

    subjects_action_done(c->subjects, action, object, e);
}

static void arm_tick_timer(struct controller *c)
{
    c->tick_due = c->io->now(c->io) + TICK;
    c->io->timer_set(c->io, c->tick_timer, c->tick_due);
}

/* Nothing to write, nothing under way, nothing due. */
static bool is_calm(struct controller *c)
{
    const struct subject *s;

    if (!controller_is_ready(c) || kube_queue_in_flight(kube_cluster_queue(c->cluster)) ||
        subjects_are_due(c->subjects))
        return false;
    for (size_t i = 0; (s = subjects_next(c->subjects, &i));)
        if (actor_stats(s->central)->drift || subject_is_writing_remotely(s) ||
            (s->remote && actor_stats(s->remote)->drift))
            return false;
    return true;
}

/* Since the last tick, other than by a plan. Connections may have been opened for it, by code that runs for nothing
 * else. */
static bool has_requested(struct controller *c)
{
    const struct kube_cluster_stats *now = kube_cluster_stats(c->cluster);
    bool has = now->watch_restarts != c->ticked.watch_restarts || now->watches_open != c->ticked.watches_open ||
               now->verifications != c->ticked.verifications;

    c->ticked = *now;
    return has;
}

static void on_tick(void *context)
{
    struct controller *c = context;

    c->stats.lag = c->io->now(c->io) - c->tick_due;
    if (c->stats.lag > c->stats.lag_most)
        c->stats.lag_most = c->stats.lag;
    c->worked = has_requested(c) || c->worked;
    if (c->worked && !c->keeps_memory && is_calm(c)) {
        c->worked = false;
        mem_give_back();
    }
    arm_tick_timer(c);
}

static int connect_with_curl(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    const struct controller *c = context;

    return kube_cluster_new(c->loop, config, c->kinds->objects, options, events, ret, e);
}

/* What runs beside the cluster. */
static struct controller *
fill(struct controller *c, const struct controller_options *options, const struct connector *connector)
{
    struct net_io *io = kube_cluster_io(c->cluster);
    const struct subject_setup setup = {
        .io = io,
        .cluster = c->cluster,
        .objects = c->kinds->objects,
        .connections =
            {
                .io = io,
                .connector = *connector,
                .owner_label = c->kinds->owner_label,
                .roles = c->kinds->remote_roles,
                .gate = options->gate,
            },
        .gate = options->gate,
        .queries = options->queries ? options->queries : &c->http,
        .dry_runs = &c->dry_run,
    };

    c->io = io;
    c->dry_runs = (struct dry_runs){io, options->gate};
    c->dry_run = query_dry_run(&c->dry_runs);
    c->log = connection_log_new(c->cluster, "central");
    c->subjects = subjects_new(&setup, c->kinds->rows, on_due, c);
    c->stats.acting = !options->gate.may_send;
    c->tick_timer = c->io->timer_new(c->io, on_tick, c);
    c->look_timer = c->io->timer_new(c->io, look, c);
    c->turn_timer = c->io->timer_new(c->io, turn, c);
    c->keeps_memory = options->keeps_memory;
    return c;
}

static struct kube_cluster_options cluster_options(const struct controller_options *options, const char *ns)
{
    return (struct kube_cluster_options){
        .owner_label = options->kinds->owner_label,
        .namespace = ns,
        .roles = options->kinds->central_roles,
        .queue = {.gate = options->gate},
    };
}

static struct controller *new_without_cluster(const struct controller_options *options)
{
    struct controller *c = NEW(struct controller);

    c->kinds = options->kinds;
    return c;
}

int controller_new(
    struct event_base *loop, const struct kube_config *config, const struct controller_options *options,
    struct controller **ret, struct err *e)
{
    struct controller *c = new_without_cluster(options);
    const struct kube_cluster_options cluster = cluster_options(options, options->ns ? options->ns : config->namespace);
    const struct kube_cluster_events events = {on_changed, on_action_done, c};

    if (kube_cluster_new(loop, config, c->kinds->objects, &cluster, &events, &c->cluster, e) < 0) {
        free(c);
        return -1;
    }
    c->loop = loop;
    c->http = query_http(loop);
    *ret = fill(c, options, &(struct connector){connect_with_curl, c});
    return 0;
}

struct controller *
controller_new_on(struct net_io *io, const struct controller_options *options, const struct connector *connector)
{
    struct controller *c = new_without_cluster(options);
    const struct kube_cluster_options cluster = cluster_options(options, options->ns);
    const struct kube_cluster_events events = {on_changed, on_action_done, c};

    c->cluster = kube_cluster_new_on(io, c->kinds->objects, &cluster, &events);
    return fill(c, options, connector);
}

void controller_free(struct controller *c)
{
    if (!c)
        return;
    subjects_free(c->subjects);
    c->io->timer_free(c->io, c->tick_timer);
    c->io->timer_free(c->io, c->look_timer);
    c->io->timer_free(c->io, c->turn_timer);
    connection_log_free(c->log);
    kube_cluster_free(c->cluster);
    free(c);
}

void controller_start(struct controller *c)
{
    arm_tick_timer(c);
    kube_cluster_start(c->cluster);
}

void controller_set_acting(struct controller *c, bool acting)
{
    struct subject *s;

    c->stats.acting = acting;
    if (!acting)
        kube_queue_drop_waiting(kube_cluster_queue(c->cluster), NULL);
    for (size_t i = 0; !acting && (s = subjects_next(c->subjects, &i));)
        if (s->cluster)
            kube_queue_drop_waiting(kube_cluster_queue(s->cluster), NULL);
    if (acting)
        subjects_begin_to_act(c->subjects);
    if (acting && controller_is_ready(c))
        look(c);
}

bool controller_is_writing(const struct controller *c)
{
    const struct subject *s;

    for (size_t i = 0; (s = subjects_next(c->subjects, &i));)
        if (subject_is_writing_remotely(s))
            return true;
    return kube_queue_in_flight(kube_cluster_queue(c->cluster)) > 0;
}

bool controller_is_ready(const struct controller *c)
{
    return kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED;
}

bool controller_is_listening(const struct controller *c)
{
    return kube_cluster_watch_age(c->cluster, NULL) <= KUBE_LISTENING_MOST;
}

struct kube_cluster *controller_cluster(struct controller *c)
{
    return c->cluster;
}

const struct controller_stats *controller_stats(const struct controller *c)
{
    return &c->stats;
}

struct actor_stats controller_actor_stats(const struct controller *c)
{
    return subjects_stats(c->subjects);
}

bool controller_next_remote(const struct controller *c, size_t *position, struct controller_remote *ret)
{
    const struct subject *s;

    while ((s = subjects_next(c->subjects, position))) {
        if (!s->connection)
            continue;
        *ret = (struct controller_remote){s->ns, s->name, s->connection, s->remote ? actor_stats(s->remote) : NULL};
        return true;
    }
    return false;
}
