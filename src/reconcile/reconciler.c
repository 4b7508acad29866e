#include "reconcile/reconciler.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

#define FINALIZER_ADDED "finalizer added before anything is created"
#define FINALIZER_REMOVED "everything is removed"
static const msec_t LISTS_SEEN_AGAIN_AFTER = SECONDS(5);

void reconcile_plan_release(struct reconcile_plan *plan)
{
    plan_release(&plan->central);
    plan_release(&plan->remote);
    queries_release(&plan->queries);
    for (size_t i = 0; i < plan->event_count; i++)
        free(plan->events[i].text);
}

void reconcile_tell(struct reconcile_plan *plan, const char *reason, bool is_warning, char *text)
{
    if (plan->event_count < RECONCILE_EVENTS_MAX)
        plan->events[plan->event_count++] = (struct reconcile_event){reason, is_warning, text};
    else
        free(text);
}

struct plan *reconcile_writes(struct reconcile *r, struct plan *plan, bool paused)
{
    return paused ? &r->withheld : plan;
}

void reconcile_requeue(struct reconcile *r, msec_t after)
{
    if (after < r->plan->again_after)
        r->plan->again_after = after;
}

void reconcile_await_lists(struct reconcile *r, unsigned watches)
{
    if (watches & ~r->world->central->synced)
        reconcile_requeue(r, LISTS_SEEN_AGAIN_AFTER);
}

void reconcile_conclude(struct reconcile *r, struct plan *plan, bool paused)
{
    const struct plan *writes = paused ? &r->withheld : plan;

    plan->drift = writes->drift;
    plan->managed = writes->managed;
    r->facts.drift = writes->drift;
    r->facts.unseen = writes->unseen;
    r->facts.ignored = writes->ignored;
    r->facts.paused = paused;
    r->facts.withheld = &r->withheld;
    r->facts.notice = buf_str(&r->notice);
    for (size_t i = 0; i < STATUS_PLANS_MAX; i++)
        if (r->facts.plans[i] == plan)
            r->facts.plans[i] = writes;
}

/*
 * A status that only counts down is written when nothing else is left to write, so that an install does not spend
 * its requests on it, and when all that it counts has been read; a status that says something new is written
 * immediately.
 */
static void plan_status(struct reconcile *r)
{
    const struct plan_input *in = r->world->central;
    bool is_writing = r->plan->central.len || r->plan->remote.len || (in->creating && in->creating(in->queue_context));
    json_t *status;

    r->facts.now = r->world->central->now;
    r->facts.resource = r->resource;
    if (r->keeps_status || status_is_undecided(&r->facts))
        return;
    status = status_build(&r->facts);
    if (r->reconciler->status && !r->facts.held_by && !r->reconciler->status(r, status))
        json_decref(status);
    else
        resource_plan_status(&r->own, status, !r->is_news && (r->is_unread || is_writing));
}

/* Adds the finalizer to the resource or removes it; the status says so if that is refused. */
static void plan_finalizer(struct reconcile *r, bool present, const char *reason)
{
    const struct plan_failure *failure =
        plan_failure_of(r->world->central, KUBE_MERGE_PATCH, r->object->kind, r->object->ns, r->object->name);

    resource_plan_finalizer(&r->own, present, reason);
    if (!failure || !plan_failure_lasts(failure))
        return;
    r->keeps_status = false;
    err_set(&r->refusal, failure->class, "%s: %s", failure->object, failure->text);
    r->facts.refused = &r->refusal;
    r->facts.waits_for = r->refusal.text;
    plan_status(r);
}

static bool has_orphan_finalizer(const json_t *resource)
{
    json_t *name;
    size_t i;

    json_array_foreach(doc_at(resource, "metadata", "finalizers"), i, name)
        if (str_eq(json_string_value(name), "orphan"))
            return true;
    return false;
}

/* The next object that the resource owns in the central cluster; `kind` begins with 0, `o` with NULL: no more. */
static const struct kube_object *next_owned(const struct reconcile *r, size_t *kind, const struct kube_object *o)
{
    const struct kube_cache *observed = r->world->central->observed;
    const struct kube_kind_table *kinds = kube_cache_kinds(observed);

    for (; *kind < kinds->len; ++*kind, o = NULL)
        if (kinds->rows[*kind].pruned && (o = kube_cache_next_owned(observed, &kinds->rows[*kind], r->object->uid, o)))
            return o;
    return NULL;
}

static size_t count_owned(const struct reconcile *r)
{
    const struct kube_object *o = NULL;
    size_t owned = 0;

    for (size_t kind = 0; (o = next_owned(r, &kind, o));)
        owned++;
    return owned;
}

