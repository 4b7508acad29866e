#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/client_impl.h"

/*
 * libcurl has a receive buffer for each transfer and one for each connection, and a table for each client. They lie in
 * slots of ranges of addresses, so that an address says what it is: a header in front of each would be a page of
 * memory.
 *
 * A slot is idle while nothing that is in it is needed any more. Its pages are not given back immediately, which is a
 * system call for each line of each watch, but with those of all idle slots, by one call for as many as lie side by
 * side. On a quiet process those are nearly all of the transfers', so that they lie apart from the connections'.
 */
enum { LARGE = 32768, SLOT = LARGE + 4096, SLOTS_MAX = 65536 };

/*
 * This many slots may have become idle, with a page or two each, before their pages are given back; of few slots half
 * of them, for those that had a list have more.
 */
enum { IDLE_MAX = 512 };

/*
 * The table is of a client's sockets: in libcurl 7.88 911 lists, of which one or two are not empty. The slots of tables
 * are private mappings of one file full of empty lists. Once libcurl has created a table, those of its pages that are
 * as the file's are given back, and are the file's again.
 */
enum { LIST = 32, TABLE = 911 * LIST, PAGE = 4096 };

struct range {
    char *begin;     /* NULL: it is not reachable, and the heap has all */
    int file;        /* what slots are where nothing was written; 0: they are zeros */
    uint16_t *freed; /* slots that were used before, the last one first */
    size_t freed_count, used;
    bool *idle;        /* by slot; of a table: it is new */
    size_t idle_count; /* how often a slot became idle since pages were given back */
};

static struct range of_transfers, of_connections, of_tables;

/* What of_tables.file is full of, once a table was seen. */
static char empty_list[LIST];
static bool knows_empty_list;

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
    struct range *ranges[] = {&of_transfers, &of_connections, &of_tables};

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (is_in(ranges[i], memory))
            return ranges[i];
    return NULL;
}

static size_t slot_number(const struct range *r, const void *memory)
{
    return (size_t)((const char *)memory - r->begin) / SLOT;
}

static bool open_slot(const struct range *r, char *slot)
{
    if (r->file)
        return mmap(slot, SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, r->file, 0) != MAP_FAILED;
    return mprotect(slot, SLOT, PROT_READ | PROT_WRITE) == 0;
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
    if (!open_slot(r, slot))
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

void net_transport_discard(const char *received)
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

/* Fills the file. */
static bool learn_empty_list(const char *list)
{
    char page[PAGE];

    for (size_t at = 0; at < PAGE; at += LIST)
        memcpy(page + at, list, LIST);
    for (off_t at = 0; at < SLOT; at += PAGE)
        if (pwrite(of_tables.file, page, PAGE, at) != PAGE)
            return false;
    memcpy(empty_list, list, LIST);
    return true;
}

/* Whether the page is as the file's. The first page that is one list over and over says what an empty one is like. */
static bool is_empty(const char *page)
{
    if (memcmp(page, page + LIST, PAGE - LIST) != 0)
        return false;
    if (!knows_empty_list)
        knows_empty_list = learn_empty_list(page);
    return knows_empty_list && memcmp(page, empty_list, LIST) == 0;
}

static void share_table(char *table)
{
    for (char *page = table; page + PAGE <= table + TABLE; page += PAGE)
        if (is_empty(page))
            madvise(page, PAGE, MADV_DONTNEED);
}

static void share_new_tables(void)
{
    struct range *r = &of_tables;

    if (!r->idle_count)
        return;
    for (size_t i = 0; i < r->used; i++) {
        if (r->idle[i])
            share_table(r->begin + SLOT * i);
        r->idle[i] = false;
    }
    r->idle_count = 0;
}

void net_transport_give_back(void)
{
    give_back(&of_transfers);
    give_back(&of_connections);
    share_new_tables();
}

/* NULL: of so many bytes none is in a slot. */
static struct range *range_for(size_t desired)
{
    if (desired == TABLE)
        return &of_tables;
    if (desired < LARGE || desired > SLOT)
        return NULL;
    /* A transfer's has a byte more than it was asked for. */
    return desired > LARGE ? &of_transfers : &of_connections;
}

static void *take(size_t desired)
{
    struct range *r = range_for(desired);
    void *slot = r ? take_slot(r) : NULL;

    if (slot && r == &of_tables)
        set_idle(r, slot);
    return slot ? slot : malloc(desired);
}

static void drop(void *memory)
{
    struct range *r = range_of(memory);

    if (r)
        drop_slot(r, memory);
    else
        free(memory);
}

static void *take_zeroed(size_t count, size_t size)
{
    size_t desired;
    void *memory;

    if (__builtin_mul_overflow(count, size, &desired))
        return NULL;
    if (!range_for(desired))
        return calloc(count, size);
    memory = take(desired);
    return memory ? memset(memory, 0, desired) : NULL;
}

static void *resize(void *memory, size_t desired)
{
    bool was_slot = range_of(memory);
    size_t before = was_slot ? SLOT : memory ? malloc_usable_size(memory) : 0;
    void *moved;

    if (!was_slot && !range_for(desired))
        return realloc(memory, desired);
    moved = take(desired);
    if (moved && memory)
        memcpy(moved, memory, before < desired ? before : desired);
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

CURLcode net_transport_start_libcurl(void)
{
    reserve(&of_transfers);
    reserve(&of_connections);
    reserve(&of_tables);
    of_tables.file = memfd_create("libcurl's tables", MFD_CLOEXEC);
    if (of_tables.file < 0 || ftruncate(of_tables.file, SLOT) < 0)
        of_tables.begin = NULL;
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, drop, resize, duplicate, take_zeroed);
}
