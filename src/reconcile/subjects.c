#include "reconcile/subjects.h"

#include <limits.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

enum { WATCH_BITS = sizeof(unsigned) * CHAR_BIT };

/* The watches of the central cluster by one table, and how many subjects ask for each. */
struct watches {
    struct on_demand on_demand;
    size_t asks[WATCH_BITS];
};

/* A kind, and what of it was looked at already. */
struct row {
    struct subject_kind kind;
    struct watches *watches;
    bool is_looked_at;
    uint64_t resources, secrets; /* kube_cache_changes() as of the last look */
    struct subject_list held;    /* subjects with `seen.held` */
};

struct subjects {
    struct subject_setup setup;
    void (*due)(void *context);
    void *context;
    struct row rows[SUBJECTS_KINDS_MAX];
    size_t row_count;
    struct map *map; /* "Kind/namespace/name" -> struct subject */
    struct subject_list queue;
    struct watches watches[SUBJECTS_KINDS_MAX];
    size_t watches_count;
    bool reads;              /* some are read before they are planned */
    bool watches_may_differ; /* from what subjects ask for */
    uint64_t resources;      /* changes of resources that the watches were switched for */
    uint64_t checks;
    struct actor_stats deleted; /* of subjects whose resource was deleted */
};

static void add_stats(struct actor_stats *sum, const struct actor_stats *stats)
{
    sum->plans += stats->plans;
    sum->failed += stats->failed;
    sum->managed += stats->managed;
    sum->drift += stats->drift;
    for (size_t i = 0; i < ARRAY_LEN(sum->written); i++)
        sum->written[i] += stats->written[i];
}

static void free_subject(void *s)
{
    subject_free(s);
}

static struct kube_cache *observed_by(const struct subjects *all)
{
    return kube_cluster_cache(all->setup.cluster);
}

static struct row *row_of(const struct subject *s)
{
    return (struct row *)s->kind; /* its first member */
}

static void be_due(void *context, struct subject *s)
{
    struct subjects *all = context;

    if (s->is_due)
        return;
    s->is_due = true;
    TAILQ_INSERT_TAIL(&all->queue, s, due_link);
    all->due(all->context);
}

static void set_held(struct subject *s, bool held)
{
    if (held && !s->is_held)
        TAILQ_INSERT_TAIL(&row_of(s)->held, s, held_link);
    else if (!held && s->is_held)
        TAILQ_REMOVE(&row_of(s)->held, s, held_link);
    s->is_held = held;
}

/* --- watches on demand --- */

/* A subject asks for other watches than before. */
static void count_watches(struct subjects *all, const struct subject *s, unsigned before, unsigned now)
{
    struct watches *w = row_of(s)->watches;

    for (size_t bit = 0; bit < WATCH_BITS; bit++)
        w->asks[bit] += (size_t)(now >> bit & 1) - (size_t)(before >> bit & 1);
    all->watches_may_differ |= now != before || (now & ~w->on_demand.on);
}

static unsigned asked_watches(const struct subjects *all, const struct watches *w)
{
    unsigned watch = 0;

    for (size_t bit = 0; bit < WATCH_BITS; bit++)
        watch |= w->asks[bit] ? 1u << bit : 0;
    for (size_t i = 0; i < all->row_count; i++)
        if (all->rows[i].watches == w && kube_cache_count(observed_by(all), all->rows[i].kind.kind))
            watch |= all->rows[i].kind.reconciler->watch;
    return watch;
}

static const char *watched_namespace(const struct subjects *all, const struct watches *w)
{
    const char *ns = NULL;

    for (size_t i = 0; i < all->row_count && !ns; i++)
        if (all->rows[i].watches == w && all->rows[i].kind.reconciler->watch_namespace)
            ns = all->rows[i].kind.reconciler->watch_namespace(observed_by(all));
    return ns;
}

static void switch_watches(struct subjects *all)
{
    for (size_t i = 0; i < all->watches_count; i++) {
        struct watches *w = &all->watches[i];
        on_demand_switch(&w->on_demand, all->setup.cluster, asked_watches(all, w), watched_namespace(all, w));
    }
    all->watches_may_differ = false;
}

/* Those of a table: of the rows before, or new ones. */
static struct watches *watches_by(struct subjects *all, const struct watch_table *table)
{
    static const struct watch_table none;
    size_t i = 0;

    if (!table)
        table = &none;
    while (i < all->watches_count && all->watches[i].on_demand.table != table)
        i++;
    if (i == all->watches_count)
        all->watches[all->watches_count++].on_demand.table = table;
    return &all->watches[i];
}

static bool resources_changed(struct subjects *all)
{
    uint64_t changes = 0, before = all->resources;

    for (size_t i = 0; i < all->row_count; i++)
        changes += kube_cache_changes(observed_by(all), all->rows[i].kind.kind);
    all->resources = changes;
    return changes != before;
}

/* --- which are due --- */

