#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *must(void *p)
{
    if (!p) {
        fputs("istio-operator: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_new0(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *p, size_t count, size_t size)
{
    return must(reallocarray(p, count ? count : 1, size ? size : 1));
}

void *mem_dup(const void *p, size_t len)
{
    void *copy = must(malloc(len ? len : 1));
    if (len)
        memcpy(copy, p, len);
    return copy;
}

void mem_free_secret(void *p, size_t len)
{
    if (!p)
        return;
    explicit_bzero(p, len);
    free(p);
}
