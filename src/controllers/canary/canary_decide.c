#include "controllers/canary/canary_decide.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define ROUTE_CONFLICT "RouteConflict"

bool canary_is_apart(const struct canary_facts *f)
{
    return f->route == 0 && !f->mirror && !f->match;
}

int canary_within(struct canary_bounds bounds, int replicas)
{
    if (!bounds.most)
        return replicas;
    return replicas < bounds.least ? bounds.least : replicas > bounds.most ? bounds.most : replicas;
}

/* One decision. */
struct decision {
    const struct canary_spec *spec;
    const struct canary_facts *f;
    struct canary_state *s;
    struct buf *text;
    bool held;
};

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", str_or(from, ""));
}

__attribute__((format(printf, 3, 4))) static void say(struct decision *d, const char *reason, const char *fmt, ...)
{
    va_list ap;

    buf_reset(d->text);
    va_start(ap, fmt);
    buf_vprintf(d->text, fmt, ap);
    va_end(ap);
    d->s->reason = reason;
    d->s->message = buf_str(d->text);
}

/* Nothing goes on before that, and by itself nothing may ever. */
#define hold(d, ...)                                                                                                   \
    do {                                                                                                               \
        (d)->held = true;                                                                                              \
        say((d), __VA_ARGS__);                                                                                         \
    } while (0)

static msec_t settle(const struct decision *d)
{
    return SECONDS(d->spec->settle);
}

static msec_t drain(const struct decision *d)
{
    return SECONDS(d->spec->drain);
}

static msec_t deadline(const struct decision *d)
{
    return d->s->started + SECONDS(d->spec->progress_deadline);
}

static bool is_late(const struct decision *d)
{
    return d->f->now >= deadline(d);
}

/* Says until when something is waited for. */
static void wait_until(struct decision *d, const char *reason, const char *what, msec_t until)
{
    char time[32];

    clock_rfc3339(until, time);
    say(d, reason, "%s, until %s", what, time);
}

/* A time that begins when it is asked for first; true when it is over. */
static bool is_over(const struct decision *d, msec_t *until, msec_t length)
{
    if (!*until)
        *until = d->f->now + length;
    return d->f->now >= *until;
}

/* The VirtualService is observed as the state has it. */
static bool is_routed(const struct decision *d)
{
    return d->f->route == d->s->weight && d->f->mirror == d->s->mirror && d->f->match == d->s->match;
}

/* Nothing leads to the target, and since then requests that were under way there had the time to end. */
static bool is_drained(struct decision *d)
{
    struct canary_state *s = d->s;

    if (!canary_is_apart(d->f) || !d->f->apex) {
        s->drain_until = 0;
        return false;
    }
    return is_over(d, &s->drain_until, settle(d) + drain(d));
}

/* --- from phase to phase --- */

static void enter(struct decision *d, enum canary_phase phase)
{
    struct canary_state *s = d->s;

    s->phase = phase;
    s->started = d->f->now;
    s->settle_until = s->drain_until = 0;
    s->confirmed = HOOK_NONE;
}

/* Whose target may lose its Pods. */
static void enter_drained(struct decision *d, enum canary_phase phase)
{
    enter(d, phase);
    d->s->drain_until = d->f->now;
}

static void leave_steps(struct canary_state *s)
{
    s->weight = s->mirror = s->match = 0;
    s->approved = false;
    s->confirmed = HOOK_NONE;
    s->step = -1;
    s->since = s->checked = 0;
    s->matched[0] = '\0';
}

/* All traffic to the primary; what is new is what the target declares now. */
static void begin(struct decision *d, const char *reason)
{
    struct canary_state *s = d->s;
    bool was_idle = canary_is_idle(s->phase);

    if (s->phase != CANARY_WAITING)
        s->release = d->f->now;
    enter(d, CANARY_PROGRESSING);
    leave_steps(s);
    copy(s->revision, sizeof(s->revision), d->f->revision);
    s->hash[0] = '\0';
    s->failed_checks = s->inconclusive_checks = s->error_checks = 0;
    if (was_idle)
        s->settle_until = d->f->now;
    say(d, reason, "the release of revision %s begins", s->revision);
}

static void fail(struct decision *d, const char *reason, const char *why)
{
    struct canary_state *s = d->s;

    enter(d, CANARY_FAILED);
    leave_steps(s);
    copy(s->failed, sizeof(s->failed), s->revision);
    say(d, reason, "revision %s was not promoted: %s", s->revision, why);
}

