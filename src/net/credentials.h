/*
 * Certificates, keys and tokens: read from files, and checked early, so that a mistake is reported where it was made
 * and not as a failed handshake or request.
 */
#ifndef NET_CREDENTIALS_H
#define NET_CREDENTIALS_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"

#define NET_PEM_MAX_BYTES (1024 * 1024)
#define NET_TOKEN_MAX_BYTES (64 * 1024)

/* The text of a file with certificates, a key or a token, at most `max` bytes; owned by the caller, NUL-terminated. */
int net_file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* The same for PEM. */
int net_pem_read(const char *path, char **ret, struct err *e);

/*
 * A pem_password_cb for all code that reads PEM: a passphrase is not asked for. OpenSSL's own asks on the terminal, and
 * waits, also for a certificate with such a header.
 */
int net_pem_no_passphrase(char *ret, int size, int writing, void *context);

/* At least one certificate, all of them whole. */
int net_pem_check_certs(const char *pem, struct err *e);
/* A certificate and the private key that belongs to it; `key` may be NULL, which is an error. */
int net_pem_check_pair(const char *cert, const char *key, struct err *e);

/* When the first certificate expires, by the wall clock; MSEC_NEVER where it cannot be read. */
msec_t net_pem_expires(const char *pem);

/* Not empty, and nothing in it that would end a header's line. */
int net_token_check(const char *token, struct err *e);
/* A token's file without the white space around it; checked. The result is owned by the caller. */
int net_token_read(const char *path, char **ret, struct err *e);

#endif
