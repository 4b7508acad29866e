#include "operator/controller.h"

#include "base/log.h"
#include "base/str.h"
#include "json/doc.h"
#include "operator/events.h"
#include "operator/marks.h"

#define TICK SECONDS(1)

struct controller {
    struct kube_io *io;
    struct kube_cluster *cluster;
    struct plan_memo *memo;
    struct events *events;
    struct map *failures; /* object_key() -> struct plan_failure */
    unsigned watching;    /* PLAN_WATCH_* that are on */
    char *watched_ns;
    char *status_word; /* told last */
    enum kube_cluster_phase phase;
    struct kube_timer *tick_timer;
    msec_t tick_due;
    bool worked; /* since memory was given back last */
    bool keeps_memory;
    struct controller_stats stats;
};

static void failure_free(void *p)
{
    struct plan_failure *f = p;

    free(f->object);
    free(f->text);
    free(f);
}

/* The watches that a plan can ask for. */
static const struct {
    unsigned bit;
    const char *api_version, *kind, *view, *field_selector;
    bool in_mesh_namespace;
} on_demand[] = {
    {PLAN_WATCH_PODS, "v1", "Pod", NULL, NULL, true},
    {PLAN_WATCH_VALIDATING, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL, NULL, false},
    {PLAN_WATCH_SECRETS, "v1", "Secret", NULL, "type=istio.io/key-and-cert", false},
    {PLAN_WATCH_SIDECARS, NULL, NULL, MESH_VIEW_SIDECARS, "status.phase!=Succeeded,status.phase!=Failed", false},
};

static const struct kube_kind *on_demand_kind(size_t i)
{
    return on_demand[i].view ? kube_kind_view(&mesh_kinds, on_demand[i].view)
                             : kube_kind_find(&mesh_kinds, on_demand[i].api_version, on_demand[i].kind);
}

static void switch_watches(struct controller *c, const struct plan *plan)
{
    if (!str_eq(c->watched_ns, plan->ns))
        str_replace(&c->watched_ns, plan->ns);
    for (size_t i = 0; i < ARRAY_LEN(on_demand); i++) {
        const struct kube_kind *kind = on_demand_kind(i);
        bool on = plan->watch & on_demand[i].bit;
        if (on == !!(c->watching & on_demand[i].bit))
            continue;
        c->watching ^= on_demand[i].bit;
        kube_cluster_watch(
            c->cluster,
            kind,
            on_demand[i].in_mesh_namespace ? c->watched_ns : NULL,
            NULL,
            on_demand[i].field_selector,
            on);
    }
}

static unsigned synced_watches(const struct controller *c)
{
    unsigned synced = 0;

    for (size_t i = 0; i < ARRAY_LEN(on_demand); i++)
        if ((c->watching & on_demand[i].bit) && kube_cluster_watch_synced(c->cluster, on_demand_kind(i)))
            synced |= on_demand[i].bit;
    return synced;
}

static bool is_busy(const void *context, const struct kube_kind *kind, const char *ns, const char *name)
{
    const struct controller *c = context;

    return kube_queue_busy(kube_cluster_queue(c->cluster), kind, ns, name);
}

/* A shallow array over the failures, for one plan. */
static struct plan_failure *list_failures(const struct controller *c, size_t *ret_count)
{
    struct plan_failure *list = NEW_ARRAY(struct plan_failure, map_len(c->failures));
    size_t count = 0;
    void *value;

    for (size_t i = 0; map_next(c->failures, &i, NULL, &value);)
        list[count++] = *(struct plan_failure *)value;
    *ret_count = count;
    return list;
}

static void plan_now(struct controller *c)
{
    struct plan_input input = {
        .now = c->io->wall(c->io),
        .server = kube_cluster_server(c->cluster),
        .observed = kube_cluster_cache(c->cluster),
        .synced = synced_watches(c),
        .busy = is_busy,
        .busy_context = c,
    };
    _cleanup_free_ struct plan_failure *failures = list_failures(c, &input.failure_count);
    int64_t began = clock_now_usec();
    struct plan plan;

    input.failures = failures;
    plan_make(&input, c->memo, &plan);
    if (plan.drift == 0)
        map_clear(c->failures);
    switch_watches(c, &plan);
    for (size_t i = 0; i < plan.len; i++) {
        struct kube_action action = plan.actions[i];
        plan.actions[i] = (struct kube_action){0};
        kube_queue_put(kube_cluster_queue(c->cluster), &action);
    }
    c->worked = true;
    c->stats.plans++;
    c->stats.managed = plan.managed;
    c->stats.drift = plan.drift;
    plan_release(&plan);
    c->stats.plan_usec += (uint64_t)(clock_now_usec() - began);
}

static void tell_phase(struct controller *c)
{
    static const char *const names[] = {"connecting", "reading what is there", "in step with the cluster"};
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
        plan_now(c);
}

