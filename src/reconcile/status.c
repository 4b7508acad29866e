#include "reconcile/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define DRIFT_LISTED 50
#define REASON_HELD_BY_FINALIZER "HeldByFinalizer"
/* Of the text about one of several objects. */
#define SHORT_TEXT_MAX 400

/* What follows from the facts: the status word, the conditions' reason, and the message. */
struct verdict {
    const char *word;
    const char *reason;
    char *text; /* owned; "" where all is well */
    bool ready, reconciling, stalled;
};

static struct verdict verdict(const char *word, const char *reason, char *text)
{
    return (struct verdict){
        .word = word,
        .reason = reason,
        .text = text,
        .ready = str_eq(word, STATUS_AVAILABLE),
        .reconciling = str_eq(word, STATUS_RECONCILING) || str_eq(word, STATUS_CREATED),
        .stalled = str_eq(word, STATUS_RECONCILE_FAILED),
    };
}

static size_t count_drift(const struct status_facts *f, enum drift_cause cause)
{
    size_t count = 0;

    for (size_t i = 0; i < STATUS_PLANS_MAX; i++)
        count += f->plans[i] ? f->plans[i]->causes[cause] : 0;
    return count;
}

/* Names up to `most` objects with this cause behind what the text has already; how many it named. */
static size_t
name_drift(const struct status_facts *f, enum drift_cause cause, size_t most, bool shorten, struct buf *text)
{
    size_t named = 0;

    for (size_t i = 0; i < STATUS_PLANS_MAX; i++)
        for (size_t k = 0; f->plans[i] && k < f->plans[i]->drift_len; k++) {
            const struct drift *d = &f->plans[i]->drifts[k];
            _cleanup_free_ char *why = NULL;
            if (d->cause != cause || named == most)
                continue;
            why = str_dup_short(d->text, shorten ? SHORT_TEXT_MAX : SIZE_MAX);
            buf_printf(text, "%s%s%s%s", named || text->len ? "; " : "", d->object, *why ? ": " : "", why);
            named++;
        }
    return named;
}

/* The objects with these causes, those of the first cause first, up to ten, then a count. Owned by the caller. */
static char *drift_text(const struct status_facts *f, const enum drift_cause *causes, size_t len)
{
    struct buf text = BUF_INIT;
    size_t named = 0, all = 0;

    for (size_t i = 0; i < len; i++)
        all += count_drift(f, causes[i]);
    for (size_t i = 0; i < len; i++)
        named += name_drift(f, causes[i], DRIFT_NAMED_MAX - named, all > 1, &text);
    if (all > named)
        buf_printf(&text, "; and %zu more", all - named);
    return buf_take(&text);
}

static const char *first_unavailable(const struct rollouts *rollouts)
{
    for (size_t i = 0; rollouts && i < rollouts->len; i++)
        if (rollouts->items[i].enabled && !rollouts->items[i].optional && !rollouts->items[i].available)
            return rollouts->items[i].message;
    return NULL;
}

/* The worst first. */
static const enum drift_cause all_causes[] = {DRIFT_REFUSED, DRIFT_HELD, DRIFT_FAILED, DRIFT_NEEDS, DRIFT_WAITS};

static char *removal_text(const struct status_facts *f)
{
    _cleanup_free_ char *names = drift_text(f, all_causes, ARRAY_LEN(all_causes));

    if (f->waits_for)
        return str_printf("removing: %s", f->waits_for);
    return str_printf(
        "removing: %zu object%s left%s%s", f->leftovers, f->leftovers == 1 ? "" : "s", *names ? ": " : "", names);
}

static char *waiting_text(const struct status_facts *f)
{
    static const enum drift_cause waits = DRIFT_WAITS;
    _cleanup_free_ char *names = drift_text(f, &waits, 1);

    return str_printf("%zu object%s to write%s%s", f->drift, f->drift == 1 ? "" : "s", *names ? ": " : "", names);
}

/* Why something is stuck: the class of the failure, or the finalizer. */
static struct verdict stuck_verdict(const struct status_facts *f)
{
    const char *const reason = count_drift(f, DRIFT_FAILED) ? "WriteFailed" : REASON_HELD_BY_FINALIZER;
    char *text = drift_text(f, all_causes, ARRAY_LEN(all_causes) - 1);