static void finalise(struct decision *d, const char *reason, const char *text)
{
    enter(d, CANARY_FINALISING);
    leave_steps(d->s);
    say(d, reason, "%s", text);
}

static void promote(struct decision *d, const char *reason)
{
    enter(d, CANARY_PROMOTING);
    d->s->mirror = 0;
    say(d, reason, "the primary is rolled out to revision %s", d->s->revision);
}

/* The primary does not become ready, or a person decided so: back to the former template. */
static void restore(struct decision *d, const char *reason, const char *why)
{
    enter(d, CANARY_PROMOTING);
    copy(d->s->failed, sizeof(d->s->failed), d->s->revision);
    say(d, reason, "%s: the primary is rolled out to its former template", why);
}

static void enter_step(struct decision *d, int number, const struct canary_step *step)
{
    struct canary_state *s = d->s;

    s->step = number;
    s->weight = step->weight;
    s->mirror = step->mirror;
    s->match = step->match;
    s->approved = false;
    s->confirmed = HOOK_NONE;
    s->since = s->checked = s->settle_until = 0;
    s->matched[0] = '\0';
    if (s->match)
        say(d,
            "Routing",
            "%d %% of the requests that match to the target, and %d %% of the others",
            s->match,
            s->weight);
    else if (s->mirror)
        say(d, "Routing", "%d %% of the traffic to the target, and copies of %d %%", s->weight, s->mirror);
    else
        say(d, "Routing", "%d %% of the traffic to the target", s->weight);
}

/* --- what webhooks say --- */

/* The reason while they are waited for. */
static const char *const hook_reasons[] = {
    [HOOK_CONFIRM_ROLLOUT] = "ConfirmRollout",
    [HOOK_PRE_ROLLOUT] = "PreRollout",
    [HOOK_CONFIRM_INCREASE] = "ConfirmTrafficIncrease",
    [HOOK_CONFIRM_PROMOTION] = "ConfirmPromotion",
};

enum canary_hook canary_awaited_hook(const struct canary_state *s)
{
    for (size_t i = HOOK_NONE + 1; i < ARRAY_LEN(hook_reasons); i++)
        if (hook_reasons[i] && str_eq(s->reason, hook_reasons[i]))
            return (enum canary_hook)i;
    return HOOK_NONE;
}

/*
 * Whether all webhooks of a type say yes; else the state says that they are waited for, and then they are asked. Their
 * answer counts only where they were waited for.
 */
static bool is_confirmed(struct decision *d, enum canary_hook type)
{
    bool is_awaited = canary_awaited_hook(d->s) == type;

    if (!d->f->has_hook[type] || d->s->confirmed == type || (is_awaited && d->f->gate == GATE_OPEN))
        return true;
    hold(
        d, hook_reasons[type], "%s", is_awaited && d->f->gate_text ? d->f->gate_text : "waits for webhooks to say yes");
    return false;
}

/* --- what a person asks for --- */

/* The primary is rolled out to its former template. */
static bool is_going_back(const struct canary_state *s)
{
    return s->phase == CANARY_PROMOTING && str_eq(s->failed, s->revision);
}

static void abort_for(struct decision *d, const char *why)
{
    struct canary_state *s = d->s;

    if (s->phase == CANARY_PROMOTING && (is_going_back(s) || str_eq(d->f->recorded, s->revision))) {
        /* One that is going back already goes on, and gets no further traffic. */
        if (!str_eq(s->reason, "Aborted"))
            restore(d, "Aborted", why);
    } else if (s->phase == CANARY_PROGRESSING || s->phase == CANARY_WAITING || s->phase == CANARY_PROMOTING) {
        fail(d, "Aborted", why);
    }
}

static void obey_retry(struct decision *d)
{
    struct canary_state *s = d->s;

    if (s->phase == CANARY_PROGRESSING)
        s->failed_checks = s->inconclusive_checks = s->error_checks = 0;
    else if (canary_is_idle(s->phase))
        s->failed[0] = '\0';
}

/* The next check is made immediately, so that what was approved is what is measured then. */
static void obey_approve(struct decision *d)
{
    struct canary_state *s = d->s;
    enum canary_hook awaited = canary_awaited_hook(s);

    if (awaited != HOOK_NONE && awaited != HOOK_PRE_ROLLOUT)
        s->confirmed = awaited;
    else if (s->phase == CANARY_PROGRESSING && s->step >= 0 && canary_step_of(d->spec, s->step).approve) {
        s->approved = true;
        s->checked = 0;
    }
}

