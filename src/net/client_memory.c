#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "net/client_impl.h"

/*
 * libcurl has a receive buffer for each transfer and one for each connection, RECEIVE_BUFFER bytes long. They lie in
 * slots of a range of addresses, so that an address says what it is. The pages of a freed slot are given back.
 */
enum { SLOT = NET_RECEIVE_BUFFER + 4096, SLOTS_MAX = 65536 };

static char *slots;     /* NULL: there are none, and the heap has all */
static uint16_t *freed; /* slots that were used before */
static size_t freed_count, used;

/* Addresses alone: what is never used is no memory. */
static void reserve(void)
{
    void *begin = mmap(
        NULL, (size_t)SLOT * SLOTS_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (begin == MAP_FAILED)
        return;
    /* For a byte in a buffer a small page. */
    (void)madvise(begin, (size_t)SLOT * SLOTS_MAX, MADV_NOHUGEPAGE);
    slots = begin;
    freed = NEW_ARRAY(uint16_t, SLOTS_MAX);
}

static bool is_slot(const void *memory)
{
    return slots && (uintptr_t)memory - (uintptr_t)slots < (size_t)SLOT * SLOTS_MAX;
}

static void *take(size_t size)
{
    if (slots && size >= NET_RECEIVE_BUFFER && size <= SLOT) {
        if (freed_count)
            return slots + (size_t)SLOT * freed[--freed_count];
        if (used < SLOTS_MAX)
            return slots + (size_t)SLOT * used++;
    }
    return malloc(size);
}

static void drop(void *memory)
{
    if (!is_slot(memory)) {
        free(memory);
        return;
    }
    (void)madvise(memory, SLOT, MADV_DONTNEED);
    freed[freed_count++] = (uint16_t)((size_t)((char *)memory - slots) / SLOT);
}

/* What grows is no such buffer; but one may have begun with its size. */
static void *resize(void *memory, size_t size)
{
    void *moved;

    if (!is_slot(memory))
        return realloc(memory, size);
    moved = malloc(size);
    if (moved) {
        memcpy(moved, memory, size < SLOT ? size : SLOT);
        drop(memory);
    }
    return moved;
}

CURLcode net_transport_start_libcurl(void)
{
    reserve();
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, drop, resize, strdup, calloc);
}
