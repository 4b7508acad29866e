#include "controllers/remote/remote_controller.h"

#include "base/log.h"
#include "base/str.h"
#include "controllers/remote/remote_config.h"
#include "controllers/remote/remote_plan.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"
#include "reconcile/on_demand.h"

/* A server that hangs is told of in the status within 30 s: after this, and the time for a sign of life. */
#define SILENCE_MOST SECONDS(20)
#define SIGN_TIMEOUT SECONDS(6)
#define ANSWER_TIMEOUT SECONDS(20)
/* Less than the probe for silence is given, so that a server that is away always fails in the same words. */
#define CONNECT_TIMEOUT SECONDS(5)
/* An error that keeps changing its words is told of once in so long. */
#define TELL_AGAIN SECONDS(600)
/* What a remote cluster may make us keep of answers that are under way: of one, and of all of them. */
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
/* As doc_limit_values() counts them, each takes up to 180 bytes when it is parsed. A page of Pods has some 400 a Pod.
 */
#define ANSWER_VALUES_MAX 200000
#define PAGE_SIZE 250
/* And of what is observed there: some 45,000 Namespaces. */
#define HELD_MAX ((size_t)32 * 1024 * 1024)
#define IN_FLIGHT_MAX 16
/*
 * Between the connections to two clusters. A thousand that connect at once, when the operator starts, keep each other
 * from an answer in time, and then try again.
 */
enum { CONNECT_DISTANCE_MS = 20 };

struct remote_controller {
    struct remote_surroundings *around;
    void *owner;
    struct kube_io *io; /* of the central cluster */
    char *ns, *name;
    struct remote_memo *memo;
    struct events *events;
    struct actor *home, *away;    /* `away` is there with `cluster` */
    struct kube_cluster *cluster; /* NULL: not connected */
    struct on_demand watches;
    struct kube_timer *timer; /* to look again */
    msec_t turn;              /* when it may connect; 0: it does not wait for that */
    /* The Secret that the connection was made from, or could not be made from. */
    char *secret_version;
    uint64_t secret_hash; /* of its data; 0: none */
    struct err refusal;   /* why not */
    bool refused;
    msec_t last_contact; /* monotonic; of connections before this one */
    enum kube_cluster_phase phase;
    char *told_error;
    msec_t told_at; /* monotonic */
    /* What was observed when it was planned last. */
    char *seen_resource, *seen_secret;
    uint64_t seen_central;
    unsigned seen_synced;
    bool connect;   /* as the last plan says */
    bool abandoned; /* told */
    bool seen_held; /* a write in the central cluster was under way or held back: not planned, and owed */
};

static void be_due(void *context)
{
    struct remote_controller *c = context;

    c->around->due(c->owner);
}

struct remote_controller *
remote_controller_new(struct remote_surroundings *around, const struct kube_object *resource, void *owner)
{
    struct remote_controller *c = NEW(struct remote_controller);

    *c = (struct remote_controller){
        .around = around,
        .owner = owner,
        .io = kube_cluster_io(around->home),
        .ns = str_dup(resource->ns),
        .name = str_dup(resource->name),
        .memo = remote_memo_new(),
        .watches = {.table = &mesh_watches},
    };
    c->events = events_new(c->io, around->gate);
    c->home = actor_new(around->home, c->events, NULL);
    c->timer = c->io->timer_new(c->io, be_due, c);
    return c;
}

static void disconnect(struct remote_controller *c)
{
    if (!c->cluster)
        return;
    log_info("the connection to the remote cluster ends", "cluster", c->name, NULL);
    if (kube_cluster_last_contact(c->cluster))
        c->last_contact = kube_cluster_last_contact(c->cluster);
    actor_free(TAKE_PTR(c->away));
    kube_cluster_free(TAKE_PTR(c->cluster));
    c->watches = (struct on_demand){.table = &mesh_watches};
    c->phase = KUBE_CLUSTER_CONNECTING;
    str_replace(&c->told_error, NULL);
}

static void forget_secret(struct remote_controller *c)
{
    disconnect(c);
    str_replace(&c->secret_version, NULL);
    c->secret_hash = 0;
    c->turn = 0;
    c->refused = false;
}

void remote_controller_end(struct remote_controller *c)
{
    log_info("the RemoteIstio is gone", "cluster", c->name, NULL);
    events_flush(c->events);
}

void remote_controller_free(struct remote_controller *c)
{
    if (!c)
        return;
    forget_secret(c);
    c->io->timer_free(c->io, c->timer);
    actor_free(c->home);
    events_free(c->events);
    remote_memo_free(c->memo);
    free(c->seen_resource);
    free(c->seen_secret);
    free(c->ns);
    free(c->name);
    free(c);
}

/* --- the connection --- */

