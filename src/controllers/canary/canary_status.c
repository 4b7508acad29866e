/* The status of a Canary: read as the state that a plan begins with, and written as the one it ends with. */
#include <stdio.h>

#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

#define STEP_INDEX "index"
#define STEP_WEIGHT "weight"
#define STEP_MIRROR "mirror"
#define STEP_MATCH "match"
#define STEP_MATCHED "matched"
#define STEP_APPROVED "approved"
#define STEP_SINCE "since"
#define STEP_CHECKED "checked"

static int count_at(const json_t *status, const char *field)
{
    int64_t count = doc_int(json_object_get(status, field), 0);

    return count < 0 || count > INT32_MAX ? 0 : (int)count;
}

static void text_at(const json_t *status, const char *field, char *ret, size_t size)
{
    snprintf(ret, size, "%s", str_or(doc_string(status, field), ""));
}

static enum canary_hook hook_at(const json_t *status, const char *field)
{
    const char *name = doc_string(status, field);

    for (int i = HOOK_NONE + 1; i <= HOOK_LAST; i++)
        if (str_eq(canary_hook_type_name(i), name))
            return i;
    return HOOK_NONE;
}

void canary_read_state(const json_t *resource, struct canary_state *ret)
{
    const json_t *status = doc_at(resource, "status"), *step = doc_at(status, STATUS_FIELD_STEP);
    int64_t index = doc_int(doc_at(step, STEP_INDEX), -1);

    *ret = (struct canary_state){
        .phase = canary_phase_of(doc_string(status, STATUS_FIELD_PHASE)),
        .reason = doc_string(status, STATUS_FIELD_REASON),
        .message = doc_string(status, STATUS_FIELD_MESSAGE),
        .weight = count_at(status, STATUS_FIELD_CANARY_WEIGHT),
        .mirror = count_at(step, STEP_MIRROR),
        .match = count_at(step, STEP_MATCH),
        .approved = doc_bool(doc_at(step, STEP_APPROVED), false),
        .confirmed = hook_at(status, STATUS_FIELD_APPROVED_HOOK),
        .frozen = doc_bool(doc_at(status, STATUS_FIELD_FROZEN), false),
        .step = index < -1 || index >= CANARY_STEPS_MAX ? -1 : (int)index,
        .since = clock_time(doc_string(step, STEP_SINCE)),
        .checked = clock_time(doc_string(step, STEP_CHECKED)),
        .failed_checks = count_at(status, STATUS_FIELD_FAILED_CHECKS),
        .inconclusive_checks = count_at(status, STATUS_FIELD_INCONCLUSIVE_CHECKS),
        .error_checks = count_at(status, STATUS_FIELD_ERROR_CHECKS),
        .release = clock_time(doc_string(status, STATUS_FIELD_RELEASE_STARTED)),
        .started = clock_time(doc_string(status, STATUS_FIELD_RUN_STARTED)),
        .settle_until = clock_time(doc_string(status, STATUS_FIELD_SETTLE_UNTIL)),
        .drain_until = clock_time(doc_string(status, STATUS_FIELD_DRAIN_UNTIL)),
    };
    if (ret->weight > 100)
        ret->weight = 0;
    if (ret->mirror > 100)
        ret->mirror = 0;
    if (ret->match > 100)
        ret->match = 0;
    text_at(status, STATUS_FIELD_REVISION, ret->revision, sizeof(ret->revision));
    text_at(status, STATUS_FIELD_FAILED_REVISION, ret->failed, sizeof(ret->failed));
    text_at(status, STATUS_FIELD_POD_TEMPLATE_HASH, ret->hash, sizeof(ret->hash));
    text_at(step, STEP_MATCHED, ret->matched, sizeof(ret->matched));
    text_at(status, STATUS_FIELD_COMMAND, ret->command, sizeof(ret->command));
}

static struct row time_row(const char *field, msec_t time)
{
    char text[32];

    clock_rfc3339_micro(time, text);
    return time ? STRING(field, text) : ABSENT;
}

static struct row text_row(const char *field, const char *text)
{
    return text && *text ? STRING(field, text) : ABSENT;
}

/* The fields that are the Canary's own. */
static json_t *own_fields(const struct canary *c)
{
    const struct canary_state *s = &c->next;
    bool has_step = s->phase == CANARY_PROGRESSING || s->phase == CANARY_PROMOTING;
    json_t *before = doc_at(c->re->resource, "status", STATUS_FIELD_CHECKS);

    return OBJECT(
        text_row(STATUS_FIELD_PHASE, canary_phase_name(s->phase)),
        text_row(STATUS_FIELD_REASON, s->reason),
        text_row(STATUS_FIELD_MESSAGE, s->message),
        text_row(STATUS_FIELD_REVISION, s->revision),
        text_row(STATUS_FIELD_PROMOTED_REVISION, c->facts.recorded),
        text_row(STATUS_FIELD_FAILED_REVISION, s->failed),
        text_row(STATUS_FIELD_POD_TEMPLATE_HASH, s->hash),
        OPT(s->frozen, BOOL(STATUS_FIELD_FROZEN, true)),
        INT(STATUS_FIELD_CANARY_WEIGHT, s->weight),
        OPT(has_step,
            MAP(STATUS_FIELD_STEP,
                INT(STEP_INDEX, s->step),
                INT(STEP_WEIGHT, s->weight),
                OPT(s->mirror, INT(STEP_MIRROR, s->mirror)),
                OPT(s->match, INT(STEP_MATCH, s->match)),
                text_row(STEP_MATCHED, s->matched),
                OPT(s->approved, BOOL(STEP_APPROVED, true)),
                time_row(STEP_SINCE, s->since),
                time_row(STEP_CHECKED, s->checked))),
        INT(STATUS_FIELD_FAILED_CHECKS, s->failed_checks),
        INT(STATUS_FIELD_INCONCLUSIVE_CHECKS, s->inconclusive_checks),
        INT(STATUS_FIELD_ERROR_CHECKS, s->error_checks),
        VALUE(STATUS_FIELD_CHECKS, json_incref(c->checks ? c->checks : before)),
        OPT(json_array_size(c->hooks), VALUE(STATUS_FIELD_HOOKS, json_incref(c->hooks))),
        OPT(json_array_size(c->notices), VALUE(STATUS_FIELD_NOTICES, json_incref(c->notices))),
        time_row(STATUS_FIELD_RELEASE_STARTED, s->release),
        time_row(STATUS_FIELD_RUN_STARTED, s->started),
        time_row(STATUS_FIELD_SETTLE_UNTIL, s->settle_until),
        time_row(STATUS_FIELD_DRAIN_UNTIL, s->drain_until),
        text_row(STATUS_FIELD_COMMAND, s->command),
        text_row(STATUS_FIELD_APPROVED_HOOK, canary_hook_type_name(s->confirmed)));
}

