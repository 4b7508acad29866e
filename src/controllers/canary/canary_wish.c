/* What is desired of the objects of a release, by its state before and after a decision. */
#include "base/str.h"
#include "controllers/canary/canary_decide.h"

/* In a state that is written, and is not left now. */
static bool stays(const struct canary_state *before, const struct canary_state *after, enum canary_phase phase)
{
    return before->phase == phase && after->phase == phase;
}

static void wish_for_target(
    const struct canary_spec *spec, const struct canary_facts *f, const struct canary_state *before,
    const struct canary_state *after, struct canary_wish *w)
{
    bool is_drained = canary_is_apart(f) && f->apex && before->drain_until && f->now >= before->drain_until;

    if (canary_is_idle(before->phase) && canary_is_idle(after->phase)) {
        w->replicas = is_drained ? 0 : -1;
        w->paused = (f->target_replicas && is_drained) || (!f->target_replicas && before->frozen)
                        ? 0
                        : -1; /* else a person paused it */
    } else if (!str_eq(f->revision, before->revision)) {
        return;
    } else if (stays(before, after, CANARY_PROMOTING)) {
        /* A command may have promoted it before it was paused. */
        w->paused = before->frozen && f->target_ready ? spec->freeze_target : -1;
    } else if (!stays(before, after, CANARY_PROGRESSING)) {
        return;
    } else if (!before->hash[0]) {
        w->paused = canary_is_apart(f) && before->settle_until && f->now >= before->settle_until ? 0 : -1;
    } else if (f->objects_ready) {
        /* Paused, it would not go on to replace the Pods of another version, which a change in the middle leaves. */
        w->paused = !f->target_replicas || f->target_ready ? spec->freeze_target && before->frozen : -1;
        if (!f->target_replicas && before->step < 0)
            w->replicas = canary_within(f->bounds, f->primary_replicas ? f->primary_replicas : 1);
    }
}

static enum canary_template
template_of(const struct canary_facts *f, const struct canary_state *before, const struct canary_state *after)
{
    bool is_promoted = str_eq(f->recorded, before->revision);

    if (!stays(before, after, CANARY_PROMOTING))
        return TEMPLATE_STAYS;
    if (str_eq(before->failed, before->revision))
        return is_promoted ? TEMPLATE_RESTORED : TEMPLATE_STAYS;
    return !is_promoted && str_eq(f->revision, before->revision) ? TEMPLATE_PROMOTED : TEMPLATE_STAYS;
}

void canary_wish_of(
    const struct canary_spec *spec, const struct canary_facts *f, const struct canary_state *before,
    const struct canary_state *after, struct canary_wish *ret)
{
    bool settled = before->settle_until && f->now >= before->settle_until && f->objects_ready && f->primary_ready;
    bool is_beginning = before->phase <= CANARY_INITIALIZING;
    /* Where something leads to the target again, the status says first that what was drained is not. */
    bool is_stale = before->drain_until && f->has_target && f->target_replicas;

    /* Nothing is led to a primary that is not there: by what an operator knew before, it may be. */
    *ret = (struct canary_wish){
        .route = !is_stale && (is_beginning ? settled && !f->conflict : f->route >= 0 || f->primary_serves),
        .weight = before->weight < after->weight ? before->weight : after->weight,
        .mirror = before->mirror < after->mirror ? before->mirror : after->mirror,
        .match = !canary_match(spec, before->step) ? 0
                 : before->match < after->match    ? before->match
                                                   : after->match,
        .apex = !is_stale && (is_beginning ? settled && f->route == 0 : f->primary_serves),
        .replicas = -1,
        .paused = -1,
        .template = template_of(f, before, after),
    };
    if (f->has_target)
        wish_for_target(spec, f, before, after, ret);
}