/* Whether Kubernetes' garbage collector has taken the references to the resource off what the resource owns. */
static bool has_no_dependents_left(const struct reconcile *r)
{
    const struct kube_object *o = NULL;
    size_t owned = 0;

    for (size_t kind = 0; (o = next_owned(r, &kind, o));) {
        _cleanup_json_ json_t *object = NULL;
        if (!str_eq(o->ns, r->object->ns))
            continue;
        object = kube_object_parse(o);
        if (doc_find(doc_at(object, "metadata", "ownerReferences"), "uid", r->object->uid))
            return false;
        owned++;
    }
    return owned > 0;
}

/*
 * Deleted by --cascade=orphan: what the resource owns stays. The finalizer of that name says so, until the garbage
 * collector is done; it has then removed every reference to the resource.
 */
static bool is_orphaning(const struct reconcile *r)
{
    return has_orphan_finalizer(r->resource) || has_no_dependents_left(r);
}

static void leave(struct reconcile *r)
{
    r->facts.deleting = true;
    if (is_orphaning(r)) {
        r->plan->warning_reason = "Orphaned";
        r->plan->warning = r->removed = "deleted by --cascade=orphan: what the resource owns stays";
        plan_finalizer(r, false, r->removed);
    } else if (r->reconciler->leave(r))
        plan_finalizer(r, false, str_or(r->removed, FINALIZER_REMOVED));
    else
        plan_status(r);
}

/* The operator has nothing to do any more, but finalizers of other managers keep the resource: its status says so. */
static void linger(struct reconcile *r)
{
    r->facts.deleting = true;
    r->facts.left_behind = count_owned(r);
    r->facts.held_by = r->waiting = plan_holders(r->resource);
    if (r->facts.held_by)
        plan_status(r);
}

static void follow(struct reconcile *r)
{
    r->reconciler->review(r);
    if (r->facts.refused || r->facts.waits_for) {
        if (r->reconciler->held)
            r->reconciler->held(r);
    } else if (!resource_has_finalizer(&r->own)) {
        plan_finalizer(r, true, FINALIZER_ADDED);
        return;
    } else {
        r->reconciler->plan(r);
    }
    plan_status(r);
}

static void decide(struct reconcile *r)
{
    const struct reconciler *row = r->reconciler;

    if (row->is_foreign && row->is_foreign(r->resource))
        return;
    if (r->object->deleting && !resource_has_finalizer(&r->own)) {
        linger(r);
        return;
    }
    if (row->begin)
        row->begin(r);
    if (r->object->deleting)
        leave(r);
    else
        follow(r);
    if (row->end)
        row->end(r);
}

bool reconcile_resource(
    const struct reconciler *row, const struct plan_world *world, const struct kube_object *object, void *memo,
    struct reconcile_plan *ret)
{
    const struct plan_input *central = world->central;
    _cleanup_json_ json_t *resource = kube_object_parse(object);
    _cleanup_free_ void *state = NULL;
    struct reconcile r = {
        .reconciler = row,
        .world = world,
        .object = object,
        .resource = resource,
        .memo = memo,
        .plan = ret,
        .own = {central, &ret->central, object, resource, row->resource},
        .facts = {.plans = {&ret->remote, &ret->central}},
    };

    *ret = (struct reconcile_plan){.again_after = MSEC_NEVER};
    if ((central->synced & row->watch) != row->watch || (row->is_ready && !row->is_ready(world->shared)))
        return false;
    if (row->state_size)
        r.state = state = mem_new0(1, row->state_size);
    decide(&r);
    rollouts_release(&r.rollouts);
    plan_release(&r.withheld);
    buf_release(&r.notice);
    free(r.waiting);
    return true;
}

void reconcile_all(const struct reconciler *row, const struct plan_input *central, struct plan *ret)
{
    const struct kube_kind *kind = &kube_cache_kinds(central->observed)->rows[row->kind];
    struct plan_world world = {.central = central, .contact = {.error = ""}};
    const struct kube_object *o;

    *ret = (struct plan){0};
    if (row->shared_new) {
        world.shared = row->shared_new();
        row->shared_update(world.shared, central);
    }
    for (size_t i = 0; (o = kube_cache_next(central->observed, kind, &i));) {
        void *memo = row->memo_new ? row->memo_new() : NULL;
        struct reconcile_plan one;
        reconcile_resource(row, &world, o, memo, &one);
        plan_append(ret, &one.central);
        reconcile_plan_release(&one);
        if (row->memo_free)
            row->memo_free(memo);
    }
    if (row->shared_free)
        row->shared_free(world.shared);
}
