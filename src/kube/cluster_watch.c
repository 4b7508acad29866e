#include "base/str.h"
#include "doc/doc.h"
#include "kube/cluster_state.h"

/* Bytes that are parsed in one turn, so that the loop stays quick while much arrives. */
#define TURN_BUDGET ((size_t)256 * 1024)
/* When more than this waits, it is parsed immediately: slower than the server may be late, but not without bound. */
#define BACKLOG_MAX ((size_t)4 * 1024 * 1024)
/* How much longer than the watch was asked for the transport waits. The watch itself notices silence sooner. */
#define TRANSPORT_SILENCE SECONDS(120)

/* How long a kind that is not needed is not read. */
#define REST SECONDS(600)

/* Counts of many objects may change at every moment; their readers need a number now and then. */
#define COUNT_DELAY SECONDS(1)

static bool is_definition_kind(const struct kube_kind *kind)
{
    return kind->is_definition;
}

bool kube_slot_is_of_users(const struct kube_slot *slot)
{
    return slot->on && slot->kind->custom && slot->kind->watch != KUBE_WATCH_OWNED;
}

void kube_slots_init(struct kube_cluster *c)
{
    c->slots = NEW_ARRAY(struct kube_slot, c->kinds->len + 1);
    for (size_t i = 0; i < c->kinds->len; i++) {
        const struct kube_kind *kind = &c->kinds->rows[i];
        struct kube_slot *slot = &c->slots[i];
        *slot = (struct kube_slot){.cluster = c, .kind = kind, .rests = MSEC_NEVER};
        if (!kube_cluster_has(c, kind))
            continue;
        slot->on = kind->watch != KUBE_WATCH_NONE;
        slot->ns = kind->watch == KUBE_WATCH_NAMESPACE ? str_dup(c->options.namespace) : NULL;
        slot->labels = kind->watch == KUBE_WATCH_OWNED ? str_dup(c->options.owner_label) : NULL;
        slot->watch = kube_watch_new(&(struct kube_watch_options){
            .custom = kind->custom,
            .values_max = c->options.client.max_values,
            .page_size = c->options.page_size,
            .silence = c->options.watch_silence,
        });
        c->stats.watches_wanted += slot->on;
    }
}

static void cancel(struct kube_slot *slot)
{
    struct net_io *io = slot->cluster->io;

    if (slot->call)
        io->cancel(io, TAKE_PTR(slot->call));
}

void kube_slots_release(struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++) {
        struct kube_slot *slot = &c->slots[i];
        cancel(slot);
        kube_watch_free(slot->watch);
        free(slot->ns);
        free(slot->labels);
        free(slot->fields);
        free(slot->definition);
    }
    free(c->slots);
}

void kube_slot_restart(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;
    const char *version = c->server.versions[slot - c->slots];
    char api_version[128];

    slot->opened = false;
    if (!slot->on || !version || kube_size_holds_up(c)) {
        slot->doubt = KUBE_BELIEVED;
        kube_watch_stop(slot->watch);
        return;
    }
    if (slot->doubt)
        slot->doubt = KUBE_ASKED;
    kube_api_version(slot->kind, version, api_version);
    kube_watch_start(slot->watch, c->io->now(c->io), api_version, slot->kind->kind);
    kube_cluster_soon(c);
}

void kube_serve(struct kube_cluster *c, const struct kube_kind *kind, const char *version)
{
    struct kube_slot *slot = kube_slot_of(c, kind);
    const char **spoken = &c->server.versions[slot - c->slots];

    if (str_eq(*spoken, version) && kube_watch_is_served(slot->watch))
        return;
    /* The table's text: a definition's is freed with it. */
    *spoken = NULL;
    for (size_t v = 0; version && v < KUBE_VERSIONS_MAX && kind->versions[v].name; v++)
        if (str_eq(kind->versions[v].name, version))
            *spoken = kind->versions[v].name;
    c->changed = true;
    if (*spoken)
        kube_slot_restart(slot);
}

void kube_slots_restart(struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].watch)
            kube_slot_restart(&c->slots[i]);
}

