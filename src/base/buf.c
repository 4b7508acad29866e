#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Secrets are smaller; larger buffers hold lists, which are costly to copy (the kernel moves them, mostly). */
#define COPIED_MAX ((size_t)64 * 1024)

/* What is moved may be a secret, in a buffer that will be released as one: no part of it stays behind. */
static char *grow(char *data, size_t cap, size_t new_cap)
{
    char *moved;

    if (cap > COPIED_MAX)
        return mem_resize(data, new_cap, 1);
    moved = mem_new0(new_cap, 1);
    if (cap)
        memcpy(moved, data, cap);
    mem_free_secret(data, cap);
    return moved;
}

static int reserve(struct buf *b, size_t more)
{
    size_t need;

    if (more > SIZE_MAX / 4 || (b->limit && (b->len > b->limit || more > b->limit - b->len)))
        return -1;
    need = b->len + more + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
            cap *= 2;
        b->data = grow(b->data, b->cap, cap);
        b->cap = cap;
    }
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    if (reserve(b, len) < 0)
        return -1;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

void buf_separate(struct buf *b, const char *separator)
{
    if (b->len)
        buf_add_str(b, separator);
}

void buf_add_names(struct buf *b, const char *const *names, size_t count, size_t most)
{
    for (size_t i = 0; i < count && i < most; i++)
        buf_printf(b, "%s%s", i ? ", " : "", names[i]);
    if (count > most)
        buf_printf(b, " and %zu more", count - most);
}

int buf_add_spaces(struct buf *b, size_t count)
{
    if (reserve(b, count) < 0)
        return -1;
    memset(b->data + b->len, ' ', count);
    b->len += count;
    b->data[b->len] = '\0';
    return 0;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list measure;
    int len;

    va_copy(measure, ap);
    len = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    if (len < 0 || reserve(b, (size_t)len) < 0)
        return -1;
    vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
    b->len += (size_t)len;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return r;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len >= b->len)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_reset(b);
        return;
    }
    memmove(b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_take(struct buf *b)
{
    char *text = b->data ? b->data : mem_dup("", 1);

    b->data = NULL;
    b->len = b->cap = 0;
    return text;
}

uint64_t buf_take_hash(struct buf *b)
{
    uint64_t hash = str_hash(buf_str(b), b->len) | 1;

    buf_release(b);
    return hash;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

void buf_release(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void buf_release_secret(struct buf *b)
{
    mem_free_secret(b->data, b->cap);
    b->data = NULL;
    b->len = b->cap = 0;
}
