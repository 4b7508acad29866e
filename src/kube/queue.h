/*
 * The apply queue of one cluster: writes under way, one an object, capped in number.
 *
 * An action for an object that has one under way waits for it; an action for an
 * object that has one waiting takes its place (a write of the status waits beside the
 * others). A failed action is not repeated by
 * the queue: its object is held back for a time that doubles with each failure (shorter after a
 * conflict, and as long as the server says), what waits for it is dropped, puts of the same content are ignored
 * meanwhile, and the owner is woken to plan again. Other content is sent immediately: the resource or the object
 * changed, or the object was deleted. A write that was repeated too often (KUBE_REPEATS_AT_ONCE) is held back, too,
 * until something else is desired. That keeps the decision what to send with the planner and makes a crash equal a
 * restart. 429 pauses the whole queue.
 *
 * Where its options have a gate, that is asked right before each write is sent. While it is closed nothing is sent, and
 * what waits is dropped: the code that opens it plans again.
 */
#ifndef KUBE_QUEUE_H
#define KUBE_QUEUE_H

#include <jansson.h>

#include "kube/schedule.h"
#include "net/io.h"

struct kube_queue;

/*
 * An action is over: `object` is the answer's object on success (borrowed), `e` is NULL on success. After KUBE_REMOVE
 * `object` is NULL where the object was deleted (also where it did not exist before, unless its kind is custom: then
 * that is ERR_NOT_FOUND), else the object as it stays until its finalizers are done. An answer of success that cannot
 * be read is ERR_UNAVAILABLE: it is unknown whether the write took place. Runs from the event loop.
 */
typedef void (*kube_action_done_fn)(void *context, const struct kube_action *action, const json_t *object,
                                    const struct err *e);
/* Objects held back may be tried again: plan. */
typedef void (*kube_queue_wake_fn)(void *context);

/* `io` is borrowed. */
struct kube_queue *kube_queue_new(struct net_io *io, const struct kube_queue_options *options, kube_action_done_fn done,
                                  kube_queue_wake_fn wake, void *context);
/* Not from inside one of its callbacks. */
void kube_queue_free(struct kube_queue *q);

/* Takes over the action (and releases it where it is ignored). True if it will be sent. */
bool kube_queue_put(struct kube_queue *q, struct kube_action *action);
/* Whether an action for this object is under way or waits, or the object is held back. */
bool kube_queue_busy(const struct kube_queue *q, const struct kube_kind *kind, const char *ns, const char *name);
/* The two parts of it: an action for this object is under way or waits; this action is held back now. */
bool kube_queue_is_under_way(const struct kube_queue *q, const struct kube_kind *kind, const char *ns,
                             const char *name);
bool kube_queue_holds(const struct kube_queue *q, const struct kube_action *action);
/* Whether a create that this owner (kube_action.owner) decided is under way or waits. */
bool kube_queue_is_creating(const struct kube_queue *q, const void *owner);
/* While held nothing is sent; puts wait. */
void kube_queue_hold(struct kube_queue *q, bool held);
/* Nothing is sent for now: it is held, or the server asked for a pause. */
bool kube_queue_is_stopped(const struct kube_queue *q);
/* Drops what waits of this owner (kube_action.owner; NULL: all owners); what is under way goes on. */
void kube_queue_drop_waiting(struct kube_queue *q, const void *owner);
/* `owner` is freed: actions that it decided have no owner from now on. */
void kube_queue_disown(struct kube_queue *q, const void *owner);
/* The credentials or the address changed, or the server is back: forget all back-off. */
void kube_queue_reset_backoff(struct kube_queue *q);
size_t kube_queue_in_flight(const struct kube_queue *q);
size_t kube_queue_waiting(const struct kube_queue *q);

#endif
