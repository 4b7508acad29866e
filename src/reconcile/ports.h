/*
 * Ports of a Service that stay where it has them although they are not desired any more: clients and firewalls may know
 * their node ports, which the server would not assign again. Pure.
 */
#ifndef RECONCILE_PORTS_H
#define RECONCILE_PORTS_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Adds to the desired Service, behind its own ports, those of `numbers` (ends with 0) that the live one has and the
 * desired one has neither under this number nor under their name. Returns whether there are some.
 */
bool ports_keep(json_t *desired, const json_t *live, const int *numbers);

#endif