static void tell_connection(struct remote_controller *c)
{
    enum kube_cluster_phase phase = kube_cluster_phase(c->cluster);
    const char *error = kube_cluster_error(c->cluster);
    msec_t now = c->io->now(c->io);

    if (phase != c->phase && phase == KUBE_CLUSTER_SYNCED)
        log_info(
            "in step with the remote cluster",
            "cluster",
            c->name,
            "kubernetes",
            kube_cluster_server(c->cluster)->git_version,
            NULL);
    c->phase = phase;
    /* What is said while lists are under way is no error. */
    if (phase == KUBE_CLUSTER_SYNCING || str_eq(str_or(c->told_error, ""), error))
        return;
    if (*error && c->told_error && now - c->told_at < TELL_AGAIN)
        return;
    c->told_at = now;
    if (*error)
        log_warning("the remote cluster is not reached", "cluster", c->name, "error", error, NULL);
    else
        log_info("the remote cluster is reached again", "cluster", c->name, NULL);
    str_replace(&c->told_error, *error ? error : NULL);
}

static void on_changed(void *context)
{
    struct remote_controller *c = context;

    tell_connection(c);
    be_due(c);
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct remote_controller *c = context;

    actor_done(c->away, action, object, e);
}

static int open_cluster(struct remote_controller *c, const json_t *secret, struct err *e)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    const struct remote_connector *connector = c->around->connector;
    const struct kube_cluster_events events = {on_changed, on_action_done, c};
    const struct kube_cluster_options options = {
        .owner_label = MARK_OWNER,
        .namespace = c->ns,
        .roles = MESH_REMOTE,
        .client =
            {.max_body = ANSWER_MAX,
             .max_bodies = ANSWER_MAX,
             .max_values = ANSWER_VALUES_MAX,
             .timeout = ANSWER_TIMEOUT,
             .connect_timeout = CONNECT_TIMEOUT},
        .queue = {.in_flight_max = IN_FLIGHT_MAX, .gate = c->around->gate},
        .probe_after = SILENCE_MOST,
        .page_size = PAGE_SIZE,
        .held_max = HELD_MAX,
        .packed = true,
        .probe_timeout = SIGN_TIMEOUT,
    };

    if (remote_config_read(secret, &config, e) < 0)
        return -1;
    return connector->connect(connector->context, config, &options, &events, &c->cluster, e);
}

static void connect_by(struct remote_controller *c, const json_t *secret)
{
    disconnect(c);
    c->refused = open_cluster(c, secret, &c->refusal) < 0;
    if (c->refused) {
        log_warning("the kubeconfig is refused", "cluster", c->name, "error", c->refusal.text, NULL);
        return;
    }
    log_info("connecting to the remote cluster", "cluster", c->name, NULL);
    c->away = actor_new(c->cluster, c->events, c->name);
    kube_cluster_start(c->cluster);
}

/* Whether it may connect now; the timer tells when it may. */
static bool is_its_turn(struct remote_controller *c)
{
    msec_t now = c->io->now(c->io), *next = &c->around->next_turn;

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

/* Other credentials are used at once; other labels of their Secret change nothing. True where it is to be planned. */
static bool follow_secret(struct remote_controller *c, bool connect)
{
    const struct kube_object *o =
        connect ? central_kubeconfig(kube_cluster_cache(c->around->home), c->ns, c->name) : NULL;
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
    if (hash != c->secret_hash && !is_its_turn(c))
        return false;
    str_replace(&c->secret_version, o->resource_version);
    if (hash == c->secret_hash)
        return false;
    c->secret_hash = hash;
    connect_by(c, secret);
    return true;
}

/* --- planning --- */

msec_t remote_controller_contact_age(const struct remote_controller *c)
{
    msec_t last = c->cluster ? kube_cluster_last_contact(c->cluster) : 0;

    last = last ? last : c->last_contact;
    return last ? c->io->now(c->io) - last : MSEC_NEVER;
}

/* Wall; 0: never. */
static msec_t last_contact(const struct remote_controller *c)
{
    msec_t age = remote_controller_contact_age(c);

    return age == MSEC_NEVER ? 0 : c->io->wall(c->io) - age;
}

static struct remote_contact contact(const struct remote_controller *c)
{
    struct remote_contact contact = {.refused = c->refused ? c->refusal.text : NULL, .error = ""};
    msec_t since, silence = remote_controller_contact_age(c);

    contact.last = last_contact(c);
    if (!c->cluster)
        return contact;
    contact.error = kube_cluster_error(c->cluster);
    since = kube_cluster_error_since(c->cluster);
    contact.error_age = since == MSEC_NEVER ? 0 : c->io->now(c->io) - since;
    /* Who gave no sign of life is not back in a moment. */
    if (silence != MSEC_NEVER && silence >= SILENCE_MOST + SIGN_TIMEOUT)
        contact.error_age = silence;
    /* Lists that are on their way are no error. */
    if (kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCING && contact.error_age < ANSWER_TIMEOUT)
        contact.error_age = 0;
    return contact;
}

static bool is_held(const struct remote_controller *c)
{
    const struct kube_queue *queue = kube_cluster_queue(c->around->home);
    const struct kube_kind *resource = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "RemoteIstio");
    const struct kube_kind *secret = kube_kind_view(&mesh_kinds, MESH_VIEW_CREDENTIALS);

    return kube_queue_busy(queue, resource, c->ns, c->name) || kube_queue_busy(queue, secret, c->ns, c->name);
}

