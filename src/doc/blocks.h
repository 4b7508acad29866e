/*
 * The memory that JSON documents are made of.
 *
 * A document is hundreds of small blocks, and a plan makes and frees tens of documents. What is freed is kept for the
 * next document, a bounded amount of it: the same few pages are used again and again, and the heap, where other things
 * live long, has no holes from it. Not for threads. Under a sanitizer every block is the heap's, so that it sees all.
 */
#ifndef DOC_BLOCKS_H
#define DOC_BLOCKS_H

#include <stddef.h>

/* A block that malloc() could have made, and that free() takes. NULL where there is no memory. */
void *blocks_take(size_t size);

/* `p` is from blocks_take() or from malloc(), and may be NULL. Blocks may have held secrets: they are cleared. */
void blocks_give(void *p);

/* Nothing is kept any more. */
void blocks_drop_kept(void);

#endif
