#include "kube/cluster.h"

#include "base/str.h"
#include "kube/cluster_state.h"

/* Two such requests have time before KUBE_LISTENING_MOST. */
static const msec_t VERIFY_AFTER = SECONDS(30);
/*
 * A turn that comes so late shows that the process was stopped. Its watches may have ended meanwhile as they should,
 * one after the other, and then the server: no connection need have broken for this process.
 */
static const msec_t STOPPED_LEAST = SECONDS(30);

/* What keeps it from the next phase, or else what went wrong last. Owned by the caller; NULL: nothing. */
static char *describe_error(struct kube_cluster *c)
{
    const struct kube_slot *missing = NULL;
    const struct kube_kind *silent;

    c->waits = false;
    if (c->error || c->size.error)
        return str_dup(c->error ? c->error : c->size.error);
    for (size_t i = 0; c->known && i < c->kinds->len; i++) {
        const struct kube_slot *slot = &c->slots[i];
        const char *error = slot->watch ? kube_watch_error(slot->watch) : "";
        if (*error)
            return str_printf("%s: %s", slot->kind->kind, error);
        if (!missing && slot->on && c->server.versions[i] && !kube_watch_listed(slot->watch))
            missing = slot;
    }
    c->waits = c->phase == KUBE_CLUSTER_SYNCING && missing;
    if (c->waits)
        return str_printf("waiting for the list of %s", missing->kind->kind);
    if (kube_cluster_watch_age(c, &silent) > KUBE_LISTENING_MOST)
        return str_printf("%s: the watch has heard nothing for more than %d s", silent->kind,
                          (int)(KUBE_LISTENING_MOST / 1000));
    return NULL;
}

static bool is_synced(const struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].on && c->server.versions[i] && !kube_watch_listed(c->slots[i].watch))
            return false;
    return true;
}

static void update_phase(struct kube_cluster *c)
{
    enum kube_cluster_phase phase = c->phase;
    char *error;

    if (phase == KUBE_CLUSTER_CONNECTING && c->known)
        phase = KUBE_CLUSTER_SYNCING;
    if ((phase == KUBE_CLUSTER_SYNCING || phase == KUBE_CLUSTER_TOO_LARGE) && is_synced(c)) {
        phase = KUBE_CLUSTER_SYNCED;
        str_replace(&c->size.error, NULL);
    }
    c->changed = c->changed || phase != c->phase;
    c->phase = phase;

    error = describe_error(c);
    if (str_eq(error, c->told_error)) {
        free(error);
        return;
    }
    if (!error)
        c->error_since = MSEC_NEVER;
    else if (!c->told_error)
        c->error_since = c->io->now(c->io);
    free(c->told_error);
    c->told_error = error;
    c->changed = true;
}

static msec_t sooner(msec_t a, msec_t b)
{
    return a < b ? a : b;
}

/* Drops all that is held of the cluster: a part of it is no basis for a plan. */
static void give_up(struct kube_cluster *c)
{
    c->phase = KUBE_CLUSTER_TOO_LARGE;
    c->changed = true;
    kube_slots_restart(c);
    kube_fetches_release(c);
    kube_queue_drop_waiting(c->queue, NULL);
    kube_cache_clear_all(c->cache);
}

static void check_size(struct kube_cluster *c)
{
    switch (kube_size_step(c)) {
    case KUBE_SIZE_AS_BEFORE:
        break;
    case KUBE_SIZE_TRY_AGAIN:
        kube_slots_restart(c);
        break;
    case KUBE_SIZE_GIVE_UP:
        give_up(c);
        break;
    }
}

static void turn(void *context)
{
    struct kube_cluster *c = context;
    msec_t due;

    if (c->turn_due != MSEC_NEVER && c->io->now(c->io) > c->turn_due + STOPPED_LEAST)
        kube_verify_outage(c);
    kube_slots_read(c);
    check_size(c);
    kube_discovery_step(c);
    kube_verify_step(c);
    kube_slots_step(c);
    kube_reread_step(c);
    update_phase(c);
    if (c->count_due <= c->io->now(c->io)) {
        c->count_due = MSEC_NEVER;
        c->changed = true;
    }
    due = sooner(kube_slots_due(c), kube_discovery_step_due(c));
    due = sooner(sooner(due, kube_verify_due(c)), sooner(c->count_due, c->size.due));
    due = sooner(due, kube_reread_due(c));
    c->turn_due = due > c->io->now(c->io) ? due : c->io->now(c->io);
    c->io->timer_set(c->io, c->timer, c->turn_due);
    if (c->changed) {
        c->changed = false;
        c->events.changed(c->events.context);
    }
}

static void on_wake(void *context)
{
    struct kube_cluster *c = context;

    c->changed = true;
    kube_cluster_soon(c);
}

