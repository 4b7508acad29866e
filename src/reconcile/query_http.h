/*
 * Sends queries over HTTP or HTTPS, in the loop. Each has a connection of its own, so that a server that hangs does not
 * delay others; certificates are checked against the system's authorities, and redirections are not followed.
 */
#ifndef RECONCILE_QUERY_HTTP_H
#define RECONCILE_QUERY_HTTP_H

#include "reconcile/inquiry.h"

/* Borrows the loop. */
struct query_sender query_http(struct event_base *loop);

#endif