static void drop(struct subjects *all, const char *key, struct subject *s)
{
    struct actor_stats stats = *actor_stats(s->central);

    log_info("the resource was deleted", "resource", key, NULL);
    stats.managed = stats.drift = 0;
    add_stats(&all->deleted, &stats);
    count_watches(all, s, s->watch, 0);
    set_held(s, false);
    if (s->is_due)
        TAILQ_REMOVE(&all->queue, s, due_link);
    events_flush(s->events);
    map_remove(all->map, key);
}

static void drop_deleted(struct subjects *all, const struct row *row)
{
    const char *key;
    void *value;

    for (size_t i = 0; map_next(all->map, &i, &key, &value);) {
        struct subject *s = value;
        if (s->kind == &row->kind && !kube_cache_get(observed_by(all), row->kind.kind, s->ns, s->name))
            drop(all, key, s);
    }
}

static void check(struct subjects *all, struct row *row, const struct kube_object *resource)
{
    _cleanup_free_ char *key = object_key(row->kind.kind, resource->ns, resource->name);
    struct subject *s = map_get(all->map, key);

    all->checks++;
    if (!s) {
        s = subject_new(&all->setup, &row->kind, resource);
        map_put(all->map, key, s);
        be_due(all, s);
    } else if (
        row->kind.reconciler->shared_version ? subject_is_behind(s, resource) : subject_is_concerned(s, resource)) {
        be_due(all, s);
    }
}

static void check_all(struct subjects *all, struct row *row)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(observed_by(all), row->kind.kind, &i));)
        check(all, row, o);
}

static void check_named(struct subjects *all, struct row *row, const char *ns, const char *name)
{
    const struct kube_object *o = kube_cache_get(observed_by(all), row->kind.kind, ns, name);

    if (o)
        check(all, row, o);
}

/* Those that changed, or whose Secret did, and those whose writes may be over. */
static void check_changed(struct subjects *all, struct row *row, uint64_t resources, uint64_t secrets)
{
    const struct kube_object *o;
    const struct subject *s;

    for (o = NULL; (o = kube_cache_next_changed(observed_by(all), row->kind.kind, resources, o));)
        check(all, row, o);
    for (o = NULL;
         row->kind.credentials && (o = kube_cache_next_changed(observed_by(all), row->kind.credentials, secrets, o));)
        check_named(all, row, o->ns, o->name);
    TAILQ_FOREACH(s, &row->held, held_link)
    check_named(all, row, s->ns, s->name);
}

/* Whether something changed, since the last look, that every resource of the kind depends on. */
static bool concerns_all(struct row *row, const struct kube_cache *observed, unsigned synced, uint64_t secrets)
{
    const struct reconciler *reconciler = row->kind.reconciler;
    const struct subject_kind before = row->kind;
    bool first = !row->is_looked_at;

    row->is_looked_at = true;
    if (!reconciler->shared_version)
        return true;
    row->kind.version = reconciler->shared_version(row->kind.shared);
    row->kind.synced = synced & reconciler->watch;
    return first || before.version != row->kind.version || before.synced != row->kind.synced ||
           (row->kind.credentials && kube_cache_lost_since(observed, row->kind.credentials, secrets));
}

static void look_at_row(struct subjects *all, struct row *row)
{
    struct kube_cache *observed = observed_by(all);
    const struct reconciler *reconciler = row->kind.reconciler;
    unsigned synced = on_demand_synced(&row->watches->on_demand, all->setup.cluster);
    uint64_t resources = row->resources, secrets = row->secrets;
    const struct plan_input central = subject_input(&all->setup, all->setup.cluster, synced);

    if (reconciler->shared_update && kube_cache_count(observed, row->kind.kind))
        reconciler->shared_update(row->kind.shared, &central);
    row->resources = kube_cache_changes(observed, row->kind.kind);
    row->secrets = row->kind.credentials ? kube_cache_changes(observed, row->kind.credentials) : 0;
    if (concerns_all(row, observed, synced, secrets))
        check_all(all, row);
    else
        check_changed(all, row, resources, secrets);
    if (kube_cache_lost_since(observed, row->kind.kind, resources))
        drop_deleted(all, row);
}

static bool is_being_read(const struct subjects *all, const struct subject *s)
{
    return kube_cluster_is_fetching(all->setup.cluster, s->kind->kind, s->ns, s->name);
}

/* Those that have been read since the last look. */
static void look_at_reads(struct subjects *all)
{
    struct subject *s;

    if (!all->reads)
        return;
    all->reads = false;
    for (size_t i = 0; (s = subjects_next(all, &i));) {
        bool reads = s->is_read_first && is_being_read(all, s);
        if (s->is_read_first && !reads)
            be_due(all, s);
        all->reads |= reads;
    }
}

void subjects_look(struct subjects *all)
{
    look_at_reads(all);
    if (resources_changed(all) || all->watches_may_differ)
        switch_watches(all);
    for (size_t i = 0; i < all->row_count; i++)
        look_at_row(all, &all->rows[i]);
}

