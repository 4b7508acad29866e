/*
 * Competes for a Lease (kube/lease.h) on a net_io: reads and writes it, with times of their own, and watches it by its
 * name, so that a lease that is released is taken immediately.
 *
 * It shares the io with the code that writes under the lease, which asks kube_elector_may_send() at the moment of each
 * write. It reads the wall clock for timestamps only. It does not log.
 */
#ifndef KUBE_ELECTOR_H
#define KUBE_ELECTOR_H

#include "kube/lease.h"
#include "net/io.h"

struct kube_elector;

/* This process leads now, or no longer, or the lease is released, or kube_elector_error() changed. From the loop. */
typedef void (*kube_elector_changed_fn)(void *context);

/* `io` is borrowed; the options are copied and have passed kube_lease_check(). */
struct kube_elector *kube_elector_new(struct net_io *io, const struct kube_lease_options *options,
                                      kube_elector_changed_fn changed, void *context);
/* Does not release the lease. Not from inside its callback. */
void kube_elector_free(struct kube_elector *e);
DEFINE_CLEANUP(struct kube_elector *, kube_elector_free)
#define _cleanup_kube_elector_ _cleanup_(kube_elector_free_p)

/* For a gate: what is true now, whatever was reported before. */
bool kube_elector_may_send(const struct kube_elector *e, msec_t *ret_not_after);
/* Its state: who holds it, why. */
const struct kube_lease *kube_elector_lease(const struct kube_elector *e);
/* What keeps it from the lease, or went wrong last; "": nothing. */
const char *kube_elector_error(const struct kube_elector *e);
/* This server has no Lease v1 (it is older than Kubernetes 1.14): there will be no leader. */
bool kube_elector_is_unsupported(const struct kube_elector *e);

/* kube_lease_resign() and kube_lease_release(); `changed` runs when that is done. */
void kube_elector_resign(struct kube_elector *e);
void kube_elector_release(struct kube_elector *e);

#endif