/* Where there is nothing that it could change, a command is only noted. */
static void obey(struct decision *d)
{
    const char *command = d->f->command;
    struct canary_state *s = d->s;

    if (!command || str_eq(command, s->command))
        return;
    switch (canary_verb_of(command)) {
    case CANARY_ABORT:
        abort_for(d, "it was aborted by a command");
        break;
    case CANARY_RETRY:
        obey_retry(d);
        break;
    case CANARY_APPROVE:
        obey_approve(d);
        break;
    case CANARY_PROMOTE:
        if (s->phase == CANARY_PROGRESSING && str_eq(d->f->revision, s->revision))
            promote(d, "PromotedByCommand");
        break;
    case CANARY_NO_COMMAND:
        return;
    }
    copy(s->command, sizeof(s->command), command);
}

/* --- the phases --- */

/* Before anything leads to the primary. */
static bool is_in_the_way(const struct decision *d)
{
    return d->f->conflict && d->f->route != 0;
}

static void initialise(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;

    if (!s->hash[0])
        copy(s->hash, sizeof(s->hash), f->hash);
    if (!f->objects_ready || !f->primary_ready || !s->hash[0]) {
        s->settle_until = 0;
        if (is_late(d))
            hold(d, "PrimaryNotReady", "the pods of the primary are not ready; the target goes on to serve");
        else
            wait_until(d, "CreatingPrimary", "waits for the primary to be ready", deadline(d));
    } else if (!is_over(d, &s->settle_until, settle(d))) {
        wait_until(d, "Settling", "proxies learn of the primary", s->settle_until);
    } else if (is_in_the_way(d)) {
        hold(d, ROUTE_CONFLICT, "%s", f->conflict);
    } else if (!is_drained(d)) {
        if (s->drain_until)
            wait_until(d, "Draining", "open requests at the target end", s->drain_until);
        else
            say(d, "Routing", "the traffic is sent to the primary");
    } else {
        enter_drained(d, CANARY_INITIALIZED);
        copy(s->revision, sizeof(s->revision), f->recorded);
        say(d, "Initialized", "the primary has all traffic");
    }
}

/*
 * What the target declares now begins, with all traffic at the primary; or it waits until webhooks let it in, and the
 * target has no Pods then.
 */
static void begin_or_wait(struct decision *d)
{
    struct canary_state *s = d->s;
    bool waits = d->f->has_hook[HOOK_CONFIRM_ROLLOUT];

    if (waits && (s->phase != CANARY_WAITING || !str_eq(s->revision, d->f->revision))) {
        enter(d, CANARY_WAITING);
        leave_steps(s);
        copy(s->revision, sizeof(s->revision), d->f->revision);
        s->release = d->f->now;
        s->reason = NULL; /* what was answered about another version counts no more */
    }
    if (!waits || is_confirmed(d, HOOK_CONFIRM_ROLLOUT))
        begin(d, "NewRevision");
}

static void rest(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;

    if (!f->target_replicas) {
        s->drain_until = 0;
        if (s->phase == CANARY_WAITING)
            s->hash[0] = '\0'; /* of the version before: its Pods are gone */
    } else if (!is_drained(d) && (s->phase == CANARY_FAILED || s->phase == CANARY_WAITING))
        return;
    if (!f->objects_ready || !f->recorded)
        return;
    s->frozen &= f->target_paused;
    if (str_eq(f->revision, f->recorded)) {
        if (s->phase == CANARY_FAILED || s->phase == CANARY_WAITING) {
            enter_drained(d, CANARY_SUCCEEDED);
            copy(s->revision, sizeof(s->revision), f->recorded);
            say(d, "Reverted", "the target declares the promoted version again");
        }
    } else if (!str_eq(f->revision, s->failed) && !f->target_paused) {
        if (f->unfit)
            hold(d, "NotSupported", "%s", f->unfit);
        else if (f->scaler_obstacle)
            hold(d, "AutoscalerUnusable", "%s", f->scaler_obstacle);
        else if (f->conflict)
            hold(d, ROUTE_CONFLICT, "%s", f->conflict);
        else
            begin_or_wait(d);
    } else if (s->phase == CANARY_WAITING && f->target_paused) {
        if (!s->frozen)
            hold(d, "TargetPaused", "waits for spec.paused of the target to be false");
    } else if (s->phase == CANARY_WAITING) {
        enter(d, CANARY_FAILED);
        copy(s->revision, sizeof(s->revision), f->revision);
        say(d, "FailedBefore", "revision %s was not promoted before", s->revision);
    }
}

