#include "reconcile/reconciler.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

#define FINALIZER_ADDED "finalizer added before anything is made"
#define FINALIZER_REMOVED "everything is removed"

void reconcile_plan_release(struct reconcile_plan *plan)
{
    plan_release(&plan->central);
    plan_release(&plan->remote);
}

struct plan *reconcile_writes(struct reconcile *r, struct plan *plan, bool paused)
{
    return paused ? &r->withheld : plan;
}

/* What no write puts in place comes before what failed; a failure of the same object is from before. */
static void add_stuck(struct reconcile *r, const struct plan *writes)
{
    struct status_facts *f = &r->facts;
    size_t count = writes->stuck_count;

    free(r->stuck);
    r->stuck = NEW_ARRAY(struct plan_failure, count + f->failure_count);
    memcpy(r->stuck, writes->stuck, count * sizeof(*r->stuck));
    for (size_t i = 0; i < f->failure_count; i++) {
        bool known = false;
        for (size_t k = 0; k < writes->stuck_count; k++)
            known = known || str_eq(writes->stuck[k].object, f->failures[i].object);
        if (!known)
            r->stuck[count++] = f->failures[i];
    }
    f->failures = r->stuck;
    f->failure_count = count;
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
    /* A write that failed without an answer may have taken place: what is in place did not fail. */
    if (!writes->drift)
        r->facts.failure_count = 0;
    if (writes->stuck_count && !paused)
        add_stuck(r, writes);
}

/*
 * A status that only counts down is written when nothing else is left to write, so that an install does not spend
 * its requests on it, and when all that it counts has been read; a status that says something new is written
 * immediately.
 */
static void plan_status(struct reconcile *r)
{
    bool hold = r->is_unread || r->plan->central.len || r->plan->remote.len;
    json_t *status;

    r->facts.now = r->world->central->now;
    r->facts.resource = r->resource;
    if (r->keeps_status || status_is_undecided(&r->facts))
        return;
    status = status_build(&r->facts);
    if (r->reconciler->status && !r->reconciler->status(r, status))
        json_decref(status);
    else
        resource_plan_status(&r->own, status, hold);
}

static void leave(struct reconcile *r)
{
    r->facts.deleting = true;
    if (r->reconciler->leave(r))
        resource_plan_finalizer(&r->own, false, str_or(r->removed, FINALIZER_REMOVED));
    else
        plan_status(r);
}

static void follow(struct reconcile *r)
{
    r->reconciler->review(r);
    if (r->facts.refused || r->facts.waits_for) {
        if (r->reconciler->held)
            r->reconciler->held(r);
    } else if (!resource_has_finalizer(&r->own)) {
        resource_plan_finalizer(&r->own, true, FINALIZER_ADDED);
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
    if (row->begin)
        row->begin(r);
    if (!r->object->deleting)
        follow(r);
    else if (resource_has_finalizer(&r->own))
        leave(r);
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
        .facts = {.failures = central->failures, .failure_count = central->failure_count},
    };

    *ret = (struct reconcile_plan){.again_after = MSEC_NEVER};
    if ((central->synced & row->watch) != row->watch || (row->is_ready && !row->is_ready(world->shared)))
        return false;
    if (world->remote && world->remote->failure_count) {
        r.facts.failures = world->remote->failures;
        r.facts.failure_count = world->remote->failure_count;
    }
    if (row->state_size)
        r.state = state = mem_new0(1, row->state_size);
    decide(&r);
    rollouts_release(&r.rollouts);
    plan_release(&r.withheld);
    buf_release(&r.notice);
    free(r.waiting);
    free(r.stuck);
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
