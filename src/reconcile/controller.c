#include "reconcile/controller.h"

#include <sys/queue.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "reconcile/connection_log.h"

#define TICK SECONDS(1)
/* In one turn of the loop: some milliseconds. */
enum { TURN_PLANS = 64 };
/*
 * A change in the central cluster may concern every resource, and each of them writes its status now and then: with so
 * many resources the next look is a millisecond after the last one at the soonest.
 */
enum { RESOURCES_A_MSEC = 100 };

/* A kind of resource, and the last observation for all of its resources. */
struct row {
    const struct reconciler *reconciler;
    const struct kube_kind *kind;
    const struct kube_kind *credentials; /* the view of Secrets; NULL: none */
    void *shared;
    bool is_looked_at;
    uint64_t version, resources, secrets;
    unsigned synced;
    size_t held; /* subjects with `seen.held` */
};

/* One resource. */
struct subject {
    TAILQ_ENTRY(subject) link; /* while it is due */
    bool due;
    struct controller *controller;
    struct row *row;
    char *ns, *name;
    void *memo;
    struct events *events;
    struct actor *central, *remote; /* `remote` exists with `cluster` */
    struct connection *connection;  /* NULL: its kind has no clusters of its own */
    struct kube_cluster *cluster;   /* the connection's, for which `remote` was made */
    struct net_timer *timer;        /* to plan again */
    unsigned watch;                 /* of the central cluster, as the last plan asks for */
    bool connect;                   /* as the last plan says */
    const char *warned;             /* logged last */
    /* What was observed when it was planned last. */
    struct {
        char *resource, *secret;
        uint64_t version;
        unsigned synced;
        bool held; /* a write of the resource or its Secret was under way, or one failed: it is owed */
    } seen;
};

struct controller {
    const struct controller_kinds *kinds;
    struct event_base *loop; /* NULL: it runs on another io */
    struct net_io *io;
    struct kube_cluster *cluster;
    struct on_demand watches;
    struct connection_setup connections;
    struct row rows[CONTROLLER_ROWS_MAX];
    size_t row_count;
    struct map *subjects; /* "Kind/namespace/name" -> struct subject */
    TAILQ_HEAD(, subject) due;
    struct kube_gate gate;
    enum kube_cluster_phase phase;
    struct connection_log *log;
    struct net_timer *tick_timer, *look_timer, *turn_timer;
    msec_t tick_due, looked;
    bool watches_may_differ;          /* what subjects ask to be watched */
    uint64_t resources;               /* changes of resources that the watches were switched for */
    bool worked;                      /* since memory was given back last */
    struct kube_cluster_stats ticked; /* as of the last tick */
    bool keeps_memory;
    struct controller_stats stats;
    struct actor_stats gone; /* of subjects that are no more */
};

/* --- subjects --- */

static void be_due(void *context)
{
    struct subject *s = context;
    struct controller *c = s->controller;

    if (s->due)
        return;
    s->due = true;
    TAILQ_INSERT_TAIL(&c->due, s, link);
    c->io->timer_set(c->io, c->turn_timer, c->io->now(c->io));
}

static void on_remote_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    const struct subject *s = context;

    actor_done(s->remote, action, object, e);
}

static struct subject *
subject_new(struct controller *c, struct row *row, const struct kube_object *resource, const char *key)
{
    const struct reconciler *reconciler = row->reconciler;
    struct subject *s = NEW(struct subject);
    const struct connection_events events = {be_due, on_remote_done, s};

    *s = (struct subject){
        .controller = c,
        .row = row,
        .ns = str_dup(resource->ns),
        .name = str_dup(resource->name),
        .memo = reconciler->memo_new ? reconciler->memo_new() : NULL,
    };
    s->events = events_new(c->io, c->gate);
    s->central = actor_new(c->cluster, s->events, NULL, s);
    s->timer = c->io->timer_new(c->io, be_due, s);
    if (row->credentials)
        s->connection = connection_new(&c->connections, s->ns, s->name, &events);
    map_put(c->subjects, key, s);
    return s;
}

static void add_stats(struct actor_stats *sum, const struct actor_stats *stats)
{
    sum->plans += stats->plans;
    sum->failed += stats->failed;
    sum->managed += stats->managed;
    sum->drift += stats->drift;
    for (size_t i = 0; i < ARRAY_LEN(sum->written); i++)
        sum->written[i] += stats->written[i];
}

static void set_held(struct subject *s, bool held)
{
    s->row->held += (size_t)held - (size_t)s->seen.held;
    s->seen.held = held;
}