struct kube_cluster *kube_cluster_new_on(struct net_io *io, const struct kube_kind_table *kinds,
                                         const struct kube_cluster_options *options,
                                         const struct kube_cluster_events *events)
{
    struct kube_cluster *c = NEW(struct kube_cluster);

    c->io = io;
    c->kinds = kinds;
    c->options = *options;
    c->options.owner_label = str_dup(options->owner_label);
    c->options.namespace = str_dup(options->namespace);
    if (!c->options.verify_after)
        c->options.verify_after = VERIFY_AFTER;
    c->events = *events;
    c->cache = kube_cache_new(kinds, c->options.owner_label);
    kube_cache_set_limit(c->cache, c->options.held_max);
    c->queue = kube_queue_new(io, &options->queue, kube_cluster_action_done, on_wake, c);
    c->timer = io->timer_new(io, turn, c);
    c->server = (struct kube_server){.kinds = kinds, .versions = NEW_ARRAY(const char *, kinds->len + 1)};
    c->discovery.due = c->count_due = c->error_since = c->size.due = c->verify.outage_due = c->turn_due = MSEC_NEVER;
    LIST_INIT(&c->discovery.questions);
    LIST_INIT(&c->fetch.all);
    kube_slots_init(c);
    return c;
}

int kube_cluster_new(struct event_base *loop, const struct kube_config *config, const struct kube_kind_table *kinds,
                     const struct kube_cluster_options *options, const struct kube_cluster_events *events,
                     struct kube_cluster **ret, struct err *e)
{
    struct net_client *client;
    struct net_io *io;

    if (kube_client_new(loop, config, &options->client, &client, e) < 0)
        return -1;
    io = net_io_new(loop, client);
    *ret = kube_cluster_new_on(io, kinds, options, events);
    (*ret)->own_io = io;
    (*ret)->client = client;
    return 0;
}

void kube_cluster_free(struct kube_cluster *c)
{
    if (!c)
        return;
    kube_fetches_release(c);
    kube_discovery_release(c);
    kube_verify_release(c);
    kube_slots_release(c);
    kube_queue_free(c->queue);
    kube_cache_free(c->cache);
    c->io->timer_free(c->io, c->timer);
    net_client_free(c->client);
    net_io_free(c->own_io);
    free(c->server.git_version);
    free(c->server.versions);
    free((char *)c->options.owner_label);
    free((char *)c->options.namespace);
    free(c->error);
    free(c->size.error);
    free(c->told_error);
    free(c);
}

void kube_cluster_start(struct kube_cluster *c)
{
    c->started = true;
    c->discovery.next_of_all = true;
    c->discovery.due = c->io->now(c->io);
    kube_cluster_soon(c);
}

enum kube_cluster_phase kube_cluster_phase(const struct kube_cluster *c)
{
    return c->phase;
}

const char *kube_cluster_error(const struct kube_cluster *c)
{
    return str_or(c->told_error, "");
}

enum err_class kube_cluster_error_class(const struct kube_cluster *c)
{
    return c->error ? c->error_class : ERR_UNAVAILABLE;
}

const char *kube_cluster_failure(const struct kube_cluster *c)
{
    return c->waits ? "" : kube_cluster_error(c);
}

msec_t kube_cluster_error_since(const struct kube_cluster *c)
{
    return c->error_since;
}

msec_t kube_cluster_last_contact(const struct kube_cluster *c)
{
    return c->last_contact;
}

msec_t kube_cluster_watch_age(const struct kube_cluster *c, const struct kube_kind **ret_kind)
{
    const struct kube_slot *slot = NULL;
    msec_t trusted = kube_watches_trusted(c, &slot);

    if (ret_kind)
        *ret_kind = slot ? slot->kind : NULL;
    return slot ? c->io->now(c->io) - trusted : 0;
}

const struct kube_server *kube_cluster_server(const struct kube_cluster *c)
{
    return c->known ? &c->server : NULL;
}

const struct kube_kind_table *kube_cluster_kinds(const struct kube_cluster *c)
{
    return c->kinds;
}

struct kube_cache *kube_cluster_cache(struct kube_cluster *c)
{
    return c->cache;
}

struct kube_queue *kube_cluster_queue(struct kube_cluster *c)
{
    return c->queue;
}

struct net_client *kube_cluster_client(struct kube_cluster *c)
{
    return c->client;
}

struct net_io *kube_cluster_io(struct kube_cluster *c)
{
    return c->io;
}

const struct kube_cluster_stats *kube_cluster_stats(const struct kube_cluster *c)
{
    return &c->stats;
}

bool kube_cluster_watch_synced(const struct kube_cluster *c, const struct kube_kind *kind)
{
    const struct kube_watch *watch = c->slots[kind - c->kinds->rows].watch;
    bool is_served = c->server.versions[kind - c->kinds->rows];

    /* Of a kind of Kubernetes that the server does not serve there is nothing to list; a custom one may come. */
    return watch && (kube_watch_listed(watch) || (!is_served && !kind->custom));
}

bool kube_cluster_watch_fails(const struct kube_cluster *c, const struct kube_kind *kind)
{
    const struct kube_watch *watch = c->slots[kind - c->kinds->rows].watch;

    return watch && !kube_cluster_watch_synced(c, kind) && *kube_watch_error(watch);
}