static bool has_pods(const struct decision *d)
{
    const struct canary_facts *f = d->f;

    return f->objects_ready && f->target_ready && f->canary_endpoints >= f->target_replicas;
}

/* At the threshold, where it does not end the release: a person decides. */
static bool is_stopped(const struct decision *d)
{
    return d->s->failed_checks >= d->spec->analysis.threshold;
}

/* `reason`: of what goes on below the threshold. */
static void count_failure(struct decision *d, const char *reason, const char *why)
{
    d->s->failed_checks++;
    if (!is_stopped(d))
        say(d, reason, "check %d of %d failed: %s", d->s->failed_checks, d->spec->analysis.threshold, why);
    else if (str_eq(d->spec->analysis.on_failure, "Rollback"))
        fail(d, "ChecksFailed", why);
    else
        hold(d, "ChecksFailed", "%s; waits for a command: abort, retry or promote", why);
}

/* Whether webhooks found the version good before it gets traffic. */
static bool is_tested(struct decision *d)
{
    const struct canary_facts *f = d->f;

    if (f->is_tested || !f->has_hook[HOOK_PRE_ROLLOUT])
        return true;
    if (is_stopped(d))
        d->held = true;
    else if (canary_awaited_hook(d->s) != HOOK_PRE_ROLLOUT)
        say(d, hook_reasons[HOOK_PRE_ROLLOUT], "webhooks test the version before it gets traffic");
    else if (f->gate == GATE_FAILED)
        count_failure(d, hook_reasons[HOOK_PRE_ROLLOUT], str_or(f->gate_text, ""));
    else if (f->gate_text)
        say(d, hook_reasons[HOOK_PRE_ROLLOUT], "%s", f->gate_text);
    return false;
}

/* Requests get to the new version that did not before. */
static bool grows(const struct canary_state *s, const struct canary_step *step)
{
    return step->weight > s->weight || step->opens;
}

/* Before the first step: the target gets its Pods, without traffic. */
static void prepare(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;
    struct canary_step steps[CANARY_STEPS_MAX];

    if (is_late(d) && !(s->hash[0] && has_pods(d))) {
        fail(d, "DeadlineExceeded", "its pods were not ready within progressDeadlineSeconds");
    } else if (!s->hash[0]) {
        /* From when the route leads to the primary: until then the target is not touched. */
        if (!canary_is_apart(f))
            say(d, "Routing", "the traffic is sent to the primary");
        else if (!is_over(d, &s->settle_until, settle(d) + drain(d)))
            wait_until(d, "Draining", "open requests at the target end", s->settle_until);
        else if (!f->hash || f->target_paused)
            wait_until(d, "WaitingForReplicaSet", "waits for the target's ReplicaSet", deadline(d));
        else {
            copy(s->hash, sizeof(s->hash), f->hash);
            s->settle_until = 0;
            say(d, "Scaling", "the target gets its pods");
        }
    } else if (!has_pods(d)) {
        s->settle_until = 0;
        wait_until(d, "CanaryNotReady", "waits for the target's pods to be available", deadline(d));
    } else if (!f->primary_ready) {
        s->settle_until = 0;
        wait_until(d, "PrimaryNotReady", "waits for the primary's pods to be available", deadline(d));
    } else if (!is_over(d, &s->settle_until, settle(d))) {
        wait_until(d, "Settling", "proxies learn of the target's pods", s->settle_until);
    } else if (f->conflict) {
        hold(d, ROUTE_CONFLICT, "%s", f->conflict);
    } else if (!canary_steps(d->spec, steps) || d->spec->skip_analysis) {
        promote(d, "AnalysisSkipped");
    } else if (is_tested(d) && (!grows(s, &steps[0]) || is_confirmed(d, HOOK_CONFIRM_INCREASE))) {
        enter_step(d, 0, &steps[0]);
    }
}

/* Behind the one that is going on; by the weight, if the steps were edited since it began. */
static size_t next_step(const struct canary_state *s, const struct canary_step *steps, size_t count)
{
    size_t next = (size_t)s->step;

    if (next < count && steps[next].weight == s->weight && steps[next].mirror == s->mirror &&
        steps[next].match == s->match)
        return next + 1;
    for (next = 0; next < count && steps[next].weight <= s->weight;)
        next++;
    return next;
}

