/* Numbers that follow from a seed (splitmix64): the only chance there is in a simulation. */
#ifndef TESTS_SERVER_RNG_H
#define TESTS_SERVER_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* 0 .. n - 1; 0 where n is 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return n ? rng_next(r) % n : 0;
}

/* least .. most */
static inline int64_t rng_between(struct rng *r, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(r, (uint64_t)(most - least + 1));
}

/* True `permille` times in a thousand; draws nothing where it is 0. */
static inline bool rng_chance(struct rng *r, unsigned permille)
{
    return permille && rng_below(r, 1000) < permille;
}

#endif
