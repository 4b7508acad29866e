/*
 * The removal of a Canary: the target serves again before anything is taken away, and what was the user's is as before.
 * Kubernetes then deletes what belongs to the Canary.
 */
#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/marks.h"

#define ABANDONED "Abandoned"

static const char leaves[] = "the target serves again";

/* True when it is over. */
static bool waits(struct canary *c, msec_t *until, msec_t length, const char *why)
{
    char time[32];

    if (!*until)
        *until = c->in->now + length;
    if (c->in->now >= *until)
        return true;
    clock_rfc3339(*until, time);
    buf_printf(&c->text, "%s, until %s", why, time);
    return false;
}

/* Requests get to the target's Pods of the release, or may where the VirtualService is not as the Canary has it. */
static bool leads_elsewhere(const struct canary *c)
{
    const struct canary_facts *f = &c->facts;
    _cleanup_json_ json_t *apart = f->route < 0 ? canary_route_spec(c, 0, 0, 0) : NULL;

    /* Of the user's own there may be nothing that could be written. */
    return apart ? f->primary_serves && canary_leads_to_primary(c) && !canary_route_has(c, apart) : !canary_is_apart(f);
}

/* In this order, each when the one before is so. True when all is given back. */
static bool give_back(struct canary *c, struct plan *plan)
{
    const msec_t settle = SECONDS(c->spec->settle), drain = SECONDS(c->spec->drain);
    struct canary_state *s = &c->next;

    if (leads_elsewhere(c)) {
        c->wish = (struct canary_wish){.route = true, .replicas = -1, .paused = -1};
        canary_plan_shared(c, plan);
        buf_add_str(&c->text, "the primary gets all traffic");
        return false;
    }
    if (!canary_return_target(c, plan)) {
        canary_keep_primary(c, plan);
        s->settle_until = 0;
        buf_add_str(&c->text, "waits for the target's pods to be available");
        return false;
    }
    if (!canary_return_scaler(c, plan)) {
        buf_add_str(&c->text, "the HorizontalPodAutoscaler scales the target again");
        return false;
    }
    if (!canary_return_apex(c, plan)) {
        buf_add_str(&c->text, "the Service that clients call selects the target again");
        return false;
    }
    if (!waits(c, &s->settle_until, settle, "proxies learn of the target's pods"))
        return false;
    if (!canary_return_route(c, plan)) {
        buf_add_str(&c->text, "the VirtualService is given back");
        return false;
    }
    return waits(c, &s->drain_until, settle + drain, "open requests at the primary end");
}

static void begin(struct canary *c)
{
    struct canary_state *s = &c->next;

    if (s->phase == CANARY_TERMINATING)
        return;
    s->phase = CANARY_TERMINATING;
    s->weight = s->mirror = s->match = 0;
    s->step = -1;
    s->started = c->in->now;
    s->since = s->checked = s->settle_until = s->drain_until = 0;
}

/* There is nothing to which it could be given back, or the user does not want that. */
static bool has_nothing_to_return(const struct canary *c)
{
    return !c->spec || !c->spec->revert_on_deletion || (!c->record && !c->primary);
}

/* What leads to the target is given back, although it is gone: what comes in its place is reached then. */
static bool give_back_routes(struct canary *c, struct plan *plan)
{
    bool has_route = canary_return_route(c, plan), has_scaler = canary_return_scaler(c, plan);

    return canary_return_apex(c, plan) && has_route && has_scaler;
}

/* The target serves as it did: nothing was touched yet. */
static bool is_untouched(const struct canary *c)
{
    return c->observed.phase != CANARY_TERMINATING && !c->route_object && !canary_has_apex(c) &&
           c->facts.target_replicas > 0 && !c->facts.target_paused;
}

static const enum mesh_kind_id owned[] = {
    KIND_SERVICE, KIND_DEPLOYMENT, KIND_CONFIG_MAP, KIND_DESTINATION_RULE, KIND_VIRTUAL_SERVICE};

/*
 * The target does not serve: the primary goes on to, and is owned by no resource from now on. True when nothing belongs
 * to the Canary any more.
 */
static bool let_go(struct canary *c, struct plan *plan)
{
    const struct kube_object *o;
    bool over = true;

    for (size_t kind = 0; kind < ARRAY_LEN(owned); kind++)
        for (o = NULL; (o = kube_cache_next_owned(c->in->observed, mesh_kind(owned[kind]), c->re->object->uid, o));) {
            over = false;
            if (!plan_is_busy(c->in, o))
                plan_patch_metadata(
                    plan,
                    c->in,
                    o,
                    OBJECT(NIL("ownerReferences"), MAP("labels", NIL(MARK_OWNER))),
                    "the target does not serve",
                    PLAN_CHANGED);
        }
    return over;
}

/* Once the status says so, nothing else is done: what was not let go yet would be collected. */
static bool is_abandoned(const struct canary *c)
{
    return c->observed.phase == CANARY_TERMINATING && str_eq(c->observed.reason, ABANDONED);
}

static bool is_too_late(const struct canary *c)
{
    return c->in->now >= c->next.started + SECONDS(c->spec->progress_deadline) && !c->facts.target_ready;
}

static bool abandon(struct reconcile *re, struct canary *c, struct plan *plan)
{
    re->plan->warning_reason = c->next.reason = ABANDONED;
    re->plan->warning = re->removed =
        "the target was not ready within progressDeadlineSeconds: the primary goes on to serve, and stays";
    buf_add_str(&c->text, re->removed);
    return is_abandoned(c) && let_go(c, plan);
}

bool canary_leave(struct reconcile *re)
{
    struct canary *c = re->state;
    struct plan *plan = &re->plan->central;
    bool over;

    re->removed = leaves;
    /* What is not read yet may be there. */
    if (canary_awaits_routes(c) || canary_awaits_led_scaler(c)) {
        re->waiting = canary_unreadable(c, PLAN_WATCH_ROUTES, "VirtualServices");
        if (!re->waiting && canary_awaits_led_scaler(c))
            re->waiting = canary_unreadable(c, PLAN_WATCH_SCALERS, "HorizontalPodAutoscalers");
        re->facts.waits_for = re->waiting;
        re->facts.leftovers = 1;
        re->keeps_status = !re->waiting;
        re->plan->again_after = CANARY_LOOK_AGAIN;
        return false;
    }
    if (!is_abandoned(c) && has_nothing_to_return(c)) {
        re->keeps_status = true;
        return true;
    }
    begin(c);
    canary_note_facts(c, false);
    c->next.reason = "Deleted";
    if (is_abandoned(c) || (c->target && is_too_late(c)))
        over = abandon(re, c, plan);
    else if (!c->target)
        over = give_back_routes(c, plan);
    else
        over = is_untouched(c) ? canary_return_scaler(c, plan) : give_back(c, plan);
    c->is_decided = true;
    c->next.message = buf_str(&c->text);
    if (c->spec)
        canary_notify(c); /* what is left to tell */
    re->facts.waits_for = c->next.message;
    re->facts.leftovers = 1;
    re->plan->again_after = canary_wake(c->spec, &c->next, c->in->now);
    if (re->plan->again_after != MSEC_NEVER)
        re->plan->again_after -= c->in->now;
    return over;
}