/* The route has what the step says: its time begins. */
static void begin_time(struct decision *d)
{
    struct canary_state *s = d->s;

    s->since = d->f->now;
    s->checked = 0;
    s->matched[0] = '\0';
    if (s->match)
        canary_match_id(d->spec, s->step, s->matched);
}

/* A user edited `match`: other requests are to get there than those that the step measured. */
static bool is_edited(const struct decision *d)
{
    const struct canary_state *s = d->s;
    char id[CANARY_MATCH_ID_MAX];

    canary_match_id(d->spec, s->step, id);
    return s->match && *s->matched && !str_eq(s->matched, id);
}

/* Until the route has what was edited, checks go on, but the step does not end with a good one. */
static void follow_edit(struct decision *d)
{
    if (!is_routed(d)) {
        say(d, "Routing", "the requests that match since the step was edited are sent to the target");
        return;
    }
    begin_time(d);
    wait_until(d, "Analysing", "the step is measured anew, as other requests match", canary_check_due(d->spec, d->s));
}

/* From a step whose last check was good. */
static void advance(struct decision *d)
{
    struct canary_step steps[CANARY_STEPS_MAX];
    struct canary_state *s = d->s;
    const struct canary_step step = canary_step_of(d->spec, s->step);
    size_t count = canary_steps(d->spec, steps), next = next_step(s, steps, count);

    if (is_edited(d))
        follow_edit(d);
    else if (!d->f->target_ready)
        hold(d, "CanaryNotReady", "the step is good, but not all pods of the target are available");
    else if (!d->f->primary_ready)
        hold(d, "PrimaryNotReady", "the step is good, but not all pods of the primary are available");
    else if (d->f->conflict)
        hold(d, ROUTE_CONFLICT, "%s", d->f->conflict);
    else if (d->f->now < s->since + step.length)
        wait_until(d, "Analysing", "the step is good so far, and goes on", s->since + step.length);
    else if (step.approve && !s->approved)
        hold(d, "WaitingForApproval", "the step is good, and waits for the command approve");
    else if (next < count && (!grows(s, &steps[next]) || is_confirmed(d, HOOK_CONFIRM_INCREASE)))
        enter_step(d, (int)next, &steps[next]);
    else if (next >= count && is_confirmed(d, HOOK_CONFIRM_PROMOTION))
        promote(d, "AnalysisPassed");
}

/* A check that did not pass. */
static void count_check(struct decision *d)
{
    const struct canary_facts *f = d->f;
    const char *why = str_or(f->check_text, "");
    struct canary_state *s = d->s;

    s->checked = f->now;
    if (f->check == CHECK_HAS_NO_DATA) {
        s->inconclusive_checks++;
        hold(d, "NoData", "%s", why);
        return;
    }
    if (f->check == CHECK_HAS_ERROR) {
        s->error_checks++;
        hold(d, "MetricsUnavailable", "%s", why);
        return;
    }
    count_failure(d, "CheckFailed", why);
}

/* What the last check said is said until the next one, and it counts as soon as webhooks say yes. */
static void await_check(struct decision *d)
{
    enum canary_hook awaited = canary_awaited_hook(d->s);
    bool edited = is_edited(d);

    if (edited && d->f->now < canary_check_due(d->spec, d->s))
        follow_edit(d);
    else if (!edited && (awaited == HOOK_CONFIRM_INCREASE || awaited == HOOK_CONFIRM_PROMOTION))
        advance(d);
    else if (d->f->check_text)
        say(d, "Analysing", "%s", d->f->check_text);
    else if (d->s->checked)
        d->held = !str_eq(d->s->reason, "CheckFailed") && !str_eq(d->s->reason, "Analysing");
    else
        wait_until(d, "Analysing", "the step is measured", canary_check_due(d->spec, d->s));
}

static void step(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;

    if (!f->canary_endpoints) {
        leave_steps(s);
        s->started = f->now;
        s->settle_until = 0;
        hold(d, "CanaryLost", "the target has no ready pod; the primary has all traffic, and the steps begin again");
    } else if (is_stopped(d)) {
        d->held = true;
    } else if (!s->since) {
        if (is_routed(d)) {
            begin_time(d);
            await_check(d);
        } else if (f->conflict) {
            hold(d, ROUTE_CONFLICT, "%s", f->conflict);
        }
    } else if (f->check == CHECK_WAITS) {
        await_check(d);
    } else if (f->check == CHECK_PASSES) {
        s->checked = f->now;
        advance(d);
    } else {
        count_check(d);
    }
}

