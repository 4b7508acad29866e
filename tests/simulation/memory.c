#include "memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "api/pattern.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int64_t memory_blocks(void)
{
    return 0;
}

int64_t memory_bytes(void)
{
    return 0;
}

#else

/* glibc's own, which stay reachable under these names when a program brings its own malloc(). */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);
extern void *__libc_memalign(size_t alignment, size_t size);

static int64_t blocks, bytes;

static void *counted(void *p)
{
    if (p) {
        blocks++;
        bytes += (int64_t)malloc_usable_size(p);
    }
    return p;
}

static void uncount(void *p)
{
    if (p) {
        blocks--;
        bytes -= (int64_t)malloc_usable_size(p);
    }
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return counted(__libc_calloc(count, size));
}

void *realloc(void *p, size_t size)
{
    void *moved;

    uncount(p);
    moved = __libc_realloc(p, size);
    if (!moved && p && size)
        return counted(p), NULL;
    return counted(moved);
}

void free(void *p)
{
    uncount(p);
    __libc_free(p);
}

void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    *ret = counted(__libc_memalign(alignment, size));
    return *ret ? 0 : ENOMEM;
}

int64_t memory_blocks(void)
{
    patterns_drop_kept();
    return blocks;
}

int64_t memory_bytes(void)
{
    patterns_drop_kept();
    return bytes;
}

#endif
