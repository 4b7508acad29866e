/*
 * The end of a loop of libevent.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <event2/event.h>

#include "base/mem.h"

/* Does what libevent has put off to the next turn, and frees the loop; NULL is allowed. Whatever uses
 * the loop is freed before. event_base_free() alone leaks the buffers of connections closed in the last
 * turn (libevent 2.1: their finalizers are not run). */
void loop_free(struct event_base *loop);

DEFINE_CLEANUP(struct event_base *, loop_free)
#define _cleanup_loop_ _cleanup_(loop_free_p)

#endif
