/*
 * The apply queue of one cluster: writes under way, one an object, capped in number.
 *
 * An action for an object that has one under way waits for it; an action for an
 * object that has one waiting takes its place. A failed action is not repeated by
 * the queue: its object is held back for a time that doubles with each failure,
 * puts for it are ignored meanwhile, and the owner is woken to plan again. That
 * keeps the decision what to send with the planner and makes a crash equal a restart.
 */
#ifndef KUBE_QUEUE_H
#define KUBE_QUEUE_H

#include <event2/event.h>

#include "kube/client.h"
#include "kube/kind.h"

enum kube_verb { KUBE_CREATE, KUBE_UPDATE, KUBE_UPDATE_STATUS, KUBE_MERGE_PATCH, KUBE_REMOVE };

/* One create, update or delete with its reason. All strings are owned. */
struct kube_action {
    enum kube_verb verb;
    const struct kube_kind *kind;
    char *version; /* API version to speak */
    char *ns, *name;
    char *uid;    /* KUBE_REMOVE: only this one; may be NULL */
    char *body;   /* JSON text; NULL for KUBE_REMOVE */
    char *reason; /* for people: "deleted by someone else" */
    int tag;      /* the owner's own mark; the queue does not look at it */
};

void kube_action_release(struct kube_action *a);

struct kube_queue;

/*
 * An action is over: `object` is the answer's object on success (borrowed, NULL for KUBE_REMOVE and where the answer
 * was none), `e` is NULL on success. Runs from the event loop.
 */
typedef void (*kube_action_done_fn)(void *context, const struct kube_action *action, const json_t *object,
                                    const struct err *e);
/* Objects held back may be tried again: plan. */
typedef void (*kube_queue_wake_fn)(void *context);

struct kube_queue_options {
    int in_flight_max;     /* 0: 64 */
    msec_t backoff_first;  /* 0: 500 ms */
    msec_t backoff_most;   /* 0: 60 s */
};

struct kube_queue *kube_queue_new(struct event_base *loop, struct kube_client *client,
                                  const struct kube_queue_options *options, kube_action_done_fn done,
                                  kube_queue_wake_fn wake, void *context);
void kube_queue_free(struct kube_queue *q);

/* Takes over the action (and releases it where it is ignored). True if it will be sent. */
bool kube_queue_put(struct kube_queue *q, struct kube_action *action);
/* Whether a put for this object would wait or be ignored: one is under way, waits, or is held back after a failure. */
bool kube_queue_has(const struct kube_queue *q, const struct kube_kind *kind, const char *ns, const char *name);
/* Drops what waits; what is under way goes on. */
void kube_queue_drop_waiting(struct kube_queue *q);
/* The credentials or the address changed: forget all back-off. */
void kube_queue_reset_backoff(struct kube_queue *q);
size_t kube_queue_in_flight(const struct kube_queue *q);
size_t kube_queue_waiting(const struct kube_queue *q);

/* The delay before try number `failures` + 1: doubling, with jitter of up to a fifth from `random` (0..UINT32_MAX). Pure. */
msec_t kube_backoff(msec_t first, msec_t most, unsigned failures, uint32_t random);

#endif
