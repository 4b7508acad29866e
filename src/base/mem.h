/*
 * Allocation that does not fail, and ownership that reads as such.
 *
 * Running out of memory is fatal: the process says so and aborts. The operator
 * keeps no state outside the cluster, so a restart equals going on.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_new0(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_resize(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t len) __attribute__((returns_nonnull));

/* Overwrites memory that held a secret, in a way the compiler keeps, then frees it. */
void mem_free_secret(void *p, size_t len);

/*
 * Gives back what is not in use: free heap, and the pages of code that ran once and may not run again (those that do
 * are mapped again from the page cache, at a page fault each). For when work has settled; takes about a millisecond.
 */
void mem_give_back(void);

#define NEW(type) ((type *)mem_new0(1, sizeof(type)))
#define NEW_ARRAY(type, count) ((type *)mem_new0((count), sizeof(type)))

/* Grows `items` (with its `cap`) so that one more element fits behind `len`. */
#define ARRAY_RESERVE_ONE(items, len, cap)                                                                             \
    do {                                                                                                               \
        if ((len) == (cap)) {                                                                                          \
            (cap) = (cap) ? 2 * (cap) : 8;                                                                             \
            (items) = mem_resize((items), (cap), sizeof(*(items)));                                                    \
        }                                                                                                              \
    } while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* At compile time: a table that is indexed by an enum has a place for each value, from 0 to `last`. */
#define ARRAY_COVERS(a, last)                                                                                          \
    _Static_assert(ARRAY_LEN(a) == (size_t)(last) + 1, #a " needs a row for each value up to " #last)

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines NAME_p(), the form of a destructor that _cleanup_ takes. */
#define DEFINE_CLEANUP(type, destroy)                                                                                  \
    static inline void destroy##_p(type *p)                                                                            \
    {                                                                                                                  \
        if (*p)                                                                                                        \
            destroy(*p);                                                                                               \
    }

static inline void mem_freep(void *p)
{
    free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(mem_freep)

/* Moves ownership out of a variable that a cleanup would otherwise release. */
#define TAKE_PTR(p)                                                                                                    \
    ({                                                                                                                 \
        __typeof__(p) take_ptr_tmp = (p);                                                                              \
        (p) = NULL;                                                                                                    \
        take_ptr_tmp;                                                                                                  \
    })

#endif