    if (count_drift(f, DRIFT_REFUSED))
        return verdict(STATUS_RECONCILE_FAILED, "WriteRefused", text);
    return verdict(STATUS_RECONCILING, reason, text);
}

/* The first rule that applies decides. */
static struct verdict verdict_of(const struct status_facts *f)
{
    const char *unavailable;

    if (f->held_by && f->left_behind)
        return verdict(
            STATUS_RECONCILE_FAILED,
            REASON_HELD_BY_FINALIZER,
            str_printf(
                "%zu objects with its owner label are left, because another client removed the operator's "
                "finalizer; the resource is %s",
                f->left_behind,
                f->held_by));
    if (f->held_by)
        return verdict(
            STATUS_RECONCILING,
            REASON_HELD_BY_FINALIZER,
            str_printf("nothing is left to remove; the resource is %s", f->held_by));
    if (f->deleting)
        return verdict(STATUS_RECONCILING, "Removing", removal_text(f));
    if (f->refused)
        return verdict(STATUS_RECONCILE_FAILED, err_class_name(f->refused->class), str_dup(f->refused->text));
    if (!doc_string(f->resource, "status", STATUS_FIELD_STATUS) && !f->blocked)
        return verdict(STATUS_CREATED, "Created", str_dup(""));
    if (f->unreachable)
        return verdict(STATUS_UNREACHABLE, "Unreachable", str_dup(f->unreachable));
    if (f->waits_for)
        return verdict(STATUS_RECONCILING, "Waiting", str_dup(f->waits_for));
    if (f->paused && f->drift)
        return verdict(
            STATUS_RECONCILING,
            "Paused",
            str_printf("paused by spec.pause: %zu objects differ and are left so", f->drift));
    if (count_drift(f, DRIFT_REFUSED) || count_drift(f, DRIFT_HELD) || count_drift(f, DRIFT_FAILED))
        return stuck_verdict(f);
    if (f->blocked)
        return verdict(STATUS_RECONCILE_FAILED, "UpgradeBlocked", str_dup(f->blocked));
    if (f->drift)
        return verdict(STATUS_RECONCILING, "Applying", waiting_text(f));
    if ((unavailable = first_unavailable(f->rollouts)))
        return verdict(STATUS_RECONCILING, "RollingOut", str_dup(unavailable));
    if (f->holds_back)
        return verdict(STATUS_RECONCILING, "Upgrading", str_dup("the upgrade goes on"));
    return verdict(STATUS_AVAILABLE, f->paused ? "Paused" : "Available", str_dup(str_or(f->notice, "")));
}

json_t *
status_condition(const struct status_facts *f, const char *type, bool holds, const char *reason, const char *text)
{
    const char *status = holds ? "True" : "False";
    const json_t *before = doc_find(doc_at(f->resource, "status", STATUS_FIELD_CONDITIONS), "type", type);
    const char *since = str_eq(doc_string(before, "status"), status) ? doc_string(before, "lastTransitionTime") : NULL;
    char now[32];

    clock_rfc3339(f->now, now);
    return OBJECT(
        STRING("type", type),
        STRING("status", status),
        STRING("reason", reason),
        STRING("message", text),
        STRING("lastTransitionTime", str_or(since, now)),
        VALUE("observedGeneration", json_incref(doc_at(f->resource, "metadata", "generation"))));
}

static json_t *components(const struct rollouts *rollouts)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < rollouts->len; i++) {
        const struct rollout *r = &rollouts->items[i];
        const char *state = !r->enabled ? "Disabled" : r->available ? "Available" : "Reconciling";
        json_array_append_new(
            lines,
            OBJECT(
                FORMAT("name", "%s%s%s", r->name, *r->revision ? "-" : "", r->revision),
                STRING("status", state),
                OPT(r->enabled, FORMAT("ready", "%" PRId64 "/%" PRId64, r->ready, r->desired)),
                STRING("message", r->message)));
    }
    return lines;
}

static int by_object(const void *a, const void *b)
{
    const struct kube_action *x = *(const struct kube_action *const *)a, *y = *(const struct kube_action *const *)b;
    int kinds = strcmp(x->kind->kind, y->kind->kind), namespaces = strcmp(str_or(x->ns, ""), str_or(y->ns, ""));

    return kinds ? kinds : namespaces ? namespaces : strcmp(x->name, y->name);
}

