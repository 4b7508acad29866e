/*
 * What a release does next: from where it stands and what is observed to where it stands then, and what is desired
 * meanwhile. Pure, and without documents.
 *
 * Nothing is remembered but the state, which is the status of the Canary. What raises the canary's share of the traffic
 * follows the status that is observed, so that the status is written first and a crash changes nothing; what lowers it
 * follows the new one, immediately.
 */
#ifndef CONTROLLERS_CANARY_CANARY_DECIDE_H
#define CONTROLLERS_CANARY_CANARY_DECIDE_H

#include <stdbool.h>

#include "api/status.h"
#include "base/buf.h"
#include "base/clock.h"
#include "controllers/canary/canary.h"
#include "controllers/canary/canary_steps.h"
#include "controllers/canary/canary_webhooks.h"

enum canary_phase {
    CANARY_NEW, /* no status yet */
#define X(id, name, doc) CANARY_##id,
    API_CANARY_PHASES(X)
#undef X
        CANARY_PHASE_LAST = CANARY_TERMINATING,
};

const char *canary_phase_name(enum canary_phase phase); /* NULL of CANARY_NEW */
enum canary_phase canary_phase_of(const char *name);

enum { CANARY_REVISION_MAX = 32, CANARY_HASH_MAX = 64, CANARY_COMMAND_MAX = 128 };

enum canary_verb { CANARY_NO_COMMAND, CANARY_ABORT, CANARY_RETRY, CANARY_APPROVE, CANARY_PROMOTE };

/* Of a command, "abort@TOKEN" of less than CANARY_COMMAND_MAX bytes; NO_COMMAND: it is none. */
enum canary_verb canary_verb_of(const char *command);

/* The status, as far as it decides. Times are of the wall clock; 0: none. */
struct canary_state {
    enum canary_phase phase;
    const char *reason, *message;       /* borrowed, or static; may be NULL */
    char revision[CANARY_REVISION_MAX]; /* that is released, or was last; "": none */
    char failed[CANARY_REVISION_MAX];
    char hash[CANARY_HASH_MAX];        /* pod-template-hash that the canary's Service selects; "": not known yet */
    int weight, mirror;                /* percent of the requests that the canary is to have, or copies of */
    int match;                         /* percent of those that match */
    char matched[CANARY_MATCH_ID_MAX]; /* who matches since `since`; "": not known, or nobody does */
    int step;                          /* -1: before the first one */
    bool approved;                     /* the step may end */
    enum canary_hook confirmed;        /* a person said yes for these webhooks, which has not let anything go on yet */
    bool frozen;                       /* that the target is paused is the operator's, and not a person's */
    msec_t since;                      /* the route has the weight of the step */
    msec_t checked;                    /* the last check of the step ended */
    int failed_checks, inconclusive_checks, error_checks;
    msec_t release; /* it began, or what is asked before it */
    msec_t started; /* what is going on began: its deadline counts from there */
    msec_t settle_until, drain_until;
    char command[CANARY_COMMAND_MAX]; /* "abort@1", that was handled last */
};

/* What a check comes to, the worst of its metrics. */
enum canary_outcome {
    CHECK_WAITS, /* it is not due, or answers are missing */
    CHECK_PASSES,
    CHECK_HAS_NO_DATA, /* and the weight has to stay for it */
    CHECK_HAS_ERROR,
    CHECK_FAILS,
};

/* Between how many replicas something is scaled; `most` 0: it is not scaled. */
struct canary_bounds {
    int least, most;
};
/* The nearest within them. */
int canary_within(struct canary_bounds bounds, int replicas);

/* What webhooks of one type come to, together. */
enum canary_gate {
    GATE_OPEN,   /* all said yes, or there are none */
    GATE_CLOSED, /* one said no, or has not answered yet */
    GATE_FAILED, /* one said no, now: that counts */
};

/* What is observed. Strings are borrowed. */
struct canary_facts {
    msec_t now;
    const char *command; /* of the annotation, with its token, and one that is understood; NULL: there is none */

