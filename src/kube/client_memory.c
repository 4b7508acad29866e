#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "kube/client_impl.h"

/* libcurl has a receive buffer for each transfer and one for each connection, of this size. */
enum { LARGE = 32768 };

/* Before what libcurl gets. */
struct piece {
    size_t size; /* with this */
    max_align_t memory[];
};

static struct piece *piece_of(void *memory)
{
    return (struct piece *)((char *)memory - offsetof(struct piece, memory));
}

static void *take(size_t wanted)
{
    size_t size = wanted + sizeof(struct piece);
    struct piece *p;

    if (size < wanted)
        return NULL;
    if (size < LARGE)
        p = malloc(size);
    else if ((p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
        p = NULL;
    if (!p)
        return NULL;
    p->size = size;
    return p->memory;
}

static void drop(void *memory)
{
    struct piece *p;

    if (!memory)
        return;
    p = piece_of(memory);
    if (p->size < LARGE)
        free(p);
    else
        munmap(p, p->size);
}

static void *take_zeroed(size_t count, size_t size)
{
    size_t wanted;
    void *memory = __builtin_mul_overflow(count, size, &wanted) ? NULL : take(wanted);

    /* What is mapped is zero already, and no memory before it is written. */
    if (memory && piece_of(memory)->size < LARGE)
        memset(memory, 0, wanted);
    return memory;
}

static void *resize(void *memory, size_t wanted)
{
    size_t before = memory ? piece_of(memory)->size - sizeof(struct piece) : 0;
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
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, drop, resize, duplicate, take_zeroed);
}
