#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "kube/client_impl.h"

/*
 * libcurl has a receive buffer for each transfer and one for each connection. They lie in slots of ranges of addresses,
 * so that an address tells what it is: a mark in front of each would be a page of memory.
 *
 * A slot is idle while nothing that is in it is needed any more. Its pages are not given back at once, which is a
 * system call for each line of each watch, but with those of all idle slots, by one call for as many as lie side by
 * side. On a quiet process those are nearly all of the transfers', so that they lie apart from the connections'.
 */
enum { LARGE = 32768, SLOT = LARGE + 4096, SLOTS_MAX = 65536 };

/*
 * So many slots may have become idle, with a page or two each, before their pages are given back; of few slots half of
 * them, for those that had a list have more.
 */
enum { IDLE_MAX = 512 };

struct range {
    char *begin;     /* NULL: it is not to be had, and the heap has all */
    uint16_t *freed; /* slots that were used before, the last one first */
    size_t freed_count, used;
    bool *idle;        /* by slot */
    size_t idle_count; /* how often a slot became idle since pages were given back */
};

static struct range of_transfers, of_connections;

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
static void reserve(struct range *r)
{
    size_t size = (size_t)SLOT * SLOTS_MAX;
    void *begin = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (begin == MAP_FAILED)
        return;
    /* For a byte in a buffer a small page. */
    (void)madvise(begin, size, MADV_NOHUGEPAGE);
    r->begin = begin;
    r->freed = NEW_ARRAY(uint16_t, SLOTS_MAX);
    r->idle = NEW_ARRAY(bool, SLOTS_MAX);
}

static bool is_in(const struct range *r, const void *memory)
{
    return r->begin && (uintptr_t)memory - (uintptr_t)r->begin < (size_t)SLOT * SLOTS_MAX;
}

/* NULL: it is on the heap. */
static struct range *range_of(const void *memory)
{
    return is_in(&of_transfers, memory) ? &of_transfers : is_in(&of_connections, memory) ? &of_connections : NULL;
}

static size_t slot_number(const struct range *r, const void *memory)
{
    return (size_t)((const char *)memory - r->begin) / SLOT;
}

/* NULL: there is none left. */
static void *take_slot(struct range *r)
{
    size_t number = r->used;
    char *slot;

    if (r->freed_count) {
        number = r->freed[--r->freed_count];
        r->idle[number] = false;
        return r->begin + SLOT * number;
    }
    if (!r->begin || number == SLOTS_MAX)
        return NULL;
    slot = r->begin + SLOT * number;
    if (mprotect(slot, SLOT, PROT_READ | PROT_WRITE) < 0)
        return NULL;
    r->used++;
    return slot;
}

static void set_idle(struct range *r, const void *memory)
{
    r->idle[slot_number(r, memory)] = true;
    r->idle_count++;
}

static void drop_slot(struct range *r, void *slot)
{
    set_idle(r, slot);
    r->freed[r->freed_count++] = (uint16_t)slot_number(r, slot);
}

void kube_transport_discard(const char *received)
{
    struct range *r = range_of(received);

    if (r)
        set_idle(r, received);
}

static void give_back(struct range *r)
{
    size_t half = (r->used + 1) / 2, first, end;

    if (!r->idle_count || r->idle_count < (half < IDLE_MAX ? half : IDLE_MAX))
        return;
    r->idle_count = 0;
    for (first = 0; first < r->used; first = end + 1) {
        for (end = first; end < r->used && r->idle[end]; end++)
            ;
        if (end > first)
            madvise(r->begin + SLOT * first, SLOT * (end - first), MADV_DONTNEED);
    }
}

void kube_transport_give_back(void)
{
    give_back(&of_transfers);
    give_back(&of_connections);
}

static void *take(size_t wanted)
{
    size_t size = wanted + sizeof(struct piece);
    /* A transfer's has a byte more than it was asked for. */
    struct range *r = wanted > LARGE ? &of_transfers : &of_connections;
    void *slot = wanted >= LARGE && wanted <= SLOT ? take_slot(r) : NULL;
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
    struct range *r = range_of(memory);

    if (r)
        drop_slot(r, memory);
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
    return range_of(memory) ? SLOT : piece_of(memory)->size - sizeof(struct piece);
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
    reserve(&of_transfers);
    reserve(&of_connections);
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, drop, resize, duplicate, take_zeroed);
}
