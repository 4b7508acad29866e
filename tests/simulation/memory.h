/* Counts what is allocated, so that a seed can show that it leaves nothing behind. */
#ifndef TESTS_SIMULATION_MEMORY_H
#define TESTS_SIMULATION_MEMORY_H

#include <stdint.h>

/* Allocations that are not freed nor kept for the next document, and their bytes. 0 in builds with a sanitizer, which
 * looks for leaks itself. */
int64_t memory_blocks(void);
int64_t memory_bytes(void);

#endif
