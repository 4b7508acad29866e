/*
 * Kubernetes Events on a resource: what was created, updated, restored, refused.
 *
 * Notes of one moment are collected: a few become an Event each, many of one meaning become one Event with their count.
 * The same refusal is reported again only after a while. An Event is sent once, and is not repeated if the server
 * refuses it.
 */
#ifndef RECONCILE_EVENTS_H
#define RECONCILE_EVENTS_H

#include <stdbool.h>

#include "kube/gate.h"
#include "net/io.h"

struct events;

/* The kind Event, for requests; it is not watched. */
extern const struct kube_kind events_kind;

/*
 * Borrows `io`. While the gate is closed Events are dropped. Requests that are under way when it is freed are not
 * cancelled.
 */
struct events *events_new(struct net_io *io, struct kube_gate gate);
void events_free(struct events *events);

/* Whom the Events are about; strings are copied. */
struct event_subject {
    const char *api_version, *kind, *ns, *name, *uid;
};

/*
 * `reason` is one word ("Healed"), `object` the object's key, `text` why. A `warning` becomes an Event of type Warning,
 * and is not repeated while its text stays the same.
 */
void events_note(
    struct events *events, const struct event_subject *subject, const char *reason, bool warning, const char *object,
    const char *text);

/* Sends what is still gathered, immediately. */
void events_flush(struct events *events);

#endif
