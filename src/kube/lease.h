/*
 * One of several processes leads: a Lease (coordination.k8s.io/v1) as steps without I/O and without a clock.
 *
 * The caller asks kube_lease_step() what to do and reports the result:
 *
 *   READ    get the Lease
 *   CREATE  create it, with kube_lease_body()
 *   UPDATE  replace it, with kube_lease_body()
 *   WAIT    ask again at kube_lease_due(), or after the next input
 *
 * Each of the three is answered with kube_lease_answer() or kube_lease_failed(), after kube_lease_timeout() at the
 * latest. At most one is under way. What a watch brings meanwhile is passed to kube_lease_seen().
 *
 * A holder has the lease for its duration, counted from when this process saw its record change, on its own monotonic
 * clock: the times in the record are for users. The leader itself counts from when the write that created or renewed it
 * was sent, which is earlier. Every write carries the version that was read, so that one of two candidates loses.
 *
 *   sent       + renew_deadline        + half of the rest         + duration
 *    |-- writes may be sent --|-- those under way may end --|-- none --|  others may take it
 *
 * A leader that could not renew it by the renew deadline leads no longer, reads, and competes again. A Lease that is
 * deleted is still its holder's as long as it would have been.
 *
 * Sources: the Lease v1 API; client-go's tools/leaderelection (which records, retry with jitter, release).
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/kind.h"

struct kube_lease_options {
    const char *ns, *name; /* of the Lease */
    const char *identity;  /* of this process alone, and of no former one */
    msec_t duration;       /* whole seconds, as the other two */
    msec_t renew_deadline;
    msec_t retry_period;
};

/* A record that says more is taken to say this. */
#define KUBE_LEASE_MOST SECONDS(3600)

/* Its only kind. */
extern const struct kube_kind_table kube_lease_kinds;
#define KUBE_LEASE_KIND (&kube_lease_kinds.rows[0])

struct kube_lease;

/* ERR_USAGE where the three times do not fit together: it names them as options of a command line. */
int kube_lease_check(const struct kube_lease_options *options, struct err *e);

/* Copies the options, which have passed kube_lease_check(). */
struct kube_lease *kube_lease_new(const struct kube_lease_options *options);
void kube_lease_free(struct kube_lease *l);
DEFINE_CLEANUP(struct kube_lease *, kube_lease_free)
#define _cleanup_kube_lease_ _cleanup_(kube_lease_free_p)

enum kube_lease_step { KUBE_LEASE_WAIT, KUBE_LEASE_READ, KUBE_LEASE_CREATE, KUBE_LEASE_UPDATE };

enum kube_lease_step kube_lease_step(struct kube_lease *l, msec_t now);
/* MSEC_NEVER: only an input changes something. */
msec_t kube_lease_due(const struct kube_lease *l);
/* Of the write that the last step asked for: JSON text, owned by the caller. `wall` is for its stamps. */
char *kube_lease_body(const struct kube_lease *l, msec_t wall);
/* How long the request that the last step asked for may take. */
msec_t kube_lease_timeout(const struct kube_lease *l, msec_t now);

/* `random` is any number; it gives the jitter. */
void kube_lease_answer(struct kube_lease *l, msec_t now, const json_t *object);
void kube_lease_failed(struct kube_lease *l, msec_t now, uint32_t random, const struct err *e);
/* A watch event of the Lease; NULL: it was deleted. A version older than the known one changes nothing. */
void kube_lease_seen(struct kube_lease *l, msec_t now, const json_t *object);

/* As a gate asks (kube/gate.h). It may say no before kube_lease_step() is called at that time. */
bool kube_lease_may_send(const struct kube_lease *l, msec_t now, msec_t *ret_not_after);
/* Whether this process leads, as of the last step or input; why it leads, or why no longer, for users. */
bool kube_lease_leads(const struct kube_lease *l);
const char *kube_lease_reason(const struct kube_lease *l);
/* The holder that was seen last; "": none. */
const char *kube_lease_holder(const struct kube_lease *l);
/* What went wrong last; "" when that is over. */
const char *kube_lease_error(const struct kube_lease *l);
/* The Lease as it is known, borrowed; NULL: there is none. */
const json_t *kube_lease_object(const struct kube_lease *l);

/* For the end of the process: does not lead from now on, nor compete. */
void kube_lease_resign(struct kube_lease *l);
/*
 * It also releases the lease if this process holds it, so that others need not wait: once no write under it is under
 * way.
 */
void kube_lease_release(struct kube_lease *l, msec_t now);
/* There is nothing (more) to release. */
bool kube_lease_is_released(const struct kube_lease *l);

#endif
