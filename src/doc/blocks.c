#include "doc/blocks.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Keys, certificates and kubeconfigs are longer, and most of what a document is made of is shorter. */
#define CLEARED_LEAST 64

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEPT_MAX_BYTES 0
#else
#define KEPT_MAX_BYTES (256 * 1024)
#endif

/* As glibc's sizes are, so that none is kept for less than it holds: 16 bytes apart, less 8 for a header. */
#define STEP 16
#define HEADER 8
#define ROWS 17

/* What is kept of one size, the last one given first. */
struct kept {
    struct kept *next;
};

/* The blocks of a row hold capacity() bytes or a little more. There is none that holds less than a pointer. */
static struct kept *kept[ROWS];
static size_t kept_bytes;

static size_t capacity(size_t row)
{
    return row * STEP + HEADER;
}

static struct kept *take_from(size_t row)
{
    struct kept *block = kept[row];

    if (block) {
        kept[row] = block->next;
        kept_bytes -= capacity(row);
    }
    return block;
}

void *blocks_take(size_t size)
{
    size_t row = size / STEP + (size % STEP > HEADER);
    struct kept *block = row < ROWS ? take_from(row) : NULL;

    return block ? block : malloc(size);
}

void blocks_give(void *p)
{
    size_t size = p ? malloc_usable_size(p) : 0, row = (size - HEADER) / STEP;
    struct kept *block = p;

    if (size >= CLEARED_LEAST)
        explicit_bzero(p, size);
    if (size < HEADER || row >= ROWS || kept_bytes + capacity(row) > KEPT_MAX_BYTES) {
        free(p);
        return;
    }
    block->next = kept[row];
    kept[row] = block;
    kept_bytes += capacity(row);
}

void blocks_drop_kept(void)
{
    for (size_t row = 0; row < ROWS; row++)
        for (struct kept *block; (block = take_from(row));)
            free(block);
}