void kube_cluster_watch(struct kube_cluster *c, const struct kube_kind *kind, const char *ns,
                        const char *label_selector, const char *field_selector, bool on)
{
    struct kube_slot *slot = kube_slot_of(c, kind);
    bool same = str_eq(slot->ns, ns) && str_eq(slot->labels, label_selector) && str_eq(slot->fields, field_selector);

    if (!slot->watch || kind->watch != KUBE_WATCH_NONE || (slot->on == on && (!on || same)))
        return;
    c->stats.watches_wanted += (size_t)on - (size_t)slot->on;
    slot->on = on;
    str_replace(&slot->ns, on ? ns : NULL);
    str_replace(&slot->labels, on ? label_selector : NULL);
    str_replace(&slot->fields, on ? field_selector : NULL);
    if (kube_cache_clear(c->cache, kind))
        c->changed = true;
    kube_slot_restart(slot);
    /* A custom kind may be served since it was looked for. */
    if (on && kind->custom && !kube_server_version(&c->server, kind))
        kube_cluster_doubt_discovery(c);
    kube_cluster_soon(c);
}

static void rest(struct kube_slot *slot, bool rests)
{
    struct kube_cluster *c = slot->cluster;

    slot->rests = rests ? c->io->now(c->io) + REST : MSEC_NEVER;
    slot->on = !rests;
    c->stats.watches_wanted += (size_t)slot->on - (size_t)rests;
    kube_slot_restart(slot);
    kube_cluster_soon(c);
}

void kube_cluster_need(struct kube_cluster *c, const struct kube_kind *kind, bool needed)
{
    struct kube_slot *slot = kube_slot_of(c, kind);
    bool rests = slot->rests != MSEC_NEVER;

    if (!slot->watch || kind->watch != KUBE_WATCH_OWNED || rests == !needed)
        return;
    if (needed || (!slot->doubt && kube_watch_listed(slot->watch) && !kube_cache_next(c->cache, kind, &(size_t){0})))
        rest(slot, !needed);
}

static void doubt(struct kube_slot *slot)
{
    slot->doubt = KUBE_DOUBTED;
    if (slot->rests != MSEC_NEVER)
        rest(slot, false);
    else if (!slot->on || !kube_watch_is_served(slot->watch))
        slot->doubt = KUBE_BELIEVED;
}

void kube_cluster_relist(struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].watch && c->server.versions[i])
            doubt(&c->slots[i]);
    kube_cluster_soon(c);
}

bool kube_cluster_is_relisted(const struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].doubt)
            return false;
    return true;
}

/* A definition names its kinds' group and plural, and so does its own name. */
static bool is_name_of_definition(const char *name, const struct kube_slot *slot)
{
    const struct kube_kind *kind = slot->kind;
    _cleanup_free_ char *expected = slot->watch && kind->custom ? str_printf("%s.%s", kind->plural, kind->group) : NULL;

    return str_eq(name, expected);
}

static void read_definition(struct kube_slot *defined, const json_t *definition)
{
    struct kube_cluster *c = defined->cluster;
    const char *version = definition ? kube_definition_version(definition, defined->kind) : NULL;

    if (str_eq(version, defined->definition))
        return;
    str_replace(&defined->definition, version);
    defined->withdrawn = !version;
    kube_watch_expect(defined->watch, version != NULL);
    if (version)
        kube_serve(c, defined->kind, version);
    else
        kube_cluster_doubt_discovery(c);
}

void kube_slot_noticed(struct kube_slot *slot, const char *name, const json_t *object)
{
    struct kube_cluster *c = slot->cluster;

    if (slot->kind->digest) {
        if (c->count_due == MSEC_NEVER)
            c->count_due = c->io->now(c->io) + COUNT_DELAY;
        return;
    }
    c->changed = true;
    for (size_t i = 0; is_definition_kind(slot->kind) && i < c->kinds->len; i++)
        if (is_name_of_definition(name, &c->slots[i]))
            read_definition(&c->slots[i], object);
}

/* A list may leave out a definition that was there before. */
static void check_definitions(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;

    for (size_t i = 0; is_definition_kind(slot->kind) && i < c->kinds->len; i++) {
        struct kube_slot *defined = &c->slots[i];
        _cleanup_free_ char *name = str_printf("%s.%s", defined->kind->plural, defined->kind->group);
        if (defined->definition && !kube_cache_get(c->cache, slot->kind, NULL, name))
            read_definition(defined, NULL);
    }
}

