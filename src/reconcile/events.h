/*
 * Kubernetes Events on a resource: what was created, changed, healed, refused.
 *
 * Notes of one moment are gathered: a few become an Event each, many of one meaning
 * become one Event with their number. The same refusal is told again only after
 * a while. Events are told once and not repeated when the server does not take them.
 */
#ifndef RECONCILE_EVENTS_H
#define RECONCILE_EVENTS_H

#include <stdbool.h>

#include "kube/gate.h"
#include "kube/io.h"

struct events;

/* Events themselves, for requests: nobody watches them. */
extern const struct kube_kind events_kind;

/* Borrows `io`. While the gate is closed Events are dropped. What is under way when it is freed goes its way. */
struct events *events_new(struct kube_io *io, struct kube_gate gate);
void events_free(struct events *events);

/* Whom the Events are about; strings are copied. */
struct event_subject {
    const char *api_version, *kind, *ns, *name, *uid;
};

/*
 * `reason` is one word ("Healed"), `object` the object's key, `text` why. A `warning` is told as such and not
 * repeated while its text stays the same.
 */
void events_note(
    struct events *events, const struct event_subject *subject, const char *reason, bool warning, const char *object,
    const char *text);

/* Sends what is still gathered, immediately. */
void events_flush(struct events *events);

#endif
