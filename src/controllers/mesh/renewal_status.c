#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/renewal.h"
#include "doc/build.h"
#include "doc/doc.h"

#define MESSAGE_MAX 300
/* As the definition allows. */
#define LINES_MAX 1000

static msec_t time_at(const json_t *line, const char *field)
{
    return clock_time(doc_string(line, field));
}

static const json_t *line_of(const json_t *list, const struct renewal_item *item)
{
    json_t *line;
    size_t i;

    json_array_foreach(list, i, line)
        if (str_eq(doc_string(line, "kind"), item->kind) && str_eq(doc_string(line, "name"), item->name) &&
            str_eq(doc_string(line, "namespace"), item->ns))
            return line;
    return NULL;
}

void renewal_read_status(const json_t *status, msec_t now, struct renewal *renewal)
{
    bool is_same = renewal->version && str_eq(doc_string(status, "version"), renewal->version);
    msec_t since = is_same ? time_at(status, "since") : 0;

    renewal->since = since ? since : now;
    renewal->last = time_at(status, "lastRestart");
    if (renewal->last > now)
        renewal->last = 0;
    for (size_t i = 0; i < renewal->len; i++) {
        struct renewal_item *item = &renewal->items[i];
        const json_t *moving = line_of(doc_at(status, "renewing"), item);
        const json_t *blocked = line_of(doc_at(status, "blocked"), item);
        enum renewal_reason reason = renewal_reason_of(doc_string(blocked, "reason"));
        item->known_since = time_at(moving ? moving : blocked, "since");
        item->known_complete = time_at(moving, "completed");
        item->is_over = item->restarted_at < renewal->last && item->known_since != item->restarted_at;
        /* Other sidecars are another reason to restart it. */
        if (!moving && reason == RENEWAL_REVERTED && !is_same)
            item->known_since = 0;
        if (item->known_since > now)
            item->known_since = 0;
        /* For the same sidecars, but before others were desired in between: Pods may have got those. */
        item->is_restarted = item->is_restarted && item->restarted_at >= since;
        item->is_unknown = item->restarted_at > renewal->last;
    }
}

static json_t *time_value(msec_t time)
{
    char text[32];

    if (!time)
        return NULL;
    clock_rfc3339(time, text);
    return json_string(text);
}

static json_t *line(const struct renewal_item *item, json_t *more)
{
    return OBJECT(STRING("kind", item->kind), STRING("namespace", item->ns), STRING("name", item->name), ROWS(more));
}

static json_t *list_moving(const struct renewal *renewal)
{
    json_t *list = json_array();

    for (size_t i = 0; i < renewal->len && json_array_size(list) < LINES_MAX; i++) {
        const struct renewal_item *item = &renewal->items[i];
        bool is_followed = item->stage == RENEWAL_LEFT && renewal_is_followed(item);
        if ((item->stage == RENEWAL_MOVING || item->stage == RENEWAL_RESTING || is_followed) && item->restarted_at &&
            !item->is_over)
            json_array_append_new(
                list,
                line(
                    item,
                    OBJECT(
                        VALUE("since", time_value(item->restarted_at)),
                        VALUE("completed", time_value(item->complete_at)))));
    }
    return list;
}

/* What the next plan has to know of a restart that came to nothing. */
static msec_t followed_since(const struct renewal_item *item)
{
    if (item->reason == RENEWAL_REVERTED)
        return item->known_since;
    return renewal_is_followed(item) ? item->restarted_at : 0;
}

/* The reasons that need the user most come first. */
static json_t *list_blocked(const struct renewal *renewal)
{
    json_t *list = json_array();

    for (enum renewal_reason reason = RENEWAL_FREE + 1; reason < RENEWAL_REASON_COUNT; reason++)
        for (size_t i = 0; i < renewal->len && json_array_size(list) < LINES_MAX; i++) {
            const struct renewal_item *item = &renewal->items[i];
            _cleanup_free_ char *text = NULL;
            if (item->stage != RENEWAL_BLOCKED || item->reason != reason ||
                (json_array_size(list) >= RENEWAL_NAMED_MAX && !renewal_is_followed(item)))
                continue;
            text = str_dup_short(
                reason == RENEWAL_REFUSED && item->refusal ? item->refusal : renewal_reason_text(reason), MESSAGE_MAX);
            json_array_append_new(
                list,
                line(
                    item,
                    OBJECT(
                        STRING("reason", renewal_reason_word(reason)),
                        STRING("message", text),
                        VALUE("since", time_value(followed_since(item))))));
        }
    return list;
}

/* Of all of them; NULL: none came to nothing. */
static const char *what_stops(const struct renewal *renewal)
{
    size_t failed = 0, followed = 0;

    for (size_t i = 0; i < renewal->len; i++) {
        failed += renewal->items[i].failed;
        followed += renewal_is_followed(&renewal->items[i]);
    }
    if (followed >= RENEWAL_FOLLOWED_MAX)
        return "too many restarts failed or were undone";
    return failed ? "a rollout failed" : NULL;
}

static bool restarts_any(const struct renewal *renewal)
{
    for (size_t i = 0; i < renewal->len; i++)
        if (renewal->items[i].restart)
            return true;
    return false;
}