static void note(struct controller *c, const char *reason, bool warning, const char *object, const char *text)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
    size_t first = 0;
    const struct kube_object *mesh = kube_cache_next(kube_cluster_cache(c->cluster), kind, &first);

    if (!mesh)
        return;
    events_note(
        c->events,
        &(struct event_subject){API_GROUP_VERSION, kind->kind, mesh->ns, mesh->name, mesh->uid},
        reason,
        warning,
        object,
        text);
}

/* The words of the status that a person wants to be told of. */
static void tell_status(struct controller *c, const struct kube_action *action, const json_t *resource)
{
    const char *word = doc_string(resource, "status", "Status");
    const char *text = str_or(doc_string(resource, "status", "ErrorMessage"), "");
    _cleanup_free_ char *key = NULL;

    if (!word || str_eq(word, c->status_word))
        return;
    str_replace(&c->status_word, word);
    key = object_key(action->kind, action->ns, action->name);
    log_info("status", "resource", key, "status", word, "message", text, NULL);
    if (str_eq(word, "ReconcileFailed"))
        note(c, word, true, key, text);
    else if (str_eq(word, "Available"))
        note(c, word, false, key, "everything is in place and every Deployment is available");
}

static void on_success(struct controller *c, const struct kube_action *action, const char *key, const json_t *object)
{
    enum plan_meaning meaning = (enum plan_meaning)action->tag;

    map_remove(c->failures, key);
    c->stats.written[meaning]++;
    if (action->verb == KUBE_UPDATE_STATUS)
        tell_status(c, action, object);
    if (meaning == PLAN_NOTED)
        return;
    log_info(plan_meaning_word(meaning), "object", key, "reason", action->reason, NULL);
    note(c, plan_meaning_reason(meaning), false, key, action->reason);
}

/* What was observed was not what is there: the cluster reads it, and the next plan knows better. */
static bool is_misjudged(const struct err *e)
{
    return e->class == ERR_CONFLICT || e->class == ERR_ALREADY_EXISTS || e->class == ERR_NOT_FOUND;
}

static void on_failure(struct controller *c, const struct kube_action *action, const char *key, const struct err *e)
{
    struct plan_failure *failure;

    if (e->class == ERR_CANCELLED || is_misjudged(e))
        return;
    c->stats.failed++;
    failure = NEW(struct plan_failure);
    *failure = (struct plan_failure){.class = e->class, .object = str_dup(key), .text = str_dup(e->text)};
    map_put(c->failures, key, failure);
    log_warning("write was not taken", "object", key, "reason", action->reason, "error", e->text, NULL);
    if (e->class == ERR_FORBIDDEN || !err_class_retries(e->class))
        note(c, "Refused", true, key, e->text);
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct controller *c = context;
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);

    if (e)
        on_failure(c, action, key, e);
    else
        on_success(c, action, key, object);
}

static void arm_tick_timer(struct controller *c)
{
    c->tick_due = c->io->now(c->io) + TICK;
    c->io->timer_set(c->io, c->tick_timer, c->tick_due);
}

static bool is_calm(struct controller *c)
{
    return controller_is_ready(c) && kube_queue_in_flight(kube_cluster_queue(c->cluster)) == 0 && c->stats.drift == 0;
}

static void on_tick(void *context)
{
    struct controller *c = context;

    c->stats.lag = c->io->now(c->io) - c->tick_due;
    if (c->stats.lag > c->stats.lag_most)
        c->stats.lag_most = c->stats.lag;
    if (c->worked && !c->keeps_memory && is_calm(c)) {
        c->worked = false;
        mem_give_back();
    }
    arm_tick_timer(c);
}

static struct kube_cluster_events events_for(struct controller *c)
{
    return (struct kube_cluster_events){.changed = on_changed, .action_done = on_action_done, .context = c};
}

/* What runs beside the cluster. */
static struct controller *fill(struct controller *c, const struct controller_options *options)
{
    c->io = kube_cluster_io(c->cluster);
    c->memo = plan_memo_new();
    c->events = events_new(c->io);
    c->failures = map_new(failure_free);
    c->tick_timer = c->io->timer_new(c->io, on_tick, c);
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
    };
    const struct kube_cluster_events events = events_for(c);

    if (kube_cluster_new(loop, config, &mesh_kinds, &cluster_options, &events, &c->cluster, e) < 0) {
        free(c);
        return -1;
    }
    *ret = fill(c, options);
    return 0;
}

struct controller *controller_new_on(struct kube_io *io, const struct controller_options *options)
{
    struct controller *c = NEW(struct controller);
    const struct kube_cluster_options cluster_options = {.owner_label = MARK_OWNER, .namespace = options->ns};
    const struct kube_cluster_events events = events_for(c);

    c->cluster = kube_cluster_new_on(io, &mesh_kinds, &cluster_options, &events);
    return fill(c, options);
}

void controller_free(struct controller *c)
{
    if (!c)
        return;
    events_free(c->events);
    c->io->timer_free(c->io, c->tick_timer);
    kube_cluster_free(c->cluster);
    plan_memo_free(c->memo);
    map_free(c->failures);
    free(c->watched_ns);
    free(c->status_word);
    free(c);
}

void controller_start(struct controller *c)
{
    arm_tick_timer(c);
    kube_cluster_start(c->cluster);
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