static void subject_free(void *p)
{
    struct subject *s = p;
    struct controller *c = s->controller;
    struct actor_stats stats = *actor_stats(s->central);

    stats.managed = stats.drift = 0;
    add_stats(&c->gone, &stats);
    c->watches_may_differ = true;
    set_held(s, false);
    if (s->due)
        TAILQ_REMOVE(&c->due, s, link);
    actor_free(s->remote);
    connection_free(s->connection);
    kube_queue_disown(kube_cluster_queue(c->cluster), s->central);
    actor_free(s->central);
    events_free(s->events);
    c->io->timer_free(c->io, s->timer);
    if (s->row->reconciler->memo_free)
        s->row->reconciler->memo_free(s->memo);
    free(s->seen.resource);
    free(s->seen.secret);
    free(s->ns);
    free(s->name);
    free(s);
}

/* for (size_t i = 0; (s = next_subject(c, &i));) */
static struct subject *next_subject(const struct controller *c, size_t *position)
{
    void *value;

    return map_next(c->subjects, position, NULL, &value) ? value : NULL;
}

static const struct kube_object *secret_of(const struct subject *s)
{
    return s->row->credentials
               ? kube_cache_get(kube_cluster_cache(s->controller->cluster), s->row->credentials, s->ns, s->name)
               : NULL;
}

/* --- one plan --- */

static struct plan_input input_of(const struct controller *c, struct kube_cluster *cluster, unsigned synced)
{
    return (struct plan_input){
        .now = c->io->wall(c->io),
        .server = kube_cluster_server(cluster),
        .observed = kube_cluster_cache(cluster),
        .synced = synced,
    };
}

/* That all was listed again counts for a subject that has asked for it. */
static unsigned synced_for(const struct subject *s)
{
    unsigned synced = on_demand_synced(&s->controller->watches, s->controller->cluster);

    return s->watch & PLAN_RELISTED ? synced : synced & ~PLAN_RELISTED;
}

static bool is_busy(const struct subject *s)
{
    const struct kube_queue *queue = kube_cluster_queue(s->controller->cluster);

    return kube_queue_busy(queue, s->row->kind, s->ns, s->name) ||
           (s->row->credentials && kube_queue_busy(queue, s->row->credentials, s->ns, s->name));
}