static void end_list(struct kube_slot *slot, const char *version)
{
    struct kube_cluster *c = slot->cluster;
    bool changed, rewound;

    kube_cache_replace_end(c->cache, slot->kind, version, &changed, &rewound);
    if (rewound)
        kube_cluster_rewound(c);
    if (slot->doubt == KUBE_ASKED)
        slot->doubt = KUBE_BELIEVED;
    /* Even an empty list is news: from now on an object that is not in the cache does not exist. */
    c->changed = true;
    if (changed)
        check_definitions(slot);
}

static void forget(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;

    kube_cache_clear(c->cache, slot->kind);
    slot->doubt = KUBE_BELIEVED;
    kube_serve(c, slot->kind, NULL);
    if (kube_slot_is_of_users(slot))
        kube_cluster_doubt_discovery(c);
}

static void remove_reported(struct kube_slot *slot, const struct kube_event *event)
{
    struct kube_cluster *c = slot->cluster;
    const char *name = doc_string(event->object, "metadata", "name");
    const char *ns = doc_string(event->object, "metadata", "namespace");

    if (!name || !*name || (slot->kind->namespaced && !ns))
        /* Something was deleted, and a list shows what. */
        kube_watch_doubt(slot->watch, c->io->now(c->io));
    else if (kube_cache_remove(c->cache, slot->kind, ns, name, event->resource_version))
        kube_slot_noticed(slot, name, NULL);
}

static void apply(struct kube_slot *slot, const struct kube_event *event)
{
    struct kube_cluster *c = slot->cluster;
    const char *name = doc_string(event->object, "metadata", "name");

    switch (event->type) {
    case KUBE_EVENT_BEGIN:
        slot->lists++;
        kube_cache_replace_begin(c->cache, slot->kind, event->resource_version, event->rewound);
        break;
    case KUBE_EVENT_LISTED:
        if (kube_cache_replace_put(c->cache, slot->kind, event->object))
            kube_slot_noticed(slot, name, event->object);
        break;
    case KUBE_EVENT_END:
        end_list(slot, event->resource_version);
        break;
    case KUBE_EVENT_PUT:
        c->stats.watch_events++;
        if (kube_cache_put(c->cache, slot->kind, event->object))
            kube_slot_noticed(slot, name, event->object);
        if (kube_version_older(event->resource_version, kube_watch_version(slot->watch)))
            kube_cluster_doubt_versions(c);
        break;
    case KUBE_EVENT_REMOVE:
        c->stats.watch_events++;
        remove_reported(slot, event);
        break;
    case KUBE_EVENT_SEEN:
        break;
    case KUBE_EVENT_FORGET:
        forget(slot);
        break;
    }
    if (event->type == KUBE_EVENT_PUT || event->type == KUBE_EVENT_REMOVE || event->type == KUBE_EVENT_SEEN)
        kube_cache_seen(c->cache, slot->kind, event->resource_version);
}

static void read_events(struct kube_slot *slot, size_t *budget)
{
    struct net_io *io = slot->cluster->io;
    struct kube_event event;

    while (!kube_cache_is_over(slot->cluster->cache) &&
           kube_watch_next(slot->watch, io->now(io), io->random(io), budget, &event))
        apply(slot, &event);
}

void kube_slots_read(struct kube_cluster *c)
{
    size_t budget = TURN_BUDGET, first = c->first_slot;

    for (size_t i = 0; i < c->kinds->len && budget; i++) {
        struct kube_slot *slot = &c->slots[(first + i) % c->kinds->len];
        if (!slot->watch || !kube_watch_has_more(slot->watch))
            continue;
        read_events(slot, &budget);
        c->first_slot = (first + i + 1) % c->kinds->len;
    }
}

static int on_data(void *context, const char *data, size_t len)
{
    struct kube_slot *slot = context;
    struct kube_cluster *c = slot->cluster;

    kube_cluster_heard(c);
    kube_watch_feed(slot->watch, c->io->now(c->io), data, len);
    if (kube_watch_backlog(slot->watch) > BACKLOG_MAX || kube_size_is_over(c))
        read_events(slot, &(size_t){SIZE_MAX});
    kube_cluster_soon(c);
    return 0;
}

