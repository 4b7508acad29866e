/*
 * The rules of the apply queue, without I/O and without a clock: which action is sent
 * next, which waits, which is ignored.
 *
 * At most one action an object is under way. Behind it may wait one write and one write
 * of its status; the later put of either takes the place of the earlier. Objects are
 * served in the order in which they were put.
 */
#ifndef KUBE_SCHEDULE_H
#define KUBE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/gate.h"
#include "kube/kind.h"

enum kube_verb {
    KUBE_CREATE,
    KUBE_UPDATE,
    KUBE_UPDATE_STATUS,
    KUBE_MERGE_PATCH,
    KUBE_REMOVE,
    KUBE_VERB_LAST = KUBE_REMOVE
};

/* One create, update or delete with its reason. All strings are owned. */
struct kube_action {
    enum kube_verb verb;
    const struct kube_kind *kind;
    char *version; /* API version to speak */
    char *ns, *name;
    char *uid;              /* of the object, where it is known; KUBE_REMOVE: only this one; may be NULL */
    char *resource_version; /* KUBE_REMOVE: only as it was then; may be NULL */
    char *body;             /* JSON text; NULL for KUBE_REMOVE */
    char *reason;           /* for users: "deleted by another client" */
    int tag;                /* the owner's own number; the queue ignores it */
    const void *owner;      /* who decided it, where several share a queue; never followed */
    uint64_t wish;          /* equal where the same is desired of the object again; 0: the body says it */
    /*
     * Equal where the same would be sent again to the same object, but for what changes by itself (resourceVersion,
     * status): the server would give the same answer. 0: verb, uid and body say it.
     */
    uint64_t content;
    unsigned repeats;  /* set when it is over: how often that was written in a row before */
    unsigned failures; /* set when it failed: how often the object's writes have failed in a row, this one included */
};

/*
 * A write that is repeated again and again within REPEAT_WITHIN is undone by another client: so many repetitions are
 * sent immediately, the next ones with a delay like that after failures. Other desired content of the object is not a
 * repetition.
 */
#define KUBE_REPEATS_AT_ONCE 5
#define KUBE_REPEAT_WITHIN SECONDS(10)

void kube_action_release(struct kube_action *a);

struct kube_queue_options {
    int in_flight_max;     /* 0: 64 */
    msec_t backoff_first;  /* 0: 500 ms */
    msec_t backoff_most;   /* 0: 60 s */
    struct kube_gate gate; /* asked by the queue before each write */
};

struct kube_schedule;

struct kube_schedule *kube_schedule_new(const struct kube_queue_options *options);
void kube_schedule_free(struct kube_schedule *s);
DEFINE_CLEANUP(struct kube_schedule *, kube_schedule_free)
#define _cleanup_kube_schedule_ _cleanup_(kube_schedule_free_p)

/* Takes over the action's strings. False where it is held back, as kube_schedule_holds() says: then they are released.
 */
bool kube_schedule_put(struct kube_schedule *s, msec_t now, struct kube_action *action);

/* Whether an action for this object is under way or waits, or the object is held back. */
bool kube_schedule_busy(const struct kube_schedule *s, msec_t now, const struct kube_kind *kind, const char *ns,
                        const char *name);

/* Whether an action for this object is under way or waits. */
bool kube_schedule_is_under_way(const struct kube_schedule *s, const struct kube_kind *kind, const char *ns,
                                const char *name);
/* Whether a create that this owner decided is under way or waits. */
bool kube_schedule_is_creating(const struct kube_schedule *s, const void *owner);
/*
 * Whether this action would be sent too soon after a failure, or after one repetition too many. After a refusal this
 * holds for the same content only, because other content may be accepted; where the server asked to wait, it holds for
 * all.
 */
bool kube_schedule_holds(const struct kube_schedule *s, msec_t now, const struct kube_action *action);

/* The action to send now; it stays the schedule's and valid until kube_schedule_finish(). NULL: none. */
const struct kube_action *kube_schedule_next(struct kube_schedule *s, msec_t now);
/*
 * An action that was sent is over: ERR_NONE, or why it failed. `retry_after` as the server said; 0: it said nothing.
 * After a failure, and after one repetition too many, the object is held back and what waits for it is dropped;
 * ERR_THROTTLED pauses everything. The action's strings are the caller's now.
 */
struct kube_action kube_schedule_finish(struct kube_schedule *s, msec_t now, uint32_t random,
                                        const struct kube_action *action, enum err_class outcome, msec_t retry_after);

/* When something changes without an input: an object may be tried again, or the pause is over. MSEC_NEVER: nothing. */
msec_t kube_schedule_due(const struct kube_schedule *s);
/* True where objects that were held back became free since the last call: plan. */
bool kube_schedule_wake(struct kube_schedule *s, msec_t now);

/* While held nothing is sent; puts wait. */
void kube_schedule_hold(struct kube_schedule *s, bool held);
/* Held, or paused by the server: what waits has to wait long. */
bool kube_schedule_is_stopped(const struct kube_schedule *s, msec_t now);
/* `owner` NULL: of all owners. */
void kube_schedule_drop_waiting(struct kube_schedule *s, const void *owner);
/* Actions of this owner, under way or waiting, have none from now on. */
void kube_schedule_disown(struct kube_schedule *s, const void *owner);
void kube_schedule_reset_backoff(struct kube_schedule *s);
size_t kube_schedule_in_flight(const struct kube_schedule *s);
size_t kube_schedule_waiting(const struct kube_schedule *s);

#endif
