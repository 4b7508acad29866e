/* How long to wait after failures, so that a server that comes back does not get all requests at the same time. */
#ifndef KUBE_BACKOFF_H
#define KUBE_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/*
 * The delay after `failures` failures in a row (1 or more): `first`, then doubling up to `most`, less a jitter of up to
 * a fifth from `random` (0..UINT32_MAX). Pure.
 */
msec_t kube_backoff(msec_t first, msec_t most, unsigned failures, uint32_t random);

/*
 * A delay lengthened to what the server asked for (its Retry-After; 0: nothing) when it throttles the client, but to
 * five minutes at most: a server must not stop the client for good. A 503's Retry-After is a guess ("server is
 * starting": 10 s, for what takes one) and does not count.
 */
msec_t kube_backoff_asked(msec_t delay, enum err_class failure, msec_t retry_after);

#endif
