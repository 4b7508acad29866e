#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

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

/* "7f10a000-7f10b000 r-xp 00001000 08:01 4711  /usr/lib/libx.so": code of a file, which is never written to. */
static void give_back_code(const char *line)
{
    char *end;
    uintptr_t from = strtoull(line, &end, 16), to;

    if (*end != '-')
        return;
    to = strtoull(end + 1, &end, 16);
    if (strncmp(end, " r-xp ", 6) == 0 && strchr(end, '/'))
        (void)madvise((void *)from, to - from, MADV_DONTNEED); /* advice: if it is not taken, nothing is lost */
}

void mem_give_back(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;

    while (maps && getline(&line, &size, maps) >= 0)
        give_back_code(line);
    free(line);
    if (maps)
        fclose(maps);
    malloc_trim(0);
}