static void progress(struct decision *d)
{
    const struct canary_facts *f = d->f;

    if (str_eq(f->revision, f->recorded))
        finalise(d, "Reverted", "the target declares the promoted version again");
    else if (!str_eq(f->revision, d->s->revision))
        begin_or_wait(d);
    else if (d->s->step < 0)
        prepare(d);
    else
        step(d);
    d->s->frozen |= d->spec->freeze_target && d->s->hash[0];
}

static void go_back(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;

    bool is_aborted = str_eq(s->reason, "Aborted"); /* the target is no better than the primary */

    if (!f->canary_endpoints || !str_eq(f->revision, s->revision) ||
        (is_aborted && f->primary_ready && f->primary_serves))
        s->weight = s->match = 0;
    else if (!is_aborted && f->target_ready && (f->target_paused || !d->spec->freeze_target))
        s->weight = 100;
    if (str_eq(f->recorded, s->revision) || !f->objects_ready || !f->primary_ready)
        d->held = is_late(d);
    else
        fail(d, is_aborted ? "Aborted" : "PromotionFailed", "the primary has its former template again");
}

static void follow_promotion(struct decision *d)
{
    const struct canary_facts *f = d->f;
    struct canary_state *s = d->s;

    s->frozen |= d->spec->freeze_target;
    if (is_going_back(s)) {
        go_back(d);
    } else if (!str_eq(f->recorded, s->revision)) {
        if (!str_eq(f->revision, s->revision))
            begin_or_wait(d);
    } else if (f->objects_ready && f->primary_ready) {
        finalise(d, "Promoted", "the primary gets all traffic");
    } else if (is_late(d)) {
        restore(d, "PromotionFailed", "the primary was not ready within progressDeadlineSeconds");
    }
}

static void follow_end(struct decision *d)
{
    struct canary_state *s = d->s;
    const char *reason = s->reason;

    if (!is_drained(d))
        return;
    enter_drained(d, CANARY_SUCCEEDED);
    copy(s->revision, sizeof(s->revision), d->f->recorded);
    if (str_eq(reason, "Reverted"))
        say(d, "Reverted", "the target declares the promoted version again");
    else
        say(d, "Promoted", "the primary is of revision %s, and has all traffic", s->revision);
}

/* Without its Deployment there is nothing to release; the primary goes on to serve. */
static void miss_target(struct decision *d)
{
    struct canary_state *s = d->s;

    s->frozen = false;
    if (s->phase == CANARY_PROGRESSING || s->phase == CANARY_WAITING) {
        fail(d, "TargetMissing", "the target was deleted");
        s->failed[0] = '\0';
    } else if (s->phase == CANARY_PROMOTING || s->phase == CANARY_FINALISING) {
        s->weight = s->match = 0;
    }
}

static void follow(struct decision *d)
{
    enum canary_phase phase = d->s->phase;

    if (d->spec->suspend)
        d->held = !canary_is_idle(phase);
    else if (phase == CANARY_PROMOTING)
        follow_promotion(d);
    else if (phase == CANARY_FINALISING)
        follow_end(d);
    else if (!d->f->has_target)
        d->held = true;
    else if (phase == CANARY_INITIALIZING)
        initialise(d);
    else if (phase == CANARY_PROGRESSING)
        progress(d);
    else if (canary_is_idle(phase))
        rest(d);
}

void canary_decide(
    const struct canary_spec *spec, const struct canary_facts *facts, struct canary_state *state, struct buf *text,
    bool *ret_held)
{
    struct decision d = {.spec = spec, .f = facts, .s = state, .text = text};
    const enum canary_phase observed = state->phase;

    if (!canary_match(spec, state->step)) /* the steps were edited */
        state->match = 0;
    if (observed == CANARY_NEW) {
        enter(&d, CANARY_INITIALIZING);
        leave_steps(state);
        say(&d, "CreatingPrimary", "the primary is created");
    }
    obey(&d);
    if (facts->wants_back && !spec->suspend && state->phase == observed)
        abort_for(&d, facts->wants_back);
    if (state->phase != observed) {
        *ret_held = d.held;
        return;
    }
    if (!facts->has_target)
        miss_target(&d);
    if (state->phase == observed)
        follow(&d);
    *ret_held = d.held;
}
