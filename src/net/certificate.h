/*
 * The operator's own serving certificate, with the authority that signed it.
 *
 * Each certificate comes with an authority of its own, whose key is thrown away after that one signature: nothing that
 * could sign another certificate is ever kept. So `ca` is a bundle: the authority of this certificate first, and those
 * of former ones for as long as they are valid, so that a replica that still serves with the former one is trusted.
 *
 * ECDSA on P-256. Everything here is PEM. No file is read, no clock: `now` is an argument. Keys need random numbers.
 */
#ifndef NET_CERTIFICATE_H
#define NET_CERTIFICATE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define CERTIFICATE_LIFE (SECONDS(1) * 60 * 60 * 24 * 365)
/* A certificate is valid from this long before its creation: clocks of others may be behind. */
#define CERTIFICATE_BACKDATE (SECONDS(1) * 60 * 60)

struct certificate {
    char *cert; /* owned, as the others */
    char *key;  /* secret */
    char *ca;
    msec_t not_before, not_after; /* wall; of the certificate */
};

/*
 * For these names: DNS names and IP addresses, ending with NULL. Of `former_ca` (a bundle; may be NULL; may be
 * nonsense) the two newest authorities that are still valid stay in the bundle.
 */
int certificate_make(
    const char *const *names, msec_t now, msec_t life, const char *former_ca, struct certificate *ret, struct err *e);

/*
 * From text that others can write: what is no certificate, or does not fit together, is ERR_INVALID with the reason.
 * The texts are copied.
 */
int certificate_read(const char *cert, const char *key, const char *ca, struct certificate *ret, struct err *e);

/* Why this certificate must be replaced: not valid at `now`, two thirds of its life over, a name not covered. */
int certificate_check(const struct certificate *c, const char *const *names, msec_t now, struct err *e);

/* When two thirds of its life are over. */
msec_t certificate_renewal(const struct certificate *c);

/*
 * When the certificates in a PEM text that others can write end (wall): the first of them, and the last one to end.
 * False where there is none that can be read.
 */
bool certificate_ends(const char *pem, msec_t *ret_first, msec_t *ret_last);

/* Clears the key's memory. */
void certificate_release(struct certificate *c);
#define _cleanup_certificate_ _cleanup_(certificate_release)

#endif
