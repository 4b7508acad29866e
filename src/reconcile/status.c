#include "reconcile/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define DRIFT_LISTED 50

/* What the facts come to: the word, the conditions' reason, and the text for people. */
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

static const struct plan_failure *first_failure(const struct status_facts *f, bool lasting)
{
    for (size_t i = 0; i < f->failure_count; i++) {
        enum err_class class = f->failures[i].class;
        if (lasting == (class == ERR_FORBIDDEN || !err_class_retries(class)))
            return &f->failures[i];
    }
    return NULL;
}

static char *failure_text(const struct plan_failure *failure)
{
    return str_printf("%s: %s", failure->object, failure->text);
}

static const char *first_unavailable(const struct rollouts *rollouts)
{
    for (size_t i = 0; rollouts && i < rollouts->len; i++)
        if (rollouts->items[i].wanted && !rollouts->items[i].available)
            return rollouts->items[i].message;
    return NULL;
}

static char *removal_text(const struct status_facts *f)
{
    if (f->waits_for)
        return str_printf("removing: %s", f->waits_for);
    if (f->failure_count)
        return failure_text(&f->failures[0]);
    return str_printf("removing: %zu object%s left", f->leftovers, f->leftovers == 1 ? "" : "s");
}

/* The first rule that applies decides. */
static struct verdict judge(const struct status_facts *f)
{
    const struct plan_failure *failure;
    const char *unavailable;

    if (f->deleting)
        return verdict(STATUS_RECONCILING, "Removing", removal_text(f));
    if (f->refused)
        return verdict(STATUS_RECONCILE_FAILED, err_class_name(f->refused->class), str_dup(f->refused->text));
    if (!doc_string(f->resource, "status", STATUS_FIELD_STATUS))
        return verdict(STATUS_CREATED, "Created", str_dup(""));
    if (f->unreachable)
        return verdict(STATUS_UNREACHABLE, "Unreachable", str_dup(f->unreachable));
    if (f->waits_for)
        return verdict(STATUS_RECONCILING, "Waiting", str_dup(f->waits_for));
    if ((failure = first_failure(f, true)))
        return verdict(STATUS_RECONCILE_FAILED, "WriteRefused", failure_text(failure));
    if (f->paused && f->drift)
        return verdict(
            STATUS_RECONCILING,
            "Paused",
            str_printf("paused by spec.pause: %zu objects differ and are left so", f->drift));
    if ((failure = first_failure(f, false)))
        return verdict(STATUS_RECONCILING, err_class_name(failure->class), failure_text(failure));
    if (f->drift)
        return verdict(
            STATUS_RECONCILING, "Applying", str_printf("%zu object%s to write", f->drift, f->drift == 1 ? "" : "s"));
    if ((unavailable = first_unavailable(f->rollouts)))
        return verdict(STATUS_RECONCILING, "RollingOut", str_dup(unavailable));
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
        S("type", type),
        S("status", status),
        S("reason", reason),
        S("message", text),
        S("lastTransitionTime", str_or(since, now)),
        V("observedGeneration", json_incref(doc_at(f->resource, "metadata", "generation"))));
}

static json_t *components(const struct rollouts *rollouts)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < rollouts->len; i++) {
        const struct rollout *r = &rollouts->items[i];
        const char *state = !r->wanted ? "Disabled" : r->available ? "Available" : "Reconciling";
        json_array_append_new(
            lines,
            OBJECT(
                S("name", r->name),
                S("status", state),
                OPT(r->wanted, F("ready", "%" PRId64 "/%" PRId64, r->ready, r->desired)),
                S("message", r->message)));
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
            list, OBJECT(S("object", key), S("action", words[actions[i]->verb]), S("reason", actions[i]->reason)));
    }
    return list;
}

bool status_is_undecided(const struct status_facts *f)
{
    const json_t *status = doc_at(f->resource, "status");
    json_int_t before = doc_int(doc_at(status, STATUS_FIELD_IGNORED), 0);

    return f->drift && f->drift == f->unseen && (json_int_t)(f->unseen + f->ignored) <= before && !f->paused &&
           !f->failure_count && !f->deleting && !f->refused && !f->unreachable && !f->waits_for &&
           json_equal(doc_at(status, STATUS_FIELD_APPLIED_GENERATION), doc_at(f->resource, "metadata", "generation"));
}

/* The generation whose every object was in place once: what is missing of it later was deleted by somebody. */
static json_t *applied_generation(const struct status_facts *f)
{
    if (!f->refused && !f->unreachable && !f->waits_for && !f->deleting && f->drift == 0)
        return json_incref(doc_at(f->resource, "metadata", "generation"));
    return json_incref(doc_at(f->resource, "status", STATUS_FIELD_APPLIED_GENERATION));
}

json_t *status_build(const struct status_facts *f)
{
    struct verdict v = judge(f);
    json_t *status = OBJECT(
        S(STATUS_FIELD_STATUS, v.word),
        S(STATUS_FIELD_ERROR_MESSAGE, v.ready ? "" : v.text),
        V(STATUS_FIELD_OBSERVED_GENERATION, json_incref(doc_at(f->resource, "metadata", "generation"))),
        V(STATUS_FIELD_APPLIED_GENERATION, applied_generation(f)),
        S(STATUS_FIELD_VERSION, f->version),
        OPT(f->ignored, N(STATUS_FIELD_IGNORED, (json_int_t)f->ignored)),
        V(STATUS_FIELD_DRIFT, drift_list(f)),
        OPT(f->rollouts, V(STATUS_FIELD_COMPONENTS, components(f->rollouts))),
        SEQ(STATUS_FIELD_CONDITIONS,
            ITEM_V(status_condition(f, CONDITION_READY, v.ready, v.reason, v.text)),
            ITEM_V(status_condition(f, CONDITION_RECONCILING, v.reconciling, v.reason, v.text)),
            ITEM_V(status_condition(f, CONDITION_STALLED, v.stalled, v.reason, v.stalled ? v.text : ""))));

    free(v.text);
    return status;
}