static json_t *contended(const struct canary *c)
{
    _cleanup_free_ char *text =
        c->contended ? str_printf("%s is written by another client again and again", c->contended) : str_dup("");

    return status_condition(
        &c->re->facts, CONDITION_CONTENDED, c->contended, c->contended ? "WrittenByAnother" : "NotContended", text);
}

static void add_conditions(const struct canary *c, json_t *status)
{
    const struct status_facts *f = &c->re->facts;
    const struct canary_memo *memo = c->re->memo;
    const struct canary_state *s = &c->next;
    json_t *list = doc_at(status, STATUS_FIELD_CONDITIONS);
    const char *reason = str_or(s->reason, ""), *message = str_or(s->message, "");
    bool is_promoted = s->phase == CANARY_INITIALIZED || s->phase == CANARY_SUCCEEDED;

    json_array_append_new(
        list,
        status_condition(
            f,
            CONDITION_PROMOTED,
            is_promoted && str_eq(c->facts.recorded, c->facts.revision),
            reason,
            is_promoted ? "" : message));
    json_array_append_new(
        list,
        status_condition(
            f, CONDITION_PROGRESSING, !canary_is_idle(s->phase) || s->phase == CANARY_WAITING, reason, message));
    json_array_append_new(list, contended(c));
    json_array_append_new(
        list,
        status_condition(
            f,
            CONDITION_ROUTE_CONFLICT,
            c->conflict,
            !c->conflict        ? "NoConflict"
            : memo->is_unusable ? "NoRoute"
                                : "SameHost",
            str_or(c->conflict, "")));
    json_array_append_new(list, status_condition(f, CONDITION_HELD, c->held, reason, c->held ? message : ""));
}

/* What was said before, where the resource is refused or waits and nothing was decided. */
static void keep_fields(const struct canary *c, json_t *status)
{
    const char *name;
    json_t *value;

    json_object_foreach(doc_at(c->re->resource, "status"), name, value)
        if (!json_object_get(status, name) && !str_eq(name, STATUS_FIELD_DRIFT) && !str_eq(name, STATUS_FIELD_IGNORED))
            json_object_set(status, name, value);
}

bool canary_add_status(struct reconcile *re, json_t *status)
{
    struct canary *c = re->state;
    _cleanup_json_ json_t *own = NULL;
    const char *name;
    json_t *value;

    if (!c->is_decided) {
        keep_fields(c, status);
        return true;
    }
    own = own_fields(c);
    json_object_foreach(own, name, value)
        re->is_news |= !str_eq(name, STATUS_FIELD_MESSAGE) && !json_equal(value, doc_at(re->resource, "status", name));
    json_object_update(status, own);
    add_conditions(c, status);
    c->is_written = json_equal(status, doc_at(re->resource, "status"));
    return true;
}

/* Phases that end something, for Events. */
static void tell_end(struct canary *c)
{
    const struct canary_state *s = &c->next;
    bool is_bad = s->phase == CANARY_FAILED;

    if (s->phase == c->observed.phase && !(c->held && !str_eq(s->reason, c->observed.reason)))
        return;
    if (s->reason)
        reconcile_tell(c->re->plan, s->reason, is_bad || c->held, str_dup(str_or(s->message, "")));
}

void canary_remark(struct canary *c, const char *text)
{
    struct buf *notice = &c->re->notice;

    if (text && *text)
        buf_printf(notice, "%s%s", notice->len ? PROBLEMS_SEPARATOR : "", text);
}

void canary_tell(struct canary *c)
{
    struct status_facts *f = &c->re->facts;
    const struct canary_state *s = &c->next;
    bool is_stuck = f->plans[1]->causes[DRIFT_REFUSED] || f->plans[1]->causes[DRIFT_FAILED];

    tell_end(c);
    if ((!canary_is_idle(s->phase) || s->phase == CANARY_WAITING) && !is_stuck)
        f->waits_for = str_or(s->message, "");
    else if (s->phase == CANARY_FAILED)
        canary_remark(c, s->message);
    if (canary_is_idle(s->phase) && c->facts.target_paused && !c->facts.target_replicas)
        canary_remark(c, "the target is paused: its next version waits for spec.paused to be false");
}