/*
 * What would be done, were it not paused. Sorted: the order of removals is that in which the objects were seen, and a
 * status that says the same must be the same.
 */
static json_t *drift_list(const struct status_facts *f)
{
    static const char *const words[] = {
        [KUBE_CREATE] = "create",
        [KUBE_UPDATE] = "change",
        [KUBE_UPDATE_STATUS] = "status",
        [KUBE_MERGE_PATCH] = "label",
        [KUBE_REMOVE] = "remove",
    };
    ARRAY_COVERS(words, KUBE_VERB_LAST);
    size_t len = f->withheld ? f->withheld->len : 0;
    _cleanup_free_ const struct kube_action **actions = NEW_ARRAY(const struct kube_action *, len + 1);
    json_t *list = len ? json_array() : NULL;

    for (size_t i = 0; i < len; i++)
        actions[i] = &f->withheld->actions[i];
    qsort(actions, len, sizeof(*actions), by_object);
    for (size_t i = 0; i < len && i < DRIFT_LISTED; i++) {
        _cleanup_free_ char *key = object_key(actions[i]->kind, actions[i]->ns, actions[i]->name);
        json_array_append_new(
            list,
            OBJECT(
                STRING("object", key),
                STRING("action", words[actions[i]->verb]),
                STRING("reason", actions[i]->reason)));
    }
    return list;
}

bool status_is_undecided(const struct status_facts *f)
{
    const json_t *status = doc_at(f->resource, "status");
    json_int_t before = doc_int(doc_at(status, STATUS_FIELD_IGNORED), 0);

    return f->drift && f->drift == f->unseen && (json_int_t)(f->unseen + f->ignored) <= before && !f->paused &&
           count_drift(f, DRIFT_WAITS) == f->drift && !f->deleting && !f->refused && !f->unreachable && !f->waits_for &&
           json_equal(doc_at(status, STATUS_FIELD_APPLIED_GENERATION), doc_at(f->resource, "metadata", "generation"));
}

/* The generation of which every object was in place once: another client deleted what is missing of it later. */
static json_t *applied_generation(const struct status_facts *f)
{
    if (!f->refused && !f->unreachable && !f->waits_for && !f->deleting && f->drift == 0 && !f->holds_back)
        return json_incref(doc_at(f->resource, "metadata", "generation"));
    return json_incref(doc_at(f->resource, "status", STATUS_FIELD_APPLIED_GENERATION));
}

/* With what the user should know also while something is rolled out or stuck. */
static struct verdict verdict_with_notice(const struct status_facts *f)
{
    struct verdict v = verdict_of(f);
    bool adds = f->notice && *f->notice && !v.ready && !f->deleting && !f->refused && !f->waits_for && *v.text;
    char *alone = v.text;

    if (adds) {
        v.text = str_printf("%s; %s", alone, f->notice);
        free(alone);
    }
    return v;
}

json_t *status_build(const struct status_facts *f)
{
    struct verdict v = verdict_with_notice(f);
    json_t *status = OBJECT(
        STRING(STATUS_FIELD_STATUS, v.word),
        STRING(STATUS_FIELD_ERROR_MESSAGE, v.ready ? "" : v.text),
        VALUE(STATUS_FIELD_OBSERVED_GENERATION, json_incref(doc_at(f->resource, "metadata", "generation"))),
        VALUE(STATUS_FIELD_APPLIED_GENERATION, applied_generation(f)),
        STRING(STATUS_FIELD_VERSION, f->version ? f->version : doc_string(f->resource, "status", STATUS_FIELD_VERSION)),
        OPT(f->ignored, INT(STATUS_FIELD_IGNORED, (json_int_t)f->ignored)),
        VALUE(STATUS_FIELD_DRIFT, drift_list(f)),
        OPT(f->rollouts, VALUE(STATUS_FIELD_COMPONENTS, components(f->rollouts))),
        SEQ(STATUS_FIELD_CONDITIONS,
            ITEM_VALUE(status_condition(f, CONDITION_READY, v.ready, v.reason, v.text)),
            ITEM_VALUE(status_condition(f, CONDITION_RECONCILING, v.reconciling, v.reason, v.text)),
            ITEM_VALUE(status_condition(f, CONDITION_STALLED, v.stalled, v.reason, v.stalled ? v.text : ""))));

    free(v.text);
    return status;
}
