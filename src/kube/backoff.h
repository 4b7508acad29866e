/* How long to wait after failures, so that a server that comes back is not met by everybody at once. */
#ifndef KUBE_BACKOFF_H
#define KUBE_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"

/* A server's Retry-After counts up to here: its word is not to put us to sleep for good. */
#define KUBE_RETRY_AFTER_MOST SECONDS(300)

/*
 * The delay after `failures` failures in a row (1 or more): `first`, then doubling up to `most`, less a jitter of up to
 * a fifth from `random` (0..UINT32_MAX). Pure.
 */
msec_t kube_backoff(msec_t first, msec_t most, unsigned failures, uint32_t random);

#endif
