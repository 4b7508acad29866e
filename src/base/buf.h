/*
 * A growing text buffer with a limit.
 *
 * Always NUL-terminated once something was added; the data may hold NULs of its
 * own. A buffer that is fed from outside gets a limit when it is created: what would
 * go beyond it is refused whole and the buffer stays as it was.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t cap;
    size_t limit; /* bytes; 0 is "no limit", for text that the program builds itself */
};

#define BUF_INIT                                                                                                       \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define BUF_INIT_LIMIT(max)                                                                                            \
    {                                                                                                                  \
        .limit = (max)                                                                                                 \
    }

/* 0, or -1 where the limit forbids it. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_str(struct buf *b, const char *s);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Adds the separator behind what is there; nothing to an empty buffer. */
void buf_separate(struct buf *b, const char *separator);

/* `count` spaces. */
int buf_add_spaces(struct buf *b, size_t count);

/* "a, b and 3 more": the first `most` of the names, and how many are left out. */
void buf_add_names(struct buf *b, const char *const *names, size_t count, size_t most);

/* Drops all but the first `len` bytes; nothing happens where there are no more. */
void buf_truncate(struct buf *b, size_t len);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);
/* Empties it and keeps the memory. */
void buf_reset(struct buf *b);
/* The text, owned by the caller from now on; the buffer is empty again. Never NULL. */
char *buf_take(struct buf *b);
/* str_hash() of the text, and never 0; the buffer is empty again. */
uint64_t buf_take_hash(struct buf *b);
/* The text as it is, owned by the buffer; "" while empty. */
const char *buf_str(const struct buf *b);
void buf_release(struct buf *b);
/* For a buffer that held a secret. */
void buf_release_secret(struct buf *b);

#define _cleanup_buf_ _cleanup_(buf_release)

#endif
