#include "reconcile/connection.h"

#include "base/log.h"
#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/connection_log.h"
#include "reconcile/kubeconfig_secret.h"

/* The status reports a server that hangs within 30 s: after this time, and the time of a probe. */
#define SILENCE_MOST SECONDS(20)
#define PROBE_TIMEOUT SECONDS(6)
#define ANSWER_TIMEOUT SECONDS(20)
/* Less than the probe for silence is given, so that an unreachable server always fails in the same words. */
#define CONNECT_TIMEOUT SECONDS(5)
/* The memory that a remote cluster may use for answers that are under way: one of them, and all of them. */
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
/* As doc_limit_values() counts them, each takes up to 180 bytes when it is parsed. A page of Pods has some 400 a Pod.
 */
#define ANSWER_VALUES_MAX 200000
#define PAGE_SIZE 250
/* And of what is observed there: some 45,000 Namespaces. */
#define HELD_MAX ((size_t)32 * 1024 * 1024)
#define IN_FLIGHT_MAX 16
/*
 * Between the connections to two clusters. A thousand that connect at the same time, when the operator starts, keep
 * each other from an answer in time, and then try again.
 */
enum { CONNECT_DISTANCE_MS = 20 };

struct connection {
    struct connection_setup *setup;
    struct connection_events events;
    struct net_io *io;
    char *ns, *name;
    struct kube_cluster *cluster; /* NULL: not connected */
    struct on_demand watches;
    struct net_timer *timer; /* until it may connect */
    msec_t turn;             /* when it may connect; 0: it does not wait for that */
    /* The Secret that the connection was created from, or could not be created from. */
    char *secret_version;
    uint64_t secret_hash; /* of its data; 0: none */
    struct err refusal;   /* why not */
    bool refused;
    msec_t last_contact; /* monotonic; of connections before this one */
    enum kube_cluster_phase phase;
    struct connection_log *log; /* exists with `cluster` */
};

static void on_turn(void *context)
{
    struct connection *c = context;

    c->events.changed(c->events.context);
}

struct connection *connection_new(
    struct connection_setup *setup, const char *ns, const char *name, const struct watch_table *watches,
    const struct connection_events *events)
{
    struct connection *c = NEW(struct connection);

    *c = (struct connection){
        .setup = setup,
        .events = *events,
        .io = setup->io,
        .ns = str_dup(ns),
        .name = str_dup(name),
        .watches = {.table = watches},
    };
    c->timer = c->io->timer_new(c->io, on_turn, c);
    return c;
}

static void disconnect(struct connection *c)
{
    if (!c->cluster)
        return;
    log_info("the connection to the remote cluster ends", "cluster", c->name, NULL);
    if (kube_cluster_last_contact(c->cluster))
        c->last_contact = kube_cluster_last_contact(c->cluster);
    connection_log_free(TAKE_PTR(c->log));
    kube_cluster_free(TAKE_PTR(c->cluster));
    c->watches = (struct on_demand){.table = c->watches.table};
    c->phase = KUBE_CLUSTER_CONNECTING;
}

static void forget_secret(struct connection *c)
{
    disconnect(c);
    str_replace(&c->secret_version, NULL);
    c->secret_hash = 0;
    c->turn = 0;
    c->refused = false;
}

void connection_free(struct connection *c)
{
    if (!c)
        return;
    forget_secret(c);
    c->io->timer_free(c->io, c->timer);
    free(c->ns);
    free(c->name);
    free(c);
}

static void tell_connection(struct connection *c)
{
    enum kube_cluster_phase phase = kube_cluster_phase(c->cluster);

    if (phase != c->phase && phase == KUBE_CLUSTER_SYNCED)
        log_info(
            "synced with the remote cluster",
            "cluster",
            c->name,
            "kubernetes",
            kube_cluster_server(c->cluster)->git_version,
            NULL);
    c->phase = phase;
    connection_log_look(c->log);
}

static void on_changed(void *context)
{
    struct connection *c = context;

    tell_connection(c);
    c->events.changed(c->events.context);
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct connection *c = context;

    c->events.action_done(c->events.context, action, object, e);
}

