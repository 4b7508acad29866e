/* Base64 (RFC 4648), with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* One line; owned by the caller. */
char *base64_encode(const void *data, size_t len);

/*
 * Strict, but for line breaks, which are skipped: false for a character that does not belong there, for padding that
 * is missing or misplaced, and for bits that encode nothing. The result is owned by the caller and has a NUL behind
 * its *ret_len bytes.
 */
bool base64_decode(const char *text, size_t len, char **ret, size_t *ret_len);

#endif
