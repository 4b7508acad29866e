#include "controllers/mesh/renewal_decide.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

#define MINUTE SECONDS(60)
#define DAY (24 * 60 * MINUTE)
#define DAYS_OF_WEEK 7
/* 1970 began on a Thursday. */
#define FIRST_DAY 3

static const struct {
    const char *word, *text;
} reasons[] = {
    [RENEWAL_FREE] = {NULL, NULL},
#define X(id, reason, text) [RENEWAL_##id] = {reason, text},
    RENEWAL_REASONS(X)
#undef X
};

const char *renewal_reason_word(enum renewal_reason reason)
{
    return reasons[reason].word;
}

const char *renewal_reason_text(enum renewal_reason reason)
{
    return reasons[reason].text;
}

enum renewal_reason renewal_reason_of(const char *word)
{
    for (size_t i = RENEWAL_FREE + 1; word && i < ARRAY_LEN(reasons); i++)
        if (str_eq(reasons[i].word, word))
            return (enum renewal_reason)i;
    return RENEWAL_FREE;
}

/* --- windows --- */

/* "22:30" in milliseconds. */
static msec_t time_of_day(const char *text)
{
    int hours = 0, minutes = 0;

    for (; text && *text && *text != ':'; text++)
        hours = hours * 10 + (*text - '0');
    for (text += text && *text == ':'; text && *text; text++)
        minutes = minutes * 10 + (*text - '0');
    return (hours * 60 + minutes) * MINUTE;
}

static bool begins_on(const json_t *days, msec_t day)
{
    static const char *const names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    const char *name = names[(day + FIRST_DAY) % DAYS_OF_WEEK];
    json_t *item;
    size_t i;

    json_array_foreach(days, i, item)
        if (str_eq(json_string_value(item), name))
            return true;
    return json_array_size(days) == 0;
}

static void note_change(msec_t at, msec_t now, msec_t *ret_change)
{
    if (at > now && at < *ret_change)
        *ret_change = at;
}

/* The window as it begins on this day, counted from 1970. */
static bool in_window_of(const json_t *window, msec_t day, msec_t now, msec_t *ret_change)
{
    msec_t from = day * DAY + time_of_day(doc_string(window, "from")),
           to = day * DAY + time_of_day(doc_string(window, "to"));

    if (!begins_on(doc_at(window, "days"), day))
        return false;
    if (to <= from)
        to += DAY;
    note_change(from, now, ret_change);
    note_change(to, now, ret_change);
    return now >= from && now < to;
}

bool renewal_in_window(const json_t *windows, msec_t now, msec_t *ret_change)
{
    const msec_t today = now / DAY;
    bool is_in = json_array_size(windows) == 0;
    json_t *window;
    size_t i;

    *ret_change = MSEC_NEVER;
    json_array_foreach(windows, i, window)
        for (msec_t day = today - 1; day <= today + DAYS_OF_WEEK; day++)
            is_in |= in_window_of(window, day, now, ret_change);
    return is_in;
}

/* --- each workload --- */

static void note_time(struct renewal_totals *totals, msec_t at)
{
    if (at < totals->again_at)
        totals->again_at = at;
}

/* The restart that the status knows was undone: the template does not have its annotation any more. */
static bool is_reverted(const struct renewal_item *i)
{
    return i->outdated && !i->retry && i->known_since > i->restarted_at;
}

/* Its rollout, which the operator began, does not end. */
static bool has_failed(const struct renewal_terms *terms, const struct renewal_item *i, msec_t now)
{
    bool is_known = i->known_since == i->restarted_at;

    return i->restarted_at && !i->is_complete && now >= i->restarted_at + terms->timeout &&
           (is_known || (i->is_restarted && i->outdated));
}

static void block(struct renewal_item *i, enum renewal_reason reason)
{
    i->stage = RENEWAL_BLOCKED;
    i->reason = reason;
}

/* It is rolled out after a restart: since when, and is that long ago? */
static bool rests(const struct renewal_terms *terms, struct renewal_item *i, msec_t now)
{
    if (i->known_since == i->restarted_at)
        i->complete_at = i->known_complete ? i->known_complete : now;
    else
        i->complete_at = i->is_unknown && now < i->restarted_at + terms->timeout ? now : i->restarted_at;
    return now < i->complete_at + terms->delay;
}

/* Where a restart stands that the operator began. False: there is none. */
static bool follow(const struct renewal_terms *terms, struct renewal_item *i, msec_t now, struct renewal_totals *totals)
{
    bool is_recent = i->restarted_at && now < i->restarted_at + terms->timeout;

    if (i->is_writing || (!i->is_complete && is_recent)) {
        i->stage = RENEWAL_MOVING;
        if (is_recent)
            note_time(totals, i->restarted_at + terms->timeout);
        return true;
    }
    if (!i->restarted_at || !i->is_complete || i->retry)
        return false;
    if (rests(terms, i, now)) {
        i->stage = RENEWAL_RESTING;
        note_time(totals, i->complete_at + terms->delay);
        return true;
    }
    if (i->is_restarted && i->outdated && now < i->complete_at + RENEWAL_STRAGGLERS) {
        i->stage = RENEWAL_MOVING;
        note_time(totals, i->complete_at + RENEWAL_STRAGGLERS);
        return true;
    }
    return false;
}