static void on_failure(struct kube_slot *slot, const struct net_response *response, const struct err *e)
{
    struct kube_cluster *c = slot->cluster;

    if (kube_watch_is_open(slot->watch) && kube_is_unreachable(response, e))
        kube_cluster_broken(c);
    /* 410 is how a watch learns that it was closed for too long. */
    c->stats.watch_failures += e->class != ERR_GONE;
    kube_watch_failed(slot->watch, c->io->now(c->io), c->io->random(c->io), e, response ? response->retry_after : 0);
    if (e->class == ERR_NOT_FOUND && slot->withdrawn)
        kube_cluster_doubt_discovery(c);
    if (kube_is_unreachable(response, e))
        kube_cluster_lost(c, e);
}

static void on_watch_over(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_slot *slot = context;
    struct kube_cluster *c = slot->cluster;

    slot->call = NULL;
    if (e)
        on_failure(slot, response, e);
    else
        kube_watch_ended(slot->watch, c->io->now(c->io), c->io->random(c->io));
    kube_cluster_soon(c);
}

static void on_page(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_slot *slot = context;
    struct kube_cluster *c = slot->cluster;

    slot->call = NULL;
    if (e) {
        on_failure(slot, response, e);
    } else {
        kube_cluster_heard(c);
        kube_watch_page(slot->watch, c->io->now(c->io), c->io->random(c->io), response->body, response->body_len);
        /* Parsed it takes many times its text: no other page besides. */
        if (c->options.held_max)
            read_events(slot, &(size_t){SIZE_MAX});
    }
    kube_cluster_soon(c);
}

static void send_list(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;
    struct net_request request =
        kube_request_list(slot->kind, c->server.versions[slot - c->slots], slot->ns, slot->labels, slot->fields,
                          kube_watch_page_size(slot->watch), kube_watch_continue(slot->watch));

    request.secret = slot->kind->is_secret;
    if (!kube_watch_continue(slot->watch)) {
        c->stats.lists++;
        kube_cache_replace_asked(c->cache, slot->kind);
    }
    slot->call = c->io->send(c->io, &request, NULL, on_page, slot);
}

static void open_watch(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;
    int seconds = kube_watch_seconds(slot->watch);
    struct net_request request =
        kube_request_watch(slot->kind, c->server.versions[slot - c->slots], slot->ns, slot->labels, slot->fields,
                           kube_watch_version(slot->watch), seconds);

    request.secret = slot->kind->is_secret;
    request.timeout = SECONDS(seconds) + TRANSPORT_SILENCE;
    c->stats.watch_restarts += slot->opened;
    slot->opened = true;
    slot->call = c->io->send(c->io, &request, on_data, on_watch_over, slot);
}

static void step(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;

    if (slot->doubt == KUBE_DOUBTED && kube_watch_doubt(slot->watch, c->io->now(c->io)))
        slot->doubt = KUBE_ASKED;
    /* While the server cannot be reached nothing is sent. */
    while (!c->reach.lost || kube_watch_due(slot->watch) == 0) {
        switch (kube_watch_step(slot->watch, c->io->now(c->io), c->io->random(c->io))) {
        case KUBE_STEP_CANCEL:
            cancel(slot);
            break;
        case KUBE_STEP_LIST:
            send_list(slot);
            return;
        case KUBE_STEP_OPEN:
            open_watch(slot);
            return;
        case KUBE_STEP_WAIT:
            return;
        }
    }
}

void kube_slots_step(struct kube_cluster *c)
{
    c->stats.watches_open = 0;
    for (size_t i = 0; i < c->kinds->len; i++) {
        if (!c->slots[i].watch)
            continue;
        if (c->slots[i].rests <= c->io->now(c->io))
            rest(&c->slots[i], false);
        step(&c->slots[i]);
        c->stats.watches_open += kube_watch_is_open(c->slots[i].watch);
    }
}

msec_t kube_slots_due(const struct kube_cluster *c)
{
    msec_t due = MSEC_NEVER;

    for (size_t i = 0; i < c->kinds->len; i++) {
        const struct kube_watch *watch = c->slots[i].watch;
        if (!watch)
            continue;
        if (kube_watch_has_more(watch))
            return 0;
        if (c->slots[i].rests < due)
            due = c->slots[i].rests;
        if (!c->reach.lost && kube_watch_due(watch) < due)
            due = kube_watch_due(watch);
    }
    return due;
}

void kube_slots_retry(struct kube_cluster *c)
{
    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].watch)
            kube_watch_retry(c->slots[i].watch, c->io->now(c->io));
}
