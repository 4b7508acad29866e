/*
 * The kinds of resources that this operator reconciles, by the list in mesh/kinds.h, and the rest of the controller's
 * tables.
 */
#ifndef CONTROLLERS_KINDS_H
#define CONTROLLERS_KINDS_H

#include "reconcile/controller.h"

extern const struct controller_kinds operator_kinds;

/* The row of a kind of resource by its name; NULL where there is none. */
const struct reconciler *operator_kinds_find(const char *kind);
/* "Istio or RemoteIstio", for messages. */
void operator_kinds_words(struct buf *out);

#endif
