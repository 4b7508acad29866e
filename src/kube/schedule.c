#include "kube/schedule.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "kube/backoff.h"

enum lane { LANE_OBJECT, LANE_STATUS, LANES };

struct item {
    struct kube_action *running, *waiting[LANES];
    struct item *next; /* in the line */
    bool in_line;
    bool told; /* the owner was notified after the hold */
    unsigned failures;
    msec_t held_until;
    uint64_t refused; /* while it is held back: the content that is; 0: all */
    uint64_t wish;    /* what was written last; 0: nothing */
    unsigned repeats;
    msec_t repeats_until; /* a write up to then is a repetition */
};

struct kube_schedule {
    struct kube_queue_options options;
    struct map *items; /* by object */
    struct item *line, **line_end;
    size_t running, waiting;
    msec_t paused_until;
    bool held, woken;
};

void kube_action_release(struct kube_action *a)
{
    free(a->version);
    free(a->ns);
    free(a->name);
    free(a->uid);
    free(a->resource_version);
    str_free_secret(a->body);
    free(a->reason);
    *a = (struct kube_action){0};
}

static void action_free(struct kube_action *a)
{
    if (!a)
        return;
    kube_action_release(a);
    free(a);
}

static void item_free(void *p)
{
    struct item *item = p;

    action_free(item->running);
    for (int lane = 0; lane < LANES; lane++)
        action_free(item->waiting[lane]);
    free(item);
}

struct kube_schedule *kube_schedule_new(const struct kube_queue_options *options)
{
    struct kube_schedule *s = NEW(struct kube_schedule);

    s->options = *options;
    if (!s->options.in_flight_max)
        s->options.in_flight_max = 64;
    if (!s->options.backoff_first)
        s->options.backoff_first = 500;
    if (!s->options.backoff_most)
        s->options.backoff_most = SECONDS(60);
    s->items = map_new(item_free);
    s->line_end = &s->line;
    return s;
}

void kube_schedule_free(struct kube_schedule *s)
{
    if (!s)
        return;
    map_free(s->items);
    free(s);
}

static char *key_of(const struct kube_kind *kind, const char *ns, const char *name)
{
    return STR_JOIN('/', kind->group, kind->plural, str_or(ns, ""), name);
}

static struct item *item_of(struct kube_schedule *s, const struct kube_action *a)
{
    _cleanup_free_ char *key = key_of(a->kind, a->ns, a->name);
    struct item *item = map_get(s->items, key);

    if (!item) {
        item = NEW(struct item);
        map_put(s->items, key, item);
    }
    return item;
}

static bool has_waiting(const struct item *item)
{
    return item->waiting[LANE_OBJECT] || item->waiting[LANE_STATUS];
}

static void line_up(struct kube_schedule *s, struct item *item)
{
    if (item->in_line || item->running || !has_waiting(item))
        return;
    item->in_line = true;
    item->next = NULL;
    *s->line_end = item;
    s->line_end = &item->next;
}

static void drop_waiting(struct kube_schedule *s, struct item *item, const void *owner)
{
    for (int lane = 0; lane < LANES; lane++) {
        if (!item->waiting[lane] || (owner && item->waiting[lane]->owner != owner))
            continue;
        action_free(item->waiting[lane]);
        item->waiting[lane] = NULL;
        s->waiting--;
    }
}

bool kube_schedule_busy(const struct kube_schedule *s, msec_t now, const struct kube_kind *kind, const char *ns,
                        const char *name)
{
    _cleanup_free_ char *key = key_of(kind, ns, name);
    const struct item *item = map_get(s->items, key);

    return item && (item->running || has_waiting(item) || now < item->held_until);
}

static uint64_t wish_of(const struct kube_action *a)
{
    if (a->wish)
        return a->wish;
    return a->body ? str_hash(a->body, strlen(a->body)) : (uint64_t)a->verb + 1;
}

/* Never 0. */
static uint64_t content_of(const struct kube_action *a)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%d %s ", a->verb, str_or(a->uid, ""));
    if (a->content)
        buf_add(&text, &a->content, sizeof(a->content));
    else
        buf_add_str(&text, str_or(a->body, ""));
    return buf_take_hash(&text);
}

