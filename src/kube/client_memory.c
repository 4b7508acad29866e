#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "kube/client_impl.h"

/*
 * libcurl has a receive buffer for each transfer and one for each connection. They lie in slots of one range of
 * addresses, so that an address tells what it is: a mark in front of each would be a page of memory.
 */
enum { LARGE = 32768, SLOT = LARGE + 4096, SLOTS_MAX = 65536 };

/* Slots that keep their pages for the next transfer: to give them back and to get them anew costs more than to ask for
 * a version. */
enum { WARM_MAX = 8 };

static struct {
    char *begin;     /* NULL: no range is to be had, and the heap has all */
    uint16_t *freed; /* slots that were used before, the last one first */
    size_t freed_count, used;
    char *warm[WARM_MAX];
    size_t warm_count;
} slots;

/* Before what is on the heap. */
struct piece {
    size_t size; /* with this */
    max_align_t memory[];
};

static struct piece *piece_of(void *memory)
{
    return (struct piece *)((char *)memory - offsetof(struct piece, memory));
}

/* Addresses alone: what is never used is no memory. */
static void reserve(void)
{
    void *range = mmap(NULL, (size_t)SLOT * SLOTS_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (range == MAP_FAILED)
        return;
    slots.begin = range;
    slots.freed = NEW_ARRAY(uint16_t, SLOTS_MAX);
}

static bool is_slot(const void *memory)
{
    return slots.begin && (uintptr_t)memory - (uintptr_t)slots.begin < (size_t)SLOT * SLOTS_MAX;
}

static char *slot_of(const void *memory)
{
    return (char *)memory - (size_t)((const char *)memory - slots.begin) % SLOT;
}

/* NULL: there is none left. */
static void *take_slot(void)
{
    char *slot;

    if (slots.warm_count)
        return slots.warm[--slots.warm_count];
    if (slots.freed_count)
        return slots.begin + (size_t)SLOT * slots.freed[--slots.freed_count];
    if (!slots.begin || slots.used == SLOTS_MAX)
        return NULL;
    slot = slots.begin + (size_t)SLOT * slots.used;
    if (mprotect(slot, SLOT, PROT_READ | PROT_WRITE) < 0)
        return NULL;
    slots.used++;
    return slot;
}

static void drop_slot(char *slot)
{
    if (slots.warm_count < WARM_MAX) {
        slots.warm[slots.warm_count++] = slot;
        return;
    }
    madvise(slot, SLOT, MADV_DONTNEED);
    slots.freed[slots.freed_count++] = (uint16_t)((size_t)(slot - slots.begin) / SLOT);
}

void kube_transport_discard(const char *received)
{
    if (is_slot(received))
        madvise(slot_of(received), SLOT, MADV_DONTNEED);
}

static void *take(size_t wanted)
{
    size_t size = wanted + sizeof(struct piece);
    void *slot = wanted >= LARGE && wanted <= SLOT ? take_slot() : NULL;
    struct piece *p;

    if (slot)
        return slot;
    p = size < wanted ? NULL : malloc(size);
    if (!p)
        return NULL;
    p->size = size;
    return p->memory;
}

static void drop(void *memory)
{
    if (is_slot(memory))
        drop_slot(memory);
    else if (memory)
        free(piece_of(memory));
}

static void *take_zeroed(size_t count, size_t size)
{
    size_t wanted;
    void *memory = __builtin_mul_overflow(count, size, &wanted) ? NULL : take(wanted);

    if (memory)
        memset(memory, 0, wanted);
    return memory;
}

static size_t size_of(void *memory)
{
    return is_slot(memory) ? SLOT : piece_of(memory)->size - sizeof(struct piece);
}

static void *resize(void *memory, size_t wanted)
{
    size_t before = memory ? size_of(memory) : 0;
    void *moved = take(wanted);

    if (moved && memory)
        memcpy(moved, memory, before < wanted ? before : wanted);
    if (moved)
        drop(memory);
    return moved;
}

static char *duplicate(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = take(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

CURLcode kube_transport_start_libcurl(void)
{
    reserve();
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, drop, resize, duplicate, take_zeroed);
}