static void note_seen(struct subject *s, const struct kube_object *resource)
{
    const struct kube_object *secret = secret_of(s);

    str_replace(&s->seen.resource, resource->resource_version);
    str_replace(&s->seen.secret, secret ? secret->resource_version : NULL);
    s->seen.version = s->row->version;
    s->seen.synced = s->row->synced;
    set_held(s, is_busy(s) || actor_has_failures(s->central));
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
    const struct kube_kind_table *kinds = s->controller->kinds->objects;
    const struct reconciler *reconciler = s->row->reconciler;

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

/* A question that is asked for the first time is put again for all that ask it. */
static void note_watches(struct subject *s, unsigned watch)
{
    struct controller *c = s->controller;

    if (watch & ~s->watch & PLAN_RELISTED)
        c->watches.on &= ~PLAN_RELISTED;
    c->watches_may_differ |= watch != s->watch || (watch & ~c->watches.on);
    s->watch = watch;
}

static void carry_out(struct subject *s, struct reconcile_plan *plan)
{
    struct net_io *io = s->controller->io;

    if (s->cluster)
        carry_out_remotely(s, &plan->remote);
    warn(s, plan);
    note_watches(s, plan->central.watch);
    actor_send(s->central, &plan->central);
    io->timer_set(io, s->timer, plan->again_after == MSEC_NEVER ? MSEC_NEVER : io->now(io) + plan->again_after);
    s->connect = plan->connect;
    if (follow_connection(s))
        be_due(s);
}

static void plan_subject(struct subject *s, const struct kube_object *resource)
{
    struct controller *c = s->controller;
    const struct reconciler *reconciler = s->row->reconciler;
    struct plan_input central = input_of(c, c->cluster, synced_for(s)), remote;
    struct plan_world world = {.central = &central, .contact = {.error = ""}, .shared = s->row->shared};
    struct reconcile_plan plan;

    /* First: the state of a connection from another Secret is no longer true. */
    if ((central.synced & reconciler->watch) == reconciler->watch)
        follow_connection(s);
    if (s->connection)
        world.contact = connection_contact(s->connection);
    actor_set_subject(s->central, resource);
    actor_fill_input(s->central, &central);
    if (s->cluster && kube_cluster_phase(s->cluster) == KUBE_CLUSTER_SYNCED) {
        remote = input_of(c, s->cluster, on_demand_synced(connection_watches(s->connection), s->cluster));
        world.remote = &remote;
        actor_set_subject(s->remote, resource);
        actor_fill_input(s->remote, &remote);
    }
    note_seen(s, resource);
    if (reconcile_resource(reconciler, &world, resource, s->memo, &plan))
        carry_out(s, &plan);
    reconcile_plan_release(&plan);
}

/* --- what is due --- */

static unsigned asked_watches(const struct controller *c)
{
    unsigned watch = 0;
    const struct subject *s;

    for (size_t i = 0; (s = next_subject(c, &i));)
        watch |= s->watch;
    for (size_t i = 0; i < c->row_count; i++)
        if (kube_cache_count(kube_cluster_cache(c->cluster), c->rows[i].kind))
            watch |= c->rows[i].reconciler->watch;
    return watch;
}

static const char *watched_namespace(const struct controller *c)
{
    const struct kube_cache *observed = kube_cluster_cache(c->cluster);
    const char *ns = NULL;

    for (size_t i = 0; i < c->row_count && !ns; i++)
        if (c->rows[i].reconciler->watch_namespace)
            ns = c->rows[i].reconciler->watch_namespace(observed);
    return ns;
}

static void switch_watches(struct controller *c)
{
    on_demand_switch(&c->watches, c->cluster, asked_watches(c), watched_namespace(c));
    c->watches_may_differ = false;
}

static bool resources_changed(struct controller *c)
{
    uint64_t changes = 0, before = c->resources;

    for (size_t i = 0; i < c->row_count; i++)
        changes += kube_cache_changes(kube_cluster_cache(c->cluster), c->rows[i].kind);
    c->resources = changes;
    return changes != before;
}

static void turn(void *context)
{
    struct controller *c = context;
    int64_t began = clock_now_usec();

    for (int i = 0; i < TURN_PLANS && !TAILQ_EMPTY(&c->due); i++) {
        struct subject *s = TAILQ_FIRST(&c->due);
        const struct kube_object *o = kube_cache_get(kube_cluster_cache(c->cluster), s->row->kind, s->ns, s->name);
        s->due = false;
        TAILQ_REMOVE(&c->due, s, link);
        if (o)
            plan_subject(s, o);
    }
    if (c->watches_may_differ)
        switch_watches(c);
    c->worked = true;
    if (!TAILQ_EMPTY(&c->due))
        c->io->timer_set(c->io, c->turn_timer, c->io->now(c->io));
    c->stats.plan_usec += (uint64_t)(clock_now_usec() - began);
}

/* Whether it has to be planned because of what is observed in the central cluster. */
static bool is_behind(const struct subject *s, const struct kube_object *resource)
{
    const struct kube_object *secret = secret_of(s);

    return !s->row->reconciler->shared_version || (s->seen.held && !is_busy(s)) || s->seen.version != s->row->version ||
           s->seen.synced != s->row->synced || !str_eq(s->seen.resource, resource->resource_version) ||
           !str_eq(s->seen.secret, secret ? secret->resource_version : NULL);
}

static void drop_gone(struct controller *c, const struct row *row)
{
    const char *key;
    void *value;

    for (size_t i = 0; map_next(c->subjects, &i, &key, &value);) {
        struct subject *s = value;
        if (s->row != row || kube_cache_get(kube_cluster_cache(c->cluster), row->kind, s->ns, s->name))
            continue;
        log_info("the resource is gone", "resource", key, NULL);
        events_flush(s->events);
        map_remove(c->subjects, key);
    }
}

static void find_due(struct controller *c, struct row *row)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(kube_cluster_cache(c->cluster), row->kind, &i));) {
        _cleanup_free_ char *key = object_key(row->kind, o->ns, o->name);
        struct subject *s = map_get(c->subjects, key);
        if (!s)
            be_due(subject_new(c, row, o, key));
        else if (is_behind(s, o))
            be_due(s);
    }
}

/* Nothing that a resource of the kind depends on has changed: none of them is checked. */
static bool concerns_nothing(struct row *row, const struct kube_cache *observed, unsigned synced)
{
    const struct reconciler *reconciler = row->reconciler;
    const struct row before = *row;

    if (!reconciler->shared_version)
        return false;
    row->version = reconciler->shared_version(row->shared);
    row->synced = synced & reconciler->watch;
    row->resources = kube_cache_changes(observed, row->kind);
    row->secrets = row->credentials ? kube_cache_changes(observed, row->credentials) : 0;
    row->is_looked_at = true;
    return before.is_looked_at && !row->held && before.version == row->version && before.synced == row->synced &&
           before.resources == row->resources && before.secrets == row->secrets;
}