static void note_seen(struct remote_controller *c, const struct kube_object *resource)
{
    const struct kube_object *secret = central_kubeconfig(kube_cluster_cache(c->around->home), c->ns, c->name);

    str_replace(&c->seen_resource, resource->resource_version);
    str_replace(&c->seen_secret, secret ? secret->resource_version : NULL);
    c->seen_central = c->around->central.version;
    c->seen_synced = c->around->synced;
    c->seen_held = is_held(c);
}

bool remote_controller_is_behind(const struct remote_controller *c, const struct kube_object *resource)
{
    const struct kube_object *secret = central_kubeconfig(kube_cluster_cache(c->around->home), c->ns, c->name);

    return (c->seen_held && !is_held(c)) || c->seen_central != c->around->central.version ||
           c->seen_synced != c->around->synced || !str_eq(c->seen_resource, resource->resource_version) ||
           !str_eq(c->seen_secret, secret ? secret->resource_version : NULL);
}

static struct plan_input input_of(const struct remote_controller *c, struct kube_cluster *cluster, unsigned synced)
{
    return (struct plan_input){
        .now = c->io->wall(c->io),
        .server = kube_cluster_server(cluster),
        .observed = kube_cluster_cache(cluster),
        .synced = synced,
    };
}

static void tell_abandoned(struct remote_controller *c, const char *text)
{
    if (!c->abandoned)
        log_warning("abandoned", "cluster", c->name, "reason", text, NULL);
    c->abandoned = true;
    actor_note(c->home, "Abandoned", true, c->name, text);
}

static void carry_out(struct remote_controller *c, struct remote_plan *plan)
{
    if (c->cluster) {
        for (size_t i = 0; i < mesh_kinds.len; i++)
            kube_cluster_need(c->cluster, &mesh_kinds.rows[i], remote_memo_needs(c->memo, &mesh_kinds.rows[i]));
        on_demand_switch(&c->watches, c->cluster, plan->away.watch, plan->away.ns);
        actor_send(c->away, &plan->away);
    }
    if (plan->abandoned)
        tell_abandoned(c, plan->abandoned);
    actor_send(c->home, &plan->home);
    c->io->timer_set(
        c->io, c->timer, plan->look_again == MSEC_NEVER ? MSEC_NEVER : c->io->now(c->io) + plan->look_again);
    c->connect = plan->connect;
    if (follow_secret(c, c->connect))
        be_due(c);
}

void remote_controller_plan(struct remote_controller *c, const struct kube_object *resource)
{
    struct plan_input home = input_of(c, c->around->home, c->around->synced), away;
    struct remote_input input = {.home = &home, .central = &c->around->central, .resource = resource};
    struct remote_plan plan;

    /* First: what the connection says that was made from another Secret is true no more. */
    if (c->around->synced & PLAN_WATCH_CREDENTIALS)
        follow_secret(c, c->connect);
    input.contact = contact(c);
    actor_set_subject(c->home, resource);
    actor_brief(c->home, &home);
    if (c->cluster && kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED) {
        input.away = &away;
        away = input_of(c, c->cluster, on_demand_synced(&c->watches, c->cluster));
        actor_set_subject(c->away, resource);
        actor_brief(c->away, &away);
    }
    note_seen(c, resource);
    if (remote_plan_make(&input, c->memo, &plan))
        carry_out(c, &plan);
    remote_plan_release(&plan);
}

void remote_controller_drop_waiting(struct remote_controller *c)
{
    if (c->cluster)
        kube_queue_drop_waiting(kube_cluster_queue(c->cluster), NULL);
}

void remote_controller_done(
    struct remote_controller *c, const struct kube_action *action, const json_t *object, const struct err *e)
{
    actor_done(c->home, action, object, e);
    be_due(c);
}

/* --- for metrics --- */

const char *remote_controller_name(const struct remote_controller *c)
{
    return c->name;
}

const char *remote_controller_namespace(const struct remote_controller *c)
{
    return c->ns;
}

bool remote_controller_is_connected(const struct remote_controller *c)
{
    return c->cluster && kube_cluster_phase(c->cluster) == KUBE_CLUSTER_SYNCED && !*kube_cluster_error(c->cluster);
}

bool remote_controller_is_calm(const struct remote_controller *c)
{
    return !c->cluster ||
           (actor_stats(c->away)->drift == 0 && kube_queue_in_flight(kube_cluster_queue(c->cluster)) == 0);
}

const struct actor_stats *remote_controller_stats(const struct remote_controller *c)
{
    return c->away ? actor_stats(c->away) : NULL;
}

struct kube_cluster *remote_controller_cluster(const struct remote_controller *c)
{
    return c->cluster;
}