    bool has_target;
    const char *revision; /* of the target's template */
    const char *hash;     /* of the ReplicaSet of that template; NULL: not known yet */
    int target_replicas;
    bool target_paused;
    bool target_ready; /* it has Pods, all of its template and available */

    const char *recorded; /* the revision that the primary is to have; NULL: nothing is recorded yet */
    bool objects_ready;   /* all that belongs to the Canary is as desired */
    bool primary_ready;   /* all Pods of the primary are of its template and available, and its Service knows them */
    bool primary_serves;  /* some of them are, and its Service knows them */
    int primary_replicas;
    int canary_endpoints; /* of the released ReplicaSet, that are ready */

    int route;                   /* the canary's weight in the VirtualService; -1: it is not as desired, or not there */
    int mirror;                  /* percent of the requests that are mirrored there */
    int match;                   /* percent of those that match, which it has there; 0: none are set apart */
    const char *unfit;           /* what the installed Istio cannot do of it; NULL: nothing */
    const char *scaler_obstacle; /* why the target's autoscaler cannot be followed; NULL: it can */
    struct canary_bounds bounds; /* of the target's autoscaler */
    const char *conflict;        /* why the weights may mean nothing; NULL: they do mean something */
    bool apex;                   /* the Service that clients call selects the primary alone */

    enum canary_outcome check;
    const char *check_text; /* why it did not pass; of CHECK_WAITS, what it waits for, NULL: nothing to tell of */

    bool has_hook[HOOK_LAST + 1];
    enum canary_gate gate;  /* of canary_awaited_hook() */
    bool is_tested;         /* all webhooks of type pre-rollout have said yes */
    const char *gate_text;  /* which webhook is waited for, and what it answered last */
    const char *wants_back; /* why a webhook ends the release; NULL: none does */
};

/* What the primary's template is to be. */
enum canary_template { TEMPLATE_STAYS, TEMPLATE_PROMOTED, TEMPLATE_RESTORED };

/* What is desired now. */
struct canary_wish {
    bool route;                /* the VirtualService is to be as desired, with `weight` */
    int weight, mirror, match; /* of the canary */
    bool apex;                 /* the Service that clients call is to select the primary */
    int replicas;              /* of the target; below 0: as they are */
    int paused;                /* of the target: 0 or 1; below 0: as it is */
    enum canary_template template;
};

/*
 * The next state. `text` gets the message, which the state refers to. *ret_held: nothing goes on without something
 * else.
 */
void canary_decide(
    const struct canary_spec *spec, const struct canary_facts *facts, struct canary_state *state, struct buf *text,
    bool *ret_held);
/* What is desired, where `before` is the state as observed and `after` the next one. */
void canary_wish_of(
    const struct canary_spec *spec, const struct canary_facts *facts, const struct canary_state *before,
    const struct canary_state *after, struct canary_wish *ret);
/*
 * Before a decision: what the state has of times that are still to come, though they have been, begins now, and what
 * would be waited for for longer than ever is waited for as long as from now on. So a clock that was set back, or that
 * of another replica, makes a wait begin anew at most.
 */
void canary_set_clock(const struct canary_spec *spec, struct canary_state *state, msec_t now);
/* When the next check is due; MSEC_NEVER: none is. */
msec_t canary_check_due(const struct canary_spec *spec, const struct canary_state *state);
/* When to look again, where nothing happens before; MSEC_NEVER. */
msec_t canary_wake(const struct canary_spec *spec, const struct canary_state *state, msec_t now);
/* Which webhooks decide what is next, as the state says: those are asked. HOOK_NONE: none do. */
enum canary_hook canary_awaited_hook(const struct canary_state *state);
/* The VirtualService is observed to lead nothing to the canary. */
bool canary_is_apart(const struct canary_facts *facts);
/* No release is going on: the target has no Pods. */
bool canary_is_idle(enum canary_phase phase);

#endif