static void look_at_row(struct controller *c, struct row *row)
{
    struct kube_cache *observed = kube_cluster_cache(c->cluster);
    unsigned synced = on_demand_synced(&c->watches, c->cluster);
    const struct plan_input central = input_of(c, c->cluster, synced);

    if (row->reconciler->shared_update && kube_cache_count(observed, row->kind))
        row->reconciler->shared_update(row->shared, &central);
    if (concerns_nothing(row, observed, synced))
        return;
    find_due(c, row);
    drop_gone(c, row);
}

static void look(void *context)
{
    struct controller *c = context;

    c->looked = c->io->now(c->io);
    if (resources_changed(c) || c->watches_may_differ)
        switch_watches(c);
    for (size_t i = 0; i < c->row_count; i++)
        look_at_row(c, &c->rows[i]);
    turn(c);
}

/* Immediately, or a little after the last time. */
static void look_soon(struct controller *c)
{
    msec_t due = c->looked + (msec_t)(map_len(c->subjects) / RESOURCES_A_MSEC);

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

/* An action without an owner belongs to a resource that was deleted. */
static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct actor *actor = (struct actor *)action->owner;
    struct subject *s = actor ? actor_context(actor) : NULL;

    (void)context;
    if (!s)
        return;
    actor_done(actor, action, object, e);
    /* The others are planned at every change. */
    if (s->row->reconciler->shared_version)
        be_due(s);
}

static void arm_tick_timer(struct controller *c)
{
    c->tick_due = c->io->now(c->io) + TICK;
    c->io->timer_set(c->io, c->tick_timer, c->tick_due);
}

static bool is_writing_remotely(const struct subject *s)
{
    return s->cluster && kube_queue_in_flight(kube_cluster_queue(s->cluster)) > 0;
}

/* Nothing to write, nothing under way, nothing due. */
static bool is_calm(struct controller *c)
{
    const struct subject *s;

    if (!controller_is_ready(c) || kube_queue_in_flight(kube_cluster_queue(c->cluster)) || !TAILQ_EMPTY(&c->due))
        return false;
    for (size_t i = 0; (s = next_subject(c, &i));)
        if (actor_stats(s->central)->drift || is_writing_remotely(s) || (s->remote && actor_stats(s->remote)->drift))
            return false;
    return true;
}

/* Since the last tick. Connections may have been opened for it, by code that runs for nothing else. */
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

static void add_row(struct controller *c, const struct reconciler *reconciler)
{
    const struct kube_kind_table *objects = c->kinds->objects;

    if (c->row_count == CONTROLLER_ROWS_MAX)
        abort();
    c->rows[c->row_count++] = (struct row){
        .reconciler = reconciler,
        .kind = &objects->rows[reconciler->kind],
        .credentials = reconciler->credentials ? &objects->rows[reconciler->credentials] : NULL,
        .shared = reconciler->shared_new ? reconciler->shared_new() : NULL,
    };
}

/* What runs beside the cluster. */
static struct controller *
fill(struct controller *c, const struct controller_options *options, const struct connector *connector)
{
    c->io = kube_cluster_io(c->cluster);
    c->log = connection_log_new(c->cluster, "central");
    c->watches.table = c->kinds->watches;
    c->connections = (struct connection_setup){
        .io = c->io,
        .connector = *connector,
        .watches = c->kinds->watches,
        .owner_label = c->kinds->owner_label,
        .roles = c->kinds->remote_roles,
        .gate = options->gate,
    };
    c->gate = options->gate;
    c->stats.acting = !options->gate.may_send;
    c->subjects = map_new(subject_free);
    TAILQ_INIT(&c->due);
    for (size_t i = 0; c->kinds->rows[i]; i++)
        add_row(c, c->kinds->rows[i]);
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
    map_free(c->subjects);
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].reconciler->shared_free)
            c->rows[i].reconciler->shared_free(c->rows[i].shared);
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
    for (size_t i = 0; (s = next_subject(c, &i));) {
        if (acting)
            be_due(s);
        else if (s->cluster)
            kube_queue_drop_waiting(kube_cluster_queue(s->cluster), NULL);
    }
    if (acting && controller_is_ready(c))
        look(c);
}

bool controller_is_writing(const struct controller *c)
{
    const struct subject *s;

    for (size_t i = 0; (s = next_subject(c, &i));)
        if (is_writing_remotely(s))
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
    struct actor_stats sum = c->gone;
    const struct subject *s;

    for (size_t i = 0; (s = next_subject(c, &i));)
        add_stats(&sum, actor_stats(s->central));
    return sum;
}

bool controller_next_remote(const struct controller *c, size_t *position, struct controller_remote *ret)
{
    const struct subject *s;

    while ((s = next_subject(c, position))) {
        if (!s->connection)
            continue;
        *ret = (struct controller_remote){s->ns, s->name, s->connection, s->remote ? actor_stats(s->remote) : NULL};
        return true;
    }
    return false;
}