static void plan(struct subjects *all, struct subject *s)
{
    const struct kube_object *o = kube_cache_get(observed_by(all), s->kind->kind, s->ns, s->name);
    unsigned before = s->watch;

    if (!o || (s->is_read_first && is_being_read(all, s)))
        return;
    s->is_read_first = false;
    subject_plan(s, o);
    /* A question that is asked for the first time is put again for all that ask it. */
    if (s->watch & ~before & PLAN_RELISTED)
        row_of(s)->watches->on_demand.on &= ~PLAN_RELISTED;
    count_watches(all, s, before, s->watch);
    set_held(s, s->seen.held);
}

void subjects_plan_due(struct subjects *all, size_t most)
{
    struct subject *s;

    for (; most && (s = TAILQ_FIRST(&all->queue)); most--) {
        s->is_due = false;
        TAILQ_REMOVE(&all->queue, s, due_link);
        plan(all, s);
    }
    if (all->watches_may_differ)
        switch_watches(all);
}

void subjects_begin_to_act(struct subjects *all)
{
    struct subject *s;

    all->reads = true;
    for (size_t i = 0; (s = subjects_next(all, &i));) {
        s->is_read_first = true;
        if (s->inquiry)
            inquiry_forget_posts(s->inquiry);
        kube_cluster_fetch(all->setup.cluster, s->kind->kind, s->ns, s->name);
        be_due(all, s);
    }
}

bool subjects_are_due(const struct subjects *all)
{
    return !TAILQ_EMPTY(&all->queue);
}

/*
 * What was on its way to be created when its resource was found gone, without its finalizer, as after a restore of the
 * store: no plan takes it away. Of objects with a namespace the garbage collector does, by their owner's reference;
 * definitions stay, as custom objects of users are theirs.
 */
static void take_back(struct subjects *all, const struct kube_action *action, const json_t *object)
{
    struct kube_action remove = {.verb = KUBE_REMOVE, .kind = action->kind};

    if (action->verb != KUBE_CREATE || action->kind->namespaced || action->kind->is_definition)
        return;
    remove.version = str_dup(action->version);
    remove.name = str_dup(action->name);
    remove.uid = str_dup(doc_string(object, "metadata", "uid"));
    remove.reason = str_dup("its resource was deleted");
    log_info("removing", "object", action->name, "kind", action->kind->kind, "reason", remove.reason, NULL);
    kube_queue_put(kube_cluster_queue(all->setup.cluster), &remove);
}

/* An action without an owner belongs to a resource that was deleted. */
void subjects_action_done(
    struct subjects *all, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct actor *actor = (struct actor *)action->owner;
    struct subject *s = actor ? actor_context(actor) : NULL;

    if (!s) {
        if (!e)
            take_back(all, action, object);
        return;
    }
    actor_done(actor, action, object, e);
    /* The others are planned at every change. */
    if (s->kind->reconciler->shared_version)
        be_due(all, s);
}

/* --- all of them --- */

static void add_row(struct subjects *all, const struct reconciler *reconciler)
{
    const struct kube_kind_table *objects = all->setup.objects;
    struct row *row = &all->rows[all->row_count++];

    if (all->row_count > SUBJECTS_KINDS_MAX)
        abort();
    row->watches = watches_by(all, reconciler->watches);
    row->kind = (struct subject_kind){
        .reconciler = reconciler,
        .kind = &objects->rows[reconciler->kind],
        .credentials = reconciler->credentials ? &objects->rows[reconciler->credentials] : NULL,
        .watches = &row->watches->on_demand,
        .shared = reconciler->shared_new ? reconciler->shared_new() : NULL,
    };
    TAILQ_INIT(&row->held);
}

struct subjects *subjects_new(
    const struct subject_setup *setup, const struct reconciler *const *kinds, void (*due)(void *context), void *context)
{
    struct subjects *all = NEW(struct subjects);

    all->setup = *setup;
    all->setup.due = be_due;
    all->setup.context = all;
    all->due = due;
    all->context = context;
    all->map = map_new(free_subject);
    TAILQ_INIT(&all->queue);
    for (; *kinds; kinds++)
        add_row(all, *kinds);
    return all;
}

void subjects_free(struct subjects *all)
{
    map_free(all->map);
    for (size_t i = 0; i < all->row_count; i++)
        if (all->rows[i].kind.reconciler->shared_free)
            all->rows[i].kind.reconciler->shared_free(all->rows[i].kind.shared);
    free(all);
}

size_t subjects_count(const struct subjects *all)
{
    return map_len(all->map);
}

struct subject *subjects_next(const struct subjects *all, size_t *position)
{
    void *value;

    return map_next(all->map, position, NULL, &value) ? value : NULL;
}

struct actor_stats subjects_stats(const struct subjects *all)
{
    struct actor_stats sum = all->deleted;
    const struct subject *s;

    for (size_t i = 0; (s = subjects_next(all, &i));)
        add_stats(&sum, actor_stats(s->central));
    return sum;
}

uint64_t subjects_checks(const struct subjects *all)
{
    return all->checks;
}
