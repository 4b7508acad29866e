/* The phases and commands, when something is due, and what is done where a clock is set back. */
#include <string.h>

#include "base/str.h"
#include "controllers/canary/canary_decide.h"
#include "doc/doc.h"

static const char *const phase_names[] = {
    NULL,
#define X(id, name, doc) [CANARY_##id] = name,
    API_CANARY_PHASES(X)
#undef X
};
ARRAY_COVERS(phase_names, CANARY_PHASE_LAST);

const char *canary_phase_name(enum canary_phase phase)
{
    return phase_names[phase];
}

enum canary_phase canary_phase_of(const char *name)
{
    for (int i = CANARY_NEW + 1; i <= CANARY_PHASE_LAST; i++)
        if (str_eq(phase_names[i], name))
            return i;
    return CANARY_NEW;
}

enum canary_verb canary_verb_of(const char *command)
{
    static const char *const verbs[] = {
        [CANARY_ABORT] = "abort@",
        [CANARY_RETRY] = "retry@",
        [CANARY_APPROVE] = "approve@",
        [CANARY_PROMOTE] = "promote@"};

    for (int i = CANARY_ABORT; i <= CANARY_PROMOTE && strlen(command) < CANARY_COMMAND_MAX; i++)
        if (str_starts(command, verbs[i]) && command[strlen(verbs[i])])
            return i;
    return CANARY_NO_COMMAND;
}

bool canary_is_idle(enum canary_phase phase)
{
    return phase == CANARY_INITIALIZED || phase == CANARY_SUCCEEDED || phase == CANARY_FAILED ||
           phase == CANARY_WAITING;
}

/* What is later than it can be by this clock was written by another one, or before this one was set back. */
static void bound(msec_t *time, msec_t most)
{
    if (*time > most)
        *time = most;
}

void canary_set_clock(const struct canary_spec *spec, struct canary_state *s, msec_t now)
{
    const msec_t longest = now + SECONDS(spec->settle) + SECONDS(spec->drain);

    bound(&s->settle_until, longest);
    bound(&s->drain_until, longest);
    bound(&s->since, now);
    bound(&s->checked, now);
    if (!canary_is_idle(s->phase))
        bound(&s->started, now);
}

static msec_t longest_window(const struct canary_spec *spec)
{
    msec_t longest = 0, window;
    json_t *metric;
    size_t i;

    json_array_foreach(spec->analysis.metrics, i, metric) {
        window = canary_window(metric);
        longest = window > longest ? window : longest;
    }
    return longest;
}

msec_t canary_check_due(const struct canary_spec *spec, const struct canary_state *s)
{
    msec_t interval = canary_interval(spec), window = longest_window(spec), end, next;

    if (s->phase != CANARY_PROGRESSING || s->step < 0 || !s->since || spec->suspend ||
        s->failed_checks >= spec->analysis.threshold)
        return MSEC_NEVER;
    if (!s->checked)
        return s->since + (interval > window ? interval : window);
    end = s->since + canary_step_of(spec, s->step).length;
    next = s->checked + interval;
    return end > s->checked && end < next ? end : next;
}

static void sooner(msec_t *at, msec_t now, msec_t when)
{
    if (when > now && when < *at)
        *at = when;
}

msec_t canary_wake(const struct canary_spec *spec, const struct canary_state *s, msec_t now)
{
    msec_t at = MSEC_NEVER;

    sooner(&at, now, s->settle_until);
    sooner(&at, now, s->drain_until);
    sooner(&at, now, canary_check_due(spec, s));
    if (!canary_is_idle(s->phase))
        sooner(&at, now, s->started + SECONDS(spec->progress_deadline));
    return at;
}