static int open_cluster(struct connection *c, const json_t *secret, struct err *e)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    const struct connector *connector = &c->setup->connector;
    const struct kube_cluster_events events = {on_changed, on_action_done, c};
    const struct kube_cluster_options options = {
        .owner_label = c->setup->owner_label,
        .namespace = c->ns,
        .roles = c->setup->roles,
        .client =
            {.max_body = ANSWER_MAX,
             .max_bodies = ANSWER_MAX,
             .max_values = ANSWER_VALUES_MAX,
             .timeout = ANSWER_TIMEOUT,
             .connect_timeout = CONNECT_TIMEOUT},
        .queue = {.in_flight_max = IN_FLIGHT_MAX, .gate = c->setup->gate},
        .probe_after = SILENCE_MOST,
        .page_size = PAGE_SIZE,
        .held_max = HELD_MAX,
        .probe_timeout = PROBE_TIMEOUT,
    };

    if (kubeconfig_secret_read(secret, &config, e) < 0)
        return -1;
    return connector->connect(connector->context, config, &options, &events, &c->cluster, e);
}

static void connect_by(struct connection *c, const json_t *secret)
{
    disconnect(c);
    c->refused = open_cluster(c, secret, &c->refusal) < 0;
    if (c->refused) {
        log_warning("the kubeconfig is refused", "cluster", c->name, "error", c->refusal.text, NULL);
        return;
    }
    log_info("connecting to the remote cluster", "cluster", c->name, NULL);
    c->log = connection_log_new(c->cluster, c->name);
    kube_cluster_start(c->cluster);
}

/* Whether it may connect now; the timer expires when it may. */
static bool is_its_turn(struct connection *c)
{
    msec_t now = c->io->now(c->io), *next = &c->setup->next_turn;

    if (!c->turn) {
        c->turn = *next > now ? *next : now;
        *next = c->turn + CONNECT_DISTANCE_MS;
    }
    if (c->turn > now) {
        c->io->timer_set(c->io, c->timer, c->turn);
        return false;
    }
    c->turn = 0;
    return true;
}

bool connection_follow(struct connection *c, const struct kube_object *o)
{
    _cleanup_json_ json_t *secret = NULL;
    uint64_t hash;

    if (!o) {
        forget_secret(c);
        return false;
    }
    if (str_eq(o->resource_version, c->secret_version))
        return false;
    secret = kube_object_parse(o);
    hash = doc_at(secret, "data") ? doc_hash(doc_at(secret, "data")) | 1 : 1;
    /* Other labels of the Secret change nothing. */
    if (hash != c->secret_hash && !is_its_turn(c))
        return false;
    str_replace(&c->secret_version, o->resource_version);
    if (hash == c->secret_hash)
        return false;
    c->secret_hash = hash;
    connect_by(c, secret);
    return true;
}

struct kube_cluster *connection_cluster(const struct connection *c)
{
    return c->cluster;
}

struct on_demand *connection_watches(struct connection *c)
{
    return &c->watches;
}

bool connection_is_good(const struct connection *c)
{
    return c->cluster && kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED && !*kube_cluster_error(c->cluster);
}

msec_t connection_contact_age(const struct connection *c)
{
    msec_t last = c->cluster ? kube_cluster_last_contact(c->cluster) : 0;

    last = last ? last : c->last_contact;
    return last ? c->io->now(c->io) - last : MSEC_NEVER;
}

/* Wall; 0: never. */
static msec_t last_contact(const struct connection *c)
{
    msec_t age = connection_contact_age(c);

    return age == MSEC_NEVER ? 0 : c->io->wall(c->io) - age;
}

struct contact connection_contact(const struct connection *c)
{
    struct contact contact = {.refused = c->refused ? c->refusal.text : NULL, .error = ""};
    msec_t since, silence = connection_contact_age(c);

    contact.last = last_contact(c);
    if (!c->cluster)
        return contact;
    contact.error = kube_cluster_error(c->cluster);
    since = kube_cluster_error_since(c->cluster);
    contact.error_age = since == MSEC_NEVER ? 0 : c->io->now(c->io) - since;
    /* A server that did not answer the probe is not back in a moment. */
    if (silence != MSEC_NEVER && silence >= SILENCE_MOST + PROBE_TIMEOUT)
        contact.error_age = silence;
    /* Lists that are on their way are no error. */
    if (kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCING && contact.error_age < ANSWER_TIMEOUT)
        contact.error_age = 0;
    return contact;
}
