#include "base/str.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char *str_dup(const char *s)
{
    return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *str_dup_n(const char *s, size_t len)
{
    char *copy = mem_new0(len + 1, 1);

    if (len)
        memcpy(copy, s, len);
    return copy;
}

char *str_printf(const char *fmt, ...)
{
    va_list ap;
    char *text;
    int len;

    va_start(ap, fmt);
    len = vasprintf(&text, fmt, ap);
    va_end(ap);
    return len < 0 ? str_dup("") : text;
}

char *str_join(char separator, size_t count, const char *const *parts)
{
    char *joined, *end;
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += strlen(parts[i]) + 1;
    joined = end = mem_new0(size + !count, 1);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(parts[i]);
        memcpy(end, parts[i], len);
        end += len;
        *end++ = i + 1 < count ? separator : '\0';
    }
    return joined;
}

void str_free_secret(char *s)
{
    if (s)
        mem_free_secret(s, strlen(s));
}

void str_replace(char **owned, const char *s)
{
    char *copy = str_dup(s);

    free(*owned);
    *owned = copy;
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t len = strlen(s), tail = strlen(suffix);

    return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

bool str_to_int64(const char *s, int64_t *ret)
{
    char *end;
    long long n;

    if (*s != '-' && (*s < '0' || *s > '9'))
        return false;
    errno = 0;
    n = strtoll(s, &end, 10);
    if (errno || end == s || *end)
        return false;
    *ret = n;
    return true;
}

char **str_split(const char *s, char separator)
{
    size_t parts = 1, i = 0;
    char **v;

    for (const char *p = s; *p; p++)
        parts += *p == separator;
    v = NEW_ARRAY(char *, parts + 1);
    for (const char *end; (end = strchr(s, separator)); s = end + 1)
        v[i++] = str_dup_n(s, (size_t)(end - s));
    v[i] = str_dup(s);
    return v;
}

void strv_free(char **v)
{
    if (!v)
        return;
    for (char **p = v; *p; p++)
        free(*p);
    free(v);
}

size_t strv_len(char *const *v)
{
    size_t n = 0;

    while (v && v[n])
        n++;
    return n;
}

size_t str_utf8_next(const char *s, size_t len, uint32_t *ret_rune)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    uint32_t rune;

    if (!size || size > len)
        return 0;
    rune = size == 1 ? p[0] : p[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        rune = rune << 6 | (p[i] & 0x3f);
    }
    if (rune < least[size] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return 0;
    if (ret_rune)
        *ret_rune = rune;
    return size;
}

void str_clean_utf8(char *s)
{
    for (size_t len = strlen(s), size; len; s += size, len -= size) {
        size = str_utf8_next(s, len, NULL);
        if (!size) {
            *s = '?';
            size = 1;
        }
    }
}

/* A byte within a character. */
static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t str_cut(const char *s, size_t max)
{
    size_t len = strnlen(s, max), end = len;

    if (!is_continuation(s[len]))
        return len;
    /* A character has at most three of these. */
    while (end && len - end < 4 && is_continuation(s[end]))
        end--;
    return is_continuation(s[end]) ? len : end;
}

char *str_dup_short(const char *s, size_t max)
{
    static const char mark[] = "...";
    bool fits = strnlen(s, max + 1) <= max;
    size_t len = fits ? strlen(s) : str_cut(s, max - strlen(mark));
    char *copy = mem_new0(len + sizeof(mark), 1);

    memcpy(copy, s, len);
    str_clean_utf8(copy);
    if (!fits)
        memcpy(copy + len, mark, sizeof(mark));
    return copy;
}

uint64_t str_hash(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void str_sha256_hex(const void *data, size_t len, char ret[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (!EVP_Digest(data, len, digest, &size, EVP_sha256(), NULL) || size != 32)
        abort();
    for (unsigned int i = 0; i < size; i++) {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    ret[64] = '\0';
}
