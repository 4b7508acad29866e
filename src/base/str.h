/* Small helpers over C strings. Functions that return char * give ownership away. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

char *str_dup(const char *s);               /* NULL stays NULL */
char *str_dup_n(const char *s, size_t len); /* NUL-terminated copy of the first len bytes */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* STR_JOIN('/', "a", "b") is "a/b"; as str_printf() would do it, in a fifth of the time. */
#define STR_JOIN(separator, ...)                                                                                       \
    str_join(separator, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})
char *str_join(char separator, size_t count, const char *const *parts);
/* Overwritten first (mem_free_secret()); NULL: nothing. */
void str_free_secret(char *s);
DEFINE_CLEANUP(char *, str_free_secret)
#define _cleanup_secret_ _cleanup_(str_free_secret_p)
/* Replaces an owned string by a copy of `s` (which may be NULL). */
void str_replace(char **owned, const char *s);

/* NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
static inline const char *str_or(const char *s, const char *otherwise)
{
    return s ? s : otherwise;
}

/* A whole decimal number and nothing else, within the type's range: true and *ret written. */
bool str_to_int64(const char *s, int64_t *ret);

/* A NULL-terminated, owned vector of owned strings; empty parts are kept. */
char **str_split(const char *s, char separator);
void strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_free_p)
size_t strv_len(char *const *v);

/*
 * The length of the UTF-8 sequence at the start of `s` (`len` > 0 bytes) and its code point (which may be NULL);
 * 0 where there is none: a stray or missing byte, an overlong form, a surrogate.
 */
size_t str_utf8_next(const char *s, size_t len, uint32_t *ret_rune);

/* Replaces each byte that is no part of a UTF-8 sequence by '?': for text that others can put anything into. */
void str_clean_utf8(char *s);

/*
 * How text is shortened, wherever it may come from outside: the length of as much of it as fits into `max` bytes,
 * never within a character. Text that is no UTF-8 is cut somewhere.
 */
size_t str_cut(const char *s, size_t max);
/* A copy of at most `max` bytes in valid UTF-8; one that was shortened ends in "...", for which `max` has room. */
char *str_dup_short(const char *s, size_t max);

/* FNV-1a, 64 bit: for tables and "has it changed", not against an adversary. */
uint64_t str_hash(const void *data, size_t len);
/* Lower-case hexadecimal SHA-256, 64 characters and the NUL. */
void str_sha256_hex(const void *data, size_t len, char ret[65]);

#endif