static void assess(const struct renewal_terms *terms, struct renewal_item *i, msec_t now, struct renewal_totals *totals)
{
    i->stage = RENEWAL_CURRENT;
    i->reason = RENEWAL_FREE;
    i->complete_at = 0;
    i->restart = false;
    i->failed = has_failed(terms, i, now);
    if (is_reverted(i))
        block(i, RENEWAL_REVERTED);
    else if (follow(terms, i, now, totals))
        return;
    else if (i->failed && !i->retry && (i->is_restarted || !i->outdated))
        block(i, RENEWAL_TIMED_OUT);
    else if (!i->outdated)
        return;
    else if (i->is_restarted && i->is_complete && !i->retry)
        block(i, RENEWAL_STILL_OUTDATED);
    else if (i->obstacle != RENEWAL_FREE && i->obstacle != RENEWAL_REFUSED)
        block(i, i->obstacle);
    /* A rollout of the operator's that does not end may end with other sidecars. */
    else if (!i->is_complete && !i->retry && !i->failed)
        block(i, RENEWAL_ROLLING);
    else
        i->stage = RENEWAL_LEFT;
}

bool renewal_is_followed(const struct renewal_item *i)
{
    return i->failed || (i->stage == RENEWAL_BLOCKED && i->reason == RENEWAL_REVERTED);
}

/* --- all of them --- */

/* Namespaces, as sets. */
struct busy {
    struct map *moving;  /* a workload is restarted there, or was until a moment ago */
    struct map *stopped; /* a rollout failed there */
    bool all_stopped;
};

/* One that moves to sidecars that are not desired any more goes on with the new ones. No other one begins to move. */
static bool changes_course(const struct renewal_item *i)
{
    return i->stage == RENEWAL_MOVING && !i->is_writing && !i->is_over && (!i->is_restarted || i->retry) &&
           i->outdated && i->obstacle == RENEWAL_FREE;
}

static void begin(const struct renewal_terms *terms, struct renewal_item *i, struct busy *busy)
{
    bool is_stopped = busy->all_stopped || map_has(busy->stopped, i->ns);

    /* One that failed is the first that is tried again. */
    if (is_stopped && !i->failed)
        return;
    if (map_has(busy->moving, i->ns))
        return;
    if (map_len(busy->moving) >= terms->max_namespaces)
        return;
    map_put(busy->moving, i->ns, i);
    i->restart = true;
}

static void find_busy(const struct renewal_terms *terms, struct renewal_item *items, size_t len, struct busy *busy)
{
    size_t followed = 0;

    for (size_t i = 0; i < len; i++) {
        if (items[i].stage == RENEWAL_MOVING || items[i].stage == RENEWAL_RESTING)
            map_put(busy->moving, items[i].ns, &items[i]);
        followed += renewal_is_followed(&items[i]);
        if (!items[i].failed)
            continue;
        map_put(busy->stopped, items[i].ns, &items[i]);
        busy->all_stopped |= terms->stops_all;
    }
    /* Those that the status could not follow would be restarted again and again. */
    busy->all_stopped |= followed >= RENEWAL_FOLLOWED_MAX;
}

/* What is refused is tried again when nothing else is left to restart in its namespace. */
static void choose(const struct renewal_terms *terms, struct renewal_item *items, size_t len)
{
    _cleanup_map_ struct map *moving = map_new(NULL), *stopped = map_new(NULL);
    struct busy busy = {.moving = moving, .stopped = stopped};

    find_busy(terms, items, len, &busy);
    for (size_t i = 0; i < len; i++)
        items[i].restart = changes_course(&items[i]);
    for (size_t i = 0; i < len; i++)
        if (items[i].stage == RENEWAL_LEFT && items[i].obstacle == RENEWAL_FREE)
            begin(terms, &items[i], &busy);
    for (size_t i = 0; i < len; i++)
        if (items[i].stage == RENEWAL_LEFT && items[i].obstacle == RENEWAL_REFUSED)
            begin(terms, &items[i], &busy);
}

void renewal_decide(
    const struct renewal_terms *terms, struct renewal_item *items, size_t len, msec_t now, struct renewal_totals *ret)
{
    msec_t change;

    *ret = (struct renewal_totals){.again_at = MSEC_NEVER};
    for (size_t i = 0; i < len; i++)
        assess(terms, &items[i], now, ret);
    ret->in_window = renewal_in_window(terms->windows, now, &change);
    if (terms->may_begin && ret->in_window)
        choose(terms, items, len);
    for (size_t i = 0; i < len; i++) {
        struct renewal_item *item = &items[i];
        if (item->stage == RENEWAL_LEFT && item->obstacle == RENEWAL_REFUSED)
            block(item, RENEWAL_REFUSED);
        ret->left += item->stage == RENEWAL_LEFT;
        ret->moving += item->stage == RENEWAL_MOVING;
        ret->resting += item->stage == RENEWAL_RESTING;
        ret->blocked += item->stage == RENEWAL_BLOCKED;
    }
    if (terms->may_begin && ret->left && !ret->in_window)
        note_time(ret, change);
}