static bool holds(const struct item *item, msec_t now, const struct kube_action *action)
{
    if (now >= item->held_until)
        return false;
    if (item->repeats > KUBE_REPEATS_AT_ONCE)
        return item->wish == wish_of(action);
    return !item->refused || item->refused == content_of(action);
}

bool kube_schedule_is_under_way(const struct kube_schedule *s, const struct kube_kind *kind, const char *ns,
                                const char *name)
{
    _cleanup_free_ char *key = key_of(kind, ns, name);
    const struct item *item = map_get(s->items, key);

    return item && (item->running || has_waiting(item));
}

bool kube_schedule_holds(const struct kube_schedule *s, msec_t now, const struct kube_action *action)
{
    _cleanup_free_ char *key = key_of(action->kind, action->ns, action->name);
    const struct item *item = map_get(s->items, key);

    return item && holds(item, now, action);
}

bool kube_schedule_put(struct kube_schedule *s, msec_t now, struct kube_action *action)
{
    struct item *item = item_of(s, action);
    enum lane lane = action->verb == KUBE_UPDATE_STATUS ? LANE_STATUS : LANE_OBJECT;

    if (holds(item, now, action)) {
        kube_action_release(action);
        return false;
    }
    if (item->waiting[lane])
        action_free(item->waiting[lane]);
    else
        s->waiting++;
    item->waiting[lane] = mem_dup(action, sizeof(*action));
    *action = (struct kube_action){0};
    line_up(s, item);
    return true;
}

/* The first of the line that has something to send. */
static struct item *first_in_line(struct kube_schedule *s)
{
    while (s->line) {
        struct item *item = s->line;
        s->line = item->next;
        if (!s->line)
            s->line_end = &s->line;
        item->in_line = false;
        if (has_waiting(item) && !item->running)
            return item;
    }
    return NULL;
}

const struct kube_action *kube_schedule_next(struct kube_schedule *s, msec_t now)
{
    struct item *item;
    enum lane lane;

    if (kube_schedule_is_stopped(s, now) || s->running >= (size_t)s->options.in_flight_max)
        return NULL;
    item = first_in_line(s);
    if (!item)
        return NULL;
    lane = item->waiting[LANE_OBJECT] ? LANE_OBJECT : LANE_STATUS;
    item->running = TAKE_PTR(item->waiting[lane]);
    s->waiting--;
    s->running++;
    return item->running;
}

static void hold_back(struct kube_schedule *s, struct item *item, msec_t until)
{
    item->held_until = until;
    item->told = false;
    drop_waiting(s, item, NULL);
}

/*
 * Conflicts say that the cache does not have the newest version yet, which is under way. A create is refused for a
 * moment where the object was deleted just now: a Service's ports and addresses are free only some time after its
 * deletion was reported.
 */
static bool is_over_soon(const struct kube_action *action, enum err_class outcome)
{
    return outcome == ERR_CONFLICT || outcome == ERR_ALREADY_EXISTS ||
           (outcome == ERR_INVALID && action->verb == KUBE_CREATE);
}

static void failed(struct kube_schedule *s, struct item *item, msec_t now, uint32_t random, struct kube_action *action,
                   enum err_class outcome, msec_t retry_after)
{
    msec_t first = s->options.backoff_first, delay;

    if (is_over_soon(action, outcome))
        first = (first + 9) / 10;
    delay = kube_backoff(first, s->options.backoff_most, ++item->failures, random);
    action->failures = item->failures;
    hold_back(s, item, now + kube_backoff_asked(delay, outcome, retry_after));
    item->refused = outcome == ERR_THROTTLED ? 0 : content_of(action);
    item->repeats = 0;
    if (outcome == ERR_THROTTLED && item->held_until > s->paused_until)
        s->paused_until = item->held_until;
}

static void written(struct kube_schedule *s, struct item *item, msec_t now, uint32_t random, struct kube_action *action)
{
    uint64_t wish = wish_of(action);
    bool again = item->wish == wish && now <= item->repeats_until;

    item->wish = wish;
    item->repeats = again ? item->repeats + 1 : 0;
    item->failures = 0;
    item->held_until = 0;
    if (item->repeats > KUBE_REPEATS_AT_ONCE)
        hold_back(s, item,
                  now + kube_backoff(s->options.backoff_first, s->options.backoff_most,
                                     item->repeats - KUBE_REPEATS_AT_ONCE, random));
    item->repeats_until = (item->held_until ? item->held_until : now) + KUBE_REPEAT_WITHIN;
    action->repeats = item->repeats;
}

