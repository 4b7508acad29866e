/* What cmocka.h wants to see before itself. */
#ifndef TESTS_UNIT_BASE_TESTING_H
#define TESTS_UNIT_BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A small generator with a seed, so that every failure can be played again. */
static inline unsigned next_random(uint64_t *state, unsigned below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33) % below;
}

#endif