/* The phase, and what it waits for; static or borrowed. */
static const char *phase(const struct renewal *renewal, const char **ret_message)
{
    const struct renewal_totals *t = &renewal->totals;

    *ret_message = NULL;
    if (!t->left && !t->moving && !t->resting)
        return t->blocked ? (renewal->mode == RENEWAL_REPORT ? "Reported" : "Blocked") : "Current";
    if (renewal->mode == RENEWAL_REPORT)
        return "Reported";
    if (t->moving || t->resting || restarts_any(renewal))
        return "Renewing";
    *ret_message = renewal->waits ? renewal->waits : !t->in_window ? "no window is open" : what_stops(renewal);
    return *ret_message ? "Waiting" : "Renewing";
}

/* All until then are known: one whose write is under way may be older than others, and is not listed yet. */
static msec_t last_restart(const struct renewal *renewal)
{
    msec_t last = renewal->last;

    for (size_t i = 0; i < renewal->len; i++) {
        if (renewal->items[i].is_writing)
            return renewal->last;
        if (renewal->items[i].restarted_at > last)
            last = renewal->items[i].restarted_at;
    }
    return last;
}

json_t *renewal_status(const struct renewal *renewal)
{
    size_t outdated = 0;
    const char *message, *word = phase(renewal, &message);

    for (size_t i = 0; i < renewal->len; i++)
        outdated += renewal->items[i].outdated > 0;
    return OBJECT(
        STRING("phase", word),
        STRING("message", message),
        STRING("version", renewal->version),
        OPT(renewal->version, VALUE("since", time_value(renewal->since))),
        INT("done", (json_int_t)renewal->done),
        INT("left", (json_int_t)outdated),
        INT("waiting", (json_int_t)renewal->totals.left),
        VALUE("lastRestart", time_value(last_restart(renewal))),
        VALUE("renewing", list_moving(renewal)),
        INT("blockedCount", (json_int_t)renewal->totals.blocked),
        VALUE("blocked", list_blocked(renewal)));
}

static json_t *followed_lines(const json_t *status, const char *field)
{
    json_t *kept = json_array(), *line;
    size_t i;

    json_array_foreach(doc_at(status, field), i, line)
        if (doc_at(line, "since"))
            json_array_append(kept, line);
    return kept;
}

json_t *renewal_status_off(const json_t *before)
{
    _cleanup_json_ json_t *renewing = followed_lines(before, "renewing"), *blocked = followed_lines(before, "blocked");

    if (!json_array_size(renewing) && !json_array_size(blocked))
        return NULL;
    return OBJECT(
        STRING("phase", "Off"), VALUE("renewing", json_incref(renewing)), VALUE("blocked", json_incref(blocked)));
}

/* --- Events --- */

static bool is_under_way(const char *phase)
{
    return str_eq(phase, "Renewing") || str_eq(phase, "Waiting");
}

static void tell_phase(struct reconcile *r, const char *before, const struct renewal *renewal)
{
    const struct renewal_totals *t = &renewal->totals;
    const char *message, *word = phase(renewal, &message);

    if (!is_under_way(before) && is_under_way(word))
        reconcile_tell(
            r->plan,
            "RenewingSidecars",
            false,
            str_printf("%zu workloads are restarted, one after the other, for new sidecars", t->left + t->moving));
    else if (is_under_way(before) && !is_under_way(word))
        reconcile_tell(
            r->plan,
            "SidecarsRenewed",
            false,
            t->blocked
                ? str_printf(
                      "all workloads have new sidecars but %zu, which status.sidecarRenewal.blocked names", t->blocked)
                : str_dup("all workloads have new sidecars"));
}

static bool was_failed(const json_t *status, const struct renewal_item *item)
{
    return str_eq(
        doc_string(line_of(doc_at(status, "blocked"), item), "reason"), renewal_reason_word(RENEWAL_TIMED_OUT));
}

static void tell_failure(struct reconcile *r, const struct renewal_item *item, bool stops_all)
{
    _cleanup_free_ char *ns = stops_all ? NULL : str_printf(" of namespace %s", item->ns);

    reconcile_tell(
        r->plan,
        renewal_reason_word(RENEWAL_TIMED_OUT),
        true,
        str_printf(
            "the rollout of %s %s/%s did not finish in time; no other workload%s is restarted until it does",
            item->kind,
            item->ns,
            item->name,
            str_or(ns, "")));
}

void renewal_tell(struct reconcile *r, const struct renewal *renewal)
{
    const json_t *status = doc_at(r->resource, "status", STATUS_FIELD_SIDECAR_RENEWAL);

    if (!renewal->is_known || renewal->mode != RENEWAL_AUTOMATIC)
        return;
    tell_phase(r, doc_string(status, "phase"), renewal);
    for (size_t i = 0; i < renewal->len; i++) {
        const struct renewal_item *item = &renewal->items[i];
        if (item->stage == RENEWAL_BLOCKED && item->reason == RENEWAL_TIMED_OUT && !was_failed(status, item))
            tell_failure(r, item, renewal->stops_all);
    }
}