static bool is_waited_for(const struct item *item)
{
    return item->running || item->in_line || has_waiting(item);
}

/* Nothing of it has to be remembered. Back-off is forgotten when nothing was tried again for long. */
static bool is_idle(const struct kube_schedule *s, const struct item *item, msec_t now)
{
    return !is_waited_for(item) && now > item->repeats_until &&
           (!item->failures || now > item->held_until + 2 * s->options.backoff_most);
}

struct kube_action kube_schedule_finish(struct kube_schedule *s, msec_t now, uint32_t random,
                                        const struct kube_action *action, enum err_class outcome, msec_t retry_after)
{
    struct item *item = item_of(s, action);
    _cleanup_free_ struct kube_action *finished = TAKE_PTR(item->running);

    s->running--;
    if (outcome == ERR_NONE)
        written(s, item, now, random, finished);
    else
        failed(s, item, now, random, finished, outcome, retry_after);
    line_up(s, item);
    return *finished;
}

/* When it may be tried again, or its writes be forgotten. */
static msec_t next_of(const struct item *item)
{
    if (item->held_until && !item->told)
        return item->held_until;
    return item->failures || is_waited_for(item) ? MSEC_NEVER : item->repeats_until + 1;
}

msec_t kube_schedule_due(const struct kube_schedule *s)
{
    msec_t due = MSEC_NEVER;
    void *value;

    if (s->woken)
        return 0;
    for (size_t i = 0; map_next(s->items, &i, NULL, &value);) {
        msec_t next = next_of(value);
        if (next < due)
            due = next;
    }
    if (s->waiting && !s->held && s->paused_until && s->paused_until < due)
        due = s->paused_until;
    return due;
}

bool kube_schedule_wake(struct kube_schedule *s, msec_t now)
{
    bool wake = s->woken;
    const char *key;
    void *value;

    s->woken = false;
    if (now >= s->paused_until)
        s->paused_until = 0;
    for (size_t i = 0; map_next(s->items, &i, &key, &value);) {
        struct item *item = value;
        if (item->held_until && !item->told && item->held_until <= now) {
            item->told = true;
            wake = true;
        }
        if (is_idle(s, item, now))
            map_remove(s->items, key);
    }
    return wake;
}

void kube_schedule_hold(struct kube_schedule *s, bool held)
{
    s->held = held;
}

bool kube_schedule_is_stopped(const struct kube_schedule *s, msec_t now)
{
    return s->held || now < s->paused_until;
}

void kube_schedule_drop_waiting(struct kube_schedule *s, const void *owner)
{
    void *value;

    for (size_t i = 0; map_next(s->items, &i, NULL, &value);)
        drop_waiting(s, value, owner);
}

void kube_schedule_disown(struct kube_schedule *s, const void *owner)
{
    void *value;

    for (size_t i = 0; map_next(s->items, &i, NULL, &value);) {
        struct item *item = value;
        struct kube_action *actions[] = {item->running, item->waiting[LANE_OBJECT], item->waiting[LANE_STATUS]};
        for (size_t k = 0; k < ARRAY_LEN(actions); k++)
            if (actions[k] && actions[k]->owner == owner)
                actions[k]->owner = NULL;
    }
}

bool kube_schedule_is_creating(const struct kube_schedule *s, const void *owner)
{
    void *value;

    for (size_t i = 0; map_next(s->items, &i, NULL, &value);) {
        const struct item *item = value;
        const struct kube_action *actions[] = {item->running, item->waiting[LANE_OBJECT]};
        for (size_t k = 0; k < ARRAY_LEN(actions); k++)
            if (actions[k] && actions[k]->verb == KUBE_CREATE && actions[k]->owner == owner)
                return true;
    }
    return false;
}

void kube_schedule_reset_backoff(struct kube_schedule *s)
{
    void *value;

    for (size_t i = 0; map_next(s->items, &i, NULL, &value);) {
        struct item *item = value;
        s->woken = s->woken || item->held_until;
        item->failures = 0;
        item->held_until = 0;
    }
    s->paused_until = 0;
}

size_t kube_schedule_in_flight(const struct kube_schedule *s)
{
    return s->running;
}

size_t kube_schedule_waiting(const struct kube_schedule *s)
{
    return s->waiting;
}
